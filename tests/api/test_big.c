/* test_big.c -- values and transactions larger than buckets, in little memory. */
#include <aerials.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "scene.h"
#include "testing.h"

#define MIB ((uint64_t)1 << 20)
#define HUGE_MIB 192

static const char *path;

/* Piece N of a value of pieces of 1 MiB. */
static void fill_piece(unsigned char *piece, uint64_t n)
{
    uint64_t state = n;

    for (size_t i = 0; i < MIB; i += 8) {
        uint64_t word = test_random(&state);

        memcpy(piece + i, &word, 8);
    }
}

static void write_pieces(aer_db *db, aer_txn *txn, const char *key, uint64_t count)
{
    unsigned char *piece = malloc(MIB);
    aer_writer *writer = NULL;

    CHECK(piece);
    CHECK_DB_OK(db, aer_writer_open(txn, key, strlen(key), NULL, &writer));
    for (uint64_t n = 0; n < count; n++) {
        fill_piece(piece, n);
        CHECK_DB_OK(db, aer_writer_write(writer, piece, MIB));
    }
    CHECK_DB_OK(db, aer_writer_finish(writer));
    free(piece);
}

static void check_pieces(aer_db *db, const char *key, uint64_t count)
{
    unsigned char *piece = malloc(MIB), *found = malloc(MIB);
    aer_reader *reader = NULL;
    aer_txn *txn = NULL;
    uint64_t size = 0;
    size_t got;

    CHECK(piece && found);
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK_DB_OK(db, aer_reader_open(txn, key, strlen(key), &reader, &size));
    CHECK_INT(count * MIB, size);
    for (uint64_t n = 0; n < count; n++) {
        fill_piece(piece, n);
        for (size_t at = 0; at < MIB; at += got) {
            CHECK_DB_OK(db, aer_reader_read(reader, n * MIB + at, found + at, MIB - at, &got));
            CHECK(got > 0);
        }
        CHECK(!memcmp(piece, found, MIB));
    }
    CHECK_DB_OK(db, aer_reader_read(reader, size, found, MIB, &got));
    CHECK_INT(0, got);
    CHECK_DB_OK(db, aer_reader_read(reader, UINT64_MAX - 5, found, MIB, &got));
    CHECK_INT(0, got);
    aer_reader_close(reader);
    aer_rollback(txn);
    free(piece);
    free(found);
}

static long peak_kib(void)
{
    struct rusage usage;

    CHECK_INT(0, getrusage(RUSAGE_SELF, &usage));
    return usage.ru_maxrss;
}

/* In a process of its own, whose peak is its own: the value alone is several times what is allowed. */
static void stream_a_huge_value(void *arg)
{
    aer_options options = {.size = sizeof options, .cache_bytes = 8 << 20, .sync = AER_SYNC_NORMAL};
    long before = peak_kib(), used;
    aer_txn *txn = NULL;
    aer_db *db;

    (void)arg;
    db = scene_open(path, &options);
    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    write_pieces(db, txn, "huge", HUGE_MIB);
    CHECK_DB_OK(db, aer_commit(txn));
    check_pieces(db, "huge", HUGE_MIB);
    scene_close(db);
    db = scene_open(path, &options);
    check_pieces(db, "huge", HUGE_MIB);
    scene_close(db);
    used = peak_kib() - before;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CHECK(used < 100 * 1024); /* a few parts of 8 MiB and the cache; a sanitizer keeps what was freed */
#endif
    CHECK(used >= 0);
}

TEST(a_huge_value_goes_in_and_out_in_little_memory)
{
    path = scene_init(0, 0);
    scene_child(stream_a_huge_value, NULL);
}

TEST(a_value_larger_than_a_bucket_reads_whole)
{
    aer_db *db;
    unsigned char *value = malloc(3 * MIB);
    void *found = NULL;
    size_t size;

    CHECK(value);
    path = scene_init(100, 64 << 10);
    db = scene_open(path, NULL);
    for (uint64_t n = 0; n < 3; n++) fill_piece(value + n * MIB, n);
    scene_fill(db, 0, 50, 1);
    CHECK_DB_OK(db, aer_put(db, "big", 3, value, 3 * MIB));
    scene_fill(db, 50, 100, 1);
    for (int i = 0; i < 4; i++) {
        CHECK_DB_OK(db, aer_get(db, "big", 3, &found, &size));
        CHECK(size == 3 * MIB && !memcmp(found, value, size));
        aer_free(found);
        memset(value, 0, 3 * MIB);
        CHECK_DB_OK(db, aer_get_into(db, "big", 3, value, 3 * MIB, &size));
        check_pieces(db, "big", 3);
        scene_check(db, 0, 100, 1);
        if (i == 0) CHECK_DB_OK(db, aer_seal(db));
        if (i == 1) CHECK_DB_OK(db, aer_compact(db, &(aer_compact_options){.size = sizeof(aer_compact_options)}, NULL));
        if (i == 2) {
            scene_close(db);
            db = scene_open(path, NULL);
        }
    }
    CHECK_DB_OK(db, aer_del(db, "big", 3));
    check_text(db, "big", NULL);
    CHECK_DB_OK(db, aer_seal(db));
    CHECK_DB_OK(db, aer_compact(db, &(aer_compact_options){.size = sizeof(aer_compact_options)}, NULL));
    check_text(db, "big", NULL);
    scene_check(db, 0, 100, 1);
    scene_close(db);
    free(value);
}

TEST(an_unfinished_huge_value_leaves_nothing)
{
    char files[64][64];
    aer_writer *writer = NULL;
    aer_txn *txn = NULL;
    aer_db *db;
    char *data = calloc(1, MIB);

    CHECK(data);
    path = scene_init(100, 256 << 10);
    db = scene_open(path, NULL);
    CHECK_DB_OK(db, put_text(db, "k", "old"));
    for (int way = 0; way < 3; way++) {
        CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
        CHECK_DB_OK(db, aer_writer_open(txn, "k", 1, NULL, &writer));
        for (int i = 0; i < 4; i++) CHECK_DB_OK(db, aer_writer_write(writer, data, MIB));
        if (way == 0) aer_writer_abandon(writer);
        else CHECK_DB_OK(db, aer_writer_finish(writer));
        if (way == 2) check_text(db, "k", "old");
        aer_rollback(txn);
        check_text(db, "k", "old");
    }
    CHECK_DB_OK(db, put_text(db, "l", "new"));
    scene_close(db);
    CHECK(scene_sealed(path, files, 64) <= 2);
    db = scene_open(path, NULL);
    check_text(db, "k", "old");
    check_text(db, "l", "new");
    scene_close(db);
    free(data);
}

static void put_many(aer_db *db, aer_txn *txn, unsigned count, unsigned version)
{
    for (unsigned i = 0; i < count; i++) {
        char key[16], value[400];
        size_t key_size = scene_key(key, i);

        CHECK_DB_OK(db, aer_txn_put(txn, key, key_size, value, scene_value(value, i, version)));
    }
}

TEST(a_transaction_of_many_buckets_is_all_or_nothing)
{
    enum { COUNT = 20000 };
    aer_txn *txn = NULL, *snapshot = NULL;
    aer_db *db, *other;

    path = scene_init(500, 0);
    db = scene_open(path, NULL);
    other = scene_open(path, NULL);
    scene_fill(db, 0, 1000, 1);
    CHECK_DB_OK(other, aer_begin(other, AER_READ, &snapshot));
    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    put_many(db, txn, COUNT, 2);
    scene_check(other, 0, 1000, 1);
    scene_check_absent(other, COUNT - 1);
    aer_rollback(txn);
    scene_check(db, 0, 1000, 1);
    scene_check_absent(db, COUNT - 1);
    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    put_many(db, txn, COUNT, 3);
    for (unsigned i = 0; i < COUNT; i += 10) {
        char key[16];
        size_t key_size = scene_key(key, i);

        CHECK_DB_OK(db, aer_txn_del(txn, key, key_size));
    }
    scene_check(db, 0, 1000, 1);
    CHECK_DB_OK(db, aer_commit(txn));
    for (unsigned i = 0; i < COUNT; i++) {
        if (i % 10 == 0) scene_check_absent(other, i);
        else scene_check_key(other, i, 3);
    }
    for (unsigned i = 0; i < 1000; i++) {
        char key[16], value[400], expected[400];
        size_t key_size = scene_key(key, i), size;

        CHECK_DB_OK(other, aer_txn_get_into(snapshot, key, key_size, value, sizeof value, &size));
        CHECK_MEM(expected, scene_value(expected, i, 1), value, size);
    }
    aer_rollback(snapshot);
    scene_close(other);
    scene_close(db);
    db = scene_open(path, NULL);
    for (unsigned i = 1; i < COUNT; i += 10) scene_check_key(db, i, 3);
    scene_close(db);
}
