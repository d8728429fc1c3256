/* test_view.c -- memory and catalogue change hands: at no moment is a key in neither.
 *
 * Where two threads or processes would have to meet within a microsecond, the test takes the steps one by one and turns
 * the shared counters back to where they stand between two of them.
 */
#include "fs/fs.h"
#include "kv/store.h"
#include "testing.h"

#include <string.h>

#define LOOKS 100 /* so many look-ups, and a catalogue connection keeps its read transaction */

static struct kv *open_kv(int dir)
{
    const struct kv_options options = {
        .sync = AER_SYNC_OFF, .busy_ms = 1000, .cache_bytes = 4 << 20, .bucket_max_rows = 1000, .bucket_max_size = 1 << 20};
    struct kv *kv;

    CHECK_OK(aer__kv_open(dir, &options, &kv, ERR));
    return kv;
}

static struct kv *new_kv(int *dir)
{
    *dir = scratch_dir();
    CHECK_OK(aer__kv_create(*dir, ERR));
    return open_kv(*dir);
}

static void put(struct kv *kv, const char *key)
{
    const struct kv_item item = {.key = key, .key_size = strlen(key), .value = "v", .value_size = 1};

    CHECK_OK(aer__kv_put(kv, &item, ERR));
}

static int get(struct kv *kv, const char *key)
{
    struct kv_value value = {0};
    int rc = aer__kv_get(kv, NULL, key, strlen(key), &value, ERR);

    aer__free(value.buffer);
    return rc;
}

static void look_often(struct kv *kv)
{
    for (int i = 0; i < LOOKS; i++) CHECK_RC(AER_NOTFOUND, get(kv, "absent"));
}

TEST(a_merged_key_is_found_before_others_are_told)
{
    int dir;
    struct kv *kv = new_kv(&dir);
    uint64_t version;

    put(kv, "key");
    CHECK_OK(aer__seal_pending(kv, true, ERR));
    look_often(kv);
    version = atomic_load(&kv->share.page->catalog_version);
    CHECK_OK(aer__merge(kv, ERR));
    CHECK_INT(1, kv->merged_seq);
    atomic_store(&kv->share.page->catalog_version, version);
    aer__hints_clear(&kv->hints);
    CHECK_OK(get(kv, "key"));
    atomic_store(&kv->share.page->catalog_version, version + 1);
    CHECK_OK(aer__kv_close(kv, ERR));
}

TEST(a_key_merged_by_another_is_found_before_he_says_so)
{
    int dir;
    struct kv *other = new_kv(&dir), *kv = open_kv(dir);
    struct catalog_reader *used = NULL;
    uint64_t version;

    put(other, "key");
    CHECK_OK(aer__seal_pending(other, true, ERR));
    look_often(kv);
    for (int i = 0; i < READERS; i++) {
        if (kv->reader[i].uses >= LOOKS) used = &kv->reader[i];
    }
    CHECK(used);
    version = atomic_load(&kv->share.page->catalog_version);
    CHECK_OK(aer__merge(other, ERR));
    atomic_store(&kv->share.page->catalog_version, version);
    put(other, "next"); /* makes us look, through another connection */
    pthread_mutex_lock(&used->lock);
    CHECK_OK(aer__follow(kv, false, ERR));
    pthread_mutex_unlock(&used->lock);
    CHECK_INT(1, kv->merged_seq);
    CHECK_OK(get(kv, "key"));
    atomic_store(&kv->share.page->catalog_version, version + 1);
    CHECK_OK(aer__kv_close(kv, ERR));
    CHECK_OK(aer__kv_close(other, ERR));
}

TEST(a_merge_goes_no_further_than_what_is_visible)
{
    int dir;
    struct kv *kv = new_kv(&dir);
    char key[] = "key0";

    for (; key[3] < '9'; key[3]++) put(kv, key);
    CHECK_OK(aer__seal_pending(kv, true, ERR));
    /* A large transaction's buckets are listed, and its keys are on their way into memory. */
    atomic_store(&kv->visible, 4);
    CHECK_OK(aer__merge(kv, ERR));
    CHECK_INT(4, kv->merged_seq);
    atomic_store(&kv->visible, 9);
    CHECK_OK(aer__merge(kv, ERR));
    CHECK_INT(9, kv->merged_seq);
    for (key[3] = '0'; key[3] < '9'; key[3]++) CHECK_OK(get(kv, key));
    CHECK_OK(aer__kv_close(kv, ERR));
}

TEST(a_snapshot_that_nothing_keeps_says_so)
{
    int dir;
    struct kv *kv = new_kv(&dir), *reader = open_kv(dir);
    struct kv_value value = {0};
    struct kv_range range = {0};
    struct kv_cursor *cursor;
    aer_slice k, v;
    struct kv_txn *txn;
    int slot = reader->share.slot;

    put(kv, "key");
    CHECK_OK(aer__kv_seal(kv, ERR));
    reader->share.slot = -1; /* as if it could not write the lock file */
    CHECK_OK(aer__kv_begin_read(reader, &txn, ERR));
    CHECK_OK(aer__kv_get(reader, txn, "key", 3, &value, ERR));
    put(kv, "key");
    CHECK_OK(aer__kv_seal(kv, ERR));
    aer__free(value.buffer);
    value = (struct kv_value){0};
    aer__hints_clear(&reader->hints);
    CHECK_RC(AER_BUSY, aer__kv_get(reader, txn, "key", 3, &value, ERR));
    CHECK(!value.buffer);
    CHECK_OK(aer__kv_scan(txn, &range, &cursor, ERR));
    CHECK_RC(AER_BUSY, aer__kv_next(cursor, &k, &v, ERR));
    aer__kv_cursor_close(cursor);
    aer__kv_rollback(txn);
    CHECK_OK(aer__kv_begin_read(reader, &txn, ERR));
    CHECK_OK(aer__kv_get(reader, txn, "key", 3, &value, ERR));
    aer__free(value.buffer);
    aer__kv_rollback(txn);
    reader->share.slot = slot;
    CHECK_OK(aer__kv_close(reader, ERR));
    CHECK_OK(aer__kv_close(kv, ERR));
}
