/* open.c -- open a database file of ours for writing, for reading, or frozen.
 *
 * Frozen is for a directory nobody can write. SQLite's ordinary reader wants to make a -shm file there, so:
 *
 *   FILE-wal is there and not empty    VFS unix-none and locking_mode=EXCLUSIVE: the index of the WAL is kept in memory
 *   it is not, or it is empty          immutable=1: no locks, no other files looked at
 *
 * Immutable with a -wal beside it would silently read the state before the WAL (measured), hence the distinction.
 * Neither takes a lock anybody sees, which is right only while nobody writes.
 *
 * NOFOLLOW makes SQLite 3.40 refuse a link anywhere in the path, so callers give the real path (aer__fs_absolute).
 *
 * Must not know: tables, or when to use which mode.
 */
#include "sqlite/setup.h"

#include "fs/fs.h"

#include <assert.h>
#include <string.h>

#define LONGEST_SUFFIX 12 /* what SQLite may put behind a path: "-journal" and some room */

/* Percent-encode PATH into "file:PATH?immutable=1", so that '?', '#' and '%' stay part of the name. */
static char *immutable_uri(const char *path)
{
    static const char digits[] = "0123456789ABCDEF";
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    struct buf uri = {0};
    const unsigned char *p;
    int rc;

    rc = aer__buf_append(&uri, "file:", 5);
    for (p = (const unsigned char *)path; *p && !rc; p++) {
        char escaped[3] = {'%', digits[*p >> 4], digits[*p & 15]};

        rc = strchr(plain, *p) ? aer__buf_append(&uri, p, 1) : aer__buf_append(&uri, escaped, 3);
    }
    if (!rc) rc = aer__buf_append(&uri, "?immutable=1", sizeof("?immutable=1"));
    if (rc) aer__buf_release(&uri);
    return (char *)uri.data;
}

/* Is there a -wal with something in it? SQLite's own question: for EXISTS, VFS unix says no to an empty file. */
static int has_wal(const char *absolute, bool *has, struct err *err)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find("unix-none");
    size_t size = strlen(absolute);
    int found = 0;
    char *path;

    *has = false;
    if (!vfs) return aer__err_set(err, AER_IO, "this SQLite has no VFS 'unix-none'");
    path = aer__alloc(size + sizeof("-wal"));
    if (!path) return aer__err_nomem(err);
    memcpy(path, absolute, size);
    memcpy(path + size, "-wal", sizeof("-wal"));
    if (vfs->xAccess(vfs, path, SQLITE_ACCESS_EXISTS, &found) == SQLITE_OK) *has = found != 0;
    aer__free(path);
    return AER_OK;
}

static int open_frozen(const char *absolute, const char *name, sqlite3 **db, struct err *err)
{
    const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_PRIVATECACHE;
    char *uri = NULL;
    bool wal;
    int rc;

    rc = has_wal(absolute, &wal, err);
    if (rc) goto out;
    if (wal) {
        rc = sqlite3_open_v2(absolute, db, flags, "unix-none");
    } else {
        uri = immutable_uri(absolute);
        if (!uri) {
            rc = aer__err_nomem(err);
            goto out;
        }
        rc = sqlite3_open_v2(uri, db, flags | SQLITE_OPEN_URI, NULL);
    }
    if (rc) {
        rc = aer__sq_err(err, *db, aer__sq_why(*db, rc), name);
        goto out;
    }
    if (wal) rc = aer__sq_exec(*db, name, "PRAGMA locking_mode = EXCLUSIVE", err);
out:
    aer__free(uri);
    return rc;
}

static int open_plain(const char *absolute, const char *name, int mode, sqlite3 **db, struct err *err)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_PRIVATECACHE;
    int rc;

    if (mode & SQ_READONLY) flags |= SQLITE_OPEN_READONLY;
    else flags |= SQLITE_OPEN_READWRITE;
    if (mode & SQ_CREATE) flags |= SQLITE_OPEN_CREATE;
    rc = sqlite3_open_v2(absolute, db, flags, NULL);
    return rc ? aer__sq_err(err, *db, aer__sq_why(*db, rc), name) : AER_OK;
}

/* What SQLite would say less clearly, or not at all: it waits for ever on a FIFO. */
static int check_path(const char *absolute, const char *name, int mode, struct err *err)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    int kind;

    if (vfs && strlen(absolute) + LONGEST_SUFFIX > (size_t)vfs->mxPathname)
        return aer__err_set(err, AER_IO, "an absolute path of %zu bytes is too long for SQLite, which takes %d: '%s'",
                            strlen(absolute), vfs->mxPathname - LONGEST_SUFFIX, name);
    kind = aer__fs_kind_absolute(absolute);
    if (kind == FS_FILE) return AER_OK;
    if (kind != FS_MISSING) return aer__err_set(err, AER_CORRUPT, "'%s' is not a regular file", name);
    if (mode & SQ_CREATE) return AER_OK;
    return aer__err_set(err, AER_CORRUPT, "'%s' is missing", name);
}

int aer__sq_open(const char *absolute, const char *name, int mode, int busy_ms, sqlite3 **db, struct err *err)
{
    int rc;

    assert(absolute[0] == '/');
    assert(!(mode & SQ_CREATE) || mode == SQ_CREATE);
    *db = NULL;
    rc = sqlite3_initialize(); /* a VFS is looked up before the first open */
    if (rc) return aer__sq_err(err, NULL, rc, name);
    rc = check_path(absolute, name, mode, err);
    if (rc) return rc;
    if (mode & SQ_FROZEN) rc = open_frozen(absolute, name, db, err);
    else rc = open_plain(absolute, name, mode, db, err);
    if (!rc) rc = aer__sq_remember(*db, err);
    if (rc) goto out;
    sqlite3_extended_result_codes(*db, 1);
    sqlite3_busy_timeout(*db, busy_ms);
    rc = aer__sq_setup(*db, name, err);
    if (rc) goto out;
    if (!(mode & SQ_CREATE)) goto out;
    rc = aer__sq_shape(*db, name, err);
    if (rc) goto out;
    rc = aer__sq_make_wal(*db, name, err);
out:
    if (rc) {
        aer__sq_close(*db);
        *db = NULL;
    }
    return rc;
}

void aer__sq_close(sqlite3 *db)
{
    int rc;

    aer__sq_forget(db);
    rc = sqlite3_close(db);
    assert(rc == SQLITE_OK); /* a statement of ours is still open */
    (void)rc;
}
