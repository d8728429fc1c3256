/* test_error.c -- tests src/sqlite/error.c. */
#include "helpers.h"
#include "testing.h"

#include <errno.h>
#include <string.h>

TEST(each_result_of_sqlite_has_our_code)
{
    static const struct {
        int sqlite, ours;
    } cases[] = {
        {SQLITE_OK, AER_OK},
        {SQLITE_ROW, AER_OK},
        {SQLITE_DONE, AER_OK},
        {SQLITE_FULL, AER_FULL},
        {SQLITE_NOMEM, AER_NOMEM},
        {SQLITE_IOERR_NOMEM, AER_NOMEM},
        {SQLITE_BUSY, AER_BUSY},
        {SQLITE_BUSY_SNAPSHOT, AER_BUSY},
        {SQLITE_BUSY_RECOVERY, AER_BUSY},
        {SQLITE_LOCKED, AER_BUSY},
        {SQLITE_PROTOCOL, AER_BUSY},
        {SQLITE_CORRUPT, AER_CORRUPT},
        {SQLITE_CORRUPT_INDEX, AER_CORRUPT},
        {SQLITE_NOTADB, AER_CORRUPT},
        {SQLITE_CANTOPEN_SYMLINK, AER_CORRUPT},
        {SQLITE_READONLY, AER_READONLY},
        {SQLITE_READONLY_CANTINIT, AER_READONLY},
        {SQLITE_READONLY_DBMOVED, AER_READONLY},
        {SQLITE_PERM, AER_PERM},
        {SQLITE_IOERR, AER_IO},
        {SQLITE_IOERR_FSYNC, AER_IO},
        {SQLITE_CANTOPEN, AER_IO},
        {SQLITE_ERROR, AER_IO},
        {SQLITE_MISUSE, AER_IO},
        {SQLITE_TOOBIG, AER_IO},
        {SQLITE_INTERRUPT, AER_IO},
    };
    size_t i;

    for (i = 0; i < AER_COUNT(cases); i++) CHECK_INT(cases[i].ours, aer__sq_code(cases[i].sqlite));
}

TEST(without_a_connection_the_message_is_sqlites_general_one)
{
    struct err err = {0};

    CHECK_RC(AER_CORRUPT, aer__sq_err(&err, NULL, SQLITE_NOTADB, "b.sq3"));
    CHECK_STR("'b.sq3': file is not a database", err.message);
    CHECK_RC(AER_IO, aer__sq_err(NULL, NULL, SQLITE_OK, "b.sq3"));
}

TEST(the_message_names_the_file_and_what_sqlite_says)
{
    struct err err = {0};
    sqlite3 *db;

    CHECK_OK(aer__sq_open_memory(&db, ERR));
    CHECK_RC(AER_IO, aer__sq_exec(db, "b.sq3", "SELECT * FROM bucket", &err));
    CHECK_STR("'b.sq3': no such table: bucket", err.message);
    aer__sq_close(db);
}

TEST(why_a_file_cannot_be_opened_is_told_apart)
{
    static const struct {
        int error, code;
    } cases[] = {{EACCES, AER_PERM}, {EROFS, AER_READONLY}, {EMFILE, AER_IO},
                 {ENFILE, AER_IO},   {ENOSPC, AER_FULL},    {EIO, AER_IO}};
    int dir = scratch_dir();
    size_t i;

    aer__sq_close(make_db(dir, "a.sq3", 1));
    for (i = 0; i < AER_COUNT(cases); i++) {
        struct err err = {0};
        int64_t value;
        sqlite3 *db;
        int rc;

        fail_calls("open", 1, cases[i].error, NULL);
        rc = try_open(dir, "a.sq3", SQ_READWRITE, &db, &err);
        restore_calls();
        CHECK_INT(cases[i].code, rc);
        CHECK(db == NULL);
        CHECK(strstr(err.message, strerror(cases[i].error)) != NULL);

        /* The same for its -wal, which is opened only when something is read. */
        aer__err_clear(&err);
        db = open_db(dir, "a.sq3", SQ_READWRITE);
        fail_calls("open", 1, cases[i].error, "-wal");
        rc = aer__sq_int(db, "a.sq3", "SELECT count(*) FROM t", &value, &err);
        restore_calls();
        CHECK_INT(cases[i].code, rc);
        aer__sq_close(db);
    }
}

TEST(a_full_disk_is_full_however_the_system_says_it)
{
    static const struct {
        int error, code;
    } cases[] = {{ENOSPC, AER_FULL}, {EDQUOT, AER_FULL}, {EIO, AER_IO}};
    size_t i;

    for (i = 0; i < AER_COUNT(cases); i++) {
        int dir = scratch_dir();
        sqlite3 *db = make_db(dir, "a.sq3", 10);
        struct err err = {0};
        int rc;

        fail_calls("pwrite64", 1, cases[i].error, NULL);
        rc = aer__sq_exec(db, "a.sq3", "INSERT INTO t VALUES(11, 110)", &err);
        restore_calls();
        CHECK_INT(cases[i].code, rc);
        CHECK(strstr(err.message, "a.sq3") != NULL);
        CHECK_INT(10, number(db, "SELECT count(*) FROM t"));
        run(db, "INSERT INTO t VALUES(11, 110)"); /* space is back */
        aer__sq_close(db);
    }
}
