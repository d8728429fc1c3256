/* replace.c -- put a whole file in place, or leave the old one as it was.
 *
 * Assumes: the caller holds whatever lock keeps other writers of this file away.
 *
 * 1. A reader sees the old bytes or the new ones, never a mix.
 * 2. AER_OK means bytes and name both survive a power cut. If only the last sync fails, the new bytes are
 *    visible but not safe, and we return AER_IO.
 * 3. A crash can leave NAME.<16 hex digits>.tmp behind; aer__fs_is_temporary knows it. The digits are random: a
 *    name one can guess could be planted as a link to some other file.
 */
#include "fs/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define DIGITS 16
#define TMP_SUFFIX ".tmp"
#define TMP_EXTRA (1 + DIGITS + sizeof(TMP_SUFFIX) - 1)
#define TMP_TRIES 8

bool aer__fs_is_temporary(const char *name)
{
    const char *slash = strrchr(name, '/');
    size_t size;

    if (slash) name = slash + 1;
    size = strlen(name);
    if (size <= TMP_EXTRA || strcmp(name + size - (sizeof(TMP_SUFFIX) - 1), TMP_SUFFIX) != 0) return false;
    name += size - TMP_EXTRA;
    return name[0] == '.' && strspn(name + 1, "0123456789abcdef") == DIGITS;
}

static int temp_name(char tmp[NAME_SIZE], const char *name, struct err *err)
{
    uint64_t number;
    int rc;

    if (strlen(name) + TMP_EXTRA >= NAME_SIZE) {
        errno = ENAMETOOLONG;
        return aer__err_os(err, "replace", name);
    }
    rc = aer__fs_random(&number, sizeof(number), err);
    if (rc) return rc;
    snprintf(tmp, NAME_SIZE, "%s.%016llx" TMP_SUFFIX, name, (unsigned long long)number);
    return AER_OK;
}

/* An empty file of ours beside name. */
static int make_temp(int parent, const char *name, const char *path, char tmp[NAME_SIZE], int *fd, struct err *err)
{
    int tries, rc;

    for (tries = 0; tries < TMP_TRIES; tries++) {
        rc = temp_name(tmp, name, err);
        if (rc) return rc;
        *fd = aer__os_open(parent, tmp, O_WRONLY | O_CREAT | O_EXCL, 0600);
        if (*fd >= 0) return AER_OK;
        if (errno != EEXIST) break;
    }
    return aer__fs_fail(err, "create a new version of", path);
}

int aer__fs_replace(int dir, const char *path, const void *data, size_t size, int mode, struct err *err)
{
    char tmp[NAME_SIZE];
    const char *name;
    int parent, fd;
    bool made = false; /* a temporary of ours exists */
    int rc;

    parent = aer__fs_open_parent(dir, path, &name);
    if (parent < 0) return aer__fs_fail(err, "open the directory of", path);
    rc = make_temp(parent, name, path, tmp, &fd, err);
    if (rc) goto out;
    made = true;
    /* Synced before the rename: a file system may put the name on disk ahead of the bytes, and a power cut then leaves
     * a short file under the real name. */
    rc = aer__fs_fill(fd, path, &(struct contents){data, size, (mode_t)mode}, true, err);
    if (rc) goto out;
    if (aer__os_rename(parent, tmp, parent, name, false) < 0) {
        rc = aer__err_os(err, "rename the new version of", path);
        goto out;
    }
    made = false;
    rc = aer__fs_sync_parent(parent, path, err);
out:
    if (made) aer__os_unlink(parent, tmp);
    aer__fs_close(parent);
    return rc;
}
