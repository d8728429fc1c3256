/* gertrude_value.c -- what gertrude wrote for a row, as JSON.
 *
 * For: import_gertrude.c. Must not know: files, our database.
 *
 * The bytes are a stranger's. msgpack-c allocates what an array claims before it has seen its members, so the headers are
 * walked first: everything is there, nesting is bounded, and no more members are claimed than a row of ours can have.
 * That walk also knows at which byte a text breaks off.
 *
 * A member of a msgpack row is a plain value, or ExtType(1, raw), where raw is the `raw` of gertrude's class Value: a byte that
 * tells type and "not null", then the bytes of the value. There were two forms of it:
 *
 *     lib/value.py, at first          0b11TTTT0N   a string with its length before it: 0LLLLLLL, or 1LLLLLLL LLLLLLLL
 *     lib/types/value.py, from 302a25d on  0b1ETTTN00   a string without; E is set in all that is written
 *
 * T is 1 int (big-endian 64 bits), 2 str (UTF-8), 3 float (big-endian double), 4 bool (one byte); N is 1 if there is a value. So what is not null
 * has its lowest bit set in the first form only, and bit 2 with the lowest two clear in the second. A lone byte with the lowest bit clear is a
 * null of either, of whatever type: that 0xcc alone is a null float of the first form and would be an int of the second
 * does not matter, since an int has eight more bytes.
 */
#include "port/gertrude.h"

#include <math.h>
#include <msgpack.h>
#include <string.h>

enum {
    DEPTH_MAX = 32,                /* msgpack-c's own bound on arrays and maps within each other */
    MEMBERS_MAX = AER_ROW_MAX / 2, /* of all arrays and maps: each takes two bytes of JSON at least */
    VALUE_EXT = 1                  /* the ExtType of a Value */
};

static uint64_t big_endian(const unsigned char *p, size_t size)
{
    uint64_t number = 0;

    for (size_t i = 0; i < size; i++) number = number << 8 | p[i];
    return number;
}

/* ---- the walk over the headers ---------------------------------------------------------- */

/* What follows the first byte: a length of so many bytes, so many bytes anyway; and what the length counts. */
struct form {
    unsigned char length, fixed, members; /* members: 0 bytes, 1 of an array, 2 of a map */
    unsigned char count;                  /* without a length: what the first byte itself counts */
};

static struct form form_of(unsigned char first)
{
    /* 0xc0 to 0xdf. 0xc1 is never used; it is seen to before. */
    static const struct form forms[32] = {
        {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0},                /* nil, -, false, true */
        {1, 0, 0, 0}, {2, 0, 0, 0}, {4, 0, 0, 0},                              /* bin */
        {1, 1, 0, 0}, {2, 1, 0, 0}, {4, 1, 0, 0},                              /* ext */
        {0, 4, 0, 0}, {0, 8, 0, 0},                                            /* float */
        {0, 1, 0, 0}, {0, 2, 0, 0}, {0, 4, 0, 0}, {0, 8, 0, 0},                /* uint */
        {0, 1, 0, 0}, {0, 2, 0, 0}, {0, 4, 0, 0}, {0, 8, 0, 0},                /* int */
        {0, 2, 0, 0}, {0, 3, 0, 0}, {0, 5, 0, 0}, {0, 9, 0, 0}, {0, 17, 0, 0}, /* fixext */
        {1, 0, 0, 0}, {2, 0, 0, 0}, {4, 0, 0, 0},                              /* str */
        {2, 0, 1, 0}, {4, 0, 1, 0},                                            /* array */
        {2, 0, 2, 0}, {4, 0, 2, 0}                                             /* map */
    };

    if (first >= 0xc0 && first <= 0xdf) return forms[first - 0xc0];
    if (first >= 0x80 && first <= 0x8f) return (struct form){.members = 2, .count = first & 0x0f};
    if (first >= 0x90 && first <= 0x9f) return (struct form){.members = 1, .count = first & 0x0f};
    if (first >= 0xa0 && first <= 0xbf) return (struct form){.count = first & 0x1f}; /* str */
    return (struct form){0};                                                         /* small integers */
}

struct walk {
    const unsigned char *data;
    size_t size, at;
    uint64_t members; /* claimed so far */
    struct port_error *error;
};

static int cut_short(const struct walk *walk)
{
    return aer__port_fail(walk->error, AER_CORRUPT, "byte %zu: the msgpack ends in the middle", walk->size);
}

/* One header and what it holds itself; *members is how many values follow as its own. */
static int step(struct walk *walk, uint64_t *members)
{
    const unsigned char *p = walk->data + walk->at;
    size_t left = walk->size - walk->at;
    struct form form;
    uint64_t count;

    if (left == 0) return cut_short(walk);
    if (*p == 0xc1) return aer__port_fail(walk->error, AER_CORRUPT, "byte %zu: 0xc1 is no msgpack", walk->at);
    form = form_of(*p);
    if (left - 1 < form.length) return cut_short(walk);
    count = form.length ? big_endian(p + 1, form.length) : form.count;
    *members = form.members * count;
    if (form.members) count = 0; /* of bytes */
    left -= 1 + form.length;
    if (left < form.fixed || left - form.fixed < count) return cut_short(walk);
    walk->members += *members;
    if (walk->members > MEMBERS_MAX)
        return aer__port_fail(walk->error, AER_CORRUPT, "byte %zu: more values than a row can have", walk->at);
    walk->at += 1 + form.length + form.fixed + (size_t)count;
    return AER_OK;
}

/* Is there one whole msgpack value, and nothing behind it? */
static int check_shape(const void *data, size_t size, struct port_error *error)
{
    struct walk walk = {.data = data, .size = size, .error = error};
    uint64_t left[DEPTH_MAX + 1] = {1}, members = 0;
    size_t depth = 0, start;
    int rc;

    for (;;) {
        while (left[depth] == 0 && depth > 0) depth--;
        if (left[depth] == 0) break;
        left[depth]--;
        start = walk.at;
        rc = step(&walk, &members);
        if (rc != AER_OK) return rc;
        if (members == 0) continue;
        if (depth == DEPTH_MAX)
            return aer__port_fail(error, AER_CORRUPT, "byte %zu: more than %d levels of lists and maps", start, DEPTH_MAX);
        left[++depth] = members;
    }
    if (walk.at == size) return AER_OK;
    return aer__port_fail(error, AER_CORRUPT, "byte %zu: there is more behind the row", walk.at);
}

/* ---- class Value ------------------------------------------------------------------------ */

struct text {
    const unsigned char *start; /* of the file */
    struct port_error *error;
};

/* WHERE: a byte of the file, or NULL. */
static int wrong(const struct text *text, const void *where, const char *why)
{
    if (!where) return aer__port_fail(text->error, AER_CORRUPT, "%s", why);
    return aer__port_fail(text->error, AER_CORRUPT, "byte %zu: %s",
                          (size_t)((const unsigned char *)where - text->start), why);
}

/* Takes over VALUE, which is NULL if there was no memory for it. */
static int give(const struct text *text, json_t *made, json_t **value)
{
    *value = made;
    return made ? AER_OK : aer__port_no_memory(text->error);
}

static int string_json(const struct text *text, const void *bytes, size_t size, json_t **value)
{
    if (!aer__port_is_utf8(bytes, size)) return wrong(text, bytes, "a string that is not UTF-8");
    return give(text, json_stringn_nocheck(size ? bytes : "", size), value);
}

static int real_json(const struct text *text, const void *where, double number, json_t **value)
{
    if (!isfinite(number)) return wrong(text, where, "a float that JSON cannot say (NaN or infinity)");
    return give(text, json_real(number), value);
}

/* The length before a string of the first form; *size is left with the string's own bytes. */
static const unsigned char *prefixed(const unsigned char *p, size_t *size)
{
    size_t prefix = *size > 0 && *p & 0x80 ? 2 : 1;
    size_t length;

    if (*size < prefix) return NULL;
    length = prefix == 2 ? (size_t)(p[0] & 0x7f) << 8 | p[1] : p[0];
    if (length != *size - prefix) return NULL;
    *size = length;
    return p + prefix;
}

/* A value that is not null, of type 1 to 4. */
static int payload_json(const struct text *text, int type, bool first_form, const unsigned char *p, size_t size, json_t **value)
{
    const unsigned char *string;
    uint64_t bits;
    double number;

    switch (type) {
    case 1:
        if (size != 8) return wrong(text, p, "an int Value without its eight bytes");
        bits = big_endian(p, 8);
        return give(text, json_integer(bits <= INT64_MAX ? (json_int_t)bits : -(json_int_t)~bits - 1), value);
    case 2:
        string = first_form ? prefixed(p, &size) : p;
        return string ? string_json(text, string, size, value)
                      : wrong(text, p, "a str Value of another length than it says");
    case 3:
        if (size != 8) return wrong(text, p, "a float Value without its eight bytes");
        bits = big_endian(p, 8);
        memcpy(&number, &bits, sizeof(number));
        return real_json(text, p, number, value);
    default:
        if (size != 1 || *p > 1) return wrong(text, p, "a bool Value that is neither 0 nor 1");
        return give(text, json_boolean(*p), value);
    }
}

static int value_json(const struct text *text, const unsigned char *raw, size_t size, json_t **value)
{
    unsigned char header = size ? raw[0] : 0;
    bool first = (header & 0xc3) == 0xc1, second = (header & 0xc7) == 0xc4; /* not null */
    int first_type = header >> 2 & 0x0f, second_type = header >> 3 & 0x07;

    if (first && first_type >= 1 && first_type <= 4)
        return payload_json(text, first_type, true, raw + 1, size - 1, value);
    if (size == 1 && (header & 0xc3) == 0xc0 && first_type >= 1 && first_type <= 4)
        return give(text, json_null(), value);
    if (size == 1 && (header & 0x87) == 0x80 && second_type >= 1 && second_type <= 4)
        return give(text, json_null(), value);
    if (second && second_type >= 1 && second_type <= 4)
        return payload_json(text, second_type, false, raw + 1, size - 1, value);
    aer__port_fail(text->error, AER_CORRUPT, "byte %zu: 0x%02x begins no Value of gertrude",
                   size ? (size_t)(raw - text->start) : 0, header);
    return AER_CORRUPT;
}

/* ---- msgpack ---------------------------------------------------------------------------- */

static int to_json(const struct text *text, const msgpack_object *object, json_t **value);

static int array_json(const struct text *text, const msgpack_object_array *array, json_t **value)
{
    json_t *list = json_array(), *member;
    int rc = list ? AER_OK : aer__port_no_memory(text->error);

    for (uint32_t i = 0; rc == AER_OK && i < array->size; i++) {
        rc = to_json(text, &array->ptr[i], &member);
        if (rc != AER_OK) aer__port_prefix(text->error, "value %u", i + 1);
        else if (json_array_append_new(list, member)) rc = aer__port_no_memory(text->error);
    }
    if (rc == AER_OK) return give(text, list, value);
    json_decref(list);
    return rc;
}

static int member_json(const struct text *text, const msgpack_object_kv *kv, json_t *object)
{
    const msgpack_object_str *key = &kv->key.via.str;
    const char *bytes = "";
    char name[PORT_NAME_SIZE];
    json_t *member;
    int rc;

    if (kv->key.type != MSGPACK_OBJECT_STR)
        return aer__port_fail(text->error, AER_CORRUPT, "a map with a key that is no string");
    if (key->size) bytes = key->ptr; /* which is NULL for none */
    if (!aer__port_is_utf8(bytes, key->size) || memchr(bytes, '\0', key->size))
        return wrong(text, key->ptr, "a key that is no text");
    if (json_object_getn(object, bytes, key->size)) return wrong(text, key->ptr, "a key that was there before");
    rc = to_json(text, &kv->val, &member);
    if (rc != AER_OK) aer__port_prefix(text->error, "'%s'", aer__port_name(bytes, key->size, name));
    else if (json_object_setn_new_nocheck(object, bytes, key->size, member)) rc = aer__port_no_memory(text->error);
    return rc;
}

static int map_json(const struct text *text, const msgpack_object_map *map, json_t **value)
{
    json_t *object = json_object();
    int rc = object ? AER_OK : aer__port_no_memory(text->error);

    for (uint32_t i = 0; rc == AER_OK && i < map->size; i++) rc = member_json(text, &map->ptr[i], object);
    if (rc == AER_OK) return give(text, object, value);
    json_decref(object);
    return rc;
}

/* The library's strings lie in the file's own bytes, which is how a message finds its byte. No deeper than check_shape allows. */
static int to_json(const struct text *text, const msgpack_object *object, json_t **value)
{
    *value = NULL;
    switch (object->type) {
    case MSGPACK_OBJECT_NIL: return give(text, json_null(), value);
    case MSGPACK_OBJECT_BOOLEAN: return give(text, json_boolean(object->via.boolean), value);
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        if (object->via.u64 > INT64_MAX)
            return aer__port_fail(text->error, AER_CORRUPT, "%llu is more than an int of 64 bits with sign can be",
                                  (unsigned long long)object->via.u64);
        return give(text, json_integer((json_int_t)object->via.u64), value);
    case MSGPACK_OBJECT_NEGATIVE_INTEGER: return give(text, json_integer(object->via.i64), value);
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64: return real_json(text, NULL, object->via.f64, value);
    case MSGPACK_OBJECT_STR: return string_json(text, object->via.str.ptr, object->via.str.size, value);
    case MSGPACK_OBJECT_ARRAY: return array_json(text, &object->via.array, value);
    case MSGPACK_OBJECT_MAP: return map_json(text, &object->via.map, value);
    case MSGPACK_OBJECT_BIN: return wrong(text, object->via.bin.ptr, "bytes; JSON has none");
    case MSGPACK_OBJECT_EXT:
        if (object->via.ext.type == VALUE_EXT)
            return value_json(text, (const unsigned char *)object->via.ext.ptr, object->via.ext.size, value);
        aer__port_fail(text->error, AER_CORRUPT, "an extension of type %d; a Value has type 1", object->via.ext.type);
        return AER_CORRUPT;
    }
    return aer__port_fail(text->error, AER_CORRUPT, "a value of a kind unknown to us");
}

static int decode_msgpack(const void *data, size_t size, json_t **value, struct port_error *error)
{
    const struct text text = {data, error};
    msgpack_unpacked unpacked;
    size_t at = 0;
    int rc = check_shape(data, size, error);

    if (rc != AER_OK) return rc;
    msgpack_unpacked_init(&unpacked);
    switch (msgpack_unpack_next(&unpacked, data, size, &at)) {
    case MSGPACK_UNPACK_SUCCESS: rc = to_json(&text, &unpacked.data, value); break;
    case MSGPACK_UNPACK_NOMEM_ERROR: rc = aer__port_no_memory(error); break;
    default: rc = aer__port_fail(error, AER_CORRUPT, "byte %zu: this is no msgpack", at);
    }
    msgpack_unpacked_destroy(&unpacked);
    return rc;
}

static int decode_json(const void *data, size_t size, json_t **value, struct port_error *error)
{
    json_error_t cause;

    *value = json_loadb(data, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &cause);
    if (*value) return AER_OK;
    if (json_error_code(&cause) == json_error_out_of_memory) return aer__port_no_memory(error);
    return aer__port_fail(error, AER_CORRUPT, "byte %d: %s", cause.position, cause.text);
}

/* In msgpack the bytes { and [ are the numbers 123 and 91, and a number is no row: the first byte decides. */
int aer__port_gertrude_decode(const void *data, size_t size, json_t **value, struct port_error *error)
{
    const unsigned char *first = data;

    *value = NULL;
    if (size == 0) return aer__port_fail(error, AER_CORRUPT, "it is empty");
    if (*first == '{' || *first == '[') return decode_json(data, size, value, error);
    return decode_msgpack(data, size, value, error);
}

/* ---- a row ------------------------------------------------------------------------------ */

int aer__port_gertrude_row(const struct gertrude_table *table, json_t *value, json_t **row, struct port_error *error)
{
    size_t count = json_array_size(value);

    *row = NULL;
    if (json_is_object(value)) {
        *row = json_incref(value);
        return AER_OK;
    }
    if (!json_is_array(value))
        return aer__port_fail(error, AER_CORRUPT, "a row is a list or an object, this is neither");
    if (table->column_count == 0)
        return aer__port_fail(error, AER_CORRUPT, "a list of values, but the table's config names no columns");
    if (count != table->column_count)
        return aer__port_fail(error, AER_CORRUPT, "a list of %zu values for %zu columns", count, table->column_count);
    *row = json_object();
    for (size_t i = 0; *row && i < count; i++) {
        if (json_object_set_nocheck(*row, table->columns[i].name, json_array_get(value, i)) == 0) continue;
        json_decref(*row);
        *row = NULL;
    }
    return *row ? AER_OK : aer__port_no_memory(error);
}
