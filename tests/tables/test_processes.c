/* test_processes.c -- one process writes, is killed and begins anew, again and again; two others look all the time, and each look
 * finds one moment: rows of all tables, by id and by index, sum up to what a key says.
 *
 * AERIALS_CRASHES sets the number of kills.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bank.h"
#include "testing.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KILLS 25
#else
#define KILLS 60
#endif
#define READERS 2
#define HANG_SECONDS 120

struct shared {
    _Atomic uint64_t transfers, looks[READERS], late[READERS];
    _Atomic int stop;
};

static struct shared *shared;
static char path[4200];

static void open_bank(struct bank *b, uint64_t seed)
{
    aer_options options = {.size = sizeof options, .sync = AER_SYNC_OFF, .busy_ms = 60000};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    b->random = seed;
    CHECK_DB_OK(b->db, aer_open(path, &options, &b->db));
}

static pid_t begin(struct bank *b, int reader, uint64_t seed)
{
    pid_t pid;

    fflush(NULL);
    pid = fork();
    CHECK(pid >= 0);
    if (pid) return pid;
    open_bank(b, seed);
    while (!atomic_load(&shared->stop)) {
        if (reader < 0) {
            if (bank_transfer(b)) atomic_fetch_add(&shared->transfers, 1);
            continue;
        }
        bank_look(b);
        atomic_store(&shared->looks[reader], b->looks);
        atomic_store(&shared->late[reader], b->late);
    }
    CHECK_OK(aer_close(b->db));
    _exit(0);
}

/* Until the number has grown by so much; nobody may end meanwhile. */
static void wait_for(_Atomic uint64_t *number, uint64_t more, const pid_t *pids, int count)
{
    uint64_t until = atomic_load(number) + more;
    time_t deadline = time(NULL) + HANG_SECONDS;

    while (atomic_load(number) < until) {
        for (int i = 0; i < count; i++) CHECK_INT(0, waitpid(pids[i], NULL, WNOHANG));
        CHECK(time(NULL) < deadline);
        usleep(200);
    }
}

TEST(a_look_beside_a_writer_who_is_killed_finds_one_moment)
{
    const char *text = getenv("AERIALS_CRASHES");
    int kills = text ? atoi(text) : KILLS, status;
    static struct player found;
    struct bank bank = {.random = test_seed()};
    pid_t pids[READERS + 1];

    scratch_dir();
    player_find_kinds(&found);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(shared != MAP_FAILED);
    snprintf(path, sizeof path, "%s/db", scratch_path());
    player_make(path, "4", 300);
    CHECK_OK(aer_open(path, NULL, &bank.db));
    bank.kind_count = found.kind_count;
    for (int i = 0; i < found.kind_count; i++) bank.kinds[i] = found.kinds[i];
    bank_make(&bank);
    CHECK_OK(aer_close(bank.db));
    bank.db = NULL;
    for (int i = 0; i < READERS; i++) pids[i] = begin(&bank, i, test_random(&bank.random));
    for (int n = 0; n < kills; n++) {
        pids[READERS] = begin(&bank, -1, test_random(&bank.random));
        wait_for(&shared->transfers, 1 + test_random(&bank.random) % 20, pids, READERS + 1);
        usleep((useconds_t)(test_random(&bank.random) % 2000));
        CHECK_INT(0, kill(pids[READERS], SIGKILL));
        CHECK_INT(pids[READERS], waitpid(pids[READERS], &status, 0));
        CHECK(WIFSIGNALED(status));
        if (n % 4 == 0) wait_for(&shared->looks[n / 4 % READERS], 2, pids, READERS);
    }
    atomic_store(&shared->stop, 1);
    for (int i = 0; i < READERS; i++) {
        CHECK_INT(pids[i], waitpid(pids[i], &status, 0));
        CHECK_INT(0, status);
    }
    printf("  %d kills, %" PRIu64 " transfers, %" PRIu64 " looks, %" PRIu64 " came late\n", kills,
           atomic_load(&shared->transfers), atomic_load(&shared->looks[0]) + atomic_load(&shared->looks[1]),
           atomic_load(&shared->late[0]) + atomic_load(&shared->late[1]));
    munmap(shared, sizeof *shared);
}
