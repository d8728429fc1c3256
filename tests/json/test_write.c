/* test_write.c -- one text for one value, paths, and what has no text. */
#include "testing.h"
#include "values.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void canonical(const char *text, const char *expected)
{
    json_t *value = read_good(text, strlen(text));

    CHECK_STR(expected, text_of(value, NULL));
    json_decref(value);
}

TEST(keys_are_sorted_and_spaces_go)
{
    canonical(" { \"b\" : 1 , \"a\" : [ true , false , null , { } , [ ] ] } ",
              "{\"a\":[true,false,null,{},[]],\"b\":1}");
    canonical("{\"b\":0,\"ab\":0,\"a\":0,\"\":0,\"B\":0,\"\xc3\xa4\":0,\"~\":0,\"aa\":0}",
              "{\"\":0,\"B\":0,\"a\":0,\"aa\":0,\"ab\":0,\"b\":0,\"~\":0,\"\xc3\xa4\":0}");
    canonical("[9223372036854775807,-9223372036854775808,0,-0,10]",
              "[9223372036854775807,-9223372036854775808,0,0,10]");
}

/* More keys than are sorted on the stack; 33 and 32 too. */
TEST(many_keys_are_sorted)
{
    for (int count = 30; count <= 300; count = count < 35 ? count + 1 : count * 2) {
        json_t *value = json_object();
        char key[16];
        const char *at;

        for (int i = 0; i < count; i++) {
            snprintf(key, sizeof key, "k%04d", i * 7919 % 10000);
            CHECK_INT(0, json_object_set_new(value, key, json_integer(i)));
        }
        at = text_of(value, NULL);
        for (int i = 0; i < count; i++) {
            const char *next = strstr(at, "\"k");

            CHECK(next);
            if (i) CHECK(memcmp(key, next + 1, 5) < 0);
            memcpy(key, next + 1, 5);
            at = next + 1;
        }
        CHECK(!strstr(at, "\"k"));
        json_decref(value);
    }
}

TEST(only_what_must_be_escaped_is)
{
    static const char expected[] = "\"\\u0000\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\b\\t\\n\\u000b\\f\\r\\u"
                                   "000e\\u000f\\u0010\\u0011\\u0012"
                                   "\\u0013\\u0014\\u0015\\u0016\\u0017\\u0018\\u0019\\u001a\\u001b\\u001c\\u001d\\u001"
                                   "e\\u001f !\\\"#/\\\\\x7f\xc3\xa4\"";
    char text[48];
    struct buf to = {0};
    size_t size = 0;

    while (size < 0x24) text[size] = (char)size, size++;
    memcpy(text + size, "/\\\x7f\xc3\xa4", 5);
    CHECK_OK(aer__json_write_string(&to, text, size + 5, ERR));
    CHECK_MEM(expected, sizeof expected - 1, to.data, to.size);
    aer__buf_release(&to);
}

TEST(a_text_is_appended)
{
    struct buf to = {0};
    json_t *value = read_good("[1]", 3);

    CHECK_OK(aer__buf_append(&to, "x", 1));
    CHECK_OK(aer__json_write(&to, value, ERR));
    CHECK_OK(aer__json_write_string(&to, "", 0, ERR));
    CHECK_MEM("x[1]\"\"", 6, to.data, to.size);
    aer__buf_release(&to);
    json_decref(value);
}

TEST(doubles_have_their_shortest_form)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.0, "0.0"},
                 {-0.0, "-0.0"},
                 {3.0, "3.0"},
                 {-1.5, "-1.5"},
                 {0.1, "0.1"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {12.5, "12.5"},
                 {19.99, "19.99"},
                 {100, "100.0"},
                 {1234567.125, "1234567.125"},
                 {-52.520008, "-52.520008"},
                 {1e14, "100000000000000.0"},
                 {999999999999999, "999999999999999.0"},
                 {1e15, "1e15"},
                 {1234567890123456, "1234567890123456.0"},
                 {12345678901234568, "12345678901234568.0"},
                 {9007199254740994.0, "9007199254740994.0"},
                 {123456789012345680000.0, "1.2345678901234568e20"},
                 {1e300, "1e300"},
                 {-1.5e-7, "-1.5e-7"},
                 {0.0001, "0.0001"},
                 {0.00012345678901, "0.00012345678901"},
                 {0.00001, "1e-5"},
                 {1.0 / 3, "0.3333333333333333"},
                 {1e100, "1e100"},
                 {1.7976931348623157e308, "1.7976931348623157e308"},
                 {2.2250738585072014e-308, "2.2250738585072014e-308"},
                 {4.9406564584124654e-324, "5e-324"},
                 {2.2250738585072011e-308, "2.225073858507201e-308"}};

    for (size_t i = 0; i < AER_COUNT(cases); i++) {
        json_t *value = json_real(cases[i].value);

        CHECK_STR(cases[i].text, text_of(value, NULL));
        json_decref(value);
    }
}

static void refused(json_t *value, const char *message)
{
    struct buf to = {0};
    struct err err = {0};

    CHECK(value);
    CHECK_OK(aer__buf_append(&to, "before", 6));
    CHECK_RC(AER_INVALID, aer__json_write(&to, value, &err));
    CHECK_STR(message, err.message);
    CHECK_MEM("before", 6, to.data, to.size);
    aer__buf_release(&to);
    json_decref(value);
}

TEST(what_could_not_be_read_again_is_not_written)
{
    json_t *deep = json_integer(1), *object = json_object(), *list = json_array(), *copy;
    struct buf to = {0};

    for (int i = 0; i < 64; i++) deep = json_pack("[o]", deep);
    json_decref(read_good(text_of(deep, NULL), 129));
    refused(json_pack("[o]", deep), "more than 64 levels of arrays and objects");

    CHECK_INT(0, json_object_setn_new_nocheck(object, "a\0b", 3, json_true()));
    refused(object, "a key with a NUL in it");
    object = json_object();
    CHECK_INT(0, json_object_setn_new_nocheck(object, "a\xff", 2, json_true()));
    refused(object, "a string that is not UTF-8");
    refused(json_pack("[o]", json_stringn_nocheck("cut \xe2\x82", 6)), "a string that is not UTF-8");
    CHECK_RC(AER_INVALID, aer__json_write_string(&to, "\xc3", 1, ERR));
    CHECK_INT(0, to.size);
    aer__buf_release(&to);

    for (int i = 0; i < 17; i++) {
        char *mib = calloc(1, 1 << 20);

        CHECK(mib);
        memset(mib, 'x', (1 << 20) - 3); /* with its quotes and a comma a MiB */
        CHECK_INT(0, json_array_append_new(list, json_stringn(mib, (1 << 20) - 3)));
        free(mib);
        if (i == 14) {
            copy = json_copy(list);
            (void)text_of(copy, NULL);
            json_decref(copy);
        }
    }
    refused(list, "more than 16 MiB in one text");
}

/* No deeper than allowed, and none holds itself, but written out it would have 2^62 ends. */
TEST(a_value_that_is_shared_again_and_again_ends)
{
    json_t *value = json_array();

    for (int i = 0; i < 62; i++) value = json_pack("[O, o]", value, value);
    refused(value, "more than 16 MiB in one text");
}

TEST(a_value_that_holds_itself_ends)
{
    json_t *a = json_array(), *b = json_array();
    struct buf to = {0};

    CHECK_INT(0, json_array_append(a, b));
    CHECK_INT(0, json_array_append(b, a));
    CHECK_RC(AER_INVALID, aer__json_write(&to, a, ERR));
    CHECK_INT(0, to.size);
    aer__buf_release(&to);
    CHECK_INT(0, json_array_clear(a));
    json_decref(b);
    json_decref(a);
}

TEST(a_string_that_would_be_too_long_is_not_written)
{
    char *text = malloc(JSON_SIZE_MAX);
    json_t *value;
    size_t size;

    CHECK(text);
    memset(text, 'x', JSON_SIZE_MAX);
    value = json_stringn(text, JSON_SIZE_MAX - 2);
    CHECK(text_of(value, &size));
    CHECK_INT(JSON_SIZE_MAX, size);
    json_decref(value);
    refused(json_stringn(text, JSON_SIZE_MAX - 1), "more than 16 MiB in one text");
    free(text);
}

TEST(a_path_leads_through_objects)
{
    static const char text[] =
        "{\"address\":{\"city\":\"Ulm\",\"\":{\"x\":1}},\"n\":null,\"list\":[{\"city\":2}],\"a\":{\"b\":{\"c\":3}}}";
    json_t *value = read_good(text, sizeof text - 1);

    CHECK_STR("Ulm", json_string_value(aer__json_at(value, "address.city")));
    CHECK_INT(3, json_integer_value(aer__json_at(value, "a.b.c")));
    CHECK_INT(1, json_integer_value(aer__json_at(value, "address..x")));
    CHECK(json_is_null(aer__json_at(value, "n")));
    CHECK(json_is_object(aer__json_at(value, "a")));
    CHECK(!aer__json_at(value, "n.x"));
    CHECK(!aer__json_at(value, "list.city"));
    CHECK(!aer__json_at(value, "address.city.x"));
    CHECK(!aer__json_at(value, "addres"));
    CHECK(!aer__json_at(value, "a.b.c.d"));
    CHECK(!aer__json_at(value, "a."));
    CHECK(!aer__json_at(value, ""));
    CHECK(!aer__json_at(json_true(), "a"));
    json_decref(value);
}
