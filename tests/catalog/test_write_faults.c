/* test_write_faults.c -- a commit of the catalogue answers: committed; not, and nothing changed; or unknown.
 *
 * As in bucket/test_active_faults.c: SQLite's writes, syncs and allocations fail one by one, and what is on disk is judged as after a
 * crash: the file and its WAL, copied without the -shm, must be what the commit answered.
 */
#include "sample.h"

#include "fs/fs.h"
#include "sqlite/sq.h"
#include "testing.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct {
    int write_at, sync_at, alloc_at; /* the Nth call from now fails; 0: none */
    int error;
    int syncs; /* so many were made */
    bool hit;
} fault;

static bool count_down(int *left)
{
    if (*left == 0 || --*left > 0) return false;
    fault.hit = true;
    return true;
}

/* Without the real one: a crash here is a copy of the files, and no power is cut. */
static int sync_or_fail(int fd)
{
    (void)fd;
    fault.syncs++;
    if (count_down(&fault.sync_at)) {
        errno = fault.error;
        return -1;
    }
    return 0;
}

/* Visible, or libsqlite3 would go on to libc's. */
__attribute__((visibility("default"))) int fsync(int fd)
{
    return sync_or_fail(fd);
}

__attribute__((visibility("default"))) int fdatasync(int fd)
{
    return sync_or_fail(fd);
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

static void arm(void)
{
    static bool armed;
    sqlite3_mem_methods failing;
    sqlite3_vfs *vfs;

    memset(&fault, 0, sizeof fault);
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

static void disarm(void)
{
    fault.write_at = fault.sync_at = fault.alloc_at = 0;
}

/* ---- one change, and what became of it ---- */

enum { OLD_KEYS = 300, NEW_KEYS = 200 };

static void fill(struct catalog *c)
{
    char long_key[200]; /* no place for it that SQLite has at hand */

    memset(long_key, 'x', sizeof long_key);
    put_all(c, 1, OLD_KEYS);
    CHECK_OK(aer__catalog_begin(c, false, ERR));
    CHECK_OK(aer__catalog_displace(c, "key00001", 8, 1, 2, ERR));
    CHECK_OK(aer__catalog_displace(c, long_key, sizeof long_key, 1, 2, ERR));
    CHECK_OK(aer__catalog_commit(c, ERR));
}

/* What a seal and a merge do, in one transaction; *at_commit: it came that far. */
static int change(struct catalog *c, bool durable, bool *at_commit, struct err *err)
{
    struct catalog_bucket b = sample_bucket(1, 10);
    int rc = aer__catalog_begin(c, durable, err);

    *at_commit = false;
    if (rc == AER_OK) rc = aer__catalog_add_bucket(c, &b, err);
    for (uint64_t i = 0; rc == AER_OK && i < NEW_KEYS; i++) {
        unsigned char key[8] = {'n'};
        aer__put_u64(key, i * UINT64_C(0x9e3779b97f4a7c15)); /* all over the tree: many pages */
        rc = aer__catalog_put(c, key, sizeof key, 1000 + i, err);
    }
    if (rc == AER_OK) rc = aer__catalog_prune(c, NULL, 0, NULL, err);
    if (rc == AER_OK) rc = aer__catalog_set_merged(c, 1000 + NEW_KEYS, err);
    if (rc == AER_OK) rc = aer__catalog_advance_version(c, err);
    if (rc == AER_OK) {
        *at_commit = true;
        return aer__catalog_commit(c, err);
    }
    aer__catalog_rollback(c);
    return rc;
}

/* Was the change made, all of it? Half of it fails the test. */
static bool is_changed(struct catalog *c)
{
    struct catalog_state state;
    uint64_t keys;
    bool changed, displaced;

    CHECK_OK(aer__catalog_state(c, &state, ERR));
    aer__buf_release(&state.merging_key);
    CHECK_OK(aer__catalog_count(c, NULL, NULL, &keys, ERR));
    changed = state.version == 2;
    CHECK_INT(changed ? 2 : 1, state.version);
    CHECK_INT(changed ? 1000 + NEW_KEYS : 0, state.merged_seq);
    CHECK_INT(changed ? OLD_KEYS + NEW_KEYS : OLD_KEYS, keys);
    CHECK_INT(changed ? 1 : 0, buckets_of(c).count);
    CHECK_OK(aer__catalog_displaced_any(c, &displaced, ERR));
    CHECK_INT(!changed, displaced);
    CHECK_INT(123, seq_of(c, "key00123", 8));
    return changed;
}

static bool is_changed_after_crash(int dir, int copy)
{
    struct catalog *c;
    bool changed;

    copy_as_after_crash(dir, copy);
    c = open_catalog(copy, CATALOG_WRITE);
    changed = is_changed(c);
    aer__catalog_close(c);
    return changed;
}

static const char *const files[] = {LAYOUT_CATALOG, LAYOUT_CATALOG "-wal", LAYOUT_CATALOG "-shm"};

/* The Nth call of the kind that left counts fails, for N = 1, 2, ... until none is hit. Returns how many were. */
static int fail_each(int *left, int error, bool durable, int code, int *unknown)
{
    int dir = scratch_dir(), copy = scratch_dir();
    int n;

    *unknown = 0;
    for (n = 1;; n++) {
        struct catalog *c;
        struct err err = {0};
        bool at_commit;
        int rc;

        for (size_t i = 0; i < AER_COUNT(files); i++) CHECK_OK(aer__fs_unlink(dir, files[i], ERR));
        c = new_catalog(dir);
        fill(c);
        CHECK(!is_changed(c)); /* and all statements of reading are prepared */
        fault.hit = false;
        fault.error = error;
        *left = n;
        rc = change(c, durable, &at_commit, &err);
        disarm();
        if (!fault.hit) {
            CHECK_OK(rc);
            aer__catalog_close(c);
            break;
        }
        if (rc == AER_OK) { /* a sync or an allocation SQLite can do without */
            CHECK(is_changed(c));
            CHECK(is_changed_after_crash(dir, copy));
        } else if (rc == AER_UNKNOWN) {
            CHECK(at_commit);
            CHECK_INT(AER_UNKNOWN, err.code);
            (void)is_changed_after_crash(dir, copy); /* one or the other, whole */
            ++*unknown;
        } else {
            CHECK_INT(code, rc);
            CHECK_INT(code, err.code);
            CHECK(err.message[0] != '\0');
            CHECK(!is_changed(c));
            CHECK(!is_changed_after_crash(dir, copy));
        }
        /* The connection goes on. */
        if (!is_changed(c)) CHECK_OK(change(c, durable, &at_commit, ERR));
        CHECK(is_changed(c));
        CHECK(is_changed_after_crash(dir, copy));
        aer__catalog_close(c);
    }
    return n - 1;
}

TEST(a_write_that_fails_commits_nothing)
{
    int unknown;

    arm();
    CHECK(fail_each(&fault.write_at, EIO, true, AER_IO, &unknown) > 5);
    CHECK_INT(0, unknown);
    CHECK(fail_each(&fault.write_at, ENOSPC, false, AER_FULL, &unknown) > 5);
    CHECK_INT(0, unknown);
}

TEST(a_sync_that_fails_leaves_a_durable_commit_in_doubt)
{
    int unknown;

    arm();
    CHECK(fail_each(&fault.sync_at, EIO, true, AER_IO, &unknown) > 0);
    CHECK(unknown > 0);
}

/* The doubt must not depend on whether somebody wants the message. */
TEST(a_commit_in_doubt_is_so_without_a_message_too)
{
    int dir = scratch_dir();
    struct catalog *c;
    bool at_commit = false;
    int rc = AER_OK;

    arm();
    c = new_catalog(dir);
    fill(c);
    for (int n = 1; n < 10 && rc != AER_UNKNOWN; n++) {
        fault.hit = false;
        fault.error = EIO;
        fault.sync_at = n;
        rc = change(c, true, &at_commit, NULL);
        disarm();
        CHECK(fault.hit);
        if (at_commit && rc) CHECK_INT(AER_UNKNOWN, rc);
    }
    CHECK_INT(AER_UNKNOWN, rc);
    aer__catalog_close(c);
}

TEST(an_allocation_that_fails_changes_nothing_or_says_so)
{
    int unknown;

    arm();
    CHECK(fail_each(&fault.alloc_at, 0, true, AER_NOMEM, &unknown) > 20);
}

TEST(only_durable_commits_sync)
{
    int dir = scratch_dir();
    struct catalog *c;

    arm();
    c = new_catalog(dir);
    put_all(c, 1, 10); /* the first after creating syncs the WAL's new header */
    fault.syncs = 0;
    put_all(c, 11, 20);
    CHECK_INT(0, fault.syncs);
    CHECK_OK(aer__catalog_begin(c, true, ERR));
    CHECK_OK(aer__catalog_put(c, "k", 1, 1, ERR));
    CHECK_OK(aer__catalog_commit(c, ERR));
    CHECK(fault.syncs > 0);
    fault.syncs = 0;
    put_all(c, 21, 30); /* and one that is not, after one that was */
    CHECK_INT(0, fault.syncs);
    CHECK_OK(aer__catalog_checkpoint(c, false, ERR));
    CHECK(fault.syncs >= 2); /* the WAL before the file, and the file */
    aer__catalog_close(c);
}

TEST(a_checkpoint_that_fails_loses_nothing)
{
    static const int errors[] = {EIO, ENOSPC};
    int dir, copy, failures = 0;

    arm();
    dir = scratch_dir();
    copy = scratch_dir();
    for (int kind = 0; kind < 3; kind++) {
        int *left = kind == 2 ? &fault.sync_at : &fault.write_at;
        for (int n = 1;; n++) {
            struct catalog *c;
            bool at_commit;
            int rc;

            for (size_t i = 0; i < AER_COUNT(files); i++) CHECK_OK(aer__fs_unlink(dir, files[i], ERR));
            c = new_catalog(dir);
            fill(c);
            CHECK_OK(change(c, true, &at_commit, ERR));
            fault.hit = false;
            fault.error = errors[kind % 2];
            *left = n;
            rc = aer__catalog_checkpoint(c, n % 2, ERR);
            disarm();
            if (rc) {
                failures++;
                CHECK(fault.hit);
                CHECK(aer__catalog_wal_frames(c) > 0);
            }
            CHECK(is_changed(c));
            CHECK(is_changed_after_crash(dir, copy));
            CHECK_OK(aer__catalog_checkpoint(c, true, ERR));
            CHECK_INT(0, aer__catalog_wal_frames(c));
            CHECK(is_changed_after_crash(dir, copy));
            aer__catalog_close(c);
            if (!fault.hit) break;
        }
    }
    CHECK(failures > 5);
}

TEST(a_catalogue_that_cannot_be_made_is_not_there_or_can_be_opened)
{
    int dir, made = 0, failed = 0;

    arm();
    dir = scratch_dir();
    for (int kind = 0; kind < 3; kind++) {
        int *left = kind == 0 ? &fault.write_at : kind == 1 ? &fault.sync_at : &fault.alloc_at;
        for (int n = 1;; n++) {
            struct catalog *c;
            struct err err = {0};
            int rc;

            for (size_t i = 0; i < AER_COUNT(files); i++) CHECK_OK(aer__fs_unlink(dir, files[i], ERR));
            fault.hit = false;
            fault.error = ENOSPC;
            *left = n;
            rc = aer__catalog_create(dir, SAMPLE_DATABASE, 0, &err);
            disarm();
            if (rc) {
                failed++;
                CHECK(fault.hit);
                CHECK_INT(rc, err.code);
                /* Whole, or refused as no catalogue: never one that lacks a part. */
                rc = aer__catalog_open(dir, CATALOG_WRITE, 0, 1 << 20, &c, ERR);
                if (rc == AER_OK) {
                    CHECK_INT(0, buckets_of(c).count);
                    aer__catalog_close(c);
                } else {
                    CHECK_INT(AER_CORRUPT, rc);
                }
            } else {
                made++;
                aer__catalog_close(open_catalog(dir, CATALOG_WRITE));
            }
            if (!fault.hit) break;
        }
    }
    CHECK(made >= 3);
    CHECK(failed > 20);
}

TEST(opening_fails_cleanly_when_memory_runs_out)
{
    int dir, refused = 0;

    arm();
    dir = scratch_dir();
    create_catalog(dir);
    for (int n = 1;; n++) {
        struct catalog *c;
        struct err err = {0};
        int rc;

        fault.hit = false;
        fault.alloc_at = n;
        rc = aer__catalog_open(dir, CATALOG_WRITE, 0, 1 << 20, &c, &err);
        disarm();
        if (rc) {
            refused++;
            CHECK_INT(AER_NOMEM, rc);
            CHECK(c == NULL);
        }
        aer__catalog_close(c);
        if (!fault.hit) break;
    }
    CHECK(refused > 10);
    for (unsigned long n = 1;; n++) { /* and our own allocations */
        struct catalog *c;
        int rc;

        aer__alloc_fail_at(n);
        rc = aer__catalog_open(dir, CATALOG_WRITE, 0, 1 << 20, &c, ERR);
        aer__alloc_fail_at(0);
        aer__catalog_close(c);
        if (rc == AER_OK) break;
        CHECK_INT(AER_NOMEM, rc);
        CHECK(c == NULL);
    }
}
