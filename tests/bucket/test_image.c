/* test_image.c -- bucket files built in memory are what SQLite and we expect. */
#include "sample.h"

#include <string.h>

TEST(sqlite_reads_every_row_of_an_image)
{
    int dir = scratch_dir();

    make_bucket(dir, SAMPLE_ID, 1, 10000, 1, 60);
    check_with_sqlite(dir, SAMPLE_PATH, 1, 10000, 1, 60);
}

TEST(large_values_and_gaps_are_sound_to_sqlite)
{
    int dir = scratch_dir();

    make_bucket(dir, SAMPLE_ID, 1000000007, 1000000207, 7, 300000);
    check_with_sqlite(dir, SAMPLE_PATH, 1000000007, 1000000207, 7, 300000);
}

TEST(the_largest_sequence_number_fits)
{
    int dir = scratch_dir();

    make_bucket(dir, SAMPLE_ID, INT64_MAX - 20, INT64_MAX - 1, 1, 10);
    check_with_sqlite(dir, SAMPLE_PATH, INT64_MAX - 20, INT64_MAX - 1, 1, 10);
}

TEST(the_header_says_what_the_file_is)
{
    struct bytes image = sample_image(SAMPLE_ID, 1, 100, 1, 100);

    CHECK_MEM("SQLite format 3", 16, image.data, 16);
    CHECK_MEM("\x10\x00\x01\x01\x08", 5, image.data + 16, 5); /* 4096, rollback journal, 8 reserved */
    CHECK_MEM("AERB", 4, image.data + 68, 4);
    CHECK_INT(AER_FORMAT_VERSION, aer__get_u32(image.data + 60));
    CHECK_INT(image.size / 4096, aer__get_u32(image.data + 28));
    bytes_free(&image);
}

TEST(bucket_info_is_readable_with_plain_sql)
{
    static const char *const want[][2] = {
        {"database", SAMPLE_DATABASE},
        {"first_seq", "5"},
        {"format", "1"},
        {"generation", "1"},
        {"id", SAMPLE_ID},
        {"last_seq", "50"},
        {"rows", "16"},
        {"sum", NULL},
    };
    int dir = scratch_dir();
    sqlite3_stmt *stmt;
    char *absolute;
    sqlite3 *db;
    unsigned i;

    make_bucket(dir, SAMPLE_ID, 5, 50, 3, 10);
    CHECK_OK(aer__fs_absolute(dir, SAMPLE_PATH, &absolute, ERR));
    CHECK_INT(SQLITE_OK, sqlite3_open_v2(absolute, &db, SQLITE_OPEN_READONLY, NULL));
    aer__free(absolute);
    CHECK_INT(SQLITE_OK, sqlite3_prepare_v2(db, "SELECT name, value FROM bucket_info ORDER BY name", -1, &stmt, NULL));
    for (i = 0; i < AER_COUNT(want); i++) {
        CHECK_INT(SQLITE_ROW, sqlite3_step(stmt));
        CHECK_STR(want[i][0], (const char *)sqlite3_column_text(stmt, 0));
        if (want[i][1]) CHECK_STR(want[i][1], (const char *)sqlite3_column_text(stmt, 1));
    }
    CHECK_INT(SQLITE_DONE, sqlite3_step(stmt));
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

TEST(an_image_without_rows_is_a_bucket)
{
    struct bucket_info info = {.generation = 2, .database = SAMPLE_DATABASE, .id = SAMPLE_ID};
    struct buf hold = {0};
    int dir = scratch_dir();
    const unsigned char *data;
    struct image *image;
    struct sealed *s;
    struct row row;
    size_t size;

    CHECK_OK(aer__image_begin(&info, &image, ERR));
    CHECK_OK(aer__image_finish(image, 10, 20, &data, &size, ERR));
    put_bucket(dir, SAMPLE_ID, data, size);
    aer__image_free(image);
    s = open_bucket(dir, SAMPLE_ID);
    CHECK_INT(10, aer__sealed_info(s)->first_seq);
    CHECK_INT(20, aer__sealed_info(s)->last_seq);
    CHECK_RC(AER_NOTFOUND, aer__sealed_get(s, 15, true, &row, &hold, ERR));
    CHECK_OK(aer__sealed_rows(s, 0, true, NULL, NULL, ERR));
    aer__sealed_close(s);
    aer__buf_release(&hold);
}

TEST(rows_out_of_order_or_range_are_refused)
{
    struct bucket_info info = {.database = SAMPLE_DATABASE, .id = SAMPLE_ID};
    struct row row = {.seq = 5, .key = "k", .key_size = 1, .value = "v", .value_size = 1};
    const unsigned char *data;
    struct image *image;
    size_t size;

    CHECK_OK(aer__image_begin(&info, &image, ERR));
    CHECK_OK(aer__image_add(image, &row, ERR));
    CHECK_RC(AER_MISUSE, aer__image_add(image, &row, ERR));
    row.seq = 4;
    CHECK_RC(AER_MISUSE, aer__image_add(image, &row, ERR));
    CHECK_RC(AER_MISUSE, aer__image_finish(image, 1, 4, &data, &size, ERR));
    CHECK(!data);
    CHECK_OK(aer__image_finish(image, 1, 5, &data, &size, ERR));
    aer__image_free(image);
}

TEST(no_memory_is_an_error_and_nothing_else)
{
    struct bucket_info info = {.database = SAMPLE_DATABASE, .id = SAMPLE_ID};
    struct image *image;

    aer__alloc_fail_at(1);
    CHECK_RC(AER_NOMEM, aer__image_begin(&info, &image, ERR));
    aer__alloc_fail_at(0);
    CHECK(!image);
}
