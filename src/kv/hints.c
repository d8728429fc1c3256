/* hints.c -- see hints.h. A table of cache lines of eight entries; the hash chooses the line, 16 more bits of it are the tag.
 *
 *   entry   [ tag 16 | seq 48 ]      one atomic word: never half of one and half of another
 *
 * Two keys with one tag in one line share an entry, and the row's key tells them apart. Two threads that set the same tag
 * at once may fill two entries; both then say the same, since nobody but the merge changes what is right, and a set by
 * the merge (which nobody else sets beside) leaves exactly one.
 */
#include "kv/hints.h"

#include <string.h>

#define WAYS 8
#define SEQ_BITS 48
#define SEQ_MASK ((UINT64_C(1) << SEQ_BITS) - 1)

int aer__hints_init(struct hints *h, uint64_t bytes, struct err *err)
{
    size_t lines = 64;

    while (lines * 2 * WAYS * sizeof *h->at <= bytes) lines *= 2;
    h->at = aer__calloc(lines * WAYS, sizeof *h->at);
    h->mask = lines - 1;
    return h->at ? AER_OK : aer__err_nomem(err);
}

void aer__hints_release(struct hints *h)
{
    aer__free((void *)h->at);
    h->at = NULL;
}

uint64_t aer__hints_room(const struct hints *h)
{
    return (h->mask + 1) * WAYS;
}

static uint64_t tag_of(uint64_t hash)
{
    return (hash & 0xffff) << SEQ_BITS;
}
static _Atomic uint64_t *line_of(const struct hints *h, uint64_t hash)
{
    return h->at + (((size_t)(hash >> 16)) & h->mask) * WAYS;
}

uint64_t aer__hints_get(const struct hints *h, uint64_t hash)
{
    _Atomic uint64_t *line = line_of(h, hash);
    uint64_t tag = tag_of(hash);

    for (int i = 0; i < WAYS; i++) {
        uint64_t entry = atomic_load_explicit(&line[i], memory_order_relaxed);
        if (entry && (entry & ~SEQ_MASK) == tag) return entry & SEQ_MASK;
    }
    return 0;
}

void aer__hints_set(struct hints *h, uint64_t hash, uint64_t seq)
{
    _Atomic uint64_t *line = line_of(h, hash);
    uint64_t tag = tag_of(hash);
    int place = -1;

    if (seq > SEQ_MASK) seq = 0;
    for (int i = 0; i < WAYS; i++) {
        uint64_t entry = atomic_load_explicit(&line[i], memory_order_relaxed);
        if (entry && (entry & ~SEQ_MASK) == tag) {
            atomic_store_explicit(&line[i], 0, memory_order_relaxed);
            place = i;
        }
    }
    if (!seq) return;
    for (int i = 0; place < 0 && i < WAYS; i++) {
        if (!atomic_load_explicit(&line[i], memory_order_relaxed)) place = i;
    }
    if (place < 0) place = (int)(hash >> 61); /* any; the line was chosen by other bits */
    atomic_store_explicit(&line[place], tag | seq, memory_order_relaxed);
}

bool aer__hints_add(struct hints *h, uint64_t hash, uint64_t seq)
{
    _Atomic uint64_t *line = line_of(h, hash);
    uint64_t tag = tag_of(hash);
    int place = -1;

    if (!seq || seq > SEQ_MASK) return false;
    for (int i = 0; i < WAYS; i++) {
        uint64_t entry = atomic_load_explicit(&line[i], memory_order_relaxed);
        if (entry && (entry & ~SEQ_MASK) == tag) return false;
        if (!entry && place < 0) place = i;
    }
    if (place >= 0) atomic_store_explicit(&line[place], tag | seq, memory_order_relaxed);
    return place >= 0;
}

void aer__hints_clear(struct hints *h)
{
    for (size_t i = 0; i < (h->mask + 1) * WAYS; i++) atomic_store_explicit(&h->at[i], 0, memory_order_relaxed);
}
