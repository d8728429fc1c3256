/* test_create.c -- tests src/fs/create.c and src/fs/parent.c. */
#include "faults.h"
#include "testing.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TEST(a_file_is_made_with_its_directories_and_mode)
{
    int dir = scratch_dir();
    mode_t old = umask(077);
    struct stat st;

    CHECK_OK(aer__fs_create(dir, "a/b/c/file", "hello", 5, 0444, true, ERR));
    CHECK_FILE(dir, "a/b/c/file", "hello");
    CHECK_INT(0, fstatat(dir, "a/b/c/file", &st, 0));
    CHECK_INT(0444, st.st_mode & 07777);
    CHECK_OK(aer__fs_create(dir, "a/empty", "", 0, 0644, false, ERR));
    CHECK_FILE(dir, "a/empty", "");
    CHECK_OK(aer__fs_create(dir, "top", NULL, 0, 0600, true, ERR));
    umask(old);
}

TEST(a_name_that_is_taken_is_left_alone)
{
    struct err err = {0};
    int dir = scratch_dir();

    CHECK_OK(aer__fs_create(dir, "file", "old", 3, 0644, false, ERR));
    CHECK_RC(AER_EXISTS, aer__fs_create(dir, "file", "new", 3, 0644, true, &err));
    CHECK_STR("", err.message);
    CHECK_FILE(dir, "file", "old");
    CHECK_INT(0, symlinkat("/nowhere/at/all", dir, "link"));
    CHECK_RC(AER_EXISTS, aer__fs_create(dir, "link", "new", 3, 0644, true, ERR));
    CHECK_ENTRIES(dir, 2);
}

TEST(links_and_paths_that_lead_out_are_refused)
{
    static const char *const bad[] = {"../x", "a/../x", "/etc/x", "a//x",   "./x",   "a/",
                                      "",     ".",      "..",     "link/x", "file/x"};
    int dir = scratch_dir();
    size_t i;

    CHECK_OK(aer__fs_create(dir, "file", "", 0, 0644, false, ERR));
    CHECK_OK(aer__fs_mkdir(dir, "a", false, ERR));
    CHECK_INT(0, symlinkat("a", dir, "link"));
    for (i = 0; i < AER_COUNT(bad); i++) {
        struct err err = {0};

        CHECK_RC(AER_CORRUPT, aer__fs_create(dir, bad[i], "x", 1, 0644, true, &err));
        CHECK(strstr(err.message, bad[i]) != NULL);
    }
    CHECK_ENTRIES(dir, 3);
}

static int create_one(int dir, struct err *err)
{
    return aer__fs_create(dir, "a/b/c/file", "0123456789", 10, 0444, true, err);
}

static void there_or_nothing(int dir, int rc)
{
    if (rc == AER_OK) CHECK_FILE(dir, "a/b/c/file", "0123456789");
    else CHECK_ENTRIES(dir, 0);
}

TEST(each_call_that_fails_leaves_nothing_behind)
{
    CHECK(run_with_faults(NULL, create_one, there_or_nothing) >= 2 * (4 + 2 + 4 + 1 + 3));
}

TEST(a_large_file_comes_out_as_it_went_in)
{
    size_t size = (5 << 20) + 17, i, got;
    unsigned char *data = malloc(size);
    int dir = scratch_dir();
    void *back;

    CHECK(data);
    for (i = 0; i < size; i++) data[i] = (unsigned char)(i * 2654435761u >> 13);
    CHECK_OK(aer__fs_create(dir, "file", data, size, 0444, true, ERR));
    CHECK_OK(aer__fs_read_all(dir, "file", size, &back, &got, ERR));
    CHECK_INT(size, got);
    CHECK(memcmp(data, back, size) == 0);
    aer__free(back);
    free(data);
}

TEST(the_file_and_every_directory_made_for_it_are_synced)
{
    CHECK_INT(5, calls_of(FS_FAULT_SYNC, NULL, create_one)); /* file, c, b, a, and the database directory */
    CHECK_INT(3, calls_of(FS_FAULT_MKDIR, NULL, create_one));
    CHECK_INT(1, calls_of(FS_FAULT_CLOSE, NULL, create_one));
}

static int create_unsynced(int dir, struct err *err)
{
    return aer__fs_create(dir, "a/b/c/file", "0123456789", 10, 0444, false, err);
}

TEST(without_sync_nothing_is_synced_but_the_close_counts)
{
    CHECK_INT(0, calls_of(FS_FAULT_SYNC, NULL, create_unsynced));
    CHECK_INT(1, calls_of(FS_FAULT_CLOSE, NULL, create_unsynced));
}
