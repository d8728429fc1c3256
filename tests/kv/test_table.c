/* test_table.c -- unmerged keys in memory, against a plain list of versions; and what is left when memory runs out. */
#include "kv/table.h"

#include "testing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add(struct table *t, const void *key, size_t key_size, uint64_t seq)
{
    struct version like = {
        .seq = seq, .bytes = (uint32_t)seq * 3, .parts = 1 + seq % 3, .is_delete = seq % 5 == 0, .expires = seq % 7 == 0};

    return aer__table_add(t, key, key_size, aer__hash(key, key_size), &like, ERR);
}

static const struct version *find(struct table *t, const void *key, size_t key_size, uint64_t at)
{
    return aer__table_find(t, key, key_size, aer__hash(key, key_size), at);
}

/* ---- the model ---- */

struct model_version {
    uint32_t key;
    uint64_t seq;
};

struct model {
    unsigned char (*keys)[40];
    size_t *key_sizes;
    size_t key_count;
    struct model_version *at; /* in sequence order */
    size_t count;
    uint64_t payload;
};

static void check_version(const struct model *m, uint32_t key, uint64_t seq, const struct version *v)
{
    CHECK(v != NULL);
    CHECK_INT(seq, v->seq);
    CHECK_MEM(m->keys[key], m->key_sizes[key], v->key, v->key_size);
    CHECK_INT((uint32_t)aer__hash(v->key, v->key_size), v->hash);
    CHECK_INT((uint32_t)seq * 3, v->bytes);
    CHECK_INT(1 + seq % 3, v->parts);
    CHECK_INT(seq % 5 == 0, v->is_delete);
    CHECK_INT(seq % 7 == 0, v->expires);
}

/* The newest at AT, and from there all older ones. */
static void check_find(const struct model *m, struct table *t, uint32_t key, uint64_t at)
{
    const struct version *v = find(t, m->keys[key], m->key_sizes[key], at);

    for (size_t i = m->count; i-- > 0;) {
        if (m->at[i].key != key || m->at[i].seq > at) continue;
        check_version(m, key, m->at[i].seq, v);
        v = v->older;
    }
    CHECK(v == NULL);
}

static const struct model *sorting; /* for qsort */

static int by_key_newest_first(const void *a, const void *b)
{
    const struct model_version *x = a, *y = b;
    int c = aer__key_compare(sorting->keys[x->key], sorting->key_sizes[x->key], sorting->keys[y->key],
                             sorting->key_sizes[y->key]);

    return c ? c : x->seq > y->seq ? -1 : 1;
}

static struct model_version *sorted(const struct model *m, uint64_t after, uint64_t upto, size_t *count)
{
    struct model_version *all = aer__alloc((m->count + 1) * sizeof *all);

    CHECK(all != NULL);
    *count = 0;
    for (size_t i = 0; i < m->count; i++)
        if (m->at[i].seq > after && m->at[i].seq <= upto) all[(*count)++] = m->at[i];
    sorting = m;
    qsort(all, *count, sizeof *all, by_key_newest_first);
    return all;
}

static void check_versions(const struct model *m, struct table *t, uint64_t after, uint64_t upto)
{
    static const struct version before;
    const struct version **items = aer__alloc(sizeof *items);
    struct model_version *expected;
    size_t count = 1, expected_count;

    CHECK(items != NULL);
    items[0] = &before; /* what is there stays in front */
    expected = sorted(m, after, upto, &expected_count);
    CHECK_OK(aer__table_versions(t, after, upto, &items, &count, ERR));
    CHECK_INT(expected_count + 1, count);
    CHECK(items[0] == &before);
    for (size_t i = 0; i < expected_count; i++) check_version(m, expected[i].key, expected[i].seq, items[i + 1]);
    aer__free(items);
    aer__free(expected);
}

static void check_range(const struct model *m, struct table *t, uint64_t at, bool reverse, bool exclusive,
                        const void *start, size_t start_size, size_t limit)
{
    const struct version **got = aer__alloc((limit + 1) * sizeof *got);
    struct model_version *all;
    size_t n, count = 99, seen = 0;
    uint32_t last = UINT32_MAX;

    CHECK(got != NULL);
    all = sorted(m, 0, at, &n);
    CHECK_OK(aer__table_range(t, start, start_size, exclusive, reverse, at, got, limit, &count, ERR));
    for (size_t i = 0; i < n && seen < limit; i++) {
        size_t j = reverse ? n - 1 - i : i;
        uint32_t key = all[j].key;
        int c = start ? aer__key_compare(m->keys[key], m->key_sizes[key], start, start_size) : 0;

        if (reverse) { /* the first of a key in order is its newest */
            if (j > 0 && all[j - 1].key == key) continue;
            c = -c;
        } else if (key == last) {
            continue;
        }
        last = key;
        if (start && (c < 0 || (exclusive && c == 0))) continue;
        CHECK(seen < count);
        check_version(m, key, all[j].seq, got[seen]);
        seen++;
    }
    CHECK_INT(seen, count);
    aer__free(got);
    aer__free(all);
}

/* What it says it takes is what is in it, and not much more: slots of two arrays and the old ones, and a chunk. */
static void check_bytes(const struct model *m, const struct table *t, size_t keys)
{
    uint64_t slots = 8 * 2 * AER_MAX((uint64_t)1024, 8 * (uint64_t)keys / 3 + 8);

    CHECK(aer__table_bytes(t) >= m->payload + 8 * 1024);
    CHECK(aer__table_bytes(t) <= m->payload + m->payload / 50 + slots + 70 * 1024);
}

static void make_keys(struct model *m, size_t count, uint64_t *seed)
{
    m->keys = aer__calloc(count, sizeof *m->keys);
    m->key_sizes = aer__calloc(count, sizeof *m->key_sizes);
    m->key_count = count;
    CHECK(m->keys && m->key_sizes);
    for (size_t i = 0; i < count; i++) { /* all different, of every length, and many prefixes of each other */
        m->key_sizes[i] = 4 + test_random(seed) % 37;
        m->keys[i][0] = (unsigned char)(i >> 16);
        m->keys[i][1] = (unsigned char)(i >> 8);
        m->keys[i][2] = (unsigned char)i;
        memset(m->keys[i] + 3, (int)(test_random(seed) % 2 * 255), m->key_sizes[i] - 3);
    }
}

static void play(size_t keys, size_t adds, size_t checks, uint64_t *seed)
{
    struct model m = {0};
    struct table *t;
    uint64_t seq = test_random(seed) % 1000;
    size_t used = 0;
    bool *seen = aer__calloc(keys, 1);

    make_keys(&m, keys, seed);
    m.at = aer__alloc(adds * sizeof *m.at);
    CHECK(m.at && seen);
    CHECK_OK(aer__table_new(&t, ERR));
    CHECK_INT(0, aer__table_last_seq(t));
    for (size_t i = 0; i < adds; i++) {
        uint32_t key = (uint32_t)(test_random(seed) % (test_random(seed) % 2 ? keys : keys / 10 + 1));
        uint64_t at;

        seq += 1 + test_random(seed) % 3;
        CHECK_OK(add(t, m.keys[key], m.key_sizes[key], seq));
        m.at[m.count++] = (struct model_version){key, seq};
        m.payload += (sizeof(struct version) + m.key_sizes[key] + 7) / 8 * 8;
        used += !seen[key];
        seen[key] = true;
        if (test_random(seed) % (adds / checks) && i + 1 < adds) continue;
        CHECK_INT(m.count, aer__table_count(t));
        CHECK_INT(seq, aer__table_last_seq(t));
        check_bytes(&m, t, used);
        at = test_random(seed) % 3 ? test_random(seed) % (seq + 2) : UINT64_MAX;
        key = (uint32_t)(test_random(seed) % keys);
        check_find(&m, t, key, at);
        check_range(&m, t, at, test_random(seed) % 2, test_random(seed) % 2, test_random(seed) % 4 ? m.keys[key] : NULL,
                    test_random(seed) % 2 ? m.key_sizes[key] : 3, test_random(seed) % 2 ? 10000 : test_random(seed) % 7);
        if (test_random(seed) % 8 == 0)
            check_versions(&m, t, test_random(seed) % (seq + 1), test_random(seed) % (seq + 2));
    }
    for (uint32_t key = 0; key < keys; key++) check_find(&m, t, key, UINT64_MAX);
    check_versions(&m, t, 0, UINT64_MAX);
    aer__table_free(t);
    aer__free(m.keys);
    aer__free(m.key_sizes);
    aer__free(m.at);
    aer__free(seen);
}

TEST(random_versions_are_found_walked_and_counted_as_in_a_list)
{
    uint64_t seed = test_seed();

    play(3, 300, 100, &seed); /* long lists of versions */
    play(50, 2000, 200, &seed);
    play(6000, 8000, 60, &seed); /* many keys: the slots grow, chunks follow each other */
}

/* ---- by hand ---- */

TEST(an_empty_table_has_nothing)
{
    const struct version *out[1], **items = NULL;
    struct table *t;
    size_t count = 5;

    CHECK_OK(aer__table_new(&t, ERR));
    CHECK_INT(0, aer__table_count(t));
    CHECK(find(t, "k", 1, UINT64_MAX) == NULL);
    CHECK_OK(aer__table_range(t, NULL, 0, false, true, UINT64_MAX, out, 1, &count, ERR));
    CHECK_INT(0, count);
    CHECK_OK(aer__table_versions(t, 0, UINT64_MAX, &items, &count, ERR));
    CHECK_INT(0, count);
    CHECK(items == NULL);
    aer__table_free(t);
    aer__table_free(NULL);
}

TEST(a_table_like_another_has_its_room_from_the_start)
{
    struct version like = {.seq = 1, .parts = 1};
    struct table *t, *same, *small;
    uint64_t before;
    char key[16];

    CHECK_OK(aer__table_new(&t, ERR));
    for (; like.seq <= 10000; like.seq++) {
        size_t size = (size_t)snprintf(key, sizeof key, "%" PRIu64, like.seq);
        CHECK_OK(aer__table_add(t, key, size, aer__hash(key, size), &like, ERR));
    }
    CHECK_OK(aer__table_new_like(&same, t, 1 << 20, ERR));
    CHECK_OK(aer__table_new_like(&small, t, 20000, ERR));
    CHECK(aer__table_bytes(small) < 20000 && aer__table_bytes(small) < aer__table_bytes(same));
    before = aer__table_bytes(same);
    for (like.seq = 1; like.seq <= 10000; like.seq++) {
        size_t size = (size_t)snprintf(key, sizeof key, "%" PRIu64, like.seq);
        CHECK_OK(aer__table_add(same, key, size, aer__hash(key, size), &like, ERR));
        CHECK_OK(aer__table_add(small, key, size, aer__hash(key, size), &like, ERR));
    }
    CHECK(aer__table_bytes(same) < aer__table_bytes(t)); /* what t has besides are the arrays it has grown out of */
    CHECK(aer__table_bytes(same) - before < aer__table_bytes(t) && aer__table_count(small) == 10000);
    aer__table_free(t);
    aer__table_free(same);
    aer__table_free(small);
}

TEST(keys_of_1_and_of_65536_bytes_stand_beside_each_other)
{
    unsigned char *big = aer__calloc(1, 65536), byte;
    const struct version *out[300], **items = NULL;
    struct table *t;
    size_t count = 0;

    CHECK(big != NULL);
    CHECK_OK(aer__table_new(&t, ERR));
    for (unsigned i = 0; i < 256; i++) {
        byte = (unsigned char)i;
        CHECK_OK(add(t, &byte, 1, 2 * i + 1));
        big[0] = byte;
        if (i % 32 == 0) CHECK_OK(add(t, big, 65536, 2 * i + 2)); /* larger than a chunk */
    }
    for (unsigned i = 0; i < 256; i++) {
        byte = (unsigned char)i;
        big[0] = byte;
        CHECK_INT(2 * i + 1, find(t, &byte, 1, UINT64_MAX)->seq);
        CHECK_INT(i % 32 == 0, find(t, big, 65536, UINT64_MAX) != NULL);
        CHECK(find(t, big, 65535, UINT64_MAX) == NULL);
    }
    CHECK_OK(aer__table_versions(t, 0, UINT64_MAX, &items, &count, ERR));
    CHECK_INT(264, count);
    CHECK(aer__table_bytes(t) > 8 * 65536 + 264 * sizeof(struct version));
    CHECK_OK(aer__table_range(t, NULL, 0, false, false, UINT64_MAX, out, 300, &count, ERR));
    CHECK_INT(264, count);
    for (size_t i = 1; i < count; i++)
        CHECK(aer__key_compare(out[i - 1]->key, out[i - 1]->key_size, out[i]->key, out[i]->key_size) < 0);
    aer__free(items);
    aer__free(big);
    aer__table_free(t);
}

/* ---- without memory ---- */

TEST(an_add_that_fails_leaves_the_table_as_it_was)
{
    struct table *t = NULL;
    unsigned failures = 0;

    for (unsigned long n = 1; n <= 2; n++) {
        aer__alloc_fail_at(n);
        CHECK_RC(AER_NOMEM, aer__table_new(&t, ERR));
        CHECK(t == NULL);
    }
    aer__alloc_fail_at(0);
    CHECK_OK(aer__table_new(&t, ERR));
    for (uint64_t seq = 1; seq <= 5000; seq++) { /* chunks and slots, each fails once */
        unsigned char key[8];
        aer__put_u64(key, seq);
        aer__alloc_fail_at(1);
        if (add(t, key, sizeof key, seq)) {
            aer__alloc_fail_at(0);
            failures++;
            CHECK_INT(seq - 1, aer__table_count(t));
            CHECK_INT(seq - 1, aer__table_last_seq(t));
            CHECK(find(t, key, sizeof key, UINT64_MAX) == NULL);
            CHECK_OK(add(t, key, sizeof key, seq));
        }
        aer__alloc_fail_at(0);
        CHECK_INT(seq, find(t, key, sizeof key, UINT64_MAX)->seq);
    }
    CHECK(failures > 5);
    for (uint64_t seq = 1; seq <= 5000; seq++) {
        unsigned char key[8];
        aer__put_u64(key, seq);
        CHECK_INT(seq, find(t, key, sizeof key, UINT64_MAX)->seq);
    }
    aer__table_free(t);
}

/* Sorting leaves runs that are put together a bit later; if that fails again and again they must not grow without end. */
TEST(order_that_fails_for_want_of_memory_can_be_asked_for_again)
{
    const struct version *out[300];
    struct table *t;
    size_t count;

    CHECK_OK(aer__table_new(&t, ERR));
    for (uint64_t seq = 1; seq <= 200; seq++) {
        unsigned char key[8];
        aer__put_u64(key, seq * 7919 % 1009);
        CHECK_OK(add(t, key, sizeof key, seq));
        for (unsigned long n = 2; n > 0; n--) { /* putting together, then sorting */
            aer__alloc_fail_at(n);
            if (aer__table_range(t, NULL, 0, false, false, UINT64_MAX, out, 300, &count, ERR)) CHECK_INT(0, count);
        }
        aer__alloc_fail_at(0);
    }
    CHECK_OK(aer__table_range(t, NULL, 0, false, false, UINT64_MAX, out, 300, &count, ERR));
    CHECK_INT(200, count);
    for (size_t i = 1; i < count; i++)
        CHECK(aer__key_compare(out[i - 1]->key, out[i - 1]->key_size, out[i]->key, out[i]->key_size) < 0);
    aer__table_free(t);
}
