/* engine_lmdb.c -- LMDB for bench.c; built only where liblmdb is there.
 *
 * Its nearest thing to sync "normal" is MDB_NOMETASYNC: the file stays whole through a power loss, and the
 * last transaction may go; but it syncs the data at every commit, which the others do not. The faster
 * MDB_NOSYNC can leave a broken file behind and would be no equal. It always maps its file. */
#include "engine.h"

#include <lmdb.h>
#include <stdlib.h>
#include <string.h>

struct store {
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *txn; /* the batch under way */
    MDB_txn *reading;
};

static void must(int rc, const char *what)
{
    if (rc) bench_die("lmdb: %s: %s", what, mdb_strerror(rc));
}

static void *store_open(const char *dir)
{
    struct store *store = calloc(1, sizeof *store);

    if (!store) bench_die("out of memory");
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

static void store_close(void *handle)
{
    struct store *store = handle;

    mdb_env_close(store->env);
    free(store);
}

static void store_begin(void *handle)
{
    struct store *store = handle;

    must(mdb_txn_begin(store->env, NULL, 0, &store->txn), "begin");
}

static void store_put(void *handle, const void *key, size_t key_size, const void *value, size_t value_size)
{
    struct store *store = handle;
    MDB_val k = {key_size, (void *)key}, v = {value_size, (void *)value};

    must(mdb_put(store->txn, store->dbi, &k, &v, 0), "put");
}

static void store_commit(void *handle)
{
    struct store *store = handle;

    must(mdb_txn_commit(store->txn), "commit");
    store->txn = NULL;
}

static void store_read_begin(void *handle)
{
    struct store *store = handle;

    must(mdb_txn_begin(store->env, NULL, MDB_RDONLY, &store->reading), "begin to read");
}

static void store_read_end(void *handle)
{
    struct store *store = handle;

    mdb_txn_abort(store->reading);
    store->reading = NULL;
}

static size_t store_get(void *handle, const void *key, size_t key_size, void *buffer, size_t capacity)
{
    struct store *store = handle;
    MDB_val k = {key_size, (void *)key}, v;
    MDB_txn *txn = store->reading;

    if (!txn) must(mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn), "begin to read");
    must(mdb_get(txn, store->dbi, &k, &v), "get");
    if (v.mv_size > capacity) bench_die("lmdb: a value of %zu bytes", v.mv_size);
    memcpy(buffer, v.mv_data, v.mv_size);
    if (!store->reading) mdb_txn_abort(txn);
    return v.mv_size;
}

const struct engine engine_lmdb = {
    .name = "lmdb",
    .open = store_open,
    .close = store_close,
    .begin = store_begin,
    .put = store_put,
    .commit = store_commit,
    .get = store_get,
    .read_begin = store_read_begin,
    .read_end = store_read_end,
};
