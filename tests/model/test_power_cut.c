/* test_power_cut.c -- the power goes, and takes any of what was not synced.
 *
 * A process works, with every change of a file recorded, and dies at one of them or closes and ends. Then of all
 * that no fsync covered some is taken back (disk.h), and the next process goes on with what is left. What it finds
 * is exactly the state after some commit, none half done, and in the mode `full` not before the last acknowledged.
 *
 * AERIALS_CRASHES sets the number of cuts.
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
#define CUTS 100
#else
#define CUTS 300
#endif
#define CUTS_A_DATABASE 30

struct life {
    struct shared *shared;
    char path[512], records[600];
    int sync;
    uint64_t seed;
    long points; /* it dies at this one; 0: ends by itself */
    bool last;   /* in order: what it leaves is looked at */
};

static void live(const struct life *life)
{
    struct peer peer;

    peer_init(&peer, life->shared, 0, life->seed);
    peer.sync = life->sync;
    peer.keeps_order = true;
    disk_record(life->path, life->records);
    disk_die_at(life->points);
    peer_open(&peer, life->path, 0);
    peer_settle(&peer, life->sync == AER_SYNC_FULL);
    for (int i = 0; i < 30; i++) {
        peer_write(&peer, (unsigned)run_random(&peer.run, GROUPS));
        if (run_random(&peer.run, 8) == 0) peer_upkeep(&peer);
    }
    peer_read_all(&peer);
    if (life->last || run_random(&peer.run, 2)) peer_close(&peer);
    /* else as if it were killed, but between two changes */
}

static void run_life(const struct life *life)
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
    if (!(life->points && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) CHECK_INT(0, status);
}

static long random_points(uint64_t *random)
{
    static const long most[] = {0, 10, 100, 1000}; /* the first ones fall into opening and putting in order */
    long limit = most[test_random(random) % 4];

    return limit ? 1 + (long)(test_random(random) % (uint64_t)limit) : 0;
}

static void cut_again_and_again(int sync, int wanted)
{
    uint64_t random = test_seed() + (uint64_t)sync;
    struct cut cut = {0, 0, 0};
    struct run files;

    run_init(&files, 0, "", 0);
    for (int cuts = 0; cuts < wanted;) {
        aer_options options = {.size = sizeof options, .bucket_max_rows = 100, .bucket_max_size = 32 << 10};
        struct life life = {.shared = shared_new(), .sync = sync};

        scratch_dir();
        snprintf(life.path, sizeof life.path, "%s/db", scratch_path());
        snprintf(life.records, sizeof life.records, "%s/records", scratch_path());
        CHECK_OK(aer_init(life.path, &options));
        for (int here = 0; here < CUTS_A_DATABASE && cuts < wanted; here++, cuts++) {
            life.seed = test_random(&random);
            life.points = random_points(&random);
            run_life(&life);
            disk_cut(life.path, life.records, &random, &cut);
        }
        life.points = 0;
        life.last = true;
        run_life(&life);
        inspect_files(&files, life.path);
        inspect_remove(life.path);
        shared_free(life.shared);
    }
    run_release(&files);
    printf("  %d cuts: %u changes of files, %u of them not synced, %u lost\n", wanted, cut.changes, cut.unsynced, cut.lost);
}

static int cuts_wanted(void)
{
    const char *text = getenv("AERIALS_CRASHES");

    return text ? atoi(text) : CUTS;
}

TEST(a_power_cut_takes_nothing_that_was_acknowledged_in_full)
{
    cut_again_and_again(AER_SYNC_FULL, cuts_wanted());
}

TEST(a_power_cut_in_normal_leaves_the_state_after_some_commit)
{
    cut_again_and_again(AER_SYNC_NORMAL, cuts_wanted());
}
