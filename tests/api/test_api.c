/* test_api.c -- what the header promises of each call, and what it answers to calls that can never be right. */
#include <aerials.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scene.h"
#include "testing.h"

/* ---- init and open ------------------------------------------------------------------------ */

TEST(init_makes_a_missing_directory_and_takes_an_empty_one)
{
    const char *path = scene_path();
    aer_db *db;

    CHECK_OK(aer_init(path, NULL));
    db = scene_open(path, NULL);
    CHECK_DB_OK(db, put_text(db, "k", "v"));
    scene_close(db);

    path = scene_path();
    CHECK_INT(0, mkdir(path, 0755));
    CHECK_OK(aer_init(path, NULL));
    scene_close(scene_open(path, NULL));
}

TEST(init_leaves_a_directory_that_is_not_empty_alone)
{
    const char *path = scene_path();
    char message[200] = "";
    uint64_t before;

    scene_shell("mkdir '%s' && echo mine > '%s/file'", path, path);
    before = scene_hash(path, NULL);
    CHECK_RC(AER_EXISTS, aer_init(path, NULL));
    CHECK_RC(AER_EXISTS, aer_init_msg(path, NULL, message, sizeof message));
    CHECK(message[0]);
    CHECK_INT(before, scene_hash(path, NULL));
    path = scene_init(0, 0);
    before = scene_hash(path, NULL);
    CHECK_RC(AER_EXISTS, aer_init(path, NULL));
    CHECK_INT(before, scene_hash(path, NULL));
}

TEST(init_fails_with_a_sentence_of_any_length)
{
    const char *path = scene_path();
    char name[PATH_SIZE + 20], message[64];

    scene_shell("echo file > '%s'", path);
    snprintf(name, sizeof name, "%s/below", path);
    CHECK(aer_init(path, NULL) != AER_OK);
    CHECK(aer_init(name, NULL) != AER_OK);
    for (size_t size = 1; size <= sizeof message; size++) {
        memset(message, '#', sizeof message);
        CHECK(aer_init_msg(name, NULL, message, size) != AER_OK);
        CHECK(memchr(message, '\0', size));
        CHECK(size == 1 || message[0]);
        CHECK(size == sizeof message || message[size] == '#');
    }
    CHECK(aer_init_msg(name, NULL, NULL, 0) != AER_OK);
    CHECK_RC(AER_MISUSE, aer_init(NULL, NULL));
}

static void open_fails(const char *path, int expected)
{
    aer_db *db = NULL;

    CHECK_RC(expected, aer_open(path, NULL, &db));
    CHECK(db && aer_errmsg(db)[0]);
    CHECK(aer_put(db, "k", 1, "v", 1) != AER_OK); /* such a handle is for its message only */
    aer_close(db);
}

TEST(what_is_no_database_is_not_opened)
{
    const char *path = scene_path();
    char name[PATH_SIZE + 20];

    open_fails(path, AER_NODB);
    scene_shell("mkdir '%s'", path);
    open_fails(path, AER_NODB);
    CHECK_INT(0, rmdir(path));
    scene_shell("echo file > '%s'", path);
    open_fails(path, AER_NODB);
    snprintf(name, sizeof name, "%s/below", path);
    open_fails(name, AER_NODB);
    open_fails("", AER_NODB);
    CHECK_RC(AER_MISUSE, aer_open(scene_path(), NULL, NULL));
}

TEST(garbage_instead_of_the_settings_is_damage)
{
    const char *path = scene_init(0, 0);
    aer_db *db = scene_open(path, NULL);
    uint64_t before;

    scene_fill(db, 0, 10, 1);
    scene_close(db);
    scene_write(path, "gertrude.conf", "{\"schema_version\": tru", 22);
    before = scene_hash(path, NULL);
    open_fails(path, AER_CORRUPT);
    CHECK_INT(before, scene_hash(path, NULL));
}

TEST(a_newer_format_is_refused_and_left_untouched)
{
    static const char *const skip[] = {"aerial.lock",      "aerial.sq3-wal",   "aerial.sq3-shm",
                                       "active-0.sq3-shm", "active-1.sq3-shm", NULL};
    const char *path = scene_init(0, 0);
    aer_db *db = scene_open(path, NULL);
    char copy[PATH_SIZE + 10];
    uint64_t before;

    scene_fill(db, 0, 300, 1);
    scene_close(db);
    snprintf(copy, sizeof copy, "%s.copy", path);
    scene_copy(path, copy);

    scene_shell("sed -i 's/\"schema_version\" *: *[0-9]*/\"schema_version\": 99/' '%s/gertrude.conf' && "
                "grep -q 99 '%s/gertrude.conf'",
                path, path);
    before = scene_hash(path, NULL);
    open_fails(path, AER_NEWER);
    CHECK_INT(before, scene_hash(path, NULL));

    scene_sql(copy, "aerial.sq3", "UPDATE settings SET value = 99 WHERE name = 'format'");
    CHECK_INT(99, scene_sql(copy, "aerial.sq3", "SELECT value FROM settings WHERE name = 'format'"));
    before = scene_hash(copy, skip);
    open_fails(copy, AER_NEWER);
    CHECK_INT(before, scene_hash(copy, skip));
}

TEST(two_handles_of_one_process_share_a_database)
{
    const char *path = scene_init(50, 0);
    aer_db *a = scene_open(path, NULL), *b = scene_open(path, NULL);
    aer_txn *snapshot = NULL;
    void *value;
    size_t size;

    CHECK_DB_OK(a, put_text(a, "k", "1"));
    check_text(b, "k", "1");
    CHECK_DB_OK(b, aer_begin(b, AER_READ, &snapshot));
    CHECK_DB_OK(b, put_text(b, "k", "2"));
    check_text(a, "k", "2");
    scene_fill(a, 0, 200, 1);
    scene_check(b, 0, 200, 1);
    CHECK_DB_OK(b, aer_seal(b));
    CHECK_DB_OK(a, aer_compact(a, NULL, NULL));
    CHECK_DB_OK(b, aer_txn_get(snapshot, "k", 1, &value, &size));
    CHECK_MEM("1", 1, value, size);
    aer_free(value);
    aer_rollback(snapshot);
    scene_close(a);
    scene_check(b, 0, 200, 1);
    CHECK_DB_OK(b, put_text(b, "k", "3"));
    scene_close(b);
    a = scene_open(path, NULL);
    check_text(a, "k", "3");
    scene_close(a);
}

/* ---- misuse ------------------------------------------------------------------------------- */

TEST(null_is_misuse_where_something_must_be)
{
    aer_db *db = scene_open(scene_init(0, 0), NULL);
    aer_txn *txn = NULL;
    aer_cursor *cursor;
    aer_stats stats;
    aer_slice slice;
    size_t size;
    void *value;
    char *text;

    CHECK_RC(AER_MISUSE, aer_put(NULL, "k", 1, "v", 1));
    CHECK_RC(AER_MISUSE, aer_get(NULL, "k", 1, &value, &size));
    CHECK_RC(AER_MISUSE, aer_del(NULL, "k", 1));
    CHECK_RC(AER_MISUSE, aer_begin(NULL, AER_READ, &txn));
    CHECK_RC(AER_MISUSE, aer_begin(db, AER_READ, NULL));
    CHECK_RC(AER_MISUSE, aer_begin(db, 0, &txn));
    CHECK_RC(AER_MISUSE, aer_begin(db, 3, &txn));
    CHECK_RC(AER_MISUSE, aer_begin(db, 1234, &txn));
    CHECK(!txn);
    CHECK_RC(AER_MISUSE, aer_commit(NULL));
    CHECK_RC(AER_MISUSE, aer_sync(NULL));
    CHECK_RC(AER_MISUSE, aer_seal(NULL));
    CHECK_RC(AER_MISUSE, aer_compact(NULL, NULL, NULL));
    CHECK_RC(AER_MISUSE, aer_status(NULL, &stats));
    CHECK_RC(AER_MISUSE, aer_status(db, NULL));
    CHECK_RC(AER_MISUSE, aer_scan(NULL, NULL, &cursor));
    CHECK_RC(AER_MISUSE, aer_next(NULL, &slice, &slice));
    CHECK_RC(AER_MISUSE, aer_config_get(NULL, "sync", &text));
    CHECK_RC(AER_MISUSE, aer_locate(db, "k", 1, NULL));
    aer_rollback(NULL);
    aer_cursor_close(NULL);
    aer_reader_close(NULL);
    aer_writer_abandon(NULL);
    aer_free(NULL);
    CHECK_OK(aer_close(NULL));
    CHECK(aer_errmsg(NULL));
    CHECK_DB_OK(db, put_text(db, "k", "v"));
    scene_close(db);
}

TEST(a_read_transaction_does_not_write)
{
    aer_db *db = scene_open(scene_init(0, 0), NULL);
    aer_writer *writer;
    aer_txn *txn = NULL;

    CHECK_DB_OK(db, put_text(db, "k", "v"));
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK_RC(AER_MISUSE, aer_txn_put(txn, "k", 1, "w", 1));
    CHECK_RC(AER_MISUSE, aer_txn_del(txn, "k", 1));
    CHECK_RC(AER_MISUSE, aer_writer_open(txn, "k", 1, NULL, &writer));
    CHECK(!writer);
    aer_rollback(txn);
    check_text(db, "k", "v");
    scene_close(db);
}

TEST(closing_with_a_transaction_open_is_misuse_but_loses_nothing)
{
    const char *path = scene_init(0, 0);
    aer_db *db = scene_open(path, NULL);
    aer_txn *txn = NULL;

    CHECK_DB_OK(db, put_text(db, "k", "v"));
    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    CHECK_DB_OK(db, aer_txn_put(txn, "k", 1, "w", 1));
    CHECK_RC(AER_MISUSE, aer_close(db)); /* and nothing has happened */
    CHECK_DB_OK(db, aer_txn_put(txn, "l", 1, "x", 1));
    aer_rollback(txn);
    scene_close(db);
    db = scene_open(path, NULL);
    check_text(db, "k", "v");
    CHECK_DB_OK(db, put_text(db, "k", "x"));
    scene_close(db);
}

TEST(nothing_else_is_done_in_a_transaction_while_a_writer_is_open)
{
    aer_db *db = scene_open(scene_init(0, 0), NULL);
    aer_writer *writer = NULL, *second = NULL;
    aer_txn *txn = NULL;
    size_t size;
    void *value;

    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    CHECK_DB_OK(db, aer_writer_open(txn, "k", 1, NULL, &writer));
    CHECK_DB_OK(db, aer_writer_write(writer, "abc", 3));
    CHECK_RC(AER_MISUSE, aer_txn_put(txn, "l", 1, "v", 1));
    CHECK_RC(AER_MISUSE, aer_txn_del(txn, "l", 1));
    CHECK_RC(AER_MISUSE, aer_txn_get(txn, "l", 1, &value, &size));
    CHECK_RC(AER_MISUSE, aer_writer_open(txn, "l", 1, NULL, &second));
    CHECK(!second);
    CHECK_DB_OK(db, aer_writer_write(writer, "def", 3));
    CHECK_DB_OK(db, aer_writer_write(writer, "", 0));
    CHECK_DB_OK(db, aer_writer_finish(writer));
    CHECK_DB_OK(db, aer_writer_open(txn, "empty", 5, NULL, &writer));
    CHECK_DB_OK(db, aer_writer_finish(writer));
    CHECK_DB_OK(db, aer_txn_get(txn, "k", 1, &value, &size));
    CHECK_MEM("abcdef", 6, value, size);
    aer_free(value);
    CHECK_DB_OK(db, aer_commit(txn));
    check_text(db, "k", "abcdef");
    check_text(db, "empty", "");
    scene_close(db);
}

TEST(an_abandoned_writer_leaves_the_old_value)
{
    aer_db *db = scene_open(scene_init(0, 0), NULL);
    aer_writer *writer = NULL;
    aer_txn *txn = NULL;

    CHECK_DB_OK(db, put_text(db, "k", "old"));
    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    CHECK_DB_OK(db, aer_txn_put(txn, "l", 1, "new", 3));
    CHECK_DB_OK(db, aer_writer_open(txn, "k", 1, NULL, &writer));
    CHECK_DB_OK(db, aer_writer_write(writer, "abc", 3));
    aer_writer_abandon(writer);
    CHECK_DB_OK(db, aer_txn_put(txn, "m", 1, "new", 3));
    CHECK_DB_OK(db, aer_commit(txn));
    check_text(db, "k", "old");
    check_text(db, "l", "new");
    check_text(db, "m", "new");
    scene_close(db);
}

TEST(a_failed_write_fails_the_whole_transaction)
{
    aer_db *db = scene_open(scene_init(0, 0), NULL);
    aer_txn *txn = NULL;

    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    CHECK_DB_OK(db, aer_txn_put(txn, "a", 1, "1", 1));
    CHECK_DB_RC(db, AER_INVALID, aer_txn_put(txn, "", 0, "2", 1));
    CHECK_DB_RC(db, AER_INVALID, aer_txn_put(txn, "b", 1, "3", 1));
    CHECK_DB_RC(db, AER_INVALID, aer_commit(txn));
    check_text(db, "a", NULL);
    check_text(db, "b", NULL);
    /* That a key is absent is an answer and no failure. */
    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    CHECK_DB_OK(db, aer_txn_put(txn, "a", 1, "1", 1));
    CHECK_DB_RC(db, AER_NOTFOUND, aer_txn_del(txn, "b", 1));
    CHECK_DB_OK(db, aer_commit(txn));
    check_text(db, "a", "1");
    scene_close(db);
}

TEST(an_empty_transaction_commits)
{
    aer_db *db = scene_open(scene_init(0, 0), NULL);
    aer_stats before, after;
    aer_txn *txn = NULL;

    CHECK_DB_OK(db, put_text(db, "k", "v"));
    CHECK_DB_OK(db, aer_status(db, &before));
    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    CHECK_DB_OK(db, aer_commit(txn));
    CHECK_DB_OK(db, aer_begin(db, AER_READ, &txn));
    CHECK_DB_OK(db, aer_commit(txn));
    CHECK_DB_RC(db, AER_NOTFOUND, aer_del(db, "absent", 6));
    CHECK_DB_OK(db, aer_status(db, &after));
    CHECK_INT(before.last_seq, after.last_seq);
    scene_close(db);
}

/* ---- waiting for the turn ----------------------------------------------------------------- */

static void busy_for(aer_db *db, int64_t least_ms, int64_t most_ms)
{
    int64_t start = scene_ms(), took;
    aer_txn *txn = NULL;

    CHECK_DB_RC(db, AER_BUSY, put_text(db, "k", "late"));
    took = scene_ms() - start;
    CHECK(took >= least_ms && took < most_ms);
    CHECK_DB_RC(db, AER_BUSY, aer_begin(db, AER_WRITE, &txn));
    CHECK(!txn);
}

TEST(who_waits_for_the_turn_in_vain_is_told_so_in_time)
{
    const char *path = scene_init(0, 0);
    aer_options patient = {.size = sizeof patient, .busy_ms = 300}, hasty = {.size = sizeof hasty, .busy_ms = -1};
    aer_db *a = scene_open(path, NULL), *b = scene_open(path, &patient), *c = scene_open(path, &hasty);
    aer_txn *txn = NULL;

    CHECK_DB_OK(a, put_text(a, "k", "first"));
    CHECK_DB_OK(a, aer_begin(a, AER_WRITE, &txn));
    CHECK_DB_OK(a, aer_txn_put(txn, "k", 1, "second", 6));
    busy_for(b, 290, 3000);
    busy_for(c, 0, 1000);
    check_text(b, "k", "first"); /* readers never wait */
    CHECK_DB_OK(a, aer_commit(txn));
    check_text(b, "k", "second");
    CHECK_DB_OK(b, put_text(b, "k", "third"));
    CHECK_DB_OK(c, put_text(c, "k", "fourth"));
    check_text(a, "k", "fourth");
    scene_close(a);
    scene_close(b);
    scene_close(c);
}

struct waiter {
    aer_db *db;
    int rc;
};

static void *wait_and_put(void *arg)
{
    struct waiter *w = arg;

    w->rc = put_text(w->db, "k", "waited");
    return NULL;
}

TEST(who_waits_gets_the_turn_when_it_is_free)
{
    const char *path = scene_init(0, 0);
    aer_db *db = scene_open(path, NULL), *other = scene_open(path, NULL);

    for (int i = 0; i < 2; i++) {
        struct waiter waiter = {i ? other : db, -1};
        aer_txn *txn = NULL;
        pthread_t thread;

        CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
        CHECK_INT(0, pthread_create(&thread, NULL, wait_and_put, &waiter));
        usleep(100000);
        CHECK_DB_OK(db, aer_txn_put(txn, "k", 1, "held", 4));
        CHECK_DB_OK(db, aer_commit(txn));
        CHECK_INT(0, pthread_join(thread, NULL));
        CHECK_OK(waiter.rc);
        check_text(db, "k", "waited");
    }
    scene_close(db);
    scene_close(other);
}

/* ---- settings, numbers, messages ---------------------------------------------------------- */

TEST(settings_are_kept)
{
    const char *path = scene_init(123, 0);
    aer_db *db = scene_open(path, NULL);
    aer_stats stats;
    char *text = NULL;

    for (int i = 0; aer_config_name(i); i++) {
        int rc = aer_config_get(db, aer_config_name(i), &text);

        CHECK(rc == AER_OK || rc == AER_NOTFOUND);
        aer_free(text);
        CHECK(i < 100);
    }
    CHECK(!aer_config_name(-1));
    CHECK_DB_OK(db, aer_config_get(db, "bucket_max_rows", &text));
    CHECK_STR("123", text);
    aer_free(text);
    CHECK_DB_OK(db, aer_config_set(db, "bucket_max_rows", "456"));
    CHECK_DB_OK(db, aer_config_set(db, "comment", "caf\xc3\xa9 \"quoted\"\n"));
    CHECK_DB_OK(db, aer_config_set(db, "sync", "off"));
    CHECK_DB_RC(db, AER_INVALID, aer_config_set(db, "bucket_max_rows", "0"));
    CHECK_DB_RC(db, AER_INVALID, aer_config_set(db, "bucket_max_rows", "12x"));
    CHECK_DB_RC(db, AER_INVALID, aer_config_set(db, "bucket_max_rows", "-1"));
    CHECK_DB_RC(db, AER_INVALID, aer_config_set(db, "bucket_max_rows", "1000000001"));
    CHECK_DB_RC(db, AER_INVALID, aer_config_set(db, "bucket_max_size", "4095"));
    CHECK_DB_RC(db, AER_INVALID, aer_config_set(db, "sync", "sometimes"));
    CHECK_DB_RC(db, AER_NOTFOUND, aer_config_get(db, "no_such_setting", &text));
    CHECK(!text);
    CHECK(aer_config_set(db, "no_such_setting", "1") != AER_OK);
    scene_close(db);
    db = scene_open(path, NULL);
    CHECK_DB_OK(db, aer_config_get(db, "bucket_max_rows", &text));
    CHECK_STR("456", text);
    aer_free(text);
    CHECK_DB_OK(db, aer_config_get(db, "comment", &text));
    CHECK_STR("caf\xc3\xa9 \"quoted\"\n", text);
    aer_free(text);
    CHECK_DB_OK(db, aer_status(db, &stats));
    CHECK_INT(456, stats.bucket_max_rows);
    CHECK_INT(AER_SYNC_OFF, stats.sync);
    scene_close(db);
}

TEST(status_counts_what_is_there)
{
    const char *path = scene_init(100, 0);
    aer_db *db = scene_open(path, NULL);
    aer_stats stats;

    CHECK_DB_OK(db, aer_status(db, &stats));
    CHECK_INT(0, stats.keys);
    CHECK_INT(0, stats.rows);
    CHECK_INT(0, stats.last_seq);
    scene_fill(db, 0, 1000, 1);
    scene_fill(db, 0, 500, 2);
    for (unsigned i = 900; i < 1000; i++) {
        char key[16];
        size_t key_size = scene_key(key, i);

        CHECK_DB_OK(db, aer_del(db, key, key_size));
    }
    for (int i = 0; i < 3; i++) {
        CHECK_DB_OK(db, aer_status(db, &stats));
        CHECK_INT(900, stats.keys);
        CHECK(stats.last_seq >= 1600 && stats.rows <= 1600 && stats.rows >= 900);
        CHECK(stats.bytes > 900 * 150 && stats.catalogue_bytes > 0);
        CHECK_INT(100, stats.bucket_max_rows);
        if (i == 0) CHECK_DB_OK(db, aer_seal(db));
        if (i == 1) {
            CHECK_INT(0, stats.unmerged_rows);
            CHECK(stats.buckets > 0);
            scene_close(db);
            db = scene_open(path, NULL);
        }
    }
    scene_close(db);
}

TEST(every_code_has_words_and_failures_have_sentences)
{
    aer_db *db = scene_open(scene_init(0, 0), NULL);

    for (int code = AER_OK; code <= AER_STOPPED; code++) {
        CHECK(aer_strerror(code) && aer_strerror(code)[0]);
        for (int other = AER_OK; other < code; other++) CHECK(strcmp(aer_strerror(code), aer_strerror(other)) != 0);
    }
    CHECK(aer_strerror(-1) && aer_strerror(999));
    CHECK_STR(AER_VERSION, aer_version());
    CHECK(aer_errmsg(db));
    CHECK_DB_RC(db, AER_INVALID, aer_put(db, "", 0, "", 0));
    CHECK(strlen(aer_errmsg(db)) > 5);
    scene_close(db);
}

/* ---- upkeep ------------------------------------------------------------------------------- */

static int stop_at_once(void *arg, uint64_t done, uint64_t total)
{
    CHECK(done <= total);
    ++*(int *)arg;
    return 1;
}

static int stop_at_second(void *arg, const aer_bucket *bucket)
{
    (void)bucket;
    return ++*(int *)arg == 2;
}

static int stop_at_third(void *arg, const aer_bucket_row *row)
{
    (void)row;
    return ++*(int *)arg == 3;
}

static int keep_first(void *arg, const aer_bucket *bucket)
{
    memcpy(arg, bucket->id, sizeof bucket->id);
    return 1;
}

TEST(a_callback_can_stop_what_calls_it)
{
    aer_db *db = scene_open(scene_init(50, 0), NULL);
    aer_compact_options options = {.size = sizeof options, .progress = stop_at_once};
    char id[17];
    int calls = 0;

    scene_fill(db, 0, 1000, 1);
    scene_fill(db, 0, 1000, 2);
    CHECK_DB_OK(db, aer_seal(db));
    CHECK_DB_RC(db, AER_STOPPED, aer_buckets(db, stop_at_second, &calls));
    CHECK_INT(2, calls);
    CHECK_DB_RC(db, AER_STOPPED, aer_buckets(db, keep_first, id));
    calls = 0;
    CHECK_DB_RC(db, AER_STOPPED, aer_bucket_rows(db, id, stop_at_third, &calls));
    CHECK_INT(3, calls);
    CHECK_DB_RC(db, AER_NOTFOUND, aer_bucket_rows(db, "0000000000000000", stop_at_third, &calls));
    CHECK(aer_bucket_rows(db, "../../../../etc/", stop_at_third, &calls) != AER_OK);
    CHECK_DB_OK(db, aer_config_set(db, "bucket_max_rows", "400"));
    calls = 0;
    options.progress_arg = &calls;
    scene_fill(db, 300, 600, 3);
    CHECK_DB_OK(db, aer_seal(db));
    CHECK_DB_RC(db, calls ? AER_STOPPED : AER_OK, aer_compact(db, &options, NULL));
    scene_check(db, 0, 300, 2);
    scene_check(db, 300, 600, 3);
    scene_check(db, 600, 1000, 2);
    scene_close(db);
}

TEST(compaction_gives_space_back_and_a_dry_run_tells_how_much)
{
    const char *path = scene_init(200, 0);
    aer_db *db = scene_open(path, NULL);
    aer_compact_options options = {.size = sizeof options, .flags = AER_COMPACT_DRY_RUN};
    aer_compact_result dry, real;
    uint64_t before;

    scene_fill(db, 0, 4000, 1);
    for (unsigned i = 0; i < 4000; i++) {
        char key[16];
        size_t key_size = scene_key(key, i);

        if (i % 8 != 0) CHECK_DB_OK(db, aer_del(db, key, key_size));
    }
    CHECK_DB_OK(db, aer_seal(db));
    memset(&dry, 0, sizeof dry);
    memset(&real, 0, sizeof real);
    CHECK_DB_OK(db, aer_compact(db, &options, &dry));
    options.flags = 0;
    CHECK_DB_OK(db, aer_compact(db, &options, &real));
    CHECK(real.bytes_after <= real.bytes_before && real.buckets_after <= real.buckets_before);
    for (int round = 0; round < 2; round++) {
        aer_stats stats;

        CHECK_DB_OK(db, aer_status(db, &stats));
        before = stats.rows;
        CHECK_INT(500, stats.keys);
        CHECK(before <= 1000);
        for (unsigned i = 0; i < 4000; i++) {
            if (i % 8 == 0) scene_check_key(db, i, 1);
            else scene_check_absent(db, i);
        }
        scene_close(db);
        db = scene_open(path, NULL);
    }
    scene_close(db);
}
