/* cmd_seal.c -- close the bucket being filled, so that its file never changes again. */
#include "cli.h"
#include "verbs.h"

static int run(struct cli *cli, const struct args *args)
{
    int rc, exit_code = cli_open(cli, CLI_WRITE);

    (void)args;
    if (exit_code) return exit_code;
    rc = aer_seal(cli->db);
    if (rc != AER_OK) exit_code = cli_fail_db(cli, rc, "seal");
    else if (cli->json) cli_json_ok(cli, NULL);
    return cli_close(cli, exit_code);
}

const struct verb verb_seal = {
    .name = "seal",
    .synopsis = "",
    .sentence = "Seal the bucket being filled, and bring the catalogue up to date.",
    .notes = "Everything written so far is then in files that never change again: the moment to copy\n"
             "them. Nothing happens if the bucket being filled is empty.",
    .examples = {"seal", "seal && rsync -a mydb/ backup:mydb/"},
    .max_operands = 0,
    .run = run,
};
