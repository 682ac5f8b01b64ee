#include "sc_loess.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { N = 40 };

static void wave(double *x, double *y)
{
    for (int i = 0; i < N; i++) {
        x[i] = (i + 1) / 10.0;
        y[i] = sin(x[i]) + 0.05 * cos(37 * x[i]);
    }
}

/* Numbers of skmisc.loess(x, y, span=0.3, degree=2), scikit-misc 0.5.3. */
static void equals_the_reference(void **state)
{
    (void)state;
    static const struct {
        int i;
        double yhat;
    } want[] = {{1, 0.077046022712},  {2, 0.189283580247},  {10, 0.841516221461},
                {20, 0.909196914429}, {21, 0.863148373293}, {39, -0.695945516375},
                {40, -0.777580385752}};
    double x[N], y[N], yhat[N];
    wave(x, y);
    sc_err err = {0};
    assert_int_equal(sc_loess(N, x, y, 0.3, yhat, &err), SC_OK);
    for (size_t k = 0; k < sizeof want / sizeof *want; k++)
        assert_true(fabs(yhat[want[k].i - 1] - want[k].yhat) < 2e-12);
}

static void order_of_points_is_free(void **state)
{
    (void)state;
    double x[N], y[N], yhat[N], x2[N], y2[N], yhat2[N];
    wave(x, y);
    for (int i = 0; i < N; i++) {
        x2[i] = x[(i * 7) % N];
        y2[i] = y[(i * 7) % N];
    }
    sc_err err = {0};
    assert_int_equal(sc_loess(N, x, y, 0.5, yhat, &err), SC_OK);
    assert_int_equal(sc_loess(N, x2, y2, 0.5, yhat2, &err), SC_OK);
    for (int i = 0; i < N; i++)
        assert_memory_equal(&yhat2[i], &yhat[(i * 7) % N], sizeof *yhat);
}

/* Three distinct x in a neighbourhood fix a parabola; two leave it rank-deficient, and the smallest
 * solution must still be finite. */
static void ties_are_survived(void **state)
{
    (void)state;
    double x[N], y[N], yhat[N];
    for (int i = 0; i < N; i++) {
        x[i] = floor(i / 8.0);
        y[i] = x[i] * x[i] + (i % 2 ? 1 : -1);
    }
    sc_err err = {0};
    assert_int_equal(sc_loess(N, x, y, 0.9, yhat, &err), SC_OK);
    for (int i = 0; i < N; i++)
        assert_true(fabs(yhat[i] - x[i] * x[i]) < 0.5);
    assert_int_equal(sc_loess(N, x, y, 0.3, yhat, &err), SC_OK);
    for (int i = 0; i < N; i++)
        assert_true(isfinite(yhat[i]));
}

static void a_parabola_is_kept(void **state)
{
    (void)state;
    double x[N], y[N], yhat[N];
    wave(x, y);
    for (int i = 0; i < N; i++)
        y[i] = 3 - 2 * x[i] + 0.5 * x[i] * x[i];
    sc_err err = {0};
    assert_int_equal(sc_loess(N, x, y, 0.3, yhat, &err), SC_OK);
    for (int i = 0; i < N; i++)
        assert_true(fabs(yhat[i] - y[i]) < 1e-11);
}

static void too_little_is_said(void **state)
{
    (void)state;
    double x[N], y[N], yhat[N];
    wave(x, y);
    sc_err err = {0};
    assert_int_equal(sc_loess(8, x, y, 0.3, yhat, &err), SC_EDATA);
    assert_non_null(strstr(err.msg, "leaves 2 of 8 points"));
    for (int i = 0; i < N; i++)
        x[i] = i < 20 ? 0 : i;
    assert_int_equal(sc_loess(N, x, y, 0.2, yhat, &err), SC_EDATA);
    assert_non_null(strstr(err.msg, "same x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_reference), cmocka_unit_test(order_of_points_is_free),
        cmocka_unit_test(ties_are_survived),    cmocka_unit_test(a_parabola_is_kept),
        cmocka_unit_test(too_little_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
