/* key.h -- index keys: a JSON value, or a list of them, as bytes whose memcmp order is the order of keys.
 *
 *   null < false < true < numbers by value < strings by UTF-8 bytes < arrays element by element < objects by their canonical text
 *
 * Numbers compare by value whatever their form: 1 and 1.0 are the same key, integers are exact to 64 bits beside doubles, -0.0 is 0.
 * No key's bytes are a proper prefix of another's, unless made by aer__index_prefix: so a list of columns is its columns' bytes one behind the other.
 *
 *   null 01 | false 02 | true 03 | number 04 + 8 bytes (nearest double, order-preserving, big-endian) + 2 bytes (what the integer is above it, biased by 0x8000)
 *   string 05 + bytes, 00 written as 00 FF, + 00 00 | array 06 + elements + 00 | object 07 + canonical text like a string
 */
#ifndef AER_INDEX_KEY_H
#define AER_INDEX_KEY_H

#include "base/base.h"
#include <jansson.h>

#define INDEX_KEY_MAX 4096 /* bytes of a key, all columns together, encoded; and of its JSON */

/* Append the bytes of one value. AER_NOMEM; AER_INVALID above INDEX_KEY_MAX in to->size ("the indexed value has more than 4096 bytes"). */
int aer__index_key(struct buf *to, const json_t *value, struct err *err);
/* Append the bytes that all strings beginning with TEXT begin with. */
int aer__index_prefix(struct buf *to, const char *text, size_t size, struct err *err);

#endif
