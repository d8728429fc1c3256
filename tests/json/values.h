/* values.h -- JSON values for the tests of this folder. */
#ifndef AER_TEST_VALUES_H
#define AER_TEST_VALUES_H

#include "json/json.h"

/* Read a text that is to be good. */
json_t *read_good(const char *text, size_t size);
/* The canonical form of a value that has one, NUL-terminated; until the next call. */
const char *text_of(const json_t *value, size_t *size);
/* A value with all there is in it, nested up to DEPTH. */
json_t *random_value(uint64_t *state, int depth);
/* A double that is one of: any bits, short decimals, integers, powers of ten and two and their neighbours. Finite. */
double random_real(uint64_t *state);
/* Equal, with reals compared bit by bit. */
bool same(const json_t *a, const json_t *b);

#endif
