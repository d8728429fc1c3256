/* test_crash_points.c -- a process dies at a chosen write, sync, rename, unlink or mkdir of a commit of tables, or of putting in
 * order what the last one left; the tables are as before it or after it, never between.
 *
 * The first tests go through all points of one operation, one after the other: an insert that splits the root, a delete that
 * merges nodes, what makes, renames and drops tables and indexes, a closing with a checkpoint. The last one is by dice, with
 * processes that die while they put in order what others left.
 *
 * AERIALS_CRASHES sets the number of deaths of the last.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disk.h"
#include "inspect.h"
#include "testing.h"
#include "world.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CRASHES 60
#else
#define CRASHES 250
#endif
#define CRASHES_A_DATABASE 30
#define POINTS_MAX 3000 /* that one operation has at most */

typedef void (*act_fn)(struct world *w);

/* In a process of its own, which dies at its Nth point (0: at none). Did it? */
static bool run(struct world *w, act_fn act, long points)
{
    int status;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        if (act != world_recover) w->p.journal = w->journal;
        disk_die_at(points);
        act(w);
        _exit(0);
    }
    CHECK_INT(pid, waitpid(pid, &status, 0));
    if (points && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true;
    CHECK_INT(0, status);
    return false;
}

/* ---- every point of one operation ---------------------------------------------------------- */

static void open_one(struct world *w)
{
    player_open(&w->p, false);
}

static void do_op(struct world *w, struct op *op)
{
    player_do(&w->p, op);
}

static struct op insert_of(int number)
{
    struct op op = {.kind = OP_INSERT, .row = {.filling = -2}};

    op.row.fields[0].self = (struct scalar){.kind = IS_INT, .quarters = 4 * number};
    return op;
}

/* A table of N rows under one index, nodes of four. */
static void prepare(struct world *w, int storage, int rows)
{
    struct op table = {.kind = OP_CREATE, .storage = storage, .name = "t"};
    struct op index = {.kind = OP_INDEX, .index = {.name = "by_a", .paths = {{0, 0}}, .path_count = 1}};

    memset(&w->p, 0, sizeof w->p);
    snprintf(w->path, sizeof w->path, "%s/db", scratch_path());
    w->p.path = w->path;
    w->p.options = (aer_options){.size = sizeof w->p.options, .sync = AER_SYNC_NORMAL};
    player_make(w->path, "4", 0);
    open_one(w);
    do_op(w, &table);
    do_op(w, &index);
    for (int i = 0; i < rows; i++) {
        struct op op = insert_of(i);
        do_op(w, &op);
    }
    player_close(&w->p);
    w->p.journal = NULL;
}

/* The act again and again, each time on a fresh copy of what there was, and dying one point later. */
static long every_point(struct world *w, int storage, int rows, act_fn act)
{
    char command[9000];
    struct shadow before;
    long points = 0;
    bool died = true;

    prepare(w, storage, rows);
    shadow_copy(&before, &w->p.shadow);
    snprintf(command, sizeof command, "cp -a '%s' '%s.kept'", w->path, w->path);
    CHECK_INT(0, system(command));
    for (points = 1; died; points++) {
        CHECK(points < POINTS_MAX);
        died = run(w, act, points);
        for (long n = points % 3; n > 0 && world_random(w, 2); n--)
            run(w, world_recover, 1 + (long)world_random(w, 40));
        world_settle(w, false);
        inspect_remove(w->path);
        snprintf(command, sizeof command, "cp -a '%s.kept' '%s'", w->path, w->path);
        CHECK_INT(0, system(command));
        shadow_release(&w->p.shadow);
        shadow_copy(&w->p.shadow, &before);
    }
    snprintf(command, sizeof command, "%s.kept", w->path);
    inspect_remove(w->path);
    inspect_remove(command);
    shadow_release(&before);
    shadow_release(&w->p.shadow);
    return points - 2; /* the last one came too late */
}

static void at_every_point(int rows, act_fn act)
{
    static struct world w;

    world_init(&w);
    for (int i = 0; i < w.found.kind_count; i++) {
        int storage = w.found.kinds[i];
        printf("  kind %d: %ld points\n", storage, every_point(&w, storage, rows, act));
    }
    journal_free(w.journal);
}

static void insert_one(struct world *w)
{
    struct op op = insert_of(4);

    open_one(w);
    do_op(w, &op);
    player_close(&w->p);
}

TEST(an_insert_that_splits_the_root)
{
    at_every_point(4, insert_one);
}

static void delete_some(struct world *w)
{
    open_one(w);
    for (int i = 0; i < 3; i++) {
        struct op op = {.kind = OP_DELETE, .row = *w->p.shadow.tables[0].rows[0]};
        do_op(w, &op);
    }
    player_close(&w->p);
}

TEST(deletes_that_merge_nodes)
{
    at_every_point(9, delete_some);
}

static void make_table(struct world *w)
{
    struct op op = {.kind = OP_CREATE, .table = 1, .name = "other", .form = FORM_KEYED};

    op.storage = w->p.shadow.tables[0].storage;
    open_one(w);
    do_op(w, &op);
    player_close(&w->p);
}

TEST(a_table_is_made)
{
    at_every_point(1, make_table);
}

static void rename_table(struct world *w)
{
    struct op op = {.kind = OP_RENAME, .name = "other"};

    open_one(w);
    do_op(w, &op);
    player_close(&w->p);
}

TEST(a_table_is_renamed)
{
    at_every_point(7, rename_table);
}

static void drop_table(struct world *w)
{
    struct op op = {.kind = OP_DROP};

    open_one(w);
    do_op(w, &op);
    player_close(&w->p);
}

TEST(a_table_is_dropped)
{
    at_every_point(7, drop_table);
}

static void make_index(struct world *w)
{
    struct op op = {.kind = OP_INDEX, .index = {.name = "by_b", .paths = {{1, 0}, {0, 0}}, .path_count = 2}};

    open_one(w);
    do_op(w, &op);
    player_close(&w->p);
}

TEST(an_index_is_made)
{
    at_every_point(7, make_index);
}

static void drop_index(struct world *w)
{
    struct op op = {.kind = OP_UNINDEX, .index = {.name = "by_a"}};

    open_one(w);
    do_op(w, &op);
    player_close(&w->p);
}

TEST(an_index_is_dropped)
{
    at_every_point(7, drop_index);
}

/* So many bytes that closing makes a checkpoint. */
static void much(struct world *w)
{
    open_one(w);
    for (int i = 0; i < 6; i++) {
        struct op op = insert_of(10 + i);

        op.row.filling = 60000;
        do_op(w, &op);
    }
    player_close(&w->p);
}

TEST(a_checkpoint)
{
    at_every_point(2, much);
}

/* ---- any point of anything ----------------------------------------------------------------- */

static void live(struct world *w)
{
    world_live(w, 25, -1);
}

static long random_points(struct world *w)
{
    static const long most[] = {10, 100, 400, 1500}; /* the first ones fall into opening and putting in order */

    return 1 + (long)world_random(w, (uint64_t)most[world_random(w, 4)]);
}

TEST(wherever_a_process_dies_tables_and_keys_are_as_acknowledged)
{
    const char *text = getenv("AERIALS_CRASHES");
    int wanted = text ? atoi(text) : CRASHES, crashes = 0;
    static struct world w;

    world_init(&w);
    while (crashes < wanted) {
        world_make(&w, AER_SYNC_NORMAL);
        for (int here = 0; here < CRASHES_A_DATABASE && crashes < wanted; here++) {
            world_random(&w, 2); /* another life */
            crashes += run(&w, live, world_random(&w, 8) ? random_points(&w) : 0);
            while (world_random(&w, 2)) crashes += run(&w, world_recover, 1 + (long)world_random(&w, 60));
            world_settle(&w, false);
        }
        world_remove(&w);
    }
    printf("  %d deaths, %u of them in a commit, of which %u were found done\n", crashes, w.in_flight, w.in_flight_there);
    journal_free(w.journal);
}
