/* sealed_fallback.c -- ask SQLite about a sealed file that our own reader finds odd.
 *
 * For: two cases. The file is sound but not as we write it (somebody ran VACUUM with another page size): all goes on, slowly.
 * Or it is damaged: then the message has both opinions, ours and SQLite's.
 *
 * The file is opened for each question: damage is rare, and a sealed bucket must not cost a connection. It is opened by its name,
 * frozen, and what is found is checked like everything else; nothing is believed because SQLite read it.
 *
 * Must not know: pages.
 */
#include "bucket/sealed.h"

#include "fs/fs.h"

#include <string.h>

/* err says what SQLite found; put what our reader found before it. */
static int both(const struct sealed *s, const struct err *reason, struct err *err)
{
    struct err said;
    const char *path, *why;

    if (!err) return AER_CORRUPT;
    if (reason->code == AER_OK || strcmp(reason->message, err->message) == 0) return err->code;
    said = *err;
    why = said.message;
    /* "PATH: why" or "'PATH': why": the path stands in our part already. */
    path = strstr(why, s->path);
    if (path && path - why <= 1 && strstr(path, ": ")) why = strstr(path, ": ") + 2;
    aer__err_clear(err);
    return aer__err_set(err, AER_CORRUPT, "%s (SQLite: %s)", reason->message, why);
}

static int open_frozen(const struct sealed *s, sqlite3 **db, struct err *err)
{
    char *absolute;
    int rc;

    *db = NULL;
    rc = aer__fs_absolute(s->dir, s->path, &absolute, err);
    if (rc) return rc;
    rc = aer__sq_open(absolute, s->path, SQ_FROZEN, 0, db, err);
    aer__free(absolute);
    return rc;
}

/* Only damage gets the second opinion; no memory, no descriptors and the like stand for themselves.
 * "unsupported file format" and its kin are plain errors to SQLite, and damage to us. */
static int opinion(const struct sealed *s, sqlite3 *db, int rc, const struct err *reason, struct err *err)
{
    int primary = db ? sqlite3_errcode(db) & 0xff : SQLITE_CANTOPEN;

    if (rc == AER_IO && primary != SQLITE_IOERR && primary != SQLITE_CANTOPEN) {
        if (err) err->code = AER_CORRUPT;
        rc = AER_CORRUPT;
    }
    return rc == AER_CORRUPT ? both(s, reason, err) : rc;
}

int aer__fallback_examine(struct sealed *s, const char *database, const char *id, const struct err *reason, struct err *err)
{
    struct info_raw raw = {.seen = 0};
    sqlite3 *db;
    int rc;

    rc = open_frozen(s, &db, err);
    if (rc) return opinion(s, db, rc, reason, err);
    rc = aer__bucket_check(db, s->path, err);
    if (!rc) rc = aer__info_read(db, s->path, &raw, err);
    if (!rc) rc = aer__info_check(&raw, s->path, err);
    if (!rc) rc = aer__info_belongs(&raw.info, s->path, database, id, err);
    if (rc) rc = opinion(s, db, rc, reason, err);
    aer__sq_close(db);
    if (rc) return rc;
    s->info = raw.info;
    s->rows = raw.rows;
    return AER_OK;
}

/* The row as the caller wishes it; its pointers go from the statement to memory that stays. */
static int keep(const struct wish *wish, struct row *row, struct buf *hold, struct err *err)
{
    const void *value = row->value;
    int rc;

    if (!wish->into || row->is_delete) return aer__row_keep(row, hold, err);
    row->value = NULL;
    rc = aer__row_keep(row, hold, err);
    if (rc) return rc;
    if (row->value_size > wish->capacity) return AER_INVALID;
    memcpy(wish->into, value, row->value_size);
    row->value = wish->into;
    return AER_OK;
}

int aer__fallback_get(const struct sealed *s, uint64_t seq, const struct wish *wish, struct row *row, struct buf *hold,
                      const struct err *reason, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db;
    int rc, step;

    rc = open_frozen(s, &db, err);
    if (rc) return opinion(s, db, rc, reason, err);
    rc = aer__bucket_check(db, s->path, err);
    if (!rc)
        rc = aer__sq_prepare(db, s->path, wish->value ? ROW_SELECT "WHERE seq = ?" : ROW_SELECT_BARE "WHERE seq = ?",
                             &stmt, err);
    if (rc) goto out;
    sqlite3_bind_int64(stmt, 1, (int64_t)seq);
    step = sqlite3_step(stmt);
    if (step == SQLITE_DONE) rc = AER_NOTFOUND;
    else if (step != SQLITE_ROW) rc = aer__sq_err(err, db, step, s->path);
    else rc = aer__row_column(stmt, s->path, wish->value, row, err);
    if (!rc && row->seq != seq)
        rc = aer__err_set(err, AER_CORRUPT, "%s: row %llu: another row is in its place", s->path, (unsigned long long)seq);
    if (!rc) rc = keep(wish, row, hold, err);
out:
    rc = opinion(s, db, rc, reason, err);
    sqlite3_finalize(stmt);
    aer__sq_close(db);
    return rc;
}

int aer__fallback_rows(const struct sealed *s, struct walk *walk, const struct err *reason, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db;
    int rc, step;

    rc = open_frozen(s, &db, err);
    if (rc) return opinion(s, db, rc, reason, err);
    rc = aer__bucket_check(db, s->path, err);
    if (!rc)
        rc = aer__sq_prepare(db, s->path,
                             walk->with_value ? ROW_SELECT "WHERE seq >= ? ORDER BY seq"
                                              : ROW_SELECT_BARE "WHERE seq >= ? ORDER BY seq",
                             &stmt, err);
    if (rc) goto out;
    sqlite3_bind_int64(stmt, 1, (int64_t)walk->next);
    while (!rc && (step = sqlite3_step(stmt)) != SQLITE_DONE) {
        struct row row;

        if (step != SQLITE_ROW) rc = aer__sq_err(err, db, step, s->path);
        else rc = aer__row_column(stmt, s->path, walk->with_value, &row, err);
        if (!rc) rc = aer__walk_give(s, walk, &row, err);
    }
out:
    if (!walk->stopped) rc = opinion(s, db, rc, reason, err);
    sqlite3_finalize(stmt);
    aer__sq_close(db);
    return rc;
}
