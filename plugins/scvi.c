/*
 * scVI. Lopez, Regier, Cole, Jordan, Yosef 2018, Nat Methods 15:1053.
 *
 *   z ~ N(0, I)   l ~ N(l_mu, l_sigma^2) of the cell's batch: log library size, or the observed one
 *   rho = softmax(f_w(z, s))   mu = exp(l) rho
 *   x ~ ZINB(mu, theta, f_h(z, s)), NB(mu, theta), Poisson(mu) or N(mu, theta^2)
 *   q(z, l | x) = N(f_z(log(1 + x))) N(f_l(log(1 + x)))
 *
 * s: batch, categorical covariates; continuous covariates join z. The networks are in sc_vae.h.
 */
#include "sc_vae.h"

typedef struct scvi_opts {
    sc_vae_opts vae;
} scvi_opts;

static const sc_param params[] = {SC_VAE_PARAMS(scvi_opts, vae), SC_PARAM_END};

static const sc_scvi_arg args[] = {
    SC_VAE_ARGS, SC_SCVI_ARG("use-observed-lib-size", "use_observed_lib_size"),
    SC_SCVI_ARG("latent-distribution", "latent_distribution"), SC_SCVI_ARGS_END};

static void build(sc_graph *g, const void *opts)
{
    const sc_vae_opts *o = &((const scvi_opts *)opts)->vae;
    const sc_dist qz = sc_vae_qz(g, o, SC_ROWS_ALL);
    const sc_node u = sc_latent(g, "z", qz, sc_standard_normal());
    const sc_node z = o->latent_distribution ? sc_softmax(g, u) : u;
    sc_result(g, "latent", SC_OUT_LATENT, z, "latent representation");
    (void)sc_vae_decode(g, o, z, sc_vae_library(g, o, SC_WEIGHT_ONE));
    sc_minimize(g, "kl_z", SC_TERM_KL_Z, SC_WEIGHT_KL, sc_kl(g, qz, sc_standard_normal()));
}

static const sc_model model = {sizeof model, build, {128, 1e-3, 0.01, 1e-6, 400, 0},
                               "SCVI",       args,  {0}};

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
