/* record_checkpoint.c -- records go from the journal into their gdbm files, each of which is made anew. See records.h for the order.
 *
 * That copies whole files, so it waits until there is enough for a file to be worth it.
 */
#include "files/records.h"
#include "fs/fs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define IDLE_MIN (UINT64_C(1) << 20)    /* bytes of the journal: then the background makes a checkpoint */
#define CLOSE_MIN (UINT64_C(256) << 10) /* then closing does */
#define MANY_MIN (UINT64_C(16) << 20)   /* then a commit does */
#define WORTH_MAX \
    (UINT64_C(64) << 20) /* of the journal: it is in memory, too. Large files are copied for less than a quarter of them */
#define RETRY_MS 60000

/* ---- which tables ---- */

struct due {
    char name[LAYOUT_NAME_MAX + 1];
    uint64_t bytes; /* of it in the journal */
    uint32_t id;    /* 0: the catalogue does not know it */
    uint64_t file_bytes;
    bool has_file;
};

struct candidates {
    struct due *at;
    size_t count;
    struct catalog *catalog;
    struct err *err;
};

static int look_at_table(void *arg, const struct catalog_table *table)
{
    struct candidates *c = arg;

    for (size_t i = 0; i < c->count; i++) {
        if (strcmp(c->at[i].name, table->name) == 0) c->at[i].id = table->id;
    }
    return AER_OK;
}

static int look_at_files(void *arg, struct catalog *catalog, struct err *err)
{
    static const char *const names[] = {LAYOUT_DATA_GDBM, LAYOUT_INDEX_GDBM};
    struct candidates *c = arg;
    int rc = aer__catalog_tables(catalog, look_at_table, c, err);

    for (size_t i = 0; rc == AER_OK && i < c->count * AER_COUNT(names); i++) {
        struct due *due = &c->at[i / AER_COUNT(names)];
        struct catalog_file file = {0};
        rc = aer__catalog_file(catalog, due->id, names[i % AER_COUNT(names)], &file, err);
        due->has_file |= rc == AER_OK;
        due->file_bytes += rc == AER_OK ? file.size : 0;
        if (rc == AER_NOTFOUND) rc = AER_OK;
    }
    return rc;
}

static bool is_due(const struct due *due, enum records_when when)
{
    uint64_t quarter = AER_MIN(due->file_bytes / 4, WORTH_MAX);

    if (due->id == 0) return false;
    if (when == RECORDS_MANY) return due->bytes >= AER_MAX(MANY_MIN, quarter);
    if (when == RECORDS_IDLE) return due->bytes >= AER_MAX(IDLE_MIN, quarter);
    return when == RECORDS_CLOSE && (!due->has_file || due->bytes >= AER_MAX(CLOSE_MIN, quarter));
}

bool aer__records_due(struct files *f, enum records_when when)
{
    struct records *r = f->records;
    uint64_t most = 0;
    bool due;

    pthread_mutex_lock(&r->lock);
    /* What was committed must be known, and read again by us in any case. */
    due = r->committed && aer__monotonic_ms() >= r->retry_ms && aer__records_follow(f, false, NULL) == AER_OK;
    for (size_t i = 0; i < r->waiting_count; i++) most = AER_MAX(most, r->waiting[i].bytes);
    pthread_mutex_unlock(&r->lock);
    return due && (when == RECORDS_CLOSE ? most > 0 : most >= (when == RECORDS_MANY ? MANY_MIN : IDLE_MIN));
}

/* Those that are due, to the front. */
static int choose(struct files *f, enum records_when when, struct candidates *c, struct err *err)
{
    struct records *r = f->records;
    size_t kept = 0;
    int rc;

    pthread_mutex_lock(&r->lock);
    rc = aer__records_follow(f, true, err);
    c->at = rc ? NULL : aer__calloc(AER_MAX(r->waiting_count, (size_t)1), sizeof *c->at);
    if (rc == AER_OK && !c->at) rc = aer__err_nomem(err);
    for (size_t i = 0; rc == AER_OK && i < r->waiting_count; i++) {
        memcpy(c->at[i].name, r->waiting[i].table, sizeof c->at[i].name);
        c->at[i].bytes = r->waiting[i].bytes;
        c->count++;
    }
    pthread_mutex_unlock(&r->lock);
    if (rc == AER_OK && c->count) rc = aer__kv_read_catalog(f->kv, look_at_files, c, err);
    for (size_t i = 0; rc == AER_OK && i < c->count; i++) {
        if (is_due(&c->at[i], when)) c->at[kept++] = c->at[i];
    }
    c->count = kept;
    return rc;
}

/* ---- one file ---- */

struct job {
    struct files *f;
    const struct due *due;
    bool index;
    char path[LAYOUT_TABLE_PATH_SIZE], temporary[FS_TEMPORARY_SIZE];
    int fd; /* of the new file; -1: nothing was made */
    bool had_file;
    struct catalog_file before, made;
};

static const char *file_name(const struct job *job, bool next)
{
    if (job->index) return next ? LAYOUT_INDEX_GDBM RECORD_NEXT : LAYOUT_INDEX_GDBM;
    return next ? LAYOUT_DATA_GDBM RECORD_NEXT : LAYOUT_DATA_GDBM;
}

/* What there is, byte by byte. */
static int copy(struct job *job, struct err *err)
{
    struct place place = {job->due->id, job->due->name, true};
    struct record_file *file;
    uint64_t size, sum;
    int rc = aer__record_file_open(job->f, &place, job->index, &file, err);

    if (rc) return rc;
    job->had_file = file->fd >= 0;
    job->before = file->file;
    if (job->had_file) {
        rc = aer__fs_copy(file->fd, job->fd, job->path, &size, &sum, err);
        if (rc == AER_OK && (size != file->file.size || sum != file->file.sum))
            rc = aer__err_set(err, AER_CORRUPT, "'%s' is damaged: its checksum is wrong", job->path);
    }
    aer__record_file_close(job->f, file);
    return rc;
}

static int apply_one(const struct job *job, void *gdbm, const struct change *change, struct buf *value, struct err *err)
{
    const struct gdbm_module *module = job->f->records->module;
    char key[RECORD_KEY_SIZE];

    if (!aer__record_key(key, change->name))
        return aer__err_set(err, AER_CORRUPT, "'%s': 'journal' has '%.200s', which is no name for a record",
                            LAYOUT_CATALOG, change->path);
    if (change->removed)
        return aer__records_result(module, module->erase(gdbm, key, strlen(key)), "write", job->path, err);
    if (aer__record_value(value, change->data, change->size, change->sum)) return aer__err_nomem(err);
    return aer__records_result(module, module->store(gdbm, key, strlen(key), value->data, value->size), "write",
                               job->path, err);
}

/* How many rows there are, itself not counted. */
static int write_count(const struct job *job, void *gdbm, struct buf *value, struct err *err)
{
    const struct gdbm_module *module = job->f->records->module;
    const size_t size = sizeof RECORD_COUNT - 1;
    unsigned long long count = 0;
    char text[32];
    int rc;

    if (job->index) return AER_OK;
    rc = aer__records_result(module, module->erase(gdbm, RECORD_COUNT, size), "write", job->path, err);
    if (rc == AER_OK) rc = aer__records_result(module, module->count(gdbm, &count), "read", job->path, err);
    if (rc) return rc;
    snprintf(text, sizeof text, "%llu\n", count);
    if (aer__record_value(value, text, strlen(text), aer__hash(text, strlen(text)))) return aer__err_nomem(err);
    return aer__records_result(module, module->store(gdbm, RECORD_COUNT, size, value->data, value->size), "write",
                               job->path, err);
}

static int apply(struct job *job, struct change *const *at, size_t count, struct err *err)
{
    const struct gdbm_module *module = job->f->records->module;
    struct buf value = {0};
    void *gdbm;
    int rc = aer__records_result(module, module->open(job->fd, true, &gdbm), "write", job->path, err), close_rc;

    if (rc) return rc;
    for (size_t i = 0; rc == AER_OK && i < count; i++) rc = apply_one(job, gdbm, at[i], &value, err);
    if (rc == AER_OK) rc = write_count(job, gdbm, &value, err);
    aer__buf_release(&value);
    close_rc = module->close(gdbm);
    return rc ? rc : aer__records_result(module, close_rc, "write", job->path, err);
}

/* The new file, beside the old one. */
static int make(struct job *job, struct change *const *at, size_t count, struct err *err)
{
    uint64_t size;
    int rc;

    aer__layout_table_path(job->path, job->due->name, file_name(job, false));
    rc = aer__fs_temporary(job->f->dir, job->path, job->temporary, &job->fd, err);
    if (rc == AER_OK) rc = copy(job, err);
    if (rc == AER_OK) rc = apply(job, at, count, err);
    if (rc == AER_OK) rc = aer__fs_copy(job->fd, -1, job->path, &size, &job->made.sum, err);
    return rc ? rc : aer__fs_state(job->fd, job->path, &job->made.size, &job->made.mtime_ns, err);
}

/* ---- one table ---- */

struct table_jobs {
    const struct due *due;
    struct job job[2];
    size_t count;
};

static int set_file(struct catalog *c, const struct job *job, bool next, struct catalog_file file, struct err *err)
{
    file.name = file_name(job, next);
    return aer__catalog_set_file(c, job->due->id, &file, err);
}

/* What is there now may be what an earlier checkpoint, which did not come to its end, put there. */
static int announce(void *arg, struct catalog *c, struct err *err)
{
    const struct table_jobs *jobs = arg;
    int rc = AER_OK;

    for (size_t i = 0; rc == AER_OK && i < jobs->count; i++) {
        const struct job *job = &jobs->job[i];
        if (job->had_file) rc = set_file(c, job, false, job->before, err);
        if (rc == AER_OK) rc = set_file(c, job, true, job->made, err);
    }
    return rc;
}

static int conclude(void *arg, struct catalog *c, struct err *err)
{
    const struct table_jobs *jobs = arg;
    char after[LAYOUT_TABLE_PATH_SIZE], end[LAYOUT_TABLE_PATH_SIZE];
    int rc = AER_OK;

    for (size_t i = 0; rc == AER_OK && i < jobs->count; i++) {
        const struct job *job = &jobs->job[i];
        rc = set_file(c, job, false, job->made, err);
        if (rc == AER_OK) rc = aer__catalog_remove_file(c, job->due->id, file_name(job, true), err);
    }
    snprintf(after, sizeof after, LAYOUT_TABLES "/%s/", jobs->due->name);
    snprintf(end, sizeof end, LAYOUT_TABLES "/%s0", jobs->due->name);
    return rc ? rc : aer__catalog_records_clear(c, after, end, err);
}

static int replace(struct files *f, struct table_jobs *jobs, struct err *err)
{
    int rc = aer__kv_write_catalog(f->kv, true, announce, jobs, err);

    aer__kv_catalog_changed(f->kv); /* before anybody can find the new files */
    for (size_t i = 0; rc == AER_OK && i < jobs->count; i++) {
        struct job *job = &jobs->job[i];
        rc = aer__fs_put(f->dir, job->temporary, job->fd, job->path, err);
    }
    if (rc) return rc;
    rc = aer__kv_write_catalog(f->kv, false, conclude, jobs, err);
    aer__kv_catalog_changed(f->kv);
    return rc;
}

struct sweep {
    struct files *f;
    const char *table;
};

static int sweep_one(void *arg, const char *name, int kind)
{
    const struct sweep *s = arg;
    char path[LAYOUT_TABLE_PATH_SIZE + 256];

    if (kind != FS_FILE || !aer__fs_is_temporary(name)) return AER_OK;
    snprintf(path, sizeof path, LAYOUT_TABLES "/%s/%s", s->table, name);
    (void)aer__fs_unlink(s->f->dir, path, NULL); /* it is in nobody's way */
    return AER_OK;
}

static bool is_index(const struct change *change)
{
    return strncmp(change->name, LAYOUT_INDEX "/", sizeof LAYOUT_INDEX) == 0;
}

/* at: the table's changes, in order: those of data/, then those of index/. */
static int checkpoint_table(struct files *f, const struct due *due, struct change *const *at, size_t count, struct err *err)
{
    char folder[LAYOUT_TABLE_PATH_SIZE];
    struct sweep s = {f, due->name};
    struct table_jobs jobs = {.due = due};
    size_t rows = 0;
    int rc;

    while (rows < count && !is_index(at[rows])) rows++;
    aer__layout_table_path(folder, due->name, "");
    rc = aer__fs_list(f->dir, folder, sweep_one, &s, err);
    for (int index = 0; rc == AER_OK && index < 2; index++) {
        struct job *job = &jobs.job[jobs.count];
        size_t first = index ? rows : 0, some = index ? count - rows : rows;
        if (some == 0 && (index || due->has_file)) continue; /* a table without rows has a data.gdbm, too */
        jobs.count++;
        *job = (struct job){.f = f, .due = due, .index = index, .fd = -1};
        rc = make(job, at + first, some, err);
    }
    if (rc == AER_OK) rc = replace(f, &jobs, err);
    for (size_t i = 0; i < jobs.count; i++) {
        if (jobs.job[i].fd < 0) continue;
        aer__fs_close(jobs.job[i].fd);
        if (rc) (void)aer__fs_unlink(f->dir, jobs.job[i].temporary, NULL); /* missing if it is in place */
    }
    return rc;
}

/* ---- all ---- */

/* The table's changes in c, which is sorted: [*first, *first + *count). */
static void find_changes(const struct changes *c, const char *table, size_t *first, size_t *count)
{
    char prefix[LAYOUT_TABLE_PATH_SIZE];
    size_t size;

    snprintf(prefix, sizeof prefix, LAYOUT_TABLES "/%s/", table);
    size = strlen(prefix);
    for (*first = 0; *first < c->count && strncmp(c->at[*first]->path, prefix, size) != 0;) ++*first;
    for (*count = 0; *first + *count < c->count && strncmp(c->at[*first + *count]->path, prefix, size) == 0;) ++*count;
}

static int checkpoint_all(struct files *f, const struct candidates *candidates, struct err *err)
{
    struct changes *c = NULL;
    int64_t last;
    size_t first, count;
    int rc = aer__replay_load(f, 0, true, &c, &last, err);

    if (rc) return rc;
    aer__changes_sort(c);
    for (size_t i = 0; i < candidates->count; i++) {
        int one;
        find_changes(c, candidates->at[i].name, &first, &count);
        /* A table that cannot be helped is no reason for others to wait. */
        one = count ? checkpoint_table(f, &candidates->at[i], c->at + first, count, rc ? NULL : err) : AER_OK;
        if (rc == AER_OK) rc = one;
        if (rc == AER_UNKNOWN) break;
    }
    aer__changes_free(c);
    return rc;
}

int aer__records_checkpoint(struct files *f, enum records_when when, struct err *err)
{
    struct records *r = f->records;
    struct candidates c = {0};
    int rc = choose(f, when, &c, err);

    if (rc == AER_OK && c.count) {
        rc = checkpoint_all(f, &c, err);
        pthread_mutex_lock(&r->lock);
        aer__records_forget(f);
        pthread_mutex_unlock(&r->lock);
    }
    aer__free(c.at);
    if (rc) {
        pthread_mutex_lock(&r->lock);
        r->retry_ms = aer__monotonic_ms() + RETRY_MS;
        pthread_mutex_unlock(&r->lock);
    }
    return rc;
}
