/* fake.c -- see fake.h. Allocates with malloc, so that aer__alloc_fail_at counts only what the tree does. */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- nodes ---- */

void fake_init(struct fake *fake, bool nested)
{
    memset(fake, 0, sizeof *fake);
    fake->nested = nested;
}

static struct fake_node *slot(const struct fake *fake, const char *path, bool leaf)
{
    size_t i = aer__hash_seed(path, strlen(path), leaf) & (fake->room - 1);

    while (fake->nodes[i].path && (fake->nodes[i].leaf != leaf || strcmp(fake->nodes[i].path, path) != 0))
        i = (i + 1) & (fake->room - 1);
    return &fake->nodes[i];
}

static void grow(struct fake *fake)
{
    struct fake old = *fake;

    fake->room = 64;
    while (fake->room < old.used * 4) fake->room *= 2;
    fake->nodes = calloc(fake->room, sizeof *fake->nodes);
    fake->used = 0;
    for (size_t i = 0; i < old.room; i++) {
        if (!old.nodes[i].path) continue;
        if (!old.nodes[i].text) {
            free(old.nodes[i].path);
            continue;
        }
        *slot(fake, old.nodes[i].path, old.nodes[i].leaf) = old.nodes[i];
        fake->used++;
    }
    free(old.nodes);
}

static void *copy_of(const void *p, size_t size)
{
    char *copy = malloc(size + 1);

    if (size) memcpy(copy, p, size);
    copy[size] = '\0';
    return copy;
}

void fake_set(struct fake *fake, const char *path, bool leaf, const void *text, size_t size)
{
    struct fake_node *node;

    if (fake->used * 2 >= fake->room) grow(fake);
    node = slot(fake, path, leaf);
    if (!node->path) {
        node->path = copy_of(path, strlen(path));
        node->leaf = leaf;
        fake->used++;
    }
    free(node->text);
    node->text = copy_of(text, size);
    node->size = size;
}

void fake_remove(struct fake *fake, const char *path, bool leaf)
{
    struct fake_node *node = fake->room ? slot(fake, path, leaf) : NULL;

    if (!node || !node->path) return;
    free(node->text);
    node->text = NULL;
}

const struct fake_node *fake_get(const struct fake *fake, const char *path, bool leaf)
{
    struct fake_node *node = fake->room ? slot(fake, path, leaf) : NULL;

    return node && node->text ? node : NULL;
}

size_t fake_count(const struct fake *fake)
{
    size_t count = 0;

    for (size_t i = 0; i < fake->room; i++) count += fake->nodes[i].text != NULL;
    return count;
}

void fake_release(struct fake *fake)
{
    for (size_t i = 0; i < fake->room; i++) {
        free(fake->nodes[i].path);
        free(fake->nodes[i].text);
    }
    free(fake->nodes);
    fake_unstage(fake);
    free(fake->staged);
    memset(fake, 0, sizeof *fake);
}

/* ---- the store ---- */

static int store_read(void *arg, const char *path, bool *is_leaf, void **text, size_t *size, uint64_t *sum, struct err *err)
{
    struct fake *fake = arg;
    const struct fake_node *leaf = fake_get(fake, path, true), *internal = fake_get(fake, path, false);
    const struct fake_node *node = leaf ? leaf : internal;

    *text = NULL;
    fake->reads++;
    if (leaf && internal) return aer__err_set(err, AER_CORRUPT, "'%s' is both", path);
    if (!node) return AER_NOTFOUND;
    *text = aer__memdup(node->text, node->size);
    if (!*text) return aer__err_nomem(err);
    *is_leaf = node->leaf;
    *size = node->size;
    *sum = aer__hash(node->text, node->size);
    return AER_OK;
}

static int store_same(void *arg, const char *path, bool is_leaf, uint64_t sum, bool *same, struct err *err)
{
    const struct fake_node *node = fake_get(arg, path, is_leaf);

    (void)err;
    *same = node && aer__hash(node->text, node->size) == sum;
    return AER_OK;
}

static void store_name(void *arg, const char *path, bool is_leaf, char *name, size_t name_size)
{
    (void)arg;
    snprintf(name, name_size, "index/%s/%s", path, is_leaf ? "leaf" : "internal");
}

struct tree_store fake_store(struct fake *fake)
{
    struct tree_store store = {fake, fake->nested, store_read, store_same, store_name};

    return store;
}

/* ---- changes ---- */

int fake_emit(void *arg, const char *path, bool is_leaf, const void *text, size_t size, struct err *err)
{
    struct fake *fake = arg;
    struct fake_node *node;

    (void)err;
    if (fake->staged_count == fake->staged_room) {
        fake->staged_room = fake->staged_room ? fake->staged_room * 2 : 16;
        fake->staged = realloc(fake->staged, fake->staged_room * sizeof *fake->staged);
    }
    node = &fake->staged[fake->staged_count++];
    node->path = copy_of(path, strlen(path));
    node->leaf = is_leaf;
    node->text = text ? copy_of(text, size) : NULL;
    node->size = size;
    return AER_OK;
}

void fake_unstage(struct fake *fake)
{
    for (size_t i = 0; i < fake->staged_count; i++) {
        free(fake->staged[i].path);
        free(fake->staged[i].text);
    }
    fake->staged_count = 0;
}

/* Each path and kind once; parents before children, removals last. */
static void check_staged(const struct fake *fake)
{
    struct fake seen;
    bool removals = false;

    fake_init(&seen, fake->nested);
    for (size_t i = 0; i < fake->staged_count; i++) {
        const struct fake_node *node = &fake->staged[i];
        char parent[TREE_PATH_SIZE];

        CHECK(!fake_get(&seen, node->path, node->leaf));
        CHECK(node->text || fake_get(fake, node->path, node->leaf)); /* what is removed was there */
        CHECK(node->text ? !removals : true);
        removals |= !node->text;
        snprintf(parent, sizeof parent, "%s", node->path);
        if (fake->nested && node->text && strrchr(parent, '/')) {
            *strrchr(parent, '/') = '\0';
            CHECK(fake_get(&seen, parent, false) || fake_get(fake, parent, false));
        }
        fake_set(&seen, node->path, node->leaf, "", 0);
    }
    fake_release(&seen);
}

int fake_stage(struct fake *fake, struct tree *tree, struct err *err)
{
    struct fake again;
    int rc;

    fake_unstage(fake);
    rc = aer__tree_changes(tree, fake_emit, fake, err);
    if (rc) return rc;
    check_staged(fake);
    fake_init(&again, fake->nested);
    rc = aer__tree_changes(tree, fake_emit, &again, err);
    if (!rc) {
        CHECK_INT(fake->staged_count, again.staged_count);
        for (size_t i = 0; i < again.staged_count; i++) {
            const struct fake_node *a = &fake->staged[i], *b = &again.staged[i];
            CHECK_STR(a->path, b->path);
            CHECK(a->leaf == b->leaf && !a->text == !b->text);
            if (a->text) CHECK_MEM(a->text, a->size, b->text, b->size);
        }
    }
    fake_release(&again);
    return rc;
}

void fake_apply(struct fake *fake)
{
    for (size_t i = 0; i < fake->staged_count; i++) {
        const struct fake_node *node = &fake->staged[i];
        if (node->text) fake_set(fake, node->path, node->leaf, node->text, node->size);
        else fake_remove(fake, node->path, node->leaf);
    }
    fake_unstage(fake);
}

void fake_commit(struct fake *fake, struct tree *tree)
{
    fake_apply(fake);
    aer__tree_commit(tree);
}

/* ---- keys ---- */

void fake_key(struct fake_key *key, unsigned columns, const char *json)
{
    json_t *value = json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    struct buf bytes = {0};
    struct err err = {0};
    int rc = AER_OK;

    CHECK(value);
    if (columns == 1) rc = aer__index_key(&bytes, value, &err);
    for (unsigned i = 0; columns > 1 && i < columns; i++) rc |= aer__index_key(&bytes, json_array_get(value, i), &err);
    CHECK_INT(AER_OK, rc);
    CHECK(bytes.size <= sizeof key->bytes && strlen(json) < sizeof key->json);
    memcpy(key->bytes, bytes.data, bytes.size);
    snprintf(key->json, sizeof key->json, "%s", json);
    key->key = (struct tree_key){key->bytes, bytes.size, key->json, strlen(json)};
    json_decref(value);
    aer__buf_release(&bytes);
}

static void nth_json(char json[60], uint64_t n)
{
    switch (n % 7) {
    case 0:
    case 1: snprintf(json, 60, "\"k%llu\"", (unsigned long long)(n * 2654435761U % 1000003)); break;
    case 2: snprintf(json, 60, "%lld", (long long)(n * 2654435761U % 1000003) - 500000); break;
    case 3: snprintf(json, 60, "\"\xc3\xa4\\u0001\\\"%llu\"", (unsigned long long)n); break;
    case 4: snprintf(json, 60, "%llu.5", (unsigned long long)n); break;
    case 5: snprintf(json, 60, "[%llu,\"a\"]", (unsigned long long)n); break;
    default: snprintf(json, 60, "%s", n % 3 == 0 ? "null" : n % 3 == 1 ? "true" : "{\"a\":[1,\"]\"]}"); break;
    }
}

void fake_nth_key(struct fake_key *key, unsigned columns, uint64_t n)
{
    char one[60], two[60], all[128];

    nth_json(one, n);
    if (columns == 1) {
        fake_key(key, 1, one);
        return;
    }
    nth_json(one, n / 3);
    nth_json(two, n);
    snprintf(all, sizeof all, "[%s,%s]", one, two);
    fake_key(key, 2, all);
}

void fake_nth_id(char id[TREE_ID_MAX + 1], uint64_t n)
{
    static const char digits[] = "123456789ABCDEFGHIJKLMNPQRSTUVWXYZ";
    uint64_t x = n * UINT64_C(0x9e3779b97f4a7c15);
    unsigned size = n % 5 == 0 ? 3 : 20;

    for (unsigned i = 0; i < size; i++) {
        id[i] = digits[x % 34];
        x = x / 34 ? x / 34 : n + i * 7;
    }
    id[size] = '\0';
}

/* ---- the model ---- */

static int compare(const struct model_entry *e, const void *bytes, size_t size, const char *id)
{
    int order = aer__key_compare(e->key->bytes, e->key->key.size, bytes, size);

    return order ? order : strcmp(e->id, id);
}

size_t model_find(const struct model *m, const void *bytes, size_t size, const char *id, bool *found)
{
    size_t low = 0, high = m->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare(&m->entries[middle], bytes, size, id) < 0) low = middle + 1;
        else high = middle;
    }
    *found = low < m->count && compare(&m->entries[low], bytes, size, id) == 0;
    return low;
}

void model_insert(struct model *m, size_t at, const struct fake_key *key, const char *id)
{
    struct model_entry *e;

    if (m->count == m->room) {
        m->room = m->room ? m->room * 2 : 64;
        m->entries = realloc(m->entries, m->room * sizeof *m->entries);
    }
    e = &m->entries[at];
    memmove(e + 1, e, (m->count - at) * sizeof *e);
    e->key = copy_of(key, sizeof *key);
    e->key->key.bytes = e->key->bytes;
    e->key->key.json = e->key->json;
    snprintf(e->id, sizeof e->id, "%s", id);
    m->count++;
}

void model_remove(struct model *m, size_t at)
{
    free(m->entries[at].key);
    m->count--;
    memmove(m->entries + at, m->entries + at + 1, (m->count - at) * sizeof *m->entries);
}

void model_release(struct model *m)
{
    for (size_t i = 0; i < m->count; i++) free(m->entries[i].key);
    free(m->entries);
    memset(m, 0, sizeof *m);
}

void model_copy(struct model *to, const struct model *from)
{
    model_release(to);
    for (size_t i = 0; i < from->count; i++) model_insert(to, i, from->entries[i].key, from->entries[i].id);
}

struct walk {
    const struct model *model;
    size_t at;
    bool reverse;
};

static int walk_entry(void *arg, const struct tree_key *key, const char *id)
{
    struct walk *w = arg;
    const struct model_entry *e;

    CHECK(w->reverse ? w->at > 0 : w->at < w->model->count);
    e = &w->model->entries[w->reverse ? --w->at : w->at++];
    CHECK_MEM(e->key->bytes, e->key->key.size, key->bytes, key->size);
    CHECK_MEM(e->key->json, e->key->key.json_size, key->json, key->json_size);
    CHECK_STR(e->id, id);
    return 0;
}

void model_check(const struct model *m, struct tree *tree, bool write)
{
    struct walk forward = {m, 0, false}, backward = {m, m->count, true};

    CHECK_OK(aer__tree_scan(tree, write, NULL, false, 0, walk_entry, &forward, ERR));
    CHECK_INT(m->count, forward.at);
    CHECK_OK(aer__tree_scan(tree, write, NULL, true, 0, walk_entry, &backward, ERR));
    CHECK_INT(0, backward.at);
}

uint64_t fake_ops(uint64_t plain)
{
    const char *text = getenv("AERIALS_OPS");

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    plain /= 8;
#endif
    return text ? strtoull(text, NULL, 10) : plain;
}
