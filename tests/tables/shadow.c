/* shadow.c -- rows in memory; see shadow.h. How rows are written and ordered is in order.c. */
#include "shadow.h"

#include <stdlib.h>
#include <string.h>

#include "testing.h"

static size_t place_of(const struct table *t, const char *id)
{
    size_t low = 0, high = t->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (strcmp(t->rows[middle]->id, id) < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

const struct row *shadow_find(const struct table *t, const char *id)
{
    size_t place = place_of(t, id);

    return place < t->count && strcmp(t->rows[place]->id, id) == 0 ? t->rows[place] : NULL;
}

static void add_row(struct table *t, const struct row *row)
{
    size_t place = place_of(t, row->id);
    struct row *copy = malloc(sizeof *copy);

    CHECK(copy && !shadow_find(t, row->id));
    *copy = *row;
    if (t->count == t->capacity) {
        t->capacity = t->capacity ? t->capacity * 2 : 64;
        t->rows = realloc(t->rows, t->capacity * sizeof(struct row *));
        CHECK(t->rows);
    }
    memmove(t->rows + place + 1, t->rows + place, (t->count - place) * sizeof(struct row *));
    t->rows[place] = copy;
    t->count++;
}

static void remove_row(struct table *t, const char *id)
{
    size_t place = place_of(t, id);

    CHECK(shadow_find(t, id));
    free(t->rows[place]);
    t->count--;
    memmove(t->rows + place, t->rows + place + 1, (t->count - place) * sizeof(struct row *));
}

static void clear_table(struct table *t)
{
    for (size_t i = 0; i < t->count; i++) free(t->rows[i]);
    free(t->rows);
    *t = (struct table){.count = 0};
}

void shadow_release(struct shadow *s)
{
    for (int i = 0; i < TABLES; i++) clear_table(&s->tables[i]);
}

void shadow_copy(struct shadow *to, const struct shadow *from)
{
    *to = *from;
    for (int i = 0; i < TABLES; i++) {
        struct table *t = &to->tables[i];

        t->rows = NULL;
        t->count = t->capacity = 0;
        for (size_t k = 0; k < from->tables[i].count; k++) add_row(t, from->tables[i].rows[k]);
    }
}

/* ---- operations ---------------------------------------------------------------------------- */

static void add_automatic(struct table *t, const char *name, uint8_t field)
{
    struct index *index = &t->indexes[t->index_count++];

    *index = (struct index){.paths = {{field, 0}}, .path_count = 1, .unique = true, .automatic = true};
    memcpy(index->name, name, strlen(name));
}

static void create(struct table *t, const struct op *op)
{
    CHECK(!t->name[0]);
    memcpy(t->name, op->name, NAME);
    t->storage = op->storage;
    t->form = op->form;
    if (t->form != FORM_KEYED) return;
    add_automatic(t, "pk_a", 0);
    add_automatic(t, "unq_b", 1);
}

static void remove_index(struct table *t, const char *name)
{
    unsigned i = 0;

    while (strcmp(t->indexes[i].name, name) != 0) CHECK(++i < t->index_count);
    t->index_count--;
    memmove(&t->indexes[i], &t->indexes[i + 1], (t->index_count - i) * sizeof t->indexes[0]);
}

void shadow_apply(struct shadow *s, const struct op *op)
{
    struct table *t = &s->tables[op->table];

    switch (op->kind) {
    case OP_INSERT: add_row(t, &op->row); break;
    case OP_DELETE: remove_row(t, op->row.id); break;
    case OP_KEY: s->keys[op->key] = op->new_value; break;
    case OP_CREATE: create(t, op); break;
    case OP_DROP: clear_table(t); break;
    case OP_RENAME: memcpy(t->name, op->name, NAME); break;
    case OP_INDEX: t->indexes[t->index_count++] = op->index; break;
    default: remove_index(t, op->index.name);
    }
}

void shadow_undo(struct shadow *s, const struct op *op)
{
    struct table *t = &s->tables[op->table];

    if (op->kind == OP_INSERT) remove_row(t, op->row.id);
    else if (op->kind == OP_DELETE) add_row(t, &op->row);
    else s->keys[op->key] = op->old_value;
}
