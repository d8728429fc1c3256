/* test_sealed.c -- reading sealed buckets that are sound, and refusing files that are something else. */
#include "sample.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void check_all_rows(struct sealed *s, uint64_t first, uint64_t last, uint64_t step, size_t size)
{
    struct buf hold = {0};
    uint64_t seq;

    for (seq = first; seq <= last; seq++) {
        struct row want, got;

        if ((seq - first) % step) {
            CHECK_RC(AER_NOTFOUND, aer__sealed_get(s, seq, true, &got, &hold, ERR));
            continue;
        }
        want = sample_row(seq, size);
        CHECK_OK(aer__sealed_get(s, seq, true, &got, &hold, ERR));
        check_same_row(&want, &got);
        CHECK_OK(aer__sealed_get(s, seq, false, &got, &hold, ERR));
        check_same_head(&want, &got);
        CHECK(!got.value);
    }
    CHECK_RC(AER_NOTFOUND, aer__sealed_get(s, last + 1, true, &(struct row){0}, &hold, ERR));
    if (first > 1) CHECK_RC(AER_NOTFOUND, aer__sealed_get(s, first - 1, true, &(struct row){0}, &hold, ERR));
    CHECK_RC(AER_NOTFOUND, aer__sealed_get(s, 0, true, &(struct row){0}, &hold, ERR));
    CHECK_RC(AER_NOTFOUND, aer__sealed_get(s, UINT64_MAX, true, &(struct row){0}, &hold, ERR));
    aer__buf_release(&hold);
}

static void check_into(struct sealed *s, uint64_t first, uint64_t last, uint64_t step, size_t size)
{
    unsigned char *buffer = aer__alloc(size + 1);
    struct buf hold = {0};
    uint64_t seq;

    CHECK(buffer != NULL);
    for (seq = first; seq <= last; seq += step) {
        struct row want = sample_row(seq, size), got;

        CHECK_OK(aer__sealed_get_into(s, seq, buffer, want.value_size, &got, &hold, ERR));
        check_same_row(&want, &got);
        if (!want.is_delete) CHECK(got.value == buffer);
        if (want.value_size == 0) continue;
        CHECK_RC(AER_INVALID, aer__sealed_get_into(s, seq, buffer, want.value_size - 1, &got, &hold, ERR));
        check_same_head(&want, &got);
        CHECK_RC(AER_INVALID, aer__sealed_get_into(s, seq, NULL, 0, &got, &hold, ERR));
        CHECK_INT(want.value_size, got.value_size);
    }
    aer__buf_release(&hold);
    aer__free(buffer);
}

struct expect {
    uint64_t next, step, count, stop_at;
    size_t size;
    bool with_value;
};

static int expect_row(void *arg, const struct row *row)
{
    struct expect *e = arg;
    struct row want = sample_row(e->next, e->size);

    if (e->with_value) check_same_row(&want, row);
    else check_same_head(&want, row);
    e->next += e->step;
    return ++e->count == e->stop_at ? 4711 : 0;
}

static void check_walks(struct sealed *s, uint64_t first, uint64_t last, uint64_t step, size_t size)
{
    uint64_t all = (last - first) / step + 1;
    uint64_t from;
    int value;

    for (value = 0; value < 2; value++) {
        for (from = 0; from <= all + 1; from += all / 7 + 1) {
            uint64_t skipped = from > 1 ? from - 1 : 0;
            struct expect e = {first + skipped * step, step, 0, 0, size, value};

            CHECK_OK(aer__sealed_rows(s, from == 0 ? 0 : first + skipped * step, value, expect_row, &e, ERR));
            CHECK_INT(skipped > all ? 0 : all - skipped, e.count);
        }
    }
    if (all > 3) {
        struct expect e = {first, step, 0, 3, size, false};

        CHECK_RC(4711, aer__sealed_rows(s, 0, false, expect_row, &e, ERR));
        CHECK_INT(3, e.count);
    }
}

static void check_bucket_in(int dir, uint64_t first, uint64_t last, uint64_t step, size_t size)
{
    struct sealed *s;
    int loaded;

    make_bucket(dir, SAMPLE_ID, first, last, step, size);
    s = open_bucket(dir, SAMPLE_ID);
    CHECK_INT(first, aer__sealed_info(s)->first_seq);
    CHECK_INT(last, aer__sealed_info(s)->last_seq);
    CHECK_STR(SAMPLE_ID, aer__sealed_info(s)->id);
    for (loaded = 0; loaded < 2; loaded++) {
        uint64_t before = aer__sealed_memory(s);

        check_all_rows(s, first, last, step, size);
        check_into(s, first, last, step, size);
        check_walks(s, first, last, step, size);
        CHECK_OK(aer__sealed_load(s, ERR));
        if (!loaded) CHECK_INT(before + aer__sealed_size(s), aer__sealed_memory(s));
    }
    aer__sealed_close(s);
}

static void check_bucket(uint64_t first, uint64_t last, uint64_t step, size_t size)
{
    check_bucket_in(scratch_dir(), first, last, step, size);
}

TEST(one_row)
{
    check_bucket(1, 1, 1, 10);
}
TEST(a_few_rows_on_one_page)
{
    check_bucket(100, 107, 1, 10);
}
TEST(ten_thousand_rows)
{
    check_bucket(1, 10000, 1, 100);
}
TEST(ten_thousand_small_rows)
{
    check_bucket(77, 10076, 1, 60);
}
TEST(gaps_between_rows)
{
    check_bucket(50001, 60000, 7, 100);
}
TEST(wide_gaps_between_rows)
{
    check_bucket(UINT64_C(1) << 40, (UINT64_C(1) << 40) + 20000, 997, 50);
}
TEST(three_levels_of_pages)
{
    check_bucket(1, 1600, 1, 1300);
}
TEST(values_around_the_end_of_a_page)
{
    int dir = scratch_dir();
    size_t size;

    for (size = 3900; size < 4150; size += 3) check_bucket_in(dir, 1, 13, 1, size);
}
TEST(values_around_the_ends_of_overflow_pages)
{
    int dir = scratch_dir();
    size_t size;

    for (size = 8080; size < 8250; size += 3) check_bucket_in(dir, 1, 13, 1, size);
    for (size = 16 * 4084 + 400; size < 16 * 4084 + 600; size += 17) check_bucket_in(dir, 1, 13, 1, size);
}
TEST(values_of_a_mebibyte)
{
    check_bucket(1, 14, 1, 1 << 20);
}
TEST(values_of_eight_mebibytes)
{
    check_bucket(3, 5, 1, 8 << 20);
}

TEST(a_handle_is_small)
{
    int dir = scratch_dir();
    struct sealed *s;

    make_bucket(dir, SAMPLE_ID, 1, 5000, 1, 3000);
    s = open_bucket(dir, SAMPLE_ID);
    CHECK(aer__sealed_memory(s) < 1000 + aer__sealed_size(s) / 4096 * 16);
    aer__sealed_close(s);
    make_bucket(dir, SAMPLE_ID, 1, 5000, 1, 60);
    s = open_bucket(dir, SAMPLE_ID);
    CHECK(aer__sealed_memory(s) < 1000 + aer__sealed_size(s) / 4096 * 16 + 5000 * 2);
    CHECK(aer__sealed_memory(s) > 5000 * 2);
    aer__sealed_close(s);
}

TEST(a_missing_file_is_not_found)
{
    int dir = scratch_dir();
    struct sealed *s;
    int os_error;

    CHECK_RC(AER_NOTFOUND, aer__sealed_open(dir, SAMPLE_ID, SAMPLE_DATABASE, &s, &os_error, ERR));
    CHECK(!s);
}

/* Opening must fail as damage and name the file. */
static void check_refused(int dir, const char *words)
{
    struct err err = {.code = 0};
    struct sealed *s;

    CHECK_RC(AER_CORRUPT, aer__sealed_open(dir, SAMPLE_ID, SAMPLE_DATABASE, &s, NULL, &err));
    CHECK(!s);
    if (!strstr(err.message, SAMPLE_PATH) || !strstr(err.message, words)) fprintf(stderr, "message: %s\n", err.message);
    CHECK(strstr(err.message, SAMPLE_PATH) != NULL);
    CHECK(strstr(err.message, words) != NULL);
}

TEST(a_text_file_is_refused)
{
    int dir = scratch_dir();

    put_bucket(dir, SAMPLE_ID, "hello\n", 6);
    check_refused(dir, "6 bytes");
    put_bucket(dir, SAMPLE_ID, "", 0);
    check_refused(dir, "0 bytes");
}

TEST(a_page_of_zeros_is_refused)
{
    static const unsigned char zeros[4 * 4096];
    int dir = scratch_dir();

    put_bucket(dir, SAMPLE_ID, zeros, sizeof zeros);
    check_refused(dir, "is not an SQLite file");
}

/* A file that SQLite made with these statements, in our place. */
static void put_sql(int dir, const char *sql)
{
    char path[4200];
    sqlite3 *db;

    put_bucket(dir, SAMPLE_ID, "", 0);
    snprintf(path, sizeof path, "%s/%s", scratch_path(), SAMPLE_PATH);
    CHECK_INT(0, chmod(path, 0644));
    CHECK_INT(SQLITE_OK, sqlite3_open(path, &db));
    if (sqlite3_exec(db, sql, NULL, NULL, NULL)) fprintf(stderr, "%s\n", sqlite3_errmsg(db));
    CHECK_INT(SQLITE_OK, sqlite3_errcode(db));
    sqlite3_close(db);
}

TEST(a_foreign_database_is_refused)
{
    int dir = scratch_dir();

    put_sql(dir, "CREATE TABLE t(a)");
    check_refused(dir, "is not a bucket");
}

TEST(an_endless_view_named_bucket_is_refused_at_once)
{
    int dir = scratch_dir();

    put_sql(
        dir,
        "PRAGMA application_id = 1095062082; PRAGMA user_version = 1;"
        "CREATE VIEW bucket AS WITH RECURSIVE n(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n) SELECT seq FROM n;"
        "CREATE TABLE bucket_info(name TEXT PRIMARY KEY, value) WITHOUT ROWID");
    check_refused(dir, "is not a bucket");
}

TEST(a_trigger_beside_the_tables_is_refused)
{
    int dir = scratch_dir();

    put_sql(dir, "PRAGMA application_id = 1095062082; PRAGMA user_version = 1;"
                 "CREATE TABLE bucket(seq INTEGER PRIMARY KEY, key BLOB NOT NULL, expires INTEGER, meta TEXT, sum "
                 "INTEGER NOT NULL, part INTEGER, value BLOB);"
                 "CREATE TABLE bucket_info(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
                 "CREATE TRIGGER x AFTER INSERT ON bucket BEGIN DELETE FROM bucket; END");
    check_refused(dir, "is not a bucket");
}

TEST(a_bucket_that_was_never_sealed_is_refused)
{
    int dir = scratch_dir();

    put_sql(dir, "PRAGMA application_id = 1095062082; PRAGMA user_version = 1;"
                 "CREATE TABLE bucket(seq INTEGER PRIMARY KEY, key BLOB NOT NULL, expires INTEGER, meta TEXT, sum "
                 "INTEGER NOT NULL, part INTEGER, value BLOB);"
                 "CREATE TABLE bucket_info(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
                 "INSERT INTO bucket_info VALUES('format', 1)");
    check_refused(dir, "bucket_info is not complete");
}

TEST(a_bucket_under_another_name_is_refused)
{
    struct bytes image = sample_image("ffffffffffffffff", 1, 10, 1, 10);
    int dir = scratch_dir();

    put_bucket(dir, SAMPLE_ID, image.data, image.size);
    bytes_free(&image);
    check_refused(dir, "says it is bucket ffffffffffffffff");
}

TEST(a_bucket_of_another_database_is_refused)
{
    int dir = scratch_dir();
    struct sealed *s;

    make_bucket(dir, SAMPLE_ID, 1, 10, 1, 10);
    CHECK_RC(AER_CORRUPT, aer__sealed_open(dir, SAMPLE_ID, "ffffffffffffffffffffffffffffffff", &s, NULL, ERR));
    CHECK_OK(aer__sealed_open(dir, SAMPLE_ID, NULL, &s, NULL, ERR));
    CHECK_STR(SAMPLE_DATABASE, aer__sealed_info(s)->database);
    aer__sealed_close(s);
}

/* Run SQL on the bucket's file, as somebody with sqlite3 might. */
static void change_bucket(const char *sql)
{
    char path[4200];
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/%s", scratch_path(), SAMPLE_PATH);
    CHECK_INT(0, chmod(path, 0644));
    CHECK_INT(SQLITE_OK, sqlite3_open(path, &db));
    if (sqlite3_exec(db, sql, NULL, NULL, NULL)) fprintf(stderr, "%s\n", sqlite3_errmsg(db));
    CHECK_INT(SQLITE_OK, sqlite3_errcode(db));
    sqlite3_close(db);
}

TEST(a_newer_format_is_named_as_such)
{
    int dir = scratch_dir();
    struct sealed *s;

    make_bucket(dir, SAMPLE_ID, 1, 10, 1, 10);
    change_bucket("PRAGMA user_version = 2; UPDATE bucket_info SET value = 2 WHERE name = 'format'");
    CHECK_RC(AER_NEWER, aer__sealed_open(dir, SAMPLE_ID, SAMPLE_DATABASE, &s, NULL, ERR));
    change_bucket("UPDATE bucket_info SET value = 1 WHERE name = 'format'");
    check_refused(dir, "format");
}

TEST(a_bucket_written_in_other_pages_still_reads)
{
    int dir = scratch_dir();
    struct sealed *s;

    make_bucket(dir, SAMPLE_ID, 1, 300, 1, 1000);
    change_bucket("PRAGMA page_size = 1024; VACUUM");
    s = open_bucket(dir, SAMPLE_ID);
    check_all_rows(s, 1, 300, 1, 1000);
    check_into(s, 1, 300, 1, 1000);
    check_walks(s, 1, 300, 1, 1000);
    aer__sealed_close(s);
}

TEST(a_bucket_in_other_pages_with_gaps_still_reads)
{
    int dir = scratch_dir();
    struct sealed *s;

    make_bucket(dir, SAMPLE_ID, 1, 300, 3, 1000);
    change_bucket("PRAGMA page_size = 8192; VACUUM");
    s = open_bucket(dir, SAMPLE_ID);
    check_all_rows(s, 1, 300, 3, 1000);
    aer__sealed_close(s);
}

TEST(a_row_changed_by_hand_is_damage)
{
    int dir = scratch_dir();
    struct buf hold = {0};
    struct err err = {.code = 0};
    struct sealed *s;
    struct row row;

    make_bucket(dir, SAMPLE_ID, 1, 300, 1, 100);
    change_bucket("UPDATE bucket SET value = x'00' WHERE seq = 123");
    s = open_bucket(dir, SAMPLE_ID);
    CHECK_OK(aer__sealed_get(s, 122, true, &row, &hold, ERR));
    CHECK_RC(AER_CORRUPT, aer__sealed_get(s, 123, true, &row, &hold, &err));
    CHECK_STR(SAMPLE_PATH ": row 123: checksum does not match", err.message);
    CHECK_RC(AER_CORRUPT, aer__sealed_rows(s, 0, true, NULL, NULL, ERR));
    aer__sealed_close(s);
    aer__buf_release(&hold);
}

TEST(a_row_deleted_by_hand_is_damage_and_not_absent)
{
    uint64_t step;

    for (step = 1; step < 4; step += 2) {
        int dir = scratch_dir();
        struct buf hold = {0};
        struct sealed *s;
        struct row row;

        make_bucket(dir, SAMPLE_ID, 1, 298, step, 100);
        change_bucket("DELETE FROM bucket WHERE seq = 100");
        s = open_bucket(dir, SAMPLE_ID);
        CHECK_OK(aer__sealed_get(s, 103, true, &row, &hold, ERR));
        CHECK_RC(AER_CORRUPT, aer__sealed_get(s, 100, true, &row, &hold, ERR));
        CHECK_RC(AER_CORRUPT, aer__sealed_rows(s, 0, false, NULL, NULL, ERR));
        aer__sealed_close(s);
        aer__buf_release(&hold);
    }
}

TEST(a_directory_or_link_in_place_of_a_bucket_is_refused)
{
    char path[4200];
    int dir = scratch_dir();
    struct sealed *s;

    make_bucket(dir, SAMPLE_ID, 1, 10, 1, 10);
    snprintf(path, sizeof path, "%s/%s", scratch_path(), SAMPLE_PATH);
    CHECK_OK(aer__fs_rename(dir, SAMPLE_PATH, "elsewhere", false, ERR));
    CHECK_INT(0, symlink("../../../elsewhere", path));
    CHECK(aer__sealed_open(dir, SAMPLE_ID, SAMPLE_DATABASE, &s, NULL, ERR) != AER_OK);
    CHECK_INT(0, unlink(path));
    CHECK_INT(0, mkdir(path, 0755));
    CHECK_RC(AER_CORRUPT, aer__sealed_open(dir, SAMPLE_ID, SAMPLE_DATABASE, &s, NULL, ERR));
    CHECK_INT(0, rmdir(path));
}

TEST(a_foreign_wal_beside_a_bucket_does_not_hide_rows)
{
    int dir = scratch_dir();
    struct buf hold = {0};
    struct sealed *s;
    struct row row;

    make_bucket(dir, SAMPLE_ID, 1, 100, 1, 100);
    CHECK_OK(aer__fs_create(dir, SAMPLE_PATH "-wal", "not a wal at all", 16, 0644, false, ERR));
    s = open_bucket(dir, SAMPLE_ID);
    CHECK_OK(aer__sealed_get(s, 50, true, &row, &hold, ERR));
    aer__sealed_close(s);
    aer__buf_release(&hold);
}
