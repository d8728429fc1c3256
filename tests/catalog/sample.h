/* sample.h -- what the tests of src/catalog share: a catalogue in a scratch directory, and plain SQL beside it. */
#ifndef TEST_CATALOG_SAMPLE_H
#define TEST_CATALOG_SAMPLE_H

#include "catalog/catalog.h"

#define SAMPLE_DATABASE "0123456789abcdef0123456789abcdef"
#define SAMPLE_CLOCK INT64_C(1700000000000)

void create_catalog(int dir);
struct catalog *open_catalog(int dir, int flags);
struct catalog *new_catalog(int dir); /* created, and open for writing */

/* SQL through a connection of its own, the way somebody else would change the file. */
void run_sql(int dir, const char *sql);
int64_t number_of(int dir, const char *sql);

/* One transaction around a single change. */
void put(struct catalog *c, const char *key, uint64_t seq);
void put_all(struct catalog *c, uint64_t first, uint64_t last); /* key00001 -> 1, ... */
/* The merged version of a key; 0: there is none. */
uint64_t seq_of(struct catalog *c, const void *key, size_t key_size);

/* A bucket of the range, with numbers that can be told apart; its id is the range's. */
struct catalog_bucket sample_bucket(uint64_t first, uint64_t last);

/* The buckets a catalogue lists. */
struct bucket_list {
    struct catalog_bucket at[8];
    size_t count;
};
struct bucket_list buckets_of(struct catalog *c);

/* The file and its -wal, without the -shm: what a process finds that comes after a crash. */
void copy_as_after_crash(int from, int to);

#endif
