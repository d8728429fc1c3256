/* test_power_cut.c -- the power goes while tables and keys are written, and takes any of what was not synced.
 *
 * As tests/model/test_power_cut.c does for keys: a process plays with every change of a file recorded, dies or closes, and some of
 * what no sync covered is taken back. In the mode full all that was acknowledged is there; in the mode normal the state is that after
 * some transaction. Never a half, and index entries, rows and files fit.
 *
 * AERIALS_CRASHES sets the number of cuts.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disk.h"
#include "testing.h"
#include "world.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CUTS 40
#else
#define CUTS 150
#endif
#define CUTS_A_DATABASE 20

static void live(struct world *w, const char *records, long points)
{
    int status;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        disk_record(w->path, records);
        disk_die_at(points);
        world_live(w, (unsigned)world_random(w, 3) ? 20 : 4, -1);
        _exit(0);
    }
    CHECK_INT(pid, waitpid(pid, &status, 0));
    if (!(points && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) CHECK_INT(0, status);
}

static long random_points(struct world *w)
{
    static const long most[] = {0, 20, 200, 1500}; /* the first ones fall into opening and putting in order */
    long limit = most[world_random(w, 4)];

    return limit ? 1 + (long)world_random(w, (uint64_t)limit) : 0;
}

static void cut_again_and_again(int sync)
{
    const char *text = getenv("AERIALS_CRASHES");
    int wanted = text ? atoi(text) : CUTS;
    struct cut cut = {0, 0, 0};
    static struct world w;
    char records[4300];

    world_init(&w);
    snprintf(records, sizeof records, "%s/records", scratch_path());
    for (int cuts = 0; cuts < wanted;) {
        world_make(&w, sync);
        for (int here = 0; here < CUTS_A_DATABASE && cuts < wanted; here++, cuts++) {
            live(&w, records, random_points(&w));
            disk_cut(w.path, records, &w.random, &cut);
            world_settle(&w, sync != AER_SYNC_FULL);
        }
        world_remove(&w);
    }
    journal_free(w.journal);
    printf("  %d cuts: %u changes of files, %u of them not synced, %u lost; %u in a commit, %u of those found done\n",
           wanted, cut.changes, cut.unsynced, cut.lost, w.in_flight, w.in_flight_there);
}

TEST(in_full_a_power_cut_takes_no_acknowledged_transaction)
{
    cut_again_and_again(AER_SYNC_FULL);
}

TEST(in_normal_a_power_cut_leaves_the_state_after_some_transaction)
{
    cut_again_and_again(AER_SYNC_NORMAL);
}
