/* What sc-sample's files share: one side of a sample is the genes, another the proteins of models
 * that have them. */
#ifndef SC_SAMPLE_H
#define SC_SAMPLE_H

#include "sc_correlation.h"
#include "sc_decode.h"
#include "sc_over.h"
#include "sc_predict.h"

typedef struct sample_opts {
    sc_common common;
    sc_over_opts over;
    const char *transform_batch;
    int latent, correlation;
    int64_t n_samples, memory;
    double max_poisson_rate, rna_size_factor;
    bool log_transform;
} sample_opts;

enum { LATENT_SAMPLE, LATENT_MEAN };
enum { CORRELATION_NOT, CORRELATION, SPEARMAN, PEARSON };
enum { GENES, PROTEINS, N_SIDES };

typedef struct side {
    sc_predictor counts;
    sc_denoiser denoiser; /* for --correlation */
    float *values;        /* SC_INFER_ROWS x all of the model's */
    int64_t n_cols;       /* all of the model's */
} side;

typedef struct sampler {
    const sample_opts *o;
    sc_over s;
    int64_t n_samples;
    sc_batch_list batches;
    int n_sides;
    side sides[N_SIDES];
    bool is_real; /* the genes' draws are no counts: a normal distribution */
    sc_header kept;
    char protein_path[256]; /* obsm of the proteins */
    sc_subset genes;        /* of the input */
    int32_t *order;         /* the model's gene of each kept one */
} sampler;

/* How many batches to decode for. */
static inline int n_batches(const sampler *m)
{
    return m->batches.n ? m->batches.n : 1;
}

/* One draw of rows [from, from + n) of the block, decoded for one batch, into the sides' values. */
sc_status draw_rows(sampler *m, int64_t from, int64_t n, int64_t draw, int batch,
                    sc_err *err) SC_MUST_CHECK;

/* Prints how features correlate over the draws of all cells. */
sc_status correlate(sampler *m, sc_err *err) SC_MUST_CHECK;

#endif
