/* journal.c -- commits that change more than keys: their commit point is in aerial.sq3, not in the active bucket.
 *
 *   what comes before is synced       an earlier key must not be missing once this commit is on disk
 *   counter odd
 *   one transaction in aerial.sq3     the commit point: the caller's changes (written by its callback), and the rows that
 *                                     would have been the keys' commit, in journal_keys
 *   rows to the active file           as in any commit, but not synced: the journal has them
 *   the caller applies its changes
 *   publish
 *
 * A crash after the commit point leaves rows in journal_keys that the active file does not have: aer__journal_settle
 * writes them there. The caller empties the journal when all is on disk (aer__catalog_journal_clear).
 *
 * Must not know: what the caller's changes are.
 */
#include "kv/journal.h"
#include "fs/fs.h"

#include <inttypes.h>
#include <string.h>

#define CHECKPOINT_FRAMES 4000 /* of the catalogue's WAL: 16 MB */

/* ---- the order of commits on disk ---- */

/* An active file may have commits that were not synced; ours must not be on disk without them. */
static int sync_keys(struct kv *kv, int sync, struct err *err)
{
    int rc = AER_OK;

    if (sync == AER_SYNC_OFF) return AER_OK;
    for (int w = 0; rc == AER_OK && w < LAYOUT_ACTIVE_COUNT; w++)
        if (atomic_load(&kv->unsynced[w])) rc = aer__commit_sync(kv, w, err);
    return rc;
}

/* The same the other way round, after mode off. One small commit that is synced takes the whole WAL with it. */
int aer__journal_sync(struct kv *kv, struct err *err)
{
    int rc;

    if (!atomic_load(&kv->share.page->journal_loose)) return AER_OK;
    pthread_mutex_lock(&kv->catalog_lock);
    rc = aer__catalog_begin(kv->catalog, true, err);
    if (rc == AER_OK) {
        rc = aer__catalog_advance_version(kv->catalog, err);
        if (rc == AER_OK) rc = aer__catalog_commit(kv->catalog, err);
        else aer__catalog_rollback(kv->catalog);
    }
    pthread_mutex_unlock(&kv->catalog_lock);
    if (rc == AER_OK) atomic_store(&kv->share.page->journal_loose, 0);
    if (rc == AER_UNKNOWN) aer__kv_break(kv);
    return rc;
}

/* ---- commit ---- */

static int add_keys(struct catalog *c, const struct row *rows, size_t count, uint64_t first, struct err *err)
{
    int rc = AER_OK;

    for (size_t i = 0; rc == AER_OK && i < count; i++) {
        struct catalog_key key = {.seq = first + i,
                                  .key = rows[i].key,
                                  .key_size = rows[i].key_size,
                                  .value = rows[i].is_delete ? NULL : rows[i].value,
                                  .value_size = rows[i].value_size,
                                  .meta = rows[i].meta,
                                  .meta_size = rows[i].meta_size,
                                  .expires_ms = rows[i].expires_ms,
                                  .part = (int)rows[i].part};
        rc = aer__catalog_journal_key(c, &key, err);
    }
    return rc;
}

static int write_journal(struct kv *kv, const struct kv_journal *j, const struct row *rows, size_t count,
                         uint64_t first, int sync, struct err *err)
{
    struct catalog *c = kv->catalog;
    int rc;

    pthread_mutex_lock(&kv->catalog_lock);
    /* On disk before the caller's first change, in the mode normal too: changed files whose journal is lost would be nobody's state. */
    rc = aer__catalog_begin(c, sync != AER_SYNC_OFF, err);
    if (rc) goto out;
    rc = aer__catalog_need_tables(c, err);
    if (rc == AER_OK) rc = j->write(j->arg, c, err);
    if (rc == AER_OK) rc = add_keys(c, rows, count, first, err);
    if (rc == AER_OK) rc = aer__catalog_commit(c, err);
    else aer__catalog_rollback(c);
out:
    pthread_mutex_unlock(&kv->catalog_lock);
    return rc;
}

int aer__journal_commit(struct kv *kv, const struct kv_journal *j, const struct row *rows, size_t count, uint64_t first,
                        int sync, struct err *err)
{
    int rc = sync_keys(kv, sync, err);

    if (rc == AER_OK) rc = write_journal(kv, j, rows, count, first, sync, err);
    if (rc == AER_OK) atomic_store(&kv->share.page->journal_loose, sync == AER_SYNC_OFF);
    if (rc == AER_UNKNOWN) aer__kv_break(kv);
    return rc;
}

int aer__journal_apply(struct kv *kv, const struct kv_journal *j, struct err *err)
{
    int rc = j->apply(j->arg, err);

    if (rc == AER_OK) return aer__merge_checkpoint(kv, CHECKPOINT_FRAMES, NULL) == AER_UNKNOWN ? AER_UNKNOWN : AER_OK;
    /* Committed, and not where readers look: whoever has the turn next finishes it. */
    aer__err_prefix(err, "the transaction is committed, but not all of it could be put in place");
    if (err) err->code = AER_UNKNOWN;
    aer__kv_break(kv);
    return AER_UNKNOWN;
}

/* ---- after a crash ---- */

struct keys {
    struct row *at;
    size_t count, capacity;
    struct err *err;
};

static void free_keys(struct keys *k)
{
    for (size_t i = 0; i < k->count; i++) aer__free((void *)k->at[i].key);
    aer__free(k->at);
}

static int collect(void *arg, const struct catalog_key *key)
{
    struct keys *k = arg;
    unsigned char *block;
    struct row *row;

    if (k->count && key->seq != k->at[k->count - 1].seq + 1)
        return aer__err_set(k->err, AER_CORRUPT, "'%s': row %" PRIu64 " is missing in journal_keys", LAYOUT_CATALOG,
                            k->at[k->count - 1].seq + 1);
    if (k->count == k->capacity) {
        size_t capacity = k->capacity ? k->capacity * 2 : 64;
        struct row *more = aer__realloc(k->at, capacity * sizeof *more);
        if (!more) return aer__err_nomem(k->err);
        k->at = more;
        k->capacity = capacity;
    }
    block = aer__alloc(key->key_size + key->meta_size + key->value_size);
    if (!block) return aer__err_nomem(k->err);
    row = &k->at[k->count++];
    *row = (struct row){.seq = key->seq,
                        .key = block,
                        .key_size = key->key_size,
                        .value_size = key->value_size,
                        .meta_size = key->meta_size,
                        .expires_ms = key->expires_ms,
                        .part = key->part,
                        .is_delete = !key->value};
    if (key->key_size) memcpy(block, key->key, key->key_size);
    if (key->meta) row->meta = memcpy(block + key->key_size, key->meta, key->meta_size);
    if (key->value) {
        row->value = block + key->key_size + key->meta_size;
        if (key->value_size) memcpy(block + key->key_size + key->meta_size, key->value, key->value_size);
    }
    return AER_OK;
}

/* Which file do they go into: behind the rows they follow, or, a commit row, into an empty one. *which -1: they are there. */
static int find_place(struct kv *kv, const struct keys *k, int *which, bool *fresh, struct err *err)
{
    struct active_state state;
    uint64_t first = k->at[0].seq, last = k->at[k->count - 1].seq;
    int empty = -1, rc = AER_OK;

    *which = -1;
    *fresh = false;
    for (int w = 0; rc == AER_OK && w < LAYOUT_ACTIVE_COUNT; w++) {
        pthread_mutex_lock(&kv->active_lock[w]);
        rc = aer__active_state(kv->active[w], &state, err);
        pthread_mutex_unlock(&kv->active_lock[w]);
        if (rc) return rc;
        if (state.rows == 0) empty = w;
        else if (state.last_seq >= last) return AER_OK;
        else if (state.last_seq + 1 == first && k->at[0].key_size) *which = w;
    }
    if (*which >= 0) return AER_OK;
    *fresh = true;
    *which = empty;
    return empty >= 0 ? AER_OK
                      : aer__err_set(err, AER_CORRUPT, "'%s': rows from %" PRIu64 " on are committed and fit nowhere",
                                     LAYOUT_CATALOG, first);
}

static int write_keys(struct kv *kv, const struct keys *k, int which, bool fresh, struct err *err)
{
    char id[LAYOUT_ID_SIZE];
    int rc = fresh ? aer__layout_new_id(id, err) : AER_OK;

    if (rc) return rc;
    pthread_mutex_lock(&kv->active_lock[which]);
    rc = aer__active_begin(kv->active[which], AER_SYNC_NORMAL, err);
    if (rc) goto out;
    if (fresh) rc = aer__active_name(kv->active[which], id, k->at[0].seq, err);
    for (size_t i = 0; rc == AER_OK && i < k->count; i++) rc = aer__active_add(kv->active[which], &k->at[i], err);
    if (rc == AER_OK) rc = aer__active_commit(kv->active[which], err);
    else aer__active_rollback(kv->active[which]);
out:
    pthread_mutex_unlock(&kv->active_lock[which]);
    if (rc == AER_OK) atomic_store(&kv->unsynced[which], true);
    return rc;
}

static int on_disk(struct kv *kv, uint64_t *last, struct err *err)
{
    struct active_state state;
    int rc = AER_OK;

    pthread_mutex_lock(&kv->apply_lock);
    *last = kv->applied_seq;
    pthread_mutex_unlock(&kv->apply_lock);
    for (int w = 0; rc == AER_OK && w < LAYOUT_ACTIVE_COUNT; w++) {
        pthread_mutex_lock(&kv->active_lock[w]);
        rc = aer__active_state(kv->active[w], &state, err);
        pthread_mutex_unlock(&kv->active_lock[w]);
        if (rc == AER_OK && state.rows) *last = AER_MAX(*last, state.last_seq);
    }
    return rc;
}

struct unwritten {
    uint64_t after;
    struct keys keys;
};

static int read_unwritten(void *arg, struct catalog *c, struct err *err)
{
    struct unwritten *u = arg;

    u->keys.err = err;
    return aer__catalog_keys(c, u->after, collect, &u->keys, err);
}

int aer__journal_settle(struct kv *kv, struct err *err)
{
    struct unwritten u = {0};
    bool fresh = false;
    int which = -1, rc = on_disk(kv, &u.after, err);

    if (rc == AER_OK) rc = aer__kv_read_catalog(kv, read_unwritten, &u, err);
    if (rc == AER_OK && u.keys.count) rc = find_place(kv, &u.keys, &which, &fresh, err);
    if (rc == AER_OK && which >= 0) {
        rc = write_keys(kv, &u.keys, which, fresh, err);
        if (rc == AER_OK) aer__kv_log(kv, "%zu key(s) of a transaction that was cut off are in place", u.keys.count);
    }
    free_keys(&u.keys);
    return rc;
}

/* ---- the catalogue, for who keeps things of their own in it ---- */

int aer__kv_read_catalog(struct kv *kv, int (*fn)(void *arg, struct catalog *c, struct err *err), void *arg, struct err *err)
{
    struct err local = {0};
    struct catalog_reader *r = aer__reader_take(kv, &local);
    int rc;

    if (!r) {
        if (err && !err->code) *err = local;
        return local.code;
    }
    rc = fn(arg, r->catalog, err);
    aer__reader_give(kv, r);
    return rc;
}

int aer__kv_write_catalog(struct kv *kv, bool durable, int (*fn)(void *arg, struct catalog *c, struct err *err),
                          void *arg, struct err *err)
{
    int rc;

    pthread_mutex_lock(&kv->catalog_lock);
    rc = aer__catalog_begin(kv->catalog, durable, err);
    if (rc == AER_OK) {
        rc = aer__catalog_need_tables(kv->catalog, err);
        if (rc == AER_OK) rc = fn(arg, kv->catalog, err);
        if (rc == AER_OK) rc = aer__catalog_commit(kv->catalog, err);
        else aer__catalog_rollback(kv->catalog);
    }
    pthread_mutex_unlock(&kv->catalog_lock);
    if (rc == AER_UNKNOWN) aer__kv_break(kv);
    return rc;
}

void aer__kv_catalog_changed(struct kv *kv)
{
    atomic_fetch_add(&kv->share.page->catalog_version, 1);
}
