/* kv_index.c -- an index as keys of the key-value store.
 *
 *   unique, no null     "\xfftbl7/i3/" key              value: id
 *   else                "\xfftbl7/i3/" key id           no value
 *
 * The bytes of keys are never the beginning of other keys' bytes, so what follows them does not change the order, and the
 * last 20 bytes of an entry without a value are its id.
 */
#include "index/index.h"

#include <string.h>

#define ID_BYTES (LAYOUT_ROW_ID_SIZE - 1)

struct entry_key {
    unsigned char bytes[LAYOUT_KEY_SIZE + INDEX_KEY_MAX + LAYOUT_ROW_ID_SIZE + 8];
    size_t size, prefix;
};

static void append(struct entry_key *k, const void *bytes, size_t size)
{
    if (size > sizeof k->bytes - k->size) size = sizeof k->bytes - k->size; /* no key is that long */
    if (size) memcpy(k->bytes + k->size, bytes, size);
    k->size += size;
}

static void begin(struct entry_key *k, const struct index *ix, const void *bytes, size_t size)
{
    k->prefix = k->size = aer__layout_table_key((char *)k->bytes, ix->place.table, ix->number);
    append(k, bytes, size);
}

/* The first bytes that no key beginning with k begins with: for a bound behind all of those. */
static void step_over(struct entry_key *k)
{
    while (k->size && k->bytes[k->size - 1] == 0xff) k->size--;
    if (k->size) k->bytes[k->size - 1]++;
}

int aer__index_kv_insert(const struct index *ix, struct kv_txn *txn, const struct tree_key *key, bool has_null,
                         const char *id, struct err *err)
{
    bool single = ix->unique && !has_null;
    struct entry_key k;
    struct kv_item item = {.key = k.bytes, .value = single ? id : "", .value_size = single ? ID_BYTES : 0};

    begin(&k, ix, key->bytes, key->size);
    if (!single) append(&k, id, ID_BYTES);
    item.key_size = k.size;
    return aer__kv_txn_put(txn, &item, err);
}

int aer__index_kv_remove(const struct index *ix, struct kv_txn *txn, const struct tree_key *key, bool has_null,
                         const char *id, struct err *err)
{
    struct entry_key k;

    begin(&k, ix, key->bytes, key->size);
    if (!ix->unique || has_null) append(&k, id, ID_BYTES);
    return aer__kv_txn_del(txn, k.bytes, k.size, err);
}

int aer__index_kv_find(const struct index *ix, struct kv_txn *txn, const void *bytes, size_t size,
                       char id[LAYOUT_ROW_ID_SIZE], struct err *err)
{
    struct kv_value value = {.buffer = id, .capacity = ID_BYTES};
    struct entry_key k;
    int rc;

    begin(&k, ix, bytes, size);
    rc = aer__kv_get(ix->kv, txn, k.bytes, k.size, &value, err);
    id[rc == AER_OK ? value.size : 0] = '\0';
    if (rc == AER_INVALID || (rc == AER_OK && !aer__layout_row_id_ok(id)))
        return aer__err_set(err, AER_CORRUPT, "index '%s' of table '%s': an entry is no row's id", ix->name, ix->place.name);
    return rc;
}

struct scan {
    const struct index *ix;
    const struct entry_key *beyond; /* this very entry is passed over; NULL: none */
    size_t prefix;
    tree_entry_fn fn;
    void *arg;
};

static int give(const struct scan *s, const aer_slice *key, const aer_slice *value, struct err *err)
{
    struct tree_key entry = {.bytes = (const unsigned char *)key->data + s->prefix, .size = key->size - s->prefix};
    char id[LAYOUT_ROW_ID_SIZE] = "";

    if (s->beyond && key->size == s->beyond->size && memcmp(key->data, s->beyond->bytes, key->size) == 0) return AER_OK;
    if (value->size == ID_BYTES) {
        memcpy(id, value->data, ID_BYTES);
    } else if (value->size == 0 && entry.size >= ID_BYTES) {
        entry.size -= ID_BYTES;
        memcpy(id, (const unsigned char *)entry.bytes + entry.size, ID_BYTES);
    }
    if (!aer__layout_row_id_ok(id))
        return aer__err_set(err, AER_CORRUPT, "index '%s' of table '%s': an entry has no row's id", s->ix->name,
                            s->ix->place.name);
    return s->fn(s->arg, &entry, id);
}

/* Entries from bound on, which is included forward and not in reverse. */
static int scan(const struct scan *s, struct kv_txn *txn, const struct entry_key *bound, bool reverse, uint64_t limit,
                struct err *err)
{
    struct entry_key all;
    /* Without unique the id is in the key, and no row needs to be read. */
    struct kv_range range = {.prefix = all.bytes, .reverse = reverse, .keys_only = !s->ix->unique};
    struct kv_cursor *c;
    aer_slice key, value;
    int rc;

    begin(&all, s->ix, NULL, 0);
    range.prefix_size = all.size;
    if (bound && reverse) range.to = bound->bytes, range.to_size = bound->size;
    else if (bound) range.from = bound->bytes, range.from_size = bound->size;
    rc = aer__kv_scan(txn, &range, &c, err);
    if (rc) return rc;
    for (uint64_t i = 0; rc == AER_OK && (limit == 0 || i < limit); i++) {
        rc = aer__kv_next(c, &key, &value, err);
        if (rc == AER_OK) rc = give(s, &key, &value, err);
    }
    aer__kv_cursor_close(c);
    return rc == AER_DONE ? AER_OK : rc;
}

int aer__index_kv_scan(const struct index *ix, struct kv_txn *txn, const struct tree_bound *from, bool reverse,
                       uint64_t limit, tree_entry_fn fn, void *arg, struct err *err)
{
    struct scan s = {.ix = ix, .fn = fn, .arg = arg};
    struct entry_key bound;

    begin(&bound, ix, from->bytes, from->size);
    s.prefix = bound.prefix;
    if (from->after) step_over(&bound);
    return scan(&s, txn, from->bytes ? &bound : NULL, reverse, limit, err);
}

int aer__index_kv_scan_beyond(const struct index *ix, struct kv_txn *txn, const void *bytes, size_t size,
                              const char *id, bool reverse, uint64_t limit, tree_entry_fn fn, void *arg, struct err *err)
{
    struct scan s = {.ix = ix, .fn = fn, .arg = arg};
    struct entry_key bound, single;

    begin(&bound, ix, bytes, size);
    begin(&single, ix, bytes, size);
    append(&bound, id, ID_BYTES);
    if (!reverse) append(&bound, "", 1); /* behind it */
    s.prefix = bound.prefix;
    s.beyond = &single; /* an entry whose id is its value stands before the bound in reverse, too */
    return scan(&s, txn, &bound, reverse, limit, err);
}

int aer__index_kv_clear(struct kv_txn *txn, const char *prefix, size_t prefix_size, size_t limit, size_t *count,
                        struct err *err)
{
    struct kv_range range = {.prefix = prefix, .prefix_size = prefix_size, .keys_only = true};
    struct kv_cursor *c;
    aer_slice key, value;
    int rc = aer__kv_scan(txn, &range, &c, err);

    *count = 0;
    if (rc) return rc;
    while (rc == AER_OK && *count < limit) {
        rc = aer__kv_next(c, &key, &value, err);
        if (rc == AER_OK) rc = aer__kv_txn_del(txn, key.data, key.size, err);
        if (rc == AER_OK) ++*count;
    }
    aer__kv_cursor_close(c);
    return rc == AER_DONE ? AER_OK : rc;
}
