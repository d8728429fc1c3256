/* meta.c -- type, mode and mtime of a file as the JSON of a key's meta, and back. The form is in port.h. */
#include "port/port_internal.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NS = 1000000000, META_MAX = 65536, META_DEPTH = 64 };

static const char *type_name(char type)
{
    return type == 'd' ? "dir" : type == 'l' ? "symlink" : "file";
}

size_t aer__port_meta_format(const struct port_meta *meta, char text[PORT_META_SIZE])
{
    int64_t sec = meta->mtime_sec;
    long nsec = meta->mtime_nsec;
    const char *sign = "";

    if (sec < 0) { /* before 1970: seconds and their part count down together */
        sign = "-";
        sec = nsec ? -(sec + 1) : -sec;
        nsec = nsec ? NS - nsec : 0;
    }
    return (size_t)snprintf(text, PORT_META_SIZE, "{\"type\":\"%s\",\"mode\":\"%04o\",\"mtime\":\"%s%" PRId64 ".%09ld\"}",
                            type_name(meta->type), meta->mode & 07777, sign, sec, nsec);
}

static bool parse_mtime_text(const char *text, struct port_meta *meta)
{
    bool negative = *text == '-';
    long part = 0, unit = NS;
    int64_t sec;
    char *end;

    text += negative;
    if (!isdigit((unsigned char)*text)) return false;
    errno = 0;
    sec = strtoll(text, &end, 10);
    if (errno) return false;
    if (*end == '.')
        for (end++; isdigit((unsigned char)*end); end++)
            if (unit > 1) part += (*end - '0') * (unit /= 10);
    if (*end) return false;
    meta->mtime_sec = negative ? (part ? -sec - 1 : -sec) : sec;
    meta->mtime_nsec = negative && part ? NS - part : part;
    return true;
}

static bool parse_mtime(const json_t *value, struct port_meta *meta)
{
    double number, part;

    if (json_is_string(value)) return parse_mtime_text(json_string_value(value), meta);
    if (!json_is_number(value)) return false;
    number = json_number_value(value);
    if (!(number > -1e15 && number < 1e15)) return false;
    meta->mtime_sec = (int64_t)number;
    if ((double)meta->mtime_sec > number) meta->mtime_sec--; /* the cast cuts towards zero */
    part = (number - (double)meta->mtime_sec) * NS;
    meta->mtime_nsec = part >= NS ? NS - 1 : (long)part;
    return true;
}

static bool parse_mode(const char *text, struct port_meta *meta)
{
    char *end;
    unsigned long mode;

    if (!text || !isdigit((unsigned char)*text)) return false;
    mode = strtoul(text, &end, 8);
    if (*end || mode > 07777) return false;
    meta->mode = (unsigned)mode;
    return true;
}

void aer__port_meta_parse(const char *text, size_t size, struct port_meta *meta, bool *extra)
{
    json_t *object = json_loadb(text, size, JSON_ALLOW_NUL, NULL);
    const char *type = json_string_value(json_object_get(object, "type"));

    memset(meta, 0, sizeof(*meta));
    if (type && strcmp(type, "file") == 0) meta->type = 'f';
    else if (type && strcmp(type, "dir") == 0) meta->type = 'd';
    else if (type && strcmp(type, "symlink") == 0) meta->type = 'l';
    meta->has_mode = parse_mode(json_string_value(json_object_get(object, "mode")), meta);
    meta->has_mtime = parse_mtime(json_object_get(object, "mtime"), meta);
    *extra = json_object_size(object) != (size_t)(meta->type != 0) + meta->has_mode + meta->has_mtime;
    json_decref(object);
}

static int depth_of(json_t *value, int limit)
{
    const char *name;
    json_t *member;
    size_t i;
    int deepest = 0, depth;

    if (limit == 0 || (!json_is_object(value) && !json_is_array(value))) return 0;
    json_object_foreach(value, name, member)
    {
        depth = depth_of(member, limit - 1);
        if (depth > deepest) deepest = depth;
    }
    json_array_foreach(value, i, member)
    {
        depth = depth_of(member, limit - 1);
        if (depth > deepest) deepest = depth;
    }
    return deepest + 1;
}

const char *aer__port_meta_refused(const char *text, size_t size)
{
    json_t *object = size > META_MAX ? NULL : json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    const char *why = NULL;

    if (size > META_MAX) why = "its meta is longer than 64 KiB";
    else if (!json_is_object(object)) why = "its meta is no JSON object that can be kept";
    else if (depth_of(object, META_DEPTH + 1) > META_DEPTH) why = "its meta is nested too deep";
    json_decref(object);
    return why;
}
