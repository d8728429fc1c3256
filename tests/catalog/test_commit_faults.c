/* test_commit_faults.c -- what a failed commit in aerial.sq3 says agrees with what is there after a crash.
 *
 * When the WAL outgrows the part of the -shm that is mapped, SQLite makes that file longer: after the frames of the
 * commit are written. There it fails, through SQLite's table of system calls.
 */
#include "catalog/catalog.h"
#include "fs/fs.h"
#include "testing.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATABASE "0123456789abcdef0123456789abcdef"
#define SHM_PART 32768
#define KEYS_EACH 500
#define ROUNDS_MAX 1000

static bool armed;
static unsigned hits;

static bool is_second_part(int fd)
{
    char link[64], path[4300];
    struct stat st;
    ssize_t size;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    size = readlink(link, path, sizeof path - 1);
    if (size < 4 || memcmp(path + size - 4, "-shm", 4) != 0) return false;
    return fstat(fd, &st) == 0 && st.st_size >= SHM_PART;
}

static ssize_t write_or_fail(int fd, const void *data, size_t size, off_t at)
{
    if (armed && is_second_part(fd)) {
        hits++;
        errno = EIO;
        return -1;
    }
    return pwrite(fd, data, size, at);
}

static void arm_sqlite(void)
{
    sqlite3_vfs *vfs;

    CHECK_INT(SQLITE_OK, sqlite3_initialize());
    vfs = sqlite3_vfs_find(NULL);
    CHECK_INT(SQLITE_OK, vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)write_or_fail));
    CHECK_INT(SQLITE_OK, vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)write_or_fail));
}

/* How many keys does a process find that comes after a crash? */
static uint64_t keys_after_crash(int dir)
{
    static const char *const files[] = {"aerial.sq3", "aerial.sq3-wal"};
    int crashed = scratch_dir();
    struct catalog *c;
    uint64_t keys;

    for (size_t i = 0; i < AER_COUNT(files); i++) {
        size_t size;
        void *data;

        CHECK_OK(aer__fs_read_all(dir, files[i], 1 << 28, &data, &size, ERR));
        CHECK_OK(aer__fs_create(crashed, files[i], data, size, 0644, false, ERR));
        aer__free(data);
    }
    CHECK_OK(aer__catalog_open(crashed, CATALOG_WRITE, 0, 1 << 20, &c, ERR));
    CHECK_OK(aer__catalog_count(c, NULL, NULL, &keys, ERR));
    aer__catalog_close(c);
    return keys;
}

TEST(a_commit_that_a_crash_may_bring_back_is_not_called_failed)
{
    int dir = scratch_dir(), rc = AER_OK;
    uint64_t keys = 0, found;
    struct catalog *c;

    arm_sqlite();
    armed = true;
    CHECK_OK(aer__catalog_create(dir, DATABASE, 1, ERR));
    CHECK_OK(aer__catalog_open(dir, CATALOG_WRITE, 0, 1 << 20, &c, ERR));
    for (unsigned round = 0; rc == AER_OK && round < ROUNDS_MAX; round++) {
        CHECK_OK(aer__catalog_begin(c, true, ERR));
        for (uint64_t i = 0; i < KEYS_EACH; i++) {
            unsigned char key[100] = {0};

            aer__put_u64(key, keys + i);
            CHECK_OK(aer__catalog_put(c, key, sizeof key, keys + i + 1, ERR));
        }
        rc = aer__catalog_commit(c, ERR);
        if (rc == AER_OK) keys += KEYS_EACH;
    }
    CHECK(hits > 0);
    armed = false;
    found = keys_after_crash(dir);
    if (rc != AER_UNKNOWN) CHECK_INT(keys, found);
    aer__catalog_close(c);
}
