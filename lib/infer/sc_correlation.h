/*
 * Correlations of the columns of a matrix that arrives in rows: Pearson's in memory for columns x
 * columns, Spearman's (ties share their mean rank) with all rows kept.
 */
#ifndef SC_CORRELATION_H
#define SC_CORRELATION_H

#include "sc_kernels.h"
#include "sc_threads.h"

typedef struct sc_correlation sc_correlation;

/* max_bytes: what the kept rows may take, 0: any. pool and kernels are lent. */
sc_status sc_correlation_new(sc_correlation **out, int64_t n_cols, bool is_spearman,
                             int64_t max_bytes, sc_pool *pool, const sc_kernels *k,
                             sc_err *err) SC_MUST_CHECK;
/* Takes n_rows x n_cols. SC_ENOMEM: more rows than may be kept. */
sc_status sc_correlation_add(sc_correlation *c, const float *rows, int64_t n_rows,
                             sc_err *err) SC_MUST_CHECK;
/* Lends n_cols x n_cols; NaN where a column does not vary. No more rows after it. */
sc_status sc_correlation_finish(sc_correlation *c, const double **out, sc_err *err) SC_MUST_CHECK;
void sc_correlation_free(sc_correlation *c);

#endif
