/* test_gdbm.c -- tables of kind gdbm: rows and indexes in the journal, in their files, and on the way from one to the other. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fs/fs.h"
#include "scene.h"
#include "testing.h"

#define RECORDS "SELECT count(*) FROM journal WHERE op IN('store','erase')"
#define ENOUGH 400 /* rows of a thousand bytes: closing brings them into their file */

/* ---- what a user sees ---- */

TEST(rows_come_back_from_journal_and_file)
{
    const char *path = scene_make();
    aer_db *db = scene_open(path, false);
    struct people p = {0};
    char id[AER_ID_SIZE];

    CHECK(scene_has(path, DATA_FILE)); /* made when the table was */
    add_people(db, &p, 20, 30);
    add_person(db, NULL, &p, 7, 0);
    age_person(db, NULL, &p, 3, 99);
    remove_person(db, NULL, &p, 5);
    check_people(db, &p);
    CHECK_DB_RC(db, AER_CONFLICT, aer_insert(db, TABLE, "{\"name\":\"n1\"}", 13, id));
    scene_close(db);
    CHECK(scene_sql(path, RECORDS) > 0); /* too few for a checkpoint */
    db = scene_open(path, false);
    check_people(db, &p);
    add_people(db, &p, ENOUGH, 1000);
    scene_close(db);
    CHECK_INT(0, scene_sql(path, RECORDS));
    db = scene_open(path, false);
    check_people(db, &p);
    CHECK_DB_RC(db, AER_CONFLICT, aer_insert(db, TABLE, "{\"name\":\"n1\"}", 13, id));
    age_person(db, NULL, &p, 100, 3);
    remove_person(db, NULL, &p, 200);
    check_people(db, &p);
    scene_close(db);
    people_release(&p);
}

TEST(a_long_life)
{
    const char *path = scene_make();
    uint64_t random = test_seed();
    struct people p = {0};
    aer_db *db = scene_open(path, false), *other = scene_open(path, false), *reader = scene_open(path, true);

    for (int round = 0; round < 25; round++) {
        live(db, &p, &random, 40);
        check_people(other, &p);
        if (round % 3 == 0) {
            add_people(db, &p, ENOUGH, 1000); /* the next close makes a checkpoint, beside the other two */
            scene_close(db);
            db = scene_open(path, false);
        }
        check_people(reader, &p);
        live(other, &p, &random, 5);
        check_people(db, &p);
        if (p.count > 2000) {
            while (p.count > 100) remove_person(db, NULL, &p, p.count / 2);
        }
    }
    scene_close(reader);
    scene_close(other);
    scene_close(db);
    db = scene_open(path, false);
    check_people(db, &p);
    scene_close(db);
    people_release(&p);
}

TEST(a_transaction_sees_its_own_rows_and_takes_keys_along)
{
    const char *path = scene_make();
    aer_db *db = scene_open(path, false), *other = scene_open(path, false);
    struct people p = {0};
    aer_txn *txn;
    void *value;
    size_t size;

    add_people(db, &p, ENOUGH, 1000);
    scene_close(db);
    db = scene_open(path, false);
    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    CHECK_DB_OK(db, aer_txn_delete(txn, TABLE, p.at[1].id));
    CHECK_DB_RC(db, AER_NOTFOUND, aer_txn_row(txn, TABLE, p.at[1].id, &value, &size));
    CHECK_DB_OK(db, aer_txn_row(txn, TABLE, p.at[2].id, &value, &size));
    aer_free(value);
    aer_rollback(txn);
    check_people(other, &p);
    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    remove_person(db, txn, &p, 1);
    CHECK_DB_OK(db, aer_txn_put(txn, "k", 1, "v", 1));
    CHECK_DB_OK(db, aer_commit(txn));
    check_people(other, &p);
    CHECK_DB_OK(other, aer_get(other, "k", 1, &value, &size));
    CHECK_MEM("v", 1, value, size);
    aer_free(value);
    scene_close(other);
    scene_close(db);
    people_release(&p);
}

/* A reader who has one version of files and journal in hand goes on with it while they are replaced. */
TEST(a_reader_in_the_middle_of_a_scan_bears_a_checkpoint)
{
    const char *path = scene_make();
    aer_db *db = scene_open(path, false), *reader = scene_open(path, false);
    struct people p = {0};
    aer_row_range range = {.size = sizeof range, .index = "by_age"};
    aer_txn *txn;
    aer_rows *rows;
    const char *id;
    aer_slice json;

    add_people(db, &p, ENOUGH, 1000);
    check_people(reader, &p);
    CHECK_DB_OK(reader, aer_begin(reader, AER_READ, &txn));
    CHECK_DB_OK(reader, aer_rows_open(txn, TABLE, &range, &rows));
    for (int i = 0; i < 10; i++) CHECK_DB_OK(reader, aer_rows_next(rows, &id, &json));
    scene_close(db);
    CHECK_INT(0, scene_sql(path, RECORDS));
    for (size_t i = 10; i < p.count; i++) CHECK_DB_OK(reader, aer_rows_next(rows, &id, &json));
    CHECK_DB_RC(reader, AER_DONE, aer_rows_next(rows, &id, &json));
    aer_rows_close(rows);
    aer_rollback(txn);
    check_people(reader, &p);
    db = scene_open(path, false);
    while (p.count > 10) remove_person(db, NULL, &p, 0);
    check_people(reader, &p);
    add_people(db, &p, 2 * ENOUGH, 1000);
    scene_close(db);
    check_people(reader, &p);
    scene_close(reader);
    people_release(&p);
}

TEST(another_process_reads_what_is_only_in_the_journal)
{
    const char *path = scene_make(), *command = getenv("AERIALS");
    aer_db *db = scene_open(path, false);
    struct people p = {0};

    if (!command) return;
    add_people(db, &p, 20, 30);
    scene_shell("'%s' -d '%s' update people --where \"name='n3'\" --set age=77 | grep -qx 1", command, path);
    CHECK_INT(0, scene_sql(path, "SELECT count(*) FROM journal WHERE op='erase' AND path LIKE '%index%'"));
    CHECK(scene_sql(path, RECORDS) > 0);
    for (size_t i = 0; i < p.count; i++) {
        void *json;
        size_t size;
        int rc = aer_row(db, TABLE, p.at[i].id, &json, &size);
        CHECK_DB_RC(db, p.at[i].number == 3 ? AER_NOTFOUND : AER_OK, rc);
        aer_free(json);
    }
    scene_close(db);
    people_release(&p);
}

/* ---- whole tables ---- */

TEST(a_renamed_table_keeps_what_is_in_the_journal_and_a_dropped_one_leaves_nothing)
{
    const char *path = scene_make();
    aer_db *db = scene_open(path, false), *other = scene_open(path, false);
    aer_table_options options = {.size = sizeof options, .storage = AER_STORAGE_GDBM};
    struct people p = {0};
    void *json;
    size_t size;

    add_people(db, &p, ENOUGH, 1000);
    scene_close(db);
    db = scene_open(path, false);
    age_person(db, NULL, &p, 5, 80);
    check_people(other, &p);
    CHECK_DB_OK(db, aer_table_rename(db, TABLE, "folk"));
    CHECK_DB_OK(other, aer_row(other, "folk", p.at[5].id, &json, &size)); /* of the journal */
    aer_free(json);
    CHECK_DB_OK(other, aer_row(other, "folk", p.at[6].id, &json, &size)); /* of the file */
    aer_free(json);
    CHECK_DB_RC(other, AER_NOTABLE, aer_row(other, TABLE, p.at[5].id, &json, &size));
    CHECK_DB_OK(other, aer_table_rename(other, "folk", TABLE));
    check_people(db, &p);
    age_person(db, NULL, &p, 7, 81);
    CHECK_DB_OK(db, aer_table_drop(db, TABLE));
    CHECK(!scene_has(path, "tables/people"));
    CHECK_INT(0, scene_sql(path, RECORDS));
    CHECK_DB_RC(other, AER_NOTABLE, aer_row(other, TABLE, p.at[5].id, &json, &size));
    CHECK_DB_OK(db, aer_table_create(db, TABLE, &options));
    CHECK_DB_RC(other, AER_NOTFOUND, aer_row(other, TABLE, p.at[6].id, &json, &size));
    scene_close(other);
    scene_close(db);
    CHECK_INT(0, scene_sql(path, "SELECT count(*) FROM files WHERE name LIKE '%.next'"));
    people_release(&p);
}

TEST(indexes_come_and_go)
{
    const char *path = scene_make(), *columns[] = {"text", "age"};
    aer_db *db = scene_open(path, false);
    aer_rebuild_result result;
    struct people p = {0};

    add_people(db, &p, ENOUGH, 1000);
    CHECK_DB_OK(db, aer_index_create(db, TABLE, "by_text", columns, 2, 0, NULL, NULL));
    scene_close(db);
    db = scene_open(path, false);
    CHECK_DB_OK(db, aer_index_drop(db, TABLE, "by_text"));
    CHECK_DB_OK(db, aer_index_drop(db, TABLE, "by_age"));
    columns[0] = "age";
    CHECK_DB_OK(db, aer_index_create(db, TABLE, "by_age", columns, 1, 0, NULL, NULL));
    check_people(db, &p);
    CHECK_DB_OK(db, aer_index_rebuild(db, TABLE, NULL, NULL, NULL, &result));
    CHECK_INT(p.count, result.rows);
    CHECK_INT(2, result.indexes);
    check_people(db, &p);
    scene_close(db);
    people_release(&p);
}

/* ---- not writable ---- */

TEST(who_may_only_read_reads_the_journal_too)
{
    const char *path = scene_make();
    aer_db *db = scene_open(path, false);
    struct people p = {0};

    add_people(db, &p, ENOUGH, 1000);
    scene_close(db);
    db = scene_open(path, false);
    age_person(db, NULL, &p, 5, 80);
    scene_close(db);
    CHECK(scene_sql(path, RECORDS) > 0);
    db = scene_open(path, true);
    check_people(db, &p);
    scene_close(db);
    people_release(&p);
}

TEST(a_copy_of_the_directory_is_as_good)
{
    const char *path = scene_make();
    aer_db *db = scene_open(path, false);
    struct people p = {0};
    char copy[4400];

    add_people(db, &p, ENOUGH, 1000);
    scene_close(db);
    snprintf(copy, sizeof copy, "%s-copy", path);
    scene_shell("cp -r '%s' '%s' && touch -d 2001-01-01 '%s'/tables/people/*", path, copy, copy);
    db = scene_open(copy, false);
    check_people(db, &p);
    age_person(db, NULL, &p, 5, 80);
    add_people(db, &p, ENOUGH, 1000);
    scene_close(db);
    db = scene_open(copy, true);
    check_people(db, &p);
    scene_close(db);
    people_release(&p);
}

/* ---- interrupted ---- */

static void die_in_close(const char *path, int ready)
{
    aer_db *db = scene_open(path, false);
    struct people unwanted = {0};

    unwanted.next = 1000000;
    add_people(db, &unwanted, 1, 10);
    CHECK_INT(1, write(ready, "x", 1));
    aer_close(db);
    _exit(0);
}

TEST(death_in_a_checkpoint_loses_nothing)
{
    const char *path = scene_make();
    uint64_t random = test_seed();
    struct people p = {0};
    aer_db *db;

    for (int round = 0; round < 40; round++) {
        struct people dead = {0};
        int ready[2];
        char c;
        pid_t pid;
        db = scene_open(path, false);
        if (p.count > 600) {
            while (p.count > 50) remove_person(db, NULL, &p, p.count / 2);
        }
        add_people(db, &p, round % 4 == 0 ? ENOUGH : 5, 1000);
        live(db, &p, &random, 3);
        CHECK_INT(0, pipe(ready));
        pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) die_in_close(path, ready[1]);
        close(ready[1]);
        CHECK_INT(1, read(ready[0], &c, 1));
        close(ready[0]);
        for (volatile uint64_t spin = test_random(&random) % 3000000; spin > 0; spin--) continue;
        kill(pid, SIGKILL);
        CHECK_INT(pid, waitpid(pid, NULL, 0));
        /* The row of the child, which is there in any case, goes again. */
        dead.at = malloc(sizeof *dead.at);
        CHECK(dead.at != NULL);
        {
            aer_row_range range = {
                .size = sizeof range, .index = "unq_name", .from = "\"n1000000\"", .to = "\"n1000000\"", .flags = AER_UPTO_TO};
            aer_txn *txn;
            aer_rows *rows;
            const char *id;
            aer_slice json;
            CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
            CHECK_DB_OK(db, aer_rows_open(txn, TABLE, &range, &rows));
            CHECK_DB_OK(db, aer_rows_next(rows, &id, &json));
            memcpy(dead.at->id, id, AER_ID_SIZE);
            aer_rows_close(rows);
            aer_rollback(txn);
        }
        dead.count = 1;
        remove_person(db, NULL, &dead, 0);
        people_release(&dead);
        check_people(db, &p);
        scene_close(db);
        db = scene_open(path, round % 2);
        check_people(db, &p);
        scene_close(db);
    }
    people_release(&p);
}

/* Each system call of a checkpoint fails once; then it is as if it had not been tried. */
TEST(a_checkpoint_that_fails_anywhere_is_made_up_for)
{
    static const int kinds[] = {FS_FAULT_WRITE, FS_FAULT_SYNC, FS_FAULT_RENAME,
                                FS_FAULT_OPEN,  FS_FAULT_READ, FS_FAULT_SHORT};
    const char *path = scene_make();
    struct people p = {0};
    aer_db *db = scene_open(path, false);

    add_people(db, &p, ENOUGH, 1000);
    scene_close(db);
    for (size_t kind = 0; kind < AER_COUNT(kinds); kind++) {
        for (unsigned n = 1; n <= 12; n++) {
            db = scene_open(path, false);
            while (p.count > 600) remove_person(db, NULL, &p, p.count / 2);
            add_people(db, &p, 200, 2000);
            aer__fs_fault_at(kinds[kind], n, EIO);
            (void)aer_close(db);
            aer__fs_fault_at(FS_FAULT_NONE, 0, 0);
            db = scene_open(path, n % 2);
            check_people(db, &p);
            scene_close(db);
        }
    }
    db = scene_open(path, false);
    add_people(db, &p, 3000, 2000);
    scene_close(db);
    CHECK_INT(0, scene_sql(path, RECORDS));
    scene_shell("! ls '%s/tables/people' | grep -q tmp", path);
    people_release(&p);
}

/* ---- damage ---- */

static size_t find_text(const unsigned char *data, size_t size, const char *text)
{
    const unsigned char *at = memmem(data, size, text, strlen(text));

    CHECK(at != NULL);
    return (size_t)(at - data);
}

TEST(a_damaged_record_is_named_and_the_others_are_read)
{
    const char *path = scene_make();
    aer_db *db = scene_open(path, false);
    struct people p = {0};
    aer_rebuild_result result;
    unsigned char *data;
    size_t size, found = 0;
    void *json;
    aer_txn *txn;
    aer_rows *rows;
    const char *id;
    aer_slice row;
    int rc;

    add_people(db, &p, ENOUGH, 1000);
    scene_close(db);
    data = scene_read(path, DATA_FILE, &size);
    data[find_text(data, size, "\"name\":\"n7\"") + 9] = '8';
    scene_write(path, DATA_FILE, data, size, true);
    db = scene_open(path, false);
    for (size_t i = 0; i < p.count; i++) {
        rc = aer_row(db, TABLE, p.at[i].id, &json, &size);
        aer_free(json);
        CHECK_DB_RC(db, p.at[i].number == 7 ? AER_CORRUPT : AER_OK, rc);
        if (rc) CHECK(strstr(aer_errmsg(db), DATA_FILE) && strstr(aer_errmsg(db), p.at[i].id));
    }
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK_DB_OK(db, aer_rows_open(txn, TABLE, NULL, &rows));
    while ((rc = aer_rows_next(rows, &id, &row)) != AER_DONE) {
        CHECK_DB_RC(db, id && strcmp(id, p.at[7].id) == 0 ? AER_CORRUPT : AER_OK, rc);
        found++;
    }
    CHECK_INT(p.count, found);
    aer_rows_close(rows);
    aer_rollback(txn);
    CHECK_DB_RC(db, AER_CORRUPT, aer_row(db, TABLE, "11111111111111111111", &json, &size)); /* it cannot be known */
    CHECK_DB_RC(db, AER_CORRUPT, aer_index_rebuild(db, TABLE, NULL, NULL, NULL, &result));
    CHECK(strstr(aer_errmsg(db), p.at[7].id) != NULL);
    /* A checkpoint would copy the damage: rows stay in the journal, and are there. */
    add_people(db, &p, ENOUGH, 1000);
    scene_close(db);
    CHECK(scene_sql(path, RECORDS) > 0);
    free(data);
    people_release(&p);
}

TEST(files_changed_or_missing_are_told_and_taken_over)
{
    const char *path = scene_make();
    aer_db *db = scene_open(path, false);
    struct people p = {0};
    struct person gone[100];
    aer_rebuild_result result;
    unsigned char *data;
    size_t size, flipped = 0;
    void *json;
    aer_txn *txn;
    aer_rows *rows;
    const char *id;
    aer_slice row;
    aer_row_range range = {.size = sizeof range, .index = "by_age"};

    add_people(db, &p, ENOUGH, 1000);
    scene_close(db);
    /* Another index file: */
    data = scene_read(path, INDEX_FILE, &size);
    data[find_text(data, size, p.at[3].id)] = '1';
    scene_write(path, INDEX_FILE, data, size, false);
    free(data);
    db = scene_open(path, false);
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK_DB_OK(db, aer_rows_open(txn, TABLE, &range, &rows));
    CHECK_DB_RC(db, AER_CHANGED, aer_rows_next(rows, &id, &row));
    CHECK(strstr(aer_errmsg(db), INDEX_FILE) != NULL);
    aer_rows_close(rows);
    aer_rollback(txn);
    CHECK_DB_OK(db, aer_index_rebuild(db, TABLE, "by_age", NULL, NULL, &result));
    CHECK_INT(2, result.indexes);
    check_people(db, &p);
    add_people(db, &p, ENOUGH, 1000);
    scene_close(db);
    /* None: */
    scene_shell("rm '%s/%s'", path, INDEX_FILE);
    db = scene_open(path, false);
    CHECK_DB_OK(db, aer_index_rebuild(db, TABLE, NULL, NULL, NULL, &result));
    check_people(db, &p);
    scene_close(db);
    /* Another data file, whose records are whole: a flip in what a removed row has left behind. */
    db = scene_open(path, false);
    memcpy(gone, p.at + 150, sizeof gone);
    while (p.count > 100) remove_person(db, NULL, &p, 0);
    scene_close(db);
    CHECK_INT(0, scene_sql(path, RECORDS));
    data = scene_read(path, DATA_FILE, &size);
    for (size_t i = 0; i < AER_COUNT(gone); i++) {
        char name[32];
        unsigned char *at;
        snprintf(name, sizeof name, "\"name\":\"n%u\"", gone[i].number);
        at = memmem(data, size, name, strlen(name));
        if (at) at[1] = 'x';
        flipped += at != NULL;
    }
    CHECK(flipped > 0);
    scene_write(path, DATA_FILE, data, size, false);
    free(data);
    db = scene_open(path, false);
    CHECK_DB_RC(db, AER_CHANGED, aer_row(db, TABLE, p.at[3].id, &json, &size));
    CHECK_DB_OK(db, aer_index_rebuild(db, TABLE, NULL, NULL, NULL, &result));
    CHECK_INT(p.count, result.rows);
    check_people(db, &p);
    age_person(db, NULL, &p, 3, 70);
    add_people(db, &p, ENOUGH, 1000);
    scene_close(db);
    CHECK_INT(0, scene_sql(path, RECORDS));
    /* None: all rows that were in it are gone, once the user says so. */
    scene_shell("rm '%s/%s'", path, DATA_FILE);
    db = scene_open(path, false);
    CHECK_DB_RC(db, AER_CHANGED, aer_row(db, TABLE, p.at[3].id, &json, &size));
    CHECK_DB_OK(db, aer_index_rebuild(db, TABLE, NULL, NULL, NULL, &result));
    p.count = 0;
    check_people(db, &p);
    add_people(db, &p, ENOUGH, 1000);
    scene_close(db);
    db = scene_open(path, false);
    check_people(db, &p);
    scene_close(db);
    people_release(&p);
}

/* Whatever bit is wrong: what is read is right, or an error. */
TEST(no_flipped_bit_and_no_cut_loses_a_row_in_silence)
{
    const char *path = scene_make();
    aer_db *db = scene_open(path, false);
    uint64_t random = test_seed();
    struct people p = {0};
    unsigned char *data, *bad;
    size_t size;

    add_people(db, &p, 300, 10);
    add_people(db, &p, 300, 1000);
    scene_close(db);
    CHECK_INT(0, scene_sql(path, RECORDS));
    data = scene_read(path, DATA_FILE, &size);
    bad = malloc(size);
    CHECK(bad != NULL);
    for (int round = 0; round < 300; round++) {
        size_t at = round < 100 ? (size_t)round * 8 : test_random(&random) % size, bad_size = size, found = 0;
        aer_txn *txn;
        aer_rows *rows;
        const char *id;
        aer_slice row;
        int rc;
        memcpy(bad, data, size);
        bad[at] ^= (unsigned char)(1u << test_random(&random) % 8);
        if (round % 10 == 9) bad_size = at;
        scene_write(path, DATA_FILE, bad, bad_size, true);
        db = scene_open(path, true);
        for (size_t i = 0; i < p.count; i += 7) {
            void *json;
            size_t json_size;
            rc = aer_row(db, TABLE, p.at[i].id, &json, &json_size);
            CHECK(rc == AER_OK || rc == AER_CORRUPT || rc == AER_CHANGED || rc == AER_NOMEM || rc == AER_IO);
            aer_free(json);
        }
        CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
        CHECK_DB_OK(db, aer_rows_open(txn, TABLE, NULL, &rows));
        while ((rc = aer_rows_next(rows, &id, &row)) != AER_DONE && (rc == AER_OK || id)) found++;
        if (rc == AER_DONE) CHECK_INT(p.count, found);
        aer_rows_close(rows);
        aer_rollback(txn);
        scene_close(db);
    }
    free(bad);
    free(data);
    people_release(&p);
}
