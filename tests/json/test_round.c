/* test_round.c -- random values and random texts: what is written is read back as it was, and nothing crashes. */
#include "testing.h"
#include "values.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ROUNDS 2000
#else
#define ROUNDS 10000
#endif

/* The same value with its keys set in another order. */
static json_t *shuffled(const json_t *value, uint64_t *state)
{
    size_t count = json_object_size(value), i = 0;
    const char *keys[64], *key;
    json_t *copy, *item;

    if (json_is_array(value)) {
        copy = json_array();
        json_array_foreach(value, i, item) CHECK_INT(0, json_array_append_new(copy, shuffled(item, state)));
        return copy;
    }
    if (!json_is_object(value)) return json_deep_copy(value);
    CHECK(count <= AER_COUNT(keys));
    json_object_foreach((json_t *)value, key, item) keys[i++] = key;
    copy = json_object();
    for (; i > 0; i--) {
        size_t at = test_random(state) % i;

        key = keys[at];
        keys[at] = keys[i - 1];
        CHECK_INT(0, json_object_set_new(copy, key, shuffled(json_object_get(value, key), state)));
    }
    return copy;
}

TEST(what_is_written_is_read_back_and_written_the_same)
{
    uint64_t state = test_seed();

    for (int i = 0; i < ROUNDS; i++) {
        json_t *value = random_value(&state, 5), *other = shuffled(value, &state), *back;
        size_t size, other_size;
        const char *form;
        char *text = aer__strdup(text_of(value, &size));

        CHECK(text);
        CHECK_INT(size, strlen(text)); /* a NUL is escaped */
        form = text_of(other, &other_size);
        CHECK_MEM(text, size, form, other_size);
        back = read_good(text, size);
        CHECK(same(value, back));
        form = text_of(back, &other_size);
        CHECK_MEM(text, size, form, other_size);
        aer__free(text);
        json_decref(value);
        json_decref(other);
        json_decref(back);
    }
}

/* jansson reads ours as we do, and we read jansson's. */
TEST(jansson_agrees)
{
    uint64_t state = test_seed();

    for (int i = 0; i < ROUNDS; i++) {
        json_t *value = random_value(&state, 4), *theirs, *ours;
        size_t size;
        const char *text = text_of(value, &size);
        char *dumped;

        theirs = json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        CHECK(same(value, theirs));
        dumped = json_dumps(value, JSON_ENCODE_ANY | (i % 2 ? JSON_ENSURE_ASCII | JSON_INDENT(1) : JSON_ESCAPE_SLASH));
        CHECK(dumped);
        ours = read_good(dumped, strlen(dumped));
        CHECK(same(value, ours));
        free(dumped);
        json_decref(value);
        json_decref(theirs);
        json_decref(ours);
    }
}

static int digits_of(const char *text)
{
    int count = 0, zeros = 0;

    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (*text == '0' && count == 0)) continue;
        count++;
        zeros = *text == '0' ? zeros + 1 : 0;
    }
    return count - zeros;
}

TEST(doubles_come_back_bit_by_bit)
{
    uint64_t state = test_seed();

    for (int i = 0; i < ROUNDS * 10; i++) {
        double v = random_real(&state), back, plain;
        json_t *value = json_real(v), *read;
        size_t size;
        const char *text = text_of(value, &size);
        char shorter[40];

        CHECK(strpbrk(text, ".e"));
        read = read_good(text, size);
        CHECK(json_is_real(read));
        back = json_real_value(read);
        plain = strtod(text, NULL);
        if (memcmp(&v, &back, sizeof v) != 0) printf("%.17g became %s\n", v, text);
        CHECK_MEM(&v, sizeof v, &back, sizeof back);
        CHECK_MEM(&v, sizeof v, &plain, sizeof plain);
        for (int digits = 1; digits <= 17; digits++) { /* none of fewer digits would do */
            snprintf(shorter, sizeof shorter, "%.*g", digits, v);
            if (strtod(shorter, NULL) == v) break;
        }
        if (digits_of(text) > digits_of(shorter)) printf("%s would do for %s\n", shorter, text);
        CHECK(digits_of(text) <= digits_of(shorter));
        json_decref(read);
        json_decref(value);
    }
}

/* Random digits with a point and an exponent anywhere: the C library's reader agrees. */
TEST(any_text_of_a_real_is_the_nearest_double)
{
    uint64_t state = test_seed();

    for (int i = 0; i < ROUNDS * 3; i++) {
        char text[1200];
        size_t size = 0, whole = 1 + test_random(&state) % 20, part = 1 + test_random(&state) % (i % 50 ? 20 : 1000);
        double expected, read;
        json_t *value = NULL;

        if (i % 2) text[size++] = '-';
        if (i % 3 == 0) text[size++] = '0';
        else {
            text[size++] = (char)('1' + test_random(&state) % 9);
            while (--whole) text[size++] = (char)('0' + test_random(&state) % 10);
        }
        text[size++] = '.';
        while (part--) text[size++] = (char)('0' + (test_random(&state) % 3 ? 0 : test_random(&state) % 10));
        size += (size_t)snprintf(text + size, 20, "e%d", (int)(test_random(&state) % 700) - 350);
        expected = strtod(text, NULL);
        if (aer__json_read(text, size, &value, ERR) == AER_OK) {
            read = json_real_value(value);
            if (memcmp(&expected, &read, sizeof read) != 0) printf("%s\n", text);
            CHECK_MEM(&expected, sizeof expected, &read, sizeof read);
        } else {
            CHECK(expected == 0 || expected > 1.7976931348623157e308 || expected < -1.7976931348623157e308);
        }
        json_decref(value);
    }
}

/* Read from a block of its own, so that a sanitizer sees a byte read behind it. What is taken is taken again from its own text. */
static bool survives(const char *text, size_t size)
{
    char *copy = malloc(size ? size : 1);
    json_t *value, *again;
    int rc;

    CHECK(copy);
    memcpy(copy, text, size);
    rc = aer__json_read(copy, size, &value, ERR);
    free(copy);
    if (rc != AER_OK) {
        CHECK_RC(AER_INVALID, rc);
        CHECK(!value);
        return false;
    }
    text = text_of(value, &size);
    again = read_good(text, size);
    CHECK(same(value, again));
    json_decref(again);
    json_decref(value);
    return true;
}

TEST(a_text_cut_short_is_refused)
{
    uint64_t state = test_seed();

    for (int i = 0; i < ROUNDS / 30; i++) {
        json_t *value = random_value(&state, 4), *list = json_pack("{s:o}", "x", value);
        size_t size;
        char *text = aer__strdup(text_of(list, &size));

        CHECK(text);
        CHECK(survives(text, size));
        for (size_t cut = 0; cut < size && cut < 600; cut++) CHECK(!survives(text, cut));
        aer__free(text);
        json_decref(list);
    }
}

TEST(damaged_texts_and_garbage_do_no_harm)
{
    static const char signs[] = "{}[]\":,\\u0123456789abcdefDd8-+.eEtrufalsn \n\t\x01\x80\xc3\xa4\xed\xf0\xff";
    uint64_t state = test_seed();
    int taken = 0;

    for (int i = 0; i < ROUNDS; i++) {
        json_t *value = random_value(&state, 3);
        char garbage[64];
        size_t size;
        char *text = aer__strdup(text_of(value, &size));

        CHECK(text);
        for (uint64_t hits = 1 + test_random(&state) % 4; hits > 0; hits--)
            text[test_random(&state) % size] = signs[test_random(&state) % sizeof signs];
        taken += survives(text, size);
        for (size_t at = 0; at < sizeof garbage; at++)
            garbage[at] = i % 2 ? signs[test_random(&state) % sizeof signs] : (char)test_random(&state);
        (void)survives(garbage, test_random(&state) % sizeof garbage);
        aer__free(text);
        json_decref(value);
    }
    CHECK(taken > 0);
}
