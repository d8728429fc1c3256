/* db.c -- which database, and opening it.
 *
 * For: every command that needs one. Must not know: what the command does with it.
 *
 * -d DIR, else what a shell chose, else $AERIALS_DB, else the current directory if a database is there. A shell keeps
 * one handle open between its lines; a command opens, works and closes. Reading never opens for writing, so that it works on
 * a directory without write permission and leaves nothing there.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *cli_dir(struct cli *cli)
{
    const char *named = getenv("AERIALS_DB");

    if (cli->dir) return cli->dir;
    if (cli->shell_dir) return cli->shell_dir;
    if (named && named[0]) return named;
    if (access("aerial.sq3", F_OK) == 0 || access("gertrude.conf", F_OK) == 0) return ".";
    return NULL;
}

static void log_line(void *log_arg, const char *line)
{
    cli_say(log_arg, "aerials: note: %s", line);
}

int cli_open(struct cli *cli, int mode)
{
    const char *dir = cli_dir(cli);
    aer_options options = {.size = sizeof(options), .readonly = mode == CLI_READ, .busy_ms = cli->wait_ms};
    int rc;

    if (cli->db && dir && strcmp(dir, cli->db_dir) == 0 && (cli->db_writable || mode == CLI_READ)) return 0;
    cli_drop(cli);
    if (!dir)
        return cli_fail(cli, EXIT_NODB, "no_database", "name one with -d DIR, or make one here: aerials init .",
                        "no database here, and neither -d nor $AERIALS_DB names one");
    if (cli->verbose) options.log = log_line, options.log_arg = cli;
    cli->db_dir = strdup(dir);
    if (!cli->db_dir) return cli_no_memory(cli);
    rc = aer_open(dir, &options, &cli->db);
    if (rc == AER_OK) {
        cli->db_open = true;
        cli->db_writable = mode == CLI_WRITE;
        return 0;
    }
    rc = cli->db ? cli_fail_rc(cli, rc, aer_errmsg(cli->db)) : cli_no_memory(cli);
    cli_drop(cli);
    return rc;
}

int cli_close(struct cli *cli, int exit_code)
{
    int rc;

    if (!cli->db || cli->in_shell) return exit_code;
    rc = aer_close(cli->db);
    cli->db = NULL;
    cli_drop(cli);
    if (rc == AER_OK || exit_code) return exit_code;
    return cli_fail_db(cli, rc, "closing the database");
}

void cli_drop(struct cli *cli)
{
    aer_close(cli->db);
    cli->db = NULL;
    cli->db_open = cli->db_writable = false;
    free(cli->db_dir);
    cli->db_dir = NULL;
}

int cli_stdin(struct cli *cli)
{
    if (!cli->in_shell || isatty(STDIN_FILENO)) return 0;
    return cli_usage(cli, "standard input is the script of this shell; give the value on the line, or a file");
}
