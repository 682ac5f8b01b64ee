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

#ifdef SC_ISA
/* What most KLs are: of a normal by its variance from the standard normal or from one that has rows
 * and no gradient, nothing left out. Those are taken without doubles, rows together while there is
 * room for them.
 */
enum { CHUNK = 512 };

static bool is_simple(const ex *e, const sc_gnode *n)
{
    const int64_t cols = cols_of(e, n->q.a.id);
    if (n->q.kind != SC_NORMAL_VAR || n->bias > 0 || cols_of(e, n->q.b.id) != cols)
        return false;
    const int32_t a = n->p.a.id, b = n->p.b.id;
    return cols <= CHUNK &&
           (!a || (n->p.kind == SC_NORMAL_VAR && nd(e, a)->reps && nd(e, b)->reps &&
                   cols_of(e, a) == cols && cols_of(e, b) == cols && !wants_grad(e, a) &&
                   !wants_grad(e, b)));
}

/* d^2 / pv and v / pv for entries k0 .. k0 + c; the prior's mean and variance NULL: standard */
static void parts(const ex *e, const sc_gnode *n, int64_t k0, int64_t c, float *restrict square,
                  float *restrict ratio)
{
    const float *restrict m = e->val[n->q.a.id] + k0, *restrict v = e->val[n->q.b.id] + k0;
    const float *restrict pm = n->p.a.id ? e->val[n->p.a.id] + k0 : NULL;
    const float *restrict pv = n->p.a.id ? e->val[n->p.b.id] + k0 : NULL;
    for (int64_t k = 0; k < c && !pm; k++) {
        square[k] = m[k] * m[k];
        ratio[k] = v[k];
    }
    for (int64_t k = 0; k < c && pm; k++) {
        square[k] = (m[k] - pm[k]) * (m[k] - pm[k]) / pv[k];
        ratio[k] = v[k] / pv[k];
    }
}

static void fwd_simple(ex *e, int32_t id, int64_t i0, int64_t i1)
{
    const sc_gnode *n = nd(e, id);
    const int64_t cols = cols_of(e, n->q.a.id), step = CHUNK / cols;
    float square[CHUNK], ratio[CHUNK], log_ratio[CHUNK];
    for (int64_t i = i0; i < i1; i += step) {
        const int64_t rows = min64(step, i1 - i), c = rows * cols;
        parts(e, n, i * cols, c, square, ratio);
        e->k->log(c, ratio, log_ratio);
        for (int64_t k = 0; k < c; k++)
            square[k] += ratio[k] - 1 - log_ratio[k];
        row_sums(rows, cols, square, 0.5, 0, e->val[id] + i);
    }
}

static void bwd_simple(ex *e, int32_t id, int64_t i0, int64_t i1)
{
    const sc_gnode *n = nd(e, id);
    const int64_t cols = cols_of(e, n->q.a.id), step = CHUNK / cols;
    const int64_t to_m = wants_grad(e, n->q.a.id), to_v = wants_grad(e, n->q.b.id);
    float dy[CHUNK], one[CHUNK], zero[CHUNK] = {0};
    for (int64_t k = 0; k < CHUNK; k++)
        one[k] = 1;
    for (int64_t i = i0; i < i1; i += step) {
        const int64_t rows = min64(step, i1 - i), c = rows * cols, at = i * cols;
        const float *restrict m = e->val[n->q.a.id] + at, *restrict v = e->val[n->q.b.id] + at;
        const float *restrict pm = n->p.a.id ? e->val[n->p.a.id] + at : zero;
        const float *restrict pv = n->p.a.id ? e->val[n->p.b.id] + at : one;
        float *restrict dm = e->grad[n->q.a.id] + at, *restrict dv = e->grad[n->q.b.id] + at;
        spread_rows(rows, cols, e->grad[id] + i, dy);
        for (int64_t k = 0; k < to_m * c; k++)
            dm[k] += dy[k] * (m[k] - pm[k]) / pv[k];
        for (int64_t k = 0; k < to_v * c; k++)
            dv[k] += dy[k] * 0.5f * (1 / pv[k] - 1 / v[k]);
    }
}
#else
static bool is_simple(const ex *e, const sc_gnode *n)
{
    (void)e, (void)n;
    return false;
}
static void fwd_simple(ex *e, int32_t id, int64_t i0, int64_t i1)
{
    (void)e, (void)id, (void)i0, (void)i1;
}
#define bwd_simple fwd_simple
#endif

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t cols = cols_of(e, n->q.a.id), i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    if (is_simple(e, n)) {
        fwd_simple(e, id, tile * ROW_TILE, i1);
        return;
    }
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
    if (is_simple(e, n)) {
        bwd_simple(e, id, tile * ROW_TILE, i1);
        return;
    }
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

const sc_op SC_X(sc_op_kl) = {1, 1, row_tiles, fwd, bwd, NULL, NULL, rows_alone};
