/* test_names.c -- docs/format.md names every table, column and setting on disk, and nothing that is not there.
 *
 * In the document a column stands as `table.column`, a table or a view as `table`, what the rows of a table of names
 * are called (settings of the catalogue, rows of bucket_info) as `name`, and a member of gertrude.conf as `settings.sync`.
 */
#include <aerials.h>
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"
#include "sql.h"
#include "testing.h"

#define NAME_SIZE 80
#define NAMES_MAX 400

struct names {
    char names[NAMES_MAX][NAME_SIZE];
    size_t count;
};

static bool has(const struct names *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (!strcmp(list->names[i], name)) return true;
    return false;
}

static void add(void *arg, const char *name)
{
    struct names *list = arg;

    if (has(list, name)) return;
    CHECK(list->count < NAMES_MAX);
    snprintf(list->names[list->count++], NAME_SIZE, "%s", name);
}

/* ---- the document ------------------------------------------------------------------------- */

static char *read_document(void)
{
    char name[4300], *text;
    const char *slash = strrchr(__FILE__, '/');
    size_t size;
    FILE *f;

    snprintf(name, sizeof name, "%.*s/../../docs/format.md", slash ? (int)(slash - __FILE__) : 1, slash ? __FILE__ : ".");
    f = fopen(name, "rb");
    CHECK(f);
    text = malloc(1 << 20);
    CHECK(text);
    size = fread(text, 1, (1 << 20) - 1, f);
    text[size] = '\0';
    fclose(f);
    return text;
}

/* Everything between single backquotes on one line; blocks of code, fenced by three, are left out. */
static void quoted_names(char *text, struct names *list)
{
    bool in_code = false;

    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char *start = line, *end;

        if (!strncmp(line + strspn(line, " "), "```", 3)) {
            in_code = !in_code;
            continue;
        }
        while (!in_code && (start = strchr(start, '`')) && (end = strchr(start + 1, '`'))) {
            *end = '\0';
            if (end - start - 1 < NAME_SIZE) add(list, start + 1);
            start = end + 1;
        }
    }
}

static bool is_word(const char *text, size_t size)
{
    if (size == 0) return false;
    for (size_t i = 0; i < size; i++)
        if (!islower((unsigned char)text[i]) && text[i] != '_') return false;
    return true;
}

/* `table.column`, of letters and underscores, and not the name of a file. */
static bool is_column_name(const char *name)
{
    static const char *const endings[] = {"conf", "lock", "md", "h", "c", "json", "so", "sq", "db"};
    const char *dot = strchr(name, '.');

    if (!dot || !is_word(name, (size_t)(dot - name)) || !is_word(dot + 1, strlen(dot + 1))) return false;
    for (size_t i = 0; i < AER_COUNT(endings); i++)
        if (!strcmp(dot + 1, endings[i])) return false;
    return true;
}

/* ---- the schema --------------------------------------------------------------------------- */

#define COLUMNS                                                                             \
    "SELECT s.name || '.' || c.name FROM sqlite_schema s JOIN pragma_table_info(s.name) c " \
    "WHERE s.type IN ('table', 'view') AND s.name NOT LIKE 'sqlite%'"
#define TABLES "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%'"

/* A member of a member is named by its path, `settings.sync`. */
static void names_of_conf(const char *path, struct names *list)
{
    char name[SAMPLE_PATH + 40];
    json_t *conf, *value;
    const char *key;

    snprintf(name, sizeof name, "%s/gertrude.conf", path);
    conf = json_load_file(name, 0, NULL);
    CHECK(conf);
    json_object_foreach(conf, key, value)
    {
        char member[NAME_SIZE];
        const char *inner;
        json_t *unused;

        if (!json_is_object(value)) add(list, key);
        else json_object_foreach(value, inner, unused)
            {
                snprintf(member, sizeof member, "%s.%s", key, inner);
                add(list, member);
            }
    }
    json_decref(conf);
}

static void names_on_disk(struct names *columns, struct names *others)
{
    const char *path = sample_database();
    sqlite3 *catalogue = sql_open(path, "aerial.sq3");
    sqlite3 *bucket;
    char file[SQL_TEXT];

    sql_each(catalogue, COLUMNS, add, columns);
    sql_each(catalogue, TABLES, add, others);
    sql_each(catalogue, "SELECT name FROM settings", add, others);
    sql_text(catalogue, "SELECT 'bucketroot/' || dir || '/' || file FROM buckets LIMIT 1", file);
    sqlite3_close(catalogue);
    bucket = sql_open(path, file);
    sql_each(bucket, COLUMNS, add, columns);
    sql_each(bucket, TABLES, add, others);
    sql_each(bucket, "SELECT name FROM bucket_info", add, others);
    sqlite3_close(bucket);
    names_of_conf(path, columns);
}

static int report(const struct names *wanted, const struct names *found, const char *what)
{
    int missing = 0;

    for (size_t i = 0; i < wanted->count; i++) {
        if (has(found, wanted->names[i])) continue;
        fprintf(stderr, "  `%s` is not %s\n", wanted->names[i], what);
        missing++;
    }
    return missing;
}

TEST(the_document_names_what_is_on_disk_and_nothing_else)
{
    static struct names quoted, quoted_columns, columns, others;
    char *text = read_document();
    int wrong = 0;

    quoted_names(text, &quoted);
    free(text);
    for (size_t i = 0; i < quoted.count; i++)
        if (is_column_name(quoted.names[i])) add(&quoted_columns, quoted.names[i]);
    names_on_disk(&columns, &others);
    CHECK(columns.count > 20 && others.count > 10);
    wrong += report(&columns, &quoted, "in docs/format.md");
    wrong += report(&others, &quoted, "in docs/format.md");
    wrong += report(&quoted_columns, &columns, "a column on disk");
    CHECK_INT(0, wrong);
}
