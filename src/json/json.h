/* json.h -- JSON as tables need it: strict reading, one canonical way of writing, paths.
 *
 * Values are jansson's (2.14). Reading and writing them is ours: jansson's own parser has no depth limit of our choice, names no duplicate key's
 * place, and where it has no memory for the rest of a word it goes on without (lex_save).
 *
 * Must not know: tables, files.
 */
#ifndef AER_JSON_H
#define AER_JSON_H

#include "base/base.h"
#include <jansson.h>

#define JSON_DEPTH_MAX 64                /* objects and arrays within each other; a text of {} has depth 1 */
#define JSON_SIZE_MAX ((size_t)16 << 20) /* bytes of one text */

/* Read one JSON text: any value. Refused with AER_INVALID, "byte N: why", N counting from 1: the same key twice in an object (it is named), a key with a NUL,
 * a byte order mark, anything behind the value, integers past 64 bits, numbers too large for a double or so small that they would be 0,
 * what is not UTF-8, lone surrogates, more than JSON_DEPTH_MAX levels or JSON_SIZE_MAX bytes. A NUL in a string is a character like others.
 * AER_NOMEM never passes for a bad text, nor does it lose part of one. The value is the caller's (json_decref); NULL after a failure. */
int aer__json_read(const void *text, size_t size, json_t **value, struct err *err);

/* Append the canonical form: keys sorted by their bytes, no spaces, UTF-8 as it is, only what must be escaped is (control characters as
 * \b \f \n \r \t or \u00xx, \" and \\), doubles in the shortest form that reads back as the same and is seen to be one ("3.0", "1e300").
 * No newline. AER_NOMEM; AER_INVALID for what aer__json_read would not take back (infinity, too deep, too long, not UTF-8).
 * After a failure the buffer holds what it held. */
int aer__json_write(struct buf *to, const json_t *value, struct err *err);
int aer__json_write_string(struct buf *to, const char *text, size_t size, struct err *err);

/* The value at a path of object keys, "address.city"; NULL if there is none on the way. Borrowed. */
json_t *aer__json_at(const json_t *value, const char *path);

#endif
