#include "sc_print.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { N_DIGITS = 9, MIN_EXP = -14, MAX_EXP = 30 };

/* All of them are exact. */
static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static double scaled(double a, int exp)
{
    const int up = N_DIGITS - 1 - exp;
    return up >= 0 ? a * powers[up] : a / powers[-up];
}

/* The nine digits of a > 0 as an integer, and the exponent of the first; false where the one
 * rounding of `scaled`, below 2e-7, might decide the last of them. */
static bool digits_of(double a, int32_t *digits, int *exp)
{
    int two;
    (void)frexp(a, &two);
    int e = (int)floor((two - 1) * 0.30102999566398120);
    if (e < MIN_EXP || e >= MAX_EXP)
        return false;
    double s = scaled(a, e);
    if (s >= 1e9)
        s = scaled(a, ++e);
    const double whole = floor(s), rest = s - whole;
    if (fabs(rest - 0.5) < 1e-6)
        return false;
    int32_t n = (int32_t)whole + (rest > 0.5);
    if (n == 1000000000) {
        n = 100000000;
        e++;
    }
    *digits = n;
    *exp = e;
    return true;
}

/* Writes n of the text's digits. */
static char *put(char *to, const char *digits, int n)
{
    memcpy(to, digits, (size_t)n);
    return to + n;
}

static char *put_scientific(char *to, const char *text, int n, int exp)
{
    const int size = exp < 0 ? -exp : exp;
    *to++ = text[0];
    if (n > 1) {
        *to++ = '.';
        to = put(to, text + 1, n - 1);
    }
    *to++ = 'e';
    *to++ = exp < 0 ? '-' : '+';
    *to++ = (char)('0' + size / 10);
    *to++ = (char)('0' + size % 10);
    return to;
}

static char *put_fixed(char *to, const char *text, int n, int exp)
{
    if (exp < 0) {
        to = put(to, "0.000", 1 - exp);
        return put(to, text, n);
    }
    if (n <= exp + 1) /* the text has zeros after its n digits */
        return put(to, text, exp + 1);
    to = put(to, text, exp + 1);
    *to++ = '.';
    return put(to, text + exp + 1, n - exp - 1);
}

size_t sc_print_real(char to[SC_REAL_TEXT], double x)
{
    char text[N_DIGITS], *at = to;
    int32_t digits = 0;
    int exp = 0, n = N_DIGITS;
    if (x != 0 && !(isfinite(x) && digits_of(fabs(x), &digits, &exp)))
        return (size_t)snprintf(to, SC_REAL_TEXT, "%.9g", x);
    for (int k = N_DIGITS - 1; k >= 0; k--, digits /= 10)
        text[k] = (char)('0' + digits % 10);
    while (n > 1 && text[n - 1] == '0')
        n--;
    if (signbit(x))
        *at++ = '-';
    at = exp < -4 || exp >= N_DIGITS ? put_scientific(at, text, n, exp)
                                     : put_fixed(at, text, n, exp);
    *at = 0;
    return (size_t)(at - to);
}
