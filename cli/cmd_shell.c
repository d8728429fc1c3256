/* cmd_shell.c -- the same verbs, line by line, on one open database; with history and completion on a terminal.
 *
 * From a pipe or a file the lines are a script: the first line that fails (exit code 2 and up) ends it. On a terminal
 * ^C stops the verb, not the shell, and ^D leaves.
 */
#include "cli.h"
#include "verbs.h"

#include <errno.h>
#include <histedit.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HISTORY_LINES = 1000 };

static const char *prompt(EditLine *editor)
{
    (void)editor;
    return "aerials> ";
}

/* ---- completion of the first word ---- */

static bool starts(const char *name, const char *word, size_t size)
{
    return strncmp(name, word, size) == 0;
}

static unsigned char complete(EditLine *editor, int ch)
{
    static const struct cli inside = {.in_shell = true};
    const LineInfo *info = el_line(editor);
    size_t size = (size_t)(info->cursor - info->buffer), common = 0;
    const char *first = NULL;
    char rest[64];
    int matches = 0;

    (void)ch;
    if (memchr(info->buffer, ' ', size)) return CC_ERROR;
    for (int i = 0; cli_verbs[i]; i++) {
        const char *name = cli_verbs[i]->name;

        if (!cli_verb_find(&inside, name) || !starts(name, info->buffer, size)) continue;
        if (matches++ == 0) first = name, common = strlen(name);
        while (!starts(name, first, common)) common--;
    }
    if (matches == 0) return CC_ERROR;
    if (common == size && matches > 1) { /* nothing to add: show what there is */
        putchar('\n');
        for (int i = 0; cli_verbs[i]; i++)
            if (cli_verb_find(&inside, cli_verbs[i]->name) && starts(cli_verbs[i]->name, info->buffer, size))
                printf("%s  ", cli_verbs[i]->name);
        putchar('\n');
        fflush(stdout);
        return CC_REDISPLAY;
    }
    snprintf(rest, sizeof(rest), "%.*s%s", (int)(common - size), first + size, matches == 1 ? " " : "");
    return el_insertstr(editor, rest) ? CC_ERROR : CC_REFRESH;
}

/* ---- one line ---- */

static int run_line(struct cli *cli, const char *text)
{
    struct cli kept = *cli;
    struct shell_line line;
    const struct verb *verb;
    int rc = shell_line_split(&line, text);

    cli->verb = NULL;
    if (rc < 0) {
        rc = cli_no_memory(cli);
    } else if (rc > 0) {
        rc = cli_usage(cli, "a quote is not closed");
    } else if (line.count > 0) {
        verb = cli_verb_find(cli, line.word[0]);
        rc = verb ? cli_run(cli, verb, line.count, line.word) : cli_flush(cli, cli_verb_unknown(cli, line.word[0]));
    }
    /* Options given on a line count for that line; -d would point into its bytes. */
    cli->json = kept.json;
    cli->quiet = kept.quiet;
    cli->verbose = kept.verbose;
    cli->wait_ms = kept.wait_ms;
    if (cli->dir != cli->shell_dir) cli->dir = kept.dir;
    shell_line_release(&line);
    return rc;
}

/* ---- where lines come from ---- */

static int from_script(struct cli *cli)
{
    char *text = NULL;
    size_t capacity = 0;
    unsigned long number = 0;
    int rc = EXIT_YES;

    while (rc <= EXIT_NO && !cli->shell_done && getline(&text, &capacity, stdin) >= 0) {
        number++;
        rc = run_line(cli, text);
        if (rc > EXIT_NO) cli_say(cli, "aerials: shell: stopped at line %lu", number);
    }
    free(text);
    return rc;
}

static void history_path(char *path, size_t capacity)
{
    const char *home = getenv("HOME");

    path[0] = '\0'; /* no home: no history is kept */
    if (home && home[0]) snprintf(path, capacity, "%s/.aerials_history", home);
}

static int from_terminal(struct cli *cli)
{
    EditLine *editor = el_init("aerials", stdin, stdout, stderr);
    History *lines = history_init();
    HistEvent event;
    char path[4096];
    const char *text;
    int size = 0, rc = EXIT_YES;

    if (!editor || !lines) return cli_no_memory(cli);
    history_path(path, sizeof(path));
    history(lines, &event, H_SETSIZE, HISTORY_LINES);
    history(lines, &event, H_SETUNIQUE, 1);
    if (path[0]) history(lines, &event, H_LOAD, path);
    el_set(editor, EL_PROMPT, prompt);
    el_set(editor, EL_EDITOR, "emacs");
    el_set(editor, EL_SIGNAL, 0);
    el_set(editor, EL_HIST, history, lines);
    el_set(editor, EL_ADDFN, "aerials-complete", "complete a verb", complete);
    el_set(editor, EL_BIND, "^I", "aerials-complete", NULL);
    el_source(editor, NULL);
    while (!cli->shell_done) {
        text = el_gets(editor, &size);
        if (cli_stopped()) {
            cli_stop_clear();
            el_reset(editor);
            putchar('\n');
            continue;
        }
        if (!text || size <= 0) break;
        if (text[strspn(text, " \t\r\n")]) history(lines, &event, H_ENTER, text);
        rc = run_line(cli, text);
        cli_stop_clear();
    }
    if (!cli->shell_done) putchar('\n');
    if (path[0]) history(lines, &event, H_SAVE, path);
    history_end(lines);
    el_end(editor);
    return rc > EXIT_NO ? EXIT_YES : rc; /* people saw what went wrong */
}

static int run(struct cli *cli, const struct args *args)
{
    bool on_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    int rc;

    (void)args;
    cli->in_shell = true;
    if (on_terminal) {
        cli_stop_catch();
        if (!cli->quiet) printf("aerials %s; help lists the words, exit leaves\n", aer_version());
        fflush(stdout);
    }
    rc = on_terminal ? from_terminal(cli) : from_script(cli);
    cli_drop(cli);
    cli->in_shell = false;
    return rc;
}

const struct verb verb_shell = {
    .name = "shell",
    .synopsis = "",
    .sentence = "Type verbs without the word aerials, on one open database.",
    .notes = "Words are split as in sh, without expansion. The words of AerialsDB work too: bset, bget\n"
             "(with *), bkeys, clean, reset. On a terminal: history, completion with Tab, ^C stops a\n"
             "verb. From a pipe the lines are a script, and the first that fails ends it.",
    .examples = {"shell", "shell < words.txt"},
    .max_operands = 0,
    .flags = VERB_NOT_IN_SHELL,
    .run = run,
};
