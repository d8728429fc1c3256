/* test_lock.c -- tests src/fs/lock.c. */
#include "fs/fs.h"
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 8192

struct lock {
    int fd;
    void *map;
};

static struct lock open_lock(int dir, bool readonly)
{
    struct lock l;

    CHECK_OK(aer__fs_lock_open(dir, "lock", SIZE, readonly, &l.fd, &l.map, ERR));
    return l;
}

static void close_lock(struct lock l)
{
    aer__fs_lock_close(l.fd, l.map, SIZE);
}

TEST(two_handles_share_the_bytes_and_exclude_each_other)
{
    struct err err = {0};
    int dir = scratch_dir();
    struct lock a = open_lock(dir, false), b = open_lock(dir, false);
    bool held;

    CHECK(fcntl(a.fd, F_GETFD) & FD_CLOEXEC);
    ((char *)a.map)[SIZE - 1] = 'x';
    CHECK_INT('x', ((char *)b.map)[SIZE - 1]);
    CHECK_OK(aer__fs_lock(a.fd, 5, true, ERR));
    CHECK_RC(AER_BUSY, aer__fs_lock(b.fd, 5, true, &err));
    CHECK_RC(AER_BUSY, aer__fs_lock(b.fd, 5, false, &err));
    CHECK_INT(AER_OK, err.code);
    CHECK_OK(aer__fs_lock(b.fd, 4, true, ERR));
    CHECK_OK(aer__fs_lock(b.fd, 6, true, ERR));
    CHECK_OK(aer__fs_lock_held(b.fd, 5, &held, ERR));
    CHECK(held);
    CHECK_OK(aer__fs_lock_held(a.fd, 5, &held, ERR)); /* one's own does not count */
    CHECK(!held);
    aer__fs_unlock(a.fd, 5);
    CHECK_OK(aer__fs_lock_held(b.fd, 5, &held, ERR));
    CHECK(!held);
    CHECK_OK(aer__fs_lock(b.fd, 5, true, ERR));
    close_lock(b);
    CHECK_OK(aer__fs_lock(a.fd, 5, true, ERR));
    close_lock(a);
}

TEST(readers_share_and_keep_a_writer_out)
{
    int dir = scratch_dir();
    struct lock a = open_lock(dir, false), b = open_lock(dir, false), c = open_lock(dir, true);
    bool held;

    CHECK_OK(aer__fs_lock(a.fd, 1, false, ERR));
    CHECK_OK(aer__fs_lock(b.fd, 1, false, ERR));
    CHECK_OK(aer__fs_lock(c.fd, 1, false, ERR)); /* a read-only descriptor can do this much */
    CHECK_RC(AER_BUSY, aer__fs_lock(b.fd, 1, true, ERR));
    CHECK_OK(aer__fs_lock_held(b.fd, 1, &held, ERR));
    CHECK(held);
    aer__fs_unlock(a.fd, 1);
    close_lock(c);
    CHECK_OK(aer__fs_lock(b.fd, 1, true, ERR)); /* upgraded */
    CHECK_RC(AER_BUSY, aer__fs_lock(a.fd, 1, false, ERR));
    close_lock(a);
    close_lock(b);
}

TEST(another_descriptor_that_is_closed_takes_no_lock_along)
{
    int dir = scratch_dir();
    struct lock a = open_lock(dir, false), b = open_lock(dir, false);
    int other = openat(dir, "lock", O_RDWR | O_CLOEXEC);

    CHECK_OK(aer__fs_lock(a.fd, 1, true, ERR));
    close(other);
    CHECK_RC(AER_BUSY, aer__fs_lock(b.fd, 1, true, ERR));
    close_lock(a);
    close_lock(b);
}

TEST(a_killed_holder_leaves_no_lock)
{
    int dir = scratch_dir();
    struct lock mine = open_lock(dir, false);
    int ready[2], status;
    char byte;
    pid_t child;

    CHECK_INT(0, pipe(ready));
    child = fork();
    if (child == 0) {
        struct lock theirs = open_lock(dir, false);

        if (aer__fs_lock(theirs.fd, 9, true, NULL) != AER_OK || write(ready[1], "x", 1) != 1) _exit(1);
        for (;;) pause();
    }
    CHECK_INT(1, read(ready[0], &byte, 1));
    CHECK_RC(AER_BUSY, aer__fs_lock(mine.fd, 9, true, ERR));
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    CHECK_OK(aer__fs_lock(mine.fd, 9, true, ERR));
    close(ready[0]);
    close(ready[1]);
    close_lock(mine);
}

TEST(the_file_is_grown_but_its_bytes_are_kept)
{
    int dir = scratch_dir();
    struct lock l;
    struct stat st;

    CHECK_OK(aer__fs_create(dir, "lock", "garbage", 7, 0644, false, ERR));
    l = open_lock(dir, false);
    CHECK(memcmp(l.map, "garbage\0", 8) == 0);
    CHECK_INT(0, fstat(l.fd, &st));
    CHECK_INT(SIZE, st.st_size);
    CHECK(st.st_blocks * 512 >= SIZE); /* no holes: a store must not meet a full disk */
    close_lock(l);
}

TEST(a_reader_makes_no_file_and_takes_none_that_is_too_short)
{
    int dir = scratch_dir();
    struct lock l = open_lock(dir, true);

    CHECK(l.fd == -1 && l.map == NULL);
    close_lock(l);
    CHECK_ENTRIES(dir, 0);
    CHECK_OK(aer__fs_create(dir, "lock", "short", 5, 0644, false, ERR));
    l = open_lock(dir, true);
    CHECK(l.fd == -1 && l.map == NULL);
    CHECK_FILE(dir, "lock", "short");
}

TEST(links_fifos_and_directories_are_no_lock_files)
{
    int dir = scratch_dir();
    void *map;
    int fd;

    CHECK_OK(aer__fs_create(dir, "file", "", 0, 0644, false, ERR));
    CHECK_INT(0, symlinkat("file", dir, "link"));
    CHECK_INT(0, mkfifoat(dir, "fifo", 0644));
    CHECK_OK(aer__fs_mkdir(dir, "sub", false, ERR));
    CHECK_RC(AER_CORRUPT, aer__fs_lock_open(dir, "link", SIZE, false, &fd, &map, ERR));
    CHECK_RC(AER_CORRUPT, aer__fs_lock_open(dir, "fifo", SIZE, false, &fd, &map, ERR));
    CHECK_RC(AER_CORRUPT, aer__fs_lock_open(dir, "fifo", SIZE, true, &fd, &map, ERR));
    CHECK_RC(AER_CORRUPT, aer__fs_lock_open(dir, "sub", SIZE, false, &fd, &map, ERR));
    CHECK_RC(AER_CORRUPT, aer__fs_lock_open(dir, "sub", SIZE, true, &fd, &map, ERR));
    CHECK(fd == -1 && map == NULL);
    CHECK_FILE(dir, "file", "");
}

TEST(no_room_for_the_file_is_said_so)
{
    int dir = scratch_dir();
    void *map;
    int fd;

    aer__fs_fault_at(FS_FAULT_WRITE, 1, ENOSPC);
    CHECK_RC(AER_FULL, aer__fs_lock_open(dir, "lock", SIZE, false, &fd, &map, ERR));
    CHECK(fd == -1 && map == NULL);
    aer__fs_fault_at(FS_FAULT_OPEN, 1, EMFILE);
    CHECK_RC(AER_IO, aer__fs_lock_open(dir, "lock", SIZE, false, &fd, &map, ERR));
    aer__fs_fault_at(FS_FAULT_NONE, 0, 0);
}
