/* err.c -- one failure, told once.
 *
 * The lowest layer that fails writes code and sentence; whoever fails because of it can only put a
 * prefix before that sentence. So cleanup that fails on its way out never hides what went wrong first.
 * Sentences that do not fit are cut; the code never is.
 *
 * Must not know: where the message ends up.
 */
#define AER_ERR_C
#include "base/base.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int aer__err_set(struct err *err, int code, const char *format, ...)
{
    va_list args;

    assert(code != AER_OK);
    if (!err) return code;
    if (err->code) return err->code;
    err->code = code;
    va_start(args, format);
    vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    return code;
}

static int code_of_errno(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT: return AER_FULL;
    case EACCES:
    case EPERM: return AER_PERM;
    case EROFS: return AER_READONLY;
    case ENOMEM: return AER_NOMEM;
    default: return AER_IO;
    }
}

int aer__err_os(struct err *err, const char *verb, const char *name)
{
    int error = errno;
    char text[128];

    /* strerror_r has two shapes (POSIX, GNU) and strerror may share a buffer between threads; %m is glibc's and musl's,
     * reads errno, and is safe in both. */
    errno = error;
    snprintf(text, sizeof(text), "%m");
    return aer__err_set(err, code_of_errno(error), "cannot %s '%s': %s", verb, name, text);
}

int aer__err_nomem(struct err *err)
{
    return aer__err_set(err, AER_NOMEM, "out of memory");
}

void aer__err_prefix(struct err *err, const char *format, ...)
{
    char rest[ERR_MESSAGE_SIZE];
    size_t at, left, rest_size;
    va_list args;
    int n;

    if (!err || !err->code) return;
    memcpy(rest, err->message, sizeof(rest));
    va_start(args, format);
    n = vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    at = n < 0 ? 0 : (size_t)n;
    if (at + 3 > sizeof(err->message)) return;
    memcpy(err->message + at, ": ", 2);
    at += 2;
    left = sizeof(err->message) - at - 1;
    rest_size = AER_MIN(strlen(rest), left);
    memcpy(err->message + at, rest, rest_size);
    err->message[at + rest_size] = '\0';
}

void aer__err_clear(struct err *err)
{
    if (!err) return;
    err->code = AER_OK;
    err->message[0] = '\0';
}
