/*
 * Gradients of the shipped models against central differences, at every likelihood, dispersion,
 * norm and covariate, with draws and dropout on.
 */
#include "gradients.h"

static void check_model(const char *variant, const char *options, bool has_size_factor)
{
    sc_dims dims = tiny_dims();
    sc_net net;
    char name[600];
    dims.has_size_factor = has_size_factor;
    (void)snprintf(name, sizeof name, "%s %s", variant, options);
    tiny_net(&net, variant, options, &dims);
    for (int i = 0; i < net.g->n_weights; i++) /* away from the symmetric start */
        for (int64_t k = 0; k < net.g->weights[i].rows * net.g->weights[i].cols; k++)
            if (net.g->weights[i].kind == SC_W_BN_WEIGHT || net.g->weights[i].kind == SC_W_BN_BIAS)
                net.weights[net.g->weights[i].offset + k] += 0.05F * (float)(k % 5);
    check_graph(name, net.g, net.weights, SC_DRAW_SAMPLE, true, 3);
    sc_net_free(&net);
}

static void scvi(void **state)
{
    (void)state;
    static const char *const likelihoods[] = {"zinb", "nb", "poisson", "normal"};
    static const char *const dispersions[] = {"gene", "gene-batch", "gene-label", "gene-cell"};
    static const char *const others[] = {
        "encode-covariates=true,n-layers=2",
        "encode-covariates=true,n-layers=2,deeply-inject-covariates=false",
        "batch-representation=embedding,encode-covariates=true",
        "use-batch-norm=none,use-layer-norm=both,n-layers=2",
        "use-batch-norm=encoder,use-layer-norm=decoder",
        "use-observed-lib-size=false",
        "latent-distribution=ln",
        "var-activation=softplus,log-variational=false"};
    char o[256];
    for (size_t l = 0; l < 4; l++)
        for (size_t d = 0; d < 4; d++) {
            (void)snprintf(o, sizeof o, "n-hidden=6,n-latent=3,gene-likelihood=%s,dispersion=%s",
                           likelihoods[l], dispersions[d]);
            check_model("scvi", o, false);
        }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        (void)snprintf(o, sizeof o, "n-hidden=6,n-latent=3,%s", others[i]);
        check_model("scvi", o, false);
    }
    check_model("scvi", "n-hidden=6,n-latent=3", true);
}

static void ldvae(void **state)
{
    (void)state;
    static const char *const likelihoods[] = {"nb", "zinb", "poisson"};
    static const char *const dispersions[] = {"gene", "gene-batch"};
    static const char *const others[] = {"bias=true", "use-batch-norm=false",
                                         "latent-distribution=ln,n-layers-encoder=2",
                                         "log-variational=false", "use-observed-lib-size=true"};
    char o[256];
    for (size_t l = 0; l < 3; l++)
        for (size_t d = 0; d < 2; d++) {
            (void)snprintf(o, sizeof o, "n-hidden=6,n-latent=3,gene-likelihood=%s,dispersion=%s",
                           likelihoods[l], dispersions[d]);
            check_model("ldvae", o, false);
        }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        (void)snprintf(o, sizeof o, "n-hidden=6,n-latent=3,%s", others[i]);
        check_model("ldvae", o, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(scvi), cmocka_unit_test(ldvae)};
    return cmocka_run_group_tests_name("gradients of models", tests, prepare, NULL);
}
