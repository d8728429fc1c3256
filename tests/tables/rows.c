/* rows.c -- random rows, the many ways to write them, random indexes and bounds; see moves.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "moves.h"
#include "testing.h"

/* ---- values -------------------------------------------------------------------------------- */

static struct scalar random_number(struct player *p, bool real)
{
    int32_t most = player_random(p, 3) ? 40 : 100000;
    int32_t quarters = (int32_t)player_random(p, (uint64_t)most * 8) - most * 4;

    if (!real) quarters -= quarters % 4;
    return (struct scalar){.kind = real ? IS_REAL : IS_INT, .quarters = quarters};
}

/* Few letters, so that many are equal or begin alike; among them what JSON must escape, and what takes several bytes. */
static struct scalar random_string(struct player *p)
{
    static const char *const letters[] = {"a", "a", "b", "\"", "\\", "\n", "\x01", "\xc3\xa9", "\xf0\x9f\x8c\xbb", "0"};
    struct scalar s = {.kind = IS_TEXT};
    uint64_t count = player_random(p, 6);

    while (count-- > 0) strcat(s.text, letters[player_random(p, AER_COUNT(letters))]);
    return s;
}

static struct scalar random_scalar(struct player *p)
{
    switch (player_random(p, 8)) {
    case 0: return (struct scalar){.kind = IS_NULL};
    case 1: return (struct scalar){.kind = (uint8_t)(IS_FALSE + player_random(p, 2))};
    case 2: return random_number(p, true);
    case 3:
    case 4: return random_number(p, false);
    default: return random_string(p);
    }
}

static struct field random_any(struct player *p)
{
    struct field f = {.self = random_scalar(p)};

    if (player_random(p, 3)) return f;
    f = (struct field){.self.kind = (uint8_t)(IS_LIST + player_random(p, 2))};
    if (player_random(p, 5)) f.x = random_scalar(p);
    if ((f.x.kind || f.self.kind == IS_OBJECT) && player_random(p, 5)) f.y = random_scalar(p);
    return f;
}

/* A value that column I takes. */
static struct field random_value(struct player *p, const struct table *t, int i)
{
    struct field f = {.self.kind = IS_NULL};

    if (t->form == FORM_FREE) return random_any(p);
    if (i == 0) f.self = random_number(p, false);
    if (i == 0 && t->form == FORM_KEYED) f.self.quarters = 4 * (int32_t)player_random(p, 1000000);
    if (i == 1) f.self = random_string(p);
    if (i == 1 && t->form == FORM_KEYED) sprintf(f.self.text, "key %u", (unsigned)player_random(p, 1000000));
    if (i == 2) f.self = random_number(p, player_random(p, 3));
    if (i == 3) f.self.kind = (uint8_t)(IS_FALSE + player_random(p, 2));
    return i == 4 ? random_any(p) : f;
}

static bool may_be_null(const struct table *t, int i)
{
    return !(t->form == FORM_KEYED && i == 0) && !(t->form == FORM_COLUMNS && i == 1);
}

void random_row(struct player *p, const struct table *t, struct row *row)
{
    memset(row, 0, sizeof *row);
    for (int i = 0; i < FIELDS; i++) {
        if (player_random(p, 6) == 0 && !(t->form == FORM_KEYED && i == 0)) continue;
        row->fields[i] = random_value(p, t, i);
        if (may_be_null(t, i) && player_random(p, 8) == 0) row->fields[i] = (struct field){.self.kind = IS_NULL};
        /* now and then what another row has, so that unique indexes have something to refuse */
        if (t->count && player_random(p, 30) == 0) {
            const struct field *other = &t->rows[player_random(p, t->count)]->fields[i];
            if (other->self.kind != IS_NULL && other->self.kind != NOTHING) row->fields[i] = *other;
        }
    }
    row->filling = player_random(p, 4)
                       ? -2
                       : (int32_t)player_random(p, player_random(p, p->is_large ? 12 : 50) ? 200 : FILLING_MAX);
}

static size_t member_text(const struct row *row, int i, char *text)
{
    struct row one;

    if (i == FIELDS) {
        one = (struct row){.filling = row->filling};
    } else {
        one = (struct row){.filling = -2};
        one.fields[i] = row->fields[i];
    }
    return row_text(&one, text) - 3; /* without braces and newline */
}

size_t random_json(struct player *p, const struct row *row, char text[TEXT_MAX])
{
    static const char *const spaces[] = {"", " ", "\n", "\t ", ""};
    static _Thread_local char member[TEXT_MAX];
    int first = (int)player_random(p, FIELDS + 1);
    char *at = text;

    if (player_random(p, 3) == 0) return row_text(row, text);
    at += sprintf(at, "%s{", spaces[player_random(p, 5)]);
    for (int i = 0, count = 0; i <= FIELDS; i++) {
        size_t size = member_text(row, (first + i * 5) % (FIELDS + 1), member); /* 5 and 6 have no divisor in common */

        if (size == 0 || size > TEXT_MAX) continue;
        at += sprintf(at, "%s%s", count++ ? "," : "", spaces[player_random(p, 5)]);
        memcpy(at, member + 1, size);
        at += size;
    }
    at += sprintf(at, "}%s", spaces[player_random(p, 5)]);
    return (size_t)(at - text);
}

/* ---- indexes ------------------------------------------------------------------------------- */

struct index *random_index(struct player *p, struct table *t)
{
    return t->index_count ? &t->indexes[player_random(p, t->index_count)] : NULL;
}

void random_paths(struct player *p, const struct table *t, struct index *index)
{
    index->path_count = 1 + (player_random(p, 2) ? 0 : (unsigned)player_random(p, PATHS));
    for (unsigned i = 0; i < index->path_count; i++) {
        struct path *path = &index->paths[i];

        path->field = (uint8_t)player_random(p, FIELDS);
        path->member = 0;
        if ((t->form == FORM_FREE || path->field == 4) && player_random(p, 3) == 0)
            path->member = player_random(p, 2) ? 'x' : 'y';
    }
}

/* A key that is there, or one like it, or none that could be. */
static void random_key(struct player *p, const struct table *t, const struct index *index, struct field key[PATHS])
{
    if (t->count) row_key(t->rows[player_random(p, t->count)], index, key);
    for (unsigned i = 0; i < index->path_count; i++)
        if (!t->count || player_random(p, 3) == 0) key[i] = random_any(p);
}

static unsigned random_count(struct player *p, const struct index *index)
{
    return 1 + (unsigned)player_random(p, index->path_count);
}

static void random_prefix(struct player *p, const struct index *index, struct bounds *b, char prefix[32])
{
    size_t size = 0;

    b->from_count = (unsigned)player_random(p, index->path_count);
    if (b->from[b->from_count].self.kind == IS_TEXT) strcpy(prefix, b->from[b->from_count].self.text);
    else strcpy(prefix, player_random(p, 2) ? "" : "a");
    size = player_random(p, strlen(prefix) + 1);
    while (size && ((unsigned char)prefix[size] & 0xc0) == 0x80) size--; /* not within a letter */
    prefix[size] = '\0';
    b->prefix = prefix;
}

void random_bounds(struct player *p, const struct table *t, const struct index *index, struct bounds *b, char prefix[32])
{
    uint64_t dice = player_random(p, 20);

    memset(b, 0, sizeof *b);
    random_key(p, t, index, b->from);
    if (dice < 3) {
        random_prefix(p, index, b, prefix);
        return;
    }
    if (dice < 16) b->from_count = random_count(p, index);
    b->after = b->from_count && player_random(p, 3) == 0;
    if (dice < 8) { /* equal to */
        memcpy(b->to, b->from, sizeof b->to);
        b->to_count = b->from_count;
        b->upto = true;
    } else if (dice < 12 || dice > 16) {
        random_key(p, t, index, b->to);
        b->to_count = random_count(p, index);
        b->upto = player_random(p, 2);
    }
}
