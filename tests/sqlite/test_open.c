/* test_open.c -- tests src/sqlite/open.c and src/sqlite/setup.c. */
#include "helpers.h"
#include "testing.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- connections in general ---- */

TEST(a_new_database_has_pages_of_4096_with_8_reserved_bytes)
{
    int dir = scratch_dir();
    sqlite3 *db = make_db(dir, "new.sq3", 3);
    unsigned char header[100];
    int fd, left;

    CHECK_OK(aer__sq_checkpoint(db, "new.sq3", true, &left, ERR));
    CHECK_OK(aer__fs_open_read(dir, "new.sq3", &fd, NULL, ERR));
    CHECK_OK(aer__fs_pread(fd, "new.sq3", header, sizeof header, 0, ERR));
    CHECK_INT(4096, header[16] << 8 | header[17]);
    CHECK_INT(8, header[20]);
    CHECK_INT(2, header[18]);
    aer__fs_close(fd);
    aer__sq_close(db);
    db = open_db(dir, "new.sq3", SQ_CREATE); /* one that is there stays as it is */
    CHECK_INT(3, number(db, "SELECT count(*) FROM t"));
    aer__sq_close(db);
}

TEST(every_connection_is_hardened)
{
    static const int modes[] = {SQ_CREATE, SQ_READWRITE, SQ_READONLY, SQ_FROZEN};
    int dir = scratch_dir();
    size_t i;

    aer__sq_close(make_db(dir, "a.sq3", 3));
    for (i = 0; i < AER_COUNT(modes); i++) {
        sqlite3 *db = open_db(dir, "a.sq3", modes[i]);
        int on;

        CHECK_INT(1, number(db, "PRAGMA cell_size_check"));
        CHECK_INT(0, number(db, "PRAGMA mmap_size"));
        CHECK_INT(0, number(db, "PRAGMA wal_autocheckpoint"));
        CHECK_INT(0, number(db, "PRAGMA trusted_schema"));
        CHECK_INT(SQLITE_OK, sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, -1, &on));
        CHECK_INT(1, on);
        CHECK_INT(SQLITE_OK, sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, -1, &on));
        CHECK_INT(0, on);
        CHECK_INT(SQLITE_OK, sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, -1, &on));
        CHECK_INT(0, on);
        CHECK_INT(SQLITE_OK, sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, -1, &on));
        CHECK_INT(1, on);
        CHECK_INT(3, number(db, "SELECT count(*) FROM t"));
        aer__sq_close(db);
    }
}

TEST(views_and_triggers_of_a_file_do_not_run)
{
    int dir = scratch_dir();
    sqlite3 *db = make_db(dir, "a.sq3", 3);
    int64_t value;

    run(db, "CREATE VIEW v AS SELECT * FROM t; CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t; END");
    CHECK(aer__sq_int(db, "a.sq3", "SELECT count(*) FROM v", &value, ERR) != AER_OK);
    run(db, "INSERT INTO t VALUES(100, 1)");
    CHECK_INT(4, number(db, "SELECT count(*) FROM t"));
    CHECK(aer__sq_exec(db, "a.sq3", "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema", ERR) != AER_OK);
    aer__sq_close(db);
}

TEST(closing_leaves_the_wal)
{
    int dir = scratch_dir();
    sqlite3 *db = make_db(dir, "a.sq3", 3), *reader = open_db(dir, "a.sq3", SQ_READONLY);

    CHECK_INT(3, number(reader, "SELECT count(*) FROM t"));
    aer__sq_close(db);
    aer__sq_close(reader);
    CHECK_INT(FS_FILE, aer__fs_kind(dir, "a.sq3-wal"));
    aer__sq_close(NULL);
}

TEST(what_is_no_plain_file_is_refused)
{
    static const char *const bad[] = {"none.sq3", "fifo", "sub", "link.sq3", "dirlink/a.sq3"};
    static const int modes[] = {SQ_READWRITE, SQ_READONLY, SQ_FROZEN};
    int dir = scratch_dir();
    sqlite3 *db = NULL;
    size_t i, k;

    CHECK_OK(aer__fs_mkdir(dir, "sub", false, ERR));
    aer__sq_close(make_db(dir, "sub/a.sq3", 1));
    CHECK_INT(0, symlinkat("sub/a.sq3", dir, "link.sq3"));
    CHECK_INT(0, symlinkat("sub", dir, "dirlink"));
    CHECK_INT(0, mkfifoat(dir, "fifo", 0644));
    for (i = 0; i < AER_COUNT(bad); i++) {
        for (k = 0; k < AER_COUNT(modes); k++) {
            struct err err = {0};

            CHECK_RC(AER_CORRUPT, try_open(dir, bad[i], modes[k], &db, &err));
            CHECK(db == NULL);
            CHECK(strstr(err.message, bad[i]) != NULL);
        }
    }
    CHECK_ENTRIES(dir, 4);
}

TEST(a_path_too_long_for_sqlite_is_explained)
{
    struct err err = {0};
    char name[600] = "";
    int dir = scratch_dir();
    sqlite3 *db;
    int i;

    for (i = 0; i < 5; i++)
        strcat(name,
               "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789/");
    strcat(name, "a.sq3");
    CHECK_RC(AER_IO, try_open(dir, name, SQ_CREATE, &db, &err));
    CHECK(strstr(err.message, "too long for SQLite") != NULL);
}

TEST(what_is_no_database_shows_in_the_first_statement)
{
    struct err err = {0};
    int dir = scratch_dir();
    int64_t value;
    sqlite3 *db;

    CHECK_OK(aer__fs_create(dir, "a.sq3", "These are not the bytes of a database, though they are many.", 60, 0644,
                            false, ERR));
    db = open_db(dir, "a.sq3", SQ_READWRITE);
    CHECK_RC(AER_CORRUPT, aer__sq_int(db, "a.sq3", "SELECT count(*) FROM t", &value, &err));
    CHECK(strstr(err.message, "'a.sq3'") != NULL);
    aer__sq_close(db);
}

TEST(a_reader_does_not_write)
{
    int dir = scratch_dir();
    sqlite3 *db;

    aer__sq_close(make_db(dir, "a.sq3", 3));
    CHECK_OK(aer__fs_unlink(dir, "a.sq3-shm", ERR)); /* as after a copy: the reader makes a new one from the -wal */
    db = open_db(dir, "a.sq3", SQ_READONLY);
    CHECK_INT(3, number(db, "SELECT count(*) FROM t"));
    CHECK_RC(AER_READONLY, aer__sq_exec(db, "a.sq3", "DELETE FROM t", ERR));
    aer__sq_close(db);
}

/* ---- frozen ---- */

static char listing[4096];

static int add_name(void *arg, const char *path, int kind, uint64_t size)
{
    size_t used = strlen(listing);

    (void)arg;
    snprintf(listing + used, sizeof listing - used, "%s %d %llu\n", path, kind, (unsigned long long)size);
    return 0;
}

static void list(int dir)
{
    listing[0] = '\0';
    CHECK_OK(aer__fs_walk(dir, "", add_name, NULL, ERR));
}

/* Opened frozen, the database has so many rows, cannot be written, and nothing in the directory changes. */
static void check_frozen(int dir, const char *name, int rows)
{
    char before[sizeof listing];
    sqlite3 *db;

    list(dir);
    memcpy(before, listing, sizeof before);
    db = open_db(dir, name, SQ_FROZEN);
    CHECK_INT(rows, number(db, "SELECT count(*) FROM t"));
    CHECK_INT(1, number(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"));
    CHECK_RC(AER_READONLY, aer__sq_exec(db, name, "DELETE FROM t", ERR));
    list(dir);
    CHECK_STR(before, listing);
    aer__sq_close(db);
    list(dir);
    CHECK_STR(before, listing);
}

/* with-wal.sq3 has 5 rows, 2 of them only in its -wal; without.sq3 has 3 and no -wal; empty.sq3 has 4 and an empty one. */
static int frozen_files(void)
{
    int dir = scratch_dir();
    sqlite3 *db;
    int left;

    db = make_db(dir, "with-wal.sq3", 3);
    CHECK_OK(aer__sq_checkpoint(db, "db", true, &left, ERR));
    run(db, "INSERT INTO t VALUES(4, 40), (5, 50)");
    aer__sq_close(db);
    CHECK_OK(aer__fs_unlink(dir, "with-wal.sq3-shm", ERR));

    db = make_db(dir, "without.sq3", 3);
    CHECK_OK(aer__sq_checkpoint(db, "db", true, &left, ERR));
    aer__sq_close(db);
    CHECK_OK(aer__fs_unlink(dir, "without.sq3-shm", ERR));
    CHECK_OK(aer__fs_unlink(dir, "without.sq3-wal", ERR));

    db = make_db(dir, "empty.sq3", 4);
    CHECK_OK(aer__sq_checkpoint(db, "db", true, &left, ERR));
    aer__sq_close(db);
    CHECK_OK(aer__fs_unlink(dir, "empty.sq3-shm", ERR));
    return dir;
}

static void check_all_frozen(int dir)
{
    check_frozen(dir, "with-wal.sq3", 5);
    check_frozen(dir, "without.sq3", 3);
    check_frozen(dir, "empty.sq3", 4);
}

TEST(frozen_reads_all_that_was_committed_and_makes_nothing)
{
    check_all_frozen(frozen_files());
}

TEST(frozen_works_while_a_shm_file_lies_there)
{
    int dir = scratch_dir();

    aer__sq_close(make_db(dir, "a.sq3", 7));
    CHECK_INT(FS_FILE, aer__fs_kind(dir, "a.sq3-shm"));
    check_frozen(dir, "a.sq3", 7);
}

TEST(frozen_reads_a_wal_whose_frames_are_old)
{
    int dir = scratch_dir();
    sqlite3 *db = make_db(dir, "a.sq3", 7);
    int left;

    /* All copied, file kept long, begun anew with one short commit: the rest of its frames is stale. */
    CHECK_OK(aer__sq_checkpoint(db, "a.sq3", false, &left, ERR));
    CHECK_INT(0, left);
    run(db, "INSERT INTO t VALUES(8, 80)");
    aer__sq_close(db);
    check_frozen(dir, "a.sq3", 8);
}

TEST(frozen_takes_every_character_of_a_path_as_a_name)
{
    static const char *const names[] = {"a?b.sq3", "a#b.sq3", "a%41.sq3", "a b&c=d.sq3", "?mode=rw", "\xc3\xa4\n.sq3"};
    int dir = scratch_dir();
    size_t i;

    for (i = 0; i < AER_COUNT(names); i++) {
        char beside[64];
        sqlite3 *db = make_db(dir, names[i], (int)i + 1);
        int left;

        snprintf(beside, sizeof beside, "%s-wal", names[i]);
        aer__sq_close(db);
        check_frozen(dir, names[i], (int)i + 1);
        db = open_db(dir, names[i], SQ_READWRITE);
        CHECK_OK(aer__sq_checkpoint(db, names[i], true, &left, ERR));
        aer__sq_close(db);
        CHECK_OK(aer__fs_unlink(dir, beside, ERR));
        check_frozen(dir, names[i], (int)i + 1);
    }
}

/* Run fn in a child; 77 is for "could not be tried". */
static int in_child(void (*fn)(int dir), int dir)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        fn(dir);
        _exit(0);
    }
    CHECK_INT(child, waitpid(child, &status, 0));
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void as_nobody(int dir)
{
    struct err err = {0};
    int64_t value;
    sqlite3 *db;
    int rc;

    if (geteuid() == 0 && (setgroups(0, NULL) || setgid(65534) || setuid(65534))) _exit(77);
    CHECK(!aer__fs_writable(dir));
    check_all_frozen(dir);
    CHECK_RC(AER_PERM, aer__fs_create(dir, "x", "", 0, 0644, false, ERR));
    /* Reading as if one could write: an error, and no wrong answer. */
    rc = try_open(dir, "with-wal.sq3", SQ_READONLY, &db, &err);
    if (!rc) rc = aer__sq_int(db, "db", "SELECT count(*) FROM t", &value, &err);
    CHECK(rc != AER_OK);
    aer__sq_close(db);
}

TEST(frozen_works_without_any_permission_to_write)
{
    int dir = frozen_files();

    CHECK_INT(0, fchmod(dir, 0555));
    CHECK_INT(0, in_child(as_nobody, dir));
    CHECK_INT(0, fchmod(dir, 0755));
}

static void on_read_only_mount(int dir)
{
    int there;
    (void)dir;

    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) _exit(77);
    if (mount(scratch_path(), scratch_path(), NULL, MS_BIND, NULL)) _exit(77);
    if (mount(NULL, scratch_path(), NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL)) _exit(77);
    CHECK_OK(aer__fs_open_dir(scratch_path(), &there, ERR));
    CHECK(!aer__fs_writable(there));
    check_all_frozen(there);
    CHECK_RC(AER_READONLY, aer__fs_create(there, "x", "", 0, 0644, false, ERR));
}

TEST(frozen_works_on_a_read_only_mount)
{
    int dir = frozen_files();
    int code = in_child(on_read_only_mount, dir);

    if (code == 77) printf("skipped: this process may not mount\n");
    else CHECK_INT(0, code);
}
