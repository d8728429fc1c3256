/* test_open.c -- tests src/fs/open.c and the resolving of paths in src/fs/os.c, with openat2 and without. */
#include "fs/os.h"
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* sub/file, a link to each and to what lies outside, a FIFO and a socket. */
static int populated(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int dir = scratch_dir();
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK_OK(aer__fs_create(dir, "sub/file", "inside", 6, 0644, false, ERR));
    CHECK_INT(0, symlinkat("sub", dir, "dirlink"));
    CHECK_INT(0, symlinkat("file", dir, "sub/filelink"));
    CHECK_INT(0, symlinkat("/etc", dir, "etc"));
    CHECK_INT(0, symlinkat("nowhere", dir, "dangling"));
    CHECK_INT(0, mkfifoat(dir, "fifo", 0644));
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", scratch_path());
    CHECK_INT(0, bind(s, (struct sockaddr *)&address, sizeof address));
    close(s);
    return dir;
}

static void check_opening(int dir)
{
    static const char *const corrupt[] = {
        "dirlink", "dirlink/file", "sub/filelink", "etc/passwd", "dangling",       "fifo",       "socket",
        "sub",     "../x",         "sub/../x",     "sub/./file", "/etc/passwd",    "sub//file",  "",
        "sub/",    "sub/file/x",   "..",           "etc",        "sub/../../../x", "./sub/file",
    };
    size_t i;
    int fd, os_error;

    CHECK_OK(aer__fs_open_read(dir, "sub/file", &fd, &os_error, ERR));
    CHECK_INT(0, os_error);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    aer__fs_close(fd);
    for (i = 0; i < AER_COUNT(corrupt); i++) {
        struct err err = {0};

        fd = 7;
        CHECK_RC(AER_CORRUPT, aer__fs_open_read(dir, corrupt[i], &fd, NULL, &err));
        CHECK_INT(-1, fd);
        CHECK(strstr(err.message, corrupt[i]) != NULL);
    }
}

TEST(only_regular_files_below_the_directory_are_opened)
{
    int dir = populated();

    check_opening(dir);
    aer__os_without_openat2(true);
    check_opening(dir);
    aer__os_without_openat2(false);
}

TEST(a_missing_file_is_a_plain_answer)
{
    struct err err = {0};
    int dir = populated();
    int fd, os_error;

    CHECK_RC(AER_NOTFOUND, aer__fs_open_read(dir, "sub/none", &fd, &os_error, &err));
    CHECK_INT(ENOENT, os_error);
    CHECK_RC(AER_NOTFOUND, aer__fs_open_read(dir, "none/none/none", &fd, NULL, &err));
    CHECK_INT(-1, fd);
    CHECK_INT(AER_OK, err.code);
}

TEST(running_out_of_descriptors_can_be_told_apart)
{
    int dir = populated();
    int fd, os_error;

    aer__fs_fault_at(FS_FAULT_OPEN, 1, EMFILE);
    CHECK_RC(AER_IO, aer__fs_open_read(dir, "sub/file", &fd, &os_error, ERR));
    CHECK_INT(EMFILE, os_error);
    CHECK_OK(aer__fs_open_read(dir, "sub/file", &fd, &os_error, ERR));
    aer__fs_close(fd);
    aer__fs_close(-1);
}

TEST(the_kind_of_each_thing)
{
    int dir = populated();
    char path[PATH_MAX];

    CHECK_INT(FS_DIR, aer__fs_kind(dir, ""));
    CHECK_INT(FS_DIR, aer__fs_kind(dir, "sub"));
    CHECK_INT(FS_FILE, aer__fs_kind(dir, "sub/file"));
    CHECK_INT(FS_OTHER, aer__fs_kind(dir, "sub/filelink"));
    CHECK_INT(FS_OTHER, aer__fs_kind(dir, "dirlink"));
    CHECK_INT(FS_OTHER, aer__fs_kind(dir, "dirlink/file"));
    CHECK_INT(FS_OTHER, aer__fs_kind(dir, "dangling"));
    CHECK_INT(FS_OTHER, aer__fs_kind(dir, "fifo"));
    CHECK_INT(FS_OTHER, aer__fs_kind(dir, "../x"));
    CHECK_INT(FS_MISSING, aer__fs_kind(dir, "none"));
    CHECK_INT(FS_MISSING, aer__fs_kind(dir, "none/none"));
    CHECK_INT(FS_MISSING, aer__fs_kind(dir, "sub/file/none"));
    snprintf(path, sizeof path, "%s/sub/file", scratch_path());
    CHECK_INT(FS_FILE, aer__fs_kind_absolute(path));
    CHECK_INT(FS_DIR, aer__fs_kind_absolute("/"));
}

TEST(the_database_directory_may_be_reached_through_a_link)
{
    char link[PATH_MAX], real[PATH_MAX], expected[PATH_MAX + 16];
    char *absolute;
    int dir = populated();
    int fd;

    snprintf(link, sizeof link, "%s/dirlink", scratch_path());
    CHECK(realpath(link, real) != NULL);
    CHECK_OK(aer__fs_open_dir(link, &fd, ERR));
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK_OK(aer__fs_absolute(fd, "file", &absolute, ERR));
    snprintf(expected, sizeof expected, "%s/file", real);
    CHECK_STR(expected, absolute);
    aer__free(absolute);
    CHECK_OK(aer__fs_absolute(fd, "", &absolute, ERR));
    CHECK_STR(real, absolute);
    aer__free(absolute);
    CHECK_RC(AER_CORRUPT, aer__fs_absolute(fd, "../x", &absolute, ERR));
    CHECK(absolute == NULL);
    aer__fs_close(fd);
    (void)dir;
}

TEST(a_directory_that_is_none_or_gone_is_said_to_be)
{
    char path[PATH_MAX];
    char *absolute;
    int dir = populated();
    int fd;

    snprintf(path, sizeof path, "%s/none", scratch_path());
    CHECK_RC(AER_NODB, aer__fs_open_dir(path, &fd, ERR));
    CHECK_INT(-1, fd);
    snprintf(path, sizeof path, "%s/sub/file", scratch_path());
    CHECK_RC(AER_NODB, aer__fs_open_dir(path, &fd, ERR));
    snprintf(path, sizeof path, "%s/fifo", scratch_path());
    CHECK_RC(AER_NODB, aer__fs_open_dir(path, &fd, ERR));

    CHECK_OK(aer__fs_mkdir(dir, "gone", false, ERR));
    snprintf(path, sizeof path, "%s/gone", scratch_path());
    CHECK_OK(aer__fs_open_dir(path, &fd, ERR));
    CHECK_INT(0, unlinkat(dir, "gone", AT_REMOVEDIR));
    CHECK_RC(AER_IO, aer__fs_absolute(fd, "x", &absolute, ERR));
    CHECK_RC(AER_IO, aer__fs_create(fd, "x", "", 0, 0644, true, ERR));
    /* The name the kernel gives to what is gone must not be taken for another directory's. */
    CHECK_OK(aer__fs_mkdir(dir, "gone (deleted)", false, ERR));
    CHECK_RC(AER_IO, aer__fs_absolute(fd, "x", &absolute, ERR));
    aer__fs_close(fd);
}

TEST(names_with_odd_characters_are_names)
{
    int dir = scratch_dir();
    size_t size;
    void *data;

    CHECK_OK(aer__fs_create(dir, "...", "a", 1, 0644, false, ERR));
    CHECK_OK(aer__fs_create(dir, "..x/.y", "b", 1, 0644, false, ERR));
    CHECK_OK(aer__fs_create(dir, "a b\n%\xff", "c", 1, 0644, false, ERR));
    CHECK_OK(aer__fs_read_all(dir, "..x/.y", 10, &data, &size, ERR));
    CHECK_STR("b", data);
    aer__free(data);
}

TEST(a_directory_without_permission_is_not_writable)
{
    int dir = scratch_dir();
    int status;
    pid_t child;

    CHECK(aer__fs_writable(dir));
    CHECK_INT(0, fchmod(dir, 0555));
    child = fork();
    if (child == 0) {
        /* Root may write everywhere, so somebody else has to ask. */
        if (geteuid() == 0 && (setgid(65534) || setuid(65534))) _exit(2);
        _exit(aer__fs_writable(dir) ? 1 : 0);
    }
    CHECK_INT(child, waitpid(child, &status, 0));
    CHECK_INT(0, status);
    CHECK_INT(0, fchmod(dir, 0755));
}
