#include "sc_fuzzy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 64, ROWS = 256 };
static const double tolerance = 1e-5, least_scale = 1e-3;

typedef struct weighing {
    const sc_knn *knn;
    double mean; /* of all distances */
    int32_t *index;
    float *weight;
} weighing;

/* Of the row's k - 1 neighbors. Distances are taken as floats, as the graph has them. */
static double weight_sum(const double *dist, int k, double rho, double sigma)
{
    double sum = 0;
    for (int j = 1; j < k; j++) {
        const double over = (double)(float)dist[j] - rho;
        sum += over > 0 ? exp(-over / sigma) : 1;
    }
    return sum;
}

static double find_sigma(const double *dist, int k, double rho)
{
    const double target = log2(k);
    double low = 0, high = INFINITY, mid = 1;
    for (int round = 0; round < ROUNDS; round++) {
        const double sum = weight_sum(dist, k, rho, mid);
        if (fabs(sum - target) < tolerance)
            break;
        if (sum > target)
            high = mid;
        else
            low = mid;
        mid = isinf(high) ? 2 * mid : (low + high) / 2;
    }
    return mid;
}

static void weigh_row(weighing *w, int64_t i)
{
    const int k = w->knn->k;
    const double *dist = w->knn->dist + i * k;
    int32_t *index = w->index + i * (k - 1);
    float *weight = w->weight + i * (k - 1);
    double rho = 0, mean = 0;
    for (int j = k - 1; j >= 0; j--) {
        mean += (double)(float)dist[j] / k;
        if (dist[j] > 0)
            rho = (double)(float)dist[j];
    }
    double sigma = find_sigma(dist, k, rho);
    const double least = least_scale * (rho > 0 ? mean : w->mean);
    sigma = sigma < least ? least : sigma;
    for (int j = 1; j < k; j++) { /* put in order of the columns */
        const double over = (double)(float)dist[j] - rho;
        const float value = over <= 0 || sigma == 0 ? 1 : (float)exp(-over / sigma);
        const int32_t column = w->knn->index[i * k + j];
        int at = j - 1;
        for (; at > 0 && index[at - 1] > column; at--) {
            index[at] = index[at - 1];
            weight[at] = weight[at - 1];
        }
        index[at] = column;
        weight[at] = value;
    }
}

static void weigh_tile(void *ctx, int64_t tile, int tid)
{
    weighing *w = ctx;
    const int64_t end = (tile + 1) * ROWS < w->knn->n_rows ? (tile + 1) * ROWS : w->knn->n_rows;
    (void)tid;
    for (int64_t i = tile * ROWS; i < end; i++)
        weigh_row(w, i);
}

typedef struct turned { /* who has a row as a neighbor: rows rise, for they are filled in order */
    int64_t *indptr;
    int32_t *index;
    float *weight;
} turned;

static sc_status turn(turned *t, const weighing *w, sc_err *err)
{
    const int64_t n = w->knn->n_rows, each = w->knn->k - 1;
    SC_TRY(sc_alloc(&t->indptr, (size_t)n + 2, sizeof *t->indptr, err));
    SC_TRY(sc_alloc(&t->index, (size_t)(n * each), sizeof *t->index, err));
    SC_TRY(sc_alloc(&t->weight, (size_t)(n * each), sizeof *t->weight, err));
    for (int64_t k = 0; k < n * each; k++)
        t->indptr[w->index[k] + 2]++;
    for (int64_t i = 0; i < n; i++)
        t->indptr[i + 2] += t->indptr[i + 1];
    for (int64_t k = 0; k < n * each;
         k++) { /* one place on: filling moves each row's begin to its end */
        const int64_t at = t->indptr[w->index[k] + 1]++;
        t->index[at] = (int32_t)(k / each);
        t->weight[at] = w->weight[k];
    }
    return SC_OK;
}

/* Row i of the union of both directions, added at the end of m. */
static void unite_row(sc_csr *m, const weighing *w, const turned *t, int64_t i)
{
    const int64_t each = w->knn->k - 1, a_end = (i + 1) * each, b_end = t->indptr[i + 1];
    int64_t a = i * each, b = t->indptr[i], at = m->indptr[i];
    while (a < a_end || b < b_end) {
        const int32_t ja = a < a_end ? w->index[a] : INT32_MAX;
        const int32_t jb = b < b_end ? t->index[b] : INT32_MAX;
        const float va = ja <= jb ? w->weight[a++] : 0, vb = jb <= ja ? t->weight[b++] : 0;
        const float value = va + vb - va * vb;
        if (value > 0) { /* a weight can be too small for a float */
            m->indices[at] = ja < jb ? ja : jb;
            m->values[at++] = value;
        }
    }
    m->indptr[i + 1] = at;
}

sc_status sc_fuzzy_graph(sc_csr *out, const sc_knn *knn, sc_pool *pool, sc_err *err)
{
    const int64_t n = knn->n_rows, each = knn->k - 1;
    weighing w = {.knn = knn};
    turned t = {0};
    sc_status st;
    *out = (sc_csr){.n_rows = n, .n_cols = n};
    for (int64_t k = 0; k < n * knn->k; k++)
        w.mean += (double)(float)knn->dist[k];
    w.mean /= (double)(n * knn->k);
    SC_GOTO(st, sc_alloc(&w.index, (size_t)(n * each), sizeof *w.index, err), out);
    SC_GOTO(st, sc_alloc(&w.weight, (size_t)(n * each), sizeof *w.weight, err), out);
    sc_pool_for(pool, (n + ROWS - 1) / ROWS, weigh_tile, &w);
    SC_GOTO(st, turn(&t, &w, err), out);
    SC_GOTO(st, sc_alloc(&out->indptr, (size_t)n + 1, sizeof *out->indptr, err), out);
    SC_GOTO(st, sc_alloc(&out->indices, (size_t)(2 * n * each), sizeof *out->indices, err), out);
    SC_GOTO(st, sc_alloc(&out->values, (size_t)(2 * n * each), sizeof *out->values, err), out);
    for (int64_t i = 0; i < n; i++)
        unite_row(out, &w, &t, i);
out:
    free(w.index);
    free(w.weight);
    free(t.indptr);
    free(t.index);
    free(t.weight);
    return st;
}
