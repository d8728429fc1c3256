/* test_fork.c -- a forked child that inherits a handle does not disturb it; descriptors stay few. */
#include <aerials.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scene.h"
#include "testing.h"

/* ---- fork --------------------------------------------------------------------------------- */

static const char *child_path; /* for functions that run in a child */

static void writes_are_refused(void *arg)
{
    aer_options options = {.size = sizeof options, .busy_ms = 200};
    aer_db *db = NULL;

    (void)arg;
    CHECK_DB_OK(db, aer_open(child_path, &options, &db));
    CHECK_DB_RC(db, AER_BUSY, put_text(db, "k", "child"));
    check_text(db, "k", "before");
    CHECK_OK(aer_close(db));
}

static void writes_work(void *arg)
{
    aer_db *db = scene_open(child_path, NULL);

    CHECK_DB_OK(db, put_text(db, "k", arg));
    scene_close(db);
}

/* A child that has the handle and touches nothing, alive until it is killed. */
static pid_t idle_child(void)
{
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        for (;;) pause();
    }
    return pid;
}

static void end_child(pid_t pid)
{
    kill(pid, SIGKILL);
    CHECK_INT(pid, waitpid(pid, NULL, 0));
}

TEST(a_child_that_exits_leaves_the_locks_of_its_parent)
{
    aer_txn *txn = NULL;
    aer_db *db;
    pid_t pid;

    child_path = scene_init(0, 0);
    db = scene_open(child_path, NULL);
    CHECK_DB_OK(db, put_text(db, "k", "before"));
    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    CHECK_DB_OK(db, aer_txn_put(txn, "k", 1, "parent", 6));
    fflush(NULL);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) exit(0); /* with all handlers, as a careless program does */
    CHECK_INT(pid, waitpid(pid, NULL, 0));
    scene_child(writes_are_refused, NULL);
    CHECK_DB_OK(db, aer_commit(txn));
    check_text(db, "k", "parent");
    scene_child(writes_work, "after");
    check_text(db, "k", "after");
    scene_close(db);
}

TEST(a_child_does_not_keep_the_turn_of_its_parent)
{
    aer_txn *txn = NULL;
    aer_db *db;
    pid_t pid;

    child_path = scene_init(0, 0);
    db = scene_open(child_path, NULL);
    CHECK_DB_OK(db, put_text(db, "k", "before"));
    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    pid = idle_child();
    usleep(50000);
    CHECK_DB_OK(db, aer_txn_put(txn, "k", 1, "parent", 6));
    CHECK_DB_OK(db, aer_commit(txn));
    scene_child(writes_work, "after");
    check_text(db, "k", "after");
    CHECK_DB_OK(db, put_text(db, "k", "again"));
    scene_close(db);
    scene_child(writes_work, "last"); /* nor once the parent's handle is closed */
    end_child(pid);
}

static void open_and_use(void *arg)
{
    aer_db *db = scene_open(child_path, NULL);

    (void)arg;
    scene_check(db, 0, 300, 1);
    scene_fill(db, 300, 600, 1);
    CHECK_DB_OK(db, aer_seal(db));
    scene_close(db);
}

TEST(a_child_may_open_the_database_anew)
{
    aer_txn *snapshot = NULL;
    aer_stats stats;
    aer_db *db;

    child_path = scene_init(100, 0);
    db = scene_open(child_path, NULL);
    scene_fill(db, 0, 300, 1);
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &snapshot));
    scene_child(open_and_use, NULL);
    scene_check(db, 0, 600, 1);
    aer_rollback(snapshot);
    CHECK_DB_OK(db, aer_status(db, &stats));
    CHECK_INT(600, stats.keys);
    scene_close(db);
}

static void open_and_read(void *arg)
{
    aer_db *db;

    alarm(60); /* a lock that stayed behind would be waited for for ever */
    db = scene_open(child_path, NULL);
    scene_check(db, *(int *)arg - 41, *(int *)arg, 1);
    CHECK_OK(aer_close(db));
}

TEST(a_fork_waits_until_the_background_is_at_rest)
{
    aer_txn *snapshot = NULL;
    aer_db *db;

    child_path = scene_init(40, 0); /* so that there is always something to seal */
    db = scene_open(child_path, NULL);
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &snapshot));
    for (int i = 0; i < 300; i++) {
        int to = (i + 1) * 41;
        scene_fill(db, i * 41, to, 1);
        if (i % 2) scene_child(open_and_read, &to);
    }
    aer_rollback(snapshot);
    scene_close(db);
}

TEST(a_snapshot_of_a_killed_process_is_forgotten)
{
    aer_stats stats;
    aer_db *db;
    int ready[2];
    pid_t pid;
    char byte;

    child_path = scene_init(50, 0);
    db = scene_open(child_path, NULL);
    scene_fill(db, 0, 500, 1);
    scene_close(db);
    CHECK_INT(0, pipe2(ready, O_CLOEXEC));
    fflush(NULL);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        aer_txn *txn = NULL;

        db = scene_open(child_path, NULL);
        CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
        CHECK(write(ready[1], "r", 1) == 1);
        for (;;) pause();
    }
    CHECK(read(ready[0], &byte, 1) == 1);
    end_child(pid);
    close(ready[0]);
    close(ready[1]);
    db = scene_open(child_path, NULL);
    scene_fill(db, 0, 500, 2);
    CHECK_DB_OK(db, aer_seal(db));
    CHECK_DB_OK(db, aer_compact(db, &(aer_compact_options){.size = sizeof(aer_compact_options)}, NULL));
    scene_close(db);
    db = scene_open(child_path, NULL);
    CHECK_DB_OK(db, aer_status(db, &stats));
    CHECK(stats.rows < 900); /* the old versions went */
    scene_check(db, 0, 500, 2);
    scene_close(db);
    CHECK_INT(0, scene_sql(child_path, "aerial.sq3", "SELECT count(*) FROM displaced"));
}

/* ---- descriptors -------------------------------------------------------------------------- */

static unsigned open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;

    CHECK(dir);
    while (readdir(dir)) count++;
    closedir(dir);
    return count;
}

/* Sanitizers make each step slow; the limit is reached all the same. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BUCKETS 1000
#else
#define BUCKETS 3000
#endif
#define ROWS_EACH 10

static void use_many_buckets(void *arg)
{
    struct rlimit limit = {256, 256};
    aer_stats stats;
    aer_txn *txn = NULL;
    aer_cursor *cursor = NULL;
    aer_slice key, value;
    unsigned count = 0;
    aer_db *db;

    (void)arg;
    CHECK_INT(0, setrlimit(RLIMIT_NOFILE, &limit));
    db = scene_open(child_path, NULL);
    scene_fill(db, 0, BUCKETS * ROWS_EACH, 1);
    CHECK_DB_OK(db, aer_status(db, &stats));
    CHECK(stats.buckets >= BUCKETS / 2);
    for (unsigned i = 0; i < BUCKETS * ROWS_EACH; i += 7) scene_check_key(db, i * 7919 % (BUCKETS * ROWS_EACH), 1);
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK_DB_OK(db, aer_scan(txn, NULL, &cursor));
    while (aer_next(cursor, &key, &value) == AER_OK) {
        if (++count % 100 == 0) CHECK(open_descriptors() < 150);
    }
    CHECK_INT(BUCKETS * ROWS_EACH, count);
    aer_cursor_close(cursor);
    aer_rollback(txn);
    CHECK(open_descriptors() < 240);
    scene_close(db);
}

TEST(many_buckets_need_few_descriptors)
{
    aer_options options = {.size = sizeof options, .sync = AER_SYNC_OFF, .bucket_max_rows = ROWS_EACH};

    child_path = scene_path();
    CHECK_OK(aer_init(child_path, &options));
    scene_child(use_many_buckets, NULL);
}

TEST(closing_gives_every_descriptor_back)
{
    const char *path = scene_init(50, 0);
    unsigned before = open_descriptors();

    for (unsigned round = 0; round < 5; round++) {
        aer_db *db = scene_open(path, NULL);

        scene_fill(db, 0, 300, round);
        scene_check(db, 0, 300, round);
        CHECK_DB_OK(db, aer_compact(db, NULL, NULL));
        scene_close(db);
        CHECK_INT(before, open_descriptors());
    }
}
