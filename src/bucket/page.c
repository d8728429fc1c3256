/* page.c -- see page.h.
 *
 * The whole product waits for aer__page_seek and aer__page_cell, so what they need of a page is checked cell by cell when it is
 * used and not all at once. Bounds are compared as offsets within a page, never as pointers that may lie outside of it.
 */
#include "bucket/page.h"

#include "fs/fs.h"

#include <string.h>

#define LOCAL_MAX (PAGE_USABLE - 35) /* leaf of a table: a larger payload overflows */
#define LOCAL_MIN ((PAGE_USABLE - 12) * 32 / 255 - 23)
#define INDEX_MAX ((PAGE_USABLE - 12) * 64 / 255 - 23) /* index: larger ones are left to SQLite */
#define RECORD_HEADER_MAX 64u                          /* bytes; nine a column would not reach it */

static unsigned get_u16(const unsigned char *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static int bad(const struct pages *p, uint32_t number, const char *what, struct err *err)
{
    return aer__err_set(err, AER_CORRUPT, "%s: page %lu: %s", p->name, (unsigned long)number, what);
}

/* A varint that starts at p and may use up to room bytes. Its length, 0 if it does not end in time. */
static unsigned varint(const unsigned char *p, size_t room, uint64_t *value)
{
    uint64_t v = 0;
    unsigned i;

    if (room > 0 && p[0] < 0x80) {
        *value = p[0];
        return 1;
    }
    for (i = 0; i < 9 && i < room; i++) {
        if (i == 8) {
            *value = v << 8 | p[8];
            return 9;
        }
        v = v << 7 | (p[i] & 0x7f);
        if (p[i] < 0x80) {
            *value = v;
            return i + 1;
        }
    }
    return 0;
}

int aer__page_get(const struct pages *p, uint32_t number, unsigned char *buffer, const unsigned char **page, struct err *err)
{
    if (number < 1 || number > p->count)
        return aer__err_set(err, AER_CORRUPT, "%s: refers to page %lu of %lu", p->name, (unsigned long)number,
                            (unsigned long)p->count);
    if (number <= p->image_count) {
        *page = p->image + (size_t)(number - 1) * PAGE_SIZE;
        return AER_OK;
    }
    *page = buffer;
    return aer__fs_pread(p->fd, p->name, buffer, PAGE_SIZE, (uint64_t)(number - 1) * PAGE_SIZE, err);
}

static unsigned header_size(const struct node *node)
{
    return node->kind == PAGE_TABLE_INTERIOR ? 12 : 8;
}

int aer__page_node(const struct pages *p, uint32_t number, const unsigned char *page, struct node *node, struct err *err)
{
    node->page = page;
    node->number = number;
    node->header = number == 1 ? 100 : 0;
    node->kind = page[node->header];
    node->cells = get_u16(page + node->header + 3);
    if (node->kind != PAGE_TABLE_LEAF && node->kind != PAGE_TABLE_INTERIOR && node->kind != PAGE_INDEX_LEAF)
        return bad(p, number, "is not a page of a table", err);
    if (node->header + header_size(node) + 2 * node->cells > PAGE_USABLE)
        return bad(p, number, "counts more cells than it can hold", err);
    return AER_OK;
}

/* Where cell I starts; 0 if that is outside the room for cells. */
static unsigned cell_offset(const struct node *node, unsigned i)
{
    unsigned first = node->header + header_size(node);
    unsigned at = get_u16(node->page + first + 2 * i);

    return at < first + 2 * node->cells || at > PAGE_USABLE - 4 ? 0 : at;
}

int aer__page_child(const struct pages *p, const struct node *node, unsigned i, uint32_t *child, int64_t *greatest,
                    struct err *err)
{
    uint64_t rowid;
    unsigned at;

    if (i == node->cells) {
        *child = aer__get_u32(node->page + node->header + 8);
        *greatest = INT64_MAX;
        return AER_OK;
    }
    at = cell_offset(node, i);
    if (at == 0 || varint(node->page + at + 4, PAGE_USABLE - 4 - at, &rowid) == 0)
        return bad(p, node->number, "a cell is out of bounds", err);
    *child = aer__get_u32(node->page + at);
    *greatest = (int64_t)rowid;
    return AER_OK;
}

/* Size and rowid of leaf cell I; gives the offset of the payload, 0 if out of bounds. */
static inline unsigned cell_head(const struct node *node, unsigned i, uint64_t *size, uint64_t *rowid)
{
    unsigned at = cell_offset(node, i);
    unsigned n;

    if (at == 0) return 0;
    n = varint(node->page + at, PAGE_USABLE - at, size);
    if (n == 0) return 0;
    at += n;
    *rowid = 0;
    if (node->kind == PAGE_INDEX_LEAF) return at;
    n = varint(node->page + at, PAGE_USABLE - at, rowid);
    return n == 0 ? 0 : at + n;
}

/* What begins at the payload of cell->size bytes, of which the page has at most room. False: it is out of bounds. */
static bool take_payload(const unsigned char *payload, unsigned room, unsigned most, struct cell *cell)
{
    unsigned local = (unsigned)cell->size;

    cell->overflow = 0;
    if (cell->size > most) {
        local = LOCAL_MIN + (unsigned)((cell->size - LOCAL_MIN) % PAGE_OVERFLOW);
        if (local > LOCAL_MAX) local = LOCAL_MIN;
        if (local + 4 > room) return false;
        cell->overflow = aer__get_u32(payload + local);
    }
    cell->local = payload;
    cell->local_size = local;
    return local <= room;
}

int aer__page_cell(const struct pages *p, const struct node *node, unsigned i, struct cell *cell, struct err *err)
{
    unsigned most = node->kind == PAGE_INDEX_LEAF ? INDEX_MAX : LOCAL_MAX;
    uint64_t rowid = 0;
    unsigned at;

    at = cell_head(node, i, &cell->size, &rowid);
    if (at == 0) return bad(p, node->number, "a cell is out of bounds", err);
    cell->rowid = (int64_t)rowid;
    /* No payload is larger than its file: what follows need not fear an overflow of its sums. */
    if (cell->size > (uint64_t)p->count * PAGE_SIZE) return bad(p, node->number, "a row is larger than the file", err);
    if (cell->size > most && node->kind == PAGE_INDEX_LEAF) return bad(p, node->number, "an entry is too large", err);
    if (!take_payload(node->page + at, PAGE_USABLE - at, most, cell))
        return bad(p, node->number, "a cell is out of bounds", err);
    return AER_OK;
}

unsigned aer__page_place(const struct node *node, unsigned i, int64_t *rowid)
{
    uint64_t size, id;

    if (cell_head(node, i, &size, &id) == 0) return 0;
    *rowid = (int64_t)id;
    return cell_offset(node, i);
}

bool aer__page_piece(const struct pages *p, const unsigned char *piece, unsigned room, struct cell *cell)
{
    uint64_t rowid;
    unsigned at, n;

    at = varint(piece, room, &cell->size);
    if (at == 0 || cell->size > (uint64_t)p->count * PAGE_SIZE) return false;
    n = varint(piece + at, room - at, &rowid);
    if (n == 0) return false;
    cell->rowid = (int64_t)rowid;
    return take_payload(piece + at + n, room - at - n, LOCAL_MAX, cell);
}

int aer__page_seek(const struct pages *p, const struct node *node, int64_t rowid, unsigned *i, int64_t *found, struct err *err)
{
    unsigned low = 0, high = node->cells; /* the answer is in low..high */
    uint64_t size, at = 0;
    unsigned middle;

    *found = 0;
    if (node->cells == 0) {
        *i = 0;
        return AER_OK;
    }
    /* Sequence numbers mostly stand side by side: the first one tells where ours must be. */
    if (!cell_head(node, 0, &size, &at)) goto damaged;
    middle = 0;
    if ((int64_t)at < rowid) {
        uint64_t guess = (uint64_t)rowid - at;

        middle = guess < node->cells ? (unsigned)guess : node->cells - 1;
    }
    while (low < high) {
        if (!cell_head(node, middle, &size, &at)) goto damaged;
        if ((int64_t)at == rowid) {
            low = middle;
            break;
        }
        if ((int64_t)at < rowid) low = middle + 1;
        else high = middle;
        middle = low + (high - low) / 2;
    }
    *i = low;
    if (low < node->cells) {
        if (!cell_head(node, low, &size, &at)) goto damaged;
        *found = (int64_t)at;
    }
    return AER_OK;
damaged:
    return bad(p, node->number, "a cell is out of bounds", err);
}

/* Two places to which payload bytes go in turn. */
struct sink {
    unsigned char *to[2];
    size_t left[2];
};

static void pour(struct sink *sink, const unsigned char *data, size_t size)
{
    int i;

    for (i = 0; i < 2 && size > 0; i++) {
        size_t n = AER_MIN(size, sink->left[i]);

        if (n == 0) continue;
        memcpy(sink->to[i], data, n);
        sink->to[i] += n;
        sink->left[i] -= n;
        data += n;
        size -= n;
    }
}

/* Pages number, number + 1, ... up to *run of them, which is lowered to how many there are; at least one. */
static int get_run(const struct pages *p, uint32_t number, unsigned *run, unsigned char *scratch,
                   const unsigned char **pages, struct err *err)
{
    *pages = scratch;
    if (number < 1 || number > p->count)
        return aer__err_set(err, AER_CORRUPT, "%s: refers to page %lu of %lu", p->name, (unsigned long)number,
                            (unsigned long)p->count);
    *run = AER_MIN(*run, p->count - number + 1);
    if (number <= p->image_count) {
        *run = AER_MIN(*run, p->image_count - number + 1);
        *pages = p->image + (size_t)(number - 1) * PAGE_SIZE;
        return AER_OK;
    }
    return aer__fs_pread(p->fd, p->name, scratch, (size_t)*run * PAGE_SIZE, (uint64_t)(number - 1) * PAGE_SIZE, err);
}

int aer__page_payload(const struct pages *p, const struct cell *cell, unsigned char *scratch, void *head,
                      size_t head_size, void *tail, size_t tail_size, struct err *err)
{
    struct sink sink = {{head, tail}, {head_size, tail_size}};
    uint64_t rest = cell->size - cell->local_size; /* payload bytes on overflow pages not seen yet */
    uint32_t next = cell->overflow;

    pour(&sink, cell->local, cell->local_size);
    /* A chain that runs in a circle ends here too: it is followed for as many pages as the payload needs. */
    while (sink.left[0] + sink.left[1] > 0) {
        uint64_t wanted = (AER_MIN(rest, (uint64_t)(sink.left[0] + sink.left[1])) + PAGE_OVERFLOW - 1) / PAGE_OVERFLOW;
        unsigned run = (unsigned)AER_MIN(wanted, (uint64_t)PAGE_RUN);
        const unsigned char *page = scratch;
        uint32_t number = next;
        unsigned i;
        int rc;

        if (rest == 0) return aer__err_set(err, AER_CORRUPT, "%s: a payload ends early", p->name);
        rc = get_run(p, number, &run, scratch, &page, err);
        if (rc) return rc;
        /* SQLite writes a chain side by side, nearly always; what was read in vain is read again. */
        for (i = 0; i < run && next == number + i; i++, page += PAGE_SIZE) {
            size_t n = (size_t)AER_MIN(rest, (uint64_t)PAGE_OVERFLOW);

            pour(&sink, page + 4, n);
            rest -= n;
            next = aer__get_u32(page);
            if (rest == 0 && next != 0)
                return bad(p, number + i, "an overflow chain does not end where its row does", err);
        }
    }
    return AER_OK;
}

/* Bytes a column of this type takes; UINT64_MAX for types that do not exist. */
static uint64_t type_size(uint64_t type)
{
    static const unsigned char sizes[10] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};

    if (type >= 12) return (type - 12) / 2;
    return type < 10 ? sizes[type] : UINT64_MAX;
}

bool aer__record_parse(const unsigned char *data, size_t local_size, uint64_t size, unsigned columns, struct record *record)
{
    uint64_t header, at;
    size_t end;
    unsigned n, c;

    n = varint(data, local_size, &header);
    if (n == 0 || header > RECORD_HEADER_MAX || header > local_size) return false;
    end = (size_t)header;
    at = header;
    record->columns = columns;
    for (c = 0; c < columns; c++) {
        uint64_t type, bytes;
        unsigned used = n < end ? varint(data + n, end - n, &type) : 0;

        if (used == 0) return false;
        n += used;
        bytes = type_size(type);
        if (bytes > size - at) return false;
        record->type[c] = type;
        record->at[c] = at;
        at += bytes;
    }
    record->at[columns] = at;
    return n == end && at == size;
}

bool aer__record_number(const struct record *record, unsigned column, const unsigned char *data, bool *is_null, int64_t *number)
{
    uint64_t type = record->type[column];
    const unsigned char *p = data + record->at[column];
    size_t size = RECORD_SIZE(record, column);
    uint64_t v;
    size_t i;

    *is_null = type == 0;
    *number = type == 9;
    if (type == 0 || type == 8 || type == 9) return true;
    if (type > 6) return false;
    v = p[0] & 0x80 ? UINT64_MAX : 0;
    for (i = 0; i < size; i++) v = v << 8 | p[i];
    *number = (int64_t)v;
    return true;
}
