/* record_file.c -- one gdbm file, open for reading. See records.h for what is in it, and what it is compared with. */
#include "files/records.h"
#include "fs/fs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_PREFIX LAYOUT_INDEX "/"
#define INDEX_PREFIX_SIZE (sizeof INDEX_PREFIX - 1)
#define SUM_DIGITS 16
#define TRAILER_SIZE (SUM_DIGITS + 1)
#define OPEN_TRIES 3

/* ---- names and values ---- */

bool aer__record_key(char key[RECORD_KEY_SIZE], const char *name)
{
    if (strncmp(name, INDEX_PREFIX, INDEX_PREFIX_SIZE) != 0) return aer__layout_row_parse(key, name);
    return snprintf(key, RECORD_KEY_SIZE, "%s", name + INDEX_PREFIX_SIZE) < RECORD_KEY_SIZE;
}

void aer__record_name(char name[LAYOUT_FILE_SIZE], bool index, const char *key)
{
    if (index) snprintf(name, LAYOUT_FILE_SIZE, INDEX_PREFIX "%s", key);
    else aer__layout_row(name, key);
}

int aer__record_value(struct buf *to, const void *text, size_t size, uint64_t sum)
{
    char trailer[TRAILER_SIZE + 1];

    to->size = 0;
    snprintf(trailer, sizeof trailer, "%016" PRIx64 "\n", sum);
    return aer__buf_append(to, text, size) || aer__buf_append(to, trailer, TRAILER_SIZE) ? AER_NOMEM : AER_OK;
}

/* The sum that stands behind the text; false: none does. */
static bool read_trailer(const unsigned char *value, size_t size, uint64_t *sum)
{
    const unsigned char *at = value + size - TRAILER_SIZE;

    *sum = 0;
    if (size < TRAILER_SIZE || at[SUM_DIGITS] != '\n') return false;
    for (int i = 0; i < SUM_DIGITS; i++) {
        const char *digits = "0123456789abcdef", *digit = at[i] ? strchr(digits, at[i]) : NULL;
        if (!digit) return false;
        *sum = *sum << 4 | (uint64_t)(digit - digits);
    }
    return true;
}

/* ---- open ---- */

struct rows {
    const struct record_file *file;
    struct catalog_file now, next; /* name NULL: there is no such row */
};

static int ask_one(struct catalog *c, uint32_t table, const char *name, struct catalog_file *row, struct err *err)
{
    int rc = aer__catalog_file(c, table, name, row, err);

    row->name = rc == AER_OK ? name : NULL;
    return rc == AER_NOTFOUND ? AER_OK : rc;
}

static int ask(void *arg, struct catalog *c, struct err *err)
{
    struct rows *rows = arg;
    bool index = rows->file->index;
    int rc = ask_one(c, rows->file->table, index ? LAYOUT_INDEX_GDBM : LAYOUT_DATA_GDBM, &rows->now, err);

    return rc ? rc
              : ask_one(c, rows->file->table, index ? LAYOUT_INDEX_GDBM RECORD_NEXT : LAYOUT_DATA_GDBM RECORD_NEXT,
                        &rows->next, err);
}

static int changed(struct err *err, const struct record_file *file, const char *how)
{
    return aer__err_set(err, AER_CHANGED, "'%s' %s", file->path, how);
}

/* Is the open file one of the two? By size and time of change; hash: by its bytes, for a copy of a database has other times. */
static int compare(struct record_file *file, const struct rows *rows, bool hash, bool *same, struct err *err)
{
    const struct catalog_file *either[] = {&rows->now, &rows->next};
    uint64_t size, sum = 0;
    int64_t mtime_ns;
    int rc = aer__fs_state(file->fd, file->path, &size, &mtime_ns, err);

    *same = false;
    if (rc == AER_OK && hash) rc = aer__fs_copy(file->fd, -1, file->path, &size, &sum, err);
    for (int i = 0; rc == AER_OK && i < 2 && !*same; i++) {
        if (!either[i]->name || either[i]->size != size) continue;
        *same = hash ? either[i]->sum == sum : either[i]->mtime_ns == mtime_ns;
        if (!*same) continue;
        file->file = *either[i];
        file->whole = hash;
    }
    return rc;
}

/* A checkpoint of another process may come between the look at `files` and the file: then another look finds both. */
static int find(struct files *f, struct record_file *file, struct err *err)
{
    struct rows rows = {.file = file};
    bool same = false;
    int rc;

    for (int try = 0; try < OPEN_TRIES; try++) {
        rc = aer__kv_read_catalog(f->kv, ask, &rows, err);
        if (rc) return rc;
        rc = aer__fs_open_read(f->dir, file->path, &file->fd, NULL, err);
        if (rc == AER_NOTFOUND && !rows.now.name) return AER_OK;
        if (rc && rc != AER_NOTFOUND) return rc;
        if (rc == AER_NOTFOUND) continue;
        rc = compare(file, &rows, try > 0, &same, err);
        if (rc || same) return rc;
        aer__fs_close(file->fd);
        file->fd = -1;
    }
    if (rc == AER_NOTFOUND) return changed(err, file, "is missing");
    return changed(err, file, rows.now.name ? "was changed by hand" : "was put there by hand");
}

/* Whatever is there. */
static int find_any(struct files *f, struct record_file *file, struct err *err)
{
    int rc = aer__fs_open_read(f->dir, file->path, &file->fd, NULL, err);

    if (rc) return rc == AER_NOTFOUND ? AER_OK : rc;
    file->whole = true;
    rc = aer__fs_copy(file->fd, -1, file->path, &file->file.size, &file->file.sum, err);
    return rc ? rc : aer__fs_state(file->fd, file->path, &file->file.size, &file->file.mtime_ns, err);
}

static int open_file(struct files *f, const struct place *place, bool index, bool any, struct record_file **out,
                     struct err *err)
{
    const struct gdbm_module *module = f->records->module;
    struct record_file *file = aer__calloc(1, sizeof *file);
    int rc;

    *out = NULL;
    if (!file) return aer__err_nomem(err);
    file->table = place->table;
    file->index = index;
    file->fd = -1;
    aer__layout_table_path(file->path, place->name, index ? LAYOUT_INDEX_GDBM : LAYOUT_DATA_GDBM);
    rc = any ? find_any(f, file, err) : find(f, file, err);
    if (rc == AER_OK && file->fd >= 0)
        rc = aer__records_result(module, module->open(file->fd, false, &file->gdbm), "open", file->path, err);
    if (rc) {
        aer__record_file_close(f, file);
        return rc;
    }
    *out = file;
    return AER_OK;
}

int aer__record_file_open(struct files *f, const struct place *place, bool index, struct record_file **file, struct err *err)
{
    return open_file(f, place, index, false, file, err);
}

int aer__record_file_open_any(struct files *f, const struct place *place, bool index, struct record_file **file,
                              struct err *err)
{
    return open_file(f, place, index, true, file, err);
}

void aer__record_file_close(struct files *f, struct record_file *file)
{
    if (!file) return;
    if (file->gdbm) (void)f->records->module->close(file->gdbm); /* only read */
    aer__fs_close(file->fd);
    aer__free(file->keys);
    aer__free(file);
}

int aer__record_file_check(struct record_file *file, struct err *err)
{
    uint64_t size, sum;
    int rc;

    if (file->whole || file->fd < 0) return AER_OK;
    rc = aer__fs_copy(file->fd, -1, file->path, &size, &sum, err);
    if (rc) return rc;
    if (size != file->file.size || sum != file->file.sum)
        return aer__err_set(err, AER_CORRUPT, "'%s' is damaged: its checksum is wrong", file->path);
    file->whole = true;
    return AER_OK;
}

/* ---- one record ---- */

/* The other kind of the same index node: where that is, this one is not. */
static bool other_kind(char key[RECORD_KEY_SIZE])
{
    char *last = strrchr(key, '/');
    size_t room = last ? RECORD_KEY_SIZE - (size_t)(last + 1 - key) : 0;

    if (!last) return false;
    return snprintf(last + 1, room, "%s", strcmp(last + 1, "leaf") == 0 ? "internal" : "leaf") < (int)room;
}

/* gdbm did not find it. */
static int not_found(struct files *f, struct record_file *file, char key[RECORD_KEY_SIZE], struct err *err)
{
    int rc;

    if (file->index && other_kind(key) && f->records->module->has(file->gdbm, key, strlen(key)) == GDBM_MODULE_OK)
        return AER_NOTFOUND;
    rc = aer__record_file_check(file, err);
    return rc ? rc : AER_NOTFOUND;
}

static int take_value(const struct record_file *file, const char *key, const unsigned char *value, size_t size,
                      struct buf *to, uint64_t *sum, struct err *err)
{
    bool ok = read_trailer(value, size, sum);

    if (ok && to) ok = aer__hash(value, size - TRAILER_SIZE) == *sum;
    if (!ok)
        return aer__err_set(err, AER_CORRUPT, "'%s' is damaged: the checksum of record '%s' is wrong", file->path, key);
    if (!to) return AER_OK;
    if (aer__buf_reserve(to, size - TRAILER_SIZE + 1)) return aer__err_nomem(err);
    aer__buf_append(to, value, size - TRAILER_SIZE);
    to->data[to->size] = '\0';
    return AER_OK;
}

int aer__record_fetch(struct files *f, struct record_file *file, const char *name, struct buf *to, uint64_t *sum,
                      struct err *err)
{
    const struct gdbm_module *module = f->records->module;
    char key[RECORD_KEY_SIZE];
    void *value = NULL;
    size_t size;
    int rc;

    if (!file->gdbm || !aer__record_key(key, name)) return AER_NOTFOUND;
    rc = aer__records_result(module, module->fetch(file->gdbm, key, strlen(key), &value, &size), "read", file->path, err);
    if (rc == AER_NOTFOUND) return not_found(f, file, key, err);
    if (rc == AER_OK) rc = take_value(file, key, value, size, to, sum, err);
    module->release(value);
    return rc;
}

/* ---- all keys ---- */

static int add_key(const struct record_file *file, struct buf *to, const char *key, size_t size, struct err *err)
{
    char id[LAYOUT_ROW_ID_SIZE] = "", field[RECORD_KEY_SIZE] = "";
    bool ok = size < file->key_size && !memchr(key, '\0', size);

    if (ok) memcpy(field, key, size);
    if (ok && !file->index) {
        ok = size == sizeof id - 1;
        if (ok) memcpy(id, field, sizeof id);
        ok = ok && aer__layout_row_id_ok(id);
    }
    /* Not more keys than there are bytes: else gdbm goes round in a damaged file. */
    if (ok && to->size / file->key_size > file->file.size / 8) ok = false;
    if (!ok)
        return aer__err_set(err, AER_CORRUPT, "'%s' is damaged: it has a record '%.40s', which is none of ours",
                            file->path, field);
    return aer__buf_append(to, field, file->key_size) ? aer__err_nomem(err) : AER_OK;
}

static bool is_count(const struct record_file *file, const char *key, size_t size)
{
    return !file->index && size == sizeof RECORD_COUNT - 1 && memcmp(key, RECORD_COUNT, size) == 0;
}

/* Are these as many keys as there were written? Then none was lost, though a record may be damaged: that is told when it is read. */
static bool count_fits(struct files *f, const struct record_file *file, size_t count)
{
    const struct gdbm_module *module = f->records->module;
    struct buf text = {0};
    void *value = NULL;
    size_t size;
    uint64_t sum;
    bool fits = false;

    if (file->index) return false;
    if (module->fetch(file->gdbm, RECORD_COUNT, sizeof RECORD_COUNT - 1, &value, &size) == GDBM_MODULE_OK &&
        take_value(file, RECORD_COUNT, value, size, &text, &sum, NULL) == AER_OK)
        fits = strtoull((const char *)text.data, NULL, 10) == count;
    module->release(value);
    aer__buf_release(&text);
    return fits;
}

static int gather(struct files *f, const struct record_file *file, struct buf *to, struct err *err)
{
    const struct gdbm_module *module = f->records->module;
    void *key = NULL, *next;
    size_t size = 0, next_size;
    int rc;

    do {
        rc = aer__records_result(module, module->next(file->gdbm, key, size, &next, &next_size), "read", file->path, err);
        module->release(key);
        key = rc ? NULL : next;
        size = next_size;
        if (rc == AER_OK && !is_count(file, key, size)) rc = add_key(file, to, key, size, err);
    } while (rc == AER_OK);
    module->release(key);
    return rc == AER_NOTFOUND ? AER_OK : rc;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(a, b);
}

int aer__record_keys(struct files *f, struct record_file *file, struct err *err)
{
    struct buf keys = {0};
    int rc;

    if (file->listed || !file->gdbm) return AER_OK;
    file->key_size = file->index ? RECORD_KEY_SIZE : LAYOUT_ROW_ID_SIZE;
    rc = gather(f, file, &keys, err);
    if (rc == AER_OK && !count_fits(f, file, keys.size / file->key_size)) rc = aer__record_file_check(file, err);
    if (rc) {
        aer__buf_release(&keys);
        return rc;
    }
    file->key_count = keys.size / file->key_size;
    file->keys = (char *)keys.data;
    if (file->key_count) qsort(file->keys, file->key_count, file->key_size, by_key);
    file->listed = true;
    return AER_OK;
}
