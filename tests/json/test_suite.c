/* test_suite.c -- JSONTestSuite, see suite/LICENSE. */
#include "testing.h"
#include "values.h"
#include "json/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text_case {
    const char *name, *text;
    size_t size, times;
};

static const struct text_case cases[] = {
#define CASE(name, text, times) {name, text, sizeof text - 1, times},
#include "suite/cases.inc"
#undef CASE
};

/* Allowed by RFC 8259, and refused here: a database cannot keep both values, and jansson not this key. */
static const char *const refused[] = {"y_object_duplicated_key", "y_object_duplicated_key_and_value",
                                      "y_object_escaped_null_in_key"};

static bool is_refused(const struct text_case *c)
{
    for (size_t i = 0; i < AER_COUNT(refused); i++) {
        if (strcmp(c->name, refused[i]) == 0) return true;
    }
    return c->name[0] != 'y'; /* all of the i_ ask for what would change or lose something */
}

static char *whole(const struct text_case *c, size_t *size)
{
    /* Exactly as large as the text, so that a sanitizer sees a byte read behind it. */
    char *text = malloc(c->size ? c->size * c->times : 1);

    CHECK(text);
    for (size_t i = 0; i < c->times; i++) memcpy(text + i * c->size, c->text, c->size);
    *size = c->size * c->times;
    return text;
}

TEST(what_is_json_is_accepted_and_what_is_not_is_refused)
{
    int counts[3] = {0};

    for (size_t i = 0; i < AER_COUNT(cases); i++) {
        const struct text_case *c = &cases[i];
        int expected = is_refused(c) ? AER_INVALID : AER_OK, rc;
        struct err err = {0};
        json_t *value = NULL;
        size_t size;
        char *text = whole(c, &size);

        rc = aer__json_read(text, size, &value, &err);
        if (rc != expected) printf("%s: %s\n", c->name, err.message);
        CHECK_RC(expected, rc);
        CHECK((rc == AER_OK) == (value != NULL));
        if (rc) CHECK_MEM("byte ", 5, err.message, 5);
        json_decref(value);
        free(text);
        counts[c->name[0] == 'y' ? 0 : c->name[0] == 'n' ? 1 : 2]++;
    }
    CHECK_INT(95, counts[0]);
    CHECK_INT(188, counts[1]);
    CHECK_INT(35, counts[2]);
}

/* jansson's own reader, where both accept, reads the same. */
TEST(what_is_accepted_is_what_jansson_reads)
{
    int compared = 0;

    for (size_t i = 0; i < AER_COUNT(cases); i++) {
        const struct text_case *c = &cases[i];
        json_t *theirs = json_loadb(c->text, c->size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL), *ours;

        if (theirs && !is_refused(c)) {
            ours = read_good(c->text, c->size);
            if (!same(theirs, ours)) printf("%s\n", c->name);
            CHECK(same(theirs, ours));
            json_decref(ours);
            compared++;
        }
        json_decref(theirs);
    }
    CHECK(compared >= 90);
}
