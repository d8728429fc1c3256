/* test_model_threads.c -- four threads on one handle, each comparing all it reads.
 *
 * Each thread plays the moves of the model test on keys of its own, whose values only it can have changed; among
 * them are seals, compactions, and transactions larger than a bucket. In between it moves money between accounts
 * that all share: in every snapshot, of whichever thread, the sum is the same.
 *
 * AERIALS_OPS sets the number of operations of all threads.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect.h"
#include "play.h"
#include "testing.h"

#define THREADS 4
#define ACCOUNTS 40
#define MONEY_EACH 1000

#if defined(__SANITIZE_THREAD__)
#define OPERATIONS 60000
#elif defined(__SANITIZE_ADDRESS__)
#define OPERATIONS 120000
#else
#define OPERATIONS 400000
#endif

struct worker {
    struct player player;
    char prefix[8];
    uint64_t operations;
    pthread_t thread;
};

/* ---- the bank ----------------------------------------------------------------------------- */

static size_t account_key(char key[16], uint64_t number)
{
    return (size_t)snprintf(key, 16, "bank/%02u", (unsigned)number);
}

static int64_t balance_of(const void *data, size_t size)
{
    int64_t balance = 0;

    CHECK_INT(sizeof balance, size);
    memcpy(&balance, data, sizeof balance);
    return balance;
}

static int64_t balance_in(struct run *run, aer_db *db, aer_txn *txn, uint64_t account)
{
    int64_t balance = 0;
    char key[16];
    size_t size, key_size = account_key(key, account);

    expect(run, db, AER_OK, aer_txn_get_into(txn, key, key_size, &balance, sizeof balance, &size), "get an account");
    CHECK_INT(sizeof balance, size);
    return balance;
}

static void set_balance(struct run *run, aer_db *db, aer_txn *txn, uint64_t account, int64_t balance)
{
    char key[16];
    size_t key_size = account_key(key, account);

    expect(run, db, AER_OK, aer_txn_put(txn, key, key_size, &balance, sizeof balance), "put an account");
}

static void transfer(struct run *run, aer_db *db)
{
    uint64_t from = run_random(run, ACCOUNTS), to = (from + 1 + run_random(run, ACCOUNTS - 1)) % ACCOUNTS;
    int64_t amount = (int64_t)run_random(run, 100);
    aer_txn *txn = NULL;

    history_add(&run->history, "transfer %" PRId64 " from %" PRIu64 " to %" PRIu64, amount, from, to);
    expect(run, db, AER_OK, aer_begin(db, AER_WRITE, &txn), "begin");
    set_balance(run, db, txn, from, balance_in(run, db, txn, from) - amount);
    if (run_random(run, 10) == 0) { /* half a transfer, never to be seen */
        aer_rollback(txn);
        return;
    }
    set_balance(run, db, txn, to, balance_in(run, db, txn, to) + amount);
    expect(run, db, AER_OK, aer_commit(txn), "commit");
}

static int64_t sum_by_cursor(struct run *run, aer_db *db, aer_txn *txn)
{
    aer_range range = {.size = sizeof range, .prefix = {"bank/", 5}};
    aer_cursor *cursor = NULL;
    aer_slice key, value;
    int64_t sum = 0;
    int count = 0, rc;

    if (run_random(run, 2)) range.flags = AER_REVERSE;
    expect(run, db, AER_OK, aer_scan(txn, &range, &cursor), "scan");
    while ((rc = aer_next(cursor, &key, &value)) == AER_OK) {
        sum += balance_of(value.data, value.size);
        count++;
    }
    expect(run, db, AER_DONE, rc, "next");
    CHECK_INT(ACCOUNTS, count);
    aer_cursor_close(cursor);
    return sum;
}

static void count_the_money(struct run *run, aer_db *db)
{
    aer_txn *txn = NULL;
    int64_t sum = 0, by_cursor;

    history_add(&run->history, "count the money");
    expect(run, db, AER_OK, aer_begin(db, AER_READ, &txn), "begin to read");
    by_cursor = sum_by_cursor(run, db, txn);
    for (uint64_t i = 0; i < ACCOUNTS; i++) sum += balance_in(run, db, txn, i);
    if (sum != ACCOUNTS * MONEY_EACH || by_cursor != sum)
        history_fail(&run->history, "the accounts sum up to %" PRId64 ", by cursor %" PRId64 ", not %d", sum, by_cursor,
                     ACCOUNTS * MONEY_EACH);
    aer_rollback(txn);
}

static void open_bank(aer_db *db)
{
    int64_t balance = MONEY_EACH;
    aer_txn *txn = NULL;

    CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
    for (unsigned i = 0; i < ACCOUNTS; i++) {
        char key[16];
        size_t key_size = account_key(key, i);

        CHECK_DB_OK(db, aer_txn_put(txn, key, key_size, &balance, sizeof balance));
    }
    CHECK_DB_OK(db, aer_commit(txn));
}

/* ---- the threads -------------------------------------------------------------------------- */

static void *work(void *arg)
{
    struct worker *w = arg;
    struct run *run = &w->player.run;
    aer_db *db = w->player.db[0];

    while (run->history.count < w->operations) {
        uint64_t dice = run_random(run, 100);

        if (dice < 8) transfer(run, db);
        else if (dice < 12) count_the_money(run, db);
        else play(&w->player);
    }
    play_close_snapshots(&w->player);
    play_last_look(&w->player);
    count_the_money(run, db);
    return NULL;
}

static void look_after_reopening(const char *path, struct worker *workers)
{
    aer_db *db = NULL;

    CHECK_OK(aer_open(path, NULL, &db));
    for (int i = 0; i < THREADS; i++) {
        workers[i].player.db[0] = workers[i].player.db[1] = db;
        play_last_look(&workers[i].player);
    }
    count_the_money(&workers[0].player.run, db);
    inspect_ranges(&workers[0].player.run, db);
    CHECK_OK(aer_close(db));
    inspect_files(&workers[0].player.run, path);
}

TEST(threads_see_their_own_writes_and_nothing_half_done)
{
    const char *text = getenv("AERIALS_OPS");
    uint64_t operations = text ? strtoull(text, NULL, 10) : OPERATIONS;
    aer_options options = {.size = sizeof options, .sync = AER_SYNC_NORMAL, .busy_ms = 120000};
    static struct worker workers[THREADS];
    char path[4200];
    aer_db *db = NULL;

    scratch_dir();
    snprintf(path, sizeof path, "%s/db", scratch_path());
    options.bucket_max_rows = 200;
    options.bucket_max_size = 64 << 10;
    CHECK_OK(aer_init(path, &options));
    CHECK_OK(aer_open(path, &options, &db));
    open_bank(db);
    for (int i = 0; i < THREADS; i++) {
        struct worker *w = &workers[i];

        snprintf(w->prefix, sizeof w->prefix, "t%d/", i);
        w->operations = operations / THREADS;
        w->player.db[0] = w->player.db[1] = db;
        run_init(&w->player.run, test_seed() + (uint64_t)i, w->prefix, 600);
        w->player.run.history.round = i;
        CHECK_INT(0, pthread_create(&w->thread, NULL, work, w));
    }
    for (int i = 0; i < THREADS; i++) CHECK_INT(0, pthread_join(workers[i].thread, NULL));
    CHECK_OK(aer_close(db));
    look_after_reopening(path, workers);
    for (int i = 0; i < THREADS; i++) run_release(&workers[i].player.run);
}
