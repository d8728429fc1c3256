/* create.c -- a new file under a name that nobody has.
 *
 * For: sealed buckets, and whatever else is written once. There is no temporary name: the file's own name is random, and
 * nothing refers to it before AER_OK. A crash can leave a part of it, under a name nobody knows.
 *
 * 1. O_EXCL: what is there already, a planted link included, is left alone.
 * 2. With sync, AER_OK means: bytes, name, and the names of all directories made on the way are on disk, in this order.
 * 3. On failure neither the file nor a directory made for it stays.
 */
#include "fs/os.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static int write_all(int fd, const char *path, const void *data, size_t size, struct err *err)
{
    const unsigned char *from = data;

    while (size > 0) {
        ssize_t done = aer__os_write(fd, from, size);

        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return aer__err_os(err, "write", path);
        from += done;
        size -= (size_t)done;
    }
    return AER_OK;
}

int aer__fs_fill(int fd, const char *path, const struct contents *contents, bool sync, struct err *err)
{
    int rc = write_all(fd, path, contents->data, contents->size, err);

    if (!rc && fchmod(fd, contents->mode) < 0) rc = aer__err_os(err, "set the mode of", path);
    if (!rc && sync && aer__os_sync(fd) < 0) rc = aer__err_os(err, "sync", path);
    if (rc) aer__fs_close(fd);
    else if (aer__os_close(fd) < 0) rc = aer__err_os(err, "close", path);
    return rc;
}

int aer__fs_create(int dir, const char *path, const void *data, size_t size, int mode, bool sync, struct err *err)
{
    const char *name;
    unsigned made;
    int parent, fd = -1;
    bool ours = false; /* the file exists and is ours to remove */
    int rc;

    for (int try = 0; fd < 0 && try < PRUNED_TRIES; try++) {
        rc = aer__fs_make_parent(dir, path, &parent, &name, &made, err);
        if (rc) return rc;
        fd = aer__os_open(parent, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
        if (fd >= 0 || errno != ENOENT || try + 1 == PRUNED_TRIES) break;
        aer__fs_close(parent); /* pruned by another process between the two */
    }
    if (fd < 0) {
        rc = errno == EEXIST ? AER_EXISTS : aer__fs_fail(err, "create", path);
        goto out;
    }
    ours = true;
    rc = aer__fs_fill(fd, path, &(struct contents){data, size, (mode_t)mode}, sync, err);
    if (rc || !sync) goto out;
    rc = aer__fs_sync_parent(parent, path, err);
    if (!rc) rc = aer__fs_sync_made(dir, path, made, err);
out:
    if (rc && ours) aer__os_unlink(parent, name);
    if (rc) aer__fs_unmake(dir, path, made);
    aer__fs_close(parent);
    return rc;
}
