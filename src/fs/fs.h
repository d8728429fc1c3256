/* fs.h -- the only place that calls the operating system for files, locks and mappings (SQLite looks after its own files).
 *
 * Every function takes the descriptor of the database directory and a path below it (made by layout.h) and never
 * follows a symbolic link nor leaves the directory: openat2 with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS where the kernel has
 * it, else O_NOFOLLOW at each level. All descriptors are close-on-exec. EINTR, short reads and short writes are invisible.
 * Only regular files are opened (no FIFO, device or directory: AER_CORRUPT "is not a regular file").
 *
 * Must not know: what the bytes mean.
 */
#ifndef AER_FS_H
#define AER_FS_H

#include "base/base.h"

/* The database directory itself (dir may be reached through links; what is below it may not). Gives a descriptor for the calls below. AER_NODB if there is none. */
int aer__fs_open_dir(const char *dir, int *fd, struct err *err);
/* Make the database directory (not its parents) and sync its name; *made tells whether it was missing. Unmake removes it if it is empty. */
int aer__fs_make_dir(const char *dir, bool *made, struct err *err);
void aer__fs_unmake_dir(const char *dir);
void aer__fs_close(int fd); /* for descriptors that were only read; -1 is fine */

enum { FS_MISSING = 0, FS_FILE = 1, FS_DIR = 2, FS_OTHER = 3 };
int aer__fs_kind(int dir, const char *path);     /* FS_..., never follows links; what we may not look at is FS_OTHER */
int aer__fs_kind_absolute(const char *absolute); /* the same for an absolute path, whose directories are not looked at */

/* Open for reading. AER_NOTFOUND if it does not exist (no message), else AER_CORRUPT (not a regular file), AER_PERM, AER_IO;
 * EMFILE and ENFILE are AER_IO with errno left standing in *os_error (os_error may be NULL). */
int aer__fs_open_read(int dir, const char *path, int *fd, int *os_error, struct err *err);
int aer__fs_size(int fd, const char *name, uint64_t *size, struct err *err);
/* Exactly size bytes at offset; a file that ends before is AER_CORRUPT "is cut short". */
int aer__fs_pread(int fd, const char *name, void *data, size_t size, uint64_t offset, struct err *err);
/* The whole file into a new buffer with a NUL behind it (aer__free); above limit bytes: AER_CORRUPT. AER_NOTFOUND if missing. */
int aer__fs_read_all(int dir, const char *path, size_t limit, void **data, size_t *size, struct err *err);

/* Make a new file that must not exist (O_EXCL; AER_EXISTS if it does, no message): missing parent directories are made, the bytes are written
 * and, if sync, the file, its directory and each newly made level's parent are synced before AER_OK. mode e.g. 0444, set whatever the umask.
 * On failure the file is removed again. Fails with AER_IO if close fails. */
int aer__fs_create(int dir, const char *path, const void *data, size_t size, int mode, bool sync, struct err *err);
/* Put a whole file in place or leave the old one as it was: random temporary name with O_EXCL in the same directory, fsync, rename, fsync of the directory. */
int aer__fs_replace(int dir, const char *path, const void *data, size_t size, int mode, struct err *err);
/* Is this the name (or path) of a temporary that a crash in aer__fs_replace can leave behind? NAME.<16 hex digits>.tmp */
bool aer__fs_is_temporary(const char *name);
int aer__fs_mkdir(int dir, const char *path, bool sync, struct err *err); /* and missing parents; AER_OK if it is there */
int aer__fs_unlink(int dir, const char *path, struct err *err);           /* AER_OK if it is missing */
/* Remove directories that are empty, from path's parent upwards to (not including) the first level; quiet. */
void aer__fs_prune(int dir, const char *path);
void aer__fs_prune_all(int dir, const char *path); /* the first level too */
/* Makes to's parents; sync: both directories. Never over another file: AER_EXISTS; AER_NOTFOUND if from is missing; neither with a message. */
int aer__fs_rename(int dir, const char *from, const char *to, bool sync, struct err *err);
int aer__fs_sync_dir(int dir, const char *path, struct err *err); /* "" is the database directory itself */
int aer__fs_sync_all(int dir, struct err *err);                   /* the whole file system it is on */
/* Is the directory empty? AER_OK and *empty. */
int aer__fs_is_empty(int dir, bool *empty, struct err *err);
bool aer__fs_writable(int dir); /* may we create and write files here (access W_OK, and not a read-only mount)? */
/* Call fn for every entry below path, depth first, sorted by nobody; kind as FS_...; what is in a directory before the directory itself; path is the whole path below dir; fn non-zero stops and is returned.
 * Symlinks are FS_OTHER and not entered. A missing path is no entry. Over 32 levels: AER_CORRUPT. */
int aer__fs_walk(int dir, const char *path, int (*fn)(void *arg, const char *path, int kind, uint64_t size), void *arg,
                 struct err *err);
/* Names in one directory, sorted by nobody; as above otherwise. */
int aer__fs_list(int dir, const char *path, int (*fn)(void *arg, const char *name, int kind), void *arg, struct err *err);
/* The absolute path of dir/path for SQLite's sqlite3_open, into a new string (aer__free); all links resolved (from /proc/self/fd). */
int aer__fs_absolute(int dir, const char *path, char **absolute, struct err *err);

/* Small files by the thousand, not synced: whoever writes them has a journal. Files that follow each other in one directory share its descriptor. Zeros and dir to begin with. */
struct fs_many {
    int dir;
    int parent; /* descriptor of the directory at; valid if at[0] */
    char at[512];
    bool removed; /* something was, in it: it may be empty now */
};
/* fresh: a new file; AER_EXISTS (no message) if it is there. Else by temporary and rename. Its time of change becomes mtime_ns. mode 0644, the umask counts. */
int aer__fs_many_write(struct fs_many *m, const char *path, const void *data, size_t size, int64_t mtime_ns, bool fresh,
                       struct err *err);
int aer__fs_many_remove(struct fs_many *m, const char *path,
                        struct err *err); /* AER_OK if it is missing; directories that are empty then go, but for the first two levels */
void aer__fs_many_end(struct fs_many *m);
/* A small file whole, with its time of change: AER_NOTFOUND (no message), AER_CORRUPT above limit. Appends to TO, a NUL behind (not counted). */
int aer__fs_read_small(int dir, const char *path, size_t limit, struct buf *to, int64_t *mtime_ns, struct err *err);
/* A large file made anew, bit by bit, by somebody else: a temporary PATH.<16 hex digits>.tmp beside it, open for reading and writing (0666, the umask counts). */
#define FS_TEMPORARY_SIZE 512
int aer__fs_temporary(int dir, const char *path, char temporary[FS_TEMPORARY_SIZE], int *fd, struct err *err);
/* Put it in place: synced before and after the rename. fd stays open. */
int aer__fs_put(int dir, const char *temporary, int fd, const char *path, struct err *err);
/* All bytes from FROM's first on, appended to TO (-1: not), with their XXH3-64. NAME is for messages. */
int aer__fs_copy(int from, int to, const char *name, uint64_t *size, uint64_t *sum, struct err *err);
int aer__fs_state(int fd, const char *name, uint64_t *size, int64_t *mtime_ns, struct err *err);
/* Free bytes and inodes (UINT64_MAX: the file system does not tell) for who we are. */
int aer__fs_space(int dir, uint64_t *bytes, uint64_t *inodes, struct err *err);
/* Time of day in nanoseconds since 1970, for mtime_ns. */
int64_t aer__fs_now_ns(void);

/* A number that changes with each start of the machine; 0 if the system does not tell. */
uint64_t aer__fs_boot(void);
int aer__fs_random(void *data, size_t size, struct err *err); /* getrandom */

/* A lock file: created 0666 & ~umask if missing and !readonly, grown to size, mapped shared. readonly: opened and mapped for reading if it exists, else *fd = -1, *map = NULL and AER_OK. */
int aer__fs_lock_open(int dir, const char *path, size_t size, bool readonly, int *fd, void **map, struct err *err);
void aer__fs_lock_close(int fd, void *map, size_t size);
/* In fork's child: let go of what the parent has open, or its locks would outlive it. map turns into zeros of our own. */
void aer__fs_lock_forget(int fd, void *map, size_t size);
/* OFD locks on one byte. exclusive or shared; never waits: AER_BUSY (no message) if another open file description holds it. */
int aer__fs_lock(int fd, uint64_t offset, bool exclusive, struct err *err);
void aer__fs_unlock(int fd, uint64_t offset);
/* AER_IO if the file has no name any more: who comes next will have another one. */
int aer__fs_lock_named(int fd, const char *name, struct err *err);
/* Does another open file description hold the byte in a way that keeps us from an exclusive lock? AER_OK and *held. */
int aer__fs_lock_held(int fd, uint64_t offset, bool *held, struct err *err);

/* For tests: the Nth call from now of one kind fails with this errno (0: off). Short reads and writes too. */
enum {
    FS_FAULT_NONE,
    FS_FAULT_OPEN,
    FS_FAULT_READ,
    FS_FAULT_WRITE,
    FS_FAULT_SYNC,
    FS_FAULT_RENAME,
    FS_FAULT_CLOSE,
    FS_FAULT_UNLINK,
    FS_FAULT_MKDIR,
    FS_FAULT_SHORT
};
void aer__fs_fault_at(int kind, unsigned n, int error);

#endif
