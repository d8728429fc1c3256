/* scan.c -- keys in order at one moment: a merge of up to five sorted streams, fetched in chunks.
 *
 *   own writes (of a write transaction)   mem   imm   buckets_meta   displaced
 *
 * A chunk takes at most so many keys from each stream, from where the last chunk ended. Where streams reach unequally
 * far, the chunk ends at the nearest of their ends. Between chunks the cursor holds nothing but the key it stands at:
 * no lock, no SQLite transaction, no table; so it may rest for hours, and merges, seals and compactions go on.
 * Chunks grow from 16 to 1,024 keys: a scan for one key stays cheap, a long one asks seldom.
 */
#include "kv/store.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_FIRST 16
#define CHUNK_LAST 1024
#define STREAMS 5
#define VALUE_LIMIT (UINT64_C(64) << 20)

struct found {
    size_t key_at, key_size; /* in keys */
    uint64_t seq;
    int rank; /* of its stream: of one key at one seq order does not matter, own writes win */
    bool is_delete, own;
};

struct kv_cursor {
    struct kv_txn *txn;
    struct kv_range range; /* bounds are our copies */
    uint64_t at;
    struct buf keys; /* of this chunk */
    struct found *items;
    size_t count, capacity, next;
    size_t chunk;
    struct buf from; /* where the next chunk begins; valid if started */
    bool started, exclusive, ended;

    uint64_t current_seq; /* 0: none */
    struct buf key, hold, value;
    struct kv_entry entry;
    struct buf entry_hold;
    bool have_entry;
};

/* ---- bounds ---- */

static bool before_range(const struct kv_range *r, const void *key, size_t key_size)
{
    return r->from && aer__key_compare(key, key_size, r->from, r->from_size) < 0;
}

static bool behind_range(const struct kv_range *r, const void *key, size_t key_size)
{
    if (r->to && aer__key_compare(key, key_size, r->to, r->to_size) >= 0) return true;
    return r->prefix && (key_size < r->prefix_size || memcmp(key, r->prefix, r->prefix_size) != 0) &&
           aer__key_compare(key, key_size, r->prefix, r->prefix_size) > 0;
}

/* The smallest byte string above all that begin with the prefix; size 0: there is none. */
static int after_prefix(const struct kv_range *r, struct buf *out)
{
    size_t n = r->prefix_size;

    while (n > 0 && ((const unsigned char *)r->prefix)[n - 1] == 0xff) n--;
    out->size = 0;
    if (n == 0) return AER_OK;
    if (aer__buf_append(out, r->prefix, n)) return AER_NOMEM;
    out->data[n - 1]++;
    return AER_OK;
}

static int set_start(struct kv_cursor *c, const void *key, size_t key_size, bool exclusive)
{
    c->from.size = 0;
    c->started = true;
    c->exclusive = exclusive;
    return aer__buf_append(&c->from, key, key_size);
}

/* Where the first chunk begins: the inner one of bound and prefix. */
static int first_start(struct kv_cursor *c, struct err *err)
{
    const struct kv_range *r = &c->range;
    struct buf high = {0};
    int rc = AER_OK;

    if (!r->reverse) {
        if (r->prefix && (!r->from || aer__key_compare(r->prefix, r->prefix_size, r->from, r->from_size) > 0))
            rc = set_start(c, r->prefix, r->prefix_size, false);
        else if (r->from) rc = set_start(c, r->from, r->from_size, false);
        goto out;
    }
    if (r->prefix) rc = after_prefix(r, &high);
    if (rc) goto out;
    if (high.size && (!r->to || aer__key_compare(high.data, high.size, r->to, r->to_size) < 0))
        rc = set_start(c, high.data, high.size, true);
    else if (r->to) rc = set_start(c, r->to, r->to_size, true);
out:
    aer__buf_release(&high);
    return rc ? aer__err_nomem(err) : AER_OK;
}

/* ---- gathering a chunk ---- */

static int add_found(struct kv_cursor *c, const void *key, size_t key_size, uint64_t seq, int rank, bool is_delete,
                     struct err *err)
{
    if (c->count == c->capacity) {
        size_t capacity = c->capacity ? c->capacity * 2 : 64;
        struct found *more = aer__realloc(c->items, capacity * sizeof *more);
        if (!more) return aer__err_nomem(err);
        c->items = more;
        c->capacity = capacity;
    }
    c->items[c->count++] = (struct found){c->keys.size, key_size, seq, rank, is_delete, rank == 0};
    return aer__buf_append(&c->keys, key, key_size) ? aer__err_nomem(err) : AER_OK;
}

static int compare_found(const struct kv_cursor *c, const struct found *a, const struct found *b)
{
    int d = aer__key_compare(c->keys.data + a->key_at, a->key_size, c->keys.data + b->key_at, b->key_size);

    return c->range.reverse ? -d : d;
}

/* What a stream gave, and whether that was all it has. */
struct stream {
    size_t first, count; /* in items */
    bool more;
};

static int from_table(struct kv_cursor *c, struct table *t, int rank, struct stream *s, struct err *err)
{
    const struct version **out = NULL;
    size_t n = 0;
    int rc = AER_OK;

    s->first = c->count;
    if (!t) return AER_OK;
    out = aer__alloc(c->chunk * sizeof *out);
    if (!out) return aer__err_nomem(err);
    rc = aer__table_range(t, c->started ? (const void *)c->from.data : NULL, c->from.size, c->exclusive,
                          c->range.reverse, c->at, out, c->chunk, &n, err);
    for (size_t i = 0; rc == AER_OK && i < n; i++)
        rc = add_found(c, out[i]->key, out[i]->key_size, out[i]->seq, rank, out[i]->is_delete, err);
    aer__free(out);
    s->count = n;
    s->more = n == c->chunk;
    return rc;
}

struct catalog_arg {
    struct kv_cursor *c;
    int rank;
    struct err *err;
};

static int from_catalog(void *arg, const void *key, size_t key_size, uint64_t seq)
{
    struct catalog_arg *a = arg;

    return add_found(a->c, key, key_size, seq, a->rank, false, a->err);
}

static int from_catalogs(struct kv_cursor *c, struct stream *meta, struct stream *displaced, struct err *err)
{
    struct catalog_arg arg = {c, 3, err};
    struct catalog_reader *r = aer__reader_take(c->txn->kv, err);
    const void *start = c->started ? c->from.data : NULL;
    bool any = false;
    int rc;

    if (!r) return err ? err->code : AER_IO;
    if (c->started && !start) start = "";
    meta->first = c->count;
    rc = aer__catalog_range(r->catalog, 0, start, c->from.size, c->exclusive, c->range.reverse, c->chunk, from_catalog,
                            &arg, err);
    meta->count = c->count - meta->first;
    meta->more = meta->count == c->chunk;
    displaced->first = c->count;
    if (rc == AER_OK && !c->txn->write) rc = aer__catalog_displaced_any(r->catalog, &any, err);
    if (rc == AER_OK && any) {
        arg.rank = 4;
        rc = aer__catalog_range(r->catalog, c->at, start, c->from.size, c->exclusive, c->range.reverse, c->chunk,
                                from_catalog, &arg, err);
        displaced->count = c->count - displaced->first;
        displaced->more = displaced->count == c->chunk;
    }
    aer__reader_give(c->txn->kv, r);
    return rc;
}

/* The nearest end of the streams that have more; NULL: all are complete. */
static const struct found *chunk_end(const struct kv_cursor *c, const struct stream *s)
{
    const struct found *end = NULL;

    for (int i = 0; i < STREAMS; i++) {
        const struct found *last;
        if (!s[i].more) continue;
        last = &c->items[s[i].first + s[i].count - 1];
        if (!end || compare_found(c, last, end) < 0) end = last;
    }
    return end;
}

/* Is a the version to be seen, rather than b, of the same key? */
static bool better(const struct kv_cursor *c, const struct found *a, const struct found *b)
{
    bool a_seen = a->own || a->seq <= c->at, b_seen = b->own || b->seq <= c->at;

    if (a_seen != b_seen) return a_seen;
    if (a->own != b->own) return a->own;
    return a->seq > b->seq;
}

/* Merge the streams up to END into the front of items: of each key what is seen at c->at, without deletes. */
static int merge_streams(struct kv_cursor *c, struct stream *s, const struct found *end_ptr, struct err *err)
{
    struct found end = end_ptr ? *end_ptr : (struct found){0};
    struct found *out = aer__alloc((c->count + 1) * sizeof *out);
    size_t at[STREAMS], n = 0;

    if (!out) return aer__err_nomem(err);
    for (int i = 0; i < STREAMS; i++) at[i] = s[i].first;
    for (;;) {
        const struct found *first = NULL, *best;
        for (int i = 0; i < STREAMS; i++) {
            if (at[i] < s[i].first + s[i].count && (!first || compare_found(c, &c->items[at[i]], first) < 0))
                first = &c->items[at[i]];
        }
        if (!first || (end_ptr && compare_found(c, first, &end) > 0)) break;
        best = first;
        for (int i = 0; i < STREAMS; i++) {
            const struct found *f = &c->items[at[i]];
            if (at[i] >= s[i].first + s[i].count || compare_found(c, f, first) != 0) continue;
            if (better(c, f, best)) best = f;
            at[i]++;
        }
        if ((best->own || best->seq <= c->at) && !best->is_delete) out[n++] = *best;
    }
    aer__free(c->items);
    c->items = out;
    c->capacity = c->count + 1;
    c->count = n;
    return AER_OK;
}

static int fill(struct kv_cursor *c, struct err *err)
{
    struct kv *kv = c->txn->kv;
    struct stream s[STREAMS] = {{0}};
    const struct found *end;
    struct buf next_from = {0};
    pthread_rwlock_t *view;
    int rc;

    c->keys.size = 0;
    c->count = c->next = 0;
    view = aer__view_read(kv);
    rc = from_table(c, c->txn->own, 0, &s[0], err);
    if (rc == AER_OK) rc = from_table(c, kv->mem, 1, &s[1], err);
    if (rc == AER_OK) rc = from_table(c, kv->imm, 2, &s[2], err);
    if (rc == AER_OK) rc = from_catalogs(c, &s[3], &s[4], err);
    pthread_rwlock_unlock(view);
    if (rc == AER_OK) rc = aer__txn_kept(c->txn, err);
    if (rc) goto out;
    end = chunk_end(c, s);
    if (end && aer__buf_append(&next_from, c->keys.data + end->key_at, end->key_size)) rc = aer__err_nomem(err);
    if (rc == AER_OK) rc = merge_streams(c, s, end, err);
    if (rc == AER_OK) c->ended = !end;
    if (rc == AER_OK && next_from.size) {
        aer__buf_release(&c->from);
        c->from = next_from;
        c->started = c->exclusive = true;
    } else {
        aer__buf_release(&next_from);
    }
out:
    if (rc) c->count = 0; /* streams that are not merged: the next try takes all of the chunk anew */
    else c->chunk = AER_MIN(c->chunk * 4, (size_t)CHUNK_LAST);
    return rc;
}

/* ---- the cursor ---- */

static int copy_bound(const void **bound, const void *from, size_t size, struct err *err)
{
    if (!from) return AER_OK;
    *bound = aer__memdup(from, size);
    return *bound ? AER_OK : aer__err_nomem(err);
}

int aer__kv_scan(struct kv_txn *txn, const struct kv_range *range, struct kv_cursor **cursor, struct err *err)
{
    struct kv_cursor *c;
    int rc = aer__kv_usable(txn->kv, err);

    *cursor = NULL;
    if (rc == AER_OK) rc = aer__txn_refuse(txn, err);
    if (rc) return rc;
    c = aer__calloc(1, sizeof *c);
    if (!c) return aer__err_nomem(err);
    c->txn = txn;
    txn->used = true;
    txn->children++;
    c->chunk = CHUNK_FIRST;
    c->at = txn->write ? aer__txn_next_seq(txn) - 1 : txn->at;
    c->range = *range;
    c->range.from = c->range.to = c->range.prefix = NULL;
    rc = copy_bound(&c->range.from, range->from, range->from_size, err);
    if (rc == AER_OK) rc = copy_bound(&c->range.to, range->to, range->to_size, err);
    if (rc == AER_OK && range->prefix_size) rc = copy_bound(&c->range.prefix, range->prefix, range->prefix_size, err);
    if (rc == AER_OK) rc = first_start(c, err);
    if (rc) aer__kv_cursor_close(c);
    else *cursor = c;
    return rc;
}

void aer__kv_cursor_close(struct kv_cursor *c)
{
    if (!c) return;
    c->txn->children--;
    aer__free((void *)c->range.from);
    aer__free((void *)c->range.to);
    aer__free((void *)c->range.prefix);
    aer__free(c->items);
    aer__buf_release(&c->keys);
    aer__buf_release(&c->from);
    aer__buf_release(&c->key);
    aer__buf_release(&c->hold);
    aer__buf_release(&c->value);
    aer__buf_release(&c->entry_hold);
    aer__free(c);
}

/* The next key of the range, without its row; AER_DONE. */
static int step(struct kv_cursor *c, const struct found **item, struct err *err)
{
    for (;;) {
        const struct found *f;
        const void *key;
        if (c->next == c->count) {
            int rc;
            if (c->ended) return AER_DONE;
            rc = aer__follow(c->txn->kv, false, err);
            if (rc == AER_OK) rc = fill(c, err);
            if (rc) return rc;
            continue;
        }
        f = &c->items[c->next];
        key = c->keys.data + f->key_at;
        if (c->range.reverse ? before_range(&c->range, key, f->key_size) : behind_range(&c->range, key, f->key_size))
            break;
        if (c->range.reverse && c->range.prefix &&
            (f->key_size < c->range.prefix_size || memcmp(key, c->range.prefix, c->range.prefix_size) != 0)) {
            if (aer__key_compare(key, f->key_size, c->range.prefix, c->range.prefix_size) < 0) break;
            c->next++;
            continue;
        }
        c->next++;
        if (c->range.reverse && behind_range(&c->range, key, f->key_size)) continue;
        *item = f;
        return AER_OK;
    }
    c->count = c->next;
    c->ended = true;
    return AER_DONE;
}

/* May rows of the bucket that holds seq expire? */
static bool may_expire(struct kv *kv, uint64_t seq)
{
    pthread_rwlock_t *view = aer__view_read(kv);
    const struct bucket_ref *ref = aer__view_bucket(kv, seq);
    int which = ref ? -1 : aer__view_recent(kv, seq);
    bool may = ref ? ref->b.expiring > 0 : which >= 0 && aer__recent_expiring(kv->recent[which]) > 0;

    pthread_rwlock_unlock(view);
    return may;
}

/* The value of a whole row, copied while the view is held. *large: it is in parts. AER_NOTFOUND: expired. */
static int copy_value(struct kv_cursor *c, uint64_t seq, uint64_t limit, aer_slice *value, bool *large, struct err *err)
{
    struct row row;
    pthread_rwlock_t *view = aer__view_read(c->txn->kv);
    int rc = aer__row_of(c->txn->kv, c->txn, seq, c->key.data, c->key.size, ROW_VALUE, &row, &c->hold, err);

    if (rc) goto out;
    *large = row.part < 0;
    c->value.size = 0;
    if (row.expires_ms && row.expires_ms <= aer__now_ms()) rc = AER_NOTFOUND;
    if (rc || *large) goto out;
    value->size = row.value_size;
    if (row.value_size > limit) goto out;
    if (aer__buf_append(&c->value, row.value_size ? row.value : "", row.value_size) || aer__buf_reserve(&c->value, 1))
        rc = aer__err_nomem(err);
    else value->data = c->value.data;
out:
    pthread_rwlock_unlock(view);
    return rc;
}

static int load_value(struct kv_cursor *c, const struct found *f, aer_slice *value, struct err *err)
{
    uint64_t limit = c->range.value_limit ? c->range.value_limit : VALUE_LIMIT;
    struct kv_value out = {0};
    struct retry retry = {0};
    bool large = false;
    int rc;

    do rc = copy_value(c, f->seq, limit, value, &large, err);
    while (aer__retry(c->txn->kv, &retry, rc, err));
    if (rc || !large) return rc;
    rc = aer__kv_cursor_entry(c, &c->entry, err);
    if (rc) return rc;
    value->size = c->entry.value_size;
    if (c->entry.value_size > limit) return AER_OK;
    rc = aer__buf_reserve(&c->value, c->entry.value_size + 1);
    if (rc) return aer__err_nomem(err);
    out.buffer = c->value.data;
    out.capacity = c->entry.value_size;
    rc = aer__get_at(c->txn->kv, c->txn, f->seq, c->key.data, c->key.size, &out, NULL, NULL, err);
    value->data = rc ? NULL : c->value.data;
    return rc;
}

int aer__kv_next(struct kv_cursor *c, aer_slice *key, aer_slice *value, struct err *err)
{
    int rc;

    c->have_entry = false;
    c->current_seq = 0;
    rc = aer__kv_usable(c->txn->kv, err);
    while (rc == AER_OK) {
        const struct found *f;
        *value = (aer_slice){0};
        rc = step(c, &f, err);
        if (rc) break;
        c->key.size = 0;
        if (aer__buf_append(&c->key, c->keys.data + f->key_at, f->key_size)) {
            rc = aer__err_nomem(err);
            c->next--;
            break;
        }
        *key = (aer_slice){c->key.data, c->key.size};
        c->current_seq = f->seq;
        if (!c->range.keys_only) {
            rc = load_value(c, f, value, err);
        } else if (f->own || may_expire(c->txn->kv, f->seq)) {
            rc = aer__kv_cursor_entry(c, &c->entry, err);
            c->have_entry = rc == AER_OK;
        }
        if (rc == AER_NOMEM) { /* nothing is wrong with the key: the next call tries it again */
            c->next--;
            break;
        }
        if (rc != AER_NOTFOUND) return rc;
        rc = AER_OK; /* expired: on to the next */
    }
    *key = *value = (aer_slice){0};
    c->current_seq = 0;
    return rc;
}

int aer__kv_cursor_entry(struct kv_cursor *c, struct kv_entry *entry, struct err *err)
{
    int rc = AER_OK;

    if (!c->current_seq) return aer__err_set(err, AER_MISUSE, "the cursor stands at no key");
    if (!c->have_entry)
        rc = aer__get_at(c->txn->kv, c->txn, c->current_seq, c->key.data, c->key.size, NULL, &c->entry, &c->entry_hold, err);
    if (rc) return rc;
    c->have_entry = true;
    *entry = c->entry;
    return AER_OK;
}
