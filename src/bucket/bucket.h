/* bucket.h -- one bucket file: its rows, the active file that is appended to, the image that is sealed, the sealed file that is read.
 *
 *   bucket(seq INTEGER PRIMARY KEY, key BLOB NOT NULL, expires INTEGER, meta TEXT, sum INTEGER NOT NULL, part INTEGER, value BLOB)
 *   bucket_info(name TEXT PRIMARY KEY, value) WITHOUT ROWID
 *     format, database, id, first_seq, generation; NULL until sealed: last_seq, rows, sum; only in an active file: synced
 *
 * bucket_info's sum is XXH3-64 of the text "format database id first_seq last_seq generation rows", one blank between, so that a
 * flipped bit in a range is damage and not another range.
 *
 * The value stands last so that everything else is read without walking its overflow pages.
 * A zero-length key marks a row of ours (see kv/bulk.c): users' keys have a byte at least.
 *
 * Must not know: the catalogue, other buckets, which version of a key is newest.
 */
#ifndef AER_BUCKET_H
#define AER_BUCKET_H

#include "base/base.h"
#include "layout/layout.h"
#include "sqlite/sq.h"

/* ---- rows ---- */

struct row {
    uint64_t seq;
    const void *key;
    size_t key_size;
    const void *value; /* NULL: a delete (is_delete is set) */
    size_t value_size;
    const char *meta; /* NULL: none; not NUL-terminated */
    size_t meta_size;
    int64_t expires_ms; /* 0: never, stored as NULL */
    int64_t part;       /* 0: the whole value, stored as NULL; k > 0: k-th part, more follow; -n: the last of n */
    bool is_delete;
};
/* XXH3-64 over seq, sizes, key, value, meta, expires and part, as docs/format.md says: hash a 64-byte header of 8 big-endian numbers
 * (seq, key_size, is_delete ? UINT64_MAX : value_size, meta ? meta_size : UINT64_MAX, expires_ms, part, 0, 0) and chain: h = XXH3(header), h = XXH3_seed(key, h), h = XXH3_seed(meta, h), h = XXH3_seed(value, h);
 * what is NULL goes in as zero bytes. */
uint64_t aer__row_sum(const struct row *row);
/* Bytes a row takes in a bucket, nearly: what bucket_max_size counts. */
uint64_t aer__row_bytes(const struct row *row);

struct bucket_info {
    char database[33]; /* 32 hex digits */
    char id[LAYOUT_ID_SIZE];
    uint64_t first_seq, last_seq;
    uint64_t generation;
};

/* ---- images: a bucket file being built in memory ---- */

struct image; /* not thread-safe */
/* info->last_seq may be anything; it is fixed at the end. */
int aer__image_begin(const struct bucket_info *info, struct image **image, struct err *err);
int aer__image_add(struct image *image, const struct row *row, struct err *err); /* seq above the last one's */
/* Finish with this range and give the file's bytes, which are the image's: aer__image_free frees them with it. */
int aer__image_finish(struct image *image, uint64_t first_seq, uint64_t last_seq, const unsigned char **data,
                      size_t *size, struct err *err);
void aer__image_free(struct image *image);

/* ---- the active files ---- */

struct active; /* one connection to one active file; calls need the caller's lock */
enum { ACTIVE_CREATE = 1, ACTIVE_READONLY = 2, ACTIVE_FROZEN = 4 };
/* dir: the database directory. CREATE makes the file with an empty template. */
int aer__active_open(int dir, int which, int flags, const char *database, int busy_ms, struct active **active,
                     struct err *err);
void aer__active_close(struct active *a);
/* bucket_info and counts in one look; rows 0: empty, and then info->first_seq has no meaning. *last_seq is the newest row's. */
struct active_state {
    struct bucket_info info;
    uint64_t rows, last_seq;
};
int aer__active_state(struct active *a, struct active_state *state, struct err *err);
/* One write transaction. The first into an empty file names its bucket. sync: AER_SYNC_... */
int aer__active_begin(struct active *a, int sync, struct err *err);
int aer__active_name(struct active *a, const char *id, uint64_t first_seq, struct err *err);
int aer__active_add(struct active *a, const struct row *row, struct err *err);
/* AER_OK: committed. AER_UNKNOWN: perhaps. Any other: not, and rolled back. */
int aer__active_commit(struct active *a, struct err *err);
void aer__active_rollback(struct active *a);
/* WAL frames after the last commit through this connection. */
int aer__active_wal_frames(struct active *a);
/* Frames its WAL file has grown to through this connection, since it was last truncated. */
int aer__active_wal_length(struct active *a);
int aer__active_checkpoint(struct active *a, bool truncate, struct err *err);
/* All commits so far are on disk: one durable commit that changes a counter of ours in bucket_info. */
int aer__active_sync(struct active *a, struct err *err);
/* Rows with seq > after in order, fn non-zero stops and is returned; in one read transaction. with_value: fill row.value, else value is NULL but value_size and is_delete hold.
 * Every row's sum is checked when its value is read: AER_CORRUPT. */
int aer__active_rows(struct active *a, uint64_t after, bool with_value, int (*fn)(void *arg, const struct row *row),
                     void *arg, struct err *err);
/* All rows without values, like that, if the file is bucket id at that moment; AER_NOTFOUND if it is empty or another by now. */
int aer__active_rows_of(struct active *a, const char *id, int (*fn)(void *arg, const struct row *row), void *arg,
                        struct err *err);
/* One row: value, key and meta live until the next call on a. AER_NOTFOUND if the file does not hold seq. The read transaction is ended before return. */
int aer__active_get(struct active *a, uint64_t seq, struct row *row, struct err *err);
/* The file as the sealed bucket it becomes, named and ranged by its own bucket_info and last row (sqlite3_free). *info is what was written into it. */
int aer__active_seal_image(struct active *a, unsigned char **data, size_t *size, struct bucket_info *info, struct err *err);
/* Empty it (content becomes the template), checkpoint, keep the WAL file's length. */
int aer__active_empty(struct active *a, struct err *err);
const char *aer__active_name_of(const struct active *a); /* "bucketroot/active-0.sq3" */

/* ---- sealed files ---- */

struct sealed; /* an open sealed bucket; any number of threads at once, except close */
/* path as layout makes it. checks the header, the two tables' schema text and bucket_info (format, database unless NULL, id). AER_NOTFOUND: no such file. AER_CORRUPT names it. AER_NEWER.
 * Reads with pread and keeps one descriptor; *os_error as in aer__fs_open_read. Memory: about 16 bytes a leaf page. */
int aer__sealed_open(int dir, const char *id, const char *database, struct sealed **sealed, int *os_error, struct err *err);
void aer__sealed_close(struct sealed *s);
const struct bucket_info *aer__sealed_info(const struct sealed *s);
uint64_t aer__sealed_size(const struct sealed *s);   /* file bytes */
uint64_t aer__sealed_memory(const struct sealed *s); /* bytes this handle takes, its image included */
/* Keep the whole file in memory from now on (not thread-safe against readers until it returns: call before sharing). */
int aer__sealed_load(struct sealed *s, struct err *err);
/* One row. AER_NOTFOUND: the file is sound and has no such seq; for a seq within the range of a bucket with gaps that is known after reading
 * it whole, once a handle. AER_CORRUPT: damaged, names the file; every row returned has its sum checked when with_value.
 * Row data lives in *hold, which the caller reuses over calls and releases with aer__buf_release. without with_value the value is not read (sum unchecked), value_size holds. */
int aer__sealed_get(struct sealed *s, uint64_t seq, bool with_value, struct row *row, struct buf *hold, struct err *err);
/* The same with the value straight into the caller's memory: row->value is buffer. Value larger than capacity: AER_INVALID (no message), row is
 * filled but for its value. The caller compares row->key with what it looks for. */
int aer__sealed_get_into(struct sealed *s, uint64_t seq, void *buffer, size_t capacity, struct row *row,
                         struct buf *hold, struct err *err);
/* All rows in sequence order with seq >= from; fn (may be NULL: only check) non-zero stops and is returned. AER_CORRUPT also when there are
 * fewer or more rows than bucket_info says. */
int aer__sealed_rows(struct sealed *s, uint64_t from, bool with_value, int (*fn)(void *arg, const struct row *row),
                     void *arg, struct err *err);

#endif
