/*
 * A Poisson factor model, in as few lines as a model takes; sluice-plugin(7) walks through it.
 *
 *   z ~ N(0, I)   rho = softmax(W z + b)   x ~ Poisson(l rho)
 *   q(z | x) = N(A log(1 + x) + a, softplus(C log(1 + x) + c))
 *
 * x: counts of a cell, l: their sum. The columns of W are the loadings. Without q it is the Poisson
 * case of GLM-PCA: Townes, Hicks, Aryee, Irizarry 2019, Genome Biology 20:295.
 */
#include "sc_model.h"

typedef struct options {
    int64_t n_latent;
} options;

static const sc_param params[] = {
    SC_INT(options, n_latent, "n-latent", 10, 1, 4096, "dimensions of the latent space"),
    SC_PARAM_END};

static void build(sc_graph *g, const void *opts)
{
    const options *o = opts;
    const sc_node x = sc_counts(g, SC_ROWS_ALL), log_x = sc_log1p(g, x);

    sc_begin(g, SC_PART_ENCODER);
    const sc_node mean = sc_linear(g, "mean", &log_x, 1, o->n_latent, SC_BIAS);
    const sc_node raw_var = sc_linear(g, "raw_var", &log_x, 1, o->n_latent, SC_BIAS);
    const sc_dist q = sc_normal(mean, sc_softplus(g, raw_var));
    const sc_node z = sc_latent(g, "z", q, sc_standard_normal());

    sc_begin(g, SC_PART_DECODER);
    const sc_node logits = sc_linear(g, "decoder", &z, 1, sc_dim_of(g, SC_DIM_VARS), SC_BIAS);
    const sc_node px_scale = sc_softmax(g, logits);
    const sc_node px_rate = sc_mul(g, px_scale, sc_row_sum(g, x));

    const sc_node log_p = sc_observe(g, "x", sc_poisson(px_rate), x);
    const sc_node kl = sc_kl(g, q, sc_standard_normal());
    sc_minimize(g, "reconstruction", SC_TERM_RECONSTRUCTION, SC_WEIGHT_ONE, sc_neg(g, log_p));
    sc_minimize(g, "kl_z", SC_TERM_KL_Z, SC_WEIGHT_KL, kl);

    sc_result(g, "latent", SC_OUT_LATENT, z, "latent representation");
    sc_result(g, "px_scale", SC_OUT_VARS, px_scale, "expected share of each gene");
    sc_result(g, "px_rate", SC_OUT_VARS, px_rate, "expected counts");
    g->sv->loadings(g, "decoder", NULL, o->n_latent);
}

static const sc_model model = {
    .size = sizeof model,
    .build = build,
    .train = {.batch_size = 128, .lr = 2e-3, .eps = 0.01, .n_epochs_kl_warmup = 50}};

SC_PLUGIN_EXPORT extern const sc_plugin sc_plugin_entry;
const sc_plugin sc_plugin_entry = {
    .abi = SC_PLUGIN_ABI,
    .size = sizeof sc_plugin_entry,
    .kind = SC_KIND_MODEL,
    .name = "poisson",
    .brief = "Poisson factor model",
    .doc = "Factors of counts with a loading for every gene, in one linear map each way.",
    .source = "Townes et al. 2019, Genome Biology 20:295",
    .params = params,
    .opts_size = sizeof(options),
    .impl = &model};
