/*
 * Adam as torch has it, over the weights of a graph. A weight that gets no gradient in a step is
 * skipped: no decay, no moment, no step counted.
 */
#ifndef SC_OPTIMIZER_H
#define SC_OPTIMIZER_H

#include "sc_exec.h"

typedef struct sc_optimizer sc_optimizer;

/* A run of the flat weights, all of one weight. */
typedef struct sc_span {
    int weight;
    int64_t from, n;
    bool decays_only; /* its gradient counts as 0 */
} sc_span;

typedef struct sc_rates {
    double lr, eps, weight_decay;
} sc_rates;

/* No moments, no steps. Keeps g, which must outlive it; the caller frees it. SC_ENOMEM. */
sc_status sc_optimizer_new(sc_optimizer **out, const sc_built *g, sc_err *err) SC_MUST_CHECK;
/* From now on only what lies in these spans moves. Before the first step. */
sc_status sc_optimizer_limit(sc_optimizer *o, const sc_span *spans, int64_t n,
                             sc_err *err) SC_MUST_CHECK;
/* One step for the weights that moves[] marks (sc_plan.moves). w, grad: flat, as the executor has
 * them. False if a gradient is not finite: the weights are then not fit for use. */
bool sc_optimizer_step(sc_optimizer *o, const bool *moves, float *w, const float *grad,
                       const sc_rates *r, sc_pool *pool, const sc_kernels *k);
/* Backward of the group's terms, after forward of the same run, and the step, in one: the same
 * weights to the bit, faster; gradients() then lack a part. */
bool sc_optimizer_descend(sc_optimizer *o, sc_exec_f32 *e, const sc_plan *p, const sc_run *run,
                          int group, const sc_rates *r, sc_pool *pool, const sc_kernels *k);
/* Forward of a run too, and behind it sc_optimizer_descend of group 0 if the judge lets it go on.
 * descended: it did, and no gradient was other than finite. Errors: sc_exec_forward's. */
sc_status sc_optimizer_pass(sc_optimizer *o, sc_exec_f32 *e, const sc_plan *p, const sc_run *run,
                            sc_judge *judge, const sc_rates *r, sc_pool *pool, const sc_kernels *k,
                            bool *descended, sc_err *err) SC_MUST_CHECK;
/* Scales the gradient of what moves so that its norm is at most max_norm (torch's clip_grad_norm_).
 */
void sc_optimizer_clip(const sc_optimizer *o, const bool *moves, float *grad, double max_norm);
/* What a later step depends on, lent: moments (flat, n_params) and steps of each weight. */
typedef struct sc_adam_state {
    float *m, *v;
    int64_t *t;
} sc_adam_state;
sc_adam_state sc_optimizer_state(const sc_optimizer *o);
void sc_optimizer_free(sc_optimizer *o);

#endif
