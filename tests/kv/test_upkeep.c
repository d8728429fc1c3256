/* test_upkeep.c -- the background does its work without waiting for itself. */
#include "kv/store.h"
#include "testing.h"

#include <stdio.h>
#include <string.h>

#define KEYS 100
#define LONG_MS 120000 /* longer than anybody waits for the background */

TEST(expired_keys_are_deleted_in_the_background_though_they_take_more_than_a_bucket)
{
    const struct kv_options options = {
        .sync = AER_SYNC_OFF, .busy_ms = 1000, .cache_bytes = 4 << 20, .bucket_max_rows = 10, .bucket_max_size = 1 << 20};
    int dir = scratch_dir();
    char key[16];
    struct kv *kv;
    uint64_t seq;

    CHECK_OK(aer__kv_create(dir, ERR));
    CHECK_OK(aer__kv_open(dir, &options, &kv, ERR));
    for (int i = 0; i < KEYS; i++) {
        struct kv_item item = {.key = key, .value = "v", .value_size = 1, .expires_ms = 1};

        item.key_size = (size_t)snprintf(key, sizeof key, "key%d", i);
        CHECK_OK(aer__kv_put(kv, &item, ERR));
    }
    CHECK_OK(aer__kv_seal(kv, ERR));
    pthread_mutex_lock(&kv->wake_lock);
    kv->expired_ms = INT32_MIN; /* long ago */
    pthread_mutex_unlock(&kv->wake_lock);
    for (int round = 0; round < 2; round++) /* the first may have begun before */
        CHECK_OK(aer__upkeep_wait(kv, aer__monotonic_ms() + LONG_MS, ERR));
    for (int i = 0; i < KEYS; i++) {
        int size = snprintf(key, sizeof key, "key%d", i);

        CHECK_RC(AER_NOTFOUND, aer__get_newest(kv, key, (size_t)size, &seq, ERR));
    }
    CHECK_OK(aer__kv_close(kv, ERR));
}
