/* heap.h -- the rows of a table, by id: one narrow interface, and what is behind it.
 *
 *   files     a file each, data/XX/YY/...
 *   gdbm      a record each in data.gdbm, under the same name
 *   buckets   a value each in the key-value store
 *
 * A row is its canonical JSON text, newline included. Must not know: columns, indexes.
 */
#ifndef AER_HEAP_H
#define AER_HEAP_H

#include "base/base.h"
#include "files/files.h"
#include "kv/kv.h"
#include "layout/layout.h"

struct heap {
    int storage; /* AER_STORAGE_... */
    struct place place;
    struct files *files;
    struct kv *kv;
};

/* Whose eyes: txn NULL: the newest committed state. changes: those of a write transaction. */
struct heap_txn {
    struct kv_txn *txn;
    struct changes *changes;
};

/* The row's text, appended to TO. AER_NOTFOUND, no message. */
int aer__heap_get(const struct heap *h, const struct heap_txn *t, const char *id, struct buf *to, struct err *err);
/* A new row under an id nobody knows; and away with one that is there. */
int aer__heap_put(const struct heap *h, const struct heap_txn *t, const char *id, const void *text, size_t size,
                  struct err *err);
int aer__heap_del(const struct heap *h, const struct heap_txn *t, const char *id, struct err *err);
/* Ids above AFTER ("" for all) in order, at most LIMIT. fn non-zero stops and is returned. */
int aer__heap_list(const struct heap *h, const struct heap_txn *t, const char *after, size_t limit,
                   int (*fn)(void *arg, const char *id), void *arg, struct err *err);

#endif
