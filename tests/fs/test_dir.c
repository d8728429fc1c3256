/* test_dir.c -- tests src/fs/dir.c. */
#include "faults.h"
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void put(int dir, const char *path, const char *text)
{
    CHECK_OK(aer__fs_create(dir, path, text, strlen(text), 0644, false, ERR));
}

TEST(a_directory_is_made_with_its_parents_and_may_be_there)
{
    int dir = scratch_dir();

    CHECK_OK(aer__fs_mkdir(dir, "a/b/c", true, ERR));
    CHECK_OK(aer__fs_mkdir(dir, "a/b/c", true, ERR));
    CHECK_INT(FS_DIR, aer__fs_kind(dir, "a/b/c"));
    CHECK_OK(aer__fs_sync_dir(dir, "a/b", ERR));
    CHECK_OK(aer__fs_sync_dir(dir, "", ERR));
    put(dir, "file", "");
    CHECK_RC(AER_CORRUPT, aer__fs_mkdir(dir, "file", true, ERR));
    CHECK_RC(AER_CORRUPT, aer__fs_mkdir(dir, "file/x", true, ERR));
    CHECK_RC(AER_CORRUPT, aer__fs_mkdir(dir, "../x", true, ERR));
    CHECK_INT(0, symlinkat("a", dir, "link"));
    CHECK_RC(AER_CORRUPT, aer__fs_mkdir(dir, "link", true, ERR));
    CHECK_RC(AER_CORRUPT, aer__fs_mkdir(dir, "link/x", true, ERR));
    CHECK_ENTRIES(dir, 3);
}

static int make_directory(int dir, struct err *err)
{
    return aer__fs_mkdir(dir, "a/b/c", true, err);
}

static void all_or_nothing(int dir, int rc)
{
    if (rc) CHECK_ENTRIES(dir, 0);
    else CHECK_INT(FS_DIR, aer__fs_kind(dir, "a/b/c"));
}

TEST(each_call_that_fails_while_making_leaves_nothing)
{
    CHECK(run_with_faults(NULL, make_directory, all_or_nothing) >= 2 * (6 + 3 + 3));
}

TEST(the_database_directory_is_made_and_its_name_synced)
{
    char path[4200];
    int dir = scratch_dir();
    bool made = false;

    snprintf(path, sizeof path, "%s/db", scratch_path());
    aer__fs_fault_at(FS_FAULT_SYNC, 1, EIO);
    CHECK_RC(AER_IO, aer__fs_make_dir(path, &made, ERR));
    CHECK(!made);
    CHECK_ENTRIES(dir, 0);
    aer__fs_fault_at(FS_FAULT_OPEN, 1, EMFILE);
    CHECK_RC(AER_IO, aer__fs_make_dir(path, &made, ERR));
    CHECK_ENTRIES(dir, 0);
    CHECK_OK(aer__fs_make_dir(path, &made, ERR));
    CHECK(made);
    CHECK_INT(FS_DIR, aer__fs_kind(dir, "db"));
    CHECK_OK(aer__fs_make_dir(path, &made, ERR)); /* it is there */
    CHECK(!made);
    aer__fs_unmake_dir(path);
    aer__fs_unmake_dir(path);
    CHECK_ENTRIES(dir, 0);
    snprintf(path, sizeof path, "%s/none/db", scratch_path());
    CHECK_RC(AER_IO, aer__fs_make_dir(path, &made, ERR));
}

TEST(every_directory_made_is_synced_into_its_parent)
{
    CHECK_INT(3, calls_of(FS_FAULT_SYNC, NULL, make_directory));
}

TEST(a_file_is_removed_once_and_then_missing)
{
    int dir = scratch_dir();

    put(dir, "a/f", "x");
    CHECK_OK(aer__fs_unlink(dir, "a/f", ERR));
    CHECK_OK(aer__fs_unlink(dir, "a/f", ERR));
    CHECK_OK(aer__fs_unlink(dir, "none/f", ERR));
    CHECK_INT(FS_MISSING, aer__fs_kind(dir, "a/f"));
    put(dir, "b/f", "x");
    CHECK_INT(0, symlinkat("b", dir, "link"));
    CHECK_RC(AER_CORRUPT, aer__fs_unlink(dir, "link/f", ERR));
    CHECK_FILE(dir, "b/f", "x");
    CHECK_OK(aer__fs_unlink(dir, "link", ERR)); /* the link itself */
    CHECK_RC(AER_CORRUPT, aer__fs_unlink(dir, "../f", ERR));
    aer__fs_fault_at(FS_FAULT_UNLINK, 1, EIO);
    CHECK_RC(AER_IO, aer__fs_unlink(dir, "b/f", ERR));
    CHECK_FILE(dir, "b/f", "x");
}

TEST(empty_directories_are_pruned_up_to_the_first_level)
{
    int dir = scratch_dir();

    CHECK_OK(aer__fs_mkdir(dir, "root/28/dd", false, ERR));
    CHECK_OK(aer__fs_mkdir(dir, "root/29/aa", false, ERR));
    aer__fs_prune(dir, "root/28/dd/file");
    CHECK_INT(FS_MISSING, aer__fs_kind(dir, "root/28"));
    CHECK_INT(FS_DIR, aer__fs_kind(dir, "root/29/aa"));
    put(dir, "root/29/kept", "");
    aer__fs_prune(dir, "root/29/aa/file");
    CHECK_INT(FS_MISSING, aer__fs_kind(dir, "root/29/aa"));
    CHECK_INT(FS_FILE, aer__fs_kind(dir, "root/29/kept"));
    CHECK_OK(aer__fs_unlink(dir, "root/29/kept", ERR));
    aer__fs_prune(dir, "root/29/file");
    CHECK_INT(FS_DIR, aer__fs_kind(dir, "root"));
    CHECK_INT(FS_MISSING, aer__fs_kind(dir, "root/29"));
    aer__fs_prune(dir, "root/file");
    aer__fs_prune(dir, "file");
    aer__fs_prune(dir, "../../file");
    CHECK_INT(FS_DIR, aer__fs_kind(dir, "root"));
}

TEST(a_rename_makes_directories_and_replaces_nothing)
{
    struct err err = {0};
    int dir = scratch_dir();

    put(dir, "a/from", "moved");
    CHECK_OK(aer__fs_rename(dir, "a/from", "q/deep/to", true, ERR));
    CHECK_FILE(dir, "q/deep/to", "moved");
    CHECK_INT(FS_MISSING, aer__fs_kind(dir, "a/from"));
    put(dir, "other", "other");
    CHECK_RC(AER_EXISTS, aer__fs_rename(dir, "other", "q/deep/to", true, &err));
    CHECK_FILE(dir, "q/deep/to", "moved");
    CHECK_FILE(dir, "other", "other");
    CHECK_RC(AER_NOTFOUND, aer__fs_rename(dir, "none", "x/y", true, &err));
    CHECK_RC(AER_NOTFOUND, aer__fs_rename(dir, "none/none", "x/y", true, &err));
    CHECK_INT(FS_MISSING, aer__fs_kind(dir, "x"));
    CHECK_INT(AER_OK, err.code);
    CHECK_RC(AER_CORRUPT, aer__fs_rename(dir, "other", "../other", true, ERR));
    CHECK_RC(AER_CORRUPT, aer__fs_rename(dir, "../other", "x", true, ERR));
}

static void one_file(int dir)
{
    put(dir, "a/from", "moved");
}

static int move(int dir, struct err *err)
{
    return aer__fs_rename(dir, "a/from", "q/deep/to", true, err);
}

static void here_or_there(int dir, int rc)
{
    bool here = aer__fs_kind(dir, "a/from") == FS_FILE, there = aer__fs_kind(dir, "q/deep/to") == FS_FILE;

    CHECK(here != there);
    if (rc == AER_OK) CHECK(there);
    if (here) CHECK_INT(FS_MISSING, aer__fs_kind(dir, "q"));
    CHECK_FILE(dir, here ? "a/from" : "q/deep/to", "moved");
}

TEST(each_call_that_fails_in_a_rename_loses_nothing)
{
    CHECK(run_with_faults(one_file, move, here_or_there) >= 2 * (5 + 4 + 1 + 2));
}

TEST(a_rename_syncs_the_new_name_first_and_then_the_old)
{
    int dir = scratch_dir();

    CHECK_INT(4, calls_of(FS_FAULT_SYNC, one_file, move)); /* q/deep, q, the database directory, a */
    one_file(dir);
    aer__fs_fault_at(FS_FAULT_SYNC, 4, EIO);
    CHECK_RC(AER_IO, move(dir, ERR));
    CHECK_FILE(dir, "q/deep/to", "moved");
}

TEST(empty_means_no_entry_of_any_kind)
{
    int dir = scratch_dir();
    bool empty;

    CHECK_OK(aer__fs_is_empty(dir, &empty, ERR));
    CHECK(empty);
    CHECK_INT(0, symlinkat("nowhere", dir, ".hidden"));
    CHECK_OK(aer__fs_is_empty(dir, &empty, ERR));
    CHECK(!empty);
    CHECK_OK(aer__fs_unlink(dir, ".hidden", ERR));
    CHECK_OK(aer__fs_is_empty(dir, &empty, ERR));
    CHECK(empty);
}

TEST(a_directory_that_cannot_be_synced_is_an_error)
{
    int dir = scratch_dir();

    aer__fs_fault_at(FS_FAULT_SYNC, 1, EIO);
    CHECK_RC(AER_IO, aer__fs_sync_dir(dir, "", ERR));
    CHECK_RC(AER_IO, aer__fs_sync_dir(dir, "none", ERR));
}
