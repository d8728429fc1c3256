/* table.h -- tables: rows under constraints, with indexes that follow them. What src/db uses.
 *
 * Must not know: the public handles, gertrude.conf.
 */
#ifndef AER_TABLE_H
#define AER_TABLE_H

#include "base/base.h"
#include "files/files.h"
#include "index/tree.h" /* what a fan-out may be */
#include "kv/kv.h"

#define TABLE_FANOUT_DEFAULT 128u

struct tables; /* of a handle; any number of threads */
struct tables_options {
    unsigned fanout; /* entries of an index node at most */
    uint64_t cache_bytes; /* all there is for the handle, keys included; where there are trees a quarter of it is for nodes */
};
int aer__tables_open(int dir, struct kv *kv, struct files *files, const struct tables_options *options,
                     struct tables **tables, struct err *err);
void aer__tables_close(struct tables *tables);

/* ---- a transaction's part ---- */

struct table_txn;
/* For txn, which is told of failures that leave it unusable. write: with the turn. */
int aer__tables_begin(struct tables *tables, struct kv_txn *txn, bool write, struct table_txn **t, struct err *err);
struct kv_txn *aer__tables_kv(const struct table_txn *t);
/* Commit the keys of its kv_txn and its own changes, all or nothing. Frees both. */
int aer__tables_commit(struct table_txn *t, struct err *err);
/* Frees t; its kv_txn is the caller's to end. */
void aer__tables_end(struct table_txn *t);

/* ---- rows ---- as in aerials.h; t may be NULL for reading the newest committed state */
int aer__table_insert(struct table_txn *t, const char *table, const void *json, size_t size, char id[AER_ID_SIZE],
                      struct err *err);
int aer__table_update(struct table_txn *t, const char *table, const char *id, const void *json, size_t size,
                      char new_id[AER_ID_SIZE], struct err *err);
int aer__table_delete(struct table_txn *t, const char *table, const char *id, struct err *err);
int aer__table_row(struct tables *tables, struct table_txn *t, const char *table, const char *id, struct buf *to,
                   struct err *err);

struct rows;
int aer__rows_begin(struct table_txn *t, const char *table, const aer_row_range *range, struct rows **rows, struct err *err);
int aer__rows_next(struct rows *rows, const char **id, aer_slice *json, struct err *err);
void aer__rows_end(struct rows *rows);

int aer__table_update_where(struct table_txn *t, const char *table, const char *where, const char *const *assignments,
                            size_t assignment_count, uint64_t *count, struct err *err);
int aer__table_delete_where(struct table_txn *t, const char *table, const char *where, uint64_t *count, struct err *err);

/* ---- definitions ---- transactions of their own */
int aer__table_create(struct tables *tables, const char *table, const aer_table_options *options, struct err *err);
int aer__table_drop(struct tables *tables, const char *table, struct err *err);
int aer__table_rename(struct tables *tables, const char *table, const char *name, struct err *err);
int aer__table_get(struct tables *tables, const char *table, aer_table_def **def, struct err *err);
int aer__tables_list(struct tables *tables, int (*fn)(void *arg, const char *table), void *arg, struct err *err);
int aer__table_index_create(struct tables *tables, const char *table, const char *index, const char *const *columns,
                            size_t column_count, int flags, aer_progress progress, void *progress_arg, struct err *err);
int aer__table_index_drop(struct tables *tables, const char *table, const char *index, struct err *err);
int aer__table_rebuild(struct tables *tables, const char *table, const char *index, aer_progress progress,
                       void *progress_arg, aer_rebuild_result *result, struct err *err);

#endif
