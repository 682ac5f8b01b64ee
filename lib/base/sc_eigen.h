/*
 * The largest eigenvalues of a symmetric operator, and their vectors: Lanczos with thick restarts
 * and full reorthogonalization, in double.
 * Source: K. Wu, H. Simon 2000, SIAM J. Matrix Anal. Appl. 22:602.
 */
#ifndef SC_EIGEN_H
#define SC_EIGEN_H

#include "sc_err.h"
#include "sc_threads.h"

#include <stdbool.h>

/* y = A x, n values each. It may use the pool it knows; the same x must give the same bits. */
typedef void (*sc_operator)(void *ctx, const double *x, double *y);

typedef struct sc_eigen {
    int64_t n;
    int k;
    double *value;   /* k, falling */
    double *vector;  /* k x n, of length 1; the element of largest size is positive */
    double residual; /* the largest |A v - value v|, as a share of the largest |value| */
    int n_products;
} sc_eigen;

/*
 * The k (1 .. n) largest of an operator of n x n. It ends when the residual is at most `tolerance`,
 * or after max_products products: look at `residual` where that matters. out is newly made. The
 * result depends neither on the pool nor on its threads.
 */
sc_status sc_eigen_top(sc_eigen *out, int64_t n, int k, sc_operator op, void *ctx, double tolerance,
                       int max_products, sc_pool *pool, sc_err *err) SC_MUST_CHECK;
void sc_eigen_free(sc_eigen *e);

/* All of a symmetric m x m matrix (destroyed), by Jacobi's rotations: value (m) falling, vector
 * (m x m), row i the i-th. */
sc_status sc_eigen_small(double *a, int m, double *value, double *vector,
                         sc_err *err) SC_MUST_CHECK;

#endif
