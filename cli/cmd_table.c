/* cmd_table.c -- tables: make one, list them, describe one, drop it, give it another name. */
#include "cli.h"
#include "verbs.h"

#include <string.h>

enum { OPT_STORAGE };

static const struct cli_option options[] = {
    [OPT_STORAGE] = {"storage", 0, "KIND", "create: files (one JSON file a row), buckets or gdbm; for ever"},
    {0},
};

/* ---- create, drop, rename ---- */

/* NAME is fine for the library when this is called. */
static int done(struct cli *cli, const char *name)
{
    return cli->json ? cli_json_ok(cli, json_pack("{s:s}", "name", name)) : EXIT_YES;
}

static int take_storage(struct cli *cli, const char *text, int *storage)
{
    *storage = AER_STORAGE_FILES;
    if (!text) return 0;
    for (int i = 0; column_storages[i]; i++)
        if (strcmp(text, column_storages[i]) == 0) {
            *storage = i;
            return 0;
        }
    return cli_usage(cli, "--storage: '%s' is none of files, buckets, gdbm", key_text((aer_slice){text, strlen(text)}));
}

static int create(struct cli *cli, const struct args *args)
{
    aer_table_options wanted = {.size = sizeof(wanted)};
    struct columns columns = {0};
    const char *name = args->operand[1];
    int rc, exit_code = take_storage(cli, args->value[OPT_STORAGE], &wanted.storage);

    if (exit_code == 0) exit_code = columns_parse(cli, args->operand + 2, args->count - 2, &columns);
    if (exit_code == 0) {
        wanted.columns = columns.count ? columns.column : NULL;
        wanted.column_count = columns.count;
        rc = aer_table_create(cli->db, name, &wanted);
        exit_code = rc == AER_OK ? done(cli, name) : cli_fail_db(cli, rc, "table create");
    }
    columns_release(&columns);
    return exit_code;
}

static int drop(struct cli *cli, const struct args *args)
{
    int rc = aer_table_drop(cli->db, args->operand[1]);

    return rc == AER_OK ? done(cli, args->operand[1]) : cli_fail_db(cli, rc, "table drop");
}

static int rename_table(struct cli *cli, const struct args *args)
{
    int rc = aer_table_rename(cli->db, args->operand[1], args->operand[2]);

    return rc == AER_OK ? done(cli, args->operand[2]) : cli_fail_db(cli, rc, "table rename");
}

/* ---- ls ---- */

static int list_one(void *arg, const char *name)
{
    struct cli *cli = arg;

    if (cli->json) return cli_row(cli, json_pack("{s:s}", "name", name)) || cli_stopped();
    return cli_outf(cli, "%s\n", name) || cli_stopped();
}

static int list(struct cli *cli, const struct args *args)
{
    int rc = aer_tables(cli->db, list_one, cli);

    (void)args;
    if (rc == AER_OK || (rc == AER_STOPPED && cli->out_error)) return EXIT_YES;
    return cli_fail_db(cli, rc, "table ls");
}

/* ---- show ---- */

static json_t *columns_json(const aer_table_def *def)
{
    json_t *array = json_array(), *object, *value;

    for (size_t i = 0; i < def->column_count; i++) {
        const aer_column *c = &def->columns[i];

        object = json_pack("{s:s, s:s, s:b, s:b, s:b}", "name", c->name, "type", column_types[c->type], "pk",
                           (c->flags & AER_PK) != 0, "unique", (c->flags & (AER_PK | AER_UNIQUE)) != 0, "notnull",
                           (c->flags & (AER_PK | AER_NOTNULL)) != 0);
        value = c->default_json ? json_loads(c->default_json, JSON_DECODE_ANY, NULL) : json_null();
        if (json_object_set_new(object, "default", value) || json_array_append_new(array, object)) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *indexes_json(const aer_table_def *def)
{
    json_t *array = json_array();

    for (size_t i = 0; i < def->index_count; i++)
        if (json_array_append_new(array, index_json(&def->indexes[i]))) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static int show_json(struct cli *cli, const aer_table_def *def)
{
    json_t *object = json_pack("{s:s, s:s, s:o, s:o}", "name", def->name, "storage", column_storages[def->storage],
                               "columns", columns_json(def), "indexes", indexes_json(def));

    return object ? cli_json_ok(cli, object) : cli_no_memory(cli);
}

static int widest_column(const aer_table_def *def)
{
    size_t width = 0;

    for (size_t i = 0; i < def->column_count; i++)
        if (strlen(def->columns[i].name) > width) width = strlen(def->columns[i].name);
    return (int)width;
}

static void show_column(struct cli *cli, const aer_column *c, const char *lead, int width)
{
    const char *type = column_types[c->type];

    /* Nothing stands behind the last word of a line. */
    cli_outf(cli, "%s%-*s  %s", lead, width, c->name, type);
    if (c->flags || c->default_json) cli_outf(cli, "%*s", (int)(strlen("float") - strlen(type)), "");
    if (c->flags & AER_PK) cli_outf(cli, "  pk");
    if (c->flags & AER_UNIQUE && !(c->flags & AER_PK)) cli_outf(cli, "  unique");
    if (c->flags & AER_NOTNULL && !(c->flags & AER_PK)) cli_outf(cli, "  notnull");
    if (c->default_json) cli_outf(cli, "  default %s", c->default_json);
    cli_outf(cli, "\n");
}

static void show_text(struct cli *cli, const aer_table_def *def)
{
    int width = widest_column(def);

    cli_outf(cli, "table    %s\nstorage  %s\n", def->name, column_storages[def->storage]);
    if (def->column_count == 0) cli_outf(cli, "columns  none, rows of any form\n");
    for (size_t i = 0; i < def->column_count; i++)
        show_column(cli, &def->columns[i], i ? "         " : "columns  ", width);
    if (def->index_count == 0) cli_outf(cli, "indexes  none\n");
    for (size_t i = 0; i < def->index_count; i++) {
        cli_outf(cli, "%s", i ? "         " : "indexes  ");
        index_print(cli, &def->indexes[i], index_width(def));
    }
}

static int show(struct cli *cli, const struct args *args)
{
    aer_table_def *def = NULL;
    int rc = aer_table_get(cli->db, args->operand[1], &def), exit_code = EXIT_YES;

    if (rc != AER_OK) return cli_fail_db(cli, rc, "table show");
    if (cli->json) exit_code = show_json(cli, def);
    else show_text(cli, def);
    aer_free(def);
    return exit_code;
}

static const struct sub subs[] = {
    {"create", "NAME [COLUMN...] [--storage=KIND]", 1, -1, CLI_WRITE, 1u << OPT_STORAGE, create},
    {"ls", "", 0, 0, CLI_READ, 0, list},
    {"show", "NAME", 1, 1, CLI_READ, 0, show},
    {"drop", "NAME", 1, 1, CLI_WRITE, 0, drop},
    {"rename", "OLD NEW", 2, 2, CLI_WRITE, 0, rename_table},
    {0},
};

static int run(struct cli *cli, const struct args *args)
{
    cli->table = args->operand[1]; /* NULL: none is named */
    return sub_run(cli, args);
}

const struct verb verb_table = {
    .name = "table",
    .synopsis = "create NAME [COLUMN...] | ls | show NAME | drop NAME | rename OLD NEW",
    .sentence = "Create, list, describe, drop or rename tables.",
    .notes = "COLUMN is NAME:TYPE, with any of :pk :unique :notnull :default=V behind it, V last; TYPE is\n"
             "str, int, float, bool or json. V is the text itself for str, JSON for the others. Without\n"
             "columns, rows may have any form. `table drop` removes the rows with the table.",
    .options = options,
    .examples = {"table create people", "table create staff email:str:pk age:int:notnull:default=7"},
    .min_operands = 1,
    .max_operands = -1,
    .subs = subs,
    .run = run,
};
