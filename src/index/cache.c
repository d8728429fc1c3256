/* cache.c -- committed nodes of many trees, found by tree and path; the least recently used go first.
 *
 * A node that somebody holds stays whole until he lets it go, though it may be out of the table by then. Has its own lock, so that trees
 * with a lock each can share it.
 *
 * Must not know: where nodes come from.
 */
#include "index/inside.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#define SLOTS_MIN 64

struct tree_cache {
    pthread_mutex_t lock;
    uint64_t limit, bytes;
    struct node **slots;
    size_t slot_count, count;
    struct node *newest, *oldest;
};

int aer__tree_cache_new(uint64_t limit_bytes, struct tree_cache **cache, struct err *err)
{
    struct tree_cache *c = aer__calloc(1, sizeof *c);

    *cache = NULL;
    if (!c) return aer__err_nomem(err);
    c->slot_count = SLOTS_MIN;
    c->slots = aer__calloc(c->slot_count, sizeof *c->slots);
    if (!c->slots || pthread_mutex_init(&c->lock, NULL)) {
        aer__free((void *)c->slots);
        aer__free(c);
        return aer__err_nomem(err);
    }
    c->limit = limit_bytes;
    *cache = c;
    return AER_OK;
}

static struct node **slot_of(const struct tree_cache *c, uint64_t hash)
{
    return &c->slots[hash & (c->slot_count - 1)];
}

static uint64_t hash_of(const struct tree *tree, const char *path)
{
    return aer__hash_seed(path, strlen(path), (uint64_t)(uintptr_t)tree);
}

static struct node *look(const struct tree_cache *c, const struct tree *tree, const char *path, uint64_t hash)
{
    struct node *node = *slot_of(c, hash);

    while (node && (node->hash != hash || node->tree != tree || strcmp(node->path, path) != 0))
        node = node->next_in_slot;
    return node;
}

static void unlink_age(struct tree_cache *c, struct node *node)
{
    if (node->newer) node->newer->older = node->older;
    else c->newest = node->older;
    if (node->older) node->older->newer = node->newer;
    else c->oldest = node->newer;
}

static void link_newest(struct tree_cache *c, struct node *node)
{
    node->newer = NULL;
    node->older = c->newest;
    if (c->newest) c->newest->newer = node;
    else c->oldest = node;
    c->newest = node;
}

/* Out of the table; freed unless held. */
static void take_out(struct tree_cache *c, struct node *node)
{
    struct node **at = slot_of(c, node->hash);

    while (*at != node) at = &(*at)->next_in_slot;
    *at = node->next_in_slot;
    unlink_age(c, node);
    c->count--;
    c->bytes -= aer__node_size(node);
    node->cached = false;
    if (!node->holders) aer__node_free(node);
}

static void shrink(struct tree_cache *c)
{
    struct node *node = c->oldest;

    while (node && c->bytes > c->limit) {
        struct node *newer = node->newer;
        if (!node->holders) take_out(c, node);
        node = newer;
    }
}

/* Without memory the chains are longer, that is all. */
static void grow(struct tree_cache *c)
{
    size_t count = c->slot_count * 2;
    struct node **slots = aer__calloc(count, sizeof *slots);

    if (!slots) return;
    for (size_t i = 0; i < c->slot_count; i++) {
        struct node *node = c->slots[i], *next;
        for (; node; node = next) {
            next = node->next_in_slot;
            node->next_in_slot = slots[node->hash & (count - 1)];
            slots[node->hash & (count - 1)] = node;
        }
    }
    aer__free((void *)c->slots);
    c->slots = slots;
    c->slot_count = count;
}

struct node *aer__cache_get(struct tree_cache *c, const struct tree *tree, const char *path)
{
    uint64_t hash = hash_of(tree, path);
    struct node *node;

    pthread_mutex_lock(&c->lock);
    node = look(c, tree, path, hash);
    if (node) {
        node->holders++;
        if (node != c->newest) {
            unlink_age(c, node);
            link_newest(c, node);
        }
    }
    pthread_mutex_unlock(&c->lock);
    return node;
}

struct node *aer__cache_put(struct tree_cache *c, const struct tree *tree, struct node *node, bool hold)
{
    uint64_t hash = hash_of(tree, node->path);
    struct node *old;

    assert(!node->dirty);
    pthread_mutex_lock(&c->lock);
    old = look(c, tree, node->path, hash);
    if (old && hold) { /* another reader was quicker */
        aer__node_free(node);
        node = old;
    } else {
        if (old) take_out(c, old);
        if (c->count >= c->slot_count) grow(c);
        node->tree = tree;
        node->hash = hash;
        node->next_in_slot = *slot_of(c, hash);
        *slot_of(c, hash) = node;
        node->cached = true;
        link_newest(c, node);
        c->count++;
        c->bytes += aer__node_size(node);
    }
    node->holders += hold;
    shrink(c);
    pthread_mutex_unlock(&c->lock);
    return node;
}

void aer__cache_let(struct tree_cache *c, struct node *node)
{
    pthread_mutex_lock(&c->lock);
    assert(node->holders);
    if (--node->holders == 0) {
        if (!node->cached) aer__node_free(node);
        else shrink(c);
    }
    pthread_mutex_unlock(&c->lock);
}

void aer__cache_drop(struct tree_cache *c, const struct tree *tree, const char *path)
{
    struct node *node, *older;

    pthread_mutex_lock(&c->lock);
    if (path) {
        node = look(c, tree, path, hash_of(tree, path));
        if (node) take_out(c, node);
    } else {
        for (node = c->newest; node; node = older) {
            older = node->older;
            if (node->tree == tree) take_out(c, node);
        }
    }
    pthread_mutex_unlock(&c->lock);
}

uint64_t aer__cache_epoch(struct tree_cache *c, const struct node *node)
{
    uint64_t epoch;

    pthread_mutex_lock(&c->lock);
    epoch = node->epoch;
    pthread_mutex_unlock(&c->lock);
    return epoch;
}

void aer__cache_set_epoch(struct tree_cache *c, struct node *node, uint64_t epoch)
{
    pthread_mutex_lock(&c->lock);
    node->epoch = epoch;
    pthread_mutex_unlock(&c->lock);
}

void aer__tree_cache_free(struct tree_cache *c)
{
    if (!c) return;
    while (c->newest) take_out(c, c->newest);
    pthread_mutex_destroy(&c->lock);
    aer__free((void *)c->slots);
    aer__free(c);
}

void aer__tree_cache_set_limit(struct tree_cache *c, uint64_t limit_bytes)
{
    pthread_mutex_lock(&c->lock);
    c->limit = limit_bytes;
    shrink(c);
    pthread_mutex_unlock(&c->lock);
}

uint64_t aer__tree_cache_bytes(const struct tree_cache *cache)
{
    struct tree_cache *c = (struct tree_cache *)cache;
    uint64_t bytes;

    pthread_mutex_lock(&c->lock);
    bytes = c->bytes;
    pthread_mutex_unlock(&c->lock);
    return bytes;
}
