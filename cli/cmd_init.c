/* cmd_init.c -- make a database. The one verb that creates anything where nothing was. */
#include "cli.h"
#include "verbs.h"

#include <stdlib.h>
#include <string.h>

enum { OPT_MAX_LOSS, OPT_ROWS, OPT_SIZE, OPT_SYNC, OPT_COMMENT };

static const struct cli_option options[] = {
    [OPT_MAX_LOSS] = {"max-loss", 0, "ROWS|SIZE", "what you can afford to lose with one file: 1000, 8MB, or 1000,8MB"},
    [OPT_ROWS] = {"bucket-max-rows", 0, "N", "rows a bucket holds (10000)"},
    [OPT_SIZE] = {"bucket-max-size", 0, "SIZE", "bytes a bucket holds (16MB)"},
    [OPT_SYNC] = {"sync", 0, "MODE", "full, normal or off: what a power loss may cost (full)"},
    [OPT_COMMENT] = {"comment", 0, "TEXT", "kept in gertrude.conf"},
    {0},
};

/* ROWS, SIZE or both with a comma between; a unit makes it a size. */
static int max_loss(struct cli *cli, const char *text, aer_options *wanted)
{
    char *copy = strdup(text), *rest = copy, *part;
    uint64_t number;
    bool is_size;
    int exit_code = copy ? 0 : cli_no_memory(cli);

    while (exit_code == 0 && (part = strsep(&rest, ",")) != NULL) {
        exit_code = args_size(cli, "--max-loss", part, &number, &is_size);
        if (exit_code) break;
        if (number == 0) exit_code = cli_usage(cli, "--max-loss: 0 is out of range; every file holds at least one row");
        else if (is_size ? wanted->bucket_max_size : wanted->bucket_max_rows)
            exit_code = cli_usage(cli, "--max-loss: %s is given twice", is_size ? "the size" : "the number of rows");
        else if (is_size) wanted->bucket_max_size = number;
        else wanted->bucket_max_rows = number;
    }
    free(copy);
    return exit_code;
}

static int take_options(struct cli *cli, const struct args *args, aer_options *wanted)
{
    const char *rows = args->value[OPT_ROWS], *size = args->value[OPT_SIZE], *sync = args->value[OPT_SYNC];
    bool has_unit;
    int exit_code = 0;

    if (args->value[OPT_MAX_LOSS]) exit_code = max_loss(cli, args->value[OPT_MAX_LOSS], wanted);
    if (exit_code) return exit_code;
    if ((rows && wanted->bucket_max_rows) || (size && wanted->bucket_max_size))
        return cli_usage(cli, "--max-loss and --bucket-max-%s set the same limit; give one of them", rows ? "rows" : "size");
    if (rows) exit_code = args_number(cli, "--bucket-max-rows", rows, 1, 1000000000, &wanted->bucket_max_rows);
    if (exit_code == 0 && size)
        exit_code = args_size(cli, "--bucket-max-size", size, &wanted->bucket_max_size, &has_unit);
    if (exit_code) return exit_code;
    if (size && wanted->bucket_max_size == 0) return cli_usage(cli, "--bucket-max-size: 0 is out of range");
    if (!sync) return 0;
    if (strcmp(sync, "full") == 0) wanted->sync = AER_SYNC_FULL;
    else if (strcmp(sync, "normal") == 0) wanted->sync = AER_SYNC_NORMAL;
    else if (strcmp(sync, "off") == 0) wanted->sync = AER_SYNC_OFF;
    else return cli_usage(cli, "--sync: '%s' is not a mode; they are full, normal, off", sync);
    return 0;
}

static int run(struct cli *cli, const struct args *args)
{
    aer_options wanted = {.size = sizeof(wanted), .comment = args->value[OPT_COMMENT]};
    const char *named = getenv("AERIALS_DB");
    const char *dir = args->count ? args->operand[0] : cli->dir ? cli->dir : named && named[0] ? named : ".";
    char why[512] = "";
    int rc, exit_code;

    if (args->count && cli->dir && !cli->in_shell && strcmp(cli->dir, dir) != 0)
        return cli_usage(cli, "init: both -d %s and %s are given; which one?", cli->dir, dir);
    exit_code = take_options(cli, args, &wanted);
    if (exit_code) return exit_code;
    rc = aer_init_msg(dir, &wanted, why, sizeof(why));
    cli->about = dir;
    if (rc == AER_EXISTS || rc == AER_NODB) /* full, or no directory at all */
        return cli_fail(cli, EXIT_USAGE, "exists", "choose an empty directory, or a new name", "%s", why);
    if (rc != AER_OK) return cli_fail_rc(cli, rc, why[0] ? why : aer_strerror(rc));
    if (cli->in_shell && args->count) {
        char *own = strdup(dir);

        if (!own) return cli_no_memory(cli);
        cli_drop(cli);
        free(cli->shell_dir);
        cli->dir = cli->shell_dir = own;
    }
    if (cli->json) return cli_json_ok(cli, json_pack("{s:o}", "path", cli_text_json(dir)));
    if (cli->verbose) cli_say(cli, "a database in %s", dir);
    return EXIT_YES;
}

const struct verb verb_init = {
    .name = "init",
    .synopsis = "[DIR] [--max-loss=ROWS|SIZE] [--sync=full|normal|off]",
    .sentence = "Make a database in a new or empty directory.",
    .notes = "--max-loss is the unit to think in: \"I can afford to lose 1000 rows, or 8MB, with one\n"
             "file\". It sets the bucket limits. A bare number is rows, a unit makes it a size;\n"
             "K, KB, KiB are 1024 bytes, M, MB, MiB 1024 of those, and so on. A value larger than\n"
             "a bucket is kept in parts, and is lost with any file that holds a part of it.",
    .options = options,
    .examples = {"init photos --max-loss=8MB", "init events --max-loss=1000 --sync=normal"},
    .max_operands = 1,
    .run = run,
};
