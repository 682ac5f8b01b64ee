/*
 * A model that starts from another one's weights: scANVI from a fitted scVI, as scvi-tools'
 * from_scvi_model does, or any two variants that have weights in common.
 */
#ifndef SC_NET_FROM_H
#define SC_NET_FROM_H

#include "sc_cells.h"
#include "sc_net.h"

/* Options of net (not built) that have the name and kind of one of `from` take its value.
 * SC_EUSAGE: one has a value already that is neither its default nor that, or can't have it. */
sc_status sc_net_options_of(sc_net *net, const sc_net *from, sc_err *err) SC_MUST_CHECK;

/* SC_EDATA where cells that were read as a query of `from` (sc_query_keys) have a batch or a
 * covariate's value that it does not know. */
sc_status sc_net_check_known(const sc_net *from, const sc_cells *c, sc_err *err) SC_MUST_CHECK;

/* Weights of net (built and initialised) that have the name of one of `from` take its values; their
 * number in *n_taken. SC_EUSAGE: there are none, or one has another shape. */
sc_status sc_net_weights_of(sc_net *net, const sc_net *from, int *n_taken,
                            sc_err *err) SC_MUST_CHECK;

#endif
