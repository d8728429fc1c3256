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

const char *aer__port_name(const void *name, size_t size, char text[256])
{
    const unsigned char *p = name;
    size_t used = 0, i = 0;

    while (i < size && used < 248) {
        size_t length = aer__port_utf8_length(p + i, size - i);

        if (length && p[i] >= 0x20 && p[i] != 0x7f) {
            memcpy(text + used, p + i, length);
            used += length;
            i += length;
        } else {
            used += (size_t)sprintf(text + used, "\\x%02x", p[i++]);
        }
    }
    snprintf(text + used, 256 - used, "%s", i < size ? "..." : "");
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
