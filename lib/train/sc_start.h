/*
 * What the weights of a model take from the data before training: library sizes, the background of
 * the proteins, total counts.
 */
#ifndef SC_START_H
#define SC_START_H

#include "sc_cells.h"
#include "sc_net.h"

/*
 * Fills every weight of net (built and initialised) whose start the data decide: per batch, mean
 * and population variance of log library size; mean and standard deviation (ddof 1) of log total
 * counts over all cells; mean and log scale of the proteins' background in each panel. A cell
 * without counts has log total 0 and is counted in *n_empty. Draws are keyed by seed.
 */
sc_status sc_start_weights(sc_net *net, const sc_cells *c, uint64_t seed, int64_t *n_empty,
                           sc_err *err) SC_MUST_CHECK;

/*
 * Mean and standard deviation of the lower component of a mixture of two normals, fitted to x (n,
 * sorted in place) by EM: from the best cut into two groups, at most 100 rounds, until the mean
 * log-likelihood gains less than 1e-3; variances have 1e-6 added. False where x does not fall into
 * two groups or the rounds did not do.
 * Source: what scvi-tools asks of scikit-learn's GaussianMixture, whose k-means++ start is drawn;
 * here it is the best of all cuts.
 */
bool sc_mixture_of_two(double *x, int64_t n, double *mean, double *sd);

#endif
