/* test_recent.c -- rows of an active file in memory: all are counted, and those that are kept are what was added. */
#include "kv/recent.h"

#include "testing.h"

#include <string.h>

#define ID "28dd1a21d3fdabf7"

static struct recent *new_recent(uint64_t first_seq, uint64_t limit)
{
    struct recent *r;

    CHECK_OK(aer__recent_new(ID, first_seq, limit, &r, ERR));
    CHECK_STR(ID, aer__recent_id(r));
    CHECK_INT(first_seq, aer__recent_first(r));
    CHECK_INT(0, aer__recent_count(r));
    CHECK_INT(0, aer__recent_bytes(r));
    return r;
}

/* A row made of its number alone: all sorts of sizes, with meta or without, deletes, parts, expiry. */
struct made {
    struct row row;
    char key[64], meta[64], value[3000];
};

static void make_row(struct made *m, uint64_t n)
{
    uint64_t state = n;
    struct row *row = &m->row;

    memset(row, 0, sizeof *row);
    row->seq = n;
    row->key_size = 1 + test_random(&state) % sizeof m->key;
    row->value_size = test_random(&state) % 4 ? test_random(&state) % 100 : test_random(&state) % sizeof m->value;
    if (test_random(&state) % 10 == 0) row->value_size = 0;
    memset(m->key, (int)(test_random(&state) & 0xff), row->key_size);
    memset(m->value, (int)(test_random(&state) & 0xff), row->value_size);
    row->key = m->key;
    row->value = m->value;
    row->is_delete = test_random(&state) % 8 == 0;
    if (row->is_delete) {
        row->value = NULL;
        row->value_size = 0;
    } else {
        if (test_random(&state) % 3 == 0) {
            row->meta_size = test_random(&state) % sizeof m->meta;
            memset(m->meta, (int)(test_random(&state) & 0xff), row->meta_size);
            row->meta = m->meta;
        }
        if (test_random(&state) % 5 == 0) row->expires_ms = (int64_t)(test_random(&state) >> 1) + 1;
        if (test_random(&state) % 7 == 0) row->part = (int64_t)(test_random(&state) % 9) - 4;
    }
}

static void check_row(const struct recent *r, uint64_t seq, const struct row *expected)
{
    struct row row;

    CHECK_OK(aer__recent_get(r, seq, &row));
    CHECK_INT(seq, row.seq);
    CHECK_MEM(expected->key, expected->key_size, row.key, row.key_size);
    CHECK_INT(expected->is_delete, row.is_delete);
    CHECK((row.value == NULL) == row.is_delete);
    CHECK_INT(expected->value_size, row.value_size);
    if (row.value) CHECK_MEM(expected->value, expected->value_size, row.value, row.value_size);
    CHECK((expected->meta == NULL) == (row.meta == NULL));
    if (row.meta) CHECK_MEM(expected->meta, expected->meta_size, row.meta, row.meta_size);
    CHECK_INT(expected->expires_ms, row.expires_ms);
    CHECK_INT(expected->part, row.part);
}

static bool is_there(const struct recent *r, uint64_t seq)
{
    struct row row;
    int rc = aer__recent_get(r, seq, &row);

    if (rc) CHECK_INT(AER_NOTFOUND, rc);
    return rc == AER_OK;
}

TEST(random_rows_come_back_as_they_were_added)
{
    uint64_t seed = test_seed(), first = 1 + test_random(&seed) % 1000000, salt = test_random(&seed), bytes = 0,
             expiring = 0;
    struct recent *r = new_recent(first, UINT64_MAX / 2);
    struct made m;

    for (uint64_t i = 0; i < 5000; i++) { /* several blocks and arenas */
        make_row(&m, salt + i);
        m.row.seq = first + i;
        aer__recent_add(r, &m.row, true);
        bytes += aer__row_bytes(&m.row);
        expiring += m.row.expires_ms != 0;
        memset(&m, 0x77, sizeof m); /* what was added is a copy */
        CHECK_INT(i + 1, aer__recent_count(r));
        CHECK_INT(bytes, aer__recent_bytes(r));
        CHECK_INT(expiring, aer__recent_expiring(r));
        CHECK(!is_there(r, first + i + 1));
    }
    CHECK(expiring > 0);
    for (uint64_t i = 0; i < 5000; i++) {
        make_row(&m, salt + i);
        m.row.seq = first + i;
        check_row(r, first + i, &m.row);
    }
    CHECK(!is_there(r, first - 1));
    CHECK(!is_there(r, 0));
    CHECK(!is_there(r, UINT64_MAX));
    aer__recent_free(r);
}

TEST(rows_whose_value_is_not_at_hand_are_only_counted)
{
    struct recent *r = new_recent(10, 1 << 20);
    struct made m;
    uint64_t bytes = 0;

    for (uint64_t i = 0; i < 3000; i++) {
        make_row(&m, i);
        m.row.seq = 10 + i;
        aer__recent_add(r, &m.row, i % 3 == 0);
        bytes += aer__row_bytes(&m.row);
    }
    CHECK_INT(3000, aer__recent_count(r));
    CHECK_INT(bytes, aer__recent_bytes(r));
    for (uint64_t i = 0; i < 300; i++) {
        if (!is_there(r, 10 + i)) {
            CHECK(i % 3 != 0);
            continue;
        }
        CHECK_INT(0, i % 3);
        make_row(&m, i);
        m.row.seq = 10 + i;
        check_row(r, 10 + i, &m.row);
    }
    aer__recent_free(r);
}

TEST(beyond_the_limit_rows_are_only_counted)
{
    struct recent *r = new_recent(1, 300 * 1024);
    char value[1000] = "";
    struct row row = {.key = "k", .key_size = 1, .value = value, .value_size = sizeof value};
    uint64_t kept = 0;

    for (uint64_t i = 1; i <= 2000; i++) {
        row.seq = i;
        aer__recent_add(r, &row, true);
        kept += is_there(r, i);
    }
    CHECK_INT(2000, aer__recent_count(r));
    CHECK_INT(2000 * aer__row_bytes(&row), aer__recent_bytes(r));
    CHECK(kept > 150 && kept * sizeof value < 300 * 1024);
    for (uint64_t i = 1; i <= 2000; i++) CHECK_INT(i <= kept, is_there(r, i)); /* the first ones, and no hole */
    row.value_size = 0;
    row.seq = 2001;
    aer__recent_add(r, &row, true); /* it would fit: full stays full, so that what is kept is one piece */
    CHECK(!is_there(r, 2001));
    CHECK_INT(2001, aer__recent_count(r));
    aer__recent_free(r);
}

TEST(a_row_larger_than_the_limit_is_only_counted)
{
    struct recent *r = new_recent(1, 1000);
    char value[5000] = "";
    struct row row = {.seq = 1, .key = "k", .key_size = 1, .value = value, .value_size = sizeof value};

    aer__recent_add(r, &row, true);
    CHECK(!is_there(r, 1));
    CHECK_INT(1, aer__recent_count(r));
    aer__recent_free(r);
    aer__recent_free(NULL);
}

TEST(without_memory_a_row_is_only_counted)
{
    struct recent *r = NULL;
    struct row row = {.seq = 1, .key = "k", .key_size = 1, .value = "v", .value_size = 1};

    aer__alloc_fail_at(1);
    CHECK_RC(AER_NOMEM, aer__recent_new(ID, 1, 1 << 20, &r, ERR));
    CHECK(r == NULL);
    for (unsigned long n = 1; n <= 2; n++) { /* the block of pointers; the row. The file has it all the same */
        aer__alloc_fail_at(0);
        r = new_recent(1, 1 << 20);
        aer__alloc_fail_at(n);
        aer__recent_add(r, &row, true);
        aer__alloc_fail_at(0);
        CHECK_INT(1, aer__recent_count(r));
        CHECK_INT(aer__row_bytes(&row), aer__recent_bytes(r));
        CHECK(!is_there(r, 1));
        aer__recent_free(r);
    }
}
