/* node.c -- a node in memory: an array of entries, and one block with their bytes.
 *
 * Entries are in order; an insertion moves the entries behind it (24 bytes each), never bytes of keys. What a removed entry leaves
 * behind in the block goes when that is more than what is used.
 *
 * Must not know: trees, where nodes are.
 */
#include "index/inside.h"

#include <assert.h>
#include <string.h>

#define FEW 8 /* entries */

struct node *aer__node_new(bool leaf)
{
    struct node *node = aer__calloc(1, sizeof *node);

    if (!node) return NULL;
    node->leaf = leaf;
    node->dirty = true;
    return node;
}

void aer__node_free(struct node *node)
{
    if (!node) return;
    for (uint32_t i = 0; node->kids && i < node->count; i++) aer__free(node->kids[i].from);
    aer__free(node->entries);
    aer__free(node->kids);
    aer__free(node->bytes);
    aer__free(node->path);
    aer__free(node->next_path);
    aer__free(node);
}

void aer__node_free_all(struct node *node)
{
    if (!node) return;
    for (uint32_t i = 0; node->kids && i < node->count; i++) aer__node_free_all(node->kids[i].node);
    aer__node_free(node);
}

void aer__node_clear(struct node *node)
{
    node->count = 0;
    node->used = 0;
    node->dead = 0;
    node->text = 0;
}

size_t aer__node_size(const struct node *node)
{
    return sizeof *node + node->room * (sizeof *node->entries + (node->leaf ? 0 : sizeof *node->kids)) +
           node->bytes_room + (node->path ? strlen(node->path) + 1 : 0);
}

struct record aer__node_record(const struct node *node, uint32_t i)
{
    const struct entry *e = &node->entries[i];
    const unsigned char *at = node->bytes + e->at;
    struct record record = {at,
                            (const char *)at + e->key_size,
                            (const char *)at + e->key_size + e->json_size,
                            e->key_size,
                            e->json_size,
                            e->id_size};

    return record;
}

/* ["key","ID"],\n or ["key","CHILD","ID"],\n */
uint32_t aer__node_entry_text(const struct node *node, uint32_t i)
{
    const struct entry *e = &node->entries[i];

    if (node->leaf) return e->json_size + e->id_size + 7u;
    return (e->key_size ? e->json_size : 4u) + NAME_MAX_SIZE + (e->id_size ? e->id_size + 3u : 0) + 7u;
}

/* ---- room ---- */

static int grow_entries(struct node *node, uint32_t room)
{
    void *p = aer__realloc(node->entries, room * sizeof *node->entries);

    if (!p) return AER_NOMEM;
    node->entries = p;
    if (!node->leaf) {
        p = aer__realloc(node->kids, room * sizeof *node->kids);
        if (!p) return AER_NOMEM;
        node->kids = p;
    }
    node->room = room;
    return AER_OK;
}

/* The living bytes, in a new block with room for EXTRA more. */
static int repack(struct node *node, size_t extra)
{
    size_t room = node->used - node->dead + extra;
    unsigned char *bytes = aer__alloc(room);
    uint32_t used = 0;

    if (!bytes) return AER_NOMEM;
    for (uint32_t i = 0; i < node->count; i++) {
        struct entry *e = &node->entries[i];
        uint32_t size = (uint32_t)e->key_size + e->json_size + e->id_size;

        if (size) memcpy(bytes + used, node->bytes + e->at, size);
        e->at = used;
        used += size;
    }
    aer__free(node->bytes);
    node->bytes = bytes;
    node->bytes_room = (uint32_t)room;
    node->used = used;
    node->dead = 0;
    return AER_OK;
}

static int grow_bytes(struct node *node, size_t extra)
{
    size_t room;
    void *p;

    if (node->dead > node->used / 2) return repack(node, AER_MAX(extra, (size_t)node->used - node->dead));
    room = AER_MAX((size_t)node->bytes_room * 2, node->used + AER_MAX(extra, (size_t)256));
    p = aer__realloc(node->bytes, room);
    if (!p) return AER_NOMEM;
    node->bytes = p;
    node->bytes_room = (uint32_t)room;
    return AER_OK;
}

int aer__node_reserve(struct node *node, uint32_t entries, size_t bytes)
{
    if (grow_entries(node, AER_MIN(entries, (uint32_t)TREE_FANOUT_MAX))) return AER_NOMEM;
    return grow_bytes(node, bytes);
}

/* Give back what is not used; a want of memory leaves it as it is. */
void aer__node_trim(struct node *node)
{
    void *p;

    if (node->dead) repack(node, 0);
    if (node->used && node->bytes_room - node->used > node->used / 8) {
        p = aer__realloc(node->bytes, node->used);
        if (p) {
            node->bytes = p;
            node->bytes_room = node->used;
        }
    }
    if (!node->count || node->room - node->count <= node->count / 8) return;
    p = aer__realloc(node->entries, node->count * sizeof *node->entries);
    if (!p) return;
    node->entries = p;
    if (node->kids) {
        p = aer__realloc(node->kids, node->count * sizeof *node->kids);
        if (p) node->kids = p;
    }
    node->room = node->count;
}

struct node *aer__node_clone(const struct node *node)
{
    struct node *copy = aer__node_new(node->leaf);

    if (!copy) return NULL;
    copy->room = node->count + node->count / 4 + 2;
    copy->bytes_room = node->used + node->used / 4 + 64;
    copy->entries = aer__alloc(copy->room * sizeof *copy->entries);
    copy->bytes = aer__alloc(copy->bytes_room);
    if (!node->leaf) copy->kids = aer__alloc(copy->room * sizeof *copy->kids);
    copy->path = node->path ? aer__strdup(node->path) : NULL;
    if (!copy->entries || !copy->bytes || (!node->leaf && !copy->kids) || (node->path && !copy->path)) {
        aer__node_free(copy);
        return NULL;
    }
    if (node->count) memcpy(copy->entries, node->entries, node->count * sizeof *node->entries);
    if (node->kids) memcpy(copy->kids, node->kids, node->count * sizeof *node->kids);
    if (node->used) memcpy(copy->bytes, node->bytes, node->used);
    copy->count = node->count;
    copy->used = node->used;
    copy->dead = node->dead;
    copy->text = node->text;
    return copy;
}

/* ---- changes ---- */

static uint64_t head_of(const unsigned char *key, size_t size)
{
    unsigned char bytes[8] = {0};

    if (size >= sizeof bytes) return aer__get_u64(key);
    if (size) memcpy(bytes, key, size);
    return aer__get_u64(bytes);
}

static int store(struct node *node, struct entry *e, const struct record *r)
{
    size_t size = r->key_size + r->json_size + r->id_size;
    unsigned char *at;

    if (node->bytes_room - node->used < size && grow_bytes(node, size)) return AER_NOMEM;
    at = node->bytes + node->used;
    if (r->key_size) memcpy(at, r->key, r->key_size);
    if (r->json_size) memcpy(at + r->key_size, r->json, r->json_size);
    if (r->id_size) memcpy(at + r->key_size + r->json_size, r->id, r->id_size);
    e->head = head_of(r->key, r->key_size);
    e->at = node->used;
    e->key_size = (uint16_t)r->key_size;
    e->json_size = (uint16_t)r->json_size;
    e->id_size = (uint8_t)r->id_size;
    node->used += (uint32_t)size;
    return AER_OK;
}

int aer__node_put(struct node *node, uint32_t i, const struct record *record)
{
    struct entry entry = {0};
    uint32_t behind = node->count - i;

    assert(i <= node->count);
    if (node->count == node->room && grow_entries(node, node->room ? node->room * 2 : FEW)) return AER_NOMEM;
    if (store(node, &entry, record)) return AER_NOMEM;
    if (behind) memmove(node->entries + i + 1, node->entries + i, behind * sizeof *node->entries);
    node->entries[i] = entry;
    if (node->kids) {
        if (behind) memmove(node->kids + i + 1, node->kids + i, behind * sizeof *node->kids);
        memset(&node->kids[i], 0, sizeof node->kids[i]);
    }
    node->count++;
    node->text += aer__node_entry_text(node, i);
    node->changed = true;
    return AER_OK;
}

static uint32_t bytes_of(const struct entry *e)
{
    return (uint32_t)e->key_size + e->json_size + e->id_size;
}

int aer__node_set(struct node *node, uint32_t i, const struct record *record)
{
    static const struct record none;
    struct entry entry = {0};
    uint32_t old = bytes_of(&node->entries[i]);

    if (store(node, &entry, record ? record : &none)) return AER_NOMEM;
    node->text -= aer__node_entry_text(node, i);
    node->entries[i] = entry;
    node->dead += old;
    node->text += aer__node_entry_text(node, i);
    node->changed = true;
    return AER_OK;
}

void aer__node_cut(struct node *node, uint32_t first, uint32_t count)
{
    uint32_t behind = node->count - first - count;

    for (uint32_t i = first; i < first + count; i++) {
        node->text -= aer__node_entry_text(node, i);
        node->dead += bytes_of(&node->entries[i]);
    }
    if (behind) {
        memmove(node->entries + first, node->entries + first + count, behind * sizeof *node->entries);
        if (node->kids) memmove(node->kids + first, node->kids + first + count, behind * sizeof *node->kids);
    }
    node->count -= count;
    if (!node->count) aer__node_clear(node);
    node->changed = true;
}

/* ---- order ---- */

struct target aer__node_target(const void *key, size_t key_size, const char *id, size_t id_size)
{
    struct target target = {key, key_size, id, id_size, head_of(key, key_size), false, false};

    return target;
}

static int compare_records(const struct record *a, const unsigned char *key, size_t key_size, const char *id, size_t id_size)
{
    int order = aer__key_compare(a->key, a->key_size, key, key_size);

    return order ? order : aer__key_compare(a->id, a->id_size, id, id_size);
}

/* <0: the entry lies in front of the target. */
static int against(const struct node *node, uint32_t i, const struct target *t)
{
    const struct entry *e = &node->entries[i];
    struct record r;

    if (!node->leaf && !e->key_size) return 1;
    if (t->prefix) {
        const unsigned char *key = node->bytes + e->at;

        if (e->key_size >= t->key_size && memcmp(key, t->key, t->key_size) == 0) return 0;
        return aer__key_compare(key, e->key_size, t->key, t->key_size);
    }
    if (e->head != t->head) return e->head < t->head ? -1 : 1;
    r = aer__node_record(node, i);
    return compare_records(&r, t->key, t->key_size, t->id, t->id_size);
}

uint32_t aer__node_find(const struct node *node, const struct target *t, bool *equal)
{
    bool behind = t->behind || !node->leaf; /* of a bound that equals the target, all below it lies in front */
    uint32_t low = 0, high = node->count;

    if (equal) *equal = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = against(node, middle, t);

        if (order == 0 && equal) *equal = true;
        if (order < 0 || (order == 0 && behind)) low = middle + 1;
        else high = middle;
    }
    return low;
}

int aer__node_compare(const struct node *a, uint32_t i, const struct node *b, uint32_t j)
{
    struct record x, y;

    if (a->entries[i].head != b->entries[j].head) return a->entries[i].head < b->entries[j].head ? -1 : 1;
    x = aer__node_record(a, i);
    y = aer__node_record(b, j);
    return compare_records(&x, y.key, y.key_size, y.id, y.id_size);
}

bool aer__node_same_key(const struct node *a, uint32_t i, const struct node *b, uint32_t j)
{
    struct record x = aer__node_record(a, i), y = aer__node_record(b, j);

    return aer__key_compare(x.key, x.key_size, y.key, y.key_size) == 0;
}
