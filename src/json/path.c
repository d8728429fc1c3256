/* path.c -- a value within a value, by the keys that lead to it. */
#include "json/json.h"

#include <string.h>

json_t *aer__json_at(const json_t *value, const char *path)
{
    for (;;) {
        size_t size = strcspn(path, ".");
        json_t *next = json_object_getn(value, path, size); /* NULL in what is no object */

        if (!next || path[size] == '\0') return next;
        value = next;
        path += size + 1;
    }
}
