/* number.c -- doubles as text, both ways, whatever LC_NUMERIC the program has set.
 *
 * strtod and printf take the decimal point from the locale, which belongs to the program and may change under us. So neither
 * is shown a point: 12.5e3 is read as "125e2", and what printf writes is taken apart into digits and exponent.
 *
 * Most doubles in rows are short, like 12.5, which is 125 / 10: integers up to 2^53 and powers of ten up to 10^22 are exact as
 * doubles, and one division is rounded correctly, so these need neither (W. D. Clinger, How to read floating point numbers
 * accurately, 1990).
 */
#include "json/inside.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No number halfway between two doubles has more than 768 digits. Of those behind it counts only whether one is not 0. */
#define DIGITS_MAX 780
#define EXPONENT_MAX 100000000 /* no text has so many digits that they could outweigh it */
#define EXACT_MAX (UINT64_C(1) << 53)

static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                              1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
#define TENS_MAX ((long)AER_COUNT(tens) - 1)

/* The integer that its digits are, times ten to the exponent. */
struct decimal {
    size_t count; /* of digits; no leading zeros, so 0 has none */
    long exponent;
    uint64_t small; /* the integer, if count <= 19 */
    char digits[DIGITS_MAX];
};

static void add_digit(struct decimal *d, char digit, bool fraction)
{
    if (d->count == 0 && digit == '0') {
        d->exponent -= fraction;
    } else if (d->count < DIGITS_MAX) {
        d->digits[d->count++] = digit;
        d->small = d->small * 10 + (uint64_t)(digit - '0');
        d->exponent -= fraction;
    } else {
        if (digit != '0' && d->digits[DIGITS_MAX - 1] == '0') d->digits[DIGITS_MAX - 1] = '1';
        d->exponent += !fraction;
    }
}

static void take_apart(struct decimal *d, const unsigned char *p, const unsigned char *end)
{
    bool fraction = false, negative;
    long exponent = 0;

    d->count = 0;
    d->exponent = 0;
    d->small = 0;
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') fraction = true;
        else add_digit(d, (char)*p, fraction);
    }
    if (p == end) return;
    p++;
    negative = *p == '-';
    for (p += *p == '-' || *p == '+'; p < end; p++) {
        if (exponent < EXPONENT_MAX) exponent = exponent * 10 + (*p - '0');
    }
    d->exponent += negative ? -exponent : exponent;
}

static double nearest(const char *digits, size_t count, long exponent)
{
    char text[DIGITS_MAX + 32];

    memcpy(text, digits, count);
    snprintf(text + count, sizeof text - count, "e%ld", exponent);
    return strtod(text, NULL);
}

bool aer__json_read_real(const unsigned char *p, const unsigned char *end, double *value)
{
    bool negative = *p == '-';
    struct decimal d;
    double v;

    take_apart(&d, p + negative, end);
    if (d.count == 0) v = 0;
    else if (FLT_EVAL_METHOD == 0 && d.count <= 19 && d.small <= EXACT_MAX && labs(d.exponent) <= TENS_MAX)
        v = d.exponent < 0 ? (double)d.small / tens[-d.exponent] : (double)d.small * tens[d.exponent];
    else v = nearest(d.digits, d.count, d.exponent);
    *value = negative ? -v : v;
    return isfinite(v) && (v > 0 || d.count == 0);
}

/* ---- writing ---- */

/* V >= 0 as an integer below 10^15 with at most six of its digits behind the point: what %.15g would write. How many bytes; 0: it is none. */
static size_t write_short(char *text, double v)
{
    char digits[24];
    uint64_t whole = 0;
    int places, count, at = 0;

    if (FLT_EVAL_METHOD != 0 || v >= 1e15 || (v != 0 && v < 1e-4)) return 0;
    for (places = 0; places <= 6; places++) {
        double m = v * tens[places] + 0.5;

        if (m >= 1e15) return 0;
        whole = (uint64_t)m;
        if ((double)whole / tens[places] == v) break;
    }
    if (places > 6) return 0;
    for (count = 0; whole || count <= places; whole /= 10) digits[count++] = (char)('0' + whole % 10);
    while (count > places) text[at++] = digits[--count];
    text[at++] = '.';
    if (count == 0) text[at++] = '0';
    while (count > 0) text[at++] = digits[--count];
    return (size_t)at;
}

/* The fewest digits that read back as V, without zeros at the end; the first stands before the point. */
static int find_digits(double v, char digits[20], int *exponent, int *precision)
{
    char text[64];
    int count = 0, n = v < DBL_MIN ? 1 : DBL_DIG; /* below DBL_MIN a double has fewer */

    for (;; n++) {
        const char *p = text;

        snprintf(text, sizeof text, "%.*e", n - 1, v);
        for (count = 0; *p != 'e'; p++) {
            if (*p >= '0' && *p <= '9') digits[count++] = *p; /* what else there is, is a locale's point */
        }
        *exponent = atoi(p + 1);
        if (n >= 17 || nearest(digits, (size_t)count, (long)*exponent - (count - 1)) == v) break;
    }
    *precision = n;
    while (count > 1 && digits[count - 1] == '0') count--;
    return count;
}

static size_t write_plain(char *text, const char *digits, int count, int exponent)
{
    int at = 0, i = 0;

    if (exponent < 0) text[at++] = '0';
    for (; i <= exponent; i++) text[at++] = i < count ? digits[i] : '0';
    text[at++] = '.';
    for (int zeros = exponent + 1; zeros < 0; zeros++) text[at++] = '0';
    if (i >= count) text[at++] = '0';
    while (i < count) text[at++] = digits[i++];
    return (size_t)at;
}

static size_t write_scientific(char *text, const char *digits, int count, int exponent)
{
    size_t at = 0;

    text[at++] = digits[0];
    if (count > 1) text[at++] = '.';
    memcpy(text + at, digits + 1, (size_t)count - 1);
    at += (size_t)count - 1;
    return at + (size_t)snprintf(text + at, JSON_REAL_SIZE - 1 - at, "e%d", exponent);
}

size_t aer__json_write_real(char text[JSON_REAL_SIZE], double value)
{
    size_t sign = signbit(value) ? 1 : 0, size;
    char digits[20] = {0};
    int count, exponent, precision;

    if (sign) text[0] = '-';
    size = write_short(text + sign, fabs(value));
    if (size) return sign + size;
    count = find_digits(fabs(value), digits, &exponent, &precision);
    /* The bounds of %g. */
    if (exponent < -4 || exponent >= precision) return sign + write_scientific(text + sign, digits, count, exponent);
    return sign + write_plain(text + sign, digits, count, exponent);
}
