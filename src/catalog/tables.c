/* tables.c -- what aerial.sq3 knows of tables: definitions, files, and the journal of changes to files.
 *
 * A catalogue made before there were tables has none of these. Reading it finds nothing; the first commit that touches a
 * table adds them.
 */
#include "catalog/connection.h"

#include <string.h>

/* AER_NOTFOUND: there are none of these tables yet. */
static int query(struct catalog *c, int q, sqlite3_stmt **stmt, struct err *err)
{
    int step, rc;

    if (c->has_tables) return aer__catalog_stmt(c, q, stmt, err);
    rc = aer__catalog_stmt(c, Q_HAS_TABLES, stmt, err);
    if (rc) return rc;
    step = sqlite3_step(*stmt);
    if (step != SQLITE_ROW && step != SQLITE_DONE) return aer__catalog_fail(c, *stmt, err);
    sqlite3_reset(*stmt);
    if (step == SQLITE_DONE) return AER_NOTFOUND;
    c->has_tables = true;
    return aer__catalog_stmt(c, q, stmt, err);
}

static int finish(struct catalog *c, sqlite3_stmt *stmt, int step, int rc, struct err *err)
{
    if (rc == AER_OK && step != SQLITE_DONE) return aer__catalog_fail(c, stmt, err);
    sqlite3_reset(stmt);
    return rc;
}

static int step_once(struct catalog *c, sqlite3_stmt *stmt, struct err *err)
{
    return finish(c, stmt, sqlite3_step(stmt), AER_OK, err);
}

static void bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
    sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

static int damaged(struct err *err, const char *table)
{
    return aer__err_set(err, AER_CORRUPT, "'%s': a row of '%s' is damaged", LAYOUT_CATALOG, table);
}

/* ---- reading ---- */

int aer__catalog_tables(struct catalog *c, int (*fn)(void *arg, const struct catalog_table *table), void *arg, struct err *err)
{
    sqlite3_stmt *stmt;
    int step, rc = query(c, Q_TABLES, &stmt, err);

    if (rc) return rc == AER_NOTFOUND ? AER_OK : rc;
    while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct catalog_table t = {.id = (uint32_t)sqlite3_column_int64(stmt, 0),
                                  .name = (const char *)sqlite3_column_text(stmt, 1),
                                  .config = (const char *)sqlite3_column_text(stmt, 2),
                                  .prefix = (const char *)sqlite3_column_text(stmt, 3),
                                  .prefix_rows = (uint32_t)sqlite3_column_int64(stmt, 4)};
        if (!t.name || !t.config || !t.prefix)
            rc = aer__sq_column_nomem(stmt) ? aer__err_nomem(err) : damaged(err, "tables");
        else rc = fn(arg, &t);
        if (rc) break;
    }
    return finish(c, stmt, step, rc, err);
}

static void read_file(sqlite3_stmt *stmt, int column, struct catalog_file *file)
{
    file->sum = (uint64_t)sqlite3_column_int64(stmt, column);
    file->size = (uint64_t)sqlite3_column_int64(stmt, column + 1);
    file->mtime_ns = sqlite3_column_int64(stmt, column + 2);
}

int aer__catalog_file(struct catalog *c, uint32_t table, const char *name, struct catalog_file *file, struct err *err)
{
    sqlite3_stmt *stmt;
    int step, rc = query(c, Q_FILE, &stmt, err);

    if (rc) return rc;
    file->name = NULL;
    sqlite3_bind_int64(stmt, 1, table);
    bind_text(stmt, 2, name);
    step = sqlite3_step(stmt);
    if (step == SQLITE_ROW) {
        read_file(stmt, 0, file);
        step = SQLITE_DONE;
    } else {
        rc = step == SQLITE_DONE ? AER_NOTFOUND : AER_OK;
    }
    return finish(c, stmt, step, rc, err);
}

int aer__catalog_files(struct catalog *c, uint32_t table, const char *after, const char *end, size_t limit,
                       int (*fn)(void *arg, const struct catalog_file *file), void *arg, struct err *err)
{
    sqlite3_stmt *stmt;
    int step, rc = query(c, Q_FILES, &stmt, err);

    if (rc) return rc == AER_NOTFOUND ? AER_OK : rc;
    sqlite3_bind_int64(stmt, 1, table);
    bind_text(stmt, 2, after);
    bind_text(stmt, 3, end);
    sqlite3_bind_int64(stmt, 4, (sqlite3_int64)limit);
    while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct catalog_file file = {.name = (const char *)sqlite3_column_text(stmt, 0)};
        read_file(stmt, 1, &file);
        if (!file.name) rc = aer__sq_column_nomem(stmt) ? aer__err_nomem(err) : damaged(err, "files");
        else rc = fn(arg, &file);
        if (rc) break;
    }
    return finish(c, stmt, step, rc, err);
}

int aer__catalog_count_files(struct catalog *c, uint32_t table, const char *after, const char *end, uint64_t *count,
                             struct err *err)
{
    sqlite3_stmt *stmt;
    int step, rc = query(c, Q_COUNT_FILES, &stmt, err);

    *count = 0;
    if (rc) return rc == AER_NOTFOUND ? AER_OK : rc;
    sqlite3_bind_int64(stmt, 1, table);
    bind_text(stmt, 2, after);
    bind_text(stmt, 3, end);
    step = sqlite3_step(stmt);
    if (step == SQLITE_ROW) {
        *count = (uint64_t)sqlite3_column_int64(stmt, 0);
        step = SQLITE_DONE;
    }
    return finish(c, stmt, step, AER_OK, err);
}

int aer__catalog_journal(struct catalog *c, int64_t after_id, int (*fn)(void *arg, const struct catalog_op *op),
                         void *arg, struct err *err)
{
    sqlite3_stmt *stmt;
    int step, rc = query(c, Q_JOURNAL, &stmt, err);

    if (rc) return rc == AER_NOTFOUND ? AER_OK : rc;
    sqlite3_bind_int64(stmt, 1, after_id);
    while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct catalog_op op = {.id = sqlite3_column_int64(stmt, 0),
                                .op = (const char *)sqlite3_column_text(stmt, 1),
                                .path = (const char *)sqlite3_column_text(stmt, 2),
                                .data = sqlite3_column_blob(stmt, 3),
                                .size = (size_t)sqlite3_column_bytes(stmt, 3),
                                .mtime_ns = sqlite3_column_int64(stmt, 4),
                                .has_old = sqlite3_column_type(stmt, 5) == SQLITE_INTEGER,
                                .old = (uint64_t)sqlite3_column_int64(stmt, 5),
                                .sum = (uint64_t)sqlite3_column_int64(stmt, 6)};
        if (!op.data && sqlite3_column_type(stmt, 3) == SQLITE_BLOB) op.data = "";
        if (aer__sq_column_nomem(stmt)) rc = aer__err_nomem(err);
        else if (!op.op || !op.path || (op.data && aer__hash(op.data, op.size) != op.sum)) rc = damaged(err, "journal");
        else rc = fn(arg, &op);
        if (rc) break;
    }
    return finish(c, stmt, step, rc, err);
}

int aer__catalog_journal_last(struct catalog *c, int64_t *id, struct err *err)
{
    sqlite3_stmt *stmt;
    int step, rc = query(c, Q_JOURNAL_LAST, &stmt, err);

    *id = 0;
    if (rc) return rc == AER_NOTFOUND ? AER_OK : rc;
    step = sqlite3_step(stmt);
    if (step == SQLITE_ROW) {
        *id = sqlite3_column_int64(stmt, 0);
        step = SQLITE_DONE;
    }
    return finish(c, stmt, step, AER_OK, err);
}

int aer__catalog_journal_any(struct catalog *c, int64_t after_id, bool *any, struct err *err)
{
    sqlite3_stmt *stmt;
    int step, rc = query(c, Q_JOURNAL_ANY, &stmt, err);

    *any = false;
    if (rc) return rc == AER_NOTFOUND ? AER_OK : rc;
    sqlite3_bind_int64(stmt, 1, after_id);
    step = sqlite3_step(stmt);
    if (step == SQLITE_ROW) {
        *any = true;
        step = SQLITE_DONE;
    }
    return finish(c, stmt, step, AER_OK, err);
}

int aer__catalog_keys(struct catalog *c, uint64_t after_seq, int (*fn)(void *arg, const struct catalog_key *key),
                      void *arg, struct err *err)
{
    sqlite3_stmt *stmt;
    int step, rc = query(c, Q_KEYS, &stmt, err);

    if (rc) return rc == AER_NOTFOUND ? AER_OK : rc;
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)AER_MIN(after_seq, (uint64_t)INT64_MAX));
    while ((step = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct catalog_key key = {.seq = (uint64_t)sqlite3_column_int64(stmt, 0),
                                  .key = sqlite3_column_blob(stmt, 1),
                                  .key_size = (size_t)sqlite3_column_bytes(stmt, 1),
                                  .value = sqlite3_column_blob(stmt, 2),
                                  .value_size = (size_t)sqlite3_column_bytes(stmt, 2),
                                  .meta = (const char *)sqlite3_column_text(stmt, 3),
                                  .meta_size = (size_t)sqlite3_column_bytes(stmt, 3),
                                  .expires_ms = sqlite3_column_int64(stmt, 4),
                                  .part = sqlite3_column_int(stmt, 5)};
        if (!key.key) key.key = "";
        if (!key.value && sqlite3_column_type(stmt, 2) != SQLITE_NULL) key.value = "";
        rc = aer__sq_column_nomem(stmt) ? aer__err_nomem(err) : fn(arg, &key);
        if (rc) break;
    }
    return finish(c, stmt, step, rc, err);
}

/* ---- writing ---- */

int aer__catalog_need_tables(struct catalog *c, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = query(c, Q_JOURNAL_LAST, &stmt, err);

    if (rc == AER_NOTFOUND) rc = aer__sq_exec(c->db, LAYOUT_CATALOG, CATALOG_TABLES_SCHEMA, err);
    return rc;
}

int aer__catalog_set_table(struct catalog *c, const struct catalog_table *table, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_SET_TABLE, &stmt, err);

    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, table->id);
    bind_text(stmt, 2, table->name);
    bind_text(stmt, 3, table->config);
    bind_text(stmt, 4, table->prefix);
    sqlite3_bind_int64(stmt, 5, table->prefix_rows);
    return step_once(c, stmt, err);
}

int aer__catalog_set_prefix(struct catalog *c, uint32_t id, const char *prefix, uint32_t prefix_rows, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_SET_PREFIX, &stmt, err);

    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, id);
    bind_text(stmt, 2, prefix);
    sqlite3_bind_int64(stmt, 3, prefix_rows);
    return step_once(c, stmt, err);
}

int aer__catalog_remove_table(struct catalog *c, uint32_t id, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_remove_files(c, id, "", "\x7f", err);

    if (rc == AER_OK) rc = aer__catalog_stmt(c, Q_REMOVE_TABLE, &stmt, err);
    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, id);
    return step_once(c, stmt, err);
}

int aer__catalog_set_file(struct catalog *c, uint32_t table, const struct catalog_file *file, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_SET_FILE, &stmt, err);

    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, table);
    bind_text(stmt, 2, file->name);
    sqlite3_bind_int64(stmt, 3, (sqlite3_int64)file->sum);
    sqlite3_bind_int64(stmt, 4, (sqlite3_int64)file->size);
    sqlite3_bind_int64(stmt, 5, file->mtime_ns);
    return step_once(c, stmt, err);
}

int aer__catalog_remove_file(struct catalog *c, uint32_t table, const char *name, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_REMOVE_FILE, &stmt, err);

    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, table);
    bind_text(stmt, 2, name);
    return step_once(c, stmt, err);
}

int aer__catalog_remove_files(struct catalog *c, uint32_t table, const char *after, const char *end, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_REMOVE_FILES, &stmt, err);

    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, table);
    bind_text(stmt, 2, after);
    bind_text(stmt, 3, end);
    return step_once(c, stmt, err);
}

int aer__catalog_journal_add(struct catalog *c, const struct catalog_op *op, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_JOURNAL_ADD, &stmt, err);

    if (rc) return rc;
    bind_text(stmt, 1, op->op);
    bind_text(stmt, 2, op->path);
    if (op->data) sqlite3_bind_blob64(stmt, 3, op->data, op->size, SQLITE_STATIC);
    else sqlite3_bind_null(stmt, 3);
    sqlite3_bind_int64(stmt, 4, op->mtime_ns);
    if (op->has_old) sqlite3_bind_int64(stmt, 5, (sqlite3_int64)op->old);
    else sqlite3_bind_null(stmt, 5);
    sqlite3_bind_int64(stmt, 6, (sqlite3_int64)op->sum);
    return step_once(c, stmt, err);
}

int aer__catalog_journal_key(struct catalog *c, const struct catalog_key *key, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_KEYS_ADD, &stmt, err);

    if (rc) return rc;
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)key->seq);
    sqlite3_bind_blob64(stmt, 2, key->key, key->key_size, SQLITE_STATIC);
    if (key->value) sqlite3_bind_blob64(stmt, 3, key->value, key->value_size, SQLITE_STATIC);
    else sqlite3_bind_null(stmt, 3);
    if (key->meta) sqlite3_bind_text64(stmt, 4, key->meta, key->meta_size, SQLITE_STATIC, SQLITE_UTF8);
    else sqlite3_bind_null(stmt, 4);
    sqlite3_bind_int64(stmt, 5, key->expires_ms);
    sqlite3_bind_int(stmt, 6, key->part);
    return step_once(c, stmt, err);
}

int aer__catalog_journal_clear(struct catalog *c, struct err *err)
{
    int rc = aer__catalog_run(c, Q_JOURNAL_CLEAR, err);

    return rc ? rc : aer__catalog_run(c, Q_KEYS_CLEAR, err);
}

/* ---- records of gdbm files ---- */

/* The epoch stands among the files, under a table that cannot be. */
#define EPOCH "records"

int aer__catalog_records_epoch(struct catalog *c, uint64_t *epoch, struct err *err)
{
    struct catalog_file file = {0};
    int rc = aer__catalog_file(c, 0, EPOCH, &file, err);

    *epoch = rc == AER_OK ? file.sum : 0;
    return rc == AER_NOTFOUND ? AER_OK : rc;
}

static int advance_epoch(struct catalog *c, struct err *err)
{
    struct catalog_file file = {.name = EPOCH};
    int rc = aer__catalog_records_epoch(c, &file.sum, err);

    file.sum++;
    return rc ? rc : aer__catalog_set_file(c, 0, &file, err);
}

int aer__catalog_records_clear(struct catalog *c, const char *after, const char *end, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_RECORDS_CLEAR, &stmt, err);

    if (rc) return rc;
    bind_text(stmt, 1, after);
    bind_text(stmt, 2, end);
    rc = step_once(c, stmt, err);
    return rc ? rc : advance_epoch(c, err);
}

int aer__catalog_records_move(struct catalog *c, const char *after, const char *end, const char *to, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = aer__catalog_stmt(c, Q_RECORDS_MOVE, &stmt, err);

    if (rc) return rc;
    bind_text(stmt, 1, after);
    bind_text(stmt, 2, end);
    bind_text(stmt, 3, to);
    rc = step_once(c, stmt, err);
    return rc ? rc : advance_epoch(c, err);
}
