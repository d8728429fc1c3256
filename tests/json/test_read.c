/* test_read.c -- what the reader takes, what it refuses, and what it says of it. */
#include "testing.h"
#include "values.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refused(const char *text, size_t size, const char *message)
{
    struct err err = {0};
    json_t *value = json_true();
    char *copy = malloc(size ? size : 1); /* the sanitizer guards its end */

    CHECK(copy);
    memcpy(copy, text, size);
    CHECK_RC(AER_INVALID, aer__json_read(copy, size, &value, &err));
    CHECK(!value);
    CHECK_STR(message, err.message);
    free(copy);
}

static void is_string(const char *text, const char *expected, size_t expected_size)
{
    json_t *value = read_good(text, strlen(text));

    CHECK(json_is_string(value));
    CHECK_MEM(expected, expected_size, json_string_value(value), json_string_length(value));
    json_decref(value);
}

TEST(a_message_says_which_byte_and_why)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "byte 1: a value is missing, the text ends"},
        {" \n ", "byte 4: a value is missing, the text ends"},
        {"[1,]", "byte 4: a value is missing"},
        {"[1 2]", "byte 4: ',' or ']' is missing"},
        {"[1", "byte 3: ',' or ']' is missing, the text ends"},
        {"{\"a\":1", "byte 7: ',' or '}' is missing, the text ends"},
        {"{\"a\" 1}", "byte 6: ':' is missing"},
        {"{a:1}", "byte 2: a key in quotes is missing"},
        {"{\"a\":1,}", "byte 8: a key in quotes is missing"},
        {"{\"a\":}", "byte 6: a value is missing"},
        {"[tru]", "byte 2: a value is missing"},
        {"[NaN]", "byte 2: a value is missing"},
        {"[-Infinity]", "byte 3: a digit is missing"},
        {"[+1]", "byte 2: a value is missing"},
        {"[ 012]", "byte 3: a number does not begin with 0"},
        {"[1.]", "byte 4: a digit is missing"},
        {"1e+", "byte 4: a digit is missing, the text ends"},
        {"[.5]", "byte 2: a value is missing"},
        {"[\"abc]", "byte 2: a string that does not end"},
        {"[\"a\\\"]", "byte 2: a string that does not end"},
        {"[\"a\nb\"]", "byte 4: a control character in a string is to be escaped"},
        {"\"\\x41\"", "byte 2: there is no such escape"},
        {"\"\\u12g4\"", "byte 2: \\u wants four hex digits"},
        {"\"\\u12", "byte 2: \\u wants four hex digits"},
        {"\"\\u123", "byte 2: \\u wants four hex digits"},
        {"\"\\udc00\\udc00\"", "byte 2: half of a surrogate pair"},
        {"\"\\udfff\\udfff\"", "byte 2: half of a surrogate pair"},
        {"\"\\ud800\\ue000\"", "byte 2: half of a surrogate pair"},
        {"\"\\udbff\\udbff\"", "byte 2: half of a surrogate pair"},
        {"\"ab\\ud800\"", "byte 4: half of a surrogate pair"},
        {"\"ab\\udc00\\ud800\"", "byte 4: half of a surrogate pair"},
        {"\"\\ud800\\u0041\"", "byte 2: half of a surrogate pair"},
        {"\"\\ud800\\ud800\"", "byte 2: half of a surrogate pair"},
        {"\"\\ud800\\n\"", "byte 2: half of a surrogate pair"},
        {"\"a\xff\"", "byte 3: not UTF-8"},
        {"\"a\xc0\xaf\"", "byte 3: not UTF-8"},
        {"\"a\xed\xa0\x80\"", "byte 3: not UTF-8"},
        {"\"a\xe0\x9f\xbf\"", "byte 3: not UTF-8"},
        {"\"a\xf0\x8f\xbf\xbf\"", "byte 3: not UTF-8"},
        {"\"a\xf4\x90\x80\x80\"", "byte 3: not UTF-8"},
        {"\"a\xf5\x80\x80\x80\"", "byte 3: not UTF-8"},
        {"\"a\xe2\x82\"", "byte 3: not UTF-8"},
        {"\"a\xe2\x82", "byte 3: not UTF-8"},
        {"\xef\xbb\xbf{}", "byte 1: a byte order mark"},
        {"{} x", "byte 4: something behind the value"},
        {"1 1", "byte 3: something behind the value"},
        {"{\"a\\u0000b\":1}", "byte 2: a key with a NUL in it"},
        {"/* no */ 1", "byte 1: a value is missing"},
        {"['a']", "byte 2: a value is missing"},
    };

    for (size_t i = 0; i < AER_COUNT(cases); i++) refused(cases[i].text, strlen(cases[i].text), cases[i].message);
    refused("{}\0", 3, "byte 3: something behind the value");
    refused("\"a\0b\"", 5, "byte 3: a control character in a string is to be escaped");
    refused("[\0]", 3, "byte 2: a value is missing");
}

TEST(no_text_at_all_is_no_value)
{
    json_t *value;

    CHECK_RC(AER_INVALID, aer__json_read(NULL, 0, &value, ERR));
    CHECK(!value);
}

TEST(a_key_that_stands_twice_is_named)
{
    static const char once[] = "{\"name\":1,\"Name\":2,\"\":3,\"in\":{\"name\":4}}";
    char text[200];
    json_t *value = read_good(once, sizeof once - 1);

    CHECK_INT(4, json_object_size(value));
    json_decref(value);
#define REFUSED(text, message) refused(text, strlen(text), message)
    REFUSED("{\"name\":1, \"name\":1}", "byte 12: the key \"name\" stands here a second time");
    REFUSED("[{\"\":1,\"b\":2,\"\":[]}]", "byte 14: the key \"\" stands here a second time");
    REFUSED("{\"a\":1,\"\\u0061\":2}", "byte 8: the key \"\\u0061\" stands here a second time");
    REFUSED("{\"q\\\"\":1,\"q\\u0022\":2}", "byte 10: the key \"q\\u0022\" stands here a second time");
    snprintf(text, sizeof text, "{\"%063d\xc3\xa4more\":1,\"%063d\xc3\xa4more\":2}", 7, 7);
    REFUSED(text, "byte 76: the key \"000000000000000000000000000000000000000000000000000000000000007...\" stands here "
                  "a second time");
}

TEST(twenty_thousand_keys_are_told_apart)
{
    struct buf text = {0};
    struct err err = {0};
    char member[40];
    json_t *value;

    for (int i = 0; i < 20000; i++) {
        snprintf(member, sizeof member, "%c\"k%d\":%d", i ? ',' : '{', i, i);
        CHECK_OK(aer__buf_append(&text, member, strlen(member)));
    }
    CHECK_OK(aer__buf_append(&text, "}", 1));
    value = read_good((char *)text.data, text.size);
    CHECK_INT(20000, json_object_size(value));
    CHECK_INT(19999, json_integer_value(json_object_get(value, "k19999")));
    json_decref(value);
    text.size--;
    CHECK_OK(aer__buf_append(&text, ",\"k0\":0}", 8));
    CHECK_RC(AER_INVALID, aer__json_read(text.data, text.size, &value, &err));
    CHECK(strstr(err.message, "the key \"k0\" stands here a second time"));
    aer__buf_release(&text);
}

TEST(strings_are_what_their_escapes_mean)
{
    is_string("\"\"", "", 0);
    is_string("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
    is_string("\"\\u0041\\u00e4\\u20AC\\uD83d\\uDe00z\"", "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z", 11);
    is_string("\"a\\u0000b\"", "a\0b", 3);
    is_string("\"\\u0000\"", "\0", 1);
    is_string("\"\\uFFFF\\uffff\"", "\xef\xbf\xbf\xef\xbf\xbf", 6);
    is_string("\"\\ud7ff\\ue000\\udbff\\udfff\"", "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", 10);
    is_string("\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"",
              "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 22);
}

/* Eight bytes are looked at in one go; each byte that is not plain is seen at each place among them. */
TEST(every_byte_is_seen_wherever_it_stands)
{
    for (int c = 0; c < 256; c++) {
        for (size_t at = 1; at < 26; at++) {
            char text[28];
            json_t *value = NULL;
            int rc;

            memset(text, c == 'z' ? 'y' : 'z', sizeof text);
            text[0] = text[27] = '"';
            text[at] = (char)c;
            rc = aer__json_read(text, sizeof text, &value, ERR);
            CHECK_INT(c >= 0x20 && c < 0x80 && c != '"' && c != '\\' ? AER_OK : AER_INVALID, rc);
            if (rc == AER_OK) CHECK_MEM(text + 1, 26, json_string_value(value), json_string_length(value));
            json_decref(value);
        }
    }
}

TEST(keys_with_escapes_lead_to_their_values)
{
    static const char text[] = "{\"a\\nb\":{\"c\\td\":[\"e\\rf\",{\"g\\\"h\":\"i\\\\j\"}]},\"k\\u00e4\":\"l\\u00f6\"}";
    json_t *value = read_good(text, sizeof text - 1), *inner = json_object_get(value, "a\nb");

    inner = json_object_get(inner, "c\td");
    CHECK_STR("e\rf", json_string_value(json_array_get(inner, 0)));
    CHECK_STR("i\\j", json_string_value(json_object_get(json_array_get(inner, 1), "g\"h")));
    CHECK_STR("l\xc3\xb6", json_string_value(json_object_get(value, "k\xc3\xa4")));
    CHECK_INT(2, json_object_size(value));
    json_decref(value);
}

TEST(integers_are_exact_to_64_bits)
{
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {{"0", 0},
                 {"-0", 0},
                 {"-1", -1},
                 {"9007199254740993", 9007199254740993},
                 {"9223372036854775807", INT64_MAX},
                 {"-9223372036854775808", INT64_MIN}};

    for (size_t i = 0; i < AER_COUNT(cases); i++) {
        json_t *value = read_good(cases[i].text, strlen(cases[i].text));

        CHECK(json_is_integer(value));
        CHECK(json_integer_value(value) == cases[i].value);
        json_decref(value);
    }
    REFUSED("[9223372036854775808]", "byte 2: an integer past 64 bits");
    REFUSED("[-9223372036854775809]", "byte 2: an integer past 64 bits");
    REFUSED("18446744073709551616", "byte 1: an integer past 64 bits");
    REFUSED("18446744073709551617", "byte 1: an integer past 64 bits");
    REFUSED("100000000000000000000000000", "byte 1: an integer past 64 bits");
}

static void is_real(const char *text, size_t size, double expected)
{
    json_t *value = read_good(text, size);
    double read = json_real_value(value);

    CHECK(json_is_real(value));
    CHECK_MEM(&expected, sizeof expected, &read, sizeof read);
    json_decref(value);
}

TEST(reals_are_the_nearest_double)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {{"0.0", 0.0},
                 {"-0.0", -0.0},
                 {"0e5", 0.0},
                 {"0.000e-999999999999999999999", 0.0},
                 {"1e2", 100},
                 {"1.5", 1.5},
                 {"0.1", 0.1},
                 {"-12.25E+1", -122.5},
                 {"123.456", 123.456},
                 {"1e22", 1e22},
                 {"1e23", 1e23},
                 {"18446744073709551617e0", 18446744073709551616.0},
                 {"9007199254740993.0", 9007199254740992.0},
                 {"9007199254740993.00000000000000000000000000000000001", 9007199254740994.0},
                 {"1.7976931348623157e308", 1.7976931348623157e308},
                 {"17976931348623157000e289", 1.7976931348623157e308},
                 {"2.2250738585072011e-308", 2.2250738585072011e-308},
                 {"5e-324", 4.9406564584124654e-324},
                 {"2.4703282292062328e-324", 4.9406564584124654e-324},
                 {"0.00000000000000000000000000001e29", 1.0}};

    for (size_t i = 0; i < AER_COUNT(cases); i++) is_real(cases[i].text, strlen(cases[i].text), cases[i].value);
    REFUSED("[1e309]", "byte 2: a number past what a double can hold");
    REFUSED("[-1.8e308]", "byte 2: a number past what a double can hold");
    REFUSED("[1e-400]", "byte 2: a number past what a double can hold");
    REFUSED("1e99999999999999999999", "byte 1: a number past what a double can hold");
    REFUSED("1e-99999999999999999999", "byte 1: a number past what a double can hold");
}

/* 1 + 2^-53 lies halfway between two doubles and goes to the even one, 1; a digit anywhere behind it decides otherwise. */
TEST(no_digit_is_overlooked_however_far_behind)
{
    static const char half[] = "1.00000000000000011102230246251565404236316680908203125";
    char *text = malloc(1000100);
    size_t size = sizeof half - 1;

    CHECK(text);
    memcpy(text, half, size);
    is_real(text, size, 1.0);
    for (size_t zeros = 600; zeros <= 1000000; zeros = zeros < 900 ? zeros + 1 : zeros * 10) {
        memset(text + size, '0', zeros);
        is_real(text, size + zeros, 1.0);
        text[size + zeros] = '1';
        is_real(text, size + zeros + 1, 1.0000000000000002);
    }
    /* A million zeros before the point or behind it, taken back by the exponent. */
    memset(text, '0', 1000000);
    text[0] = '7';
    memcpy(text + 1000000, "e-999999", 8);
    is_real(text, 1000008, 7.0);
    memcpy(text, "0.0", 3);
    memcpy(text + 1000000, "7e999999", 8);
    is_real(text, 1000008, 7.0);
    free(text);
}

/* ---- limits ---- */

static void nested(int depth, bool objects, char *text)
{
    char *p = text;

    for (int i = 0; i < depth; i++) p = stpcpy(p, objects && i % 2 ? "{\"\":" : "[");
    *p++ = '1';
    for (int i = depth; i-- > 0;) *p++ = objects && i % 2 ? '}' : ']';
    *p = '\0';
}

TEST(sixty_four_levels_and_no_more)
{
    char text[1000];

    for (int objects = 0; objects < 2; objects++) {
        nested(64, objects, text);
        json_decref(read_good(text, strlen(text)));
        nested(65, objects, text);
        REFUSED(text, objects ? "byte 161: more than 64 levels of arrays and objects"
                              : "byte 65: more than 64 levels of arrays and objects");
    }
    /* Side by side is no depth. */
    memset(text, '[', sizeof text);
    for (int i = 0; i < 300; i++) memcpy(text + 1 + i * 3, i ? ",[]" : " []", 3);
    text[901] = ']';
    json_decref(read_good(text, 902));
}

TEST(a_hundred_thousand_levels_do_not_use_up_the_stack)
{
    char *text = malloc(100000);

    CHECK(text);
    memset(text, '[', 100000);
    refused(text, 100000, "byte 65: more than 64 levels of arrays and objects");
    for (int i = 0; i < 100000; i += 5) memcpy(text + i, "{\"\":[", 5);
    refused(text, 100000, "byte 161: more than 64 levels of arrays and objects");
    free(text);
}

TEST(sixteen_mib_and_not_a_byte_more)
{
    char *text = malloc(JSON_SIZE_MAX + 1);
    struct buf written = {0};
    json_t *value;

    CHECK(text);
    memset(text, 'x', JSON_SIZE_MAX + 1);
    text[0] = text[JSON_SIZE_MAX - 1] = '"';
    text[JSON_SIZE_MAX] = ' ';
    value = read_good(text, JSON_SIZE_MAX);
    CHECK_INT(JSON_SIZE_MAX - 2, json_string_length(value));
    CHECK_OK(aer__json_write(&written, value, ERR));
    CHECK_MEM(text, JSON_SIZE_MAX, written.data, written.size);
    json_decref(value);
    refused(text, JSON_SIZE_MAX + 1, "byte 16777217: more than 16 MiB in one text");
    aer__buf_release(&written);
    free(text);
}
