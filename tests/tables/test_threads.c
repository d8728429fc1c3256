/* test_threads.c -- four threads on one handle: two move money between tables, two look whether it is all there.
 *
 * AERIALS_OPS sets how many transactions all of them make.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "bank.h"
#include "testing.h"

#define THREADS 4

#if defined(__SANITIZE_THREAD__)
#define OPERATIONS 1500
#elif defined(__SANITIZE_ADDRESS__)
#define OPERATIONS 3000
#else
#define OPERATIONS 8000
#endif

struct worker {
    struct bank bank;
    bool writes;
    uint64_t operations;
    pthread_t thread;
};

static void *work(void *arg)
{
    struct worker *w = arg;

    for (uint64_t i = 0; i < w->operations; i++) {
        if (w->writes) bank_transfer(&w->bank);
        else bank_look(&w->bank);
    }
    return NULL;
}

TEST(threads_that_look_beside_threads_that_write_see_whole_transactions)
{
    const char *text = getenv("AERIALS_OPS");
    uint64_t operations = text ? strtoull(text, NULL, 10) : OPERATIONS;
    aer_options options = {.size = sizeof options, .sync = AER_SYNC_OFF, .busy_ms = 120000};
    static struct worker workers[THREADS];
    static struct player found;
    struct bank bank = {.random = test_seed()};
    char path[4200];

    scratch_dir();
    player_find_kinds(&found);
    snprintf(path, sizeof path, "%s/db", scratch_path());
    player_make(path, "4", 300);
    CHECK_OK(aer_open(path, &options, &bank.db));
    bank.kind_count = found.kind_count;
    for (int i = 0; i < found.kind_count; i++) bank.kinds[i] = found.kinds[i];
    bank_make(&bank);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){bank, i < 2, operations / THREADS, 0};
        workers[i].bank.random += (uint64_t)i;
        CHECK_INT(0, pthread_create(&workers[i].thread, NULL, work, &workers[i]));
    }
    for (int i = 0; i < THREADS; i++) CHECK_INT(0, pthread_join(workers[i].thread, NULL));
    CHECK(workers[0].bank.transfers > 0 && workers[THREADS - 1].bank.looks > 0);
    bank_look(&bank);
    CHECK_INT(1, bank.looks);
    CHECK_OK(aer_close(bank.db));
}
