/* test_room.c -- a writer that has followed another process's commits finds room, whatever is in its memory. */
#include "kv/store.h"

#include "scene.h"
#include "testing.h"

#include <stdio.h>
#include <string.h>

#define KEYS 60000

static struct kv *open_with(int dir, uint64_t cache_bytes)
{
    const struct kv_options options = {.sync = AER_SYNC_OFF,
                                       .busy_ms = 3000,
                                       .cache_bytes = cache_bytes,
                                       .bucket_max_rows = 1000000,
                                       .bucket_max_size = 100 << 20};
    struct kv *kv;

    CHECK_OK(aer__kv_open(dir, &options, &kv, ERR));
    return kv;
}

static void fill(struct kv *kv)
{
    struct kv_txn *txn;
    char key[24];

    CHECK_OK(aer__kv_begin_write(kv, 0, &txn, ERR));
    for (int i = 0; i < KEYS; i++) {
        struct kv_item item = {.key = key, .value = "v", .value_size = 1};

        item.key_size = (size_t)snprintf(key, sizeof key, "a key %d", i);
        CHECK_OK(aer__kv_txn_put(txn, &item, ERR));
        if (i % 1000) continue;
        CHECK_OK(aer__kv_commit(txn, ERR));
        CHECK_OK(aer__kv_begin_write(kv, 0, &txn, ERR));
    }
    CHECK_OK(aer__kv_commit(txn, ERR));
}

TEST(keys_of_the_file_being_filled_do_not_keep_a_small_handle_waiting)
{
    int dir = scratch_dir();
    const struct kv_item item = {.key = "in one", .key_size = 6, .value = "x", .value_size = 1};
    struct kv *large, *small;
    struct kv_txn *txn;

    CHECK_OK(aer__kv_create(dir, ERR));
    large = open_with(dir, 64 << 20);
    small = open_with(dir, 4 << 20);
    fill(large); /* more than the small one is to have in memory, and nothing of it can be merged */
    CHECK_INT(0, large->buckets.count);
    check_text(small, NULL, "a key 17", "v");
    CHECK(small->imm != NULL);
    CHECK_OK(put_text(small, "one more", "w"));
    CHECK_OK(aer__kv_begin_write(small, 0, &txn, ERR));
    CHECK_OK(aer__kv_txn_put(txn, &item, ERR));
    CHECK_OK(aer__kv_commit(txn, ERR));
    check_text(large, NULL, "one more", "w");
    check_text(large, NULL, "in one", "x");
    /* As soon as it has more of its own in memory than it should, it leaves the file, to have it merged. */
    for (int i = 0; i < KEYS && small->buckets.count == 0; i++) {
        char key[24];
        snprintf(key, sizeof key, "another key %d", i);
        CHECK_OK(put_text(small, key, "y"));
    }
    CHECK(small->buckets.count > 0);
    CHECK_OK(aer__kv_begin_write(small, 0, &txn, ERR));
    aer__kv_rollback(txn);
    CHECK_OK(aer__kv_close(small, ERR));
    CHECK_OK(aer__kv_close(large, ERR));
}
