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

static const float eps = 1e-8f;

typedef struct point { /* log p(0) and its derivatives */
    vf loglik, d_mu, d_theta, d_logit;
    vf z, z_mu, z_theta; /* log NB(0) and its derivatives */
    vf weight;           /* of the NB part given x = 0 */
    vf p, q, total;      /* total = theta + mu + e */
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
    vf series = v_fma(s, v_set(1.0f / 8), v_set(1.0f / 7));
    series = v_fma(series, s, v_set(1.0f / 6));
    series = v_fma(series, s, v_set(1.0f / 5));
    series = v_fma(series, s, v_set(1.0f / 4));
    series = v_fma(series, s, v_set(1.0f / 3));
    series = v_fma(series, s, v_set(1.0f / 2));
    const vf difference = v_select(s < 0.125f, -(s * s) * series, s - l);
    o->z_theta = v_fma(s * i_t, v_set(-eps), difference);
    o->total = total;
}

/* log(p + q exp(z)) and what its derivatives need */
static inline void inflate(vf logit, point *o)
{
    vf unused, e_minus1;
    const vf e = v_exp_neg(o->z, &e_minus1);
    const vf x = v_exp_neg(-v_abs(logit), &unused);
    const vf i_x = 1.0f / (1.0f + x);
    const vi is_positive = logit > 0.0f;

    o->p = v_select(is_positive, i_x, x * i_x);
    o->q = v_select(is_positive, x * i_x, i_x);
    const vf d = o->q * e_minus1; /* in [-1, 0] */
    const vi is_near = d > -0.5f;
    const vf u = v_select(is_near, 1.0f + d, v_fma(o->q, e, o->p));
    const vf lost = v_select(is_near, d - (u - 1.0f), v_set(0));
    const vf i_u = 1.0f / u;
    o->loglik = v_log_fix(u, lost * i_u);
    o->weight = o->q * e * i_u;
    o->d_logit = -(o->p * e_minus1) * o->q * i_u;

    const vi is_far = u < 1e-30f; /* p and exp(z) both: below what v_exp_neg tells apart */
    if (v_any(is_far)) {
        const vf t = o->z - logit;
        const vf w = v_sigmoid(t);
        const vf far = v_softplus(t) - v_softplus(-logit);
        o->loglik = v_select(is_far, far, o->loglik);
        o->weight = v_select(is_far, w, o->weight);
        o->d_logit = v_select(is_far, o->q - w, o->d_logit);
    }
}

static inline point at_zero(vf mu, vf theta, const vf *logit)
{
    point o;
    nb_at_zero(mu, theta, &o);
    if (logit) {
        inflate(*logit, &o);
        o.d_mu = o.weight * o.z_mu;
        o.d_theta = o.weight * o.z_theta;
    } else {
        o.loglik = o.z;
        o.d_mu = o.z_mu;
        o.d_theta = o.z_theta;
        o.d_logit = o.p = o.q = o.weight = v_set(0);
    }
    return o;
}

/* What a count x > 0 adds to log p(0); the same struct, with differences in its first four. */
static inline point at_count(vf x, vf lgamma_x1, vf mu, vf theta, const vf *logit)
{
    point o = at_zero(mu, theta, logit);
    const vf a = mu + eps, i_a = 1.0f / a, i_total = 1.0f / o.total;
    vf dpsi;
    const vf rise = v_lgamma_diff(x, theta, &dpsi) - lgamma_x1;
    const vf rest = rise - x * v_log1p_over(theta * i_a, a * i_total);
    const vf rest_mu = x * i_a * (theta * i_total); /* x / a - x / T */
    const vf rest_theta = dpsi - x * i_total;

    if (!logit) {
        o.loglik = rest;
        o.d_mu = rest_mu;
        o.d_theta = rest_theta;
        return o;
    }
    o.loglik = (rest + o.z) - (v_softplus(*logit) + o.loglik);
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

/* n genes, in whole vectors, at x = 0. Not inlined: the tail takes the same code and the same
 * rounding. */
static inline __attribute__((always_inline)) void zeros_of(bool is_zinb, const row *o, int64_t n,
                                                           vd sum[2])
{
    for (int64_t j = 0; j < n; j += W) {
        const vf logit = is_zinb ? v_load(o->logit + j) : v_set(0);
        const point t = at_zero(v_load(o->mu + j), v_load(o->theta + j), is_zinb ? &logit : NULL);
        add_at(o->d_mu, j, t.d_mu, o->scale);
        add_at(o->d_theta, j, t.d_theta, o->scale);
        if (is_zinb)
            add_at(o->d_logit, j, t.d_logit, o->scale);
        v_add_double(sum, t.loglik);
    }
}

static __attribute__((noinline)) void zeros_nb(const row *o, int64_t n, vd sum[2])
{
    zeros_of(false, o, n, sum);
}

static __attribute__((noinline)) void zeros_zinb(const row *o, int64_t n, vd sum[2])
{
    zeros_of(true, o, n, sum);
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

static inline void scatter(float *d, int n, const int32_t *index, vf value, float scale)
{
    float v[W];
    if (!d)
        return;
    v_store(v, value);
    for (int i = 0; i < n; i++)
        d[index[i]] = s_fma(scale, v[i], d[index[i]]);
}

/* n (<= W) stored entries; one that holds 0 (or less than eps, as scvi-tools has it) adds nothing.
 */
static __attribute__((noinline)) vf entries(const row *o, int n, const int32_t *index,
                                            const float *value, const float *lgamma_x1)
{
    float mu[W], theta[W], logit[W];
    for (int i = 0; i < W; i++) {
        mu[i] = i < n ? o->mu[index[i]] : 0;
        theta[i] = i < n ? o->theta[index[i]] : 1;
        logit[i] = i < n && o->logit ? o->logit[index[i]] : 0;
    }
    const vf x = n == W ? v_load(value) : v_load_part(value, n, 0);
    const vf g = n == W ? v_load(lgamma_x1) : v_load_part(lgamma_x1, n, 0);
    const vf l = v_load(logit), none = v_set(0);
    const vi is_zero = x <= eps;
    const point t = at_count(x, g, v_load(mu), v_load(theta), o->logit ? &l : NULL);

    scatter(o->d_mu, n, index, v_select(is_zero, none, t.d_mu), o->scale);
    scatter(o->d_theta, n, index, v_select(is_zero, none, t.d_theta), o->scale);
    if (o->logit)
        scatter(o->d_logit, n, index, v_select(is_zero, none, t.d_logit), o->scale);
    return v_select(is_zero, none, t.loglik);
}

double SC_NAME(zinb_row)(int64_t n, int64_t nnz, const int32_t *index, const float *value,
                         const float *lgamma_x1, const float *mu, const float *theta,
                         const float *logit, float scale, float *d_mu, float *d_theta,
                         float *d_logit)
{
    const row o = {mu, theta, logit, scale, d_mu, d_theta, logit ? d_logit : NULL};
    const int64_t whole = n / W * W;
    vd sum[2] = {(vd){0}, (vd){0}};

    zeros(&o, whole, sum);
    if (whole < n)
        zeros_tail(&o, whole, n - whole, sum);
    for (int64_t k = 0; k < nnz; k += W) {
        const int part = nnz - k < W ? (int)(nnz - k) : W;
        v_add_double(sum, entries(&o, part, index + k, value + k, lgamma_x1 + k));
    }
    sum[0] = sum[0] + sum[1];
    double total = 0;
    for (int i = 0; i < W / 2; i++)
        total += sum[0][i];
    return total;
}
