/* scene.c -- see scene.h. */
#include "scene.h"

#include "fs/fs.h"
#include "testing.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* No test with a scene cuts the power, so nothing need be waited for. Visible, or libsqlite3 would go on to libc's. */
__attribute__((visibility("default"))) int fsync(int fd)
{
    (void)fd;
    return 0;
}

__attribute__((visibility("default"))) int fdatasync(int fd)
{
    (void)fd;
    return 0;
}

struct kv *scene_open(int dir, uint64_t max_rows, int busy_ms)
{
    struct kv_options options = {.sync = AER_SYNC_OFF,
                                 .busy_ms = busy_ms,
                                 .cache_bytes = 8 << 20,
                                 .bucket_max_rows = max_rows,
                                 .bucket_max_size = 1 << 20};
    struct kv *kv;

    if (aer__fs_kind(dir, LAYOUT_CATALOG) == FS_MISSING) CHECK_OK(aer__kv_create(dir, ERR));
    CHECK_OK(aer__kv_open(dir, &options, &kv, ERR));
    return kv;
}

struct kv *scene_open_quiet(int dir, uint64_t max_rows, int busy_ms)
{
    struct kv *kv = scene_open(dir, max_rows, busy_ms);

    atomic_store(&kv->thread_stop, true);
    return kv;
}

void scene_close(struct kv *kv)
{
    CHECK_OK(aer__kv_close(kv, ERR));
}

int put_text(struct kv *kv, const char *key, const char *value)
{
    struct kv_item item = {.key = key, .key_size = strlen(key), .value = value, .value_size = strlen(value)};

    return aer__kv_put(kv, &item, ERR);
}

int del_text(struct kv *kv, const char *key)
{
    return aer__kv_del(kv, key, strlen(key), ERR);
}

void check_text(struct kv *kv, struct kv_txn *txn, const char *key, const char *value)
{
    struct kv_value got = {0};
    int rc = aer__kv_get(kv, txn, key, strlen(key), &got, ERR);

    if (!value) {
        CHECK_RC(AER_NOTFOUND, rc);
        return;
    }
    CHECK_OK(rc);
    CHECK_MEM(value, strlen(value), got.buffer, got.size);
    aer__free(got.buffer);
}

void seal(struct kv *kv)
{
    CHECK_OK(aer__kv_seal(kv, ERR));
}

aer_compact_result compact(struct kv *kv, int percent)
{
    aer_compact_options options = {.size = sizeof options, .min_dead_percent = percent};
    aer_compact_result result;

    CHECK_OK(aer__kv_compact(kv, &options, &result, ERR));
    return result;
}

static int collect(void *arg, const aer_bucket *b)
{
    struct scene_buckets *list = arg;

    CHECK(list->count < AER_COUNT(list->at));
    CHECK_INT(list->count ? list->at[list->count - 1].last_seq + 1 : 1, b->first_seq);
    CHECK(b->last_seq + 1 >= b->first_seq);
    CHECK(b->live_rows <= b->rows);
    CHECK(b->rows <= b->last_seq + 1 - b->first_seq);
    if (b->state == AER_BUCKET_SEALED) list->sealed++;
    list->at[list->count++] = *b;
    return AER_OK;
}

struct scene_buckets scene_buckets(struct kv *kv)
{
    struct scene_buckets list = {.count = 0};

    CHECK_OK(aer__kv_buckets(kv, collect, &list, ERR));
    return list;
}

struct count {
    uint64_t rows, live;
};

static int count_row(void *arg, const aer_bucket_row *row)
{
    struct count *count = arg;

    count->rows++;
    count->live += row->is_live && !row->is_delete;
    return AER_OK;
}

void check_live(struct kv *kv)
{
    struct scene_buckets list = scene_buckets(kv);

    for (size_t i = 0; i < list.sealed; i++) {
        struct count count = {0, 0};
        int rc = aer__kv_bucket_rows(kv, list.at[i].id, count_row, &count, ERR);
        if (rc == AER_NOTFOUND) { /* the background has just made another of it */
            CHECK(!aer__view_bucket_is(kv, list.at[i].id));
            list = scene_buckets(kv);
            i = (size_t)-1;
            continue;
        }
        CHECK_OK(rc);
        CHECK(count.rows <= list.at[i].rows); /* commit rows are not told, and count as live */
        CHECK_INT(count.live + (list.at[i].rows - count.rows), list.at[i].live_rows);
    }
}

static int name_row(void *arg, const aer_bucket_row *row)
{
    char *text = arg;
    size_t used = strlen(text);

    CHECK(used + row->key.size + 8 < 1024);
    snprintf(text + used, 1024 - used, "%s%s:%.*s", used ? " " : "", row->is_delete ? "del" : "put", (int)row->key.size,
             (const char *)row->key.data);
    return AER_OK;
}

const char *rows_of(struct kv *kv, const char *id)
{
    static char text[1024];

    text[0] = '\0';
    CHECK_OK(aer__kv_bucket_rows(kv, id, name_row, text, ERR));
    return text;
}

static int count_file(void *arg, const char *path, int kind, uint64_t size)
{
    char id[LAYOUT_ID_SIZE];

    (void)size;
    CHECK(kind != FS_FILE || !aer__fs_is_temporary(path));
    *(unsigned *)arg += kind == FS_FILE && aer__layout_path_parse(id, path);
    return AER_OK;
}

unsigned bucket_files(int dir)
{
    unsigned count = 0;

    CHECK_OK(aer__fs_walk(dir, LAYOUT_BUCKETROOT, count_file, &count, ERR));
    return count;
}
