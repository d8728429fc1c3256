/* sub.c -- verbs of two words, such as `table create`: find the second word, look at its operands, run it.
 *
 * For: bucket, table, index. Must not know: what any of them does.
 */
#include "cli.h"

#include <string.h>

static const struct sub *find(const struct sub *subs, const char *name)
{
    for (; subs->name; subs++)
        if (strcmp(subs->name, name) == 0) return subs;
    return NULL;
}

static const char *name_of(const void *subs, int i)
{
    return ((const struct sub *)subs)[i].name;
}

static int unknown(struct cli *cli, const struct args *args)
{
    const struct sub *subs = args->verb->subs;
    const char *word = args->operand[0], *verb = args->verb->name, *lead = cli->in_shell ? "" : "aerials ";
    const char *near = cli_nearest(word, name_of, subs);
    char names[128] = "", hint[128];

    for (size_t i = 0, used = 0; subs[i].name && used < sizeof(names); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "", subs[i].name);
    if (near) snprintf(hint, sizeof(hint), "did you mean: %s%s %s", lead, verb, near);
    else snprintf(hint, sizeof(hint), cli->in_shell ? "help %s" : "aerials %s --help", verb);
    return cli_fail(cli, EXIT_USAGE, "usage", hint, "%s: '%s' is none of %s", verb,
                    key_text((aer_slice){word, strlen(word)}), names);
}

static int check(struct cli *cli, const struct args *args, const struct sub *sub)
{
    const char *verb = args->verb->name;
    const struct cli_option *options = args->verb->options;
    int count = args->count - 1;

    if (count < sub->min || (sub->max >= 0 && count > sub->max))
        return cli_usage(cli, "%s %s: too %s operands; it is: %s %s%s%s", verb, sub->name,
                         count < sub->min ? "few" : "many", verb, sub->name, sub->synopsis[0] ? " " : "", sub->synopsis);
    for (int i = 0; options && options[i].name; i++)
        if (args->value[i] && !(sub->options & 1u << i))
            return cli_usage(cli, "%s %s: --%s is not for it", verb, sub->name, options[i].name);
    return 0;
}

int sub_run(struct cli *cli, const struct args *args)
{
    const struct sub *sub = find(args->verb->subs, args->operand[0]);
    int exit_code;

    if (!sub) return unknown(cli, args);
    exit_code = check(cli, args, sub);
    if (exit_code == 0) exit_code = cli_open(cli, sub->mode);
    if (exit_code) return exit_code;
    return cli_close(cli, sub->run(cli, args));
}
