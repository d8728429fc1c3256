/* sealed_place.c -- where a small row lies in its page, remembered.
 *
 * Of a page of 4096 bytes a small row is a thirtieth part, and with the file in the page cache the copy of the rest
 * is what a get costs most: 0.76 us for a read of 4096 bytes, 0.48 for one of 142 (over 140 MB of files). So the first read of a
 * leaf notes where each of its rows starts, and later ones read the row alone. A row ends where the one before it starts,
 * since SQLite fills a page from its end.
 *
 * Nothing is believed: what is read must be a cell with the right number and a matching sum, or the whole page is read, and
 * that alone decides. Hence it does no harm that threads write here while others read.
 *
 * Must not know: rows, but for their numbers.
 */
#include "bucket/sealed.h"

#include "fs/fs.h"

#define SMALL_ROW 1024u              /* mean bytes; above it there is little to save */
#define ROWS_MAX (UINT32_C(1) << 20) /* 2 MiB of places */

int aer__place_init(struct sealed *s, struct err *err)
{
    if (s->rows == 0 || s->rows > ROWS_MAX || s->size / s->rows > SMALL_ROW) return AER_OK;
    if (s->rows != s->info.last_seq - s->info.first_seq + 1) return AER_OK;
    s->place = aer__calloc((size_t)s->rows, sizeof *s->place);
    return s->place ? AER_OK : aer__err_nomem(err);
}

void aer__place_learn(struct sealed *s, const struct node *node)
{
    unsigned i;

    if (!s->place) return;
    for (i = 0; i < node->cells; i++) {
        int64_t rowid = 0;
        unsigned place = aer__page_place(node, i, &rowid);

        if (place == 0 || (uint64_t)rowid - s->info.first_seq >= s->rows) return;
        atomic_store_explicit(&s->place[(uint64_t)rowid - s->info.first_seq], (unsigned short)place, memory_order_relaxed);
    }
}

bool aer__place_cell(const struct sealed *s, uint64_t seq, uint32_t number, unsigned char *buffer, struct cell *cell)
{
    uint64_t i = seq - s->info.first_seq;
    unsigned end = PAGE_USABLE;
    unsigned place, before;
    const unsigned char *piece = buffer;
    uint64_t at;

    if (!s->place) return false;
    place = atomic_load_explicit(&s->place[i], memory_order_relaxed);
    if (place == 0) return false;
    before = i > 0 ? atomic_load_explicit(&s->place[i - 1], memory_order_relaxed) : 0;
    if (before > place) end = before; /* else it is on the leaf before, or not known */
    at = (uint64_t)(number - 1) * PAGE_SIZE + place;
    if (number <= s->pages.image_count) piece = s->pages.image + at;
    else if (aer__fs_pread(s->pages.fd, s->path, buffer, end - place, at, NULL)) return false;
    return aer__page_piece(&s->pages, piece, end - place, cell) && cell->rowid == (int64_t)seq;
}
