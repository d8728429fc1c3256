/* test_nomem.c -- no memory at any one allocation, ours or jansson's, or from any one on: AER_NOMEM, nothing lost, nothing leaked. */
#include "testing.h"
#include "values.h"
#include "json/json.h"

#include <stdlib.h>
#include <string.h>

static long blocks; /* of jansson's */

static void *json_malloc(size_t size)
{
    void *p = aer__alloc_refused() ? NULL : malloc(size);

    if (p) blocks++;
    return p;
}

static void json_free(void *p)
{
    if (p) blocks--;
    free(p);
}

/* Words longer than any first buffer, escapes, nesting, more keys than are sorted on the stack, every type. */
static char *large_text(size_t *size)
{
    json_t *value = json_pack("{s:{s:[i,f,n,b,s,{},[],i,i,i,i]},s:s,s:s}", "nest\ned", "list \"quoted\"", 1, 2.5, 1,
                              "text\twith\x01 escapes", 8, 9, 10, 11, "a long name, with its end to be lost: bucket_max_rows",
                              "gr\xc3\xbc\xc3\x9f", "\xf0\x9f\x98\x80", "\n");
    json_t *many = json_object();
    char key[8] = "k\n00", *text, *spread;

    for (int i = 0; i < 40; i++) {
        key[2] = (char)('a' + i / 10);
        key[3] = (char)('0' + i % 10);
        CHECK_INT(0, json_object_set_new(many, key, json_integer(i)));
    }
    CHECK_INT(0, json_object_set_new(value, "many", many));
    text = json_dumps(value, JSON_ENSURE_ASCII);
    json_decref(value);
    CHECK(text);
    *size = strlen(text);
    spread = aer__memdup(text, *size);
    json_free(text);
    CHECK(spread);
    return spread;
}

static unsigned long starve(const char *text, size_t size, const struct buf *expected, bool on)
{
    unsigned long n;

    for (n = 1;; n++) {
        struct buf written = {0};
        struct err err = {0};
        json_t *value = NULL;
        int rc;

        if (on) aer__alloc_fail_from(n);
        else aer__alloc_fail_at(n);
        rc = aer__json_read(text, size, &value, &err);
        if (rc == AER_OK) rc = aer__json_write(&written, value, &err);
        if (aer__alloc_fail_at(0) < n) {
            CHECK_OK(rc);
            CHECK_MEM(expected->data, expected->size, written.data, written.size);
        } else {
            CHECK_RC(AER_NOMEM, rc);
            CHECK_STR("out of memory", err.message);
            CHECK_INT(0, written.size);
        }
        aer__buf_release(&written);
        json_decref(value);
        CHECK_INT(0, blocks);
        if (rc == AER_OK) return n;
    }
}

TEST(want_of_memory_is_never_a_bad_text_nor_a_shorter_one)
{
    struct buf expected = {0};
    json_t *value;
    size_t size;
    char *text;

    json_set_alloc_funcs(json_malloc, json_free);
    text = large_text(&size);
    value = read_good(text, size);
    CHECK_OK(aer__json_write(&expected, value, ERR));
    json_decref(value);
    CHECK(starve(text, size, &expected, false) > 60);
    CHECK(starve(text, size, &expected, true) > 60);
    aer__buf_release(&expected);
    aer__free(text);
}

/* And a bad text is bad, or there was no memory; it never passes for good. */
TEST(a_bad_text_stays_bad_without_memory)
{
    static const char *const texts[] = {"{\"a\\n\":[1,{\"b\":\"c\\td\"}],\"a\\n\":2}", "[\"\\u00e4\",\"\\ud800\"]",
                                        "{\"a\":{\"b\":[{\"c\":1}]}"};

    json_set_alloc_funcs(json_malloc, json_free);
    for (size_t i = 0; i < AER_COUNT(texts); i++) {
        for (unsigned long n = 1;; n++) {
            json_t *value = NULL;
            unsigned long asked;
            int rc;

            aer__alloc_fail_at(n);
            rc = aer__json_read(texts[i], strlen(texts[i]), &value, ERR);
            asked = aer__alloc_fail_at(0);
            CHECK(!value);
            CHECK_INT(0, blocks);
            CHECK_RC(asked < n ? AER_INVALID : AER_NOMEM, rc);
            if (asked < n) break;
        }
    }
}
