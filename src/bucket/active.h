/* active.h -- the connection to an active file, as active.c (open, write) and active_read.c share it. */
#ifndef AER_BUCKET_ACTIVE_H
#define AER_BUCKET_ACTIVE_H

#include "bucket/format.h"

enum {
    STMT_INSERT,
    STMT_BEGIN,
    STMT_BEGIN_READ,
    STMT_COMMIT,
    STMT_ROLLBACK,
    STMT_COUNTER,
    STMT_GET,
    STMT_ROWS,
    STMT_ROWS_BARE,
    STMT_COUNT
};

struct active {
    sqlite3 *db;
    sqlite3 *template;              /* what an empty file holds; made when first needed */
    const char *name;               /* relative to the database */
    char database[33];              /* as the file says */
    sqlite3_stmt *stmt[STMT_COUNT]; /* prepared when first needed */
    int sync;                       /* what the connection is set to, AER_SYNC_... */
    int wal_frames;
    int wal_length;  /* frames the file has room for: what it grew to since it was last truncated */
    struct buf hold; /* of the row aer__active_get gave last */
};

/* The statement, ready to be bound and run. */
int aer__active_stmt(struct active *a, int which, sqlite3_stmt **stmt, struct err *err);

/* Begin a transaction (STMT_BEGIN, STMT_BEGIN_READ); ending it will not need memory. One whose end had failed all the same goes first. */
int aer__active_start(struct active *a, int which, struct err *err);
/* End a transaction that only read. */
void aer__active_end_read(struct active *a);

#endif
