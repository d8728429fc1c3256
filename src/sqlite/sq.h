/* sq.h -- a thin wrapper over SQLite: connections set up our way, errors in our codes.
 *
 * For: src/bucket and src/catalog. Must not know: what the tables mean.
 *
 * Every connection: NOFOLLOW, private cache, DEFENSIVE on, TRUSTED_SCHEMA off, ENABLE_TRIGGER and ENABLE_VIEW off, cell_size_check on, mmap_size 0,
 * wal_autocheckpoint 0, NO_CKPT_ON_CLOSE on, busy timeout as given. Not shared between threads without the caller's lock (opened NOMUTEX).
 */
#ifndef AER_SQ_H
#define AER_SQ_H

#include "base/base.h"
#include <sqlite3.h>

/* sqlite's result in our codes: FULL, NOMEM, BUSY (BUSY, LOCKED, PROTOCOL), CORRUPT (CORRUPT, NOTADB), READONLY, PERM, IO (IOERR, CANTOPEN and the rest). */
int aer__sq_code(int sqlite_rc);
/* Set err from the connection: "NAME: what SQLite says". name is the file's path relative to the database. db may be NULL. */
int aer__sq_err(struct err *err, sqlite3 *db, int sqlite_rc, const char *name);

enum {
    SQ_READWRITE = 0,
    SQ_CREATE = 1, /* make it: page_size 4096, 8 reserved bytes a page, then journal_mode=WAL; a file that is there keeps its shape */
    SQ_READONLY = 2, /* a reader in a directory that can be written (-wal and -shm may be used) */
    SQ_FROZEN = 4 /* nobody can write the directory: with a non-empty -wal beside it VFS unix-none + locking_mode=EXCLUSIVE, without one immutable=1 */
};
/* absolute: the path; name: what messages call it. On failure *db is NULL. AER_CORRUPT if the file is missing (unless SQ_CREATE) or not a regular file.
 * SQLite reads nothing yet: that it is no database shows in the first statement. */
int aer__sq_open(const char *absolute, const char *name, int mode, int busy_ms, sqlite3 **db, struct err *err);
void aer__sq_close(sqlite3 *db); /* all statements must be finalized; NULL is fine */
int aer__sq_exec(sqlite3 *db, const char *name, const char *sql, struct err *err);
/* One statement, kept long (SQLITE_PREPARE_PERSISTENT). */
int aer__sq_prepare(sqlite3 *db, const char *name, const char *sql, sqlite3_stmt **stmt, struct err *err);
/* First column of the first row as an integer; AER_NOTFOUND (no message) if there is no row. */
int aer__sq_int(sqlite3 *db, const char *name, const char *sql, int64_t *value, struct err *err);
/* Asked right after sqlite3_column_text or _blob gave NULL or nonsense: was it for want of memory? */
bool aer__sq_column_nomem(sqlite3_stmt *stmt);
/* synchronous: AER_SYNC_FULL, NORMAL or OFF. */
int aer__sq_set_sync(sqlite3 *db, const char *name, int sync, struct err *err);
/* One PASSIVE or TRUNCATE checkpoint; *left (may be NULL) is how many WAL frames could not be copied (a reader holds them). TRUNCATE
 * that meets a reader is not an error and does not wait; the WAL keeps its length then. AER_BUSY: another connection checkpoints. */
int aer__sq_checkpoint(sqlite3 *db, const char *name, bool truncate, int *left, struct err *err);
/* For whoever installs fork handlers: in the child, connections to files are closed that were the parent's. No thread may be in the middle of using one. */
void aer__sq_before_fork(void);
void aer__sq_parent_after_fork(void);
void aer__sq_child_after_fork(void);
/* An in-memory database made our way (4096, 8 reserved), for images of files. */
int aer__sq_open_memory(sqlite3 **db, struct err *err);
/* The same as one block, for aer__sq_image_in_place. No WAL database can be copied into it. */
int aer__sq_open_block(sqlite3 **db, struct err *err);
/* The connection's content as one image, journal-mode bytes (18, 19) set to 1; freed with sqlite3_free. Not inside a write transaction on a file. */
int aer__sq_image(sqlite3 *db, const char *name, unsigned char **image, size_t *size, struct err *err);
/* The same of a block, without a copy: gone when it is closed or written to. */
int aer__sq_image_in_place(sqlite3 *db, const char *name, const unsigned char **image, size_t *size, struct err *err);
/* Open an image in memory; takes the image over (even on failure). */
int aer__sq_open_image(unsigned char *image, size_t size, sqlite3 **db, struct err *err);
/* Make db's content exactly src's, in one transaction of db (sqlite3_backup). */
int aer__sq_overwrite(sqlite3 *db, const char *name, sqlite3 *src, struct err *err);

#endif
