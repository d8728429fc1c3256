/* tables.c -- tables, indexes and rows of the public interface. */
#include "db/handle.h"

#include <string.h>

struct aer_rows {
    aer_txn *txn;
    struct rows *rows;
};

static bool usable(const aer_db *db)
{
    return db && db->kv;
}

/* ---- definitions ---- */

int aer_table_create(aer_db *db, const char *table, const aer_table_options *given)
{
    aer_table_options options = {0};
    struct err err = {0};
    int rc = AER_OK;

    if (!usable(db) || !table) return AER_MISUSE;
    if (given && (given->size == 0 || given->size > 4096))
        rc = aer__err_set(&err, AER_MISUSE, "options.size is not set");
    else if (given) memcpy(&options, given, AER_MIN(given->size, sizeof options));
    if (rc == AER_OK && options.column_count && !options.columns)
        rc = aer__err_set(&err, AER_MISUSE, "no columns given");
    if (rc == AER_OK) rc = aer__table_create(db->tables, table, &options, &err);
    return aer__db_result(db, rc, &err);
}

int aer_table_drop(aer_db *db, const char *table)
{
    struct err err = {0};

    return usable(db) && table ? aer__db_result(db, aer__table_drop(db->tables, table, &err), &err) : AER_MISUSE;
}

int aer_table_rename(aer_db *db, const char *table, const char *name)
{
    struct err err = {0};

    if (!usable(db) || !table || !name) return AER_MISUSE;
    return aer__db_result(db, aer__table_rename(db->tables, table, name, &err), &err);
}

int aer_table_get(aer_db *db, const char *table, aer_table_def **def)
{
    struct err err = {0};

    if (!def) return AER_MISUSE;
    *def = NULL;
    return usable(db) && table ? aer__db_result(db, aer__table_get(db->tables, table, def, &err), &err) : AER_MISUSE;
}

int aer_tables(aer_db *db, int (*fn)(void *arg, const char *table), void *arg)
{
    struct err err = {0};

    return usable(db) && fn ? aer__db_result(db, aer__tables_list(db->tables, fn, arg, &err), &err) : AER_MISUSE;
}

int aer_index_create(aer_db *db, const char *table, const char *index, const char *const *columns, size_t column_count,
                     int flags, aer_progress progress, void *progress_arg)
{
    struct err err = {0};

    if (!usable(db) || !table || !index || (!columns && column_count)) return AER_MISUSE;
    return aer__db_result(
        db, aer__table_index_create(db->tables, table, index, columns, column_count, flags, progress, progress_arg, &err),
        &err);
}

int aer_index_drop(aer_db *db, const char *table, const char *index)
{
    struct err err = {0};

    if (!usable(db) || !table || !index) return AER_MISUSE;
    return aer__db_result(db, aer__table_index_drop(db->tables, table, index, &err), &err);
}

int aer_index_rebuild(aer_db *db, const char *table, const char *index, aer_progress progress, void *progress_arg,
                      aer_rebuild_result *result)
{
    aer_rebuild_result unwanted;
    struct err err = {0};

    if (!usable(db) || !table) return AER_MISUSE;
    return aer__db_result(
        db, aer__table_rebuild(db->tables, table, index, progress, progress_arg, result ? result : &unwanted, &err), &err);
}

/* ---- a transaction's part ---- */

static int part_of(aer_txn *txn, struct table_txn **t, struct err *err)
{
    int rc = AER_OK;

    if (!txn->tables) rc = aer__tables_begin(txn->db->tables, txn->kv, txn->write, &txn->tables, err);
    *t = txn->tables;
    return rc;
}

/* For a change: AER_MISUSE in a read transaction. */
static int part_for_write(aer_txn *txn, struct table_txn **t, struct err *err)
{
    if (!txn->write) return aer__err_set(err, AER_MISUSE, "this transaction is for reading");
    if (aer__kv_txn_busy(txn->kv))
        return aer__err_set(err, AER_MISUSE, "a value is being written in this transaction: finish it first");
    return part_of(txn, t, err);
}

enum verb { INSERT, UPDATE, DELETE, UPDATE_WHERE, DELETE_WHERE };

/* What is asked for: one change, as its public function got it. */
struct wish {
    enum verb verb;
    const char *table, *id, *where;
    const void *json;
    size_t json_size;
    char *new_id;
    const char *const *assignments;
    size_t assignment_count;
    uint64_t *count;
};

static int carry_out(struct table_txn *t, const struct wish *w, struct err *err)
{
    switch (w->verb) {
    case INSERT: return aer__table_insert(t, w->table, w->json, w->json_size, w->new_id, err);
    case UPDATE: return aer__table_update(t, w->table, w->id, w->json, w->json_size, w->new_id, err);
    case DELETE: return aer__table_delete(t, w->table, w->id, err);
    case UPDATE_WHERE:
        return aer__table_update_where(t, w->table, w->where, w->assignments, w->assignment_count, w->count, err);
    case DELETE_WHERE: return aer__table_delete_where(t, w->table, w->where, w->count, err);
    }
    return AER_MISUSE;
}

static int in_txn(aer_txn *txn, const struct wish *w)
{
    struct err err = {0};
    struct table_txn *t = NULL;
    int rc = part_for_write(txn, &t, &err);

    if (rc == AER_OK) rc = carry_out(t, w, &err);
    return aer__db_result(txn->db, rc, &err);
}

/* A transaction of its own. */
static int alone(aer_db *db, const struct wish *w)
{
    struct table_txn *t = NULL;
    struct kv_txn *kv;
    struct err err = {0};
    int rc = aer__kv_begin_write(db->kv, 0, &kv, &err);

    if (rc) return aer__db_result(db, rc, &err);
    rc = aer__tables_begin(db->tables, kv, true, &t, &err);
    if (rc == AER_OK) rc = carry_out(t, w, &err);
    if (rc == AER_OK) return aer__db_result(db, aer__tables_commit(t, &err), &err);
    aer__tables_end(t);
    aer__kv_rollback(kv);
    return aer__db_result(db, rc, &err);
}

/* ---- rows ---- */

static struct wish insert(const char *table, const void *json, size_t size, char *id)
{
    if (id) id[0] = '\0';
    return (struct wish){.verb = INSERT, .table = table, .json = json, .json_size = size, .new_id = id};
}

int aer_insert(aer_db *db, const char *table, const void *json, size_t json_size, char id[AER_ID_SIZE])
{
    struct wish w = insert(table, json, json_size, id);

    return usable(db) && table && json ? alone(db, &w) : AER_MISUSE;
}

int aer_txn_insert(aer_txn *txn, const char *table, const void *json, size_t json_size, char id[AER_ID_SIZE])
{
    struct wish w = insert(table, json, json_size, id);

    return txn && table && json ? in_txn(txn, &w) : AER_MISUSE;
}

static struct wish update(const char *table, const char *id, const void *json, size_t size, char *new_id)
{
    if (new_id) new_id[0] = '\0';
    return (struct wish){.verb = UPDATE, .table = table, .id = id, .json = json, .json_size = size, .new_id = new_id};
}

int aer_update(aer_db *db, const char *table, const char *id, const void *json, size_t json_size, char new_id[AER_ID_SIZE])
{
    struct wish w = update(table, id, json, json_size, new_id);

    return usable(db) && table && id && json ? alone(db, &w) : AER_MISUSE;
}

int aer_txn_update(aer_txn *txn, const char *table, const char *id, const void *json, size_t json_size,
                   char new_id[AER_ID_SIZE])
{
    struct wish w = update(table, id, json, json_size, new_id);

    return txn && table && id && json ? in_txn(txn, &w) : AER_MISUSE;
}

int aer_delete(aer_db *db, const char *table, const char *id)
{
    struct wish w = {.verb = DELETE, .table = table, .id = id};

    return usable(db) && table && id ? alone(db, &w) : AER_MISUSE;
}

int aer_txn_delete(aer_txn *txn, const char *table, const char *id)
{
    struct wish w = {.verb = DELETE, .table = table, .id = id};

    return txn && table && id ? in_txn(txn, &w) : AER_MISUSE;
}

static int row(aer_db *db, struct table_txn *t, const char *table, const char *id, void **json, size_t *json_size,
               struct err *err)
{
    struct buf text = {0};
    int rc = aer__table_row(db->tables, t, table, id, &text, err);

    if (rc) {
        aer__buf_release(&text);
        return rc;
    }
    *json = text.data;
    *json_size = text.size;
    return AER_OK;
}

int aer_row(aer_db *db, const char *table, const char *id, void **json, size_t *json_size)
{
    struct err err = {0};

    if (!json || !json_size) return AER_MISUSE;
    *json = NULL;
    *json_size = 0;
    if (!usable(db) || !table || !id) return AER_MISUSE;
    return aer__db_result(db, row(db, NULL, table, id, json, json_size, &err), &err);
}

int aer_txn_row(aer_txn *txn, const char *table, const char *id, void **json, size_t *json_size)
{
    struct err err = {0};
    struct table_txn *t = NULL;
    int rc;

    if (!json || !json_size) return AER_MISUSE;
    *json = NULL;
    *json_size = 0;
    if (!txn || !table || !id) return AER_MISUSE;
    rc = part_of(txn, &t, &err);
    if (rc == AER_OK) rc = row(txn->db, t, table, id, json, json_size, &err);
    return aer__db_result(txn->db, rc, &err);
}

int aer_rows_open(aer_txn *txn, const char *table, const aer_row_range *given, aer_rows **out)
{
    aer_row_range range = {0};
    struct err err = {0};
    struct table_txn *t = NULL;
    aer_rows *rows;
    int rc = AER_OK;

    if (!out) return AER_MISUSE;
    *out = NULL;
    if (!txn || !table) return AER_MISUSE;
    if (given && (given->size == 0 || given->size > 4096)) rc = aer__err_set(&err, AER_MISUSE, "range.size is not set");
    else if (given) memcpy(&range, given, AER_MIN(given->size, sizeof range));
    rows = aer__calloc(1, sizeof *rows);
    if (rc == AER_OK && !rows) rc = aer__err_nomem(&err);
    if (rc == AER_OK) rc = part_of(txn, &t, &err);
    if (rc == AER_OK) rc = aer__rows_begin(t, table, &range, &rows->rows, &err);
    if (rc) {
        aer__free(rows);
        return aer__db_result(txn->db, rc, &err);
    }
    rows->txn = txn;
    txn->children++;
    *out = rows;
    return AER_OK;
}

int aer_rows_next(aer_rows *rows, const char **id, aer_slice *json)
{
    struct err err = {0};

    if (!rows || !id || !json) return AER_MISUSE;
    return aer__db_result(rows->txn->db, aer__rows_next(rows->rows, id, json, &err), &err);
}

void aer_rows_close(aer_rows *rows)
{
    if (!rows) return;
    aer__rows_end(rows->rows);
    rows->txn->children--;
    aer__free(rows);
}

int aer_update_where(aer_db *db, aer_txn *txn, const char *table, const char *where, const char *const *assignments,
                     size_t assignment_count, uint64_t *count)
{
    uint64_t unwanted = 0;
    struct wish w = {.verb = UPDATE_WHERE,
                     .table = table,
                     .where = where,
                     .assignments = assignments,
                     .assignment_count = assignment_count,
                     .count = count ? count : &unwanted};

    if (!usable(db) || !table || (!assignments && assignment_count) || (txn && txn->db != db)) return AER_MISUSE;
    return txn ? in_txn(txn, &w) : alone(db, &w);
}

int aer_delete_where(aer_db *db, aer_txn *txn, const char *table, const char *where, uint64_t *count)
{
    uint64_t unwanted = 0;
    struct wish w = {.verb = DELETE_WHERE, .table = table, .where = where, .count = count ? count : &unwanted};

    if (!usable(db) || !table || (txn && txn->db != db)) return AER_MISUSE;
    return txn ? in_txn(txn, &w) : alone(db, &w);
}
