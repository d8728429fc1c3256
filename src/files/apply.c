/* apply.c -- changes go to their places: after a commit, and again after a crash.
 *
 * After a crash a path may hold what it held before, what it should hold, a part of that (a fresh file is written under its
 * own name), or something that is not ours: an edit by hand, damage, another program's file. Only the last is kept from
 * being overwritten, in quarantine/.
 */
#include "files/internal.h"
#include "fs/fs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int write_one(struct fs_many *m, const struct change *change, struct err *err)
{
    int rc = aer__fs_many_write(m, change->path, change->data, change->size, change->mtime_ns, change->fresh, err);

    /* Random ids do not meet; what is there was put there by somebody. It is replaced as any file is. */
    if (rc == AER_EXISTS)
        rc = aer__fs_many_write(m, change->path, change->data, change->size, change->mtime_ns, false, err);
    return rc;
}

/* ---- after a crash ---- */

static int quarantine(struct files *f, const char *path, struct err *err)
{
    char to[LAYOUT_TABLE_PATH_SIZE];
    int rc = AER_EXISTS;

    for (unsigned copy = 0; rc == AER_EXISTS; copy++) {
        aer__layout_quarantine_file(to, path, copy);
        rc = aer__fs_rename(f->dir, path, to, true, err);
    }
    return rc == AER_NOTFOUND ? AER_OK : rc;
}

/* Does the path hold the new text already? What must not be overwritten is moved away. */
static int look(struct files *f, struct change *change, bool *done, struct err *err)
{
    struct buf found = {0};
    int64_t mtime_ns;
    int rc = aer__fs_read_small(f->dir, change->path, FILES_TEXT_MAX, &found, &mtime_ns, err);

    *done = false;
    if (rc == AER_NOTFOUND) {
        *done = change->removed;
        rc = AER_OK;
    } else if (rc == AER_OK && !change->removed && found.size == change->size &&
               memcmp(found.data, change->data, found.size) == 0) {
        *done = true;
    } else if (rc == AER_CORRUPT ||
               (rc == AER_OK && !change->known && !aer__replay_is_torn(&found, change->data, change->size))) {
        aer__err_clear(err); /* CORRUPT: no file, or far too large a one */
        rc = quarantine(f, change->path, err);
    }
    aer__buf_release(&found);
    return rc;
}

static int sweep_one(void *arg, const char *path, int kind, uint64_t size)
{
    struct files *f = arg;

    (void)size;
    if (kind != FS_FILE || !aer__fs_is_temporary(path)) return AER_OK;
    return aer__fs_unlink(f->dir, path, NULL);
}

/* Temporaries beside the files of these changes. Those that cannot be removed do no harm. */
static void sweep(struct files *f, const struct changes *c)
{
    char last[LAYOUT_TABLE_PATH_SIZE] = "", at[LAYOUT_TABLE_PATH_SIZE];

    for (size_t i = 0; i < c->count; i++) {
        const struct change *change = c->at[i];
        const char *slash = strrchr(change->path, '/');
        if (change->record || !slash) continue;
        snprintf(at, sizeof at, "%.*s", (int)(slash - change->path), change->path);
        if (strcmp(at, last) == 0) continue;
        memcpy(last, at, sizeof at);
        (void)aer__fs_walk(f->dir, at, sweep_one, f, NULL);
        if (change->removed) aer__fs_prune(f->dir, change->path); /* a temporary was all there was */
    }
}

int aer__apply(struct files *f, struct changes *c, bool replay, struct err *err)
{
    struct fs_many many = {.dir = f->dir};
    /* After a sync that failed reads show what the disk does not have. */
    bool anew = replay && aer__kv_tables_doubted(f->kv);
    int rc = AER_OK;

    aer__changes_sort(c);
    for (size_t i = 0; rc == AER_OK && i < c->count; i++) {
        struct change *change = c->at[i];
        bool done = false;
        if (change->record || change->cancelled) continue;
        if (replay) {
            aer__fs_many_end(&many); /* quarantine and empty directories: stand nowhere */
            rc = look(f, change, &done, err);
            change->fresh = false;
            if (rc == AER_OK && done && change->removed)
                aer__fs_prune(f->dir, change->path); /* it died between the two */
        }
        if (rc || (done && (change->removed || !anew))) continue;
        rc = change->removed ? aer__fs_many_remove(&many, change->path, err) : write_one(&many, change, err);
    }
    aer__fs_many_end(&many);
    if (rc == AER_OK && replay) sweep(f, c);
    return rc;
}

/* ---- whole tables ---- */

struct removal {
    struct fs_many many;
    struct err *err;
};

/* What is in a directory comes before it: it is empty by now. */
static int remove_one(void *arg, const char *path, int kind, uint64_t size)
{
    struct removal *r = arg;
    char below[LAYOUT_TABLE_PATH_SIZE + 64];

    (void)size;
    if (kind != FS_DIR) return aer__fs_many_remove(&r->many, path, r->err);
    aer__fs_many_end(&r->many);
    snprintf(below, sizeof below, "%s/x", path);
    aer__fs_prune(r->many.dir, below);
    return AER_OK;
}

int aer__apply_drop(struct files *f, const char *path, struct err *err)
{
    struct removal r = {{.dir = f->dir}, err};
    char below[LAYOUT_TABLE_PATH_SIZE + 64];
    int rc = aer__fs_walk(f->dir, path, remove_one, &r, err);

    aer__fs_many_end(&r.many);
    snprintf(below, sizeof below, "%s/x", path);
    if (rc == AER_OK) aer__fs_prune(f->dir, below);
    return rc;
}

int aer__apply_rename(struct files *f, const char *from, const char *to, struct err *err)
{
    int rc;

    if (aer__fs_kind(f->dir, from) == FS_MISSING) return AER_OK; /* done before */
    rc = aer__fs_rename(f->dir, from, to, false, err);
    if (rc == AER_EXISTS)
        rc = aer__err_set(err, AER_CORRUPT, "'%s' is in the way of a table that is renamed to it", to);
    return rc == AER_NOTFOUND ? AER_OK : rc;
}
