/* faults.h -- run one operation again and again, each time with another call of the system failing. */
#ifndef TEST_FAULTS_H
#define TEST_FAULTS_H

#include "fs/fs.h"

/* What the operation under test looks like: 0 or a code. */
typedef int (*operation)(int dir, struct err *err);
/* Called after each run, in that run's own directory, with what the operation answered. */
typedef void (*inspection)(int dir, int rc);

/* For each kind of fault and N = 1, 2, ...: a fresh directory, prepare, the Nth call of that kind fails, run, inspect;
 * until a run is no longer hit. Then the same without openat2. Returns how many runs failed. */
unsigned run_with_faults(void (*prepare)(int dir), operation run, inspection inspect);

/* How many calls of that kind the operation makes, so that one left out (a sync!) is noticed. */
unsigned calls_of(int kind, void (*prepare)(int dir), operation run);

#endif
