/* Shared by the files of the neighbor search. */
#ifndef SC_KNN_INT_H
#define SC_KNN_INT_H

#include "sc_knn.h"

enum { SC_KNN_PAD = 32 }; /* columns of a block are a multiple of it */

/*
 * Rows in the order of their parts, as floats shifted by the mean (cosine: of length 1). A part's
 * rows stand in `block` as columns, with a last row of their squared lengths: the product of
 * (-2 x, 1) with it is the squared distance from x but for a constant of x. Columns added to fill
 * it up are infinitely far away.
 */
typedef struct sc_knn_parts {
    int64_t n;
    int d, n_parts;
    double *shift;   /* d */
    float *centroid; /* n_parts x d */
    float *to_parts; /* the centroids as a block: (d + 1) x n_parts */
    double *radius;  /* n_parts: from the centroid to the part's farthest row */
    int64_t *start;  /* n_parts + 1 */
    int32_t *order;  /* n: position -> row */
    float *x;        /* n x d, by position */
    int64_t *padded; /* n_parts + 1: start, if sizes were multiples of SC_KNN_PAD */
    float *block;    /* part p: (d + 1) x its padded size, from padded[p] * (d + 1) on */
    double max_norm; /* longest row */
} sc_knn_parts;

/* p is newly made, for sc_knn_parts_free; nothing of ref is kept. SC_EDATA as sc_knn_find says,
 * SC_ENOMEM. */
sc_status sc_knn_parts_new(sc_knn_parts *p, const sc_dense *ref, sc_metric metric, sc_pool *pool,
                           const sc_kernels *kernels, sc_err *err) SC_MUST_CHECK;
void sc_knn_parts_free(sc_knn_parts *p);

/* Rows of m as the parts have theirs, n x d. SC_EDATA as sc_knn_find says. */
sc_status sc_knn_prepare(const sc_dense *m, const double *shift, sc_metric metric, float *x,
                         sc_err *err) SC_MUST_CHECK;
/* The nearest centroid of each row of x. */
sc_status sc_knn_assign(const sc_knn_parts *p, const float *x, int64_t n, int32_t *part,
                        sc_pool *pool, const sc_kernels *kernels, sc_err *err) SC_MUST_CHECK;
/* Rows grouped by part, rising inside one: start (n_parts + 1) and order (n). */
void sc_knn_group(const int32_t *part, int64_t n, int n_parts, int64_t *start, int32_t *order);
/* Between two rows of d values. */
double sc_knn_distance(const float *a, const float *b, int d, sc_metric metric);

#endif
