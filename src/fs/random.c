/* random.c -- the system's secure random source, for names that must never be guessed or met twice. */
#include "fs/os.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

int aer__fs_random(void *data, size_t size, struct err *err)
{
    unsigned char *to = data;

    while (size > 0) {
        ssize_t got = getrandom(to, size, 0);

        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return aer__err_os(err, "read", "the system's random source");
        to += got;
        size -= (size_t)got;
    }
    return AER_OK;
}

uint64_t aer__fs_boot(void)
{
    char id[64];
    ssize_t size;
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

    if (fd < 0) return 0;
    size = read(fd, id, sizeof id);
    close(fd); /* only read */
    return size > 0 ? aer__hash(id, (size_t)size) : 0;
}
