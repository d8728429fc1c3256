/* read.c -- texts of tables, with the check that they are what was committed.
 *
 *   own changes  ->  changes of the journal that are not in place  ->  the file, against its row in `files`
 *
 * The second is empty but for a handle that may not write, after somebody's death, and for records of gdbm files.
 */
#include "files/records.h"
#include "fs/fs.h"

#include <string.h>

/* ---- enter ---- */

/* A writer died while it applied its commit. Whoever may write finishes it: the first turn does. */
static int finish_dead(struct files *f, struct err *err)
{
    int rc = aer__kv_turn_enter(f->kv, false, err);

    if (rc == AER_OK) aer__kv_turn_leave(f->kv, false);
    return rc;
}

/* Who may not write reads through the journal instead. */
static int load_unapplied(struct files *f, uint64_t version, struct err *err)
{
    struct changes *c = NULL;
    int64_t last;
    int rc = AER_OK;

    pthread_mutex_lock(&f->lock);
    if (f->unapplied_version != version) {
        if (version & 1) rc = aer__replay_load(f, aer__kv_tables_applied(f->kv), false, &c, &last, err);
        if (rc == AER_OK) {
            aer__changes_free(f->unapplied);
            f->unapplied = c;
            f->unapplied_version = version;
        }
    }
    pthread_mutex_unlock(&f->lock);
    return rc;
}

int aer__files_enter(struct files *f, uint64_t *version, struct err *err)
{
    for (int try = 0;; try++) {
        int rc = aer__kv_tables_enter(f->kv, err);
        if (rc) return rc;
        *version = aer__kv_tables_version(f->kv);
        if (!(*version & 1) || aer__kv_readonly(f->kv)) break;
        aer__kv_tables_leave(f->kv);
        rc = finish_dead(f, err);
        if (rc) return rc;
        if (try == 100) return aer__err_set(err, AER_BUSY, "writers die while they change the tables; try again");
    }
    if (aer__kv_readonly(f->kv)) {
        int rc = load_unapplied(f, *version, err);
        if (rc) aer__kv_tables_leave(f->kv);
        return rc;
    }
    return AER_OK;
}

void aer__files_leave(struct files *f)
{
    aer__kv_tables_leave(f->kv);
}

/* ---- read ---- */

int aer__files_take(const struct change *change, struct buf *to, uint64_t *sum, struct err *err)
{
    if (change->removed) return AER_NOTFOUND;
    if (aer__buf_reserve(to, change->size + 1)) return aer__err_nomem(err);
    aer__buf_append(to, change->data, change->size);
    to->data[to->size] = '\0';
    if (sum) *sum = change->sum;
    return AER_OK;
}

struct question {
    const struct place *place;
    const char *name;
    struct catalog_file file;
};

static int ask(void *arg, struct catalog *c, struct err *err)
{
    struct question *q = arg;

    return aer__catalog_file(c, q->place->table, q->name, &q->file, err);
}

static int changed(struct err *err, const char *path, const char *how)
{
    return aer__err_set(err, AER_CHANGED, "'%s' %s", path, how);
}

static int read_file(struct files *f, const char *path, const struct question *q, struct buf *to, struct err *err)
{
    size_t before = to->size;
    int64_t mtime_ns;
    int rc = aer__fs_read_small(f->dir, path, FILES_TEXT_MAX, to, &mtime_ns, err);

    if (rc == AER_NOTFOUND) return changed(err, path, "is missing");
    if (rc) return rc;
    if (to->size - before == q->file.size && aer__hash(to->data + before, to->size - before) == q->file.sum)
        return AER_OK;
    if (to->size - before == q->file.size && mtime_ns == q->file.mtime_ns)
        rc = aer__err_set(err, AER_CORRUPT, "'%s' is damaged: its checksum is wrong", path);
    else rc = changed(err, path, "was edited by hand");
    to->size = before;
    return rc;
}

int aer__files_read(struct files *f, const struct changes *own, const struct place *place, const char *name,
                    struct buf *to, uint64_t *sum, struct err *err)
{
    struct question q = {.place = place, .name = name};
    char path[LAYOUT_TABLE_PATH_SIZE];
    const struct change *change;
    int rc;

    aer__layout_table_path(path, place->name, name);
    change = aer__changes_find(own, path);
    if (change) return aer__files_take(change, to, sum, err);
    if (aer__is_record(place, name)) return aer__records_read(f, place, name, to, sum, err);
    if (f->unapplied) {
        pthread_mutex_lock(&f->lock);
        change = aer__changes_find(f->unapplied, path);
        rc = change ? aer__files_take(change, to, sum, err) : AER_DONE;
        pthread_mutex_unlock(&f->lock);
        if (rc != AER_DONE) return rc;
    }
    rc = aer__kv_read_catalog(f->kv, ask, &q, err);
    if (rc == AER_NOTFOUND && aer__fs_kind(f->dir, path) != FS_MISSING)
        return changed(err, path, "was put there by hand");
    if (rc) return rc;
    if (sum) *sum = q.file.sum;
    return read_file(f, path, &q, to, err);
}

int aer__files_sum(struct files *f, const struct place *place, const char *name, uint64_t *sum, struct err *err)
{
    struct question q = {.place = place, .name = name};
    int rc;

    if (aer__is_record(place, name)) return aer__records_sum(f, place, name, sum, err);
    rc = aer__kv_read_catalog(f->kv, ask, &q, err);
    if (rc == AER_OK) *sum = q.file.sum;
    return rc;
}

/* ---- list ---- */

struct listing {
    struct files *f;
    const struct changes *own;
    const struct place *place;
    const char *after, *end;
    size_t limit, own_at; /* own_at: the next of own's, in order */
    int (*fn)(void *arg, const char *name);
    void *arg;
    char last[LAYOUT_FILE_SIZE];
    size_t given, seen;
    int stopped;
};

/* The next own text below name END, or NULL. */
static const struct change *next_own(struct listing *l, const char *end)
{
    for (; l->own && l->own_at < l->own->count; l->own_at++) {
        const struct change *change = l->own->at[l->own_at];
        if (change->table != l->place->table || strcmp(change->name, l->after) <= 0) continue;
        if (strcmp(change->name, end) >= 0) return NULL;
        if (!change->removed) return change;
    }
    return NULL;
}

static int give(struct listing *l, const char *name)
{
    if (l->given++ == l->limit) return AER_DONE;
    return l->fn(l->arg, name);
}

static int give_own_below(struct listing *l, const char *end)
{
    const struct change *change;
    int rc = AER_OK;

    while (rc == AER_OK && (change = next_own(l, end))) {
        l->own_at++;
        rc = give(l, change->name);
    }
    return rc;
}

static int list_one(void *arg, const struct catalog_file *file)
{
    struct listing *l = arg;
    char path[LAYOUT_TABLE_PATH_SIZE];
    int rc = give_own_below(l, file->name);

    l->seen++;
    if (rc) return rc;
    aer__layout_table_path(path, l->place->name, file->name);
    if (aer__changes_find(l->own, path)) return AER_OK; /* removed, or told with own ones in its turn */
    return give(l, file->name);
}

static int list_committed(void *arg, struct catalog *c, struct err *err)
{
    struct listing *l = arg;
    int rc = aer__catalog_files(c, l->place->table, l->after, l->end, SIZE_MAX / 2, list_one, l, err);

    return rc == AER_OK ? give_own_below(l, l->end) : rc;
}

int aer__files_list(struct files *f, const struct changes *own, const struct place *place, const char *after,
                    const char *end, size_t limit, int (*fn)(void *arg, const char *name), void *arg, struct err *err)
{
    struct listing l = {.f = f, .own = own, .place = place, .after = after, .end = end, .limit = limit, .fn = fn, .arg = arg};
    int rc;

    if (own) aer__changes_sort((struct changes *)own);
    if (place->records) return aer__records_list(f, own, place, after, end, limit, fn, arg, err);
    rc = aer__kv_read_catalog(f->kv, list_committed, &l, err);
    return rc == AER_DONE ? AER_OK : rc;
}
