/* sample.h -- a database with something of everything in it, written through the library and closed. */
#ifndef AER_TEST_SAMPLE_H
#define AER_TEST_SAMPLE_H

#include <aerials.h>

#define SAMPLE_PATH 4300

/* Puts, overwrites, deletes, meta, expiry, empty values, values in parts, a transaction larger than a bucket, a
 * compaction; then a seal, and a few rows more that stay in the active bucket. Lives until the end of the test. */
const char *sample_database(void);

#endif
