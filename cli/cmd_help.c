/* cmd_help.c -- help, in the overview or of one verb, and the manual page. */
#include "cli.h"
#include "verbs.h"

enum { OPT_MAN };

static const struct cli_option options[] = {
    [OPT_MAN] = {"man", 0, NULL, "the whole manual page, as roff: aerials help --man | man -l -"},
    {0},
};

static int run(struct cli *cli, const struct args *args)
{
    const struct cli shell = {.in_shell = true};
    const struct verb *verb;

    if (args->value[OPT_MAN]) {
        if (cli->json) return cli_usage(cli, "help: the manual page is roff, not JSON");
        help_man(stdout);
        return EXIT_YES;
    }
    if (args->count == 0) return help_answer(cli, NULL);
    verb = cli_verb_find(cli, args->operand[0]);
    if (!verb) verb = cli_verb_find(&shell, args->operand[0]);
    if (!verb) return cli_verb_unknown(cli, args->operand[0]);
    return help_answer(cli, verb);
}

const struct verb verb_help = {
    .name = "help",
    .synopsis = "[VERB]",
    .sentence = "Say what there is, or what one verb does.",
    .options = options,
    .examples = {"help", "help import"},
    .max_operands = 1,
    .run = run,
};
