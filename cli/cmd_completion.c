/* cmd_completion.c -- print a completion script for a shell. */
#include "cli.h"
#include "verbs.h"

#include <stdlib.h>

static int run(struct cli *cli, const struct args *args)
{
    char *script = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&script, &size);
    int unknown;

    if (!out) return cli_no_memory(cli);
    unknown = completion_write(out, args->operand[0]);
    fclose(out);
    if (!unknown && cli->json) cli_json_ok(cli, json_pack("{s:s}", "script", script));
    else if (!unknown) cli_out(cli, script, size);
    free(script);
    if (unknown) return cli_usage(cli, "'%s' is not a shell I know; they are bash, zsh, fish", args->operand[0]);
    return EXIT_YES;
}

const struct verb verb_completion = {
    .name = "completion",
    .synopsis = "bash|zsh|fish",
    .sentence = "Print the completion script of a shell.",
    .examples = {"completion bash > /etc/bash_completion.d/aerials",
                 "completion fish > ~/.config/fish/completions/aerials.fish"},
    .min_operands = 1,
    .max_operands = 1,
    .flags = VERB_NOT_IN_SHELL,
    .run = run,
};
