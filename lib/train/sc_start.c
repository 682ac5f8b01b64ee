#include "sc_start.h"

#include "sc_philox.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct normal {
    double weight, mean, var;
} normal;

/* Weight, mean and variance of the values from i0 to i1, all of n. */
static normal of_range(const double *x, int64_t i0, int64_t i1, int64_t n)
{
    normal c = {(double)(i1 - i0) / (double)n, 0, 0};
    for (int64_t i = i0; i < i1; i++)
        c.mean += x[i] / (double)(i1 - i0);
    for (int64_t i = i0; i < i1; i++)
        c.var += (x[i] - c.mean) * (x[i] - c.mean) / (double)(i1 - i0);
    return c;
}

/* Where to cut sorted values in two so that the squares around the two means are least. */
static int64_t best_cut(const double *x, int64_t n)
{
    int64_t best = 1;
    double least = INFINITY;
    for (int64_t i = 1; i < n; i++) {
        const normal a = of_range(x, 0, i, n), b = of_range(x, i, n, n);
        const double squares = a.var * (double)i + b.var * (double)(n - i);
        if (squares < least && x[i] > x[i - 1]) {
            least = squares;
            best = i;
        }
    }
    return best;
}

static double log_density(const normal *c, double x)
{
    return log(c->weight) -
           0.5 * (log(6.283185307179586477 * c->var) + (x - c->mean) * (x - c->mean) / c->var);
}

/* One round of EM; the mean log-likelihood before it. */
static double round_of(const double *x, int64_t n, normal c[2])
{
    double w[2] = {0}, s[2] = {0}, q[2] = {0}, total = 0;
    for (int64_t i = 0; i < n; i++) {
        const double a = log_density(&c[0], x[i]), b = log_density(&c[1], x[i]);
        const double both = fmax(a, b) + log1p(exp(-fabs(a - b)));
        const double p[2] = {exp(a - both), exp(b - both)};
        total += both;
        for (int k = 0; k < 2; k++) {
            w[k] += p[k];
            s[k] += p[k] * x[i];
            q[k] += p[k] * x[i] * x[i];
        }
    }
    for (int k = 0; k < 2; k++) {
        const double weight = w[k] + 1e-15, mean = s[k] / weight;
        c[k] = (normal){weight / (double)n, mean, fmax(q[k] / weight - mean * mean, 0) + 1e-6};
    }
    return total / (double)n;
}

bool sc_mixture_of_two(double *x, int64_t n, double *mean, double *sd)
{
    qsort(x, (size_t)n, sizeof *x, by_value);
    if (n < 2 || x[0] == x[n - 1])
        return false;
    const int64_t cut = best_cut(x, n);
    normal c[2] = {of_range(x, 0, cut, n), of_range(x, cut, n, n)};
    c[0].var += 1e-6;
    c[1].var += 1e-6;
    double last = -INFINITY;
    bool converged = false;
    for (int i = 0; i < 100 && !converged; i++) {
        const double now = round_of(x, n, c);
        converged = fabs(now - last) < 1e-3;
        last = now;
    }
    const normal *low = c[0].mean <= c[1].mean ? &c[0] : &c[1];
    *mean = low->mean;
    *sd = sqrt(low->var);
    return converged;
}

enum { PRIOR_CELLS = 100, PROTEINS_LEAST = 5 };

/* Background of a panel: the lower component in the proteins of single cells, averaged over cells
 * that are drawn with replacement. missing: of the panel's proteins, or NULL. */
static void background(const sc_cells *c, const uint8_t *missing, const int64_t *rows,
                       int64_t n_rows, int64_t panel, uint64_t seed, double *x, double *mean,
                       double *scale)
{
    const int64_t n = c->dims.n_proteins;
    int64_t n_observed = n;
    for (int64_t p = 0; missing && p < n; p++)
        n_observed -= missing[p];
    *mean = 0;
    *scale = 1;
    if (n_rows == 0)
        return;
    *scale = 0.05;
    if (missing && n_observed < PROTEINS_LEAST)
        return;
    sc_rng rng = sc_rng_new((sc_key){seed, UINT32_C(0x50524f54), (uint32_t)panel, 0});
    double squares = 0;
    for (int i = 0; i < PRIOR_CELLS; i++) {
        const float *row = c->proteins + rows[sc_rng_below(&rng, (uint64_t)n_rows)] * n;
        double m = 0, sd = 0.05;
        int64_t k = 0;
        for (int64_t p = 0; p < n; p++)
            if (!missing || !missing[p])
                x[k++] = log1p((double)row[p]);
        if (!sc_mixture_of_two(x, k, &m, &sd)) {
            m = 0;
            sd = 0.05;
        }
        *mean += m / PRIOR_CELLS;
        squares += sd * sd;
    }
    *scale = sqrt(squares) / PRIOR_CELLS;
}

static sc_status protein_prior(sc_net *net, const sc_cells *c, uint64_t seed, sc_err *err)
{
    const int at[2] = {sc_graph_weight_from(net->g, SC_INIT_PROTEIN_PRIOR_MEAN),
                       sc_graph_weight_from(net->g, SC_INIT_PROTEIN_PRIOR_LOG_SCALE)};
    const int32_t *panels = c->codes[SC_IN_PANEL - SC_IN_BATCH];
    int64_t *rows = NULL;
    double *x = NULL;
    sc_status st = SC_OK;
    if ((at[0] < 0 && at[1] < 0) || !c->proteins)
        return SC_OK;
    SC_GOTO(st, sc_alloc(&rows, (size_t)c->n_obs, sizeof *rows, err), out);
    SC_GOTO(st, sc_alloc(&x, (size_t)c->dims.n_proteins, sizeof *x, err), out);
    for (int64_t panel = 0; panel < c->dims.n_panels; panel++) {
        int64_t n = 0;
        double mean, scale;
        for (int64_t i = 0; i < c->n_obs; i++)
            if (panels[i] == panel)
                rows[n++] = i;
        background(c,
                   net->protein_missing ? net->protein_missing + panel * c->dims.n_proteins : NULL,
                   rows, n, panel, seed, x, &mean, &scale);
        for (int k = 0; k < 2; k++) {
            if (at[k] < 0)
                continue;
            const sc_gweight *w = &net->g->weights[at[k]];
            for (int64_t p = 0; p < w->rows; p++)
                net->weights[w->offset + p * w->cols + panel] = (float)(k ? log(scale) : mean);
        }
    }
out:
    free(rows);
    free(x);
    return st;
}

static double log_total(const sc_cells *c, int64_t row)
{
    return c->totals[row] > 0 ? log(c->totals[row]) : 0;
}

static void totals(sc_net *net, const sc_cells *c)
{
    const int mean = sc_graph_weight_from(net->g, SC_INIT_LOG_TOTAL_MEAN),
              sd = sc_graph_weight_from(net->g, SC_INIT_LOG_TOTAL_SD);
    double sum = 0, squares = 0;
    if (mean < 0 && sd < 0)
        return;
    for (int64_t i = 0; i < c->n_obs; i++)
        sum += log_total(c, i);
    sum /= (double)c->n_obs;
    for (int64_t i = 0; i < c->n_obs; i++)
        squares += (log_total(c, i) - sum) * (log_total(c, i) - sum);
    if (mean >= 0)
        net->weights[net->g->weights[mean].offset] = (float)sum;
    if (sd >= 0) /* of a single cell, or equal ones: not 0, which is no scale */
        net->weights[net->g->weights[sd].offset] =
            squares > 0 ? (float)sqrt(squares / (double)(c->n_obs - 1)) : 1;
}

sc_status sc_start_weights(sc_net *net, const sc_cells *c, uint64_t seed, int64_t *n_empty,
                           sc_err *err)
{
    const int mean = sc_graph_weight_from(net->g, SC_INIT_LIBRARY_LOG_MEANS),
              var = sc_graph_weight_from(net->g, SC_INIT_LIBRARY_LOG_VARS);
    *n_empty = 0;
    if (mean >= 0 && var >= 0)
        sc_cells_library(c, net->weights + net->g->weights[mean].offset,
                         net->weights + net->g->weights[var].offset, n_empty);
    totals(net, c);
    return protein_prior(net, c, seed, err);
}

void sc_cells_library(const sc_cells *c, float *log_mean, float *log_var, int64_t *n_empty)
{
    const int64_t n_batch = c->dims.n_batch;
    *n_empty = 0;
    for (int64_t b = 0; b < n_batch; b++) {
        double sum = 0, square = 0;
        int64_t n = 0;
        for (int pass = 0; pass < 2; pass++) {
            const double mean = n ? sum / (double)n : 0;
            for (int64_t i = 0; i < c->n_obs; i++) {
                if (c->codes[0][i] != b)
                    continue;
                const double t = log_total(c, i);
                if (pass == 0) {
                    sum += t;
                    n++;
                    *n_empty += c->totals[i] > 0 ? 0 : 1;
                } else {
                    square += (t - mean) * (t - mean);
                }
            }
        }
        log_mean[b] = n ? (float)(sum / (double)n) : 0;
        log_var[b] = n ? (float)(square / (double)n) : 1;
    }
}
