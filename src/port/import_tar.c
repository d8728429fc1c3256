/* import_tar.c -- a tar archive, compressed in any way libarchive knows, into keys as import_dir.c makes them.
 *
 * For: port.c. Must not know: how the store keeps anything.
 *
 * 1. An archive is refused whole, before anything is written, if it is cut short, if a name in it is absolute or has a
 *    component "..", or if two entries have one name. A file is read through once to see that; a pipe is one transaction.
 * 2. Names are tidied: "./a//b" is a/b. A hard link gets the content of the entry it names.
 * 3. FIFOs, sockets and devices are told and left out.
 */
#include "port/port_internal.h"
#include "port/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

/* 128 bits of a name instead of the name: a million entries take 24 MB whatever their length. */
struct mark {
    uint64_t a, b, number;
};

struct tar {
    struct sink *sink;
    struct archive *archive;
    struct port_input input;
    struct mark *marks;
    size_t count, capacity;
    uint64_t number; /* of the entry at hand, from 1 */
    char *name;      /* tidied; directories end with a slash */
    size_t name_size;
};

/* ---- the archive ------------------------------------------------------------------------ */

static int failed(struct tar *tar, struct port_error *error)
{
    const char *why = archive_error_string(tar->archive);

    return aer__port_fail(error, AER_INVALID, "entry %llu: %s", (unsigned long long)tar->number, why ? why : "unreadable");
}

static int open_archive(struct tar *tar, struct port_error *error)
{
    if (tar->archive) archive_read_free(tar->archive);
    if (aer__port_input_rewind(&tar->input, error)) return error->code;
    tar->number = 0;
    tar->archive = archive_read_new();
    if (!tar->archive) return aer__port_no_memory(error);
    archive_read_support_filter_all(tar->archive);
    archive_read_support_format_tar(tar->archive);
    return archive_read_open_fd(tar->archive, tar->input.fd, 1 << 17) < ARCHIVE_WARN ? failed(tar, error) : AER_OK;
}

/* AER_OK with the next entry, AER_DONE, or a failure. */
static int next_entry(struct tar *tar, struct archive_entry **entry, struct port_error *error)
{
    int rc = archive_read_next_header(tar->archive, entry);

    tar->number++;
    if (rc == ARCHIVE_EOF) return AER_DONE;
    return rc < ARCHIVE_WARN ? failed(tar, error) : AER_OK;
}

/* ---- names ------------------------------------------------------------------------------ */

/* RAW without "." components and doubled slashes, in *tidy (free()); AER_INVALID for a name nobody means well. */
static int tidy_name(const char *raw, char **tidy, size_t *tidy_size, struct port_error *error)
{
    char shown[PORT_NAME_SIZE];
    const char *p = raw ? raw : "";
    size_t used = 0;

    *tidy = malloc(strlen(p) + 2);
    if (!*tidy) return aer__port_no_memory(error);
    if (*p == '/')
        return aer__port_fail(error, AER_INVALID, "the name '%s' is absolute; the archive is refused",
                              aer__port_name(p, strlen(p), shown));
    while (*p) {
        size_t size = strcspn(p, "/");

        if (size == 2 && p[0] == '.' && p[1] == '.')
            return aer__port_fail(error, AER_INVALID, "the name '%s' has a component ..; the archive is refused",
                                  aer__port_name(raw, strlen(raw), shown));
        if (size > 0 && !(size == 1 && p[0] == '.')) {
            if (used) (*tidy)[used++] = '/';
            memcpy(*tidy + used, p, size);
            used += size;
        }
        p += size;
        while (*p == '/') p++;
    }
    (*tidy)[used] = '\0';
    *tidy_size = used;
    return AER_OK;
}

static int take_name(struct tar *tar, struct archive_entry *entry, struct port_error *error)
{
    const char *raw = archive_entry_pathname(entry);
    int rc;

    free(tar->name);
    tar->name = NULL;
    if (!raw) raw = archive_entry_pathname_utf8(entry);
    if (!raw) return aer__port_fail(error, AER_INVALID, "entry %llu has no name", (unsigned long long)tar->number);
    rc = tidy_name(raw, &tar->name, &tar->name_size, error);
    if (rc == AER_OK && tar->name_size && archive_entry_filetype(entry) == AE_IFDIR) {
        tar->name[tar->name_size++] = '/';
        tar->name[tar->name_size] = '\0';
    }
    if (rc == AER_OK && tar->name_size + tar->sink->job->prefix.size > AER_KEY_MAX)
        rc = aer__port_fail(error, AER_INVALID, "entry %llu: its name is too long for a key", (unsigned long long)tar->number);
    return rc;
}

static uint64_t fold(const char *name, size_t size, uint64_t hash)
{
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)name[i]) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 29;
    }
    return hash;
}

static int add_mark(struct tar *tar, struct port_error *error)
{
    struct mark *grown;

    if (tar->count == tar->capacity) {
        grown = realloc(tar->marks, (tar->capacity * 2 + 1024) * sizeof(*grown));
        if (!grown) return aer__port_no_memory(error);
        tar->marks = grown;
        tar->capacity = tar->capacity * 2 + 1024;
    }
    tar->marks[tar->count++] = (struct mark){fold(tar->name, tar->name_size, UINT64_C(0xCBF29CE484222325)),
                                             fold(tar->name, tar->name_size, UINT64_C(0xA5A5A5A55A5A5A5A)), tar->number};
    return AER_OK;
}

static int by_mark(const void *a, const void *b)
{
    const struct mark *x = a, *y = b;

    if (x->a != y->a) return x->a < y->a ? -1 : 1;
    if (x->b != y->b) return x->b < y->b ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

static int check_marks(struct tar *tar, struct port_error *error)
{
    if (tar->count > 1) qsort(tar->marks, tar->count, sizeof(*tar->marks), by_mark);
    for (size_t i = 1; i < tar->count; i++)
        if (tar->marks[i].a == tar->marks[i - 1].a && tar->marks[i].b == tar->marks[i - 1].b)
            return aer__port_fail(error, AER_INVALID, "entries %llu and %llu have the same name; the archive is refused",
                                  (unsigned long long)tar->marks[i - 1].number, (unsigned long long)tar->marks[i].number);
    return AER_OK;
}

/* What is stored beside a value. */
struct extras {
    aer_attrs attrs; /* its meta lies in one of the two below */
    char usual[PORT_META_SIZE];
    char *own; /* free() */
};

/* Meta and expiry out of the entry, or out of what export_tar.c wrote beside it. Zeros at first; own is to be freed in any case. */
static int take_extras(const struct tar *tar, struct archive_entry *entry, const struct port_meta *meta,
                       struct extras *extras, struct port_error *error)
{
    aer_attrs *attrs = &extras->attrs;
    const char *name;
    const void *value;
    size_t size;
    char digits[24];

    *attrs = (aer_attrs){.size = sizeof(*attrs), .meta = extras->usual};
    attrs->meta_size = aer__port_meta_format(meta, extras->usual);
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
        if (strcmp(name, TAR_META) == 0) {
            free(extras->own); /* twice in one entry */
            extras->own = strndup(size ? value : "", size);
            if (!extras->own) return aer__port_no_memory(error);
            attrs->meta = size ? extras->own : NULL;
            attrs->meta_size = size;
            if (size && aer__port_meta_refused(extras->own, size))
                return aer__port_fail(error, AER_INVALID, "entry %llu: %s", (unsigned long long)tar->number,
                                      aer__port_meta_refused(extras->own, size));
        } else if (strcmp(name, TAR_EXPIRES) == 0 && size < sizeof(digits)) {
            memcpy(digits, value, size);
            digits[size] = '\0';
            attrs->expires_ms = strtoll(digits, NULL, 10);
            if (attrs->expires_ms < 0)
                return aer__port_fail(error, AER_INVALID, "entry %llu: a negative time of expiry",
                                      (unsigned long long)tar->number);
        }
    }
    return AER_OK;
}

/* ---- the first reading ------------------------------------------------------------------ */

static int check_extras(const struct tar *tar, struct archive_entry *entry, struct port_error *error)
{
    const struct port_meta plain = {.type = 'f'};
    struct extras extras = {0};
    int rc = take_extras(tar, entry, &plain, &extras, error);

    free(extras.own);
    return rc;
}

static int check_archive(struct tar *tar, struct port_error *error)
{
    const struct port_events *events = &tar->sink->job->events;
    struct archive_entry *entry;
    const void *block;
    size_t size;
    la_int64_t offset;
    int rc = open_archive(tar, error), data;

    while (rc == AER_OK && (rc = next_entry(tar, &entry, error)) == AER_OK) {
        rc = take_name(tar, entry, error);
        if (rc == AER_OK && tar->name_size) rc = add_mark(tar, error);
        if (rc == AER_OK) rc = check_extras(tar, entry, error);
        /* Reading, not skipping: only that notices an archive that is cut short. */
        while (rc == AER_OK && (data = archive_read_data_block(tar->archive, &block, &size, &offset)) != ARCHIVE_EOF)
            if (data < ARCHIVE_WARN) rc = failed(tar, error);
        if (rc == AER_OK)
            rc = aer__port_progress(events, tar->sink->counts, (uint64_t)archive_filter_bytes(tar->archive, -1) / 2,
                                    tar->input.size, error);
    }
    return rc == AER_DONE ? check_marks(tar, error) : rc;
}

/* ---- entries into keys ------------------------------------------------------------------ */

static int read_entry(void *arg, void *buffer, size_t capacity, size_t *got, struct port_error *error)
{
    struct tar *tar = arg;
    size_t filled = 0;

    while (filled < capacity) {
        la_ssize_t n = archive_read_data(tar->archive, (char *)buffer + filled, capacity - filled);

        if (n == ARCHIVE_RETRY) continue;
        if (n < 0) return failed(tar, error);
        if (n == 0) break;
        filled += (size_t)n;
    }
    *got = filled;
    return AER_OK;
}

/* The hard link's content is that of an entry before it. */
static int put_hardlink(struct tar *tar, const char *target, const struct port_meta *meta, struct sink_item *item,
                        struct port_error *error)
{
    const struct port_events *events = &tar->sink->job->events;
    char *name = NULL;
    size_t size = 0;
    int rc = tidy_name(target, &name, &size, error);

    if (rc == AER_OK) rc = aer__port_sink_copy(tar->sink, (aer_slice){name, size}, item, meta, error);
    free(name);
    if (error->code || rc == AER_OK) return rc;
    aer__port_skip(events, tar->sink->counts, item->name,
                   rc == AER_NOTFOUND ? "a hard link to an entry that is not there"
                                      : "a hard link to a value too large for a pipe; import the archive from a file");
    return AER_OK;
}

static int put_file(struct tar *tar, struct archive_entry *entry, const struct port_meta *meta, struct sink_item *item,
                    struct port_error *error)
{
    uint64_t size = archive_entry_size(entry) > 0 ? (uint64_t)archive_entry_size(entry) : 0;
    const char *hardlink = archive_entry_hardlink(entry);
    bool same = false;
    size_t got = 0;
    int rc = AER_OK;

    if (hardlink && size == 0) return put_hardlink(tar, hardlink, meta, item, error);
    rc = aer__port_sink_same_file(tar->sink, item->name, size, meta, &same, error);
    if (rc != AER_OK || same) return rc;
    rc = read_entry(tar, tar->sink->piece, PORT_PIECE, &got, error);
    item->value = (aer_slice){tar->sink->piece, got};
    if (got == PORT_PIECE) item->read = read_entry, item->read_arg = tar;
    return rc == AER_OK ? aer__port_sink_put(tar->sink, item, error) : rc;
}

static int put_entry(struct tar *tar, struct archive_entry *entry, struct port_error *error)
{
    const struct port_events *events = &tar->sink->job->events;
    unsigned type = archive_entry_filetype(entry);
    const char *target = archive_entry_symlink(entry);
    struct extras extras = {0};
    struct sink_item item = {.name = {tar->name, tar->name_size}};
    struct port_meta meta = {.type = type == AE_IFDIR   ? 'd'
                                     : type == AE_IFLNK ? 'l'
                                                        : 'f',
                             .has_mode = true,
                             .has_mtime = true,
                             .mode = archive_entry_perm(entry) & 07777,
                             .mtime_sec = archive_entry_mtime(entry),
                             .mtime_nsec = archive_entry_mtime_nsec(entry)};
    bool same = false;
    int rc = AER_OK;

    if (tar->name_size == 0) return AER_OK; /* "./", the top itself */
    if (type != AE_IFDIR && type != AE_IFLNK && type != AE_IFREG && !archive_entry_hardlink(entry)) {
        aer__port_skip(events, tar->sink->counts, item.name,
                       type == AE_IFIFO    ? "a FIFO"
                       : type == AE_IFSOCK ? "a socket"
                                           : "a device");
        return AER_OK;
    }
    rc = take_extras(tar, entry, &meta, &extras, error);
    item.attrs = extras.attrs;
    if (rc == AER_OK && (type == AE_IFDIR || type == AE_IFLNK)) {
        item.value = type == AE_IFLNK && target ? (aer_slice){target, strlen(target)} : (aer_slice){"", 0};
        rc = aer__port_sink_same_file(tar->sink, item.name, item.value.size, &meta, &same, error);
        if (rc == AER_OK && !same) rc = aer__port_sink_put(tar->sink, &item, error);
    } else if (rc == AER_OK) {
        rc = put_file(tar, entry, &meta, &item, error);
    }
    free(extras.own);
    return rc;
}

static int store_archive(struct tar *tar, bool checked, struct port_error *error)
{
    const struct port_events *events = &tar->sink->job->events;
    struct archive_entry *entry;
    int rc = open_archive(tar, error);

    while (rc == AER_OK && (rc = next_entry(tar, &entry, error)) == AER_OK) {
        rc = take_name(tar, entry, error);
        if (rc == AER_OK && !checked && tar->name_size) rc = add_mark(tar, error);
        if (rc == AER_OK) rc = put_entry(tar, entry, error);
        if (rc == AER_OK)
            rc = aer__port_progress(events, tar->sink->counts,
                                    tar->input.size / 2 + (uint64_t)archive_filter_bytes(tar->archive, -1) / 2,
                                    tar->input.size, error);
    }
    if (rc == AER_DONE) rc = checked ? AER_OK : check_marks(tar, error);
    return rc;
}

int aer__port_import_tar(struct sink *sink, struct port_error *error)
{
    struct tar tar = {.sink = sink};
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
    int rc = aer__port_input_open(&tar.input, sink->job->source, error);

    sink->whole = !tar.input.is_file && !sink->job->batch;
    if (rc == AER_OK && tar.input.is_file) rc = check_archive(&tar, error);
    if (rc == AER_OK) rc = store_archive(&tar, tar.input.is_file, error);
    if (tar.archive) archive_read_free(tar.archive);
    free(tar.marks);
    free(tar.name);
    aer__port_input_close(&tar.input);
    if (utf8) {
        uselocale(before);
        freelocale(utf8);
    }
    return rc;
}
