/* def.c -- definitions of tables: tables/people/config, and what it is in memory.
 *
 *   { "columns": [ { "name": "name", "pk": true, "type": "str" }, ... ],      [] or missing: rows of any form
 *     "id": 7,
 *     "indexes": [ { "automatic": true, "columns": ["name"], "name": "pk_name", "number": 1, "unique": true }, ... ],
 *     "next_index": 2, "schema_version": 1, "storage": "files" }
 */
#include "table/inside.h"

#include <string.h>

#define SCHEMA_VERSION 1
#define COLUMNS_MAX 1000
#define PATHS_MAX 16
#define NUMBER_MAX 1000000000 /* of an index: some are given by hand */

static const char *const storages[] = {
    [AER_STORAGE_FILES] = "files", [AER_STORAGE_BUCKETS] = "buckets", [AER_STORAGE_GDBM] = "gdbm"};
static const char *const types[] = {
    [AER_STR] = "str", [AER_INT] = "int", [AER_FLOAT] = "float", [AER_BOOL] = "bool", [AER_JSON] = "json"};

const char *aer__def_storage(int storage)
{
    return storages[storage];
}

const char *aer__def_type(int type)
{
    return types[type];
}

static void free_index(struct table_index *ti)
{
    if (!ti) return;
    aer__tree_close(ti->ix.tree);
    for (size_t i = 0; ti->paths && i < ti->ix.columns; i++) aer__free(ti->paths[i]);
    aer__free(ti->paths);
    aer__free(ti);
}

void aer__def_free(struct table *t)
{
    if (!t) return;
    for (size_t i = 0; i < t->index_count; i++) free_index(t->indexes[i]);
    for (size_t i = 0; i < t->column_count; i++) {
        aer__free(t->columns[i].name);
        json_decref(t->columns[i].value);
    }
    aer__free(t->indexes);
    aer__free(t->columns);
    aer__free(t->config);
    aer__free(t);
}

struct column *aer__def_column(const struct table *t, const char *name, size_t size)
{
    for (size_t i = 0; i < t->column_count; i++) {
        if (strlen(t->columns[i].name) == size && memcmp(t->columns[i].name, name, size) == 0) return &t->columns[i];
    }
    return NULL;
}

struct table_index *aer__def_index(const struct table *t, const char *name)
{
    for (size_t i = 0; i < t->index_count; i++) {
        if (strcmp(t->indexes[i]->ix.name, name) == 0) return t->indexes[i];
    }
    return NULL;
}

/* ---- building ---- */

static int check_default(const struct table *t, const char *name, int type, const char *text, json_t **value, struct err *err)
{
    struct table like = {.column_count = 1};
    struct column column = {.name = (char *)name, .type = type};
    json_t *row = NULL;
    struct buf ignored = {0};
    int rc = aer__json_read(text, strlen(text), value, err);

    (void)t;
    if (rc == AER_OK) {
        like.columns = &column;
        row = json_object();
        if (!row || json_object_set(row, name, *value)) rc = aer__err_nomem(err);
    }
    if (rc == AER_OK) rc = aer__row_check(&like, row, &ignored, err);
    if (rc == AER_OK) {
        json_decref(*value);
        *value = json_incref(json_object_get(row, name)); /* an integer has become a real, where that is the type */
    }
    if (rc) aer__err_prefix(err, "the default of column '%s'", name);
    aer__buf_release(&ignored);
    json_decref(row);
    return rc;
}

int aer__def_add_column(struct table *t, const char *name, int type, int flags, const char *default_json, struct err *err)
{
    struct column *more, column = {.type = type, .flags = flags & AER_PK ? flags | AER_UNIQUE | AER_NOTNULL : flags};
    int rc = AER_OK;

    if (!aer__layout_name_ok(name))
        return aer__err_set(err, AER_INVALID, "'%s' is no column name: letters, digits and _, at most %d",
                            name ? name : "", LAYOUT_NAME_MAX);
    for (size_t i = 0; i < t->column_count; i++) {
        if (strcasecmp(t->columns[i].name, name) == 0)
            return aer__err_set(err, AER_INVALID, "two columns are called '%s'", name);
        if ((flags & AER_PK) && (t->columns[i].flags & AER_PK))
            return aer__err_set(err, AER_INVALID, "'%s' and '%s' cannot both be pk", t->columns[i].name, name);
    }
    if (type < AER_STR || type > AER_JSON) return aer__err_set(err, AER_INVALID, "column '%s' has no type", name);
    if (t->column_count == COLUMNS_MAX) return aer__err_set(err, AER_INVALID, "more than %d columns", COLUMNS_MAX);
    if (default_json) rc = check_default(t, name, type, default_json, &column.value, err);
    if (rc == AER_OK) {
        column.name = aer__strdup(name);
        more = column.name ? aer__realloc(t->columns, (t->column_count + 1) * sizeof *more) : NULL;
        if (more) {
            t->columns = more;
            t->columns[t->column_count++] = column;
            return AER_OK;
        }
        rc = aer__err_nomem(err);
    }
    aer__free(column.name);
    json_decref(column.value);
    return rc;
}

/* A column of the table, or a path into one that is JSON, or any path if there are no columns. */
static int check_path(const struct table *t, const char *path, struct err *err)
{
    size_t size = path ? strcspn(path, ".") : 0;
    const struct column *column = path ? aer__def_column(t, path, size) : NULL;

    if (!path || !*path || *path == '.' || path[strlen(path) - 1] == '.' || strstr(path, ".."))
        return aer__err_set(err, AER_INVALID, "'%s' is no column or path to index", path ? path : "");
    if (strlen(path) > 1024) return aer__err_set(err, AER_INVALID, "a path has more than 1024 bytes");
    if (t->column_count == 0) return AER_OK;
    if (!column) return aer__err_set(err, AER_NOTABLE, "table '%s' has no column '%.*s'", t->name, (int)size, path);
    if (path[size] && column->type != AER_JSON)
        return aer__err_set(err, AER_INVALID, "column '%s' is %s, and has nothing within: only json has", column->name,
                            types[column->type]);
    return AER_OK;
}

static int copy_paths(struct table_index *ti, const struct table *t, const char *const *paths, size_t count, struct err *err)
{
    int rc = AER_OK;

    ti->paths = aer__calloc(count, sizeof *ti->paths);
    if (!ti->paths) return aer__err_nomem(err);
    ti->ix.columns = (unsigned)count;
    for (size_t i = 0; rc == AER_OK && i < count; i++) {
        rc = check_path(t, paths[i], err);
        if (rc) break;
        ti->paths[i] = aer__strdup(paths[i]);
        if (!ti->paths[i]) rc = aer__err_nomem(err);
    }
    return rc;
}

int aer__def_add_index(struct tables *tables, struct table *t, const char *name, const char *const *paths, size_t count,
                       int flags, bool automatic, unsigned number, struct err *err)
{
    struct table_index *ti, **more;
    int rc;

    if (!aer__layout_name_ok(name))
        return aer__err_set(err, AER_INVALID, "'%s' is no index name: letters, digits and _, at most %d",
                            name ? name : "", LAYOUT_NAME_MAX);
    if (count < 1 || count > PATHS_MAX)
        return aer__err_set(err, AER_INVALID, "an index has 1 to %d columns", PATHS_MAX);
    for (size_t i = 0; i < t->index_count; i++) {
        if (strcasecmp(t->indexes[i]->ix.name, name) == 0)
            return aer__err_set(err, AER_EXISTS, "table '%s' has an index '%s' already", t->name, t->indexes[i]->ix.name);
    }
    if (!number) number = t->next_index;
    /* What could not be read again would make all tables unusable, and two indexes of one number would be one. */
    if (number > NUMBER_MAX)
        return aer__err_set(err, AER_INVALID, "table '%s' has no number left for an index", t->name);
    for (size_t i = 0; i < t->index_count; i++) {
        if (t->indexes[i]->ix.number == number)
            return aer__err_set(err, AER_INVALID, "indexes '%s' and '%s' have the same number", t->indexes[i]->ix.name, name);
    }
    ti = aer__calloc(1, sizeof *ti);
    if (!ti) return aer__err_nomem(err);
    rc = copy_paths(ti, t, paths, count, err);
    if (rc) goto out;
    memcpy(ti->ix.name, name, strlen(name) + 1);
    ti->ix.number = number;
    ti->ix.unique = flags & AER_UNIQUE;
    ti->ix.place = t->heap.place;
    ti->ix.files = tables->files;
    ti->ix.kv = tables->kv;
    ti->flags = flags;
    ti->automatic = automatic;
    if (t->storage != AER_STORAGE_BUCKETS)
        rc = aer__index_open_tree(&ti->ix, tables->cache, tables->options.fanout, err);
    if (rc) goto out;
    more = aer__realloc(t->indexes, (t->index_count + 1) * sizeof *more);
    if (!more) {
        rc = aer__err_nomem(err);
        goto out;
    }
    t->indexes = more;
    t->indexes[t->index_count++] = ti;
    t->next_index = AER_MAX(t->next_index, ti->ix.number + 1);
    return AER_OK;
out:
    free_index(ti);
    return rc;
}

void aer__def_remove_index(struct table *t, size_t i)
{
    free_index(t->indexes[i]);
    memmove(&t->indexes[i], &t->indexes[i + 1], (t->index_count - i - 1) * sizeof t->indexes[0]);
    t->index_count--;
}

/* ---- reading ---- */

static int find_word(const char *const *words, size_t count, const char *word)
{
    for (size_t i = 0; word && i < count; i++) {
        if (words[i] && strcmp(words[i], word) == 0) return (int)i;
    }
    return -1;
}

static int read_column(struct table *t, const json_t *object, struct err *err)
{
    const json_t *value = json_object_get(object, "default");
    struct buf text = {0};
    int flags = (json_is_true(json_object_get(object, "pk")) ? AER_PK : 0) |
                (json_is_true(json_object_get(object, "unique")) ? AER_UNIQUE : 0) |
                (json_is_true(json_object_get(object, "notnull")) ? AER_NOTNULL : 0);
    int type = find_word(types, AER_COUNT(types), json_string_value(json_object_get(object, "type")));
    int rc = value ? aer__json_write(&text, value, err) : AER_OK;

    if (rc == AER_OK && aer__buf_append(&text, "", 1)) rc = aer__err_nomem(err);
    if (rc == AER_OK)
        rc = aer__def_add_column(t, json_string_value(json_object_get(object, "name")), type, flags,
                                 value ? (const char *)text.data : NULL, err);
    aer__buf_release(&text);
    return rc;
}

static int read_index(struct tables *tables, struct table *t, const json_t *object, struct err *err)
{
    const json_t *columns = json_object_get(object, "columns"), *number = json_object_get(object, "number");
    const char *paths[PATHS_MAX];
    size_t count = json_array_size(columns);
    int flags = (json_is_true(json_object_get(object, "unique")) ? AER_UNIQUE : 0) |
                (json_is_true(json_object_get(object, "pk")) ? AER_PK : 0);
    json_int_t n = json_integer_value(number);

    if (count > PATHS_MAX) count = 0;
    for (size_t i = 0; i < count; i++) paths[i] = json_string_value(json_array_get(columns, i));
    if (n < 1 || n > NUMBER_MAX) return aer__err_set(err, AER_INVALID, "an index has no number");
    return aer__def_add_index(tables, t, json_string_value(json_object_get(object, "name")), paths, count, flags,
                              json_is_true(json_object_get(object, "automatic")), (unsigned)n, err);
}

static int read_all(struct tables *tables, struct table *t, const json_t *root, struct err *err)
{
    const json_t *version = json_object_get(root, "schema_version"), *id = json_object_get(root, "id"), *item;
    json_int_t next;
    size_t i;
    int rc = AER_OK;

    if (!json_is_object(root)) return aer__err_set(err, AER_INVALID, "it is no JSON object");
    if (json_integer_value(version) > SCHEMA_VERSION)
        return aer__err_set(err, AER_NEWER, "it has schema_version %d; this version reads up to %d",
                            (int)json_integer_value(version), SCHEMA_VERSION);
    t->storage = find_word(storages, AER_COUNT(storages), json_string_value(json_object_get(root, "storage")));
    if (t->storage < 0) return aer__err_set(err, AER_INVALID, "it has no storage that we know");
    if (json_integer_value(id) < 1 || json_integer_value(id) > INT32_MAX)
        return aer__err_set(err, AER_INVALID, "it has no id");
    t->id = (uint32_t)json_integer_value(id);
    next = json_integer_value(json_object_get(root, "next_index"));
    t->next_index = next < 1 || next > NUMBER_MAX ? 1 : (unsigned)next; /* if it is nonsense: indexes raise it */
    t->heap = (struct heap){.storage = t->storage,
                            .place = {t->id, t->name, t->storage == AER_STORAGE_GDBM},
                            .files = tables->files,
                            .kv = tables->kv};
    json_array_foreach(json_object_get(root, "columns"), i, item)
    {
        if (rc == AER_OK) rc = read_column(t, item, err);
    }
    json_array_foreach(json_object_get(root, "indexes"), i, item)
    {
        if (rc == AER_OK) rc = read_index(tables, t, item, err);
    }
    return rc;
}

int aer__def_read(struct tables *tables, const char *name, const void *text, size_t size, struct table **table,
                  struct err *err)
{
    struct table *t = aer__calloc(1, sizeof *t);
    json_t *root = NULL;
    int rc;

    *table = NULL;
    if (!t) return aer__err_nomem(err);
    memcpy(t->name, name, strlen(name) + 1);
    rc = aer__json_read(text, size, &root, err);
    if (rc == AER_OK) rc = read_all(tables, t, root, err);
    if (rc == AER_OK && !(t->config = aer__memdup(text, size))) rc = aer__err_nomem(err);
    json_decref(root);
    if (rc == AER_OK) {
        *table = t;
        return AER_OK;
    }
    aer__def_free(t);
    if (rc == AER_INVALID || rc == AER_NOTABLE || rc == AER_EXISTS) {
        if (err) err->code = AER_CORRUPT;
        rc = AER_CORRUPT;
    }
    aer__err_prefix(err, "'" LAYOUT_TABLES "/%s/" LAYOUT_CONFIG "'", name);
    return rc;
}

/* ---- writing ---- */

/* By hand, so that every line is one thing and a failed allocation is seen. */
static int add(struct buf *to, const char *text, struct err *err)
{
    return aer__buf_append(to, text, strlen(text)) ? aer__err_nomem(err) : AER_OK;
}

static int add_string(struct buf *to, const char *before, const char *text, const char *behind, struct err *err)
{
    int rc = add(to, before, err);

    if (rc == AER_OK) rc = aer__json_write_string(to, text, strlen(text), err);
    return rc ? rc : add(to, behind, err);
}

static int write_column(const struct column *c, struct buf *to, struct err *err)
{
    int rc = add(to, "\n    {", err);

    if (rc == AER_OK && c->value) {
        rc = add(to, "\"default\": ", err);
        if (rc == AER_OK) rc = aer__json_write(to, c->value, err);
        if (rc == AER_OK) rc = add(to, ", ", err);
    }
    if (rc == AER_OK) rc = add_string(to, "\"name\": ", c->name, "", err);
    if (rc == AER_OK && (c->flags & AER_NOTNULL) && !(c->flags & AER_PK)) rc = add(to, ", \"notnull\": true", err);
    if (rc == AER_OK && (c->flags & AER_PK)) rc = add(to, ", \"pk\": true", err);
    if (rc == AER_OK) rc = add_string(to, ", \"type\": ", types[c->type], "", err);
    if (rc == AER_OK && (c->flags & AER_UNIQUE) && !(c->flags & AER_PK)) rc = add(to, ", \"unique\": true", err);
    return rc ? rc : add(to, "}", err);
}

static int write_index(const struct table_index *ti, struct buf *to, struct err *err)
{
    char number[64];
    int rc = add(to, ti->automatic ? "\n    {\"automatic\": true, \"columns\": [" : "\n    {\"columns\": [", err);

    for (size_t i = 0; rc == AER_OK && i < ti->ix.columns; i++)
        rc = add_string(to, i ? ", " : "", ti->paths[i], "", err);
    if (rc == AER_OK) rc = add_string(to, "], \"name\": ", ti->ix.name, "", err);
    snprintf(number, sizeof number, ", \"number\": %u%s%s}", ti->ix.number, ti->flags & AER_PK ? ", \"pk\": true" : "",
             ti->flags & AER_UNIQUE ? ", \"unique\": true" : "");
    return rc ? rc : add(to, number, err);
}

int aer__def_write(const struct table *t, struct buf *to, struct err *err)
{
    char numbers[64];
    int rc = add(to, "{\n  \"columns\": [", err);

    for (size_t i = 0; rc == AER_OK && i < t->column_count; i++) {
        if (i) rc = add(to, ",", err);
        if (rc == AER_OK) rc = write_column(&t->columns[i], to, err);
    }
    snprintf(numbers, sizeof numbers, "],\n  \"id\": %u,\n  \"indexes\": [", t->id);
    if (rc == AER_OK) rc = add(to, t->column_count ? "\n  " : "", err);
    if (rc == AER_OK) rc = add(to, numbers, err);
    for (size_t i = 0; rc == AER_OK && i < t->index_count; i++) {
        if (i) rc = add(to, ",", err);
        if (rc == AER_OK) rc = write_index(t->indexes[i], to, err);
    }
    snprintf(numbers, sizeof numbers, "],\n  \"next_index\": %u,\n  \"schema_version\": %d,\n", t->next_index, SCHEMA_VERSION);
    if (rc == AER_OK) rc = add(to, t->index_count ? "\n  " : "", err);
    if (rc == AER_OK) rc = add(to, numbers, err);
    return rc ? rc : add_string(to, "  \"storage\": ", storages[t->storage], "\n}\n", err);
}
