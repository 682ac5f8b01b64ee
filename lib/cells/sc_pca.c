#include "sc_pca.h"
#include "sc_eigen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TILES = 32, CHUNK = 256, ROWS = 256, MAX_PRODUCTS = 20000 };
static const double tolerance = 1e-9, good_enough = 1e-6;

typedef struct covariance { /* as an operator on vectors of columns */
    const sc_csr *x;
    const double *mean;
    double *partial; /* TILES x n_cols: sums over the rows of a tile */
    double sum[TILES];
    const double *v;
    double *y, offset; /* mean . v */
    sc_pool *pool;
} covariance;

static double row_product(const sc_csr *x, int64_t i, const double *v)
{
    double sum = 0;
    for (int64_t k = x->indptr[i]; k < x->indptr[i + 1]; k++)
        sum += (double)x->values[k] * v[x->indices[k]];
    return sum;
}

static void multiply_tile(void *ctx, int64_t tile, int tid)
{
    covariance *c = ctx;
    const sc_csr *x = c->x;
    double *part = c->partial + tile * x->n_cols;
    (void)tid;
    memset(part, 0, (size_t)x->n_cols * sizeof *part);
    c->sum[tile] = 0;
    for (int64_t i = x->n_rows * tile / TILES; i < x->n_rows * (tile + 1) / TILES; i++) {
        const double u = row_product(x, i, c->v) - c->offset;
        c->sum[tile] += u;
        for (int64_t k = x->indptr[i]; k < x->indptr[i + 1]; k++)
            part[x->indices[k]] += u * (double)x->values[k];
    }
}

static void add_chunk(void *ctx, int64_t chunk, int tid)
{
    covariance *c = ctx;
    const int64_t n = c->x->n_cols, end = (chunk + 1) * CHUNK < n ? (chunk + 1) * CHUNK : n;
    double all = 0;
    (void)tid;
    for (int t = 0; t < TILES; t++)
        all += c->sum[t];
    for (int64_t j = chunk * CHUNK; j < end; j++) {
        double y = 0;
        for (int t = 0; t < TILES; t++)
            y += c->partial[t * n + j];
        c->y[j] = (y - all * c->mean[j]) / ((double)c->x->n_rows - 1);
    }
}

static void multiply(void *ctx, const double *v, double *y)
{
    covariance *c = ctx;
    const int64_t n = c->x->n_cols;
    c->v = v;
    c->y = y;
    c->offset = 0;
    for (int64_t j = 0; j < n; j++)
        c->offset += c->mean[j] * v[j];
    sc_pool_for(c->pool, TILES, multiply_tile, c);
    sc_pool_for(c->pool, (n + CHUNK - 1) / CHUNK, add_chunk, c);
}

/* Means of the columns, and the sum of their variances. */
static sc_status find_moments(sc_pca *p, const sc_csr *x, sc_err *err)
{
    const double n = (double)x->n_rows;
    double *square = NULL;
    int64_t *stored = NULL;
    sc_status st = sc_alloc(&square, (size_t)x->n_cols, sizeof *square, err);
    if (st == SC_OK)
        st = sc_alloc(&stored, (size_t)x->n_cols, sizeof *stored, err);
    if (st == SC_OK) {
        for (int64_t k = 0; k < x->indptr[x->n_rows]; k++)
            p->mean[x->indices[k]] += (double)x->values[k] / n;
        for (int64_t k = 0; k < x->indptr[x->n_rows]; k++) {
            const int32_t j = x->indices[k];
            const double gap = (double)x->values[k] - p->mean[j];
            square[j] += gap * gap;
            stored[j]++;
        }
        for (int64_t j = 0; j < x->n_cols; j++)
            p->total += (square[j] + (n - (double)stored[j]) * p->mean[j] * p->mean[j]) / (n - 1);
    }
    free(square);
    free(stored);
    return st;
}

sc_status sc_pca_fit(sc_pca *out, const sc_csr *x, int k, sc_pool *pool, sc_err *err)
{
    const int64_t side = x->n_rows < x->n_cols ? x->n_rows : x->n_cols;
    covariance c = {.x = x, .pool = pool};
    sc_eigen e = {0};
    sc_status st;
    *out = (sc_pca){.n_cols = x->n_cols, .k = k};
    if (k < 1 || k >= side)
        return sc_fail(err, SC_EDATA,
                       "%d components can't be had of %lld cells and %lld genes: at most %lld", k,
                       (long long)x->n_rows, (long long)x->n_cols, (long long)side - 1);
    SC_GOTO(st, sc_alloc(&out->mean, (size_t)x->n_cols, sizeof *out->mean, err), out);
    SC_GOTO(st, find_moments(out, x, err), out);
    if (!isfinite(out->total) || !(out->total > 0)) {
        st = sc_fail(err, SC_EDATA,
                     isfinite(out->total) ? "no gene varies"
                                          : "there are values that are not finite");
        goto out;
    }
    c.mean = out->mean;
    SC_GOTO(st, sc_alloc(&c.partial, TILES * (size_t)x->n_cols, sizeof *c.partial, err), out);
    SC_GOTO(st, sc_eigen_top(&e, x->n_cols, k, multiply, &c, tolerance, MAX_PRODUCTS, pool, err),
            out);
    if (e.residual > good_enough) {
        st = sc_fail(err, SC_EDATA, "the components did not converge: %g is left after %d products",
                     e.residual, e.n_products);
        goto out;
    }
    out->residual = e.residual;
    out->variance = e.value;
    out->component = e.vector;
    e = (sc_eigen){0};
out:
    sc_eigen_free(&e);
    free(c.partial);
    return st;
}

typedef struct projection {
    const sc_pca *p;
    const sc_csr *x;
    float *y;
} projection;

static void project_tile(void *ctx, int64_t tile, int tid)
{
    const projection *q = ctx;
    const sc_pca *p = q->p;
    const int64_t n = q->x->n_rows, end = (tile + 1) * ROWS < n ? (tile + 1) * ROWS : n;
    (void)tid;
    for (int c = 0; c < p->k; c++) {
        const double *v = p->component + c * p->n_cols;
        double offset = 0;
        for (int64_t j = 0; j < p->n_cols; j++)
            offset += p->mean[j] * v[j];
        for (int64_t i = tile * ROWS; i < end; i++)
            q->y[i * p->k + c] = (float)(row_product(q->x, i, v) - offset);
    }
}

void sc_pca_project(const sc_pca *p, const sc_csr *x, float *y, sc_pool *pool)
{
    projection q = {p, x, y};
    sc_pool_for(pool, (x->n_rows + ROWS - 1) / ROWS, project_tile, &q);
}

void sc_pca_free(sc_pca *p)
{
    free(p->mean);
    free(p->component);
    free(p->variance);
    *p = (sc_pca){0};
}
