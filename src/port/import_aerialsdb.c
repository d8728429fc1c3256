/* import_aerialsdb.c -- a database made by the AerialsDB script into keys.
 *
 *     DIR/aerial.sq3                        buckets(dir, file, rows)
 *                                           buckets_meta(dir, file, bkey, key, key_meta)
 *     DIR/bucketroot/28/dd/1a21d3fdabf7.sq3 bucket(bkey, value)     dir is 28/dd, file 1a21d3fdabf7
 *
 * For: port.c. Must not know: our own buckets, which look alike and are not.
 *
 * 1. The files are a stranger's: opened read-only, no view or trigger of theirs runs, no name leads out of DIR and none
 *    through a link, and a table that is not a plain table is refused.
 * 2. key_meta that is a JSON object becomes meta; any other text becomes {"key_meta": text}.
 * 3. Buckets that are missing and keys without a row are told; so are rows that no key names.
 */
#include "port/port_internal.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The script's buckets have no index on bkey: places are noted once a bucket, or each look-up would read all of it. */
static const char note_places[] = "CREATE TEMP TABLE place(bkey, at INTEGER);"
                                  "INSERT INTO place SELECT bkey, rowid FROM main.bucket;"
                                  "CREATE INDEX temp.place_bkey ON place(bkey)";

struct original {
    struct sink *sink;
    char *root; /* real path of DIR */
    sqlite3 *catalogue;
    sqlite3_stmt *keys; /* dir, file, bkey, key, key_meta in order of buckets */
    sqlite3 *bucket;    /* the one at hand, or NULL if it cannot be read */
    sqlite3_stmt *find;
    char *dir, *file; /* which one it is */
    long catalogue_ticks, bucket_ticks;
    uint64_t found; /* rows of it that a key named */
};

/* Stops what a damaged or hostile file could make run for ever. */
static int too_long(void *arg)
{
    long *ticks = arg;

    return --*ticks < 0;
}

static int open_sqlite(const char *path, sqlite3 **db, long *ticks, struct port_error *error)
{
    int rc = sqlite3_open_v2(path, db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc == SQLITE_OK) {
        sqlite3_db_config(*db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(*db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        sqlite3_db_config(*db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
        sqlite3_db_config(*db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
        *ticks = 1000000; /* times 100,000 steps: hours of honest work */
        sqlite3_progress_handler(*db, 100000, too_long, ticks);
        rc = sqlite3_exec(*db, "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY", NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK) return AER_OK;
    aer__port_fail(error, rc == SQLITE_CANTOPEN ? AER_NODB : AER_CORRUPT, "'%s': %s", path, sqlite3_errmsg(*db));
    sqlite3_close(*db);
    *db = NULL;
    return error->code;
}

static int prepare(sqlite3 *db, const char *sql, sqlite3_stmt **statement, struct port_error *error)
{
    if (sqlite3_prepare_v2(db, sql, -1, statement, NULL) == SQLITE_OK) return AER_OK;
    return aer__port_fail(error, AER_CORRUPT, "not a database of AerialsDB: %s", sqlite3_errmsg(db));
}

/* A table of that name, not a view, not virtual. */
static int check_table(sqlite3 *db, const char *name, struct port_error *error)
{
    sqlite3_stmt *statement = NULL;
    int rc = prepare(db, "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ? AND rootpage > 0",
                     &statement, error);

    if (rc == AER_OK) sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    if (rc == AER_OK && sqlite3_step(statement) != SQLITE_ROW)
        rc = aer__port_fail(error, AER_CORRUPT, "not a database of AerialsDB: there is no table '%s'", name);
    sqlite3_finalize(statement);
    return rc;
}

/* ---- one bucket ------------------------------------------------------------------------- */

static bool is_plain_path(const char *path)
{
    return path[0] && aer__port_unsafe((aer_slice){path, strlen(path)}) == NULL;
}

static bool is_file(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* The file of a bucket, from what the catalogue calls it: with or without bucketroot/, with or without .sq3. *path: free(); NULL: there is none. */
static int bucket_path(const struct original *o, const char *dir, const char *file, char **path, struct port_error *error)
{
    *path = NULL;
    if (!is_plain_path(dir) || !is_plain_path(file)) return AER_OK;
    for (int form = 0; form < 4; form++) {
        if (asprintf(path, "%s/%s%s/%s%s", o->root, form & 2 ? "" : "bucketroot/", dir, file, form & 1 ? "" : ".sq3") < 0) {
            *path = NULL;
            return aer__port_no_memory(error);
        }
        if (is_file(*path)) return AER_OK;
        free(*path);
        *path = NULL;
    }
    return AER_OK;
}

static void tell(struct original *o, const char *what, const char *why)
{
    aer__port_skip(&o->sink->job->events, o->sink->counts, (aer_slice){what, strlen(what)}, why);
}

/* Rows of the bucket at hand that nobody named: their keys are lost, which is worth a word. */
static void close_bucket(struct original *o)
{
    sqlite3_stmt *count = NULL;
    char what[256], why[96];

    if (o->bucket && sqlite3_prepare_v2(o->bucket, "SELECT count(*) FROM place", -1, &count, NULL) == SQLITE_OK &&
        sqlite3_step(count) == SQLITE_ROW && (uint64_t)sqlite3_column_int64(count, 0) > o->found) {
        snprintf(what, sizeof(what), "%s/%s", o->dir, o->file);
        snprintf(why, sizeof(why), "%llu of its rows belong to no key",
                 (unsigned long long)sqlite3_column_int64(count, 0) - (unsigned long long)o->found);
        tell(o, what, why);
    }
    sqlite3_finalize(count);
    sqlite3_finalize(o->find);
    sqlite3_close(o->bucket);
    free(o->dir);
    free(o->file);
    o->find = NULL;
    o->bucket = NULL;
    o->dir = o->file = NULL;
    o->found = 0;
}

static int open_bucket(struct original *o, const char *dir, const char *file, struct port_error *error)
{
    struct port_error cause = {0};
    char *path, what[256];
    int rc;

    close_bucket(o);
    o->dir = strdup(dir);
    o->file = strdup(file);
    if (!o->dir || !o->file) return aer__port_no_memory(error);
    snprintf(what, sizeof(what), "%s/%s", dir, file);
    rc = bucket_path(o, dir, file, &path, error);
    if (rc != AER_OK) return rc;
    if (!path) {
        tell(o, what, "the bucket is missing");
        return AER_OK;
    }
    rc = open_sqlite(path, &o->bucket, &o->bucket_ticks, &cause);
    if (rc == AER_OK) rc = check_table(o->bucket, "bucket", &cause);
    if (rc == AER_OK && sqlite3_exec(o->bucket, note_places, NULL, NULL, NULL))
        rc = aer__port_fail(&cause, AER_CORRUPT, "%s", sqlite3_errmsg(o->bucket));
    if (rc == AER_OK)
        rc = prepare(o->bucket,
                     "SELECT value FROM main.bucket WHERE rowid = (SELECT at FROM temp.place WHERE bkey IS ? LIMIT 1)",
                     &o->find, &cause);
    if (rc != AER_OK) {
        tell(o, what, cause.message);
        sqlite3_close(o->bucket);
        o->bucket = NULL;
    }
    free(path);
    return AER_OK;
}

/* ---- one key ---------------------------------------------------------------------------- */

static aer_slice column(sqlite3_stmt *statement, int i)
{
    const void *data = sqlite3_column_type(statement, i) == SQLITE_BLOB ? sqlite3_column_blob(statement, i)
                                                                        : (const void *)sqlite3_column_text(statement, i);
    size_t size = (size_t)sqlite3_column_bytes(statement, i);

    return (aer_slice){data ? data : "", size};
}

/* free() *text; NULL for none. */
static int take_meta(aer_slice stored, char **text, struct port_error *error)
{
    json_t *value, *object = NULL;

    *text = NULL;
    if (stored.size == 0) return AER_OK;
    value = json_loadb(stored.data, stored.size, 0, NULL);
    if (json_is_object(value)) {
        object = json_incref(value);
    } else {
        object = json_object();
        if (object && aer__port_set_bytes(object, "key_meta", stored)) { /* no memory: not the same as no meta */
            json_decref(object);
            object = NULL;
        }
    }
    *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    json_decref(value);
    return *text ? AER_OK : aer__port_no_memory(error);
}

static int put_key(struct original *o, struct port_error *error)
{
    struct sink_item item = {.attrs = {.size = sizeof(item.attrs)}};
    char *meta = NULL;
    bool same = false;
    int rc;

    item.name = column(o->keys, 3);
    if (!o->bucket) {
        aer__port_skip(&o->sink->job->events, o->sink->counts, item.name, "its bucket cannot be read");
        return AER_OK;
    }
    if (item.name.size == 0 || item.name.size + o->sink->job->prefix.size > AER_KEY_MAX) {
        aer__port_skip(&o->sink->job->events, o->sink->counts, item.name, "no key has that length");
        return AER_OK;
    }
    sqlite3_bind_value(o->find, 1, sqlite3_column_value(o->keys, 2));
    rc = sqlite3_step(o->find);
    if (rc != SQLITE_ROW) {
        aer__port_skip(&o->sink->job->events, o->sink->counts, item.name,
                       rc == SQLITE_DONE ? "its row is missing" : sqlite3_errmsg(o->bucket));
        sqlite3_reset(o->find);
        return AER_OK;
    }
    o->found++;
    item.value = column(o->find, 0);
    rc = take_meta(column(o->keys, 4), &meta, error);
    if (meta && aer__port_meta_refused(meta, strlen(meta))) {
        aer__port_skip(&o->sink->job->events, o->sink->counts, item.name, aer__port_meta_refused(meta, strlen(meta)));
        sqlite3_reset(o->find);
        free(meta);
        return rc;
    }
    item.attrs.meta = meta;
    item.attrs.meta_size = meta ? strlen(meta) : 0;
    if (rc == AER_OK) rc = aer__port_sink_same_value(o->sink, &item, &same, error);
    if (rc == AER_OK && !same) rc = aer__port_sink_put(o->sink, &item, error);
    sqlite3_reset(o->find);
    free(meta);
    return rc;
}

static int all_keys(struct original *o, struct port_error *error)
{
    int step, rc = AER_OK;

    while (rc == AER_OK && (step = sqlite3_step(o->keys)) != SQLITE_DONE) {
        const char *dir, *file;

        if (step != SQLITE_ROW)
            return aer__port_fail(error, AER_CORRUPT, "'%s/aerial.sq3': %s", o->root, sqlite3_errmsg(o->catalogue));
        dir = (const char *)sqlite3_column_text(o->keys, 0);
        file = (const char *)sqlite3_column_text(o->keys, 1);
        if (!dir) dir = "";
        if (!file) file = "";
        if (!o->dir || strcmp(dir, o->dir) != 0 || strcmp(file, o->file) != 0) rc = open_bucket(o, dir, file, error);
        if (rc == AER_OK) rc = put_key(o, error);
        if (rc == AER_OK) rc = aer__port_progress(&o->sink->job->events, o->sink->counts, 0, 0, error);
    }
    return rc;
}

int aer__port_import_aerialsdb(struct sink *sink, struct port_error *error)
{
    struct original o = {.sink = sink};
    char *path = NULL;
    int rc = AER_OK;

    o.root = realpath(sink->job->source, NULL);
    if (!o.root) return aer__port_fail(error, AER_INVALID, "there is no such directory");
    if (asprintf(&path, "%s/aerial.sq3", o.root) < 0) rc = aer__port_no_memory(error);
    if (rc == AER_OK && !is_file(path)) rc = aer__port_fail(error, AER_INVALID, "it holds no aerial.sq3");
    if (rc == AER_OK) rc = open_sqlite(path, &o.catalogue, &o.catalogue_ticks, error);
    if (rc == AER_OK) rc = check_table(o.catalogue, "buckets_meta", error);
    if (rc == AER_OK)
        rc = prepare(o.catalogue, "SELECT dir, file, bkey, key, key_meta FROM main.buckets_meta ORDER BY dir, file, rowid",
                     &o.keys, error);
    if (rc == AER_OK) rc = all_keys(&o, error);
    close_bucket(&o);
    sqlite3_finalize(o.keys);
    sqlite3_close(o.catalogue);
    free(path);
    free(o.root);
    return rc;
}
