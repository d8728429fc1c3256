/* inside.h -- what the files of the tree share. Nobody else includes it.
 *
 *   key.c     values as bytes                     node.c    a node in memory
 *   text.c    a node as text                      cache.c   committed nodes of all trees
 *   tree.c    open, close, the way to a node      change.c  insert and remove
 *   balance.c split, merge, move entries          tell.c    what changed; commit and rollback
 *   scan.c    entries in order                    build.c   a whole tree from sorted entries
 *   check.c   look at everything
 *
 * There are two sorts of nodes. Those in the cache say what was committed; they never change, are found by their path, and are held by a
 * count while somebody looks at them. Those of the writer, dirty ones, are copies that hang on their parents by pointers, from tree->root down.
 * Where a dirty node lies is known by its place below the root alone: node->path is where it was when it was read, NULL for a new
 * one. So a node can go to another parent, or a root become a child, without a look at what is below it. A child that is not dirty
 * is still at its old place: kid.from, or kid.name below node->path. Only tell.c compares old and new places.
 */
#ifndef AER_INDEX_INSIDE_H
#define AER_INDEX_INSIDE_H

#include "index/key.h"
#include "index/tree.h"

#define NAME_MAX_SIZE 8 /* of a child's name, two at least */
#define NAME_MIN_SIZE 2
#define ROOT "root"

/* ---- key.c ---- */

int aer__index_put_string(struct buf *to, unsigned char tag, const char *text, size_t size, struct err *err);
int aer__index_put_integer(struct buf *to, int64_t number, struct err *err);
#define INDEX_NULL 0x01
#define INDEX_FALSE 0x02
#define INDEX_TRUE 0x03
#define INDEX_STRING 0x05
/* Append the canonical text of a value. */
int aer__index_text(struct buf *to, const json_t *value, struct err *err);

/* ---- node.c ---- */

/* Key, its JSON and the id lie one behind the other in node->bytes. In an internal node it is a child's bound: no id if
 * it is the key alone; nothing at all (key_size 0) for the last one's. */
struct entry {
    uint64_t head; /* the first eight bytes of the key: most comparisons end there */
    uint32_t at;
    uint16_t key_size, json_size;
    uint8_t id_size;
};

/* The child below a bound. */
struct kid {
    struct node *node; /* dirty; NULL: not */
    char *from;        /* not dirty, and its parent is another one now: its path */
    char name[NAME_MAX_SIZE + 1];
};

struct node {
    bool leaf;
    bool dirty;
    bool changed; /* dirty: its own text did, not only that of one below it */
    uint32_t count, room;
    struct entry *entries;
    struct kid *kids; /* of an internal node; as many */
    unsigned char *bytes;
    uint32_t used, bytes_room, dead;
    uint32_t text;   /* size as text, or little less */
    char *path;      /* cached: where it is; dirty: where it was, NULL if nowhere */
    char *next_path; /* dirty: where it will be, as told last */
    uint64_t sum;
    /* the cache's */
    const struct tree *tree;
    uint64_t hash, epoch;
    struct node *next_in_slot, *newer, *older;
    unsigned holders;
    bool cached;
};

struct record {
    const unsigned char *key;
    const char *json, *id;
    size_t key_size, json_size, id_size;
};

/* Where a search wants to go: the place in front of or behind all that equals. */
struct target {
    const unsigned char *key;
    size_t key_size;
    const char *id; /* with prefix: not looked at */
    size_t id_size;
    uint64_t head;
    bool prefix; /* keys that begin with KEY equal it */
    bool behind;
};

struct node *aer__node_new(bool leaf); /* dirty; NULL: no memory */
void aer__node_free(struct node *node);
void aer__node_free_all(struct node *node);                               /* with the dirty ones below it */
struct node *aer__node_clone(const struct node *node);                    /* dirty, unchanged */
int aer__node_reserve(struct node *node, uint32_t entries, size_t bytes); /* of an empty node */
size_t aer__node_size(const struct node *node);
void aer__node_trim(struct node *node);
void aer__node_clear(struct node *node);
struct record aer__node_record(const struct node *node, uint32_t i);
/* Make room for one more entry at I, with these bytes; an internal node's kid there is zeros. AER_OK, AER_NOMEM without a message. */
int aer__node_put(struct node *node, uint32_t i, const struct record *record);
int aer__node_set(struct node *node, uint32_t i, const struct record *record); /* NULL: no bound */
void aer__node_cut(struct node *node, uint32_t first, uint32_t count);         /* what kids own is the caller's */
/* How many entries lie in front of the target; of an internal node, bounds that it is not below: the child's index. */
uint32_t aer__node_find(const struct node *node, const struct target *target, bool *equal);
struct target aer__node_target(const void *key, size_t key_size, const char *id, size_t id_size);
int aer__node_compare(const struct node *a, uint32_t i, const struct node *b, uint32_t j);
bool aer__node_same_key(const struct node *a, uint32_t i, const struct node *b, uint32_t j);
uint32_t aer__node_entry_text(const struct node *node, uint32_t i);

/* ---- text.c ---- */

/* AER_CORRUPT: why is the reason, with the line. */
int aer__node_read(const char *text, size_t size, bool leaf, unsigned columns, struct node **node, struct err *why);
int aer__node_write(const struct node *node, struct buf *to); /* AER_NOMEM without a message */
bool aer__node_name_ok(const char *name, size_t size, size_t least, size_t most);

/* ---- cache.c; each locks it ---- */

/* The node, held; NULL: it is not there. */
struct node *aer__cache_get(struct tree_cache *cache, const struct tree *tree, const char *path);
/* Put in a node, held once if `hold`; if one with its path came in before, that is held and answered, and this freed. */
struct node *aer__cache_put(struct tree_cache *cache, const struct tree *tree, struct node *node, bool hold);
void aer__cache_let(struct tree_cache *cache, struct node *node);
void aer__cache_drop(struct tree_cache *cache, const struct tree *tree, const char *path); /* NULL: all of the tree */
uint64_t aer__cache_epoch(struct tree_cache *cache, const struct node *node);
void aer__cache_set_epoch(struct tree_cache *cache, struct node *node, uint64_t epoch);

/* ---- tree.c ---- */

/* Paths with their kinds, each once. "Lroot/01" is a leaf, "Iroot" internal. */
struct path_set {
    struct buf text; /* one behind the other, with a NUL each */
    uint32_t *slots; /* place in text + 1 */
    uint32_t count, slot_count;
};

int aer__path_set_add(struct path_set *set, bool leaf, const char *path); /* AER_NOMEM without a message */
bool aer__path_set_has(const struct path_set *set, const char *entry);
void aer__path_set_clear(struct path_set *set);

struct tree {
    struct tree_store store;
    struct tree_cache *cache;
    unsigned fanout, columns;
    uint64_t epoch;       /* cached nodes of another one are looked at again */
    struct node *root;    /* dirty; NULL: nothing is */
    bool touched;         /* something was changed, not only made dirty */
    struct path_set gone; /* committed nodes that are not in the dirty tree any more */
    bool rebuilt;         /* aer__tree_build made all anew */
    uint64_t next_name;   /* of a flat tree */
    /* what was told last */
    bool told;
    struct path_set before, after;
};

/* What entries of a node must lie between: low <= entry < high. */
struct edge {
    const struct node *node; /* NULL: none */
    uint32_t at;
};
struct range {
    struct edge low, high;
};
struct range aer__range_below(const struct range *range, const struct node *node, uint32_t i);

/* The way from the root to a leaf. Cached nodes on it are held. */
struct step {
    struct node *node;
    uint32_t at; /* the child taken, or the place in the leaf */
    struct range range;
};
struct way {
    struct step step[TREE_HEIGHT_MAX];
    unsigned depth; /* steps that there are */
};

int aer__tree_corrupt(const struct tree *tree, struct err *err, const char *path, bool leaf, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* The committed node at PATH, held. */
int aer__tree_node(struct tree *tree, const char *path, const struct range *range, struct node **node, struct err *err);
void aer__tree_let(struct tree *tree, struct node *node); /* also a dirty one, or NULL: nothing happens */
/* The child I of a node: dirty, or committed and held. */
int aer__tree_child(struct tree *tree, const struct step *parent, uint32_t i, struct node **node, struct err *err);
int aer__tree_root(struct tree *tree, bool write, struct node **node, struct err *err);
int aer__tree_join(const struct tree *tree, char path[TREE_PATH_SIZE], const char *parent, const char *name, struct err *err);
/* Where the child I, not dirty, is in the store. */
int aer__tree_kid_path(const struct tree *tree, char path[TREE_PATH_SIZE], const struct node *parent, uint32_t i,
                       struct err *err);
/* Append the step below the last one. AER_CORRUPT: too deep. */
int aer__way_down(struct tree *tree, struct way *way, struct err *err);
int aer__way_find(struct tree *tree, struct way *way, bool write, const struct target *target, bool *equal, struct err *err);
void aer__way_leave(struct tree *tree, struct way *way);
/* Make the nodes on the way dirty. */
int aer__way_own(struct tree *tree, struct way *way, struct err *err);
/* Make the child I of a dirty step dirty. */
int aer__tree_own(struct tree *tree, const struct step *parent, uint32_t i, struct node **node, struct err *err);

/* ---- balance.c ---- */

bool aer__node_full(const struct tree *tree, const struct node *node);
bool aer__node_thin(const struct tree *tree, const struct node *node, uint32_t less);
/* Split nodes on the way that are too full, from the leaf up. */
int aer__balance_split(struct tree *tree, struct way *way, struct err *err);
/* Merge or fill those that are too thin; neighbours were made dirty by aer__balance_prepare, which changes nothing. */
int aer__balance_prepare(struct tree *tree, struct way *way, struct err *err);
int aer__balance_merge(struct tree *tree, struct way *way, struct err *err);
void aer__index_name(char name[NAME_MAX_SIZE + 1], uint64_t number, unsigned width);

#endif
