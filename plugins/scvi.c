/*
 * scVI. Lopez, Regier, Cole, Jordan, Yosef 2018, Nat Methods 15:1053.
 *
 *   z ~ N(0, I)             l: log library size, observed or ~ N(l_mu, l_sigma^2) of the cell's
 * batch rho = softmax f_w(z, s)       mu = exp(l) rho x ~ ZINB(mu, theta, f_h(z, s)), NB(mu,
 * theta), Poisson(mu) or N(mu, theta^2) q(z, l | x) = N(f_z(log(1 + x))) N(f_l(log(1 + x)))
 *
 * s: batch, categorical covariates; continuous covariates join z. Weight names are those of
 * scvi-tools' VAE module.
 */
#include "sc_layers.h"

enum { NORM_ENCODER, NORM_DECODER, NORM_NONE, NORM_BOTH };
#define NORM_CHOICES "encoder|decoder|none|both"
enum { DISP_GENE, DISP_GENE_BATCH, DISP_GENE_LABEL, DISP_GENE_CELL };
enum { LIK_ZINB, LIK_NB, LIK_POISSON, LIK_NORMAL };

typedef struct scvi_opts {
    int64_t n_hidden, n_latent, n_layers, embedding_dim;
    double dropout_rate;
    int dispersion, gene_likelihood, latent_distribution, batch_representation, use_batch_norm,
        use_layer_norm;
    int var_activation;
    bool encode_covariates, deeply_inject_covariates, use_observed_lib_size, log_variational;
} scvi_opts;

static const sc_param params[] = {
    SC_INT(scvi_opts, n_hidden, "n-hidden", 128, 1, 65536, "nodes per hidden layer"),
    SC_INT(scvi_opts, n_latent, "n-latent", 10, 1, 4096, "dimensions of the latent space"),
    SC_INT(scvi_opts, n_layers, "n-layers", 1, 1, 32, "hidden layers of encoder and decoder"),
    SC_REAL(scvi_opts, dropout_rate, "dropout-rate", 0.1, 0, 0.99, "dropout in the encoders"),
    SC_CHOICE(scvi_opts, dispersion, "dispersion", 0, "gene|gene-batch|gene-label|gene-cell",
              "what the inverse dispersion depends on"),
    SC_CHOICE(scvi_opts, gene_likelihood, "gene-likelihood", 0, "zinb|nb|poisson|normal",
              "distribution of the counts"),
    SC_CHOICE(scvi_opts, latent_distribution, "latent-distribution", 0, "normal|ln",
              "normal, or logistic normal"),
    SC_BOOL(scvi_opts, encode_covariates, "encode-covariates", 0,
            "give batch and covariates to the encoder too"),
    SC_BOOL(scvi_opts, deeply_inject_covariates, "deeply-inject-covariates", 1,
            "give categories to every hidden layer"),
    SC_CHOICE(scvi_opts, batch_representation, "batch-representation", 0, "one-hot|embedding",
              "how the batch enters"),
    SC_INT(scvi_opts, embedding_dim, "embedding-dim", 5, 1, 4096,
           "dimensions of the batch embedding"),
    SC_CHOICE(scvi_opts, use_batch_norm, "use-batch-norm", NORM_BOTH, NORM_CHOICES,
              "where batch norm is"),
    SC_CHOICE(scvi_opts, use_layer_norm, "use-layer-norm", NORM_NONE, NORM_CHOICES,
              "where layer norm is"),
    SC_BOOL(scvi_opts, use_observed_lib_size, "use-observed-lib-size", 1,
            "library size is the cell's total, not latent"),
    SC_BOOL(scvi_opts, log_variational, "log-variational", 1, "encoders see log(1 + counts)"),
    SC_CHOICE(scvi_opts, var_activation, "var-activation", 0, "exp|softplus",
              "what makes the variational variance positive"),
    SC_PARAM_END};

static bool norm_in(int where, int part)
{
    return where == NORM_BOTH || where == part;
}

/* The categories that enter as one-hot columns, in scvi-tools' order; their number. */
static int categories(sc_graph *g, sc_side side, bool with_batch, sc_node *cats)
{
    int n = 0;
    if (with_batch)
        cats[n++] = sc_in(g, SC_ROWS_ALL, SC_IN_BATCH, side);
    const int n_covs = (int)sc_dim_of(g, SC_DIM_CAT_COVS);
    for (int i = 0; i < n_covs && n < SC_PARTS_MAX / 2; i++)
        cats[n++] = sc_in(g, SC_ROWS_ALL, (sc_input)(SC_IN_CAT_COV_0 + i), side);
    return n;
}

static sc_node inverse_dispersion(sc_graph *g, const scvi_opts *o, sc_node h)
{
    const int64_t n_vars = sc_dim_of(g, SC_DIM_VARS);
    sc_begin(g, SC_PART_OTHER);
    switch (o->dispersion) {
    case DISP_GENE_BATCH:
        return sc_exp(g, sc_gather(g,
                                   sc_weight(g, "px_r", n_vars, sc_dim_of(g, SC_DIM_BATCH),
                                             SC_IN_BATCH, SC_INIT_NORMAL, 0, SC_TRAINED),
                                   sc_in(g, SC_ROWS_ALL, SC_IN_BATCH, SC_DECODER_SIDE)));
    case DISP_GENE_LABEL:
        return sc_exp(g, sc_gather(g,
                                   sc_weight(g, "px_r", n_vars, sc_dim_of(g, SC_DIM_LABELS),
                                             SC_IN_LABELS, SC_INIT_NORMAL, 0, SC_TRAINED),
                                   sc_in(g, SC_ROWS_ALL, SC_IN_LABELS, SC_DECODER_SIDE)));
    case DISP_GENE_CELL:
        return sc_exp(g, h);
    default:
        return sc_exp(g,
                      sc_weight(g, "px_r", 1, n_vars, SC_IN_COUNTS, SC_INIT_NORMAL, 0, SC_TRAINED));
    }
}

static sc_dist likelihood(const scvi_opts *o, sc_node mu, sc_node theta, sc_node logits)
{
    switch (o->gene_likelihood) {
    case LIK_NB:
        return sc_nb(mu, theta);
    case LIK_POISSON:
        return sc_poisson(mu);
    case LIK_NORMAL:
        return sc_normal_sd(mu, theta);
    default:
        return sc_zinb(mu, theta, logits);
    }
}

/* Natural-scale library size, and its KL term where it is latent. */
static sc_node library(sc_graph *g, const scvi_opts *o, sc_node x, sc_dist ql)
{
    if (sc_dim_of(g, SC_DIM_SIZE_FACTOR))
        return sc_in(g, SC_ROWS_ALL, SC_IN_SIZE_FACTOR, SC_ENCODER_SIDE);
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

static void build(sc_graph *g, const void *opts)
{
    const scvi_opts *o = opts;
    const int64_t n_vars = sc_dim_of(g, SC_DIM_VARS);
    const bool one_hot = o->batch_representation == 0;
    const bool has_size_factor = sc_dim_of(g, SC_DIM_SIZE_FACTOR) != 0;
    const sc_node x = sc_counts(g, SC_ROWS_ALL);
    const sc_node cont = sc_in(g, SC_ROWS_ALL, SC_IN_CONT_COVS, SC_ENCODER_SIDE);
    sc_node parts[4], cats[SC_PARTS_MAX], embedding = SC_NONE;
    int n_parts = 0, n_cats = 0;

    if (!one_hot)
        embedding =
            sc_weight(g, "_embeddings_dict.batch.weight", sc_dim_of(g, SC_DIM_BATCH),
                      o->embedding_dim, SC_IN_BATCH, SC_INIT_NORMAL, 0, SC_TRAINED | SC_ROWS_GROW);
    parts[n_parts++] = o->log_variational ? sc_log1p(g, x) : x;
    if (o->encode_covariates) {
        if (sc_dim_of(g, SC_DIM_CONT_COVS))
            parts[n_parts++] = cont;
        if (!one_hot)
            parts[n_parts++] =
                sc_embed(g, embedding, sc_in(g, SC_ROWS_ALL, SC_IN_BATCH, SC_ENCODER_SIDE));
        n_cats = categories(g, SC_ENCODER_SIDE, one_hot, cats);
    }
    sc_fc fc = {o->n_layers,
                o->n_hidden,
                o->n_hidden,
                o->dropout_rate,
                norm_in(o->use_batch_norm, NORM_ENCODER),
                norm_in(o->use_layer_norm, NORM_ENCODER),
                true,
                true,
                o->deeply_inject_covariates,
                SC_MAP_RELU};
    const sc_map var_act = o->var_activation ? SC_MAP_SOFTPLUS : SC_MAP_EXP;
    sc_begin(g, SC_PART_ENCODER);
    const sc_dist qz =
        sc_encoder(g, "z_encoder", parts, n_parts, cats, n_cats, &fc, o->n_latent, var_act);
    const sc_node u = sc_latent(g, "z", qz, sc_standard_normal());
    const sc_node z = o->latent_distribution ? sc_softmax(g, u) : u;
    sc_result(g, "latent", SC_OUT_LATENT, z, "latent representation");
    sc_begin(g, SC_PART_LIBRARY);
    fc.n_layers = 1;
    const sc_dist ql = sc_encoder(g, "l_encoder", parts, n_parts, cats, n_cats, &fc, 1, var_act);
    const sc_node lib = library(g, o, x, ql);

    n_parts = 0;
    parts[n_parts++] = z;
    if (sc_dim_of(g, SC_DIM_CONT_COVS))
        parts[n_parts++] = cont;
    if (!one_hot)
        parts[n_parts++] =
            sc_embed(g, embedding, sc_in(g, SC_ROWS_ALL, SC_IN_BATCH, SC_DECODER_SIDE));
    n_cats = categories(g, SC_DECODER_SIDE, one_hot, cats);
    fc = (sc_fc){o->n_layers,
                 o->n_hidden,
                 o->n_hidden,
                 0,
                 norm_in(o->use_batch_norm, NORM_DECODER),
                 norm_in(o->use_layer_norm, NORM_DECODER),
                 true,
                 true,
                 o->deeply_inject_covariates,
                 SC_MAP_RELU};
    sc_begin(g, SC_PART_DECODER);
    const sc_node h = sc_fc_layers(g, "decoder.px_decoder", parts, n_parts, cats, n_cats, &fc);
    const sc_node logits = sc_head(g, "decoder.px_scale_decoder", ".0", h, n_vars);
    const sc_node px_scale = has_size_factor ? sc_softplus(g, logits) : sc_softmax(g, logits);
    const sc_node px_r_logits = sc_head(g, "decoder.px_r_decoder", "", h, n_vars);
    const sc_node px_dropout = sc_head(g, "decoder.px_dropout_decoder", "", h, n_vars);
    const sc_node px_rate = sc_mul(g, px_scale, lib);
    const sc_node px_r = inverse_dispersion(g, o, px_r_logits);

    const sc_node loglik = sc_observe(g, "x", likelihood(o, px_rate, px_r, px_dropout), x);
    sc_minimize(g, "reconstruction", SC_TERM_RECONSTRUCTION, SC_WEIGHT_ONE, sc_neg(g, loglik));
    sc_minimize(g, "kl_z", SC_TERM_KL_Z, SC_WEIGHT_KL, sc_kl(g, qz, sc_standard_normal()));

    sc_result(g, "px_scale", SC_OUT_VARS, px_scale,
              "expected share of each gene in the cell's expression");
    sc_result(g, "px_rate", SC_OUT_VARS, px_rate, "expected counts");
    if (o->gene_likelihood != LIK_POISSON)
        sc_result(g, "px_r", SC_OUT_VARS, px_r, "inverse dispersion (normal: standard deviation)");
    sc_result(g, "px_dropout", SC_OUT_VARS, px_dropout, "logits of an extra zero");
    sc_result(g, "library", SC_OUT_CELL, lib, "library size, counts");
}

static const sc_model model = {sizeof model, build, {128, 1e-3, 0.01, 1e-6, 400, 0}, "SCVI"};

SC_PLUGIN_EXPORT extern const sc_plugin sc_plugin_entry;
const sc_plugin sc_plugin_entry = {SC_PLUGIN_ABI,
                                   sizeof(sc_plugin),
                                   SC_KIND_MODEL,
                                   "scvi",
                                   "variational autoencoder of counts (scVI)",
                                   "Latent space, library sizes, dispersion and zero inflation of "
                                   "counts; batches and covariates corrected for.",
                                   "Lopez et al. 2018, Nat Methods 15:1053",
                                   params,
                                   sizeof(scvi_opts),
                                   &model};
