/* inspect.h -- is the database as a whole what the model says, and are its files what they should be?
 *
 * For: the tests of this folder. Must not know: what was done to the database.
 */
#ifndef AER_TEST_INSPECT_H
#define AER_TEST_INSPECT_H

#include "check.h"

/* Counts of aer_status against the model's last commit; nobody may write meanwhile. */
void inspect_status(struct run *run, aer_db *db);
/* aer_locate of one key. */
void inspect_locate(struct run *run, aer_db *db, size_t key);
/* Buckets follow each other without gap or overlap, from 1 on. */
void inspect_ranges(struct run *run, aer_db *db);
/* The same, and: each key of the model has one newest row in them, no other key has any; nobody may write meanwhile. */
void inspect_buckets(struct run *run, aer_db *db);
/* Every sealed bucket below DIR is read-only, of the right header and sound to SQLite; gives how many there are. No handle is open. */
size_t inspect_files(struct run *run, const char *dir);
/* Remove DIR and all below. */
void inspect_remove(const char *dir);

#endif
