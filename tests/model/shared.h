/* shared.h -- what several processes know about the keys they write, in memory that outlives any of them.
 *
 * For: the tests that kill processes. Must not know: who is killed, or when.
 *
 * Keys come in groups; one transaction writes all keys of a group, with the group's next number in every value.
 * The number is noted as started before the commit is asked for, and as acknowledged after it returned. So whoever
 * takes a snapshot later finds in it a number that is not below what was acknowledged when it began and not above
 * what was started when it ended, the same number in every key of the group, and nothing else.
 */
#ifndef AER_TEST_SHARED_H
#define AER_TEST_SHARED_H

#include <aerials.h>
#include <stdatomic.h>

#include "check.h"

#define PROCESSES 4
#define GROUPS 24
#define ORDER_MAX 100000 /* commits that peers which keep order may make */

struct group {
    _Atomic uint64_t started, acknowledged; /* numbers; 0: never written */
};

struct shared {
    struct group groups[GROUPS];
    _Atomic uint64_t operations[PROCESSES];
    _Atomic uint64_t commits, snapshots, busy;
    _Atomic int stop;
    unsigned char order[ORDER_MAX];      /* which group each commit wrote, by the number of the commit */
    _Atomic uint64_t order_acknowledged; /* the last commit that was */
};

/* A process's own side. */
struct peer {
    struct shared *shared;
    struct run run; /* history and dice; its model is not used */
    aer_db *db;
    int number;
    int sync;         /* AER_SYNC_... for all that is done; 0: by dice each time */
    bool keeps_order; /* one process at a time: number the commits, see peer_settle */
};

/* Mapped, shared with the processes forked from now on, all zeros. */
struct shared *shared_new(void);
void shared_free(struct shared *shared);

void peer_init(struct peer *peer, struct shared *shared, int number, uint64_t seed);
void peer_release(struct peer *peer);

void peer_open(struct peer *peer, const char *path, int busy_ms);
void peer_close(struct peer *peer);
/* Seal, compact, sync, or see whether the buckets follow each other. */
void peer_upkeep(struct peer *peer);

/* One transaction that writes the next number to all keys of a group; or, now and then, half of it and a rollback. */
void peer_write(struct peer *peer, unsigned group);
/* A snapshot: check some groups in it, stay a while, and find the same again. */
void peer_read(struct peer *peer);
/* Every group in one snapshot. */
void peer_read_all(struct peer *peer);
/* After a power cut, keeping order: the state is exactly that after some commit. If ALL_ACKNOWLEDGED, after one that is
 * not before the last acknowledged one. What was lost is then forgotten. */
void peer_settle(struct peer *peer, bool all_acknowledged);

#endif
