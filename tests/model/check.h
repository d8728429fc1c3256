/* check.h -- compare what a database answers with what the model holds.
 *
 * For: the tests of this folder. Must not know: how the database came to hold it, or what its files look like.
 */
#ifndef AER_TEST_CHECK_H
#define AER_TEST_CHECK_H

#include <aerials.h>

#include "history.h"
#include "model.h"

#define VALUE_SIZE_MAX ((size_t)512 * 1024)

/* One model, the history of what was done to it, and the random numbers that decide what is done next. */
struct run {
    struct model model;
    struct history history;
    uint64_t random;
    unsigned char *buffer; /* VALUE_SIZE_MAX bytes */
    char key_text[2][64];  /* see key_text() */
};

/* One way to look at a database: through the handle, or in a transaction. */
struct view {
    aer_db *db;
    aer_txn *txn;   /* NULL: through the handle */
    uint64_t stamp; /* the moment it sees */
};

/* About KEY_COUNT keys, all with the prefix, which must outlive the run; 0: add them yourself. */
void run_init(struct run *run, uint64_t seed, const char *prefix, size_t key_count);
void run_release(struct run *run);
uint64_t run_random(struct run *run, uint64_t below);

/* The key for people; two at a time may be in use. */
const char *key_text(struct run *run, size_t key);
/* The code must be this one, else the test ends with the history and the handle's message. */
void expect(struct run *run, aer_db *db, int expected, int actual, const char *call);

/* Each reads and compares; the test ends at the first difference. */
void check_get(struct run *run, const struct view *view, size_t key);
void check_get_into(struct run *run, const struct view *view, size_t key);
void check_stat(struct run *run, const struct view *view, size_t key);   /* in a transaction only */
void check_reader(struct run *run, const struct view *view, size_t key); /* in a transaction only */

/* A cursor and where in the model it must be; opened with a range, random or whole. */
struct walk {
    aer_cursor *cursor; /* NULL: not open */
    struct view view;
    size_t first, last; /* keys first <= key < last are in the range */
    size_t position;    /* keys passed so far, present or not */
    bool is_reverse, is_keys_only;
    uint64_t value_limit; /* 0: none asked for */
};

void walk_open(struct run *run, const struct view *view, bool whole, struct walk *walk);
/* Up to COUNT keys further. False at the end. */
bool walk_next(struct run *run, struct walk *walk, size_t count);
void walk_close(struct walk *walk);
/* Every key there is with the prefix of the run, one way or the other, and no other. */
void check_all(struct run *run, const struct view *view);

#endif
