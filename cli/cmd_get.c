/* cmd_get.c -- fetch a value: its exact bytes, whole or a stretch of them, of any size. */
#include "cli.h"
#include "verbs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPT_OUTPUT, OPT_OFFSET, OPT_LENGTH, OPT_KEY64 };

static const struct cli_option options[] = {
    [OPT_OUTPUT] = {"output", 'o', "FILE", "into FILE, which appears whole or not at all"},
    [OPT_OFFSET] = {"offset", 0, "N", "from byte N on, counted from 0"},
    [OPT_LENGTH] = {"length", 0, "N", "at most N bytes"},
    [OPT_KEY64] = {"key64", 0, NULL, "KEY is in base64"},
    {0},
};

#define PIECE (1u << 20)
#define JSON_VALUE_MAX (UINT64_C(256) << 20) /* a JSON answer is built in memory */

/* What get was asked for. */
struct wanted {
    aer_slice key;
    const char *file; /* NULL: standard output */
    uint64_t offset, length;
};

/* The stretch of the value, piece by piece, to a file or to standard output. */
static int copy(struct cli *cli, const struct wanted *wanted, aer_reader *reader, struct port_file *file)
{
    uint64_t offset = wanted->offset, left = wanted->length;
    char *piece = malloc(PIECE), last = '\n';
    struct port_error error = {0};
    size_t got = 1;
    int exit_code = 0;

    if (!piece) return cli_no_memory(cli);
    while (exit_code == 0 && left > 0) {
        int rc = aer_reader_read(reader, offset, piece, left < PIECE ? (size_t)left : PIECE, &got);

        if (cli_stopped()) exit_code = EXIT_INTERRUPT;
        else if (rc != AER_OK) exit_code = cli_fail_db(cli, rc, "get '%s'", key_text(wanted->key));
        else if (got == 0) break;
        else if (file && aer__port_file_write(file, piece, got, &error)) exit_code = cli_fail_port(cli, &error, "get");
        else if (!file && cli_out(cli, piece, got)) break;
        if (exit_code) break;
        last = piece[got - 1];
        offset += got;
        left -= got;
    }
    if (exit_code == 0 && !file && last != '\n' && isatty(STDOUT_FILENO)) cli_out(cli, "\n", 1);
    free(piece);
    return exit_code;
}

static int to_file(struct cli *cli, const struct wanted *wanted, aer_reader *reader)
{
    struct port_file file;
    struct port_error error = {0};
    int exit_code;

    cli->about = wanted->file;
    if (aer__port_file_open(&file, wanted->file, &error)) return cli_fail_port(cli, &error, "get");
    exit_code = copy(cli, wanted, reader, &file);
    if (exit_code == 0 && aer__port_file_commit(&file, &error)) exit_code = cli_fail_port(cli, &error, "get");
    aer__port_file_abandon(&file);
    return exit_code;
}

/* The stretch in one buffer, for JSON. */
static int load(struct cli *cli, const struct wanted *wanted, aer_reader *reader, uint64_t size, aer_slice *value)
{
    uint64_t length = wanted->offset < size ? size - wanted->offset : 0;
    size_t got = 0, filled = 0;
    char *buffer;
    int rc = AER_OK;

    if (length > wanted->length) length = wanted->length;
    if (length > JSON_VALUE_MAX)
        return cli_fail(cli, EXIT_USAGE, "usage", "aerials get KEY -o FILE --json",
                        "get '%s': %llu bytes are too many for one JSON answer", key_text(wanted->key),
                        (unsigned long long)length);
    buffer = malloc((size_t)length + 1);
    if (!buffer) return cli_no_memory(cli);
    *value = (aer_slice){buffer, 0};
    do {
        rc = aer_reader_read(reader, wanted->offset + filled, buffer + filled, (size_t)length - filled, &got);
        filled += got;
    } while (rc == AER_OK && got > 0 && filled < length);
    value->size = filled;
    return rc == AER_OK ? 0 : cli_fail_db(cli, rc, "get '%s'", key_text(wanted->key));
}

static int answer_json(struct cli *cli, const struct wanted *wanted, aer_txn *txn, aer_reader *reader, uint64_t size)
{
    aer_slice value = {NULL, 0};
    aer_entry entry;
    json_t *object;
    int rc = aer_txn_stat(txn, wanted->key.data, wanted->key.size, &entry);
    int exit_code = rc == AER_OK ? 0 : cli_fail_db(cli, rc, "get '%s'", key_text(wanted->key));

    if (exit_code == 0)
        exit_code = wanted->file ? to_file(cli, wanted, reader) : load(cli, wanted, reader, size, &value);
    if (exit_code == 0) {
        object = aer__port_row(wanted->key, value, &entry);
        if (object) json_object_set_new(object, "size", json_integer((json_int_t)size));
        if (object) json_object_set_new(object, "seq", json_integer((json_int_t)entry.seq));
        if (object && wanted->file) json_object_set_new(object, "file", cli_text_json(wanted->file));
        cli_json_ok(cli, object);
    }
    free((void *)(uintptr_t)value.data);
    return exit_code;
}

static int fetch(struct cli *cli, const struct wanted *wanted)
{
    aer_txn *txn = NULL;
    aer_reader *reader = NULL;
    uint64_t size = 0;
    int exit_code;
    int rc = aer_begin(cli->db, AER_READ, &txn);

    if (rc == AER_OK) rc = aer_reader_open(txn, wanted->key.data, wanted->key.size, &reader, &size);
    if (rc == AER_NOTFOUND) exit_code = cli_no(cli, "get '%s': no such key", key_text(wanted->key));
    else if (rc != AER_OK) exit_code = cli_fail_db(cli, rc, "get '%s'", key_text(wanted->key));
    else if (cli->json) exit_code = answer_json(cli, wanted, txn, reader, size);
    else if (wanted->file) exit_code = to_file(cli, wanted, reader);
    else exit_code = copy(cli, wanted, reader, NULL);
    aer_reader_close(reader);
    aer_rollback(txn);
    return exit_code;
}

static int run(struct cli *cli, const struct args *args)
{
    struct wanted wanted = {.file = args->value[OPT_OUTPUT], .length = UINT64_MAX};
    void *owned = NULL;
    bool has_unit;
    int exit_code = key_operand(cli, args->operand[0], args->value[OPT_KEY64] != NULL, &wanted.key, &owned);

    if (exit_code == 0 && args->value[OPT_OFFSET])
        exit_code = args_size(cli, "--offset", args->value[OPT_OFFSET], &wanted.offset, &has_unit);
    if (exit_code == 0 && args->value[OPT_LENGTH])
        exit_code = args_size(cli, "--length", args->value[OPT_LENGTH], &wanted.length, &has_unit);
    if (wanted.file && strcmp(wanted.file, "-") == 0) wanted.file = NULL;
    if (exit_code == 0) exit_code = cli_open(cli, CLI_READ);
    if (exit_code == 0) exit_code = fetch(cli, &wanted);
    free(owned);
    return cli_close(cli, exit_code);
}

const struct verb verb_get = {
    .name = "get",
    .synopsis = "KEY [-o FILE] [--offset=N] [--length=N]",
    .sentence = "Write the value of a key to standard output, byte for byte.",
    .notes = "A newline is added on a terminal only, if the value does not end with one. Exit 1: no such key.",
    .options = options,
    .examples = {"get greeting", "get photos/cat.jpg -o cat.jpg"},
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
