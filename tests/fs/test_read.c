/* test_read.c -- tests src/fs/read.c. */
#include "faults.h"
#include "testing.h"

#include <string.h>

TEST(a_file_that_ends_early_is_cut_short)
{
    int dir = scratch_dir();
    char bytes[8] = "";
    uint64_t size;
    int fd;

    CHECK_OK(aer__fs_create(dir, "f", "0123456789", 10, 0644, false, ERR));
    CHECK_OK(aer__fs_open_read(dir, "f", &fd, NULL, ERR));
    CHECK_OK(aer__fs_size(fd, "f", &size, ERR));
    CHECK_INT(10, size);
    CHECK_OK(aer__fs_pread(fd, "f", bytes, 4, 6, ERR));
    CHECK_MEM("6789", 4, bytes, 4);
    CHECK_OK(aer__fs_pread(fd, "f", bytes, 0, 99, ERR));
    CHECK_RC(AER_CORRUPT, aer__fs_pread(fd, "f", bytes, 5, 6, ERR));
    CHECK_RC(AER_CORRUPT, aer__fs_pread(fd, "f", bytes, 1, 10, ERR));
    CHECK_RC(AER_CORRUPT, aer__fs_pread(fd, "f", bytes, 1, UINT64_MAX, ERR));
    CHECK_RC(AER_CORRUPT, aer__fs_pread(fd, "f", bytes, 1, (uint64_t)INT64_MAX + 1, ERR));
    aer__fs_close(fd);
}

TEST(a_whole_file_has_a_nul_behind_it)
{
    int dir = scratch_dir();
    size_t size = 99;
    void *data;

    CHECK_OK(aer__fs_create(dir, "f", "abc", 3, 0644, false, ERR));
    CHECK_OK(aer__fs_read_all(dir, "f", 3, &data, &size, ERR));
    CHECK_MEM("abc", 4, data, size + 1);
    aer__free(data);
    CHECK_OK(aer__fs_create(dir, "empty", "", 0, 0644, false, ERR));
    CHECK_OK(aer__fs_read_all(dir, "empty", 0, &data, &size, ERR));
    CHECK_STR("", data);
    CHECK_INT(0, size);
    aer__free(data);
}

TEST(a_file_above_the_limit_is_not_read)
{
    struct err err = {0};
    int dir = scratch_dir();
    size_t size = 99;
    void *data = &size;

    CHECK_OK(aer__fs_create(dir, "f", "abc", 3, 0644, false, ERR));
    CHECK_RC(AER_CORRUPT, aer__fs_read_all(dir, "f", 2, &data, &size, &err));
    CHECK(strstr(err.message, "'f'") != NULL);
    CHECK(data == NULL && size == 0);
}

TEST(a_missing_file_is_a_plain_answer)
{
    struct err err = {0};
    size_t size;
    void *data;

    CHECK_RC(AER_NOTFOUND, aer__fs_read_all(scratch_dir(), "f", 10, &data, &size, &err));
    CHECK_INT(AER_OK, err.code);
}

TEST(no_memory_for_the_bytes_is_said_so)
{
    int dir = scratch_dir();
    size_t size;
    void *data;

    CHECK_OK(aer__fs_create(dir, "f", "abc", 3, 0644, false, ERR));
    aer__alloc_fail_at(1);
    CHECK_RC(AER_NOMEM, aer__fs_read_all(dir, "f", 10, &data, &size, ERR));
    aer__alloc_fail_at(0);
    CHECK(data == NULL);
}

static void make(int dir)
{
    CHECK_OK(aer__fs_create(dir, "f", "0123456789", 10, 0644, false, ERR));
}

static int read_back(int dir, struct err *err)
{
    size_t size;
    void *data;
    int rc = aer__fs_read_all(dir, "f", 10, &data, &size, err);

    if (!rc) CHECK_MEM("0123456789", 10, data, size);
    aer__free(data);
    return rc;
}

static void unchanged(int dir, int rc)
{
    (void)rc;
    CHECK_FILE(dir, "f", "0123456789");
}

TEST(each_call_that_fails_is_an_error_and_the_rest_is_invisible)
{
    CHECK_INT(2 * 2, run_with_faults(make, read_back, unchanged)); /* one open, one read */
}
