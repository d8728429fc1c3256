/* by_key.c -- write all live rows anew in key order, so that a scan in key order reads buckets from front to end.
 *
 * Rows get new sequence numbers, so this is ordinary writing: slice by slice, each a transaction under the writer's turn,
 * each key only if it still is the version that was seen. What it leaves behind is dead rows, which compaction takes.
 * Values in parts stay where they are: they are in order within themselves.
 */
#include "kv/store.h"

#include <string.h>

#define SLICE_ROWS 1000
#define PATIENCE_MS 60000 /* a long job in slices does not give up because one of them had to wait */
#define SLICE_BYTES (UINT64_C(4) << 20)

struct slice {
    struct kv_cursor *cursor;
    uint64_t rows, bytes;
    bool ended;
};

/* One row again under a new number. */
static int copy_one(struct kv *kv, struct kv_txn *txn, struct slice *s, aer_slice key, aer_slice value, struct err *err)
{
    struct kv_entry entry;
    struct row row = {.key = key.data, .key_size = key.size, .value = value.data, .value_size = value.size};
    uint64_t seq = 0;
    int rc = aer__kv_cursor_entry(s->cursor, &entry, err);

    if (rc == AER_OK) rc = aer__get_newest(kv, key.data, key.size, &seq, err);
    if (rc == AER_NOTFOUND || (rc == AER_OK && seq != entry.seq)) return AER_OK; /* changed or deleted since */
    if (rc) return rc;
    row.meta = entry.meta;
    row.meta_size = entry.meta_size;
    row.expires_ms = entry.expires_ms;
    s->rows++;
    s->bytes += aer__row_bytes(&row);
    return aer__txn_add(txn, &row, err);
}

static int one_slice(struct kv *kv, struct slice *s, struct err *err)
{
    struct kv_txn *txn;
    int rc = aer__txn_begin(kv, 0, aer__monotonic_ms() + AER_MAX(kv->options.busy_ms, PATIENCE_MS), &txn, err);

    if (rc) return rc;
    s->rows = s->bytes = 0;
    while (rc == AER_OK && s->rows < SLICE_ROWS && s->bytes < SLICE_BYTES) {
        aer_slice key, value;
        rc = aer__kv_next(s->cursor, &key, &value, err);
        if (rc == AER_OK && value.data) rc = copy_one(kv, txn, s, key, value, err);
    }
    if (rc == AER_DONE) {
        s->ended = true;
        rc = AER_OK;
    }
    if (rc == AER_OK) return aer__kv_commit(txn, err);
    aer__kv_rollback(txn);
    return rc;
}

int aer__compact_by_key(struct kv *kv, const aer_compact_options *o, struct err *err)
{
    struct kv_range range = {.value_limit = aer__kv_part_size(kv, 0)};
    struct slice s = {0};
    struct kv_txn *snapshot;
    aer_stats stats;
    uint64_t done = 0;
    int rc = aer__kv_status(kv, &stats, err);

    if (rc == AER_OK) rc = aer__kv_begin_read(kv, &snapshot, err);
    if (rc) return rc;
    rc = aer__kv_scan(snapshot, &range, &s.cursor, err);
    while (rc == AER_OK && !s.ended) {
        rc = one_slice(kv, &s, err);
        done += s.bytes;
        if (rc == AER_OK && o->progress && o->progress(o->progress_arg, AER_MIN(done, stats.bytes), stats.bytes))
            rc = aer__err_set(err, AER_STOPPED, "stopped by the caller");
    }
    aer__kv_cursor_close(s.cursor);
    aer__kv_rollback(snapshot); /* before compaction, which would keep what the snapshot sees */
    return rc;
}
