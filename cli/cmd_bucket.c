/* cmd_bucket.c -- the files themselves: list them, show what one holds and so what its loss would cost, find one. */
#include "cli.h"
#include "verbs.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static const char *state_name(int state)
{
    return state == AER_BUCKET_ACTIVE ? "active" : state == AER_BUCKET_SEALING ? "sealing" : "sealed";
}

static json_t *bucket_json(const aer_bucket *b)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "id", b->id, "path", b->path, "state",
                     state_name(b->state), "first_seq", (json_int_t)b->first_seq, "last_seq", (json_int_t)b->last_seq,
                     "rows", (json_int_t)b->rows, "live_rows", (json_int_t)b->live_rows, "bytes", (json_int_t)b->bytes,
                     "dead_bytes", (json_int_t)b->dead_bytes, "generation", (json_int_t)b->generation);
}

static int list_one(void *arg, const aer_bucket *b)
{
    struct cli *cli = arg;

    if (cli->json) return cli_row(cli, bucket_json(b)) || cli_stopped();
    return cli_outf(cli, "%s %-7s %10" PRIu64 " %10" PRIu64 " %12" PRIu64 " %12" PRIu64 "-%-12" PRIu64 " %s\n", b->id,
                    state_name(b->state), b->rows, b->live_rows, b->bytes, b->first_seq, b->last_seq, b->path) ||
           cli_stopped();
}

static int list(struct cli *cli, const struct args *args)
{
    int rc;

    (void)args;
    if (!cli->json && isatty(STDOUT_FILENO))
        cli_outf(cli, "%-16s %-7s %10s %10s %12s %12s-%-12s %s\n", "id", "state", "rows", "live", "bytes", "first_seq",
                 "last_seq", "path");
    rc = aer_buckets(cli->db, list_one, cli);
    if (rc == AER_OK || (rc == AER_STOPPED && cli->out_error)) return EXIT_YES;
    return cli_fail_db(cli, rc, "bucket ls");
}

/* ---- one bucket, by the whole identifier or the start of it ---- */

struct lookup {
    const char *start;
    size_t start_size;
    int matches;
    char id[17];
    char path[128];
};

static int match_one(void *arg, const aer_bucket *b)
{
    struct lookup *lookup = arg;

    if (strncmp(b->id, lookup->start, lookup->start_size) != 0) return 0;
    lookup->matches++;
    memcpy(lookup->id, b->id, sizeof(lookup->id));
    snprintf(lookup->path, sizeof(lookup->path), "%s", b->path);
    return 0;
}

static int find(struct cli *cli, const char *text, struct lookup *lookup)
{
    size_t size = strlen(text);
    int rc;

    *lookup = (struct lookup){.start = text, .start_size = size};
    if (size < 4 || size > 16 || strspn(text, "0123456789abcdef") != size)
        return cli_fail(cli, EXIT_USAGE, "usage", cli->in_shell ? "bucket ls" : "aerials bucket ls",
                        "'%s' is not a bucket's identifier: 16 hex digits, or the first 4 or more of them",
                        key_text((aer_slice){text, size}));
    rc = aer_buckets(cli->db, match_one, lookup);
    if (rc != AER_OK) return cli_fail_db(cli, rc, "bucket '%s'", text);
    if (lookup->matches == 0) return cli_no(cli, "no such bucket: '%s'", text);
    if (lookup->matches > 1)
        return cli_usage(cli, "'%s' is the start of %d buckets; give more of it", text, lookup->matches);
    return 0;
}

static int show_path(struct cli *cli, const struct args *args)
{
    const char *dir = cli_dir(cli);
    struct lookup lookup;
    char path[4096];
    int exit_code = find(cli, args->operand[1], &lookup);

    if (exit_code) return exit_code;
    snprintf(path, sizeof(path), "%s/%s", dir, lookup.path);
    if (cli->json) return cli_json_ok(cli, json_pack("{s:s, s:o}", "id", lookup.id, "path", cli_text_json(path)));
    cli_outf(cli, "%s\n", path);
    return EXIT_YES;
}

/* ---- bucket show ---- */

struct show {
    struct cli *cli;
    uint64_t lost; /* keys whose newest version has a row here */
    bool last_live;
    char last_key[256];
    size_t last_size;
};

static const char *row_kind(const aer_bucket_row *row)
{
    return row->is_delete ? "del" : row->part ? "part" : "put";
}

/* Parts of one value follow each other, and are one key. Only the start of a key is compared: two keys that
 * long and that alike would have to be parts, live and side by side. */
static void count_lost(struct show *show, const aer_bucket_row *row)
{
    size_t kept = row->key.size < sizeof(show->last_key) ? row->key.size : sizeof(show->last_key);
    bool same = show->last_live && row->part && show->last_size == row->key.size &&
                memcmp(show->last_key, row->key.data, kept) == 0;

    if (!row->is_live || row->is_delete) {
        show->last_live = false;
        return;
    }
    if (!same) show->lost++;
    show->last_live = true;
    show->last_size = row->key.size;
    memcpy(show->last_key, row->key.data, kept);
}

static int show_row(void *arg, const aer_bucket_row *row)
{
    struct show *show = arg;
    struct cli *cli = show->cli;
    json_t *object;

    if (cli_stopped()) return 1;
    count_lost(show, row);
    if (!cli->json) {
        if (cli_outf(cli, "%10" PRIu64 " %-4s %-4s %12" PRIu64 " ", row->seq, row_kind(row),
                     row->is_live ? "live" : "dead", row->value_size))
            return 1;
        return key_print(cli, row->key, '\n');
    }
    object = key_json(row->key);
    json_object_set_new(object, "seq", json_integer((json_int_t)row->seq));
    json_object_set_new(object, "kind", json_string(row_kind(row)));
    json_object_set_new(object, "live", json_boolean(row->is_live));
    json_object_set_new(object, "size", json_integer((json_int_t)row->value_size));
    if (row->part) json_object_set_new(object, "part", json_integer(row->part));
    if (row->expires_ms) json_object_set_new(object, "expires", json_integer(row->expires_ms));
    return cli_row(cli, object);
}

static int show_bucket(struct cli *cli, const struct args *args)
{
    struct show show = {.cli = cli};
    struct lookup lookup;
    int rc, exit_code = find(cli, args->operand[1], &lookup);

    if (exit_code) return exit_code;
    if (!cli->json && isatty(STDOUT_FILENO)) cli_outf(cli, "%10s %-4s %-4s %12s key\n", "seq", "kind", "", "size");
    rc = aer_bucket_rows(cli->db, lookup.id, show_row, &show);
    if (rc == AER_STOPPED && cli->out_error) return EXIT_YES;
    if (rc != AER_OK) return cli_fail_db(cli, rc, "bucket '%s'", lookup.id);
    if (cli->json)
        return cli_json_ok(cli, json_pack("{s:s, s:s, s:I}", "id", lookup.id, "path", lookup.path, "lose_keys",
                                          (json_int_t)show.lost));
    cli_outf(cli, "lose this file: lose these %" PRIu64 " keys\n", show.lost);
    return EXIT_YES;
}

static const struct sub subs[] = {
    {"ls", "", 0, 0, CLI_READ, 0, list},
    {"show", "ID", 1, 1, CLI_READ, 0, show_bucket},
    {"path", "ID", 1, 1, CLI_READ, 0, show_path},
    {0},
};

const struct verb verb_bucket = {
    .name = "bucket",
    .synopsis = "ls | show ID | path ID",
    .sentence = "List the bucket files, show what one of them holds, or say where it is.",
    .notes = "ID is the start of an identifier, 4 digits at least. `bucket show` ends with what the loss\n"
             "of that file would cost: its live rows, and every value with a part in it.",
    .examples = {"bucket ls", "bucket show 28dd1a21d3fdabf7"},
    .min_operands = 1,
    .max_operands = 2,
    .subs = subs,
    .run = sub_run,
};
