/* engine.h -- what bench.c asks of a store, so that each store is measured by the same code.
 *
 * A store is a struct engine in a file of its own; bench.c lists them. No call here returns an error: a
 * benchmark that went wrong has no result, so a driver says why with bench_die() and that is the end.
 *
 * Drivers are to be set up alike: sync "normal" (survives the death of the process; a power loss may take
 * the last moments), bench_cache_bytes of cache, no mapping of files where there is a choice.
 */
#ifndef AER_BENCH_ENGINE_H
#define AER_BENCH_ENGINE_H

#include <stddef.h>
#include <stdint.h>

struct engine {
    const char *name;
    /* Open the store in DIR, an existing directory; it is empty the first time. The handle is given back to close. */
    void *(*open)(const char *dir);
    void (*close)(void *store);
    /* One batch: begin, any number of puts, commit. */
    void (*begin)(void *store);
    void (*put)(void *store, const void *key, size_t key_size, const void *value, size_t value_size);
    void (*commit)(void *store);
    /* Copy the value of KEY into BUFFER and return its size; a missing key ends the benchmark.
     * Between read_begin and read_end all gets see one moment; outside, each is a transaction by itself. */
    size_t (*get)(void *store, const void *key, size_t key_size, void *buffer, size_t capacity);
    void (*read_begin)(void *store);
    void (*read_end)(void *store);
    /* Bytes that only say where values are; NULL where that is not kept apart. */
    uint64_t (*catalogue_bytes)(void *store);
};

extern const struct engine engine_aerials, engine_sqlite, engine_lmdb;

extern uint64_t bench_cache_bytes;
extern uint64_t bench_expected_bytes; /* keys and values that will be put, for stores that must know beforehand */

void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
