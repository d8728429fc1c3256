/* format.h -- what every bucket file holds, written down once: tables, numbers in the header, rows of bucket_info.
 *
 * For: the files of src/bucket only. Others use bucket.h.
 *
 * The schema text is compared byte for byte with what a file says of itself, so that a view, a trigger or a
 * generated column under our names is never run. Changing a letter of it is a new format version.
 */
#ifndef AER_BUCKET_FORMAT_H
#define AER_BUCKET_FORMAT_H

#include "bucket/bucket.h"

#define BUCKET_APPLICATION_ID 0x41455242 /* "AERB", at byte 68 of the file */
#define BUCKET_SCHEMA                                                                              \
    "CREATE TABLE bucket(seq INTEGER PRIMARY KEY, key BLOB NOT NULL, expires INTEGER, meta TEXT, " \
    "sum INTEGER NOT NULL, part INTEGER, value BLOB)"
#define BUCKET_INFO_SCHEMA "CREATE TABLE bucket_info(name TEXT PRIMARY KEY, value) WITHOUT ROWID"
#define BUCKET_COLUMNS 7
#define BUCKET_VALUE_MAX (UINT64_C(1) << 30) /* bytes in one row; larger values are several parts */

/* The rows of bucket_info. In an active file the last four are NULL, and 'synced' is there too. */
enum { INFO_FORMAT, INFO_DATABASE, INFO_ID, INFO_FIRST, INFO_LAST, INFO_GENERATION, INFO_ROWS, INFO_SUM, INFO_COUNT };
extern const char *const aer__bucket_info_names[INFO_COUNT];

/* What bucket_info said, before anybody believed it. */
struct info_raw {
    struct bucket_info info; /* id "" and numbers 0 where the file has NULL */
    int64_t format;
    uint64_t rows;
    uint64_t sum;
    unsigned seen; /* 1 << INFO_...: there and not NULL */
};

/* One row of bucket_info into raw: text of size bytes, or NULL and a number. False: a type or size that cannot be. */
bool aer__info_take(struct info_raw *raw, const char *name, size_t name_size, const char *text, size_t text_size,
                    int64_t number);
/* XXH3-64 of "format database id first_seq last_seq generation rows" as text, with one blank between. */
uint64_t aer__info_sum(const struct bucket_info *info, uint64_t rows);
/* Is raw what a sealed file must say (all there, its sum right, a range)? AER_CORRUPT with NAME in front. */
int aer__info_check(const struct info_raw *raw, const char *name, struct err *err);
/* Is it the file the caller means? database may be NULL. AER_CORRUPT with NAME in front. */
int aer__info_belongs(const struct bucket_info *info, const char *name, const char *database, const char *id,
                      struct err *err);

/* A new in-memory database with the tables of a bucket and a bucket_info that knows format and database only. */
int aer__bucket_template(const char *database, sqlite3 **db, struct err *err);
/* The file's schema is ours and its version one we read. AER_CORRUPT "is not a bucket", AER_NEWER. */
int aer__bucket_check(sqlite3 *db, const char *name, struct err *err);
int aer__info_read(sqlite3 *db, const char *name, struct info_raw *raw, struct err *err);
/* Make the content of db that of a sealed bucket. Counts the rows itself and gives them in *rows. */
int aer__info_finish(sqlite3 *db, const char *name, const struct bucket_info *info, uint64_t *rows, struct err *err);

/* Statements whose columns and parameters are in the order of the schema; SELECTs are followed by a condition. */
#define ROW_INSERT "INSERT INTO bucket VALUES(?,?,?,?,?,?,?)"
#define ROW_SELECT "SELECT seq, key, expires, meta, sum, part, value FROM bucket "
/* length() and not the value itself: SQLite answers it from the record's header, and reads no overflow page. */
#define ROW_SELECT_BARE "SELECT seq, key, expires, meta, sum, part, length(value) FROM bucket "
/* Bind and run one insert. The statement is reset in any case. */
int aer__row_insert(sqlite3 *db, const char *name, sqlite3_stmt *insert, const struct row *row, struct err *err);
/* The row the statement stands on; its pointers live until the statement moves. With a value its sum is checked. AER_CORRUPT. */
int aer__row_column(sqlite3_stmt *select, const char *name, bool with_value, struct row *row, struct err *err);
/* Copy what row points to into hold, and let it point there. */
int aer__row_keep(struct row *row, struct buf *hold, struct err *err);
/* The name and size limits a row of a bucket must keep, whoever made it. */
bool aer__row_ok(const struct row *row);
/* No value has so many parts; and the smallest number there is has no opposite. */
#define ROW_PART_OK(part) ((part) <= AER_VALUE_MAX && (part) >= -AER_VALUE_MAX)

#endif
