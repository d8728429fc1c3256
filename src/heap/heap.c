/* heap.c -- see heap.h. Files and records of gdbm files are told apart below, in src/files; buckets.c has the third kind. */
#include "heap/kinds.h"

#include <stdio.h>
#include <string.h>

static int get_file(const struct heap *h, const struct heap_txn *t, const char *id, struct buf *to, struct err *err)
{
    char name[LAYOUT_FILE_SIZE];

    aer__layout_row(name, id);
    return aer__files_read(h->files, t->changes, &h->place, name, to, NULL, err);
}

static int put_file(const struct heap *h, const struct heap_txn *t, const char *id, const void *text, size_t size,
                    struct err *err)
{
    char name[LAYOUT_FILE_SIZE];

    aer__layout_row(name, id);
    return aer__changes_write(t->changes, &h->place, name, text, size, true, err);
}

static int del_file(const struct heap *h, const struct heap_txn *t, const char *id, struct err *err)
{
    char name[LAYOUT_FILE_SIZE];

    aer__layout_row(name, id);
    return aer__changes_remove(t->changes, &h->place, name, err);
}

struct names {
    int (*fn)(void *arg, const char *id);
    void *arg;
    struct err *err;
    const struct heap *h;
};

static int give_name(void *arg, const char *name)
{
    struct names *n = arg;
    char id[LAYOUT_ROW_ID_SIZE];

    if (!aer__layout_row_parse(id, name))
        return aer__err_set(n->err, AER_CORRUPT, "'%s' has a row file '%.200s' of table '%s', which is no name for one",
                            LAYOUT_CATALOG, name, n->h->place.name);
    return n->fn(n->arg, id);
}

static int list_files(const struct heap *h, const struct heap_txn *t, const char *after, size_t limit,
                      int (*fn)(void *arg, const char *id), void *arg, struct err *err)
{
    struct names n = {fn, arg, err, h};
    char from[LAYOUT_FILE_SIZE] = LAYOUT_DATA "/";

    if (after[0]) aer__layout_row(from, after);
    return aer__files_list(h->files, t->changes, &h->place, from, LAYOUT_DATA "0", limit, give_name, &n, err);
}

static const struct heap_kind file_kind = {get_file, put_file, del_file, list_files};

static const struct heap_kind *kind_of(const struct heap *h)
{
    return h->storage == AER_STORAGE_BUCKETS ? &aer__heap_buckets : &file_kind;
}

int aer__heap_get(const struct heap *h, const struct heap_txn *t, const char *id, struct buf *to, struct err *err)
{
    return kind_of(h)->get(h, t, id, to, err);
}

int aer__heap_put(const struct heap *h, const struct heap_txn *t, const char *id, const void *text, size_t size,
                  struct err *err)
{
    return kind_of(h)->put(h, t, id, text, size, err);
}

int aer__heap_del(const struct heap *h, const struct heap_txn *t, const char *id, struct err *err)
{
    return kind_of(h)->del(h, t, id, err);
}

int aer__heap_list(const struct heap *h, const struct heap_txn *t, const char *after, size_t limit,
                   int (*fn)(void *arg, const char *id), void *arg, struct err *err)
{
    return kind_of(h)->list(h, t, after, limit, fn, arg, err);
}
