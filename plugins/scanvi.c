/*
 * scANVI as scvi-tools has it. Xu, Lopez, Mehlman, Regier, Jordan, Yosef 2021, Mol Syst Biol
 * 17:e9620.
 *
 *   y ~ Cat(1/K)   z2 ~ N(0, I)   z1 ~ N(g(z2, y))   x, l given z1: as in scVI
 *   q(z1, y, z2 | x) = N(z1; h(log(1 + x))) Cat(y; pi(z1)) N(z2; k(z1, y))
 *
 * In the ELBO y is summed over, for labelled cells too. They add the cross entropy of the
 * classifier pi at the mean of q(z1). Weight names are those of scvi-tools' SCANVAE module.
 */
#include "sc_vae.h"

typedef struct scanvi_opts {
    sc_vae_opts vae;
    int64_t classifier_layers, classifier_hidden;
    double classifier_dropout, classification_ratio;
    bool linear_classifier, logits;
} scanvi_opts;

/* Without gene-label: a cell whose label is not known would have no dispersion. */
#define DISP_CHOICES "gene|gene-batch|gene-cell"
enum { DISP_CELL = 2 };

static const sc_param params[] = {
    SC_VAE_PARAMS_OF(scanvi_opts, vae, DISP_CHOICES),
    SC_BOOL(scanvi_opts, linear_classifier, "linear-classifier", 0,
            "classify by one linear layer of the latent space"),
    SC_INT(scanvi_opts, classifier_layers, "classifier-n-layers", -1, -1, 32,
           "hidden layers of the classifier; -1: as the other networks"),
    SC_INT(scanvi_opts, classifier_hidden, "classifier-n-hidden", -1, -1, 65536,
           "nodes per hidden layer of the classifier; -1: as the other networks"),
    SC_REAL(scanvi_opts, classifier_dropout, "classifier-dropout-rate", -1, -1, 0.99,
            "dropout in the classifier; -1: as in the encoders"),
    SC_BOOL(scanvi_opts, logits, "classifier-logits", 1,
            "the classifier gives logits; without, probabilities that the cross entropy takes for "
            "logits, as before scvi-tools 1.1"),
    SC_REAL(scanvi_opts, classification_ratio, "classification-ratio", 50, 0, 1e9,
            "weight of the labelled cells' cross entropy"),
    SC_PARAM_END};

static const sc_scvi_arg args[] = {
    SC_VAE_ARGS,
    SC_SCVI_ARG("use-observed-lib-size", "use_observed_lib_size"),
    SC_SCVI_ARG("linear-classifier", "linear_classifier"),
    SC_SCVI_KWARG("classifier-n-layers", "classifier_parameters/n_layers", SC_SCVI_VALUE),
    SC_SCVI_KWARG("classifier-n-hidden", "classifier_parameters/n_hidden", SC_SCVI_VALUE),
    SC_SCVI_KWARG("classifier-dropout-rate", "classifier_parameters/dropout_rate", SC_SCVI_VALUE),
    SC_SCVI_KWARG("classifier-logits", "classifier_parameters/logits", SC_SCVI_VALUE),
    SC_SCVI_KWARG("classifier-logits", "1.1", SC_SCVI_SINCE),
    SC_SCVI_KWARG("classification-ratio", "classification_ratio", SC_SCVI_OURS),
    SC_SCVI_KWARG(NULL, "y_prior", SC_SCVI_IGNORED),
    SC_SCVI_ARGS_END};

/* Its logits, or as they were once its probabilities. */
static sc_node classifier(sc_graph *g, const scanvi_opts *o, sc_node z)
{
    const int64_t n_labels = sc_dim_of(g, SC_DIM_LABELS);
    sc_fc fc = sc_vae_fc(&o->vae, true);
    fc.bias = fc.use_activation = true;
    fc.activation = SC_MAP_RELU;
    if (o->classifier_dropout >= 0)
        fc.dropout = o->classifier_dropout;
    if (o->linear_classifier)
        fc.n_layers = fc.n_hidden = 0;
    if (o->classifier_layers >= 0)
        fc.n_layers = o->classifier_layers;
    if (o->classifier_hidden >= 0)
        fc.n_hidden = o->classifier_hidden;
    fc.n_out = fc.n_hidden;
    sc_begin(g, SC_PART_CLASSIFIER);
    const bool is_deep = fc.n_layers > 0 && fc.n_hidden > 0;
    const sc_node h = is_deep ? sc_fc_layers(g, "classifier.classifier.0", &z, 1, NULL, 0, &fc) : z;
    const sc_node y = sc_head(g, "classifier.classifier", is_deep ? ".1" : ".0", h, n_labels);
    return o->logits ? y : sc_softmax(g, y);
}

static sc_node probabilities(sc_graph *g, const scanvi_opts *o, sc_node z)
{
    const sc_node y = classifier(g, o, z);
    return o->logits ? sc_softmax(g, y) : y;
}

/* What the label networks are made of: no covariates, no arguments of their own. */
static sc_fc label_layers(const scanvi_opts *o, bool is_encoder)
{
    sc_fc fc = sc_vae_fc(&o->vae, is_encoder);
    fc.bias = fc.inject_covariates = fc.use_activation = true;
    fc.activation = SC_MAP_RELU;
    return fc;
}

/* The second level, once for each class: every row stands K times, class by class. */
static void classes(sc_graph *g, const scanvi_opts *o, sc_dist qz1, sc_node z1, sc_node loglik)
{
    const int64_t n_labels = sc_dim_of(g, SC_DIM_LABELS), n_latent = o->vae.n_latent;
    const sc_node pi = probabilities(g, o, z1);
    const sc_node y = g->sv->enumerate(g, z1, n_labels);
    const sc_node z1_y = g->sv->repeat_rows(g, z1, n_labels);
    const sc_fc enc = label_layers(o, true), dec = label_layers(o, false);
    sc_begin(g, SC_PART_LABELS);
    const sc_dist qz2 = sc_encoder(g, "encoder_z2_z1", &z1_y, 1, &y, 1, &enc, n_latent, SC_MAP_EXP);
    const sc_node z2 = sc_latent(g, "z2", qz2, sc_standard_normal());
    const sc_node h = sc_fc_layers(g, "decoder_z1_z2.decoder", &z2, 1, &y, 1, &dec);
    const sc_node mean = sc_head(g, "decoder_z1_z2.mean_decoder", "", h, n_latent);
    const sc_node var = sc_exp(g, sc_head(g, "decoder_z1_z2.var_decoder", "", h, n_latent));
    const sc_node lost = sc_neg(g, sc_log_prob(g, sc_normal(mean, var), z1_y));
    const sc_node kl_z2 = sc_kl(g, qz2, sc_standard_normal());
    const sc_dist q_y = {.kind = SC_CATEGORICAL_PROBS, .a = pi};
    const sc_node log_q = sc_log_prob(g, qz1, z1);
    const sc_dist p_y = {.kind = SC_CATEGORICAL_PROBS,
                         .a = sc_weight(g, "y_prior", 1, n_labels, SC_IN_LABELS, SC_INIT_CONSTANT,
                                        1 / (double)n_labels, 0)};

    sc_minimize(g, "z1_given_z2", SC_TERM_RECONSTRUCTION, SC_WEIGHT_ONE,
                sc_row_sum(g, sc_mul(g, pi, g->sv->unstack(g, lost, n_labels))));
    sc_minimize(g, "z1", SC_TERM_RECONSTRUCTION, SC_WEIGHT_ONE, log_q);
    sc_minimize(g, "kl_z2", SC_TERM_KL_Z, SC_WEIGHT_KL,
                sc_row_sum(g, sc_mul(g, pi, g->sv->unstack(g, kl_z2, n_labels))));
    sc_minimize(g, "kl_y", SC_TERM_KL, SC_WEIGHT_KL, sc_kl(g, q_y, p_y));

    const sc_node z2_gain =
        sc_sub(g, sc_log_prob(g, sc_standard_normal(), z2), sc_log_prob(g, qz2, z2));
    const sc_node each = g->sv->unstack(g, sc_sub(g, z2_gain, lost), n_labels);
    const sc_node log_p = sc_log_sum_exp(g, sc_add(g, each, sc_log(g, p_y.a)), n_labels);
    sc_result(g, "log_weight", SC_OUT_CELL, sc_add(g, loglik, sc_sub(g, log_p, log_q)),
              "log p(x | z, l) p(z) / q(z | x) of the draws, summed over classes");
}

static void labelled(sc_graph *g, const scanvi_opts *o)
{
    const sc_dist qz1 = sc_vae_qz(g, &o->vae, SC_ROWS_LABELLED);
    const sc_dist p_y = {.kind = SC_CATEGORICAL_LOGITS, .a = classifier(g, o, qz1.a)};
    const sc_node y = sc_in(g, SC_ROWS_LABELLED, SC_IN_LABELS, SC_ENCODER_SIDE);
    const sc_term cross_entropy = {
        .name = "classification", .role = SC_TERM_OTHER, .factor = o->classification_ratio};
    if (o->classification_ratio > 0) /* a factor of 0 reads as 1 */
        g->sv->term(g, &cross_entropy, sc_neg(g, sc_log_prob(g, p_y, y)));
}

static void build(sc_graph *g, const void *opts)
{
    scanvi_opts o = *(const scanvi_opts *)opts;
    if (o.vae.dispersion == DISP_CELL)
        o.vae.dispersion = SC_DISP_GENE_CELL;
    const sc_dist qz1 = sc_vae_qz(g, &o.vae, SC_ROWS_ALL);
    const sc_node u = sc_latent(g, "z", qz1, sc_standard_normal());
    const sc_node z1 = o.vae.latent_distribution ? sc_softmax(g, u) : u;
    sc_result(g, "latent", SC_OUT_LATENT, z1, "latent representation");
    const sc_node library = sc_vae_library(g, &o.vae, SC_WEIGHT_KL);
    classes(g, &o, qz1, z1, sc_vae_decode(g, &o.vae, z1, library));
    labelled(g, &o);
    sc_result(g, "class_probs", SC_OUT_CLASSES, probabilities(g, &o, qz1.a),
              "probability of each class");
}

static const sc_model model = {sizeof model, build, {128, 1e-3, 0.01, 1e-6, 400, 0},
                               "SCANVI",     args,  {0}};

SC_PLUGIN_EXPORT extern const sc_plugin sc_plugin_entry;
const sc_plugin sc_plugin_entry = {
    SC_PLUGIN_ABI,
    sizeof(sc_plugin),
    SC_KIND_MODEL,
    "scanvi",
    "semi-supervised variational autoencoder (scANVI)",
    "scVI with a class for each cell: learned from the labelled cells, inferred for the others.",
    "Xu et al. 2021, Mol Syst Biol 17:e9620",
    params,
    sizeof(scanvi_opts),
    &model};
