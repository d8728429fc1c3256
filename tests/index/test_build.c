/* test_build.c -- a tree made from sorted entries is one that can be worked on. */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct source {
    uint64_t at, count;
    unsigned size;          /* bytes of a key's text, at least */
    unsigned equal;         /* so many entries have one key */
    uint64_t wrong;         /* an entry that comes too early */
    uint64_t rewound_count; /* how many there are the second time */
    char json[INDEX_KEY_MAX + 1];
    struct buf bytes;
    unsigned rewound;
};

static void nth(struct source *s, uint64_t n, struct tree_key *key, char id[TREE_ID_MAX + 1])
{
    char *text = s->json + 1;
    int size = snprintf(text, sizeof s->json - 2, "%0*llu", (int)s->size, (unsigned long long)(n / s->equal));

    s->json[0] = text[size] = '"';
    s->bytes.size = 0;
    CHECK_OK(aer__index_prefix(&s->bytes, text, (size_t)size, ERR));
    CHECK_OK(aer__buf_append(&s->bytes, "\0", 2));
    *key = (struct tree_key){s->bytes.data, s->bytes.size, s->json, (size_t)size + 2};
    snprintf(id, TREE_ID_MAX + 1, "%012llu", (unsigned long long)n);
}

static int next(void *arg, struct tree_key *key, char id[TREE_ID_MAX + 1], struct err *err)
{
    struct source *s = arg;

    (void)err;
    if (s->at == s->count) return AER_DONE;
    nth(s, s->wrong && s->at == s->wrong ? 0 : s->at, key, id);
    s->at++;
    return AER_OK;
}

static int rewind_source(void *arg, struct err *err)
{
    struct source *s = arg;

    (void)err;
    s->at = 0;
    s->rewound++;
    if (s->rewound_count) s->count = s->rewound_count;
    return AER_OK;
}

static struct source source_of(uint64_t count, unsigned size, unsigned equal)
{
    struct source s = {.count = count, .size = size, .equal = equal};

    return s;
}

struct walk {
    struct source s;
    uint64_t seen;
};

static int same_entry(void *arg, const struct tree_key *key, const char *id)
{
    struct walk *w = arg;
    struct tree_key expected;
    char expected_id[TREE_ID_MAX + 1];

    nth(&w->s, w->seen++, &expected, expected_id);
    CHECK_MEM(expected.json, expected.json_size, key->json, key->json_size);
    CHECK_MEM(expected.bytes, expected.size, key->bytes, key->size);
    CHECK_STR(expected_id, id);
    return 0;
}

struct scene {
    struct fake fake;
    struct tree_cache *cache;
    struct tree *tree;
};

static void open_scene(struct scene *s, bool nested, unsigned fanout)
{
    struct tree_store store;

    fake_init(&s->fake, nested);
    store = fake_store(&s->fake);
    CHECK_OK(aer__tree_cache_new(1 << 20, &s->cache, ERR));
    CHECK_OK(aer__tree_open(&store, s->cache, fanout, 1, &s->tree, ERR));
}

static void close_scene(struct scene *s)
{
    aer__tree_close(s->tree);
    aer__tree_cache_free(s->cache);
    fake_release(&s->fake);
}

static void check_scene(struct scene *s, uint64_t count, unsigned size, unsigned equal, bool built)
{
    struct walk w = {.s = source_of(count, size, equal)};
    struct tree_report report;

    CHECK_OK(aer__tree_check(s->tree, false, &report, NULL, NULL, ERR));
    CHECK_INT(count, report.entries);
    CHECK_INT(fake_count(&s->fake), report.leaves + report.internals);
    if (built) CHECK(report.thin <= report.height);
    CHECK_OK(aer__tree_scan(s->tree, false, NULL, false, 0, same_entry, &w, ERR));
    CHECK_INT(count, w.seen);
    aer__buf_release(&w.s.bytes);
}

/* Take away three of four in a mixed order, and put them back. */
static void change(struct scene *s, uint64_t count, unsigned size, unsigned equal)
{
    struct source src = source_of(count, size, equal);
    struct tree_key key;
    char id[TREE_ID_MAX + 1];

    for (unsigned round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < count; i++) {
            uint64_t n = i * 1000003 % count;
            if (n % 4 == 0) continue;
            nth(&src, n, &key, id);
            CHECK_OK(round ? aer__tree_insert(s->tree, &key, id, ERR) : aer__tree_remove(s->tree, &key, id, ERR));
        }
        CHECK_OK(fake_stage(&s->fake, s->tree, ERR));
        fake_commit(&s->fake, s->tree);
    }
    aer__buf_release(&src.bytes);
    check_scene(s, count, size, equal, false);
}

/* Ids in bounds only where they must be. */
static void check_bounds(const struct fake *fake)
{
    for (size_t i = 0; i < fake->staged_count; i++) {
        const char *line = fake->staged[i].text;

        while (!fake->staged[i].leaf && (line = strstr(line, "\",\""))) {
            line += 3;
            CHECK_INT(']', line[strcspn(line, "\"") + 1]);
        }
    }
}

static void build(bool nested, unsigned fanout, uint64_t count, unsigned size, unsigned equal)
{
    struct source src = source_of(count, size, equal);
    uint64_t entries;
    struct scene s;

    open_scene(&s, nested, fanout);
    CHECK_OK(aer__tree_build(s.tree, next, rewind_source, &src, fake_emit, &s.fake, &entries, ERR));
    CHECK_INT(count, entries);
    CHECK_INT(nested, src.rewound);
    if (equal == 1) check_bounds(&s.fake);
    fake_commit(&s.fake, s.tree);
    check_scene(&s, count, size, equal, true);
    change(&s, count, size, equal);
    close_scene(&s);
    aer__buf_release(&src.bytes);
}

TEST(trees_of_any_size)
{
    static const uint64_t counts[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 63, 64, 65, 1000, 5000};

    for (size_t i = 0; i < AER_COUNT(counts); i++) {
        build(true, 4, counts[i], 6, 1);
        build(false, 4, counts[i], 6, 1);
        build(true, 7, counts[i], 10, 3);
        build(false, 100, counts[i], 10, 50);
        build(true, 100, counts[i], 10, 1);
    }
}

TEST(many_entries)
{
    build(true, 128, fake_ops(100000), 12, 1);
    build(false, 128, fake_ops(100000), 12, 1);
}

TEST(keys_so_long_that_bytes_count_not_entries)
{
    build(true, 1024, 1500, 4000, 1);
    build(false, 1024, 1500, 4000, 40);
}

TEST(old_nodes_are_forgotten)
{
    struct source src = source_of(100, 6, 1);
    struct fake_key key;
    uint64_t entries;
    struct scene s;

    open_scene(&s, true, 100);
    CHECK_OK(aer__tree_create(s.tree, ERR));
    fake_key(&key, 1, "5");
    CHECK_OK(aer__tree_insert(s.tree, &key.key, "A", ERR));
    CHECK_OK(fake_stage(&s.fake, s.tree, ERR));
    fake_commit(&s.fake, s.tree);
    src.equal = 1;
    CHECK_OK(aer__tree_build(s.tree, next, rewind_source, &src, fake_emit, &s.fake, &entries, ERR));
    CHECK(!aer__tree_changed(s.tree));
    fake_remove(&s.fake, "root", true);
    fake_commit(&s.fake, s.tree);
    check_scene(&s, 100, 6, 1, true);
    close_scene(&s);
    aer__buf_release(&src.bytes);
}

TEST(entries_out_of_order_are_refused)
{
    struct source src = source_of(100, 3, 1);
    struct err err = {0};
    uint64_t entries;
    struct scene s;

    open_scene(&s, true, 8);
    src.wrong = 60;
    CHECK_RC(AER_CORRUPT, aer__tree_build(s.tree, next, rewind_source, &src, fake_emit, &s.fake, &entries, &err));
    CHECK_STR("entries for an index come out of order at \"000\", '000000000000'", err.message);
    aer__buf_release(&src.bytes);
    src = source_of(100, 3, 1);
    src.rewound_count = 5000; /* others the second time */
    CHECK_RC(AER_INVALID, aer__tree_build(s.tree, next, rewind_source, &src, fake_emit, &s.fake, &entries, ERR));
    aer__buf_release(&src.bytes);
    src = source_of(100, 3, 1);
    src.rewound_count = 2;
    CHECK_RC(AER_INVALID, aer__tree_build(s.tree, next, rewind_source, &src, fake_emit, &s.fake, &entries, ERR));
    aer__buf_release(&src.bytes);
    close_scene(&s);
}

TEST(nodes_are_handed_out_once_and_filled)
{
    struct source src = source_of(1000, 10, 1);
    struct fake seen;
    uint64_t entries;
    struct scene s;

    open_scene(&s, true, 10);
    CHECK_OK(aer__tree_build(s.tree, next, rewind_source, &src, fake_emit, &s.fake, &entries, ERR));
    fake_init(&seen, true);
    for (size_t i = 0; i < s.fake.staged_count; i++) {
        const struct fake_node *node = &s.fake.staged[i];
        CHECK(node->text && !fake_get(&seen, node->path, node->leaf));
        fake_set(&seen, node->path, node->leaf, "", 0);
    }
    CHECK_INT(112 + 13 + 2 + 1, s.fake.staged_count); /* nine each */
    fake_release(&seen);
    close_scene(&s);
    aer__buf_release(&src.bytes);
}

TEST(building_without_memory)
{
    struct source src = source_of(200, 10, 3);
    struct scene s;
    int rc = -1;

    open_scene(&s, true, 4);
    CHECK_OK(aer__buf_reserve(&src.bytes, 200)); /* the source's own allocations do not count */
    for (unsigned long n = 1; rc; n++) {
        uint64_t entries;
        struct err err = {0};

        CHECK(n < 10000);
        src.at = 0;
        fake_unstage(&s.fake);
        aer__alloc_fail_at(n);
        rc = aer__tree_build(s.tree, next, rewind_source, &src, fake_emit, &s.fake, &entries, &err);
        aer__alloc_fail_at(0);
        if (rc) CHECK_INT(AER_NOMEM, rc);
    }
    fake_commit(&s.fake, s.tree);
    check_scene(&s, 200, 10, 3, true);
    close_scene(&s);
    aer__buf_release(&src.bytes);
}
