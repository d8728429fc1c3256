/* txn.c -- transactions: a snapshot to read at, or the writer's turn with writes that wait in memory.
 *
 * A write transaction has the queue's first place and the turn from begin to end, so nobody commits meanwhile and its
 * rows know their final sequence numbers at once. They wait in memory until they fill a bucket; from then on the
 * transaction goes the way of bulk.c. Keys of its own writes stay in a table until it ends (about 65 bytes and the key
 * each), since later reads and scans in it must see them.
 *
 * A snapshot is only a number, S. What it must see is kept by the handle's slot in aerial.lock (share.h): versions that
 * a newer one displaces stay findable in `displaced`, and compaction keeps their rows.
 */
#include "kv/bulk.h"
#include "kv/journal.h"
#include "kv/store.h"

#include <string.h>

#define PART_MAX (UINT64_C(8) << 20)
#define PART_MIN UINT64_C(1024)
#define ROOM_MS \
    30000 /* a transaction has waited for its turn; now it waits for the disk, if need be for longer than busy_ms */

/* Rows of a write transaction that are in no bucket yet, contiguous from first_seq. */
struct txn_rows {
    struct row *at;
    size_t count, capacity;
    uint64_t bytes;
    uint64_t base_seq; /* last seq before the transaction */
    uint64_t next_seq;
    struct bulk *bulk; /* NULL until the first bucket is full */
};

/* ---- snapshots ---- */

/* A snapshot at 0, of an empty database, needs nothing kept. */
static void publish_snapshots(struct kv *kv)
{
    uint64_t oldest = SHARE_IDLE, newest = 0;

    for (const struct kv_txn *t = kv->snapshots; t; t = t->next) {
        if (t->at == 0) continue;
        oldest = AER_MIN(oldest, t->at);
        newest = AER_MAX(newest, t->at);
    }
    aer__share_publish(&kv->share, oldest, newest);
}

/* Choose S and make it known. A merger raises the horizon before it looks at the slots: if it passed S in between, it may
 * not have seen us, and we move on to a newer S. */
static int take_snapshot(struct kv_txn *txn, struct err *err)
{
    struct kv *kv = txn->kv;

    for (;;) {
        int rc;
        /* Before S: who finds them unchanged later knows that tables are still as they were at S. */
        txn->tables_version = aer__kv_tables_version(kv);
        txn->tables_defined = aer__kv_tables_defined(kv);
        rc = aer__follow(kv, false, err);
        if (rc) return rc;
        pthread_mutex_lock(&kv->snapshot_lock);
        txn->at = atomic_load_explicit(&kv->visible, memory_order_acquire);
        txn->next = kv->snapshots;
        kv->snapshots = txn;
        publish_snapshots(kv);
        if (atomic_load(&kv->share.page->horizon) <= txn->at || kv->share.slot < 0) {
            kv->open_txns++;
            pthread_mutex_unlock(&kv->snapshot_lock);
            return AER_OK;
        }
        kv->snapshots = txn->next;
        publish_snapshots(kv);
        pthread_mutex_unlock(&kv->snapshot_lock);
    }
}

/* Who cannot write the lock file has no slot, and merges do not wait for him: once one has gone beyond S, what it displaced
 * may be missing from what he finds. */
int aer__txn_kept(const struct kv_txn *txn, struct err *err)
{
    const struct share *s = txn ? &txn->kv->share : NULL;

    if (!s || txn->write || s->slot >= 0 || atomic_load(&s->page->horizon) <= txn->at) return AER_OK;
    return aer__err_set(err, AER_BUSY, "'%s' cannot be written, so nothing keeps this snapshot: begin another one",
                        LAYOUT_LOCK);
}

static void drop_snapshot(struct kv_txn *txn)
{
    struct kv *kv = txn->kv;

    pthread_mutex_lock(&kv->snapshot_lock);
    for (struct kv_txn **p = &kv->snapshots; *p; p = &(*p)->next) {
        if (*p == txn) {
            *p = txn->next;
            break;
        }
    }
    publish_snapshots(kv);
    kv->open_txns--;
    pthread_mutex_unlock(&kv->snapshot_lock);
}

int aer__kv_begin_read(struct kv *kv, struct kv_txn **txn, struct err *err)
{
    struct kv_txn *t;
    int rc = aer__kv_usable(kv, err);

    *txn = NULL;
    if (rc) return rc;
    t = aer__calloc(1, sizeof *t);
    if (!t) return aer__err_nomem(err);
    t->kv = kv;
    rc = take_snapshot(t, err);
    if (rc) aer__free(t);
    else *txn = t;
    return rc;
}

/* The new one first: after a failure the old one must still be kept for us. */
int aer__kv_renew(struct kv_txn *txn, struct err *err)
{
    struct kv_txn fresh = {.kv = txn->kv};
    int rc;

    if (txn->used)
        return aer__err_set(err, AER_BUSY, "tables have changed since this transaction began: begin another one");
    rc = take_snapshot(&fresh, err);
    if (rc) return rc;
    pthread_mutex_lock(&txn->kv->snapshot_lock);
    txn->at = fresh.at;
    txn->tables_version = fresh.tables_version;
    txn->tables_defined = fresh.tables_defined;
    pthread_mutex_unlock(&txn->kv->snapshot_lock);
    drop_snapshot(&fresh);
    return AER_OK;
}

void aer__kv_txn_tables(const struct kv_txn *txn, uint64_t *version, uint64_t *defined)
{
    *version = txn->tables_version;
    *defined = txn->tables_defined;
}

/* ---- write transactions ---- */

static void free_rows(struct txn_rows *rows)
{
    if (!rows) return;
    for (size_t i = 0; i < rows->count; i++) aer__free((void *)rows->at[i].key); /* one block a row, key first */
    aer__free(rows->at);
    aer__bulk_free(rows->bulk);
    aer__free(rows);
}

int aer__kv_begin_write(struct kv *kv, int sync, struct kv_txn **txn, struct err *err)
{
    return aer__txn_begin(kv, sync, aer__kv_deadline(kv), txn, err);
}

int aer__txn_begin(struct kv *kv, int sync, int64_t deadline_ms, struct kv_txn **txn, struct err *err)
{
    struct kv_txn *t;
    int rc = aer__kv_usable(kv, err);

    *txn = NULL;
    if (rc) return rc;
    if (kv->options.readonly) return aer__err_set(err, AER_READONLY, "the database is open for reading only");
    t = aer__calloc(1, sizeof *t);
    if (!t) return aer__err_nomem(err);
    t->kv = kv;
    t->write = true;
    t->sync = sync ? sync : kv->options.sync;
    t->rows = aer__calloc(1, sizeof *t->rows);
    if (!t->rows) {
        rc = aer__err_nomem(err);
        goto fail;
    }
    rc = aer__queue_enter(kv, deadline_ms, err);
    if (rc) goto fail;
    rc = aer__turn_enter(kv, deadline_ms, err);
    if (rc == AER_OK) {
        rc = aer__commit_ready(kv, deadline_ms, err);
        if (rc) aer__turn_leave(kv);
    }
    if (rc) {
        aer__queue_leave(kv);
        goto fail;
    }
    t->rows->base_seq = kv->applied_seq;
    t->rows->next_seq = kv->applied_seq + 1;
    pthread_mutex_lock(&kv->snapshot_lock);
    kv->open_txns++;
    pthread_mutex_unlock(&kv->snapshot_lock);
    *txn = t;
    return AER_OK;
fail:
    free_rows(t->rows);
    aer__free(t);
    return rc;
}

static void end_write(struct kv_txn *txn)
{
    struct kv *kv = txn->kv;

    aer__turn_leave(kv);
    aer__queue_leave(kv);
    pthread_mutex_lock(&kv->snapshot_lock);
    kv->open_txns--;
    pthread_mutex_unlock(&kv->snapshot_lock);
    aer__table_free(txn->own);
    free_rows(txn->rows);
    aer__free(txn);
}

void aer__kv_txn_fail(struct kv_txn *txn, const struct err *err)
{
    if (txn->write && !txn->failed.code && err->code) txn->failed = *err;
}

uint64_t aer__txn_next_seq(const struct kv_txn *txn)
{
    return txn->rows->next_seq;
}
bool aer__txn_has(const struct kv_txn *txn, uint64_t seq)
{
    return txn->rows && seq > txn->rows->base_seq && seq < txn->rows->next_seq;
}

static int flush(struct kv_txn *txn, struct err *err)
{
    struct txn_rows *rows = txn->rows;
    int rc = AER_OK;

    if (rows->count == 0) return AER_OK;
    if (!rows->bulk) rc = aer__bulk_new(txn->kv, txn->sync, &rows->bulk, err);
    if (rc == AER_OK) rc = aer__bulk_flush(rows->bulk, rows->at, rows->count, err);
    if (rc) return rc;
    rows->count = 0;
    rows->bytes = 0;
    return AER_OK;
}

/* A copy of the row in one block that begins with the key. */
static int copy_row(struct row *to, const struct row *from, struct err *err)
{
    size_t value_size = from->is_delete ? 0 : from->value_size;
    unsigned char *block = aer__alloc(from->key_size + from->meta_size + value_size);

    if (!block) return aer__err_nomem(err);
    *to = *from;
    memcpy(block, from->key, from->key_size);
    to->key = block;
    if (from->meta) {
        memcpy(block + from->key_size, from->meta, from->meta_size);
        to->meta = (const char *)block + from->key_size;
    }
    if (value_size) memcpy(block + from->key_size + from->meta_size, from->value, value_size);
    to->value = from->is_delete ? NULL : block + from->key_size + from->meta_size;
    return AER_OK;
}

static int remember(struct kv_txn *txn, const struct row *row, struct err *err)
{
    struct version like = {
        .seq = row->seq,
        .bytes = (uint32_t)AER_MIN(aer__row_bytes(row), (uint64_t)UINT32_MAX),
        .parts = row->part < 0 ? (uint32_t)-row->part : 1,
        .is_delete = row->is_delete,
        .expires = row->expires_ms != 0,
    };
    int rc = txn->own ? AER_OK : aer__table_new(&txn->own, err);

    return rc ? rc : aer__table_add(txn->own, row->key, row->key_size, aer__hash(row->key, row->key_size), &like, err);
}

/* Flush if the row would not fit, and have a place for it. */
static int make_room(struct kv_txn *txn, uint64_t bytes, struct err *err)
{
    struct txn_rows *rows = txn->rows;
    int rc = AER_OK;

    if (rows->count &&
        (rows->count + 1 > atomic_load(&txn->kv->max_rows) || rows->bytes + bytes > atomic_load(&txn->kv->max_size)))
        rc = flush(txn, err);
    if (rc) return rc;
    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity ? rows->capacity * 2 : 16;
        struct row *more = aer__realloc(rows->at, capacity * sizeof *more);
        if (!more) return aer__err_nomem(err);
        rows->at = more;
        rows->capacity = capacity;
    }
    return AER_OK;
}

int aer__txn_add_block(struct kv_txn *txn, const struct row *row, struct err *err)
{
    struct txn_rows *rows = txn->rows;
    uint64_t bytes = aer__row_bytes(row);
    struct row *added;
    int rc = make_room(txn, bytes, err);

    if (rc) {
        aer__free((void *)row->key);
        return rc;
    }
    added = &rows->at[rows->count++];
    *added = *row;
    added->seq = rows->next_seq++;
    rows->bytes += bytes;
    return row->part <= 0 ? remember(txn, added, err) : AER_OK;
}

int aer__txn_add(struct kv_txn *txn, const struct row *row, struct err *err)
{
    struct row copy;
    int rc = copy_row(&copy, row, err);

    return rc ? rc : aer__txn_add_block(txn, &copy, err);
}

int aer__txn_row(struct kv_txn *txn, uint64_t seq, bool with_value, struct row *row, struct buf *hold, struct err *err)
{
    struct txn_rows *rows = txn->rows;
    uint64_t first = rows->next_seq - rows->count;
    int rc;

    if (seq >= first) {
        *row = rows->at[seq - first];
        if (row->key) return AER_OK;
        if (err) *err = txn->failed; /* the flush that had taken it */
        return txn->failed.code;
    }
    rc = aer__bulk_get(rows->bulk, seq, with_value, row, hold, err);
    return rc == AER_NOTFOUND
               ? aer__err_set(err, AER_CORRUPT, "row %llu of this transaction is gone", (unsigned long long)seq)
               : rc;
}

uint64_t aer__kv_part_size(const struct kv *kv, size_t key_size)
{
    uint64_t size = AER_MIN(PART_MAX, atomic_load(&kv->max_size));

    /* So that two of them and their pages fit where two of 8 MiB would have to. */
    size -= size / 32;
    if (size > 2 * key_size) size -= key_size;
    return AER_MAX(size, PART_MIN);
}

int aer__txn_refuse(const struct kv_txn *txn, struct err *err)
{
    if (txn->writer)
        return aer__err_set(err, AER_MISUSE, "a value is being written in this transaction: finish it first");
    return AER_OK;
}

static int check_write(struct kv_txn *txn, struct err *err)
{
    int rc = aer__kv_usable(txn->kv, err);

    if (rc == AER_OK && !txn->write) rc = aer__err_set(err, AER_MISUSE, "this transaction is for reading");
    if (rc == AER_OK) rc = aer__txn_refuse(txn, err);
    if (rc == AER_OK && txn->failed.code) {
        rc = txn->failed.code;
        if (err && !err->code) *err = txn->failed;
    }
    return rc;
}

static int put_parts(struct kv_txn *txn, const struct kv_item *item, struct err *err)
{
    struct kv_item head = *item;
    struct kv_writer *w;
    int rc;

    head.value = NULL;
    head.value_size = 0;
    rc = aer__kv_writer_open(txn, &head, &w, err);
    if (rc) return rc;
    rc = aer__kv_writer_write(w, item->value, item->value_size, err);
    if (rc == AER_OK) return aer__kv_writer_finish(w, err);
    aer__kv_writer_abandon(w);
    return rc;
}

int aer__kv_txn_put(struct kv_txn *txn, const struct kv_item *item, struct err *err)
{
    struct err local = {0};
    int rc = check_write(txn, err);

    if (rc) return rc;
    if (item->value_size > aer__kv_part_size(txn->kv, item->key_size)) {
        rc = put_parts(txn, item, &local);
    } else {
        struct row row = {.key = item->key,
                          .key_size = item->key_size,
                          .value = item->value ? item->value : "",
                          .value_size = item->value_size,
                          .meta = item->meta,
                          .meta_size = item->meta_size,
                          .expires_ms = item->expires_ms};
        rc = aer__txn_add(txn, &row, &local);
    }
    aer__kv_txn_fail(txn, &local);
    if (rc && err && !err->code) *err = local;
    return rc;
}

int aer__kv_txn_del(struct kv_txn *txn, const void *key, size_t key_size, struct err *err)
{
    struct row row = {.key = key, .key_size = key_size, .is_delete = true};
    struct buf hold = {0};
    struct kv_entry entry;
    struct err local = {0};
    int rc = check_write(txn, err);

    if (rc) return rc;
    rc = aer__kv_stat(txn->kv, txn, key, key_size, &entry, &hold, &local);
    aer__buf_release(&hold);
    if (rc == AER_NOTFOUND) return rc;
    if (rc == AER_OK) rc = aer__txn_add(txn, &row, &local);
    aer__kv_txn_fail(txn, &local);
    if (rc && err && !err->code) *err = local;
    return rc;
}

static int find_room(struct kv_txn *txn, int *which, struct err *err)
{
    int64_t deadline_ms = aer__monotonic_ms() + AER_MAX(txn->kv->options.busy_ms, ROOM_MS);
    struct txn_rows *rows = txn->rows;
    int rc;

    *which = -1;
    if (rows->bulk) {
        rc = flush(txn, err);
        return rc ? rc : aer__commit_room_alone(txn->kv, deadline_ms, which, err);
    }
    return rows->count ? aer__commit_room(txn->kv, rows->count, rows->bytes, deadline_ms, which, err) : AER_OK;
}

int aer__kv_make_room(struct kv_txn *txn, struct err *err)
{
    int which;

    return txn->write && !txn->failed.code ? find_room(txn, &which, err) : AER_OK;
}

static int commit_small(struct kv_txn *txn, const struct kv_journal *journal, struct err *err)
{
    struct kv *kv = txn->kv;
    struct txn_rows *rows = txn->rows;
    int which, rc = find_room(txn, &which, err);

    if (rc) return rc;
    if (kv->applied_seq != rows->base_seq)
        return aer__err_set(err, AER_BUSY, "another writer came in while a bucket was being sealed; try again");
    aer__commit_open(kv);
    if (journal) rc = aer__journal_commit(kv, journal, rows->at, rows->count, rows->base_seq + 1, txn->sync, err);
    if (rc == AER_OK && rows->count) {
        rc = aer__commit_rows(kv, which, rows->at, rows->count, journal ? AER_SYNC_OFF : txn->sync, err);
        if (rc && journal) rc = aer__commit_doubt(kv, err);
    }
    if (rc == AER_OK && journal) rc = aer__journal_apply(kv, journal, err);
    if (rc == AER_OK) {
        aer__commit_publish(kv);
        if (rows->count) aer__commit_trim(kv, which);
    } else if (rc != AER_UNKNOWN) {
        aer__commit_cancel(kv);
    }
    return rc;
}

int aer__kv_commit(struct kv_txn *txn, struct err *err)
{
    return aer__kv_commit_with(txn, NULL, err);
}

int aer__kv_commit_with(struct kv_txn *txn, const struct kv_journal *journal, struct err *err)
{
    int rc = AER_OK;

    if (!txn->write) {
        drop_snapshot(txn);
        aer__free(txn);
        return AER_OK;
    }
    if (txn->failed.code) {
        rc = txn->failed.code;
        if (err) *err = txn->failed;
    } else if (txn->rows->bulk) {
        rc = flush(txn, err);
        if (rc == AER_OK) rc = aer__bulk_commit(txn->rows->bulk, journal, txn->sync, err);
    } else if (txn->rows->count || journal) {
        rc = commit_small(txn, journal, err);
    }
    end_write(txn);
    return rc;
}

void aer__kv_rollback(struct kv_txn *txn)
{
    if (!txn) return;
    if (txn->write) {
        end_write(txn);
        return;
    }
    drop_snapshot(txn);
    aer__free(txn);
}

bool aer__kv_txn_busy(const struct kv_txn *txn)
{
    return txn->writer != NULL;
}

/* ---- single writes ---- */

int aer__kv_put(struct kv *kv, const struct kv_item *item, struct err *err)
{
    struct row row = {.key = item->key,
                      .key_size = item->key_size,
                      .value = item->value ? item->value : "",
                      .value_size = item->value_size,
                      .meta = item->meta,
                      .meta_size = item->meta_size,
                      .expires_ms = item->expires_ms};
    struct request request = {.row = &row, .sync = kv->options.sync};
    struct kv_txn *txn;
    int rc;

    if (kv->options.readonly) return aer__err_set(err, AER_READONLY, "the database is open for reading only");
    if (item->value_size <= aer__kv_part_size(kv, item->key_size)) {
        rc = aer__queue_submit(kv, &request);
        if (rc && err) *err = request.err;
        return rc;
    }
    rc = aer__kv_begin_write(kv, 0, &txn, err);
    if (rc) return rc;
    rc = aer__kv_txn_put(txn, item, err);
    if (rc == AER_OK) return aer__kv_commit(txn, err);
    aer__kv_rollback(txn);
    return rc;
}

int aer__kv_del(struct kv *kv, const void *key, size_t key_size, struct err *err)
{
    struct row row = {.key = key, .key_size = key_size, .is_delete = true};
    struct request request = {.row = &row, .sync = kv->options.sync, .must_exist = true};
    int rc;

    if (kv->options.readonly) return aer__err_set(err, AER_READONLY, "the database is open for reading only");
    rc = aer__queue_submit(kv, &request);
    if (rc && err) *err = request.err;
    return rc;
}
