/* sample.c -- see sample.h. */
#include "sample.h"

#include <stdio.h>
#include <string.h>

static _Thread_local struct buf row_memory;

struct row sample_row(uint64_t seq, size_t size)
{
    struct row row = {.seq = seq, .value_size = size};
    size_t key_size = seq % 12 == 8 && size >= 100 ? 3000 + (size_t)(seq % 3) * 5000 : 8 + seq % 9;
    unsigned char *key, *value, *meta;
    uint64_t state = seq * 1000003;
    size_t i;

    if (seq % 12 == 1) row.value_size = 0;
    if (seq % 12 == 11) key_size = 0;
    row_memory.size = 0;
    CHECK_OK(aer__buf_reserve(&row_memory, key_size + row.value_size + 80));
    key = row_memory.data;
    value = key + key_size;
    meta = value + row.value_size;
    for (i = 0; i + 8 <= key_size + row.value_size; i += 8) aer__put_u64(key + i, test_random(&state));
    for (; i < key_size + row.value_size; i++) key[i] = (unsigned char)test_random(&state);
    row.key = key;
    row.key_size = key_size;
    row.value = value;
    row.is_delete = seq % 12 == 2;
    if (row.is_delete) {
        row.value = NULL;
        row.value_size = 0;
    }
    if (seq % 12 == 3 || seq % 12 == 4) {
        row.meta_size = seq % 12 == 3 ? (size_t)snprintf((char *)meta, 64, "{\"type\":\"text/plain\",\"seq\":%llu}",
                                                         (unsigned long long)seq)
                                      : 0;
        row.meta = (const char *)meta;
    }
    if (seq % 12 == 5) row.expires_ms = 1700000000000 + (int64_t)(seq % 1000);
    if (seq % 12 == 6) row.part = (int64_t)(seq % 300) + 1;
    if (seq % 12 == 7) row.part = -2;
    return row;
}

void sample_done(void)
{
    aer__buf_release(&row_memory);
}

void check_same_head(const struct row *expected, const struct row *actual)
{
    CHECK_INT(expected->seq, actual->seq);
    CHECK_MEM(expected->key, expected->key_size, actual->key, actual->key_size);
    CHECK(!expected->meta == !actual->meta);
    CHECK_MEM(expected->meta ? expected->meta : "", expected->meta_size, actual->meta ? actual->meta : "", actual->meta_size);
    CHECK_INT(expected->expires_ms, actual->expires_ms);
    CHECK_INT(expected->part, actual->part);
    CHECK(expected->is_delete == actual->is_delete);
    CHECK_INT(expected->value_size, actual->value_size);
}

void check_same_row(const struct row *expected, const struct row *actual)
{
    check_same_head(expected, actual);
    CHECK(expected->is_delete == !actual->value);
    if (!expected->is_delete) CHECK_MEM(expected->value, expected->value_size, actual->value, actual->value_size);
}

struct bytes sample_image(const char *id, uint64_t first, uint64_t last, uint64_t step, size_t size)
{
    struct bucket_info info = {.first_seq = first, .generation = step > 1};
    struct bytes made = {NULL, 0};
    const unsigned char *data;
    struct image *image;
    uint64_t seq;

    memcpy(info.database, SAMPLE_DATABASE, sizeof info.database);
    memcpy(info.id, id, sizeof info.id);
    CHECK_OK(aer__image_begin(&info, &image, ERR));
    for (seq = first; seq <= last; seq += step) {
        struct row row = sample_row(seq, size);

        CHECK_OK(aer__image_add(image, &row, ERR));
    }
    CHECK_OK(aer__image_finish(image, first, last, &data, &made.size, ERR));
    made.data = sqlite3_malloc64(made.size);
    CHECK(made.data);
    memcpy(made.data, data, made.size);
    aer__image_free(image);
    return made;
}

void bytes_free(struct bytes *b)
{
    sqlite3_free(b->data);
    *b = (struct bytes){NULL, 0};
}

void put_bucket(int dir, const char *id, const void *data, size_t size)
{
    char path[LAYOUT_PATH_SIZE];

    aer__layout_bucket_path(path, id);
    CHECK_OK(aer__fs_unlink(dir, path, ERR));
    CHECK_OK(aer__fs_create(dir, path, data, size, 0444, false, ERR));
}

void make_bucket(int dir, const char *id, uint64_t first, uint64_t last, uint64_t step, size_t size)
{
    struct bytes image = sample_image(id, first, last, step, size);

    put_bucket(dir, id, image.data, image.size);
    bytes_free(&image);
}

struct sealed *open_bucket(int dir, const char *id)
{
    struct sealed *s;

    CHECK_OK(aer__sealed_open(dir, id, SAMPLE_DATABASE, &s, NULL, ERR));
    return s;
}

static void check_sql_row(sqlite3_stmt *stmt, const struct row *row)
{
    CHECK_INT(row->seq, sqlite3_column_int64(stmt, 0));
    CHECK_INT(SQLITE_BLOB, sqlite3_column_type(stmt, 1));
    CHECK_MEM(row->key, row->key_size, sqlite3_column_blob(stmt, 1), (size_t)sqlite3_column_bytes(stmt, 1));
    CHECK_INT(row->expires_ms ? SQLITE_INTEGER : SQLITE_NULL, sqlite3_column_type(stmt, 2));
    CHECK_INT(row->expires_ms, sqlite3_column_int64(stmt, 2));
    CHECK_INT(row->meta ? SQLITE_TEXT : SQLITE_NULL, sqlite3_column_type(stmt, 3));
    CHECK_INT((int64_t)aer__row_sum(row), sqlite3_column_int64(stmt, 4));
    CHECK_INT(row->part ? SQLITE_INTEGER : SQLITE_NULL, sqlite3_column_type(stmt, 5));
    CHECK_INT(row->part, sqlite3_column_int64(stmt, 5));
    CHECK_INT(row->is_delete ? SQLITE_NULL : SQLITE_BLOB, sqlite3_column_type(stmt, 6));
    if (!row->is_delete)
        CHECK_MEM(row->value, row->value_size, sqlite3_column_blob(stmt, 6), (size_t)sqlite3_column_bytes(stmt, 6));
}

void check_with_sqlite(int dir, const char *path, uint64_t first, uint64_t last, uint64_t step, size_t size)
{
    sqlite3_stmt *stmt;
    char *absolute;
    sqlite3 *db;
    uint64_t seq;

    CHECK_OK(aer__fs_absolute(dir, path, &absolute, ERR));
    CHECK_INT(SQLITE_OK, sqlite3_open_v2(absolute, &db, SQLITE_OPEN_READONLY, NULL));
    aer__free(absolute);
    CHECK_INT(SQLITE_OK, sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL));
    CHECK_INT(SQLITE_ROW, sqlite3_step(stmt));
    CHECK_STR("ok", (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    CHECK_INT(SQLITE_OK, sqlite3_prepare_v2(db, "SELECT seq, key, expires, meta, sum, part, value FROM bucket ORDER BY seq",
                                            -1, &stmt, NULL));
    for (seq = first; seq <= last; seq += step) {
        struct row row = sample_row(seq, size);

        CHECK_INT(SQLITE_ROW, sqlite3_step(stmt));
        check_sql_row(stmt, &row);
    }
    CHECK_INT(SQLITE_DONE, sqlite3_step(stmt));
    sqlite3_finalize(stmt);
    CHECK_INT(SQLITE_OK, sqlite3_close(db));
}
