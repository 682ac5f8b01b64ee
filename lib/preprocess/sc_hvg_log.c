#include "sc_hvg.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The genes of one batch that are looked at (n of them; gene: their index), and room to work. */
typedef struct genes {
    int64_t n;
    int64_t *gene;
    double *mean, *disp, *norm; /* n */
    double *sorted;             /* n */
    int *bin;                   /* n */
    int n_edges;
    double *edges; /* n_edges; bin b is (edges[b], edges[b + 1]] */
} genes;

static int by_value(const void *pa, const void *pb)
{
    const double a = *(const double *)pa, b = *(const double *)pb;
    return (a > b) - (a < b);
}

static void sort(double *x, int64_t n)
{
    qsort(x, (size_t)n, sizeof *x, by_value);
}

/* Mean and dispersion of the genes of batch g; batched, those that no cell of it has are left out.
 */
static void measure(const sc_hvg *s, int g, genes *t)
{
    t->n = 0;
    for (int64_t j = 0; j < s->n_vars; j++) {
        const double sum = s->sum[g * s->n_vars + j], sum_sq = s->sum_sq[g * s->n_vars + j];
        if (s->opts.is_batched && !(sum > 0))
            continue;
        const double raw_mean = sum / (double)s->n_obs[g];
        const double mean = raw_mean == 0 ? 1e-12 : raw_mean;
        const double d = sc_hvg_variance(s->n_obs[g], sum, sum_sq) / mean;
        const bool is_log = s->opts.flavor == SC_HVG_SEURAT;
        t->gene[t->n] = j;
        t->mean[t->n] = is_log ? log1p(mean) : mean;
        t->disp[t->n] = !is_log ? d : d > 0 ? log(d) : NAN;
        t->n++;
    }
}

/* Equal intervals over the range; the lowest edge goes down a little, so that the least mean is
 * inside. */
static void equal_edges(genes *t, int64_t n_bins)
{
    double lo = t->sorted[0], hi = t->sorted[t->n - 1];
    t->n_edges = (int)n_bins + 1;
    const bool is_flat = lo == hi;
    if (is_flat) {
        lo -= lo != 0 ? 0.001 * fabs(lo) : 0.001;
        hi += hi != 0 ? 0.001 * fabs(hi) : 0.001;
    }
    const double step = (hi - lo) / (double)n_bins;
    for (int b = 0; b < t->n_edges; b++)
        t->edges[b] = lo + b * step;
    t->edges[n_bins] = hi;
    if (!is_flat)
        t->edges[0] -= 0.001 * (hi - lo);
}

/* Percentiles 10, 15, ... 100 between infinities. */
static void percentile_edges(genes *t)
{
    t->n_edges = 21;
    t->edges[0] = -INFINITY;
    t->edges[20] = INFINITY;
    for (int p = 0; p < 19; p++) {
        const double at = (double)(10 + 5 * p) / 100 * (double)(t->n - 1);
        const int64_t k = (int64_t)floor(at);
        const double a = t->sorted[k], b = t->sorted[k + 1 < t->n ? k + 1 : k];
        const double w = at - (double)k;
        t->edges[p + 1] = w < 0.5 ? a + (b - a) * w : b - (b - a) * (1 - w);
    }
}

static void put_in_bins(genes *t)
{
    for (int64_t k = 0; k < t->n; k++) {
        int lo = 0, hi = t->n_edges - 1; /* the first edge that is not below the mean */
        while (lo < hi) {
            const int mid = (lo + hi) / 2;
            if (t->edges[mid] < t->mean[k])
                lo = mid + 1;
            else
                hi = mid;
        }
        t->bin[k] = lo > 0 ? lo - 1 : 0;
    }
}

static double median(double *x, int64_t n)
{
    sort(x, n);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* x (n): the dispersions of a bin that are not missing; reordered. */
static void centre_and_spread(sc_hvg_flavor f, double *x, int64_t n, double *centre, double *spread)
{
    *centre = *spread = NAN;
    if (n == 0)
        return;
    if (f == SC_HVG_CELL_RANGER) {
        *centre = median(x, n);
        for (int64_t k = 0; k < n; k++)
            x[k] = fabs(x[k] - *centre);
        *spread = median(x, n) / 0.6744897501960817; /* of a normal: its standard deviation */
        return;
    }
    double sum = 0, sum_sq = 0;
    for (int64_t k = 0; k < n; k++)
        sum += x[k];
    const double mean = sum / (double)n;
    for (int64_t k = 0; k < n; k++)
        sum_sq += (x[k] - mean) * (x[k] - mean);
    *centre = n == 1 ? 0 : mean; /* a gene alone in its bin gets 1 */
    *spread = n == 1 ? mean : sqrt(sum_sq / (double)(n - 1));
}

static void normalize(const sc_hvg *s, genes *t)
{
    if (t->n == 0)
        return;
    memcpy(t->sorted, t->mean, (size_t)t->n * sizeof *t->mean);
    sort(t->sorted, t->n);
    if (s->opts.flavor == SC_HVG_SEURAT)
        equal_edges(t, s->opts.n_bins);
    else
        percentile_edges(t);
    put_in_bins(t);
    for (int b = 0; b + 1 < t->n_edges; b++) {
        double centre, spread;
        int64_t n = 0;
        for (int64_t k = 0; k < t->n; k++)
            if (t->bin[k] == b && !isnan(t->disp[k]))
                t->sorted[n++] = t->disp[k];
        centre_and_spread(s->opts.flavor, t->sorted, n, &centre, &spread);
        for (int64_t k = 0; k < t->n; k++)
            if (t->bin[k] == b)
                t->norm[k] = (t->disp[k] - centre) / spread;
    }
}

static bool is_inside(const sc_hvg_opts *o, double mean, double norm)
{
    return mean > o->min_mean && mean < o->max_mean && norm > o->min_disp && norm < o->max_disp;
}

/* Which genes this batch selects, 0 or 1 into is_chosen (n). SC_EDATA if no gene has a value. */
static sc_status choose(const sc_hvg_opts *o, genes *t, uint8_t *is_chosen, sc_err *err)
{
    int64_t n = 0;
    for (int64_t k = 0; k < t->n; k++)
        if (!isnan(t->norm[k]))
            t->sorted[n++] = t->norm[k];
    if (n == 0)
        return sc_fail(err, SC_EDATA, "no gene has a normalized dispersion");
    sort(t->sorted, n);
    const double cutoff = t->sorted[o->n_top > n ? 0 : n - o->n_top];
    for (int64_t k = 0; k < t->n; k++) {
        const double v = t->norm[k];
        /* limits see a missing value as 0, and an infinite one as the largest there is */
        const double finite = isnan(v) ? 0 : fmax(-DBL_MAX, fmin(DBL_MAX, v));
        is_chosen[k] = o->n_top > 0 ? v >= cutoff : is_inside(o, t->mean[k], finite);
    }
    return SC_OK;
}

static sc_status genes_new(genes *t, size_t n, int64_t n_bins, sc_err *err)
{
    SC_TRY(sc_alloc(&t->gene, n, sizeof *t->gene, err));
    SC_TRY(sc_alloc(&t->mean, n, sizeof *t->mean, err));
    SC_TRY(sc_alloc(&t->disp, n, sizeof *t->disp, err));
    SC_TRY(sc_alloc(&t->norm, n, sizeof *t->norm, err));
    SC_TRY(sc_alloc(&t->sorted, n, sizeof *t->sorted, err));
    SC_TRY(sc_alloc(&t->bin, n, sizeof *t->bin, err));
    return sc_alloc(&t->edges, (size_t)(n_bins > 20 ? n_bins : 20) + 1, sizeof *t->edges, err);
}

static void genes_free(genes *t)
{
    free(t->gene);
    free(t->mean);
    free(t->disp);
    free(t->norm);
    free(t->sorted);
    free(t->bin);
    free(t->edges);
}

/* Averages over batches. A gene that a batch does not express counts as 0 there; a missing value
 * does not count. */
typedef struct average {
    double sum;
    int n_missing;
} average;

static double average_of(const average *a, int n_batches)
{
    return a->n_missing < n_batches ? a->sum / (n_batches - a->n_missing) : NAN;
}

static void average_add(average *a, double v)
{
    if (isnan(v))
        a->n_missing++;
    else
        a->sum += v;
}

/* After the batches: the first n_top by (batches, dispersion), or what lies inside the limits. */
static sc_status combine(const sc_hvg *s, sc_hvg_result *r, sc_err *err)
{
    const sc_hvg_opts *o = &s->opts;
    if (o->n_top <= 0) {
        for (int64_t j = 0; j < r->n_vars; j++) {
            if (isnan(r->dispersions_norm[j]))
                r->dispersions_norm[j] = 0;
            r->is_highly_variable[j] = is_inside(o, r->means[j], r->dispersions_norm[j]);
        }
        return SC_OK;
    }
    sc_hvg_key *keys;
    SC_TRY(sc_alloc(&keys, (size_t)r->n_vars, sizeof *keys, err));
    for (int64_t j = 0; j < r->n_vars; j++)
        keys[j] = (sc_hvg_key){(double)r->n_batches[j], r->dispersions_norm[j], j};
    sc_hvg_sort(keys, r->n_vars);
    sc_hvg_take_top(keys, o->n_top, r);
    free(keys);
    return SC_OK;
}

sc_status sc_hvg_select_log(const sc_hvg *s, sc_hvg_result *r, sc_err *err)
{
    const size_t n = (size_t)s->n_vars;
    genes t = {0};
    average *sums = NULL; /* mean, dispersion, normalized, for each gene */
    uint8_t *is_chosen = NULL;
    sc_status st;

    SC_GOTO(st, genes_new(&t, n, s->opts.n_bins, err), out);
    SC_GOTO(st, sc_alloc(&sums, n * 3, sizeof *sums, err), out);
    SC_GOTO(st, sc_alloc(&is_chosen, n, 1, err), out);
    for (int g = 0; g < s->n_batches; g++) {
        measure(s, g, &t);
        normalize(s, &t);
        SC_GOTO(st, choose(&s->opts, &t, is_chosen, err), out);
        for (int64_t k = 0; k < t.n; k++) {
            const int64_t j = t.gene[k];
            average_add(&sums[3 * j], t.mean[k]);
            average_add(&sums[3 * j + 1], t.disp[k]);
            average_add(&sums[3 * j + 2], t.norm[k]);
            r->n_batches[j] += is_chosen[k];
        }
    }
    for (int64_t j = 0; j < s->n_vars; j++) {
        r->means[j] = average_of(&sums[3 * j], s->n_batches);
        r->dispersions[j] = average_of(&sums[3 * j + 1], s->n_batches);
        r->dispersions_norm[j] = average_of(&sums[3 * j + 2], s->n_batches);
        r->is_highly_variable[j] = r->n_batches[j] > 0;
        r->is_in_all[j] = r->n_batches[j] == s->n_batches;
    }
    if (s->opts.is_batched) {
        memset(r->is_highly_variable, 0, n);
        SC_GOTO(st, combine(s, r, err), out);
    }
out:
    free(is_chosen);
    free(sums);
    genes_free(&t);
    return st;
}
