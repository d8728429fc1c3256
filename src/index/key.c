/* key.c -- see key.h.
 *
 * Must not know: trees, files.
 *
 * Of an integer the nearest double comes first, then how far the integer lies above it: doubles are in order, the nearest one of a greater integer
 * is never smaller, and below 2^63 an integer is at most 512 away from it.
 */
#include "index/inside.h"

#include <string.h>

#define INDEX_NUMBER 0x04
#define INDEX_ARRAY 0x06
#define INDEX_OBJECT 0x07
#define INDEX_END 0x00
#define BIAS 0x8000

static int append(struct buf *to, const void *bytes, size_t size, struct err *err)
{
    if (to->size > INDEX_KEY_MAX || size > INDEX_KEY_MAX - to->size)
        return aer__err_set(err, AER_INVALID, "the indexed value has more than %d bytes", INDEX_KEY_MAX);
    return aer__buf_append(to, bytes, size) ? aer__err_nomem(err) : AER_OK;
}

static int append_byte(struct buf *to, unsigned char byte, struct err *err)
{
    return append(to, &byte, 1, err);
}

static int put_number(struct buf *to, double number, int above, struct err *err)
{
    const uint64_t sign = UINT64_C(1) << 63;
    unsigned char bytes[11];
    uint64_t bits;

    if (number == 0) number = 0; /* not -0.0 */
    memcpy(&bits, &number, sizeof bits);
    bits = bits & sign ? ~bits : bits | sign;
    bytes[0] = INDEX_NUMBER;
    aer__put_u64(bytes + 1, bits);
    bytes[9] = (unsigned char)((above + BIAS) >> 8);
    bytes[10] = (unsigned char)((above + BIAS) & 0xff);
    return append(to, bytes, sizeof bytes, err);
}

int aer__index_put_integer(struct buf *to, int64_t number, struct err *err)
{
    const double two_to_63 = 9223372036854775808.0;
    double nearest = (double)number;
    int64_t above;

    if (nearest >= two_to_63) above = number - INT64_MAX - 1; /* the cast back would overflow */
    else above = number - (int64_t)nearest;
    return put_number(to, nearest, (int)above, err);
}

/* The bytes, with 00 as 00 FF. */
static int put_escaped(struct buf *to, const char *text, size_t size, struct err *err)
{
    const char *end = text + size;
    int rc = AER_OK;

    while (!rc && text < end) {
        const char *nul = memchr(text, 0, (size_t)(end - text));
        rc = append(to, text, (size_t)((nul ? nul + 1 : end) - text), err);
        if (!rc && nul) rc = append_byte(to, 0xff, err);
        text = nul ? nul + 1 : end;
    }
    return rc;
}

int aer__index_put_string(struct buf *to, unsigned char tag, const char *text, size_t size, struct err *err)
{
    int rc = append_byte(to, tag, err);

    if (!rc) rc = put_escaped(to, text, size, err);
    if (!rc) rc = append(to, "\0", 2, err);
    return rc;
}

static int collect(const char *text, size_t size, void *to)
{
    return aer__buf_append(to, text, size) ? -1 : 0;
}

int aer__index_text(struct buf *to, const json_t *value, struct err *err)
{
    if (json_dump_callback(value, collect, to, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY))
        return aer__err_nomem(err);
    return AER_OK;
}

static int put_object(struct buf *to, const json_t *value, struct err *err)
{
    struct buf text = {0};
    int rc = aer__index_text(&text, value, err);

    if (!rc) rc = aer__index_put_string(to, INDEX_OBJECT, (const char *)text.data, text.size, err);
    aer__buf_release(&text);
    return rc;
}

/* Each level takes a byte at least, so INDEX_KEY_MAX bounds the depth. */
static int put(struct buf *to, const json_t *value, struct err *err)
{
    int rc;

    switch (json_typeof(value)) {
    case JSON_NULL: return append_byte(to, INDEX_NULL, err);
    case JSON_FALSE: return append_byte(to, INDEX_FALSE, err);
    case JSON_TRUE: return append_byte(to, INDEX_TRUE, err);
    case JSON_INTEGER: return aer__index_put_integer(to, json_integer_value(value), err);
    case JSON_REAL: return put_number(to, json_real_value(value), 0, err);
    case JSON_STRING:
        return aer__index_put_string(to, INDEX_STRING, json_string_value(value), json_string_length(value), err);
    case JSON_OBJECT: return put_object(to, value, err);
    case JSON_ARRAY: break;
    }
    rc = append_byte(to, INDEX_ARRAY, err);
    for (size_t i = 0; !rc && i < json_array_size(value); i++) rc = put(to, json_array_get(value, i), err);
    return rc ? rc : append_byte(to, INDEX_END, err);
}

int aer__index_key(struct buf *to, const json_t *value, struct err *err)
{
    size_t before = to->size;
    int rc = put(to, value, err);

    if (rc) to->size = before;
    return rc;
}

int aer__index_prefix(struct buf *to, const char *text, size_t size, struct err *err)
{
    size_t before = to->size;
    int rc = append_byte(to, INDEX_STRING, err);

    if (!rc) rc = put_escaped(to, text, size, err);
    if (rc) to->size = before;
    return rc;
}
