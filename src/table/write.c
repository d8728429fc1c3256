/* write.c -- insert, update and delete of one row, with all its index entries, under all constraints.
 *
 * What can be refused is refused before anything is changed. After that a failure makes the transaction good for nothing
 * but rolling back.
 */
#include "table/inside.h"

#include <string.h>

/* Rows to a directory: fewer cost more directories than files (a directory costs ext4 4 KiB and two inodes' time), more make
 * it no faster. Measured with 100,000 rows: 16 a directory 18k rows/s, 256 32k, 1024 33k. */
#define PREFIX_ROWS 256

/* ---- ids ---- */

static int new_id(struct table_txn *t, struct table *table, char id[LAYOUT_ROW_ID_SIZE], struct err *err)
{
    int rc = AER_OK;

    if (!table->prefix[0] || table->prefix_rows >= PREFIX_ROWS) {
        rc = aer__layout_new_row_id(&t->tables->pool, id, "", err);
        if (rc) return rc;
        memcpy(table->prefix, id, LAYOUT_ROW_PREFIX);
        table->prefix[LAYOUT_ROW_PREFIX] = '\0';
        table->prefix_rows = 0;
    }
    for (int try = 0; rc == AER_OK; try++) {
        char name[LAYOUT_FILE_SIZE];
        uint64_t sum;
        rc = aer__layout_new_row_id(&t->tables->pool, id, table->prefix, err);
        if (rc || table->storage != AER_STORAGE_FILES) break;
        aer__layout_row(name, id);
        rc = aer__files_sum(t->tables->files, &table->heap.place, name, &sum, err);
        if (rc == AER_NOTFOUND) break;
        if (rc == AER_OK && try == 100) rc = aer__err_set(err, AER_IO, "the system's random numbers repeat themselves");
    }
    if (rc && rc != AER_NOTFOUND) return rc;
    table->prefix_rows++;
    table->prefix_changed = true;
    t->touched = true;
    return AER_OK;
}

/* ---- constraints ---- */

static int tell_conflict(const struct table_index *ti, const struct buf *json, const char *id, struct err *err)
{
    return aer__err_set(err, AER_CONFLICT, "column '%s' is unique, and row %s has %.*s%s already (index '%s')",
                        ti->paths[0], id, (int)AER_MIN(json->size, (size_t)100), (const char *)json->data,
                        json->size > 100 ? "..." : "", ti->ix.name);
}

int aer__table_find_conflict(struct table_txn *t, const struct table *table, const json_t *row, const char *except_id,
                             struct err *err)
{
    struct tables *tables = t->tables;
    struct index_txn it = aer__tables_index(t);
    int rc = AER_OK;

    for (size_t i = 0; rc == AER_OK && i < table->index_count; i++) {
        const struct table_index *ti = table->indexes[i];
        char id[LAYOUT_ROW_ID_SIZE];
        bool has_null;
        /* Of the others too, since a key that is too long must be known before anything is changed. */
        rc = aer__row_key(ti, row, &tables->key_bytes, &tables->key_json, &has_null, err);
        if (rc || !ti->ix.unique || has_null) continue;
        rc = aer__index_find(&ti->ix, &it, tables->key_bytes.data, tables->key_bytes.size, id, err);
        if (rc == AER_NOTFOUND) rc = AER_OK;
        else if (rc == AER_OK && !(except_id && strcmp(id, except_id) == 0))
            rc = tell_conflict(ti, &tables->key_json, id, err);
    }
    return rc;
}

/* ---- one row ---- */

typedef int (*entry_fn)(const struct index *ix, const struct index_txn *t, const struct tree_key *key, bool has_null,
                        const char *id, struct err *err);

static int each_index(struct table_txn *t, struct table *table, const json_t *row, const char *id, entry_fn fn,
                      struct err *err)
{
    struct tables *tables = t->tables;
    struct index_txn it = aer__tables_index(t);
    int rc = AER_OK;

    for (size_t i = 0; rc == AER_OK && i < table->index_count; i++) {
        struct table_index *ti = table->indexes[i];
        struct tree_key key;
        bool has_null;
        rc = aer__row_key(ti, row, &tables->key_bytes, &tables->key_json, &has_null, err);
        if (rc) break;
        key = (struct tree_key){tables->key_bytes.data, tables->key_bytes.size, (const char *)tables->key_json.data,
                                tables->key_json.size};
        ti->touched = true;
        t->touched = true;
        rc = fn(&ti->ix, &it, &key, has_null, id, err);
    }
    return rc;
}

static int put_row(struct table_txn *t, struct table *table, const json_t *row, const struct buf *text,
                   char id[LAYOUT_ROW_ID_SIZE], struct err *err)
{
    struct heap_txn ht = aer__tables_heap(t);
    int rc = new_id(t, table, id, err);

    if (rc == AER_OK) rc = aer__heap_put(&table->heap, &ht, id, text->data, text->size, err);
    if (rc == AER_OK) rc = each_index(t, table, row, id, aer__index_insert, err);
    return aer__tables_fail(t, rc, err);
}

static int take_row(struct table_txn *t, struct table *table, const json_t *row, const char *id, struct err *err)
{
    struct heap_txn ht = aer__tables_heap(t);
    int rc = each_index(t, table, row, id, aer__index_remove, err);

    if (rc == AER_OK) rc = aer__heap_del(&table->heap, &ht, id, err);
    return aer__tables_fail(t, rc, err);
}

/* The row that is there, as its index entries have it. */
static int old_row(struct table_txn *t, struct table *table, const char *id, json_t **row, struct err *err)
{
    struct heap_txn ht = aer__tables_heap(t);
    struct buf text = {0};
    int rc = aer__layout_row_id_ok(id) ? aer__heap_get(&table->heap, &ht, id, &text, err) : AER_NOTFOUND;

    *row = NULL;
    if (rc == AER_OK) {
        rc = aer__json_read(text.data, text.size, row, err);
        if (rc == AER_INVALID) {
            if (err) err->code = AER_CORRUPT;
            aer__err_prefix(err, "row %s of table '%s'", id, table->name);
            rc = AER_CORRUPT;
        }
    }
    aer__buf_release(&text);
    return rc;
}

static void give_id(char to[AER_ID_SIZE], const char *id)
{
    if (to) memcpy(to, id, AER_ID_SIZE);
}

int aer__table_insert(struct table_txn *t, const char *name, const void *json, size_t size, char id[AER_ID_SIZE],
                      struct err *err)
{
    char new[LAYOUT_ROW_ID_SIZE] = "";
    struct buf text = {0};
    struct table *table;
    json_t *row = NULL;
    int rc = aer__tables_enter(t->tables, t, name, &table, err);

    if (rc) return rc;
    rc = aer__row_read(table, json, size, &row, &text, err);
    if (rc == AER_OK) rc = aer__table_find_conflict(t, table, row, NULL, err);
    if (rc == AER_OK) rc = put_row(t, table, row, &text, new, err);
    aer__tables_leave(t->tables, t);
    if (rc == AER_OK) give_id(id, new);
    json_decref(row);
    aer__buf_release(&text);
    return rc;
}

int aer__table_update(struct table_txn *t, const char *name, const char *id, const void *json, size_t size,
                      char new_id[AER_ID_SIZE], struct err *err)
{
    char new[LAYOUT_ROW_ID_SIZE] = "";
    struct buf text = {0};
    struct table *table;
    json_t *old = NULL, *row = NULL;
    int rc = aer__tables_enter(t->tables, t, name, &table, err);

    if (rc) return rc;
    rc = aer__row_read(table, json, size, &row, &text, err);
    if (rc == AER_OK) rc = old_row(t, table, id, &old, err);
    if (rc == AER_OK) rc = aer__table_find_conflict(t, table, row, id, err);
    if (rc == AER_OK) rc = take_row(t, table, old, id, err);
    if (rc == AER_OK) rc = put_row(t, table, row, &text, new, err);
    aer__tables_leave(t->tables, t);
    if (rc == AER_OK) give_id(new_id, new);
    json_decref(old);
    json_decref(row);
    aer__buf_release(&text);
    return rc;
}

int aer__table_delete(struct table_txn *t, const char *name, const char *id, struct err *err)
{
    struct table *table;
    json_t *old = NULL;
    int rc = aer__tables_enter(t->tables, t, name, &table, err);

    if (rc) return rc;
    rc = old_row(t, table, id, &old, err);
    if (rc == AER_OK) rc = take_row(t, table, old, id, err);
    aer__tables_leave(t->tables, t);
    json_decref(old);
    return rc;
}

int aer__table_row(struct tables *tables, struct table_txn *t, const char *name, const char *id, struct buf *to,
                   struct err *err)
{
    struct heap_txn ht = aer__tables_heap(t);
    struct table *table;
    struct heap heap;
    int rc = aer__tables_enter(tables, t, name, &table, err);

    if (rc) return rc;
    if (t) ht = aer__tables_heap(t); /* what entering has made */
    heap = table->heap;
    rc = aer__layout_row_id_ok(id) ? aer__heap_get(&heap, &ht, id, to, err) : AER_NOTFOUND;
    aer__tables_leave(tables, t);
    return rc;
}
