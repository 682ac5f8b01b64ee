/*
 * scVI's VAE in pieces, for the models that are made of it (scvi, scanvi): its options, encoders
 * and decoder. Weight names are those of scvi-tools' VAE module.
 */
#ifndef SC_VAE_H
#define SC_VAE_H

#include "sc_layers.h"

typedef struct sc_vae_opts {
    int64_t n_hidden, n_latent, n_layers, embedding_dim;
    double dropout_rate, var_eps;
    int dispersion, gene_likelihood, latent_distribution, batch_representation;
    int use_batch_norm, use_layer_norm, var_activation, encoder_activation, decoder_activation;
    bool encode_covariates, deeply_inject_covariates, use_observed_lib_size, log_variational,
        encoder_bias, decoder_bias;
} sc_vae_opts;

enum { SC_NORM_ENCODER, SC_NORM_DECODER, SC_NORM_NONE, SC_NORM_BOTH };
#define SC_NORM_CHOICES "encoder|decoder|none|both"
#define SC_VAR_CHOICES "exp|softplus|sigmoid|relu|square"

/* Rows of a plugin's table, for a member `m` of its options T. */
#define SC_VAE_PARAMS(T, m) SC_VAE_PARAMS_OF(T, m, SC_DISP_CHOICES)
#define SC_VAE_PARAMS_OF(T, m, disp_choices)                                                       \
    SC_INT(T, m.n_hidden, "n-hidden", 128, 1, 65536, "nodes per hidden layer"),                    \
        SC_INT(T, m.n_latent, "n-latent", 10, 1, 4096, "dimensions of the latent space"),          \
        SC_INT(T, m.n_layers, "n-layers", 1, 1, 32, "hidden layers of encoder and decoder"),       \
        SC_REAL(T, m.dropout_rate, "dropout-rate", 0.1, 0, 0.99, "dropout in the encoders"),       \
        SC_CHOICE(T, m.dispersion, "dispersion", SC_DISP_GENE, disp_choices,                       \
                  "what the inverse dispersion depends on"),                                       \
        SC_CHOICE(T, m.gene_likelihood, "gene-likelihood", SC_LIK_ZINB, SC_LIK_CHOICES,            \
                  "distribution of the counts"),                                                   \
        SC_CHOICE(T, m.latent_distribution, "latent-distribution", 0, "normal|ln",                 \
                  "normal, or logistic normal"),                                                   \
        SC_BOOL(T, m.encode_covariates, "encode-covariates", 0,                                    \
                "give batch and covariates to the encoder too"),                                   \
        SC_BOOL(T, m.deeply_inject_covariates, "deeply-inject-covariates", 1,                      \
                "give categories to every hidden layer"),                                          \
        SC_CHOICE(T, m.batch_representation, "batch-representation", 0, "one-hot|embedding",       \
                  "how the batch enters"),                                                         \
        SC_INT(T, m.embedding_dim, "embedding-dim", 5, 1, 4096,                                    \
               "dimensions of the batch embedding"),                                               \
        SC_CHOICE(T, m.use_batch_norm, "use-batch-norm", SC_NORM_BOTH, SC_NORM_CHOICES,            \
                  "where batch norm is"),                                                          \
        SC_CHOICE(T, m.use_layer_norm, "use-layer-norm", SC_NORM_NONE, SC_NORM_CHOICES,            \
                  "where layer norm is"),                                                          \
        SC_BOOL(T, m.use_observed_lib_size, "use-observed-lib-size", 1,                            \
                "library size is the cell's total, not latent"),                                   \
        SC_BOOL(T, m.log_variational, "log-variational", 1, "encoders see log(1 + counts)"),       \
        SC_CHOICE(T, m.var_activation, "var-activation", 0, SC_VAR_CHOICES,                        \
                  "what makes the variational variance positive"),                                 \
        SC_REAL(T, m.var_eps, "var-eps", 1e-4, 1e-12, 1, "added to the variational variance"),     \
        SC_CHOICE(T, m.encoder_activation, "encoder-activation", 0, SC_ACTIVATION_CHOICES,         \
                  "after each hidden layer of the encoders"),                                      \
        SC_CHOICE(T, m.decoder_activation, "decoder-activation", 0, SC_ACTIVATION_CHOICES,         \
                  "after each hidden layer of the decoder"),                                       \
        SC_BOOL(T, m.encoder_bias, "encoder-bias", 1,                                              \
                "hidden layers of the encoders have a bias"),                                      \
        SC_BOOL(T, m.decoder_bias, "decoder-bias", 1, "hidden layers of the decoder have a bias")

/* Their places in scvi-tools' constructors: rows of the model's scvi_args. */
#define SC_VAE_ARGS                                                                                \
    SC_SCVI_ARG("n-hidden", "n_hidden"), SC_SCVI_ARG("n-latent", "n_latent"),                      \
        SC_SCVI_ARG("n-layers", "n_layers"), SC_SCVI_ARG("dropout-rate", "dropout_rate"),          \
        SC_SCVI_ARG("dispersion", "dispersion"),                                                   \
        SC_SCVI_ARG("gene-likelihood", "gene_likelihood"),                                         \
        SC_SCVI_KWARG("embedding-dim", "batch_embedding_kwargs/embedding_dim", SC_SCVI_VALUE),     \
        SC_SCVI_KWARG("var-activation", "var_activation", SC_SCVI_FUNCTION),                       \
        SC_SCVI_KWARG("var-eps", "extra_encoder_kwargs/var_eps", SC_SCVI_VALUE),                   \
        SC_SCVI_KWARG("encoder-activation", "extra_encoder_kwargs/activation_fn", SC_SCVI_CLASS),  \
        SC_SCVI_KWARG("encoder-activation", "extra_encoder_kwargs/use_activation",                 \
                      SC_SCVI_SWITCH),                                                             \
        SC_SCVI_KWARG("encoder-bias", "extra_encoder_kwargs/bias", SC_SCVI_VALUE),                 \
        SC_SCVI_KWARG("decoder-activation", "extra_decoder_kwargs/activation_fn", SC_SCVI_CLASS),  \
        SC_SCVI_KWARG("decoder-activation", "extra_decoder_kwargs/use_activation",                 \
                      SC_SCVI_SWITCH),                                                             \
        SC_SCVI_KWARG("decoder-bias", "extra_decoder_kwargs/bias", SC_SCVI_VALUE),                 \
        SC_SCVI_KWARG(NULL, "extra_payload_autotune", SC_SCVI_IGNORED)

static inline bool sc_norm_in(int where, int part)
{
    return where == SC_NORM_BOTH || where == part;
}

static inline sc_fc sc_vae_fc(const sc_vae_opts *o, bool is_encoder)
{
    const int part = is_encoder ? SC_NORM_ENCODER : SC_NORM_DECODER;
    sc_fc fc = {.n_layers = o->n_layers,
                .n_hidden = o->n_hidden,
                .n_out = o->n_hidden,
                .dropout = is_encoder ? o->dropout_rate : 0,
                .use_batch_norm = sc_norm_in(o->use_batch_norm, part),
                .use_layer_norm = sc_norm_in(o->use_layer_norm, part),
                .bias = is_encoder ? o->encoder_bias : o->decoder_bias,
                .inject_covariates = o->deeply_inject_covariates};
    sc_fc_activate(&fc, is_encoder ? o->encoder_activation : o->decoder_activation);
    return fc;
}

/* The batch of each row as a point of the embedding. */
static inline sc_node sc_vae_embedding(sc_graph *g, const sc_vae_opts *o, sc_rowset rows,
                                       sc_side side)
{
    sc_begin(g, SC_PART_OTHER);
    const sc_node w =
        sc_weight(g, "_embeddings_dict.batch.weight", sc_dim_of(g, SC_DIM_BATCH), o->embedding_dim,
                  SC_IN_BATCH, SC_INIT_NORMAL, 0, SC_TRAINED | SC_ROWS_GROW);
    return sc_embed(g, w, sc_in(g, rows, SC_IN_BATCH, side));
}

/* What one side is given besides `first`: covariates and embedding as parts, categories apart. */
typedef struct sc_vae_inputs {
    sc_node parts[4], cats[SC_PARTS_MAX];
    int n_parts, n_cats;
} sc_vae_inputs;

static inline sc_vae_inputs sc_vae_side(sc_graph *g, const sc_vae_opts *o, sc_rowset rows,
                                        sc_side side, sc_node first)
{
    sc_vae_inputs in = {.parts = {first}, .n_parts = 1};
    if (side == SC_ENCODER_SIDE && !o->encode_covariates)
        return in;
    if (sc_dim_of(g, SC_DIM_CONT_COVS))
        in.parts[in.n_parts++] = sc_in(g, rows, SC_IN_CONT_COVS, SC_ENCODER_SIDE);
    if (o->batch_representation)
        in.parts[in.n_parts++] = sc_vae_embedding(g, o, rows, side);
    else
        in.cats[in.n_cats++] = sc_in(g, rows, SC_IN_BATCH, side);
    const int n_covs = (int)sc_dim_of(g, SC_DIM_CAT_COVS);
    for (int i = 0; i < n_covs && in.n_cats < SC_PARTS_MAX / 2; i++)
        in.cats[in.n_cats++] = sc_in(g, rows, (sc_input)(SC_IN_CAT_COV_0 + i), side);
    return in;
}

static inline sc_dist sc_vae_encoder(sc_graph *g, const sc_vae_opts *o, sc_rowset rows,
                                     const char *name, sc_part part, int64_t n_layers, int64_t n)
{
    static const sc_map var[] = {SC_MAP_EXP, SC_MAP_SOFTPLUS, SC_MAP_SIGMOID, SC_MAP_RELU,
                                 SC_MAP_SQUARE};
    const sc_node x = sc_counts(g, rows);
    const sc_vae_inputs in =
        sc_vae_side(g, o, rows, SC_ENCODER_SIDE, o->log_variational ? sc_log1p(g, x) : x);
    sc_fc fc = sc_vae_fc(o, true);
    fc.n_layers = n_layers;
    sc_begin(g, part);
    return sc_encoder_eps(g, name, in.parts, in.n_parts, in.cats, in.n_cats, &fc, n,
                          var[o->var_activation], o->var_eps);
}

/* q(z | x), before a softmax. */
static inline sc_dist sc_vae_qz(sc_graph *g, const sc_vae_opts *o, sc_rowset rows)
{
    return sc_vae_encoder(g, o, rows, "z_encoder", SC_PART_ENCODER, o->n_layers, o->n_latent);
}

/* Natural-scale library size, and its KL term at this weight where it is latent. scvi-tools keeps
 * the library encoder where it is unused, too. */
static inline sc_node sc_vae_library(sc_graph *g, const sc_vae_opts *o, sc_term_weight weight)
{
    const sc_dist ql = sc_vae_encoder(g, o, SC_ROWS_ALL, "l_encoder", SC_PART_LIBRARY, 1, 1);
    if (sc_dim_of(g, SC_DIM_SIZE_FACTOR))
        return sc_in(g, SC_ROWS_ALL, SC_IN_SIZE_FACTOR, SC_ENCODER_SIDE);
    if (o->use_observed_lib_size)
        return sc_row_sum(g, sc_counts(g, SC_ROWS_ALL));
    return sc_latent_library(g, ql, weight);
}

/* p(x | z, l): its reconstruction term and its outputs; gives the log-likelihood. */
static inline sc_node sc_vae_decode(sc_graph *g, const sc_vae_opts *o, sc_node z, sc_node library)
{
    const int64_t n_vars = sc_dim_of(g, SC_DIM_VARS);
    const sc_vae_inputs in = sc_vae_side(g, o, SC_ROWS_ALL, SC_DECODER_SIDE, z);
    const sc_fc fc = sc_vae_fc(o, false);
    sc_begin(g, SC_PART_DECODER);
    const sc_node h =
        sc_fc_layers(g, "decoder.px_decoder", in.parts, in.n_parts, in.cats, in.n_cats, &fc);
    const sc_node logits = sc_head(g, "decoder.px_scale_decoder", ".0", h, n_vars);
    const sc_node px_scale =
        sc_dim_of(g, SC_DIM_SIZE_FACTOR) ? sc_softplus(g, logits) : sc_softmax(g, logits);
    const sc_node px_r_logits = sc_head(g, "decoder.px_r_decoder", "", h, n_vars);
    const sc_node px_dropout = sc_head(g, "decoder.px_dropout_decoder", "", h, n_vars);
    const sc_node px_rate = sc_mul(g, px_scale, library);
    const sc_node px_r = sc_inverse_dispersion(g, o->dispersion, px_r_logits);
    sc_gene_results(g, o->gene_likelihood, px_scale, px_rate, px_r, px_dropout, library);
    return sc_reconstruct(g, o->gene_likelihood, sc_counts(g, SC_ROWS_ALL), px_rate, px_r,
                          px_dropout);
}

#endif
