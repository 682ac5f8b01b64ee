#include "op.h"

/* y = [parts] W^T + b with W stored n_in x n_out. Counts and categories never become dense columns.
 */
enum { ROWS = 32, COLS = 256, WCOLS = 128 };

static int64_t grad_cols(int64_t n_out)
{
    return n_out <= 256 ? 32 : WCOLS;
}

static int64_t tiles(const ex *e, int32_t id, int phase, bool backward)
{
    const int64_t n_out = cols_of(e, id), r = ceil_div(rows_of(e, id), ROWS);
    if (!backward)
        return r * ceil_div(n_out, COLS);
    return phase == 0 ? r : ceil_div(n_out, grad_cols(n_out));
}

static void add_sparse(ex *e, int32_t x, int64_t i0, int64_t i1, const real *w, int64_t n_out,
                       real *y, int64_t n)
{
    const sc_mini *m = mini_of(e, x);
    for (int64_t i = i0; i < i1; i++) {
        const int64_t k0 = m->indptr[i], nnz = m->indptr[i + 1] - k0;
        const real *v = e->sparse[x] + (k0 - m->indptr[0]);
        real *to = y + (i - i0) * n_out;
#ifdef SC_F64
        for (int64_t k = 0; k < nnz; k++)
            add_scaled(n, v[k], w + m->indices[k0 + k] * n_out, to);
#else
        e->k->sparse_row(nnz, m->indices + k0, v, w, n_out, to, (int)n);
#endif
    }
}

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t n_out = n->n_cols, ct = ceil_div(n_out, COLS), rows = rows_of(e, id);
    const int64_t i0 = tile / ct * ROWS, i1 = min64(rows, i0 + ROWS), j0 = tile % ct * COLS,
                  nc = min64(COLS, n_out - j0);
    const real *w = e->w + e->g->weights[n->weight].offset + j0;
    const real *restrict bias = n->bias >= 0 ? e->w + e->g->weights[n->bias].offset + j0 : NULL;
    real *restrict y = e->val[id] + i0 * n_out + j0;
    for (int64_t i = 0; i < i1 - i0; i++)
        for (int64_t j = 0; j < nc; j++)
            y[i * n_out + j] = bias ? bias[j] : 0;
    for (int p = 0; p < n->n_in; p++) {
        const int32_t x = n->in[p];
        const int64_t width = cols_of(e, x);
        if (nd(e, x)->form == SC_SPARSE)
            add_sparse(e, x, i0, i1, w, n_out, y, nc);
        else if (nd(e, x)->form == SC_CODES)
            for (int64_t i = i0; i < i1; i++)
                add_scaled(nc, 1, w + code_at(e, x, i) * n_out, y + (i - i0) * n_out);
        else
            SC_X(sc_gemm_nn)
        (e, i1 - i0, nc, width, e->val[x] + i0 * width, width, w, n_out, y, n_out);
        w += width * n_out;
    }
}

static void bwd_input(ex *e, int32_t id, int64_t tile)
{
    const sc_gnode *n = nd(e, id);
    const int64_t n_out = n->n_cols, i0 = tile * ROWS, i1 = min64(rows_of(e, id), i0 + ROWS);
    const real *w = e->w + e->g->weights[n->weight].offset;
    for (int p = 0; p < n->n_in; p++) {
        const int32_t x = n->in[p];
        const int64_t width = cols_of(e, x);
        if (wants_grad(e, x))
            SC_X(sc_gemm_nt)
        (e, i1 - i0, width, n_out, e->grad[id] + i0 * n_out, n_out, w, n_out,
         e->grad[x] + i0 * width, width);
        w += width * n_out;
    }
}

static void bwd_weight(ex *e, int32_t id, int64_t tile)
{
    const sc_gnode *n = nd(e, id);
    const int64_t n_out = n->n_cols, rows = rows_of(e, id), wide = grad_cols(n_out),
                  j0 = tile * wide;
    const int64_t nc = min64(wide, n_out - j0);
    const real *restrict dy = e->grad[id] + j0;
    real *gw = e->gw + e->g->weights[n->weight].offset + j0;
    for (int p = 0; p < n->n_in; p++) {
        const int32_t x = n->in[p];
        const int64_t width = cols_of(e, x);
        const sc_mini *m = mini_of(e, x);
        if (e->g->weights[n->weight].frozen >> p & 1) {
            gw += width * n_out;
            continue;
        }
        if (nd(e, x)->form == SC_DENSE)
            SC_X(sc_gemm_tn)(e, width, nc, rows, e->val[x], width, dy, n_out, gw, n_out);
        else if (nd(e, x)->form == SC_CODES)
            for (int64_t i = 0; i < rows; i++)
                add_scaled(nc, 1, dy + i * n_out, gw + code_at(e, x, i) * n_out);
        else
            for (int64_t i = 0; i < rows; i++)
                for (int64_t k = m->indptr[i]; k < m->indptr[i + 1]; k++)
                    add_scaled(nc, e->sparse[x][k - m->indptr[0]], dy + i * n_out,
                               gw + m->indices[k] * n_out);
        gw += width * n_out;
    }
    if (n->bias < 0 || e->g->weights[n->bias].frozen)
        return;
    real *gb = e->gw + e->g->weights[n->bias].offset + j0;
    for (int64_t i = 0; i < rows; i++)
        add_scaled(nc, 1, dy + i * n_out, gb);
}

static void bwd(ex *e, int32_t id, int phase, int64_t tile)
{
    if (phase == 0)
        bwd_input(e, id, tile);
    else
        bwd_weight(e, id, tile);
}

const sc_op SC_X(sc_op_linear) = {1, 2, tiles, fwd, bwd, NULL};
