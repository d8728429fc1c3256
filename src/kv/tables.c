/* tables.c -- the lock between those who read the files of tables and who changes them, and the numbers that tell of changes.
 *
 * Keys have versions, files do not: a reader holds the lock shared for as long as it wants to see one moment, and a
 * writer waits for it before its commit, not after. The kernel lock belongs to the handle, so it is counted here; a
 * writer that waits lets no new reader in, here or in other processes, for a moment at a time.
 *
 * tables_version is odd while a commit is being applied. A reader who finds it odd with the lock in hand knows that a
 * writer died at it.
 */
#include "kv/store.h"

#define WANT_MS 20

static int busy(struct err *err, bool exclusive)
{
    return exclusive ? aer__err_set(err, AER_BUSY, "somebody reads the tables; try again, or wait longer (busy_ms)")
                     : aer__err_set(err, AER_BUSY, "a writer changes the tables; try again, or wait longer (busy_ms)");
}

static bool wanted(struct kv *kv)
{
    return (int64_t)atomic_load(&kv->share.page->tables_wanted_ms) > aer__monotonic_ms();
}

/* With files_lock, which is let go while waiting. */
static void pause_for(struct kv *kv, unsigned us)
{
    pthread_mutex_unlock(&kv->files_lock);
    aer__sleep_us(us);
    pthread_mutex_lock(&kv->files_lock);
}

int aer__kv_tables_enter(struct kv *kv, struct err *err)
{
    int64_t deadline = aer__kv_deadline(kv);
    int rc = aer__kv_usable(kv, err);

    if (rc) return rc;
    pthread_mutex_lock(&kv->files_lock);
    for (unsigned us = 30;; us = AER_MIN(us * 2, 1000u)) {
        if (kv->files_readers > 0 && !kv->files_wanted) {
            rc = AER_OK; /* another thread has the lock for all of us, by now */
            break;
        }
        if (kv->files_readers == 0 && !kv->files_wanted && !wanted(kv)) {
            rc = aer__share_lock_shared(&kv->share, SHARE_TABLES, err);
            if (rc != AER_BUSY) break;
        }
        if (aer__monotonic_ms() >= deadline) {
            rc = busy(err, false);
            break;
        }
        pause_for(kv, us);
    }
    if (rc == AER_OK) kv->files_readers++;
    pthread_mutex_unlock(&kv->files_lock);
    return rc;
}

void aer__kv_tables_leave(struct kv *kv)
{
    pthread_mutex_lock(&kv->files_lock);
    if (--kv->files_readers == 0) aer__share_unlock(&kv->share, SHARE_TABLES);
    pthread_mutex_unlock(&kv->files_lock);
}

/* With the turn. It may be given back before the lock is: another writer of this handle waits for that, the kernel would let it in. */
int aer__kv_tables_lock(struct kv *kv, struct err *err)
{
    int64_t deadline = aer__kv_deadline(kv);
    int rc = AER_BUSY;

    pthread_mutex_lock(&kv->files_lock);
    for (unsigned us = 30;; us = AER_MIN(us * 2, 1000u)) {
        int64_t now = aer__monotonic_ms();
        kv->files_wanted = true;
        if (kv->files_readers == 0 && !kv->files_locked) {
            rc = aer__share_lock(&kv->share, SHARE_TABLES, err);
            if (rc != AER_BUSY) break;
        }
        if (now >= deadline) {
            rc = busy(err, true);
            break;
        }
        atomic_store(&kv->share.page->tables_wanted_ms, (uint64_t)(now + WANT_MS));
        pause_for(kv, us);
    }
    if (rc == AER_OK) kv->files_locked = true;
    else kv->files_wanted = kv->files_locked;
    pthread_mutex_unlock(&kv->files_lock);
    return rc;
}

void aer__kv_tables_unlock(struct kv *kv)
{
    pthread_mutex_lock(&kv->files_lock);
    kv->files_wanted = kv->files_locked = false;
    aer__share_unlock(&kv->share, SHARE_TABLES);
    pthread_mutex_unlock(&kv->files_lock);
}

uint64_t aer__kv_tables_version(const struct kv *kv)
{
    return atomic_load(&kv->share.page->tables_version);
}

void aer__kv_tables_begin(struct kv *kv)
{
    atomic_fetch_or(&kv->share.page->tables_version, 1);
}

void aer__kv_tables_cancel(struct kv *kv)
{
    atomic_fetch_and(&kv->share.page->tables_version, ~UINT64_C(1));
}

void aer__kv_tables_end(struct kv *kv, int64_t journal_id)
{
    struct share_page *page = kv->share.page;

    atomic_store(&page->journal_applied, (uint64_t)journal_id);
    atomic_store(&page->tables_version, (atomic_load(&page->tables_version) | 1) + 1);
}

int64_t aer__kv_tables_applied(const struct kv *kv)
{
    return (int64_t)atomic_load(&kv->share.page->journal_applied);
}

void aer__kv_tables_doubt(struct kv *kv, bool doubt)
{
    atomic_store(&kv->share.page->sync_failed, doubt);
}

bool aer__kv_tables_doubted(const struct kv *kv)
{
    return atomic_load(&kv->share.page->sync_failed) != 0;
}

uint64_t aer__kv_tables_defined(const struct kv *kv)
{
    return atomic_load(&kv->share.page->tables_defined);
}

void aer__kv_tables_define(struct kv *kv)
{
    atomic_fetch_add(&kv->share.page->tables_defined, 1);
}

bool aer__kv_readonly(const struct kv *kv)
{
    return kv->options.readonly;
}

int aer__kv_turn_enter(struct kv *kv, bool background, struct err *err)
{
    return background ? aer__turn_enter_background(kv, err) : aer__turn_enter(kv, aer__kv_deadline(kv), err);
}

void aer__kv_turn_leave(struct kv *kv, bool background)
{
    if (background) aer__turn_leave_background(kv);
    else aer__turn_leave(kv);
}

void aer__kv_wake(struct kv *kv)
{
    aer__upkeep_wake(kv);
}
