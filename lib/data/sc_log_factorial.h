/*
 * The part of a likelihood of counts that depends on no parameter: a cell's sum of lgamma(x + 1).
 */
#ifndef SC_LOG_FACTORIAL_H
#define SC_LOG_FACTORIAL_H

#include <stdint.h>

/* Of small counts, which nearly all are. */
typedef struct sc_log_factorial {
    double small[1024];
} sc_log_factorial;

/* Fills the table. */
void sc_log_factorial_init(sc_log_factorial *f);
/* The sum of lgamma(x + 1) over n values, whole or not, >= 0. */
double sc_log_factorial_sum(const sc_log_factorial *f, int64_t n, const float *x);

#endif
