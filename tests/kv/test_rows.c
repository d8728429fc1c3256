/* test_rows.c -- open bucket files: few, and those that are in use. */
#include "kv/store.h"
#include "testing.h"

#include <stdio.h>

#define BUCKETS 10
#define LIMIT 4

static void get(struct kv *kv, int i)
{
    char key[16];
    struct kv_value value = {0};
    int size = snprintf(key, sizeof key, "key%d", i);

    CHECK_OK(aer__kv_get(kv, NULL, key, (size_t)size, &value, ERR));
    aer__free(value.buffer);
}

TEST(a_bucket_in_use_stays_open_when_others_are_closed)
{
    const struct kv_options options = {
        .sync = AER_SYNC_OFF, .busy_ms = 60000, .cache_bytes = 4 << 20, .bucket_max_rows = 1, .bucket_max_size = 1 << 20};
    int dir = scratch_dir();
    struct sealed *file;
    struct kv *kv;

    CHECK_OK(aer__kv_create(dir, ERR));
    CHECK_OK(aer__kv_open(dir, &options, &kv, ERR));
    for (int i = 0; i < BUCKETS; i++) {
        char key[16];
        struct kv_item item = {.key = key, .value = "v", .value_size = 1};

        item.key_size = (size_t)snprintf(key, sizeof key, "key%d", i);
        CHECK_OK(aer__kv_put(kv, &item, ERR));
    }
    CHECK_OK(aer__kv_seal(kv, ERR));
    CHECK_INT(BUCKETS, kv->buckets.count);
    for (size_t i = 0; i < BUCKETS; i++) { /* those that sealing or merging had opened */
        aer__rows_close(kv, kv->buckets.at[i]);
    }
    kv->open_limit = LIMIT;
    get(kv, 0);
    file = atomic_load(&kv->buckets.at[0]->file);
    CHECK(file);
    for (int i = 1; i <= LIMIT; i++) {
        get(kv, i);
        if (i < LIMIT) get(kv, 0);
    }
    CHECK(atomic_load(&kv->buckets.at[0]->file) == file);
    CHECK(kv->buckets.open_count <= LIMIT);
    CHECK_OK(aer__kv_close(kv, ERR));
}
