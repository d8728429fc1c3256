/* test_threads.c -- readers, a writer and checkpoints on one handle, and on two. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "scene.h"
#include "testing.h"

#define READERS 3

struct work {
    aer_db *db;
    const struct people *stable; /* rows that stay */
    atomic_bool *stop;
    uint64_t random;
};

static void *read_all(void *arg)
{
    struct work *w = arg;
    const char *id;
    aer_slice json;
    aer_txn *txn;
    aer_rows *rows;
    int rc;

    while (!atomic_load(w->stop)) {
        const struct person *who = &w->stable->at[test_random(&w->random) % w->stable->count];
        size_t count = 0, size;
        void *value;
        CHECK_DB_OK(w->db, aer_row(w->db, TABLE, who->id, &value, &size));
        CHECK(strstr(value, "\"age\"") != NULL);
        aer_free(value);
        CHECK_DB_OK(w->db, aer_begin(w->db, AER_READ, &txn));
        CHECK_DB_OK(w->db, aer_rows_open(txn, TABLE, NULL, &rows));
        while ((rc = aer_rows_next(rows, &id, &json)) == AER_OK) count++;
        CHECK_DB_RC(w->db, AER_DONE, rc);
        CHECK(count >= w->stable->count);
        aer_rows_close(rows);
        aer_rollback(txn);
    }
    return NULL;
}

TEST(readers_beside_a_writer_and_its_checkpoints)
{
    const char *path = scene_make();
    uint64_t random = test_seed();
    struct people stable = {0}, moving = {0};
    aer_options options = {.size = sizeof options, .busy_ms = 600000, .sync = AER_SYNC_NORMAL};
    aer_db *db, *other;
    struct work work[READERS];
    pthread_t thread[READERS];
    atomic_bool stop = false;

    CHECK_OK(aer_open(path, &options, &db));
    CHECK_OK(aer_open(path, &options, &other));
    add_people(db, &stable, 50, 100);
    moving.next = 1000;
    for (int i = 0; i < READERS; i++) {
        work[i] = (struct work){i ? db : other, &stable, &stop, random + (uint64_t)i};
        CHECK_INT(0, pthread_create(&thread[i], NULL, read_all, &work[i]));
    }
    for (int round = 0; round < 6; round++) {
        aer_db *writer;
        CHECK_OK(aer_open(path, &options, &writer));
        add_people(writer, &moving, 400, 1000);
        CHECK_OK(aer_close(writer)); /* with a checkpoint */
        while (moving.count > 20) remove_person(db, NULL, &moving, 0);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < READERS; i++) CHECK_INT(0, pthread_join(thread[i], NULL));
    CHECK_OK(aer_close(other));
    CHECK_OK(aer_close(db));
    people_release(&stable);
    people_release(&moving);
}
