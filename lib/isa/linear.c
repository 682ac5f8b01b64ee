#include "adam.h"
#include "isa.h"

enum { SPAN = 8 }; /* vectors of y that a sparse row holds in registers */

/* y[0 .. nv W) = the sparse row's sum, or y plus it; nv is a constant where this is inlined. */
static inline __attribute__((always_inline)) void sparse_span(int nv, bool adds, int64_t nnz,
                                                              const int32_t *index,
                                                              const float *value, const float *w,
                                                              int64_t ldw, float *y)
{
    vf acc[SPAN];
    for (int v = 0; v < nv; v++)
        acc[v] = adds ? v_load(y + v * W) : v_set(0);
    for (int64_t k = 0; k < nnz; k++) {
        const float *row = w + index[k] * ldw;
        const vf x = v_set(value[k]);
        for (int v = 0; v < nv; v++)
            acc[v] = v_fma(x, v_load(row + v * W), acc[v]);
    }
    for (int v = 0; v < nv; v++)
        v_store(y + v * W, acc[v]);
}

static inline __attribute__((always_inline)) void sparse(bool adds, int64_t nnz,
                                                         const int32_t *index, const float *value,
                                                         const float *w, int64_t ldw, float *y,
                                                         int n)
{
    int j = 0;
    for (; j + SPAN * W <= n; j += SPAN * W)
        sparse_span(SPAN, adds, nnz, index, value, w + j, ldw, y + j);
    for (; j + W <= n; j += W)
        sparse_span(1, adds, nnz, index, value, w + j, ldw, y + j);
    for (int t = j; t < n && !adds; t++)
        y[t] = 0;
    for (int64_t k = 0; j < n && k < nnz; k++)
        for (int t = j; t < n; t++)
            y[t] = s_fma(value[k], w[index[k] * ldw + t], y[t]);
}

void SC_NAME(sparse_row)(int64_t nnz, const int32_t *index, const float *value, const float *w,
                         int64_t ldw, float *y, int n)
{
    sparse(true, nnz, index, value, w, ldw, y, n);
}

void SC_NAME(sparse_sum)(int64_t nnz, const int32_t *index, const float *value, const float *w,
                         int64_t ldw, float *y, int n)
{
    sparse(false, nnz, index, value, w, ldw, y, n);
}

void SC_NAME(sparse_sums)(int64_t n_rows, const int32_t *first, const int32_t *end,
                          const int32_t *index, const float *value, const float *w, float *y, int n)
{
    for (int64_t i = 0; i < n_rows; i++, y += n) {
        const int64_t at = first[i], nnz = end[i] - at;
        if (n == SPAN * W)
            sparse_span(SPAN, false, nnz, index + at, value + at, w, SPAN * W, y);
        else
            sparse(false, nnz, index + at, value + at, w, n, y, n);
    }
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

bool SC_NAME(adam)(int64_t rows, int64_t n, float *p, float *m, float *v, int64_t ld,
                   const float *g, int64_t ldg, const sc_adam_args *a)
{
    const adam s = adam_of(a);
    vf bad = v_set(0);

    for (int64_t r = 0; r < rows; r++, p += ld, m += ld, v += ld, g += ldg) {
        int64_t i = 0;
        for (; i + W <= n; i += W)
            bad += adam_one(&s, p + i, m + i, v + i, v_load(g + i));
        if (i < n)
            bad += adam_part(&s, n - i, p + i, m + i, v + i, v_load_part(g + i, n - i, 0));
    }
    return !v_any(v_not_ge(bad, v_set(0)));
}
