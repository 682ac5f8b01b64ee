#include "op.h"

#include <math.h>
#include <string.h>

/* Each row to mean 0 and variance 1, without weights. aux: 1/sd of every row. Sums are double, in
 * 16 parts as in row_dot. */
enum { PARTS = 16 };

static int64_t aux(const ex *e, int32_t id, int64_t rows)
{
    (void)e, (void)id;
    return rows;
}

/* Sum of x. */
static double sum_of(int64_t n, const real *restrict x)
{
    double part[PARTS] = {0}, s = 0;
    int64_t j = 0;
    for (; j + PARTS <= n; j += PARTS)
        for (int t = 0; t < PARTS; t++)
            part[t] += (double)x[j + t];
    for (int t = 0; j + t < n; t++)
        part[t] += (double)x[j + t];
    for (int t = 0; t < PARTS; t++)
        s += part[t];
    return s;
}

static void fwd_row(int64_t n, const real *restrict x, real *restrict y, double eps, real *inverse)
{
    const real mean = (real)(sum_of(n, x) / (double)n);
    for (int64_t j = 0; j < n; j++)
        y[j] = x[j] - mean;
    const real inv = (real)(1 / sqrt(row_dot(n, y, y) / (double)n + eps));
    for (int64_t j = 0; j < n; j++)
        y[j] *= inv;
    *inverse = inv;
}

/* dx (+)= (dy - mean(dy) - y mean(dy y)) / sd */
static void bwd_row(int64_t n, const real *restrict y, const real *restrict dy, real inv,
                    bool assigns, real *restrict dx)
{
    const real s = (real)(sum_of(n, dy) / (double)n), sy = (real)(row_dot(n, dy, y) / (double)n);
    if (assigns)
        memset(dx, 0, (size_t)n * sizeof *dx);
    for (int64_t j = 0; j < n; j++)
        dx[j] += inv * (dy[j] - s - y[j] * sy);
}

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols, i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    for (int64_t i = tile * ROW_TILE; i < i1; i++)
        fwd_row(cols, e->val[n->in[0]] + i * cols, e->val[id] + i * cols, n->arg, e->aux[id] + i);
}

static void bwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const int32_t x = nd(e, id)->in[0];
    const int64_t cols = cols_of(e, id), i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    for (int64_t i = tile * ROW_TILE; i < i1 && wants_grad(e, x); i++)
        bwd_row(cols, e->val[id] + i * cols, e->grad[id] + i * cols, e->aux[id][i], assigns(e, x),
                e->grad[x] + i * cols);
}

const sc_op SC_X(sc_op_layer_norm) = {1, 1, row_tiles, fwd, bwd, aux, NULL, rows_alone};
