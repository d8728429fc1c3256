/* history.h -- the last things a random test did, to be printed when one of them went wrong.
 *
 * For: the tests of this folder. Must not know: the library.
 */
#ifndef AER_TEST_HISTORY_H
#define AER_TEST_HISTORY_H

#include <stdint.h>

#define HISTORY_LINES 20
#define HISTORY_LINE_SIZE 200

struct history {
    uint64_t count; /* operations so far: the number of the next one */
    int round;      /* of the test, or the number of the thread or process */
    char lines[HISTORY_LINES][HISTORY_LINE_SIZE];
};

/* What is about to be done. */
void history_add(struct history *h, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Print seed, operation number, the last operations and the reason; the test ends. */
void history_fail(const struct history *h, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
