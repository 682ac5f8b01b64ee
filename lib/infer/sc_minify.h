/*
 * Minified cells, as scvi-tools names them: the posterior's mean and variance and the library size
 * stand for the counts, so that a model decodes them without its encoder.
 *
 *   obsm/VARIANT_latent_qzm, _qzv   mean and variance of q(z|x); likewise for further latents
 *   obs  observed_lib_size          total counts over the model's genes
 *   uns  _scvi_adata_minify_type    latent_posterior_parameters, or ..._with_counts
 *   uns  _sluice_minified_by        hash of the model's weights (where sc-embed made them)
 */
#ifndef SC_MINIFY_H
#define SC_MINIFY_H

#include "sc_stream.h"

#define SC_MINIFY_LIBRARY "observed_lib_size"

typedef struct sc_net sc_net; /* sc_net.h */

typedef struct sc_minified {
    bool is_minified, has_counts;
    int n_given; /* two for each latent that is stored: mean, variance */
    struct {
        int32_t node;
        char path[128];
    } given[32];
} sc_minified;

/* The names for the latents of a model, those with one row a cell whose q does not depend on the
 * draw of another; is_minified is unset. */
sc_status sc_minify_names(sc_minified *m, const sc_net *net, sc_err *err) SC_MUST_CHECK;
/* Whether the header says that its cells are; the rest is for sc_minify_find. */
bool sc_minify_is(const sc_header *h);
/* What the header says of its cells. SC_EDATA: another model minified them. */
sc_status sc_minify_find(sc_minified *m, const sc_header *h, const sc_net *net,
                         sc_err *err) SC_MUST_CHECK;
/* Makes h one of minified cells; unless with counts, X, the layers and raw go. */
sc_status sc_minify_header(const sc_minified *m, sc_header *h, const sc_net *net, bool with_counts,
                           sc_err *err) SC_MUST_CHECK;

/* For cells of n inputs, when out->uns has what all say: where not all were minified by the same
 * model, they are said not to be minified, and *is_lost. */
sc_status sc_minify_join(sc_header *out, const sc_header *const *in, int n, bool *is_lost,
                         sc_err *err) SC_MUST_CHECK;

/* Drops X, the layers and raw. */
void sc_minify_drop_counts(sc_header *h);
/* Drops what says that cells are minified, for cells that get counts anew. */
sc_status sc_minify_undo(sc_header *h, sc_err *err) SC_MUST_CHECK;

#endif
