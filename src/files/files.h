/* files.h -- the files of tables: read with their checksums, changed under a journal.
 *
 *   changes       what a transaction will do to them; in memory, by path
 *   commit        changes into the journal of aerial.sq3, in the transaction that is the commit, then to their places
 *   settle        after a crash: what is in the journal goes to its place
 *   checkpoint    the file system is synced once, and the journal emptied; records of gdbm files by themselves (records.h)
 *
 * 1. The journal has a change before its file has it. Each change can be made twice: it is a path and all its bytes, or
 *    that there is no such file.
 * 2. Who reads stays between enter and leave, and sees no commit begin there.
 * 3. What a file should hold is in `files` of aerial.sq3, written in the same commit. Other bytes are told, never used.
 *
 * A text is either a file of its own, or a record of a gdbm file (records.h), which stays in the journal until a checkpoint is worth it.
 *
 * Must not know: rows, index nodes, definitions.
 */
#ifndef AER_FILES_H
#define AER_FILES_H

#include "base/base.h"
#include "catalog/catalog.h"
#include "kv/kv.h"

#define FILES_TEXT_MAX ((size_t)64 << 20) /* bytes of one text */

struct files; /* of a handle; any number of threads, but for what says otherwise */
int aer__files_open(int dir, struct kv *kv, struct files **files, struct err *err);
/* Checkpoint if it is worth it; the handle is gone in any case. */
int aer__files_close(struct files *f, struct err *err);
/* For kv_hooks; f may still be NULL while the store is being opened. */
int aer__files_settle(struct files *f, struct err *err);
int aer__files_round(struct files *f, struct err *err);

/* A table, as far as its files go. The name is borrowed. */
struct place {
    uint32_t table;
    const char *name; /* its directory below tables/ */
    bool records;     /* its texts are records of gdbm files */
};

/* ---- reading ---- */

/* Nothing changes until leave; a writer's death is made good first. *version: other than at the last time: something was committed since. AER_BUSY. */
int aer__files_enter(struct files *f, uint64_t *version, struct err *err);
void aer__files_leave(struct files *f);

struct changes;
/* The text NAME, appended to TO (a NUL behind it, not counted). own (may be NULL): a transaction's changes, which count first.
 * AER_NOTFOUND, no message: there is none. AER_CHANGED: the file was put there, edited or removed by hand. AER_CORRUPT: other bytes under the same
 * size and time. Both name the path. *sum may be NULL. */
int aer__files_read(struct files *f, const struct changes *own, const struct place *place, const char *name,
                    struct buf *to, uint64_t *sum, struct err *err);
/* What the sum of the committed text NAME is; AER_NOTFOUND, no message. */
int aer__files_sum(struct files *f, const struct place *place, const char *name, uint64_t *sum, struct err *err);
/* Names with AFTER < name < END, in byte order, at most LIMIT, committed ones and own. */
int aer__files_list(struct files *f, const struct changes *own, const struct place *place, const char *after,
                    const char *end, size_t limit, int (*fn)(void *arg, const char *name), void *arg, struct err *err);

/* ---- changing, with the turn ---- */

struct changes *aer__changes_new(void); /* NULL: out of memory */
void aer__changes_free(struct changes *c);
size_t aer__changes_count(const struct changes *c);
/* DATA is copied. fresh: no such file is there, and nobody knows the name yet. After AER_NOMEM nothing was changed. */
int aer__changes_write(struct changes *c, const struct place *place, const char *name, const void *data, size_t size,
                       bool fresh, struct err *err);
int aer__changes_remove(struct changes *c, const struct place *place, const char *name, struct err *err);

/* AER_INVALID: the module for tables of kind gdbm is not installed. */
int aer__files_can_record(struct files *f, struct err *err);
/* Around a commit, with the turn: wait until nobody reads. AER_BUSY after busy_ms. */
int aer__files_lock(struct files *f, struct err *err);
void aer__files_unlock(struct files *f);
/* After it, without any lock: a checkpoint if it is time for one. */
void aer__files_after_commit(struct files *f);
/* Commit txn, with these changes if there are any. extra (may be NULL) writes more into the catalogue in the same
 * transaction. Frees txn, not the changes. *version is what aer__files_enter gives from now on, if nobody else commits. */
int aer__files_commit(struct files *f, struct kv_txn *txn, struct changes *c,
                      int (*extra)(void *arg, struct catalog *catalog, struct err *err), void *arg, uint64_t *version,
                      struct err *err);
/* Sync the file system once, empty the journal, but for records of gdbm files. In the background, or with no transaction of this thread's. */
int aer__files_checkpoint(struct files *f, bool background, struct err *err);

/* Whole directories below tables/, each alone in its journal. A crash leaves it done or not begun. extra as above. */
int aer__files_drop(struct files *f, struct kv_txn *txn, const char *table,
                    int (*extra)(void *arg, struct catalog *catalog, struct err *err), void *arg, struct err *err);
int aer__files_rename(struct files *f, struct kv_txn *txn, const char *from, const char *to,
                      int (*extra)(void *arg, struct catalog *catalog, struct err *err), void *arg, struct err *err);

/* Before the indexes of a table in gdbm files are built anew, with the turn: data.gdbm is taken as it is, if all that it has is whole; an index.gdbm that is
 * damaged, missing or not ours is forgotten. *all: all indexes must be built. AER_CORRUPT names what is not whole. */
int aer__files_take_over(struct files *f, const struct place *place, bool *all, struct err *err);

#endif
