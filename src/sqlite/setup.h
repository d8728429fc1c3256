/* setup.h -- what every connection of ours has in common. For src/sqlite only. */
#ifndef AER_SQ_SETUP_H
#define AER_SQ_SETUP_H

#include "sqlite/sq.h"

#define SQ_PAGE_SIZE 4096
#define SQ_RESERVED 8 /* bytes at each page's end, room for a checksum */

/* Harden a connection that was just opened. */
int aer__sq_setup(sqlite3 *db, const char *name, struct err *err);
/* The extended code of an open that failed with rc: a new connection has extended codes still off. db may be NULL. */
int aer__sq_why(sqlite3 *db, int rc);
/* Page size and reserved bytes, for a database that has no page yet; harmless on one that has. */
int aer__sq_shape(sqlite3 *db, const char *name, struct err *err);

/* The list of connections to files. */
int aer__sq_remember(sqlite3 *db, struct err *err);
void aer__sq_forget(sqlite3 *db); /* nothing if it is not in there */

/* WAL from now on, or AER_IO where the file system cannot. */
int aer__sq_make_wal(sqlite3 *db, const char *name, struct err *err);

#endif
