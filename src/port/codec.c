/* codec.c -- bytes as text and back: UTF-8, base64, and the JSON line of a key.
 *
 *     {"key":"a","value":"text"}      {"key64":"/wA=","value64":"...","meta":{...},"expires":1700000000000}
 *
 * For: scan, batch, JSON lines in and out. Must not know: where lines come from.
 *
 * 1. What is written here is read back here to the same bytes, NUL and broken UTF-8 included.
 * 2. A line is refused if anything in it would be lost: an unknown member, a number where text belongs, a name twice.
 */
#include "port/port_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- UTF-8 ------------------------------------------------------------------------------ */

size_t aer__port_utf8_length(const unsigned char *data, size_t size)
{
    size_t length = size == 0         ? 0
                    : data[0] < 0x80  ? 1
                    : data[0] < 0xc2  ? 0
                    : data[0] < 0xe0  ? 2
                    : data[0] < 0xf0  ? 3
                    : data[0] <= 0xf4 ? 4
                                      : 0;

    if (length > size) return 0;
    for (size_t i = 1; i < length; i++)
        if ((data[i] & 0xc0) != 0x80) return 0;
    if (length == 3 && data[0] == 0xe0 && data[1] < 0xa0) return 0; /* longer than needed */
    if (length == 3 && data[0] == 0xed && data[1] > 0x9f) return 0; /* surrogates */
    if (length == 4 && data[0] == 0xf0 && data[1] < 0x90) return 0;
    if (length == 4 && data[0] == 0xf4 && data[1] > 0x8f) return 0; /* past U+10FFFF */
    return length;
}

bool aer__port_is_utf8(const void *data, size_t size)
{
    const unsigned char *p = data;

    while (size > 0) {
        size_t length = aer__port_utf8_length(p, size);

        if (length == 0) return false;
        p += length;
        size -= length;
    }
    return true;
}

/* ---- base64, RFC 4648 section 4, padded ------------------------------------------------- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t aer__port_base64_size(size_t size)
{
    return (size + 2) / 3 * 4;
}

void aer__port_base64(const void *data, size_t size, char *text)
{
    const unsigned char *p = data;

    for (; size > 0; text += 4) {
        unsigned long bits = (unsigned long)p[0] << 16 | (size > 1 ? (unsigned long)p[1] << 8 : 0) | (size > 2 ? p[2] : 0);

        text[0] = alphabet[bits >> 18 & 63];
        text[1] = alphabet[bits >> 12 & 63];
        text[2] = size > 1 ? alphabet[bits >> 6 & 63] : '=';
        text[3] = size > 2 ? alphabet[bits & 63] : '=';
        p += size > 2 ? 3 : size;
        size -= size > 2 ? 3 : size;
    }
}

static int digit(char c)
{
    const char *at = c ? strchr(alphabet, c) : NULL;

    return at ? (int)(at - alphabet) : -1;
}

int aer__port_base64_decode(const char *text, size_t size, void **data, size_t *data_size)
{
    size_t padding = 0, used = 0;
    unsigned char *out;

    *data = NULL;
    *data_size = 0;
    if (size % 4) return AER_INVALID;
    while (padding < 2 && padding < size && text[size - 1 - padding] == '=') padding++;
    out = malloc(size / 4 * 3 + 1);
    if (!out) return AER_NOMEM;
    for (size_t i = 0; i < size; i += 4) {
        size_t kept = i + 4 == size ? 4 - padding : 4;
        unsigned long bits = 0;

        for (size_t k = 0; k < 4; k++) {
            int value = k < kept ? digit(text[i + k]) : 0;

            if (value < 0) goto invalid;
            bits = bits << 6 | (unsigned long)value;
        }
        if (bits & ((1ul << 8 * (4 - kept)) - 1))
            goto invalid; /* bits that stand for nothing: two texts for the same bytes */
        for (size_t k = 0; k + 1 < kept; k++) out[used++] = (unsigned char)(bits >> (16 - 8 * k));
    }
    *data = out;
    *data_size = used;
    return AER_OK;
invalid:
    free(out);
    return AER_INVALID;
}

/* ---- one row out ------------------------------------------------------------------------ */

int aer__port_set_bytes(json_t *object, const char *name, aer_slice bytes)
{
    json_t *text = NULL;
    char name64[32];
    char *encoded;
    size_t size = aer__port_base64_size(bytes.size);

    if (aer__port_is_utf8(bytes.data, bytes.size)) {
        text = json_stringn_nocheck(bytes.size ? bytes.data : "", bytes.size);
        return json_object_set_new(object, name, text);
    }
    encoded = malloc(size + 1);
    if (!encoded) return -1;
    aer__port_base64(bytes.data, bytes.size, encoded);
    text = json_stringn_nocheck(encoded, size);
    free(encoded);
    snprintf(name64, sizeof(name64), "%s64", name);
    return json_object_set_new(object, name64, text);
}

static int set_entry(json_t *object, const aer_entry *entry)
{
    json_t *meta = NULL;

    if (!entry) return 0;
    if (entry->meta) meta = json_loadb(entry->meta, entry->meta_size, JSON_ALLOW_NUL, NULL);
    if (meta && json_object_set_new(object, "meta", meta)) return -1;
    return entry->expires_ms ? json_object_set_new(object, "expires", json_integer(entry->expires_ms)) : 0;
}

json_t *aer__port_row(aer_slice key, aer_slice value, const aer_entry *entry)
{
    json_t *object = json_object();

    if (!object) return NULL;
    if (aer__port_set_bytes(object, "key", key) || (value.data && aer__port_set_bytes(object, "value", value)) ||
        set_entry(object, entry)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static int write_failed(struct port_error *error)
{
    return aer__port_fail(error, AER_IO, "cannot write: %s", strerror(errno));
}

/* "value64":"..." of a value too large to hold, read through a reader. PIECE is a multiple of 3: no padding inside. */
static int stream_value(FILE *out, aer_db *db, aer_txn *txn, aer_slice key, struct port_error *error)
{
    enum { PIECE = 3 << 18 };
    struct port_reader reader = {0};
    char *piece = malloc(PIECE), *text = malloc(aer__port_base64_size(PIECE));
    size_t got = 0;
    int rc = piece && text ? aer__port_reader_open(&reader, db, txn, key, error) : aer__port_no_memory(error);

    if (rc == AER_OK && fputs(",\"value64\":\"", out) == EOF) rc = write_failed(error);
    while (rc == AER_OK) {
        rc = aer__port_reader_read(&reader, piece, PIECE, &got, error);
        if (rc != AER_OK || got == 0) break;
        aer__port_base64(piece, got, text);
        if (fwrite(text, 1, aer__port_base64_size(got), out) != aer__port_base64_size(got)) rc = write_failed(error);
    }
    if (rc == AER_OK && fputc('"', out) == EOF) rc = write_failed(error);
    aer__port_reader_close(&reader);
    free(piece);
    free(text);
    return rc;
}

int aer__port_row_write(FILE *out, aer_db *db, aer_txn *txn, const struct port_row *row, struct port_error *error)
{
    bool streamed = !row->value.data && row->value.size > 0;
    aer_slice value = streamed || row->value.data ? row->value : (aer_slice){"", 0};
    json_t *object = aer__port_row(row->name, value, row->entry);
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    int rc = AER_OK;

    if (!text) {
        rc = aer__port_no_memory(error);
    } else if (!streamed) {
        if (fputs(text, out) == EOF) rc = write_failed(error);
    } else { /* before the closing brace */
        if (fwrite(text, 1, strlen(text) - 1, out) != strlen(text) - 1) rc = write_failed(error);
        if (rc == AER_OK) rc = stream_value(out, db, txn, row->key, error);
        if (rc == AER_OK && fputc('}', out) == EOF) rc = write_failed(error);
    }
    if (rc == AER_OK && fputc('\n', out) == EOF) rc = write_failed(error);
    free(text);
    json_decref(object);
    return rc;
}
