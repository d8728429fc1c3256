/* open.c -- the database directory, and what lies in it: look, open, find its real path.
 *
 * Must not know: what a file's bytes mean. Files are opened without blocking and looked at afterwards: a FIFO with nobody at its
 * other end, or a terminal, must not hang whoever opens a database.
 */
#include "fs/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int aer__fs_open_dir(const char *dir, int *fd, struct err *err)
{
    *fd = -1;
    errno = aer__os_fault(FS_FAULT_OPEN);
    if (errno) return aer__err_os(err, "open", dir);
    do *fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (*fd < 0 && errno == EINTR);
    if (*fd >= 0) return AER_OK;
    if (errno == ENOENT) return aer__err_set(err, AER_NODB, "there is no directory '%s'", dir);
    if (errno == ENOTDIR) return aer__err_set(err, AER_NODB, "'%s' is not a directory", dir);
    return aer__err_os(err, "open", dir);
}

void aer__fs_close(int fd)
{
    if (fd >= 0) close(fd);
}

static int kind_of(mode_t mode)
{
    if (S_ISREG(mode)) return FS_FILE;
    return S_ISDIR(mode) ? FS_DIR : FS_OTHER;
}

static int kind_at(int dir, const char *path)
{
    struct stat st;

    if (fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0) return kind_of(st.st_mode);
    return errno == ENOENT || errno == ENOTDIR ? FS_MISSING : FS_OTHER;
}

int aer__fs_kind_absolute(const char *absolute)
{
    return kind_at(AT_FDCWD, absolute);
}

/* Looks at each level by itself, so that it needs no descriptor (there may be none left) and sees a link on the way. */
int aer__fs_kind(int dir, const char *path)
{
    char upto[PATH_SIZE];
    size_t size = 0;

    if (path[0] == '\0') return FS_DIR;
    if (!aer__os_path_ok(path) || strlen(path) >= sizeof(upto)) return FS_OTHER;
    for (;;) {
        int kind;

        size += strcspn(path + size, "/");
        memcpy(upto, path, size);
        upto[size] = '\0';
        kind = kind_at(dir, upto);
        if (path[size] == '\0' || kind == FS_MISSING) return kind;
        if (kind != FS_DIR) return kind == FS_FILE ? FS_MISSING : FS_OTHER;
        size++;
    }
}

int aer__fs_open_read(int dir, const char *path, int *fd, int *os_error, struct err *err)
{
    struct stat st;
    int rc = AER_OK;

    if (os_error) *os_error = 0;
    *fd = aer__os_open(dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (*fd < 0) {
        int error = errno;

        if (os_error) *os_error = error;
        if (error == ENOENT) return AER_NOTFOUND;
        if (error == ENXIO || error == ENODEV)
            return aer__err_set(err, AER_CORRUPT, "'%s' is not a regular file", path);
        return aer__fs_fail(err, "open", path);
    }
    if (fstat(*fd, &st) != 0) rc = aer__err_os(err, "look at", path);
    else if (!S_ISREG(st.st_mode)) rc = aer__err_set(err, AER_CORRUPT, "'%s' is not a regular file", path);
    if (rc) {
        aer__fs_close(*fd);
        *fd = -1;
    }
    return rc;
}

bool aer__fs_writable(int dir)
{
    return faccessat(dir, ".", W_OK | X_OK, AT_EACCESS) == 0;
}

/* The real path of the open directory, links resolved. False with errno. */
static bool real_path(int dir, char path[PATH_MAX])
{
    struct stat here, there;
    char self[64];
    ssize_t size;

    snprintf(self, sizeof(self), "/proc/self/fd/%d", dir);
    size = readlink(self, path, PATH_MAX - 1);
    if (size < 0) return false;
    path[size] = '\0';
    /* The kernel writes " (deleted)" behind a directory that is gone; and a path may lead elsewhere than it did. */
    if (fstat(dir, &here) != 0 || stat(path, &there) != 0) return false;
    if (here.st_dev == there.st_dev && here.st_ino == there.st_ino) return true;
    errno = ENOENT;
    return false;
}

int aer__fs_absolute(int dir, const char *path, char **absolute, struct err *err)
{
    char at[PATH_MAX];
    struct buf whole = {0};
    size_t size;
    int rc;

    *absolute = NULL;
    if (path[0] && !aer__os_path_ok(path)) {
        errno = EXDEV;
        return aer__fs_fail(err, "find", path);
    }
    if (!real_path(dir, at)) return aer__err_os(err, "find the path of the database directory for", path);
    size = strlen(at);
    if (size == 1) size = 0; /* the root directory: its slash is the one we add */
    rc = aer__buf_append(&whole, at, size);
    if (!rc && (path[0] || size == 0)) rc = aer__buf_append(&whole, "/", 1);
    if (!rc) rc = aer__buf_append(&whole, path, strlen(path) + 1);
    if (rc) {
        aer__buf_release(&whole);
        return aer__err_nomem(err);
    }
    *absolute = (char *)whole.data;
    return AER_OK;
}
