/* get.c -- one key: unmerged tables, then the catalogue, then the row.
 *
 *   mem, imm          versions that buckets_meta does not know yet; asked first, so the catalogue may lag behind
 *   hint              "this hash was at that seq": saves the catalogue; the row's own key proves or refutes it
 *   buckets_meta      key -> newest merged seq; above the snapshot's: displaced
 *   row               in a sealed bucket, in memory, or in an active file
 */
#include "kv/store.h"

#include <string.h>

#define TRIES 4
#define FEW_USES 64
#define SEE_EVERY 4096 /* look-ups of a connection */
#define NEAR_KEYS 16
#define INCURIOUS 32  /* look-ups alone after one that has learned little */
#define CACHE_STEPS 8 /* sizes a look-up connection's cache may have */

/* ---- catalogue connections ---- */

struct catalog_reader *aer__reader_take(struct kv *kv, struct err *err)
{
    uint64_t self = (uint64_t)(uintptr_t)pthread_self() * UINT64_C(0x9E3779B97F4A7C15);
    unsigned first = (unsigned)(self >> 62) % READERS;
    struct catalog_reader *r = NULL;
    uint64_t version, epoch, tables;
    int rc = AER_OK;

    for (unsigned i = 0; i < READERS && !r; i++) {
        struct catalog_reader *try = &kv->reader[(first + i) % READERS];
        if (pthread_mutex_trylock(&try->lock) == 0) r = try;
    }
    if (!r) {
        r = &kv->reader[first];
        pthread_mutex_lock(&r->lock);
    }
    if (!r->catalog) {
        int flags = kv->frozen ? CATALOG_FROZEN : kv->options.readonly ? CATALOG_READONLY : 0;
        rc = aer__catalog_open(kv->dir, flags, AER_MAX(kv->options.busy_ms, 1000), kv->cache_bytes / 16, &r->catalog, err);
        if (rc) goto fail;
        r->cache_bytes = kv->cache_bytes / 16;
        atomic_fetch_add(&kv->readers, 1);
    }
    /* The view may know of a commit in the catalogue before the version tells everybody. */
    version = atomic_load(&kv->share.page->catalog_version);
    epoch = atomic_load(&kv->catalog_epoch);
    tables = atomic_load(&kv->share.page->tables_version);
    if (r->version < version || r->epoch != epoch || r->tables != tables) {
        aer__catalog_read_end(r->catalog);
        r->version = version;
        r->epoch = epoch;
        r->tables = tables;
    }
    rc = aer__catalog_read_begin(r->catalog, err);
    if (rc == AER_OK) return r;
fail:
    r->version = 0;
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* With the view and r. Memory that no unmerged key needs just now holds pages of the catalogue: a look-up that finds all of
 * its pages there takes half the time. */
static void fit_cache(struct kv *kv, struct catalog_reader *r)
{
    uint64_t limit = kv_unmerged_limit(kv), used = aer__table_bytes(kv->mem);
    uint64_t base = kv->cache_bytes / 16, spare;

    if (kv->imm) used += aer__table_bytes(kv->imm);
    spare = used < limit ? (limit - used) / AER_MAX(atomic_load(&kv->readers), 1u) : 0;
    spare -= spare % AER_MAX(limit / CACHE_STEPS, UINT64_C(1));
    if (base + spare == r->cache_bytes) return;
    if (aer__catalog_set_cache(r->catalog, base + spare, NULL) == AER_OK) r->cache_bytes = base + spare;
}

void aer__reader_give(struct kv *kv, struct catalog_reader *r)
{
    r->used_ms = aer__monotonic_ms();
    /* Kept open it spares the next look-up most of its time, but somebody must end it when we fall idle: the background
     * thread, which a few look-ups are not worth. */
    if (++r->uses < FEW_USES) aer__catalog_read_end(r->catalog);
    else if (r->uses == FEW_USES && !kv->frozen) aer__upkeep_wake(kv);
    pthread_mutex_unlock(&r->lock);
}

void aer__readers_rest(struct kv *kv, int64_t idle_ms)
{
    int64_t now = aer__monotonic_ms();
    pthread_rwlock_t *view = aer__view_read(kv);

    for (int i = 0; i < READERS; i++) {
        struct catalog_reader *r = &kv->reader[i];
        if (pthread_mutex_trylock(&r->lock)) continue; /* in use: not idle */
        if (r->catalog) fit_cache(kv, r);
        if (r->catalog && now - r->used_ms >= idle_ms) aer__catalog_read_end(r->catalog);
        pthread_mutex_unlock(&r->lock);
    }
    pthread_rwlock_unlock(view);
}

/* ---- which version ---- */

/* With the view. Is there room for a hint for every key? Then a look at the catalogue learns the keys behind it too, and
 * random look-ups know nearly all after a few. With more keys than room that would be for nothing. */
static void see_what_fits(struct kv *kv)
{
    uint64_t live = 0, room = aer__hints_room(&kv->hints);

    for (size_t i = 0; i < kv->buckets.count && live <= room; i++) live += kv->buckets.at[i]->b.live;
    atomic_store_explicit(&kv->learn, live <= room, memory_order_relaxed);
}

struct near {
    struct kv *kv;
    const void *key;
    size_t key_size;
    uint64_t at, seq; /* seq 0: the first key was another one */
    unsigned seen, learned;
};

static int learn_near(void *arg, const void *key, size_t key_size, uint64_t seq)
{
    struct near *n = arg;

    if (n->seen++ == 0 && key_size == n->key_size && memcmp(key, n->key, key_size) == 0) n->seq = seq;
    else if (seq <= n->at) n->learned += aer__hints_add(&n->kv->hints, aer__hash(key, key_size), seq);
    return 0;
}

/* As aer__catalog_lookup, with the keys behind it as long as there is something to be learned of them. */
static int look_up(struct kv *kv, struct catalog_reader *r, const void *key, size_t key_size, uint64_t at,
                   uint64_t *seq, struct err *err)
{
    struct near n = {.kv = kv, .key = key, .key_size = key_size, .at = at};
    int rc;

    if (kv->merging || !atomic_load_explicit(&kv->learn, memory_order_relaxed) || r->incurious > 0) {
        if (r->incurious > 0) r->incurious--;
        return aer__catalog_lookup(r->catalog, key, key_size, seq, err);
    }
    rc = aer__catalog_range(r->catalog, 0, key, key_size, false, false, NEAR_KEYS, learn_near, &n, err);
    if (n.learned < NEAR_KEYS / 4) r->incurious = INCURIOUS;
    *seq = n.seq;
    return rc ? rc : n.seq ? AER_OK : AER_NOTFOUND;
}

static int ask_catalog(struct kv *kv, const void *key, size_t key_size, uint64_t hash, uint64_t at, bool snapshot,
                       uint64_t *seq, bool *again, struct err *err)
{
    struct err local = {0};
    struct catalog_reader *r = aer__reader_take(kv, &local);
    int rc;

    if (!r) {
        if (err && !err->code) *err = local;
        return local.code;
    }
    if (r->uses >= FEW_USES) fit_cache(kv, r);
    if (r->uses % SEE_EVERY == FEW_USES) see_what_fits(kv);
    rc = look_up(kv, r, key, key_size, at, seq, err);
    if (rc == AER_OK && *seq <= at) {
        if (!kv->merging) aer__hints_set(&kv->hints, hash, *seq);
    } else if ((rc == AER_OK || rc == AER_NOTFOUND) && snapshot) {
        rc = aer__catalog_displaced(r->catalog, key, key_size, at, seq, err);
    } else if (rc == AER_OK) {
        *again = true; /* merged by another process, after our view */
    }
    aer__reader_give(kv, r);
    return rc;
}

int aer__get_seq(struct kv *kv, const void *key, size_t key_size, uint64_t hash, uint64_t at, bool snapshot,
                 uint64_t *seq, bool *again, struct err *err)
{
    const struct version *v = aer__table_find(kv->mem, key, key_size, hash, at);

    if (!v && kv->imm) v = aer__table_find(kv->imm, key, key_size, hash, at);
    if (!v) return ask_catalog(kv, key, key_size, hash, at, snapshot, seq, again, err);
    *seq = v->seq;
    return v->is_delete ? AER_NOTFOUND : AER_OK;
}

static bool expired(const struct row *row)
{
    return row->expires_ms != 0 && row->expires_ms <= aer__now_ms();
}

/* ---- values in parts ---- */

/* Whole size of the value whose last part is HEAD. */
static int parts_size(struct kv *kv, struct kv_txn *txn, const struct row *head, uint64_t *size, struct err *err)
{
    uint64_t n = (uint64_t)-head->part;
    struct buf hold = {0};
    struct row first;
    int rc;

    if (n > head->seq)
        return aer__err_set(err, AER_CORRUPT, "row %llu: a value of %llu parts cannot end here",
                            (unsigned long long)head->seq, (unsigned long long)n);
    rc = aer__row_of(kv, txn, head->seq - n + 1, head->key, head->key_size, ROW_HEAD, &first, &hold, err);
    if (rc == AER_OK && first.value_size > (uint64_t)AER_VALUE_MAX / n)
        rc = aer__err_set(err, AER_CORRUPT, "row %llu: a part of impossible size", (unsigned long long)first.seq);
    if (rc == AER_OK) *size = n == 1 ? head->value_size : (n - 1) * first.value_size + head->value_size;
    aer__buf_release(&hold);
    return rc;
}

int aer__row_of(struct kv *kv, struct kv_txn *txn, uint64_t seq, const void *key, size_t key_size, int what,
                struct row *row, struct buf *hold, struct err *err)
{
    if (txn && txn->write && aer__txn_has(txn, seq)) return aer__txn_row(txn, seq, what == ROW_VALUE, row, hold, err);
    return aer__rows_get(kv, seq, key, key_size, what, row, hold, err);
}

/* ---- fetching ---- */

static int take_value(const struct row *row, struct kv_value *out, struct err *err)
{
    out->size = row->value_size;
    if (out->buffer) {
        if (row->value_size > out->capacity) return AER_INVALID;
        if (row->value_size) memcpy(out->buffer, row->value, row->value_size);
        return AER_OK;
    }
    out->buffer = aer__memdup(row->value, row->value_size);
    return out->buffer ? AER_OK : aer__err_nomem(err);
}

static int take_parts(struct kv *kv, struct kv_txn *txn, const struct row *head, struct kv_value *out, struct err *err)
{
    uint64_t size, n = (uint64_t)-head->part, at = 0;
    unsigned char *into = out->buffer;
    struct buf hold = {0};
    int rc = parts_size(kv, txn, head, &size, err);

    if (rc) return rc;
    if (size > SIZE_MAX - 1)
        return aer__err_set(err, AER_NOMEM, "a value of %llu bytes does not fit into memory", (unsigned long long)size);
    out->size = size;
    if (into && size > out->capacity) return AER_INVALID;
    if (!into) into = aer__alloc(size + 1);
    if (!into) return aer__err_nomem(err);
    for (uint64_t seq = head->seq - n + 1; seq <= head->seq; seq++) {
        struct row part;
        rc = aer__row_of(kv, txn, seq, head->key, head->key_size, ROW_VALUE, &part, &hold, err);
        if (rc == AER_OK && part.value_size > size - at)
            rc = aer__err_set(err, AER_CORRUPT, "row %llu: a part of the wrong size", (unsigned long long)seq);
        if (rc) break;
        if (part.value_size) memcpy(into + at, part.value, part.value_size);
        at += part.value_size;
    }
    if (rc == AER_OK && at != size)
        rc = aer__err_set(err, AER_CORRUPT, "row %llu: the parts do not add up to the value", (unsigned long long)head->seq);
    aer__buf_release(&hold);
    if (rc && into != out->buffer) aer__free(into);
    if (rc == AER_OK) out->buffer = into;
    return rc;
}

/* The value whose head row is seq. */
static int fetch_row(struct kv *kv, struct kv_txn *txn, uint64_t seq, const void *key, size_t key_size,
                     struct kv_value *out, struct err *err)
{
    struct buf hold = {0};
    struct row row;
    int rc;
    bool own = txn && txn->write && aer__txn_has(txn, seq);

    if (out->buffer && !own) {
        rc = aer__rows_into(kv, seq, key, key_size, out->buffer, out->capacity, &row, &hold, err);
        if (rc == AER_OK || rc == AER_INVALID) out->size = row.value_size;
        if (rc == AER_INVALID && !expired(&row) && row.part == 0) goto out;
        if (rc == AER_INVALID) rc = AER_OK;
        if (rc) goto out;
        if (row.part == 0 || expired(&row)) {
            if (expired(&row)) rc = AER_NOTFOUND;
            goto out;
        }
    } else {
        rc = aer__row_of(kv, txn, seq, key, key_size, ROW_VALUE, &row, &hold, err);
        if (rc) goto out;
    }
    if (expired(&row)) rc = AER_NOTFOUND;
    else if (row.is_delete || row.part > 0)
        rc = aer__err_set(err, AER_CORRUPT, "'%s' leads to row %llu, which is no value", LAYOUT_CATALOG,
                          (unsigned long long)seq);
    else if (row.part < 0) rc = take_parts(kv, txn, &row, out, err);
    else rc = take_value(&row, out, err);
out:
    aer__buf_release(&hold);
    return rc;
}

static int stat_row(struct kv *kv, struct kv_txn *txn, uint64_t seq, const void *key, size_t key_size,
                    struct kv_entry *entry, struct buf *hold, struct err *err)
{
    struct buf row_hold = {0};
    struct row row;
    int rc = aer__row_of(kv, txn, seq, key, key_size, ROW_HEAD, &row, &row_hold, err);

    if (rc) goto out;
    if (expired(&row)) {
        rc = AER_NOTFOUND;
        goto out;
    }
    *entry = (struct kv_entry){.seq = seq, .first_seq = seq, .value_size = row.value_size, .expires_ms = row.expires_ms};
    if (row.part < 0) {
        rc = parts_size(kv, txn, &row, &entry->value_size, err);
        if (rc) goto out;
        entry->first_seq = seq - (uint64_t)-row.part + 1;
    }
    hold->size = 0;
    if (row.meta) {
        rc = aer__buf_append(hold, row.meta, row.meta_size);
        if (rc == AER_OK) rc = aer__buf_append(hold, "", 1);
        if (rc) {
            rc = aer__err_nomem(err);
            goto out;
        }
        entry->meta = (const char *)hold->data;
        entry->meta_size = row.meta_size;
    }
out:
    aer__buf_release(&row_hold);
    return rc;
}

/* What is wanted of a key: its value, or what is known about it. */
struct wish {
    struct kv_value *value;
    struct kv_entry *entry;
    struct buf *hold;
};

static int grant(struct kv *kv, struct kv_txn *txn, uint64_t seq, const void *key, size_t key_size, struct wish *wish,
                 struct err *err)
{
    if (wish->value) return fetch_row(kv, txn, seq, key, key_size, wish->value, err);
    return stat_row(kv, txn, seq, key, key_size, wish->entry, wish->hold, err);
}

/* One try under the view lock. A hint that leads to another key or nowhere is no failure. */
static int look(struct kv *kv, struct kv_txn *txn, const void *key, size_t key_size, uint64_t hash, bool hints,
                struct wish *wish, bool *again, struct err *err)
{
    bool snapshot = txn && !txn->write;
    uint64_t at = snapshot ? txn->at : atomic_load_explicit(&kv->visible, memory_order_acquire);
    uint64_t seq, hint;
    const struct version *v;
    int rc, kept;

    if (txn && txn->own && (v = aer__table_find(txn->own, key, key_size, hash, UINT64_MAX)) != NULL) {
        if (v->is_delete) return AER_NOTFOUND;
        return grant(kv, txn, v->seq, key, key_size, wish, err);
    }
    hint = hints ? aer__hints_get(&kv->hints, hash) : 0;
    if (hint && hint <= at && !aer__table_find(kv->mem, key, key_size, hash, at) &&
        !(kv->imm && aer__table_find(kv->imm, key, key_size, hash, at))) {
        rc = grant(kv, txn, hint, key, key_size, wish, err);
        if (rc == AER_CORRUPT) {
            aer__err_clear(err);
            *again = true;
        }
        return rc;
    }
    rc = aer__get_seq(kv, key, key_size, hash, at, snapshot, &seq, again, err);
    if (*again || (rc && rc != AER_NOTFOUND)) return rc;
    kept = aer__txn_kept(txn, err);
    if (kept || rc) return kept ? kept : rc;
    return grant(kv, txn, seq, key, key_size, wish, err);
}

static int find(struct kv *kv, struct kv_txn *txn, const void *key, size_t key_size, struct wish *wish, struct err *err)
{
    uint64_t hash = aer__hash(key, key_size);
    struct retry retry = {0};
    bool hints = true, again;
    int rc;

    do {
        pthread_rwlock_t *view;
        /* With the turn, or at a snapshot, nothing newer concerns us. */
        rc = txn && hints ? AER_OK : aer__follow(kv, false, err);
        if (rc) return rc;
        again = false;
        view = aer__view_read(kv);
        rc = look(kv, txn, key, key_size, hash, hints, wish, &again, err);
        pthread_rwlock_unlock(view);
        hints = false;
    } while (again || aer__retry(kv, &retry, rc, err));
    return rc;
}

int aer__kv_get(struct kv *kv, struct kv_txn *txn, const void *key, size_t key_size, struct kv_value *value, struct err *err)
{
    struct wish wish = {.value = value};
    int rc = aer__kv_usable(kv, err);

    if (txn) txn->used = true;
    return rc ? rc : find(kv, txn, key, key_size, &wish, err);
}

int aer__kv_stat(struct kv *kv, struct kv_txn *txn, const void *key, size_t key_size, struct kv_entry *entry,
                 struct buf *hold, struct err *err)
{
    struct wish wish = {.entry = entry, .hold = hold};
    int rc = aer__kv_usable(kv, err);

    if (txn) txn->used = true;
    return rc ? rc : find(kv, txn, key, key_size, &wish, err);
}

int aer__get_at(struct kv *kv, struct kv_txn *txn, uint64_t seq, const void *key, size_t key_size,
                struct kv_value *value, struct kv_entry *entry, struct buf *hold, struct err *err)
{
    struct wish wish = {.value = value, .entry = entry, .hold = hold};
    struct retry retry = {0};
    int rc;

    do {
        pthread_rwlock_t *view = aer__view_read(kv);
        rc = grant(kv, txn, seq, key, key_size, &wish, err);
        pthread_rwlock_unlock(view);
    } while (aer__retry(kv, &retry, rc, err));
    return rc;
}

int aer__get_newest(struct kv *kv, const void *key, size_t key_size, uint64_t *seq, struct err *err)
{
    uint64_t hash = aer__hash(key, key_size);
    int rc;

    for (int try = 0;; try++) {
        bool again = false;
        pthread_rwlock_t *view;
        rc = aer__follow(kv, try > 0, err);
        if (rc) return rc;
        view = aer__view_read(kv);
        rc = aer__get_seq(kv, key, key_size, hash, atomic_load_explicit(&kv->visible, memory_order_acquire), false, seq,
                          &again, err);
        pthread_rwlock_unlock(view);
        if (!again || try == TRIES) return rc;
    }
}

int aer__get_exists(struct kv *kv, const void *key, size_t key_size, uint64_t *seq, struct err *err)
{
    struct buf hold = {0};
    struct kv_entry entry;
    int rc = aer__kv_stat(kv, NULL, key, key_size, &entry, &hold, err);

    aer__buf_release(&hold);
    if (rc == AER_OK) *seq = entry.seq;
    return rc;
}
