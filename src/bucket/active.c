/* active.c -- the bucket being filled: opened, appended to, emptied.
 *
 * For: kv, whose commit point is aer__active_commit. One of the two active files takes commits while the other is being
 * sealed; both are WAL databases for ever and never converted, which fails while anybody has them open.
 * Assumes: the caller holds the writer's turn for everything but open and close.
 *
 * What a failed COMMIT means. SQLite appends frames to the WAL, the one with the commit mark last; syncs; then shows the frames to
 * other connections through the -shm. A failure
 *   - while writing leaves no valid commit frame: not committed (AER_FULL, AER_IO);
 *   - of the sync leaves one that nobody sees now, and that whoever replays the WAL after a crash may see: AER_UNKNOWN. The
 *     sync is not tried again, since the kernel may have dropped the pages and would report success;
 *   - after it (no memory, no -shm) leaves one too. There the frames are overwritten by a small commit of our own, which
 *     breaks the chain of checksums they hang on, and only if that fails as well it is AER_UNKNOWN.
 *
 * Must not know: what a transaction is made of, or which sequence number comes next.
 */
#include "bucket/active.h"

#include "fs/fs.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static const char *const stmt_text[STMT_COUNT] = {
    [STMT_INSERT] = ROW_INSERT,
    [STMT_BEGIN] = "BEGIN IMMEDIATE",
    [STMT_BEGIN_READ] = "BEGIN",
    [STMT_COMMIT] = "COMMIT",
    [STMT_ROLLBACK] = "ROLLBACK",
    [STMT_COUNTER] = "UPDATE bucket_info SET value = value + 1 WHERE name = 'synced'",
    [STMT_GET] = ROW_SELECT "WHERE seq = ?",
    [STMT_ROWS] = ROW_SELECT "WHERE seq > ? ORDER BY seq",
    [STMT_ROWS_BARE] = ROW_SELECT_BARE "WHERE seq > ? ORDER BY seq",
};

int aer__active_stmt(struct active *a, int which, sqlite3_stmt **stmt, struct err *err)
{
    int rc = AER_OK;

    if (!a->stmt[which]) rc = aer__sq_prepare(a->db, a->name, stmt_text[which], &a->stmt[which], err);
    *stmt = a->stmt[which];
    return rc;
}

/* Run a statement that gives no rows. *sqlite_rc: what SQLite answered, SQLITE_OK for success; may be NULL. */
static int run(struct active *a, int which, int *sqlite_rc, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc, step = SQLITE_NOMEM;

    rc = aer__active_stmt(a, which, &stmt, err);
    if (!rc) {
        step = sqlite3_step(stmt);
        if (step != SQLITE_DONE) rc = aer__sq_err(err, a->db, step, a->name);
        sqlite3_reset(stmt);
    }
    if (sqlite_rc) *sqlite_rc = rc ? step : SQLITE_OK;
    return rc;
}

int aer__active_start(struct active *a, int which, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc;

    rc = aer__active_stmt(a, STMT_COMMIT, &stmt, err);
    if (!rc) rc = aer__active_stmt(a, STMT_ROLLBACK, &stmt, err);
    if (!rc && !sqlite3_get_autocommit(a->db)) rc = run(a, STMT_ROLLBACK, NULL, err);
    return rc ? rc : run(a, which, NULL, err);
}

void aer__active_end_read(struct active *a)
{
    (void)run(a, STMT_COMMIT, NULL, NULL); /* nothing to lose; if it fails, aer__active_start comes by */
}

static int set_sync(struct active *a, int sync, struct err *err)
{
    int rc;

    if (sync == AER_SYNC_DEFAULT) sync = AER_SYNC_FULL;
    if (sync == a->sync) return AER_OK;
    rc = aer__sq_set_sync(a->db, a->name, sync, err);
    a->sync = rc ? AER_SYNC_DEFAULT : sync; /* after a failure nobody knows */
    return rc;
}

/* ---- open and close ---- */

static int need_template(struct active *a, struct err *err)
{
    if (a->template) return AER_OK;
    return aer__bucket_template(a->database, &a->template, err);
}

/* A file without anything in it becomes an empty bucket, in one transaction: a crash leaves nothing or all of it. */
static int fill_new(struct active *a, const char *database, struct err *err)
{
    int64_t tables = 0, application = 0;
    int rc;

    rc = aer__sq_int(a->db, a->name, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (!rc) rc = aer__sq_int(a->db, a->name, "PRAGMA application_id", &application, err);
    if (rc || tables > 0 || application != 0) return rc;
    memcpy(a->database, database, sizeof a->database);
    rc = need_template(a, err);
    if (rc) return rc;
    return aer__sq_overwrite(a->db, a->name, a->template, err);
}

static int use_wal(struct active *a, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    const char *mode = NULL;
    int rc, step;

    rc = aer__sq_prepare(a->db, a->name, "PRAGMA journal_mode = WAL", &stmt, err);
    if (rc) return rc;
    step = sqlite3_step(stmt);
    if (step == SQLITE_ROW) mode = (const char *)sqlite3_column_text(stmt, 0);
    else rc = aer__sq_err(err, a->db, step, a->name);
    if (!rc && !mode) rc = aer__err_nomem(err);
    else if (!rc && strcmp(mode, "wal") != 0)
        rc = aer__err_set(err, AER_IO, "'%s' cannot be used in WAL mode on this file system", a->name);
    sqlite3_finalize(stmt);
    return rc;
}

static int check_file(struct active *a, const char *database, struct err *err)
{
    struct info_raw raw;
    int rc;

    rc = aer__bucket_check(a->db, a->name, err);
    if (!rc) rc = aer__info_read(a->db, a->name, &raw, err);
    if (rc) return rc;
    if (!(raw.seen & (1u << INFO_DATABASE)))
        return aer__err_set(err, AER_CORRUPT, "%s: does not say which database it belongs to", a->name);
    if (database && strcmp(database, raw.info.database) != 0)
        return aer__err_set(err, AER_CORRUPT, "%s: belongs to another database (%s)", a->name, raw.info.database);
    memcpy(a->database, raw.info.database, sizeof a->database);
    return AER_OK;
}

static int count_frames(void *arg, sqlite3 *db, const char *schema, int frames)
{
    struct active *a = arg;

    (void)db;
    (void)schema;
    a->wal_frames = frames;
    a->wal_length = AER_MAX(a->wal_length, frames);
    return SQLITE_OK;
}

static int open_connection(struct active *a, int dir, int flags, int busy_ms, struct err *err)
{
    int mode = flags & ACTIVE_FROZEN     ? SQ_FROZEN
               : flags & ACTIVE_READONLY ? SQ_READONLY
               : flags & ACTIVE_CREATE   ? SQ_CREATE
                                         : SQ_READWRITE;
    char *absolute;
    int rc;

    if (flags & ACTIVE_CREATE) {
        rc = aer__fs_mkdir(dir, LAYOUT_BUCKETROOT, true, err);
        if (rc) return rc;
    }
    rc = aer__fs_absolute(dir, a->name, &absolute, err);
    if (rc) return rc;
    rc = aer__sq_open(absolute, a->name, mode, busy_ms, &a->db, err);
    aer__free(absolute);
    return rc;
}

int aer__active_open(int dir, int which, int flags, const char *database, int busy_ms, struct active **active, struct err *err)
{
    bool writes = !(flags & (ACTIVE_READONLY | ACTIVE_FROZEN));
    struct active *a;
    int rc;

    assert(!(flags & ACTIVE_CREATE) || (writes && database && strlen(database) == 32));
    *active = NULL;
    a = aer__calloc(1, sizeof *a);
    if (!a) return aer__err_nomem(err);
    a->name = aer__layout_active(which);
    rc = open_connection(a, dir, flags, busy_ms, err);
    if (rc) goto out;
    sqlite3_wal_hook(a->db, count_frames, a);
    if (writes) {
        rc = set_sync(a, AER_SYNC_FULL, err);
        if (!rc && (flags & ACTIVE_CREATE)) rc = fill_new(a, database, err);
        if (!rc) rc = use_wal(a, err);
        if (!rc && (flags & ACTIVE_CREATE)) rc = aer__fs_sync_dir(dir, LAYOUT_BUCKETROOT, err);
        if (rc) goto out;
    }
    rc = check_file(a, database, err);
out:
    if (rc) {
        aer__active_close(a);
        a = NULL;
    }
    *active = a;
    return rc;
}

void aer__active_close(struct active *a)
{
    int i;

    if (!a) return;
    for (i = 0; i < STMT_COUNT; i++) sqlite3_finalize(a->stmt[i]);
    aer__sq_close(a->db);
    aer__sq_close(a->template);
    aer__buf_release(&a->hold);
    aer__free(a);
}

const char *aer__active_name_of(const struct active *a)
{
    return a->name;
}

/* ---- writing ---- */

int aer__active_begin(struct active *a, int sync, struct err *err)
{
    int rc;

    /* SQLite would let a connection that cannot write begin, and fail at the first row. */
    if (sqlite3_db_readonly(a->db, "main") == 1)
        return aer__err_set(err, AER_READONLY, "'%s' is open for reading only", a->name);
    if (!sqlite3_get_autocommit(a->db)) aer__active_rollback(a);
    rc = set_sync(a, sync, err); /* SQLite ignores the setting within a transaction */
    return rc ? rc : aer__active_start(a, STMT_BEGIN, err);
}

/* A failed write may have ended the transaction; what comes after it must not be committed row by row. */
static int in_transaction(struct active *a, struct err *err)
{
    if (!sqlite3_get_autocommit(a->db)) return AER_OK;
    return aer__err_set(err, AER_MISUSE, "%s: there is no transaction to write in", a->name);
}

int aer__active_name(struct active *a, const char *id, uint64_t first_seq, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc, step;

    rc = in_transaction(a, err);
    if (!rc)
        rc = aer__sq_prepare(
            a->db, a->name,
            "UPDATE bucket_info SET value = CASE name WHEN 'id' THEN ? ELSE ? END WHERE name IN ('id', 'first_seq')",
            &stmt, err);
    if (rc) return rc;
    sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, (int64_t)first_seq);
    step = sqlite3_step(stmt);
    if (step != SQLITE_DONE) rc = aer__sq_err(err, a->db, step, a->name);
    sqlite3_finalize(stmt);
    return rc;
}

/* SQLite tells a full disk apart, but not a quota that is used up; it keeps the errno of the WAL's last failure. */
static int refine(struct active *a, int rc, struct err *err)
{
    sqlite3_file *wal = NULL;
    int error = 0;

    if (rc != AER_IO || sqlite3_extended_errcode(a->db) != SQLITE_IOERR_WRITE) return rc;
    if (sqlite3_file_control(a->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) || !wal || !wal->pMethods) return rc;
    if (wal->pMethods->xFileControl(wal, SQLITE_FCNTL_LAST_ERRNO, &error) || (error != EDQUOT && error != ENOSPC))
        return rc;
    if (err) err->code = AER_FULL;
    return AER_FULL;
}

int aer__active_add(struct active *a, const struct row *row, struct err *err)
{
    sqlite3_stmt *insert;
    int rc;

    rc = in_transaction(a, err);
    if (!rc) rc = aer__active_stmt(a, STMT_INSERT, &insert, err);
    if (rc) return rc;
    return refine(a, aer__row_insert(a->db, a->name, insert, row, err), err);
}

void aer__active_rollback(struct active *a)
{
    if (a && !sqlite3_get_autocommit(a->db)) (void)run(a, STMT_ROLLBACK, NULL, NULL); /* prepared before the BEGIN */
}

/* The frames of a commit that failed late may stand in the WAL: put others in their place. */
static int overwrite_frames(struct active *a)
{
    int rc;

    rc = aer__active_start(a, STMT_BEGIN, NULL);
    if (!rc) rc = run(a, STMT_COUNTER, NULL, NULL);
    if (!rc) rc = run(a, STMT_COMMIT, NULL, NULL);
    aer__active_rollback(a);
    return rc;
}

static int unknown(struct active *a, struct err *err)
{
    struct err said = {.code = 0};

    if (err) said = *err;
    aer__err_clear(err);
    return aer__err_set(err, AER_UNKNOWN, "%s: the commit may or may not have happened: %s", a->name, said.message);
}

int aer__active_commit(struct active *a, struct err *err)
{
    int sqlite_rc;
    int rc;

    rc = in_transaction(a, err);
    if (rc) return rc;
    rc = refine(a, run(a, STMT_COMMIT, &sqlite_rc, err), err);
    if (!rc) return AER_OK;
    aer__active_rollback(a);
    if (sqlite_rc == SQLITE_IOERR_FSYNC || sqlite_rc == SQLITE_IOERR_DIR_FSYNC) return unknown(a, err);
    if (sqlite_rc == SQLITE_IOERR_WRITE || (sqlite_rc & 0xff) == SQLITE_FULL) return rc;
    return overwrite_frames(a) ? unknown(a, err) : rc;
}

int aer__active_sync(struct active *a, struct err *err)
{
    int rc;

    /* The sync of one commit covers all of the WAL before it, and checkpoints sync by themselves (see below). */
    rc = aer__active_begin(a, AER_SYNC_FULL, err);
    if (rc) return rc;
    rc = run(a, STMT_COUNTER, NULL, err);
    if (!rc) return aer__active_commit(a, err);
    aer__active_rollback(a);
    return rc;
}

/* ---- the WAL ---- */

int aer__active_wal_frames(struct active *a)
{
    return a->wal_frames;
}

int aer__active_wal_length(struct active *a)
{
    return a->wal_length;
}

int aer__active_checkpoint(struct active *a, bool truncate, struct err *err)
{
    int left;
    int rc;

    /* Unsynced pages in the main file would be beyond the reach of aer__active_sync, so a checkpoint syncs in all modes. */
    rc = a->sync == AER_SYNC_FULL ? AER_OK : set_sync(a, AER_SYNC_NORMAL, err);
    if (rc) return rc;
    rc = aer__sq_checkpoint(a->db, a->name, truncate, &left, err);
    if (rc) return rc;
    a->wal_frames = left;
    if (truncate && !left) a->wal_length = 0;
    return AER_OK;
}

int aer__active_empty(struct active *a, struct err *err)
{
    int rc;

    rc = need_template(a, err);
    if (!rc) rc = aer__sq_overwrite(a->db, a->name, a->template, err);
    /* A backup leaves its call of count_frames to the next statement. */
    if (!rc) rc = aer__sq_exec(a->db, a->name, "SELECT 1", err);
    if (!rc) rc = aer__active_checkpoint(a, false, err);
    return rc;
}
