/*
 * A wide layer of few inputs and the batch norm behind it in one op (LDVAE's linear decoder). With
 * Z the inputs (rows x d, categories as columns of 0 and 1) and W the weights (d x n), all that the
 * batch norm needs to know of X = Z W is in the small matrix G = Zc^T Zc of the centred inputs: the
 * variance of column j is w_j G w_j / rows. So X is never computed. Forward is one product with
 * scaled weights,
 *
 *     Y = Zc (W k) + beta,     k = gamma / sd
 *
 * and backward needs of dY no more than P = Zc^T dY, its sums by column s, and dY (W k)^T:
 *
 *     dgamma = (w_j P_j) / sd,  dbeta = s,  dW = k (P - c G W),  c = dgamma / (sd rows)
 *     dZ = dY (W k)^T - (W k) s / rows - Zc (sum over j of k c w_j w_j^T)
 *
 * Where stored statistics are used, Z stays as it is and s / rows and c are 0. sc_plan_fuse finds
 * such pairs (sc_plan.thin) and takes the layer off the lists. A batch norm that is kept for its
 * statistics alone has no value then, and costs next to nothing.
 */
#ifndef SC_OPS_THIN_H
#define SC_OPS_THIN_H

#include "op.h"

static inline const sc_thin *thin_of(const ex *e, int32_t id)
{
    return e->plan->thin && e->plan->thin[id].linear ? &e->plan->thin[id] : NULL;
}

#ifdef SC_ISA
int64_t SC_X(sc_thin_aux)(const ex *e, int32_t id, int64_t rows);
/* from: of aux, where the batch norm's own scratch ends. Forward has phases 0, 1 by columns and 2,
 * which writes the values, by rows, unless the head does; backward 1 by columns and 2 by rows,
 * which alone writes to the parents. */
int64_t SC_X(sc_thin_tiles)(const ex *e, int32_t id, int phase, bool backward);
/* The values of rows i0 .. i1, where phase 2 leaves them to the head. */
void SC_X(sc_thin_rows)(const ex *e, int32_t id, real *from, int64_t i0, int64_t i1);
/* The same, if node id is a thin layer's and left to its head, which wants its rows in the cache;
 * else nothing happens. */
void SC_X(sc_thin_values)(const ex *e, int32_t id, int64_t i0, int64_t i1);
void SC_X(sc_thin_fwd)(ex *e, int32_t id, real *from, int phase, int64_t tile);
void SC_X(sc_thin_bwd)(ex *e, int32_t id, real *from, int phase, int64_t tile);
#endif

#endif
