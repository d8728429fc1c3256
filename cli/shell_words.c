/* shell_words.c -- the words that only the shell has: those of AerialsDB, and use and exit.
 *
 *     bset KEY VALUE      store          bget KEY|PATTERN [LIMIT]    [Value 1:] ...
 *     bkeys KEY|PATTERN   list           clean, reset                remove every key
 *
 * They keep the original's output. Two differences: a pattern's * is the only wildcard (there _ was one too, and
 * letters matched without regard to case), and clean asks first.
 */
#include "cli.h"
#include "verbs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- bset, bget, bkeys ---- */

static int run_bset(struct cli *cli, const struct args *args)
{
    void *owned;
    aer_slice key;
    int rc, exit_code = key_operand(cli, args->operand[0], false, &key, &owned);

    if (exit_code) return exit_code;
    if (memchr(key.data, '*', key.size)) return cli_usage(cli, "bset: a key cannot contain *, bget could not name it");
    exit_code = cli_open(cli, CLI_WRITE);
    if (exit_code) return exit_code;
    rc = aer_put(cli->db, key.data, key.size, args->operand[1], strlen(args->operand[1]));
    if (rc != AER_OK) exit_code = cli_fail_db(cli, rc, "bset '%s'", key_text(key));
    else if (cli->json) cli_json_ok(cli, key_json(key));
    return cli_close(cli, exit_code);
}

struct values {
    struct cli *cli;
    uint64_t number;
};

static int show_value(void *arg, aer_txn *txn, aer_cursor *cursor, aer_slice key, aer_slice value)
{
    struct values *values = arg;
    struct cli *cli = values->cli;

    (void)txn;
    (void)cursor;
    values->number++;
    if (cli->json) return cli_row(cli, aer__port_row(key, value, NULL)) ? EXIT_SYSTEM : 0;
    cli_outf(cli, "[Value %llu:] ", (unsigned long long)values->number);
    return cli_out(cli, value.data, value.size) || cli_out(cli, "\n", 1) ? EXIT_SYSTEM : 0;
}

static int show_key(void *arg, aer_txn *txn, aer_cursor *cursor, aer_slice key, aer_slice value)
{
    struct cli *cli = arg;

    (void)txn;
    (void)cursor;
    (void)value;
    if (cli->json) return cli_row(cli, key_json(key)) ? EXIT_SYSTEM : 0;
    return key_print(cli, key, '\n') ? EXIT_SYSTEM : 0;
}

/* A range of the keys that TEXT names: one key, or with * a pattern. Other wildcards are characters here. */
static int pattern_range(struct cli *cli, const char *text, struct range *range)
{
    char *pattern = malloc(strlen(text) * 2 + 1), *to = pattern;
    int failed;

    if (!pattern) return cli_no_memory(cli);
    for (; *text; text++) {
        if (*text == '?' || *text == '\\') *to++ = '\\';
        *to++ = *text;
    }
    *to = '\0';
    memset(range, 0, sizeof(*range));
    failed = glob_init(&range->glob, pattern);
    range->glob.owned = pattern;
    if (failed) return cli_no_memory(cli);
    range->limit = UINT64_MAX;
    range->selective = true;
    range->bounds = (aer_range){.size = sizeof(aer_range), .prefix = {range->glob.head, range->glob.head_size}};
    range->glob.exact = range->glob.plain;
    if (range->glob.exact) range->bounds.to = (aer_slice){range->glob.head, range->glob.head_size + 1}; /* its NUL */
    return 0;
}

static int run_bget(struct cli *cli, const struct args *args)
{
    struct values values = {cli, 0};
    struct range range = {0};
    int exit_code = pattern_range(cli, args->operand[0], &range);

    range.limit = 1;
    if (exit_code == 0 && args->count > 1)
        exit_code = args_number(cli, "bget", args->operand[1], 1, UINT64_MAX, &range.limit);
    if (exit_code == 0) exit_code = range_each(cli, &range, show_value, &values);
    range_release(&range);
    return exit_code;
}

static int run_bkeys(struct cli *cli, const struct args *args)
{
    struct range range = {0};
    int exit_code = pattern_range(cli, args->operand[0], &range);

    range.bounds.flags = AER_KEYS_ONLY;
    if (exit_code == 0) exit_code = range_each(cli, &range, show_key, cli);
    range_release(&range);
    return exit_code;
}

/* ---- clean, reset ---- */

enum { OPT_YES };

static const struct cli_option clean_options[] = {
    [OPT_YES] = {"yes", 0, NULL, "do not ask"},
    {0},
};

static int confirm(struct cli *cli, const struct args *args)
{
    char answer[16], hint[32];

    if (args->value[OPT_YES]) return 0;
    snprintf(hint, sizeof(hint), "%s --yes", args->verb->name);
    if (!isatty(STDIN_FILENO))
        return cli_fail(cli, EXIT_USAGE, "usage", hint, "%s removes every key", args->verb->name);
    fprintf(stderr, "Remove every key in '%s'? Type yes: ", cli_dir(cli) ? cli_dir(cli) : "");
    if (!fgets(answer, sizeof(answer), stdin) || strcmp(answer, "yes\n") != 0)
        return cli_no(cli, "%s: nothing was removed", args->verb->name);
    return 0;
}

/* Delete what a cursor of the same transaction shows. */
static int delete_all(struct cli *cli, uint64_t *deleted)
{
    aer_range all = {.size = sizeof(all), .flags = AER_KEYS_ONLY};
    aer_txn *txn = NULL;
    aer_cursor *cursor = NULL;
    aer_slice key, value;
    int rc = aer_begin(cli->db, AER_WRITE, &txn);

    if (rc == AER_OK) rc = aer_scan(txn, &all, &cursor);
    while (rc == AER_OK && !cli_stopped()) {
        rc = aer_next(cursor, &key, &value);
        if (rc != AER_OK) break;
        rc = aer_txn_del(txn, key.data, key.size);
        ++*deleted;
    }
    aer_cursor_close(cursor);
    if (rc == AER_DONE) {
        rc = aer_commit(txn);
        txn = NULL;
    }
    aer_rollback(txn);
    return rc == AER_OK && cli_stopped() ? AER_STOPPED : rc;
}

static int run_clean(struct cli *cli, const struct args *args)
{
    bool rewrite = strcmp(args->verb->name, "reset") == 0;
    aer_compact_options every = {.size = sizeof(every), .min_dead_percent = 0};
    aer_compact_result result;
    uint64_t deleted = 0;
    int rc, exit_code = confirm(cli, args);

    if (exit_code == 0) exit_code = cli_open(cli, CLI_WRITE);
    if (exit_code) return exit_code;
    rc = delete_all(cli, &deleted);
    if (rc == AER_OK && rewrite) rc = aer_seal(cli->db);
    if (rc == AER_OK && rewrite) rc = aer_compact(cli->db, &every, &result);
    if (rc != AER_OK) exit_code = cli_fail_db(cli, rc, "%s", args->verb->name);
    else if (cli->json) cli_json_ok(cli, json_pack("{s:I}", "deleted", (json_int_t)deleted));
    else cli_say(cli, "%llu keys removed", (unsigned long long)deleted);
    return cli_close(cli, exit_code);
}

/* ---- use, exit ---- */

static int run_use(struct cli *cli, const struct args *args)
{
    char *dir = strdup(args->operand[0]), *before = cli->shell_dir;
    const char *before_dir = cli->dir;
    int exit_code;

    if (!dir) return cli_no_memory(cli);
    cli_drop(cli);
    cli->shell_dir = dir;
    cli->dir = dir;
    exit_code = cli_open(cli, CLI_READ);
    if (exit_code) { /* stay where we were */
        cli->shell_dir = before;
        cli->dir = before_dir;
        free(dir);
    } else {
        free(before);
    }
    return exit_code;
}

static int run_exit(struct cli *cli, const struct args *args)
{
    (void)args;
    cli->shell_done = true;
    return EXIT_YES;
}

const struct verb verb_bset = {
    .name = "bset",
    .synopsis = "KEY VALUE",
    .sentence = "Store a value, as AerialsDB did.",
    .examples = {"bset greeting hello", "bset greeting 'hello, world'"},
    .min_operands = 2,
    .max_operands = 2,
    .flags = VERB_SHELL_ONLY | VERB_NUMBERS,
    .run = run_bset,
};

const struct verb verb_bget = {
    .name = "bget",
    .synopsis = "KEY|PATTERN [LIMIT]",
    .sentence = "Print the value of a key, or of LIMIT (1) keys that match a pattern.",
    .examples = {"bget greeting", "bget user:* 10"},
    .min_operands = 1,
    .max_operands = 2,
    .flags = VERB_SHELL_ONLY,
    .run = run_bget,
};

const struct verb verb_bkeys = {
    .name = "bkeys",
    .synopsis = "KEY|PATTERN",
    .sentence = "List the keys that match a pattern with *.",
    .examples = {"bkeys *", "bkeys user:*"},
    .min_operands = 1,
    .max_operands = 1,
    .flags = VERB_SHELL_ONLY,
    .run = run_bkeys,
};

const struct verb verb_clean = {
    .name = "clean",
    .synopsis = "[--yes]",
    .sentence = "Remove every key, in one transaction.",
    .options = clean_options,
    .examples = {"clean", "clean --yes"},
    .max_operands = 0,
    .flags = VERB_SHELL_ONLY,
    .run = run_clean,
};

const struct verb verb_reset = {
    .name = "reset",
    .synopsis = "[--yes]",
    .sentence = "Remove every key, then the files they were in.",
    .options = clean_options,
    .examples = {"reset", "reset --yes"},
    .max_operands = 0,
    .flags = VERB_SHELL_ONLY,
    .run = run_clean,
};

const struct verb verb_use = {
    .name = "use",
    .synopsis = "DIR",
    .sentence = "Go on with another database.",
    .examples = {"use /srv/mydb", "use ../other"},
    .min_operands = 1,
    .max_operands = 1,
    .flags = VERB_SHELL_ONLY,
    .run = run_use,
};

const struct verb verb_exit = {
    .name = "exit",
    .synopsis = "",
    .sentence = "Leave the shell.",
    .examples = {"exit", "quit"},
    .max_operands = 0,
    .flags = VERB_SHELL_ONLY,
    .run = run_exit,
};

const struct verb verb_quit = {
    .name = "quit",
    .synopsis = "",
    .sentence = "Leave the shell.",
    .examples = {"quit", "exit"},
    .max_operands = 0,
    .flags = VERB_SHELL_ONLY,
    .run = run_exit,
};
