/* record_repair.c -- gdbm files that are not what `files` says: taken as they are, or forgotten. */
#include "files/records.h"
#include "fs/fs.h"

#include <stdio.h>
#include <string.h>

struct take_over {
    struct files *f;
    const struct place *place;
    bool data, index; /* what is to be done */
    bool missing;     /* there is no data.gdbm */
    struct catalog_file found;
};

static bool is_damage(int rc)
{
    return rc == AER_CORRUPT || rc == AER_CHANGED;
}

/* Is the file what it should be, to the last bit? */
static int is_whole(struct take_over *t, bool index, bool *whole, struct err *err)
{
    struct err local = {0};
    struct record_file *file;
    int rc = aer__record_file_open(t->f, t->place, index, &file, &local);

    if (rc == AER_OK) rc = aer__record_file_check(file, &local);
    aer__record_file_close(t->f, file);
    *whole = !is_damage(rc);
    if (rc == AER_OK || is_damage(rc)) return AER_OK;
    if (err && !err->code) *err = local;
    return rc;
}

/* Each record of the data.gdbm that is there. */
static int read_all(struct take_over *t, struct err *err)
{
    struct record_file *file;
    struct buf text = {0};
    char name[LAYOUT_FILE_SIZE];
    uint64_t sum;
    int rc = aer__record_file_open_any(t->f, t->place, false, &file, err);

    if (rc) return rc;
    rc = aer__record_keys(t->f, file, err);
    for (size_t i = 0; rc == AER_OK && i < file->key_count; i++) {
        text.size = 0;
        aer__record_name(name, false, file->keys + i * file->key_size);
        rc = aer__record_fetch(t->f, file, name, &text, &sum, err);
        if (rc == AER_NOTFOUND)
            rc = aer__err_set(err, AER_CORRUPT, "'%s' is damaged: record '%s' is not found by its key", file->path,
                              file->keys + i * file->key_size);
    }
    t->missing = file->fd < 0;
    t->found = file->file;
    t->found.name = LAYOUT_DATA_GDBM;
    aer__buf_release(&text);
    aer__record_file_close(t->f, file);
    return rc;
}

static int write_down(void *arg, struct catalog *c, struct err *err)
{
    struct take_over *t = arg;
    uint32_t id = t->place->table;
    char after[LAYOUT_TABLE_PATH_SIZE] = "", end[LAYOUT_TABLE_PATH_SIZE] = "";
    int rc = AER_OK;

    if (t->data) {
        rc = t->missing ? aer__catalog_remove_file(c, id, LAYOUT_DATA_GDBM, err)
                        : aer__catalog_set_file(c, id, &t->found, err);
        if (rc == AER_OK) rc = aer__catalog_remove_file(c, id, LAYOUT_DATA_GDBM RECORD_NEXT, err);
    }
    if (t->index) {
        if (rc == AER_OK) rc = aer__catalog_remove_file(c, id, LAYOUT_INDEX_GDBM, err);
        if (rc == AER_OK) rc = aer__catalog_remove_file(c, id, LAYOUT_INDEX_GDBM RECORD_NEXT, err);
        aer__layout_table_path(after, t->place->name, LAYOUT_INDEX "/");
        aer__layout_table_path(end, t->place->name, LAYOUT_INDEX "0");
    }
    /* With no index to forget this removes nothing: the epoch is what tells others. */
    return rc ? rc : aer__catalog_records_clear(c, after, end, err);
}

static int take_over(struct take_over *t, struct err *err)
{
    char path[LAYOUT_TABLE_PATH_SIZE];
    bool whole = true;
    int rc = aer__records_load(t->f, err);

    if (rc == AER_OK) rc = is_whole(t, false, &whole, err);
    t->data = rc == AER_OK && !whole;
    if (rc == AER_OK) rc = is_whole(t, true, &whole, err);
    t->index = rc == AER_OK && !whole;
    if (t->data && rc == AER_OK) rc = read_all(t, err);
    if (rc || (!t->data && !t->index)) return rc;
    rc = aer__kv_write_catalog(t->f->kv, true, write_down, t, err);
    aer__kv_catalog_changed(t->f->kv);
    aer__records_forget(t->f);
    aer__layout_table_path(path, t->place->name, LAYOUT_INDEX_GDBM);
    return rc || !t->index ? rc : aer__fs_unlink(t->f->dir, path, err);
}

int aer__files_take_over(struct files *f, const struct place *place, bool *all, struct err *err)
{
    struct take_over t = {.f = f, .place = place};
    int rc;

    pthread_mutex_lock(&f->commit_lock); /* no checkpoint meanwhile */
    pthread_mutex_lock(&f->records->lock);
    rc = take_over(&t, err);
    pthread_mutex_unlock(&f->records->lock);
    pthread_mutex_unlock(&f->commit_lock);
    *all = t.data || t.index;
    return rc;
}
