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
/* What most KLs are: of a normal from the standard normal, or from one of its own kind that has
 * rows, too. Those are taken without doubles, a chunk of entries at once. */
enum { CHUNK = 512 };

static bool has_rows(const ex *e, int32_t id, int64_t cols)
{
    return nd(e, id)->reps && cols_of(e, id) == cols;
}

static bool is_simple(const ex *e, const sc_gnode *n)
{
    const int64_t cols = cols_of(e, n->q.a.id);
    const int32_t a = n->p.a.id, b = n->p.b.id;
    if ((n->q.kind != SC_NORMAL_VAR && n->q.kind != SC_NORMAL_SD) ||
        cols_of(e, n->q.b.id) != cols || (n->bias > 0 && !has_rows(e, n->bias, cols)))
        return false;
    return !a || (n->p.kind == n->q.kind && has_rows(e, a, cols) && has_rows(e, b, cols));
}

/* q and prior at entry k0, masks and gradients likewise; the prior's NULL: standard. */
typedef struct lanes {
    bool is_sd;
    const float *m, *v, *pm, *pv, *mask;
    float *dm, *dv, *dpm, *dpv; /* NULL: not wanted */
} lanes;

static float *gradient_at(const ex *e, sc_node of, int64_t k0)
{
    return of.id && wants_grad(e, of.id) ? e->grad[of.id] + k0 : NULL;
}

static lanes lanes_at(const ex *e, const sc_gnode *n, int64_t k0, bool backward)
{
    lanes l = {.is_sd = n->q.kind == SC_NORMAL_SD,
               .m = e->val[n->q.a.id] + k0,
               .v = e->val[n->q.b.id] + k0,
               .pm = n->p.a.id ? e->val[n->p.a.id] + k0 : NULL,
               .pv = n->p.a.id ? e->val[n->p.b.id] + k0 : NULL,
               .mask = n->bias > 0 ? e->val[n->bias] + k0 : NULL};
    if (backward) {
        l.dm = gradient_at(e, n->q.a, k0);
        l.dv = gradient_at(e, n->q.b, k0);
        l.dpm = gradient_at(e, n->p.a, k0);
        l.dpv = gradient_at(e, n->p.b, k0);
    }
    return l;
}

/* d^2 / pv and v / pv for c entries */
static void parts(const lanes *l, int64_t c, float *restrict square, float *restrict ratio)
{
    const float *restrict m = l->m, *restrict v = l->v, *restrict pm = l->pm, *restrict pv = l->pv;
    for (int64_t k = 0; k < c && !pm; k++) {
        square[k] = m[k] * m[k];
        ratio[k] = v[k];
    }
    for (int64_t k = 0; k < c && pm; k++) {
        const float d = m[k] - pm[k];
        square[k] = l->is_sd ? d / pv[k] * (d / pv[k]) : d * d / pv[k];
        ratio[k] = v[k] / pv[k];
    }
    for (int64_t k = 0; k < c && l->is_sd; k++)
        ratio[k] *= ratio[k];
}

/* Sums c terms, of which the first is number k0 of the node, to rows of `cols`; `s` is what the row
 * has that begins before and, afterwards, what the row has that ends behind. */
static double sum_terms(int64_t k0, int64_t c, const double *term, int64_t cols, double s, float *y)
{
    int64_t row = k0 / cols, left = cols - k0 % cols;
    for (int64_t k = 0; k < c;) {
        const int64_t end = k + min64(left, c - k);
        left -= end - k;
        for (; k < end; k++)
            s += term[k];
        if (left > 0)
            continue;
        y[row++] = (float)s;
        s = 0;
        left = cols;
    }
    return s;
}

static void fwd_simple(ex *e, int32_t id, int64_t i0, int64_t i1)
{
    const sc_gnode *n = nd(e, id);
    const int64_t cols = cols_of(e, n->q.a.id);
    float square[CHUNK], ratio[CHUNK], log_ratio[CHUNK];
    double term[CHUNK], s = 0;
    for (int64_t k0 = i0 * cols; k0 < i1 * cols; k0 += CHUNK) {
        const int64_t c = min64(CHUNK, i1 * cols - k0);
        const lanes l = lanes_at(e, n, k0, false);
        parts(&l, c, square, ratio);
        e->k->log(c, ratio, log_ratio);
        for (int64_t k = 0; k < c; k++)
            term[k] = 0.5 * ((double)ratio[k] - 1 - (double)log_ratio[k] + (double)square[k]);
        for (int64_t k = 0; k < c && l.mask; k++)
            term[k] = l.mask[k] != 0 ? term[k] : 0;
        s = sum_terms(k0, c, term, cols, s, e->val[id]);
    }
}

/* By mean and spread of q, c entries; dy is 0 where the mask is. */
static void add_to_q(const lanes *l, int64_t c, const float *restrict dy)
{
    const float *restrict m = l->m, *restrict v = l->v, *restrict pm = l->pm, *restrict pv = l->pv;
    float *restrict dm = l->dm, *restrict dv = l->dv;
    for (int64_t k = 0; k < c && dm && !pm; k++)
        dm[k] += dy[k] * m[k];
    for (int64_t k = 0; k < c && dm && pm; k++)
        dm[k] += dy[k] * (m[k] - pm[k]) / (l->is_sd ? pv[k] * pv[k] : pv[k]);
    for (int64_t k = 0; k < c && dv && !l->is_sd; k++)
        dv[k] += 0.5f * dy[k] * (1 / (pv ? pv[k] : 1) - 1 / v[k]);
    for (int64_t k = 0; k < c && dv && l->is_sd; k++) /* of s^2 the gradient is by s: 2 s of it */
        dv[k] += dy[k] * (v[k] / (pv ? pv[k] * pv[k] : 1) - 1 / v[k]);
}

/* By those of the prior. */
static void add_to_prior(const lanes *l, int64_t c, const float *restrict dy)
{
    for (int64_t k = 0; k < c; k++) {
        const float pv = l->pv[k], v = l->v[k], d = l->m[k] - l->pm[k];
        const float i = 1 / (l->is_sd ? pv * pv : pv), v2 = l->is_sd ? v * v : v;
        const float g = i - (v2 + d * d) * i * i;
        if (l->dpm)
            l->dpm[k] -= dy[k] * d * i;
        if (l->dpv)
            l->dpv[k] += l->is_sd ? dy[k] * g * pv : 0.5f * dy[k] * g;
    }
}

static void bwd_simple(ex *e, int32_t id, int64_t i0, int64_t i1)
{
    const sc_gnode *n = nd(e, id);
    const int64_t cols = cols_of(e, n->q.a.id), step = min64(CHUNK, cols), rows = CHUNK / step;
    float dy[CHUNK];
    for (int64_t i = i0; i < i1; i += rows) { /* some whole rows, or one in parts */
        const int64_t m = min64(rows, i1 - i);
        for (int64_t j = 0; j < cols; j += step) {
            const int64_t part = min64(step, cols - j), c = m * part;
            const lanes l = lanes_at(e, n, i * cols + j, true);
            spread_rows(m, part, e->grad[id] + i, dy);
            for (int64_t k = 0; k < c && l.mask; k++)
                dy[k] = l.mask[k] != 0 ? dy[k] : 0;
            add_to_q(&l, c, dy);
            if (l.dpm || l.dpv)
                add_to_prior(&l, c, dy);
        }
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
