/*
 * Posterior predictive counts: draws of the latents, then of the counts' distribution. Keyed by
 * seed, the cell's name and the number of the draw, so that a cell's counts do not depend on its
 * company.
 */
#ifndef SC_PREDICT_H
#define SC_PREDICT_H

#include "sc_infer.h"
#include "sc_philox.h"

/* Random numbers for row `row` of the block that x has; `what` sets them apart from those of the
 * latents, and of each other. */
enum { SC_DRAWS_GENES = 0xC0, SC_DRAWS_PROTEINS, SC_DRAWS_MIXING };
sc_rng sc_predict_rng(const sc_infer *x, int64_t row, uint64_t seed, uint32_t draw_no,
                      uint32_t what);

typedef struct sc_predictor {
    sc_dist d;        /* of the counts: ids of its parameters */
    int32_t nodes[4]; /* to hand to sc_infer_open */
    int n_nodes;
    sc_input input;
    int64_t n_cols;  /* the model's genes, or proteins */
    double max_rate; /* see sc_draw_dist */
} sc_predictor;

/* input: SC_IN_COUNTS or SC_IN_PROTEINS. SC_EUSAGE if the model has no distribution of those. */
sc_status sc_predict_find(sc_predictor *p, const sc_net *net, sc_input input, double max_rate,
                          sc_err *err) SC_MUST_CHECK;
/* Counts (of a normal distribution real numbers) of rows [from, from + n), the rows that x ran
 * last: out is n x n_cols. draw_no and seed as in sc_infer_run. */
void sc_predict_rows(const sc_predictor *p, const sc_infer *x, int64_t from, int64_t n,
                     uint64_t seed, uint32_t draw_no, sc_pool *pool, float *out);
/*
 * Denoised expression, as scvi-tools has it: gamma draws of a mean times a factor and of a shape;
 * of proteins 0 where a draw by the logit of being background says so.
 */
typedef struct sc_denoiser {
    sc_input input;
    int32_t mean, shape, background; /* nodes; a shape of one row stands for all; background 0:
                                        there is none */
    double factor;
    int64_t n_cols;
} sc_denoiser;
/* As sc_predict_find; factor is for genes. SC_EUSAGE if the model's counts are of another kind. */
sc_status sc_denoiser_find(sc_denoiser *d, const sc_net *net, sc_input input, double factor,
                           sc_err *err) SC_MUST_CHECK;
/* As sc_predict_rows. */
void sc_denoise_rows(const sc_denoiser *d, const sc_infer *x, int64_t from, int64_t n,
                     uint64_t seed, uint32_t draw_no, sc_pool *pool, float *out);

#endif
