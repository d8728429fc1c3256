/* check.c -- look at every node of a tree.
 *
 * What reading a node finds is found here, too: its form, its own order, its bounds. Beside that: all leaves equally deep, not more
 * entries than the fan-out, names used once (in a flat tree that takes a set of them).
 */
#include "index/inside.h"

#include <string.h>

struct checker {
    struct tree *tree;
    struct tree_report *report;
    int (*fn)(void *arg, const char *path, bool is_leaf);
    void *arg;
    struct err *err;
    struct path_set names;
};

static int wrong(const struct checker *c, const struct node *node, const char *path, const char *reason)
{
    return aer__tree_corrupt(c->tree, c->err, path, node->leaf, "%s", reason);
}

static int check_order(const struct checker *c, const struct step *step, const char *path)
{
    const struct node *node = step->node;
    uint32_t count = node->leaf ? node->count : node->count - 1;
    const struct edge *low = &step->range.low, *high = &step->range.high;

    for (uint32_t i = 1; i < count; i++)
        if (aer__node_compare(node, i - 1, node, i) >= 0) return wrong(c, node, path, "entries out of order");
    if (!count) return AER_OK;
    if (low->node && aer__node_compare(node, 0, low->node, low->at) < !node->leaf)
        return wrong(c, node, path, "its first entry belongs in front of it");
    if (high->node && aer__node_compare(node, count - 1, high->node, high->at) >= 0)
        return wrong(c, node, path, "its last entry belongs behind it");
    return AER_OK;
}

static int check_node(struct checker *c, const struct step *step, const char *path, unsigned depth)
{
    const struct node *node = step->node;
    struct tree_report *report = c->report;
    int rc = check_order(c, step, path);

    if (rc) return rc;
    if (node->count > c->tree->fanout) return wrong(c, node, path, "more entries than the fan-out");
    if (!node->leaf && node->entries[node->count - 1].key_size)
        return wrong(c, node, path, "the last child has a bound");
    if (node->leaf && report->height && report->height != depth)
        return aer__tree_corrupt(c->tree, c->err, path, true, "it lies %u levels deep, others %u", depth, report->height);
    if (node->leaf) report->height = depth;
    report->entries += node->leaf ? node->count : 0;
    report->leaves += node->leaf;
    report->internals += !node->leaf;
    report->bytes += node->text;
    report->thin += depth > 1 && aer__node_thin(c->tree, node, 0);
    return c->fn ? c->fn(c->arg, path, node->leaf) : AER_OK;
}

static int check_name(struct checker *c, const struct node *node, const char *path, const char *name)
{
    if (c->tree->store.nested) return AER_OK; /* names within one node were checked when it was read */
    char entry[TREE_PATH_SIZE + 1] = "I";

    strncat(entry, name, TREE_PATH_SIZE - 1);
    if (aer__path_set_has(&c->names, entry)) return wrong(c, node, path, "it has a child that another node has");
    return aer__path_set_add(&c->names, false, name) ? aer__err_nomem(c->err) : AER_OK;
}

static int check_below(struct checker *c, const struct step *step, const char *path, unsigned depth)
{
    const struct node *node = step->node;
    int rc = check_node(c, step, path, depth);

    if (!rc && !node->leaf && depth == TREE_HEIGHT_MAX)
        return aer__tree_corrupt(c->tree, c->err, path, false, "it is more than %d levels deep", TREE_HEIGHT_MAX);
    for (uint32_t i = 0; !rc && !node->leaf && i < node->count; i++) {
        struct step kid = {.range = aer__range_below(&step->range, node, i)};
        char below[TREE_PATH_SIZE];

        rc = check_name(c, node, path, node->kids[i].name);
        if (!rc) rc = aer__tree_join(c->tree, below, path, node->kids[i].name, c->err);
        if (!rc) rc = aer__tree_child(c->tree, step, i, &kid.node, c->err);
        if (!rc) rc = check_below(c, &kid, below, depth + 1);
        aer__tree_let(c->tree, kid.node);
    }
    return rc;
}

int aer__tree_check(struct tree *tree, bool write, struct tree_report *report,
                    int (*fn)(void *arg, const char *path, bool is_leaf), void *arg, struct err *err)
{
    struct checker c = {.tree = tree, .report = report, .fn = fn, .arg = arg, .err = err};
    struct step root = {0};
    int rc;

    memset(report, 0, sizeof *report);
    rc = aer__tree_root(tree, write, &root.node, err);
    if (rc) return rc;
    rc = check_below(&c, &root, ROOT, 1);
    aer__tree_let(tree, root.node);
    aer__path_set_clear(&c.names);
    return rc;
}
