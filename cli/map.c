/* map.c -- the bucket map: one cell a bucket, shaded by how full it is, coloured by the share of live bytes.
 *
 * For: cmd_status.c. Must not know: what is in a bucket.
 *
 *     ████████████▓▓███▒░       full, fuller, ... the last ones being filled
 *
 * A map keeps to twelve lines: with more buckets than cells each cell stands for several, and says the mean.
 */
#include "cli.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { MAP_LINES = 12 };

struct cell {
    double fill, live;
};

struct cells {
    const aer_stats *stats;
    struct cell *cell;
    size_t count, capacity;
};

static double share(uint64_t part, uint64_t whole)
{
    double s = whole ? (double)part / (double)whole : 0;

    return s > 1 ? 1 : s;
}

static int add(void *arg, const aer_bucket *b)
{
    struct cells *cells = arg;
    double by_rows = share(b->rows, cells->stats->bucket_max_rows);
    double by_size = b->rows ? share(b->bytes, cells->stats->bucket_max_size) : 0;
    struct cell *grown;

    if (b->state == AER_BUCKET_ACTIVE && b->rows == 0) return 0;
    if (cells->count == cells->capacity) {
        grown = realloc(cells->cell, (cells->capacity * 2 + 64) * sizeof(*grown));
        if (!grown) return 1;
        cells->cell = grown;
        cells->capacity = cells->capacity * 2 + 64;
    }
    cells->cell[cells->count++] = (struct cell){by_rows > by_size ? by_rows : by_size, 1 - share(b->dead_bytes, b->bytes)};
    return 0;
}

static int terminal_width(void)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    int width = columns ? atoi(columns) : 0;

    if (width <= 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) width = size.ws_col;
    return width < 20 ? 80 : width > 500 ? 500 : width;
}

static const char *shade(double fill, bool utf8)
{
    static const char *const blocks[] = {"░", "▒", "▓", "█"};
    static const char *const ascii[] = {".", ":", "+", "#"};
    int step = fill >= 0.75 ? 3 : fill >= 0.5 ? 2 : fill >= 0.25 ? 1 : 0;

    return utf8 ? blocks[step] : ascii[step];
}

static const char *colour(double live)
{
    return live >= 0.9 ? "\033[32m" : live >= 0.67 ? "\033[33m" : "\033[31m";
}

static struct cell mean(const struct cell *cell, size_t count)
{
    struct cell sum = {0, 0};

    for (size_t i = 0; i < count; i++) {
        sum.fill += cell[i].fill / (double)count;
        sum.live += cell[i].live / (double)count;
    }
    return sum;
}

static void draw(struct cli *cli, const struct cells *cells, size_t each, size_t width, bool coloured)
{
    bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    const char *last = NULL;
    size_t column = 0;

    for (size_t i = 0; i < cells->count; i += each) {
        struct cell c = mean(cells->cell + i, cells->count - i < each ? cells->count - i : each);

        if (column == width) {
            cli_outf(cli, "\n");
            column = 0;
        }
        if (coloured && colour(c.live) != last) cli_outf(cli, "%s", last = colour(c.live));
        cli_outf(cli, "%s", shade(c.fill, utf8));
        column++;
    }
    cli_outf(cli, "%s\n", coloured ? "\033[0m" : "");
    if (each == 1) cli_outf(cli, "one cell a bucket; ");
    else cli_outf(cli, "one cell for %zu buckets; ", each);
    cli_outf(cli, "full: %s to 25 %%, %s 50, %s 75, %s 100", shade(0, utf8), shade(0.3, utf8), shade(0.6, utf8),
             shade(1, utf8));
    if (coloured) cli_outf(cli, "; live: \033[32m90 %%\033[0m \033[33m67 %%\033[0m \033[31mless\033[0m");
    cli_outf(cli, "\n");
}

int map_draw(struct cli *cli, const aer_stats *stats)
{
    struct cells cells = {.stats = stats};
    const char *no_color = getenv("NO_COLOR");
    size_t width = (size_t)terminal_width(), each;
    int exit_code = EXIT_YES;
    int rc = aer_buckets(cli->db, add, &cells);

    if (rc == AER_STOPPED) exit_code = cli_no_memory(cli);
    else if (rc != AER_OK) exit_code = cli_fail_db(cli, rc, "status");
    if (exit_code == 0 && cells.count) {
        each = (cells.count + width * MAP_LINES - 1) / (width * MAP_LINES);
        cli_outf(cli, "\n");
        draw(cli, &cells, each, width, isatty(STDOUT_FILENO) && !(no_color && no_color[0]));
    }
    free(cells.cell);
    return exit_code;
}
