/* define.c -- tables and indexes are made, renamed, rebuilt and dropped; see moves.h. */
#include <stdio.h>
#include <string.h>

#include "moves.h"
#include "testing.h"

static void fresh_name(struct player *p, char name[NAME])
{
    static const char *const names[] = {"people", "places", "things", "Tables", "data", "_", "index", "x9", "config"};
    bool taken;

    do {
        snprintf(name, NAME, "%s", names[player_random(p, AER_COUNT(names))]);
        taken = false;
        for (int i = 0; i < TABLES; i++) taken = taken || strcmp(p->shadow.tables[i].name, name) == 0;
    } while (taken);
}

static void create_table(struct player *p, int i)
{
    struct op op = {.kind = OP_CREATE, .table = i, .form = (int)player_random(p, FORMS)};
    aer_table_options options = {.size = sizeof options};
    aer_db *db = player_db(p);

    fresh_name(p, op.name);
    options.storage = op.storage = p->kinds[player_random(p, (uint64_t)p->kind_count)];
    options.columns = form_columns(op.form, &options.column_count);
    history_add(&p->history, "create %s, kind %d, form %d", op.name, op.storage, op.form);
    player_tell_started(p, &op, 1);
    player_expect(p, db, AER_OK, aer_table_create(db, op.name, &options), "create");
    player_tell_done(p);
    shadow_apply(&p->shadow, &op);
    player_expect(p, db, AER_EXISTS, aer_table_create(db, op.name, &options), "create again");
}

static void rename_or_drop(struct player *p, int i)
{
    struct table *t = &p->shadow.tables[i];
    struct op op = {.kind = player_random(p, 3) ? OP_RENAME : OP_DROP, .table = i};
    aer_db *db = player_db(p);

    fresh_name(p, op.name);
    history_add(&p->history, "%s %s %s", op.kind == OP_DROP ? "drop" : "rename", t->name, op.kind == OP_DROP ? "" : op.name);
    player_tell_started(p, &op, 1);
    player_expect(p, db, AER_OK, op.kind == OP_DROP ? aer_table_drop(db, t->name) : aer_table_rename(db, t->name, op.name),
                  "rename or drop");
    player_tell_done(p);
    shadow_apply(&p->shadow, &op);
}

/* Would rows that are there break it? */
static bool breaks_unique(const struct table *t, const struct index *index)
{
    struct table only = *t;

    only.index_count = 1;
    only.indexes[0] = *index;
    for (size_t i = 0; i < t->count; i++)
        if (shadow_conflict(&only, t->rows[i], t->rows[i]->id)) return true;
    return false;
}

static void create_index(struct player *p, int i)
{
    struct table *t = &p->shadow.tables[i];
    struct op op = {.kind = OP_INDEX, .table = i};
    const char *columns[PATHS];
    char texts[PATHS][8];
    aer_db *db = player_db(p);
    bool refused;

    random_paths(p, t, &op.index);
    op.index.unique = player_random(p, 3) == 0;
    snprintf(op.index.name, NAME, "by_%u", (unsigned)player_random(p, 1000));
    for (unsigned k = 0; k < t->index_count; k++)
        if (strcmp(t->indexes[k].name, op.index.name) == 0) return;
    for (unsigned k = 0; k < op.index.path_count; k++) {
        path_text(&op.index.paths[k], texts[k]);
        columns[k] = texts[k];
    }
    refused = op.index.unique && breaks_unique(t, &op.index);
    history_add(&p->history, "index %s of %s on %s...%s", op.index.name, t->name, texts[0],
                op.index.unique ? ", unique" : "");
    if (!refused) player_tell_started(p, &op, 1);
    player_expect(p, db, refused ? AER_CONFLICT : AER_OK,
                  aer_index_create(db, t->name, op.index.name, columns, op.index.path_count,
                                   op.index.unique ? AER_UNIQUE : 0, NULL, NULL),
                  "create an index");
    if (refused) return;
    player_tell_done(p);
    shadow_apply(&p->shadow, &op);
}

static void drop_index(struct player *p, int i)
{
    struct table *t = &p->shadow.tables[i];
    struct index *index = random_index(p, t);
    struct op op = {.kind = OP_UNINDEX, .table = i};
    aer_db *db = player_db(p);

    if (!index) return;
    op.index = *index;
    history_add(&p->history, "drop index %s of %s", index->name, t->name);
    if (!index->automatic) player_tell_started(p, &op, 1);
    player_expect(p, db, index->automatic ? AER_INVALID : AER_OK, aer_index_drop(db, t->name, op.index.name), "drop an index");
    if (index->automatic) return;
    player_tell_done(p);
    shadow_apply(&p->shadow, &op);
}

static void rebuild(struct player *p, int i)
{
    struct table *t = &p->shadow.tables[i];
    struct index *index = player_random(p, 2) ? random_index(p, t) : NULL;
    aer_rebuild_result result;
    aer_db *db = player_db(p);

    history_add(&p->history, "rebuild %s, %s", t->name, index ? index->name : "all");
    player_tell_started(p, NULL, 0);
    player_expect(p, db, AER_OK, aer_index_rebuild(db, t->name, index ? index->name : NULL, NULL, NULL, &result), "rebuild");
    player_tell_done(p);
    CHECK_INT(0, result.added + result.changed + result.removed);
    CHECK_INT(index ? 1 : t->index_count, result.indexes);
    CHECK_INT(result.indexes * t->count, result.entries);
}

void player_definition(struct player *p)
{
    int i = (int)player_random(p, TABLES);
    struct table *t = &p->shadow.tables[i];
    uint64_t dice = player_random(p, 100);

    if (!t->name[0]) create_table(p, i);
    else if (dice < 12) rename_or_drop(p, i);
    else if (dice < 40) rebuild(p, i);
    else if (t->index_count > 4 || dice < 55) drop_index(p, i);
    else create_index(p, i);
}

void player_tables(struct player *p)
{
    for (int i = 0; i < TABLES - 1; i++) {
        if (!p->shadow.tables[i].name[0]) create_table(p, i);
        create_index(p, i);
        create_index(p, i);
    }
}

/* ---- by order ------------------------------------------------------------------------------ */

static void do_row(struct player *p, struct op *op)
{
    static char json[TEXT_MAX];
    const struct table *t = &p->shadow.tables[op->table];

    player_expect(p, p->db[0], AER_OK, aer_begin(p->db[0], AER_WRITE, &p->txn), "begin");
    if (op->kind == OP_INSERT) {
        size_t size = row_text(&op->row, json);
        player_expect(p, p->db[0], AER_OK, aer_txn_insert(p->txn, t->name, json, size, op->row.id), "insert");
    } else {
        player_expect(p, p->db[0], AER_OK, aer_txn_delete(p->txn, t->name, op->row.id), "delete");
    }
    player_tell_started(p, op, 1);
    player_expect(p, p->db[0], AER_OK, aer_commit(p->txn), "commit");
    p->txn = NULL;
}

static int define(aer_db *db, const struct table *t, const struct op *op)
{
    aer_table_options options = {.size = sizeof options, .storage = op->storage};
    const char *columns[PATHS];
    char texts[PATHS][8];

    options.columns = form_columns(op->form, &options.column_count);
    for (unsigned i = 0; i < op->index.path_count; i++) {
        path_text(&op->index.paths[i], texts[i]);
        columns[i] = texts[i];
    }
    switch (op->kind) {
    case OP_CREATE: return aer_table_create(db, op->name, &options);
    case OP_DROP: return aer_table_drop(db, t->name);
    case OP_RENAME: return aer_table_rename(db, t->name, op->name);
    case OP_INDEX: return aer_index_create(db, t->name, op->index.name, columns, op->index.path_count, 0, NULL, NULL);
    default: return aer_index_drop(db, t->name, op->index.name);
    }
}

void player_do(struct player *p, struct op *op)
{
    if (op->kind == OP_INSERT || op->kind == OP_DELETE) {
        do_row(p, op);
    } else {
        player_tell_started(p, op, 1);
        player_expect(p, p->db[0], AER_OK, define(p->db[0], &p->shadow.tables[op->table], op), "a definition");
    }
    player_tell_done(p);
    shadow_apply(&p->shadow, op);
}
