/* share.c -- see share.h. The kernel decides who is in; the bytes of the file never do.
 *
 * 1. Who gets the door byte exclusively is alone, and writes the page anew before anybody else gets in.
 * 2. A slot counts only while its byte is locked, so a killed reader keeps nothing back.
 * 3. fork: the child closes the descriptor and gives up the mapping at once. Both hold the open file description it shares
 *    with its parent, and would otherwise keep the parent's locks alive after the parent's death.
 */
#include "kv/share.h"
#include "fs/fs.h"
#include "layout/layout.h"

#include <string.h>

#define MAGIC 0x41455231u /* "AER1" */
#define VERSION 2u
#define LOCK_BASE 0x100000u /* lock bytes lie behind the mapped part; they need not exist in the file */
#define DOOR (LOCK_BASE + 0)
#define SLOT_BASE (LOCK_BASE + 0x1000)

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct share *registry;

void aer__share_before_fork(void)
{
    pthread_mutex_lock(&registry_lock);
}
void aer__share_parent_after_fork(void)
{
    pthread_mutex_unlock(&registry_lock);
}

void aer__share_child_after_fork(void)
{
    for (struct share *s = registry; s; s = s->next) {
        if (s->fd >= 0) aer__fs_lock_forget(s->fd, s->page, sizeof *s->page);
        s->fd = -1;
    }
    pthread_mutex_unlock(&registry_lock);
}

static void register_share(struct share *s)
{
    pthread_mutex_lock(&registry_lock);
    s->next = registry;
    registry = s;
    pthread_mutex_unlock(&registry_lock);
}

static void unregister_share(struct share *s)
{
    pthread_mutex_lock(&registry_lock);
    for (struct share **p = &registry; *p; p = &(*p)->next) {
        if (*p == s) {
            *p = s->next;
            break;
        }
    }
    pthread_mutex_unlock(&registry_lock);
}

static void clear_page(struct share_page *page)
{
    page->magic = MAGIC;
    page->version = VERSION;
    atomic_store(&page->counter, 0);
    atomic_store(&page->last_seq, 0);
    atomic_store(&page->catalog_version, 1);
    atomic_store(&page->horizon, 0);
    atomic_store(&page->turn_wanted_ms, 0);
    atomic_store(&page->making_files, 0);
    atomic_store(&page->in_turn, 0);
    atomic_store(&page->orphans, 0);
    atomic_store(&page->loose, 0);
    atomic_store(&page->tables_version, 2);
    atomic_store(&page->tables_defined, 1);
    atomic_store(&page->journal_applied, 0);
    atomic_store(&page->journal_loose, 0);
    atomic_store(&page->sync_failed, 0);
    atomic_store(&page->tables_wanted_ms, 0);
    for (int i = 0; i < SHARE_SLOTS; i++) atomic_store(&page->slots[i].oldest, SHARE_IDLE);
}

/* Alone: write the page anew. What the file said of unfinished work is kept, as far as it can be believed: pages that only the
 * system's memory had are gone with the machine's last start. */
static void begin_page(struct share_page *page)
{
    bool ours = page->magic == MAGIC && page->version == VERSION, same_boot = ours && page->boot == aer__fs_boot();
    bool orphans = !same_boot || atomic_load(&page->making_files) != 0 || atomic_load(&page->orphans) != 0;
    bool loose = !ours || (same_boot && atomic_load(&page->loose) != 0);
    bool journal_loose = !ours || (same_boot && atomic_load(&page->journal_loose) != 0);
    bool sync_failed = same_boot && atomic_load(&page->sync_failed) != 0;
    uint64_t applied = same_boot ? atomic_load(&page->journal_applied) : 0;

    clear_page(page);
    atomic_store(&page->orphans, orphans);
    atomic_store(&page->loose, loose);
    atomic_store(&page->journal_loose, journal_loose);
    atomic_store(&page->journal_applied, applied);
    atomic_store(&page->sync_failed, sync_failed);
    page->boot = aer__fs_boot();
}

static int private_page(struct share *s, struct err *err)
{
    s->page = aer__calloc(1, sizeof *s->page);
    if (!s->page) return aer__err_nomem(err);
    clear_page(s->page);
    return AER_OK;
}

/* Through the door: alone, or beside others. */
static int enter(struct share *s, int busy_ms, struct err *err)
{
    int64_t deadline = aer__monotonic_ms() + busy_ms;

    for (unsigned wait_us = 50;; wait_us = AER_MIN(wait_us * 2, 2000u)) {
        int rc = s->readonly ? AER_BUSY : aer__fs_lock(s->fd, DOOR, true, err);
        if (rc == AER_OK) {
            s->alone = true;
            return AER_OK;
        }
        if (rc != AER_BUSY) return rc;
        rc = aer__fs_lock(s->fd, DOOR, false, err);
        if (rc != AER_BUSY) return rc;
        if (aer__monotonic_ms() >= deadline)
            return aer__err_set(err, AER_BUSY, "another process is recovering the database; try again");
        aer__sleep_us(wait_us);
    }
}

static int take_slot(struct share *s, struct err *err)
{
    for (int i = 0; i < SHARE_SLOTS; i++) {
        int rc = aer__fs_lock(s->fd, SLOT_BASE + (uint64_t)i, true, err);
        if (rc == AER_BUSY) continue;
        if (rc) return rc;
        s->slot = i;
        atomic_store(&s->page->slots[i].oldest, SHARE_IDLE);
        return AER_OK;
    }
    return aer__err_set(err, AER_BUSY, "%d handles have the database open already", SHARE_SLOTS);
}

/* Somebody else wrote the page: can we read it? */
static int check_page(const struct share_page *page, struct err *err)
{
    if (page->magic == MAGIC && page->version == VERSION) return AER_OK;
    return aer__err_set(err, AER_NEWER, "'%s' is in use by another version of this library", LAYOUT_LOCK);
}

int aer__share_open(int dir, bool readonly, bool frozen, int busy_ms, struct share *s, struct err *err)
{
    void *map = NULL;
    int rc;

    memset(s, 0, sizeof *s);
    s->fd = -1;
    s->slot = -1;
    s->readonly = frozen;
    if (!frozen) {
        rc = aer__fs_lock_open(dir, LAYOUT_LOCK, sizeof *s->page, false, &s->fd, &map, err);
        if (rc == AER_OK) goto mapped;
        if (!readonly || (rc != AER_PERM && rc != AER_READONLY)) return rc;
        aer__err_clear(err);
    }
    /* We cannot write here. If somebody who can is in, look at the page over their shoulder. */
    s->readonly = true;
    rc = aer__fs_lock_open(dir, LAYOUT_LOCK, sizeof *s->page, true, &s->fd, &map, err);
    if (rc) return rc;
    if (s->fd >= 0) {
        bool held = false;
        rc = aer__fs_lock_held(s->fd, DOOR, &held, err);
        if (rc == AER_OK && held && map) {
            s->page = map;
            s->others_may_write = true;
            rc = enter(s, busy_ms, err);
            if (rc == AER_OK) rc = check_page(s->page, err);
            if (rc) goto fail;
            register_share(s);
            return AER_OK;
        }
        aer__fs_lock_close(s->fd, map, sizeof *s->page);
        s->fd = -1;
        if (rc) return rc;
    }
    s->alone = true;
    return private_page(s, err);

mapped:
    s->page = map;
    rc = enter(s, busy_ms, err);
    if (rc) goto fail;
    if (s->alone) begin_page(s->page);
    else rc = check_page(s->page, err);
    if (rc == AER_OK) rc = take_slot(s, err);
    if (rc) goto fail;
    register_share(s);
    return AER_OK;
fail:
    aer__fs_lock_close(s->fd, map, sizeof *s->page);
    s->fd = -1;
    s->page = NULL;
    return rc;
}

void aer__share_ready(struct share *s)
{
    if (!s->alone) return;
    s->alone = false;
    if (s->fd >= 0) (void)aer__fs_lock(s->fd, DOOR, false, NULL); /* turning exclusive into shared cannot be refused */
}

void aer__share_close(struct share *s)
{
    if (!s->page) return;
    if (s->fd < 0 && s->slot < 0) {
        if (!s->others_may_write) {
            aer__free(s->page);
        } else { /* after fork */
            unregister_share(s);
            aer__fs_lock_close(-1, s->page, sizeof *s->page);
        }
    } else {
        unregister_share(s);
        if (s->slot >= 0) atomic_store(&s->page->slots[s->slot].oldest, SHARE_IDLE);
        aer__fs_lock_close(s->fd, s->page, sizeof *s->page);
    }
    s->page = NULL;
    s->fd = -1;
}

int aer__share_lock(struct share *s, enum share_lock which, struct err *err)
{
    if (s->slot < 0) return aer__err_set(err, AER_READONLY, "the database is open for reading only");
    return aer__fs_lock(s->fd, LOCK_BASE + (uint64_t)which, true, err);
}

int aer__share_named(const struct share *s, struct err *err)
{
    return aer__fs_lock_named(s->fd, LAYOUT_LOCK, err);
}

int aer__share_lock_shared(struct share *s, enum share_lock which, struct err *err)
{
    return s->fd < 0 ? AER_OK : aer__fs_lock(s->fd, LOCK_BASE + (uint64_t)which, false, err);
}

void aer__share_unlock(struct share *s, enum share_lock which)
{
    if (s->fd < 0) return;
    aer__fs_unlock(s->fd, LOCK_BASE + (uint64_t)which);
}

/* Who reads between the two stores sees a span that is wider than the old one or the new one, or ends below a snapshot
 * that is not in use yet: its taker looks at the horizon next, and moves on. */
void aer__share_publish(struct share *s, uint64_t oldest, uint64_t newest)
{
    struct share_slot *slot;

    if (s->slot < 0) return;
    slot = &s->page->slots[s->slot];
    atomic_store(&slot->newest, newest);
    atomic_store(&slot->oldest, oldest);
}

int aer__share_snapshots(struct share *s, struct span *open, int *count, struct err *err)
{
    int n = 0;

    for (int i = 0; i < SHARE_SLOTS; i++) {
        struct span span = {.first = atomic_load(&s->page->slots[i].oldest)};
        bool held = true;
        if (span.first == SHARE_IDLE) continue;
        span.last = atomic_load(&s->page->slots[i].newest);
        if (i != s->slot && s->fd >= 0) {
            int rc = aer__fs_lock_held(s->fd, SLOT_BASE + (uint64_t)i, &held, err);
            if (rc) return rc;
        }
        if (held) open[n++] = span;
    }
    *count = n;
    return AER_OK;
}

void aer__share_raise_horizon(struct share *s, uint64_t seq)
{
    uint64_t old = atomic_load(&s->page->horizon);

    while (old < seq && !atomic_compare_exchange_weak(&s->page->horizon, &old, seq)) {}
}
