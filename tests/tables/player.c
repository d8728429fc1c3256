/* player.c -- opening, looking and comparing, and the journal of operations; see moves.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "moves.h"
#include "testing.h"

uint64_t player_random(struct player *p, uint64_t below)
{
    return test_random(&p->random) % below;
}

void player_expect(struct player *p, aer_db *db, int expected, int actual, const char *call)
{
    if (actual != expected)
        history_fail(&p->history, "%s: expected code %d (%s), got %d (%s), message: %s", call, expected,
                     aer_strerror(expected), actual, aer_strerror(actual), aer_errmsg(db));
}

void player_agree(struct player *p, bool same, const char *reason)
{
    if (!same) history_fail(&p->history, "%s", reason);
}

/* ---- opening ------------------------------------------------------------------------------- */

void player_make(const char *path, const char *fanout, uint64_t bucket_max_rows)
{
    aer_options options = {.size = sizeof options, .bucket_max_rows = bucket_max_rows, .bucket_max_size = 256 << 10};
    aer_db *db = NULL;

    CHECK_OK(aer_init(path, &options));
    if (!fanout) return;
    CHECK_OK(aer_open(path, NULL, &db));
    CHECK_DB_OK(db, aer_config_set(db, "index_fanout", fanout));
    CHECK_OK(aer_close(db));
}

/* Two rows under a primary key, and found again after a reopening. */
static bool works(const char *path, int kind)
{
    aer_table_options options = {.size = sizeof options, .storage = kind};
    char name[8], id[AER_ID_SIZE];
    void *json = NULL;
    size_t size;
    aer_db *db = NULL;
    bool all;

    snprintf(name, sizeof name, "k%d", kind);
    options.columns = form_columns(FORM_KEYED, &options.column_count);
    CHECK_OK(aer_open(path, NULL, &db));
    all = aer_table_create(db, name, &options) == AER_OK && aer_insert(db, name, "{\"a\":1}", 7, id) == AER_OK &&
          aer_insert(db, name, "{\"a\":2}", 7, id) == AER_OK;
    if (aer_close(db)) return false;
    CHECK_OK(aer_open(path, NULL, &db));
    all = all && aer_row(db, name, id, &json, &size) == AER_OK;
    aer_free(json);
    return aer_close(db) == AER_OK && all;
}

/* A kind that does not work here is left out; gdbm needs its module. */
void player_find_kinds(struct player *p)
{
    static const int kinds[] = {AER_STORAGE_FILES, AER_STORAGE_BUCKETS, AER_STORAGE_GDBM};
    char path[4200];

    snprintf(path, sizeof path, "%s/kinds", scratch_path());
    CHECK_OK(aer_init(path, NULL));
    for (size_t i = 0; i < AER_COUNT(kinds); i++) {
        if (works(path, kinds[i])) p->kinds[p->kind_count++] = kinds[i];
        else CHECK(kinds[i] == AER_STORAGE_GDBM);
    }
}

static void open_one(struct player *p, int i)
{
    int rc = aer_open(p->path, &p->options, &p->db[i]);

    player_expect(p, p->db[i], AER_OK, rc, "open");
}

void player_open(struct player *p, bool two)
{
    open_one(p, 0);
    if (two) open_one(p, 1);
    else p->db[1] = p->db[0];
}

void player_close(struct player *p)
{
    int rc = aer_close(p->db[0]);

    if (rc == AER_OK && p->db[1] != p->db[0]) rc = aer_close(p->db[1]);
    p->db[0] = p->db[1] = NULL;
    if (rc) history_fail(&p->history, "close: code %d", rc);
}

void player_release(struct player *p)
{
    shadow_release(&p->shadow);
}

/* ---- looking ------------------------------------------------------------------------------- */

static void scan_some(struct player *p, aer_db *db, aer_txn *txn, struct table *t)
{
    struct index *index = player_random(p, 8) ? random_index(p, t) : NULL;
    struct bounds b = {.from_count = 0};
    char prefix[32], reason[REASON];
    int flags = player_random(p, 4) ? 0 : AER_KEYS_ONLY;

    if (index) random_bounds(p, t, index, &b, prefix);
    if (index && player_random(p, 2)) flags |= AER_REVERSE;
    history_add(&p->history, "scan %s by %s, flags %d", t->name, index ? index->name : "id", flags);
    player_agree(p, compare_scan(db, txn, t, index, &b, flags, player_random(p, 3) ? 60 : SIZE_MAX, reason), reason);
    p->scans++;
}

static void look_in(struct player *p, aer_db *db, aer_txn *txn)
{
    struct table *t = &p->shadow.tables[player_random(p, TABLES)];
    char reason[REASON];
    uint64_t dice = player_random(p, 10);

    if (!t->name[0] || dice == 0) {
        player_agree(p, compare_key(db, txn, &p->shadow, (int)player_random(p, KEYS), reason), reason);
    } else if (t->count && dice < 4) {
        const struct row *row = t->rows[player_random(p, t->count)];

        history_add(&p->history, "row %s of %s", row->id, t->name);
        player_agree(p, compare_row(db, txn, t, row->id, row, reason), reason);
    } else if (txn) {
        scan_some(p, db, txn, t);
    }
}

void player_look(struct player *p)
{
    aer_db *db = p->db[player_random(p, 3) == 0];
    aer_txn *txn = p->txn;

    if (txn) {
        look_in(p, p->txn_db, txn);
        return;
    }
    if (player_random(p, 3) == 0) {
        look_in(p, db, NULL);
        return;
    }
    player_expect(p, db, AER_OK, aer_begin(db, AER_READ, &txn), "begin to read");
    for (int i = 0; i < 3; i++) look_in(p, db, txn);
    aer_rollback(txn);
}

void player_check(struct player *p)
{
    char reason[REASON];

    for (int i = 0; i < 2; i++) player_agree(p, compare_all(p->db[i], &p->shadow, reason), reason);
}

/* ---- the journal --------------------------------------------------------------------------- */

struct journal *journal_new(void)
{
    struct journal *j = mmap(NULL, sizeof *j, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    CHECK(j != MAP_FAILED);
    return j;
}

void journal_free(struct journal *j)
{
    munmap(j, sizeof *j);
}

void journal_apply(const struct journal *j, uint32_t n, struct shadow *s)
{
    for (uint32_t i = n ? j->ends[n - 1] : 0; i < j->ends[n]; i++) shadow_apply(s, &j->ops[i]);
}
