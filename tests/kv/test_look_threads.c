/* test_look_threads.c -- one thread looks at the disk again and again while others seal and merge. */
#include "kv/store.h"
#include "testing.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define KEYS 400

static struct kv *open_new(uint64_t max_rows)
{
    const struct kv_options options = {
        .sync = AER_SYNC_OFF, .busy_ms = 60000, .cache_bytes = 4 << 20, .bucket_max_rows = max_rows, .bucket_max_size = 1 << 20};
    int dir = scratch_dir();
    struct kv *kv;

    CHECK_OK(aer__kv_create(dir, ERR));
    CHECK_OK(aer__kv_open(dir, &options, &kv, ERR));
    return kv;
}

static void put(struct kv *kv, int i)
{
    char key[16];
    struct kv_item item = {.key = key, .value = "v", .value_size = 1};

    item.key_size = (size_t)snprintf(key, sizeof key, "key%d", i);
    CHECK_OK(aer__kv_put(kv, &item, ERR));
}

static void check_keys(struct kv *kv, int count)
{
    for (int i = 0; i < count; i++) {
        char key[16];
        struct kv_value value = {0};
        int size = snprintf(key, sizeof key, "key%d", i);

        CHECK_OK(aer__kv_get(kv, NULL, key, (size_t)size, &value, ERR));
        aer__free(value.buffer);
    }
}

static atomic_bool stop;

static void *look(void *arg)
{
    while (!atomic_load(&stop)) CHECK_OK(aer__follow(arg, true, ERR));
    return NULL;
}

TEST(a_look_at_the_disk_goes_well_beside_sealing)
{
    struct kv *kv = open_new(2);
    pthread_t thread;

    atomic_store(&stop, false);
    CHECK_INT(0, pthread_create(&thread, NULL, look, kv));
    for (int i = 0; i < KEYS; i++) put(kv, i);
    atomic_store(&stop, true);
    CHECK_INT(0, pthread_join(thread, NULL));
    check_keys(kv, KEYS);
    CHECK_OK(aer__kv_close(kv, ERR));
}

static void *empty(void *arg)
{
    CHECK_OK(aer__seal_empty(arg, 0, ERR));
    return NULL;
}

static bool file_is_empty(struct kv *kv)
{
    struct active_state state;

    pthread_mutex_lock(&kv->look_lock[0]);
    CHECK_OK(aer__active_state(kv->look[0], &state, ERR));
    pthread_mutex_unlock(&kv->look_lock[0]);
    return state.rows == 0;
}

/* A look sees the file empty and drops its rows; a writer begins the next bucket in it; only then the sealer goes on. */
TEST(rows_of_a_bucket_just_begun_are_not_taken_for_those_that_were_sealed)
{
    struct kv *kv = open_new(100);
    const char *id = "0123456789abcdef";
    struct recent *fresh;
    pthread_t thread;

    put(kv, 0);
    CHECK_OK(aer__turn_enter_background(kv, ERR));
    pthread_mutex_lock(&kv->apply_lock);
    CHECK_INT(0, pthread_create(&thread, NULL, empty, kv));
    while (!file_is_empty(kv)) sched_yield();
    CHECK_OK(aer__apply_new_recent(kv, 0, id, 2, ERR));
    fresh = kv->recent[0];
    pthread_mutex_unlock(&kv->apply_lock);
    CHECK_INT(0, pthread_join(thread, NULL));
    CHECK(kv->recent[0] == fresh);
    aer__turn_leave(kv);
    atomic_store(&kv->had_turn, false); /* the row was given up: there is nothing to tidy */
    CHECK_OK(aer__kv_close(kv, ERR));
}
