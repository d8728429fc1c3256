/* test_model.c -- a million random operations, each compared with a map in memory.
 *
 * One thread, two handles on one database, small buckets: seals, merges and compactions happen all the time, and
 * what one handle wrote the other must see at once.
 *
 * The work is done in rounds, each with a fresh database, other limits and another sync mode. A round is decided by
 * its seed and number, so AERIALS_SEED=... AERIALS_ROUND=... repeats a failure (but for what runs in the background).
 * AERIALS_OPS sets the number of operations; without it a million, fewer under a sanitizer.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "inspect.h"
#include "play.h"
#include "testing.h"

#define ROUND_OPERATIONS 40000
#define ROUNDS_AT_ONCE 3

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OPERATIONS 40000
#else
#define OPERATIONS 1000000
#endif

struct round {
    struct player player;
    char path[4200];
};

static void open_handles(struct round *r)
{
    static const int syncs[] = {AER_SYNC_DEFAULT, AER_SYNC_NORMAL, AER_SYNC_NORMAL, AER_SYNC_OFF, AER_SYNC_FULL};
    struct run *run = &r->player.run;

    for (int i = 0; i < 2; i++) {
        aer_options options = {.size = sizeof options,
                               .cache_bytes = run_random(run, 2) ? 4 << 20 : 0,
                               .busy_ms = 60000}; /* the machine may have much else to do */
        int rc;

        options.sync = syncs[run_random(run, 5)];
        rc = aer_open(r->path, &options, &r->player.db[i]);
        expect(run, r->player.db[i], AER_OK, rc, "open");
    }
}

static void close_handles(struct round *r)
{
    play_close_snapshots(&r->player);
    for (int i = 0; i < 2; i++) {
        int rc = aer_close(r->player.db[i]);

        r->player.db[i] = NULL;
        if (rc) history_fail(&r->player.run.history, "close: code %d", rc);
    }
}

static void reopen(struct round *r)
{
    history_add(&r->player.run.history, "reopen");
    close_handles(r);
    open_handles(r);
}

static void finish_round(struct round *r)
{
    play_last_look(&r->player);
    inspect_buckets(&r->player.run, r->player.db[0]);
    inspect_status(&r->player.run, r->player.db[0]);
    close_handles(r);
    inspect_files(&r->player.run, r->path);
    inspect_remove(r->path);
}

static double seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void play_round(const char *parent, int number, uint64_t operations)
{
    static const uint64_t sizes[] = {8 << 10, 32 << 10, 128 << 10, 1 << 20};
    struct round r = {.player.is_alone = true};
    struct run *run = &r.player.run;
    aer_options options = {.size = sizeof options, .sync = AER_SYNC_NORMAL};
    double start = seconds_now();
    uint64_t done;

    run_init(run, test_seed() + (uint64_t)number, "", 1500);
    run->history.round = number;
    snprintf(r.path, sizeof r.path, "%s/%d", parent, number);
    options.bucket_max_rows = 50 + run_random(run, 450);
    options.bucket_max_size = sizes[run_random(run, 4)];
    CHECK_OK(aer_init(r.path, &options));
    open_handles(&r);
    while (run->history.count < operations) {
        play(&r.player);
        if (run_random(run, 3000) == 0) reopen(&r);
    }
    finish_round(&r);
    done = run->history.count;
    printf("  round %d: %" PRIu64 " operations in %.1f s, buckets of %" PRIu64 " rows, %" PRIu64 " bytes\n", number,
           done, seconds_now() - start, options.bucket_max_rows, options.bucket_max_size);
    fflush(stdout);
    run_release(run);
}

static pid_t running[ROUNDS_AT_ONCE];

/* Rounds wait for disks and background threads more than they compute, so some run at once, each in its own process. */
static void start_round(const char *parent, int number, uint64_t operations)
{
    pid_t pid;
    int place = 0;

    while (running[place]) place++;
    fflush(NULL);
    pid = fork();
    CHECK(pid >= 0);
    running[place] = pid;
    if (pid > 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    play_round(parent, number, operations);
    fflush(NULL);
    _exit(0);
}

/* After a failure the others must not go on: their directories are about to be removed, and would be called damaged. */
static void end_round(void)
{
    int status;
    pid_t pid = wait(&status);

    CHECK(pid > 0);
    for (int i = 0; i < ROUNDS_AT_ONCE; i++) {
        if (running[i] == pid) running[i] = 0;
        else if (status && running[i]) kill(running[i], SIGKILL);
    }
    while (status && wait(NULL) > 0) continue;
    CHECK_INT(0, status);
}

TEST(a_million_random_operations_agree_with_a_map)
{
    const char *text = getenv("AERIALS_OPS");
    const char *first = getenv("AERIALS_ROUND"); /* to start with the round that failed */
    uint64_t left = text ? strtoull(text, NULL, 10) : OPERATIONS;
    int number = first ? atoi(first) : 0, count = 0;

    test_seed();
    scratch_dir();
    while (left > 0) {
        uint64_t operations = AER_MIN(left, ROUND_OPERATIONS);

        start_round(scratch_path(), number++, operations);
        left -= operations;
        if (++count == ROUNDS_AT_ONCE) {
            end_round();
            count--;
        }
    }
    while (count-- > 0) end_round();
}
