/*
 * The likelihood of one cell. Counts are sparse and lgamma(x + theta) - lgamma(theta) vanishes at
 * x = 0, so: every gene is taken at x = 0 by vector code, then the stored entries, W at a time,
 * add what their count changes.
 *
 * With e = 1e-8, T = theta + mu + e and r = mu / (theta + e), the formulas of scvi-tools are
 *
 *   log NB(0)  = theta (log(theta + e) - log T) = -theta log1p(r)                       (= z)
 *   log NB(x)  = z - x log1p(theta / (mu + e)) + lgamma(x + theta) - lgamma(theta) - lgamma(x + 1)
 *   log ZINB(0) = softplus(z - logit) - softplus(-logit) = log(p + q exp(z))
 *   log ZINB(x) = log q + log NB(x),          p = sigmoid(logit), q = 1 - p
 *
 * written so that nothing large cancels: theta may be large, mu and p close to 0.
 */
#include "isa.h"
#include "vmath.h"

enum { SPAN = 8 };
static const float eps = 1e-8f;

typedef struct point { /* log p(0) and its derivatives */
    vf loglik, d_mu, d_theta, d_logit;
    vf z, z_mu, z_theta; /* log NB(0) and its derivatives */
    vf weight;           /* of the NB part given x = 0 */
    vf i_total;          /* 1 / (theta + mu + e) */
    vf p, q, x, i_x;     /* x = exp(-|logit|), i_x = 1 / (1 + x) */
    vf e, e_minus1;      /* exp(z) and exp(z) - 1 */
    vf u, lost;          /* p + q exp(z), and what the sum 1 + q (exp(z) - 1) lost of it */
} point;

/* -theta log1p(mu / (theta + e)), the derivatives, and T */
static inline void nb_at_zero(vf mu, vf theta, point *o)
{
    const vf t = theta + eps, total = t + mu;
    const vf both = 1.0f / (t * total); /* one division for two reciprocals */
    const vf i_t = both * total, i_total = both * t;
    const vf r = mu * i_t, s = mu * i_total; /* s = r / (1 + r) */
    const vf l = v_log1p_over(r, t * i_total);

    o->z = -theta * l;
    o->z_mu = -theta * i_total;
    /* s - log1p(r) = s + log(1 - s), which cancels to -s^2 / 2 where s is small */
    vf series = v_fma(s, v_set(1.0f / 5), v_set(1.0f / 4));
    series = v_fma(series, s, v_set(1.0f / 3));
    series = v_fma(series, s, v_set(1.0f / 2));
    const vf difference = v_select(v_lt(s, v_set(1.0f / 32)), -(s * s) * series, s - l);
    o->z_theta = v_fma(s * i_t, v_set(-eps), difference);
    o->i_total = i_total;
}

/* p, q and, for the log of p + q exp(z), which is u: its parts */
static inline void inflate(vf logit, point *o)
{
    vf unused;
    o->e = v_exp_neg(o->z, &o->e_minus1);
    o->x = v_exp_neg(-v_abs(logit), &unused);
    o->i_x = 1.0f / (1.0f + o->x);
    const vm is_positive = v_lt(v_set(0), logit);
    const vf small = o->x * o->i_x;

    o->p = v_select(is_positive, o->i_x, small);
    o->q = v_select(is_positive, small, o->i_x);
    const vf d = o->q * o->e_minus1; /* in [-1, 0] */
    const vm is_near = v_lt(v_set(-0.5f), d);
    o->u = v_select(is_near, 1.0f + d, v_fma(o->q, o->e, o->p));
    o->lost = v_select(is_near, d - (o->u - 1.0f), v_set(0));
}

static inline void finish(vf logit, point *o)
{
    const vf i_u = 1.0f / o->u;
    o->loglik = v_log_fix(o->u, o->lost * i_u);
    o->weight = o->q * o->e * i_u;
    o->d_logit = -(o->p * o->e_minus1) * o->q * i_u;

    const vm is_far = v_lt(o->u, v_set(1e-30f));
    if (v_any(is_far)) { /* p and exp(z) are both below what v_exp_neg tells apart */
        const vf t = o->z - logit;
        const vf w = v_sigmoid(t);
        const vf far = v_softplus(t) - v_softplus(-logit);
        o->loglik = v_select(is_far, far, o->loglik);
        o->weight = v_select(is_far, w, o->weight);
        o->d_logit = v_select(is_far, o->q - w, o->d_logit);
    }
    o->d_mu = o->weight * o->z_mu;
    o->d_theta = o->weight * o->z_theta;
}

static inline point at_zero(vf mu, vf theta, const vf *logit)
{
    point o = {.loglik = {0}};
    nb_at_zero(mu, theta, &o);
    if (logit) {
        inflate(*logit, &o);
        finish(*logit, &o);
    } else {
        o.loglik = o.z;
        o.d_mu = o.z_mu;
        o.d_theta = o.z_theta;
        o.d_logit = v_set(0);
    }
    return o;
}

/* What a count x > 0 adds to log p(0); the same struct, with differences in its first four. */
static inline point at_count(vf x, vf mu, vf theta, const vf *logit)
{
    point o = at_zero(mu, theta, logit);
    const vf a = mu + eps, i_a = 1.0f / a, i_total = o.i_total;
    vf dpsi;
    const vf rise = v_lgamma_diff(x, theta, &dpsi);
    const vf rest = rise - x * v_log1p_over(theta * i_a, a * i_total);
    const vf rest_mu = x * i_a * (theta * i_total); /* x / a - x / T */
    const vf rest_theta = dpsi - x * i_total;

    if (!logit) {
        o.loglik = rest;
        o.d_mu = rest_mu;
        o.d_theta = rest_theta;
        return o;
    }
    const vf log_q = -(v_max(v_set(0), *logit) + v_log1p_over(o.x, o.i_x));
    o.loglik = (rest + o.z) + (log_q - o.loglik);
    o.d_mu = rest_mu + (o.z_mu - o.d_mu);
    o.d_theta = rest_theta + (o.z_theta - o.d_theta);
    o.d_logit = -(o.p + o.d_logit);
    return o;
}

typedef struct row {
    const float *mu, *theta, *logit;
    float scale, *d_mu, *d_theta, *d_logit;
} row;

static inline void add_at(float *d, int64_t j, vf value, float scale)
{
    if (d)
        v_store(d + j, v_fma(v_set(scale), value, v_load(d + j)));
}

/*
 * n genes, in whole vectors, at x = 0. Not inlined: the tail takes the same code and the same
 * rounding. One gene's chain of operations is longer than what the CPU looks ahead, so a few
 * vectors take each third of it together.
 */
static __attribute__((noinline)) void zeros_zinb(const row *o, int64_t n, vd sum[2])
{
    point t[SPAN];
    for (int64_t from = 0; from < n; from += SPAN * W) {
        const int span = n - from < SPAN * W ? (int)((n - from) / W) : SPAN;
        for (int i = 0; i < span; i++)
            nb_at_zero(v_load(o->mu + from + i * W), v_load(o->theta + from + i * W), &t[i]);
        for (int i = 0; i < span; i++)
            inflate(v_load(o->logit + from + i * W), &t[i]);
        for (int i = 0; i < span; i++) {
            const int64_t j = from + i * W;
            finish(v_load(o->logit + j), &t[i]);
            add_at(o->d_mu, j, t[i].d_mu, o->scale);
            add_at(o->d_theta, j, t[i].d_theta, o->scale);
            add_at(o->d_logit, j, t[i].d_logit, o->scale);
            v_add_double(sum, t[i].loglik);
        }
    }
}

static __attribute__((noinline)) void zeros_nb(const row *o, int64_t n, vd sum[2])
{
    for (int64_t j = 0; j < n; j += W) {
        point t;
        nb_at_zero(v_load(o->mu + j), v_load(o->theta + j), &t);
        add_at(o->d_mu, j, t.z_mu, o->scale);
        add_at(o->d_theta, j, t.z_theta, o->scale);
        v_add_double(sum, t.z);
    }
}

static void zeros(const row *o, int64_t n, vd sum[2])
{
    if (o->logit)
        zeros_zinb(o, n, sum);
    else
        zeros_nb(o, n, sum);
}

/* The last n (< W) genes, filled up with genes that add 0: mu = 0, theta = 1. */
static void zeros_tail(const row *o, int64_t from, int64_t n, vd sum[2])
{
    float mu[W], theta[W], logit[W], d[3][W] = {{0}};
    float *const into[3] = {o->d_mu, o->d_theta, o->d_logit};
    row tail = {mu, theta, o->logit ? logit : NULL, o->scale, d[0], d[1], d[2]};

    v_store(mu, v_load_part(o->mu + from, n, 0));
    v_store(theta, v_load_part(o->theta + from, n, 1));
    if (o->logit)
        v_store(logit, v_load_part(o->logit + from, n, 0));
    for (int i = 0; i < 3; i++)
        if (into[i])
            v_store(d[i], v_load_part(into[i] + from, n, 0));
    zeros(&tail, W, sum);
    for (int i = 0; i < 3; i++)
        if (into[i])
            v_store_part(into[i] + from, n, v_load(d[i]));
}

/* W stored entries; one that holds 0 (or less than eps, as scvi-tools has it) adds nothing. */
static inline __attribute__((always_inline)) vf entries_of(bool is_zinb, const row *o,
                                                           const int32_t *index, const float *value)
{
    const vf x = v_load(value), none = v_set(0), scale = v_set(o->scale);
    const vf l = is_zinb ? v_gather(o->logit, index) : none;
    const vm is_count = v_lt(v_set(eps), x);
    const point t =
        at_count(x, v_gather(o->mu, index), v_gather(o->theta, index), is_zinb ? &l : NULL);
    if (o->d_mu)
        v_scatter_add(o->d_mu, index, W, scale, v_select(is_count, t.d_mu, none));
    if (o->d_theta)
        v_scatter_add(o->d_theta, index, W, scale, v_select(is_count, t.d_theta, none));
    if (is_zinb && o->d_logit)
        v_scatter_add(o->d_logit, index, W, scale, v_select(is_count, t.d_logit, none));
    return v_select(is_count, t.loglik, none);
}

static __attribute__((noinline)) vf entries(const row *o, const int32_t *index, const float *value)
{
    return o->logit ? entries_of(true, o, index, value) : entries_of(false, o, index, value);
}

/* The last n (< W) entries, filled up with genes of their own in a small cell. */
static vf entries_tail(const row *o, int n, const int32_t *index, const float *value)
{
    int32_t own[W];
    float mu[W], theta[W], logit[W], d[3][W] = {{0}};
    float *const into[3] = {o->d_mu, o->d_theta, o->d_logit};
    const row tail = {mu, theta, o->logit ? logit : NULL, o->scale, d[0], d[1], d[2]};
    float x[W];

    v_store(x, v_load_part(value, n, 0));
    for (int i = 0; i < W; i++) {
        own[i] = i;
        mu[i] = i < n ? o->mu[index[i]] : 0;
        theta[i] = i < n ? o->theta[index[i]] : 1;
        logit[i] = i < n && o->logit ? o->logit[index[i]] : 0;
        for (int a = 0; a < 3; a++)
            d[a][i] = i < n && into[a] ? into[a][index[i]] : 0;
    }
    const vf loglik = entries(&tail, own, x);
    for (int a = 0; a < 3; a++)
        for (int i = 0; i < n && into[a]; i++)
            into[a][index[i]] = d[a][i];
    return loglik;
}

double SC_NAME(zinb_row)(int64_t n, int64_t nnz, const int32_t *index, const float *value,
                         const float *mu, const float *theta, const float *logit, float scale,
                         float *d_mu, float *d_theta, float *d_logit)
{
    const row o = {mu, theta, logit, scale, d_mu, d_theta, logit ? d_logit : NULL};
    const int64_t whole = n / W * W;
    vd sum[2] = {(vd){0}, (vd){0}};

    zeros(&o, whole, sum);
    if (whole < n)
        zeros_tail(&o, whole, n - whole, sum);
    for (int64_t k = 0; k < nnz; k += W) {
        const int part = nnz - k < W ? (int)(nnz - k) : W;
        v_add_double(sum, part == W ? entries(&o, index + k, value + k)
                                    : entries_tail(&o, part, index + k, value + k));
    }
    sum[0] = sum[0] + sum[1];
    double total = 0;
    for (int i = 0; i < W / 2; i++)
        total += sum[0][i];
    return total;
}
