/* test_merge.c -- a merge that is cut off goes on where it was, and counts nothing twice.
 *
 * Slices end by the clock; here it leaps whenever it is looked at, so each slice is as short as one can be. SQLite's writes go
 * through a function of ours, which ends the process at one of them.
 */
#include "scene.h"

#include "testing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KEYS 1500

static _Atomic long leaps;      /* of 20 ms; -1: the clock goes as ever */
static _Atomic int writes_left; /* 0: for ever */
static int error_then;          /* 0: the process ends */

int clock_gettime(clockid_t id, struct timespec *t)
{
    long n = atomic_load(&leaps);
    int rc = (int)syscall(SYS_clock_gettime, id, t);

    if (rc || id != CLOCK_MONOTONIC || n < 0) return rc;
    n = atomic_fetch_add(&leaps, 1) + t->tv_nsec / 20000000;
    t->tv_nsec = t->tv_nsec % 20000000 + n % 50 * 20000000;
    t->tv_sec += n / 50;
    return 0;
}

static ssize_t write_or_end(int fd, const void *data, size_t size, off_t at)
{
    if (atomic_load(&writes_left) && atomic_fetch_sub(&writes_left, 1) == 1) {
        if (!error_then) _exit(7);
        errno = error_then;
        return -1;
    }
    return pwrite(fd, data, size, at);
}

static void arm(void)
{
    sqlite3_vfs *vfs;

    CHECK_INT(SQLITE_OK, sqlite3_initialize());
    vfs = sqlite3_vfs_find(NULL);
    CHECK_INT(SQLITE_OK, vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)write_or_end));
    CHECK_INT(SQLITE_OK, vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)write_or_end));
    atomic_store(&leaps, -1);
    atomic_store(&writes_left, 0);
    error_then = 0;
}

static void key_name(char key[16], int k)
{
    snprintf(key, 16, "key%05d", k);
}

/* Every STEPth key anew; every second of them deleted instead. In a bucket of its own, not merged. */
static void change(struct kv *kv, int step, const char *value, bool deletes)
{
    struct kv_txn *txn;

    CHECK_OK(aer__kv_begin_write(kv, 0, &txn, ERR));
    for (int k = 0; k < KEYS; k += step) {
        char key[16];
        struct kv_item item = {.key = key, .value = value, .value_size = strlen(value)};
        key_name(key, k);
        item.key_size = strlen(key);
        if (deletes && k / step % 2) CHECK_OK(aer__kv_txn_del(txn, key, item.key_size, ERR));
        else CHECK_OK(aer__kv_txn_put(txn, &item, ERR));
    }
    CHECK_OK(aer__kv_commit(txn, ERR));
    CHECK_OK(aer__seal_pending(kv, true, ERR));
}

static void prepare(int dir)
{
    struct kv *kv = scene_open_quiet(dir, 100000, 5000);

    change(kv, 1, "first", false);
    seal(kv);
    change(kv, 3, "second", false);
    change(kv, 5, "third", true);
    kv->had_turn = false; /* or closing would merge: as if it had been killed */
    scene_close(kv);
}

static void check_all(struct kv *kv)
{
    for (int k = 0; k < KEYS; k++) {
        char key[16];
        key_name(key, k);
        check_text(kv, NULL, key, k % 5 == 0 ? k / 5 % 2 ? NULL : "third" : k % 3 == 0 ? "second" : "first");
    }
}

static struct catalog_state state_of(int dir)
{
    struct catalog *c;
    struct catalog_state state;

    CHECK_OK(aer__catalog_open(dir, CATALOG_READONLY, 1000, 1 << 20, &c, ERR));
    CHECK_OK(aer__catalog_state(c, &state, ERR));
    aer__catalog_close(c);
    return state;
}

static void check_merged(int dir, uint64_t to)
{
    struct catalog_state state = state_of(dir);
    struct kv *kv = scene_open_quiet(dir, 100000, 5000);

    CHECK_INT(to, state.merged_seq);
    CHECK_INT(0, state.merging_to);
    CHECK_INT(0, state.merging_key.size);
    aer__buf_release(&state.merging_key);
    scene_buckets(kv);
    check_live(kv);
    check_all(kv);
    scene_close(kv);
}

TEST(a_merge_that_is_killed_is_gone_on_with_by_the_next)
{
    uint64_t seed = test_seed(), to = KEYS + KEYS / 3 + KEYS / 5;
    unsigned cut = 0;
    int dir = scratch_dir(), status;
    struct buf done = {0};

    arm();
    prepare(dir);
    for (;;) {
        struct catalog_state state = state_of(dir);

        CHECK_INT(state.merged_seq == to ? 0 : state.merging_key.size ? to : 0, state.merging_to);
        if (state.merging_key.size) { /* never back */
            CHECK(aer__key_compare(done.data, done.size, state.merging_key.data, state.merging_key.size) <= 0);
            cut++;
        }
        aer__buf_release(&done);
        done = state.merging_key;
        if (state.merged_seq == to) break;
        CHECK_INT(KEYS, state.merged_seq);
        fflush(NULL);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            struct kv *kv = scene_open_quiet(dir, 100000, 5000);
            check_all(kv);
            atomic_store(&leaps, 0);
            atomic_store(&writes_left, (int)(1 + test_random(&seed) % 40));
            CHECK_OK(aer__merge(kv, ERR));
            _exit(0);
        }
        test_random(&seed); /* as the child did */
        CHECK_INT(pid, waitpid(pid, &status, 0));
        CHECK(WIFEXITED(status) && (WEXITSTATUS(status) == 7 || WEXITSTATUS(status) == 0));
    }
    CHECK(cut > 0); /* it was seen half done */
    aer__buf_release(&done);
    check_merged(dir, to);
}

TEST(a_merge_that_fails_is_gone_on_with_by_the_same_handle)
{
    uint64_t to = KEYS + KEYS / 3 + KEYS / 5;
    unsigned failures = 0, cut = 0;
    int dir = scratch_dir();
    struct kv *kv;

    arm();
    prepare(dir);
    kv = scene_open_quiet(dir, 100000, 5000);
    error_then = ENOSPC;
    for (int n = 1;; n += 5) {
        struct catalog_state state;
        int rc;

        atomic_store(&leaps, 0);
        atomic_store(&writes_left, n);
        rc = aer__merge(kv, ERR);
        atomic_store(&leaps, -1);
        atomic_store(&writes_left, 0);
        check_all(kv);
        if (rc == AER_OK) break;
        CHECK_INT(AER_FULL, rc);
        failures++;
        state = state_of(dir);
        cut += state.merging_key.size > 0;
        aer__buf_release(&state.merging_key);
    }
    CHECK(failures > 1 && cut > 0);
    CHECK_INT(to, kv->merged_seq);
    check_live(kv); /* what the handle has in memory */
    scene_close(kv);
    check_merged(dir, to);
}

/* What is behind the mark is done: it must not be looked at again, wherever the mark came from. */
TEST(keys_up_to_the_mark_are_left_alone)
{
    uint64_t to = KEYS + KEYS / 3 + KEYS / 5, seq = 0;
    int dir = scratch_dir();
    struct catalog *c;
    struct kv *kv;

    arm();
    prepare(dir);
    CHECK_OK(aer__catalog_open(dir, CATALOG_WRITE, 1000, 1 << 20, &c, ERR));
    CHECK_OK(aer__catalog_begin(c, false, ERR));
    CHECK_OK(aer__catalog_set_merging(c, to, "key00750", 8, ERR));
    CHECK_OK(aer__catalog_commit(c, ERR));
    kv = scene_open_quiet(dir, 100000, 5000);
    CHECK_OK(aer__merge(kv, ERR));
    CHECK_OK(aer__catalog_lookup(c, "key00750", 8, &seq, ERR));
    CHECK_INT(751, seq); /* as it was: 750 is a third and a fifth key */
    CHECK_OK(aer__catalog_lookup(c, "key00753", 8, &seq, ERR));
    CHECK_INT(KEYS + 753 / 3 + 1, seq);
    aer__catalog_close(c);
    kv->had_turn = false;
    scene_close(kv);
}

/* A mark below what is sealed by now: first that merge to its end, the rest with the next. */
TEST(a_cut_off_merge_ends_where_it_set_out_to)
{
    int dir = scratch_dir();
    struct catalog *c;
    struct kv *kv;

    arm();
    prepare(dir);
    CHECK_OK(aer__catalog_open(dir, CATALOG_WRITE, 1000, 1 << 20, &c, ERR));
    CHECK_OK(aer__catalog_begin(c, false, ERR));
    CHECK_OK(aer__catalog_set_merging(c, KEYS + KEYS / 3, NULL, 0, ERR));
    CHECK_OK(aer__catalog_commit(c, ERR));
    aer__catalog_close(c);
    kv = scene_open_quiet(dir, 100000, 5000);
    CHECK_OK(aer__merge(kv, ERR));
    CHECK_INT(KEYS + KEYS / 3, kv->merged_seq);
    check_all(kv);
    CHECK_OK(aer__merge(kv, ERR));
    CHECK_INT(KEYS + KEYS / 3 + KEYS / 5, kv->merged_seq);
    check_all(kv);
    check_live(kv);
    scene_close(kv);
}
