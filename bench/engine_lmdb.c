/* engine_lmdb.c -- LMDB for bench.c; built only where liblmdb is there.
 *
 * Its nearest thing to sync "normal" is MDB_NOMETASYNC: the file stays whole through a power loss, and the
 * last transaction may go; but it syncs the data at every commit, which the others do not. The faster
 * MDB_NOSYNC can leave a broken file behind and would be no equal. It always maps its file. */
#include "engine.h"

#include <lmdb.h>
#include <stdlib.h>

struct store {
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *txn; /* under way, or NULL */
};

static void must(int rc, const char *what)
{
    if (rc) bench_die("lmdb: %s: %s", what, mdb_strerror(rc));
}

static struct store *store_open(const char *dir)
{
    struct store *store = bench_alloc(sizeof *store);

    must(mdb_env_create(&store->env), "create");
    /* Random inserts leave pages two thirds full, and old pages wait for reuse: three times is room enough. */
    must(mdb_env_set_mapsize(store->env, (size_t)(bench_expected_bytes * 3 + (64 << 20))), "map size");
    must(mdb_env_open(store->env, dir, MDB_NOMETASYNC | MDB_NORDAHEAD, 0666), "open");
    must(mdb_txn_begin(store->env, NULL, 0, &store->txn), "begin");
    must(mdb_dbi_open(store->txn, NULL, 0, &store->dbi), "open");
    must(mdb_txn_commit(store->txn), "commit");
    store->txn = NULL;
    return store;
}

static void store_close(struct store *store)
{
    mdb_env_close(store->env);
    free(store);
}

static void store_begin(struct store *store, bool write)
{
    must(mdb_txn_begin(store->env, NULL, write ? 0 : MDB_RDONLY, &store->txn), "begin");
}

static void store_put(struct store *store, const void *key, size_t key_size, const void *value, size_t value_size)
{
    MDB_val k = {key_size, (void *)key}, v = {value_size, (void *)value};

    must(mdb_put(store->txn, store->dbi, &k, &v, 0), "put");
}

static void store_end(struct store *store)
{
    must(mdb_txn_commit(store->txn), "commit");
    store->txn = NULL;
}

static size_t store_get(struct store *store, const void *key, size_t key_size, void *buffer, size_t capacity)
{
    MDB_val k = {key_size, (void *)key}, v;
    MDB_txn *txn = store->txn;
    size_t size;

    if (!txn) must(mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn), "begin to read");
    must(mdb_get(txn, store->dbi, &k, &v), "get");
    size = bench_copy(buffer, capacity, v.mv_data, v.mv_size);
    if (!store->txn) mdb_txn_abort(txn);
    return size;
}

const struct engine engine_lmdb = {
    .name = "lmdb",
    .open = store_open,
    .close = store_close,
    .begin = store_begin,
    .end = store_end,
    .put = store_put,
    .get = store_get,
};
