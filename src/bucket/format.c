/* format.c -- the template of every bucket file, and its table bucket_info through SQLite.
 *
 * For: image.c and active.c, which make files; sealed_fallback.c, which reads strange ones.
 * Must not know: rows.
 *
 * An active file is the template with rows in it; id and first_seq come with its first rows. Sealing fills in
 * last_seq, rows and a checksum over the whole table, so that a sealed file without one of them is not sealed but a copy of
 * an active file.
 */
#include "bucket/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *const aer__bucket_info_names[INFO_COUNT] = {"format",   "database",   "id",   "first_seq",
                                                        "last_seq", "generation", "rows", "sum"};

#define FULL_SET ((1u << INFO_COUNT) - 1)

static bool take_text(char *to, size_t room, const char *text, size_t text_size)
{
    if (!text || text_size != room - 1 || memchr(text, 0, text_size)) return false;
    memcpy(to, text, text_size);
    to[text_size] = 0;
    return true;
}

bool aer__info_take(struct info_raw *raw, const char *name, size_t name_size, const char *text, size_t text_size, int64_t number)
{
    int i;

    for (i = 0; i < INFO_COUNT; i++)
        if (strlen(aer__bucket_info_names[i]) == name_size && memcmp(name, aer__bucket_info_names[i], name_size) == 0)
            break;
    if (i == INFO_COUNT) return true; /* not ours to judge: a later version may add names */
    if (raw->seen & (1u << i)) return false;
    raw->seen |= 1u << i;
    if (i == INFO_DATABASE) return take_text(raw->info.database, sizeof raw->info.database, text, text_size);
    if (i == INFO_ID)
        return take_text(raw->info.id, sizeof raw->info.id, text, text_size) && aer__layout_id_ok(raw->info.id);
    if (text) return false;
    if (i == INFO_SUM) raw->sum = (uint64_t)number;
    else if (number < 0) return false;
    else if (i == INFO_FORMAT) raw->format = number;
    else if (i == INFO_FIRST) raw->info.first_seq = (uint64_t)number;
    else if (i == INFO_LAST) raw->info.last_seq = (uint64_t)number;
    else if (i == INFO_GENERATION) raw->info.generation = (uint64_t)number;
    else raw->rows = (uint64_t)number;
    return true;
}

uint64_t aer__info_sum(const struct bucket_info *info, uint64_t rows)
{
    char text[160];
    int size;

    size = snprintf(text, sizeof text, "%d %s %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, AER_FORMAT_VERSION,
                    info->database, info->id, info->first_seq, info->last_seq, info->generation, rows);
    return aer__hash(text, (size_t)size);
}

int aer__info_check(const struct info_raw *raw, const char *name, struct err *err)
{
    uint64_t range = raw->info.last_seq - raw->info.first_seq + 1;

    if (raw->seen != FULL_SET) return aer__err_set(err, AER_CORRUPT, "%s: bucket_info is not complete", name);
    if (raw->format != AER_FORMAT_VERSION || raw->sum != aer__info_sum(&raw->info, raw->rows))
        return aer__err_set(err, AER_CORRUPT, "%s: the checksum of bucket_info does not match", name);
    /* An empty range (last = first - 1) is that of a bucket whose rows a compaction dropped. */
    if (raw->info.first_seq < 1 || raw->info.last_seq > INT64_MAX || raw->info.last_seq < raw->info.first_seq - 1 ||
        raw->rows > range)
        return aer__err_set(err, AER_CORRUPT, "%s: bucket_info has an impossible range", name);
    return AER_OK;
}

int aer__info_belongs(const struct bucket_info *info, const char *name, const char *database, const char *id, struct err *err)
{
    if (database && strcmp(info->database, database) != 0)
        return aer__err_set(err, AER_CORRUPT, "%s: belongs to another database (%s)", name, info->database);
    if (strcmp(info->id, id) != 0) return aer__err_set(err, AER_CORRUPT, "%s: says it is bucket %s", name, info->id);
    return AER_OK;
}

int aer__bucket_template(const char *database, sqlite3 **db, struct err *err)
{
    char sql[1024];
    int rc;

    rc = aer__sq_open_block(db, err);
    if (rc) return rc;
    /* The database identifier is ours and 32 hex digits, so it may stand in the text; its NULL rows are filled in later. */
    snprintf(sql, sizeof sql,
             "PRAGMA journal_mode = OFF; PRAGMA application_id = %d; PRAGMA user_version = %d; %s; %s;"
             "INSERT INTO bucket_info VALUES('format', %d), ('database', '%.32s'), ('id', NULL), ('first_seq', NULL), "
             "('last_seq', NULL),"
             " ('generation', 0), ('rows', NULL), ('sum', NULL), ('synced', 0)",
             BUCKET_APPLICATION_ID, AER_FORMAT_VERSION, BUCKET_SCHEMA, BUCKET_INFO_SCHEMA, AER_FORMAT_VERSION, database);
    rc = aer__sq_exec(*db, "a new bucket", sql, err);
    if (rc) {
        aer__sq_close(*db);
        *db = NULL;
    }
    return rc;
}

/* Is the I-th row of sqlite_schema, in order of name, the table we expect? */
static bool schema_row_ok(sqlite3_stmt *stmt, int i)
{
    const char *name = i == 0 ? "bucket" : "bucket_info";
    const char *want[4] = {"table", name, name, i == 0 ? BUCKET_SCHEMA : BUCKET_INFO_SCHEMA};
    int c;

    if (i > 1) return false;
    for (c = 0; c < 4; c++) {
        const char *text = (const char *)sqlite3_column_text(stmt, c);

        if (!text || (size_t)sqlite3_column_bytes(stmt, c) != strlen(want[c]) || strcmp(text, want[c]) != 0)
            return false;
    }
    return true;
}

static int check_schema(sqlite3 *db, const char *name, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rows = 0;
    int rc, step;

    rc = aer__sq_prepare(db, name, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name", &stmt, err);
    if (rc) return rc;
    while ((step = sqlite3_step(stmt)) == SQLITE_ROW)
        if (!schema_row_ok(stmt, rows++)) break;
    if (step == SQLITE_ROW && aer__sq_column_nomem(stmt)) rc = aer__err_nomem(err);
    else if (step == SQLITE_ROW || (step == SQLITE_DONE && rows != 2))
        rc = aer__err_set(err, AER_CORRUPT, "%s: is not a bucket: its tables are not those of a bucket", name);
    else if (step != SQLITE_DONE) rc = aer__sq_err(err, db, step, name);
    sqlite3_finalize(stmt);
    return rc;
}

int aer__bucket_check(sqlite3 *db, const char *name, struct err *err)
{
    int64_t application = 0, version = 0, format = 0;
    int rc;

    rc = aer__sq_int(db, name, "PRAGMA application_id", &application, err);
    if (!rc) rc = aer__sq_int(db, name, "PRAGMA user_version", &version, err);
    if (rc) return rc;
    if (application != BUCKET_APPLICATION_ID) return aer__err_set(err, AER_CORRUPT, "%s: is not a bucket", name);
    if (version > AER_FORMAT_VERSION) {
        /* Two places must agree, or one flipped bit would pass for a message from the future. bucket_info keeps its form in all versions. */
        if (aer__sq_int(db, name, "SELECT value FROM bucket_info WHERE name = 'format'", &format, NULL) == AER_OK &&
            format == version)
            return aer__err_set(err, AER_NEWER, "%s: has format %lld, and this library reads %d", name,
                                (long long)version, AER_FORMAT_VERSION);
    }
    if (version != AER_FORMAT_VERSION)
        return aer__err_set(err, AER_CORRUPT, "%s: is not a bucket: its header says format %lld", name, (long long)version);
    return check_schema(db, name, err);
}

int aer__info_read(sqlite3 *db, const char *name, struct info_raw *raw, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    bool good = true, starved = false;
    int rc, step = SQLITE_DONE;

    *raw = (struct info_raw){0};
    rc = aer__sq_prepare(db, name, "SELECT name, value FROM bucket_info", &stmt, err);
    if (rc) return rc;
    while (good && !starved && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
        int type = sqlite3_column_type(stmt, 1);
        const char *key = (const char *)sqlite3_column_text(stmt, 0);
        const char *text = type == SQLITE_TEXT ? (const char *)sqlite3_column_text(stmt, 1) : NULL;

        starved = aer__sq_column_nomem(stmt);
        if (type == SQLITE_NULL) continue;
        good = key && (text || type == SQLITE_INTEGER) &&
               aer__info_take(raw, key, (size_t)sqlite3_column_bytes(stmt, 0), text,
                              (size_t)sqlite3_column_bytes(stmt, 1), sqlite3_column_int64(stmt, 1));
    }
    if (starved) rc = aer__err_nomem(err);
    else if (!good) rc = aer__err_set(err, AER_CORRUPT, "%s: bucket_info holds what is never written", name);
    else if (step != SQLITE_DONE) rc = aer__sq_err(err, db, step, name);
    sqlite3_finalize(stmt);
    return rc;
}

int aer__info_finish(sqlite3 *db, const char *name, const struct bucket_info *info, uint64_t *rows, struct err *err)
{
    char sql[1024];
    int64_t count = 0;
    int rc;

    rc = aer__sq_int(db, name, "SELECT count(*) FROM bucket", &count, err);
    if (rc) return rc;
    *rows = (uint64_t)count;
    snprintf(sql, sizeof sql,
             "DELETE FROM bucket_info WHERE name = 'synced';"
             "REPLACE INTO bucket_info VALUES('id', '%s'), ('first_seq', %" PRIu64 "), ('last_seq', %" PRIu64
             "), ('generation', %" PRIu64 "),"
             " ('rows', %" PRIu64 "), ('sum', %" PRId64 ")",
             info->id, info->first_seq, info->last_seq, info->generation, *rows, (int64_t)aer__info_sum(info, *rows));
    return aer__sq_exec(db, name, sql, err);
}
