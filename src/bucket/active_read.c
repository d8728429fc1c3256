/* active_read.c -- what is in an active file: its state, its rows, and the sealed bucket it becomes.
 *
 * For: recovery, which replays the rows; readers of rows that are not sealed yet; the sealer.
 * No read transaction is left open by any of these, or the WAL could not start over.
 * Must not know: what the rows mean for keys.
 */
#include "bucket/active.h"

#include <string.h>

/* bucket_info and the rows' numbers of any connection to an active file, or to a copy of one. */
static int read_state(sqlite3 *db, const char *name, struct active_state *state, struct err *err)
{
    struct info_raw raw;
    int64_t rows, first, last;
    int rc;

    rc = aer__info_read(db, name, &raw, err);
    if (!rc) rc = aer__sq_int(db, name, "SELECT count(*) FROM bucket", &rows, err);
    if (!rc) rc = aer__sq_int(db, name, "SELECT min(seq) FROM bucket", &first, err);
    if (!rc) rc = aer__sq_int(db, name, "SELECT max(seq) FROM bucket", &last, err);
    if (rc) return rc;
    *state = (struct active_state){.info = raw.info, .rows = (uint64_t)rows, .last_seq = (uint64_t)last};
    if (rows == 0) return AER_OK;
    if (!(raw.seen & (1u << INFO_ID)) || raw.info.first_seq < 1 || (uint64_t)first < raw.info.first_seq)
        return aer__err_set(err, AER_CORRUPT, "%s: has rows from %lld on, and bucket_info says '%s' from %llu on", name,
                            (long long)first, raw.info.id, (unsigned long long)raw.info.first_seq);
    return AER_OK;
}

int aer__active_state(struct active *a, struct active_state *state, struct err *err)
{
    bool own = sqlite3_get_autocommit(a->db); /* else the caller's transaction is one moment already */
    int rc;

    *state = (struct active_state){.rows = 0};
    rc = own ? aer__active_start(a, STMT_BEGIN_READ, err) : AER_OK;
    if (rc) return rc;
    rc = read_state(a->db, a->name, state, err);
    if (own) aer__active_end_read(a);
    return rc;
}

int aer__active_rows(struct active *a, uint64_t after, bool with_value, int (*fn)(void *arg, const struct row *row),
                     void *arg, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc, step;

    rc = aer__active_stmt(a, with_value ? STMT_ROWS : STMT_ROWS_BARE, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, after > INT64_MAX ? INT64_MAX : (int64_t)after);
    while (!rc && (step = sqlite3_step(stmt)) != SQLITE_DONE) {
        struct row row;

        if (step != SQLITE_ROW) rc = aer__sq_err(err, a->db, step, a->name);
        else rc = aer__row_column(stmt, a->name, with_value, &row, err);
        if (!rc) rc = fn(arg, &row);
    }
    sqlite3_reset(stmt);
    return rc;
}

int aer__active_rows_of(struct active *a, const char *id, int (*fn)(void *arg, const struct row *row), void *arg,
                        struct err *err)
{
    struct active_state state;
    int rc = aer__active_start(a, STMT_BEGIN_READ, err);

    if (rc) return rc;
    rc = read_state(a->db, a->name, &state, err);
    if (!rc && (state.rows == 0 || strcmp(state.info.id, id) != 0)) rc = AER_NOTFOUND;
    if (!rc) rc = aer__active_rows(a, 0, false, fn, arg, err);
    aer__active_end_read(a);
    return rc;
}

int aer__active_get(struct active *a, uint64_t seq, struct row *row, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc, step;

    if (seq > INT64_MAX) return AER_NOTFOUND;
    rc = aer__active_stmt(a, STMT_GET, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, (int64_t)seq);
    step = sqlite3_step(stmt);
    if (step == SQLITE_DONE) rc = AER_NOTFOUND;
    else if (step != SQLITE_ROW) rc = aer__sq_err(err, a->db, step, a->name);
    else rc = aer__row_column(stmt, a->name, true, row, err);
    if (!rc) rc = aer__row_keep(row, &a->hold, err);
    sqlite3_reset(stmt);
    return rc;
}

int aer__active_seal_image(struct active *a, unsigned char **data, size_t *size, struct bucket_info *info, struct err *err)
{
    struct active_state state;
    sqlite3 *copy = NULL;
    uint64_t rows;
    int rc;

    *data = NULL;
    *size = 0;
    rc = aer__sq_open_memory(&copy, err);
    if (!rc) rc = aer__sq_exec(copy, a->name, "PRAGMA journal_mode = OFF", err);
    if (!rc) rc = aer__sq_overwrite(copy, a->name, a->db, err);
    if (!rc) rc = read_state(copy, a->name, &state, err);
    if (!rc && state.rows == 0) rc = aer__err_set(err, AER_INVALID, "%s: has no rows to seal", a->name);
    if (rc) goto out;
    *info = state.info;
    info->last_seq = state.last_seq;
    rc = aer__info_finish(copy, a->name, info, &rows, err);
    if (!rc) rc = aer__sq_image(copy, a->name, data, size, err);
out:
    aer__sq_close(copy);
    return rc;
}
