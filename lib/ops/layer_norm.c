#include "op.h"

#include <math.h>
#include <string.h>

/*
 * Each row to mean 0 and variance 1, without weights. aux: mean and 1/sd of every row, so that
 * backward does not ask for the value, and what follows may go over it. Sums are double, in 16
 * parts as in row_dot.
 */
enum { MEAN, INV, N_AUX, PARTS = 16 };

static int64_t aux(const ex *e, int32_t id, int64_t rows)
{
    (void)e, (void)id;
    return N_AUX * rows;
}

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

/* (x - mean) . y */
static double dot_of(int64_t n, const real *restrict x, real mean, const real *restrict y)
{
    double part[PARTS] = {0}, s = 0;
    int64_t j = 0;
    for (; j + PARTS <= n; j += PARTS)
        for (int t = 0; t < PARTS; t++)
            part[t] += (double)(x[j + t] - mean) * (double)y[j + t];
    for (int t = 0; j + t < n; t++)
        part[t] += (double)(x[j + t] - mean) * (double)y[j + t];
    for (int t = 0; t < PARTS; t++)
        s += part[t];
    return s;
}

static void fwd_row(int64_t n, const real *restrict x, real *restrict y, double eps, real *stats)
{
    const real mean = (real)(sum_of(n, x) / (double)n);
    for (int64_t j = 0; j < n; j++)
        y[j] = x[j] - mean;
    const real inv = (real)(1 / sqrt(row_dot(n, y, y) / (double)n + eps));
    for (int64_t j = 0; j < n; j++)
        y[j] *= inv;
    stats[MEAN] = mean;
    stats[INV] = inv;
}

/* dx += (dy - mean(dy) - y mean(dy y)) / sd */
static void bwd_row(int64_t n, const real *restrict x, const real *restrict dy, const real *stats,
                    real *restrict dx)
{
    const real mean = stats[MEAN], inv = stats[INV], s = (real)(sum_of(n, dy) / (double)n);
    const double mean_dyx = dot_of(n, x, mean, dy) / (double)n;
    const real c = (real)(mean_dyx * (double)inv * (double)inv);
    for (int64_t j = 0; j < n; j++)
        dx[j] += inv * (dy[j] - s - (x[j] - mean) * c);
}

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols, i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    for (int64_t i = tile * ROW_TILE; i < i1; i++)
        fwd_row(cols, e->val[n->in[0]] + i * cols, e->val[id] + i * cols, n->arg,
                e->aux[id] + i * N_AUX);
}

static void bwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const int32_t x = nd(e, id)->in[0];
    const int64_t cols = cols_of(e, id), i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    for (int64_t i = tile * ROW_TILE; i < i1 && wants_grad(e, x); i++) {
        real *dx = e->grad[x] + i * cols;
        if (assigns(e, x))
            memset(dx, 0, (size_t)cols * sizeof *dx);
        bwd_row(cols, e->val[x] + i * cols, e->grad[id] + i * cols, e->aux[id] + i * N_AUX, dx);
    }
}

const sc_op SC_X(sc_op_layer_norm) = {1, 1, row_tiles, fwd, bwd, aux, NULL, rows_alone};
