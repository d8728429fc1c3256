/* settle.c -- finish what a writer that died left behind. With the writer's turn, at the first one of a handle and
 * whenever the last holder died in it.
 *
 *   left behind                                        what is done
 *   a commit row names buckets that are not listed     list them: the commit row was the commit
 *   an active file's rows are in a listed bucket       empty the active file
 *   a bucket file nobody names                         quarantine/: never deleted on suspicion
 *   half a replacement (*.tmp)                         removed
 *   keys in the journal, not in an active file         put there
 *   changes beside the keys that are in the journal    hooks.settle
 *
 * What stays is unfinished work that is nobody's fault: a full active file waits for the background to seal it.
 */
#include "fs/fs.h"
#include "kv/bulk.h"
#include "kv/journal.h"
#include "kv/store.h"

#include <stdio.h>
#include <string.h>

/* ---- rows in two places ---- */

/* An active file whose rows are sealed and listed, but which was not emptied. */
static int empty_sealed(struct kv *kv, int which, struct err *err)
{
    struct active_state state;
    const struct bucket_ref *ref;
    pthread_rwlock_t *view;
    bool listed;
    int rc;

    pthread_mutex_lock(&kv->active_lock[which]);
    rc = aer__active_state(kv->active[which], &state, err);
    pthread_mutex_unlock(&kv->active_lock[which]);
    if (rc || state.rows == 0) return rc;
    view = aer__view_read(kv);
    ref = aer__view_bucket(kv, state.last_seq);
    listed = ref && ref->b.first_seq <= state.info.first_seq;
    pthread_rwlock_unlock(view);
    return listed ? aer__seal_empty(kv, which, err) : AER_OK;
}

/* ---- transactions in whole buckets ---- */

struct commit_row {
    bool found;
    uint64_t seq;
    struct buf names;
    struct err *err;
};

/* A commit row is the first of its active file. */
static int copy_first(void *arg, const struct row *row)
{
    struct commit_row *c = arg;

    c->found = row->key_size == 0;
    c->seq = row->seq;
    if (c->found && aer__buf_append(&c->names, row->value, row->value_size)) return aer__err_nomem(c->err);
    return AER_DONE;
}

/* The row is copied first: listing takes the view, and readers who have the view wait for look_lock. */
static int list_committed(struct kv *kv, int which, struct err *err)
{
    struct commit_row c = {.err = err};
    int rc;

    pthread_mutex_lock(&kv->look_lock[which]);
    rc = aer__active_rows(kv->look[which], 0, true, copy_first, &c, err);
    pthread_mutex_unlock(&kv->look_lock[which]);
    if (rc == AER_DONE) rc = AER_OK;
    if (rc == AER_OK && c.found) {
        struct row row = {.seq = c.seq, .key = "", .value = c.names.data, .value_size = c.names.size};
        rc = aer__bulk_list(kv, &row, err);
    }
    aer__buf_release(&c.names);
    return rc;
}

/* ---- files nobody names ---- */

struct sweep {
    struct kv *kv;
    struct err *err;
    size_t moved;
};

static int sweep_file(void *arg, const char *path, int kind, uint64_t size)
{
    struct sweep *s = arg;
    char id[LAYOUT_ID_SIZE], to[LAYOUT_PATH_SIZE];
    int rc;

    (void)size;
    if (kind == FS_FILE && aer__fs_is_temporary(path))
        return aer__fs_unlink(s->kv->dir, path, s->err); /* never was a bucket */
    if (kind != FS_FILE || !aer__layout_path_parse(id, path) || aer__view_bucket_is(s->kv, id)) return AER_OK;
    for (unsigned copy = 0;; copy++) {
        aer__layout_quarantine_path(to, id, copy);
        rc = aer__fs_rename(s->kv->dir, path, to, true, s->err);
        if (rc != AER_EXISTS) break;
    }
    if (rc) return rc == AER_NOTFOUND ? AER_OK : rc;
    aer__fs_prune(s->kv->dir, path);
    s->moved++;
    aer__kv_log(s->kv, "'%s' belongs to no commit: moved to '%s'", path, to);
    return AER_OK;
}

/* Not while anybody makes files that are not named yet: transactions do it with the turn, which is ours; sealing and
 * compaction under their locks. Who holds one of those now will come by here again. */
static int sweep(struct kv *kv, struct err *err)
{
    struct sweep s = {.kv = kv, .err = err};
    int rc;

    /* Files of a transaction that let go of the turn while it waits are counted here, and those of the dead, until somebody comes in alone. */
    if (atomic_load(&kv->share.page->making_files)) return AER_OK;
    if (pthread_mutex_trylock(&kv->upkeep_lock)) return AER_OK;
    rc = aer__share_lock(&kv->share, SHARE_SEAL, err);
    if (rc) goto out;
    rc = aer__share_lock(&kv->share, SHARE_UPKEEP, err);
    if (rc == AER_OK) {
        rc = aer__fs_walk(kv->dir, LAYOUT_BUCKETROOT, sweep_file, &s, err);
        if (rc == AER_OK) atomic_store(&kv->share.page->orphans, 0);
        aer__share_unlock(&kv->share, SHARE_UPKEEP);
    }
    aer__share_unlock(&kv->share, SHARE_SEAL);
out:
    pthread_mutex_unlock(&kv->upkeep_lock);
    return rc == AER_BUSY ? AER_OK : rc;
}

/* Rows that the ones before them do not lead up to: a damaged WAL lost those. Their numbers must not be used again, or what
 * is written now would be older than what stands behind the gap. */
static int check_gap(struct kv *kv, int which, struct err *err)
{
    struct active_state state;
    int rc;

    pthread_mutex_lock(&kv->active_lock[which]);
    rc = aer__active_state(kv->active[which], &state, err);
    pthread_mutex_unlock(&kv->active_lock[which]);
    if (rc || state.rows == 0) return rc;
    pthread_mutex_lock(&kv->apply_lock);
    if (state.last_seq > kv->applied_seq)
        rc = aer__err_set(
            err, AER_CORRUPT, "'%s' begins at row %llu, and rows from %llu on are missing before it: nothing can be written",
            aer__layout_active(which), (unsigned long long)state.info.first_seq, (unsigned long long)kv->applied_seq + 1);
    pthread_mutex_unlock(&kv->apply_lock);
    return rc;
}

int aer__settle(struct kv *kv, struct err *err)
{
    int rc = aer__journal_settle(kv, err);

    for (int w = 0; rc == AER_OK && w < LAYOUT_ACTIVE_COUNT; w++) rc = list_committed(kv, w, err);
    if (rc == AER_OK) rc = aer__follow(kv, true, err);
    for (int w = 0; rc == AER_OK && w < LAYOUT_ACTIVE_COUNT; w++) rc = empty_sealed(kv, w, err);
    for (int w = 0; rc == AER_OK && w < LAYOUT_ACTIVE_COUNT; w++) rc = check_gap(kv, w, err);
    if (rc == AER_OK && kv->options.hooks.settle) rc = kv->options.hooks.settle(kv->options.hooks.arg, err);
    if (rc == AER_OK && atomic_load(&kv->share.page->orphans)) rc = sweep(kv, err);
    if (rc == AER_OK) {
        kv->settle = atomic_load(&kv->share.page->orphans) != 0;
        if (aer__upkeep_urgent(kv)) aer__upkeep_wake(kv);
    }
    return rc;
}
