#include "sc_nearby.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Neighbors within the n rows that `rows` names. */
static sc_status find_in_slice(sc_nearby *x, const sc_dense *places, const int64_t *rows, int64_t n,
                               sc_pool *pool, const sc_kernels *kernels, sc_err *err)
{
    sc_dense here = {n, places->n_cols, NULL};
    sc_knn knn = {0};
    sc_status st;
    const int k = n - 1 < x->k ? (int)(n - 1) : x->k;
    if (k < 1)
        return SC_OK;
    SC_TRY(sc_alloc(&here.values, (size_t)(n * here.n_cols), sizeof(float), err));
    for (int64_t i = 0; i < n; i++)
        memcpy(here.values + i * here.n_cols, places->values + rows[i] * here.n_cols,
               (size_t)here.n_cols * sizeof(float));
    SC_GOTO(st, sc_knn_find(&knn, &here, NULL, k + 1, SC_EUCLIDEAN, pool, kernels, err), out);
    for (int64_t i = 0; i < n; i++)
        for (int j = 0; j < k; j++) /* the cell itself comes first */
            x->index[rows[i] * x->k + j] = (int32_t)rows[knn.index[i * (k + 1) + j + 1]];
out:
    sc_knn_free(&knn);
    sc_dense_free(&here);
    return st;
}

sc_status sc_nearby_find(sc_nearby *out, const sc_dense *places, const int32_t *slice,
                         int64_t n_slices, int k, sc_pool *pool, const sc_kernels *kernels,
                         sc_err *err)
{
    const int64_t n = places->n_rows;
    int64_t *rows = NULL;
    *out = (sc_nearby){.n_obs = n, .k = k};
    if (n > INT32_MAX)
        return sc_fail(err, SC_EDATA, "there are more than 2147483647 cells");
    sc_status st = sc_alloc(&out->index, (size_t)(n * k), sizeof *out->index, err);
    if (st == SC_OK)
        st = sc_alloc(&rows, (size_t)n, sizeof *rows, err);
    for (int64_t i = 0; st == SC_OK && i < n * k; i++)
        out->index[i] = -1;
    for (int64_t s = 0; st == SC_OK && s < n_slices; s++) {
        int64_t m = 0;
        for (int64_t i = 0; i < n; i++)
            if (!slice || slice[i] == s)
                rows[m++] = i;
        st = find_in_slice(out, places, rows, m, pool, kernels, err);
    }
    free(rows);
    if (st != SC_OK)
        sc_nearby_free(out);
    return st;
}

void sc_nearby_mean(const sc_nearby *x, const sc_csr *counts, int64_t from, int64_t n, float *out)
{
    memset(out, 0, (size_t)(n * counts->n_cols) * sizeof *out);
    for (int64_t i = 0; i < n; i++) {
        const int32_t *near = x->index + (from + i) * x->k;
        float *row = out + i * counts->n_cols;
        int m = 0;
        for (; m < x->k && near[m] >= 0; m++)
            for (int64_t e = counts->indptr[near[m]]; e < counts->indptr[near[m] + 1]; e++)
                row[counts->indices[e]] += log1pf(counts->values[e]);
        for (int64_t j = 0; m > 0 && j < counts->n_cols; j++)
            row[j] /= (float)m;
    }
}

void sc_nearby_free(sc_nearby *x)
{
    free(x->index);
    *x = (sc_nearby){0};
}
