/* stream.c -- values piece by piece: one larger than a part is stored as consecutive rows, the head being the last.
 *
 *   seq   s      s+1    s+2            the catalogue leads to s+2: its part is -3, so its parts begin two rows before
 *   part  1      2      -3
 *
 * All parts but the last have one size, so the whole size and the part at an offset follow from the first and the last.
 */
#include "kv/store.h"

#include <string.h>

struct kv_writer {
    struct kv_txn *txn;
    struct kv_item item;  /* key and meta are our copies */
    unsigned char *block; /* key, meta, and the part being filled: it becomes the row's, for a copy of 8 MiB is a lot */
    size_t part_size, filled;
    uint64_t total, first_seq;
    int64_t parts; /* written */
};

int aer__kv_writer_open(struct kv_txn *txn, const struct kv_item *item, struct kv_writer **writer, struct err *err)
{
    struct kv_writer *w = NULL;
    int rc = aer__kv_usable(txn->kv, err);

    *writer = NULL;
    if (rc == AER_OK && !txn->write) rc = aer__err_set(err, AER_MISUSE, "this transaction is for reading");
    if (rc == AER_OK) rc = aer__txn_refuse(txn, err);
    if (rc == AER_OK && txn->failed.code) {
        rc = txn->failed.code;
        if (err) *err = txn->failed;
    }
    if (rc) return rc;
    w = aer__calloc(1, sizeof *w);
    if (!w) goto nomem;
    w->txn = txn;
    w->item = *item;
    w->part_size = aer__kv_part_size(txn->kv, item->key_size);
    w->item.key = aer__memdup(item->key, item->key_size);
    w->item.meta = item->meta ? aer__memdup(item->meta, item->meta_size) : NULL;
    if (!w->item.key || (item->meta && !w->item.meta)) {
        aer__free((void *)w->item.key);
        aer__free((void *)w->item.meta);
        goto nomem;
    }
    w->first_seq = aer__txn_next_seq(txn);
    txn->writer = w;
    *writer = w;
    return AER_OK;
nomem:
    aer__free(w);
    aer__err_nomem(err);
    aer__kv_txn_fail(txn, &(struct err){AER_NOMEM, "out of memory"}); /* a write that failed, like any other */
    return AER_NOMEM;
}

static void free_writer(struct kv_writer *w)
{
    w->txn->writer = NULL;
    aer__free((void *)w->item.key);
    aer__free((void *)w->item.meta);
    aer__free(w->block);
    aer__free(w);
}

static int new_block(struct kv_writer *w, struct err *err)
{
    size_t head = w->item.key_size + w->item.meta_size;

    w->block = aer__alloc(head + w->part_size);
    if (!w->block) return aer__err_nomem(err);
    memcpy(w->block, w->item.key, w->item.key_size);
    if (w->item.meta) memcpy(w->block + w->item.key_size, w->item.meta, w->item.meta_size);
    return AER_OK;
}

/* What is in the part becomes a row: the last one carries meta and expiry. */
static int write_part(struct kv_writer *w, bool last, struct err *err)
{
    size_t head = w->item.key_size + w->item.meta_size;
    struct row row = {.key_size = w->item.key_size, .value_size = w->filled};
    int rc = w->block ? AER_OK : new_block(w, err);

    if (rc) return rc;
    if (last) { /* rows wait in memory: a short one must not hold the room of a long one */
        unsigned char *smaller = aer__realloc(w->block, head + w->filled);
        if (smaller) w->block = smaller;
    }
    w->parts++;
    row.key = w->block;
    row.value = w->block + head;
    row.part = !last ? w->parts : w->parts > 1 ? -w->parts : 0;
    if (last) {
        row.meta = w->item.meta ? (const char *)w->block + w->item.key_size : NULL;
        row.meta_size = w->item.meta_size;
        row.expires_ms = w->item.expires_ms;
    }
    w->block = NULL;
    w->filled = 0;
    return aer__txn_add_block(w->txn, &row, err);
}

int aer__kv_writer_write(struct kv_writer *w, const void *data, size_t size, struct err *err)
{
    const unsigned char *p = data;
    struct err local = {0};
    int rc = AER_OK;

    if (w->txn->failed.code) {
        if (err) *err = w->txn->failed;
        return w->txn->failed.code;
    }
    if (size > (uint64_t)AER_VALUE_MAX - w->total)
        return aer__err_set(err, AER_INVALID, "a value can have 2^47 bytes at most");
    w->total += size;
    while (rc == AER_OK && size > 0) {
        size_t n = AER_MIN(size, w->part_size - w->filled);

        if (!w->block) rc = new_block(w, &local);
        if (rc) break;
        memcpy(w->block + w->item.key_size + w->item.meta_size + w->filled, p, n);
        w->filled += n;
        p += n;
        size -= n;
        /* A full part is written only when more comes: the last one must know that it is. */
        if (w->filled == w->part_size && size > 0) rc = write_part(w, false, &local);
    }
    aer__kv_txn_fail(w->txn, &local);
    if (rc && err && !err->code) *err = local;
    return rc;
}

int aer__kv_writer_finish(struct kv_writer *w, struct err *err)
{
    struct kv_txn *txn = w->txn;
    struct err local = {0};
    int rc = txn->failed.code;

    if (rc && err) *err = txn->failed;
    if (rc == AER_OK) {
        rc = write_part(w, true, &local);
        aer__kv_txn_fail(txn, &local);
        if (rc && err && !err->code) *err = local;
    }
    free_writer(w);
    return rc;
}

void aer__kv_writer_abandon(struct kv_writer *w)
{
    struct err err = {0};

    if (!w) return;
    /* Parts that became rows cannot be taken back: a value without an end must never be committed. */
    if (w->parts > 0 && !w->txn->failed.code) {
        aer__err_set(&err, AER_MISUSE, "a value was abandoned half written: roll the transaction back");
        aer__kv_txn_fail(w->txn, &err);
    }
    free_writer(w);
}

/* ---- reading ---- */

struct kv_reader {
    struct kv_txn *txn;
    void *key;
    size_t key_size;
    uint64_t first_seq, head_seq, size, part_size;
    uint64_t loaded; /* seq of the part in hold; 0: none */
    struct row row;
    struct buf hold;
};

int aer__kv_reader_open(struct kv_txn *txn, const void *key, size_t key_size, struct kv_reader **reader,
                        uint64_t *value_size, struct err *err)
{
    struct kv_reader *r;
    struct buf hold = {0};
    struct kv_entry entry;
    int rc = aer__txn_refuse(txn, err);

    *reader = NULL;
    *value_size = 0;
    if (rc == AER_OK) rc = aer__kv_stat(txn->kv, txn, key, key_size, &entry, &hold, err);
    aer__buf_release(&hold);
    if (rc) return rc;
    r = aer__calloc(1, sizeof *r);
    if (r) r->key = aer__memdup(key, key_size);
    if (!r || !r->key) {
        aer__free(r);
        return aer__err_nomem(err);
    }
    r->txn = txn;
    r->key_size = key_size;
    r->first_seq = entry.first_seq;
    r->head_seq = entry.seq;
    r->size = entry.value_size;
    txn->children++;
    *reader = r;
    *value_size = entry.value_size;
    return AER_OK;
}

/* Rows in memory live only as long as the view is held: have the value in hold. */
static int own_value(struct kv_reader *r, struct row *row, struct err *err)
{
    const unsigned char *value = row->value;

    if (row->value_size == 0 || (value >= r->hold.data && value < r->hold.data + r->hold.capacity)) return AER_OK;
    r->hold.size = 0;
    if (aer__buf_append(&r->hold, value, row->value_size)) return aer__err_nomem(err);
    row->value = r->hold.data;
    return AER_OK;
}

static int load_part(struct kv_reader *r, uint64_t seq, struct err *err)
{
    struct kv *kv = r->txn->kv;
    struct retry retry = {0};
    int rc;

    if (r->loaded == seq) return AER_OK;
    r->loaded = 0;
    do {
        pthread_rwlock_t *view = aer__view_read(kv);
        rc = aer__row_of(kv, r->txn, seq, r->key, r->key_size, ROW_VALUE, &r->row, &r->hold, err);
        if (rc == AER_OK) rc = own_value(r, &r->row, err);
        pthread_rwlock_unlock(view);
    } while (aer__retry(kv, &retry, rc, err));
    if (rc == AER_OK) r->loaded = seq;
    return rc;
}

int aer__kv_reader_read(struct kv_reader *r, uint64_t offset, void *buffer, size_t capacity, size_t *got, struct err *err)
{
    uint64_t seq, at;
    size_t n;
    int rc;

    *got = 0;
    if (offset >= r->size || capacity == 0) return AER_OK;
    if (r->part_size == 0) {
        rc = load_part(r, r->first_seq, err);
        if (rc) return rc;
        r->part_size = r->row.value_size;
        if (r->part_size == 0)
            return aer__err_set(err, AER_CORRUPT, "row %llu: an empty part", (unsigned long long)r->first_seq);
    }
    seq = r->first_seq + offset / r->part_size;
    at = offset % r->part_size;
    if (seq > r->head_seq)
        return aer__err_set(err, AER_CORRUPT, "row %llu: the parts do not add up to the value",
                            (unsigned long long)r->head_seq);
    rc = load_part(r, seq, err);
    if (rc) return rc;
    if (at >= r->row.value_size)
        return aer__err_set(err, AER_CORRUPT, "row %llu: a part is too short", (unsigned long long)seq);
    n = AER_MIN(capacity, (size_t)(r->row.value_size - at));
    memcpy(buffer, (const unsigned char *)r->row.value + at, n);
    *got = n;
    return AER_OK;
}

void aer__kv_reader_close(struct kv_reader *r)
{
    if (!r) return;
    r->txn->children--;
    aer__free(r->key);
    aer__buf_release(&r->hold);
    aer__free(r);
}
