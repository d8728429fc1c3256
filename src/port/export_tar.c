/* export_tar.c -- keys as a tar archive (pax), compressed as the name of the file says.
 *
 * For: port.c. Must not know: how the store keeps anything.
 *
 * Names that are unsafe as paths are left out, as in a directory tree: somebody else will unpack it.
 */
#include "port/port_internal.h"
#include "port/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct out {
    struct port_file file;
    bool to_stdout;
    struct archive *archive;
    struct port_error *error;
};

static la_ssize_t on_write(struct archive *archive, void *arg, const void *data, size_t size)
{
    struct out *out = arg;
    int failed = out->to_stdout ? aer__port_write_all(STDOUT_FILENO, data, size)
                                : aer__port_write_all(out->file.fd, data, size);

    if (!failed) return (la_ssize_t)size;
    aer__port_fail_os(out->error, "write", out->to_stdout ? "standard output" : out->file.path);
    archive_set_error(archive, errno, "cannot write");
    return -1;
}

static int failed(struct out *out)
{
    const char *why = archive_error_string(out->archive);

    return aer__port_fail(out->error, AER_IO, "%s", why ? why : "the archive cannot be written");
}

static bool ends_with(const char *text, const char *ending)
{
    size_t size = strlen(text), ending_size = strlen(ending);

    return size >= ending_size && strcmp(text + size - ending_size, ending) == 0;
}

static int add_filter(struct archive *archive, const char *dest)
{
    if (ends_with(dest, ".gz") || ends_with(dest, ".tgz")) return archive_write_add_filter_gzip(archive);
    if (ends_with(dest, ".bz2") || ends_with(dest, ".tbz2")) return archive_write_add_filter_bzip2(archive);
    if (ends_with(dest, ".xz") || ends_with(dest, ".txz")) return archive_write_add_filter_xz(archive);
    if (ends_with(dest, ".zst") || ends_with(dest, ".tzst")) return archive_write_add_filter_zstd(archive);
    if (ends_with(dest, ".lz4")) return archive_write_add_filter_lz4(archive);
    return ARCHIVE_OK;
}

/* ---- one entry -------------------------------------------------------------------------- */

/* Does meta say just what type, mode and mtime of an entry say? */
static bool is_described(const struct source_item *item)
{
    char text[PORT_META_SIZE];
    size_t size;

    if (!item->entry.meta || item->more_meta || !item->meta.type || !item->meta.has_mode || !item->meta.has_mtime)
        return false;
    size = aer__port_meta_format(&item->meta, text);
    return size == item->entry.meta_size && memcmp(text, item->entry.meta, size) == 0;
}

static void describe(struct archive_entry *entry, const struct source_item *item, const char *path)
{
    bool is_dir = path[item->name.size - 1] == '/';
    char number[24];

    archive_entry_set_pathname(entry, path);
    archive_entry_set_mtime(entry, (time_t)item->meta.mtime_sec, item->meta.mtime_nsec);
    archive_entry_set_filetype(entry, is_dir ? AE_IFDIR : item->meta.type == 'l' ? AE_IFLNK : AE_IFREG);
    archive_entry_set_perm(entry, item->meta.has_mode ? item->meta.mode : is_dir ? 0755 : 0644);
    archive_entry_set_size(entry, 0);
    if (!is_dir && item->meta.type != 'l') archive_entry_set_size(entry, (la_int64_t)item->value.size);
    if (!is_described(item))
        archive_entry_xattr_add_entry(entry, TAR_META, item->entry.meta ? item->entry.meta : "", item->entry.meta_size);
    if (item->entry.expires_ms) {
        snprintf(number, sizeof(number), "%" PRId64, item->entry.expires_ms);
        archive_entry_xattr_add_entry(entry, TAR_EXPIRES, number, strlen(number));
    }
}

static int write_data(void *arg, const void *data, size_t size, struct port_error *error)
{
    struct out *out = arg;

    (void)error;
    return archive_write_data(out->archive, data, size) == (la_ssize_t)size ? AER_OK : failed(out);
}

static const char *unfit(const struct source_item *item)
{
    const char *why = aer__port_unsafe(item->name), *name = item->name.data;

    if (why) return why;
    if (name[item->name.size - 1] == '/')
        return item->value.size ? "its name ends with /, so it would be a directory, but it has a value" : NULL;
    if (item->meta.type == 'l' &&
        (!item->value.data || item->value.size == 0 || memchr(item->value.data, '\0', item->value.size)))
        return "its value is no target of a link";
    return NULL;
}

static int write_item(struct source *source, struct out *out, struct archive_entry *entry,
                      const struct source_item *item, struct port_error *error)
{
    const char *why = unfit(item);
    bool has_data;
    char *path, *target = NULL;
    int rc = AER_OK;

    if (why) {
        aer__port_skip(&source->job->events, source->counts, item->key, why);
        return AER_OK;
    }
    path = strndup(item->name.data, item->name.size);
    if (path && item->meta.type == 'l') target = strndup(item->value.data, item->value.size);
    if (!path || (item->meta.type == 'l' && !target)) {
        rc = aer__port_no_memory(error);
    } else {
        archive_entry_clear(entry);
        describe(entry, item, path);
        has_data = archive_entry_filetype(entry) == AE_IFREG;
        if (archive_entry_filetype(entry) == AE_IFLNK) archive_entry_set_symlink(entry, target);
        /* A warning is about names outside the character set; the bytes are written all the same. */
        if (archive_write_header(out->archive, entry) < ARCHIVE_WARN) rc = failed(out);
        if (rc == AER_OK && has_data) rc = aer__port_source_value(source, item, write_data, out, error);
    }
    if (rc == AER_OK) {
        source->counts->exported++;
        source->counts->bytes += item->value.size;
    }
    free(path);
    free(target);
    return rc;
}

static int write_all(struct source *source, struct out *out, struct port_error *error)
{
    struct archive_entry *entry = archive_entry_new();
    struct source_item item;
    int rc = AER_OK;

    out->archive = archive_write_new();
    if (!entry || !out->archive) {
        rc = aer__port_no_memory(error);
    } else if (archive_write_set_format_pax(out->archive) || add_filter(out->archive, source->job->dest) < ARCHIVE_WARN ||
               /* no padding behind the last block: zstd takes zeros there for damage */
               archive_write_set_bytes_in_last_block(out->archive, 1) ||
               archive_write_open(out->archive, out, NULL, on_write, NULL)) {
        rc = failed(out);
    }
    while (rc == AER_OK && (rc = aer__port_source_next(source, &item, error)) == AER_OK)
        rc = write_item(source, out, entry, &item, error);
    if (rc == AER_DONE) rc = archive_write_close(out->archive) < ARCHIVE_WARN ? failed(out) : AER_OK;
    if (rc != AER_OK && out->archive) archive_write_fail(out->archive);
    archive_write_free(out->archive);
    archive_entry_free(entry);
    return rc;
}

int aer__port_export_tar(struct source *source, struct port_error *error)
{
    struct out out = {.to_stdout = strcmp(source->job->dest, "-") == 0, .file = {.fd = -1}, .error = error};
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
    int rc = out.to_stdout ? AER_OK : aer__port_file_open(&out.file, source->job->dest, error);

    if (rc == AER_OK) rc = write_all(source, &out, error);
    if (rc == AER_OK && !out.to_stdout) rc = aer__port_file_commit(&out.file, error);
    aer__port_file_abandon(&out.file);
    if (utf8) {
        uselocale(before);
        freelocale(utf8);
    }
    return rc;
}
