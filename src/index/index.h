/* index.h -- the ordered entries of one index: (key, id), one narrow interface, and what is behind it.
 *
 *   files, gdbm   a B+tree of small texts (tree.h, tree_index.c)
 *   buckets       keys of the key-value store (kv_index.c)
 *
 * An entry's key comes as bytes in order (key.h) and as JSON. Calls need the caller's lock. Must not know: rows, columns.
 */
#ifndef AER_INDEX_H
#define AER_INDEX_H

#include "base/base.h"
#include "files/files.h"
#include "index/key.h"
#include "index/tree.h"
#include "kv/kv.h"
#include "layout/layout.h"

struct index {
    char name[LAYOUT_NAME_MAX + 1];
    unsigned number; /* within its table, never used again */
    unsigned columns;
    bool unique;
    struct place place; /* of its table */
    struct files *files;
    struct kv *kv;
    struct tree *tree; /* NULL: kind buckets */
};

/* tree_index.c: open the tree of an index (nothing is read yet). */
int aer__index_open_tree(struct index *ix, struct tree_cache *cache, unsigned fanout, struct err *err);

/* In a transaction txn (NULL, for reading: the newest committed state); write: it is a write transaction. */
struct index_txn {
    struct kv_txn *txn;
    bool write;
};

int aer__index_insert(const struct index *ix, const struct index_txn *t, const struct tree_key *key, bool has_null,
                      const char *id, struct err *err);
int aer__index_remove(const struct index *ix, const struct index_txn *t, const struct tree_key *key, bool has_null,
                      const char *id, struct err *err);
/* The first id under exactly this key, which has no null and whose index is unique. AER_NOTFOUND, no message. */
int aer__index_find(const struct index *ix, const struct index_txn *t, const void *bytes, size_t size,
                    char id[LAYOUT_ROW_ID_SIZE], struct err *err);
/* As aer__tree_scan and aer__tree_scan_beyond; key->json may be NULL. */
int aer__index_scan(const struct index *ix, const struct index_txn *t, const struct tree_bound *from, bool reverse,
                    uint64_t limit, tree_entry_fn fn, void *arg, struct err *err);
int aer__index_scan_beyond(const struct index *ix, const struct index_txn *t, const void *bytes, size_t size,
                           const char *id, bool reverse, uint64_t limit, tree_entry_fn fn, void *arg, struct err *err);

/* kv_index.c */
int aer__index_kv_insert(const struct index *ix, struct kv_txn *txn, const struct tree_key *key, bool has_null,
                         const char *id, struct err *err);
int aer__index_kv_remove(const struct index *ix, struct kv_txn *txn, const struct tree_key *key, bool has_null,
                         const char *id, struct err *err);
int aer__index_kv_find(const struct index *ix, struct kv_txn *txn, const void *bytes, size_t size,
                       char id[LAYOUT_ROW_ID_SIZE], struct err *err);
int aer__index_kv_scan(const struct index *ix, struct kv_txn *txn, const struct tree_bound *from, bool reverse,
                       uint64_t limit, tree_entry_fn fn, void *arg, struct err *err);
int aer__index_kv_scan_beyond(const struct index *ix, struct kv_txn *txn, const void *bytes, size_t size, const char *id,
                              bool reverse, uint64_t limit, tree_entry_fn fn, void *arg, struct err *err);
/* Remove all entries, at most LIMIT; *count: how many there were. */
int aer__index_kv_clear(struct kv_txn *txn, const char *prefix, size_t prefix_size, size_t limit, size_t *count,
                        struct err *err);

#endif
