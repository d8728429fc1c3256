/* scene.h -- a database to try things on: made, filled, looked at from outside.
 *
 * For: the tests of this folder, which know aerials.h and, where files are broken on purpose, their names.
 */
#ifndef AER_TEST_SCENE_H
#define AER_TEST_SCENE_H

#include <aerials.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATH_SIZE 4300

/* The path of a database that is yet to be made, below a new scratch directory; lives until the end of the test. */
const char *scene_path(void);
/* A new database there, with these limits (0: the default). */
const char *scene_init(uint64_t bucket_max_rows, uint64_t bucket_max_size);
/* Open it; NULL options: the defaults. The call must succeed. */
aer_db *scene_open(const char *path, const aer_options *options);
void scene_close(aer_db *db);

/* Key I is "key000123", its value depends on I and VERSION and has 20 to 320 bytes. */
size_t scene_key(char key[16], unsigned i);
size_t scene_value(char value[400], unsigned i, unsigned version);
/* Put keys [first, last) in transactions of 100. */
void scene_fill(aer_db *db, unsigned first, unsigned last, unsigned version);
/* Key I holds this version. */
void scene_check_key(aer_db *db, unsigned i, unsigned version);
/* The same for keys [first, last). */
void scene_check(aer_db *db, unsigned first, unsigned last, unsigned version);
/* Key I is not there. */
void scene_check_absent(aer_db *db, unsigned i);

/* A text key, for short tests. */
int put_text(aer_db *db, const char *key, const char *value);
void check_text(aer_db *db, const char *key, const char *value); /* value NULL: absent */

/* ---- files ---- */

/* Sealed bucket files below PATH: relative paths, sorted; at most MAX. */
size_t scene_sealed(const char *path, char (*files)[64], size_t max);
/* A hash of every name, mode and byte below PATH; names in SKIP (NULL-ended, may be NULL) are left out. */
uint64_t scene_hash(const char *path, const char *const *skip);
void scene_copy(const char *from, const char *to);
/* A shell command must succeed. */
void scene_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Bytes of the file, malloced. */
unsigned char *scene_read(const char *path, const char *file, size_t *size);
/* Write the file anew whatever its mode, which it keeps. */
void scene_write(const char *path, const char *file, const void *data, size_t size);

/* Run a statement on an SQLite file of the database; gives the first column of the first row as a number, or -1. */
int64_t scene_sql(const char *path, const char *file, const char *sql);

/* Run fn in a forked process, which must exit with 0. */
void scene_child(void (*fn)(void *arg), void *arg);
int64_t scene_ms(void);

#endif
