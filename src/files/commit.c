/* commit.c -- open and close, the commit of changes, checkpoints. */
#include "files/records.h"
#include "fs/fs.h"

#include <stdio.h>
#include <string.h>

#define CHECKPOINT_BYTES (UINT64_C(16) << 20) /* of the journal: then a commit makes a checkpoint */
#define IDLE_MS 1000                          /* the background makes one after so long without a commit */
#define FILE_BYTES 4096                       /* a file takes at least so much */

int aer__files_open(int dir, struct kv *kv, struct files **files, struct err *err)
{
    struct files *f = aer__calloc(1, sizeof *f);

    *files = f;
    if (!f) return aer__err_nomem(err);
    f->dir = dir;
    f->kv = kv;
    pthread_mutex_init(&f->commit_lock, NULL);
    pthread_mutex_init(&f->lock, NULL);
    return aer__records_open(f, err);
}

static int checkpoint_records(struct files *f, enum records_when when, bool background, struct err *err)
{
    struct err local = {0};
    int rc = aer__kv_turn_enter(f->kv, background, &local);

    if (rc == AER_OK) {
        /* Who commits may be waiting for this very background to seal a bucket. */
        if (!background) pthread_mutex_lock(&f->commit_lock);
        if (!background || pthread_mutex_trylock(&f->commit_lock) == 0) {
            rc = aer__records_checkpoint(f, when, &local);
            pthread_mutex_unlock(&f->commit_lock);
        }
        aer__kv_turn_leave(f->kv, background);
    }
    /* A damaged file, or no module: the journal has it all, and who reads that table is told. */
    if (rc == AER_CORRUPT || rc == AER_CHANGED || rc == AER_INVALID) return AER_OK;
    if (rc && err && !err->code) *err = local;
    return rc;
}

int aer__files_close(struct files *f, struct err *err)
{
    int rc = AER_OK;

    if (!f) return AER_OK;
    if (f->dirty) rc = aer__files_checkpoint(f, false, err);
    if (rc == AER_OK && f->records && aer__records_due(f, RECORDS_CLOSE))
        rc = checkpoint_records(f, RECORDS_CLOSE, false, err);
    aer__records_close(f);
    aer__changes_free(f->unapplied);
    pthread_mutex_destroy(&f->commit_lock);
    pthread_mutex_destroy(&f->lock);
    aer__free(f);
    return rc;
}

/* ---- commit ---- */

struct commit {
    struct files *f;
    struct changes *c; /* NULL: a whole table */
    int64_t now_ns;
    int64_t last_id;
    bool begun; /* tables_version is odd */
    bool whole; /* redo: there was a whole table */
    int (*extra)(void *arg, struct catalog *catalog, struct err *err);
    void *arg;
    const char *op, *from, *to; /* a whole table: "drop" or "rename" */
};

static int write_change(const struct commit *m, struct catalog *catalog, struct change *change, struct err *err)
{
    struct catalog_op op = {.path = change->path, .data = change->data, .size = change->size, .sum = change->sum};
    struct catalog_file file = {.name = change->name};
    int rc = AER_NOTFOUND;

    change->mtime_ns = op.mtime_ns = m->now_ns;
    if (change->record) {
        op.op = change->removed ? "erase" : "store";
        return aer__catalog_journal_add(catalog, &op, err);
    }
    op.op = change->removed ? "remove" : "write";
    if (!change->fresh) rc = aer__catalog_file(catalog, change->table, change->name, &file, err);
    if (rc && rc != AER_NOTFOUND) return rc;
    op.has_old = rc == AER_OK;
    op.old = file.sum;
    rc = aer__catalog_journal_add(catalog, &op, err);
    if (rc) return rc;
    file = (struct catalog_file){change->name, change->sum, change->size, change->mtime_ns};
    return change->removed ? aer__catalog_remove_file(catalog, change->table, change->name, err)
                           : aer__catalog_set_file(catalog, change->table, &file, err);
}

/* Records of a whole table, which need not be in their files for that. */
static int move_records(const struct commit *m, struct catalog *catalog, struct err *err)
{
    char after[LAYOUT_TABLE_PATH_SIZE + 1], end[LAYOUT_TABLE_PATH_SIZE + 1], to[LAYOUT_TABLE_PATH_SIZE + 1];

    snprintf(after, sizeof after, "%s/", m->from);
    snprintf(end, sizeof end, "%s0", m->from);
    if (!m->to) return aer__catalog_records_clear(catalog, after, end, err);
    snprintf(to, sizeof to, "%s/", m->to);
    return aer__catalog_records_move(catalog, after, end, to, err);
}

static int write_all(void *arg, struct catalog *catalog, struct err *err)
{
    struct commit *m = arg;
    struct catalog_op whole = {.op = m->op, .path = m->from, .data = m->to, .size = m->to ? strlen(m->to) : 0};
    int rc = AER_OK;

    /* Not earlier: to get here the turn may have been lent, and who has it must find nothing to settle. */
    aer__kv_tables_begin(m->f->kv);
    m->begun = true;
    for (size_t i = 0; m->c && rc == AER_OK && i < m->c->count; i++) {
        if (!m->c->at[i]->cancelled) rc = write_change(m, catalog, m->c->at[i], err);
    }
    if (rc == AER_OK && m->op) rc = move_records(m, catalog, err);
    whole.sum = aer__hash(m->to ? m->to : "", whole.size);
    if (rc == AER_OK && m->op) rc = aer__catalog_journal_add(catalog, &whole, err);
    if (rc == AER_OK && m->extra) rc = m->extra(m->arg, catalog, err);
    return rc ? rc : aer__catalog_journal_last(catalog, &m->last_id, err);
}

static int checkpoint(struct files *f, struct err *err);

/* Still with the turn: who has it next sees an odd number only after a death. */
static int apply_all(void *arg, struct err *err)
{
    struct commit *m = arg;
    int rc;

    if (m->c) rc = aer__apply(m->f, m->c, false, err);
    else rc = m->to ? aer__apply_rename(m->f, m->from, m->to, err) : aer__apply_drop(m->f, m->from, err);
    /* A whole table stays alone in the journal: done again behind later changes it would take them away. */
    if (rc == AER_OK && m->op) rc = checkpoint(m->f, err);
    if (rc == AER_OK) aer__kv_tables_end(m->f->kv, m->last_id);
    return rc;
}

/* After the commit there is no way back: what it needs of the disk must be there before. */
static int look_for_space(struct files *f, const struct changes *c, struct err *err)
{
    uint64_t bytes, inodes, files = 0, needed;
    int rc = aer__fs_space(f->dir, &bytes, &inodes, err);

    if (rc) return rc;
    for (size_t i = 0; i < c->count; i++) files += !c->at[i]->removed;
    needed = 2 * c->bytes + files * FILE_BYTES; /* the journal has the bytes once more */
    if (needed > bytes)
        return aer__err_set(err, AER_FULL, "no space left for %llu bytes of table files", (unsigned long long)needed);
    if (files > inodes)
        return aer__err_set(err, AER_FULL, "no inodes left for %llu table files", (unsigned long long)files);
    return AER_OK;
}

static int commit_locked(struct commit *m, struct kv_txn *txn, uint64_t *version, struct err *err)
{
    struct kv *kv = m->f->kv;
    struct kv_journal journal = {m, write_all, apply_all};
    int rc;

    rc = aer__kv_commit_with(txn, &journal, err);
    if (rc && rc != AER_UNKNOWN && m->begun)
        aer__kv_tables_cancel(kv); /* in doubt it stays odd: whoever comes next looks */
    *version = aer__kv_tables_version(kv);
    return rc;
}

static void count_bytes(struct files *f, const struct changes *c)
{
    bool records = false;

    for (size_t i = 0; c && i < c->count; i++) {
        if (c->at[i]->record) records = true;
        else f->bytes += c->at[i]->size + 256;
    }
    if (!records) return;
    pthread_mutex_lock(&f->records->lock);
    f->records->committed = true;
    pthread_mutex_unlock(&f->records->lock);
}

static int commit(struct commit *m, struct kv_txn *txn, uint64_t *version, struct err *err)
{
    struct files *f = m->f;
    int rc;

    pthread_mutex_lock(&f->commit_lock);
    m->now_ns = aer__fs_now_ns();
    rc = commit_locked(m, txn, version, err);
    if (rc == AER_OK) {
        count_bytes(f, m->c);
        f->dirty = true;
        f->committed_ms = aer__monotonic_ms();
    }
    pthread_mutex_unlock(&f->commit_lock);
    return rc;
}

int aer__files_lock(struct files *f, struct err *err)
{
    return aer__kv_tables_lock(f->kv, err);
}

void aer__files_unlock(struct files *f)
{
    aer__kv_tables_unlock(f->kv);
}

int aer__files_commit(struct files *f, struct kv_txn *txn, struct changes *c,
                      int (*extra)(void *arg, struct catalog *catalog, struct err *err), void *arg, uint64_t *version,
                      struct err *err)
{
    struct commit m = {.f = f, .c = c, .extra = extra, .arg = arg};
    int rc = look_for_space(f, c, err);

    for (size_t i = 0; rc == AER_OK && i < c->count; i++) {
        if (c->at[i]->record) {
            rc = aer__files_can_record(f, err);
            break;
        }
    }
    if (rc) {
        aer__kv_rollback(txn);
        return rc;
    }
    aer__changes_sort(c);
    rc = commit(&m, txn, version, err);
    return rc;
}

int aer__files_can_record(struct files *f, struct err *err)
{
    int rc;

    pthread_mutex_lock(&f->records->lock);
    rc = aer__records_load(f, err);
    pthread_mutex_unlock(&f->records->lock);
    return rc;
}

/* A commit before it is done: a checkpoint that fails is the next one's to report. */
void aer__files_after_commit(struct files *f)
{
    bool due;

    pthread_mutex_lock(&f->commit_lock);
    due = f->bytes >= CHECKPOINT_BYTES;
    pthread_mutex_unlock(&f->commit_lock);
    if (due) (void)aer__files_checkpoint(f, false, NULL);
    if (aer__records_due(f, RECORDS_MANY)) (void)checkpoint_records(f, RECORDS_MANY, false, NULL);
    else if (!due) aer__kv_wake(f->kv);
}

static int commit_whole(struct commit *m, struct kv_txn *txn, struct err *err)
{
    uint64_t version;
    int rc;

    /* Alone in the journal: what is before it names paths that it takes away. */
    pthread_mutex_lock(&m->f->commit_lock);
    rc = checkpoint(m->f, err);
    pthread_mutex_unlock(&m->f->commit_lock);
    if (rc == AER_OK) return commit(m, txn, &version, err);
    aer__kv_rollback(txn);
    return rc;
}

int aer__files_drop(struct files *f, struct kv_txn *txn, const char *table,
                    int (*extra)(void *arg, struct catalog *catalog, struct err *err), void *arg, struct err *err)
{
    char path[LAYOUT_TABLE_PATH_SIZE];
    struct commit m = {.f = f, .extra = extra, .arg = arg, .op = "drop", .from = path};

    aer__layout_table_path(path, table, "");
    return commit_whole(&m, txn, err);
}

int aer__files_rename(struct files *f, struct kv_txn *txn, const char *from, const char *to,
                      int (*extra)(void *arg, struct catalog *catalog, struct err *err), void *arg, struct err *err)
{
    char path[LAYOUT_TABLE_PATH_SIZE], to_path[LAYOUT_TABLE_PATH_SIZE];
    struct commit m = {.f = f, .extra = extra, .arg = arg, .op = "rename", .from = path, .to = to_path};

    aer__layout_table_path(path, from, "");
    aer__layout_table_path(to_path, to, "");
    return commit_whole(&m, txn, err);
}

/* ---- after a crash ---- */

static int redo_whole(void *arg, const struct catalog_op *op)
{
    struct commit *m = arg;
    char to[LAYOUT_TABLE_PATH_SIZE];

    if (strcmp(op->op, "drop") != 0 && strcmp(op->op, "rename") != 0) return AER_OK;
    m->whole = true;
    if (strcmp(op->op, "drop") == 0) return aer__apply_drop(m->f, op->path, m->arg);
    snprintf(to, sizeof to, "%.*s", (int)op->size, op->data ? (const char *)op->data : "");
    return aer__apply_rename(m->f, op->path, to, m->arg);
}

static int redo_wholes(void *arg, struct catalog *c, struct err *err)
{
    struct commit *m = arg;

    m->arg = err;
    return aer__catalog_journal(c, m->last_id, redo_whole, m, err);
}

/* Is a definition among them? Readers of keys must not be disturbed for less. */
static bool has_config(const struct changes *c)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->at[i]->name, LAYOUT_CONFIG) == 0) return true;
    return false;
}

static int redo(struct files *f, struct err *err)
{
    struct commit m = {.f = f, .last_id = aer__kv_tables_applied(f->kv)};
    struct changes *c = NULL;
    int64_t last;
    int rc = aer__replay_load(f, m.last_id, false, &c, &last, err);

    if (rc == AER_OK) rc = aer__apply(f, c, true, err);
    if (rc == AER_OK) rc = aer__kv_read_catalog(f->kv, redo_wholes, &m, err);
    if (rc == AER_OK && m.whole) rc = checkpoint(f, err); /* as apply_all does */
    if (rc == AER_OK) {
        if (m.whole || has_config(c)) aer__kv_tables_define(f->kv);
        aer__kv_tables_end(f->kv, last);
        f->dirty = true;
        f->bytes += c->bytes + 1;
        f->committed_ms = aer__monotonic_ms();
    }
    aer__changes_free(c);
    return rc;
}

int aer__files_settle(struct files *f, struct err *err)
{
    int rc;

    if (!f || !(aer__kv_tables_version(f->kv) & 1)) return AER_OK;
    rc = aer__kv_tables_lock(f->kv, err);
    if (rc) return rc;
    pthread_mutex_lock(&f->commit_lock);
    if (aer__kv_tables_version(f->kv) & 1) rc = redo(f, err); /* else somebody took back his commit while we waited */
    pthread_mutex_unlock(&f->commit_lock);
    aer__kv_tables_unlock(f->kv);
    return rc;
}

/* ---- checkpoint ---- */

static int any_journal(void *arg, struct catalog *c, struct err *err)
{
    return aer__catalog_journal_any(c, 0, arg, err);
}

static int clear(void *arg, struct catalog *c, struct err *err)
{
    (void)arg;
    return aer__catalog_journal_clear(c, err);
}

/* A sync failed, and what it was to write may be lost: reads show it, and the next sync would be content. */
static int write_anew(struct files *f, struct err *err)
{
    struct changes *c;
    int64_t last;
    int rc = aer__replay_load(f, 0, false, &c, &last, err);

    if (rc == AER_OK) rc = aer__apply(f, c, true, err);
    aer__changes_free(c);
    return rc;
}

static int checkpoint(struct files *f, struct err *err)
{
    bool any = false;
    int rc = aer__kv_read_catalog(f->kv, any_journal, &any, err);

    if (rc || !any) return rc;
    if (aer__kv_tables_doubted(f->kv)) rc = write_anew(f, err);
    if (rc) return rc;
    rc = aer__fs_sync_all(f->dir, err);
    if (rc) {
        /* A second try would not tell. The journal has it all: the next checkpoint puts it in place again. */
        aer__kv_tables_doubt(f->kv, true);
        return rc;
    }
    aer__kv_tables_doubt(f->kv, false);
    return aer__kv_write_catalog(f->kv, false, clear, NULL, err);
}

int aer__files_checkpoint(struct files *f, bool background, struct err *err)
{
    int rc = aer__kv_turn_enter(f->kv, background, err);

    if (rc) return rc;
    /* Who commits may be waiting for this very background to seal a bucket. */
    if (!background) pthread_mutex_lock(&f->commit_lock);
    else if (pthread_mutex_trylock(&f->commit_lock)) goto out;
    if (aer__kv_tables_version(f->kv) & 1)
        rc = aer__err_set(err, AER_BUSY, "a writer died while it changed the tables: it must be finished first");
    else rc = checkpoint(f, err);
    if (rc == AER_OK) {
        f->bytes = 0;
        f->dirty = false;
    }
    pthread_mutex_unlock(&f->commit_lock);
out:
    aer__kv_turn_leave(f->kv, background);
    return rc;
}

int aer__files_round(struct files *f, struct err *err)
{
    bool due;
    int rc = AER_OK;

    if (!f || pthread_mutex_trylock(&f->commit_lock)) return AER_OK; /* see aer__files_checkpoint */
    due = f->dirty && aer__monotonic_ms() - f->committed_ms >= IDLE_MS;
    pthread_mutex_unlock(&f->commit_lock);
    if (due) rc = aer__files_checkpoint(f, true, err);
    if (rc == AER_OK && due && aer__records_due(f, RECORDS_IDLE)) rc = checkpoint_records(f, RECORDS_IDLE, true, err);
    return rc;
}
