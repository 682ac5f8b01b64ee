/*
 * Between the files of sc_net.h: the tensors of a saved model, each of which must be a weight of
 * the graph, of its shape and finite.
 */
#ifndef SC_NET_TENSORS_H
#define SC_NET_TENSORS_H

#include "sc_net.h"
#include "sc_stream.h"
#include "sc_threads.h"

/* The shape that a weight is saved with, to t->n_dims and t->dims. */
void sc_net_dims(const sc_gweight *w, sc_tensor *t);
/* SC_EFORMAT if the model has no such weight, SC_EDATA if a value is not finite. */
sc_status sc_net_take(sc_net *net, const char *name, int n_dims, const int64_t *dims,
                      const float *values, sc_err *err) SC_MUST_CHECK;
/* Reads and takes all tensors of f, which has in's head (sc_model_file_head): each weight that is
 * saved must be there once. Those of net->is_read are decoded, on the threads of pool; NULL: on
 * this one. The first that is wrong is the one that is told of. */
sc_status sc_net_take_all(sc_net *net, const sc_model_file *f, sc_reader *in, sc_pool *pool,
                          sc_err *err) SC_MUST_CHECK;

#endif
