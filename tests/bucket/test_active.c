/* test_active.c -- the file being filled: commits, states, sealing, emptying; alone and beside other connections. */
#include "sample.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct active *open_active(int dir, int flags)
{
    struct active *a;

    CHECK_OK(aer__active_open(dir, 0, flags, SAMPLE_DATABASE, 1000, &a, ERR));
    return a;
}

/* Rows first to last, in one transaction; the first ever names the bucket. */
static void add_rows(struct active *a, uint64_t first, uint64_t last, size_t size, const char *id)
{
    uint64_t seq;

    CHECK_OK(aer__active_begin(a, AER_SYNC_NORMAL, ERR));
    if (id) CHECK_OK(aer__active_name(a, id, first, ERR));
    for (seq = first; seq <= last; seq++) {
        struct row row = sample_row(seq, size);

        CHECK_OK(aer__active_add(a, &row, ERR));
    }
    CHECK_OK(aer__active_commit(a, ERR));
}

static void check_state(struct active *a, uint64_t rows, uint64_t first, uint64_t last)
{
    struct active_state state;

    CHECK_OK(aer__active_state(a, &state, ERR));
    CHECK_INT(rows, state.rows);
    CHECK_STR(SAMPLE_DATABASE, state.info.database);
    if (rows == 0) return;
    CHECK_INT(first, state.info.first_seq);
    CHECK_INT(last, state.last_seq);
    CHECK_STR(SAMPLE_ID, state.info.id);
}

TEST(a_new_file_is_empty_and_can_be_opened_again)
{
    int dir = scratch_dir();
    struct active *a;
    int i;

    for (i = 0; i < 3; i++) {
        a = open_active(dir, i < 2 ? ACTIVE_CREATE : 0);
        check_state(a, 0, 0, 0);
        CHECK_STR("bucketroot/active-0.sq3", aer__active_name_of(a));
        aer__active_close(a);
    }
}

TEST(what_is_committed_is_there_after_reopening)
{
    int dir = scratch_dir();
    struct active *a = open_active(dir, ACTIVE_CREATE);
    struct row got;
    uint64_t seq;

    add_rows(a, 101, 200, 100, SAMPLE_ID);
    add_rows(a, 201, 300, 100, NULL);
    CHECK(aer__active_wal_frames(a) > 0);
    aer__active_close(a);
    a = open_active(dir, 0);
    check_state(a, 200, 101, 300);
    for (seq = 101; seq <= 300; seq++) {
        struct row want = sample_row(seq, 100);

        CHECK_OK(aer__active_get(a, seq, &got, ERR));
        check_same_row(&want, &got);
    }
    CHECK_RC(AER_NOTFOUND, aer__active_get(a, 100, &got, ERR));
    CHECK_RC(AER_NOTFOUND, aer__active_get(a, 301, &got, ERR));
    CHECK_RC(AER_NOTFOUND, aer__active_get(a, UINT64_MAX, &got, ERR));
    aer__active_close(a);
}

struct expect {
    uint64_t next, stop_at;
    size_t size;
    bool with_value;
};

static int expect_row(void *arg, const struct row *row)
{
    struct expect *e = arg;
    struct row want = sample_row(e->next, e->size);

    if (e->with_value) check_same_row(&want, row);
    else check_same_head(&want, row);
    return e->next++ == e->stop_at ? 4711 : 0;
}

TEST(rows_come_in_order_from_any_place_on)
{
    int dir = scratch_dir();
    struct active *a = open_active(dir, ACTIVE_CREATE);
    int value;

    add_rows(a, 1, 40, 20000, SAMPLE_ID);
    for (value = 0; value < 2; value++) {
        struct expect e = {1, 0, 20000, value};

        CHECK_OK(aer__active_rows(a, 0, value, expect_row, &e, ERR));
        CHECK_INT(41, e.next);
        e.next = 31;
        CHECK_OK(aer__active_rows(a, 30, value, expect_row, &e, ERR));
        CHECK_INT(41, e.next);
        e.next = 1;
        e.stop_at = 5;
        CHECK_RC(4711, aer__active_rows(a, 0, value, expect_row, &e, ERR));
        CHECK_INT(6, e.next);
        CHECK_OK(aer__active_rows(a, UINT64_MAX, value, expect_row, &e, ERR));
        CHECK_INT(6, e.next);
    }
    aer__active_close(a);
}

TEST(a_rollback_leaves_nothing)
{
    int dir = scratch_dir();
    struct active *a = open_active(dir, ACTIVE_CREATE);
    struct row row = sample_row(1, 10);

    CHECK_OK(aer__active_begin(a, AER_SYNC_FULL, ERR));
    CHECK_OK(aer__active_name(a, SAMPLE_ID, 1, ERR));
    CHECK_OK(aer__active_add(a, &row, ERR));
    aer__active_rollback(a);
    aer__active_rollback(a);
    check_state(a, 0, 0, 0);
    CHECK_RC(AER_MISUSE, aer__active_add(a, &row, ERR));
    CHECK_RC(AER_MISUSE, aer__active_name(a, SAMPLE_ID, 1, ERR));
    CHECK_RC(AER_MISUSE, aer__active_commit(a, ERR));
    aer__active_close(a);
}

TEST(a_sealed_image_holds_every_row_and_its_range)
{
    int dir = scratch_dir();
    struct active *a = open_active(dir, ACTIVE_CREATE);
    struct bucket_info info;
    unsigned char *data;
    struct sealed *s;
    size_t size;

    CHECK_RC(AER_INVALID, aer__active_seal_image(a, &data, &size, &info, ERR));
    add_rows(a, 11, 3000, 100, SAMPLE_ID);
    CHECK_OK(aer__active_checkpoint(a, false, ERR));
    add_rows(a, 3001, 4000, 100, NULL);
    CHECK_OK(aer__active_seal_image(a, &data, &size, &info, ERR));
    CHECK_INT(11, info.first_seq);
    CHECK_INT(4000, info.last_seq);
    CHECK_STR(SAMPLE_ID, info.id);
    put_bucket(dir, SAMPLE_ID, data, size);
    sqlite3_free(data);
    check_with_sqlite(dir, SAMPLE_PATH, 11, 4000, 1, 100);
    s = open_bucket(dir, SAMPLE_ID);
    CHECK_INT(4000, aer__sealed_info(s)->last_seq);
    CHECK_OK(aer__sealed_rows(s, 0, true, NULL, NULL, ERR));
    aer__sealed_close(s);
    check_state(a, 3990, 11, 4000); /* sealing changes nothing in the active file */
    aer__active_close(a);
}

static off_t size_of(const char *name)
{
    struct stat st;
    char path[4200];

    snprintf(path, sizeof path, "%s/bucketroot/%s", scratch_path(), name);
    CHECK_INT(0, stat(path, &st));
    return st.st_size;
}

TEST(emptied_it_starts_over_in_place)
{
    int dir = scratch_dir();
    struct active *a = open_active(dir, ACTIVE_CREATE);
    off_t wal_size;
    int round;

    add_rows(a, 1, 2000, 100, SAMPLE_ID);
    wal_size = size_of("active-0.sq3-wal");
    for (round = 0; round < 3; round++) {
        CHECK_OK(aer__active_empty(a, ERR));
        check_state(a, 0, 0, 0);
        CHECK(size_of("active-0.sq3") <= 4 * 4096);
        CHECK_INT(0, aer__active_wal_frames(a));
        add_rows(a, 5000, 6000, 100, SAMPLE_ID);
        check_state(a, 1001, 5000, 6000);
        /* The file of the WAL is written over from its start: it neither grows nor shrinks. */
        CHECK(size_of("active-0.sq3-wal") >= wal_size && size_of("active-0.sq3-wal") < wal_size + 20 * 4120);
    }
    CHECK_OK(aer__active_empty(a, ERR));
    aer__active_close(a);
    a = open_active(dir, 0);
    check_state(a, 0, 0, 0);
    aer__active_close(a);
}

TEST(a_reader_sees_whole_commits_and_does_not_block)
{
    int dir = scratch_dir();
    struct active *a = open_active(dir, ACTIVE_CREATE);
    struct active *reader = open_active(dir, ACTIVE_READONLY);
    struct row row = sample_row(51, 10), got;

    add_rows(a, 1, 50, 10, SAMPLE_ID);
    check_state(reader, 50, 1, 50);
    CHECK_OK(aer__active_begin(a, AER_SYNC_NORMAL, ERR));
    CHECK_OK(aer__active_add(a, &row, ERR));
    check_state(reader, 50, 1, 50);
    CHECK_RC(AER_NOTFOUND, aer__active_get(reader, 51, &got, ERR));
    CHECK_OK(aer__active_commit(a, ERR));
    check_state(reader, 51, 1, 51);
    CHECK_OK(aer__active_empty(a, ERR));
    check_state(reader, 0, 0, 0);
    CHECK_RC(AER_READONLY, aer__active_begin(reader, AER_SYNC_FULL, ERR));
    aer__active_close(reader);
    aer__active_close(a);
}

TEST(a_second_writer_is_busy)
{
    int dir = scratch_dir();
    struct active *a = open_active(dir, ACTIVE_CREATE), *b;

    CHECK_OK(aer__active_open(dir, 0, 0, SAMPLE_DATABASE, 0, &b, ERR));
    CHECK_OK(aer__active_begin(a, AER_SYNC_NORMAL, ERR));
    CHECK_RC(AER_BUSY, aer__active_begin(b, AER_SYNC_NORMAL, ERR));
    aer__active_rollback(a);
    CHECK_OK(aer__active_begin(b, AER_SYNC_NORMAL, ERR));
    aer__active_rollback(b);
    aer__active_close(a);
    aer__active_close(b);
}

TEST(a_frozen_file_shows_what_its_wal_holds)
{
    int dir = scratch_dir();
    struct active *a = open_active(dir, ACTIVE_CREATE);

    add_rows(a, 1, 50, 10, SAMPLE_ID);
    aer__active_close(a);
    a = open_active(dir, ACTIVE_FROZEN);
    check_state(a, 50, 1, 50);
    aer__active_close(a);
    a = open_active(dir, 0);
    CHECK_OK(aer__active_checkpoint(a, true, ERR));
    aer__active_close(a);
    a = open_active(dir, ACTIVE_FROZEN);
    check_state(a, 50, 1, 50);
    aer__active_close(a);
}

TEST(sync_and_checkpoint_work_in_every_mode)
{
    static const int modes[] = {AER_SYNC_OFF, AER_SYNC_NORMAL, AER_SYNC_FULL};
    int dir = scratch_dir();
    struct active *a = open_active(dir, ACTIVE_CREATE);
    unsigned i;

    for (i = 0; i < AER_COUNT(modes); i++) {
        struct row row = sample_row(i + 1, 100);

        CHECK_OK(aer__active_begin(a, modes[i], ERR));
        if (i == 0) CHECK_OK(aer__active_name(a, SAMPLE_ID, 1, ERR));
        CHECK_OK(aer__active_add(a, &row, ERR));
        CHECK_OK(aer__active_commit(a, ERR));
        CHECK_OK(aer__active_sync(a, ERR));
        CHECK_OK(aer__active_checkpoint(a, i % 2, ERR));
        CHECK_INT(0, aer__active_wal_frames(a));
        check_state(a, i + 1, 1, i + 1);
    }
    aer__active_close(a);
}

TEST(a_missing_or_foreign_file_is_refused)
{
    int dir = scratch_dir();
    struct active *a;

    CHECK(aer__active_open(dir, 0, 0, SAMPLE_DATABASE, 0, &a, ERR) != AER_OK);
    CHECK(!a);
    CHECK_OK(aer__fs_create(dir, aer__layout_active(0),
                            "this is not a database, it is a text of more than a hundred bytes, "
                            "which is what SQLite wants to see before it calls a file a database",
                            133, 0644, false, ERR));
    CHECK_RC(AER_CORRUPT, aer__active_open(dir, 0, 0, SAMPLE_DATABASE, 0, &a, ERR));
    CHECK_RC(AER_CORRUPT, aer__active_open(dir, 0, ACTIVE_CREATE, SAMPLE_DATABASE, 0, &a, ERR));
    CHECK_RC(AER_CORRUPT, aer__active_open(dir, 0, ACTIVE_READONLY, SAMPLE_DATABASE, 0, &a, ERR));
}

TEST(a_file_of_another_database_is_refused)
{
    int dir = scratch_dir();
    struct active *a = open_active(dir, ACTIVE_CREATE);

    aer__active_close(a);
    CHECK_RC(AER_CORRUPT, aer__active_open(dir, 0, 0, "ffffffffffffffffffffffffffffffff", 0, &a, ERR));
    CHECK_OK(aer__active_open(dir, 0, 0, NULL, 0, &a, ERR));
    aer__active_close(a);
}

TEST(a_changed_value_is_damage)
{
    int dir = scratch_dir();
    struct active *a = open_active(dir, ACTIVE_CREATE);
    struct expect e = {1, 0, 10, true};
    struct row got;
    char path[4200];
    sqlite3 *db;

    add_rows(a, 1, 5, 10, SAMPLE_ID);
    snprintf(path, sizeof path, "%s/%s", scratch_path(), aer__layout_active(0));
    CHECK_INT(SQLITE_OK, sqlite3_open(path, &db));
    CHECK_INT(SQLITE_OK, sqlite3_exec(db, "UPDATE bucket SET value = x'11' WHERE seq = 4", NULL, NULL, NULL));
    sqlite3_close(db);
    CHECK_OK(aer__active_get(a, 3, &got, ERR));
    CHECK_RC(AER_CORRUPT, aer__active_get(a, 4, &got, ERR));
    CHECK_RC(AER_CORRUPT, aer__active_rows(a, 0, true, expect_row, &e, ERR));
    CHECK_INT(4, e.next);
    aer__active_close(a);
}

TEST(a_row_that_is_there_already_fails_and_changes_nothing)
{
    int dir = scratch_dir();
    struct active *a = open_active(dir, ACTIVE_CREATE);
    struct row row;

    add_rows(a, 1, 5, 10, SAMPLE_ID);
    row = sample_row(5, 10);
    CHECK_OK(aer__active_begin(a, AER_SYNC_NORMAL, ERR));
    CHECK(aer__active_add(a, &row, ERR) != AER_OK);
    aer__active_rollback(a);
    check_state(a, 5, 1, 5);
    aer__active_close(a);
}
