/* moves.h -- random things to do to tables and keys, each told to a shadow and compared with it.
 *
 * For: the tests of this folder. Must not know: in which round, process or thread it plays.
 *
 * What goes wrong ends the test with the last moves (history.h). AER_UNKNOWN and AER_BUSY are wrong, too.
 */
#ifndef AER_TEST_MOVES_H
#define AER_TEST_MOVES_H

#include <stdatomic.h>

#include "compare.h"
#include "history.h"

#define KEY_NAME 16
#define KEY_VALUE 600
#define OPS_MAX 600 /* of one transaction */

size_t key_name(char name[KEY_NAME], int key);
size_t key_value_size(uint64_t number);

/* What transactions did, in memory that outlives the process. */
struct journal {
    _Atomic uint32_t started, acknowledged; /* transactions */
    uint32_t ends[2000];                    /* of each: where its operations end */
    struct op ops[20000];
};

/* Mapped, shared with the processes forked from now on, empty. */
struct journal *journal_new(void);
void journal_free(struct journal *j);
/* Apply transaction N to a shadow. */
void journal_apply(const struct journal *j, uint32_t n, struct shadow *s);

struct player {
    struct shadow shadow;
    struct history history;
    uint64_t random;
    const char *path;
    aer_options options; /* to open with */
    aer_db *db[2];       /* two handles, or one twice */
    int kinds[3], kind_count;
    size_t most_rows;        /* of a table; beyond, rows are rather deleted */
    bool is_large;           /* rows of many KB come often */
    struct journal *journal; /* NULL: none */
    aer_txn *txn;
    aer_db *txn_db;
    struct op ops[OPS_MAX]; /* of the open transaction */
    unsigned op_count;
    uint64_t next_value;
    uint64_t refused, scans; /* so many */
};

/* Which kinds of storage this build can make. DIR is a scratch directory. */
void player_find_kinds(struct player *p);
/* Make a database for it; fanout 0: as it is. */
void player_make(const char *path, const char *fanout, uint64_t bucket_max_rows);
void player_open(struct player *p, bool two);
void player_close(struct player *p);
void player_release(struct player *p);
uint64_t player_random(struct player *p, uint64_t below);
void player_expect(struct player *p, aer_db *db, int expected, int actual, const char *call);
void player_agree(struct player *p, bool same, const char *reason);

/* A few definitions to begin with, if there are none. */
void player_tables(struct player *p);
/* Something: mostly a transaction of 1 to 200 changes, at times a look around or a change of definitions. */
void player_move(struct player *p);
void player_transaction(struct player *p, unsigned most);
void player_definition(struct player *p);
void player_look(struct player *p);
void player_check(struct player *p); /* all of it */
/* This very operation as a transaction of its own; an insert gets its id. */
void player_do(struct player *p, struct op *op);

/* For moves.c and define.c: a commit that is about to begin, and what it will do; that it is done; a handle, that of the
 * open transaction if there is one. */
void player_tell_started(struct player *p, const struct op *ops, unsigned count);
void player_tell_done(struct player *p);
aer_db *player_db(struct player *p);

/* random rows and bounds; rows.c */
void random_row(struct player *p, const struct table *t, struct row *row);
size_t random_json(struct player *p, const struct row *row, char text[TEXT_MAX]);
struct index *random_index(struct player *p, struct table *t); /* NULL: there is none */
void random_bounds(struct player *p, const struct table *t, const struct index *index, struct bounds *b, char prefix[32]);
void random_paths(struct player *p, const struct table *t, struct index *index);

#endif
