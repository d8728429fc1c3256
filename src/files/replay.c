/* replay.c -- the journal of aerial.sq3, read back: after a crash, and where its changes cannot be put in place. */
#include "files/internal.h"
#include "fs/fs.h"

#include <string.h>

/* A file is written once and in order, so a power cut leaves of it some first bytes, or as many zeros. */
bool aer__replay_is_torn(const struct buf *found, const void *data, size_t size)
{
    size_t zeros = 0;

    if (found->size == 0) return true;
    if (data && found->size <= size && memcmp(found->data, data, found->size) == 0) return true;
    while (zeros < found->size && found->data[zeros] == 0) zeros++;
    return zeros == found->size;
}

/* Is what the path holds now one of the texts it had since the last checkpoint, or a part of one? Only looked at when it may matter. */
static void recognise(struct files *f, struct change *change, const struct catalog_op *op)
{
    struct buf found = {0};
    int64_t mtime_ns;

    if (change->known || change->record) return;
    if (aer__fs_read_small(f->dir, change->path, FILES_TEXT_MAX, &found, &mtime_ns, NULL) == AER_OK) {
        uint64_t sum = aer__hash(found.data, found.size);
        change->known = (op->has_old && sum == op->old) || aer__replay_is_torn(&found, op->data, op->size);
    }
    aer__buf_release(&found);
}

static int load_op(void *arg, const struct catalog_op *op)
{
    struct replay *l = arg;
    bool record = strcmp(op->op, "store") == 0 || strcmp(op->op, "erase") == 0;
    struct change *change;
    unsigned char *copy = NULL;

    l->last = op->id;
    if (strcmp(op->op, "drop") == 0 || strcmp(op->op, "rename") == 0) return AER_OK;
    if (record != l->records) return AER_OK;
    if (op->data && !(copy = aer__memdup(op->data, op->size))) return aer__err_nomem(l->err);
    change = aer__changes_at(l->c, 0, record, op->path);
    if (!change) {
        aer__free(copy);
        return aer__err_nomem(l->err);
    }
    recognise(l->f, change, op);
    aer__free(change->data);
    change->data = copy;
    change->size = op->size;
    change->sum = op->sum;
    change->mtime_ns = op->mtime_ns;
    change->removed = !op->data;
    return l->seen ? l->seen(l->arg, op, l->err) : AER_OK;
}

int aer__replay_read(void *arg, struct catalog *c, struct err *err)
{
    struct replay *l = arg;

    l->err = err;
    return aer__catalog_journal(c, l->last, load_op, l, err);
}

int aer__replay_load(struct files *f, int64_t after, bool records, struct changes **c, int64_t *last, struct err *err)
{
    struct replay l = {.f = f, .records = records, .last = after};
    int rc;

    *c = NULL;
    l.c = aer__changes_new();
    if (!l.c) return aer__err_nomem(err);
    rc = aer__kv_read_catalog(f->kv, aer__replay_read, &l, err);
    if (rc) {
        aer__changes_free(l.c);
        return rc;
    }
    *c = l.c;
    *last = l.last;
    return AER_OK;
}
