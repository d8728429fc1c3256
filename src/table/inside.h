/* inside.h -- what the files of src/table share, and nobody else.
 *
 * One lock, tables->lock, guards definitions and index trees; it is held for one row or one chunk of a scan, never while waiting
 * for other processes. Order: files entered (or the turn) | tables->lock | locks of the store.
 */
#ifndef AER_TABLE_INSIDE_H
#define AER_TABLE_INSIDE_H

#include "heap/heap.h"
#include "index/index.h"
#include "table/table.h"
#include "json/json.h"

#include <pthread.h>

struct column {
    char *name;
    int type, flags;
    json_t *value; /* where a row has none; NULL: null */
};

struct table_index {
    struct index ix;
    char **paths; /* columns, or paths into JSON */
    int flags;    /* AER_UNIQUE, AER_PK */
    bool automatic;
    bool touched; /* by the write transaction that is open */
};

struct table {
    char name[LAYOUT_NAME_MAX + 1];
    uint32_t id;
    int storage;
    struct column *columns;
    size_t column_count;
    struct table_index **indexes;
    size_t index_count;
    unsigned next_index; /* the next index's number */
    char prefix[LAYOUT_ROW_PREFIX + 1];
    uint32_t prefix_rows;
    bool prefix_changed; /* by the write transaction that is open */
    bool checked;        /* its config file was compared with the catalogue's copy */
    char *config;        /* as the catalogue has it */
    struct heap heap;
};

struct tables {
    int dir;
    struct kv *kv;
    struct files *files;
    struct tables_options options;
    pthread_mutex_t lock;
    struct tree_cache *cache;
    struct table **at;
    size_t count;
    uint64_t version, defined; /* of the store's numbers, as seen last; defined 0: not loaded */
    struct buf key_bytes, key_json;
    struct layout_pool pool;
};

struct table_txn {
    struct tables *tables;
    struct kv_txn *kv;
    bool write;
    bool entered;              /* a reader who has entered the files */
    uint64_t version, defined; /* a reader: when its snapshot was taken; a writer: when it began */
    struct changes *changes;
    bool touched; /* definitions, trees or row prefixes */
};

/* ---- def.c ---- */
void aer__def_free(struct table *t);
/* From config's text, in which NAME is not. */
int aer__def_read(struct tables *tables, const char *name, const void *text, size_t size, struct table **table,
                  struct err *err);
/* The text of config, as people read it: sorted, indented. */
int aer__def_write(const struct table *t, struct buf *to, struct err *err);
/* An index of this definition, added to the table; number 0: the next. */
int aer__def_add_index(struct tables *tables, struct table *t, const char *name, const char *const *paths, size_t count,
                       int flags, bool automatic, unsigned number, struct err *err);
void aer__def_remove_index(struct table *t, size_t i);
int aer__def_add_column(struct table *t, const char *name, int type, int flags, const char *default_json, struct err *err);
struct column *aer__def_column(const struct table *t, const char *name, size_t size);
struct table_index *aer__def_index(const struct table *t, const char *name);
const char *aer__def_storage(int storage);
const char *aer__def_type(int type);

/* ---- define.c ---- */
/* The indexes that pk and unique columns need, where they are not there. */
int aer__def_complete(struct tables *tables, struct table *t, struct err *err);
uint32_t aer__def_new_id(const struct tables *tables);

/* ---- load.c: with tables->lock ---- */
/* Bring definitions and trees up to what was committed. version: from aer__files_enter, or with the turn. */
int aer__tables_follow(struct tables *tables, uint64_t version, struct err *err);
/* AER_NOTABLE, AER_CHANGED (its config was edited, or nobody has taken its folder over yet). */
int aer__tables_find(struct tables *tables, const char *name, struct table **table, struct err *err);
void aer__tables_forget(struct tables *tables); /* load all anew at the next follow */
/* Is there a table, or a folder, of this name in any case? */
bool aer__tables_taken(struct tables *tables, const char *name);

/* ---- row.c ---- */
/* A row's JSON, checked against the columns, with defaults filled in. text: its canonical form with the newline. */
int aer__row_read(const struct table *t, const void *json, size_t size, json_t **row, struct buf *text, struct err *err);
int aer__row_check(const struct table *t, json_t *row, struct buf *text, struct err *err);
/* The key of a row in an index; bytes and json are emptied first. */
int aer__row_key(const struct table_index *ti, const json_t *row, struct buf *bytes, struct buf *json, bool *has_null,
                 struct err *err);

/* ---- write.c ---- */
/* All index entries of a row. With tables->lock. */
int aer__table_find_conflict(struct table_txn *t, const struct table *table, const json_t *row, const char *except_id,
                             struct err *err);

/* ---- txn.c ---- */
/* Where to look from: entered, or with the turn; with tables->lock afterwards. leave gives both back. */
int aer__tables_enter(struct tables *tables, struct table_txn *t, const char *name, struct table **table, struct err *err);
void aer__tables_leave(struct tables *tables, struct table_txn *t);
/* The transaction cannot go on. */
int aer__tables_fail(struct table_txn *t, int rc, struct err *err);
struct heap_txn aer__tables_heap(const struct table_txn *t);
struct index_txn aer__tables_index(const struct table_txn *t);
/* For a commit that changes definitions: into the catalogue, and everybody loads them anew. arg is the table. */
int aer__tables_write_definition(void *arg, struct catalog *c, struct err *err);
/* A write transaction for a change of definitions. Commit writes the definition of table into catalogue and config. */
int aer__tables_begin_define(struct tables *tables, struct table_txn **t, struct err *err);
int aer__tables_commit_define(struct table_txn *t, struct table *table, struct err *err);
void aer__tables_abandon(struct table_txn *t); /* and its kv_txn */
/* aer__files_lock, when the commit has nothing to wait for any more but its readers; nobody else has changed anything since t began. */
int aer__tables_lock(struct table_txn *t, struct err *err);

/* ---- build.c ---- */
/* Entries of an index for all rows of the table, put into t's changes. With tables->lock. */
int aer__index_fill(struct table_txn *t, struct table *table, struct table_index *ti, aer_progress progress,
                    void *progress_arg, uint64_t *entries, struct err *err);
/* Remove what there is of an index. */
int aer__index_empty(struct table_txn *t, struct table *table, struct table_index *ti, struct err *err);

#endif
