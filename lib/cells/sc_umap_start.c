#include "sc_eigen.h"
#include "sc_philox.h"
#include "sc_umap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 1024, MAX_PRODUCTS = 400, SIDE = 10 };
static const double tolerance = 1e-4, golden_angle = 2.399963229728653;

typedef struct component { /* of the graph: its cells in their order, its edges among itself */
    int64_t n;
    const int32_t *cells;
    int64_t *indptr;
    int32_t *indices;
    float *values;
    double *root;    /* of each cell's degree */
    double *trivial; /* the eigenvector of 1, of length 1 */
    sc_pool *pool;
    const double *x;
    double *y;
} component;

static void multiply_rows(void *ctx, int64_t tile, int tid)
{
    const component *c = ctx;
    const int64_t end = (tile + 1) * ROWS < c->n ? (tile + 1) * ROWS : c->n;
    (void)tid;
    for (int64_t i = tile * ROWS; i < end; i++) {
        double sum = 0;
        for (int64_t k = c->indptr[i]; k < c->indptr[i + 1]; k++)
            sum += (double)c->values[k] * c->x[c->indices[k]] / c->root[c->indices[k]];
        c->y[i] = sum / c->root[i];
    }
}

/* y = D^-1/2 C D^-1/2 x, with the largest eigenvalue, 1, moved down to -1. */
static void multiply(void *ctx, const double *x, double *y)
{
    component *c = ctx;
    double along = 0;
    c->x = x;
    c->y = y;
    sc_pool_for(c->pool, (c->n + ROWS - 1) / ROWS, multiply_rows, c);
    for (int64_t i = 0; i < c->n; i++)
        along += c->trivial[i] * x[i];
    for (int64_t i = 0; i < c->n; i++)
        y[i] -= 2 * along * c->trivial[i];
}

/* The component's edges, with its cells numbered from 0. */
static sc_status cut_out(component *c, const sc_csr *graph, const int32_t *local, sc_err *err)
{
    int64_t nnz = 0;
    double length = 0;
    for (int64_t i = 0; i < c->n; i++)
        nnz += graph->indptr[c->cells[i] + 1] - graph->indptr[c->cells[i]];
    SC_TRY(sc_alloc(&c->indptr, (size_t)c->n + 1, sizeof *c->indptr, err));
    SC_TRY(sc_alloc(&c->indices, (size_t)nnz, sizeof *c->indices, err));
    SC_TRY(sc_alloc(&c->values, (size_t)nnz, sizeof *c->values, err));
    SC_TRY(sc_alloc(&c->root, (size_t)c->n, sizeof *c->root, err));
    SC_TRY(sc_alloc(&c->trivial, (size_t)c->n, sizeof *c->trivial, err));
    nnz = 0;
    for (int64_t i = 0; i < c->n; i++) {
        double degree = 0;
        for (int64_t k = graph->indptr[c->cells[i]]; k < graph->indptr[c->cells[i] + 1]; k++) {
            c->indices[nnz] = local[graph->indices[k]];
            c->values[nnz++] = graph->values[k];
            degree += (double)graph->values[k];
        }
        c->indptr[i + 1] = nnz;
        c->root[i] = sqrt(degree);
        length += degree;
    }
    for (int64_t i = 0; i < c->n; i++)
        c->trivial[i] = c->root[i] / sqrt(length);
    return SC_OK;
}

/* Its cells around `center`, `radius` wide. */
static sc_status place(component *c, const sc_csr *graph, const int32_t *local, int dim,
                       const double *center, double radius, sc_rng *rng, float *y, sc_err *err)
{
    sc_eigen e = {0};
    sc_status st = SC_OK;
    const bool is_small = c->n < 2 * (dim + 1); /* too few for as many directions */
    if (!is_small) {
        SC_GOTO(st, cut_out(c, graph, local, err), out);
        SC_GOTO(st, sc_eigen_top(&e, c->n, dim, multiply, c, tolerance, MAX_PRODUCTS, c->pool, err),
                out);
    }
    double largest = 0;
    for (int64_t k = 0; k < c->n * dim && !is_small; k++)
        largest = fmax(largest, fabs(e.vector[k]));
    for (int64_t i = 0; i < c->n; i++)
        for (int k = 0; k < dim; k++) {
            const double at = is_small      ? 2 * sc_rng_uniform(rng) - 1
                              : largest > 0 ? e.vector[k * c->n + i] / largest
                                            : 0;
            y[c->cells[i] * dim + k] = (float)(center[k] + radius * at + 1e-4 * sc_rng_normal(rng));
        }
out:
    sc_eigen_free(&e);
    free(c->indptr);
    free(c->indices);
    free(c->values);
    free(c->root);
    free(c->trivial);
    return st;
}

/* Cells by component, the components in the order of their first cells; both arrays of n. */
static int64_t find_components(const sc_csr *graph, int32_t *cells, int32_t *local, int64_t *begin)
{
    const int64_t n = graph->n_rows;
    int64_t n_found = 0, count = 0, at = 0;
    for (int64_t i = 0; i < n; i++)
        local[i] = -1;
    for (int64_t first = 0; first < n; first++) {
        if (local[first] >= 0)
            continue;
        begin[count++] = n_found;
        local[first] = 0;
        cells[n_found++] = (int32_t)first;
        for (; at < n_found; at++)
            for (int64_t k = graph->indptr[cells[at]]; k < graph->indptr[cells[at] + 1]; k++) {
                const int32_t j = graph->indices[k];
                if (local[j] >= 0)
                    continue;
                local[j] = 0;
                cells[n_found++] = j;
            }
    }
    begin[count] = n;
    for (int64_t c = 0; c < count; c++)
        for (int64_t i = begin[c]; i < begin[c + 1]; i++)
            local[cells[i]] = (int32_t)(i - begin[c]);
    return count;
}

static void fit_into_box(float *y, int64_t n, int dim)
{
    for (int k = 0; k < dim; k++) {
        float low = INFINITY, high = -INFINITY;
        for (int64_t i = 0; i < n; i++) {
            low = y[i * dim + k] < low ? y[i * dim + k] : low;
            high = y[i * dim + k] > high ? y[i * dim + k] : high;
        }
        for (int64_t i = 0; i < n; i++)
            y[i * dim + k] = high > low ? SIDE * (y[i * dim + k] - low) / (high - low) : 0;
    }
}

sc_status sc_umap_start(const sc_csr *graph, const sc_umap_opts *o, float *y, sc_pool *pool,
                        sc_err *err)
{
    const int64_t n = graph->n_rows;
    sc_rng rng = sc_rng_new((sc_key){o->seed, 0, 0, 0x73746172});
    int32_t *cells = NULL, *local = NULL;
    int64_t *begin = NULL;
    sc_status st;
    SC_GOTO(st, sc_alloc(&cells, (size_t)n, sizeof *cells, err), out);
    SC_GOTO(st, sc_alloc(&local, (size_t)n, sizeof *local, err), out);
    SC_GOTO(st, sc_alloc(&begin, (size_t)n + 1, sizeof *begin, err), out);
    const int64_t count = find_components(graph, cells, local, begin);
    for (int64_t c = 0; c < count; c++) { /* along a spiral, each with the area that it needs */
        component part = {.n = begin[c + 1] - begin[c], .cells = cells + begin[c], .pool = pool};
        double center[SC_UMAP_MAX_DIMS] = {0};
        const double share = (double)part.n / (double)n;
        const double before = (double)begin[c] / (double)n;
        if (c > 0) {
            const double far = 2.5 * SIDE * sqrt(before + share / 2);
            center[0] = far * cos(golden_angle * (double)c);
            center[o->n_dims > 1] = far * sin(golden_angle * (double)c);
        }
        SC_GOTO(st, place(&part, graph, local, o->n_dims, center, SIDE * sqrt(share), &rng, y, err),
                out);
    }
    fit_into_box(y, n, o->n_dims);
out:
    free(cells);
    free(local);
    free(begin);
    return st;
}
