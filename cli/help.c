/* help.c -- everything said about the verbs, out of the table of verbs: overview, one verb, the manual page.
 *
 * For: --help, `help`, and the build, which makes aerials.1 with `aerials help --man`.
 * Must not know: anything about a verb that is not in its struct verb.
 */
#include "cli.h"

#include <string.h>

static void option_line(FILE *out, const struct cli_option *option)
{
    char name[64];

    snprintf(name, sizeof(name), "%c%c%s --%s%s%s", option->letter ? '-' : ' ', option->letter ? option->letter : ' ',
             option->letter ? "," : " ", option->name, option->value ? "=" : "", option->value ? option->value : "");
    fprintf(out, "  %-26s %s\n", name, option->help);
}

void help_overview(FILE *out, const struct cli *cli)
{
    fputs("Aerials keeps keys and values in small ordinary files, and says what losing one would cost.\n\n", out);
    if (!cli->in_shell) fputs("usage: aerials [-d DIR] [--json] [-q|-v] VERB [ARGS]\n\n", out);
    for (int i = 0; cli_verbs[i]; i++) {
        if (!cli_verb_is_here(cli, cli_verbs[i])) continue;
        fprintf(out, "  %-11s %s\n", cli_verbs[i]->name, cli_verbs[i]->sentence);
    }
    fputc('\n', out);
    if (!cli->in_shell)
        for (int i = 0; cli_globals[i].name; i++) option_line(out, &cli_globals[i]);
    fprintf(out, "%sMore about one of them: %shelp VERB\n", cli->in_shell ? "" : "\n", cli->in_shell ? "" : "aerials ");
    fputs(cli->in_shell ? "\nExamples:\n  put greeting hello\n  help put\n"
                        : "\nExamples:\n  aerials init mydb --max-loss=8MB\n  aerials -d mydb put greeting hello\n",
          out);
}

void help_verb(FILE *out, const struct cli *cli, const struct verb *verb)
{
    const char *lead = verb->flags & VERB_SHELL_ONLY ? "" : "aerials ";

    (void)cli;
    fprintf(out, "%s\n\nusage: %s%s%s%s\n", verb->sentence, lead, verb->name, verb->synopsis[0] ? " " : "", verb->synopsis);
    if (verb->options && verb->options[0].name) fputc('\n', out);
    for (int i = 0; verb->options && verb->options[i].name; i++) option_line(out, &verb->options[i]);
    if (verb->notes) fprintf(out, "\n%s\n", verb->notes);
    if (*lead) fputs("\nEverywhere: -d DIR, --json, -q, -v, --wait=TIME, -- (end of options)\n", out);
    fprintf(out, "\nExamples:\n  %s%s\n  %s%s\n", lead, verb->examples[0], lead, verb->examples[1]);
}

static json_t *verb_json(const struct verb *verb)
{
    json_t *options = json_array();

    for (int i = 0; verb->options && verb->options[i].name; i++) {
        const struct cli_option *option = &verb->options[i];

        json_array_append_new(
            options, json_pack("{s:s, s:s?, s:s}", "name", option->name, "value", option->value, "help", option->help));
    }
    return json_pack("{s:s, s:s, s:s, s:o, s:[s, s]}", "name", verb->name, "synopsis", verb->synopsis, "sentence",
                     verb->sentence, "options", options, "examples", verb->examples[0], verb->examples[1]);
}

int help_answer(struct cli *cli, const struct verb *verb)
{
    json_t *verbs;

    if (cli->json && verb) return cli_json_ok(cli, verb_json(verb));
    if (cli->json) {
        verbs = json_array();
        for (int i = 0; cli_verbs[i]; i++)
            if (cli_verb_is_here(cli, cli_verbs[i])) json_array_append_new(verbs, verb_json(cli_verbs[i]));
        return cli_json_ok(cli, json_pack("{s:o}", "verbs", verbs));
    }
    if (verb) help_verb(stdout, cli, verb);
    else help_overview(stdout, cli);
    return EXIT_YES;
}

/* Text in roff: a backslash or a leading dot would be a request. */
static void roff(FILE *out, const char *text)
{
    bool line_start = true;

    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\'')) fputs("\\&", out);
        if (*text == '\\') fputs("\\e", out);
        else if (*text == '-') fputs("\\-", out);
        else fputc(*text, out);
        line_start = *text == '\n';
    }
}

static void roff_options(FILE *out, const struct cli_option *options)
{
    for (int i = 0; options && options[i].name; i++) {
        fputs(".TP\n.B ", out);
        if (options[i].letter) fprintf(out, "\\-%c, ", options[i].letter);
        fputs("\\-\\-", out);
        roff(out, options[i].name);
        if (options[i].value) fprintf(out, "\\fR=\\fI%s", options[i].value);
        fputs("\\fR\n", out);
        roff(out, options[i].help);
        fputc('\n', out);
    }
}

static void roff_verb(FILE *out, const struct verb *verb)
{
    const char *lead = verb->flags & VERB_SHELL_ONLY ? "" : "aerials ";

    fprintf(out, ".SS ");
    roff(out, verb->name);
    fputs("\n.B ", out);
    roff(out, lead);
    roff(out, verb->name);
    fputs("\\fR ", out);
    roff(out, verb->synopsis);
    fputs("\n.PP\n", out);
    roff(out, verb->sentence);
    fputc('\n', out);
    roff_options(out, verb->options);
    if (verb->notes) {
        fputs(".PP\n", out);
        roff(out, verb->notes);
        fputc('\n', out);
    }
    fputs(".PP\n.nf\n", out);
    for (int i = 0; i < 2; i++) {
        fputs("    ", out);
        roff(out, lead);
        roff(out, verb->examples[i]);
        fputc('\n', out);
    }
    fputs(".fi\n", out);
}

static const char exit_codes[] =
    ".SH EXIT STATUS\n.TP\n.B 0\nyes, done\n.TP\n.B 1\nthe answer is no: no such key, nothing matches\n"
    ".TP\n.B 2\nwrong use\n.TP\n.B 3\npartly done; what was skipped is listed\n.TP\n.B 4\ndamage found, or a row "
    "changed by hand\n"
    ".TP\n.B 5\nthe system refused: I/O, no space, no permission, no memory\n"
    ".TP\n.B 6\nconflict: \\-\\-if\\-absent, and the key is there; a row breaks unique or not null\n.TP\n.B 10\nno "
    "database there\n"
    ".TP\n.B 11\nbusy: another process kept writing\n.TP\n.B 12\nthe database has a newer format\n"
    ".TP\n.B 128+n\nended by signal n\n";

static const char environment[] = ".SH ENVIRONMENT\n.TP\n.B AERIALS_DB\nthe database directory when \\-d is not given\n"
                                  ".TP\n.B NO_COLOR\nif set and not empty, no colour is used\n"
                                  ".SH FILES\n.TP\n.B ~/.aerials_history\nlines typed into\n.B aerials shell\n";

void help_man(FILE *out)
{
    fprintf(out,
            ".TH AERIALS 1 \"\" \"aerials %s\" \"User Commands\"\n.SH NAME\naerials \\- keys and values in small "
            "ordinary files\n"
            ".SH SYNOPSIS\n.B aerials\n[\\-d DIR] [\\-\\-json] [\\-q|\\-v] VERB [ARGS]\n.SH DESCRIPTION\n",
            aer_version());
    fputs("A database is a directory of small SQLite files, called buckets, and a catalogue, aerial.sq3. Losing one "
          "file\n"
          "loses only what was in it. Data goes to standard output, words to standard error; with \\-\\-json each "
          "answer is one JSON\n"
          "object with the members schema and ok, and lists are JSON lines.\n",
          out);
    fputs(".SH OPTIONS\nThey may stand before the verb or behind it.\n", out);
    roff_options(out, cli_globals);
    fputs(".SH VERBS\n", out);
    for (int i = 0; cli_verbs[i]; i++)
        if (!(cli_verbs[i]->flags & VERB_SHELL_ONLY)) roff_verb(out, cli_verbs[i]);
    fputs(".SH WORDS OF THE SHELL\n", out);
    for (int i = 0; cli_verbs[i]; i++)
        if (cli_verbs[i]->flags & VERB_SHELL_ONLY) roff_verb(out, cli_verbs[i]);
    fputs(exit_codes, out);
    fputs(environment, out);
}
