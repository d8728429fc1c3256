/* error.c -- what SQLite says, in our codes and words.
 *
 * SQLite's primary codes lump together what callers of ours must tell apart: SQLITE_IOERR is out of memory when
 * its extended code says so, and SQLITE_CANTOPEN is a full disk, a missing permission or a link depending on errno.
 *
 * Must not know: which statement failed, or what anyone does about it.
 */
#include "sqlite/sq.h"

#include <errno.h>
#include <string.h>

int aer__sq_code(int sqlite_rc)
{
    switch (sqlite_rc) {
    case SQLITE_IOERR_NOMEM: return AER_NOMEM;
    case SQLITE_CANTOPEN_SYMLINK: /* a link where a file of ours belongs: same verdict as in fs */ return AER_CORRUPT;
    }
    switch (sqlite_rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return AER_OK;
    case SQLITE_FULL: return AER_FULL;
    case SQLITE_NOMEM: return AER_NOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: return AER_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return AER_CORRUPT;
    case SQLITE_READONLY: return AER_READONLY;
    case SQLITE_PERM:
    case SQLITE_AUTH: return AER_PERM;
    default: return AER_IO;
    }
}

/* What the file system last told FILE, or 0. */
static int last_errno(sqlite3_file *file)
{
    int error = 0;

    if (file && file->pMethods && file->pMethods->xFileControl)
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error);
    return error;
}

/* errno of the call that failed, where SQLite kept it and it means something; else 0.
 *
 * sqlite3_system_errno has it for files that cannot be opened. For reads and writes it does not (a commit that fails leaves
 * it alone, 3.40), but each open file remembers its own: the WAL's first, since that is what commits write. */
static int system_error(sqlite3 *db, int sqlite_rc)
{
    sqlite3_file *file = NULL;
    int error = 0;

    if ((sqlite_rc & 0xff) == SQLITE_CANTOPEN) return sqlite3_system_errno(db);
    if ((sqlite_rc & 0xff) != SQLITE_IOERR) return 0;
    /* A short read sets no errno, and neither does running out of memory: what stands there is old. */
    if (sqlite_rc == SQLITE_IOERR_SHORT_READ || sqlite_rc == SQLITE_IOERR_NOMEM) return 0;
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) == SQLITE_OK) error = last_errno(file);
    if (!error && sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK)
        error = last_errno(file);
    return error;
}

static int refine(int code, int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT: return AER_FULL;
    case EACCES:
    case EPERM: return AER_PERM;
    case EROFS: return AER_READONLY;
    case ENOMEM: return AER_NOMEM;
    default: return code;
    }
}

int aer__sq_err(struct err *err, sqlite3 *db, int sqlite_rc, const char *name)
{
    int code = aer__sq_code(sqlite_rc);
    const char *says = sqlite3_errstr(sqlite_rc);
    int error = 0;

    if (db) {
        /* The connection's sentence is better ("no such table: bucket"), unless it belongs to another failure. */
        if (sqlite3_extended_errcode(db) == sqlite_rc || sqlite3_errcode(db) == sqlite_rc) says = sqlite3_errmsg(db);
        error = system_error(db, sqlite_rc);
    }
    if (code == AER_OK) code = AER_IO; /* called for a failure: never report success */
    if (code == AER_IO) code = refine(code, error);
    if (code == AER_NOMEM) return aer__err_nomem(err);
    if (sqlite_rc == SQLITE_CANTOPEN_SYMLINK)
        return aer__err_set(err, code, "'%s' is reached through a symbolic link", name);
    if (!error) return aer__err_set(err, code, "'%s': %s", name, says);
    errno = error;
    return aer__err_set(err, code, "'%s': %s: %m", name, says);
}
