#include "head.h"

#include "thin.h"

#include <string.h>

/*
 * aux: one value a row, the gradient by the library size; and for every tile rows of its own, see
 * below. D_THETA is the tile's sum of the gradient by a gene-wise theta; D_LOGITS and D_DROPOUT
 * take what nobody wants.
 */
#ifdef SC_ISA
enum { TILE = 8, COLUMNS = 512 };
enum { SCRATCH, INVERSE, D_THETA, D_LOGITS, D_DROPOUT, N_AUX };

static int64_t padded(int64_t n)
{
    return (n + 15) / 16 * 16;
}

static int64_t vars_of(const ex *e, int32_t id)
{
    return cols_of(e, (int32_t)nd(e, id)->first);
}

int64_t SC_X(sc_head_aux)(const ex *e, int32_t id, int64_t rows)
{
    return padded(rows) + ceil_div(rows, TILE) * N_AUX * padded(vars_of(e, id));
}

static real *aux_row(const ex *e, int32_t id, int64_t tile, int which)
{
    return e->aux[id] + padded(rows_of(e, id)) + (tile * N_AUX + which) * padded(vars_of(e, id));
}

static bool sums_theta(const ex *e, int32_t id)
{
    const int32_t theta = nd(e, id)->q.b.id;
    return nd(e, theta)->reps == 0 && wants_grad(e, theta);
}

int64_t SC_X(sc_head_tiles)(const ex *e, int32_t id, const sc_head *h, int phase, bool backward)
{
    if (!backward)
        return ceil_div(rows_of(e, id), TILE);
    if (phase == 0)
        return wants_grad(e, h->library) ? 1 : 0;
    return sums_theta(e, id) ? ceil_div(vars_of(e, id), COLUMNS) : 0;
}

static void invert(int64_t n, const real *restrict theta, real *restrict inverse)
{
    for (int64_t j = 0; j < n; j++)
        inverse[j] = 1 / (theta[j] + 1e-8f);
}

static real *gradient(const ex *e, int32_t node, int64_t i, real *unwanted)
{
    return e->grad[node] && wants_grad(e, node) ? e->grad[node] + i * cols_of(e, node) : unwanted;
}

static float scale_of(const ex *e, const sc_head *h)
{
    if (h->term < 0)
        return 1;
    const sc_gterm *t = &e->g->terms[h->term];
    return h->sign * (float)term_weight(t, e->run, rows_of(e, t->node));
}

void SC_X(sc_head_fwd)(ex *e, int32_t id, const sc_head *h, int64_t tile)
{
    const sc_gnode *n = nd(e, id);
    const sc_mini *m = mini_of(e, id);
    const int64_t cols = vars_of(e, id), i0 = tile * TILE, i1 = min64(rows_of(e, id), i0 + TILE);
    const int32_t theta = n->q.b.id, dropout = n->q.kind == SC_ZINB ? n->q.c.id : 0;
    const bool by_row = nd(e, theta)->reps != 0;
    real *sum = aux_row(e, id, tile, D_THETA);
    sc_head_row r = {.n = cols,
                     .inverse = aux_row(e, id, tile, INVERSE),
                     .e = aux_row(e, id, tile, SCRATCH),
                     .scale = scale_of(e, h)};
    memset(sum, 0, (size_t)cols * sizeof *sum);
    SC_X(sc_thin_values)(e, h->logits, i0, i1);
    for (int64_t i = i0; i < i1; i++) {
        const int64_t k = m->indptr[i];
        r.nnz = m->indptr[i + 1] - k;
        r.index = m->indices + k;
        r.value = m->values + k;
        r.logits = e->val[h->logits] + i * cols;
        r.dropout = dropout ? e->val[dropout] + i * cols : NULL;
        r.theta = at_row(e, e->val, theta, i);
        r.library = e->val[h->library][i];
        if (by_row || i == i0)
            invert(cols, r.theta, aux_row(e, id, tile, INVERSE));
        r.d_logits = gradient(e, h->logits, i, aux_row(e, id, tile, D_LOGITS));
        r.d_dropout = gradient(e, dropout, i, aux_row(e, id, tile, D_DROPOUT));
        r.d_theta = by_row ? gradient(e, theta, i, sum) : sum;
        r.d_library = e->aux[id] + i;
        if (by_row)
            memset(r.d_theta, 0, (size_t)cols * sizeof *r.d_theta);
        e->val[id][i] = (real)(e->k->head_row(&r) - m->log_factorial[i]);
    }
}

static void sum_theta(ex *e, int32_t id, int64_t j0)
{
    const int64_t j1 = min64(vars_of(e, id), j0 + COLUMNS),
                  n_tiles = ceil_div(rows_of(e, id), TILE);
    real *to = e->grad[nd(e, id)->q.b.id];
    for (int64_t t = 0; t < n_tiles; t++) {
        const real *from = aux_row(e, id, t, D_THETA);
        for (int64_t j = j0; j < j1; j++)
            to[j] += from[j];
    }
}

void SC_X(sc_head_bwd)(ex *e, int32_t id, const sc_head *h, int phase, int64_t tile)
{
    if (phase == 1)
        sum_theta(e, id, tile * COLUMNS);
    else
        for (int64_t i = 0; i < rows_of(e, id); i++)
            e->grad[h->library][i] += e->aux[id][i];
}
#endif
