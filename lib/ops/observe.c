#include "dist.h"
#include "head.h"

#include <string.h>

/*
 * Log-likelihood of counts or proteins, summed over the columns. Forward also takes the gradients,
 * since they share their logarithms with the value: aux holds them for each parameter, rows x
 * columns; backward scales and adds. A parameter that is one broadcast row (gene-wise dispersion)
 * is summed over the rows in a second phase, column by column.
 */
static int64_t width(const ex *e, const sc_gnode *n)
{
    return cols_of(e, (int32_t)n->first);
}

static int64_t aux(const ex *e, int32_t id, int64_t rows)
{
    const int64_t plain = e->with_backward ? 4 * rows * width(e, nd(e, id)) : 0;
#ifdef SC_ISA
    const int64_t head = SC_X(sc_head_aux)(e, id, rows); /* which of them it is says the plan */
    return head > plain ? head : plain;
#else
    return plain;
#endif
}

static sc_node param_of(const sc_gnode *n, int p)
{
    return p == 0 ? n->q.a : p == 1 ? n->q.b : p == 2 ? n->q.c : n->q.d;
}

static real *aux_of(const ex *e, int32_t id, int p)
{
    const sc_node q = param_of(nd(e, id), p);
    return q.id && e->with_backward && wants_grad(e, q.id)
               ? e->aux[id] + p * rows_of(e, id) * width(e, nd(e, id))
               : NULL;
}

static bool is_broadcast(const ex *e, sc_node p)
{
    return nd(e, p.id)->reps == 0;
}

static int64_t tiles(const ex *e, int32_t id, int phase, bool backward)
{
#ifdef SC_ISA
    if (head_of(e, id))
        return SC_X(sc_head_tiles)(e, id, head_of(e, id), phase, backward);
#endif
    return backward && phase == 1 ? ceil_div(width(e, nd(e, id)), COL_TILE)
                                  : ceil_div(rows_of(e, id), ROW_TILE);
}

static double param(const ex *e, sc_node p, int64_t i, int64_t j)
{
    return p.id ? (double)at_row(e, e->val, p.id, i)[cols_of(e, p.id) == 1 ? 0 : j] : 0;
}

/* Any likelihood, any input, element by element in double. */
static double point_row(ex *e, int32_t id, int64_t i, real *const *d)
{
    const sc_gnode *n = nd(e, id);
    const int32_t x = (int32_t)n->first;
    const int64_t cols = width(e, n);
    const sc_mini *m = mini_of(e, x);
    const bool sparse = nd(e, x)->form == SC_SPARSE;
    const real *mask = n->bias ? at_row(e, e->val, n->bias, i) : NULL;
    int64_t k = sparse ? m->indptr[i] : 0;
    double s = 0;
    for (int64_t j = 0; j < cols; j++) {
        double v = 0;
        if (!sparse)
            v = (double)e->val[x][i * cols + j];
        else if (k < m->indptr[i + 1] && m->indices[k] == j)
            v = (double)e->sparse[x][k++ - m->indptr[0]];
        const bool on = !mask || mask[j] != 0;
        const sc_point p =
            on ? sc_dist_point(&n->q, v, param(e, n->q.a, i, j), param(e, n->q.b, i, j),
                               param(e, n->q.c, i, j), param(e, n->q.d, i, j))
               : (sc_point){0};
        s += p.logp;
        const double g[4] = {p.da, p.db, p.dc, p.dd};
        for (int t = 0; t < 4; t++)
            if (d[t])
                d[t][j] = (real)g[t];
    }
    return s;
}

#ifndef SC_F64
static bool has_kernel(const ex *e, const sc_gnode *n)
{
    return (n->q.kind == SC_NB || n->q.kind == SC_ZINB) && n->q.eps == 1e-8 &&
           n->q.eps_total == 1e-8 && !n->bias && nd(e, (int32_t)n->first)->op == SC_OP_INPUT &&
           nd(e, (int32_t)n->first)->form == SC_SPARSE && cols_of(e, n->q.a.id) == width(e, n) &&
           cols_of(e, n->q.b.id) == width(e, n);
}

static double kernel_row(ex *e, int32_t id, int64_t i, real *const *d)
{
    const sc_gnode *n = nd(e, id);
    const sc_mini *m = mini_of(e, id);
    const int64_t k0 = m->indptr[i], cols = width(e, n);
    for (int t = 0; t < 3; t++)
        if (d[t])
            memset(d[t], 0, (size_t)cols * sizeof(real));
    const double sum = e->k->zinb_row(
        cols, m->indptr[i + 1] - k0, m->indices + k0, m->values + k0,
        at_row(e, e->val, n->q.a.id, i), at_row(e, e->val, n->q.b.id, i),
        n->q.kind == SC_ZINB ? at_row(e, e->val, n->q.c.id, i) : NULL, 1, d[0], d[1], d[2]);
    return sum - m->log_factorial[i];
}
static bool has_mixture_kernel(const ex *e, const sc_gnode *n)
{
    const int64_t cols = width(e, n);
    return n->q.kind == SC_NB_MIXTURE && n->q.eps == 1e-8 && n->q.eps_total == 1e-8 &&
           nd(e, (int32_t)n->first)->form == SC_DENSE && cols_of(e, n->q.a.id) == cols &&
           cols_of(e, n->q.b.id) == cols && cols_of(e, n->q.c.id) == cols &&
           cols_of(e, n->q.d.id) == cols;
}

static double mixture_row(ex *e, int32_t id, int64_t i, real *const *d)
{
    const sc_gnode *n = nd(e, id);
    const sc_mixture_row r = {.n = width(e, n),
                              .x = at_row(e, e->val, (int32_t)n->first, i),
                              .mean1 = at_row(e, e->val, n->q.a.id, i),
                              .mean2 = at_row(e, e->val, n->q.d.id, i),
                              .theta = at_row(e, e->val, n->q.b.id, i),
                              .logit = at_row(e, e->val, n->q.c.id, i),
                              .mask = n->bias ? at_row(e, e->val, n->bias, i) : NULL,
                              .d_mean1 = d[0],
                              .d_theta = d[1],
                              .d_logit = d[2],
                              .d_mean2 = d[3]};
    return e->k->mixture_row(&r);
}
#else
static bool has_kernel(const ex *e, const sc_gnode *n)
{
    (void)e, (void)n;
    return false;
}
#define kernel_row point_row
#define has_mixture_kernel has_kernel
#define mixture_row point_row
#endif

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
#ifdef SC_ISA
    if (head_of(e, id)) {
        SC_X(sc_head_fwd)(e, id, head_of(e, id), tile);
        return;
    }
#endif
    const int64_t cols = width(e, n), i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    double (*const of_row)(ex *, int32_t, int64_t, real *const *) = has_kernel(e, n) ? kernel_row
                                                                    : has_mixture_kernel(e, n)
                                                                        ? mixture_row
                                                                        : point_row;
    for (int64_t i = tile * ROW_TILE; i < i1; i++) {
        real *d[4];
        for (int p = 0; p < 4; p++) {
            real *base = aux_of(e, id, p);
            d[p] = base ? base + i * cols : NULL;
        }
        e->val[id][i] = (real)of_row(e, id, i, d);
    }
}

static void bwd_rows(ex *e, int32_t id, int64_t tile)
{
    const sc_gnode *n = nd(e, id);
    const int64_t cols = width(e, n), i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    for (int p = 0; p < 4; p++) {
        const sc_node q = param_of(n, p);
        const real *d = aux_of(e, id, p);
        if (!d || is_broadcast(e, q))
            continue;
        for (int64_t i = tile * ROW_TILE; i < i1; i++) {
            real *to = at_row(e, e->grad, q.id, i);
            const real dy = e->grad[id][i];
            if (cols_of(e, q.id) > 1)
                add_scaled(cols, dy, d + i * cols, to);
            else
                for (int64_t j = 0; j < cols; j++)
                    to[0] += dy * d[i * cols + j];
        }
    }
}

static void bwd_broadcast(ex *e, int32_t id, int64_t tile)
{
    const sc_gnode *n = nd(e, id);
    const int64_t cols = width(e, n), rows = rows_of(e, id), j0 = tile * COL_TILE,
                  j1 = min64(cols, j0 + COL_TILE);
    for (int p = 0; p < 4; p++) {
        const sc_node q = param_of(n, p);
        const real *d = aux_of(e, id, p);
        if (!d || !is_broadcast(e, q))
            continue;
        double s[COL_TILE] = {0};
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = j0; j < j1; j++)
                s[j - j0] += (double)e->grad[id][i] * (double)d[i * cols + j];
        for (int64_t j = j0; j < j1; j++)
            e->grad[q.id][j] += (real)s[j - j0];
    }
}

static void bwd(ex *e, int32_t id, int phase, int64_t tile)
{
#ifdef SC_ISA
    if (head_of(e, id)) {
        SC_X(sc_head_bwd)(e, id, head_of(e, id), phase, tile);
        return;
    }
#endif
    if (phase == 0)
        bwd_rows(e, id, tile);
    else
        bwd_broadcast(e, id, tile);
}

const sc_op SC_X(sc_op_observe) = {1, 2, tiles, fwd, bwd, aux, NULL, NULL};
