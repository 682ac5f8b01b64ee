/*
 * Posterior predictive counts: draws of the latents, then of the counts' distribution. Keyed by
 * seed, the cell's name and the number of the draw, so that a cell's counts do not depend on its
 * company.
 */
#ifndef SC_PREDICT_H
#define SC_PREDICT_H

#include "sc_infer.h"

typedef struct sc_predictor {
    sc_dist d;        /* of the counts: ids of its parameters */
    int32_t nodes[4]; /* to hand to sc_infer_open */
    int n_nodes;
    int64_t n_vars;
    double max_rate; /* see sc_draw_dist */
} sc_predictor;

/* SC_EUSAGE if the model has no distribution of counts. */
sc_status sc_predict_find(sc_predictor *p, const sc_net *net, double max_rate,
                          sc_err *err) SC_MUST_CHECK;
/* Counts (of a normal distribution real numbers) of rows [from, from + n), the rows that x ran
 * last: out is n x n_vars, of the model's genes. draw_no and seed as in sc_infer_run. */
void sc_predict_rows(const sc_predictor *p, const sc_infer *x, int64_t from, int64_t n,
                     uint64_t seed, uint32_t draw_no, sc_pool *pool, float *out);
/*
 * Denoised expression, as scvi-tools has it: gamma draws of mean scale x px_scale and shape px_r,
 * keyed likewise. scale, shape: nodes; a shape of one row stands for all.
 */
void sc_predict_denoised(const sc_infer *x, int32_t scale, int32_t shape, double factor,
                         int64_t from, int64_t n, uint64_t seed, uint32_t draw_no, sc_pool *pool,
                         float *out);

#endif
