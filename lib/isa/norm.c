/*
 * Sums over the rows of a matrix, column by column, for batch norm. Strips of a few vectors are
 * walked down; floats are summed over a few rows only, and the rest is in double.
 */
#include "isa.h"
#include "vec.h"

enum { STRIP = 4, ROWS = 32 }; /* vectors; rows whose sum is a float */

typedef struct strip {
    vd a[STRIP][2], b[STRIP][2];
} strip;

/* To the strip the sums of rows [0, n): of x; or of (x - mean)^2; or of dy and of dy (x - mean). */
typedef enum kind { MEAN, VARIANCE, GRADIENTS } kind;

static inline __attribute__((always_inline)) void rows_of_strip(kind what, int nv, int n,
                                                                const float *x, const float *dy,
                                                                int64_t ld, const float *mean,
                                                                strip *sum)
{
    vf a[STRIP][2], b[STRIP][2], m[STRIP];
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++) {
        a[v][0] = a[v][1] = b[v][0] = b[v][1] = v_set(0);
        m[v] = what == MEAN ? v_set(0) : v_load(mean + v * W);
    }
    for (int i = 0; i + 2 <= n; i += 2)
#pragma GCC unroll 2
        for (int t = 0; t < 2; t++)
#pragma GCC unroll 4
            for (int v = 0; v < nv; v++) {
                const int64_t at = (i + t) * ld + v * W;
                const vf y = v_load(x + at) - m[v];
                if (what == MEAN) {
                    a[v][t] = a[v][t] + y;
                } else if (what == VARIANCE) {
                    a[v][t] = v_fma(y, y, a[v][t]);
                } else {
                    const vf d = v_load(dy + at);
                    a[v][t] = a[v][t] + d;
                    b[v][t] = v_fma(d, y, b[v][t]);
                }
            }
    if (n % 2)
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) {
            const int64_t at = (n - 1) * ld + v * W;
            const vf y = v_load(x + at) - m[v];
            const vf d = what == GRADIENTS ? v_load(dy + at) : what == MEAN ? v_set(1) : y;
            a[v][0] = what == GRADIENTS ? a[v][0] + d : v_fma(d, y, a[v][0]);
            b[v][0] = v_fma(d, y, b[v][0]);
        }
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++) {
        v_add_double(sum->a[v], a[v][0] + a[v][1]);
        if (what == GRADIENTS)
            v_add_double(sum->b[v], b[v][0] + b[v][1]);
    }
}

/* All rows of nv vectors of columns, to doubles. */
static inline __attribute__((always_inline)) void sum_strip(kind what, int nv, int64_t rows,
                                                            const float *x, const float *dy,
                                                            int64_t ld, const float *mean,
                                                            double *a, double *b)
{
    strip sum = {0};
    for (int64_t i = 0; i < rows; i += ROWS)
        rows_of_strip(what, nv, (int)(rows - i < ROWS ? rows - i : ROWS), x + i * ld,
                      dy ? dy + i * ld : NULL, ld, mean, &sum);
    memcpy(a, sum.a, (size_t)(nv * W) * sizeof *a);
    if (b)
        memcpy(b, sum.b, (size_t)(nv * W) * sizeof *b);
}

/* Strips, then less, then single columns in plain C. */
static inline __attribute__((always_inline)) void sum_columns(kind what, int64_t rows, int64_t n,
                                                              const float *x, const float *dy,
                                                              int64_t ld, const float *mean,
                                                              double *a, double *b)
{
    int64_t j = 0;
    for (; j + STRIP * W <= n; j += STRIP * W)
        sum_strip(what, STRIP, rows, x + j, dy ? dy + j : NULL, ld, mean ? mean + j : NULL, a + j,
                  b ? b + j : NULL);
    for (; j + 2 * W <= n; j += 2 * W)
        sum_strip(what, 2, rows, x + j, dy ? dy + j : NULL, ld, mean ? mean + j : NULL, a + j,
                  b ? b + j : NULL);
    for (; j + W <= n; j += W)
        sum_strip(what, 1, rows, x + j, dy ? dy + j : NULL, ld, mean ? mean + j : NULL, a + j,
                  b ? b + j : NULL);
    for (; j < n; j++) {
        a[j] = 0;
        if (b)
            b[j] = 0;
        for (int64_t i = 0; i < rows; i++) {
            const double y = (double)(x[i * ld + j] - (mean ? mean[j] : 0));
            a[j] += what == MEAN ? y : what == VARIANCE ? y * y : (double)dy[i * ld + j];
            if (b)
                b[j] += (double)dy[i * ld + j] * y;
        }
    }
}

void SC_NAME(column_sums)(int64_t rows, int64_t n, const float *x, int64_t ld, const float *mean,
                          double *sum)
{
    if (mean)
        sum_columns(VARIANCE, rows, n, x, NULL, ld, mean, sum, NULL);
    else
        sum_columns(MEAN, rows, n, x, NULL, ld, NULL, sum, NULL);
}

void SC_NAME(column_grads)(int64_t rows, int64_t n, const float *x, const float *dy, int64_t ld,
                           const float *mean, double *sum, double *sum_x)
{
    sum_columns(GRADIENTS, rows, n, x, dy, ld, mean, sum, sum_x);
}
