/* error.c -- one failure and its sentence, and what was left out. */
#define AER_PORT_ERROR_C
#include "port/port_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int aer__port_fail(struct port_error *error, int code, const char *format, ...)
{
    va_list list;

    if (error->code) return error->code; /* the first cause stands */
    error->code = code;
    va_start(list, format);
    vsnprintf(error->message, sizeof(error->message), format, list);
    va_end(list);
    return code;
}

int aer__port_fail_os(struct port_error *error, const char *verb, const char *name)
{
    int cause = errno;
    int code = cause == ENOSPC || cause == EDQUOT  ? AER_FULL
               : cause == EACCES || cause == EPERM ? AER_PERM
               : cause == EROFS                    ? AER_READONLY
               : cause == ENOMEM                   ? AER_NOMEM
                                                   : AER_IO;
    char text[256];

    return aer__port_fail(error, code, "cannot %s '%s': %s", verb, aer__port_name(name, strlen(name), text), strerror(cause));
}

int aer__port_fail_db(struct port_error *error, aer_db *db, int rc)
{
    const char *why = aer_errmsg(db);

    return aer__port_fail(error, rc, "%s", why && why[0] ? why : aer_strerror(rc));
}

int aer__port_no_memory(struct port_error *error)
{
    return aer__port_fail(error, AER_NOMEM, "out of memory");
}

void aer__port_prefix(struct port_error *error, const char *format, ...)
{
    char message[sizeof(error->message)];
    va_list list;
    int n;

    va_start(list, format);
    n = vsnprintf(message, sizeof(message), format, list);
    va_end(list);
    if (n < 0 || (size_t)n + 3 >= sizeof(message)) return;
    snprintf(message + n, sizeof(message) - (size_t)n, ": %.*s", (int)(sizeof(message) - (size_t)n - 3), error->message);
    memcpy(error->message, message, sizeof(message));
}

size_t aer__port_escape(const void *bytes, size_t size, char *to, size_t capacity)
{
    const unsigned char *data = bytes;
    size_t i = 0, used = 0;

    while (i < size && used + 5 < capacity) {
        size_t length = aer__port_utf8_length(data + i, size - i);
        bool control = data[i] < 0x20 || data[i] == 0x7f || (length == 2 && data[i] == 0xc2 && data[i + 1] < 0xa0);

        if (length && !control) {
            memcpy(to + used, data + i, length);
            used += length;
            i += length;
        } else if (data[i] == '\n' || data[i] == '\t') {
            to[used++] = '\\';
            to[used++] = data[i++] == '\n' ? 'n' : 't';
        } else {
            used += (size_t)sprintf(to + used, "\\x%02x", data[i++]);
        }
    }
    to[used] = '\0';
    return i;
}

const char *aer__port_name(const void *name, size_t size, char text[PORT_NAME_SIZE])
{
    size_t taken = aer__port_escape(name, size, text, PORT_NAME_SIZE - 4);

    if (taken < size) memcpy(text + strlen(text), "...", 4);
    return text;
}

void aer__port_skip(const struct port_events *events, struct port_counts *counts, aer_slice what, const char *why)
{
    counts->rejected++;
    if (events->skipped) events->skipped(events->arg, what, why);
}

int aer__port_progress(const struct port_events *events, const struct port_counts *counts, uint64_t done,
                       uint64_t total, struct port_error *error)
{
    uint64_t entries = counts->inserted + counts->replaced + counts->ignored + counts->exported;

    if (!events->progress || events->progress(events->arg, entries, counts->bytes, done, total) == 0) return AER_OK;
    return aer__port_fail(error, AER_STOPPED, "interrupted");
}
