/* test_tables_threads.c -- several threads change tables through one handle: every row has its index entries afterwards. */
#include <aerials.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "scene.h"
#include "testing.h"

#define ROUNDS 1000

struct work {
    aer_db *db;
    const char *table;
};

static void create(aer_db *db, const char *table, int storage)
{
    static const aer_column columns[] = {{"name", AER_STR, AER_UNIQUE, NULL}, {"n", AER_INT, 0, NULL}};

    CHECK_DB_OK(db, aer_table_create(db, table, &(aer_table_options){sizeof(aer_table_options), storage, columns, 2}));
}

static unsigned count_rows(aer_db *db, const char *table, const char *index)
{
    aer_row_range range = {.size = sizeof range, .index = index, .flags = AER_KEYS_ONLY};
    unsigned count = 0;
    const char *id;
    aer_slice json;
    aer_rows *rows;
    aer_txn *txn;

    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK_DB_OK(db, aer_rows_open(txn, table, &range, &rows));
    while (aer_rows_next(rows, &id, &json) == AER_OK) count++;
    aer_rows_close(rows);
    CHECK_DB_OK(db, aer_commit(txn));
    return count;
}

static void *insert_rows(void *arg)
{
    struct work *w = arg;
    char row[64];

    for (int i = 0; i < ROUNDS; i++) {
        snprintf(row, sizeof row, "{\"name\":\"%s%d\",\"n\":%d}", w->table, i, i);
        CHECK_DB_OK(w->db, aer_insert(w->db, w->table, row, strlen(row), NULL));
    }
    return NULL;
}

/* Changes that come to nothing. */
static void *take_back_rows(void *arg)
{
    struct work *w = arg;
    char row[64];

    for (int i = 0; i < ROUNDS; i++) {
        aer_txn *txn;
        snprintf(row, sizeof row, "{\"name\":\"never%d\"}", i);
        CHECK_DB_OK(w->db, aer_begin(w->db, AER_WRITE, &txn));
        CHECK_DB_OK(w->db, aer_txn_insert(txn, w->table, row, strlen(row), NULL));
        aer_rollback(txn);
    }
    return NULL;
}

static void *define(void *arg)
{
    static const char *const columns[] = {"n"};
    struct work *w = arg;

    for (int i = 0; i < ROUNDS / 5; i++) {
        CHECK_DB_OK(w->db, aer_index_create(w->db, w->table, "by_n", columns, 1, 0, NULL, NULL));
        CHECK_DB_OK(w->db, aer_index_drop(w->db, w->table, "by_n"));
    }
    return NULL;
}

static void *create_and_drop(void *arg)
{
    struct work *w = arg;

    for (int i = 0; i < ROUNDS / 10; i++) {
        create(w->db, w->table, AER_STORAGE_FILES);
        CHECK_DB_OK(w->db, aer_table_drop(w->db, w->table));
    }
    return NULL;
}

static void run(int storage, void *(*other)(void *arg), const char *other_table, bool two_handles)
{
    static const aer_options options = {.size = sizeof options, .sync = AER_SYNC_NORMAL};
    const char *path = scene_init(0, 0);
    aer_db *db = scene_open(path, &options), *second = two_handles ? scene_open(path, &options) : db;
    struct work people = {db, "people"}, beside = {second, other_table};
    pthread_t thread[2];

    create(db, "people", AER_STORAGE_FILES);
    create(db, "other", storage);
    CHECK_INT(0, pthread_create(&thread[0], NULL, insert_rows, &people));
    CHECK_INT(0, pthread_create(&thread[1], NULL, other, &beside));
    for (int i = 0; i < 2; i++) CHECK_INT(0, pthread_join(thread[i], NULL));
    CHECK_INT(ROUNDS, count_rows(db, "people", NULL));
    CHECK_INT(ROUNDS, count_rows(db, "people", "unq_name"));
    if (two_handles) scene_close(second);
    scene_close(db);
}

TEST(rows_beside_rows_in_buckets)
{
    run(AER_STORAGE_BUCKETS, insert_rows, "other", false);
}

TEST(rows_beside_changes_that_are_rolled_back)
{
    run(AER_STORAGE_FILES, take_back_rows, "people", false);
}

TEST(rows_beside_changed_definitions)
{
    run(AER_STORAGE_FILES, define, "other", false);
}

TEST(rows_beside_tables_that_come_and_go)
{
    run(AER_STORAGE_FILES, create_and_drop, "passing", false);
}

TEST(rows_beside_tables_that_come_and_go_by_another_handle)
{
    run(AER_STORAGE_FILES, create_and_drop, "passing", true);
}

/* The background, which has just been woken, must not wait for a commit that waits for it. */
TEST(a_row_in_a_transaction_larger_than_a_bucket)
{
    static const aer_options options = {.size = sizeof options, .sync = AER_SYNC_NORMAL};
    aer_db *db = scene_open(scene_init(100, 0), &options);

    create(db, "people", AER_STORAGE_FILES);
    for (unsigned i = 0; i < 60; i++) {
        aer_txn *txn;
        CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
        for (unsigned j = 0; j < 250; j++) CHECK_DB_OK(db, aer_txn_put(txn, &(unsigned[]){i, j}, 8, "value", 5));
        CHECK_DB_OK(db, aer_txn_insert(txn, "people", "{}", 2, NULL));
        CHECK_DB_OK(db, aer_commit(txn));
    }
    CHECK_INT(60, count_rows(db, "people", "unq_name"));
    scene_close(db);
}
