/* sample.c -- see sample.h. */
#include "sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testing.h"

static void put(aer_db *db, aer_txn *txn, unsigned i, unsigned version)
{
    char key[32], value[600], meta[64];
    aer_attrs attrs = {.size = sizeof attrs};
    size_t key_size = (size_t)snprintf(key, sizeof key, "key/%05u", i);
    size_t value_size = i % 17 ? (i * 131 + version * 17) % sizeof value : 0;

    memset(value, 'a' + (int)((i + version) % 26), sizeof value);
    if (i % 7 == 0) {
        attrs.meta_size = (size_t)snprintf(meta, sizeof meta, "{\"n\":%u}", i);
        attrs.meta = meta;
    }
    if (i % 11 == 0) attrs.expires_ms = INT64_C(4000000000000) + i;
    CHECK_DB_OK(db, aer_txn_put_attrs(txn, key, key_size, value, value_size, &attrs));
}

static void put_range(aer_db *db, unsigned first, unsigned last, unsigned version)
{
    aer_txn *txn = NULL;

    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    for (unsigned i = first; i < last; i++) put(db, txn, i, version);
    CHECK_DB_OK(db, aer_commit(txn));
}

static void delete_range(aer_db *db, unsigned first, unsigned last)
{
    for (unsigned i = first; i < last; i++) {
        char key[32];

        CHECK_DB_OK(db, aer_del(db, key, (size_t)snprintf(key, sizeof key, "key/%05u", i)));
    }
}

static void put_large(aer_db *db, const char *key, size_t size)
{
    unsigned char *value = malloc(size);

    CHECK(value);
    for (size_t i = 0; i < size; i++) value[i] = (unsigned char)(i * 7 + i / 251);
    CHECK_DB_OK(db, aer_put(db, key, strlen(key), value, size));
    free(value);
}

const char *sample_database(void)
{
    static char path[SAMPLE_PATH];
    aer_options options = {.size = sizeof options, .sync = AER_SYNC_NORMAL, .comment = "a sample"};
    aer_db *db = NULL;

    scratch_dir();
    snprintf(path, sizeof path, "%s/db", scratch_path());
    options.bucket_max_rows = 150;
    options.bucket_max_size = 64 << 10;
    CHECK_OK(aer_init(path, &options));
    CHECK_OK(aer_open(path, &options, &db));
    for (unsigned i = 0; i < 1200; i += 30) put_range(db, i, i + 30, 1);
    put_range(db, 100, 800, 2); /* more than a bucket takes */
    delete_range(db, 300, 420);
    put_large(db, "large/a", 300000);
    put_large(db, "large/b", 70000);
    put_large(db, "large/a", 200000);
    CHECK_DB_OK(db, aer_seal(db));
    CHECK_DB_OK(db, aer_compact(db, NULL, NULL));
    for (unsigned i = 900; i < 1500; i += 20) put_range(db, i, i + 20, 3);
    delete_range(db, 0, 40);
    CHECK_DB_OK(db, aer_seal(db));
    put_range(db, 1490, 1530, 4);
    delete_range(db, 50, 55);
    CHECK_OK(aer_close(db));
    return path;
}
