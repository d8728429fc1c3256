/* scene.c -- see scene.h. */
#include "scene.h"

#include <fcntl.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "testing.h"

const char *scene_path(void)
{
    static char path[PATH_SIZE];

    scratch_dir();
    snprintf(path, sizeof path, "%s/db", scratch_path());
    return path;
}

const char *scene_init(uint64_t bucket_max_rows, uint64_t bucket_max_size)
{
    const char *path = scene_path();
    aer_options options = {.size = sizeof options, .sync = AER_SYNC_NORMAL};
    char message[300];

    options.bucket_max_rows = bucket_max_rows;
    options.bucket_max_size = bucket_max_size;
    if (aer_init_msg(path, &options, message, sizeof message) != AER_OK) {
        test__note(message);
        CHECK_OK(AER_IO);
    }
    return path;
}

aer_db *scene_open(const char *path, const aer_options *options)
{
    aer_db *db = NULL;

    CHECK_DB_OK(db, aer_open(path, options, &db));
    return db;
}

void scene_close(aer_db *db)
{
    CHECK_OK(aer_close(db));
}

/* ---- keys --------------------------------------------------------------------------------- */

size_t scene_key(char key[16], unsigned i)
{
    return (size_t)snprintf(key, 16, "key%06u", i);
}

size_t scene_value(char value[400], unsigned i, unsigned version)
{
    size_t size = 20 + (i * 37 + version * 11) % 300;
    int head = snprintf(value, 20, "%u.%u.", i, version);

    memset(value + head, 'a' + (int)(i % 26), size - (size_t)head);
    return size;
}

void scene_fill(aer_db *db, unsigned first, unsigned last, unsigned version)
{
    aer_txn *txn = NULL;

    for (unsigned i = first; i < last; i++) {
        char key[16], value[400];
        size_t key_size = scene_key(key, i), value_size = scene_value(value, i, version);

        if (!txn) CHECK_DB_OK(db, aer_begin(db, AER_WRITE, &txn));
        CHECK_DB_OK(db, aer_txn_put(txn, key, key_size, value, value_size));
        if (i % 100 == 99 || i + 1 == last) {
            CHECK_DB_OK(db, aer_commit(txn));
            txn = NULL;
        }
    }
}

void scene_check_key(aer_db *db, unsigned i, unsigned version)
{
    char key[16], expected[400], value[400];
    size_t key_size = scene_key(key, i), size = 0;

    CHECK_DB_OK(db, aer_get_into(db, key, key_size, value, sizeof value, &size));
    CHECK_MEM(expected, scene_value(expected, i, version), value, size);
}

void scene_check(aer_db *db, unsigned first, unsigned last, unsigned version)
{
    for (unsigned i = first; i < last; i++) scene_check_key(db, i, version);
}

void scene_check_absent(aer_db *db, unsigned i)
{
    char key[16], value[400];
    size_t key_size = scene_key(key, i), size;

    CHECK_DB_RC(db, AER_NOTFOUND, aer_get_into(db, key, key_size, value, sizeof value, &size));
}

int put_text(aer_db *db, const char *key, const char *value)
{
    return aer_put(db, key, strlen(key), value, strlen(value));
}

void check_text(aer_db *db, const char *key, const char *value)
{
    void *data = NULL;
    size_t size = 0;

    CHECK_DB_RC(db, value ? AER_OK : AER_NOTFOUND, aer_get(db, key, strlen(key), &data, &size));
    if (value) CHECK_MEM(value, strlen(value), data, size);
    aer_free(data);
}

/* ---- files -------------------------------------------------------------------------------- */

static struct { /* nftw hands nothing through */
    size_t root_size;
    char (*files)[64];
    size_t count, max;
} walk;

static int see_sealed(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    if (type != FTW_F || ftw->level != 3) return 0; /* active files stand higher */
    CHECK(walk.count < walk.max);
    snprintf(walk.files[walk.count++], sizeof walk.files[0], "%s", path + walk.root_size + 1);
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

size_t scene_sealed(const char *path, char (*files)[64], size_t max)
{
    char root[PATH_SIZE + 20];

    snprintf(root, sizeof root, "%s/bucketroot", path);
    walk.root_size = strlen(path);
    walk.files = files;
    walk.count = 0;
    walk.max = max;
    CHECK_INT(0, nftw(root, see_sealed, 16, FTW_PHYS));
    qsort(files, walk.count, sizeof *files, by_text);
    return walk.count;
}

unsigned char *scene_read(const char *path, const char *file, size_t *size)
{
    char name[PATH_SIZE + 80];
    unsigned char *data;
    struct stat st;
    FILE *f;

    snprintf(name, sizeof name, "%s/%s", path, file);
    f = fopen(name, "rb");
    CHECK(f && fstat(fileno(f), &st) == 0);
    data = malloc((size_t)st.st_size + 1);
    CHECK(data && fread(data, 1, (size_t)st.st_size, f) == (size_t)st.st_size);
    data[st.st_size] = '\0';
    fclose(f);
    *size = (size_t)st.st_size;
    return data;
}

void scene_write(const char *path, const char *file, const void *data, size_t size)
{
    char name[PATH_SIZE + 80];
    struct stat st;
    FILE *f;

    snprintf(name, sizeof name, "%s/%s", path, file);
    CHECK_INT(0, stat(name, &st));
    CHECK_INT(0, chmod(name, 0644));
    f = fopen(name, "wb");
    CHECK(f && fwrite(data, 1, size, f) == size && fclose(f) == 0);
    CHECK_INT(0, chmod(name, st.st_mode & 07777));
}

static struct {
    uint64_t sum;
    const char *root;
    const char *const *skip;
} hashing;

static uint64_t fnv(uint64_t h, const void *data, size_t size)
{
    const unsigned char *p = data;

    while (size-- > 0) h = (h ^ *p++) * 0x100000001b3u;
    return h;
}

/* Summed up, since nobody promises an order of directory entries. */
static int hash_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    const char *name = path + strlen(hashing.root);
    uint64_t h = fnv(0xcbf29ce484222325u, name, strlen(name));
    size_t size;

    for (const char *const *skip = hashing.skip; skip && *skip; skip++)
        if (!strcmp(path + ftw->base, *skip)) return 0;
    h = fnv(h, &st->st_mode, sizeof st->st_mode);
    if (type == FTW_F) {
        unsigned char *data = scene_read(hashing.root, name + 1, &size);

        h = fnv(h, data, size);
        free(data);
    }
    hashing.sum += h;
    return 0;
}

uint64_t scene_hash(const char *path, const char *const *skip)
{
    hashing.sum = 0;
    hashing.root = path;
    hashing.skip = skip;
    CHECK_INT(0, nftw(path, hash_one, 16, FTW_PHYS));
    return hashing.sum;
}

void scene_shell(const char *format, ...)
{
    char command[3 * PATH_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    CHECK_INT(0, system(command));
}

void scene_copy(const char *from, const char *to)
{
    scene_shell("cp -a '%s' '%s'", from, to);
}

int64_t scene_sql(const char *path, const char *file, const char *sql)
{
    char name[PATH_SIZE + 80];
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;
    int64_t number = -1;
    int rc;

    snprintf(name, sizeof name, "%s/%s", path, file);
    CHECK_INT(SQLITE_OK, sqlite3_open_v2(name, &db, SQLITE_OPEN_READWRITE, NULL));
    CHECK_INT(SQLITE_OK, sqlite3_prepare_v2(db, sql, -1, &stmt, NULL));
    rc = sqlite3_step(stmt);
    CHECK(rc == SQLITE_ROW || rc == SQLITE_DONE);
    if (rc == SQLITE_ROW) number = sqlite3_column_int64(stmt, 0);
    CHECK_INT(SQLITE_OK, sqlite3_finalize(stmt));
    CHECK_INT(SQLITE_OK, sqlite3_close(db));
    return number;
}

/* ---- processes and time ------------------------------------------------------------------- */

void scene_child(void (*fn)(void *arg), void *arg)
{
    int status = 0;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        fn(arg);
        fflush(NULL);
        _exit(0);
    }
    CHECK_INT(pid, waitpid(pid, &status, 0));
    CHECK_INT(0, status);
}

int64_t scene_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
