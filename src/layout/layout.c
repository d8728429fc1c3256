/* layout.c -- make and parse every name in a database directory.
 *
 * A bucket's identifier is 8 random bytes as 16 lower-case hex digits, the same on file systems that fold case:
 *
 *   28dd1a21d3fdabf7   is   bucketroot/28/dd/1a21d3fdabf7.sq3
 *
 * Two levels of 256 directories keep each of them small up to millions of buckets. Identifiers are never reused, so a
 * -wal left behind by one file cannot be replayed into another one.
 *
 * Must not know: what the files hold.
 */
#include "layout/layout.h"

#include "fs/fs.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define SUFFIX ".sq3"

static bool is_hex(const char *s, size_t size)
{
    size_t i;

    for (i = 0; i < size; i++)
        if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f'))) return false;
    return true;
}

const char *aer__layout_active(int which)
{
    static const char *const names[LAYOUT_ACTIVE_COUNT] = {LAYOUT_BUCKETROOT "/active-0" SUFFIX,
                                                           LAYOUT_BUCKETROOT "/active-1" SUFFIX};

    assert(which >= 0 && which < LAYOUT_ACTIVE_COUNT);
    return names[which];
}

int aer__layout_new_id(char id[LAYOUT_ID_SIZE], struct err *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[(LAYOUT_ID_SIZE - 1) / 2];
    size_t i;
    int rc;

    id[0] = '\0';
    rc = aer__fs_random(bytes, sizeof(bytes), err);
    if (rc) return rc;
    for (i = 0; i < sizeof(bytes); i++) {
        id[2 * i] = digits[bytes[i] >> 4];
        id[2 * i + 1] = digits[bytes[i] & 15];
    }
    id[LAYOUT_ID_SIZE - 1] = '\0';
    return AER_OK;
}

bool aer__layout_id_ok(const char *id)
{
    return id && strnlen(id, LAYOUT_ID_SIZE) == LAYOUT_ID_SIZE - 1 && is_hex(id, LAYOUT_ID_SIZE - 1);
}

void aer__layout_bucket_path(char path[LAYOUT_PATH_SIZE], const char *id)
{
    assert(aer__layout_id_ok(id));
    snprintf(path, LAYOUT_PATH_SIZE, LAYOUT_BUCKETROOT "/%.2s/%.2s/%.12s" SUFFIX, id, id + 2, id + 4);
}

void aer__layout_bucket_columns(char dir[6], char file[17], const char *id)
{
    assert(aer__layout_id_ok(id));
    snprintf(dir, 6, "%.2s/%.2s", id, id + 2);
    snprintf(file, 17, "%.12s" SUFFIX, id + 4);
}

bool aer__layout_bucket_parse(char id[LAYOUT_ID_SIZE], const char *dir, const char *file)
{
    id[0] = '\0';
    if (!dir || strnlen(dir, 6) != 5 || dir[2] != '/' || !is_hex(dir, 2) || !is_hex(dir + 3, 2)) return false;
    if (!file || strnlen(file, 17) != 16 || !is_hex(file, 12) || memcmp(file + 12, SUFFIX, 4) != 0) return false;
    memcpy(id, dir, 2);
    memcpy(id + 2, dir + 3, 2);
    memcpy(id + 4, file, 12);
    id[LAYOUT_ID_SIZE - 1] = '\0';
    return true;
}

bool aer__layout_path_parse(char id[LAYOUT_ID_SIZE], const char *path)
{
    const size_t root = sizeof(LAYOUT_BUCKETROOT "/") - 1;
    char dir[6];

    id[0] = '\0';
    if (!path || strncmp(path, LAYOUT_BUCKETROOT "/", root) != 0) return false;
    path += root;
    if (strnlen(path, 6) < 6 || path[5] != '/') return false;
    memcpy(dir, path, 5);
    dir[5] = '\0';
    return aer__layout_bucket_parse(id, dir, path + 6);
}

void aer__layout_quarantine_path(char path[LAYOUT_PATH_SIZE], const char *id, unsigned copy)
{
    assert(aer__layout_id_ok(id));
    if (copy == 0) snprintf(path, LAYOUT_PATH_SIZE, LAYOUT_QUARANTINE "/%.16s" SUFFIX, id);
    else snprintf(path, LAYOUT_PATH_SIZE, LAYOUT_QUARANTINE "/%.16s-%u" SUFFIX, id, copy);
}
