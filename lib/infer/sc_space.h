/*
 * Which latent space an embedding lies in, so that embeddings of two spaces are not taken for one.
 * A query model that sc-surgery made of a reference has the reference's space, unless what leads to
 * it from the expression was trained on. sc-embed writes it to uns:
 *
 *   "latent_space": {"X_scvi": "0123456789abcdef", ...}      by name in obsm
 */
#ifndef SC_SPACE_H
#define SC_SPACE_H

#include "sc_net.h"
#include "sc_stream.h"

/* Marks the weights that say which space a model has. */
void sc_space_weights(const sc_built *g, bool *weights);
/* The embedding `name` in h is of this model. */
sc_status sc_space_set(sc_header *h, const char *name, const sc_net *net,
                       sc_err *err) SC_MUST_CHECK;
/* False if a and b both say what space `name` lies in, and it is not the same. */
bool sc_space_may_be_one(const sc_header *a, const sc_header *b, const char *name);

#endif
