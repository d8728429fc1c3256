/* disk.c -- the calls, the dying and the recording; see disk.h. What a cut takes back is in cut.c.
 *
 * The C library's own are found with dlsym. openat2 has no function, so it is answered with ENOSYS while recording,
 * and the library falls back to openat.
 */
#include "disk.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "record.h"

#if defined(__SANITIZE_THREAD__) /* it stands between itself, and these tests are not for it */

void disk_die_at(long n)
{
    (void)n;
}

void disk_record(const char *root, const char *records)
{
    (void)root, (void)records;
}

#else

#define INTERPOSED __attribute__((visibility("default")))
#define REAL(name, type) ((type)real(#name, &real_##name))

static atomic_long points_left; /* 0: never die */
static bool is_recording;
static char record_root[RECORD_PATH], record_dir[RECORD_PATH];
static int record_fd = -1;
static unsigned backup_count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* one change and its record at a time */

static void *real(const char *name, void **found)
{
    if (!*found) *found = dlsym(RTLD_NEXT, name);
    return *found;
}

static void *real_pwrite, *real_write, *real_fsync, *real_fdatasync, *real_ftruncate, *real_renameat2, *real_unlinkat,
    *real_mkdirat, *real_syncfs, *real_openat, *real_syscall, *real_fchmod;

typedef ssize_t (*pwrite_fn)(int, const void *, size_t, off_t);
typedef ssize_t (*write_fn)(int, const void *, size_t);
typedef int (*fd_fn)(int);
typedef int (*ftruncate_fn)(int, off_t);
typedef int (*renameat2_fn)(int, const char *, int, const char *, unsigned);
typedef int (*unlinkat_fn)(int, const char *, int);
typedef int (*mkdirat_fn)(int, const char *, mode_t);
typedef int (*openat_fn)(int, const char *, int, ...);
typedef long (*syscall_fn)(long, ...);
typedef int (*fchmod_fn)(int, mode_t);

/* ---- dying -------------------------------------------------------------------------------- */

void disk_die_at(long n)
{
    atomic_store(&points_left, n);
}

static bool dies_now(void)
{
    return atomic_load(&points_left) > 0 && atomic_fetch_sub(&points_left, 1) == 1;
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static void point(void)
{
    if (dies_now()) die();
}

/* ---- recording ---------------------------------------------------------------------------- */

static void raw_write(const void *data, size_t size)
{
    if (REAL(write, write_fn)(record_fd, data, size) != (ssize_t)size) abort();
}

void disk_record(const char *root, const char *records)
{
    char name[RECORD_PATH + 16];

    snprintf(record_root, sizeof record_root, "%s", root);
    snprintf(record_dir, sizeof record_dir, "%s", records);
    snprintf(name, sizeof name, "%s/" RECORD_LOG, records);
    if (mkdir(records, 0755) < 0 && errno != EEXIST) abort();
    record_fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (record_fd < 0) abort();
    is_recording = true;
}

/* The absolute path of PATH in DIR; false if it is none of ours. */
static bool full_path(char full[RECORD_PATH], int dir, const char *path)
{
    char self[64], base[RECORD_PATH];
    const char *name;
    ssize_t size;

    if (*path == '/') {
        snprintf(full, RECORD_PATH, "%s", path);
    } else {
        if (dir == AT_FDCWD) snprintf(self, sizeof self, "/proc/self/cwd");
        else snprintf(self, sizeof self, "/proc/self/fd/%d", dir);
        size = readlink(self, base, sizeof base - 1);
        if (size < 0) return false;
        base[size] = '\0';
        if (snprintf(full, RECORD_PATH, "%s%s%s", base, *path ? "/" : "", path) >= RECORD_PATH) abort();
    }
    if (strncmp(full, record_root, strlen(record_root)) != 0) return false;
    name = strrchr(full, '/') + 1;
    if (strlen(name) > 4 && !strcmp(name + strlen(name) - 4, "-shm")) return false;
    return strcmp(name, "aerial.lock") != 0;
}

static void keep_inode(int fd, uint64_t inode)
{
    char self[64], kept[RECORD_PATH + 40];

    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    snprintf(kept, sizeof kept, "%s/" RECORD_INODE, record_dir, (unsigned long long)inode);
    if (linkat(AT_FDCWD, self, AT_FDCWD, kept, AT_SYMLINK_FOLLOW) < 0 && errno != EEXIST && errno != ENOENT) abort();
}

/* Bytes [offset, offset + size) get these, or the file is cut or extended to OFFSET (data NULL). */
static void record_data(int fd, const void *data, size_t size, off_t offset)
{
    struct record r = {.kind = data ? RECORD_WRITE : RECORD_TRUNCATE};
    unsigned char *old = NULL;
    struct stat st;

    if (!full_path(r.path, fd, "") || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) return;
    keep_inode(fd, st.st_ino);
    r.inode = st.st_ino;
    r.offset = (uint64_t)offset;
    r.new_size = data ? size : 0;
    r.file_size = (uint64_t)st.st_size;
    if (r.offset < r.file_size) r.old_size = r.file_size - r.offset;
    if (data && r.old_size > size) r.old_size = size;
    old = malloc(r.old_size + 1);
    if (!old) abort();
    if (r.old_size) {
        char self[RECORD_PATH + 40]; /* the descriptor may be open for writing only */
        int again;

        snprintf(self, sizeof self, "%s/" RECORD_INODE, record_dir, (unsigned long long)r.inode);
        again = REAL(openat, openat_fn)(AT_FDCWD, self, O_RDONLY | O_CLOEXEC);
        if (again < 0 || pread(again, old, r.old_size, offset) != (ssize_t)r.old_size) abort();
        close(again);
    }
    raw_write(&r, sizeof r);
    if (r.new_size) raw_write(data, r.new_size);
    raw_write(old, r.old_size);
    free(old);
}

static void record_sync(int fd)
{
    struct record r = {.kind = RECORD_SYNC};
    struct stat st;

    if (!full_path(r.path, fd, "") || fstat(fd, &st) < 0) return;
    r.inode = st.st_ino;
    raw_write(&r, sizeof r);
}

/* Keep what stands under the name now, so that it can be put back. */
static uint64_t back_up(const char *path)
{
    char kept[RECORD_PATH + 40];

    snprintf(kept, sizeof kept, "%s/" RECORD_BACKUP, record_dir, ++backup_count);
    return linkat(AT_FDCWD, path, AT_FDCWD, kept, 0) == 0 ? backup_count : 0;
}

static void record_name(int kind, int dir, const char *path, int to_dir, const char *to)
{
    struct record r = {.kind = kind};

    if (!full_path(r.path, dir, path)) return;
    if (to && !full_path(r.to, to_dir, to)) return;
    if (kind == RECORD_REMOVE) r.backup = back_up(r.path);
    if (kind == RECORD_RENAME) r.backup = back_up(r.to);
    raw_write(&r, sizeof r);
}

static bool begin(void)
{
    if (!is_recording) return false;
    pthread_mutex_lock(&lock);
    return true;
}

static void end(bool recording)
{
    int saved = errno;

    if (recording) pthread_mutex_unlock(&lock);
    errno = saved;
}

/* ---- the calls ---------------------------------------------------------------------------- */

static ssize_t write_at(int fd, const void *data, size_t size, off_t offset)
{
    bool recording = begin();
    ssize_t n;

    if (recording) record_data(fd, data, size, offset);
    if (dies_now()) {
        REAL(pwrite, pwrite_fn)(fd, data, size / 2, offset);
        die();
    }
    n = REAL(pwrite, pwrite_fn)(fd, data, size, offset);
    end(recording);
    return n;
}

INTERPOSED ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return write_at(fd, data, size, offset);
}

INTERPOSED ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    return write_at(fd, data, size, offset);
}

INTERPOSED ssize_t write(int fd, const void *data, size_t size)
{
    bool recording = fd > 2 && begin();
    off_t offset = recording ? lseek(fd, 0, SEEK_CUR) : -1;
    ssize_t n;

    if (offset >= 0) record_data(fd, data, size, offset);
    if (fd > 2 && dies_now()) {
        REAL(write, write_fn)(fd, data, size / 2);
        die();
    }
    n = REAL(write, write_fn)(fd, data, size);
    end(recording);
    return n;
}

static int cut_at(int fd, off_t size)
{
    bool recording = begin();
    int rc;

    if (recording) record_data(fd, NULL, 0, size);
    point();
    rc = REAL(ftruncate, ftruncate_fn)(fd, size);
    end(recording);
    return rc;
}

INTERPOSED int ftruncate(int fd, off_t size)
{
    return cut_at(fd, size);
}

INTERPOSED int ftruncate64(int fd, off64_t size)
{
    return cut_at(fd, size);
}

static int sync_fd(int fd, fd_fn sync)
{
    bool recording = begin();
    int rc;

    point();
    rc = recording ? 0 : sync(fd); /* a recorded sync is as good as a real one, and quick */
    if (recording && rc == 0) record_sync(fd);
    end(recording);
    return rc;
}

INTERPOSED int fsync(int fd)
{
    return sync_fd(fd, REAL(fsync, fd_fn));
}

INTERPOSED int fdatasync(int fd)
{
    return sync_fd(fd, REAL(fdatasync, fd_fn));
}

INTERPOSED int syncfs(int fd)
{
    struct record r = {.kind = RECORD_SYNC_ALL};
    bool recording = begin();
    int rc;

    point();
    rc = recording ? 0 : REAL(syncfs, fd_fn)(fd);
    if (recording) raw_write(&r, sizeof r);
    end(recording);
    return rc;
}

INTERPOSED int fchmod(int fd, mode_t mode)
{
    point();
    return REAL(fchmod, fchmod_fn)(fd, mode);
}

INTERPOSED int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    bool recording = begin();
    int rc;

    if (recording && faccessat(from_dir, from, F_OK, AT_SYMLINK_NOFOLLOW) == 0 &&
        !(flags && faccessat(to_dir, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0))
        record_name(RECORD_RENAME, from_dir, from, to_dir, to);
    point();
    rc = REAL(renameat2, renameat2_fn)(from_dir, from, to_dir, to, flags);
    end(recording);
    return rc;
}

INTERPOSED int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return renameat2(from_dir, from, to_dir, to, 0);
}

INTERPOSED int rename(const char *from, const char *to)
{
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

INTERPOSED int unlinkat(int dir, const char *path, int flags)
{
    bool recording = begin();
    int rc;

    if (recording && !flags && faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        record_name(RECORD_REMOVE, dir, path, 0, NULL);
    point();
    rc = REAL(unlinkat, unlinkat_fn)(dir, path, flags);
    end(recording);
    return rc;
}

INTERPOSED int unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

INTERPOSED int mkdirat(int dir, const char *path, mode_t mode)
{
    bool recording = begin();
    int rc;

    point();
    rc = REAL(mkdirat, mkdirat_fn)(dir, path, mode);
    if (recording && rc == 0) record_name(RECORD_CREATE, dir, path, 0, NULL);
    end(recording);
    return rc;
}

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
    bool recording = (flags & O_CREAT) && begin(), is_new;
    int fd;

    is_new = recording && faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
    if (is_new) point();
    fd = REAL(openat, openat_fn)(dir, path, flags, mode);
    if (is_new && fd >= 0) record_name(RECORD_CREATE, dir, path, 0, NULL);
    end(recording);
    return fd;
}

#define MODE_ARGUMENT(mode, flags)                                \
    do {                                                          \
        va_list args_;                                            \
        va_start(args_, flags);                                   \
        if ((flags)&O_CREAT) (mode) = (mode_t)va_arg(args_, int); \
        va_end(args_);                                            \
    } while (0)

INTERPOSED int openat(int dir, const char *path, int flags, ...)
{
    mode_t mode = 0;

    MODE_ARGUMENT(mode, flags);
    return open_at(dir, path, flags, mode);
}

INTERPOSED int openat64(int dir, const char *path, int flags, ...)
{
    mode_t mode = 0;

    MODE_ARGUMENT(mode, flags);
    return open_at(dir, path, flags | O_LARGEFILE, mode);
}

INTERPOSED int open(const char *path, int flags, ...)
{
    mode_t mode = 0;

    MODE_ARGUMENT(mode, flags);
    return open_at(AT_FDCWD, path, flags, mode);
}

INTERPOSED int open64(const char *path, int flags, ...)
{
    mode_t mode = 0;

    MODE_ARGUMENT(mode, flags);
    return open_at(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

INTERPOSED long syscall(long number, ...)
{
    long a[6];
    va_list args;

    if (number == SYS_openat2 && (is_recording || atomic_load(&points_left))) {
        errno = ENOSYS;
        return -1;
    }
    va_start(args, number);
    for (int i = 0; i < 6; i++) a[i] = va_arg(args, long);
    va_end(args);
    return REAL(syscall, syscall_fn)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
#endif
