/* test_readonly.c -- a database that may not be written: all that is committed reads, nothing is created. */
#include <aerials.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scene.h"
#include "testing.h"

#define KEYS 700
#define NOBODY 65534

static const char *path;

static void check_reads(aer_db *db)
{
    aer_txn *txn = NULL;
    aer_cursor *cursor = NULL;
    aer_slice key, value;
    aer_stats stats;
    unsigned count = 0;

    scene_check(db, 0, 200, 2);
    scene_check(db, 200, KEYS, 1);
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK_DB_OK(db, aer_scan(txn, NULL, &cursor));
    while (aer_next(cursor, &key, &value) == AER_OK) count++;
    CHECK_INT(KEYS, count);
    aer_cursor_close(cursor);
    aer_rollback(txn);
    CHECK_DB_OK(db, aer_status(db, &stats));
    CHECK_INT(KEYS, stats.keys);
}

static void check_writes_are_refused(aer_db *db)
{
    aer_txn *txn = NULL;

    CHECK_DB_RC(db, AER_READONLY, put_text(db, "k", "v"));
    CHECK(aer_errmsg(db)[0]);
    CHECK_DB_RC(db, AER_READONLY, aer_del(db, "key000001", 9));
    CHECK_DB_RC(db, AER_READONLY, aer_begin(db, AER_WRITE, &txn));
    CHECK(!txn);
    CHECK_DB_RC(db, AER_READONLY, aer_seal(db));
    CHECK_DB_RC(db, AER_READONLY, aer_compact(db, NULL, NULL));
    CHECK_DB_RC(db, AER_READONLY, aer_config_set(db, "comment", "x"));
}

static void use_read_only(void *arg)
{
    aer_options options = {.size = sizeof options, .readonly = 1};
    aer_db *db = scene_open(path, &options);

    (void)arg;
    check_reads(db);
    check_writes_are_refused(db);
    check_reads(db);
    scene_close(db);
}

/* As a user who may read everything and write nothing. */
static void use_as_nobody(void *arg)
{
    aer_db *db = NULL;
    int rc;

    CHECK_INT(0, setgroups(0, NULL));
    CHECK_INT(0, setresgid(NOBODY, NOBODY, NOBODY));
    CHECK_INT(0, setresuid(NOBODY, NOBODY, NOBODY));
    use_read_only(arg);
    /* Without the option a handle may refuse to open, but if it opens it reads. */
    rc = aer_open(path, NULL, &db);
    CHECK(rc == AER_OK || rc == AER_READONLY || rc == AER_PERM);
    if (rc == AER_OK) {
        check_reads(db);
        CHECK_DB_RC(db, AER_READONLY, put_text(db, "k", "v"));
    }
    aer_close(db);
}

static void fill(aer_db *db)
{
    scene_fill(db, 0, KEYS, 1);
    CHECK_DB_OK(db, aer_seal(db));
    scene_fill(db, 0, 200, 2);
}

static void fill_and_die(void *arg)
{
    aer_db *db = scene_open(path, NULL);

    (void)arg;
    fill(db);
    kill(getpid(), SIGKILL);
}

static void die_in_mid_work(void)
{
    pid_t pid;
    int status;

    fflush(NULL);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        fill_and_die(NULL);
        _exit(1);
    }
    CHECK_INT(pid, waitpid(pid, &status, 0));
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* As root nothing is forbidden, so another user looks; a user who is not root is forbidden by the modes alone. */
static void check_directory_without_write_permission(void)
{
    uint64_t before;

    scene_shell("chmod -R a-w,a+rX '%s' && chmod a+rx '%s/..'", path, path);
    before = scene_hash(path, NULL);
    if (getuid() == 0) scene_child(use_as_nobody, NULL);
    else scene_child(use_read_only, NULL);
    CHECK_INT(before, scene_hash(path, NULL));
    scene_shell("chmod -R u+w '%s'", path);
}

TEST(a_read_only_handle_reads_and_refuses_to_write)
{
    aer_db *db;
    uint64_t before;

    path = scene_init(100, 0);
    db = scene_open(path, NULL);
    fill(db);
    scene_close(db);
    before = scene_hash(
        path, (const char *const[]){"aerial.lock", "aerial.sq3-shm", "active-0.sq3-shm", "active-1.sq3-shm", NULL});
    use_read_only(NULL);
    CHECK_INT(before, scene_hash(path, (const char *const[]){"aerial.lock", "aerial.sq3-shm", "active-0.sq3-shm",
                                                             "active-1.sq3-shm", NULL}));
}

TEST(a_read_only_handle_sees_what_others_write)
{
    aer_options options = {.size = sizeof options, .readonly = 1};
    aer_db *db, *reader;

    path = scene_init(100, 0);
    db = scene_open(path, NULL);
    reader = scene_open(path, &options);
    for (unsigned version = 0; version < 5; version++) {
        scene_fill(db, 0, 250, version);
        scene_check(reader, 0, 250, version);
        if (version == 2) CHECK_DB_OK(db, aer_seal(db));
        if (version == 3) CHECK_DB_OK(db, aer_compact(db, NULL, NULL));
        scene_check(reader, 0, 250, version);
    }
    scene_close(reader);
    scene_close(db);
}

TEST(a_closed_database_in_a_read_only_directory_reads)
{
    aer_db *db;

    path = scene_init(100, 0);
    db = scene_open(path, NULL);
    fill(db);
    scene_close(db);
    check_directory_without_write_permission();
    db = scene_open(path, NULL);
    check_reads(db);
    scene_close(db);
}

TEST(a_database_of_a_killed_process_in_a_read_only_directory_reads)
{
    aer_db *db;

    path = scene_init(100, 0);
    die_in_mid_work();
    check_directory_without_write_permission();
    db = scene_open(path, NULL); /* and with the right to write it is put in order */
    check_reads(db);
    CHECK_DB_OK(db, put_text(db, "k", "v"));
    scene_close(db);
}

TEST(a_killed_process_leaves_what_it_was_told_is_committed)
{
    aer_options options = {.size = sizeof options, .readonly = 1};
    aer_db *db;

    path = scene_init(100, 0);
    die_in_mid_work();
    db = scene_open(path, &options); /* without the right to put in order */
    check_reads(db);
    scene_close(db);
    db = scene_open(path, NULL);
    check_reads(db);
    scene_close(db);
}

static void lock_out(void *arg)
{
    aer_db *db = NULL;
    int rc;

    (void)arg;
    CHECK_INT(0, setgroups(0, NULL));
    CHECK_INT(0, setresgid(NOBODY, NOBODY, NOBODY));
    CHECK_INT(0, setresuid(NOBODY, NOBODY, NOBODY));
    rc = aer_open(path, NULL, &db);
    CHECK_RC(AER_PERM, rc);
    CHECK(aer_errmsg(db)[0]);
    aer_close(db);
}

TEST(a_directory_that_may_not_be_read_is_no_permission)
{
    path = scene_init(0, 0);
    scene_shell("chmod a+rx '%s/..' && chmod 0700 '%s'", path, path);
    if (getuid() == 0) scene_child(lock_out, NULL);
}
