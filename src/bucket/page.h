/* page.h -- reading SQLite's file format without SQLite: pages, cells and records of a sealed bucket.
 *
 * For: the sealed reader. Must not know: what a bucket is; it sees tables keyed by rowid, and bytes.
 *
 *   page     | header 8 or 12 | cell pointers, 2 bytes each | free ... | cells ... | 8 reserved |
 *   cell     leaf: payload size, rowid, payload [, first overflow page]      interior: child page, greatest rowid below it
 *   record   header size, a type a column; then the columns' bytes
 *
 * Every number here comes from a file that may be damaged or made to hurt us, and is checked before it is used.
 * What SQLite itself never writes is an error, though SQLite might read it: then it is asked (sealed_fallback.c).
 */
#ifndef AER_BUCKET_PAGE_H
#define AER_BUCKET_PAGE_H

#include "base/base.h"

#define PAGE_SIZE 4096u
#define PAGE_USABLE 4088u               /* without the 8 reserved bytes at the end */
#define PAGE_OVERFLOW (PAGE_USABLE - 4) /* payload on an overflow page */
#define PAGE_RUN 16u                    /* overflow pages read with one call */
#define PAGE_COLUMNS 8                  /* of the widest record we read */
#define PAGE_MAX (5u << 18)             /* pages of the largest file we read, 5 GiB; more is nonsense */

/* Where pages come from. */
struct pages {
    int fd;
    const char *name;           /* for messages */
    uint32_t count;             /* of the file */
    const unsigned char *image; /* the first image_count pages, when they are in memory */
    uint32_t image_count;
};

/* Page NUMBER, from 1: in memory, or read into buffer (PAGE_SIZE bytes). */
int aer__page_get(const struct pages *p, uint32_t number, unsigned char *buffer, const unsigned char **page, struct err *err);

enum { PAGE_TABLE_INTERIOR = 5, PAGE_INDEX_LEAF = 10, PAGE_TABLE_LEAF = 13 };

/* A page whose header and cell pointers lie within it. */
struct node {
    const unsigned char *page;
    uint32_t number;
    unsigned header; /* 0, or 100 on page 1 */
    unsigned kind;   /* PAGE_... */
    unsigned cells;
};
int aer__page_node(const struct pages *p, uint32_t number, const unsigned char *page, struct node *node, struct err *err);

/* Child I of an interior page, I from 0 to node->cells; the last has no greatest rowid and gives INT64_MAX. */
int aer__page_child(const struct pages *p, const struct node *node, unsigned i, uint32_t *child, int64_t *greatest,
                    struct err *err);

struct cell {
    int64_t rowid;              /* 0 in an index */
    uint64_t size;              /* of the payload */
    const unsigned char *local; /* its first local_size bytes, in the page */
    unsigned local_size;
    uint32_t overflow; /* the page with the rest, or 0 */
};
int aer__page_cell(const struct pages *p, const struct node *node, unsigned i, struct cell *cell, struct err *err);

/* Where in its page cell I of a table's leaf starts, and its rowid; 0 if out of bounds. */
unsigned aer__page_place(const struct node *node, unsigned i, int64_t *rowid);
/* A cell of a table's leaf from the bytes at its place alone, room of them. False: that is no whole cell. */
bool aer__page_piece(const struct pages *p, const unsigned char *piece, unsigned room, struct cell *cell);

/* First cell of a leaf with at least this rowid; node->cells if there is none. */
int aer__page_seek(const struct pages *p, const struct node *node, int64_t rowid, unsigned *i, int64_t *found,
                   struct err *err);

/* The payload: head_size bytes to head, then tail_size to tail; together at most cell->size.
 * scratch: PAGE_RUN * PAGE_SIZE bytes, unused while all is local. */
int aer__page_payload(const struct pages *p, const struct cell *cell, unsigned char *scratch, void *head,
                      size_t head_size, void *tail, size_t tail_size, struct err *err);

/* Columns of a record: SQLite's type numbers, and where in the payload each starts. */
struct record {
    unsigned columns;
    uint64_t type[PAGE_COLUMNS];
    uint64_t at[PAGE_COLUMNS + 1]; /* at[columns] is the payload's size */
};
/* Header of a payload of SIZE bytes, its first local_size at data; exactly COLUMNS columns. False: it is not well formed. */
bool aer__record_parse(const unsigned char *data, size_t local_size, uint64_t size, unsigned columns, struct record *record);
/* data as above, the column within it. NULL (0 then), or an integer; false for other types. */
bool aer__record_number(const struct record *record, unsigned column, const unsigned char *data, bool *is_null,
                        int64_t *number);

#define RECORD_IS_NULL(r, c) ((r)->type[c] == 0)
#define RECORD_IS_BLOB(r, c) ((r)->type[c] >= 12 && (r)->type[c] % 2 == 0)
#define RECORD_IS_TEXT(r, c) ((r)->type[c] >= 13 && (r)->type[c] % 2 == 1)
#define RECORD_SIZE(r, c) ((size_t)((r)->at[(c) + 1] - (r)->at[c]))

#endif
