/* list.c -- the names in a directory, in byte order.
 *
 * For: import_dir.c and import_gertrude.c. Must not know: what the names mean.
 */
#include "port/port_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void aer__port_names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) free(names[i]);
    free(names);
}

int aer__port_list(int fd, char ***names, size_t *count, struct port_error *error)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *entry;
    size_t capacity = 0;
    char **grown;
    int rc = AER_OK;

    *names = NULL;
    *count = 0;
    if (!stream) {
        rc = aer__port_fail(error, AER_IO, "%s", strerror(errno));
        if (copy >= 0) close(copy);
        return rc;
    }
    for (;;) {
        errno = 0;
        entry = readdir(stream);
        if (!entry) break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (*count == capacity) {
            capacity = capacity ? capacity * 2 : 64;
            grown = realloc(*names, capacity * sizeof(*grown));
            if (!grown) break;
            *names = grown;
        }
        (*names)[*count] = strdup(entry->d_name);
        if (!(*names)[*count]) break;
        ++*count;
    }
    if (entry) rc = aer__port_no_memory(error); /* left the loop before the end */
    else if (errno) rc = aer__port_fail(error, AER_IO, "%s", strerror(errno));
    closedir(stream);
    if (*count) qsort(*names, *count, sizeof(**names), by_bytes);
    return rc;
}
