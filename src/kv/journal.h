/* journal.h -- commits that change more than keys; what txn.c, bulk.c and settle.c need of journal.c. */
#ifndef AER_KV_JOURNAL_H
#define AER_KV_JOURNAL_H

#include "kv/store.h"

/* The commit point: rows (seq unset; the first gets FIRST) will be the keys' part. AER_UNKNOWN: in doubt, and the handle is broken. */
int aer__journal_commit(struct kv *kv, const struct kv_journal *j, const struct row *rows, size_t count, uint64_t first,
                        int sync, struct err *err);
/* After it. A failure is AER_UNKNOWN, and the handle is broken. */
int aer__journal_apply(struct kv *kv, const struct kv_journal *j, struct err *err);
/* Commits of mode off there are on disk when it returns. With the turn. */
int aer__journal_sync(struct kv *kv, struct err *err);
/* Rows that are committed and not in an active file: put them there. With the turn; aer__follow afterwards. */
int aer__journal_settle(struct kv *kv, struct err *err);

#endif
