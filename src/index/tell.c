/* tell.c -- what a transaction changed, as texts and removals of paths; commit and rollback.
 *
 * Each dirty node's new path is known from the way down from the root, its old one is node->path. A node is told of if its text
 * or its path changed. Below a child that is not dirty, but is elsewhere now, all nodes are read and told of again. Two sets collect where
 * those nodes were and where they are now: what is in the first only is removed. So a place that one node leaves and another one takes is one text.
 */
#include "index/inside.h"

#include <assert.h>
#include <string.h>

/* ---- sets of paths ---- */

static uint32_t *find_slot(const struct path_set *set, const char *entry)
{
    size_t mask = set->slot_count - 1, i = aer__hash(entry, strlen(entry)) & mask;

    while (set->slots[i] && strcmp((const char *)set->text.data + set->slots[i] - 1, entry) != 0) i = (i + 1) & mask;
    return &set->slots[i];
}

static int grow(struct path_set *set)
{
    struct path_set larger = *set;
    const char *entry = (const char *)set->text.data;

    larger.slot_count = set->slot_count ? set->slot_count * 2 : 64;
    larger.slots = aer__calloc(larger.slot_count, sizeof *larger.slots);
    if (!larger.slots) return AER_NOMEM;
    for (uint32_t i = 0; i < set->count; i++) {
        *find_slot(&larger, entry) = (uint32_t)(entry - (const char *)set->text.data) + 1;
        entry += strlen(entry) + 1;
    }
    aer__free(set->slots);
    *set = larger;
    return AER_OK;
}

static int add(struct path_set *set, const char *entry)
{
    uint32_t at = (uint32_t)set->text.size, *slot;

    if (set->count >= set->slot_count / 2 && grow(set)) return AER_NOMEM;
    slot = find_slot(set, entry);
    if (*slot) return AER_OK;
    if (aer__buf_append(&set->text, entry, strlen(entry) + 1)) return AER_NOMEM;
    *slot = at + 1;
    set->count++;
    return AER_OK;
}

int aer__path_set_add(struct path_set *set, bool leaf, const char *path)
{
    char entry[TREE_PATH_SIZE + 1];
    size_t size = strlen(path);

    assert(size < TREE_PATH_SIZE);
    entry[0] = leaf ? 'L' : 'I';
    memcpy(entry + 1, path, size + 1);
    return add(set, entry);
}

bool aer__path_set_has(const struct path_set *set, const char *entry)
{
    return set->count && *find_slot(set, entry);
}

void aer__path_set_clear(struct path_set *set)
{
    aer__buf_release(&set->text);
    aer__free(set->slots);
    memset(set, 0, sizeof *set);
}

/* ---- texts ---- */

struct teller {
    struct tree *tree;
    tree_change_fn fn;
    void *arg;
    struct err *err;
    struct buf text;
};

static int tell_node(struct teller *t, const struct node *node, const char *path)
{
    t->text.size = 0;
    if (aer__node_write(node, &t->text) || aer__path_set_add(&t->tree->after, node->leaf, path) ||
        (node->path && aer__path_set_add(&t->tree->before, node->leaf, node->path)))
        return aer__err_nomem(t->err);
    return t->fn(t->arg, path, node->leaf, t->text.data, t->text.size, t->err);
}

/* All below a child that is not dirty and is now at PATH. */
static int tell_moved(struct teller *t, const struct step *step, const char *path)
{
    char below[TREE_PATH_SIZE];
    int rc = tell_node(t, step->node, path);

    for (uint32_t i = 0; !rc && !step->node->leaf && i < step->node->count; i++) {
        struct step kid = {.range = aer__range_below(&step->range, step->node, i)};

        rc = aer__tree_join(t->tree, below, path, step->node->kids[i].name, t->err);
        if (!rc) rc = aer__tree_child(t->tree, step, i, &kid.node, t->err);
        if (!rc) rc = tell_moved(t, &kid, below);
        aer__tree_let(t->tree, kid.node);
    }
    return rc;
}

static int tell_dirty(struct teller *t, const struct step *step, const char *path);

static int tell_kid(struct teller *t, const struct step *parent, uint32_t i, const char *path)
{
    struct step kid = {.range = aer__range_below(&parent->range, parent->node, i)};
    char old_path[TREE_PATH_SIZE];
    int rc;

    kid.node = parent->node->kids[i].node;
    if (kid.node) return tell_dirty(t, &kid, path);
    rc = aer__tree_kid_path(t->tree, old_path, parent->node, i, t->err);
    if (rc || strcmp(old_path, path) == 0) return rc;
    rc = aer__tree_child(t->tree, parent, i, &kid.node, t->err);
    if (!rc) rc = tell_moved(t, &kid, path);
    aer__tree_let(t->tree, kid.node);
    return rc;
}

static int tell_dirty(struct teller *t, const struct step *step, const char *path)
{
    struct node *node = step->node;
    char below[TREE_PATH_SIZE];
    int rc = AER_OK;

    aer__free(node->next_path);
    node->next_path = NULL;
    if (node->changed || !node->path || strcmp(node->path, path) != 0) {
        node->next_path = aer__strdup(path);
        if (!node->next_path) return aer__err_nomem(t->err);
        rc = tell_node(t, node, path);
        node->sum = aer__hash(t->text.data, t->text.size);
    }
    for (uint32_t i = 0; !rc && !node->leaf && i < node->count; i++) {
        rc = aer__tree_join(t->tree, below, path, node->kids[i].name, t->err);
        if (!rc) rc = tell_kid(t, step, i, below);
    }
    return rc;
}

/* ---- removals ---- */

/* Deeper ones first: a path sorts behind what it begins with. */
static int deeper_first(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;
    int order = strcmp(y + 1, x + 1);

    return order ? order : strcmp(x, y);
}

static int tell_removals(struct teller *t)
{
    const struct path_set *before = &t->tree->before;
    const char **gone, *entry = (const char *)before->text.data;
    uint32_t count = 0;
    int rc = AER_OK;

    if (!before->count) return AER_OK;
    gone = aer__alloc(before->count * sizeof *gone);
    if (!gone) return aer__err_nomem(t->err);
    for (uint32_t i = 0; i < before->count; i++) {
        if (!aer__path_set_has(&t->tree->after, entry)) gone[count++] = entry;
        entry += strlen(entry) + 1;
    }
    qsort((void *)gone, count, sizeof *gone, deeper_first);
    for (uint32_t i = 0; !rc && i < count; i++) rc = t->fn(t->arg, gone[i] + 1, gone[i][0] == 'L', NULL, 0, t->err);
    aer__free((void *)gone);
    return rc;
}

static int copy_gone(struct tree *tree, struct err *err)
{
    const char *entry = (const char *)tree->gone.text.data;

    for (uint32_t i = 0; i < tree->gone.count; i++) {
        if (add(&tree->before, entry)) return aer__err_nomem(err);
        entry += strlen(entry) + 1;
    }
    return AER_OK;
}

int aer__tree_changes(struct tree *tree, tree_change_fn fn, void *arg, struct err *err)
{
    struct teller t = {.tree = tree, .fn = fn, .arg = arg, .err = err};
    struct step root = {.node = tree->root};
    int rc;

    tree->told = false;
    aer__path_set_clear(&tree->before);
    aer__path_set_clear(&tree->after);
    if (!tree->root) return AER_OK;
    rc = copy_gone(tree, err);
    if (!rc) rc = tell_dirty(&t, &root, ROOT);
    if (!rc) rc = tell_removals(&t);
    aer__buf_release(&t.text);
    tree->told = !rc;
    return rc;
}

bool aer__tree_changed(const struct tree *tree)
{
    return tree->touched;
}

/* ---- the end of a transaction ---- */

static void end(struct tree *tree)
{
    aer__path_set_clear(&tree->gone);
    aer__path_set_clear(&tree->before);
    aer__path_set_clear(&tree->after);
    tree->root = NULL;
    tree->next_name = 0;
    tree->told = tree->touched = tree->rebuilt = false;
}

void aer__tree_rollback(struct tree *tree)
{
    aer__node_free_all(tree->root);
    end(tree);
}

static void drop_paths(struct tree *tree, const struct path_set *set)
{
    const char *entry = (const char *)set->text.data;

    for (uint32_t i = 0; i < set->count; i++) {
        aer__cache_drop(tree->cache, tree, entry + 1);
        entry += strlen(entry) + 1;
    }
}

/* Dirty nodes with a new text or path go into the cache, the others were copies of what is there. */
static void keep(struct tree *tree, struct node *node)
{
    for (uint32_t i = 0; !node->leaf && i < node->count; i++) {
        if (node->kids[i].node) keep(tree, node->kids[i].node);
        aer__free(node->kids[i].from);
        node->kids[i].node = NULL;
        node->kids[i].from = NULL;
    }
    if (!node->next_path) {
        aer__node_free(node);
        return;
    }
    aer__free(node->path);
    node->path = node->next_path;
    node->next_path = NULL;
    node->dirty = node->changed = false;
    node->epoch = tree->epoch;
    aer__node_trim(node);
    aer__cache_put(tree->cache, tree, node, false);
}

void aer__tree_commit(struct tree *tree)
{
    if (tree->told) {
        drop_paths(tree, &tree->before);
        drop_paths(tree, &tree->after);
        keep(tree, tree->root);
        tree->root = NULL;
    } else if (tree->root || tree->rebuilt) {
        aer__cache_drop(tree->cache, tree, NULL);
    }
    aer__tree_rollback(tree);
}
