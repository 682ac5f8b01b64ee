#include "op.h"

#include <math.h>

static void softmax_row(const ex *e, int64_t n, const real *x, real *y)
{
#ifdef SC_F64
    (void)e;
    double top = x[0], s = 0;
    for (int64_t j = 1; j < n; j++)
        top = x[j] > top ? x[j] : top;
    for (int64_t j = 0; j < n; j++)
        s += y[j] = exp(x[j] - top);
    for (int64_t j = 0; j < n; j++)
        y[j] /= s;
#else
    e->k->softmax(n, x, y);
#endif
}

static void softmax_grad_row(const ex *e, int64_t n, const real *y, const real *dy, real *dx)
{
#ifdef SC_F64
    (void)e;
    double s = 0;
    for (int64_t j = 0; j < n; j++)
        s += y[j] * dy[j];
    for (int64_t j = 0; j < n; j++)
        dx[j] += y[j] * (dy[j] - s);
#else
    e->k->softmax_grad(n, y, dy, dx);
#endif
}

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const int64_t cols = cols_of(e, id), i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    for (int64_t i = tile * ROW_TILE; i < i1; i++)
        softmax_row(e, cols, e->val[nd(e, id)->in[0]] + i * cols, e->val[id] + i * cols);
}

static void bwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const int32_t x = nd(e, id)->in[0];
    const int64_t cols = cols_of(e, id), i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    for (int64_t i = tile * ROW_TILE; i < i1 && wants_grad(e, x); i++)
        softmax_grad_row(e, cols, e->val[id] + i * cols, e->grad[id] + i * cols,
                         e->grad[x] + i * cols);
}

const sc_op SC_X(sc_op_softmax) = {1, 1, row_tiles, fwd, bwd, NULL, NULL, rows_alone};
