/* records.c -- texts that are records of gdbm files, as readers see them: the journal's first, then the file's. See records.h. */
#include "files/records.h"
#include "fs/fs.h"

#include <stdio.h>
#include <string.h>

int aer__records_open(struct files *f, struct err *err)
{
    struct records *r = aer__calloc(1, sizeof *r);

    if (!r) return aer__err_nomem(err);
    pthread_mutex_init(&r->lock, NULL);
    f->records = r;
    return AER_OK;
}

/* ---- what the journal has ---- */

static void close_files(struct files *f)
{
    struct records *r = f->records;

    for (int i = 0; i < RECORD_FILES; i++) {
        aer__record_file_close(f, r->files[i]);
        r->files[i] = NULL;
    }
}

void aer__records_forget(struct files *f)
{
    struct records *r = f->records;

    close_files(f);
    aer__changes_free(r->journal);
    r->journal = NULL;
    aer__free(r->waiting);
    r->waiting = NULL;
    r->waiting_count = 0;
    r->last = 0;
    r->loaded = false;
}

void aer__records_close(struct files *f)
{
    if (!f->records) return;
    aer__records_forget(f);
    aer__records_unload(f);
    pthread_mutex_destroy(&f->records->lock);
    aer__free(f->records);
    f->records = NULL;
}

/* The table's line in waiting, from "tables/people/...". */
static struct waiting *waiting_of(struct records *r, const char *path)
{
    const char *name = path + sizeof LAYOUT_TABLES;
    size_t size = strcspn(name, "/");
    struct waiting *more;

    for (size_t i = r->waiting_count; i-- > 0;) {
        struct waiting *w = &r->waiting[i];
        if (strncmp(w->table, name, size) == 0 && w->table[size] == '\0') return w;
    }
    more = aer__realloc(r->waiting, (r->waiting_count + 1) * sizeof *more);
    if (!more) return NULL;
    r->waiting = more;
    more += r->waiting_count++;
    snprintf(more->table, sizeof more->table, "%.*s", (int)size, name);
    more->bytes = 0;
    return more;
}

#define ENTRY_BYTES 256 /* of an entry in the journal, its text not counted */

static int count_entry(void *arg, const struct catalog_op *op, struct err *err)
{
    size_t size = strcspn(op->path, "/") + 1;
    struct waiting *w;

    if (strncmp(op->path, LAYOUT_TABLES "/", sizeof LAYOUT_TABLES) != 0 || strcspn(op->path + size, "/") > LAYOUT_NAME_MAX)
        return aer__err_set(err, AER_CORRUPT, "'%s': a row of 'journal' is damaged", LAYOUT_CATALOG);
    w = waiting_of(arg, op->path);
    if (!w) return aer__err_nomem(err);
    w->bytes += op->size + ENTRY_BYTES;
    return AER_OK;
}

/* One look at the catalogue, so that epoch and journal are of one moment. */
static int read_on(void *arg, struct catalog *c, struct err *err)
{
    struct files *f = arg;
    struct records *r = f->records;
    struct replay replay = {.f = f, .records = true, .seen = count_entry, .arg = r};
    uint64_t epoch;
    int rc = aer__catalog_records_epoch(c, &epoch, err);

    if (rc) return rc;
    if (!r->loaded || r->epoch != epoch) aer__records_forget(f);
    if (!r->journal && !(r->journal = aer__changes_new())) return aer__err_nomem(err);
    r->epoch = epoch;
    replay.c = r->journal;
    replay.last = r->last;
    rc = aer__replay_read(&replay, c, err);
    r->last = replay.last;
    return rc;
}

int aer__records_follow(struct files *f, bool anew, struct err *err)
{
    struct records *r = f->records;
    uint64_t version = aer__kv_tables_version(f->kv);
    int rc = aer__records_load(f, err);

    if (rc || (r->loaded && r->version == version && !anew)) return rc;
    rc = aer__kv_read_catalog(f->kv, read_on, f, err);
    if (rc) {
        aer__records_forget(f); /* it may have a part of a commit */
        return rc;
    }
    r->loaded = true;
    r->version = version;
    return AER_OK;
}

/* ---- files ---- */

static struct record_file **slot_of(struct records *r, const struct place *place, bool index)
{
    struct record_file **oldest = &r->files[0];

    for (int i = 0; i < RECORD_FILES; i++) {
        struct record_file **slot = &r->files[i];
        if (*slot && (*slot)->table == place->table && (*slot)->index == index) return slot;
        if (*oldest && (!*slot || (*slot)->used < (*oldest)->used)) oldest = slot;
    }
    return oldest;
}

static int open_file(struct files *f, const struct place *place, bool index, struct record_file **file, struct err *err)
{
    struct records *r = f->records;
    struct record_file **slot = slot_of(r, place, index);
    int rc = AER_OK;

    if (!*slot || (*slot)->table != place->table || (*slot)->index != index) {
        aer__record_file_close(f, *slot);
        *slot = NULL;
        rc = aer__record_file_open(f, place, index, slot, err);
    }
    *file = *slot;
    if (*file) (*file)->used = ++r->uses;
    return rc;
}

/* After a failure gdbm refuses all that is asked of an open file. */
static void after(struct files *f, const struct place *place, bool index, int rc)
{
    struct record_file **slot = slot_of(f->records, place, index);

    if (rc == AER_OK || rc == AER_NOTFOUND || rc == AER_DONE) return;
    if (*slot && (*slot)->table == place->table && (*slot)->index == index) {
        aer__record_file_close(f, *slot);
        *slot = NULL;
    }
}

static bool is_index(const char *name)
{
    return strncmp(name, LAYOUT_INDEX "/", sizeof LAYOUT_INDEX) == 0;
}

/* ---- read ---- */

/* to NULL: only the sum is wanted. */
static int look_up(struct files *f, const struct place *place, const char *name, struct buf *to, uint64_t *sum,
                   struct err *err)
{
    char path[LAYOUT_TABLE_PATH_SIZE];
    struct record_file *file;
    const struct change *change;
    int rc = aer__records_follow(f, false, err);

    if (rc) return rc;
    aer__layout_table_path(path, place->name, name);
    change = aer__changes_find(f->records->journal, path);
    if (change && to) return aer__files_take(change, to, sum, err);
    if (change) {
        *sum = change->sum;
        return change->removed ? AER_NOTFOUND : AER_OK;
    }
    rc = open_file(f, place, is_index(name), &file, err);
    if (rc == AER_OK) rc = aer__record_fetch(f, file, name, to, sum, err);
    after(f, place, is_index(name), rc);
    return rc;
}

int aer__records_read(struct files *f, const struct place *place, const char *name, struct buf *to, uint64_t *sum,
                      struct err *err)
{
    uint64_t unwanted;
    int rc;

    pthread_mutex_lock(&f->records->lock);
    rc = look_up(f, place, name, to, sum ? sum : &unwanted, err);
    pthread_mutex_unlock(&f->records->lock);
    return rc;
}

int aer__records_sum(struct files *f, const struct place *place, const char *name, uint64_t *sum, struct err *err)
{
    int rc;

    pthread_mutex_lock(&f->records->lock);
    rc = look_up(f, place, name, NULL, sum, err);
    pthread_mutex_unlock(&f->records->lock);
    return rc;
}

/* ---- list ---- */

/* Three streams in order of names: own changes, the journal's, the file's keys. The first that has a name says what is with it. */
struct merge {
    const struct changes *own, *journal;
    size_t own_at, journal_at, key_at;
    struct record_file *file;
    char end[LAYOUT_TABLE_PATH_SIZE]; /* a path */
    const char *end_name;
    char key_name[LAYOUT_FILE_SIZE]; /* of the key at key_at */
};

/* The first change behind PATH. */
static size_t change_behind(const struct changes *c, const char *path)
{
    size_t low = 0, high = c ? c->count : 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(c->at[middle]->path, path) <= 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

static size_t key_behind(const struct record_file *file, const char *name)
{
    size_t low = 0, high = file->key_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        char at[LAYOUT_FILE_SIZE];
        aer__record_name(at, file->index, file->keys + middle * file->key_size);
        if (strcmp(at, name) <= 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

static const struct change *change_at(const struct merge *m, const struct changes *c, size_t at)
{
    return c && at < c->count && strcmp(c->at[at]->path, m->end) < 0 ? c->at[at] : NULL;
}

static const char *key_at(struct merge *m)
{
    if (m->key_at >= m->file->key_count) return NULL;
    aer__record_name(m->key_name, m->file->index, m->file->keys + m->key_at * m->file->key_size);
    return strcmp(m->key_name, m->end_name) < 0 ? m->key_name : NULL;
}

static const char *first_of(const char *a, const char *b)
{
    return !a || (b && strcmp(b, a) < 0) ? b : a;
}

/* The next name that is there; NULL: no more. */
static const char *next_name(struct merge *m)
{
    for (;;) {
        const struct change *own = change_at(m, m->own, m->own_at), *journal = change_at(m, m->journal, m->journal_at);
        const struct change *says = NULL;
        const char *key = key_at(m), *name = first_of(first_of(own ? own->name : NULL, journal ? journal->name : NULL), key);
        if (!name) return NULL;
        m->key_at += key && strcmp(key, name) == 0;
        if (journal && strcmp(journal->name, name) == 0) {
            m->journal_at++;
            says = journal;
        }
        if (own && strcmp(own->name, name) == 0) {
            m->own_at++;
            says = own;
        }
        if (!says) return key;
        if (!says->removed) return says->name;
    }
}

static int list(struct files *f, struct merge *m, const struct place *place, const char *after_name, size_t limit,
                int (*fn)(void *arg, const char *name), void *arg, struct err *err)
{
    char path[LAYOUT_TABLE_PATH_SIZE];
    const char *name;
    int rc = aer__records_follow(f, false, err);

    if (rc == AER_OK) rc = open_file(f, place, is_index(after_name), &m->file, err);
    if (rc == AER_OK) rc = aer__record_keys(f, m->file, err);
    if (rc) return rc;
    aer__changes_sort(f->records->journal);
    m->journal = f->records->journal;
    m->end_name = strchr(m->end + sizeof LAYOUT_TABLES, '/') + 1;
    aer__layout_table_path(path, place->name, after_name);
    m->own_at = change_behind(m->own, path);
    m->journal_at = change_behind(m->journal, path);
    m->key_at = key_behind(m->file, after_name);
    for (size_t i = 0; rc == AER_OK && i < limit && (name = next_name(m)); i++) rc = fn(arg, name);
    return rc;
}

int aer__records_list(struct files *f, const struct changes *own, const struct place *place, const char *after_name,
                      const char *end, size_t limit, int (*fn)(void *arg, const char *name), void *arg, struct err *err)
{
    struct merge m = {.own = own};
    int rc;

    aer__layout_table_path(m.end, place->name, end);
    pthread_mutex_lock(&f->records->lock);
    rc = list(f, &m, place, after_name, limit, fn, arg, err);
    after(f, place, is_index(after_name), rc);
    pthread_mutex_unlock(&f->records->lock);
    return rc == AER_DONE ? AER_OK : rc;
}
