/* gertrude_table.c -- tables of gertrude: columns and indexes from their configs.
 *
 *     tables/NAME/config              [["name","str",{"pk":true}],...]  or  {"spec":[["name","str",{"pk":true,"unique":true,
 *                                     "nullable":false,"default":null}],...],"id":3}
 *     tables/NAME/index/NAME/config   {"name":"by_age","column":"age","coltype":"int","id":9,"unique":false,"nullable":true}
 *
 * For: import_gertrude.c. Must not know: files, our database. Whether names and defaults will do is for the database to say.
 *
 * gertrude wants a value in a column by its spec or by its index; ours can say it of the column only, so there it goes.
 */
#include "port/gertrude.h"

#include <stdlib.h>
#include <string.h>

static int parse(const void *data, size_t size, json_t **value, struct port_error *error)
{
    json_error_t cause;

    *value = json_loadb(data, size, JSON_REJECT_DUPLICATES, &cause);
    if (*value) return AER_OK;
    if (json_error_code(&cause) == json_error_out_of_memory) return aer__port_no_memory(error);
    return aer__port_fail(error, AER_CORRUPT, "byte %d: %s", cause.position, cause.text);
}

/* ---- columns ---------------------------------------------------------------------------- */

static int type_of(const char *name)
{
    static const char *const names[] = {"str", "int", "float", "bool"};

    for (int i = 0; name && i < 4; i++)
        if (strcmp(name, names[i]) == 0) return AER_STR + i;
    return 0;
}

/* An option that is true or false; ABSENT if it is not there. */
static int flag(json_t *options, const char *name, bool absent, bool *value, struct port_error *error)
{
    json_t *option = json_object_get(options, name);

    *value = json_is_true(option) || (!option && absent);
    if (!option || json_is_boolean(option)) return AER_OK;
    return aer__port_fail(error, AER_CORRUPT, "'%s' is neither true nor false", name);
}

static int take_column(struct gertrude_table *table, json_t *spec, struct port_error *error)
{
    aer_column *column = &table->columns[table->column_count];
    json_t *options = json_array_get(spec, 2), *value;
    bool pk = false, unique = false, nullable = true;
    int rc;

    column->name = json_string_value(json_array_get(spec, 0));
    column->type = type_of(json_string_value(json_array_get(spec, 1)));
    if (json_array_size(spec) < 2 || json_array_size(spec) > 3 || !column->name || (options && !json_is_object(options)))
        return aer__port_fail(error, AER_CORRUPT, "not of the form [name, type, {options}]");
    if (!column->type) return aer__port_fail(error, AER_CORRUPT, "its type is none of str, int, float, bool");
    rc = flag(options, "pk", false, &pk, error);
    if (rc == AER_OK) rc = flag(options, "unique", false, &unique, error);
    if (rc == AER_OK) rc = flag(options, "nullable", true, &nullable, error);
    if (rc != AER_OK) return rc;
    column->flags = (pk ? AER_PK : 0) | (!pk && unique ? AER_UNIQUE : 0) | (!pk && !nullable ? AER_NOTNULL : 0);
    value = json_object_get(options, "default");
    if (value && !json_is_null(value)) {
        column->default_json = table->defaults[table->column_count] = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        if (!column->default_json) return aer__port_no_memory(error);
    }
    table->column_count++;
    return AER_OK;
}

int aer__port_gertrude_spec(struct gertrude_table *table, const void *data, size_t size, struct port_error *error)
{
    json_t *list;
    size_t count;
    int rc;

    if (size == 0) return AER_OK;
    rc = parse(data, size, &table->config, error);
    if (rc != AER_OK) return rc;
    list = json_is_object(table->config) ? json_object_get(table->config, "spec") : table->config;
    if (!json_is_array(list)) return aer__port_fail(error, AER_CORRUPT, "there is no list of columns in it");
    count = json_array_size(list);
    table->columns = calloc(count ? count : 1, sizeof(*table->columns));
    table->defaults = calloc(count ? count : 1, sizeof(*table->defaults));
    if (!table->columns || !table->defaults) return aer__port_no_memory(error);
    for (size_t i = 0; rc == AER_OK && i < count; i++) {
        rc = take_column(table, json_array_get(list, i), error);
        if (rc != AER_OK) aer__port_prefix(error, "column %zu", i + 1);
    }
    return rc;
}

/* ---- indexes ---------------------------------------------------------------------------- */

static aer_column *find_column(struct gertrude_table *table, const char *name)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (strcmp(table->columns[i].name, name) == 0) return &table->columns[i];
    return NULL;
}

/* What INDEX->config says, into the rest of it. */
static int take_index(struct gertrude_table *table, struct gertrude_index *index, struct port_error *error)
{
    bool unique = false, nullable = true;
    aer_column *column;
    int rc;

    index->name = json_string_value(json_object_get(index->config, "name"));
    index->column = json_string_value(json_object_get(index->config, "column"));
    if (!index->name || !index->column) return aer__port_fail(error, AER_CORRUPT, "it does not say name and column");
    rc = flag(index->config, "unique", false, &unique, error);
    if (rc == AER_OK) rc = flag(index->config, "nullable", true, &nullable, error);
    if (rc != AER_OK) return rc;
    column = find_column(table, index->column);
    if (!column && table->column_count)
        return aer__port_fail(error, AER_CORRUPT, "there is no column '%.64s' in the table", index->column);
    index->flags = unique ? AER_UNIQUE : 0;
    index->automatic = column && unique && (column->flags & (AER_PK | AER_UNIQUE));
    if (column && !nullable && !(column->flags & AER_PK)) column->flags |= AER_NOTNULL;
    return AER_OK;
}

int aer__port_gertrude_index(struct gertrude_table *table, const void *data, size_t size, struct port_error *error)
{
    struct gertrude_index *grown = realloc(table->indexes, (table->index_count + 1) * sizeof(*grown));
    struct gertrude_index *index;
    int rc;

    if (!grown) return aer__port_no_memory(error);
    table->indexes = grown;
    index = &grown[table->index_count];
    memset(index, 0, sizeof(*index));
    rc = parse(data, size, &index->config, error);
    if (rc != AER_OK) return rc;
    table->index_count++;
    return take_index(table, index, error);
}

void aer__port_gertrude_table_release(struct gertrude_table *table)
{
    for (size_t i = 0; i < table->index_count; i++) json_decref(table->indexes[i].config);
    for (size_t i = 0; i < table->column_count; i++) free(table->defaults[i]);
    free(table->indexes);
    free(table->defaults);
    free(table->columns);
    json_decref(table->config);
    free(table->name);
    memset(table, 0, sizeof(*table));
}

/* ---- gertrude.conf ---------------------------------------------------------------------- */

const char *aer__port_gertrude_conf(const void *data, size_t size)
{
    json_t *conf = json_loadb(data, size, JSON_REJECT_DUPLICATES, NULL);
    const char *version = json_string_value(json_object_get(conf, "gertrude_version"));
    json_t *schema = json_object_get(conf, "schema_version");
    const char *why = NULL;

    if (!json_is_object(conf)) why = "its gertrude.conf is not JSON";
    else if (version && strncmp(version, "aerials ", 8) == 0) why = "it is a database of Aerials, not of gertrude";
    else if (!json_is_integer(schema) || json_integer_value(schema) != 1) why = "its schema_version is not 1";
    json_decref(conf);
    return why;
}
