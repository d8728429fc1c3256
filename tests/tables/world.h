/* world.h -- a database whose processes die, and which of the states that would be right it is in afterwards.
 *
 * For: the tests that kill. Must not know: how a process dies.
 *
 * A life is a process that plays transactions and notes each in a journal that outlives it, before the commit and after. When
 * it is dead, the database must hold what was acknowledged, and perhaps the one transaction more that was under way.
 */
#ifndef AER_TEST_WORLD_H
#define AER_TEST_WORLD_H

#include <sys/types.h>

#include "moves.h"

struct world {
    struct player p;     /* its shadow is what the database held when it was looked at last */
    struct player found; /* kinds */
    struct journal *journal;
    char path[4200];
    int number; /* of the database */
    uint64_t random, lives;
    unsigned in_flight, in_flight_there; /* deaths in a commit, and how often it had happened */
};

void world_init(struct world *w);
/* A new database below scratch_path(): each time another kind of storage, or all of them. */
void world_make(struct world *w, int sync);
void world_remove(struct world *w);
uint64_t world_random(struct world *w, uint64_t below);

/* To be called in a process of its own: so many transactions and changes of definitions, each told with a byte to ACK (-1: not). */
void world_live(struct world *w, unsigned transactions, int ack);
/* The same, but it opens, looks and closes only: what the dead left is put in order. */
void world_recover(struct world *w);
/* All processes are dead: find the state, and compare everything. any: it may be that after any transaction of the journal, else
 * the last acknowledged or the one behind it. The journal is empty then. */
void world_settle(struct world *w, bool any);

#endif
