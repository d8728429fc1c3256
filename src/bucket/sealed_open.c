/* sealed_open.c -- is this file a sealed bucket as we write them, and where are its leaves?
 *
 *   page 1   header of 100 bytes, then sqlite_schema: two rows, the two tables
 *   bucket   interior pages, of which only those above the leaves are kept, as two arrays; the leaves themselves are not read
 *   bucket_info   one leaf of an index
 *
 * Each deviation is AER_CORRUPT with a reason; the caller then asks SQLite, which may know better.
 */
#include "bucket/sealed.h"

#include "fs/fs.h"

#include <string.h>

#define HEAD_PAGES 4u /* read at once: the header, both roots and the first leaf, in a file as we write it */
#define DEPTH_MAX 8u  /* levels; a full one has three at 5 GiB */
#define HEADER_MAGIC "SQLite format 3"

static int odd(const struct sealed *s, const char *what, struct err *err)
{
    return aer__err_set(err, AER_CORRUPT, "%s: %s", s->path, what);
}

static int check_header(const struct sealed *s, const unsigned char *h, struct err *err)
{
    if (memcmp(h, HEADER_MAGIC, sizeof HEADER_MAGIC) != 0) return odd(s, "is not an SQLite file", err);
    if (aer__get_u32(h + 68) != BUCKET_APPLICATION_ID) return odd(s, "is not a bucket", err);
    if (aer__get_u32(h + 60) != AER_FORMAT_VERSION) return odd(s, "has another format version", err);
    /* Page size 4096; journal mode "delete"; 8 reserved bytes; the three payload fractions that never change. */
    if (memcmp(h + 16, "\x10\x00\x01\x01\x08\x40\x20\x20", 8) != 0)
        return odd(s, "has another page layout than we write", err);
    /* Schema format 4, text in UTF-8, no auto-vacuum. The page count counts only if it is as old as the last change. */
    if (aer__get_u32(h + 44) != 4 || aer__get_u32(h + 56) != 1 || aer__get_u32(h + 52) != 0)
        return odd(s, "has another header than we write", err);
    if (aer__get_u32(h + 28) != s->pages.count || aer__get_u32(h + 24) != aer__get_u32(h + 92))
        return aer__err_set(err, AER_CORRUPT, "%s: its header counts %lu pages, the file has %lu", s->path,
                            (unsigned long)aer__get_u32(h + 28), (unsigned long)s->pages.count);
    return AER_OK;
}

/* A cell whose record is whole in its page, as all of sqlite_schema and bucket_info are. */
static int small_record(const struct sealed *s, const struct node *node, unsigned i, unsigned columns,
                        struct cell *cell, struct record *record, struct err *err)
{
    int rc;

    rc = aer__page_cell(&s->pages, node, i, cell, err);
    if (rc) return rc;
    if (cell->overflow || !aer__record_parse(cell->local, cell->local_size, cell->size, columns, record))
        return aer__err_set(err, AER_CORRUPT, "%s: page %lu: a record is not well formed", s->path,
                            (unsigned long)node->number);
    return AER_OK;
}

static bool text_is(const struct cell *cell, const struct record *record, unsigned column, const char *want)
{
    return RECORD_IS_TEXT(record, column) && RECORD_SIZE(record, column) == strlen(want) &&
           memcmp(cell->local + record->at[column], want, strlen(want)) == 0;
}

/* sqlite_schema(type, name, tbl_name, rootpage, sql) is our two tables; gives their roots. */
static int read_schema(const struct sealed *s, const unsigned char *page, uint32_t roots[2], struct err *err)
{
    static const char *const names[2] = {"bucket", "bucket_info"};
    static const char *const texts[2] = {BUCKET_SCHEMA, BUCKET_INFO_SCHEMA};
    struct node node;
    unsigned i;
    int rc;

    rc = aer__page_node(&s->pages, 1, page, &node, err);
    if (rc) return rc;
    if (node.kind != PAGE_TABLE_LEAF || node.cells != 2)
        return odd(s, "is not a bucket: its tables are not those of a bucket", err);
    for (i = 0; i < 2; i++) {
        struct record record = {.columns = 0};
        struct cell cell = {.size = 0};
        int64_t root;
        bool is_null;

        rc = small_record(s, &node, i, 5, &cell, &record, err);
        if (rc) return rc;
        if (!text_is(&cell, &record, 0, "table") || !text_is(&cell, &record, 1, names[i]) ||
            !text_is(&cell, &record, 2, names[i]) || !text_is(&cell, &record, 4, texts[i]))
            return odd(s, "is not a bucket: its tables are not those of a bucket", err);
        if (!aer__record_number(&record, 3, cell.local, &is_null, &root) || root < 2 || root > s->pages.count)
            return odd(s, "a table has no root page", err);
        roots[i] = (uint32_t)root;
    }
    return AER_OK;
}

static int read_info(struct sealed *s, uint32_t root, struct info_raw *raw, struct err *err)
{
    unsigned char buffer[PAGE_SIZE];
    const unsigned char *page;
    struct node node;
    unsigned i;
    int rc;

    *raw = (struct info_raw){0};
    rc = aer__page_get(&s->pages, root, buffer, &page, err);
    if (!rc) rc = aer__page_node(&s->pages, root, page, &node, err);
    if (rc) return rc;
    if (node.kind != PAGE_INDEX_LEAF) return odd(s, "bucket_info is not where it should be", err);
    for (i = 0; i < node.cells; i++) {
        struct record record = {.columns = 0};
        struct cell cell = {.size = 0};
        int64_t number = 0;
        bool is_null = false, is_text;

        rc = small_record(s, &node, i, 2, &cell, &record, err);
        if (rc) return rc;
        is_text = RECORD_IS_TEXT(&record, 1);
        if (!RECORD_IS_TEXT(&record, 0) || (!is_text && !aer__record_number(&record, 1, cell.local, &is_null, &number)))
            return odd(s, "bucket_info holds what is never written", err);
        if (is_null) continue;
        if (!aer__info_take(raw, (const char *)cell.local + record.at[0], RECORD_SIZE(&record, 0),
                            is_text ? (const char *)cell.local + record.at[1] : NULL, RECORD_SIZE(&record, 1), number))
            return odd(s, "bucket_info holds what is never written", err);
    }
    return AER_OK;
}

static int add_leaves(struct sealed *s, const struct node *node, int64_t greatest, struct err *err)
{
    uint32_t room = s->leaf_count + node->cells + 1;
    int64_t *bounds;
    uint32_t *leaf;
    unsigned i;
    int rc;

    /* A page is a leaf once only; more leaves than pages is a loop. */
    if (room > s->pages.count) return odd(s, "its tree has more leaves than the file has pages", err);
    bounds = aer__realloc(s->greatest, room * sizeof *bounds);
    if (!bounds) return aer__err_nomem(err);
    s->greatest = bounds;
    leaf = aer__realloc(s->leaf, room * sizeof *leaf);
    if (!leaf) return aer__err_nomem(err);
    s->leaf = leaf;
    s->leaf_room = room;
    for (i = 0; i <= node->cells; i++) {
        rc = aer__page_child(&s->pages, node, i, &leaf[s->leaf_count], &bounds[s->leaf_count], err);
        if (rc) return rc;
        if (i == node->cells) bounds[s->leaf_count] = greatest;
        if (s->leaf_count > 0 && bounds[s->leaf_count] <= bounds[s->leaf_count - 1])
            return odd(s, "the keys of its tree are out of order", err);
        if (leaf[s->leaf_count] < 2 || leaf[s->leaf_count] > s->pages.count)
            return odd(s, "its tree leads out of the file", err);
        s->leaf_count++;
    }
    return AER_OK;
}

/* Levels of the tree below page NUMBER, itself included, down the left side: all leaves are on one level. */
static int tree_depth(const struct sealed *s, uint32_t number, unsigned *depth, struct err *err)
{
    unsigned char buffer[PAGE_SIZE];
    const unsigned char *page;
    struct node node;
    int64_t ignored;
    int rc;

    for (*depth = 1; *depth <= DEPTH_MAX; ++*depth) {
        rc = aer__page_get(&s->pages, number, buffer, &page, err);
        if (!rc) rc = aer__page_node(&s->pages, number, page, &node, err);
        if (rc) return rc;
        if (node.kind == PAGE_TABLE_LEAF) return AER_OK;
        if (node.kind != PAGE_TABLE_INTERIOR) break;
        rc = aer__page_child(&s->pages, &node, 0, &number, &ignored, err);
        if (rc) return rc;
    }
    return odd(s, "its tree is not that of a table", err);
}

/* All leaves below interior page NUMBER, which is depth levels high. Recursion ends with depth, and visits with *budget. */
static int map_leaves(struct sealed *s, uint32_t number, unsigned depth, int64_t greatest, uint32_t *budget, struct err *err)
{
    unsigned char buffer[PAGE_SIZE];
    const unsigned char *page;
    struct node node;
    unsigned i;
    int rc;

    if ((*budget)-- == 0) return odd(s, "its tree has a loop", err);
    rc = aer__page_get(&s->pages, number, buffer, &page, err);
    if (!rc) rc = aer__page_node(&s->pages, number, page, &node, err);
    if (rc) return rc;
    if (node.kind != PAGE_TABLE_INTERIOR) return odd(s, "its tree is not level", err);
    if (depth == 2) return add_leaves(s, &node, greatest, err);
    for (i = 0; i <= node.cells; i++) {
        uint32_t child;
        int64_t bound;

        rc = aer__page_child(&s->pages, &node, i, &child, &bound, err);
        if (!rc) rc = map_leaves(s, child, depth - 1, i == node.cells ? greatest : bound, budget, err);
        if (rc) return rc;
    }
    return AER_OK;
}

static int map_tree(struct sealed *s, uint32_t root, struct err *err)
{
    uint32_t budget = s->pages.count;
    unsigned depth;
    int rc;

    rc = tree_depth(s, root, &depth, err);
    if (rc) return rc;
    if (depth > 1) return map_leaves(s, root, depth, INT64_MAX, &budget, err);
    s->greatest = aer__alloc(sizeof *s->greatest);
    s->leaf = aer__alloc(sizeof *s->leaf);
    if (!s->greatest || !s->leaf) return aer__err_nomem(err);
    s->greatest[0] = INT64_MAX;
    s->leaf[0] = root;
    s->leaf_count = s->leaf_room = 1;
    return AER_OK;
}

int aer__sealed_examine(struct sealed *s, const char *database, const char *id, struct err *err)
{
    unsigned char head[HEAD_PAGES * PAGE_SIZE];
    struct info_raw raw = {.seen = 0};
    uint32_t roots[2] = {0, 0};
    size_t size;
    int rc;

    if (s->size == 0 || s->size % PAGE_SIZE != 0 || s->size / PAGE_SIZE > PAGE_MAX)
        return aer__err_set(err, AER_CORRUPT, "%s: its size of %llu bytes is not that of a bucket", s->path,
                            (unsigned long long)s->size);
    s->pages.count = (uint32_t)(s->size / PAGE_SIZE);
    size = (size_t)AER_MIN(s->size, (uint64_t)sizeof head);
    rc = aer__fs_pread(s->pages.fd, s->path, head, size, 0, err);
    if (rc) return rc;
    s->pages.image = head;
    s->pages.image_count = (uint32_t)(size / PAGE_SIZE);
    rc = check_header(s, head, err);
    if (!rc) rc = read_schema(s, head, roots, err);
    if (!rc) rc = read_info(s, roots[1], &raw, err);
    if (!rc) rc = aer__info_check(&raw, s->path, err);
    if (!rc) rc = aer__info_belongs(&raw.info, s->path, database, id, err);
    if (!rc) rc = map_tree(s, roots[0], err);
    s->pages.image = NULL;
    s->pages.image_count = 0;
    if (rc) return rc;
    s->info = raw.info;
    s->rows = raw.rows;
    return AER_OK;
}
