/* scene.h -- a database with one table of kind gdbm, and a list of what should be in it. */
#ifndef AER_TEST_GDBM_SCENE_H
#define AER_TEST_GDBM_SCENE_H

#include <aerials.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE "people"
#define DATA_FILE "tables/people/data.gdbm"
#define INDEX_FILE "tables/people/index.gdbm"

/* A new database with the table: name (str, unique), age (int, index by_age), text (str). Its path lives until the end of the test. */
const char *scene_make(void);
aer_db *scene_open(const char *path, bool readonly);
void scene_close(aer_db *db);

struct person {
    char id[AER_ID_SIZE];
    unsigned number, age;
};
struct people {
    struct person *at;
    size_t count, capacity;
    unsigned next; /* number of the next one */
};
void people_release(struct people *p);

/* In a transaction (NULL: of its own). Numbers give names; each row has some TEXT_SIZE bytes. */
void add_person(aer_db *db, aer_txn *txn, struct people *p, unsigned age, size_t text_size);
void age_person(aer_db *db, aer_txn *txn, struct people *p, size_t i, unsigned age);
void remove_person(aer_db *db, aer_txn *txn, struct people *p, size_t i);
/* COUNT of them in one transaction. */
void add_people(aer_db *db, struct people *p, unsigned count, size_t text_size);
/* Random inserts, updates and deletes, some in transactions that are rolled back. */
void live(aer_db *db, struct people *p, uint64_t *random, unsigned steps);

/* All of them and nobody else: one by one, by id, by age up and down, by name. */
void check_people(aer_db *db, const struct people *p);

/* ---- files ---- */

bool scene_has(const char *path, const char *file);
unsigned char *scene_read(const char *path, const char *file, size_t *size); /* malloced */
/* Other bytes in the same file; keep: its time of change stays. */
void scene_write(const char *path, const char *file, const void *data, size_t size, bool keep);
int64_t scene_sql(const char *path, const char *sql); /* one number out of aerial.sq3, or -1 */
void scene_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
