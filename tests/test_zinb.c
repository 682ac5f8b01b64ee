/* The likelihood of a cell under every instruction set: the numbers of the specification, and
 * values and gradients against the textbook formulas in double. */
#include "sc_kernels.h"
#include "sc_philox.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const isas[] = {"avx512", "avx2", "base"};

static double softplus(double a)
{
    return a > 0 ? a + log1p(exp(-a)) : log1p(exp(a));
}

/* one gene, as spec/vae.md section 6 has it; pi NULL: NB */
static double log_p(double x, double mu, double theta, const double *pi)
{
    const double e = 1e-8, l = log(theta + mu + e), t0 = theta * (log(theta + e) - l);
    const double rest = x * (log(mu + e) - l) + lgamma(x + theta) - lgamma(theta) - lgamma(x + 1);
    if (!pi)
        return t0 + rest;
    return x < e ? softplus(t0 - *pi) - softplus(-*pi) : t0 - *pi - softplus(-*pi) + rest;
}

static void check_spec(const sc_kernels *k)
{
    static const struct {
        float x, mu, theta, pi;
        double want;
    } all[] = {
        {0, 1.5f, 2, NAN, -1.11923157158513},
        {3, 1.5f, 2, NAN, -2.27483078019828},
        {0, 0, 1, NAN, 0},
        {7, 0.01f, 0.3f, NAN, -26.5208074365915},
        {250, 100, 5, NAN, -8.47260126821971},
        {1, 1e4f, 1e-3f, NAN, -6.92387346473314},
        {0, 1.5f, 2, 0, -0.41058020771999},
        {3, 1.5f, 2, 0, -2.96797796075822},
        {0, 1.5f, 2, -4, -1.0828065340295},
        {0, 1.5f, 2, 4, -0.0121871240147256},
        {5, 0.2f, 0.7f, 1.5f, -10.1621114992762},
        {0, 1e-6f, 1, -10, -9.99954092861799e-07},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const int32_t index = 0;
        const float *pi = isnan((double)all[i].pi) ? NULL : &all[i].pi;
        const double got = k->zinb_row(1, all[i].x > 0, &index, &all[i].x, &all[i].mu,
                                       &all[i].theta, pi, 1, NULL, NULL, NULL) -
                           lgamma((double)all[i].x + 1);
        /* lgamma(251) is 1,138 and a float: what is left of it after cancelling has 5 digits */
        const double slack = all[i].x > 100 ? 1e-4 : 0;
        if (fabs(got - all[i].want) > 2e-6 * fabs(all[i].want) + slack)
            fail_msg("%s: case %zu is %.9g, not %.9g", k->isa, i, got, all[i].want);
    }
}

enum { N = 517 };

typedef struct cell {
    int64_t nnz;
    int32_t index[N];
    float value[N], mu[N], theta[N], pi[N];
    double log_factorial;
} cell;

/* widths are the ranges of log mu, log theta and logit */
static cell random_cell(uint32_t which, float log_mu, float log_theta, float logit)
{
    cell c = {0};
    float u[5][N];
    for (uint32_t s = 0; s < 5; s++)
        sc_fill_uniform((sc_key){9, which, s, 0}, N, u[s]);
    for (int j = 0; j < N; j++) {
        c.mu[j] = expf(log_mu * (u[0][j] - 0.6f));
        c.theta[j] = expf(log_theta * (u[1][j] - 0.5f));
        c.pi[j] = logit * (2 * u[2][j] - 1);
        if (u[3][j] < 0.15f) {
            const float x = floorf(expf(9 * u[4][j] * u[4][j] * u[4][j]));
            c.index[c.nnz] = j;
            c.value[c.nnz] = j % 50 == 0 ? 0 : x; /* a stored zero is a zero */
            c.log_factorial += lgamma((double)c.value[c.nnz++] + 1);
        }
    }
    return c;
}

static double psi_difference(double x, double theta) /* psi(x + theta) - psi(theta) */
{
    double sum = 0, f[2] = {0, 0};
    for (; theta < 20; theta += 1)
        sum += x / (theta * (theta + x));
    for (int i = 0; i < 2; i++) {
        const double z = theta + i * x, i2 = 1 / (z * z);
        f[i] = 0.5 / z + i2 * (1.0 / 12 - i2 * (1.0 / 120 - i2 * (1.0 / 252 - i2 / 240)));
    }
    return sum + log1p(x / theta) - (f[1] - f[0]);
}

/* spec/vae.md section 6, Gradients */
static void gradient(double x, double mu, double theta, const double *pi, double g[3])
{
    const double e = 1e-8, t = theta + mu + e, s = mu / t;
    const double z = -theta * log1p(mu / (theta + e));
    const double z_theta = s < 1e-3 ? -s * s * (0.5 + s / 3 + s * s / 4) - s * e / (theta + e)
                                    : log1p(-s) + s * theta / (theta + e);
    const double w = !pi || x > e ? 1 : 1 / (1 + exp(*pi - z));
    g[0] = x / (mu + e) - x / t - w * theta / t;
    g[1] = w * z_theta - x / t + psi_difference(x, theta);
    g[2] = pi ? 1 / (1 + exp(*pi)) - w : 0;
    if (pi && x < e) /* without the cancellation */
        g[2] = -1 / (1 + exp(*pi)) * expm1(z) / (1 + exp(z - *pi));
}

static void difference(double x, double mu, double theta, const double *pi, double g[3])
{
    const double at[3] = {mu, theta, pi ? *pi : 0};
    for (int a = 0; a < (pi ? 3 : 2); a++) {
        const double h = 1e-3 * (a < 2 ? at[a] : 1);
        double f[4]; /* central differences of fourth order */
        for (int s = 0; s < 4; s++) {
            double p[3] = {at[0], at[1], at[2]};
            p[a] += h * (s < 2 ? s - 2 : s - 1);
            f[s] = log_p(x, p[0], p[1], pi ? &p[2] : NULL);
        }
        g[a] = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h);
    }
}

typedef void differentiate(double x, double mu, double theta, const double *pi, double g[3]);

static double reference(const cell *c, bool is_zinb, differentiate *d, double grad[3][N])
{
    double total = 0;
    int64_t k = 0;
    for (int j = 0; j < N; j++) {
        const double x = k < c->nnz && c->index[k] == j ? (double)c->value[k++] : 0;
        const double mu = (double)c->mu[j], t = (double)c->theta[j], pi = (double)c->pi[j];
        double g[3] = {0};
        total += log_p(x, mu, t, is_zinb ? &pi : NULL);
        d(x, mu, t, is_zinb ? &pi : NULL, g);
        for (int a = 0; a < 3; a++)
            grad[a][j] = g[a];
    }
    return total;
}

static void compare(const sc_kernels *k, const cell *c, bool is_zinb, differentiate *how,
                    double slack)
{
    static const float scale = -0.5f;
    float d[3][N];
    double want[3][N];
    for (int a = 0; a < 3; a++)
        for (int j = 0; j < N; j++)
            d[a][j] = 0.0625f;
    const double total = reference(c, is_zinb, how, want);
    const double got =
        k->zinb_row(N, c->nnz, c->index, c->value, c->mu, c->theta, is_zinb ? c->pi : NULL, scale,
                    d[0], d[1], is_zinb ? d[2] : NULL) -
        c->log_factorial;
    if (fabs(got - total) > 1e-6 * fabs(total))
        fail_msg("%s: log-likelihood %.9g, not %.9g", k->isa, got, total);
    for (int a = 0; a < (is_zinb ? 3 : 2); a++)
        for (int j = 0; j < N; j++) {
            const double g = ((double)d[a][j] - 0.0625) / (double)scale;
            /* by theta, terms as large as 1 / theta cancel */
            const double size = fabs(want[a][j]) + (a == 1 ? 0.1 / (double)c->theta[j] : 0);
            if (fabs(g - want[a][j]) > 1e-5 * size + slack)
                fail_msg("%s: gradient %d of gene %d is %.9g, not %.9g (mu %g theta %g pi %g)",
                         k->isa, a, j, g, want[a][j], (double)c->mu[j], (double)c->theta[j],
                         (double)c->pi[j]);
        }
}

static void check_cells(const sc_kernels *k)
{
    for (uint32_t i = 0; i < 20; i++) {
        const cell mild = random_cell(i, 12, 8, 6), wide = random_cell(i, 24, 12, 60);
        const cell narrow = random_cell(i, 4, 4, 3);
        for (int is_zinb = 0; is_zinb < 2; is_zinb++) {
            compare(k, &narrow, is_zinb, difference, 1e-5);
            compare(k, &mild, is_zinb, gradient, 2e-6);
            compare(k, &wide, is_zinb, gradient, 2e-6);
        }
    }
}

/* where exp(logit) and exp(log NB(0)) are both below what a float can tell from 0 */
static void check_far(const sc_kernels *k)
{
    const float mu[] = {1e6f, 0, 1e6f, 1e-30f}, theta[] = {50, 1, 1e6f, 1e7f};
    const float pi[] = {-200, -200, -500, 300};
    double want = 0;
    for (int j = 0; j < 4; j++) {
        const double p = (double)pi[j];
        want += log_p(0, (double)mu[j], (double)theta[j], &p);
    }
    float d[3][4] = {{0}};
    const double got = k->zinb_row(4, 0, NULL, NULL, mu, theta, pi, 1, d[0], d[1], d[2]);
    assert_true(fabs(got - want) < 1e-6 * fabs(want));
    for (int a = 0; a < 3; a++)
        for (int j = 0; j < 4; j++)
            assert_true(isfinite((double)d[a][j]));
    assert_true(fabs((double)d[2][0] - 1) < 1e-6 && fabs((double)d[2][2] - 1) < 1e-6);
}

/* large theta is a Poisson, and the gradient by theta must not be noise */
static void check_poisson_limit(const sc_kernels *k)
{
    for (float t = 1e3f; t < 2e8f; t *= 10) {
        const float mu = 0.7f, x = 2;
        const int32_t index = 0;
        float d_theta[1] = {0}, zero[1] = {0};
        const double got = k->zinb_row(1, 1, &index, &x, &mu, &t, NULL, 1, NULL, d_theta, NULL);
        const double poisson = 2 * log((double)mu) - (double)mu;
        assert_true(fabs(got - poisson) < 3 / (double)t + 1e-5);
        k->zinb_row(1, 0, NULL, NULL, &mu, &t, NULL, 1, NULL, zero, NULL);
        const double s = (double)mu / ((double)mu + (double)t);
        const double want = s + log1p(-s) - s * 1e-8 / (double)t;
        if (s < 1e-4) /* where log1p(-s) + s has lost its digits, its series has not */
            assert_true(fabs((double)zero[0] + s * s / 2) < 1e-3 * s * s);
        else
            assert_true(fabs((double)zero[0] - want) < 1e-5 * fabs(want));
    }
}

/* a gene's share does not depend on its place: genes shifted by one vector lane or more */
static void check_lanes(const sc_kernels *k)
{
    const cell c = random_cell(77, 12, 8, 6);
    float whole[3][N] = {{0}};
    k->zinb_row(N, c.nnz, c.index, c.value, c.mu, c.theta, c.pi, 1, whole[0], whole[1], whole[2]);
    for (int from = 1; from < 40; from++) {
        float part[3][N] = {{0}};
        int32_t index[N];
        int64_t first = 0;
        while (c.index[first] < from)
            first++;
        for (int64_t e = first; e < c.nnz; e++)
            index[e - first] = c.index[e] - from;
        k->zinb_row(N - from, c.nnz - first, index, c.value + first, c.mu + from, c.theta + from,
                    c.pi + from, 1, part[0], part[1], part[2]);
        for (int a = 0; a < 3; a++)
            assert_memory_equal(part[a], whole[a] + from, (size_t)(N - from) * sizeof(float));
    }
}

/* the gradients by logits and library from those by mu = library softmax(logits) */
static void chain(const cell *c, double library, double by_mu[N], double *by_library)
{
    double sum = 0;
    for (int j = 0; j < N; j++)
        sum += (double)c->mu[j] / library * by_mu[j];
    for (int j = 0; j < N; j++)
        by_mu[j] = (double)c->mu[j] * (by_mu[j] - sum);
    *by_library = sum;
}

static void compare_head(const sc_kernels *k, cell *c, bool is_zinb, double slack)
{
    static const float scale = -0.5f;
    float logits[N], inverse[N], e[N], d[3][N] = {{0}}, by_library;
    double want[3][N], sum = 0, library = 0, want_library;
    for (int j = 0; j < N; j++) {
        logits[j] = logf(c->mu[j]) + 3;
        inverse[j] = 1 / (c->theta[j] + 1e-8f);
        sum += exp((double)logits[j]);
        library += (double)c->mu[j];
    }
    for (int j = 0; j < N; j++)
        c->mu[j] = (float)((double)(float)library * exp((double)logits[j]) / sum);
    const double total = reference(c, is_zinb, gradient, want);
    chain(c, library, want[0], &want_library);
    const sc_head_row row = {N,
                             c->nnz,
                             c->index,
                             c->value,
                             logits,
                             c->theta,
                             inverse,
                             is_zinb ? c->pi : NULL,
                             (float)library,
                             scale,
                             e,
                             d[0],
                             d[2],
                             d[1],
                             &by_library};
    const double got = k->head_row(&row) - c->log_factorial;
    if (fabs(got - total) > 2e-6 * fabs(total))
        fail_msg("%s: log-likelihood %.9g, not %.9g", k->isa, got, total);
    double size = 0;
    for (int j = 0; j < N; j++)
        size = fmax(size, fabs(want[0][j]));
    if (fabs((double)by_library / (double)scale - want_library) > 1e-5 * size / library)
        fail_msg("%s: gradient of the library is %.9g, not %.9g", k->isa,
                 (double)by_library / (double)scale, want_library);
    for (int a = 0; a < (is_zinb ? 3 : 2); a++)
        for (int j = 0; j < N; j++) {
            const double g = (double)d[a][j] / (double)scale, w = want[a][j];
            const double more = a == 0 ? 1e-6 * size : a == 1 ? 1e-6 / (double)c->theta[j] : 0;
            if (fabs(g - w) > 2e-5 * fabs(w) + more + slack)
                fail_msg(
                    "%s: head's gradient %d of gene %d is %.9g, not %.9g (mu %g theta %g pi %g)",
                    k->isa, a, j, g, w, (double)c->mu[j], (double)c->theta[j], (double)c->pi[j]);
        }
}

static void check_head(const sc_kernels *k)
{
    for (uint32_t i = 0; i < 20; i++)
        for (int is_zinb = 0; is_zinb < 2; is_zinb++) {
            cell mild = random_cell(i, 12, 8, 6), wide = random_cell(i, 24, 12, 60);
            compare_head(k, &mild, is_zinb, 2e-6);
            compare_head(k, &wide, is_zinb, 2e-6);
        }
}

static void each_isa(void (*check)(const sc_kernels *k))
{
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++)
        if (sc_kernels_get(isas[i]))
            check(sc_kernels_get(isas[i]));
}

#define TEST(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        each_isa(check_##name);                                                                    \
    }

TEST(spec)
TEST(cells)
TEST(far)
TEST(poisson_limit)
TEST(lanes)
TEST(head)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spec),  cmocka_unit_test(test_cells),
        cmocka_unit_test(test_far),   cmocka_unit_test(test_poisson_limit),
        cmocka_unit_test(test_lanes), cmocka_unit_test(test_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
