/* Element-wise kernels against long double and double libm; and who may choose which. */
#include "kernels.h"

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
TEST(accuracy)
TEST(special)
TEST(positions)
TEST(lgamma_diff)
TEST(softmax)

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
        cmocka_unit_test(test_lgamma_diff), cmocka_unit_test(test_softmax),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
