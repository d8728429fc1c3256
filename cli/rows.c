/* rows.c -- the rows of an input, one by one: objects behind each other, one a line or not, or an array of them.
 *
 * For: insert. Must not know: tables; JSON beyond where a value ends.
 *
 * Here a text is only cut into rows, in the memory of one row; the library parses each, and says what is wrong with it and at
 * which byte. So what is no JSON is handed on as a row, too. It ends where it can no longer become right: at a bracket that closes
 * another one, at the end of a line within a string, at an object where none can be (the next line, most often, after one
 * that lacks its brace). Thus one bad line does not swallow those behind it.
 */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK ((size_t)64 << 10)
#define DEPTH 4096 /* far beyond what the library takes */

void rows_init(struct rows *rows, int fd, const char *text)
{
    *rows = (struct rows){.fd = text ? -1 : fd, .data = text, .end = text ? strlen(text) : 0, .now_line = 1};
}

void rows_release(struct rows *rows)
{
    free(rows->chunk);
    free(rows->row);
    rows->chunk = rows->row = NULL;
}

/* ---- bytes ------------------------------------------------------------------------------ */

/* More bytes; ROWS_END if there are none. */
static int fill(struct rows *rows)
{
    ssize_t n;

    if (rows->fd < 0) return ROWS_END;
    if (!rows->chunk) rows->chunk = malloc(CHUNK);
    if (!rows->chunk) return ROWS_NOMEM;
    do n = read(rows->fd, rows->chunk, CHUNK);
    while (n < 0 && errno == EINTR && !cli_stopped());
    if (cli_stopped()) return ROWS_STOPPED;
    if (n < 0) return ROWS_SYSTEM;
    rows->data = rows->chunk;
    rows->start = 0;
    rows->end = (size_t)n;
    rows->read += (uint64_t)n;
    return n ? ROWS_ONE : ROWS_END;
}

/* The next byte in *c; it stays where it is. */
static int peek(struct rows *rows, char *c)
{
    int rc = rows->start < rows->end ? ROWS_ONE : fill(rows);

    *c = rc == ROWS_ONE ? rows->data[rows->start] : '\0';
    return rc;
}

static void skip(struct rows *rows)
{
    if (rows->data[rows->start++] == '\n') rows->now_line++;
}

static int skip_blanks(struct rows *rows, char *c)
{
    int rc;

    while ((rc = peek(rows, c)) == ROWS_ONE && (*c == ' ' || *c == '\t' || *c == '\r' || *c == '\n')) skip(rows);
    return rc;
}

/* The next byte becomes part of the row. A row beyond its limit ends there. */
static int take(struct rows *rows)
{
    size_t wanted;
    char *grown;

    if (rows->size == rows->capacity) {
        wanted = rows->capacity ? rows->capacity * 2 : 512;
        grown = realloc(rows->row, wanted);
        if (!grown) return ROWS_NOMEM;
        rows->row = grown;
        rows->capacity = wanted;
    }
    rows->row[rows->size++] = rows->data[rows->start];
    skip(rows);
    if (rows->size > AER_ROW_MAX) rows->ended = true;
    return ROWS_ONE;
}

/* ---- where a value ends ----------------------------------------------------------------- */

/* A string, from its quote to its quote. */
static int take_string(struct rows *rows)
{
    bool escaped = false;
    char c;
    int rc = take(rows);

    while (rc == ROWS_ONE && !rows->ended && (rc = peek(rows, &c)) == ROWS_ONE) {
        if (c == '\n') rows->ended = true;
        else rc = take(rows);
        if (c == '"' && !escaped) break;
        escaped = c == '\\' && !escaped;
    }
    return rc;
}

/* An object or array, from its bracket to its bracket. */
static int take_nested(struct rows *rows)
{
    char open[DEPTH], c, before = ',';
    size_t depth = 0;
    int rc;

    while (!rows->ended && (rc = peek(rows, &c)) == ROWS_ONE) {
        bool opens = c == '{' || c == '[', closes = c == '}' || c == ']';

        if (opens && (depth == DEPTH || !strchr("[,:", before))) rows->ended = true;
        else if (opens) open[depth++] = c == '{' ? '}' : ']';
        else if (closes && (depth == 0 || open[--depth] != c)) rows->ended = true;
        rc = c == '"' ? take_string(rows) : take(rows);
        if (rc != ROWS_ONE || depth == 0) return rc;
        if (!strchr(" \t\r\n", c)) before = c;
    }
    return rows->ended ? ROWS_ONE : rc;
}

/* Anything else: to the end of the line, or of the element. */
static int take_word(struct rows *rows)
{
    char c;
    int rc;

    while (!rows->ended && (rc = peek(rows, &c)) == ROWS_ONE) {
        if (c == '\n' || (rows->array_line && (c == ',' || c == ']'))) return ROWS_ONE;
        rc = take(rows);
        if (rc != ROWS_ONE) return rc;
    }
    return rows->ended ? ROWS_ONE : rc;
}

static int take_row(struct rows *rows, char first)
{
    int rc;

    rows->size = 0;
    rows->number++;
    rows->line = rows->now_line;
    if (first == '{' || first == '[') rc = take_nested(rows);
    else if (first == '"') rc = take_string(rows);
    else rc = take_word(rows);
    if (rc == ROWS_END) rows->ended = true; /* in the middle of it */
    return rc == ROWS_END ? ROWS_ONE : rc;
}

/* ---- between rows ----------------------------------------------------------------------- */

static int bad(struct rows *rows, const char *why)
{
    rows->line = rows->now_line;
    rows->number++;
    rows->why = why;
    return ROWS_BAD;
}

static int not_closed(struct rows *rows)
{
    snprintf(rows->why_text, sizeof(rows->why_text), "the input ends within the array that began on line %llu",
             (unsigned long long)rows->array_line);
    return bad(rows, rows->why_text);
}

/* Within an array: to the next element. ROWS_END: the array is over. */
static int next_element(struct rows *rows, char *c)
{
    int rc = skip_blanks(rows, c);

    if (rc == ROWS_ONE && *c == ']') {
        skip(rows);
        rows->array_line = 0;
        return ROWS_END;
    }
    if (rc == ROWS_ONE && rows->after_element) {
        if (*c != ',') return bad(rows, "a comma or ] is missing before it");
        skip(rows);
        rc = skip_blanks(rows, c);
        if (rc == ROWS_ONE && *c == ']') return bad(rows, "a row is missing between the comma and the ]");
    }
    if (rc == ROWS_ONE && *c == ',') return bad(rows, "a row is missing before the comma");
    return rc == ROWS_END ? not_closed(rows) : rc;
}

int rows_next(struct rows *rows)
{
    char c;
    int rc;

    if (rows->ended) return bad(rows, "it is not JSON");
    for (;;) {
        if (rows->array_line) {
            rc = next_element(rows, &c);
            if (rc == ROWS_END) continue;
            break;
        }
        rc = skip_blanks(rows, &c);
        if (rc != ROWS_ONE || c != '[') break;
        rows->array_line = rows->now_line;
        rows->after_element = false;
        skip(rows);
    }
    if (rc != ROWS_ONE) return rc;
    rows->after_element = true;
    return take_row(rows, c);
}
