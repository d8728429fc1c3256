/* json.h -- JSON as tables need it: strict reading, one canonical way of writing, paths.
 *
 * Jansson (2.14) does the parsing; what it leaves open is settled here: a depth limit, messages with the byte, doubles in
 * their shortest form, and that a want of memory is never taken for a bad text.
 *
 * Must not know: tables, files.
 */
#ifndef AER_JSON_H
#define AER_JSON_H

#include "base/base.h"
#include <jansson.h>

#define JSON_DEPTH_MAX 64                /* objects and arrays within each other; a text of {} has depth 1 */
#define JSON_SIZE_MAX ((size_t)16 << 20) /* bytes of one text */

/* Read one JSON text: any value. Duplicate keys in an object, a byte order mark, bytes behind the value, NaN, integers past 64 bits, reals past a
 * double, broken UTF-8, lone surrogates, more than JSON_DEPTH_MAX levels, more than JSON_SIZE_MAX bytes: AER_INVALID, "byte N: why" (N counts from 1; a duplicate key is
 * named). AER_NOMEM never passes for a bad text, nor does it lose part of one. The value is the caller's (json_decref). */
int aer__json_read(const void *text, size_t size, json_t **value, struct err *err);

/* Append the canonical form: keys sorted by their bytes, no spaces, UTF-8 as it is, only what must be escaped is (control characters as \b \f \n \r \t or \u00xx, \" and \\),
 * doubles in the shortest form that reads back as the same and is seen to be one ("3.0", "1e300"). No newline. AER_NOMEM; AER_INVALID for what no text can say (infinity). */
int aer__json_write(struct buf *to, const json_t *value, struct err *err);
int aer__json_write_string(struct buf *to, const char *text, size_t size, struct err *err);

/* The value at a path of object keys, "address.city"; NULL if there is none on the way. Borrowed. */
json_t *aer__json_at(const json_t *value, const char *path);

#endif
