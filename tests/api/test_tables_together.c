/* test_tables_together.c -- tables used by several at once: what each of them sees, and what must not be lost between them. */
#include <aerials.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fs/fs.h"
#include "scene.h"
#include "testing.h"

static void create(aer_db *db, const char *table, int storage)
{
    static const aer_column columns[] = {{"name", AER_STR, AER_UNIQUE, NULL}, {"n", AER_INT, 0, NULL}};

    CHECK_DB_OK(db, aer_table_create(db, table, &(aer_table_options){sizeof(aer_table_options), storage, columns, 2}));
}

static int insert(aer_txn *txn, const char *table, const char *name)
{
    char row[64];

    snprintf(row, sizeof row, "{\"name\":\"%s\"}", name);
    return aer_txn_insert(txn, table, row, strlen(row), NULL);
}

/* Rows of the table, by its index. */
static unsigned count_rows(aer_txn *txn, const char *table)
{
    aer_row_range range = {.size = sizeof range, .index = "unq_name"};
    unsigned count = 0;
    const char *id;
    aer_slice json;
    aer_rows *rows;

    CHECK_OK(aer_rows_open(txn, table, &range, &rows));
    while (aer_rows_next(rows, &id, &json) == AER_OK) count++;
    aer_rows_close(rows);
    return count;
}

/* ---- one moment ---- */

/* A key and a row in one transaction. */
static void commit_both(aer_db *db, const char *text)
{
    aer_txn *txn;

    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    CHECK_DB_OK(db, aer_txn_put(txn, "k", 1, text, strlen(text)));
    CHECK_DB_OK(db, insert(txn, "people", text));
    CHECK_DB_OK(db, aer_commit(txn));
}

TEST(a_reader_that_looks_at_tables_late_sees_keys_and_rows_of_one_moment)
{
    aer_db *db = scene_open(scene_init(0, 0), NULL);
    void *value;
    size_t size;
    aer_txn *txn;

    create(db, "people", AER_STORAGE_FILES);
    commit_both(db, "old");
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    commit_both(db, "new");
    CHECK_INT(2, count_rows(txn, "people"));
    CHECK_DB_OK(db, aer_txn_get(txn, "k", 1, &value, &size));
    CHECK_MEM("new", 3, value, size);
    aer_free(value);
    CHECK_DB_OK(db, aer_commit(txn));
    scene_close(db);
}

TEST(a_reader_that_has_read_keys_is_told_that_tables_have_moved_on)
{
    aer_db *db = scene_open(scene_init(0, 0), NULL);
    aer_rows *rows;
    void *value;
    size_t size;
    aer_txn *txn;

    create(db, "people", AER_STORAGE_FILES);
    commit_both(db, "old");
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK_DB_OK(db, aer_txn_get(txn, "k", 1, &value, &size));
    aer_free(value);
    commit_both(db, "new");
    CHECK_DB_RC(db, AER_BUSY, aer_rows_open(txn, "people", NULL, &rows));
    CHECK_DB_OK(db, aer_commit(txn));
    scene_close(db);
}

/* ---- after a death ---- */

static void die_half_way(void *arg)
{
    const char *path = arg;
    aer_db *db = scene_open(path, NULL);

    aer__fs_fault_at(FS_FAULT_WRITE, 1, EIO); /* the first file of the commit, after its commit point */
    CHECK_DB_RC(db, AER_UNKNOWN, aer_insert(db, "people", "{\"name\":\"dead\"}", 15, NULL));
    _exit(0);
}

/* Who takes the turn last to close finishes no tables: the next one must not take them for finished. */
TEST(what_a_dead_writer_left_is_finished_though_a_handle_that_closes_came_first)
{
    const char *path = scene_init(0, 0);
    aer_db *db = scene_open(path, NULL), *other = scene_open(path, NULL);
    aer_txn *txn;

    create(db, "people", AER_STORAGE_FILES);
    CHECK_DB_OK(other, put_text(other, "a", "1")); /* both have had the turn */
    scene_child(die_half_way, (void *)path);
    scene_close(other);
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK_INT(1, count_rows(txn, "people"));
    CHECK_DB_OK(db, aer_commit(txn));
    CHECK_DB_OK(db, aer_insert(db, "people", "{\"name\":\"next\"}", 15, NULL));
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK_INT(2, count_rows(txn, "people"));
    CHECK_DB_OK(db, aer_commit(txn));
    scene_close(db);
}
