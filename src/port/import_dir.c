/* import_dir.c -- a directory tree into keys: path, content, and type, mode and mtime in meta.
 *
 *     photos/cat.jpg   {"type":"file",...}      the content
 *     photos/          {"type":"dir",...}       empty; every directory below the source, empty or not
 *     latest           {"type":"symlink",...}   the target
 *
 * For: port.c. Must not know: how the store keeps anything.
 *
 * 1. Links are never followed below the source, and the database's own directory is never entered.
 * 2. What cannot be read, and what is neither file, directory nor link, is told and left out.
 * 3. Names are bytes. Each directory is walked in byte order, so that neighbours share a bucket.
 */
#include "port/port_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct walk {
    struct sink *sink;
    char *path; /* below the source; directories end with a slash */
    size_t size, capacity;
    dev_t db_dev;
    ino_t db_ino;
    bool has_db;
};

static void leave_out(struct walk *walk, const char *why)
{
    aer_slice what = walk->size ? (aer_slice){walk->path, walk->size} : (aer_slice){".", 1}; /* the source itself */

    aer__port_skip(&walk->sink->job->events, walk->sink->counts, what, why);
}

/* ---- the path --------------------------------------------------------------------------- */

static int push(struct walk *walk, const char *name, struct port_error *error)
{
    size_t size = strlen(name);
    char *grown;

    if (walk->size + size + 2 > walk->capacity) {
        grown = realloc(walk->path, (walk->size + size + 2) * 2);
        if (!grown) return aer__port_no_memory(error);
        walk->path = grown;
        walk->capacity = (walk->size + size + 2) * 2;
    }
    memcpy(walk->path + walk->size, name, size + 1);
    walk->size += size;
    return AER_OK;
}

/* ---- one entry -------------------------------------------------------------------------- */

static void take_meta(const struct stat *st, char type, struct port_meta *meta)
{
    *meta = (struct port_meta){.type = type,
                               .has_mode = true,
                               .has_mtime = true,
                               .mode = st->st_mode & 07777,
                               .mtime_sec = st->st_mtim.tv_sec,
                               .mtime_nsec = st->st_mtim.tv_nsec};
}

static int put(struct walk *walk, const struct port_meta *meta, aer_slice value, port_read read_more, void *arg,
               struct port_error *error)
{
    char text[PORT_META_SIZE];
    struct sink_item item = {.name = {walk->path, walk->size}, .value = value, .read = read_more, .read_arg = arg};

    item.attrs.size = sizeof(item.attrs);
    item.attrs.meta_size = aer__port_meta_format(meta, text);
    item.attrs.meta = text;
    return aer__port_sink_put(walk->sink, &item, error);
}

static int put_link(struct walk *walk, int dir, const char *base, const struct stat *st, struct port_error *error)
{
    struct port_meta meta;
    char target[4096];
    ssize_t size = readlinkat(dir, base, target, sizeof(target));
    bool same;
    int rc;

    if (size < 0 || size == (ssize_t)sizeof(target)) {
        leave_out(walk, size < 0 ? strerror(errno) : "its target is too long");
        return AER_OK;
    }
    take_meta(st, 'l', &meta);
    rc = aer__port_sink_same_file(walk->sink, (aer_slice){walk->path, walk->size}, (uint64_t)size, &meta, &same, error);
    return rc == AER_OK && !same ? put(walk, &meta, (aer_slice){target, (size_t)size}, NULL, NULL, error) : rc;
}

static int read_fd(void *arg, void *buffer, size_t capacity, size_t *got, struct port_error *error)
{
    int fd = *(int *)arg;
    size_t filled = 0;
    ssize_t n = 1;

    while (n != 0 && filled < capacity) {
        n = read(fd, (char *)buffer + filled, capacity - filled);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return aer__port_fail(error, AER_IO, "%s", strerror(errno));
        filled += (size_t)n;
    }
    *got = filled;
    return AER_OK;
}

/* The content, as far as one piece holds it at once, else as a stream. */
static int put_content(struct walk *walk, int fd, const struct port_meta *meta, struct port_error *error)
{
    struct sink *sink = walk->sink;
    struct port_error cause = {0};
    size_t got;
    int rc;

    if (read_fd(&fd, sink->piece, PORT_PIECE, &got, &cause)) {
        leave_out(walk, cause.message);
        return AER_OK;
    }
    rc = put(walk, meta, (aer_slice){sink->piece, got}, got == PORT_PIECE ? read_fd : NULL, &fd, error);
    if (rc != AER_OK && sink->read_failed) {
        leave_out(walk, error->message);
        memset(error, 0, sizeof(*error));
        return AER_OK;
    }
    return rc;
}

static int put_file(struct walk *walk, int dir, const char *base, struct port_error *error)
{
    struct port_meta meta;
    struct stat st;
    bool same = false;
    int fd, rc = AER_OK;

    /* Not blocking: between the look and the open a FIFO may have taken its place. */
    fd = openat(dir, base, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        leave_out(walk, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        leave_out(walk, "it is no longer a regular file");
    } else {
        take_meta(&st, 'f', &meta);
        rc = aer__port_sink_same_file(walk->sink, (aer_slice){walk->path, walk->size}, (uint64_t)st.st_size, &meta,
                                      &same, error);
        if (rc == AER_OK && !same) rc = put_content(walk, fd, &meta, error);
    }
    if (fd >= 0) close(fd);
    return rc;
}

/* ---- directories ------------------------------------------------------------------------ */

static int walk_dir(struct walk *walk, int fd, struct port_error *error);

static int put_dir(struct walk *walk, int dir, const char *base, struct port_error *error)
{
    struct port_meta meta;
    struct stat st;
    bool same = false;
    int fd = openat(dir, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int rc = push(walk, "/", error);

    if (rc != AER_OK) {
        if (fd >= 0) close(fd);
        return rc;
    }
    if (fd < 0 || fstat(fd, &st) < 0) {
        leave_out(walk, strerror(errno));
    } else if (!walk->has_db || st.st_dev != walk->db_dev || st.st_ino != walk->db_ino) {
        take_meta(&st, 'd', &meta);
        rc = aer__port_sink_same_file(walk->sink, (aer_slice){walk->path, walk->size}, 0, &meta, &same, error);
        if (rc == AER_OK && !same) rc = put(walk, &meta, (aer_slice){"", 0}, NULL, NULL, error);
        if (rc == AER_OK) rc = walk_dir(walk, fd, error);
    }
    if (fd >= 0) close(fd);
    return rc;
}

static int put_entry(struct walk *walk, int dir, const char *base, struct port_error *error)
{
    struct stat st;

    if (fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        leave_out(walk, strerror(errno));
        return AER_OK;
    }
    if (S_ISREG(st.st_mode)) return put_file(walk, dir, base, error);
    if (S_ISDIR(st.st_mode)) return put_dir(walk, dir, base, error);
    if (S_ISLNK(st.st_mode)) return put_link(walk, dir, base, &st, error);
    leave_out(walk, S_ISFIFO(st.st_mode) ? "a FIFO" : S_ISSOCK(st.st_mode) ? "a socket" : "a device");
    return AER_OK;
}

static int walk_dir(struct walk *walk, int fd, struct port_error *error)
{
    struct port_error cause = {0};
    size_t size = walk->size, count;
    char **names;
    int rc = aer__port_list(fd, &names, &count, &cause);

    if (rc != AER_OK) { /* what was listed before the failure is not worth a guess */
        aer__port_names_free(names, count);
        leave_out(walk, cause.message);
        return AER_OK;
    }
    for (size_t i = 0; rc == AER_OK && i < count; i++) {
        rc = push(walk, names[i], error);
        if (rc == AER_OK) rc = put_entry(walk, fd, names[i], error);
        if (rc == AER_OK) rc = aer__port_progress(&walk->sink->job->events, walk->sink->counts, 0, 0, error);
        walk->size = size;
    }
    aer__port_names_free(names, count);
    return rc;
}

int aer__port_import_dir(struct sink *sink, struct port_error *error)
{
    struct walk walk = {.sink = sink};
    struct stat st;
    int fd = open(sink->job->source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc;

    if (fd < 0)
        return aer__port_fail(error, errno == ENOENT || errno == ENOTDIR ? AER_INVALID : AER_IO, "%s", strerror(errno));
    if (sink->job->db_dir && stat(sink->job->db_dir, &st) == 0) {
        walk.has_db = true;
        walk.db_dev = st.st_dev;
        walk.db_ino = st.st_ino;
    }
    if (walk.has_db && fstat(fd, &st) == 0 && st.st_dev == walk.db_dev && st.st_ino == walk.db_ino)
        rc = aer__port_fail(error, AER_INVALID, "that is the database itself");
    else rc = walk_dir(&walk, fd, error);
    close(fd);
    free(walk.path);
    return rc;
}
