/* turn.c -- the writer's turn: one kernel lock that only one handle has at a time.
 *
 * Inside the handle it is shared: the committer appends to an active file while the background writes aerial.sq3.
 * Whoever gets it for the handle first brings the view up to date, and finishes what a dead holder left.
 *
 * Fairness between processes: a waiter writes "wanted until now + 20 ms" into the lock file and renews it; a holder that
 * has had the turn for 10 ms lets no new user in until it was given back, and does not grab it again at once. A time, not
 * a count: a killed waiter is forgotten by itself.
 */
#include "kv/fork.h"
#include "kv/store.h"

#include <time.h>

#define WANT_MS 20
#define HOLD_MS 10
#define RETURN_PAUSE_US 300
#define BACKGROUND_WAIT_MS 60000
#define LEND_US 2000

int64_t aer__kv_deadline(const struct kv *kv)
{
    return aer__monotonic_ms() + kv->options.busy_ms;
}

void aer__cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

bool aer__cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ms)
{
    struct timespec t = {.tv_sec = deadline_ms / 1000, .tv_nsec = (long)(deadline_ms % 1000) * 1000000L};

    if (aer__monotonic_ms() >= deadline_ms) return false;
    pthread_cond_timedwait(cond, lock, &t);
    return true;
}

bool aer__turn_wanted(struct kv *kv)
{
    return (int64_t)atomic_load_explicit(&kv->share.page->turn_wanted_ms, memory_order_relaxed) > aer__monotonic_ms();
}

static int busy(struct err *err)
{
    return aer__err_set(err, AER_BUSY, "another writer has the turn; try again, or wait longer (busy_ms)");
}

/* The kernel lock, waiting until the deadline. */
static int get_lock(struct kv *kv, int64_t deadline_ms, struct err *err)
{
    /* Given back a moment ago while somebody wants it: let them. */
    if (aer__turn_wanted(kv) && aer__monotonic_ms() - kv->turn.released_ms < 2) aer__sleep_us(RETURN_PAUSE_US);
    for (unsigned wait_us = 30;; wait_us = AER_MIN(wait_us * 2, 1000u)) {
        int64_t now;
        int rc = aer__share_lock(&kv->share, SHARE_TURN, err);
        if (rc == AER_OK) {
            rc = aer__share_named(&kv->share, err);
            if (rc) aer__share_unlock(&kv->share, SHARE_TURN);
            return rc;
        }
        if (rc != AER_BUSY) return rc;
        now = aer__monotonic_ms();
        if (now >= deadline_ms) return busy(err);
        atomic_store(&kv->share.page->turn_wanted_ms, (uint64_t)(now + WANT_MS));
        aer__work_pause();
        aer__sleep_us(wait_us);
        aer__work_resume();
    }
}

/* We have the kernel lock. If the last holder died with it, neither counter nor version can be trusted to tell what it
 * had done: look at everything, finish it, and make the others look too. */
static int take_over(struct kv *kv, struct err *err)
{
    struct share_page *page = kv->share.page;
    uint64_t counter = atomic_load(&page->counter);
    bool unsettled = atomic_load(&kv->settle) || (kv->options.hooks.settle && (atomic_load(&page->tables_version) & 1));
    bool died = (counter & 1) || atomic_load(&page->in_turn);
    int rc;

    if (died) {
        atomic_fetch_add(&page->catalog_version, 1);
        atomic_store(&page->counter, (counter | 1) + 1);
    }
    atomic_store(&page->in_turn, 1);
    rc = aer__follow(kv, died, err);
    if (rc == AER_OK && (died || unsettled || atomic_load(&kv->settle))) rc = aer__settle(kv, err);
    if (rc == AER_OK || !died) atomic_store(&page->in_turn, rc == AER_OK);
    return rc; /* not settled: in_turn stays, for the next one to try */
}

static bool wait_for_turn(struct turn *t, int64_t deadline_ms)
{
    bool in_time;

    aer__work_pause();
    in_time = aer__cond_wait(&t->changed, &t->lock, deadline_ms);
    aer__work_resume();
    return in_time;
}

static int enter(struct kv *kv, int64_t deadline_ms, bool background, struct err *err)
{
    struct turn *t = &kv->turn;
    int rc = AER_OK;

    pthread_mutex_lock(&t->lock);
    for (;;) {
        bool yield = t->held && !background && aer__monotonic_ms() - t->held_since_ms >= HOLD_MS && aer__turn_wanted(kv);
        if (t->held && !yield) {
            t->users++;
            goto out;
        }
        if (!t->held && !t->acquiring) break;
        if (!wait_for_turn(t, deadline_ms)) {
            rc = busy(err);
            goto out;
        }
    }
    t->acquiring = true;
    pthread_mutex_unlock(&t->lock);
    rc = get_lock(kv, deadline_ms, err);
    if (rc == AER_OK) {
        rc = take_over(kv, err);
        if (rc) aer__share_unlock(&kv->share, SHARE_TURN);
    }
    pthread_mutex_lock(&t->lock);
    t->acquiring = false;
    if (rc == AER_OK) {
        t->held = true;
        atomic_store(&kv->had_turn, true);
        t->users = 1;
        t->held_since_ms = aer__monotonic_ms();
    }
    pthread_cond_broadcast(&t->changed);
out:
    pthread_mutex_unlock(&t->lock);
    return rc;
}

int aer__turn_enter(struct kv *kv, int64_t deadline_ms, struct err *err)
{
    return enter(kv, deadline_ms, false, err);
}

/* Beside a user in the foreground, who may be waiting for us, there is no yielding: the turn is not given back before he leaves. */
int aer__turn_enter_background(struct kv *kv, struct err *err)
{
    aer__work_pause(); /* between two slices of long work somebody may fork */
    aer__work_resume();
    return enter(kv, aer__monotonic_ms() + BACKGROUND_WAIT_MS, true, err);
}

static void leave(struct kv *kv)
{
    struct turn *t = &kv->turn;

    pthread_mutex_lock(&t->lock);
    if (--t->users == 0) {
        t->held = false;
        t->released_ms = aer__monotonic_ms();
        atomic_store(&kv->share.page->in_turn, 0);
        aer__share_unlock(&kv->share, SHARE_TURN);
    }
    pthread_cond_broadcast(&t->changed);
    pthread_mutex_unlock(&t->lock);
}

void aer__turn_leave(struct kv *kv)
{
    if (!kv->turn.lost) leave(kv);
    kv->turn.lost = false;
}

void aer__turn_leave_background(struct kv *kv)
{
    leave(kv);
}

int aer__turn_lend(struct kv *kv, int64_t deadline_ms, struct err *err)
{
    int rc;

    leave(kv);
    aer__sleep_us(LEND_US);
    rc = aer__turn_enter(kv, deadline_ms, err);
    kv->turn.lost = rc != AER_OK;
    return rc;
}

bool aer__turn_lost(const struct kv *kv)
{
    return kv->turn.lost;
}
