/* verbs.c -- the table of verbs, and finding one in it.
 *
 * For: main.c, the shell, help and completions: all of them read this one list.
 * Must not know: what a verb does.
 */
#include "verbs.h"
#include "cli.h"

#include <stdlib.h>
#include <string.h>

/* In the order of the overview. */
const struct verb *const cli_verbs[] = {
    &verb_init,   &verb_status, &verb_config, &verb_put,        &verb_get,     &verb_del,     &verb_exists,
    &verb_incr,   &verb_ls,     &verb_scan,   &verb_batch,      &verb_table,   &verb_index,   &verb_insert,
    &verb_update, &verb_delete, &verb_import, &verb_export,     &verb_seal,    &verb_compact, &verb_bucket,
    &verb_locate, &verb_shell,  &verb_bset,   &verb_bget,       &verb_bkeys,   &verb_use,     &verb_clean,
    &verb_reset,  &verb_exit,   &verb_quit,   &verb_completion, &verb_version, &verb_help,    NULL,
};

bool cli_verb_is_here(const struct cli *cli, const struct verb *verb)
{
    return !(verb->flags & (cli->in_shell ? VERB_NOT_IN_SHELL : VERB_SHELL_ONLY));
}

const struct verb *cli_verb_find(const struct cli *cli, const char *name)
{
    for (int i = 0; cli_verbs[i]; i++)
        if (cli_verb_is_here(cli, cli_verbs[i]) && strcmp(cli_verbs[i]->name, name) == 0) return cli_verbs[i];
    return NULL;
}

/* Edits it takes to turn A into B, a swap of neighbours counting as one; -1: out of range for a slip of the finger. */
static int distance(const char *a, const char *b)
{
    int row[3][40];
    int n = (int)strlen(a), m = (int)strlen(b);

    if (n > 38 || m > 38) return -1;
    for (int j = 0; j <= m; j++) row[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *now = row[i % 3], *before = row[(i + 2) % 3], *two_before = row[(i + 1) % 3];

        now[0] = i;
        for (int j = 1; j <= m; j++) {
            int best = before[j - 1] + (a[i - 1] != b[j - 1]);

            if (before[j] + 1 < best) best = before[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && two_before[j - 2] + 1 < best)
                best = two_before[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[n % 3][m];
}

const char *cli_nearest(const char *word, const char *(*name)(const void *arg, int i), const void *arg)
{
    const char *best = NULL;
    int best_distance = 3;
    size_t size = strlen(word);

    for (int i = 0; name(arg, i); i++) {
        int d = distance(word, name(arg, i));

        if (size > 1 && strncmp(name(arg, i), word, size) == 0) d = 1; /* a word cut short */
        if (d < 0 || d >= (int)size) continue;
        if (d < best_distance) best = name(arg, i), best_distance = d;
    }
    return best;
}

/* The i-th verb that is known where *cli is. */
static const char *name_here(const void *cli, int i)
{
    int seen = 0;

    for (int k = 0; cli_verbs[k]; k++)
        if (cli_verb_is_here(cli, cli_verbs[k]) && seen++ == i) return cli_verbs[k]->name;
    return NULL;
}

int cli_verb_unknown(struct cli *cli, const char *name)
{
    static const struct cli inside = {.in_shell = true};
    const char *lead = cli->in_shell ? "" : "aerials ";
    const char *near = cli_nearest(name, name_here, cli);
    char hint[96];

    if (!cli->in_shell && cli_verb_find(&inside, name))
        snprintf(hint, sizeof(hint), "'%s' is a word of: aerials shell", name);
    else if (near) snprintf(hint, sizeof(hint), "did you mean: %s%s", lead, near);
    else snprintf(hint, sizeof(hint), "all verbs: %shelp", lead);
    return cli_fail(cli, EXIT_USAGE, "usage", hint, "unknown verb '%s'", key_text((aer_slice){name, strlen(name)}));
}

int cli_run(struct cli *cli, const struct verb *verb, int argc, char **argv)
{
    struct args args;
    int rc;

    cli->verb = verb;
    cli->about = NULL;
    cli->table = NULL;
    cli->last_hint[0] = '\0';
    rc = args_parse(cli, verb, argc, argv, &args);
    if (rc == ARGS_OK) {
        rc = verb->run(cli, &args);
        args_release(&args);
    }
    return cli_flush(cli, rc);
}
