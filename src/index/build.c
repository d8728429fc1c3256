/* build.c -- a whole tree from entries in order, each node written once.
 *
 * On each level one node is open; a full one is closed: it gets its name, is handed out, and becomes an entry of the open node above.
 *
 * In a nested tree a leaf's path tells how many levels lie above it, which is known only at the end. So there the entries are gone through twice,
 * the first time only to learn the height.
 */
#include "index/inside.h"

#include <string.h>

struct builder {
    struct tree *tree;
    tree_change_fn emit; /* NULL: only the height is wanted */
    void *emit_arg;
    struct err *err;
    struct node *open[TREE_HEIGHT_MAX]; /* of each level, leaves first */
    struct buf last;                    /* key of the entry before */
    char last_id[TREE_ID_MAX + 1];
    struct buf text;
    uint64_t entries, names;
    unsigned height; /* levels so far */
    unsigned known;  /* nested: what height will be */
};

static int node_at(struct builder *b, unsigned level, struct node **node)
{
    if (level == TREE_HEIGHT_MAX)
        return aer__err_set(b->err, AER_INVALID, "the index has %d levels; its fan-out is too small", TREE_HEIGHT_MAX);
    if (!b->open[level]) b->open[level] = aer__node_new(level == 0);
    if (!b->open[level]) return aer__err_nomem(b->err);
    if (level >= b->height) b->height = level + 1;
    *node = b->open[level];
    return AER_OK;
}

static bool is_filled(const struct builder *b, const struct node *node, size_t more)
{
    uint32_t most = AER_MAX(b->tree->fanout * 9 / 10, 2u);

    return node->count >= most || (node->count >= 2 && node->text + more > TREE_NODE_BYTES / 10 * 9);
}

/* In a nested tree a node's name is its place among those of its parent. */
static void name_of(struct builder *b, unsigned level, char name[NAME_MAX_SIZE + 1])
{
    uint64_t names = 36 * 36, number;
    unsigned width = 2;

    if (b->tree->store.nested) {
        const struct node *above = level + 1 < TREE_HEIGHT_MAX ? b->open[level + 1] : NULL;
        aer__index_name(name, above ? above->count : 0, 2);
        return;
    }
    for (number = b->names; number >= names && width < NAME_MAX_SIZE; width++) {
        number -= names;
        names *= 36;
    }
    aer__index_name(name, number, width);
}

static int path_of(struct builder *b, unsigned level, const char *name, char path[TREE_PATH_SIZE])
{
    char above[NAME_MAX_SIZE + 1], joined[TREE_PATH_SIZE];
    int rc = AER_OK;

    if (!b->tree->store.nested) return aer__tree_join(b->tree, path, "", name, b->err);
    memcpy(path, ROOT, sizeof ROOT);
    if (level + 1 >= b->known) return AER_OK;
    for (unsigned l = b->known - 2; !rc && l >= level; l--) {
        if (l > level) name_of(b, l, above);
        rc = aer__tree_join(b->tree, joined, path, l > level ? above : name, b->err);
        if (!rc) memcpy(path, joined, sizeof joined);
        if (l == 0) break;
    }
    return rc;
}

static int hand_out(struct builder *b, unsigned level, const char *path)
{
    struct node *node = b->open[level];
    int rc = AER_OK;

    if (b->emit) {
        b->text.size = 0;
        if (aer__node_write(node, &b->text)) return aer__err_nomem(b->err);
        rc = b->emit(b->emit_arg, path, node->leaf, b->text.data, b->text.size, b->err);
    }
    aer__node_clear(node);
    return rc;
}

/* The open node of a level is done; BOUND is what it and all before are below, NULL at the end of all. */
static int close_node(struct builder *b, unsigned level, const struct record *bound)
{
    static const struct record none;
    char name[NAME_MAX_SIZE + 1], path[TREE_PATH_SIZE];
    struct node *above = NULL;
    int rc;

    if (!bound && level + 1 == b->height) return hand_out(b, level, ROOT);
    name_of(b, level, name);
    rc = path_of(b, level, name, path);
    if (!rc) rc = hand_out(b, level, path);
    if (!rc) rc = node_at(b, level + 1, &above);
    if (rc) return rc;
    b->names++;
    if (aer__node_put(above, above->count, &none)) return aer__err_nomem(b->err);
    memcpy(above->kids[above->count - 1].name, name, sizeof name);
    if (!bound || is_filled(b, above, bound->json_size)) return close_node(b, level + 1, bound);
    return aer__node_set(above, above->count - 1, bound) ? aer__err_nomem(b->err) : AER_OK;
}

static int check_order(struct builder *b, const struct tree_key *key, const char *id, bool *same_key)
{
    int order = b->entries ? aer__key_compare(b->last.data, b->last.size, key->bytes, key->size) : -1;

    *same_key = order == 0;
    if (key->size > INDEX_KEY_MAX || key->json_size > INDEX_KEY_MAX)
        return aer__err_set(b->err, AER_INVALID, "the indexed value has more than %d bytes", INDEX_KEY_MAX);
    if (order > 0 || (order == 0 && strcmp(b->last_id, id) >= 0))
        return aer__err_set(b->err, AER_CORRUPT, "entries for an index come out of order at %.*s, '%s'",
                            (int)AER_MIN(key->json_size, (size_t)200), key->json, id);
    b->last.size = 0;
    if (aer__buf_append(&b->last, key->bytes, key->size)) return aer__err_nomem(b->err);
    memcpy(b->last_id, id, strlen(id) + 1);
    return AER_OK;
}

static int add(struct builder *b, const struct tree_key *key, const char *id)
{
    struct record record = {key->bytes, key->json, id, key->size, key->json_size, strlen(id)};
    struct node *leaf = NULL;
    bool same_key;
    int rc = check_order(b, key, id, &same_key);

    if (!rc) rc = node_at(b, 0, &leaf);
    if (rc) return rc;
    b->entries++;
    if (is_filled(b, leaf, key->json_size)) {
        struct record bound = record;
        if (!same_key) bound.id_size = 0;
        rc = close_node(b, 0, &bound);
    }
    if (!rc && aer__node_put(leaf, leaf->count, &record)) rc = aer__err_nomem(b->err);
    return rc;
}

static int run(struct builder *b, tree_next_fn next, void *next_arg)
{
    char id[TREE_ID_MAX + 1];
    struct node *leaf = NULL;
    struct tree_key key;
    int rc = node_at(b, 0, &leaf);

    while (!rc) {
        rc = next(next_arg, &key, id, b->err);
        if (rc == AER_DONE) {
            rc = close_node(b, 0, NULL);
            break;
        }
        if (!rc) rc = add(b, &key, id);
        if (!rc && b->known && b->height > b->known)
            rc = aer__err_set(b->err, AER_INVALID, "the entries for an index are not the same twice");
    }
    for (unsigned level = 0; level < TREE_HEIGHT_MAX; level++) aer__node_free(b->open[level]);
    aer__buf_release(&b->last);
    aer__buf_release(&b->text);
    return rc;
}

int aer__tree_build(struct tree *tree, tree_next_fn next, tree_rewind_fn rewind, void *next_arg, tree_change_fn emit,
                    void *emit_arg, uint64_t *entries, struct err *err)
{
    struct builder first = {.tree = tree, .err = err}, b = {.tree = tree, .emit = emit, .emit_arg = emit_arg, .err = err};
    int rc = AER_OK;

    *entries = 0;
    if (tree->store.nested) {
        rc = run(&first, next, next_arg);
        if (!rc) rc = rewind(next_arg, err);
        b.known = first.height;
    }
    if (!rc) rc = run(&b, next, next_arg);
    if (rc) return rc;
    if (b.known && (b.height != b.known || b.entries != first.entries))
        return aer__err_set(err, AER_INVALID, "the entries for an index are not the same twice");
    aer__tree_rollback(tree);
    tree->rebuilt = true;
    *entries = b.entries;
    return AER_OK;
}
