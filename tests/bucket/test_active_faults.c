/* test_active_faults.c -- a commit answers: committed; not, and nothing changed; or unknown. Each way it can fail, once.
 *
 * SQLite's writes are failed through its table of system calls, its syncs by functions of ours that stand before libc's, its
 * allocations through its allocator. What is on disk after a failure is judged as after a crash: the file and its
 * WAL, copied without the -shm, must replay to what the commit answered.
 */
#include "sample.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
    int write_at, sync_at, alloc_at; /* the Nth call from now fails; 0: none */
    int error;
    bool hit;
} fault;

static bool count_down(int *left)
{
    if (*left == 0 || --*left > 0) return false;
    fault.hit = true;
    return true;
}

/* Visible, or libsqlite3 would go on to libc's. */
__attribute__((visibility("default"))) int fsync(int fd)
{
    if (count_down(&fault.sync_at)) {
        errno = fault.error;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

__attribute__((visibility("default"))) int fdatasync(int fd)
{
    if (count_down(&fault.sync_at)) {
        errno = fault.error;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

static ssize_t write_or_fail(int fd, const void *data, size_t size, off_t at)
{
    if (count_down(&fault.write_at)) {
        errno = fault.error;
        return -1;
    }
    return pwrite(fd, data, size, at);
}

static sqlite3_mem_methods plain;

static void *alloc_or_fail(int size)
{
    return count_down(&fault.alloc_at) ? NULL : plain.xMalloc(size);
}

static void *realloc_or_fail(void *p, int size)
{
    return count_down(&fault.alloc_at) ? NULL : plain.xRealloc(p, size);
}

static void arm_sqlite(void)
{
    static bool armed;
    sqlite3_mem_methods failing;
    sqlite3_vfs *vfs;

    fault.write_at = fault.sync_at = fault.alloc_at = 0;
    if (armed) return;
    armed = true;
    CHECK_INT(SQLITE_OK, sqlite3_shutdown());
    CHECK_INT(SQLITE_OK, sqlite3_config(SQLITE_CONFIG_GETMALLOC, &plain));
    failing = plain;
    failing.xMalloc = alloc_or_fail;
    failing.xRealloc = realloc_or_fail;
    CHECK_INT(SQLITE_OK, sqlite3_config(SQLITE_CONFIG_MALLOC, &failing));
    CHECK_INT(SQLITE_OK, sqlite3_initialize());
    vfs = sqlite3_vfs_find(NULL);
    CHECK_INT(SQLITE_OK, vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)write_or_fail));
    CHECK_INT(SQLITE_OK, vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)write_or_fail));
}

static const char *const files[] = {"bucketroot/active-0.sq3", "bucketroot/active-0.sq3-wal", "bucketroot/active-0.sq3-shm"};

static int dir, crashed; /* of the database, of its copy after a crash */

static void start(void)
{
    arm_sqlite();
    dir = scratch_dir();
    crashed = scratch_dir();
}

static void remove_files(int where)
{
    unsigned i;

    for (i = 0; i < AER_COUNT(files); i++) CHECK_OK(aer__fs_unlink(where, files[i], ERR));
}

static struct active *new_active(void)
{
    struct active *a;

    remove_files(dir);
    CHECK_OK(aer__active_open(dir, 0, ACTIVE_CREATE, SAMPLE_DATABASE, 0, &a, ERR));
    return a;
}

/* How many rows does a process find that comes after a crash? */
static uint64_t rows_after_crash(void)
{
    struct active_state state;
    struct active *a;
    unsigned i;

    remove_files(crashed);
    for (i = 0; i < 2; i++) {
        size_t size;
        void *data;
        int rc = aer__fs_read_all(dir, files[i], 1 << 26, &data, &size, ERR);

        if (rc == AER_NOTFOUND) continue;
        CHECK_OK(rc);
        CHECK_OK(aer__fs_create(crashed, files[i], data, size, 0644, false, ERR));
        aer__free(data);
    }
    CHECK_OK(aer__active_open(crashed, 0, 0, SAMPLE_DATABASE, 0, &a, ERR));
    CHECK_OK(aer__active_state(a, &state, ERR));
    aer__active_close(a);
    return state.rows;
}

static uint64_t rows_now(struct active *a)
{
    struct active_state state;

    CHECK_OK(aer__active_state(a, &state, ERR));
    return state.rows;
}

/* Ten rows in one transaction, from FIRST; the answer of the first step that fails. */
static int commit_ten(struct active *a, uint64_t first, size_t size)
{
    uint64_t seq;
    int rc;

    rc = aer__active_begin(a, AER_SYNC_FULL, ERR);
    if (!rc && first == 1) rc = aer__active_name(a, SAMPLE_ID, first, ERR);
    for (seq = first; !rc && seq < first + 10; seq++) {
        struct row row = sample_row(seq, size);

        rc = aer__active_add(a, &row, ERR);
    }
    if (!rc) return aer__active_commit(a, ERR);
    aer__active_rollback(a);
    return rc;
}

/* Ten rows are there; ten more meet a fault. expected: the answer if it hits. False: it was not reached. */
static bool one_fault(int *which, int at, int error, int expected)
{
    struct active *a = new_active();
    int rc;

    CHECK_OK(commit_ten(a, 1, 3000));
    fault.hit = false;
    fault.error = error;
    *which = at;
    rc = commit_ten(a, 11, 3000);
    *which = 0;
    if (rc == AER_OK) {
        /* Not reached, or SQLite got over it. */
        CHECK_INT(20, rows_after_crash());
        aer__active_close(a);
        return fault.hit;
    }
    CHECK(fault.hit);
    CHECK_INT(expected, rc);
    if (rc != AER_UNKNOWN) {
        CHECK_INT(10, rows_now(a));
        CHECK_INT(10, rows_after_crash());
        CHECK_OK(commit_ten(a, 11, 3000)); /* the handle is as good as before */
        CHECK_INT(20, rows_after_crash());
    }
    aer__active_close(a);
    return true;
}

TEST(a_full_disk_commits_nothing)
{
    int at = 1;

    start();
    while (one_fault(&fault.write_at, at, ENOSPC, AER_FULL)) at++;
    CHECK(at > 10);
}

TEST(a_failed_write_commits_nothing)
{
    int at = 1;

    start();
    while (one_fault(&fault.write_at, at, EIO, AER_IO)) at++;
    CHECK(at > 10);
}

TEST(a_quota_is_a_full_disk)
{
    start();
    CHECK(one_fault(&fault.write_at, 3, EDQUOT, AER_FULL));
}

TEST(a_failed_sync_is_unknown)
{
    int at = 1;

    start();
    while (one_fault(&fault.sync_at, at, EIO, AER_UNKNOWN)) at++;
    CHECK(at > 1);
}

TEST(no_memory_commits_nothing)
{
    int at = 1;

    start();
    while (one_fault(&fault.alloc_at, at, ENOMEM, AER_NOMEM)) at++;
    CHECK(at > 10);
}

#define FRAMES_A_PIECE 4062 /* frames that one piece of the -shm describes */

/* The commit needs a new piece of the -shm, and gets it only after its frames are in the WAL and synced. */
static bool late_fault(int *which, int at, int error)
{
    struct active *a = new_active();
    uint64_t before, after, seq = 1;
    int rc;

    for (; aer__active_wal_frames(a) < FRAMES_A_PIECE - 5; seq += 10) CHECK_OK(commit_ten(a, seq, 3000));
    CHECK(aer__active_wal_frames(a) <= FRAMES_A_PIECE);
    before = rows_now(a);
    fault.hit = false;
    fault.error = error;
    *which = at;
    rc = commit_ten(a, seq, 3000);
    *which = 0;
    after = rows_after_crash();
    CHECK(rc == AER_OK || fault.hit);
    if (rc == AER_OK) CHECK_INT(before + 10, after);
    else if (rc != AER_UNKNOWN) CHECK_INT(before, after);
    if (rc && rc != AER_UNKNOWN) {
        CHECK_INT(before, rows_now(a));
        CHECK_OK(commit_ten(a, seq, 3000));
        CHECK_INT(before + 10, rows_after_crash());
    }
    aer__active_close(a);
    return fault.hit;
}

TEST(a_commit_that_fails_after_its_frames_are_on_disk_is_taken_back_or_unknown)
{
    int at = 1;

    start();
    while (late_fault(&fault.write_at, at, ENOSPC)) at++;
    CHECK(at > 10);
    for (at = 1; late_fault(&fault.alloc_at, at, ENOMEM); at++) continue;
}

/* Opening, sealing and emptying with every allocation failed in turn: an error or the full result, and no leak. */
TEST(no_memory_elsewhere_is_an_error)
{
    struct bucket_info info;
    struct active *a;
    int step, at, rc;

    start();
    a = new_active();
    CHECK_OK(commit_ten(a, 1, 3000));
    for (step = 0; step < 3; step++) {
        rc = AER_NOMEM;
        for (at = 1; rc; at++) {
            unsigned char *data = NULL;
            struct active *other = NULL;
            size_t size;

            fault.alloc_at = at;
            if (step == 0) rc = aer__active_open(dir, 0, 0, SAMPLE_DATABASE, 0, &other, ERR);
            if (step == 1) rc = aer__active_seal_image(a, &data, &size, &info, ERR);
            if (step == 2) rc = aer__active_empty(a, ERR);
            fault.alloc_at = 0;
            if (rc) CHECK_INT(AER_NOMEM, rc);
            if (step == 1) CHECK(!rc == (data != NULL));
            aer__active_close(other);
            sqlite3_free(data);
        }
        if (step < 2) CHECK_INT(10, rows_now(a));
    }
    CHECK_INT(0, rows_now(a));
    CHECK_INT(0, rows_after_crash());
    aer__active_close(a);
}

TEST(a_fault_while_emptying_leaves_all_or_nothing)
{
    int at, rc = AER_IO;

    start();
    for (at = 1; rc; at++) {
        struct active *a = new_active();
        uint64_t rows;

        CHECK_OK(commit_ten(a, 1, 3000));
        fault.error = EIO;
        fault.write_at = at;
        rc = aer__active_empty(a, ERR);
        fault.write_at = 0;
        rows = rows_after_crash();
        CHECK(rows == 0 || (rc && rows == 10));
        CHECK_OK(aer__active_empty(a, ERR));
        CHECK_INT(0, rows_after_crash());
        aer__active_close(a);
    }
    CHECK(at > 3);
}
