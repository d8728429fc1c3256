/* cmd_index.c -- indexes of a table: make one, list them, drop one, build them anew and take over what was done by hand. */
#include "cli.h"
#include "verbs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_UNIQUE };

static const struct cli_option options[] = {
    [OPT_UNIQUE] = {"unique", 0, NULL, "create: no two rows with the same values"},
    {0},
};

static int on_progress(void *arg, uint64_t done, uint64_t total)
{
    progress_draw(arg, done, 0, done, total);
    return cli_stopped();
}

static void start(struct progress *progress, struct cli *cli, const char *word)
{
    progress_start(progress, cli, word);
    progress->noun = "rows";
}

/* ---- what `table show` prints, too ---- */

json_t *index_json(const aer_index_def *index)
{
    json_t *columns = json_array();

    for (size_t i = 0; i < index->column_count; i++)
        if (json_array_append_new(columns, json_string(index->columns[i]))) {
            json_decref(columns);
            return NULL;
        }
    return json_pack("{s:s, s:o, s:b, s:b}", "name", index->name, "columns", columns, "unique",
                     (index->flags & (AER_UNIQUE | AER_PK)) != 0, "pk", (index->flags & AER_PK) != 0);
}

int index_width(const aer_table_def *def)
{
    size_t width = 0;

    for (size_t i = 0; i < def->index_count; i++)
        if (strlen(def->indexes[i].name) > width) width = strlen(def->indexes[i].name);
    return (int)width;
}

int index_print(struct cli *cli, const aer_index_def *index, int width)
{
    cli_outf(cli, "%-*s  ", width, index->name);
    for (size_t i = 0; i < index->column_count; i++) cli_outf(cli, "%s%s", i ? "," : "", index->columns[i]);
    return cli_outf(cli, "%s\n", index->flags & AER_PK ? "  pk" : index->flags & AER_UNIQUE ? "  unique" : "");
}

/* ---- create ---- */

/* TEXT at its commas; *columns is one block. */
static int split(struct cli *cli, const char *text, const char ***columns, size_t *count)
{
    size_t commas = 0;
    char *words, *word;

    for (const char *p = text; *p; p++) commas += *p == ',';
    *count = 0;
    *columns = malloc((commas + 1) * sizeof(**columns) + strlen(text) + 1);
    if (!*columns) return cli_no_memory(cli);
    words = strcpy((char *)(*columns + commas + 1), text);
    while ((word = strsep(&words, ",")) != NULL) {
        if (!*word)
            return cli_usage(cli, "index create: a column without a name in '%s'",
                             key_text((aer_slice){text, strlen(text)}));
        (*columns)[(*count)++] = word;
    }
    return 0;
}

static int create(struct cli *cli, const struct args *args)
{
    const char *table = args->operand[1], *name = args->operand[2], **columns = NULL;
    struct progress progress;
    size_t count = 0;
    int rc, exit_code = split(cli, args->operand[3], &columns, &count);

    if (exit_code == 0) {
        start(&progress, cli, "index create");
        rc = aer_index_create(cli->db, table, name, columns, count, args->value[OPT_UNIQUE] ? AER_UNIQUE : 0,
                              on_progress, &progress);
        progress_clear(&progress);
        if (rc != AER_OK) exit_code = cli_fail_db(cli, rc, "index create");
        else if (cli->json) cli_json_ok(cli, json_pack("{s:s, s:s}", "table", table, "name", name));
    }
    free(columns);
    return exit_code;
}

/* ---- ls, drop ---- */

static int list(struct cli *cli, const struct args *args)
{
    aer_table_def *def = NULL;
    int rc = aer_table_get(cli->db, args->operand[1], &def);

    if (rc != AER_OK) return cli_fail_db(cli, rc, "index ls");
    for (size_t i = 0, stop = 0; i < def->index_count && !stop; i++)
        stop = (cli->json ? cli_row(cli, index_json(&def->indexes[i]))
                          : index_print(cli, &def->indexes[i], index_width(def))) != 0;
    aer_free(def);
    return EXIT_YES;
}

static int drop(struct cli *cli, const struct args *args)
{
    const char *table = args->operand[1], *name = args->operand[2];
    int rc = aer_index_drop(cli->db, table, name);

    if (rc != AER_OK) return cli_fail_db(cli, rc, "index drop");
    return cli->json ? cli_json_ok(cli, json_pack("{s:s, s:s}", "table", table, "name", name)) : EXIT_YES;
}

/* ---- rebuild ---- */

static int answer(struct cli *cli, const aer_rebuild_result *r)
{
    if (cli->json)
        return cli_json_ok(cli, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "rows", (json_int_t)r->rows, "added",
                                          (json_int_t)r->added, "changed", (json_int_t)r->changed, "removed",
                                          (json_int_t)r->removed, "indexes", (json_int_t)r->indexes, "entries",
                                          (json_int_t)r->entries));
    cli_outf(cli, "rows %" PRIu64 ", added %" PRIu64 ", changed %" PRIu64 ", removed %" PRIu64, r->rows, r->added,
             r->changed, r->removed);
    cli_outf(cli, "; %" PRIu64 " indexes with %" PRIu64 " entries built\n", r->indexes, r->entries);
    return EXIT_YES;
}

static int rebuild(struct cli *cli, const struct args *args)
{
    aer_rebuild_result result = {0};
    struct progress progress;
    int rc;

    start(&progress, cli, "index rebuild");
    rc = aer_index_rebuild(cli->db, args->operand[1], args->operand[2], on_progress, &progress, &result);
    progress_clear(&progress);
    return rc == AER_OK ? answer(cli, &result) : cli_fail_db(cli, rc, "index rebuild");
}

static const struct sub subs[] = {
    {"create", "TABLE NAME COL[,COL...] [--unique]", 3, 3, CLI_WRITE, 1u << OPT_UNIQUE, create},
    {"ls", "TABLE", 1, 1, CLI_READ, 0, list},
    {"drop", "TABLE NAME", 2, 2, CLI_WRITE, 0, drop},
    {"rebuild", "TABLE [NAME]", 1, 2, CLI_WRITE, 0, rebuild},
    {0},
};

static int run(struct cli *cli, const struct args *args)
{
    cli->table = args->operand[1]; /* NULL: none is named */
    return sub_run(cli, args);
}

const struct verb verb_index = {
    .name = "index",
    .synopsis = "create TABLE NAME COLS | ls TABLE | drop TABLE NAME | rebuild TABLE [NAME]",
    .sentence = "Create, list, drop or rebuild the indexes of a table.",
    .notes = "COLS is COL[,COL...]; a COL is a column, or a path into JSON: address.city. `index rebuild`\n"
             "takes over what was done by hand to the files of the table, rows put there, edited or\n"
             "removed, then builds the index (all of them without NAME) anew, and says what it found.",
    .options = options,
    .examples = {"index create people by_city address.city,name", "index rebuild people"},
    .min_operands = 1,
    .max_operands = 4,
    .subs = subs,
    .run = run,
};
