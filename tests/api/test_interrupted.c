/* test_interrupted.c -- a step in the background that fails half way. */
#include <aerials.h>
#include <sqlite3.h>
#include <stdio.h>

#include "scene.h"
#include "testing.h"

#define ACTIVE_0 "bucketroot/active-0.sq3"

/* ---- sealing ------------------------------------------------------------------------------ */

/* Somebody looks into the active file with a tool that locks it. */
static sqlite3 *lock_file(const char *path, const char *file)
{
    char name[PATH_SIZE];
    sqlite3 *db;

    snprintf(name, sizeof name, "%s/%s", path, file);
    CHECK_INT(SQLITE_OK, sqlite3_open(name, &db));
    CHECK_INT(SQLITE_OK, sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0));
    CHECK_INT(SQLITE_OK, sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL));
    return db;
}

static void unlock_file(sqlite3 *db)
{
    CHECK_INT(SQLITE_OK, sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL));
    CHECK_INT(SQLITE_OK, sqlite3_close(db));
}

TEST(a_sealed_file_that_could_not_be_emptied_takes_no_more_rows)
{
    aer_options options = {.size = sizeof options, .busy_ms = 1};
    const char *path = scene_init(100, 0);
    aer_db *db = scene_open(path, &options);
    sqlite3 *lock;

    scene_fill(db, 0, 50, 1);
    lock = lock_file(path, ACTIVE_0);
    CHECK(aer_seal(db) != AER_OK);
    unlock_file(lock);
    scene_fill(db, 50, 60, 1);
    scene_check(db, 0, 60, 1);
    scene_close(db);
    db = scene_open(path, NULL);
    scene_check(db, 0, 60, 1);
    scene_fill(db, 60, 400, 1);
    CHECK_DB_OK(db, aer_seal(db));
    scene_check(db, 0, 400, 1);
    scene_close(db);
}

TEST(a_file_that_could_not_be_emptied_is_emptied_later)
{
    aer_options options = {.size = sizeof options, .busy_ms = 1};
    const char *path = scene_init(100, 0);
    aer_db *db = scene_open(path, &options);
    sqlite3 *lock;

    scene_fill(db, 0, 50, 1);
    lock = lock_file(path, ACTIVE_0);
    CHECK(aer_seal(db) != AER_OK);
    unlock_file(lock);
    scene_close(db);
    db = scene_open(path, NULL); /* patient: it waits for the background */
    scene_fill(db, 50, 1000, 1);
    scene_check(db, 0, 1000, 1);
    scene_close(db);
}

/* ---- removed while open ------------------------------------------------------------------- */

TEST(a_write_into_a_removed_database_fails)
{
    const char *path = scene_init(100, 0);
    aer_db *db = scene_open(path, NULL);

    scene_fill(db, 0, 10, 1);
    scene_shell("rm -r '%s'", path);
    CHECK_DB_RC(db, AER_IO, put_text(db, "k", "v"));
    CHECK(aer_errmsg(db)[0]);
    aer_close(db);
}

TEST(two_handles_with_different_lock_files_do_not_both_write)
{
    const char *path = scene_init(100, 0);
    aer_db *db = scene_open(path, NULL), *other;

    CHECK_DB_OK(db, put_text(db, "a", "1"));
    scene_shell("rm '%s/aerial.lock'", path);
    other = scene_open(path, NULL);
    CHECK_DB_OK(other, put_text(other, "b", "1"));
    CHECK_DB_RC(db, AER_IO, put_text(db, "c", "1"));
    aer_close(db);
    check_text(other, "a", "1");
    check_text(other, "b", "1");
    check_text(other, "c", NULL);
    CHECK_DB_OK(other, put_text(other, "c", "1"));
    scene_close(other);
    other = scene_open(path, NULL);
    check_text(other, "c", "1");
    scene_close(other);
}
