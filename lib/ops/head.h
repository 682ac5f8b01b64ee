/*
 * A decoder's head in one op. Where a plan has
 *
 *     logits -> softmax -> mul by one value a row (library size) -> observe NB or ZINB of counts
 *                                                 -> neg -> one term
 *
 * and nobody else takes what lies between, sc_plan_fuse (SC_PLAN_FUSE) leaves softmax and mul out
 * of the lists, so that they are never computed nor stored, and the observe op does their work row
 * by row while the row is in the cache. With SC_PLAN_BACKWARD its forward also writes the term's
 * gradient, weight and all, into the gradients of the logits (through the softmax), of the zero
 * inflation's logits and of a dispersion that has rows; those nodes have no other consumer and are
 * marked in sc_plan.is_graded: backward neither clears nor touches them. What is left to backward
 * is small: the library size's gradient, one value a row, and that of a gene-wise dispersion, the
 * sum of one partial row a tile.
 */
#ifndef SC_OPS_HEAD_H
#define SC_OPS_HEAD_H

#include "op.h"

static inline const sc_head *head_of(const ex *e, int32_t id)
{
    return e->plan->head && e->plan->head[id].logits ? &e->plan->head[id] : NULL;
}

#ifdef SC_ISA
int64_t SC_X(sc_head_aux)(const ex *e, int32_t id, int64_t rows);
int64_t SC_X(sc_head_tiles)(const ex *e, int32_t id, const sc_head *h, int phase, bool backward);
void SC_X(sc_head_fwd)(ex *e, int32_t id, const sc_head *h, int64_t tile);
void SC_X(sc_head_bwd)(ex *e, int32_t id, const sc_head *h, int phase, int64_t tile);
#endif

#endif
