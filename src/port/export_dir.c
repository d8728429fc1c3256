/* export_dir.c -- keys into a directory tree, the one that import_dir.c read.
 *
 * For: port.c. Must not know: how the store keeps anything.
 *
 * 1. Nothing is written outside DEST, whatever the keys say: unsafe names are left out, each level is opened without
 *    following links, files are made with O_EXCL, and links are made last, so none can lead a file astray.
 * 2. A key that cannot be a path here (a below b when b is a file, a name too long) is told and left out.
 * 3. Modes and times of directories are set at the very end, deepest first: making an entry changes its directory's.
 * 4. Set-user-id and set-group-id of files are not restored, since owners are not: the file would be somebody else's.
 */
#include "port/port_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory or link whose turn comes at the end. */
struct later {
    char *path;
    char *target; /* of a link; else NULL */
    struct port_meta meta;
};

struct tree {
    struct source *source;
    int root;
    int parent;        /* the directory at hand, or -1 */
    char *parent_path; /* which one: "" or ends with a slash */
    struct later *later;
    size_t count, capacity;
};

static void leave_out(struct tree *tree, aer_slice key, const char *why)
{
    aer__port_skip(&tree->source->job->events, tree->source->counts, key, why);
}

/* What the file system may refuse for one name, while the rest goes on. */
static bool is_about_the_name(int cause)
{
    return cause == EEXIST || cause == ENOTDIR || cause == ELOOP || cause == EISDIR || cause == ENAMETOOLONG ||
           cause == EINVAL || cause == EILSEQ || cause == ENOENT;
}

static const char *why_not(int cause)
{
    return cause == EEXIST || cause == ENOTDIR || cause == ELOOP || cause == EISDIR
               ? "another key is already there, as something else"
               : strerror(cause);
}

/* ---- directories ------------------------------------------------------------------------ */

/* Open PATH ("a/b/", or "") below the root, making what is missing. -1: errno tells. */
static int open_below(const struct tree *tree, const char *path)
{
    char name[256];
    int fd = dup(tree->root), next, saved;

    while (fd >= 0 && *path) {
        size_t size = strcspn(path, "/");

        if (size >= sizeof(name)) {
            close(fd);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, path, size);
        name[size] = '\0';
        path += size + 1;
        next = mkdirat(fd, name, 0777) < 0 && errno != EEXIST
                   ? -1
                   : openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        saved = errno;
        close(fd);
        errno = saved;
        fd = next;
    }
    return fd;
}

/* The directory that PATH (no trailing slash) is in, kept for the next one; *base is its last component. -1: errno tells. */
static int open_parent(struct tree *tree, const char *path, const char **base)
{
    const char *slash = strrchr(path, '/');
    size_t size = slash ? (size_t)(slash - path) + 1 : 0;
    char *copy;

    *base = path + size;
    if (tree->parent >= 0 && strlen(tree->parent_path) == size && strncmp(tree->parent_path, path, size) == 0)
        return tree->parent;
    copy = strndup(path, size);
    if (!copy) return -1;
    if (tree->parent >= 0) close(tree->parent);
    free(tree->parent_path);
    tree->parent_path = copy;
    tree->parent = open_below(tree, copy);
    return tree->parent;
}

static int keep_for_later(struct tree *tree, const char *path, aer_slice target, bool is_link,
                          const struct port_meta *meta, struct port_error *error)
{
    struct later *grown, *later;

    if (tree->count == tree->capacity) {
        grown = realloc(tree->later, (tree->capacity * 2 + 64) * sizeof(*grown));
        if (!grown) return aer__port_no_memory(error);
        tree->later = grown;
        tree->capacity = tree->capacity * 2 + 64;
    }
    later = &tree->later[tree->count];
    *later = (struct later){.path = strdup(path), .meta = *meta};
    if (is_link) later->target = strndup(target.data, target.size);
    if (!later->path || (is_link && !later->target)) {
        free(later->path);
        free(later->target);
        return aer__port_no_memory(error);
    }
    tree->count++;
    return AER_OK;
}

static int make_dir(struct tree *tree, const struct source_item *item, char *path, struct port_error *error)
{
    int fd;

    if (item->value.size > 0) {
        leave_out(tree, item->key, "its name ends with /, so it would be a directory, but it has a value");
        return AER_OK;
    }
    fd = open_below(tree, path);
    if (fd < 0 && is_about_the_name(errno)) {
        leave_out(tree, item->key, why_not(errno));
        return AER_OK;
    }
    if (fd < 0) return aer__port_fail_os(error, "create", path);
    close(fd);
    tree->source->counts->exported++;
    if (!item->meta.has_mode && !item->meta.has_mtime) return AER_OK;
    return keep_for_later(tree, path, (aer_slice){"", 0}, false, &item->meta, error);
}

/* ---- files ------------------------------------------------------------------------------ */

struct out_file {
    int fd;
    const char *path;
};

static int write_file(void *arg, const void *data, size_t size, struct port_error *error)
{
    struct out_file *file = arg;

    return aer__port_write_all(file->fd, data, size) ? aer__port_fail_os(error, "write", file->path) : AER_OK;
}

static void stamps(const struct port_meta *meta, struct timespec times[2])
{
    times[0] = (struct timespec){.tv_nsec = UTIME_OMIT};
    times[1] = meta->has_mtime ? (struct timespec){.tv_sec = (time_t)meta->mtime_sec, .tv_nsec = meta->mtime_nsec}
                               : (struct timespec){.tv_nsec = UTIME_OMIT};
}

static int finish_file(struct tree *tree, const struct source_item *item, struct out_file *file, struct port_error *error)
{
    struct timespec times[2];
    int failed;

    stamps(&item->meta, times);
    failed = (item->meta.has_mode && fchmod(file->fd, item->meta.mode & 01777) < 0) || futimens(file->fd, times) < 0;
    if (failed) aer__port_fail_os(error, "set mode and time of", file->path);
    if (close(file->fd) < 0) aer__port_fail_os(error, "write", file->path);
    file->fd = -1;
    if (error->code) return error->code;
    tree->source->counts->exported++;
    tree->source->counts->bytes += item->value.size;
    if (item->meta.has_mode && (item->meta.mode & 06000))
        leave_out(tree, item->key, "the file is there, but its set-user-id or set-group-id bit is not restored");
    return AER_OK;
}

static int make_file(struct tree *tree, const struct source_item *item, const char *path, struct port_error *error)
{
    struct port_error cause = {0};
    struct out_file file = {-1, path};
    const char *base;
    int parent = open_parent(tree, path, &base), rc;

    if (parent >= 0)
        file.fd = openat(parent, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                         item->meta.has_mode ? 0600 : 0666);
    if (file.fd < 0) {
        if (!is_about_the_name(errno)) return aer__port_fail_os(error, "create", path);
        leave_out(tree, item->key, why_not(errno));
        return AER_OK;
    }
    rc = aer__port_source_value(tree->source, item, write_file, &file, &cause);
    if (rc == AER_OK) return finish_file(tree, item, &file, error);
    close(file.fd);
    unlinkat(parent, base, 0); /* half a file is worse than none */
    if (rc != AER_CORRUPT) return aer__port_fail(error, rc, "%s", cause.message);
    tree->source->counts->damaged++;
    leave_out(tree, item->key, cause.message);
    return AER_OK;
}

static int make_item(struct tree *tree, const struct source_item *item, struct port_error *error)
{
    const char *why = aer__port_unsafe(item->name);
    char *path;
    int rc;

    if (why) {
        leave_out(tree, item->key, why);
        return AER_OK;
    }
    path = strndup(item->name.data, item->name.size);
    if (!path) return aer__port_no_memory(error);
    if (path[item->name.size - 1] == '/') {
        rc = make_dir(tree, item, path, error);
    } else if (item->meta.type != 'l') {
        rc = make_file(tree, item, path, error);
    } else if (!item->value.data || item->value.size == 0 || memchr(item->value.data, '\0', item->value.size)) {
        leave_out(tree, item->key, "its value is no target of a link");
        rc = AER_OK;
    } else {
        rc = keep_for_later(tree, path, item->value, true, &item->meta, error);
    }
    free(path);
    return rc;
}

/* ---- at the end ------------------------------------------------------------------------- */

static int make_link(struct tree *tree, const struct later *later, struct port_error *error)
{
    struct timespec times[2];
    const char *base;
    int parent = open_parent(tree, later->path, &base);

    stamps(&later->meta, times);
    if (parent >= 0 && symlinkat(later->target, parent, base) == 0) {
        tree->source->counts->exported++;
        if (utimensat(parent, base, times, AT_SYMLINK_NOFOLLOW) == 0) return AER_OK;
    } else if (is_about_the_name(errno)) {
        leave_out(tree, (aer_slice){later->path, strlen(later->path)}, why_not(errno));
        return AER_OK;
    }
    return aer__port_fail_os(error, "create the link", later->path);
}

static int finish_dir(struct tree *tree, const struct later *later, struct port_error *error)
{
    struct timespec times[2];
    int fd = open_below(tree, later->path), rc = AER_OK;

    stamps(&later->meta, times);
    if (fd < 0 || (later->meta.has_mode && fchmod(fd, later->meta.mode) < 0) || futimens(fd, times) < 0)
        rc = aer__port_fail_os(error, "set mode and time of", later->path);
    if (fd >= 0) close(fd);
    return rc;
}

static int finish(struct tree *tree, struct port_error *error)
{
    int rc = AER_OK;

    for (size_t i = 0; rc == AER_OK && i < tree->count; i++)
        if (tree->later[i].target) rc = make_link(tree, &tree->later[i], error);
    for (size_t i = tree->count; rc == AER_OK && i > 0; i--) /* keys came in order: a directory before what is below it */
        if (!tree->later[i - 1].target) rc = finish_dir(tree, &tree->later[i - 1], error);
    return rc;
}

/* DEST, made if it is missing; it must be empty. */
static int open_dest(struct tree *tree, const char *dest, struct port_error *error)
{
    struct dirent *entry;
    DIR *stream;
    int copy;

    if (mkdir(dest, 0777) < 0 && errno != EEXIST) return aer__port_fail_os(error, "create", dest);
    tree->root = open(dest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (tree->root < 0) return aer__port_fail_os(error, "open", dest);
    copy = openat(tree->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    stream = copy < 0 ? NULL : fdopendir(copy);
    if (!stream) {
        aer__port_fail_os(error, "read", dest);
        if (copy >= 0) close(copy);
        return error->code;
    }
    while ((errno = 0, entry = readdir(stream)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            aer__port_fail(error, AER_EXISTS, "the directory is not empty; nothing was written");
    if (errno) aer__port_fail_os(error, "read", dest);
    closedir(stream);
    return error->code;
}

int aer__port_export_dir(struct source *source, struct port_error *error)
{
    struct tree tree = {.source = source, .root = -1, .parent = -1};
    struct source_item item;
    int rc = open_dest(&tree, source->job->dest, error);

    while (rc == AER_OK && (rc = aer__port_source_next(source, &item, error)) == AER_OK)
        rc = make_item(&tree, &item, error);
    if (rc == AER_DONE) rc = finish(&tree, error);
    for (size_t i = 0; i < tree.count; i++) {
        free(tree.later[i].path);
        free(tree.later[i].target);
    }
    free(tree.later);
    free(tree.parent_path);
    if (tree.parent >= 0) close(tree.parent);
    if (tree.root >= 0) close(tree.root);
    return rc;
}
