/* engine_sqlite.c -- one SQLite file for bench.c, set up the way it is usually advised for such a table:
 * WITHOUT ROWID, WAL, synchronous NORMAL, statements prepared once; else SQLite's own defaults. */
#include "engine.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

struct store {
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *put, *get;
};

static void must(struct store *store, int rc, const char *what)
{
    if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW)
        bench_die("sqlite: %s: %s", what, sqlite3_errmsg(store->db));
}

static void run(struct store *store, sqlite3_stmt *statement, const char *what)
{
    must(store, sqlite3_step(statement), what);
    must(store, sqlite3_reset(statement), what);
}

static sqlite3_stmt *prepare(struct store *store, const char *sql)
{
    sqlite3_stmt *statement = NULL;

    must(store, sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL), sql);
    return statement;
}

static struct store *store_open(const char *dir)
{
    struct store *store = bench_alloc(sizeof *store);
    char path[4096], sql[512];

    snprintf(path, sizeof path, "%s/kv.sqlite", dir);
    must(store, sqlite3_open(path, &store->db), "open");
    snprintf(sql, sizeof sql,
             "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -%llu;"
             "CREATE TABLE IF NOT EXISTS kv(key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID",
             (unsigned long long)(bench_cache_bytes / 1024));
    must(store, sqlite3_exec(store->db, sql, NULL, NULL, NULL), "set up");
    store->begin = prepare(store, "BEGIN");
    store->commit = prepare(store, "COMMIT");
    store->put = prepare(store, "REPLACE INTO kv VALUES (?, ?)");
    store->get = prepare(store, "SELECT value FROM kv WHERE key = ?");
    return store;
}

static void store_close(struct store *store)
{
    sqlite3_finalize(store->begin);
    sqlite3_finalize(store->commit);
    sqlite3_finalize(store->put);
    sqlite3_finalize(store->get);
    must(store, sqlite3_close(store->db), "close");
    free(store);
}

static void store_begin(struct store *store, bool write)
{
    (void)write;
    run(store, store->begin, "begin");
}

static void store_put(struct store *store, const void *key, size_t key_size, const void *value, size_t value_size)
{
    sqlite3_bind_blob(store->put, 1, key, (int)key_size, SQLITE_STATIC);
    sqlite3_bind_blob(store->put, 2, value, (int)value_size, SQLITE_STATIC);
    run(store, store->put, "put");
}

static void store_end(struct store *store)
{
    run(store, store->commit, "commit");
}

static size_t store_get(struct store *store, const void *key, size_t key_size, void *buffer, size_t capacity)
{
    size_t size;

    sqlite3_bind_blob(store->get, 1, key, (int)key_size, SQLITE_STATIC);
    if (sqlite3_step(store->get) != SQLITE_ROW) bench_die("sqlite: get: %s", sqlite3_errmsg(store->db));
    size = bench_copy(buffer, capacity, sqlite3_column_blob(store->get, 0), (size_t)sqlite3_column_bytes(store->get, 0));
    must(store, sqlite3_reset(store->get), "get");
    return size;
}

const struct engine engine_sqlite = {
    .name = "sqlite",
    .open = store_open,
    .close = store_close,
    .begin = store_begin,
    .end = store_end,
    .put = store_put,
    .get = store_get,
};
