/* helpers.h -- what the tests of src/sqlite share. */
#ifndef TEST_SQLITE_HELPERS_H
#define TEST_SQLITE_HELPERS_H

#include "fs/fs.h"
#include "sqlite/sq.h"

/* dir/name opened, or the test fails. */
sqlite3 *open_db(int dir, const char *name, int mode);
int try_open(int dir, const char *name, int mode, sqlite3 **db, struct err *err);
/* A WAL database with table t(a INTEGER PRIMARY KEY, b) of rows 1..rows, b = 10 * a. */
sqlite3 *make_db(int dir, const char *name, int rows);
void run(sqlite3 *db, const char *sql);
int64_t number(sqlite3 *db, const char *sql);

/* From now on the Nth call of SQLite's VFS by that name ("pwrite", "pread", "open", "fsync"...) and all after it fail with
 * this errno; for "open", only those of paths that end in suffix (NULL: all). restore_calls() ends it. */
void fail_calls(const char *call, int n, int error, const char *suffix);
void restore_calls(void);

/* The Nth allocation of SQLite from now on fails; 0: none. Install once, before SQLite is first used. */
void count_allocations(void);
void fail_allocation(int n);
bool allocation_failed(void);

#endif
