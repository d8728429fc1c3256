/* where.c -- update and delete the rows an SQL expression chooses.
 *
 * The expression is evaluated by SQLite, in a database in memory that holds nothing, once a row, with the row's columns as
 * parameters. An authorizer lets it do no more than compute: a text is an expression or it is refused.
 */
#include "sqlite/sq.h"
#include "table/inside.h"

#include <math.h>
#include <string.h>

struct chooser {
    sqlite3 *db;
    sqlite3_stmt *stmt; /* SELECT (where), (expr), ... FROM (SELECT ?1 AS _id, ?2 AS _row, ?3 AS "name", ...) */
    size_t columns;     /* of the table, as parameters */
    size_t assignments;
    char **names; /* what is assigned to */
};

static int only_compute(void *arg, int action, const char *a, const char *b, const char *c, const char *d)
{
    (void)arg, (void)a, (void)c, (void)d;
    if (action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_RECURSIVE) return SQLITE_OK;
    if (action == SQLITE_FUNCTION) return b && strcmp(b, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
    return SQLITE_DENY;
}

static int append(struct buf *to, const char *text, struct err *err)
{
    return aer__buf_append(to, text, strlen(text)) ? aer__err_nomem(err) : AER_OK;
}

/* A name in double quotes; ours have none within. */
static int append_columns(struct buf *sql, const struct table *t, struct err *err)
{
    char number[48];
    int rc = append(sql, " FROM (SELECT ?1 AS _id, ?2 AS _row", err);

    for (size_t i = 0; rc == AER_OK && i < t->column_count; i++) {
        snprintf(number, sizeof number, ", ?%zu AS \"", i + 3);
        rc = append(sql, number, err);
        if (rc == AER_OK) rc = append(sql, t->columns[i].name, err);
        if (rc == AER_OK) rc = append(sql, "\"", err);
    }
    return rc ? rc : append(sql, ")", err);
}

static int prepare(struct chooser *c, const char *sql, sqlite3_stmt **stmt, const char *what, const char *text,
                   struct err *err)
{
    const char *tail = NULL;
    int rc = sqlite3_prepare_v2(c->db, sql, -1, stmt, &tail);

    if (rc == SQLITE_NOMEM) return aer__err_nomem(err);
    if (rc != SQLITE_OK) return aer__err_set(err, AER_INVALID, "%s '%.200s': %s", what, text, sqlite3_errmsg(c->db));
    return AER_OK;
}

/* Alone between parentheses it must be one expression: "1) FROM (SELECT 2" is none. A comment must not swallow what is ours. */
static int check_alone(struct chooser *c, const struct table *t, const char *what, const char *text, struct err *err)
{
    static const char *const frame[][2] = {{"SELECT (", "\n)"}, {"SELECT ((", "\n))"}};
    int rc = AER_OK;

    for (size_t i = 0; rc == AER_OK && i < AER_COUNT(frame); i++) {
        struct buf sql = {0};
        sqlite3_stmt *stmt = NULL;
        rc = append(&sql, frame[i][0], err);
        if (rc == AER_OK) rc = append(&sql, text, err);
        if (rc == AER_OK) rc = append(&sql, frame[i][1], err);
        if (rc == AER_OK) rc = append_columns(&sql, t, err);
        if (rc == AER_OK && aer__buf_append(&sql, "", 1)) rc = aer__err_nomem(err);
        if (rc == AER_OK) rc = prepare(c, (const char *)sql.data, &stmt, what, text, err);
        if (rc == AER_OK &&
            (!stmt || sqlite3_column_count(stmt) != 1 || sqlite3_bind_parameter_count(stmt) != (int)t->column_count + 2))
            rc = aer__err_set(err, AER_INVALID, "%s '%.200s' is no SQL expression", what, text);
        sqlite3_finalize(stmt);
        aer__buf_release(&sql);
    }
    return rc;
}

/* "column=EXPR": *name is the caller's. */
static int split(const struct table *t, const char *assignment, char **name, const char **expr, struct err *err)
{
    const char *equal = strchr(assignment, '=');
    size_t size = equal ? (size_t)(equal - assignment) : 0;

    while (size && assignment[size - 1] == ' ') size--;
    if (size == 0) return aer__err_set(err, AER_INVALID, "'%.200s' is not COLUMN=EXPRESSION", assignment);
    if (t->column_count && !aer__def_column(t, assignment, size))
        return aer__err_set(err, AER_NOTABLE, "table '%s' has no column '%.*s'", t->name,
                            (int)AER_MIN(size, (size_t)100), assignment);
    *name = aer__memdup(assignment, size);
    *expr = equal + 1;
    return *name ? AER_OK : aer__err_nomem(err);
}

static void release(struct chooser *c)
{
    for (size_t i = 0; c->names && i < c->assignments; i++) aer__free(c->names[i]);
    aer__free(c->names);
    sqlite3_finalize(c->stmt);
    sqlite3_close(c->db);
}

static int add_expression(struct chooser *c, const struct table *t, struct buf *sql, const char *what, const char *text,
                          struct err *err)
{
    int rc = check_alone(c, t, what, text, err);

    if (rc == AER_OK) rc = append(sql, "(", err);
    if (rc == AER_OK) rc = append(sql, text, err);
    return rc ? rc : append(sql, "\n)", err);
}

static int choose(struct chooser *c, const struct table *t, const char *where, const char *const *assignments,
                  size_t count, struct err *err)
{
    struct buf sql = {0};
    int rc = aer__sq_open_memory(&c->db, err);

    if (rc) return rc;
    sqlite3_set_authorizer(c->db, only_compute, NULL);
    c->columns = t->column_count;
    c->names = aer__calloc(count + 1, sizeof *c->names);
    rc = c->names ? append(&sql, "SELECT ", err) : aer__err_nomem(err);
    c->assignments = count;
    if (rc == AER_OK) rc = add_expression(c, t, &sql, "where", where ? where : "1", err);
    for (size_t i = 0; rc == AER_OK && i < count; i++) {
        const char *expr = "";
        rc = split(t, assignments[i], &c->names[i], &expr, err);
        if (rc == AER_OK) rc = append(&sql, ", ", err);
        if (rc == AER_OK) rc = add_expression(c, t, &sql, "set", expr, err);
    }
    if (rc == AER_OK) rc = append_columns(&sql, t, err);
    if (rc == AER_OK && aer__buf_append(&sql, "", 1)) rc = aer__err_nomem(err);
    if (rc == AER_OK) rc = prepare(c, (const char *)sql.data, &c->stmt, "where", where ? where : "1", err);
    aer__buf_release(&sql);
    return rc;
}

/* ---- a row in, its new values out ---- */

static int bind_value(sqlite3_stmt *stmt, int at, const json_t *value, struct err *err)
{
    struct buf text = {0};
    int rc = AER_OK;

    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_NULL: sqlite3_bind_null(stmt, at); break;
    case JSON_FALSE:
    case JSON_TRUE: sqlite3_bind_int(stmt, at, json_is_true(value)); break;
    case JSON_INTEGER: sqlite3_bind_int64(stmt, at, json_integer_value(value)); break;
    case JSON_REAL: sqlite3_bind_double(stmt, at, json_real_value(value)); break;
    case JSON_STRING:
        sqlite3_bind_text64(stmt, at, json_string_value(value), json_string_length(value), SQLITE_STATIC, SQLITE_UTF8);
        break;
    default:
        rc = aer__json_write(&text, value, err);
        if (rc == AER_OK && sqlite3_bind_text64(stmt, at, (const char *)text.data, text.size, SQLITE_TRANSIENT, SQLITE_UTF8))
            rc = aer__err_nomem(err);
    }
    aer__buf_release(&text);
    return rc;
}

static int column_json(sqlite3_stmt *stmt, int at, const struct column *c, json_t **value, struct err *err)
{
    int type = c ? c->type : 0, rc = AER_OK;
    const char *text;

    *value = NULL;
    switch (sqlite3_column_type(stmt, at)) {
    case SQLITE_NULL: *value = json_null(); break;
    case SQLITE_INTEGER:
        if (type == AER_BOOL && (sqlite3_column_int64(stmt, at) == 0 || sqlite3_column_int64(stmt, at) == 1))
            *value = json_boolean(sqlite3_column_int64(stmt, at));
        else *value = json_integer(sqlite3_column_int64(stmt, at));
        break;
    case SQLITE_FLOAT:
        if (!isfinite(sqlite3_column_double(stmt, at)))
            return aer__err_set(err, AER_INVALID, "column '%s': JSON has no infinity", c ? c->name : "");
        *value = json_real(sqlite3_column_double(stmt, at));
        break;
    case SQLITE_TEXT:
        text = (const char *)sqlite3_column_text(stmt, at);
        if (text && type == AER_JSON) {
            rc = aer__json_read(text, (size_t)sqlite3_column_bytes(stmt, at), value, err);
            if (rc == AER_INVALID) aer__err_prefix(err, "column '%s'", c->name);
        } else if (text) {
            *value = json_stringn_nocheck(text, (size_t)sqlite3_column_bytes(stmt, at));
        }
        break;
    default: return aer__err_set(err, AER_INVALID, "column '%s': a blob is no JSON", c ? c->name : "");
    }
    if (rc) return rc;
    return *value ? AER_OK : aer__err_nomem(err);
}

static int assign(struct chooser *c, const struct table *t, json_t *row, struct err *err)
{
    int rc = AER_OK;

    for (size_t i = 0; rc == AER_OK && i < c->assignments; i++) {
        const struct column *column = aer__def_column(t, c->names[i], strlen(c->names[i]));
        json_t *value;
        rc = column_json(c->stmt, (int)i + 1, column, &value, err);
        if (rc == AER_OK && json_object_set_new_nocheck(row, c->names[i], value)) rc = aer__err_nomem(err);
    }
    return rc;
}

/* AER_OK: chosen, and the new row's text is in TO. AER_DONE: not chosen. */
static int evaluate(struct chooser *c, const struct table *t, const char *id, const aer_slice *json, struct buf *to,
                    struct err *err)
{
    json_t *row = NULL;
    int rc = aer__json_read(json->data, json->size, &row, err);

    if (rc) return rc;
    sqlite3_bind_text(c->stmt, 1, id, -1, SQLITE_STATIC);
    sqlite3_bind_text64(c->stmt, 2, json->data, json->size - 1, SQLITE_STATIC, SQLITE_UTF8);
    for (size_t i = 0; rc == AER_OK && i < c->columns; i++)
        rc = bind_value(c->stmt, (int)i + 3, json_object_get(row, t->columns[i].name), err);
    if (rc == AER_OK && sqlite3_step(c->stmt) != SQLITE_ROW) {
        rc = sqlite3_errcode(c->db) == SQLITE_NOMEM
                 ? aer__err_nomem(err)
                 : aer__err_set(err, AER_INVALID, "row %s: %s", id, sqlite3_errmsg(c->db));
    }
    if (rc == AER_OK && (sqlite3_column_type(c->stmt, 0) == SQLITE_NULL || sqlite3_column_double(c->stmt, 0) == 0))
        rc = AER_DONE;
    if (rc == AER_OK) rc = assign(c, t, row, err);
    if (rc == AER_OK) rc = aer__json_write(to, row, err); /* and looks whether all is UTF-8 */
    sqlite3_reset(c->stmt);
    sqlite3_clear_bindings(c->stmt);
    json_decref(row);
    return rc;
}

/* ---- all rows ---- */

/* What is to be done, gathered before anything is: a row that was updated must not be met again. */
struct plan {
    struct buf ids;   /* 21 bytes each */
    struct buf texts; /* size, then as many bytes */
    size_t count;
};

static int remember(struct plan *p, const char *id, const struct buf *text, struct err *err)
{
    size_t size = text->size;

    if (aer__buf_append(&p->ids, id, LAYOUT_ROW_ID_SIZE) || aer__buf_append(&p->texts, &size, sizeof size) ||
        aer__buf_append(&p->texts, text->data, size))
        return aer__err_nomem(err);
    p->count++;
    return AER_OK;
}

static int gather(struct table_txn *t, struct chooser *c, const struct table *table, struct plan *p, struct err *err)
{
    struct buf text = {0};
    struct rows *rows;
    const char *id;
    aer_slice json;
    int rc = aer__rows_begin(t, table->name, NULL, &rows, err);

    if (rc) return rc;
    while ((rc = aer__rows_next(rows, &id, &json, err)) == AER_OK) {
        text.size = 0;
        rc = evaluate(c, table, id, &json, &text, err);
        if (rc == AER_OK) rc = remember(p, id, &text, err);
        if (rc && rc != AER_DONE) break;
    }
    aer__rows_end(rows);
    aer__buf_release(&text);
    return rc == AER_DONE ? AER_OK : rc;
}

static int carry_out(struct table_txn *t, const char *table, bool update, const struct plan *p, struct err *err)
{
    const unsigned char *text = p->texts.data;
    int rc = AER_OK;
    size_t i;

    for (i = 0; rc == AER_OK && i < p->count; i++) {
        const char *id = (const char *)p->ids.data + i * LAYOUT_ROW_ID_SIZE;
        size_t size;
        memcpy(&size, text, sizeof size);
        text += sizeof size;
        rc = update ? aer__table_update(t, table, id, text, size, NULL, err) : aer__table_delete(t, table, id, err);
        text += size;
        if (rc == AER_NOTFOUND) rc = aer__err_set(err, AER_CORRUPT, "row %s of table '%s' is gone", id, table);
        if (rc) aer__err_prefix(err, "row %s", id);
    }
    if (rc && i > 1) aer__tables_fail(t, rc, err); /* those before it are done */
    return rc;
}

/* A copy of the definition, which stays while the rows are gone through. */
static int copy_table(struct table_txn *t, const char *name, struct table **copy, struct err *err)
{
    struct table *table;
    int rc = aer__tables_enter(t->tables, t, name, &table, err);

    *copy = NULL;
    if (rc) return rc;
    rc = aer__def_read(t->tables, name, table->config, strlen(table->config), copy, err);
    aer__tables_leave(t->tables, t);
    return rc;
}

static int run(struct table_txn *t, const char *name, const char *where, const char *const *assignments,
               size_t assignment_count, bool update, uint64_t *count, struct err *err)
{
    struct chooser c = {0};
    struct plan p = {0};
    struct table *copy;
    int rc = copy_table(t, name, &copy, err);

    *count = 0;
    if (rc) return rc;
    rc = choose(&c, copy, where, assignments, assignment_count, err);
    if (rc == AER_OK) rc = gather(t, &c, copy, &p, err);
    if (rc == AER_OK) rc = carry_out(t, name, update, &p, err);
    if (rc == AER_OK) *count = p.count;
    aer__buf_release(&p.ids);
    aer__buf_release(&p.texts);
    release(&c);
    aer__def_free(copy);
    return rc;
}

int aer__table_update_where(struct table_txn *t, const char *table, const char *where, const char *const *assignments,
                            size_t assignment_count, uint64_t *count, struct err *err)
{
    if (assignment_count == 0) return aer__err_set(err, AER_INVALID, "nothing to set");
    return run(t, table, where, assignments, assignment_count, true, count, err);
}

int aer__table_delete_where(struct table_txn *t, const char *table, const char *where, uint64_t *count, struct err *err)
{
    return run(t, table, where, NULL, 0, false, count, err);
}
