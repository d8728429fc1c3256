/* aerials.h -- a database that is a directory of small ordinary files.
 *
 * This header is the whole contract of the library. Three rules hold for all of it:
 *
 *   Results      Functions return AER_OK (0) or one of the codes below. The sentence for people is
 *                aer_errmsg(db): what failed, the file, the cause. It belongs to the calling thread
 *                and stays valid until that thread's next call on the handle.
 *   Ownership    What comes back through an out-pointer is yours and has one named way to free it;
 *                it is NULL after a failure (aer_open is the exception). Slices and strings that
 *                come back inside a struct are borrowed; their comment says until when.
 *                Arguments are only read, and copied if kept. Every free and close accepts NULL.
 *   Threads      A handle may be used by many threads at once; a transaction, cursor, reader or
 *                writer by one at a time. No handle survives fork: the child must not touch it.
 *
 * Sizes are in bytes, times in milliseconds. Keys and values may hold any byte, NUL included.
 * Structs that callers fill start with `size`; set it to sizeof(the struct), zero means default.
 */
#ifndef AERIALS_H
#define AERIALS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define AER_API __attribute__((visibility("default")))
#else
#define AER_API
#endif

#define AER_VERSION "0.1.0"
#define AER_FORMAT_VERSION 1

#define AER_KEY_MAX 65536                /* bytes; the shortest key has 1 */
#define AER_VALUE_MAX (INT64_C(1) << 47) /* bytes */

enum {
    AER_OK = 0,
    AER_DONE,     /* a cursor is at its end */
    AER_NOTFOUND, /* no such key: a plain answer */
    AER_MISUSE,   /* a call that can never be right: NULL handle, write in a read transaction */
    AER_INVALID,  /* an argument out of its limits: key of 0 bytes, bad setting, bad option */
    AER_BUSY,     /* another writer kept the turn for longer than busy_ms; try again */
    AER_READONLY, /* the handle, the directory or the file cannot be written */
    AER_PERM,     /* no permission */
    AER_NODB,     /* there is no database there */
    AER_NEWER,    /* the database has a newer format than this library reads */
    AER_EXISTS,   /* aer_init: the directory is not empty */
    AER_CORRUPT,  /* a file is damaged or missing; the message names it */
    AER_IO,       /* the system refused to read or write */
    AER_FULL,     /* no space left; nothing was changed */
    AER_NOMEM,    /* out of memory; nothing was changed */
    AER_UNKNOWN,  /* a commit may or may not have happened; reopen to find out */
    AER_STOPPED,  /* a callback of yours returned non-zero */
    AER_NOTABLE,  /* no such table, index or column; the message says which */
    AER_CONFLICT, /* a row would break unique or not null; the message names the column and the other row. Nothing was changed */
    AER_CHANGED /* a row or table file was edited, added or removed by hand: aer_index_rebuild takes it over */
};

typedef struct aer_db aer_db;
typedef struct aer_txn aer_txn;
typedef struct aer_cursor aer_cursor;
typedef struct aer_reader aer_reader;
typedef struct aer_writer aer_writer;

typedef struct aer_slice {
    const void *data;
    size_t size;
} aer_slice;

/* When a commit that returned is safe. */
enum {
    AER_SYNC_DEFAULT = 0, /* what gertrude.conf says; full if it says nothing */
    AER_SYNC_FULL,        /* on disk: survives power loss; one fsync a commit */
    AER_SYNC_NORMAL, /* survives the death of the process; a power loss may take the last moments, never the order */
    AER_SYNC_OFF     /* for loads you can repeat */
};

typedef struct aer_options {
    size_t size;              /* sizeof(aer_options) */
    int sync;                 /* AER_SYNC_...; aer_init stores it, aer_open uses it for this handle */
    int readonly;             /* non-zero: never write; works on a read-only directory too */
    int busy_ms;              /* how long to wait for the writer's turn; 0: 5000; negative: do not wait */
    int mmap;                 /* reserved for trusted disks; sealed buckets are read with pread unless set */
    uint64_t cache_bytes;     /* one bound for all caches of the handle; 0: 64 MiB; at least 4 MiB */
    uint64_t bucket_max_rows; /* aer_init only; 0: 10,000 */
    uint64_t bucket_max_size; /* aer_init only, bytes; 0: 16 MiB */
    const char *comment;      /* aer_init only; kept in gertrude.conf */
    void (*log)(void *log_arg, const char *line); /* what the library notices and puts right by itself; may be called by any thread */
    void *log_arg;
} aer_options;

/* ---- the database ------------------------------------------------------------------------- */

/* Create a database in DIR, which is made if it is missing and must be empty.
 * AER_EXISTS: it is not empty. AER_INVALID: bucket_max_rows or bucket_max_size out of range
 * (rows 1 to 10^9, size 4 KiB to 1 GiB). On failure nothing of ours stays in DIR. There is no handle, so
 * if MESSAGE is not NULL it gets a sentence of at most MESSAGE_SIZE bytes, NUL included. */
AER_API int aer_init(const char *dir, const aer_options *options);
AER_API int aer_init_msg(const char *dir, const aer_options *options, char *message, size_t message_size);

/* Open DIR. *db is a handle even on failure, for aer_errmsg and aer_close; NULL only if out of memory.
 * AER_NODB, AER_NEWER, AER_PERM, AER_BUSY (another process recovers it), AER_CORRUPT, AER_IO, AER_NOMEM. */
AER_API int aer_open(const char *dir, const aer_options *options, aer_db **db);

/* Close, after ending what runs in the background. Transactions, cursors, readers and writers must be closed first (AER_MISUSE).
 * AER_MISUSE leaves the handle as it was; after any other code it is gone, and the code tells whether tidying up failed: no
 * commit is lost by that. */
AER_API int aer_close(aer_db *db);

AER_API const char *aer_errmsg(aer_db *db); /* never NULL; this thread's last failure on db */
AER_API const char *aer_strerror(int code); /* a few words; static */
AER_API void aer_free(void *p);
AER_API const char *aer_version(void);

/* ---- keys and values ---------------------------------------------------------------------- */

/* What may go with a value. */
typedef struct aer_attrs {
    size_t size;      /* sizeof(aer_attrs) */
    const char *meta; /* a JSON object about the key, or NULL; at most 64 KiB */
    size_t meta_size;
    int64_t expires_ms; /* milliseconds since 1970 after which the key reads as absent; 0: never */
} aer_attrs;

/* Store VALUE under KEY, durable as the sync mode says when it returns.
 * AER_INVALID: key or value out of limits. AER_BUSY, AER_FULL, AER_READONLY, AER_IO, AER_NOMEM: nothing changed.
 * AER_UNKNOWN: the handle refuses all further work; reopen it. */
AER_API int aer_put(aer_db *db, const void *key, size_t key_size, const void *value, size_t value_size);
AER_API int aer_put_attrs(aer_db *db, const void *key, size_t key_size, const void *value, size_t value_size,
                          const aer_attrs *attrs);

/* Fetch the value under KEY into a new buffer, given back with aer_free (never NULL on success, even for 0 bytes).
 * AER_NOTFOUND: no such key, no message is set. AER_CORRUPT: the message names the file. */
AER_API int aer_get(aer_db *db, const void *key, size_t key_size, void **value, size_t *value_size);

/* The same without allocation. *value_size is the value's size; if it is over CAPACITY the code is AER_INVALID and the buffer is undefined. */
AER_API int aer_get_into(aer_db *db, const void *key, size_t key_size, void *buffer, size_t capacity, size_t *value_size);

/* AER_NOTFOUND if absent (nothing is written). */
AER_API int aer_del(aer_db *db, const void *key, size_t key_size);

/* ---- transactions ------------------------------------------------------------------------- */

enum {
    AER_READ = 1,  /* a snapshot: one moment of the store, however long it lives */
    AER_WRITE = 2, /* the writer's turn: others wait, up to their busy_ms; sees its own writes */
    AER_WRITE_NORMAL = 2 | 16,
    AER_WRITE_FULL = 2 | 32,
    AER_WRITE_OFF = 2 | 48 /* the same with a sync mode of its own */
};

AER_API int aer_begin(aer_db *db, int mode, aer_txn **txn);
AER_API int aer_txn_put(aer_txn *txn, const void *key, size_t key_size, const void *value, size_t value_size);
AER_API int aer_txn_put_attrs(aer_txn *txn, const void *key, size_t key_size, const void *value, size_t value_size,
                              const aer_attrs *attrs);
AER_API int aer_txn_get(aer_txn *txn, const void *key, size_t key_size, void **value, size_t *value_size);
AER_API int aer_txn_get_into(aer_txn *txn, const void *key, size_t key_size, void *buffer, size_t capacity,
                             size_t *value_size);
AER_API int aer_txn_del(aer_txn *txn, const void *key, size_t key_size);

/* Commit: all of it or nothing, of any size. Frees txn, whatever the result. A failed write inside the transaction
 * makes commit answer with that first error and change nothing. */
AER_API int aer_commit(aer_txn *txn);
AER_API void aer_rollback(aer_txn *txn);

/* All that was committed is on disk when it returns, whatever the mode. */
AER_API int aer_sync(aer_db *db);

/* ---- one key, more closely ---------------------------------------------------------------- */

typedef struct aer_entry {
    uint64_t seq;        /* sequence number of this version */
    uint64_t value_size; /* bytes */
    int64_t expires_ms;  /* 0: never */
    const char *meta;    /* NULL if none; NUL-terminated; borrowed, see the call */
    size_t meta_size;
} aer_entry;

/* What is known about KEY, without its value. txn may be of either mode. entry->meta lives until the next aer_txn_stat or the end of txn. */
AER_API int aer_txn_stat(aer_txn *txn, const void *key, size_t key_size, aer_entry *entry);

/* ---- values larger than memory ------------------------------------------------------------ */

/* Write the value of KEY piece by piece in a write transaction. It is stored in parts of at most 8 MiB; memory use is a few parts.
 * One writer a transaction at a time; other calls on txn are AER_MISUSE until it is finished or abandoned. */
AER_API int aer_writer_open(aer_txn *txn, const void *key, size_t key_size, const aer_attrs *attrs, aer_writer **writer);
AER_API int aer_writer_write(aer_writer *writer, const void *data, size_t size);
AER_API int aer_writer_finish(aer_writer *writer); /* the value is whole, part of txn; frees writer */
AER_API void aer_writer_abandon(aer_writer *writer); /* as if never written; frees writer; txn can only be rolled back then, if parts were spilled */

/* Read the value of KEY piece by piece. *value_size is the whole size. Close the reader before its transaction. */
AER_API int aer_reader_open(aer_txn *txn, const void *key, size_t key_size, aer_reader **reader, uint64_t *value_size);
/* Up to CAPACITY bytes from OFFSET; *got is 0 only at or past the end. */
AER_API int aer_reader_read(aer_reader *reader, uint64_t offset, void *buffer, size_t capacity, size_t *got);
AER_API void aer_reader_close(aer_reader *reader);

/* ---- ranges ------------------------------------------------------------------------------- */

enum {
    AER_KEYS_ONLY = 1, /* aer_next leaves *value empty; bucket files are not read unless they hold keys that expire */
    AER_REVERSE = 2
};

typedef struct aer_range {
    size_t size;      /* sizeof(aer_range) */
    aer_slice prefix; /* only keys that start with it; empty: all */
    aer_slice from;   /* first key, included; data NULL: no bound */
    aer_slice to;     /* last bound, excluded; data NULL: no bound */
    int flags;
    uint64_t value_limit; /* values above this many bytes are not loaded: value->data is NULL, value->size the true size; 0: 64 MiB */
} aer_range;

/* Keys in byte order (memcmp), forward or in reverse (from and to keep their meaning: from <= key < to). NULL range: all.
 * In a write transaction the cursor sees the transaction's own writes made before aer_scan. */
AER_API int aer_scan(aer_txn *txn, const aer_range *range, aer_cursor **cursor);
/* AER_DONE at the end; slices live until the next call on the cursor. AER_CORRUPT: this key's value cannot be read, key is set,
 * the message names the file, and the next call goes on behind it. AER_NOMEM: the next call tries the same key again. */
AER_API int aer_next(aer_cursor *cursor, aer_slice *key, aer_slice *value);
/* About the key aer_next returned last; meta lives until the next call on the cursor. */
AER_API int aer_cursor_entry(aer_cursor *cursor, aer_entry *entry);
AER_API void aer_cursor_close(aer_cursor *cursor);

/* ---- settings ----------------------------------------------------------------------------- */

/* Settings live in gertrude.conf: bucket_max_rows, bucket_max_size (bytes), sync ("full", "normal", "off"),
 * index_fanout (entries of an index node at most, for handles opened from then on), comment.
 * *value is text, freed with aer_free. AER_NOTFOUND: no such setting. */
AER_API int aer_config_get(aer_db *db, const char *name, char **value);
AER_API int aer_config_set(aer_db *db, const char *name, const char *value);
/* The I-th setting's name (static), or NULL past the last. */
AER_API const char *aer_config_name(int i);

/* ---- where things are --------------------------------------------------------------------- */

enum { AER_BUCKET_SEALED = 0, AER_BUCKET_ACTIVE = 1, AER_BUCKET_SEALING = 2 };

typedef struct aer_bucket {
    char id[17];                  /* 16 hex digits */
    const char *path;             /* relative to the database directory; borrowed, see the call */
    int state;                    /* AER_BUCKET_... */
    uint64_t first_seq, last_seq; /* the range it answers for; an empty active bucket has last_seq = first_seq - 1 */
    uint64_t rows;                /* rows in the file: puts, deletes, parts */
    uint64_t live_rows;           /* rows that a read can still reach, as of the last merge */
    uint64_t bytes;               /* of the file */
    uint64_t dead_bytes;          /* of rows no read can reach; an estimate when rows are of even size */
    uint64_t generation;          /* 0: as written; each compaction adds one */
} aer_bucket;

/* Call fn for every bucket in sequence order, active ones last; path lives during the call. fn returns non-zero to stop (AER_STOPPED). */
AER_API int aer_buckets(aer_db *db, int (*fn)(void *arg, const aer_bucket *bucket), void *arg);

typedef struct aer_bucket_row {
    uint64_t seq;
    aer_slice key;
    uint64_t value_size;
    int is_delete;
    int is_live; /* the newest version of its key */
    int part;    /* 0: whole value; k > 0: the k-th part, more follow; -n: the last of n parts */
    int64_t expires_ms;
} aer_bucket_row;

/* Call fn for every row of bucket ID in sequence order; slices live during the call. AER_NOTFOUND: no such bucket. */
AER_API int aer_bucket_rows(aer_db *db, const char *id, int (*fn)(void *arg, const aer_bucket_row *row), void *arg);

typedef struct aer_location {
    char id[17];
    char path[64];      /* of the bucket file, relative to the database directory */
    uint64_t seq;       /* row: SELECT value FROM bucket WHERE seq = ... */
    uint64_t first_seq; /* of the value's first part; equal to seq for a whole value */
    uint64_t value_size;
    int merged; /* non-zero: buckets_meta knows this version; zero: it is still among the unmerged keys */
} aer_location;

AER_API int aer_locate(aer_db *db, const void *key, size_t key_size, aer_location *location);

typedef struct aer_stats {
    uint64_t keys;          /* live keys, expired ones that are not swept yet included */
    uint64_t unmerged_rows; /* rows written but not yet in buckets_meta */
    uint64_t last_seq;
    uint64_t buckets; /* sealed */
    uint64_t rows;    /* in all buckets, active ones included */
    uint64_t bytes;   /* of the bucket files, sealed and active */
    uint64_t dead_bytes;
    uint64_t catalogue_bytes; /* of aerial.sq3 */
    uint64_t bucket_max_rows, bucket_max_size;
    int sync;
    uint64_t tables;
} aer_stats;

AER_API int aer_status(aer_db *db, aer_stats *stats);

/* ---- upkeep ------------------------------------------------------------------------------- */

/* DONE and TOTAL count bytes; called from the calling thread. Non-zero stops: AER_STOPPED, nothing is left half done. */
typedef int (*aer_progress)(void *arg, uint64_t done, uint64_t total);

/* Seal the active bucket now (nothing to do when it is empty) and merge its keys into the catalogue. */
AER_API int aer_seal(aer_db *db);

enum { AER_COMPACT_BY_KEY = 1, AER_COMPACT_DRY_RUN = 2 };

typedef struct aer_compact_options {
    size_t size; /* sizeof(aer_compact_options) */
    int min_dead_percent; /* rewrite buckets with at least this share of dead bytes; 0: any dead row; default (NULL options): 33 */
    int flags;
    aer_progress progress;
    void *progress_arg;
} aer_compact_options;

typedef struct aer_compact_result {
    uint64_t buckets_before, buckets_after; /* of the buckets rewritten */
    uint64_t bytes_before, bytes_after;
    uint64_t rows_dropped;
    uint64_t keys_expired;
} aer_compact_result;

/* Rewrite buckets with dead rows, one at a time: extra disk space of one bucket at most. Safe to kill at any point. */
AER_API int aer_compact(aer_db *db, const aer_compact_options *options, aer_compact_result *result);

/* ---- tables ------------------------------------------------------------------------------- */

/* A table has rows, which are JSON objects, and indexes. Names match ^[a-zA-Z_][a-zA-Z0-9_]*$ and have 64 bytes at most; two that differ only by
 * case cannot be in one place. Rows are kept as their canonical JSON: sorted keys, no spaces, a newline at the end. */

#define AER_ROW_MAX ((size_t)16 << 20) /* bytes of a row's JSON */
#define AER_ID_SIZE 21                 /* a row's id: 20 characters of 123456789ABCDEFGHIJKLMNPQRSTUVWXYZ, and NUL */

/* Where rows and index entries are. */
enum {
    AER_STORAGE_FILES = 0, /* one JSON file a row, a directory a B+tree node: to be read, edited, kept in git */
    AER_STORAGE_BUCKETS,   /* keys and values of the store: volume */
    AER_STORAGE_GDBM       /* data.gdbm and index.gdbm; needs the module libaerials-gdbm.so */
};

enum { AER_STR = 1, AER_INT, AER_FLOAT, AER_BOOL, AER_JSON };
enum {
    AER_PK = 1,     /* AER_UNIQUE and AER_NOTNULL; one column a table at most; index pk_COLUMN */
    AER_UNIQUE = 2, /* no two rows with the same value; any number of nulls. Index unq_COLUMN */
    AER_NOTNULL = 4
};

typedef struct aer_column {
    const char *name;
    int type;                 /* AER_STR ... AER_JSON. A float also takes an integer that a double can hold exactly */
    int flags;                /* AER_PK | AER_UNIQUE | AER_NOTNULL */
    const char *default_json; /* the value where a row has none, as JSON; NULL: null */
} aer_column;

typedef struct aer_table_options {
    size_t size;               /* sizeof(aer_table_options) */
    int storage;               /* AER_STORAGE_..., for ever */
    const aer_column *columns; /* NULL: rows of any form */
    size_t column_count;
} aer_table_options;

typedef struct aer_index_def {
    const char *name;
    const char *const *columns; /* or paths into JSON: "address.city" */
    size_t column_count;
    int flags; /* AER_UNIQUE, AER_PK */
} aer_index_def;

typedef struct aer_table_def {
    const char *name;
    int storage;
    const aer_column *columns; /* column_count 0: rows of any form */
    size_t column_count;
    const aer_index_def *indexes; /* in order of their creation */
    size_t index_count;
} aer_table_def;

/* These are transactions of their own, durable as the handle's sync mode says. AER_NOTABLE; AER_EXISTS (with a message): the name is taken, in this or another case; AER_INVALID. */
AER_API int aer_table_create(aer_db *db, const char *table, const aer_table_options *options); /* NULL options: files, any form */
AER_API int aer_table_drop(aer_db *db, const char *table);                                     /* and all its rows */
AER_API int aer_table_rename(aer_db *db, const char *table, const char *name);
/* *def is one block, given back with aer_free. */
AER_API int aer_table_get(aer_db *db, const char *table, aer_table_def **def);
/* Names of all tables, in byte order; fn non-zero stops (AER_STOPPED). */
AER_API int aer_tables(aer_db *db, int (*fn)(void *arg, const char *table), void *arg);

/* Make an index, of the rows there are too. Columns are names of columns or paths into JSON ("address.city"); what is not there counts as null. AER_CONFLICT: rows that are there break
 * AER_UNIQUE; AER_INVALID: a value has more than 4096 bytes. progress may be NULL; it counts rows. */
AER_API int aer_index_create(aer_db *db, const char *table, const char *index, const char *const *columns,
                             size_t column_count, int flags, aer_progress progress, void *progress_arg);
/* AER_INVALID: the index of a pk or unique column stays as long as its table. */
AER_API int aer_index_drop(aer_db *db, const char *table, const char *index);

typedef struct aer_rebuild_result {
    uint64_t rows;                    /* in the table now */
    uint64_t added, changed, removed; /* row files taken over: put there, edited, taken away by hand since the last transaction */
    uint64_t indexes, entries; /* built anew */
} aer_rebuild_result;

/* Take over what was done by hand to the files of a table (rows, and its config; a whole table folder that the database has never seen), and build INDEX (NULL: all)
 * anew. After changes to rows all indexes are built anew. AER_CORRUPT: a row file is no row, the message names it; AER_CONFLICT: two rows break unique. Nothing is changed then. */
AER_API int aer_index_rebuild(aer_db *db, const char *table, const char *index, aer_progress progress,
                              void *progress_arg, aer_rebuild_result *result);

/* ---- rows --------------------------------------------------------------------------------- */

/* In these AER_INVALID (no JSON object: "byte N: why"; an unknown column, a wrong type), AER_CONFLICT, AER_NOTABLE and AER_NOTFOUND (no row with this id; no message) leave the
 * transaction as it was; after any other code it can only be rolled back. With db instead of txn: a transaction of its own. */

/* Store a row. ID gets its id (NULL: not wanted). */
AER_API int aer_insert(aer_db *db, const char *table, const void *json, size_t json_size, char id[AER_ID_SIZE]);
AER_API int aer_txn_insert(aer_txn *txn, const char *table, const void *json, size_t json_size, char id[AER_ID_SIZE]);
/* Another row in the place of row ID; it gets a new id. */
AER_API int aer_update(aer_db *db, const char *table, const char *id, const void *json, size_t json_size,
                       char new_id[AER_ID_SIZE]);
AER_API int aer_txn_update(aer_txn *txn, const char *table, const char *id, const void *json, size_t json_size,
                           char new_id[AER_ID_SIZE]);
AER_API int aer_delete(aer_db *db, const char *table, const char *id);
AER_API int aer_txn_delete(aer_txn *txn, const char *table, const char *id);
/* The row's canonical JSON with its newline, NUL behind; given back with aer_free. AER_CORRUPT, AER_CHANGED: its file is damaged or missing, or was edited; the message names it. */
AER_API int aer_row(aer_db *db, const char *table, const char *id, void **json, size_t *json_size);
AER_API int aer_txn_row(aer_txn *txn, const char *table, const char *id, void **json, size_t *json_size);

enum {
    AER_AFTER_FROM = 4, /* > from, instead of >= */
    AER_UPTO_TO = 8     /* <= to, instead of < */
    /* AER_KEYS_ONLY: ids only, rows are not read; AER_REVERSE */
};

typedef struct aer_row_range {
    size_t size;       /* sizeof(aer_row_range) */
    const char *index; /* rows in its order; NULL: all rows, by id, the bounds count for nothing */
    const char *from; /* JSON of a key: a value; with several columns an array with a value for the first of them or more. NULL: no bound */
    const char *to;
    const char *prefix; /* text, not JSON: strings that begin with it, in the column behind those given in `from` (NULL: the first). No `to` with it */
    int flags;
} aer_row_range;

typedef struct aer_rows aer_rows;

/* Order of keys: null, false, true, numbers by value, strings by bytes, arrays, objects. Rows with equal keys come by id. NULL range: all rows.
 * A read transaction must be used for it; in a write transaction its own changes are seen, also those made while the cursor is open. */
AER_API int aer_rows_open(aer_txn *txn, const char *table, const aer_row_range *range, aer_rows **rows);
/* AER_DONE at the end. id and json live until the next call. After AER_CORRUPT or AER_CHANGED id is set, and the next call goes on behind that row. */
AER_API int aer_rows_next(aer_rows *rows, const char **id, aer_slice *json);
AER_API void aer_rows_close(aer_rows *rows);

/* Update or delete the rows for which the SQL expression WHERE is true (NULL: all), in txn, or in a transaction of its own (txn NULL). The expressions see the
 * columns (of a table of any form: none), _id (text) and _row (the JSON text). A row that is refused after others were changed leaves txn good for rolling back only. assignments: "column=EXPR"; for a table of any form COLUMN is a key of the object. *count: rows. */
AER_API int aer_update_where(aer_db *db, aer_txn *txn, const char *table, const char *where,
                             const char *const *assignments, size_t assignment_count, uint64_t *count);
AER_API int aer_delete_where(aer_db *db, aer_txn *txn, const char *table, const char *where, uint64_t *count);

#ifdef __cplusplus
}
#endif
#endif
