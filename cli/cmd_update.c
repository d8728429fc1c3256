/* cmd_update.c -- change the rows of a table that an SQL expression picks, all of them or none. */
#include "cli.h"
#include "verbs.h"

#include <inttypes.h>
#include <string.h>

enum { OPT_WHERE, OPT_SET, OPT_ALL };

static const struct cli_option options[] = {
    [OPT_WHERE] = {"where", 0, "SQL", "the rows for which this expression is true"},
    [OPT_SET] = {"set", 0, "COL=EXPR", "what a column becomes; as often as needed"},
    [OPT_ALL] = {"all", 0, NULL, "every row, instead of --where"},
    {0},
};

/* Whoever means every row says so. */
int where_take(struct cli *cli, const struct args *args, const char *where, bool all)
{
    const char *verb = args->verb->name;

    cli->table = args->operand[0];
    if (where && all) return cli_usage(cli, "%s: --where and --all do not go together", verb);
    if (!where && !all) return cli_usage(cli, "%s: which rows? --where=SQL, or --all", verb);
    if (where && !where[strspn(where, " \t\r\n")]) return cli_usage(cli, "%s: --where is empty", verb);
    return 0;
}

int where_answer(struct cli *cli, int rc, uint64_t count)
{
    const char *verb = cli->verb->name;

    if (rc != AER_OK) return cli_fail_db(cli, rc, "%s", verb);
    if (cli->json && count == 0)
        return cli_fail_with(cli, json_pack("{s:i}", "count", 0), EXIT_NO, "not_found", NULL, "%s: no such row", verb);
    if (cli->json) return cli_json_ok(cli, json_pack("{s:I}", "count", (json_int_t)count));
    cli_outf(cli, "%" PRIu64 "\n", count);
    return count ? EXIT_YES : EXIT_NO;
}

static int check_assignments(struct cli *cli, const struct args *args)
{
    if (args->each_count == 0) return cli_usage(cli, "update: what becomes of the rows? --set COL=EXPR");
    for (int i = 0; i < args->each_count; i++) {
        const char *text = args->each[i], *equals = strchr(text, '=');

        if (!equals || equals == text || !equals[1])
            return cli_usage(cli, "--set: '%s' is not COL=EXPR", key_text((aer_slice){text, strlen(text)}));
    }
    return 0;
}

static int run(struct cli *cli, const struct args *args)
{
    const char *where = args->value[OPT_WHERE];
    uint64_t count = 0;
    int rc, exit_code = where_take(cli, args, where, args->value[OPT_ALL] != NULL);

    if (exit_code == 0) exit_code = check_assignments(cli, args);
    if (exit_code == 0) exit_code = cli_open(cli, CLI_WRITE);
    if (exit_code) return exit_code;
    rc = aer_update_where(cli->db, NULL, args->operand[0], where, args->each, (size_t)args->each_count, &count);
    return cli_close(cli, where_answer(cli, rc, count));
}

const struct verb verb_update = {
    .name = "update",
    .synopsis = "TABLE --where=SQL|--all --set COL=EXPR...",
    .sentence = "Change rows of a table, all of them or none, and print how many.",
    .notes = "SQL and EXPR are SQL expressions over the columns, _id (the row's id) and _row (its JSON). In\n"
             "a table without columns, COL is a key of the object. A changed row has a new id. Exit 1: no\n"
             "row is such.",
    .options = options,
    .examples = {"update people --where \"city = 'Ulm'\" --set \"zip = '89073'\" --set 'n = n + 1'",
                 "update people --all --set 'seen = 0'"},
    .min_operands = 1,
    .max_operands = 1,
    .many = 1 + OPT_SET,
    .run = run,
};
