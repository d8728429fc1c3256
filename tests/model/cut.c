/* cut.c -- from the record of all changes to a state that a power cut may leave; see disk.h.
 *
 * 1. The bytes of a file: what came before its last fsync stays. Everything after is taken back, latest first; then
 *    some of it is done again, in order: all, none, a first stretch, or each by a throw of the dice; the last of
 *    them perhaps only in part.
 * 2. Names: in each directory a first stretch of what came after its last fsync stays, since file systems keep the
 *    order of changes of one directory; the rest is taken back, latest first. A file whose name goes is gone,
 *    synced or not.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "inspect.h"
#include "kv/share.h"
#include "record.h"
#include "testing.h"

enum { KEEP_NONE, KEEP_ALL, KEEP_FIRST, KEEP_SOME, WAYS };

struct change {
    struct record r;
    const unsigned char *new_bytes, *old_bytes;
    bool is_synced, is_lost;
};

struct history_of_disk {
    unsigned char *log;
    struct change *changes;
    size_t count;
    const char *records;
    uint64_t *random;
};

static void load(struct history_of_disk *h)
{
    char name[RECORD_PATH + 40];
    struct stat st;
    size_t at = 0, size;
    FILE *f;

    snprintf(name, sizeof name, "%s/" RECORD_LOG, h->records);
    f = fopen(name, "rb");
    CHECK(f && fstat(fileno(f), &st) == 0);
    size = (size_t)st.st_size;
    h->log = malloc(size + 1);
    CHECK(h->log && fread(h->log, 1, size, f) == size);
    fclose(f);
    while (at + sizeof(struct record) <= size) {
        struct change c = {.is_synced = false};

        memcpy(&c.r, h->log + at, sizeof c.r);
        at += sizeof c.r;
        if (at + c.r.new_size + c.r.old_size > size) break; /* died while it recorded, so the change was not made */
        c.new_bytes = h->log + at;
        c.old_bytes = c.new_bytes + c.r.new_size;
        at += c.r.new_size + c.r.old_size;
        h->changes = realloc(h->changes, (h->count + 1) * sizeof c);
        CHECK(h->changes);
        h->changes[h->count++] = c;
    }
}

static bool is_data(const struct change *c)
{
    return c->r.kind == RECORD_WRITE || c->r.kind == RECORD_TRUNCATE;
}

static const char *name_of(const struct change *c)
{
    return c->r.kind == RECORD_RENAME ? c->r.to : c->r.path;
}

static bool is_in(const char *path, const char *dir)
{
    size_t size = (size_t)(strrchr(path, '/') - path);

    return strlen(dir) == size && memcmp(path, dir, size) == 0;
}

static void mark_synced(struct history_of_disk *h)
{
    for (size_t i = 0; i < h->count; i++) {
        const struct record *sync = &h->changes[i].r;

        if (sync->kind != RECORD_SYNC && sync->kind != RECORD_SYNC_ALL) continue;
        h->changes[i].is_synced = true;
        for (size_t k = 0; k < i; k++) {
            struct change *c = &h->changes[k];

            if (sync->kind == RECORD_SYNC_ALL) c->is_synced = true;
            else if (is_data(c) ? c->r.inode == sync->inode : c->r.kind != RECORD_SYNC && is_in(name_of(c), sync->path))
                c->is_synced = true;
        }
    }
}

/* ---- bytes -------------------------------------------------------------------------------- */

static void put_bytes(int fd, const void *data, uint64_t size, uint64_t offset)
{
    if (size) CHECK_INT(size, pwrite(fd, data, size, (off_t)offset));
}

static void take_back(const struct change *c, int fd)
{
    put_bytes(fd, c->old_bytes, c->r.old_size, c->r.offset);
    CHECK_INT(0, ftruncate(fd, (off_t)c->r.file_size));
}

static void do_again(const struct change *c, int fd, uint64_t size)
{
    if (c->r.kind == RECORD_TRUNCATE) CHECK_INT(0, ftruncate(fd, (off_t)c->r.offset));
    else put_bytes(fd, c->new_bytes, size, c->r.offset);
}

static int open_inode(struct history_of_disk *h, uint64_t inode)
{
    char name[RECORD_PATH + 40];
    int fd;

    snprintf(name, sizeof name, "%s/" RECORD_INODE, h->records, (unsigned long long)inode);
    fd = open(name, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0); /* we are the owner or root; a mode of 0444 is in the way of others only */
    return fd;
}

static void cut_file(struct history_of_disk *h, size_t first, int way)
{
    uint64_t inode = h->changes[first].r.inode;
    struct change *last = NULL;
    int fd = open_inode(h, inode);
    bool stopped = way == KEEP_NONE;

    for (size_t i = h->count; i-- > first;)
        if (is_data(&h->changes[i]) && h->changes[i].r.inode == inode && !h->changes[i].is_synced)
            take_back(&h->changes[i], fd);
    for (size_t i = first; i < h->count; i++) {
        struct change *c = &h->changes[i];

        if (!is_data(c) || c->r.inode != inode || c->is_synced) continue;
        c->is_synced = true; /* done with it */
        if (way == KEEP_FIRST && test_random(h->random) % 4 == 0) stopped = true;
        c->is_lost = stopped || (way == KEEP_SOME && test_random(h->random) % 2);
        if (!c->is_lost) do_again(c, fd, c->r.new_size);
        if (c->is_lost && !last) last = c;
    }
    if (last && way == KEEP_FIRST && last->r.new_size > 1)
        do_again(last, fd, test_random(h->random) % last->r.new_size);
    close(fd);
}

/* ---- names -------------------------------------------------------------------------------- */

/* Directories that were removed because they fell empty come back with what was in them. */
static void make_parents(const char *path)
{
    char dir[RECORD_PATH];

    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
        mkdir(dir, 0755);
    }
}

static void take_back_name(struct history_of_disk *h, const struct change *c)
{
    char kept[RECORD_PATH + 40];

    snprintf(kept, sizeof kept, "%s/" RECORD_BACKUP, h->records, (unsigned)c->r.backup);
    if (c->r.kind == RECORD_CREATE) {
        inspect_remove(c->r.path);
    } else if (c->r.kind == RECORD_RENAME) {
        /* May fail: a later change that is taken back too may have moved or removed the name. */
        (void)rename(c->r.to, c->r.path);
        if (c->r.backup) CHECK_INT(0, link(kept, c->r.to));
    } else if (c->r.backup && access(c->r.path, F_OK) != 0) {
        make_parents(c->r.path);
        CHECK_INT(0, link(kept, c->r.path));
    }
}

/* From the first lost name of a directory on, all that follow in it are lost. */
static void choose_names(struct history_of_disk *h, int way)
{
    for (size_t i = 0; i < h->count; i++) {
        struct change *c = &h->changes[i];
        char dir[RECORD_PATH];

        if (is_data(c) || c->is_synced || c->is_lost) continue;
        if (way == KEEP_ALL || (way != KEEP_NONE && test_random(h->random) % 2)) continue;
        snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(name_of(c), '/') - name_of(c)), name_of(c));
        for (size_t k = i; k < h->count; k++)
            if (!is_data(&h->changes[k]) && !h->changes[k].is_synced && is_in(name_of(&h->changes[k]), dir))
                h->changes[k].is_lost = true;
    }
}

/* The machine starts again, and what the lock file says is from before. */
static void start_again(const char *lock_file)
{
    int fd = open(lock_file, O_WRONLY | O_CLOEXEC);
    uint64_t boot = 1;

    if (fd < 0) return;
    CHECK_INT(sizeof boot, pwrite(fd, &boot, sizeof boot, offsetof(struct share_page, boot)));
    close(fd);
}

/* What is mapped holds anything or nothing after a cut. */
static void spoil_mapped_files(const char *root, uint64_t *random)
{
    static const char *const names[] = {"aerial.sq3-shm", "bucketroot/active-0.sq3-shm", "bucketroot/active-1.sq3-shm",
                                        "aerial.lock"};

    for (size_t i = 0; i < AER_COUNT(names); i++) {
        char name[RECORD_PATH + 40];

        snprintf(name, sizeof name, "%s/%s", root, names[i]);
        if (test_random(random) % 2) unlink(name);
        else if (i == AER_COUNT(names) - 1) start_again(name);
    }
}

void disk_cut(const char *root, const char *records, uint64_t *random, struct cut *cut)
{
    struct history_of_disk h = {.records = records, .random = random};
    int way = (int)(test_random(random) % WAYS);

    load(&h);
    mark_synced(&h);
    cut->changes += (unsigned)h.count;
    for (size_t i = 0; i < h.count; i++) cut->unsynced += !h.changes[i].is_synced;
    choose_names(&h, way);
    for (size_t i = 0; i < h.count; i++)
        if (is_data(&h.changes[i]) && !h.changes[i].is_synced) cut_file(&h, i, way);
    for (size_t i = h.count; i-- > 0;)
        if (!is_data(&h.changes[i]) && h.changes[i].is_lost) take_back_name(&h, &h.changes[i]);
    for (size_t i = 0; i < h.count; i++) cut->lost += h.changes[i].is_lost;
    spoil_mapped_files(root, random);
    inspect_remove(records);
    free(h.changes);
    free(h.log);
}
