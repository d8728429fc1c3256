/* hints.h -- key hash -> sequence number of the key's newest merged version, for keys looked up or merged lately.
 *
 * Only a hint: the row it leads to has the whole key, which proves or refutes it. 8 bytes a key, where the catalogue's
 * page cache would take 30, and one cache line a look-up instead of a walk down a b-tree.
 *
 * Must not know: rows, catalogue. Any number of threads may get and set; see hints.c for what that can lead to.
 */
#ifndef AER_KV_HINTS_H
#define AER_KV_HINTS_H

#include "base/base.h"
#include <stdatomic.h>

struct hints {
    _Atomic uint64_t *at;
    size_t mask; /* of lines */
};

int aer__hints_init(struct hints *h, uint64_t bytes, struct err *err);
void aer__hints_release(struct hints *h);
uint64_t aer__hints_room(const struct hints *h);                   /* so many at most */
uint64_t aer__hints_get(const struct hints *h, uint64_t hash);     /* 0: none */
void aer__hints_set(struct hints *h, uint64_t hash, uint64_t seq); /* seq 0: forget */
/* Only where there is room; false: there is none, or the key has one. */
bool aer__hints_add(struct hints *h, uint64_t hash, uint64_t seq);
void aer__hints_clear(struct hints *h);

#endif
