/* test_row.c -- the checksum and the size of a row. */
#include "sample.h"

#include <string.h>
#include <xxhash.h>

static struct row plain(void)
{
    return (struct row){.seq = 7, .key = "key", .key_size = 3, .value = "value", .value_size = 5};
}

TEST(the_sum_is_what_the_format_says)
{
    struct row row = plain();
    unsigned char head[64] = {0};
    XXH64_hash_t sum;

    head[7] = 7;
    head[15] = 3;
    head[23] = 5;
    memset(head + 24, 0xff, 8);
    sum = XXH3_64bits(head, sizeof head);
    sum = XXH3_64bits_withSeed("key", 3, sum);
    sum = XXH3_64bits_withSeed("", 0, sum);
    sum = XXH3_64bits_withSeed("value", 5, sum);
    CHECK(sum == aer__row_sum(&row));
}

/* Written into files for ever: a change of this number is a new format. */
TEST(the_sum_never_changes)
{
    struct row row = plain();

    row.meta = "{}";
    row.meta_size = 2;
    row.expires_ms = 1700000000000;
    row.part = -3;
    CHECK_INT((int64_t)UINT64_C(0x91deb695fd7e09f0), (int64_t)aer__row_sum(&row));
}

TEST(each_field_changes_the_sum)
{
    const struct row row = plain();
    uint64_t sums[12];
    struct row other;
    unsigned i, j, n = 0;

    sums[n++] = aer__row_sum(&row);
    other = row, other.seq = 8, sums[n++] = aer__row_sum(&other);
    other = row, other.key = "kez", sums[n++] = aer__row_sum(&other);
    other = row, other.key_size = 2, sums[n++] = aer__row_sum(&other);
    other = row, other.value = "valuf", sums[n++] = aer__row_sum(&other);
    other = row, other.value_size = 4, sums[n++] = aer__row_sum(&other);
    other = row, other.value_size = 0, sums[n++] = aer__row_sum(&other);
    other = row, other.value = NULL, other.value_size = 0, other.is_delete = true, sums[n++] = aer__row_sum(&other);
    other = row, other.meta = "", sums[n++] = aer__row_sum(&other);
    other = row, other.meta = "{}", other.meta_size = 2, sums[n++] = aer__row_sum(&other);
    other = row, other.expires_ms = 1, sums[n++] = aer__row_sum(&other);
    other = row, other.part = 1, sums[n++] = aer__row_sum(&other);
    for (i = 0; i < n; i++)
        for (j = 0; j < i; j++) CHECK(sums[i] != sums[j]);
}

TEST(bytes_that_move_from_key_to_meta_change_the_sum)
{
    struct row a = {.seq = 1, .key = "ab", .key_size = 2, .meta = "c", .meta_size = 1, .value = "", .value_size = 0};
    struct row b = {.seq = 1, .key = "a", .key_size = 1, .meta = "bc", .meta_size = 2, .value = "", .value_size = 0};

    CHECK(aer__row_sum(&a) != aer__row_sum(&b));
}

/* The bucket limit in bytes rests on it. */
TEST(the_size_of_a_row_is_nearly_what_it_takes_in_a_file)
{
    static const size_t sizes[] = {0, 16, 100, 700, 1500, 2100, 3900, 4100, 9000, 100000, 1 << 20};
    unsigned i;

    for (i = 0; i < AER_COUNT(sizes); i++) {
        uint64_t rows = sizes[i] > 50000 ? 24 : 1200;
        struct bytes image = sample_image(SAMPLE_ID, 1, rows, 1, sizes[i]);
        uint64_t said = 0, seq;

        for (seq = 1; seq <= rows; seq++) {
            struct row row = sample_row(seq, sizes[i]);

            said += aer__row_bytes(&row);
        }
        CHECK(said < image.size + image.size / 5 && said + said / 5 > image.size - 4 * 4096);
        bytes_free(&image);
    }
}
