/* cmd_ls.c -- list keys in byte order. */
#include "cli.h"
#include "verbs.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { OPT_LONG = RANGE_OPTIONS, OPT_ZERO };

static const struct cli_option options[] = {
    RANGE_OPTION_ROWS,
    [OPT_LONG] = {"long", 'l', NULL, "size, sequence number, mtime and expiry as well"},
    [OPT_ZERO] = {"zero", 'z', NULL, "end each key with a NUL byte, never escape"},
    {0},
};

struct list {
    struct cli *cli;
    bool is_long, zero;
};

static void time_text(char *text, size_t capacity, int64_t seconds)
{
    time_t when = (time_t)seconds;
    struct tm tm;

    if (!gmtime_r(&when, &tm) || strftime(text, capacity, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        snprintf(text, capacity, "?");
}

static int long_row(struct list *list, aer_slice key, const aer_entry *entry)
{
    char mtime[32] = "-", expires[32] = "-";
    struct port_meta meta = {0};
    bool extra;

    if (entry->meta) aer__port_meta_parse(entry->meta, entry->meta_size, &meta, &extra);
    if (meta.has_mtime) time_text(mtime, sizeof(mtime), meta.mtime_sec);
    if (entry->expires_ms) time_text(expires, sizeof(expires), entry->expires_ms / 1000);
    if (cli_outf(list->cli, "%12" PRIu64 " %10" PRIu64 " %20s %20s ", entry->value_size, entry->seq, mtime, expires))
        return EXIT_SYSTEM;
    return key_print(list->cli, key, '\n') ? EXIT_SYSTEM : 0;
}

static int json_row(struct list *list, aer_slice key, const aer_entry *entry)
{
    json_t *row = list->is_long ? aer__port_row(key, (aer_slice){NULL, 0}, entry) : key_json(key);

    if (row && list->is_long) {
        json_object_set_new(row, "size", json_integer((json_int_t)entry->value_size));
        json_object_set_new(row, "seq", json_integer((json_int_t)entry->seq));
    }
    return cli_row(list->cli, row) ? EXIT_SYSTEM : 0;
}

static int show(void *arg, aer_txn *txn, aer_cursor *cursor, aer_slice key, aer_slice value)
{
    struct list *list = arg;
    aer_entry entry = {0};
    int rc;

    (void)txn;
    (void)value;
    if (list->is_long) {
        rc = aer_cursor_entry(cursor, &entry);
        if (rc != AER_OK) return cli_fail_db(list->cli, rc, "cannot read '%s'", key_text(key));
    }
    if (list->cli->json) return json_row(list, key, &entry);
    if (list->zero) return cli_out(list->cli, key.data, key.size) || cli_out(list->cli, "", 1) ? EXIT_SYSTEM : 0;
    if (list->is_long) return long_row(list, key, &entry);
    return key_print(list->cli, key, '\n') ? EXIT_SYSTEM : 0;
}

static int run(struct cli *cli, const struct args *args)
{
    struct list list = {cli, args->value[OPT_LONG] != NULL, args->value[OPT_ZERO] != NULL};
    struct range range;
    int exit_code;

    if (list.is_long && list.zero && !cli->json) return cli_usage(cli, "ls: -l and -z do not go together");
    exit_code = range_init(cli, args, &range);
    if (exit_code) return exit_code;
    range.bounds.flags |= AER_KEYS_ONLY;
    exit_code = range_each(cli, &range, show, &list);
    range_release(&range);
    return exit_code;
}

const struct verb verb_ls = {
    .name = "ls",
    .synopsis = "[PREFIX|GLOB] [-l] [-z] [--from=KEY] [--to=KEY] [--limit=N] [--reverse]",
    .sentence = "List keys in byte order.",
    .notes = "With * (any run of bytes) or ? (one character) the operand is a pattern over the whole\n"
             "key, else a prefix; \\*, \\? and \\\\ are the characters themselves. On a terminal control\n"
             "bytes are shown as \\n or \\x1b; elsewhere keys are written as they are. Exit 1: a prefix,\n"
             "pattern or bound was given and nothing matches. -l: size, seq, mtime, expiry, key.",
    .options = options,
    .examples = {"ls user:", "ls 'photos/*.jpg' -l --limit=20"},
    .max_operands = 1,
    .run = run,
};
