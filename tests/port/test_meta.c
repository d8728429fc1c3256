/* test_meta.c -- tests src/port/meta.c and the path check of src/port/source.c. */
#include "testing.h"

#include "port/port_internal.h"

#include <string.h>

static void there_and_back(int64_t sec, long nsec)
{
    struct port_meta meta = {
        .type = 'l', .has_mode = true, .has_mtime = true, .mode = 04755, .mtime_sec = sec, .mtime_nsec = nsec};
    struct port_meta back;
    char text[PORT_META_SIZE];
    bool extra = true;
    size_t size = aer__port_meta_format(&meta, text);

    CHECK(size < PORT_META_SIZE);
    CHECK(aer__port_meta_refused(text, size) == NULL);
    aer__port_meta_parse(text, size, &back, &extra);
    CHECK(back.type == 'l' && back.has_mode && back.has_mtime && !extra);
    CHECK_INT(04755, back.mode);
    CHECK_INT(sec, back.mtime_sec);
    CHECK_INT(nsec, back.mtime_nsec);
}

TEST(times_come_back_to_the_nanosecond_before_1970_too)
{
    there_and_back(0, 0);
    there_and_back(1700000000, 123456789);
    there_and_back(0, 1);
    there_and_back(-1, 0);
    there_and_back(-1, 999999999);
    there_and_back(-315619200, 500000000);
    there_and_back(INT64_C(99999999999999), 999999999);
    there_and_back(-INT64_C(99999999999999), 1);
}

static struct port_meta parsed(const char *text, bool *extra)
{
    struct port_meta meta;

    aer__port_meta_parse(text, strlen(text), &meta, extra);
    return meta;
}

TEST(any_json_is_read_for_what_it_says)
{
    bool extra;
    struct port_meta meta = parsed("{\"mtime\":1.5,\"mode\":\"644\",\"owner\":\"me\"}", &extra);

    CHECK(extra && meta.has_mtime && meta.has_mode && meta.type == 0);
    CHECK(meta.mtime_sec == 1 && meta.mtime_nsec == 500000000 && meta.mode == 0644);
    meta = parsed("{\"mtime\":-1.5}", &extra);
    CHECK(meta.mtime_sec == -2 && meta.mtime_nsec == 500000000);
    meta = parsed("{\"mtime\":1e300,\"mode\":\"99\",\"type\":\"fifo\"}", &extra);
    CHECK(extra && !meta.has_mtime && !meta.has_mode && meta.type == 0);
    meta = parsed("{\"mtime\":\"1.5x\",\"mode\":\"77777\"}", &extra);
    CHECK(extra && !meta.has_mtime && !meta.has_mode);
    meta = parsed("not JSON", &extra);
    CHECK(!meta.has_mtime && !meta.has_mode);
}

TEST(meta_the_library_would_refuse_is_refused_first)
{
    CHECK(aer__port_meta_refused("{}", 2) == NULL);
    CHECK(aer__port_meta_refused("[]", 2) != NULL);
    CHECK(aer__port_meta_refused("{\"a\":1,\"a\":2}", 13) != NULL);
    CHECK(aer__port_meta_refused("{\"a\":\"\\u0000\"}", 14) != NULL);
    CHECK(aer__port_meta_refused("", 0) != NULL);
}

TEST(only_paths_that_stay_below_are_safe)
{
    static const char *const safe[] = {"a", "a/b", "a/", "...", "..a", "a..", ".a", "a/...", " ", "-", "\xff", "a\n"};
    static const char *const unsafe[] = {"",     "/",    "/a",     "a//b", "a//",   "//a", ".",  "..",
                                         "a/..", "../a", "a/../b", "./a",  "a/./b", "a/.", "../"};

    for (size_t i = 0; i < sizeof(safe) / sizeof(safe[0]); i++)
        CHECK(aer__port_unsafe((aer_slice){safe[i], strlen(safe[i])}) == NULL);
    for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++)
        CHECK(aer__port_unsafe((aer_slice){unsafe[i], strlen(unsafe[i])}) != NULL);
    CHECK(aer__port_unsafe((aer_slice){"a\0b", 3}) != NULL);
}
