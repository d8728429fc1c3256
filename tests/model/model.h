/* model.h -- what a database should hold: a map in memory that remembers its past.
 *
 * For: the tests of this folder. Must not know: the library; nothing here calls it.
 *
 * The keys are chosen beforehand and stand in one sorted array, so a key is a number and the order of keys is
 * the order of numbers. Each key has a chain of versions, the newest first, stamped with the number of the
 * write that made it. A snapshot is therefore one number, the stamp of its moment: of each key it sees the
 * newest version whose stamp is not above. A rollback drops the versions above the last commit.
 *
 * A value is not kept. It is made of a seed and a size, any stretch of it at any time.
 */
#ifndef AER_TEST_MODEL_H
#define AER_TEST_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_PINS 16
#define META_SIZE 64                             /* bytes that value_meta needs */
#define EXPIRED_BEFORE_MS INT64_C(1500000000000) /* in 2017: what expires before that has expired */

struct value {
    bool present; /* false: deleted */
    uint64_t seed, size;
    int64_t expires_ms; /* 0: never */
    uint64_t meta;      /* 0: none */
};

struct version {
    uint64_t stamp;
    struct value value;
    struct version *older;
};

struct model_key {
    unsigned char *bytes;
    size_t size;
    struct version *newest; /* NULL: never written */
};

struct model {
    struct model_key *keys; /* sorted as memcmp does, each once */
    size_t count, capacity;
    const char *prefix;        /* every key starts with it */
    uint64_t stamp;            /* of the last write, committed or not */
    uint64_t committed;        /* of the last write that is committed */
    uint64_t pins[MODEL_PINS]; /* moments that must stay visible; 0: free */
};

/* ---- keys ---- */

/* PREFIX must outlive the model. */
void model_init(struct model *m, const char *prefix);
void model_release(struct model *m);
/* Add a key, the prefix before it; at the greatest size its first bytes make room. Then, once all are in, sort. */
void model_add_key(struct model *m, const void *bytes, size_t size);
void model_sort_keys(struct model *m);
/* About COUNT keys that collide, share long prefixes, are prefixes of one another or hold any byte. */
void model_add_keys(struct model *m, size_t count, uint64_t *random);
/* The number of the first key that is not below BYTES; m->count if all are. */
size_t model_lower_bound(const struct model *m, const void *bytes, size_t size);

/* ---- versions ---- */

void model_write(struct model *m, size_t key, const struct value *value);
void model_commit(struct model *m);
void model_rollback(struct model *m);
/* The version of KEY at a moment, NULL if there is none that a reader sees (never written, deleted, expired). */
const struct value *model_get(const struct model *m, uint64_t stamp, size_t key);
/* The same, but an expired version counts as there. */
const struct value *model_get_stored(const struct model *m, uint64_t stamp, size_t key);
/* The last commit, kept visible until model_unpin. */
uint64_t model_pin(struct model *m);
void model_unpin(struct model *m, uint64_t stamp);

/* ---- values ---- */

/* Bytes [offset, offset + size) of the value. */
void value_bytes(const struct value *value, uint64_t offset, void *bytes, size_t size);
bool value_equal(const struct value *value, uint64_t offset, const void *bytes, size_t size);
/* The meta text of a value whose meta is not 0; gives its length. */
size_t value_meta(const struct value *value, char meta[META_SIZE]);

#endif
