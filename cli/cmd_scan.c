/* cmd_scan.c -- keys with their values, as JSON lines that `import` and `batch` understand. */
#include "cli.h"
#include "verbs.h"

#include <errno.h>

enum { OPT_KEYS_ONLY = RANGE_OPTIONS };

static const struct cli_option options[] = {
    RANGE_OPTION_ROWS,
    [OPT_KEYS_ONLY] = {"keys-only", 0, NULL, "no values, meta and expiry"},
    {0},
};

struct scan {
    struct cli *cli;
    bool keys_only;
};

static int show(void *arg, aer_txn *txn, aer_cursor *cursor, aer_slice key, aer_slice value)
{
    struct scan *scan = arg;
    struct cli *cli = scan->cli;
    struct port_error error = {0};
    aer_entry entry;
    int rc;

    if (scan->keys_only) return cli_row(cli, key_json(key)) ? EXIT_SYSTEM : 0;
    rc = aer_cursor_entry(cursor, &entry);
    if (rc != AER_OK) return cli_fail_db(cli, rc, "cannot read '%s'", key_text(key));
    errno = 0;
    rc = aer__port_row_write(stdout, cli->db, txn, &(struct port_row){key, key, value, &entry}, &error);
    if (rc == AER_OK) return 0;
    if (ferror(stdout)) { /* cli_flush says it */
        if (!cli->out_error) cli->out_error = errno ? errno : EIO;
        return EXIT_SYSTEM;
    }
    return cli_fail_port(cli, &error, "cannot read '%s'", key_text(key));
}

static int run(struct cli *cli, const struct args *args)
{
    struct scan scan = {cli, args->value[OPT_KEYS_ONLY] != NULL};
    struct range range;
    int exit_code = range_init(cli, args, &range);

    if (exit_code) return exit_code;
    if (scan.keys_only) range.bounds.flags |= AER_KEYS_ONLY;
    range.bounds.value_limit = CLI_SMALL_VALUE;
    exit_code = range_each(cli, &range, show, &scan);
    range_release(&range);
    return exit_code;
}

const struct verb verb_scan = {
    .name = "scan",
    .synopsis = "[PREFIX|GLOB] [--keys-only] [--from=KEY] [--to=KEY] [--limit=N] [--reverse]",
    .sentence = "Print keys with their values as JSON lines, in byte order.",
    .notes = "A line is {\"key\":..,\"value\":..}, with \"meta\" and \"expires\" (milliseconds since 1970) if\n"
             "the key has them. Bytes that are not UTF-8 come in base64, as \"key64\" and \"value64\".",
    .options = options,
    .examples = {"scan user:", "scan --from=a --to=b | jq -r .value"},
    .max_operands = 1,
    .run = run,
};
