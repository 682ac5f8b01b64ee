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

#ifdef SC_ISA
/* What most are: of a normal by its variance, where value, mean and variance have rows. Those are
 * taken without doubles, rows together while there is room for them. */
enum { CHUNK = 512 };

static bool is_simple(const ex *e, const sc_gnode *n)
{
    const int32_t all[3] = {(int32_t)n->first, n->q.a.id, n->q.b.id};
    const int64_t cols = cols_of(e, all[0]);
    for (int k = 0; k < 3; k++)
        if (n->q.kind != SC_NORMAL_VAR || !all[k] || cols > CHUNK || cols_of(e, all[k]) != cols ||
            nd(e, all[k])->reps != n->reps || nd(e, all[k])->form != SC_DENSE)
            return false;
    return true;
}

static void fwd_simple(ex *e, int32_t id, int64_t i0, int64_t i1)
{
    const sc_gnode *n = nd(e, id);
    const int64_t cols = cols_of(e, (int32_t)n->first), step = CHUNK / cols;
    float log_v[CHUNK];
    for (int64_t i = i0; i < i1; i += step) {
        const int64_t rows = min64(step, i1 - i), c = rows * cols, at = i * cols;
        const float *restrict x = e->val[n->first] + at, *restrict m = e->val[n->q.a.id] + at,
                              *restrict v = e->val[n->q.b.id] + at;
        e->k->log(c, v, log_v);
        for (int64_t k = 0; k < c; k++)
            log_v[k] += (x[k] - m[k]) * (x[k] - m[k]) / v[k];
        row_sums(rows, cols, log_v, -0.5, -0.9189385332046727418 * (double)cols, e->val[id] + i);
    }
}

static void bwd_simple(ex *e, int32_t id, int64_t i0, int64_t i1)
{
    const sc_gnode *n = nd(e, id);
    const int32_t to[3] = {(int32_t)n->first, n->q.a.id, n->q.b.id};
    const int64_t cols = cols_of(e, to[0]), step = CHUNK / cols;
    float dy[CHUNK], by_mean[CHUNK], by_var[CHUNK];
    for (int64_t i = i0; i < i1; i += step) {
        const int64_t rows = min64(step, i1 - i), c = rows * cols, at = i * cols;
        const float *restrict x = e->val[to[0]] + at, *restrict m = e->val[to[1]] + at,
                              *restrict v = e->val[to[2]] + at;
        spread_rows(rows, cols, e->grad[id] + i, dy);
        for (int64_t k = 0; k < c; k++) {
            const float d = x[k] - m[k], inv = 1 / v[k];
            by_mean[k] = dy[k] * d * inv;
            by_var[k] = dy[k] * 0.5f * inv * (d * d * inv - 1);
        }
        if (wants_grad(e, to[0]))
            add_scaled(c, -1, by_mean, e->grad[to[0]] + at);
        if (wants_grad(e, to[1]))
            add_scaled(c, 1, by_mean, e->grad[to[1]] + at);
        if (wants_grad(e, to[2]))
            add_scaled(c, 1, by_var, e->grad[to[2]] + at);
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
    const int32_t x = (int32_t)n->first;
    const int64_t i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    if (is_simple(e, n)) {
        fwd_simple(e, id, tile * ROW_TILE, i1);
        return;
    }
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
    if (is_simple(e, n)) {
        bwd_simple(e, id, tile * ROW_TILE, i1);
        return;
    }
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
