/* world.c -- see world.h. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inspect.h"
#include "testing.h"

uint64_t world_random(struct world *w, uint64_t below)
{
    return test_random(&w->random) % below;
}

void world_init(struct world *w)
{
    memset(w, 0, sizeof *w);
    w->random = test_seed();
    scratch_dir();
    player_find_kinds(&w->found);
    w->journal = journal_new();
}

void world_make(struct world *w, int sync)
{
    static const char *const fanouts[] = {"4", "4", "6", "128"};
    struct player *p = &w->p;
    int which = w->number++ % (w->found.kind_count + 1);

    memset(p, 0, sizeof *p);
    p->history.round = w->number;
    snprintf(w->path, sizeof w->path, "%s/db", scratch_path());
    p->path = w->path;
    p->options = (aer_options){.size = sizeof p->options, .sync = sync, .busy_ms = 60000};
    p->most_rows = 10 + world_random(w, 120);
    p->is_large = true;
    memcpy(p->kinds, w->found.kinds, sizeof p->kinds);
    p->kind_count = w->found.kind_count;
    if (which < w->found.kind_count) {
        p->kinds[0] = w->found.kinds[which];
        p->kind_count = 1;
    }
    player_make(w->path, fanouts[world_random(w, AER_COUNT(fanouts))], 50 + world_random(w, 500));
}

void world_remove(struct world *w)
{
    player_release(&w->p);
    inspect_remove(w->path);
}

/* ---- lives --------------------------------------------------------------------------------- */

void world_live(struct world *w, unsigned transactions, int ack)
{
    struct player *p = &w->p;

    p->random = w->random;
    p->journal = w->journal;
    player_open(p, player_random(p, 3) == 0);
    if (!p->shadow.tables[0].name[0]) player_tables(p);
    for (unsigned i = 0; i < transactions; i++) {
        if (player_random(p, 12)) player_transaction(p, 30);
        else player_definition(p);
        if (ack >= 0) CHECK_INT(1, write(ack, "", 1));
        if (player_random(p, 30) == 0) player_check(p);
    }
    player_close(p);
}

void world_recover(struct world *w)
{
    aer_txn *txn = NULL;

    player_open(&w->p, false);
    CHECK_DB_OK(w->p.db[0], aer_begin(w->p.db[0], AER_WRITE, &txn));
    aer_rollback(txn);
    player_close(&w->p);
}

/* ---- afterwards ---------------------------------------------------------------------------- */

static bool is_after(struct world *w, uint32_t transactions, char reason[REASON])
{
    struct shadow s;
    bool same;

    shadow_copy(&s, &w->p.shadow);
    for (uint32_t n = 0; n < transactions; n++) journal_apply(w->journal, n, &s);
    same = compare_all(w->p.db[0], &s, reason);
    if (same) {
        shadow_release(&w->p.shadow);
        w->p.shadow = s;
    } else {
        shadow_release(&s);
    }
    return same;
}

void world_settle(struct world *w, bool any)
{
    struct journal *j = w->journal;
    uint32_t started = atomic_load(&j->started), acknowledged = atomic_load(&j->acknowledged), n = started;
    char reason[REASON] = "", first[REASON] = "";
    bool same = false;

    w->in_flight += started > acknowledged;
    history_add(&w->p.history, "settle: %u started, %u acknowledged", started, acknowledged);
    player_open(&w->p, false);
    for (;; n--) {
        same = is_after(w, n, reason);
        if (same || n == 0 || (!any && n == acknowledged)) break;
        if (!first[0]) memcpy(first, reason, sizeof first);
    }
    if (!same)
        history_fail(&w->p.history, "%s: %u transactions acknowledged, %u started; not after the last: %s; nor after %u: %s",
                     w->path, acknowledged, started, first, n, reason);
    w->in_flight_there += started > acknowledged && n == started;
    player_close(&w->p);
    player_agree(&w->p, compare_files(w->path, &w->p.shadow, reason), reason);
    atomic_store(&j->started, 0);
    atomic_store(&j->acknowledged, 0);
    w->p.journal = NULL;
}
