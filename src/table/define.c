/* define.c -- make, rename and drop tables and indexes. Each is a transaction of its own, on a copy of the definition. */
#include "fs/fs.h"
#include "table/inside.h"

#include <stdio.h>
#include <string.h>

/* ---- pk_ and unq_ ---- */

int aer__def_complete(struct tables *tables, struct table *t, struct err *err)
{
    int rc = AER_OK;

    for (size_t i = 0; rc == AER_OK && i < t->column_count; i++) {
        const struct column *c = &t->columns[i];
        const char *paths[] = {c->name};
        char name[LAYOUT_NAME_MAX + 8];
        if (!(c->flags & AER_UNIQUE)) continue;
        snprintf(name, sizeof name, "%s_%s", c->flags & AER_PK ? "pk" : "unq", c->name);
        if (strlen(name) > LAYOUT_NAME_MAX)
            return aer__err_set(err, AER_INVALID, "column '%s': the name of its index would be too long", c->name);
        if (aer__def_index(t, name)) continue;
        rc = aer__def_add_index(tables, t, name, paths, 1, AER_UNIQUE | (c->flags & AER_PK), true, 0, err);
    }
    return rc;
}

/* ---- create ---- */

static bool has_id(const struct tables *tables, uint32_t id)
{
    for (size_t i = 0; i < tables->count; i++)
        if (tables->at[i]->id == id) return true;
    return false;
}

/* Above all others, but for one written by hand that leaves no room there. */
uint32_t aer__def_new_id(const struct tables *tables)
{
    uint32_t id = 1;

    for (size_t i = 0; i < tables->count; i++) id = AER_MAX(id, tables->at[i]->id + 1);
    if (id > INT32_MAX)
        for (id = 1; has_id(tables, id); id++) continue;
    return id;
}

static int describe(struct tables *tables, struct table *t, const aer_table_options *options, struct err *err)
{
    int rc = AER_OK;

    t->storage = options->storage;
    t->next_index = 1;
    t->heap = (struct heap){.storage = t->storage,
                            .place = {t->id, t->name, t->storage == AER_STORAGE_GDBM},
                            .files = tables->files,
                            .kv = tables->kv};
    for (size_t i = 0; rc == AER_OK && i < options->column_count; i++) {
        const aer_column *c = &options->columns[i];
        rc = aer__def_add_column(t, c->name, c->type, c->flags, c->default_json, err);
    }
    return rc ? rc : aer__def_complete(tables, t, err);
}

static int fill_all(struct table_txn *t, struct table *table, struct err *err)
{
    int rc = AER_OK;

    for (size_t i = 0; rc == AER_OK && i < table->index_count; i++)
        rc = aer__index_fill(t, table, table->indexes[i], NULL, NULL, NULL, err);
    return rc;
}

static int check_new_name(struct tables *tables, const char *name, struct err *err)
{
    if (!aer__layout_name_ok(name))
        return aer__err_set(err, AER_INVALID, "'%.100s' is no table name: letters, digits and _, at most %d", name,
                            LAYOUT_NAME_MAX);
    if (aer__tables_taken(tables, name)) return aer__err_set(err, AER_EXISTS, "there is a table '%s' already", name);
    return AER_OK;
}

int aer__table_create(struct tables *tables, const char *name, const aer_table_options *options, struct err *err)
{
    struct table *table = NULL;
    struct table_txn *t;
    int rc;

    if (!aer__layout_name_ok(name)) return check_new_name(tables, name, err);
    if (options->storage < AER_STORAGE_FILES || options->storage > AER_STORAGE_GDBM)
        return aer__err_set(err, AER_INVALID, "a table is kept in files, buckets or gdbm");
    if (options->storage == AER_STORAGE_GDBM) {
        rc = aer__files_can_record(tables->files, err);
        if (rc) return rc;
    }
    rc = aer__tables_begin_define(tables, &t, err);
    if (rc) return rc;
    pthread_mutex_lock(&tables->lock);
    rc = check_new_name(tables, name, err);
    if (rc == AER_OK && !(table = aer__calloc(1, sizeof *table))) rc = aer__err_nomem(err);
    if (rc == AER_OK) {
        memcpy(table->name, name, strlen(name) + 1);
        table->id = aer__def_new_id(tables);
        rc = describe(tables, table, options, err);
    }
    if (rc == AER_OK) rc = fill_all(t, table, err);
    pthread_mutex_unlock(&tables->lock);
    if (rc == AER_OK) rc = aer__tables_commit_define(t, table, err);
    else aer__tables_abandon(t);
    aer__def_free(table);
    return rc;
}

/* ---- a copy to work on ---- */

/* Begin, and a copy of table NAME's definition. */
static int begin_copy(struct tables *tables, const char *name, struct table_txn **t, struct table **copy, struct err *err)
{
    struct table *table;
    int rc = aer__tables_begin_define(tables, t, err);

    *copy = NULL;
    if (rc) return rc;
    pthread_mutex_lock(&tables->lock);
    rc = aer__tables_find(tables, name, &table, err);
    if (rc == AER_OK) rc = aer__def_read(tables, name, table->config, strlen(table->config), copy, err);
    if (rc == AER_OK) {
        memcpy((*copy)->prefix, table->prefix, sizeof table->prefix);
        (*copy)->prefix_rows = table->prefix_rows;
    }
    pthread_mutex_unlock(&tables->lock);
    if (rc) aer__tables_abandon(*t);
    return rc;
}

/* ---- drop, rename ---- */

static int remove_from_catalogue(void *arg, struct catalog *c, struct err *err)
{
    const struct table *table = arg;

    aer__kv_tables_define(table->heap.kv); /* see aer__tables_write_definition */
    return aer__catalog_remove_table(c, table->id, err);
}

static int drop_keys(struct table_txn *t, const struct table *table, struct err *err)
{
    char key[LAYOUT_KEY_SIZE];
    size_t size = aer__layout_table_key(key, table->id, 0) - 2; /* without "d/" */
    size_t count;

    return table->storage == AER_STORAGE_BUCKETS ? aer__index_kv_clear(t->kv, key, size, SIZE_MAX, &count, err) : AER_OK;
}

/* The whole folder: to another name, or (to NULL) away. */
static int move_folder(struct table_txn *t, struct table *table, const char *from, const char *to, struct err *err)
{
    struct tables *tables = t->tables;
    int rc = aer__tables_lock(t, err);

    if (rc) {
        aer__tables_abandon(t);
        return rc;
    }
    rc = to ? aer__files_rename(tables->files, t->kv, from, to, aer__tables_write_definition, table, err)
            : aer__files_drop(tables->files, t->kv, from, remove_from_catalogue, table, err);
    aer__files_unlock(tables->files);
    aer__tables_end(t);
    return rc;
}

int aer__table_drop(struct tables *tables, const char *name, struct err *err)
{
    struct table_txn *t;
    struct table *copy;
    int rc = begin_copy(tables, name, &t, &copy, err);

    if (rc) return rc;
    rc = drop_keys(t, copy, err);
    if (rc == AER_OK) rc = move_folder(t, copy, name, NULL, err);
    else aer__tables_abandon(t);
    aer__def_free(copy);
    return rc;
}

int aer__table_rename(struct tables *tables, const char *name, const char *to, struct err *err)
{
    struct table_txn *t;
    struct table *copy;
    int rc;

    if (!aer__layout_name_ok(to)) return check_new_name(tables, to, err);
    rc = begin_copy(tables, name, &t, &copy, err);
    if (rc) return rc;
    pthread_mutex_lock(&tables->lock);
    rc = check_new_name(tables, to, err);
    pthread_mutex_unlock(&tables->lock);
    if (rc == AER_OK) {
        memcpy(copy->name, to, strlen(to) + 1);
        rc = move_folder(t, copy, name, to, err);
    } else {
        aer__tables_abandon(t);
    }
    aer__def_free(copy);
    return rc;
}

/* ---- indexes ---- */

int aer__table_index_create(struct tables *tables, const char *name, const char *index, const char *const *columns,
                            size_t column_count, int flags, aer_progress progress, void *progress_arg, struct err *err)
{
    struct table_txn *t;
    struct table *copy;
    int rc = begin_copy(tables, name, &t, &copy, err);

    if (rc) return rc;
    pthread_mutex_lock(&tables->lock);
    rc = aer__def_add_index(tables, copy, index, columns, column_count, flags & AER_UNIQUE, false, 0, err);
    if (rc == AER_OK)
        rc = aer__index_fill(t, copy, copy->indexes[copy->index_count - 1], progress, progress_arg, NULL, err);
    pthread_mutex_unlock(&tables->lock);
    if (rc == AER_OK) rc = aer__tables_commit_define(t, copy, err);
    else aer__tables_abandon(t);
    aer__def_free(copy);
    return rc;
}

static int remove_index(struct table_txn *t, struct table *copy, const char *index, struct err *err)
{
    struct table_index *ti = aer__def_index(copy, index);
    int rc;

    if (!ti) return aer__err_set(err, AER_NOTABLE, "table '%s' has no index '%.100s'", copy->name, index);
    if (ti->automatic)
        return aer__err_set(err, AER_INVALID, "index '%s' keeps column '%s' unique, and stays as long as the table",
                            index, ti->paths[0]);
    rc = aer__index_empty(t, copy, ti, err);
    for (size_t i = 0; rc == AER_OK && i < copy->index_count; i++) {
        if (copy->indexes[i] == ti) {
            aer__def_remove_index(copy, i);
            break;
        }
    }
    return rc;
}

int aer__table_index_drop(struct tables *tables, const char *name, const char *index, struct err *err)
{
    struct table_txn *t;
    struct table *copy;
    int rc = begin_copy(tables, name, &t, &copy, err);

    if (rc) return rc;
    pthread_mutex_lock(&tables->lock);
    rc = remove_index(t, copy, index, err);
    pthread_mutex_unlock(&tables->lock);
    if (rc == AER_OK) rc = aer__tables_commit_define(t, copy, err);
    else aer__tables_abandon(t);
    aer__def_free(copy);
    return rc;
}
