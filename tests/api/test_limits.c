/* test_limits.c -- every limit at the limit and one past it. */
#include <aerials.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scene.h"
#include "testing.h"

static bool refused(int rc)
{
    return rc == AER_INVALID || rc == AER_MISUSE;
}

/* Every call that takes a key, with one that is out of limits. */
static void refuse_key(aer_db *db, const void *key, size_t key_size)
{
    aer_location location;
    aer_txn *txn = NULL;
    aer_reader *reader;
    aer_writer *writer;
    aer_entry entry;
    uint64_t big;
    size_t size;
    void *value;
    char byte;

    CHECK(refused(aer_put(db, key, key_size, "v", 1)));
    CHECK(aer_errmsg(db)[0]);
    CHECK(refused(aer_put_attrs(db, key, key_size, "v", 1, NULL)));
    CHECK(refused(aer_get(db, key, key_size, &value, &size)));
    CHECK(!value && size == 0);
    CHECK(refused(aer_get_into(db, key, key_size, &byte, 1, &size)));
    CHECK(refused(aer_del(db, key, key_size)));
    CHECK(refused(aer_locate(db, key, key_size, &location)));

    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK(refused(aer_txn_get(txn, key, key_size, &value, &size)));
    CHECK(refused(aer_txn_get_into(txn, key, key_size, &byte, 1, &size)));
    CHECK(refused(aer_txn_stat(txn, key, key_size, &entry)));
    CHECK(refused(aer_reader_open(txn, key, key_size, &reader, &big)));
    CHECK(!reader);
    aer_rollback(txn);

    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    CHECK(refused(aer_writer_open(txn, key, key_size, NULL, &writer)));
    CHECK(!writer);
    aer_rollback(txn);
    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    CHECK(refused(aer_txn_put(txn, key, key_size, "v", 1)));
    aer_rollback(txn);
    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    CHECK(refused(aer_txn_del(txn, key, key_size)));
    aer_rollback(txn);
}

TEST(a_key_has_1_to_65536_bytes)
{
    aer_db *db = scene_open(scene_init(0, 0), NULL);
    char *key = malloc(AER_KEY_MAX + 1);
    void *value;
    size_t size;

    CHECK(key);
    memset(key, 'k', AER_KEY_MAX + 1);
    refuse_key(db, key, 0);
    refuse_key(db, key, AER_KEY_MAX + 1);
    refuse_key(db, key, SIZE_MAX);
    refuse_key(db, NULL, 5);
    refuse_key(db, NULL, 0);
    CHECK_DB_OK(db, aer_put(db, key, 1, "short", 5));
    CHECK_DB_OK(db, aer_put(db, key, AER_KEY_MAX, "long", 4));
    CHECK_DB_OK(db, aer_get(db, key, AER_KEY_MAX, &value, &size));
    CHECK_MEM("long", 4, value, size);
    aer_free(value);
    CHECK_DB_OK(db, aer_get(db, key, 1, &value, &size));
    CHECK_MEM("short", 5, value, size);
    aer_free(value);
    CHECK_DB_OK(db, aer_seal(db));
    CHECK_DB_OK(db, aer_get(db, key, AER_KEY_MAX, &value, &size));
    CHECK_MEM("long", 4, value, size);
    aer_free(value);
    CHECK_DB_OK(db, aer_del(db, key, AER_KEY_MAX));
    CHECK_DB_RC(db, AER_NOTFOUND, aer_del(db, key, AER_KEY_MAX));
    scene_close(db);
    free(key);
}

TEST(a_key_holds_any_byte)
{
    static const struct {
        const char *bytes;
        size_t size;
    } keys[] = {
        {"\0", 1},      {"\0\0", 2},         {"a\0b", 3},        {"a\0", 2}, {"a", 1}, {"\xff\xfe", 2},
        {"../../x", 7}, {"/etc/passwd", 11}, {"%", 1},           {"_", 1},   {"*", 1}, {"'; DROP TABLE bucket; --", 24},
        {"a\nb", 3},    {"\xc3\xa9", 2},     {"bucketroot", 10},
    };
    const char *path = scene_init(3, 0);
    aer_db *db = scene_open(path, NULL);

    for (size_t i = 0; i < AER_COUNT(keys); i++)
        CHECK_DB_OK(db, aer_put(db, keys[i].bytes, keys[i].size, &i, sizeof i));
    scene_close(db);
    db = scene_open(path, NULL);
    for (size_t i = 0; i < AER_COUNT(keys); i++) {
        size_t value = 0, size;

        CHECK_DB_OK(db, aer_get_into(db, keys[i].bytes, keys[i].size, &value, sizeof value, &size));
        CHECK_INT(sizeof value, size);
        CHECK_INT(i, value);
    }
    scene_close(db);
}

TEST(an_empty_value_is_a_value)
{
    const char *path = scene_init(0, 0);
    aer_db *db = scene_open(path, NULL);

    CHECK_DB_OK(db, aer_put(db, "a", 1, "", 0));
    CHECK_DB_OK(db, aer_put(db, "b", 1, NULL, 0));
    CHECK(refused(aer_put(db, "c", 1, NULL, 7)));
    for (int i = 0; i < 3; i++) {
        for (const char *key = "ab"; *key; key++) {
            void *value = NULL;
            size_t size = 9;

            CHECK_DB_OK(db, aer_get(db, key, 1, &value, &size));
            CHECK(value && size == 0);
            aer_free(value);
            size = 9;
            CHECK_DB_OK(db, aer_get_into(db, key, 1, NULL, 0, &size));
            CHECK_INT(0, size);
        }
        check_text(db, "c", NULL);
        if (i == 0) CHECK_DB_OK(db, aer_seal(db));
        if (i == 1) {
            scene_close(db);
            db = scene_open(path, NULL);
        }
    }
    scene_close(db);
}

TEST(a_value_over_the_limit_is_refused_before_it_is_touched)
{
    aer_db *db = scene_open(scene_init(0, 0), NULL);
    aer_txn *txn = NULL;

    CHECK_DB_RC(db, AER_INVALID, aer_put(db, "k", 1, "v", (size_t)AER_VALUE_MAX + 1));
    CHECK_DB_RC(db, AER_INVALID, aer_put(db, "k", 1, "v", SIZE_MAX));
    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    CHECK_DB_RC(db, AER_INVALID, aer_txn_put(txn, "k", 1, "v", SIZE_MAX));
    aer_rollback(txn);
    check_text(db, "k", NULL);
    scene_close(db);
}

TEST(the_buffer_of_get_into_is_enough_or_the_code_says_so)
{
    aer_db *db = scene_open(scene_init(0, 0), NULL);
    char buffer[8];
    size_t size;

    CHECK_DB_OK(db, put_text(db, "k", "12345"));
    for (int sealed = 0; sealed < 2; sealed++) {
        memset(buffer, '#', sizeof buffer);
        CHECK_DB_OK(db, aer_get_into(db, "k", 1, buffer, 5, &size));
        CHECK_MEM("12345###", 8, buffer, sizeof buffer);
        CHECK_INT(5, size);
        size = 0;
        CHECK_DB_RC(db, AER_INVALID, aer_get_into(db, "k", 1, buffer, 4, &size));
        CHECK_INT(5, size);
        CHECK(!memcmp(buffer + 5, "###", 3));
        size = 0;
        CHECK_DB_RC(db, AER_INVALID, aer_get_into(db, "k", 1, NULL, 0, &size));
        CHECK_INT(5, size);
        CHECK_DB_OK(db, aer_seal(db));
    }
    scene_close(db);
}

TEST(meta_has_at_most_64_KiB_and_comes_back)
{
    aer_db *db = scene_open(scene_init(0, 0), NULL);
    size_t size = 64 * 1024;
    char *meta = malloc(size + 2);
    aer_attrs attrs = {.size = sizeof attrs, .meta = meta};
    aer_txn *txn = NULL;
    aer_entry entry;

    CHECK(meta);
    memset(meta, ' ', size + 2);
    memcpy(meta, "{\"a\":1", 6);
    meta[size - 1] = '}';
    attrs.meta_size = size;
    CHECK_DB_OK(db, aer_put_attrs(db, "k", 1, "v", 1, &attrs));
    for (int sealed = 0; sealed < 2; sealed++) {
        CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
        CHECK_DB_OK(db, aer_txn_stat(txn, "k", 1, &entry));
        CHECK_MEM(meta, size, entry.meta, entry.meta_size);
        aer_rollback(txn);
        CHECK_DB_OK(db, aer_seal(db));
    }
    meta[size - 1] = ' ';
    meta[size] = '}';
    attrs.meta_size = size + 1;
    CHECK_DB_RC(db, AER_INVALID, aer_put_attrs(db, "l", 1, "v", 1, &attrs));
    check_text(db, "l", NULL);
    scene_close(db);
    free(meta);
}

static void init_with(uint64_t rows, uint64_t size, int expected)
{
    aer_options options = {.size = sizeof options, .bucket_max_rows = rows, .bucket_max_size = size};
    const char *path = scene_path();
    char message[200] = "";

    CHECK_RC(expected, aer_init_msg(path, &options, message, sizeof message));
    CHECK((expected != AER_OK) == (message[0] != '\0'));
    CHECK((expected == AER_OK) == (access(path, F_OK) == 0));
}

TEST(bucket_limits_have_limits)
{
    init_with(1, 4096, AER_OK);
    init_with(1000000000, 1 << 30, AER_OK);
    init_with(1000000001, 0, AER_INVALID);
    init_with(0, 4095, AER_INVALID);
    init_with(0, (1 << 30) + 1, AER_INVALID);
    init_with(UINT64_MAX, 0, AER_INVALID);
    init_with(0, UINT64_MAX, AER_INVALID);
}

TEST(the_smallest_buckets_work)
{
    const char *path = scene_init(1, 4096);
    aer_db *db = scene_open(path, NULL);
    char big[10000];

    memset(big, 'x', sizeof big);
    scene_fill(db, 0, 30, 1);
    CHECK_DB_OK(db, aer_put(db, "big", 3, big, sizeof big));
    for (unsigned i = 30; i < 60; i++) {
        char key[16], value[400];
        size_t key_size = scene_key(key, i);

        CHECK_DB_OK(db, aer_put(db, key, key_size, value, scene_value(value, i, 1)));
    }
    scene_close(db);
    db = scene_open(path, NULL);
    scene_check(db, 0, 60, 1);
    scene_close(db);
}

TEST(options_of_an_older_caller_are_shorter)
{
    const char *path = scene_path();
    aer_options options = {.size = offsetof(aer_options, cache_bytes), .cache_bytes = 1, .bucket_max_rows = UINT64_MAX};
    aer_db *db;

    options.comment = (const char *)1; /* not ours to look at */
    CHECK_OK(aer_init(path, &options));
    db = scene_open(path, &options);
    CHECK_DB_OK(db, put_text(db, "k", "v"));
    scene_close(db);
}
