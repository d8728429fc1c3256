/* build.c -- all entries of an index at once, from the rows.
 *
 * Entries are gathered and sorted in memory (some 60 bytes and the key twice each), then a tree is built from its leaves up, or
 * the keys are put in order.
 */
#include "table/inside.h"

#include <stdlib.h>
#include <string.h>

#define LIST_CHUNK 512
#define PROGRESS_ROWS 1000

struct entry {
    size_t bytes, json; /* where they begin in the text of all */
    uint32_t size, json_size;
    bool has_null;
    char id[LAYOUT_ROW_ID_SIZE];
};

struct build {
    struct table_txn *t;
    struct table *table;
    struct table_index *ti;
    struct entry *at;
    size_t count, capacity, next;
    struct buf text;
    char (*ids)[LAYOUT_ROW_ID_SIZE];
    size_t id_count;
    aer_progress progress;
    void *progress_arg;
    uint64_t total;
};

static int take_id(void *arg, const char *id)
{
    struct build *b = arg;

    memcpy(b->ids[b->id_count++], id, LAYOUT_ROW_ID_SIZE);
    return AER_OK;
}

static int add_entry(struct build *b, const json_t *row, const char *id, struct err *err)
{
    struct tables *tables = b->t->tables;
    struct buf *bytes = &tables->key_bytes, *json = &tables->key_json;
    struct entry *e;
    bool has_null;
    int rc = aer__row_key(b->ti, row, bytes, json, &has_null, err);

    if (rc) {
        aer__err_prefix(err, "row %s", id);
        return rc;
    }
    if (b->count == b->capacity) {
        size_t capacity = b->capacity ? b->capacity * 2 : 1024;
        struct entry *more = aer__realloc(b->at, capacity * sizeof *more);
        if (!more) return aer__err_nomem(err);
        b->at = more;
        b->capacity = capacity;
    }
    e = &b->at[b->count++];
    *e = (struct entry){
        b->text.size, b->text.size + bytes->size, (uint32_t)bytes->size, (uint32_t)json->size, has_null, ""};
    memcpy(e->id, id, sizeof e->id);
    if (aer__buf_append(&b->text, bytes->data, bytes->size) || aer__buf_append(&b->text, json->data, json->size))
        return aer__err_nomem(err);
    return AER_OK;
}

static int add_row(struct build *b, const char *id, struct buf *text, struct err *err)
{
    struct heap_txn ht = aer__tables_heap(b->t);
    json_t *row = NULL;
    int rc;

    text->size = 0;
    rc = aer__heap_get(&b->table->heap, &ht, id, text, err);
    if (rc == AER_NOTFOUND) rc = aer__err_set(err, AER_CORRUPT, "row %s of table '%s' is missing", id, b->table->name);
    if (rc == AER_OK) rc = aer__json_read(text->data, text->size, &row, err);
    if (rc == AER_INVALID) {
        aer__err_prefix(err, "row %s of table '%s'", id, b->table->name);
        if (err) err->code = AER_CORRUPT;
        return AER_CORRUPT;
    }
    if (rc == AER_OK) rc = add_entry(b, row, id, err);
    json_decref(row);
    return rc;
}

static int gather(struct build *b, struct err *err)
{
    struct heap_txn ht = aer__tables_heap(b->t);
    char after[LAYOUT_ROW_ID_SIZE] = "";
    struct buf text = {0};
    int rc = AER_OK;

    b->ids = aer__alloc(LIST_CHUNK * sizeof b->ids[0]);
    if (!b->ids) return aer__err_nomem(err);
    do {
        b->id_count = 0;
        rc = aer__heap_list(&b->table->heap, &ht, after, LIST_CHUNK, take_id, b, err);
        for (size_t i = 0; rc == AER_OK && i < b->id_count; i++) {
            rc = add_row(b, b->ids[i], &text, err);
            if (rc == AER_OK && b->progress && b->count % PROGRESS_ROWS == 0 &&
                b->progress(b->progress_arg, b->count, AER_MAX(b->total, (uint64_t)b->count)))
                rc = aer__err_set(err, AER_STOPPED, "stopped");
        }
        if (b->id_count) memcpy(after, b->ids[b->id_count - 1], sizeof after);
    } while (rc == AER_OK && b->id_count == LIST_CHUNK);
    aer__buf_release(&text);
    return rc;
}

static int by_key(const void *a, const void *b, void *text)
{
    const struct entry *x = a, *y = b;
    int order = aer__key_compare((const char *)text + x->bytes, x->size, (const char *)text + y->bytes, y->size);

    return order ? order : strcmp(x->id, y->id);
}

static int check_unique(const struct build *b, struct err *err)
{
    for (size_t i = 1; b->ti->ix.unique && i < b->count; i++) {
        const struct entry *x = &b->at[i - 1], *y = &b->at[i];
        if (x->has_null || x->size != y->size || memcmp(b->text.data + x->bytes, b->text.data + y->bytes, x->size) != 0)
            continue;
        return aer__err_set(err, AER_CONFLICT, "column '%s' is unique, and rows %s and %s both have %.*s", b->ti->paths[0],
                            x->id, y->id, (int)AER_MIN(y->json_size, 100u), (const char *)b->text.data + y->json);
    }
    return AER_OK;
}

static struct tree_key key_of(const struct build *b, const struct entry *e)
{
    return (struct tree_key){b->text.data + e->bytes, e->size, (const char *)b->text.data + e->json, e->json_size};
}

static int next_entry(void *arg, struct tree_key *key, char id[TREE_ID_MAX + 1], struct err *err)
{
    struct build *b = arg;

    (void)err;
    if (b->next == b->count) return AER_DONE;
    *key = key_of(b, &b->at[b->next]);
    memcpy(id, b->at[b->next++].id, LAYOUT_ROW_ID_SIZE);
    return AER_OK;
}

static int rewind_entries(void *arg, struct err *err)
{
    (void)err;
    ((struct build *)arg)->next = 0;
    return AER_OK;
}

static int emit_node(void *arg, const char *path, bool is_leaf, const void *text, size_t size, struct err *err)
{
    struct build *b = arg;
    char name[LAYOUT_FILE_SIZE];

    aer__layout_node(name, b->ti->ix.name, path, is_leaf);
    return text ? aer__changes_write(b->t->changes, &b->ti->ix.place, name, text, size, false, err)
                : aer__changes_remove(b->t->changes, &b->ti->ix.place, name, err);
}

static int put_all(struct build *b, struct err *err)
{
    struct index_txn it = aer__tables_index(b->t);
    uint64_t entries;
    int rc = AER_OK;

    if (b->ti->ix.tree)
        return aer__tree_build(b->ti->ix.tree, next_entry, rewind_entries, b, emit_node, b, &entries, err);
    for (size_t i = 0; rc == AER_OK && i < b->count; i++) {
        struct tree_key key = key_of(b, &b->at[i]);
        rc = aer__index_insert(&b->ti->ix, &it, &key, b->at[i].has_null, b->at[i].id, err);
    }
    return rc;
}

int aer__index_fill(struct table_txn *t, struct table *table, struct table_index *ti, aer_progress progress,
                    void *progress_arg, uint64_t *entries, struct err *err)
{
    struct build b = {.t = t, .table = table, .ti = ti, .progress = progress, .progress_arg = progress_arg};
    int rc = gather(&b, err);

    if (rc == AER_OK && b.count) qsort_r(b.at, b.count, sizeof *b.at, by_key, b.text.data);
    if (rc == AER_OK) rc = check_unique(&b, err);
    if (rc == AER_OK) rc = put_all(&b, err);
    if (entries) *entries = b.count;
    aer__free(b.ids);
    aer__free(b.at);
    aer__buf_release(&b.text);
    return rc;
}

/* ---- away with an index ---- */

struct emptying {
    struct table_txn *t;
    const struct table *table;
    struct err *err;
};

static int remove_node(void *arg, const char *name)
{
    struct emptying *e = arg;

    return aer__changes_remove(e->t->changes, &e->table->heap.place, name, e->err);
}

int aer__index_empty(struct table_txn *t, struct table *table, struct table_index *ti, struct err *err)
{
    struct emptying e = {t, table, err};
    char after[LAYOUT_FILE_SIZE], end[LAYOUT_FILE_SIZE], key[LAYOUT_KEY_SIZE];
    size_t count;

    if (table->storage == AER_STORAGE_BUCKETS)
        return aer__index_kv_clear(t->kv, key, aer__layout_table_key(key, table->id, ti->ix.number), SIZE_MAX, &count, err);
    aer__layout_node(after, ti->ix.name, "", true);
    after[strlen(after) - sizeof "/leaf" + 1] = '\0'; /* "index/NAME/" */
    memcpy(end, after, sizeof end);
    end[strlen(end) - 1] = '0';
    return aer__files_list(t->tables->files, NULL, &table->heap.place, after, end, SIZE_MAX / 2, remove_node, &e, err);
}
