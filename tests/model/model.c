/* model.c -- the map that remembers its past; see model.h.
 *
 * 1. A chain is kept short: a version stays only if it is the newest, is newer than the last commit, or is what
 *    the last commit or a pinned moment sees.
 * 2. Stamps are never reused, also not after a rollback, so a pin stays true.
 */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testing.h"

/* ---- keys --------------------------------------------------------------------------------- */

void model_init(struct model *m, const char *prefix)
{
    memset(m, 0, sizeof *m);
    m->prefix = prefix;
    m->stamp = m->committed = 1; /* 0 is a free pin */
}

static void free_versions(struct version *v)
{
    while (v) {
        struct version *older = v->older;

        free(v);
        v = older;
    }
}

void model_release(struct model *m)
{
    for (size_t i = 0; i < m->count; i++) {
        free_versions(m->keys[i].newest);
        free(m->keys[i].bytes);
    }
    free(m->keys);
    memset(m, 0, sizeof *m);
}

void model_add_key(struct model *m, const void *bytes, size_t size)
{
    size_t prefix_size = strlen(m->prefix);
    size_t cut = prefix_size + size > AER_KEY_MAX ? prefix_size + size - AER_KEY_MAX : 0;
    struct model_key *key;

    if (m->count == m->capacity) {
        m->capacity = m->capacity ? m->capacity * 2 : 256;
        m->keys = realloc(m->keys, m->capacity * sizeof *m->keys);
        CHECK(m->keys);
    }
    key = &m->keys[m->count++];
    *key = (struct model_key){malloc(prefix_size + size), prefix_size + size - cut, NULL};
    CHECK(key->bytes);
    memcpy(key->bytes, m->prefix, prefix_size);
    memcpy(key->bytes + prefix_size, (const unsigned char *)bytes + cut, size - cut);
}

static int compare_bytes(const void *a, size_t a_size, const void *b, size_t b_size)
{
    int c = memcmp(a, b, a_size < b_size ? a_size : b_size);

    return c ? c : (a_size > b_size) - (a_size < b_size);
}

static int compare_keys(const void *a, const void *b)
{
    const struct model_key *x = a, *y = b;

    return compare_bytes(x->bytes, x->size, y->bytes, y->size);
}

void model_sort_keys(struct model *m)
{
    size_t kept = 0;

    qsort(m->keys, m->count, sizeof *m->keys, compare_keys);
    for (size_t i = 0; i < m->count; i++) {
        if (kept && compare_keys(&m->keys[kept - 1], &m->keys[i]) == 0) free(m->keys[i].bytes);
        else m->keys[kept++] = m->keys[i];
    }
    m->count = kept;
}

size_t model_lower_bound(const struct model *m, const void *bytes, size_t size)
{
    size_t low = 0, high = m->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_bytes(m->keys[middle].bytes, m->keys[middle].size, bytes, size) < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* Few different bytes and few of them, so that many keys are the same, neighbours or prefixes of each other. */
static void add_binary_key(struct model *m, uint64_t *random)
{
    static const unsigned char alphabet[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    unsigned char key[8];
    size_t size = 1 + test_random(random) % sizeof key;

    for (size_t i = 0; i < size; i++) key[i] = alphabet[test_random(random) % sizeof alphabet];
    model_add_key(m, key, size);
}

static void add_long_keys(struct model *m, size_t count, uint64_t *random)
{
    static const size_t prefix_sizes[] = {40, 300, 1500};
    char *key = malloc(65536);

    CHECK(key);
    memset(key, 'p', 65536);
    for (size_t i = 0; i < count; i++) {
        size_t prefix = prefix_sizes[test_random(random) % 3];
        int digits = snprintf(key + prefix, 16, "%04u", (unsigned)(test_random(random) % 10000));

        model_add_key(m, key, prefix + (size_t)digits);
        memset(key + prefix, 'p', (size_t)digits + 1);
    }
    for (size_t size = 1; size <= 60; size++) model_add_key(m, key, size);
    /* Two of the greatest size that differ in the last byte only, and their common prefix. */
    model_add_key(m, key, 65535);
    model_add_key(m, key, 65536);
    key[65535] = 'q';
    model_add_key(m, key, 65536);
    free(key);
}

void model_add_keys(struct model *m, size_t count, uint64_t *random)
{
    char key[32];

    add_long_keys(m, count / 5, random);
    for (size_t i = 0; i < count / 3; i++) add_binary_key(m, random);
    while (m->count < count) {
        int size = snprintf(key, sizeof key, "file/%02u/%u", (unsigned)(test_random(random) % 40),
                            (unsigned)(test_random(random) % 1000));

        model_add_key(m, key, (size_t)size);
    }
    model_sort_keys(m);
}

/* ---- versions ----------------------------------------------------------------------------- */

static bool version_is_needed(const struct model *m, const struct version *v, uint64_t newer_stamp)
{
    if (v->stamp > m->committed || newer_stamp > m->committed) return true;
    for (int i = 0; i < MODEL_PINS; i++)
        if (m->pins[i] >= v->stamp && m->pins[i] < newer_stamp) return true;
    return false;
}

static void trim_chain(struct model *m, struct model_key *key)
{
    struct version *newer = key->newest;

    while (newer->older) {
        struct version *v = newer->older;

        if (version_is_needed(m, v, newer->stamp)) {
            newer = v;
        } else {
            newer->older = v->older;
            free(v);
        }
    }
}

void model_write(struct model *m, size_t key, const struct value *value)
{
    struct version *v = malloc(sizeof *v);

    CHECK(v && key < m->count);
    *v = (struct version){++m->stamp, *value, m->keys[key].newest};
    m->keys[key].newest = v;
    trim_chain(m, &m->keys[key]);
}

void model_commit(struct model *m)
{
    m->committed = m->stamp;
}

void model_rollback(struct model *m)
{
    for (size_t i = 0; i < m->count; i++) {
        struct model_key *key = &m->keys[i];

        while (key->newest && key->newest->stamp > m->committed) {
            struct version *v = key->newest;

            key->newest = v->older;
            free(v);
        }
    }
    m->committed = ++m->stamp;
}

const struct value *model_get_stored(const struct model *m, uint64_t stamp, size_t key)
{
    const struct version *v = m->keys[key].newest;

    while (v && v->stamp > stamp) v = v->older;
    return v && v->value.present ? &v->value : NULL;
}

const struct value *model_get(const struct model *m, uint64_t stamp, size_t key)
{
    const struct value *value = model_get_stored(m, stamp, key);

    return value && value->expires_ms && value->expires_ms < EXPIRED_BEFORE_MS ? NULL : value;
}

uint64_t model_pin(struct model *m)
{
    int i = 0;

    while (i < MODEL_PINS && m->pins[i]) i++;
    CHECK(i < MODEL_PINS);
    return m->pins[i] = m->committed;
}

void model_unpin(struct model *m, uint64_t stamp)
{
    int i = 0;

    while (i < MODEL_PINS && m->pins[i] != stamp) i++;
    CHECK(i < MODEL_PINS);
    m->pins[i] = 0;
}

/* ---- values ------------------------------------------------------------------------------- */

static uint64_t word_at(const struct value *value, uint64_t index)
{
    uint64_t state = value->seed + index * 0x9e3779b97f4a7c15u;

    return test_random(&state);
}

void value_bytes(const struct value *value, uint64_t offset, void *bytes, size_t size)
{
    unsigned char *out = bytes;

    while (size > 0) {
        uint64_t word = word_at(value, offset / 8);
        size_t skip = offset % 8, n = AER_MIN(8 - skip, size);

        memcpy(out, (unsigned char *)&word + skip, n);
        out += n;
        offset += n;
        size -= n;
    }
}

bool value_equal(const struct value *value, uint64_t offset, const void *bytes, size_t size)
{
    const unsigned char *in = bytes;
    unsigned char expected[512];

    while (size > 0) {
        size_t n = AER_MIN(sizeof expected, size);

        value_bytes(value, offset, expected, n);
        if (memcmp(in, expected, n) != 0) return false;
        in += n;
        offset += n;
        size -= n;
    }
    return true;
}

size_t value_meta(const struct value *value, char meta[META_SIZE])
{
    return (size_t)snprintf(meta, META_SIZE, "{\"number\":%llu}", (unsigned long long)value->meta);
}
