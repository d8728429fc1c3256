/* progress.c -- one line on standard error while something long runs: how much, how fast, how long still.
 *
 * For: import, export, compact, batch, insert, indexes. Must not know: what is counted.
 *
 * Only on a terminal, never with -q or --json; drawn ten times a second at most. The time left is said only if the
 * total is known and half a second has been measured: an invented number is worse than none.
 */
#include "cli.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void progress_start(struct progress *p, const struct cli *cli, const char *word)
{
    memset(p, 0, sizeof(*p));
    p->on = !cli->quiet && !cli->json && isatty(STDERR_FILENO);
    p->word = word;
    p->noun = "keys";
    p->started_ms = p->drawn_ms = now_ms();
}

void progress_draw(struct progress *p, uint64_t entries, uint64_t bytes, uint64_t done, uint64_t total)
{
    int64_t now, passed;
    char size[32], rate[32];

    if (!p->on) return;
    now = now_ms();
    if (now - p->drawn_ms < 100) return;
    p->drawn_ms = now;
    passed = now - p->started_ms;
    cli_size_text(size, sizeof(size), bytes);
    cli_size_text(rate, sizeof(rate), bytes * 1000 / (uint64_t)passed);
    fprintf(stderr, "\r\033[K%s: ", p->word);
    if (entries) fprintf(stderr, "%llu %s, ", (unsigned long long)entries, p->noun);
    if (bytes || !entries) fprintf(stderr, "%s, %s/s", size, rate);
    else fprintf(stderr, "%llu/s", (unsigned long long)(entries * 1000 / (uint64_t)passed));
    if (total && done && passed > 500) {
        double left = done >= total ? 0 : (double)passed * (double)(total - done) / (double)done / 1000;

        fprintf(stderr, ", %d %%, %d:%02d left", (int)((double)done * 100 / (double)total), (int)left / 60, (int)left % 60);
    }
    fflush(stderr);
    p->shown = true;
}

void progress_clear(struct progress *p)
{
    if (p->shown) fputs("\r\033[K", stderr);
    p->shown = false;
}
