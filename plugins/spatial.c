/*
 * scVI of cells that have a place: what is around a cell informs both what its latent variables are
 * taken for and what they are expected to be, in the spirit of spateo's SpatialVI.
 *
 *   z ~ N(m(y), v(y)), or N(0, I)   rho = softmax(f_w(z, s))
 *   x ~ NB(l rho, theta) or ZINB(l rho, theta, f_h(z, s))   q(z | x, y) = N(f_z(log(1 + x), y))
 *
 * x: counts of a cell, l: their sum, s: its batch, theta: a gene's inverse dispersion; y: what is
 * around the cell, its continuous covariates, as a rule the mean of its neighbors' log(1 + x) that
 * sc-smooth(1) writes. The decoder is not given y, so the latent space has to explain the cell
 * itself. Since y comes with the cell, a cell's results depend on no other cell of a minibatch.
 */
#include "sc_layers.h"

typedef struct spatial_opts {
    int64_t n_hidden, n_latent, n_layers;
    double dropout_rate;
    int gene_likelihood, prior;
} spatial_opts;

enum { PRIOR_NEARBY, PRIOR_STANDARD };

static const sc_param params[] = {
    SC_INT(spatial_opts, n_hidden, "n-hidden", 128, 1, 65536, "nodes per hidden layer"),
    SC_INT(spatial_opts, n_latent, "n-latent", 10, 1, 4096, "dimensions of the latent space"),
    SC_INT(spatial_opts, n_layers, "n-layers", 1, 1, 32, "hidden layers of encoder and decoder"),
    SC_REAL(spatial_opts, dropout_rate, "dropout-rate", 0.1, 0, 0.99, "dropout in the encoder"),
    SC_CHOICE(spatial_opts, gene_likelihood, "gene-likelihood", SC_LIK_NB, "zinb|nb",
              "distribution of the counts"),
    SC_CHOICE(spatial_opts, prior, "prior", PRIOR_NEARBY, "nearby|standard",
              "of the latent space: by what is around a cell, or N(0, 1)"),
    SC_PARAM_END};

static sc_fc layers(const spatial_opts *o, double dropout)
{
    return (sc_fc){.n_layers = o->n_layers,
                   .n_hidden = o->n_hidden,
                   .n_out = o->n_hidden,
                   .dropout = dropout,
                   .use_batch_norm = true,
                   .use_activation = true,
                   .bias = true,
                   .inject_covariates = true,
                   .activation = SC_MAP_RELU};
}

/* A network that gives mean and variance of z. */
static sc_dist normal_of(sc_graph *g, const spatial_opts *o, const char *name, const sc_node *in,
                         int n)
{
    const sc_fc fc = layers(o, o->dropout_rate);
    sc_begin(g, SC_PART_ENCODER);
    return sc_encoder(g, name, in, n, NULL, 0, &fc, o->n_latent, SC_MAP_EXP);
}

static void build(sc_graph *g, const void *opts)
{
    const spatial_opts *o = opts;
    const int64_t n_vars = sc_dim_of(g, SC_DIM_VARS);
    const sc_node x = sc_counts(g, SC_ROWS_ALL), library = sc_row_sum(g, x);
    const sc_node around = sc_in(g, SC_ROWS_ALL, SC_IN_CONT_COVS, SC_ENCODER_SIDE);
    const sc_node both[] = {sc_log1p(g, x), around};
    const sc_dist qz = normal_of(g, o, "z_encoder", both, 2);
    const sc_dist prior =
        o->prior == PRIOR_STANDARD ? sc_standard_normal() : normal_of(g, o, "z_prior", &around, 1);
    const sc_node z = sc_latent(g, "z", qz, prior);

    const sc_node batch = sc_in(g, SC_ROWS_ALL, SC_IN_BATCH, SC_DECODER_SIDE);
    const sc_fc fc = layers(o, 0);
    sc_begin(g, SC_PART_DECODER);
    const sc_node h = sc_fc_layers(g, "decoder.px_decoder", &z, 1, &batch, 1, &fc);
    const sc_node px_scale = sc_softmax(g, sc_head(g, "decoder.px_scale_decoder", ".0", h, n_vars));
    const sc_node px_rate = sc_mul(g, px_scale, library);
    const sc_node px_dropout = o->gene_likelihood == SC_LIK_ZINB
                                   ? sc_head(g, "decoder.px_dropout_decoder", "", h, n_vars)
                                   : SC_NONE;
    const sc_node px_r = sc_inverse_dispersion(g, SC_DISP_GENE, SC_NONE);

    (void)sc_reconstruct(g, o->gene_likelihood, x, px_rate, px_r, px_dropout);
    sc_minimize(g, "kl_z", SC_TERM_KL_Z, SC_WEIGHT_KL, sc_kl(g, qz, prior));

    sc_result(g, "latent", SC_OUT_LATENT, z, "latent representation");
    sc_result(g, "px_scale", SC_OUT_VARS, px_scale, "expected share of each gene");
    sc_result(g, "px_rate", SC_OUT_VARS, px_rate, "expected counts");
    sc_result(g, "px_r", SC_OUT_VARS, px_r, "inverse dispersion");
    if (o->gene_likelihood == SC_LIK_ZINB)
        sc_result(g, "px_dropout", SC_OUT_VARS, px_dropout, "logits of an extra zero");
}

static const sc_model model = {
    .size = sizeof model,
    .build = build,
    .train = {.batch_size = 128, .lr = 1e-3, .eps = 0.01, .n_epochs_kl_warmup = 400}};

SC_PLUGIN_EXPORT extern const sc_plugin sc_plugin_entry;
const sc_plugin sc_plugin_entry = {
    .abi = SC_PLUGIN_ABI,
    .size = sizeof sc_plugin_entry,
    .kind = SC_KIND_MODEL,
    .name = "spatial",
    .brief = "scVI of cells that know what is around them",
    .doc = "A latent space of cells with places: their neighbors' mean informs prior and encoder.",
    .source = "Lopez et al. 2018, Nat Methods 15:1053, with neighbors as in spateo's SpatialVI",
    .params = params,
    .opts_size = sizeof(spatial_opts),
    .impl = &model};
