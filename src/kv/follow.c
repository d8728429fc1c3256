/* follow.c -- bring this handle's view to what is on disk: at open, after commits of other processes, after a crash.
 *
 * The order makes it safe without any lock against the writer: first the active files, then the catalogue. Rows leave
 * an active file only after the bucket that has them is in the catalogue, so whatever is gone from the one is in the
 * other by the time we look. If rows are missing all the same, a writer is at work between our two looks: try again.
 *
 *   merged          nothing to do, the catalogue has them        [1 .. merged_seq]
 *   sealed          keys read from bucket files                  (merged_seq .. sealed_to]
 *   active          keys read from the active files              (sealed_to .. last_seq]
 *
 * Where the last stretch cannot be reached (a transaction in whole buckets whose writer has not registered them yet) we
 * stay at the state before it; it was not acknowledged.
 */
#include "kv/store.h"

#include <inttypes.h>
#include <string.h>

#define TRIES 50
#define RETRIES_MAX 200
#define MISSING_TRIES 3

/* ---- the list of buckets ---- */

struct reload {
    struct kv *kv;
    struct catalog_bucket *at;
    size_t count, capacity;
    struct err *err;
};

static int collect_bucket(void *arg, const struct catalog_bucket *b)
{
    struct reload *r = arg;

    if (r->count == r->capacity) {
        size_t capacity = r->capacity ? r->capacity * 2 : 64;
        struct catalog_bucket *more = aer__realloc(r->at, capacity * sizeof *more);
        if (!more) return aer__err_nomem(r->err);
        r->at = more;
        r->capacity = capacity;
    }
    if (r->count && r->at[r->count - 1].last_seq >= b->first_seq)
        return aer__err_set(r->err, AER_CORRUPT, "'%s': the ranges of two buckets overlap at row %" PRIu64,
                            LAYOUT_CATALOG, b->first_seq);
    r->at[r->count++] = *b;
    return AER_OK;
}

/* How many of them does the view not have? */
static size_t count_new(struct kv *kv, const struct reload *r)
{
    size_t count = 0;

    for (size_t j = 0; j < r->count; j++) {
        const struct bucket_ref *ref = aer__view_bucket(kv, r->at[j].first_seq);
        if (!ref || ref->b.first_seq != r->at[j].first_seq || strcmp(ref->b.id, r->at[j].id) != 0) count++;
    }
    return count;
}

/* Make the view's list what the catalogue says; buckets in both keep their open file. With the view for writing. */
static void adopt_list(struct kv *kv, const struct reload *r)
{
    size_t i = 0;

    for (size_t j = 0; j < r->count; j++) {
        while (i < kv->buckets.count && kv->buckets.at[i]->b.first_seq < r->at[j].first_seq)
            aer__view_remove_bucket(kv, i);
        if (i < kv->buckets.count && strcmp(kv->buckets.at[i]->b.id, r->at[j].id) == 0) {
            kv->buckets.at[i]->b = r->at[j];
        } else {
            while (i < kv->buckets.count && kv->buckets.at[i]->b.first_seq <= r->at[j].last_seq)
                aer__view_remove_bucket(kv, i);
            aer__view_add_bucket(kv, &r->at[j]);
        }
        i++;
    }
    while (kv->buckets.count > i) aer__view_remove_bucket(kv, kv->buckets.count - 1);
}

/* With catalog_lock: what this process changes in catalogue and view it changes under it. */
static int read_catalog_locked(struct kv *kv, struct err *err)
{
    struct reload reload = {.kv = kv, .err = err};
    struct catalog_state state = {0};
    uint64_t version = atomic_load(&kv->share.page->catalog_version);
    struct catalog_reader *r = aer__reader_take(kv, err);
    struct table *fresh = NULL;
    int rc;

    if (!r) return err ? err->code : AER_IO;
    /* Anew, whatever the version says: who should have advanced it may have died. */
    aer__catalog_read_end(r->catalog);
    rc = aer__catalog_read_begin(r->catalog, err);
    if (rc == AER_OK) rc = aer__catalog_state(r->catalog, &state, err);
    if (rc == AER_OK) rc = aer__catalog_buckets(r->catalog, collect_bucket, &reload, err);
    aer__reader_give(kv, r);
    /* What needs memory, before anything is changed: half of the news would be wrong. */
    if (rc == AER_OK) rc = aer__view_reserve(kv, count_new(kv, &reload), err);
    if (rc == AER_OK) rc = aer__table_new(&fresh, err);
    if (rc) goto out;
    aer__view_write(kv);
    adopt_list(kv, &reload);
    if (!kv->merging && kv->merged_seq != state.merged_seq) {
        kv->merged_seq = state.merged_seq;
        atomic_fetch_add(&kv->catalog_epoch, 1);
        aer__view_drop_merged(kv, &fresh);
        aer__hints_clear(&kv->hints); /* somebody else merged: what they say may be displaced */
    }
    if (kv->applied_seq < kv->merged_seq) kv->applied_seq = kv->merged_seq;
    aer__view_written(kv);
    if (state.merged_seq > aer__view_sealed_to(kv))
        rc = aer__err_set(err, AER_CORRUPT,
                          "'%s' knows rows up to %" PRIu64 ", the buckets end at %" PRIu64 ": it must be rebuilt",
                          LAYOUT_CATALOG, state.merged_seq, aer__view_sealed_to(kv));
    if (rc == AER_OK) atomic_store(&kv->seen_catalog, version);
out:
    aer__table_free(fresh);
    aer__buf_release(&state.merging_key);
    aer__free(reload.at);
    return rc;
}

static int read_catalog(struct kv *kv, struct err *err)
{
    int rc;

    pthread_mutex_lock(&kv->catalog_lock);
    rc = read_catalog_locked(kv, err);
    pthread_mutex_unlock(&kv->catalog_lock);
    return rc;
}

/* ---- rows ---- */

struct loader {
    struct kv *kv;
    int which;
    uint64_t upto;
    struct err *err;
};

enum { MOVED = 1000 }; /* a row is not the next one: the file changed while we read; look again */

static int load_row(void *arg, const struct row *row)
{
    struct loader *l = arg;

    if (row->seq > l->upto) return AER_DONE;
    if (l->which >= 0 && row->seq != l->kv->applied_seq + 1) return MOVED;
    return aer__apply_row(l->kv, row, l->which, false, l->err);
}

/* Keys of sealed buckets that are neither merged nor in memory. */
static int load_sealed(struct kv *kv, struct err *err)
{
    int rc = AER_OK;

    for (;;) {
        struct loader loader = {.kv = kv, .which = -1, .upto = UINT64_MAX, .err = err};
        pthread_rwlock_t *view = aer__view_read(kv);
        struct bucket_ref *ref = aer__view_bucket(kv, kv->applied_seq + 1);
        struct sealed *file;
        if (ref) {
            uint64_t last = ref->b.last_seq;
            rc = aer__rows_open(kv, ref, &file, err);
            if (rc == AER_OK) rc = aer__sealed_rows(file, kv->applied_seq + 1, false, load_row, &loader, err);
            if (rc == AER_OK) kv->applied_seq = last;
        }
        pthread_rwlock_unlock(view);
        if (rc || !ref) break;
        aer__rows_close_some(kv);
        rc = aer__view_rotate(kv, kv_unmerged_limit(kv) / 2, err);
        if (rc) break;
    }
    return rc;
}

static void drop_recent(struct kv *kv, int which)
{
    struct recent *r = kv->recent[which];

    aer__view_write(kv);
    kv->recent[which] = NULL;
    aer__view_written(kv);
    aer__recent_free(r);
}

/* Keys of one active file. If its rows are in a listed bucket already, it is about to be emptied. */
static int load_active(struct kv *kv, int which, const struct active_state *state, struct err *err)
{
    struct loader loader = {.kv = kv, .which = which, .upto = state->last_seq, .err = err};
    const struct recent *r = kv->recent[which];
    pthread_rwlock_t *view = aer__view_read(kv); /* another thread may be listing a bucket */
    uint64_t sealed_to = aer__view_sealed_to(kv);
    int rc;

    pthread_rwlock_unlock(view);
    if (state->last_seq <= sealed_to) {
        /* Its sealer holds the turn from listing to emptying: if we have the turn and still see this, it died. What we
         * know of its rows stays, or a writer would take the file for an empty one. */
        kv->settle = true;
        return AER_OK;
    }
    if (state->info.first_seq > kv->applied_seq + 1) return MOVED;
    if (!r || strcmp(aer__recent_id(r), state->info.id) != 0) {
        if (state->info.first_seq != kv->applied_seq + 1) {
            /* Rows of it are applied, but not as this file's: they came when it was not known as active. */
            kv->applied_seq = state->info.first_seq - 1;
            return aer__err_set(err, AER_CORRUPT, "'%s' begins at row %" PRIu64 " again", aer__layout_active(which),
                                state->info.first_seq);
        }
        rc = aer__apply_new_recent(kv, which, state->info.id, state->info.first_seq, err);
        if (rc) return rc;
    }
    if (state->last_seq <= kv->applied_seq) return AER_OK;
    atomic_store(&kv->unsynced[which], true); /* others' rows: who knows in which mode */
    pthread_mutex_lock(&kv->look_lock[which]);
    rc = aer__active_rows(kv->look[which], kv->applied_seq, false, load_row, &loader, err);
    pthread_mutex_unlock(&kv->look_lock[which]);
    if (rc == AER_DONE) rc = AER_OK;
    if (rc == AER_OK && kv->applied_seq < state->last_seq) rc = MOVED;
    /* Sealed and emptied between our look and this one, or no memory. Without a row it would pass for one that we have
     * begun ourselves, and stay: writers would wait for ever for it to be sealed. */
    if (rc && aer__recent_count(kv->recent[which]) == 0) drop_recent(kv, which);
    return rc;
}

/* Recent rows of a file that is empty now, or has become another bucket. One that we have begun ourselves and that has no
 * row yet is not stale unless somebody else committed since. */
static void drop_stale_recent(struct kv *kv, const struct active_state *state, bool others_committed)
{
    for (int w = 0; w < LAYOUT_ACTIVE_COUNT; w++) {
        const struct recent *r = kv->recent[w];
        if (!r || (state[w].rows > 0 && strcmp(aer__recent_id(r), state[w].info.id) == 0)) continue;
        if (aer__recent_count(r) == 0 && !others_committed) continue;
        drop_recent(kv, w);
    }
}

static int look_at_actives(struct kv *kv, struct active_state *state, struct err *err)
{
    int rc = AER_OK;

    for (int w = 0; rc == AER_OK && w < LAYOUT_ACTIVE_COUNT; w++) {
        pthread_mutex_lock(&kv->look_lock[w]);
        rc = aer__active_state(kv->look[w], &state[w], err);
        pthread_mutex_unlock(&kv->look_lock[w]);
        if (rc == AER_OK && state[w].rows == 0) state[w].last_seq = 0;
    }
    return rc;
}

/* One look. MOVED: take another. With apply_lock. */
static int follow_once(struct kv *kv, struct err *err)
{
    struct active_state state[LAYOUT_ACTIVE_COUNT];
    uint64_t counter = kv_counter(kv);
    int first, rc;

    rc = look_at_actives(kv, state, err);
    if (rc == AER_OK) rc = read_catalog(kv, err);
    if (rc) return rc;
    drop_stale_recent(kv, state, counter > atomic_load(&kv->seen_counter));
    rc = load_sealed(kv, err);
    first = state[0].info.first_seq <= state[1].info.first_seq ? 0 : 1;
    if (rc == AER_OK && state[first].rows) rc = load_active(kv, first, &state[first], err);
    if (rc == AER_OK && state[1 - first].rows) rc = load_active(kv, 1 - first, &state[1 - first], err);
    if (rc == AER_OK) rc = aer__view_rotate(kv, kv_unmerged_limit(kv) / 2, err);
    if (rc) return rc;
    atomic_store_explicit(&kv->visible, kv->applied_seq, memory_order_release);
    if (counter > atomic_load(&kv->seen_counter)) atomic_store(&kv->seen_counter, counter);
    return AER_OK;
}

static int follow_locked(struct kv *kv, struct err *err)
{
    uint64_t counter = kv_counter(kv);
    int rc = MOVED, missing = 0;

    for (int try = 0; rc == MOVED && try < TRIES; try++) {
        if (try > 0) aer__sleep_us(try < 10 ? 200 : 2000);
        rc = follow_once(kv, err);
        /* A bucket that was listed a moment ago may have been merged and compacted since: believe it the third time. */
        if (rc == AER_CORRUPT && missing++ < MISSING_TRIES) {
            aer__err_clear(err);
            rc = MOVED;
        }
    }
    if (rc && rc != MOVED)
        atomic_store(&kv->seen_catalog, 0); /* the list may be newer than the rows: look at both again */
    if (rc != MOVED) return rc;
    /* Still a stretch without rows: what leads up to it is whole. */
    atomic_store_explicit(&kv->visible, kv->applied_seq, memory_order_release);
    if (counter > atomic_load(&kv->seen_counter)) atomic_store(&kv->seen_counter, counter);
    kv->settle = true;
    return AER_OK;
}

int aer__follow(struct kv *kv, bool force, struct err *err)
{
    const struct share_page *page = kv->share.page;
    int rc = AER_OK;

    if (!force && kv_counter(kv) <= atomic_load_explicit(&kv->seen_counter, memory_order_acquire) &&
        atomic_load_explicit(&page->catalog_version, memory_order_acquire) <=
            atomic_load_explicit(&kv->seen_catalog, memory_order_acquire))
        return AER_OK;
    if (kv->frozen) return AER_OK;
    pthread_mutex_lock(&kv->apply_lock);
    if (force || kv_counter(kv) > atomic_load(&kv->seen_counter) ||
        atomic_load(&page->catalog_version) > atomic_load(&kv->seen_catalog))
        rc = follow_locked(kv, err);
    pthread_mutex_unlock(&kv->apply_lock);
    return rc;
}

bool aer__retry(struct kv *kv, struct retry *r, int rc, struct err *err)
{
    uint64_t version;
    struct err first;
    bool moved;

    aer__rows_close_some(kv); /* if there are too many; a scan comes by nowhere else */
    if (rc != AER_CORRUPT && rc != AER_IO) return false;
    version = atomic_load(&kv->share.page->catalog_version);
    first = err ? *err : (struct err){0};
    moved = version != r->version;
    r->version = version;
    /* Twice in any case: who changed something may have died before it could say so. Then only as long as things move. */
    if (r->tries++ >= RETRIES_MAX || (r->tries > 2 && !moved)) return false;
    aer__err_clear(err);
    switch (aer__follow(kv, true, err)) {
    case AER_OK: return true;
    case AER_NOMEM: /* no reason to believe in damage; the next look runs out of memory too, or does not */
        aer__err_clear(err);
        return true;
    }
    if (err) *err = first;
    return false;
}

int aer__follow_load(struct kv *kv, struct err *err)
{
    int rc;

    pthread_mutex_lock(&kv->apply_lock);
    rc = follow_locked(kv, err);
    pthread_mutex_unlock(&kv->apply_lock);
    return rc;
}
