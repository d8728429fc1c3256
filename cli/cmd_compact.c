/* cmd_compact.c -- rewrite buckets that hold dead rows. */
#include "cli.h"
#include "verbs.h"

enum { OPT_MIN_DEAD, OPT_BY_KEY, OPT_DRY_RUN };

static const struct cli_option options[] = {
    [OPT_MIN_DEAD] = {"min-dead", 0, "PCT", "buckets of which at least PCT per cent are dead (33); 0: any dead row"},
    [OPT_BY_KEY] = {"by-key", 0, NULL, "write live rows anew in key order, so that scans read forward"},
    [OPT_DRY_RUN] = {"dry-run", 'n', NULL, "say what would be done, do nothing"},
    {0},
};

static int on_progress(void *arg, uint64_t done, uint64_t total)
{
    progress_draw(arg, 0, done, done, total);
    return cli_stopped();
}

static json_t *result_json(const aer_compact_result *result, bool dry_run)
{
    return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "dry_run", dry_run, "buckets_before",
                     (json_int_t)result->buckets_before, "buckets_after", (json_int_t)result->buckets_after,
                     "bytes_before", (json_int_t)result->bytes_before, "bytes_after", (json_int_t)result->bytes_after,
                     "rows_dropped", (json_int_t)result->rows_dropped, "keys_expired", (json_int_t)result->keys_expired);
}

static int answer(struct cli *cli, const aer_compact_result *result, bool dry_run)
{
    char before[32], after[32], line[256];

    if (cli->json) return cli_json_ok(cli, result_json(result, dry_run));
    cli_size_text(before, sizeof(before), result->bytes_before);
    cli_size_text(after, sizeof(after), result->bytes_after);
    snprintf(line, sizeof(line), "%llu buckets of %s %s %llu of %s; %llu rows dropped, %llu keys expired",
             (unsigned long long)result->buckets_before, before, dry_run ? "would become" : "became",
             (unsigned long long)result->buckets_after, after, (unsigned long long)result->rows_dropped,
             (unsigned long long)result->keys_expired);
    if (dry_run) cli_outf(cli, "%s\n", line);
    else if (cli->verbose) cli_say(cli, "%s", line);
    return EXIT_YES;
}

static int run(struct cli *cli, const struct args *args)
{
    bool dry_run = args->value[OPT_DRY_RUN] != NULL;
    struct progress progress;
    aer_compact_options wanted = {.size = sizeof(wanted), .min_dead_percent = 33, .progress = on_progress};
    aer_compact_result result = {0};
    uint64_t percent;
    int rc, exit_code = 0;

    if (args->value[OPT_MIN_DEAD]) {
        exit_code = args_number(cli, "--min-dead", args->value[OPT_MIN_DEAD], 0, 100, &percent);
        if (exit_code) return exit_code;
        wanted.min_dead_percent = (int)percent;
    }
    wanted.flags = (args->value[OPT_BY_KEY] ? AER_COMPACT_BY_KEY : 0) | (dry_run ? AER_COMPACT_DRY_RUN : 0);
    exit_code = cli_open(cli, CLI_WRITE);
    if (exit_code) return exit_code;
    progress_start(&progress, cli, "compact");
    wanted.progress_arg = &progress;
    rc = aer_compact(cli->db, &wanted, &result);
    progress_clear(&progress);
    exit_code = rc == AER_OK ? answer(cli, &result, dry_run) : cli_fail_db(cli, rc, "compact");
    return cli_close(cli, exit_code);
}

const struct verb verb_compact = {
    .name = "compact",
    .synopsis = "[--min-dead=PCT] [--by-key] [-n]",
    .sentence = "Rewrite buckets that hold overwritten, deleted or expired rows.",
    .notes = "One bucket at a time: no more extra room than one bucket is needed, and it may be\n"
             "interrupted at any point. -v says what came of it.",
    .options = options,
    .examples = {"compact -n", "compact --min-dead=10"},
    .max_operands = 0,
    .run = run,
};
