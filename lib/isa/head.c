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
#include "isa.h"
#include "vmath.h"

enum { SPAN = 8, QUAD = 4, LIST = 512 };
static const float eps = 1e-8f;
static const float far = 43; /* logits beyond it are taken care of one vector at a time */

typedef struct head {
    const float *theta, *inverse, *logit; /* inverse: 1 / (theta + eps) */
    float *e, *d_logits, *d_theta, *d_logit;
    float to_mu, scale; /* e times to_mu is mu */
    const sc_head_row *row;
    int64_t first; /* the gene where theta and the others begin */
} head;

typedef struct sums {
    vd loglik[2];
    vf product, dot, twos; /* twos: exponents too, whole numbers */
    vi exponent;
    int64_t n_marked; /* stored entries whose genes are behind us */
} sums;

/* Stored entries: the genes, and counts; those behind the last one are gene 0 and count 0. */
typedef struct list {
    int n;
    int32_t index[LIST + W];
    float x[LIST + W];
} list;

/* x = 2^e m with 1 <= m < 2 for normal x > 0; m is returned and e added */
static inline vf split(vf x, vi *exponent)
{
    const vi bits = v_bits(x);
    *exponent = (vi)((vu)*exponent + (vu)((bits >> 23) - 127));
    return v_floats((bits & 0x7fffff) | 0x3f800000);
}

typedef struct zeros {
    vf z[SPAN], z_mu[SPAN], z_theta[SPAN]; /* -z, -mu dz / dmu, -dz / dtheta */
    vf e[SPAN], e_minus1[SPAN], g[SPAN];
    vm is_count[SPAN];
} zeros;

/*
 * -z and its derivatives by log mu and theta. Few chains of operations fit into what the CPU looks
 * ahead, so QUAD vectors go through each step together.
 */
#define EACH _Pragma("GCC unroll 8") for (int i = 0; i < QUAD; i++)
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

static inline void put(const head *o, int64_t at, vf d_logit, vf d_theta, sums *s)
{
    s->dot = s->dot + d_logit;
    v_store(o->d_logits + at, d_logit);
    v_store(o->d_theta + at, v_fma(v_set(-o->scale), d_theta, v_load(o->d_theta + at)));
}

static __attribute__((noinline)) void zeros_nb(const head *given, int64_t n, sums *s)
{
    const head o = *given;
    vf z[QUAD], z_mu[QUAD], z_theta[QUAD], dot = v_set(0);
    vd loglik[2] = {(vd){0}, (vd){0}};
    for (int64_t j = 0; j < n; j += QUAD * W) {
        nb_quad(&o, j, z, z_mu, z_theta);
        EACH dot = dot + z_mu[i];
        EACH v_store(o.d_logits + j + i * W, z_mu[i]);
        EACH v_store(o.d_theta + j + i * W,
                     v_fma(v_set(-o.scale), z_theta[i], v_load(o.d_theta + j + i * W)));
        v_add_double(loglik, -((z[0] + z[1]) + (z[2] + z[3])));
    }
    s->dot = s->dot + dot;
    s->loglik[0] = s->loglik[0] + loglik[0];
    s->loglik[1] = s->loglik[1] + loglik[1];
}

/* W genes whose logits are beyond what exp takes */
static __attribute__((noinline)) vf far_zeros(vf z, vf logit, vm is_count, vf *weight, vf *d_logit)
{
    const vf one = v_set(1), none = v_set(0);
    *weight = v_select(is_count, one, v_sigmoid(-z - logit));
    *d_logit = v_select(is_count, -v_sigmoid(logit), v_sigmoid(-logit) - *weight);
    return v_select(is_count, none, v_softplus(-z - logit)) -
           v_select(is_count, v_softplus(logit), v_softplus(-logit));
}

static inline vf inflated(const head *o, int64_t j, int i, const zeros *t, sums *s)
{
    const int64_t at = j + i * W;
    const vm is_count = t->is_count[i];
    const vf one = v_set(1), logit = v_load(o->logit + at), g1 = t->g[i] + 1.0f;
    const vf e = v_select(is_count, one, t->e[i]), ge = v_select(is_count, one, t->g[i] + t->e[i]);
    const vf both = v_inverse(g1 * ge);
    vf u = ge * ge * both, weight = e * g1 * both;
    vf d_logit = -(v_select(is_count, one, t->e_minus1[i]) * t->g[i]) * both;
    const vm is_far = v_lt(v_set(far), v_abs(logit));
    if (v_any(is_far)) {
        vf w, d;
        const vf loglik = far_zeros(t->z[i], logit, is_count, &w, &d);
        v_add_double(s->loglik, v_select(is_far, loglik, v_set(0)));
        u = v_select(is_far, one, u);
        weight = v_select(is_far, w, weight);
        d_logit = v_select(is_far, d, d_logit);
    }
    v_store(o->d_logit + at, d_logit * o->scale);
    put(o, at, weight * t->z_mu[i], weight * t->z_theta[i], s);
    return u;
}

/* which of the next SPAN W genes have a count; one of less than eps is none, as scvi-tools has it
 */
static void mark(const head *o, int64_t j, zeros *t, sums *s)
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
        t->is_count[i] = v_lanes(bits[i]);
}

static __attribute__((noinline)) void zeros_zinb(const head *o, int64_t n, sums *s)
{
    zeros t;
    for (int64_t j = 0; j < n; j += SPAN * W) {
        vf sum = v_set(0);
        mark(o, j, &t, s);
        for (int i = 0; i < SPAN; i += QUAD)
            nb_quad(o, j + i * W, t.z + i, t.z_mu + i, t.z_theta + i);
        for (int i = 0; i < SPAN; i++)
            t.e[i] = v_exp_neg(-t.z[i], &t.e_minus1[i]);
        for (int i = 0; i < SPAN; i++) {
            vi k;
            const vf logit = v_load(o->logit + j + i * W);
            const vf m = v_exp_reduce(v_min(v_set(far), v_max(v_set(-far), logit)), &k);
            const vf p = v_pow2(k);
            t.g[i] = v_fma(m, p, p);
        }
        for (int i = 0; i < SPAN; i++)
            sum = sum - v_select(t.is_count[i], t.z[i], v_set(0));
        v_add_double(s->loglik, sum);
        for (int i = 0; i < SPAN; i += 2) { /* two of them are above 1e-38 */
            const vf u = inflated(o, j, i, &t, s) * inflated(o, j, i + 1, &t, s);
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

/* What a count and its gene come with: q is (mu + eps) / T, change is mu d/dmu log q^x */
typedef struct count {
    vf theta, q, i_total, change;
} count;

/* ... and the entries' gradient by their own logits: n of them are there */
static inline count count_at(const head *o, const int32_t *index, int64_t n, vf x, sums *s)
{
    count t = {.theta = v_gather(o->theta, index)};
    const vf mu = v_gather(o->e, index) * o->to_mu, a = mu + eps, total = t.theta + a;
    const vf both = v_inverse(a * total), d = mu * both * t.theta;
    t.i_total = both * a;
    t.q = a * t.i_total;
    s->dot = s->dot - x * d;
    v_scatter(o->d_logits, index, n, (a - x) * d);
    return t;
}

/*
 * Counts of 1 to 4: (theta)_x is a product of x factors. With q = 2^k m it takes m with it, and its
 * derivative goes with it.
 */
static __attribute__((noinline)) void count_few(const head *o, const int32_t *index, int64_t n,
                                                const float *value, sums *s)
{
    const vf x = v_load(value), one = v_set(1), none = v_set(0);
    const struct count t = count_at(o, index, n, x, s);
    vi k = {0};
    const vf m = split(t.q, &k);
    const vm is_1 = v_lt(none, x), is_2 = v_lt(one, x), is_3 = v_lt(v_set(2), x),
             is_4 = v_lt(v_set(3), x);
    const vf w0 = v_select(is_1, t.theta * m, one);
    const vf w1 = v_select(is_2, (t.theta + 1.0f) * m, one);
    const vf w2 = v_select(is_3, (t.theta + 2.0f) * m, one);
    const vf w3 = v_select(is_4, (t.theta + 3.0f) * m, one);
    const vf w01 = w0 * w1, w23 = w2 * w3, w = w01 * w23;
    const vf d01 = w1 + v_select(is_2, w0, none);
    const vf d23 = v_select(is_3, w3, none) + v_select(is_4, w2, none);
    const vf dpsi = m * v_fma(d01, w23, w01 * d23) * v_inverse(w);
    s->twos = v_fma(x, __builtin_convertvector(k, vf), s->twos);
    s->product = s->product * w;
    s->product = split(s->product, &s->exponent);
    v_scatter_add(o->d_theta, index, n, v_set(o->scale), dpsi - x * t.i_total);
}

/* Other counts, by Stirling's series as v_lgamma_diff has it. */
static __attribute__((noinline)) void count_many(const head *o, const int32_t *index, int64_t n,
                                                 const float *value, sums *s)
{
    const vf x = v_load(value), one = v_set(1), none = v_set(0);
    const struct count t = count_at(o, index, n, x, s);
    const vm small = v_lt(t.theta, v_set(4));
    const vf a = v_select(small, t.theta + 4.0f, t.theta), b = a + x;
    const vf iab = 1.0f / (a * b), ia = iab * b, ib = iab * a;
    const vf l = v_log1p_over(x * ia, a * ib);
    /* x log q comes along */
    vf y = v_fma(x, v_log_normal(b * t.q) - 1.0f, (a - 0.5f) * l);
    vf d;
    y = y + v_stirling_diff(x, ia, ib, &d);
    const vf t1 = t.theta + 1.0f, t2 = t.theta + 2.0f, t3 = t.theta + 3.0f;
    const vf d0 = t.theta * (t.theta + x), d1 = t1 * (t1 + x);
    const vf d2 = t2 * (t2 + x), d3 = t3 * (t3 + x);
    const vf i01 = 1.0f / (d0 * d1), i23 = 1.0f / (d2 * d3), p01 = t.theta * t1, p23 = t2 * t3;
    d = d + l + v_select(small, x * (i01 * (d0 + d1) + i23 * (d2 + d3)), none);
    const vm is_up = (vm)(small & v_lt(none, x));
    s->product = s->product * v_select(is_up, p01 * (p01 * i01), one);
    s->product = split(s->product, &s->exponent) * v_select(is_up, p23 * (p23 * i23), one);
    s->product = split(s->product, &s->exponent);
    v_add_double(s->loglik, y);
    v_scatter_add(o->d_theta, index, n, v_set(o->scale), d - x * t.i_total);
}

static void append(list *l, const int32_t *index, const float *x, vm lanes)
{
    (void)v_pack(index, lanes, l->index + l->n);
    l->n += v_pack(x, lanes, l->x + l->n);
}

static void take(const head *o, list *l,
                 void (*counts)(const head *, const int32_t *, int64_t, const float *, sums *),
                 sums *s)
{
    v_store(l->x + l->n, v_set(0));
    memset(l->index + l->n, 0, W * sizeof *l->index);
    for (int k = 0; k < l->n; k += W)
        counts(o, l->index + k, l->n - k, l->x + k, s);
}

/* The stored entries from k on, LIST at most, sorted by what they need. */
static void entries(const head *o, int64_t k, sums *s)
{
    const sc_head_row *r = o->row;
    const int64_t end = r->nnz - k < LIST ? r->nnz : k + LIST;
    const vf magic = v_set(0x1p23f); /* leaves whole numbers */
    list few, many;
    few.n = many.n = 0;
    for (; k < end; k += W) {
        const int64_t n = end - k < W ? end - k : W;
        int32_t index[W] = {0};
        float value[W] = {0};
        memcpy(index, r->index + k, (size_t)n * sizeof *index);
        memcpy(value, r->value + k, (size_t)n * sizeof *value);
        const vf x = v_load(value);
        const vm is_count = v_lt(v_set(eps), x), is_small = v_lt(x, v_set(5)),
                 is_whole = (vm)(v_lt(v_set(0), x) & v_eq((x + magic) - magic, x)),
                 is_few = (vm)(is_small & is_whole);
        append(&few, index, value, is_few);
        append(&many, index, value, (vm)(is_count & ~is_few));
        v_add_double(s->loglik, -v_load_part(r->lgamma_x1 + k, n, 0));
    }
    take(o, &few, count_few, s);
    take(o, &many, count_many, s);
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
    for (int64_t k = 0; k < r->nnz; k += LIST)
        entries(&o, k, &s);
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
