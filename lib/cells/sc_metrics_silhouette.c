#include "sc_metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    TILE = 16,
    BLOCK = 256
}; /* rows to a tile; others at a time, so that loops are of fixed length */

typedef struct silhouettes {
    int64_t n, n_blocks, d;
    int n_groups;
    bool is_cosine, pools_others;
    int64_t *start;  /* n_groups + 1: positions of the groups */
    int64_t *order;  /* n: position -> place in the output */
    int32_t *group;  /* n, by position */
    double *rows;    /* n x d, by position; of length 1 for cosines */
    double *columns; /* n_blocks of d x BLOCK: the same, turned; zeros at the end */
    double *sums;    /* by thread: n_groups */
    double *out;
} silhouettes;

/* Distances of a row to those of a block. */
static void measure(const silhouettes *s, const double *x, const double *block, double *dist)
{
    for (int j = 0; j < BLOCK; j++)
        dist[j] = 0;
    if (s->is_cosine) {
        for (int64_t k = 0; k < s->d; k++)
            for (int j = 0; j < BLOCK; j++)
                dist[j] += x[k] * block[k * BLOCK + j];
        for (int j = 0; j < BLOCK; j++)
            dist[j] = 1 - dist[j];
        return;
    }
    for (int64_t k = 0; k < s->d; k++)
        for (int j = 0; j < BLOCK; j++) {
            const double gap = x[k] - block[k * BLOCK + j];
            dist[j] += gap * gap;
        }
    for (int j = 0; j < BLOCK; j++)
        dist[j] = sqrt(dist[j]);
}

/* Adds a block's distances to the sums of the groups that its rows belong to. */
static void add_up(const silhouettes *s, int64_t from, const double *dist, double *sums)
{
    const int64_t end = from + BLOCK < s->n ? from + BLOCK : s->n;
    for (int64_t j = from; j < end;) {
        const int32_t g = s->group[j];
        const int64_t stop = s->start[g + 1] < end ? s->start[g + 1] : end;
        double part[4] = {0};
        for (; j + 4 <= stop; j += 4)
            for (int u = 0; u < 4; u++)
                part[u] += dist[j - from + u];
        for (; j < stop; j++)
            part[0] += dist[j - from];
        sums[g] += (part[0] + part[1]) + (part[2] + part[3]);
    }
}

static double silhouette(const silhouettes *s, int64_t i, const double *sums)
{
    const int32_t own = s->group[i];
    const int64_t n_own = s->start[own + 1] - s->start[own];
    double b = INFINITY, others = 0;
    if (n_own < 2 || n_own == s->n)
        return 0;
    for (int g = 0; g < s->n_groups; g++) {
        const int64_t size = s->start[g + 1] - s->start[g];
        if (g == own || size == 0)
            continue;
        others += sums[g];
        b = fmin(b, sums[g] / (double)size);
    }
    if (s->pools_others)
        b = others / (double)(s->n - n_own);
    const double a = sums[own] / (double)(n_own - 1), most = fmax(a, b);
    return most > 0 ? (b - a) / most : 0;
}

static void measure_tile(void *ctx, int64_t tile, int tid)
{
    silhouettes *s = ctx;
    const int64_t from = tile * TILE, end = from + TILE < s->n ? from + TILE : s->n;
    double *sums = s->sums + (int64_t)tid * TILE * s->n_groups, dist[BLOCK];
    memset(sums, 0, (size_t)TILE * (size_t)s->n_groups * sizeof *sums);
    for (int64_t b = 0; b < s->n_blocks; b++)
        for (int64_t i = from; i < end; i++) {
            measure(s, s->rows + i * s->d, s->columns + b * s->d * BLOCK, dist);
            if (i / BLOCK == b)
                dist[i % BLOCK] = 0; /* its own is that, whatever rounding says */
            add_up(s, b * BLOCK, dist, sums + (i - from) * s->n_groups);
        }
    for (int64_t i = from; i < end; i++)
        s->out[s->order[i]] = silhouette(s, i, sums + (i - from) * s->n_groups);
}

static int64_t row_of(const int64_t *rows, int64_t i)
{
    return rows ? rows[i] : i;
}

static void group_rows(silhouettes *s, const sc_dense *x, const int64_t *rows,
                       const sc_codes *groups)
{
    for (int64_t i = 0; i < s->n; i++)
        s->start[groups->code[row_of(rows, i)] + 1]++;
    for (int g = 0; g < s->n_groups; g++)
        s->start[g + 1] += s->start[g];
    for (int64_t i = 0; i < s->n; i++) {
        const int64_t row = row_of(rows, i);
        const int64_t at = s->start[groups->code[row]]++;
        double length = 0;
        s->order[at] = i;
        s->group[at] = groups->code[row];
        for (int64_t k = 0; k < s->d; k++)
            length += (double)x->values[row * s->d + k] * (double)x->values[row * s->d + k];
        const double scale = s->is_cosine && length > 0 ? 1 / sqrt(length) : 1;
        for (int64_t k = 0; k < s->d; k++) {
            const double v = (double)x->values[row * s->d + k] * scale;
            s->rows[at * s->d + k] = v;
            s->columns[(at / BLOCK * s->d + k) * BLOCK + at % BLOCK] = v;
        }
    }
    for (int g = s->n_groups; g > 0; g--)
        s->start[g] = s->start[g - 1];
    s->start[0] = 0;
}

static sc_status allocate(silhouettes *s, int n_threads, sc_err *err)
{
    const size_t n = (size_t)s->n, d = (size_t)s->d, groups = (size_t)s->n_groups;
    SC_TRY(sc_alloc(&s->start, groups + 1, sizeof *s->start, err));
    SC_TRY(sc_alloc(&s->order, n, sizeof *s->order, err));
    SC_TRY(sc_alloc(&s->group, n, sizeof *s->group, err));
    SC_TRY(sc_alloc(&s->rows, n * d, sizeof *s->rows, err));
    SC_TRY(sc_alloc(&s->columns, (size_t)s->n_blocks * d * BLOCK, sizeof *s->columns, err));
    return sc_alloc(&s->sums, (size_t)n_threads * TILE * groups, sizeof *s->sums, err);
}

sc_status sc_metric_silhouette(const sc_dense *x, const int64_t *rows, int64_t n,
                               const sc_codes *groups, sc_metric metric, bool pools_others,
                               double *out, sc_pool *pool, sc_err *err)
{
    silhouettes s = {.n = n,
                     .n_blocks = (n + BLOCK - 1) / BLOCK,
                     .d = x->n_cols,
                     .n_groups = groups->n_groups,
                     .is_cosine = metric == SC_COSINE,
                     .pools_others = pools_others,
                     .out = out};
    const sc_status st = allocate(&s, sc_pool_size(pool), err);
    if (st == SC_OK) {
        group_rows(&s, x, rows, groups);
        sc_pool_for(pool, (n + TILE - 1) / TILE, measure_tile, &s);
    }
    free(s.start);
    free(s.order);
    free(s.group);
    free(s.rows);
    free(s.columns);
    free(s.sums);
    return st;
}

/* How many batches the rows are of; seen has room for all. */
static int count_batches(const sc_codes *batches, const int64_t *rows, int64_t n, uint8_t *seen)
{
    int found = 0;
    memset(seen, 0, (size_t)batches->n_groups);
    for (int64_t i = 0; i < n; i++) {
        found += !seen[batches->code[rows[i]]];
        seen[batches->code[rows[i]]] = 1;
    }
    return found;
}

sc_status sc_metric_asw_batch(const sc_dense *x, const sc_codes *labels, const sc_codes *batches,
                              bool is_bras, double *by_label, double *mean, sc_pool *pool,
                              sc_err *err)
{
    int64_t *rows = NULL, n_labels = 0;
    double *s = NULL;
    uint8_t *seen = NULL;
    sc_status st;
    SC_GOTO(st, sc_alloc(&rows, (size_t)labels->n, sizeof *rows, err), out);
    SC_GOTO(st, sc_alloc(&s, (size_t)labels->n, sizeof *s, err), out);
    SC_GOTO(st, sc_alloc(&seen, (size_t)batches->n_groups, sizeof *seen, err), out);
    *mean = 0;
    for (int l = 0; l < labels->n_groups; l++) {
        int64_t n = 0;
        for (int64_t i = 0; i < labels->n; i++)
            if (labels->code[i] == l)
                rows[n++] = i;
        const int found = count_batches(batches, rows, n, seen);
        by_label[l] = NAN;
        if (found < 2 || found == n)
            continue;
        SC_GOTO(st,
                sc_metric_silhouette(x, rows, n, batches, is_bras ? SC_COSINE : SC_EUCLIDEAN,
                                     is_bras, s, pool, err),
                out);
        by_label[l] = 0;
        for (int64_t i = 0; i < n; i++)
            by_label[l] += (1 - fabs(s[i])) / (double)n;
        *mean += by_label[l];
        n_labels++;
    }
    *mean = n_labels ? *mean / (double)n_labels : NAN;
out:
    free(rows);
    free(s);
    free(seen);
    return st;
}
