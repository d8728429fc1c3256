/* sample.h -- buckets to test with: rows that are a function of their number, files made of them, files damaged on purpose. */
#ifndef AER_TESTS_BUCKET_SAMPLE_H
#define AER_TESTS_BUCKET_SAMPLE_H

#include "bucket/bucket.h"
#include "fs/fs.h"
#include "testing.h"

#define SAMPLE_DATABASE "0123456789abcdef0123456789abcdef"
#define SAMPLE_ID "28dd1a21d3fdabf7"
#define SAMPLE_PATH "bucketroot/28/dd/1a21d3fdabf7.sq3"

/* Row SEQ with a value of about SIZE bytes, every kind of row among any 12 in succession: plain, empty value, delete, meta, empty meta, expiry,
 * part, last part, long key (if size is 100 or more: rows are small else), our own (no key). Memory lives until the next call in this thread. */
struct row sample_row(uint64_t seq, size_t size);
void sample_done(void); /* a thread that called it ends */
void check_same_row(const struct row *expected, const struct row *actual);
/* The same but for the value, which is not read. */
void check_same_head(const struct row *expected, const struct row *actual);

struct bytes {
    unsigned char *data;
    size_t size;
};
/* Image of rows first, first + step, ... below last + 1 (range first to last), values of SIZE bytes. */
struct bytes sample_image(const char *id, uint64_t first, uint64_t last, uint64_t step, size_t size);
void bytes_free(struct bytes *b);

/* Put BYTES in place of the bucket ID's file. */
void put_bucket(int dir, const char *id, const void *data, size_t size);
/* sample_image and put_bucket. */
void make_bucket(int dir, const char *id, uint64_t first, uint64_t last, uint64_t step, size_t size);
struct sealed *open_bucket(int dir, const char *id);

/* What plain SQLite says: integrity_check is "ok", and each row is as sample_row says. */
void check_with_sqlite(int dir, const char *path, uint64_t first, uint64_t last, uint64_t step, size_t size);

#endif
