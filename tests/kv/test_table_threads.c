/* test_table_threads.c -- one thread adds, others read: what was published is found, whole, and nothing else. */
#include "kv/table.h"

#include "testing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define VERSIONS 30000
#define KEYS 2000
#define READERS 3

static struct table *table;
static _Atomic uint64_t published;
static pthread_barrier_t all_here;

static void key_of(uint64_t seq, unsigned char key[8])
{
    aer__put_u64(key, seq % KEYS);
}

/* Version SEQ is of key SEQ % KEYS, so at S the newest of a key is known. */
static void check_at(uint64_t at, uint64_t *seed)
{
    uint64_t seq = 1 + test_random(seed) % at, newest = seq + (at - seq) / KEYS * KEYS;
    const struct version *v, *out[64];
    unsigned char key[8];
    size_t count;

    key_of(seq, key);
    v = aer__table_find(table, key, sizeof key, aer__hash(key, sizeof key), at);
    CHECK(v != NULL);
    CHECK_INT(newest, v->seq);
    CHECK_MEM(key, sizeof key, v->key, v->key_size);
    CHECK((v->older != NULL) == (newest > KEYS));
    if (test_random(seed) % 64) return;
    CHECK_OK(aer__table_range(table, key, sizeof key, false, test_random(seed) % 2, at, out, 64, &count, ERR));
    CHECK(count > 0);
    CHECK_INT(newest, out[0]->seq);
    for (size_t i = 0; i < count; i++) CHECK(out[i]->seq <= at && out[i]->seq + KEYS > at);
}

static void *reader(void *arg)
{
    uint64_t seed = *(uint64_t *)arg, at;

    pthread_barrier_wait(&all_here);
    do {
        at = atomic_load_explicit(&published, memory_order_acquire);
        for (int i = 0; at > 0 && i < 20; i++) check_at(i ? 1 + test_random(&seed) % at : at, &seed);
    } while (at < VERSIONS);
    return NULL;
}

TEST(readers_find_what_was_published_while_another_thread_adds)
{
    pthread_t threads[READERS];
    uint64_t seeds[READERS];

    CHECK_OK(aer__table_new(&table, ERR));
    CHECK_INT(0, pthread_barrier_init(&all_here, NULL, READERS + 1));
    for (int i = 0; i < READERS; i++) {
        seeds[i] = test_seed() + (uint64_t)i;
        CHECK_INT(0, pthread_create(&threads[i], NULL, reader, &seeds[i]));
    }
    pthread_barrier_wait(&all_here);
    for (uint64_t seq = 1; seq <= VERSIONS; seq++) {
        struct version like = {.seq = seq, .parts = 1};
        unsigned char key[8];
        key_of(seq, key);
        CHECK_OK(aer__table_add(table, key, sizeof key, aer__hash(key, sizeof key), &like, ERR));
        atomic_store_explicit(&published, seq, memory_order_release);
    }
    for (int i = 0; i < READERS; i++) CHECK_INT(0, pthread_join(threads[i], NULL));
    pthread_barrier_destroy(&all_here);
    aer__table_free(table);
}
