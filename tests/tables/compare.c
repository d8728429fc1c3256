/* compare.c -- rows, scans, definitions and keys through the public interface; see compare.h. Files are in files.c. */
#include "compare.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "moves.h"
#include "testing.h"

static bool differs(char reason[REASON], const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool differs(char reason[REASON], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(reason, REASON, format, args);
    va_end(args);
    return false;
}

/* ---- one row or key ------------------------------------------------------------------------ */

static bool same_text(const struct row *row, const void *json, size_t size, char reason[REASON])
{
    static _Thread_local char text[TEXT_MAX];
    size_t expected = row_text(row, text);

    if (size == expected && memcmp(json, text, size) == 0) return true;
    return differs(reason, "row %s is %.*s, not %.*s", row->id, (int)AER_MIN(size, (size_t)400), (const char *)json,
                   (int)AER_MIN(expected, (size_t)400), text);
}

bool compare_row(aer_db *db, aer_txn *txn, const struct table *t, const char *id, const struct row *expected,
                 char reason[REASON])
{
    void *json = NULL;
    size_t size = 0;
    int rc = txn ? aer_txn_row(txn, t->name, id, &json, &size) : aer_row(db, t->name, id, &json, &size);
    bool same;

    if (rc != (expected ? AER_OK : AER_NOTFOUND))
        return differs(reason, "row %s of %s: code %d (%s)", id, t->name, rc, rc > AER_NOTFOUND ? aer_errmsg(db) : "");
    same = !expected || same_text(expected, json, size, reason);
    aer_free(json);
    return same;
}

bool compare_key(aer_db *db, aer_txn *txn, const struct shadow *s, int key, char reason[REASON])
{
    char name[KEY_NAME];
    unsigned char value[KEY_VALUE];
    uint64_t number = 0;
    size_t size = 0, name_size = key_name(name, key);
    int rc = txn ? aer_txn_get_into(txn, name, name_size, value, sizeof value, &size)
                 : aer_get_into(db, name, name_size, value, sizeof value, &size);

    if (rc != (s->keys[key] ? AER_OK : AER_NOTFOUND))
        return differs(reason, "key %s: code %d (%s), number %" PRIu64 " expected", name, rc, aer_errmsg(db), s->keys[key]);
    if (rc) return true;
    memcpy(&number, value, sizeof number);
    if (number == s->keys[key] && size == key_value_size(number)) return true;
    return differs(reason, "key %s is %" PRIu64 ", not %" PRIu64, name, number, s->keys[key]);
}

/* ---- scans --------------------------------------------------------------------------------- */

static size_t bound_text(const struct index *index, const struct field *fields, unsigned count, char *text)
{
    char *at = text;

    if (index->path_count == 1) return field_text(fields, text);
    *at++ = '[';
    for (unsigned i = 0; i < count; i++) {
        if (i) *at++ = ',';
        at += field_text(&fields[i], at);
    }
    *at++ = ']';
    *at = '\0';
    return (size_t)(at - text);
}

static bool walk(aer_db *db, aer_rows *rows, const struct row *const *expected, int flags, size_t limit, char reason[REASON])
{
    for (size_t i = 0; i < limit; i++) {
        const char *id;
        aer_slice json;
        int rc = aer_rows_next(rows, &id, &json);

        if (rc == AER_DONE && !expected[i]) return true;
        if (rc != AER_OK)
            return differs(reason, "row %zu, %s: code %d (%s)", i, expected[i] ? expected[i]->id : "the end", rc,
                           rc > AER_DONE ? aer_errmsg(db) : "");
        if (!expected[i]) return differs(reason, "row %zu is %s, and there should be no more", i, id);
        if (strcmp(id, expected[i]->id) != 0) return differs(reason, "row %zu is %s, not %s", i, id, expected[i]->id);
        if (!(flags & AER_KEYS_ONLY) && !same_text(expected[i], json.data, json.size, reason)) return false;
    }
    return true;
}

bool compare_scan(aer_db *db, aer_txn *txn, const struct table *t, const struct index *index, const struct bounds *b,
                  int flags, size_t limit, char reason[REASON])
{
    char from[1024], to[1024], why[REASON];
    size_t count;
    const struct row **expected = shadow_scan(t, index, b, flags & AER_REVERSE, &count);
    aer_row_range range = {.size = sizeof range, .index = index ? index->name : NULL, .flags = flags};
    aer_rows *rows = NULL;
    bool same;
    int rc;

    if (index && b->from_count) bound_text(index, b->from, b->from_count, from), range.from = from;
    if (index && b->to_count) bound_text(index, b->to, b->to_count, to), range.to = to;
    if (index) range.prefix = b->prefix;
    if (index && b->after) range.flags |= AER_AFTER_FROM;
    if (index && b->upto) range.flags |= AER_UPTO_TO;
    rc = aer_rows_open(txn, t->name, &range, &rows);
    same = rc ? differs(why, "open: code %d, %s", rc, aer_errmsg(db)) : walk(db, rows, expected, flags, limit, why);
    aer_rows_close(rows);
    free(expected);
    if (same) return true;
    return differs(reason, "%s by %s, from %s%s to %s%s, prefix %s, flags %d, of %zu rows: %s", t->name,
                   index ? index->name : "id", range.from ? from : "-", b && b->after ? " (after)" : "", range.to ? to : "-",
                   b && b->upto ? " (upto)" : "", range.prefix ? range.prefix : "-", flags, count, why);
}

bool compare_table(aer_db *db, aer_txn *txn, const struct table *t, char reason[REASON])
{
    const struct bounds all = {.from_count = 0};
    bool same = compare_scan(db, txn, t, NULL, &all, 0, SIZE_MAX, reason);

    for (unsigned i = 0; same && i < t->index_count; i++) {
        same = compare_scan(db, txn, t, &t->indexes[i], &all, AER_KEYS_ONLY, SIZE_MAX, reason) &&
               compare_scan(db, txn, t, &t->indexes[i], &all, AER_KEYS_ONLY | AER_REVERSE, SIZE_MAX, reason);
    }
    return same;
}

/* ---- definitions --------------------------------------------------------------------------- */

static bool same_index(const aer_index_def *def, const struct index *index)
{
    int flags = index->unique ? AER_UNIQUE : 0;

    if (strcmp(def->name, index->name) != 0 || def->column_count != index->path_count) return false;
    if ((def->flags & AER_UNIQUE) != flags) return false;
    for (unsigned i = 0; i < index->path_count; i++) {
        char text[8];

        path_text(&index->paths[i], text);
        if (strcmp(text, def->columns[i]) != 0) return false;
    }
    return true;
}

static bool same_definition(const aer_table_def *def, const struct table *t)
{
    size_t columns;
    bool same;

    form_columns(t->form, &columns);
    same = strcmp(def->name, t->name) == 0 && def->storage == t->storage && def->column_count == columns &&
           def->index_count == t->index_count;
    for (unsigned i = 0; same && i < t->index_count; i++) same = same_index(&def->indexes[i], &t->indexes[i]);
    return same;
}

static bool compare_definition(aer_db *db, const struct table *t, char reason[REASON])
{
    aer_table_def *def = NULL;
    int rc = aer_table_get(db, t->name, &def);
    bool same = rc ? differs(reason, "table %s: code %d, %s", t->name, rc, aer_errmsg(db))
                   : same_definition(def, t) || differs(reason, "table %s has another definition", t->name);

    aer_free(def);
    return same;
}

struct listing {
    const struct shadow *s;
    unsigned found;
    char unknown[NAME];
};

static int see_table(void *arg, const char *name)
{
    struct listing *l = arg;

    for (int i = 0; i < TABLES; i++) {
        if (strcmp(l->s->tables[i].name, name) != 0) continue;
        l->found |= 1u << i;
        return 0;
    }
    snprintf(l->unknown, sizeof l->unknown, "%.20s", name);
    return 0;
}

static bool compare_list(aer_db *db, const struct shadow *s, char reason[REASON])
{
    struct listing l = {.s = s};
    int rc = aer_tables(db, see_table, &l);

    if (rc) return differs(reason, "list of tables: code %d, %s", rc, aer_errmsg(db));
    if (l.unknown[0]) return differs(reason, "there is a table %s", l.unknown);
    for (int i = 0; i < TABLES; i++) {
        if (!s->tables[i].name[0]) continue;
        if (!(l.found & 1u << i)) return differs(reason, "there is no table %s", s->tables[i].name);
        if (!compare_definition(db, &s->tables[i], reason)) return false;
    }
    return true;
}

bool compare_all(aer_db *db, const struct shadow *s, char reason[REASON])
{
    aer_txn *txn = NULL;
    bool same = compare_list(db, s, reason);
    int rc = same ? aer_begin(db, AER_READ, &txn) : AER_OK;

    if (rc) return differs(reason, "begin to read: code %d, %s", rc, aer_errmsg(db));
    for (int i = 0; same && i < TABLES; i++)
        if (s->tables[i].name[0]) same = compare_table(db, txn, &s->tables[i], reason);
    for (int i = 0; same && i < KEYS; i++) same = compare_key(db, txn, s, i, reason);
    aer_rollback(txn);
    return same;
}
