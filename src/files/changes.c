/* changes.c -- what a transaction will do to the files of tables: the last state of each path. */
#include "files/internal.h"

#include <stdlib.h>
#include <string.h>

struct changes *aer__changes_new(void)
{
    return aer__calloc(1, sizeof(struct changes));
}

void aer__changes_free(struct changes *c)
{
    if (!c) return;
    for (size_t i = 0; i < c->count; i++) {
        aer__free(c->at[i]->data);
        aer__free(c->at[i]);
    }
    aer__free(c->at);
    aer__free(c->slots);
    aer__free(c);
}

size_t aer__changes_count(const struct changes *c)
{
    return c ? c->count - c->cancelled : 0;
}

static struct change **slot_of(const struct changes *c, uint64_t hash, const char *path)
{
    size_t mask = c->slot_count - 1, i = (size_t)hash & mask;

    while (c->slots[i] && !(c->slots[i]->hash == hash && strcmp(c->slots[i]->path, path) == 0)) i = (i + 1) & mask;
    return &c->slots[i];
}

struct change *aer__changes_find(const struct changes *c, const char *path)
{
    if (!c || c->slot_count == 0) return NULL;
    return *slot_of(c, aer__hash(path, strlen(path)), path);
}

static bool grow(struct changes *c)
{
    if (c->count == c->capacity) {
        size_t capacity = c->capacity ? c->capacity * 2 : 32;
        struct change **at = aer__realloc(c->at, capacity * sizeof *at);
        if (!at) return false;
        c->at = at;
        c->capacity = capacity;
    }
    if (c->count * 2 >= c->slot_count) {
        size_t slot_count = c->slot_count ? c->slot_count * 2 : 64;
        struct change **slots = aer__calloc(slot_count, sizeof *slots);
        if (!slots) return false;
        aer__free(c->slots);
        c->slots = slots;
        c->slot_count = slot_count;
        for (size_t i = 0; i < c->count; i++) *slot_of(c, c->at[i]->hash, c->at[i]->path) = c->at[i];
    }
    return true;
}

struct change *aer__changes_at(struct changes *c, uint32_t table, bool record, const char *path)
{
    size_t size = strlen(path);
    uint64_t hash = aer__hash(path, size);
    struct change **slot, *change;

    if (!grow(c)) return NULL;
    slot = slot_of(c, hash, path);
    change = *slot;
    if (change) return change;
    change = aer__calloc(1, sizeof *change + size + 1);
    if (!change) return NULL;
    memcpy(change->path, path, size + 1);
    change->hash = hash;
    change->table = table;
    change->record = record;
    change->removed = true;
    change->name = strchr(change->path + sizeof LAYOUT_TABLES, '/');
    change->name = change->name ? change->name + 1 : change->path + size;
    *slot = change;
    c->at[c->count++] = change;
    c->sorted = false;
    return change;
}

void aer__changes_cancel(struct changes *c, struct change *change)
{
    c->bytes -= change->size;
    aer__free(change->data);
    change->data = NULL;
    change->size = 0;
    change->removed = true;
    if (!change->cancelled) c->cancelled++;
    change->cancelled = true;
}

bool aer__is_record(const struct place *place, const char *name)
{
    return place->records && strcmp(name, LAYOUT_CONFIG) != 0;
}

int aer__changes_write(struct changes *c, const struct place *place, const char *name, const void *data, size_t size,
                       bool fresh, struct err *err)
{
    char path[LAYOUT_TABLE_PATH_SIZE];
    struct change *change;
    unsigned char *copy = aer__memdup(data, size);
    size_t before = c->count;

    if (!copy) return aer__err_nomem(err);
    aer__layout_table_path(path, place->name, name);
    change = aer__changes_at(c, place->table, aer__is_record(place, name), path);
    if (!change) {
        aer__free(copy);
        return aer__err_nomem(err);
    }
    if (c->count > before) change->fresh = fresh;
    if (change->cancelled) c->cancelled--;
    change->cancelled = false;
    c->bytes += size;
    c->bytes -= change->size;
    aer__free(change->data);
    change->data = copy;
    change->size = size;
    change->sum = aer__hash(data, size);
    change->removed = false;
    return AER_OK;
}

int aer__changes_remove(struct changes *c, const struct place *place, const char *name, struct err *err)
{
    char path[LAYOUT_TABLE_PATH_SIZE];
    struct change *change;

    aer__layout_table_path(path, place->name, name);
    change = aer__changes_at(c, place->table, aer__is_record(place, name), path);
    if (!change) return aer__err_nomem(err);
    if (change->fresh) {
        aer__changes_cancel(c, change);
        return AER_OK;
    }
    c->bytes -= change->size;
    aer__free(change->data);
    change->data = NULL;
    change->size = 0;
    change->removed = true;
    return AER_OK;
}

static int by_path(const void *a, const void *b)
{
    return strcmp((*(struct change *const *)a)->path, (*(struct change *const *)b)->path);
}

void aer__changes_sort(struct changes *c)
{
    if (!c->sorted && c->count) qsort(c->at, c->count, sizeof(struct change *), by_path);
    c->sorted = true;
}
