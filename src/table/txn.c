/* txn.c -- what a transaction does with tables, from where it looks to its commit.
 *
 * A reader of tables in files keeps writers away from its first look on, so that all it sees is one moment. The keys of that
 * moment are those of its snapshot: if tables changed between the two, the snapshot is taken anew, as long as
 * nothing was read in it. Tables of kind buckets are keys, and need no lock.
 */
#include "table/inside.h"

#include <string.h>

int aer__tables_begin(struct tables *tables, struct kv_txn *txn, bool write, struct table_txn **out, struct err *err)
{
    struct table_txn *t;
    int rc = write ? aer__files_settle(tables->files, err) : AER_OK; /* the turn may be older than what there is to settle */

    *out = NULL;
    if (rc) return rc;
    *out = t = aer__calloc(1, sizeof *t);
    if (!t) return aer__err_nomem(err);
    t->tables = tables;
    t->kv = txn;
    t->write = write;
    /* A reader's is not of now: the snapshot may be long there when the first table is touched. A writer has had the turn since. */
    if (write) t->version = aer__kv_tables_version(tables->kv);
    else aer__kv_txn_tables(txn, &t->version, &t->defined);
    return AER_OK;
}

struct kv_txn *aer__tables_kv(const struct table_txn *t)
{
    return t->kv;
}

int aer__tables_fail(struct table_txn *t, int rc, struct err *err)
{
    struct err failed = {.code = rc, .message = "a change of a table failed"};

    if (rc == AER_OK) return rc;
    aer__kv_txn_fail(t->kv, err && err->code ? err : &failed);
    return rc;
}

struct heap_txn aer__tables_heap(const struct table_txn *t)
{
    return (struct heap_txn){t ? t->kv : NULL, t ? t->changes : NULL};
}

struct index_txn aer__tables_index(const struct table_txn *t)
{
    return (struct index_txn){t ? t->kv : NULL, t && t->write};
}

/* ---- where to look from ---- */

/* The tables are not as they were when this reader began. */
static int renew(struct table_txn *t, uint64_t version, uint64_t defined, struct err *err)
{
    int rc;

    if (t->version == version && t->defined == defined) return AER_OK;
    rc = aer__kv_renew(t->kv, err);
    if (rc) return rc;
    t->version = version;
    t->defined = defined;
    return AER_OK;
}

static int enter_read(struct tables *tables, struct table_txn *t, const char *name, struct table **table, struct err *err)
{
    bool inside = t && t->entered, keep = false;
    uint64_t version = inside ? t->version : 0;
    int rc = inside ? AER_OK : aer__files_enter(tables->files, &version, err);

    if (rc) return rc;
    pthread_mutex_lock(&tables->lock);
    rc = aer__tables_follow(tables, version, err);
    if (rc == AER_OK) rc = aer__tables_find(tables, name, table, err);
    if (rc == AER_OK && t && !inside) {
        keep = (*table)->storage != AER_STORAGE_BUCKETS;
        rc = renew(t, keep ? version : t->version, tables->defined, err);
    }
    if (rc == AER_OK && keep) t->entered = true;
    if (rc) {
        pthread_mutex_unlock(&tables->lock);
        if (!inside) aer__files_leave(tables->files);
    }
    return rc;
}

int aer__tables_enter(struct tables *tables, struct table_txn *t, const char *name, struct table **table, struct err *err)
{
    int rc;

    if (!t || !t->write) {
        rc = enter_read(tables, t, name, table, err);
        /* A reader who stays leaves at the end; one who does not, with this look. */
        return rc;
    }
    pthread_mutex_lock(&tables->lock);
    rc = aer__tables_follow(tables, aer__kv_tables_version(tables->kv), err);
    if (rc == AER_OK) rc = aer__tables_find(tables, name, table, err);
    if (rc == AER_OK && !t->changes && !(t->changes = aer__changes_new())) rc = aer__err_nomem(err);
    if (rc) pthread_mutex_unlock(&tables->lock);
    return rc;
}

void aer__tables_leave(struct tables *tables, struct table_txn *t)
{
    pthread_mutex_unlock(&tables->lock);
    if (!t || (!t->write && !t->entered)) aer__files_leave(tables->files);
}

/* ---- the end ---- */

static void finish_trees(struct tables *tables, bool committed)
{
    for (size_t i = 0; i < tables->count; i++) {
        struct table *table = tables->at[i];
        table->prefix_changed = false;
        for (size_t j = 0; j < table->index_count; j++) {
            struct table_index *ti = table->indexes[j];
            if (!ti->touched) continue;
            ti->touched = false;
            if (!ti->ix.tree) continue;
            if (committed) aer__tree_commit(ti->ix.tree);
            else aer__tree_rollback(ti->ix.tree);
        }
    }
}

/* While we have the turn: the next writer changes the same trees, and would lose what it did. */
static void forget_changes(struct table_txn *t)
{
    if (!t->write || !t->touched) return;
    pthread_mutex_lock(&t->tables->lock);
    finish_trees(t->tables, false);
    pthread_mutex_unlock(&t->tables->lock);
    t->touched = false;
}

void aer__tables_end(struct table_txn *t)
{
    if (!t) return;
    if (t->entered) aer__files_leave(t->tables->files);
    forget_changes(t);
    aer__changes_free(t->changes);
    aer__free(t);
}

struct node_changes {
    struct table_txn *t;
    const struct index *ix;
};

static int add_node(void *arg, const char *path, bool is_leaf, const void *text, size_t size, struct err *err)
{
    struct node_changes *n = arg;
    char name[LAYOUT_FILE_SIZE];

    aer__layout_node(name, n->ix->name, path, is_leaf);
    return text ? aer__changes_write(n->t->changes, &n->ix->place, name, text, size, false, err)
                : aer__changes_remove(n->t->changes, &n->ix->place, name, err);
}

/* What the trees have changed becomes changes of files. */
static int gather_nodes(struct table_txn *t, struct err *err)
{
    struct tables *tables = t->tables;
    int rc = AER_OK;

    for (size_t i = 0; i < tables->count; i++) {
        struct table *table = tables->at[i];
        for (size_t j = 0; rc == AER_OK && j < table->index_count; j++) {
            struct table_index *ti = table->indexes[j];
            struct node_changes n = {t, &ti->ix};
            if (ti->touched && ti->ix.tree && aer__tree_changed(ti->ix.tree))
                rc = aer__tree_changes(ti->ix.tree, add_node, &n, err);
        }
    }
    return rc;
}

static int write_prefixes(void *arg, struct catalog *c, struct err *err)
{
    struct tables *tables = arg;
    int rc = AER_OK;

    for (size_t i = 0; rc == AER_OK && i < tables->count; i++) {
        const struct table *table = tables->at[i];
        if (table->prefix_changed && table->storage != AER_STORAGE_BUCKETS)
            rc = aer__catalog_set_prefix(c, table->id, table->prefix, table->prefix_rows, err);
    }
    return rc;
}

/* Before anything is locked. Who waits for room in a bucket lends the turn to other writers, and what they changed is not what we looked at. */
static int prepare(struct table_txn *t, struct err *err)
{
    int rc = aer__kv_make_room(t->kv, err);

    if (rc == AER_OK && t->write && t->version != aer__kv_tables_version(t->tables->kv))
        rc = aer__err_set(err, AER_BUSY, "another writer changed tables while a bucket was being sealed; try again");
    return rc;
}

int aer__tables_lock(struct table_txn *t, struct err *err)
{
    int rc = prepare(t, err);

    return rc ? rc : aer__files_lock(t->tables->files, err);
}

typedef int (*extra_fn)(void *arg, struct catalog *c, struct err *err);

/* Nobody reads tables just now, and none can come in. The turn goes with the kv_txn, so until the trees are done with the lock is
 * ours. */
static int commit_locked(struct table_txn *t, extra_fn extra, void *arg, struct err *err)
{
    struct tables *tables = t->tables;
    uint64_t version = 0;
    int rc;

    pthread_mutex_lock(&tables->lock);
    rc = gather_nodes(t, err);
    if (rc) aer__kv_rollback(t->kv);
    else rc = aer__files_commit(tables->files, t->kv, t->changes, extra, arg, &version, err);
    finish_trees(tables, rc == AER_OK);
    t->touched = false;
    if (rc == AER_OK) tables->version = version;
    pthread_mutex_unlock(&tables->lock);
    return rc;
}

static int commit(struct table_txn *t, extra_fn extra, void *arg, struct err *err)
{
    struct files *files = t->tables->files;
    int rc = aer__tables_lock(t, err);

    if (rc) {
        forget_changes(t);
        aer__kv_rollback(t->kv);
        return rc;
    }
    rc = commit_locked(t, extra, arg, err);
    aer__files_unlock(files);
    return rc;
}

static bool has_changes(struct table_txn *t)
{
    struct tables *tables = t->tables;
    bool changed = aer__changes_count(t->changes) > 0;

    pthread_mutex_lock(&tables->lock);
    for (size_t i = 0; !changed && t->touched && i < tables->count; i++) {
        for (size_t j = 0; !changed && j < tables->at[i]->index_count; j++) {
            const struct table_index *ti = tables->at[i]->indexes[j];
            changed = ti->touched && ti->ix.tree && aer__tree_changed(ti->ix.tree);
        }
    }
    pthread_mutex_unlock(&tables->lock);
    return changed;
}

int aer__tables_commit(struct table_txn *t, struct err *err)
{
    struct files *files = t->tables->files;
    bool own = t->write && has_changes(t);
    int rc = own ? AER_OK : prepare(t, err);

    if (!own) forget_changes(t);
    if (own) rc = commit(t, write_prefixes, t->tables, err);
    else if (rc) aer__kv_rollback(t->kv);
    else rc = aer__kv_commit(t->kv, err);
    aer__tables_end(t);
    if (own && rc == AER_OK) aer__files_after_commit(files);
    return rc;
}

/* ---- changes of definitions ---- */

int aer__tables_begin_define(struct tables *tables, struct table_txn **t, struct err *err)
{
    struct kv_txn *kv;
    int rc = aer__kv_begin_write(tables->kv, 0, &kv, err);

    *t = NULL;
    if (rc) return rc;
    rc = aer__tables_begin(tables, kv, true, t, err);
    if (rc == AER_OK && !((*t)->changes = aer__changes_new())) rc = aer__err_nomem(err);
    if (rc == AER_OK) {
        pthread_mutex_lock(&tables->lock);
        rc = aer__tables_follow(tables, aer__kv_tables_version(tables->kv), err);
        pthread_mutex_unlock(&tables->lock);
    }
    if (rc == AER_OK) return AER_OK;
    aer__tables_end(*t);
    *t = NULL;
    aer__kv_rollback(kv);
    return rc;
}

void aer__tables_abandon(struct table_txn *t)
{
    struct kv_txn *kv = t->kv;

    pthread_mutex_lock(&t->tables->lock);
    aer__tables_forget(t->tables); /* a definition may be half changed */
    pthread_mutex_unlock(&t->tables->lock);
    aer__tables_end(t);
    aer__kv_rollback(kv);
}

int aer__tables_write_definition(void *arg, struct catalog *c, struct err *err)
{
    const struct table *table = arg;
    struct catalog_table row = {table->id, table->name, table->config, table->prefix, table->prefix_rows};

    /* Now, while nobody can look: who came between the commit and this would write by the old definition, and after our
     * death everybody would. */
    aer__kv_tables_define(table->heap.kv);
    return aer__catalog_set_table(c, &row, err);
}

int aer__tables_commit_define(struct table_txn *t, struct table *table, struct err *err)
{
    struct files *files = t->tables->files;
    struct buf text = {0};
    int rc = aer__def_write(table, &text, err);

    if (rc == AER_OK)
        rc = aer__changes_write(t->changes, &table->heap.place, LAYOUT_CONFIG, text.data, text.size, false, err);
    if (rc == AER_OK && aer__buf_append(&text, "", 1)) rc = aer__err_nomem(err);
    if (rc) {
        aer__buf_release(&text);
        aer__tables_abandon(t);
        return rc;
    }
    aer__free(table->config);
    table->config = (char *)text.data;
    rc = commit(t, aer__tables_write_definition, table, err);
    aer__tables_end(t);
    if (rc == AER_OK) aer__files_after_commit(files);
    return rc;
}
