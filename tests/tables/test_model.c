/* test_model.c -- random operations on tables, indexes and keys, each compared with rows in memory.
 *
 * Two handles on one database; small nodes, so that trees are deep; what one handle wrote the other must see. After each
 * round everything is read in all orders, and the files below tables/ are compared with what they should be.
 *
 * A round is decided by its seed and number, but for the ids of rows: AERIALS_SEED=... AERIALS_ROUND=... repeats it nearly.
 * AERIALS_OPS sets the number of operations a kind of storage.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inspect.h"
#include "moves.h"
#include "testing.h"

#define ROUND_OPERATIONS 5000

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OPERATIONS 10000
#else
#define OPERATIONS 100000
#endif

static void reopen(struct player *p)
{
    history_add(&p->history, "reopen");
    player_close(p);
    player_open(p, player_random(p, 4) != 0);
}

static void play_round(struct player *p, int number, uint64_t operations)
{
    static const char *const fanouts[] = {"4", "5", "8", "4", "128"};
    static const int syncs[] = {AER_SYNC_NORMAL, AER_SYNC_OFF, AER_SYNC_NORMAL, AER_SYNC_FULL};
    char path[4200], reason[REASON];
    const char *fanout;

    p->random = test_seed() + (uint64_t)number;
    p->history.count = 0;
    p->history.round = number;
    snprintf(path, sizeof path, "%s/%d", scratch_path(), number);
    p->path = path;
    fanout = fanouts[player_random(p, AER_COUNT(fanouts))];
    p->most_rows = 20 + player_random(p, player_random(p, 4) ? 300 : 1500);
    player_make(path, fanout, 100 + player_random(p, 1000));
    p->options = (aer_options){.size = sizeof p->options, .sync = syncs[number % 4], .busy_ms = 60000};
    player_open(p, true);
    player_tables(p);
    while (p->history.count < operations) {
        player_move(p);
        if (player_random(p, 400) == 0) reopen(p);
        if (player_random(p, 2000) == 0) player_check(p);
    }
    player_check(p);
    player_close(p);
    player_agree(p, compare_files(path, &p->shadow, reason), reason);
    player_open(p, false);
    player_check(p);
    player_close(p);
    printf("  round %d: kinds %d..%d, fanout %s, %" PRIu64 " operations, %" PRIu64 " scans, %" PRIu64 " refused\n",
           number, p->kinds[0], p->kinds[p->kind_count - 1], fanout, p->history.count, p->scans, p->refused);
    fflush(stdout);
    player_release(p);
    memset(&p->shadow, 0, sizeof p->shadow);
    p->scans = p->refused = 0;
    inspect_remove(path);
}

TEST(random_operations_on_tables_agree_with_rows_in_memory)
{
    const char *text = getenv("AERIALS_OPS"), *first = getenv("AERIALS_ROUND");
    uint64_t operations = text ? strtoull(text, NULL, 10) : OPERATIONS;
    static struct player found;
    static struct player p;
    int number = first ? atoi(first) : 0;

    test_seed();
    scratch_dir();
    memset(&found, 0, sizeof found);
    player_find_kinds(&found);
    for (uint64_t left = operations * (uint64_t)found.kind_count; left > 0; number++) {
        uint64_t now = AER_MIN(left, ROUND_OPERATIONS);
        int which = number % (found.kind_count + 1);

        memset(&p, 0, sizeof p);
        if (which == found.kind_count) { /* all kinds in one database */
            memcpy(p.kinds, found.kinds, sizeof p.kinds);
            p.kind_count = found.kind_count;
        } else {
            p.kinds[p.kind_count++] = found.kinds[which];
        }
        play_round(&p, number, now);
        left -= now;
    }
}
