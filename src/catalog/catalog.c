/* catalog.c -- opening aerial.sq3 and reading it; write.c changes it.
 *
 * Each statement is prepared when it is first needed and kept. A read transaction is kept open between look-ups, since
 * beginning and ending one costs seven times the look-up itself (2.5 us against 0.34); whoever holds the catalogue
 * idle ends it, or the WAL could not be reset.
 */
#include "catalog/connection.h"
#include "fs/fs.h"

#include <stdio.h>
#include <string.h>

#define APPLICATION_ID 0x41455231 /* "AER1": `file aerial.sq3` shows it */

static const char schema[] =
    "CREATE TABLE settings(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE buckets(first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL, dir TEXT NOT NULL, file TEXT NOT "
    "NULL,"
    " rows INTEGER NOT NULL, live INTEGER NOT NULL, deletes INTEGER NOT NULL, expiring INTEGER NOT NULL, parts INTEGER "
    "NOT NULL,"
    " bytes INTEGER NOT NULL, row_bytes INTEGER NOT NULL, dead_bytes INTEGER NOT NULL, max_row INTEGER NOT NULL,"
    " sum INTEGER NOT NULL, generation INTEGER NOT NULL, kept_for INTEGER NOT NULL);"
    "CREATE TABLE buckets_meta(key BLOB PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE displaced(key BLOB NOT NULL, seq INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY(key, seq)) "
    "WITHOUT ROWID;"
    "CREATE VIEW locations AS SELECT m.key AS key, b.dir AS dir, b.file AS file, m.seq AS seq FROM buckets_meta m JOIN "
    "buckets b"
    " ON b.first_seq = (SELECT max(first_seq) FROM buckets WHERE first_seq <= m.seq);" CATALOG_TABLES_SCHEMA;

int aer__catalog_create(int dir, const char *database, int64_t now_ms, struct err *err)
{
    char *path = NULL;
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    char sql[512];
    int rc;

    rc = aer__fs_absolute(dir, LAYOUT_CATALOG, &path, err);
    if (rc) goto out;
    rc = aer__sq_open(path, LAYOUT_CATALOG, SQ_CREATE, 0, &db, err);
    if (rc) goto out;
    rc = aer__sq_set_sync(db, LAYOUT_CATALOG, AER_SYNC_FULL, err);
    if (rc) goto out;
    rc = aer__sq_exec(db, LAYOUT_CATALOG, "BEGIN IMMEDIATE", err);
    if (rc) goto out;
    rc = aer__sq_exec(db, LAYOUT_CATALOG, schema, err);
    if (rc) goto out;
    snprintf(
        sql, sizeof sql,
        "PRAGMA application_id=%d; PRAGMA user_version=%d;"
        "INSERT INTO settings "
        "VALUES('format',%d),('merged_seq',0),('merging_to',0),('merging_key',x''),('version',1),('clock_ms',%lld);",
        APPLICATION_ID, AER_FORMAT_VERSION, AER_FORMAT_VERSION, (long long)now_ms);
    rc = aer__sq_exec(db, LAYOUT_CATALOG, sql, err);
    if (rc) goto out;
    rc = aer__sq_prepare(db, LAYOUT_CATALOG, "INSERT INTO settings VALUES('database',?1)", &stmt, err);
    if (rc) goto out;
    sqlite3_bind_text(stmt, 1, database, -1, SQLITE_STATIC);
    if (sqlite3_step(stmt) != SQLITE_DONE) {
        rc = aer__sq_err(err, db, sqlite3_errcode(db), LAYOUT_CATALOG);
        goto out;
    }
    sqlite3_finalize(stmt);
    stmt = NULL;
    rc = aer__sq_exec(db, LAYOUT_CATALOG, "COMMIT", err);
    if (rc) goto out;
    rc = aer__sq_checkpoint(db, LAYOUT_CATALOG, true, NULL, err);
out:
    sqlite3_finalize(stmt);
    aer__sq_close(db);
    aer__free(path);
    return rc;
}

/* ---- statements ---- */

static const char *const sql_of[Q_COUNT] = {
    [Q_BEGIN_READ] = "BEGIN",
    [Q_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [Q_COMMIT] = "COMMIT",
    [Q_ROLLBACK] = "ROLLBACK",
    [Q_SETTING] = "SELECT value FROM settings WHERE name=?1",
    [Q_SET] = "INSERT OR REPLACE INTO settings VALUES(?1,?2)",
    [Q_BUCKETS] = "SELECT "
                  "first_seq,last_seq,dir,file,rows,live,deletes,expiring,parts,bytes,row_bytes,dead_bytes,max_row,sum,"
                  "generation,"
                  "kept_for FROM buckets ORDER BY first_seq",
    [Q_LOOKUP] = "SELECT seq FROM buckets_meta WHERE key=?1",
    [Q_DISPLACED] = "SELECT seq,until FROM displaced WHERE key=?1 AND seq<=?2 ORDER BY seq DESC LIMIT 1",
    [Q_IS_DISPLACED] = "SELECT 1 FROM displaced WHERE key=?1 AND seq=?2",
    [Q_HAS_DISPLACED] = "SELECT 1 FROM displaced WHERE key=?1 LIMIT 1",
    [Q_DISPLACED_ANY] = "SELECT 1 FROM displaced LIMIT 1",
    [Q_PUT] = "INSERT INTO buckets_meta VALUES(?1,?2) ON CONFLICT(key) DO UPDATE SET seq=excluded.seq",
    [Q_REMOVE] = "DELETE FROM buckets_meta WHERE key=?1",
    [Q_DISPLACE] = "INSERT OR REPLACE INTO displaced VALUES(?1,?2,?3)",
    [Q_DISPLACED_ALL] = "SELECT key,seq,until FROM displaced",
    [Q_UNDISPLACE] = "DELETE FROM displaced WHERE key=?1 AND seq=?2",
    [Q_ADD_BUCKET] = "INSERT INTO "
                     "buckets(first_seq,last_seq,dir,file,rows,live,deletes,expiring,parts,bytes,row_bytes,dead_bytes,"
                     "max_row,sum,generation,kept_for)"
                     " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)",
    [Q_REMOVE_BUCKET] = "DELETE FROM buckets WHERE first_seq=?1 AND dir=?2 AND file=?3",
    [Q_COUNT_DEAD] =
        "UPDATE buckets SET live=max(0,live-?2), dead_bytes=min(row_bytes,dead_bytes+?3) WHERE first_seq=?1",
    [Q_HAS_TABLES] = "SELECT 1 FROM sqlite_schema WHERE name='journal'",
    [Q_TABLES] = "SELECT id,name,config,prefix,prefix_rows FROM tables ORDER BY name",
    [Q_SET_TABLE] =
        "INSERT INTO tables VALUES(?1,?2,?3,?4,?5) ON CONFLICT(id) DO UPDATE SET"
        " name=excluded.name,config=excluded.config,prefix=excluded.prefix,prefix_rows=excluded.prefix_rows",
    [Q_SET_PREFIX] = "UPDATE tables SET prefix=?2,prefix_rows=?3 WHERE id=?1",
    [Q_REMOVE_TABLE] = "DELETE FROM tables WHERE id=?1",
    [Q_FILE] = "SELECT sum,size,mtime FROM files WHERE tbl=?1 AND name=?2",
    [Q_FILES] = "SELECT name,sum,size,mtime FROM files WHERE tbl=?1 AND name>?2 AND name<?3 ORDER BY name LIMIT ?4",
    [Q_SET_FILE] = "INSERT INTO files VALUES(?1,?2,?3,?4,?5) ON CONFLICT(tbl,name) DO UPDATE SET"
                   " sum=excluded.sum,size=excluded.size,mtime=excluded.mtime",
    [Q_REMOVE_FILE] = "DELETE FROM files WHERE tbl=?1 AND name=?2",
    [Q_REMOVE_FILES] = "DELETE FROM files WHERE tbl=?1 AND name>?2 AND name<?3",
    [Q_COUNT_FILES] = "SELECT count(*) FROM files WHERE tbl=?1 AND name>?2 AND name<?3",
    [Q_JOURNAL_ADD] = "INSERT INTO journal(op,path,data,mtime,old,sum) VALUES(?1,?2,?3,?4,?5,?6)",
    [Q_JOURNAL] = "SELECT id,op,path,data,mtime,old,sum FROM journal WHERE id>?1 ORDER BY id",
    [Q_JOURNAL_LAST] = "SELECT seq FROM sqlite_sequence WHERE name='journal'",
    [Q_JOURNAL_ANY] = "SELECT 1 FROM journal WHERE id>?1 LIMIT 1",
    [Q_JOURNAL_CLEAR] = "DELETE FROM journal WHERE op NOT IN('store','erase')",
    [Q_RECORDS_CLEAR] = "DELETE FROM journal WHERE op IN('store','erase') AND path>?1 AND path<?2",
    [Q_RECORDS_MOVE] = "UPDATE journal SET path=?3||substr(path,length(?1)+1)"
                       " WHERE op IN('store','erase') AND path>?1 AND path<?2",
    [Q_KEYS_ADD] = "INSERT INTO journal_keys VALUES(?1,?2,?3,?4,?5,?6)",
    [Q_KEYS] = "SELECT seq,key,value,meta,expires,part FROM journal_keys WHERE seq>?1 ORDER BY seq",
    [Q_KEYS_CLEAR] = "DELETE FROM journal_keys",
    [Q_COUNT_KEYS] =
        "SELECT (SELECT count(*) FROM buckets_meta) - (SELECT count(*) FROM buckets_meta WHERE key>=?1 AND key<?2)",
    [Q_PAGES] = "SELECT page_count*page_size FROM pragma_page_count, pragma_page_size",
/* ranges: [displaced][reverse][how the start counts: none, >=, >] */
#define RANGE(order, bound) "SELECT key,seq FROM buckets_meta " bound " ORDER BY key " order " LIMIT ?2"
#define RANGE_DISPLACED(order, bound)                                                                          \
    "SELECT key,max(seq) FROM displaced WHERE seq<=?3 AND until>?3 " bound " GROUP BY key ORDER BY key " order \
    " LIMIT ?2"
    [Q_RANGE + 0] = RANGE("ASC", ""),
    [Q_RANGE + 1] = RANGE("ASC", "WHERE key>=?1"),
    [Q_RANGE + 2] = RANGE("ASC", "WHERE key>?1"),
    [Q_RANGE + 3] = RANGE("DESC", ""),
    [Q_RANGE + 4] = RANGE("DESC", "WHERE key<=?1"),
    [Q_RANGE + 5] = RANGE("DESC", "WHERE key<?1"),
    [Q_RANGE + 6] = RANGE_DISPLACED("ASC", ""),
    [Q_RANGE + 7] = RANGE_DISPLACED("ASC", "AND key>=?1"),
    [Q_RANGE + 8] = RANGE_DISPLACED("ASC", "AND key>?1"),
    [Q_RANGE + 9] = RANGE_DISPLACED("DESC", ""),
    [Q_RANGE + 10] = RANGE_DISPLACED("DESC", "AND key<=?1"),
    [Q_RANGE + 11] = RANGE_DISPLACED("DESC", "AND key<?1"),
};

int aer__catalog_stmt(struct catalog *c, int q, sqlite3_stmt **stmt, struct err *err)
{
    if (!c->stmt[q]) {
        int rc = aer__sq_prepare(c->db, LAYOUT_CATALOG, sql_of[q], &c->stmt[q], err);
        if (rc) {
            c->stmt[q] = NULL;
            return rc;
        }
    }
    *stmt = c->stmt[q];
    return AER_OK;
}

int aer__catalog_fail(struct catalog *c, sqlite3_stmt *stmt, struct err *err)
{
    int sqlite_rc = sqlite3_extended_errcode(c->db);
    int rc = aer__sq_err(err, c->db, sqlite_rc, LAYOUT_CATALOG);

    sqlite3_reset(stmt);
    return rc;
}

int aer__catalog_run(struct catalog *c, int q, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, q, &stmt, err);

    if (rc) return rc;
    if (sqlite3_step(stmt) != SQLITE_DONE) return aer__catalog_fail(c, stmt, err);
    sqlite3_reset(stmt);
    return AER_OK;
}

int aer__catalog_may_begin(struct catalog *c, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_COMMIT, &stmt, err);

    if (rc == AER_OK) rc = aer__catalog_stmt(c, Q_ROLLBACK, &stmt, err);
    if (rc || sqlite3_get_autocommit(c->db)) return rc;
    return aer__catalog_run(c, Q_ROLLBACK, err);
}

/* ---- opening ---- */

static int get_setting(struct catalog *c, const char *name, int64_t *number, struct buf *bytes, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_SETTING, &stmt, err);

    if (rc) return rc;
    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    switch (sqlite3_step(stmt)) {
    case SQLITE_ROW:
        if (number) *number = sqlite3_column_int64(stmt, 0);
        if (bytes) rc = aer__buf_append(bytes, sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0));
        if (rc) aer__err_nomem(err);
        break;
    case SQLITE_DONE:
        rc = aer__err_set(err, AER_CORRUPT, "'%s': the setting '%s' is missing", LAYOUT_CATALOG, name);
        break;
    default: return aer__catalog_fail(c, stmt, err);
    }
    sqlite3_reset(stmt);
    return rc;
}

static int check_identity(struct catalog *c, struct err *err)
{
    int64_t application = 0, format = 0;
    struct buf database = {0};
    int rc = aer__sq_int(c->db, LAYOUT_CATALOG, "PRAGMA application_id", &application, err);

    if (rc) goto out;
    if (application != APPLICATION_ID) {
        rc = aer__err_set(err, AER_CORRUPT, "'%s' is not the catalogue of an Aerials database", LAYOUT_CATALOG);
        goto out;
    }
    rc = get_setting(c, "format", &format, NULL, err);
    if (rc) goto out;
    if (format > AER_FORMAT_VERSION || format < 1) {
        rc = aer__err_set(err, AER_NEWER, "'%s' has format %lld; this version reads up to %d", LAYOUT_CATALOG,
                          (long long)format, AER_FORMAT_VERSION);
        goto out;
    }
    rc = get_setting(c, "database", NULL, &database, err);
    if (rc) goto out;
    if (database.size != sizeof c->database - 1) {
        rc = aer__err_set(err, AER_CORRUPT, "'%s': the setting 'database' is damaged", LAYOUT_CATALOG);
        goto out;
    }
    memcpy(c->database, database.data, database.size);
out:
    aer__buf_release(&database);
    return rc;
}

/* The WAL's length after each commit, for who decides on checkpoints. */
static int on_wal(void *arg, sqlite3 *db, const char *name, int frames)
{
    struct catalog *c = arg;

    (void)db;
    (void)name;
    c->wal_frames = frames;
    c->wal_length = AER_MAX(c->wal_length, frames);
    return SQLITE_OK;
}

int aer__catalog_set_cache(struct catalog *c, uint64_t cache_bytes, struct err *err)
{
    char sql[64];

    snprintf(sql, sizeof sql, "PRAGMA cache_size=-%llu", (unsigned long long)AER_MAX(cache_bytes / 1024, 256u));
    return aer__sq_exec(c->db, LAYOUT_CATALOG, sql, err);
}

int aer__catalog_open(int dir, int flags, int busy_ms, uint64_t cache_bytes, struct catalog **catalog, struct err *err)
{
    struct catalog *c = aer__calloc(1, sizeof *c);
    char *path = NULL;
    int mode = flags & CATALOG_FROZEN ? SQ_FROZEN : flags & CATALOG_READONLY ? SQ_READONLY : SQ_READWRITE;
    int rc;

    *catalog = NULL;
    if (!c) return aer__err_nomem(err);
    rc = aer__fs_absolute(dir, LAYOUT_CATALOG, &path, err);
    if (rc) goto out;
    if (aer__fs_kind(dir, LAYOUT_CATALOG) != FS_FILE) {
        rc = aer__err_set(err, AER_CORRUPT, "'%s' is missing", LAYOUT_CATALOG);
        goto out;
    }
    rc = aer__sq_open(path, LAYOUT_CATALOG, mode, busy_ms, &c->db, err);
    if (rc) goto out;
    rc = aer__catalog_set_cache(c, cache_bytes, err);
    if (rc) goto out;
    /* After a merge the WAL may be large; what it grew beyond this goes when it is next begun anew. */
    rc = aer__sq_exec(c->db, LAYOUT_CATALOG, "PRAGMA journal_size_limit=67108864", err);
    if (rc) goto out;
    rc = aer__sq_set_sync(c->db, LAYOUT_CATALOG, AER_SYNC_NORMAL, err);
    if (rc) goto out;
    rc = check_identity(c, err);
    if (rc) goto out;
    sqlite3_wal_hook(c->db, on_wal, c);
    *catalog = c;
    c = NULL;
out:
    aer__catalog_close(c);
    aer__free(path);
    return rc;
}

void aer__catalog_close(struct catalog *c)
{
    if (!c) return;
    for (int i = 0; i < Q_COUNT; i++) sqlite3_finalize(c->stmt[i]);
    aer__sq_close(c->db);
    aer__free(c);
}

const char *aer__catalog_database(const struct catalog *c)
{
    return c->database;
}

/* ---- reading ---- */

int aer__catalog_read_begin(struct catalog *c, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc;

    if (c->in_read || c->in_write) return AER_OK;
    rc = aer__catalog_may_begin(c, err);
    if (rc == AER_OK) rc = aer__catalog_stmt(c, Q_SETTING, &stmt, err);
    if (rc == AER_OK) rc = aer__catalog_run(c, Q_BEGIN_READ, err);
    if (rc) return rc;
    c->in_read = true;
    /* BEGIN alone does not take the snapshot: the first read does. */
    sqlite3_bind_text(stmt, 1, "version", -1, SQLITE_STATIC);
    if (sqlite3_step(stmt) != SQLITE_ROW) {
        rc = aer__catalog_fail(c, stmt, err);
        aer__catalog_read_end(c);
        return rc;
    }
    sqlite3_reset(stmt);
    return AER_OK;
}

void aer__catalog_read_end(struct catalog *c)
{
    if (!c || !c->in_read) return;
    c->in_read = false;
    (void)aer__catalog_run(c, Q_COMMIT, NULL); /* ends a transaction that only read: nothing to lose */
}

int aer__catalog_state(struct catalog *c, struct catalog_state *state, struct err *err)
{
    int64_t merged = 0, merging = 0, version = 0;
    int rc;

    memset(state, 0, sizeof *state);
    rc = get_setting(c, "merged_seq", &merged, NULL, err);
    if (rc == AER_OK) rc = get_setting(c, "merging_to", &merging, NULL, err);
    if (rc == AER_OK) rc = get_setting(c, "version", &version, NULL, err);
    if (rc == AER_OK) rc = get_setting(c, "clock_ms", &state->clock_ms, NULL, err);
    if (rc == AER_OK) rc = get_setting(c, "merging_key", NULL, &state->merging_key, err);
    if (rc == AER_OK && (merged < 0 || merging < 0))
        rc = aer__err_set(err, AER_CORRUPT, "'%s': a negative sequence number", LAYOUT_CATALOG);
    if (rc) aer__buf_release(&state->merging_key);
    state->merged_seq = (uint64_t)merged;
    state->merging_to = (uint64_t)merging;
    state->version = (uint64_t)version;
    return rc;
}

static int read_bucket(sqlite3_stmt *stmt, struct catalog_bucket *b, struct err *err)
{
    const char *dir = (const char *)sqlite3_column_text(stmt, 2);
    const char *file = (const char *)sqlite3_column_text(stmt, 3);
    bool starved = aer__sq_column_nomem(stmt);
    uint64_t *const number[] = {&b->rows,      &b->live,       &b->deletes, &b->expiring, &b->parts,      &b->bytes,
                                &b->row_bytes, &b->dead_bytes, &b->max_row, &b->sum,      &b->generation, &b->kept_for};

    memset(b, 0, sizeof *b);
    if (starved) return aer__err_nomem(err);
    b->first_seq = (uint64_t)sqlite3_column_int64(stmt, 0);
    b->last_seq = (uint64_t)sqlite3_column_int64(stmt, 1);
    for (size_t i = 0; i < AER_COUNT(number); i++) *number[i] = (uint64_t)sqlite3_column_int64(stmt, 4 + (int)i);
    if (!dir || !file || !aer__layout_bucket_parse(b->id, dir, file))
        return aer__err_set(err, AER_CORRUPT, "'%s': the bucket from row %llu on has no proper file name",
                            LAYOUT_CATALOG, (unsigned long long)b->first_seq);
    if (b->first_seq < 1 || b->last_seq < b->first_seq || b->last_seq > INT64_MAX)
        return aer__err_set(err, AER_CORRUPT, "'%s': bucket %s has no proper range", LAYOUT_CATALOG, b->id);
    return AER_OK;
}

int aer__catalog_buckets(struct catalog *c, int (*fn)(void *arg, const struct catalog_bucket *bucket), void *arg,
                         struct err *err)
{
    sqlite3_stmt *stmt;
    int step, rc = aer__catalog_stmt(c, Q_BUCKETS, &stmt, err);

    if (rc) return rc;
    while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct catalog_bucket b;
        rc = read_bucket(stmt, &b, err);
        if (rc == AER_OK) rc = fn(arg, &b);
        if (rc) break;
    }
    if (rc == AER_OK && step != SQLITE_DONE) return aer__catalog_fail(c, stmt, err);
    sqlite3_reset(stmt);
    return rc;
}

int aer__catalog_lookup(struct catalog *c, const void *key, size_t key_size, uint64_t *seq, struct err *err)
{
    sqlite3_stmt *stmt;
    int step, rc = aer__catalog_stmt(c, Q_LOOKUP, &stmt, err);

    if (rc) return rc;
    sqlite3_bind_blob64(stmt, 1, key, key_size, SQLITE_STATIC);
    step = sqlite3_step(stmt);
    if (step == SQLITE_ROW) *seq = (uint64_t)sqlite3_column_int64(stmt, 0);
    else if (step == SQLITE_DONE) rc = AER_NOTFOUND;
    else return aer__catalog_fail(c, stmt, err);
    sqlite3_reset(stmt);
    return rc;
}

int aer__catalog_displaced(struct catalog *c, const void *key, size_t key_size, uint64_t at, uint64_t *seq, struct err *err)
{
    sqlite3_stmt *stmt;
    int step, rc = aer__catalog_stmt(c, Q_DISPLACED, &stmt, err);

    if (rc) return rc;
    sqlite3_bind_blob64(stmt, 1, key, key_size, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)at);
    step = sqlite3_step(stmt);
    rc = AER_NOTFOUND;
    if (step == SQLITE_ROW) {
        if ((uint64_t)sqlite3_column_int64(stmt, 1) > at) {
            *seq = (uint64_t)sqlite3_column_int64(stmt, 0);
            rc = AER_OK;
        }
    } else if (step != SQLITE_DONE) {
        return aer__catalog_fail(c, stmt, err);
    }
    sqlite3_reset(stmt);
    return rc;
}

/* Does a query, bound, give a row? */
static int any_row(struct catalog *c, sqlite3_stmt *stmt, bool *any, struct err *err)
{
    int step = sqlite3_step(stmt);

    if (step != SQLITE_ROW && step != SQLITE_DONE) return aer__catalog_fail(c, stmt, err);
    *any = step == SQLITE_ROW;
    sqlite3_reset(stmt);
    return AER_OK;
}

int aer__catalog_is_displaced(struct catalog *c, const void *key, size_t key_size, uint64_t seq, bool *is, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_IS_DISPLACED, &stmt, err);

    if (rc) return rc;
    sqlite3_bind_blob64(stmt, 1, key, key_size, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)seq);
    return any_row(c, stmt, is, err);
}

int aer__catalog_has_displaced(struct catalog *c, const void *key, size_t key_size, bool *has, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_HAS_DISPLACED, &stmt, err);

    if (rc) return rc;
    sqlite3_bind_blob64(stmt, 1, key, key_size, SQLITE_STATIC);
    return any_row(c, stmt, has, err);
}

int aer__catalog_displaced_any(struct catalog *c, bool *any, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_DISPLACED_ANY, &stmt, err);

    return rc ? rc : any_row(c, stmt, any, err);
}

int aer__catalog_range(struct catalog *c, uint64_t displaced_at, const void *start, size_t start_size, bool exclusive,
                       bool reverse, size_t limit, catalog_key_fn fn, void *arg, struct err *err)
{
    sqlite3_stmt *stmt;
    int q = Q_RANGE + (displaced_at ? 6 : 0) + (reverse ? 3 : 0) + (!start ? 0 : exclusive ? 2 : 1);
    int step, rc = aer__catalog_stmt(c, q, &stmt, err);

    if (rc) return rc;
    if (start) sqlite3_bind_blob64(stmt, 1, start, start_size, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)limit);
    if (displaced_at) sqlite3_bind_int64(stmt, 3, (sqlite3_int64)displaced_at);
    while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
        rc = fn(arg, sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0),
                (uint64_t)sqlite3_column_int64(stmt, 1));
        if (rc) break;
    }
    if (rc == AER_OK && step != SQLITE_DONE) return aer__catalog_fail(c, stmt, err);
    sqlite3_reset(stmt);
    return rc;
}

int aer__catalog_count(struct catalog *c, const char *but, const char *end, uint64_t *keys, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_COUNT_KEYS, &stmt, err);

    if (rc) return rc;
    sqlite3_bind_blob(stmt, 1, but, but ? (int)strlen(but) : 0, SQLITE_STATIC);
    sqlite3_bind_blob(stmt, 2, end, end ? (int)strlen(end) : 0, SQLITE_STATIC);
    if (sqlite3_step(stmt) != SQLITE_ROW) return aer__catalog_fail(c, stmt, err);
    *keys = (uint64_t)sqlite3_column_int64(stmt, 0);
    sqlite3_reset(stmt);
    return AER_OK;
}

int aer__catalog_size(struct catalog *c, uint64_t *bytes, struct err *err)
{
    int64_t size = 0;
    int rc = aer__sq_int(c->db, LAYOUT_CATALOG, sql_of[Q_PAGES], &size, err);

    *bytes = (uint64_t)size;
    return rc;
}
