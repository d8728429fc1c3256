/* large.c -- files that are made anew as a whole, too large for memory: a temporary, filled by whoever asked for it, then put in place.
 *
 * 1. A reader sees the old file or the new one.
 * 2. aer__fs_put: AER_OK means that bytes and name survive a power cut.
 * 3. A crash can leave the temporary behind; aer__fs_is_temporary knows its name.
 */
#include "fs/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PIECE ((size_t)1 << 20)
#define MODE 0666

int aer__fs_temporary(int dir, const char *path, char temporary[FS_TEMPORARY_SIZE], int *fd, struct err *err)
{
    const char *name;
    uint64_t number;
    int parent, rc = aer__fs_random(&number, sizeof number, err);

    *fd = -1;
    if (rc) return rc;
    if (snprintf(temporary, FS_TEMPORARY_SIZE, "%s.%016llx.tmp", path, (unsigned long long)number) >= FS_TEMPORARY_SIZE) {
        errno = ENAMETOOLONG;
        return aer__err_os(err, "create a new version of", path);
    }
    parent = aer__fs_open_parent(dir, temporary, &name);
    if (parent < 0) return aer__fs_fail(err, "open the directory of", path);
    *fd = aer__os_open(parent, name, O_RDWR | O_CREAT | O_EXCL, MODE);
    if (*fd < 0) rc = aer__fs_fail(err, "create a new version of", path);
    aer__fs_close(parent);
    return rc;
}

int aer__fs_put(int dir, const char *temporary, int fd, const char *path, struct err *err)
{
    const char *name, *from;
    int parent, rc = AER_OK;

    if (aer__os_sync(fd) < 0) return aer__err_os(err, "sync the new version of", path);
    parent = aer__fs_open_parent(dir, path, &name);
    if (parent < 0) return aer__fs_fail(err, "open the directory of", path);
    from = strrchr(temporary, '/');
    from = from ? from + 1 : temporary;
    if (aer__os_rename(parent, from, parent, name, false) < 0) rc = aer__err_os(err, "rename the new version of", path);
    if (rc == AER_OK) rc = aer__fs_sync_parent(parent, path, err);
    aer__fs_close(parent);
    return rc;
}

static int write_all(int fd, const char *name, const unsigned char *from, size_t size, struct err *err)
{
    while (size > 0) {
        ssize_t done = aer__os_write(fd, from, size);

        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return aer__err_os(err, "write a copy of", name);
        from += done;
        size -= (size_t)done;
    }
    return AER_OK;
}

int aer__fs_copy(int from, int to, const char *name, uint64_t *size, uint64_t *sum, struct err *err)
{
    unsigned char *piece = aer__alloc(PIECE);
    struct hasher hasher;
    int rc = AER_OK;

    *size = 0;
    if (!piece) return aer__err_nomem(err);
    aer__hasher_begin(&hasher);
    for (;;) {
        ssize_t got = aer__os_pread(from, piece, PIECE, *size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) rc = aer__err_os(err, "read", name);
        if (got <= 0) break;
        aer__hasher_add(&hasher, piece, (size_t)got);
        *size += (uint64_t)got;
        if (to >= 0) rc = write_all(to, name, piece, (size_t)got, err);
        if (rc) break;
    }
    aer__free(piece);
    *sum = aer__hasher_sum(&hasher);
    return rc;
}

int aer__fs_state(int fd, const char *name, uint64_t *size, int64_t *mtime_ns, struct err *err)
{
    struct stat st;

    *size = 0;
    *mtime_ns = 0;
    if (fstat(fd, &st) != 0) return aer__err_os(err, "look at", name);
    *size = (uint64_t)st.st_size;
    *mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    return AER_OK;
}
