/* bench.c -- Aerials and other stores, side by side, on the machine at hand.
 *
 * For: `make bench`, and for numbers in the README that anyone can repeat.
 *
 * 1. The same keys and values go into every store: random 16-byte keys, values that do not compress, in
 *    batches, sync "normal". Every value that comes back is compared with what went in.
 * 2. A run measures one store after the other, so that a slow minute of the machine falls on all of them.
 *    The table shows medians of BENCH_RUNS runs, with the lowest and highest, and first how many times
 *    better than the others Aerials is, whether more or less is better.
 * 3. What a store puts off is counted: the rate of a fill includes closing, which is also shown by itself,
 *    and processor time counts the work of background threads.
 * 4. Two databases a run: one is filled and closed; one is filled and read through the same handle.
 *    Reading files here means reading the page cache of the system: what is compared is the stores' work.
 * 5. With --long there are as many runs again, of one long fill each: the rate of its second half over that of its
 *    first says whether a store slows down as it grows.
 *
 * Environment: BENCH_KEYS (1000000), BENCH_VALUE (100 bytes), BENCH_BATCH (1000), BENCH_RUNS (3),
 * BENCH_CACHE_MB (64), BENCH_LONG_KEYS (10000000), BENCH_ENGINES (all, e.g. "aerials,sqlite"),
 * BENCH_SEED (1), BENCH_DIR (where the databases are made for the time being; the current directory).
 */
#include "engine.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define KEY_SIZE 16
#define VALUE_MAX 65536
#define RUNS_MAX 32
#define PATH_SIZE 4096
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct engine *const all_engines[] = {
    &engine_aerials,
    &engine_sqlite,
#ifdef HAVE_LMDB
    &engine_lmdb,
#endif
};

enum metric {
    FILL_CLOSED,
    FILL_OPEN,
    CLOSE,
    CPU,
    GET_WARM,
    REOPEN,
    GET_REOPENED,
    GET_SNAPSHOT,
    DISK,
    CATALOGUE,
    LONG_FIRST,
    LONG_SECOND,
    LONG_RATIO,
    LONG_CLOSE,
    LONG_CLOSED,
    METRICS
};

static const struct {
    const char *label;
    bool more_is_better;
    int decimals;
} metrics[METRICS] = {
    [FILL_CLOSED] = {"puts/s, closing included", true, 0},
    [FILL_OPEN] = {"puts/s until the last commit", true, 0},
    [CLOSE] = {"closing after the fill, ms", false, 1},
    [CPU] = {"processor time of fill and close, µs a put", false, 2},
    [GET_WARM] = {"gets/s, handle of the fill", true, 0},
    [REOPEN] = {"reopen and first get, ms", false, 2},
    [GET_REOPENED] = {"gets/s, reopened", true, 0},
    [GET_SNAPSHOT] = {"gets/s, reopened, in one read transaction", true, 0},
    [DISK] = {"bytes on disk a byte put", false, 2},
    [CATALOGUE] = {"catalogue bytes a key", false, 1},
    [LONG_FIRST] = {"puts/s, first half", true, 0},
    [LONG_SECOND] = {"puts/s, second half", true, 0},
    [LONG_RATIO] = {"second half ÷ first half", true, 2},
    [LONG_CLOSE] = {"closing after the fill, ms", false, 1},
    [LONG_CLOSED] = {"puts/s, closing included", true, 0},
};

static const struct engine *engines[COUNT(all_engines)];
static size_t engine_count;
static double results[COUNT(all_engines)][METRICS][RUNS_MAX]; /* below 0: not measured */

uint64_t bench_cache_bytes, bench_expected_bytes;
static uint64_t key_count, value_size, batch_size, run_count, seed;
static char root[2048]; /* directory of all databases of this run */

void bench_die(const char *format, ...)
{
    va_list args;

    fputs("bench: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    if (root[0]) fprintf(stderr, "bench: left behind: %s\n", root);
    exit(1);
}

void *bench_alloc(size_t size)
{
    void *p = calloc(1, size);

    if (!p) bench_die("out of memory");
    return p;
}

size_t bench_copy(void *buffer, size_t capacity, const void *value, size_t size)
{
    if (size > capacity) bench_die("a value of %zu bytes, %zu were expected at most", size, capacity);
    if (size) memcpy(buffer, value, size);
    return size;
}

/* ---- keys and values ---------------------------------------------------------------------- */

/* SplitMix64 */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static void make_key(uint64_t i, unsigned char *key)
{
    uint64_t words[2] = {mix(seed ^ mix(i)), mix(seed + mix(~i))};

    memcpy(key, words, KEY_SIZE);
}

static void make_value(uint64_t i, unsigned char *value)
{
    uint64_t state = mix(seed * 3 + i);

    for (uint64_t at = 0; at < value_size; at += sizeof state) {
        state = mix(state);
        memcpy(value + at, &state, sizeof state); /* the buffer has room for a last whole word */
    }
}

/* ---- clocks and sizes --------------------------------------------------------------------- */

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_s(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static uint64_t disk_bytes_seen;

static int add_size(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)path, (void)ftw;
    if (type == FTW_F) disk_bytes_seen += (uint64_t)st->st_blocks * 512;
    return 0;
}

static uint64_t disk_bytes(const char *dir)
{
    disk_bytes_seen = 0;
    nftw(dir, add_size, 32, FTW_PHYS);
    return disk_bytes_seen;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void remove_tree(const char *dir)
{
    nftw(dir, remove_entry, 32, FTW_DEPTH | FTW_PHYS);
}

/* ---- work --------------------------------------------------------------------------------- */

/* A store in an empty directory, on a disk that has finished what was asked of it before. */
static struct store *open_fresh(const struct engine *engine, char dir[PATH_SIZE])
{
    snprintf(dir, PATH_SIZE, "%s/%s", root, engine->name);
    if (mkdir(dir, 0777) < 0) bench_die("cannot make '%s'", dir);
    sync();
    return engine->open(dir);
}

/* The seconds it takes. */
static double close_timed(const struct engine *engine, struct store *store)
{
    double start = now_s();

    engine->close(store);
    return now_s() - start;
}

/* Put keys FROM up to TO, the latter not included; returns the seconds it took. */
static double fill(const struct engine *engine, struct store *store, uint64_t from, uint64_t to)
{
    unsigned char key[KEY_SIZE], value[VALUE_MAX + sizeof(uint64_t)];
    double start = now_s();

    for (uint64_t i = from; i < to; i++) {
        if ((i - from) % batch_size == 0) engine->begin(store, true);
        make_key(i, key);
        make_value(i, value);
        engine->put(store, key, KEY_SIZE, value, value_size);
        if ((i - from) % batch_size == batch_size - 1 || i == to - 1) engine->end(store);
    }
    return now_s() - start;
}

static void get_one(const struct engine *engine, struct store *store, uint64_t i)
{
    unsigned char key[KEY_SIZE], got[VALUE_MAX], expected[VALUE_MAX + sizeof(uint64_t)];
    size_t size;

    make_key(i, key);
    make_value(i, expected);
    size = engine->get(store, key, KEY_SIZE, got, sizeof got);
    if (size != value_size || memcmp(got, expected, size) != 0)
        bench_die("%s: key %llu has another value", engine->name, (unsigned long long)i);
}

/* As many random gets as there are keys; returns gets a second. */
static double gets_per_s(const struct engine *engine, struct store *store, uint64_t salt)
{
    double start = now_s();

    for (uint64_t n = 0; n < key_count; n++) get_one(engine, store, mix(salt + mix(n)) % key_count);
    return (double)key_count / (now_s() - start);
}

static void measure_closed(const struct engine *engine, double (*result)[RUNS_MAX], uint64_t run)
{
    char dir[PATH_SIZE];
    struct store *store = open_fresh(engine, dir);
    double cpu = cpu_s(), fill_s = fill(engine, store, 0, key_count), close_s = close_timed(engine, store), start;

    result[CPU][run] = (cpu_s() - cpu) * 1e6 / (double)key_count;
    result[FILL_OPEN][run] = (double)key_count / fill_s;
    result[FILL_CLOSED][run] = (double)key_count / (fill_s + close_s);
    result[CLOSE][run] = close_s * 1e3;
    result[DISK][run] = (double)disk_bytes(dir) / (double)bench_expected_bytes;

    sync();
    start = now_s();
    store = engine->open(dir);
    get_one(engine, store, key_count / 2);
    result[REOPEN][run] = (now_s() - start) * 1e3;
    result[GET_REOPENED][run] = gets_per_s(engine, store, 1);
    engine->begin(store, false);
    result[GET_SNAPSHOT][run] = gets_per_s(engine, store, 2);
    engine->end(store);
    result[CATALOGUE][run] = engine->catalogue_bytes ? (double)engine->catalogue_bytes(store) / (double)key_count : -1;
    engine->close(store);
    remove_tree(dir);
}

static void measure_warm(const struct engine *engine, double (*result)[RUNS_MAX], uint64_t run)
{
    char dir[PATH_SIZE];
    struct store *store = open_fresh(engine, dir);

    fill(engine, store, 0, key_count);
    result[GET_WARM][run] = gets_per_s(engine, store, 3);
    engine->close(store);
    remove_tree(dir);
}

static void measure_usual(const struct engine *engine, double (*result)[RUNS_MAX], uint64_t run)
{
    measure_closed(engine, result, run);
    measure_warm(engine, result, run);
}

/* A fill so long that the catalogue or the tree no longer fits the cache: does the rate hold? */
static void measure_long(const struct engine *engine, double (*result)[RUNS_MAX], uint64_t run)
{
    char dir[PATH_SIZE];
    struct store *store = open_fresh(engine, dir);
    uint64_t half = key_count / 2;
    double first_s = fill(engine, store, 0, half);
    double second_s = fill(engine, store, half, key_count);
    double close_s = close_timed(engine, store);

    result[LONG_FIRST][run] = (double)half / first_s;
    result[LONG_SECOND][run] = (double)(key_count - half) / second_s;
    result[LONG_RATIO][run] = result[LONG_SECOND][run] / result[LONG_FIRST][run];
    result[LONG_CLOSE][run] = close_s * 1e3;
    result[LONG_CLOSED][run] = (double)key_count / (first_s + second_s + close_s);
    remove_tree(dir);
}

typedef void measurement(const struct engine *engine, double (*result)[RUNS_MAX], uint64_t run);

/* Each run has keys of its own. */
static void measure(const char *what, measurement *measure_one, uint64_t keys)
{
    uint64_t first_seed = seed;

    key_count = keys;
    bench_expected_bytes = keys * (KEY_SIZE + value_size);
    for (uint64_t run = 0; run < run_count; run++) {
        seed = first_seed + run;
        for (size_t e = 0; e < engine_count; e++) {
            fprintf(stderr, "bench: %s %llu of %llu: %s\n", what, (unsigned long long)run + 1,
                    (unsigned long long)run_count, engines[e]->name);
            measure_one(engines[e], results[e], run);
        }
    }
    seed = first_seed;
}

/* ---- the table ---------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(const double *sorted)
{
    return (sorted[(run_count - 1) / 2] + sorted[run_count / 2]) / 2;
}

static void print_machine(void)
{
    struct utsname system;
    char line[256], cpu[200] = "unknown processor";
    FILE *info = fopen("/proc/cpuinfo", "r");

    while (info && fgets(line, sizeof line, info))
        if (sscanf(line, "model name : %199[^\n]", cpu) == 1) break;
    if (info) fclose(info);
    uname(&system);
    printf("%s, %ld processors, %s %s\n\n", cpu, sysconf(_SC_NPROCESSORS_ONLN), system.sysname, system.release);
}

static void print_row(enum metric metric)
{
    double *first = results[0][metric];

    printf("| %s |", metrics[metric].label);
    for (size_t e = 0; e < engine_count; e++) qsort(results[e][metric], run_count, sizeof(double), by_value);
    for (size_t e = 1; e < engine_count; e++) {
        double mine = median(first), other = median(results[e][metric]);

        if (mine > 0 && other > 0) {
            printf(" **%.2f** |", metrics[metric].more_is_better ? mine / other : other / mine);
        } else {
            printf(" |");
        }
    }
    for (size_t e = 0; e < engine_count; e++) {
        const double *all = results[e][metric];
        int d = metrics[metric].decimals;

        if (all[0] < 0) {
            printf(" |");
        } else {
            printf(" %.*f (%.*f to %.*f) |", d, median(all), d, all[0], d, all[run_count - 1]);
        }
    }
    puts("");
}

/* The metrics FROM up to TO, the latter not included. */
static void print_table(enum metric from, enum metric to)
{
    printf("### %llu keys of %d bytes, values of %llu bytes, batches of %llu, sync normal, %llu MiB cache\n\n",
           (unsigned long long)key_count, KEY_SIZE, (unsigned long long)value_size, (unsigned long long)batch_size,
           (unsigned long long)(bench_cache_bytes >> 20));
    print_machine();
    printf("| median of %llu runs (lowest to highest) |", (unsigned long long)run_count);
    for (size_t e = 1; e < engine_count; e++)
        printf(" %s is better than %s, times |", engines[0]->name, engines[e]->name);
    for (size_t e = 0; e < engine_count; e++) printf(" %s |", engines[e]->name);
    printf("\n|---|");
    for (size_t e = 0; e < 2 * engine_count - 1; e++) printf("---|");
    puts("");
    for (int m = from; m < (int)to; m++) print_row((enum metric)m);
    fflush(stdout);
}

/* ---- set-up ------------------------------------------------------------------------------- */

static uint64_t setting(const char *name, uint64_t otherwise, uint64_t least, uint64_t most)
{
    const char *text = getenv(name);
    char *end = NULL;
    uint64_t n = text && *text ? strtoull(text, &end, 10) : otherwise;

    if ((end && *end) || n < least || n > most)
        bench_die("%s must be a number from %llu to %llu", name, (unsigned long long)least, (unsigned long long)most);
    return n;
}

static void choose_engines(void)
{
    const char *wanted = getenv("BENCH_ENGINES");

    for (size_t e = 0; e < COUNT(all_engines); e++)
        if (!wanted || !*wanted || strstr(wanted, all_engines[e]->name)) engines[engine_count++] = all_engines[e];
    if (engine_count == 0) bench_die("BENCH_ENGINES names no store that is built in");
}

int main(int argc, char **argv)
{
    const char *where = getenv("BENCH_DIR");
    bool is_long = argc > 1 && strcmp(argv[1], "--long") == 0;
    uint64_t usual_keys = setting("BENCH_KEYS", 1000000, 1, 1000000000);
    uint64_t long_keys = setting("BENCH_LONG_KEYS", 10000000, 2, 1000000000);

    value_size = setting("BENCH_VALUE", 100, 0, VALUE_MAX);
    batch_size = setting("BENCH_BATCH", 1000, 1, 1000000000);
    run_count = setting("BENCH_RUNS", 3, 1, RUNS_MAX);
    seed = setting("BENCH_SEED", 1, 0, UINT64_MAX);
    bench_cache_bytes = setting("BENCH_CACHE_MB", 64, 4, 1 << 20) << 20;
    choose_engines();
    snprintf(root, sizeof root, "%s/aerials-bench-XXXXXX", where && *where ? where : ".");
    if (!mkdtemp(root)) {
        root[0] = '\0';
        bench_die("cannot make a directory in '%s'", where && *where ? where : ".");
    }
    measure("run", measure_usual, usual_keys);
    print_table(FILL_CLOSED, LONG_FIRST);
    if (is_long) {
        puts("");
        measure("long run", measure_long, long_keys);
        print_table(LONG_FIRST, METRICS);
    }
    remove_tree(root);
    return 0;
}
