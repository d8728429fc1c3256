/* test_gap.c -- rows are missing between the two active files: nothing is written over the gap. */
#include <aerials.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "scene.h"
#include "testing.h"

static const char *path;

/* While the descriptor is open nobody seals: see docs/format.md for the byte. */
static int hold_sealing(void)
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

static void fill_both_and_die(void *arg)
{
    aer_db *db = scene_open(path, NULL);
    char key[16];

    (void)arg;
    (void)hold_sealing();
    for (int i = 1; i <= 15; i++) {
        snprintf(key, sizeof key, "k%d", i);
        CHECK_DB_OK(db, put_text(db, key, "old"));
    }
    CHECK_DB_OK(db, put_text(db, "k", "old"));
    _exit(0);
}

TEST(nothing_is_written_into_a_gap_before_rows_that_are_there)
{
    aer_db *db;

    path = scene_init(10, 0);
    scene_child(fill_both_and_die, NULL);
    CHECK_INT(10, scene_sql(path, "bucketroot/active-0.sq3", "SELECT max(seq) FROM bucket"));
    scene_sql(path, "bucketroot/active-0.sq3", "DELETE FROM bucket WHERE seq > 7");
    db = scene_open(path, NULL);
    check_text(db, "k7", "old");
    CHECK_DB_RC(db, AER_CORRUPT, put_text(db, "k", "new"));
    CHECK(strstr(aer_errmsg(db), "rows from 8 on are missing"));
    check_text(db, "k7", "old");
    aer_close(db);
}
