/* sql.h -- a database's files through plain SQL, as anyone with sqlite3 would read them.
 *
 * For: the tests of this folder. Must not know: any code of the library.
 */
#ifndef AER_TEST_SQL_H
#define AER_TEST_SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SQL_TEXT 256

/* Open DIR/FILE to read; a file that nobody changes any more as it is. The test ends if it cannot be. */
sqlite3 *sql_open(const char *dir, const char *file);
sqlite3_stmt *sql_prepare(sqlite3 *db, const char *sql);
/* The next row? Ends the test on an error. */
bool sql_step(sqlite3_stmt *stmt);
/* The one number, or the one text, that a statement gives. */
int64_t sql_int(sqlite3 *db, const char *sql);
void sql_text(sqlite3 *db, const char *sql, char text[SQL_TEXT]);

/* Run fn with each row of a list of names; NAME lives during the call. */
void sql_each(sqlite3 *db, const char *sql, void (*fn)(void *arg, const char *name), void *arg);

#endif
