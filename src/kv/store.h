/* store.h -- the inside of src/kv: one struct, and which lock guards which part of it.
 *
 *   writers          queue (queue.c) -> turn (turn.c) -> commit (commit.c) -> apply (apply.c)
 *   readers          follow (follow.c) -> look up (get.c, scan.c) -> rows (rows.c)
 *   in the background (upkeep.c)  seal.c, merge.c, compact.c
 *
 * Locks, outermost first; nobody takes one further left while holding one further right:
 *
 *   queue place | upkeep_lock | turn | apply_lock | active_lock[w] | catalog_lock | view (write) | view (read) | reader locks
 *
 * The view lock is held for reading through a whole look-up, so what the view points to (tables, recent rows, the
 * list of buckets, open bucket files) may be freed by whoever has it for writing. Versions and rows above `visible`
 * may be in memory already: readers pass them over, so a transaction shows at once.
 */
#ifndef AER_KV_STORE_H
#define AER_KV_STORE_H

#include "bucket/bucket.h"
#include "catalog/catalog.h"
#include "kv/hints.h"
#include "kv/kv.h"
#include "kv/recent.h"
#include "kv/share.h"
#include "kv/table.h"

#include <pthread.h>
#include <stdatomic.h>

#define VIEW_SHARDS 16
#define READERS 4 /* catalogue connections for look-ups */

/* ---- the view ---- */

struct bucket_ref {
    struct catalog_bucket b;
    _Atomic(struct sealed *) file; /* open, or NULL */
    size_t open_at;                /* its place among the open ones */
    _Atomic uint64_t used;         /* tick of the last look, for closing the least recently used */
    struct bucket_ref *next_spare; /* while it is not in the list */
};

/* Sealed buckets in sequence order. Pointers, so that an open file stays put while the list grows. */
struct bucket_list {
    struct bucket_ref **at;
    size_t count, capacity;
    struct bucket_ref **open; /* those whose file is open; guarded by open_lock, or the view held for writing */
    size_t open_count, open_capacity;
    struct bucket_ref *spare; /* see aer__view_reserve; guarded by catalog_lock */
    size_t spares;
};

struct view_shard {
    pthread_rwlock_t lock;
    char pad[128 - sizeof(pthread_rwlock_t) % 128]; /* one cache line pair each: readers on two cores do not meet */
};

struct catalog_reader {
    pthread_mutex_t lock;
    struct catalog *catalog;
    uint64_t version; /* page->catalog_version before its read transaction began */
    uint64_t epoch;   /* kv->catalog_epoch likewise */
    uint64_t tables;  /* page->tables_version likewise */
    unsigned uses;
    unsigned incurious;   /* look-ups that do not learn the keys beside */
    uint64_t cache_bytes; /* of SQLite's pages, as set last */
    int64_t used_ms;
};

struct request;

struct turn {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int users;
    bool held, acquiring;
    bool lost; /* who lent it did not get it back; belongs to who has the queue's place */
    int64_t held_since_ms, released_ms;
};

struct kv {
    int dir;
    struct kv_options options;
    _Atomic uint64_t max_rows, max_size;
    _Atomic uint64_t cache_bytes; /* options.cache_bytes, or less by now: see aer__kv_set_cache */
    bool frozen;                  /* nobody can write the directory */
    struct share share;
    char database[33];

    /* the view: guarded by view (all shards for writing, one for reading) */
    struct view_shard view[VIEW_SHARDS];
    struct table *mem, *imm;                    /* unmerged keys: being added to, being merged (or NULL) */
    struct recent *recent[LAYOUT_ACTIVE_COUNT]; /* NULL: that active file is empty */
    struct bucket_list buckets;
    uint64_t merged_seq;
    _Atomic uint64_t catalog_epoch; /* advanced when merged_seq is: older read transactions do not know what tables no longer have */
    bool merging;                   /* imm is on its way into the catalogue: nobody else sets hints */
    struct hints hints;
    _Atomic bool learn;            /* all keys there are may have a hint */
    _Atomic uint64_t visible;      /* last seq readers may see */
    _Atomic uint64_t seen_counter; /* page->counter this view is as new as */
    _Atomic uint64_t seen_catalog; /* page->catalog_version likewise */

    pthread_mutex_t apply_lock; /* who adds to mem and recent */
    uint64_t applied_seq;       /* all rows up to here are in memory or merged */

    pthread_mutex_t open_lock; /* opening bucket files */
    size_t open_limit;
    _Atomic bool open_too_many;
    _Atomic uint64_t tick; /* files opened so far */

    struct turn turn;
    pthread_mutex_t queue_lock;
    pthread_cond_t queue_changed;
    struct request *queue_head, *queue_tail;
    bool queue_busy;                            /* somebody commits or holds a write transaction */
    _Atomic bool had_turn;                      /* so there may be something to tidy at close */
    _Atomic bool unsynced[LAYOUT_ACTIVE_COUNT]; /* the active file may have commits, ours or others', that were not synced */

    pthread_mutex_t active_lock[LAYOUT_ACTIVE_COUNT];
    struct active *active[LAYOUT_ACTIVE_COUNT]; /* for writing (and sealing) */
    pthread_mutex_t look_lock[LAYOUT_ACTIVE_COUNT];
    struct active *look[LAYOUT_ACTIVE_COUNT]; /* for reading */

    pthread_mutex_t catalog_lock;
    struct catalog *catalog; /* for writing; NULL if readonly */
    struct catalog_reader reader[READERS];
    _Atomic unsigned readers; /* connections open */

    pthread_mutex_t files_lock; /* see tables.c */
    int files_readers;
    bool files_wanted; /* a writer of ours waits for SHARE_TABLES, or has it */
    bool files_locked; /* it has it */

    pthread_mutex_t snapshot_lock;
    struct kv_txn *snapshots; /* open read transactions */
    int open_txns;

    pthread_mutex_t upkeep_lock; /* one round at a time in this process */
    _Atomic int upkeep_wanted;   /* who waits for it: the background stops compacting */
    pthread_mutex_t wake_lock;
    pthread_cond_t wake, idle; /* work for the thread; it did some */
    pthread_t thread;
    bool thread_runs, work, in_round;
    _Atomic bool thread_stop; /* also read in the middle of a long compaction, without wake_lock */
    uint64_t rounds;          /* done, for who waits */
    struct err round_err;     /* of the last round */
    int64_t expired_ms;       /* when expired keys were last looked for */
    _Atomic bool settle;      /* the next turn begins with aer__settle */

    _Atomic int broken; /* AER_UNKNOWN once a commit may or may not have happened: refuse everything */
};

/* Bytes of unmerged keys in memory, both tables together. */
static inline uint64_t kv_unmerged_limit(const struct kv *kv)
{
    return kv->cache_bytes / 8 * 5;
}

static inline uint64_t kv_counter(const struct kv *kv)
{
    return atomic_load_explicit(&kv->share.page->counter, memory_order_acquire) & ~UINT64_C(1);
}

void aer__kv_log(struct kv *kv, const char *format, ...) __attribute__((format(printf, 2, 3)));
int aer__kv_usable(struct kv *kv, struct err *err); /* AER_UNKNOWN after a commit in doubt */
void aer__kv_break(struct kv *kv);

/* view.c */
int aer__view_init(struct kv *kv, struct err *err);
void aer__view_release(struct kv *kv);
pthread_rwlock_t *aer__view_read(struct kv *kv); /* give it to pthread_rwlock_unlock */
void aer__view_write(struct kv *kv);
void aer__view_written(struct kv *kv);
/* Both under the view lock: */
struct bucket_ref *aer__view_bucket(const struct kv *kv, uint64_t seq); /* NULL: no sealed bucket holds seq */
int aer__view_recent(const struct kv *kv, uint64_t seq);                /* which active file; -1: none */
int aer__view_current(const struct kv *kv);              /* the active file written last; -1: both empty */
uint64_t aer__view_sealed_to(const struct kv *kv);       /* last_seq of the last sealed bucket, 0: none */
bool aer__view_bucket_is(struct kv *kv, const char *id); /* without the lock: is this bucket listed? */
/* With the view held for writing: */
/* Have memory for COUNT more buckets, so that adding them cannot fail; before the commit that lists them. With catalog_lock,
 * under which all adding is done. */
int aer__view_reserve(struct kv *kv, size_t count, struct err *err);
struct bucket_ref *aer__view_add_bucket(struct kv *kv, const struct catalog_bucket *b); /* at its place; reserved before */
void aer__view_remove_bucket(struct kv *kv, size_t index);
/* With apply_lock, without the view: mem becomes imm if it takes LIMIT bytes and there is no imm. */
int aer__view_rotate(struct kv *kv, uint64_t limit, struct err *err);
/* With apply_lock and the view for writing: tables whose versions are all in the catalogue go; mem for *fresh, which is NULL then. */
void aer__view_drop_merged(struct kv *kv, struct table **fresh);

/* turn.c */
int64_t aer__kv_deadline(const struct kv *kv); /* monotonic ms until which a caller may wait */
int aer__turn_enter(struct kv *kv, int64_t deadline_ms, struct err *err);
void aer__turn_leave(struct kv *kv);
int aer__turn_enter_background(struct kv *kv, struct err *err); /* for seal, merge, compact: waits a minute */
void aer__turn_leave_background(struct kv *kv);
/* In the foreground, with the queue's place: let another process finish what we wait for, it needs the turn for that. On
 * failure the turn is lost: undo, and leave as ever. */
int aer__turn_lend(struct kv *kv, int64_t deadline_ms, struct err *err);
bool aer__turn_lost(const struct kv *kv);
bool aer__turn_wanted(struct kv *kv);      /* another process waits for it */
void aer__cond_init(pthread_cond_t *cond); /* on the monotonic clock */
bool aer__cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ms); /* false: too late */

/* queue.c */
struct request {
    const struct row *row; /* seq unset */
    bool must_exist;       /* a delete: AER_NOTFOUND if the key is absent */
    int sync;
    bool exclusive, done, queued;
    int rc;
    struct err err;
    struct request *next;
};
int aer__queue_submit(struct kv *kv, struct request *r);                   /* r->rc, r->err */
int aer__queue_enter(struct kv *kv, int64_t deadline_ms, struct err *err); /* alone until aer__queue_leave */
void aer__queue_leave(struct kv *kv);

/* commit.c: with the queue's place; these enter and leave the turn themselves unless said */
void aer__commit_group(struct kv *kv, struct request **group, size_t count);
/* With the turn. Make an active file ready for this much: *which. rows 0: an empty one. If another process holds up the sealing, the turn is lent: compare applied_seq. */
int aer__commit_room(struct kv *kv, uint64_t rows, uint64_t bytes, int64_t deadline_ms, int *which, struct err *err);
/* Before a write transaction: wait for sealing and merging now, as long as leaving the turn does no harm. */
int aer__commit_ready(struct kv *kv, int64_t deadline_ms, struct err *err);
/* An empty one, and the other one sealed too: so that buckets listed next leave no gap behind the ones before. */
int aer__commit_room_alone(struct kv *kv, int64_t deadline_ms, int *which, struct err *err);
/* Between open and publish or cancel. AER_UNKNOWN: in doubt, and the handle is broken. */
int aer__commit_rows(struct kv *kv, int which, const struct row *rows, size_t count, int sync, struct err *err);

/* An active file we do not write to, whose rows come before what we do write: on disk when it returns. With the turn. */
int aer__commit_sync(struct kv *kv, int which, struct err *err);
void aer__commit_open(struct kv *kv);                  /* counter odd */
void aer__commit_publish(struct kv *kv);               /* what was applied shows; counter even */
void aer__commit_cancel(struct kv *kv);                /* nothing happened; counter even as before */
int aer__commit_doubt(struct kv *kv, struct err *err); /* it failed after the commit point: AER_UNKNOWN, and the handle is broken */
void aer__commit_trim(struct kv *kv, int which); /* checkpoint the active file if its WAL is long */

/* apply.c */
/* One row, in sequence order, into mem and (which >= 0) recent. With apply_lock. keep: the value is at hand. */
int aer__apply_row(struct kv *kv, const struct row *row, int which, bool keep, struct err *err);
int aer__apply_new_recent(struct kv *kv, int which, const char *id, uint64_t first_seq, struct err *err);

/* follow.c: bring the view to what is on disk */
int aer__follow(struct kv *kv, bool force, struct err *err); /* cheap if nothing changed */
/* After each look at rows, without the view. A row or file that was not where the view said: true if it is worth looking again, after following. Zeros at first. */
struct retry {
    int tries;
    uint64_t version; /* page->catalog_version at the last try */
};
bool aer__retry(struct kv *kv, struct retry *r, int rc, struct err *err);
int aer__follow_load(struct kv *kv, struct err *err); /* at open */

/* settle.c */
int aer__settle(struct kv *kv, struct err *err); /* with the turn: finish what a dead writer left */

/* rows.c: under the view lock for reading */
enum { ROW_HEAD, ROW_VALUE };
/* The row seq of key (key NULL: any). Its data lives in *hold, or as long as the view is held. AER_NOTFOUND: not where it should be (the caller follows and tries again). */
int aer__rows_get(struct kv *kv, uint64_t seq, const void *key, size_t key_size, int what, struct row *row,
                  struct buf *hold, struct err *err);
int aer__rows_into(struct kv *kv, uint64_t seq, const void *key, size_t key_size, void *buffer, size_t capacity,
                   struct row *row, struct buf *hold, struct err *err);
/* The same, for a row that may be one of txn's own. txn may be NULL. */
int aer__row_of(struct kv *kv, struct kv_txn *txn, uint64_t seq, const void *key, size_t key_size, int what,
                struct row *row, struct buf *hold, struct err *err);
int aer__rows_open(struct kv *kv, struct bucket_ref *ref, struct sealed **file, struct err *err);
void aer__rows_close(struct kv *kv, struct bucket_ref *ref); /* with the view held for writing */
void aer__rows_close_some(struct kv *kv); /* without the view, after each look-up: closes least recently used files if there are too many */

/* get.c */
/* Under the view lock: seq of the version of key that is seen at AT. AER_NOTFOUND: none. *again: the view is too old to say. */
int aer__get_seq(struct kv *kv, const void *key, size_t key_size, uint64_t hash, uint64_t at, bool snapshot,
                 uint64_t *seq, bool *again, struct err *err);
/* Newest committed version of key, expired or not; AER_NOTFOUND. */
int aer__get_newest(struct kv *kv, const void *key, size_t key_size, uint64_t *seq, struct err *err);
int aer__get_exists(struct kv *kv, const void *key, size_t key_size, uint64_t *seq,
                    struct err *err);                                    /* newest, not expired; AER_NOTFOUND */
struct catalog_reader *aer__reader_take(struct kv *kv, struct err *err); /* in a read transaction as new as the view; NULL: err */
void aer__reader_give(struct kv *kv, struct catalog_reader *r);
void aer__readers_rest(struct kv *kv, int64_t idle_ms); /* end read transactions idle for so long, and give memory back that tables need */

/* seal.c */
void aer__tally_row(struct catalog_bucket *b, const struct row *row);
void aer__tally_file(struct catalog_bucket *b, const struct bucket_info *info, const unsigned char *data, size_t size);
/* Make a bucket file; call aer__seal_created when it is registered, or has failed: until then a crash leaves a file to look for. */
int aer__seal_create(struct kv *kv, const char *id, const unsigned char *data, size_t size, bool sync, struct err *err);
void aer__seal_created(struct kv *kv);
int aer__seal_register(struct kv *kv, const struct catalog_bucket *b, size_t count,
                       struct err *err); /* with the turn: durable rows in buckets, and in the view */
int aer__seal_empty(struct kv *kv, int which, struct err *err);  /* with the turn */
int aer__seal_pending(struct kv *kv, bool all, struct err *err); /* all: the current active file too */
void aer__catalog_changed(struct kv *kv);                        /* with the turn: tell the others, after a commit */

/* merge.c */
bool aer__merge_due(struct kv *kv);
int aer__merge(struct kv *kv, struct err *err);                        /* all that is sealed */
int aer__merge_checkpoint(struct kv *kv, int frames, struct err *err); /* with the turn: if the WAL has so many frames */

/* compact.c */
int aer__compact_auto(struct kv *kv, bool *more, struct err *err); /* one group that is a third dead */
int aer__compact_by_key(struct kv *kv, const aer_compact_options *options, struct err *err); /* by_key.c */

/* Version seq of key (a cursor's find): its value, or (value NULL) what is known of it. AER_NOTFOUND: expired. */
int aer__get_at(struct kv *kv, struct kv_txn *txn, uint64_t seq, const void *key, size_t key_size,
                struct kv_value *value, struct kv_entry *entry, struct buf *hold, struct err *err);

/* expire.c */
int aer__expire(struct kv *kv, int64_t deadline_ms, uint64_t *deleted, struct err *err);

/* upkeep.c */
void aer__upkeep_wake(struct kv *kv);
bool aer__upkeep_urgent(struct kv *kv);                /* a full active file waits */
int aer__upkeep_round(struct kv *kv, struct err *err); /* seal, merge, compact what is due, in this thread */
void aer__upkeep_lock(struct kv *kv); /* upkeep_lock, soon: not after all the compaction there may be */
int aer__upkeep_wait(struct kv *kv, int64_t deadline_ms, struct err *err); /* until the thread has done a round; AER_BUSY */
void aer__upkeep_stop(struct kv *kv);

/* txn.c */
struct kv_txn {
    struct kv *kv;
    bool write;
    uint64_t at;                             /* a read transaction's snapshot */
    bool used;                               /* something was read in it */
    uint64_t tables_version, tables_defined; /* just before the snapshot was taken */
    struct kv_txn *next;
    int children; /* cursors, readers and writers open */

    /* a write transaction */
    int sync;
    struct err failed;     /* its first failed write */
    struct table *own;     /* its own writes; NULL until the first */
    struct txn_rows *rows; /* see txn.c */
    struct kv_writer *writer;
};
int aer__txn_begin(struct kv *kv, int sync, int64_t deadline_ms, struct kv_txn **txn, struct err *err); /* for writing */
/* After a look-up: did the snapshot still have all it needs? AER_BUSY for one that nobody keeps anything for. txn may be NULL. */
int aer__txn_kept(const struct kv_txn *txn, struct err *err);
int aer__txn_refuse(const struct kv_txn *txn, struct err *err); /* AER_MISUSE while a writer is open */
/* Is seq one of the transaction's own writes? */
bool aer__txn_has(const struct kv_txn *txn, uint64_t seq);
/* The row of an own write. */
int aer__txn_row(struct kv_txn *txn, uint64_t seq, bool with_value, struct row *row, struct buf *hold, struct err *err);
int aer__txn_add(struct kv_txn *txn, const struct row *row, struct err *err); /* row.seq is set by it; parts too */
int aer__txn_add_block(struct kv_txn *txn, const struct row *row,
                       struct err *err); /* row.key is a block with all of the row: taken over, even on failure */
uint64_t aer__txn_next_seq(const struct kv_txn *txn);
uint64_t aer__kv_part_size(const struct kv *kv, size_t key_size);

#endif
