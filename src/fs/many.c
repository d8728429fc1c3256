/* many.c -- small files by the thousand: written, removed and read with as few system calls as it takes.
 *
 * Nothing here is synced. Whoever writes through this has the bytes in a journal that is on disk, and looks after a crash
 * whether the files are what they should be.
 *
 * 1. A file that was there is replaced by rename: its readers see the old bytes or the new ones.
 * 2. A fresh file is written under its own name, since nobody has been told of it yet. A crash can leave a part of it.
 * 3. A directory is opened once for all files in it that follow each other.
 */
#include "fs/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#define MODE 0666

static size_t parent_size(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? (size_t)(slash - path) : 0;
}

static void leave(struct fs_many *m)
{
    char path[sizeof m->at + 2];

    if (!m->at[0]) return;
    aer__fs_close(m->parent);
    if (m->removed) {
        snprintf(path, sizeof path, "%s/x", m->at);
        aer__fs_prune(m->dir, path);
    }
    m->at[0] = '\0';
    m->removed = false;
}

void aer__fs_many_end(struct fs_many *m)
{
    leave(m);
}

/* Stand in path's directory. make: it is made if it is missing, else AER_NOTFOUND. */
static int stand(struct fs_many *m, const char *path, bool make, const char **name, struct err *err)
{
    size_t size = parent_size(path);
    unsigned made;
    int rc;

    *name = path + size + 1;
    if (size == 0 || size >= sizeof m->at)
        return aer__err_set(err, AER_MISUSE, "'%s' is no path for a table's file", path);
    if (m->at[0] && strncmp(m->at, path, size) == 0 && m->at[size] == '\0') return AER_OK;
    leave(m);
    if (make) {
        rc = aer__fs_make_parent(m->dir, path, &m->parent, name, &made, err);
        if (rc) return rc;
    } else {
        m->parent = aer__fs_open_parent(m->dir, path, name);
        if (m->parent < 0) return errno == ENOENT ? AER_NOTFOUND : aer__fs_fail(err, "open the directory of", path);
    }
    memcpy(m->at, path, size);
    m->at[size] = '\0';
    return AER_OK;
}

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

static int fill(int fd, const char *path, const void *data, size_t size, int64_t mtime_ns, struct err *err)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                {.tv_sec = mtime_ns / 1000000000, .tv_nsec = (long)(mtime_ns % 1000000000)}};
    int rc = write_all(fd, path, data, size, err);

    if (rc == AER_OK && futimens(fd, times) < 0) rc = aer__err_os(err, "set the time of", path);
    if (rc) aer__fs_close(fd);
    else if (aer__os_close(fd) < 0) rc = aer__err_os(err, "close", path);
    return rc;
}

static int write_fresh(struct fs_many *m, const char *name, const char *path, const void *data, size_t size,
                       int64_t mtime_ns, struct err *err)
{
    int rc, fd = aer__os_open(m->parent, name, O_WRONLY | O_CREAT | O_EXCL, MODE);

    if (fd < 0) return errno == EEXIST ? AER_EXISTS : aer__fs_fail(err, "create", path);
    rc = fill(fd, path, data, size, mtime_ns, err);
    if (rc) aer__os_unlink(m->parent, name);
    return rc;
}

static int write_over(struct fs_many *m, const char *name, const char *path, const void *data, size_t size,
                      int64_t mtime_ns, struct err *err)
{
    char tmp[NAME_SIZE];
    uint64_t number;
    int fd, rc = aer__fs_random(&number, sizeof number, err);

    if (rc) return rc;
    snprintf(tmp, sizeof tmp, "%.200s.%016llx.tmp", name, (unsigned long long)number);
    fd = aer__os_open(m->parent, tmp, O_WRONLY | O_CREAT | O_EXCL, MODE);
    if (fd < 0) return aer__fs_fail(err, "create a new version of", path);
    rc = fill(fd, path, data, size, mtime_ns, err);
    if (rc == AER_OK && aer__os_rename(m->parent, tmp, m->parent, name, false) < 0)
        rc = aer__err_os(err, "rename the new version of", path);
    if (rc) aer__os_unlink(m->parent, tmp);
    return rc;
}

int aer__fs_many_write(struct fs_many *m, const char *path, const void *data, size_t size, int64_t mtime_ns, bool fresh,
                       struct err *err)
{
    const char *name;
    int rc = stand(m, path, true, &name, err);

    if (rc) return rc;
    return fresh ? write_fresh(m, name, path, data, size, mtime_ns, err)
                 : write_over(m, name, path, data, size, mtime_ns, err);
}

int aer__fs_many_remove(struct fs_many *m, const char *path, struct err *err)
{
    const char *name;
    int rc = stand(m, path, false, &name, err);

    if (rc) return rc == AER_NOTFOUND ? AER_OK : rc;
    if (aer__os_unlink(m->parent, name) < 0 && errno != ENOENT) return aer__err_os(err, "remove", path);
    m->removed = true;
    return AER_OK;
}

/* ---- reading ---- */

static int read_open(int fd, const char *path, size_t limit, struct buf *to, int64_t *mtime_ns, struct err *err)
{
    struct stat st;
    size_t size, done = 0;

    if (fstat(fd, &st) != 0) return aer__err_os(err, "look at", path);
    if (!S_ISREG(st.st_mode)) return aer__err_set(err, AER_CORRUPT, "'%s' is not a regular file", path);
    if ((uint64_t)st.st_size > limit)
        return aer__err_set(err, AER_CORRUPT, "'%s' has %llu bytes; %zu at most", path, (unsigned long long)st.st_size, limit);
    size = (size_t)st.st_size;
    *mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    if (aer__buf_reserve(to, size + 1)) return aer__err_nomem(err);
    while (done < size) {
        ssize_t n = aer__os_pread(fd, to->data + to->size + done, size - done, done);

        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return aer__err_os(err, "read", path);
        if (n == 0) break; /* it shrank while we read: what is there is what is judged */
        done += (size_t)n;
    }
    to->size += done;
    to->data[to->size] = '\0';
    return AER_OK;
}

int aer__fs_read_small(int dir, const char *path, size_t limit, struct buf *to, int64_t *mtime_ns, struct err *err)
{
    int rc, fd = aer__os_open(dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);

    if (fd < 0) {
        if (errno == ENOENT) return AER_NOTFOUND;
        if (errno == ENXIO || errno == ENODEV)
            return aer__err_set(err, AER_CORRUPT, "'%s' is not a regular file", path);
        return aer__fs_fail(err, "open", path);
    }
    rc = read_open(fd, path, limit, to, mtime_ns, err);
    aer__fs_close(fd);
    return rc;
}

int aer__fs_space(int dir, uint64_t *bytes, uint64_t *inodes, struct err *err)
{
    struct statvfs st;

    if (fstatvfs(dir, &st) != 0) return aer__err_os(err, "ask for the free space of", "the database directory");
    *bytes = (uint64_t)st.f_bavail * st.f_frsize;
    *inodes = st.f_files ? (uint64_t)st.f_favail : UINT64_MAX;
    return AER_OK;
}

int64_t aer__fs_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
