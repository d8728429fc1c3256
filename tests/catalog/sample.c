/* sample.c -- see sample.h. */
#include "sample.h"

#include "fs/fs.h"
#include "sqlite/sq.h"
#include "testing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void create_catalog(int dir)
{
    CHECK_OK(aer__catalog_create(dir, SAMPLE_DATABASE, SAMPLE_CLOCK, ERR));
}

struct catalog *open_catalog(int dir, int flags)
{
    struct catalog *c;

    CHECK_OK(aer__catalog_open(dir, flags, 0, 1 << 20, &c, ERR));
    return c;
}

struct catalog *new_catalog(int dir)
{
    create_catalog(dir);
    return open_catalog(dir, CATALOG_WRITE);
}

static sqlite3 *open_plain(int dir)
{
    char *path;
    sqlite3 *db;

    CHECK_OK(aer__fs_absolute(dir, LAYOUT_CATALOG, &path, ERR));
    CHECK_OK(aer__sq_open(path, LAYOUT_CATALOG, SQ_CREATE, 0, &db, ERR));
    aer__free(path);
    return db;
}

void run_sql(int dir, const char *sql)
{
    sqlite3 *db = open_plain(dir);

    CHECK_OK(aer__sq_exec(db, LAYOUT_CATALOG, sql, ERR));
    aer__sq_close(db);
}

int64_t number_of(int dir, const char *sql)
{
    sqlite3 *db = open_plain(dir);
    int64_t value;

    CHECK_OK(aer__sq_int(db, LAYOUT_CATALOG, sql, &value, ERR));
    aer__sq_close(db);
    return value;
}

void put(struct catalog *c, const char *key, uint64_t seq)
{
    CHECK_OK(aer__catalog_begin(c, false, ERR));
    CHECK_OK(aer__catalog_put(c, key, strlen(key), seq, ERR));
    CHECK_OK(aer__catalog_commit(c, ERR));
}

void put_all(struct catalog *c, uint64_t first, uint64_t last)
{
    CHECK_OK(aer__catalog_begin(c, false, ERR));
    for (uint64_t seq = first; seq <= last; seq++) {
        char key[16];
        int size = snprintf(key, sizeof key, "key%05" PRIu64, seq);
        CHECK_OK(aer__catalog_put(c, key, (size_t)size, seq, ERR));
    }
    CHECK_OK(aer__catalog_commit(c, ERR));
}

uint64_t seq_of(struct catalog *c, const void *key, size_t key_size)
{
    uint64_t seq = 0;
    int rc = aer__catalog_lookup(c, key, key_size, &seq, ERR);

    if (rc == AER_NOTFOUND) return 0;
    CHECK_OK(rc);
    CHECK(seq > 0);
    return seq;
}

struct catalog_bucket sample_bucket(uint64_t first, uint64_t last)
{
    struct catalog_bucket b = {
        .first_seq = first,
        .last_seq = last,
        .rows = 100,
        .live = 80,
        .deletes = 11,
        .expiring = 12,
        .parts = 13,
        .bytes = 1000014,
        .row_bytes = 10000,
        .dead_bytes = 500,
        .max_row = 17,
        .sum = UINT64_C(0xfedcba9876543210), /* above what a signed number holds */
        .generation = 19,
    };

    snprintf(b.id, sizeof b.id, "%08x%08x", (unsigned)first, (unsigned)last);
    return b;
}

static int collect(void *arg, const struct catalog_bucket *b)
{
    struct bucket_list *list = arg;

    CHECK(list->count < AER_COUNT(list->at));
    list->at[list->count++] = *b;
    return AER_OK;
}

struct bucket_list buckets_of(struct catalog *c)
{
    struct bucket_list list = {.count = 0};

    CHECK_OK(aer__catalog_buckets(c, collect, &list, ERR));
    return list;
}

void copy_as_after_crash(int from, int to)
{
    static const char *const files[] = {LAYOUT_CATALOG, LAYOUT_CATALOG "-wal", LAYOUT_CATALOG "-shm"};

    for (size_t i = 0; i < AER_COUNT(files); i++) {
        void *data;
        size_t size;
        int rc;

        CHECK_OK(aer__fs_unlink(to, files[i], ERR));
        if (i == 2) break;
        rc = aer__fs_read_all(from, files[i], 1 << 26, &data, &size, ERR);
        if (rc == AER_NOTFOUND) continue;
        CHECK_OK(rc);
        CHECK_OK(aer__fs_create(to, files[i], data, size, 0644, false, ERR));
        aer__free(data);
    }
}
