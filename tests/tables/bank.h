/* bank.h -- accounts in tables, and a key that holds their sum: whoever sees one moment of all of it finds that they agree.
 *
 * For: the tests with several processes or threads. Must not know: who they are.
 *
 * There is a table for each kind of storage, and money goes from one to the other in one transaction; now and then some comes in or
 * goes out, accounts are opened and closed, and the key follows.
 */
#ifndef AER_TEST_BANK_H
#define AER_TEST_BANK_H

#include "moves.h"

struct bank {
    int kinds[3], kind_count;
    uint64_t random;
    aer_db *db;
    uint64_t transfers, looks, late; /* late: tables had changed between the beginning and the first look */
};

/* Makes the tables; b has its kinds and an open handle. */
void bank_make(struct bank *b);
/* A transaction; false: it was given up, as one in so many is. */
bool bank_transfer(struct bank *b);
/* A read transaction: each table by id or by an index, one way or the other, and the key first or last. */
void bank_look(struct bank *b);

#endif
