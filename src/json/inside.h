/* inside.h -- what the files of this folder share.
 *
 * Must not know: anything json.h does not.
 */
#ifndef AER_JSON_INSIDE_H
#define AER_JSON_INSIDE_H

#include "json/json.h"

/* How many bytes at P stand in a string as they are: no quote, no backslash, no control character, nothing but ASCII. */
size_t aer__json_plain(const unsigned char *p, const unsigned char *end);
/* How many bytes the character at P has in UTF-8, P being before END; 0: it is none (overlong, a surrogate, past U+10FFFF, cut). */
size_t aer__json_utf8(const unsigned char *p, const unsigned char *end);

/* The double nearest to a JSON number. False: it is too large, or too small to be anything but 0. */
bool aer__json_read_real(const unsigned char *p, const unsigned char *end, double *value);
#define JSON_REAL_SIZE 32
/* A finite double in its shortest form; how many bytes it has. No NUL is added. */
size_t aer__json_write_real(char text[JSON_REAL_SIZE], double value);

#endif
