/* play.c -- the moves; see play.h.
 *
 * The model is told of a write before or after the call, and of a commit after it. Up to six snapshots stay open
 * over hundreds of operations, each with a slow cursor, and go on seeing their moment.
 */
#include "play.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "inspect.h"
#include "testing.h"

/* ---- choosing ----------------------------------------------------------------------------- */

static uint64_t chance(struct player *p, uint64_t below)
{
    return run_random(&p->run, below);
}

static size_t random_key(struct player *p)
{
    size_t count = p->run.model.count;

    return chance(p, 3) ? (p->hot + chance(p, 60)) % count : chance(p, count);
}

static uint64_t random_size(struct player *p)
{
    uint64_t dice = chance(p, 10000);

    if (dice < 400) return 0;
    if (dice < 7000) return 1 + chance(p, 40);
    if (dice < 9800) return chance(p, 1000);
    if (dice < 9995) return chance(p, 20000);
    return 20000 + chance(p, 300000);
}

static struct value random_value(struct player *p)
{
    struct value value = {.present = true, .seed = test_random(&p->run.random), .size = random_size(p)};

    if (chance(p, 10) == 0) value.meta = 1 + chance(p, UINT64_C(1) << 40);
    if (chance(p, 30) == 0) value.expires_ms = 1 + (int64_t)chance(p, EXPIRED_BEFORE_MS - 1);
    if (chance(p, 30) == 0) value.expires_ms = INT64_C(4000000000000) + (int64_t)chance(p, 1000000);
    return value;
}

static aer_db *random_db(struct player *p)
{
    return p->db[chance(p, 3) == 0];
}

/* ---- writing ------------------------------------------------------------------------------ */

static const aer_attrs *fill_attrs(const struct value *value, aer_attrs *attrs, char meta[META_SIZE])
{
    *attrs = (aer_attrs){.size = sizeof *attrs, .expires_ms = value->expires_ms};
    if (value->meta) {
        attrs->meta_size = value_meta(value, meta);
        attrs->meta = meta;
    }
    return attrs;
}

static void write_in_pieces(struct player *p, size_t key, const struct value *value, const aer_attrs *attrs)
{
    struct run *run = &p->run;
    const struct model_key *k = &run->model.keys[key];
    aer_writer *writer = NULL;
    uint64_t offset = 0;

    expect(run, p->txn.db, AER_OK, aer_writer_open(p->txn.txn, k->bytes, k->size, attrs, &writer), "writer_open");
    while (offset < value->size) {
        size_t n = chance(p, AER_MIN(value->size - offset, 60000) + 1);

        value_bytes(value, offset, run->buffer, n);
        expect(run, p->txn.db, AER_OK, aer_writer_write(writer, run->buffer, n), "writer_write");
        offset += n;
    }
    expect(run, p->txn.db, AER_OK, aer_writer_finish(writer), "writer_finish");
}

/* In the open transaction, or as one of its own. */
static void put(struct player *p, size_t key)
{
    struct run *run = &p->run;
    const struct model_key *k = &run->model.keys[key];
    struct value value = random_value(p);
    char meta[META_SIZE];
    aer_attrs attrs;
    aer_db *db = random_db(p);
    bool plain = !value.meta && !value.expires_ms;
    int rc;

    history_add(&run->history, "%s %s: %" PRIu64 " bytes, expires %" PRId64, p->txn.txn ? "txn put" : "put",
                key_text(run, key), value.size, value.expires_ms);
    fill_attrs(&value, &attrs, meta);
    model_write(&run->model, key, &value);
    if (p->txn.txn && value.size > 1000 && chance(p, 2)) {
        write_in_pieces(p, key, &value, &attrs);
        return;
    }
    value_bytes(&value, 0, run->buffer, value.size);
    if (p->txn.txn) {
        db = p->txn.db;
        rc = plain ? aer_txn_put(p->txn.txn, k->bytes, k->size, run->buffer, value.size)
                   : aer_txn_put_attrs(p->txn.txn, k->bytes, k->size, run->buffer, value.size, &attrs);
    } else {
        rc = plain ? aer_put(db, k->bytes, k->size, run->buffer, value.size)
                   : aer_put_attrs(db, k->bytes, k->size, run->buffer, value.size, &attrs);
        model_commit(&run->model);
    }
    expect(run, db, AER_OK, rc, "put");
}

static void del(struct player *p, size_t key)
{
    struct run *run = &p->run;
    const struct model_key *k = &run->model.keys[key];
    const struct value gone = {.present = false};
    bool present = model_get(&run->model, run->model.stamp, key) != NULL;
    aer_db *db = p->txn.txn ? p->txn.db : random_db(p);
    int rc;

    history_add(&run->history, "%s %s", p->txn.txn ? "txn del" : "del", key_text(run, key));
    rc = p->txn.txn ? aer_txn_del(p->txn.txn, k->bytes, k->size) : aer_del(db, k->bytes, k->size);
    expect(run, db, present ? AER_OK : AER_NOTFOUND, rc, "del");
    if (present) model_write(&run->model, key, &gone);
    if (!p->txn.txn) model_commit(&run->model);
}

/* ---- reading ------------------------------------------------------------------------------ */

static void read_one(struct player *p, const struct view *view)
{
    struct run *run = &p->run;
    size_t key = random_key(p);
    uint64_t way = chance(p, view->txn ? 8 : 6);

    history_add(&run->history, "read %s, way %" PRIu64 "%s", key_text(run, key), way, view->txn ? " in a txn" : "");
    if (way < 3) check_get(run, view, key);
    else if (way < 6) check_get_into(run, view, key);
    else if (way < 7) check_stat(run, view, key);
    else check_reader(run, view, key);
}

static void scan_some(struct player *p, const struct view *view)
{
    struct walk walk;

    history_add(&p->run.history, "scan");
    walk_open(&p->run, view, false, &walk);
    walk_next(&p->run, &walk, chance(p, 20) ? chance(p, 30) : 400);
    walk_close(&walk);
}

/* ---- transactions ------------------------------------------------------------------------- */

static void begin_write(struct player *p)
{
    static const int modes[] = {AER_WRITE, AER_WRITE, AER_WRITE_NORMAL, AER_WRITE_OFF};

    p->txn.db = random_db(p);
    history_add(&p->run.history, "begin");
    expect(&p->run, p->txn.db, AER_OK, aer_begin(p->txn.db, modes[chance(p, 4)], &p->txn.txn), "begin");
}

static void end_write(struct player *p)
{
    bool commit = chance(p, 4) != 0;

    history_add(&p->run.history, commit ? "commit" : "rollback");
    if (commit) {
        expect(&p->run, p->txn.db, AER_OK, aer_commit(p->txn.txn), "commit");
        model_commit(&p->run.model);
    } else {
        aer_rollback(p->txn.txn);
        model_rollback(&p->run.model);
    }
    p->txn.txn = NULL;
}

static void step_in_write(struct player *p)
{
    uint64_t dice = chance(p, 100);

    p->txn.stamp = p->run.model.stamp;
    if (dice < 60) put(p, random_key(p));
    else if (dice < 75) del(p, random_key(p));
    else if (dice < 95) read_one(p, &p->txn);
    else scan_some(p, &p->txn);
}

/* A cursor of a write transaction sees what was written before it was opened and nothing after. */
static void write_under_cursor(struct player *p)
{
    struct walk walk;

    p->txn.stamp = p->run.model.stamp;
    history_add(&p->run.history, "scan, writing meanwhile");
    walk_open(&p->run, &p->txn, false, &walk);
    for (int i = 0; i < 10; i++) {
        put(p, random_key(p));
        walk_next(&p->run, &walk, chance(p, 5));
    }
    walk_close(&walk);
}

static void transaction(struct player *p, struct view *committed)
{
    uint64_t steps = chance(p, 40);

    if (chance(p, 60) == 0) steps = 300 + chance(p, 2000); /* more than a bucket takes */
    begin_write(p);
    while (steps-- > 0) {
        step_in_write(p);
        if (chance(p, 20) == 0) read_one(p, committed); /* what is not committed is not seen */
    }
    if (chance(p, 10) == 0) write_under_cursor(p);
    end_write(p);
}

/* ---- snapshots ---------------------------------------------------------------------------- */

static void open_snapshot(struct player *p, struct snapshot *s)
{
    s->view.db = random_db(p);
    s->view.stamp = model_pin(&p->run.model);
    history_add(&p->run.history, "open snapshot %d", (int)(s - p->snapshots));
    expect(&p->run, s->view.db, AER_OK, aer_begin(s->view.db, AER_READ, &s->view.txn), "begin to read");
}

static void close_snapshot(struct player *p, struct snapshot *s)
{
    if (!s->view.txn) return;
    history_add(&p->run.history, "close snapshot %d", (int)(s - p->snapshots));
    walk_close(&s->walk);
    if (chance(p, 2)) aer_rollback(s->view.txn);
    else expect(&p->run, s->view.db, AER_OK, aer_commit(s->view.txn), "commit of a snapshot");
    s->view.txn = NULL;
    model_unpin(&p->run.model, s->view.stamp);
}

static void step_in_snapshot(struct player *p)
{
    struct snapshot *s = &p->snapshots[chance(p, SNAPSHOTS)];
    uint64_t dice = chance(p, 100);

    if (!s->view.txn) {
        if (dice < 20) open_snapshot(p, s);
    } else if (dice < 2) {
        close_snapshot(p, s);
    } else if (dice < 50) {
        read_one(p, &s->view);
    } else if (dice < 60) {
        scan_some(p, &s->view);
    } else if (dice == 60) {
        history_add(&p->run.history, "all of snapshot %d", (int)(s - p->snapshots));
        check_all(&p->run, &s->view);
    } else if (s->walk.cursor) {
        history_add(&p->run.history, "cursor of snapshot %d", (int)(s - p->snapshots));
        if (!walk_next(&p->run, &s->walk, chance(p, 20))) walk_close(&s->walk);
    } else {
        history_add(&p->run.history, "cursor of snapshot %d opens", (int)(s - p->snapshots));
        walk_open(&p->run, &s->view, false, &s->walk);
    }
}

/* ---- upkeep ------------------------------------------------------------------------------- */

static void compact(struct player *p)
{
    static const int percents[] = {0, 0, 10, 33, 60, 100};
    aer_compact_options options = {.size = sizeof options, .min_dead_percent = percents[chance(p, 6)]};
    aer_compact_result result;
    aer_db *db = random_db(p);
    bool plain = chance(p, 4) == 0;

    if (chance(p, 4) == 0) options.flags |= AER_COMPACT_BY_KEY;
    if (chance(p, 4) == 0) options.flags |= AER_COMPACT_DRY_RUN;
    history_add(&p->run.history, "compact%s, from %d %%, flags %d", plain ? " by default" : "",
                options.min_dead_percent, options.flags);
    memset(&result, 0, sizeof result);
    expect(&p->run, db, AER_OK, aer_compact(db, plain ? NULL : &options, chance(p, 4) ? &result : NULL), "compact");
    if (result.bytes_after > result.bytes_before && !(options.flags & AER_COMPACT_BY_KEY))
        history_fail(&p->run.history, "compact: from %" PRIu64 " bytes to %" PRIu64, result.bytes_before, result.bytes_after);
}

static void set_limit(struct player *p)
{
    char text[32];
    aer_db *db = random_db(p);

    snprintf(text, sizeof text, "%" PRIu64, 20 + chance(p, 400));
    history_add(&p->run.history, "bucket_max_rows = %s", text);
    expect(&p->run, db, AER_OK, aer_config_set(db, "bucket_max_rows", text), "config_set");
}

static void look_around(struct player *p, aer_db *db)
{
    size_t key = random_key(p);

    history_add(&p->run.history, "look around, locate %s", key_text(&p->run, key));
    inspect_locate(&p->run, db, key);
    if (chance(p, 4) == 0) inspect_ranges(&p->run, db);
    if (p->is_alone && chance(p, 2)) inspect_status(&p->run, db);
    if (p->is_alone && chance(p, 12) == 0) inspect_buckets(&p->run, db);
}

void play_upkeep(struct player *p)
{
    aer_db *db = random_db(p);
    uint64_t dice = chance(p, 100);

    if (dice < 20) {
        history_add(&p->run.history, "seal");
        expect(&p->run, db, AER_OK, aer_seal(db), "seal");
    } else if (dice < 35) {
        compact(p);
    } else if (dice < 50) {
        history_add(&p->run.history, "sync");
        expect(&p->run, db, AER_OK, aer_sync(db), "sync");
    } else if (dice < 92) {
        look_around(p, db);
    } else {
        set_limit(p);
    }
}

/* ---- play --------------------------------------------------------------------------------- */

void play(struct player *p)
{
    struct view committed = {.db = random_db(p), .stamp = p->run.model.committed};
    uint64_t dice = chance(p, 1000);

    if (dice < 330) put(p, random_key(p));
    else if (dice < 430) del(p, random_key(p));
    else if (dice < 700) read_one(p, &committed);
    else if (dice < 970) step_in_snapshot(p);
    else if (dice < 994) transaction(p, &committed);
    else play_upkeep(p);
    if (chance(p, 5000) == 0) p->hot = chance(p, p->run.model.count);
}

void play_close_snapshots(struct player *p)
{
    for (int i = 0; i < SNAPSHOTS; i++) close_snapshot(p, &p->snapshots[i]);
}

void play_last_look(struct player *p)
{
    struct view view = {.db = p->db[0], .stamp = p->run.model.committed};

    history_add(&p->run.history, "last look");
    expect(&p->run, view.db, AER_OK, aer_begin(view.db, AER_READ, &view.txn), "begin to read");
    check_all(&p->run, &view);
    check_all(&p->run, &view);
    aer_rollback(view.txn);
}
