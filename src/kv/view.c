/* view.c -- what readers see, and the lock around it.
 *
 * The lock is one read-write lock a shard: a reader takes the one its thread falls on, a writer takes all sixteen in
 * order. Readers on different cores thus touch different cache lines, and writers are rare (a seal, a merge).
 */
#include "kv/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define HINT_SHARE 8 /* an eighth of cache_bytes */

/* A writer that waits goes before readers that come: without it steady readers keep it out for ever. So no thread may take
 * the view for reading twice. */
static void init_shards(struct kv *kv)
{
    pthread_rwlockattr_t attr;

    pthread_rwlockattr_init(&attr);
#ifdef PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP /* glibc; elsewhere writers may have their turn anyway */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
    for (int i = 0; i < VIEW_SHARDS; i++) pthread_rwlock_init(&kv->view[i].lock, &attr);
    pthread_rwlockattr_destroy(&attr);
}

int aer__view_init(struct kv *kv, struct err *err)
{
    int rc;

    init_shards(kv);
    rc = aer__hints_init(&kv->hints, kv->cache_bytes / HINT_SHARE, err);
    return rc ? rc : aer__table_new(&kv->mem, err);
}

static void free_ref(struct kv *kv, struct bucket_ref *ref)
{
    aer__rows_close(kv, ref);
    aer__free(ref);
}

void aer__view_release(struct kv *kv)
{
    for (size_t i = 0; i < kv->buckets.count; i++) free_ref(kv, kv->buckets.at[i]);
    aer__free(kv->buckets.at);
    aer__free(kv->buckets.open);
    for (struct bucket_ref *ref = kv->buckets.spare, *next; ref; ref = next) {
        next = ref->next_spare;
        aer__free(ref);
    }
    aer__table_free(kv->mem);
    aer__table_free(kv->imm);
    for (int w = 0; w < LAYOUT_ACTIVE_COUNT; w++) aer__recent_free(kv->recent[w]);
    aer__hints_release(&kv->hints);
    for (int i = 0; i < VIEW_SHARDS; i++) pthread_rwlock_destroy(&kv->view[i].lock);
}

pthread_rwlock_t *aer__view_read(struct kv *kv)
{
    uint64_t self = (uint64_t)(uintptr_t)pthread_self() * UINT64_C(0x9E3779B97F4A7C15);
    pthread_rwlock_t *lock = &kv->view[self >> 60].lock;

    pthread_rwlock_rdlock(lock);
    return lock;
}

void aer__view_write(struct kv *kv)
{
    for (int i = 0; i < VIEW_SHARDS; i++) pthread_rwlock_wrlock(&kv->view[i].lock);
}

void aer__view_written(struct kv *kv)
{
    for (int i = VIEW_SHARDS - 1; i >= 0; i--) pthread_rwlock_unlock(&kv->view[i].lock);
}

/* ---- buckets ---- */

/* Index of the first bucket that ends at seq or later. */
static size_t find_bucket(const struct bucket_list *list, uint64_t seq)
{
    size_t low = 0, high = list->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (list->at[mid]->b.last_seq < seq) low = mid + 1;
        else high = mid;
    }
    return low;
}

struct bucket_ref *aer__view_bucket(const struct kv *kv, uint64_t seq)
{
    size_t i = find_bucket(&kv->buckets, seq);

    if (i == kv->buckets.count || kv->buckets.at[i]->b.first_seq > seq) return NULL;
    return kv->buckets.at[i];
}

bool aer__view_bucket_is(struct kv *kv, const char *id)
{
    pthread_rwlock_t *view = aer__view_read(kv);
    bool found = false;

    for (size_t i = 0; i < kv->buckets.count && !found; i++) found = strcmp(kv->buckets.at[i]->b.id, id) == 0;
    pthread_rwlock_unlock(view);
    return found;
}

static int grow_list(struct kv *kv, size_t count, struct err *err)
{
    struct bucket_list *list = &kv->buckets;
    size_t capacity = list->capacity ? list->capacity : 64;
    struct bucket_ref **more;

    if (list->count + count <= list->capacity) return AER_OK;
    while (capacity < list->count + count) capacity *= 2;
    aer__view_write(kv); /* readers look through the array */
    more = aer__realloc(list->at, capacity * sizeof *more);
    if (more) {
        list->at = more;
        list->capacity = capacity;
    }
    aer__view_written(kv);
    return more ? AER_OK : aer__err_nomem(err);
}

int aer__view_reserve(struct kv *kv, size_t count, struct err *err)
{
    struct bucket_list *list = &kv->buckets;

    while (list->spares < count) {
        struct bucket_ref *ref = aer__calloc(1, sizeof *ref);
        if (!ref) return aer__err_nomem(err);
        ref->next_spare = list->spare;
        list->spare = ref;
        list->spares++;
    }
    return grow_list(kv, count, err);
}

struct bucket_ref *aer__view_add_bucket(struct kv *kv, const struct catalog_bucket *b)
{
    struct bucket_list *list = &kv->buckets;
    struct bucket_ref *ref = list->spare;
    size_t i = find_bucket(list, b->first_seq);

    assert(ref && list->count < list->capacity);
    list->spare = ref->next_spare;
    list->spares--;
    ref->b = *b;
    memmove(list->at + i + 1, list->at + i, (list->count - i) * sizeof *list->at);
    list->at[i] = ref;
    list->count++;
    return ref;
}

void aer__view_remove_bucket(struct kv *kv, size_t index)
{
    struct bucket_list *list = &kv->buckets;

    free_ref(kv, list->at[index]);
    list->count--;
    memmove(list->at + index, list->at + index + 1, (list->count - index) * sizeof *list->at);
}

uint64_t aer__view_sealed_to(const struct kv *kv)
{
    return kv->buckets.count ? kv->buckets.at[kv->buckets.count - 1]->b.last_seq : 0;
}

/* ---- active files ---- */

int aer__view_recent(const struct kv *kv, uint64_t seq)
{
    for (int w = 0; w < LAYOUT_ACTIVE_COUNT; w++) {
        const struct recent *r = kv->recent[w];
        if (r && seq >= aer__recent_first(r) && seq < aer__recent_first(r) + aer__recent_count(r)) return w;
    }
    return -1;
}

int aer__view_current(const struct kv *kv)
{
    int current = -1;

    for (int w = 0; w < LAYOUT_ACTIVE_COUNT; w++) {
        if (!kv->recent[w]) continue;
        if (current < 0 || aer__recent_first(kv->recent[w]) > aer__recent_first(kv->recent[current])) current = w;
    }
    return current;
}

/* ---- tables ---- */

int aer__view_rotate(struct kv *kv, uint64_t limit, struct err *err)
{
    struct table *fresh = NULL;
    int rc = AER_OK;

    aer__view_write(kv);
    if (!kv->imm && aer__table_bytes(kv->mem) >= limit) {
        rc = aer__table_new_like(&fresh, kv->mem, limit / 4, err);
        if (rc == AER_OK) {
            kv->imm = kv->mem;
            kv->mem = fresh;
        }
    }
    aer__view_written(kv);
    return rc;
}

void aer__view_drop_merged(struct kv *kv, struct table **fresh)
{
    if (kv->imm && aer__table_last_seq(kv->imm) <= kv->merged_seq) {
        aer__table_free(kv->imm);
        kv->imm = NULL;
    }
    if (!*fresh || aer__table_count(kv->mem) == 0 || aer__table_last_seq(kv->mem) > kv->merged_seq) return;
    aer__table_free(kv->mem);
    kv->mem = *fresh;
    *fresh = NULL;
}
