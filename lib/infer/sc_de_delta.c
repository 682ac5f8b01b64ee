/* The threshold of the lfc that is called a change, from a mixture of three normals. */
#include "sc_de.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { K = 3, MAX_ROUNDS = 100 };

typedef struct mixture {
    double weight[K], mean[K], var[K];
} mixture;

static int by_value(const void *x, const void *y)
{
    const double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

/* One-hot shares (n x K) of the k-means that starts at the middles of the tertiles; v is sorted. */
static void start(int64_t n, const double *v, double *share)
{
    double mean[K];
    for (int k = 0; k < K; k++)
        mean[k] = v[(2 * k + 1) * n / (2 * K)];
    for (int round = 0; round < MAX_ROUNDS; round++) {
        double sum[K] = {0}, count[K] = {0};
        bool has_moved = false;
        for (int64_t i = 0; i < n; i++) {
            int best = 0;
            for (int k = 1; k < K; k++)
                if (fabs(v[i] - mean[k]) < fabs(v[i] - mean[best]))
                    best = k;
            for (int k = 0; k < K; k++)
                share[i * K + k] = k == best;
            sum[best] += v[i];
            count[best]++;
        }
        for (int k = 0; k < K; k++) {
            const double m = count[k] > 0 ? sum[k] / count[k] : mean[k];
            has_moved = has_moved || m != mean[k];
            mean[k] = m;
        }
        if (!has_moved)
            break;
    }
}

static void maximize(int64_t n, const double *v, const double *share, mixture *m)
{
    for (int k = 0; k < K; k++) {
        double count = 1e-15, sum = 0, square = 0;
        for (int64_t i = 0; i < n; i++) {
            count += share[i * K + k];
            sum += share[i * K + k] * v[i];
        }
        m->mean[k] = sum / count;
        for (int64_t i = 0; i < n; i++)
            square += share[i * K + k] * (v[i] - m->mean[k]) * (v[i] - m->mean[k]);
        m->var[k] = square / count + 1e-6; /* a component of one value stays a normal */
        m->weight[k] = count / (double)n;
    }
}

/* Shares by the mixture; returns the mean log-likelihood. */
static double expect(int64_t n, const double *v, const mixture *m, double *share)
{
    double total = 0;
    for (int64_t i = 0; i < n; i++) {
        double top = -INFINITY, sum = 0, *s = share + i * K;
        for (int k = 0; k < K; k++) {
            const double d = v[i] - m->mean[k];
            s[k] = log(m->weight[k]) - 0.5 * (log(2 * M_PI * m->var[k]) + d * d / m->var[k]);
            top = fmax(top, s[k]);
        }
        for (int k = 0; k < K; k++)
            sum += exp(s[k] - top);
        for (int k = 0; k < K; k++)
            s[k] = exp(s[k] - top) / sum;
        total += top + log(sum);
    }
    return total / (double)n;
}

sc_status sc_de_delta(int64_t n, const double *lfc_means, double *delta, sc_err *err)
{
    double *v = NULL, *share = NULL, last = -INFINITY;
    mixture m;
    sc_status st;
    if (n < K)
        return sc_fail(err, SC_EDATA, "delta can't be estimated from fewer than %d genes", K);
    SC_GOTO(st, sc_alloc(&v, (size_t)n, sizeof *v, err), out);
    SC_GOTO(st, sc_alloc(&share, (size_t)(n * K), sizeof *share, err), out);
    memcpy(v, lfc_means, (size_t)n * sizeof *v);
    qsort(v, (size_t)n, sizeof *v, by_value);
    start(n, v, share);
    maximize(n, v, share, &m);
    for (int round = 0; round < MAX_ROUNDS; round++) {
        const double now = expect(n, v, &m, share);
        maximize(n, v, share, &m);
        if (fabs(now - last) < 1e-3)
            break;
        last = now;
    }
    qsort(m.mean, K, sizeof *m.mean, by_value);
    *delta = fmax(0.1, 0.6 * (fabs(m.mean[0]) + fabs(m.mean[K - 1])) / 2);
out:
    free(v);
    free(share);
    return st;
}
