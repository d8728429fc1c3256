/* source.c -- an export's way out of the database: one snapshot, key after key, values in pieces.
 *
 * For: export_*.c, and scan's large values. Must not know: formats.
 *
 * A value that cannot be read is told, counted as damaged, and left out; the rest goes on.
 */
#include "port/port_internal.h"

#include <stdlib.h>
#include <string.h>

int aer__port_reader_open(struct port_reader *reader, aer_db *db, aer_txn *txn, aer_slice key, struct port_error *error)
{
    int rc;

    *reader = (struct port_reader){.db = db};
    rc = aer_reader_open(txn, key.data, key.size, &reader->reader, &reader->size);
    return rc == AER_OK ? AER_OK : aer__port_fail_db(error, db, rc);
}

int aer__port_reader_read(struct port_reader *reader, void *buffer, size_t capacity, size_t *got, struct port_error *error)
{
    size_t filled = 0;
    int rc = AER_OK;

    *got = 1;
    while (rc == AER_OK && *got > 0 && filled < capacity) { /* full pieces: base64 must not pad in the middle */
        rc = aer_reader_read(reader->reader, reader->offset, (char *)buffer + filled, capacity - filled, got);
        if (rc != AER_OK) return aer__port_fail_db(error, reader->db, rc);
        filled += *got;
        reader->offset += *got;
    }
    *got = filled;
    return AER_OK;
}

void aer__port_reader_close(struct port_reader *reader)
{
    aer_reader_close(reader->reader);
    reader->reader = NULL;
}

int aer__port_source_open(struct source *source, aer_db *db, const struct port_export *job, struct port_counts *counts,
                          struct port_error *error)
{
    aer_range range = {.size = sizeof(range), .prefix = job->prefix, .value_limit = PORT_PIECE};
    aer_stats stats = {0};
    int rc;

    *source = (struct source){.db = db, .job = job, .counts = counts};
    if (job->prefix.size == 0 && aer_status(db, &stats) == AER_OK) source->expected = stats.keys;
    rc = aer_begin(db, AER_READ, &source->txn);
    if (rc == AER_OK) rc = aer_scan(source->txn, &range, &source->cursor);
    return rc == AER_OK ? AER_OK : aer__port_fail_db(error, db, rc);
}

void aer__port_source_close(struct source *source)
{
    aer_cursor_close(source->cursor);
    aer_rollback(source->txn);
    memset(source, 0, sizeof(*source));
}

int aer__port_source_next(struct source *source, struct source_item *item, struct port_error *error)
{
    const struct port_events *events = &source->job->events;
    int rc;

    memset(item, 0, sizeof(*item));
    while ((rc = aer_next(source->cursor, &item->key, &item->value)) == AER_CORRUPT && item->key.data) {
        source->counts->damaged++;
        aer__port_skip(events, source->counts, item->key, aer_errmsg(source->db));
    }
    if (rc == AER_OK) rc = aer_cursor_entry(source->cursor, &item->entry);
    if (rc == AER_DONE) return rc;
    if (rc != AER_OK) return aer__port_fail_db(error, source->db, rc);
    item->name.data = (const char *)item->key.data + source->job->prefix.size;
    item->name.size = item->key.size - source->job->prefix.size;
    if (item->value.size == 0) item->value.data = "";
    if (item->entry.meta) aer__port_meta_parse(item->entry.meta, item->entry.meta_size, &item->meta, &item->more_meta);
    return aer__port_progress(events, source->counts, source->counts->exported, source->expected, error);
}

int aer__port_source_value(struct source *source, const struct source_item *item, port_write write, void *arg,
                           struct port_error *error)
{
    struct port_reader reader = {0};
    char *piece;
    size_t got = 0;
    int rc;

    if (item->value.data) return item->value.size ? write(arg, item->value.data, item->value.size, error) : AER_OK;
    piece = malloc(PORT_PIECE);
    rc = piece ? aer__port_reader_open(&reader, source->db, source->txn, item->key, error) : aer__port_no_memory(error);
    while (rc == AER_OK) {
        rc = aer__port_reader_read(&reader, piece, PORT_PIECE, &got, error);
        if (rc != AER_OK || got == 0) break;
        rc = write(arg, piece, got, error);
        if (rc == AER_OK) rc = aer__port_progress(&source->job->events, source->counts, 0, 0, error);
    }
    aer__port_reader_close(&reader);
    free(piece);
    return rc;
}

const char *aer__port_unsafe(aer_slice name)
{
    const char *p = name.data, *end = p + name.size, *slash;

    if (name.size == 0) return "nothing is left of its name";
    if (memchr(p, '\0', name.size)) return "its name holds a NUL byte";
    if (*p == '/') return "its name is an absolute path";
    for (; p < end; p = slash + 1) {
        size_t size;

        slash = memchr(p, '/', (size_t)(end - p));
        if (!slash) slash = end;
        size = (size_t)(slash - p);
        if (size == 0) return "its path has an empty component";
        if ((size == 1 && p[0] == '.') || (size == 2 && p[0] == '.' && p[1] == '.'))
            return "its path has a component . or ..";
    }
    return NULL;
}
