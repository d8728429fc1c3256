/* tables.c -- rows with two indexes, side by side with what the file system and SQLite do.
 *
 *   files     100,000 rows of some 200 bytes in one transaction, against a loop that creates, writes and closes as many files
 *             with as many to a directory
 *   buckets   the same rows, against SQLite inserting them with the same indexes in one transaction
 *   look-up   a row by its indexed column, against open, read and close of a row's file, and against SQLite
 *
 * Usage: aerials_bench_tables DIR [ROWS]     DIR is made, and removed at the end. Ratios first; run it three times or more.
 */
#include <aerials.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static size_t rows = 100000;
static char (*row)[256];
static char base[512];

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static void check(aer_db *db, int rc, const char *what)
{
    if (rc) die(what, aer_errmsg(db));
}

static uint64_t next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static void make_rows(void)
{
    uint64_t state = 42;

    row = malloc(rows * sizeof *row);
    if (!row) die("rows", "out of memory");
    for (size_t i = 0; i < rows; i++)
        snprintf(row[i], sizeof row[i],
                 "{\"age\":%llu,\"email\":\"user%08llx%05zu@example.org\",\"name\":\"Person Number %zu\",\"note\":\"a "
                 "row of the size "
                 "that people have, some two hundred bytes of text in all, more or less %llu\",\"town\":\"Town %llu\"}",
                 (unsigned long long)next(&state) % 90, (unsigned long long)next(&state), i, i,
                 (unsigned long long)next(&state), (unsigned long long)next(&state) % 1000);
}

static const char *path_of(const char *name)
{
    static char path[4][600];
    static int at;

    at = (at + 1) % 4;
    snprintf(path[at], sizeof path[at], "%s/%s", base, name);
    return path[at];
}

/* ---- plain files ---- */

static double plain_files(void)
{
    double begin;
    char path[700];

    if (mkdir(path_of("plain"), 0777)) die("plain", strerror(errno));
    begin = now();
    for (size_t i = 0; i < rows; i++) {
        size_t d = i / 256;
        int fd;
        if (i % 256 == 0) {
            snprintf(path, sizeof path, "%s/plain/%02zu", base, d / 34);
            if (mkdir(path, 0777) && errno != EEXIST) die(path, strerror(errno));
            snprintf(path, sizeof path, "%s/plain/%02zu/%02zu", base, d / 34, d % 34);
            if (mkdir(path, 0777)) die(path, strerror(errno));
        }
        snprintf(path, sizeof path, "%s/plain/%02zu/%02zu/%016zu", base, d / 34, d % 34, i);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
        if (fd < 0 || write(fd, row[i], strlen(row[i])) < 0 || close(fd)) die(path, strerror(errno));
    }
    return now() - begin;
}

static double read_plain(size_t count)
{
    uint64_t state = 7;
    double begin = now();
    char path[700], text[512];

    for (size_t i = 0; i < count; i++) {
        size_t n = (size_t)next(&state) % rows, d = n / 256;
        int fd;
        snprintf(path, sizeof path, "%s/plain/%02zu/%02zu/%016zu", base, d / 34, d % 34, n);
        fd = open(path, O_RDONLY);
        if (fd < 0 || read(fd, text, sizeof text) < 0 || close(fd)) die(path, strerror(errno));
    }
    return now() - begin;
}

/* ---- tables ---- */

static aer_db *open_db(const char *name, int storage)
{
    static const aer_column columns[] = {{"age", AER_INT, 0, NULL},
                                         {"email", AER_STR, AER_UNIQUE, NULL},
                                         {"name", AER_STR, 0, NULL},
                                         {"note", AER_STR, 0, NULL},
                                         {"town", AER_STR, 0, NULL}};
    const aer_table_options options = {sizeof options, storage, columns, 5};
    const char *const town[] = {"town"};
    aer_db *db;

    if (aer_init(path_of(name), NULL)) die("init", name);
    if (aer_open(path_of(name), NULL, &db)) die("open", aer_errmsg(db));
    check(db, aer_table_create(db, "people", &options), "create");
    check(db, aer_index_create(db, "people", "by_town", town, 1, 0, NULL, NULL), "index");
    return db;
}

static double insert_rows(aer_db *db, size_t batch)
{
    double begin = now();

    for (size_t i = 0; i < rows;) {
        aer_txn *txn;
        check(db, aer_begin(db, AER_WRITE, &txn), "begin");
        for (size_t end = i + batch; i < end && i < rows; i++)
            check(db, aer_txn_insert(txn, "people", row[i], strlen(row[i]), NULL), "insert");
        check(db, aer_commit(txn), "commit");
    }
    return now() - begin;
}

static double look_up(aer_db *db, size_t count, const char *what)
{
    uint64_t state = 7;
    double begin = now();
    aer_txn *txn;

    check(db, aer_begin(db, AER_READ, &txn), "begin");
    for (size_t i = 0; i < count; i++) {
        size_t n = (size_t)next(&state) % rows;
        const char *email = strstr(row[n], "\"email\":") + 8, *end = strchr(email, ','), *id;
        char key[64];
        aer_row_range range = {sizeof range, what, key, key, NULL, AER_UPTO_TO};
        aer_rows *found;
        aer_slice json;
        snprintf(key, sizeof key, "%.*s", (int)(end - email), email);
        check(db, aer_rows_open(txn, "people", &range, &found), "rows");
        check(db, aer_rows_next(found, &id, &json), "next");
        if (json.size != strlen(row[n]) + 1 || memcmp(json.data, row[n], json.size - 1) != 0)
            die("look-up", "another row");
        aer_rows_close(found);
    }
    aer_rollback(txn);
    return now() - begin;
}

/* ---- SQLite ---- */

static void sql(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL)) die(text, sqlite3_errmsg(db));
}

/* Values as a program that reads JSON would bind them; SQLite's own json_extract would do that slower. */
static double insert_sqlite(sqlite3 **db)
{
    sqlite3_stmt *stmt;
    double begin;

    if (sqlite3_open(path_of("sqlite.db"), db)) die("sqlite", sqlite3_errmsg(*db));
    sql(*db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536;"
             "CREATE TABLE people(age INT, email TEXT, name TEXT, note TEXT, town TEXT);"
             "CREATE UNIQUE INDEX unq_email ON people(email); CREATE INDEX by_town ON people(town)");
    begin = now();
    sql(*db, "BEGIN");
    sqlite3_prepare_v2(*db, "INSERT INTO people VALUES(?1,?2,?3,?4,?5)", -1, &stmt, NULL);
    for (size_t i = 0; i < rows; i++) {
        const char *at = row[i];
        for (int column = 1; column <= 5; column++) {
            const char *value = strchr(at, ':') + 1, *end;
            if (*value == '"') {
                end = strchr(++value, '"');
                sqlite3_bind_text(stmt, column, value, (int)(end - value), SQLITE_STATIC);
            } else {
                end = strpbrk(value, ",}");
                sqlite3_bind_int64(stmt, column, atoll(value));
            }
            at = end;
        }
        if (sqlite3_step(stmt) != SQLITE_DONE) die("sqlite", sqlite3_errmsg(*db));
        sqlite3_reset(stmt);
    }
    sql(*db, "COMMIT");
    sqlite3_finalize(stmt);
    return now() - begin;
}

static double look_up_sqlite(sqlite3 *db, size_t count)
{
    sqlite3_stmt *stmt;
    uint64_t state = 7;
    double begin = now();

    sqlite3_prepare_v2(db, "SELECT * FROM people WHERE email=?1", -1, &stmt, NULL);
    sql(db, "BEGIN");
    for (size_t i = 0; i < count; i++) {
        size_t n = (size_t)next(&state) % rows;
        const char *email = strstr(row[n], "\"email\":") + 9, *end = strchr(email, '"');
        sqlite3_bind_text(stmt, 1, email, (int)(end - email), SQLITE_STATIC);
        if (sqlite3_step(stmt) != SQLITE_ROW) die("sqlite", "no row");
        if (!sqlite3_column_text(stmt, 3)) die("sqlite", "no text");
        sqlite3_reset(stmt);
    }
    sql(db, "COMMIT");
    sqlite3_finalize(stmt);
    return now() - begin;
}

/* ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

int main(int argc, char **argv)
{
    size_t looks = 20000;
    double plain, files, small, buckets, sqlite, open_read, by_files, by_buckets, by_sqlite, closing;
    sqlite3 *lite;
    aer_db *db;

    if (argc < 2) die("usage", "aerials_bench_tables DIR [ROWS]");
    snprintf(base, sizeof base, "%s", argv[1]);
    if (argc > 2) rows = strtoul(argv[2], NULL, 10);
    if (mkdir(base, 0777)) die(base, strerror(errno));
    make_rows();

    sync();
    plain = plain_files();
    sync();
    db = open_db("files", AER_STORAGE_FILES);
    files = insert_rows(db, rows);
    read_plain(looks);
    open_read = read_plain(looks);
    look_up(db, looks, "unq_email");
    by_files = look_up(db, looks, "unq_email");
    closing = now();
    check(db, aer_close(db), "close");
    closing = now() - closing;
    sync();
    db = open_db("small", AER_STORAGE_FILES);
    small = insert_rows(db, 1000);
    check(db, aer_close(db), "close");
    sync();
    db = open_db("buckets", AER_STORAGE_BUCKETS);
    buckets = insert_rows(db, rows);
    look_up(db, looks, "unq_email");
    by_buckets = look_up(db, looks, "unq_email");
    check(db, aer_close(db), "close");
    sync();
    sqlite = insert_sqlite(&lite);
    look_up_sqlite(lite, looks);
    by_sqlite = look_up_sqlite(lite, looks);
    sqlite3_close(lite);

    printf("| rows with two indexes | rows/s | compared with | rows/s | ratio |\n|---|---|---|---|---|\n");
    printf("| files, one transaction | %.0f | plain files in a loop | %.0f | %.2f |\n", (double)rows / files,
           (double)rows / plain, plain / files);
    printf("| files, 1,000 a transaction | %.0f | plain files in a loop | %.0f | %.2f |\n", (double)rows / small,
           (double)rows / plain, plain / small);
    printf("| buckets, one transaction | %.0f | SQLite | %.0f | %.2f |\n", (double)rows / buckets,
           (double)rows / sqlite, sqlite / buckets);
    printf("| look-up by index, files | %.0f | open, read, close | %.0f | time x %.2f |\n", (double)looks / by_files,
           (double)looks / open_read, by_files / open_read);
    printf("| look-up by index, buckets | %.0f | SQLite | %.0f | %.2f |\n", (double)looks / by_buckets,
           (double)looks / by_sqlite, by_sqlite / by_buckets);
    fprintf(stderr, "closing after the load: %.2f s\n", closing);
    free(row);
    nftw(base, remove_one, 64, FTW_DEPTH | FTW_PHYS);
    return 0;
}
