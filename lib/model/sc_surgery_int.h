/* Between the files of sc_surgery.h. */
#ifndef SC_SURGERY_INT_H
#define SC_SURGERY_INT_H

#include "sc_surgery.h"

/* Where a row or column of a grown weight comes from: one of the reference's (>= 0), or */
enum { SC_FROM_FRESH = -1, SC_FROM_ZERO = -2 };

/* rows (w->rows) and cols (w->cols) of the map; the caller frees both. old: the reference's weight
 * of the same name. */
sc_status sc_surgery_map(const sc_gweight *w, const sc_gweight *old, bool is_compat, int64_t **rows,
                         int64_t **cols, sc_err *err) SC_MUST_CHECK;

/* An element of a weight, by row and column of the saved tensor. */
float *sc_surgery_at(float *weights, const sc_gweight *w, int64_t r, int64_t c);

/* The reference's weight of the same name, or NULL. */
const sc_gweight *sc_surgery_old(const sc_net *ref, const sc_gweight *w);

#endif
