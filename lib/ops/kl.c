#include "op.h"

#include <float.h>
#include <math.h>

/* KL(q || p), summed over the columns: two normals (p may be the standard normal, or one broadcast
 * row), or two categoricals given by probabilities. Columns that a mask leaves out count as 0.
 * Gradients go to q and, where it has rows of its own, to p. */
typedef struct normal {
    double m, v; /* mean, variance */
} normal;

static normal normal_at(const ex *e, const sc_dist *d, int64_t i, int64_t j)
{
    if (!d->a.id)
        return (normal){0, 1};
    const double b = (double)at_row(e, e->val, d->b.id, i)[cols_of(e, d->b.id) == 1 ? 0 : j];
    return (normal){(double)at_row(e, e->val, d->a.id, i)[cols_of(e, d->a.id) == 1 ? 0 : j],
                    d->kind == SC_NORMAL_SD ? b * b : b};
}

static bool is_masked(const ex *e, const sc_gnode *n, int64_t i, int64_t j)
{
    return n->bias > 0 && at_row(e, e->val, n->bias, i)[j] == 0;
}

/* torch renormalises probabilities and keeps them off 0 and 1 by float32's epsilon before the log
 */
static double clamped_log(double p)
{
    return log(fmin(fmax(p, FLT_EPSILON), 1 - (double)FLT_EPSILON));
}

static double prob_at(const ex *e, sc_node a, int64_t i, int64_t j)
{
    return (double)at_row(e, e->val, a.id, i)[j];
}

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t cols = cols_of(e, n->q.a.id), i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    for (int64_t i = tile * ROW_TILE; i < i1; i++) {
        double s = 0;
        for (int64_t j = 0; j < cols; j++) {
            if (is_masked(e, n, i, j))
                continue;
            if (n->q.kind == SC_CATEGORICAL_PROBS) {
                const double q = prob_at(e, n->q.a, i, j);
                s += q * (clamped_log(q) - clamped_log(prob_at(e, n->p.a, i, j)));
                continue;
            }
            const normal q = normal_at(e, &n->q, i, j), p = normal_at(e, &n->p, i, j);
            const double d = q.m - p.m, ratio = q.v / p.v;
            s += 0.5 * (ratio + d * d / p.v - 1 - log(ratio));
        }
        e->val[id][i] = (real)s;
    }
}

static void add(ex *e, sc_node to, int64_t i, int64_t j, double g)
{
    if (to.id && wants_grad(e, to.id))
        e->grad[to.id][cols_of(e, to.id) == 1 ? i : i * cols_of(e, to.id) + j] += (real)g;
}

/* gradient by variance, turned to one by standard deviation where that is the parameter */
static double by_spread(const ex *e, const sc_dist *d, int64_t i, int64_t j, double g)
{
    if (d->kind != SC_NORMAL_SD)
        return g;
    return g * 2 * (double)at_row(e, e->val, d->b.id, i)[cols_of(e, d->b.id) == 1 ? 0 : j];
}

static void bwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t cols = cols_of(e, n->q.a.id), i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    for (int64_t i = tile * ROW_TILE; i < i1; i++) {
        const double dy = (double)e->grad[id][i];
        for (int64_t j = 0; j < cols; j++) {
            if (is_masked(e, n, i, j))
                continue;
            if (n->q.kind == SC_CATEGORICAL_PROBS) {
                const double q = prob_at(e, n->q.a, i, j);
                const bool inside = q > FLT_EPSILON && q < 1 - (double)FLT_EPSILON;
                add(e, n->q.a, i, j,
                    dy * (clamped_log(q) - clamped_log(prob_at(e, n->p.a, i, j)) +
                          (inside ? 1 : 0)));
                continue;
            }
            const normal q = normal_at(e, &n->q, i, j), p = normal_at(e, &n->p, i, j);
            const double d = q.m - p.m;
            add(e, n->q.a, i, j, dy * d / p.v);
            add(e, n->q.b, i, j, by_spread(e, &n->q, i, j, dy * 0.5 * (1 / p.v - 1 / q.v)));
            if (n->p.a.id && nd(e, n->p.a.id)->reps) {
                add(e, n->p.a, i, j, -dy * d / p.v);
                add(e, n->p.b, i, j,
                    by_spread(e, &n->p, i, j, dy * 0.5 * (1 / p.v - (q.v + d * d) / (p.v * p.v))));
            }
        }
    }
}

const sc_op SC_X(sc_op_kl) = {1, 1, row_tiles, fwd, bwd, NULL, NULL};
