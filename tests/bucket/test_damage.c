/* test_damage.c -- a damaged bucket gives the right row or names the file, never a wrong row and never "no such row". */
#include "sample.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct outcome {
    unsigned refused; /* the file at open */
    unsigned damaged; /* a row of it */
    unsigned right;
};

static void check_names_file(const struct err *err)
{
    if (!strstr(err->message, SAMPLE_PATH)) fprintf(stderr, "message: %s\n", err->message);
    CHECK(strstr(err->message, SAMPLE_PATH) != NULL);
}

/* Read every row of the file as it now stands. absent: a number in a gap, 0 for none. */
static void read_all(int dir, uint64_t first, uint64_t last, uint64_t step, size_t size, bool load, struct outcome *o)
{
    struct err err = {.code = 0};
    struct buf hold = {0};
    struct sealed *s;
    uint64_t seq;
    int rc;

    rc = aer__sealed_open(dir, SAMPLE_ID, SAMPLE_DATABASE, &s, NULL, &err);
    if (rc) {
        CHECK_INT(AER_CORRUPT, rc);
        check_names_file(&err);
        o->refused++;
        return;
    }
    CHECK_INT(first, aer__sealed_info(s)->first_seq);
    CHECK_INT(last, aer__sealed_info(s)->last_seq);
    if (load) CHECK_OK(aer__sealed_load(s, ERR));
    for (seq = first; seq <= last; seq++) {
        bool there = (seq - first) % step == 0;
        struct row want = sample_row(seq, size), got;

        err.code = 0;
        rc = aer__sealed_get(s, seq, true, &got, &hold, &err);
        if (rc == AER_OK) {
            CHECK(there);
            check_same_row(&want, &got);
            o->right++;
        } else if (rc == AER_NOTFOUND) {
            CHECK(!there);
        } else {
            CHECK_INT(AER_CORRUPT, rc);
            check_names_file(&err);
            o->damaged++;
        }
    }
    aer__buf_release(&hold);
    aer__sealed_close(s);
}

static int open_to_write(void)
{
    char path[4200];
    int fd;

    snprintf(path, sizeof path, "%s/%s", scratch_path(), SAMPLE_PATH);
    CHECK_INT(0, chmod(path, 0644));
    fd = open(path, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    return fd;
}

/* Flip bits of each byte in turn: mask_of(offset), 0 to leave it. */
static void flip_all(uint64_t first, uint64_t last, uint64_t step, size_t size, size_t stride, bool load, struct outcome *o)
{
    struct bytes image = sample_image(SAMPLE_ID, first, last, step, size);
    uint64_t state = test_seed();
    int dir = scratch_dir();
    size_t at;
    int fd;

    put_bucket(dir, SAMPLE_ID, image.data, image.size);
    fd = open_to_write();
    for (at = 0; at < image.size; at += stride) {
        unsigned char flipped = image.data[at] ^ (unsigned char)(1u << test_random(&state) % 8);

        CHECK_INT(1, pwrite(fd, &flipped, 1, (off_t)at));
        read_all(dir, first, last, step, size, load, o);
        CHECK_INT(1, pwrite(fd, &image.data[at], 1, (off_t)at));
    }
    close(fd);
    bytes_free(&image);
}

TEST(a_flip_of_any_byte_is_noticed_or_harmless)
{
    struct outcome o = {0};

    flip_all(1, 48, 1, 60, 1, false, &o);
    printf("flips: %u files refused, %u rows damaged, %u right\n", o.refused, o.damaged, o.right);
    CHECK(o.refused > 0 && o.damaged > 0 && o.right > 0);
}

TEST(a_flip_in_a_bucket_with_gaps_never_hides_a_row)
{
    struct outcome o = {0};

    flip_all(7, 47, 4, 150, 1, false, &o);
    CHECK(o.refused > 0 && o.damaged > 0 && o.right > 0);
}

TEST(a_flip_in_a_bucket_in_memory_is_noticed_or_harmless)
{
    struct outcome o = {0};

    flip_all(1, 60, 1, 50, 3, true, &o);
    CHECK(o.refused > 0 && o.damaged > 0 && o.right > 0);
}

/* The pages above the leaves, of a bucket with many. */
TEST(a_flip_in_an_interior_page_is_noticed_or_harmless)
{
    struct bytes image = sample_image(SAMPLE_ID, 1, 119, 2, 3000);
    uint64_t state = test_seed();
    int dir = scratch_dir();
    struct outcome o = {0};
    size_t at;
    int fd;

    CHECK_INT(5, image.data[4096]); /* the root of table bucket is page 2, and an interior one */
    put_bucket(dir, SAMPLE_ID, image.data, image.size);
    fd = open_to_write();
    for (at = 4096; at < 8192; at++) {
        unsigned char flipped = image.data[at] ^ (unsigned char)(1u << test_random(&state) % 8);

        /* Between pointers and cells there is nothing. */
        if (image.data[at] == 0 && image.data[at - 1] == 0 && image.data[at + 1] == 0) continue;
        CHECK_INT(1, pwrite(fd, &flipped, 1, (off_t)at));
        read_all(dir, 1, 119, 2, 3000, false, &o);
        CHECK_INT(1, pwrite(fd, &image.data[at], 1, (off_t)at));
    }
    CHECK(o.refused + o.damaged > 0);
    close(fd);
    bytes_free(&image);
}

TEST(a_bucket_cut_to_any_length_loses_nothing_silently)
{
    struct bytes image = sample_image(SAMPLE_ID, 1, 120, 1, 700);
    struct outcome o = {0};
    unsigned tried = 0;
    int dir = scratch_dir();
    size_t size;
    int fd;

    put_bucket(dir, SAMPLE_ID, image.data, image.size);
    fd = open_to_write();
    for (size = 0; size < image.size; size += size % 4096 == 0 ? 1 : size % 4096 == 4095 ? 1 : 4094 / 3) {
        CHECK_INT(0, ftruncate(fd, (off_t)size));
        CHECK_INT(size, pwrite(fd, image.data, size, 0));
        read_all(dir, 1, 120, 1, 700, false, &o);
        tried++;
    }
    CHECK(tried > 3 * image.size / 4096);
    /* SQLite forgives the loss of the last page's unused end, and all rows are right then. */
    CHECK(o.refused >= tried - 4);
    close(fd);
    bytes_free(&image);
}

TEST(bytes_behind_the_end_do_no_harm)
{
    struct bytes image = sample_image(SAMPLE_ID, 1, 20, 1, 200);
    struct outcome o = {0};
    int dir = scratch_dir();
    size_t more;
    int fd;

    put_bucket(dir, SAMPLE_ID, image.data, image.size);
    fd = open_to_write();
    for (more = 1; more < 10000; more += more < 10 ? 1 : 511) {
        CHECK_INT(0, ftruncate(fd, (off_t)(image.size + more)));
        read_all(dir, 1, 20, 1, 200, false, &o);
    }
    CHECK_INT(0, o.damaged);
    close(fd);
    bytes_free(&image);
}

TEST(a_page_of_zeros_or_of_another_place_is_noticed)
{
    static const unsigned char zeros[4096];
    struct bytes image = sample_image(SAMPLE_ID, 1, 60, 1, 900);
    struct outcome o = {0};
    size_t pages = image.size / 4096;
    int dir = scratch_dir();
    size_t i, j;
    int fd;

    put_bucket(dir, SAMPLE_ID, image.data, image.size);
    fd = open_to_write();
    for (i = 0; i < pages; i++) {
        for (j = 0; j < pages; j += 3) {
            CHECK_INT(4096, pwrite(fd, image.data + j * 4096, 4096, (off_t)i * 4096));
            read_all(dir, 1, 60, 1, 900, false, &o);
        }
        CHECK_INT(4096, pwrite(fd, zeros, 4096, (off_t)i * 4096));
        read_all(dir, 1, 60, 1, 900, false, &o);
        CHECK_INT(4096, pwrite(fd, image.data + i * 4096, 4096, (off_t)i * 4096));
    }
    CHECK(o.refused > 0 && o.damaged > 0 && o.right > 0);
    close(fd);
    bytes_free(&image);
}

TEST(a_file_full_of_noise_is_survived)
{
    struct bytes image = sample_image(SAMPLE_ID, 1, 60, 1, 900);
    uint64_t state = test_seed();
    struct outcome o = {0};
    int dir = scratch_dir();
    int round, fd;

    put_bucket(dir, SAMPLE_ID, image.data, image.size);
    fd = open_to_write();
    for (round = 0; round < 600; round++) {
        unsigned char *noisy = aer__memdup(image.data, image.size);
        /* Mostly behind the header and the schema, or nothing else is ever reached. */
        size_t from = round % 4 == 0 ? 0 : 4096;
        unsigned n = (unsigned)(test_random(&state) % 300) + 1;

        CHECK(noisy != NULL);
        while (n-- > 0) noisy[from + test_random(&state) % (image.size - from)] = (unsigned char)test_random(&state);
        CHECK_INT(image.size, pwrite(fd, noisy, image.size, 0));
        aer__free(noisy);
        read_all(dir, 1, 60, 1, 900, round % 2, &o);
    }
    close(fd);
    bytes_free(&image);
}

TEST(the_catalogue_of_two_swapped_buckets_is_not_fooled)
{
    struct bytes image = sample_image("0011223344556677", 1, 20, 1, 100);
    struct err err = {.code = 0};
    int dir = scratch_dir();
    struct sealed *s;

    put_bucket(dir, SAMPLE_ID, image.data, image.size);
    CHECK_RC(AER_CORRUPT, aer__sealed_open(dir, SAMPLE_ID, SAMPLE_DATABASE, &s, NULL, &err));
    check_names_file(&err);
    bytes_free(&image);
}

/* The place of a row is remembered from an earlier read; what is there now is judged anew. */
TEST(a_flip_after_the_first_read_is_noticed)
{
    struct bytes image = sample_image(SAMPLE_ID, 1, 200, 1, 60);
    uint64_t state = test_seed();
    int dir = scratch_dir();
    struct buf hold = {0};
    unsigned damaged = 0;
    struct sealed *s;
    uint64_t seq;
    size_t at;
    int fd;

    put_bucket(dir, SAMPLE_ID, image.data, image.size);
    s = open_bucket(dir, SAMPLE_ID);
    CHECK_OK(aer__sealed_rows(s, 0, true, NULL, NULL, ERR));
    for (seq = 1; seq <= 200; seq++) CHECK_OK(aer__sealed_get(s, seq, true, &(struct row){0}, &hold, ERR));
    fd = open_to_write();
    for (at = 3 * 4096; at < image.size; at += 2) {
        unsigned char flipped = image.data[at] ^ (unsigned char)(1u << test_random(&state) % 8);

        CHECK_INT(1, pwrite(fd, &flipped, 1, (off_t)at));
        for (seq = 1; seq <= 200; seq += 1 + test_random(&state) % 3) {
            struct row want = sample_row(seq, 60), got;
            int rc = aer__sealed_get(s, seq, true, &got, &hold, ERR);

            if (rc == AER_OK) {
                check_same_row(&want, &got);
            } else {
                CHECK_INT(AER_CORRUPT, rc);
                damaged++;
            }
        }
        CHECK_INT(1, pwrite(fd, &image.data[at], 1, (off_t)at));
    }
    CHECK(damaged > 100);
    close(fd);
    aer__sealed_close(s);
    aer__buf_release(&hold);
    bytes_free(&image);
}
