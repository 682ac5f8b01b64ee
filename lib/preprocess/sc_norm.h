/*
 * Library size normalization and log1p, a block of rows at a time.
 */
#ifndef SC_NORM_H
#define SC_NORM_H

#include "sc_rows.h"

/* totals (n_rows), out: the sum of each row, counts, over the columns that `skip` (n_cols; NULL:
 * none) does not mark. */
void sc_norm_totals(const sc_rows *x, const uint8_t *skip, double *totals);

/* Marks in is_high (n_cols) the columns that hold more than max_fraction of the total of any row;
 * marks of earlier blocks stay. totals: n_rows, of whole rows. */
void sc_norm_mark_high(const sc_rows *x, const double *totals, double max_fraction,
                       uint8_t *is_high);

/* Median of the totals above 0, or 0 if there is none. Reorders totals. */
double sc_norm_median(int64_t n, double *totals);

/* Each row times target / its total, in place, and of that log(1 + x) if is_log; a row whose total
 * is 0 is not scaled. log(1 + x) is correctly rounded but for some values in 10^6, and the same
 * bits on every CPU, as it rests on no library function. x >= 0. */
void sc_norm_rows(const sc_rows *x, const double *totals, double target, bool is_log);

/* log(1 + x), good to 1e-14 of the value. */
double sc_norm_log1p_of(double x);

#endif
