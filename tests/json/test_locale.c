/* test_locale.c -- a program may set any LC_NUMERIC it likes.
 *
 * Locales with a comma are seldom installed where tests run, so this program has strtod and snprintf as such a locale would make
 * them: its own, which the linker prefers.
 */
#include "testing.h"
#include "values.h"
#include "json/json.h"

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int calls;

double strtod(const char *text, char **end)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    char copy[2000];
    double v;

    calls++;
    snprintf(copy, sizeof copy, "%s", text);
    copy[strcspn(copy, ".")] = '\0'; /* where it would stop reading */
    v = strtod_l(copy, NULL, c);
    freelocale(c);
    if (end) *end = (char *)text + strlen(copy);
    return v;
}

/* The longest point there is: two bytes, U+066B. */
int snprintf(char *to, size_t size, const char *format, ...)
{
    char plain[4000], *point;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(plain, sizeof plain, format, args);
    va_end(args);
    point = strcmp(format, "%.*e") == 0 ? strchr(plain, '.') : NULL;
    if (point) {
        memmove(point + 2, point + 1, strlen(point));
        memcpy(point, "\xd9\xab", 2);
        n++;
        calls++;
    }
    if (size > 0) {
        size_t fits = AER_MIN((size_t)n, size - 1);

        memcpy(to, plain, fits);
        to[fits] = '\0';
    }
    return n;
}

TEST(the_point_of_the_locale_changes_nothing)
{
    static const char *const texts[] = {"1.5",
                                        "0.1234567890123456",
                                        "1.2345678901234566e-7",
                                        "-2.2250738585072014e-308",
                                        "0.3333333333333333",
                                        "1e300",
                                        "1.7976931348623157e308",
                                        "5e-324",
                                        "9007199254740994.0"};

    calls = 0;
    for (size_t i = 0; i < AER_COUNT(texts); i++) {
        json_t *value = read_good(texts[i], strlen(texts[i]));

        CHECK_STR(texts[i], text_of(value, NULL));
        json_decref(value);
    }
    CHECK(calls > 20); /* these here, not the C library's */
}
