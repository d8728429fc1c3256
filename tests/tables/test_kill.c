/* test_kill.c -- a process writes to tables and keys and is killed at random moments; all that it acknowledged is there.
 *
 * The parent waits for some acknowledgements and a moment more, and kills. Those who put things in order are killed at times,
 * too. Then everything is compared: rows, index entries, keys, and the files below tables/.
 *
 * AERIALS_CRASHES sets the number of deaths.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testing.h"
#include "world.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KILLS 40
#else
#define KILLS 150
#endif
#define KILLS_A_DATABASE 25

/* It may have ended by itself, but not with a complaint. */
static void end(pid_t pid)
{
    int status;

    CHECK_INT(0, kill(pid, SIGKILL));
    CHECK_INT(pid, waitpid(pid, &status, 0));
    CHECK(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
}

static void live_and_die(struct world *w)
{
    uint64_t wait_us = world_random(w, 4000);
    unsigned acknowledgements = (unsigned)world_random(w, world_random(w, 3) ? 8 : 60);
    int ends[2];
    pid_t pid;
    char c;

    CHECK_INT(0, pipe(ends));
    fflush(NULL);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        world_live(w, 1000, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    while (acknowledgements-- > 0 && read(ends[0], &c, 1) == 1) continue;
    usleep((useconds_t)wait_us);
    end(pid);
    close(ends[0]);
}

static void recover_and_die(struct world *w)
{
    uint64_t wait_us = world_random(w, 8000);
    pid_t pid;

    fflush(NULL);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        world_recover(w);
        _exit(0);
    }
    usleep((useconds_t)wait_us);
    end(pid);
}

TEST(killed_at_any_moment_tables_and_keys_are_as_acknowledged)
{
    static const int syncs[] = {AER_SYNC_NORMAL, AER_SYNC_NORMAL, AER_SYNC_OFF, AER_SYNC_FULL};
    const char *text = getenv("AERIALS_CRASHES");
    int wanted = text ? atoi(text) : KILLS, kills = 0;
    static struct world w;

    world_init(&w);
    while (kills < wanted) {
        world_make(&w, syncs[world_random(&w, 4)]);
        for (int here = 0; here < KILLS_A_DATABASE && kills < wanted; here++, kills++) {
            live_and_die(&w);
            while (world_random(&w, 3) == 0) recover_and_die(&w);
            world_settle(&w, false);
        }
        world_remove(&w);
    }
    printf("  %d deaths, %u of them in a commit, of which %u were found done\n", kills, w.in_flight, w.in_flight_there);
}
