/* rows.c -- from a sequence number to its row: which file has it, and reading it there.
 *
 * All under the view lock for reading, which keeps open files open. A file or row that is not where the view says may
 * mean that the view is old (a compaction replaced the bucket): the failure is AER_CORRUPT with its message, and callers
 * bring the view up to date and try once more before they believe it.
 */
#include "kv/store.h"

#include <errno.h>
#include <string.h>

int aer__rows_open(struct kv *kv, struct bucket_ref *ref, struct sealed **file, struct err *err)
{
    struct sealed *s = atomic_load_explicit(&ref->file, memory_order_acquire);
    int os_error = 0, rc = AER_OK;

    if (!s) {
        pthread_mutex_lock(&kv->open_lock);
        s = atomic_load(&ref->file);
        if (!s) {
            rc = aer__sealed_open(kv->dir, ref->b.id, kv->database, &s, &os_error, err);
            if (rc == AER_OK) {
                atomic_store_explicit(&ref->file, s, memory_order_release);
                atomic_fetch_add_explicit(&kv->tick, 1, memory_order_relaxed); /* time passes by files opened */
                if (++kv->buckets.open > kv->open_limit) atomic_store(&kv->open_too_many, true);
            } else if (os_error == EMFILE || os_error == ENFILE) {
                atomic_store(&kv->open_too_many, true); /* the caller closes some and tries again */
                kv->open_limit = AER_MAX(kv->buckets.open / 2, (size_t)4);
            }
        }
        pthread_mutex_unlock(&kv->open_lock);
    }
    if (rc == AER_NOTFOUND) {
        char path[LAYOUT_PATH_SIZE];
        aer__layout_bucket_path(path, ref->b.id);
        return aer__err_set(err, AER_CORRUPT, "'%s' is missing: the keys in it cannot be read", path);
    }
    if (rc) return rc;
    atomic_store_explicit(&ref->used, atomic_load_explicit(&kv->tick, memory_order_relaxed), memory_order_relaxed);
    *file = s;
    return AER_OK;
}

/* The half of the open files that was not used for longest. */
void aer__rows_close_some(struct kv *kv)
{
    struct bucket_list *list = &kv->buckets;
    uint64_t sum = 0, mean;

    if (!atomic_load_explicit(&kv->open_too_many, memory_order_relaxed)) return;
    aer__view_write(kv);
    for (size_t i = 0; i < list->count; i++) {
        if (atomic_load(&list->at[i]->file)) sum += atomic_load(&list->at[i]->used);
    }
    mean = list->open ? sum / list->open : 0;
    for (size_t i = 0; i < list->count; i++) {
        struct bucket_ref *ref = list->at[i];
        struct sealed *s = atomic_load(&ref->file);
        if (!s || atomic_load(&ref->used) > mean) continue;
        atomic_store(&ref->file, NULL);
        aer__sealed_close(s);
        list->open--;
    }
    atomic_store(&kv->open_too_many, false);
    aer__view_written(kv);
}

/* A row of an active file that is not in memory. */
static int from_active(struct kv *kv, int which, uint64_t seq, struct row *row, struct buf *hold, struct err *err)
{
    struct row found;
    size_t value_size;
    int rc;

    pthread_mutex_lock(&kv->look_lock[which]);
    rc = aer__active_get(kv->look[which], seq, &found, err);
    if (rc == AER_NOTFOUND)
        rc = aer__err_set(err, AER_CORRUPT, "'%s': row %llu is missing", aer__layout_active(which), (unsigned long long)seq);
    if (rc) goto out;
    value_size = found.is_delete ? 0 : found.value_size;
    hold->size = 0;
    rc = aer__buf_reserve(hold, found.key_size + found.meta_size + value_size + 1);
    if (rc) {
        rc = aer__err_nomem(err);
        goto out;
    }
    *row = found;
    if (found.key_size) memcpy(hold->data, found.key, found.key_size);
    row->key = hold->data;
    if (found.meta) {
        memcpy(hold->data + found.key_size, found.meta, found.meta_size);
        row->meta = (const char *)hold->data + found.key_size;
    }
    if (value_size) memcpy(hold->data + found.key_size + found.meta_size, found.value, value_size);
    row->value = found.is_delete ? NULL : hold->data + found.key_size + found.meta_size;
out:
    pthread_mutex_unlock(&kv->look_lock[which]);
    return rc;
}

static int wrong_key(const struct kv *kv, uint64_t seq, struct err *err)
{
    const struct bucket_ref *ref = aer__view_bucket(kv, seq);
    char path[LAYOUT_PATH_SIZE] = "an active file";

    if (ref) aer__layout_bucket_path(path, ref->b.id);
    return aer__err_set(err, AER_CORRUPT, "'%s': row %llu has another key than '%s' says", path,
                        (unsigned long long)seq, LAYOUT_CATALOG);
}

static bool key_matches(const struct row *row, const void *key, size_t key_size)
{
    return !key || (row->key_size == key_size && memcmp(row->key, key, key_size) == 0);
}

static int no_such_row(const struct bucket_ref *ref, uint64_t seq, struct err *err)
{
    char path[LAYOUT_PATH_SIZE];

    aer__layout_bucket_path(path, ref->b.id);
    return aer__err_set(err, AER_CORRUPT, "'%s': row %llu is missing", path, (unsigned long long)seq);
}

static int not_in_sealed(struct kv *kv, uint64_t seq, struct row *row, struct buf *hold, struct err *err)
{
    int which = aer__view_recent(kv, seq);

    if (which < 0) return aer__err_set(err, AER_CORRUPT, "no bucket holds row %llu", (unsigned long long)seq);
    if (aer__recent_get(kv->recent[which], seq, row) == AER_OK) return AER_OK;
    return from_active(kv, which, seq, row, hold, err);
}

int aer__rows_get(struct kv *kv, uint64_t seq, const void *key, size_t key_size, int what, struct row *row,
                  struct buf *hold, struct err *err)
{
    struct bucket_ref *ref = aer__view_bucket(kv, seq);
    int rc;

    if (ref) {
        struct sealed *file;
        rc = aer__rows_open(kv, ref, &file, err);
        if (rc) return rc;
        rc = aer__sealed_get(file, seq, what == ROW_VALUE, row, hold, err);
        if (rc == AER_NOTFOUND) return no_such_row(ref, seq, err);
    } else {
        rc = not_in_sealed(kv, seq, row, hold, err);
    }
    if (rc) return rc;
    return key_matches(row, key, key_size) ? AER_OK : wrong_key(kv, seq, err);
}

int aer__rows_into(struct kv *kv, uint64_t seq, const void *key, size_t key_size, void *buffer, size_t capacity,
                   struct row *row, struct buf *hold, struct err *err)
{
    struct bucket_ref *ref = aer__view_bucket(kv, seq);
    struct sealed *file;
    int rc;

    if (!ref) {
        rc = not_in_sealed(kv, seq, row, hold, err);
        if (rc) return rc;
        if (!key_matches(row, key, key_size)) return wrong_key(kv, seq, err);
        if (row->value_size > capacity) return AER_INVALID;
        if (!row->is_delete && row->value) memcpy(buffer, row->value, row->value_size);
        return AER_OK;
    }
    rc = aer__rows_open(kv, ref, &file, err);
    if (rc) return rc;
    rc = aer__sealed_get_into(file, seq, buffer, capacity, row, hold, err);
    if (rc == AER_NOTFOUND) return no_such_row(ref, seq, err);
    if (rc && rc != AER_INVALID) return rc;
    return key_matches(row, key, key_size) ? rc : wrong_key(kv, seq, err);
}
