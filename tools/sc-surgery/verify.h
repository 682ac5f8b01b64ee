/* sc-surgery --verify: does a query model embed the reference's cells as the reference does? */
#ifndef VERIFY_H
#define VERIFY_H

#include "sc_infer.h"

#include <stdio.h>

/*
 * models[0] is the reference. For each of the others two lines of TSV: the embedding (mean and
 * variance of q(z|x)), and the expression decoded from its mean (px_scale, where the model has
 * it): cells, how many of them have the same bits, the largest difference. SC_EFORMAT, naming the
 * first, if a model embeds any cell otherwise.
 */
sc_status verify(const sc_net *models, const char *const *names, int n, sc_reader *in,
                 const sc_keys *keys, sc_pool *pool, const sc_kernels *k, FILE *out,
                 sc_err *err) SC_MUST_CHECK;

#endif
