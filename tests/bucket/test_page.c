/* test_page.c -- the reader of SQLite's file format: what it accepts, and that no number in a page leads it astray. */
#include "bucket/page.h"
#include "sample.h"

#include <string.h>

static unsigned char page[PAGE_SIZE];

static struct pages one_page(void)
{
    memset(page, 0, sizeof page);
    return (struct pages){.fd = -1, .name = "a file", .count = 1000, .image = page, .image_count = 1};
}

static void put_u16(size_t at, unsigned value)
{
    page[at] = (unsigned char)(value >> 8);
    page[at + 1] = (unsigned char)value;
}

/* A leaf (page 2, so that no file header comes first) with n cells; cell i stands at 4000 - 8 i: size 3, rowid 10 i + 10, "abc". */
static void make_leaf(unsigned n)
{
    unsigned i;

    page[0] = PAGE_TABLE_LEAF;
    put_u16(3, n);
    for (i = 0; i < n; i++) {
        unsigned at = 4000 - 8 * i;

        put_u16(8 + 2 * i, at);
        page[at] = 3;
        if (10 * i + 10 < 128) {
            page[at + 1] = (unsigned char)(10 * i + 10);
            memcpy(page + at + 2, "abc", 3);
        } else {
            page[at + 1] = (unsigned char)(0x80 | (10 * i + 10) >> 7);
            page[at + 2] = (unsigned char)((10 * i + 10) & 0x7f);
            memcpy(page + at + 3, "abc", 3);
        }
    }
}

TEST(pages_out_of_the_file_are_refused)
{
    struct pages p = one_page();
    unsigned char buffer[PAGE_SIZE];
    const unsigned char *got;

    CHECK_OK(aer__page_get(&p, 1, buffer, &got, ERR));
    CHECK(got == page);
    CHECK_RC(AER_CORRUPT, aer__page_get(&p, 0, buffer, &got, ERR));
    CHECK_RC(AER_CORRUPT, aer__page_get(&p, 1001, buffer, &got, ERR));
    CHECK_RC(AER_CORRUPT, aer__page_get(&p, UINT32_MAX, buffer, &got, ERR));
}

TEST(a_leaf_finds_its_rows)
{
    struct pages p = one_page();
    struct node node;
    struct cell cell;
    int64_t found;
    unsigned n, i, r;

    for (n = 1; n < 60; n++) {
        p = one_page();
        make_leaf(n);
        CHECK_OK(aer__page_node(&p, 2, page, &node, ERR));
        CHECK_INT(n, node.cells);
        for (r = 0; r <= 10 * n + 10; r++) {
            CHECK_OK(aer__page_seek(&p, &node, r, &i, &found, ERR));
            CHECK_INT(r <= 10 ? 0 : r > 10 * n ? n : (r + 9) / 10 - 1, i);
            if (i == n) continue;
            CHECK_INT(10 * i + 10, found);
            CHECK_OK(aer__page_cell(&p, &node, i, &cell, ERR));
            CHECK_INT(10 * i + 10, cell.rowid);
            CHECK_MEM("abc", 3, cell.local, cell.local_size);
        }
    }
}

TEST(cells_out_of_their_page_are_refused)
{
    static const unsigned places[] = {0, 7, 8, 10, 4085, 4088, 4096, 65535};
    struct pages p = one_page();
    struct node node;
    struct cell cell;
    int64_t found;
    unsigned i, at;

    for (i = 0; i < AER_COUNT(places); i++) {
        make_leaf(2);
        put_u16(8, places[i]);
        put_u16(10, places[i]);
        CHECK_OK(aer__page_node(&p, 2, page, &node, ERR));
        CHECK_RC(AER_CORRUPT, aer__page_cell(&p, &node, 0, &cell, ERR));
        CHECK_RC(AER_CORRUPT, aer__page_seek(&p, &node, 5, &at, &found, ERR));
    }
}

TEST(too_many_cells_are_refused)
{
    struct pages p = one_page();
    struct node node;

    make_leaf(1);
    put_u16(3, (PAGE_USABLE - 8) / 2 + 1);
    CHECK_RC(AER_CORRUPT, aer__page_node(&p, 2, page, &node, ERR));
    put_u16(3, 65535);
    CHECK_RC(AER_CORRUPT, aer__page_node(&p, 2, page, &node, ERR));
    put_u16(3, 0);
    CHECK_OK(aer__page_node(&p, 2, page, &node, ERR));
    page[0] = 2;
    CHECK_RC(AER_CORRUPT, aer__page_node(&p, 2, page, &node, ERR));
}

TEST(a_payload_larger_than_its_page_or_file_is_refused)
{
    struct pages p = one_page();
    struct node node;
    struct cell cell;

    make_leaf(1);
    page[4000] = 87; /* 4002 + 87 is one byte too far */
    CHECK_OK(aer__page_node(&p, 2, page, &node, ERR));
    CHECK_RC(AER_CORRUPT, aer__page_cell(&p, &node, 0, &cell, ERR));
    page[4000] = 86;
    CHECK_OK(aer__page_cell(&p, &node, 0, &cell, ERR));
    memset(page + 4000, 0xff, 9); /* 2^64 - 1 bytes */
    CHECK_RC(AER_CORRUPT, aer__page_cell(&p, &node, 0, &cell, ERR));
    memset(page + 4000, 0xff, 88); /* a number that does not end: the next nine are the rowid */
    CHECK_RC(AER_CORRUPT, aer__page_cell(&p, &node, 0, &cell, ERR));
    put_u16(8, 4084);
    memset(page + 4084, 0xff, 4);
    CHECK_RC(AER_CORRUPT, aer__page_cell(&p, &node, 0, &cell, ERR));
}

/* Three pages in memory: 2 and 3 are overflow pages. */
static int read_chain(uint32_t second, uint32_t after_second, uint32_t after_third, size_t size)
{
    static unsigned char image[3 * PAGE_SIZE], scratch[PAGE_RUN * PAGE_SIZE], out[3 * PAGE_SIZE];
    struct pages p = {.fd = -1, .name = "a file", .count = 3, .image = image, .image_count = 3};
    struct cell cell = {.size = size, .local = image, .local_size = 500, .overflow = second};

    memset(image, 7, sizeof image);
    memset(image + PAGE_SIZE, 0, 4);
    memset(image + 2 * PAGE_SIZE, 0, 4);
    image[PAGE_SIZE + 3] = (unsigned char)after_second;
    image[2 * PAGE_SIZE + 3] = (unsigned char)after_third;
    return aer__page_payload(&p, &cell, scratch, out, 100, out + 100, size - 100, ERR);
}

TEST(overflow_chains_end_where_they_must)
{
    CHECK_OK(read_chain(2, 3, 0, 500 + 2 * PAGE_OVERFLOW));
    CHECK_OK(read_chain(3, 0, 2, 500 + 2 * PAGE_OVERFLOW));
    CHECK_OK(read_chain(2, 0, 0, 500 + PAGE_OVERFLOW));
    CHECK_OK(read_chain(2, 3, 0, 501 + PAGE_OVERFLOW));
    CHECK_RC(AER_CORRUPT, read_chain(2, 2, 0, 500 + 2 * PAGE_OVERFLOW)); /* a circle, and no end */
    CHECK_RC(AER_CORRUPT, read_chain(2, 3, 2, 500 + 2 * PAGE_OVERFLOW)); /* goes on behind the end */
    CHECK_RC(AER_CORRUPT, read_chain(2, 0, 0, 500 + 2 * PAGE_OVERFLOW)); /* ends too soon */
    CHECK_RC(AER_CORRUPT, read_chain(4, 0, 0, 500 + PAGE_OVERFLOW));
    CHECK_RC(AER_CORRUPT, read_chain(0, 0, 0, 500 + PAGE_OVERFLOW));
}

TEST(records_are_read_as_sqlite_writes_them)
{
    /* Ten bytes of header: nine types of one byte each are too wide for us, so two records. */
    static const unsigned char numbers[] = {8,    1,    2, 3, 4, 5, 6, 9, 0x80, 0xff, 0xfe, 1, 0, 0, 0xff, 0xff,
                                            0xff, 0xfd, 0, 0, 0, 0, 1, 0, 0x80, 0,    0,    0, 0, 0, 0,    1};
    static const int64_t want[] = {-128, -2, 65536, -3, 256, INT64_MIN + 1, 1};
    struct record record;
    int64_t number;
    bool is_null;
    unsigned i;

    CHECK(aer__record_parse(numbers, sizeof numbers, sizeof numbers, 7, &record));
    for (i = 0; i < 7; i++) {
        CHECK(aer__record_number(&record, i, numbers, &is_null, &number));
        CHECK(!is_null);
        CHECK_INT(want[i], number);
    }
    CHECK(aer__record_parse((const unsigned char *)"\4\0\10\17x", 5, 5, 3, &record));
    CHECK(aer__record_number(&record, 0, numbers, &is_null, &number) && is_null && number == 0);
    CHECK(aer__record_number(&record, 1, numbers, &is_null, &number) && !is_null && number == 0);
    CHECK(!aer__record_number(&record, 2, numbers, &is_null, &number));
    CHECK(RECORD_IS_TEXT(&record, 2) && !RECORD_IS_BLOB(&record, 2) && RECORD_SIZE(&record, 2) == 1);
}

TEST(records_that_do_not_add_up_are_refused)
{
    struct record record;

    CHECK(!aer__record_parse((const unsigned char *)"", 0, 0, 1, &record));
    CHECK(!aer__record_parse((const unsigned char *)"\2\1\0", 3, 3, 2, &record));     /* a column too few */
    CHECK(!aer__record_parse((const unsigned char *)"\3\1\1\0\0", 5, 5, 1, &record)); /* one too many */
    CHECK(!aer__record_parse((const unsigned char *)"\2\1", 2, 2, 1, &record));       /* no byte left for it */
    CHECK(!aer__record_parse((const unsigned char *)"\2\0\0", 3, 3, 1, &record));     /* a byte left over */
    CHECK(!aer__record_parse((const unsigned char *)"\2\12", 2, 2, 1, &record));      /* no such type: 10, 11 */
    CHECK(!aer__record_parse((const unsigned char *)"\2\13", 2, 2, 1, &record));
    CHECK(!aer__record_parse((const unsigned char *)"\2\201", 2, 2, 1, &record)); /* a type that runs out of the header */
    CHECK(!aer__record_parse((const unsigned char *)"\200", 1, 1, 1, &record));
    CHECK(!aer__record_parse((const unsigned char *)"\12\377\377\377\377\377\377\377\377\377", 10, 10, 1, &record));
    CHECK(!aer__record_parse((const unsigned char *)"\101\0", 2, 200, 1, &record)); /* a header larger than we write */
}

/* Any bytes whatever: the sanitizers watch. */
TEST(noise_is_never_read_out_of_bounds)
{
    struct pages p = one_page();
    uint64_t state = test_seed();
    unsigned round, i;

    for (round = 0; round < 3000; round++) {
        /* On the heap, so that a byte too far is seen. */
        unsigned char *noise = aer__alloc(PAGE_SIZE);
        struct node node;
        size_t at;

        CHECK(noise != NULL);
        for (at = 0; at < PAGE_SIZE; at += 8) aer__put_u64(noise + at, test_random(&state));
        noise[0] = (unsigned char[]){PAGE_TABLE_LEAF, PAGE_TABLE_INTERIOR, PAGE_INDEX_LEAF}[round % 3];
        noise[3] = 0;
        if (aer__page_node(&p, 2, noise, &node, NULL) == AER_OK) {
            for (i = 0; i < node.cells; i++) {
                struct record record;
                struct cell cell;
                uint32_t child;
                int64_t bound;

                if (node.kind == PAGE_TABLE_INTERIOR) {
                    (void)aer__page_child(&p, &node, i, &child, &bound, NULL);
                    continue;
                }
                (void)aer__page_seek(&p, &node, (int64_t)test_random(&state), &(unsigned){0}, &bound, NULL);
                if (aer__page_cell(&p, &node, i, &cell, NULL)) continue;
                CHECK(cell.local >= noise && cell.local + cell.local_size <= noise + PAGE_USABLE);
                (void)aer__record_parse(cell.local, cell.local_size, cell.size, 1 + i % PAGE_COLUMNS, &record);
            }
        }
        aer__free(noise);
    }
}
