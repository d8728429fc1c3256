/* test_crash_points.c -- a process dies at a chosen write, sync, rename or unlink; what it acknowledged is there.
 *
 * Each call of the system that changes a file counts as a point (disk.h), and at one of them, chosen by dice, the
 * process kills itself, before the call or in the middle of a write. The next process, which puts things in order, is
 * killed at a point too, and so on; now and then one may live, and finds all that was acknowledged and nothing by
 * halves (shared.h tells how it knows).
 *
 * What a power cut takes besides, writes that were never synced, is in test_power_cut.c.
 * AERIALS_CRASHES sets the number of deaths.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disk.h"
#include "inspect.h"
#include "shared.h"
#include "testing.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CRASHES 150
#else
#define CRASHES 500
#endif
#define CRASHES_A_DATABASE 60

/* ---- a life ------------------------------------------------------------------------------- */

struct life {
    struct shared *shared;
    const char *path;
    uint64_t seed;
    long points; /* it dies at this one; 0: lives on */
};

static void live(const struct life *life)
{
    struct peer peer;

    disk_die_at(life->points);
    peer_init(&peer, life->shared, 0, life->seed);
    peer_open(&peer, life->path, 0);
    peer_read_all(&peer);
    for (int i = 0; i < 40; i++) {
        peer_write(&peer, (unsigned)run_random(&peer.run, GROUPS));
        if (run_random(&peer.run, 8) == 0) peer_upkeep(&peer);
    }
    peer_read_all(&peer);
    inspect_ranges(&peer.run, peer.db);
    peer_close(&peer);
    peer_release(&peer);
}

/* Did it die at its point? It may have ended before. Nothing else may have happened to it. */
static bool run_life(const struct life *life)
{
    int status;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        live(life);
        _exit(0);
    }
    CHECK_INT(pid, waitpid(pid, &status, 0));
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && life->points) return true;
    CHECK_INT(0, status);
    return false;
}

static long random_points(uint64_t *random)
{
    static const long most[] = {10, 100, 400, 1500}; /* the first ones fall into opening and putting in order */

    return 1 + (long)(test_random(random) % (uint64_t)most[test_random(random) % 4]);
}

TEST(wherever_a_process_dies_what_it_acknowledged_is_there_and_nothing_by_halves)
{
    const char *text = getenv("AERIALS_CRASHES");
    int wanted = text ? atoi(text) : CRASHES, crashes = 0, number = 0, lives = 0;
    uint64_t random = test_seed();
    struct run files;

    run_init(&files, 0, "", 0);
    scratch_dir();
    while (crashes < wanted) {
        aer_options options = {.size = sizeof options, .bucket_max_rows = 100, .bucket_max_size = 32 << 10};
        struct life life = {.shared = shared_new()};
        char path[4200];

        snprintf(path, sizeof path, "%s/%d", scratch_path(), number++);
        CHECK_OK(aer_init(path, &options));
        life.path = path;
        for (int here = 0; here < CRASHES_A_DATABASE && crashes < wanted;) {
            life.seed = test_seed() + (uint64_t)++lives;
            life.points = test_random(&random) % 4 ? random_points(&random) : 0;
            if (run_life(&life)) {
                crashes++;
                here++;
            }
        }
        life.points = 0;
        run_life(&life);
        inspect_files(&files, path);
        inspect_remove(path);
        shared_free(life.shared);
    }
    run_release(&files);
    printf("  %d deaths in %d lives\n", crashes, lives);
}
