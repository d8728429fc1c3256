/* merge.c -- unmerged keys go into buckets_meta, in key order, in slices.
 *
 * Random inserts into a large b-tree cost four to five microseconds each; the same keys sorted, in batches of a tenth of
 * the tree, 1.5. A slice is one transaction of some 10 ms, so that others get the turn in between; it leaves behind how
 * far it came (merging_to, merging_key), so whoever goes on after a crash does exactly the rest: nothing is counted twice.
 *
 * 1. Only rows of sealed buckets are merged: they are synced, and their bucket has a row to count dead rows in.
 * 2. The mark (merged_seq) moves in the last slice's transaction.
 * 3. A version that an open snapshot may ask for goes to `displaced` in the transaction that takes its place.
 */
#include "kv/store.h"

#include <stdlib.h>
#include <string.h>

#define SLICE_MS 10
#define CHECK_EVERY 64         /* keys between two looks at the clock */
#define CHECKPOINT_FRAMES 8192 /* 32 MiB of WAL */
#define UNEVEN 8               /* rows this many times the mean make the mean a bad guess */

struct dead {
    struct bucket_ref *ref;
    uint64_t rows, bytes;
};

struct merge {
    struct kv *kv;
    const struct version **items; /* by key, of one key the newest first */
    size_t count, at;
    uint64_t from, to;   /* merges (from, to] */
    struct buf done_key; /* resume behind this key */
    struct span snapshots[SHARE_SLOTS];
    int snapshot_count;
    struct dead *dead; /* this slice's, hashed by bucket */
    size_t dead_mask, dead_count;
};

static uint64_t sealed_to(struct kv *kv)
{
    pthread_rwlock_t *view = aer__view_read(kv);
    uint64_t seq = aer__view_sealed_to(kv);

    pthread_rwlock_unlock(view);
    return seq;
}

bool aer__merge_due(struct kv *kv)
{
    pthread_rwlock_t *view = aer__view_read(kv);
    bool due = kv->imm && aer__view_sealed_to(kv) > kv->merged_seq;

    pthread_rwlock_unlock(view);
    return due;
}

/* ---- dead rows ---- */

static struct dead *dead_of(struct merge *m, struct bucket_ref *ref)
{
    size_t i = (size_t)(((uint64_t)(uintptr_t)ref * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & m->dead_mask;

    while (m->dead[i].ref && m->dead[i].ref != ref) i = (i + 1) & m->dead_mask;
    if (!m->dead[i].ref) {
        m->dead[i].ref = ref;
        m->dead_count++;
    }
    return &m->dead[i];
}

static int grow_dead(struct merge *m, struct err *err)
{
    struct dead *old = m->dead;
    size_t old_size = old ? m->dead_mask + 1 : 0, size = old ? old_size * 2 : 256;

    m->dead = aer__calloc(size, sizeof *m->dead);
    if (!m->dead) {
        m->dead = old;
        return aer__err_nomem(err);
    }
    m->dead_mask = size - 1;
    m->dead_count = 0;
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].ref) *dead_of(m, old[i].ref) = old[i];
    }
    aer__free(old);
    return AER_OK;
}

/* Row seq is dead; bytes 0: not known, take the mean of its bucket. Under the view lock. */
static int count_row(struct merge *m, uint64_t seq, uint64_t bytes, struct err *err)
{
    struct bucket_ref *ref = aer__view_bucket(m->kv, seq);
    struct dead *d;

    if (!ref) return AER_OK; /* its bucket is damaged beyond being listed */
    if (!m->dead || m->dead_count * 2 > m->dead_mask) {
        int rc = grow_dead(m, err);
        if (rc) return rc;
    }
    d = dead_of(m, ref);
    d->rows++;
    d->bytes += bytes ? bytes : ref->b.rows ? ref->b.row_bytes / ref->b.rows : 0;
    return AER_OK;
}

static int count_parts(struct merge *m, uint64_t head, uint64_t parts, struct err *err)
{
    int rc = AER_OK;

    for (uint64_t i = 0; rc == AER_OK && i < parts && i < head; i++) {
        struct bucket_ref *ref = aer__view_bucket(m->kv, head - i);
        if (ref) rc = count_row(m, head - i, ref->b.max_row, err);
    }
    return rc;
}

/* A version that was merged before: only its seq is known. Where rows are of uneven size or in parts, look at the row. */
static int count_merged(struct merge *m, uint64_t seq, const void *key, size_t key_size, struct err *err)
{
    struct bucket_ref *ref = aer__view_bucket(m->kv, seq);
    struct buf hold = {0};
    struct row row;
    int rc;

    if (!ref) return AER_OK;
    if (!ref->b.parts && ref->b.max_row * ref->b.rows <= UNEVEN * ref->b.row_bytes) return count_row(m, seq, 0, err);
    if (aer__rows_get(m->kv, seq, key, key_size, ROW_HEAD, &row, &hold, NULL))
        rc = count_row(m, seq, 0, err); /* damaged: a guess does */
    else if (row.part < 0) rc = count_parts(m, seq, (uint64_t)-row.part, err);
    else rc = count_row(m, seq, aer__row_bytes(&row), err);
    aer__buf_release(&hold);
    return rc;
}

static int write_dead(struct merge *m, struct err *err)
{
    int rc = AER_OK;

    for (size_t i = 0; rc == AER_OK && m->dead && i <= m->dead_mask; i++) {
        const struct dead *d = &m->dead[i];
        if (d->ref) rc = aer__catalog_count_dead(m->kv->catalog, d->ref->b.first_seq, d->rows, d->bytes, err);
    }
    return rc;
}

/* The same in our own list, once committed. */
static void adopt_dead(struct merge *m)
{
    if (!m->dead_count) return;
    aer__view_write(m->kv);
    for (size_t i = 0; i <= m->dead_mask; i++) {
        struct catalog_bucket *b = m->dead[i].ref ? &m->dead[i].ref->b : NULL;
        if (!b) continue;
        b->live -= AER_MIN(b->live, m->dead[i].rows);
        b->dead_bytes = AER_MIN(b->row_bytes, b->dead_bytes + m->dead[i].bytes);
    }
    aer__view_written(m->kv);
    memset(m->dead, 0, (m->dead_mask + 1) * sizeof *m->dead);
    m->dead_count = 0;
}

/* ---- one key ---- */

static bool wanted(const struct merge *m, uint64_t seq, uint64_t until)
{
    return aer__catalog_seen(m->snapshots, m->snapshot_count, seq, until);
}

static int same_key(const struct version *a, const struct version *b)
{
    return aer__key_compare(a->key, a->key_size, b->key, b->key_size) == 0;
}

/* Versions [at, end) of one key, the newest first. Under the view lock, in the slice's transaction. */
static int merge_key(struct merge *m, size_t at, size_t end, struct err *err)
{
    struct catalog *c = m->kv->catalog;
    const struct version *newest = m->items[at], *oldest = m->items[end - 1];
    uint64_t old = 0;
    int rc = aer__catalog_lookup(c, newest->key, newest->key_size, &old, err);

    if (rc && rc != AER_NOTFOUND) return rc;
    if (rc == AER_OK && old >= newest->seq) return AER_OK;
    for (size_t i = at + 1; i < end; i++) {
        const struct version *v = m->items[i], *by = m->items[i - 1];
        if (v->is_delete) continue;
        rc = v->parts > 1 ? count_parts(m, v->seq, v->parts, err) : count_row(m, v->seq, v->bytes, err);
        if (rc == AER_OK && wanted(m, v->seq, by->seq))
            rc = aer__catalog_displace(c, v->key, v->key_size, v->seq, by->seq, err);
        if (rc) return rc;
    }
    if (old) {
        rc = count_merged(m, old, newest->key, newest->key_size, err);
        if (rc == AER_OK && wanted(m, old, oldest->seq))
            rc = aer__catalog_displace(c, newest->key, newest->key_size, old, oldest->seq, err);
        if (rc) return rc;
    }
    if (!newest->is_delete) rc = aer__catalog_put(c, newest->key, newest->key_size, newest->seq, err);
    else rc = old ? aer__catalog_remove(c, newest->key, newest->key_size, err) : AER_OK;
    if (rc == AER_OK)
        aer__hints_set(&m->kv->hints, aer__hash(newest->key, newest->key_size), newest->is_delete ? 0 : newest->seq);
    return rc;
}

/* ---- slices ---- */

static int fill_slice(struct merge *m, struct err *err)
{
    int64_t until = aer__monotonic_ms() + SLICE_MS;
    int rc = AER_OK;

    for (unsigned n = 1; rc == AER_OK && m->at < m->count; n++) {
        size_t end = m->at + 1;
        pthread_rwlock_t *view;
        while (end < m->count && same_key(m->items[m->at], m->items[end])) end++;
        view = aer__view_read(m->kv);
        rc = merge_key(m, m->at, end, err);
        pthread_rwlock_unlock(view);
        aer__rows_close_some(m->kv);
        if (rc == AER_OK) m->at = end;
        if (n % CHECK_EVERY == 0 && aer__monotonic_ms() >= until) break;
    }
    return rc;
}

static int end_slice(struct merge *m, struct err *err)
{
    struct catalog *c = m->kv->catalog;
    int rc = write_dead(m, err);

    if (rc) return rc;
    if (m->at < m->count) {
        const struct version *last = m->items[m->at - 1];
        return aer__catalog_set_merging(c, m->to, last->key, last->key_size, err);
    }
    rc = aer__catalog_set_merged(c, m->to, err);
    if (rc == AER_OK) rc = aer__catalog_prune(c, m->snapshots, m->snapshot_count, NULL, err);
    if (rc == AER_OK) rc = aer__catalog_advance_version(c, err);
    return rc;
}

/* With the turn and catalog_lock. */
static int slice(struct merge *m, struct err *err)
{
    struct catalog *c = m->kv->catalog;
    int rc;

    aer__share_raise_horizon(&m->kv->share, m->to);
    rc = aer__share_snapshots(&m->kv->share, m->snapshots, &m->snapshot_count, err);
    if (rc == AER_OK) rc = aer__catalog_begin(c, false, err);
    if (rc) return rc;
    rc = fill_slice(m, err);
    if (rc == AER_OK) rc = end_slice(m, err);
    if (rc == AER_OK) rc = aer__catalog_commit(c, err);
    else aer__catalog_rollback(c);
    return rc;
}

/* The merge is done: tables that hold nothing else can go. */
static void finish(struct merge *m)
{
    struct kv *kv = m->kv;
    struct table *fresh;

    (void)aer__table_new(&fresh, NULL); /* out of memory: mem stays, and does no harm */
    pthread_mutex_lock(&kv->apply_lock);
    aer__view_write(kv);
    kv->merged_seq = m->to;
    atomic_fetch_add(&kv->catalog_epoch, 1);
    aer__view_drop_merged(kv, &fresh);
    aer__view_written(kv);
    pthread_mutex_unlock(&kv->apply_lock);
    aer__table_free(fresh);
}

/* With the turn. A WAL that readers hold cannot be taken home whole; the next one will. */
int aer__merge_checkpoint(struct kv *kv, int frames, struct err *err)
{
    int rc = AER_OK;

    pthread_mutex_lock(&kv->catalog_lock);
    if (aer__catalog_wal_frames(kv->catalog) >= frames) {
        aer__readers_rest(kv, 0);
        rc = aer__catalog_checkpoint(kv->catalog, false, err);
    }
    pthread_mutex_unlock(&kv->catalog_lock);
    return rc;
}

static int run_slices(struct merge *m, struct err *err)
{
    struct kv *kv = m->kv;
    bool more = true;
    int rc = AER_OK;

    while (rc == AER_OK && more) {
        rc = aer__turn_enter_background(kv, err);
        if (rc) break;
        pthread_mutex_lock(&kv->catalog_lock);
        rc = slice(m, err);
        more = m->at < m->count;
        if (rc == AER_OK) adopt_dead(m);
        pthread_mutex_unlock(&kv->catalog_lock);
        if (rc == AER_OK && !more) {
            finish(m);
            aer__catalog_changed(kv);
        }
        if (rc == AER_OK) rc = aer__merge_checkpoint(kv, more ? CHECKPOINT_FRAMES : CHECKPOINT_FRAMES / 8, err);
        aer__turn_leave_background(kv);
        if (more && aer__upkeep_urgent(kv)) rc = aer__seal_pending(kv, false, err);
    }
    return rc;
}

/* ---- gathering ---- */

/* How far: what a crashed merge had set out for, else all that is sealed. With the turn, but beside a commit of this
 * handle: buckets of a large transaction are listed before its keys are in memory, where we look for them. */
static int set_bounds(struct merge *m, struct err *err)
{
    struct kv *kv = m->kv;
    struct catalog_state state = {0};
    int rc;

    pthread_mutex_lock(&kv->catalog_lock);
    rc = aer__catalog_state(kv->catalog, &state, err);
    pthread_mutex_unlock(&kv->catalog_lock);
    if (rc) return rc;
    m->from = state.merged_seq;
    m->to = state.merging_to ? state.merging_to : AER_MIN(sealed_to(kv), atomic_load(&kv->visible));
    m->done_key = state.merging_key;
    return AER_OK;
}

static int compare_items(const void *a, const void *b)
{
    const struct version *x = *(const struct version *const *)a, *y = *(const struct version *const *)b;
    int c = aer__key_compare(x->key, x->key_size, y->key, y->key_size);

    if (c) return c;
    return x->seq > y->seq ? -1 : x->seq < y->seq;
}

/* The versions in (from, to], of both tables, behind done_key. */
static int gather(struct merge *m, struct err *err)
{
    struct kv *kv = m->kv;
    struct table *tables[2];
    pthread_rwlock_t *view = aer__view_read(kv);
    size_t parts = 0, n;
    int rc = AER_OK;

    tables[0] = kv->imm;
    tables[1] = kv->mem;
    pthread_rwlock_unlock(view); /* while kv->merging, tables may change places but are not freed */

    for (size_t i = 0; rc == AER_OK && i < AER_COUNT(tables); i++) {
        if (!tables[i]) continue;
        n = m->count;
        rc = aer__table_versions(tables[i], m->from, m->to, &m->items, &m->count, err);
        if (m->count > n) parts++;
    }
    if (rc) return rc;
    if (parts > 1) qsort(m->items, m->count, sizeof *m->items, compare_items);
    while (m->done_key.size && m->at < m->count &&
           aer__key_compare(m->items[m->at]->key, m->items[m->at]->key_size, m->done_key.data, m->done_key.size) <= 0)
        m->at++;
    return AER_OK;
}

/* What somebody who died had merged already the hints do not know of. */
static void set_merging(struct kv *kv, bool merging, bool goes_on)
{
    aer__view_write(kv);
    kv->merging = merging;
    if (goes_on) aer__hints_clear(&kv->hints);
    aer__view_written(kv);
}

static int merge_once(struct kv *kv, struct err *err)
{
    struct merge m = {.kv = kv};
    int rc;

    rc = aer__turn_enter_background(kv, err);
    if (rc) return rc;
    rc = set_bounds(&m, err);
    set_merging(kv, true, m.done_key.size > 0); /* from here on nobody but us drops a table */
    if (rc == AER_OK && m.to > m.from) rc = gather(&m, err);
    aer__turn_leave_background(kv);
    if (rc == AER_OK && m.to > m.from) rc = run_slices(&m, err);
    set_merging(kv, false, false);
    aer__free(m.items);
    aer__free(m.dead);
    aer__buf_release(&m.done_key);
    return rc;
}

int aer__merge(struct kv *kv, struct err *err)
{
    int rc = aer__share_lock(&kv->share, SHARE_UPKEEP, err);

    if (rc == AER_BUSY) return AER_OK; /* another process merges or compacts */
    if (rc) return rc;
    rc = merge_once(kv, err);
    aer__share_unlock(&kv->share, SHARE_UPKEEP);
    return rc;
}
