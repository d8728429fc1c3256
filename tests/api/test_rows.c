/* test_rows.c -- rows through the public header: what is refused, in which words, by every way a row can be written; and that what was
 * refused has changed nothing. */
#include <aerials.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scene.h"
#include "testing.h"

static const aer_column columns[] = {{"name", AER_STR, AER_PK, NULL},
                                     {"age", AER_INT, 0, "7"},
                                     {"size", AER_FLOAT, 0, NULL},
                                     {"is_member", AER_BOOL, 0, NULL},
                                     {"email", AER_STR, AER_UNIQUE, NULL},
                                     {"data", AER_JSON, 0, NULL},
                                     {"town", AER_STR, AER_NOTNULL, "\"Bern\""}};

static aer_db *open_people(int storage)
{
    const aer_table_options options = {sizeof options, storage, columns, AER_COUNT(columns)};
    aer_db *db = scene_open(scene_init(1000, 0), NULL);

    CHECK_DB_OK(db, aer_table_create(db, "people", &options));
    return db;
}

static void insert(aer_db *db, const char *json, char id[AER_ID_SIZE])
{
    CHECK_DB_OK(db, aer_insert(db, "people", json, strlen(json), id));
}

/* All rows, one behind the other, in the order of names. */
static char *everything(aer_db *db)
{
    const aer_row_range range = {.size = sizeof range, .index = "pk_name"};
    char *text = calloc(1, 1 << 16);
    const char *id;
    aer_slice json;
    aer_rows *rows;
    aer_txn *txn;

    CHECK(text);
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK_DB_OK(db, aer_rows_open(txn, "people", &range, &rows));
    while (aer_rows_next(rows, &id, &json) == AER_OK) strncat(text, json.data, json.size);
    aer_rows_close(rows);
    aer_rollback(txn);
    return text;
}

struct refusal {
    const char *json;
    int code;
    const char *words;
};

static const struct refusal refusals[] = {
    {"{\"name\":\"x\",\"age\":\"7\"}", AER_INVALID, "column 'age' is int, not a string"},
    {"{\"name\":\"x\",\"age\":7.5}", AER_INVALID, "column 'age' is int, not a real number"},
    {"{\"name\":\"x\",\"size\":\"1\"}", AER_INVALID, "column 'size' is float"},
    {"{\"name\":\"x\",\"size\":9007199254740993}", AER_INVALID, "9007199254740993"},
    {"{\"name\":\"x\",\"is_member\":1}", AER_INVALID, "column 'is_member' is bool"},
    {"{\"name\":5}", AER_INVALID, "column 'name' is str"},
    {"{\"name\":null}", AER_CONFLICT, "column 'name' must not be null"},
    {"{\"age\":5}", AER_CONFLICT, "column 'name' must not be null"},
    {"{\"name\":\"x\",\"town\":null}", AER_CONFLICT, "column 'town' must not be null"},
    {"{\"name\":\"x\",\"nmae\":1}", AER_INVALID, "no column 'nmae'"},
    {"{\"name\":\"x\",\"name\":\"y\"}", AER_INVALID, "name"},
    {"{\"name\":\"x\",\"age\":9223372036854775808}", AER_INVALID, "byte"},
    {"{\"name\":\"x\",\"size\":NaN}", AER_INVALID, "byte 20"},
    {"{\"name\":\"x\",\"size\":1e999}", AER_INVALID, "byte"},
    {"{\"name\":\"x\"", AER_INVALID, "byte 12"},
    {"{\"name\":\"x\"} {}", AER_INVALID, "byte 14"},
    {"[\"x\"]", AER_INVALID, "a row is a JSON object"},
    {"\xef\xbb\xbf{\"name\":\"x\"}", AER_INVALID, "byte 1"},
    {"", AER_INVALID, "byte"},
    {"{\"name\":\"Ann\"}", AER_CONFLICT, "column 'name' is unique"},
    {"{\"name\":\"x\",\"email\":\"ann@example.org\"}", AER_CONFLICT, "column 'email' is unique"},
};

static void check_refused(aer_db *db, const struct refusal *r, int rc, const char *ann)
{
    CHECK_INT(r->code, rc);
    if (!strstr(aer_errmsg(db), r->words)) fprintf(stderr, "%s: %s\n", r->json, aer_errmsg(db));
    CHECK(strstr(aer_errmsg(db), r->words));
    if (r->code == AER_CONFLICT && strstr(r->words, "unique")) CHECK(strstr(aer_errmsg(db), ann)); /* the other row */
}

/* On each way in, and the transaction goes on after it. */
static void refuse_all(int storage)
{
    aer_db *db = open_people(storage);
    char ann[AER_ID_SIZE], bob[AER_ID_SIZE], *before, *after;
    aer_txn *txn;

    insert(db, "{\"name\":\"Ann\",\"email\":\"ann@example.org\"}", ann);
    insert(db, "{\"name\":\"Bob\"}", bob);
    before = everything(db);
    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    for (size_t i = 0; i < AER_COUNT(refusals); i++) {
        const struct refusal *r = &refusals[i];
        size_t size = strlen(r->json);
        check_refused(db, r, aer_txn_insert(txn, "people", r->json, size, NULL), ann);
        check_refused(db, r, aer_txn_update(txn, "people", bob, r->json, size, NULL), ann);
    }
    CHECK_DB_OK(db, aer_commit(txn));
    for (size_t i = 0; i < AER_COUNT(refusals); i++) {
        const struct refusal *r = &refusals[i];
        size_t size = strlen(r->json);
        check_refused(db, r, aer_insert(db, "people", r->json, size, NULL), ann);
        check_refused(db, r, aer_update(db, "people", bob, r->json, size, NULL), ann);
    }
    after = everything(db);
    CHECK_STR(before, after);
    free(before);
    free(after);
    CHECK_DB_OK(db, aer_close(db));
}

TEST(what_is_no_row_of_the_table_is_refused_and_changes_nothing)
{
    refuse_all(AER_STORAGE_FILES);
    refuse_all(AER_STORAGE_BUCKETS);
}

struct assignment {
    const char *where, *set;
    int code;
    const char *words;
};

static const struct assignment assignments[] = {
    {"name='Bob'", "age='x'", AER_INVALID, "column 'age' is int"},
    {"name='Bob'", "name='Ann'", AER_CONFLICT, "column 'name' is unique"},
    {"1", "email='one'", AER_CONFLICT, "column 'email' is unique"},
    {"name='Bob'", "town=NULL", AER_CONFLICT, "column 'town' must not be null"},
    {"name='Bob'", "nothing=1", AER_NOTABLE, "no column 'nothing'"},
    {"name='Bob'", "age", AER_INVALID, "COLUMN=EXPRESSION"},
    {"name='Bob'", "data='{'", AER_INVALID, "column 'data'"},
    {"name='Bob'", "age=x'00'", AER_INVALID, "blob"},
    {"nmae='Bob'", "age=1", AER_INVALID, "nmae"},
    {"1) FROM (SELECT 1", "age=1", AER_INVALID, "where"},
    {"1; DROP TABLE people", "age=1", AER_INVALID, "where"},
    {"1 --", "email='one'", AER_CONFLICT, "unique"},
    {"load_extension('x')", "age=1", AER_INVALID, "where"},
    {"(SELECT count(*) FROM sqlite_schema) = 0 AND ?10", "age=1", AER_INVALID, "where"},
    {"1", "age=1/0+9223372036854775807+1", AER_INVALID, "age"},
};

static void refuse_where(int storage)
{
    aer_db *db = open_people(storage);
    char *before, *after;
    uint64_t count;

    insert(db, "{\"name\":\"Ann\",\"email\":\"ann@example.org\"}", NULL);
    insert(db, "{\"name\":\"Bob\"}", NULL);
    before = everything(db);
    for (size_t i = 0; i < AER_COUNT(assignments) - 1; i++) {
        const struct assignment *a = &assignments[i];
        CHECK_DB_RC(db, a->code, aer_update_where(db, NULL, "people", a->where, &a->set, 1, &count));
        if (!strstr(aer_errmsg(db), a->words)) fprintf(stderr, "%s: %s\n", a->set, aer_errmsg(db));
        CHECK(strstr(aer_errmsg(db), a->words));
        CHECK_INT(0, count);
    }
    after = everything(db);
    CHECK_STR(before, after);
    free(before);
    free(after);
    CHECK_DB_OK(db, aer_close(db));
}

TEST(an_expression_that_breaks_a_row_changes_none)
{
    refuse_where(AER_STORAGE_FILES);
    refuse_where(AER_STORAGE_BUCKETS);
}

TEST(rows_too_long_or_too_deep_are_refused_at_the_byte_behind_the_limit)
{
    aer_db *db = open_people(AER_STORAGE_FILES);
    size_t size = AER_ROW_MAX;
    char *row = malloc(size + 64), deep[512];
    int n;

    CHECK(row);
    n = sprintf(row, "{\"age\":7,\"data\":\"");
    memset(row + n, 'x', size);
    /* With all its columns and the newline it has 16 MiB to the byte. */
    size -= sizeof("\",\"email\":null,\"is_member\":null,\"name\":\"a\",\"size\":null,\"town\":\"Bern\"}\n") - 1;
    strcpy(row + size, "\",\"name\":\"a\"}");
    CHECK_DB_OK(db, aer_insert(db, "people", row, strlen(row), NULL));
    strcpy(row + size, "x\",\"name\":\"b\"}");
    CHECK_DB_RC(db, AER_INVALID, aer_insert(db, "people", row, strlen(row), NULL));
    CHECK(strstr(aer_errmsg(db), "too long"));
    free(row);
    for (int depth = 62; depth < 65; depth++) {
        n = sprintf(deep, "{\"name\":\"d%d\",\"data\":", depth);
        for (int i = 0; i < depth; i++) deep[n++] = '[';
        for (int i = 0; i < depth; i++) deep[n++] = ']';
        deep[n++] = '}';
        CHECK_DB_RC(db, depth < 64 ? AER_OK : AER_INVALID, aer_insert(db, "people", deep, (size_t)n, NULL));
    }
    CHECK_DB_OK(db, aer_close(db));
}

TEST(numbers_keep_their_last_digit_and_their_order)
{
    static const char *const sizes[] = {
        "-9223372036854775808", "-9223372036854775807", "-1", "0", "1", "9007199254740992", "9007199254740993",
        "9223372036854775806",  "9223372036854775807"};
    const aer_row_range range = {.size = sizeof range, .index = "by_n"};
    const char *const n[] = {"n"}, *id;
    aer_db *db = scene_open(scene_init(1000, 0), NULL);
    aer_slice json;
    aer_rows *rows;
    aer_txn *txn;

    CHECK_DB_OK(db, aer_table_create(db, "numbers", NULL));
    CHECK_DB_OK(db, aer_index_create(db, "numbers", "by_n", n, 1, AER_UNIQUE, NULL, NULL));
    for (size_t i = 0; i < AER_COUNT(sizes); i++) {
        char row[64];
        const char *value = sizes[(i * 5 + 3) % AER_COUNT(sizes)];
        CHECK_DB_OK(db, aer_insert(db, "numbers", row, (size_t)sprintf(row, "{\"n\":%s}", value), NULL));
        CHECK_DB_RC(db, AER_CONFLICT, aer_insert(db, "numbers", row, strlen(row), NULL));
    }
    CHECK_DB_RC(db, AER_CONFLICT, aer_insert(db, "numbers", "{\"n\":1.0}", 9, NULL));
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK_DB_OK(db, aer_rows_open(txn, "numbers", &range, &rows));
    for (size_t i = 0; i < AER_COUNT(sizes); i++) {
        char row[64];
        CHECK_DB_OK(db, aer_rows_next(rows, &id, &json));
        CHECK_MEM(row, (size_t)sprintf(row, "{\"n\":%s}\n", sizes[i]), json.data, json.size);
    }
    CHECK_RC(AER_DONE, aer_rows_next(rows, &id, &json));
    aer_rows_close(rows);
    aer_rollback(txn);
    CHECK_DB_OK(db, aer_close(db));
}

TEST(defaults_and_nulls_are_in_the_row_that_is_stored)
{
    aer_db *db = open_people(AER_STORAGE_FILES);
    char id[AER_ID_SIZE];
    void *json;
    size_t size;

    insert(db, " { \"name\" : \"Ann\" , \"size\" : 3 } ", id);
    CHECK_DB_OK(db, aer_row(db, "people", id, &json, &size));
    CHECK_STR(
        "{\"age\":7,\"data\":null,\"email\":null,\"is_member\":null,\"name\":\"Ann\",\"size\":3.0,\"town\":\"Bern\"}\n", json);
    aer_free(json);
    CHECK_RC(AER_NOTFOUND, aer_row(db, "people", "111122223333444455556", &json, &size));
    CHECK_RC(AER_NOTFOUND, aer_row(db, "people", "11112222333344445555", &json, &size));
    CHECK_RC(AER_NOTFOUND, aer_row(db, "people", "../../../../etc/pass", &json, &size));
    CHECK_RC(AER_NOTFOUND, aer_delete(db, "people", "11112222333344445555"));
    CHECK_DB_OK(db, aer_close(db));
}

TEST(any_number_of_rows_may_have_a_null_where_values_are_unique)
{
    static const int storages[] = {AER_STORAGE_FILES, AER_STORAGE_BUCKETS};

    for (size_t s = 0; s < AER_COUNT(storages); s++) {
        aer_db *db = open_people(storages[s]);
        const char *const set[] = {"email='one'"}, *const none[] = {"email=NULL"};
        uint64_t count;
        insert(db, "{\"name\":\"Ann\"}", NULL);
        insert(db, "{\"name\":\"Bob\"}", NULL);
        CHECK_DB_OK(db, aer_update_where(db, NULL, "people", "name='Ann'", set, 1, &count));
        CHECK_DB_RC(db, AER_CONFLICT, aer_update_where(db, NULL, "people", "name='Bob'", set, 1, &count));
        CHECK_DB_OK(db, aer_update_where(db, NULL, "people", NULL, none, 1, &count));
        CHECK_INT(2, count);
        CHECK_DB_OK(db, aer_delete_where(db, NULL, "people", "email IS NULL", &count));
        CHECK_INT(2, count);
        CHECK_DB_OK(db, aer_close(db));
    }
}

TEST(a_name_is_letters_digits_and_underscores_and_differs_by_more_than_case)
{
    static const char *const bad[] = {
        "",   "9a",  "a-b",      "a b",
        "..", "a/b", "\xc3\xa4", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    const char *const age[] = {"age"};
    aer_db *db = open_people(AER_STORAGE_FILES);

    for (size_t i = 0; i < AER_COUNT(bad); i++) {
        const aer_column column = {bad[i], AER_INT, 0, NULL};
        const aer_table_options options = {sizeof options, AER_STORAGE_FILES, &column, 1};
        CHECK_DB_RC(db, AER_INVALID, aer_table_create(db, bad[i], NULL));
        CHECK_DB_RC(db, AER_INVALID, aer_table_create(db, "other", &options));
        CHECK_DB_RC(db, AER_INVALID, aer_table_rename(db, "people", bad[i]));
        CHECK_DB_RC(db, AER_INVALID, aer_index_create(db, "people", bad[i], age, 1, 0, NULL, NULL));
    }
    CHECK_DB_RC(db, AER_EXISTS, aer_table_create(db, "People", NULL));
    CHECK_DB_RC(db, AER_EXISTS, aer_index_create(db, "people", "PK_NAME", age, 1, 0, NULL, NULL));
    CHECK_DB_RC(db, AER_NOTABLE, aer_table_drop(db, "PEOPLE"));
    CHECK_DB_OK(db, aer_close(db));
}

TEST(a_user_cannot_touch_the_keys_of_tables_nor_see_them)
{
    aer_db *db = open_people(AER_STORAGE_BUCKETS);
    aer_slice key, value;
    aer_cursor *cursor;
    aer_stats stats;
    aer_txn *txn;

    insert(db, "{\"name\":\"Ann\"}", NULL);
    CHECK_DB_RC(db, AER_INVALID, aer_put(db, "\xfftbl1/d/x", 9, "v", 1));
    CHECK_DB_RC(db, AER_INVALID, aer_del(db, "\xfftbl", 4));
    CHECK_DB_OK(db, aer_put(db, "\xfftb", 3, "v", 1));
    CHECK_DB_OK(db, aer_put(db, "\xfftbm", 4, "v", 1));
    for (int reverse = 0; reverse < 2; reverse++) {
        const aer_range range = {.size = sizeof range, .flags = reverse ? AER_REVERSE : 0};
        CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
        CHECK_DB_OK(db, aer_scan(txn, &range, &cursor));
        CHECK_DB_OK(db, aer_next(cursor, &key, &value));
        CHECK_MEM(reverse ? "\xfftbm" : "\xfftb", reverse ? 4 : 3, key.data, key.size);
        CHECK_DB_OK(db, aer_next(cursor, &key, &value));
        CHECK_MEM(reverse ? "\xfftb" : "\xfftbm", reverse ? 3 : 4, key.data, key.size);
        CHECK_RC(AER_DONE, aer_next(cursor, &key, &value));
        CHECK_RC(AER_DONE, aer_next(cursor, &key, &value));
        aer_cursor_close(cursor);
        aer_rollback(txn);
    }
    for (int merged = 0; merged < 2; merged++) {
        CHECK_DB_OK(db, aer_status(db, &stats));
        CHECK_INT(2, stats.keys);
        CHECK_INT(1, stats.tables);
        CHECK_DB_OK(db, aer_seal(db));
    }
    CHECK_DB_OK(db, aer_close(db));
}
