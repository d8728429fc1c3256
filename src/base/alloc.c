/* alloc.c -- every allocation of ours, so that a test can make any one of them fail.
 *
 * Counting starts with the first call of aer__alloc_fail_at: outside tests an allocation costs one read of a
 * flag that nobody writes, and threads do not fight over a counter.
 *
 * Must not know: who allocates, or how much all of it may be (caches count for themselves).
 */
#include "base/base.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_bool counting;
static atomic_ulong counted; /* since the last aer__alloc_fail_at */
static atomic_ulong fail_at; /* 0: never */
static atomic_bool go_on;    /* and all after it */

bool aer__alloc_refused(void)
{
    unsigned long n, at;

    if (!atomic_load_explicit(&counting, memory_order_relaxed)) return false;
    n = atomic_fetch_add(&counted, 1) + 1;
    at = atomic_load(&fail_at);
    return at && (n == at || (n > at && atomic_load(&go_on)));
}

static unsigned long start_counting(unsigned long n, bool on)
{
    unsigned long before;

    atomic_store(&fail_at, 0);
    before = atomic_exchange(&counted, 0);
    atomic_store(&go_on, on);
    atomic_store(&fail_at, n);
    atomic_store(&counting, true);
    return before;
}

unsigned long aer__alloc_fail_at(unsigned long n)
{
    return start_counting(n, false);
}

unsigned long aer__alloc_fail_from(unsigned long n)
{
    return start_counting(n, true);
}

void *aer__alloc(size_t size)
{
    if (aer__alloc_refused()) return NULL;
    return malloc(size ? size : 1);
}

void *aer__calloc(size_t count, size_t size)
{
    if (aer__alloc_refused()) return NULL;
    if (count == 0 || size == 0) return calloc(1, 1);
    if (count > SIZE_MAX / size) return NULL;
    return calloc(count, size);
}

void *aer__realloc(void *p, size_t size)
{
    if (aer__alloc_refused()) return NULL;
    return realloc(p, size ? size : 1);
}

void aer__free(void *p)
{
    free(p);
}

void *aer__memdup(const void *p, size_t size)
{
    unsigned char *copy;

    if (size == SIZE_MAX) return NULL;
    copy = aer__alloc(size + 1);
    if (!copy) return NULL;
    if (size) memcpy(copy, p, size);
    copy[size] = '\0';
    return copy;
}

char *aer__strdup(const char *s)
{
    return aer__memdup(s, strlen(s));
}
