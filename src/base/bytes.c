/* bytes.c -- hashes, the order of keys, and numbers as they stand on disk.
 *
 * XXH3-64 is compiled in from xxHash's header: keys are short, and inlined it takes less time than a call
 * into the shared library. The values are the same ones `xxhsum -H3` prints.
 *
 * Everything here is part of the format: sums of rows, order of buckets_meta, big-endian numbers.
 */
#include "base/base.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t aer__hash(const void *p, size_t size)
{
    return XXH3_64bits(p, size);
}

uint64_t aer__hash_seed(const void *p, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(p, size, seed);
}

_Static_assert(sizeof(XXH3_state_t) <= sizeof(struct hasher), "struct hasher is too small");

void aer__hasher_begin(struct hasher *h)
{
    (void)XXH3_64bits_reset((XXH3_state_t *)h);
}

void aer__hasher_add(struct hasher *h, const void *p, size_t size)
{
    (void)XXH3_64bits_update((XXH3_state_t *)h, p, size);
}

uint64_t aer__hasher_sum(const struct hasher *h)
{
    return XXH3_64bits_digest((const XXH3_state_t *)h);
}

int aer__key_compare(const void *a, size_t a_size, const void *b, size_t b_size)
{
    size_t common = AER_MIN(a_size, b_size);
    int order = common ? memcmp(a, b, common) : 0;

    if (order) return order;
    return a_size < b_size ? -1 : a_size > b_size;
}

uint32_t aer__get_u32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

uint64_t aer__get_u64(const unsigned char *p)
{
    return (uint64_t)aer__get_u32(p) << 32 | aer__get_u32(p + 4);
}

void aer__put_u64(unsigned char *p, uint64_t v)
{
    int i;

    for (i = 7; i >= 0; i--) {
        p[i] = (unsigned char)(v & 0xff);
        v >>= 8;
    }
}
