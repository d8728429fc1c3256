/* lock.c -- a lock file: kernel locks on its bytes, and its bytes mapped.
 *
 * Locks are OFD locks: they belong to the open file, not to the process, so two handles in one process exclude
 * each other, closing some other descriptor of the same file does not drop them (with POSIX locks it does), and
 * they go with their holder, however it ends. Nothing stale can be left that somebody has to delete.
 *
 * The bytes are given disk blocks before they are mapped: a store to a hole of a mapped file on a full disk kills the process.
 *
 * Must not know: what the bytes and the offsets mean.
 */
#include "fs/os.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* At least size bytes, with blocks behind them where the file system can. Never shrinks, never changes a byte. */
static int grow(int fd, const char *path, const struct stat *st, size_t size, struct err *err)
{
    int rc;

    if ((uint64_t)st->st_size >= size && (uint64_t)st->st_blocks * 512 >= size) return AER_OK;
    errno = aer__os_fault(FS_FAULT_WRITE);
    if (errno) return aer__err_os(err, "grow", path);
    do rc = fallocate(fd, 0, 0, (off_t)size);
    while (rc < 0 && errno == EINTR);
    if (rc == 0) return AER_OK;
    if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL) return aer__err_os(err, "grow", path);
    if ((uint64_t)st->st_size >= size) return AER_OK;
    do rc = ftruncate(fd, (off_t)size);
    while (rc < 0 && errno == EINTR);
    return rc < 0 ? aer__err_os(err, "grow", path) : AER_OK;
}

int aer__fs_lock_open(int dir, const char *path, size_t size, bool readonly, int *fd, void **map, struct err *err)
{
    const int flags = O_NONBLOCK | O_NOCTTY | (readonly ? O_RDONLY : O_RDWR | O_CREAT);
    struct stat st;
    void *at;
    int file;
    int rc = AER_OK;

    *fd = -1;
    *map = NULL;
    file = aer__os_open(dir, path, flags, 0666);
    if (file < 0) {
        if (readonly && errno == ENOENT) return AER_OK;
        if (errno == ENXIO || errno == EISDIR)
            return aer__err_set(err, AER_CORRUPT, "'%s' is not a regular file", path);
        return aer__fs_fail(err, "open", path);
    }
    if (fstat(file, &st) != 0) {
        rc = aer__err_os(err, "look at", path);
        goto out;
    }
    if (!S_ISREG(st.st_mode)) {
        rc = aer__err_set(err, AER_CORRUPT, "'%s' is not a regular file", path);
        goto out;
    }
    if (readonly && (uint64_t)st.st_size < size) goto out; /* as good as none: nobody is in */
    if (!readonly) rc = grow(file, path, &st, size, err);
    if (rc) goto out;
    at = mmap(NULL, size, readonly ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (at == MAP_FAILED) {
        rc = aer__err_os(err, "map", path);
        goto out;
    }
    *fd = file;
    *map = at;
    file = -1;
out:
    aer__fs_close(file);
    return rc;
}

void aer__fs_lock_close(int fd, void *map, size_t size)
{
    if (map) munmap(map, size);
    aer__fs_close(fd);
}

/* The mapping too keeps the open file, and with it the locks. */
void aer__fs_lock_forget(int fd, void *map, size_t size)
{
    /* cppcheck-suppress [invalidFunctionArg,leakReturnValNotUsed] ; no file behind it, and it stays */
    if (mmap(map, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
        munmap(map, size); /* the child must not touch it: better without than with the parent's locks */
    close(fd);             /* nothing was written through it */
}

static int ofd_lock(int fd, int command, int type, uint64_t offset, struct flock *lock)
{
    int rc;

    do {
        memset(lock, 0, sizeof(*lock)); /* l_pid must be 0 */
        lock->l_type = (short)type;
        lock->l_whence = SEEK_SET;
        lock->l_start = (off_t)offset;
        lock->l_len = 1;
        rc = fcntl(fd, command, lock);
    } while (rc < 0 && errno == EINTR);
    return rc;
}

int aer__fs_lock(int fd, uint64_t offset, bool exclusive, struct err *err)
{
    struct flock lock;

    if (ofd_lock(fd, F_OFD_SETLK, exclusive ? F_WRLCK : F_RDLCK, offset, &lock) == 0) return AER_OK;
    if (errno == EAGAIN || errno == EACCES) return AER_BUSY;
    return aer__err_os(err, "lock", "the lock file");
}

void aer__fs_unlock(int fd, uint64_t offset)
{
    struct flock lock;

    ofd_lock(fd, F_OFD_SETLK, F_UNLCK, offset, &lock);
}

int aer__fs_lock_named(int fd, const char *name, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0) return aer__err_os(err, "look at", name);
    return st.st_nlink ? AER_OK : aer__err_set(err, AER_IO, "'%s' was removed while it was in use", name);
}

int aer__fs_lock_held(int fd, uint64_t offset, bool *held, struct err *err)
{
    struct flock lock;

    *held = true;
    if (ofd_lock(fd, F_OFD_GETLK, F_WRLCK, offset, &lock) < 0)
        return aer__err_os(err, "ask for locks of", "the lock file");
    *held = lock.l_type != F_UNLCK;
    return AER_OK;
}
