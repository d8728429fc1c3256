/* test_nomem_tables.c -- no memory at any one allocation while tables are used: each change is whole or not there, indexes fit the rows,
 * and the same handle goes on once there is memory again.
 *
 * As in test_nomem.c: a list of calls that goes on past those that fail, with the 1st, 2nd, 3rd ... allocation failing, on a copy
 * of one database each time.
 */
#include "scene.h"
#include "starve.h"
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEOPLE 40
#if defined(__SANITIZE_ADDRESS__)
#define EVERY 16 /* so many points one by one, then in growing steps; AERIALS_STARVE says otherwise */
#else
#define EVERY 40
#endif

struct model {
    int age[PEOPLE]; /* 0: there is no such person */
};

struct play {
    aer_db *db;
    struct model now, maybe;
    bool doubt;
    unsigned long n;
    bool on;
};

static const aer_column columns[] = {{"name", AER_STR, AER_PK, NULL}, {"age", AER_INT, 0, NULL}};

static int person_row(char row[64], int i, int age)
{
    return snprintf(row, 64, "{\"age\":%d,\"name\":\"N%02d\"}", age, i);
}

/* ---- looking ---- */

static void look(aer_db *db, const char *index, struct model *found)
{
    const aer_row_range range = {.size = sizeof range, .index = index};
    const char *id;
    aer_slice json;
    aer_rows *rows;
    aer_txn *txn;
    int rc;

    memset(found, 0, sizeof *found);
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK_DB_OK(db, aer_rows_open(txn, "people", &range, &rows));
    while ((rc = aer_rows_next(rows, &id, &json)) == AER_OK) {
        int age, i;
        CHECK_INT(2, sscanf(json.data, "{\"age\":%d,\"name\":\"N%d\"}", &age, &i));
        CHECK(i >= 0 && i < PEOPLE);
        CHECK_INT(0, found->age[i]);
        found->age[i] = age;
    }
    CHECK_DB_RC(db, AER_DONE, rc);
    aer_rows_close(rows);
    aer_rollback(txn);
}

/* By each index, and by none, the same; and that is what it should be. */
static void check(const struct play *p)
{
    static const char *const indexes[] = {NULL, "pk_name", "by_age"};

    for (size_t i = 0; i < AER_COUNT(indexes); i++) {
        struct model found;
        bool is;
        look(p->db, indexes[i], &found);
        is = memcmp(&found, &p->now, sizeof found) == 0 || (p->doubt && memcmp(&found, &p->maybe, sizeof found) == 0);
        if (!is) printf("allocation %lu %s, by %s\n", p->n, p->on ? "and on" : "", indexes[i] ? indexes[i] : "id");
        CHECK(is);
    }
}

/* ---- calls that may fail for want of memory, and for nothing else ---- */

static void done(struct play *p, const char *call, int rc, const struct model *next)
{
    if (rc == AER_OK) p->now = *next;
    else if (rc == AER_UNKNOWN && !p->doubt) {
        p->maybe = *next;
        p->doubt = true;
    } else if (rc != AER_NOMEM && !p->doubt) {
        printf("allocation %lu %s: %s: %s\n", p->n, p->on ? "and on" : "", call, aer_errmsg(p->db));
        CHECK_INT(AER_NOMEM, rc);
    }
}

static void insert(struct play *p, int i, int age)
{
    struct model next = p->now;
    char row[64];
    int size = person_row(row, i, age);

    next.age[i] = age;
    done(p, "aer_insert", aer_insert(p->db, "people", row, (size_t)size, NULL), &next);
}

static void set_where(struct play *p, int below, int age)
{
    struct model next = p->now;
    char where[32], set[32];
    const char *assignment = set;
    uint64_t count;

    snprintf(where, sizeof where, "age < %d", below);
    snprintf(set, sizeof set, "age = %d", age);
    for (int i = 0; i < PEOPLE; i++)
        if (next.age[i] && next.age[i] < below) next.age[i] = age;
    done(p, "aer_update_where", aer_update_where(p->db, NULL, "people", where, &assignment, 1, &count), &next);
}

static void delete_where(struct play *p, int from)
{
    struct model next = p->now;
    char where[32];
    uint64_t count;

    snprintf(where, sizeof where, "age >= %d", from);
    for (int i = 0; i < PEOPLE; i++)
        if (next.age[i] >= from) next.age[i] = 0;
    done(p, "aer_delete_where", aer_delete_where(p->db, NULL, "people", where, &count), &next);
}

/* A transaction of several rows and a key. */
static void batch(struct play *p)
{
    struct model next = p->now;
    aer_txn *txn;
    int rc = aer_begin(p->db, AER_WRITE, &txn);

    if (rc == AER_OK) {
        for (int i = 30; i < 34; i++) {
            char row[64];
            int size = person_row(row, i, i);
            if (rc == AER_OK) rc = aer_txn_insert(txn, "people", row, (size_t)size, NULL);
            next.age[i] = i;
        }
        if (rc == AER_OK) rc = aer_txn_put(txn, "key", 3, "value", 5);
        if (rc == AER_OK) rc = aer_commit(txn);
        else aer_rollback(txn);
    }
    done(p, "a transaction", rc, &next);
}

static void scenario(struct play *p)
{
    const char *const both[] = {"age", "name"};
    aer_rebuild_result result;

    insert(p, 25, 60);
    set_where(p, 5, 77);
    batch(p);
    done(p, "aer_index_create", aer_index_create(p->db, "people", "by_both", both, 2, 0, NULL, NULL), &p->now);
    delete_where(p, 70);
    done(p, "aer_index_rebuild", aer_index_rebuild(p->db, "people", NULL, NULL, NULL, &result), &p->now);
    insert(p, 26, 61);
}

/* ---- */

static void make_base(const char *path, int storage, struct model *model)
{
    const aer_table_options options = {sizeof options, storage, columns, 2};
    const char *const age[] = {"age"};
    aer_db *db = scene_open(path, NULL);
    char row[64];

    memset(model, 0, sizeof *model);
    CHECK_DB_OK(db, aer_config_set(db, "index_fanout", "4"));
    CHECK_DB_OK(db, aer_table_create(db, "people", &options));
    CHECK_DB_OK(db, aer_index_create(db, "people", "by_age", age, 1, 0, NULL, NULL));
    for (int i = 0; i < 20; i++) {
        CHECK_DB_OK(db, aer_insert(db, "people", row, (size_t)person_row(row, i, i + 1), NULL));
        model->age[i] = i + 1;
    }
    CHECK_DB_OK(db, aer_close(db));
}

static bool run(const char *base, const char *path, const struct model *model, unsigned long n, bool on)
{
    struct play p = {.now = *model, .n = n, .on = on};
    unsigned long asked;

    scene_shell("rm -rf '%s'", path);
    scene_copy(base, path);
    p.db = scene_open(path, NULL);
    starve_from(n, on);
    scenario(&p);
    asked = starve_end();
    if (!p.doubt) {
        check(&p);
        insert(&p, 39, 39); /* it goes on */
        CHECK(!p.doubt && p.now.age[39] == 39);
    }
    CHECK_INT(AER_OK, aer_close(p.db));
    p.db = scene_open(path, NULL);
    check(&p);
    CHECK_DB_OK(p.db, aer_close(p.db));
    return asked >= n;
}

static void all_points(int storage)
{
    char base[PATH_SIZE], path[PATH_SIZE + 8];
    const char *every = getenv("AERIALS_STARVE");
    unsigned long one_by_one = every ? strtoul(every, NULL, 10) : EVERY;
    struct model model;

    starve_init();
    snprintf(base, sizeof base, "%s", scene_init(1000, 0));
    snprintf(path, sizeof path, "%s-copy", base);
    make_base(base, storage, &model);
    for (int on = 0; on < 2; on++) {
        unsigned long n = 1;
        while (run(base, path, &model, n, on)) n += n < one_by_one ? 1 : n / 6;
    }
    scene_shell("rm -rf '%s'", path);
}

TEST(tables_of_files_stand_any_allocation_that_fails)
{
    all_points(AER_STORAGE_FILES);
}

TEST(tables_of_buckets_stand_any_allocation_that_fails)
{
    all_points(AER_STORAGE_BUCKETS);
}
