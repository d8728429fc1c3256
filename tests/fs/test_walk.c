/* test_walk.c -- tests src/fs/walk.c. */
#include "faults.h"
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct seen {
    char paths[16][64];
    int kinds[16];
    uint64_t sizes[16];
    int count, stop_at;
};

static int note(void *arg, const char *path, int kind, uint64_t size)
{
    struct seen *seen = arg;

    CHECK(seen->count < 16);
    snprintf(seen->paths[seen->count], sizeof seen->paths[0], "%s", path);
    seen->kinds[seen->count] = kind;
    seen->sizes[seen->count] = size;
    seen->count++;
    return seen->count == seen->stop_at ? 42 : 0;
}

static int find(const struct seen *seen, const char *path)
{
    int i;

    for (i = 0; i < seen->count; i++)
        if (strcmp(seen->paths[i], path) == 0) return i;
    return -1;
}

static int tree(void)
{
    int dir = scratch_dir();

    CHECK_OK(aer__fs_create(dir, "top", "12345", 5, 0644, false, ERR));
    CHECK_OK(aer__fs_create(dir, "a/b/file", "123", 3, 0644, false, ERR));
    CHECK_OK(aer__fs_mkdir(dir, "a/empty", false, ERR));
    CHECK_INT(0, symlinkat("b", dir, "a/link"));
    CHECK_INT(0, mkfifoat(dir, "a/fifo", 0644));
    return dir;
}

TEST(every_entry_is_seen_once_with_its_kind_and_size)
{
    struct seen seen = {0};
    int dir = tree();

    CHECK_OK(aer__fs_walk(dir, "", note, &seen, ERR));
    CHECK_INT(7, seen.count);
    CHECK_INT(FS_FILE, seen.kinds[find(&seen, "top")]);
    CHECK_INT(5, seen.sizes[find(&seen, "top")]);
    CHECK_INT(FS_FILE, seen.kinds[find(&seen, "a/b/file")]);
    CHECK_INT(3, seen.sizes[find(&seen, "a/b/file")]);
    CHECK_INT(FS_DIR, seen.kinds[find(&seen, "a/empty")]);
    CHECK_INT(FS_OTHER, seen.kinds[find(&seen, "a/link")]);
    CHECK_INT(FS_OTHER, seen.kinds[find(&seen, "a/fifo")]);
    CHECK(find(&seen, "a/b/file") < find(&seen, "a/b"));
    CHECK(find(&seen, "a/b") < find(&seen, "a"));
}

TEST(a_part_of_the_tree_has_whole_paths_too)
{
    struct seen seen = {0};
    int dir = tree();

    CHECK_OK(aer__fs_walk(dir, "a/b", note, &seen, ERR));
    CHECK_INT(1, seen.count);
    CHECK_STR("a/b/file", seen.paths[0]);
}

TEST(a_callback_can_stop_it)
{
    struct seen seen = {.stop_at = 2};
    int dir = tree();

    CHECK_INT(42, aer__fs_walk(dir, "", note, &seen, ERR));
    CHECK_INT(2, seen.count);
}

TEST(a_missing_path_is_no_entry_and_a_link_is_not_entered)
{
    struct seen seen = {0};
    int dir = tree();

    CHECK_OK(aer__fs_walk(dir, "none", note, &seen, ERR));
    CHECK_OK(aer__fs_walk(dir, "a/empty", note, &seen, ERR));
    CHECK_INT(0, seen.count);
    CHECK_RC(AER_CORRUPT, aer__fs_walk(dir, "a/link", note, &seen, ERR));
    CHECK_RC(AER_CORRUPT, aer__fs_walk(dir, "top", note, &seen, ERR));
    CHECK_RC(AER_CORRUPT, aer__fs_walk(dir, "..", note, &seen, ERR));
    CHECK_INT(0, seen.count);
}

static int remove_entry(void *arg, const char *path, int kind, uint64_t size)
{
    (void)size;
    return unlinkat(*(int *)arg, path, kind == FS_DIR ? AT_REMOVEDIR : 0);
}

TEST(a_tree_can_be_removed_on_the_way)
{
    int dir = tree();

    CHECK_OK(aer__fs_walk(dir, "", remove_entry, &dir, ERR));
    CHECK_ENTRIES(dir, 0);
}

static int ignore(void *arg, const char *path, int kind, uint64_t size)
{
    (void)arg, (void)path, (void)kind, (void)size;
    return 0;
}

TEST(a_bottomless_tree_is_an_error)
{
    char path[256] = "d";
    int dir = scratch_dir();
    int i;

    for (i = 0; i < 60; i++) strcat(path, "/d");
    CHECK_OK(aer__fs_mkdir(dir, path, false, ERR));
    CHECK_RC(AER_CORRUPT, aer__fs_walk(dir, "", ignore, NULL, ERR));
}

TEST(a_directory_that_cannot_be_opened_is_an_error)
{
    int dir = tree();
    int n;

    for (n = 1; n <= 4; n++) {
        aer__fs_fault_at(FS_FAULT_OPEN, (unsigned)n, EMFILE);
        CHECK_RC(AER_IO, aer__fs_walk(dir, "", ignore, NULL, ERR));
    }
    aer__fs_fault_at(FS_FAULT_OPEN, 5, EMFILE);
    CHECK_OK(aer__fs_walk(dir, "", ignore, NULL, ERR));
    aer__fs_fault_at(FS_FAULT_NONE, 0, 0);
}

TEST(a_directory_that_cannot_be_listed_is_an_error)
{
    int dir = tree();
    bool empty = true;
    unsigned n;
    int rc;

    /* 7 entries and the ends of 4 directories. */
    for (n = 1; n <= 11; n++) {
        aer__fs_fault_at(FS_FAULT_READ, n, EIO);
        CHECK_RC(AER_IO, aer__fs_walk(dir, "", ignore, NULL, ERR));
    }
    aer__fs_fault_at(FS_FAULT_READ, 12, EIO);
    rc = aer__fs_walk(dir, "", ignore, NULL, ERR);
    aer__fs_fault_at(FS_FAULT_READ, 1, EIO);
    CHECK_OK(rc);
    CHECK_RC(AER_IO, aer__fs_is_empty(dir, &empty, ERR));
    CHECK(!empty);
}
