/*
 * A decoder's head: one cell's logits to its log-likelihood and all gradients, in passes over rows
 * that stay in the cache. With e = exp(logit - max), S their sum, L the library size, mu = e L / S
 * and, as in zinb.c, T = theta + mu + eps, z = log NB(0) = -theta log1p(mu / (theta + eps)):
 *
 *   at 0      log ZINB(0) = log((g + exp z) / (1 + g)),  g = exp(logit of the inflation)
 *   counts    what x > 0 changes: log NB(x) - z, less softplus(logit - z)
 *
 * Every gene is taken at 0 by vector code, then the stored entries change what they must. The logs
 * at 0 are one log of a product: exponents are summed and mantissas multiplied.
 */
#include "isa.h"
#include "vmath.h"

enum { SPAN = 8 };
static const float eps = 1e-8f;
static const float far = 43; /* logits beyond it are taken care of one vector at a time */

typedef struct head {
    const float *theta, *inverse, *logit; /* inverse: 1 / (theta + eps) */
    float *e, *d_logits, *d_theta, *d_logit;
    float to_mu, to_share, scale; /* e times to_mu is mu, e times to_share the share, scaled */
} head;

typedef struct sums {
    vd loglik[2];
    vf product, broken, dot; /* broken: 0, or NaN where something is not finite */
    vi exponent;
} sums;

/* x = 2^e m with 1 <= m < 2 for normal x > 0; m is returned and e added */
static inline vf split(vf x, vi *exponent)
{
    const vi bits = v_bits(x);
    *exponent = (vi)((vu)*exponent + (vu)((bits >> 23) - 127));
    return v_floats((bits & 0x7fffff) | 0x3f800000);
}

typedef struct zeros {
    vf z[SPAN], z_mu[SPAN], z_theta[SPAN];
    vf e[SPAN], e_minus1[SPAN], g[SPAN];
} zeros;

/* z and its derivatives */
static inline __attribute__((always_inline)) void nb(vf mu, vf theta, vf inverse, vf *z, vf *z_mu,
                                                     vf *z_theta)
{
    const vf i_total = 1.0f / (theta + eps + mu), s = mu * i_total;
    const vf r = mu * inverse, u = r + 1.0f;
    const vf l = v_log_fix(u, (r - (u - 1.0f)) * (theta * i_total));
    *z = -theta * l;
    *z_mu = -theta * i_total;
    /* s - l = s + log(1 - s), which cancels to -s^2 / 2 where s is small */
    vf series = v_fma(s, v_set(1.0f / 4), v_set(1.0f / 3));
    series = v_fma(series, s, v_set(1.0f / 2));
    const vf difference = v_select(v_lt(s, v_set(1.0f / 64)), -(s * s) * series, s - l);
    *z_theta = v_fma(s * inverse, v_set(-eps), difference);
}

static inline void nb_span(const head *o, int64_t j, zeros *t)
{
    for (int i = 0; i < SPAN; i++) {
        const int64_t at = j + i * W;
        nb(v_load(o->e + at) * o->to_mu, v_load(o->theta + at), v_load(o->inverse + at), &t->z[i],
           &t->z_mu[i], &t->z_theta[i]);
    }
}

/* d log p / d mu to the share that this is of, and the rest */
static inline void put(const head *o, int64_t at, vf d_mu, vf d_theta, sums *s)
{
    const vf d = v_load(o->e + at) * o->to_share * d_mu;
    s->dot = s->dot + d;
    v_store(o->d_logits + at, d);
    v_store(o->d_theta + at, v_fma(v_set(o->scale), d_theta, v_load(o->d_theta + at)));
}

static __attribute__((noinline)) void zeros_nb(const head *o, int64_t n, sums *s)
{
    zeros t;
    for (int64_t j = 0; j < n; j += SPAN * W) {
        nb_span(o, j, &t);
        for (int i = 0; i < SPAN; i++) {
            put(o, j + i * W, t.z_mu[i], t.z_theta[i], s);
            v_add_double(s->loglik, t.z[i]);
        }
    }
}

/* W genes whose logits are beyond what exp takes */
static __attribute__((noinline)) vf far_zeros(vf z, vf logit, vf *weight, vf *d_logit)
{
    *weight = v_sigmoid(z - logit);
    *d_logit = v_sigmoid(-logit) - *weight;
    return v_softplus(z - logit) - v_softplus(-logit);
}

static inline vf inflated(const head *o, int64_t j, int i, const zeros *t, sums *s)
{
    const int64_t at = j + i * W;
    const vf logit = v_load(o->logit + at), g1 = t->g[i] + 1.0f, ge = t->g[i] + t->e[i];
    const vf both = 1.0f / (g1 * ge);
    vf u = ge * ge * both, weight = t->e[i] * g1 * both;
    vf d_logit = -(t->e_minus1[i] * t->g[i]) * both;
    const vm is_far = v_lt(v_set(far), v_abs(logit));
    if (v_any(is_far)) {
        vf w, d;
        const vf loglik = far_zeros(t->z[i], logit, &w, &d);
        v_add_double(s->loglik, v_select(is_far, loglik, v_set(0)));
        u = v_select(is_far, v_set(1), u);
        weight = v_select(is_far, w, weight);
        d_logit = v_select(is_far, d, d_logit);
    }
    v_store(o->d_logit + at, d_logit * o->scale);
    put(o, at, weight * t->z_mu[i], weight * t->z_theta[i], s);
    return u;
}

static __attribute__((noinline)) void zeros_zinb(const head *o, int64_t n, sums *s)
{
    zeros t;
    for (int64_t j = 0; j < n; j += SPAN * W) {
        nb_span(o, j, &t);
        for (int i = 0; i < SPAN; i++)
            t.e[i] = v_exp_neg(t.z[i], &t.e_minus1[i]);
        for (int i = 0; i < SPAN; i++) {
            vi k;
            const vf logit = v_load(o->logit + j + i * W);
            const vf m = v_exp_reduce(v_min(v_set(far), v_max(v_set(-far), logit)), &k);
            const vf p = v_pow2(k);
            t.g[i] = v_fma(m, p, p);
        }
        for (int i = 0; i < SPAN; i += 2) { /* two of them are above 1e-38 */
            const vf u = inflated(o, j, i, &t, s) * inflated(o, j, i + 1, &t, s);
            s->broken = v_fma(v_set(0), u, s->broken);
            s->product = s->product * split(u, &s->exponent);
        }
        s->product = split(s->product, &s->exponent);
    }
}

/* The last n (< SPAN W) genes, filled up with genes that add 0: mu = 0, theta = 1. */
static void zeros_tail(const head *o, int64_t from, int64_t n, sums *s)
{
    float in[4][SPAN * W], out[3][SPAN * W];
    const size_t bytes = (size_t)n * sizeof(float);
    const head tail = {
        in[0],       in[1],   o->logit ? in[2] : NULL, in[3], out[0], out[1], out[2], o->to_mu,
        o->to_share, o->scale};
    for (int j = 0; j < SPAN * W; j++) {
        in[0][j] = in[1][j] = 1;
        in[2][j] = in[3][j] = out[1][j] = 0;
    }
    memcpy(in[0], o->theta + from, bytes);
    memcpy(in[1], o->inverse + from, bytes);
    memcpy(in[3], o->e + from, bytes);
    memcpy(out[1], o->d_theta + from, bytes);
    if (o->logit) {
        memcpy(in[2], o->logit + from, bytes);
        zeros_zinb(&tail, SPAN * W, s);
        memcpy(o->d_logit + from, out[2], bytes);
    } else {
        zeros_nb(&tail, SPAN * W, s);
    }
    memcpy(o->d_logits + from, out[0], bytes);
    memcpy(o->d_theta + from, out[1], bytes);
}

/* W stored entries; one that holds 0 (or less than eps, as scvi-tools has it) adds nothing. */
static inline __attribute__((always_inline)) vf
counts(bool is_zinb, const head *o, const int32_t *index, vf x, vf lgamma_x1, sums *s)
{
    const vf none = v_set(0), scale = v_set(o->scale);
    const vf e = v_gather(o->e, index), theta = v_gather(o->theta, index), mu = e * o->to_mu;
    const vm is_count = v_lt(v_set(eps), x);
    const vf a = mu + eps, total = theta + a, both = 1.0f / (a * total);
    const vf i_a = both * total, i_total = both * a;
    vf dpsi;
    const vf rise = v_lgamma_diff(x, theta, &dpsi) - lgamma_x1;
    vf loglik = rise - x * v_log1p_over(theta * i_a, a * i_total);
    vf d_mu = x * i_a * (theta * i_total), d_theta = dpsi - x * i_total;
    if (is_zinb) {
        vf z, z_mu, z_theta, unused;
        nb(mu, theta, v_gather(o->inverse, index), &z, &z_mu, &z_theta);
        const vf t = v_gather(o->logit, index) - z; /* the weight of NB at 0 is sigmoid(-t) */
        const vf m = v_exp_neg(-v_abs(t), &unused), i_m = 1.0f / (1.0f + m);
        const vm is_positive = v_lt(none, t);
        const vf rest = v_select(is_positive, i_m, m * i_m); /* 1 - weight */
        loglik = loglik - (v_max(none, t) + v_log1p_over(m, i_m));
        d_mu = v_fma(rest, z_mu, d_mu);
        d_theta = v_fma(rest, z_theta, d_theta);
        v_scatter_add(o->d_logit, index, scale, v_select(is_count, -rest, none));
    }
    const vf d = v_select(is_count, e * o->to_share * d_mu, none);
    s->dot = s->dot + d;
    v_scatter_add(o->d_logits, index, v_set(1), d);
    v_scatter_add(o->d_theta, index, scale, v_select(is_count, d_theta, none));
    return v_select(is_count, loglik, none);
}

static __attribute__((noinline)) void count_span(const head *o, const int32_t *index, vf x,
                                                 vf lgamma_x1, sums *s)
{
    v_add_double(s->loglik, o->logit ? counts(true, o, index, x, lgamma_x1, s)
                                     : counts(false, o, index, x, lgamma_x1, s));
}

/* The last n (< W) entries, filled up with genes of their own in a small cell. */
static void count_tail(const head *o, int n, const int32_t *index, const float *value,
                       const float *lgamma_x1, sums *s)
{
    int32_t own[W];
    float in[4][W], out[3][W] = {{0}};
    const float *const from[4] = {o->theta, o->inverse, o->logit, o->e};
    float *const into[3] = {o->d_logits, o->d_theta, o->d_logit};
    const head tail = {
        in[0],       in[1],   o->logit ? in[2] : NULL, in[3], out[0], out[1], out[2], o->to_mu,
        o->to_share, o->scale};
    for (int i = 0; i < W; i++) {
        own[i] = i;
        for (int a = 0; a < 4; a++)
            in[a][i] = i < n && from[a] ? from[a][index[i]] : a < 2;
        for (int a = 0; a < (o->logit ? 3 : 2); a++)
            out[a][i] = i < n ? into[a][index[i]] : 0;
    }
    count_span(&tail, own, v_load_part(value, n, 0), v_load_part(lgamma_x1, n, 0), s);
    for (int a = 0; a < (o->logit ? 3 : 2); a++)
        for (int i = 0; i < n; i++)
            into[a][index[i]] = out[a][i];
}

/* e = exp(x - max); their sum */
static __attribute__((noinline)) double exponentials(int64_t n, const float *x, float *e)
{
    vf top[2] = {v_set(-INFINITY), v_set(-INFINITY)}, sum[2] = {v_set(0), v_set(0)};
    vf unused;
    float max = -INFINITY;
    int64_t j = 0;
    for (; j + 2 * W <= n; j += 2 * W) {
        top[0] = v_max(v_load(x + j), top[0]);
        top[1] = v_max(v_load(x + j + W), top[1]);
    }
    for (; j < n; j++)
        max = x[j] > max ? x[j] : max;
    top[0] = v_max(top[0], top[1]);
    for (int i = 0; i < W; i++)
        max = top[0][i] > max ? top[0][i] : max;
    for (j = 0; j + 2 * W <= n; j += 2 * W)
        for (int i = 0; i < 2; i++) {
            const vf y = v_exp_neg(v_load(x + j + i * W) - max, &unused);
            sum[i] = sum[i] + y;
            v_store(e + j + i * W, y);
        }
    for (; j < n; j += W) {
        const int64_t part = n - j < W ? n - j : W;
        const vf y = v_exp_neg(v_load_part(x + j, part, -INFINITY) - max, &unused);
        sum[0] = sum[0] + y;
        v_store_part(e + j, part, y);
    }
    return v_sum(sum[0] + sum[1]);
}

/* d_logits = library (d - share sum(d)), where d is by the share; in place */
static void through_softmax(int64_t n, const head *o, double inverse, float library, double dot)
{
    const float c = (float)((double)library * dot * inverse);
    const vf l = v_set(library), k = v_set(-c);
    int64_t j = 0;
    for (; j + W <= n; j += W)
        v_store(o->d_logits + j, v_fma(l, v_load(o->d_logits + j), v_load(o->e + j) * k));
    for (; j < n; j++)
        o->d_logits[j] = s_fma(library, o->d_logits[j], o->e[j] * -c);
}

double SC_NAME(head_row)(const sc_head_row *r)
{
    const double inverse = 1 / exponentials(r->n, r->logits, r->e);
    const head o = {r->theta,
                    r->inverse,
                    r->dropout,
                    r->e,
                    r->d_logits,
                    r->d_theta,
                    r->d_dropout,
                    (float)((double)r->library * inverse),
                    (float)((double)r->scale * inverse),
                    r->scale};
    const int64_t whole = r->n / (SPAN * W) * (SPAN * W);
    sums s = {.product = v_set(1)};
    if (o.logit)
        zeros_zinb(&o, whole, &s);
    else
        zeros_nb(&o, whole, &s);
    if (whole < r->n)
        zeros_tail(&o, whole, r->n - whole, &s);
    for (int64_t k = 0; k < r->nnz; k += W)
        if (r->nnz - k >= W)
            count_span(&o, r->index + k, v_load(r->value + k), v_load(r->lgamma_x1 + k), &s);
        else
            count_tail(&o, (int)(r->nnz - k), r->index + k, r->value + k, r->lgamma_x1 + k, &s);
    const double dot = v_sum(s.dot);
    *r->d_library = (float)dot;
    through_softmax(r->n, &o, inverse, r->library, dot);
    double total = v_sum(s.broken), n_twos = 0;
    for (int i = 0; i < W; i++)
        n_twos += s.exponent[i];
    v_add_double(s.loglik, v_log_normal(s.product));
    for (int i = 0; i < W / 2; i++)
        total += s.loglik[0][i] + s.loglik[1][i];
    return total + n_twos * 0.693147180559945309417;
}
