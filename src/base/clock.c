/* clock.c -- the time of day, time that passed, and waiting.
 *
 * The wall clock may jump either way, so it only stamps and compares expiry times; every wait and every
 * interval is measured with the monotonic clock.
 */
#include "base/base.h"

#include <errno.h>
#include <time.h>

static int64_t milliseconds(clockid_t clock)
{
    struct timespec now;

    if (clock_gettime(clock, &now) != 0) return 0; /* cannot happen with these clocks */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t aer__now_ms(void)
{
    return milliseconds(CLOCK_REALTIME);
}

int64_t aer__monotonic_ms(void)
{
    return milliseconds(CLOCK_MONOTONIC);
}

void aer__sleep_us(unsigned us)
{
    struct timespec left = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR) {}
}
