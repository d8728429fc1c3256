/* rebuild.c -- take over what was done by hand to a table's files, and build its indexes anew.
 *
 *   config            edited: the new definition counts. A folder nobody knows becomes a table
 *   data/XX/YY/...    put there, edited, removed: the files are right, `files` of the catalogue follows
 *   index/            made from the rows; what else lies there is removed
 *   data.gdbm         taken as it is, if its records are whole
 *
 * All in one transaction: if a row is no row, or two of them break a constraint, nothing changes.
 */
#include "fs/fs.h"
#include "table/inside.h"

#include <string.h>

#define CONFIG_MAX ((size_t)1 << 20)

struct rebuild {
    struct tables *tables;
    struct table_txn *t;
    struct table *old; /* as the catalogue has it; NULL: it does not know the table */
    struct table *new;
    bool redefined;
    bool all; /* indexes of a table in gdbm files: none can be kept */
    aer_rebuild_result *result;
    aer_progress progress;
    void *progress_arg;
    struct buf text, canonical;
    struct err *err;
};

/* ---- the definition ---- */

static struct table *known(const struct tables *tables, const char *name)
{
    for (size_t i = 0; i < tables->count; i++) {
        if (strcmp(tables->at[i]->name, name) == 0) return tables->at[i];
    }
    return NULL;
}

static bool id_taken(const struct tables *tables, uint32_t id)
{
    for (size_t i = 0; i < tables->count; i++) {
        if (tables->at[i]->id == id) return true;
    }
    return false;
}

static void set_id(struct table *t, uint32_t id)
{
    t->id = t->heap.place.table = id;
    for (size_t i = 0; i < t->index_count; i++) t->indexes[i]->ix.place.table = id;
}

static int read_definition(struct rebuild *r, const char *name)
{
    char path[LAYOUT_TABLE_PATH_SIZE];
    struct table *old = known(r->tables, name);
    struct buf text = {0};
    int64_t mtime_ns;
    int rc;

    aer__layout_table_path(path, name, LAYOUT_CONFIG);
    rc = aer__layout_name_ok(name) ? aer__fs_read_small(r->tables->dir, path, CONFIG_MAX, &text, &mtime_ns, r->err)
                                   : AER_NOTFOUND;
    if (rc == AER_NOTFOUND && old)
        rc = aer__def_read(r->tables, name, old->config, strlen(old->config), &r->new, r->err);
    else if (rc == AER_NOTFOUND) rc = aer__err_set(r->err, AER_NOTABLE, "there is no table '%.100s'", name);
    else if (rc == AER_OK) rc = aer__def_read(r->tables, name, text.data, text.size, &r->new, r->err);
    if (rc == AER_OK && old) {
        r->redefined = text.data && (strlen(old->config) != text.size || memcmp(old->config, text.data, text.size) != 0);
        memcpy(r->new->prefix, old->prefix, sizeof old->prefix);
        r->new->prefix_rows = old->prefix_rows;
        rc = aer__def_read(r->tables, name, old->config, strlen(old->config), &r->old, r->err);
    }
    aer__buf_release(&text);
    if (rc) return rc;
    if (old && old->storage != r->new->storage)
        return aer__err_set(r->err, AER_INVALID, "'%s': a table's storage cannot be changed", path);
    if (!old && r->new->storage != AER_STORAGE_FILES)
        return aer__err_set(r->err, AER_CORRUPT, "'%s': the rows of a table in %s are not in its folder", path,
                            aer__def_storage(r->new->storage));
    if (old) set_id(r->new, old->id);
    else if (id_taken(r->tables, r->new->id)) set_id(r->new, aer__def_new_id(r->tables));
    return aer__def_complete(r->tables, r->new, r->err);
}

/* ---- rows ---- */

static int read_row(struct rebuild *r, const char *path)
{
    json_t *row = NULL;
    int rc;

    r->canonical.size = 0;
    rc = aer__row_read(r->new, r->text.data, r->text.size, &row, &r->canonical, r->err);
    json_decref(row);
    if (rc == AER_INVALID || rc == AER_CONFLICT) {
        aer__err_prefix(r->err, "'%s'", path);
        if (rc == AER_INVALID && r->err) r->err->code = AER_CORRUPT;
        if (rc == AER_INVALID) rc = AER_CORRUPT;
    }
    return rc;
}

static int take_row(struct rebuild *r, const char *path, const char *name, uint64_t sum, bool was_there)
{
    bool same = was_there && sum == aer__hash(r->text.data, r->text.size);
    int rc;

    r->result->rows++;
    if (same && !r->redefined) return AER_OK;
    rc = read_row(r, path);
    if (rc) return rc;
    if (same && r->canonical.size == r->text.size && memcmp(r->canonical.data, r->text.data, r->text.size) == 0)
        return AER_OK;
    if (was_there) r->result->changed++;
    else r->result->added++;
    return aer__changes_write(r->t->changes, &r->new->heap.place, name, r->canonical.data, r->canonical.size, false, r->err);
}

static int look_at_row(void *arg, const char *path, int kind, uint64_t size)
{
    struct rebuild *r = arg;
    char id[LAYOUT_ROW_ID_SIZE];
    const char *name = path + sizeof LAYOUT_TABLES + strlen(r->new->name) + 1;
    int64_t mtime_ns;
    uint64_t sum = 0;
    int rc, known_rc;

    (void)size;
    if (kind != FS_FILE || !aer__layout_row_parse(id, name)) return AER_OK; /* not ours */
    known_rc = aer__files_sum(r->tables->files, &r->new->heap.place, name, &sum, r->err);
    if (known_rc && known_rc != AER_NOTFOUND) return known_rc;
    r->text.size = 0;
    rc = aer__fs_read_small(r->tables->dir, path, AER_ROW_MAX, &r->text, &mtime_ns, r->err);
    if (rc) return rc == AER_NOTFOUND ? AER_OK : rc;
    if (r->progress && r->result->rows % 1000 == 0 && r->progress(r->progress_arg, r->result->rows, r->result->rows))
        return aer__err_set(r->err, AER_STOPPED, "stopped");
    return take_row(r, path, name, sum, known_rc == AER_OK);
}

static int look_for_removed(void *arg, const char *name)
{
    struct rebuild *r = arg;
    char path[LAYOUT_TABLE_PATH_SIZE];

    aer__layout_table_path(path, r->new->name, name);
    if (aer__fs_kind(r->tables->dir, path) == FS_FILE) return AER_OK;
    r->result->removed++;
    return aer__changes_remove(r->t->changes, &r->new->heap.place, name, r->err);
}

static int take_rows(struct rebuild *r)
{
    char path[LAYOUT_TABLE_PATH_SIZE];
    int rc;

    aer__layout_table_path(path, r->new->name, LAYOUT_DATA);
    rc = aer__fs_walk(r->tables->dir, path, look_at_row, r, r->err);
    return rc ? rc
              : aer__files_list(r->tables->files, NULL, &r->new->heap.place, LAYOUT_DATA "/", LAYOUT_DATA "0",
                                SIZE_MAX / 2, look_for_removed, r, r->err);
}

/* ---- indexes ---- */

static int remove_stray(void *arg, const char *path, int kind, uint64_t size)
{
    struct rebuild *r = arg;

    (void)size;
    if (kind != FS_FILE) return AER_OK;
    return aer__changes_remove(r->t->changes, &r->new->heap.place,
                               path + sizeof LAYOUT_TABLES + strlen(r->new->name) + 1, r->err);
}

/* What lies in the directory of an index, known or not. */
static int remove_folder(struct rebuild *r, const char *index)
{
    char path[LAYOUT_TABLE_PATH_SIZE], name[LAYOUT_FILE_SIZE];

    if (r->new->storage != AER_STORAGE_FILES) return AER_OK;
    snprintf(name, sizeof name, LAYOUT_INDEX "/%s", index);
    aer__layout_table_path(path, r->new->name, name);
    return aer__fs_walk(r->tables->dir, path, remove_stray, r, r->err);
}

static int build_index(struct rebuild *r, struct table_index *ti)
{
    uint64_t entries = 0;
    int rc = aer__index_empty(r->t, r->new, ti, r->err);

    if (rc == AER_OK) rc = remove_folder(r, ti->ix.name);
    if (rc == AER_OK) rc = aer__index_fill(r->t, r->new, ti, r->progress, r->progress_arg, &entries, r->err);
    if (rc) return rc;
    r->result->indexes++;
    r->result->entries += entries;
    r->result->rows = entries;
    return AER_OK;
}

static int build_indexes(struct rebuild *r, const char *index)
{
    bool all = !index || r->all || r->redefined || !r->old || r->result->added || r->result->changed || r->result->removed;
    int rc = AER_OK;

    if (index && !aer__def_index(r->new, index))
        return aer__err_set(r->err, AER_NOTABLE, "table '%s' has no index '%.100s'", r->new->name, index);
    for (size_t i = 0; rc == AER_OK && r->old && i < r->old->index_count; i++) {
        struct table_index *ti = r->old->indexes[i];
        const struct table_index *now = aer__def_index(r->new, ti->ix.name);
        if (!now || now->ix.number != ti->ix.number) rc = aer__index_empty(r->t, r->old, ti, r->err);
    }
    for (size_t i = 0; rc == AER_OK && i < r->new->index_count; i++) {
        struct table_index *ti = r->new->indexes[i];
        if (all || strcmp(ti->ix.name, index) == 0) rc = build_index(r, ti);
    }
    return rc;
}

static int rebuild(struct rebuild *r, const char *name, const char *index)
{
    int rc = read_definition(r, name);

    if (rc == AER_OK && r->new->storage == AER_STORAGE_FILES) rc = take_rows(r);
    if (rc == AER_OK && r->new->storage == AER_STORAGE_GDBM)
        rc = aer__files_take_over(r->tables->files, &r->new->heap.place, &r->all, r->err);
    return rc ? rc : build_indexes(r, index);
}

int aer__table_rebuild(struct tables *tables, const char *name, const char *index, aer_progress progress,
                       void *progress_arg, aer_rebuild_result *result, struct err *err)
{
    struct rebuild r = {.tables = tables, .result = result, .progress = progress, .progress_arg = progress_arg, .err = err};
    int rc = aer__tables_begin_define(tables, &r.t, err);

    memset(result, 0, sizeof *result);
    if (rc) return rc;
    pthread_mutex_lock(&tables->lock);
    rc = rebuild(&r, name, index);
    pthread_mutex_unlock(&tables->lock);
    if (rc == AER_OK) rc = aer__tables_commit_define(r.t, r.new, err);
    else aer__tables_abandon(r.t);
    aer__def_free(r.old);
    aer__def_free(r.new);
    aer__buf_release(&r.text);
    aer__buf_release(&r.canonical);
    return rc;
}
