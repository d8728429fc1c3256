/* row.c -- one row of a bucket: its checksum, its size, its way into and out of an SQLite statement.
 *
 * For: image.c, active.c and the readers of sealed files.
 * Must not know: which file the row is in, but for its name in messages.
 *
 * The sum covers the sequence number and every size besides the bytes, so that a row that moved to another place, or lost
 * a byte of its key to its value, is noticed as surely as one with a flipped bit.
 */
#include "bucket/format.h"

#include <string.h>

#define ABSENT UINT64_MAX /* the size of what is NULL, as the sum sees it */

/* What a page of 4096 bytes with 8 reserved ones can hold; see page.c. */
#define PAGE_BYTES 4096u
#define PAGE_ROOM 4080u /* on a leaf, behind its header */
#define LOCAL_MAX 4053u /* a larger payload goes on to overflow pages */
#define LOCAL_MIN 488u
#define OVERFLOW_ROOM 4084u

uint64_t aer__row_sum(const struct row *row)
{
    unsigned char head[64] = {0};
    const char *meta = row->meta ? row->meta : "";
    size_t meta_size = row->meta ? row->meta_size : 0;
    const void *value = row->is_delete || row->value_size == 0 ? "" : row->value;
    size_t value_size = row->is_delete ? 0 : row->value_size;
    uint64_t sum;

    aer__put_u64(head, row->seq);
    aer__put_u64(head + 8, row->key_size);
    aer__put_u64(head + 16, row->is_delete ? ABSENT : (uint64_t)value_size);
    aer__put_u64(head + 24, row->meta ? (uint64_t)meta_size : ABSENT);
    aer__put_u64(head + 32, (uint64_t)row->expires_ms);
    aer__put_u64(head + 40, (uint64_t)row->part);
    sum = aer__hash(head, sizeof head);
    sum = aer__hash_seed(row->key_size ? row->key : "", row->key_size, sum);
    sum = aer__hash_seed(meta, meta_size, sum);
    return aer__hash_seed(value, value_size, sum);
}

static unsigned varint_size(uint64_t v)
{
    unsigned n = 1;

    while (v > 0x7f && n < 9) {
        v >>= 7;
        n++;
    }
    return n;
}

uint64_t aer__row_bytes(const struct row *row)
{
    uint64_t value_size = row->is_delete ? 0 : row->value_size;
    uint64_t meta_size = row->meta ? row->meta_size : 0;
    uint64_t payload, cell, over;
    uint64_t pages = 0;

    /* Header: its own size, and seven types; of them seq, expires, sum and part take a byte each. */
    payload = 5 + varint_size(2 * row->key_size + 12) + varint_size(2 * meta_size + 13) + varint_size(2 * value_size + 12);
    payload += row->key_size + meta_size + value_size + 8;
    payload += (row->expires_ms ? 6 : 0) + (row->part ? 2 : 0);
    cell = 2 + varint_size(payload) + varint_size(row->seq);
    if (payload <= LOCAL_MAX) {
        cell += payload;
    } else {
        over = LOCAL_MIN + (payload - LOCAL_MIN) % OVERFLOW_ROOM;
        if (over > LOCAL_MAX) over = LOCAL_MIN;
        cell += over + 4;
        pages = (payload - over + OVERFLOW_ROOM - 1) / OVERFLOW_ROOM;
    }
    /* Rows are not split over leaves: two rows of 2,100 bytes take two pages. */
    if (cell <= PAGE_ROOM) cell = PAGE_BYTES / (PAGE_ROOM / cell);
    return cell + pages * PAGE_BYTES;
}

bool aer__row_ok(const struct row *row)
{
    return row->seq >= 1 && row->seq <= INT64_MAX && row->key_size <= AER_KEY_MAX &&
           row->value_size <= BUCKET_VALUE_MAX && row->meta_size <= BUCKET_VALUE_MAX && ROW_PART_OK(row->part);
}

static int bind_bytes(sqlite3_stmt *stmt, int column, const void *data, size_t size)
{
    /* A NULL pointer would be bound as NULL, which means something else here. */
    return sqlite3_bind_blob64(stmt, column, size ? data : "", size, SQLITE_STATIC);
}

static int bind_number(sqlite3_stmt *stmt, int column, int64_t number)
{
    return number ? sqlite3_bind_int64(stmt, column, number) : sqlite3_bind_null(stmt, column);
}

int aer__row_insert(sqlite3 *db, const char *name, sqlite3_stmt *insert, const struct row *row, struct err *err)
{
    int rc;

    if (!aer__row_ok(row))
        return aer__err_set(err, AER_INVALID, "row %llu: a size is out of its limits", (unsigned long long)row->seq);
    rc = sqlite3_bind_int64(insert, 1, (int64_t)row->seq);
    if (rc == SQLITE_OK) rc = bind_bytes(insert, 2, row->key, row->key_size);
    if (rc == SQLITE_OK) rc = bind_number(insert, 3, row->expires_ms);
    if (rc == SQLITE_OK && row->meta)
        rc = sqlite3_bind_text64(insert, 4, row->meta, row->meta_size, SQLITE_STATIC, SQLITE_UTF8);
    else if (rc == SQLITE_OK) rc = sqlite3_bind_null(insert, 4);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int64(insert, 5, (int64_t)aer__row_sum(row));
    if (rc == SQLITE_OK) rc = bind_number(insert, 6, row->part);
    if (rc == SQLITE_OK && row->is_delete) rc = sqlite3_bind_null(insert, 7);
    else if (rc == SQLITE_OK) rc = bind_bytes(insert, 7, row->value, row->value_size);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(insert);
        if (rc == SQLITE_DONE) rc = SQLITE_OK;
    }
    /* The message must be read before the reset, which repeats the code but may lose the errno behind it. */
    rc = rc == SQLITE_OK ? AER_OK : aer__sq_err(err, db, rc, name);
    sqlite3_reset(insert);
    return rc;
}

static bool number_or_null(sqlite3_stmt *select, int column, int64_t *number)
{
    int type = sqlite3_column_type(select, column);

    *number = sqlite3_column_int64(select, column); /* 0 for NULL */
    return type == SQLITE_INTEGER || type == SQLITE_NULL;
}

/* Columns into row; false if one has a type that we never write. */
static bool take_columns(sqlite3_stmt *select, bool with_value, struct row *row)
{
    int meta_type = sqlite3_column_type(select, 3);
    int value_type = sqlite3_column_type(select, 6);

    row->seq = (uint64_t)sqlite3_column_int64(select, 0);
    if (sqlite3_column_type(select, 1) != SQLITE_BLOB || sqlite3_column_type(select, 4) != SQLITE_INTEGER) return false;
    row->key = sqlite3_column_blob(select, 1);
    row->key_size = (size_t)sqlite3_column_bytes(select, 1);
    if (!row->key) row->key = "";
    if (!number_or_null(select, 2, &row->expires_ms) || !number_or_null(select, 5, &row->part)) return false;
    if (meta_type == SQLITE_TEXT) {
        row->meta = (const char *)sqlite3_column_text(select, 3);
        row->meta_size = (size_t)sqlite3_column_bytes(select, 3);
        if (!row->meta) return false;
    } else if (meta_type != SQLITE_NULL) {
        return false;
    }
    row->is_delete = value_type == SQLITE_NULL;
    if (row->is_delete) return true;
    if (value_type != (with_value ? SQLITE_BLOB : SQLITE_INTEGER)) return false;
    if (!with_value) {
        row->value_size = (size_t)sqlite3_column_int64(select, 6);
        return true;
    }
    row->value = sqlite3_column_blob(select, 6);
    row->value_size = (size_t)sqlite3_column_bytes(select, 6);
    if (!row->value) row->value = "";
    return true;
}

int aer__row_column(sqlite3_stmt *select, const char *name, bool with_value, struct row *row, struct err *err)
{
    bool good;

    *row = (struct row){0};
    good = take_columns(select, with_value, row);
    if (aer__sq_column_nomem(select)) return aer__err_nomem(err);
    if (!good || !aer__row_ok(row))
        return aer__err_set(err, AER_CORRUPT, "%s: row %llu: a column has a type or size that is never written", name,
                            (unsigned long long)row->seq);
    if (with_value && aer__row_sum(row) != (uint64_t)sqlite3_column_int64(select, 4))
        return aer__err_set(err, AER_CORRUPT, "%s: row %llu: checksum does not match", name, (unsigned long long)row->seq);
    return AER_OK;
}

int aer__row_keep(struct row *row, struct buf *hold, struct err *err)
{
    size_t value_size = row->value ? row->value_size : 0;
    unsigned char *p;

    hold->size = 0;
    /* One byte more, so that there is something to point at when all is empty. */
    if (aer__buf_reserve(hold, row->key_size + row->meta_size + value_size + 1)) return aer__err_nomem(err);
    p = hold->data;
    if (row->key_size) memcpy(p, row->key, row->key_size);
    row->key = p;
    p += row->key_size;
    if (row->meta_size) memcpy(p, row->meta, row->meta_size);
    if (row->meta) row->meta = (const char *)p;
    p += row->meta_size;
    if (value_size) memcpy(p, row->value, value_size);
    if (row->value) row->value = p;
    return AER_OK;
}
