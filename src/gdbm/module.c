/* module.c -- see module.h. The only source that includes gdbm.h, and the only one of libaerials-gdbm.so.
 *
 * Files are read and written, not mapped: a file that is cut short, or a full disk, must be an error and not a signal.
 */
#include "gdbm/module.h"

#include <errno.h>
#include <fcntl.h>
#include <gdbm.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define FLAGS (GDBM_NOLOCK | GDBM_NOMMAP | GDBM_CLOEXEC)

/* gdbm's last failure, in our codes. */
static int failure(void)
{
    switch (gdbm_errno) {
    case GDBM_ITEM_NOT_FOUND: return GDBM_MODULE_NONE;
    case GDBM_MALLOC_ERROR: return GDBM_MODULE_NOMEM;
    case GDBM_FILE_OPEN_ERROR:
    case GDBM_FILE_WRITE_ERROR:
    case GDBM_FILE_SEEK_ERROR:
    case GDBM_FILE_READ_ERROR:
    case GDBM_FILE_STAT_ERROR:
    case GDBM_FILE_CLOSE_ERROR:
    case GDBM_FILE_SYNC_ERROR:
    case GDBM_FILE_TRUNCATE_ERROR:
        /* A place that no file can have was read from a damaged one. */
        return errno && errno != EINVAL ? GDBM_MODULE_SYSTEM : GDBM_MODULE_DAMAGED;
    default: return GDBM_MODULE_DAMAGED;
    }
}

static datum datum_of(const void *bytes, size_t size)
{
    return (datum){.dptr = (char *)bytes, .dsize = (int)size};
}

static int open_file(int fd, int write, void **file)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0), rc, error;

    *file = NULL;
    if (own < 0) return GDBM_MODULE_SYSTEM;
    if (lseek(own, 0, SEEK_SET) < 0) { /* gdbm takes it to stand there */
        close(own);
        return GDBM_MODULE_SYSTEM;
    }
    errno = 0;
    /* The name counts for nothing: we never ask gdbm to make the file anew. */
    *file = gdbm_fd_open(own, "gdbm", 0, (write ? GDBM_WRCREAT : GDBM_READER) | FLAGS, NULL);
    if (*file) return GDBM_MODULE_OK;
    error = errno;
    rc = failure();
    close(own); /* without GDBM_CLOERROR it is left open */
    errno = error;
    return rc == GDBM_MODULE_NONE ? GDBM_MODULE_DAMAGED : rc;
}

static int close_file(void *file)
{
    errno = 0;
    return file && gdbm_close(file) ? failure() : GDBM_MODULE_OK;
}

static int fetch(void *file, const void *key, size_t key_size, void **value, size_t *value_size)
{
    datum found;

    errno = 0;
    found = gdbm_fetch(file, datum_of(key, key_size));
    *value = found.dptr;
    *value_size = found.dptr ? (size_t)found.dsize : 0;
    return found.dptr ? GDBM_MODULE_OK : failure();
}

static int has(void *file, const void *key, size_t key_size)
{
    errno = 0;
    gdbm_errno = GDBM_NO_ERROR;
    if (gdbm_exists(file, datum_of(key, key_size))) return GDBM_MODULE_OK;
    return gdbm_errno == GDBM_NO_ERROR ? GDBM_MODULE_NONE : failure();
}

static int store(void *file, const void *key, size_t key_size, const void *value, size_t value_size)
{
    errno = 0;
    if (value_size > INT_MAX) {
        errno = EFBIG;
        return GDBM_MODULE_SYSTEM;
    }
    return gdbm_store(file, datum_of(key, key_size), datum_of(value, value_size), GDBM_REPLACE) ? failure() : GDBM_MODULE_OK;
}

static int erase(void *file, const void *key, size_t key_size)
{
    int rc;

    errno = 0;
    rc = gdbm_delete(file, datum_of(key, key_size)) ? failure() : GDBM_MODULE_OK;
    return rc == GDBM_MODULE_NONE ? GDBM_MODULE_OK : rc;
}

static int next(void *file, const void *key, size_t key_size, void **out, size_t *out_size)
{
    datum found;

    errno = 0;
    found = key ? gdbm_nextkey(file, datum_of(key, key_size)) : gdbm_firstkey(file);
    *out = found.dptr;
    *out_size = found.dptr ? (size_t)found.dsize : 0;
    return found.dptr ? GDBM_MODULE_OK : failure();
}

static int count(void *file, unsigned long long *keys)
{
    gdbm_count_t found = 0;
    int rc;

    errno = 0;
    rc = gdbm_count(file, &found) ? failure() : GDBM_MODULE_OK;
    *keys = found;
    return rc;
}

static void release(void *p)
{
    free(p);
}

static const char *why(void)
{
    return gdbm_strerror(gdbm_errno);
}

extern const struct gdbm_module aerials_gdbm_module;

__attribute__((visibility("default"))) const struct gdbm_module aerials_gdbm_module = {
    .version = GDBM_MODULE_VERSION,
    .open = open_file,
    .close = close_file,
    .fetch = fetch,
    .has = has,
    .store = store,
    .erase = erase,
    .next = next,
    .count = count,
    .release = release,
    .why = why,
};
