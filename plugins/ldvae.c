/*
 * LDVAE, linearly decoded VAE. Svensson, Gayoso, Yosef, Pachter 2020, Bioinformatics 36:3418.
 *
 *   z ~ N(0, I)     l ~ N(l_mu, l_sigma^2) of the cell's batch, or observed
 *   rho = softmax(BN(W [z, s]))       mu = exp(l) rho
 *   x ~ NB(mu, theta), ZINB(mu, theta, BN(V [z, s])), Poisson(mu) or N(mu, theta^2)
 *
 * The columns of W are the loadings. Weight names are those of scvi-tools' LDVAE module.
 */
#include "sc_layers.h"

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
    SC_CHOICE(ldvae_opts, dispersion, "dispersion", SC_DISP_GENE, SC_DISP_CHOICES,
              "what the inverse dispersion depends on"),
    SC_CHOICE(ldvae_opts, gene_likelihood, "gene-likelihood", SC_LIK_NB, SC_LIK_CHOICES,
              "distribution of the counts"),
    SC_CHOICE(ldvae_opts, latent_distribution, "latent-distribution", 0, "normal|ln",
              "normal, or logistic normal"),
    SC_BOOL(ldvae_opts, bias, "bias", 0, "the linear decoder has a bias"),
    SC_BOOL(ldvae_opts, use_batch_norm, "use-batch-norm", 1, "batch norm in the linear decoder"),
    SC_BOOL(ldvae_opts, use_observed_lib_size, "use-observed-lib-size", 0,
            "library size is the cell's total, not latent"),
    SC_BOOL(ldvae_opts, log_variational, "log-variational", 1, "encoders see log(1 + counts)"),
    SC_PARAM_END};

/* LinearSCVI hands arguments for the VAE on, whose networks LDVAE then replaces by its own. */
static const sc_scvi_arg args[] = {SC_SCVI_ARG("n-hidden", "n_hidden"),
                                   SC_SCVI_ARG("n-latent", "n_latent"),
                                   SC_SCVI_ARG("n-layers-encoder", "n_layers"),
                                   SC_SCVI_ARG("dropout-rate", "dropout_rate"),
                                   {"dispersion", "dispersion", SC_SCVI_VALUE, true, "gene-cell"},
                                   SC_SCVI_ARG("gene-likelihood", "gene_likelihood"),
                                   SC_SCVI_ARG("latent-distribution", "latent_distribution"),
                                   SC_SCVI_ARG("use-observed-lib-size", "use_observed_lib_size"),
                                   SC_SCVI_KWARG(NULL, "n_labels", SC_SCVI_N_LABELS),
                                   SC_SCVI_KWARG(NULL, "encode_covariates", SC_SCVI_IGNORED),
                                   SC_SCVI_KWARG(NULL, "deeply_inject_covariates", SC_SCVI_IGNORED),
                                   SC_SCVI_KWARG(NULL, "use_layer_norm", SC_SCVI_IGNORED),
                                   SC_SCVI_KWARG(NULL, "var_activation", SC_SCVI_IGNORED),
                                   SC_SCVI_KWARG(NULL, "extra_encoder_kwargs", SC_SCVI_IGNORED),
                                   SC_SCVI_KWARG(NULL, "extra_decoder_kwargs", SC_SCVI_IGNORED),
                                   SC_SCVI_KWARG(NULL, "extra_payload_autotune", SC_SCVI_IGNORED),
                                   SC_SCVI_ARGS_END};

static sc_dist encoder(sc_graph *g, const ldvae_opts *o, sc_part part, const char *name,
                       int64_t n_layers, int64_t n_out)
{
    const sc_node x = sc_counts(g, SC_ROWS_ALL);
    const sc_node in = o->log_variational ? sc_log1p(g, x) : x;
    const sc_fc fc = {n_layers, o->n_hidden, o->n_hidden, o->dropout_rate, true, false,
                      true,     true,        true,        SC_MAP_RELU};
    sc_begin(g, part);
    return sc_encoder(g, name, &in, 1, NULL, 0, &fc, n_out, SC_MAP_EXP);
}

/* BN(W [z, s] + b) */
static sc_node linear_decoder(sc_graph *g, const ldvae_opts *o, const char *name, sc_node z)
{
    const int64_t n_vars = sc_dim_of(g, SC_DIM_VARS);
    const sc_node batch = sc_in(g, SC_ROWS_ALL, SC_IN_BATCH, SC_DECODER_SIDE);
    const sc_fc fc = {1,     n_vars, n_vars,  0,    o->use_batch_norm,
                      false, false,  o->bias, true, SC_MAP_RELU};
    return sc_fc_layers(g, name, &z, 1, &batch, 1, &fc);
}

static void decode(sc_graph *g, const ldvae_opts *o, sc_node z, sc_node library)
{
    sc_begin(g, SC_PART_DECODER);
    const sc_node px_scale = sc_softmax(g, linear_decoder(g, o, "decoder.factor_regressor", z));
    const sc_node px_dropout = linear_decoder(g, o, "decoder.px_dropout_decoder", z);
    g->sv->keep(g, px_dropout); /* its batch norm moves for all likelihoods, as in scvi-tools */
    sc_node logits = SC_NONE;
    if (o->dispersion == SC_DISP_GENE_CELL)
        logits = linear_decoder(g, o, "decoder.px_r_decoder", z);
    const sc_node px_rate = sc_mul(g, px_scale, library);
    const sc_node px_r = sc_inverse_dispersion(g, o->dispersion, logits);
    (void)sc_reconstruct(g, o->gene_likelihood, sc_counts(g, SC_ROWS_ALL), px_rate, px_r,
                         px_dropout);
    sc_gene_results(g, o->gene_likelihood, px_scale, px_rate, px_r, px_dropout, library);
    g->sv->loadings(g, "decoder.factor_regressor.fc_layers.Layer 0.0",
                    o->use_batch_norm ? "decoder.factor_regressor.fc_layers.Layer 0.1" : NULL,
                    o->n_latent);
}

static void build(sc_graph *g, const void *opts)
{
    const ldvae_opts *o = opts;
    const sc_dist qz =
        encoder(g, o, SC_PART_ENCODER, "z_encoder", o->n_layers_encoder, o->n_latent);
    const sc_node u = sc_latent(g, "z", qz, sc_standard_normal());
    const sc_node z = o->latent_distribution ? sc_softmax(g, u) : u;
    sc_result(g, "latent", SC_OUT_LATENT, z, "latent representation");
    const sc_dist ql = encoder(g, o, SC_PART_LIBRARY, "l_encoder", 1, 1);
    decode(g, o, z,
           o->use_observed_lib_size ? sc_row_sum(g, sc_counts(g, SC_ROWS_ALL))
                                    : sc_latent_library(g, ql, SC_WEIGHT_ONE));
    sc_minimize(g, "kl_z", SC_TERM_KL_Z, SC_WEIGHT_KL, sc_kl(g, qz, sc_standard_normal()));
}

static const sc_model model = {sizeof model, build, {128, 1e-3, 0.01, 1e-6, 400, 0},
                               "LinearSCVI", args,  {0}};

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
