/* test_model_processes.c -- four processes on one database; one after another is killed at a random moment.
 *
 * All of them write, read snapshots, seal, compact and reopen, and check all they read against what is known in
 * shared memory (shared.h): nothing acknowledged is lost, nothing half is seen, a snapshot does not change. Every
 * 50 to 300 ms one is killed with SIGKILL and begins anew; mostly the same one, at times any, at times all at once,
 * so that the next to come finds nobody and has to put things in order. No process lets a handle survive a fork.
 *
 * AERIALS_SECONDS sets how long this goes on.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "inspect.h"
#include "shared.h"
#include "testing.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SECONDS 25
#else
#define SECONDS 40
#endif
#define HANG_SECONDS 60 /* a process that does nothing for so long hangs */
#define BUSY_MS 40000

/* ---- a process ---------------------------------------------------------------------------- */

static void play_until_stopped(struct shared *shared, const char *path, int number, uint64_t seed)
{
    struct peer peer;

    peer_init(&peer, shared, number, seed);
    peer_open(&peer, path, BUSY_MS);
    if (run_random(&peer.run, 2)) peer_read_all(&peer);
    while (!atomic_load(&shared->stop)) {
        uint64_t dice = run_random(&peer.run, 1000);

        if (dice < 500) {
            peer_write(&peer, (unsigned)run_random(&peer.run, GROUPS));
        } else if (dice < 975) {
            peer_read(&peer);
        } else if (dice < 990) {
            peer_upkeep(&peer);
        } else {
            peer_close(&peer);
            peer_open(&peer, path, BUSY_MS);
        }
        atomic_fetch_add(&shared->operations[number], 1);
    }
    peer_close(&peer);
    peer_release(&peer);
}

/* ---- their parent ------------------------------------------------------------------------- */

struct parent {
    struct shared *shared;
    char path[4200];
    pid_t pids[PROCESSES];    /* 0: not running */
    uint64_t seen[PROCESSES]; /* operations, as of the last look */
    time_t seen_at[PROCESSES];
    uint64_t starts, kills;
    uint64_t random;
};

static void start(struct parent *p, int number)
{
    uint64_t seed = test_seed() + 1000 * ++p->starts;
    pid_t pid;

    fflush(NULL); /* or the child would print our buffers too */
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody plays on when the test itself is killed */
        play_until_stopped(p->shared, p->path, number, seed);
        _exit(0);
    }
    p->pids[number] = pid;
    p->seen_at[number] = time(NULL);
}

static void end_all(struct parent *p)
{
    for (int i = 0; i < PROCESSES; i++) {
        if (p->pids[i]) {
            kill(p->pids[i], SIGKILL);
            waitpid(p->pids[i], NULL, 0);
        }
        p->pids[i] = 0;
    }
}

static void kill_one(struct parent *p, int number)
{
    int status;

    CHECK_INT(0, kill(p->pids[number], SIGKILL));
    CHECK_INT(p->pids[number], waitpid(p->pids[number], &status, 0));
    p->pids[number] = 0;
    p->kills++;
    if (!WIFSIGNALED(status)) {
        end_all(p);
        CHECK(!"a process had found something wrong just before it was killed");
    }
}

/* No process has ended by itself, and all get on. */
static void watch(struct parent *p)
{
    for (int i = 0; i < PROCESSES; i++) {
        uint64_t operations = atomic_load(&p->shared->operations[i]);
        int status;

        if (waitpid(p->pids[i], &status, WNOHANG) != 0) {
            fprintf(stderr, "process %d ended with status 0x%x\n", i, (unsigned)status);
            p->pids[i] = 0;
            end_all(p);
            CHECK(!"a process ended by itself");
        }
        if (operations != p->seen[i]) p->seen_at[i] = time(NULL);
        p->seen[i] = operations;
        if (time(NULL) - p->seen_at[i] > HANG_SECONDS) {
            fprintf(stderr, "process %d did nothing for %d s\n", i, HANG_SECONDS);
            end_all(p);
            CHECK(!"a process hangs");
        }
    }
}

static void kill_some(struct parent *p)
{
    uint64_t dice = test_random(&p->random) % 20;

    if (dice == 0) {
        for (int i = 0; i < PROCESSES; i++) kill_one(p, i);
        for (int i = 0; i < PROCESSES; i++) start(p, i);
    } else {
        int number = dice < 14 ? PROCESSES - 1 : (int)(dice % PROCESSES);

        kill_one(p, number);
        start(p, number);
    }
}

static void wait_for_all(struct parent *p)
{
    time_t until = time(NULL) + HANG_SECONDS;

    for (int i = 0; i < PROCESSES; i++) {
        int status = 0;
        pid_t pid;

        while ((pid = waitpid(p->pids[i], &status, WNOHANG)) == 0 && time(NULL) < until) usleep(10000);
        if (pid == 0) {
            end_all(p);
            CHECK(!"a process does not end");
        }
        p->pids[i] = 0;
        CHECK_INT(0, status);
    }
}

static void last_look(struct parent *p)
{
    struct peer peer;

    peer_init(&peer, p->shared, PROCESSES, test_seed());
    for (int i = 0; i < 3; i++) {
        peer_open(&peer, p->path, BUSY_MS);
        peer_read_all(&peer);
        inspect_ranges(&peer.run, peer.db);
        if (i == 0) CHECK_DB_OK(peer.db, aer_seal(peer.db));
        if (i == 1)
            CHECK_DB_OK(peer.db, aer_compact(peer.db, &(aer_compact_options){.size = sizeof(aer_compact_options)}, NULL));
        peer_read_all(&peer);
        peer_close(&peer);
    }
    inspect_files(&peer.run, p->path);
    peer_release(&peer);
}

TEST(killed_processes_lose_nothing_acknowledged_and_show_nothing_half_done)
{
    const char *text = getenv("AERIALS_SECONDS");
    struct parent p = {.shared = shared_new(), .random = test_seed()};
    aer_options options = {.size = sizeof options, .bucket_max_rows = 150, .bucket_max_size = 32 << 10};
    time_t until;

    scratch_dir();
    snprintf(p.path, sizeof p.path, "%s/db", scratch_path());
    CHECK_OK(aer_init(p.path, &options));
    until = time(NULL) + (text ? atoi(text) : SECONDS);
    for (int i = 0; i < PROCESSES; i++) start(&p, i);
    while (time(NULL) < until) {
        usleep(50000 + (useconds_t)(test_random(&p.random) % 250000));
        watch(&p);
        kill_some(&p);
    }
    atomic_store(&p.shared->stop, 1);
    wait_for_all(&p);
    printf("  %" PRIu64 " kills, %" PRIu64 " commits, %" PRIu64 " snapshots\n", p.kills,
           atomic_load(&p.shared->commits), atomic_load(&p.shared->snapshots));
    CHECK(atomic_load(&p.shared->commits) > 20 * atomic_load(&p.shared->busy));
    last_look(&p);
    shared_free(p.shared);
}
