/* tree_index.c -- an index as a B+tree whose nodes are texts of its table: index/by_name/root/01/leaf. */
#include "index/index.h"

#include <stdio.h>
#include <string.h>

static int read_node(void *arg, const char *path, bool *is_leaf, void **text, size_t *size, uint64_t *sum, struct err *err)
{
    const struct index *ix = arg;
    char name[LAYOUT_FILE_SIZE];
    struct buf to = {0};
    int rc = AER_NOTFOUND;

    *text = NULL;
    for (int leaf = 1; rc == AER_NOTFOUND && leaf >= 0; leaf--) {
        *is_leaf = leaf;
        aer__layout_node(name, ix->name, path, leaf);
        rc = aer__files_sum(ix->files, &ix->place, name, sum, err);
        if (rc == AER_OK) rc = aer__files_read(ix->files, NULL, &ix->place, name, &to, sum, err);
    }
    if (rc) {
        aer__buf_release(&to);
        return rc;
    }
    *text = to.data;
    *size = to.size;
    return AER_OK;
}

static int same_node(void *arg, const char *path, bool is_leaf, uint64_t sum, bool *same, struct err *err)
{
    const struct index *ix = arg;
    char name[LAYOUT_FILE_SIZE];
    uint64_t now;
    int rc;

    aer__layout_node(name, ix->name, path, is_leaf);
    rc = aer__files_sum(ix->files, &ix->place, name, &now, err);
    *same = rc == AER_OK && now == sum;
    return rc == AER_NOTFOUND ? AER_OK : rc;
}

static void name_node(void *arg, const char *path, bool is_leaf, char *to, size_t to_size)
{
    const struct index *ix = arg;
    char name[LAYOUT_FILE_SIZE], whole[LAYOUT_TABLE_PATH_SIZE];

    aer__layout_node(name, ix->name, path, is_leaf);
    aer__layout_table_path(whole, ix->place.name, name);
    snprintf(to, to_size, "%s", whole);
}

int aer__index_open_tree(struct index *ix, struct tree_cache *cache, unsigned fanout, struct err *err)
{
    struct tree_store store = {.arg = ix, .nested = !ix->place.records, .read = read_node, .same = same_node, .name = name_node};

    return aer__tree_open(&store, cache, fanout, ix->columns, &ix->tree, err);
}

/* The entry is said to be there, or not to be: the index does not fit the rows. */
static int astray(const struct index *ix, int rc, struct err *err)
{
    if (rc != AER_EXISTS && rc != AER_NOTFOUND) return rc;
    return aer__err_set(err, AER_CORRUPT, "index '%s' of table '%s' does not fit its rows: `aerials index rebuild %s %s`",
                        ix->name, ix->place.name, ix->place.name, ix->name);
}

int aer__index_insert(const struct index *ix, const struct index_txn *t, const struct tree_key *key, bool has_null,
                      const char *id, struct err *err)
{
    if (ix->tree) return astray(ix, aer__tree_insert(ix->tree, key, id, err), err);
    return aer__index_kv_insert(ix, t->txn, key, has_null, id, err);
}

int aer__index_remove(const struct index *ix, const struct index_txn *t, const struct tree_key *key, bool has_null,
                      const char *id, struct err *err)
{
    if (ix->tree) return astray(ix, aer__tree_remove(ix->tree, key, id, err), err);
    return astray(ix, aer__index_kv_remove(ix, t->txn, key, has_null, id, err), err);
}

struct first {
    const void *bytes;
    size_t size;
    char *id;
};

static int take_first(void *arg, const struct tree_key *key, const char *id)
{
    struct first *f = arg;

    if (key->size != f->size || memcmp(key->bytes, f->bytes, f->size) != 0) return AER_DONE;
    snprintf(f->id, LAYOUT_ROW_ID_SIZE, "%s", id);
    return AER_OK;
}

int aer__index_find(const struct index *ix, const struct index_txn *t, const void *bytes, size_t size,
                    char id[LAYOUT_ROW_ID_SIZE], struct err *err)
{
    struct first first = {bytes, size, id};
    struct tree_bound from = {.bytes = bytes, .size = size};
    int rc;

    id[0] = '\0';
    if (!ix->tree) return aer__index_kv_find(ix, t->txn, bytes, size, id, err);
    rc = aer__tree_scan(ix->tree, t->write, &from, false, 1, take_first, &first, err);
    if (rc && rc != AER_DONE) return rc;
    return id[0] ? AER_OK : AER_NOTFOUND;
}

int aer__index_scan(const struct index *ix, const struct index_txn *t, const struct tree_bound *from, bool reverse,
                    uint64_t limit, tree_entry_fn fn, void *arg, struct err *err)
{
    return ix->tree ? aer__tree_scan(ix->tree, t->write, from, reverse, limit, fn, arg, err)
                    : aer__index_kv_scan(ix, t->txn, from, reverse, limit, fn, arg, err);
}

int aer__index_scan_beyond(const struct index *ix, const struct index_txn *t, const void *bytes, size_t size,
                           const char *id, bool reverse, uint64_t limit, tree_entry_fn fn, void *arg, struct err *err)
{
    return ix->tree ? aer__tree_scan_beyond(ix->tree, t->write, bytes, size, id, reverse, limit, fn, arg, err)
                    : aer__index_kv_scan_beyond(ix, t->txn, bytes, size, id, reverse, limit, fn, arg, err);
}
