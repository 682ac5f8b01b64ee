/*
 * The counts of one cell, for its head: what (theta)_x / x! ((mu + eps) / T)^x adds, see head.c.
 * Counts of 1 to 4, which are most, come apart from others: they take a few products each.
 */
#include "head.h"

enum { LIST = 512 };
static const float eps = 1e-8f;

/* Stored entries: the genes, and counts; those behind the last one are gene 0 and count 0. */
typedef struct list {
    int n;
    int32_t index[LIST + W];
    float x[LIST + W];
} list;

/* What a count's gene comes with: q is (mu + eps) / T, i_total 1 / T. */
typedef struct count {
    vf theta, q, i_total;
} count;

/* ... and its whole gradient by its logit, for the first n lanes, which takes the zeros' place */
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
    const count t = count_at(o, index, n, x, s);
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
    const count t = count_at(o, index, n, x, s);
    const vm small = v_lt(t.theta, v_set(4));
    const vf a = v_select(small, t.theta + 4.0f, t.theta), b = a + x;
    const vf iab = v_inverse(a * b), ia = iab * b, ib = iab * a;
    const vf l = v_log1p_over(x * ia, a * ib);
    /* x log q comes along */
    vf y = v_fma(x, v_log_normal(b * t.q) - 1.0f, (a - 0.5f) * l);
    vf d;
    y = y + v_stirling_diff(x, ia, ib, &d);
    const vf t1 = t.theta + 1.0f, t2 = t.theta + 2.0f, t3 = t.theta + 3.0f;
    const vf d0 = t.theta * (t.theta + x), d1 = t1 * (t1 + x);
    const vf d2 = t2 * (t2 + x), d3 = t3 * (t3 + x);
    const vf i01 = v_inverse(d0 * d1), i23 = v_inverse(d2 * d3), p01 = t.theta * t1, p23 = t2 * t3;
    d = d + l + v_select(small, x * (i01 * (d0 + d1) + i23 * (d2 + d3)), none);
    const vm is_up = (vm)(small & v_lt(none, x));
    s->product = s->product * v_select(is_up, p01 * (p01 * i01), one);
    s->product = split(s->product, &s->exponent) * v_select(is_up, p23 * (p23 * i23), one);
    s->product = split(s->product, &s->exponent);
    v_add_double(s->loglik, y);
    v_scatter_add(o->d_theta, index, n, v_set(o->scale), d - x * t.i_total);
}

/* W entries go where they belong; one of less than eps is no count, as scvi-tools has it */
static inline void sort(const int32_t *index, const float *value, list *few, list *many)
{
    const vf x = v_load(value), magic = v_set(0x1p23f); /* leaves whole numbers */
    const vm is_count = v_lt(v_set(eps), x),
             is_whole = (vm)(v_lt(v_set(0.5f), x) & v_eq((x + magic) - magic, x)),
             is_few = (vm)(is_whole & v_lt(x, v_set(5))), is_other = (vm)(is_count & ~is_few);
    (void)v_pack(index, is_few, few->index + few->n);
    few->n += v_pack(value, is_few, few->x + few->n);
    (void)v_pack(index, is_other, many->index + many->n);
    many->n += v_pack(value, is_other, many->x + many->n);
}

static void sort_part(const sc_head_row *r, int64_t k, int64_t n, list *few, list *many)
{
    int32_t index[W] = {0};
    float value[W] = {0};
    for (int64_t i = 0; i < n; i++) {
        index[i] = r->index[k + i];
        value[i] = r->value[k + i];
    }
    sort(index, value, few, many);
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
    list few, many;
    few.n = many.n = 0;
    for (; k + W <= end; k += W)
        sort(r->index + k, r->value + k, &few, &many);
    if (k < end)
        sort_part(r, k, end - k, &few, &many);
    take(o, &few, count_few, s);
    take(o, &many, count_many, s);
}

void SC_NAME(head_counts)(const head *o, sums *s)
{
    for (int64_t k = 0; k < o->row->nnz; k += LIST)
        entries(o, k, s);
}
