/* apply.c -- rows that are in a bucket become versions in memory. The one way in: for our own commits, for those of
 * other processes, and for what is found at open.
 */
#include "kv/store.h"

int aer__apply_new_recent(struct kv *kv, int which, const char *id, uint64_t first_seq, struct err *err)
{
    struct recent *fresh, *old;
    int rc = aer__recent_new(id, first_seq, kv->cache_bytes / 16, &fresh, err);

    if (rc) return rc;
    aer__view_write(kv);
    old = kv->recent[which];
    kv->recent[which] = fresh;
    aer__view_written(kv);
    aer__recent_free(old);
    return AER_OK;
}

/* The version, of a row that is one. */
static int add_version(struct kv *kv, const struct row *row, struct err *err)
{
    struct version like = {
        .seq = row->seq,
        .bytes = (uint32_t)AER_MIN(aer__row_bytes(row), (uint64_t)UINT32_MAX),
        .parts = row->part < 0 ? (uint32_t)-row->part : 1,
        .is_delete = row->is_delete,
        .expires = row->expires_ms != 0,
    };

    if (row->key_size == 0 || row->part > 0) return AER_OK; /* a commit row; a part whose value goes on */
    return aer__table_add(kv->mem, row->key, row->key_size, aer__hash(row->key, row->key_size), &like, err);
}

/* All of it or nothing: what can fail comes first, and a row that failed is applied anew by the next look. */
int aer__apply_row(struct kv *kv, const struct row *row, int which, bool keep, struct err *err)
{
    int rc = add_version(kv, row, err);

    if (rc) return rc;
    if (which >= 0) aer__recent_add(kv->recent[which], row, keep);
    kv->applied_seq = row->seq;
    return AER_OK;
}
