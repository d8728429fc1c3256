/* test_nomem.c -- every allocation fails once: the call says so or does without, and nothing is lost. */
#include <stdio.h>
#include <string.h>

#include "scene.h"
#include "testing.h"

#define ENOUGH 400

/* One allocation fails, from opening to closing. What was committed is added to P. False: there were not so many. */
static bool try_life(const char *path, struct people *p, unsigned long n)
{
    aer_options options = {.size = sizeof options, .sync = AER_SYNC_OFF};
    struct person who = {.number = p->next, .age = 1};
    char row[100];
    aer_db *db = NULL;
    aer_txn *txn = NULL;
    aer_rows *rows = NULL;
    const char *id;
    aer_slice json;
    unsigned long left = n; /* 0: it has failed */
    void *value;
    size_t size;
    int rc, length = snprintf(row, sizeof row, "{\"age\":1,\"name\":\"n%u\",\"text\":\"\"}", who.number);

    aer__alloc_fail_at(n);
    rc = aer_open(path, &options, &db);
    if (rc == AER_OK) rc = aer_insert(db, TABLE, row, (size_t)length, who.id);
    if (rc == AER_OK) {
        unsigned long counted = aer__alloc_fail_at(0);
        CHECK(p->count < p->capacity);
        p->at[p->count++] = who;
        p->next++;
        left = left > counted ? left - counted : 0;
        aer__alloc_fail_at(left);
    }
    if (rc == AER_OK) rc = aer_row(db, TABLE, p->at[p->count / 2].id, &value, &size);
    if (rc == AER_OK) aer_free(value);
    if (rc == AER_OK) rc = aer_begin(db, AER_READ, &txn);
    if (rc == AER_OK) rc = aer_rows_open(txn, TABLE, NULL, &rows);
    for (int i = 0; rc == AER_OK && i < 5; i++) rc = aer_rows_next(rows, &id, &json);
    CHECK(rc == AER_OK || rc == AER_NOMEM);
    aer_rows_close(rows);
    if (txn) aer_rollback(txn);
    rc = aer_close(db);
    CHECK(rc == AER_OK || rc == AER_NOMEM);
    return aer__alloc_fail_at(0) >= left;
}

TEST(every_allocation_may_fail)
{
    const char *path = scene_make();
    struct people p = {0};
    aer_db *db = scene_open(path, false);
    unsigned long n = 1;

    add_people(db, &p, ENOUGH, 1000);
    scene_close(db);
    for (int more = 0; n < 3000 && more < 40; n += n < 600 ? 1 : 7) {
        if (p.count > 300) { /* so that there is something for a checkpoint, now and then */
            db = scene_open(path, false);
            while (p.count > 200) remove_person(db, NULL, &p, p.count - 1);
            add_people(db, &p, 110, 2000);
            scene_close(db);
        }
        more += !try_life(path, &p, n);
        if (n % 16 == 0) {
            db = scene_open(path, false);
            check_people(db, &p);
            scene_close(db);
        }
    }
    db = scene_open(path, false);
    check_people(db, &p);
    scene_close(db);
    CHECK(n < 3000);
    people_release(&p);
}
