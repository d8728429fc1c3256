/* glob.c -- patterns over keys: * is any run of bytes, ? is one character, a backslash takes either literally.
 *
 * For: ls, scan, bget, bkeys. Must not know: where keys come from.
 *
 * The bytes before the first wildcard become the prefix of the scan, so `user:*` reads only that range. Matching steps
 * back to the last * alone, which keeps the worst case at pattern times key.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

static bool is_wild(char c)
{
    return c == '*' || c == '?';
}
static bool is_escape(const char *p)
{
    return p[0] == '\\' && (is_wild(p[1]) || p[1] == '\\');
}

int glob_init(struct glob *glob, const char *pattern)
{
    const char *p = pattern;

    memset(glob, 0, sizeof(*glob));
    glob->head = malloc(strlen(pattern) + 1);
    if (!glob->head) return 1;
    while (*p && !is_wild(*p)) {
        if (is_escape(p)) p++;
        glob->head[glob->head_size++] = *p++;
    }
    glob->head[glob->head_size] = '\0';
    glob->plain = *p == '\0';
    glob->rest = p;
    return 0;
}

void glob_release(struct glob *glob)
{
    free(glob->head);
    free(glob->owned);
    memset(glob, 0, sizeof(*glob));
}

bool glob_match(const struct glob *glob, aer_slice key)
{
    const unsigned char *k = (const unsigned char *)key.data + glob->head_size;
    const unsigned char *end = (const unsigned char *)key.data + key.size;
    const char *p = glob->rest, *star = NULL;
    const unsigned char *star_at = NULL;

    if (glob->plain) return !glob->exact || key.size == glob->head_size;
    while (k < end || *p) {
        if (*p == '*') {
            star = ++p;
            star_at = k;
            if (!*p) return true;
            continue;
        }
        if (*p == '?' && k < end) {
            size_t length = aer__port_utf8_length(k, (size_t)(end - k));

            k += length ? length : 1;
            p++;
            continue;
        }
        if (*p && *p != '?' && k < end && (unsigned char)p[is_escape(p)] == *k) {
            p += 1 + is_escape(p);
            k++;
            continue;
        }
        if (!star || star_at >= end) return false;
        p = star;
        k = ++star_at;
    }
    return true;
}
