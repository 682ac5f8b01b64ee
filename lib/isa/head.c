/*
 * A decoder's head: one cell's logits to its log-likelihood and all gradients, in passes over rows
 * that stay in the cache. With e = exp(logit - max), S their sum, L the library size, mu = e L / S
 * and, as in zinb.c, T = theta + mu + eps, z = log NB(0) = -theta log1p(mu / (theta + eps)):
 *
 *   NB(x)     log = z + log of (theta)_x / x! (mu + eps)^x / T^x,  (theta)_x the rising factorial
 *   ZINB(0)   log = log((g + exp z) / (1 + g)),  g = exp(logit of the inflation)
 *   ZINB(x)   log = log NB(x) - log(1 + g)
 *
 * Every gene is taken without (theta)_x / x! (mu + eps)^x / T^x by vector code, then the stored
 * entries add what that changes. Logs that only the sum needs are one log of a product: exponents
 * are summed and mantissas multiplied. Between the passes d_logits holds -mu d log p / d mu.
 */
#include "head.h"

enum { SPAN = 8 };
static const float eps = 1e-8f;
static const float far = 43; /* logits beyond it are taken care of one vector at a time */

/* exp(x) = p + m p, for x as v_exp_reduce has it */
static inline __attribute__((always_inline)) void exp_quad(const vf x[QUAD], vf m[QUAD], vf p[QUAD])
{
    const vf magic = v_set(0x1.8p23f);
    vf t[QUAD], r[QUAD];
    EACH t[i] = v_fma(x[i], v_set(0x1.715476p0f), magic);
    EACH r[i] = v_fma(t[i] - magic, v_set(-0x1.62e400p-1f), x[i]);
    EACH r[i] = v_fma(t[i] - magic, v_set(-0x1.7f7d1cp-20f), r[i]);
    EACH m[i] = v_set(v_exp_series[0]);
    for (int c = 1; c < 5; c++)
        EACH m[i] = v_fma(m[i], r[i], v_set(v_exp_series[c]));
    EACH m[i] = v_fma(m[i], r[i] * r[i], r[i]);
    EACH p[i] = v_pow2((vi)((vu)t[i] - (vu)magic));
}

/* -z and its derivatives by log mu and theta */
static inline __attribute__((always_inline)) void nb_quad(const head *o, int64_t j, vf z[QUAD],
                                                          vf z_mu[QUAD], vf z_theta[QUAD])
{
    const float *e = o->e + j, *theta = o->theta + j, *inverse = o->inverse + j;
    vf mu[QUAD], s[QUAD], r[QUAD], u[QUAD], f[QUAD], k[QUAD], q[QUAD];
    vu bits[QUAD];
    vm is_near[QUAD];
    EACH mu[i] = v_load(e + i * W) * o->to_mu;
    EACH s[i] = mu[i] + (v_load(theta + i * W) + eps);
    EACH r[i] = mu[i] * v_load(inverse + i * W);
    EACH s[i] = mu[i] * v_inverse(s[i]);
    EACH u[i] = r[i] + 1.0f;
    EACH bits[i] = (vu)u[i] - 0x3f3504f3; /* sqrt(1/2) */
    EACH k[i] = __builtin_convertvector((vi)bits[i] >> 23, vf);
    EACH is_near[i] = v_lt(u[i], v_set(0x1.6a09e6p0f)); /* log1p(r) without the loss in 1 + r */
    EACH f[i] = v_select(is_near[i], r[i], (vf)((bits[i] & 0x7fffff) + 0x3f3504f3) - 1.0f);
    EACH q[i] = v_set(v_log_series[0]);
    for (int c = 1; c < 8; c++)
        EACH q[i] = v_fma(q[i], f[i], v_set(v_log_series[c]));
    EACH q[i] = v_fma(q[i], f[i], v_set(-0.5f)) * (f[i] * f[i]);
    EACH k[i] = v_fma(k[i], v_set(0.69314718f), q[i] + f[i]);
    EACH z_mu[i] = v_load(theta + i * W) * s[i];
    EACH s[i] = s[i] * v_load(inverse + i * W);
    EACH z[i] = v_load(theta + i * W) * k[i];
    /* l - s theta / (theta + eps); nearby log1p(r) - r and r - s are small and not subtracted */
    EACH z_theta[i] = v_select(is_near[i], v_fma(s[i], mu[i] + eps, q[i]),
                               v_fma(-s[i], v_load(theta + i * W), k[i]));
}

static inline __attribute__((always_inline)) void
put(const head *o, int64_t j, const vf d_logits[QUAD], const vf d_theta[QUAD], sums *s)
{
    EACH s->dot = s->dot + d_logits[i];
    EACH v_store(o->d_logits + j + i * W, d_logits[i]);
    EACH v_store(o->d_theta + j + i * W,
                 v_fma(v_set(-o->scale), d_theta[i], v_load(o->d_theta + j + i * W)));
}

static __attribute__((noinline)) void zeros_nb(const head *given, int64_t n, sums *all)
{
    const head o = *given; /* copies: no store can change them */
    sums s = *all;
    for (int64_t j = 0; j < n; j += QUAD * W) {
        vf z[QUAD], z_mu[QUAD], z_theta[QUAD];
        nb_quad(&o, j, z, z_mu, z_theta);
        put(&o, j, z_mu, z_theta, &s);
        v_add_double(s.loglik, -((z[0] + z[1]) + (z[2] + z[3])));
    }
    *all = s;
}

/* The likelihood's log with logits beyond what exp takes, less z */
static __attribute__((noinline)) vf far_zeros(vf z, vf logit, vm is_count, vf *weight, vf *d_logit)
{
    const vf one = v_set(1), none = v_set(0);
    *weight = v_select(is_count, one, v_sigmoid(-z - logit));
    *d_logit = v_select(is_count, -v_sigmoid(logit), v_sigmoid(-logit) - *weight);
    return v_select(is_count, none, v_softplus(-z - logit)) -
           v_select(is_count, v_softplus(logit), v_softplus(-logit));
}

static __attribute__((noinline)) void take_far(const float *logit, const vf z[QUAD],
                                               const vm is_count[QUAD], vf u[QUAD], vf weight[QUAD],
                                               vf d_logit[QUAD], vd loglik[2])
{
    EACH
    {
        const vf x = v_load(logit + i * W);
        const vm is_far = v_lt(v_set(far), v_abs(x));
        vf w, d;
        v_add_double(loglik, v_select(is_far, far_zeros(z[i], x, is_count[i], &w, &d), v_set(0)));
        u[i] = v_select(is_far, v_set(1), u[i]);
        weight[i] = v_select(is_far, w, weight[i]);
        d_logit[i] = v_select(is_far, d, d_logit[i]);
    }
}

/* which of the next SPAN W genes have a count; one of less than eps is none, as scvi-tools has it
 */
static inline void mark(const head *o, int64_t j, vm is_count[SPAN], sums *s)
{
    const sc_head_row *r = o->row;
    uint32_t bits[SPAN] = {0};
    int64_t k = s->n_marked;
    for (; k < r->nnz && r->index[k] < o->first + j + SPAN * W; k++) {
        const uint32_t at = (uint32_t)(r->index[k] - o->first - j);
        bits[at / W] |= (uint32_t)(eps < r->value[k]) << at % W;
    }
    s->n_marked = k;
    for (int i = 0; i < SPAN; i++)
        is_count[i] = v_lanes(bits[i]);
}

static inline __attribute__((always_inline)) void zinb_quad(const head *o, int64_t j,
                                                            const vm is_count[QUAD], sums *s)
{
    const vf one = v_set(1);
    vf z[QUAD], z_mu[QUAD], z_theta[QUAD], x[QUAD], m[QUAD], p[QUAD], e[QUAD], minus1[QUAD];
    vf g[QUAD], g1[QUAD], ge[QUAD], both[QUAD], u[QUAD], weight[QUAD], d_logit[QUAD];
    nb_quad(o, j, z, z_mu, z_theta);
    EACH x[i] = v_max(v_set(-87), -z[i]);
    exp_quad(x, m, p);
    EACH e[i] = v_select(is_count[i], one, v_fma(m[i], p[i], p[i]));
    EACH minus1[i] = v_select(is_count[i], one, v_fma(m[i], p[i], p[i] - 1.0f));
    EACH x[i] = v_max(v_set(-far), v_load(o->logit + j + i * W));
    EACH x[i] = v_min(v_set(far), x[i]);
    exp_quad(x, m, p);
    EACH g[i] = v_fma(m[i], p[i], p[i]);
    EACH g1[i] = g[i] + 1.0f;
    EACH ge[i] = v_select(is_count[i], one, g[i] + e[i]);
    EACH both[i] = v_inverse(g1[i] * ge[i]);
    EACH u[i] = ge[i] * ge[i] * both[i];
    EACH weight[i] = e[i] * g1[i] * both[i];
    EACH d_logit[i] = -(minus1[i] * g[i]) * both[i];
    vf most = v_set(0);
    EACH most = v_max(v_abs(v_load(o->logit + j + i * W)), most);
    if (v_any(v_lt(v_set(far), most)))
        take_far(o->logit + j, z, is_count, u, weight, d_logit, s->loglik);
    EACH v_store(o->d_logit + j + i * W, d_logit[i] * o->scale);
    EACH z_mu[i] = weight[i] * z_mu[i];
    EACH z_theta[i] = weight[i] * z_theta[i];
    put(o, j, z_mu, z_theta, s);
    EACH z[i] = v_select(is_count[i], z[i], v_set(0));
    v_add_double(s->loglik, -((z[0] + z[1]) + (z[2] + z[3])));
    s->product = s->product * split(u[0] * u[1], &s->exponent); /* u is above 1e-19 */
    s->product = s->product * split(u[2] * u[3], &s->exponent);
    s->product = split(s->product, &s->exponent);
}

static __attribute__((noinline)) void zeros_zinb(const head *given, int64_t n, sums *all)
{
    const head o = *given; /* copies: no store can change them */
    sums s = *all;
    for (int64_t j = 0; j < n; j += SPAN * W) {
        vm is_count[SPAN];
        mark(&o, j, is_count, &s);
        _Pragma("GCC unroll 1") /* half the code: more of it stays decoded */
            for (int q = 0; q < SPAN; q += QUAD) zinb_quad(&o, j + q * W, is_count + q, &s);
    }
    *all = s;
}

/* The last n (< SPAN W) genes, filled up with genes that add 0: mu = 0, theta = 1. */
static void zeros_tail(const head *o, int64_t from, int64_t n, sums *s)
{
    float in[4][SPAN * W], out[3][SPAN * W];
    const size_t bytes = (size_t)n * sizeof(float);
    const head tail = {
        in[0],  in[1], o->logit ? in[2] : NULL, in[3], out[0], out[1], out[2], o->to_mu, o->scale,
        o->row, from};
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

/* e = exp(x - max); their sum */
static __attribute__((noinline)) double exponentials(int64_t n, const float *x, float *e)
{
    vf top[2] = {v_set(-INFINITY), v_set(-INFINITY)}, sum[2] = {v_set(0), v_set(0)};
    vf unused;
    float max = -INFINITY, tops[W];
    int64_t j = 0;
    for (; j + 2 * W <= n; j += 2 * W) {
        top[0] = v_max(v_load(x + j), top[0]);
        top[1] = v_max(v_load(x + j + W), top[1]);
    }
    for (; j < n; j++)
        max = x[j] > max ? x[j] : max;
    v_store(tops, v_max(top[0], top[1]));
    for (int half = W / 2; half; half /= 2)
        for (int i = 0; i < half; i++)
            tops[i] = tops[i] > tops[i + half] ? tops[i] : tops[i + half];
    max = max > tops[0] ? max : tops[0];
    for (j = 0; j + QUAD * W <= n; j += QUAD * W) {
        vf y[QUAD], m[QUAD], p[QUAD];
        EACH y[i] = v_max(v_set(-87), v_load(x + j + i * W) - max);
        exp_quad(y, m, p);
        EACH y[i] = v_fma(m[i], p[i], p[i]);
        EACH v_store(e + j + i * W, y[i]);
        sum[0] = sum[0] + (y[0] + y[1]);
        sum[1] = sum[1] + (y[2] + y[3]);
    }
    for (; j < n; j += W) {
        const int64_t part = n - j < W ? n - j : W;
        const vf y = v_exp_neg(v_load_part(x + j, part, -INFINITY) - max, &unused);
        sum[0] = sum[0] + y;
        v_store_part(e + j, part, y);
    }
    return v_sum(sum[0] + sum[1]);
}

/* d_logits = scale (share sum(d) - d), where d is -mu d log p / d mu; in place */
static void through_softmax(int64_t n, const head *o, float share_sum)
{
    const vf l = v_set(-o->scale), k = v_set(o->scale * share_sum);
    int64_t j = 0;
    for (; j + W <= n; j += W)
        v_store(o->d_logits + j, v_fma(l, v_load(o->d_logits + j), v_load(o->e + j) * k));
    for (; j < n; j++)
        o->d_logits[j] = s_fma(-o->scale, o->d_logits[j], o->e[j] * (o->scale * share_sum));
}

double SC_NAME(head_row)(const sc_head_row *r)
{
    const double inverse = 1 / exponentials(r->n, r->logits, r->e);
    /* mu / library is wanted below: an empty cell's must not be 0 / 0 */
    const double library = r->library < 1e-25f ? 1e-25 : (double)r->library;
    const head o = {r->theta,
                    r->inverse,
                    r->dropout,
                    r->e,
                    r->d_logits,
                    r->d_theta,
                    r->d_dropout,
                    (float)(library * inverse),
                    r->scale,
                    r,
                    0};
    const int64_t whole = r->n / (SPAN * W) * (SPAN * W);
    sums s = {.product = v_set(1)};
    if (o.logit)
        zeros_zinb(&o, whole, &s);
    else
        zeros_nb(&o, whole, &s);
    if (whole < r->n)
        zeros_tail(&o, whole, r->n - whole, &s);
    SC_NAME(head_counts)(&o, &s);
    const double dot = v_sum(s.dot);
    *r->d_library = (float)(-dot * (double)r->scale / library);
    through_softmax(r->n, &o, (float)(dot * inverse));
    double total = 0 * dot, n_twos = v_sum(s.twos); /* NaN where something is not finite */
    for (int i = 0; i < W; i++)
        n_twos += s.exponent[i];
    v_add_double(s.loglik, v_log_normal(s.product));
    for (int i = 0; i < W / 2; i++)
        total += s.loglik[0][i] + s.loglik[1][i];
    return total + n_twos * 0.693147180559945309417;
}
