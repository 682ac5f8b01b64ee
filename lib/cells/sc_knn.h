/*
 * The k nearest neighbors of every row, exact.
 *
 * The rows searched are cut into parts by k-means; a part that the triangle inequality proves too
 * far away is not looked at. Inside a part, distances come from float32 matrix products of blocks,
 * and whatever their rounding could hide is kept; what is left at the end is ranked by distances in
 * double. So the result is that of comparing all pairs in double: it depends neither on the number
 * of threads, nor on the instruction set, nor on the parts.
 */
#ifndef SC_KNN_H
#define SC_KNN_H

#include "sc_data.h"
#include "sc_kernels.h"
#include "sc_threads.h"

typedef enum sc_metric {
    SC_EUCLIDEAN,
    SC_COSINE /* 1 - cos */
} sc_metric;

typedef struct sc_knn { /* n_rows x k each, nearest first; of equal distances, the lower index */
    int64_t n_rows;
    int k;
    int32_t *index;
    double *dist;
} sc_knn;

/*
 * Neighbors in ref of each row of query, or, with query NULL, of each row of ref: then the row
 * itself comes first. Both have the same columns. SC_EDATA: k is not in 1 .. rows of ref, a value
 * is not finite, or a row is all zeros where the metric is cosine (the row's number is named). out
 * is newly made.
 */
sc_status sc_knn_find(sc_knn *out, const sc_dense *ref, const sc_dense *query, int k,
                      sc_metric metric, sc_pool *pool, const sc_kernels *kernels,
                      sc_err *err) SC_MUST_CHECK;
void sc_knn_free(sc_knn *x);

#endif
