#include "op.h"

/*
 * x + y, x y, x / y with y broadcast over rows (a single row), columns (a single column) or both.
 * The gradient to what is broadcast over rows is summed in a phase of its own, column by column.
 * Counts (sparse x) take y as one value a row.
 */
static int64_t tiles(const ex *e, int32_t id, int phase, bool backward)
{
    const int32_t y = nd(e, id)->in[1];
    if (!backward || phase == 0)
        return row_tiles(e, id, phase, backward);
    return nd(e, y)->reps == 0 && nd(e, id)->reps && wants_grad(e, y)
               ? ceil_div(cols_of(e, y), COL_TILE)
               : 0;
}

static real combine(sc_op_id op, real x, real y)
{
    return op == SC_OP_ADD ? x + y : op == SC_OP_MUL ? x * y : x / y;
}

static void fwd_sparse(ex *e, int32_t id, int64_t i0, int64_t i1)
{
    const sc_gnode *n = nd(e, id);
    const sc_mini *m = mini_of(e, id);
    for (int64_t i = i0; i < i1; i++) {
        const real y = *at_row(e, e->val, n->in[1], i);
        for (int64_t k = m->indptr[i] - m->indptr[0]; k < m->indptr[i + 1] - m->indptr[0]; k++)
            e->sparse[id][k] = combine(n->op, e->sparse[n->in[0]][k], y);
    }
}

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols, i0 = tile * ROW_TILE, i1 = min64(rows_of(e, id), i0 + ROW_TILE);
    if (n->form == SC_SPARSE) {
        fwd_sparse(e, id, i0, i1);
        return;
    }
    const bool one = cols_of(e, n->in[1]) == 1;
    for (int64_t i = i0; i < i1; i++) {
        const real *restrict x = e->val[n->in[0]] + i * cols;
        const real *restrict y = at_row(e, e->val, n->in[1], i);
        real *restrict z = e->val[id] + i * cols;
        if (n->op == SC_OP_ADD)
            for (int64_t j = 0; j < cols; j++)
                z[j] = x[j] + y[one ? 0 : j];
        else if (n->op == SC_OP_MUL && one)
            for (int64_t j = 0; j < cols; j++)
                z[j] = x[j] * y[0];
        else
            for (int64_t j = 0; j < cols; j++)
                z[j] = combine(n->op, x[j], y[one ? 0 : j]);
    }
}

/* dz/dx times dz, and dz/dy times dz, at one element */
static real to_x(sc_op_id op, real y, real dz)
{
    return op == SC_OP_ADD ? dz : op == SC_OP_MUL ? dz * y : dz / y;
}
static real to_y(sc_op_id op, real x, real y, real dz)
{
    return op == SC_OP_ADD ? dz : op == SC_OP_MUL ? dz * x : -dz * x / (y * y);
}

static void bwd_rows(ex *e, int32_t id, int64_t tile)
{
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols, i0 = tile * ROW_TILE, i1 = min64(rows_of(e, id), i0 + ROW_TILE);
    const bool one = cols_of(e, n->in[1]) == 1, y_rows = nd(e, n->in[1])->reps == nd(e, id)->reps;
    for (int64_t i = i0; i < i1; i++) {
        const real *restrict x = e->val[n->in[0]] + i * cols;
        const real *restrict y = at_row(e, e->val, n->in[1], i);
        const real *restrict dz = e->grad[id] + i * cols;
        if (wants_grad(e, n->in[0])) {
            real *restrict dx = e->grad[n->in[0]] + i * cols;
            if (n->op == SC_OP_MUL && one)
                add_scaled(cols, y[0], dz, dx);
            else
                for (int64_t j = 0; j < cols; j++)
                    dx[j] += to_x(n->op, y[one ? 0 : j], dz[j]);
        }
        if (!y_rows || !wants_grad(e, n->in[1]))
            continue;
        real *dy = at_row(e, e->grad, n->in[1], i);
        if (one && n->op == SC_OP_MUL) {
            dy[0] += (real)row_dot(cols, x, dz);
            continue;
        }
        double s = 0;
        for (int64_t j = 0; j < cols; j++) {
            if (one)
                s += (double)to_y(n->op, x[j], y[0], dz[j]);
            else
                dy[j] += to_y(n->op, x[j], y[j], dz[j]);
        }
        if (one)
            dy[0] += (real)s;
    }
}

static void bwd_broadcast(ex *e, int32_t id, int64_t tile)
{
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols, rows = rows_of(e, id), y_cols = cols_of(e, n->in[1]);
    const int64_t j0 = tile * COL_TILE, j1 = min64(y_cols, j0 + COL_TILE);
    const real *restrict x = e->val[n->in[0]], *restrict y = e->val[n->in[1]],
                         *restrict dz = e->grad[id];
    double s[COL_TILE] = {0};
    for (int64_t i = 0; i < rows; i++) {
        if (y_cols == 1)
            for (int64_t j = 0; j < cols; j++)
                s[0] += (double)to_y(n->op, x[i * cols + j], y[0], dz[i * cols + j]);
        else
            for (int64_t j = j0; j < j1; j++)
                s[j - j0] += (double)to_y(n->op, x[i * cols + j], y[j], dz[i * cols + j]);
    }
    for (int64_t j = j0; j < j1; j++)
        e->grad[n->in[1]][j] += (real)s[j - j0];
}

static void bwd(ex *e, int32_t id, int phase, int64_t tile)
{
    if (phase == 0)
        bwd_rows(e, id, tile);
    else
        bwd_broadcast(e, id, tile);
}

const sc_op SC_X(sc_op_add) = {1, 2, tiles, fwd, bwd, NULL, NULL, rows_alone};
const sc_op SC_X(sc_op_mul) = {1, 2, tiles, fwd, bwd, NULL, NULL, rows_alone};
const sc_op SC_X(sc_op_div) = {1, 2, tiles, fwd, bwd, NULL, NULL, rows_alone};
