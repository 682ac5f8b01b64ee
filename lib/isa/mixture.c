/*
 * The likelihood of one cell's proteins: a mixture of two negative binomials, background and
 * foreground, that share theta. Counts are dense. With e = 1e-8 and l_k the logs of
 *
 *   NB_k(x) x! Gamma(theta) / Gamma(x + theta) = (theta + e)^theta (mu_k + e)^x / T_k^(x + theta)
 *
 * (T_k = theta + mu_k + e), what depends on x and theta alone is added once, and
 *
 *   log p(x) = log(exp l_1 + exp(l_2 - logit)) - softplus(-logit) + log C(x, theta)
 *
 * where the mixture's first part has the weight sigmoid(logit). Counts of proteins are large:
 * log C is taken such that lgamma(x + theta) and lgamma(x + 1) never meet.
 */
#include "isa.h"
#include "vmath.h"

static const float eps = 1e-8f;

/* 1 / 12z - 1 / 360z^3 + 1 / 1260z^5, of Stirling's series; i is 1 / z */
static inline vf stirling(vf i)
{
    const vf ii = i * i;
    return i * v_fma(v_fma(ii, v_set(1.0f / 1260), v_set(-1.0f / 360)), ii, v_set(1.0f / 12));
}

/* lgamma(x + theta) - lgamma(theta) - lgamma(x + 1) and its derivative by theta */
static inline __attribute__((always_inline)) vf log_choose(vf x, vf theta, vf *d_theta)
{
    const vm small = v_lt(theta, v_set(4)); /* up by 4, where the series is good; 1 always is */
    const vf a = v_select(small, theta + 4.0f, theta), b = a + x, c = x + 5.0f;
    const vf both = 1.0f / (b * c), i_b = both * c, i_c = both * b, i_a = 1.0f / a;
    /* x log(b / c) + (a - 1/2) log(b / a) - 9/2 log(c / 5) */
    vf y = x * v_log1p_over((a - 5.0f) * i_c, c * i_b);
    y = v_fma(a - 0.5f, v_log1p_over(x * i_a, a * i_b), y);
    y = v_fma(v_set(-4.5f), v_log1p_over(x * 0.2f, 5.0f * i_c), y);
    y = y + (stirling(i_b) - stirling(i_a)) + (stirling(v_set(0.2f)) - stirling(i_c));
    const vf t1 = theta + 1.0f, t2 = theta + 2.0f, t3 = theta + 3.0f;
    const vf rise = ((theta + x) / t1) * ((t1 + x) / t2) * ((t2 + x) / t3) * (t3 + x);
    const vf one = v_set(1), x1 = x + 1.0f, x2 = x + 2.0f, x3 = x + 3.0f, x4 = x + 4.0f;
    y = y + v_log_normal(x1 * (x2 * 0.5f) * (x3 * (1.0f / 3)) * (x4 * 0.25f));
    y = y - v_select(small, v_log_normal(v_select(small, rise, one)), v_set(0));
    y = y + v_select(small, v_log_normal(v_select(small, theta, one)), v_set(0));
    (void)v_lgamma_diff(x, theta, d_theta);
    return v_select(v_eq(x, v_set(0)), v_set(0), y);
}

typedef struct part {
    vf loglik, d_mean, d_theta; /* l_k */
} part;

static inline __attribute__((always_inline)) part part_of(vf x, vf mean, vf theta)
{
    const vf a = mean + eps, t = theta + eps, total = theta + a;
    const vf both = 1.0f / (a * total), i_a = both * total, i_total = both * a, i_t = 1.0f / t;
    const vf r = mean * i_t, s = mean * i_total;
    const vf l = v_log1p_over(r, t * i_total);
    /* s - l = s + log(1 - s), which cancels to -s^2 / 2 where s is small */
    vf series = v_fma(s, v_set(1.0f / 5), v_set(1.0f / 4));
    series = v_fma(series, s, v_set(1.0f / 3));
    series = v_fma(series, s, v_set(1.0f / 2));
    const vf z_theta = v_select(v_lt(s, v_set(1.0f / 32)), -(s * s) * series, s - l);
    return (part){-theta * l - x * v_log1p_over(theta * i_a, a * i_total),
                  x * i_a * (theta * i_total) - theta * i_total, z_theta - x * i_total};
}

typedef struct lanes {
    vf x, mean1, mean2, theta, logit;
} lanes;

typedef struct gradients {
    vf mean1, mean2, theta, logit;
} gradients;

static __attribute__((noinline)) vf point(const lanes *in, gradients *d)
{
    vf d_theta, unused;
    const part p1 = part_of(in->x, in->mean1, in->theta), p2 = part_of(in->x, in->mean2, in->theta);
    const vf c = log_choose(in->x, in->theta, &d_theta);
    const vf none = v_set(0), l2 = p2.loglik - in->logit, apart = p1.loglik - l2;
    const vf m = v_exp_neg(-v_abs(apart), &unused), i_m = 1.0f / (1.0f + m), rest = m * i_m;
    const vm is_first = v_lt(none, apart);
    const vf w1 = v_select(is_first, i_m, rest), w2 = v_select(is_first, rest, i_m);
    const vf u = v_exp_neg(-v_abs(in->logit), &unused), i_u = 1.0f / (1.0f + u);
    d->mean1 = w1 * p1.d_mean;
    d->mean2 = w2 * p2.d_mean;
    d->theta = v_fma(w1, p1.d_theta, v_fma(w2, p2.d_theta, d_theta));
    d->logit = v_select(v_lt(none, in->logit), u * i_u, i_u) - w2;
    const vf both = v_select(is_first, p1.loglik, l2) + v_log1p_over(m, i_m);
    return both - (v_max(none, -in->logit) + v_log1p_over(u, i_u)) + c;
}

static void put(float *to, int64_t at, int64_t n, vf v)
{
    if (to && n < W)
        v_store_part(to + at, n, v);
    else if (to)
        v_store(to + at, v);
}

static vf get(const float *from, int64_t at, int64_t n, float fill)
{
    return n < W ? v_load_part(from + at, n, fill) : v_load(from + at);
}

double SC_NAME(mixture_row)(const sc_mixture_row *r)
{
    double sum = 0;
    for (int64_t j = 0; j < r->n; j += W) {
        const int64_t n = r->n - j < W ? r->n - j : W;
        const lanes in = {get(r->x, j, n, 0), get(r->mean1, j, n, 1), get(r->mean2, j, n, 1),
                          get(r->theta, j, n, 1), get(r->logit, j, n, 0)};
        const vm is_on = v_lt(v_set(0), r->mask ? get(r->mask, j, n, 0) : v_set(1));
        const vf none = v_set(0);
        gradients d;
        const vf loglik = point(&in, &d);
        put(r->d_mean1, j, n, v_select(is_on, d.mean1, none));
        put(r->d_mean2, j, n, v_select(is_on, d.mean2, none));
        put(r->d_theta, j, n, v_select(is_on, d.theta, none));
        put(r->d_logit, j, n, v_select(is_on, d.logit, none));
        float each[W];
        v_store(each, v_select(is_on, loglik, none));
        for (int i = 0; i < n; i++)
            sum += (double)each[i];
    }
    return sum;
}
