/* image.c -- a bucket file being built in memory.
 *
 * For: buckets that never were the active one: those of a large transaction, and what compaction writes.
 * SQLite writes the file, into an in-memory database: nobody knows its format better, and rows that come in order make dense pages.
 * Must not know: where the bytes go.
 */
#include "bucket/format.h"

#define IMAGE_NAME "a new bucket" /* it has no file yet */

struct image {
    sqlite3 *db;
    sqlite3_stmt *insert;
    struct bucket_info info;
    uint64_t last_seq; /* of the last row added */
};

int aer__image_begin(const struct bucket_info *info, struct image **image, struct err *err)
{
    struct image *im;
    int rc;

    *image = NULL;
    im = aer__calloc(1, sizeof *im);
    if (!im) return aer__err_nomem(err);
    im->info = *info;
    rc = aer__bucket_template(info->database, &im->db, err);
    if (!rc) rc = aer__sq_prepare(im->db, IMAGE_NAME, ROW_INSERT, &im->insert, err);
    if (!rc) rc = aer__sq_exec(im->db, IMAGE_NAME, "BEGIN", err);
    if (rc) {
        aer__image_free(im);
        return rc;
    }
    *image = im;
    return AER_OK;
}

int aer__image_add(struct image *image, const struct row *row, struct err *err)
{
    int rc;

    if (row->seq <= image->last_seq)
        return aer__err_set(err, AER_MISUSE, "row %llu comes after row %llu", (unsigned long long)row->seq,
                            (unsigned long long)image->last_seq);
    rc = aer__row_insert(image->db, IMAGE_NAME, image->insert, row, err);
    if (!rc) image->last_seq = row->seq;
    return rc;
}

int aer__image_finish(struct image *image, uint64_t first_seq, uint64_t last_seq, const unsigned char **data,
                      size_t *size, struct err *err)
{
    uint64_t rows;
    int rc;

    *data = NULL;
    *size = 0;
    if (image->last_seq > last_seq)
        return aer__err_set(err, AER_MISUSE, "row %llu is out of its bucket's range", (unsigned long long)image->last_seq);
    image->info.first_seq = first_seq;
    image->info.last_seq = last_seq;
    rc = aer__info_finish(image->db, IMAGE_NAME, &image->info, &rows, err);
    if (!rc) rc = aer__sq_exec(image->db, IMAGE_NAME, "COMMIT", err);
    if (!rc) rc = aer__sq_image_in_place(image->db, IMAGE_NAME, data, size, err);
    return rc;
}

void aer__image_free(struct image *image)
{
    if (!image) return;
    sqlite3_finalize(image->insert);
    aer__sq_close(image->db);
    aer__free(image);
}
