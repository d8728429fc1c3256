/* commit.c -- the commit point of keys: one commit in the active bucket's file.
 *
 *   room            which active file, a fresh one if the current is full (the full one goes to be sealed)
 *   counter odd     others see that something is under way
 *   SQLite commit   the commit point; in mode full it has synced the WAL when it returns
 *   apply           the versions go into memory, above what readers look at
 *   publish         visible and last_seq advance, counter even: all at once
 *
 * Mode normal does not sync, but history must be a prefix after a power loss: before the first commit into the other
 * active file the rows of the current one are synced, so a later row is never on disk without the earlier ones.
 */
#include "kv/store.h"

#include <assert.h>
#include <string.h>

#define RETURN_MS 60000 /* to get the turn back that was lent: a caller who believes it has it cannot do without */
#define CHECKPOINT_FRAMES 1000 /* of an active file's WAL: single puts write a page each, 40 MB a bucket without it */

static uint64_t unmerged_limit(const struct kv *kv)
{
    return kv->options.cache_bytes / 8 * 5;
}

/* ---- room ---- */

static bool fits(const struct kv *kv, const struct recent *r, uint64_t rows, uint64_t bytes)
{
    uint64_t max_rows = atomic_load(&kv->max_rows), max_size = atomic_load(&kv->max_size);

    /* A power cut may take a commit row whose buckets are listed: this file's range ended before them. */
    if (aer__recent_first(r) + aer__recent_count(r) != kv->applied_seq + 1) return false;
    if (aer__recent_count(r) + rows > max_rows || aer__recent_bytes(r) + bytes > max_size) return false;
    /* Only sealed rows can be merged: seal early rather than keep more keys in memory than was allowed. */
    return aer__table_bytes(kv->mem) < unmerged_limit(kv) * 3 / 4;
}

/* Is there more in memory than the background can have fallen behind by? */
static bool must_wait_for_merge(struct kv *kv)
{
    return kv->imm && aer__table_bytes(kv->mem) + aer__table_bytes(kv->imm) > unmerged_limit(kv);
}

/* With the turn. The keys so far are all of full buckets: let the merge have them, begin a new table. */
static int rotate(struct kv *kv, struct err *err)
{
    int rc;

    pthread_mutex_lock(&kv->apply_lock);
    rc = aer__view_rotate(kv, unmerged_limit(kv) / 2, err);
    pthread_mutex_unlock(&kv->apply_lock);
    return rc;
}

static int sync_active(struct kv *kv, int which, struct err *err)
{
    int rc;

    pthread_mutex_lock(&kv->active_lock[which]);
    rc = aer__active_sync(kv->active[which], err);
    pthread_mutex_unlock(&kv->active_lock[which]);
    if (rc == AER_OK) kv->last_sync_weak = false;
    return rc;
}

static int begin_other(struct kv *kv, int which, struct err *err)
{
    char id[LAYOUT_ID_SIZE];
    int rc = aer__layout_new_id(id, err);

    if (rc) return rc;
    pthread_mutex_lock(&kv->apply_lock);
    rc = aer__apply_new_recent(kv, which, id, kv->applied_seq + 1, err);
    pthread_mutex_unlock(&kv->apply_lock);
    return rc;
}

/* Let another process finish what we wait for: it needs the turn to register its bucket or to merge. */
static int let_others(struct kv *kv, int64_t deadline_ms, struct err *err)
{
    int rc;

    aer__turn_leave(kv);
    aer__sleep_us(2000);
    rc = aer__turn_enter(kv, AER_MAX(deadline_ms, aer__monotonic_ms() + RETURN_MS), err);
    if (rc) {
        aer__turn_lost(kv);
        kv->lost_turn = true; /* nothing is committed without it */
    }
    return rc;
}

enum room { ROOM_HERE, ROOM_OTHER, ROOM_WAIT };

/* Which file, and what is to be done about it. *which is the file to write to, *current the one written last (-1: none). */
static enum room look_for_room(struct kv *kv, uint64_t rows, uint64_t bytes, int *which, int *current)
{
    pthread_rwlock_t *view = aer__view_read(kv);
    int now = aer__view_current(kv), other = now < 0 ? 0 : 1 - now;
    enum room room;

    *current = now;
    *which = now;
    if (now >= 0 && aer__recent_count(kv->recent[now]) == 0 && aer__recent_first(kv->recent[now]) == kv->applied_seq + 1)
        room = ROOM_HERE; /* begun, but its first commit failed */
    else if (now >= 0 && rows > 0 && fits(kv, kv->recent[now], rows, bytes)) room = ROOM_HERE;
    else if (!kv->recent[other] && !must_wait_for_merge(kv)) room = ROOM_OTHER;
    else room = ROOM_WAIT;
    if (room == ROOM_OTHER) *which = other;
    pthread_rwlock_unlock(view);
    return room;
}

/* From the full file to the empty one. */
static int change_over(struct kv *kv, int current, int which, struct err *err)
{
    int rc = AER_OK;

    if (current >= 0 && kv->last_sync_weak && kv->options.sync != AER_SYNC_OFF) rc = sync_active(kv, current, err);
    if (rc == AER_OK && current >= 0) rc = rotate(kv, err);
    if (rc == AER_OK) rc = begin_other(kv, which, err);
    if (rc == AER_OK && current >= 0) aer__upkeep_wake(kv);
    return rc;
}

int aer__commit_room(struct kv *kv, uint64_t rows, uint64_t bytes, int64_t deadline_ms, int *which, struct err *err)
{
    for (int waits = 0;; waits++) {
        int current, rc;

        switch (look_for_room(kv, rows, bytes, which, &current)) {
        case ROOM_HERE: return AER_OK;
        case ROOM_OTHER: return change_over(kv, current, *which, err);
        case ROOM_WAIT:
            rc = waits > 0 ? let_others(kv, deadline_ms, err) : AER_OK;
            if (rc == AER_OK) rc = aer__upkeep_wait(kv, deadline_ms, err);
            if (rc) return rc;
        }
    }
}

static bool other_is_empty(struct kv *kv, int which)
{
    pthread_rwlock_t *view = aer__view_read(kv);
    bool empty = !kv->recent[1 - which];

    pthread_rwlock_unlock(view);
    return empty;
}

int aer__commit_room_alone(struct kv *kv, int64_t deadline_ms, int *which, struct err *err)
{
    for (int waits = 0;; waits++) {
        /* Each time anew: while others had the turn, the file we had begun may have become another's. */
        int rc = aer__commit_room(kv, 0, 0, deadline_ms, which, err);
        if (rc || other_is_empty(kv, *which)) return rc;
        if (waits > 0) rc = let_others(kv, deadline_ms, err);
        if (rc == AER_OK) rc = aer__upkeep_wait(kv, deadline_ms, err);
        if (rc) return rc;
    }
}

/* Nothing that a commit might have to wait for with another process's help, which would cost it the turn. */
static bool is_ready(struct kv *kv)
{
    pthread_rwlock_t *view = aer__view_read(kv);
    bool ready = !(kv->recent[0] && kv->recent[1]) && !must_wait_for_merge(kv);

    pthread_rwlock_unlock(view);
    return ready;
}

int aer__commit_ready(struct kv *kv, int64_t deadline_ms, struct err *err)
{
    int rc = AER_OK;

    for (int waits = 0; rc == AER_OK && !is_ready(kv); waits++) {
        rc = waits > 0 ? let_others(kv, deadline_ms, err) : AER_OK;
        if (rc == AER_OK) rc = aer__upkeep_wait(kv, deadline_ms, err);
    }
    return rc;
}

/* ---- rows ---- */

static int add_rows(struct kv *kv, int which, const struct row *rows, size_t count, uint64_t first, struct err *err)
{
    struct active *a = kv->active[which];
    const struct recent *r = kv->recent[which];
    int rc = AER_OK;

    if (aer__recent_count(r) == 0) rc = aer__active_name(a, aer__recent_id(r), first, err);
    for (size_t i = 0; rc == AER_OK && i < count; i++) {
        struct row row = rows[i];
        row.seq = first + i;
        rc = aer__active_add(a, &row, err);
    }
    return rc;
}

/* The SQLite transaction. */
static int write_rows(struct kv *kv, int which, const struct row *rows, size_t count, uint64_t first, int sync,
                      struct err *err)
{
    struct active *a = kv->active[which];
    int rc;

    pthread_mutex_lock(&kv->active_lock[which]);
    rc = aer__active_begin(a, sync, err);
    if (rc) goto out;
    rc = add_rows(kv, which, rows, count, first, err);
    if (rc) {
        aer__active_rollback(a);
        goto out;
    }
    rc = aer__active_commit(a, err);
out:
    pthread_mutex_unlock(&kv->active_lock[which]);
    return rc;
}

static int apply_rows(struct kv *kv, int which, const struct row *rows, size_t count, struct err *err)
{
    int rc = AER_OK;

    for (size_t i = 0; rc == AER_OK && i < count; i++) {
        struct row row = rows[i];
        row.seq = kv->applied_seq + 1;
        rc = aer__apply_row(kv, &row, which, true, err);
    }
    return rc;
}

void aer__commit_open(struct kv *kv)
{
    atomic_fetch_or(&kv->share.page->counter, 1);
}

void aer__commit_publish(struct kv *kv)
{
    struct share_page *page = kv->share.page;
    uint64_t counter = (atomic_load(&page->counter) | 1) + 1;

    atomic_store_explicit(&kv->visible, kv->applied_seq, memory_order_release);
    atomic_store(&page->last_seq, kv->applied_seq);
    atomic_store(&kv->seen_counter, counter);
    atomic_store(&page->counter, counter);
}

/* Nothing happened. */
void aer__commit_cancel(struct kv *kv)
{
    atomic_fetch_and(&kv->share.page->counter, ~UINT64_C(1));
}

int aer__commit_rows(struct kv *kv, int which, const struct row *rows, size_t count, int sync, struct err *err)
{
    uint64_t key_bytes = 0;
    int rc;

    for (size_t i = 0; i < count; i++) key_bytes += rows[i].key_size;
    /* One hold over both: follow.c, in another thread, would take the rows from the file before we do. */
    pthread_mutex_lock(&kv->apply_lock);
    /* Out of memory after the commit would leave this handle behind its own commit. */
    rc = aer__table_reserve(kv->mem, count, key_bytes, err);
    if (rc == AER_OK) rc = write_rows(kv, which, rows, count, kv->applied_seq + 1, sync, err);
    if (rc == AER_OK) {
        rc = apply_rows(kv, which, rows, count, err);
        if (rc && err) err->code = AER_UNKNOWN;
        if (rc) rc = AER_UNKNOWN;
    }
    pthread_mutex_unlock(&kv->apply_lock);
    if (rc == AER_UNKNOWN) aer__kv_break(kv);
    if (rc) return rc;
    if (sync != AER_SYNC_FULL) kv->last_sync_weak = true;
    return AER_OK;
}

/* The file may have grown a long WAL by single puts: bring it home. A failure shows at the next commit or seal. */
void aer__commit_trim(struct kv *kv, int which)
{
    pthread_mutex_lock(&kv->active_lock[which]);
    if (aer__active_wal_frames(kv->active[which]) >= CHECKPOINT_FRAMES) {
        struct err err = {0};
        if (aer__active_checkpoint(kv->active[which], false, &err)) aer__kv_log(kv, "checkpoint: %s", err.message);
    }
    pthread_mutex_unlock(&kv->active_lock[which]);
}

/* ---- groups ---- */

static uint64_t request_bytes(const struct request *r)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < r->count; i++) bytes += aer__row_bytes(&r->rows[i]);
    return bytes;
}

/* What the requests before it in the group say about its key: 1 there, 0 deleted, -1 nothing. */
static int said_before(struct request *const *group, size_t before, const struct row *row)
{
    for (size_t i = before; i-- > 0;) {
        if (group[i]->rc) continue;
        for (size_t j = group[i]->count; j-- > 0;) {
            const struct row *r = &group[i]->rows[j];
            if (r->key_size == row->key_size && memcmp(r->key, row->key, row->key_size) == 0) return !r->is_delete;
        }
    }
    return -1;
}

static void check_existence(struct kv *kv, struct request *const *group, size_t index)
{
    struct request *r = group[index];
    uint64_t seq;
    int said = said_before(group, index, &r->rows[0]);

    if (said == 1) return;
    r->rc = said == 0 ? AER_NOTFOUND : aer__get_exists(kv, r->rows[0].key, r->rows[0].key_size, &seq, &r->err);
}

/* Commit those of the group from START that fit into one transaction; returns how many were dealt with. */
static size_t commit_some(struct kv *kv, struct request **group, size_t start, size_t count)
{
    uint64_t rows = 0, bytes = 0, max_rows = atomic_load(&kv->max_rows), max_size = atomic_load(&kv->max_size);
    struct row stack[64], *all = stack;
    size_t n = 0, end = start;
    int which, sync = AER_SYNC_OFF;
    struct err err = {0};
    int rc;

    for (; end < count; end++) {
        struct request *r = group[end];
        uint64_t more = request_bytes(r);
        if (end > start && (rows + r->count > max_rows || bytes + more > max_size || rows + r->count > AER_COUNT(stack)))
            break;
        if (r->must_exist) check_existence(kv, group, end);
        if (r->rc) continue;
        rows += r->count;
        bytes += more;
        sync = AER_MIN(sync, r->sync); /* FULL < NORMAL < OFF */
    }
    if (rows == 0) return end - start;
    rc = aer__commit_room(kv, rows, bytes, aer__kv_deadline(kv), &which, &err);
    if (rc) goto out;
    if (rows > AER_COUNT(stack)) { /* one large request */
        all = aer__alloc(rows * sizeof *all);
        if (!all) {
            rc = aer__err_nomem(&err);
            goto out;
        }
    }
    for (size_t i = start; i < end; i++) {
        if (group[i]->rc) continue;
        memcpy(all + n, group[i]->rows, group[i]->count * sizeof *all);
        n += group[i]->count;
    }
    aer__commit_open(kv);
    rc = aer__commit_rows(kv, which, all, n, sync, &err);
    if (rc == AER_OK) {
        aer__commit_publish(kv);
        aer__commit_trim(kv, which);
    } else if (rc != AER_UNKNOWN) {
        aer__commit_cancel(kv); /* in doubt it stays odd: whoever comes next looks at the disk */
    }
out:
    for (size_t i = start; rc && i < end; i++) {
        if (group[i]->rc) continue;
        group[i]->rc = rc;
        group[i]->err = err;
    }
    if (all != stack) aer__free(all);
    return end - start;
}

/* The turn went with the first failure that has a message; who has no answer yet gets that. */
static void refuse_rest(struct request **group, size_t start, size_t count)
{
    const struct request *why = group[start];

    for (size_t i = start; i < count && !why->err.code; i++) why = group[i];
    for (size_t i = start; i < count; i++) {
        if (group[i]->rc) continue;
        group[i]->rc = why->rc;
        group[i]->err = why->err;
    }
}

void aer__commit_group(struct kv *kv, struct request **group, size_t count)
{
    struct err err = {0};
    int rc = aer__kv_usable(kv, &err);

    if (rc == AER_OK) rc = aer__turn_enter(kv, aer__kv_deadline(kv), &err);
    if (rc) {
        for (size_t i = 0; i < count; i++) {
            group[i]->rc = rc;
            group[i]->err = err;
        }
        return;
    }
    kv->lost_turn = false;
    for (size_t done = 0; done < count;) {
        size_t some = commit_some(kv, group, done, count);
        if (kv->lost_turn) {
            refuse_rest(group, done, count);
            break;
        }
        done += some;
    }
    aer__turn_leave(kv);
}
