/* load.c -- definitions in memory: from the catalogue, again when somebody changed one, and compared with what lies in tables/. */
#include "fs/fs.h"
#include "table/inside.h"

#include <string.h>

#define CONFIG_MAX ((size_t)1 << 20)
#define SHARE 4 /* a quarter of the handle's memory is for index nodes, once there are any */

int aer__tables_open(int dir, struct kv *kv, struct files *files, const struct tables_options *options,
                     struct tables **out, struct err *err)
{
    struct tables *tables = aer__calloc(1, sizeof *tables);
    int rc;

    *out = NULL;
    if (!tables) return aer__err_nomem(err);
    rc = aer__tree_cache_new(options->cache_bytes / SHARE, &tables->cache, err);
    if (rc) {
        aer__free(tables);
        return rc;
    }
    tables->dir = dir;
    tables->kv = kv;
    tables->files = files;
    tables->options = *options;
    pthread_mutex_init(&tables->lock, NULL);
    *out = tables;
    return AER_OK;
}

void aer__tables_forget(struct tables *tables)
{
    for (size_t i = 0; i < tables->count; i++) aer__def_free(tables->at[i]);
    aer__free(tables->at);
    tables->at = NULL;
    tables->count = 0;
    tables->defined = 0;
}

void aer__tables_close(struct tables *tables)
{
    if (!tables) return;
    aer__tables_forget(tables);
    aer__tree_cache_free(tables->cache);
    aer__buf_release(&tables->key_bytes);
    aer__buf_release(&tables->key_json);
    pthread_mutex_destroy(&tables->lock);
    aer__free(tables);
}

/* ---- from the catalogue ---- */

struct load {
    struct tables *tables;
    struct err *err;
};

static int load_one(void *arg, const struct catalog_table *found)
{
    struct load *l = arg;
    struct tables *tables = l->tables;
    struct table *t = NULL, **more;
    int rc;

    if (!aer__layout_name_ok(found->name))
        return aer__err_set(l->err, AER_CORRUPT, "'%s' has a table '%.100s', which is no name for one", LAYOUT_CATALOG,
                            found->name);
    rc = aer__def_read(tables, found->name, found->config, strlen(found->config), &t, l->err);
    if (rc) return rc;
    if (t->id != found->id)
        rc = aer__err_set(l->err, AER_CORRUPT, "'%s': table '%s' has two ids", LAYOUT_CATALOG, found->name);
    if (rc == AER_OK && strlen(found->prefix) == LAYOUT_ROW_PREFIX) {
        memcpy(t->prefix, found->prefix, sizeof t->prefix);
        t->prefix_rows = found->prefix_rows;
    }
    more = rc ? NULL : aer__realloc(tables->at, (tables->count + 1) * sizeof *more);
    if (rc == AER_OK && !more) rc = aer__err_nomem(l->err);
    if (rc) {
        aer__def_free(t);
        return rc;
    }
    tables->at = more;
    tables->at[tables->count++] = t;
    return AER_OK;
}

static int load_all(void *arg, struct catalog *c, struct err *err)
{
    struct load l = {arg, err};

    return aer__catalog_tables(c, load_one, &l, err);
}

/* The store has it all until there is a tree. */
static void share_memory(struct tables *tables)
{
    uint64_t all = tables->options.cache_bytes;

    for (size_t i = 0; i < tables->count; i++) {
        if (tables->at[i]->storage == AER_STORAGE_BUCKETS || tables->at[i]->index_count == 0) continue;
        aer__kv_set_cache(tables->kv, all - all / SHARE);
        return;
    }
}

int aer__tables_follow(struct tables *tables, uint64_t version, struct err *err)
{
    uint64_t defined = aer__kv_tables_defined(tables->kv);
    int rc;

    if (tables->defined != defined) {
        aer__tables_forget(tables);
        rc = aer__kv_read_catalog(tables->kv, load_all, tables, err);
        if (rc) {
            aer__tables_forget(tables);
            return rc;
        }
        tables->defined = defined;
        share_memory(tables);
    } else if (tables->version != version) {
        for (size_t i = 0; i < tables->count; i++) {
            struct table *t = tables->at[i];
            for (size_t j = 0; j < t->index_count; j++) {
                if (t->indexes[j]->ix.tree) aer__tree_stale(t->indexes[j]->ix.tree);
            }
        }
    }
    tables->version = version;
    return AER_OK;
}

/* ---- by name ---- */

static struct table *find(const struct tables *tables, const char *name)
{
    for (size_t i = 0; i < tables->count; i++) {
        if (strcmp(tables->at[i]->name, name) == 0) return tables->at[i];
    }
    return NULL;
}

/* The config that people see and edit is the same as ours? A lost one is no loss: we have the copy. */
static int compare_config(struct tables *tables, struct table *t, struct err *err)
{
    char path[LAYOUT_TABLE_PATH_SIZE];
    struct buf text = {0};
    int64_t mtime_ns;
    int rc;

    aer__layout_table_path(path, t->name, LAYOUT_CONFIG);
    rc = aer__fs_read_small(tables->dir, path, CONFIG_MAX, &text, &mtime_ns, err);
    if (rc == AER_OK && (text.size != strlen(t->config) || memcmp(text.data, t->config, text.size) != 0))
        rc = aer__err_set(err, AER_CHANGED, "'%s' was edited by hand: `aerials index rebuild %s` takes it over", path,
                          t->name);
    aer__buf_release(&text);
    t->checked = rc == AER_OK;
    return rc == AER_NOTFOUND ? AER_OK : rc;
}

int aer__tables_find(struct tables *tables, const char *name, struct table **table, struct err *err)
{
    char path[LAYOUT_TABLE_PATH_SIZE];
    struct table *t = find(tables, name);

    *table = t;
    if (t) return t->checked ? AER_OK : compare_config(tables, t, err);
    if (!aer__layout_name_ok(name))
        return aer__err_set(err, AER_NOTABLE, "'%.100s' is no table name: letters, digits and _, at most %d", name,
                            LAYOUT_NAME_MAX);
    aer__layout_table_path(path, name, LAYOUT_CONFIG);
    if (aer__fs_kind(tables->dir, path) == FS_FILE)
        return aer__err_set(err, AER_CHANGED,
                            "'" LAYOUT_TABLES "/%s' was put there by hand: `aerials index rebuild %s` takes it over",
                            name, name);
    return aer__err_set(err, AER_NOTABLE, "there is no table '%s'", name);
}

/* ---- what lies in tables/ ---- */

struct folders {
    struct tables *tables;
    const char *name; /* to compare with; NULL: collect */
    bool found;
    char (*at)[LAYOUT_NAME_MAX + 1];
    size_t count, capacity;
    struct err *err;
};

static int add_name(struct folders *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->at[i], name) == 0) return AER_OK;
    if (f->count == f->capacity) {
        size_t capacity = f->capacity ? f->capacity * 2 : 16;
        void *more = aer__realloc(f->at, capacity * sizeof f->at[0]);
        if (!more) return aer__err_nomem(f->err);
        f->at = more;
        f->capacity = capacity;
    }
    memcpy(f->at[f->count++], name, strlen(name) + 1);
    return AER_OK;
}

static int look_at_folder(void *arg, const char *name, int kind)
{
    struct folders *f = arg;
    char path[LAYOUT_TABLE_PATH_SIZE];

    if (f->name) {
        if (strcasecmp(f->name, name) == 0) f->found = true; /* a link or a file is in the way, too */
        return AER_OK;
    }
    if (kind != FS_DIR || !aer__layout_name_ok(name)) return AER_OK;
    aer__layout_table_path(path, name, LAYOUT_CONFIG);
    return aer__fs_kind(f->tables->dir, path) == FS_FILE ? add_name(f, name) : AER_OK;
}

bool aer__tables_taken(struct tables *tables, const char *name)
{
    struct folders f = {.tables = tables, .name = name};

    for (size_t i = 0; i < tables->count; i++)
        if (strcasecmp(tables->at[i]->name, name) == 0) return true;
    if (aer__fs_list(tables->dir, LAYOUT_TABLES, look_at_folder, &f, NULL)) return true;
    return f.found;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

int aer__tables_list(struct tables *tables, int (*fn)(void *arg, const char *table), void *arg, struct err *err)
{
    struct folders f = {.tables = tables, .err = err};
    uint64_t version;
    int rc = aer__files_enter(tables->files, &version, err);

    if (rc) return rc;
    pthread_mutex_lock(&tables->lock);
    rc = aer__tables_follow(tables, version, err);
    for (size_t i = 0; rc == AER_OK && i < tables->count; i++) rc = add_name(&f, tables->at[i]->name);
    pthread_mutex_unlock(&tables->lock);
    if (rc == AER_OK) rc = aer__fs_list(tables->dir, LAYOUT_TABLES, look_at_folder, &f, err);
    aer__files_leave(tables->files);
    if (rc == AER_OK && f.count) qsort(f.at, f.count, sizeof f.at[0], by_name);
    for (size_t i = 0; rc == AER_OK && i < f.count; i++) {
        if (fn(arg, f.at[i])) rc = aer__err_set(err, AER_STOPPED, "stopped");
    }
    aer__free(f.at);
    return rc;
}
