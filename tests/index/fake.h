/* fake.h -- a store of nodes in memory, and a sorted array to compare a tree with. */
#ifndef AER_TEST_FAKE_H
#define AER_TEST_FAKE_H

#include "index/key.h"
#include "index/tree.h"
#include "testing.h"

struct fake_node {
    char *path;
    bool leaf;
    void *text;
    size_t size;
};

struct fake {
    bool nested;
    struct fake_node *nodes; /* a hash table of path and kind */
    size_t room, used;       /* used: with those that were removed, path NULL */
    uint64_t reads;
    struct fake_node *staged; /* text NULL: a removal */
    size_t staged_count, staged_room;
};

/* A store with nothing in it, freed at the end of the test program. */
void fake_init(struct fake *fake, bool nested);
void fake_release(struct fake *fake);
struct tree_store fake_store(struct fake *fake);
void fake_set(struct fake *fake, const char *path, bool leaf, const void *text, size_t size);
void fake_remove(struct fake *fake, const char *path, bool leaf);
const struct fake_node *fake_get(const struct fake *fake, const char *path, bool leaf);
size_t fake_count(const struct fake *fake);
/* Ask the tree for its changes, check their form, and keep them; twice, with one result. */
int fake_stage(struct fake *fake, struct tree *tree, struct err *err);
void fake_unstage(struct fake *fake);
/* Apply what was staged, then tell the tree. */
void fake_commit(struct fake *fake, struct tree *tree);
int fake_emit(void *fake, const char *path, bool is_leaf, const void *text, size_t size, struct err *err);
void fake_apply(struct fake *fake);

struct fake_key {
    struct tree_key key;
    unsigned char bytes[128];
    char json[128];
};
/* A key of this JSON text, or of several in a list. */
void fake_key(struct fake_key *key, unsigned columns, const char *json);
/* The n-th of a family of keys, in no order; n and n are the same key. */
void fake_nth_key(struct fake_key *key, unsigned columns, uint64_t n);
void fake_nth_id(char id[TREE_ID_MAX + 1], uint64_t n);

/* Entries by (key, id). */
struct model_entry {
    struct fake_key *key;
    char id[TREE_ID_MAX + 1];
};
struct model {
    struct model_entry *entries;
    size_t count, room;
};
size_t model_find(const struct model *m, const void *bytes, size_t size, const char *id, bool *found);
void model_insert(struct model *m, size_t at, const struct fake_key *key, const char *id);
void model_remove(struct model *m, size_t at);
void model_copy(struct model *to, const struct model *from);
void model_release(struct model *m);
/* Scan the tree whole, forward and backward. */
void model_check(const struct model *m, struct tree *tree, bool write);

/* Operations of a random test: $AERIALS_OPS, or this, an eighth of it under a sanitizer. */
uint64_t fake_ops(uint64_t plain);

#endif
