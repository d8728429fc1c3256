/* args.c -- a command line taken apart: getopt_long driven by the verb's own option list.
 *
 * For: main.c and shell.c call args_globals and args_parse; commands read the result and its numbers.
 * Must not know: what any option means, but for the global ones.
 *
 * Options and operands may stand in any order, and "--" ends the options. getopt is asked for "return in order",
 * so that a word such as -5 can be kept as an operand where the verb wants numbers.
 */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OPT_GLOBAL = 512, OPT_VERB = 256 }; /* getopt's answer for a long option, plus its index */
enum { G_DIR, G_JSON, G_QUIET, G_VERBOSE, G_WAIT, G_HELP, G_VERSION };

const struct cli_option cli_globals[] = {
    [G_DIR] = {"db", 'd', "DIR", "the database; else $AERIALS_DB, else . if one is there"},
    [G_JSON] = {"json", 0, NULL, "answers and failures as JSON; lists as JSON lines"},
    [G_QUIET] = {"quiet", 'q', NULL, "no words, only data and failures"},
    [G_VERBOSE] = {"verbose", 'v', NULL, "say more"},
    [G_WAIT] = {"wait", 0, "TIME", "how long to wait for another writer: 500ms, 10s, 2m (default 5s)"},
    [G_HELP] = {"help", 'h', NULL, "help, of a verb if one is given"},
    [G_VERSION] = {"version", 'V', NULL, "the version"},
    {0},
};

struct parser {
    struct option longs[ARGS_MAX_OPTIONS + 16];
    char letters[2 * (ARGS_MAX_OPTIONS + 16) + 3];
};

static int add_options(struct parser *parser, const struct cli_option *options, int base, int count)
{
    char *letters = parser->letters + strlen(parser->letters);

    for (int i = 0; options && options[i].name; i++, count++) {
        parser->longs[count] = (struct option){options[i].name, options[i].value ? required_argument : no_argument,
                                               NULL, base + i};
        if (options[i].letter) *letters++ = options[i].letter;
        if (options[i].letter && options[i].value) *letters++ = ':';
    }
    *letters = '\0';
    return count;
}

static int find_letter(const struct cli_option *options, int letter)
{
    for (int i = 0; options && options[i].name; i++)
        if (options[i].letter == letter) return i;
    return -1;
}

static int refused(struct cli *cli, int answer, char **argv)
{
    const char *word = argv[optind - 1];
    const char *reason = answer == ':' ? "needs a value" : strchr(word, '=') ? "takes no value" : "is ambiguous";
    bool is_long = strncmp(word, "--", 2) == 0;

    if (answer == '?' && optopt == 0)
        return cli_usage(cli, "unknown option '%s'; operands that start with - go after --", word);
    if (answer == '?' && !is_long)
        return cli_usage(cli, "unknown option '-%c'; operands that start with - go after --", optopt);
    if (!is_long) return cli_usage(cli, "option '-%c' %s", optopt, reason);
    return cli_usage(cli, "option '%s' %s", word, reason);
}

/* ARGS_OK, ARGS_DONE or an exit code. */
static int take_global(struct cli *cli, int index, const char *value, const struct verb *verb)
{
    uint64_t ms;
    int exit_code;

    switch (index) {
    case G_DIR: cli->dir = value; break;
    case G_JSON: cli->json = true; break;
    case G_QUIET: cli->quiet = true; break;
    case G_VERBOSE: cli->verbose = true; break;
    case G_WAIT:
        exit_code = args_wait(cli, "--wait", value, &ms);
        if (exit_code) return exit_code;
        cli->wait_ms = ms ? (int)ms : -1;
        break;
    case G_HELP: help_answer(cli, verb); return ARGS_DONE;
    case G_VERSION: return cli_run(cli, cli_verb_find(cli, "version"), 1, (char *[]){(char *)"version", NULL}); break;
    default: break;
    }
    return ARGS_OK;
}

int args_globals(struct cli *cli, int argc, char **argv, int *next)
{
    struct parser parser = {.letters = "+:"};
    int answer, rc;

    add_options(&parser, cli_globals, OPT_GLOBAL, 0);
    opterr = 0;
    optind = 0;
    while ((answer = getopt_long(argc, argv, parser.letters, parser.longs, NULL)) != -1) {
        if (answer == '?' || answer == ':') return refused(cli, answer, argv);
        rc = take_global(cli, answer >= OPT_GLOBAL ? answer - OPT_GLOBAL : find_letter(cli_globals, answer), optarg, NULL);
        if (rc != ARGS_OK) return rc;
    }
    *next = optind;
    return ARGS_OK;
}

static bool is_negative_number(const char *word)
{
    if (*word++ != '-' || !isdigit((unsigned char)*word)) return false;
    while (isdigit((unsigned char)*word)) word++;
    return *word == '\0';
}

/* The options; operands are collected on the way. */
static int parse_words(struct cli *cli, const struct verb *verb, int argc, char **argv, struct args *args)
{
    struct parser parser = {.letters = "-:"};
    int answer, rc;

    add_options(&parser, verb->options, OPT_VERB, add_options(&parser, cli_globals, OPT_GLOBAL, 0));
    opterr = 0;
    optind = 0;
    for (;;) {
        if ((verb->flags & VERB_NUMBERS) && optind > 0 && optind < argc && is_negative_number(argv[optind])) {
            args->operand[args->count++] = argv[optind++];
            continue;
        }
        answer = getopt_long(argc, argv, parser.letters, parser.longs, NULL);
        if (answer == -1) break;
        if (answer == 1) {
            args->operand[args->count++] = optarg;
            continue;
        }
        if (answer == '?' || answer == ':') return refused(cli, answer, argv);
        rc = answer < OPT_VERB ? find_letter(verb->options, answer) : -1;
        if (rc >= 0) answer = OPT_VERB + rc;
        if (answer >= OPT_VERB && answer < OPT_GLOBAL) {
            args->value[answer - OPT_VERB] = optarg ? optarg : "";
            if (answer - OPT_VERB == verb->many - 1) args->each[args->each_count++] = optarg;
            continue;
        }
        if (answer < OPT_VERB) answer = OPT_GLOBAL + find_letter(cli_globals, answer);
        rc = take_global(cli, answer - OPT_GLOBAL, optarg, verb);
        if (rc != ARGS_OK) return rc;
    }
    while (optind < argc) args->operand[args->count++] = argv[optind++];
    return ARGS_OK;
}

int args_parse(struct cli *cli, const struct verb *verb, int argc, char **argv, struct args *args)
{
    int rc;

    memset(args, 0, sizeof(*args));
    args->verb = verb;
    args->operand = calloc((size_t)argc + 1, sizeof(*args->operand));
    args->each = calloc((size_t)argc + 1, sizeof(*args->each));
    if (!args->operand || !args->each) {
        args_release(args);
        return cli_no_memory(cli);
    }
    rc = parse_words(cli, verb, argc, argv, args);
    if (rc == ARGS_OK && args->count < verb->min_operands)
        rc = cli_usage(cli, "%s: too few operands; it is: %s %s", verb->name, verb->name, verb->synopsis);
    else if (rc == ARGS_OK && verb->max_operands >= 0 && args->count > verb->max_operands)
        rc = cli_usage(cli, "%s: one operand too many: '%s'; it is: %s %s", verb->name,
                       args->operand[verb->max_operands], verb->name, verb->synopsis);
    if (rc != ARGS_OK) args_release(args);
    return rc;
}

void args_release(struct args *args)
{
    free(args->operand);
    free(args->each);
    args->operand = NULL;
    args->each = NULL;
}

/* ---- numbers ---------------------------------------------------------------------------- */

/* Decimal digits, nothing else; *end is behind them. Non-zero: none, or over 2^64 - 1. */
static int digits(const char *text, uint64_t *number, const char **end)
{
    if (!isdigit((unsigned char)*text)) return -1;
    *number = 0;
    for (; isdigit((unsigned char)*text); text++) {
        unsigned digit = (unsigned)(*text - '0');

        if (*number > (UINT64_MAX - digit) / 10) return -1;
        *number = *number * 10 + digit;
    }
    *end = text;
    return 0;
}

int args_number(struct cli *cli, const char *name, const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
    const char *end;

    if (digits(text, number, &end) || *end) return cli_usage(cli, "%s: '%s' is not a number in range", name, text);
    if (*number < min || *number > max)
        return cli_usage(cli, "%s: %s is out of range, it goes from %llu to %llu", name, text, (unsigned long long)min,
                         (unsigned long long)max);
    return 0;
}

int args_size(struct cli *cli, const char *name, const char *text, uint64_t *size, bool *has_unit)
{
    static const struct {
        const char *name;
        int shift;
    } units[] = {{"b", 0},  {"k", 10},  {"kb", 10},  {"kib", 10}, {"m", 20},  {"mb", 20}, {"mib", 20},
                 {"g", 30}, {"gb", 30}, {"gib", 30}, {"t", 40},   {"tb", 40}, {"tib", 40}};
    const char *end;

    *has_unit = false;
    if (digits(text, size, &end))
        return cli_usage(cli, "%s: '%s' is not a size, such as 4096, 8MB or 1GiB", name, text);
    while (*end == ' ') end++;
    if (*end == '\0') return 0;
    *has_unit = true;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcasecmp(end, units[i].name) != 0) continue;
        if (*size > UINT64_MAX >> units[i].shift) return cli_usage(cli, "%s: %s is out of range", name, text);
        *size <<= units[i].shift;
        return 0;
    }
    return cli_usage(cli, "%s: '%s' is not a unit; they are KB, MB, GB, TB, of 1024 each", name, end);
}

/* NUMBER UNIT in milliseconds; UNIT_MS is what a bare number counts. */
static int duration(struct cli *cli, const char *name, const char *text, uint64_t bare_ms, uint64_t *ms)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};
    uint64_t number = 0, factor = bare_ms;
    const char *end;

    if (digits(text, &number, &end))
        return cli_usage(cli, "%s: '%s' is not a time, such as 30s, 10m, 2h or 7d", name, text);
    for (size_t i = 0; *end && i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(end, units[i].name) == 0) factor = units[i].ms, end = "";
    if (*end || factor == 0)
        return cli_usage(cli, "%s: '%s' has no unit; they are ms, s, m, h, d, w, as in 30s", name, text);
    if (number > INT64_MAX / factor) return cli_usage(cli, "%s: %s is out of range", name, text);
    *ms = number * factor;
    return 0;
}

int args_wait(struct cli *cli, const char *name, const char *text, uint64_t *ms)
{
    int exit_code = duration(cli, name, text, 1000, ms);

    if (exit_code == 0 && *ms > 86400000)
        return cli_usage(cli, "%s: %s is out of range, a day is the most", name, text);
    return exit_code;
}

int args_when(struct cli *cli, const char *name, const char *text, int64_t *when)
{
    struct timespec now;
    uint64_t ms = 0;
    int exit_code;

    if (text[0] == '@') {
        exit_code = args_number(cli, name, text + 1, 1, INT64_MAX / 1000, &ms);
        if (exit_code == 0) *when = (int64_t)ms * 1000;
        return exit_code;
    }
    exit_code = duration(cli, name, text, 0, &ms);
    if (exit_code) return exit_code;
    clock_gettime(CLOCK_REALTIME, &now);
    if (ms > (uint64_t)(INT64_MAX / 2)) return cli_usage(cli, "%s: %s is out of range", name, text);
    *when = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + (int64_t)ms;
    return 0;
}
