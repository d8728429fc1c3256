/* inspect.c -- status, buckets and files against the model; see inspect.h. */
#include "inspect.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testing.h"

void inspect_status(struct run *run, aer_db *db)
{
    const struct model *m = &run->model;
    aer_stats stats;
    uint64_t live = 0, stored = 0;

    memset(&stats, 0, sizeof stats);
    expect(run, db, AER_OK, aer_status(db, &stats), "status");
    for (size_t i = 0; i < m->count; i++) {
        live += model_get(m, m->committed, i) != NULL;
        stored += model_get_stored(m, m->committed, i) != NULL;
    }
    if (stats.keys < live || stats.keys > stored)
        history_fail(&run->history, "status: %" PRIu64 " keys, but %" PRIu64 " live and %" PRIu64 " stored", stats.keys,
                     live, stored);
    if (stats.rows < live || stats.last_seq < stats.rows || stats.unmerged_rows > stats.rows)
        history_fail(&run->history, "status: %" PRIu64 " rows, last seq %" PRIu64 ", %" PRIu64 " unmerged", stats.rows,
                     stats.last_seq, stats.unmerged_rows);
}

void inspect_locate(struct run *run, aer_db *db, size_t key)
{
    const struct model_key *k = &run->model.keys[key];
    const struct value *value = model_get(&run->model, run->model.committed, key);
    aer_location location;

    memset(&location, 0, sizeof location);
    expect(run, db, value ? AER_OK : AER_NOTFOUND, aer_locate(db, k->bytes, k->size, &location), "locate");
    if (value && (location.value_size != value->size || location.seq == 0 || location.first_seq > location.seq ||
                  strlen(location.id) != 16))
        history_fail(&run->history,
                     "locate %s: %" PRIu64 " bytes for %" PRIu64 ", seq %" PRIu64 " to %" PRIu64 ", bucket '%s'",
                     key_text(run, key), location.value_size, value->size, location.first_seq, location.seq, location.id);
}

#define OWN_ROWS_MAX 64 /* rows in one bucket that commit a large transaction: a compaction may bring many together */

/* ---- buckets ------------------------------------------------------------------------------ */

struct bucket_list {
    struct run *run;
    aer_bucket *buckets;
    size_t count;
    unsigned char *seen; /* one a key of the model */
    uint64_t last_row_seq, row_count;
    const aer_bucket *current;
};

static int add_bucket(void *arg, const aer_bucket *bucket)
{
    struct bucket_list *list = arg;

    list->buckets = realloc(list->buckets, (list->count + 1) * sizeof *bucket);
    CHECK(list->buckets);
    list->buckets[list->count++] = *bucket;
    return 0;
}

static int by_first_seq(const void *a, const void *b)
{
    const aer_bucket *x = a, *y = b;

    return (x->first_seq > y->first_seq) - (x->first_seq < y->first_seq);
}

/* All buckets, sorted; a bucket that is still being sealed may stand behind younger ones in what the library lists. */
static void collect_buckets(struct run *run, aer_db *db, struct bucket_list *list)
{
    uint64_t next = 1;

    expect(run, db, AER_OK, aer_buckets(db, add_bucket, list), "buckets");
    if (list->count) qsort(list->buckets, list->count, sizeof *list->buckets, by_first_seq);
    for (size_t i = 0; i < list->count; i++) {
        const aer_bucket *b = &list->buckets[i];

        if (b->first_seq != next)
            history_fail(&run->history, "bucket %s starts at %" PRIu64 ", not at %" PRIu64, b->id, b->first_seq, next);
        if (b->live_rows > b->rows || b->rows > b->last_seq + 1 - b->first_seq)
            history_fail(&run->history, "bucket %s: %" PRIu64 " live of %" PRIu64 " rows in %" PRIu64 " to %" PRIu64,
                         b->id, b->live_rows, b->rows, b->first_seq, b->last_seq);
        next = b->last_seq + 1;
    }
}

static int see_row(void *arg, const aer_bucket_row *row)
{
    struct bucket_list *list = arg;
    struct run *run = list->run;
    struct model *m = &run->model;
    size_t key = model_lower_bound(m, row->key.data, row->key.size);
    const struct value *value;

    if (row->seq <= list->last_row_seq || row->seq < list->current->first_seq)
        history_fail(&run->history, "row %" PRIu64 " in bucket %s after %" PRIu64, row->seq, list->current->id,
                     list->last_row_seq);
    list->last_row_seq = row->seq;
    list->row_count++;
    if (key == m->count || m->keys[key].size != row->key.size || memcmp(m->keys[key].bytes, row->key.data, row->key.size) != 0)
        history_fail(&run->history, "row %" PRIu64 " has a key that nobody wrote", row->seq);
    if (!row->is_live || row->is_delete || row->part > 0) return 0;
    value = model_get_stored(m, m->committed, key);
    if (!value || list->seen[key]++)
        history_fail(&run->history, "row %" PRIu64 " is called live, key %s %s", row->seq, key_text(run, key),
                     value ? "has another live row" : "is absent");
    if (row->part == 0 && row->value_size != value->size)
        history_fail(&run->history, "row %" PRIu64 " of key %s has %" PRIu64 " bytes, not %" PRIu64, row->seq,
                     key_text(run, key), row->value_size, value->size);
    return 0;
}

/* False if a compaction in the background replaced a bucket under us. */
static bool see_buckets(struct run *run, aer_db *db, struct bucket_list *list)
{
    collect_buckets(run, db, list);
    for (size_t i = 0; i < list->count; i++) {
        int rc;

        list->current = &list->buckets[i];
        list->row_count = 0;
        rc = aer_bucket_rows(db, list->buckets[i].id, see_row, list);
        if (rc == AER_NOTFOUND) return false;
        expect(run, db, AER_OK, rc, "bucket_rows");
        /* The library's own row that commits a large transaction is counted, but not shown. */
        if (list->buckets[i].state == AER_BUCKET_SEALED &&
            (list->row_count > list->buckets[i].rows || list->row_count + OWN_ROWS_MAX < list->buckets[i].rows))
            history_fail(&run->history, "bucket %s: %" PRIu64 " rows, but told %" PRIu64, list->buckets[i].id,
                         list->row_count, list->buckets[i].rows);
    }
    return true;
}

void inspect_ranges(struct run *run, aer_db *db)
{
    struct bucket_list list = {.run = run};

    collect_buckets(run, db, &list);
    free(list.buckets);
}

void inspect_buckets(struct run *run, aer_db *db)
{
    struct model *m = &run->model;
    struct bucket_list list = {.run = run};
    bool done = false;

    for (int i = 0; i < 20 && !done; i++) {
        free(list.buckets);
        free(list.seen);
        list = (struct bucket_list){.run = run, .seen = calloc(m->count, 1)};
        CHECK(list.seen);
        done = see_buckets(run, db, &list);
    }
    for (size_t key = 0; key < m->count && done; key++)
        if (model_get(m, m->committed, key) && !list.seen[key])
            history_fail(&run->history, "no bucket has a live row of key %s", key_text(run, key));
    free(list.buckets);
    free(list.seen);
}

/* ---- files -------------------------------------------------------------------------------- */

static struct run *files_run; /* nftw hands nothing through */
static size_t files_seen;

static void sound_to_sqlite(const char *path)
{
    char *uri = sqlite3_mprintf("file:%s?immutable=1", path);
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    const char *text = NULL;

    if (sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        text = (const char *)sqlite3_column_text(stmt, 0);
    if (!text || strcmp(text, "ok") != 0)
        history_fail(&files_run->history, "%s: integrity_check: %s", path, text ? text : sqlite3_errmsg(db));
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    sqlite3_free(uri);
}

static int see_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    unsigned char header[100];
    int fd;

    if (type != FTW_F || ftw->level != 3) return 0; /* active files stand higher */
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, header, sizeof header) != (ssize_t)sizeof header)
        history_fail(&files_run->history, "%s: cannot be read", path);
    close(fd);
    if ((st->st_mode & 07777) != 0444 || header[18] != 1 || header[19] != 1 || header[20] != 8)
        history_fail(&files_run->history, "%s: mode %o, journal %d/%d, %d reserved bytes", path,
                     (unsigned)st->st_mode & 07777, header[18], header[19], header[20]);
    sound_to_sqlite(path);
    files_seen++;
    return 0;
}

size_t inspect_files(struct run *run, const char *dir)
{
    char path[4200];

    snprintf(path, sizeof path, "%s/bucketroot", dir);
    files_run = run;
    files_seen = 0;
    nftw(path, see_file, 16, FTW_PHYS);
    return files_seen;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void inspect_remove(const char *dir)
{
    nftw(dir, remove_one, 16, FTW_PHYS | FTW_DEPTH);
}
