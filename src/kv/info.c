/* info.c -- what is where, and how much: for status, bucket and locate; and the two commands on the whole store, sync and seal. */
#include "fs/fs.h"
#include "kv/journal.h"
#include "kv/store.h"

#include <inttypes.h>
#include <string.h>

#define LOOKS 4 /* for a bucket that moves while it is looked for */

int aer__kv_sync(struct kv *kv, struct err *err)
{
    int rc = aer__kv_usable(kv, err);

    if (rc || kv->options.readonly) return rc;
    rc = aer__queue_enter(kv, aer__kv_deadline(kv), err);
    if (rc) return rc;
    rc = aer__turn_enter(kv, aer__kv_deadline(kv), err);
    if (rc == AER_OK) {
        /* Sealed buckets are synced, but for those of large transactions in mode off, ours or others'. */
        if (atomic_load(&kv->share.page->loose)) {
            rc = aer__fs_sync_all(kv->dir, err);
            if (rc == AER_OK) atomic_store(&kv->share.page->loose, 0);
            else
                aer__kv_tables_doubt(kv, true); /* the system tells of a failure once, and it was not told to those files' checkpoint */
        }
        if (rc == AER_OK) rc = aer__journal_sync(kv, err);
        for (int w = 0; rc == AER_OK && w < LAYOUT_ACTIVE_COUNT; w++) {
            pthread_mutex_lock(&kv->active_lock[w]);
            rc = aer__active_sync(kv->active[w], err);
            pthread_mutex_unlock(&kv->active_lock[w]);
            if (rc == AER_OK) atomic_store(&kv->unsynced[w], false);
        }
        aer__turn_leave(kv);
    }
    aer__queue_leave(kv);
    return rc;
}

int aer__kv_seal(struct kv *kv, struct err *err)
{
    int rc = aer__kv_usable(kv, err);

    if (rc) return rc;
    if (kv->options.readonly) return aer__err_set(err, AER_READONLY, "the database is open for reading only");
    rc = aer__queue_enter(kv, aer__kv_deadline(kv), err); /* nobody commits into the file that is being sealed */
    if (rc) return rc;
    aer__upkeep_lock(kv);
    rc = aer__follow(kv, false, err);
    if (rc == AER_OK) rc = aer__seal_pending(kv, true, err);
    if (rc == AER_OK) rc = aer__merge(kv, err);
    pthread_mutex_unlock(&kv->upkeep_lock);
    aer__queue_leave(kv);
    return rc;
}

/* ---- counting ---- */

static bool is_hidden(const struct kv *kv, const void *key, size_t size)
{
    const char *hidden = kv->options.hidden;

    return hidden && size >= strlen(hidden) && memcmp(key, hidden, strlen(hidden)) == 0;
}

/* How the unmerged versions of one table change the number of keys; before is imm for mem, else NULL. Under the view lock. */
static int count_table(struct kv *kv, struct catalog *c, struct table *t, struct table *before, uint64_t *keys,
                       struct err *err)
{
    const struct version **items = NULL;
    size_t count = 0;
    int rc = aer__table_versions(t, kv->merged_seq, atomic_load(&kv->visible), &items, &count, err);

    for (size_t i = 0; rc == AER_OK && i < count; i++) {
        const struct version *v = items[i], *older = NULL;
        bool was;
        uint64_t seq;
        if (is_hidden(kv, v->key, v->key_size)) continue;
        if (i && aer__key_compare(v->key, v->key_size, items[i - 1]->key, items[i - 1]->key_size) == 0) continue;
        if (before) older = aer__table_find(before, v->key, v->key_size, aer__hash(v->key, v->key_size), UINT64_MAX);
        rc = older ? AER_OK : aer__catalog_lookup(c, v->key, v->key_size, &seq, err);
        was = older ? !older->is_delete : rc == AER_OK;
        if (rc == AER_NOTFOUND) rc = AER_OK;
        *keys += (uint64_t)!v->is_delete - (uint64_t)was;
    }
    aer__free(items);
    return rc;
}

static int count_unmerged(struct kv *kv, uint64_t *keys, struct err *err)
{
    pthread_rwlock_t *view = aer__view_read(kv);
    struct catalog_reader *r = aer__reader_take(kv, err);
    int rc = err ? err->code : AER_IO;

    if (r) {
        rc = kv->imm ? count_table(kv, r->catalog, kv->imm, NULL, keys, err) : AER_OK;
        if (rc == AER_OK) rc = count_table(kv, r->catalog, kv->mem, kv->imm, keys, err);
        aer__reader_give(kv, r);
    }
    pthread_rwlock_unlock(view);
    return rc;
}

static int count_catalog(struct kv *kv, uint64_t *keys, uint64_t *bytes, struct err *err)
{
    pthread_rwlock_t *view = aer__view_read(kv);
    struct catalog_reader *r = aer__reader_take(kv, err);
    int rc = err ? err->code : AER_IO;

    if (r) {
        rc = aer__catalog_count(r->catalog, kv->options.hidden, kv->options.hidden_end, keys, err);
        if (rc == AER_OK) rc = aer__catalog_size(r->catalog, bytes, err);
        aer__reader_give(kv, r);
    }
    pthread_rwlock_unlock(view);
    return rc;
}

int aer__kv_status(struct kv *kv, aer_stats *stats, struct err *err)
{
    pthread_rwlock_t *view;
    int rc = aer__kv_usable(kv, err);

    memset(stats, 0, sizeof *stats);
    if (rc == AER_OK) rc = aer__follow(kv, false, err);
    if (rc == AER_OK) rc = count_catalog(kv, &stats->keys, &stats->catalogue_bytes, err);
    if (rc == AER_OK) rc = count_unmerged(kv, &stats->keys, err);
    if (rc) return rc;
    view = aer__view_read(kv);
    stats->last_seq = atomic_load(&kv->visible);
    stats->unmerged_rows = stats->last_seq - AER_MIN(kv->merged_seq, stats->last_seq);
    stats->buckets = kv->buckets.count;
    for (size_t i = 0; i < kv->buckets.count; i++) {
        const struct catalog_bucket *b = &kv->buckets.at[i]->b;
        stats->rows += b->rows;
        stats->bytes += b->bytes;
        stats->dead_bytes += b->dead_bytes;
    }
    for (int w = 0; w < LAYOUT_ACTIVE_COUNT; w++) {
        /* A file whose bucket is listed already is only waiting to be emptied. */
        if (!kv->recent[w] || aer__view_bucket(kv, aer__recent_first(kv->recent[w]))) continue;
        stats->rows += aer__recent_count(kv->recent[w]);
        stats->bytes += aer__recent_bytes(kv->recent[w]);
    }
    pthread_rwlock_unlock(view);
    stats->bucket_max_rows = atomic_load(&kv->max_rows);
    stats->bucket_max_size = atomic_load(&kv->max_size);
    stats->sync = kv->options.sync;
    return AER_OK;
}

/* ---- buckets ---- */

static void describe_sealed(const struct catalog_bucket *b, char *path, aer_bucket *out)
{
    aer__layout_bucket_path(path, b->id);
    *out = (aer_bucket){.path = path,
                        .state = AER_BUCKET_SEALED,
                        .first_seq = b->first_seq,
                        .last_seq = b->last_seq,
                        .rows = b->rows,
                        .live_rows = b->live,
                        .bytes = b->bytes,
                        .dead_bytes = b->dead_bytes,
                        .generation = b->generation};
    memcpy(out->id, b->id, sizeof out->id);
}

static void describe_active(const struct kv *kv, int which, aer_bucket *out)
{
    const struct recent *r = kv->recent[which];
    uint64_t first = aer__recent_first(r), count = aer__recent_count(r);

    *out = (aer_bucket){.path = aer__layout_active(which),
                        .state = which == aer__view_current(kv) ? AER_BUCKET_ACTIVE : AER_BUCKET_SEALING,
                        .first_seq = first,
                        .last_seq = first + count - 1,
                        .rows = count,
                        .live_rows = count,
                        .bytes = aer__recent_bytes(r)};
    memcpy(out->id, aer__recent_id(r), sizeof out->id);
}

int aer__kv_buckets(struct kv *kv, int (*fn)(void *arg, const aer_bucket *bucket), void *arg, struct err *err)
{
    struct catalog_bucket *sealed = NULL;
    aer_bucket active[LAYOUT_ACTIVE_COUNT];
    size_t count = 0, actives = 0;
    pthread_rwlock_t *view;
    int rc = aer__kv_usable(kv, err);

    if (rc == AER_OK) rc = aer__follow(kv, false, err);
    if (rc) return rc;
    view = aer__view_read(kv); /* copied, so that fn may call us */
    sealed = aer__alloc((kv->buckets.count + 1) * sizeof *sealed);
    for (size_t i = 0; sealed && i < kv->buckets.count; i++) sealed[count++] = kv->buckets.at[i]->b;
    for (int i = 0, current = aer__view_current(kv); i < LAYOUT_ACTIVE_COUNT; i++) {
        int which = i == LAYOUT_ACTIVE_COUNT - 1 ? current : 1 - current;
        /* A file whose bucket is listed already is only waiting to be emptied. */
        if (current >= 0 && kv->recent[which] && !aer__view_bucket(kv, aer__recent_first(kv->recent[which])))
            describe_active(kv, which, &active[actives++]);
    }
    pthread_rwlock_unlock(view);
    if (!sealed) return aer__err_nomem(err);
    for (size_t i = 0; rc == AER_OK && i < count + actives; i++) {
        char path[LAYOUT_PATH_SIZE];
        aer_bucket b;
        if (i < count) describe_sealed(&sealed[i], path, &b);
        else b = active[i - count];
        if (fn(arg, &b)) rc = aer__err_set(err, AER_STOPPED, "stopped by the caller");
    }
    aer__free(sealed);
    return rc;
}

struct show {
    struct kv *kv;
    int (*fn)(void *arg, const aer_bucket_row *row);
    void *arg;
    struct err *err;
};

/* Is the row part of its key's newest version? */
static int row_is_live(struct show *s, const struct row *row, int *live)
{
    struct buf hold = {0};
    struct kv_entry entry;
    uint64_t newest = 0;
    int rc = aer__get_newest(s->kv, row->key, row->key_size, &newest, s->err);

    *live = 0;
    if (rc == AER_NOTFOUND) return AER_OK;
    if (rc || row->is_delete) return rc;
    *live = newest == row->seq;
    if (row->part <= 0) return AER_OK;
    rc = aer__kv_stat(s->kv, NULL, row->key, row->key_size, &entry, &hold, s->err);
    *live = rc == AER_OK && row->seq >= entry.first_seq && row->seq <= entry.seq;
    aer__buf_release(&hold);
    return rc == AER_NOTFOUND ? AER_OK : rc;
}

static int show_row(void *arg, const struct row *row)
{
    struct show *s = arg;
    aer_bucket_row out = {.seq = row->seq,
                          .key = {row->key, row->key_size},
                          .value_size = row->value_size,
                          .is_delete = row->is_delete,
                          .part = (int)row->part,
                          .expires_ms = row->expires_ms};
    int rc;

    if (row->key_size == 0) return AER_OK; /* a commit row: nobody's key */
    rc = row_is_live(s, row, &out.is_live);
    if (rc) return rc;
    return s->fn(s->arg, &out) ? aer__err_set(s->err, AER_STOPPED, "stopped by the caller") : AER_OK;
}

static int show_sealed(struct show *s, const char *id)
{
    struct sealed *file;
    int rc = aer__sealed_open(s->kv->dir, id, s->kv->database, &file, NULL, s->err);

    if (rc) return rc;
    rc = aer__sealed_rows(file, 0, false, show_row, s, s->err);
    aer__sealed_close(file);
    return rc;
}

static int show_active(struct show *s, int which, const char *id)
{
    struct active *file;
    int rc = aer__active_open(s->kv->dir, which, s->kv->frozen ? ACTIVE_FROZEN : ACTIVE_READONLY, s->kv->database, 1000,
                              &file, s->err);

    if (rc) return rc;
    rc = aer__active_rows_of(file, id, show_row, s, s->err);
    aer__active_close(file);
    return rc;
}

enum place { NOWHERE, SEALED, ACTIVE, BEGUN }; /* BEGUN: active, without a row so far */

static enum place place_of(struct kv *kv, const char *id, int *which)
{
    enum place place = aer__view_bucket_is(kv, id) ? SEALED : NOWHERE; /* an active file may still have its rows, too */
    pthread_rwlock_t *view = aer__view_read(kv);

    for (int w = 0; place == NOWHERE && w < LAYOUT_ACTIVE_COUNT; w++) {
        if (!kv->recent[w] || strcmp(aer__recent_id(kv->recent[w]), id) != 0) continue;
        place = aer__recent_count(kv->recent[w]) ? ACTIVE : BEGUN;
        *which = w;
    }
    pthread_rwlock_unlock(view);
    return place;
}

/* The rows are read through a file of our own, so that no lock is held while fn runs. Between finding and opening it the
 * bucket may be sealed or compacted: look again. */
int aer__kv_bucket_rows(struct kv *kv, const char *id, int (*fn)(void *arg, const aer_bucket_row *row), void *arg,
                        struct err *err)
{
    struct show show = {kv, fn, arg, err};
    char path[LAYOUT_PATH_SIZE];
    int which = 0, rc = aer__kv_usable(kv, err);

    if (rc) return rc;
    if (!aer__layout_id_ok(id)) return AER_NOTFOUND;
    for (int try = 0; try < LOOKS; try++) {
        rc = aer__follow(kv, try > 0, err);
        if (rc) return rc;
        switch (place_of(kv, id, &which)) {
        case NOWHERE: return AER_NOTFOUND;
        case BEGUN: return AER_OK;
        case SEALED: rc = show_sealed(&show, id); break;
        case ACTIVE: rc = show_active(&show, which, id); break;
        }
        if (rc != AER_NOTFOUND) return rc;
    }
    aer__layout_bucket_path(path, id);
    return aer__err_set(err, AER_CORRUPT, "'%s' is missing", path);
}

int aer__kv_locate(struct kv *kv, const void *key, size_t key_size, aer_location *location, struct err *err)
{
    struct kv_entry entry;
    struct buf hold = {0};
    pthread_rwlock_t *view;
    const struct bucket_ref *ref;
    int rc = aer__kv_stat(kv, NULL, key, key_size, &entry, &hold, err);

    aer__buf_release(&hold);
    memset(location, 0, sizeof *location);
    if (rc) return rc;
    location->seq = entry.seq;
    location->first_seq = entry.first_seq;
    location->value_size = entry.value_size;
    view = aer__view_read(kv);
    location->merged = entry.seq <= kv->merged_seq;
    ref = aer__view_bucket(kv, entry.seq);
    if (ref) {
        memcpy(location->id, ref->b.id, sizeof location->id);
        aer__layout_bucket_path(location->path, ref->b.id);
    } else {
        int which = aer__view_recent(kv, entry.seq);
        if (which >= 0) {
            memcpy(location->id, aer__recent_id(kv->recent[which]), sizeof location->id);
            strcpy(location->path, aer__layout_active(which));
        }
    }
    pthread_rwlock_unlock(view);
    return AER_OK;
}
