/* text.c -- a node as text, both ways.
 *
 *   [
 *   ["Ann","3M2J8BNEDV2APF4X1TQ7"],
 *   ["Bob","X123M3IJW1290DEV2APF"]
 *   ]
 *
 * A node is read often, so its frame is scanned here, and the keys that are simple (null, booleans, integers of 18 digits, strings of
 * printable ASCII without escapes); all other keys go through jansson. White space may be anywhere JSON has it: people edit nodes.
 * A key keeps the text it has, but for white space in it.
 *
 * Must not know: trees, paths. Bounds from above are tree.c's.
 */
#include "index/inside.h"

#include <string.h>

#define TEXT_MAX ((size_t)64 << 20)
#define PLAIN_DIGITS 18
#define ENTRY_GUESS 40 /* bytes of text */

struct reader {
    const char *at, *end, *text;
    unsigned columns;
    struct node *node;
    struct buf key;
    const char *key_json; /* where the key's text is: in the node's, or in json */
    size_t key_json_size;
    struct buf json; /* the text of a key of several columns, or of one that had white space in it */
    struct err *why;
};

static int bad(struct reader *r, const char *reason)
{
    unsigned line = 1;

    for (const char *p = r->text; p < r->at; p++) line += *p == '\n';
    return aer__err_set(r->why, AER_CORRUPT, "line %u: %s", line, reason);
}

static void skip_space(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t' || *r->at == '\r')) r->at++;
}

/* The next character that is not white space, if it is this one. */
static bool take(struct reader *r, char c)
{
    skip_space(r);
    if (r->at == r->end || *r->at != c) return false;
    r->at++;
    return true;
}

bool aer__node_name_ok(const char *name, size_t size, size_t least, size_t most)
{
    if (size < least || size > most) return false;
    for (size_t i = 0; i < size; i++)
        if (!((name[i] >= '0' && name[i] <= '9') || (name[i] >= 'A' && name[i] <= 'Z'))) return false;
    return true;
}

/* "ABC": an id or a child's name. */
static int read_name(struct reader *r, size_t least, size_t most, const char **name, size_t *size)
{
    const char *quote;

    if (!take(r, '"')) return bad(r, "a text is missing");
    quote = memchr(r->at, '"', (size_t)(r->end - r->at));
    if (!quote) return bad(r, "a text without its end");
    *name = r->at;
    *size = (size_t)(quote - r->at);
    if (!aer__node_name_ok(*name, *size, least, most))
        return bad(r, most == TREE_ID_MAX ? "an id that is none" : "a child's name that is none");
    r->at = quote + 1;
    return AER_OK;
}

/* ---- keys ---- */

/* Where the value ends that begins at r->at; *spaced: there is white space in it. NULL: there is no end. */
static const char *value_end(const struct reader *r, bool *spaced)
{
    const char *p = r->at;
    bool in_string = false;
    unsigned depth = 0;

    for (; p < r->end; p++) {
        if (in_string) {
            if (*p == '\\') p++;
            else if (*p == '"') in_string = false;
        } else if (*p == '"') in_string = true;
        else if (*p == '[' || *p == '{') depth++;
        else if (*p == ']' || *p == '}') {
            if (!depth) return p;
            depth--;
        } else if (*p == ',' && !depth) return p;
        else if (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r') {
            if (!depth) return p;
            *spaced = true;
        }
        if (!depth && !in_string && (*p == '"' || *p == ']' || *p == '}')) return p + 1;
    }
    return NULL;
}

/* The text of the value just read; of several columns they come one behind the other. */
static int take_json(struct reader *r, const char *text, size_t size)
{
    if (r->columns == 1) {
        r->key_json = text;
        r->key_json_size = size;
        return AER_OK;
    }
    return aer__buf_append(&r->json, text, size) ? aer__err_nomem(r->why) : AER_OK;
}

static int take_canonical(struct reader *r, const json_t *value)
{
    int rc = aer__index_text(&r->json, value, r->why);

    if (r->columns > 1) return rc;
    r->key_json = (const char *)r->json.data;
    r->key_json_size = r->json.size;
    return rc;
}

static int read_any(struct reader *r)
{
    json_error_t error;
    struct err err = {0};
    bool spaced = false;
    const char *end = value_end(r, &spaced);
    json_t *value;
    int rc;

    if (!end || end == r->at) return bad(r, "a key is missing");
    if (end - r->at > INDEX_KEY_MAX) return bad(r, "a key of more than 4096 bytes");
    value = json_loadb(r->at, (size_t)(end - r->at), JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!value) {
        if (json_error_code(&error) == json_error_out_of_memory) return aer__err_nomem(r->why);
        return bad(r, "a key that is no JSON");
    }
    rc = aer__index_key(&r->key, value, &err);
    if (rc == AER_INVALID) rc = bad(r, "a key of more than 4096 bytes");
    else if (rc) aer__err_nomem(r->why);
    else if (spaced) rc = take_canonical(r, value);
    else rc = take_json(r, r->at, (size_t)(end - r->at));
    json_decref(value);
    r->at = end;
    return rc;
}

/* Is one of the eight bytes a quote, a backslash, a control character or not ASCII? */
static bool has_special(const char *eight)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t x, quote, backslash;

    memcpy(&x, eight, sizeof x);
    quote = x ^ ones * '"';
    backslash = x ^ ones * '\\';
    return ((x - ones * 0x20) | (quote - ones) | (backslash - ones) | x) & tops;
}

/* The end of a string of printable ASCII without escapes that begins at P, behind its quote; NULL: it is another one. */
static const char *plain_string(const char *p, const char *end)
{
    while (end - p >= 8 && !has_special(p)) p += 8;
    for (; p < end && *p != '"'; p++)
        if (*p < 0x20 || *p > 0x7e || *p == '\\') return NULL;
    return p < end ? p : NULL;
}

static const char *plain_integer(const char *p, const char *end, int64_t *number)
{
    const char *first;
    bool minus = p < end && *p == '-';

    p += minus;
    first = p;
    *number = 0;
    while (p < end && *p >= '0' && *p <= '9' && p - first < PLAIN_DIGITS) *number = *number * 10 + (*p++ - '0');
    if (p == first || p == end || (*first == '0' && p - first > 1)) return NULL;
    if ((*p >= '0' && *p <= '9') || *p == '.' || *p == 'e' || *p == 'E' || *p == '-' || *p == '+') return NULL;
    if (minus) *number = -*number;
    return p;
}

static const char *plain_word(const struct reader *r, unsigned char *tag)
{
    static const struct {
        const char *word;
        size_t size;
        unsigned char tag;
    } words[] = {{"null", 4, INDEX_NULL}, {"false", 5, INDEX_FALSE}, {"true", 4, INDEX_TRUE}};

    for (size_t i = 0; i < AER_COUNT(words); i++) {
        if ((size_t)(r->end - r->at) < words[i].size || memcmp(r->at, words[i].word, words[i].size) != 0) continue;
        *tag = words[i].tag;
        return r->at + words[i].size;
    }
    return NULL;
}

/* aer__index_put_string for one without NUL bytes, which most are. */
static int put_plain(struct buf *key, const char *text, size_t size)
{
    if (size + 3 > INDEX_KEY_MAX - AER_MIN(key->size, (size_t)INDEX_KEY_MAX)) return AER_INVALID;
    if (aer__buf_reserve(key, size + 3)) return AER_NOMEM;
    key->data[key->size++] = INDEX_STRING;
    if (aer__buf_append(key, text, size)) return AER_NOMEM;
    key->data[key->size++] = 0;
    key->data[key->size++] = 0;
    return AER_OK;
}

/* One value: its bytes to r->key, its text to r->json. */
static int read_value(struct reader *r)
{
    const char *begin, *end;
    unsigned char tag;
    int64_t number;
    int rc;

    skip_space(r);
    if (r->at == r->end) return bad(r, "a key is missing");
    begin = r->at;
    if (*begin == '"') {
        end = plain_string(begin + 1, r->end);
        if (!end) return read_any(r);
        rc = put_plain(&r->key, begin + 1, (size_t)(end - begin - 1));
        end++;
    } else if ((end = plain_integer(begin, r->end, &number))) {
        rc = aer__index_put_integer(&r->key, number, NULL);
    } else if ((end = plain_word(r, &tag))) {
        rc = aer__buf_append(&r->key, &tag, 1);
    } else {
        return read_any(r);
    }
    if (rc == AER_INVALID) return bad(r, "a key of more than 4096 bytes");
    if (rc) return aer__err_nomem(r->why);
    r->at = end;
    return take_json(r, begin, (size_t)(end - begin));
}

/* The key of an entry; several columns are a list of just so many. */
static int read_key(struct reader *r)
{
    int rc;

    r->key.size = r->json.size = 0;
    if (r->columns == 1) return read_value(r);
    if (!take(r, '[')) return bad(r, "a key that is no list of columns");
    rc = take_json(r, "[", 1);
    for (unsigned i = 0; !rc && i < r->columns; i++) {
        if (i && !take(r, ',')) return bad(r, "a key with too few columns");
        if (i) rc = take_json(r, ",", 1);
        if (!rc) rc = read_value(r);
    }
    if (rc) return rc;
    if (!take(r, ']')) return bad(r, "a key with too many columns");
    rc = take_json(r, "]", 1);
    r->key_json = (const char *)r->json.data;
    r->key_json_size = r->json.size;
    return rc;
}

/* Is this the key of the last bound, a null with nothing behind its entry? */
static bool is_last_bound(const struct reader *r)
{
    struct reader ahead = *r;

    skip_space(&ahead);
    if (ahead.end - ahead.at < 4 || memcmp(ahead.at, "null", 4) != 0) return false;
    ahead.at += 4;
    if (!take(&ahead, ',') || !take(&ahead, '"')) return false;
    while (ahead.at < ahead.end && *ahead.at != '"') ahead.at++;
    return take(&ahead, '"') && take(&ahead, ']') && take(&ahead, ']');
}

/* ---- entries ---- */

static int add_entry(struct reader *r, const char *id, size_t id_size, const char *name, size_t name_size)
{
    struct node *node = r->node;
    uint32_t i = node->count;
    struct record record = {r->key.data, r->key_json, id, r->key.size, r->key_json_size, id_size};

    if (r->key_json_size > INDEX_KEY_MAX || r->key.size > INDEX_KEY_MAX) return bad(r, "a key of more than 4096 bytes");
    if (i == TREE_FANOUT_MAX) return bad(r, "more than 1024 entries");
    if (aer__node_put(node, i, &record)) return aer__err_nomem(r->why);
    if (node->kids) memcpy(node->kids[i].name, name, name_size);
    if (!i || (node->kids && !r->key.size) || aer__node_compare(node, i - 1, node, i) < 0) return AER_OK;
    return bad(r, "entries out of order");
}

static int read_leaf_entry(struct reader *r)
{
    const char *id;
    size_t id_size;
    int rc = read_key(r);

    if (rc) return rc;
    if (!take(r, ',')) return bad(r, "an entry without an id");
    rc = read_name(r, 1, TREE_ID_MAX, &id, &id_size);
    if (rc) return rc;
    return add_entry(r, id, id_size, NULL, 0);
}

static int read_internal_entry(struct reader *r, bool *last)
{
    const char *name, *id = NULL;
    size_t name_size, id_size = 0;
    int rc = AER_OK;

    *last = is_last_bound(r);
    if (*last) {
        take(r, 'n');
        r->at += 3;
        r->key.size = r->key_json_size = 0;
    } else {
        rc = read_key(r);
    }
    if (rc) return rc;
    if (!take(r, ',')) return bad(r, "an entry without a child");
    rc = read_name(r, NAME_MIN_SIZE, NAME_MAX_SIZE, &name, &name_size);
    if (!rc && take(r, ',')) rc = read_name(r, 1, TREE_ID_MAX, &id, &id_size);
    if (rc) return rc;
    return add_entry(r, id, id_size, name, name_size);
}

static int read_entries(struct reader *r)
{
    bool last = false;
    int rc;

    if (!take(r, '[')) return bad(r, "no list");
    if (!r->node->leaf || !take(r, ']')) {
        do {
            if (!take(r, '[')) return bad(r, "an entry that is no list");
            rc = r->node->leaf ? read_leaf_entry(r) : read_internal_entry(r, &last);
            if (rc) return rc;
            if (!take(r, ']')) return bad(r, "an entry with too much in it");
        } while (take(r, ','));
        if (!r->node->leaf && !last) return bad(r, "the last child has a bound");
        if (!take(r, ']')) return bad(r, "the list has no end");
    }
    skip_space(r);
    return r->at == r->end ? AER_OK : bad(r, "something behind the list");
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Two children of one name would be one. */
static int check_names(struct reader *r)
{
    const struct node *node = r->node;
    const char **names;
    int rc = AER_OK;

    if (node->leaf || node->count < 2) return AER_OK;
    names = aer__alloc(node->count * sizeof *names);
    if (!names) return aer__err_nomem(r->why);
    for (uint32_t i = 0; i < node->count; i++) names[i] = node->kids[i].name;
    qsort(names, node->count, sizeof *names, compare_names);
    for (uint32_t i = 1; !rc && i < node->count; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            rc = aer__err_set(r->why, AER_CORRUPT, "two children are called %s", names[i]);
    aer__free((void *)names);
    return rc;
}

int aer__node_read(const char *text, size_t size, bool leaf, unsigned columns, struct node **node, struct err *why)
{
    struct reader r = {.at = text, .end = text + size, .text = text, .columns = columns, .why = why};
    int rc;

    *node = NULL;
    if (size > TEXT_MAX) return aer__err_set(why, AER_CORRUPT, "it has more than 64 MiB");
    r.node = aer__node_new(leaf);
    rc = r.node && !aer__node_reserve(r.node, (uint32_t)(size / ENTRY_GUESS) + 1, size) ? read_entries(&r)
                                                                                        : aer__err_nomem(why);
    if (!rc) rc = check_names(&r);
    aer__buf_release(&r.key);
    aer__buf_release(&r.json);
    if (rc) {
        aer__node_free(r.node);
        return rc;
    }
    aer__node_trim(r.node);
    r.node->dirty = r.node->changed = false;
    *node = r.node;
    return AER_OK;
}

/* ---- writing ---- */

static char *add(char *at, const void *bytes, size_t size)
{
    if (size) memcpy(at, bytes, size);
    return at + size;
}

static char *add_quoted(char *at, const char *text, size_t size)
{
    *at++ = ',';
    *at++ = '"';
    at = add(at, text, size);
    *at++ = '"';
    return at;
}

int aer__node_write(const struct node *node, struct buf *to)
{
    char *at, *begin;

    if (aer__buf_reserve(to, (size_t)node->text + 8)) return AER_NOMEM;
    at = begin = (char *)to->data + to->size;
    *at++ = '[';
    for (uint32_t i = 0; i < node->count; i++) {
        struct record r = aer__node_record(node, i);

        at = add(at, i ? ",\n[" : "\n[", i ? 3 : 2);
        at = r.key_size ? add(at, r.json, r.json_size) : add(at, "null", 4);
        if (node->kids) at = add_quoted(at, node->kids[i].name, strlen(node->kids[i].name));
        if (r.id_size) at = add_quoted(at, r.id, r.id_size);
        *at++ = ']';
    }
    at = add(at, node->count ? "\n]\n" : "]\n", node->count ? 3 : 2);
    to->size += (size_t)(at - begin);
    return AER_OK;
}
