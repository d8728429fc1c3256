/* table.h -- the unmerged keys in memory: every version of a key that buckets_meta does not know yet.
 *
 * A hash table from key to its newest version; each version points to the one before. Versions are never changed or
 * removed, so any number of threads read while one thread adds; a reader takes the newest version at or below the
 * sequence number it stands at. In key order it is read through sorted runs that are made when somebody asks (like a
 * merge sort that stays half done): writers never pay for order that nobody needs.
 *
 * About 50 bytes a version, and the key. Must not know: buckets, files, values.
 */
#ifndef AER_KV_TABLE_H
#define AER_KV_TABLE_H

#include "base/base.h"

struct table;

struct version {
    const struct version *older; /* of the same key, in this table; NULL: none */
    uint64_t seq;
    uint32_t hash;  /* low half of aer__hash(key) */
    uint32_t bytes; /* of its row in the bucket, if it has one part */
    uint32_t parts; /* rows it takes; 1: a whole value or a delete */
    uint32_t key_size : 30;
    uint32_t is_delete : 1;
    uint32_t expires : 1; /* the row has an expiry time: look at it before you say the key is there */
    unsigned char key[];
};

int aer__table_new(struct table **table, struct err *err);
/* With room for as many keys as LIKE has, so that it need not grow there by steps, which costs as much memory again; as far as LIMIT bytes allow. */
int aer__table_new_like(struct table **table, const struct table *like, uint64_t limit, struct err *err);
void aer__table_free(struct table *t);
/* Have memory for COUNT versions more with KEY_BYTES of keys in all, so that adding them cannot fail. By who adds. */
int aer__table_reserve(struct table *t, size_t count, uint64_t key_bytes, struct err *err);
/* Add a version; seq must be above all of this key's. hash is aer__hash(key). One thread at a time. */
int aer__table_add(struct table *t, const void *key, size_t key_size, uint64_t hash, const struct version *like,
                   struct err *err);
/* Newest version with seq <= at; NULL: none. Any thread, also while one adds. */
const struct version *aer__table_find(struct table *t, const void *key, size_t key_size, uint64_t hash, uint64_t at);

uint64_t aer__table_count(const struct table *t);    /* versions */
uint64_t aer__table_bytes(const struct table *t);    /* memory */
uint64_t aer__table_last_seq(const struct table *t); /* 0: empty */

/* Versions in key order, for each key the newest with seq <= at, deletes included, starting at key (NULL: at the end
 * that comes first): forward key >= start (> if exclusive), reverse key <= start (< if exclusive). At most LIMIT
 * pointers into OUT; they live as long as the table. Any thread; they take turns. */
int aer__table_range(struct table *t, const void *start, size_t start_size, bool exclusive, bool reverse, uint64_t at,
                     const struct version **out, size_t limit, size_t *count, struct err *err);

/* Append to *items (aer__free) every version with after < seq <= upto, by key, of one key the newest first. */
int aer__table_versions(struct table *t, uint64_t after, uint64_t upto, const struct version ***items, size_t *count,
                        struct err *err);

#endif
