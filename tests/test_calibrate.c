/* Temperature, calibration error and conformal floor against cases that can be worked out. */
#include "sc_calibrate.h"
#include "sc_label.h"
#include "sc_philox.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { N = 20000, K = 3 };

typedef struct cells {
    float p[N * K];
    int32_t truth[N];
} cells;

/* Truths drawn from softmax(logits); told are the probabilities at `sharper` times the logits. */
static cells *draw(double sharper, uint32_t stream)
{
    cells *c = calloc(1, sizeof *c);
    float *u = calloc(N, sizeof *u);
    assert_non_null(c);
    assert_non_null(u);
    sc_fill_normal((sc_key){7, stream, 1, 0}, (int64_t)N * K, c->p);
    sc_fill_uniform((sc_key){7, stream, 2, 0}, N, u);
    for (int64_t i = 0; i < N; i++) {
        double e[K], sum = 0, told = 0, below = 0;
        for (int k = 0; k < K; k++)
            sum += e[k] = exp(1.5 * (double)c->p[i * K + k]);
        for (int k = 0; k < K; k++)
            told += pow(e[k], sharper);
        c->truth[i] = K - 1;
        for (int k = K - 1; k >= 0; k--)
            if (below + e[k] / sum > (double)u[i]) {
                c->truth[i] = k;
                break;
            } else
                below += e[k] / sum;
        for (int k = 0; k < K; k++)
            c->p[i * K + k] = (float)(pow(e[k], sharper) / told);
    }
    free(u);
    return c;
}

static void temperature(void **state)
{
    (void)state;
    cells *c = draw(2.5, 1);
    const double before = sc_calibration_error(N, K, c->p, c->truth, 15);
    const double t = sc_temperature_fit(N, K, c->p, c->truth);
    assert_true(fabs(t - 2.5) < 0.1);
    sc_label_temper(N, K, t, c->p);
    assert_true(before > 0.1);
    assert_true(sc_calibration_error(N, K, c->p, c->truth, 15) < 0.02);
    assert_true(fabs(sc_temperature_fit(N, K, c->p, c->truth) - 1) < 1e-3);
    free(c);
}

static void temperature_ends(void **state)
{
    (void)state;
    const float sure[4] = {0.9F, 0.1F, 0.9F, 0.1F};
    const int32_t right[2] = {0, 0}, wrong[2] = {1, 1};
    assert_true(fabs(sc_temperature_fit(2, 2, sure, right) - 0.05) < 1e-9);
    assert_true(fabs(sc_temperature_fit(2, 2, sure, wrong) - 20) < 1e-9);
    assert_true(sc_temperature_fit(0, 2, sure, right) == 1);
}

static void calibration_error(void **state)
{
    (void)state;
    const float p[8] = {0.8F, 0.2F, 0.8F, 0.2F, 1, 0, 0, 1};
    const int32_t truth[4] = {0, 1, 0, 0};
    /* bin of 0.8: |1.6 - 1|; bin of 1: |2 - 1| */
    assert_true(fabs(sc_calibration_error(4, 2, p, truth, 15) - 1.6 / 4) < 1e-6);
}

static void tempering(void **state)
{
    (void)state;
    float p[6] = {0.5F, 0.25F, 0.25F, 1, 0, 0};
    sc_label_temper(2, 3, 0.5, p);
    assert_true(fabs((double)p[0] - 4.0 / 6) < 1e-6);
    assert_true(fabs((double)p[1] - 1.0 / 6) < 1e-6);
    assert_true(p[3] == 1 && p[4] < 1e-30F);
}

static void conformal(void **state)
{
    (void)state;
    cells *a = draw(2.5, 3), *b = draw(2.5, 4);
    for (double want = 0.5; want < 0.99; want += 0.2) {
        double floor;
        sc_err err = {0};
        int64_t held = 0;
        assert_int_equal(sc_conformal_floor(N, K, a->p, a->truth, want, &floor, &err), SC_OK);
        for (int64_t i = 0; i < N; i++)
            held += (double)b->p[i * K + b->truth[i]] >= floor;
        assert_true(fabs((double)held / N - want) < 0.015);
    }
    free(a);
    free(b);
}

static void conformal_of_few(void **state)
{
    (void)state;
    const float p[8] = {0.9F, 0.1F, 0.8F, 0.2F, 0.3F, 0.7F, 0.4F, 0.6F};
    const int32_t truth[4] = {0, 0, 1, 0};
    double floor = 9;
    sc_err err = {0};
    assert_int_equal(sc_conformal_floor(4, 2, p, truth, 0.8, &floor, &err), SC_OK);
    assert_true(fabs(floor - 0.4) < 1e-6); /* the fourth best of 4: 5 x 0.8 */
    assert_int_equal(sc_conformal_floor(4, 2, p, truth, 0.81, &floor, &err), SC_OK);
    assert_true(floor == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(temperature), cmocka_unit_test(temperature_ends),
        cmocka_unit_test(tempering),   cmocka_unit_test(calibration_error),
        cmocka_unit_test(conformal),   cmocka_unit_test(conformal_of_few)};
    return cmocka_run_group_tests_name("calibration", tests, NULL, NULL);
}
