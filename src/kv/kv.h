/* kv.h -- the key-value store: sequence-addressed buckets under one catalogue. What src/db uses, and all it may know.
 *
 * Narrow on purpose: another implementation (catalogue in a server, sealed buckets in an object store) can stand behind it.
 * Must not know: gertrude.conf, tables, the public header's handles.
 */
#ifndef AER_KV_H
#define AER_KV_H

#include "base/base.h"

struct kv;
struct kv_txn;
struct kv_cursor;
struct kv_writer;
struct kv_reader;
struct catalog;

/* Who keeps things of their own beside the keys. */
struct kv_hooks {
    void *arg;
    int (*settle)(void *arg, struct err *err); /* with the turn, at the first one of a handle and after a death: finish what is left */
    int (*round)(void *arg, struct err *err); /* now and then, in the background, without the turn; may be NULL */
};

struct kv_options {
    int sync; /* AER_SYNC_FULL, NORMAL or OFF */
    bool readonly;
    int busy_ms; /* 0: do not wait */
    uint64_t cache_bytes;
    uint64_t bucket_max_rows, bucket_max_size;
    void (*log)(void *log_arg, const char *line);
    void *log_arg;
    struct kv_hooks hooks;  /* settle NULL: none */
    const char *hidden;     /* keys that begin with this are not counted as keys; NULL: all are */
    const char *hidden_end; /* the first bytes behind all of those */
};

int aer__kv_create(int dir, struct err *err);
/* dir: the descriptor of the database directory; stays the caller's, and open until after close. */
int aer__kv_open(int dir, const struct kv_options *options, struct kv **kv, struct err *err);
/* For who has things of their own to close first: AER_MISUSE while transactions are open; the background ends, hooks are not called any more. */
int aer__kv_may_close(struct kv *kv, struct err *err);
void aer__kv_rest(struct kv *kv);
/* AER_MISUSE, and still open, while transactions are. Any other code: closed. */
int aer__kv_close(struct kv *kv, struct err *err);
/* Another bound for its caches; what they have beyond it goes by and by. */
void aer__kv_set_cache(struct kv *kv, uint64_t cache_bytes);
/* Bucket limits for what is written from now on. */
void aer__kv_set_limits(struct kv *kv, uint64_t bucket_max_rows, uint64_t bucket_max_size);

/* A key with what goes with it. value NULL is only for deletes. */
struct kv_item {
    const void *key;
    size_t key_size;
    const void *value;
    size_t value_size;
    const char *meta; /* NULL: none */
    size_t meta_size;
    int64_t expires_ms; /* 0: never */
};
int aer__kv_put(struct kv *kv, const struct kv_item *item, struct err *err);
int aer__kv_del(struct kv *kv, const void *key, size_t key_size, struct err *err);

/* Where a value goes: into buffer if it is not NULL and large enough (AER_INVALID if not, size is set), else into a new one (aer__free). */
struct kv_value {
    void *buffer;
    size_t capacity;
    size_t size;
};
/* txn NULL: the newest committed version. AER_NOTFOUND without a message. */
int aer__kv_get(struct kv *kv, struct kv_txn *txn, const void *key, size_t key_size, struct kv_value *value, struct err *err);

struct kv_entry {
    uint64_t seq, first_seq; /* of the head row, and of the first part (the same for a whole value) */
    uint64_t value_size;
    int64_t expires_ms;
    const char *meta; /* in the caller's buf, NUL behind; NULL: none */
    size_t meta_size;
};
int aer__kv_stat(struct kv *kv, struct kv_txn *txn, const void *key, size_t key_size, struct kv_entry *entry,
                 struct buf *hold, struct err *err);

int aer__kv_begin_read(struct kv *kv, struct kv_txn **txn, struct err *err);
/* A read transaction in which nothing was read yet: another snapshot, of now. AER_BUSY: something was. */
int aer__kv_renew(struct kv_txn *txn, struct err *err);
/* What aer__kv_tables_version and aer__kv_tables_defined were before the snapshot was taken. */
void aer__kv_txn_tables(const struct kv_txn *txn, uint64_t *version, uint64_t *defined);
int aer__kv_begin_write(struct kv *kv, int sync, struct kv_txn **txn, struct err *err); /* sync 0: the store's */
int aer__kv_txn_put(struct kv_txn *txn, const struct kv_item *item, struct err *err);
int aer__kv_txn_del(struct kv_txn *txn, const void *key, size_t key_size, struct err *err);
/* A write in it failed before it reached us: commit will say so, and change nothing. */
void aer__kv_txn_fail(struct kv_txn *txn, const struct err *err);
int aer__kv_commit(struct kv_txn *txn, struct err *err); /* frees txn */
/* Together with changes beside the keys: write puts them into the catalogue, in the transaction that is the commit; apply
 * brings them to their place after it, and must not fail for want of anything that could have been looked after before. */
struct kv_journal {
    void *arg;
    int (*write)(void *arg, struct catalog *c, struct err *err);
    int (*apply)(void *arg, struct err *err);
};
int aer__kv_commit_with(struct kv_txn *txn, const struct kv_journal *journal, struct err *err); /* frees txn */
/* Wait for what the commit would have to wait for, while nothing is locked that the background or the next writer may need. The turn may be
 * lent for it: what was read in txn is to be compared with what is there afterwards. The commit itself, if it is next, does not wait. */
int aer__kv_make_room(struct kv_txn *txn, struct err *err);
void aer__kv_rollback(struct kv_txn *txn);
bool aer__kv_txn_busy(const struct kv_txn *txn); /* a writer is open in it */

int aer__kv_writer_open(struct kv_txn *txn, const struct kv_item *item, struct kv_writer **writer,
                        struct err *err); /* item without value */
int aer__kv_writer_write(struct kv_writer *w, const void *data, size_t size, struct err *err);
int aer__kv_writer_finish(struct kv_writer *w, struct err *err);
void aer__kv_writer_abandon(struct kv_writer *w);

int aer__kv_reader_open(struct kv_txn *txn, const void *key, size_t key_size, struct kv_reader **reader,
                        uint64_t *value_size, struct err *err);
int aer__kv_reader_read(struct kv_reader *r, uint64_t offset, void *buffer, size_t capacity, size_t *got, struct err *err);
void aer__kv_reader_close(struct kv_reader *r);

struct kv_range {
    const void *from, *to, *prefix; /* NULL: no bound */
    size_t from_size, to_size, prefix_size;
    bool reverse, keys_only;
    uint64_t value_limit;
};
int aer__kv_scan(struct kv_txn *txn, const struct kv_range *range, struct kv_cursor **cursor, struct err *err);
int aer__kv_next(struct kv_cursor *c, aer_slice *key, aer_slice *value, struct err *err);
int aer__kv_cursor_entry(struct kv_cursor *c, struct kv_entry *entry, struct err *err);
void aer__kv_cursor_close(struct kv_cursor *c);

/* The catalogue, as new as the last commit, and in one transaction of its own (with the turn; AER_UNKNOWN breaks the handle). */
int aer__kv_read_catalog(struct kv *kv, int (*fn)(void *arg, struct catalog *c, struct err *err), void *arg, struct err *err);
int aer__kv_write_catalog(struct kv *kv, bool durable, int (*fn)(void *arg, struct catalog *c, struct err *err),
                          void *arg, struct err *err);
void aer__kv_catalog_changed(struct kv *kv); /* after that: whoever reads the catalogue looks at it anew, in all processes */
int aer__kv_turn_enter(struct kv *kv, bool background, struct err *err);
void aer__kv_turn_leave(struct kv *kv, bool background);
void aer__kv_wake(struct kv *kv); /* the background, for hooks.round */
bool aer__kv_readonly(const struct kv *kv);

/* Files of tables (tables.c): who reads them stays between enter and leave, who changes them between lock and unlock, with
 * the turn. AER_BUSY after busy_ms. */
int aer__kv_tables_enter(struct kv *kv, struct err *err);
void aer__kv_tables_leave(struct kv *kv);
int aer__kv_tables_lock(struct kv *kv, struct err *err);
void aer__kv_tables_unlock(struct kv *kv);
/* Even, and another one after each commit; odd: one is being applied, or its writer died at it. */
uint64_t aer__kv_tables_version(const struct kv *kv);
void aer__kv_tables_begin(struct kv *kv);                   /* odd */
void aer__kv_tables_cancel(struct kv *kv);                  /* nothing happened */
void aer__kv_tables_end(struct kv *kv, int64_t journal_id); /* all up to this entry of the journal is in place */
int64_t aer__kv_tables_applied(const struct kv *kv);        /* that entry; 0: not known */
/* A sync failed, so reads may show what the disk does not have; until the journal's files are written anew, and synced. */
void aer__kv_tables_doubt(struct kv *kv, bool doubt);
bool aer__kv_tables_doubted(const struct kv *kv);
/* Advanced when a definition changes. */
uint64_t aer__kv_tables_defined(const struct kv *kv);
void aer__kv_tables_define(struct kv *kv);

int aer__kv_sync(struct kv *kv, struct err *err);
int aer__kv_seal(struct kv *kv, struct err *err);
int aer__kv_compact(struct kv *kv, const aer_compact_options *options, aer_compact_result *result, struct err *err);
int aer__kv_status(struct kv *kv, aer_stats *stats, struct err *err);
int aer__kv_buckets(struct kv *kv, int (*fn)(void *arg, const aer_bucket *bucket), void *arg, struct err *err);
int aer__kv_bucket_rows(struct kv *kv, const char *id, int (*fn)(void *arg, const aer_bucket_row *row), void *arg,
                        struct err *err);
int aer__kv_locate(struct kv *kv, const void *key, size_t key_size, aer_location *location, struct err *err);

#endif
