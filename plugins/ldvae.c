/*
 * LDVAE, linearly decoded VAE. Svensson, Gayoso, Yosef, Pachter 2020, Bioinformatics 36:3418.
 *
 *   z ~ N(0, I)     l ~ N(l_mu, l_sigma^2) of the cell's batch, or observed
 *   rho = softmax(BN(W [z, s]))       mu = exp(l) rho
 *   x ~ NB(mu, theta), ZINB(mu, theta, BN(V [z, s])) or Poisson(mu)
 *
 * The columns of W are the loadings. Weight names are those of scvi-tools' LDVAE module.
 */
#include "sc_layers.h"

enum { DISP_GENE, DISP_GENE_BATCH };
enum { LIK_NB, LIK_ZINB, LIK_POISSON };

typedef struct ldvae_opts {
    int64_t n_hidden, n_latent, n_layers_encoder;
    double dropout_rate;
    int dispersion, gene_likelihood, latent_distribution;
    bool bias, use_batch_norm, use_observed_lib_size, log_variational;
} ldvae_opts;

static const sc_param params[] = {
    SC_INT(ldvae_opts, n_hidden, "n-hidden", 128, 1, 65536,
           "nodes per hidden layer of the encoder"),
    SC_INT(ldvae_opts, n_latent, "n-latent", 10, 1, 4096, "dimensions of the latent space"),
    SC_INT(ldvae_opts, n_layers_encoder, "n-layers-encoder", 1, 1, 32,
           "hidden layers of the encoder"),
    SC_REAL(ldvae_opts, dropout_rate, "dropout-rate", 0.1, 0, 0.99, "dropout in the encoders"),
    SC_CHOICE(ldvae_opts, dispersion, "dispersion", 0, "gene|gene-batch",
              "what the inverse dispersion depends on"),
    SC_CHOICE(ldvae_opts, gene_likelihood, "gene-likelihood", 0, "nb|zinb|poisson",
              "distribution of the counts"),
    SC_CHOICE(ldvae_opts, latent_distribution, "latent-distribution", 0, "normal|ln",
              "normal, or logistic normal"),
    SC_BOOL(ldvae_opts, bias, "bias", 0, "the linear decoder has a bias"),
    SC_BOOL(ldvae_opts, use_batch_norm, "use-batch-norm", 1, "batch norm in the linear decoder"),
    SC_BOOL(ldvae_opts, use_observed_lib_size, "use-observed-lib-size", 0,
            "library size is the cell's total, not latent"),
    SC_BOOL(ldvae_opts, log_variational, "log-variational", 1, "encoders see log(1 + counts)"),
    SC_PARAM_END};

static sc_node library(sc_graph *g, const ldvae_opts *o, sc_node x, sc_dist ql)
{
    if (o->use_observed_lib_size)
        return sc_row_sum(g, x);
    const int64_t n_batch = sc_dim_of(g, SC_DIM_BATCH);
    const sc_node batch = sc_in(g, SC_ROWS_ALL, SC_IN_BATCH, SC_DECODER_SIDE);
    const sc_node mean =
        sc_weight(g, "library_log_means", 1, n_batch, SC_IN_BATCH, SC_INIT_LIBRARY_LOG_MEANS, 0, 0);
    const sc_node var =
        sc_weight(g, "library_log_vars", 1, n_batch, SC_IN_BATCH, SC_INIT_LIBRARY_LOG_VARS, 0, 0);
    const sc_dist prior = sc_normal(sc_gather(g, mean, batch), sc_gather(g, var, batch));
    const sc_node l = sc_latent(g, "l", ql, prior);
    sc_minimize(g, "kl_l", SC_TERM_KL_L, SC_WEIGHT_ONE, sc_kl(g, ql, prior));
    return sc_exp(g, l);
}

static sc_node inverse_dispersion(sc_graph *g, const ldvae_opts *o)
{
    const int64_t n_vars = sc_dim_of(g, SC_DIM_VARS);
    sc_begin(g, SC_PART_OTHER);
    if (o->dispersion == DISP_GENE)
        return sc_exp(g,
                      sc_weight(g, "px_r", 1, n_vars, SC_IN_COUNTS, SC_INIT_NORMAL, 0, SC_TRAINED));
    const sc_node w = sc_weight(g, "px_r", n_vars, sc_dim_of(g, SC_DIM_BATCH), SC_IN_BATCH,
                                SC_INIT_NORMAL, 0, SC_TRAINED);
    return sc_exp(g, sc_gather(g, w, sc_in(g, SC_ROWS_ALL, SC_IN_BATCH, SC_DECODER_SIDE)));
}

static void build(sc_graph *g, const void *opts)
{
    const ldvae_opts *o = opts;
    const int64_t n_vars = sc_dim_of(g, SC_DIM_VARS);
    const sc_node x = sc_counts(g, SC_ROWS_ALL);
    const sc_node x_in = o->log_variational ? sc_log1p(g, x) : x;

    sc_fc fc = {o->n_layers_encoder,
                o->n_hidden,
                o->n_hidden,
                o->dropout_rate,
                true,
                false,
                true,
                true,
                true,
                SC_MAP_RELU};
    sc_begin(g, SC_PART_ENCODER);
    const sc_dist qz = sc_encoder(g, "z_encoder", &x_in, 1, NULL, 0, &fc, o->n_latent, SC_MAP_EXP);
    const sc_node u = sc_latent(g, "z", qz, sc_standard_normal());
    const sc_node z = o->latent_distribution ? sc_softmax(g, u) : u;
    sc_result(g, "latent", SC_OUT_LATENT, z, "latent representation");
    sc_begin(g, SC_PART_LIBRARY);
    fc.n_layers = 1;
    const sc_dist ql = sc_encoder(g, "l_encoder", &x_in, 1, NULL, 0, &fc, 1, SC_MAP_EXP);
    const sc_node lib = library(g, o, x, ql);

    const sc_node batch = sc_in(g, SC_ROWS_ALL, SC_IN_BATCH, SC_DECODER_SIDE);
    fc = (sc_fc){1, n_vars, n_vars, 0, o->use_batch_norm, false, false, o->bias, true, SC_MAP_RELU};
    sc_begin(g, SC_PART_DECODER);
    const sc_node px_scale =
        sc_softmax(g, sc_fc_layers(g, "decoder.factor_regressor", &z, 1, &batch, 1, &fc));
    const sc_node px_dropout = sc_fc_layers(g, "decoder.px_dropout_decoder", &z, 1, &batch, 1, &fc);
    const sc_node px_rate = sc_mul(g, px_scale, lib);
    const sc_node px_r = inverse_dispersion(g, o);
    g->sv->keep(g, px_dropout); /* its batch norm moves for nb and poisson too, as in scvi-tools */

    const sc_dist likelihood = o->gene_likelihood == LIK_NB     ? sc_nb(px_rate, px_r)
                               : o->gene_likelihood == LIK_ZINB ? sc_zinb(px_rate, px_r, px_dropout)
                                                                : sc_poisson(px_rate);
    sc_minimize(g, "reconstruction", SC_TERM_RECONSTRUCTION, SC_WEIGHT_ONE,
                sc_neg(g, sc_observe(g, "x", likelihood, x)));
    sc_minimize(g, "kl_z", SC_TERM_KL_Z, SC_WEIGHT_KL, sc_kl(g, qz, sc_standard_normal()));

    g->sv->loadings(g, "decoder.factor_regressor.fc_layers.Layer 0.0",
                    o->use_batch_norm ? "decoder.factor_regressor.fc_layers.Layer 0.1" : NULL,
                    o->n_latent);
    sc_result(g, "px_scale", SC_OUT_VARS, px_scale,
              "expected share of each gene in the cell's expression");
    sc_result(g, "px_rate", SC_OUT_VARS, px_rate, "expected counts");
    if (o->gene_likelihood != LIK_POISSON)
        sc_result(g, "px_r", SC_OUT_VARS, px_r, "inverse dispersion");
    sc_result(g, "px_dropout", SC_OUT_VARS, px_dropout, "logits of an extra zero");
    sc_result(g, "library", SC_OUT_CELL, lib, "library size, counts");
}

static const sc_model model = {sizeof model, build, {128, 1e-3, 0.01, 1e-6, 400, 0}, "LinearSCVI"};

SC_PLUGIN_EXPORT extern const sc_plugin sc_plugin_entry;
const sc_plugin sc_plugin_entry = {
    SC_PLUGIN_ABI,
    sizeof(sc_plugin),
    SC_KIND_MODEL,
    "ldvae",
    "linearly decoded variational autoencoder (LDVAE)",
    "A VAE whose decoder is linear, so that each latent dimension has a loading for every gene.",
    "Svensson et al. 2020, Bioinformatics 36:3418",
    params,
    sizeof(ldvae_opts),
    &model};
