/* recent.c -- see recent.h. Pointers to rows stand in blocks of 1,024 that never move, so a reader needs no lock:
 * it may look at every row up to the sequence number that was published to it.
 */
#include "kv/recent.h"

#include <stdatomic.h>
#include <string.h>

#define BLOCK_ROWS 1024u
#define BLOCKS_MAX 1024u /* 2^20 rows in memory at most */
#define ARENA_SIZE ((size_t)128 * 1024)

struct arena {
    struct arena *next;
    size_t used, size;
    max_align_t data[];
};

struct recent {
    char id[LAYOUT_ID_SIZE];
    uint64_t first_seq, limit;
    _Atomic uint64_t count, bytes, expiring;
    uint64_t memory;
    bool full;
    struct arena *arenas;
    struct row **blocks[BLOCKS_MAX];
};

int aer__recent_new(const char *id, uint64_t first_seq, uint64_t limit, struct recent **recent, struct err *err)
{
    struct recent *r = aer__calloc(1, sizeof *r);

    *recent = NULL;
    if (!r) return aer__err_nomem(err);
    memcpy(r->id, id, sizeof r->id);
    r->first_seq = first_seq;
    r->limit = limit;
    *recent = r;
    return AER_OK;
}

void aer__recent_free(struct recent *r)
{
    if (!r) return;
    for (struct arena *a = r->arenas, *next; a; a = next) {
        next = a->next;
        aer__free(a);
    }
    for (unsigned i = 0; i < BLOCKS_MAX; i++) aer__free(r->blocks[i]);
    aer__free(r);
}

static void *take(struct recent *r, size_t size)
{
    struct arena *a = r->arenas;
    void *p;

    size = (size + 7) & ~(size_t)7;
    if (!a || a->size - a->used < size) {
        size_t arena_size = AER_MAX(ARENA_SIZE, size);
        if (r->memory + arena_size > r->limit) return NULL;
        a = aer__alloc(sizeof *a + arena_size);
        if (!a) return NULL;
        a->used = 0;
        a->size = arena_size;
        a->next = r->arenas;
        r->arenas = a;
        r->memory += arena_size;
    }
    p = (unsigned char *)a->data + a->used;
    a->used += size;
    return p;
}

/* A copy of the row in our memory; NULL when there is no room, which is no failure: the file has it. */
static struct row *copy_row(struct recent *r, const struct row *row)
{
    size_t value_size = row->is_delete ? 0 : row->value_size;
    struct row *copy = take(r, sizeof *copy + row->key_size + row->meta_size + value_size);
    unsigned char *p;

    if (!copy) return NULL;
    *copy = *row;
    p = (unsigned char *)(copy + 1);
    memcpy(p, row->key, row->key_size);
    copy->key = p;
    p += row->key_size;
    if (row->meta) {
        memcpy(p, row->meta, row->meta_size);
        copy->meta = (const char *)p;
        p += row->meta_size;
    }
    if (value_size > 0) memcpy(p, row->value, value_size);
    copy->value = row->is_delete ? NULL : p;
    return copy;
}

void aer__recent_add(struct recent *r, const struct row *row, bool keep)
{
    uint64_t n = atomic_load_explicit(&r->count, memory_order_relaxed);
    struct row *copy = NULL;

    if (keep && !r->full && n < (uint64_t)BLOCKS_MAX * BLOCK_ROWS) {
        struct row ***block = &r->blocks[n / BLOCK_ROWS];
        if (!*block) {
            *block = aer__calloc(BLOCK_ROWS, sizeof **block);
            if (*block) r->memory += BLOCK_ROWS * sizeof **block;
        }
        copy = *block ? copy_row(r, row) : NULL;
        if (copy) (*block)[n % BLOCK_ROWS] = copy;
    }
    if (keep && !copy) r->full = true;
    atomic_store_explicit(&r->bytes, atomic_load_explicit(&r->bytes, memory_order_relaxed) + aer__row_bytes(row),
                          memory_order_relaxed);
    if (row->expires_ms) atomic_fetch_add_explicit(&r->expiring, 1, memory_order_relaxed);
    atomic_store_explicit(&r->count, n + 1, memory_order_release);
}

const char *aer__recent_id(const struct recent *r)
{
    return r->id;
}
uint64_t aer__recent_first(const struct recent *r)
{
    return r->first_seq;
}
uint64_t aer__recent_count(const struct recent *r)
{
    return atomic_load_explicit(&r->count, memory_order_acquire);
}
uint64_t aer__recent_bytes(const struct recent *r)
{
    return atomic_load_explicit(&r->bytes, memory_order_relaxed);
}
uint64_t aer__recent_expiring(const struct recent *r)
{
    return atomic_load_explicit(&r->expiring, memory_order_relaxed);
}

int aer__recent_get(const struct recent *r, uint64_t seq, struct row *row)
{
    uint64_t n = seq - r->first_seq;

    struct row *const *block;

    if (seq < r->first_seq || n >= atomic_load_explicit(&r->count, memory_order_acquire)) return AER_NOTFOUND;
    if (n >= (uint64_t)BLOCKS_MAX * BLOCK_ROWS) return AER_NOTFOUND;
    block = r->blocks[n / BLOCK_ROWS];
    if (!block || !block[n % BLOCK_ROWS]) return AER_NOTFOUND;
    *row = *block[n % BLOCK_ROWS];
    return AER_OK;
}
