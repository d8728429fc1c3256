/* test_tables_together.c -- tables used by several at once: what each of them sees, and what must not be lost between them. */
#include <aerials.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
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

/* ---- in the way ---- */

TEST(a_name_is_taken_by_a_file_or_a_link_too)
{
    const char *path = scene_init(0, 0);
    aer_db *db = scene_open(path, NULL);

    create(db, "people", AER_STORAGE_FILES);
    scene_shell("cd %s/tables && touch note && ln -s people friends", path);
    CHECK_DB_RC(db, AER_EXISTS, aer_table_create(db, "note", NULL));
    CHECK_DB_RC(db, AER_EXISTS, aer_table_create(db, "Friends", NULL));
    CHECK_DB_RC(db, AER_EXISTS, aer_table_rename(db, "people", "note"));
    create(db, "other", AER_STORAGE_FILES);
    scene_close(db);
}

/* After the commit point it is too late to refuse: what is in the way is moved by whoever opens next. */
static void plant(const char *command)
{
    static const char *const columns[] = {"n"};
    const char *path = scene_init(0, 0);
    aer_db *db = scene_open(path, NULL);
    aer_txn *txn;

    create(db, "people", AER_STORAGE_FILES);
    scene_shell("mkdir -p %s/tables/people/index/by_n/root && cd %s/tables/people/index/by_n/root && %s", path, path, command);
    if (aer_index_create(db, "people", "by_n", columns, 1, 0, NULL, NULL)) {
        aer_close(db);
        db = scene_open(path, NULL);
    }
    CHECK_DB_OK(db, aer_insert(db, "people", "{\"name\":\"a\",\"n\":1}", 18, NULL));
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK_INT(1, count_rows(txn, "people"));
    CHECK_DB_OK(db, aer_commit(txn));
    scene_close(db);
}

TEST(a_directory_where_a_file_belongs_is_moved_away)
{
    plant("mkdir -p leaf/below");
}

TEST(a_fifo_or_a_link_where_a_file_belongs_is_replaced_or_moved_away)
{
    plant("mkfifo leaf");
    plant("ln -s /etc/passwd leaf");
}

/* ---- a sync that fails ---- */

static ino_t row_inode(const char *path)
{
    char command[PATH_SIZE], inode[64] = "";
    FILE *out;

    snprintf(command, sizeof command, "find %s/tables/people/data -type f -printf %%i", path);
    out = popen(command, "r");
    CHECK(out && fgets(inode, sizeof inode, out));
    pclose(out);
    return (ino_t)strtoull(inode, NULL, 10);
}

/* Reads still show what the system could not write, and the next sync says nothing of it. */
TEST(after_a_failed_sync_the_files_of_the_journal_are_written_anew)
{
    const char *path = scene_init(0, 0);
    aer_db *db = scene_open(path, NULL);
    ino_t before;

    create(db, "people", AER_STORAGE_FILES);
    create(db, "other", AER_STORAGE_FILES);
    CHECK_DB_OK(db, aer_insert(db, "people", "{\"name\":\"a\"}", 12, NULL));
    before = row_inode(path);
    aer__fs_fault_at(FS_FAULT_SYNC, 1, EIO);
    CHECK_DB_RC(db, AER_IO, aer_table_drop(db, "other"));
    aer__fs_fault_at(FS_FAULT_NONE, 0, 0);
    CHECK(row_inode(path) == before);
    CHECK_DB_OK(db, aer_table_create(db, "later", NULL)); /* a commit in between does not make it good */
    CHECK_DB_OK(db, aer_table_drop(db, "other"));
    CHECK(row_inode(path) != before);
    scene_close(db);
}

/* ---- changes by expressions ---- */

TEST(an_expression_that_gives_no_json_is_refused_and_the_transaction_goes_on)
{
    static const char *const bad[] = {"n=9e999", "name=CAST(x'ff' AS TEXT)",
                                      "name=CASE WHEN name='b' THEN 1 ELSE 'z' || name END"};
    aer_db *db = scene_open(scene_init(0, 0), NULL);
    aer_txn *txn;

    create(db, "people", AER_STORAGE_FILES);
    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    CHECK_DB_OK(db, insert(txn, "people", "a"));
    for (size_t i = 0; i < 2; i++)
        CHECK_DB_RC(db, AER_INVALID, aer_update_where(db, txn, "people", NULL, &bad[i], 1, NULL));
    CHECK_DB_OK(db, insert(txn, "people", "b"));
    /* Evaluated for all rows before the first is changed. */
    {
        const char *const infinite = "n=CASE WHEN name='b' THEN 9e999 ELSE 1 END";
        CHECK_DB_RC(db, AER_INVALID, aer_update_where(db, txn, "people", NULL, &infinite, 1, NULL));
        CHECK_DB_RC(db, AER_INVALID, aer_update_where(db, txn, "people", "name='b'", &bad[2], 1, NULL));
    }
    CHECK_DB_OK(db, aer_commit(txn));
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK_INT(2, count_rows(txn, "people"));
    CHECK_DB_OK(db, aer_commit(txn));
    scene_close(db);
}

/* ---- numbers given by hand ---- */

TEST(numbers_in_a_config_written_by_hand_do_not_run_over)
{
    static const char *const columns[] = {"n"};
    const char *path = scene_init(0, 0);
    aer_db *db = scene_open(path, NULL);

    scene_shell("mkdir -p %s/tables/given && echo '{\"columns\": [], \"id\": 2147483647, \"indexes\": [], "
                "\"next_index\": 4000000000,"
                " \"schema_version\": 1, \"storage\": \"files\"}' > %s/tables/given/config",
                path, path);
    CHECK_DB_OK(db, aer_index_rebuild(db, "given", NULL, NULL, NULL, NULL));
    CHECK_DB_OK(db, aer_index_create(db, "given", "by_n", columns, 1, 0, NULL, NULL));
    create(db, "people", AER_STORAGE_FILES);
    CHECK_DB_OK(db, aer_insert(db, "given", "{\"n\":1}", 7, NULL));
    CHECK_DB_OK(db, aer_insert(db, "people", "{\"n\":1}", 7, NULL));
    scene_shell("sed -i 's/\"indexes\": \\[/&\\n{\"columns\": [\"n\"], \"name\": \"second\", \"number\": 1},/' "
                "%s/tables/given/config",
                path);
    CHECK_DB_RC(db, AER_OK, aer_close(db));
    db = scene_open(path, NULL);
    CHECK_DB_RC(db, AER_CORRUPT, aer_index_rebuild(db, "given", NULL, NULL, NULL, NULL));
    scene_close(db);
}
