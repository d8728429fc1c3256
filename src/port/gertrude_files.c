/* gertrude_files.c -- reading files below the directory of a database of gertrude.
 *
 * For: import_gertrude.c. Must not know: what is in them.
 *
 * Each level is opened by itself, from the descriptor of the one above, and never through a link: nothing outside of DIR is
 * read, whatever changes in it meanwhile.
 */
#include "port/gertrude.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

size_t aer__port_gertrude_down(struct gertrude_at *at, const char *name)
{
    size_t size = strlen(at->path);

    snprintf(at->path + size, sizeof(at->path) - size, "%s%s", size ? "/" : "", name);
    return size;
}

void aer__port_gertrude_up(struct gertrude_at *at, size_t size)
{
    at->path[size] = '\0';
}

int aer__port_gertrude_prefix(const struct gertrude_at *at, struct port_error *error)
{
    char name[PORT_NAME_SIZE];

    aer__port_prefix(error, "'%s'", aer__port_name(at->path, strlen(at->path), name));
    return error->code;
}

static int fail_at(const struct gertrude_at *at, int code, const char *why, struct port_error *error)
{
    char name[PORT_NAME_SIZE];

    return aer__port_fail(error, code, "'%s': %s", aer__port_name(at->path, strlen(at->path), name), why);
}

bool aer__port_gertrude_is(int dir, const char *name, mode_t kind)
{
    struct stat st;

    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? kind == 0 || (st.st_mode & S_IFMT) == kind
                                                             : kind == 0 && errno != ENOENT;
}

/* Not blocking: a FIFO would wait for a writer. */
int aer__port_gertrude_open(const struct gertrude_at *at, int dir, const char *name, int flags, int *fd,
                            struct port_error *error)
{
    *fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags);
    if (*fd >= 0) return AER_OK;
    if (errno == ELOOP) return fail_at(at, AER_CORRUPT, "it is a link, and links are not followed", error);
    if (errno == ENOTDIR) return fail_at(at, AER_CORRUPT, "it is no directory, and links are not followed", error);
    return aer__port_fail_os(error, "open", at->path);
}

static int read_all(const struct gertrude_at *at, int fd, void *buffer, size_t size, struct port_error *error)
{
    size_t filled = 0;
    ssize_t n;

    while (filled < size) {
        n = read(fd, (char *)buffer + filled, size - filled);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return aer__port_fail_os(error, "read", at->path);
        if (n == 0) return fail_at(at, AER_CORRUPT, "it became shorter while it was read", error);
        filled += (size_t)n;
    }
    return AER_OK;
}

int aer__port_gertrude_read(const struct gertrude_at *at, int dir, const char *name, size_t limit, void **data,
                            size_t *size, struct port_error *error)
{
    struct stat st;
    int fd, rc;

    *data = NULL;
    *size = 0;
    rc = aer__port_gertrude_open(at, dir, name, 0, &fd, error);
    if (rc != AER_OK) return rc;
    if (fstat(fd, &st) < 0) rc = aer__port_fail_os(error, "look at", at->path);
    else if (!S_ISREG(st.st_mode)) rc = fail_at(at, AER_CORRUPT, "it is not a regular file", error);
    else if ((uint64_t)st.st_size > limit) rc = fail_at(at, AER_CORRUPT, "it is too large", error);
    if (rc == AER_OK) {
        *data = malloc((size_t)st.st_size + 1);
        rc = *data ? read_all(at, fd, *data, (size_t)st.st_size, error) : aer__port_no_memory(error);
    }
    close(fd);
    if (rc == AER_OK) {
        *size = (size_t)st.st_size;
        return rc;
    }
    free(*data);
    *data = NULL;
    return rc;
}

int aer__port_gertrude_each(struct gertrude_at *at, int dir, const char *name, gertrude_each fn, void *arg,
                            struct port_error *error)
{
    struct port_error cause = {0};
    size_t here, count = 0;
    char **names = NULL;
    int fd, rc = aer__port_gertrude_open(at, dir, name, O_DIRECTORY, &fd, error);

    if (rc != AER_OK) return rc;
    if (aer__port_list(fd, &names, &count, &cause) != AER_OK) rc = fail_at(at, cause.code, cause.message, error);
    for (size_t i = 0; rc == AER_OK && i < count; i++) {
        here = aer__port_gertrude_down(at, names[i]);
        rc = fn(arg, fd, names[i], error);
        aer__port_gertrude_up(at, here);
    }
    aer__port_names_free(names, count);
    close(fd);
    return rc;
}
