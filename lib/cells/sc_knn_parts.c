#include "sc_knn_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PART_ROWS = 128, MAX_PARTS = 4096, SAMPLE = 48, ROUNDS = 5, TILE = 64 };

double sc_knn_distance(const float *a, const float *b, int d, sc_metric metric)
{
    double dot = 0, aa = 0, bb = 0;
    if (metric == SC_EUCLIDEAN) {
        for (int k = 0; k < d; k++)
            dot += ((double)a[k] - (double)b[k]) * ((double)a[k] - (double)b[k]);
        return sqrt(dot);
    }
    for (int k = 0; k < d; k++) {
        dot += (double)a[k] * (double)b[k];
        aa += (double)a[k] * (double)a[k];
        bb += (double)b[k] * (double)b[k];
    }
    const double dist = 1 - dot / sqrt(aa * bb);
    return dist > 0 ? dist : 0;
}

sc_status sc_knn_prepare(const sc_dense *m, const double *shift, sc_metric metric, float *x,
                         sc_err *err)
{
    const int64_t d = m->n_cols;
    for (int64_t i = 0; i < m->n_rows; i++) {
        const float *from = m->values + i * d;
        double length = 0;
        for (int64_t k = 0; k < d; k++)
            length += (double)from[k] * (double)from[k];
        if (!isfinite(length))
            return sc_fail(err, SC_EDATA, "row %lld has a value that is not finite", (long long)i);
        if (metric == SC_COSINE && length == 0)
            return sc_fail(err, SC_EDATA, "row %lld is all zeros, which have no cosine",
                           (long long)i);
        const double scale = metric == SC_COSINE ? 1 / sqrt(length) : 1;
        for (int64_t k = 0; k < d; k++)
            x[i * d + k] = (float)((double)from[k] * scale - shift[k]);
    }
    return SC_OK;
}

static void find_mean(const sc_dense *m, double *mean)
{
    const int64_t d = m->n_cols;
    for (int64_t i = 0; i < m->n_rows; i++)
        for (int64_t k = 0; k < d; k++)
            mean[k] += (double)m->values[i * d + k];
    for (int64_t k = 0; k < d; k++)
        mean[k] /= (double)m->n_rows;
}

/* n rows of x as a block of `width` columns. */
static void make_block(const float *x, int64_t n, int64_t width, int64_t d, float *block)
{
    for (int64_t i = n; i < width; i++) /* the rest is zeros as it was made */
        block[d * width + i] = INFINITY;
    for (int64_t i = 0; i < n; i++) {
        double length = 0;
        for (int64_t k = 0; k < d; k++) {
            block[k * width + i] = x[i * d + k];
            length += (double)x[i * d + k] * (double)x[i * d + k];
        }
        block[d * width + i] = (float)length;
    }
}

typedef struct assigning {
    const sc_knn_parts *p;
    const float *x;
    int64_t n;
    int32_t *part;
    const sc_kernels *kernels;
    float **scratch; /* by thread */
} assigning;

/* The first of the least, by minima that do not wait for each other. */
static int least_of(const float *row, int n)
{
    enum { LANES = 8 };
    float least[LANES];
    int j = 0;
    for (int i = 0; i < LANES; i++)
        least[i] = INFINITY;
    for (; j + LANES <= n; j += LANES)
        for (int i = 0; i < LANES; i++)
            least[i] = row[j + i] < least[i] ? row[j + i] : least[i];
    for (; j < n; j++)
        least[0] = row[j] < least[0] ? row[j] : least[0];
    for (int i = 1; i < LANES; i++)
        least[0] = least[i] < least[0] ? least[i] : least[0];
    for (j = 0; j < n - 1 && row[j] > least[0];)
        j++;
    return j;
}

static void assign_tile(void *ctx, int64_t tile, int tid)
{
    assigning *a = ctx;
    const int d = a->p->d, n_parts = a->p->n_parts;
    const int64_t from = tile * TILE;
    const int n = (int)(a->n - from < TILE ? a->n - from : TILE);
    float *left = a->scratch[tid], *product = left + (size_t)TILE * (size_t)(d + 1);
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < d; k++)
            left[i * (d + 1) + k] = -2 * a->x[(from + i) * d + k];
        left[i * (d + 1) + d] = 1;
    }
    a->kernels->gemm_nn(n, n_parts, d + 1, left, d + 1, a->p->to_parts, n_parts, product, n_parts,
                        false);
    for (int i = 0; i < n; i++)
        a->part[from + i] = least_of(product + (int64_t)i * n_parts, n_parts);
}

sc_status sc_knn_assign(const sc_knn_parts *p, const float *x, int64_t n, int32_t *part,
                        sc_pool *pool, const sc_kernels *kernels, sc_err *err)
{
    const int n_threads = sc_pool_size(pool);
    assigning a = {p, x, n, part, kernels, NULL};
    float *room = NULL;
    const size_t each = (size_t)TILE * (size_t)(p->d + 1 + p->n_parts);
    SC_TRY(sc_alloc(&room, each * (size_t)n_threads, sizeof *room, err));
    const sc_status st = sc_alloc(&a.scratch, (size_t)n_threads, sizeof *a.scratch, err);
    if (st == SC_OK) {
        for (int t = 0; t < n_threads; t++)
            a.scratch[t] = room + each * (size_t)t;
        sc_pool_for(pool, (n + TILE - 1) / TILE, assign_tile, &a);
    }
    free(a.scratch);
    free(room);
    return st;
}

void sc_knn_group(const int32_t *part, int64_t n, int n_parts, int64_t *start, int32_t *order)
{
    memset(start, 0, (size_t)(n_parts + 1) * sizeof *start);
    for (int64_t i = 0; i < n; i++)
        start[part[i] + 1]++;
    for (int p = 0; p < n_parts; p++)
        start[p + 1] += start[p];
    for (int64_t i = 0; i < n; i++)
        order[start[part[i]]++] = (int32_t)i;
    for (int p = n_parts; p > 0; p--)
        start[p] = start[p - 1];
    start[0] = 0;
}

/* Centroids become the means of their rows; one without rows stays where it is. */
static void move_centroids(sc_knn_parts *p, const float *x, int64_t n, const int32_t *part,
                           double *sum, int64_t *count)
{
    const int64_t d = p->d;
    memset(sum, 0, (size_t)(p->n_parts * d) * sizeof *sum);
    memset(count, 0, (size_t)p->n_parts * sizeof *count);
    for (int64_t i = 0; i < n; i++) {
        count[part[i]]++;
        for (int64_t k = 0; k < d; k++)
            sum[part[i] * d + k] += (double)x[i * d + k];
    }
    for (int64_t j = 0; j < p->n_parts; j++)
        for (int64_t k = 0; k < d && count[j]; k++)
            p->centroid[j * d + k] = (float)(sum[j * d + k] / (double)count[j]);
    make_block(p->centroid, p->n_parts, p->n_parts, d, p->to_parts);
}

/* k-means on rows taken at equal distances. */
static sc_status find_centroids(sc_knn_parts *p, const float *x, sc_pool *pool,
                                const sc_kernels *kernels, sc_err *err)
{
    const int64_t d = p->d;
    const int64_t n = p->n < (int64_t)SAMPLE * p->n_parts ? p->n : (int64_t)SAMPLE * p->n_parts;
    float *sample = NULL;
    int32_t *part = NULL;
    double *sum = NULL;
    int64_t *count = NULL;
    sc_status st;
    SC_GOTO(st, sc_alloc(&sample, (size_t)(n * d), sizeof *sample, err), out);
    SC_GOTO(st, sc_alloc(&part, (size_t)n, sizeof *part, err), out);
    SC_GOTO(st, sc_alloc(&sum, (size_t)(p->n_parts * d), sizeof *sum, err), out);
    SC_GOTO(st, sc_alloc(&count, (size_t)p->n_parts, sizeof *count, err), out);
    for (int64_t i = 0; i < n; i++)
        memcpy(sample + i * d, x + p->n * i / n * d, (size_t)d * sizeof *x);
    for (int64_t j = 0; j < p->n_parts; j++)
        memcpy(p->centroid + j * d, sample + n * j / p->n_parts * d, (size_t)d * sizeof *x);
    make_block(p->centroid, p->n_parts, p->n_parts, d, p->to_parts);
    for (int round = 0; round < ROUNDS && p->n_parts > 1; round++) {
        SC_GOTO(st, sc_knn_assign(p, sample, n, part, pool, kernels, err), out);
        move_centroids(p, sample, n, part, sum, count);
    }
out:
    free(sample);
    free(part);
    free(sum);
    free(count);
    return st;
}

static void fill_parts(sc_knn_parts *p, const float *x)
{
    const int64_t d = p->d;
    for (int64_t at = 0; at < p->n; at++)
        memcpy(p->x + at * d, x + p->order[at] * d, (size_t)d * sizeof *x);
    for (int64_t j = 0; j < p->n_parts; j++) {
        const int64_t from = p->start[j], n = p->start[j + 1] - from;
        make_block(p->x + from * d, n, p->padded[j + 1] - p->padded[j], d,
                   p->block + p->padded[j] * (d + 1));
        for (int64_t i = from; i < from + n; i++) {
            const float *row = p->x + i * d;
            const double r = sc_knn_distance(row, p->centroid + j * d, p->d, SC_EUCLIDEAN);
            double length = 0;
            for (int64_t k = 0; k < d; k++)
                length += (double)row[k] * (double)row[k];
            p->radius[j] = r > p->radius[j] ? r : p->radius[j];
            p->max_norm = sqrt(length) > p->max_norm ? sqrt(length) : p->max_norm;
        }
    }
}

static sc_status allocate(sc_knn_parts *p, sc_err *err)
{
    const size_t n = (size_t)p->n, d = (size_t)p->d, n_parts = (size_t)p->n_parts;
    SC_TRY(sc_alloc(&p->shift, d, sizeof *p->shift, err));
    SC_TRY(sc_alloc(&p->centroid, n_parts * d, sizeof *p->centroid, err));
    SC_TRY(sc_alloc(&p->to_parts, n_parts * (d + 1), sizeof *p->to_parts, err));
    SC_TRY(sc_alloc(&p->radius, n_parts, sizeof *p->radius, err));
    SC_TRY(sc_alloc(&p->start, n_parts + 1, sizeof *p->start, err));
    SC_TRY(sc_alloc(&p->order, n, sizeof *p->order, err));
    SC_TRY(sc_alloc(&p->x, n * d, sizeof *p->x, err));
    return sc_alloc(&p->padded, n_parts + 1, sizeof *p->padded, err);
}

sc_status sc_knn_parts_new(sc_knn_parts *p, const sc_dense *ref, sc_metric metric, sc_pool *pool,
                           const sc_kernels *kernels, sc_err *err)
{
    const int64_t want = ref->n_rows / PART_ROWS;
    float *x = NULL;
    int32_t *part = NULL;
    sc_status st;
    *p = (sc_knn_parts){.n = ref->n_rows,
                        .d = (int)ref->n_cols,
                        .n_parts = (int)(want < 1           ? 1
                                         : want > MAX_PARTS ? MAX_PARTS
                                                            : want)};
    SC_GOTO(st, allocate(p, err), out);
    SC_GOTO(st, sc_alloc(&x, (size_t)(p->n * p->d), sizeof *x, err), out);
    SC_GOTO(st, sc_alloc(&part, (size_t)p->n, sizeof *part, err), out);
    if (metric == SC_EUCLIDEAN) /* short rows lose less in float */
        find_mean(ref, p->shift);
    SC_GOTO(st, sc_knn_prepare(ref, p->shift, metric, x, err), out);
    SC_GOTO(st, find_centroids(p, x, pool, kernels, err), out);
    SC_GOTO(st, sc_knn_assign(p, x, p->n, part, pool, kernels, err), out);
    sc_knn_group(part, p->n, p->n_parts, p->start, p->order);
    for (int j = 0; j < p->n_parts; j++) {
        const int64_t size = p->start[j + 1] - p->start[j];
        p->padded[j + 1] = p->padded[j] + (size + SC_KNN_PAD - 1) / SC_KNN_PAD * SC_KNN_PAD;
    }
    SC_GOTO(
        st,
        sc_alloc(&p->block, (size_t)(p->padded[p->n_parts] * (p->d + 1)), sizeof *p->block, err),
        out);
    fill_parts(p, x);
out:
    free(x);
    free(part);
    return st;
}

void sc_knn_parts_free(sc_knn_parts *p)
{
    free(p->shift);
    free(p->centroid);
    free(p->to_parts);
    free(p->radius);
    free(p->start);
    free(p->order);
    free(p->x);
    free(p->padded);
    free(p->block);
    *p = (sc_knn_parts){0};
}
