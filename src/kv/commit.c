/* commit.c -- the commit point of keys: one commit in the active bucket's file.
 *
 *   room            which active file, a fresh one if the current is full (the full one goes to be sealed)
 *   counter odd     others see that something is under way
 *   SQLite commit   the commit point; in mode full it has synced the WAL when it returns
 *   apply           the versions go into memory, above what readers look at
 *   publish         visible and last_seq advance, counter even: all at once
 *
 * Mode normal does not sync, but history must be a prefix after a power loss: before the first commit into the other
 * active file the rows of the current one are synced, so a later row is never on disk without the earlier ones. That
 * goes for rows of other handles too, whatever their mode: a commit that is safe must not stand behind a gap.
 */
#include "kv/journal.h"
#include "kv/store.h"

#include <assert.h>
#include <string.h>

#define PART_MAX 64            /* requests in one transaction */
#define CHECKPOINT_FRAMES 1000 /* of an active file's WAL: single puts write a page each, 40 MB a bucket without it */

/* ---- room ---- */

static bool fits(const struct kv *kv, const struct recent *r, uint64_t rows, uint64_t bytes)
{
    uint64_t max_rows = atomic_load(&kv->max_rows), max_size = atomic_load(&kv->max_size);

    /* Sealed, but it could not be emptied: what came behind those rows would be in no bucket's range. */
    if (aer__view_bucket(kv, aer__recent_first(r))) return false;
    /* A power cut may take a commit row whose buckets are listed: this file's range ended before them. */
    if (aer__recent_first(r) + aer__recent_count(r) != kv->applied_seq + 1) return false;
    if (aer__recent_count(r) + rows > max_rows || aer__recent_bytes(r) + bytes > max_size) return false;
    /* Only sealed rows can be merged: seal early rather than keep more keys in memory than was allowed. */
    return aer__table_bytes(kv->mem) < kv_unmerged_limit(kv) * 3 / 4;
}

/* With the view. Is there more in memory than the background can have fallen behind by? What is of the current file cannot be
 * merged yet, and waiting for it would be in vain: that file has to be filled first, or left. */
static bool must_wait_for_merge(const struct kv *kv)
{
    int current = aer__view_current(kv);

    if (!kv->imm || aer__table_bytes(kv->mem) + aer__table_bytes(kv->imm) <= kv_unmerged_limit(kv)) return false;
    return current < 0 || aer__table_last_seq(kv->imm) < aer__recent_first(kv->recent[current]);
}

/* With the turn. The keys so far are all of full buckets: let the merge have them, begin a new table. */
static int rotate(struct kv *kv, struct err *err)
{
    int rc;

    pthread_mutex_lock(&kv->apply_lock);
    rc = aer__view_rotate(kv, kv_unmerged_limit(kv) / 2, err);
    pthread_mutex_unlock(&kv->apply_lock);
    return rc;
}

static int sync_active(struct kv *kv, int which, struct err *err)
{
    int rc;

    pthread_mutex_lock(&kv->active_lock[which]);
    rc = aer__active_sync(kv->active[which], err);
    pthread_mutex_unlock(&kv->active_lock[which]);
    if (rc == AER_OK) atomic_store(&kv->unsynced[which], false);
    if (rc == AER_UNKNOWN) aer__kv_break(kv); /* a sync that failed is not tried again */
    return rc;
}

static int begin_other(struct kv *kv, int which, struct err *err)
{
    char id[LAYOUT_ID_SIZE];
    int rc = aer__layout_new_id(id, err);

    if (rc) return rc;
    pthread_mutex_lock(&kv->apply_lock);
    rc = aer__apply_new_recent(kv, which, id, kv->applied_seq + 1, err);
    pthread_mutex_unlock(&kv->apply_lock);
    return rc;
}

enum room { ROOM_HERE, ROOM_OTHER, ROOM_WAIT };

/* Which file, and what is to be done about it. *which is the file to write to, *current the one written last (-1: none). */
static enum room look_for_room(struct kv *kv, uint64_t rows, uint64_t bytes, int *which, int *current)
{
    pthread_rwlock_t *view = aer__view_read(kv);
    int now = aer__view_current(kv), other = now < 0 ? 0 : 1 - now;
    enum room room;

    *current = now;
    *which = now;
    if (now >= 0 && aer__recent_count(kv->recent[now]) == 0 && aer__recent_first(kv->recent[now]) == kv->applied_seq + 1)
        room = ROOM_HERE; /* begun, but its first commit failed */
    else if (now >= 0 && rows > 0 && fits(kv, kv->recent[now], rows, bytes)) room = ROOM_HERE;
    else if (!kv->recent[other] && !must_wait_for_merge(kv)) room = ROOM_OTHER;
    else room = ROOM_WAIT;
    if (room == ROOM_OTHER) *which = other;
    pthread_rwlock_unlock(view);
    return room;
}

/* From the full file to the empty one. */
static int change_over(struct kv *kv, int current, int which, struct err *err)
{
    int rc = AER_OK;

    if (current >= 0 && kv->options.sync != AER_SYNC_OFF && atomic_load(&kv->unsynced[current]))
        rc = sync_active(kv, current, err);
    if (rc == AER_OK && current >= 0) rc = rotate(kv, err);
    if (rc == AER_OK) rc = begin_other(kv, which, err);
    if (rc == AER_OK && current >= 0) aer__upkeep_wake(kv);
    return rc;
}

int aer__commit_room(struct kv *kv, uint64_t rows, uint64_t bytes, int64_t deadline_ms, int *which, struct err *err)
{
    for (int waits = 0;; waits++) {
        int current, rc;

        switch (look_for_room(kv, rows, bytes, which, &current)) {
        case ROOM_HERE: return AER_OK;
        case ROOM_OTHER: return change_over(kv, current, *which, err);
        case ROOM_WAIT:
            rc = waits > 0 ? aer__turn_lend(kv, deadline_ms, err) : AER_OK;
            if (rc == AER_OK) rc = aer__upkeep_wait(kv, deadline_ms, err);
            if (rc) return rc;
        }
    }
}

static bool other_is_empty(struct kv *kv, int which)
{
    pthread_rwlock_t *view = aer__view_read(kv);
    bool empty = !kv->recent[1 - which];

    pthread_rwlock_unlock(view);
    return empty;
}

int aer__commit_room_alone(struct kv *kv, int64_t deadline_ms, int *which, struct err *err)
{
    for (int waits = 0;; waits++) {
        /* Each time anew: while others had the turn, the file we had begun may have become another's. */
        int rc = aer__commit_room(kv, 0, 0, deadline_ms, which, err);
        if (rc || other_is_empty(kv, *which)) return rc;
        if (waits > 0) rc = aer__turn_lend(kv, deadline_ms, err);
        if (rc == AER_OK) rc = aer__upkeep_wait(kv, deadline_ms, err);
        if (rc) return rc;
    }
}

/* Nothing that a commit might have to wait for with another process's help, which would cost it the turn. */
static bool is_ready(struct kv *kv)
{
    pthread_rwlock_t *view = aer__view_read(kv);
    bool ready = !(kv->recent[0] && kv->recent[1]) && !must_wait_for_merge(kv);

    pthread_rwlock_unlock(view);
    return ready;
}

int aer__commit_ready(struct kv *kv, int64_t deadline_ms, struct err *err)
{
    int rc = AER_OK;

    for (int waits = 0; rc == AER_OK && !is_ready(kv); waits++) {
        rc = waits > 0 ? aer__turn_lend(kv, deadline_ms, err) : AER_OK;
        if (rc == AER_OK) rc = aer__upkeep_wait(kv, deadline_ms, err);
    }
    return rc;
}

/* ---- rows ---- */

static int add_rows(struct kv *kv, int which, const struct row *rows, size_t count, uint64_t first, struct err *err)
{
    struct active *a = kv->active[which];
    const struct recent *r = kv->recent[which];
    int rc = AER_OK;

    if (aer__recent_count(r) == 0) rc = aer__active_name(a, aer__recent_id(r), first, err);
    for (size_t i = 0; rc == AER_OK && i < count; i++) {
        struct row row = rows[i];
        row.seq = first + i;
        rc = aer__active_add(a, &row, err);
    }
    return rc;
}

/* The SQLite transaction. */
static int write_rows(struct kv *kv, int which, const struct row *rows, size_t count, uint64_t first, int sync,
                      struct err *err)
{
    struct active *a = kv->active[which];
    int rc;

    pthread_mutex_lock(&kv->active_lock[which]);
    rc = aer__active_begin(a, sync, err);
    if (rc) goto out;
    rc = add_rows(kv, which, rows, count, first, err);
    if (rc) {
        aer__active_rollback(a);
        goto out;
    }
    rc = aer__active_commit(a, err);
out:
    pthread_mutex_unlock(&kv->active_lock[which]);
    return rc;
}

static int apply_rows(struct kv *kv, int which, const struct row *rows, size_t count, struct err *err)
{
    int rc = AER_OK;

    for (size_t i = 0; rc == AER_OK && i < count; i++) {
        struct row row = rows[i];
        row.seq = kv->applied_seq + 1;
        rc = aer__apply_row(kv, &row, which, true, err);
    }
    return rc;
}

void aer__commit_open(struct kv *kv)
{
    atomic_fetch_or(&kv->share.page->counter, 1);
}

void aer__commit_publish(struct kv *kv)
{
    struct share_page *page = kv->share.page;
    uint64_t counter = (atomic_load(&page->counter) | 1) + 1;

    atomic_store_explicit(&kv->visible, kv->applied_seq, memory_order_release);
    atomic_store(&page->last_seq, kv->applied_seq);
    atomic_store(&kv->seen_counter, counter);
    atomic_store(&page->counter, counter);
}

int aer__commit_doubt(struct kv *kv, struct err *err)
{
    aer__kv_break(kv);
    aer__err_prefix(err, "committed, but not finished");
    if (err) err->code = AER_UNKNOWN;
    return AER_UNKNOWN;
}

/* Nothing happened. */
void aer__commit_cancel(struct kv *kv)
{
    atomic_fetch_and(&kv->share.page->counter, ~UINT64_C(1));
}

int aer__commit_sync(struct kv *kv, int other, struct err *err)
{
    pthread_rwlock_t *view = aer__view_read(kv);
    bool has_rows = kv->recent[other] && !aer__view_bucket(kv, aer__recent_first(kv->recent[other]));

    pthread_rwlock_unlock(view);
    if (has_rows) return sync_active(kv, other, err);
    atomic_store(&kv->unsynced[other], false);
    return AER_OK;
}

int aer__commit_rows(struct kv *kv, int which, const struct row *rows, size_t count, int sync, struct err *err)
{
    uint64_t key_bytes = 0;
    int rc;

    if (sync != AER_SYNC_OFF) {
        rc = aer__journal_sync(kv, err);
        if (rc) return rc;
    }
    /* Left by a handle of mode off, which does not do it when it changes over. */
    if (sync != AER_SYNC_OFF && atomic_load(&kv->unsynced[1 - which])) {
        rc = aer__commit_sync(kv, 1 - which, err);
        if (rc) return rc;
    }
    for (size_t i = 0; i < count; i++) key_bytes += rows[i].key_size;
    /* One hold over both: follow.c, in another thread, would take the rows from the file before we do. */
    pthread_mutex_lock(&kv->apply_lock);
    /* Out of memory after the commit would leave this handle behind its own commit. */
    rc = aer__table_reserve(kv->mem, count, key_bytes, err);
    if (rc == AER_OK) rc = write_rows(kv, which, rows, count, kv->applied_seq + 1, sync, err);
    if (rc == AER_OK) {
        rc = apply_rows(kv, which, rows, count, err);
        if (rc && err) err->code = AER_UNKNOWN;
        if (rc) rc = AER_UNKNOWN;
    }
    pthread_mutex_unlock(&kv->apply_lock);
    if (rc == AER_UNKNOWN) aer__kv_break(kv);
    if (rc) return rc;
    atomic_store(&kv->unsynced[which], sync != AER_SYNC_FULL); /* one sync of the WAL covers all that was in it */
    return AER_OK;
}

/* The file may have grown a long WAL by single puts: bring it home. A failure shows at the next commit or seal. */
void aer__commit_trim(struct kv *kv, int which)
{
    pthread_mutex_lock(&kv->active_lock[which]);
    if (aer__active_wal_frames(kv->active[which]) >= CHECKPOINT_FRAMES) {
        struct err err = {0};
        if (aer__active_checkpoint(kv->active[which], false, &err)) aer__kv_log(kv, "checkpoint: %s", err.message);
    }
    pthread_mutex_unlock(&kv->active_lock[which]);
}

/* ---- groups ---- */

/* What the requests before it in the group say about its key: 1 there, 0 deleted, -1 nothing. */
static int said_before(struct request *const *group, size_t before, const struct row *row)
{
    for (size_t i = before; i-- > 0;) {
        const struct row *r = group[i]->row;
        if (group[i]->rc) continue;
        if (r->key_size == row->key_size && memcmp(r->key, row->key, row->key_size) == 0) return !r->is_delete;
    }
    return -1;
}

/* A delete's answer, given with the turn: nobody can come between it and the commit. */
static void check_existence(struct kv *kv, struct request *const *group, size_t index)
{
    struct request *r = group[index];
    uint64_t seq;
    int said = said_before(group, index, r->row);

    if (said == 1) return;
    r->rc = said == 0 ? AER_NOTFOUND : aer__get_exists(kv, r->row->key, r->row->key_size, &seq, &r->err);
}

/* Requests that go into one transaction. */
struct part {
    struct request **at;
    size_t count;
    uint64_t bytes; /* at most: deletes of absent keys are counted, too */
    int sync;
};

static struct part take_part(struct kv *kv, struct request **group, size_t count)
{
    uint64_t max_rows = AER_MIN(atomic_load(&kv->max_rows), (uint64_t)PART_MAX), max_size = atomic_load(&kv->max_size);
    struct part part = {.at = group, .sync = AER_SYNC_OFF};

    for (; part.count < count; part.count++) {
        const struct request *r = group[part.count];
        uint64_t bytes = aer__row_bytes(r->row);
        if (part.count && (part.count == max_rows || part.bytes + bytes > max_size)) break;
        part.bytes += bytes;
        part.sync = AER_MIN(part.sync, r->sync); /* FULL < NORMAL < OFF */
    }
    return part;
}

static int commit_part(struct kv *kv, const struct part *part, struct err *err)
{
    struct row rows[PART_MAX];
    size_t n = 0;
    int which, rc = aer__commit_room(kv, part->count, part->bytes, aer__kv_deadline(kv), &which, err);

    if (rc) return rc;
    for (size_t i = 0; i < part->count; i++) {
        if (part->at[i]->must_exist) check_existence(kv, part->at, i);
        if (part->at[i]->rc == AER_OK) rows[n++] = *part->at[i]->row;
    }
    if (n == 0) return AER_OK;
    aer__commit_open(kv);
    rc = aer__commit_rows(kv, which, rows, n, part->sync, err);
    if (rc == AER_OK) {
        aer__commit_publish(kv);
        aer__commit_trim(kv, which);
    } else if (rc != AER_UNKNOWN) {
        aer__commit_cancel(kv); /* in doubt it stays odd: whoever comes next looks at the disk */
    }
    return rc;
}

static void refuse(struct request **group, size_t count, int rc, const struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (group[i]->rc) continue;
        group[i]->rc = rc;
        group[i]->err = *err;
    }
}

void aer__commit_group(struct kv *kv, struct request **group, size_t count)
{
    struct err err = {0};
    size_t done = 0;
    bool entered = false;
    int rc = aer__kv_usable(kv, &err);

    if (rc == AER_OK) rc = aer__turn_enter(kv, aer__kv_deadline(kv), &err);
    if (rc == AER_OK) entered = true;
    while (rc == AER_OK && done < count) {
        struct part part = take_part(kv, group + done, count - done);
        aer__err_clear(&err);
        rc = commit_part(kv, &part, &err);
        if (rc) refuse(part.at, part.count, rc, &err);
        done += part.count;
        if (!aer__turn_lost(kv)) rc = aer__kv_usable(kv, &err); /* those behind may fare better */
    }
    if (rc) refuse(group + done, count - done, rc, &err);
    if (entered) aer__turn_leave(kv);
}
