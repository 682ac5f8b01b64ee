#include "op.h"

#include <math.h>

/* log p(x) of a latent or a class, summed over the columns: normal, categorical by logits or
 * probabilities (x: codes). */
static double log_sum_exp(const real *x, int64_t n)
{
    double top = (double)x[0], s = 0;
    for (int64_t j = 1; j < n; j++)
        top = fmax(top, (double)x[j]);
    for (int64_t j = 0; j < n; j++)
        s += exp((double)x[j] - top);
    return top + log(s);
}

static double param(const ex *e, sc_node p, int64_t i, int64_t j, double none)
{
    return p.id ? (double)at_row(e, e->val, p.id, i)[cols_of(e, p.id) == 1 ? 0 : j] : none;
}

static double variance(const ex *e, const sc_gnode *n, int64_t i, int64_t j)
{
    const double b = param(e, n->q.b, i, j, 1);
    return n->q.kind == SC_NORMAL_SD ? b * b : b;
}

static double class_log_prob(const ex *e, const sc_gnode *n, int64_t i)
{
    const int64_t k = cols_of(e, n->q.a.id), c = code_at(e, (int32_t)n->first, i);
    const real *p = at_row(e, e->val, n->q.a.id, i);
    return n->q.kind == SC_CATEGORICAL_LOGITS ? (double)p[c] - log_sum_exp(p, k)
                                              : log((double)p[c]);
}

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int32_t x = (int32_t)n->first;
    const int64_t i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    for (int64_t i = tile * ROW_TILE; i < i1; i++) {
        if (n->q.kind > SC_NORMAL_SD) {
            e->val[id][i] = (real)class_log_prob(e, n, i);
            continue;
        }
        double s = 0;
        for (int64_t j = 0; j < cols_of(e, x); j++) {
            const double v = variance(e, n, i, j),
                         d = (double)at_row(e, e->val, x, i)[j] - param(e, n->q.a, i, j, 0);
            s -= 0.5 * (log(6.283185307179586477 * v) + d * d / v);
        }
        e->val[id][i] = (real)s;
    }
}

static void add(ex *e, int32_t to, int64_t i, int64_t j, double g)
{
    if (to && wants_grad(e, to))
        e->grad[to][cols_of(e, to) == 1 ? i : i * cols_of(e, to) + j] += (real)g;
}

static void bwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int32_t x = (int32_t)n->first, a = n->q.a.id, b = n->q.b.id;
    const int64_t i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    for (int64_t i = tile * ROW_TILE; i < i1; i++) {
        const double dy = (double)e->grad[id][i];
        if (n->q.kind > SC_NORMAL_SD) {
            const int64_t k = cols_of(e, a), c = code_at(e, x, i);
            const real *p = at_row(e, e->val, a, i);
            const double lse = n->q.kind == SC_CATEGORICAL_LOGITS ? log_sum_exp(p, k) : 0;
            for (int64_t j = 0; j < k; j++)
                add(e, a, i, j,
                    n->q.kind == SC_CATEGORICAL_LOGITS
                        ? dy * ((j == c ? 1 : 0) - exp((double)p[j] - lse))
                    : j == c ? dy / (double)p[j]
                             : 0);
            continue;
        }
        for (int64_t j = 0; j < cols_of(e, x); j++) {
            const double v = variance(e, n, i, j),
                         d = (double)at_row(e, e->val, x, i)[j] - param(e, n->q.a, i, j, 0);
            add(e, x, i, j, -dy * d / v);
            if (a && nd(e, a)->reps)
                add(e, a, i, j, dy * d / v);
            if (b && nd(e, b)->reps) {
                const double gv = dy * 0.5 * (d * d / (v * v) - 1 / v);
                add(e, b, i, j,
                    n->q.kind == SC_NORMAL_SD ? gv * 2 * param(e, n->q.b, i, j, 1) : gv);
            }
        }
    }
}

const sc_op SC_X(sc_op_log_prob) = {1, 1, row_tiles, fwd, bwd, NULL, NULL, rows_alone};
