/* cmd_status.c -- one screen: how much there is, what losing a file would cost, and the map of the buckets. */
#include "cli.h"
#include "verbs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { OPT_MAP };

static const struct cli_option options[] = {
    [OPT_MAP] = {"map", 0, NULL, "the bucket map, on something else than a terminal too"},
    {0},
};

static const char *sync_name(int sync)
{
    return sync == AER_SYNC_OFF ? "off" : sync == AER_SYNC_NORMAL ? "normal" : "full";
}

static int count_one(void *arg, const char *table)
{
    (void)table;
    ++*(uint64_t *)arg;
    return 0;
}

static int answer_json(struct cli *cli, const char *path, const aer_stats *s, uint64_t tables)
{
    return cli_json_ok(cli, json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:{s:I, s:I}}", "path",
                                      cli_text_json(path), "keys", (json_int_t)s->keys, "tables", (json_int_t)tables,
                                      "buckets", (json_int_t)s->buckets, "rows", (json_int_t)s->rows, "bytes",
                                      (json_int_t)s->bytes, "dead_bytes", (json_int_t)s->dead_bytes, "catalogue_bytes",
                                      (json_int_t)s->catalogue_bytes, "unmerged_rows", (json_int_t)s->unmerged_rows,
                                      "last_seq", (json_int_t)s->last_seq, "sync", sync_name(s->sync), "max_loss",
                                      "rows", (json_int_t)s->bucket_max_rows, "bytes", (json_int_t)s->bucket_max_size));
}

/* tables NULL: they could not be counted */
static void answer_text(struct cli *cli, const char *path, const aer_stats *s, const uint64_t *tables)
{
    uint64_t dead = s->dead_bytes < s->bytes ? s->dead_bytes : s->bytes;
    char live_text[32], dead_text[32], loss[32], catalogue[32];

    cli_size_text(live_text, sizeof(live_text), s->bytes - dead);
    cli_size_text(dead_text, sizeof(dead_text), dead);
    cli_size_text(loss, sizeof(loss), s->bucket_max_size);
    cli_size_text(catalogue, sizeof(catalogue), s->catalogue_bytes);
    cli_outf(cli, "database   %s\n", path);
    cli_outf(cli, "keys       %" PRIu64 "\n", s->keys);
    if (tables) cli_outf(cli, "tables     %" PRIu64 "\n", *tables);
    cli_outf(cli, "buckets    %" PRIu64 " sealed, %" PRIu64 " rows in all\n", s->buckets, s->rows);
    cli_outf(cli, "live       %s\n", live_text);
    cli_outf(cli, "dead       %s (%.0f %%)\n", dead_text, s->bytes ? (double)dead * 100 / (double)s->bytes : 0.0);
    cli_outf(cli, "max loss   %" PRIu64 " rows or %s with one file; a value in parts is lost with any file\n",
             s->bucket_max_rows, loss);
    cli_outf(cli, "           that holds a part of it\n");
    cli_outf(cli, "sync       %s\n", sync_name(s->sync));
    cli_outf(cli, "unmerged   %" PRIu64 " rows, last seq %" PRIu64 "\n", s->unmerged_rows, s->last_seq);
    cli_outf(cli, "catalogue  %s\n", catalogue);
}

static int run(struct cli *cli, const struct args *args)
{
    aer_stats stats = {0};
    uint64_t tables = 0;
    char *path = NULL;
    const char *shown;
    int rc, tables_rc, exit_code = cli_open(cli, CLI_READ);

    if (exit_code) return exit_code;
    rc = aer_status(cli->db, &stats);
    if (rc != AER_OK) return cli_close(cli, cli_fail_db(cli, rc, "status"));
    tables_rc = aer_tables(cli->db, count_one, &tables);
    path = realpath(cli_dir(cli), NULL);
    shown = path ? path : cli_dir(cli);
    if (!cli->json) answer_text(cli, shown, &stats, tables_rc == AER_OK ? &tables : NULL);
    if (tables_rc != AER_OK) exit_code = cli_fail_db(cli, tables_rc, "status: cannot count the tables");
    else if (cli->json) exit_code = answer_json(cli, shown, &stats, tables);
    else if (args->value[OPT_MAP] || isatty(STDOUT_FILENO)) exit_code = map_draw(cli, &stats);
    free(path);
    return cli_close(cli, exit_code);
}

const struct verb verb_status = {
    .name = "status",
    .synopsis = "[--map]",
    .sentence = "Show how much there is, what losing a file costs, and the bucket map.",
    .notes = "The map, on a terminal: one cell a bucket, the fuller the darker; its colour is the share\n"
             "of live bytes. With very many buckets a cell stands for several.",
    .options = options,
    .examples = {"status", "status --json | jq .keys"},
    .max_operands = 0,
    .run = run,
};
