/* engine_aerials.c -- Aerials for bench.c, through its public header only. */
#include "engine.h"

#include <aerials.h>
#include <stdlib.h>

struct store {
    aer_db *db;
    aer_txn *txn; /* the batch under way */
    aer_txn *reading;
};

static void must(struct store *store, int rc, const char *what)
{
    if (rc) bench_die("aerials: %s: %s (code %d)", what, aer_errmsg(store->db), rc);
}

static void *store_open(const char *dir)
{
    struct store *store = calloc(1, sizeof *store);
    aer_options options = {.size = sizeof options, .sync = AER_SYNC_NORMAL, .cache_bytes = bench_cache_bytes};
    char message[512] = "";
    int rc;

    if (!store) bench_die("out of memory");
    rc = aer_open(dir, &options, &store->db);
    if (rc == AER_NODB) {
        aer_close(store->db);
        rc = aer_init_msg(dir, &options, message, sizeof message);
        if (rc) bench_die("aerials: init: %s (code %d)", message, rc);
        rc = aer_open(dir, &options, &store->db);
    }
    must(store, rc, "open");
    return store;
}

static void store_close(void *handle)
{
    struct store *store = handle;
    int rc = aer_close(store->db);

    if (rc) bench_die("aerials: close: code %d", rc);
    free(store);
}

static void store_begin(void *handle)
{
    struct store *store = handle;

    must(store, aer_begin(store->db, AER_WRITE, &store->txn), "begin");
}

static void store_put(void *handle, const void *key, size_t key_size, const void *value, size_t value_size)
{
    struct store *store = handle;

    must(store, aer_txn_put(store->txn, key, key_size, value, value_size), "put");
}

static void store_commit(void *handle)
{
    struct store *store = handle;

    must(store, aer_commit(store->txn), "commit");
    store->txn = NULL;
}

static size_t store_get(void *handle, const void *key, size_t key_size, void *buffer, size_t capacity)
{
    struct store *store = handle;
    size_t size = 0;

    if (store->reading) {
        must(store, aer_txn_get_into(store->reading, key, key_size, buffer, capacity, &size), "get");
    } else {
        must(store, aer_get_into(store->db, key, key_size, buffer, capacity, &size), "get");
    }
    return size;
}

static void store_read_begin(void *handle)
{
    struct store *store = handle;

    must(store, aer_begin(store->db, AER_READ, &store->reading), "begin to read");
}

static void store_read_end(void *handle)
{
    struct store *store = handle;

    aer_rollback(store->reading);
    store->reading = NULL;
}

static uint64_t store_catalogue_bytes(void *handle)
{
    struct store *store = handle;
    aer_stats stats;

    must(store, aer_status(store->db, &stats), "status");
    return stats.catalogue_bytes;
}

const struct engine engine_aerials = {
    .name = "aerials",
    .open = store_open,
    .close = store_close,
    .begin = store_begin,
    .put = store_put,
    .commit = store_commit,
    .get = store_get,
    .read_begin = store_read_begin,
    .read_end = store_read_end,
    .catalogue_bytes = store_catalogue_bytes,
};
