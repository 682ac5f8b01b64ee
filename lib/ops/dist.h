/*
 * One count under each likelihood in double: its log-probability and the derivatives by the
 * parameters. Formulas: NB with means and inverse dispersion, L = log(theta + mu + eps_total); ZINB
 * with logits of an extra zero.
 */
#ifndef SC_DIST_H
#define SC_DIST_H

#include "sc_model.h"

typedef struct sc_point {
    double logp, da, db, dc, dd; /* by sc_dist.a .. d */
} sc_point;

/* a .. d as in sc_dist_kind; x: the count (normal: the value). */
sc_point sc_dist_point(const sc_dist *d, double x, double a, double b, double c, double dd);

#endif
