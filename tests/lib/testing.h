/* testing.h -- what every test file includes; a thin coat over cmocka.
 *
 *     TEST(full_disk_keeps_the_old_file)
 *     {
 *         int dir = scratch_dir();
 *
 *         CHECK_OK(aer__fs_replace(dir, "row.json", "{}", 2, ERR));
 *         CHECK_FILE(dir, "row.json", "{}");
 *     }
 *
 * A TEST registers itself, and main() is ours: the program runs them in the order of the file, or only
 * those named on its command line (-l lists them). What is expected comes first in
 * every CHECK_. A failed check ends the test, so what it had open stays open; the scratch directories go anyway.
 *
 * Checks work in other threads and in forked children too, but there they end the whole process at once,
 * since a jump out of a foreign stack is not possible. End a child with _exit().
 */
#ifndef AER_TESTING_H
#define AER_TESTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

#define TEST(name)                                                      \
    static void test_body_##name(void);                                 \
    __attribute__((constructor)) static void test_register_##name(void) \
    {                                                                   \
        static struct test_case self = {#name, test_body_##name, NULL}; \
        test__register(&self);                                          \
    }                                                                   \
    static void test_body_##name(void)

/* A struct err *, cleared; one a thread. CHECK_OK and CHECK_RC print what it says when they fail. */
#define ERR test__err()

#define CHECK(condition) test__check(!!(condition), #condition, __FILE__, __LINE__)
#define CHECK_OK(rc) test__check_rc(AER_OK, (rc), #rc, __FILE__, __LINE__)
#define CHECK_RC(code, rc) test__check_rc((code), (rc), #rc, __FILE__, __LINE__)
/* For calls on a handle: prints aer_errmsg(db). */
#define CHECK_DB_OK(db, rc) CHECK_DB_RC(db, AER_OK, rc)
#define CHECK_DB_RC(db, code, rc)                                   \
    do {                                                            \
        int check_rc_ = (rc);                                       \
        if (check_rc_ != (code)) test__note(aer_errmsg(db));        \
        test__check_rc((code), check_rc_, #rc, __FILE__, __LINE__); \
    } while (0)
#define CHECK_INT(expected, actual) \
    test__check_int((intmax_t)(expected), (intmax_t)(actual), #actual, __FILE__, __LINE__)
#define CHECK_STR(expected, actual) test__check_str((expected), (actual), #actual, __FILE__, __LINE__)
#define CHECK_MEM(expected, expected_size, actual, actual_size) \
    test__check_mem((expected), (expected_size), (actual), (actual_size), #actual, __FILE__, __LINE__)

/* The file PATH below the directory descriptor DIR holds exactly TEXT. */
#define CHECK_FILE(dir, path, text) test__check_file((dir), (path), (text), __FILE__, __LINE__)
/* DIR has N entries, . and .. not counted. */
#define CHECK_ENTRIES(dir, n) test__check_entries((dir), (n), __FILE__, __LINE__)

/* A descriptor of a new empty directory. Both are gone after the test; do not close it. */
int scratch_dir(void);
/* Absolute path of the directory scratch_dir() made last, or of a first one. Valid until the end of the test. */
const char *scratch_path(void);

/* The number all that is random in a test starts from: $AERIALS_SEED, else random. Printed at the first call. */
uint64_t test_seed(void);
/* The next number of a sequence; *state starts as test_seed() or anything made of it. */
uint64_t test_random(uint64_t *state);

/* ---- behind the macros ---- */

struct test_case {
    const char *name;
    void (*body)(void);
    struct test_case *next;
};

void test__register(struct test_case *test);
struct err *test__err(void);
void test__note(const char *message);
void test__check(bool ok, const char *condition, const char *file, int line);
void test__check_rc(int expected, int actual, const char *call, const char *file, int line);
void test__check_int(intmax_t expected, intmax_t actual, const char *what, const char *file, int line);
void test__check_str(const char *expected, const char *actual, const char *what, const char *file, int line);
void test__check_mem(const void *expected, size_t expected_size, const void *actual, size_t actual_size,
                     const char *what, const char *file, int line);
void test__check_file(int dir, const char *path, const char *text, const char *file, int line);
void test__check_entries(int dir, int count, const char *file, int line);

#endif
