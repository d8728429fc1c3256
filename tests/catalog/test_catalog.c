/* test_catalog.c -- aerial.sq3 is made, recognised and read; and one reader sees one moment. */
#include "sample.h"

#include "fs/fs.h"
#include "testing.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- creating and opening ---- */

TEST(a_new_catalogue_knows_its_database_and_nothing_else)
{
    int dir = scratch_dir();
    struct catalog *c = new_catalog(dir);
    struct catalog_state state;
    uint64_t keys = 7;
    bool any = true;

    CHECK_STR(SAMPLE_DATABASE, aer__catalog_database(c));
    CHECK_OK(aer__catalog_state(c, &state, ERR));
    CHECK_INT(0, state.merged_seq);
    CHECK_INT(0, state.merging_to);
    CHECK_INT(0, state.merging_key.size);
    CHECK_INT(1, state.version);
    CHECK_INT(SAMPLE_CLOCK, state.clock_ms);
    aer__buf_release(&state.merging_key);
    CHECK_INT(0, buckets_of(c).count);
    CHECK_OK(aer__catalog_count(c, NULL, NULL, &keys, ERR));
    CHECK_INT(0, keys);
    CHECK_OK(aer__catalog_displaced_any(c, &any, ERR));
    CHECK(!any);
    aer__catalog_close(c);
}

TEST(a_new_catalogue_is_in_its_file_and_needs_no_wal)
{
    int dir = scratch_dir(), other = scratch_dir();
    void *data;
    size_t size;

    create_catalog(dir);
    CHECK_OK(aer__fs_read_all(dir, LAYOUT_CATALOG, 1 << 20, &data, &size, ERR));
    CHECK_OK(aer__fs_create(other, LAYOUT_CATALOG, data, size, 0644, false, ERR));
    aer__free(data);
    aer__catalog_close(open_catalog(other, CATALOG_WRITE));
}

TEST(creating_over_a_catalogue_fails_and_leaves_it)
{
    int dir = scratch_dir();
    struct catalog *c = new_catalog(dir);

    put(c, "here", 5);
    aer__catalog_close(c);
    CHECK(aer__catalog_create(dir, "ffffffffffffffffffffffffffffffff", 1, ERR) != AER_OK);
    c = open_catalog(dir, CATALOG_WRITE);
    CHECK_STR(SAMPLE_DATABASE, aer__catalog_database(c));
    CHECK_INT(5, seq_of(c, "here", 4));
    aer__catalog_close(c);
}

static void check_refused(int dir, int code, const char *says)
{
    static const int flags[] = {CATALOG_WRITE, CATALOG_READONLY, CATALOG_FROZEN};

    for (size_t i = 0; i < AER_COUNT(flags); i++) {
        struct catalog *c = (struct catalog *)1;
        struct err err = {0};

        CHECK_RC(code, aer__catalog_open(dir, flags[i], 0, 1 << 20, &c, &err));
        CHECK(c == NULL);
        CHECK_INT(code, err.code);
        CHECK(strstr(err.message, says) != NULL);
        CHECK(strstr(err.message, LAYOUT_CATALOG) != NULL);
    }
}

TEST(a_file_that_is_missing_or_none_of_ours_is_refused)
{
    int dir = scratch_dir();

    check_refused(dir, AER_CORRUPT, "missing");
    CHECK_INT(0, mkdirat(dir, LAYOUT_CATALOG, 0777));
    check_refused(dir, AER_CORRUPT, "missing");
    CHECK_INT(0, unlinkat(dir, LAYOUT_CATALOG, AT_REMOVEDIR));
    create_catalog(dir);
    CHECK_INT(0, renameat(dir, LAYOUT_CATALOG, dir, "elsewhere"));
    CHECK_INT(0, symlinkat("elsewhere", dir, LAYOUT_CATALOG));
    check_refused(dir, AER_CORRUPT, "missing");
}

TEST(another_application_s_database_is_refused)
{
    int dir = scratch_dir();

    create_catalog(dir);
    run_sql(dir, "PRAGMA application_id = 4711");
    check_refused(dir, AER_CORRUPT, "not the catalogue");
}

TEST(a_database_of_somebody_else_is_refused_and_left)
{
    int dir = scratch_dir();

    run_sql(dir, "CREATE TABLE settings(name, value); INSERT INTO settings VALUES('format', 1)");
    check_refused(dir, AER_CORRUPT, "not the catalogue");
    CHECK_INT(1, number_of(dir, "SELECT count(*) FROM sqlite_schema"));
}

TEST(an_identity_that_is_no_identity_is_refused)
{
    int dir = scratch_dir();

    create_catalog(dir);
    run_sql(dir, "UPDATE settings SET value = 'short' WHERE name = 'database'");
    check_refused(dir, AER_CORRUPT, "'database' is damaged");
    run_sql(dir, "DELETE FROM settings WHERE name = 'database'");
    check_refused(dir, AER_CORRUPT, "'database' is missing");
}

TEST(a_format_we_do_not_know_is_newer_and_left_untouched)
{
    int dir = scratch_dir();

    create_catalog(dir);
    run_sql(dir, "UPDATE settings SET value = 2 WHERE name = 'format'");
    check_refused(dir, AER_NEWER, "format 2");
    run_sql(dir, "UPDATE settings SET value = 0 WHERE name = 'format'");
    check_refused(dir, AER_NEWER, "format 0");
    run_sql(dir, "DELETE FROM settings WHERE name = 'format'");
    check_refused(dir, AER_CORRUPT, "'format' is missing");
    run_sql(dir, "INSERT INTO settings VALUES('format', 1)");
    aer__catalog_close(open_catalog(dir, CATALOG_WRITE));
}

TEST(a_file_that_is_no_database_any_more_is_corrupt)
{
    int dir = scratch_dir();
    char noise[8192];

    memset(noise, 0x5a, sizeof noise);
    CHECK_OK(aer__fs_create(dir, LAYOUT_CATALOG, noise, sizeof noise, 0644, false, ERR));
    check_refused(dir, AER_CORRUPT, "");
    CHECK_OK(aer__fs_replace(dir, LAYOUT_CATALOG, "", 0, 0644, ERR));
    check_refused(dir, AER_CORRUPT, "not the catalogue");
}

/* The first page has the header and the schema: whatever becomes of a byte there, opening answers, and reading does. */
TEST(a_flipped_byte_of_the_first_page_never_crashes)
{
    int dir = scratch_dir(), broken = scratch_dir();
    uint64_t seed = test_seed(), refused = 0;
    unsigned char *data;
    void *read;
    size_t size;

    create_catalog(dir);
    CHECK_OK(aer__fs_read_all(dir, LAYOUT_CATALOG, 1 << 20, &read, &size, ERR));
    data = read;
    for (unsigned i = 0; i < 150; i++) {
        struct catalog_state state;
        struct err err = {0};
        struct catalog *c;
        size_t at = i < 100 ? i : 100 + test_random(&seed) % 3996;
        unsigned char bit = (unsigned char)(1u << test_random(&seed) % 8);
        int rc;

        data[at] ^= bit;
        CHECK_OK(aer__fs_replace(broken, LAYOUT_CATALOG, data, size, 0644, ERR));
        data[at] ^= bit;
        rc = aer__catalog_open(broken, CATALOG_FROZEN, 0, 1 << 20, &c, &err);
        if (rc) {
            refused++;
            CHECK(c == NULL);
            CHECK_INT(rc, err.code);
            continue;
        }
        rc = aer__catalog_state(c, &state, ERR);
        if (rc == AER_OK) aer__buf_release(&state.merging_key);
        aer__catalog_close(c);
    }
    CHECK(refused > 20); /* the header alone has that many bytes that matter */
    aer__free(data);
}

TEST(reading_handles_cannot_write)
{
    int dir = scratch_dir();
    struct catalog *c = new_catalog(dir);

    put(c, "k", 1);
    aer__catalog_close(c);
    c = open_catalog(dir, CATALOG_READONLY);
    CHECK_INT(1, seq_of(c, "k", 1));
    CHECK_OK(aer__catalog_begin(c, false, ERR)); /* SQLite only looks at the first change */
    CHECK_RC(AER_READONLY, aer__catalog_put(c, "k", 1, 2, ERR));
    aer__catalog_rollback(c);
    CHECK_INT(1, seq_of(c, "k", 1));
    aer__catalog_close(c);
}

TEST(a_frozen_directory_is_read_with_its_wal)
{
    int dir = scratch_dir();
    struct catalog *c = new_catalog(dir);

    put(c, "k", 1);
    aer__catalog_close(c);
    CHECK(number_of(dir, "SELECT count(*) FROM buckets_meta") == 1);
    c = open_catalog(dir, CATALOG_FROZEN);
    CHECK_INT(1, seq_of(c, "k", 1));
    aer__catalog_close(c);
}

/* ---- state ---- */

static void check_state_corrupt(struct catalog *c, const char *says)
{
    struct catalog_state state;
    struct err err = {0};

    CHECK_RC(AER_CORRUPT, aer__catalog_state(c, &state, &err));
    CHECK(strstr(err.message, says) != NULL);
    CHECK(state.merging_key.data == NULL);
}

TEST(a_damaged_setting_is_named)
{
    int dir = scratch_dir();
    struct catalog *c = new_catalog(dir);

    run_sql(dir, "UPDATE settings SET value = -1 WHERE name = 'merged_seq'");
    check_state_corrupt(c, "negative");
    run_sql(dir, "UPDATE settings SET value = 0 WHERE name = 'merged_seq'");
    run_sql(dir, "UPDATE settings SET value = -9 WHERE name = 'merging_to'");
    check_state_corrupt(c, "negative");
    run_sql(dir, "DELETE FROM settings WHERE name = 'merging_key'");
    check_state_corrupt(c, "'merging_key' is missing");
    aer__catalog_close(c);
}

/* ---- buckets as they are found ---- */

static int stop_at_once(void *arg, const struct catalog_bucket *b)
{
    ++*(int *)arg;
    return (int)b->first_seq + 100;
}

TEST(a_bucket_row_that_cannot_be_is_corrupt)
{
    static const char *const damage[] = {
        "UPDATE buckets SET dir = '../x'", "UPDATE buckets SET file = 'zz.sq3'", "UPDATE buckets SET file = x'00'",
        "UPDATE buckets SET last_seq = 0", "UPDATE buckets SET first_seq = -4",  "UPDATE buckets SET last_seq = -1",
    };

    for (size_t i = 0; i < AER_COUNT(damage); i++) {
        int dir = scratch_dir();
        struct catalog *c = new_catalog(dir);
        struct catalog_bucket b = sample_bucket(1, 10);
        struct err err = {0};
        int calls = 0;

        CHECK_OK(aer__catalog_begin(c, false, ERR));
        CHECK_OK(aer__catalog_add_bucket(c, &b, ERR));
        CHECK_OK(aer__catalog_commit(c, ERR));
        CHECK_INT(1, buckets_of(c).count);
        run_sql(dir, damage[i]);
        CHECK_RC(AER_CORRUPT, aer__catalog_buckets(c, stop_at_once, &calls, &err));
        CHECK(strstr(err.message, LAYOUT_CATALOG) != NULL);
        CHECK_INT(0, calls);
        aer__catalog_close(c);
    }
}

TEST(what_the_callback_answers_stops_the_list)
{
    int dir = scratch_dir(), calls = 0;
    struct catalog *c = new_catalog(dir);
    struct catalog_bucket one = sample_bucket(1, 10), two = sample_bucket(11, 20);

    CHECK_OK(aer__catalog_begin(c, false, ERR));
    CHECK_OK(aer__catalog_add_bucket(c, &two, ERR));
    CHECK_OK(aer__catalog_add_bucket(c, &one, ERR));
    CHECK_OK(aer__catalog_commit(c, ERR));
    CHECK_INT(101, aer__catalog_buckets(c, stop_at_once, &calls, ERR));
    CHECK_INT(1, calls);
    CHECK_INT(2, buckets_of(c).count); /* the statement is good for another run */
    aer__catalog_close(c);
}

/* ---- read transactions ---- */

static void check_moment(struct catalog *c, uint64_t seq, uint64_t buckets, uint64_t version, bool displaced)
{
    struct catalog_state state;
    uint64_t keys, old = 0;
    int rc;

    CHECK_INT(seq, seq_of(c, "k", 1));
    CHECK_INT(buckets, buckets_of(c).count);
    CHECK_OK(aer__catalog_state(c, &state, ERR));
    CHECK_INT(version, state.version);
    CHECK_INT(seq, state.merged_seq);
    aer__buf_release(&state.merging_key);
    CHECK_OK(aer__catalog_count(c, NULL, NULL, &keys, ERR));
    CHECK_INT(seq ? 1 : 0, keys);
    rc = aer__catalog_displaced(c, "k", 1, 1, &old, ERR);
    CHECK_INT(displaced ? AER_OK : AER_NOTFOUND, rc);
}

/* All that one merge or seal changes. */
static void change_all(struct catalog *c, uint64_t seq)
{
    struct catalog_bucket b = sample_bucket(seq, seq + 9);

    CHECK_OK(aer__catalog_begin(c, seq % 2 == 0, ERR));
    CHECK_OK(aer__catalog_put(c, "k", 1, seq, ERR));
    if (seq > 10) CHECK_OK(aer__catalog_displace(c, "k", 1, seq - 10, seq, ERR));
    CHECK_OK(aer__catalog_add_bucket(c, &b, ERR));
    CHECK_OK(aer__catalog_set_merged(c, seq, ERR));
    CHECK_OK(aer__catalog_advance_version(c, ERR));
}

TEST(a_read_transaction_sees_one_moment_whatever_is_committed)
{
    int dir = scratch_dir();
    struct catalog *writer = new_catalog(dir), *old = open_catalog(dir, CATALOG_READONLY), *middle = open_catalog(dir, 0);

    CHECK_OK(aer__catalog_read_begin(old, ERR));
    change_all(writer, 1);
    check_moment(writer, 1, 1, 2, false); /* its own, before the commit */
    check_moment(middle, 0, 0, 1, false);
    CHECK_OK(aer__catalog_commit(writer, ERR));
    check_moment(old, 0, 0, 1, false);
    CHECK_OK(aer__catalog_read_begin(middle, ERR));
    change_all(writer, 11);
    CHECK_OK(aer__catalog_commit(writer, ERR));
    check_moment(old, 0, 0, 1, false);
    check_moment(middle, 1, 1, 2, false);
    check_moment(writer, 11, 2, 3, true);

    CHECK_OK(aer__catalog_read_begin(old, ERR)); /* begun already: nothing moves */
    check_moment(old, 0, 0, 1, false);
    aer__catalog_read_end(old);
    aer__catalog_read_end(old);
    CHECK_OK(aer__catalog_read_begin(old, ERR));
    check_moment(old, 11, 2, 3, true);
    check_moment(middle, 1, 1, 2, false);
    aer__catalog_close(middle); /* with its transaction open */
    aer__catalog_close(old);
    aer__catalog_close(writer);
}

/* BEGIN alone takes no snapshot in SQLite: what is committed between begin and the first look must not be seen. */
TEST(the_moment_is_that_of_begin_not_of_the_first_look)
{
    int dir = scratch_dir();
    struct catalog *writer = new_catalog(dir), *reader = open_catalog(dir, CATALOG_READONLY);

    CHECK_OK(aer__catalog_read_begin(reader, ERR));
    put(writer, "k", 3);
    CHECK_INT(0, seq_of(reader, "k", 1));
    aer__catalog_close(reader);
    aer__catalog_close(writer);
}

TEST(beginning_to_write_ends_a_read_transaction)
{
    int dir = scratch_dir();
    struct catalog *a = new_catalog(dir), *b = open_catalog(dir, CATALOG_WRITE);

    CHECK_OK(aer__catalog_read_begin(a, ERR));
    put(b, "k", 4);
    CHECK_INT(0, seq_of(a, "k", 1));
    CHECK_OK(aer__catalog_begin(a, false, ERR)); /* from the old moment SQLite would not let it write */
    CHECK_INT(4, seq_of(a, "k", 1));
    CHECK_OK(aer__catalog_put(a, "k", 1, 5, ERR));
    CHECK_OK(aer__catalog_commit(a, ERR));
    CHECK_INT(5, seq_of(b, "k", 1));
    aer__catalog_close(a);
    aer__catalog_close(b);
}
