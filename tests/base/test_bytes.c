/* test_bytes.c -- tests src/base/bytes.c and src/base/clock.c. The values here are on people's disks: they must not change. */
#include "testing.h"

#include <string.h>

TEST(hashes_are_xxh3)
{
    unsigned char bytes[300];
    size_t i;

    for (i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)i;
    CHECK(aer__hash("", 0) == UINT64_C(0x2d06800538d394c2)); /* xxhsum -H3 /dev/null */
    CHECK(aer__hash(NULL, 0) == aer__hash("", 0));
    CHECK(aer__hash("abc", 3) == UINT64_C(0x78af5f94892f3950));
    CHECK(aer__hash_seed(bytes, sizeof bytes, 0) == aer__hash(bytes, sizeof bytes));
    CHECK(aer__hash_seed(bytes, sizeof bytes, 1) != aer__hash(bytes, sizeof bytes));
    CHECK(aer__hash_seed("", 0, 7) != aer__hash_seed("", 0, 8));
}

TEST(keys_are_ordered_as_memcmp_does_and_the_shorter_first)
{
    CHECK(aer__key_compare("a", 1, "b", 1) < 0);
    CHECK(aer__key_compare("b", 1, "a", 1) > 0);
    CHECK(aer__key_compare("a", 1, "a", 1) == 0);
    CHECK(aer__key_compare("a", 1, "a\0", 2) < 0);
    CHECK(aer__key_compare("a\0", 2, "a", 1) > 0);
    CHECK(aer__key_compare("\xff", 1, "\x01", 1) > 0);
    CHECK(aer__key_compare("\x80", 1, "\x7f", 1) > 0);
    CHECK(aer__key_compare(NULL, 0, "a", 1) < 0);
    CHECK(aer__key_compare(NULL, 0, NULL, 0) == 0);
}

TEST(numbers_in_bytes_are_big_endian)
{
    static const unsigned char bytes[] = {0x01, 0x02, 0x03, 0x04, 0xf5, 0xf6, 0xf7, 0xf8};
    unsigned char out[8];

    CHECK(aer__get_u32(bytes) == 0x01020304);
    CHECK(aer__get_u32(bytes + 4) == 0xf5f6f7f8);
    CHECK(aer__get_u64(bytes) == UINT64_C(0x01020304f5f6f7f8));
    aer__put_u64(out, UINT64_C(0x01020304f5f6f7f8));
    CHECK_MEM(bytes, sizeof bytes, out, sizeof out);
    aer__put_u64(out, UINT64_MAX);
    CHECK(aer__get_u64(out) == UINT64_MAX);
}

TEST(a_sleep_lasts_at_least_as_long_as_asked)
{
    int64_t before = aer__monotonic_ms();

    aer__sleep_us(20000);
    CHECK(aer__monotonic_ms() - before >= 19);
    CHECK(aer__now_ms() > INT64_C(1600000000000));
}
