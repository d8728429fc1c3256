/* os.h -- the seam between us and the operating system. For src/fs only.
 *
 * Each call here is one system call, or one that is safe to see as one, with the place where tests make it fail. They
 * return what the system call returns, errno with it. EINTR is dealt with here, except in read and write, where the loops
 * around them do it.
 *
 * A path is relative, '/' between names, no empty name, no "." and no "..": else errno is EXDEV and nothing is touched.
 * No symbolic link is followed anywhere in it. "" is the directory dir itself, where a directory is asked for.
 */
#ifndef AER_FS_OS_H
#define AER_FS_OS_H

#include "base/base.h"
#include "fs/fs.h"

#include <dirent.h>
#include <sys/types.h>

#define NAME_SIZE 256 /* one file name, NUL included */
#define PATH_SIZE 4096

/* Which of our faults this call meets: its errno, or 0. */
int aer__os_fault(int kind);
/* Is the fault of that kind still to come? */
bool aer__os_fault_pending(int kind);

int aer__os_open(int dir, const char *path, int flags, mode_t mode);
ssize_t aer__os_pread(int fd, void *data, size_t size, uint64_t offset);
ssize_t aer__os_write(int fd, const void *data, size_t size);
/* The next name in a directory, "." and ".." left out; lives until the next call. NULL with errno 0 at the end. */
const char *aer__os_next(DIR *list);
int aer__os_sync(int fd);
int aer__os_close(int fd);
/* name is one name in the directory parent, not a path. */
int aer__os_unlink(int parent, const char *name);
int aer__os_mkdir(int parent, const char *name, mode_t mode);
int aer__os_rmdir(int parent, const char *name);
/* noreplace: EEXIST if there is a file already. */
int aer__os_rename(int from_parent, const char *from, int to_parent, const char *to, bool noreplace);

/* For tests: act as on a kernel without openat2. */
void aer__os_without_openat2(bool without);

/* Is it a path as described above? */
bool aer__os_path_ok(const char *path);

/* As aer__err_os, but what can only come from a tampered directory (links, files where directories belong) is AER_CORRUPT. */
int aer__fs_fail(struct err *err, const char *verb, const char *name);

/* ---- parent.c: the directory that holds a path's last name ---- */

/* Opened so that it can be synced; *name points into path. -1 and errno on failure. */
int aer__fs_open_parent(int dir, const char *path, const char **name);
/* The same; directories that are missing are made, the *made deepest ones. On failure none of them stays. */
int aer__fs_make_parent(int dir, const char *path, int *parent, const char **name, unsigned *made, struct err *err);
/* Sync the open parent of path: its names are on disk. */
int aer__fs_sync_parent(int parent, const char *path, struct err *err);
/* Sync the directories in which make_parent made one. */
int aer__fs_sync_made(int dir, const char *path, unsigned made, struct err *err);
/* Remove the count deepest directories above path's last name, up to the first that is not empty; quiet. */
void aer__fs_unmake(int dir, const char *path, unsigned count);
/* How many directories stand above path's last name. */
unsigned aer__fs_depth(const char *path);

/* ---- create.c ---- */

struct contents {
    const void *data;
    size_t size;
    mode_t mode; /* whatever the umask says */
};
/* All bytes and the mode into a new file, synced if so asked. Closes fd, on failure too. */
int aer__fs_fill(int fd, const char *path, const struct contents *contents, bool sync, struct err *err);

/* How often a directory that another process prunes is made again before that is called a failure. */
#define PRUNED_TRIES 20

#endif
