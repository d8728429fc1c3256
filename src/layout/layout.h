/* layout.h -- every name in a database directory is made and parsed here, and nowhere else.
 *
 *   gertrude.conf  aerial.sq3  aerial.lock  bucketroot/active-N.sq3  bucketroot/28/dd/1a21d3fdabf7.sq3  quarantine/
 *
 * Must not know: what the files hold. Paths are relative to the database directory.
 */
#ifndef AER_LAYOUT_H
#define AER_LAYOUT_H

#include "base/base.h"

#define LAYOUT_CONF "gertrude.conf"
#define LAYOUT_CATALOG "aerial.sq3"
#define LAYOUT_LOCK "aerial.lock"
#define LAYOUT_BUCKETROOT "bucketroot"
#define LAYOUT_QUARANTINE "quarantine"
#define LAYOUT_ACTIVE_COUNT 2
#define LAYOUT_ID_SIZE 17   /* 16 hex digits and NUL */
#define LAYOUT_PATH_SIZE 64 /* the longest path of ours, NUL included, is below this */

/* "bucketroot/active-0.sq3"; which is 0 or 1. */
const char *aer__layout_active(int which);

/* A fresh identifier from the system's random source: 16 lower-case hex digits. AER_IO if there is no randomness. */
int aer__layout_new_id(char id[LAYOUT_ID_SIZE], struct err *err);
/* Exactly 16 lower-case hex digits, then NUL. */
bool aer__layout_id_ok(const char *id);
/* "28dd1a21d3fdabf7" to "bucketroot/28/dd/1a21d3fdabf7.sq3". id must be ok (asserted). */
void aer__layout_bucket_path(char path[LAYOUT_PATH_SIZE], const char *id);
/* dir "28/dd" and file "1a21d3fdabf7.sq3", as the columns of the table buckets have them. */
void aer__layout_bucket_columns(char dir[6], char file[17], const char *id);
/* Back from the columns; false if they are not of that form. */
bool aer__layout_bucket_parse(char id[LAYOUT_ID_SIZE], const char *dir, const char *file);
/* The identifier in "bucketroot/28/dd/1a21d3fdabf7.sq3"; false if path is not of that form. */
bool aer__layout_path_parse(char id[LAYOUT_ID_SIZE], const char *path);
/* Where a file goes that nobody names: "quarantine/28dd1a21d3fdabf7.sq3"; copy 1 and more, for when that is taken: "quarantine/28dd1a21d3fdabf7-1.sq3". */
void aer__layout_quarantine_path(char path[LAYOUT_PATH_SIZE], const char *id, unsigned copy);

#endif
