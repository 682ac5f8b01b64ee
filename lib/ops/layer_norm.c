#include "op.h"

#include <math.h>

/* Each row to mean 0 and variance 1, without weights. aux: 1/sd of every row. */
static int64_t aux(const ex *e, int32_t id, int64_t rows)
{
    (void)e, (void)id;
    return rows;
}

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols, i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    for (int64_t i = tile * ROW_TILE; i < i1; i++) {
        const real *x = e->val[n->in[0]] + i * cols;
        real *y = e->val[id] + i * cols;
        double mean = 0, var = 0;
        for (int64_t j = 0; j < cols; j++)
            mean += (double)x[j];
        mean /= (double)cols;
        for (int64_t j = 0; j < cols; j++)
            var += ((double)x[j] - mean) * ((double)x[j] - mean);
        const double inv = 1 / sqrt(var / (double)cols + n->arg);
        e->aux[id][i] = (real)inv;
        for (int64_t j = 0; j < cols; j++)
            y[j] = (real)(((double)x[j] - mean) * inv);
    }
}

static void bwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols, i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    if (!wants_grad(e, n->in[0]))
        return;
    for (int64_t i = tile * ROW_TILE; i < i1; i++) {
        const real *y = e->val[id] + i * cols, *dy = e->grad[id] + i * cols;
        real *dx = e->grad[n->in[0]] + i * cols;
        double s = 0, sy = 0;
        for (int64_t j = 0; j < cols; j++) {
            s += (double)dy[j];
            sy += (double)dy[j] * (double)y[j];
        }
        s /= (double)cols;
        sy /= (double)cols;
        for (int64_t j = 0; j < cols; j++)
            dx[j] += (real)((double)e->aux[id][i] * ((double)dy[j] - s - (double)y[j] * sy));
    }
}

const sc_op SC_X(sc_op_layer_norm) = {1, 1, row_tiles, fwd, bwd, aux, NULL, rows_alone};
