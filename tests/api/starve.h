/* starve.h -- no memory, for every allocator that works for the library: our own, SQLite's, jansson's.
 *
 * All three are counted together, so "the 17th allocation" is one point in what a call does.
 */
#ifndef AER_TEST_STARVE_H
#define AER_TEST_STARVE_H

#include <stdbool.h>

/* Install the allocators; before SQLite is first used in the process. */
void starve_init(void);
/* The Nth allocation from now on fails (ON: all after it too), in any thread. */
void starve_from(unsigned long n, bool on);
/* There is memory again. How many allocations were asked for meanwhile. */
unsigned long starve_end(void);
/* Bytes SQLite has allocated. */
long long starve_sqlite_bytes(void);

#endif
