/* read.c -- a strict JSON reader that builds jansson's values.
 *
 * Jansson's own (2.14) loses the rest of a word it has no memory for (lex_save), has one message for a bad token and for no memory, and goes
 * 2048 levels deep; so a text would have to be read twice to be sure of it. This one looks at each result, and is faster.
 *
 * 1. A value is returned only for a text that was read to its end, each byte of which is in it.
 * 2. Recursion is as deep as the text's levels, JSON_DEPTH_MAX at most.
 * 3. Strings without an escape are taken from the text; others are made in `scratch`, used as a stack: a key stays there while its value is read.
 */
#include "json/inside.h"

#include <string.h>

struct reader {
    const unsigned char *text, *at, *end;
    struct buf scratch;
    int depth;
    struct err *err;
};

/* A string as it is meant: at `plain`, or in scratch from `from`. */
struct string {
    const unsigned char *plain;
    size_t from, size;
};

static int read_value(struct reader *r, json_t **value);

static int bad(struct reader *r, const unsigned char *where, const char *why)
{
    return aer__err_set(r->err, AER_INVALID, "byte %zu: %s", (size_t)(where - r->text) + 1, why);
}

static int missing(struct reader *r, const char *what)
{
    return aer__err_set(r->err, AER_INVALID, "byte %zu: %s is missing%s", (size_t)(r->at - r->text) + 1, what,
                        r->at == r->end ? ", the text ends" : "");
}

/* The next byte that is no space; 0 at the end. (A NUL in the text is no sign of anything either.) */
static unsigned char look(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t')) r->at++;
    return r->at < r->end ? *r->at : 0;
}

/* ---- strings ---- */

/* The four hex digits at P; -1: they are not. */
static int hex4(const struct reader *r, const unsigned char *p)
{
    int value = 0;

    if (r->end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        int digit = p[i] >= '0' && p[i] <= '9'                 ? p[i] - '0'
                    : (p[i] | 32) >= 'a' && (p[i] | 32) <= 'f' ? (p[i] | 32) - 'a' + 10
                                                               : -1;

        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

static size_t encode(unsigned char *to, unsigned c)
{
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (size_t i = size - 1; i > 0; i--, c >>= 6) to[i] = (unsigned char)(0x80 | (c & 0x3f));
    to[0] = (unsigned char)(first[size == 1 ? 0 : size] | c);
    return size;
}

/* \uXXXX at the reader, two of them for what is past U+FFFF. */
static int read_unicode(struct reader *r, unsigned char *to, size_t *size)
{
    const unsigned char *start = r->at;
    int c = hex4(r, start + 2), low;

    if (c < 0) return bad(r, start, "\\u wants four hex digits");
    r->at += 6;
    if (c >= 0xd800 && c < 0xe000) {
        low = r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u' ? hex4(r, r->at + 2) : -1;
        if (c >= 0xdc00 || low < 0xdc00 || low >= 0xe000) return bad(r, start, "half of a surrogate pair");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        r->at += 6;
    }
    *size = encode(to, (unsigned)c);
    return AER_OK;
}

static int read_escape(struct reader *r)
{
    static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *name = r->end - r->at > 1 && r->at[1] ? strchr(names, r->at[1]) : NULL;
    unsigned char bytes[4];
    size_t size = 1;
    int rc;

    if (name) {
        bytes[0] = (unsigned char)meant[name - names];
        r->at += 2;
    } else if (r->end - r->at > 1 && r->at[1] == 'u') {
        rc = read_unicode(r, bytes, &size);
        if (rc) return rc;
    } else {
        return bad(r, r->at, "there is no such escape");
    }
    return aer__buf_append(&r->scratch, bytes, size) ? aer__err_nomem(r->err) : AER_OK;
}

/* From here to the next quote or escape, all of it UTF-8. */
static int read_run(struct reader *r, const unsigned char *quote)
{
    size_t size;

    for (;;) {
        r->at += aer__json_plain(r->at, r->end);
        if (r->at == r->end) return bad(r, quote, "a string that does not end");
        if (*r->at == '"' || *r->at == '\\') return AER_OK;
        if (*r->at < 0x20) return bad(r, r->at, "a control character in a string is to be escaped");
        size = aer__json_utf8(r->at, r->end);
        if (size == 0) return bad(r, r->at, "not UTF-8");
        r->at += size;
    }
}

/* The reader is at a quote. */
static int read_string(struct reader *r, struct string *string)
{
    const unsigned char *quote = r->at++, *run = r->at;
    int rc = read_run(r, quote);

    *string = (struct string){run, r->scratch.size, 0};
    while (rc == AER_OK && *r->at == '\\') {
        string->plain = NULL;
        if (aer__buf_append(&r->scratch, run, (size_t)(r->at - run))) return aer__err_nomem(r->err);
        rc = read_escape(r);
        run = r->at;
        if (rc == AER_OK) rc = read_run(r, quote);
    }
    if (rc) return rc;
    if (string->plain) string->size = (size_t)(r->at - run);
    else if (aer__buf_append(&r->scratch, run, (size_t)(r->at - run))) return aer__err_nomem(r->err);
    else string->size = r->scratch.size - string->from;
    r->at++;
    return AER_OK;
}

static const char *bytes_of(const struct reader *r, const struct string *string)
{
    return (const char *)(string->plain ? string->plain : r->scratch.data + string->from);
}

static int read_text(struct reader *r, json_t **value)
{
    struct string string;
    int rc = read_string(r, &string);

    if (rc) return rc;
    *value = json_stringn_nocheck(bytes_of(r, &string), string.size);
    r->scratch.size = string.from;
    return *value ? AER_OK : aer__err_nomem(r->err);
}

/* ---- numbers and words ---- */

static bool skip_digits(struct reader *r)
{
    const unsigned char *start = r->at;

    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') r->at++;
    return r->at > start;
}

/* Go behind a number; is it one with a point or an exponent? */
static int skip_number(struct reader *r, bool *real)
{
    const unsigned char *digits;

    *real = false;
    if (*r->at == '-') r->at++;
    digits = r->at;
    if (!skip_digits(r)) return missing(r, "a digit");
    if (*digits == '0' && r->at - digits > 1) return bad(r, digits, "a number does not begin with 0");
    if (r->at < r->end && *r->at == '.') {
        *real = true;
        r->at++;
        if (!skip_digits(r)) return missing(r, "a digit");
    }
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        *real = true;
        r->at++;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-')) r->at++;
        if (!skip_digits(r)) return missing(r, "a digit");
    }
    return AER_OK;
}

static int make_integer(struct reader *r, const unsigned char *start, json_t **value)
{
    bool negative = *start == '-';
    uint64_t sum = 0, limit = (uint64_t)INT64_MAX + negative;

    for (const unsigned char *p = start + negative; p < r->at; p++) {
        unsigned digit = *p - '0';

        if (sum > (limit - digit) / 10) return bad(r, start, "an integer past 64 bits");
        sum = sum * 10 + digit;
    }
    *value = json_integer(negative ? (json_int_t)(0 - sum) : (json_int_t)sum);
    return *value ? AER_OK : aer__err_nomem(r->err);
}

static int read_number(struct reader *r, json_t **value)
{
    const unsigned char *start = r->at;
    double number;
    bool real;
    int rc = skip_number(r, &real);

    if (rc) return rc;
    if (!real) return make_integer(r, start, value);
    if (!aer__json_read_real(start, r->at, &number)) return bad(r, start, "a number past what a double can hold");
    *value = json_real(number);
    return *value ? AER_OK : aer__err_nomem(r->err);
}

static int read_word(struct reader *r, const char *word, json_t *meant, json_t **value)
{
    size_t size = strlen(word);

    if ((size_t)(r->end - r->at) < size || memcmp(r->at, word, size) != 0) return missing(r, "a value");
    r->at += size;
    *value = meant;
    return AER_OK;
}

/* ---- arrays and objects ---- */

/* Behind an item: a comma, gone over, or CLOSE. */
static int read_comma(struct reader *r, unsigned char close, bool *more)
{
    unsigned char c = look(r);

    if (c != ',' && c != close) return missing(r, close == ']' ? "',' or ']'" : "',' or '}'");
    r->at++;
    *more = c == ',';
    return AER_OK;
}

static int read_item(struct reader *r, json_t *array)
{
    json_t *item = NULL;
    int rc = read_value(r, &item);

    if (rc) return rc;
    return json_array_append_new(array, item) ? aer__err_nomem(r->err) : AER_OK;
}

/* The key between its quotes, as it is written, some 64 bytes of it. */
static int twice(struct reader *r, const unsigned char *quote, const unsigned char *end)
{
    const unsigned char *key = quote + 1;
    int size = (int)AER_MIN(end - key, 64);

    while (key + size < end && (key[size] & 0xc0) == 0x80) size--; /* not in the middle of a character */
    return aer__err_set(r->err, AER_INVALID, "byte %zu: the key \"%.*s%s\" stands here a second time",
                        (size_t)(quote - r->text) + 1, size, (const char *)key, key + size < end ? "..." : "");
}

static int read_member(struct reader *r, json_t *object)
{
    size_t before = json_object_size(object);
    const unsigned char *quote, *end;
    json_t *value = NULL;
    struct string key;
    int rc;

    if (look(r) != '"') return missing(r, "a key in quotes");
    quote = r->at;
    rc = read_string(r, &key);
    if (rc) return rc;
    end = r->at - 1;
    if (!key.plain && memchr(bytes_of(r, &key), '\0', key.size)) return bad(r, quote, "a key with a NUL in it");
    if (look(r) != ':') return missing(r, "':'");
    r->at++;
    rc = read_value(r, &value);
    if (rc) return rc;
    rc = json_object_setn_new_nocheck(object, bytes_of(r, &key), key.size, value);
    r->scratch.size = key.from;
    if (rc) return aer__err_nomem(r->err);
    return json_object_size(object) > before ? AER_OK : twice(r, quote, end); /* else it took the first one's place */
}

/* The reader is at a bracket or a brace. */
static int read_list(struct reader *r, unsigned char close, json_t **value)
{
    json_t *list = close == ']' ? json_array() : json_object();
    bool more;
    int rc = AER_OK;

    if (!list) return aer__err_nomem(r->err);
    if (++r->depth > JSON_DEPTH_MAX) rc = bad(r, r->at, "more than 64 levels of arrays and objects");
    r->at++;
    more = rc == AER_OK && look(r) != close;
    if (rc == AER_OK && !more) r->at++;
    while (rc == AER_OK && more) {
        rc = close == ']' ? read_item(r, list) : read_member(r, list);
        if (rc == AER_OK) rc = read_comma(r, close, &more);
    }
    r->depth--;
    if (rc) json_decref(list);
    else *value = list;
    return rc;
}

static int read_value(struct reader *r, json_t **value)
{
    unsigned char c = look(r);

    if (c == '"') return read_text(r, value);
    if (c == '{') return read_list(r, '}', value);
    if (c == '[') return read_list(r, ']', value);
    if (c == '-' || (c >= '0' && c <= '9')) return read_number(r, value);
    if (c == 't') return read_word(r, "true", json_true(), value);
    if (c == 'f') return read_word(r, "false", json_false(), value);
    if (c == 'n') return read_word(r, "null", json_null(), value);
    return missing(r, "a value");
}

int aer__json_read(const void *text, size_t size, json_t **value, struct err *err)
{
    struct reader r = {.text = text, .at = text, .end = text, .err = err};
    json_t *read = NULL;
    int rc;

    *value = NULL;
    if (size == 0) return missing(&r, "a value");
    r.end += size;
    if (size > JSON_SIZE_MAX) return bad(&r, r.text + JSON_SIZE_MAX, "more than 16 MiB in one text");
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) return bad(&r, r.text, "a byte order mark");
    rc = read_value(&r, &read);
    aer__buf_release(&r.scratch);
    if (rc) return rc;
    (void)look(&r);
    if (r.at < r.end) rc = bad(&r, r.at, "something behind the value");
    if (rc) json_decref(read);
    else *value = read;
    return rc;
}
