/* Draws of gamma and Poisson against their first two moments, and correlations against the formula.
 */
#include "sc_correlation.h"
#include "sc_draw.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 200000 };

typedef double (*drawer)(sc_rng *rng, double arg);

/* z-tests of mean and variance; the variance's by the draws' own fourth moment. */
static void check(drawer draw, double arg, double mean, double var, uint32_t stream)
{
    sc_rng rng = sc_rng_new((sc_key){1, stream, 0, 0});
    double *x = calloc(N, sizeof *x), sum = 0, c2 = 0, c4 = 0;
    assert_non_null(x);
    for (int i = 0; i < N; i++) {
        x[i] = draw(&rng, arg);
        sum += x[i] / N;
    }
    for (int i = 0; i < N; i++) {
        const double d = (x[i] - sum) * (x[i] - sum);
        c2 += d / N;
        c4 += d * d / N;
    }
    free(x);
    if (!(fabs(sum - mean) <= 4.5 * sqrt(var / N)))
        fail_msg("at %g the mean is %g, not %g", arg, sum, mean);
    if (!(fabs(c2 - var) <= 4.5 * sqrt((c4 - c2 * c2) / N)))
        fail_msg("at %g the variance is %g, not %g", arg, c2, var);
}

static void gamma_moments(void **state)
{
    static const double shapes[] = {0.05, 0.3, 1, 1.5, 7, 200};
    (void)state;
    for (uint32_t k = 0; k < 6; k++)
        check(sc_draw_gamma, shapes[k], shapes[k], shapes[k], k);
    sc_rng rng = sc_rng_new((sc_key){0, 0, 0, 0});
    assert_true(sc_draw_gamma(&rng, 0) == 0);
    for (int i = 0; i < 1000; i++)
        assert_true(sc_draw_gamma(&rng, 1e-6) >= 0); /* most of these are below any double */
}

static void poisson_moments(void **state)
{
    static const double means[] = {0.01, 0.7, 9.99, 10, 31, 1234.5, 1e8};
    (void)state;
    for (uint32_t k = 0; k < 7; k++)
        check(sc_draw_poisson, means[k], means[k], means[k], 100 + k);
    sc_rng rng = sc_rng_new((sc_key){0, 0, 0, 0});
    assert_true(sc_draw_poisson(&rng, 0) == 0);
}

/* Which share of Poisson draws is each small number. */
static void poisson_shares(void **state)
{
    (void)state;
    static const double means[] = {2, 12};
    for (int m = 0; m < 2; m++) {
        sc_rng rng = sc_rng_new((sc_key){3, 0, 0, 0});
        double n[30] = {0};
        for (int i = 0; i < N; i++) {
            const double k = sc_draw_poisson(&rng, means[m]);
            if (k < 30)
                n[(int)k]++;
        }
        for (int k = 0; k < 30; k++) {
            const double p = exp(k * log(means[m]) - means[m] - lgamma(k + 1.0));
            if (N * p > 10)
                assert_true(fabs(n[k] - N * p) <= 4.5 * sqrt(N * p * (1 - p)));
        }
    }
}

static double pearson(const float *x, int64_t n, int64_t p, int64_t a, int64_t b)
{
    double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < n; i++) {
        ma += (double)x[i * p + a] / (double)n;
        mb += (double)x[i * p + b] / (double)n;
    }
    for (int64_t i = 0; i < n; i++) {
        const double da = (double)x[i * p + a] - ma, db = (double)x[i * p + b] - mb;
        ab += da * db;
        aa += da * da;
        bb += db * db;
    }
    return ab / sqrt(aa * bb);
}

/* Ranks by counting: how many are smaller, and half of the others that are equal. */
static void rank_by_counting(const float *x, float *r, int64_t n, int64_t p)
{
    for (int64_t j = 0; j < p; j++)
        for (int64_t i = 0; i < n; i++) {
            int64_t less = 0, same = 0;
            for (int64_t k = 0; k < n; k++) {
                less += x[k * p + j] < x[i * p + j];
                same += x[k * p + j] == x[i * p + j];
            }
            r[i * p + j] = (float)((double)less + (double)(same - 1) / 2);
        }
}

static void correlations(void **state)
{
    (void)state;
    enum { ROWS = 700, COLS = 37 };
    float *x = calloc(ROWS * COLS, sizeof *x), *r = calloc(ROWS * COLS, sizeof *r);
    sc_rng rng = sc_rng_new((sc_key){5, 0, 0, 0});
    for (int i = 0; i < ROWS; i++) {
        const double common = sc_rng_normal(&rng);
        for (int j = 0; j < COLS; j++) /* large means, small spread; ties; one column constant */
            x[i * COLS + j] =
                j == 5 ? 3 : (float)(1000 + floor(4 * (j % 3 * common + sc_rng_normal(&rng))));
    }
    rank_by_counting(x, r, ROWS, COLS);
    sc_pool *pool = NULL;
    sc_err err = {0};
    assert_int_equal(sc_pool_new(&pool, 2, &err), SC_OK);
    for (int is_spearman = 0; is_spearman < 2; is_spearman++) {
        sc_correlation *c = NULL;
        const double *got = NULL;
        assert_int_equal(
            sc_correlation_new(&c, COLS, is_spearman, 0, pool, sc_kernels_get(NULL), &err), SC_OK);
        for (int i = 0; i < ROWS; i += 100)
            assert_int_equal(sc_correlation_add(c, x + i * COLS, 100, &err), SC_OK);
        assert_int_equal(sc_correlation_finish(c, &got, &err), SC_OK);
        for (int a = 0; a < COLS; a++)
            for (int b = 0; b < COLS; b++) {
                if (a == 5 || b == 5)
                    assert_true(isnan(got[a * COLS + b]));
                else
                    assert_true(fabs(got[a * COLS + b] -
                                     pearson(is_spearman ? r : x, ROWS, COLS, a, b)) < 2e-6);
            }
        sc_correlation_free(c);
    }
    sc_pool_free(pool);
    free(x);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gamma_moments), cmocka_unit_test(poisson_moments),
        cmocka_unit_test(poisson_shares), cmocka_unit_test(correlations)};
    return cmocka_run_group_tests_name("draws and correlations", tests, NULL, NULL);
}
