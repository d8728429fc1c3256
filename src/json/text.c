/* text.c -- the bytes of strings, for reading and for writing.
 *
 * Must not know: where the strings stand.
 */
#include "json/inside.h"

#include <string.h>

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
#define ANY_ZERO(v) (((v)-EACH(1)) & ~(v)) /* its high bits tell, see below */

/* Eight bytes at a time: subtracting 1 from each sets the high bit of one that was 0, and of none that had no neighbour below
 * borrowing, so the answer is exact for "is there one"; which one, the loop behind it finds. */
static bool all_plain(const unsigned char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return ((v | (v - EACH(0x20)) | ANY_ZERO(v ^ EACH('"')) | ANY_ZERO(v ^ EACH('\\'))) & EACH(0x80)) == 0;
}

size_t aer__json_plain(const unsigned char *p, const unsigned char *end)
{
    const unsigned char *at = p;

    while (end - at >= 8 && all_plain(at)) at += 8;
    while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\') at++;
    return (size_t)(at - p);
}

/* The table of well-formed sequences in the Unicode standard (3-7): only the second byte has ranges of its own. */
size_t aer__json_utf8(const unsigned char *p, const unsigned char *end)
{
    size_t size = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;
    unsigned low = *p == 0xe0 ? 0xa0 : *p == 0xf0 ? 0x90 : 0x80, high = *p == 0xed ? 0x9f : *p == 0xf4 ? 0x8f : 0xbf;

    if (size > (size_t)(end - p)) return 0;
    if (size > 1 && (p[1] < low || p[1] > high)) return 0;
    for (size_t i = 2; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80) return 0;
    }
    return size;
}
