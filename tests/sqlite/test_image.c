/* test_image.c -- tests src/sqlite/image.c. */
#include "helpers.h"
#include "testing.h"

#include <errno.h>
#include <string.h>

TEST(an_image_of_a_wal_database_is_a_plain_file_with_all_commits)
{
    int dir = scratch_dir();
    sqlite3 *db = make_db(dir, "a.sq3", 5000), *copy;
    unsigned char *image;
    size_t size;

    CHECK_OK(aer__sq_image(db, "a.sq3", &image, &size, ERR));
    CHECK_INT(0, size % 4096);
    CHECK_INT(1, image[18]);
    CHECK_INT(1, image[19]);
    CHECK_INT(8, image[20]);
    CHECK_OK(aer__fs_create(dir, "image.sq3", image, size, 0444, false, ERR));
    sqlite3_free(image);
    copy = open_db(dir, "image.sq3", SQ_FROZEN);
    CHECK_INT(5000, number(copy, "SELECT count(*) FROM t"));
    CHECK_INT(50000, number(copy, "SELECT max(b) FROM t"));
    CHECK_INT(1, number(copy, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"));
    aer__sq_close(copy);
    run(db, "INSERT INTO t VALUES(5001, 0)"); /* the source goes on as before */
    aer__sq_close(db);
}

TEST(an_image_from_memory_is_the_same_kind_of_file)
{
    unsigned char *image;
    size_t size;
    sqlite3 *db;

    CHECK_OK(aer__sq_open_memory(&db, ERR));
    run(db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b); INSERT INTO t VALUES(1, zeroblob(20000))");
    CHECK_OK(aer__sq_image(db, "m", &image, &size, ERR));
    aer__sq_close(db);
    CHECK_INT(0, size % 4096);
    CHECK_INT(8, image[20]);
    CHECK_INT(1, image[18]);
    CHECK_OK(aer__sq_open_image(image, size, &db, ERR));
    CHECK_INT(20000, number(db, "SELECT length(b) FROM t"));
    run(db, "INSERT INTO t VALUES(2, zeroblob(2000000))"); /* an image can grow */
    CHECK_OK(aer__sq_image(db, "m", &image, &size, ERR));
    CHECK(size > 2000000);
    sqlite3_free(image);
    aer__sq_close(db);
}

TEST(an_image_of_nothing_is_an_empty_database)
{
    unsigned char *image;
    size_t size;
    sqlite3 *db;

    CHECK_OK(aer__sq_open_memory(&db, ERR));
    CHECK_OK(aer__sq_image(db, "m", &image, &size, ERR));
    aer__sq_close(db);
    CHECK_OK(aer__sq_open_image(image, size, &db, ERR));
    CHECK_INT(0, number(db, "SELECT count(*) FROM sqlite_schema"));
    aer__sq_close(db);
}

TEST(bytes_that_are_no_database_are_taken_over_and_refused)
{
    unsigned char *junk = sqlite3_malloc(5000);
    int64_t value;
    sqlite3 *db;
    int rc;

    CHECK(junk);
    memset(junk, 'x', 5000);
    rc = aer__sq_open_image(junk, 5000, &db, ERR);
    if (!rc) {
        CHECK_RC(AER_CORRUPT, aer__sq_int(db, "m", "SELECT count(*) FROM t", &value, ERR));
        aer__sq_close(db);
    }
}

TEST(a_page_that_cannot_be_read_fails_the_image)
{
    int dir = scratch_dir();
    sqlite3 *db = make_db(dir, "a.sq3", 5000);
    int left, n, failures = 0;

    CHECK_OK(aer__sq_checkpoint(db, "a.sq3", true, &left, ERR));
    aer__sq_close(db);
    for (n = 1; n < 40; n++) {
        unsigned char *image;
        size_t size;
        int rc;

        db = open_db(dir, "a.sq3", SQ_READWRITE);
        fail_calls("pread64", n, EIO, NULL);
        rc = aer__sq_image(db, "a.sq3", &image, &size, ERR);
        restore_calls();
        if (rc) {
            failures++;
            CHECK_INT(AER_IO, rc);
            CHECK(image == NULL && size == 0);
        }
        sqlite3_free(image);
        aer__sq_close(db);
    }
    CHECK(failures > 10); /* it has more pages than that */
}

TEST(overwriting_makes_the_content_the_same_in_one_transaction)
{
    int dir = scratch_dir();
    sqlite3 *db = make_db(dir, "a.sq3", 5000), *reader = open_db(dir, "a.sq3", SQ_READONLY), *empty;
    int left;

    CHECK_OK(aer__sq_open_memory(&empty, ERR));
    run(empty, "CREATE TABLE t(a INTEGER PRIMARY KEY, b); CREATE TABLE u(c)");
    run(reader, "BEGIN");
    CHECK_INT(5000, number(reader, "SELECT count(*) FROM t"));
    CHECK_OK(aer__sq_overwrite(db, "a.sq3", empty, ERR));
    CHECK_INT(5000, number(reader, "SELECT count(*) FROM t"));
    run(reader, "COMMIT");
    CHECK_INT(0, number(reader, "SELECT count(*) FROM t"));
    CHECK_INT(0, number(reader, "SELECT count(*) FROM u"));
    CHECK_INT(0, number(db, "SELECT count(*) FROM t"));
    CHECK_OK(aer__sq_checkpoint(db, "a.sq3", true, &left, ERR));
    CHECK_INT(3, number(db, "PRAGMA page_count"));
    CHECK_INT(1, number(db, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"));
    run(db, "INSERT INTO t VALUES(1, 2)");
    CHECK_INT(1, number(reader, "SELECT count(*) FROM t"));
    aer__sq_close(empty);
    aer__sq_close(db);
    aer__sq_close(reader);
    db = open_db(dir, "a.sq3", SQ_READWRITE);
    CHECK_INT(1, number(db, "SELECT count(*) FROM t"));
    CHECK_INT(1, number(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"));
    aer__sq_close(db);
}

TEST(overwriting_that_fails_changes_nothing)
{
    int dir = scratch_dir();
    sqlite3 *db = make_db(dir, "a.sq3", 5000), *other = open_db(dir, "a.sq3", SQ_READWRITE), *empty;

    CHECK_OK(aer__sq_open_memory(&empty, ERR));
    run(empty, "CREATE TABLE t(a INTEGER PRIMARY KEY, b)");
    run(other, "BEGIN IMMEDIATE");
    CHECK_RC(AER_BUSY, aer__sq_overwrite(db, "a.sq3", empty, ERR));
    run(other, "ROLLBACK");
    fail_calls("pwrite64", 2, ENOSPC, NULL);
    CHECK_RC(AER_FULL, aer__sq_overwrite(db, "a.sq3", empty, ERR));
    restore_calls();
    CHECK_INT(5000, number(db, "SELECT count(*) FROM t"));
    CHECK_INT(5000, number(other, "SELECT count(*) FROM t"));
    CHECK_OK(aer__sq_overwrite(db, "a.sq3", empty, ERR));
    CHECK_INT(0, number(other, "SELECT count(*) FROM t"));
    aer__sq_close(empty);
    aer__sq_close(other);
    aer__sq_close(db);
}
