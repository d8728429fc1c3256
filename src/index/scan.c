/* scan.c -- entries in order, from a place on, both ways. */
#include "index/inside.h"

#include <string.h>

struct scan {
    struct tree *tree;
    struct way way;
    bool reverse;
    unsigned depth; /* of the first leaf */
    struct err *err;
};

/* To the next leaf, its first place in the scan's direction. AER_DONE: there is none. */
static int next_leaf(struct scan *s)
{
    struct way *way = &s->way;
    struct step *step;

    do {
        aer__tree_let(s->tree, way->step[--way->depth].node);
        if (!way->depth) return AER_DONE;
        step = &way->step[way->depth - 1];
    } while (s->reverse ? step->at == 0 : step->at + 1 >= step->node->count);
    if (s->reverse) step->at--;
    else step->at++;
    for (;;) {
        int rc = aer__way_down(s->tree, way, s->err);
        if (rc) return rc;
        step = &way->step[way->depth - 1];
        if (s->reverse) step->at = step->node->count - !step->node->leaf;
        if (step->node->leaf) break;
    }
    if (way->depth == s->depth) return AER_OK;
    return aer__tree_corrupt(s->tree, s->err, step->node->path ? step->node->path : ROOT, true,
                             "it lies %u levels deep, others %u", way->depth, s->depth);
}

static int tell(const struct step *leaf, uint32_t i, tree_entry_fn fn, void *arg)
{
    struct record r = aer__node_record(leaf->node, i);
    struct tree_key key = {r.key, r.key_size, r.json, r.json_size};
    char id[TREE_ID_MAX + 1];

    memcpy(id, r.id, r.id_size);
    id[r.id_size] = '\0';
    return fn(arg, &key, id);
}

static int scan(struct tree *tree, bool write, const struct target *target, bool reverse, uint64_t limit,
                tree_entry_fn fn, void *arg, struct err *err)
{
    struct scan s = {.tree = tree, .reverse = reverse, .err = err};
    uint64_t left = limit ? limit : UINT64_MAX;
    int rc = aer__way_find(tree, &s.way, write, target, NULL, err);

    if (rc) return rc;
    s.depth = s.way.depth;
    while (!rc && left) {
        struct step *leaf = &s.way.step[s.way.depth - 1];

        if (reverse ? leaf->at == 0 : leaf->at >= leaf->node->count) {
            rc = next_leaf(&s);
            continue;
        }
        rc = tell(leaf, reverse ? --leaf->at : leaf->at++, fn, arg);
        left--;
    }
    aer__way_leave(tree, &s.way);
    return rc == AER_DONE ? AER_OK : rc;
}

int aer__tree_scan(struct tree *tree, bool write, const struct tree_bound *from, bool reverse, uint64_t limit,
                   tree_entry_fn fn, void *arg, struct err *err)
{
    static const struct tree_bound first = {"", 0, false}, behind_last = {"", 0, true};
    struct target target;

    if (!from || !from->bytes) from = reverse ? &behind_last : &first;
    target = aer__node_target(from->bytes, from->size, "", 0);
    target.prefix = target.behind = from->after;
    return scan(tree, write, &target, reverse, limit, fn, arg, err);
}

int aer__tree_scan_beyond(struct tree *tree, bool write, const void *bytes, size_t size, const char *id, bool reverse,
                          uint64_t limit, tree_entry_fn fn, void *arg, struct err *err)
{
    struct target target = aer__node_target(bytes, size, id, strlen(id));

    target.behind = !reverse;
    return scan(tree, write, &target, reverse, limit, fn, arg, err);
}
