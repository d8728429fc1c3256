/* test_compact.c -- sealing, merging and compacting: what goes, what stays, and for whom. */
#include "scene.h"

#include "testing.h"

#include <stdio.h>
#include <string.h>

static void put(struct kv *kv, const char *key, const char *value)
{
    CHECK_OK(put_text(kv, key, value));
}

/* One letter a row: a key is put; behind a minus it is deleted. Then that is a bucket. */
static void make_bucket(struct kv *kv, const char *rows)
{
    for (; *rows; rows++) {
        char key[2] = {rows[*rows == '-'], '\0'};
        if (*rows == '-') {
            CHECK_OK(del_text(kv, key));
            rows++;
        } else {
            put(kv, key, "value");
        }
    }
    seal(kv);
}

static void check_rows(struct kv *kv, size_t bucket, const char *rows)
{
    struct scene_buckets list = scene_buckets(kv);

    CHECK(bucket < list.sealed);
    CHECK_STR(rows, rows_of(kv, list.at[bucket].id));
}

TEST(sealing_gives_ranges_without_gap_and_one_file_each)
{
    int dir = scratch_dir();
    struct kv *kv = scene_open_quiet(dir, 1000, 5000);
    struct scene_buckets list;

    seal(kv); /* nothing to seal */
    CHECK_INT(0, scene_buckets(kv).sealed);
    make_bucket(kv, "abc");
    make_bucket(kv, "d");
    make_bucket(kv, "");
    make_bucket(kv, "ae-b");
    list = scene_buckets(kv);
    CHECK_INT(3, list.sealed);
    CHECK_INT(3, bucket_files(dir));
    CHECK_INT(3, list.at[0].last_seq);
    CHECK_INT(4, list.at[1].last_seq);
    CHECK_INT(7, list.at[2].last_seq);
    CHECK_INT(7, kv->merged_seq);
    CHECK_INT(1, list.at[0].live_rows); /* c */
    CHECK_INT(3, list.at[0].rows);
    check_live(kv);
    scene_close(kv);
    kv = scene_open_quiet(dir, 1000, 5000);
    CHECK_INT(3, scene_buckets(kv).sealed);
    check_live(kv);
    check_text(kv, NULL, "a", "value");
    check_text(kv, NULL, "b", NULL);
    scene_close(kv);
}

/* Buckets of four rows where a bucket takes four: none of them is small, so each goes by its dead rows alone. */
TEST(a_delete_marker_goes_when_no_older_bucket_has_a_dead_row)
{
    int dir = scratch_dir();
    struct kv *kv = scene_open_quiet(dir, 4, 5000);

    make_bucket(kv, "abef");
    make_bucket(kv, "-accc");
    check_rows(kv, 0, "put:a put:b put:e put:f");
    CHECK_INT(2, compact(kv, 40).rows_dropped); /* a quarter of the first is dead, half of the second */
    check_rows(kv, 0, "put:a put:b put:e put:f");
    check_rows(kv, 1, "del:a put:c"); /* without it a would come back if the catalogue were made again */
    CHECK_INT(0, compact(kv, 40).buckets_before);
    CHECK_INT(2, compact(kv, 0).rows_dropped); /* the oldest first, so the marker has nothing to hold back any more */
    check_rows(kv, 0, "put:b put:e put:f");
    check_rows(kv, 1, "put:c");
    CHECK_INT(0, compact(kv, 0).buckets_before);
    CHECK_INT(2, bucket_files(dir));
    CHECK_INT(1, scene_buckets(kv).at[0].generation);
    CHECK_INT(2, scene_buckets(kv).at[1].generation);
    check_live(kv);
    check_text(kv, NULL, "a", NULL);
    check_text(kv, NULL, "c", "value");
    scene_close(kv);
}

TEST(a_marker_and_its_row_in_one_rewrite_go_together)
{
    struct kv *kv = scene_open_quiet(scratch_dir(), 1000, 5000); /* small neighbours become one */

    make_bucket(kv, "abc");
    make_bucket(kv, "-ad");
    CHECK_INT(2, compact(kv, 0).rows_dropped);
    CHECK_INT(1, scene_buckets(kv).sealed);
    check_rows(kv, 0, "put:b put:c put:d");
    CHECK_INT(1, scene_buckets(kv).at[0].first_seq); /* the range stays, with gaps */
    CHECK_INT(5, scene_buckets(kv).at[0].last_seq);
    check_live(kv);
    scene_close(kv);
}

TEST(a_marker_stays_while_a_snapshot_keeps_a_row_it_hides)
{
    struct kv *kv = scene_open_quiet(scratch_dir(), 1000, 5000);
    struct kv_txn *old;

    make_bucket(kv, "abc");
    CHECK_OK(aer__kv_begin_read(kv, &old, ERR));
    make_bucket(kv, "-ad");
    CHECK_INT(0, compact(kv, 0).rows_dropped);
    check_rows(kv, 0, "put:a put:b put:c del:a put:d");
    check_text(kv, old, "a", "value");
    CHECK_OK(aer__kv_commit(old, ERR));
    CHECK_INT(2, compact(kv, 0).rows_dropped);
    check_rows(kv, 0, "put:b put:c put:d");
    check_live(kv);
    scene_close(kv);
}

TEST(what_a_snapshot_sees_stays_and_goes_after_it)
{
    int dir = scratch_dir();
    struct kv *kv = scene_open_quiet(dir, 4, 5000);
    struct kv_txn *old;
    bool any;

    make_bucket(kv, "abcd");
    CHECK_OK(aer__kv_begin_read(kv, &old, ERR));
    put(kv, "a", "new");
    put(kv, "a", "newer"); /* no snapshot sees the one between */
    CHECK_OK(del_text(kv, "b"));
    put(kv, "e", "new");
    seal(kv);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(aer__catalog_displaced_any(kv->catalog, &any, ERR));
        CHECK(any);
        check_text(kv, old, "a", "value");
        check_text(kv, old, "b", "value");
        check_text(kv, old, "e", NULL);
        check_text(kv, NULL, "a", "newer");
        check_text(kv, NULL, "b", NULL);
        compact(kv, 0);
        check_rows(kv, 0, "put:a put:b put:c put:d");
        check_rows(kv, 1, "put:a del:b put:e");
        check_live(kv);
    }
    CHECK_OK(aer__kv_commit(old, ERR));
    compact(kv, 0);
    CHECK_OK(aer__catalog_displaced_any(kv->catalog, &any, ERR));
    CHECK(!any);
    check_rows(kv, 0, "put:c put:d");
    check_rows(kv, 1, "put:a put:e");
    check_text(kv, NULL, "a", "newer");
    check_text(kv, NULL, "b", NULL);
    check_live(kv);
    scene_close(kv);
}

TEST(a_snapshot_of_another_handle_counts_too)
{
    int dir = scratch_dir();
    struct kv *kv = scene_open_quiet(dir, 4, 5000), *reader = scene_open_quiet(dir, 4, 5000);
    struct kv_txn *old;

    make_bucket(kv, "abcd");
    CHECK_OK(aer__kv_begin_read(reader, &old, ERR));
    make_bucket(kv, "abcd");
    compact(kv, 0);
    check_rows(kv, 0, "put:a put:b put:c put:d");
    check_text(reader, old, "d", "value");
    CHECK_OK(aer__kv_commit(old, ERR));
    compact(kv, 0);
    check_rows(kv, 0, "");
    check_text(reader, NULL, "d", "value");
    CHECK_INT(2, bucket_files(dir)); /* an empty one keeps its range */
    scene_close(reader);
    scene_close(kv);
}

/* ---- at random ---- */

#define KEYS 12
#define SNAPSHOTS 3

struct moment {
    int value[KEYS]; /* 0: not there */
    struct kv_txn *txn;
};

static void check_moment(struct kv *kv, const struct moment *m)
{
    for (int k = 0; k < KEYS; k++) {
        char key[8], value[16];
        snprintf(key, sizeof key, "k%d", k);
        snprintf(value, sizeof value, "v%d", m->value[k]);
        check_text(kv, m->txn, key, m->value[k] ? value : NULL);
    }
}

static void change(struct kv *kv, struct moment *now, int value, uint64_t *seed)
{
    int k = (int)(test_random(seed) % KEYS);
    char key[8], text[16];

    snprintf(key, sizeof key, "k%d", k);
    snprintf(text, sizeof text, "v%d", value);
    if (test_random(seed) % 3) {
        put(kv, key, text);
        now->value[k] = value;
    } else {
        CHECK_RC(now->value[k] ? AER_OK : AER_NOTFOUND, del_text(kv, key));
        now->value[k] = 0;
    }
}

static void end_snapshot(struct moment *m)
{
    if (m->txn) CHECK_OK(aer__kv_commit(m->txn, ERR));
    m->txn = NULL;
}

TEST(at_random_every_snapshot_sees_its_moment_and_every_dead_row_is_counted_once)
{
    struct moment now = {.txn = NULL}, at[SNAPSHOTS];
    uint64_t seed = test_seed();
    int dir = scratch_dir();
    struct kv *kv = scene_open(dir, 8, 60000);

    memset(at, 0, sizeof at);
    for (int step = 1; step <= 600; step++) {
        struct moment *m = &at[test_random(&seed) % SNAPSHOTS];

        change(kv, &now, step, &seed);
        switch (test_random(&seed) % 30) {
        case 0:
        case 1:
            end_snapshot(m);
            *m = now;
            CHECK_OK(aer__kv_begin_read(kv, &m->txn, ERR));
            break;
        case 2: end_snapshot(m); break;
        case 3:
            seal(kv);
            check_live(kv);
            break;
        case 4:
            compact(kv, (int)(test_random(&seed) % 60));
            check_live(kv);
            break;
        case 5:
            if (at[0].txn || at[1].txn || at[2].txn) break;
            scene_close(kv);
            kv = scene_open(dir, 8, 60000);
            break;
        default: continue;
        }
        scene_buckets(kv);
        check_moment(kv, &now);
        for (int i = 0; i < SNAPSHOTS; i++)
            if (at[i].txn) check_moment(kv, &at[i]);
    }
    for (int i = 0; i < SNAPSHOTS; i++) end_snapshot(&at[i]);
    for (int i = 0; i < 3; i++) compact(kv, 0); /* dead rows, then the markers that they held, until there are none */
    check_live(kv);
    struct scene_buckets list = scene_buckets(kv);
    for (size_t i = 0; i < list.sealed; i++) CHECK_INT(list.at[i].rows, list.at[i].live_rows);
    check_moment(kv, &now);
    scene_close(kv);
}
