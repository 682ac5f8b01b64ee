#include "sc_metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct contingency {
    double *both, *a, *b; /* cells in both groups; in either */
} contingency;

static sc_status count(contingency *t, const sc_codes *a, const sc_codes *b, sc_err *err)
{
    const size_t na = (size_t)a->n_groups, nb = (size_t)b->n_groups;
    SC_TRY(sc_alloc(&t->both, na * nb, sizeof *t->both, err));
    SC_TRY(sc_alloc(&t->a, na, sizeof *t->a, err));
    SC_TRY(sc_alloc(&t->b, nb, sizeof *t->b, err));
    for (int64_t i = 0; i < a->n; i++) {
        t->both[(int64_t)a->code[i] * b->n_groups + b->code[i]]++;
        t->a[a->code[i]]++;
        t->b[b->code[i]]++;
    }
    return SC_OK;
}

static void free_counts(contingency *t)
{
    free(t->both);
    free(t->a);
    free(t->b);
}

static double pairs(const double *n, int64_t count)
{
    double sum = 0;
    for (int64_t k = 0; k < count; k++)
        sum += n[k] * (n[k] - 1) / 2;
    return sum;
}

sc_status sc_metric_ari(const sc_codes *a, const sc_codes *b, double *out, sc_err *err)
{
    contingency t = {0};
    const sc_status st = count(&t, a, b, err);
    if (st == SC_OK) {
        const double both = pairs(t.both, (int64_t)a->n_groups * b->n_groups);
        const double in_a = pairs(t.a, a->n_groups), in_b = pairs(t.b, b->n_groups);
        const double all = (double)a->n * ((double)a->n - 1) / 2;
        const double chance = all > 0 ? in_a * in_b / all : 0, most = (in_a + in_b) / 2;
        *out = most > chance ? (both - chance) / (most - chance) : 1;
    }
    free_counts(&t);
    return st;
}

static double entropy(const double *n, int64_t groups, double all)
{
    double h = 0;
    for (int64_t k = 0; k < groups; k++)
        h -= n[k] > 0 ? n[k] / all * log(n[k] / all) : 0;
    return h;
}

sc_status sc_metric_nmi(const sc_codes *a, const sc_codes *b, double *out, sc_err *err)
{
    contingency t = {0};
    const sc_status st = count(&t, a, b, err);
    if (st == SC_OK) {
        const double n = (double)a->n;
        const double mean = (entropy(t.a, a->n_groups, n) + entropy(t.b, b->n_groups, n)) / 2;
        double mutual = 0;
        for (int64_t i = 0; i < a->n_groups; i++)
            for (int64_t j = 0; j < b->n_groups; j++) {
                const double both = t.both[i * b->n_groups + j];
                mutual += both > 0 ? both / n * log(both * n / (t.a[i] * t.b[j])) : 0;
            }
        *out = mean > 0 ? mutual / mean : 1;
    }
    free_counts(&t);
    return st;
}

sc_status sc_metric_pcr(const sc_dense *x, const sc_codes *batches, double *out, sc_err *err)
{
    const int64_t d = x->n_cols, nb = batches->n_groups;
    double *sum = NULL, *size = NULL, *mean = NULL, between = 0, total = 0;
    sc_status st;
    SC_GOTO(st, sc_alloc(&sum, (size_t)(nb * d), sizeof *sum, err), out);
    SC_GOTO(st, sc_alloc(&size, (size_t)nb, sizeof *size, err), out);
    SC_GOTO(st, sc_alloc(&mean, (size_t)d, sizeof *mean, err), out);
    for (int64_t i = 0; i < x->n_rows; i++)
        for (int64_t k = 0; k < d; k++)
            mean[k] += (double)x->values[i * d + k] / (double)x->n_rows;
    for (int64_t i = 0; i < x->n_rows; i++) {
        const int32_t b = batches->code[i];
        size[b]++;
        for (int64_t k = 0; k < d; k++) {
            const double gap = (double)x->values[i * d + k] - mean[k];
            sum[b * d + k] += gap;
            total += gap * gap;
        }
    }
    for (int64_t b = 0; b < nb; b++)
        for (int64_t k = 0; k < d; k++)
            between += size[b] > 0 ? sum[b * d + k] * sum[b * d + k] / size[b] : 0;
    *out = total > 0 ? between / total : 0;
out:
    free(sum);
    free(size);
    free(mean);
    return st;
}

sc_status sc_metric_isolated(const double *silhouette, const sc_codes *labels,
                             const sc_codes *batches, double *out, sc_err *err)
{
    const int64_t nl = labels->n_groups, nb = batches->n_groups;
    uint8_t *is_in = NULL;
    double *sum = NULL, *size = NULL;
    int64_t fewest = nb, n_isolated = 0;
    sc_status st;
    SC_GOTO(st, sc_alloc(&is_in, (size_t)(nl * nb), sizeof *is_in, err), out);
    SC_GOTO(st, sc_alloc(&sum, (size_t)nl, sizeof *sum, err), out);
    SC_GOTO(st, sc_alloc(&size, (size_t)nl, sizeof *size, err), out);
    for (int64_t i = 0; i < labels->n; i++) {
        is_in[labels->code[i] * nb + batches->code[i]] = 1;
        sum[labels->code[i]] += (silhouette[i] + 1) / 2;
        size[labels->code[i]]++;
    }
    *out = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t l = 0; l < nl; l++) {
            int64_t found = 0;
            for (int64_t b = 0; b < nb; b++)
                found += is_in[l * nb + b];
            if (pass == 0) {
                fewest = found < fewest ? found : fewest;
            } else if (found == fewest) {
                *out += sum[l] / size[l];
                n_isolated++;
            }
        }
    *out /= (double)n_isolated;
out:
    free(is_in);
    free(sum);
    free(size);
    return st;
}
