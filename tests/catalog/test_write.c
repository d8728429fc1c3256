/* test_write.c -- what is changed in aerial.sq3, and what a rollback or a checkpoint leaves. */
#include "sample.h"

#include "fs/fs.h"
#include "testing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void begin(struct catalog *c)
{
    CHECK_OK(aer__catalog_begin(c, false, ERR));
}

static void commit(struct catalog *c)
{
    CHECK_OK(aer__catalog_commit(c, ERR));
}

/* ---- settings ---- */

static struct catalog_state state_of(struct catalog *c)
{
    struct catalog_state state;

    CHECK_OK(aer__catalog_state(c, &state, ERR));
    return state;
}

TEST(a_merge_leaves_its_mark_until_it_is_done)
{
    static const unsigned char key[] = {0, 255, 'k', 0};
    int dir = scratch_dir();
    struct catalog *c = new_catalog(dir);
    struct catalog_state state;

    begin(c);
    CHECK_OK(aer__catalog_set_merging(c, 900, key, sizeof key, ERR));
    commit(c);
    aer__catalog_close(c);
    c = open_catalog(dir, CATALOG_WRITE);
    state = state_of(c);
    CHECK_INT(0, state.merged_seq);
    CHECK_INT(900, state.merging_to);
    CHECK_MEM(key, sizeof key, state.merging_key.data, state.merging_key.size);
    aer__buf_release(&state.merging_key);

    begin(c);
    CHECK_OK(aer__catalog_set_merged(c, 900, ERR));
    commit(c);
    state = state_of(c);
    CHECK_INT(900, state.merged_seq);
    CHECK_INT(0, state.merging_to);
    CHECK_INT(0, state.merging_key.size);
    CHECK_INT(1, state.version); /* that is another call */
    aer__buf_release(&state.merging_key);
    aer__catalog_close(c);
}

TEST(a_mark_can_be_the_longest_key)
{
    struct catalog *c = new_catalog(scratch_dir());
    unsigned char *key = aer__alloc(65536);
    struct catalog_state state;

    CHECK(key != NULL);
    memset(key, 0xfe, 65536);
    begin(c);
    CHECK_OK(aer__catalog_set_merging(c, INT64_MAX, key, 65536, ERR));
    commit(c);
    state = state_of(c);
    CHECK_INT(INT64_MAX, state.merging_to);
    CHECK_MEM(key, 65536, state.merging_key.data, state.merging_key.size);
    aer__buf_release(&state.merging_key);
    aer__free(key);
    aer__catalog_close(c);
}

TEST(clock_and_version_are_kept)
{
    int dir = scratch_dir();
    struct catalog *c = new_catalog(dir);
    struct catalog_state state;

    for (int i = 0; i < 3; i++) {
        begin(c);
        CHECK_OK(aer__catalog_advance_version(c, ERR));
        if (i == 1) CHECK_OK(aer__catalog_set_clock(c, INT64_C(-62135596800000), ERR));
        commit(c);
    }
    aer__catalog_close(c);
    c = open_catalog(dir, CATALOG_READONLY);
    state = state_of(c);
    CHECK_INT(4, state.version);
    CHECK_INT(INT64_C(-62135596800000), state.clock_ms);
    aer__buf_release(&state.merging_key);
    aer__catalog_close(c);
}

/* ---- buckets ---- */

TEST(every_number_of_a_bucket_comes_back)
{
    int dir = scratch_dir();
    struct catalog *c = new_catalog(dir);
    struct catalog_bucket b = sample_bucket(7, 123456);
    struct bucket_list list;

    begin(c);
    CHECK_OK(aer__catalog_add_bucket(c, &b, ERR));
    commit(c);
    aer__catalog_close(c);
    c = open_catalog(dir, CATALOG_READONLY);
    list = buckets_of(c);
    CHECK_INT(1, list.count);
    CHECK_STR(b.id, list.at[0].id);
    CHECK_INT(b.first_seq, list.at[0].first_seq);
    CHECK_INT(b.last_seq, list.at[0].last_seq);
    CHECK_INT(b.rows, list.at[0].rows);
    CHECK_INT(b.live, list.at[0].live);
    CHECK_INT(b.deletes, list.at[0].deletes);
    CHECK_INT(b.expiring, list.at[0].expiring);
    CHECK_INT(b.parts, list.at[0].parts);
    CHECK_INT(b.bytes, list.at[0].bytes);
    CHECK_INT(b.row_bytes, list.at[0].row_bytes);
    CHECK_INT(b.dead_bytes, list.at[0].dead_bytes);
    CHECK_INT(b.max_row, list.at[0].max_row);
    CHECK(b.sum == list.at[0].sum);
    CHECK_INT(b.generation, list.at[0].generation);
    aer__catalog_close(c);
}

TEST(buckets_come_in_sequence_order)
{
    static const uint64_t first[] = {500, 1, 300, 2};
    struct catalog *c = new_catalog(scratch_dir());
    struct bucket_list list;

    begin(c);
    for (size_t i = 0; i < AER_COUNT(first); i++) {
        struct catalog_bucket b = sample_bucket(first[i], first[i]);
        CHECK_OK(aer__catalog_add_bucket(c, &b, ERR));
    }
    commit(c);
    list = buckets_of(c);
    CHECK_INT(4, list.count);
    for (size_t i = 1; i < list.count; i++) CHECK(list.at[i - 1].first_seq < list.at[i].first_seq);
    aer__catalog_close(c);
}

TEST(two_buckets_cannot_begin_at_one_row)
{
    struct catalog *c = new_catalog(scratch_dir());
    struct catalog_bucket b = sample_bucket(1, 10);
    struct err err = {0};

    begin(c);
    CHECK_OK(aer__catalog_add_bucket(c, &b, ERR));
    CHECK(aer__catalog_add_bucket(c, &b, &err) != AER_OK);
    CHECK(err.code != AER_OK);
    aer__catalog_rollback(c);
    CHECK_INT(0, buckets_of(c).count);
    aer__catalog_close(c);
}

TEST(only_the_bucket_that_is_named_is_removed)
{
    struct catalog *c = new_catalog(scratch_dir());
    struct catalog_bucket one = sample_bucket(1, 10), two = sample_bucket(11, 20);
    struct bucket_list list;
    struct err err = {0};

    begin(c);
    CHECK_OK(aer__catalog_add_bucket(c, &one, ERR));
    CHECK_OK(aer__catalog_add_bucket(c, &two, ERR));
    commit(c);
    begin(c);
    CHECK_RC(AER_CORRUPT, aer__catalog_remove_bucket(c, 1, two.id, &err)); /* somebody replaced it */
    CHECK(strstr(err.message, two.id) != NULL);
    CHECK_RC(AER_CORRUPT, aer__catalog_remove_bucket(c, 2, one.id, ERR));
    CHECK_OK(aer__catalog_remove_bucket(c, 1, one.id, ERR));
    CHECK_RC(AER_CORRUPT, aer__catalog_remove_bucket(c, 1, one.id, ERR));
    commit(c);
    list = buckets_of(c);
    CHECK_INT(1, list.count);
    CHECK_STR(two.id, list.at[0].id);
    aer__catalog_close(c);
}

static void count_dead(struct catalog *c, uint64_t first, uint64_t rows, uint64_t bytes, uint64_t live, uint64_t dead_bytes)
{
    struct bucket_list list;

    begin(c);
    CHECK_OK(aer__catalog_count_dead(c, first, rows, bytes, ERR));
    commit(c);
    list = buckets_of(c);
    CHECK_INT(2, list.count);
    for (size_t i = 0; i < 2; i++) { /* the other one stays as it was */
        CHECK_INT(list.at[i].first_seq == 1 ? live : 80, list.at[i].live);
        CHECK_INT(list.at[i].first_seq == 1 ? dead_bytes : 500, list.at[i].dead_bytes);
    }
}

TEST(dead_rows_are_counted_within_what_there_is)
{
    struct catalog *c = new_catalog(scratch_dir());
    struct catalog_bucket one = sample_bucket(1, 10), two = sample_bucket(11, 20); /* 80 live, 500 of 10,000 bytes dead */

    begin(c);
    CHECK_OK(aer__catalog_add_bucket(c, &one, ERR));
    CHECK_OK(aer__catalog_add_bucket(c, &two, ERR));
    commit(c);
    count_dead(c, 1, 0, 0, 80, 500);
    count_dead(c, 1, 30, 2500, 50, 3000);
    count_dead(c, 1, 50, 7000, 0, 10000);
    count_dead(c, 1, 1, 1, 0, 10000);  /* never below zero, never above the rows' bytes */
    count_dead(c, 99, 5, 5, 0, 10000); /* no such bucket: nothing to count in */
    aer__catalog_close(c);
}

TEST(counts_stop_at_their_bounds_from_anywhere)
{
    struct catalog *c = new_catalog(scratch_dir());
    struct catalog_bucket one = sample_bucket(1, 10), two = sample_bucket(11, 20);

    begin(c);
    CHECK_OK(aer__catalog_add_bucket(c, &one, ERR));
    CHECK_OK(aer__catalog_add_bucket(c, &two, ERR));
    commit(c);
    count_dead(c, 1, 81, 9501, 0, 10000);
    aer__catalog_close(c);
}

/* ---- keys ---- */

TEST(keys_are_bytes_of_any_value_and_up_to_65536_of_them)
{
    static const char *const tricky[] = {"../x", "k\xff", "%%", "''"};
    struct catalog *c = new_catalog(scratch_dir());
    unsigned char *long_key = aer__alloc(65537);
    unsigned char byte;

    CHECK(long_key != NULL);
    for (unsigned i = 0; i < 65537; i++) long_key[i] = (unsigned char)(i * 7);
    begin(c);
    for (unsigned i = 0; i < 256; i++) {
        byte = (unsigned char)i;
        CHECK_OK(aer__catalog_put(c, &byte, 1, i + 1, ERR));
    }
    CHECK_OK(aer__catalog_put(c, "\0", 2, 1000, ERR));
    CHECK_OK(aer__catalog_put(c, long_key, 65536, 1001, ERR));
    CHECK_OK(aer__catalog_put(c, long_key, 65535, 1002, ERR));
    CHECK_OK(aer__catalog_put(c, long_key + 1, 65536, INT64_MAX, ERR));
    for (unsigned i = 0; i < AER_COUNT(tricky); i++)
        CHECK_OK(aer__catalog_put(c, tricky[i], strlen(tricky[i]), 2000 + i, ERR));
    commit(c);
    for (unsigned i = 0; i < 256; i++) {
        byte = (unsigned char)i;
        CHECK_INT(i + 1, seq_of(c, &byte, 1));
    }
    CHECK_INT(1000, seq_of(c, "\0", 2));
    CHECK_INT(0, seq_of(c, "\0\0", 3));
    CHECK_INT(1001, seq_of(c, long_key, 65536));
    CHECK_INT(1002, seq_of(c, long_key, 65535));
    CHECK_INT(INT64_MAX, seq_of(c, long_key + 1, 65536));
    for (unsigned i = 0; i < AER_COUNT(tricky); i++) CHECK_INT(2000 + i, seq_of(c, tricky[i], strlen(tricky[i])));
    begin(c);
    CHECK_OK(aer__catalog_remove(c, long_key, 65536, ERR));
    CHECK_OK(aer__catalog_remove(c, "\0", 2, ERR));
    CHECK_OK(aer__catalog_remove(c, "never there", 11, ERR));
    commit(c);
    CHECK_INT(0, seq_of(c, long_key, 65536));
    CHECK_INT(1002, seq_of(c, long_key, 65535));
    CHECK_INT(0, seq_of(c, "\0", 2));
    CHECK_INT(1, seq_of(c, "", 1)); /* the one zero byte */
    aer__free(long_key);
    aer__catalog_close(c);
}

TEST(looking_for_nothing_sets_no_message)
{
    struct catalog *c = new_catalog(scratch_dir());
    struct err err = {0};
    uint64_t seq = 0;

    CHECK_RC(AER_NOTFOUND, aer__catalog_lookup(c, "k", 1, &seq, &err));
    CHECK_RC(AER_NOTFOUND, aer__catalog_displaced(c, "k", 1, 9, &seq, &err));
    CHECK_INT(AER_OK, err.code);
    aer__catalog_close(c);
}

/* ---- displaced versions ---- */

static uint64_t seen_at(struct catalog *c, const char *key, uint64_t at)
{
    uint64_t seq = 0;
    int rc = aer__catalog_displaced(c, key, strlen(key), at, &seq, ERR);

    if (rc != AER_NOTFOUND) CHECK_OK(rc);
    return rc == AER_OK ? seq : 0;
}

static bool is_displaced(struct catalog *c, const char *key, uint64_t seq)
{
    bool is = false;

    CHECK_OK(aer__catalog_is_displaced(c, key, strlen(key), seq, &is, ERR));
    return is;
}

static bool has_displaced(struct catalog *c, const char *key)
{
    bool has = false;

    CHECK_OK(aer__catalog_has_displaced(c, key, strlen(key), &has, ERR));
    return has;
}

static bool any_displaced(struct catalog *c)
{
    bool any = false;

    CHECK_OK(aer__catalog_displaced_any(c, &any, ERR));
    return any;
}

static void displace(struct catalog *c, const char *key, uint64_t seq, uint64_t until)
{
    CHECK_OK(aer__catalog_displace(c, key, strlen(key), seq, until, ERR));
}

TEST(a_snapshot_sees_a_displaced_version_from_its_number_up_to_the_next)
{
    struct catalog *c = new_catalog(scratch_dir());

    begin(c);
    displace(c, "k", 10, 20);
    displace(c, "k", 20, 30);
    displace(c, "k", 50, 60); /* between 30 and 50 the key was deleted */
    displace(c, "other", 15, 16);
    commit(c);
    CHECK_INT(0, seen_at(c, "k", 9));
    CHECK_INT(10, seen_at(c, "k", 10));
    CHECK_INT(10, seen_at(c, "k", 19));
    CHECK_INT(20, seen_at(c, "k", 20));
    CHECK_INT(20, seen_at(c, "k", 29));
    CHECK_INT(0, seen_at(c, "k", 30));
    CHECK_INT(0, seen_at(c, "k", 49));
    CHECK_INT(50, seen_at(c, "k", 50));
    CHECK_INT(0, seen_at(c, "k", 60));
    CHECK_INT(0, seen_at(c, "kk", 15));
    CHECK(is_displaced(c, "k", 20));
    CHECK(!is_displaced(c, "k", 15));
    CHECK(!is_displaced(c, "other", 20));
    CHECK(has_displaced(c, "other"));
    CHECK(!has_displaced(c, "k2"));
    CHECK(any_displaced(c));
    aer__catalog_close(c);
}

/* Each snapshot in a handle of its own. */
static uint64_t prune(struct catalog *c, const uint64_t *snapshots, int count)
{
    struct span spans[8];
    uint64_t removed = 77;

    CHECK(count <= (int)AER_COUNT(spans));
    for (int i = 0; i < count; i++) spans[i] = (struct span){snapshots[i], snapshots[i]};

    begin(c);
    CHECK_OK(aer__catalog_prune(c, spans, count, &removed, ERR));
    commit(c);
    return removed;
}

TEST(a_displaced_version_goes_when_the_last_snapshot_that_sees_it_has_gone)
{
    static const uint64_t both[] = {500, 15}, young[] = {30};
    static const struct span wide = {15, 25}; /* somewhere in it the snapshots of one handle lie */
    uint64_t removed;
    struct catalog *c = new_catalog(scratch_dir());

    begin(c);
    displace(c, "a", 10, 20);
    displace(c, "a", 20, 30);
    displace(c, "a", 30, 40);
    displace(c, "b", 1, 15);
    displace(c, "b", 2, 16);
    commit(c);
    begin(c);
    CHECK_OK(aer__catalog_prune(c, &wide, 1, &removed, ERR));
    commit(c);
    CHECK_INT(2, removed); /* what ended at 15, and what began at 30 */
    CHECK(!is_displaced(c, "b", 1));
    CHECK(!is_displaced(c, "a", 30));
    begin(c);
    displace(c, "a", 30, 40);
    displace(c, "b", 1, 15);
    commit(c);
    CHECK_INT(3, prune(c, both, 2)); /* all but what the one at 15 sees */
    CHECK(is_displaced(c, "a", 10));
    CHECK(is_displaced(c, "b", 2));
    CHECK_INT(0, prune(c, both, 2));
    begin(c);
    displace(c, "a", 30, 40);
    commit(c);
    CHECK_INT(2, prune(c, young, 1));
    CHECK(is_displaced(c, "a", 30));
    CHECK(!has_displaced(c, "b"));
    CHECK(any_displaced(c));
    CHECK_INT(1, prune(c, NULL, 0));
    CHECK(!any_displaced(c));
    begin(c);
    displace(c, "a", 1, 2);
    CHECK_OK(aer__catalog_prune(c, NULL, 0, NULL, ERR));
    commit(c);
    CHECK(!any_displaced(c));
    aer__catalog_close(c);
}

TEST(many_displaced_versions_are_pruned_in_one_walk)
{
    static const uint64_t at[] = {500};
    struct catalog *c = new_catalog(scratch_dir());

    begin(c);
    for (uint64_t i = 1; i <= 1000; i++) { /* removing rows below a walk over them must not skip any */
        char key[16];
        snprintf(key, sizeof key, "k%" PRIu64, i % 300);
        displace(c, key, i, i + 1);
    }
    commit(c);
    CHECK_INT(999, prune(c, at, 1)); /* all but 500 */
    CHECK_INT(1, prune(c, NULL, 0));
    CHECK(!any_displaced(c));
    aer__catalog_close(c);
}

/* ---- against a model ---- */

/* Keys by number: short ones, prefixes of each other, bytes of every value. Their order is that of the numbers' keys. */
#define KEYS 60
struct model_key {
    unsigned char bytes[24];
    size_t size;
    uint64_t seq;                /* 0: not merged */
    uint64_t old[40], until[40]; /* displaced versions, the oldest first */
    size_t count;
};

static int by_key(const void *a, const void *b)
{
    const struct model_key *x = a, *y = b;

    return aer__key_compare(x->bytes, x->size, y->bytes, y->size);
}

static size_t make_keys(struct model_key *keys, uint64_t *seed)
{
    size_t n = 0;

    memset(keys, 0, KEYS * sizeof *keys);
    for (size_t i = 0; i < KEYS; i++) {
        keys[i].size = 1 + test_random(seed) % 4;
        for (size_t j = 0; j < keys[i].size; j++)
            keys[i].bytes[j] = (unsigned char)(test_random(seed) % 2 ? test_random(seed) : test_random(seed) % 2 * 255);
    }
    qsort(keys, KEYS, sizeof *keys, by_key);
    for (size_t i = 0; i < KEYS; i++)
        if (n == 0 || by_key(&keys[n - 1], &keys[i]) != 0) keys[n++] = keys[i];
    return n;
}

/* What a snapshot at AT sees of the displaced versions, AT 0: the merged one; 0: nothing. */
static uint64_t expected(const struct model_key *k, uint64_t at)
{
    if (at == 0) return k->seq;
    for (size_t i = 0; i < k->count; i++)
        if (k->old[i] <= at && at < k->until[i]) return k->old[i];
    return 0;
}

struct range_check {
    const struct model_key *keys;
    size_t key_count;
    ptrdiff_t next; /* index of the key that may come next */
    int step;
    uint64_t at;
    size_t seen;
};

static void skip_absent(struct range_check *r)
{
    while (r->next >= 0 && r->next < (ptrdiff_t)r->key_count && !expected(&r->keys[r->next], r->at)) r->next += r->step;
}

static int check_key(void *arg, const void *key, size_t key_size, uint64_t seq)
{
    struct range_check *r = arg;

    skip_absent(r);
    CHECK(r->next >= 0 && r->next < (ptrdiff_t)r->key_count);
    CHECK_MEM(r->keys[r->next].bytes, r->keys[r->next].size, key, key_size);
    CHECK_INT(expected(&r->keys[r->next], r->at), seq);
    r->next += r->step;
    r->seen++;
    return AER_OK;
}

static void check_range(struct catalog *c, const struct model_key *keys, size_t n, uint64_t at, uint64_t *seed)
{
    bool reverse = test_random(seed) % 2, exclusive = test_random(seed) % 2, from_end = test_random(seed) % 4 == 0;
    size_t start = test_random(seed) % n, limit = test_random(seed) % 3 ? 1000 : test_random(seed) % 5;
    struct range_check r = {.keys = keys, .key_count = n, .step = reverse ? -1 : 1, .at = at};

    r.next = from_end ? (reverse ? (ptrdiff_t)n - 1 : 0) : (ptrdiff_t)start + (exclusive ? r.step : 0);
    CHECK_OK(aer__catalog_range(c, at, from_end ? NULL : keys[start].bytes, keys[start].size, exclusive, reverse, limit,
                                check_key, &r, ERR));
    skip_absent(&r);
    CHECK(r.seen <= limit);
    if (r.seen < limit) CHECK(r.next < 0 || r.next >= (ptrdiff_t)n); /* nothing was left out at the end */
}

static void change(struct catalog *c, struct model_key *k, uint64_t seq, uint64_t *seed)
{
    if (k->seq && k->count < AER_COUNT(k->old) && test_random(seed) % 2) {
        CHECK_OK(aer__catalog_displace(c, k->bytes, k->size, k->seq, seq, ERR));
        k->old[k->count] = k->seq;
        k->until[k->count++] = seq;
    }
    if (test_random(seed) % 4 == 0) {
        CHECK_OK(aer__catalog_remove(c, k->bytes, k->size, ERR));
        k->seq = 0;
    } else {
        CHECK_OK(aer__catalog_put(c, k->bytes, k->size, seq, ERR));
        k->seq = seq;
    }
}

static void prune_model(struct catalog *c, struct model_key *keys, size_t n, uint64_t now, uint64_t *seed)
{
    uint64_t removed, gone = 0;
    struct span snapshots[3];
    int count = (int)(test_random(seed) % 4);

    for (int i = 0; i < count; i++) {
        snapshots[i].first = 1 + test_random(seed) % now;
        snapshots[i].last = snapshots[i].first + test_random(seed) % 20;
    }
    CHECK_OK(aer__catalog_prune(c, snapshots, count, &removed, ERR));
    for (size_t i = 0; i < n; i++) {
        size_t kept = 0;
        for (size_t j = 0; j < keys[i].count; j++) {
            bool seen = false;
            for (int s = 0; s < count; s++)
                seen = seen || (keys[i].old[j] <= snapshots[s].last && keys[i].until[j] > snapshots[s].first);
            gone += !seen;
            if (!seen) continue;
            keys[i].old[kept] = keys[i].old[j];
            keys[i].until[kept++] = keys[i].until[j];
        }
        keys[i].count = kept;
    }
    CHECK_INT(gone, removed);
}

TEST(random_changes_give_what_a_plain_list_gives)
{
    static struct model_key keys[KEYS], before[KEYS];
    struct catalog *c = new_catalog(scratch_dir());
    uint64_t seed = test_seed(), seq = 0;
    size_t n = make_keys(keys, &seed);

    for (int round = 0; round < 150; round++) {
        memcpy(before, keys, sizeof keys);
        begin(c);
        for (uint64_t i = test_random(&seed) % 20; i > 0; i--) change(c, &keys[test_random(&seed) % n], ++seq, &seed);
        if (seq && test_random(&seed) % 8 == 0) prune_model(c, keys, n, seq, &seed);
        if (test_random(&seed) % 5) {
            commit(c);
        } else {
            aer__catalog_rollback(c);
            memcpy(keys, before, sizeof keys);
        }
        for (int i = 0; i < 10; i++) {
            const struct model_key *k = &keys[test_random(&seed) % n];
            uint64_t at = 1 + test_random(&seed) % (seq + 2), found = 0;
            int rc = aer__catalog_displaced(c, k->bytes, k->size, at, &found, ERR);
            CHECK_INT(expected(k, at) ? AER_OK : AER_NOTFOUND, rc);
            CHECK_INT(expected(k, at), found);
            CHECK_INT(k->seq, seq_of(c, k->bytes, k->size));
            check_range(c, keys, n, 0, &seed);
            check_range(c, keys, n, at, &seed);
        }
    }
    aer__catalog_close(c);
}

static int stop_at_second(void *arg, const void *key, size_t key_size, uint64_t seq)
{
    (void)key;
    (void)key_size;
    (void)seq;
    return ++*(int *)arg == 2 ? 4711 : AER_OK;
}

TEST(what_the_callback_answers_stops_a_range)
{
    struct catalog *c = new_catalog(scratch_dir());
    int calls = 0;

    put_all(c, 1, 9);
    CHECK_INT(4711, aer__catalog_range(c, 0, NULL, 0, false, false, 100, stop_at_second, &calls, ERR));
    CHECK_INT(2, calls);
    calls = -100;
    CHECK_OK(aer__catalog_range(c, 0, NULL, 0, false, false, 100, stop_at_second, &calls, ERR));
    CHECK_INT(-91, calls);
    aer__catalog_close(c);
}

/* ---- transactions ---- */

TEST(a_rollback_leaves_nothing)
{
    int dir = scratch_dir();
    struct catalog *c = new_catalog(dir), *other = open_catalog(dir, CATALOG_READONLY);
    struct catalog_bucket one = sample_bucket(1, 10), two = sample_bucket(11, 20);
    struct catalog_state state;
    uint64_t keys;

    begin(c);
    CHECK_OK(aer__catalog_add_bucket(c, &one, ERR));
    CHECK_OK(aer__catalog_put(c, "kept", 4, 1, ERR));
    displace(c, "kept", 1, 5);
    commit(c);
    begin(c);
    CHECK_OK(aer__catalog_put(c, "new", 3, 2, ERR));
    CHECK_OK(aer__catalog_remove(c, "kept", 4, ERR));
    displace(c, "new", 1, 2);
    CHECK_OK(aer__catalog_prune(c, NULL, 0, NULL, ERR));
    CHECK_OK(aer__catalog_add_bucket(c, &two, ERR));
    CHECK_OK(aer__catalog_remove_bucket(c, 1, one.id, ERR));
    CHECK_OK(aer__catalog_set_merged(c, 99, ERR));
    CHECK_OK(aer__catalog_set_merging(c, 99, "x", 1, ERR));
    CHECK_OK(aer__catalog_set_clock(c, 1, ERR));
    CHECK_OK(aer__catalog_advance_version(c, ERR));
    aer__catalog_rollback(c);
    aer__catalog_rollback(c); /* twice is once */

    for (int i = 0; i < 2; i++) {
        struct catalog *each = i ? other : c;
        state = state_of(each);
        CHECK_INT(0, state.merged_seq);
        CHECK_INT(0, state.merging_to);
        CHECK_INT(0, state.merging_key.size);
        CHECK_INT(1, state.version);
        CHECK_INT(SAMPLE_CLOCK, state.clock_ms);
        aer__buf_release(&state.merging_key);
        CHECK_OK(aer__catalog_count(each, NULL, NULL, &keys, ERR));
        CHECK_INT(1, keys);
        CHECK_INT(1, seq_of(each, "kept", 4));
        CHECK(is_displaced(each, "kept", 1));
        CHECK(!has_displaced(each, "new"));
        CHECK_INT(1, buckets_of(each).count);
        CHECK_STR(one.id, buckets_of(each).at[0].id);
    }
    begin(c); /* and the connection goes on */
    CHECK_OK(aer__catalog_put(c, "new", 3, 2, ERR));
    commit(c);
    CHECK_INT(2, seq_of(other, "new", 3));
    aer__catalog_close(other);
    aer__catalog_close(c);
}

TEST(closing_in_a_transaction_rolls_it_back)
{
    int dir = scratch_dir();
    struct catalog *c = new_catalog(dir);

    begin(c);
    CHECK_OK(aer__catalog_put(c, "k", 1, 2, ERR));
    aer__catalog_close(c);
    c = open_catalog(dir, CATALOG_WRITE);
    CHECK_INT(0, seq_of(c, "k", 1));
    aer__catalog_close(c);
    aer__catalog_close(NULL);
}

TEST(a_second_writer_is_told_to_wait)
{
    int dir = scratch_dir();
    struct catalog *a = new_catalog(dir), *b = open_catalog(dir, CATALOG_WRITE);

    begin(a);
    CHECK_RC(AER_BUSY, aer__catalog_begin(b, false, ERR));
    aer__catalog_rollback(b); /* as its caller does: nothing to undo */
    CHECK_OK(aer__catalog_put(a, "k", 1, 1, ERR));
    commit(a);
    begin(b);
    CHECK_INT(1, seq_of(b, "k", 1));
    commit(b);
    aer__catalog_close(a);
    aer__catalog_close(b);
}

/* ---- checkpoints ---- */

static int64_t wal_size(int dir)
{
    struct stat st;

    return fstatat(dir, LAYOUT_CATALOG "-wal", &st, 0) == 0 ? (int64_t)st.st_size : 0;
}

TEST(a_checkpoint_brings_everything_home)
{
    int dir = scratch_dir(), copy = scratch_dir();
    struct catalog *c = new_catalog(dir);
    uint64_t keys, bytes;
    int frames;

    CHECK_INT(0, aer__catalog_wal_frames(c));
    put_all(c, 1, 2000);
    frames = aer__catalog_wal_frames(c);
    CHECK(frames > 5);
    CHECK_INT(frames, aer__catalog_wal_length(c));
    CHECK_OK(aer__catalog_checkpoint(c, false, ERR));
    CHECK_INT(0, aer__catalog_wal_frames(c));
    CHECK_INT(frames, aer__catalog_wal_length(c)); /* the file keeps its length */
    CHECK(wal_size(dir) > frames * 4096);

    copy_as_after_crash(dir, copy); /* and the file alone has all of it */
    CHECK_OK(aer__fs_unlink(copy, LAYOUT_CATALOG "-wal", ERR));
    aer__catalog_close(c);
    c = open_catalog(copy, CATALOG_WRITE);
    CHECK_OK(aer__catalog_count(c, NULL, NULL, &keys, ERR));
    CHECK_INT(2000, keys);
    CHECK_INT(1234, seq_of(c, "key01234", 8));
    CHECK_OK(aer__catalog_size(c, &bytes, ERR));
    CHECK(bytes > 2000 * 10 && bytes % 4096 == 0);
    aer__catalog_close(c);
}

TEST(a_truncating_checkpoint_cuts_the_wal_off)
{
    int dir = scratch_dir();
    struct catalog *c = new_catalog(dir);

    put_all(c, 1, 500);
    CHECK(wal_size(dir) > 0);
    CHECK_OK(aer__catalog_checkpoint(c, true, ERR));
    CHECK_INT(0, aer__catalog_wal_frames(c));
    CHECK_INT(0, aer__catalog_wal_length(c));
    CHECK_INT(0, wal_size(dir));
    put(c, "k", 1);
    CHECK(aer__catalog_wal_length(c) > 0);
    aer__catalog_close(c);
}

TEST(what_a_reader_holds_stays_for_the_next_checkpoint)
{
    int dir = scratch_dir();
    struct catalog *c = new_catalog(dir), *reader = open_catalog(dir, CATALOG_READONLY);

    put_all(c, 1, 10);
    CHECK_OK(aer__catalog_read_begin(reader, ERR));
    put_all(c, 11, 2000);
    for (int truncate = 0; truncate < 2; truncate++) {
        CHECK_OK(aer__catalog_checkpoint(c, truncate, ERR));
        CHECK(aer__catalog_wal_frames(c) > 0);
        CHECK(aer__catalog_wal_length(c) > 0);
        CHECK_INT(0, seq_of(reader, "key00011", 8));
        CHECK_INT(10, seq_of(reader, "key00010", 8));
    }
    aer__catalog_read_end(reader);
    CHECK_OK(aer__catalog_checkpoint(c, true, ERR));
    CHECK_INT(0, aer__catalog_wal_frames(c));
    CHECK_INT(0, wal_size(dir));
    CHECK_INT(11, seq_of(reader, "key00011", 8));
    aer__catalog_close(reader);
    aer__catalog_close(c);
}

TEST(a_checkpoint_in_a_read_transaction_of_its_own_ends_it)
{
    int dir = scratch_dir();
    struct catalog *c = new_catalog(dir);

    CHECK_OK(aer__catalog_read_begin(c, ERR));
    CHECK_OK(aer__catalog_checkpoint(c, true, ERR));
    put(c, "k", 1);
    CHECK_INT(1, seq_of(c, "k", 1));
    aer__catalog_close(c);
}
