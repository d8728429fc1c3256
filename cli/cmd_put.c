/* cmd_put.c -- store a value: from the command line, from a file, from standard input.
 *
 * A value of up to 8 MiB is read whole before the writer's turn is asked for, so that a slow pipe keeps nobody
 * waiting. A larger one holds the turn from there on, and passes through in pieces.
 */
#include "cli.h"
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPT_IF_ABSENT, OPT_META, OPT_EXPIRES, OPT_LITERAL, OPT_KEY64 };

static const struct cli_option options[] = {
    [OPT_IF_ABSENT] = {"if-absent", 0, NULL, "only if the key is not there; exit 6 if it is"},
    [OPT_META] = {"meta", 0, "JSON", "an object about the key, kept with it"},
    [OPT_EXPIRES] = {"expires", 0, "TIME", "30s, 10m, 2h, 7d from now, or @seconds since 1970"},
    [OPT_LITERAL] = {"literal", 0, NULL, "VALUE is the value, even if it is - or starts with @"},
    [OPT_KEY64] = {"key64", 0, NULL, "KEY is in base64"},
    {0},
};

#define PIECE (1u << 20)

/* Where the value comes from: bytes in hand, and a descriptor with more when fd >= 0. */
struct source {
    const char *name; /* for messages */
    const void *data;
    size_t size;
    void *buffer;
    int fd;
    bool opened;
};

/* Fill the buffer; at the end of the input fd becomes -1. */
static int read_ahead(struct cli *cli, struct source *source)
{
    source->buffer = malloc(CLI_SMALL_VALUE);
    source->data = source->buffer;
    if (!source->buffer) return cli_no_memory(cli);
    while (source->size < CLI_SMALL_VALUE) {
        ssize_t n = read(source->fd, (char *)source->buffer + source->size, CLI_SMALL_VALUE - source->size);

        if (n < 0 && errno == EINTR && !cli_stopped()) continue;
        if (n < 0) return cli_fail_os(cli, "cannot read %s", source->name);
        if (n == 0) {
            if (source->opened) close(source->fd);
            source->fd = -1;
            return 0;
        }
        source->size += (size_t)n;
    }
    return 0;
}

static int source_open(struct cli *cli, const struct args *args, struct source *source)
{
    const char *text = args->count > 1 ? args->operand[1] : "-";
    bool literal = args->value[OPT_LITERAL] != NULL;

    *source = (struct source){.fd = -1};
    if (args->count < 2 && literal) return cli_usage(cli, "put: --literal needs a VALUE");
    if (args->count > 1 && (literal || (strcmp(text, "-") != 0 && text[0] != '@'))) {
        source->data = text;
        source->size = strlen(text);
        return 0;
    }
    if (text[0] == '@') {
        source->name = text + 1;
        source->fd = open(source->name, O_RDONLY | O_CLOEXEC);
        if (source->fd < 0)
            return errno == ENOENT ? cli_fail(cli, EXIT_USAGE, "usage", "a value that starts with @ needs --literal",
                                              "there is no file '%s'", source->name)
                                   : cli_fail_os(cli, "cannot open '%s'", source->name);
        source->opened = true;
    } else {
        if (cli_stdin(cli)) return EXIT_USAGE;
        source->name = "standard input";
        source->fd = STDIN_FILENO;
    }
    return read_ahead(cli, source);
}

static void source_release(struct source *source)
{
    if (source->opened && source->fd >= 0) close(source->fd);
    free(source->buffer);
}

static int take_attrs(struct cli *cli, const struct args *args, aer_attrs *attrs)
{
    const char *meta = args->value[OPT_META];

    *attrs = (aer_attrs){.size = sizeof(*attrs)};
    if (meta) {
        if (aer__port_meta_refused(meta, strlen(meta)))
            return cli_usage(cli, "--meta: %s", aer__port_meta_refused(meta, strlen(meta)));
        attrs->meta = meta;
        attrs->meta_size = strlen(meta);
    }
    return args->value[OPT_EXPIRES] ? args_when(cli, "--expires", args->value[OPT_EXPIRES], &attrs->expires_ms) : 0;
}

/* The rest of the value behind what was read ahead. An AER_ code, or -1 when the input failed and has been told. */
static int stream(struct cli *cli, aer_txn *txn, aer_slice key, const aer_attrs *attrs, struct source *source)
{
    aer_writer *writer = NULL;
    int rc = aer_writer_open(txn, key.data, key.size, attrs, &writer);

    while (rc == AER_OK && source->size > 0) {
        ssize_t n;

        rc = aer_writer_write(writer, source->buffer, source->size);
        if (rc != AER_OK) break;
        if (source->size > PIECE) { /* what was read ahead is gone, and so is the need for that much room */
            void *smaller = realloc(source->buffer, PIECE);

            if (smaller) source->buffer = smaller;
        }
        do n = read(source->fd, source->buffer, PIECE);
        while (n < 0 && errno == EINTR && !cli_stopped());
        if (n < 0) {
            cli_fail_os(cli, "cannot read %s", source->name);
            rc = -1;
        }
        source->size = n > 0 ? (size_t)n : 0;
    }
    if (rc == AER_OK) return aer_writer_finish(writer);
    aer_writer_abandon(writer);
    return rc;
}

static int store(struct cli *cli, const struct args *args, aer_slice key, const aer_attrs *attrs, struct source *source)
{
    bool if_absent = args->value[OPT_IF_ABSENT] != NULL;
    aer_txn *txn = NULL;
    aer_entry entry;
    int rc;

    if (!if_absent && source->fd < 0) {
        rc = aer_put_attrs(cli->db, key.data, key.size, source->data, source->size, attrs);
        return rc == AER_OK ? EXIT_YES : cli_fail_db(cli, rc, "put '%s'", key_text(key));
    }
    rc = aer_begin(cli->db, AER_WRITE, &txn);
    if (rc == AER_OK && if_absent) {
        rc = aer_txn_stat(txn, key.data, key.size, &entry);
        if (rc == AER_OK) {
            aer_rollback(txn);
            return cli_fail(cli, EXIT_CONFLICT, "conflict", NULL, "put '%s': the key is there already", key_text(key));
        }
        if (rc == AER_NOTFOUND) rc = AER_OK;
    }
    if (rc == AER_OK)
        rc = source->fd >= 0 ? stream(cli, txn, key, attrs, source)
                             : aer_txn_put_attrs(txn, key.data, key.size, source->data, source->size, attrs);
    if (rc == AER_OK) {
        rc = aer_commit(txn);
        txn = NULL;
    }
    if (rc > 0) rc = cli_fail_db(cli, rc, "put '%s'", key_text(key));
    else if (rc < 0) rc = EXIT_SYSTEM;
    aer_rollback(txn);
    return rc;
}

static int run(struct cli *cli, const struct args *args)
{
    struct source source = {.fd = -1};
    void *owned = NULL;
    aer_slice key;
    aer_attrs attrs;
    int exit_code = key_operand(cli, args->operand[0], args->value[OPT_KEY64] != NULL, &key, &owned);

    if (exit_code == 0) exit_code = take_attrs(cli, args, &attrs);
    if (exit_code == 0) exit_code = cli_open(cli, CLI_WRITE); /* before a long pipe is read for nothing */
    if (exit_code == 0) exit_code = source_open(cli, args, &source);
    if (exit_code == 0) exit_code = store(cli, args, key, &attrs, &source);
    if (exit_code == 0 && cli->json) cli_json_ok(cli, key_json(key));
    source_release(&source);
    free(owned);
    return cli_close(cli, exit_code);
}

const struct verb verb_put = {
    .name = "put",
    .synopsis = "KEY [VALUE|-|@FILE]",
    .sentence = "Store a value under a key; without VALUE, standard input.",
    .notes = "The value is any bytes of any size. From standard input or a file it is taken as it is,\n"
             "up to 8 MiB read before the database is locked, the rest while it is.",
    .options = options,
    .examples = {"put greeting hello", "put photos/cat.jpg @cat.jpg --meta '{\"type\":\"image/jpeg\"}'"},
    .min_operands = 1,
    .max_operands = 2,
    .flags = VERB_NUMBERS,
    .run = run,
};
