/* seal.c -- a full active file becomes a sealed bucket.
 *
 *   image       the file's content, as one piece of memory (writers are busy with the other active file)
 *   create      bucketroot/28/dd/..., 0444, synced with its directories
 *   register    a row in buckets, durable
 *   empty       the active file; only now, so at every moment one file on disk has the rows
 *
 * A crash before "register" leaves a file nobody names (quarantined by the next settle.c) and the rows where they were;
 * a crash before "empty" leaves rows in two places, and settle.c empties the active file.
 */
#include "fs/fs.h"
#include "kv/store.h"

#include <string.h>

void aer__tally_row(struct catalog_bucket *b, const struct row *row)
{
    uint64_t bytes = aer__row_bytes(row);

    b->rows++;
    if (row->is_delete) b->deletes++;
    else b->live++;
    if (row->expires_ms) b->expiring++;
    if (row->part) b->parts++;
    b->row_bytes += bytes;
    b->max_row = AER_MAX(b->max_row, bytes);
}

void aer__tally_file(struct catalog_bucket *b, const struct bucket_info *info, const unsigned char *data, size_t size)
{
    memcpy(b->id, info->id, sizeof b->id);
    b->first_seq = info->first_seq;
    b->last_seq = info->last_seq;
    b->generation = info->generation;
    b->bytes = size;
    b->sum = aer__hash(data, size);
}

int aer__seal_create(struct kv *kv, const char *id, const unsigned char *data, size_t size, bool sync, struct err *err)
{
    char path[LAYOUT_PATH_SIZE];
    int rc;

    aer__layout_bucket_path(path, id);
    atomic_fetch_add(&kv->share.page->making_files, 1);
    rc = aer__fs_create(kv->dir, path, data, size, 0444, sync, err);
    if (rc != AER_EXISTS) return rc;
    if (aer__view_bucket_is(kv, id)) return aer__err_set(err, AER_IO, "'%s' exists already, and is in use", path);
    /* The same bucket, by a sealer that died before it could list it; whole or not, ours takes its place. */
    return aer__fs_replace(kv->dir, path, data, size, 0444, err);
}

void aer__seal_created(struct kv *kv)
{
    atomic_fetch_sub(&kv->share.page->making_files, 1);
}

void aer__catalog_changed(struct kv *kv)
{
    uint64_t version = atomic_load(&kv->share.page->catalog_version);

    /* Our own change needs no second look, unless somebody else's came before it. Nobody else advances it: we have the turn. */
    atomic_compare_exchange_strong(&kv->seen_catalog, &(uint64_t){version}, version + 1);
    atomic_store(&kv->share.page->catalog_version, version + 1);
}

int aer__seal_register(struct kv *kv, const struct catalog_bucket *b, size_t count, struct err *err)
{
    int rc;

    pthread_mutex_lock(&kv->catalog_lock);
    rc = aer__view_reserve(kv, count, err); /* once they are listed there is no way back */
    if (rc == AER_OK) rc = aer__catalog_begin(kv->catalog, true, err);
    for (size_t i = 0; rc == AER_OK && i < count; i++) rc = aer__catalog_add_bucket(kv->catalog, &b[i], err);
    if (rc == AER_OK) rc = aer__catalog_advance_version(kv->catalog, err);
    if (rc == AER_OK) rc = aer__catalog_commit(kv->catalog, err);
    else aer__catalog_rollback(kv->catalog);
    if (rc == AER_OK) { /* still under catalog_lock: follow.c must not take the list of a moment ago for the present */
        aer__view_write(kv);
        for (size_t i = 0; i < count; i++) aer__view_add_bucket(kv, &b[i]);
        aer__view_written(kv);
        aer__catalog_changed(kv);
    }
    pthread_mutex_unlock(&kv->catalog_lock);
    return rc;
}

static int tally(void *arg, const struct row *row)
{
    aer__tally_row(arg, row);
    return AER_OK;
}

/* Which bucket the file is, as the view says; empty: none. */
static void id_of_recent(struct kv *kv, int which, char id[LAYOUT_ID_SIZE])
{
    pthread_rwlock_t *view = aer__view_read(kv);

    id[0] = '\0';
    if (kv->recent[which]) memcpy(id, aer__recent_id(kv->recent[which]), LAYOUT_ID_SIZE);
    pthread_rwlock_unlock(view);
}

/* With the turn: the rows are safe in the bucket, so the active file can go on to the next. */
int aer__seal_empty(struct kv *kv, int which, struct err *err)
{
    char id[LAYOUT_ID_SIZE];
    struct recent *old;
    int rc;

    id_of_recent(kv, which, id);
    pthread_mutex_lock(&kv->active_lock[which]);
    rc = aer__active_empty(kv->active[which], err);
    if (rc == AER_OK) atomic_store(&kv->unsynced[which], false);
    pthread_mutex_unlock(&kv->active_lock[which]);
    if (rc) {
        atomic_store(&kv->settle, true); /* its rows are in two places: the next turn tries again, or writers would wait for ever */
        return rc;
    }
    pthread_mutex_lock(&kv->apply_lock);
    aer__view_write(kv);
    old = kv->recent[which];
    /* Another thread may have seen the file empty already, and a third have begun the next bucket in it. */
    if (old && strcmp(aer__recent_id(old), id) != 0) old = NULL;
    if (old) kv->recent[which] = NULL;
    aer__view_written(kv);
    pthread_mutex_unlock(&kv->apply_lock);
    aer__recent_free(old);
    return AER_OK;
}

/* The active file that waits to be sealed, and its id; -1: none. all: the current one too. *quiet: rows follow it in the
 * other file, so nobody writes to it any more; else only the turn keeps writers away. */
static int pending(struct kv *kv, bool all, char id[LAYOUT_ID_SIZE], bool *quiet)
{
    pthread_rwlock_t *view = aer__view_read(kv);
    int current = aer__view_current(kv), which = -1;

    if (current >= 0) {
        which = kv->recent[1 - current] ? 1 - current : all ? current : -1;
        if (which >= 0 &&
            (aer__recent_count(kv->recent[which]) == 0 || aer__view_bucket(kv, aer__recent_first(kv->recent[which]))))
            which = -1;
        if (which >= 0) memcpy(id, aer__recent_id(kv->recent[which]), LAYOUT_ID_SIZE);
        *quiet = which >= 0 && which != current && aer__recent_count(kv->recent[current]) > 0;
    }
    pthread_rwlock_unlock(view);
    return which;
}

struct sealing {
    struct kv *kv;
    int which;
    const char *id;
    bool all, quiet;
    struct catalog_bucket b;
    struct bucket_info info;
    unsigned char *data;
    size_t size;
};

/* The file's image, and what buckets will say of it. AER_DONE: there is nothing to seal any more. */
static int take_image(struct sealing *s, struct err *err)
{
    struct active *a = s->kv->active[s->which];
    struct active_state state;
    int rc;

    pthread_mutex_lock(&s->kv->active_lock[s->which]);
    rc = aer__active_state(a, &state, err);
    if (rc == AER_OK && (state.rows == 0 || strcmp(state.info.id, s->id) != 0)) rc = AER_DONE;
    if (rc == AER_OK) rc = aer__active_rows(a, 0, false, tally, &s->b, err);
    if (rc == AER_OK) rc = aer__active_seal_image(a, &s->data, &s->size, &s->info, err);
    pthread_mutex_unlock(&s->kv->active_lock[s->which]);
    if (rc == AER_OK) aer__tally_file(&s->b, &s->info, s->data, s->size);
    return rc;
}

/* With the turn: is the file still the one whose image we took, to the last row? */
static int still_same(struct sealing *s, bool *same, struct err *err)
{
    struct active_state state;
    char id[LAYOUT_ID_SIZE] = "";
    bool quiet;
    int rc;

    pthread_mutex_lock(&s->kv->active_lock[s->which]);
    rc = aer__active_state(s->kv->active[s->which], &state, err);
    pthread_mutex_unlock(&s->kv->active_lock[s->which]);
    *same = rc == AER_OK && pending(s->kv, s->all, id, &quiet) == s->which && strcmp(id, s->id) == 0 &&
            strcmp(state.info.id, s->id) == 0 && state.rows == s->b.rows && state.last_seq == s->info.last_seq;
    return rc;
}

/* With the turn. */
static int list_and_empty(struct sealing *s, struct err *err)
{
    char path[LAYOUT_PATH_SIZE];
    bool same;
    int rc = still_same(s, &same, err);

    if (rc == AER_OK && same) {
        rc = aer__seal_register(s->kv, &s->b, 1, err);
        if (rc == AER_OK) rc = aer__seal_empty(s->kv, s->which, err);
    }
    /* Nobody lists it, and with the turn we see the present: ours to remove. */
    if (rc != AER_UNKNOWN && !aer__view_bucket_is(s->kv, s->info.id)) {
        aer__layout_bucket_path(path, s->info.id);
        if (aer__fs_unlink(s->kv->dir, path, NULL) == AER_OK) aer__fs_prune(s->kv->dir, path);
    }
    return rc;
}

static int seal_one(struct sealing *s, struct err *err)
{
    bool have_turn = false, created = false;
    int rc = AER_OK;

    if (!s->quiet) rc = aer__turn_enter_background(s->kv, err);
    have_turn = rc == AER_OK && !s->quiet;
    if (rc == AER_OK) rc = take_image(s, err);
    if (rc) goto out;
    /* Whatever our own mode: rows of others may be in it, and then the file they were safe in is emptied. */
    rc = aer__seal_create(s->kv, s->info.id, s->data, s->size, true, err);
    created = true;
    if (rc == AER_OK && !have_turn) {
        rc = aer__turn_enter_background(s->kv, err);
        have_turn = rc == AER_OK;
    }
    if (rc == AER_OK) rc = list_and_empty(s, err);
out:
    if (have_turn) aer__turn_leave_background(s->kv);
    if (created && rc != AER_UNKNOWN) aer__seal_created(s->kv); /* in doubt: whoever comes in alone looks */
    sqlite3_free(s->data);
    return rc == AER_DONE ? AER_OK : rc;
}

static int seal_if_pending(struct kv *kv, bool all, struct err *err)
{
    char id[LAYOUT_ID_SIZE];
    struct sealing s = {.kv = kv, .id = id, .all = all};

    s.which = pending(kv, all, id, &s.quiet);
    return s.which >= 0 ? seal_one(&s, err) : AER_OK;
}

int aer__seal_pending(struct kv *kv, bool all, struct err *err)
{
    char id[LAYOUT_ID_SIZE];
    bool quiet;
    int rc;

    if (pending(kv, all, id, &quiet) < 0) return AER_OK;
    rc = aer__share_lock(&kv->share, SHARE_SEAL, err);
    if (rc == AER_BUSY) return AER_OK; /* another process is at it */
    if (rc) return rc;
    rc = aer__follow(kv, true, err); /* who had the lock before us may have sealed it, and died before saying so */
    if (rc == AER_OK) rc = seal_if_pending(kv, false, err);
    if (rc == AER_OK && all) rc = seal_if_pending(kv, true, err);
    aer__share_unlock(&kv->share, SHARE_SEAL);
    return rc;
}
