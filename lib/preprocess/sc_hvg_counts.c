#include "sc_hvg.h"
#include "sc_loess.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { LEAST_POINTS = 3 }; /* of a local regression, as sc_loess counts them */

/* The expected spread of the genes of one batch, from log10 variance over log10 mean. */
static sc_status fit_batch(sc_hvg *s, int g, double *scratch, sc_err *err)
{
    const int64_t n_vars = s->n_vars, n = s->n_obs[g], at = g * n_vars;
    double *x = scratch, *y = x + n_vars, *fit = y + n_vars;
    int64_t m = 0;

    for (int64_t j = 0; j < n_vars; j++) {
        const double v = sc_hvg_variance(n, s->sum[at + j], s->sum_sq[at + j]);
        s->mean[at + j] = s->sum[at + j] / (double)n;
        if (v > 0) {
            x[m] = log10(s->mean[at + j]);
            y[m++] = log10(v);
        }
    }
    if (floor((double)m * s->opts.span + 1e-5) < LEAST_POINTS)
        return sc_fail(
            err, SC_EDATA,
            "genes that vary are too few (%lld) to fit a trend to a share of %g of them: "
            "a larger --span, or another --flavor",
            (long long)m, s->opts.span);
    SC_TRY(sc_loess(m, x, y, s->opts.span, fit, err));
    for (int64_t j = 0, k = 0; j < n_vars; j++) {
        const double v = sc_hvg_variance(n, s->sum[at + j], s->sum_sq[at + j]);
        s->sd[at + j] = v > 0 ? sqrt(pow(10, fit[k++])) : 1; /* a gene that never varies */
        s->clip[at + j] = s->sd[at + j] * sqrt((double)n) + s->mean[at + j];
    }
    return SC_OK;
}

sc_status sc_hvg_fit(sc_hvg *s, const sc_strs *batch_names, sc_err *err)
{
    const size_t n = (size_t)s->n_batches * (size_t)s->n_vars;
    double *scratch = NULL;
    double **arrays[] = {&s->mean, &s->sd, &s->clip, &s->clipped_sum, &s->clipped_sum_sq};
    sc_status st;

    for (size_t k = 0; k < sizeof arrays / sizeof *arrays; k++)
        SC_TRY(sc_alloc(arrays[k], n, sizeof(double), err));
    SC_GOTO(st, sc_alloc(&scratch, (size_t)s->n_vars * 3, sizeof *scratch, err), out);
    for (int g = 0; g < s->n_batches; g++) {
        if (s->n_obs[g] < 2)
            st = sc_fail(err, SC_EDATA, "%" PRId64 " cells are too few to rank genes by variance",
                         s->n_obs[g]);
        else
            st = fit_batch(s, g, scratch, err);
        if (st == SC_OK)
            continue;
        if (batch_names)
            (void)sc_err_prefix(err, st, "batch '%s'", sc_strs_at(batch_names, g));
        goto out;
    }
out:
    free(scratch);
    return st;
}

/* u (n_vars): the variance of the clipped, standardized counts of batch g. */
static void normalized_variance(const sc_hvg *s, int g, double *u)
{
    const double n = (double)s->n_obs[g];
    for (int64_t j = 0; j < s->n_vars; j++) {
        const int64_t k = g * s->n_vars + j;
        const double m = s->mean[k], sd = s->sd[k];
        u[j] = (n * m * m + s->clipped_sum_sq[k] - 2 * m * s->clipped_sum[k]) / ((n - 1) * sd * sd);
    }
}

static int by_value(const void *pa, const void *pb)
{
    const double a = *(const double *)pa, b = *(const double *)pb;
    return (a > b) - (a < b);
}

/* Median of a gene's ranks over the batches where it is among the n_top; NaN if there is none. */
static double median_rank(const int64_t *ranks, int64_t n_vars, int n_batches, int64_t n_top,
                          double *scratch, int64_t *n_among)
{
    int n = 0;
    for (int g = 0; g < n_batches; g++)
        if (ranks[g * n_vars] < n_top)
            scratch[n++] = (double)ranks[g * n_vars];
    *n_among = n;
    if (n == 0)
        return NAN;
    qsort(scratch, (size_t)n, sizeof *scratch, by_value);
    return n % 2 ? scratch[n / 2] : (scratch[n / 2 - 1] + scratch[n / 2]) / 2;
}

/* Means and variances over all cells, whatever their batch. */
static void overall(const sc_hvg *s, sc_hvg_result *r)
{
    int64_t n = 0;
    for (int g = 0; g < s->n_batches; g++)
        n += s->n_obs[g];
    for (int64_t j = 0; j < s->n_vars; j++) {
        double sum = 0, sum_sq = 0;
        for (int g = 0; g < s->n_batches; g++) {
            sum += s->sum[g * s->n_vars + j];
            sum_sq += s->sum_sq[g * s->n_vars + j];
        }
        r->means[j] = sum / (double)n;
        r->variances[j] = sc_hvg_variance(n, sum, sum_sq);
    }
}

sc_status sc_hvg_select_counts(const sc_hvg *s, sc_hvg_result *r, sc_err *err)
{
    const int64_t n_vars = s->n_vars, n_top = s->opts.n_top;
    const int n_batches = s->n_batches;
    sc_hvg_key *keys = NULL;
    int64_t *ranks = NULL; /* n_batches x n_vars */
    double *u = NULL, *some = NULL;
    sc_status st;

    SC_GOTO(st, sc_alloc(&keys, (size_t)n_vars, sizeof *keys, err), out);
    SC_GOTO(st, sc_alloc(&ranks, (size_t)n_vars * (size_t)n_batches, sizeof *ranks, err), out);
    SC_GOTO(st, sc_alloc(&u, (size_t)n_vars, sizeof *u, err), out);
    SC_GOTO(st, sc_alloc(&some, (size_t)n_batches, sizeof *some, err), out);
    overall(s, r);
    for (int g = 0; g < n_batches; g++) {
        normalized_variance(s, g, u);
        for (int64_t j = 0; j < n_vars; j++) {
            keys[j] = (sc_hvg_key){u[j], 0, j};
            r->variances_norm[j] += u[j] / n_batches;
        }
        sc_hvg_sort(keys, n_vars);
        for (int64_t k = 0; k < n_vars; k++)
            ranks[g * n_vars + keys[k].j] = k;
    }
    for (int64_t j = 0; j < n_vars; j++) {
        r->rank[j] = median_rank(ranks + j, n_vars, n_batches, n_top, some, &r->n_batches[j]);
        const double among = (double)r->n_batches[j];
        keys[j] = s->opts.flavor == SC_HVG_SEURAT_V3 ? (sc_hvg_key){-r->rank[j], among, j}
                                                     : (sc_hvg_key){among, -r->rank[j], j};
    }
    sc_hvg_sort(keys, n_vars);
    sc_hvg_take_top(keys, n_top, r);
out:
    free(some);
    free(u);
    free(ranks);
    free(keys);
    return st;
}
