/* values.c -- see values.h. */
#include "values.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testing.h"

json_t *read_good(const char *text, size_t size)
{
    json_t *value = NULL;

    CHECK_OK(aer__json_read(text, size, &value, ERR));
    CHECK(value);
    return value;
}

const char *text_of(const json_t *value, size_t *size)
{
    static struct buf text;

    text.size = 0;
    CHECK_OK(aer__json_write(&text, value, ERR));
    if (size) *size = text.size;
    CHECK_OK(aer__buf_append(&text, "", 1));
    return (const char *)text.data;
}

double random_real(uint64_t *state)
{
    uint64_t bits = test_random(state);
    char text[16];
    double v = 0;

    switch (bits % 5) {
    case 0: memcpy(&v, &bits, sizeof v); break;
    case 1: v = (double)(bits % 2000000) / 100; break;
    case 2: v = (double)(int64_t)(bits >> test_random(state) % 64); break;
    case 3:
        snprintf(text, sizeof text, "1e%d", (int)(bits % 620) - 310);
        v = strtod(text, NULL);
        break;
    default:
        bits = bits % 2 ? UINT64_C(1) << bits % 52 : bits << 52;
        memcpy(&v, &bits, sizeof v);
        break;
    }
    if (test_random(state) % 3 == 0) { /* the next one */
        memcpy(&bits, &v, sizeof v);
        bits += test_random(state) % 2 ? 1 : UINT64_MAX;
        memcpy(&v, &bits, sizeof v);
    }
    return isfinite(v) ? v : -0.0;
}

static size_t random_text(uint64_t *state, char *text, bool nul)
{
    static const char *const pieces[] = {"a",
                                         "key",
                                         "\"",
                                         "\\",
                                         "/",
                                         "\n",
                                         "\x01",
                                         "\x1f",
                                         "\x7f",
                                         "\xc2\x80",
                                         "\xc3\xa4",
                                         "\xed\x9f\xbf",
                                         "\xef\xbf\xbf",
                                         "\xf0\x90\x80\x80",
                                         "\xf4\x8f\xbf\xbf",
                                         "a longer run of text",
                                         "\t",
                                         "\b\f\r"};
    size_t size = 0;

    for (uint64_t count = test_random(state) % 8; count > 0; count--) {
        const char *piece = pieces[test_random(state) % AER_COUNT(pieces)];

        memcpy(text + size, piece, strlen(piece));
        size += strlen(piece);
        if (nul && test_random(state) % 16 == 0) text[size++] = '\0';
    }
    return size;
}

static json_t *random_list(uint64_t *state, int depth)
{
    bool object = test_random(state) % 3;
    json_t *list = object ? json_object() : json_array();
    char text[256];

    for (uint64_t count = test_random(state) % (test_random(state) % 20 ? 6 : 60); count > 0; count--) {
        json_t *value = random_value(state, depth - 1);
        size_t size = random_text(state, text, false);

        CHECK_INT(0, object ? json_object_setn_new(list, text, size, value) : json_array_append_new(list, value));
    }
    return list;
}

json_t *random_value(uint64_t *state, int depth)
{
    char text[256];
    uint64_t bits = test_random(state);
    size_t size;

    if (depth > 0 && bits % 2) return random_list(state, depth);
    switch (bits / 2 % 7) {
    case 0: return json_null();
    case 1: return json_boolean(bits / 14 % 2);
    case 2: return json_integer((json_int_t)(test_random(state) >> test_random(state) % 64));
    case 3: return json_integer(-(json_int_t)(test_random(state) >> (1 + test_random(state) % 63)));
    case 4: return json_real(random_real(state));
    default: size = random_text(state, text, true); return json_stringn(text, size);
    }
}

static bool same_list(const json_t *a, const json_t *b)
{
    const char *key;
    size_t i, size;
    json_t *item;

    if (json_is_array(a)) {
        if (json_array_size(a) != json_array_size(b)) return false;
        json_array_foreach(a, i, item)
        {
            if (!same(item, json_array_get(b, i))) return false;
        }
        return true;
    }
    if (json_object_size(a) != json_object_size(b)) return false;
    json_object_keylen_foreach((json_t *)a, key, size, item)
    {
        if (!same(item, json_object_getn(b, key, size))) return false;
    }
    return true;
}

bool same(const json_t *a, const json_t *b)
{
    if (!a || !b || json_typeof(a) != json_typeof(b)) return false;
    if (json_is_array(a) || json_is_object(a)) return same_list(a, b);
    if (json_is_real(a)) {
        double x = json_real_value(a), y = json_real_value(b);

        return memcmp(&x, &y, sizeof x) == 0;
    }
    return json_equal(a, b);
}
