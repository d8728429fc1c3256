/* test_model.c -- random changes to a tree, against a sorted array.
 *
 * The store is a map of texts to which only what the tree hands out is applied, so what the tree forgets to tell is lost.
 */
#include "fake.h"

#include <stdio.h>
#include <string.h>

struct play {
    struct fake fake;
    struct tree_cache *cache;
    struct tree *tree;
    struct model now, committed;
    unsigned fanout, columns;
    uint64_t keys, ids; /* so many different ones */
    uint64_t random;
    unsigned more; /* per cent of changes that are insertions */
};

static void open_tree(struct play *p, uint64_t limit)
{
    struct tree_store store = fake_store(&p->fake);

    CHECK_OK(aer__tree_cache_new(limit, &p->cache, ERR));
    CHECK_OK(aer__tree_open(&store, p->cache, p->fanout, p->columns, &p->tree, ERR));
}

static void close_tree(struct play *p)
{
    aer__tree_close(p->tree);
    CHECK_INT(0, aer__tree_cache_bytes(p->cache));
    aer__tree_cache_free(p->cache);
}

static void begin(struct play *p, bool nested, unsigned fanout, unsigned columns, uint64_t limit)
{
    memset(p, 0, sizeof *p);
    fake_init(&p->fake, nested);
    p->fanout = fanout;
    p->columns = columns;
    p->keys = 3000;
    p->ids = 40;
    p->more = 60;
    p->random = test_seed() + fanout * 4 + nested * 2 + columns;
    open_tree(p, limit);
    CHECK_OK(aer__tree_create(p->tree, ERR));
    CHECK_OK(fake_stage(&p->fake, p->tree, ERR));
    fake_commit(&p->fake, p->tree);
}

static void end(struct play *p)
{
    close_tree(p);
    fake_release(&p->fake);
    model_release(&p->now);
    model_release(&p->committed);
}

static void insert_one(struct play *p)
{
    struct fake_key key;
    char id[TREE_ID_MAX + 1];
    bool found;
    size_t at;

    fake_nth_key(&key, p->columns, test_random(&p->random) % p->keys);
    fake_nth_id(id, test_random(&p->random) % p->ids);
    at = model_find(&p->now, key.bytes, key.key.size, id, &found);
    CHECK_RC(found ? AER_EXISTS : AER_OK, aer__tree_insert(p->tree, &key.key, id, ERR));
    if (!found) model_insert(&p->now, at, &key, id);
}

static void remove_one(struct play *p)
{
    struct fake_key key;
    char id[TREE_ID_MAX + 1];
    bool found;
    size_t at;

    if (p->now.count && test_random(&p->random) % 8) {
        at = test_random(&p->random) % p->now.count;
        CHECK_OK(aer__tree_remove(p->tree, &p->now.entries[at].key->key, p->now.entries[at].id, ERR));
        model_remove(&p->now, at);
        return;
    }
    fake_nth_key(&key, p->columns, test_random(&p->random) % p->keys);
    fake_nth_id(id, test_random(&p->random) % p->ids);
    at = model_find(&p->now, key.bytes, key.key.size, id, &found);
    CHECK_RC(found ? AER_OK : AER_NOTFOUND, aer__tree_remove(p->tree, &key.key, id, ERR));
    if (found) model_remove(&p->now, at);
}

/* ---- scans ---- */

struct piece {
    const struct model *model;
    size_t at;
    uint64_t count;
    bool reverse;
};

static int piece_entry(void *arg, const struct tree_key *key, const char *id)
{
    struct piece *piece = arg;
    const struct model_entry *e;

    CHECK(piece->reverse ? piece->at > 0 : piece->at < piece->model->count);
    e = &piece->model->entries[piece->reverse ? --piece->at : piece->at++];
    CHECK_MEM(e->key->bytes, e->key->key.size, key->bytes, key->size);
    CHECK_STR(e->id, id);
    piece->count++;
    return 0;
}

static bool begins(const struct model_entry *e, const struct tree_bound *bound)
{
    return e->key->key.size >= bound->size && memcmp(e->key->bytes, bound->bytes, bound->size) == 0;
}

static void scan_piece(struct play *p, bool write)
{
    const struct model *m = write ? &p->now : &p->committed;
    bool reverse = test_random(&p->random) % 2, found, beyond = test_random(&p->random) % 3 == 0;
    uint64_t limit = 1 + test_random(&p->random) % 20;
    struct piece piece = {m, 0, 0, reverse};
    struct tree_bound bound;
    struct fake_key key;
    char id[TREE_ID_MAX + 1];

    fake_nth_key(&key, p->columns, test_random(&p->random) % p->keys);
    fake_nth_id(id, test_random(&p->random) % p->ids);
    bound = (struct tree_bound){key.bytes, key.key.size, test_random(&p->random) % 2};
    if (test_random(&p->random) % 3 == 0) bound.size = test_random(&p->random) % bound.size;
    if (beyond) {
        piece.at = model_find(m, key.bytes, key.key.size, id, &found);
        if (found && !reverse) piece.at++;
    } else {
        piece.at = model_find(m, bound.bytes, bound.size, "", &found);
        while (bound.after && piece.at < m->count && begins(&m->entries[piece.at], &bound)) piece.at++;
    }
    found = reverse ? piece.at >= limit : m->count - piece.at >= limit;
    if (beyond)
        CHECK_OK(aer__tree_scan_beyond(p->tree, write, key.bytes, key.key.size, id, reverse, limit, piece_entry, &piece, ERR));
    else CHECK_OK(aer__tree_scan(p->tree, write, &bound, reverse, limit, piece_entry, &piece, ERR));
    if (found) CHECK_INT(limit, piece.count);
    else CHECK_INT(reverse ? 0 : m->count, piece.at);
}

/* ---- transactions ---- */

static int count_node(void *arg, const char *path, bool is_leaf)
{
    struct play *p = arg;

    CHECK(fake_get(&p->fake, path, is_leaf));
    return 0;
}

static void check_tree(struct play *p)
{
    struct tree_report report;

    CHECK_OK(aer__tree_check(p->tree, false, &report, count_node, p, ERR));
    CHECK_INT(p->now.count, report.entries);
    CHECK_INT(fake_count(&p->fake), report.leaves + report.internals); /* nothing is left over */
}

static void commit(struct play *p)
{
    struct tree_report report;

    if (test_random(&p->random) % 4 == 0) CHECK_OK(aer__tree_check(p->tree, true, &report, NULL, NULL, ERR));
    CHECK_OK(fake_stage(&p->fake, p->tree, ERR));
    fake_commit(&p->fake, p->tree);
    CHECK(!aer__tree_changed(p->tree));
    model_copy(&p->committed, &p->now);
    check_tree(p);
}

static void transaction(struct play *p, unsigned changes)
{
    for (unsigned i = 0; i < changes; i++) {
        if (test_random(&p->random) % 100 < p->more) insert_one(p);
        else remove_one(p);
        if (test_random(&p->random) % 4 == 0) scan_piece(p, test_random(&p->random) % 2);
        if (test_random(&p->random) % 100 == 0) CHECK_OK(fake_stage(&p->fake, p->tree, ERR)); /* and go on */
    }
    if (test_random(&p->random) % 4 == 0) {
        model_check(&p->now, p->tree, true);
        model_check(&p->committed, p->tree, false);
    }
    if (test_random(&p->random) % 5) {
        commit(p);
        return;
    }
    aer__tree_rollback(p->tree);
    model_copy(&p->now, &p->committed);
}

static void play(bool nested, unsigned fanout, unsigned columns, uint64_t limit)
{
    struct play p;
    uint64_t left = fake_ops(60000);

    begin(&p, nested, fanout, columns, limit);
    for (unsigned turn = 0; left; turn++) {
        uint64_t size = 1 + test_random(&p.random) % (turn % 3 ? 20 : 600);

        size = AER_MIN(size, left);
        p.more = (turn / 40) % 2 ? 35 : 65;
        if (test_random(&p.random) % 10 == 0) aer__tree_stale(p.tree);
        transaction(&p, (unsigned)size);
        left -= size;
        if (test_random(&p.random) % 20 == 0) {
            close_tree(&p);
            open_tree(&p, limit);
        }
    }
    end(&p);
}

TEST(a_nested_tree_is_a_sorted_array)
{
    play(true, 4, 1, 0);
    play(true, 5, 1, 20000);
    play(true, 8, 2, 1 << 20);
    play(true, 100, 1, 100000);
}

TEST(a_flat_tree_is_a_sorted_array)
{
    play(false, 4, 1, 20000);
    play(false, 5, 2, 1 << 20);
    play(false, 8, 1, 0);
    play(false, 100, 1, 100000);
}

TEST(fifty_thousand_entries_of_one_key)
{
    struct play p;
    unsigned count = (unsigned)AER_MIN(fake_ops(50000), UINT64_C(50000));

    begin(&p, true, 16, 1, 1 << 20);
    p.keys = 1;
    p.ids = UINT64_MAX;
    for (unsigned i = 0; i < count; i++) {
        insert_one(&p);
        if (i % 10000 == 9999) commit(&p);
    }
    commit(&p);
    model_check(&p.committed, p.tree, false);
    while (p.now.count) {
        for (unsigned i = 0; i < 5000 && p.now.count; i++) {
            size_t at = test_random(&p.random) % p.now.count;
            CHECK_OK(aer__tree_remove(p.tree, &p.now.entries[at].key->key, p.now.entries[at].id, ERR));
            model_remove(&p.now, at);
        }
        commit(&p);
    }
    CHECK_INT(1, fake_count(&p.fake));
    CHECK_MEM("[]\n", 3, fake_get(&p.fake, "root", true)->text, fake_get(&p.fake, "root", true)->size);
    end(&p);
}
