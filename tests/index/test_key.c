/* test_key.c -- the order of keys' bytes is the order of values. */
#include "fake.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

    CHECK(value);
    return value;
}

/* ---- the slow order ---- */

static int rank(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_NULL: return 1;
    case JSON_FALSE: return 2;
    case JSON_TRUE: return 3;
    case JSON_INTEGER:
    case JSON_REAL: return 4;
    case JSON_STRING: return 5;
    case JSON_ARRAY: return 6;
    default: return 7;
    }
}

/* A long double holds all integers of 64 bits and all doubles. */
static int compare_numbers(const json_t *a, const json_t *b)
{
    long double x = json_is_integer(a) ? (long double)json_integer_value(a) : (long double)json_real_value(a);
    long double y = json_is_integer(b) ? (long double)json_integer_value(b) : (long double)json_real_value(b);

    return (x > y) - (x < y);
}

static int compare_texts(const json_t *a, const json_t *b)
{
    struct buf x = {0}, y = {0};
    int order;

    CHECK_OK(aer__json_write(&x, a, ERR));
    CHECK_OK(aer__json_write(&y, b, ERR));
    order = aer__key_compare(x.data, x.size, y.data, y.size);
    aer__buf_release(&x);
    aer__buf_release(&y);
    return order;
}

static int compare(const json_t *a, const json_t *b)
{
    if (rank(a) != rank(b)) return rank(a) < rank(b) ? -1 : 1;
    if (rank(a) == 4) return compare_numbers(a, b);
    if (rank(a) == 5)
        return aer__key_compare(json_string_value(a), json_string_length(a), json_string_value(b), json_string_length(b));
    if (rank(a) == 7) return compare_texts(a, b);
    for (size_t i = 0; i < json_array_size(a) && i < json_array_size(b); i++) {
        int order = compare(json_array_get(a, i), json_array_get(b, i));
        if (order) return order;
    }
    return (json_array_size(a) > json_array_size(b)) - (json_array_size(a) < json_array_size(b));
}

/* ---- random values ---- */

static uint64_t state;

static uint64_t any(uint64_t below)
{
    return test_random(&state) % below;
}

static double neighbour(double real)
{
    uint64_t bits;

    memcpy(&bits, &real, sizeof bits);
    if (real != 0) bits += any(2) ? 1 : UINT64_MAX;
    memcpy(&real, &bits, sizeof bits);
    return real;
}

static double any_real(void)
{
    uint64_t bits = any(UINT64_MAX) & ~(UINT64_C(1) << 62); /* an exponent below the largest: finite */
    double real;

    memcpy(&real, &bits, sizeof real);
    return any(2) && real != 0 ? 1 / (1 + real * real) : real;
}

static json_t *random_number(void)
{
    static const int64_t bases[] = {
        0, INT64_C(1) << 53, -(INT64_C(1) << 53), INT64_MAX - 3000, INT64_MIN + 3000, INT64_C(1) << 62, -(INT64_C(1) << 62), 1000000};
    int64_t number = bases[any(AER_COUNT(bases))] + (int64_t)any(3) * 1021 + (int64_t)any(7) - 3;
    double real = (double)number;

    switch (any(6)) {
    case 0: return json_real(real);
    case 1: return json_real(neighbour(real));
    case 2: return json_real(any_real());
    case 3: return json_real(any(2) ? -0.0 : 0.0);
    case 4: return json_integer(any(2) ? INT64_MAX : INT64_MIN);
    default: return json_integer(number);
    }
}

static json_t *random_string(void)
{
    static const char letters[] = {0, 0, 1, 'a', 'a', 'b', 0x7f};
    char text[8];
    size_t size = any(sizeof text);

    if (any(8) == 0) return json_string("\xc3\xbf");
    for (size_t i = 0; i < size; i++) text[i] = letters[any(sizeof letters)];
    return json_stringn(text, size);
}

static json_t *random_value(unsigned depth)
{
    uint64_t kind = any(depth ? 10 : 8);
    json_t *value;

    if (kind < 3) return random_number();
    if (kind < 6) return random_string();
    if (kind == 6) return json_null();
    if (kind == 7) return json_boolean(any(2));
    value = kind == 8 ? json_array() : json_object();
    for (uint64_t i = any(4); i > 0; i--) {
        char name[] = {(char)('a' + any(4)), '\0'};
        if (kind == 8) json_array_append_new(value, random_value(depth - 1));
        else json_object_set_new(value, name, random_value(depth - 1));
    }
    return value;
}

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static bool begins(const struct buf *a, const struct buf *with)
{
    return a->size >= with->size && memcmp(a->data, with->data, with->size) == 0;
}

TEST(bytes_are_in_the_order_of_values)
{
    struct buf x = {0}, y = {0};

    state = test_seed();
    for (uint64_t i = fake_ops(300000); i > 0; i--) {
        json_t *a = random_value(3), *b = any(8) ? random_value(3) : json_deep_copy(a);

        x.size = y.size = 0;
        CHECK_OK(aer__index_key(&x, a, ERR));
        CHECK_OK(aer__index_key(&y, b, ERR));
        CHECK_INT(sign(compare(a, b)), sign(aer__key_compare(x.data, x.size, y.data, y.size)));
        if (x.size != y.size) CHECK(!begins(&x, &y) && !begins(&y, &x));
        json_decref(a);
        json_decref(b);
    }
    aer__buf_release(&x);
    aer__buf_release(&y);
}

TEST(columns_one_behind_the_other_are_ordered_like_lists)
{
    struct buf x = {0}, y = {0};

    state = test_seed();
    for (uint64_t i = fake_ops(100000); i > 0; i--) {
        json_t *a = json_array(), *b = json_array();

        x.size = y.size = 0;
        for (unsigned k = 0; k < 3; k++) {
            json_array_append_new(a, any(2) ? random_string() : random_value(1));
            json_array_append_new(b, any(2) ? json_incref(json_array_get(a, k)) : random_value(1));
            CHECK_OK(aer__index_key(&x, json_array_get(a, k), ERR));
            CHECK_OK(aer__index_key(&y, json_array_get(b, k), ERR));
        }
        CHECK_INT(sign(compare(a, b)), sign(aer__key_compare(x.data, x.size, y.data, y.size)));
        json_decref(a);
        json_decref(b);
    }
    aer__buf_release(&x);
    aer__buf_release(&y);
}

TEST(a_prefix_is_of_the_strings_that_begin_with_it)
{
    struct buf key = {0}, prefix = {0};

    state = test_seed();
    for (uint64_t i = fake_ops(100000); i > 0; i--) {
        json_t *a = random_string(), *b = random_string();
        bool yes = json_string_length(a) >= json_string_length(b) &&
                   memcmp(json_string_value(a), json_string_value(b), json_string_length(b)) == 0;

        key.size = prefix.size = 0;
        CHECK_OK(aer__index_key(&key, a, ERR));
        CHECK_OK(aer__index_prefix(&prefix, json_string_value(b), json_string_length(b), ERR));
        CHECK(begins(&key, &prefix) == yes);
        json_decref(a);
        json_decref(b);
    }
    aer__buf_release(&key);
    aer__buf_release(&prefix);
}

TEST(examples_in_order)
{
    static const char *const texts[] = {"null",
                                        "false",
                                        "true",
                                        "-1e300",
                                        "-9223372036854775808",
                                        "-9223372036854775807",
                                        "-1.5",
                                        "-1",
                                        "-5e-324",
                                        "0",
                                        "5e-324",
                                        "0.1",
                                        "1",
                                        "9007199254740992",
                                        "9007199254740993",
                                        "9007199254740994",
                                        "9223372036854775806",
                                        "9223372036854775807",
                                        "9.3e18",
                                        "1e300",
                                        "\"\"",
                                        "\"\\u0000\"",
                                        "\"\\u0000\\u0000\"",
                                        "\"\\u0000a\"",
                                        "\"\\u0001\"",
                                        "\"a\"",
                                        "\"a\\u0000\"",
                                        "\"ab\"",
                                        "\"b\"",
                                        "\"\xc3\xa4\"",
                                        "\"\xf0\x9f\x98\x80\"",
                                        "[]",
                                        "[null]",
                                        "[null,null]",
                                        "[[]]",
                                        "[[],null]",
                                        "{\"a\":1}",
                                        "{}"};
    struct buf last = {0}, now = {0};

    for (size_t i = 0; i < AER_COUNT(texts); i++) {
        json_t *value = parse(texts[i]);

        now.size = 0;
        CHECK_OK(aer__index_key(&now, value, ERR));
        if (i) CHECK(aer__key_compare(last.data, last.size, now.data, now.size) < 0);
        last.size = 0;
        CHECK_OK(aer__buf_append(&last, now.data, now.size));
        json_decref(value);
    }
    aer__buf_release(&last);
    aer__buf_release(&now);
}

static void same(const char *a, const char *b)
{
    struct fake_key x, y;

    fake_key(&x, 1, a);
    fake_key(&y, 1, b);
    CHECK_MEM(x.bytes, x.key.size, y.bytes, y.key.size);
}

TEST(one_number_has_one_key)
{
    struct fake_key one;
    static const unsigned char bytes[] = {4, 0xbf, 0xf0, 0, 0, 0, 0, 0, 0, 0x80, 0};

    same("1", "1.0");
    same("0", "-0.0");
    same("9007199254740992", "9007199254740992.0");
    same("-9223372036854775808", "-9223372036854775808.0");
    fake_key(&one, 1, "1"); /* what is in files is compared with what was computed by another version */
    CHECK_MEM(bytes, sizeof bytes, one.bytes, one.key.size);
}

TEST(a_key_has_4096_bytes_at_most)
{
    char text[INDEX_KEY_MAX];
    struct err why = {0};
    struct buf key = {0};
    json_t *value;

    memset(text, 'x', sizeof text);
    value = json_stringn(text, INDEX_KEY_MAX - 3);
    CHECK_OK(aer__index_key(&key, value, ERR));
    CHECK_INT(INDEX_KEY_MAX, key.size);
    CHECK_RC(AER_INVALID, aer__index_key(&key, json_null(), &why));
    CHECK_INT(INDEX_KEY_MAX, key.size);
    CHECK_STR("the indexed value has more than 4096 bytes", why.message);
    json_decref(value);
    key.size = 0;
    value = json_stringn(text, INDEX_KEY_MAX - 2);
    CHECK_RC(AER_INVALID, aer__index_key(&key, value, ERR));
    CHECK_INT(0, key.size);
    CHECK_OK(aer__index_prefix(&key, text, INDEX_KEY_MAX - 1, ERR));
    CHECK_RC(AER_INVALID, aer__index_prefix(&key, text, INDEX_KEY_MAX, ERR));
    json_decref(value);
    aer__buf_release(&key);
}

TEST(a_value_of_many_levels_is_refused_not_followed)
{
    json_t *value = json_array();
    struct buf key = {0};

    for (unsigned i = 0; i < 2 * INDEX_KEY_MAX; i++) {
        json_t *outer = json_array();
        json_array_append_new(outer, value);
        value = outer;
    }
    CHECK_RC(AER_INVALID, aer__index_key(&key, value, ERR));
    json_decref(value);
    aer__buf_release(&key);
}

TEST(no_memory_for_a_key)
{
    json_t *value = parse("[1,\"a\",{\"b\":2}]");
    int rc;

    for (unsigned long n = 1;; n++) {
        struct buf key = {0};

        aer__alloc_fail_at(n);
        rc = aer__index_key(&key, value, ERR);
        aer__alloc_fail_at(0);
        CHECK(rc ? key.size == 0 : key.size > 0);
        aer__buf_release(&key);
        if (!rc) break;
        CHECK_INT(AER_NOMEM, rc);
        CHECK(n < 20);
    }
    json_decref(value);
}
