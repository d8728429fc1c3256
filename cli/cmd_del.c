/* cmd_del.c -- remove keys, all in one transaction. */
#include "cli.h"
#include "verbs.h"

#include <stdlib.h>

enum { OPT_KEY64 };

static const struct cli_option options[] = {
    [OPT_KEY64] = {"key64", 0, NULL, "KEYs are in base64"},
    {0},
};

struct tally {
    uint64_t deleted, absent;
    char first_absent[256];
};

static int delete_one(struct cli *cli, aer_txn *txn, const char *text, bool base64, struct tally *tally)
{
    void *owned = NULL;
    aer_slice key;
    int exit_code = key_operand(cli, text, base64, &key, &owned);
    int rc;

    if (exit_code) return exit_code;
    rc = aer_txn_del(txn, key.data, key.size);
    if (rc == AER_OK) {
        tally->deleted++;
    } else if (rc == AER_NOTFOUND) {
        if (tally->absent++ == 0) snprintf(tally->first_absent, sizeof(tally->first_absent), "%s", key_text(key));
    } else {
        exit_code = cli_fail_db(cli, rc, "del '%s'", key_text(key));
    }
    free(owned);
    return exit_code;
}

static int answer(struct cli *cli, const struct tally *tally)
{
    json_t *counts = cli->json ? json_pack("{s:I, s:I}", "deleted", (json_int_t)tally->deleted, "absent",
                                           (json_int_t)tally->absent)
                               : NULL;

    if (tally->absent == 0) return cli->json ? cli_json_ok(cli, counts) : EXIT_YES;
    if (cli->json)
        return cli_fail_with(cli, counts, EXIT_NO, "not_found", NULL, "del '%s': no such key", tally->first_absent);
    if (tally->absent == 1) return cli_no(cli, "del '%s': no such key", tally->first_absent);
    return cli_no(cli, "del: no such key: '%s' and %llu more", tally->first_absent, (unsigned long long)tally->absent - 1);
}

static int run(struct cli *cli, const struct args *args)
{
    struct tally tally = {0};
    aer_txn *txn = NULL;
    int exit_code = cli_open(cli, CLI_WRITE);
    int rc;

    if (exit_code) return exit_code;
    rc = aer_begin(cli->db, AER_WRITE, &txn);
    if (rc != AER_OK) exit_code = cli_fail_db(cli, rc, "del");
    for (int i = 0; exit_code == 0 && i < args->count; i++)
        exit_code = delete_one(cli, txn, args->operand[i], args->value[OPT_KEY64] != NULL, &tally);
    if (exit_code == 0) {
        rc = aer_commit(txn);
        txn = NULL;
        exit_code = rc == AER_OK ? answer(cli, &tally) : cli_fail_db(cli, rc, "del");
    }
    aer_rollback(txn);
    return cli_close(cli, exit_code);
}

const struct verb verb_del = {
    .name = "del",
    .synopsis = "KEY...",
    .sentence = "Remove keys, all of them in one transaction.",
    .notes = "Exit 1 if one of them was not there; the others are removed all the same.",
    .options = options,
    .examples = {"del greeting", "del user:1 user:2 user:3"},
    .min_operands = 1,
    .max_operands = -1,
    .run = run,
};
