/* test_format.c -- the files on disk, read with plain SQL only, say the same as the library.
 *
 * What is tested is what docs/format.md promises to someone who has nothing but sqlite3.
 */
#include <aerials.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "sample.h"
#include "sql.h"
#include "testing.h"

#define FILE_SIZE 80

static const char *path;

/* "28/dd", "1a21d3fdabf7.sq3" to "bucketroot/28/dd/1a21d3fdabf7.sq3". */
static void bucket_file(char file[FILE_SIZE], sqlite3_stmt *row, int column)
{
    snprintf(file, FILE_SIZE, "bucketroot/%s/%s", (const char *)sqlite3_column_text(row, column),
             (const char *)sqlite3_column_text(row, column + 1));
}

/* ---- files -------------------------------------------------------------------------------- */

static void check_header(const char *file, unsigned journal, unsigned mode)
{
    unsigned char header[100];
    char name[SAMPLE_PATH + FILE_SIZE];
    struct stat st;
    int fd;

    snprintf(name, sizeof name, "%s/%s", path, file);
    fd = open(name, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && fstat(fd, &st) == 0);
    CHECK_INT(sizeof header, read(fd, header, sizeof header));
    close(fd);
    CHECK_MEM("SQLite format 3", 16, header, 16);
    CHECK_INT(journal, header[18]); /* 1: no WAL, 2: WAL */
    CHECK_INT(journal, header[19]);
    CHECK_INT(8, header[20]); /* bytes at the end of each page, for its checksum */
    if (mode) CHECK_INT(mode, st.st_mode & 07777);
}

static void check_integrity(const char *file)
{
    sqlite3 *db = sql_open(path, file);
    char text[SQL_TEXT];

    sql_text(db, "PRAGMA integrity_check", text);
    CHECK_STR("ok", text);
    sqlite3_close(db);
}

TEST(every_file_is_sound_to_sqlite_and_sealed_ones_are_read_only)
{
    sqlite3 *catalogue;
    sqlite3_stmt *row;

    path = sample_database();
    catalogue = sql_open(path, "aerial.sq3");
    row = sql_prepare(catalogue, "SELECT dir, file FROM buckets");
    while (sql_step(row)) {
        char file[FILE_SIZE];

        bucket_file(file, row, 0);
        check_header(file, 1, 0444);
        check_integrity(file);
    }
    sqlite3_finalize(row);
    sqlite3_close(catalogue);
    check_header("aerial.sq3", 2, 0);
    check_integrity("aerial.sq3");
    for (int i = 0; i < 2; i++) {
        char file[FILE_SIZE], name[SAMPLE_PATH + FILE_SIZE];

        snprintf(file, sizeof file, "bucketroot/active-%d.sq3", i);
        snprintf(name, sizeof name, "%s/%s", path, file);
        if (access(name, F_OK) != 0) continue; /* the second may never have been needed */
        check_header(file, 2, 0);
        check_integrity(file);
    }
}

/* ---- buckets ------------------------------------------------------------------------------ */

static uint64_t file_sum(const char *file, uint64_t *size)
{
    char name[SAMPLE_PATH + FILE_SIZE];
    unsigned char *data;
    struct stat st;
    uint64_t sum;
    FILE *f;

    snprintf(name, sizeof name, "%s/%s", path, file);
    f = fopen(name, "rb");
    CHECK(f && fstat(fileno(f), &st) == 0);
    *size = (uint64_t)st.st_size;
    data = malloc(*size);
    CHECK(data && fread(data, 1, *size, f) == *size);
    fclose(f);
    sum = XXH3_64bits(data, *size);
    free(data);
    return sum;
}

static void check_info(sqlite3 *bucket, const char *name, const char *expected)
{
    char sql[120], text[SQL_TEXT];

    snprintf(sql, sizeof sql, "SELECT value FROM bucket_info WHERE name = '%s'", name);
    sql_text(bucket, sql, text);
    CHECK_STR(expected, text);
}

/* A row of `buckets` against the file it names. */
static void check_bucket(sqlite3_stmt *row)
{
    char file[FILE_SIZE], id[40], number[40];
    const char *dir = (const char *)sqlite3_column_text(row, 2), *name = (const char *)sqlite3_column_text(row, 3);
    uint64_t size, sum;
    sqlite3 *bucket;

    bucket_file(file, row, 2);
    CHECK(strlen(dir) == 5 && dir[2] == '/' && strlen(name) == 16);
    snprintf(id, sizeof id, "%.2s%.2s%.12s", dir, dir + 3, name);
    bucket = sql_open(path, file);
    check_info(bucket, "id", id);
    for (int column = 0; column < 2; column++) {
        snprintf(number, sizeof number, "%" PRId64, (int64_t)sqlite3_column_int64(row, column));
        check_info(bucket, column ? "last_seq" : "first_seq", number);
    }
    snprintf(number, sizeof number, "%" PRId64, (int64_t)sqlite3_column_int64(row, 4));
    check_info(bucket, "generation", number);
    CHECK_INT(sqlite3_column_int64(row, 5), sql_int(bucket, "SELECT count(*) FROM bucket"));
    CHECK_INT(sqlite3_column_int64(row, 6), sql_int(bucket, "SELECT count(*) FROM bucket WHERE value IS NULL"));
    CHECK_INT(sqlite3_column_int64(row, 7), sql_int(bucket, "SELECT count(*) FROM bucket WHERE expires IS NOT NULL"));
    CHECK(sql_int(bucket, "SELECT coalesce(min(seq), 1e18) FROM bucket") >= sqlite3_column_int64(row, 0));
    CHECK(sql_int(bucket, "SELECT coalesce(max(seq), 0) FROM bucket") <= sqlite3_column_int64(row, 1));
    sqlite3_close(bucket);
    sum = file_sum(file, &size);
    CHECK_INT(size, sqlite3_column_int64(row, 8));
    CHECK_INT((int64_t)sum, sqlite3_column_int64(row, 9));
}

TEST(buckets_follow_each_other_and_are_what_the_catalogue_says)
{
    sqlite3 *catalogue;
    sqlite3_stmt *row;
    int64_t next = 1;

    path = sample_database();
    catalogue = sql_open(path, "aerial.sq3");
    row = sql_prepare(catalogue,
                      "SELECT first_seq, last_seq, dir, file, generation, rows, deletes, expiring, bytes, sum "
                      "FROM buckets ORDER BY first_seq");
    while (sql_step(row)) {
        CHECK_INT(next, sqlite3_column_int64(row, 0));
        CHECK(sqlite3_column_int64(row, 1) >= next);
        next = sqlite3_column_int64(row, 1) + 1;
        check_bucket(row);
    }
    CHECK(next > 2500);
    sqlite3_finalize(row);
    sqlite3_close(catalogue);
}

/* ---- from a key to its value -------------------------------------------------------------- */

/* The value whose last row is SEQ: that row, or all its parts one after another. */
static unsigned char *value_by_sql(const char *file, int64_t seq, const void *key, int key_size, size_t *size)
{
    sqlite3 *bucket = sql_open(path, file);
    sqlite3_stmt *row = sql_prepare(bucket, "SELECT key, part, value FROM bucket WHERE seq = ?");
    unsigned char *value;

    sqlite3_bind_int64(row, 1, seq);
    CHECK(sql_step(row));
    CHECK_MEM(key, (size_t)key_size, sqlite3_column_blob(row, 0), (size_t)sqlite3_column_bytes(row, 0));
    CHECK(sqlite3_column_type(row, 1) == SQLITE_NULL);
    CHECK(sqlite3_column_type(row, 2) == SQLITE_BLOB);
    *size = (size_t)sqlite3_column_bytes(row, 2);
    value = malloc(*size + 1);
    CHECK(value);
    if (*size) memcpy(value, sqlite3_column_blob(row, 2), *size);
    sqlite3_finalize(row);
    sqlite3_close(bucket);
    return value;
}

static void same_as_the_library(aer_db *db, const void *key, int key_size, const unsigned char *value, size_t size)
{
    size_t found_size;
    void *found;

    CHECK_DB_OK(db, aer_get(db, key, (size_t)key_size, &found, &found_size));
    CHECK_MEM(value, size, found, found_size);
    aer_free(found);
}

TEST(two_queries_lead_from_a_key_to_its_value)
{
    static const char *const queries[] = {
        "SELECT key, seq, dir, file FROM locations",
        "SELECT m.key, m.seq, b.dir, b.file FROM buckets_meta m JOIN buckets b "
        "ON m.seq BETWEEN b.first_seq AND b.last_seq",
    };
    int64_t counts[2] = {0, 0};
    sqlite3 *catalogue;
    aer_db *db = NULL;

    path = sample_database();
    CHECK_OK(aer_open(path, &(aer_options){.size = sizeof(aer_options), .readonly = 1}, &db));
    catalogue = sql_open(path, "aerial.sq3");
    for (int i = 0; i < 2; i++) {
        sqlite3_stmt *row = sql_prepare(catalogue, queries[i]);

        while (sql_step(row)) {
            const void *key = sqlite3_column_blob(row, 0);
            int key_size = sqlite3_column_bytes(row, 0);
            char file[FILE_SIZE];
            unsigned char *value;
            size_t size;

            CHECK_INT(SQLITE_BLOB, sqlite3_column_type(row, 0));
            if (memcmp(key, "large", 5) == 0) continue; /* in parts, see the next test */
            if (memcmp(key, "key/0149", 8) >= 0 || memcmp(key, "key/0005", 8) == 0)
                continue; /* newer in the active bucket */
            bucket_file(file, row, 2);
            value = value_by_sql(file, sqlite3_column_int64(row, 1), key, key_size, &size);
            same_as_the_library(db, key, key_size, value, size);
            free(value);
            counts[i]++;
        }
        sqlite3_finalize(row);
    }
    CHECK(counts[0] == counts[1] && counts[1] > 1000);
    sqlite3_close(catalogue);
    CHECK_OK(aer_close(db));
}

/* ---- all buckets, replayed ---------------------------------------------------------------- */

/* The truth, as plain SQL tells it: every row of every bucket in the order of sequence, gathered in one table. */
struct replay {
    sqlite3 *memory;
    sqlite3_stmt *insert;
};

static void gather(struct replay *r, const char *file)
{
    sqlite3 *bucket = sql_open(path, file);
    sqlite3_stmt *row = sql_prepare(bucket, "SELECT seq, key, part, value FROM bucket ORDER BY seq");

    while (sql_step(row)) {
        for (int i = 0; i < 4; i++)
            CHECK_INT(SQLITE_OK, sqlite3_bind_value(r->insert, i + 1, sqlite3_column_value(row, i)));
        CHECK(!sql_step(r->insert));
        sqlite3_reset(r->insert);
    }
    sqlite3_finalize(row);
    sqlite3_close(bucket);
}

static void gather_all(struct replay *r)
{
    sqlite3 *catalogue = sql_open(path, "aerial.sq3");
    sqlite3_stmt *row = sql_prepare(catalogue, "SELECT dir, file FROM buckets ORDER BY first_seq");
    char file[FILE_SIZE];

    CHECK_INT(SQLITE_OK, sqlite3_open(":memory:", &r->memory));
    CHECK_INT(SQLITE_OK,
              sqlite3_exec(r->memory, "CREATE TABLE r(seq INTEGER PRIMARY KEY, key, part, value)", NULL, NULL, NULL));
    r->insert = sql_prepare(r->memory, "INSERT INTO r VALUES(?, ?, ?, ?)");
    while (sql_step(row)) {
        bucket_file(file, row, 0);
        gather(r, file);
    }
    sqlite3_finalize(row);
    sqlite3_close(catalogue);
    for (int i = 0; i < 2; i++) {
        char name[SAMPLE_PATH + FILE_SIZE];

        snprintf(file, sizeof file, "bucketroot/active-%d.sq3", i);
        snprintf(name, sizeof name, "%s/%s", path, file);
        if (access(name, F_OK) == 0) gather(r, file);
    }
}

static void release_replay(struct replay *r)
{
    sqlite3_finalize(r->insert);
    sqlite3_close(r->memory);
}

/* The newest row of each key, deletes left out. A value in parts counts once, by its last part: -n, the last of n. */
#define NEWEST                                                              \
    "SELECT key, seq, part, value FROM r WHERE length(key) > 0 AND seq IN " \
    "(SELECT max(seq) FROM r GROUP BY key) AND value IS NOT NULL ORDER BY key"

static unsigned char *join_parts(struct replay *r, int64_t last, int64_t count, size_t *size)
{
    sqlite3_stmt *row = sql_prepare(r->memory, "SELECT part, value FROM r WHERE seq > ? AND seq <= ? ORDER BY seq");
    unsigned char *value = NULL;
    int64_t n = 0;

    *size = 0;
    sqlite3_bind_int64(row, 1, last - count);
    sqlite3_bind_int64(row, 2, last);
    while (sql_step(row)) {
        size_t part = (size_t)sqlite3_column_bytes(row, 1);

        n++;
        CHECK_INT(n < count ? n : count > 1 ? -count : 0, sqlite3_column_int64(row, 0));
        value = realloc(value, *size + part + 1);
        CHECK(value);
        if (part) memcpy(value + *size, sqlite3_column_blob(row, 1), part);
        *size += part;
    }
    CHECK_INT(count, n);
    sqlite3_finalize(row);
    return value;
}

TEST(replaying_all_buckets_gives_what_the_library_gives)
{
    struct replay r = {NULL, NULL};
    aer_cursor *cursor = NULL;
    aer_slice key, value;
    aer_txn *txn = NULL;
    aer_db *db = NULL;
    sqlite3_stmt *row;
    int64_t in_parts = 0;

    path = sample_database();
    CHECK_OK(aer_open(path, &(aer_options){.size = sizeof(aer_options), .readonly = 1}, &db));
    gather_all(&r);
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK_DB_OK(db, aer_scan(txn, NULL, &cursor));
    row = sql_prepare(r.memory, NEWEST);
    while (sql_step(row)) {
        int64_t part = sqlite3_column_int64(row, 2);
        unsigned char *expected;
        size_t size;

        CHECK(part <= 0); /* a value is whole: its last part is the newest row */
        in_parts += part < 0;
        expected = join_parts(&r, sqlite3_column_int64(row, 1), part < 0 ? -part : 1, &size);
        CHECK_DB_OK(db, aer_next(cursor, &key, &value));
        CHECK_MEM(sqlite3_column_blob(row, 0), (size_t)sqlite3_column_bytes(row, 0), key.data, key.size);
        CHECK_MEM(expected, size, value.data, value.size);
        free(expected);
    }
    CHECK_RC(AER_DONE, aer_next(cursor, &key, &value));
    CHECK_INT(2, in_parts);
    sqlite3_finalize(row);
    aer_cursor_close(cursor);
    aer_rollback(txn);
    release_replay(&r);
    CHECK_OK(aer_close(db));
}

TEST(every_key_that_is_merged_is_in_the_catalogue_and_live_counts_are_right)
{
    struct replay r = {NULL, NULL};
    sqlite3 *catalogue;
    sqlite3_stmt *row;
    aer_db *db = NULL;
    aer_stats stats;

    path = sample_database();
    CHECK_OK(aer_open(path, NULL, &db));
    CHECK_DB_OK(db, aer_seal(db)); /* nothing stays unmerged */
    CHECK_DB_OK(db, aer_status(db, &stats));
    CHECK_INT(0, stats.unmerged_rows);
    CHECK_OK(aer_close(db));
    gather_all(&r);
    catalogue = sql_open(path, "aerial.sq3");
    CHECK_INT(stats.keys, sql_int(catalogue, "SELECT count(*) FROM buckets_meta"));
    CHECK_INT(stats.keys, sql_int(catalogue, "SELECT count(*) FROM locations"));
    CHECK_INT(stats.buckets, sql_int(catalogue, "SELECT count(*) FROM buckets"));
    row = sql_prepare(r.memory, NEWEST);
    while (sql_step(row)) {
        sqlite3_stmt *meta = sql_prepare(catalogue, "SELECT seq FROM buckets_meta WHERE key = ?");

        sqlite3_bind_value(meta, 1, sqlite3_column_value(row, 0));
        CHECK(sql_step(meta));
        CHECK_INT(sqlite3_column_int64(row, 1), sqlite3_column_int64(meta, 0));
        sqlite3_finalize(meta);
    }
    sqlite3_finalize(row);
    /* A row is live if a read can reach it: the newest of its key, or a part of such a value; and so is a commit row. */
    CHECK_INT(SQLITE_OK, sqlite3_exec(r.memory,
                                      "CREATE TABLE live(seq INTEGER PRIMARY KEY);"
                                      "WITH n AS (" NEWEST ") INSERT INTO live SELECT r.seq FROM n JOIN r "
                                      "ON r.seq > n.seq - max(1, -coalesce(n.part, 0)) AND r.seq <= n.seq "
                                      "UNION SELECT seq FROM r WHERE length(key) = 0",
                                      NULL, NULL, NULL));
    row = sql_prepare(catalogue, "SELECT first_seq, last_seq, live FROM buckets");
    while (sql_step(row)) {
        sqlite3_stmt *count = sql_prepare(r.memory, "SELECT count(*) FROM live WHERE seq BETWEEN ? AND ?");

        sqlite3_bind_int64(count, 1, sqlite3_column_int64(row, 0));
        sqlite3_bind_int64(count, 2, sqlite3_column_int64(row, 1));
        CHECK(sql_step(count));
        CHECK_INT(sqlite3_column_int64(count, 0), sqlite3_column_int64(row, 2));
        sqlite3_finalize(count);
    }
    sqlite3_finalize(row);
    sqlite3_close(catalogue);
    release_replay(&r);
}

/* ---- checksums ---------------------------------------------------------------------------- */

static void put_u64(unsigned char *p, uint64_t v)
{
    for (int i = 7; i >= 0; i--, v >>= 8) p[i] = (unsigned char)v;
}

/* Eight numbers, then key, meta and value, each hashed with the hash so far as the seed. */
static uint64_t row_sum(sqlite3_stmt *row)
{
    bool is_delete = sqlite3_column_type(row, 5) == SQLITE_NULL, has_meta = sqlite3_column_type(row, 3) != SQLITE_NULL;
    unsigned char header[64] = {0};
    uint64_t h;

    put_u64(header, (uint64_t)sqlite3_column_int64(row, 0));
    put_u64(header + 8, (uint64_t)sqlite3_column_bytes(row, 1));
    put_u64(header + 16, is_delete ? UINT64_MAX : (uint64_t)sqlite3_column_bytes(row, 5));
    put_u64(header + 24, has_meta ? (uint64_t)sqlite3_column_bytes(row, 3) : UINT64_MAX);
    put_u64(header + 32, (uint64_t)sqlite3_column_int64(row, 2));
    put_u64(header + 40, (uint64_t)sqlite3_column_int64(row, 4));
    h = XXH3_64bits(header, sizeof header);
    h = XXH3_64bits_withSeed(sqlite3_column_blob(row, 1), (size_t)sqlite3_column_bytes(row, 1), h);
    h = XXH3_64bits_withSeed(sqlite3_column_blob(row, 3), (size_t)sqlite3_column_bytes(row, 3), h);
    return XXH3_64bits_withSeed(sqlite3_column_blob(row, 5), (size_t)sqlite3_column_bytes(row, 5), h);
}

TEST(the_sum_of_a_row_can_be_computed_by_anyone)
{
    sqlite3 *catalogue;
    sqlite3_stmt *row;
    int64_t rows = 0;

    path = sample_database();
    catalogue = sql_open(path, "aerial.sq3");
    row = sql_prepare(catalogue, "SELECT dir, file FROM buckets");
    while (sql_step(row)) {
        char file[FILE_SIZE];
        sqlite3 *bucket;
        sqlite3_stmt *each;

        bucket_file(file, row, 0);
        bucket = sql_open(path, file);
        each = sql_prepare(bucket, "SELECT seq, key, expires, meta, part, value, sum FROM bucket");
        while (sql_step(each)) {
            CHECK_INT(sqlite3_column_int64(each, 6), (int64_t)row_sum(each));
            rows++;
        }
        sqlite3_finalize(each);
        sqlite3_close(bucket);
    }
    CHECK(rows > 1000);
    sqlite3_finalize(row);
    sqlite3_close(catalogue);
}
