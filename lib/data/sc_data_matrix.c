#include "sc_data.h"

#include <stdlib.h>
#include <string.h>

const char *sc_matkind_name(sc_matkind k)
{
    switch (k) {
    case SC_COUNTS:
        return "counts";
    case SC_COUNTS_FRACTIONAL:
        return "counts-fractional";
    case SC_LOGNORM:
        return "lognorm";
    case SC_REAL:
        return "real";
    }
    return "real";
}

void sc_csr_free(sc_csr *m)
{
    free(m->indptr);
    free(m->indices);
    free(m->values);
    *m = (sc_csr){0};
}

void sc_dense_free(sc_dense *m)
{
    free(m->values);
    *m = (sc_dense){0};
}

static sc_status csr_alloc(sc_csr *m, int64_t n_rows, int64_t n_cols, int64_t nnz, sc_err *err)
{
    *m = (sc_csr){.n_rows = n_rows, .n_cols = n_cols};
    sc_status st = sc_alloc(&m->indptr, (size_t)n_rows + 1, sizeof *m->indptr, err);
    if (st == SC_OK)
        st = sc_alloc(&m->indices, (size_t)nnz, sizeof *m->indices, err);
    if (st == SC_OK)
        st = sc_alloc(&m->values, (size_t)nnz, sizeof *m->values, err);
    if (st != SC_OK)
        sc_csr_free(m);
    return st;
}

typedef struct entry {
    int32_t j;
    float v;
} entry;

static int by_column(const void *a, const void *b)
{
    const int32_t x = ((const entry *)a)->j, y = ((const entry *)b)->j;
    return x < y ? -1 : x > y;
}

/* Puts row entries [k0, k1) of m in rising order: old_to_new need not be monotone. */
static void sort_row(sc_csr *m, int64_t k0, int64_t k1, entry *tmp)
{
    int64_t k = k0 + 1;
    while (k < k1 && m->indices[k - 1] < m->indices[k])
        k++;
    if (k >= k1)
        return;
    for (k = k0; k < k1; k++)
        tmp[k - k0] = (entry){m->indices[k], m->values[k]};
    qsort(tmp, (size_t)(k1 - k0), sizeof *tmp, by_column);
    for (k = k0; k < k1; k++) {
        m->indices[k] = tmp[k - k0].j;
        m->values[k] = tmp[k - k0].v;
    }
}

sc_status sc_csr_take_cols(sc_csr *to, const sc_csr *m, const int32_t *old_to_new, int64_t n_new,
                           sc_err *err)
{
    int64_t nnz = 0, widest = 0;
    for (int64_t i = 0; i < m->n_rows; i++) {
        const int64_t before = nnz;
        for (int64_t k = m->indptr[i]; k < m->indptr[i + 1]; k++)
            nnz += old_to_new[m->indices[k]] >= 0;
        widest = nnz - before > widest ? nnz - before : widest;
    }
    sc_csr t;
    entry *tmp;
    SC_TRY(csr_alloc(&t, m->n_rows, n_new, nnz, err));
    const sc_status st = sc_alloc(&tmp, (size_t)widest, sizeof *tmp, err);
    if (st != SC_OK) {
        sc_csr_free(&t);
        return st;
    }
    int64_t at = 0;
    for (int64_t i = 0; i < m->n_rows; i++) {
        for (int64_t k = m->indptr[i]; k < m->indptr[i + 1]; k++) {
            const int32_t j = old_to_new[m->indices[k]];
            if (j < 0)
                continue;
            t.indices[at] = j;
            t.values[at++] = m->values[k];
        }
        t.indptr[i + 1] = at;
        sort_row(&t, t.indptr[i], at, tmp);
    }
    free(tmp);
    *to = t;
    return SC_OK;
}

sc_status sc_csr_take_rows(sc_csr *to, const sc_csr *m, const int64_t *rows, int64_t n, sc_err *err)
{
    int64_t nnz = 0;
    for (int64_t i = 0; i < n; i++)
        nnz += m->indptr[rows[i] + 1] - m->indptr[rows[i]];
    sc_csr t;
    SC_TRY(csr_alloc(&t, n, m->n_cols, nnz, err));
    int64_t at = 0;
    for (int64_t i = 0; i < n; i++) {
        const int64_t k0 = m->indptr[rows[i]], len = m->indptr[rows[i] + 1] - k0;
        if (len > 0) {
            memcpy(t.indices + at, m->indices + k0, (size_t)len * sizeof *t.indices);
            memcpy(t.values + at, m->values + k0, (size_t)len * sizeof *t.values);
        }
        at += len;
        t.indptr[i + 1] = at;
    }
    *to = t;
    return SC_OK;
}
