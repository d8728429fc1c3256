/* range.c -- the ranges that ls and scan take: PREFIX or GLOB, --from, --to, --limit, --reverse.
 *
 * For: cmd_ls.c, cmd_scan.c, shell_words.c. Must not know: what is done with a key.
 */
#include "cli.h"

#include <string.h>

int range_init(struct cli *cli, const struct args *args, struct range *range)
{
    const char *from = args->value[RANGE_FROM], *to = args->value[RANGE_TO], *limit = args->value[RANGE_LIMIT];
    const char *pattern = args->count ? args->operand[0] : "";
    int exit_code;

    memset(range, 0, sizeof(*range));
    range->limit = UINT64_MAX;
    if (limit) {
        exit_code = args_number(cli, "--limit", limit, 0, UINT64_MAX, &range->limit);
        if (exit_code) return exit_code;
    }
    if (glob_init(&range->glob, pattern)) return cli_no_memory(cli);
    range->selective = pattern[0] || from || to;
    range->bounds = (aer_range){.size = sizeof(aer_range), .flags = args->value[RANGE_REVERSE] ? AER_REVERSE : 0};
    range->bounds.prefix = (aer_slice){range->glob.head, range->glob.head_size};
    if (from) range->bounds.from = (aer_slice){from, strlen(from)};
    if (to) range->bounds.to = (aer_slice){to, strlen(to)};
    return 0;
}

void range_release(struct range *range)
{
    glob_release(&range->glob);
}

/* The loop of range_each; EXIT_YES, EXIT_NO when nothing came, or a failure. */
static int each_key(struct cli *cli, const struct range *range, aer_txn *txn, aer_cursor *cursor, range_fn *fn, void *arg)
{
    aer_slice key, value;
    uint64_t found = 0;
    int rc, result, damaged = 0;

    while (found < range->limit && (rc = aer_next(cursor, &key, &value)) != AER_DONE) {
        if (cli_stopped()) return EXIT_INTERRUPT;
        if (rc == AER_CORRUPT && key.data) {
            damaged = cli_fail_db(cli, rc, "cannot read '%s'", key_text(key));
            continue;
        }
        if (rc != AER_OK) return cli_fail_db(cli, rc, "reading on from the last key");
        if (!glob_match(&range->glob, key)) continue;
        found++;
        result = fn(arg, txn, cursor, key, value);
        if (result) return result;
    }
    if (damaged) return damaged;
    return found || !range->selective || range->limit == 0 ? EXIT_YES : EXIT_NO;
}

int range_each(struct cli *cli, const struct range *range, range_fn *fn, void *arg)
{
    aer_txn *txn = NULL;
    aer_cursor *cursor = NULL;
    int exit_code = cli_open(cli, CLI_READ);
    int rc;

    if (exit_code) return exit_code;
    rc = aer_begin(cli->db, AER_READ, &txn);
    if (rc == AER_OK) rc = aer_scan(txn, &range->bounds, &cursor);
    if (rc != AER_OK) exit_code = cli_fail_db(cli, rc, "cannot read the keys");
    else exit_code = each_key(cli, range, txn, cursor, fn, arg);
    aer_cursor_close(cursor);
    aer_rollback(txn);
    return cli_close(cli, exit_code);
}
