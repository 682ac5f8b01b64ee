/*
 * Loadings of a model with a linear decoder: genes x latent dimensions, the scale of a batch norm
 * after it folded in.
 */
#ifndef SC_LOADINGS_H
#define SC_LOADINGS_H

#include "sc_net.h"

/* out (n_vars x *n_latent, row-major) is the caller's to free. SC_EUSAGE: the model has no linear
 * decoder. */
sc_status sc_loadings(const sc_net *net, float **out, int64_t *n_latent, sc_err *err) SC_MUST_CHECK;

#endif
