#include "op.h"

#include <string.h>

/* Ops that move or sum values inside and between rows: row_sum, concat, slice, repeat_rows,
 * unstack, pick. */
static int64_t last(const ex *e, int32_t id, int64_t tile)
{
    return min64(rows_of(e, id), (tile + 1) * ROW_TILE);
}

static void fwd_row_sum(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const int32_t x = nd(e, id)->in[0];
    const bool sparse = nd(e, x)->form == SC_SPARSE;
    const sc_mini *m = nd(e, x)->reps ? mini_of(e, x) : NULL;
    for (int64_t i = tile * ROW_TILE; i < last(e, id, tile); i++) {
        const int64_t k0 = sparse ? m->indptr[i] - m->indptr[0] : i * cols_of(e, x);
        const int64_t k1 = sparse ? m->indptr[i + 1] - m->indptr[0] : k0 + cols_of(e, x);
        const real *v = sparse ? e->sparse[x] : e->val[x];
        double s = 0;
        for (int64_t k = k0; k < k1; k++)
            s += (double)v[k];
        e->val[id][i] = (real)s;
    }
}

static void bwd_row_sum(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const int32_t x = nd(e, id)->in[0];
    const int64_t cols = cols_of(e, x);
    for (int64_t i = tile * ROW_TILE; i < last(e, id, tile) && wants_grad(e, x); i++)
        for (int64_t j = 0; j < cols; j++)
            e->grad[x][i * cols + j] += e->grad[id][i];
}

static void fwd_concat(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    for (int64_t i = tile * ROW_TILE; i < last(e, id, tile); i++) {
        real *to = e->val[id] + i * n->n_cols;
        for (int p = 0; p < n->n_in; p++) {
            const int64_t cols = cols_of(e, n->in[p]);
            memcpy(to, e->val[n->in[p]] + i * cols, (size_t)cols * sizeof(real));
            to += cols;
        }
    }
}

static void bwd_concat(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    for (int64_t i = tile * ROW_TILE; i < last(e, id, tile); i++) {
        const real *dy = e->grad[id] + i * n->n_cols;
        for (int p = 0; p < n->n_in; p++) {
            const int64_t cols = cols_of(e, n->in[p]);
            for (int64_t j = 0; j < cols && wants_grad(e, n->in[p]); j++)
                e->grad[n->in[p]][i * cols + j] += dy[j];
            dy += cols;
        }
    }
}

static void fwd_slice(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    for (int64_t i = tile * ROW_TILE; i < last(e, id, tile); i++)
        memcpy(e->val[id] + i * n->n_cols, e->val[n->in[0]] + i * cols_of(e, n->in[0]) + n->first,
               (size_t)n->n_cols * sizeof(real));
}

static void bwd_slice(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    for (int64_t i = tile * ROW_TILE; i < last(e, id, tile) && wants_grad(e, n->in[0]); i++)
        for (int64_t j = 0; j < n->n_cols; j++)
            e->grad[n->in[0]][i * cols_of(e, n->in[0]) + n->first + j] +=
                e->grad[id][i * n->n_cols + j];
}

static void fwd_repeat(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t b = mini_of(e, id)->n;
    for (int64_t i = tile * ROW_TILE; i < last(e, id, tile); i++)
        memcpy(e->val[id] + i * n->n_cols, e->val[n->in[0]] + i % b * n->n_cols,
               (size_t)n->n_cols * sizeof(real));
}

/* The rows of x own the sums over their copies. */
static int64_t tiles_repeat(const ex *e, int32_t id, int phase, bool backward)
{
    (void)phase;
    return ceil_div(backward ? mini_of(e, id)->n : rows_of(e, id), ROW_TILE);
}

static void bwd_repeat(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t b = mini_of(e, id)->n, i1 = min64(b, (tile + 1) * ROW_TILE);
    for (int64_t i = tile * ROW_TILE; i < i1 && wants_grad(e, n->in[0]); i++)
        for (int64_t y = 0; y < n->reps; y++)
            for (int64_t j = 0; j < n->n_cols; j++)
                e->grad[n->in[0]][i * n->n_cols + j] += e->grad[id][(y * b + i) * n->n_cols + j];
}

static void fwd_unstack(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t b = mini_of(e, id)->n;
    for (int64_t i = tile * ROW_TILE; i < last(e, id, tile); i++)
        for (int64_t y = 0; y < n->n_cols; y++)
            e->val[id][i * n->n_cols + y] = e->val[n->in[0]][y * b + i];
}

static void bwd_unstack(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t b = mini_of(e, id)->n;
    for (int64_t i = tile * ROW_TILE; i < last(e, id, tile) && wants_grad(e, n->in[0]); i++)
        for (int64_t y = 0; y < n->n_cols; y++)
            e->grad[n->in[0]][y * b + i] += e->grad[id][i * n->n_cols + y];
}

static void fwd_pick(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    for (int64_t i = tile * ROW_TILE; i < last(e, id, tile); i++)
        e->val[id][i] = e->val[n->in[0]][i * cols_of(e, n->in[0]) + code_at(e, n->in[1], i)];
}

static void bwd_pick(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    for (int64_t i = tile * ROW_TILE; i < last(e, id, tile) && wants_grad(e, n->in[0]); i++)
        e->grad[n->in[0]][i * cols_of(e, n->in[0]) + code_at(e, n->in[1], i)] += e->grad[id][i];
}

const sc_op SC_X(sc_op_row_sum) = {1,           1,    row_tiles, fwd_row_sum,
                                   bwd_row_sum, NULL, NULL,      rows_alone};
const sc_op SC_X(sc_op_concat) = {1, 1, row_tiles, fwd_concat, bwd_concat, NULL, NULL, rows_alone};
const sc_op SC_X(sc_op_slice) = {1, 1, row_tiles, fwd_slice, bwd_slice, NULL, NULL, rows_alone};
const sc_op SC_X(sc_op_repeat_rows) = {1,          1,    tiles_repeat, fwd_repeat,
                                       bwd_repeat, NULL, NULL,         NULL};
const sc_op SC_X(sc_op_unstack) = {1, 1, row_tiles, fwd_unstack, bwd_unstack, NULL, NULL, NULL};
const sc_op SC_X(sc_op_pick) = {1, 1, row_tiles, fwd_pick, bwd_pick, NULL, NULL, rows_alone};
