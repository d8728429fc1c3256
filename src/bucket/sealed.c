/* sealed.c -- open a sealed bucket, keep it, let it go.
 *
 * For: kv, which reads millions of rows from up to 10^5 of them, with few open at a time: an open is one read of 16 KiB for all
 * but the largest files, and a handle takes 12 bytes a leaf page, and 2 a small row.
 * Must not know: where a row lies in the catalogue, or which handles are worth keeping.
 */
#include "bucket/sealed.h"

#include "fs/fs.h"

#include <string.h>

static int open_file(struct sealed *s, int *os_error, struct err *err)
{
    int rc;

    rc = aer__fs_open_read(s->dir, s->path, &s->pages.fd, os_error, err);
    if (rc) {
        s->pages.fd = -1;
        return rc;
    }
    return aer__fs_size(s->pages.fd, s->path, &s->size, err);
}

int aer__sealed_open(int dir, const char *id, const char *database, struct sealed **sealed, int *os_error, struct err *err)
{
    struct err reason = {0};
    struct sealed *s;
    int rc;

    *sealed = NULL;
    if (os_error) *os_error = 0;
    s = aer__calloc(1, sizeof *s);
    if (!s) return aer__err_nomem(err);
    s->dir = dir;
    aer__layout_bucket_path(s->path, id);
    s->pages = (struct pages){.fd = -1, .name = s->path};
    atomic_init(&s->sound, false);
    rc = open_file(s, os_error, err);
    if (rc) goto out;
    rc = aer__sealed_examine(s, database, id, &reason);
    if (!rc) rc = aer__place_init(s, &reason);
    if (rc == AER_CORRUPT) {
        s->odd = true;
        rc = aer__fallback_examine(s, database, id, &reason, err);
    } else if (rc) {
        aer__err_set(err, rc, "%s", reason.message);
    }
    if (rc) goto out;
    *sealed = s;
    s = NULL;
out:
    aer__sealed_close(s);
    return rc;
}

void aer__sealed_close(struct sealed *s)
{
    if (!s) return;
    aer__fs_close(s->pages.fd);
    aer__free((void *)s->pages.image);
    aer__free(s->greatest);
    aer__free(s->leaf);
    aer__free(s->place);
    aer__free(s);
}

const struct bucket_info *aer__sealed_info(const struct sealed *s)
{
    return &s->info;
}

uint64_t aer__sealed_size(const struct sealed *s)
{
    return s->size;
}

uint64_t aer__sealed_memory(const struct sealed *s)
{
    return sizeof *s + s->leaf_room * (sizeof *s->greatest + sizeof *s->leaf) +
           (s->place ? s->rows * sizeof *s->place : 0) + (s->pages.image ? s->size : 0);
}

int aer__sealed_load(struct sealed *s, struct err *err)
{
    unsigned char *image;
    int rc;

    if (s->odd || s->pages.image) return AER_OK;
    if (s->size > SIZE_MAX) return aer__err_nomem(err);
    image = aer__alloc((size_t)s->size);
    if (!image) return aer__err_nomem(err);
    rc = aer__fs_pread(s->pages.fd, s->path, image, (size_t)s->size, 0, err);
    if (rc) {
        aer__free(image);
        return rc;
    }
    s->pages.image = image;
    s->pages.image_count = s->pages.count;
    /* All that will be asked of the file is here now: the descriptor is worth more to others. */
    aer__fs_close(s->pages.fd);
    s->pages.fd = -1;
    return AER_OK;
}
