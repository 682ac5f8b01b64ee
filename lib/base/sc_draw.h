/*
 * Draws from the distributions of counts, out of a stream of random numbers (sc_philox.h).
 */
#ifndef SC_DRAW_H
#define SC_DRAW_H

#include "sc_model.h"
#include "sc_philox.h"

/* Gamma of a shape > 0 and scale 1; 0 for a shape that is not above 0.
 * Source: Marsaglia and Tsang 2000, ACM Trans Math Softw 26:363; below a shape of 1 by their boost.
 */
double sc_draw_gamma(sc_rng *rng, double shape);
/* Poisson of a mean from 0 to 1e15.
 * Source: Hormann 1993, Insurance: Math Econ 12:39 (PTRS) from a mean of 10, products below. */
double sc_draw_poisson(sc_rng *rng, double mean);
/*
 * One draw of a distribution of counts (or of a normal) with parameters a, b, c, d as sc_dist has
 * them. max_rate: what the rate of a Poisson draw, and the gamma draw in a negative binomial, are
 * cut at.
 */
double sc_draw_dist(sc_rng *rng, sc_dist_kind kind, double a, double b, double c, double d,
                    double max_rate);

#endif
