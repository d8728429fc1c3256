/* test_sync.c -- handles of different sync modes side by side: what each was promised is on disk in time.
 *
 * Syncs are seen by functions of ours that stand before libc's, and noted by the name of the file.
 */
#include <aerials.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "scene.h"
#include "testing.h"

#define SYNCS_MAX 4096

static struct {
    char name[SYNCS_MAX][32];
    _Atomic unsigned count;
} syncs;

static void note_sync(int fd)
{
    char link[64], path[PATH_SIZE];
    unsigned i;
    ssize_t size;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    size = readlink(link, path, sizeof path - 1);
    if (size < 0) return;
    path[size] = '\0';
    i = syncs.count++;
    if (i < SYNCS_MAX) snprintf(syncs.name[i], sizeof syncs.name[i], "%s", strrchr(path, '/') + 1);
}

/* Visible, or libsqlite3 would go on to libc's. */
__attribute__((visibility("default"))) int fsync(int fd)
{
    note_sync(fd);
    return (int)syscall(SYS_fsync, fd);
}

__attribute__((visibility("default"))) int fdatasync(int fd)
{
    note_sync(fd);
    return (int)syscall(SYS_fdatasync, fd);
}

/* How many syncs came before the first one of NAME. */
static unsigned syncs_before(const char *name)
{
    unsigned count = syncs.count, i = 0;

    CHECK(count <= SYNCS_MAX);
    while (i < count && strcmp(syncs.name[i], name) != 0) i++;
    return i;
}

static _Atomic unsigned whole_syncs;

__attribute__((visibility("default"))) int syncfs(int fd)
{
    whole_syncs++;
    return (int)syscall(SYS_syncfs, fd);
}

static aer_db *open_with(const char *path, int sync)
{
    return scene_open(path, &(aer_options){.size = sizeof(aer_options), .sync = sync});
}

TEST(what_another_handle_left_unsynced_is_synced_before_the_next_file_begins)
{
    const char *path = scene_init(10, 0);
    aer_db *full = open_with(path, AER_SYNC_FULL), *normal = open_with(path, AER_SYNC_NORMAL);

    for (unsigned i = 0; i < 15; i++)
        scene_fill(full, i, i + 1, 1); /* from active-0 to active-1: nothing is unsynced now */
    for (unsigned i = 15; i < 20; i++) scene_fill(normal, i, i + 1, 1);
    syncs.count = 0;
    scene_fill(full, 20, 21, 1); /* the first one in active-0 */
    CHECK(syncs_before("active-1.sq3-wal") < syncs_before("active-0.sq3-wal"));
    scene_close(normal);
    scene_close(full);
}

/* While the descriptor is open nobody seals: see docs/format.md for the byte. */
static int hold_sealing(const char *path)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x100003, .l_len = 1};
    char name[PATH_SIZE];
    int fd;

    snprintf(name, sizeof name, "%s/aerial.lock", path);
    fd = open(name, O_RDWR | O_CLOEXEC);
    CHECK(fd >= 0);
    CHECK_INT(0, fcntl(fd, F_OFD_SETLK, &lock));
    return fd;
}

TEST(a_safe_commit_does_not_stand_behind_rows_that_are_not)
{
    const char *path = scene_init(10, 0);
    aer_db *full = open_with(path, AER_SYNC_FULL), *off = open_with(path, AER_SYNC_OFF);
    int sealing = hold_sealing(path);

    for (unsigned i = 0; i < 12; i++) CHECK_DB_OK(off, put_text(off, "k", "v")); /* 10 in active-0, 2 in active-1 */
    syncs.count = 0;
    CHECK_DB_OK(full, put_text(full, "k", "v"));
    CHECK(syncs_before("active-0.sq3-wal") < syncs_before("active-1.sq3-wal"));
    CHECK(syncs_before("active-1.sq3-wal") < syncs.count);
    close(sealing);
    scene_close(off);
    scene_close(full);
}

TEST(a_handle_that_does_not_sync_seals_the_rows_of_one_that_does)
{
    const char *path = scene_init(10, 0);
    aer_db *full = open_with(path, AER_SYNC_FULL), *off = open_with(path, AER_SYNC_OFF);
    char files[4][64];

    scene_fill(full, 0, 9, 1);
    syncs.count = 0;
    CHECK_DB_OK(off, aer_seal(off));
    CHECK_INT(1, scene_sealed(path, files, 4));
    CHECK(syncs_before(strrchr(files[0], '/') + 1) < syncs_before("active-0.sq3-wal"));
    CHECK(syncs_before(strrchr(files[0], '/') + 1) < syncs.count);
    scene_close(off);
    scene_close(full);
}

TEST(a_large_transaction_is_as_safe_as_it_asks_to_be)
{
    const char *path = scene_init(10, 0);
    aer_db *off = open_with(path, AER_SYNC_OFF);
    aer_txn *txn = NULL;
    char files[8][64];
    size_t count;

    syncs.count = 0;
    CHECK_DB_OK(off, aer_begin(off, AER_WRITE_FULL, &txn));
    for (unsigned i = 0; i < 30; i++) {
        char key[16], value[400];
        size_t key_size = scene_key(key, i), size = scene_value(value, i, 1);

        CHECK_DB_OK(off, aer_txn_put(txn, key, key_size, value, size));
    }
    CHECK_DB_OK(off, aer_commit(txn));
    count = scene_sealed(path, files, 8);
    CHECK_INT(3, count);
    for (size_t i = 0; i < count; i++)
        CHECK(syncs_before(strrchr(files[i], '/') + 1) < syncs_before("active-0.sq3-wal"));
    scene_close(off);
}

TEST(all_that_was_committed_is_on_disk_after_a_sync)
{
    const char *path = scene_init(10, 0);
    aer_db *off = open_with(path, AER_SYNC_OFF), *other = open_with(path, AER_SYNC_FULL);
    char files[8][64];
    unsigned before;
    size_t count;

    scene_fill(off, 0, 30, 1); /* one transaction, in buckets of its own */
    count = scene_sealed(path, files, 8);
    CHECK_INT(3, count);
    CHECK_DB_OK(other, aer_sync(other)); /* whoever asks */
    before = syncs.count;
    for (size_t i = 0; i < count; i++) CHECK(syncs_before(strrchr(files[i], '/') + 1) < before || whole_syncs > 0);
    scene_close(other);
    scene_close(off);
}

/* ---- tables ---- */

static void insert_person(aer_db *db, unsigned i)
{
    char row[64];
    int size = snprintf(row, sizeof row, "{\"name\":\"N%05u\",\"age\":%u}", i * 7919 % 100000, i);

    CHECK_DB_OK(db, aer_insert(db, "people", row, (size_t)size, NULL));
}

static aer_db *open_people(const char *path, int sync)
{
    static const aer_column columns[] = {{"name", AER_STR, AER_PK, NULL}, {"age", AER_INT, 0, NULL}};
    const aer_table_options options = {sizeof options, AER_STORAGE_FILES, columns, 2};
    const char *const age[] = {"age"};
    aer_db *db = open_with(path, sync);

    CHECK_DB_OK(db, aer_config_set(db, "index_fanout", "4"));
    CHECK_DB_OK(db, aer_close(db));
    db = open_with(path, sync);
    CHECK_DB_OK(db, aer_table_create(db, "people", &options));
    CHECK_DB_OK(db, aer_index_create(db, "people", "by_age", age, 1, 0, NULL, NULL));
    insert_person(db, 0);
    return db;
}

/* Splits and new roots included: with four entries a node there are hundreds. */
TEST(an_insert_of_mode_full_costs_one_sync)
{
    aer_db *db = open_people(scene_init(1000, 0), AER_SYNC_FULL);

    for (unsigned i = 1; i < 200; i++) {
        syncs.count = 0;
        insert_person(db, i);
        CHECK_INT(whole_syncs == 0 ? 1 : syncs.count, syncs.count); /* a checkpoint may come in between, on a slow machine */
        CHECK(syncs.count >= 1);
    }
    CHECK_DB_OK(db, aer_close(db));
}

TEST(keys_and_tables_of_mode_normal_reach_the_disk_in_the_order_of_their_commits)
{
    const char *path = scene_init(1000, 0);
    aer_db *db = open_people(path, AER_SYNC_NORMAL);

    CHECK_DB_OK(db, aer_put(db, "k", 1, "v", 1));
    CHECK_DB_OK(db, aer_close(db));
    db = open_with(path, AER_SYNC_FULL);
    insert_person(db, 1);
    /* A key of mode normal, then a row of mode full: the key's file is synced, and before the journal. */
    {
        aer_txn *txn;
        CHECK_DB_OK(db, aer_begin(db, AER_WRITE_NORMAL, &txn));
        CHECK_DB_OK(db, aer_txn_put(txn, "k", 1, "w", 1));
        CHECK_DB_OK(db, aer_commit(txn));
        syncs.count = 0;
        insert_person(db, 2);
        CHECK(syncs_before("active-0.sq3-wal") < syncs.count);
        CHECK(syncs_before("active-0.sq3-wal") < syncs_before("aerial.sq3-wal"));
    }
    /* Files are changed only when the journal is on disk, in mode normal too; in mode off it need not be. */
    for (int off = 0; off < 2; off++) {
        char row[32];
        int size = snprintf(row, sizeof row, "{\"name\":\"Z%d\"}", off);
        aer_txn *txn;
        CHECK_DB_OK(db, aer_begin(db, off ? AER_WRITE_OFF : AER_WRITE_NORMAL, &txn));
        CHECK_DB_OK(db, aer_txn_insert(txn, "people", row, (size_t)size, NULL));
        syncs.count = 0;
        CHECK_DB_OK(db, aer_commit(txn));
        CHECK(off ? syncs.count == 0 : syncs_before("aerial.sq3-wal") < syncs.count);
    }
    /* What mode off has left there is synced before the next key. */
    syncs.count = 0;
    CHECK_DB_OK(db, aer_put(db, "k", 1, "x", 1));
    CHECK(syncs_before("aerial.sq3-wal") < syncs.count);
    CHECK(syncs_before("aerial.sq3-wal") < syncs_before("active-0.sq3-wal"));
    CHECK_DB_OK(db, aer_close(db));
}

/* A row that is deleted is gone from the disk at the file system's next commit. Without the journal it would be missing after a power
 * cut, in a state that never was. */
TEST(the_journal_is_on_disk_before_a_file_is_changed_in_mode_normal_too)
{
    aer_db *db = open_people(scene_init(1000, 0), AER_SYNC_NORMAL);

    for (unsigned i = 1; i < 20; i++) {
        syncs.count = 0;
        insert_person(db, i);
        CHECK(syncs_before("aerial.sq3-wal") < syncs.count);
    }
    CHECK_DB_OK(db, aer_close(db));
}
