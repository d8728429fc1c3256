/* keys.c -- keys, values, transactions, streams and ranges of the public interface. */
#include "db/handle.h"
#include "layout/layout.h"
#include "json/json.h"

#include <string.h>

#define META_MAX 65536

/* Keys of tables are passed over, so a range that has them in it is two: this side of them, and beyond. */
struct aer_cursor {
    aer_txn *txn;
    struct kv_cursor *part[2]; /* in the order they are gone through; NULL: nothing there, or gone through */
    int at;
};

struct aer_reader {
    aer_txn *txn;
    struct kv_reader *kv;
};

struct aer_writer {
    aer_txn *txn;
    struct kv_writer *kv;
};

/* ---- checks ---- */

static int check_key(const void *key, size_t key_size, struct err *err)
{
    if (!key || key_size == 0) return aer__err_set(err, AER_INVALID, "a key has 1 byte at least");
    if (key_size > AER_KEY_MAX)
        return aer__err_set(err, AER_INVALID, "a key of %zu bytes is too long: %d at most", key_size, AER_KEY_MAX);
    return AER_OK;
}

/* For a change: tables of kind buckets keep their rows under keys that nobody else may touch. */
static int check_own_key(const void *key, size_t key_size, struct err *err)
{
    int rc = check_key(key, key_size, err);

    if (rc == AER_OK && aer__layout_key_reserved(key, key_size))
        return aer__err_set(err, AER_INVALID, "keys that begin with the bytes ff 74 62 6c belong to tables");
    return rc;
}

static int check_meta(const aer_attrs *attrs, struct err *err)
{
    json_t *meta = NULL;
    bool object;
    int rc;

    if (!attrs->meta) return AER_OK;
    if (attrs->meta_size > META_MAX)
        return aer__err_set(err, AER_INVALID, "meta of %zu bytes is too long: %d at most", attrs->meta_size, META_MAX);
    rc = aer__json_read(attrs->meta, attrs->meta_size, &meta, err);
    if (rc == AER_INVALID) aer__err_prefix(err, "meta is no JSON");
    if (rc) return rc;
    object = json_is_object(meta);
    json_decref(meta);
    return object ? AER_OK : aer__err_set(err, AER_INVALID, "meta is no JSON object");
}

static int make_item(struct kv_item *item, const void *key, size_t key_size, const void *value, size_t value_size,
                     const aer_attrs *given, struct err *err)
{
    aer_attrs attrs = {0};
    int rc = check_own_key(key, key_size, err);

    if (rc) return rc;
    if (!value && value_size) return aer__err_set(err, AER_MISUSE, "no value given");
    if (value_size > (uint64_t)AER_VALUE_MAX)
        return aer__err_set(err, AER_INVALID, "a value can have 2^47 bytes at most");
    if (given) {
        if (given->size == 0 || given->size > 4096) return aer__err_set(err, AER_MISUSE, "attrs.size is not set");
        memcpy(&attrs, given, AER_MIN(given->size, sizeof attrs));
        if (attrs.expires_ms < 0) return aer__err_set(err, AER_INVALID, "a negative time of expiry");
        rc = check_meta(&attrs, err);
        if (rc) return rc;
    }
    *item = (struct kv_item){
        key, key_size, value ? value : "", value_size, attrs.meta, attrs.meta ? attrs.meta_size : 0, attrs.expires_ms};
    return AER_OK;
}

static bool usable(const aer_db *db)
{
    return db && db->kv;
}

/* ---- one key ---- */

static int put(aer_db *db, aer_txn *txn, const void *key, size_t key_size, const void *value, size_t value_size,
               const aer_attrs *attrs)
{
    struct err err = {0};
    struct kv_item item;
    int rc = make_item(&item, key, key_size, value, value_size, attrs, &err);

    if (rc && txn) aer__kv_txn_fail(txn->kv, &err);
    if (rc == AER_OK) rc = txn ? aer__kv_txn_put(txn->kv, &item, &err) : aer__kv_put(db->kv, &item, &err);
    return aer__db_result(db, rc, &err);
}

static int get(aer_db *db, aer_txn *txn, const void *key, size_t key_size, struct kv_value *value)
{
    struct err err = {0};
    int rc = check_key(key, key_size, &err);

    if (rc == AER_OK && txn && aer__kv_txn_busy(txn->kv))
        rc = aer__err_set(&err, AER_MISUSE, "a value is being written in this transaction: finish it first");
    if (rc == AER_OK) rc = aer__kv_get(db->kv, txn ? txn->kv : NULL, key, key_size, value, &err);
    if (rc == AER_INVALID && !err.code)
        aer__err_set(&err, AER_INVALID, "the value has %zu bytes, the buffer %zu", value->size, value->capacity);
    return aer__db_result(db, rc, &err);
}

static int get_new(aer_db *db, aer_txn *txn, const void *key, size_t key_size, void **value, size_t *value_size)
{
    struct kv_value out = {0};
    int rc = get(db, txn, key, key_size, &out);

    if (rc) return rc;
    *value = out.buffer;
    *value_size = out.size;
    return AER_OK;
}

static int get_into(aer_db *db, aer_txn *txn, const void *key, size_t key_size, void *buffer, size_t capacity,
                    size_t *value_size)
{
    unsigned char none[1];
    struct kv_value out = {.buffer = buffer ? buffer : none, .capacity = buffer ? capacity : 0};
    int rc = get(db, txn, key, key_size, &out);

    *value_size = rc == AER_OK || rc == AER_INVALID ? out.size : 0;
    return rc;
}

static int del(aer_db *db, aer_txn *txn, const void *key, size_t key_size)
{
    struct err err = {0};
    int rc = check_own_key(key, key_size, &err);

    if (rc && txn) aer__kv_txn_fail(txn->kv, &err);
    if (rc == AER_OK)
        rc = txn ? aer__kv_txn_del(txn->kv, key, key_size, &err) : aer__kv_del(db->kv, key, key_size, &err);
    return aer__db_result(db, rc, &err);
}

int aer_put(aer_db *db, const void *key, size_t key_size, const void *value, size_t value_size)
{
    return usable(db) ? put(db, NULL, key, key_size, value, value_size, NULL) : AER_MISUSE;
}

int aer_put_attrs(aer_db *db, const void *key, size_t key_size, const void *value, size_t value_size, const aer_attrs *attrs)
{
    return usable(db) ? put(db, NULL, key, key_size, value, value_size, attrs) : AER_MISUSE;
}

int aer_get(aer_db *db, const void *key, size_t key_size, void **value, size_t *value_size)
{
    if (!value || !value_size) return AER_MISUSE;
    *value = NULL;
    *value_size = 0;
    return usable(db) ? get_new(db, NULL, key, key_size, value, value_size) : AER_MISUSE;
}

int aer_get_into(aer_db *db, const void *key, size_t key_size, void *buffer, size_t capacity, size_t *value_size)
{
    if (!value_size) return AER_MISUSE;
    *value_size = 0;
    return usable(db) ? get_into(db, NULL, key, key_size, buffer, capacity, value_size) : AER_MISUSE;
}

int aer_del(aer_db *db, const void *key, size_t key_size)
{
    return usable(db) ? del(db, NULL, key, key_size) : AER_MISUSE;
}

int aer_locate(aer_db *db, const void *key, size_t key_size, aer_location *location)
{
    struct err err = {0};
    int rc;

    if (!usable(db) || !location) return AER_MISUSE;
    rc = check_key(key, key_size, &err);
    if (rc == AER_OK) rc = aer__kv_locate(db->kv, key, key_size, location, &err);
    return aer__db_result(db, rc, &err);
}

/* ---- transactions ---- */

int aer_begin(aer_db *db, int mode, aer_txn **out)
{
    static const int sync_of[] = {0, AER_SYNC_NORMAL, AER_SYNC_FULL, AER_SYNC_OFF};
    struct err err = {0};
    aer_txn *txn;
    int rc;

    if (!out) return AER_MISUSE;
    *out = NULL;
    if (!usable(db)) return AER_MISUSE;
    if (mode != AER_READ && (mode & ~48) != AER_WRITE)
        return aer__db_result(db, aer__err_set(&err, AER_MISUSE, "a transaction is for AER_READ or AER_WRITE"), &err);
    txn = aer__calloc(1, sizeof *txn);
    if (!txn) return aer__db_result(db, aer__err_nomem(&err), &err);
    txn->db = db;
    txn->write = mode != AER_READ;
    rc = mode == AER_READ ? aer__kv_begin_read(db->kv, &txn->kv, &err)
                          : aer__kv_begin_write(db->kv, sync_of[mode >> 4], &txn->kv, &err);
    if (rc) aer__free(txn);
    else *out = txn;
    return aer__db_result(db, rc, &err);
}

static void free_txn(aer_txn *txn)
{
    aer__buf_release(&txn->hold);
    aer__free(txn);
}

int aer_commit(aer_txn *txn)
{
    struct err err = {0};
    aer_db *db;
    int rc;

    if (!txn) return AER_MISUSE;
    db = txn->db;
    if (txn->children) {
        aer__err_set(&err, AER_MISUSE, "%d cursor(s), reader(s) or writer(s) of the transaction are still open",
                     txn->children);
        return aer__db_result(db, AER_MISUSE, &err);
    }
    rc = txn->tables ? aer__tables_commit(txn->tables, &err) : aer__kv_commit(txn->kv, &err);
    free_txn(txn);
    return aer__db_result(db, rc, &err);
}

void aer_rollback(aer_txn *txn)
{
    if (!txn) return;
    aer__tables_end(txn->tables);
    aer__kv_rollback(txn->kv);
    free_txn(txn);
}

int aer_txn_put(aer_txn *txn, const void *key, size_t key_size, const void *value, size_t value_size)
{
    return txn ? put(txn->db, txn, key, key_size, value, value_size, NULL) : AER_MISUSE;
}

int aer_txn_put_attrs(aer_txn *txn, const void *key, size_t key_size, const void *value, size_t value_size,
                      const aer_attrs *attrs)
{
    return txn ? put(txn->db, txn, key, key_size, value, value_size, attrs) : AER_MISUSE;
}

int aer_txn_get(aer_txn *txn, const void *key, size_t key_size, void **value, size_t *value_size)
{
    if (!value || !value_size) return AER_MISUSE;
    *value = NULL;
    *value_size = 0;
    return txn ? get_new(txn->db, txn, key, key_size, value, value_size) : AER_MISUSE;
}

int aer_txn_get_into(aer_txn *txn, const void *key, size_t key_size, void *buffer, size_t capacity, size_t *value_size)
{
    if (!value_size) return AER_MISUSE;
    *value_size = 0;
    return txn ? get_into(txn->db, txn, key, key_size, buffer, capacity, value_size) : AER_MISUSE;
}

int aer_txn_del(aer_txn *txn, const void *key, size_t key_size)
{
    return txn ? del(txn->db, txn, key, key_size) : AER_MISUSE;
}

static void show_entry(aer_entry *out, const struct kv_entry *entry)
{
    *out = (aer_entry){entry->seq, entry->value_size, entry->expires_ms, entry->meta, entry->meta_size};
}

int aer_txn_stat(aer_txn *txn, const void *key, size_t key_size, aer_entry *entry)
{
    struct err err = {0};
    struct kv_entry found;
    int rc;

    if (!txn || !entry) return AER_MISUSE;
    memset(entry, 0, sizeof *entry);
    rc = check_key(key, key_size, &err);
    if (rc == AER_OK) rc = aer__kv_stat(txn->db->kv, txn->kv, key, key_size, &found, &txn->hold, &err);
    if (rc == AER_OK) show_entry(entry, &found);
    return aer__db_result(txn->db, rc, &err);
}

/* ---- streams ---- */

int aer_writer_open(aer_txn *txn, const void *key, size_t key_size, const aer_attrs *attrs, aer_writer **out)
{
    struct err err = {0};
    struct kv_item item;
    aer_writer *w;
    int rc;

    if (!out) return AER_MISUSE;
    *out = NULL;
    if (!txn) return AER_MISUSE;
    rc = make_item(&item, key, key_size, NULL, 0, attrs, &err);
    w = rc ? NULL : aer__calloc(1, sizeof *w);
    if (!w) {
        if (rc == AER_OK) rc = aer__err_nomem(&err);
        aer__kv_txn_fail(txn->kv, &err);
        return aer__db_result(txn->db, rc, &err);
    }
    w->txn = txn;
    rc = aer__kv_writer_open(txn->kv, &item, &w->kv, &err);
    if (rc) {
        aer__free(w);
    } else {
        txn->children++;
        *out = w;
    }
    return aer__db_result(txn->db, rc, &err);
}

int aer_writer_write(aer_writer *w, const void *data, size_t size)
{
    struct err err = {0};

    if (!w || (!data && size)) return AER_MISUSE;
    return aer__db_result(w->txn->db, aer__kv_writer_write(w->kv, data, size, &err), &err);
}

int aer_writer_finish(aer_writer *w)
{
    struct err err = {0};
    aer_db *db;
    int rc;

    if (!w) return AER_MISUSE;
    db = w->txn->db;
    rc = aer__kv_writer_finish(w->kv, &err);
    w->txn->children--;
    aer__free(w);
    return aer__db_result(db, rc, &err);
}

void aer_writer_abandon(aer_writer *w)
{
    if (!w) return;
    aer__kv_writer_abandon(w->kv);
    w->txn->children--;
    aer__free(w);
}

int aer_reader_open(aer_txn *txn, const void *key, size_t key_size, aer_reader **out, uint64_t *value_size)
{
    struct err err = {0};
    aer_reader *r;
    int rc;

    if (!out || !value_size) return AER_MISUSE;
    *out = NULL;
    *value_size = 0;
    if (!txn) return AER_MISUSE;
    rc = check_key(key, key_size, &err);
    if (rc) return aer__db_result(txn->db, rc, &err);
    r = aer__calloc(1, sizeof *r);
    if (!r) return aer__db_result(txn->db, aer__err_nomem(&err), &err);
    r->txn = txn;
    rc = aer__kv_reader_open(txn->kv, key, key_size, &r->kv, value_size, &err);
    if (rc) {
        aer__free(r);
    } else {
        txn->children++;
        *out = r;
    }
    return aer__db_result(txn->db, rc, &err);
}

int aer_reader_read(aer_reader *r, uint64_t offset, void *buffer, size_t capacity, size_t *got)
{
    struct err err = {0};

    if (!r || !got || (!buffer && capacity)) return AER_MISUSE;
    return aer__db_result(r->txn->db, aer__kv_reader_read(r->kv, offset, buffer, capacity, got, &err), &err);
}

void aer_reader_close(aer_reader *r)
{
    if (!r) return;
    aer__kv_reader_close(r->kv);
    r->txn->children--;
    aer__free(r);
}

/* ---- ranges ---- */

static bool above(const void *key, size_t size, const char *bound)
{
    return aer__key_compare(key, size, bound, strlen(bound)) > 0;
}

/* The two parts of a range. An empty part has a bound above the other. */
static void split(const struct kv_range *range, struct kv_range part[2])
{
    static const char low[] = LAYOUT_KEY_RESERVED, high[] = LAYOUT_KEY_RESERVED_END;
    struct kv_range *below = &part[range->reverse], *beyond = &part[!range->reverse];

    *below = *beyond = *range;
    if (!range->to || above(range->to, range->to_size, low)) below->to = low, below->to_size = sizeof low - 1;
    if (!range->from || !above(range->from, range->from_size, high))
        beyond->from = high, beyond->from_size = sizeof high - 1;
}

/* Is there a key with this prefix in the part? Its bounds are those of the reserved keys, at one end at least. */
static bool may_begin(const struct kv_range *p)
{
    size_t size = p->prefix_size;

    if (p->to && aer__key_compare(p->prefix, size, p->to, p->to_size) >= 0) return false;
    if (!p->from || aer__key_compare(p->prefix, size, p->from, p->from_size) >= 0) return true;
    return aer__key_compare(p->prefix, size, p->from, AER_MIN(size, p->from_size)) >= 0;
}

static void close_parts(aer_cursor *c)
{
    for (int i = 0; i < 2; i++) aer__kv_cursor_close(c->part[i]);
}

static int open_parts(aer_cursor *c, const struct kv_range *range, struct err *err)
{
    struct kv_range part[2];
    int rc = AER_OK;

    split(range, part);
    for (int i = 0; rc == AER_OK && i < 2; i++) {
        const struct kv_range *p = &part[i];
        if (p->from && p->to && aer__key_compare(p->from, p->from_size, p->to, p->to_size) >= 0) continue;
        if (p->prefix && !may_begin(p)) continue;
        rc = aer__kv_scan(c->txn->kv, p, &c->part[i], err);
    }
    return rc;
}

int aer_scan(aer_txn *txn, const aer_range *given, aer_cursor **out)
{
    struct err err = {0};
    struct kv_range range = {0};
    aer_range r = {0};
    aer_cursor *c;
    int rc;

    if (!out) return AER_MISUSE;
    *out = NULL;
    if (!txn) return AER_MISUSE;
    if (given) {
        if (given->size == 0 || given->size > 4096)
            return aer__db_result(txn->db, aer__err_set(&err, AER_MISUSE, "range.size is not set"), &err);
        memcpy(&r, given, AER_MIN(given->size, sizeof r));
    }
    range = (struct kv_range){.from = r.from.data,
                              .from_size = r.from.data ? r.from.size : 0,
                              .to = r.to.data,
                              .to_size = r.to.data ? r.to.size : 0,
                              .prefix = r.prefix.data,
                              .prefix_size = r.prefix.data ? r.prefix.size : 0,
                              .reverse = r.flags & AER_REVERSE,
                              .keys_only = r.flags & AER_KEYS_ONLY,
                              .value_limit = r.value_limit};
    c = aer__calloc(1, sizeof *c);
    if (!c) return aer__db_result(txn->db, aer__err_nomem(&err), &err);
    c->txn = txn;
    rc = open_parts(c, &range, &err);
    if (rc) {
        close_parts(c);
        aer__free(c);
    } else {
        txn->children++;
        *out = c;
    }
    return aer__db_result(txn->db, rc, &err);
}

int aer_next(aer_cursor *c, aer_slice *key, aer_slice *value)
{
    struct err err = {0};
    int rc = AER_DONE;

    if (!c || !key || !value) return AER_MISUSE;
    *key = *value = (aer_slice){0};
    for (; rc == AER_DONE && c->at < 2; c->at += rc == AER_DONE)
        if (c->part[c->at]) rc = aer__kv_next(c->part[c->at], key, value, &err);
    return aer__db_result(c->txn->db, rc, &err);
}

int aer_cursor_entry(aer_cursor *c, aer_entry *entry)
{
    struct err err = {0};
    struct kv_entry found;
    int rc;

    if (!c || !entry) return AER_MISUSE;
    memset(entry, 0, sizeof *entry);
    if (c->at > 1 || !c->part[c->at])
        return aer__db_result(c->txn->db, aer__err_set(&err, AER_MISUSE, "the cursor is at no key"), &err);
    rc = aer__kv_cursor_entry(c->part[c->at], &found, &err);
    if (rc == AER_OK) show_entry(entry, &found);
    return aer__db_result(c->txn->db, rc, &err);
}

void aer_cursor_close(aer_cursor *c)
{
    if (!c) return;
    close_parts(c);
    c->txn->children--;
    aer__free(c);
}
