/* exec.c -- statements, settings and checkpoints on a connection.
 *
 * Must not know: the tables. SQL text comes from the caller and holds no user's data; that is always bound.
 */
#include "sqlite/sq.h"

int aer__sq_exec(sqlite3 *db, const char *name, const char *sql, struct err *err)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

    return rc ? aer__sq_err(err, db, rc, name) : AER_OK;
}

int aer__sq_prepare(sqlite3 *db, const char *name, const char *sql, sqlite3_stmt **stmt, struct err *err)
{
    int rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);

    return rc ? aer__sq_err(err, db, rc, name) : AER_OK;
}

int aer__sq_int(sqlite3 *db, const char *name, const char *sql, int64_t *value, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc;

    *value = 0;
    rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    if (rc) return aer__sq_err(err, db, rc, name);
    rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        *value = sqlite3_column_int64(stmt, 0);
        rc = AER_OK;
    } else if (rc == SQLITE_DONE) {
        rc = AER_NOTFOUND;
    } else {
        rc = aer__sq_err(err, db, rc, name);
    }
    sqlite3_finalize(stmt);
    return rc;
}

bool aer__sq_column_nomem(sqlite3_stmt *stmt)
{
    return sqlite3_errcode(sqlite3_db_handle(stmt)) == SQLITE_NOMEM; /* SQLITE_ROW if all is well */
}

int aer__sq_set_sync(sqlite3 *db, const char *name, int sync, struct err *err)
{
    switch (sync) {
    case AER_SYNC_OFF: return aer__sq_exec(db, name, "PRAGMA synchronous = OFF", err);
    case AER_SYNC_NORMAL: return aer__sq_exec(db, name, "PRAGMA synchronous = NORMAL", err);
    default: return aer__sq_exec(db, name, "PRAGMA synchronous = FULL", err);
    }
}

int aer__sq_checkpoint(sqlite3 *db, const char *name, bool truncate, int *left, struct err *err)
{
    const int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    int64_t busy_ms = 0, ignored;
    int frames = -1, copied = -1;
    int rc;

    if (left) *left = 0;
    /* A connection that has not read anything has no WAL open yet, and its checkpoint would do nothing and say it is done. */
    rc = aer__sq_int(db, name, "PRAGMA schema_version", &ignored, err);
    if (rc) return rc;
    if (truncate) {
        /* TRUNCATE would wait for readers as long as the busy timeout says, and the caller holds the writer's turn. */
        rc = aer__sq_int(db, name, "PRAGMA busy_timeout", &busy_ms, err);
        if (rc) return rc;
        sqlite3_busy_timeout(db, 0);
    }
    rc = sqlite3_wal_checkpoint_v2(db, "main", mode, &frames, &copied);
    if (rc == SQLITE_BUSY && truncate && frames >= 0)
        rc = SQLITE_OK; /* copied what it could; a reader keeps the file long */
    if (rc) rc = aer__sq_err(err, db, rc, name);
    else if (left && frames > copied) *left = frames - copied;
    if (truncate) sqlite3_busy_timeout(db, (int)busy_ms);
    return rc;
}
