/*
 * Blocks that scVI's family shares, written in the services of sc_model.h; names are those of
 * scvi-tools' state dicts.
 */
#ifndef SC_LAYERS_H
#define SC_LAYERS_H

#include "sc_model.h"

#include <stdio.h>

enum { SC_NAME_MAX = 160, SC_PARTS_MAX = 40 };

typedef struct sc_fc {
    int64_t n_layers, n_hidden, n_out;
    double dropout;
    bool use_batch_norm, use_layer_norm, use_activation, bias, inject_covariates;
    sc_map activation;
} sc_fc;

/* What may stand after a hidden layer; the words are those of torch.nn's classes. */
#define SC_ACTIVATION_CHOICES                                                                      \
    "relu|leaky-relu|silu|gelu|elu|tanh|sigmoid|softplus|selu|celu|mish|softsign|hardswish|"       \
    "identity"
static inline void sc_fc_activate(sc_fc *fc, int choice)
{
    static const sc_map map[] = {SC_MAP_RELU, SC_MAP_LEAKY_RELU, SC_MAP_SILU,     SC_MAP_GELU,
                                 SC_MAP_ELU,  SC_MAP_TANH,       SC_MAP_SIGMOID,  SC_MAP_SOFTPLUS,
                                 SC_MAP_SELU, SC_MAP_ELU, /* at its default, celu is elu */
                                 SC_MAP_MISH, SC_MAP_SOFTSIGN,   SC_MAP_HARDSWISH};
    fc->use_activation = choice < (int)(sizeof map / sizeof *map);
    fc->activation = fc->use_activation ? map[choice] : SC_MAP_RELU;
}

/*
 * FCLayers: n_layers of Linear, BatchNorm, LayerNorm, activation, Dropout. The first layer's input
 * is parts followed by the one-hot columns of cats; later ones get cats too if inject_covariates.
 */
static inline sc_node sc_fc_layers(sc_graph *g, const char *name, const sc_node *parts, int n_parts,
                                   const sc_node *cats, int n_cats, const sc_fc *o)
{
    sc_node in[SC_PARTS_MAX], h = SC_NONE;
    int n = 0;
    for (; n < n_parts && n < SC_PARTS_MAX; n++)
        in[n] = parts[n];
    for (int64_t layer = 0; layer < o->n_layers; layer++) {
        char at[SC_NAME_MAX + 32];
        if (layer) {
            in[0] = h;
            n = 1;
        }
        for (int c = 0; (layer == 0 || o->inject_covariates) && c < n_cats && n < SC_PARTS_MAX; c++)
            in[n++] = cats[c];
        (void)snprintf(at, sizeof at, "%s.fc_layers.Layer %d.0", name, (int)layer);
        h = sc_linear(g, at, in, n, layer == o->n_layers - 1 ? o->n_out : o->n_hidden,
                      (o->bias ? SC_BIAS : 0U) | SC_COVARIATES_TRAIN);
        if (o->use_batch_norm) {
            (void)snprintf(at, sizeof at, "%s.fc_layers.Layer %d.1", name, (int)layer);
            h = sc_batch_norm(g, at, h, 1e-3, 0.01);
        }
        if (o->use_layer_norm)
            h = sc_layer_norm(g, h, 1e-5);
        if (o->use_activation)
            h = g->sv->map(g, o->activation, h, 0);
        h = sc_dropout(g, h, o->dropout);
    }
    return h;
}

static inline sc_node sc_head(sc_graph *g, const char *prefix, const char *suffix, sc_node h,
                              int64_t n_out)
{
    char at[SC_NAME_MAX];
    (void)snprintf(at, sizeof at, "%s%s", prefix, suffix);
    return sc_linear(g, at, &h, 1, n_out, SC_BIAS);
}

/* Encoder: q = N(mean, variance = activation + var_eps). */
static inline sc_dist sc_encoder_eps(sc_graph *g, const char *name, const sc_node *parts,
                                     int n_parts, const sc_node *cats, int n_cats, const sc_fc *o,
                                     int64_t n_latent, sc_map var_activation, double var_eps)
{
    char at[SC_NAME_MAX];
    (void)snprintf(at, sizeof at, "%s.encoder", name);
    const sc_node h = sc_fc_layers(g, at, parts, n_parts, cats, n_cats, o);
    const sc_node mean = sc_head(g, name, ".mean_encoder", h, n_latent);
    const sc_node var = sc_apply(g, var_activation, sc_head(g, name, ".var_encoder", h, n_latent));
    return sc_normal(mean, sc_affine(g, var, 1, var_eps));
}

static inline sc_dist sc_encoder(sc_graph *g, const char *name, const sc_node *parts, int n_parts,
                                 const sc_node *cats, int n_cats, const sc_fc *o, int64_t n_latent,
                                 sc_map var_activation)
{
    return sc_encoder_eps(g, name, parts, n_parts, cats, n_cats, o, n_latent, var_activation, 1e-4);
}

/*
 * Log library size as a latent: its q, and the prior of the cell's batch, whose means and variances
 * come from the data or from --library-prior. Adds KL(l) at the given weight; gives the size on the
 * natural scale.
 */
static inline sc_node sc_latent_library(sc_graph *g, sc_dist ql, sc_term_weight weight)
{
    const int64_t n_batch = sc_dim_of(g, SC_DIM_BATCH);
    const sc_node batch = sc_in(g, SC_ROWS_ALL, SC_IN_BATCH, SC_DECODER_SIDE);
    const sc_node mean =
        sc_weight(g, "library_log_means", 1, n_batch, SC_IN_BATCH, SC_INIT_LIBRARY_LOG_MEANS, 0, 0);
    const sc_node var =
        sc_weight(g, "library_log_vars", 1, n_batch, SC_IN_BATCH, SC_INIT_LIBRARY_LOG_VARS, 0, 0);
    const sc_dist prior = sc_normal(sc_gather(g, mean, batch), sc_gather(g, var, batch));
    const sc_node l = sc_latent(g, "l", ql, prior);
    sc_minimize(g, "kl_l", SC_TERM_KL_L, weight, sc_kl(g, ql, prior));
    return sc_exp(g, l);
}

/* What the inverse dispersion depends on. */
enum { SC_DISP_GENE, SC_DISP_GENE_BATCH, SC_DISP_GENE_LABEL, SC_DISP_GENE_CELL };
#define SC_DISP_CHOICES "gene|gene-batch|gene-label|gene-cell"

/* exp of the weight px_r, or of `logits` where each cell has its own. */
static inline sc_node sc_inverse_dispersion(sc_graph *g, int dispersion, sc_node logits)
{
    const int64_t n_vars = sc_dim_of(g, SC_DIM_VARS);
    const bool by_batch = dispersion == SC_DISP_GENE_BATCH;
    const sc_input by = by_batch ? SC_IN_BATCH : SC_IN_LABELS;
    sc_begin(g, SC_PART_OTHER);
    if (dispersion == SC_DISP_GENE_CELL)
        return sc_exp(g, logits);
    if (dispersion == SC_DISP_GENE)
        return sc_exp(g,
                      sc_weight(g, "px_r", 1, n_vars, SC_IN_COUNTS, SC_INIT_NORMAL, 0, SC_TRAINED));
    const sc_node w =
        sc_weight(g, "px_r", n_vars, sc_dim_of(g, by_batch ? SC_DIM_BATCH : SC_DIM_LABELS), by,
                  SC_INIT_NORMAL, 0, SC_TRAINED);
    return sc_exp(g, sc_gather(g, w, sc_in(g, SC_ROWS_ALL, by, SC_DECODER_SIDE)));
}

/* The distribution of the counts, and its term; gives the log-likelihood; px_r and px_dropout as
 * far as it has them. */
enum { SC_LIK_ZINB, SC_LIK_NB, SC_LIK_POISSON, SC_LIK_NORMAL };
#define SC_LIK_CHOICES "zinb|nb|poisson|normal"

static inline sc_node sc_reconstruct(sc_graph *g, int likelihood, sc_node x, sc_node px_rate,
                                     sc_node px_r, sc_node px_dropout)
{
    const sc_dist d = likelihood == SC_LIK_ZINB      ? sc_zinb(px_rate, px_r, px_dropout)
                      : likelihood == SC_LIK_NB      ? sc_nb(px_rate, px_r)
                      : likelihood == SC_LIK_POISSON ? sc_poisson(px_rate)
                                                     : sc_normal_sd(px_rate, px_r);
    const sc_node loglik = sc_observe(g, "x", d, x);
    sc_minimize(g, "reconstruction", SC_TERM_RECONSTRUCTION, SC_WEIGHT_ONE, sc_neg(g, loglik));
    return loglik;
}

/* log sum exp of each row, n columns. */
static inline sc_node sc_log_sum_exp(sc_graph *g, sc_node x, int64_t n)
{
    const sc_dist d = {.kind = SC_CATEGORICAL_LOGITS, .a = g->sv->repeat_rows(g, x, n)};
    const sc_node log_p = sc_log_prob(g, d, g->sv->enumerate(g, x, n)); /* x - log sum exp */
    const sc_node each = sc_sub(g, x, g->sv->unstack(g, log_p, n));
    return sc_affine(g, sc_row_sum(g, each), 1 / (double)n, 0);
}

static inline void sc_gene_results(sc_graph *g, int likelihood, sc_node px_scale, sc_node px_rate,
                                   sc_node px_r, sc_node px_dropout, sc_node library)
{
    sc_result(g, "px_scale", SC_OUT_VARS, px_scale,
              "expected share of each gene in the cell's expression");
    sc_result(g, "px_rate", SC_OUT_VARS, px_rate, "expected counts");
    if (likelihood != SC_LIK_POISSON)
        sc_result(g, "px_r", SC_OUT_VARS, px_r, "inverse dispersion (normal: standard deviation)");
    sc_result(g, "px_dropout", SC_OUT_VARS, px_dropout, "logits of an extra zero");
    sc_result(g, "library", SC_OUT_CELL, library, "library size, counts");
}

#endif
