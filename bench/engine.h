/* engine.h -- what bench.c asks of a store, so that each store is measured by the same code.
 *
 * A store is a struct engine in a file of its own, which says there what a struct store is; bench.c lists them. No
 * call here returns an error: a benchmark that went wrong has no result, so a driver says why with bench_die() and that
 * is the end.
 *
 * Drivers are to be set up alike: sync "normal" (survives the death of the process; a power loss may take
 * the last moments), bench_cache_bytes of cache, no mapping of files where there is a choice.
 */
#ifndef AER_BENCH_ENGINE_H
#define AER_BENCH_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

struct engine {
    const char *name;
    /* Open the store in DIR, an existing directory; it is empty the first time. The handle is given back to close. */
    struct store *(*open)(const char *dir);
    void (*close)(struct store *store);
    /* One transaction: a batch of puts, committed by end, or gets that all see one moment. */
    void (*begin)(struct store *store, bool write);
    void (*end)(struct store *store);
    void (*put)(struct store *store, const void *key, size_t key_size, const void *value, size_t value_size);
    /* Copy the value of KEY into BUFFER and return its size; a missing key ends the benchmark. Outside begin and end
     * each get is a transaction by itself. */
    size_t (*get)(struct store *store, const void *key, size_t key_size, void *buffer, size_t capacity);
    /* Bytes that only say where values are; NULL where that is not kept apart. */
    uint64_t (*catalogue_bytes)(struct store *store);
};

extern const struct engine engine_aerials, engine_sqlite, engine_lmdb;

extern uint64_t bench_cache_bytes;
extern uint64_t bench_expected_bytes; /* keys and values that will be put, for stores that must know beforehand */

void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void *bench_alloc(size_t size); /* zeros; free() */
/* A value as the store holds it, for get; returns its size. */
size_t bench_copy(void *buffer, size_t capacity, const void *value, size_t size);

#endif
