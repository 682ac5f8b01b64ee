/*
 * What is around a cell: its nearest other cells in a plane or volume, and the mean of what they
 * express. Exact, and the same bits for any number of threads.
 */
#ifndef SC_NEARBY_H
#define SC_NEARBY_H

#include "sc_data.h"
#include "sc_knn.h"

typedef struct sc_nearby {
    int64_t n_obs;
    int k;
    int32_t *index; /* n_obs x k, nearest first; -1 where there are fewer */
} sc_nearby;

/*
 * The k nearest other cells of each cell, among those of the same slice.
 *
 *   places   n_obs x n_axes, finite
 *   slice    n_obs, 0 <= slice < n_slices; NULL: all cells are of one
 *
 * A cell that is alone in its slice has none. out is newly made.
 */
sc_status sc_nearby_find(sc_nearby *out, const sc_dense *places, const int32_t *slice,
                         int64_t n_slices, int k, sc_pool *pool, const sc_kernels *kernels,
                         sc_err *err) SC_MUST_CHECK;
/* Mean of log(1 + counts) of the cells near rows [from, from + n), n x n_vars; zeros without any.
 */
void sc_nearby_mean(const sc_nearby *x, const sc_csr *counts, int64_t from, int64_t n, float *out);
void sc_nearby_free(sc_nearby *x);

#endif
