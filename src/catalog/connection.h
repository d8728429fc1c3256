/* connection.h -- what catalog.c and write.c share, and nobody else. */
#ifndef AER_CATALOG_CONNECTION_H
#define AER_CATALOG_CONNECTION_H

#include "catalog/catalog.h"
#include "sqlite/sq.h"

enum {
    Q_BEGIN_READ,
    Q_BEGIN_WRITE,
    Q_COMMIT,
    Q_ROLLBACK,
    Q_SETTING,
    Q_SET,
    Q_BUCKETS,
    Q_LOOKUP,
    Q_DISPLACED,
    Q_IS_DISPLACED,
    Q_HAS_DISPLACED,
    Q_DISPLACED_ANY,
    Q_PUT,
    Q_REMOVE,
    Q_DISPLACE,
    Q_DISPLACED_ALL,
    Q_UNDISPLACE,
    Q_ADD_BUCKET,
    Q_REMOVE_BUCKET,
    Q_COUNT_DEAD,
    Q_HAS_TABLES,
    Q_TABLES,
    Q_SET_TABLE,
    Q_SET_PREFIX,
    Q_REMOVE_TABLE,
    Q_FILE,
    Q_FILES,
    Q_SET_FILE,
    Q_REMOVE_FILE,
    Q_REMOVE_FILES,
    Q_COUNT_FILES,
    Q_JOURNAL_ADD,
    Q_JOURNAL,
    Q_JOURNAL_LAST,
    Q_JOURNAL_ANY,
    Q_JOURNAL_CLEAR,
    Q_RECORDS_CLEAR,
    Q_RECORDS_MOVE,
    Q_KEYS_ADD,
    Q_KEYS,
    Q_KEYS_CLEAR,
    Q_COUNT_KEYS,
    Q_PAGES,
    Q_RANGE,
    Q_COUNT = Q_RANGE + 12
};

/* What a catalogue made before there were tables does not have: see aer__catalog_need_tables. */
#define CATALOG_TABLES_SCHEMA                                                                                        \
    "CREATE TABLE IF NOT EXISTS tables(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE,"            \
    " config TEXT NOT NULL, prefix TEXT NOT NULL, prefix_rows INTEGER NOT NULL);"                                    \
    "CREATE TABLE IF NOT EXISTS files(tbl INTEGER NOT NULL, name TEXT NOT NULL, sum INTEGER NOT NULL,"               \
    " size INTEGER NOT NULL, mtime INTEGER NOT NULL, PRIMARY KEY(tbl, name)) WITHOUT ROWID;"                         \
    "CREATE TABLE IF NOT EXISTS journal(id INTEGER PRIMARY KEY AUTOINCREMENT, op TEXT NOT NULL, path TEXT NOT NULL," \
    " data BLOB, mtime INTEGER, old INTEGER, sum INTEGER);"                                                          \
    "CREATE TABLE IF NOT EXISTS journal_keys(seq INTEGER PRIMARY KEY, key BLOB NOT NULL, value BLOB, meta TEXT,"     \
    " expires INTEGER, part INTEGER NOT NULL);"

struct catalog {
    sqlite3 *db;
    char database[33];
    bool in_read, in_write;
    int sync;        /* AER_SYNC_... the connection stands at; 0: NORMAL, as opened */
    int wal_frames;  /* after the last commit */
    bool has_tables; /* seen once */
    int wal_length;  /* frames the file has grown to since it was last truncated */
    sqlite3_stmt *stmt[Q_COUNT];
};

/* Statement Q, ready to bind. */
int aer__catalog_stmt(struct catalog *c, int q, sqlite3_stmt **stmt, struct err *err);
/* SQLite's last failure on c, in our codes; resets stmt. */
int aer__catalog_fail(struct catalog *c, sqlite3_stmt *stmt, struct err *err);
/* What has to go before a BEGIN: a transaction whose end failed, and statements to end this one, which must not need memory. */
int aer__catalog_may_begin(struct catalog *c, struct err *err);
/* Run a statement without parameters or rows. */
int aer__catalog_run(struct catalog *c, int q, struct err *err);

#endif
