/* testing.c -- main(), checks and scratch directories for the tests.
 *
 * For: every program under tests/. Must not know: what is tested; it calls nothing of src/, so that the
 * tests of the lowest layer can use it too.
 *
 * 1. Scratch directories of a test are removed after it, whether it passed or not. Only a killed program
 *    leaves some behind, as $TMPDIR/aerials-test-*.
 * 2. A crash kills the program. cmocka would catch the signal and go on with the next test; we put the
 *    handlers back, because the report of a sanitizer or a core file is worth more than a tally.
 * 3. Only the test's own thread and process may unwind to cmocka. A check that fails elsewhere prints, and
 *    ends the process with a code that no test expects.
 */
#include "testing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SCRATCH_MAX 64
#define CHILD_FAILED 99 /* exit code of a forked child in which a check failed */

static struct test_case *first_test, **last_test = &first_test;

static struct {
    char path[4096];
    int fd;
} scratch[SCRATCH_MAX];
static int scratch_count;

static pid_t test_process;
static pthread_t test_thread;

static _Thread_local struct err last_err;

static const char *const code_names[] = {
    "AER_OK",       "AER_DONE", "AER_NOTFOUND", "AER_MISUSE",  "AER_INVALID", "AER_BUSY",
    "AER_READONLY", "AER_PERM", "AER_NODB",     "AER_NEWER",   "AER_EXISTS",  "AER_CORRUPT",
    "AER_IO",       "AER_FULL", "AER_NOMEM",    "AER_UNKNOWN", "AER_STOPPED",
};

/* ---- checks ------------------------------------------------------------------------------- */

static void failed(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void failed(const char *file, int line, const char *format, ...)
{
    char text[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (getpid() != test_process) {
        fprintf(stderr, "%s:%d: in a forked process: %s\n", file, line, text);
        _exit(CHILD_FAILED);
    }
    if (!pthread_equal(pthread_self(), test_thread)) {
        fprintf(stderr, "%s:%d: in another thread: %s\n", file, line, text);
        abort();
    }
    print_error("%s\n", text);
    _fail(file, line);
}

static const char *code_name(int code)
{
    return code >= 0 && (size_t)code < AER_COUNT(code_names) ? code_names[code] : "unknown code";
}

struct err *test__err(void)
{
    memset(&last_err, 0, sizeof last_err);
    return &last_err;
}

/* Keep MESSAGE as if it had come through ERR, for the check that fails next. */
void test__note(const char *message)
{
    snprintf(test__err()->message, ERR_MESSAGE_SIZE, "%s", message);
}

void test__check(bool ok, const char *condition, const char *file, int line)
{
    if (!ok) failed(file, line, "not true: %s", condition);
}

void test__check_rc(int expected, int actual, const char *call, const char *file, int line)
{
    if (expected == actual) return;
    failed(file, line, "expected %s, got %s (%d): %s\n  message: %s", code_name(expected), code_name(actual), actual,
           call, last_err.message[0] ? last_err.message : "none");
}

void test__check_int(intmax_t expected, intmax_t actual, const char *what, const char *file, int line)
{
    if (expected != actual) failed(file, line, "expected %jd, got %jd: %s", expected, actual, what);
}

void test__check_str(const char *expected, const char *actual, const char *what, const char *file, int line)
{
    if (expected == actual) return;
    if (!expected || !actual || strcmp(expected, actual) != 0)
        failed(file, line, "different text: %s\n  expected: %s\n  got:      %s", what, expected ? expected : "NULL",
               actual ? actual : "NULL");
}

void test__check_mem(const void *expected, size_t expected_size, const void *actual, size_t actual_size,
                     const char *what, const char *file, int line)
{
    const unsigned char *a = expected, *b = actual;
    size_t i = 0;

    if (expected_size != actual_size)
        failed(file, line, "expected %zu bytes, got %zu: %s", expected_size, actual_size, what);
    while (i < expected_size && a[i] == b[i]) i++;
    if (i < expected_size)
        failed(file, line, "byte %zu of %zu is 0x%02x, not 0x%02x: %s", i, expected_size, b[i], a[i], what);
}

void test__check_file(int dir, const char *path, const char *text, const char *file, int line)
{
    size_t size = strlen(text), got = 0;
    char *data = malloc(size + 1); /* one more byte, so that a longer file shows */
    ssize_t n = 0;
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    bool equal;

    if (fd < 0 || !data) {
        free(data);
        failed(file, line, "cannot open '%s': %s", path, strerror(errno));
        return;
    }
    while (got < size + 1 && (n = read(fd, data + got, size + 1 - got)) > 0) got += (size_t)n;
    close(fd);
    equal = n >= 0 && got == size && memcmp(data, text, size) == 0;
    free(data);
    if (!equal) failed(file, line, "'%s' does not hold the expected %zu bytes", path, size);
}

void test__check_entries(int dir, int count, const char *file, int line)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    char names[1024] = "";
    size_t used = 0;
    struct dirent *entry;
    int found = 0;

    if (!stream) failed(file, line, "cannot list the directory: %s", strerror(errno));
    while ((entry = readdir(stream))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        found++;
        if (used < sizeof names) used += (size_t)snprintf(names + used, sizeof names - used, " %s", entry->d_name);
    }
    closedir(stream);
    if (found != count) failed(file, line, "expected %d entries, found %d:%s", count, found, names);
}

/* ---- scratch directories ------------------------------------------------------------------ */

int scratch_dir(void)
{
    const char *tmp = getenv("TMPDIR");
    char *path;

    if (scratch_count == SCRATCH_MAX) failed(__FILE__, __LINE__, "more than %d scratch directories", SCRATCH_MAX);
    path = scratch[scratch_count].path;
    snprintf(path, sizeof scratch[0].path, "%s/aerials-test-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
    if (!mkdtemp(path)) failed(__FILE__, __LINE__, "cannot make '%s': %s", path, strerror(errno));
    scratch[scratch_count].fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (scratch[scratch_count].fd < 0) failed(__FILE__, __LINE__, "cannot open '%s': %s", path, strerror(errno));
    return scratch[scratch_count++].fd;
}

const char *scratch_path(void)
{
    if (scratch_count == 0) scratch_dir();
    return scratch[scratch_count - 1].path;
}

static void remove_tree(int dir, const char *name)
{
    struct dirent *entry;
    DIR *stream;
    int fd;

    if (unlinkat(dir, name, 0) == 0) return;
    fchmodat(dir, name, 0700, 0); /* a test may have made it read-only */
    fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    stream = fd < 0 ? NULL : fdopendir(fd);
    if (!stream) return;
    while ((entry = readdir(stream)))
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) remove_tree(fd, entry->d_name);
    closedir(stream);
    unlinkat(dir, name, AT_REMOVEDIR);
}

static int remove_scratch(void **state)
{
    (void)state;
    while (scratch_count > 0) {
        scratch_count--;
        close(scratch[scratch_count].fd);
        remove_tree(AT_FDCWD, scratch[scratch_count].path);
    }
    return 0;
}

/* ---- randomness --------------------------------------------------------------------------- */

uint64_t test_seed(void)
{
    static uint64_t seed;
    static bool chosen;
    const char *text = getenv("AERIALS_SEED");

    if (chosen) return seed;
    if (text && *text) {
        seed = strtoull(text, NULL, 0);
    } else if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        failed(__FILE__, __LINE__, "no random bytes: %s", strerror(errno));
    }
    chosen = true;
    printf("AERIALS_SEED=%" PRIu64 "\n", seed);
    fflush(stdout); /* before anything can kill us */
    return seed;
}

/* SplitMix64: any state is a good one, and one number costs a few multiplications. */
uint64_t test_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* ---- running ------------------------------------------------------------------------------ */

/* The signals cmocka takes over before each test, and what they did before. */
static const int crash_signals[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGSYS};
static struct sigaction crash_actions[AER_COUNT(crash_signals)];

void test__register(struct test_case *test)
{
    *last_test = test;
    last_test = &test->next;
}

static void run_one(void **state)
{
    const struct test_case *test = *state;

    for (size_t i = 0; i < AER_COUNT(crash_signals); i++) sigaction(crash_signals[i], &crash_actions[i], NULL);
    test__err();
    test->body();
}

static bool is_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(name, argv[i])) return true;
    return argc < 2;
}

int main(int argc, char **argv)
{
    struct CMUnitTest *tests;
    size_t count = 0;
    int failures;

    for (struct test_case *test = first_test; test; test = test->next) count++;
    tests = calloc(count + 1, sizeof *tests);
    if (!tests) return 1;
    count = 0;
    for (struct test_case *test = first_test; test; test = test->next) {
        if (argc == 2 && !strcmp(argv[1], "-l")) puts(test->name);
        if (!is_wanted(test->name, argc, argv)) continue;
        tests[count++] = (struct CMUnitTest){test->name, run_one, NULL, remove_scratch, test};
    }
    if (argc == 2 && !strcmp(argv[1], "-l")) {
        free(tests);
        return 0;
    }
    if (count == 0) {
        fprintf(stderr, "%s: no such test; -l lists them\n", argv[0]);
        free(tests);
        return 1;
    }
    for (size_t i = 0; i < AER_COUNT(crash_signals); i++) sigaction(crash_signals[i], NULL, &crash_actions[i]);
    test_process = getpid();
    test_thread = pthread_self();
    failures = _cmocka_run_group_tests(strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0], tests, count, NULL, NULL);
    free(tests);
    if (failures == 0) return 0;
    /* Not through exit: what a failed test left open and allocated is no leak worth a report. */
    fflush(NULL);
    _exit(1);
}
