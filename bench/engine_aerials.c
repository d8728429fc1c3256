/* engine_aerials.c -- Aerials for bench.c, through its public header only. */
#include "engine.h"

#include <aerials.h>
#include <stdlib.h>

struct store {
    aer_db *db;
    aer_txn *txn; /* under way, or NULL */
};

static void must(struct store *store, int rc, const char *what)
{
    if (rc) bench_die("aerials: %s: %s (code %d)", what, aer_errmsg(store->db), rc);
}

static struct store *store_open(const char *dir)
{
    struct store *store = bench_alloc(sizeof *store);
    aer_options options = {.size = sizeof options, .sync = AER_SYNC_NORMAL, .cache_bytes = bench_cache_bytes};
    char message[512] = "";
    int rc;

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

static void store_close(struct store *store)
{
    int rc = aer_close(store->db);

    if (rc) bench_die("aerials: close: code %d", rc);
    free(store);
}

static void store_begin(struct store *store, bool write)
{
    must(store, aer_begin(store->db, write ? AER_WRITE : AER_READ, &store->txn), "begin");
}

static void store_put(struct store *store, const void *key, size_t key_size, const void *value, size_t value_size)
{
    must(store, aer_txn_put(store->txn, key, key_size, value, value_size), "put");
}

static void store_end(struct store *store)
{
    must(store, aer_commit(store->txn), "commit");
    store->txn = NULL;
}

static size_t store_get(struct store *store, const void *key, size_t key_size, void *buffer, size_t capacity)
{
    size_t size = 0;

    if (store->txn) {
        must(store, aer_txn_get_into(store->txn, key, key_size, buffer, capacity, &size), "get");
    } else {
        must(store, aer_get_into(store->db, key, key_size, buffer, capacity, &size), "get");
    }
    return size;
}

static uint64_t store_catalogue_bytes(struct store *store)
{
    aer_stats stats;

    must(store, aer_status(store->db, &stats), "status");
    return stats.catalogue_bytes;
}

const struct engine engine_aerials = {
    .name = "aerials",
    .open = store_open,
    .close = store_close,
    .begin = store_begin,
    .end = store_end,
    .put = store_put,
    .get = store_get,
    .catalogue_bytes = store_catalogue_bytes,
};
