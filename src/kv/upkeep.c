/* upkeep.c -- the background: one thread a handle, started when there is first something to do.
 *
 * A round: seal the full active file (writers may wait for it), merge if a table is full, compact a bucket that is a
 * third dead, end look-up transactions that are idle. What it cannot do now it says in the log and tries again next time;
 * a writer that waits for it gets the reason.
 */
#include "kv/fork.h"
#include "kv/store.h"

#define TICK_MS 100
#define EXPIRE_EVERY_MS (INT64_C(10) * 60 * 1000)

bool aer__upkeep_urgent(struct kv *kv)
{
    pthread_rwlock_t *view = aer__view_read(kv);
    bool urgent = kv->recent[0] && kv->recent[1];

    pthread_rwlock_unlock(view);
    return urgent;
}

/* Now and then, and only if no writer is in the way: somebody may be waiting for this round with the writer's turn. */
static int expire_if_due(struct kv *kv, struct err *err)
{
    int64_t now = aer__monotonic_ms();
    uint64_t deleted = 0;
    int rc;

    if (now - kv->expired_ms < EXPIRE_EVERY_MS) return AER_OK;
    kv->expired_ms = now;
    rc = aer__expire(kv, now, &deleted, err);
    if (rc != AER_BUSY) return rc;
    aer__err_clear(err);
    return AER_OK;
}

void aer__upkeep_lock(struct kv *kv)
{
    atomic_fetch_add(&kv->upkeep_wanted, 1);
    pthread_mutex_lock(&kv->upkeep_lock);
    atomic_fetch_sub(&kv->upkeep_wanted, 1);
}

int aer__upkeep_round(struct kv *kv, struct err *err)
{
    bool more = true;
    int rc = AER_OK;

    aer__readers_rest(kv, TICK_MS);
    if (kv->options.readonly) return AER_OK;
    pthread_mutex_lock(&kv->upkeep_lock);
    if (aer__upkeep_urgent(kv)) rc = aer__seal_pending(kv, false, err);
    if (rc == AER_OK && aer__merge_due(kv)) rc = aer__merge(kv, err);
    while (rc == AER_OK && more && !aer__upkeep_urgent(kv) && !aer__merge_due(kv) && !kv->thread_stop &&
           !atomic_load(&kv->upkeep_wanted))
        rc = aer__compact_auto(kv, &more, err);
    pthread_mutex_unlock(&kv->upkeep_lock);
    if (rc == AER_OK) rc = expire_if_due(kv, err);
    if (rc == AER_OK && kv->options.hooks.round) rc = kv->options.hooks.round(kv->options.hooks.arg, err);
    return rc;
}

static void *upkeep_thread(void *arg)
{
    struct kv *kv = arg;

    pthread_mutex_lock(&kv->wake_lock);
    while (!kv->thread_stop) {
        struct err err = {0};
        if (!kv->work) aer__cond_wait(&kv->wake, &kv->wake_lock, aer__monotonic_ms() + TICK_MS);
        if (kv->thread_stop) break;
        kv->work = false;
        kv->in_round = true;
        pthread_mutex_unlock(&kv->wake_lock);
        aer__work_begin();
        if (aer__upkeep_round(kv, &err) && err.code != AER_BUSY) aer__kv_log(kv, "in the background: %s", err.message);
        aer__work_end();
        pthread_mutex_lock(&kv->wake_lock);
        kv->in_round = false;
        kv->round_err = err;
        kv->rounds++;
        pthread_cond_broadcast(&kv->idle);
    }
    pthread_mutex_unlock(&kv->wake_lock);
    return NULL;
}

/* With wake_lock. */
static bool start(struct kv *kv)
{
    if (!kv->thread_runs && !kv->thread_stop && pthread_create(&kv->thread, NULL, upkeep_thread, kv) == 0)
        kv->thread_runs = true;
    return kv->thread_runs;
}

void aer__upkeep_wake(struct kv *kv)
{
    pthread_mutex_lock(&kv->wake_lock);
    kv->work = true;
    if (start(kv)) pthread_cond_signal(&kv->wake);
    pthread_mutex_unlock(&kv->wake_lock);
}

int aer__upkeep_wait(struct kv *kv, int64_t deadline_ms, struct err *err)
{
    uint64_t rounds;
    bool in_time = true, old;
    int rc = AER_OK;

    pthread_mutex_lock(&kv->wake_lock);
    rounds = kv->rounds;
    old = kv->in_round;
    kv->work = true;
    /* No thread to be had, or it is the thread itself that would wait (for room, to delete expired keys): do it here. */
    if (!start(kv) || pthread_equal(kv->thread, pthread_self())) {
        pthread_mutex_unlock(&kv->wake_lock);
        return aer__upkeep_round(kv, err);
    }
    pthread_cond_signal(&kv->wake);
    while (kv->rounds == rounds && in_time) {
        in_time = aer__cond_wait(&kv->idle, &kv->wake_lock, deadline_ms);
        if (kv->rounds == rounds || !old || !kv->round_err.code) continue;
        /* It began before we came, and its reason may be gone: the next one's counts. */
        old = false;
        rounds = kv->rounds;
        kv->work = true;
        pthread_cond_signal(&kv->wake);
    }
    if (kv->rounds == rounds) {
        rc = aer__err_set(err, AER_BUSY,
                          "a bucket is still being sealed, or keys merged; try again, or wait longer (busy_ms)");
    } else if (kv->round_err.code && kv->round_err.code != AER_BUSY) {
        rc = kv->round_err.code;
        if (err) *err = kv->round_err;
    }
    pthread_mutex_unlock(&kv->wake_lock);
    return rc;
}

void aer__upkeep_stop(struct kv *kv)
{
    pthread_mutex_lock(&kv->wake_lock);
    kv->thread_stop = true;
    pthread_cond_broadcast(&kv->wake);
    pthread_mutex_unlock(&kv->wake_lock);
    if (kv->thread_runs) pthread_join(kv->thread, NULL);
    kv->thread_runs = false;
}
