#include "op.h"

/* Row i: column c_i of a weight (n x categories), or with `first` set row c_i of a weight
 * (categories x n). */
static int64_t tiles(const ex *e, int32_t id, int phase, bool backward)
{
    (void)phase;
    return backward ? ceil_div(cols_of(e, id), COL_TILE) : ceil_div(rows_of(e, id), ROW_TILE);
}

static int64_t place(const ex *e, const sc_gnode *n, int64_t c, int64_t j)
{
    return n->first ? c * n->n_cols + j : j * cols_of(e, n->in[0]) + c;
}

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    for (int64_t i = tile * ROW_TILE; i < i1; i++) {
        const int64_t c = code_at(e, n->in[1], i);
        for (int64_t j = 0; j < n->n_cols; j++)
            e->val[id][i * n->n_cols + j] = e->val[n->in[0]][place(e, n, c, j)];
    }
}

static void bwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t rows = rows_of(e, id), j0 = tile * COL_TILE, j1 = min64(n->n_cols, j0 + COL_TILE);
    for (int64_t i = 0; i < rows && wants_grad(e, n->in[0]); i++) {
        const int64_t c = code_at(e, n->in[1], i);
        for (int64_t j = j0; j < j1; j++)
            e->grad[n->in[0]][place(e, n, c, j)] += e->grad[id][i * n->n_cols + j];
    }
}

const sc_op SC_X(sc_op_gather) = {1, 1, tiles, fwd, bwd, NULL, NULL, NULL};
