/* test_alloc.c -- tests src/base/alloc.c and src/base/buf.c. */
#include "testing.h"

#include <string.h>

TEST(the_nth_allocation_fails_and_only_that_one)
{
    void *a, *b, *c;

    aer__alloc_fail_at(2);
    a = aer__alloc(1);
    b = aer__calloc(1, 1);
    c = aer__strdup("x");
    CHECK(a && !b && c);
    CHECK_INT(3, aer__alloc_fail_at(0));
    CHECK_INT(0, aer__alloc_fail_at(0));
    aer__free(a);
    aer__free(c);
}

TEST(from_the_nth_allocation_on_all_fail)
{
    void *a, *b;

    aer__alloc_fail_from(2);
    a = aer__alloc(1);
    b = aer__alloc(1);
    CHECK(a && !b && !aer__calloc(1, 1) && !aer__strdup("x") && aer__alloc_refused());
    CHECK_INT(5, aer__alloc_fail_at(0));
    b = aer__alloc(1);
    CHECK(b && !aer__alloc_refused());
    aer__alloc_fail_at(0);
    aer__free(a);
    aer__free(b);
}

TEST(a_failed_realloc_keeps_the_old_block)
{
    char *p = aer__strdup("kept");

    aer__alloc_fail_at(1);
    CHECK(aer__realloc(p, 1000) == NULL);
    aer__alloc_fail_at(0);
    CHECK_STR("kept", p);
    aer__free(p);
}

TEST(nothing_and_too_much_are_allocated_safely)
{
    volatile size_t half = SIZE_MAX / 2;
    void *p = aer__alloc(0);
    void *q = aer__calloc(0, 5);

    CHECK(p && q);
    CHECK(aer__calloc(half, 3) == NULL);
    CHECK(aer__memdup(NULL, SIZE_MAX) == NULL);
    aer__free(p);
    aer__free(q);
    aer__free(NULL);
}

TEST(a_copy_has_a_nul_behind_it)
{
    char *p = aer__memdup("a\0b", 3);
    char *none = aer__memdup(NULL, 0);

    CHECK_MEM("a\0b\0", 4, p, 4);
    CHECK_STR("", none);
    aer__free(p);
    aer__free(none);
}

TEST(a_buffer_grows_and_keeps_its_bytes)
{
    struct buf b = {0};
    unsigned i;

    CHECK_OK(aer__buf_append(&b, NULL, 0));
    CHECK(b.data == NULL);
    for (i = 0; i < 10000; i++) CHECK_OK(aer__buf_append(&b, &i, sizeof i));
    CHECK_INT(40000, b.size);
    for (i = 0; i < 10000; i++) CHECK(memcmp(b.data + i * sizeof i, &i, sizeof i) == 0);
    aer__buf_release(&b);
    CHECK(b.data == NULL && b.size == 0 && b.capacity == 0);
}

TEST(a_buffer_that_cannot_grow_stays_as_it_was)
{
    struct buf b = {0};

    CHECK_OK(aer__buf_append(&b, "abc", 3));
    aer__alloc_fail_at(1);
    CHECK_RC(AER_NOMEM, aer__buf_reserve(&b, 100000));
    aer__alloc_fail_at(0);
    CHECK_RC(AER_NOMEM, aer__buf_reserve(&b, SIZE_MAX));
    CHECK_RC(AER_NOMEM, aer__buf_reserve(&b, SIZE_MAX - 2));
    CHECK_MEM("abc", 3, b.data, b.size);
    aer__buf_release(&b);
}
