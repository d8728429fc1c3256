/* files.c -- what lies below tables/, against a shadow; see compare.h.
 *
 * Each table has its config, each row of a table of files its file with exactly its bytes, and each index of it a tree of
 * directories whose leaves, from left to right, name the rows in the index's order. There is nothing else: no temporary, no empty
 * directory, nothing of theirs in quarantine/.
 */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare.h"
#include "testing.h"

#define PATH 4600

struct look {
    const struct table *t;
    const struct row **rows; /* in the order of the index */
    size_t count, at;
    char *reason;
};

static bool wrong(const struct look *l, const char *path, const char *what)
{
    snprintf(l->reason, REASON, "'%.1000s' %s", path, what);
    return false;
}

static void join(char to[PATH], const char *path, const char *name)
{
    snprintf(to, PATH, "%.4200s/%.300s", path, name);
}

/* Entries of a directory; -1: it is none. */
static int entries(const char *path)
{
    DIR *dir = opendir(path);
    int count = -2;

    if (!dir) return -1;
    while (readdir(dir)) count++;
    closedir(dir);
    return count;
}

/* The same, with the names that are there, and how many each has below it. */
static bool wrong_entries(const struct look *l, const char *path, const char *what)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    size_t used;

    wrong(l, path, what);
    used = strlen(l->reason);
    while (dir && (entry = readdir(dir)) && used < REASON - 100) {
        char below[PATH];

        if (entry->d_name[0] == '.') continue;
        join(below, path, entry->d_name);
        used += (size_t)snprintf(l->reason + used, REASON - used, " %.60s (%d)", entry->d_name, entries(below));
    }
    if (dir) closedir(dir);
    return false;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static bool row_file(const struct look *l, const char *path, const char *id)
{
    static char found[TEXT_MAX + 1], expected[TEXT_MAX];
    const struct row *row = strlen(id) == AER_ID_SIZE - 1 ? shadow_find(l->t, id) : NULL;
    FILE *f = fopen(path, "rb");
    size_t size = f ? fread(found, 1, sizeof found, f) : 0;

    if (f) fclose(f);
    if (!row) return wrong(l, path, "is no row's file");
    if (size != row_text(row, expected) || memcmp(found, expected, size) != 0) return wrong(l, path, "has other bytes");
    return true;
}

/* Below data/; ID grows by each name. */
static bool look_at_rows(struct look *l, const char *path, const char *id, int depth)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    bool same = true;
    int count = 0;

    if (!dir) return depth == 0 && errno == ENOENT ? true : wrong(l, path, "cannot be opened");
    while (same && (entry = readdir(dir))) {
        char below[PATH], longer[300];

        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        count++;
        join(below, path, entry->d_name);
        snprintf(longer, sizeof longer, "%.30s%.255s", id, entry->d_name);
        if (depth < 2) {
            same = look_at_rows(l, below, longer, depth + 1);
        } else {
            same = row_file(l, below, longer);
            l->at++;
        }
    }
    closedir(dir);
    return same && count == 0 ? wrong(l, path, "is empty") : same;
}

/* ---- indexes ------------------------------------------------------------------------------- */

static bool leaf(struct look *l, const char *path, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *id = json_string_value(json_array_get(json_array_get(list, i), 1));

        if (!id || l->at == l->count || strcmp(id, l->rows[l->at]->id) != 0)
            return wrong(l, path, "has entries that are not the rows in order");
        l->at++;
    }
    return true;
}

static bool node(struct look *l, const char *path);

static bool internal(struct look *l, const char *path, const char *dir, const json_t *list)
{
    size_t count = json_array_size(list);

    if (entries(dir) != (int)count + 1) return wrong_entries(l, dir, "has other entries than its children:");
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(list, i);
        const char *name = json_string_value(json_array_get(entry, 1));
        char below[PATH];

        if (!name || (i + 1 == count) !=
                         (json_array_size(entry) == 2 && json_is_null(json_array_get(entry, 0)) && i + 1 == count))
            return wrong(l, path, "is no list of children");
        join(below, dir, name);
        if (!node(l, below)) return false;
    }
    return true;
}

static bool node(struct look *l, const char *path)
{
    char file[PATH];
    json_error_t error;
    json_t *list;
    bool same, is_leaf;

    join(file, path, "leaf");
    list = json_load_file(file, JSON_DECODE_ANY, &error);
    is_leaf = list != NULL;
    if (!list) join(file, path, "internal");
    if (!list) list = json_load_file(file, JSON_DECODE_ANY, &error);
    if (!json_is_array(list)) same = wrong(l, path, "is no node");
    else if (is_leaf) same = entries(path) == 1 ? leaf(l, file, list) : wrong_entries(l, path, "has a leaf and more:");
    else same = internal(l, file, path, list);
    json_decref(list);
    return same;
}

static bool look_at_index(struct look *l, const char *table, const struct index *index)
{
    const struct bounds all = {.from_count = 0};
    char below[PATH], path[PATH];
    bool same;

    join(below, table, "index");
    join(path, below, index->name);
    if (l->t->count == 0 && entries(path) <= 0) return true;
    if (entries(path) != 1) return wrong(l, path, "should have a root, and nothing else");
    join(below, path, "root");
    l->rows = shadow_scan(l->t, index, &all, false, &l->count);
    l->at = 0;
    same = node(l, below);
    if (same && l->at != l->count) same = wrong(l, path, "lacks entries");
    free(l->rows);
    return same;
}

/* ---- all ----------------------------------------------------------------------------------- */

static bool look_at_table(struct look *l, const char *path)
{
    char below[PATH], index[PATH];
    int indexes = 0, found;

    join(below, path, "config");
    if (access(below, R_OK) != 0) return wrong(l, below, "is missing");
    if (l->t->storage == AER_STORAGE_GDBM) return true;
    join(below, path, "data");
    l->at = 0;
    if (l->t->storage != AER_STORAGE_FILES)
        return entries(path) == 1 ? true : wrong(l, path, "has more than its config");
    if (!look_at_rows(l, below, "", 0)) return false;
    if (l->at != l->t->count) return wrong(l, below, "lacks rows");
    for (unsigned i = 0; i < l->t->index_count; i++) {
        join(index, path, "index");
        join(below, index, l->t->indexes[i].name);
        indexes += entries(below) >= 0;
        if (!look_at_index(l, path, &l->t->indexes[i])) return false;
    }
    join(below, path, "index");
    found = entries(below);
    return found == indexes || (found < 0 && !indexes) ? true : wrong_entries(l, below, "has more than its indexes:");
}

/* Buckets of transactions that came to nothing go there by right; no file of a table does. */
static bool look_at_quarantine(const char *dir, char reason[REASON])
{
    struct look l = {.reason = reason};
    char path[PATH], below[PATH];
    struct dirent *entry;
    bool same = true;
    DIR *stream;

    join(path, dir, "quarantine");
    stream = opendir(path);
    while (stream && same && (entry = readdir(stream))) {
        join(below, path, entry->d_name);
        if (entry->d_name[0] != '.' && !strstr(entry->d_name, ".sq3")) same = wrong(&l, below, "should not be there");
    }
    if (stream) closedir(stream);
    return same;
}

bool compare_files(const char *dir, const struct shadow *s, char reason[REASON])
{
    char tables[PATH], path[PATH];
    int count = 0;

    for (int i = 0; i < TABLES; i++) {
        struct look l = {.t = &s->tables[i], .reason = reason};

        if (!l.t->name[0]) continue;
        count++;
        join(tables, dir, "tables");
        join(path, tables, l.t->name);
        if (!look_at_table(&l, path)) return false;
    }
    join(path, dir, "tables");
    if (AER_MAX(entries(path), 0) != count)
        return wrong_entries(&(struct look){.reason = reason}, path, "has other folders than tables:");
    return look_at_quarantine(dir, reason);
}
