/* sealed_read.c -- rows out of a sealed bucket: one by its sequence number, or all in order.
 *
 * For: every get of the product. One row is a guess among the leaves, one read of 4096 bytes, a guess in the leaf,
 * a record header and a checksum.
 *
 * 1. A row that is returned with its value has a matching checksum, whoever read it.
 * 2. "No such row" is said only of a sound file. A flipped bit in a page number or a key hides rows, so the answer is believed only
 *    if the range of the bucket rules the row out, or all rows were read once and are as many as bucket_info says.
 * 3. What is odd goes to SQLite before it is called damage.
 *
 * Must not know: keys, but as bytes.
 */
#include "bucket/sealed.h"

#include <string.h>

#define ROW_HEAD_MAX (BUCKET_VALUE_MAX + AER_KEY_MAX + 64) /* bytes before the value: key, meta and numbers */

enum { COLUMN_SEQ, COLUMN_KEY, COLUMN_EXPIRES, COLUMN_META, COLUMN_SUM, COLUMN_PART, COLUMN_VALUE };

static int row_bad(const struct sealed *s, uint64_t seq, const char *what, struct err *err)
{
    return aer__err_set(err, AER_CORRUPT, "%s: row %llu: %s", s->path, (unsigned long long)seq, what);
}

/* Which leaf must hold seq. Rows are of much the same size, so the place in the range is a good first guess. */
static uint32_t find_leaf(const struct sealed *s, uint64_t seq)
{
    uint64_t range = s->info.last_seq - s->info.first_seq + 1;
    uint32_t low = 0, high = s->leaf_count - 1; /* greatest[leaf_count - 1] is the largest number there is */
    uint32_t middle, step = 1;

    if (seq <= s->info.first_seq || high == 0) return 0;
    middle = seq >= s->info.last_seq ? high : (uint32_t)((double)(seq - s->info.first_seq) / (double)range * s->leaf_count);
    middle = AER_MIN(middle, high);
    /* From the guess outwards in growing steps, then halving between the last two. */
    if (s->greatest[middle] < (int64_t)seq) {
        low = middle + 1;
        while (low + step < high && s->greatest[low + step] < (int64_t)seq) {
            low += step + 1;
            step *= 2;
        }
        high = AER_MIN(high, low + step);
    } else {
        high = middle;
        while (high > step && s->greatest[high - step] >= (int64_t)seq) {
            high -= step;
            step *= 2;
        }
        low = high > step ? high - step : 0;
    }
    while (low < high) {
        middle = low + (high - low) / 2;
        if (s->greatest[middle] < (int64_t)seq) low = middle + 1;
        else high = middle;
    }
    return low;
}

static int get_leaf(const struct sealed *s, uint32_t i, unsigned char *buffer, struct node *node, struct err *err)
{
    const unsigned char *page;
    int rc;

    rc = aer__page_get(&s->pages, s->leaf[i], buffer, &page, err);
    if (!rc) rc = aer__page_node(&s->pages, s->leaf[i], page, node, err);
    if (rc) return rc;
    if (node->kind != PAGE_TABLE_LEAF)
        return aer__err_set(err, AER_CORRUPT, "%s: page %lu: is not a leaf", s->path, (unsigned long)s->leaf[i]);
    return AER_OK;
}

/* The record's types are those of a bucket's row, and its sizes within limits. */
static bool types_ok(const struct record *r, uint64_t size)
{
    return RECORD_IS_NULL(r, COLUMN_SEQ) && RECORD_IS_BLOB(r, COLUMN_KEY) && RECORD_SIZE(r, COLUMN_KEY) <= AER_KEY_MAX &&
           (RECORD_IS_NULL(r, COLUMN_META) || RECORD_IS_TEXT(r, COLUMN_META)) &&
           (RECORD_IS_NULL(r, COLUMN_VALUE) || RECORD_IS_BLOB(r, COLUMN_VALUE)) &&
           size - r->at[COLUMN_VALUE] <= BUCKET_VALUE_MAX && r->at[COLUMN_VALUE] <= ROW_HEAD_MAX;
}

/* Everything before the value, from the record's first bytes at head. */
static bool take_head(const struct record *record, const unsigned char *head, uint64_t seq, struct row *row, uint64_t *sum)
{
    bool is_null;
    int64_t number;

    row->seq = seq;
    row->key = head + record->at[COLUMN_KEY];
    row->key_size = RECORD_SIZE(record, COLUMN_KEY);
    row->meta = RECORD_IS_NULL(record, COLUMN_META) ? NULL : (const char *)head + record->at[COLUMN_META];
    row->meta_size = RECORD_SIZE(record, COLUMN_META);
    row->is_delete = RECORD_IS_NULL(record, COLUMN_VALUE);
    row->value = NULL;
    row->value_size = RECORD_SIZE(record, COLUMN_VALUE);
    if (!aer__record_number(record, COLUMN_EXPIRES, head, &is_null, &row->expires_ms)) return false;
    if (!aer__record_number(record, COLUMN_PART, head, &is_null, &row->part) || !ROW_PART_OK(row->part)) return false;
    if (!aer__record_number(record, COLUMN_SUM, head, &is_null, &number) || is_null) return false;
    *sum = (uint64_t)number;
    return true;
}

/* One cell as a row. AER_INVALID: the value does not fit into wish->into; all else is there. */
static int take_row(const struct sealed *s, const struct cell *cell, const struct wish *wish, struct row *row,
                    struct buf *hold, struct err *err)
{
    uint64_t seq = (uint64_t)cell->rowid;
    size_t head_size, value_size, scratch_size = 0;
    unsigned char *scratch, *head, *value;
    struct record record;
    bool fits = true;
    uint64_t sum;
    int rc;

    if (!aer__record_parse(cell->local, cell->local_size, cell->size, BUCKET_COLUMNS, &record) ||
        !types_ok(&record, cell->size))
        return row_bad(s, seq, "its record is not well formed", err);
    head_size = (size_t)record.at[COLUMN_VALUE];
    value_size = wish->value ? (size_t)(cell->size - record.at[COLUMN_VALUE]) : 0;
    if (wish->into && value_size > wish->capacity) fits = false;
    if (!fits) value_size = 0;
    if (head_size + value_size > cell->local_size && s->pages.image_count < s->pages.count)
        scratch_size = (size_t)PAGE_RUN * PAGE_SIZE;
    hold->size = 0;
    /* One byte more, for an empty value to point at. */
    if (aer__buf_reserve(hold, scratch_size + head_size + (wish->into ? 0 : value_size) + 1))
        return aer__err_nomem(err);
    scratch = hold->data;
    head = scratch + scratch_size;
    value = wish->into ? wish->into : head + head_size;
    rc = aer__page_payload(&s->pages, cell, scratch, head, head_size, value, value_size, err);
    if (rc) return rc;
    if (!take_head(&record, head, seq, row, &sum)) return row_bad(s, seq, "its record is not well formed", err);
    if (!fits) return AER_INVALID;
    if (!wish->value) return AER_OK;
    if (!row->is_delete) row->value = value;
    if (aer__row_sum(row) != sum) return row_bad(s, seq, "checksum does not match", err);
    return AER_OK;
}

static int own_get(struct sealed *s, uint64_t seq, const struct wish *wish, struct row *row, struct buf *hold, struct err *err)
{
    uint32_t leaf = find_leaf(s, seq);
    unsigned char buffer[PAGE_SIZE];
    struct node node;
    struct cell cell;
    int64_t found;
    unsigned i;
    int rc;

    if (aer__place_cell(s, seq, s->leaf[leaf], buffer, &cell)) {
        rc = take_row(s, &cell, wish, row, hold, NULL);
        if (rc != AER_CORRUPT) return rc == AER_OK || rc == AER_INVALID ? rc : take_row(s, &cell, wish, row, hold, err);
    }
    rc = get_leaf(s, leaf, buffer, &node, err);
    if (!rc) rc = aer__page_seek(&s->pages, &node, (int64_t)seq, &i, &found, err);
    if (rc) return rc;
    if (i == node.cells || found != (int64_t)seq) return AER_NOTFOUND;
    rc = aer__page_cell(&s->pages, &node, i, &cell, err);
    if (rc) return rc;
    aer__place_learn(s, &node);
    return take_row(s, &cell, wish, row, hold, err);
}

/* The rows of leaf I, each greater than the one before and within the leaf's bounds. */
static int leaf_rows(const struct sealed *s, uint32_t i, struct walk *walk, struct err *err)
{
    const struct wish wish = {walk->with_value, NULL, 0};
    unsigned char buffer[PAGE_SIZE];
    struct node node;
    int64_t found;
    unsigned c = 0;
    int rc;

    rc = get_leaf(s, i, buffer, &node, err);
    /* In a walk's first leaf only: later on a row below walk->next is out of order, and must not be stepped over. */
    if (!rc && walk->count == 0 && walk->next > s->info.first_seq)
        rc = aer__page_seek(&s->pages, &node, (int64_t)walk->next, &c, &found, err);
    for (; !rc && c < node.cells; c++) {
        struct cell cell = {.rowid = 0};
        struct row row = {.seq = 0};

        rc = aer__page_cell(&s->pages, &node, c, &cell, err);
        if (rc) break;
        if (cell.rowid < (int64_t)walk->next || cell.rowid > s->greatest[i] || (i > 0 && cell.rowid <= s->greatest[i - 1]))
            return aer__err_set(err, AER_CORRUPT, "%s: page %lu: rows are out of order", s->path, (unsigned long)node.number);
        rc = take_row(s, &cell, &wish, &row, walk->hold, err);
        if (!rc) rc = aer__walk_give(s, walk, &row, err);
    }
    return rc;
}

int aer__walk_give(const struct sealed *s, struct walk *walk, const struct row *row, struct err *err)
{
    int rc;

    if (row->seq < walk->next || row->seq > s->info.last_seq)
        return row_bad(s, row->seq, "is out of the bucket's range", err);
    walk->count++;
    walk->next = row->seq + 1;
    rc = walk->fn ? walk->fn(walk->arg, row) : 0;
    walk->stopped = rc != 0;
    return rc;
}

/* All rows from walk->next on, by our own reader, which checks on the way that a search would find each of them. */
static int own_rows(const struct sealed *s, struct walk *walk, struct err *err)
{
    int rc = AER_OK;
    uint32_t i;

    for (i = find_leaf(s, walk->next); !rc && i < s->leaf_count; i++) rc = leaf_rows(s, i, walk, err);
    return rc;
}

static bool is_dense(const struct sealed *s)
{
    return s->rows == s->info.last_seq - s->info.first_seq + 1;
}

/* Were there as many rows from FROM on as there must be? Of a bucket with gaps only the whole is known. */
static int check_count(const struct sealed *s, uint64_t from, uint64_t count, struct err *err)
{
    uint64_t expected;

    if (from <= s->info.first_seq) expected = s->rows;
    else if (!is_dense(s)) return AER_OK;
    else expected = from > s->info.last_seq ? 0 : s->info.last_seq - from + 1;
    if (count == expected) return AER_OK;
    return aer__err_set(err, AER_CORRUPT, "%s: gives %llu rows and should have %llu", s->path,
                        (unsigned long long)count, (unsigned long long)expected);
}

static int is_row(void *arg, const struct row *row)
{
    return row->seq == *(const uint64_t *)arg;
}

/* Nobody found the row: is the file one that never had it? */
static int believe_absence(struct sealed *s, uint64_t seq, struct err *err)
{
    struct buf hold = {0};
    struct walk walk = {.next = s->info.first_seq, .with_value = true, .hold = &hold, .fn = is_row, .arg = &seq};
    const struct err no_reason = {.code = 0};
    int rc;

    if (atomic_load_explicit(&s->sound, memory_order_relaxed)) return AER_NOTFOUND;
    if (is_dense(s)) return row_bad(s, seq, "is missing", err);
    rc = s->odd ? aer__fallback_rows(s, &walk, &no_reason, err) : own_rows(s, &walk, err);
    if (walk.stopped) rc = row_bad(s, seq, "is there, but not where it belongs", err);
    if (!rc) rc = check_count(s, s->info.first_seq, walk.count, err);
    aer__buf_release(&hold);
    if (rc) return rc;
    /* SQLite checks less on its way, so its walk speaks for the one row only. */
    if (!s->odd) atomic_store_explicit(&s->sound, true, memory_order_relaxed);
    return AER_NOTFOUND;
}

/* Our reader is at a loss. Apart from get, since a struct err is large, and get is hot. */
static int second_opinion(struct sealed *s, uint64_t seq, const struct wish *wish, struct row *row, struct buf *hold,
                          struct err *err)
{
    struct err reason = {.code = 0};
    int rc;

    if (!s->odd) {
        if (err) reason = *err;
        aer__err_clear(err);
    }
    rc = aer__fallback_get(s, seq, wish, row, hold, &reason, err);
    if (rc != AER_NOTFOUND) return rc;
    if (s->odd) return believe_absence(s, seq, err);
    return aer__err_set(err, AER_CORRUPT, "%s (and SQLite finds no such row)", reason.message);
}

static int get(struct sealed *s, uint64_t seq, const struct wish *wish, struct row *row, struct buf *hold, struct err *err)
{
    int rc = AER_CORRUPT;

    if (seq < s->info.first_seq || seq > s->info.last_seq) return AER_NOTFOUND;
    if (!s->odd) rc = own_get(s, seq, wish, row, hold, err);
    if (rc == AER_NOTFOUND) rc = believe_absence(s, seq, err);
    return rc == AER_CORRUPT ? second_opinion(s, seq, wish, row, hold, err) : rc;
}

int aer__sealed_get(struct sealed *s, uint64_t seq, bool with_value, struct row *row, struct buf *hold, struct err *err)
{
    struct wish wish = {with_value, NULL, 0};

    return get(s, seq, &wish, row, hold, err);
}

int aer__sealed_get_into(struct sealed *s, uint64_t seq, void *buffer, size_t capacity, struct row *row,
                         struct buf *hold, struct err *err)
{
    unsigned char nothing;
    struct wish wish = {true, buffer ? buffer : &nothing, buffer ? capacity : 0};
    int rc;

    rc = get(s, seq, &wish, row, hold, err);
    if (rc == AER_OK && row->value == &nothing) row->value = "";
    return rc;
}

int aer__sealed_rows(struct sealed *s, uint64_t from, bool with_value, int (*fn)(void *arg, const struct row *row),
                     void *arg, struct err *err)
{
    struct buf hold = {0};
    struct walk walk = {
        .next = AER_MAX(from, s->info.first_seq), .with_value = with_value, .fn = fn, .arg = arg, .hold = &hold};
    struct err reason = {.code = 0};
    int rc = AER_CORRUPT;

    if (from > s->info.last_seq) return AER_OK;
    if (!s->odd) {
        rc = own_rows(s, &walk, err);
        if (rc == AER_CORRUPT && !walk.stopped) {
            if (err) reason = *err;
            aer__err_clear(err);
        }
    }
    if (rc == AER_CORRUPT && !walk.stopped) rc = aer__fallback_rows(s, &walk, &reason, err);
    if (!rc) rc = check_count(s, from, walk.count, err);
    aer__buf_release(&hold);
    return rc;
}
