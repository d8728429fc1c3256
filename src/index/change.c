/* change.c -- an entry comes, an entry goes.
 *
 * All that can be found damaged is looked at before anything changes.
 */
#include "index/inside.h"

#include <string.h>

int aer__tree_create(struct tree *tree, struct err *err)
{
    struct node *root = aer__node_new(true);

    if (!root) return aer__err_nomem(err);
    root->changed = true;
    aer__tree_rollback(tree);
    tree->root = root;
    tree->touched = true;
    return AER_OK;
}

static int check_entry(const struct tree_key *key, const char *id, struct err *err)
{
    if (key->size > INDEX_KEY_MAX || key->json_size > INDEX_KEY_MAX)
        return aer__err_set(err, AER_INVALID, "the indexed value has more than %d bytes", INDEX_KEY_MAX);
    if (!key->size || !key->json_size || !aer__node_name_ok(id, strnlen(id, TREE_ID_MAX + 1), 1, TREE_ID_MAX))
        return aer__err_set(err, AER_INVALID, "not an entry of an index");
    return AER_OK;
}

static bool no_room_above(const struct tree *tree, const struct way *way)
{
    if (way->depth < TREE_HEIGHT_MAX) return false;
    for (unsigned d = 0; d + 1 < way->depth; d++)
        if (way->step[d].node->count < tree->fanout) return false;
    return true;
}

int aer__tree_insert(struct tree *tree, const struct tree_key *key, const char *id, struct err *err)
{
    size_t id_size = strlen(id);
    struct record record = {key->bytes, key->json, id, key->size, key->json_size, id_size};
    struct target target;
    struct step *leaf;
    struct way way;
    bool equal;
    int rc = check_entry(key, id, err);

    if (rc) return rc;
    target = aer__node_target(key->bytes, key->size, id, id_size);
    rc = aer__way_find(tree, &way, true, &target, &equal, err);
    if (rc) return rc;
    if (equal) rc = AER_EXISTS;
    else if (no_room_above(tree, &way))
        rc = aer__err_set(err, AER_INVALID, "the index has %d levels; its fan-out is too small", TREE_HEIGHT_MAX);
    if (!rc) rc = aer__way_own(tree, &way, err);
    if (rc) {
        aer__way_leave(tree, &way);
        return rc;
    }
    leaf = &way.step[way.depth - 1];
    if (aer__node_put(leaf->node, leaf->at, &record)) return aer__err_nomem(err);
    tree->touched = true;
    return aer__node_full(tree, leaf->node) ? aer__balance_split(tree, &way, err) : AER_OK;
}

int aer__tree_remove(struct tree *tree, const struct tree_key *key, const char *id, struct err *err)
{
    struct target target = aer__node_target(key->bytes, key->size, id, strlen(id));
    struct step *leaf;
    struct way way;
    bool equal;
    int rc = aer__way_find(tree, &way, true, &target, &equal, err);

    if (rc) return rc;
    if (!equal) rc = AER_NOTFOUND;
    if (!rc) rc = aer__way_own(tree, &way, err);
    if (rc) {
        aer__way_leave(tree, &way);
        return rc;
    }
    rc = aer__balance_prepare(tree, &way, err);
    if (rc) return rc;
    leaf = &way.step[way.depth - 1];
    aer__node_cut(leaf->node, leaf->at, 1);
    tree->touched = true;
    return aer__balance_merge(tree, &way, err);
}
