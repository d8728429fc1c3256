/* dir.c -- directories, and names in them: make, remove, move, sync.
 *
 * A name is only on disk once its directory is synced, and a failed sync of a directory counts as much as one of a file.
 */
#include "fs/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The name of a directory just made is on disk once its parent is synced. */
static int sync_parent_of(const char *dir, struct err *err)
{
    int rc = AER_OK;
    int fd, parent;

    errno = aer__os_fault(FS_FAULT_OPEN);
    fd = errno ? -1 : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return aer__err_os(err, "open", dir);
    parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* One may be allowed to make names in a directory, but not to list it; then the whole file system has to be synced. */
    if (parent < 0 && errno == EACCES ? syncfs(fd) < 0 : parent < 0 || aer__os_sync(parent) < 0)
        rc = aer__err_os(err, "sync the directory of", dir);
    aer__fs_close(parent);
    aer__fs_close(fd);
    return rc;
}

int aer__fs_make_dir(const char *dir, bool *made, struct err *err)
{
    int rc;

    *made = false;
    errno = aer__os_fault(FS_FAULT_MKDIR);
    if (errno) return aer__err_os(err, "make the directory", dir);
    if (mkdir(dir, 0777) < 0) return errno == EEXIST ? AER_OK : aer__err_os(err, "make the directory", dir);
    rc = sync_parent_of(dir, err);
    if (rc) aer__fs_unmake_dir(dir);
    else *made = true;
    return rc;
}

void aer__fs_unmake_dir(const char *dir)
{
    /* Not empty, or gone already: nothing of ours to take back. */
    if (rmdir(dir) < 0) errno = 0;
}

int aer__fs_mkdir(int dir, const char *path, bool sync, struct err *err)
{
    char below[PATH_SIZE];
    const char *name;
    unsigned made;
    int fd, rc;

    /* The directory is the parent of whatever might be in it. */
    if ((size_t)snprintf(below, sizeof(below), "%s/x", path) >= sizeof(below)) {
        errno = ENAMETOOLONG;
        return aer__err_os(err, "make the directory", path);
    }
    rc = aer__fs_make_parent(dir, below, &fd, &name, &made, err);
    if (rc) return rc;
    aer__fs_close(fd);
    if (sync) rc = aer__fs_sync_made(dir, below, made, err);
    if (rc) aer__fs_unmake(dir, below, made);
    return rc;
}

int aer__fs_unlink(int dir, const char *path, struct err *err)
{
    const char *name;
    int parent = aer__fs_open_parent(dir, path, &name);
    int rc = AER_OK;

    if (parent < 0) return errno == ENOENT ? AER_OK : aer__fs_fail(err, "open the directory of", path);
    if (aer__os_unlink(parent, name) < 0 && errno != ENOENT) rc = aer__err_os(err, "remove", path);
    aer__fs_close(parent);
    return rc;
}

void aer__fs_prune(int dir, const char *path)
{
    unsigned depth = aer__fs_depth(path);

    if (depth > 1 && aer__os_path_ok(path)) aer__fs_unmake(dir, path, depth - 1);
}

void aer__fs_prune_all(int dir, const char *path)
{
    if (aer__os_path_ok(path)) aer__fs_unmake(dir, path, aer__fs_depth(path));
}

int aer__fs_rename(int dir, const char *from, const char *to, bool sync, struct err *err)
{
    const char *from_name, *to_name;
    int from_parent, to_parent = -1;
    unsigned made = 0;
    int rc;

    from_parent = aer__fs_open_parent(dir, from, &from_name);
    if (from_parent < 0) return errno == ENOENT ? AER_NOTFOUND : aer__fs_fail(err, "open the directory of", from);
    rc = aer__fs_make_parent(dir, to, &to_parent, &to_name, &made, err);
    if (rc) goto out;
    if (aer__os_rename(from_parent, from_name, to_parent, to_name, true) < 0) {
        if (errno == ENOENT) rc = AER_NOTFOUND;
        else if (errno == EEXIST) rc = AER_EXISTS;
        else rc = aer__err_os(err, "rename", from);
        aer__fs_unmake(dir, to, made);
        goto out;
    }
    if (!sync) goto out;
    /* The new name first: a power cut between the two leaves both names rather than none. */
    rc = aer__fs_sync_parent(to_parent, to, err);
    if (!rc) rc = aer__fs_sync_made(dir, to, made, err);
    if (!rc) rc = aer__fs_sync_parent(from_parent, from, err);
out:
    aer__fs_close(to_parent);
    aer__fs_close(from_parent);
    return rc;
}

int aer__fs_sync_dir(int dir, const char *path, struct err *err)
{
    int fd = aer__os_open(dir, path, O_RDONLY | O_DIRECTORY, 0);
    int rc = AER_OK;

    if (fd < 0) return aer__fs_fail(err, "open", path);
    if (aer__os_sync(fd) < 0) rc = aer__err_os(err, "sync the directory", path[0] ? path : ".");
    aer__fs_close(fd);
    return rc;
}

int aer__fs_sync_all(int dir, struct err *err)
{
    errno = aer__os_fault(FS_FAULT_SYNC);
    if (errno || syncfs(dir) < 0) return aer__err_os(err, "sync the file system of", ".");
    return AER_OK;
}

int aer__fs_is_empty(int dir, bool *empty, struct err *err)
{
    int rc = AER_OK;
    DIR *list;
    int fd;

    *empty = false;
    fd = aer__os_open(dir, "", O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) return aer__err_os(err, "open", ".");
    list = fdopendir(fd);
    if (!list) {
        rc = aer__err_os(err, "list", ".");
        aer__fs_close(fd);
        return rc;
    }
    if (!aer__os_next(list)) {
        *empty = errno == 0;
        if (errno) rc = aer__err_os(err, "list", ".");
    }
    closedir(list);
    return rc;
}
