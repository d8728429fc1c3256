/* buckets.c -- rows as values of the key-value store: "\xfftbl7/d/" and the id is the key. */
#include "heap/kinds.h"

#include <string.h>

struct row_key {
    char bytes[LAYOUT_KEY_SIZE + LAYOUT_ROW_ID_SIZE];
    size_t size;
};

static struct row_key key_of(const struct heap *h, const char *id)
{
    struct row_key key;
    size_t prefix = aer__layout_table_key(key.bytes, h->place.table, 0), size = strlen(id);

    memcpy(key.bytes + prefix, id, size);
    key.size = prefix + size;
    return key;
}

static int get(const struct heap *h, const struct heap_txn *t, const char *id, struct buf *to, struct err *err)
{
    struct row_key key = key_of(h, id);
    struct kv_value value = {0};
    int rc = aer__kv_get(h->kv, t->txn, key.bytes, key.size, &value, err);

    if (rc) return rc;
    if (aer__buf_reserve(to, value.size + 1)) rc = aer__err_nomem(err);
    if (rc == AER_OK) {
        aer__buf_append(to, value.buffer, value.size);
        to->data[to->size] = '\0';
    }
    aer__free(value.buffer);
    return rc;
}

static int put(const struct heap *h, const struct heap_txn *t, const char *id, const void *text, size_t size, struct err *err)
{
    struct row_key key = key_of(h, id);
    struct kv_item item = {.key = key.bytes, .key_size = key.size, .value = text, .value_size = size};

    return aer__kv_txn_put(t->txn, &item, err);
}

static int del(const struct heap *h, const struct heap_txn *t, const char *id, struct err *err)
{
    struct row_key key = key_of(h, id);

    return aer__kv_txn_del(t->txn, key.bytes, key.size, err);
}

static int list(const struct heap *h, const struct heap_txn *t, const char *after, size_t limit,
                int (*fn)(void *arg, const char *id), void *arg, struct err *err)
{
    struct row_key prefix = key_of(h, ""), from = key_of(h, after);
    struct kv_range range = {.prefix = prefix.bytes,
                             .prefix_size = prefix.size,
                             .from = from.bytes,
                             .from_size = from.size + (after[0] ? 1 : 0), /* with the NUL: the next one */
                             .keys_only = true};
    struct kv_cursor *c;
    aer_slice key, value;
    int rc;

    from.bytes[from.size] = '\0';
    rc = aer__kv_scan(t->txn, &range, &c, err);
    if (rc) return rc;
    for (size_t i = 0; rc == AER_OK && i < limit; i++) {
        char id[LAYOUT_ROW_ID_SIZE] = "";
        rc = aer__kv_next(c, &key, &value, err);
        if (rc) break;
        if (key.size - prefix.size == sizeof id - 1) memcpy(id, (const char *)key.data + prefix.size, sizeof id - 1);
        rc = aer__layout_row_id_ok(id) ? fn(arg, id)
                                       : aer__err_set(err, AER_CORRUPT, "table '%s': a key is no row's", h->place.name);
    }
    aer__kv_cursor_close(c);
    return rc == AER_DONE ? AER_OK : rc;
}

const struct heap_kind aer__heap_buckets = {get, put, del, list};
