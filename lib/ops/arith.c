/* Matrix products and maps for the ops: kernels in float, plain loops in double. */
#include "op.h"

#include <math.h>

#ifdef SC_F64
void SC_X(sc_gemm_nn)(const ex *e, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda,
                      const real *b, int64_t ldb, real *c, int64_t ldc)
{
    (void)e;
    for (int64_t i = 0; i < m; i++)
        for (int64_t p = 0; p < k; p++)
            for (int64_t j = 0; j < n; j++)
                c[i * ldc + j] += a[i * lda + p] * b[p * ldb + j];
}

void SC_X(sc_gemm_nt)(const ex *e, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda,
                      const real *b, int64_t ldb, real *c, int64_t ldc)
{
    (void)e;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++)
            for (int64_t p = 0; p < k; p++)
                c[i * ldc + j] += a[i * lda + p] * b[j * ldb + p];
}

void SC_X(sc_gemm_tn)(const ex *e, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda,
                      const real *b, int64_t ldb, real *c, int64_t ldc)
{
    (void)e;
    for (int64_t p = 0; p < k; p++)
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++)
                c[i * ldc + j] += a[p * lda + i] * b[p * ldb + j];
}

static bool fast_map(const ex *e, int map, int64_t n, const real *x, real *y)
{
    (void)e, (void)map, (void)n, (void)x, (void)y;
    return false;
}
#else
void SC_X(sc_gemm_nn)(const ex *e, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda,
                      const real *b, int64_t ldb, real *c, int64_t ldc)
{
    e->k->gemm_nn((int)m, (int)n, (int)k, a, (int)lda, b, (int)ldb, c, (int)ldc, true);
}

void SC_X(sc_gemm_nt)(const ex *e, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda,
                      const real *b, int64_t ldb, real *c, int64_t ldc)
{
    e->k->gemm_nt((int)m, (int)n, (int)k, a, (int)lda, b, (int)ldb, c, (int)ldc, true);
}

void SC_X(sc_gemm_tn)(const ex *e, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda,
                      const real *b, int64_t ldb, real *c, int64_t ldc)
{
    e->k->gemm_tn((int)m, (int)n, (int)k, a, (int)lda, b, (int)ldb, c, (int)ldc, true);
}

static bool fast_map(const ex *e, int map, int64_t n, const real *x, real *y)
{
    switch (map) {
    case SC_MAP_LOG1P:
        e->k->log1p(n, x, y);
        return true;
    case SC_MAP_EXP:
        e->k->exp(n, x, y);
        return true;
    case SC_MAP_LOG:
        e->k->log(n, x, y);
        return true;
    case SC_MAP_SOFTPLUS:
        e->k->softplus(n, x, y);
        return true;
    case SC_MAP_SIGMOID:
        e->k->sigmoid(n, x, y);
        return true;
    default:
        return false;
    }
}
#endif

static double sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}
static double gauss_cdf(double x)
{
    return 0.5 * erfc(-x * 0.70710678118654752440);
}

static double softplus(double x)
{
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}
static double between(double low, double x, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* of SELU: Klambauer et al. 2017, Self-normalizing neural networks */
#define SELU_ALPHA 1.6732632423543772848170429916717
#define SELU_SCALE 1.0507009873554804934193349852946

static double map_one(int map, double arg, double x)
{
    switch (map) {
    case SC_MAP_LOG1P:
        return log1p(x);
    case SC_MAP_EXP:
        return exp(x);
    case SC_MAP_LOG:
        return log(x);
    case SC_MAP_SOFTPLUS:
        return softplus(x);
    case SC_MAP_SIGMOID:
        return sigmoid(x);
    case SC_MAP_RELU:
        return x > 0 ? x : 0;
    case SC_MAP_NEG:
        return -x;
    case SC_MAP_SQUARE:
        return x * x;
    case SC_MAP_SQRT:
        return sqrt(x);
    case SC_MAP_TANH:
        return tanh(x);
    case SC_MAP_LEAKY_RELU:
        return x > 0 ? x : 0.01 * x;
    case SC_MAP_SILU:
        return x * sigmoid(x);
    case SC_MAP_GELU:
        return x * gauss_cdf(x);
    case SC_MAP_ELU:
        return x > 0 ? x : expm1(x);
    case SC_MAP_SELU:
        return SELU_SCALE * (x > 0 ? x : SELU_ALPHA * expm1(x));
    case SC_MAP_MISH:
        return x * tanh(softplus(x));
    case SC_MAP_SOFTSIGN:
        return x / (1 + fabs(x));
    case SC_MAP_HARDSWISH:
        return x * between(0, x + 3, 6) / 6;
    case SC_MAP_CLAMP_MAX:
        return x > arg ? arg : x;
    default:
        return x < arg ? arg : x; /* SC_MAP_CLAMP_MIN */
    }
}

static double mish_slope(double x)
{
    const double t = tanh(softplus(x));
    return t + x * sigmoid(x) * (1 - t * t);
}

/* dy/dx from x and y */
static double slope(int map, double arg, double x, double y)
{
    switch (map) {
    case SC_MAP_LOG1P:
        return 1 / (1 + x);
    case SC_MAP_EXP:
        return y;
    case SC_MAP_LOG:
        return 1 / x;
    case SC_MAP_SOFTPLUS:
        return sigmoid(x);
    case SC_MAP_SIGMOID:
        return y * (1 - y);
    case SC_MAP_RELU:
        return x > 0 ? 1 : 0;
    case SC_MAP_NEG:
        return -1;
    case SC_MAP_SQUARE:
        return 2 * x;
    case SC_MAP_SQRT:
        return 0.5 / y;
    case SC_MAP_TANH:
        return 1 - y * y;
    case SC_MAP_LEAKY_RELU:
        return x > 0 ? 1 : 0.01;
    case SC_MAP_SILU:
        return sigmoid(x) * (1 + x * (1 - sigmoid(x)));
    case SC_MAP_GELU:
        return gauss_cdf(x) + x * exp(-0.5 * x * x) * 0.39894228040143267794;
    case SC_MAP_ELU:
        return x > 0 ? 1 : y + 1;
    case SC_MAP_SELU:
        return x > 0 ? SELU_SCALE : y + SELU_SCALE * SELU_ALPHA;
    case SC_MAP_MISH:
        return mish_slope(x);
    case SC_MAP_SOFTSIGN:
        return 1 / ((1 + fabs(x)) * (1 + fabs(x)));
    case SC_MAP_HARDSWISH:
        return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5;
    case SC_MAP_CLAMP_MAX:
        return x > arg ? 0 : 1;
    default:
        return x < arg ? 0 : 1;
    }
}

void SC_X(sc_map_apply)(const ex *e, int map, double arg, int64_t n, const real *restrict x,
                        real *restrict y)
{
    if (map == SC_MAP_RELU)
        for (int64_t i = 0; i < n; i++)
            y[i] = x[i] > 0 ? x[i] : 0;
    else if (!fast_map(e, map, n, x, y))
        for (int64_t i = 0; i < n; i++)
            y[i] = (real)map_one(map, arg, (double)x[i]);
}

static void softplus_grad(const ex *e, int64_t n, const real *restrict x, const real *restrict dy,
                          real *restrict dx)
{
    enum { CHUNK = 256 };
    real slopes[CHUNK];
    for (int64_t i = 0; i < n; i += CHUNK) {
        const int64_t m = min64(CHUNK, n - i);
        SC_X(sc_map_apply)(e, SC_MAP_SIGMOID, 0, m, x + i, slopes);
        for (int64_t k = 0; k < m; k++)
            dx[i + k] += dy[i + k] * slopes[k];
    }
}

void SC_X(sc_map_grad)(const ex *e, int map, double arg, int64_t n, const real *restrict x,
                       const real *restrict y, const real *restrict dy, real *restrict dx)
{
    if (map == SC_MAP_SOFTPLUS)
        softplus_grad(e, n, x, dy, dx);
    else if (map == SC_MAP_RELU)
        for (int64_t i = 0; i < n; i++)
            dx[i] += x[i] > 0 ? dy[i] : 0;
    else if (map == SC_MAP_EXP)
        for (int64_t i = 0; i < n; i++)
            dx[i] += dy[i] * y[i];
    else
        for (int64_t i = 0; i < n; i++)
            dx[i] += (real)((double)dy[i] * slope(map, arg, (double)x[i], (double)y[i]));
}
