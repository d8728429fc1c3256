/* play.h -- one player of the random tests: what it may do to a database, chosen by dice, checked at every step.
 *
 * For: the tests of this folder. A player owns its keys: nobody else writes them. Others may write other keys.
 */
#ifndef AER_TEST_PLAY_H
#define AER_TEST_PLAY_H

#include "check.h"

#define SNAPSHOTS 6

struct snapshot {
    struct view view; /* txn NULL: not open */
    struct walk walk;
};

struct player {
    struct run run;
    aer_db *db[2]; /* two handles on one database, or twice the same */
    bool is_alone; /* nobody else writes: counts of the whole database can be compared */
    struct snapshot snapshots[SNAPSHOTS];
    struct view txn; /* the open write transaction, if any */
    size_t hot;      /* the first of the keys that are chosen most */
};

/* One operation, or a transaction of many. */
void play(struct player *p);
/* Seal, compact, sync, look around. */
void play_upkeep(struct player *p);
void play_close_snapshots(struct player *p);
/* Twice over every key, once each way with luck. */
void play_last_look(struct player *p);

#endif
