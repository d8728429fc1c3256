/* layout.h -- every name in a database directory is made and parsed here, and nowhere else.
 *
 *   gertrude.conf  aerial.sq3  aerial.lock  bucketroot/active-N.sq3  bucketroot/28/dd/1a21d3fdabf7.sq3  quarantine/
 *   tables/people/config  tables/people/data/X1/23/M3IJW1290DEV2APF  tables/people/index/by_name/root/01/leaf
 *
 * Must not know: what the files hold. Paths are relative to the database directory.
 */
#ifndef AER_LAYOUT_H
#define AER_LAYOUT_H

#include "base/base.h"

#define LAYOUT_CONF "gertrude.conf"
#define LAYOUT_CATALOG "aerial.sq3"
#define LAYOUT_LOCK "aerial.lock"
#define LAYOUT_BUCKETROOT "bucketroot"
#define LAYOUT_QUARANTINE "quarantine"
#define LAYOUT_ACTIVE_COUNT 2
#define LAYOUT_ID_SIZE 17   /* 16 hex digits and NUL */
#define LAYOUT_PATH_SIZE 64 /* the longest path of ours, NUL included, is below this */

/* "bucketroot/active-0.sq3"; which is 0 or 1. */
const char *aer__layout_active(int which);

/* A fresh identifier from the system's random source: 16 lower-case hex digits. AER_IO if there is no randomness. */
int aer__layout_new_id(char id[LAYOUT_ID_SIZE], struct err *err);
/* Exactly 16 lower-case hex digits, then NUL. */
bool aer__layout_id_ok(const char *id);
/* "28dd1a21d3fdabf7" to "bucketroot/28/dd/1a21d3fdabf7.sq3". id must be ok (asserted). */
void aer__layout_bucket_path(char path[LAYOUT_PATH_SIZE], const char *id);
/* dir "28/dd" and file "1a21d3fdabf7.sq3", as the columns of the table buckets have them. */
void aer__layout_bucket_columns(char dir[6], char file[17], const char *id);
/* Back from the columns; false if they are not of that form. */
bool aer__layout_bucket_parse(char id[LAYOUT_ID_SIZE], const char *dir, const char *file);
/* The identifier in "bucketroot/28/dd/1a21d3fdabf7.sq3"; false if path is not of that form. */
bool aer__layout_path_parse(char id[LAYOUT_ID_SIZE], const char *path);
/* Where a file goes that nobody names: "quarantine/28dd1a21d3fdabf7.sq3"; copy 1 and more, for when that is taken: "quarantine/28dd1a21d3fdabf7-1.sq3". */
void aer__layout_quarantine_path(char path[LAYOUT_PATH_SIZE], const char *id, unsigned copy);

/* ---- tables ----
 * A file of a table is told by its name below the table's directory: "config", "data/X1/23/M3IJW1290DEV2APF", "index/by_name/root/leaf". */

#define LAYOUT_TABLES "tables"
#define LAYOUT_CONFIG "config"
#define LAYOUT_DATA "data"
#define LAYOUT_INDEX "index"
#define LAYOUT_DATA_GDBM "data.gdbm" /* of a table of kind gdbm: all that is below data/, a record each */
#define LAYOUT_INDEX_GDBM "index.gdbm"
#define LAYOUT_NAME_MAX 64 /* bytes of a table's or an index's name */
#define LAYOUT_ROW_ID_SIZE AER_ID_SIZE
#define LAYOUT_ROW_PREFIX 4  /* characters of a row's id that are its directories */
#define LAYOUT_FILE_SIZE 256 /* a file's name below the table's directory, NUL included */
#define LAYOUT_TABLE_PATH_SIZE (LAYOUT_FILE_SIZE + LAYOUT_NAME_MAX + 8)

/* ^[a-zA-Z_][a-zA-Z0-9_]*$ and at most LAYOUT_NAME_MAX bytes: for tables, indexes and columns. */
bool aer__layout_name_ok(const char *name);
/* 20 characters of the alphabet, then NUL. */
bool aer__layout_row_id_ok(const char *id);
/* Random bytes fetched ahead, since a system call an id would be the dearest part of it; zeros at first. Not for two threads, nor across a fork. */
struct layout_pool {
    unsigned char bytes[512];
    size_t left;
};
/* A fresh id that begins with PREFIX (0 or 4 characters), the rest from the system's random source. */
int aer__layout_new_row_id(struct layout_pool *pool, char id[LAYOUT_ROW_ID_SIZE], const char *prefix, struct err *err);
/* "data/X1/23/M3IJW1290DEV2APF"; id must be ok. */
void aer__layout_row(char name[LAYOUT_FILE_SIZE], const char *id);
/* The id in such a name; false if it is not of that form. */
bool aer__layout_row_parse(char id[LAYOUT_ROW_ID_SIZE], const char *name);
/* "index/by_name/root/01/leaf" (or internal); path as src/index/tree.h has it. Cut off if too long: no name of ours is. */
void aer__layout_node(char name[LAYOUT_FILE_SIZE], const char *index, const char *path, bool is_leaf);
/* "tables/people/NAME"; name "": the table's directory. */
void aer__layout_table_path(char path[LAYOUT_TABLE_PATH_SIZE], const char *table, const char *name);
/* Keys of the store that tables of kind buckets use. No key of a user's begins like them. */
#define LAYOUT_KEY_RESERVED \
    "\xff"                  \
    "tbl"
#define LAYOUT_KEY_RESERVED_END \
    "\xff"                      \
    "tbm" /* the first bytes behind them */
#define LAYOUT_KEY_SIZE 48
/* "\xfftbl7/d/" for rows (index 0), "\xfftbl7/i3/" for the entries of index 3. Returns its size. */
size_t aer__layout_table_key(char key[LAYOUT_KEY_SIZE], uint32_t table, unsigned index);
bool aer__layout_key_reserved(const void *key, size_t size);
/* Where a file goes that is not what it should be: "quarantine/people-data-X1-23-M3IJW1290DEV2APF", with -1, -2 behind for copies. */
void aer__layout_quarantine_file(char path[LAYOUT_TABLE_PATH_SIZE], const char *file_path, unsigned copy);

#endif
