/* expire.c -- delete keys whose time has come, like any other delete; compaction then drops their rows.
 *
 * Reads go by the clock as it is; what is deleted goes by a clock we have noted before, for one that jumped ahead must not
 * empty the database: the noted clock moves on by 30 days a pass at most.
 */
#include "kv/store.h"

#define CLOCK_STEP_MS (INT64_C(30) * 24 * 3600 * 1000)
#define SWEEP_BATCH 256

struct expired_key {
    struct buf key;
    uint64_t seq;
};

struct expiring {
    struct kv *kv;
    int64_t by_ms;
    struct expired_key at[SWEEP_BATCH];
    size_t count;
    uint64_t next_seq;
    struct err *err;
};

static int collect_expired(void *arg, const struct row *row)
{
    struct expiring *e = arg;

    e->next_seq = row->seq + 1;
    if (!row->expires_ms || row->expires_ms > e->by_ms || row->part > 0) return AER_OK;
    e->at[e->count].key.size = 0;
    if (aer__buf_append(&e->at[e->count].key, row->key, row->key_size)) return aer__err_nomem(e->err);
    e->at[e->count++].seq = row->seq;
    return e->count == SWEEP_BATCH ? AER_DONE : AER_OK;
}

/* Delete those that are still their key's newest version. */
static int delete_expired(struct kv *kv, const struct expiring *e, int64_t deadline_ms, uint64_t *deleted, struct err *err)
{
    struct kv_txn *txn;
    int rc = aer__txn_begin(kv, 0, deadline_ms, &txn, err);

    if (rc) return rc;
    for (size_t i = 0; rc == AER_OK && i < e->count; i++) {
        struct row row = {.key = e->at[i].key.data, .key_size = e->at[i].key.size, .is_delete = true};
        uint64_t seq = 0;
        rc = aer__get_newest(kv, row.key, row.key_size, &seq, err);
        if (rc == AER_OK && seq == e->at[i].seq) {
            rc = aer__txn_add(txn, &row, err);
            ++*deleted;
        }
        if (rc == AER_NOTFOUND) rc = AER_OK;
    }
    if (rc == AER_OK) return aer__kv_commit(txn, err);
    aer__kv_rollback(txn);
    return rc;
}

/* Up to which moment rows count as expired, and note the clock. */
static int expiry_clock(struct kv *kv, int64_t *by_ms, struct err *err)
{
    struct catalog_state state;
    int64_t now = aer__now_ms();
    int rc = aer__turn_enter_background(kv, err);

    if (rc) return rc;
    pthread_mutex_lock(&kv->catalog_lock);
    rc = aer__catalog_state(kv->catalog, &state, err);
    if (rc == AER_OK) {
        aer__buf_release(&state.merging_key);
        *by_ms = AER_MIN(now, AER_MIN(state.clock_ms, INT64_MAX - CLOCK_STEP_MS) + CLOCK_STEP_MS);
        rc = aer__catalog_begin(kv->catalog, false, err);
        if (rc == AER_OK) rc = aer__catalog_set_clock(kv->catalog, AER_MAX(*by_ms, AER_MIN(now, state.clock_ms)), err);
        if (rc == AER_OK) rc = aer__catalog_commit(kv->catalog, err);
        else aer__catalog_rollback(kv->catalog);
    }
    pthread_mutex_unlock(&kv->catalog_lock);
    aer__turn_leave_background(kv);
    return rc;
}

/* The first sealed bucket from seq on that has rows which may expire; false: none. */
static bool expiring_bucket(struct kv *kv, uint64_t from, struct catalog_bucket *b)
{
    pthread_rwlock_t *view = aer__view_read(kv);
    bool found = false;

    for (size_t i = 0; !found && i < kv->buckets.count; i++) {
        *b = kv->buckets.at[i]->b;
        found = b->expiring > 0 && b->last_seq >= from;
    }
    pthread_rwlock_unlock(view);
    return found;
}

int aer__expire(struct kv *kv, int64_t deadline_ms, uint64_t *deleted, struct err *err)
{
    struct expiring e = {.kv = kv, .err = err, .next_seq = 1};
    struct catalog_bucket b;
    int rc = AER_OK;

    if (expiring_bucket(kv, 0, &b)) rc = expiry_clock(kv, &e.by_ms, err);
    while (rc == AER_OK && expiring_bucket(kv, e.next_seq, &b)) {
        struct sealed *file;
        e.count = 0;
        rc = aer__sealed_open(kv->dir, b.id, kv->database, &file, NULL, err);
        if (rc) {
            rc = rc == AER_NOTFOUND ? AER_OK : rc; /* compacted or missing: not ours to report */
            e.next_seq = b.last_seq + 1;
            continue;
        }
        rc = aer__sealed_rows(file, e.next_seq, false, collect_expired, &e, err);
        aer__sealed_close(file);
        if (rc == AER_OK) e.next_seq = b.last_seq + 1;
        if (rc == AER_DONE) rc = AER_OK;
        if (rc == AER_OK && e.count) rc = delete_expired(kv, &e, deadline_ms, deleted, err);
    }
    for (size_t i = 0; i < SWEEP_BATCH; i++) aer__buf_release(&e.at[i].key);
    return rc;
}
