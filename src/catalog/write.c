/* write.c -- changing aerial.sq3. The caller has the writer's turn.
 *
 * Commits are not durable unless asked for: the catalogue can be made again from the buckets, and a checkpoint syncs
 * the WAL before the file. What must be on disk before something else is lost or removed asks for it: a new bucket
 * before its active file is emptied, a compaction before the old files go.
 *
 * Binding copies nothing where what is bound outlives the step, so it cannot fail: a bind that did would leave NULL behind.
 */
#include "catalog/connection.h"

#include <string.h>

static int set_sync(struct catalog *c, int sync, struct err *err)
{
    int rc = AER_OK;

    if (c->sync != sync) rc = aer__sq_set_sync(c->db, LAYOUT_CATALOG, sync, err);
    c->sync = rc == AER_OK ? sync : 0;
    return rc;
}

int aer__catalog_begin(struct catalog *c, bool durable, struct err *err)
{
    int rc;

    aer__catalog_read_end(c);
    rc = aer__catalog_may_begin(c, err);
    /* Here and not at commit: SQLite ignores the pragma inside a transaction. */
    if (rc == AER_OK) rc = set_sync(c, durable ? AER_SYNC_FULL : AER_SYNC_NORMAL, err);
    if (rc) return rc;
    rc = aer__catalog_run(c, Q_BEGIN_WRITE, err);
    if (rc == AER_OK) c->in_write = true;
    return rc;
}

/* A commit that fails late, at the -shm or for want of memory, leaves whole frames in the WAL: nobody sees them now, but
 * whoever replays it would, and by then the caller has removed what they name. Other frames take their place (see
 * bucket/active.c, which says what a failed commit means). */
static int overwrite_frames(struct catalog *c)
{
    int rc = aer__catalog_run(c, Q_BEGIN_WRITE, NULL);

    if (rc == AER_OK) rc = aer__catalog_advance_version(c, NULL);
    if (rc == AER_OK) rc = aer__catalog_run(c, Q_COMMIT, NULL);
    if (!sqlite3_get_autocommit(c->db)) (void)aer__catalog_run(c, Q_ROLLBACK, NULL);
    return rc;
}

int aer__catalog_commit(struct catalog *c, struct err *err)
{
    int sqlite_rc, rc;

    c->in_write = false;
    rc = aer__catalog_run(c, Q_COMMIT, err);
    if (rc == AER_OK) return AER_OK;
    sqlite_rc = sqlite3_extended_errcode(c->db);
    if (!sqlite3_get_autocommit(c->db)) (void)aer__catalog_run(c, Q_ROLLBACK, NULL);
    if (sqlite_rc == SQLITE_IOERR_WRITE || (sqlite_rc & 0xff) == SQLITE_FULL) return rc; /* no valid commit frame */
    if (sqlite_rc != SQLITE_IOERR_FSYNC && overwrite_frames(c) == AER_OK) return rc;
    if (err) err->code = AER_UNKNOWN;
    return AER_UNKNOWN;
}

void aer__catalog_rollback(struct catalog *c)
{
    if (!c->in_write) return;
    c->in_write = false;
    c->has_tables = false; /* they may have come with what is taken back */
    if (!sqlite3_get_autocommit(c->db)) (void)aer__catalog_run(c, Q_ROLLBACK, NULL); /* the first failure stands */
}

/* Run Q once, already bound. */
static int step_once(struct catalog *c, sqlite3_stmt *stmt, struct err *err)
{
    if (sqlite3_step(stmt) != SQLITE_DONE) return aer__catalog_fail(c, stmt, err);
    sqlite3_reset(stmt);
    return AER_OK;
}

int aer__catalog_put(struct catalog *c, const void *key, size_t key_size, uint64_t seq, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_PUT, &stmt, err);

    if (rc) return rc;
    sqlite3_bind_blob64(stmt, 1, key, key_size, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)seq);
    return step_once(c, stmt, err);
}

int aer__catalog_remove(struct catalog *c, const void *key, size_t key_size, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_REMOVE, &stmt, err);

    if (rc) return rc;
    sqlite3_bind_blob64(stmt, 1, key, key_size, SQLITE_STATIC);
    return step_once(c, stmt, err);
}

int aer__catalog_displace(struct catalog *c, const void *key, size_t key_size, uint64_t seq, uint64_t until, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_DISPLACE, &stmt, err);

    if (rc) return rc;
    sqlite3_bind_blob64(stmt, 1, key, key_size, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)seq);
    sqlite3_bind_int64(stmt, 3, (sqlite3_int64)until);
    return step_once(c, stmt, err);
}

bool aer__catalog_seen(const struct span *snapshots, int count, uint64_t seq, uint64_t until)
{
    for (int i = 0; i < count; i++) {
        if (seq <= snapshots[i].last && snapshots[i].first < until) return true;
    }
    return false;
}

int aer__catalog_prune(struct catalog *c, const struct span *snapshots, int count, uint64_t *removed, struct err *err)
{
    sqlite3_stmt *all, *drop;
    int step, rc = aer__catalog_stmt(c, Q_DISPLACED_ALL, &all, err);

    if (removed) *removed = 0;
    if (rc == AER_OK) rc = aer__catalog_stmt(c, Q_UNDISPLACE, &drop, err);
    if (rc) return rc;
    while ((step = sqlite3_step(all)) == SQLITE_ROW) {
        uint64_t seq = (uint64_t)sqlite3_column_int64(all, 1), until = (uint64_t)sqlite3_column_int64(all, 2);
        if (aer__catalog_seen(snapshots, count, seq, until)) continue;
        if (sqlite3_bind_blob64(drop, 1, sqlite3_column_blob(all, 0), (sqlite3_uint64)sqlite3_column_bytes(all, 0),
                                SQLITE_TRANSIENT)) {
            rc = aer__err_nomem(err);
            break;
        }
        sqlite3_bind_int64(drop, 2, (sqlite3_int64)seq);
        rc = step_once(c, drop, err);
        if (rc) break;
        if (removed) ++*removed;
    }
    if (rc == AER_OK && step != SQLITE_DONE) return aer__catalog_fail(c, all, err);
    sqlite3_reset(all);
    return rc;
}

int aer__catalog_add_bucket(struct catalog *c, const struct catalog_bucket *b, struct err *err)
{
    const uint64_t number[] = {b->rows,      b->live,       b->deletes, b->expiring, b->parts,      b->bytes,
                               b->row_bytes, b->dead_bytes, b->max_row, b->sum,      b->generation, b->kept_for};
    char dir[6], file[17];
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_ADD_BUCKET, &stmt, err);

    if (rc) return rc;
    aer__layout_bucket_columns(dir, file, b->id);
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)b->first_seq);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)b->last_seq);
    sqlite3_bind_text(stmt, 3, dir, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 4, file, -1, SQLITE_STATIC);
    for (size_t i = 0; i < AER_COUNT(number); i++) sqlite3_bind_int64(stmt, 5 + (int)i, (sqlite3_int64)number[i]);
    return step_once(c, stmt, err);
}

int aer__catalog_remove_bucket(struct catalog *c, uint64_t first_seq, const char *id, struct err *err)
{
    char dir[6], file[17];
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_REMOVE_BUCKET, &stmt, err);

    if (rc) return rc;
    aer__layout_bucket_columns(dir, file, id);
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)first_seq);
    sqlite3_bind_text(stmt, 2, dir, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 3, file, -1, SQLITE_STATIC);
    rc = step_once(c, stmt, err);
    if (rc == AER_OK && sqlite3_changes(c->db) != 1)
        rc = aer__err_set(err, AER_CORRUPT, "'%s' does not name bucket %s", LAYOUT_CATALOG, id);
    return rc;
}

int aer__catalog_count_dead(struct catalog *c, uint64_t first_seq, uint64_t rows, uint64_t bytes, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_COUNT_DEAD, &stmt, err);

    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)first_seq);
    sqlite3_bind_int64(stmt, 2, (sqlite3_int64)rows);
    sqlite3_bind_int64(stmt, 3, (sqlite3_int64)bytes);
    return step_once(c, stmt, err);
}

static int set_number(struct catalog *c, const char *name, int64_t value, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_SET, &stmt, err);

    if (rc) return rc;
    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, value);
    return step_once(c, stmt, err);
}

static int set_bytes(struct catalog *c, const char *name, const void *value, size_t size, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_SET, &stmt, err);

    if (rc) return rc;
    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_blob64(stmt, 2, size ? value : "", size, SQLITE_STATIC);
    return step_once(c, stmt, err);
}

int aer__catalog_set_merged(struct catalog *c, uint64_t merged_seq, struct err *err)
{
    int rc = set_number(c, "merged_seq", (int64_t)merged_seq, err);

    if (rc == AER_OK) rc = set_number(c, "merging_to", 0, err);
    if (rc == AER_OK) rc = set_bytes(c, "merging_key", NULL, 0, err);
    return rc;
}

int aer__catalog_set_merging(struct catalog *c, uint64_t to, const void *key, size_t key_size, struct err *err)
{
    int rc = set_number(c, "merging_to", (int64_t)to, err);

    if (rc == AER_OK) rc = set_bytes(c, "merging_key", key, key_size, err);
    return rc;
}

int aer__catalog_set_clock(struct catalog *c, int64_t clock_ms, struct err *err)
{
    return set_number(c, "clock_ms", clock_ms, err);
}

int aer__catalog_advance_version(struct catalog *c, struct err *err)
{
    struct catalog_state state;
    int rc = aer__catalog_state(c, &state, err);

    if (rc) return rc;
    aer__buf_release(&state.merging_key);
    return set_number(c, "version", (int64_t)state.version + 1, err);
}

int aer__catalog_wal_frames(struct catalog *c)
{
    return c->wal_frames;
}
int aer__catalog_wal_length(struct catalog *c)
{
    return c->wal_length;
}

int aer__catalog_checkpoint(struct catalog *c, bool truncate, struct err *err)
{
    int frames_left, rc;

    aer__catalog_read_end(c);
    rc = aer__catalog_may_begin(c, err);
    if (rc == AER_OK) rc = set_sync(c, AER_SYNC_NORMAL, err);
    if (rc) return rc;
    rc = aer__sq_checkpoint(c->db, LAYOUT_CATALOG, truncate, &frames_left, err);
    if (rc) return rc;
    c->wal_frames = frames_left;
    if (truncate && !frames_left) c->wal_length = 0;
    return AER_OK;
}
