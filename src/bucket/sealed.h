/* sealed.h -- the open sealed bucket, as the files that read one share it.
 *
 *   sealed.c            open, close, load
 *   sealed_open.c       what is checked at open: header, schema, bucket_info; and the map of leaves
 *   sealed_read.c       one row, all rows: the hot path
 *   sealed_place.c      where a small row lies in its page, remembered
 *   sealed_fallback.c   the same through SQLite, for what our reader finds odd
 *
 * After open nothing in it changes but `sound` and what `place` points to, both atomic, so any number of threads may read.
 */
#ifndef AER_BUCKET_SEALED_H
#define AER_BUCKET_SEALED_H

#include "bucket/format.h"
#include "bucket/page.h"

#include <stdatomic.h>

struct sealed {
    int dir; /* the caller's */
    char path[LAYOUT_PATH_SIZE];
    struct pages pages; /* pages.image is ours once loaded */
    uint64_t size;
    struct bucket_info info;
    uint64_t rows;
    /* Leaf I holds the rows with greatest[I - 1] < seq <= greatest[I]. Two arrays, since a search touches one only. */
    uint32_t leaf_count, leaf_room;
    int64_t *greatest;
    uint32_t *leaf;
    atomic_ushort *place; /* row first_seq + I's offset in its page, 0: not known yet; NULL: rows are large or have gaps */
    bool odd;             /* our reader does not understand the file: SQLite reads every row */
    atomic_bool sound;    /* every row was read and counted once: what is absent was never there */
};

/* What a reader wants of a row. */
struct wish {
    bool value; /* read it, and check the sum */
    void *into; /* there, if it fits; NULL: into hold */
    size_t capacity;
};

/* Fill s from the file's pages, or say in AER_CORRUPT what is odd about it. AER_NEWER does not come from here. */
int aer__sealed_examine(struct sealed *s, const char *database, const char *id, struct err *err);

/* Make s->place if it is worth its memory: 2 bytes a row. */
int aer__place_init(struct sealed *s, struct err *err);
/* Remember where all rows of a leaf lie. */
void aer__place_learn(struct sealed *s, const struct node *node);
/* The cell of row SEQ in leaf page NUMBER, read without the rest of the page into buffer (PAGE_SIZE bytes).
 * False: not remembered, or not there; look for it in the whole page. */
bool aer__place_cell(const struct sealed *s, uint64_t seq, uint32_t number, unsigned char *buffer, struct cell *cell);

/* What aer__sealed_examine does, through SQLite: info and rows only. reason is what our reader said. */
int aer__fallback_examine(struct sealed *s, const char *database, const char *id, const struct err *reason, struct err *err);
/* One row. AER_NOTFOUND: SQLite has none, though it reads the file; err is left alone. */
int aer__fallback_get(const struct sealed *s, uint64_t seq, const struct wish *wish, struct row *row, struct buf *hold,
                      const struct err *reason, struct err *err);

/* Rows being given in order to a function of the caller's. */
struct walk {
    uint64_t next;  /* what was given is below, what is to come is not */
    uint64_t count; /* rows given */
    bool with_value;
    int (*fn)(void *arg, const struct row *row); /* NULL: only count and check */
    void *arg;
    bool stopped; /* fn returned non-zero: the result is its, not a code of ours */
    struct buf *hold;
};
/* Give one row; fn's result, or AER_CORRUPT if the row is out of order or range. */
int aer__walk_give(const struct sealed *s, struct walk *walk, const struct row *row, struct err *err);
/* All rows from walk->next on. */
int aer__fallback_rows(const struct sealed *s, struct walk *walk, const struct err *reason, struct err *err);

#endif
