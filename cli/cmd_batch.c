/* cmd_batch.c -- puts and deletes from JSON lines, as one atomic transaction.
 *
 * Each line goes into the transaction as it is read, so the batch may be larger than memory; a line that is not
 * right ends it, and nothing has changed.
 */
#include "cli.h"
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct tally {
    uint64_t puts, deletes, absent, bytes;
};

static int apply(struct cli *cli, aer_txn *txn, const struct port_line *line, uint64_t number, struct tally *tally)
{
    int rc;

    if (line->is_delete) {
        rc = aer_txn_del(txn, line->key.data, line->key.size);
        if (rc == AER_NOTFOUND) tally->absent++, rc = AER_OK;
        else tally->deletes++;
    } else {
        rc = aer_txn_put_attrs(txn, line->key.data, line->key.size, line->value.data, line->value.size, &line->attrs);
        tally->puts++;
        tally->bytes += line->value.size;
    }
    if (rc == AER_OK) return 0;
    return cli_fail_db(cli, rc, "batch, line %llu; nothing was changed", (unsigned long long)number);
}

static int all_lines(struct cli *cli, aer_txn *txn, int fd, struct tally *tally)
{
    struct port_lines lines;
    struct port_line line;
    struct port_error error = {0};
    struct progress progress;
    char *text;
    size_t size;
    int rc, exit_code = 0;

    progress_start(&progress, cli, "batch");
    aer__port_lines_init(&lines, fd);
    while (exit_code == 0 && (rc = aer__port_lines_next(&lines, &text, &size, &error)) != AER_DONE) {
        if (cli_stopped()) {
            exit_code = EXIT_INTERRUPT;
            break;
        }
        if (rc == AER_OK) rc = aer__port_line_parse(text, size, PORT_LINE_OP, &line, &error);
        if (rc != AER_OK) {
            progress_clear(&progress);
            exit_code = cli_fail_port(cli, &error, "batch, line %llu; nothing was changed", (unsigned long long)lines.number);
            break;
        }
        exit_code = apply(cli, txn, &line, lines.number, tally);
        aer__port_line_release(&line);
        progress_draw(&progress, tally->puts + tally->deletes, tally->bytes, 0, 0);
    }
    progress_clear(&progress);
    aer__port_lines_release(&lines);
    return exit_code;
}

static int run(struct cli *cli, const struct args *args)
{
    const char *file = args->count ? args->operand[0] : "-";
    struct tally tally = {0};
    aer_txn *txn = NULL;
    int fd = STDIN_FILENO, rc, exit_code = strcmp(file, "-") == 0 ? cli_stdin(cli) : 0;

    if (exit_code == 0) exit_code = cli_open(cli, CLI_WRITE);
    if (exit_code) return exit_code;
    if (strcmp(file, "-") != 0) {
        fd = open(file, O_RDONLY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT) return cli_close(cli, cli_usage(cli, "batch: there is no file '%s'", file));
        if (fd < 0) return cli_close(cli, cli_fail_os(cli, "cannot open '%s'", file));
    }
    rc = aer_begin(cli->db, AER_WRITE, &txn);
    if (rc != AER_OK) exit_code = cli_fail_db(cli, rc, "batch");
    else exit_code = all_lines(cli, txn, fd, &tally);
    if (exit_code == 0) {
        rc = aer_commit(txn);
        txn = NULL;
        if (rc != AER_OK) exit_code = cli_fail_db(cli, rc, "batch");
    }
    aer_rollback(txn);
    if (fd != STDIN_FILENO) close(fd);
    if (exit_code == 0 && cli->json)
        cli_json_ok(cli, json_pack("{s:I, s:I, s:I}", "puts", (json_int_t)tally.puts, "deletes",
                                   (json_int_t)tally.deletes, "absent", (json_int_t)tally.absent));
    return cli_close(cli, exit_code);
}

const struct verb verb_batch = {
    .name = "batch",
    .synopsis = "[FILE|-]",
    .sentence = "Apply puts and deletes from JSON lines, all of them or none.",
    .notes =
        "A line is {\"op\":\"put\",\"key\":..,\"value\":..} or {\"op\":\"del\",\"key\":..}; key64 and value64 hold\n"
        "base64; a put may have \"meta\" (an object) and \"expires\" (milliseconds since 1970).\n"
        "A line that is malformed ends it: its number is said, and nothing has changed.",
    .examples = {"batch changes.jsonl", "batch < changes.jsonl"},
    .max_operands = 1,
    .run = run,
};
