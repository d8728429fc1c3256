/* bank.c -- see bank.h. */
#include "bank.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "testing.h"

#define ACCOUNTS 60 /* a table at the beginning */
#define TOTAL "bank/total"

static uint64_t dice(struct bank *b, uint64_t below)
{
    return test_random(&b->random) % below;
}

static const char *table_of(const struct bank *b, int i)
{
    static const char *const names[] = {"in_files", "in_buckets", "in_gdbm"};

    return names[b->kinds[i]];
}

/* Padding of changing length, so that nodes and rows move. */
static size_t account(struct bank *b, char text[256], int64_t number, int64_t money)
{
    return (size_t)snprintf(text, 256, "{\"money\":%" PRId64 ",\"n\":%" PRId64 ",\"pad\":\"%.*s\"}", money, number,
                            (int)dice(b, 40), "........................................");
}

static int64_t member(const char *json, const char *name)
{
    const char *at = strstr(json, name);

    CHECK(at);
    return strtoll(at + strlen(name), NULL, 10);
}

/* ---- the total ----------------------------------------------------------------------------- */

static int64_t total(struct bank *b, aer_txn *txn)
{
    char text[32] = "";
    size_t size;

    CHECK_DB_OK(b->db, aer_txn_get_into(txn, TOTAL, sizeof TOTAL - 1, text, sizeof text - 1, &size));
    return strtoll(text, NULL, 10);
}

static void set_total(struct bank *b, aer_txn *txn, int64_t money)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%" PRId64, money);

    CHECK_DB_OK(b->db, aer_txn_put(txn, TOTAL, sizeof TOTAL - 1, text, (size_t)size));
}

void bank_make(struct bank *b)
{
    static const aer_column columns[] = {
        {"n", AER_INT, AER_PK, NULL}, {"money", AER_INT, AER_NOTNULL, NULL}, {"pad", AER_STR, 0, NULL}};
    static const char *const money[] = {"money"};
    char text[256];
    aer_txn *txn = NULL;

    for (int i = 0; i < b->kind_count; i++) {
        aer_table_options options = {.size = sizeof options, .columns = columns, .column_count = AER_COUNT(columns)};
        options.storage = b->kinds[i];
        CHECK_DB_OK(b->db, aer_table_create(b->db, table_of(b, i), &options));
        CHECK_DB_OK(b->db, aer_index_create(b->db, table_of(b, i), "by_money", money, 1, 0, NULL, NULL));
    }
    CHECK_DB_OK(b->db, aer_begin(b->db, AER_WRITE, &txn));
    for (int i = 0; i < b->kind_count; i++)
        for (int n = 0; n < ACCOUNTS; n++)
            CHECK_DB_OK(b->db, aer_txn_insert(txn, table_of(b, i), text, account(b, text, n, 1000), NULL));
    set_total(b, txn, (int64_t)b->kind_count * ACCOUNTS * 1000);
    CHECK_DB_OK(b->db, aer_commit(txn));
}

/* ---- transfers ----------------------------------------------------------------------------- */

/* Some account that is there: its row. */
static void pick(struct bank *b, aer_txn *txn, const char *table, char id[AER_ID_SIZE], int64_t *number, int64_t *money)
{
    char from[32];
    aer_row_range range = {.size = sizeof range, .index = "pk_n", .from = from, .flags = dice(b, 2) ? AER_REVERSE : 0};
    const char *found;
    aer_rows *rows = NULL;
    aer_slice json;
    int rc;

    if (range.flags) range.from = NULL, range.to = from;
    snprintf(from, sizeof from, "%u", (unsigned)dice(b, ACCOUNTS));
    CHECK_DB_OK(b->db, aer_rows_open(txn, table, &range, &rows));
    rc = aer_rows_next(rows, &found, &json);
    if (rc == AER_DONE) { /* nothing on that side */
        aer_rows_close(rows);
        range.from = range.to = NULL;
        CHECK_DB_OK(b->db, aer_rows_open(txn, table, &range, &rows));
        rc = aer_rows_next(rows, &found, &json);
    }
    CHECK_DB_RC(b->db, AER_OK, rc);
    memcpy(id, found, AER_ID_SIZE);
    *number = member(json.data, "\"n\":");
    *money = member(json.data, "\"money\":");
    aer_rows_close(rows);
}

static void change(struct bank *b, aer_txn *txn, const char *table, int64_t by)
{
    int64_t number, money;
    char id[AER_ID_SIZE], text[256];

    pick(b, txn, table, id, &number, &money);
    CHECK_DB_OK(b->db, aer_txn_update(txn, table, id, text, account(b, text, number, money + by), NULL));
}

/* An account is closed, or one is opened, and the total follows. */
static int64_t open_or_close(struct bank *b, aer_txn *txn, const char *table)
{
    int64_t number, money = (int64_t)dice(b, 500);
    char id[AER_ID_SIZE], text[256];
    int rc;

    if (dice(b, 2)) {
        pick(b, txn, table, id, &number, &money);
        if (number == 0) return 0; /* one stays */
        CHECK_DB_OK(b->db, aer_txn_delete(txn, table, id));
        return -money;
    }
    rc = aer_txn_insert(txn, table, text, account(b, text, 1 + (int64_t)dice(b, 2 * ACCOUNTS), money), NULL);
    if (rc != AER_CONFLICT) CHECK_DB_OK(b->db, rc);
    return rc ? 0 : money;
}

bool bank_transfer(struct bank *b)
{
    int64_t amount = (int64_t)dice(b, 300), more = 0;
    int from = (int)dice(b, (uint64_t)b->kind_count), to = (int)dice(b, (uint64_t)b->kind_count);
    aer_txn *txn = NULL;

    CHECK_DB_OK(b->db, aer_begin(b->db, AER_WRITE, &txn));
    for (uint64_t n = 1 + dice(b, 4); n > 0; n--) {
        change(b, txn, table_of(b, from), -amount);
        change(b, txn, table_of(b, to), amount);
    }
    if (dice(b, 3) == 0) more += open_or_close(b, txn, table_of(b, from));
    if (more) set_total(b, txn, total(b, txn) + more);
    if (dice(b, 12) == 0) {
        aer_rollback(txn);
        return false;
    }
    CHECK_DB_OK(b->db, aer_commit(txn));
    b->transfers++;
    return true;
}

/* ---- looks --------------------------------------------------------------------------------- */

/* AER_BUSY: what was read in this transaction before is older than this table. */
static int sum_of(struct bank *b, aer_txn *txn, const char *table, int64_t *sum)
{
    static const char *const indexes[] = {NULL, "pk_n", "by_money"};
    aer_row_range range = {.size = sizeof range, .index = indexes[dice(b, 3)]};
    aer_rows *rows = NULL;
    const char *id;
    aer_slice json;
    int64_t before = INT64_MIN;
    int rc;

    if (range.index && dice(b, 2)) range.flags = AER_REVERSE;
    rc = aer_rows_open(txn, table, &range, &rows);
    if (rc == AER_BUSY) return rc;
    CHECK_DB_OK(b->db, rc);
    while ((rc = aer_rows_next(rows, &id, &json)) == AER_OK) {
        int64_t money = member(json.data, "\"money\":");
        int64_t key = range.index && range.index[0] == 'p' ? member(json.data, "\"n\":") : money;

        *sum += money;
        if (range.index && !range.flags) CHECK(key >= before);
        if (range.index && range.flags && before != INT64_MIN) CHECK(key <= before);
        before = key;
    }
    CHECK_DB_RC(b->db, AER_DONE, rc);
    aer_rows_close(rows);
    return AER_OK;
}

static int look(struct bank *b, aer_txn *txn)
{
    bool key_first = dice(b, 3) == 0;
    int64_t expected = key_first ? total(b, txn) : 0, sum = 0, again = 0;
    int first = (int)dice(b, (uint64_t)b->kind_count), rc = AER_OK;

    for (int i = 0; rc == AER_OK && i < b->kind_count; i++)
        rc = sum_of(b, txn, table_of(b, (first + i) % b->kind_count), &sum);
    if (rc) return rc;
    if (!key_first) expected = total(b, txn);
    CHECK_INT(expected, sum);
    for (int i = 0; dice(b, 4) == 0 && i < b->kind_count; i++) {
        if (i == 0) again = 0;
        CHECK_INT(AER_OK, sum_of(b, txn, table_of(b, i), &again));
        if (i == b->kind_count - 1) CHECK_INT(expected, again);
    }
    return AER_OK;
}

void bank_look(struct bank *b)
{
    aer_txn *txn = NULL;
    int rc;

    CHECK_DB_OK(b->db, aer_begin(b->db, AER_READ, &txn));
    rc = look(b, txn);
    aer_rollback(txn);
    if (rc) b->late++;
    else b->looks++;
}
