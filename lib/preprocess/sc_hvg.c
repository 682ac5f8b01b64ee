#include "sc_hvg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void sc_hvg_init(sc_hvg *s, const sc_hvg_opts *opts, int64_t n_vars)
{
    memset(s, 0, sizeof *s);
    s->opts = *opts;
    s->n_vars = n_vars;
}

void sc_hvg_free(sc_hvg *s)
{
    free(s->n_obs);
    free(s->sum);
    free(s->sum_sq);
    free(s->mean);
    free(s->sd);
    free(s->clip);
    free(s->clipped_sum);
    free(s->clipped_sum_sq);
    memset(s, 0, sizeof *s);
}

static sc_status grow(double **a, size_t have, size_t want, sc_err *err)
{
    SC_TRY(sc_resize(a, want, sizeof **a, err));
    memset(*a + have, 0, (want - have) * sizeof **a);
    return SC_OK;
}

sc_status sc_hvg_grow(sc_hvg *s, int n_batches, sc_err *err)
{
    if (n_batches <= s->n_batches)
        return SC_OK;
    const size_t n_vars = (size_t)s->n_vars;
    const size_t have = (size_t)s->n_batches * n_vars, want = (size_t)n_batches * n_vars;
    SC_TRY(grow(&s->sum, have, want, err));
    SC_TRY(grow(&s->sum_sq, have, want, err));
    SC_TRY(sc_resize(&s->n_obs, (size_t)n_batches, sizeof *s->n_obs, err));
    for (int g = s->n_batches; g < n_batches; g++)
        s->n_obs[g] = 0;
    s->n_batches = n_batches;
    return SC_OK;
}

void sc_hvg_add(sc_hvg *s, const sc_rows *x, const int32_t *batch)
{
    const bool is_exp = s->opts.flavor == SC_HVG_SEURAT;
    const double scale = s->opts.log_base > 0 ? log(s->opts.log_base) : 1;
    for (int64_t i = 0; i < x->n_rows; i++) {
        const int64_t g = batch ? batch[i] : 0;
        double *sum = s->sum + g * s->n_vars, *sum_sq = s->sum_sq + g * s->n_vars;
        s->n_obs[g]++;
        for (int64_t k = sc_rows_begin(x, i); k < sc_rows_begin(x, i + 1); k++) {
            double v = (double)x->values[k];
            if (is_exp) /* the reference has floats here */
                v = (double)(float)expm1((double)(float)(v * scale));
            const int64_t j = sc_rows_col(x, i, k);
            sum[j] += v;
            sum_sq[j] += v * v;
        }
    }
}

void sc_hvg_add_clipped(sc_hvg *s, const sc_rows *x, const int32_t *batch)
{
    for (int64_t i = 0; i < x->n_rows; i++) {
        const int64_t at = (batch ? batch[i] : 0) * s->n_vars;
        for (int64_t k = sc_rows_begin(x, i); k < sc_rows_begin(x, i + 1); k++) {
            const int64_t j = at + sc_rows_col(x, i, k);
            const double c = (double)x->values[k], v = c < s->clip[j] ? c : s->clip[j];
            s->clipped_sum[j] += v;
            s->clipped_sum_sq[j] += v * v;
        }
    }
}

static sc_status result_new(sc_hvg_result *r, const sc_hvg *s, sc_err *err)
{
    const size_t n = (size_t)s->n_vars;
    r->n_vars = s->n_vars;
    SC_TRY(sc_alloc(&r->is_highly_variable, n, 1, err));
    SC_TRY(sc_alloc(&r->means, n, sizeof(double), err));
    SC_TRY(sc_alloc(&r->n_batches, n, sizeof(int64_t), err));
    if (sc_hvg_takes_counts(s->opts.flavor)) {
        SC_TRY(sc_alloc(&r->variances, n, sizeof(double), err));
        SC_TRY(sc_alloc(&r->variances_norm, n, sizeof(double), err));
        SC_TRY(sc_alloc(&r->rank, n, sizeof(double), err));
    } else {
        SC_TRY(sc_alloc(&r->dispersions, n, sizeof(double), err));
        SC_TRY(sc_alloc(&r->dispersions_norm, n, sizeof(double), err));
        SC_TRY(sc_alloc(&r->is_in_all, n, 1, err));
    }
    return SC_OK;
}

sc_status sc_hvg_select(const sc_hvg *s, sc_hvg_result *r, sc_err *err)
{
    memset(r, 0, sizeof *r);
    if (s->n_batches == 0)
        return sc_fail(err, SC_EDATA, "there are no cells to rank genes by");
    sc_status st = result_new(r, s, err);
    if (st == SC_OK)
        st = sc_hvg_takes_counts(s->opts.flavor) ? sc_hvg_select_counts(s, r, err)
                                                 : sc_hvg_select_log(s, r, err);
    if (st != SC_OK) {
        sc_hvg_result_free(r);
        return st;
    }
    if (!s->opts.is_batched) {
        free(r->n_batches);
        free(r->is_in_all);
        r->n_batches = NULL;
        r->is_in_all = NULL;
    }
    for (int64_t j = 0; j < r->n_vars; j++)
        r->n_selected += r->is_highly_variable[j];
    return SC_OK;
}

void sc_hvg_result_free(sc_hvg_result *r)
{
    free(r->is_highly_variable);
    free(r->means);
    free(r->variances);
    free(r->variances_norm);
    free(r->rank);
    free(r->dispersions);
    free(r->dispersions_norm);
    free(r->n_batches);
    free(r->is_in_all);
    memset(r, 0, sizeof *r);
}

static int compare(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) - isnan(b);
    return (a < b) - (a > b);
}

static int by_key(const void *pa, const void *pb)
{
    const sc_hvg_key *x = pa, *y = pb;
    const int a = compare(x->a, y->a);
    const int b = a ? a : compare(x->b, y->b);
    return b ? b : (x->j > y->j) - (x->j < y->j);
}

void sc_hvg_sort(sc_hvg_key *keys, int64_t n)
{
    qsort(keys, (size_t)n, sizeof *keys, by_key);
}

void sc_hvg_take_top(const sc_hvg_key *keys, int64_t n_top, sc_hvg_result *r)
{
    for (int64_t k = 0; k < r->n_vars && k < n_top; k++)
        r->is_highly_variable[keys[k].j] = 1;
}
