/*
 * scANVI, as far as its parity cases go. Xu, Lopez, Mehlman, Regier, Jordan, Yosef 2021, Mol Syst
 * Biol 17:e9620.
 *
 *   y ~ Cat(1/K)   z2 ~ N(0, I)   z1 ~ N(g(z2, y))   x ~ ZINB(f(z1, s)) or NB(f(z1, s))
 *   q(z1, y, z2 | x) = N(z1; h(log(1 + x))) Cat(y; pi(z1)) N(z2; k(z1, y)), y summed over all
 * classes
 *
 * Labelled cells add the cross entropy of the classifier at the mean of q(z1).
 */
#include "sc_layers.h"

enum { LIK_ZINB, LIK_NB };

typedef struct scanvi_opts {
    int64_t n_hidden, n_latent, n_layers;
    double dropout_rate, classification_ratio;
    int gene_likelihood;
    bool linear_classifier;
} scanvi_opts;

static const sc_param params[] = {
    SC_INT(scanvi_opts, n_hidden, "n-hidden", 128, 1, 65536, "nodes per hidden layer"),
    SC_INT(scanvi_opts, n_latent, "n-latent", 10, 1, 4096, "dimensions of the latent space"),
    SC_INT(scanvi_opts, n_layers, "n-layers", 1, 1, 32, "hidden layers of every network"),
    SC_REAL(scanvi_opts, dropout_rate, "dropout-rate", 0.1, 0, 0.99, "dropout in the encoders"),
    SC_REAL(scanvi_opts, classification_ratio, "classification-ratio", 50, 0, 1e9,
            "weight of the labelled cells' cross entropy"),
    SC_CHOICE(scanvi_opts, gene_likelihood, "gene-likelihood", 0, "zinb|nb",
              "distribution of the counts"),
    SC_BOOL(scanvi_opts, linear_classifier, "linear-classifier", 0,
            "classify by one linear layer of the latent space"),
    SC_PARAM_END};

static sc_fc layers(const scanvi_opts *o, double dropout)
{
    return (sc_fc){o->n_layers, o->n_hidden, o->n_hidden, dropout, true,
                   false,       true,        true,        true,    SC_MAP_RELU};
}

static sc_dist z_encoder(sc_graph *g, const scanvi_opts *o, sc_node x)
{
    const sc_fc fc = layers(o, o->dropout_rate);
    const sc_node in = sc_log1p(g, x);
    sc_begin(g, SC_PART_ENCODER);
    return sc_encoder(g, "z_encoder", &in, 1, NULL, 0, &fc, o->n_latent, SC_MAP_EXP);
}

static sc_node classifier(sc_graph *g, const scanvi_opts *o, sc_node z)
{
    const int64_t n_labels = sc_dim_of(g, SC_DIM_LABELS);
    const sc_fc fc = layers(o, o->dropout_rate);
    sc_begin(g, SC_PART_CLASSIFIER);
    if (o->linear_classifier)
        return sc_head(g, "classifier.classifier", ".0", z, n_labels);
    const sc_node h = sc_fc_layers(g, "classifier.classifier.0", &z, 1, NULL, 0, &fc);
    return sc_head(g, "classifier.classifier", ".1", h, n_labels);
}

/* Counts given z1, as in scVI. */
static void decode(sc_graph *g, const scanvi_opts *o, sc_node x, sc_node z)
{
    const int64_t n_vars = sc_dim_of(g, SC_DIM_VARS);
    const sc_node batch = sc_in(g, SC_ROWS_ALL, SC_IN_BATCH, SC_DECODER_SIDE);
    const sc_fc fc = layers(o, 0);
    sc_begin(g, SC_PART_DECODER);
    const sc_node h = sc_fc_layers(g, "decoder.px_decoder", &z, 1, &batch, 1, &fc);
    const sc_node px_scale = sc_softmax(g, sc_head(g, "decoder.px_scale_decoder", ".0", h, n_vars));
    (void)sc_head(g, "decoder.px_r_decoder", "", h, n_vars); /* scvi-tools saves it, unused */
    const sc_node px_dropout = sc_head(g, "decoder.px_dropout_decoder", "", h, n_vars);
    const sc_node px_rate = sc_mul(g, px_scale, sc_row_sum(g, x));
    sc_begin(g, SC_PART_OTHER);
    const sc_node px_r =
        sc_exp(g, sc_weight(g, "px_r", 1, n_vars, SC_IN_COUNTS, SC_INIT_NORMAL, 0, SC_TRAINED));
    const sc_dist likelihood =
        o->gene_likelihood == LIK_NB ? sc_nb(px_rate, px_r) : sc_zinb(px_rate, px_r, px_dropout);
    sc_minimize(g, "reconstruction", SC_TERM_RECONSTRUCTION, SC_WEIGHT_ONE,
                sc_neg(g, sc_observe(g, "x", likelihood, x)));
    sc_result(g, "px_scale", SC_OUT_VARS, px_scale, "expected share of each gene");
    sc_result(g, "px_rate", SC_OUT_VARS, px_rate, "expected counts");
    sc_result(g, "px_r", SC_OUT_VARS, px_r, "inverse dispersion");
    sc_result(g, "px_dropout", SC_OUT_VARS, px_dropout, "logits of an extra zero");
}

/* The second level, once for each class: every row stands K times, class by class. */
static void classes(sc_graph *g, const scanvi_opts *o, sc_dist qz1, sc_node z1)
{
    const int64_t n_labels = sc_dim_of(g, SC_DIM_LABELS);
    const sc_node pi = sc_softmax(g, classifier(g, o, z1));
    const sc_node y = g->sv->enumerate(g, z1, n_labels);
    const sc_node z1_y = g->sv->repeat_rows(g, z1, n_labels);
    const sc_fc enc = layers(o, o->dropout_rate), dec = layers(o, 0);
    sc_begin(g, SC_PART_LABELS);
    const sc_dist qz2 =
        sc_encoder(g, "encoder_z2_z1", &z1_y, 1, &y, 1, &enc, o->n_latent, SC_MAP_EXP);
    const sc_node z2 = sc_latent(g, "z2", qz2, sc_standard_normal());
    const sc_node h = sc_fc_layers(g, "decoder_z1_z2.decoder", &z2, 1, &y, 1, &dec);
    const sc_node mean = sc_head(g, "decoder_z1_z2.mean_decoder", "", h, o->n_latent);
    const sc_node var = sc_exp(g, sc_head(g, "decoder_z1_z2.var_decoder", "", h, o->n_latent));
    const sc_node lost = sc_neg(g, sc_log_prob(g, sc_normal(mean, var), z1_y));
    const sc_node kl_z2 = sc_kl(g, qz2, sc_standard_normal());
    const sc_dist q_y = {.kind = SC_CATEGORICAL_PROBS, .a = pi};
    const sc_dist p_y = {.kind = SC_CATEGORICAL_PROBS,
                         .a = sc_weight(g, "y_prior", 1, n_labels, SC_IN_LABELS, SC_INIT_CONSTANT,
                                        1 / (double)n_labels, 0)};

    sc_minimize(g, "z1_given_z2", SC_TERM_RECONSTRUCTION, SC_WEIGHT_ONE,
                sc_row_sum(g, sc_mul(g, pi, g->sv->unstack(g, lost, n_labels))));
    sc_minimize(g, "z1", SC_TERM_RECONSTRUCTION, SC_WEIGHT_ONE, sc_log_prob(g, qz1, z1));
    sc_minimize(g, "kl_z2", SC_TERM_KL_Z, SC_WEIGHT_KL,
                sc_row_sum(g, sc_mul(g, pi, g->sv->unstack(g, kl_z2, n_labels))));
    sc_minimize(g, "kl_y", SC_TERM_KL, SC_WEIGHT_KL, sc_kl(g, q_y, p_y));
}

static void build(sc_graph *g, const void *opts)
{
    const scanvi_opts *o = opts;
    const sc_node x = sc_counts(g, SC_ROWS_ALL);
    const sc_dist qz1 = z_encoder(g, o, x);
    const sc_node z1 = sc_latent(g, "z", qz1, sc_standard_normal());
    sc_result(g, "latent", SC_OUT_LATENT, z1, "latent representation");
    sc_begin(g, SC_PART_LIBRARY); /* saved by scvi-tools, unused with the observed library size */
    const sc_node in = sc_log1p(g, x);
    sc_fc fc = layers(o, o->dropout_rate);
    fc.n_layers = 1;
    (void)sc_encoder(g, "l_encoder", &in, 1, NULL, 0, &fc, 1, SC_MAP_EXP);
    decode(g, o, x, z1);
    classes(g, o, qz1, z1);

    const sc_dist labelled = z_encoder(g, o, sc_counts(g, SC_ROWS_LABELLED));
    const sc_dist p_y = {.kind = SC_CATEGORICAL_LOGITS, .a = classifier(g, o, labelled.a)};
    const sc_node truth = sc_in(g, SC_ROWS_LABELLED, SC_IN_LABELS, SC_ENCODER_SIDE);
    const sc_term cross_entropy = {
        .name = "classification", .role = SC_TERM_OTHER, .factor = o->classification_ratio};
    g->sv->term(g, &cross_entropy, sc_neg(g, sc_log_prob(g, p_y, truth)));
    sc_result(g, "class_probs", SC_OUT_CLASSES, sc_softmax(g, classifier(g, o, qz1.a)),
              "probability of each class");
}

static const sc_model model = {
    sizeof model, build, {128, 1e-3, 0.01, 1e-6, 400, 0}, "SCANVI", NULL};

SC_PLUGIN_EXPORT extern const sc_plugin sc_plugin_entry;
const sc_plugin sc_plugin_entry = {
    SC_PLUGIN_ABI,
    sizeof(sc_plugin),
    SC_KIND_MODEL,
    "scanvi",
    "semi-supervised variational autoencoder (scANVI)",
    "A proof that the plugin interface carries scANVI; the tests build and check it.",
    "Xu et al. 2021, Mol Syst Biol 17:e9620",
    params,
    sizeof(scanvi_opts),
    &model};
