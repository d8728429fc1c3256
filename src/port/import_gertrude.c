/* import_gertrude.c -- a database of the Python program gertrude into tables.
 *
 * For: port.c. Must not know: how a row is written (gertrude_value.c), what a config says (gertrude_table.c).
 *
 * 1. All configs are read, and the names looked for in our database, before anything is written. Then come the tables with their unique
 *    indexes, so that a row that breaks one is told by its file; then rows, batch by batch; then the other
 *    indexes, which are cheaper to build of rows that are there.
 * 2. A row that is damaged or does not fit ends the import: nothing of its batch is stored, and tables without rows are taken away again. So a
 *    table that was left incomplete is named, and is the only one that has to be dropped before the next try.
 * 3. Only files of DIR are read: each level is opened without following a link. A link or a device where a row should be is a
 *    failure; a file whose name is none of a row is told and left out.
 * 4. Rows get ids of ours. In what order they come is the order of their old ids.
 */
#include "port/gertrude.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BATCH_BYTES = 8 << 20 };

/* A row of the batch that is open. */
struct recent {
    char id[AER_ID_SIZE];
    char file[24]; /* XX/YY/<rest> */
};

struct import {
    struct sink *sink;
    int root;
    struct gertrude_at at;
    struct gertrude_table *tables;
    size_t table_count;
    struct gertrude_table *table; /* whose rows come; NULL before the first */
    struct recent *recent;
    size_t recent_count, recent_capacity;
};

/* ---- where we are ----------------------------------------------------------------------- */

static void tell(struct import *import, const char *why)
{
    aer_slice path = {import->at.path, strlen(import->at.path)};

    aer__port_skip(&import->sink->job->events, import->sink->counts, path, why);
}

static int read_config(struct import *import, int dir, const char *name, void **data, size_t *size, struct port_error *error)
{
    return aer__port_gertrude_read(&import->at, dir, name, GERTRUDE_CONFIG_MAX, data, size, error);
}

/* FN for what is in the directory NAME below the one we are in, if there is one. */
static int each_below(struct import *import, int dir, const char *name, gertrude_each fn, struct port_error *error)
{
    size_t above = aer__port_gertrude_down(&import->at, name);
    int rc = AER_OK;

    if (aer__port_gertrude_is(dir, name, 0)) rc = aer__port_gertrude_each(&import->at, dir, name, fn, import, error);
    aer__port_gertrude_up(&import->at, above);
    return rc;
}

/* ---- configs ---------------------------------------------------------------------------- */

static int take_index(void *arg, int dir, const char *name, struct port_error *error)
{
    struct import *import = arg;
    struct gertrude_table *table = &import->tables[import->table_count - 1];
    void *data = NULL;
    size_t size = 0, above;
    int fd, rc = aer__port_gertrude_open(&import->at, dir, name, O_DIRECTORY, &fd, error);

    if (rc != AER_OK) return rc;
    if (!aer__port_gertrude_is(fd, "config", 0)) { /* so it was at first */
        tell(import, "an index without a config: of which column, nobody says");
        close(fd);
        return AER_OK;
    }
    above = aer__port_gertrude_down(&import->at, "config");
    rc = read_config(import, fd, "config", &data, &size, error);
    if (rc == AER_OK) {
        rc = aer__port_gertrude_index(table, data, size, error);
        if (rc != AER_OK) aer__port_gertrude_prefix(&import->at, error);
    }
    aer__port_gertrude_up(&import->at, above);
    free(data);
    close(fd);
    return rc;
}

/* Columns and indexes of the table in the directory FD. */
static int take_configs(struct import *import, int fd, struct gertrude_table *table, struct port_error *error)
{
    size_t size = 0, above = aer__port_gertrude_down(&import->at, "config");
    void *data = NULL;
    int rc = AER_OK;

    if (aer__port_gertrude_is(fd, "config", 0)) rc = read_config(import, fd, "config", &data, &size, error);
    if (rc == AER_OK) {
        rc = aer__port_gertrude_spec(table, data, size, error);
        if (rc != AER_OK) aer__port_gertrude_prefix(&import->at, error);
    }
    aer__port_gertrude_up(&import->at, above);
    free(data);
    return rc == AER_OK ? each_below(import, fd, "index", take_index, error) : rc;
}

static int take_table(void *arg, int dir, const char *name, struct port_error *error)
{
    struct import *import = arg;
    const char *wanted = import->sink->job->table;
    struct gertrude_table *grown;
    int fd, rc;

    if (wanted && strcmp(wanted, name) != 0) return AER_OK;
    if (aer__port_gertrude_is(dir, name, S_IFREG)) {
        tell(import, "a file where a table should be");
        return AER_OK;
    }
    grown = realloc(import->tables, (import->table_count + 1) * sizeof(*grown));
    if (!grown) return aer__port_no_memory(error);
    import->tables = grown;
    grown[import->table_count] = (struct gertrude_table){.name = strdup(name)};
    if (!grown[import->table_count].name) return aer__port_no_memory(error);
    import->table_count++;
    rc = aer__port_gertrude_open(&import->at, dir, name, O_DIRECTORY, &fd, error);
    if (rc != AER_OK) return rc;
    rc = take_configs(import, fd, &import->tables[import->table_count - 1], error);
    close(fd);
    return rc;
}

static int take_conf(struct import *import, struct port_error *error)
{
    size_t size = 0, above;
    const char *why;
    void *data;
    int rc;

    if (aer__port_gertrude_is(import->root, "aerial.sq3", 0))
        return aer__port_fail(error, AER_INVALID, "it is a database of Aerials, not of gertrude");
    if (!aer__port_gertrude_is(import->root, "gertrude.conf", S_IFREG))
        return aer__port_fail(error, AER_INVALID, "it holds no gertrude.conf");
    above = aer__port_gertrude_down(&import->at, "gertrude.conf");
    rc = read_config(import, import->root, "gertrude.conf", &data, &size, error);
    aer__port_gertrude_up(&import->at, above);
    if (rc != AER_OK) return rc;
    why = aer__port_gertrude_conf(data, size);
    free(data);
    return why ? aer__port_fail(error, AER_INVALID, "%s", why) : AER_OK;
}

/* ---- tables and indexes ----------------------------------------------------------------- */

struct taken {
    const struct import *import;
    char names[512];
};

static int note_taken(void *arg, const char *name)
{
    struct taken *taken = arg;
    size_t size = strlen(taken->names);

    for (size_t i = 0; i < taken->import->table_count; i++)
        if (strcasecmp(taken->import->tables[i].name, name) == 0)
            snprintf(taken->names + size, sizeof(taken->names) - size, "%s'%s'", size ? ", " : "", name);
    return 0;
}

static int check_free(struct import *import, struct port_error *error)
{
    struct taken taken = {.import = import};
    int rc = aer_tables(import->sink->db, note_taken, &taken);

    if (rc != AER_OK) return aer__port_fail_db(error, import->sink->db, rc);
    if (!taken.names[0]) return AER_OK;
    return aer__port_fail(error, AER_CONFLICT,
                          "the database has %s already; drop or rename that, or import single tables with --table",
                          taken.names);
}

/* Rows are what an index is made of; they count as progress although they are in. */
static int index_progress(void *arg, uint64_t done, uint64_t total)
{
    struct import *import = arg;
    const struct port_events *events = &import->sink->job->events;

    return events->progress
               ? events->progress(events->arg, import->sink->counts->inserted, import->sink->counts->bytes, done, total)
               : 0;
}

/* Those that are unique, or those that are not. */
static int make_indexes(struct import *import, const struct gertrude_table *table, bool unique, struct port_error *error)
{
    aer_db *db = import->sink->db;

    for (size_t i = 0; i < table->index_count; i++) {
        const struct gertrude_index *index = &table->indexes[i];
        int rc;

        if (index->automatic || (index->flags == AER_UNIQUE) != unique) continue;
        rc = aer_index_create(db, table->name, index->name, &index->column, 1, index->flags, index_progress, import);
        if (rc != AER_OK) {
            aer__port_fail_db(error, db, rc);
            aer__port_prefix(error, "index '%s' of table '%s'", index->name, table->name);
            return error->code;
        }
        import->sink->counts->indexes++;
    }
    return AER_OK;
}

static int make_tables(struct import *import, struct port_error *error)
{
    aer_db *db = import->sink->db;
    int rc = AER_OK;

    for (size_t i = 0; rc == AER_OK && i < import->table_count; i++) {
        struct gertrude_table *table = &import->tables[i];
        aer_table_options options = {.size = sizeof(options), .storage = import->sink->job->storage};

        options.columns = table->column_count ? table->columns : NULL;
        options.column_count = table->column_count;
        rc = aer_table_create(db, table->name, &options);
        if (rc != AER_OK) {
            aer__port_fail_db(error, db, rc);
            aer__port_prefix(error, "table '%.64s'", table->name);
            return error->code;
        }
        table->created = true;
        import->sink->counts->tables++;
        rc = make_indexes(import, table, true, error);
    }
    return rc;
}

/* ---- rows ------------------------------------------------------------------------------- */

static int commit(struct import *import, struct port_error *error)
{
    bool some = import->sink->rows > 0;
    int rc = aer__port_sink_commit(import->sink, error);

    import->recent_count = 0;
    if (rc == AER_OK && some) import->table->stored = true;
    return rc;
}

/* Which file of this batch is meant by the row that MESSAGE names by an id of ours? The id itself means nothing once the batch is undone. */
static const struct recent *other_row(const struct import *import, const char *message)
{
    for (size_t i = 0; i < import->recent_count; i++)
        if (strstr(message, import->recent[i].id)) return &import->recent[i];
    return NULL;
}

static int insert_failed(struct import *import, int rc, struct port_error *error)
{
    const struct recent *other;
    size_t size;

    aer__port_fail_db(error, import->sink->db, rc);
    aer__port_gertrude_prefix(&import->at, error);
    other = rc == AER_CONFLICT ? other_row(import, error->message) : NULL;
    size = strlen(error->message);
    if (other)
        snprintf(error->message + size, sizeof(error->message) - size, " (that row is 'tables/%s/data/%s')",
                 import->table->name, other->file);
    return rc;
}

static int note_recent(struct import *import, const char *id, struct port_error *error)
{
    const char *file = import->at.path + strlen(import->at.path);
    struct recent *grown;

    if (import->recent_count == import->recent_capacity) {
        size_t capacity = import->recent_capacity ? import->recent_capacity * 2 : 256;

        grown = realloc(import->recent, capacity * sizeof(*grown));
        if (!grown) return aer__port_no_memory(error);
        import->recent = grown;
        import->recent_capacity = capacity;
    }
    for (int slashes = 0; slashes < 3 && file > import->at.path; slashes += *--file == '/') {}
    snprintf(import->recent[import->recent_count].id, AER_ID_SIZE, "%s", id);
    snprintf(import->recent[import->recent_count].file, sizeof(import->recent->file), "%s", file + 1);
    import->recent_count++;
    return AER_OK;
}

static int insert(struct import *import, json_t *row, struct port_error *error)
{
    struct sink *sink = import->sink;
    char *text = json_dumps(row, JSON_COMPACT);
    char id[AER_ID_SIZE];
    int rc = text ? aer__port_sink_begin(sink, error) : aer__port_no_memory(error);

    if (rc == AER_OK) {
        rc = aer_txn_insert(sink->txn, import->table->name, text, strlen(text), id);
        if (rc != AER_OK) rc = insert_failed(import, rc, error);
    }
    free(text);
    return rc == AER_OK ? note_recent(import, id, error) : rc;
}

static int put_row(struct import *import, int dir, const char *name, struct port_error *error)
{
    struct sink *sink = import->sink;
    uint64_t most = sink->job->batch ? sink->job->batch : PORT_GERTRUDE_BATCH;
    json_t *value = NULL, *row = NULL;
    void *data;
    size_t size;
    int rc = aer__port_gertrude_read(&import->at, dir, name, AER_ROW_MAX, &data, &size, error);

    if (rc != AER_OK) return rc;
    rc = aer__port_gertrude_decode(data, size, &value, error);
    if (rc == AER_OK) rc = aer__port_gertrude_row(import->table, value, &row, error);
    if (rc != AER_OK) aer__port_gertrude_prefix(&import->at, error);
    if (rc == AER_OK) rc = insert(import, row, error);
    json_decref(value);
    json_decref(row);
    free(data);
    if (rc != AER_OK) return rc;
    sink->counts->inserted++;
    sink->counts->bytes += size;
    sink->rows++;
    sink->bytes += size;
    if (sink->rows >= most || (!sink->job->batch && sink->bytes >= BATCH_BYTES)) rc = commit(import, error);
    return rc == AER_OK ? aer__port_progress(&sink->job->events, sink->counts, 0, 0, error) : rc;
}

/* Digits and letters only, and so many of them. */
static bool is_part(const char *name, size_t size)
{
    return strlen(name) == size && strspn(name, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == size;
}

static int row_file(void *arg, int dir, const char *name, struct port_error *error)
{
    struct import *import = arg;

    if (is_part(name, 12) || is_part(name, 16)) return put_row(import, dir, name, error);
    tell(import, "its name is none of a row");
    return AER_OK;
}

static int level(struct import *import, int dir, const char *name, gertrude_each fn, struct port_error *error)
{
    if (is_part(name, 2)) return aer__port_gertrude_each(&import->at, dir, name, fn, import, error);
    tell(import, "its name is none that rows are under");
    return AER_OK;
}

static int lower_level(void *arg, int dir, const char *name, struct port_error *error)
{
    return level(arg, dir, name, row_file, error);
}

static int upper_level(void *arg, int dir, const char *name, struct port_error *error)
{
    return level(arg, dir, name, lower_level, error);
}

/* The rows of import->table, which is NAME in the directory DIR. */
static int put_rows(struct import *import, int dir, const char *name, struct port_error *error)
{
    int fd, rc = aer__port_gertrude_open(&import->at, dir, name, O_DIRECTORY, &fd, error);

    if (rc != AER_OK) return rc;
    rc = each_below(import, fd, "data", upper_level, error);
    close(fd);
    return rc == AER_OK ? commit(import, error) : rc;
}

static int put_table(struct import *import, struct gertrude_table *table, struct port_error *error)
{
    size_t above = aer__port_gertrude_down(&import->at, "tables"), middle;
    int tables, rc = aer__port_gertrude_open(&import->at, import->root, "tables", O_DIRECTORY, &tables, error);

    if (rc != AER_OK) return rc;
    import->table = table;
    middle = aer__port_gertrude_down(&import->at, table->name);
    rc = put_rows(import, tables, table->name, error);
    aer__port_gertrude_up(&import->at, middle);
    aer__port_gertrude_up(&import->at, above);
    close(tables);
    if (rc == AER_OK) rc = make_indexes(import, table, false, error);
    if (rc == AER_OK) table->stored = true; /* without any rows, too */
    return rc;
}

/* ---- all of it -------------------------------------------------------------------------- */

/* What stays behind, said with the failure. Tables into which nothing came are taken away; if that fails, they stay, empty. */
static void take_back(struct import *import, struct port_error *error)
{
    struct sink *sink = import->sink;
    uint64_t rows = sink->committed.inserted;
    const char *incomplete = import->table && import->table->stored ? import->table->name : NULL;
    size_t size = strlen(error->message);

    aer_rollback(sink->txn);
    sink->txn = NULL;
    for (size_t i = 0; i < import->table_count; i++) {
        struct gertrude_table *table = &import->tables[i];

        if (table->created && (!table->stored || rows == 0)) aer_table_drop(sink->db, table->name);
    }
    if (rows == 0) snprintf(error->message + size, sizeof(error->message) - size, "; nothing was stored");
    else
        snprintf(error->message + size, sizeof(error->message) - size, "; rows stored before it: %llu%s%.64s%s",
                 (unsigned long long)rows, incomplete ? ", and table '" : "", incomplete ? incomplete : "",
                 incomplete ? "' is incomplete: drop it before the next try" : "");
}

static int take_all(struct import *import, struct port_error *error)
{
    const char *wanted = import->sink->job->table;
    int rc = take_conf(import, error);

    if (rc == AER_OK) rc = each_below(import, import->root, "tables", take_table, error);
    if (rc == AER_OK && !aer__port_gertrude_is(import->root, "tables", S_IFDIR))
        rc = aer__port_fail(error, AER_INVALID, "it has no directory 'tables'");
    if (rc == AER_OK && wanted && import->table_count == 0)
        rc = aer__port_fail(error, AER_INVALID, "it has no table '%.64s'", wanted);
    return rc == AER_OK ? check_free(import, error) : rc;
}

int aer__port_import_gertrude(struct sink *sink, struct port_error *error)
{
    struct import import = {.sink = sink};
    int rc;

    import.root = open(sink->job->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (import.root < 0)
        return aer__port_fail(error, errno == ENOENT || errno == ENOTDIR ? AER_INVALID : AER_IO, "%s", strerror(errno));
    rc = take_all(&import, error);
    if (rc == AER_OK) {
        rc = make_tables(&import, error);
        for (size_t i = 0; rc == AER_OK && i < import.table_count; i++)
            rc = put_table(&import, &import.tables[i], error);
        if (rc != AER_OK) take_back(&import, error);
    }
    for (size_t i = 0; i < import.table_count; i++) aer__port_gertrude_table_release(&import.tables[i]);
    free(import.tables);
    free(import.recent);
    close(import.root);
    return rc;
}

bool aer__port_is_gertrude(const char *path)
{
    struct import import = {.root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    struct port_error error = {0};
    bool is;

    if (import.root < 0) return false;
    is = aer__port_gertrude_is(import.root, "tables", S_IFDIR) && take_conf(&import, &error) == AER_OK;
    close(import.root);
    return is;
}
