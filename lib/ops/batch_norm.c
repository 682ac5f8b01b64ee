#include "op.h"

#include <math.h>

/*
 * The first weight of the node is followed by bias, running mean, running variance and the count of
 * minibatches. A training minibatch of one row has no variance: it uses the stored statistics and
 * leaves them as they are.
 *
 * Statistics are taken column by column, values written row by row, so that memory is walked in
 * order. aux, one row each: mean and 1/sd of the pass; and for backward the factor of dx, and the
 * means of dy and of dy xhat.
 */
enum { MEAN, INV, FACTOR, MEAN_DY, MEAN_DYX, N_AUX };

static real *w_of(const ex *e, const sc_gnode *n, int k)
{
    return e->w + e->g->weights[n->weight + k].offset;
}

static real *aux_row(const ex *e, int32_t id, int k)
{
    return e->aux[id] + k * cols_of(e, id);
}

static int64_t tiles(const ex *e, int32_t id, int phase, bool backward)
{
    (void)backward;
    return phase == 0 ? ceil_div(cols_of(e, id), COL_TILE) : ceil_div(rows_of(e, id), ROW_TILE);
}

static int64_t aux(const ex *e, int32_t id, int64_t rows)
{
    (void)rows;
    return N_AUX * cols_of(e, id);
}

static bool by_batch(const ex *e, int64_t rows)
{
    return e->run->train && rows > 1;
}

/* Mean and 1/sd of columns j0.. over the rows, in double; moves the running statistics. */
static void batch_statistics(ex *e, int32_t id, int64_t j0, int64_t nc)
{
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols, rows = rows_of(e, id);
    const real *restrict x = e->val[n->in[0]] + j0;
    real *rm = w_of(e, n, 2) + j0, *rv = w_of(e, n, 3) + j0;
    double m[COL_TILE] = {0}, v[COL_TILE] = {0};
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < nc; j++)
            m[j] += (double)x[i * cols + j];
    for (int64_t j = 0; j < nc; j++)
        m[j] /= (double)rows;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < nc; j++) {
            const double d = (double)x[i * cols + j] - m[j];
            v[j] += d * d;
        }
    for (int64_t j = 0; j < nc; j++) {
        const double var = v[j] / (double)rows, unbiased = v[j] / (double)(rows - 1);
        aux_row(e, id, MEAN)[j0 + j] = (real)m[j];
        aux_row(e, id, INV)[j0 + j] = (real)(1 / sqrt(var + n->arg));
        rm[j] = (real)((1 - n->arg2) * (double)rm[j] + n->arg2 * m[j]);
        rv[j] = (real)((1 - n->arg2) * (double)rv[j] + n->arg2 * unbiased);
    }
    if (j0 == 0)
        *w_of(e, n, 4) += 1;
}

static void stored_statistics(ex *e, int32_t id, int64_t j0, int64_t nc)
{
    const sc_gnode *n = nd(e, id);
    for (int64_t j = j0; j < j0 + nc; j++) {
        aux_row(e, id, MEAN)[j] = w_of(e, n, 2)[j];
        aux_row(e, id, INV)[j] = (real)(1 / sqrt((double)w_of(e, n, 3)[j] + n->arg));
    }
}

static void normalise(ex *e, int32_t id, int64_t i0, int64_t i1)
{
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols;
    const real *restrict w = w_of(e, n, 0), *restrict b = w_of(e, n, 1);
    const real *restrict mean = aux_row(e, id, MEAN), *restrict inv = aux_row(e, id, INV);
    for (int64_t i = i0; i < i1; i++) {
        const real *restrict x = e->val[n->in[0]] + i * cols;
        real *restrict y = e->val[id] + i * cols;
        for (int64_t j = 0; j < cols; j++)
            y[j] = (x[j] - mean[j]) * inv[j] * w[j] + b[j];
    }
}

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
    const int64_t j0 = tile * COL_TILE, i0 = tile * ROW_TILE;
    if (phase == 1)
        normalise(e, id, i0, min64(rows_of(e, id), i0 + ROW_TILE));
    else if (by_batch(e, rows_of(e, id)))
        batch_statistics(e, id, j0, min64(COL_TILE, cols_of(e, id) - j0));
    else
        stored_statistics(e, id, j0, min64(COL_TILE, cols_of(e, id) - j0));
}

/* Gradients of weight and bias, and what the rows need. */
static void bwd_columns(ex *e, int32_t id, int64_t j0, int64_t nc)
{
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols, rows = rows_of(e, id);
    const real *restrict x = e->val[n->in[0]] + j0, *restrict dy = e->grad[id] + j0;
    const real *restrict mean = aux_row(e, id, MEAN) + j0, *restrict inv = aux_row(e, id, INV) + j0;
    real *gw = e->gw + e->g->weights[n->weight].offset + j0;
    real *gb = e->gw + e->g->weights[n->weight + 1].offset + j0;
    double s[COL_TILE] = {0}, sx[COL_TILE] = {0};
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < nc; j++) {
            s[j] += (double)dy[i * cols + j];
            sx[j] += (double)dy[i * cols + j] * (double)((x[i * cols + j] - mean[j]) * inv[j]);
        }
    for (int64_t j = 0; j < nc; j++) {
        const bool moves = by_batch(e, rows);
        gw[j] += (real)sx[j];
        gb[j] += (real)s[j];
        aux_row(e, id, FACTOR)[j0 + j] = w_of(e, n, 0)[j0 + j] * inv[j];
        aux_row(e, id, MEAN_DY)[j0 + j] = moves ? (real)(s[j] / (double)rows) : 0;
        aux_row(e, id, MEAN_DYX)[j0 + j] = moves ? (real)(sx[j] / (double)rows) : 0;
    }
}

static void bwd_rows(ex *e, int32_t id, int64_t i0, int64_t i1)
{
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols;
    const real *restrict mean = aux_row(e, id, MEAN), *restrict inv = aux_row(e, id, INV);
    const real *restrict k = aux_row(e, id, FACTOR), *restrict a = aux_row(e, id, MEAN_DY);
    const real *restrict c = aux_row(e, id, MEAN_DYX);
    for (int64_t i = i0; i < i1 && wants_grad(e, n->in[0]); i++) {
        const real *restrict x = e->val[n->in[0]] + i * cols, *restrict dy = e->grad[id] + i * cols;
        real *restrict dx = e->grad[n->in[0]] + i * cols;
        for (int64_t j = 0; j < cols; j++)
            dx[j] += k[j] * (dy[j] - a[j] - (x[j] - mean[j]) * inv[j] * c[j]);
    }
}

static void bwd(ex *e, int32_t id, int phase, int64_t tile)
{
    const int64_t j0 = tile * COL_TILE, i0 = tile * ROW_TILE;
    if (phase == 0)
        bwd_columns(e, id, j0, min64(COL_TILE, cols_of(e, id) - j0));
    else
        bwd_rows(e, id, i0, min64(rows_of(e, id), i0 + ROW_TILE));
}

const sc_op SC_X(sc_op_batch_norm) = {2, 2, tiles, fwd, bwd, aux, NULL};
