/* os.c -- the system calls, and the place where tests break them.
 *
 * Paths are resolved by openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS), in one step that no rename can get between.
 * Kernels before 5.6, and containers whose filter does not know the call, walk name by name with O_NOFOLLOW instead.
 *
 * Faults: a counter a kind, counting down; the call that reaches zero fails once. They are atomic so that a fault meets
 * exactly one call even with threads about; while none is set a call costs one read of a flag.
 *
 * Must not know: what a file is for.
 */
#include "fs/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

#define AGAIN_LIMIT 100 /* openat2 says EAGAIN when something was renamed just then */

static struct {
    atomic_uint countdown;
    atomic_int error;
} faults[FS_FAULT_SHORT + 1];
static atomic_bool faults_set;
static atomic_bool no_openat2;

void aer__fs_fault_at(int kind, unsigned n, int error)
{
    if (kind <= FS_FAULT_NONE || kind > FS_FAULT_SHORT) {
        for (kind = FS_FAULT_NONE; kind <= FS_FAULT_SHORT; kind++) atomic_store(&faults[kind].countdown, 0);
        return;
    }
    atomic_store(&faults[kind].error, error);
    atomic_store(&faults[kind].countdown, error ? n : 0);
    atomic_store(&faults_set, true);
}

int aer__os_fault(int kind)
{
    unsigned left;

    if (!atomic_load_explicit(&faults_set, memory_order_relaxed)) return 0;
    left = atomic_load(&faults[kind].countdown);
    while (left > 0)
        if (atomic_compare_exchange_weak(&faults[kind].countdown, &left, left - 1))
            return left == 1 ? atomic_load(&faults[kind].error) : 0;
    return 0;
}

bool aer__os_fault_pending(int kind)
{
    return atomic_load(&faults[kind].countdown) > 0;
}

/* -1 and errno if a fault is due. */
static int met_fault(int kind)
{
    int error = aer__os_fault(kind);

    if (!error) return 0;
    errno = error;
    return -1;
}

void aer__os_without_openat2(bool without)
{
    atomic_store(&no_openat2, without);
}

bool aer__os_path_ok(const char *path)
{
    const char *name = path;

    for (;;) {
        size_t size = strcspn(name, "/");

        if (size == 0 || size >= NAME_SIZE) return false;
        if (name[0] == '.' && (size == 1 || (size == 2 && name[1] == '.'))) return false;
        if (!name[size]) return true;
        name += size + 1;
    }
}

static int open_at(int dir, const char *name, int flags, mode_t mode)
{
    int fd;

    do fd = openat(dir, name, flags, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* Name by name. Between two steps a name may come to mean another directory, but never a link or one outside. */
static int open_stepwise(int dir, const char *path, int flags, mode_t mode)
{
    char name[NAME_SIZE];
    int at = dir;

    for (;;) {
        size_t size = strcspn(path, "/");
        bool last = path[size] == '\0';
        int fd, error;

        memcpy(name, path, size);
        name[size] = '\0';
        fd = last ? open_at(at, name, flags | O_NOFOLLOW, mode)
                  : open_at(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
        error = errno;
        if (at != dir) close(at);
        errno = error;
        if (fd < 0 || last) return fd;
        at = fd;
        path += size + 1;
    }
}

int aer__os_open(int dir, const char *path, int flags, mode_t mode)
{
    struct open_how how = {0};
    unsigned tries;
    long fd;

    if (met_fault(FS_FAULT_OPEN)) return -1;
    flags |= O_CLOEXEC;
    if (path[0] == '\0') return open_at(dir, ".", flags, mode);
    if (!aer__os_path_ok(path)) {
        errno = EXDEV;
        return -1;
    }
    if (atomic_load_explicit(&no_openat2, memory_order_relaxed)) return open_stepwise(dir, path, flags, mode);
    how.flags = (uint64_t)(unsigned)flags;
    how.mode = flags & O_CREAT ? mode : 0;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    for (tries = 0; tries < AGAIN_LIMIT; tries++) {
        fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
        if (fd >= 0 || (errno != EINTR && errno != EAGAIN)) break;
    }
    if (fd >= 0) return (int)fd;
    if (errno == ENOSYS) atomic_store(&no_openat2, true);
    else if (errno != EPERM && errno != EAGAIN)
        return -1; /* EPERM: perhaps only a filter that does not know the call */
    return open_stepwise(dir, path, flags, mode);
}

/* A short read or write moves half of what was asked for, a byte at least. */
static size_t shorten(size_t size)
{
    return size > 1 && aer__os_fault(FS_FAULT_SHORT) ? (size + 1) / 2 : size;
}

ssize_t aer__os_pread(int fd, void *data, size_t size, uint64_t offset)
{
    if (met_fault(FS_FAULT_READ)) return -1;
    if (offset > INT64_MAX) return 0; /* behind the end of any file */
    return pread(fd, data, shorten(size), (off_t)offset);
}

ssize_t aer__os_write(int fd, const void *data, size_t size)
{
    if (met_fault(FS_FAULT_WRITE)) return -1;
    return write(fd, data, shorten(size));
}

const char *aer__os_next(DIR *list)
{
    struct dirent *entry;

    errno = aer__os_fault(FS_FAULT_READ);
    if (errno) return NULL;
    do {
        errno = 0;
        /* cppcheck-suppress readdirCalled ; safe with one DIR a thread, and readdir_r is deprecated */
        entry = readdir(list);
    } while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    return entry ? entry->d_name : NULL;
}

int aer__os_sync(int fd)
{
    int rc;

    /* Again after EINTR only: the kernel hands each write error out once, and had there been one, that would be errno. */
    do rc = met_fault(FS_FAULT_SYNC) ? -1 : fsync(fd);
    while (rc < 0 && errno == EINTR);
    return rc;
}

int aer__os_close(int fd)
{
    int error = aer__os_fault(FS_FAULT_CLOSE);

    if (close(fd) != 0 && errno != EINTR) return -1; /* on Linux the descriptor is gone after EINTR, too */
    if (!error) return 0;
    errno = error;
    return -1;
}

int aer__os_unlink(int parent, const char *name)
{
    if (met_fault(FS_FAULT_UNLINK)) return -1;
    return unlinkat(parent, name, 0);
}

int aer__os_mkdir(int parent, const char *name, mode_t mode)
{
    if (met_fault(FS_FAULT_MKDIR)) return -1;
    return mkdirat(parent, name, mode);
}

int aer__os_rmdir(int parent, const char *name)
{
    return unlinkat(parent, name, AT_REMOVEDIR);
}

int aer__os_rename(int from_parent, const char *from, int to_parent, const char *to, bool noreplace)
{
    struct stat st;

    if (met_fault(FS_FAULT_RENAME)) return -1;
    if (!noreplace) return renameat(from_parent, from, to_parent, to);
    if (renameat2(from_parent, from, to_parent, to, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return -1;
    /* Not every file system knows the flag; there only the caller's lock keeps others from coming between. */
    if (fstatat(to_parent, to, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return errno == ENOENT ? renameat(from_parent, from, to_parent, to) : -1;
}

int aer__fs_fail(struct err *err, const char *verb, const char *name)
{
    switch (errno) {
    case ELOOP: return aer__err_set(err, AER_CORRUPT, "cannot %s '%s': a symbolic link is in the way", verb, name);
    case EXDEV:
        return aer__err_set(err, AER_CORRUPT, "cannot %s '%s': this path leads out of the database directory", verb, name);
    case ENOTDIR:
        return aer__err_set(err, AER_CORRUPT, "cannot %s '%s': part of its path is not a directory", verb, name);
    default: return aer__err_os(err, verb, name);
    }
}
