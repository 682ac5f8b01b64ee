#include "sc_metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TRIES = 50 };
static const double entropy_tolerance = 1e-5;

/* Weights exp(-beta d) of neighbors 1 .. k - 1, summing to 1; returns their entropy. */
static double weigh(const double *dist, int k, double beta, double *weight)
{
    double sum = 0, mean = 0;
    for (int j = 1; j < k; j++) {
        weight[j] = exp(-beta * dist[j]);
        sum += weight[j];
        mean += weight[j] * dist[j];
    }
    for (int j = 1; j < k; j++)
        weight[j] = sum > 0 ? weight[j] / sum : 0;
    return sum > 0 ? log(sum) + beta * mean / sum : 0;
}

static void find_weights(const double *dist, int k, double perplexity, double *weight)
{
    double beta = 1, low = -INFINITY, high = INFINITY;
    double h = weigh(dist, k, beta, weight) - log(perplexity);
    for (int t = 0; t < MAX_TRIES && fabs(h) >= entropy_tolerance; t++) {
        if (h > 0) {
            low = beta;
            beta = isinf(high) ? 2 * beta : (beta + high) / 2;
        } else {
            high = beta;
            beta = isinf(low) ? beta / 2 : (beta + low) / 2;
        }
        h = weigh(dist, k, beta, weight) - log(perplexity);
    }
}

void sc_metric_lisi(const sc_knn *knn, const sc_codes *groups, double perplexity, double *out)
{
    const int k = knn->k;
    for (int64_t i = 0; i < knn->n_rows; i++) {
        double weight[SC_METRIC_MAX_NEIGHBORS], simpson = 0;
        const int32_t *index = knn->index + i * k;
        find_weights(knn->dist + i * k, k, perplexity, weight);
        for (int j = 1; j < k; j++)
            for (int l = 1; l < k; l++)
                if (groups->code[index[j]] == groups->code[index[l]])
                    simpson += weight[j] * weight[l];
        out[i] = simpson > 0 ? 1 / simpson : 1;
    }
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double sc_metric_median(double *values, int64_t n)
{
    qsort(values, (size_t)n, sizeof *values, by_value);
    return n == 0 ? NAN : n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/*
 * The upper tail Q(a, x) of the gamma distribution: by the series of the lower one while x < a + 1,
 * otherwise by the continued fraction (Lentz).
 */
static double upper_gamma(double a, double x)
{
    if (!(x > 0))
        return 1;
    int sign;
    const double front = exp(a * log(x) - x - lgamma_r(a, &sign));
    if (x < a + 1) {
        double term = 1 / a, sum = term;
        for (double k = a + 1; term > sum * 1e-17; k++)
            sum += term *= x / k;
        return 1 - front * sum;
    }
    double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
    for (int k = 1; k < 1000; k++) {
        const double an = -k * (k - a);
        b += 2;
        d = 1 / (an * d + b);
        c = b + an / c;
        h *= d * c;
        if (fabs(d * c - 1) < 1e-16)
            break;
    }
    return front * h;
}

sc_status sc_metric_kbet(const sc_knn *knn, int k, const sc_codes *batches, double *chi2, double *p,
                         sc_err *err)
{
    const int nb = batches->n_groups;
    double *expected = NULL, *found = NULL;
    sc_status st;
    SC_GOTO(st, sc_alloc(&expected, (size_t)nb, sizeof *expected, err), out);
    SC_GOTO(st, sc_alloc(&found, (size_t)nb, sizeof *found, err), out);
    for (int64_t i = 0; i < batches->n; i++)
        expected[batches->code[i]] += (double)k / (double)batches->n;
    for (int64_t i = 0; i < knn->n_rows; i++) {
        memset(found, 0, (size_t)nb * sizeof *found);
        for (int j = 0; j < k; j++)
            found[batches->code[knn->index[i * knn->k + j]]]++;
        chi2[i] = 0;
        for (int b = 0; b < nb; b++)
            chi2[i] += (found[b] - expected[b]) * (found[b] - expected[b]) / expected[b];
        p[i] = upper_gamma((nb - 1) / 2.0, chi2[i] / 2);
    }
out:
    free(expected);
    free(found);
    return st;
}

typedef struct tarjan { /* strongly connected parts of each label's own graph */
    const sc_csr *graph;
    const int32_t *label;
    int64_t *number, *low; /* of a cell; 0: not seen */
    int64_t *edge;         /* the next one to follow */
    int32_t *stack, *path;
    uint8_t *is_stacked;
    int64_t n_stack, n_path, n_seen;
    double *largest; /* of each label */
} tarjan;

static void enter(tarjan *t, int32_t i)
{
    t->number[i] = t->low[i] = ++t->n_seen;
    t->edge[i] = t->graph->indptr[i];
    t->stack[t->n_stack++] = i;
    t->is_stacked[i] = 1;
    t->path[t->n_path++] = i;
}

/* All edges of i were followed. */
static void leave(tarjan *t, int32_t i)
{
    t->n_path--;
    if (t->n_path > 0) {
        const int32_t up = t->path[t->n_path - 1];
        t->low[up] = t->low[i] < t->low[up] ? t->low[i] : t->low[up];
    }
    if (t->low[i] != t->number[i])
        return;
    double size = 0;
    for (int32_t j = -1; j != i; size++) {
        j = t->stack[--t->n_stack];
        t->is_stacked[j] = 0;
    }
    t->largest[t->label[i]] = fmax(t->largest[t->label[i]], size);
}

static void walk(tarjan *t, int32_t first)
{
    enter(t, first);
    while (t->n_path > 0) {
        const int32_t i = t->path[t->n_path - 1];
        if (t->edge[i] == t->graph->indptr[i + 1]) {
            leave(t, i);
            continue;
        }
        const int32_t j = t->graph->indices[t->edge[i]++];
        if (t->label[j] != t->label[i])
            continue;
        if (!t->number[j])
            enter(t, j);
        else if (t->is_stacked[j])
            t->low[i] = t->number[j] < t->low[i] ? t->number[j] : t->low[i];
    }
}

sc_status sc_metric_connectivity(const sc_csr *graph, const sc_codes *labels, double *out,
                                 sc_err *err)
{
    const size_t n = (size_t)graph->n_rows, nl = (size_t)labels->n_groups;
    tarjan t = {.graph = graph, .label = labels->code};
    double *size = NULL;
    sc_status st;
    SC_GOTO(st, sc_alloc(&t.number, n, sizeof *t.number, err), out);
    SC_GOTO(st, sc_alloc(&t.low, n, sizeof *t.low, err), out);
    SC_GOTO(st, sc_alloc(&t.edge, n, sizeof *t.edge, err), out);
    SC_GOTO(st, sc_alloc(&t.stack, n, sizeof *t.stack, err), out);
    SC_GOTO(st, sc_alloc(&t.path, n, sizeof *t.path, err), out);
    SC_GOTO(st, sc_alloc(&t.is_stacked, n, sizeof *t.is_stacked, err), out);
    SC_GOTO(st, sc_alloc(&t.largest, nl, sizeof *t.largest, err), out);
    SC_GOTO(st, sc_alloc(&size, nl, sizeof *size, err), out);
    for (int64_t i = 0; i < graph->n_rows; i++) {
        size[labels->code[i]]++;
        if (!t.number[i])
            walk(&t, (int32_t)i);
    }
    *out = 0;
    for (size_t l = 0; l < nl; l++)
        *out += t.largest[l] / size[l] / (double)nl;
out:
    free(t.number);
    free(t.low);
    free(t.edge);
    free(t.stack);
    free(t.path);
    free(t.is_stacked);
    free(t.largest);
    free(size);
    return st;
}
