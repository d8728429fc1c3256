/* sink.c -- an import's way into the database: items go into a transaction that is committed batch by batch.
 *
 * For: import_*.c. Must not know: formats.
 *
 * 1. Between two batches nothing is open, so an interrupted import is a prefix of itself, and `resume` finds it.
 * 2. With `whole` nothing is committed before the end: a source that cannot be checked beforehand is all or nothing.
 * 3. A value that is streamed has its own transaction in batch mode: if its source breaks off, only it is lost.
 */
#include "port/port_internal.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_ROWS = 1000, BATCH_BYTES = 8 << 20 };

int aer__port_sink_open(struct sink *sink, aer_db *db, const struct port_import *job, struct port_counts *counts,
                        struct port_error *error)
{
    *sink = (struct sink){.db = db, .job = job, .counts = counts};
    sink->piece = malloc(PORT_PIECE);
    sink->key = malloc(AER_KEY_MAX + 1);
    return sink->piece && sink->key ? AER_OK : aer__port_no_memory(error);
}

void aer__port_sink_close(struct sink *sink)
{
    aer_rollback(sink->txn);
    free(sink->piece);
    free(sink->key);
    memset(sink, 0, sizeof(*sink));
}

int aer__port_sink_begin(struct sink *sink, struct port_error *error)
{
    int rc = sink->txn ? AER_OK : aer_begin(sink->db, AER_WRITE, &sink->txn);

    return rc == AER_OK ? AER_OK : aer__port_fail_db(error, sink->db, rc);
}

int aer__port_sink_commit(struct sink *sink, struct port_error *error)
{
    aer_txn *txn = sink->txn;
    int rc;

    sink->txn = NULL;
    sink->rows = sink->bytes = 0;
    if (!txn) return AER_OK;
    rc = aer_commit(txn);
    if (rc != AER_OK) return aer__port_fail_db(error, sink->db, rc);
    sink->committed = *sink->counts;
    return AER_OK;
}

/* The stored key of NAME, in sink->key. */
static int make_key(struct sink *sink, aer_slice name, aer_slice *key, struct port_error *error)
{
    aer_slice prefix = sink->job->prefix;
    char text[PORT_NAME_SIZE];

    if (prefix.size + name.size == 0 || prefix.size + name.size > AER_KEY_MAX) {
        aer__port_fail(error, AER_INVALID, "the key '%s' has %zu bytes; 1 is the least, %d the most",
                       aer__port_name(name.data, name.size, text), prefix.size + name.size, AER_KEY_MAX);
        return AER_INVALID;
    }
    if (prefix.size) memcpy(sink->key, prefix.data, prefix.size);
    if (name.size) memcpy(sink->key + prefix.size, name.data, name.size);
    *key = (aer_slice){sink->key, prefix.size + name.size};
    return AER_OK;
}

/* AER_OK or AER_NOTFOUND without a message; a failure with one. */
static int find(struct sink *sink, aer_slice key, aer_entry *entry, struct port_error *error)
{
    int rc = aer__port_sink_begin(sink, error);

    if (rc != AER_OK) return rc;
    rc = aer_txn_stat(sink->txn, key.data, key.size, entry);
    return rc == AER_OK || rc == AER_NOTFOUND ? rc : aer__port_fail_db(error, sink->db, rc);
}

/* ---- resume ----------------------------------------------------------------------------- */

int aer__port_sink_same_file(struct sink *sink, aer_slice name, uint64_t size, const struct port_meta *meta, bool *same,
                             struct port_error *error)
{
    struct port_meta stored;
    aer_entry entry;
    aer_slice key = {NULL, 0};
    bool extra;
    int rc;

    *same = false;
    if (!sink->job->resume) return AER_OK;
    rc = make_key(sink, name, &key, error);
    if (rc == AER_OK) rc = find(sink, key, &entry, error);
    if (rc == AER_NOTFOUND) return AER_OK;
    if (rc != AER_OK || !entry.meta || entry.value_size != size) return rc;
    aer__port_meta_parse(entry.meta, entry.meta_size, &stored, &extra);
    *same = stored.has_mtime && stored.type == meta->type && stored.mtime_sec == meta->mtime_sec &&
            stored.mtime_nsec == meta->mtime_nsec;
    sink->counts->ignored += *same;
    return AER_OK;
}

int aer__port_sink_same_value(struct sink *sink, const struct sink_item *item, bool *same, struct port_error *error)
{
    const aer_attrs *attrs = &item->attrs;
    void *value = NULL;
    size_t size = 0;
    aer_entry entry;
    aer_slice key = {NULL, 0};
    int rc;

    *same = false;
    if (!sink->job->resume) return AER_OK;
    rc = make_key(sink, item->name, &key, error);
    if (rc == AER_OK) rc = find(sink, key, &entry, error);
    if (rc == AER_NOTFOUND) return AER_OK;
    if (rc != AER_OK || entry.value_size != item->value.size || entry.expires_ms != attrs->expires_ms ||
        entry.meta_size != attrs->meta_size || (entry.meta && memcmp(entry.meta, attrs->meta, entry.meta_size) != 0))
        return rc;
    rc = aer_txn_get(sink->txn, key.data, key.size, &value, &size);
    if (rc == AER_OK) *same = size == item->value.size && memcmp(value, item->value.data, size) == 0;
    aer_free(value);
    sink->counts->ignored += *same;
    return rc == AER_OK || rc == AER_CORRUPT ? AER_OK : aer__port_fail_db(error, sink->db, rc);
}

/* ---- put -------------------------------------------------------------------------------- */

static int stream(struct sink *sink, aer_slice key, const struct sink_item *item, uint64_t *size, struct port_error *error)
{
    aer_writer *writer = NULL;
    size_t got = item->value.size;
    const void *data = item->value.data;
    int rc = aer_writer_open(sink->txn, key.data, key.size, &item->attrs, &writer);

    while (rc == AER_OK && got > 0) {
        rc = aer_writer_write(writer, data, got);
        if (rc != AER_OK) break;
        *size += got;
        if (item->read(item->read_arg, sink->piece, PORT_PIECE, &got, error)) {
            sink->read_failed = true;
            aer_writer_abandon(writer);
            return error->code;
        }
        if (aer__port_progress(&sink->job->events, sink->counts, 0, 0, error)) {
            aer_writer_abandon(writer);
            return error->code;
        }
        data = sink->piece;
    }
    if (rc == AER_OK) rc = aer_writer_finish(writer);
    else aer_writer_abandon(writer);
    return rc == AER_OK ? AER_OK : aer__port_fail_db(error, sink->db, rc);
}

int aer__port_sink_put(struct sink *sink, const struct sink_item *item, struct port_error *error)
{
    uint64_t size = 0, most = sink->job->batch ? sink->job->batch : BATCH_ROWS;
    bool streamed = item->read != NULL, replaced;
    aer_entry entry;
    aer_slice key = {NULL, 0};
    int rc;

    sink->read_failed = false;
    rc = streamed && !sink->whole ? aer__port_sink_commit(sink, error) : AER_OK;
    if (rc == AER_OK) rc = make_key(sink, item->name, &key, error);
    if (rc != AER_OK) return rc;
    rc = find(sink, key, &entry, error);
    replaced = rc == AER_OK;
    if (rc != AER_OK && rc != AER_NOTFOUND) return rc;
    if (streamed) {
        rc = stream(sink, key, item, &size, error);
        if (rc != AER_OK) { /* the writer may have spilled parts: only a rollback takes them away */
            aer_rollback(sink->txn);
            sink->txn = NULL;
            return rc;
        }
    } else {
        size = item->value.size;
        rc = aer_txn_put_attrs(sink->txn, key.data, key.size, item->value.data, item->value.size, &item->attrs);
        if (rc != AER_OK) return aer__port_fail_db(error, sink->db, rc);
    }
    sink->counts->inserted += !replaced;
    sink->counts->replaced += replaced;
    sink->counts->bytes += size;
    sink->rows++;
    sink->bytes += size;
    if (sink->whole || (!streamed && sink->rows < most && (sink->job->batch || sink->bytes < BATCH_BYTES)))
        return AER_OK;
    return aer__port_sink_commit(sink, error);
}

/* ---- copy ------------------------------------------------------------------------------- */

static int read_other(void *arg, void *buffer, size_t capacity, size_t *got, struct port_error *error)
{
    return aer__port_reader_read(arg, buffer, capacity, got, error);
}

/* A value too large for memory: read in a snapshot of what is committed, while it is written anew. */
static int copy_large(struct sink *sink, aer_slice key, const struct sink_item *to, struct port_error *error)
{
    struct sink_item item = *to;
    struct port_reader reader = {0};
    aer_txn *txn = NULL;
    size_t got = 0;
    int rc = aer__port_sink_commit(sink, error);

    if (rc == AER_OK && aer_begin(sink->db, AER_READ, &txn) != AER_OK) rc = aer__port_fail_db(error, sink->db, AER_IO);
    if (rc == AER_OK) rc = aer__port_reader_open(&reader, sink->db, txn, key, error);
    if (rc == AER_OK) rc = aer__port_reader_read(&reader, sink->piece, PORT_PIECE, &got, error);
    if (rc == AER_OK) {
        item.value = (aer_slice){sink->piece, got};
        item.read = read_other;
        item.read_arg = &reader;
        rc = aer__port_sink_put(sink, &item, error);
    }
    aer__port_reader_close(&reader);
    aer_rollback(txn);
    return rc;
}

int aer__port_sink_copy(struct sink *sink, aer_slice from, struct sink_item *item, const struct port_meta *meta,
                        struct port_error *error)
{
    aer_entry entry;
    aer_slice key = {NULL, 0};
    size_t size = 0;
    unsigned char *kept;
    bool same = false;
    int rc = make_key(sink, from, &key, error);

    if (rc == AER_OK) rc = find(sink, key, &entry, error);
    if (rc == AER_OK) rc = aer__port_sink_same_file(sink, item->name, entry.value_size, meta, &same, error);
    if (rc != AER_OK || same) return rc;
    make_key(sink, from, &key, error); /* the other name took its place */
    if (entry.value_size <= PORT_PIECE) {
        rc = aer_txn_get_into(sink->txn, key.data, key.size, sink->piece, PORT_PIECE, &size);
        if (rc != AER_OK) return aer__port_fail_db(error, sink->db, rc);
        item->value = (aer_slice){sink->piece, size};
        return aer__port_sink_put(sink, item, error);
    }
    if (sink->whole) return AER_INVALID;
    kept = malloc(key.size + 1); /* sink->key is needed for the other one */
    if (!kept) return aer__port_no_memory(error);
    memcpy(kept, key.data, key.size);
    rc = copy_large(sink, (aer_slice){kept, key.size}, item, error);
    free(kept);
    return rc;
}
