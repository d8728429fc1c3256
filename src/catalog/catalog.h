/* catalog.h -- aerial.sq3: which buckets there are, and which sequence number is each key's newest.
 *
 *   settings(name, value)        format, database, merged_seq, merging_to, merging_key, version, clock_ms
 *   buckets(first_seq, ...)      one row a sealed bucket; ranges neither overlap nor leave a gap
 *   buckets_meta(key, seq)       newest merged version of each key that is not deleted
 *   displaced(key, seq, until)   older versions that an open snapshot may still ask for: those at S with seq <= S < until
 *   locations                    a view for people: key, dir, file, seq
 *   tables(id, name, config)     the second copy of each table's definition, and where its next rows go
 *   files(tbl, name, sum, ...)   what each row and node file of a table holds
 *   journal(id, op, path, data)  changes to such files that are committed, and perhaps not on disk yet at their place
 *   journal_keys(seq, key, ...)  keys committed together with them, likewise
 *
 * An index of the buckets: all of it can be made again from them. Must not know: bucket files' insides, the active files, memory tables.
 *
 * A struct catalog is one connection; calls on it need the caller's lock. Writing needs the writer's turn besides.
 */
#ifndef AER_CATALOG_H
#define AER_CATALOG_H

#include "base/base.h"
#include "layout/layout.h"

struct catalog;

enum { CATALOG_WRITE = 1, CATALOG_READONLY = 2, CATALOG_FROZEN = 4 };

/* Make aerial.sq3, on disk when it returns. database: 32 hex digits. */
int aer__catalog_create(int dir, const char *database, int64_t now_ms, struct err *err);
/* cache_bytes: of SQLite's pages. AER_CORRUPT if it is no catalogue of ours, AER_NEWER. */
int aer__catalog_open(int dir, int flags, int busy_ms, uint64_t cache_bytes, struct catalog **catalog, struct err *err);
/* Another size; pages beyond it go at once. */
int aer__catalog_set_cache(struct catalog *c, uint64_t cache_bytes, struct err *err);
void aer__catalog_close(struct catalog *c);
const char *aer__catalog_database(const struct catalog *c);

/* A read transaction is begun by need and kept until aer__catalog_read_end; everything read in it is one moment. */
int aer__catalog_read_begin(struct catalog *c, struct err *err);
void aer__catalog_read_end(struct catalog *c);

struct catalog_state {
    uint64_t merged_seq;    /* every version up to here is in buckets_meta or displaced */
    uint64_t merging_to;    /* a merge up to here is under way or was cut off; 0: none */
    uint64_t version;       /* of buckets and merged_seq */
    int64_t clock_ms;       /* see kv/compact.c */
    struct buf merging_key; /* that merge is done up to this key, included; size 0: nothing done. aer__buf_release */
};
int aer__catalog_state(struct catalog *c, struct catalog_state *state, struct err *err);

struct catalog_bucket {
    char id[LAYOUT_ID_SIZE];
    uint64_t first_seq, last_seq;
    uint64_t rows;       /* in the file */
    uint64_t live;       /* that a read can reach (puts, parts) */
    uint64_t deletes;    /* delete markers in the file */
    uint64_t expiring;   /* rows with an expiry time */
    uint64_t parts;      /* rows that are part of a larger value */
    uint64_t bytes;      /* of the file */
    uint64_t row_bytes;  /* sum of aer__row_bytes */
    uint64_t dead_bytes; /* of row_bytes, no longer reachable; estimated by the mean when rows are of even size */
    uint64_t max_row;    /* aer__row_bytes of the largest */
    uint64_t sum;        /* XXH3-64 of the file */
    uint64_t generation;
    uint64_t kept_for; /* compaction kept dead rows for this snapshot, the oldest then; 0: for none */
};
int aer__catalog_buckets(struct catalog *c, int (*fn)(void *arg, const struct catalog_bucket *bucket), void *arg,
                         struct err *err);

/* AER_OK and *seq, or AER_NOTFOUND without a message. */
int aer__catalog_lookup(struct catalog *c, const void *key, size_t key_size, uint64_t *seq, struct err *err);
/* The version of KEY a snapshot at S sees among the displaced ones. */
int aer__catalog_displaced(struct catalog *c, const void *key, size_t key_size, uint64_t at, uint64_t *seq, struct err *err);
/* Is version seq of KEY kept for a snapshot? */
int aer__catalog_is_displaced(struct catalog *c, const void *key, size_t key_size, uint64_t seq, bool *is, struct err *err);
/* Is any version of KEY kept for a snapshot? */
int aer__catalog_has_displaced(struct catalog *c, const void *key, size_t key_size, bool *has, struct err *err);
int aer__catalog_displaced_any(struct catalog *c, bool *any, struct err *err);

/* Keys in order from START (NULL: an end) with their newest merged seq; fn non-zero stops. displaced_at: 0 reads buckets_meta, else the displaced versions that a snapshot there sees. At most limit rows. */
typedef int (*catalog_key_fn)(void *arg, const void *key, size_t key_size, uint64_t seq);
int aer__catalog_range(struct catalog *c, uint64_t displaced_at, const void *start, size_t start_size, bool exclusive,
                       bool reverse, size_t limit, catalog_key_fn fn, void *arg, struct err *err);

/* ---- writing ---- */

/* durable: the commit is on disk when it returns (synchronous FULL), else NORMAL. */
int aer__catalog_begin(struct catalog *c, bool durable, struct err *err);
/* AER_UNKNOWN: perhaps committed. */
int aer__catalog_commit(struct catalog *c, struct err *err);
void aer__catalog_rollback(struct catalog *c);
int aer__catalog_put(struct catalog *c, const void *key, size_t key_size, uint64_t seq, struct err *err);
int aer__catalog_remove(struct catalog *c, const void *key, size_t key_size, struct err *err);
int aer__catalog_displace(struct catalog *c, const void *key, size_t key_size, uint64_t seq, uint64_t until, struct err *err);
/* Forget displaced versions that no snapshot in these spans sees; *removed may be NULL. */
int aer__catalog_prune(struct catalog *c, const struct span *snapshots, int count, uint64_t *removed, struct err *err);
/* Does one of them see a version that was written at seq and displaced at until? */
bool aer__catalog_seen(const struct span *snapshots, int count, uint64_t seq, uint64_t until);
int aer__catalog_add_bucket(struct catalog *c, const struct catalog_bucket *bucket, struct err *err);
int aer__catalog_remove_bucket(struct catalog *c, uint64_t first_seq, const char *id,
                               struct err *err); /* AER_CORRUPT if it is not there */
int aer__catalog_count_dead(struct catalog *c, uint64_t first_seq, uint64_t rows, uint64_t bytes, struct err *err);
int aer__catalog_set_merged(struct catalog *c, uint64_t merged_seq, struct err *err); /* ends merging_to and merging_key */
int aer__catalog_set_merging(struct catalog *c, uint64_t to, const void *key, size_t key_size, struct err *err);
int aer__catalog_set_clock(struct catalog *c, int64_t clock_ms, struct err *err);
int aer__catalog_advance_version(struct catalog *c, struct err *err);

/* ---- tables (tables.c) ---- */

struct catalog_table {
    uint32_t id;
    const char *name, *config; /* config: JSON text */
    const char *prefix;        /* the first four characters of ids given last; "" at first */
    uint32_t prefix_rows;      /* how many ids begin with it */
};
/* In byte order of names; strings live during the call. */
int aer__catalog_tables(struct catalog *c, int (*fn)(void *arg, const struct catalog_table *table), void *arg,
                        struct err *err);

/* What a file of table TABLE should be; name is relative to the table's directory. */
struct catalog_file {
    const char *name;
    uint64_t sum, size; /* XXH3-64 and bytes of what is in it */
    int64_t mtime_ns;
};
/* AER_NOTFOUND, no message. file->name is NULL. */
int aer__catalog_file(struct catalog *c, uint32_t table, const char *name, struct catalog_file *file, struct err *err);
/* Files with AFTER < name < END, in byte order, at most LIMIT. */
int aer__catalog_files(struct catalog *c, uint32_t table, const char *after, const char *end, size_t limit,
                       int (*fn)(void *arg, const struct catalog_file *file), void *arg, struct err *err);
int aer__catalog_count_files(struct catalog *c, uint32_t table, const char *after, const char *end, uint64_t *count,
                             struct err *err);

/* One change that a commit made to a file. */
struct catalog_op {
    int64_t id;
    const char *op; /* "write", "remove", "store", "erase", "drop", "rename" */
    const char *path;
    const void *data; /* what is written; NULL: nothing is */
    size_t size;
    int64_t mtime_ns;
    bool has_old;
    uint64_t old, sum; /* of the bytes before (has_old) and after */
};
int aer__catalog_journal(struct catalog *c, int64_t after_id, int (*fn)(void *arg, const struct catalog_op *op),
                         void *arg, struct err *err);
int aer__catalog_journal_last(struct catalog *c, int64_t *id, struct err *err); /* ever given; 0: none */
int aer__catalog_journal_any(struct catalog *c, int64_t after_id, bool *any, struct err *err);

/* A key committed with changes to files, as its bucket row will be. */
struct catalog_key {
    uint64_t seq;
    const void *key, *value; /* value NULL: a delete */
    size_t key_size, value_size;
    const char *meta;
    size_t meta_size;
    int64_t expires_ms;
    int part;
};
int aer__catalog_keys(struct catalog *c, uint64_t after_seq, int (*fn)(void *arg, const struct catalog_key *key),
                      void *arg, struct err *err);

/* Between begin and commit: */
int aer__catalog_need_tables(struct catalog *c, struct err *err); /* in a catalogue made before there were any */
int aer__catalog_set_table(struct catalog *c, const struct catalog_table *table, struct err *err);
/* Only where its next rows go. */
int aer__catalog_set_prefix(struct catalog *c, uint32_t id, const char *prefix, uint32_t prefix_rows, struct err *err);
int aer__catalog_remove_table(struct catalog *c, uint32_t id, struct err *err); /* and what is said of its files */
int aer__catalog_set_file(struct catalog *c, uint32_t table, const struct catalog_file *file, struct err *err);
int aer__catalog_remove_file(struct catalog *c, uint32_t table, const char *name, struct err *err);
int aer__catalog_remove_files(struct catalog *c, uint32_t table, const char *after, const char *end, struct err *err);
int aer__catalog_journal_add(struct catalog *c, const struct catalog_op *op, struct err *err); /* op->id is not looked at */
int aer__catalog_journal_key(struct catalog *c, const struct catalog_key *key, struct err *err);
/* All but records of gdbm files ("store", "erase"), and the keys. */
int aer__catalog_journal_clear(struct catalog *c, struct err *err);
/* Those, with AFTER < path < END: away; or to other paths, TO in the place of AFTER. Both advance the epoch of records: who has records of the
 * journal in memory does not find what became of them by reading on, and begins anew. */
int aer__catalog_records_clear(struct catalog *c, const char *after, const char *end, struct err *err);
int aer__catalog_records_move(struct catalog *c, const char *after, const char *end, const char *to, struct err *err);
int aer__catalog_records_epoch(struct catalog *c, uint64_t *epoch, struct err *err);

int aer__catalog_wal_frames(struct catalog *c); /* after the last commit */
int aer__catalog_wal_length(struct catalog *c); /* that its file has grown to through this connection */
int aer__catalog_checkpoint(struct catalog *c, bool truncate, struct err *err); /* what readers hold stays for the next one */
/* Rows of buckets_meta, but for those with BUT <= key < END (NULL: all). */
int aer__catalog_count(struct catalog *c, const char *but, const char *end, uint64_t *keys, struct err *err);
int aer__catalog_size(struct catalog *c, uint64_t *bytes, struct err *err);

#endif
