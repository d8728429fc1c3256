/* cmd_config.c -- the settings in gertrude.conf: list them, show one, change one. */
#include "cli.h"
#include "verbs.h"

#include <string.h>

static const char *setting_name(const void *arg, int i)
{
    (void)arg;
    return aer_config_name(i);
}

static int unknown_setting(struct cli *cli, const char *name)
{
    const char *near = cli_nearest(name, setting_name, NULL);
    char hint[96];

    if (near) snprintf(hint, sizeof(hint), "did you mean: %sconfig %s", cli->in_shell ? "" : "aerials ", near);
    else snprintf(hint, sizeof(hint), "all settings: %sconfig", cli->in_shell ? "" : "aerials ");
    return cli_fail(cli, EXIT_USAGE, "usage", hint, "no setting is called '%s'", key_text((aer_slice){name, strlen(name)}));
}

static int list_all(struct cli *cli)
{
    json_t *object = cli->json ? json_object() : NULL;
    const char *name;
    char *value = NULL;
    int rc = AER_OK;

    for (int i = 0; rc == AER_OK && (name = aer_config_name(i)) != NULL; i++) {
        rc = aer_config_get(cli->db, name, &value);
        if (rc == AER_NOTFOUND) rc = AER_OK;
        else if (rc == AER_OK && object) json_object_set_new(object, name, cli_text_json(value));
        else if (rc == AER_OK) cli_outf(cli, "%s=%s\n", name, value);
        aer_free(value);
        value = NULL;
    }
    if (rc != AER_OK) {
        json_decref(object);
        return cli_fail_db(cli, rc, "cannot read the settings");
    }
    return object ? cli_json_ok(cli, json_pack("{s:o}", "settings", object)) : EXIT_YES;
}

static int show_one(struct cli *cli, const char *name)
{
    char *value = NULL;
    int rc = aer_config_get(cli->db, name, &value);

    if (rc == AER_NOTFOUND) return unknown_setting(cli, name);
    if (rc != AER_OK) return cli_fail_db(cli, rc, "cannot read the setting '%s'", name);
    if (cli->json) cli_json_ok(cli, json_pack("{s:s, s:o}", "name", name, "value", cli_text_json(value)));
    else cli_outf(cli, "%s\n", value);
    aer_free(value);
    return EXIT_YES;
}

static int change_one(struct cli *cli, const char *name, const char *text)
{
    char number[32];
    uint64_t size;
    bool has_unit;
    int rc, exit_code;

    if (strcmp(name, "bucket_max_size") == 0) {
        exit_code = args_size(cli, name, text, &size, &has_unit);
        if (exit_code) return exit_code;
        snprintf(number, sizeof(number), "%llu", (unsigned long long)size);
        text = number;
    }
    rc = aer_config_set(cli->db, name, text);
    if (rc == AER_NOTFOUND) return unknown_setting(cli, name);
    if (rc != AER_OK) return cli_fail_db(cli, rc, "cannot set '%s' to '%s'", name, text);
    return cli->json ? cli_json_ok(cli, NULL) : EXIT_YES;
}

static int run(struct cli *cli, const struct args *args)
{
    int exit_code = cli_open(cli, args->count == 2 ? CLI_WRITE : CLI_READ);

    if (exit_code) return exit_code;
    if (args->count == 0) exit_code = list_all(cli);
    else if (args->count == 1) exit_code = show_one(cli, args->operand[0]);
    else exit_code = change_one(cli, args->operand[0], args->operand[1]);
    return cli_close(cli, exit_code);
}

const struct verb verb_config = {
    .name = "config",
    .synopsis = "[NAME [VALUE]]",
    .sentence = "List the settings in gertrude.conf, show one, or change one.",
    .notes = "bucket_max_rows, bucket_max_size: limits of buckets written from now on\n"
             "sync: full, normal or off        comment: any text",
    .examples = {"config bucket_max_size 4MB", "config sync"},
    .max_operands = 2,
    .run = run,
};
