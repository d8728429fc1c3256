/* bulk.h -- a transaction larger than the room in an active bucket: whole new buckets beside it, then one row that commits them.
 *
 *   seq      n+1 ........................ n+k    n+k+1
 *            [ bucket ][ bucket ][ bucket ]      commit row, the first row of an empty active file
 *
 * The files are complete and synced, with their directories, before the commit row is written; that row's commit is the
 * transaction's. Its key has zero length and its value names the files, a line each: "id first_seq last_seq\n".
 */
#ifndef AER_KV_BULK_H
#define AER_KV_BULK_H

#include "kv/store.h"

struct bulk;

/* sync: the mode of its transaction. */
int aer__bulk_new(struct kv *kv, int sync, struct bulk **bulk, struct err *err);
/* Removes the files, unless they were committed. */
void aer__bulk_free(struct bulk *b);
/* One more bucket of these rows (contiguous, with seq). Each is a block that begins with its key; it is freed, and key
 * becomes NULL, once the bucket has a copy, so that memory never holds all of them twice. */
int aer__bulk_flush(struct bulk *b, struct row *rows, size_t count, struct err *err);
/* A row of a flushed bucket; AER_NOTFOUND if it is in none. */
int aer__bulk_get(struct bulk *b, uint64_t seq, bool with_value, struct row *row, struct buf *hold, struct err *err);
/* With the turn and the queue's place: commit row, register, apply, publish. journal (may be NULL): then its commit is the transaction's. */
int aer__bulk_commit(struct bulk *b, const struct kv_journal *journal, int sync, struct err *err);
/* List the buckets a commit row names in the catalogue, those that are not yet. With the turn. */
int aer__bulk_list(struct kv *kv, const struct row *commit_row, struct err *err);

#endif
