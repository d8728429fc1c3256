/* write.c -- the one text of a JSON value: equal values are equal bytes.
 *
 * What is written can be read again, or it is refused: no infinity, no text past JSON_SIZE_MAX, no level past JSON_DEPTH_MAX (so a
 * value that holds itself ends, too), no string that is not UTF-8, no key with a NUL. A refused value leaves the buffer as it was.
 */
#include "json/inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FEW 32 /* members of an object that are sorted without an allocation */

struct member {
    const char *key;
    size_t size;
    json_t *value;
};

struct writer {
    struct buf *to;
    size_t from; /* where in it the text begins */
    int depth;
    struct err *err;
};

static int write_value(struct writer *w, const json_t *value);

static int put(struct writer *w, const char *text, size_t size)
{
    return aer__buf_append(w->to, text, size) ? aer__err_nomem(w->err) : AER_OK;
}

static int put_byte(struct writer *w, char c)
{
    if (w->to->size == w->to->capacity && aer__buf_reserve(w->to, 1)) return aer__err_nomem(w->err);
    w->to->data[w->to->size++] = (unsigned char)c;
    return AER_OK;
}

/* ---- strings and numbers ---- */

static size_t escape(unsigned char *to, unsigned char c)
{
    static const char names[] = "btn\0fr"; /* from \b, 8, on; 11 has no name */
    static const char hex[] = "0123456789abcdef";

    to[0] = '\\';
    if (c == '"' || c == '\\') to[1] = c;
    else if (c >= 8 && c <= 13 && names[c - 8]) to[1] = (unsigned char)names[c - 8];
    else {
        to[1] = 'u';
        to[2] = to[3] = '0';
        to[4] = (unsigned char)hex[c >> 4];
        to[5] = (unsigned char)hex[c & 15];
        return 6;
    }
    return 2;
}

/* Room for what is left and the quotes, once for nearly all; each escape asks anew. */
static int write_string(struct buf *to, const unsigned char *p, size_t size, struct err *err)
{
    const unsigned char *end = p + size;
    size_t n;

    if (aer__buf_reserve(to, size + 2)) return aer__err_nomem(err);
    to->data[to->size++] = '"';
    while (p < end) {
        n = aer__json_plain(p, end);
        if (n == 0 && *p >= 0x80) n = aer__json_utf8(p, end);
        if (n) {
            memcpy(to->data + to->size, p, n);
            to->size += n;
            p += n;
            continue;
        }
        if (*p >= 0x80) return aer__err_set(err, AER_INVALID, "a string that is not UTF-8");
        if (aer__buf_reserve(to, (size_t)(end - p) + 7)) return aer__err_nomem(err);
        to->size += escape(to->data + to->size, *p++);
    }
    to->data[to->size++] = '"';
    return AER_OK;
}

int aer__json_write_string(struct buf *to, const char *text, size_t size, struct err *err)
{
    size_t before = to->size;
    int rc = write_string(to, (const unsigned char *)text, size, err);

    if (rc) to->size = before;
    return rc;
}

static int write_integer(struct writer *w, int64_t value)
{
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char text[24], *p = text + sizeof text;

    do {
        *--p = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (value < 0) *--p = '-';
    return put(w, p, (size_t)(text + sizeof text - p));
}

static int write_real(struct writer *w, double value)
{
    char text[JSON_REAL_SIZE];

    if (!isfinite(value)) return aer__err_set(w->err, AER_INVALID, "JSON has no infinity");
    return put(w, text, aer__json_write_real(text, value));
}

/* ---- arrays and objects ---- */

static int write_array(struct writer *w, const json_t *array)
{
    size_t count = json_array_size(array);
    int rc = put_byte(w, '[');

    for (size_t i = 0; rc == AER_OK && i < count; i++) {
        if (i) rc = put_byte(w, ',');
        if (rc == AER_OK) rc = write_value(w, json_array_get(array, i));
    }
    return rc ? rc : put_byte(w, ']');
}

static int compare(const struct member *a, const struct member *b)
{
    return aer__key_compare(a->key, a->size, b->key, b->size);
}

static int compare_any(const void *a, const void *b)
{
    return compare(a, b);
}

/* What was read from a text of ours is in order already: then this is one pass. */
static void sort(struct member *members, size_t count)
{
    size_t at, i;

    if (count > FEW) {
        qsort(members, count, sizeof *members, compare_any);
        return;
    }
    for (i = 1; i < count; i++) {
        struct member moved = members[i];

        for (at = i; at > 0 && compare(&moved, &members[at - 1]) < 0; at--) members[at] = members[at - 1];
        if (at < i) members[at] = moved;
    }
}

static int write_members(struct writer *w, const struct member *members, size_t count)
{
    int rc = put_byte(w, '{');

    for (size_t i = 0; rc == AER_OK && i < count; i++) {
        const struct member *m = &members[i];

        if (i) rc = put_byte(w, ',');
        if (rc == AER_OK && memchr(m->key, '\0', m->size))
            rc = aer__err_set(w->err, AER_INVALID, "a key with a NUL in it");
        if (rc == AER_OK) rc = write_string(w->to, (const unsigned char *)m->key, m->size, w->err);
        if (rc == AER_OK) rc = put_byte(w, ':');
        if (rc == AER_OK) rc = write_value(w, m->value);
    }
    return rc ? rc : put_byte(w, '}');
}

static int write_object(struct writer *w, const json_t *value)
{
    json_t *object = (json_t *)value; /* jansson's iterators change nothing either */
    size_t count = json_object_size(object), i = 0;
    struct member few[FEW], *members = few;
    int rc;

    if (count > FEW) members = aer__alloc(count * sizeof *members);
    if (!members) return aer__err_nomem(w->err);
    for (void *at = json_object_iter(object); at && i < count; at = json_object_iter_next(object, at), i++)
        members[i] = (struct member){json_object_iter_key(at), json_object_iter_key_len(at), json_object_iter_value(at)};
    sort(members, i);
    rc = write_members(w, members, i);
    if (members != few) aer__free(members);
    return rc;
}

static int write_list(struct writer *w, const json_t *list)
{
    int rc;

    if (w->depth == JSON_DEPTH_MAX)
        return aer__err_set(w->err, AER_INVALID, "more than 64 levels of arrays and objects");
    w->depth++;
    rc = json_is_array(list) ? write_array(w, list) : write_object(w, list);
    w->depth--;
    return rc;
}

static int write_value(struct writer *w, const json_t *value)
{
    if (w->to->size - w->from > JSON_SIZE_MAX) return aer__err_set(w->err, AER_INVALID, "more than 16 MiB in one text");
    switch (json_typeof(value)) {
    case JSON_OBJECT:
    case JSON_ARRAY: return write_list(w, value);
    case JSON_STRING:
        return write_string(w->to, (const unsigned char *)json_string_value(value), json_string_length(value), w->err);
    case JSON_INTEGER: return write_integer(w, json_integer_value(value));
    case JSON_REAL: return write_real(w, json_real_value(value));
    case JSON_TRUE: return put(w, "true", 4);
    case JSON_FALSE: return put(w, "false", 5);
    default: return put(w, "null", 4);
    }
}

int aer__json_write(struct buf *to, const json_t *value, struct err *err)
{
    struct writer w = {to, to->size, 0, err};
    int rc = write_value(&w, value);

    if (rc == AER_OK && to->size - w.from > JSON_SIZE_MAX)
        rc = aer__err_set(err, AER_INVALID, "more than 16 MiB in one text");
    if (rc) to->size = w.from;
    return rc;
}
