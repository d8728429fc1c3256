/* test_replace.c -- tests src/fs/replace.c. */
#include "faults.h"
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How often the random numbers still come out as zeros, so that a test can plant what meets them. This function takes
 * the place of the C library's. */
static int zeros_to_come;

ssize_t getrandom(void *buffer, size_t size, unsigned flags)
{
    if (zeros_to_come == 0) return syscall(SYS_getrandom, buffer, size, flags);
    zeros_to_come--;
    memset(buffer, 0, size);
    return (ssize_t)size;
}

#define TEMPORARY_OF_ZEROS "conf.0000000000000000.tmp"

static void old_file(int dir)
{
    CHECK_OK(aer__fs_create(dir, "conf", "old", 3, 0644, false, ERR));
}

TEST(the_new_bytes_and_mode_are_in_place)
{
    int dir = scratch_dir();
    struct stat st;

    old_file(dir);
    CHECK_OK(aer__fs_replace(dir, "conf", "new bytes", 9, 0600, ERR));
    CHECK_FILE(dir, "conf", "new bytes");
    CHECK_INT(0, fstatat(dir, "conf", &st, 0));
    CHECK_INT(0600, st.st_mode & 07777);
    CHECK_OK(aer__fs_replace(dir, "fresh", "x", 1, 0644, ERR));
    CHECK_FILE(dir, "fresh", "x");
    CHECK_ENTRIES(dir, 2);
}

TEST(a_planted_link_is_replaced_and_not_followed)
{
    int dir = scratch_dir();

    CHECK_OK(aer__fs_create(dir, "target", "precious", 8, 0644, false, ERR));
    CHECK_INT(0, symlinkat("target", dir, "conf"));
    CHECK_OK(aer__fs_replace(dir, "conf", "new", 3, 0644, ERR));
    CHECK_FILE(dir, "target", "precious");
    CHECK_INT(FS_FILE, aer__fs_kind(dir, "conf"));
}

TEST(a_planted_temporary_is_neither_followed_nor_written)
{
    int dir = scratch_dir();

    old_file(dir);
    CHECK_OK(aer__fs_create(dir, TEMPORARY_OF_ZEROS, "precious", 8, 0644, false, ERR));
    zeros_to_come = 1;
    CHECK_OK(aer__fs_replace(dir, "conf", "new", 3, 0644, ERR));
    CHECK_INT(0, zeros_to_come);
    CHECK_FILE(dir, "conf", "new");
    CHECK_FILE(dir, TEMPORARY_OF_ZEROS, "precious");

    CHECK_OK(aer__fs_rename(dir, TEMPORARY_OF_ZEROS, "target", false, ERR));
    CHECK_INT(0, symlinkat("target", dir, TEMPORARY_OF_ZEROS));
    zeros_to_come = 1;
    CHECK_OK(aer__fs_replace(dir, "conf", "newer", 5, 0644, ERR));
    CHECK_INT(0, zeros_to_come);
    CHECK_FILE(dir, "conf", "newer");
    CHECK_FILE(dir, "target", "precious");
    CHECK_INT(FS_OTHER, aer__fs_kind(dir, TEMPORARY_OF_ZEROS));
    CHECK_ENTRIES(dir, 3);
}

TEST(names_that_are_always_taken_are_given_up)
{
    struct err err = {0};
    int dir = scratch_dir();

    old_file(dir);
    CHECK_OK(aer__fs_create(dir, TEMPORARY_OF_ZEROS, "precious", 8, 0644, false, ERR));
    zeros_to_come = 1000;
    CHECK_RC(AER_IO, aer__fs_replace(dir, "conf", "new", 3, 0644, &err));
    CHECK(zeros_to_come > 0);
    zeros_to_come = 0;
    CHECK(strstr(err.message, "conf") != NULL);
    CHECK_FILE(dir, "conf", "old");
    CHECK_FILE(dir, TEMPORARY_OF_ZEROS, "precious");
    CHECK_ENTRIES(dir, 2);
}

static int replace(int dir, struct err *err)
{
    return aer__fs_replace(dir, "conf", "new contents", 12, 0644, err);
}

static void old_or_new(int dir, int rc)
{
    size_t size;
    void *data;

    CHECK_ENTRIES(dir, 1); /* no temporary */
    if (rc == AER_OK) {
        CHECK_FILE(dir, "conf", "new contents");
        return;
    }
    CHECK_OK(aer__fs_read_all(dir, "conf", 100, &data, &size, ERR));
    CHECK(strcmp(data, "old") == 0 || strcmp(data, "new contents") == 0);
    aer__free(data);
}

TEST(each_call_that_fails_leaves_old_or_new)
{
    CHECK(run_with_faults(old_file, replace, old_or_new) >= 2 * (2 + 2 + 2 + 1 + 1));
}

TEST(the_bytes_are_synced_before_the_name_and_the_name_after)
{
    int dir = scratch_dir();

    old_file(dir);
    CHECK_INT(2, calls_of(FS_FAULT_SYNC, old_file, replace));
    CHECK_INT(1, calls_of(FS_FAULT_CLOSE, old_file, replace));
    aer__fs_fault_at(FS_FAULT_SYNC, 1, EIO);
    CHECK_RC(AER_IO, replace(dir, ERR));
    CHECK_FILE(dir, "conf", "old");
    aer__fs_fault_at(FS_FAULT_SYNC, 2, EIO);
    CHECK_RC(AER_IO, replace(dir, ERR));
    CHECK_FILE(dir, "conf", "new contents");
}

TEST(full_disk_keeps_the_old_file)
{
    int dir = scratch_dir();

    old_file(dir);
    aer__fs_fault_at(FS_FAULT_WRITE, 1, ENOSPC);
    CHECK_RC(AER_FULL, replace(dir, ERR));
    CHECK_FILE(dir, "conf", "old");
    CHECK_ENTRIES(dir, 1);
}

TEST(temporaries_are_known_by_their_name)
{
    CHECK(aer__fs_is_temporary("gertrude.conf.0123456789abcdef.tmp"));
    CHECK(aer__fs_is_temporary("tables/people/config.0123456789abcdef.tmp"));
    CHECK(!aer__fs_is_temporary("gertrude.conf"));
    CHECK(!aer__fs_is_temporary("x.tmp"));
    CHECK(!aer__fs_is_temporary(".0123456789abcdef.tmp"));
    CHECK(!aer__fs_is_temporary("x.0123456789abcdeg.tmp"));
    CHECK(!aer__fs_is_temporary("x.0123456789ABCDEF.tmp"));
    CHECK(!aer__fs_is_temporary("x.0123456789abcdef.tmp~"));
    CHECK(!aer__fs_is_temporary("x0123456789abcdef0.tmp"));
}

static int find_temporary(void *arg, const char *path, int kind, uint64_t size)
{
    (void)size;
    if (kind == FS_FILE && aer__fs_is_temporary(path)) ++*(int *)arg;
    return 0;
}

TEST(what_a_crash_leaves_has_such_a_name)
{
    int dir = scratch_dir();
    int found = 0;

    /* The rename fails, and so does the attempt to clean up: as if we had died in between. */
    aer__fs_fault_at(FS_FAULT_RENAME, 1, EIO);
    aer__fs_fault_at(FS_FAULT_UNLINK, 1, EIO);
    CHECK_RC(AER_IO, aer__fs_replace(dir, "conf", "new", 3, 0644, ERR));
    aer__fs_fault_at(FS_FAULT_NONE, 0, 0);
    CHECK_OK(aer__fs_walk(dir, "", find_temporary, &found, ERR));
    CHECK_INT(1, found);
}

TEST(a_name_with_no_room_for_the_temporary_is_refused)
{
    int dir = scratch_dir();
    char name[256];

    memset(name, 'n', 250);
    name[250] = '\0';
    CHECK_RC(AER_IO, aer__fs_replace(dir, name, "x", 1, 0644, ERR));
    CHECK_ENTRIES(dir, 0);
}
