/* test_share.c -- aerial.lock: who is in, who has which lock, and what is left when one of them dies. */
#include "kv/fork.h"
#include "kv/share.h"

#include "fs/fs.h"
#include "layout/layout.h"
#include "testing.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* As docs/format.md says. */
#define DOOR UINT64_C(0x100000)
#define SLOT_BASE UINT64_C(0x101000)
#define MAGIC 0x41455231u

static int open_share(int dir, struct share *s, int busy_ms)
{
    return aer__share_open(dir, false, false, busy_ms, s, ERR);
}

/* In, and nobody has to wait for us. */
static void come_in(int dir, struct share *s)
{
    CHECK_OK(open_share(dir, s, 0));
    aer__share_ready(s);
}

/* ---- the door ---- */

TEST(the_first_one_in_is_alone_and_finds_a_clean_page)
{
    int dir = scratch_dir();
    struct share s;

    for (int i = 0; i < 2; i++) {
        CHECK_OK(open_share(dir, &s, 0));
        CHECK(s.alone);
        CHECK_INT(0, s.slot);
        CHECK_INT(MAGIC, s.page->magic);
        CHECK_INT(2, s.page->version);
        CHECK_INT(0, s.page->counter);
        CHECK_INT(0, s.page->last_seq);
        CHECK_INT(1, s.page->catalog_version);
        CHECK_INT(0, s.page->horizon);
        CHECK_INT(0, s.page->making_files);
        CHECK_INT(0, s.page->in_turn);
        for (int slot = 0; slot < SHARE_SLOTS; slot++) CHECK(s.page->slots[slot].oldest == SHARE_IDLE);
        aer__share_ready(&s);
        CHECK(!s.alone);
        s.page->counter = 7; /* what the next one alone must not find */
        s.page->last_seq = 8;
        s.page->catalog_version = 9;
        s.page->horizon = 10;
        s.page->in_turn = 1;
        s.page->slots[77].oldest = 11;
        aer__share_close(&s);
        aer__share_close(&s);
    }
}

TEST(who_is_alone_keeps_the_door_shut_until_ready)
{
    int dir = scratch_dir();
    struct share a, b;
    struct err err = {0};

    CHECK_OK(open_share(dir, &a, 0));
    CHECK_RC(AER_BUSY, aer__share_open(dir, false, false, 0, &b, &err));
    CHECK_INT(AER_BUSY, err.code);
    CHECK(strstr(err.message, "recovering") != NULL);
    CHECK(b.page == NULL);
    aer__share_close(&b); /* as after any failure */
    atomic_store(&a.page->last_seq, 4711);
    aer__share_ready(&a);
    CHECK_OK(open_share(dir, &b, 0));
    CHECK(!b.alone);
    CHECK_INT(4711, b.page->last_seq);
    CHECK_INT(1, b.slot);
    atomic_store(&b.page->counter, 12); /* one page, seen by both */
    CHECK_INT(12, a.page->counter);
    aer__share_close(&a);
    aer__share_close(&b);
}

TEST(the_last_one_out_leaves_the_door_to_the_next)
{
    int dir = scratch_dir();
    struct share a, b, c;

    come_in(dir, &a);
    come_in(dir, &b);
    aer__share_close(&a);
    CHECK_OK(open_share(dir, &c, 0));
    CHECK(!c.alone);
    CHECK_INT(0, c.slot); /* the one that a had */
    aer__share_close(&b);
    aer__share_close(&c);
    CHECK_OK(open_share(dir, &a, 0));
    CHECK(a.alone);
    aer__share_close(&a); /* without ready: gone all the same */
    CHECK_OK(open_share(dir, &a, 0));
    CHECK(a.alone);
    aer__share_close(&a);
}

TEST(a_page_of_another_version_is_refused_while_somebody_is_in)
{
    int dir = scratch_dir();
    struct share a, b;
    struct err err = {0};

    come_in(dir, &a);
    a.page->version = 1;
    CHECK_RC(AER_NEWER, aer__share_open(dir, false, false, 0, &b, &err));
    CHECK(strstr(err.message, LAYOUT_LOCK) != NULL);
    CHECK(b.page == NULL && b.fd == -1);
    a.page->version = 2;
    a.page->magic++;
    CHECK_RC(AER_NEWER, open_share(dir, &b, 0));
    aer__share_close(&a);
    CHECK_OK(open_share(dir, &b, 0)); /* alone, what it says does not matter */
    CHECK(b.alone);
    CHECK_INT(MAGIC, b.page->magic);
    aer__share_close(&b);
}

/* ---- locks ---- */

TEST(each_lock_is_one_handle_s_at_a_time)
{
    static const enum share_lock locks[] = {SHARE_TURN, SHARE_UPKEEP, SHARE_SEAL};
    int dir = scratch_dir();
    struct share a, b;
    struct err err = {0};

    come_in(dir, &a);
    come_in(dir, &b);
    for (size_t i = 0; i < AER_COUNT(locks); i++) {
        CHECK_OK(aer__share_lock(&a, locks[i], ERR));
        CHECK_OK(aer__share_lock(&a, locks[i], ERR)); /* its own is no obstacle */
        CHECK_RC(AER_BUSY, aer__share_lock(&b, locks[i], &err));
        CHECK_INT(AER_OK, err.code); /* a plain answer */
        for (size_t j = i + 1; j < AER_COUNT(locks); j++) {
            CHECK_OK(aer__share_lock(&b, locks[j], ERR));
            aer__share_unlock(&b, locks[j]);
        }
        aer__share_unlock(&a, locks[i]);
        CHECK_OK(aer__share_lock(&b, locks[i], ERR));
        CHECK_RC(AER_BUSY, aer__share_lock(&a, locks[i], ERR));
        aer__share_unlock(&b, locks[i]);
    }
    for (size_t i = 0; i < AER_COUNT(locks); i++) CHECK_OK(aer__share_lock(&a, locks[i], ERR));
    aer__share_close(&a); /* with all of them */
    for (size_t i = 0; i < AER_COUNT(locks); i++) CHECK_OK(aer__share_lock(&b, locks[i], ERR));
    aer__share_close(&b);
}

/* ---- snapshots ---- */

#define NEWER 9 /* so much above its oldest snapshot a handle here has its newest */

static void check_snapshots(struct share *s, int count, uint64_t first, uint64_t second)
{
    static struct span at[SHARE_SLOTS];
    int n = -1;

    CHECK_OK(aer__share_snapshots(s, at, &n, ERR));
    CHECK_INT(count, n);
    if (count > 0) CHECK_INT(first, at[0].first);
    if (count > 0) CHECK_INT(first + NEWER, at[0].last);
    if (count > 1) CHECK_INT(second, at[1].first);
    if (count > 1) CHECK_INT(second + NEWER, at[1].last);
}

TEST(snapshots_are_those_that_handles_have_open_ours_too)
{
    int dir = scratch_dir();
    struct share a, b;

    come_in(dir, &a);
    come_in(dir, &b);
    check_snapshots(&a, 0, 0, 0);
    aer__share_publish(&b, 50, 50 + NEWER);
    check_snapshots(&a, 1, 50, 0);
    check_snapshots(&b, 1, 50, 0);
    aer__share_publish(&a, 0, 0 + NEWER); /* of an empty database */
    check_snapshots(&a, 2, 0, 50);
    check_snapshots(&b, 2, 0, 50);
    aer__share_publish(&b, SHARE_IDLE, 0);
    check_snapshots(&b, 1, 0, 0);
    aer__share_close(&a);
    check_snapshots(&b, 0, 0, 0);
    aer__share_close(&b);
}

TEST(a_slot_that_nobody_holds_does_not_count_whatever_it_says)
{
    struct share s;

    come_in(scratch_dir(), &s);
    atomic_store(&s.page->slots[900].oldest, 3); /* left by somebody killed */
    aer__share_publish(&s, 6, 6 + NEWER);
    check_snapshots(&s, 1, 6, 0);
    aer__share_close(&s);
}

TEST(the_horizon_only_rises)
{
    struct share s;

    come_in(scratch_dir(), &s);
    aer__share_raise_horizon(&s, 10);
    CHECK_INT(10, s.page->horizon);
    aer__share_raise_horizon(&s, 9);
    CHECK_INT(10, s.page->horizon);
    aer__share_raise_horizon(&s, 11);
    CHECK_INT(11, s.page->horizon);
    aer__share_close(&s);
}

/* ---- slots ---- */

TEST(with_all_slots_taken_the_next_one_is_told_to_wait)
{
    int dir = scratch_dir(), fd;
    struct share a, b;
    struct err err = {0};
    static struct span at[SHARE_SLOTS];
    void *map;
    int n;

    come_in(dir, &a);
    CHECK_OK(aer__fs_lock_open(dir, LAYOUT_LOCK, sizeof *a.page, false, &fd, &map, ERR));
    for (unsigned i = 1; i < SHARE_SLOTS; i++) { /* 1,023 more, by one who may have as many as he likes */
        CHECK_OK(aer__fs_lock(fd, SLOT_BASE + i, true, ERR));
        atomic_store(&a.page->slots[i].oldest, 1000 + i);
        atomic_store(&a.page->slots[i].newest, 5000 - i);
    }
    CHECK_RC(AER_BUSY, aer__share_open(dir, false, false, 0, &b, &err));
    CHECK(strstr(err.message, "1024") != NULL);
    CHECK(b.page == NULL);
    aer__share_publish(&a, 1000, 5000);
    CHECK_OK(aer__share_snapshots(&a, at, &n, ERR));
    CHECK_INT(SHARE_SLOTS, n);
    for (unsigned i = 0; i < SHARE_SLOTS; i++) {
        CHECK_INT(1000 + i, at[i].first);
        CHECK_INT(5000 - i, at[i].last);
    }
    aer__fs_unlock(fd, SLOT_BASE + 777);
    CHECK_OK(open_share(dir, &b, 0));
    CHECK_INT(777, b.slot);
    CHECK(b.page->slots[777].oldest == SHARE_IDLE); /* not what the last one left */
    aer__share_close(&b);
    aer__fs_lock_close(fd, map, sizeof *a.page);
    aer__share_close(&a);
}

/* ---- files that may have been left ---- */

TEST(an_orphans_mark_stays_until_it_is_cleared)
{
    int dir = scratch_dir();
    struct share s;

    CHECK_OK(open_share(dir, &s, 0));
    CHECK_INT(1, s.page->orphans); /* a new page: nobody knows */
    aer__share_close(&s);
    CHECK_OK(open_share(dir, &s, 0));
    CHECK_INT(1, s.page->orphans); /* nobody has looked yet */
    atomic_store(&s.page->orphans, 0);
    aer__share_close(&s);
    CHECK_OK(open_share(dir, &s, 0));
    CHECK_INT(0, s.page->orphans);
    atomic_store(&s.page->making_files, 2); /* and dies */
    aer__share_close(&s);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(open_share(dir, &s, 0));
        CHECK_INT(0, s.page->making_files);
        CHECK_INT(1, s.page->orphans);
        aer__share_close(&s);
    }
    CHECK_OK(open_share(dir, &s, 0));
    atomic_store(&s.page->orphans, 0);
    s.page->boot ^= 1; /* another start of the machine: it may have died while files were made */
    aer__share_close(&s);
    CHECK_OK(open_share(dir, &s, 0));
    CHECK_INT(1, s.page->orphans);
    CHECK_INT(aer__fs_boot(), s.page->boot);
    atomic_store(&s.page->orphans, 0);
    s.page->magic = 0;
    aer__share_close(&s);
    CHECK_OK(open_share(dir, &s, 0));
    CHECK_INT(1, s.page->orphans);
    aer__share_close(&s);
}

/* ---- where the lock file cannot be written ---- */

/* As a user who may not: the first open, for writing, is refused. */
static int open_without_permission(int dir, bool readonly, struct share *s, struct err *err)
{
    int rc;

    aer__fs_fault_at(FS_FAULT_OPEN, 1, EACCES);
    rc = aer__share_open(dir, readonly, false, 0, s, err);
    aer__fs_fault_at(FS_FAULT_NONE, 0, 0);
    return rc;
}

static void check_cannot_lock(struct share *s)
{
    CHECK_INT(-1, s->slot);
    CHECK_RC(AER_READONLY, aer__share_lock(s, SHARE_TURN, ERR));
    aer__share_publish(s, 3, 3 + NEWER);
    check_snapshots(s, 0, 0, 0);
}

TEST(a_reader_without_permission_looks_over_the_shoulder_of_who_is_in)
{
    int dir = scratch_dir();
    struct share writer, reader;

    come_in(dir, &writer);
    CHECK_RC(AER_PERM, open_without_permission(dir, false, &reader, ERR));
    CHECK_OK(open_without_permission(dir, true, &reader, ERR));
    CHECK(!reader.alone);
    CHECK(reader.others_may_write);
    atomic_store(&writer.page->counter, 22);
    CHECK_INT(22, reader.page->counter);
    check_cannot_lock(&reader);
    aer__share_close(&writer);
    CHECK_OK(open_share(dir, &writer, 0)); /* the reader holds the door open: nobody clears the page under its eyes */
    CHECK(!writer.alone);
    aer__share_close(&reader);
    aer__share_close(&writer);
}

TEST(a_reader_without_permission_waits_at_the_door_too)
{
    int dir = scratch_dir();
    struct share writer, reader;

    CHECK_OK(open_share(dir, &writer, 0));
    CHECK_RC(AER_BUSY, open_without_permission(dir, true, &reader, ERR));
    CHECK(reader.page == NULL);
    aer__share_ready(&writer);
    CHECK_OK(open_without_permission(dir, true, &reader, ERR));
    aer__share_close(&reader);
    aer__share_close(&writer);
}

TEST(a_reader_without_permission_refuses_a_page_of_another_version)
{
    int dir = scratch_dir();
    struct share writer, reader;

    come_in(dir, &writer);
    writer.page->version = 1;
    CHECK_RC(AER_NEWER, open_without_permission(dir, true, &reader, ERR));
    CHECK(reader.page == NULL && reader.fd == -1);
    writer.page->version = 2;
    writer.page->magic = 0;
    CHECK_RC(AER_NEWER, open_without_permission(dir, true, &reader, ERR));
    aer__share_close(&writer);
}

TEST(a_reader_without_permission_and_company_has_a_page_of_its_own)
{
    int dir = scratch_dir();
    struct share reader, writer;

    for (int there = 0; there < 2; there++) { /* without a lock file, and with one that is nobody's */
        CHECK_OK(open_without_permission(dir, true, &reader, ERR));
        CHECK(reader.alone);
        CHECK(!reader.others_may_write);
        CHECK_INT(-1, reader.fd);
        CHECK_INT(MAGIC, reader.page->magic);
        check_cannot_lock(&reader);
        aer__share_ready(&reader);
        CHECK_INT(there ? FS_FILE : FS_MISSING, aer__fs_kind(dir, LAYOUT_LOCK));
        come_in(dir, &writer);
        atomic_store(&writer.page->counter, 22);
        CHECK_INT(0, reader.page->counter);
        aer__share_close(&writer);
        aer__share_close(&reader);
    }
}

TEST(in_a_frozen_directory_no_lock_file_is_touched)
{
    int dir = scratch_dir();
    struct share s;

    CHECK_OK(aer__share_open(dir, true, true, 0, &s, ERR));
    CHECK(s.alone);
    check_cannot_lock(&s);
    aer__share_close(&s);
    CHECK_ENTRIES(dir, 0);
}

TEST(a_reader_that_may_write_the_lock_file_has_a_slot)
{
    int dir = scratch_dir();
    struct share writer, reader;

    come_in(dir, &writer);
    CHECK_OK(aer__share_open(dir, true, false, 0, &reader, ERR));
    CHECK_INT(1, reader.slot);
    aer__share_publish(&reader, 44, 44 + NEWER);
    check_snapshots(&writer, 1, 44, 0);
    aer__share_close(&reader);
    aer__share_close(&writer);
}

/* ---- other processes ---- */

struct child {
    pid_t pid;
    int says; /* a byte comes when the child is where it should be */
};

static struct child start_child(void (*fn)(int dir, int says), int dir)
{
    struct child child;
    int ends[2];

    CHECK_INT(0, pipe(ends));
    aer__fork_install();
    child.pid = fork();
    CHECK(child.pid >= 0);
    if (child.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails must not leave it behind */
        close(ends[0]);
        fn(dir, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    child.says = ends[0];
    return child;
}

static void say(int says)
{
    CHECK_INT(1, write(says, "x", 1));
}

static void hear(const struct child *child)
{
    char byte;

    CHECK_INT(1, read(child->says, &byte, 1)); /* 0: it died */
}

static void kill_child(struct child *child)
{
    kill(child->pid, SIGKILL);
    CHECK_INT(child->pid, waitpid(child->pid, NULL, 0));
    close(child->says);
}

static void hold_everything(int dir, int says)
{
    struct share s;

    come_in(dir, &s);
    CHECK_OK(aer__share_lock(&s, SHARE_TURN, ERR));
    CHECK_OK(aer__share_lock(&s, SHARE_SEAL, ERR));
    aer__share_publish(&s, 7, 7 + NEWER);
    atomic_store(&s.page->in_turn, 1);
    say(says);
    for (;;) pause();
}

TEST(what_a_killed_holder_held_is_free)
{
    int dir = scratch_dir();
    struct share s;
    struct child child;

    come_in(dir, &s);
    child = start_child(hold_everything, dir);
    hear(&child);
    CHECK_RC(AER_BUSY, aer__share_lock(&s, SHARE_TURN, ERR));
    CHECK_RC(AER_BUSY, aer__share_lock(&s, SHARE_SEAL, ERR));
    CHECK_OK(aer__share_lock(&s, SHARE_UPKEEP, ERR));
    check_snapshots(&s, 1, 7, 0);
    kill_child(&child);
    CHECK_OK(aer__share_lock(&s, SHARE_TURN, ERR));
    CHECK_OK(aer__share_lock(&s, SHARE_SEAL, ERR));
    CHECK_INT(7, s.page->slots[1].oldest); /* still written there */
    check_snapshots(&s, 0, 0, 0);
    CHECK_INT(1, s.page->in_turn); /* so it is known that it died in it */
    aer__share_close(&s);
}

static void die_alone(int dir, int says)
{
    struct share s;

    CHECK_OK(open_share(dir, &s, 0));
    CHECK(s.alone);
    atomic_store(&s.page->making_files, 1);
    say(says);
    for (;;) pause();
}

TEST(who_dies_at_the_door_leaves_it_open)
{
    int dir = scratch_dir();
    struct child child = start_child(die_alone, dir);
    struct share s;

    hear(&child);
    CHECK_RC(AER_BUSY, open_share(dir, &s, 0));
    kill_child(&child);
    CHECK_OK(open_share(dir, &s, 0));
    CHECK(s.alone);
    CHECK_INT(1, s.page->orphans);
    aer__share_close(&s);
}

static struct share inherited;

static void keep_what_was_inherited(int dir, int says)
{
    (void)dir;
    CHECK_INT(-1, inherited.fd);
    CHECK(aer__share_lock(&inherited, SHARE_TURN, ERR) != AER_OK);
    say(says);
    for (;;) pause();
}

TEST(a_forked_child_does_not_hold_what_its_parent_held)
{
    int dir = scratch_dir();
    struct share other;
    struct child child;

    come_in(dir, &inherited);
    CHECK_OK(aer__share_lock(&inherited, SHARE_TURN, ERR));
    child = start_child(keep_what_was_inherited, dir);
    hear(&child);
    come_in(dir, &other);
    CHECK_RC(AER_BUSY, aer__share_lock(&other, SHARE_TURN, ERR)); /* the parent still does */
    aer__share_close(&inherited);
    CHECK_OK(aer__share_lock(&other, SHARE_TURN, ERR));
    aer__share_close(&other);
    CHECK_OK(open_share(dir, &other, 0));
    CHECK(other.alone); /* the door too */
    aer__share_ready(&other);
    kill_child(&child);
    aer__share_close(&other);
}

static void write_and_close_what_was_inherited(int dir, int says)
{
    (void)dir;
    aer__share_publish(&inherited, SHARE_IDLE, 0);
    atomic_store(&inherited.page->counter, 99);
    aer__share_close(&inherited);
    CHECK(inherited.page == NULL);
    say(says);
}

TEST(a_forked_child_that_touches_its_copy_changes_nothing_of_its_parent_s)
{
    int dir = scratch_dir();
    struct share other;
    struct child child;

    come_in(dir, &inherited);
    come_in(dir, &other);
    aer__share_publish(&inherited, 33, 33 + NEWER);
    CHECK_OK(aer__share_lock(&inherited, SHARE_TURN, ERR));
    child = start_child(write_and_close_what_was_inherited, dir);
    hear(&child);
    kill_child(&child);
    check_snapshots(&other, 1, 33, 0);
    CHECK_INT(0, other.page->counter);
    CHECK_RC(AER_BUSY, aer__share_lock(&other, SHARE_TURN, ERR));
    aer__share_close(&other);
    aer__share_close(&inherited);
}

/* ---- failures ---- */

TEST(coming_in_fails_cleanly)
{
    static const int kinds[] = {FS_FAULT_OPEN, FS_FAULT_WRITE};
    int dir = scratch_dir();
    struct share s;

    for (size_t i = 0; i < AER_COUNT(kinds); i++) {
        struct err err = {0};

        aer__fs_fault_at(kinds[i], 1, ENOSPC);
        CHECK_RC(AER_FULL, aer__share_open(dir, false, false, 0, &s, &err));
        aer__fs_fault_at(FS_FAULT_NONE, 0, 0);
        CHECK_INT(AER_FULL, err.code);
        CHECK(s.page == NULL && s.fd == -1);
        aer__share_close(&s);
        if (aer__fs_kind(dir, LAYOUT_LOCK) == FS_FILE) CHECK_OK(aer__fs_unlink(dir, LAYOUT_LOCK, ERR));
    }
    aer__alloc_fail_at(1);
    CHECK_RC(AER_NOMEM, aer__share_open(dir, true, true, 0, &s, ERR));
    aer__alloc_fail_at(0);
    CHECK(s.page == NULL);
    come_in(dir, &s);
    aer__share_close(&s);
}
