/* The kernels of every instruction set that this CPU has, against long double and double libm, and
 * the two promises of sc_kernels.h. */
#include "sc_kernels.h"
#include "sc_philox.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const isas[] = {"avx512", "avx2", "base"};
enum { N_ISAS = 3 };

static float *random_floats(int64_t n, float low, float high, uint32_t site)
{
    float *x = malloc((size_t)n * sizeof *x + 1);
    sc_fill_uniform((sc_key){1, 2, 3, site}, n, x);
    for (int64_t i = 0; i < n; i++)
        x[i] = low + (high - low) * x[i];
    return x;
}

/* distance in units of the last place of `want` as a float */
static double ulps(float got, long double want)
{
    if (isnan((double)got) || isnan((double)want))
        return isnan((double)got) && isnan((double)want) ? 0 : 1e9;
    if ((long double)got == want || got == (float)want)
        return 0;
    if (isinf((double)got))
        return 1e9;
    const int e = ilogbl(want) < -126 ? -126 : ilogbl(want);
    return (double)(fabsl((long double)got - want) / ldexpl(1, e - 23));
}

typedef long double reference(long double x);
typedef void elementwise(int64_t n, const float *x, float *y);

static long double ref_sigmoid(long double x)
{
    return 1 / (1 + expl(-x));
}

static long double ref_softplus(long double x)
{
    return x > 0 ? x + log1pl(expl(-x)) : log1pl(expl(x));
}

static double worst_over(elementwise *f, reference *ref, float low, float high)
{
    enum { N = 40000 };
    float *x = random_floats(N, low, high, 1), *y = malloc(N * sizeof *y);
    double worst = 0;
    f(N, x, y);
    for (int i = 0; i < N; i++) {
        const long double want = ref((long double)x[i]);
        if (fabsl(want) >= 0x1p-126L && fabsl(want) < 0x1p128L)
            worst = fmax(worst, ulps(y[i], want));
    }
    free(x);
    free(y);
    return worst;
}

/* x = 2^u with u over the range of normal floats */
static double worst_over_magnitudes(elementwise *f, reference *ref, float sign)
{
    enum { N = 40000 };
    float *x = random_floats(N, -125, 126, 2), *y = malloc(N * sizeof *y);
    double worst = 0;
    for (int i = 0; i < N; i++)
        x[i] = sign * exp2f(x[i]);
    f(N, x, y);
    for (int i = 0; i < N; i++) {
        const long double want = ref((long double)x[i]);
        if (fabsl(want) >= 0x1p-126L && fabsl(want) < 0x1p128L)
            worst = fmax(worst, ulps(y[i], want));
    }
    free(x);
    free(y);
    return worst;
}

static void check_accuracy(const sc_kernels *k)
{
    static const float spans[][2] = {{-100, 100}, {-10, 10}, {-1, 1}, {-0.01f, 0.01f}};
    static const float positive[][2] = {{0.5f, 2}, {0.9f, 1.1f}, {0, 1e6f}, {0.99f, 1.01f}};
    for (size_t i = 0; i < 4; i++) {
        const float a = spans[i][0], b = spans[i][1];
        assert_true(worst_over(k->exp, expl, a, b) <= 2);
        assert_true(worst_over(k->sigmoid, ref_sigmoid, a, b) <= 2.5);
        assert_true(worst_over(k->softplus, ref_softplus, a, b) <= 2);
        assert_true(worst_over(k->log1p, log1pl, a / 101, fabsf(b)) <= 2);
        assert_true(worst_over(k->log, logl, positive[i][0], positive[i][1]) <= 2);
    }
    assert_true(worst_over_magnitudes(k->log, logl, 1) <= 2);
    assert_true(worst_over_magnitudes(k->log1p, log1pl, 1) <= 2);
    assert_true(worst_over_magnitudes(k->exp, expl, 1) <= 2);
    assert_true(worst_over_magnitudes(k->exp, expl, -1) <= 2);
    assert_true(worst_over_magnitudes(k->softplus, ref_softplus, 1) <= 2);
    assert_true(worst_over_magnitudes(k->sigmoid, ref_sigmoid, -1) <= 2.5);
}

static void check_special(const sc_kernels *k)
{
    const float in[] = {0, -0.0f, INFINITY, -INFINITY, NAN, -1, 1e-42f, 89, -110, 1e30f, -1e30f};
    enum { N = sizeof in / sizeof *in };
    float y[N];
    static const struct {
        size_t offset;
        reference *ref;
    } all[] = {{offsetof(sc_kernels, exp), expl},
               {offsetof(sc_kernels, log), logl},
               {offsetof(sc_kernels, log1p), log1pl},
               {offsetof(sc_kernels, sigmoid), ref_sigmoid},
               {offsetof(sc_kernels, softplus), ref_softplus}};
    for (size_t f = 0; f < sizeof all / sizeof *all; f++) {
        elementwise *fn;
        memcpy(&fn, (const char *)k + all[f].offset, sizeof fn);
        fn(N, in, y);
        for (int i = 0; i < N; i++) {
            const long double want = all[f].ref((long double)in[i]);
            if (ulps(y[i], want) > 2.5)
                fail_msg("%s: function %zu of %g is %g, not %Lg", k->isa, f, (double)in[i],
                         (double)y[i], want);
        }
    }
}

/* every tail length and every offset gives the bits of the whole array */
static void check_positions(const sc_kernels *k)
{
    enum { N = 70 };
    float *x = random_floats(N, 0.1f, 20, 3), *t = random_floats(N, 0.1f, 9, 4);
    elementwise *const all[] = {k->exp, k->log, k->log1p, k->sigmoid, k->softplus};
    float whole[N], part[N + 1], d[N], dpart[N + 1];
    for (size_t f = 0; f < sizeof all / sizeof *all; f++) {
        all[f](N, x, whole);
        for (int from = 0; from < 20; from++)
            for (int n = 0; n <= N - from; n++) {
                part[n] = 42;
                all[f](n, x + from, part);
                assert_memory_equal(part, whole + from, (size_t)n * sizeof *part);
                assert_true(part[n] == 42);
            }
    }
    k->lgamma_diff(N, x, t, whole, d);
    for (int n = 0; n < N; n++) {
        part[n] = dpart[n] = 42;
        k->lgamma_diff(n, x + 1, t + 1, part, dpart);
        assert_memory_equal(part, whole + 1, (size_t)n * sizeof *part);
        assert_memory_equal(dpart, d + 1, (size_t)n * sizeof *part);
        assert_true(part[n] == 42 && dpart[n] == 42);
    }
    free(x);
    free(t);
}

static double psi(double x) /* above 0; to 1e-13 */
{
    double shift = 0;
    for (; x < 12; x += 1)
        shift -= 1 / x;
    const double i2 = 1 / (x * x);
    return shift + log(x) - 0.5 / x -
           i2 * (1.0 / 12 -
                 i2 * (1.0 / 120 - i2 * (1.0 / 252 - i2 * (1.0 / 240 - i2 * (1.0 / 132)))));
}

static void check_lgamma_diff(const sc_kernels *k)
{
    static const float xs[] = {0, 1, 2, 3, 7, 20, 100.5f, 1000, 30000, 0.25f};
    static const float thetas[] = {1e-6f, 1e-3f, 0.1f, 0.9f,   2,    3.999f, 4,
                                   5,     30,    1e3f, 123456, 1e6f, 1e8f};
    for (size_t i = 0; i < sizeof xs / sizeof *xs; i++)
        for (size_t j = 0; j < sizeof thetas / sizeof *thetas; j++) {
            const long double x = (long double)xs[i], t = (long double)thetas[j];
            const double want = (double)(lgammal(x + t) - lgammal(t));
            const double slope = (double)x == 0 ? 0 : psi((double)(x + t)) - psi((double)t);
            float y, d;
            k->lgamma_diff(1, &xs[i], &thetas[j], &y, &d);
            /* what cancels by nature for small theta is lgamma(theta) */
            const double size = fabs(want) + (thetas[j] < 4 ? 1 + fabs(log((double)t)) : 0);
            if (fabs((double)y - want) > 1e-6 * size + 1e-10)
                fail_msg("%s: x %g theta %g: %.9g, not %.9g", k->isa, (double)x, (double)t,
                         (double)y, want);
            if (fabs((double)d - slope) > 1e-6 * slope + 1e-13)
                fail_msg("%s: x %g theta %g: slope %.9g, not %.9g", k->isa, (double)x, (double)t,
                         (double)d, slope);
            k->lgamma_diff(1, &xs[i], &thetas[j], &d, NULL);
            assert_true(d == y);
        }
}

typedef void product(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                     float *c, int ldc, bool add);

/* form 0 nn, 1 nt, 2 tn; C has guards around it */
static void check_product(product *f, int form, int m, int n, int k, bool add, float *row0)
{
    const int lda = (form == 2 ? m : k) + 3, ldb = (form == 1 ? k : n) + 2, ldc = n + 5;
    float *a = random_floats((int64_t)lda * (form == 2 ? k : m) + 1, -1, 1, 5);
    float *b = random_floats((int64_t)ldb * (form == 1 ? n : k) + 1, -1, 1, 6);
    float *c = random_floats((int64_t)ldc * m + 1, -1, 1, 7);
    float *old = random_floats((int64_t)ldc * m + 1, -1, 1, 7);
    f(m, n, k, a, lda, b, ldb, c, ldc, add);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < ldc; j++) {
            double want = (double)old[i * ldc + j], size = fabs(want);
            if (j < n) {
                if (!add)
                    want = size = 0;
                for (int t = 0; t < k; t++) {
                    const double p = (double)(form == 2 ? a[t * lda + i] : a[i * lda + t]) *
                                     (double)(form == 1 ? b[j * ldb + t] : b[t * ldb + j]);
                    want += p;
                    size += fabs(p);
                }
                if (fabs((double)c[i * ldc + j] - want) > 1e-6 * size)
                    fail_msg("form %d, %d x %d x %d, element %d %d is %g, not %g", form, m, n, k, i,
                             j, (double)c[i * ldc + j], want);
            } else {
                assert_true(c[i * ldc + j] == old[i * ldc + j]);
            }
        }
    if (row0)
        memcpy(row0, c, (size_t)n * sizeof *c);
    free(a);
    free(b);
    free(c);
    free(old);
}

static void check_gemm(const sc_kernels *k)
{
    product *const forms[] = {k->gemm_nn, k->gemm_nt, k->gemm_tn};
    static const int sizes[][3] = {{1, 1, 1},    {8, 48, 128}, {9, 49, 129}, {7, 47, 127},
                                   {3, 10, 300}, {33, 97, 20}, {128, 20, 5}, {16, 24, 256},
                                   {5, 6, 0},    {0, 4, 4},    {4, 0, 4},    {20, 12, 131}};
    for (int form = 0; form < 3; form++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (int add = 0; add < 2; add++)
                check_product(forms[form], form, sizes[i][0], sizes[i][1], sizes[i][2], add, NULL);
}

/* a row of C alone, and among others at any place, in any of the three forms, by its bits */
static void check_gemm_rows(const sc_kernels *k)
{
    enum { M = 37, N = 61, K = 200 };
    float *a = random_floats(M * K, -1, 1, 8), *b = random_floats(K * N, -1, 1, 9);
    float *at = malloc(M * K * sizeof *at), *bt = malloc(K * N * sizeof *bt);
    float *c = malloc(M * N * sizeof *c), *d = malloc(M * N * sizeof *d), row[N];
    float *e = malloc(M * N * sizeof *e);
    for (int t = 0; t < K; t++) {
        for (int i = 0; i < M; i++)
            at[t * M + i] = a[i * K + t];
        for (int j = 0; j < N; j++)
            bt[j * K + t] = b[t * N + j];
    }
    k->gemm_nn(M, N, K, a, K, b, N, c, N, false);
    k->gemm_nt(M, N, K, a, K, bt, K, d, N, false);
    assert_memory_equal(c, d, M * N * sizeof *c);
    for (int i = 0; i < M * N; i++)
        d[i] = row[i % N] = (float)(i % N);
    k->gemm_nn(M, N, K, a, K, b, N, d, N, true);
    k->gemm_nn_from(M, N, K, a, K, b, N, e, N, row);
    assert_memory_equal(e, d, M * N * sizeof *c);
    k->gemm_tn(M, N, K, at, M, b, N, d, N, false);
    assert_memory_equal(c, d, M * N * sizeof *c);
    for (int i = 0; i < M; i++) {
        k->gemm_nn(1, N, K, a + i * K, K, b, N, row, N, false);
        assert_memory_equal(row, c + i * N, sizeof row);
        k->gemm_nn(M - i, N, K, a + i * K, K, b, N, d, N, false);
        assert_memory_equal(d, c + i * N, (size_t)(M - i) * N * sizeof *d);
        for (int n = 1; n < 20; n++) { /* and a column among fewer columns */
            k->gemm_nt(M - i, n, K, a + i * K, K, bt + i * K, K, d, n, false);
            assert_true(d[0] == c[i * N + i]);
        }
    }
    free(a);
    free(b);
    free(at);
    free(bt);
    free(c);
    free(d);
    free(e);
}

static void check_linear(const sc_kernels *k)
{
    enum { N = 203, ROWS = 50 };
    float *w = random_floats(ROWS * N, -1, 1, 10), *y = random_floats(N, -1, 1, 11);
    float *z = random_floats(N, -1, 1, 11);
    static const int32_t index[] = {0, 3, 4, 17, 30, 31, 48, 49};
    static const float value[] = {1, 2, 0.5f, 3, -1, 4, 0.25f, 7};

    for (int n = 0; n <= N; n += n < 20 ? 1 : 61) {
        memcpy(y, z, N * sizeof *y);
        k->sparse_row(8, index, value, w, N, y, n);
        for (int j = 0; j < N; j++) {
            double want = (double)z[j];
            for (int e = 0; e < 8 && j < n; e++)
                want += (double)value[e] * (double)w[index[e] * N + j];
            assert_true(fabs((double)y[j] - want) < 1e-5);
        }
        memcpy(y, z, N * sizeof *y);
        for (int e = 0; e < 8; e++)
            k->axpy(n, value[e], w + index[e] * N, y);
        float *sum = malloc(N * sizeof *sum);
        memcpy(sum, z, N * sizeof *sum);
        k->sparse_row(8, index, value, w, N, sum, n);
        assert_memory_equal(sum, y, N * sizeof *sum);
        free(sum);

        float dots[ROWS], dot;
        k->dot_rows(ROWS - 1, n, w, N, w + N, N, dots);
        for (int i = 0; i < ROWS - 1; i++) {
            double want = 0;
            for (int j = 0; j < n; j++)
                want += (double)w[i * N + j] * (double)w[(i + 1) * N + j];
            assert_true(fabs((double)dots[i] - want) < 1e-5);
            k->dot_rows(1, n, w + i * N, N, w + (i + 1) * N, N, &dot);
            assert_true(dot == dots[i]);
        }
    }
    free(w);
    free(y);
    free(z);
}

static void check_softmax(const sc_kernels *k)
{
    enum { N = 1003 };
    float *x = random_floats(N, -30, 60, 12), *y = malloc(N * sizeof *y), dx[N];
    float *dy = random_floats(N, -1, 1, 13);
    for (int n = 1; n <= N; n += n < 40 ? 1 : 321) {
        double max = -INFINITY, sum = 0, dot = 0;
        for (int i = 0; i < n; i++)
            max = fmax(max, (double)x[i]);
        for (int i = 0; i < n; i++)
            sum += exp((double)x[i] - max);
        k->softmax(n, x, y);
        for (int i = 0; i < n; i++) {
            const double want = exp((double)x[i] - max) / sum;
            /* the float x - max is off by up to 4e-6 where it is -90 */
            assert_true(fabs((double)y[i] - want) <= 5e-6 * want + 1e-38);
            dot += want * (double)dy[i];
        }
        for (int i = 0; i < n; i++)
            dx[i] = 0.5f;
        k->softmax_grad(n, y, dy, dx);
        for (int i = 0; i < n; i++)
            assert_true(fabs((double)dx[i] - 0.5 - (double)y[i] * ((double)dy[i] - dot)) < 1e-6);
    }
    free(x);
    free(y);
    free(dy);
}

/* Rows apart give the bits that one run gives; what lies between them stays; a NaN is told. */
static void check_adam_rows(const sc_kernels *k, float *g)
{
    enum { ROWS = 3, COLS = 15, LD = 20 };
    const sc_adam_args a = {1e-3f, 0.9f, 0.999f, 0.01f, 1e-6f, 0.1f, 0.03f};
    float one[3][ROWS * COLS], apart[3][ROWS * LD];
    for (int s = 0; s < 3; s++)
        for (int i = 0; i < ROWS * LD; i++) {
            apart[s][i] = 0.5f;
            one[s][i % (ROWS * COLS)] = 0.5f;
        }
    assert_true(k->adam(1, ROWS * COLS, one[0], one[1], one[2], 0, g, 0, &a));
    assert_true(k->adam(ROWS, COLS, apart[0], apart[1], apart[2], LD, g, COLS, &a));
    for (int s = 0; s < 3; s++)
        for (int r = 0; r < ROWS; r++) {
            assert_memory_equal(apart[s] + r * LD, one[s] + r * COLS, COLS * sizeof(float));
            assert_true(apart[s][r * LD + COLS] == 0.5f);
        }
    for (int i = 0; i < ROWS * COLS; i += 11) {
        const float was = g[i];
        g[i] = i % 2 ? NAN : INFINITY;
        assert_false(k->adam(ROWS, COLS, apart[0], apart[1], apart[2], LD, g, COLS, &a));
        g[i] = was;
    }
}

static void check_adam(const sc_kernels *k)
{
    enum { N = 45 };
    float p[N], m[N] = {0}, v[N] = {0}, g[N];
    double rp[N], rm[N] = {0}, rv[N] = {0};
    for (int i = 0; i < N; i++)
        rp[i] = (double)(p[i] = (float)i / 7 - 3);
    for (int t = 1; t <= 20; t++) {
        const double c1 = 1 - pow(0.9, t), c2 = sqrt(1 - pow(0.999, t));
        const sc_adam_args a = {1e-3f, 0.9f, 0.999f, 0.01f, 1e-6f, (float)c1, (float)c2};
        for (int i = 0; i < N; i++) {
            g[i] = (float)sin(i + 3 * t);
            const double gi = (double)g[i] + 1e-6 * rp[i];
            rm[i] = 0.9 * rm[i] + 0.1 * gi;
            rv[i] = 0.999 * rv[i] + 0.001 * gi * gi;
            rp[i] -= 1e-3 * (rm[i] / c1) / (sqrt(rv[i]) / c2 + 0.01);
        }
        assert_true(k->adam(1, N, p, m, v, N, g, N, &a));
    }
    for (int i = 0; i < N; i++)
        assert_true(fabs((double)p[i] - rp[i]) < 2e-6 && fabs((double)m[i] - rm[i]) < 1e-6 &&
                    fabs((double)v[i] - rv[i]) < 1e-6);
    check_adam_rows(k, g);
}

static void each_isa(void (*check)(const sc_kernels *k))
{
    for (int i = 0; i < N_ISAS; i++) {
        const sc_kernels *k = sc_kernels_get(isas[i]);
        if (k) {
            assert_string_equal(k->isa, isas[i]);
            check(k);
        }
    }
}

#define TEST(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        each_isa(check_##name);                                                                    \
    }

TEST(accuracy)
TEST(special)
TEST(positions)
TEST(lgamma_diff)
TEST(gemm)
TEST(gemm_rows)
TEST(linear)
TEST(softmax)
TEST(adam)

static void test_choice(void **state)
{
    (void)state;
    assert_non_null(sc_kernels_get(NULL));
    assert_non_null(sc_kernels_get("base"));
    assert_null(sc_kernels_get("neon"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),      cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_special),     cmocka_unit_test(test_positions),
        cmocka_unit_test(test_lgamma_diff), cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_gemm_rows),   cmocka_unit_test(test_linear),
        cmocka_unit_test(test_softmax),     cmocka_unit_test(test_adam),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
