/* show.c -- a definition for the caller, as one block. */
#include "table/inside.h"

#include <string.h>

/* Counts what is needed, or hands it out: the same walk twice. */
struct block {
    char *at; /* NULL: only count */
    size_t size;
};

static void *take(struct block *b, size_t size)
{
    void *p = b->at ? b->at + b->size : NULL;

    b->size += (size + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
    return p;
}

static const char *take_string(struct block *b, const char *text)
{
    size_t size = strlen(text) + 1;
    char *p = take(b, size);

    return p ? memcpy(p, text, size) : NULL;
}

static aer_table_def *lay_out(struct block *b, const struct table *t, char *const *defaults)
{
    aer_table_def *def = take(b, sizeof *def);
    aer_column *columns = take(b, t->column_count * sizeof *columns);
    aer_index_def *indexes = take(b, t->index_count * sizeof *indexes);
    const char *name = take_string(b, t->name);

    for (size_t i = 0; i < t->column_count; i++) {
        aer_column c = {take_string(b, t->columns[i].name), t->columns[i].type, t->columns[i].flags,
                        defaults[i] ? take_string(b, defaults[i]) : NULL};
        if (columns) columns[i] = c;
    }
    for (size_t i = 0; i < t->index_count; i++) {
        const struct table_index *ti = t->indexes[i];
        const char **paths = take(b, ti->ix.columns * sizeof *paths);
        for (size_t j = 0; j < ti->ix.columns; j++) {
            const char *path = take_string(b, ti->paths[j]);
            if (paths) paths[j] = path;
        }
        if (indexes) indexes[i] = (aer_index_def){take_string(b, ti->ix.name), paths, ti->ix.columns, ti->flags};
        else take_string(b, ti->ix.name);
    }
    if (def) *def = (aer_table_def){name, t->storage, columns, t->column_count, indexes, t->index_count};
    return def;
}

static int write_defaults(const struct table *t, char **defaults, struct err *err)
{
    int rc = AER_OK;

    for (size_t i = 0; rc == AER_OK && i < t->column_count; i++) {
        struct buf text = {0};
        if (!t->columns[i].value) continue;
        rc = aer__json_write(&text, t->columns[i].value, err);
        if (rc == AER_OK && aer__buf_append(&text, "", 1)) rc = aer__err_nomem(err);
        if (rc) aer__buf_release(&text);
        else defaults[i] = (char *)text.data;
    }
    return rc;
}

static int show(const struct table *t, aer_table_def **def, struct err *err)
{
    char **defaults = aer__calloc(t->column_count + 1, sizeof *defaults);
    struct block b = {0};
    int rc = defaults ? write_defaults(t, defaults, err) : aer__err_nomem(err);

    if (rc == AER_OK) {
        lay_out(&b, t, defaults);
        b.at = aer__alloc(b.size);
        b.size = 0;
        if (b.at) *def = lay_out(&b, t, defaults);
        else rc = aer__err_nomem(err);
    }
    for (size_t i = 0; defaults && i < t->column_count; i++) aer__free(defaults[i]);
    aer__free(defaults);
    return rc;
}

int aer__table_get(struct tables *tables, const char *name, aer_table_def **def, struct err *err)
{
    struct table *table;
    int rc = aer__tables_enter(tables, NULL, name, &table, err);

    *def = NULL;
    if (rc) return rc;
    rc = show(table, def, err);
    aer__tables_leave(tables, NULL);
    return rc;
}
