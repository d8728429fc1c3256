/* cmd_delete.c -- remove the rows of a table that an SQL expression picks, all of them or none. */
#include "cli.h"
#include "verbs.h"

enum { OPT_WHERE, OPT_ALL };

static const struct cli_option options[] = {
    [OPT_WHERE] = {"where", 0, "SQL", "the rows for which this expression is true"},
    [OPT_ALL] = {"all", 0, NULL, "every row, instead of --where"},
    {0},
};

static int run(struct cli *cli, const struct args *args)
{
    const char *where = args->value[OPT_WHERE];
    uint64_t count = 0;
    int rc, exit_code = where_take(cli, args, where, args->value[OPT_ALL] != NULL);

    if (exit_code == 0) exit_code = cli_open(cli, CLI_WRITE);
    if (exit_code) return exit_code;
    rc = aer_delete_where(cli->db, NULL, args->operand[0], where, &count);
    return cli_close(cli, where_answer(cli, rc, count));
}

const struct verb verb_delete = {
    .name = "delete",
    .synopsis = "TABLE --where=SQL|--all",
    .sentence = "Remove rows of a table, all of them or none, and print how many.",
    .notes = "SQL is an SQL expression over the columns, _id (the row's id) and _row (its JSON).\n"
             "Exit 1: no row is such. Keys are removed with `del`, tables with `table drop`.",
    .options = options,
    .examples = {"delete people --where \"city = 'Ulm' and age > 90\"", "delete people --all"},
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
