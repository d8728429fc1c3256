/* open.c -- create, open and close the store.
 *
 * Open: come in through aerial.lock, open catalogue and active files, follow to the present. Nothing is written; what a
 * dead writer left is finished by the first turn (settle.c).
 *
 * Close: stop the background, do what it would have done next (seal the full file, merge what is sealed), bring long WALs
 * home. After a clean close only the keys of the active bucket are unmerged.
 */
#include "fs/fs.h"
#include "kv/fork.h"
#include "kv/store.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define WAL_WORTH_TRIMMING 100 /* frames; reading fewer again at the next open costs less than syncing twice now */

void aer__kv_log(struct kv *kv, const char *format, ...)
{
    char line[ERR_MESSAGE_SIZE + 64];
    va_list args;

    if (!kv->options.log) return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    kv->options.log(kv->options.log_arg, line);
}

int aer__kv_usable(struct kv *kv, struct err *err)
{
    if (!atomic_load_explicit(&kv->broken, memory_order_relaxed)) return AER_OK;
    return aer__err_set(err, AER_UNKNOWN,
                        "a commit may or may not have happened: close the database and open it again to find out");
}

void aer__kv_break(struct kv *kv)
{
    atomic_store(&kv->broken, 1);
}

int aer__kv_create(int dir, struct err *err)
{
    unsigned char random[16];
    char database[33];
    int rc = aer__fs_random(random, sizeof random, err);

    for (size_t i = 0; rc == AER_OK && i < sizeof random; i++) snprintf(database + 2 * i, 3, "%02x", random[i]);
    if (rc == AER_OK) rc = aer__fs_mkdir(dir, LAYOUT_BUCKETROOT, true, err);
    for (int w = 0; rc == AER_OK && w < LAYOUT_ACTIVE_COUNT; w++) {
        struct active *a;
        rc = aer__active_open(dir, w, ACTIVE_CREATE, database, 0, &a, err);
        if (rc == AER_OK) aer__active_close(a);
    }
    if (rc == AER_OK) rc = aer__catalog_create(dir, database, aer__now_ms(), err);
    if (rc == AER_OK) rc = aer__fs_sync_dir(dir, LAYOUT_BUCKETROOT, err);
    if (rc == AER_OK) rc = aer__fs_sync_dir(dir, "", err);
    return rc;
}

/* ---- open ---- */

static void init_locks(struct kv *kv)
{
    pthread_mutex_init(&kv->apply_lock, NULL);
    pthread_mutex_init(&kv->open_lock, NULL);
    pthread_mutex_init(&kv->turn.lock, NULL);
    aer__cond_init(&kv->turn.changed);
    pthread_mutex_init(&kv->queue_lock, NULL);
    aer__cond_init(&kv->queue_changed);
    for (int w = 0; w < LAYOUT_ACTIVE_COUNT; w++) {
        pthread_mutex_init(&kv->active_lock[w], NULL);
        pthread_mutex_init(&kv->look_lock[w], NULL);
    }
    pthread_mutex_init(&kv->catalog_lock, NULL);
    for (int i = 0; i < READERS; i++) pthread_mutex_init(&kv->reader[i].lock, NULL);
    pthread_mutex_init(&kv->files_lock, NULL);
    pthread_mutex_init(&kv->snapshot_lock, NULL);
    pthread_mutex_init(&kv->upkeep_lock, NULL);
    pthread_mutex_init(&kv->wake_lock, NULL);
    aer__cond_init(&kv->wake);
    aer__cond_init(&kv->idle);
}

static void release_locks(struct kv *kv)
{
    pthread_mutex_destroy(&kv->apply_lock);
    pthread_mutex_destroy(&kv->open_lock);
    pthread_mutex_destroy(&kv->turn.lock);
    pthread_cond_destroy(&kv->turn.changed);
    pthread_mutex_destroy(&kv->queue_lock);
    pthread_cond_destroy(&kv->queue_changed);
    for (int w = 0; w < LAYOUT_ACTIVE_COUNT; w++) {
        pthread_mutex_destroy(&kv->active_lock[w]);
        pthread_mutex_destroy(&kv->look_lock[w]);
    }
    pthread_mutex_destroy(&kv->catalog_lock);
    for (int i = 0; i < READERS; i++) pthread_mutex_destroy(&kv->reader[i].lock);
    pthread_mutex_destroy(&kv->files_lock);
    pthread_mutex_destroy(&kv->snapshot_lock);
    pthread_mutex_destroy(&kv->upkeep_lock);
    pthread_mutex_destroy(&kv->wake_lock);
    pthread_cond_destroy(&kv->wake);
    pthread_cond_destroy(&kv->idle);
}

/* Half of the descriptors the process may have are ours at most. */
static size_t file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > 8192) return 4096;
    return limit.rlim_cur < 80 ? 16 : (size_t)limit.rlim_cur / 2 - 24;
}

static int open_actives(struct kv *kv, struct err *err)
{
    int look = kv->frozen ? ACTIVE_FROZEN : kv->options.readonly ? ACTIVE_READONLY : 0;
    int rc = AER_OK;

    for (int w = 0; rc == AER_OK && w < LAYOUT_ACTIVE_COUNT; w++) {
        if (!kv->options.readonly)
            rc = aer__active_open(kv->dir, w, 0, kv->database, AER_MAX(kv->options.busy_ms, 1000), &kv->active[w], err);
        if (rc == AER_OK)
            rc = aer__active_open(kv->dir, w, look, kv->database, AER_MAX(kv->options.busy_ms, 1000), &kv->look[w], err);
    }
    return rc;
}

/* Which database is it? The first look-up connection tells, and stays. */
static int open_catalog(struct kv *kv, struct err *err)
{
    struct catalog_reader *r = aer__reader_take(kv, err);
    int rc = AER_OK;

    if (!r) return err ? err->code : AER_IO;
    memcpy(kv->database, aer__catalog_database(r->catalog), sizeof kv->database);
    aer__reader_give(kv, r);
    if (!kv->options.readonly)
        rc = aer__catalog_open(kv->dir, CATALOG_WRITE, AER_MAX(kv->options.busy_ms, 1000), kv->cache_bytes / 16,
                               &kv->catalog, err);
    return rc;
}

static void close_files(struct kv *kv)
{
    for (int w = 0; w < LAYOUT_ACTIVE_COUNT; w++) {
        aer__active_close(kv->active[w]);
        aer__active_close(kv->look[w]);
    }
    aer__catalog_close(kv->catalog);
    for (int i = 0; i < READERS; i++) {
        if (kv->reader[i].catalog) aer__catalog_read_end(kv->reader[i].catalog);
        aer__catalog_close(kv->reader[i].catalog);
    }
}

static void free_kv(struct kv *kv)
{
    close_files(kv);
    aer__share_close(&kv->share);
    aer__view_release(kv);
    release_locks(kv);
    aer__free(kv);
}

/* Nobody can write here: SQLite must not try to make its files. */
static bool is_frozen(const struct kv *kv)
{
    return kv->options.readonly && !aer__fs_writable(kv->dir);
}

/* Alone: is there anything in the journal that is not in its place? Then whoever gets the turn finishes it. */
static int look_for_unfinished(void *arg, struct catalog *c, struct err *err)
{
    struct kv *kv = arg;
    struct share_page *page = kv->share.page;
    bool any;
    int rc = aer__catalog_journal_any(c, (int64_t)atomic_load(&page->journal_applied), &any, err);

    if (rc) return rc;
    if (any) atomic_store(&page->tables_version, 1);
    rc = aer__catalog_journal_any(c, 0, &any, err);
    if (rc == AER_OK && !any) atomic_store(&page->journal_loose, 0);
    return rc;
}

int aer__kv_open(int dir, const struct kv_options *options, struct kv **out, struct err *err)
{
    struct kv *kv = aer__calloc(1, sizeof *kv);
    int rc;

    *out = NULL;
    aer__fork_install();
    if (!kv) return aer__err_nomem(err);
    kv->dir = dir;
    kv->options = *options;
    kv->open_limit = file_limit();
    atomic_store(&kv->settle, true);
    for (int w = 0; w < LAYOUT_ACTIVE_COUNT; w++)
        atomic_store(&kv->unsynced[w], true); /* what others left is not known */
    kv->expired_ms = aer__monotonic_ms();
    atomic_store(&kv->cache_bytes, options->cache_bytes);
    atomic_store(&kv->max_rows, options->bucket_max_rows);
    atomic_store(&kv->max_size, options->bucket_max_size);
    init_locks(kv);
    kv->share.fd = kv->share.slot = -1;
    rc = aer__view_init(kv, err);
    if (rc) goto fail;
    kv->frozen = is_frozen(kv);
    rc = aer__share_open(dir, options->readonly, kv->frozen, AER_MAX(options->busy_ms, 0), &kv->share, err);
    if (rc) goto fail;
    if (kv->frozen && kv->share.others_may_write) kv->frozen = false;
    rc = open_catalog(kv, err);
    if (rc == AER_OK) rc = open_actives(kv, err);
    if (rc == AER_OK) rc = aer__follow_load(kv, err);
    if (rc) goto fail;
    if (kv->share.alone) {
        atomic_store(&kv->share.page->last_seq, kv->applied_seq);
        rc = aer__kv_read_catalog(kv, look_for_unfinished, kv, err);
        if (rc) goto fail;
    }
    aer__share_ready(&kv->share);
    *out = kv;
    return AER_OK;
fail:
    free_kv(kv);
    return rc;
}

void aer__kv_set_cache(struct kv *kv, uint64_t cache_bytes)
{
    atomic_store(&kv->cache_bytes, cache_bytes);
}

void aer__kv_set_limits(struct kv *kv, uint64_t bucket_max_rows, uint64_t bucket_max_size)
{
    atomic_store(&kv->max_rows, bucket_max_rows);
    atomic_store(&kv->max_size, bucket_max_size);
}

/* ---- close ---- */

/* Long WAL files go home and are cut off. With the turn. */
static int trim(struct kv *kv, struct err *err)
{
    int rc = AER_OK;

    pthread_mutex_lock(&kv->catalog_lock);
    if (aer__catalog_wal_length(kv->catalog) >= WAL_WORTH_TRIMMING) {
        aer__readers_rest(kv, 0);
        rc = aer__catalog_checkpoint(kv->catalog, true, err);
    }
    pthread_mutex_unlock(&kv->catalog_lock);
    for (int w = 0; rc == AER_OK && w < LAYOUT_ACTIVE_COUNT; w++) {
        pthread_mutex_lock(&kv->active_lock[w]);
        if (aer__active_wal_length(kv->active[w]) >= WAL_WORTH_TRIMMING)
            rc = aer__active_checkpoint(kv->active[w], true, err);
        pthread_mutex_unlock(&kv->active_lock[w]);
    }
    return rc;
}

/* What the background would have done next. Others may be at it too: then it is theirs. */
static int tidy(struct kv *kv, struct err *err)
{
    pthread_rwlock_t *view;
    bool unmerged;
    int rc = AER_OK;

    /* As ever for sealing and merging, though nobody else is left: the first turn may sweep, and would take for its own, and
     * give back, the shared locks that these hold. */
    pthread_mutex_lock(&kv->upkeep_lock);
    if (aer__upkeep_urgent(kv)) rc = aer__seal_pending(kv, false, err);
    view = aer__view_read(kv);
    unmerged = aer__view_sealed_to(kv) > kv->merged_seq;
    pthread_rwlock_unlock(view);
    if (rc == AER_OK && unmerged) rc = aer__merge(kv, err);
    pthread_mutex_unlock(&kv->upkeep_lock);
    if (rc) return rc;
    rc = aer__turn_enter(kv, aer__kv_deadline(kv), err);
    if (rc) return rc;
    rc = trim(kv, err);
    aer__turn_leave(kv);
    return rc;
}

int aer__kv_may_close(struct kv *kv, struct err *err)
{
    int open_txns;

    pthread_mutex_lock(&kv->snapshot_lock);
    open_txns = kv->open_txns;
    pthread_mutex_unlock(&kv->snapshot_lock);
    return open_txns ? aer__err_set(err, AER_MISUSE, "%d transaction(s) are still open", open_txns) : AER_OK;
}

void aer__kv_rest(struct kv *kv)
{
    aer__upkeep_stop(kv);
    kv->options.hooks = (struct kv_hooks){0};
}

int aer__kv_close(struct kv *kv, struct err *err)
{
    int rc = aer__kv_may_close(kv, err);

    if (rc) return rc;
    aer__upkeep_stop(kv);
    if (!kv->options.readonly && !atomic_load(&kv->broken) && atomic_load(&kv->had_turn)) rc = tidy(kv, err);
    /* Another process has the turn, and will do it; or there is no room to tidy in. All that was committed is where it was. */
    if (rc == AER_BUSY || rc == AER_FULL) {
        aer__kv_log(kv, "not tidied at close: %s", err ? err->message : "");
        aer__err_clear(err);
        rc = AER_OK;
    }
    free_kv(kv);
    return rc;
}
