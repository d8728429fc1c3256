/* cmd_import.c -- files, archives, JSON lines and AerialsDB databases into keys, those of gertrude into tables; src/port/ does the work. */
#include "cli.h"
#include "verbs.h"

#include <stdlib.h>
#include <string.h>

enum { OPT_PREFIX, OPT_FORMAT, OPT_BATCH, OPT_RESUME, OPT_SKIP_BAD, OPT_TABLE, OPT_STORAGE };

static const struct cli_option options[] = {
    [OPT_PREFIX] = {"prefix", 0, "P", "put P before every key"},
    [OPT_FORMAT] = {"format", 0, "F", "dir, tar, jsonl, aerialsdb or gertrude; else as SOURCE looks"},
    [OPT_BATCH] = {"batch", 0, "N", "commit every N entries (1000, rows of gertrude 4000, or 8 MiB)"},
    [OPT_RESUME] = {"resume", 0, NULL, "leave alone what is in already"},
    [OPT_SKIP_BAD] = {"skip-bad", 0, "FILE", "jsonl: malformed lines go to FILE, the rest is imported"},
    [OPT_TABLE] = {"table", 0, "T", "gertrude: the table T alone"},
    [OPT_STORAGE] = {"storage", 0, "S", "gertrude: files, buckets or gdbm, of the new tables (files)"},
    {0},
};

void skips_told(void *arg, aer_slice what, const char *why)
{
    struct skips *skips = arg;
    json_t *row;

    progress_clear(&skips->progress);
    if (!skips->cli->json) {
        fprintf(stderr, "aerials: skipped '%s': %s\n", key_text(what), why);
    } else if (json_array_size(skips->rows) < SKIPS_LISTED) {
        row = json_object();
        if (row && aer__port_set_bytes(row, "what", what) == 0) json_object_set_new(row, "why", cli_text_json(why));
        json_array_append_new(skips->rows, row);
    }
}

int skips_progress(void *arg, uint64_t entries, uint64_t bytes, uint64_t done, uint64_t total)
{
    struct skips *skips = arg;

    progress_draw(&skips->progress, entries, bytes, done, total);
    return cli_stopped();
}

static json_t *counts_json(const struct port_counts *counts, struct skips *skips)
{
    json_t *object = json_pack("{s:I, s:I, s:I, s:I, s:I, s:b}", "inserted", (json_int_t)counts->inserted, "replaced",
                               (json_int_t)counts->replaced, "ignored", (json_int_t)counts->ignored, "rejected",
                               (json_int_t)counts->rejected, "bytes", (json_int_t)counts->bytes, "one_transaction",
                               counts->one_transaction);

    if (object && counts->tables) json_object_set_new(object, "tables", json_integer((json_int_t)counts->tables));
    if (object && counts->tables) json_object_set_new(object, "indexes", json_integer((json_int_t)counts->indexes));
    if (object && counts->rejected) json_object_set(object, "skipped", skips->rows);
    return object;
}

static int answer(struct cli *cli, const struct port_import *job, const struct port_counts *counts, struct skips *skips)
{
    char commits[64] = "in one transaction", made[64] = "";
    int most = job->format == PORT_GERTRUDE ? PORT_GERTRUDE_BATCH : 1000;

    if (!counts->one_transaction && job->batch)
        snprintf(commits, sizeof(commits), "committed every %llu entries", (unsigned long long)job->batch);
    else if (!counts->one_transaction) snprintf(commits, sizeof(commits), "committed every %d entries or 8 MiB", most);
    if (job->format == PORT_GERTRUDE)
        snprintf(made, sizeof(made), "tables %llu, indexes %llu, ", (unsigned long long)counts->tables,
                 (unsigned long long)counts->indexes);
    cli_say(cli, "%sinserted %llu, replaced %llu, ignored %llu, rejected %llu (%s)", made,
            (unsigned long long)counts->inserted, (unsigned long long)counts->replaced,
            (unsigned long long)counts->ignored, (unsigned long long)counts->rejected, commits);
    if (counts->rejected && cli->json)
        return cli_fail_with(cli, counts_json(counts, skips), EXIT_PARTLY, "partly", NULL,
                             "import '%s': %llu entries were left out", job->source, (unsigned long long)counts->rejected);
    if (counts->rejected) return EXIT_PARTLY;
    return cli->json ? cli_json_ok(cli, counts_json(counts, skips)) : EXIT_YES;
}

static int failed(struct cli *cli, const struct port_import *job, const struct port_counts *counts,
                  const struct port_error *error)
{
    uint64_t written = counts->inserted + counts->replaced;
    int exit_code = cli_fail_port(cli, error, "import '%s'", job->source);

    if (written && !counts->one_transaction && job->format != PORT_GERTRUDE) /* there the message has it */
        cli_say(cli, "%llu entries are in; --resume goes on from there", (unsigned long long)written);
    return exit_code;
}

static int take_storage(struct cli *cli, const char *name, int *storage)
{
    static const char *const names[] = {"files", "buckets", "gdbm"};

    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *storage = AER_STORAGE_FILES + i;
        return 0;
    }
    return cli_usage(cli, "--storage: '%s' is none; they are files, buckets, gdbm", name);
}

/* Options that mean nothing for the format. */
static int check_options(struct cli *cli, const struct args *args, const struct port_import *job)
{
    bool gertrude = job->format == PORT_GERTRUDE;

    if (job->skip_bad && job->format != PORT_JSONL) return cli_usage(cli, "import: --skip-bad is for jsonl");
    if (!gertrude && (args->value[OPT_TABLE] || args->value[OPT_STORAGE]))
        return cli_usage(cli, "import: --table and --storage are for gertrude");
    if (gertrude && args->value[OPT_PREFIX]) return cli_usage(cli, "import: --prefix is for keys; gertrude has tables");
    if (gertrude && job->resume)
        return cli_usage(cli,
                         "import: no --resume for gertrude; drop what is incomplete, take single tables with --table");
    return 0;
}

static int take_job(struct cli *cli, const struct args *args, struct port_import *job)
{
    const char *format = args->value[OPT_FORMAT], *prefix = args->value[OPT_PREFIX];
    int exit_code = 0;

    job->source = args->operand[0];
    job->resume = args->value[OPT_RESUME] != NULL;
    job->skip_bad = args->value[OPT_SKIP_BAD];
    job->table = args->value[OPT_TABLE];
    job->db_dir = cli_dir(cli);
    if (prefix) job->prefix = (aer_slice){prefix, strlen(prefix)};
    if (args->value[OPT_BATCH])
        exit_code = args_number(cli, "--batch", args->value[OPT_BATCH], 1, UINT64_C(1) << 40, &job->batch);
    if (exit_code == 0 && args->value[OPT_STORAGE])
        exit_code = take_storage(cli, args->value[OPT_STORAGE], &job->storage);
    if (exit_code) return exit_code;
    job->format = format ? aer__port_format(format) : aer__port_guess(job->source);
    if (job->format < 0)
        return cli_usage(cli, "--format: '%s' is none; they are dir, tar, jsonl, aerialsdb, gertrude", format);
    if (job->format == PORT_FORMAT_GUESS)
        return cli_usage(cli, "import: cannot tell what '%s' is; say --format=dir, tar, jsonl, aerialsdb or gertrude",
                         job->source);
    exit_code = check_options(cli, args, job);
    if (exit_code) return exit_code;
    return strcmp(job->source, "-") == 0 ? cli_stdin(cli) : 0;
}

static int run(struct cli *cli, const struct args *args)
{
    struct skips skips = {.cli = cli, .rows = json_array()};
    struct port_import job = {.events = {&skips, skips_told, skips_progress}};
    struct port_counts counts = {0};
    struct port_error error = {0};
    int exit_code = take_job(cli, args, &job);

    if (exit_code == 0) exit_code = cli_open(cli, CLI_WRITE);
    if (exit_code == 0) {
        progress_start(&skips.progress, cli, "import");
        aer__port_import(cli->db, &job, &counts, &error);
        progress_clear(&skips.progress);
        exit_code = error.code ? failed(cli, &job, &counts, &error) : answer(cli, &job, &counts, &skips);
    }
    json_decref(skips.rows);
    return cli_close(cli, exit_code);
}

const struct verb verb_import = {
    .name = "import",
    .synopsis = "SOURCE|- [--format=F] [--prefix=P|--table=T] [--resume] [--batch=N]",
    .sentence = "Bring in a directory tree, a tar archive, JSON lines, an AerialsDB or a gertrude.",
    .notes = "A tree or archive: the key is the path (a directory's ends with /), the value the content\n"
             "(a link's target); type, mode and mtime go into meta, so that export gives the tree back.\n"
             "Files that cannot be read, FIFOs, sockets and devices are listed and left out: exit 3.\n"
             "Malformed JSON lines or archives are refused whole; a pipe goes in as one transaction,\n"
             "anything else in batches. After an interruption, run it again with --resume.\n"
             "A database of gertrude becomes tables with the same columns, rows and indexes; rows get\n"
             "ids of ours. None of its tables may be here already.",
    .options = options,
    .examples = {"import ~/photos --prefix=photos/", "import old-gertrude --format=gertrude --table=people"},
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
