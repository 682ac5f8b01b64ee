/* The likelihood of a cell's proteins under every instruction set: the numbers of the
 * specification, values against the textbook formula in double, gradients against its central
 * differences. */
#include "sc_kernels.h"
#include "sc_philox.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 200 };
static const char *const isas[] = {"avx512", "avx2", "base"};

static double softplus(double a)
{
    return a > 0 ? a + log1p(exp(-a)) : log1p(exp(a));
}

static double log_nb(double x, double mu, double theta)
{
    const double e = 1e-8, l = log(theta + mu + e);
    return theta * (log(theta + e) - l) + x * (log(mu + e) - l) + lgamma(x + theta) -
           lgamma(theta) - lgamma(x + 1);
}

/* one protein, as spec/totalvi.md section 5 has it */
static double log_p(double x, const double *p)
{
    const double a = log_nb(x, p[0], p[2]), b = log_nb(x, p[1], p[2]) - p[3];
    return fmax(a, b) + log1p(exp(-fabs(a - b))) - softplus(-p[3]);
}

static void check_spec(const sc_kernels *k)
{
    static const struct {
        float x, mu1, mu2, theta, logit;
        double want;
    } all[] = {{0, 1, 10, 2, 0, -1.44345277133239},
               {8, 1, 10, 2, 0, -3.52758282014849},
               {8, 1, 10, 2, 3, -5.70232833350311},
               {120, 5, 80, 1.3F, -1, -6.07806005211044}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const sc_mixture_row row = {.n = 1,
                                    .x = &all[i].x,
                                    .mean1 = &all[i].mu1,
                                    .mean2 = &all[i].mu2,
                                    .theta = &all[i].theta,
                                    .logit = &all[i].logit};
        const double got = k->mixture_row(&row);
        if (fabs(got - all[i].want) > 2e-6 * fabs(all[i].want))
            fail_msg("%s: case %zu is %.9g, not %.9g", k->isa, i, got, all[i].want);
    }
}

typedef struct cell {
    float x[N], p[4][N], mask[N]; /* mean1, mean2, theta, logit */
} cell;

/* Counts from none to thousands, theta on both sides of 4, sure and unsure backgrounds. */
static cell *draw(void)
{
    cell *c = calloc(1, sizeof *c);
    float u[6];
    assert_non_null(c);
    for (int j = 0; j < N; j++) {
        sc_fill_uniform((sc_key){3, 0, (uint32_t)j, 0}, 6, u);
        c->p[0][j] = expf(8 * u[0] - 3);
        c->p[1][j] = c->p[0][j] * (1 + 10 * u[1]);
        c->p[2][j] = expf(9 * u[2] - 3);
        c->p[3][j] = 24 * u[3] - 12;
        c->x[j] = j % 5 ? rintf(c->p[u[5] < 0.5F][j] * 2 * u[4]) : 0;
        c->mask[j] = j % 7 ? 1 : 0;
    }
    return c;
}

static double slope(const cell *c, int j, int which)
{
    double p[4], sum = 0;
    for (int side = -1; side <= 1; side += 2) {
        for (int t = 0; t < 4; t++)
            p[t] = (double)c->p[t][j];
        const double h = 1e-4 * (fabs(p[which]) + 1e-2);
        p[which] += side * h;
        sum += side * log_p((double)c->x[j], p) / (2 * h);
    }
    return sum;
}

static void check_row(const sc_kernels *k, const cell *c, int64_t n, const float *mask)
{
    float d[4][N];
    sc_mixture_row row = {.n = n,
                          .x = c->x,
                          .mean1 = c->p[0],
                          .mean2 = c->p[1],
                          .theta = c->p[2],
                          .logit = c->p[3],
                          .mask = mask,
                          .d_mean1 = d[0],
                          .d_mean2 = d[1],
                          .d_theta = d[2],
                          .d_logit = d[3]};
    double want = 0;
    const double got = k->mixture_row(&row);
    for (int j = 0; j < n; j++) {
        double p[4];
        for (int t = 0; t < 4; t++)
            p[t] = (double)c->p[t][j];
        want += mask && mask[j] == 0 ? 0 : log_p((double)c->x[j], p);
        for (int t = 0; t < 4; t++) {
            const double expected = mask && mask[j] == 0 ? 0 : slope(c, j, t);
            /* of x / mu - (x + theta) / (theta + mu) only the difference is left */
            const double size = fabs(expected) + 0.1 * (t == 3 ? 1 : (double)c->x[j] / p[t] + 1);
            if (fabs((double)d[t][j] - expected) > 2e-5 * size)
                fail_msg(
                    "%s: derivative %d at x %g, mu %g %g, theta %g, logit %g is %.9g, not %.9g",
                    k->isa, t, (double)c->x[j], p[0], p[1], p[2], p[3], (double)d[t][j], expected);
        }
    }
    if (fabs(got - want) > 1e-6 * fabs(want) + 1e-5)
        fail_msg("%s: %d proteins come to %.9g, not %.9g", k->isa, (int)n, got, want);
    row.d_mean1 = row.d_mean2 = row.d_theta = row.d_logit = NULL;
    assert_true(k->mixture_row(&row) == got);
}

static void values_and_gradients(void **state)
{
    (void)state;
    cell *c = draw();
    int n_run = 0;
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        const sc_kernels *k = sc_kernels_get(isas[i]);
        if (!k)
            continue;
        n_run++;
        check_spec(k);
        for (int64_t n = 1; n <= 40; n++)
            check_row(k, c, n, n % 2 ? NULL : c->mask);
        check_row(k, c, N, NULL);
        check_row(k, c, N, c->mask);
    }
    free(c);
    assert_true(n_run > 0);
}

/* What is not finite is seen in the sum, by which training knows that it has diverged. */
static void nothing_is_hidden(void **state)
{
    (void)state;
    const float bad[] = {NAN, INFINITY};
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        const sc_kernels *k = sc_kernels_get(isas[i]);
        for (int t = 0; k && t < 8; t++) {
            float v[4] = {1, 2, 1, 0}; /* mean1, mean2, theta, logit */
            const float x = 3;
            v[t % 4] = bad[t / 4];
            const sc_mixture_row row = {1,    &x,   &v[0], &v[1], &v[2], &v[3],
                                        NULL, NULL, NULL,  NULL,  NULL};
            if (t != 7 && isfinite(k->mixture_row(&row))) /* logit infinity: background for sure */
                fail_msg("%s: parameter %d at %g goes unnoticed", k->isa, t % 4, (double)v[t % 4]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values_and_gradients),
                                       cmocka_unit_test(nothing_is_hidden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
