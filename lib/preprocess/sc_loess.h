/*
 * Local quadratic regression on one predictor, as dloess fits it by default: weighted fits at the
 * vertices of a k-d tree (cell capacity 0.2 of the neighbourhood), cubic Hermite blending between
 * them, no robustness iterations.
 */
#ifndef SC_LOESS_H
#define SC_LOESS_H

#include "sc_err.h"

#include <stdint.h>

/*
 *   x, y    n   finite, in any order
 *   span        share of the points in a neighbourhood, > 0
 *   yhat    n   out, the fit at x
 *
 * Runs on the calling thread, sums in rising order of x (equal ones in the order given): the same
 * input gives the same bits. SC_EDATA where the neighbourhood holds fewer than three points, or
 * only points with the same x; yhat is then undefined.
 * Source: Cleveland and Grosse 1991, Statistics and Computing 1:47.
 */
sc_status sc_loess(int64_t n, const double *x, const double *y, double span, double *yhat,
                   sc_err *err) SC_MUST_CHECK;

#endif
