/* helpers.c -- see helpers.h. SQLite's unix VFS lets its system calls be exchanged, and its allocator too. */
#include "helpers.h"

#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int try_open(int dir, const char *name, int mode, sqlite3 **db, struct err *err)
{
    char *absolute;
    int rc;

    CHECK_OK(aer__fs_absolute(dir, name, &absolute, ERR));
    rc = aer__sq_open(absolute, name, mode, 0, db, err);
    aer__free(absolute);
    return rc;
}

sqlite3 *open_db(int dir, const char *name, int mode)
{
    sqlite3 *db;

    CHECK_OK(try_open(dir, name, mode, &db, ERR));
    return db;
}

void run(sqlite3 *db, const char *sql)
{
    CHECK_OK(aer__sq_exec(db, "db", sql, ERR));
}

int64_t number(sqlite3 *db, const char *sql)
{
    int64_t value;

    CHECK_OK(aer__sq_int(db, "db", sql, &value, ERR));
    return value;
}

sqlite3 *make_db(int dir, const char *name, int rows)
{
    sqlite3 *db = open_db(dir, name, SQ_CREATE);
    char sql[256];

    run(db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b)");
    snprintf(sql, sizeof sql, "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < %d) INSERT INTO t SELECT i, 10 * i FROM c",
             rows);
    run(db, sql);
    return db;
}

/* ---- system calls ---- */

static struct {
    char name[16];
    int left, error;
    const char *suffix;
    sqlite3_syscall_ptr original;
} broken;

static bool breaks(const char *path)
{
    if (broken.suffix) {
        size_t size = strlen(broken.suffix), path_size = path ? strlen(path) : 0;

        if (path_size < size || strcmp(path + path_size - size, broken.suffix) != 0) return false;
    }
    if (--broken.left > 0) return false;
    errno = broken.error;
    return true;
}

static int fail_open(const char *path, int flags, int mode)
{
    return breaks(path) ? -1 : open(path, flags, mode);
}

static ssize_t fail_pread(int fd, void *data, size_t size, off_t offset)
{
    return breaks(NULL) ? -1 : pread(fd, data, size, offset);
}

static ssize_t fail_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return breaks(NULL) ? -1 : pwrite(fd, data, size, offset);
}

void fail_calls(const char *call, int n, int error, const char *suffix)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    sqlite3_syscall_ptr replacement = NULL;

    snprintf(broken.name, sizeof broken.name, "%s", call);
    broken.left = n;
    broken.error = error;
    broken.suffix = suffix;
    broken.original = vfs->xGetSystemCall(vfs, call);
    CHECK(broken.original != NULL);
    if (strcmp(call, "open") == 0) replacement = (sqlite3_syscall_ptr)fail_open;
    if (strncmp(call, "pread", 5) == 0) replacement = (sqlite3_syscall_ptr)fail_pread;
    if (strncmp(call, "pwrite", 6) == 0) replacement = (sqlite3_syscall_ptr)fail_pwrite;
    CHECK(replacement != NULL);
    CHECK_INT(SQLITE_OK, vfs->xSetSystemCall(vfs, call, replacement));
}

void restore_calls(void)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

    if (!broken.original) return;
    CHECK_INT(SQLITE_OK, vfs->xSetSystemCall(vfs, broken.name, broken.original));
    broken.original = NULL;
}

/* ---- allocations ---- */

static sqlite3_mem_methods allocator;
static int allocations_left;
static bool hit;

static bool refused(void)
{
    if (allocations_left == 0 || --allocations_left > 0) return false;
    hit = true;
    return true;
}

static void *failing_malloc(int size)
{
    return refused() ? NULL : allocator.xMalloc(size);
}

static void *failing_realloc(void *p, int size)
{
    return refused() ? NULL : allocator.xRealloc(p, size);
}

void count_allocations(void)
{
    sqlite3_mem_methods failing;

    if (allocator.xMalloc) return;
    CHECK_INT(SQLITE_OK, sqlite3_shutdown());
    CHECK_INT(SQLITE_OK, sqlite3_config(SQLITE_CONFIG_GETMALLOC, &allocator));
    failing = allocator;
    failing.xMalloc = failing_malloc;
    failing.xRealloc = failing_realloc;
    CHECK_INT(SQLITE_OK, sqlite3_config(SQLITE_CONFIG_MALLOC, &failing));
    CHECK_INT(SQLITE_OK, sqlite3_initialize());
}

void fail_allocation(int n)
{
    allocations_left = n;
    hit = false;
}

bool allocation_failed(void)
{
    return hit;
}
