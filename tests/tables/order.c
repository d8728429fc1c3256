/* order.c -- the text of rows, and the order of index keys, worked out without the library; see shadow.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shadow.h"
#include "testing.h"

/* ---- text ---------------------------------------------------------------------------------- */

static size_t string_text(const char *s, char *text)
{
    char *at = text;

    *at++ = '"';
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') *at++ = '\\', *at++ = *s;
        else if (*s == '\n') *at++ = '\\', *at++ = 'n';
        else if ((unsigned char)*s < 0x20) at += sprintf(at, "\\u%04x", (unsigned)*s);
        else *at++ = *s;
    }
    *at++ = '"';
    *at = '\0';
    return (size_t)(at - text);
}

static size_t scalar_text(const struct scalar *s, char *text)
{
    static const char *const parts[] = {".0", ".25", ".5", ".75"};
    static const char *const words[] = {[IS_NULL] = "null", [IS_FALSE] = "false", [IS_TRUE] = "true"};
    unsigned above = (unsigned)abs(s->quarters);

    switch (s->kind) {
    case IS_INT: return (size_t)sprintf(text, "%d", s->quarters / 4);
    case IS_REAL: return (size_t)sprintf(text, "%s%u%s", s->quarters < 0 ? "-" : "", above / 4, parts[above % 4]);
    case IS_TEXT: return string_text(s->text, text);
    default: return (size_t)sprintf(text, "%s", words[s->kind]);
    }
}

size_t field_text(const struct field *f, char *text)
{
    bool list = f->self.kind == IS_LIST;
    char *at = text;

    if (f->self.kind < IS_LIST) return scalar_text(&f->self, text);
    *at++ = list ? '[' : '{';
    if (f->x.kind) {
        at += sprintf(at, "%s", list ? "" : "\"x\":");
        at += scalar_text(&f->x, at);
    }
    if (f->y.kind) {
        at += sprintf(at, "%s%s", f->x.kind ? "," : "", list ? "" : "\"y\":");
        at += scalar_text(&f->y, at);
    }
    *at++ = list ? ']' : '}';
    *at = '\0';
    return (size_t)(at - text);
}

size_t path_text(const struct path *p, char *text)
{
    return (size_t)sprintf(text, p->member ? "%c.%c" : "%c", 'a' + p->field, p->member);
}

size_t row_text(const struct row *row, char text[TEXT_MAX])
{
    char *at = text;

    *at++ = '{';
    for (int i = 0; i < FIELDS; i++) {
        if (row->fields[i].self.kind == NOTHING) continue;
        at += sprintf(at, "%s\"%c\":", at == text + 1 ? "" : ",", 'a' + i);
        at += field_text(&row->fields[i], at);
    }
    if (row->filling > -2) at += sprintf(at, "%s\"z\":", at == text + 1 ? "" : ",");
    if (row->filling == -1) at += sprintf(at, "null");
    if (row->filling >= 0) {
        *at++ = '"';
        memset(at, 'z', (size_t)row->filling);
        at += row->filling;
        *at++ = '"';
    }
    memcpy(at, "}\n", 3);
    return (size_t)(at + 2 - text);
}

/* ---- columns ------------------------------------------------------------------------------- */

const aer_column *form_columns(int form, size_t *count)
{
    static const aer_column columns[] = {{"a", AER_INT, 0, NULL},    {"b", AER_STR, AER_NOTNULL, "\"b0\""},
                                         {"c", AER_FLOAT, 0, "1.5"}, {"d", AER_BOOL, 0, "null"},
                                         {"e", AER_JSON, 0, NULL},   {"z", AER_STR, 0, NULL}};
    static const aer_column keyed[] = {{"a", AER_INT, AER_PK, NULL}, {"b", AER_STR, AER_UNIQUE, NULL},
                                       {"c", AER_FLOAT, 0, "1.5"},   {"d", AER_BOOL, 0, "null"},
                                       {"e", AER_JSON, 0, NULL},     {"z", AER_STR, 0, NULL}};

    *count = form == FORM_FREE ? 0 : AER_COUNT(columns);
    return form == FORM_FREE ? NULL : form == FORM_COLUMNS ? columns : keyed;
}

void row_complete(struct row *row, int form)
{
    if (form == FORM_FREE) return;
    if (row->fields[1].self.kind == NOTHING && form == FORM_COLUMNS)
        row->fields[1].self = (struct scalar){.kind = IS_TEXT, .text = "b0"};
    if (row->fields[2].self.kind == NOTHING) row->fields[2].self = (struct scalar){.kind = IS_REAL, .quarters = 6};
    if (row->fields[2].self.kind == IS_INT) row->fields[2].self.kind = IS_REAL;
    for (int i = 0; i < FIELDS; i++)
        if (row->fields[i].self.kind == NOTHING) row->fields[i].self.kind = IS_NULL;
    if (row->filling == -2) row->filling = -1;
}

/* ---- order --------------------------------------------------------------------------------- */

static int compare_scalars(const struct scalar *a, const struct scalar *b)
{
    int x = a->kind == IS_REAL ? IS_INT : a->kind, y = b->kind == IS_REAL ? IS_INT : b->kind;

    if (x != y) return x < y ? -1 : 1;
    if (x == IS_INT) return (a->quarters > b->quarters) - (a->quarters < b->quarters);
    return x == IS_TEXT ? strcmp(a->text, b->text) : 0;
}

int compare_fields(const struct field *a, const struct field *b)
{
    char one[512], two[512];
    int order = compare_scalars(&a->self, &b->self);

    if (order || a->self.kind < IS_LIST) return order;
    if (a->self.kind == IS_LIST) {
        order = compare_scalars(&a->x, &b->x);
        return order ? order : compare_scalars(&a->y, &b->y);
    }
    field_text(a, one);
    field_text(b, two);
    return strcmp(one, two);
}

void row_key(const struct row *row, const struct index *index, struct field key[PATHS])
{
    for (unsigned i = 0; i < index->path_count; i++) {
        const struct field *f = &row->fields[index->paths[i].field];
        char member = index->paths[i].member;

        key[i] = (struct field){.self.kind = IS_NULL};
        if (!member) key[i] = *f;
        else if (f->self.kind == IS_OBJECT) key[i].self = member == 'x' ? f->x : f->y;
        if (key[i].self.kind == NOTHING) key[i].self.kind = IS_NULL;
    }
}

static int compare_keys(const struct field *a, const struct field *b, unsigned count)
{
    int order = 0;

    for (unsigned i = 0; !order && i < count; i++) order = compare_fields(&a[i], &b[i]);
    return order;
}

static bool has_null(const struct field *key, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (key[i].self.kind == IS_NULL) return true;
    return false;
}

const struct row *shadow_conflict(const struct table *t, const struct row *row, const char *except)
{
    for (unsigned i = 0; i < t->index_count; i++) {
        const struct index *index = &t->indexes[i];
        struct field key[PATHS], other[PATHS];

        if (!index->unique) continue;
        row_key(row, index, key);
        if (has_null(key, index->path_count)) continue;
        for (size_t k = 0; k < t->count; k++) {
            if (except && strcmp(t->rows[k]->id, except) == 0) continue;
            row_key(t->rows[k], index, other);
            if (compare_keys(key, other, index->path_count) == 0) return t->rows[k];
        }
    }
    return NULL;
}

/* ---- scans --------------------------------------------------------------------------------- */

static bool is_within(const struct field *key, const struct bounds *b)
{
    int order;

    if (b->from_count) {
        order = compare_keys(key, b->from, b->from_count);
        if (b->prefix ? order != 0 : order < 0 || (order == 0 && b->after)) return false;
    }
    if (b->prefix)
        return key[b->from_count].self.kind == IS_TEXT &&
               strncmp(key[b->from_count].self.text, b->prefix, strlen(b->prefix)) == 0;
    if (!b->to_count) return true;
    order = compare_keys(key, b->to, b->to_count);
    return order < 0 || (order == 0 && b->upto);
}

static int by_key(const void *a, const void *b, void *index)
{
    const struct row *x = *(const struct row *const *)a, *y = *(const struct row *const *)b;
    const struct index *ix = index;
    struct field one[PATHS], two[PATHS];
    int order;

    row_key(x, ix, one);
    row_key(y, ix, two);
    order = compare_keys(one, two, ix->path_count);
    return order ? order : strcmp(x->id, y->id);
}

const struct row **shadow_scan(const struct table *t, const struct index *index, const struct bounds *b, bool reverse,
                               size_t *count)
{
    const struct row **rows = malloc((t->count + 1) * sizeof *rows);
    struct field key[PATHS];

    CHECK(rows);
    *count = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (index) row_key(t->rows[i], index, key);
        if (!index || is_within(key, b)) rows[(*count)++] = t->rows[i];
    }
    rows[*count] = NULL;
    if (index) qsort_r(rows, *count, sizeof *rows, by_key, (void *)index);
    for (size_t i = 0; reverse && i < *count / 2; i++) {
        const struct row *first = rows[i];

        rows[i] = rows[*count - 1 - i];
        rows[*count - 1 - i] = first;
    }
    return rows;
}
