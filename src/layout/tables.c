/* tables.c -- names of tables, rows and index nodes.
 *
 * A row's id is 20 characters over 34 (no 0, no O): "X123M3IJW1290DEV2APF" is not one, "X123M3IJW129QDEV2APF" is, and its
 * file is data/X1/23/M3IJW129QDEV2APF. Upper case and digits only, so the layout survives file systems that fold case.
 *
 * Must not know: what the files hold.
 */
#include "layout/layout.h"

#include "fs/fs.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char alphabet[] = "123456789ABCDEFGHIJKLMNPQRSTUVWXYZ";
#define ALPHABET_SIZE (sizeof alphabet - 1)

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool aer__layout_name_ok(const char *name)
{
    size_t size = 0;

    if (!name || !is_letter(name[0])) return false;
    for (; name[size]; size++) {
        if (size == LAYOUT_NAME_MAX || !(is_letter(name[size]) || (name[size] >= '0' && name[size] <= '9')))
            return false;
    }
    return true;
}

static bool all_of_alphabet(const char *s, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!s[i] || !strchr(alphabet, s[i])) return false;
    return true;
}

bool aer__layout_row_id_ok(const char *id)
{
    return id && all_of_alphabet(id, LAYOUT_ROW_ID_SIZE - 1) && id[LAYOUT_ROW_ID_SIZE - 1] == '\0';
}

static int next_character(struct layout_pool *pool, char *c, struct err *err)
{
    unsigned char byte;

    do { /* 238 = 7 * 34: each character is as likely as any other */
        if (pool->left == 0) {
            int rc = aer__fs_random(pool->bytes, sizeof pool->bytes, err);
            if (rc) return rc;
            pool->left = sizeof pool->bytes;
        }
        byte = pool->bytes[--pool->left];
    } while (byte >= 7 * ALPHABET_SIZE);
    *c = alphabet[byte % ALPHABET_SIZE];
    return AER_OK;
}

int aer__layout_new_row_id(struct layout_pool *pool, char id[LAYOUT_ROW_ID_SIZE], const char *prefix, struct err *err)
{
    size_t size = strlen(prefix);
    int rc = AER_OK;

    assert(size < LAYOUT_ROW_ID_SIZE);
    memcpy(id, prefix, size);
    for (; rc == AER_OK && size < LAYOUT_ROW_ID_SIZE - 1; size++) rc = next_character(pool, &id[size], err);
    id[size] = '\0';
    return rc;
}

void aer__layout_row(char name[LAYOUT_FILE_SIZE], const char *id)
{
    memcpy(name, LAYOUT_DATA "/XX/YY/", sizeof LAYOUT_DATA "/XX/YY/" - 1);
    memcpy(name + 5, id, 2);
    memcpy(name + 8, id + 2, 2);
    memcpy(name + 11, id + 4, LAYOUT_ROW_ID_SIZE - 4);
}

bool aer__layout_row_parse(char id[LAYOUT_ROW_ID_SIZE], const char *name)
{
    id[0] = '\0';
    if (strlen(name) != 27 || strncmp(name, LAYOUT_DATA "/", 5) != 0 || name[7] != '/' || name[10] != '/') return false;
    memcpy(id, name + 5, 2);
    memcpy(id + 2, name + 8, 2);
    memcpy(id + 4, name + 11, 17);
    if (aer__layout_row_id_ok(id)) return true;
    id[0] = '\0';
    return false;
}

void aer__layout_node(char name[LAYOUT_FILE_SIZE], const char *index, const char *path, bool is_leaf)
{
    snprintf(name, LAYOUT_FILE_SIZE, LAYOUT_INDEX "/%s/%s/%s", index, path, is_leaf ? "leaf" : "internal");
}

void aer__layout_table_path(char path[LAYOUT_TABLE_PATH_SIZE], const char *table, const char *name)
{
    snprintf(path, LAYOUT_TABLE_PATH_SIZE, LAYOUT_TABLES "/%s%s%s", table, name[0] ? "/" : "", name);
}

size_t aer__layout_table_key(char key[LAYOUT_KEY_SIZE], uint32_t table, unsigned index)
{
    int size = index ? snprintf(key, LAYOUT_KEY_SIZE, LAYOUT_KEY_RESERVED "%u/i%u/", table, index)
                     : snprintf(key, LAYOUT_KEY_SIZE, LAYOUT_KEY_RESERVED "%u/d/", table);

    return (size_t)size;
}

bool aer__layout_key_reserved(const void *key, size_t size)
{
    const size_t reserved = sizeof LAYOUT_KEY_RESERVED - 1;

    return size >= reserved && memcmp(key, LAYOUT_KEY_RESERVED, reserved) == 0;
}

void aer__layout_quarantine_file(char path[LAYOUT_TABLE_PATH_SIZE], const char *file_path, unsigned copy)
{
    const size_t tables = sizeof LAYOUT_TABLES;
    char *at;

    if (strncmp(file_path, LAYOUT_TABLES "/", tables) == 0) file_path += tables;
    if (copy == 0) snprintf(path, LAYOUT_TABLE_PATH_SIZE, LAYOUT_QUARANTINE "/%s", file_path);
    else snprintf(path, LAYOUT_TABLE_PATH_SIZE, LAYOUT_QUARANTINE "/%s-%u", file_path, copy);
    for (at = path + sizeof LAYOUT_QUARANTINE; *at; at++)
        if (*at == '/') *at = '-';
}
