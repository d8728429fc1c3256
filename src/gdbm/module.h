/* module.h -- what libaerials-gdbm.so does for us: plain gdbm files, read and changed.
 *
 * The gdbm library is under the GPL, so everything that calls it is in a library of its own, which is opened when the first gdbm table
 * is used. This header is all that the two have in common: no function of one calls into the other but through these.
 *
 * A file that is only read is never changed by anybody in place, so nothing is locked. A file is for one thread at a time. Keys and values
 * may hold any byte.
 *
 * Must not know: checksums, rows, where files are.
 */
#ifndef AER_GDBM_MODULE_H
#define AER_GDBM_MODULE_H

#include <stddef.h>

#define GDBM_MODULE_NAME "libaerials-gdbm.so"
#define GDBM_MODULE_SYMBOL "aerials_gdbm_module" /* a struct gdbm_module */
#define GDBM_MODULE_VERSION 1

enum {
    GDBM_MODULE_OK = 0,
    GDBM_MODULE_NONE,   /* no such key, no more keys */
    GDBM_MODULE_NOMEM,  /* out of memory */
    GDBM_MODULE_SYSTEM, /* errno says what the system refused */
    GDBM_MODULE_DAMAGED /* the file is not in order: see why */
};

struct gdbm_module {
    unsigned version; /* GDBM_MODULE_VERSION; stands first in all of them */
    /* write: an empty file becomes one without records. FD stays the caller's, who neither reads nor writes at its position until close. */
    int (*open)(int fd, int write, void **file);
    /* Not synced. What could not be written is told here at the latest; the file is closed in any case. */
    int (*close)(void *file);
    int (*fetch)(void *file, const void *key, size_t key_size, void **value, size_t *value_size); /* release(*value) */
    int (*has)(void *file, const void *key, size_t key_size);
    int (*store)(void *file, const void *key, size_t key_size, const void *value, size_t value_size);
    int (*erase)(void *file, const void *key, size_t key_size); /* OK if there is none */
    /* All keys, sorted by nobody: the first is the one behind NULL. release(*next). */
    int (*next)(void *file, const void *key, size_t key_size, void **next, size_t *next_size);
    int (*count)(void *file, unsigned long long *count); /* of keys */
    void (*release)(void *p);
    const char *(*why)(void); /* the last failure of this thread, in gdbm's words */
};

#endif
