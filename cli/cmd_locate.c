/* cmd_locate.c -- which file and which row a key is in, and how to read it there without us. */
#include "cli.h"
#include "verbs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_KEY64 };

static const struct cli_option options[] = {
    [OPT_KEY64] = {"key64", 0, NULL, "KEY is in base64"},
    {0},
};

/* The command that fetches the value; a value in parts is several rows, in order. free() */
static char *sqlite_command(const char *path, const aer_location *at)
{
    char *quoted = cli_quote(path), *command = NULL;
    int n = -1;

    if (quoted && at->first_seq == at->seq)
        n = asprintf(&command, "sqlite3 -readonly %s \"SELECT value FROM bucket WHERE seq = %" PRIu64 "\"", quoted, at->seq);
    else if (quoted)
        n = asprintf(&command,
                     "sqlite3 -readonly %s \"SELECT value FROM bucket WHERE seq BETWEEN %" PRIu64 " AND %" PRIu64
                     " ORDER BY seq\"",
                     quoted, at->first_seq, at->seq);
    free(quoted);
    return n < 0 ? NULL : command;
}

static int answer(struct cli *cli, aer_slice key, const aer_location *at)
{
    const char *dir = cli_dir(cli);
    char *path = NULL, *command = NULL;
    json_t *object;

    if (asprintf(&path, "%s/%s", dir, at->path) < 0) path = NULL;
    if (path) command = sqlite_command(path, at);
    if (!command) {
        free(path);
        return cli_no_memory(cli);
    }
    if (cli->json) {
        object = key_json(key);
        json_object_update_new(object, json_pack("{s:s, s:s, s:I, s:I, s:I, s:b, s:o}", "id", at->id, "path", at->path,
                                                 "seq", (json_int_t)at->seq, "first_seq", (json_int_t)at->first_seq,
                                                 "size", (json_int_t)at->value_size, "merged", at->merged != 0,
                                                 "command", cli_text_json(command)));
        cli_json_ok(cli, object);
    } else {
        cli_outf(cli, "file  %s\nrow   seq %" PRIu64, path, at->seq);
        if (at->first_seq != at->seq) cli_outf(cli, ", in parts from seq %" PRIu64 " on", at->first_seq);
        cli_outf(cli, "%s\n%s\n", at->merged ? "" : " (not in buckets_meta yet)", command);
    }
    free(command);
    free(path);
    return EXIT_YES;
}

static int run(struct cli *cli, const struct args *args)
{
    void *owned = NULL;
    aer_slice key;
    aer_location at;
    int rc, exit_code = key_operand(cli, args->operand[0], args->value[OPT_KEY64] != NULL, &key, &owned);

    if (exit_code == 0) exit_code = cli_open(cli, CLI_READ);
    if (exit_code == 0) {
        rc = aer_locate(cli->db, key.data, key.size, &at);
        if (rc == AER_NOTFOUND) exit_code = cli_no(cli, "locate '%s': no such key", key_text(key));
        else if (rc != AER_OK) exit_code = cli_fail_db(cli, rc, "locate '%s'", key_text(key));
        else exit_code = answer(cli, key, &at);
    }
    free(owned);
    return cli_close(cli, exit_code);
}

const struct verb verb_locate = {
    .name = "locate",
    .synopsis = "KEY",
    .sentence = "Say which file and row hold a key, and how sqlite3 fetches its value.",
    .options = options,
    .examples = {"locate greeting", "locate photos/cat.jpg --json"},
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
