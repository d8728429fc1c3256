/* cmd_export.c -- keys back into files, an archive or JSON lines; src/port/ does the work. */
#include "cli.h"
#include "verbs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPT_FORMAT, OPT_PREFIX };

static const struct cli_option options[] = {
    [OPT_FORMAT] = {"format", 0, "F", "dir, tar or jsonl; else by DEST's name, else dir (jsonl for -)"},
    [OPT_PREFIX] = {"prefix", 0, "P", "only keys that start with P; P is taken off them"},
    {0},
};

static json_t *counts_json(const struct port_counts *counts, struct skips *skips)
{
    json_t *object = json_pack("{s:I, s:I, s:I}", "exported", (json_int_t)counts->exported, "rejected",
                               (json_int_t)counts->rejected, "bytes", (json_int_t)counts->bytes);

    if (object && counts->rejected) json_object_set(object, "skipped", skips->rows);
    return object;
}

/* The data itself may be on standard output: then no JSON answer may follow it there. */
static int answer(struct cli *cli, const struct port_export *job, const struct port_counts *counts, struct skips *skips)
{
    bool to_stdout = strcmp(job->dest, "-") == 0;
    int exit_code = counts->damaged ? EXIT_DAMAGE : counts->rejected ? EXIT_PARTLY : EXIT_YES;

    if (cli->json && !to_stdout && exit_code)
        return cli_fail_with(cli, counts_json(counts, skips), exit_code, counts->damaged ? "damage" : "partly", NULL,
                             "export '%s': %llu keys were left out", job->dest, (unsigned long long)counts->rejected);
    if (cli->json && !to_stdout) return cli_json_ok(cli, counts_json(counts, skips));
    if (exit_code || cli->verbose)
        cli_say(cli, "exported %llu, left out %llu", (unsigned long long)counts->exported,
                (unsigned long long)counts->rejected);
    return exit_code;
}

static int take_job(struct cli *cli, const struct args *args, struct port_export *job)
{
    const char *format = args->value[OPT_FORMAT], *prefix = args->value[OPT_PREFIX];
    struct stat st;

    job->dest = args->count ? args->operand[0] : "-";
    cli->about = job->dest;
    if (prefix) job->prefix = (aer_slice){prefix, strlen(prefix)};
    job->format = format ? aer__port_format(format) : aer__port_guess(job->dest);
    if (!format && job->format == PORT_GERTRUDE) job->format = PORT_DIR; /* whatever is there already */
    if (job->format < 0 || job->format >= PORT_AERIALSDB)
        return cli_usage(cli, "--format: '%s' is none of dir, tar, jsonl", format ? format : "");
    if (job->format == PORT_FORMAT_GUESS && strcmp(job->dest, "-") == 0) job->format = PORT_JSONL;
    if (job->format == PORT_FORMAT_GUESS && stat(job->dest, &st) == 0 && !S_ISDIR(st.st_mode))
        return cli_usage(cli, "export: cannot tell the format for '%s'; say --format=tar or jsonl", job->dest);
    if (job->format == PORT_FORMAT_GUESS) job->format = PORT_DIR;
    if (job->format == PORT_DIR && strcmp(job->dest, "-") == 0)
        return cli_usage(cli, "export: a directory tree needs a DEST");
    if (job->format == PORT_TAR && strcmp(job->dest, "-") == 0 && cli->json)
        return cli_usage(cli, "export: an archive on standard output leaves no room for JSON");
    if (job->format == PORT_TAR && strcmp(job->dest, "-") == 0 && isatty(STDOUT_FILENO))
        return cli_usage(cli, "export: an archive does not go to a terminal; give a DEST or a pipe");
    return 0;
}

static int run(struct cli *cli, const struct args *args)
{
    struct skips skips = {.cli = cli, .rows = json_array()};
    struct port_export job = {.events = {&skips, skips_told, skips_progress}};
    struct port_counts counts = {0};
    struct port_error error = {0};
    int exit_code = take_job(cli, args, &job);

    if (exit_code == 0) exit_code = cli_open(cli, CLI_READ);
    if (exit_code == 0) {
        progress_start(&skips.progress, cli, "export");
        fflush(stdout);
        aer__port_export(cli->db, &job, &counts, &error);
        progress_clear(&skips.progress);
        exit_code = error.code ? cli_fail_port(cli, &error, "export '%s'", job.dest) : answer(cli, &job, &counts, &skips);
    }
    json_decref(skips.rows);
    return cli_close(cli, exit_code);
}

const struct verb verb_export = {
    .name = "export",
    .synopsis = "[DEST|-] [--format=dir|tar|jsonl] [--prefix=P]",
    .sentence = "Write keys out as a directory tree, a tar archive or JSON lines.",
    .notes = "All of it is one moment of the database. A tree goes into a new or empty directory, with\n"
             "modes, mtimes and links as import noted them; keys that are no safe path (.., //, a\n"
             "leading /, a key below another key) are listed and left out: exit 3. Set-user-id bits\n"
             "are not restored. DEST names the format: .tar, .tar.gz, .tar.zst, .tar.xz, .jsonl.",
    .options = options,
    .examples = {"export /tmp/photos --prefix=photos/", "export backup.tar.zst"},
    .max_operands = 1,
    .run = run,
};
