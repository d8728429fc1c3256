/* kinds.h -- what a kind of heap does; for src/heap only. */
#ifndef AER_HEAP_KINDS_H
#define AER_HEAP_KINDS_H

#include "heap/heap.h"

struct heap_kind {
    int (*get)(const struct heap *h, const struct heap_txn *t, const char *id, struct buf *to, struct err *err);
    int (*put)(const struct heap *h, const struct heap_txn *t, const char *id, const void *text, size_t size,
               struct err *err);
    int (*del)(const struct heap *h, const struct heap_txn *t, const char *id, struct err *err);
    int (*list)(const struct heap *h, const struct heap_txn *t, const char *after, size_t limit,
                int (*fn)(void *arg, const char *id), void *arg, struct err *err);
};

extern const struct heap_kind aer__heap_buckets;

#endif
