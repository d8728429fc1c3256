/* shadow.h -- what the tables and keys of a database should hold: rows in memory, and the order of any index over them.
 *
 * For: the tests of this folder. Must not know: the library; nothing here calls it.
 *
 * A row has up to six members: a to e may be anything and are what indexes are made of, z is filling. A number is counted in
 * quarters, so that its text and its order are exact. All that is done to a shadow is an operation (struct op), which can be
 * kept, sent to another process, and taken back.
 */
#ifndef AER_TEST_SHADOW_H
#define AER_TEST_SHADOW_H

#include <aerials.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLES 5
#define INDEXES 7
#define PATHS 3
#define FIELDS 5
#define KEYS 40
#define NAME 24
#define FILLING_MAX 70000
#define TEXT_MAX (FILLING_MAX + 2048) /* bytes of a row's JSON */

enum {
    NOTHING,
    IS_NULL,
    IS_FALSE,
    IS_TRUE,
    IS_INT,
    IS_REAL,
    IS_TEXT,
    IS_LIST,
    IS_OBJECT
}; /* in the order of keys but for INT and REAL */

struct scalar {
    uint8_t kind;
    int32_t quarters;
    char text[28];
};

/* A list is [x] or [x,y], an object has the members x and y, if they are there. */
struct field {
    struct scalar self, x, y;
};

struct row {
    char id[AER_ID_SIZE];
    struct field fields[FIELDS];
    int32_t filling; /* letters of z; -1: null, -2: not there */
};

struct path {
    uint8_t field;
    char member; /* 'x', 'y', 0: the field itself */
};

struct index {
    char name[NAME];
    struct path paths[PATHS];
    unsigned path_count;
    bool unique, automatic;
};

enum { FORM_FREE, FORM_COLUMNS, FORM_KEYED, FORMS };

struct table {
    char name[NAME]; /* "": not there */
    int storage, form;
    struct index indexes[INDEXES]; /* in order of their creation */
    unsigned index_count;
    struct row **rows; /* by id */
    size_t count, capacity;
};

struct shadow {
    struct table tables[TABLES];
    uint64_t keys[KEYS]; /* 0: no such key */
};

/* ---- operations ---- */

enum { OP_INSERT, OP_DELETE, OP_KEY, OP_CREATE, OP_DROP, OP_RENAME, OP_INDEX, OP_UNINDEX };

struct op {
    int kind, table, key;
    uint64_t old_value, new_value;
    struct row row;
    char name[NAME]; /* OP_CREATE, OP_RENAME */
    int storage, form;
    struct index index; /* OP_UNINDEX: its name */
};

void shadow_release(struct shadow *s);
void shadow_copy(struct shadow *to, const struct shadow *from);
void shadow_apply(struct shadow *s, const struct op *op);
void shadow_undo(struct shadow *s, const struct op *op); /* of rows and keys only */

/* ---- rows ---- */

const struct row *shadow_find(const struct table *t, const char *id);
/* What a table of this form makes of a row: defaults, reals. */
void row_complete(struct row *row, int form);
/* Canonical JSON with its newline; gives its size. */
size_t row_text(const struct row *row, char text[TEXT_MAX]);
size_t field_text(const struct field *f, char *text);
size_t path_text(const struct path *p, char *text);
/* The columns of FORM_COLUMNS and FORM_KEYED, and those indexes that come with them. */
const aer_column *form_columns(int form, size_t *count);

/* ---- order ---- */

void row_key(const struct row *row, const struct index *index, struct field key[PATHS]);
int compare_fields(const struct field *a, const struct field *b);
/* Another row under the same key of a unique index, EXCEPT not counted; NULL: none. */
const struct row *shadow_conflict(const struct table *t, const struct row *row, const char *except);

struct bounds {
    struct field from[PATHS], to[PATHS];
    unsigned from_count, to_count; /* 0: no bound */
    bool after, upto;
    const char *prefix; /* NULL: none */
};

/* The rows within bounds in the order of the index; index NULL: all by id. A new block (free), NULL behind the last. */
const struct row **shadow_scan(const struct table *t, const struct index *index, const struct bounds *b, bool reverse,
                               size_t *count);

#endif
