/* scene.c -- see scene.h. */
#include "scene.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testing.h"

#define PATH_ROOM 4300

const char *scene_make(void)
{
    static char path[PATH_ROOM];
    const char *by_age[] = {"age"};
    aer_column columns[] = {{"name", AER_STR, AER_UNIQUE, NULL}, {"age", AER_INT, 0, NULL}, {"text", AER_STR, 0, NULL}};
    aer_table_options options = {
        .size = sizeof options, .storage = AER_STORAGE_GDBM, .columns = columns, .column_count = AER_COUNT(columns)};
    aer_db *db;

    scratch_dir();
    snprintf(path, sizeof path, "%s/db", scratch_path());
    CHECK_OK(aer_init(path, NULL));
    db = scene_open(path, false);
    CHECK_DB_OK(db, aer_table_create(db, TABLE, &options));
    CHECK_DB_OK(db, aer_index_create(db, TABLE, "by_age", by_age, 1, 0, NULL, NULL));
    scene_close(db);
    return path;
}

aer_db *scene_open(const char *path, bool readonly)
{
    aer_options options = {.size = sizeof options, .readonly = readonly, .sync = AER_SYNC_NORMAL};
    aer_db *db;
    int rc = aer_open(path, &options, &db);

    CHECK_DB_OK(db, rc);
    return db;
}

void scene_close(aer_db *db)
{
    CHECK_OK(aer_close(db));
}

void people_release(struct people *p)
{
    free(p->at);
    memset(p, 0, sizeof *p);
}

/* ---- changes ---- */

#define TEXT_MAX 20000

static size_t row_of(const struct person *who, size_t text_size, char *row, size_t room)
{
    int size = snprintf(row, room, "{\"age\":%u,\"name\":\"n%u\",\"text\":\"", who->age, who->number);

    CHECK(text_size <= TEXT_MAX);
    memset(row + size, 'a' + (int)(who->number % 26), text_size);
    memcpy(row + (size_t)size + text_size, "\"}", 3);
    return (size_t)size + text_size + 2;
}

void add_person(aer_db *db, aer_txn *txn, struct people *p, unsigned age, size_t text_size)
{
    static char row[TEXT_MAX + 100];
    struct person *who;
    size_t size;

    if (p->count == p->capacity) {
        p->capacity = p->capacity ? p->capacity * 2 : 64;
        p->at = realloc(p->at, p->capacity * sizeof *p->at);
        CHECK(p->at != NULL);
    }
    who = &p->at[p->count++];
    who->number = p->next++;
    who->age = age;
    size = row_of(who, text_size, row, sizeof row);
    CHECK_DB_OK(db, txn ? aer_txn_insert(txn, TABLE, row, size, who->id) : aer_insert(db, TABLE, row, size, who->id));
}

void age_person(aer_db *db, aer_txn *txn, struct people *p, size_t i, unsigned age)
{
    static char row[TEXT_MAX + 100];
    struct person *who = &p->at[i];
    char id[AER_ID_SIZE];
    size_t size;

    who->age = age;
    size = row_of(who, 40, row, sizeof row);
    CHECK_DB_OK(db, txn ? aer_txn_update(txn, TABLE, who->id, row, size, id) : aer_update(db, TABLE, who->id, row, size, id));
    memcpy(who->id, id, sizeof id);
}

void remove_person(aer_db *db, aer_txn *txn, struct people *p, size_t i)
{
    CHECK_DB_OK(db, txn ? aer_txn_delete(txn, TABLE, p->at[i].id) : aer_delete(db, TABLE, p->at[i].id));
    p->at[i] = p->at[--p->count];
}

void add_people(aer_db *db, struct people *p, unsigned count, size_t text_size)
{
    aer_txn *txn;

    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    for (unsigned i = 0; i < count; i++) add_person(db, txn, p, p->next % 50, text_size);
    CHECK_DB_OK(db, aer_commit(txn));
}

static void step(aer_db *db, aer_txn *txn, struct people *p, uint64_t *random)
{
    uint64_t what = test_random(random) % 10;

    if (p->count < 5 || what < 5)
        add_person(db, txn, p, (unsigned)(test_random(random) % 50), test_random(random) % 200);
    else if (what < 8) age_person(db, txn, p, test_random(random) % p->count, (unsigned)(test_random(random) % 50));
    else remove_person(db, txn, p, test_random(random) % p->count);
}

void live(aer_db *db, struct people *p, uint64_t *random, unsigned steps)
{
    while (steps-- > 0) {
        struct people before = *p;
        bool back = test_random(random) % 4 == 0;
        aer_txn *txn;
        before.at = malloc(p->capacity * sizeof *before.at + 1);
        CHECK(before.at != NULL);
        if (p->count) memcpy(before.at, p->at, p->count * sizeof *before.at);
        CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
        for (uint64_t n = test_random(random) % 20 + 1; n > 0; n--) step(db, txn, p, random);
        if (back) {
            aer_rollback(txn);
            people_release(p);
            *p = before;
        } else {
            CHECK_DB_OK(db, aer_commit(txn));
            free(before.at);
        }
    }
}

/* ---- checks ---- */

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct person *)a)->id, ((const struct person *)b)->id);
}

static int by_age(const void *a, const void *b)
{
    const struct person *x = a, *y = b;

    return x->age != y->age ? (x->age < y->age ? -1 : 1) : by_id(a, b);
}

static void check_row(const struct person *who, const void *json, size_t size)
{
    char start[64];
    int start_size = snprintf(start, sizeof start, "{\"age\":%u,\"name\":\"n%u\",\"text\":\"", who->age, who->number);

    CHECK(size >= (size_t)start_size + 3);
    CHECK_MEM(start, start_size, json, start_size);
    for (size_t i = (size_t)start_size; i < size - 3; i++)
        CHECK(((const char *)json)[i] == 'a' + (char)(who->number % 26));
    CHECK_MEM("\"}\n", 3, (const char *)json + size - 3, 3);
}

static void check_scan(aer_db *db, const struct person *sorted, size_t count, const char *index, bool reverse)
{
    aer_row_range range = {.size = sizeof range, .index = index, .flags = reverse ? AER_REVERSE : 0};
    aer_txn *txn;
    aer_rows *rows;
    const char *id;
    aer_slice json;

    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK_DB_OK(db, aer_rows_open(txn, TABLE, &range, &rows));
    for (size_t i = 0; i < count; i++) {
        const struct person *who = &sorted[reverse ? count - 1 - i : i];
        CHECK_DB_OK(db, aer_rows_next(rows, &id, &json));
        CHECK_STR(who->id, id);
        check_row(who, json.data, json.size);
    }
    CHECK_DB_RC(db, AER_DONE, aer_rows_next(rows, &id, &json));
    aer_rows_close(rows);
    aer_rollback(txn);
}

static void check_names(aer_db *db, const struct people *p)
{
    aer_txn *txn;

    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    for (size_t i = 0; i < p->count; i += p->count / 50 + 1) {
        char name[32];
        aer_row_range range = {.size = sizeof range, .index = "unq_name", .from = name, .to = name, .flags = AER_UPTO_TO};
        aer_rows *rows;
        const char *id;
        aer_slice json;
        snprintf(name, sizeof name, "\"n%u\"", p->at[i].number);
        CHECK_DB_OK(db, aer_rows_open(txn, TABLE, &range, &rows));
        CHECK_DB_OK(db, aer_rows_next(rows, &id, &json));
        CHECK_STR(p->at[i].id, id);
        CHECK_DB_RC(db, AER_DONE, aer_rows_next(rows, &id, &json));
        aer_rows_close(rows);
    }
    aer_rollback(txn);
}

void check_people(aer_db *db, const struct people *p)
{
    struct person *sorted = malloc(p->count * sizeof *sorted + 1);

    CHECK(sorted != NULL);
    for (size_t i = 0; i < p->count; i++) {
        void *json;
        size_t size;
        CHECK_DB_OK(db, aer_row(db, TABLE, p->at[i].id, &json, &size));
        check_row(&p->at[i], json, size);
        aer_free(json);
        sorted[i] = p->at[i];
    }
    if (p->count) qsort(sorted, p->count, sizeof *sorted, by_id);
    check_scan(db, sorted, p->count, NULL, false);
    if (p->count) qsort(sorted, p->count, sizeof *sorted, by_age);
    check_scan(db, sorted, p->count, "by_age", false);
    check_scan(db, sorted, p->count, "by_age", true);
    check_names(db, p);
    free(sorted);
}

/* ---- files ---- */

static const char *name_of(const char *path, const char *file)
{
    static char name[PATH_ROOM];

    snprintf(name, sizeof name, "%s/%s", path, file);
    return name;
}

bool scene_has(const char *path, const char *file)
{
    return access(name_of(path, file), F_OK) == 0;
}

unsigned char *scene_read(const char *path, const char *file, size_t *size)
{
    FILE *f = fopen(name_of(path, file), "rb");
    unsigned char *data;
    struct stat st;

    CHECK(f != NULL);
    CHECK_INT(0, fstat(fileno(f), &st));
    *size = (size_t)st.st_size;
    data = malloc(*size + 1);
    CHECK(data != NULL);
    CHECK_INT(*size, fread(data, 1, *size, f));
    fclose(f);
    return data;
}

void scene_write(const char *path, const char *file, const void *data, size_t size, bool keep)
{
    FILE *f = fopen(name_of(path, file), "r+b");
    struct timespec times[2];
    struct stat st;

    CHECK(f != NULL);
    CHECK_INT(0, fstat(fileno(f), &st));
    CHECK_INT(0, ftruncate(fileno(f), 0));
    CHECK_INT(size, fwrite(data, 1, size, f));
    CHECK_INT(0, fflush(f));
    times[0] = st.st_atim;
    times[1] = st.st_mtim;
    if (!keep) times[1].tv_sec -= 1000;
    CHECK_INT(0, futimens(fileno(f), times));
    fclose(f);
}

int64_t scene_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;
    int64_t number = -1;

    CHECK_INT(SQLITE_OK, sqlite3_open_v2(name_of(path, "aerial.sq3"), &db, SQLITE_OPEN_READWRITE, NULL));
    CHECK_INT(SQLITE_OK, sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0));
    CHECK_INT(SQLITE_OK, sqlite3_prepare_v2(db, sql, -1, &stmt, NULL));
    if (sqlite3_step(stmt) == SQLITE_ROW) number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    CHECK_INT(SQLITE_OK, sqlite3_close(db));
    return number;
}

void scene_shell(const char *format, ...)
{
    char command[3 * PATH_ROOM];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    CHECK_INT(0, system(command)); // NOLINT(cert-env33-c)
}
