/* balance.c -- nodes that are too full split, thin ones merge with a neighbour or take from it.
 *
 * All of it is one move: entries from one end of a node to an end of its neighbour, with the bound between the two lifted out of the parent
 * before, and put back behind. In a nested tree children that come to another parent keep their names, unless those are taken there.
 *
 * Assumes: nodes given are dirty. After AER_NOMEM they can be freed, nothing else.
 */
#include "index/inside.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define SHORT_NAMES (36 * 36)
#define FLAT_WIDTH 6
#define FLAT_NAMES UINT64_C(2176782336) /* 36^6 */

bool aer__node_full(const struct tree *tree, const struct node *node)
{
    return node->count > tree->fanout || (node->text > TREE_NODE_BYTES && node->count >= 4);
}

bool aer__node_thin(const struct tree *tree, const struct node *node, uint32_t less)
{
    uint32_t least = node->leaf ? 1 : 2;

    least = AER_MAX(least, tree->fanout / 4);
    return node->count < least + less && (less || node->text < TREE_NODE_BYTES / 4 || node->count < 2);
}

/* ---- names ---- */

void aer__index_name(char name[NAME_MAX_SIZE + 1], uint64_t number, unsigned width)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    name[width] = '\0';
    while (width) {
        name[--width] = digits[number % 36];
        number /= 36;
    }
}

static bool name_taken(const struct node *node, const char *name)
{
    for (uint32_t i = 0; i < node->count; i++)
        if (strcmp(node->kids[i].name, name) == 0) return true;
    return false;
}

static int digit_of(char c)
{
    return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* The first of two characters that no child has. There is one: a node has fewer children. */
static void nested_name(const struct node *parent, char name[NAME_MAX_SIZE + 1])
{
    bool taken[SHORT_NAMES] = {false};
    unsigned number = 0;

    for (uint32_t i = 0; i < parent->count; i++) {
        const char *other = parent->kids[i].name;
        if (strlen(other) == 2) taken[digit_of(other[0]) * 36 + digit_of(other[1])] = true;
    }
    while (number < SHORT_NAMES - 1 && taken[number]) number++;
    aer__index_name(name, number, 2);
}

/* Six characters that no node of the tree has: not the store's, and counted up within the transaction. */
static int flat_name(struct tree *tree, char name[NAME_MAX_SIZE + 1], struct err *err)
{
    for (;;) {
        struct err ignored = {0};
        void *text = NULL;
        uint64_t sum;
        size_t size;
        bool leaf;
        int rc;

        if (!tree->next_name) {
            uint64_t seed[2] = {(uint64_t)aer__now_ms(), (uint64_t)(uintptr_t)tree};
            tree->next_name = aer__hash(seed, sizeof seed) % FLAT_NAMES;
        }
        aer__index_name(name, tree->next_name++ % FLAT_NAMES, FLAT_WIDTH);
        rc = tree->store.read(tree->store.arg, name, &leaf, &text, &size, &sum, &ignored);
        aer__free(text);
        if (rc == AER_NOTFOUND) return AER_OK;
        if (rc && rc != AER_CORRUPT) return aer__err_set(err, rc, "%s", ignored.message);
    }
}

static int new_name(struct tree *tree, const struct node *parent, char name[NAME_MAX_SIZE + 1], struct err *err)
{
    if (!tree->store.nested) return flat_name(tree, name, err);
    nested_name(parent, name);
    return AER_OK;
}

/* ---- moving entries ---- */

static int move_kid(struct tree *tree, struct node *from, uint32_t i, struct node *to, uint32_t j, struct err *err)
{
    struct kid *kid = &from->kids[i];
    char path[TREE_PATH_SIZE];
    int rc;

    if (tree->store.nested && !kid->node && !kid->from) {
        rc = aer__tree_kid_path(tree, path, from, i, err);
        if (rc) return rc;
        kid->from = aer__strdup(path);
        if (!kid->from) return aer__err_nomem(err);
    }
    if (tree->store.nested && name_taken(to, kid->name)) nested_name(to, kid->name);
    to->kids[j] = *kid;
    memset(kid, 0, sizeof *kid);
    return AER_OK;
}

static int move(struct tree *tree, struct node *from, uint32_t first, uint32_t count, struct node *to, uint32_t at,
                struct err *err)
{
    for (uint32_t k = 0; k < count; k++) {
        struct record record = aer__node_record(from, first + k);
        int rc;

        if (aer__node_put(to, at + k, &record)) return aer__err_nomem(err);
        if (from->leaf) continue;
        rc = move_kid(tree, from, first + k, to, at + k, err);
        if (rc) return rc;
    }
    aer__node_cut(from, first, count);
    return AER_OK;
}

/* The bound between children I and I + 1 comes down to the last entry of the left one, if that is internal. */
static int lower_bound(struct node *parent, uint32_t i, struct err *err)
{
    struct node *left = parent->kids[i].node;
    struct record bound = aer__node_record(parent, i);

    if (left->leaf) return AER_OK;
    return aer__node_set(left, left->count - 1, &bound) ? aer__err_nomem(err) : AER_OK;
}

/* And goes up again. Between leaves it is the key of the right one's first entry, with its id only if it must be. */
static int lift_bound(struct node *parent, uint32_t i, const struct node *right, struct err *err)
{
    struct node *left = parent->kids[i].node;
    struct record bound;
    int rc;

    if (left->leaf) {
        bound = aer__node_record(right, 0);
        if (!aer__node_same_key(left, left->count - 1, right, 0)) bound.id_size = 0;
        rc = aer__node_set(parent, i, &bound);
    } else {
        bound = aer__node_record(left, left->count - 1);
        rc = aer__node_set(parent, i, &bound);
        if (!rc) rc = aer__node_set(left, left->count - 1, NULL);
    }
    return rc ? aer__err_nomem(err) : AER_OK;
}

/* ---- splitting ---- */

/* How many entries stay on the left. Where entries come in order, the left one is left well filled. */
static uint32_t split_at(const struct tree *tree, const struct node *node, bool appending)
{
    uint32_t bytes = 0, i = 0, least = node->leaf ? 1 : 2;

    if (node->count > tree->fanout) {
        i = appending ? node->count * 9 / 10 : node->count / 2;
    } else {
        uint32_t half = appending ? node->text / 10 * 9 : node->text / 2;
        while (bytes < half) bytes += aer__node_entry_text(node, i++);
    }
    return AER_MAX(least, AER_MIN(i, node->count - least));
}

/* A new root above the old one, which gets a name. */
static int raise_root(struct tree *tree, struct way *way, struct err *err)
{
    static const struct record none;
    struct node *root = aer__node_new(false);
    char name[NAME_MAX_SIZE + 1];
    int rc;

    if (!root) return aer__err_nomem(err);
    rc = new_name(tree, root, name, err);
    if (!rc && aer__node_put(root, 0, &none)) rc = aer__err_nomem(err);
    if (rc) {
        aer__node_free(root);
        return rc;
    }
    memcpy(root->kids[0].name, name, sizeof name);
    root->kids[0].node = tree->root;
    tree->root = root;
    memmove(way->step + 1, way->step, way->depth * sizeof *way->step);
    memset(way->step, 0, sizeof *way->step);
    way->step[0].node = root;
    way->depth++;
    return AER_OK;
}

static int split(struct tree *tree, struct node *parent, uint32_t i, bool appending, struct err *err)
{
    struct node *left = parent->kids[i].node, *right = aer__node_new(left->leaf);
    struct record bound = aer__node_record(parent, i);
    char name[NAME_MAX_SIZE + 1];
    uint32_t keep = split_at(tree, left, appending);
    void *copy = NULL;
    int rc;

    if (!right) return aer__err_nomem(err);
    rc = new_name(tree, parent, name, err);
    /* The bound's bytes are in the block that is about to grow. */
    if (!rc) copy = aer__memdup(bound.key, bound.key_size + bound.json_size + bound.id_size);
    if (copy) {
        bound.key = copy;
        bound.json = (char *)copy + bound.key_size;
        bound.id = bound.json + bound.json_size;
    }
    if (!rc && (!copy || aer__node_put(parent, i + 1, &bound))) rc = aer__err_nomem(err);
    aer__free(copy);
    if (rc) {
        aer__node_free(right);
        return rc;
    }
    parent->kids[i + 1].node = right;
    memcpy(parent->kids[i + 1].name, name, sizeof name);
    rc = move(tree, left, keep, left->count - keep, right, 0, err);
    return rc ? rc : lift_bound(parent, i, right, err);
}

int aer__balance_split(struct tree *tree, struct way *way, struct err *err)
{
    unsigned d = way->depth - 1;
    bool appending = way->step[d].at + 1 == way->step[d].node->count && !way->step[d].range.high.node;
    int rc;

    while (aer__node_full(tree, way->step[d].node)) {
        if (d == 0) {
            if (way->depth == TREE_HEIGHT_MAX) return AER_OK; /* too many bytes, not entries: it may stay */
            rc = raise_root(tree, way, err);
            if (rc) return rc;
            d = 1;
        }
        rc = split(tree, way->step[d - 1].node, way->step[d - 1].at, appending, err);
        if (rc) return rc;
        d--;
    }
    return AER_OK;
}

/* ---- merging ---- */

int aer__balance_prepare(struct tree *tree, struct way *way, struct err *err)
{
    for (unsigned d = way->depth - 1; d > 0; d--) {
        const struct step *parent = &way->step[d - 1];
        struct node *node = way->step[d].node, *other;
        int rc;

        if (!aer__node_thin(tree, node, 1)) return AER_OK;
        if (parent->node->count < 2) continue;
        rc = aer__tree_own(tree, parent, parent->at ? parent->at - 1 : 1, &other, err);
        if (rc) return rc;
        if (other->leaf != node->leaf)
            return aer__tree_corrupt(tree, err, other->path ? other->path : ROOT, other->leaf,
                                     "leaves and internal nodes lie beside each other");
    }
    return AER_OK;
}

static int forget(struct tree *tree, struct node *node, struct err *err)
{
    int rc = node->path ? aer__path_set_add(&tree->gone, node->leaf, node->path) : AER_OK;

    if (rc) return aer__err_nomem(err);
    aer__node_free(node);
    return AER_OK;
}

/* Children I and I + 1 become one, under the first one's name and the second one's bound. */
static int merge(struct tree *tree, struct node *parent, uint32_t i, struct err *err)
{
    struct node *left = parent->kids[i].node, *right = parent->kids[i + 1].node;
    struct kid kid = parent->kids[i];
    int rc = move(tree, right, 0, right->count, left, left->count, err);

    if (rc) return rc;
    rc = forget(tree, right, err);
    if (rc) return rc;
    parent->kids[i + 1] = kid;
    aer__node_cut(parent, i, 1);
    return AER_OK;
}

/* Entries from the larger to the smaller of children I and I + 1, until one of bytes and entries is equal. */
static int level_out(struct tree *tree, struct node *parent, uint32_t i, struct err *err)
{
    struct node *left = parent->kids[i].node, *right = parent->kids[i + 1].node;
    bool to_left = left->count < right->count || (left->count == right->count && left->text < right->text);
    struct node *from = to_left ? right : left;
    uint32_t total = left->count + right->count, bytes = left->text + right->text;
    uint32_t moved = 0, moved_bytes = 0, small = total - from->count, small_bytes = bytes - from->text;
    int rc;

    do {
        moved_bytes += aer__node_entry_text(from, to_left ? moved : from->count - 1 - moved);
        moved++;
    } while (moved + 1 < from->count && small + moved < total / 2 && small_bytes + moved_bytes < bytes / 2);
    if (to_left) rc = move(tree, right, 0, moved, left, left->count, err);
    else rc = move(tree, left, left->count - moved, moved, right, 0, err);
    return rc ? rc : lift_bound(parent, i, right, err);
}

static int merge_or_level(struct tree *tree, struct node *parent, uint32_t i, struct err *err)
{
    const struct node *left = parent->kids[i].node, *right = parent->kids[i + 1].node;
    bool one = left->count + right->count <= AER_MAX(tree->fanout * 3 / 4, 3u) &&
               left->text + right->text <= TREE_NODE_BYTES / 4 * 3;
    int rc = lower_bound(parent, i, err);

    if (rc) return rc;
    return one ? merge(tree, parent, i, err) : level_out(tree, parent, i, err);
}

/* A root with one child is that child. */
static int lower_root(struct tree *tree, struct err *err)
{
    while (!tree->root->leaf && tree->root->count == 1 && tree->root->kids[0].node) {
        struct node *child = tree->root->kids[0].node;
        int rc = forget(tree, tree->root, err);

        if (rc) return rc;
        tree->root = child;
    }
    return AER_OK;
}

int aer__balance_merge(struct tree *tree, struct way *way, struct err *err)
{
    for (unsigned d = way->depth - 1; d > 0 && aer__node_thin(tree, way->step[d].node, 0); d--) {
        const struct step *parent = &way->step[d - 1];
        int rc;

        if (parent->node->count < 2) continue;
        rc = merge_or_level(tree, parent->node, parent->at ? parent->at - 1 : 0, err);
        if (rc) return rc;
    }
    return lower_root(tree, err);
}
