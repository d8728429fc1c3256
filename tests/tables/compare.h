/* compare.h -- does a database hold what a shadow says?
 *
 * For: the tests of this folder. Must not know: how it came to hold it.
 *
 * A difference is told, not fatal: after a crash there is more than one state that would be right.
 */
#ifndef AER_TEST_COMPARE_H
#define AER_TEST_COMPARE_H

#include "shadow.h"

#define REASON 1200

/* Rows of a scan against those expected (NULL behind the last), at most LIMIT of them. */
bool compare_scan(aer_db *db, aer_txn *txn, const struct table *t, const struct index *index, const struct bounds *b,
                  int flags, size_t limit, char reason[REASON]);
/* One row; txn may be NULL. expected NULL: there is none. */
bool compare_row(aer_db *db, aer_txn *txn, const struct table *t, const char *id, const struct row *expected,
                 char reason[REASON]);
/* A key, txn may be NULL. */
bool compare_key(aer_db *db, aer_txn *txn, const struct shadow *s, int key, char reason[REASON]);
/* The rows in all orders that there are. */
bool compare_table(aer_db *db, aer_txn *txn, const struct table *t, char reason[REASON]);
/* Everything: tables, definitions, rows, index entries, keys. */
bool compare_all(aer_db *db, const struct shadow *s, char reason[REASON]);
/* The files below tables/: each is one that the shadow's rows and indexes need, with the bytes it should have, and
 * nothing is in quarantine/. No handle is open. */
bool compare_files(const char *dir, const struct shadow *s, char reason[REASON]);

#endif
