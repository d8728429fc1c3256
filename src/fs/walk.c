/* walk.c -- every entry of a tree, what is in a directory before the directory itself.
 *
 * One directory a level is open at a time, so depth is bounded: a database has five levels, and somebody else's folder put
 * into it must not use up all descriptors or the stack. What lies deeper is an error that names the place.
 */
#include "fs/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DEEPEST 32

struct walk {
    int (*fn)(void *arg, const char *path, int kind, uint64_t size);
    void *arg;
    struct err *err;
    int depth;
    size_t path_size; /* of what stands in path now */
    char path[PATH_SIZE];
};

static int walk_dir(struct walk *w, int fd);

/* One entry of the open directory parent. */
static int visit(struct walk *w, int parent, const char *name)
{
    size_t before = w->path_size, name_size = strlen(name);
    uint64_t size = 0;
    struct stat st;
    int kind = FS_OTHER;
    int rc = AER_OK;

    if (before + name_size + 2 > sizeof(w->path)) {
        errno = ENAMETOOLONG;
        return aer__err_os(w->err, "look into", w->path);
    }
    if (before) w->path[w->path_size++] = '/';
    memcpy(w->path + w->path_size, name, name_size + 1);
    w->path_size += name_size;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno != ENOENT) rc = aer__err_os(w->err, "look at", w->path);
        goto out; /* ENOENT: removed since it was listed */
    }
    if (S_ISREG(st.st_mode)) {
        kind = FS_FILE;
        size = (uint64_t)st.st_size;
    } else if (S_ISDIR(st.st_mode)) {
        int fd = aer__os_open(parent, name, O_RDONLY | O_DIRECTORY, 0);

        kind = FS_DIR;
        if (fd >= 0) rc = walk_dir(w, fd);
        else if (errno != ENOENT) rc = aer__fs_fail(w->err, "open", w->path);
        else goto out;
    }
    if (!rc) rc = w->fn(w->arg, w->path, kind, size);
out:
    w->path_size = before;
    w->path[before] = '\0';
    return rc;
}

/* Takes fd over. */
static int walk_dir(struct walk *w, int fd)
{
    const char *name;
    int rc = AER_OK;
    DIR *list;

    if (w->depth >= DEEPEST) {
        aer__fs_close(fd);
        return aer__err_set(w->err, AER_CORRUPT, "'%s' is more than %d directories deep", w->path, DEEPEST);
    }
    list = fdopendir(fd);
    if (!list) {
        rc = aer__err_os(w->err, "list", w->path);
        aer__fs_close(fd);
        return rc;
    }
    w->depth++;
    while (!rc && (name = aer__os_next(list)) != NULL) rc = visit(w, dirfd(list), name);
    if (!rc && errno) rc = aer__err_os(w->err, "list", w->path);
    w->depth--;
    closedir(list);
    return rc;
}

int aer__fs_list(int dir, const char *path, int (*fn)(void *arg, const char *name, int kind), void *arg, struct err *err)
{
    int fd = aer__os_open(dir, path, O_RDONLY | O_DIRECTORY, 0), rc = AER_OK;
    const char *name;
    DIR *list;

    if (fd < 0) return errno == ENOENT ? AER_OK : aer__fs_fail(err, "open", path);
    list = fdopendir(fd);
    if (!list) {
        rc = aer__err_os(err, "list", path);
        aer__fs_close(fd);
        return rc;
    }
    while (rc == AER_OK && (name = aer__os_next(list)) != NULL) {
        struct stat st;
        if (fstatat(dirfd(list), name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue; /* gone since it was listed */
        rc = fn(arg, name, S_ISREG(st.st_mode) ? FS_FILE : S_ISDIR(st.st_mode) ? FS_DIR : FS_OTHER);
        errno = 0;
    }
    if (rc == AER_OK && errno) rc = aer__err_os(err, "list", path);
    closedir(list);
    return rc;
}

int aer__fs_walk(int dir, const char *path, int (*fn)(void *arg, const char *path, int kind, uint64_t size), void *arg,
                 struct err *err)
{
    struct walk w = {.fn = fn, .arg = arg, .err = err};
    int fd;

    fd = aer__os_open(dir, path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) return errno == ENOENT ? AER_OK : aer__fs_fail(err, "open", path);
    w.path_size = strlen(path); /* it was opened, so it is shorter than PATH_SIZE */
    memcpy(w.path, path, w.path_size + 1);
    return walk_dir(&w, fd);
}
