/* parent.c -- the directory above a path's last name: found, or made.
 *
 * Whoever changes a name (create, rename, remove) works on one name in an open parent directory, so that no link can slip
 * in between looking and acting, and the same descriptor can be synced afterwards.
 *
 *   bucketroot/28/dd/1a21d3fdabf7.sq3      depth 3; level 1 is bucketroot, level 3 is bucketroot/28/dd
 *
 * A directory made is safe once the directory that holds its name is synced: that is aer__fs_sync_made. The deepest one is
 * left to the caller, who has something to put into it first.
 */
#include "fs/os.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define OPEN_DIRECTORY (O_RDONLY | O_DIRECTORY)

unsigned aer__fs_depth(const char *path)
{
    unsigned depth = 0;

    for (; *path; path++) depth += *path == '/';
    return depth;
}

/* The first level names of path; level 0 is "". False if it is too long. */
static bool prefix(char out[PATH_SIZE], const char *path, unsigned level)
{
    const char *end = path;

    for (; level > 0; level--) {
        if (end != path) end++;
        end += strcspn(end, "/");
    }
    if (end - path >= PATH_SIZE) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(out, path, (size_t)(end - path));
    out[end - path] = '\0';
    return true;
}

static int open_level(int dir, const char *path, unsigned level)
{
    char name[PATH_SIZE];

    if (!prefix(name, path, level)) return -1;
    return aer__os_open(dir, name, OPEN_DIRECTORY, 0);
}

/* The level's own name, in name. */
static bool level_name(char name[NAME_SIZE], const char *path, unsigned level)
{
    size_t size;

    for (; level > 1; level--) path += strcspn(path, "/") + 1;
    size = strcspn(path, "/");
    if (size >= NAME_SIZE) return false;
    memcpy(name, path, size);
    name[size] = '\0';
    return true;
}

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

int aer__fs_open_parent(int dir, const char *path, const char **name)
{
    *name = last_name(path);
    if (!aer__os_path_ok(path)) {
        errno = EXDEV;
        return -1;
    }
    return open_level(dir, path, aer__fs_depth(path));
}

/* A level that is gone already does not keep the one above it: who was to remove both may have died in between. */
static void remove_levels(int dir, const char *path, unsigned level, unsigned count)
{
    char name[NAME_SIZE];

    for (; count > 0; count--, level--) {
        int parent = open_level(dir, path, level - 1);
        bool stays;

        if (parent < 0 && errno == ENOENT) continue;
        if (parent < 0) return;
        stays = !level_name(name, path, level) || (aer__os_rmdir(parent, name) && errno != ENOENT);
        aer__fs_close(parent);
        if (stays) return;
    }
}

void aer__fs_unmake(int dir, const char *path, unsigned count)
{
    remove_levels(dir, path, aer__fs_depth(path), count);
}

/* One try; *gone: a level was removed again while we stood on it. */
static int make_parent(int dir, const char *path, int *parent, const char **name, unsigned *made, bool *gone, struct err *err)
{
    unsigned depth = aer__fs_depth(path), level = depth;
    char next[NAME_SIZE];
    int at, rc = AER_OK;

    *made = 0;
    *parent = -1;
    *gone = false;
    at = aer__fs_open_parent(dir, path, name);
    while (at < 0 && errno == ENOENT && level > 0) at = open_level(dir, path, --level);
    if (at < 0) return aer__fs_fail(err, "open the directory of", path);
    while (level < depth) {
        int below;

        level_name(next, path, level + 1);
        /* EEXIST: someone was faster. It counts as ours, to be synced; to unmake it would take that it is empty. */
        if (aer__os_mkdir(at, next, 0777) < 0 && errno != EEXIST) {
            *gone = errno == ENOENT;
            rc = aer__err_os(err, "make the directory of", path);
            goto out;
        }
        level++;
        ++*made;
        below = aer__os_open(at, next, OPEN_DIRECTORY, 0);
        if (below < 0) {
            *gone = errno == ENOENT;
            rc = aer__fs_fail(err, "open the directory of", path);
            goto out;
        }
        aer__fs_close(at);
        at = below;
    }
    *parent = at;
    at = -1;
out:
    aer__fs_close(at);
    if (rc) {
        remove_levels(dir, path, level, *made);
        *made = 0;
    }
    return rc;
}

/* Another process may prune a directory that is empty for the moment, just as we are about to put a file into it. */
int aer__fs_make_parent(int dir, const char *path, int *parent, const char **name, unsigned *made, struct err *err)
{
    bool gone = true;
    int rc = AER_IO;

    for (int try = 0; gone && try < PRUNED_TRIES; try++) {
        aer__err_clear(err);
        rc = make_parent(dir, path, parent, name, made, &gone, err);
    }
    return rc;
}

int aer__fs_sync_parent(int parent, const char *path, struct err *err)
{
    return aer__os_sync(parent) < 0 ? aer__err_os(err, "sync the directory of", path) : AER_OK;
}

int aer__fs_sync_made(int dir, const char *path, unsigned made, struct err *err)
{
    unsigned level = aer__fs_depth(path);

    for (; made > 0; made--) {
        int fd = open_level(dir, path, --level);
        int rc;

        if (fd < 0) return aer__fs_fail(err, "open the directory of", path);
        rc = aer__fs_sync_parent(fd, path, err);
        aer__fs_close(fd);
        if (rc) return rc;
    }
    return AER_OK;
}
