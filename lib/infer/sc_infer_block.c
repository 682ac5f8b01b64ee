/* Takes what the model needs from a block of the stream: counts, or what a minified cell has
 * instead. */
#include "sc_infer_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* A new buffer when a block has more rows than any before. */
static sc_status rows_room(sc_infer *x, int64_t n, sc_err *err)
{
    if (x->buf && n <= x->buf->n_rows)
        return SC_OK;
    sc_minibuf_free(x->buf);
    x->buf = NULL;
    SC_TRY(sc_minibuf_new(&x->buf, n, err));
    if (x->proteins.n)
        SC_TRY(sc_alloc(&x->buf->proteins, (size_t)(n * x->proteins.n), sizeof(float), err));
    return x->n_cont ? sc_alloc(&x->buf->cont_covs, (size_t)(n * x->n_cont), sizeof(float), err)
                     : SC_OK;
}

static sc_status not_a_count(sc_infer *x, sc_block *b, int64_t i, int32_t gene, float v,
                             sc_err *err)
{
    sc_table *obs = NULL;
    SC_TRY(sc_block_obs(b, &obs, err));
    return sc_fail(err, SC_EDATA, "cell '%s', gene '%s': %g is not a count",
                   sc_strs_at(&obs->names, i), sc_strs_at(&x->net->var.names, gene), (double)v);
}

typedef struct pair {
    int32_t gene;
    float v;
} pair;

static int by_gene(const void *a, const void *b)
{
    return ((const pair *)a)->gene - ((const pair *)b)->gene;
}

static sc_status sort_row(sc_minibuf *m, int64_t k0, int64_t k1, sc_err *err)
{
    pair *p = NULL;
    SC_TRY(sc_alloc(&p, (size_t)(k1 - k0), sizeof *p, err));
    for (int64_t k = k0; k < k1; k++)
        p[k - k0] = (pair){m->indices[k], m->values[k]};
    qsort(p, (size_t)(k1 - k0), sizeof *p, by_gene);
    for (int64_t k = k0; k < k1; k++) {
        m->indices[k] = p[k - k0].gene;
        m->values[k] = p[k - k0].v;
    }
    free(p);
    return SC_OK;
}

/* The counts of row i that the model knows, at m->values + nnz and so on; returns how many. No
 * branch depends on a count: they could not be foretold. *is_bad: one of them is none. */
static int64_t take_row(const sc_infer *x, sc_minibuf *m, int64_t nnz, int64_t n,
                        const int32_t *index, const float *value, bool *is_bad)
{
    const int64_t from = nnz;
    bool bad = false;
    for (int64_t k = 0; k < n; k++) {
        const int32_t gene = x->to_model[index ? index[k] : k];
        const float v = value[k];
        const bool is_known = gene >= 0;
        m->indices[nnz] = gene;
        m->values[nnz] = v;
        nnz += is_known & (v != 0);
        bad |= is_known & !((v >= 0) & (v < INFINITY));
    }
    *is_bad = bad;
    return nnz - from;
}

/* The same where the genes are the model's own; false if a value is no count or 0. */
static bool copy_row(sc_minibuf *m, int64_t nnz, int64_t n, const int32_t *index,
                     const float *value)
{
    int n_good = 0;
    for (int64_t k = 0; k < n; k++)
        n_good += (value[k] > 0) & (value[k] < INFINITY);
    if (n_good != n)
        return false;
    if (n) {
        memcpy(m->indices + nnz, index, (size_t)n * sizeof *index);
        memcpy(m->values + nnz, value, (size_t)n * sizeof *value);
    }
    return true;
}

static sc_status bad_row(sc_infer *x, sc_block *b, int64_t i, int64_t nnz, int64_t n, sc_err *err)
{
    const sc_minibuf *m = x->buf;
    for (int64_t k = nnz; k < nnz + n; k++)
        if (!(m->values[k] > 0) || isinf(m->values[k]))
            return not_a_count(x, b, i, m->indices[k], m->values[k], err);
    return SC_OK;
}

static sc_status take_counts(sc_infer *x, sc_block *b, sc_err *err)
{
    sc_minibuf *m = x->buf;
    sc_csr *s = NULL;
    sc_dense *d = NULL;
    if (x->is_sparse)
        SC_TRY(sc_block_sparse(b, x->path, &s, err));
    else
        SC_TRY(sc_block_dense(b, x->path, &d, err));
    SC_TRY(sc_minibuf_room(m, s ? s->indptr[x->n_rows] : x->n_rows * d->n_cols, err));
    int64_t nnz = 0;
    m->indptr[0] = 0;
    for (int64_t i = 0; i < x->n_rows; i++) {
        bool is_bad = false;
        const int64_t k = s ? s->indptr[i] : 0;
        const int64_t n =
            s && x->is_same && copy_row(m, nnz, s->indptr[i + 1] - k, s->indices + k, s->values + k)
                ? s->indptr[i + 1] - k
            : s ? take_row(x, m, nnz, s->indptr[i + 1] - s->indptr[i], s->indices + s->indptr[i],
                           s->values + s->indptr[i], &is_bad)
                : take_row(x, m, nnz, d->n_cols, NULL, d->values + i * d->n_cols, &is_bad);
        if (is_bad)
            SC_TRY(bad_row(x, b, i, nnz, n, err));
        if (!x->in_order)
            SC_TRY(sort_row(m, nnz, nnz + n, err));
        nnz += n;
        m->indptr[i + 1] = nnz;
    }
    for (int64_t i = 0; i < x->n_rows && x->needs_lgamma; i++)
        m->log_factorial[i] = sc_log_factorial_sum(&x->factorials, m->indptr[i + 1] - m->indptr[i],
                                                   m->values + m->indptr[i]);
    return SC_OK;
}

static sc_status not_a_posterior(sc_block *b, int64_t i, const char *what, float v, sc_err *err)
{
    sc_table *obs = NULL;
    SC_TRY(sc_block_obs(b, &obs, err));
    return sc_fail(err, SC_EDATA, "cell '%s' is minified, and %g stands in its '%s'",
                   sc_strs_at(&obs->names, i), (double)v, what);
}

/* One entry a row, whose sum is the library size. */
static sc_status take_library(sc_infer *x, sc_block *b, sc_err *err)
{
    sc_minibuf *m = x->buf;
    SC_TRY(sc_minibuf_room(m, x->n_rows, err));
    SC_TRY(sc_numbers_block(b, SC_MINIFY_LIBRARY, 1, m->values, err));
    for (int64_t i = 0; i < x->n_rows; i++) {
        if (m->values[i] < 0)
            return not_a_posterior(b, i, SC_MINIFY_LIBRARY, m->values[i], err);
        m->indptr[i] = i;
        m->indices[i] = 0;
        m->log_factorial[i] = 0;
    }
    m->indptr[x->n_rows] = x->n_rows;
    return SC_OK;
}

static sc_status take_posterior(sc_infer *x, sc_block *b, sc_err *err)
{
    SC_TRY(take_library(x, b, err));
    for (int k = 0; k < x->stored.n_given; k++) {
        sc_dense *d = NULL;
        SC_TRY(sc_block_dense(b, x->stored.given[k].path, &d, err));
        const size_t n = (size_t)(d->n_rows * d->n_cols);
        for (size_t j = 0; j < n; j++) /* means and variances take turns */
            if (!isfinite(d->values[j]) || (k % 2 && d->values[j] < 0))
                return not_a_posterior(b, (int64_t)j / d->n_cols, x->stored.given[k].path,
                                       d->values[j], err);
        SC_TRY(sc_resize(&x->posterior[k], n, sizeof(float), err));
        memcpy(x->posterior[k], d->values, n * sizeof(float));
    }
    return SC_OK;
}

sc_status sc_infer_block(sc_infer *x, sc_block *b, sc_err *err)
{
    sc_table *obs = NULL;
    x->n_rows = sc_block_n_rows(b);
    x->n_last = 0;
    SC_TRY(rows_room(x, x->n_rows, err));
    SC_TRY(x->is_stored ? take_posterior(x, b, err) : take_counts(x, b, err));
    SC_TRY(sc_block_obs(b, &obs, err));
    for (int64_t i = 0; i < x->n_rows; i++) {
        const char *name = sc_strs_at(&obs->names, i);
        x->buf->keys[i] = XXH3_64bits(name, strlen(name));
    }
    for (int c = 0; c < x->n_coders; c++) {
        sc_coder_reset(&x->coders[c]);
        SC_TRY(sc_coder_block(&x->coders[c], b, err));
    }
    if (x->n_cont)
        SC_TRY(sc_numbers_rows(&x->numbers, b, x->buf->cont_covs, err));
    if (x->proteins.n)
        SC_TRY(sc_proteins_block(&x->proteins, b, x->buf->proteins, err));
    return x->size_factor ? sc_numbers_block(b, x->size_factor, 1, x->buf->size_factor, err)
                          : SC_OK;
}
