/* table.c -- see table.h.
 *
 *   slots (open addressing, power of two, at most three quarters full)      versions, in an arena of chunks
 *   [ ]  [*]------------------------------------------------->  {K seq 9} --older--> {K seq 4}
 *
 * 1. A slot, once set, holds some version of the same key for ever: readers never meet a hole where a key was.
 * 2. Growing makes a new slot array and publishes it; old arrays stay until the table is freed, for readers that are
 *    in them (their sum is no more than the last one).
 * 3. A version is complete before the slot that leads to it is stored (release), so finding it is enough.
 *
 * Road not taken: a skip list keeps order all the time and costs three times as much an insert at 10^5 keys.
 */
#include "kv/table.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE ((size_t)64 * 1024)
#define FIRST_SLOTS ((size_t)1024)
#define RUNS_MAX 48 /* sizes at least double from run to run, so 48 is out of reach */

struct chunk {
    _Atomic(struct chunk *) next; /* filled after this one */
    _Atomic size_t used;
    size_t size;
    max_align_t data[];
};

struct slots {
    struct slots *smaller;
    size_t mask;
    _Atomic(const struct version *) at[];
};

struct run {
    const struct version **items;
    size_t count;
};

struct table {
    _Atomic(struct slots *) slots;
    struct chunk *first, *last;
    size_t keys;
    _Atomic uint64_t count, bytes, last_seq; /* count is stored last: so many versions can be walked to */

    pthread_mutex_t order_lock; /* the sorted runs, and how far they reach */
    struct run runs[RUNS_MAX];
    int run_count;
    uint64_t sorted;          /* versions that are in a run: the first so many, in order of addition */
    struct chunk *walk_chunk; /* where the next one stands */
    size_t walk_at;
};

static struct slots *new_slots(size_t size)
{
    struct slots *s = aer__calloc(1, sizeof *s + size * sizeof s->at[0]);

    if (s) s->mask = size - 1;
    return s;
}

static int new_table(size_t size, struct table **table, struct err *err)
{
    struct table *t = aer__calloc(1, sizeof *t);
    struct slots *s = new_slots(size);

    *table = NULL;
    if (!t || !s) {
        aer__free(t);
        aer__free(s);
        return aer__err_nomem(err);
    }
    atomic_store(&t->slots, s);
    pthread_mutex_init(&t->order_lock, NULL);
    atomic_store(&t->bytes, sizeof *t + sizeof *s + size * sizeof s->at[0]);
    *table = t;
    return AER_OK;
}

int aer__table_new(struct table **table, struct err *err)
{
    return new_table(FIRST_SLOTS, table, err);
}

int aer__table_new_like(struct table **table, const struct table *like, uint64_t limit, struct err *err)
{
    size_t size = atomic_load_explicit(&like->slots, memory_order_relaxed)->mask + 1;

    while (size > FIRST_SLOTS && size * sizeof(void *) > limit) size /= 2;
    return new_table(size, table, err);
}

void aer__table_free(struct table *t)
{
    if (!t) return;
    for (struct slots *s = atomic_load(&t->slots), *smaller; s; s = smaller) {
        smaller = s->smaller;
        aer__free(s);
    }
    for (struct chunk *c = t->first, *next; c; c = next) {
        next = c->next;
        aer__free(c);
    }
    for (int i = 0; i < t->run_count; i++) aer__free(t->runs[i].items);
    pthread_mutex_destroy(&t->order_lock);
    aer__free(t);
}

static size_t padded(size_t size)
{
    return (size + 7) & ~(size_t)7;
}

/* A chunk with so much room is the last one. */
static struct chunk *have_room(struct table *t, size_t size)
{
    struct chunk *c = t->last;

    if (!c || c->size - c->used < size) {
        size_t chunk_size = AER_MAX(CHUNK_SIZE, size);
        c = aer__alloc(sizeof *c + chunk_size);
        if (!c) return NULL;
        c->used = 0;
        c->size = chunk_size;
        c->next = NULL;
        if (t->last) t->last->next = c;
        else t->first = c;
        t->last = c;
        atomic_fetch_add_explicit(&t->bytes, sizeof *c + chunk_size, memory_order_relaxed);
    }
    return c;
}

/* Room behind the last version, which it is not part of before it is taken. */
static void *arena(struct table *t, size_t size, struct chunk **in)
{
    struct chunk *c = have_room(t, size);

    *in = c;
    return c ? (unsigned char *)c->data + c->used : NULL;
}

static bool same_key(const struct version *v, const void *key, size_t key_size, uint32_t hash)
{
    return v->hash == hash && v->key_size == key_size && memcmp(v->key, key, key_size) == 0;
}

static size_t probe(const struct slots *s, const void *key, size_t key_size, uint64_t hash, const struct version **found)
{
    size_t i = (size_t)(hash >> 20) & s->mask;

    for (;; i = (i + 1) & s->mask) {
        const struct version *v = atomic_load_explicit(&s->at[i], memory_order_acquire);
        if (!v || same_key(v, key, key_size, (uint32_t)hash)) {
            *found = v;
            return i;
        }
    }
}

static int grow(struct table *t, struct err *err)
{
    struct slots *old = atomic_load_explicit(&t->slots, memory_order_relaxed);
    size_t size = (old->mask + 1) * 2;
    struct slots *s = new_slots(size);

    if (!s) return aer__err_nomem(err);
    for (size_t i = 0; i <= old->mask; i++) {
        const struct version *v = atomic_load_explicit(&old->at[i], memory_order_relaxed);
        const struct version *none;
        if (!v) continue;
        uint64_t hash = aer__hash(v->key, v->key_size);
        size_t at = probe(s, v->key, v->key_size, hash, &none);
        atomic_store_explicit(&s->at[at], v, memory_order_relaxed);
    }
    s->smaller = old;
    atomic_store_explicit(&t->slots, s, memory_order_release);
    atomic_fetch_add_explicit(&t->bytes, sizeof *s + size * sizeof s->at[0], memory_order_relaxed);
    return AER_OK;
}

int aer__table_reserve(struct table *t, size_t count, uint64_t key_bytes, struct err *err)
{
    uint64_t size = count * (uint64_t)(sizeof(struct version) + 8) + key_bytes;
    int rc = AER_OK;

    while (rc == AER_OK && (t->keys + count) * 4 > atomic_load_explicit(&t->slots, memory_order_relaxed)->mask * 3)
        rc = grow(t, err);
    if (rc) return rc;
    return size < SIZE_MAX / 2 && have_room(t, (size_t)size) ? AER_OK : aer__err_nomem(err);
}

int aer__table_add(struct table *t, const void *key, size_t key_size, uint64_t hash, const struct version *like,
                   struct err *err)
{
    const struct version *older;
    struct version *v;
    struct slots *s = atomic_load_explicit(&t->slots, memory_order_relaxed);
    size_t at, size = padded(sizeof *v + key_size);
    struct chunk *in;

    if (t->keys * 4 > s->mask * 3) {
        int rc = grow(t, err);
        if (rc) return rc;
        s = atomic_load_explicit(&t->slots, memory_order_relaxed);
    }
    v = arena(t, size, &in);
    if (!v) return aer__err_nomem(err);
    at = probe(s, key, key_size, hash, &older);
    assert(!older || older->seq < like->seq);
    *v = *like;
    v->older = older;
    v->hash = (uint32_t)hash;
    v->key_size = (uint32_t)key_size & 0x3fffffffu;
    memcpy(v->key, key, key_size);
    in->used += size;
    atomic_store_explicit(&s->at[at], v, memory_order_release);
    if (!older) t->keys++;
    if (like->seq > atomic_load_explicit(&t->last_seq, memory_order_relaxed))
        atomic_store_explicit(&t->last_seq, like->seq, memory_order_relaxed);
    atomic_fetch_add_explicit(&t->count, 1, memory_order_release);
    return AER_OK;
}

const struct version *aer__table_find(struct table *t, const void *key, size_t key_size, uint64_t hash, uint64_t at)
{
    const struct version *v;

    if (atomic_load_explicit(&t->count, memory_order_acquire) == 0) return NULL;
    probe(atomic_load_explicit(&t->slots, memory_order_acquire), key, key_size, hash, &v);
    while (v && v->seq > at) v = v->older;
    return v;
}

uint64_t aer__table_count(const struct table *t)
{
    return atomic_load_explicit(&t->count, memory_order_relaxed);
}
uint64_t aer__table_bytes(const struct table *t)
{
    return atomic_load_explicit(&t->bytes, memory_order_relaxed);
}
uint64_t aer__table_last_seq(const struct table *t)
{
    return atomic_load_explicit(&t->last_seq, memory_order_relaxed);
}

/* ---- order -------------------------------------------------------------------------------- */

/* By key; of one key the newest first. */
static int compare_versions(const struct version *a, const struct version *b)
{
    int c = aer__key_compare(a->key, a->key_size, b->key, b->key_size);

    if (c) return c;
    return a->seq > b->seq ? -1 : a->seq < b->seq;
}

static int compare_items(const void *a, const void *b)
{
    return compare_versions(*(const struct version *const *)a, *(const struct version *const *)b);
}

/* Merge the two newest runs into one. */
static int merge_two(struct table *t, struct err *err)
{
    struct run *a = &t->runs[t->run_count - 2], *b = &t->runs[t->run_count - 1];
    const struct version **items = aer__alloc((a->count + b->count) * sizeof *items);
    size_t i = 0, j = 0, n = 0;

    if (!items) return aer__err_nomem(err);
    while (i < a->count && j < b->count)
        items[n++] = compare_versions(a->items[i], b->items[j]) <= 0 ? a->items[i++] : b->items[j++];
    while (i < a->count) items[n++] = a->items[i++];
    while (j < b->count) items[n++] = b->items[j++];
    aer__free(a->items);
    aer__free(b->items);
    a->items = items;
    a->count = n;
    t->run_count--;
    return AER_OK;
}

/* The version after the last one walked to. There must be one: the caller counts. */
static const struct version *walk(struct table *t)
{
    const struct version *v;

    if (!t->walk_chunk) t->walk_chunk = t->first;
    /* A chunk is left when it has no further version: the room that stayed is smaller than the next one was. `used` of the
     * chunk being filled may be ahead of what was counted, never behind. */
    while (t->walk_at >= t->walk_chunk->used) {
        t->walk_chunk = t->walk_chunk->next;
        t->walk_at = 0;
    }
    v = (const struct version *)((const unsigned char *)t->walk_chunk->data + t->walk_at);
    t->walk_at += padded(sizeof *v + v->key_size);
    return v;
}

/* Runs of near size become one, so that there are never many. */
static int merge_near(struct table *t, struct err *err)
{
    int rc = AER_OK;

    while (rc == AER_OK && t->run_count >= 2 && t->runs[t->run_count - 2].count < 2 * t->runs[t->run_count - 1].count)
        rc = merge_two(t, err);
    return rc;
}

/* What was added since becomes a run. */
static int sort_fresh(struct table *t, struct err *err)
{
    uint64_t count = atomic_load_explicit(&t->count, memory_order_acquire) - t->sorted;
    const struct version **items;
    int rc;

    rc = merge_near(t, err); /* for want of memory the last call may have left more runs than there should be */
    if (rc || count == 0) return rc;
    items = aer__alloc(count * sizeof *items);
    if (!items) return aer__err_nomem(err);
    assert(t->run_count < RUNS_MAX);
    for (uint64_t i = 0; i < count; i++) items[i] = walk(t);
    qsort(items, count, sizeof *items, compare_items);
    t->runs[t->run_count++] = (struct run){items, count};
    t->sorted += count;
    return merge_near(t, err);
}

/* The first position whose version is not before START (after, if exclusive). */
static size_t lower_bound(const struct run *run, const void *start, size_t start_size, bool exclusive)
{
    size_t low = 0, high = run->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = aer__key_compare(run->items[mid]->key, run->items[mid]->key_size, start, start_size);
        if (c < 0 || (exclusive && c == 0)) low = mid + 1;
        else high = mid;
    }
    return low;
}

/* Where each run stands: forward the next index to take, reverse one behind it. */
static void place(struct table *t, size_t *at, const void *start, size_t start_size, bool exclusive, bool reverse)
{
    for (int i = 0; i < t->run_count; i++) {
        const struct run *run = &t->runs[i];
        if (!start) at[i] = reverse ? run->count : 0;
        else at[i] = lower_bound(run, start, start_size, reverse ? !exclusive : exclusive);
    }
}

static const struct version *peek(const struct run *run, size_t at, bool reverse)
{
    if (reverse) return at > 0 ? run->items[at - 1] : NULL;
    return at < run->count ? run->items[at] : NULL;
}

/* The run whose next version comes next; -1 at the end. */
static int next_run(struct table *t, const size_t *at, bool reverse)
{
    const struct version *best = NULL;
    int which = -1;

    for (int i = 0; i < t->run_count; i++) {
        const struct version *v = peek(&t->runs[i], at[i], reverse);
        if (!v) continue;
        if (best) {
            int c = compare_versions(v, best);
            if (reverse ? c < 0 : c > 0) continue;
        }
        best = v;
        which = i;
    }
    return which;
}

int aer__table_range(struct table *t, const void *start, size_t start_size, bool exclusive, bool reverse, uint64_t at,
                     const struct version **out, size_t limit, size_t *count, struct err *err)
{
    size_t pos[RUNS_MAX];
    size_t n = 0;
    int rc;

    *count = 0;
    pthread_mutex_lock(&t->order_lock);
    rc = sort_fresh(t, err);
    if (rc) goto out;
    place(t, pos, start, start_size, exclusive, reverse);
    for (int i; (i = next_run(t, pos, reverse)) >= 0;) {
        const struct version *v = peek(&t->runs[i], pos[i], reverse);
        bool same = n > 0 && aer__key_compare(out[n - 1]->key, out[n - 1]->key_size, v->key, v->key_size) == 0;
        if (!same && n == limit) break; /* only here: in reverse the newest version of a key comes last */
        pos[i] += reverse ? (size_t)-1 : 1;
        if (v->seq > at) continue;
        if (!same) out[n++] = v;
        else if (reverse) out[n - 1] = v;
    }
    *count = n;
out:
    pthread_mutex_unlock(&t->order_lock);
    return rc;
}

int aer__table_versions(struct table *t, uint64_t after, uint64_t upto, const struct version ***items, size_t *count,
                        struct err *err)
{
    const struct version **more;
    const struct run *run;
    int rc;

    pthread_mutex_lock(&t->order_lock);
    rc = sort_fresh(t, err);
    while (rc == AER_OK && t->run_count > 1) rc = merge_two(t, err);
    if (rc || t->run_count == 0) goto out;
    run = &t->runs[0];
    more = aer__realloc(*items, (*count + run->count) * sizeof *more);
    if (!more) {
        rc = aer__err_nomem(err);
        goto out;
    }
    *items = more;
    for (size_t i = 0; i < run->count; i++) {
        if (run->items[i]->seq > after && run->items[i]->seq <= upto) more[(*count)++] = run->items[i];
    }
out:
    pthread_mutex_unlock(&t->order_lock);
    return rc;
}
