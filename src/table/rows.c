/* rows.c -- rows one after the other: all of them by id, or in the order of an index between bounds.
 *
 * Ids are fetched in chunks under the lock, rows one at a time without it. A chunk begins behind the last entry of the one
 * before, wherever that is by now: what a write transaction changes while the cursor is open, the next chunk sees.
 */
#include "table/inside.h"

#include <string.h>

#define CHUNK_FIRST 32
#define CHUNK_MAX 512

/* A place among keys, as struct tree_bound has it. */
struct bound {
    struct buf bytes;
    bool set, after;
};

struct rows {
    struct table_txn *t;
    char table[LAYOUT_NAME_MAX + 1], index[LAYOUT_NAME_MAX + 1];
    bool by_index, reverse, ids_only;
    struct bound low, high;
    uint64_t defined;
    char (*ids)[LAYOUT_ROW_ID_SIZE]; /* CHUNK_MAX */
    size_t count, at, chunk;
    bool ended, begun;
    struct buf last_key; /* with last_id: the last entry fetched */
    char last_id[LAYOUT_ROW_ID_SIZE];
    struct buf text;
    struct heap heap;
    char place_name[LAYOUT_NAME_MAX + 1]; /* what heap.place.name points to */
};

/* ---- bounds ---- */

/* The values of a bound, one behind the other; *count: how many. */
static int put_values(const struct table_index *ti, const char *json, struct buf *to, unsigned *count, struct err *err)
{
    json_t *value = NULL;
    int rc = aer__json_read(json, strlen(json), &value, err);

    *count = 1;
    if (rc) return rc;
    if (ti->ix.columns == 1) {
        rc = aer__index_key(to, value, err);
    } else if (!json_is_array(value) || json_array_size(value) < 1 || json_array_size(value) > ti->ix.columns) {
        rc = aer__err_set(err, AER_INVALID, "index '%s' has %u columns: its bounds are arrays of as many values at most",
                          ti->ix.name, ti->ix.columns);
    } else {
        *count = (unsigned)json_array_size(value);
        for (unsigned i = 0; rc == AER_OK && i < *count; i++) rc = aer__index_key(to, json_array_get(value, i), err);
    }
    json_decref(value);
    return rc;
}

static int set_prefix(const struct table_index *ti, const aer_row_range *range, struct rows *rows, struct err *err)
{
    unsigned count = 0;
    int rc = AER_OK;

    if (range->to) return aer__err_set(err, AER_INVALID, "a range has a prefix or an upper bound, not both");
    if (range->from) rc = put_values(ti, range->from, &rows->low.bytes, &count, err);
    if (rc == AER_OK && count >= ti->ix.columns)
        rc = aer__err_set(err, AER_INVALID, "index '%s' has no column left for the prefix", ti->ix.name);
    if (rc == AER_OK) rc = aer__index_prefix(&rows->low.bytes, range->prefix, strlen(range->prefix), err);
    if (rc == AER_OK && aer__buf_append(&rows->high.bytes, rows->low.bytes.data, rows->low.bytes.size))
        rc = aer__err_nomem(err);
    rows->low.set = rows->high.set = rows->high.after = true;
    return rc;
}

static int set_bounds(const struct table_index *ti, const aer_row_range *range, struct rows *rows, struct err *err)
{
    unsigned count;
    int rc = AER_OK;

    if (range->prefix) return set_prefix(ti, range, rows, err);
    if (range->from) {
        rows->low.set = true;
        rows->low.after = range->flags & AER_AFTER_FROM;
        rc = put_values(ti, range->from, &rows->low.bytes, &count, err);
        if (rc) aer__err_prefix(err, "from");
    }
    if (rc == AER_OK && range->to) {
        rows->high.set = true;
        rows->high.after = range->flags & AER_UPTO_TO;
        rc = put_values(ti, range->to, &rows->high.bytes, &count, err);
        if (rc) aer__err_prefix(err, "to");
    }
    return rc;
}

/* Does the key stand in front of the bound? */
static bool is_before(const struct tree_key *key, const struct bound *b)
{
    size_t size = AER_MIN(key->size, b->bytes.size);
    int order = size ? memcmp(key->bytes, b->bytes.data, size) : 0;

    if (order) return order < 0;
    return key->size < b->bytes.size || b->after;
}

/* ---- begin and end ---- */

static int find_index(const struct table *table, const char *name, struct table_index **ti, struct err *err)
{
    *ti = aer__def_index(table, name);
    return *ti ? AER_OK : aer__err_set(err, AER_NOTABLE, "table '%s' has no index '%.100s'", table->name, name);
}

static int begin(struct rows *rows, const struct table *table, const aer_row_range *range, struct err *err)
{
    struct table_index *ti;
    int rc;

    memcpy(rows->table, table->name, sizeof rows->table);
    memcpy(rows->place_name, table->name, sizeof rows->place_name);
    rows->heap = table->heap;
    rows->heap.place.name = rows->place_name;
    rows->defined = rows->t->tables->defined;
    rows->reverse = range->flags & AER_REVERSE;
    rows->ids_only = range->flags & AER_KEYS_ONLY;
    if (!range->index) {
        if (rows->reverse || range->from || range->to || range->prefix)
            return aer__err_set(err, AER_INVALID, "bounds and reverse order are an index's: none was given");
        return AER_OK;
    }
    rc = find_index(table, range->index, &ti, err);
    if (rc) return rc;
    rows->by_index = true;
    memcpy(rows->index, ti->ix.name, sizeof rows->index);
    return set_bounds(ti, range, rows, err);
}

int aer__rows_begin(struct table_txn *t, const char *name, const aer_row_range *range, struct rows **out, struct err *err)
{
    const aer_row_range all = {0};
    struct rows *rows = aer__calloc(1, sizeof *rows);
    struct table *table;
    int rc;

    *out = NULL;
    if (!rows) return aer__err_nomem(err);
    rows->t = t;
    rows->chunk = CHUNK_FIRST;
    rows->ids = aer__alloc(CHUNK_MAX * sizeof rows->ids[0]);
    rc = rows->ids ? aer__tables_enter(t->tables, t, name, &table, err) : aer__err_nomem(err);
    if (rc == AER_OK) {
        rc = begin(rows, table, range ? range : &all, err);
        aer__tables_leave(t->tables, t);
    }
    if (rc) aer__rows_end(rows);
    else *out = rows;
    return rc;
}

void aer__rows_end(struct rows *rows)
{
    if (!rows) return;
    aer__free(rows->ids);
    aer__buf_release(&rows->low.bytes);
    aer__buf_release(&rows->high.bytes);
    aer__buf_release(&rows->last_key);
    aer__buf_release(&rows->text);
    aer__free(rows);
}

/* ---- chunks ---- */

static int take_id(void *arg, const char *id)
{
    struct rows *rows = arg;

    memcpy(rows->ids[rows->count++], id, LAYOUT_ROW_ID_SIZE);
    return AER_OK;
}

static int take_entry(void *arg, const struct tree_key *key, const char *id)
{
    struct rows *rows = arg;
    bool inside = rows->reverse ? !rows->low.set || !is_before(key, &rows->low)
                                : !rows->high.set || is_before(key, &rows->high);

    if (!inside) {
        rows->ended = true;
        return AER_DONE;
    }
    rows->last_key.size = 0;
    if (aer__buf_append(&rows->last_key, key->bytes, key->size)) return AER_NOMEM;
    memcpy(rows->last_id, id, LAYOUT_ROW_ID_SIZE);
    return take_id(rows, id);
}

static int fetch_entries(struct rows *rows, const struct table *table, struct err *err)
{
    struct index_txn it = aer__tables_index(rows->t);
    const struct bound *start = rows->reverse ? &rows->high : &rows->low;
    struct tree_bound from = {.bytes = start->set ? (start->bytes.data ? start->bytes.data : (void *)"") : NULL,
                              .size = start->bytes.size,
                              .after = start->after};
    struct table_index *ti;
    int rc = find_index(table, rows->index, &ti, err);

    if (rc) return rc;
    rc = rows->begun ? aer__index_scan_beyond(&ti->ix, &it, rows->last_key.data, rows->last_key.size, rows->last_id,
                                              rows->reverse, rows->chunk, take_entry, rows, err)
                     : aer__index_scan(&ti->ix, &it, &from, rows->reverse, rows->chunk, take_entry, rows, err);
    if (rc == AER_NOMEM) aer__err_nomem(err);
    return rc == AER_DONE ? AER_OK : rc;
}

static int fetch_ids(struct rows *rows, struct err *err)
{
    struct heap_txn ht = aer__tables_heap(rows->t);
    int rc = aer__heap_list(&rows->heap, &ht, rows->last_id, rows->chunk, take_id, rows, err);

    if (rows->count) memcpy(rows->last_id, rows->ids[rows->count - 1], LAYOUT_ROW_ID_SIZE);
    return rc;
}

static int fetch(struct rows *rows, struct err *err)
{
    struct tables *tables = rows->t->tables;
    struct table *table;
    int rc = aer__tables_enter(tables, rows->t, rows->table, &table, err);

    if (rc) return rc;
    rows->count = rows->at = 0;
    if (tables->defined != rows->defined)
        rc = aer__err_set(err, AER_BUSY, "the definition of table '%s' has changed: begin again", rows->table);
    else rc = rows->by_index ? fetch_entries(rows, table, err) : fetch_ids(rows, err);
    aer__tables_leave(tables, rows->t);
    if (rc) return rc;
    rows->begun = true;
    if (rows->count == 0) rows->ended = true;
    rows->chunk = AER_MIN(rows->chunk * 2, (size_t)CHUNK_MAX);
    return AER_OK;
}

int aer__rows_next(struct rows *rows, const char **id, aer_slice *json, struct err *err)
{
    struct heap_txn ht;
    int rc;

    *id = NULL;
    *json = (aer_slice){0};
    while (rows->at == rows->count) {
        if (rows->ended) return AER_DONE;
        rc = fetch(rows, err);
        if (rc) return rc;
    }
    *id = rows->ids[rows->at++];
    if (rows->ids_only) return AER_OK;
    rows->text.size = 0;
    ht = aer__tables_heap(rows->t);
    rc = aer__heap_get(&rows->heap, &ht, *id, &rows->text, err);
    if (rc == AER_NOTFOUND) {
        if (rows->t->write) return aer__rows_next(rows, id, json, err); /* deleted by this transaction since */
        rc = aer__err_set(err, AER_CORRUPT,
                          "row %s of table '%s' is missing, and index '%s' has it: `aerials index rebuild %s`", *id,
                          rows->table, rows->index, rows->table);
    }
    *json = (aer_slice){rows->text.data, rc == AER_OK ? rows->text.size : 0};
    return rc;
}
