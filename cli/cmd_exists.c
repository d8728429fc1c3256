/* cmd_exists.c -- is a key there? The exit code is the answer. */
#include "cli.h"
#include "verbs.h"

#include <stdlib.h>

enum { OPT_KEY64 };

static const struct cli_option options[] = {
    [OPT_KEY64] = {"key64", 0, NULL, "KEYs are in base64"},
    {0},
};

/* EXIT_YES, EXIT_NO or a failure. */
static int look(struct cli *cli, aer_txn *txn, const char *text, bool base64, json_t *rows)
{
    void *owned = NULL;
    aer_slice key;
    aer_entry entry;
    json_t *row;
    int exit_code = key_operand(cli, text, base64, &key, &owned);
    int rc;

    if (exit_code) return exit_code;
    rc = aer_txn_stat(txn, key.data, key.size, &entry);
    if (rc == AER_NOTFOUND) exit_code = EXIT_NO;
    else if (rc != AER_OK) exit_code = cli_fail_db(cli, rc, "exists '%s'", key_text(key));
    if (rows && exit_code <= EXIT_NO) {
        row = key_json(key);
        json_object_set_new(row, "exists", json_boolean(exit_code == EXIT_YES));
        json_array_append_new(rows, row);
    }
    if (exit_code == EXIT_NO && cli->verbose) cli_say(cli, "no such key: '%s'", key_text(key));
    free(owned);
    return exit_code;
}

static int run(struct cli *cli, const struct args *args)
{
    json_t *rows = cli->json ? json_array() : NULL;
    aer_txn *txn = NULL;
    int answer = EXIT_YES, exit_code = cli_open(cli, CLI_READ);
    int rc;

    if (exit_code == 0) {
        rc = aer_begin(cli->db, AER_READ, &txn);
        if (rc != AER_OK) exit_code = cli_fail_db(cli, rc, "exists");
    }
    for (int i = 0; exit_code == 0 && i < args->count; i++) {
        exit_code = look(cli, txn, args->operand[i], args->value[OPT_KEY64] != NULL, rows);
        if (exit_code == EXIT_NO) answer = EXIT_NO, exit_code = 0;
    }
    if (exit_code == 0) exit_code = answer;
    if (exit_code <= EXIT_NO && rows)
        cli_json_ok(cli, json_pack("{s:b, s:O}", "exists", exit_code == EXIT_YES, "keys", rows));
    json_decref(rows);
    aer_rollback(txn);
    return cli_close(cli, exit_code);
}

const struct verb verb_exists = {
    .name = "exists",
    .synopsis = "KEY...",
    .sentence = "Exit 0 if all the keys are there, 1 if one is not; print nothing.",
    .options = options,
    .examples = {"exists greeting && echo yes", "exists user:1 user:2 --json"},
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
