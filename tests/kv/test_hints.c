/* test_hints.c -- a hint is the last thing that was said about a key, or nothing; never something else. */
#include "kv/hints.h"

#include "testing.h"

#include <string.h>

#define SEQ_MAX ((UINT64_C(1) << 48) - 1)

TEST(what_was_set_is_got_until_it_is_forgotten)
{
    struct hints h;

    CHECK_OK(aer__hints_init(&h, 1 << 16, ERR));
    CHECK_INT(0, aer__hints_get(&h, 42));
    aer__hints_set(&h, 42, 7);
    CHECK_INT(7, aer__hints_get(&h, 42));
    aer__hints_set(&h, 42, SEQ_MAX);
    CHECK_INT(SEQ_MAX, aer__hints_get(&h, 42));
    aer__hints_set(&h, 43, 8); /* the same line, another tag */
    CHECK_INT(SEQ_MAX, aer__hints_get(&h, 42));
    aer__hints_set(&h, 42, 0);
    CHECK_INT(0, aer__hints_get(&h, 42));
    CHECK_INT(8, aer__hints_get(&h, 43));
    aer__hints_set(&h, 44, 9);
    aer__hints_set(&h, 44, SEQ_MAX + 6); /* does not fit: rather none than a wrong one, or one of another tag */
    CHECK_INT(0, aer__hints_get(&h, 44));
    CHECK_INT(0, aer__hints_get(&h, 45));
    aer__hints_release(&h);
}

TEST(the_hash_of_zero_is_a_hash_like_any)
{
    struct hints h;

    CHECK_OK(aer__hints_init(&h, 1 << 16, ERR));
    CHECK_INT(0, aer__hints_get(&h, 0));
    aer__hints_set(&h, 0, 1);
    CHECK_INT(1, aer__hints_get(&h, 0));
    aer__hints_set(&h, UINT64_MAX, 2);
    CHECK_INT(2, aer__hints_get(&h, UINT64_MAX));
    aer__hints_clear(&h);
    CHECK_INT(0, aer__hints_get(&h, 0));
    CHECK_INT(0, aer__hints_get(&h, UINT64_MAX));
    aer__hints_release(&h);
}

TEST(a_line_holds_eight_and_a_ninth_takes_the_place_of_one)
{
    struct hints h;
    unsigned found = 0;

    CHECK_OK(aer__hints_init(&h, 1 << 16, ERR));
    for (uint64_t tag = 1; tag <= 8; tag++) aer__hints_set(&h, tag, 100 + tag);
    for (uint64_t tag = 1; tag <= 8; tag++) CHECK_INT(100 + tag, aer__hints_get(&h, tag));
    aer__hints_set(&h, 9, 109);
    CHECK_INT(109, aer__hints_get(&h, 9));
    for (uint64_t tag = 1; tag <= 8; tag++) {
        uint64_t seq = aer__hints_get(&h, tag);
        CHECK(seq == 0 || seq == 100 + tag);
        found += seq != 0;
    }
    CHECK_INT(7, found);
    aer__hints_release(&h);
}

TEST(memory_stays_within_what_was_given)
{
    static const uint64_t bytes[] = {0, 1, 4096, 5000, 1 << 20, (1 << 20) + 1, (1 << 21) - 1};

    for (size_t i = 0; i < AER_COUNT(bytes); i++) {
        struct hints h;
        CHECK_OK(aer__hints_init(&h, bytes[i], ERR));
        CHECK((h.mask + 1) * 64 <= AER_MAX(bytes[i], UINT64_C(4096))); /* so few are always there */
        CHECK((h.mask + 1) * 128 > bytes[i]);
        aer__hints_set(&h, UINT64_MAX, 1);
        CHECK_INT(1, aer__hints_get(&h, UINT64_MAX));
        aer__hints_release(&h);
        aer__hints_release(&h);
    }
}

TEST(no_memory_is_an_error)
{
    struct hints h;

    aer__alloc_fail_at(1);
    CHECK_RC(AER_NOMEM, aer__hints_init(&h, 1 << 16, ERR));
    aer__alloc_fail_at(0);
    aer__hints_release(&h);
}

/* 64 lines and all tags; keys that share both share an entry, so the model goes by line and tag. */
TEST(random_hints_are_the_last_ones_set_or_gone)
{
    static uint64_t last[64][256];
    uint64_t seed = test_seed();
    unsigned kept = 0, gone = 0;
    struct hints h;

    memset(last, 0, sizeof last);
    CHECK_OK(aer__hints_init(&h, 4096, ERR));
    CHECK_INT(63, h.mask);
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t hash = test_random(&seed) & ~UINT64_C(0xff00); /* 256 tags a line: far more than it holds */
        uint64_t *model = &last[(hash >> 16) & 63][hash & 0xff], got = aer__hints_get(&h, hash);

        CHECK(got == 0 || got == *model);
        if (*model) {
            kept += got != 0;
            gone += got == 0;
        }
        *model = test_random(&seed) % 8 ? 1 + test_random(&seed) % SEQ_MAX : 0;
        aer__hints_set(&h, hash, *model);
        CHECK(aer__hints_get(&h, hash) == *model);
    }
    CHECK(kept > 1000 && gone > 1000);
    aer__hints_release(&h);
}

TEST(what_is_added_takes_nobodys_place)
{
    struct hints h;

    CHECK_OK(aer__hints_init(&h, 1 << 16, ERR));
    CHECK(aer__hints_add(&h, 1, 101));
    CHECK(!aer__hints_add(&h, 1, 102)); /* it has one */
    CHECK_INT(101, aer__hints_get(&h, 1));
    for (uint64_t tag = 2; tag <= 8; tag++) CHECK(aer__hints_add(&h, tag, 100 + tag));
    CHECK(!aer__hints_add(&h, 9, 109));
    CHECK_INT(0, aer__hints_get(&h, 9));
    for (uint64_t tag = 1; tag <= 8; tag++) CHECK_INT(100 + tag, aer__hints_get(&h, tag));
    aer__hints_set(&h, 3, 0);
    CHECK(!aer__hints_add(&h, 9, 0) && !aer__hints_add(&h, 9, SEQ_MAX + 1));
    CHECK(aer__hints_add(&h, 9, SEQ_MAX));
    CHECK_INT(SEQ_MAX, aer__hints_get(&h, 9));
    CHECK(aer__hints_room(&h) * 8 <= 1 << 16);
    aer__hints_release(&h);
}
