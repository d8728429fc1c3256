/* read.c -- bytes out of a file that is open, or a small file whole.
 *
 * A file that ends before the bytes asked for is damaged, not an I/O error: the disk answered, the file is too short.
 */
#include "fs/os.h"

#include <errno.h>
#include <sys/stat.h>

int aer__fs_size(int fd, const char *name, uint64_t *size, struct err *err)
{
    struct stat st;

    *size = 0;
    if (fstat(fd, &st) != 0) return aer__err_os(err, "look at", name);
    *size = (uint64_t)st.st_size;
    return AER_OK;
}

int aer__fs_pread(int fd, const char *name, void *data, size_t size, uint64_t offset, struct err *err)
{
    unsigned char *to = data;

    while (size > 0) {
        ssize_t got = aer__os_pread(fd, to, size, offset);

        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return aer__err_os(err, "read", name);
        if (got == 0) return aer__err_set(err, AER_CORRUPT, "'%s' is cut short", name);
        to += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return AER_OK;
}

int aer__fs_read_all(int dir, const char *path, size_t limit, void **data, size_t *size, struct err *err)
{
    unsigned char *bytes = NULL;
    uint64_t file_size;
    int fd = -1;
    int rc;

    *data = NULL;
    *size = 0;
    rc = aer__fs_open_read(dir, path, &fd, NULL, err);
    if (rc) goto out;
    rc = aer__fs_size(fd, path, &file_size, err);
    if (rc) goto out;
    if (file_size > limit || file_size >= SIZE_MAX) {
        rc = aer__err_set(err, AER_CORRUPT, "'%s' has %llu bytes, more than the %zu it may have", path,
                          (unsigned long long)file_size, limit);
        goto out;
    }
    bytes = aer__alloc((size_t)file_size + 1);
    if (!bytes) {
        rc = aer__err_nomem(err);
        goto out;
    }
    rc = aer__fs_pread(fd, path, bytes, (size_t)file_size, 0, err);
    if (rc) goto out;
    bytes[file_size] = '\0';
    *data = bytes;
    *size = (size_t)file_size;
    bytes = NULL;
out:
    aer__free(bytes);
    aer__fs_close(fd);
    return rc;
}
