#include "op.h"

#include <string.h>

/* Element-wise functions and a x + b. Of counts only the stored entries are touched. */
static void range(const ex *e, int32_t id, int64_t tile, int64_t *from, int64_t *to)
{
    const int64_t i0 = tile * ROW_TILE, i1 = min64(rows_of(e, id), i0 + ROW_TILE);
    if (nd(e, id)->form == SC_SPARSE) {
        const sc_mini *m = mini_of(e, id);
        *from = m->indptr[i0] - m->indptr[0];
        *to = m->indptr[i1] - m->indptr[0];
    } else {
        *from = i0 * cols_of(e, id);
        *to = i1 * cols_of(e, id);
    }
}

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    int64_t a, b;
    range(e, id, tile, &a, &b);
    real *const *m = n->form == SC_SPARSE ? e->sparse : e->val;
    if (is_over(e, id)) {
        for (int64_t k = a; k < b; k++)
            m[id][k] = m[id][k] > 0 ? m[id][k] : 0;
        return;
    }
    SC_X(sc_map_apply)(e, n->map, n->arg, b - a, m[n->in[0]] + a, m[id] + a);
}

static void bwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    int64_t a, b;
    range(e, id, tile, &a, &b);
    if (is_over(e, id)) { /* a dropout that follows leaves 0 where its gradient is 0, too */
        const real *restrict y = e->val[id];
        real *restrict dy = e->grad[id];
        for (int64_t k = a; k < b; k++)
            dy[k] = y[k] > 0 ? dy[k] : 0;
        return;
    }
    if (n->form == SC_DENSE && assigns(e, n->in[0]))
        memset(e->grad[n->in[0]] + a, 0, (size_t)(b - a) * sizeof(real));
    if (n->form == SC_DENSE && wants_grad(e, n->in[0]))
        SC_X(sc_map_grad)
    (e, n->map, n->arg, b - a, e->val[n->in[0]] + a, e->val[id] + a, e->grad[id] + a,
     e->grad[n->in[0]] + a);
}

static void fwd_affine(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    int64_t a, b;
    range(e, id, tile, &a, &b);
    for (int64_t k = a; k < b; k++)
        e->val[id][k] = (real)n->arg * e->val[n->in[0]][k] + (real)n->arg2;
}

static void bwd_affine(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    int64_t a, b;
    range(e, id, tile, &a, &b);
    for (int64_t k = a; k < b && wants_grad(e, n->in[0]); k++)
        e->grad[n->in[0]][k] += (real)n->arg * e->grad[id][k];
}

static void fwd_stop(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    int64_t a, b;
    range(e, id, tile, &a, &b);
    for (int64_t k = a; k < b; k++)
        e->val[id][k] = e->val[nd(e, id)->in[0]][k];
}

const sc_op SC_X(sc_op_map) = {1, 1, row_tiles, fwd, bwd, NULL, NULL, rows_alone};
const sc_op SC_X(sc_op_affine) = {1, 1, row_tiles, fwd_affine, bwd_affine, NULL, NULL, rows_alone};
const sc_op SC_X(sc_op_stop_gradient) = {1, 0, row_tiles, fwd_stop, NULL, NULL, NULL, rows_alone};
