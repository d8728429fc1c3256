/* moves.c -- changes of rows and keys, in transactions of their own and in large ones, and what must be refused; see moves.h. */
#include "moves.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testing.h"

static _Thread_local char json[TEXT_MAX];

/* ---- keys ---------------------------------------------------------------------------------- */

size_t key_name(char name[KEY_NAME], int key)
{
    return (size_t)snprintf(name, KEY_NAME, "key/%03d", key);
}

size_t key_value_size(uint64_t number)
{
    return 8 + number % (KEY_VALUE - 8);
}

/* ---- notes --------------------------------------------------------------------------------- */

/* The shadow follows; the transaction that is open, or a new one, gets one operation more. */
static void note(struct player *p, const struct op *op)
{
    CHECK(p->op_count < OPS_MAX);
    shadow_apply(&p->shadow, op);
    p->ops[p->op_count++] = *op;
}

/* What a commit that is about to begin will do. Before the shadow of a definition follows, hence apart from note(). */
void player_tell_started(struct player *p, const struct op *ops, unsigned count)
{
    struct journal *j = p->journal;
    uint32_t n, at;

    if (!j) return;
    n = atomic_load(&j->started);
    at = n ? j->ends[n - 1] : 0;
    CHECK(n < AER_COUNT(j->ends) && at + count <= AER_COUNT(j->ops));
    if (count) memcpy(&j->ops[at], ops, count * sizeof *ops);
    j->ends[n] = at + count;
    atomic_store(&j->started, n + 1);
}

void player_tell_done(struct player *p)
{
    if (p->journal) atomic_store(&p->journal->acknowledged, atomic_load(&p->journal->started));
}

aer_db *player_db(struct player *p)
{
    return p->txn ? p->txn_db : p->db[player_random(p, 3) == 0];
}

/* ---- rows ---------------------------------------------------------------------------------- */

static int random_table(struct player *p)
{
    for (int tries = 0; tries < 20; tries++) {
        int i = (int)player_random(p, TABLES);

        if (p->shadow.tables[i].name[0]) return i;
    }
    return -1;
}

/* A transaction of its own is not known before its id is: the id is not known before it is committed. So with a journal, there are none. */
static bool may_be_alone(const struct player *p)
{
    return p->txn || !p->journal;
}

static void insert(struct player *p, int i)
{
    struct table *t = &p->shadow.tables[i];
    struct op op = {.kind = OP_INSERT, .table = i};
    aer_db *db = player_db(p);
    const struct row *other;
    size_t size;
    int rc;

    random_row(p, t, &op.row);
    size = random_json(p, &op.row, json);
    row_complete(&op.row, t->form);
    other = shadow_conflict(t, &op.row, NULL);
    history_add(&p->history, "%s %s: %.*s", p->txn ? "txn insert into" : "insert into", t->name,
                (int)AER_MIN(size, (size_t)120), json);
    rc = p->txn ? aer_txn_insert(p->txn, t->name, json, size, op.row.id) : aer_insert(db, t->name, json, size, op.row.id);
    player_expect(p, db, other ? AER_CONFLICT : AER_OK, rc, "insert");
    p->refused += other != NULL;
    if (other) CHECK_STR("", op.row.id);
    else note(p, &op);
}

static void update(struct player *p, int i, const char *old_id)
{
    struct table *t = &p->shadow.tables[i];
    struct op op = {.kind = OP_INSERT, .table = i}, gone = {.kind = OP_DELETE, .table = i};
    aer_db *db = player_db(p);
    const struct row *other;
    char id[AER_ID_SIZE];
    size_t size;
    int rc;

    memcpy(id, old_id, sizeof id);
    gone.row = *shadow_find(t, id);
    random_row(p, t, &op.row);
    if (player_random(p, 3) == 0) op.row = gone.row; /* nothing new, or one thing */
    if (player_random(p, 2)) op.row.filling = gone.row.filling;
    size = random_json(p, &op.row, json);
    row_complete(&op.row, t->form);
    other = shadow_conflict(t, &op.row, id);
    history_add(&p->history, "%s %s of %s: %.*s", p->txn ? "txn update" : "update", id, t->name,
                (int)AER_MIN(size, (size_t)120), json);
    rc = p->txn ? aer_txn_update(p->txn, t->name, id, json, size, op.row.id)
                : aer_update(db, t->name, id, json, size, op.row.id);
    player_expect(p, db, other ? AER_CONFLICT : AER_OK, rc, "update");
    p->refused += other != NULL;
    if (other) return;
    note(p, &gone);
    note(p, &op);
}

static void delete (struct player *p, int i, const char *id)
{
    struct table *t = &p->shadow.tables[i];
    struct op op = {.kind = OP_DELETE, .table = i, .row = *shadow_find(t, id)};
    aer_db *db = player_db(p);

    history_add(&p->history, "%s %s of %s", p->txn ? "txn delete" : "delete", op.row.id, t->name);
    player_expect(p, db, AER_OK,
                  p->txn ? aer_txn_delete(p->txn, t->name, op.row.id) : aer_delete(db, t->name, op.row.id), "delete");
    note(p, &op);
}

/* Rows with a number between two; only where A is a column. */
static void delete_where(struct player *p, int i)
{
    struct table *t = &p->shadow.tables[i];
    int32_t from = (int32_t)player_random(p, 90) - 45, to = from + (int32_t)player_random(p, 3);
    struct op op = {.kind = OP_DELETE, .table = i};
    aer_db *db = player_db(p);
    uint64_t expected = 0, count = 0;
    char where[64];

    if (t->form != FORM_COLUMNS || p->op_count > OPS_MAX - 100) return;
    snprintf(where, sizeof where, "a BETWEEN %d AND %d", from, to);
    history_add(&p->history, "delete from %s where %s", t->name, where);
    for (size_t k = 0; k < t->count; k++) {
        const struct scalar *a = &t->rows[k]->fields[0].self;
        expected += a->kind == IS_INT && a->quarters >= 4 * from && a->quarters <= 4 * to;
    }
    if (expected > 90) return;
    player_expect(p, db, AER_OK, aer_delete_where(db, p->txn, t->name, where, &count), "delete where");
    CHECK_INT(expected, count);
    for (size_t k = t->count; k-- > 0;) {
        const struct scalar *a = &t->rows[k]->fields[0].self;
        if (a->kind != IS_INT || a->quarters < 4 * from || a->quarters > 4 * to) continue;
        op.row = *t->rows[k];
        note(p, &op);
    }
}

static void change_key(struct player *p)
{
    struct op op = {.kind = OP_KEY, .key = (int)player_random(p, KEYS)};
    unsigned char value[KEY_VALUE] = {0};
    char name[KEY_NAME];
    size_t size = key_name(name, op.key);
    aer_db *db = player_db(p);
    int rc;

    op.old_value = p->shadow.keys[op.key];
    if (player_random(p, 4)) op.new_value = ++p->next_value;
    history_add(&p->history, "%s%s %s, number %" PRIu64, p->txn ? "txn " : "", op.new_value ? "put" : "del", name,
                op.new_value);
    memcpy(value, &op.new_value, sizeof op.new_value);
    if (op.new_value) {
        rc = p->txn ? aer_txn_put(p->txn, name, size, value, key_value_size(op.new_value))
                    : aer_put(db, name, size, value, key_value_size(op.new_value));
    } else {
        rc = p->txn ? aer_txn_del(p->txn, name, size) : aer_del(db, name, size);
    }
    player_expect(p, db, op.new_value || op.old_value ? AER_OK : AER_NOTFOUND, rc, "key");
    note(p, &op);
}

/* ---- what must be refused ------------------------------------------------------------------ */

struct wrong {
    const char *json;
    int free, columns; /* what a table of that form answers */
};

static void wrong_row(struct player *p, int i)
{
    static const struct wrong wrongs[] = {
        {"", AER_INVALID, AER_INVALID},
        {"[]", AER_INVALID, AER_INVALID},
        {"{\"a\":1", AER_INVALID, AER_INVALID},
        {"{\"a\":1,\"a\":2,\"b\":\"x\"}", AER_INVALID, AER_INVALID},
        {"{\"b\":\"\xff\"}", AER_INVALID, AER_INVALID},
        {"{\"a\":\"1\",\"b\":\"x\"}", AER_OK, AER_INVALID},
        {"{\"a\":1.5,\"b\":\"x\"}", AER_OK, AER_INVALID},
        {"{\"a\":1,\"b\":2}", AER_OK, AER_INVALID},
        {"{\"a\":1,\"b\":\"x\",\"q\":1}", AER_OK, AER_INVALID},
        {"{\"a\":1,\"b\":\"x\",\"c\":9007199254740993}", AER_OK, AER_INVALID},
        {"{\"a\":1,\"b\":\"x\",\"d\":0}", AER_OK, AER_INVALID},
    };
    const struct wrong *w = &wrongs[player_random(p, AER_COUNT(wrongs))];
    struct table *t = &p->shadow.tables[i];
    int expected = t->form == FORM_FREE ? w->free : w->columns;
    aer_db *db = player_db(p);
    char id[AER_ID_SIZE], old[AER_ID_SIZE];
    bool is_update = t->count && player_random(p, 2);
    size_t size = strlen(w->json);

    if (expected == AER_OK) return;
    history_add(&p->history, "wrong row for %s: %s", t->name, w->json);
    if (is_update) memcpy(old, t->rows[player_random(p, t->count)]->id, sizeof old);
    if (p->txn)
        player_expect(p, db, expected,
                      is_update ? aer_txn_update(p->txn, t->name, old, w->json, size, id)
                                : aer_txn_insert(p->txn, t->name, w->json, size, id),
                      "a wrong row");
    else
        player_expect(p, db, expected,
                      is_update ? aer_update(db, t->name, old, w->json, size, id)
                                : aer_insert(db, t->name, w->json, size, id),
                      "a wrong row");
    p->refused++;
}

static void wrong_id(struct player *p, int i)
{
    static const char *const ids[] = {"X123M3IJW129QDEV2APF", "", "..", "X123M3IJW129QDEV2AP", "x123m3ijw129qdev2apf"};
    const char *id = ids[player_random(p, AER_COUNT(ids))];
    const struct table *t = &p->shadow.tables[i];
    const char *text = "{\"a\":123456789,\"b\":\"nobody\"}";
    aer_db *db = player_db(p);
    char new_id[AER_ID_SIZE];

    history_add(&p->history, "no row '%s' in %s", id, t->name);
    player_expect(p, db, AER_NOTFOUND, p->txn ? aer_txn_delete(p->txn, t->name, id) : aer_delete(db, t->name, id), "delete");
    player_expect(p, db, AER_NOTFOUND,
                  p->txn ? aer_txn_update(p->txn, t->name, id, text, strlen(text), new_id)
                         : aer_update(db, t->name, id, text, strlen(text), new_id),
                  "update");
    player_expect(p, db, AER_NOTABLE,
                  p->txn ? aer_txn_insert(p->txn, "nowhere", text, strlen(text), new_id)
                         : aer_insert(db, "nowhere", text, strlen(text), new_id),
                  "insert");
    p->refused += 3;
}

/* ---- transactions -------------------------------------------------------------------------- */

static void change(struct player *p)
{
    uint64_t dice = player_random(p, 100);
    int i = random_table(p);
    const struct table *t = &p->shadow.tables[AER_MAX(i, 0)];
    bool full = t->count > p->most_rows && dice >= 40;

    if (i < 0 || dice >= 92) change_key(p);
    else if (dice < 5) wrong_row(p, i);
    else if (dice < 7) wrong_id(p, i);
    else if (dice == 7) delete_where(p, i);
    else if (dice < 60 && !full) insert(p, i);
    else if (t->count == 0) insert(p, i);
    else if (dice < 76) update(p, i, t->rows[player_random(p, t->count)]->id);
    else delete (p, i, t->rows[player_random(p, t->count)]->id);
}

/* What is not committed, nobody else sees. */
static void look_from_outside(struct player *p)
{
    char reason[REASON];
    const struct op *op;
    const struct table *t;

    if (!p->op_count) return;
    op = &p->ops[player_random(p, p->op_count)];
    if (op->kind != OP_INSERT) return;
    t = &p->shadow.tables[op->table];
    player_agree(p, compare_row(p->db[0], NULL, t, op->row.id, NULL, reason), reason);
}

static void roll_back(struct player *p)
{
    history_add(&p->history, "rollback of %u", p->op_count);
    aer_rollback(p->txn);
    while (p->op_count) shadow_undo(&p->shadow, &p->ops[--p->op_count]);
}

void player_transaction(struct player *p, unsigned most)
{
    static const int modes[] = {AER_WRITE, AER_WRITE, AER_WRITE, AER_WRITE_NORMAL, AER_WRITE_OFF};
    unsigned steps = 1 + (unsigned)player_random(p, player_random(p, 4) ? AER_MIN(most, 12u) : most);
    char reason[REASON];

    p->txn_db = player_db(p);
    history_add(&p->history, "begin");
    player_expect(p, p->txn_db, AER_OK,
                  aer_begin(p->txn_db, p->journal ? AER_WRITE : modes[player_random(p, 5)], &p->txn), "begin");
    while (steps-- > 0 && p->op_count < OPS_MAX - 100) {
        change(p);
        if (player_random(p, 8) == 0) player_look(p);
        if (player_random(p, 40) == 0) look_from_outside(p);
    }
    for (int i = 0; player_random(p, 60) == 0 && i < TABLES; i++)
        if (p->shadow.tables[i].name[0])
            player_agree(p, compare_table(p->txn_db, p->txn, &p->shadow.tables[i], reason), reason);
    if (player_random(p, 6) == 0) {
        roll_back(p);
    } else {
        history_add(&p->history, "commit of %u", p->op_count);
        player_tell_started(p, p->ops, p->op_count);
        player_expect(p, p->txn_db, AER_OK, aer_commit(p->txn), "commit");
        player_tell_done(p);
    }
    p->txn = NULL;
    p->op_count = 0;
}

void player_move(struct player *p)
{
    uint64_t dice = player_random(p, 100);

    if (dice < 30) {
        player_transaction(p, 200);
    } else if (dice < 60 && may_be_alone(p)) {
        change(p);
        p->op_count = 0;
    } else if (dice < 97) {
        player_look(p);
    } else {
        player_definition(p);
    }
}
