/* test_tree.c -- what a tree promises beside being in order: what it hands out, who sees what, stale nodes, the cache, no memory. */
#include "fake.h"

#include <stdio.h>
#include <string.h>

struct scene {
    struct fake fake;
    struct tree_cache *cache;
    struct tree *tree;
    struct model now;
};

static void open_scene(struct scene *s, bool nested, unsigned fanout, uint64_t limit)
{
    struct tree_store store;

    memset(s, 0, sizeof *s);
    fake_init(&s->fake, nested);
    store = fake_store(&s->fake);
    CHECK_OK(aer__tree_cache_new(limit, &s->cache, ERR));
    CHECK_OK(aer__tree_open(&store, s->cache, fanout, 1, &s->tree, ERR));
    CHECK_OK(aer__tree_create(s->tree, ERR));
}

static void commit(struct scene *s)
{
    CHECK_OK(fake_stage(&s->fake, s->tree, ERR));
    fake_commit(&s->fake, s->tree);
}

static void close_scene(struct scene *s)
{
    aer__tree_close(s->tree);
    aer__tree_cache_free(s->cache);
    fake_release(&s->fake);
    model_release(&s->now);
}

static int insert(struct scene *s, const char *json, const char *id, struct err *err)
{
    struct fake_key key;
    bool found;
    int rc;

    fake_key(&key, 1, json);
    rc = aer__tree_insert(s->tree, &key.key, id, err);
    if (!rc) {
        size_t at = model_find(&s->now, key.bytes, key.key.size, id, &found);
        model_insert(&s->now, at, fake_keep(&key), id);
    }
    return rc;
}

static int take(struct scene *s, const char *json, const char *id, struct err *err)
{
    struct fake_key key;
    bool found;
    int rc;

    fake_key(&key, 1, json);
    rc = aer__tree_remove(s->tree, &key.key, id, err);
    if (!rc) model_remove(&s->now, model_find(&s->now, key.bytes, key.key.size, id, &found));
    return rc;
}

static void insert_range(struct scene *s, int first, int last)
{
    for (int i = first; i <= last; i++) {
        char json[20];
        snprintf(json, sizeof json, "%d", i);
        CHECK_OK(insert(s, json, "A", ERR));
    }
}

static void check_text(const struct scene *s, const char *path, bool leaf, const char *text)
{
    const struct fake_node *node = fake_get(&s->fake, path, leaf);

    CHECK(node);
    CHECK_STR(text, (char *)node->text);
}

TEST(texts_are_a_line_an_entry)
{
    struct scene s;

    open_scene(&s, true, 4, 1 << 20);
    commit(&s);
    check_text(&s, "root", true, "[]\n");
    CHECK_OK(insert(&s, "\"Bob\"", "B2", ERR));
    CHECK_OK(insert(&s, "\"Ann\"", "A1", ERR));
    commit(&s);
    check_text(&s, "root", true, "[\n[\"Ann\",\"A1\"],\n[\"Bob\",\"B2\"]\n]\n");
    CHECK_OK(insert(&s, "\"Bob\"", "B1", ERR));
    CHECK_OK(insert(&s, "\"Bob\"", "B3", ERR));
    CHECK_OK(insert(&s, "\"Ann\"", "A0", ERR));
    commit(&s);
    check_text(&s, "root", false, "[\n[\"Bob\",\"00\"],\n[null,\"01\"]\n]\n");
    CHECK_INT(3, fake_count(&s.fake)); /* the leaf that was the root went */
    CHECK_OK(insert(&s, "\"Bob\"", "B4", ERR));
    CHECK_OK(insert(&s, "\"Bob\"", "B20", ERR));
    commit(&s);
    check_text(&s, "root", false, "[\n[\"Bob\",\"00\"],\n[\"Bob\",\"01\",\"B20\"],\n[null,\"02\"]\n]\n");
    model_check(&s.now, s.tree, false);
    close_scene(&s);
}

TEST(an_entry_is_there_once)
{
    struct err err = {0};
    struct scene s;

    open_scene(&s, true, 4, 1 << 20);
    insert_range(&s, 1, 20);
    CHECK_RC(AER_EXISTS, insert(&s, "7", "A", &err));
    CHECK_RC(AER_EXISTS, insert(&s, "7.0", "A", &err)); /* the same key */
    CHECK_RC(AER_NOTFOUND, take(&s, "7", "B", &err));
    CHECK_RC(AER_NOTFOUND, take(&s, "21", "A", &err));
    CHECK_STR("", err.message);
    CHECK_RC(AER_INVALID, insert(&s, "7", "a", NULL));
    CHECK_RC(AER_INVALID, insert(&s, "7", "", NULL));
    CHECK_RC(AER_INVALID, insert(&s, "7", "123456789012345678901234567890123", NULL));
    model_check(&s.now, s.tree, true);
    close_scene(&s);
}

TEST(a_commit_tells_only_what_changed)
{
    struct scene s;

    open_scene(&s, true, 4, 1 << 20);
    insert_range(&s, 1, 100);
    commit(&s);
    CHECK(!aer__tree_changed(s.tree));
    CHECK_OK(take(&s, "50", "A", ERR));
    CHECK(aer__tree_changed(s.tree));
    CHECK_OK(fake_stage(&s.fake, s.tree, ERR));
    CHECK(s.fake.staged_count <= 2); /* a leaf, and another if it was thin */
    fake_commit(&s.fake, s.tree);
    CHECK_OK(fake_stage(&s.fake, s.tree, ERR));
    CHECK_INT(0, s.fake.staged_count);
    close_scene(&s);
}

TEST(entries_in_order_fill_their_nodes)
{
    struct tree_report report;
    struct scene s;

    open_scene(&s, true, 100, 1 << 20);
    insert_range(&s, 1, 10000);
    commit(&s);
    CHECK_OK(aer__tree_check(s.tree, false, &report, NULL, NULL, ERR));
    CHECK(report.leaves <= 10000 / 90 + 1);
    close_scene(&s);
}

TEST(readers_do_not_see_what_is_not_committed)
{
    struct model committed = {0};
    struct scene s;

    open_scene(&s, true, 4, 3000);
    insert_range(&s, 1, 200);
    commit(&s);
    model_copy(&committed, &s.now);
    for (int i = 0; i < 150; i++) {
        char json[20];
        snprintf(json, sizeof json, "%d", i % 2 ? i : i + 1000);
        if (i % 2) CHECK_OK(take(&s, json, "A", ERR));
        else CHECK_OK(insert(&s, json, "B", ERR));
        model_check(&committed, s.tree, false);
        model_check(&s.now, s.tree, true);
    }
    CHECK_OK(fake_stage(&s.fake, s.tree, ERR));
    model_check(&committed, s.tree, false);
    aer__tree_rollback(s.tree);
    model_check(&committed, s.tree, true);
    model_release(&committed);
    close_scene(&s);
}

/* ---- stale nodes ---- */

TEST(stale_nodes_are_looked_at_again)
{
    struct tree_store store;
    struct tree *other;
    struct scene s;

    open_scene(&s, true, 4, 1 << 20);
    insert_range(&s, 1, 60);
    commit(&s);
    model_check(&s.now, s.tree, false);
    store = fake_store(&s.fake);
    CHECK_OK(aer__tree_open(&store, s.cache, 4, 1, &other, ERR));
    model_check(&s.now, other, false);
    insert_range(&s, 61, 200); /* the root moves down */
    for (int i = 1; i < 30; i++) {
        char json[20];
        snprintf(json, sizeof json, "%d", i);
        CHECK_OK(take(&s, json, "A", ERR));
    }
    commit(&s);
    aer__tree_stale(other);
    model_check(&s.now, other, false);
    model_check(&s.now, other, true);
    s.fake.reads = 0;
    aer__tree_stale(other); /* nothing changed: asked, not read */
    model_check(&s.now, other, false);
    CHECK_INT(0, s.fake.reads);
    aer__tree_close(other);
    close_scene(&s);
}

/* ---- the cache ---- */

TEST(the_cache_keeps_its_limit)
{
    uint64_t all, reads;
    struct scene s;

    open_scene(&s, true, 8, UINT64_C(1) << 30);
    insert_range(&s, 1, 5000);
    commit(&s);
    model_check(&s.now, s.tree, false);
    all = aer__tree_cache_bytes(s.cache);
    CHECK_INT(0, s.fake.reads); /* what was committed is there */
    aer__tree_cache_set_limit(s.cache, all / 2);
    CHECK(aer__tree_cache_bytes(s.cache) <= all / 2);
    model_check(&s.now, s.tree, false);
    CHECK(aer__tree_cache_bytes(s.cache) <= all / 2);
    reads = s.fake.reads;
    CHECK(reads > 100);
    aer__tree_cache_set_limit(s.cache, all * 2);
    model_check(&s.now, s.tree, false);
    reads = s.fake.reads;
    model_check(&s.now, s.tree, false);
    CHECK_INT(reads, s.fake.reads);
    aer__tree_cache_set_limit(s.cache, 0);
    CHECK_INT(0, aer__tree_cache_bytes(s.cache));
    model_check(&s.now, s.tree, true);
    close_scene(&s);
}

/* A place that one node left and another, itself unchanged, came to. */
TEST(after_each_commit_the_cache_says_what_the_store_does)
{
    uint64_t random = test_seed();
    struct scene s;

    open_scene(&s, true, 4, UINT64_C(1) << 30);
    for (int i = 0; i < 400; i++) {
        char json[20];
        snprintf(json, sizeof json, "%d", i % 4 ? i : (int)(test_random(&random) % 1000000) + 1000);
        CHECK_OK(insert(&s, json, "A", ERR));
        commit(&s);
        model_check(&s.now, s.tree, false);
    }
    while (s.now.count) {
        const struct model_entry *e = &s.now.entries[test_random(&random) % s.now.count];
        CHECK_OK(take(&s, e->key->json, "A", ERR));
        commit(&s);
        model_check(&s.now, s.tree, false);
    }
    close_scene(&s);
}

TEST(entries_that_went_leave_no_bytes_behind)
{
    struct fake_key key;
    struct scene s;

    open_scene(&s, true, 100, UINT64_C(1) << 30);
    insert_range(&s, 1, 10);
    fake_key(&key, 1, "11");
    for (int i = 0; i < 10000; i++) {
        CHECK_OK(aer__tree_insert(s.tree, &key.key, "A", ERR));
        CHECK_OK(aer__tree_remove(s.tree, &key.key, "A", ERR));
    }
    CHECK(aer__tree_dirty_bytes(s.tree) < 8000);
    commit(&s);
    CHECK(aer__tree_cache_bytes(s.cache) < 4000);
    CHECK_INT(0, aer__tree_dirty_bytes(s.tree));
    close_scene(&s);
}

/* ---- a scan ---- */

static int stop_at_third(void *arg, const struct tree_key *key, const char *id)
{
    (void)key;
    (void)id;
    return ++*(int *)arg == 3 ? AER_STOPPED : 0;
}

TEST(a_scan_stops_where_it_is_told)
{
    struct scene s;
    int count = 0;

    open_scene(&s, true, 4, 0);
    insert_range(&s, 1, 50);
    commit(&s);
    CHECK_RC(AER_STOPPED, aer__tree_scan(s.tree, false, NULL, false, 0, stop_at_third, &count, ERR));
    CHECK_INT(3, count);
    CHECK_INT(0, aer__tree_cache_bytes(s.cache)); /* and holds nothing any more */
    close_scene(&s);
}

struct nested_scan {
    struct scene *other;
    int count;
};

static int scan_other(void *arg, const struct tree_key *key, const char *id)
{
    struct nested_scan *n = arg;

    (void)key;
    (void)id;
    if (n->count++ % 10 == 0) model_check(&n->other->now, n->other->tree, false);
    return 0;
}

TEST(another_tree_of_the_cache_may_be_read_during_a_scan)
{
    struct tree_store store;
    struct nested_scan n;
    struct scene s, t;

    open_scene(&s, true, 4, 2000);
    open_scene(&t, false, 4, 0);
    aer__tree_close(t.tree);
    store = fake_store(&t.fake);
    CHECK_OK(aer__tree_open(&store, s.cache, 4, 1, &t.tree, ERR)); /* one cache for both */
    CHECK_OK(aer__tree_create(t.tree, ERR));
    insert_range(&s, 1, 100);
    insert_range(&t, 1, 100);
    commit(&s);
    commit(&t);
    n = (struct nested_scan){&t, 0};
    CHECK_OK(aer__tree_scan(s.tree, false, NULL, false, 0, scan_other, &n, ERR));
    CHECK_INT(100, n.count);
    close_scene(&t);
    close_scene(&s);
}

/* ---- no memory ---- */

#define CHANGES 24

/* Keys were made before, so that only the tree's own allocations are counted. */
static int change_much(struct scene *s, const struct fake_key *keys, struct err *err)
{
    int rc = AER_OK;

    for (unsigned i = 0; !rc && i < CHANGES; i++) {
        rc = aer__tree_remove(s->tree, &keys[i].key, "A", err);
        if (!rc && i % 2) rc = aer__tree_insert(s->tree, &keys[i / 4].key, i % 4 == 1 ? "B1" : "B2", err);
        if (!rc && i % 3 == 0) rc = aer__tree_insert(s->tree, &keys[i].key, "C", err);
    }
    return rc ? rc : fake_stage(&s->fake, s->tree, err);
}

static void starve(bool nested, uint64_t limit)
{
    struct fake_key keys[CHANGES];
    struct scene s;
    int rc = -1;

    open_scene(&s, nested, 4, limit);
    insert_range(&s, 1, 64);
    commit(&s);
    for (unsigned i = 0; i < CHANGES; i++) {
        char json[20];
        snprintf(json, sizeof json, "%u", 10 + i);
        fake_key(&keys[i], 1, json);
    }
    for (unsigned long n = 1; rc; n++) {
        struct tree_report report;
        struct err err = {0};

        CHECK(n < 100000);
        aer__alloc_fail_at(n);
        rc = change_much(&s, keys, &err);
        aer__alloc_fail_at(0);
        if (rc) CHECK_INT(AER_NOMEM, rc);
        fake_unstage(&s.fake);
        aer__tree_rollback(s.tree);
        model_check(&s.now, s.tree, false);
        model_check(&s.now, s.tree, true);
        CHECK_OK(aer__tree_check(s.tree, false, &report, NULL, NULL, ERR));
    }
    close_scene(&s);
}

TEST(a_nested_tree_survives_without_memory)
{
    starve(true, 1 << 20);
    starve(true, 0);
}

TEST(a_flat_tree_survives_without_memory)
{
    starve(false, 1 << 20);
    starve(false, 0);
}

TEST(commit_needs_no_memory)
{
    for (unsigned long n = 1; n < 40; n++) {
        struct scene s;

        open_scene(&s, true, 4, 1 << 20);
        insert_range(&s, 1, 300);
        CHECK_OK(fake_stage(&s.fake, s.tree, ERR));
        fake_apply(&s.fake);
        aer__alloc_fail_from(n);
        aer__tree_commit(s.tree);
        aer__alloc_fail_at(0);
        model_check(&s.now, s.tree, false);
        close_scene(&s);
    }
}

TEST(opening_without_memory)
{
    struct tree_store store;
    struct tree_cache *cache;
    struct tree *tree;
    struct scene s;

    for (unsigned long n = 1; n <= 2; n++) {
        aer__alloc_fail_at(n);
        CHECK_RC(AER_NOMEM, aer__tree_cache_new(1, &cache, NULL));
        CHECK(!cache);
        aer__alloc_fail_at(0);
    }
    open_scene(&s, true, 4, 0);
    store = fake_store(&s.fake);
    aer__alloc_fail_at(1);
    CHECK_RC(AER_NOMEM, aer__tree_open(&store, s.cache, 4, 1, &tree, NULL));
    aer__alloc_fail_at(0);
    CHECK(!tree);
    CHECK_RC(AER_INVALID, aer__tree_open(&store, s.cache, 3, 1, &tree, NULL));
    CHECK_RC(AER_INVALID, aer__tree_open(&store, s.cache, 1025, 1, &tree, NULL));
    close_scene(&s);
}
