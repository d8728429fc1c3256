/* image.c -- databases as one piece of memory: made, taken from a file, opened, copied into a file.
 *
 * An image is the bytes of a database file in rollback mode. Bytes 18 and 19 of the header say which mode a reader is to
 * use; an image taken from a WAL database says 2, and no reader could open that file in a directory it cannot write, so
 * both become 1 ("legacy"). Nothing else in the file depends on the mode.
 *
 * sqlite3_serialize fills pages that it fails to read with zeros and reports success (3.40 memdb.c). Memory cannot fail that
 * way, files can; so the content of a file goes through sqlite3_backup, which reports errors, into memory first.
 *
 * A block is a database in SQLite's VFS "memdb": one piece of memory, which can be read where it is. In ":memory:" a
 * database is pages in a cache, and its image always a second copy; but only that can take the content of a WAL database.
 *
 * Must not know: which tables are in there.
 */
#include "sqlite/setup.h"

#include <assert.h>

#define IN_MEMORY "database in memory"

/* A new database's block. Generous, since pages never touched cost nothing, and a block that needs not grow is never copied
 * to a larger one: both at once would be three times a bucket of the usual 16 MiB. */
#define ROOM ((size_t)34 << 20)

static int open_memory(sqlite3 **db, struct err *err)
{
    int rc;

    rc = sqlite3_open_v2(":memory:", db,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
    if (rc) {
        rc = aer__sq_err(err, *db, aer__sq_why(*db, rc), IN_MEMORY);
        goto out;
    }
    sqlite3_extended_result_codes(*db, 1);
    rc = aer__sq_setup(*db, IN_MEMORY, err);
out:
    if (rc) {
        aer__sq_close(*db);
        *db = NULL;
    }
    return rc;
}

int aer__sq_open_memory(sqlite3 **db, struct err *err)
{
    int rc;

    *db = NULL;
    rc = open_memory(db, err);
    if (rc) return rc;
    rc = aer__sq_shape(*db, IN_MEMORY, err);
    if (rc) {
        aer__sq_close(*db);
        *db = NULL;
    }
    return rc;
}

int aer__sq_overwrite(sqlite3 *db, const char *name, sqlite3 *src, struct err *err)
{
    sqlite3_backup *backup;
    int rc;

    backup = sqlite3_backup_init(db, "main", src, "main");
    if (!backup) return aer__sq_err(err, db, sqlite3_extended_errcode(db), name);
    rc = sqlite3_backup_step(backup, -1);
    if (rc == SQLITE_DONE) rc = sqlite3_backup_finish(backup);
    else sqlite3_backup_finish(backup);
    return rc ? aer__sq_err(err, db, rc, name) : AER_OK;
}

/* A memory database's bytes, with the mode set; a copy, or (SQLITE_SERIALIZE_NOCOPY) where they are. */
static int serialize(sqlite3 *db, const char *name, unsigned flags, unsigned char **image, size_t *size, struct err *err)
{
    sqlite3_int64 bytes = 0;
    int64_t pages;
    int rc;

    rc = aer__sq_int(db, name, "PRAGMA page_count", &pages, err);
    if (rc) return rc;
    if (pages == 0) { /* nothing was ever written; a write transaction makes the first page */
        rc = aer__sq_exec(db, name, "BEGIN IMMEDIATE; COMMIT", err);
        if (rc) return rc;
    }
    *image = sqlite3_serialize(db, "main", &bytes, flags);
    if (!*image) {
        if (sqlite3_errcode(db) == SQLITE_OK || bytes > 0) return aer__err_nomem(err);
        return aer__sq_err(err, db, sqlite3_extended_errcode(db), name);
    }
    if (bytes < 512) {
        if (!(flags & SQLITE_SERIALIZE_NOCOPY)) sqlite3_free(*image);
        *image = NULL;
        return aer__err_set(err, AER_CORRUPT, "'%s' is cut short", name);
    }
    *size = (size_t)bytes;
    (*image)[18] = 1;
    (*image)[19] = 1;
    return AER_OK;
}

static bool is_in_memory(sqlite3 *db)
{
    const char *path = sqlite3_db_filename(db, "main");

    return !path || path[0] == '\0';
}

int aer__sq_image(sqlite3 *db, const char *name, unsigned char **image, size_t *size, struct err *err)
{
    sqlite3 *copy = NULL;
    int rc;

    *image = NULL;
    *size = 0;
    if (is_in_memory(db)) return serialize(db, name, 0, image, size, err);
    assert(sqlite3_txn_state(db, "main") != SQLITE_TXN_WRITE); /* the backup would wait for ourselves */
    rc = aer__sq_open_memory(&copy, err);
    if (rc) return rc;
    rc = aer__sq_overwrite(copy, name, db, err);
    if (!rc) rc = serialize(copy, name, 0, image, size, err);
    aer__sq_close(copy);
    return rc;
}

int aer__sq_image_in_place(sqlite3 *db, const char *name, const unsigned char **image, size_t *size, struct err *err)
{
    unsigned char *bytes = NULL;
    int rc;

    /* A block that was deserialized has a file name of SQLite's making, so is_in_memory() cannot be asserted here. */
    *size = 0;
    rc = serialize(db, name, SQLITE_SERIALIZE_NOCOPY, &bytes, size, err);
    *image = bytes;
    return rc;
}

/* An image in a block with room for more. */
static int open_block(unsigned char *image, size_t size, size_t room, sqlite3 **db, struct err *err)
{
    const unsigned flags = SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE;
    sqlite3_int64 limit;
    int rc;

    *db = NULL;
    rc = open_memory(db, err);
    if (rc) {
        sqlite3_free(image);
        return rc;
    }
    rc = sqlite3_deserialize(*db, "main", image, (sqlite3_int64)size, (sqlite3_int64)room, flags); /* frees image if it fails */
    if (rc) {
        /* Its plain SQLITE_ERROR hides why; into a new database in memory there is one reason (3.40 memdb.c). */
        rc = rc == SQLITE_ERROR ? aer__err_nomem(err) : aer__sq_err(err, *db, rc, IN_MEMORY);
        aer__sq_close(*db);
        *db = NULL;
        return rc;
    }
    /* Images are bounded by what is read into memory, not by SQLite's default of 1 GiB. */
    limit = INT64_MAX;
    sqlite3_file_control(*db, "main", SQLITE_FCNTL_SIZE_LIMIT, &limit);
    return AER_OK;
}

int aer__sq_open_image(unsigned char *image, size_t size, sqlite3 **db, struct err *err)
{
    return open_block(image, size, size, db, err);
}

int aer__sq_open_block(sqlite3 **db, struct err *err)
{
    unsigned char *block;
    int rc;

    block = sqlite3_initialize() == SQLITE_OK ? sqlite3_malloc64(ROOM) : NULL;
    *db = NULL;
    if (!block) return aer__err_nomem(err);
    rc = open_block(block, 0, ROOM, db, err);
    if (rc) return rc;
    rc = aer__sq_shape(*db, IN_MEMORY, err);
    if (rc) {
        aer__sq_close(*db);
        *db = NULL;
    }
    return rc;
}
