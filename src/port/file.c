/* file.c -- a file put in place whole, or not at all.
 *
 * For: get -o, exports into one file. Must not know: what the bytes are.
 *
 * 1. Until commit, PATH is as it was; after it, all bytes are there, and on disk.
 * 2. The temporary is made with O_EXCL beside PATH, so a planted link is never followed; a link at PATH itself is
 *    resolved first, and what it points at is replaced.
 * 3. What is no regular file (/dev/null, a FIFO) is written directly: a rename would put a file in its place.
 */
#include "port/port_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static char *volatile half_written; /* the one temporary of this process, for the sweep */

int aer__port_write_all(int fd, const void *data, size_t size)
{
    const char *p = data;

    while (size > 0) {
        ssize_t n = write(fd, p, size);

        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        p += n;
        size -= (size_t)n;
    }
    return 0;
}

static int make_temporary(struct port_file *file, mode_t mode, struct port_error *error)
{
    unsigned char bytes[6];
    char *base;
    size_t size = strlen(file->path) + 32;

    file->temporary = malloc(size);
    if (!file->temporary) return aer__port_no_memory(error);
    for (int tries = 0; tries < 100; tries++) {
        if (getrandom(bytes, sizeof(bytes), 0) < 0) return aer__port_fail_os(error, "create", file->path);
        base = strrchr(file->path, '/');
        snprintf(file->temporary, size, "%.*s.%02x%02x%02x%02x%02x%02x.tmp", base ? (int)(base - file->path) + 1 : 0,
                 file->path, bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]);
        file->fd = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (file->fd >= 0 || errno != EEXIST) break;
    }
    if (file->fd >= 0) {
        half_written = file->temporary;
        return AER_OK;
    }
    free(file->temporary);
    file->temporary = NULL;
    return aer__port_fail_os(error, "create", file->path);
}

int aer__port_file_open(struct port_file *file, const char *path, struct port_error *error)
{
    struct stat st;
    bool there = stat(path, &st) == 0;
    int rc;

    *file = (struct port_file){.fd = -1};
    file->path = there ? realpath(path, NULL) : strdup(path);
    if (!file->path) return there ? aer__port_fail_os(error, "open", path) : aer__port_no_memory(error);
    if (there && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        rc = aer__port_fail_os(error, "write", path);
    } else if (there && !S_ISREG(st.st_mode)) {
        file->fd = open(path, O_WRONLY | O_CLOEXEC);
        rc = file->fd < 0 ? aer__port_fail_os(error, "open", path) : AER_OK;
    } else {
        rc = make_temporary(file, 0666, error);
        if (rc == AER_OK && there) fchmod(file->fd, st.st_mode & 0777);
    }
    if (rc != AER_OK) aer__port_file_abandon(file);
    return rc;
}

int aer__port_file_write(struct port_file *file, const void *data, size_t size, struct port_error *error)
{
    return aer__port_write_all(file->fd, data, size) ? aer__port_fail_os(error, "write", file->path) : AER_OK;
}

int aer__port_file_commit(struct port_file *file, struct port_error *error)
{
    int fd = file->fd;

    if (file->temporary && fsync(fd) < 0) return aer__port_fail_os(error, "sync", file->path);
    file->fd = -1;
    if (close(fd) < 0) return aer__port_fail_os(error, "write", file->path);
    if (file->temporary && rename(file->temporary, file->path) < 0)
        return aer__port_fail_os(error, "rename to", file->path);
    if (file->temporary) half_written = NULL;
    free(file->temporary);
    file->temporary = NULL;
    return AER_OK;
}

void aer__port_file_abandon(struct port_file *file)
{
    if (file->fd >= 0) close(file->fd);
    if (file->temporary) unlink(file->temporary);
    if (file->temporary) half_written = NULL;
    free(file->temporary);
    free(file->path);
    *file = (struct port_file){.fd = -1};
}

void aer__port_file_sweep(void)
{
    if (half_written) unlink(half_written);
}
