/* main.c -- the command `aerials`: global options, then one verb.
 *
 * For: the process. Must not know: any verb.
 *
 * Signals keep their defaults: ^C and a closed pipe end the process as they end any unix tool, and the store promises
 * for that moment what it promises for kill -9. Only a half-written file of `get -o` or `export` is swept first.
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* If 0, 1 or 2 is closed the next file opened would take its number, and a message would be written into
 * the database. Each gets a descriptor on which the intended use fails. */
static void hold_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
            _exit(EXIT_SYSTEM);
}

static void sweep_and_die(int signal_number)
{
    aer__port_file_sweep();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static void catch_signals(void)
{
    static const int deadly[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    struct sigaction action = {.sa_handler = sweep_and_die}, old;

    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
        if (sigaction(deadly[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL) sigaction(deadly[i], &action, NULL);
}

/* --json counts wherever it stands, for failures found before it is reached too. */
static bool asks_for_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0) return true;
    return false;
}

/* Parts of large values go back to the system at once, instead of into a heap that keeps them: 16 MB less for a streamed
 * put. The C library would raise this threshold by itself at the first block freed. */
static void return_large_blocks(void)
{
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

int main(int argc, char **argv)
{
    struct cli cli = {0};
    const struct verb *verb;
    int next = 0, rc;

    hold_standard_descriptors();
    return_large_blocks();
    setlocale(LC_CTYPE, "");
    catch_signals();
    cli.json = asks_for_json(argc, argv);
    rc = args_globals(&cli, argc, argv, &next);
    if (rc != ARGS_OK) return cli_flush(&cli, rc);
    if (next >= argc) {
        if (cli.json) return cli_flush(&cli, cli_usage(&cli, "no verb given"));
        help_overview(stderr, &cli);
        return EXIT_USAGE;
    }
    verb = cli_verb_find(&cli, argv[next]);
    if (!verb) return cli_flush(&cli, cli_verb_unknown(&cli, argv[next]));
    rc = cli_run(&cli, verb, argc - next, argv + next);
    cli_drop(&cli);
    free(cli.shell_dir);
    return rc;
}
