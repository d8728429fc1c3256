/* compact.c -- rewrite adjacent sealed buckets with dead rows into one; every row keeps its sequence number.
 *
 *   before   [1 ..... 100] [101 .... 200] [201 .... 300]        a third or more of their bytes dead
 *   after    [1 ...............................  300]           generation + 1, with gaps
 *
 * Keys in the catalogue stay as they are, since they name sequence numbers; one durable transaction swaps the rows of
 * `buckets`, then the old files go. A row is kept if it is its key's newest merged version, or a snapshot may ask for it
 * (`displaced`), or nobody knows about it yet. So no reader needs an old file: one that was about to open it looks again.
 *
 * A delete marker stays until no older bucket can hold its key: until all older buckets have no dead row. Expired rows
 * are deleted first (expire.c).
 *
 * Killed anywhere, there are the old buckets or the new one; a new file that is not registered is swept as an orphan.
 */
#include "fs/fs.h"
#include "kv/store.h"

#include <stdlib.h>
#include <string.h>

#define AUTO_PERCENT 33
#define SMALL_SHARE 4 /* by hand, buckets below a quarter of the limits are put together */

/* ---- which buckets ---- */

/* A run of adjacent buckets that become one. */
struct group {
    struct catalog_bucket *at;
    size_t count;
    bool oldest_clean; /* no older bucket has a dead row: delete markers may go */
};

static uint64_t dead_rows(const struct catalog_bucket *b)
{
    return b->rows - AER_MIN(b->rows, b->live + b->deletes);
}

static bool worth(const struct catalog_bucket *b, int percent, bool clean)
{
    uint64_t dead = b->dead_bytes;

    /* Markers that nothing needs any more are dead weight too. */
    if (clean && b->rows) dead += b->row_bytes / b->rows * b->deletes;
    if (dead_rows(b) == 0 && (!clean || b->deletes == 0)) return false;
    return percent == 0 || dead * 100 >= (uint64_t)percent * AER_MAX(b->row_bytes, UINT64_C(1));
}

static uint64_t live_bytes(const struct catalog_bucket *b)
{
    return b->row_bytes - AER_MIN(b->dead_bytes, b->row_bytes);
}
static uint64_t kept_rows(const struct catalog_bucket *b)
{
    return b->live + b->deletes;
}

static bool small(struct kv *kv, const struct catalog_bucket *b)
{
    return b->rows * SMALL_SHARE < atomic_load(&kv->max_rows) && b->row_bytes * SMALL_SHARE < atomic_load(&kv->max_size);
}

/* The next group at or behind seq `from`; count 0: none. by_hand: small neighbours count as worth it; else
 * buckets are passed over whose dead rows the oldest snapshot kept the last time. */
static int next_group(struct kv *kv, uint64_t from, int percent, bool by_hand, uint64_t oldest, struct group *g,
                      struct err *err)
{
    pthread_rwlock_t *view = aer__view_read(kv);
    const struct bucket_list *list = &kv->buckets;
    uint64_t rows = 0, bytes = 0;
    bool clean = true, any = false;
    size_t first = 0, n = 0;
    int rc = AER_OK;

    *g = (struct group){.oldest_clean = true};
    for (size_t i = 0; i < list->count; i++) {
        const struct catalog_bucket *b = &list->at[i]->b;
        bool futile = !by_hand && b->kept_for && b->kept_for == oldest;
        bool dirty = !futile && worth(b, percent, clean),
             candidate = b->last_seq <= kv->merged_seq && b->first_seq >= from && (dirty || (by_hand && small(kv, b)));
        if (n && (!candidate || rows + kept_rows(b) > atomic_load(&kv->max_rows) ||
                  bytes + live_bytes(b) > atomic_load(&kv->max_size))) {
            if (any || n > 1) break;
            n = 0;
        }
        if (candidate) {
            if (n == 0) {
                first = i;
                rows = bytes = 0;
                any = false;
                g->oldest_clean = clean;
            }
            n++;
            any = any || dirty;
            rows += kept_rows(b);
            bytes += live_bytes(b);
        }
        clean = clean && dead_rows(b) == 0;
    }
    if (n == 1 && !any) n = 0;
    if (n) {
        g->at = aer__alloc(n * sizeof *g->at);
        if (!g->at) rc = aer__err_nomem(err);
        for (size_t i = 0; rc == AER_OK && i < n; i++) g->at[i] = list->at[first + i]->b;
        if (rc == AER_OK) g->count = n;
    }
    pthread_rwlock_unlock(view);
    return rc;
}

/* ---- which rows ---- */

enum fate { DROP, KEEP, KEEP_DEAD }; /* KEEP_DEAD: only a snapshot still sees it */

struct rewrite {
    struct kv *kv;
    const struct group *group;
    struct catalog *catalog; /* in a read transaction of ours */
    struct image *image;
    struct catalog_bucket tally;
    uint64_t dropped, merged_seq;
    struct buf key; /* the last part's: liveness of a value's parts is asked once */
    uint64_t head;
    enum fate head_fate;
    struct err *err;
};

/* Is seq the newest merged version of key, or kept for a snapshot? */
static int version_fate(struct rewrite *w, const void *key, size_t key_size, uint64_t seq, enum fate *fate)
{
    uint64_t newest = 0;
    bool displaced = false;
    int rc = aer__catalog_lookup(w->catalog, key, key_size, &newest, w->err);

    if (rc && rc != AER_NOTFOUND) return rc;
    *fate = KEEP;
    if (rc == AER_OK && newest == seq) return AER_OK;
    rc = aer__catalog_is_displaced(w->catalog, key, key_size, seq, &displaced, w->err);
    *fate = displaced ? KEEP_DEAD : DROP;
    return rc;
}

/* A part's head is found by walking on from it: parts are consecutive rows. */
static int find_head(struct rewrite *w, const struct row *part, uint64_t *head)
{
    struct buf hold = {0};
    uint64_t seq = part->seq;
    int64_t number = part->part;
    int rc = AER_OK;

    *head = 0;
    for (;;) {
        pthread_rwlock_t *view = aer__view_read(w->kv);
        struct row row;
        rc = aer__rows_get(w->kv, ++seq, part->key, part->key_size, ROW_HEAD, &row, &hold, NULL);
        number++;
        pthread_rwlock_unlock(view);
        aer__rows_close_some(w->kv);
        if (rc || (row.part != number && row.part != -number)) break;
        if (row.part < 0) {
            *head = seq;
            break;
        }
    }
    aer__buf_release(&hold);
    return AER_OK; /* a head that cannot be read: 0, and the part is kept */
}

static int part_fate(struct rewrite *w, const struct row *row, enum fate *fate)
{
    int rc = AER_OK;

    if (!w->head || row->seq > w->head || w->key.size != row->key_size || memcmp(w->key.data, row->key, row->key_size) != 0) {
        rc = find_head(w, row, &w->head);
        w->head_fate = KEEP;
        /* A head that is not merged yet is newer than the catalogue. */
        if (rc == AER_OK && w->head && w->head <= w->merged_seq)
            rc = version_fate(w, row->key, row->key_size, w->head, &w->head_fate);
        w->key.size = 0;
        if (rc == AER_OK && aer__buf_append(&w->key, row->key, row->key_size)) rc = aer__err_nomem(w->err);
    }
    *fate = w->head_fate;
    return rc;
}

/* A commit row is needed while a bucket it names is still the one it named. */
static bool names_listed(struct kv *kv, const struct row *row)
{
    pthread_rwlock_t *view = aer__view_read(kv);
    const char *text = row->value;
    bool found = false;

    for (size_t at = 0; !found && at + 16 < row->value_size;) {
        const char *end = memchr(text + at, '\n', row->value_size - at);
        for (size_t i = 0; !found && i < kv->buckets.count; i++)
            found = memcmp(text + at, kv->buckets.at[i]->b.id, 16) == 0;
        if (!end) break;
        at = (size_t)(end - text) + 1;
    }
    pthread_rwlock_unlock(view);
    return found;
}

static int marker_fate(struct rewrite *w, const struct row *row, enum fate *fate)
{
    uint64_t newest = 0;
    bool displaced = false;
    int rc;

    if (w->group->oldest_clean) {
        /* No older bucket has a dead row, and dead rows inside the group go now, unless a snapshot keeps one. */
        rc = aer__catalog_has_displaced(w->catalog, row->key, row->key_size, &displaced, w->err);
        *fate = displaced ? KEEP : DROP;
        return rc;
    }
    rc = aer__catalog_lookup(w->catalog, row->key, row->key_size, &newest, w->err);
    *fate = rc == AER_NOTFOUND ? KEEP : DROP; /* a key that was put again has its newest row to speak for it */
    return rc == AER_NOTFOUND ? AER_OK : rc;
}

static int row_fate(struct rewrite *w, const struct row *row, enum fate *fate)
{
    if (row->key_size == 0) {
        *fate = names_listed(w->kv, row) ? KEEP : DROP;
        return AER_OK;
    }
    if (row->is_delete) return marker_fate(w, row, fate);
    if (row->part > 0) return part_fate(w, row, fate);
    return version_fate(w, row->key, row->key_size, row->seq, fate);
}

static int keep_row(void *arg, const struct row *row)
{
    struct rewrite *w = arg;
    enum fate fate = KEEP;
    int rc = row_fate(w, row, &fate);

    if (rc) return rc;
    if (fate == DROP) {
        w->dropped++;
        return AER_OK;
    }
    aer__tally_row(&w->tally, row);
    if (fate == KEEP_DEAD) {
        w->tally.live--;
        w->tally.dead_bytes += aer__row_bytes(row);
    }
    return aer__image_add(w->image, row, w->err);
}

/* ---- one bucket ---- */

static int read_group(struct rewrite *w)
{
    int rc = AER_OK;

    for (size_t i = 0; rc == AER_OK && i < w->group->count; i++) {
        struct sealed *file;
        rc = aer__sealed_open(w->kv->dir, w->group->at[i].id, w->kv->database, &file, NULL, w->err);
        if (rc == AER_NOTFOUND) {
            char path[LAYOUT_PATH_SIZE];
            aer__layout_bucket_path(path, w->group->at[i].id);
            rc = aer__err_set(w->err, AER_CORRUPT, "'%s' is missing: it cannot be compacted", path);
        }
        if (rc) break;
        rc = aer__sealed_rows(file, 0, true, keep_row, w, w->err);
        aer__sealed_close(file);
    }
    return rc;
}

static void swap_in_view(struct kv *kv, const struct group *g, const struct catalog_bucket *b)
{
    aer__view_write(kv);
    for (size_t i = 0; i < kv->buckets.count;) {
        const struct catalog_bucket *old = &kv->buckets.at[i]->b;
        if (old->first_seq >= g->at[0].first_seq && old->last_seq <= g->at[g->count - 1].last_seq)
            aer__view_remove_bucket(kv, i);
        else i++;
    }
    (void)aer__view_add_bucket(kv, b);
    aer__view_written(kv);
}

/* In the catalogue and in the view, under one hold of catalog_lock, so that follow.c sees both or neither. */
static int swap_buckets(struct kv *kv, const struct group *g, const struct catalog_bucket *b, struct err *err)
{
    int rc;

    pthread_mutex_lock(&kv->catalog_lock);
    rc = aer__view_reserve(kv, 1, err); /* the swap cannot be taken back */
    if (rc == AER_OK) rc = aer__catalog_begin(kv->catalog, true, err);
    for (size_t i = 0; rc == AER_OK && i < g->count; i++)
        rc = aer__catalog_remove_bucket(kv->catalog, g->at[i].first_seq, g->at[i].id, err);
    if (rc == AER_OK) rc = aer__catalog_add_bucket(kv->catalog, b, err);
    if (rc == AER_OK) rc = aer__catalog_advance_version(kv->catalog, err);
    if (rc == AER_OK) rc = aer__catalog_commit(kv->catalog, err);
    else aer__catalog_rollback(kv->catalog);
    if (rc == AER_OK) {
        swap_in_view(kv, g, b);
        aer__catalog_changed(kv);
    }
    pthread_mutex_unlock(&kv->catalog_lock);
    return rc;
}

static int install(struct kv *kv, const struct group *g, const struct catalog_bucket *b, struct err *err)
{
    char path[LAYOUT_PATH_SIZE];
    int rc = aer__turn_enter_background(kv, err);

    if (rc) return rc;
    rc = swap_buckets(kv, g, b, err);
    aer__turn_leave_background(kv);
    /* The swap is on disk. What cannot be unlinked now is a file nobody names. */
    for (size_t i = 0; rc == AER_OK && i < g->count; i++) {
        aer__layout_bucket_path(path, g->at[i].id);
        rc = aer__fs_unlink(kv->dir, path, err);
        if (rc == AER_OK) aer__fs_prune(kv->dir, path);
    }
    return rc;
}

static int build(struct rewrite *w, struct catalog_bucket *b, const unsigned char **data, size_t *size)
{
    const struct group *g = w->group;
    struct bucket_info info = {.first_seq = g->at[0].first_seq, .last_seq = g->at[g->count - 1].last_seq};
    int rc;

    for (size_t i = 0; i < g->count; i++) info.generation = AER_MAX(info.generation, g->at[i].generation + 1);
    memcpy(info.database, w->kv->database, sizeof info.database);
    rc = aer__layout_new_id(info.id, w->err);
    if (rc == AER_OK) rc = aer__image_begin(&info, &w->image, w->err);
    if (rc == AER_OK) rc = read_group(w);
    if (rc == AER_OK) rc = aer__image_finish(w->image, info.first_seq, info.last_seq, data, size, w->err);
    if (rc) return rc;
    *b = w->tally;
    aer__tally_file(b, &info, *data, *size);
    return AER_OK;
}

static int read_merged_seq(struct rewrite *w)
{
    struct catalog_state state;
    int rc = aer__catalog_state(w->catalog, &state, w->err);

    if (rc) return rc;
    w->merged_seq = state.merged_seq;
    aer__buf_release(&state.merging_key);
    return AER_OK;
}

/* With SHARE_UPKEEP, so nothing is merged meanwhile: what the catalogue says of a row stays true. */
static int compact_group(struct kv *kv, const struct group *g, uint64_t oldest, aer_compact_result *result, struct err *err)
{
    struct rewrite w = {.kv = kv, .group = g, .err = err};
    struct catalog_bucket b;
    const unsigned char *data = NULL;
    size_t size = 0;
    bool made = false, installed = false;
    char path[LAYOUT_PATH_SIZE];
    int rc;

    rc = aer__catalog_open(kv->dir, CATALOG_READONLY, AER_MAX(kv->options.busy_ms, 1000), kv->cache_bytes / 16,
                           &w.catalog, err);
    if (rc == AER_OK) rc = aer__catalog_read_begin(w.catalog, err);
    if (rc == AER_OK) rc = read_merged_seq(&w);
    if (rc == AER_OK) rc = build(&w, &b, &data, &size);
    aer__catalog_close(w.catalog); /* before the swap: its transaction would hold the WAL */
    if (rc) goto out;
    if (oldest != SHARE_IDLE && dead_rows(&b) + b.deletes > 0) b.kept_for = oldest;
    rc = aer__seal_create(kv, b.id, data, size, true, err);
    made = true;
    if (rc) goto out;
    rc = install(kv, g, &b, err);
    installed = rc == AER_OK || rc == AER_UNKNOWN || aer__view_bucket_is(kv, b.id);
    result->buckets_after++;
    result->bytes_after += b.bytes;
    result->rows_dropped += w.dropped;
    for (size_t i = 0; i < g->count; i++) {
        result->buckets_before++;
        result->bytes_before += g->at[i].bytes;
    }
out:
    if (made && !installed) {
        aer__layout_bucket_path(path, b.id);
        if (aer__fs_unlink(kv->dir, path, NULL) == AER_OK) aer__fs_prune(kv->dir, path);
    }
    if (made && rc != AER_UNKNOWN) aer__seal_created(kv); /* in doubt: whoever comes in alone looks */
    aer__image_free(w.image);                             /* and data with it */
    aer__buf_release(&w.key);
    return rc;
}

/* ---- from outside ---- */

/* The oldest snapshot anybody has open (SHARE_IDLE: none), and forget the displaced versions that none of them sees. */
static int look_at_snapshots(struct kv *kv, uint64_t *oldest, struct err *err)
{
    struct span snapshots[SHARE_SLOTS];
    bool any = false;
    int count = 0, rc = aer__share_snapshots(&kv->share, snapshots, &count, err);

    *oldest = SHARE_IDLE;
    for (int i = 0; i < count; i++) *oldest = AER_MIN(*oldest, snapshots[i].first);
    if (rc) return rc;
    pthread_mutex_lock(&kv->catalog_lock);
    rc = aer__catalog_displaced_any(kv->catalog, &any, err);
    pthread_mutex_unlock(&kv->catalog_lock);
    if (rc || !any) return rc;
    rc = aer__turn_enter_background(kv, err);
    if (rc) return rc;
    pthread_mutex_lock(&kv->catalog_lock);
    rc = aer__catalog_begin(kv->catalog, false, err);
    if (rc == AER_OK) rc = aer__catalog_prune(kv->catalog, snapshots, count, NULL, err);
    if (rc == AER_OK) rc = aer__catalog_commit(kv->catalog, err);
    else aer__catalog_rollback(kv->catalog);
    pthread_mutex_unlock(&kv->catalog_lock);
    aer__turn_leave_background(kv);
    return rc;
}

int aer__compact_auto(struct kv *kv, bool *more, struct err *err)
{
    aer_compact_result result = {0};
    struct group g;
    uint64_t oldest = 0;
    int rc;

    *more = false;
    rc = next_group(kv, 0, AUTO_PERCENT, false, 0, &g, err); /* most often there is none, and no lock to be had for it */
    aer__free(g.at);
    if (rc || g.count == 0) return rc;
    rc = aer__share_lock(&kv->share, SHARE_UPKEEP, err);
    if (rc == AER_BUSY) return AER_OK;
    if (rc) return rc;
    g.at = NULL;
    rc = aer__follow(kv, false, err); /* the buckets as whoever had the lock before us left them */
    if (rc == AER_OK) rc = look_at_snapshots(kv, &oldest, err);
    if (rc == AER_OK) rc = next_group(kv, 0, AUTO_PERCENT, false, oldest, &g, err);
    if (rc == AER_OK && g.count) {
        rc = compact_group(kv, &g, oldest, &result, err);
        *more = rc == AER_OK;
    }
    aer__free(g.at);
    aer__share_unlock(&kv->share, SHARE_UPKEEP);
    return rc;
}

static int lock_upkeep(struct kv *kv, struct err *err)
{
    int64_t deadline = aer__kv_deadline(kv);
    int rc;

    while ((rc = aer__share_lock(&kv->share, SHARE_UPKEEP, err)) == AER_BUSY) {
        if (aer__monotonic_ms() >= deadline)
            return aer__err_set(err, AER_BUSY, "another process merges or compacts the database; try again");
        aer__sleep_us(5000);
    }
    return rc;
}

static uint64_t bytes_from(struct kv *kv, uint64_t from)
{
    pthread_rwlock_t *view = aer__view_read(kv);
    uint64_t bytes = 0;

    for (size_t i = 0; i < kv->buckets.count; i++)
        bytes += kv->buckets.at[i]->b.first_seq >= from ? kv->buckets.at[i]->b.bytes : 0;
    pthread_rwlock_unlock(view);
    return bytes;
}

/* All groups once, oldest first; dry: only counts. */
static int compact_all(struct kv *kv, const aer_compact_options *o, bool dry, aer_compact_result *result, struct err *err)
{
    uint64_t from = 0, total = bytes_from(kv, 0), oldest = SHARE_IDLE;
    int rc = dry ? AER_OK : look_at_snapshots(kv, &oldest, err);

    while (rc == AER_OK) {
        struct group g;
        rc = next_group(kv, from, o->min_dead_percent, true, oldest, &g, err);
        if (rc || g.count == 0) break;
        if (dry) {
            result->buckets_after++;
            for (size_t i = 0; i < g.count; i++) {
                result->buckets_before++;
                result->bytes_before += g.at[i].bytes;
                result->bytes_after += live_bytes(&g.at[i]);
                result->rows_dropped += dead_rows(&g.at[i]);
            }
        } else {
            rc = compact_group(kv, &g, oldest, result, err);
        }
        from = g.at[g.count - 1].last_seq + 1;
        aer__free(g.at);
        if (rc == AER_OK && o->progress && o->progress(o->progress_arg, total - bytes_from(kv, from), total))
            rc = aer__err_set(err, AER_STOPPED, "stopped by the caller");
    }
    return rc;
}

int aer__kv_compact(struct kv *kv, const aer_compact_options *options, aer_compact_result *result, struct err *err)
{
    bool dry = options->flags & AER_COMPACT_DRY_RUN;
    int rc = aer__kv_usable(kv, err);

    memset(result, 0, sizeof *result);
    if (rc) return rc;
    if (kv->options.readonly && !dry) return aer__err_set(err, AER_READONLY, "the database is open for reading only");
    if (dry) return compact_all(kv, options, true, result, err);
    rc = aer__expire(kv, aer__kv_deadline(kv), &result->keys_expired, err);
    if (rc == AER_OK && options->flags & AER_COMPACT_BY_KEY) rc = aer__compact_by_key(kv, options, err);
    if (rc == AER_OK) rc = aer__kv_seal(kv, err);
    if (rc) return rc;
    aer__upkeep_lock(kv);
    rc = lock_upkeep(kv, err);
    if (rc == AER_OK) {
        rc = aer__follow(kv, false, err); /* the buckets as whoever had the lock before us left them */
        if (rc == AER_OK) rc = compact_all(kv, options, false, result, err);
        aer__share_unlock(&kv->share, SHARE_UPKEEP);
    }
    pthread_mutex_unlock(&kv->upkeep_lock);
    return rc;
}
