/* test_file.c -- tests src/port/file.c: whole, or as it was. */
#include "testing.h"

#include "port/port.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *below(const char *name)
{
    static char path[4096];

    snprintf(path, sizeof(path), "%s/%s", scratch_path(), name);
    return path;
}

static void set_old(int dir)
{
    int fd = openat(dir, "file", O_WRONLY | O_CREAT, 0640);

    CHECK(write(fd, "old", 3) == 3);
    close(fd);
}

TEST(the_old_file_stands_until_commit)
{
    int dir = scratch_dir();
    struct port_error error = {0};
    struct port_file file;
    struct stat st;

    set_old(dir);
    CHECK_OK(aer__port_file_open(&file, below("file"), &error));
    CHECK_OK(aer__port_file_write(&file, "new", 3, &error));
    CHECK_FILE(dir, "file", "old");
    CHECK_OK(aer__port_file_commit(&file, &error));
    aer__port_file_abandon(&file);
    CHECK_FILE(dir, "file", "new");
    CHECK_ENTRIES(dir, 1);
    CHECK(fstatat(dir, "file", &st, 0) == 0 && (st.st_mode & 0777) == 0640);
}

TEST(abandoned_or_swept_nothing_is_left)
{
    int dir = scratch_dir();
    struct port_error error = {0};
    struct port_file file;

    set_old(dir);
    CHECK_OK(aer__port_file_open(&file, below("file"), &error));
    CHECK_OK(aer__port_file_write(&file, "new", 3, &error));
    aer__port_file_abandon(&file);
    CHECK_FILE(dir, "file", "old");
    CHECK_ENTRIES(dir, 1);
    CHECK_OK(aer__port_file_open(&file, below("other"), &error));
    CHECK_ENTRIES(dir, 2);
    aer__port_file_sweep(); /* what a signal's handler does */
    CHECK_ENTRIES(dir, 1);
    aer__port_file_abandon(&file);
}

TEST(a_link_is_kept_and_what_it_means_is_replaced)
{
    int dir = scratch_dir();
    struct port_error error = {0};
    struct port_file file;
    struct stat st;

    set_old(dir);
    CHECK(symlinkat("file", dir, "link") == 0);
    CHECK_OK(aer__port_file_open(&file, below("link"), &error));
    CHECK_OK(aer__port_file_write(&file, "new", 3, &error));
    CHECK_OK(aer__port_file_commit(&file, &error));
    aer__port_file_abandon(&file);
    CHECK(fstatat(dir, "link", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode));
    CHECK_FILE(dir, "file", "new");
}

TEST(a_device_is_written_not_replaced_and_a_directory_refused)
{
    struct port_error error = {0};
    struct port_file file;
    struct stat st;

    CHECK_OK(aer__port_file_open(&file, "/dev/null", &error));
    CHECK_OK(aer__port_file_write(&file, "new", 3, &error));
    CHECK_OK(aer__port_file_commit(&file, &error));
    aer__port_file_abandon(&file);
    CHECK(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode));
    scratch_dir();
    CHECK_RC(AER_IO, aer__port_file_open(&file, scratch_path(), &error));
}
