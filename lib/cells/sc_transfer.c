#include "sc_transfer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct job {
    const sc_knn *near;
    const sc_labelled *ref;
    float *probs;
} job;

enum { AT_ONCE = 65536 };

static void weigh_row(const job *w, int64_t i, double *sums, double *weights)
{
    const int k = w->near->k;
    const double *dist = w->near->dist + i * k;
    double mean = 0, var = 0, total = 0;
    for (int j = 0; j < k; j++)
        mean += dist[j] / k;
    for (int j = 0; j < k; j++)
        var += (dist[j] - mean) * (dist[j] - mean) / k;
    for (int j = 0; j < k; j++) { /* less the nearest: the weights can't all vanish */
        weights[j] = exp(-(dist[j] - dist[0]) * var / 4);
        total += weights[j];
    }
    memset(sums, 0, (size_t)w->ref->n_classes * sizeof *sums);
    for (int j = 0; j < k; j++)
        sums[w->ref->class[w->near->index[i * k + j]]] += weights[j] / total;
    for (int64_t c = 0; c < w->ref->n_classes; c++)
        w->probs[i * w->ref->n_classes + c] = (float)sums[c];
}

static sc_status weigh(const job *w, sc_err *err)
{
    double *sums = NULL, *weights = NULL;
    sc_status st;
    SC_GOTO(st, sc_alloc(&sums, (size_t)w->ref->n_classes, sizeof *sums, err), out);
    SC_GOTO(st, sc_alloc(&weights, (size_t)w->near->k, sizeof *weights, err), out);
    for (int64_t i = 0; i < w->near->n_rows; i++)
        weigh_row(w, i, sums, weights);
out:
    free(sums);
    free(weights);
    return st;
}

sc_status sc_transfer_knn(float *probs, const sc_labelled *ref, const sc_dense *query, int k,
                          sc_pool *pool, const sc_kernels *kernels, sc_err *err)
{
    for (int64_t at = 0; at < query->n_rows; at += AT_ONCE) { /* neighbors take more than rows */
        const int64_t left = query->n_rows - at;
        const sc_dense some = {left < AT_ONCE ? left : AT_ONCE, query->n_cols,
                               query->values + at * query->n_cols};
        sc_knn near = {0};
        SC_TRY(sc_knn_find(&near, &ref->x, &some, k, SC_EUCLIDEAN, pool, kernels, err));
        const sc_status st = weigh(&(job){&near, ref, probs + at * ref->n_classes}, err);
        sc_knn_free(&near);
        SC_TRY(st);
    }
    return SC_OK;
}
