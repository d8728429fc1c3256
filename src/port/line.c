/* line.c -- one JSON line taken apart, and lines out of a descriptor.
 *
 * For: batch, and import of JSON lines. Must not know: what is done with a key.
 *
 * A line is refused if anything in it would be lost or guessed at: an unknown member, a number where text belongs, a
 * name twice. Its meta is kept as compact JSON.
 */
#include "port/port_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int bad(struct port_error *error, const char *why)
{
    return aer__port_fail(error, AER_INVALID, "%s", why);
}

/* object[NAME] or object[NAME "64"] as bytes. *there: one of them is there. */
static int take_bytes(json_t *object, const char *name, aer_slice *bytes, void **owned, bool *there, struct port_error *error)
{
    char name64[16];
    json_t *plain = json_object_get(object, name), *encoded;
    size_t size;

    snprintf(name64, sizeof(name64), "%s64", name);
    encoded = json_object_get(object, name64);
    *there = plain || encoded;
    if (plain && encoded) return aer__port_fail(error, AER_INVALID, "both \"%s\" and \"%s\"", name, name64);
    if (plain && !json_is_string(plain))
        return aer__port_fail(error, AER_INVALID, "\"%s\" is not a string; numbers and objects go in as text", name);
    if (plain) *bytes = (aer_slice){json_string_value(plain), json_string_length(plain)};
    if (!encoded) return AER_OK;
    if (!json_is_string(encoded)) return aer__port_fail(error, AER_INVALID, "\"%s\" is not a string", name64);
    if (aer__port_base64_decode(json_string_value(encoded), json_string_length(encoded), owned, &size))
        return aer__port_fail(error, AER_INVALID, "\"%s\" is not base64", name64);
    *bytes = (aer_slice){*owned, size};
    return AER_OK;
}

static int take_attrs(json_t *object, struct port_line *line, struct port_error *error)
{
    json_t *meta = json_object_get(object, "meta"), *expires = json_object_get(object, "expires");

    line->attrs.size = sizeof(line->attrs);
    if (meta && !json_is_object(meta)) return bad(error, "\"meta\" is not an object");
    if (meta) {
        line->owned[2] = json_dumps(meta, JSON_COMPACT);
        if (!line->owned[2]) return aer__port_no_memory(error);
        line->attrs.meta = line->owned[2];
        line->attrs.meta_size = strlen(line->attrs.meta);
        if (aer__port_meta_refused(line->attrs.meta, line->attrs.meta_size))
            return bad(error, aer__port_meta_refused(line->attrs.meta, line->attrs.meta_size));
    }
    if (expires && (!json_is_integer(expires) || json_integer_value(expires) < 0))
        return bad(error, "\"expires\" is not a number of milliseconds since 1970");
    if (expires) line->attrs.expires_ms = json_integer_value(expires);
    line->has_attrs = meta || expires;
    return AER_OK;
}

static int check_names(json_t *object, int kind, struct port_error *error)
{
    static const char *const known[] = {"key", "key64", "value", "value64", "meta", "expires", "op"};
    size_t count = sizeof(known) / sizeof(known[0]) - (kind == PORT_LINE_OP ? 0 : 1), i;
    const char *name;
    json_t *member;

    json_object_foreach(object, name, member)
    {
        for (i = 0; i < count && strcmp(name, known[i]) != 0; i++) continue;
        if (i == count) return aer__port_fail(error, AER_INVALID, "unknown member \"%.64s\"", name);
    }
    return AER_OK;
}

static int take_op(json_t *object, struct port_line *line, struct port_error *error)
{
    json_t *op = json_object_get(object, "op");

    if (!op) return bad(error, "\"op\" is missing");
    if (!json_is_string(op)) return bad(error, "\"op\" is not a string");
    line->is_delete = strcmp(json_string_value(op), "del") == 0;
    if (line->is_delete || strcmp(json_string_value(op), "put") == 0) return AER_OK;
    return aer__port_fail(error, AER_INVALID, "unknown op \"%.64s\"; they are put and del", json_string_value(op));
}

static int take_members(json_t *object, int kind, struct port_line *line, struct port_error *error)
{
    bool has_key, has_value;
    int rc = check_names(object, kind, error);

    if (rc == AER_OK && kind == PORT_LINE_OP) rc = take_op(object, line, error);
    if (rc == AER_OK) rc = take_bytes(object, "key", &line->key, &line->owned[0], &has_key, error);
    if (rc == AER_OK) rc = take_bytes(object, "value", &line->value, &line->owned[1], &has_value, error);
    if (rc == AER_OK) rc = take_attrs(object, line, error);
    if (rc != AER_OK) return rc;
    if (!has_key) return bad(error, "\"key\" is missing");
    if (line->key.size == 0) return bad(error, "the key is empty");
    if (line->key.size > AER_KEY_MAX)
        return aer__port_fail(error, AER_INVALID, "the key has %zu bytes, %d is the most", line->key.size, AER_KEY_MAX);
    if (line->is_delete && (has_value || line->has_attrs)) return bad(error, "a del takes a key and nothing else");
    if (!line->is_delete && !has_value) return bad(error, "\"value\" is missing");
    return AER_OK;
}

int aer__port_line_parse(const char *text, size_t size, int kind, struct port_line *line, struct port_error *error)
{
    json_error_t json_error;
    int rc;

    memset(line, 0, sizeof(*line));
    line->object = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &json_error);
    if (!line->object)
        return aer__port_fail(error, AER_INVALID, "not JSON, at byte %d: %s", json_error.position, json_error.text);
    if (!json_is_object(line->object)) rc = bad(error, "not a JSON object");
    else rc = take_members(line->object, kind, line, error);
    if (rc != AER_OK) aer__port_line_release(line);
    return rc;
}

void aer__port_line_release(struct port_line *line)
{
    for (int i = 0; i < 3; i++) free(line->owned[i]);
    json_decref(line->object);
    memset(line, 0, sizeof(*line));
}

/* ---- lines ------------------------------------------------------------------------------ */

void aer__port_lines_init(struct port_lines *lines, int fd)
{
    memset(lines, 0, sizeof(*lines));
    lines->fd = fd;
}

void aer__port_lines_release(struct port_lines *lines)
{
    free(lines->buffer);
    lines->buffer = NULL;
}

/* More bytes behind `end`; the unread part moves to the front first. */
static int fill(struct port_lines *lines, struct port_error *error)
{
    size_t wanted;
    char *grown;
    ssize_t n;

    if (lines->start > 0) {
        memmove(lines->buffer, lines->buffer + lines->start, lines->end - lines->start);
        lines->end -= lines->start;
        lines->start = 0;
    }
    if (lines->end == lines->capacity) {
        wanted = lines->capacity ? lines->capacity * 2 : 1 << 16;
        grown = wanted > PORT_LINE_MAX ? NULL : realloc(lines->buffer, wanted);
        if (wanted > PORT_LINE_MAX)
            return aer__port_fail(error, AER_INVALID, "longer than %llu bytes; values of that size travel in tar",
                                  (unsigned long long)PORT_LINE_MAX / 2);
        if (!grown) return aer__port_no_memory(error);
        lines->buffer = grown;
        lines->capacity = wanted;
    }
    do n = read(lines->fd, lines->buffer + lines->end, lines->capacity - lines->end);
    while (n < 0 && errno == EINTR);
    if (n < 0) return aer__port_fail(error, AER_IO, "cannot read: %s", strerror(errno));
    lines->at_end = n == 0;
    lines->end += (size_t)n;
    lines->read += (uint64_t)n;
    return AER_OK;
}

static int next_line(struct port_lines *lines, char **line, size_t *size, struct port_error *error)
{
    size_t searched = 0;
    int rc;

    lines->number++;
    for (;;) {
        char *start = lines->buffer + lines->start;
        size_t held = lines->end - lines->start;
        char *newline = held > searched ? memchr(start + searched, '\n', held - searched) : NULL;

        if (newline || (lines->at_end && held > 0)) {
            *line = start;
            *size = newline ? (size_t)(newline - start) : held;
            lines->start += *size + (newline ? 1 : 0);
            return AER_OK;
        }
        if (lines->at_end) return AER_DONE;
        searched = held;
        rc = fill(lines, error);
        if (rc != AER_OK) return rc;
    }
}

static bool is_blank(const char *text, size_t size)
{
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t' || text[size - 1] == '\r')) size--;
    return size == 0;
}

int aer__port_lines_next(struct port_lines *lines, char **line, size_t *size, struct port_error *error)
{
    int rc;

    do rc = next_line(lines, line, size, error);
    while (rc == AER_OK && is_blank(*line, *size));
    return rc;
}
