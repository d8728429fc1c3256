/* conf.c -- gertrude.conf: the settings of a database, as JSON that people may read and edit.
 *
 *   { "schema_version": 1, "gertrude_version": "aerials 0.1.0", "comment": "...",
 *     "settings": { "bucket_max_rows": 10000, "bucket_max_size": 16777216, "index_fanout": 128, "sync": "full" } }
 *
 * Names we do not know are kept when the file is written again.
 */
#include "db/handle.h"
#include "fs/fs.h"
#include "layout/layout.h"
#include "json/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONF_SIZE_MAX (1024 * 1024)

static const char *const sync_names[] = {[AER_SYNC_FULL] = "full", [AER_SYNC_NORMAL] = "normal", [AER_SYNC_OFF] = "off"};
static const char *const names[] = {"bucket_max_rows", "bucket_max_size", "sync", "index_fanout", "comment"};

const char *aer_config_name(int i)
{
    return i >= 0 && (size_t)i < AER_COUNT(names) ? names[i] : NULL;
}

void aer__conf_release(struct conf *c)
{
    aer__free(c->comment);
    c->comment = NULL;
}

int aer__conf_check(const struct conf *c, struct err *err)
{
    if (c->bucket_max_rows < 1 || c->bucket_max_rows > 1000000000)
        return aer__err_set(err, AER_INVALID, "bucket_max_rows must be between 1 and 1000000000");
    if (c->bucket_max_size < 4096 || c->bucket_max_size > UINT64_C(1) << 30)
        return aer__err_set(err, AER_INVALID, "bucket_max_size must be between 4096 bytes and 1 GiB");
    if (c->sync < AER_SYNC_FULL || c->sync > AER_SYNC_OFF)
        return aer__err_set(err, AER_INVALID, "sync must be full, normal or off");
    if (c->index_fanout < TREE_FANOUT_MIN || c->index_fanout > TREE_FANOUT_MAX)
        return aer__err_set(err, AER_INVALID, "index_fanout must be between %d and %d", TREE_FANOUT_MIN, TREE_FANOUT_MAX);
    return AER_OK;
}

static int find_sync(const char *name)
{
    for (int i = AER_SYNC_FULL; i <= AER_SYNC_OFF; i++) {
        if (strcmp(name, sync_names[i]) == 0) return i;
    }
    return 0;
}

static int parse_settings(json_t *settings, struct conf *c, struct err *err)
{
    json_t *rows = json_object_get(settings, "bucket_max_rows"), *size = json_object_get(settings, "bucket_max_size"),
           *sync = json_object_get(settings, "sync"), *fanout = json_object_get(settings, "index_fanout");

    if ((rows && !json_is_integer(rows)) || (size && !json_is_integer(size)) || (sync && !json_is_string(sync)) ||
        (fanout && !json_is_integer(fanout)))
        return aer__err_set(err, AER_CORRUPT, "'%s': a setting has the wrong type", LAYOUT_CONF);
    if (rows) c->bucket_max_rows = (uint64_t)json_integer_value(rows);
    if (size) c->bucket_max_size = (uint64_t)json_integer_value(size);
    if (sync) c->sync = find_sync(json_string_value(sync));
    if (fanout) c->index_fanout = (unsigned)AER_MIN((uint64_t)json_integer_value(fanout), (uint64_t)UINT32_MAX);
    if (aer__conf_check(c, err)) {
        aer__err_prefix(err, "'%s'", LAYOUT_CONF);
        if (err) err->code = AER_CORRUPT;
        return AER_CORRUPT;
    }
    return AER_OK;
}

static int load(int dir, json_t **root, struct err *err)
{
    struct err problem = {0};
    void *text = NULL;
    size_t size;
    int rc = aer__fs_read_all(dir, LAYOUT_CONF, CONF_SIZE_MAX, &text, &size, err);

    if (rc) return rc;
    rc = aer__json_read(text, size, root, &problem);
    aer__free(text);
    if (rc == AER_NOMEM) return aer__err_nomem(err);
    if (rc) return aer__err_set(err, AER_CORRUPT, "'%s', %s", LAYOUT_CONF, problem.message);
    if (json_is_object(*root)) return AER_OK;
    json_decref(*root);
    *root = NULL;
    return aer__err_set(err, AER_CORRUPT, "'%s' is not a JSON object", LAYOUT_CONF);
}

static int parse_comment(json_t *comment, struct conf *c, struct err *err)
{
    const char *text = json_string_value(comment);

    if (!text) return AER_OK;
    if (strlen(text) != json_string_length(comment))
        return aer__err_set(err, AER_CORRUPT, "'%s': the comment has a NUL in it", LAYOUT_CONF);
    c->comment = aer__strdup(text);
    return c->comment ? AER_OK : aer__err_nomem(err);
}

int aer__conf_read(int dir, struct conf *c, struct err *err)
{
    json_t *root = NULL, *version, *settings, *comment;
    int rc = load(dir, &root, err);

    *c = CONF_DEFAULT;
    if (rc == AER_NOTFOUND) {
        if (aer__fs_kind(dir, LAYOUT_CATALOG) == FS_FILE || aer__fs_kind(dir, LAYOUT_TABLES) == FS_DIR)
            return AER_OK; /* lost, and the rest is there: defaults do */
        return aer__err_set(err, AER_NODB, "there is no database here: neither '%s' nor '%s'", LAYOUT_CONF, LAYOUT_CATALOG);
    }
    if (rc) return rc;
    version = json_object_get(root, "schema_version");
    settings = json_object_get(root, "settings");
    comment = json_object_get(root, "comment");
    if (!json_is_integer(version)) rc = aer__err_set(err, AER_CORRUPT, "'%s' has no schema_version", LAYOUT_CONF);
    else if (json_integer_value(version) > AER_FORMAT_VERSION || json_integer_value(version) < 1)
        rc = aer__err_set(err, AER_NEWER, "'%s' has schema_version %" PRId64 "; this version reads up to %d",
                          LAYOUT_CONF, (int64_t)json_integer_value(version), AER_FORMAT_VERSION);
    else if (settings && !json_is_object(settings))
        rc = aer__err_set(err, AER_CORRUPT, "'%s': settings is not an object", LAYOUT_CONF);
    else if (settings) rc = parse_settings(settings, c, err);
    if (rc == AER_OK) rc = parse_comment(comment, c, err);
    json_decref(root);
    return rc;
}

/* Into memory of ours: jansson's own leaves out what it had no memory for (json_dumps, 2.14). */
static int dump(const json_t *root, char **text, size_t *size, struct err *err)
{
    size_t room = json_dumpb(root, NULL, 0, JSON_INDENT(2));

    *text = room ? aer__alloc(room + 1) : NULL;
    if (!*text || json_dumpb(root, *text, room, JSON_INDENT(2)) != room) return aer__err_nomem(err);
    (*text)[room] = '\n';
    *size = room + 1;
    return AER_OK;
}

int aer__conf_write(int dir, const struct conf *c, struct err *err)
{
    json_t *root = NULL, *settings;
    char *text = NULL;
    size_t size = 0;
    int rc = load(dir, &root, NULL);

    if (rc == AER_NOMEM) return aer__err_nomem(err); /* else names we do not know would be lost */
    if (rc) root = json_object();                    /* missing, or not to be saved */
    settings = json_object_get(root, "settings");
    if (!json_is_object(settings)) {
        json_object_set_new(root, "settings", json_object());
        settings = json_object_get(root, "settings");
    }
    rc = json_object_set_new(root, "schema_version", json_integer(AER_FORMAT_VERSION)) ||
         json_object_set_new(root, "gertrude_version", json_string("aerials " AER_VERSION)) ||
         json_object_set_new(root, "comment", json_string(c->comment ? c->comment : "")) ||
         json_object_set_new(settings, "bucket_max_rows", json_integer((json_int_t)c->bucket_max_rows)) ||
         json_object_set_new(settings, "bucket_max_size", json_integer((json_int_t)c->bucket_max_size)) ||
         json_object_set_new(settings, "index_fanout", json_integer(c->index_fanout)) ||
         json_object_set_new(settings, "sync", json_string(sync_names[c->sync]));
    if (rc == 0) rc = dump(root, &text, &size, err);
    else rc = aer__err_nomem(err); /* a comment that is not UTF-8 was refused before */
    if (rc == AER_OK) rc = aer__fs_replace(dir, LAYOUT_CONF, text, size, 0644, err);
    aer__free(text);
    json_decref(root);
    return rc;
}

static int parse_number(const char *name, const char *value, uint64_t *number, struct err *err)
{
    char *end;

    errno = 0;
    *number = strtoull(value, &end, 10);
    if (errno || *end || end == value || *value == '-' || *value == '+' || *value == ' ')
        return aer__err_set(err, AER_INVALID, "'%s' is not a number for %s", value, name);
    return AER_OK;
}

static int set_comment(struct conf *c, const char *value, struct err *err)
{
    json_error_t problem;
    json_t *text = json_pack_ex(&problem, 0, "s", value); /* which tells bad text from no memory */
    char *copy = text ? aer__strdup(value) : NULL;

    if (!text && json_error_code(&problem) == json_error_invalid_utf8)
        return aer__err_set(err, AER_INVALID, "the comment is not UTF-8");
    json_decref(text);
    if (!copy) return aer__err_nomem(err);
    aer__free(c->comment);
    c->comment = copy;
    return AER_OK;
}

int aer__conf_set(struct conf *c, const char *name, const char *value, struct err *err)
{
    struct conf changed = *c;
    uint64_t number = 0;
    int rc = AER_OK;

    if (strcmp(name, "comment") == 0) return set_comment(c, value, err);
    if (strcmp(name, "bucket_max_rows") == 0) rc = parse_number(name, value, &changed.bucket_max_rows, err);
    else if (strcmp(name, "bucket_max_size") == 0) rc = parse_number(name, value, &changed.bucket_max_size, err);
    else if (strcmp(name, "sync") == 0) changed.sync = find_sync(value);
    else if (strcmp(name, "index_fanout") == 0) rc = parse_number(name, value, &number, err);
    else return AER_NOTFOUND;
    if (strcmp(name, "index_fanout") == 0) changed.index_fanout = (unsigned)AER_MIN(number, (uint64_t)UINT32_MAX);
    if (rc == AER_OK) rc = aer__conf_check(&changed, err);
    if (rc == AER_OK) *c = changed;
    return rc;
}

int aer__conf_get(const struct conf *c, const char *name, char **value, struct err *err)
{
    char number[32];
    const char *text = number;

    if (strcmp(name, "bucket_max_rows") == 0) snprintf(number, sizeof number, "%" PRIu64, c->bucket_max_rows);
    else if (strcmp(name, "bucket_max_size") == 0) snprintf(number, sizeof number, "%" PRIu64, c->bucket_max_size);
    else if (strcmp(name, "sync") == 0) text = sync_names[c->sync];
    else if (strcmp(name, "index_fanout") == 0) snprintf(number, sizeof number, "%u", c->index_fanout);
    else if (strcmp(name, "comment") == 0) text = c->comment ? c->comment : "";
    else return AER_NOTFOUND;
    *value = aer__strdup(text);
    return *value ? AER_OK : aer__err_nomem(err);
}
