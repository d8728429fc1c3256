/* db.c -- init, open, close, and what is asked of the whole database. keys.c has keys, transactions and ranges.
 *
 * The thin top of the library: arguments are checked here, once, and failures become this thread's message on the handle.
 */
#include "db/handle.h"
#include "fs/fs.h"
#include "layout/layout.h"

#include <stdio.h>
#include <string.h>

#define BUSY_MS_DEFAULT 5000
#define CACHE_DEFAULT (UINT64_C(64) << 20)
#define ADOPT_LOCK 0x200000u /* a byte of aerial.lock that nothing else uses */
#define CACHE_MIN (UINT64_C(4) << 20)

/* The last failure of this thread, and on which handle. A message on the handle itself could be another thread's. */
static _Thread_local struct err last_err;
static _Thread_local const aer_db *last_db;

int aer__db_result(aer_db *db, int rc, const struct err *err)
{
    if (rc == AER_OK || rc == AER_DONE || (rc == AER_NOTFOUND && !err->code)) return rc;
    last_err = *err;
    last_err.code = rc;
    if (!last_err.message[0]) snprintf(last_err.message, sizeof last_err.message, "%s", aer_strerror(rc));
    last_db = db;
    return rc;
}

const char *aer_errmsg(aer_db *db)
{
    if (!db) return "out of memory";
    if (last_db == db) return last_err.message;
    return db->open_err.code ? db->open_err.message : "no error";
}

const char *aer_strerror(int code)
{
    static const char *const words[] = {
        [AER_OK] = "no error",
        [AER_DONE] = "no more",
        [AER_NOTFOUND] = "not found",
        [AER_MISUSE] = "misuse of the library",
        [AER_INVALID] = "argument out of its limits",
        [AER_BUSY] = "busy: another writer has the turn",
        [AER_READONLY] = "cannot be written",
        [AER_PERM] = "no permission",
        [AER_NODB] = "no database there",
        [AER_NEWER] = "newer format",
        [AER_EXISTS] = "exists already",
        [AER_CORRUPT] = "damaged",
        [AER_IO] = "input/output error",
        [AER_FULL] = "no space left",
        [AER_NOMEM] = "out of memory",
        [AER_UNKNOWN] = "commit in doubt",
        [AER_STOPPED] = "stopped",
        [AER_NOTABLE] = "no such table",
        [AER_CONFLICT] = "conflict with a constraint",
        [AER_CHANGED] = "changed by hand",
    };

    if (code < 0 || (size_t)code >= AER_COUNT(words)) return "unknown code";
    return words[code];
}

const char *aer_version(void)
{
    return AER_VERSION;
}
void aer_free(void *p)
{
    aer__free(p);
}

/* Options as the caller's version of the struct has them; what it does not have is zero. */
static int take_options(const aer_options *given, aer_options *options, struct err *err)
{
    memset(options, 0, sizeof *options);
    if (!given) return AER_OK;
    if (given->size == 0 || given->size > 4096) return aer__err_set(err, AER_MISUSE, "options.size is not set");
    memcpy(options, given, AER_MIN(given->size, sizeof *options));
    if (options->sync < 0 || options->sync > AER_SYNC_OFF)
        return aer__err_set(err, AER_INVALID, "options.sync is none of AER_SYNC_...");
    return AER_OK;
}

/* ---- init ---- */

/* Take back what a failed init made. Only names of ours: the directory was empty before. */
static void undo_init(int dir)
{
    static const char *const suffix[] = {"", "-wal", "-shm", "-journal"};
    char path[LAYOUT_PATH_SIZE + 16];

    for (size_t i = 0; i < AER_COUNT(suffix); i++) {
        for (int w = 0; w < LAYOUT_ACTIVE_COUNT; w++) {
            snprintf(path, sizeof path, "%s%s", aer__layout_active(w), suffix[i]);
            (void)aer__fs_unlink(dir, path, NULL); /* best effort: the first failure is what counts */
        }
        snprintf(path, sizeof path, "%s%s", LAYOUT_CATALOG, suffix[i]);
        (void)aer__fs_unlink(dir, path, NULL);
    }
    (void)aer__fs_unlink(dir, LAYOUT_CONF, NULL);
    aer__fs_prune_all(dir, aer__layout_active(0));
}

/* gertrude.conf comes last: a directory without it and without aerial.sq3 is no database. */
static int create(int dir, const aer_options *options, struct err *err)
{
    struct conf conf = CONF_DEFAULT;
    bool empty;
    int rc;

    if (options->bucket_max_rows) conf.bucket_max_rows = options->bucket_max_rows;
    if (options->bucket_max_size) conf.bucket_max_size = options->bucket_max_size;
    if (options->sync) conf.sync = options->sync;
    rc = aer__conf_check(&conf, err);
    if (rc == AER_OK && options->comment) rc = aer__conf_set(&conf, "comment", options->comment, err);
    if (rc == AER_OK) rc = aer__fs_is_empty(dir, &empty, err);
    if (rc == AER_OK && !empty) rc = aer__err_set(err, AER_EXISTS, "the directory is not empty");
    if (rc) goto out;
    rc = aer__kv_create(dir, err);
    if (rc == AER_OK) rc = aer__conf_write(dir, &conf, err);
    if (rc) undo_init(dir);
out:
    aer__conf_release(&conf);
    return rc;
}

int aer_init_msg(const char *dir, const aer_options *given, char *message, size_t message_size)
{
    struct err err = {0};
    aer_options options;
    bool made = false;
    int fd = -1, rc;

    if (!dir) rc = aer__err_set(&err, AER_MISUSE, "no directory given");
    else rc = take_options(given, &options, &err);
    if (rc == AER_OK) rc = aer__fs_make_dir(dir, &made, &err);
    if (rc == AER_OK) rc = aer__fs_open_dir(dir, &fd, &err);
    if (rc == AER_OK) rc = create(fd, &options, &err);
    aer__fs_close(fd);
    if (rc && made) aer__fs_unmake_dir(dir);
    if (rc && dir) aer__err_prefix(&err, "cannot make a database in '%s'", dir);
    if (message && message_size) snprintf(message, message_size, "%s", rc ? err.message : "");
    return rc;
}

int aer_init(const char *dir, const aer_options *options)
{
    return aer_init_msg(dir, options, NULL, 0);
}

/* ---- open and close ---- */

/* A folder of tables and nothing else, as version control keeps it: it gets what is missing to be a database. Its tables are
 * taken over one by one, when they are asked for (aer_index_rebuild). */
static int adopt(int dir, const struct conf *conf, struct err *err)
{
    void *map = NULL;
    int fd = -1, rc = aer__fs_lock_open(dir, LAYOUT_LOCK, 4096, false, &fd, &map, err);

    if (rc) return rc;
    do { /* two may come at once */
        rc = aer__fs_lock(fd, ADOPT_LOCK, true, err);
        if (rc == AER_BUSY) aer__sleep_us(1000);
    } while (rc == AER_BUSY);
    if (rc == AER_OK && aer__fs_kind(dir, LAYOUT_CATALOG) == FS_MISSING) rc = aer__kv_create(dir, err);
    if (rc == AER_OK && aer__fs_kind(dir, LAYOUT_CONF) == FS_MISSING) rc = aer__conf_write(dir, conf, err);
    aer__fs_lock_close(fd, map, 4096);
    return rc;
}

static bool only_tables(int dir)
{
    return aer__fs_kind(dir, LAYOUT_CATALOG) == FS_MISSING && aer__fs_kind(dir, LAYOUT_BUCKETROOT) == FS_MISSING &&
           aer__fs_kind(dir, LAYOUT_TABLES) == FS_DIR;
}

static int settle_files(void *arg, struct err *err)
{
    return aer__files_settle(((aer_db *)arg)->files, err);
}

static int files_round(void *arg, struct err *err)
{
    return aer__files_round(((aer_db *)arg)->files, err);
}

static int open_db(aer_db *db, const char *dir, const aer_options *given, struct err *err)
{
    struct kv_options kv = {0};
    struct tables_options tables = {0};
    aer_options options;
    int rc;

    if (!dir) return aer__err_set(err, AER_MISUSE, "no directory given");
    rc = take_options(given, &options, err);
    if (rc == AER_OK) rc = aer__fs_open_dir(dir, &db->dir, err);
    if (rc == AER_OK) rc = aer__conf_read(db->dir, &db->conf, err);
    if (rc == AER_OK && only_tables(db->dir))
        rc = options.readonly
                 ? aer__err_set(err, AER_CHANGED, "there are tables, and no '%s' that knows them yet", LAYOUT_CATALOG)
                 : adopt(db->dir, &db->conf, err);
    if (rc) return rc;
    db->readonly = options.readonly != 0;
    kv.sync = options.sync ? options.sync : db->conf.sync;
    kv.readonly = db->readonly;
    kv.busy_ms = options.busy_ms == 0 ? BUSY_MS_DEFAULT : AER_MAX(options.busy_ms, 0);
    kv.cache_bytes = options.cache_bytes ? AER_MAX(options.cache_bytes, CACHE_MIN) : CACHE_DEFAULT;
    kv.bucket_max_rows = db->conf.bucket_max_rows;
    kv.bucket_max_size = db->conf.bucket_max_size;
    kv.log = options.log;
    kv.log_arg = options.log_arg;
    kv.hidden = LAYOUT_KEY_RESERVED;
    kv.hidden_end = LAYOUT_KEY_RESERVED_END;
    kv.hooks = (struct kv_hooks){db, settle_files, files_round};
    tables.cache_bytes = kv.cache_bytes;
    tables.fanout = db->conf.index_fanout;
    rc = aer__kv_open(db->dir, &kv, &db->kv, err);
    if (rc == AER_OK) rc = aer__files_open(db->dir, db->kv, &db->files, err);
    if (rc == AER_OK) rc = aer__tables_open(db->dir, db->kv, db->files, &tables, &db->tables, err);
    if (rc && db->kv) {
        (void)aer__files_close(db->files, NULL);
        (void)aer__kv_close(db->kv, NULL); /* nothing was done with it */
        db->files = NULL;
        db->kv = NULL;
    }
    return rc;
}

int aer_open(const char *dir, const aer_options *options, aer_db **out)
{
    struct err err = {0};
    aer_db *db;
    int rc;

    if (!out) return AER_MISUSE;
    *out = db = aer__calloc(1, sizeof *db);
    if (!db) return AER_NOMEM;
    db->dir = -1;
    pthread_mutex_init(&db->conf_lock, NULL);
    rc = open_db(db, dir, options, &err);
    if (rc == AER_OK) return AER_OK;
    if (dir) aer__err_prefix(&err, "cannot open '%s'", dir);
    db->open_err = err;
    return aer__db_result(db, rc, &err);
}

/* Tables first, as long as there is a store under them; but a handle that is not closed must stay whole. */
static int close_all(aer_db *db, struct err *err)
{
    int rc = aer__kv_may_close(db->kv, err), files_rc;

    if (rc) return rc;
    aer__kv_rest(db->kv);
    aer__tables_close(db->tables);
    files_rc = aer__files_close(db->files, err);
    if (files_rc == AER_BUSY || files_rc == AER_FULL) { /* as in aer__kv_close: it stays in the journal */
        aer__err_clear(err);
        files_rc = AER_OK;
    }
    rc = aer__kv_close(db->kv, err);
    return files_rc ? files_rc : rc;
}

int aer_close(aer_db *db)
{
    struct err err = {0};
    int rc = AER_OK;

    if (!db) return AER_OK;
    if (db->kv) rc = close_all(db, &err);
    if (rc == AER_MISUSE) return aer__db_result(db, rc, &err);
    aer__fs_close(db->dir);
    aer__conf_release(&db->conf);
    pthread_mutex_destroy(&db->conf_lock);
    if (last_db == db) last_db = NULL;
    aer__free(db);
    return rc;
}

/* ---- settings ---- */

int aer_config_get(aer_db *db, const char *name, char **value)
{
    struct err err = {0};
    int rc;

    if (value) *value = NULL;
    if (!db || !db->kv || !name || !value) return AER_MISUSE;
    pthread_mutex_lock(&db->conf_lock);
    rc = aer__conf_get(&db->conf, name, value, &err);
    pthread_mutex_unlock(&db->conf_lock);
    return aer__db_result(db, rc, &err);
}

/* What others changed since we opened stays: the file is read again first. */
int aer_config_set(aer_db *db, const char *name, const char *value)
{
    struct err err = {0};
    struct conf conf = {0};
    int rc;

    if (!db || !db->kv || !name || !value) return AER_MISUSE;
    if (db->readonly)
        return aer__db_result(db, aer__err_set(&err, AER_READONLY, "the database is open for reading only"), &err);
    pthread_mutex_lock(&db->conf_lock);
    rc = aer__conf_read(db->dir, &conf, &err);
    if (rc == AER_OK) rc = aer__conf_set(&conf, name, value, &err);
    if (rc == AER_OK) rc = aer__conf_write(db->dir, &conf, &err);
    if (rc == AER_OK) {
        aer__conf_release(&db->conf);
        db->conf = conf;
        aer__kv_set_limits(db->kv, conf.bucket_max_rows, conf.bucket_max_size);
    } else {
        aer__conf_release(&conf);
    }
    pthread_mutex_unlock(&db->conf_lock);
    return aer__db_result(db, rc, &err);
}

/* ---- the whole store ---- */

#define CHECK_DB(db) ((db) && (db)->kv)

int aer_sync(aer_db *db)
{
    struct err err = {0};

    return CHECK_DB(db) ? aer__db_result(db, aer__kv_sync(db->kv, &err), &err) : AER_MISUSE;
}

int aer_seal(aer_db *db)
{
    struct err err = {0};

    return CHECK_DB(db) ? aer__db_result(db, aer__kv_seal(db->kv, &err), &err) : AER_MISUSE;
}

static int count_one(void *arg, const char *table)
{
    (void)table;
    ++*(uint64_t *)arg;
    return 0;
}

int aer_status(aer_db *db, aer_stats *stats)
{
    struct err err = {0};
    uint64_t tables = 0;
    int rc;

    if (!CHECK_DB(db) || !stats) return AER_MISUSE;
    rc = aer__tables_list(db->tables, count_one, &tables, &err);
    if (rc == AER_OK) rc = aer__kv_status(db->kv, stats, &err);
    if (rc == AER_OK) stats->tables = tables;
    return aer__db_result(db, rc, &err);
}

int aer_buckets(aer_db *db, int (*fn)(void *arg, const aer_bucket *bucket), void *arg)
{
    struct err err = {0};

    return CHECK_DB(db) && fn ? aer__db_result(db, aer__kv_buckets(db->kv, fn, arg, &err), &err) : AER_MISUSE;
}

int aer_bucket_rows(aer_db *db, const char *id, int (*fn)(void *arg, const aer_bucket_row *row), void *arg)
{
    struct err err = {0};

    return CHECK_DB(db) && id && fn ? aer__db_result(db, aer__kv_bucket_rows(db->kv, id, fn, arg, &err), &err) : AER_MISUSE;
}

int aer_compact(aer_db *db, const aer_compact_options *given, aer_compact_result *result)
{
    aer_compact_options options = {.min_dead_percent = 33};
    aer_compact_result unwanted;
    struct err err = {0};
    int rc = AER_OK;

    if (!CHECK_DB(db)) return AER_MISUSE;
    if (given) {
        options.min_dead_percent = 0;
        if (given->size == 0 || given->size > 4096) rc = aer__err_set(&err, AER_MISUSE, "options.size is not set");
        else memcpy(&options, given, AER_MIN(given->size, sizeof options));
    }
    if (rc == AER_OK && (options.min_dead_percent < 0 || options.min_dead_percent > 100))
        rc = aer__err_set(&err, AER_INVALID, "min_dead_percent must be between 0 and 100");
    if (rc == AER_OK) rc = aer__kv_compact(db->kv, &options, result ? result : &unwanted, &err);
    return aer__db_result(db, rc, &err);
}
