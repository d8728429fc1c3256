/* cmd_incr.c -- count: add to a decimal number, in one write transaction, and print what it became. */
#include "cli.h"
#include "verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_KEY64 };

static const struct cli_option options[] = {
    [OPT_KEY64] = {"key64", 0, NULL, "KEY is in base64"},
    {0},
};

/* "-"? digits, and nothing else, within 64 bits. */
static bool parse(const char *text, size_t size, int64_t *number)
{
    char copy[24], *end;
    size_t sign = size > 0 && text[0] == '-';

    if (size == sign || size >= sizeof(copy) || strspn(memcpy(copy, text, size), "-") != sign) return false;
    copy[size] = '\0';
    if (strspn(copy + sign, "0123456789") != size - sign) return false;
    errno = 0;
    *number = strtoll(copy, &end, 10);
    return errno == 0;
}

/* The number under KEY, 0 if there is none; what else is kept with it stays. */
static int current(struct cli *cli, aer_txn *txn, aer_slice key, int64_t *number, aer_attrs *attrs)
{
    void *value = NULL;
    size_t size;
    aer_entry entry;
    int exit_code = 0;
    int rc = aer_txn_get(txn, key.data, key.size, &value, &size);

    *number = 0;
    if (rc == AER_NOTFOUND) return 0;
    if (rc != AER_OK) return cli_fail_db(cli, rc, "incr '%s'", key_text(key));
    if (!parse(value, size, number))
        exit_code = cli_fail(cli, EXIT_USAGE, "not_a_number", NULL,
                             "incr '%s': its value is not a decimal number of 64 bits", key_text(key));
    aer_free(value);
    if (exit_code) return exit_code;
    rc = aer_txn_stat(txn, key.data, key.size, &entry);
    if (rc != AER_OK) return cli_fail_db(cli, rc, "incr '%s'", key_text(key));
    attrs->meta = entry.meta;
    attrs->meta_size = entry.meta_size;
    attrs->expires_ms = entry.expires_ms;
    return 0;
}

static int count(struct cli *cli, aer_txn **txn, aer_slice key, int64_t step)
{
    aer_attrs attrs = {.size = sizeof(attrs)};
    char text[24];
    int64_t number;
    int rc, exit_code = current(cli, *txn, key, &number, &attrs);

    if (exit_code) return exit_code;
    if (step > 0 ? number > INT64_MAX - step : number < INT64_MIN - step)
        return cli_fail(cli, EXIT_USAGE, "overflow", NULL,
                        "incr '%s': %" PRId64 " and %" PRId64 " do not fit into 64 bits", key_text(key), number, step);
    number += step;
    snprintf(text, sizeof(text), "%" PRId64, number);
    rc = aer_txn_put_attrs(*txn, key.data, key.size, text, strlen(text), &attrs);
    if (rc == AER_OK) {
        rc = aer_commit(*txn);
        *txn = NULL;
    }
    if (rc != AER_OK) return cli_fail_db(cli, rc, "incr '%s'", key_text(key));
    if (cli->json) {
        json_t *object = key_json(key);

        json_object_set_new(object, "value", json_integer(number));
        return cli_json_ok(cli, object);
    }
    cli_outf(cli, "%s\n", text);
    return EXIT_YES;
}

static int run(struct cli *cli, const struct args *args)
{
    const char *by = args->count > 1 ? args->operand[1] : "1";
    int64_t step;
    void *owned = NULL;
    aer_slice key;
    aer_txn *txn = NULL;
    int rc, exit_code;

    if (!parse(by[0] == '+' ? by + 1 : by, strlen(by) - (by[0] == '+'), &step))
        return cli_usage(cli, "incr: '%s' is not a decimal number of 64 bits", by);
    exit_code = key_operand(cli, args->operand[0], args->value[OPT_KEY64] != NULL, &key, &owned);
    if (exit_code == 0) exit_code = cli_open(cli, CLI_WRITE);
    if (exit_code == 0) {
        rc = aer_begin(cli->db, AER_WRITE, &txn);
        exit_code = rc == AER_OK ? count(cli, &txn, key, step) : cli_fail_db(cli, rc, "incr '%s'", key_text(key));
    }
    aer_rollback(txn);
    free(owned);
    return cli_close(cli, exit_code);
}

const struct verb verb_incr = {
    .name = "incr",
    .synopsis = "KEY [N]",
    .sentence = "Add N (1) to the decimal number under a key, and print the result.",
    .notes = "A key that is not there counts as 0. What is no number, or would not fit into 64 bits, is\n"
             "refused, and nothing is changed.",
    .options = options,
    .examples = {"incr visits", "incr stock:apples -5"},
    .min_operands = 1,
    .max_operands = 2,
    .flags = VERB_NUMBERS,
    .run = run,
};
