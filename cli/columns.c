/* columns.c -- the columns of a new table, as they are typed: COL:TYPE[:pk|:unique|:notnull|:default=V]...
 *
 * For: table. Must not know: which names, and which defaults for a type, the library takes.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

const char *const column_types[] = {
    NULL, [AER_STR] = "str", [AER_INT] = "int", [AER_FLOAT] = "float", [AER_BOOL] = "bool", [AER_JSON] = "json", NULL};
const char *const column_storages[] = {
    [AER_STORAGE_FILES] = "files", [AER_STORAGE_BUCKETS] = "buckets", [AER_STORAGE_GDBM] = "gdbm", NULL};

static const struct {
    const char *name;
    int flag;
} flags[] = {{"pk", AER_PK}, {"unique", AER_UNIQUE}, {"notnull", AER_NOTNULL}};

/* For a message. */
static const char *shown(const char *text)
{
    return key_text((aer_slice){text, strlen(text)});
}

static int take_type(struct cli *cli, aer_column *column, const char *type)
{
    static const char known[] = "str, int, float, bool, json";

    if (!type) return cli_usage(cli, "column '%s' has no type; they are %s", shown(column->name), known);
    for (int i = AER_STR; column_types[i]; i++)
        if (strcmp(type, column_types[i]) == 0) column->type = i;
    if (column->type) return 0;
    return cli_usage(cli, "column '%s': '%s' is no type; they are %s", shown(column->name), shown(type), known);
}

/* A default as JSON; *owned is to be freed. */
static int take_default(struct cli *cli, aer_column *column, const char *text, char **owned)
{
    json_t *string;

    if (column->type != AER_STR) {
        column->default_json = text;
        return 0;
    }
    if (!aer__port_is_utf8(text, strlen(text)))
        return cli_usage(cli, "column '%s': its default is not UTF-8", shown(column->name));
    string = json_string(text);
    *owned = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
    json_decref(string);
    column->default_json = *owned;
    return *owned ? 0 : cli_no_memory(cli);
}

static int take_flag(struct cli *cli, aer_column *column, const char *word)
{
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (strcmp(word, flags[i].name) == 0) {
            column->flags |= flags[i].flag;
            return 0;
        }
    return cli_usage(cli, "column '%s': '%s' is none of pk, unique, notnull, default=V", shown(column->name), shown(word));
}

static int parse_one(struct cli *cli, const char *word, aer_column *column, char *owned[2])
{
    char *rest = owned[0] = strdup(word), *name;
    int exit_code;

    if (!rest) return cli_no_memory(cli);
    name = strsep(&rest, ":");
    column->name = name;
    exit_code = take_type(cli, column, strsep(&rest, ":"));
    while (exit_code == 0 && rest) {
        if (strncmp(rest, "default=", 8) == 0) return take_default(cli, column, rest + 8, &owned[1]);
        exit_code = take_flag(cli, column, strsep(&rest, ":"));
    }
    return exit_code;
}

int columns_parse(struct cli *cli, char **words, int count, struct columns *columns)
{
    int exit_code = 0;

    *columns = (struct columns){0};
    columns->column = calloc((size_t)count + 1, sizeof(*columns->column));
    columns->owned = calloc((size_t)count + 1, 2 * sizeof(*columns->owned));
    if (!columns->column || !columns->owned) return cli_no_memory(cli);
    for (int i = 0; exit_code == 0 && i < count; i++, columns->count++)
        exit_code = parse_one(cli, words[i], &columns->column[i], &columns->owned[2 * i]);
    return exit_code;
}

void columns_release(struct columns *columns)
{
    for (size_t i = 0; columns->owned && i < 2 * columns->count; i++) free(columns->owned[i]);
    free(columns->owned);
    free(columns->column);
    *columns = (struct columns){0};
}
