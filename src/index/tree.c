/* tree.c -- open and close; the way from the root to an entry.
 *
 * Must not know: how nodes are split or written.
 *
 * Whatever comes from the store is checked against the bounds above it each time it is come by. So a node that is named twice (which only a
 * flat tree can say) has no entries in one of the two places, and no cycle is longer than TREE_HEIGHT_MAX.
 */
#include "index/inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LARGE_NAME 512

int aer__tree_open(const struct tree_store *store, struct tree_cache *cache, unsigned fanout, unsigned columns,
                   struct tree **tree, struct err *err)
{
    struct tree *t;

    *tree = NULL;
    if (fanout < TREE_FANOUT_MIN || fanout > TREE_FANOUT_MAX || columns == 0)
        return aer__err_set(err, AER_INVALID, "a fan-out is between %d and %d", TREE_FANOUT_MIN, TREE_FANOUT_MAX);
    t = aer__calloc(1, sizeof *t);
    if (!t) return aer__err_nomem(err);
    t->store = *store;
    t->cache = cache;
    t->fanout = fanout;
    t->columns = columns;
    t->epoch = 1;
    *tree = t;
    return AER_OK;
}

void aer__tree_close(struct tree *tree)
{
    if (!tree) return;
    aer__tree_rollback(tree);
    aer__cache_drop(tree->cache, tree, NULL);
    aer__free(tree);
}

void aer__tree_stale(struct tree *tree)
{
    tree->epoch++;
}

int aer__tree_corrupt(const struct tree *tree, struct err *err, const char *path, bool leaf, const char *format, ...)
{
    char name[LARGE_NAME], reason[ERR_MESSAGE_SIZE];
    va_list args;

    name[0] = '\0';
    tree->store.name(tree->store.arg, path, leaf, name, sizeof name);
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    return aer__err_set(err, AER_CORRUPT, "'%.250s' is damaged: %.200s", name, reason);
}

/* ---- bounds ---- */

struct range aer__range_below(const struct range *range, const struct node *node, uint32_t i)
{
    struct range below = *range;

    if (i > 0) below.low = (struct edge){node, i - 1};
    if (node->entries[i].key_size) below.high = (struct edge){node, i};
    return below;
}

static int check_range(const struct tree *tree, const struct node *node, const struct range *range, struct err *err)
{
    uint32_t count = node->leaf ? node->count : node->count - 1; /* those with a key */
    const struct edge *low = &range->low, *high = &range->high;

    if (count == 0) return AER_OK;
    if (low->node) {
        int order = aer__node_compare(node, 0, low->node, low->at);
        if (order < 0 || (order == 0 && !node->leaf))
            return aer__tree_corrupt(tree, err, node->path, node->leaf, "its first entry belongs in front of it");
    }
    if (high->node && aer__node_compare(node, count - 1, high->node, high->at) >= 0)
        return aer__tree_corrupt(tree, err, node->path, node->leaf, "its last entry belongs behind it");
    return AER_OK;
}

/* ---- nodes of the store ---- */

static int load(struct tree *tree, const char *path, struct node **node, struct err *err)
{
    struct err why = {0};
    void *text = NULL;
    size_t size = 0;
    uint64_t sum = 0;
    bool leaf = true;
    int rc = tree->store.read(tree->store.arg, path, &leaf, &text, &size, &sum, err);

    *node = NULL;
    if (rc == AER_NOTFOUND) return aer__tree_corrupt(tree, err, path, true, "it is missing");
    if (rc) return rc;
    rc = aer__node_read(text, size, leaf, tree->columns, node, &why);
    aer__free(text);
    if (rc == AER_NOMEM) return aer__err_nomem(err);
    if (rc) return aer__tree_corrupt(tree, err, path, leaf, "%s", why.message);
    (*node)->path = aer__strdup(path);
    (*node)->sum = sum;
    (*node)->epoch = tree->epoch;
    if ((*node)->path) return AER_OK;
    aer__node_free(*node);
    *node = NULL;
    return aer__err_nomem(err);
}

/* A cached node that others may have changed. NULL in *node: they have. */
static int look_again(struct tree *tree, struct node **node, struct err *err)
{
    bool same = false;
    int rc;

    if (aer__cache_epoch(tree->cache, *node) == tree->epoch) return AER_OK;
    rc = tree->store.same(tree->store.arg, (*node)->path, (*node)->leaf, (*node)->sum, &same, err);
    if (!rc && same) {
        aer__cache_set_epoch(tree->cache, *node, tree->epoch);
        return AER_OK;
    }
    if (!rc) aer__cache_drop(tree->cache, tree, (*node)->path);
    aer__cache_let(tree->cache, *node);
    *node = NULL;
    return rc;
}

int aer__tree_node(struct tree *tree, const char *path, const struct range *range, struct node **node, struct err *err)
{
    int rc = AER_OK;

    *node = aer__cache_get(tree->cache, tree, path);
    if (*node) rc = look_again(tree, node, err);
    if (rc) return rc;
    if (!*node) {
        rc = load(tree, path, node, err);
        if (rc) return rc;
        *node = aer__cache_put(tree->cache, tree, *node, true);
    }
    rc = check_range(tree, *node, range, err);
    if (rc) {
        aer__cache_let(tree->cache, *node);
        *node = NULL;
    }
    return rc;
}

void aer__tree_let(struct tree *tree, struct node *node)
{
    if (node && !node->dirty) aer__cache_let(tree->cache, node);
}

int aer__tree_join(const struct tree *tree, char path[TREE_PATH_SIZE], const char *parent, const char *name, struct err *err)
{
    size_t size = tree->store.nested ? strlen(parent) + 1 : 0;
    size_t name_size = strlen(name);

    if (size + name_size >= TREE_PATH_SIZE) return aer__tree_corrupt(tree, err, parent, false, "the tree is too high");
    if (size) {
        memcpy(path, parent, size - 1);
        path[size - 1] = '/';
    }
    memcpy(path + size, name, name_size + 1);
    return AER_OK;
}

int aer__tree_kid_path(const struct tree *tree, char path[TREE_PATH_SIZE], const struct node *parent, uint32_t i,
                       struct err *err)
{
    const struct kid *kid = &parent->kids[i];

    if (!kid->from) return aer__tree_join(tree, path, parent->path, kid->name, err);
    memcpy(path, kid->from, strlen(kid->from) + 1);
    return AER_OK;
}

int aer__tree_child(struct tree *tree, const struct step *parent, uint32_t i, struct node **node, struct err *err)
{
    char path[TREE_PATH_SIZE];
    struct range range;
    int rc;

    *node = parent->node->kids[i].node;
    if (*node) return AER_OK;
    rc = aer__tree_kid_path(tree, path, parent->node, i, err);
    if (rc) return rc;
    range = aer__range_below(&parent->range, parent->node, i);
    return aer__tree_node(tree, path, &range, node, err);
}

int aer__tree_root(struct tree *tree, bool write, struct node **node, struct err *err)
{
    static const struct range all;

    *node = write ? tree->root : NULL;
    return *node ? AER_OK : aer__tree_node(tree, ROOT, &all, node, err);
}

/* ---- the way to an entry ---- */

int aer__way_down(struct tree *tree, struct way *way, struct err *err)
{
    struct step *last = &way->step[way->depth - 1], *next = last + 1;
    int rc;

    if (way->depth == TREE_HEIGHT_MAX)
        return aer__tree_corrupt(tree, err, last->node->path ? last->node->path : ROOT, last->node->leaf,
                                 "it is more than %d levels deep", TREE_HEIGHT_MAX);
    rc = aer__tree_child(tree, last, last->at, &next->node, err);
    if (rc) return rc;
    next->range = aer__range_below(&last->range, last->node, last->at);
    next->at = 0;
    way->depth++;
    return AER_OK;
}

int aer__way_find(struct tree *tree, struct way *way, bool write, const struct target *target, bool *equal, struct err *err)
{
    struct step *step = &way->step[0];
    int rc;

    way->depth = 0;
    memset(step, 0, sizeof *step);
    rc = aer__tree_root(tree, write, &step->node, err);
    if (rc) return rc;
    way->depth = 1;
    for (;;) {
        step = &way->step[way->depth - 1];
        step->at = aer__node_find(step->node, target, equal);
        if (step->node->leaf) return AER_OK;
        rc = aer__way_down(tree, way, err);
        if (rc) {
            aer__way_leave(tree, way);
            return rc;
        }
    }
}

void aer__way_leave(struct tree *tree, struct way *way)
{
    while (way->depth) aer__tree_let(tree, way->step[--way->depth].node);
}

/* ---- dirty nodes ---- */

static void hang(struct node *parent, uint32_t i, struct node *node)
{
    parent->kids[i].node = node;
    aer__free(parent->kids[i].from); /* node->path says it from now on */
    parent->kids[i].from = NULL;
}

int aer__tree_own(struct tree *tree, const struct step *parent, uint32_t i, struct node **node, struct err *err)
{
    struct node *committed;
    int rc = aer__tree_child(tree, parent, i, &committed, err);

    *node = committed;
    if (rc || committed->dirty) return rc;
    *node = aer__node_clone(committed);
    aer__tree_let(tree, committed);
    if (!*node) return aer__err_nomem(err);
    hang(parent->node, i, *node);
    tree->told = false;
    return AER_OK;
}

int aer__way_own(struct tree *tree, struct way *way, struct err *err)
{
    for (unsigned d = 0; d < way->depth; d++) {
        struct step *step = &way->step[d];
        struct node *copy;

        if (step->node->dirty) continue;
        copy = aer__node_clone(step->node);
        if (!copy) return aer__err_nomem(err);
        aer__tree_let(tree, step->node);
        step->node = copy;
        if (d == 0) tree->root = copy;
        else hang(way->step[d - 1].node, way->step[d - 1].at, copy);
    }
    tree->told = false;
    /* Ranges pointed into the committed ones. */
    for (unsigned d = 1; d < way->depth; d++)
        way->step[d].range = aer__range_below(&way->step[d - 1].range, way->step[d - 1].node, way->step[d - 1].at);
    return AER_OK;
}
