#include "isa.h"
#include "vec.h"

enum { SPAN = 8 }; /* vectors of y that a sparse row holds in registers */

/* y[0 .. nv W) += the sparse row's sum; nv is a constant where this is inlined. */
static inline __attribute__((always_inline)) void sparse_span(int nv, int64_t nnz,
                                                              const int32_t *index,
                                                              const float *value, const float *w,
                                                              int64_t ldw, float *y)
{
    vf acc[SPAN];
    for (int v = 0; v < nv; v++)
        acc[v] = v_load(y + v * W);
    for (int64_t k = 0; k < nnz; k++) {
        const float *row = w + index[k] * ldw;
        const vf x = v_set(value[k]);
        if (k + 6 < nnz) { /* rows are far apart: nobody else fetches them in time */
            const char *ahead = (const char *)(w + index[k + 6] * ldw);
            for (int v = 0; v < nv * W * 4; v += 64)
                __builtin_prefetch(ahead + v);
        }
        for (int v = 0; v < nv; v++)
            acc[v] = v_fma(x, v_load(row + v * W), acc[v]);
    }
    for (int v = 0; v < nv; v++)
        v_store(y + v * W, acc[v]);
}

void SC_NAME(sparse_row)(int64_t nnz, const int32_t *index, const float *value, const float *w,
                         int64_t ldw, float *y, int n)
{
    int j = 0;
    for (; j + SPAN * W <= n; j += SPAN * W)
        sparse_span(SPAN, nnz, index, value, w + j, ldw, y + j);
    for (; j + W <= n; j += W)
        sparse_span(1, nnz, index, value, w + j, ldw, y + j);
    for (int64_t k = 0; j < n && k < nnz; k++)
        for (int t = j; t < n; t++)
            y[t] = s_fma(value[k], w[index[k] * ldw + t], y[t]);
}

void SC_NAME(axpy)(int64_t n, float a, const float *x, float *y)
{
    int64_t i = 0;
    for (; i + W <= n; i += W)
        v_store(y + i, v_fma(v_set(a), v_load(x + i), v_load(y + i)));
    for (; i < n; i++)
        y[i] = s_fma(a, x[i], y[i]);
}

void SC_NAME(dot_rows)(int m, int n, const float *a, int lda, const float *b, int ldb, float *out)
{
    for (int i = 0; i < m; i++) {
        const float *p = a + (int64_t)i * lda, *q = b + (int64_t)i * ldb;
        vf s0 = v_set(0), s1 = s0, s2 = s0, s3 = s0;
        int j = 0;
        for (; j + 4 * W <= n; j += 4 * W) {
            s0 = v_fma(v_load(p + j), v_load(q + j), s0);
            s1 = v_fma(v_load(p + j + W), v_load(q + j + W), s1);
            s2 = v_fma(v_load(p + j + 2 * W), v_load(q + j + 2 * W), s2);
            s3 = v_fma(v_load(p + j + 3 * W), v_load(q + j + 3 * W), s3);
        }
        for (; j + W <= n; j += W)
            s0 = v_fma(v_load(p + j), v_load(q + j), s0);
        if (j < n)
            s1 = v_fma(v_load_part(p + j, n - j, 0), v_load_part(q + j, n - j, 0), s1);
        out[i] = (float)v_sum((s0 + s1) + (s2 + s3));
    }
}

void SC_NAME(adam)(int64_t n, float *p, float *m, float *v, const float *g, const sc_adam_args *a)
{
    const vf one_minus1 = v_set(1.0f - a->beta1), one_minus2 = v_set(1.0f - a->beta2);
    const vf beta2 = v_set(a->beta2), decay = v_set(a->weight_decay), eps = v_set(a->eps);
    const vf step = v_set(-(a->lr / a->correct1)), correct2 = v_set(1.0f / a->correct2);

    for (int64_t i = 0; i < n; i += W) {
        const bool is_whole = n - i >= W;
        const int64_t rest = n - i;
        vf vp = is_whole ? v_load(p + i) : v_load_part(p + i, rest, 0);
        vf mean = is_whole ? v_load(m + i) : v_load_part(m + i, rest, 0);
        vf square_mean = is_whole ? v_load(v + i) : v_load_part(v + i, rest, 0);
        vf vg = is_whole ? v_load(g + i) : v_load_part(g + i, rest, 0);
        vg = v_fma(decay, vp, vg);
        mean = v_fma(one_minus1, vg - mean, mean);
        const vf square = vg * vg;
        square_mean = v_fma(one_minus2, square, beta2 * square_mean);
        const vf update = mean / v_fma(v_sqrt(square_mean), correct2, eps);
        vp = v_fma(step, update, vp);
        if (is_whole) {
            v_store(p + i, vp);
            v_store(m + i, mean);
            v_store(v + i, square_mean);
        } else {
            v_store_part(p + i, rest, vp);
            v_store_part(m + i, rest, mean);
            v_store_part(v + i, rest, square_mean);
        }
    }
}
