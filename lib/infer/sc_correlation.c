#include "sc_correlation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Sums of products are taken in float over a few rows of columns shifted near to mean 0, and added
 * up in double; a tile owns its rows of the result. */
enum { CHUNK = 64, TILE = 32 };

struct sc_correlation {
    int64_t n_cols, n_rows, cap_rows, max_bytes, n_sums;
    bool is_spearman;
    sc_pool *pool;
    const sc_kernels *k;
    float *kept;    /* spearman: rows x n_cols; at the end their ranks */
    float *shift;   /* n_cols: means of the first chunk, near enough */
    float *chunk;   /* CHUNK x n_cols, shifted */
    float *scratch; /* threads x TILE x n_cols */
    double *sum, *cross;
    int64_t n_chunk;
};

sc_status sc_correlation_new(sc_correlation **out, int64_t n_cols, bool is_spearman,
                             int64_t max_bytes, sc_pool *pool, const sc_kernels *k, sc_err *err)
{
    const size_t n = (size_t)n_cols;
    sc_correlation *c = NULL;
    sc_status st;
    *out = NULL;
    SC_TRY(sc_alloc(&c, 1, sizeof *c, err));
    c->n_cols = n_cols;
    c->is_spearman = is_spearman;
    c->max_bytes = max_bytes;
    c->pool = pool;
    c->k = k;
    SC_GOTO(st, sc_alloc(&c->shift, n, sizeof(float), err), fail);
    SC_GOTO(st, sc_alloc(&c->chunk, CHUNK * n, sizeof(float), err), fail);
    SC_GOTO(st, sc_alloc(&c->scratch, (size_t)sc_pool_size(pool) * TILE * n, sizeof(float), err),
            fail);
    SC_GOTO(st, sc_alloc(&c->sum, n, sizeof(double), err), fail);
    SC_GOTO(st, sc_alloc(&c->cross, n * n, sizeof(double), err), fail);
    *out = c;
    return SC_OK;
fail:
    sc_correlation_free(c);
    return st;
}

static void cross_tile(void *ctx, int64_t tile, int tid)
{
    sc_correlation *c = ctx;
    const int64_t n = c->n_cols, j0 = tile * TILE, m = n - j0 < TILE ? n - j0 : TILE;
    float *part = c->scratch + (int64_t)tid * TILE * n;
    c->k->gemm_tn((int)m, (int)n, (int)c->n_chunk, c->chunk + j0, (int)n, c->chunk, (int)n, part,
                  (int)n, false);
    for (int64_t i = 0; i < m * n; i++)
        c->cross[j0 * n + i] += (double)part[i];
}

static void set_shift(sc_correlation *c)
{
    for (int64_t j = 0; j < c->n_cols; j++) {
        double mean = 0;
        for (int64_t i = 0; i < c->n_chunk; i++)
            mean += (double)c->chunk[i * c->n_cols + j] / (double)c->n_chunk;
        c->shift[j] = (float)mean;
    }
}

static void add_chunk(sc_correlation *c)
{
    if (c->n_chunk == 0)
        return;
    if (c->n_sums == 0)
        set_shift(c);
    for (int64_t i = 0; i < c->n_chunk; i++)
        for (int64_t j = 0; j < c->n_cols; j++) {
            float *v = &c->chunk[i * c->n_cols + j];
            *v -= c->shift[j];
            c->sum[j] += (double)*v;
        }
    sc_pool_for(c->pool, (c->n_cols + TILE - 1) / TILE, cross_tile, c);
    c->n_sums += c->n_chunk;
    c->n_chunk = 0;
}

static void sum_row(sc_correlation *c, const float *row)
{
    memcpy(c->chunk + c->n_chunk * c->n_cols, row, (size_t)c->n_cols * sizeof *row);
    if (++c->n_chunk == CHUNK)
        add_chunk(c);
}

static sc_status keep(sc_correlation *c, const float *rows, int64_t n_rows, sc_err *err)
{
    const int64_t row_bytes = c->n_cols * (int64_t)sizeof *rows;
    if (c->n_rows + n_rows > c->cap_rows) {
        int64_t cap = 2 * (c->n_rows + n_rows);
        if (c->max_bytes && cap > c->max_bytes / row_bytes)
            cap = c->max_bytes / row_bytes;
        if (cap < c->n_rows + n_rows)
            return sc_fail(err, SC_ENOMEM,
                           "ranks of %lld rows and more do not fit in the memory allowed: take "
                           "fewer cells or draws, more --memory, or --correlation=pearson",
                           (long long)cap);
        SC_TRY(sc_resize(&c->kept, (size_t)(cap * c->n_cols), sizeof *c->kept, err));
        c->cap_rows = cap;
    }
    memcpy(c->kept + c->n_rows * c->n_cols, rows, (size_t)(n_rows * row_bytes));
    c->n_rows += n_rows;
    return SC_OK;
}

sc_status sc_correlation_add(sc_correlation *c, const float *rows, int64_t n_rows, sc_err *err)
{
    if (c->is_spearman)
        return keep(c, rows, n_rows, err);
    for (int64_t i = 0; i < n_rows; i++)
        sum_row(c, rows + i * c->n_cols);
    return SC_OK;
}

typedef struct ranked {
    float value;
    int32_t row;
} ranked;

static int by_value(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Column j of what is kept, as ranks from 0. */
static void rank_column(sc_correlation *c, int64_t j, ranked *r)
{
    for (int64_t i = 0; i < c->n_rows; i++)
        r[i] = (ranked){c->kept[i * c->n_cols + j], (int32_t)i};
    qsort(r, (size_t)c->n_rows, sizeof *r, by_value);
    for (int64_t i = 0, end; i < c->n_rows; i = end) {
        for (end = i + 1; end < c->n_rows && r[end].value == r[i].value;)
            end++;
        for (int64_t k = i; k < end; k++)
            c->kept[r[k].row * c->n_cols + j] = (float)((double)(i + end - 1) / 2);
    }
}

typedef struct ranking {
    sc_correlation *c;
    ranked *room; /* threads x rows */
} ranking;

static void rank_tile(void *ctx, int64_t j, int tid)
{
    const ranking *r = ctx;
    rank_column(r->c, j, r->room + (int64_t)tid * r->c->n_rows);
}

static sc_status sum_ranks(sc_correlation *c, sc_err *err)
{
    ranking r = {.c = c};
    const size_t threads = (size_t)sc_pool_size(c->pool);
    SC_TRY(sc_alloc(&r.room, threads * (size_t)c->n_rows, sizeof *r.room, err));
    sc_pool_for(c->pool, c->n_cols, rank_tile, &r);
    free(r.room);
    for (int64_t i = 0; i < c->n_rows; i++)
        sum_row(c, c->kept + i * c->n_cols);
    return SC_OK;
}

sc_status sc_correlation_finish(sc_correlation *c, const double **out, sc_err *err)
{
    const int64_t p = c->n_cols;
    if (c->is_spearman)
        SC_TRY(sum_ranks(c, err));
    add_chunk(c);
    const double n = (double)c->n_sums;
    for (int64_t i = 0; i < p; i++)
        for (int64_t j = 0; j < p; j++)
            c->cross[i * p + j] -= c->sum[i] * c->sum[j] / n;
    for (int64_t i = 0; i < p; i++) /* the diagonal is still needed: it goes to sum */
        c->sum[i] = sqrt(c->cross[i * p + i]);
    for (int64_t i = 0; i < p; i++)
        for (int64_t j = 0; j < p; j++) {
            const double d = c->sum[i] * c->sum[j];
            c->cross[i * p + j] = !(d > 0) ? NAN : i == j ? 1 : c->cross[i * p + j] / d;
        }
    *out = c->cross;
    return SC_OK;
}

void sc_correlation_free(sc_correlation *c)
{
    if (!c)
        return;
    free(c->kept);
    free(c->shift);
    free(c->chunk);
    free(c->scratch);
    free(c->sum);
    free(c->cross);
    free(c);
}
