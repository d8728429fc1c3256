/* test_cache_threads.c -- two trees in one cache, and readers beside a writer, all at once. */
#include "fake.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define ENTRIES 400
#define READERS 3

struct scene {
    struct fake fake[2];
    struct tree_cache *cache;
    struct tree *tree[2];
    unsigned rounds;
};

static void key_of(struct fake_key *key, int n)
{
    char json[20];

    snprintf(json, sizeof json, "%d", n);
    fake_key(key, 1, json);
}

static int in_order(void *arg, const struct tree_key *key, const char *id)
{
    struct fake_key expected;
    int *n = arg;

    (void)id;
    key_of(&expected, (*n)++);
    CHECK_MEM(expected.json, expected.key.json_size, key->json, key->json_size);
    return 0;
}

struct reader {
    struct scene *scene;
    unsigned which;
};

static void *read_all(void *arg)
{
    struct reader *r = arg;

    for (unsigned i = 0; i < r->scene->rounds; i++) {
        int n = 0;
        CHECK_OK(aer__tree_scan(r->scene->tree[r->which], false, NULL, false, 0, in_order, &n, ERR));
        CHECK_INT(ENTRIES, n);
    }
    return NULL;
}

static int nothing(void *arg, const char *path, bool is_leaf, const void *text, size_t size, struct err *err)
{
    (void)arg;
    (void)path;
    (void)is_leaf;
    (void)text;
    (void)size;
    (void)err;
    return 0;
}

static void *write_and_forget(void *arg)
{
    struct scene *s = arg;

    for (unsigned i = 0; i < s->rounds; i++) {
        for (int n = 0; n < 40; n++) {
            struct fake_key key;
            key_of(&key, (int)(i * 37 + (unsigned)n * 7) % ENTRIES + 1000);
            CHECK_OK(aer__tree_insert(s->tree[0], &key.key, "B", ERR));
            key_of(&key, (int)(i * 31 + (unsigned)n * 9) % ENTRIES);
            CHECK_OK(aer__tree_remove(s->tree[0], &key.key, "A", ERR));
        }
        CHECK_OK(aer__tree_changes(s->tree[0], nothing, NULL, ERR));
        for (int n = 0; n < 40; n++) { /* back: a rollback must be alone */
            struct fake_key key;
            key_of(&key, (int)(i * 37 + (unsigned)n * 7) % ENTRIES + 1000);
            CHECK_OK(aer__tree_remove(s->tree[0], &key.key, "B", ERR));
            key_of(&key, (int)(i * 31 + (unsigned)n * 9) % ENTRIES);
            CHECK_OK(aer__tree_insert(s->tree[0], &key.key, "A", ERR));
        }
    }
    return NULL;
}

static void open_tree(struct scene *s, unsigned which)
{
    struct tree_store store;

    fake_init(&s->fake[which], which == 0);
    store = fake_store(&s->fake[which]);
    CHECK_OK(aer__tree_open(&store, s->cache, 4, 1, &s->tree[which], ERR));
    CHECK_OK(aer__tree_create(s->tree[which], ERR));
    for (int n = 0; n < ENTRIES; n++) {
        struct fake_key key;
        key_of(&key, n);
        CHECK_OK(aer__tree_insert(s->tree[which], &key.key, "A", ERR));
    }
    CHECK_OK(fake_stage(&s->fake[which], s->tree[which], ERR));
    fake_commit(&s->fake[which], s->tree[which]);
}

TEST(readers_of_two_trees_and_a_writer)
{
    struct reader readers[READERS];
    pthread_t threads[READERS + 1];
    struct scene s;

    memset(&s, 0, sizeof s);
    s.rounds = (unsigned)fake_ops(400);
    CHECK_OK(aer__tree_cache_new(20000, &s.cache, ERR)); /* a fraction of the nodes */
    for (unsigned i = 0; i < 2; i++) open_tree(&s, i);
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){&s, i % 2};
        CHECK_INT(0, pthread_create(&threads[i], NULL, read_all, &readers[i]));
    }
    CHECK_INT(0, pthread_create(&threads[READERS], NULL, write_and_forget, &s));
    for (unsigned i = 0; i <= READERS; i++) CHECK_INT(0, pthread_join(threads[i], NULL));
    for (unsigned i = 0; i < 2; i++) aer__tree_close(s.tree[i]);
    CHECK_INT(0, aer__tree_cache_bytes(s.cache));
    aer__tree_cache_free(s.cache);
    for (unsigned i = 0; i < 2; i++) fake_release(&s.fake[i]);
}
