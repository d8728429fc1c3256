/* cmd_insert.c -- rows into a table, from the command line, a file or standard input, as one transaction or in batches.
 *
 * The writer's turn is asked for when the first row is there, so a pipe that has not begun keeps nobody waiting. What is kept
 * meanwhile is the row in hand, and the ids (21 bytes each), which are printed only once their rows are committed.
 */
#include "cli.h"
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPT_BATCH };

static const struct cli_option options[] = {
    [OPT_BATCH] = {"batch", 0, "N", "commit every N rows, instead of all or nothing"},
    {0},
};

struct insert {
    struct cli *cli;
    const char *table;
    uint64_t batch; /* 0: one transaction */
    bool one;       /* the input is an object on the command line: a row's number says nothing */
    struct rows rows;
    aer_txn *txn;
    char (*ids)[AER_ID_SIZE]; /* of the rows in txn */
    size_t count, capacity;
    uint64_t stored; /* committed rows */
    struct progress progress;
};

/* ---- the answer ---- */

/* Non-zero: they could not be written. */
static int print_ids(const struct insert *in)
{
    struct cli *cli = in->cli;

    if (cli->json) cli_outf(cli, "{\"schema\":1,\"ok\":true,\"count\":%zu,\"ids\":[", in->count);
    for (size_t i = 0; i < in->count; i++)
        if (cli_outf(cli, cli->json ? "%s\"%s\"" : "%s%s\n", cli->json && i ? "," : "", in->ids[i])) return 1;
    if (cli->json && cli_outf(cli, "]}\n")) return 1;
    if (fflush(stdout) == 0) return 0; /* now, whatever becomes of the next batch */
    cli->out_error = errno ? errno : EIO;
    return 1;
}

/* Which row it was, and what became of the others, for a message. */
static const char *where(const struct insert *in, char *text, size_t capacity)
{
    int n = snprintf(text, capacity, "insert");

    if (!in->one || in->rows.number > 1)
        n += snprintf(text + n, capacity - (size_t)n, ", row %" PRIu64 " (line %" PRIu64 ")", in->rows.number, in->rows.line);
    if (in->stored)
        snprintf(text + n, capacity - (size_t)n, "; the first %" PRIu64 " rows are stored, the others not", in->stored);
    else if (!in->one || in->rows.number > 1) snprintf(text + n, capacity - (size_t)n, "; nothing was stored");
    return text;
}

static int failed_db(struct insert *in, int rc)
{
    char text[160];

    progress_clear(&in->progress);
    return cli_fail_db(in->cli, rc, "%s", where(in, text, sizeof(text)));
}

/* The input is at fault. */
static int failed_input(struct insert *in, int rc)
{
    char text[160];

    progress_clear(&in->progress);
    if (rc == ROWS_STOPPED) return EXIT_INTERRUPT;
    if (rc == ROWS_NOMEM) return cli_no_memory(in->cli);
    if (rc == ROWS_SYSTEM) return cli_fail_os(in->cli, "cannot read the rows");
    return cli_fail(in->cli, EXIT_USAGE, "invalid", NULL, "%s: %s", where(in, text, sizeof(text)), in->rows.why);
}

/* ---- the rows ---- */

static int room_for_id(struct insert *in)
{
    size_t wanted = in->capacity ? in->capacity * 2 : 64;
    void *grown;

    if (in->count < in->capacity) return 0;
    grown = realloc(in->ids, wanted * sizeof(*in->ids));
    if (!grown) return cli_no_memory(in->cli);
    in->ids = grown;
    in->capacity = wanted;
    return 0;
}

static int commit(struct insert *in)
{
    int rc = in->txn ? aer_commit(in->txn) : AER_OK;

    in->txn = NULL;
    if (rc != AER_OK) {
        progress_clear(&in->progress);
        return cli_fail_db(in->cli, rc, "insert%s", in->stored ? "; the batches before it are stored" : "");
    }
    in->stored += in->count;
    progress_clear(&in->progress);
    if (print_ids(in)) return -1;
    in->count = 0;
    return 0;
}

static int insert_one(struct insert *in)
{
    int rc = AER_OK, exit_code = room_for_id(in);

    if (exit_code) return exit_code;
    if (!in->txn) rc = aer_begin(in->cli->db, AER_WRITE, &in->txn);
    if (rc == AER_OK) rc = aer_txn_insert(in->txn, in->table, in->rows.row, in->rows.size, in->ids[in->count]);
    if (rc != AER_OK) return failed_db(in, rc);
    in->count++;
    progress_draw(&in->progress, in->rows.number, in->rows.read, 0, 0);
    return in->batch && in->count == in->batch ? commit(in) : 0;
}

/* 0, an exit code, or -1: the output is lost, cli_flush will say why. */
static int all_rows(struct insert *in)
{
    int rc = ROWS_ONE, exit_code = 0;

    while (exit_code == 0 && (rc = rows_next(&in->rows)) == ROWS_ONE)
        exit_code = cli_stopped() ? EXIT_INTERRUPT : insert_one(in);
    if (exit_code) return exit_code;
    if (rc != ROWS_END) return failed_input(in, rc);
    /* An answer of no ids is one, if it is the only one. */
    return in->count || in->stored == 0 ? commit(in) : 0;
}

/* ---- the input ---- */

static int open_input(struct insert *in, const char *operand)
{
    const char *text = operand + strspn(operand, " \t\r\n");
    int fd = STDIN_FILENO;

    if (*text == '{' || *text == '[') {
        in->one = *text == '{';
        rows_init(&in->rows, -1, operand);
        return 0;
    }
    if (strcmp(operand, "-") != 0) {
        fd = open(operand, O_RDONLY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
            return cli_fail(in->cli, EXIT_USAGE, "usage", "a row on the command line begins with { or [",
                            "insert: there is no file '%s'", key_text((aer_slice){operand, strlen(operand)}));
        if (fd < 0) return cli_fail_os(in->cli, "cannot open '%s'", operand);
    }
    rows_init(&in->rows, fd, NULL);
    return 0;
}

/* A table that is not there is said before a long pipe is read for nothing. */
static int check_table(struct insert *in)
{
    aer_table_def *def = NULL;
    int rc = aer_table_get(in->cli->db, in->table, &def);

    aer_free(def);
    return rc == AER_OK ? 0 : cli_fail_db(in->cli, rc, "insert");
}

static int run(struct cli *cli, const struct args *args)
{
    struct insert in = {.cli = cli, .table = args->operand[0], .rows = {.fd = -1}};
    const char *operand = args->count > 1 ? args->operand[1] : "-";
    int exit_code = strcmp(operand, "-") == 0 ? cli_stdin(cli) : 0;

    cli->table = in.table;
    if (exit_code == 0 && args->value[OPT_BATCH])
        exit_code = args_number(cli, "--batch", args->value[OPT_BATCH], 1, UINT64_C(1) << 40, &in.batch);
    if (exit_code == 0) exit_code = cli_open(cli, CLI_WRITE);
    if (exit_code) return exit_code;
    exit_code = check_table(&in);
    if (exit_code == 0) exit_code = open_input(&in, operand);
    if (exit_code == 0) {
        progress_start(&in.progress, cli, "insert");
        in.progress.noun = "rows";
        exit_code = all_rows(&in);
        progress_clear(&in.progress);
    }
    aer_rollback(in.txn);
    if (exit_code <= 0 && in.batch) cli_say(cli, "%" PRIu64 " rows, committed every %" PRIu64, in.stored, in.batch);
    if (in.rows.fd > STDIN_FILENO) close(in.rows.fd);
    rows_release(&in.rows);
    free(in.ids);
    return cli_close(cli, exit_code < 0 ? EXIT_YES : exit_code);
}

const struct verb verb_insert = {
    .name = "insert",
    .synopsis = "TABLE [JSON|-|FILE] [--batch=N]",
    .sentence = "Store rows in a table, all of them or none, and print their ids.",
    .notes = "The input is a JSON object, several behind each other (JSON lines), or an array of them. As\n"
             "an operand it begins with { or [; anything else is a file, - or nothing standard input. A\n"
             "row that is refused is named, and nothing is stored; with --batch only the last batch is not.",
    .options = options,
    .examples = {"insert people '{\"name\":\"Ann\",\"age\":31}'", "insert people --batch=10000 < people.jsonl"},
    .min_operands = 1,
    .max_operands = 2,
    .run = run,
};
