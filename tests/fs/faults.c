/* faults.c -- see faults.h. EINTR and short transfers are run too; they must make no difference at all. */
#include "faults.h"

#include "fs/os.h"
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define MOST_CALLS 40 /* of one kind, that any operation here makes */

/* A fresh directory inside the test's scratch directory. */
static int subdirectory(int scratch, unsigned number)
{
    char name[32];
    int fd;

    snprintf(name, sizeof name, "run-%u", number);
    CHECK_OK(aer__fs_mkdir(scratch, name, false, ERR));
    fd = openat(scratch, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(fd >= 0);
    return fd;
}

static int open_descriptors(void)
{
    int fd, count = 0;

    for (fd = 0; fd < 256; fd++) count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

unsigned run_with_faults(void (*prepare)(int dir), operation run, inspection inspect)
{
    static const struct {
        int kind, error;
        bool visible;
    } faults[] = {
        {FS_FAULT_OPEN, EMFILE, true},  {FS_FAULT_READ, EIO, true},    {FS_FAULT_READ, EINTR, false},
        {FS_FAULT_WRITE, ENOSPC, true}, {FS_FAULT_WRITE, EIO, true},   {FS_FAULT_WRITE, EINTR, false},
        {FS_FAULT_SYNC, EIO, true},     {FS_FAULT_SYNC, EINTR, false}, {FS_FAULT_RENAME, EIO, true},
        {FS_FAULT_CLOSE, EIO, true},    {FS_FAULT_UNLINK, EIO, true},  {FS_FAULT_MKDIR, ENOSPC, true},
        {FS_FAULT_SHORT, EIO, false},
    };
    int scratch = scratch_dir();
    unsigned runs = 0, failures = 0;
    int old_kernel;
    size_t i;

    for (old_kernel = 0; old_kernel < 2; old_kernel++) {
        for (i = 0; i < AER_COUNT(faults); i++) {
            unsigned n;

            for (n = 1; n <= MOST_CALLS; n++) {
                struct err err = {0};
                int dir = subdirectory(scratch, runs++);
                bool missed;
                int before, rc;

                if (prepare) prepare(dir);
                before = open_descriptors();
                aer__os_without_openat2(old_kernel);
                aer__fs_fault_at(faults[i].kind, n, faults[i].error);
                rc = run(dir, &err);
                missed = aer__os_fault_pending(faults[i].kind);
                aer__fs_fault_at(FS_FAULT_NONE, 0, 0);
                aer__os_without_openat2(false);
                CHECK_INT(before, open_descriptors());
                if (!faults[i].visible) CHECK_INT(AER_OK, rc);
                if (rc) {
                    failures++;
                    CHECK_INT(rc, err.code);
                    CHECK(err.message[0] != '\0');
                    if (faults[i].error == ENOSPC) CHECK_INT(AER_FULL, rc);
                }
                inspect(dir, rc);
                aer__fs_close(dir);
                if (missed) break;
            }
            CHECK(n <= MOST_CALLS);
        }
    }
    return failures;
}

unsigned calls_of(int kind, void (*prepare)(int dir), operation run)
{
    int scratch = scratch_dir();
    unsigned n;

    for (n = 1; n <= MOST_CALLS; n++) {
        int dir = subdirectory(scratch, n);
        int rc;

        if (prepare) prepare(dir);
        aer__fs_fault_at(kind, n, EIO);
        rc = run(dir, NULL);
        aer__fs_fault_at(FS_FAULT_NONE, 0, 0);
        aer__fs_close(dir);
        if (rc == AER_OK) break;
    }
    return n - 1;
}
