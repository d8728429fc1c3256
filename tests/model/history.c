/* history.c -- a ring of lines; see history.h. */
#include "history.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "testing.h"

void history_add(struct history *h, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(h->lines[h->count % HISTORY_LINES], HISTORY_LINE_SIZE, format, args);
    va_end(args);
    h->count++;
}

void history_fail(const struct history *h, const char *format, ...)
{
    uint64_t first = h->count > HISTORY_LINES ? h->count - HISTORY_LINES : 0;
    char reason[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    flockfile(stderr);
    for (uint64_t i = first; i < h->count; i++) fprintf(stderr, "  %" PRIu64 "  %s\n", i, h->lines[i % HISTORY_LINES]);
    fprintf(stderr, "AERIALS_SEED=%" PRIu64 " AERIALS_ROUND=%d, operation %" PRIu64 ": %s\n", test_seed(), h->round,
            h->count - 1, reason);
    funlockfile(stderr);
    test__check(false, reason, __FILE__, __LINE__);
}
