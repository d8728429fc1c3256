/* test_memory.c -- no memory at any allocation, SQLite's or ours: AER_NOMEM, nothing changed, nothing lost. */
#include "helpers.h"
#include "testing.h"

#include <stdio.h>
#include <string.h>

#define ENOUGH 3000 /* allocations no operation here reaches */

static char absolute[4200];

/* 0 when all went well. */
static int whole_story(struct err *err)
{
    sqlite3 *db = NULL, *memory = NULL, *copy = NULL, *frozen = NULL;
    unsigned char *image = NULL;
    int64_t rows;
    size_t size;
    int left, rc;

    rc = aer__sq_open(absolute, "a.sq3", SQ_CREATE, 0, &db, err);
    if (!rc) rc = aer__sq_int(db, "a.sq3", "SELECT count(*) FROM t", &rows, err);
    if (!rc) CHECK_INT(100, rows);
    if (!rc) rc = aer__sq_open_memory(&memory, err);
    if (!rc) rc = aer__sq_overwrite(memory, "m", db, err);
    if (!rc) rc = aer__sq_image(db, "a.sq3", &image, &size, err);
    if (!rc) {
        rc = aer__sq_open_image(image, size, &copy, err);
        image = NULL;
    }
    if (!rc) rc = aer__sq_int(copy, "m", "SELECT count(*) FROM t", &rows, err);
    if (!rc) CHECK_INT(100, rows);
    if (!rc) rc = aer__sq_overwrite(db, "a.sq3", copy, err);
    if (!rc) rc = aer__sq_checkpoint(db, "a.sq3", true, &left, err);
    if (!rc) rc = aer__sq_open(absolute, "a.sq3", SQ_FROZEN, 0, &frozen, err);
    if (!rc) rc = aer__sq_int(frozen, "a.sq3", "SELECT count(*) FROM t", &rows, err);
    sqlite3_free(image);
    aer__sq_close(frozen);
    aer__sq_close(copy);
    aer__sq_close(memory);
    aer__sq_close(db);
    return rc;
}

static void set_up(void)
{
    int dir;

    count_allocations();
    dir = scratch_dir();
    aer__sq_close(make_db(dir, "a.sq3", 100));
    snprintf(absolute, sizeof absolute, "%s/a.sq3", scratch_path());
}

TEST(every_allocation_of_sqlite_fails_once)
{
    int n, hits = 0;

    set_up();
    for (n = 1; n < ENOUGH; n++) {
        struct err err = {0};
        int rc;

        fail_allocation(n);
        rc = whole_story(&err);
        if (!allocation_failed()) break;
        fail_allocation(0);
        hits++;
        /* SQLite does without some allocations (page cache, lookaside). */
        if (rc && rc != AER_NOMEM) printf("allocation %d: %s\n", n, err.message);
        if (rc) CHECK_INT(AER_NOMEM, rc);
        CHECK_INT(rc, err.code);
    }
    fail_allocation(0);
    CHECK(n < ENOUGH && hits > 100);
    CHECK_OK(whole_story(ERR));
    printf("%d allocations\n", hits);
}

TEST(every_allocation_of_ours_fails_once)
{
    unsigned long count, n;

    set_up();
    aer__alloc_fail_at(0);
    CHECK_OK(whole_story(ERR));
    count = aer__alloc_fail_at(0);
    CHECK(count > 0);
    for (n = 1; n <= count; n++) {
        struct err err = {0};

        aer__alloc_fail_at(n);
        CHECK_RC(AER_NOMEM, whole_story(&err));
        CHECK_INT(AER_NOMEM, err.code);
    }
    aer__alloc_fail_at(0);
    CHECK_OK(whole_story(ERR));
}
