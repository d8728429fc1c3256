/* setup.c -- harden a connection, and give a new database its shape.
 *
 * A database file is input: somebody may have put it there. DEFENSIVE keeps SQL from writing the schema's own table,
 * views and triggers stay off (a view named like a table of ours can run for ever), cell_size_check looks at every
 * cell before using it, and nothing is mapped, since a lost page of a mapping kills the process.
 *
 * Checkpoints happen only where aer__sq_checkpoint is called: SQLite's own, in a commit or in a close, would
 * run in processes that do not hold the writer's turn, and two at once can lose pages (SQLite 3.7.0 to 3.51.2).
 */
#include "sqlite/setup.h"

static const struct {
    int option, value;
} switches[] = {
    {SQLITE_DBCONFIG_DEFENSIVE, 1},   {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
    {SQLITE_DBCONFIG_ENABLE_VIEW, 0}, {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0}, {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1},
};

int aer__sq_setup(sqlite3 *db, const char *name, struct err *err)
{
    size_t i;
    int rc;

    for (i = 0; i < AER_COUNT(switches); i++) {
        rc = sqlite3_db_config(db, switches[i].option, switches[i].value, (int *)0);
        if (rc) return aer__sq_err(err, db, rc, name);
    }
    rc = sqlite3_wal_autocheckpoint(db, 0);
    if (rc) return aer__sq_err(err, db, rc, name);
    return aer__sq_exec(db, name, "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0", err);
}

int aer__sq_make_wal(sqlite3 *db, const char *name, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc;

    rc = sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &stmt, NULL);
    if (!rc) rc = sqlite3_step(stmt);
    if (rc != SQLITE_ROW) rc = aer__sq_err(err, db, rc, name);
    else if (!sqlite3_column_text(stmt, 0)) rc = aer__err_nomem(err);
    else if (sqlite3_stricmp((const char *)sqlite3_column_text(stmt, 0), "wal") == 0) rc = AER_OK;
    else
        rc = aer__err_set(err, AER_IO,
                          "'%s': this file system cannot share memory between processes, which SQLite's WAL needs", name);
    sqlite3_finalize(stmt);
    return rc;
}

int aer__sq_why(sqlite3 *db, int rc)
{
    int extended = db ? sqlite3_extended_errcode(db) : rc;

    return (extended & 0xff) == (rc & 0xff) ? extended : rc;
}

int aer__sq_shape(sqlite3 *db, const char *name, struct err *err)
{
    int reserved = SQ_RESERVED;
    int rc;

    rc = sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserved);
    if (rc) return aer__sq_err(err, db, rc, name);
    return aer__sq_exec(db, name, "PRAGMA page_size = 4096", err);
}
