/* share.h -- aerial.lock: what the processes that have one database open tell each other.
 *
 * A mapped page with a few counters, and kernel locks (OFD) on bytes far behind it. Locks die with their holder; the
 * page has no meaning when nobody is in, and whoever comes in alone writes it anew.
 *
 *   counter          odd while a commit is under way, even after: one load tells whether anything changed
 *   last_seq         of the last commit
 *   catalog_version  advanced after each commit in aerial.sq3 that readers must know of
 *   horizon          versions displaced at or below it may be gone for snapshots that are not registered
 *   orphans          outlives its finder: it stays set until somebody has looked to the end
 *   slots            one a handle: the oldest and the newest snapshot it has open, SHARE_IDLE if none
 *
 * Must not know: keys, buckets, SQLite.
 */
#ifndef AER_KV_SHARE_H
#define AER_KV_SHARE_H

#include "base/base.h"
#include <pthread.h>
#include <stdatomic.h>

#define SHARE_SLOTS 1024
#define SHARE_IDLE UINT64_MAX

struct share_page {
    uint32_t magic, version;
    _Atomic uint64_t counter;
    _Atomic uint64_t last_seq;
    _Atomic uint64_t catalog_version;
    _Atomic uint64_t horizon;
    _Atomic uint64_t turn_wanted_ms; /* another handle waits for the turn until then (monotonic clock): the holder lets go sooner */
    _Atomic uint32_t making_files; /* bucket files that are being made, and are not named yet */
    _Atomic uint32_t in_turn; /* 1 while a handle has the turn: found set by who gets it, the last holder died in it */
    _Atomic uint32_t orphans; /* somebody died while making files, or the machine did: look for files nobody names */
    _Atomic uint32_t loose;   /* 1: bucket files were committed that are not synced (mode off) */
    _Atomic uint64_t tables_version; /* of the files of tables: odd while a commit is being applied to them */
    _Atomic uint64_t tables_defined; /* advanced when a table or an index is made, changed or removed */
    _Atomic uint64_t journal_applied; /* changes up to this id are at their place, though perhaps not on disk; outlives its writer, not the machine */
    _Atomic uint32_t journal_loose; /* 1: commits in the journal that are not synced (mode off) */
    _Atomic uint32_t sync_failed; /* 1: since the journal was emptied last; files it names may not be what reads show. As journal_applied */
    _Atomic uint64_t tables_wanted_ms; /* a writer waits until then (monotonic clock) for those who read tables */
    uint64_t boot;                     /* of the machine, when the page was last written anew */
    unsigned char unused[4096 - 112];
    struct share_slot {
        _Atomic uint64_t oldest, newest;
    } slots[SHARE_SLOTS];
};

enum share_lock { SHARE_TURN = 1, SHARE_UPKEEP = 2, SHARE_SEAL = 3, SHARE_TABLES = 4 };

struct share {
    struct share_page *page; /* never NULL after share_open; private memory where no lock file can be used */
    int fd;                  /* -1: private */
    int slot;                /* -1: none (we cannot write the lock file) */
    bool alone;              /* we hold the door: nobody else is in until share_ready */
    bool readonly;
    bool others_may_write; /* readonly without a slot while somebody else is in */
    struct share *next;    /* registry for fork */
};

/* Come in. Waits up to busy_ms for whoever holds the door (recovering alone). After AER_OK with s->alone the caller
 * loads the state, stores last_seq and calls share_ready. frozen: nobody can write the directory, use no lock file. */
int aer__share_open(int dir, bool readonly, bool frozen, int busy_ms, struct share *s, struct err *err);
void aer__share_ready(struct share *s);
void aer__share_close(struct share *s);

/* For fork.c. */
void aer__share_before_fork(void);
void aer__share_parent_after_fork(void);
void aer__share_child_after_fork(void);

/* Never waits: AER_OK or AER_BUSY. */
int aer__share_lock(struct share *s, enum share_lock which, struct err *err);
/* AER_IO if somebody removed the lock file, or the whole database: what is locked by it is not what others lock. */
int aer__share_named(const struct share *s, struct err *err);
void aer__share_unlock(struct share *s, enum share_lock which);
/* The same, shared with others who ask for that. Where no lock file can be used nobody writes, and there is nothing to lock. */
int aer__share_lock_shared(struct share *s, enum share_lock which, struct err *err);

/* Tell others between which snapshots those of this handle lie (SHARE_IDLE: it has none). */
void aer__share_publish(struct share *s, uint64_t oldest, uint64_t newest);
/* Where the snapshots lie that others and we have open: at most SHARE_SLOTS spans, in *count. Slots of the dead do not count. */
int aer__share_snapshots(struct share *s, struct span *open, int *count, struct err *err);
/* Versions displaced up to seq may go from now on: set before snapshots are looked at. */
void aer__share_raise_horizon(struct share *s, uint64_t seq);

#endif
