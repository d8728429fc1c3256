/* test_sealed_threads.c -- one handle, many threads: every row is right, and no two of them meet. */
#include "sample.h"

#include <pthread.h>

#define THREADS 4
#define ROWS 2000

struct reader {
    struct sealed *s;
    uint64_t seed;
    pthread_t thread;
};

static int count_row(void *arg, const struct row *row)
{
    (void)row;
    ++*(uint64_t *)arg;
    return 0;
}

static void *read_rows(void *arg)
{
    struct reader *reader = arg;
    struct buf hold = {0};
    uint64_t count = 0;
    unsigned i;

    for (i = 0; i < 3000; i++) {
        uint64_t seq = 2 * (test_random(&reader->seed) % ROWS) + 1;
        struct row want = sample_row(seq, 700), got;

        CHECK_OK(aer__sealed_get(reader->s, seq, i % 2, &got, &hold, ERR));
        if (i % 2) check_same_row(&want, &got);
        else check_same_head(&want, &got);
        if (i % 100 == 0) CHECK_RC(AER_NOTFOUND, aer__sealed_get(reader->s, seq + 1, true, &got, &hold, ERR));
    }
    CHECK_OK(aer__sealed_rows(reader->s, 0, true, count_row, &count, ERR));
    CHECK_INT(ROWS, count);
    aer__buf_release(&hold);
    sample_done();
    return NULL;
}

static void run_readers(struct sealed *s)
{
    struct reader readers[THREADS];
    unsigned i;

    for (i = 0; i < THREADS; i++) {
        readers[i] = (struct reader){.s = s, .seed = test_seed() + i};
        CHECK_INT(0, pthread_create(&readers[i].thread, NULL, read_rows, &readers[i]));
    }
    for (i = 0; i < THREADS; i++) CHECK_INT(0, pthread_join(readers[i].thread, NULL));
}

TEST(threads_share_a_handle)
{
    int dir = scratch_dir();
    struct sealed *s;

    make_bucket(dir, SAMPLE_ID, 1, 2 * ROWS - 1, 2, 700);
    s = open_bucket(dir, SAMPLE_ID);
    run_readers(s);
    CHECK_OK(aer__sealed_load(s, ERR));
    run_readers(s);
    aer__sealed_close(s);
}
