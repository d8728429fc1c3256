/* test_bulk.c -- transactions larger than a bucket: all of it or nothing, whatever fails on the way. */
#include "scene.h"

#include "fs/os.h"
#include "testing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROWS 10 /* of a bucket */
#define KEYS 35 /* of a transaction: three whole buckets and a rest */

static int put_many(struct kv_txn *txn, const char *value)
{
    int rc = AER_OK;

    for (int k = 0; rc == AER_OK && k < KEYS; k++) {
        char key[16];
        struct kv_item item = {.key = key, .value = value, .value_size = strlen(value)};
        item.key_size = (size_t)snprintf(key, sizeof key, "key%02d", k);
        rc = aer__kv_txn_put(txn, &item, ERR);
    }
    return rc;
}

/* Do all keys have this value (NULL: none is there)? */
static void check_many(struct kv *kv, struct kv_txn *txn, const char *value)
{
    for (int k = 0; k < KEYS; k++) {
        char key[16];
        snprintf(key, sizeof key, "key%02d", k);
        check_text(kv, txn, key, value);
    }
}

static int commit_many(struct kv *kv, const char *value, int *written)
{
    struct kv_txn *txn;
    struct err err = {0};
    int rc;

    CHECK_OK(aer__kv_begin_write(kv, 0, &txn, ERR));
    *written = put_many(txn, value);
    rc = aer__kv_commit(txn, &err);
    if (rc) CHECK_INT(rc, err.code);
    if (rc) CHECK(err.message[0] != '\0');
    return rc;
}

TEST(a_transaction_of_several_buckets_is_there_at_once)
{
    int dir = scratch_dir();
    struct kv *kv = scene_open_quiet(dir, ROWS, 60000);
    struct kv_txn *txn;
    struct scene_buckets list;

    CHECK_OK(put_text(kv, "before", "x"));
    CHECK_OK(aer__kv_begin_write(kv, 0, &txn, ERR));
    CHECK_OK(put_many(txn, "value"));
    check_many(kv, txn, "value"); /* rows of flushed buckets and of memory */
    check_many(kv, NULL, NULL);
    CHECK_INT(3, bucket_files(dir));
    CHECK_INT(3, kv->share.page->making_files);
    CHECK_OK(aer__kv_commit(txn, ERR));
    check_many(kv, NULL, "value");
    CHECK_INT(0, kv->share.page->making_files);
    CHECK_OK(put_text(kv, "after", "x"));
    list = scene_buckets(kv);                                      /* contiguous */
    CHECK_INT(5, list.sealed);                                     /* what was before, and four of the transaction */
    CHECK_INT(1 + KEYS + 1 + 1, list.at[list.count - 1].last_seq); /* the commit row has a number too */
    seal(kv);
    check_live(kv);
    scene_close(kv);
    kv = scene_open_quiet(dir, ROWS, 60000);
    check_many(kv, NULL, "value");
    check_text(kv, NULL, "after", "x");
    check_live(kv);
    scene_close(kv);
}

TEST(a_transaction_that_is_rolled_back_takes_its_files_along)
{
    int dir = scratch_dir();
    struct kv *kv = scene_open_quiet(dir, ROWS, 60000);
    struct kv_txn *txn;

    CHECK_OK(aer__kv_begin_write(kv, 0, &txn, ERR));
    CHECK_OK(put_many(txn, "value"));
    CHECK_INT(3, bucket_files(dir));
    aer__kv_rollback(txn);
    CHECK_INT(0, bucket_files(dir));
    CHECK_INT(0, kv->share.page->making_files);
    check_many(kv, NULL, NULL);
    CHECK_INT(0, scene_buckets(kv).sealed);
    scene_close(kv);
}

/* The Nth call of each kind fails, until none is hit. */
TEST(a_flush_that_fails_fails_the_whole_transaction_and_the_next_one_works)
{
    static const struct {
        int kind, error, code;
    } faults[] = {{FS_FAULT_WRITE, ENOSPC, AER_FULL},
                  {FS_FAULT_OPEN, EMFILE, AER_IO},
                  {FS_FAULT_MKDIR, ENOSPC, AER_FULL},
                  {FS_FAULT_CLOSE, EIO, AER_IO},
                  {FS_FAULT_SYNC, EIO, AER_IO}};
    unsigned failures = 0, in_put = 0;

    for (size_t i = 0; i < AER_COUNT(faults); i++) {
        for (unsigned n = 1;; n += 2) {
            int dir = scratch_dir(), written, rc;
            struct kv *kv = scene_open_quiet(dir, ROWS, 60000);
            struct kv_txn *txn;
            struct err err = {0};
            bool missed;

            kv->options.sync = AER_SYNC_FULL; /* or new files are not synced */
            CHECK_OK(put_text(kv, "key00", "old"));
            CHECK_OK(aer__kv_begin_write(kv, AER_SYNC_OFF, &txn, ERR));
            aer__fs_fault_at(faults[i].kind, n, faults[i].error);
            written = put_many(txn, "new");
            missed = aer__os_fault_pending(faults[i].kind);
            aer__fs_fault_at(FS_FAULT_NONE, 0, 0);
            if (written) {
                CHECK_INT(faults[i].code, written);
                CHECK_INT(written, put_many(txn, "again")); /* it stays failed */
                rc = aer__kv_commit(txn, &err);
                CHECK_INT(written, rc); /* and says why */
                CHECK_INT(written, err.code);
                CHECK(err.message[0] != '\0');
                failures++;
                in_put += n > 1;
                CHECK_INT(0, bucket_files(dir));
                CHECK_INT(0, kv->share.page->making_files);
                check_text(kv, NULL, "key00", "old");
                check_text(kv, NULL, "key01", NULL);
            } else {
                CHECK_OK(aer__kv_commit(txn, ERR));
                check_many(kv, NULL, "new");
            }
            CHECK_OK(commit_many(kv, "next", &written));
            check_many(kv, NULL, "next");
            scene_buckets(kv);
            scene_close(kv);
            kv = scene_open_quiet(dir, ROWS, 60000);
            check_many(kv, NULL, "next");
            seal(kv);
            check_live(kv);
            scene_close(kv);
            if (missed) break;
        }
    }
    CHECK(failures > 8 && in_put > 3);
}

/* Our allocations fail one by one in commit: before the commit row nothing has happened, after it the handle cannot know. */
TEST(a_commit_whose_follow_up_fails_is_in_doubt_and_reopening_decides)
{
    unsigned before = 0, doubt = 0;

    for (unsigned long n = 1;; n++) {
        int dir = scratch_dir(), rc;
        struct kv *kv = scene_open_quiet(dir, ROWS, 60000);
        struct kv_txn *txn;
        struct kv_value got = {0};
        unsigned long calls;

        CHECK_OK(put_text(kv, "key00", "old"));
        seal(kv);
        CHECK_OK(aer__kv_begin_write(kv, 0, &txn, ERR));
        CHECK_OK(put_many(txn, "new"));
        aer__alloc_fail_at(n);
        rc = aer__kv_commit(txn, ERR);
        calls = aer__alloc_fail_at(0);
        if (rc == AER_UNKNOWN) {
            doubt++;
            CHECK_RC(AER_UNKNOWN, put_text(kv, "k", "v"));
            CHECK_RC(AER_UNKNOWN, aer__kv_get(kv, NULL, "key00", 5, &got, ERR));
            CHECK_RC(AER_UNKNOWN, aer__kv_begin_write(kv, 0, &txn, ERR));
        } else if (rc) {
            before++;
            CHECK_INT(AER_NOMEM, rc);
            check_text(kv, NULL, "key00", "old");
            check_text(kv, NULL, "key01", NULL);
            CHECK_INT(1, bucket_files(dir));
        } else {
            check_many(kv, NULL, "new");
        }
        scene_close(kv);
        kv = scene_open_quiet(dir, ROWS, 60000);
        if (rc == AER_OK) check_many(kv, NULL, "new");
        CHECK_OK(put_text(kv, "other", "x")); /* the first turn finishes what was left: the commit row is there */
        if (rc == AER_OK || rc == AER_UNKNOWN) check_many(kv, NULL, "new");
        else check_text(kv, NULL, "key01", NULL);
        check_text(kv, NULL, "other", "x");
        scene_buckets(kv);
        seal(kv);
        check_live(kv);
        CHECK_INT(FS_MISSING, aer__fs_kind(dir, LAYOUT_QUARANTINE));
        scene_close(kv);
        if (rc == AER_OK && calls < n) break;
    }
    CHECK(before > 2 && doubt > 2);
}
