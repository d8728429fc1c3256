/* cmd_version.c -- which aerials this is. */
#include "cli.h"
#include "verbs.h"

static int run(struct cli *cli, const struct args *args)
{
    (void)args;
    if (cli->json)
        return cli_json_ok(cli, json_pack("{s:s, s:i}", "version", aer_version(), "format", AER_FORMAT_VERSION));
    cli_outf(cli, "aerials %s (database format %d)\n", aer_version(), AER_FORMAT_VERSION);
    return EXIT_YES;
}

const struct verb verb_version = {
    .name = "version",
    .synopsis = "",
    .sentence = "Print the version, and the database format it reads.",
    .examples = {"version", "version --json"},
    .max_operands = 0,
    .run = run,
};
