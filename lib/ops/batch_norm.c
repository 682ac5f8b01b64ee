#include "op.h"

#include <math.h>

/*
 * The first weight of the node is followed by bias, running mean, running variance and the count of
 * minibatches. A training minibatch of one row has no variance: it uses the stored statistics and
 * leaves them as they are. aux: mean and 1/sd of the pass, then x normalised.
 */
static real *w_of(const ex *e, const sc_gnode *n, int k)
{
    return e->w + e->g->weights[n->weight + k].offset;
}

static int64_t tiles(const ex *e, int32_t id, int phase, bool backward)
{
    (void)phase, (void)backward;
    return ceil_div(cols_of(e, id), COL_TILE);
}

static int64_t aux(const ex *e, int32_t id, int64_t rows)
{
    return cols_of(e, id) * (rows + 2);
}
static bool by_batch(const ex *e, int64_t rows)
{
    return e->run->train && rows > 1;
}

/* Mean and 1/sd of columns j0.. over the rows, in double; moves the running statistics. */
static void batch_statistics(ex *e, const sc_gnode *n, const real *x, int64_t rows, int64_t j0,
                             int64_t nc, real *mean, real *inv)
{
    double m[COL_TILE] = {0}, v[COL_TILE] = {0};
    real *rm = w_of(e, n, 2) + j0, *rv = w_of(e, n, 3) + j0;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < nc; j++)
            m[j] += (double)x[i * n->n_cols + j];
    for (int64_t j = 0; j < nc; j++)
        m[j] /= (double)rows;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < nc; j++) {
            const double d = (double)x[i * n->n_cols + j] - m[j];
            v[j] += d * d;
        }
    for (int64_t j = 0; j < nc; j++) {
        const double var = v[j] / (double)rows, unbiased = v[j] / (double)(rows - 1);
        mean[j] = (real)m[j];
        inv[j] = (real)(1 / sqrt(var + n->arg));
        rm[j] = (real)((1 - n->arg2) * (double)rm[j] + n->arg2 * m[j]);
        rv[j] = (real)((1 - n->arg2) * (double)rv[j] + n->arg2 * unbiased);
    }
    if (j0 == 0)
        *w_of(e, n, 4) += 1;
}

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols, rows = rows_of(e, id), j0 = tile * COL_TILE,
                  nc = min64(COL_TILE, cols - j0);
    const real *x = e->val[n->in[0]] + j0, *w = w_of(e, n, 0) + j0, *b = w_of(e, n, 1) + j0;
    real *y = e->val[id] + j0, *mean = e->aux[id] + j0, *inv = mean + cols,
         *xhat = e->aux[id] + 2 * cols + j0;
    if (by_batch(e, rows))
        batch_statistics(e, n, x, rows, j0, nc, mean, inv);
    else
        for (int64_t j = 0; j < nc; j++) {
            mean[j] = w_of(e, n, 2)[j0 + j];
            inv[j] = (real)(1 / sqrt((double)w_of(e, n, 3)[j0 + j] + n->arg));
        }
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < nc; j++) {
            xhat[i * cols + j] = (x[i * cols + j] - mean[j]) * inv[j];
            y[i * cols + j] = xhat[i * cols + j] * w[j] + b[j];
        }
}

static void bwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols, rows = rows_of(e, id), j0 = tile * COL_TILE,
                  nc = min64(COL_TILE, cols - j0);
    const real *w = w_of(e, n, 0) + j0, *inv = e->aux[id] + cols + j0,
               *xhat = e->aux[id] + 2 * cols + j0;
    const real *dy = e->grad[id] + j0;
    real *gw = e->gw + e->g->weights[n->weight].offset + j0,
         *gb = e->gw + e->g->weights[n->weight + 1].offset + j0;
    double s[COL_TILE] = {0}, sx[COL_TILE] = {0};
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < nc; j++) {
            s[j] += (double)dy[i * cols + j];
            sx[j] += (double)dy[i * cols + j] * (double)xhat[i * cols + j];
        }
    real a[COL_TILE] = {0}, c[COL_TILE] = {0}, k[COL_TILE];
    for (int64_t j = 0; j < nc; j++) {
        gw[j] += (real)sx[j];
        gb[j] += (real)s[j];
        k[j] = w[j] * inv[j];
        if (by_batch(e, rows)) {
            a[j] = (real)(s[j] / (double)rows);
            c[j] = (real)(sx[j] / (double)rows);
        }
    }
    if (!wants_grad(e, n->in[0]))
        return;
    real *dx = e->grad[n->in[0]] + j0;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < nc; j++)
            dx[i * cols + j] += k[j] * (dy[i * cols + j] - a[j] - xhat[i * cols + j] * c[j]);
}

const sc_op SC_X(sc_op_batch_norm) = {1, 1, tiles, fwd, bwd, aux};
