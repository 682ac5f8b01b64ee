/*
 * How far probabilities of classes can be believed, from cells whose class is known and that took
 * no part in training.
 *
 *   probs    n x k  probabilities of the classes, rows sum to 1
 *   truth    n      the class of each cell, 0 .. k-1
 */
#ifndef SC_CALIBRATE_H
#define SC_CALIBRATE_H

#include "sc_err.h"

#include <stdint.h>

/*
 * The temperature T for which softmax(log(probs) / T) gives the truth the largest likelihood,
 * between 0.05 and 20. One number can't change which class is the likeliest.
 * Source: Guo, Pleiss, Sun, Weinberger 2017, ICML.
 */
double sc_temperature_fit(int64_t n, int64_t k, const float *probs, const int32_t *truth);

/* Expected calibration error: mean distance of confidence and accuracy over n_bins equal bins of
 * the largest probability, weighted by their cells. */
double sc_calibration_error(int64_t n, int64_t k, const float *probs, const int32_t *truth,
                            int n_bins);

/*
 * The smallest probability a class must have to stand in a cell's set, so that the sets hold the
 * truth for at least `coverage` (0 to 1) of further cells like these, whatever the model: split
 * conformal prediction. 0 where n is too small for that coverage: every class stands in the set.
 * Source: Sadinle, Lei, Wasserman 2019, J Am Stat Assoc 114:223.
 */
sc_status sc_conformal_floor(int64_t n, int64_t k, const float *probs, const int32_t *truth,
                             double coverage, double *floor, sc_err *err) SC_MUST_CHECK;

#endif
