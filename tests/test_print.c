/* Numbers as text, against printf. */
#include "sc_print.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state ^ *state >> 29;
}

static void check(double x)
{
    char ours[SC_REAL_TEXT], theirs[64];
    const size_t len = sc_print_real(ours, x);
    assert_int_equal(len, snprintf(theirs, sizeof theirs, "%.9g", x));
    assert_string_equal(ours, theirs);
}

static void known_numbers(void **state)
{
    (void)state;
    static const double x[] = {0,           -0.0,       1,           -1,          0.1,
                               999999999.5, 999999999,  1e9,         1234567890,  99999999.95,
                               0.0001,      0.00001,    1e22,        1e23,        1e-14,
                               1e-15,       1e300,      5e-324,      -1e-300,     INFINITY,
                               -INFINITY,   0.5,        2.5,         123.456,     1.5e-5,
                               123456789.5, 0.00012345, 9.999999995, 9.9999999949};
    for (size_t k = 0; k < sizeof x / sizeof *x; k++)
        check(x[k]);
    for (int e = -30; e <= 40; e++)
        for (int k = -3; k <= 3; k++) {
            char text[16];
            (void)snprintf(text, sizeof text, "1e%d", e);
            const double y = strtod(text, NULL);
            double near = y;
            for (int i = 0; i < (k < 0 ? -k : k); i++)
                near = nextafter(near, k < 0 ? 0 : INFINITY);
            check(near);
            check(-y * (1 + k * 5e-10));
        }
    assert_true(sc_print_real((char[SC_REAL_TEXT]){0}, NAN) >= 3);
}

static void all_kinds_of_numbers(void **state)
{
    (void)state;
    uint64_t s = 1;
    for (int k = 0; k < 100000; k++) {
        const uint64_t bits = next(&s);
        double any;
        float single;
        memcpy(&any, &bits, sizeof any);
        memcpy(&single, &bits, sizeof single);
        if (isfinite(any))
            check(any);
        if (isfinite(single))
            check((double)single);
        const double u = (double)(next(&s) >> 11) / 9007199254740992.0;
        check(u);
        check((double)(float)(u * 1e4 - 5e3));
        check(floor(u * 1e6) / 1000);
        check(floor(u * 2e10) / 20); /* halves of the last digit */
        check(floor(u * 1e12));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_numbers),
        cmocka_unit_test(all_kinds_of_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
