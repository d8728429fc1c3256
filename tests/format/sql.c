/* sql.c -- see sql.h. */
#include "sql.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "testing.h"

sqlite3 *sql_open(const char *dir, const char *file)
{
    char wal[4600], uri[4600];
    sqlite3 *db = NULL;

    snprintf(wal, sizeof wal, "%s/%s-wal", dir, file);
    snprintf(uri, sizeof uri, "file:%s/%s?%s", dir, file, access(wal, F_OK) == 0 ? "mode=ro" : "immutable=1");
    CHECK_INT(SQLITE_OK, sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL));
    return db;
}

sqlite3_stmt *sql_prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) CHECK_STR(sql, sqlite3_errmsg(db));
    return stmt;
}

bool sql_step(sqlite3_stmt *stmt)
{
    int rc = sqlite3_step(stmt);

    if (rc != SQLITE_ROW && rc != SQLITE_DONE) CHECK_STR(sqlite3_sql(stmt), sqlite3_errmsg(sqlite3_db_handle(stmt)));
    return rc == SQLITE_ROW;
}

int64_t sql_int(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = sql_prepare(db, sql);
    int64_t number;

    CHECK(sql_step(stmt));
    number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return number;
}

void sql_text(sqlite3 *db, const char *sql, char text[SQL_TEXT])
{
    sqlite3_stmt *stmt = sql_prepare(db, sql);

    CHECK(sql_step(stmt));
    snprintf(text, SQL_TEXT, "%s", (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
}

void sql_each(sqlite3 *db, const char *sql, void (*fn)(void *arg, const char *name), void *arg)
{
    sqlite3_stmt *stmt = sql_prepare(db, sql);

    while (sql_step(stmt)) fn(arg, (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
}
