/* tree.h -- a B+tree whose nodes are small named texts: files in directories, or records.
 *
 *   leaf      a JSON list of [key, id]                    one entry a line
 *   internal  a JSON list of [key, child]                 or [key, child, id]; the last one is [null, child]: no bound
 *
 * All entries are ordered by (key, id). Every entry below a child is less than that child's bound: with two members in the list, its key is
 * less; with three, (key, id) is. The third is there only where entries of one key lie on both sides. A root is called "root"; children of a
 * nested tree lie below their parent ("root/01/03"), of a flat one beside each other ("01"). Child names: two characters or more of 0-9 A-Z.
 *
 * A full node splits in two; one less than a quarter full is merged with a neighbour or takes from it. Directories are never moved: where a node's children get
 * another parent, they are written anew below it and removed at the old place. That costs a share of one node's bytes an
 * insert and a level, and keeps each change a plain list of (path, new bytes), which can be applied twice.
 *
 * Changes stay in memory until aer__tree_changes hands them out; aer__tree_commit makes them what readers see, aer__tree_rollback forgets them. Readers
 * (write false) never see them before. A tree needs the caller's lock around each call. Nodes are kept in a cache that all trees of a handle share.
 *
 * Must not know: files, tables, what ids are (1 to 32 bytes of 0-9 A-Z).
 */
#ifndef AER_INDEX_TREE_H
#define AER_INDEX_TREE_H

#include "base/base.h"

#define TREE_FANOUT_MIN 4
#define TREE_FANOUT_MAX 1024
#define TREE_HEIGHT_MAX 16
#define TREE_NODE_BYTES 65536 /* a node above this many bytes of text splits, too, if it has two entries */
#define TREE_ID_MAX 32
#define TREE_PATH_SIZE 160

/* Where nodes are. Paths are "root", "root/01" (nested) or "root", "01" (flat). */
struct tree_store {
    void *arg;
    bool nested;
    /* The node's text, in a new block (aer__free). AER_NOTFOUND without a message: there is none at PATH (neither leaf nor internal).
     * Any other code comes with a message that names the file. *sum is what `same` is asked with later. */
    int (*read)(void *arg, const char *path, bool *is_leaf, void **text, size_t *size, uint64_t *sum, struct err *err);
    /* Is the node still the one with this sum? Asked for cached nodes after aer__tree_stale, once each. */
    int (*same)(void *arg, const char *path, bool is_leaf, uint64_t sum, bool *same, struct err *err);
    /* Append what messages call the node: "tables/people/index/by_name/root/01/leaf". */
    void (*name)(void *arg, const char *path, bool is_leaf, char *name, size_t name_size);
};

struct tree;
struct tree_cache; /* nodes of many trees, the least recently used go first */

int aer__tree_cache_new(uint64_t limit_bytes, struct tree_cache **cache, struct err *err);
void aer__tree_cache_free(struct tree_cache *cache); /* after its trees */
void aer__tree_cache_set_limit(struct tree_cache *cache, uint64_t limit_bytes);
uint64_t aer__tree_cache_bytes(const struct tree_cache *cache); /* uncommitted nodes do not count */

/* fanout: entries a node at most. columns: 1: a node's key is one value; more: an array of so many, whose bytes are those of its elements one behind
 * the other. Nothing is read yet. The store is copied; arg is borrowed. */
int aer__tree_open(const struct tree_store *store, struct tree_cache *cache, unsigned fanout, unsigned columns,
                   struct tree **tree, struct err *err);
void aer__tree_close(struct tree *tree);
void aer__tree_stale(struct tree *tree); /* others may have committed: check nodes before they are used again */

/* A key: its bytes in order (index/key.h), and the JSON that stands for it in the node. */
struct tree_key {
    const void *bytes;
    size_t size;
    const char *json; /* on one line */
    size_t json_size;
};

/* AER_CORRUPT: a node is damaged or missing, the message names it; nothing changed. AER_NOMEM: the transaction must be rolled back. */
int aer__tree_create(struct tree *tree, struct err *err); /* an empty root leaf, uncommitted */
int aer__tree_insert(struct tree *tree, const struct tree_key *key, const char *id,
                     struct err *err); /* AER_EXISTS, no message: the entry is there */
int aer__tree_remove(struct tree *tree, const struct tree_key *key, const char *id, struct err *err); /* AER_NOTFOUND, no message */
/* Replace all: entries in order from next (AER_DONE at the end), nodes filled to nine tenths, in constant memory beside what `emit` keeps: each node is handed to emit
 * once it is full, children before their parents, and is not kept. Entries out of order: AER_CORRUPT. Old nodes are not looked at: the caller removes them, or builds in an
 * empty place. The tree's own uncommitted changes are forgotten; aer__tree_commit, once the store has the new nodes, makes the tree forget the old ones. *entries: how many.
 * The paths of a nested tree are known only once its height is, so there all entries are asked for twice: next to its end, rewind once, next to its end. */
typedef int (*tree_next_fn)(void *arg, struct tree_key *key, char id[TREE_ID_MAX + 1], struct err *err);
typedef int (*tree_rewind_fn)(void *arg, struct err *err); /* back to the first entry; NULL will do for a flat tree */
/* One changed node: its new text, or text NULL: there is none any more. */
typedef int (*tree_change_fn)(void *arg, const char *path, bool is_leaf, const void *text, size_t size, struct err *err);
int aer__tree_build(struct tree *tree, tree_next_fn next, tree_rewind_fn rewind, void *next_arg, tree_change_fn emit,
                    void *emit_arg, uint64_t *entries, struct err *err);

/* All uncommitted changes, each path and kind once: parents before children, removals last. A node that turned from leaf to internal is one text and one removal.
 * May be called again before commit; a later call tells everything again. `sum` of committed nodes is aer__hash of the text. */
int aer__tree_changes(struct tree *tree, tree_change_fn fn, void *arg, struct err *err);
bool aer__tree_changed(const struct tree *tree);
void aer__tree_commit(struct tree *tree); /* cannot fail: nodes for which there is no memory are read again later */
void aer__tree_rollback(struct tree *tree);

/* Entries from a place on. */
struct tree_bound {
    const void *bytes; /* of a key, or the beginning of keys; NULL: the first (or last) entry of all */
    size_t size;
    bool after; /* false: in front of all keys that begin with or are above these bytes; true: behind all keys that begin with them */
};
/* What fn gets lives during the call, in which the tree must not be touched; fn non-zero stops and is returned. */
typedef int (*tree_entry_fn)(void *arg, const struct tree_key *key, const char *id);
/* Call fn for entries in order from FROM on (reverse: backwards from it), at most LIMIT (0: all). In a write transaction (write true) uncommitted changes are seen. */
int aer__tree_scan(struct tree *tree, bool write, const struct tree_bound *from, bool reverse, uint64_t limit,
                   tree_entry_fn fn, void *arg, struct err *err);
/* The same, from the first entry above (reverse: below) the entry (key bytes, id). */
int aer__tree_scan_beyond(struct tree *tree, bool write, const void *bytes, size_t size, const char *id, bool reverse,
                          uint64_t limit, tree_entry_fn fn, void *arg, struct err *err);

/* Look at everything: order, bounds, equal depth, fan-out, minimum filling is reported by *thin (not an error), names. What is wrong is AER_CORRUPT with the node's name. fn (may be NULL) gets
 * every node's path, and the counts of entries and nodes come back. */
struct tree_report {
    uint64_t entries, leaves, internals, bytes, thin;
    unsigned height;
};
int aer__tree_check(struct tree *tree, bool write, struct tree_report *report,
                    int (*fn)(void *arg, const char *path, bool is_leaf), void *arg, struct err *err);

#endif
