/*
 * Principal components of the rows of a sparse matrix, which stays sparse: columns are centered in
 * the products only. All in double, by Lanczos (sc_eigen.h); the same for any number of threads.
 */
#ifndef SC_PCA_H
#define SC_PCA_H

#include "sc_data.h"
#include "sc_threads.h"

typedef struct sc_pca {
    int64_t n_cols;
    int k;
    double *mean;      /* n_cols */
    double *component; /* k x n_cols, of length 1; the element of largest size is positive */
    double *variance;  /* k, falling: of the rows along each, over n - 1 */
    double total;      /* variance of all columns */
    double residual;   /* see sc_eigen.h */
} sc_pca;

/* k: 1 .. the smaller side of x less 1, else SC_EDATA; likewise if no column varies, or a value is
 * not finite. out is newly made. */
sc_status sc_pca_fit(sc_pca *out, const sc_csr *x, int k, sc_pool *pool, sc_err *err) SC_MUST_CHECK;
/* Rows of x along the components: y is n_rows x k. */
void sc_pca_project(const sc_pca *p, const sc_csr *x, float *y, sc_pool *pool);
void sc_pca_free(sc_pca *p);

#endif
