/* bulk.c -- see bulk.h. */
#include "kv/bulk.h"
#include "fs/fs.h"
#include "kv/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct bulk_file {
    struct catalog_bucket b;
};

struct bulk {
    struct kv *kv;
    int sync;
    struct bulk_file *at;
    size_t count, capacity;
    struct sealed *open; /* of at[open_index]: one at a time, for the transaction's own reads */
    size_t open_index;
    bool committed;
};

int aer__bulk_new(struct kv *kv, int sync, struct bulk **bulk, struct err *err)
{
    *bulk = aer__calloc(1, sizeof **bulk);
    if (!*bulk) return aer__err_nomem(err);
    (*bulk)->kv = kv;
    (*bulk)->sync = sync;
    return AER_OK;
}

void aer__bulk_free(struct bulk *b)
{
    char path[LAYOUT_PATH_SIZE];

    if (!b) return;
    aer__sealed_close(b->open);
    for (size_t i = 0; i < b->count; i++) {
        if (!b->committed) { /* ours, made in this transaction and named by nobody */
            aer__layout_bucket_path(path, b->at[i].b.id);
            if (aer__fs_unlink(b->kv->dir, path, NULL) == AER_OK) aer__fs_prune(b->kv->dir, path);
        }
        aer__seal_created(b->kv);
    }
    aer__free(b->at);
    aer__free(b);
}

static int make_room(struct bulk *b, struct err *err)
{
    size_t capacity = b->capacity ? b->capacity * 2 : 16;
    struct bulk_file *more;

    if (b->count < b->capacity) return AER_OK;
    more = aer__realloc(b->at, capacity * sizeof *more);
    if (!more) return aer__err_nomem(err);
    b->at = more;
    b->capacity = capacity;
    return AER_OK;
}

int aer__bulk_flush(struct bulk *b, struct row *rows, size_t count, struct err *err)
{
    struct bucket_info info = {.first_seq = rows[0].seq, .last_seq = rows[count - 1].seq};
    struct catalog_bucket tally = {0};
    struct image *image = NULL;
    const unsigned char *data = NULL;
    size_t size;
    int rc = make_room(b, err);

    if (rc) return rc;
    memcpy(info.database, b->kv->database, sizeof info.database);
    rc = aer__layout_new_id(info.id, err);
    if (rc == AER_OK) rc = aer__image_begin(&info, &image, err);
    for (size_t i = 0; rc == AER_OK && i < count; i++) {
        rc = aer__image_add(image, &rows[i], err);
        aer__tally_row(&tally, &rows[i]);
        if (rc == AER_OK) {
            aer__free((void *)rows[i].key);
            rows[i].key = NULL;
        }
    }
    if (rc == AER_OK) rc = aer__image_finish(image, info.first_seq, info.last_seq, &data, &size, err);
    if (rc) goto out;
    aer__tally_file(&tally, &info, data, size);
    rc = aer__seal_create(b->kv, info.id, data, size, b->sync != AER_SYNC_OFF, err);
    if (rc) {
        aer__seal_created(b->kv);
        goto out;
    }
    if (b->sync == AER_SYNC_OFF) atomic_store(&b->kv->share.page->loose, 1);
    b->at[b->count++] = (struct bulk_file){.b = tally};
out:
    aer__image_free(image);
    return rc;
}

int aer__bulk_get(struct bulk *b, uint64_t seq, bool with_value, struct row *row, struct buf *hold, struct err *err)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct catalog_bucket *cb = &b->at[i].b;
        int rc;
        if (seq < cb->first_seq || seq > cb->last_seq) continue;
        if (!b->open || b->open_index != i) {
            aer__sealed_close(b->open);
            b->open = NULL;
            rc = aer__sealed_open(b->kv->dir, cb->id, b->kv->database, &b->open, NULL, err);
            if (rc)
                return rc == AER_NOTFOUND ? aer__err_set(err, AER_IO, "bucket %s of this transaction is gone", cb->id) : rc;
            b->open_index = i;
        }
        return aer__sealed_get(b->open, seq, with_value, row, hold, err);
    }
    return AER_NOTFOUND;
}

/* ---- commit ---- */

static int name_all(const struct bulk *b, struct buf *text, struct err *err)
{
    char line[64];

    for (size_t i = 0; i < b->count; i++) {
        const struct catalog_bucket *cb = &b->at[i].b;
        int n = snprintf(line, sizeof line, "%s %" PRIu64 " %" PRIu64 "\n", cb->id, cb->first_seq, cb->last_seq);
        if (aer__buf_append(text, line, (size_t)n)) return aer__err_nomem(err);
    }
    return AER_OK;
}

static int register_all(struct bulk *b, struct err *err)
{
    struct catalog_bucket *list = aer__alloc(b->count * sizeof *list);
    int rc;

    if (!list) return aer__err_nomem(err);
    for (size_t i = 0; i < b->count; i++) list[i] = b->at[i].b;
    rc = aer__seal_register(b->kv, list, b->count, err);
    aer__free(list);
    return rc;
}

struct apply_arg {
    struct kv *kv;
    struct err *err;
};

static int apply_one(void *arg, const struct row *row)
{
    struct apply_arg *a = arg;

    return aer__apply_row(a->kv, row, -1, false, a->err);
}

/* Keys of the new buckets into memory; the view has the buckets already. */
static int apply_all(struct bulk *b, struct err *err)
{
    struct apply_arg arg = {b->kv, err};
    int rc = AER_OK;

    for (size_t i = 0; rc == AER_OK && i < b->count; i++) {
        struct sealed *file;
        rc = aer__sealed_open(b->kv->dir, b->at[i].b.id, b->kv->database, &file, NULL, err);
        if (rc) break;
        rc = aer__sealed_rows(file, 0, false, apply_one, &arg, err);
        aer__sealed_close(file);
    }
    return rc;
}

/* The commit row's active file must be a fresh one: the ranges of buckets leave no gap. */
static int write_commit_row(struct bulk *b, int which, const struct buf *text, int sync, struct err *err)
{
    struct kv *kv = b->kv;
    struct row row = {.key = "", .value = text->data, .value_size = text->size};
    uint64_t last = b->at[b->count - 1].b.last_seq;
    int rc;

    pthread_mutex_lock(&kv->active_lock[which]);
    row.seq = last + 1;
    rc = aer__active_begin(kv->active[which], sync, err);
    if (rc == AER_OK) {
        rc = aer__active_name(kv->active[which], aer__recent_id(kv->recent[which]), row.seq, err);
        if (rc == AER_OK) rc = aer__active_add(kv->active[which], &row, err);
        if (rc == AER_OK) rc = aer__active_commit(kv->active[which], err);
        else aer__active_rollback(kv->active[which]);
    }
    pthread_mutex_unlock(&kv->active_lock[which]);
    return rc;
}

/* After the commit point: nothing here may fail and leave us running on old news. */
static int follow_up(struct bulk *b, int which, const struct buf *text, struct err *err)
{
    struct kv *kv = b->kv;
    struct row row = {.key = "", .value = text->data, .value_size = text->size};
    char id[LAYOUT_ID_SIZE];
    int rc = register_all(b, err);

    if (rc) return rc;
    rc = apply_all(b, err);
    if (rc == AER_OK) {
        memcpy(id, aer__recent_id(kv->recent[which]), sizeof id);
        row.seq = kv->applied_seq + 1;
        rc = aer__apply_new_recent(kv, which, id, row.seq, err);
    }
    if (rc == AER_OK) rc = aer__apply_row(kv, &row, which, true, err);
    return rc;
}

int aer__bulk_commit(struct bulk *b, const struct kv_journal *journal, int sync, struct err *err)
{
    struct kv *kv = b->kv;
    struct buf text = {0};
    int which, rc;

    rc = name_all(b, &text, err);
    if (rc == AER_OK)
        rc = aer__commit_room_alone(kv, aer__monotonic_ms() + AER_MAX(kv->options.busy_ms, 60000), &which, err);
    if (rc == AER_OK && kv->applied_seq + 1 != b->at[0].b.first_seq)
        rc = aer__err_set(err, AER_BUSY, "another writer came in while a bucket was being sealed; try again");
    if (rc) goto out;
    aer__commit_open(kv);
    if (journal) {
        struct row row = {.key = "", .value = text.data, .value_size = text.size};
        rc = aer__journal_commit(kv, journal, &row, 1, b->at[b->count - 1].b.last_seq + 1, sync, err);
        if (rc == AER_OK || rc == AER_UNKNOWN) b->committed = true;
        if (rc && rc != AER_UNKNOWN) aer__commit_cancel(kv);
        if (rc) goto out;
        sync = AER_SYNC_OFF; /* of what only repeats the journal */
    }
    pthread_mutex_lock(&kv->apply_lock); /* until memory has what the file has: see aer__commit_rows */
    rc = write_commit_row(b, which, &text, sync, err);
    if (rc && journal) rc = aer__commit_doubt(kv, err);
    if (rc == AER_OK || rc == AER_UNKNOWN)
        b->committed = true; /* or perhaps; then settle.c looks, and quarantines rather than we delete */
    if (rc == AER_OK) {
        rc = follow_up(b, which, &text, err);
        if (rc && err) err->code = AER_UNKNOWN;
        if (rc) rc = AER_UNKNOWN;
    }
    pthread_mutex_unlock(&kv->apply_lock);
    if (rc && !b->committed) {
        aer__commit_cancel(kv);
        goto out;
    }
    if (rc) {
        aer__kv_break(kv);
        goto out;
    }
    if (journal) rc = aer__journal_apply(kv, journal, err);
    if (rc) goto out;
    aer__commit_publish(kv);
    atomic_store(&kv->unsynced[which], sync != AER_SYNC_FULL);
    aer__upkeep_wake(kv);
out:
    aer__buf_release(&text);
    return rc;
}

/* ---- after a crash ---- */

static int describe(void *arg, const struct row *row)
{
    aer__tally_row(arg, row);
    return AER_OK;
}

/* What buckets says of a file, from the file. */
static int describe_file(struct kv *kv, const char *id, struct catalog_bucket *b, struct err *err)
{
    char path[LAYOUT_PATH_SIZE];
    struct sealed *file = NULL;
    void *data = NULL;
    size_t size;
    int rc;

    memset(b, 0, sizeof *b);
    aer__layout_bucket_path(path, id);
    rc = aer__fs_read_all(kv->dir, path, SIZE_MAX / 2, &data, &size, err);
    if (rc == AER_OK) rc = aer__sealed_open(kv->dir, id, kv->database, &file, NULL, err);
    if (rc == AER_OK) rc = aer__sealed_rows(file, 0, false, describe, b, err);
    if (rc == AER_OK) aer__tally_file(b, aer__sealed_info(file), data, size);
    if (rc == AER_NOTFOUND) rc = aer__err_set(err, AER_CORRUPT, "'%s' is missing, and a commit names it", path);
    aer__sealed_close(file);
    aer__free(data);
    return rc;
}

static bool listed(struct kv *kv, uint64_t first, uint64_t last)
{
    pthread_rwlock_t *view = aer__view_read(kv);
    const struct bucket_ref *ref = aer__view_bucket(kv, first);
    bool is = ref && ref->b.last_seq >= last;

    pthread_rwlock_unlock(view);
    return is;
}

/* Buckets that a commit row names and that are not listed. */
struct unlisted {
    struct catalog_bucket *at;
    size_t count;
};

static int add_unlisted(struct kv *kv, struct unlisted *u, const char *id, struct err *err)
{
    struct catalog_bucket *more = aer__realloc(u->at, (u->count + 1) * sizeof *more);
    int rc;

    if (!more) return aer__err_nomem(err);
    u->at = more;
    rc = describe_file(kv, id, &u->at[u->count], err);
    if (rc == AER_OK) u->count++;
    return rc;
}

static int read_commit_row(struct kv *kv, const struct row *commit_row, char *text, struct unlisted *u, struct err *err)
{
    int rc = AER_OK;

    for (char *line = text, *end; rc == AER_OK && (end = strchr(line, '\n')); line = end + 1) {
        char id[LAYOUT_ID_SIZE];
        uint64_t first, last;
        *end = '\0';
        if (sscanf(line, "%16[0-9a-f] %" SCNu64 " %" SCNu64, id, &first, &last) != 3 || !aer__layout_id_ok(id) || first > last)
            return aer__err_set(err, AER_CORRUPT, "commit row %" PRIu64 " is not readable", commit_row->seq);
        if (listed(kv, first, last)) continue;
        rc = add_unlisted(kv, u, id, err);
        if (rc == AER_OK && (u->at[u->count - 1].first_seq != first || u->at[u->count - 1].last_seq != last))
            rc = aer__err_set(err, AER_CORRUPT, "bucket %s is not the one that row %" PRIu64 " committed", id,
                              commit_row->seq);
    }
    return rc;
}

int aer__bulk_list(struct kv *kv, const struct row *commit_row, struct err *err)
{
    struct unlisted u = {NULL, 0};
    struct buf text = {0};
    int rc = aer__buf_append(&text, commit_row->value, commit_row->value_size);

    if (rc == AER_OK) rc = aer__buf_append(&text, "", 1);
    if (rc) rc = aer__err_nomem(err);
    if (rc == AER_OK) rc = read_commit_row(kv, commit_row, (char *)text.data, &u, err);
    /* All at once: who dies here must not leave half a transaction to readers. */
    if (rc == AER_OK && u.count) rc = aer__seal_register(kv, u.at, u.count, err);
    if (rc == AER_OK && u.count)
        aer__kv_log(kv, "%zu bucket(s) of a cut-off commit are listed now, from %s on", u.count, u.at[0].id);
    aer__buf_release(&text);
    aer__free(u.at);
    return rc;
}
