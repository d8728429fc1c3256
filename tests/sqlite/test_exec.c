/* test_exec.c -- tests src/sqlite/exec.c. */
#include "helpers.h"
#include "testing.h"

#include <string.h>

TEST(a_number_or_a_plain_no)
{
    struct err err = {0};
    int64_t value = 5;
    sqlite3 *db;

    CHECK_OK(aer__sq_open_memory(&db, ERR));
    CHECK_OK(aer__sq_int(db, "m", "SELECT 9223372036854775807", &value, ERR));
    CHECK_INT(INT64_MAX, value);
    CHECK_RC(AER_NOTFOUND, aer__sq_int(db, "m", "SELECT 1 WHERE 0", &value, &err));
    CHECK_INT(0, value);
    CHECK_INT(AER_OK, err.code);
    CHECK_RC(AER_IO, aer__sq_int(db, "m", "SELEKT", &value, &err));
    aer__sq_close(db);
}

TEST(a_statement_can_be_kept)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db;
    int i;

    CHECK_OK(aer__sq_open_memory(&db, ERR));
    CHECK_OK(aer__sq_prepare(db, "m", "SELECT ?1 + 1", &stmt, ERR));
    for (i = 0; i < 3; i++) {
        CHECK_INT(SQLITE_OK, sqlite3_bind_int(stmt, 1, i));
        CHECK_INT(SQLITE_ROW, sqlite3_step(stmt));
        CHECK_INT(i + 1, sqlite3_column_int(stmt, 0));
        sqlite3_reset(stmt);
    }
    sqlite3_finalize(stmt);
    CHECK_RC(AER_IO, aer__sq_prepare(db, "m", "nonsense", &stmt, ERR));
    CHECK(stmt == NULL);
    aer__sq_close(db);
}

TEST(sync_modes_become_sqlites)
{
    int dir = scratch_dir();
    sqlite3 *db = make_db(dir, "a.sq3", 1);

    CHECK_OK(aer__sq_set_sync(db, "a.sq3", AER_SYNC_OFF, ERR));
    CHECK_INT(0, number(db, "PRAGMA synchronous"));
    CHECK_OK(aer__sq_set_sync(db, "a.sq3", AER_SYNC_NORMAL, ERR));
    CHECK_INT(1, number(db, "PRAGMA synchronous"));
    CHECK_OK(aer__sq_set_sync(db, "a.sq3", AER_SYNC_FULL, ERR));
    CHECK_INT(2, number(db, "PRAGMA synchronous"));
    aer__sq_close(db);
}

TEST(one_writer_at_a_time_and_the_second_is_told)
{
    struct err err = {0};
    int dir = scratch_dir();
    sqlite3 *a = make_db(dir, "a.sq3", 1), *b = open_db(dir, "a.sq3", SQ_READWRITE);
    int64_t before;

    run(a, "BEGIN IMMEDIATE");
    CHECK_RC(AER_BUSY, aer__sq_exec(b, "a.sq3", "BEGIN IMMEDIATE", &err));
    CHECK(strstr(err.message, "locked") != NULL);
    sqlite3_busy_timeout(b, 50);
    before = aer__monotonic_ms();
    CHECK_RC(AER_BUSY, aer__sq_exec(b, "a.sq3", "BEGIN IMMEDIATE", ERR));
    CHECK(aer__monotonic_ms() - before >= 40);
    run(a, "ROLLBACK");
    run(b, "BEGIN IMMEDIATE; ROLLBACK");
    aer__sq_close(a);
    aer__sq_close(b);
}

static uint64_t file_size(int dir, const char *path)
{
    uint64_t size;
    int fd;

    CHECK_OK(aer__fs_open_read(dir, path, &fd, NULL, ERR));
    CHECK_OK(aer__fs_size(fd, path, &size, ERR));
    aer__fs_close(fd);
    return size;
}

TEST(a_checkpoint_copies_all_frames_and_only_truncate_shortens_the_wal)
{
    int dir = scratch_dir();
    sqlite3 *db = make_db(dir, "a.sq3", 1000);
    uint64_t wal = file_size(dir, "a.sq3-wal");
    int left = -1;

    CHECK(wal > 0);
    CHECK_OK(aer__sq_checkpoint(db, "a.sq3", false, &left, ERR));
    CHECK_INT(0, left);
    CHECK_INT(wal, file_size(dir, "a.sq3-wal"));
    CHECK_OK(aer__sq_checkpoint(db, "a.sq3", true, &left, ERR));
    CHECK_INT(0, left);
    CHECK_INT(0, file_size(dir, "a.sq3-wal"));
    aer__sq_close(db);
}

TEST(a_connection_that_has_read_nothing_checkpoints_too)
{
    int dir = scratch_dir();
    sqlite3 *db;
    int left;

    aer__sq_close(make_db(dir, "a.sq3", 1000));
    db = open_db(dir, "a.sq3", SQ_READWRITE);
    CHECK_OK(aer__sq_checkpoint(db, "a.sq3", true, &left, ERR));
    CHECK_INT(0, file_size(dir, "a.sq3-wal"));
    aer__sq_close(db);
}

TEST(a_checkpoint_that_meets_a_reader_says_what_is_left_and_does_not_wait)
{
    int dir = scratch_dir();
    sqlite3 *db = make_db(dir, "a.sq3", 10), *reader = open_db(dir, "a.sq3", SQ_READONLY);
    int64_t before;
    int left, truncate;

    run(reader, "BEGIN");
    CHECK_INT(10, number(reader, "SELECT count(*) FROM t"));
    run(db, "DELETE FROM t");
    sqlite3_busy_timeout(db, 3000);
    for (truncate = 0; truncate < 2; truncate++) {
        before = aer__monotonic_ms();
        CHECK_OK(aer__sq_checkpoint(db, "a.sq3", truncate, &left, ERR));
        CHECK(left > 0);
        CHECK(aer__monotonic_ms() - before < 2000);
        CHECK_INT(3000, number(db, "PRAGMA busy_timeout"));
    }
    CHECK_INT(10, number(reader, "SELECT count(*) FROM t"));
    run(reader, "COMMIT");
    CHECK_OK(aer__sq_checkpoint(db, "a.sq3", true, &left, ERR));
    CHECK_INT(0, left);
    aer__sq_close(db);
    aer__sq_close(reader);
}

TEST(a_database_in_memory_has_nothing_to_checkpoint)
{
    sqlite3 *db;
    int left = -1;

    CHECK_OK(aer__sq_open_memory(&db, ERR));
    CHECK_OK(aer__sq_checkpoint(db, "m", false, &left, ERR));
    CHECK_INT(0, left);
    CHECK_OK(aer__sq_checkpoint(db, "m", true, NULL, ERR));
    aer__sq_close(db);
}
