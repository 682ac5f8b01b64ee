/*
 * totalVI. Gayoso, Steier, Lopez, Regier, Nazor, Streets, Yosef 2021, Nat Methods 18:272.
 *
 *   z ~ N(0, I)   rho = softmax f(z, s)   x ~ NB(l rho, theta)   l: the cell's total, or latent
 *   v_p ~ N(c_p, d_p^2) of the cell's panel   beta = exp(v)   alpha = 1 + relu f(z, s)
 *   y_p ~ pi NB(e beta, phi) + (1 - pi) NB(e beta alpha, phi)   e: efficiency in the batch
 *   q(z, v | x, y) = N(z; h(x, y, s)) N(v; f(z, s))
 *
 * A protein that the cell's panel did not measure has no likelihood, and its v no KL. A side
 * network may tell batches apart by z, which the model learns to fool: batches that measured other
 * proteins would separate otherwise. Weight names are those of scvi-tools' TOTALVAE module.
 */
#include "sc_vae.h"

typedef struct totalvi_opts {
    int64_t n_hidden, n_latent, n_layers_encoder, n_layers_decoder;
    double dropout_rate_encoder, dropout_rate_decoder, scale_adversarial_loss;
    int gene_dispersion, protein_dispersion, gene_likelihood, latent_distribution;
    int use_batch_norm, use_layer_norm, encoder_input, background_activation, background_prior,
        adversarial;
    bool encode_covariates, use_observed_lib_size, log_variational, override_missing_proteins;
} totalvi_opts;

enum { AUTO, YES, NO };
enum { BY_PROTEIN, BY_PROTEIN_BATCH, BY_PROTEIN_LABEL };

static const sc_param params[] = {
    SC_INT(totalvi_opts, n_hidden, "n-hidden", 256, 1, 65536, "nodes per hidden layer"),
    SC_INT(totalvi_opts, n_latent, "n-latent", 20, 1, 4096, "dimensions of the latent space"),
    SC_INT(totalvi_opts, n_layers_encoder, "n-layers-encoder", 2, 1, 32,
           "hidden layers of the encoder"),
    SC_INT(totalvi_opts, n_layers_decoder, "n-layers-decoder", 1, 1, 32,
           "hidden layers of each decoder"),
    SC_REAL(totalvi_opts, dropout_rate_encoder, "dropout-rate-encoder", 0.2, 0, 0.99,
            "dropout in the encoder"),
    SC_REAL(totalvi_opts, dropout_rate_decoder, "dropout-rate-decoder", 0.2, 0, 0.99,
            "dropout in the decoders"),
    SC_CHOICE(totalvi_opts, gene_dispersion, "gene-dispersion", SC_DISP_GENE,
              "gene|gene-batch|gene-label", "what the genes' inverse dispersion depends on"),
    SC_CHOICE(totalvi_opts, protein_dispersion, "protein-dispersion", BY_PROTEIN,
              "protein|protein-batch|protein-label",
              "what the proteins' inverse dispersion depends on"),
    SC_CHOICE(totalvi_opts, gene_likelihood, "gene-likelihood", SC_LIK_NB, "zinb|nb",
              "distribution of the genes' counts"),
    SC_CHOICE(totalvi_opts, latent_distribution, "latent-distribution", 0, "normal|ln",
              "normal, or logistic normal"),
    SC_BOOL(totalvi_opts, encode_covariates, "encode-covariates", 1,
            "give batch and covariates to the encoder too"),
    SC_BOOL(totalvi_opts, use_observed_lib_size, "use-observed-lib-size", 1,
            "library size is the cell's total, not latent"),
    SC_BOOL(totalvi_opts, log_variational, "log-variational", 1,
            "the encoder sees log(1 + its input)"),
    SC_CHOICE(totalvi_opts, use_batch_norm, "use-batch-norm", SC_NORM_BOTH, SC_NORM_CHOICES,
              "where batch norm is"),
    SC_CHOICE(totalvi_opts, use_layer_norm, "use-layer-norm", SC_NORM_NONE, SC_NORM_CHOICES,
              "where layer norm is"),
    SC_CHOICE(totalvi_opts, encoder_input, "encoder-input", 0, "scaled|raw",
              "counts as the encoder sees them; scaled: over 1 + their mean in the cell; raw: as "
              "before scvi-tools 1.3.1"),
    SC_CHOICE(totalvi_opts, background_activation, "background-activation", 0, "softplus|exp",
              "what makes the background's deviation positive; exp: as before scvi-tools 1.2"),
    SC_CHOICE(
        totalvi_opts, background_prior, "empirical-protein-background-prior", AUTO, "auto|yes|no",
        "start the background's prior from mixtures fitted to the counts of each panel; auto: "
        "with more than 10 proteins"),
    SC_BOOL(totalvi_opts, override_missing_proteins, "override-missing-proteins", 0,
            "take a protein without counts in a panel as measured there, and absent"),
    SC_CHOICE(totalvi_opts, adversarial, "adversarial-classifier", AUTO, "auto|yes|no",
              "learn to fool a network that tells batches by z; auto: if proteins are missing"),
    SC_REAL(totalvi_opts, scale_adversarial_loss, "scale-adversarial-loss", -1, -1, 1e9,
            "weight of the adversarial terms; -1: 1 - the KL weight"),
    SC_PARAM_END};

static const sc_scvi_arg args[] = {
    SC_SCVI_ARG("n-latent", "n_latent"),
    {"gene-dispersion", "gene_dispersion", SC_SCVI_VALUE, true,
     "gene-label"}, /* it has no labels */
    {"protein-dispersion", "protein_dispersion", SC_SCVI_VALUE, true, "protein-label"},
    SC_SCVI_ARG("gene-likelihood", "gene_likelihood"),
    SC_SCVI_ARG("latent-distribution", "latent_distribution"),
    SC_SCVI_ARG("override-missing-proteins", "override_missing_proteins"),
    SC_SCVI_KWARG("background-activation", "extra_decoder_kwargs/activation_function_bg",
                  SC_SCVI_VALUE),
    SC_SCVI_KWARG("background-activation", "1.2", SC_SCVI_SINCE),
    {"encoder-input", "encoder_input", SC_SCVI_OURS, false, "raw"},
    SC_SCVI_KWARG("encoder-input", "1.3.1", SC_SCVI_SINCE),
    SC_SCVI_KWARG("empirical-protein-background-prior", "empirical_protein_background_prior",
                  SC_SCVI_OURS), /* the weights that it gave are in the file */
    SC_SCVI_KWARG("adversarial-classifier", "adversarial_classifier", SC_SCVI_OURS),
    SC_SCVI_KWARG("scale-adversarial-loss", "scale_adversarial_loss", SC_SCVI_OURS),
    SC_SCVI_KWARG(NULL, "extra_payload_autotune", SC_SCVI_IGNORED),
    SC_SCVI_ARGS_END};

static sc_fc layers(const totalvi_opts *o, bool is_encoder)
{
    const int part = is_encoder ? SC_NORM_ENCODER : SC_NORM_DECODER;
    return (sc_fc){.n_layers = is_encoder ? o->n_layers_encoder : o->n_layers_decoder,
                   .n_hidden = o->n_hidden,
                   .n_out = o->n_hidden,
                   .dropout = is_encoder ? o->dropout_rate_encoder : o->dropout_rate_decoder,
                   .use_batch_norm = sc_norm_in(o->use_batch_norm, part),
                   .use_layer_norm = sc_norm_in(o->use_layer_norm, part),
                   .use_activation = true,
                   .bias = true,
                   .inject_covariates = true,
                   .activation = SC_MAP_RELU};
}

/* What a network is given: dense parts, and categories. */
typedef struct inputs {
    sc_node parts[3], cats[SC_PARTS_MAX];
    int n_parts, n_cats;
} inputs;

static void add_covariates(sc_graph *g, sc_side side, inputs *in)
{
    const int n_covs = (int)sc_dim_of(g, SC_DIM_CAT_COVS);
    if (sc_dim_of(g, SC_DIM_CONT_COVS))
        in->parts[in->n_parts++] = sc_in(g, SC_ROWS_ALL, SC_IN_CONT_COVS, SC_ENCODER_SIDE);
    in->cats[in->n_cats++] = sc_in(g, SC_ROWS_ALL, SC_IN_BATCH, side);
    for (int i = 0; i < n_covs && in->n_cats < SC_PARTS_MAX / 2; i++)
        in->cats[in->n_cats++] = sc_in(g, SC_ROWS_ALL, (sc_input)(SC_IN_CAT_COV_0 + i), side);
}

/* x, or x / (1 + mean of the cell), in logs */
static sc_node shrunk(sc_graph *g, const totalvi_opts *o, sc_node x, sc_dim n_cols)
{
    const double n = (double)sc_dim_of(g, n_cols);
    if (!o->encoder_input)
        x = sc_div(g, x, sc_affine(g, sc_row_sum(g, x), 1 / n, 1));
    return o->log_variational ? sc_log1p(g, x) : x;
}

static sc_dist head(sc_graph *g, const char *mean, const char *var, sc_node h, int64_t n)
{
    return sc_normal(sc_head(g, "encoder", mean, h, n),
                     sc_affine(g, sc_exp(g, sc_head(g, "encoder", var, h, n)), 1, 1e-4));
}

static sc_node library_size(sc_graph *g, const totalvi_opts *o, sc_node x, sc_dist ql)
{
    const double most = 3269017.3724721107; /* exp 15 */
    sc_result(g, "ql_m", SC_OUT_CELL, ql.a, "log library size as encoded: mean");
    sc_result(g, "ql_v", SC_OUT_CELL, ql.b, "the same: variance");
    if (sc_dim_of(g, SC_DIM_SIZE_FACTOR))
        return sc_in(g, SC_ROWS_ALL, SC_IN_SIZE_FACTOR, SC_ENCODER_SIDE);
    if (o->use_observed_lib_size)
        return sc_row_sum(g, x);
    return g->sv->map(g, SC_MAP_CLAMP_MAX, sc_latent_library(g, ql, SC_WEIGHT_ONE), most);
}

static sc_node encode(sc_graph *g, const totalvi_opts *o, sc_node x, sc_node y, sc_node *library)
{
    inputs in = {.parts = {shrunk(g, o, x, SC_DIM_VARS), shrunk(g, o, y, SC_DIM_PROTEINS)},
                 .n_parts = 2};
    sc_fc fc = layers(o, true);
    if (o->encode_covariates)
        add_covariates(g, SC_ENCODER_SIDE, &in);
    sc_begin(g, SC_PART_ENCODER);
    const sc_node h =
        sc_fc_layers(g, "encoder.encoder", in.parts, in.n_parts, in.cats, in.n_cats, &fc);
    const sc_dist qz = head(g, ".z_mean_encoder", ".z_var_encoder", h, o->n_latent);
    const sc_node u = sc_latent(g, "z", qz, sc_standard_normal());
    sc_minimize(g, "kl_z", SC_TERM_KL_Z, SC_WEIGHT_KL, sc_kl(g, qz, sc_standard_normal()));

    sc_begin(g, SC_PART_LIBRARY);
    fc.n_layers = 1;
    const sc_node hl =
        sc_fc_layers(g, "encoder.l_gene_encoder", in.parts, in.n_parts, in.cats, in.n_cats, &fc);
    const sc_dist ql = head(g, ".l_gene_mean_encoder", ".l_gene_var_encoder", hl, 1);
    g->sv->keep(g, ql.a); /* its batch norm moves even where it is unused */
    *library = library_size(g, o, x, ql);
    return o->latent_distribution ? sc_softmax(g, u) : u;
}

static sc_node hidden(sc_graph *g, const totalvi_opts *o, const char *name, const inputs *d)
{
    const sc_fc fc = layers(o, false);
    return sc_fc_layers(g, name, d->parts, d->n_parts, d->cats, d->n_cats, &fc);
}

/* One linear layer on the hidden nodes, z and the covariates. */
static sc_node lin(sc_graph *g, const char *name, sc_node h, const inputs *d, int64_t n_out)
{
    const sc_node parts[3] = {h, d->parts[0], d->parts[1]};
    const sc_fc fc = {.n_layers = 1,
                      .n_hidden = n_out,
                      .n_out = n_out,
                      .bias = true,
                      .inject_covariates = true,
                      .activation = SC_MAP_RELU};
    return sc_fc_layers(g, name, parts, 1 + d->n_parts, d->cats, d->n_cats, &fc);
}

static void genes(sc_graph *g, const totalvi_opts *o, sc_node x, const inputs *d, sc_node library,
                  sc_node h_sigmoid)
{
    const int64_t n_vars = sc_dim_of(g, SC_DIM_VARS);
    const sc_node h = hidden(g, o, "decoder.px_decoder", d);
    const sc_node logits = lin(g, "decoder.px_scale_decoder", h, d, n_vars);
    const sc_node px_scale =
        sc_dim_of(g, SC_DIM_SIZE_FACTOR) ? sc_softplus(g, logits) : sc_softmax(g, logits);
    const sc_node px_rate = sc_mul(g, px_scale, library);
    const sc_node px_dropout = lin(g, "decoder.px_dropout_decoder_gene", h_sigmoid, d, n_vars);
    const sc_node px_r = sc_inverse_dispersion(g, o->gene_dispersion, SC_NONE);
    const sc_dist p = o->gene_likelihood == SC_LIK_ZINB ? sc_zinb(px_rate, px_r, px_dropout)
                                                        : sc_nb(px_rate, px_r);
    sc_minimize(g, "reconstruction_gene", SC_TERM_RECONSTRUCTION, SC_WEIGHT_ONE,
                sc_neg(g, sc_observe(g, "x", p, x)));
    sc_gene_results(g, o->gene_likelihood, px_scale, px_rate, px_r, px_dropout, library);
}

/* The column of a cell's category in a proteins x categories weight. */
static sc_node of_cell(sc_graph *g, const char *name, sc_input by, sc_init init, double arg,
                       unsigned flags)
{
    const sc_dim n = by == SC_IN_BATCH   ? SC_DIM_BATCH
                     : by == SC_IN_PANEL ? SC_DIM_PANELS
                                         : SC_DIM_LABELS;
    const sc_side side = by == SC_IN_PANEL ? SC_ENCODER_SIDE : SC_DECODER_SIDE;
    sc_begin(g, SC_PART_OTHER);
    return sc_gather(
        g, sc_weight(g, name, sc_dim_of(g, SC_DIM_PROTEINS), sc_dim_of(g, n), by, init, arg, flags),
        sc_in(g, SC_ROWS_ALL, by, side));
}

static sc_node inverse_dispersion(sc_graph *g, const totalvi_opts *o)
{
    const sc_input by = o->protein_dispersion == BY_PROTEIN_BATCH ? SC_IN_BATCH : SC_IN_LABELS;
    sc_begin(g, SC_PART_OTHER);
    if (o->protein_dispersion == BY_PROTEIN)
        return sc_exp(g, sc_weight(g, "py_r", 1, sc_dim_of(g, SC_DIM_PROTEINS), SC_IN_COUNTS,
                                   SC_INIT_UNIFORM, 2, SC_TRAINED));
    return sc_exp(g, of_cell(g, "py_r", by, SC_INIT_UNIFORM, 2, SC_TRAINED));
}

typedef struct background {
    sc_node rate, kl; /* kl: of each cell, over the proteins that its panel measured */
} background;

static background protein_background(sc_graph *g, const totalvi_opts *o, const inputs *d,
                                     sc_node mask)
{
    const int64_t n = sc_dim_of(g, SC_DIM_PROTEINS);
    const bool from_data = o->background_prior == AUTO ? n > 10 : o->background_prior == YES;
    sc_begin(g, SC_PART_DECODER);
    const sc_node h = hidden(g, o, "decoder.py_back_decoder", d);
    const sc_node alpha = lin(g, "decoder.py_back_mean_log_alpha", h, d, n);
    const sc_node beta =
        sc_affine(g,
                  sc_apply(g, o->background_activation ? SC_MAP_EXP : SC_MAP_SOFTPLUS,
                           lin(g, "decoder.py_back_mean_log_beta", h, d, n)),
                  1, 1e-8);
    const sc_node mean =
        of_cell(g, "background_pro_alpha", SC_IN_PANEL,
                from_data ? SC_INIT_PROTEIN_PRIOR_MEAN : SC_INIT_CONSTANT, 3, SC_TRAINED);
    const sc_node scale = sc_exp(
        g, of_cell(g, "background_pro_log_beta", SC_IN_PANEL,
                   from_data ? SC_INIT_PROTEIN_PRIOR_LOG_SCALE : SC_INIT_ZERO, 0, SC_TRAINED));
    const sc_dist q = sc_normal_sd(alpha, beta), prior = sc_normal_sd(mean, scale);
    const sc_node rate = sc_exp(g, sc_latent(g, "back", q, prior));
    sc_result(g, "py_back_alpha", SC_OUT_PROTEINS, alpha, "log background: mean");
    sc_result(g, "py_back_beta", SC_OUT_PROTEINS, beta, "log background: standard deviation");
    sc_result(g, "back_prior_mean", SC_OUT_PROTEINS, mean, "prior of the log background: mean");
    sc_result(g, "back_prior_scale", SC_OUT_PROTEINS, scale, "the same: standard deviation");
    return (background){rate, g->sv->kl(g, q, prior, mask)};
}

/* What was decoded of the proteins; efficiency is the batch's own, and left out. */
static void protein_results(sc_graph *g, sc_node back, sc_node fore, sc_node mixing)
{
    const sc_node fg = sc_sigmoid(g, sc_neg(g, mixing)), value = sc_mul(g, fg, fore);
    sc_result(g, "py_rate_back", SC_OUT_PROTEINS, back, "background, counts");
    sc_result(g, "py_rate_fore", SC_OUT_PROTEINS, fore, "foreground, counts");
    sc_result(g, "py_mixing", SC_OUT_PROTEINS, mixing, "logits of being background");
    sc_result(g, "py_scale", SC_OUT_PROTEINS, sc_div(g, value, sc_row_sum(g, value)),
              "share of each protein in the cell's denoised proteins");
    sc_result(g, "protein_denoised", SC_OUT_PROTEINS, value,
              "expected foreground: its rate times its probability");
    sc_result(g, "protein_with_background", SC_OUT_PROTEINS,
              sc_add(g, value, sc_mul(g, sc_sigmoid(g, mixing), back)),
              "the same and the expected background");
    sc_result(g, "protein_fg_prob", SC_OUT_PROTEINS, fg, "probability of being foreground");
}

static void proteins(sc_graph *g, const totalvi_opts *o, sc_node y, const inputs *d,
                     sc_node h_sigmoid)
{
    const int64_t n = sc_dim_of(g, SC_DIM_PROTEINS);
    const double half_log_2pi = 0.91893853320467274;
    const sc_node mask =
        o->override_missing_proteins
            ? SC_NONE
            : of_cell(g, "protein_observed", SC_IN_PANEL, SC_INIT_PROTEIN_OBSERVED, 0, SC_UNSAVED);
    const background back = protein_background(g, o, d, mask);
    sc_begin(g, SC_PART_DECODER);
    const sc_node hf = hidden(g, o, "decoder.py_fore_decoder", d);
    const sc_node fore_scale =
        sc_affine(g, sc_relu(g, lin(g, "decoder.py_fore_scale_decoder", hf, d, n)), 1, 1 + 1e-8);
    const sc_node rate_fore = sc_mul(g, back.rate, fore_scale);
    const sc_node mixing = lin(g, "decoder.py_background_decoder", h_sigmoid, d, n);
    const sc_node py_r = inverse_dispersion(g, o);
    const sc_node log_eff =
        of_cell(g, "log_per_batch_efficiency", SC_IN_BATCH, SC_INIT_ZERO, 0, SC_TRAINED);
    const sc_node eff = sc_exp(g, log_eff);
    const sc_dist mixture = {.kind = SC_NB_MIXTURE,
                             .a = sc_mul(g, eff, back.rate),
                             .b = py_r,
                             .c = mixing,
                             .d = sc_mul(g, eff, rate_fore),
                             .eps = 1e-8,
                             .eps_total = 1e-8};
    sc_minimize(g, "reconstruction_protein", SC_TERM_RECONSTRUCTION, SC_WEIGHT_KL,
                sc_neg(g, g->sv->observe(g, "y", mixture, y, mask)));
    const sc_node half_square =
        sc_affine(g, sc_apply(g, SC_MAP_SQUARE, log_eff), 0.5, half_log_2pi);
    const sc_node log_normal = sc_row_sum(g, sc_add(g, half_square, log_eff));
    const sc_node foreground =
        sc_affine(g, sc_row_sum(g, sc_softplus(g, sc_neg(g, mixing))), 1e-3, 0);
    sc_minimize(g, "kl_back_pro", SC_TERM_KL, SC_WEIGHT_KL,
                sc_add(g, back.kl, sc_add(g, log_normal, foreground)));
    protein_results(g, back.rate, rate_fore, mixing);
    sc_result(g, "py_fore_scale", SC_OUT_PROTEINS, fore_scale, "foreground over background");
    sc_result(g, "py_r", SC_OUT_PROTEINS, py_r, "inverse dispersion");
    sc_result(g, "per_batch_efficiency", SC_OUT_PROTEINS, eff, "efficiency in the cell's batch");
}

/* Log-probability of every batch, summed, and of the true one, as the side network sees z. */
static void classify(sc_graph *g, sc_node z, sc_node batch, sc_node *sum, sc_node *truth)
{
    const int64_t n_batch = sc_dim_of(g, SC_DIM_BATCH);
    const sc_fc fc = {2, 32, 32, 0.1, true, false, true, true, true, SC_MAP_RELU};
    const sc_node h = sc_fc_layers(g, "adversary.classifier.0", &z, 1, NULL, 0, &fc);
    const sc_node logits = sc_head(g, "adversary.classifier", ".1", h, n_batch);
    const sc_dist p = {.kind = SC_CATEGORICAL_LOGITS, .a = logits};
    *truth = sc_log_prob(g, p, batch);
    const sc_node normalizer = sc_sub(g, g->sv->pick(g, logits, batch), *truth);
    *sum = sc_sub(g, sc_row_sum(g, logits), sc_affine(g, normalizer, (double)n_batch, 0));
}

static void adversary(sc_graph *g, const totalvi_opts *o, sc_node z)
{
    const int64_t n_batch = sc_dim_of(g, SC_DIM_BATCH);
    const sc_node batch = sc_in(g, SC_ROWS_ALL, SC_IN_BATCH, SC_ENCODER_SIDE);
    const bool by_kl = o->scale_adversarial_loss < 0;
    sc_term fool = {.name = "fool",
                    .role = SC_TERM_OTHER,
                    .weight = by_kl ? SC_WEIGHT_ONE_MINUS_KL : SC_WEIGHT_ONE,
                    .factor = by_kl ? 1 : o->scale_adversarial_loss};
    sc_term tell = fool;
    sc_node sum, truth;
    tell.name = "tell";
    tell.group = g->sv->side_network(g, 1e-3, 0.01);
    classify(g, z, batch, &sum, &truth);
    g->sv->term(g, &fool, sc_affine(g, sc_sub(g, sum, truth), -1 / (double)(n_batch - 1), 0));
    classify(g, sc_stop_gradient(g, z), batch, &sum, &truth);
    g->sv->term(g, &tell, sc_neg(g, truth));
    sc_begin(g, SC_PART_OTHER);
}

static void build(sc_graph *g, const void *opts)
{
    const totalvi_opts *o = opts;
    const sc_node x = sc_counts(g, SC_ROWS_ALL);
    const sc_node y = sc_in(g, SC_ROWS_ALL, SC_IN_PROTEINS, SC_ENCODER_SIDE);
    const bool lacks_proteins =
        sc_dim_of(g, SC_DIM_PROTEINS_MISSING) > 0 && !o->override_missing_proteins;
    sc_node library;
    inputs d = {.parts = {encode(g, o, x, y, &library)}, .n_parts = 1};
    sc_result(g, "latent", SC_OUT_LATENT, d.parts[0], "latent representation");
    add_covariates(g, SC_DECODER_SIDE, &d);
    sc_begin(g, SC_PART_DECODER);
    const sc_node h_sigmoid = hidden(g, o, "decoder.sigmoid_decoder", &d);
    genes(g, o, x, &d, library, h_sigmoid);
    proteins(g, o, y, &d, h_sigmoid);
    if ((o->adversarial == AUTO ? lacks_proteins : o->adversarial == YES) &&
        o->scale_adversarial_loss != 0 && sc_dim_of(g, SC_DIM_BATCH) > 1)
        adversary(g, o, d.parts[0]);
}

static const sc_model model = {sizeof model, build, {256, 4e-3, 0.01, 1e-6, 0, 0.75},
                               "TOTALVI",    args,  {true, true, NULL, 0}};

SC_PLUGIN_EXPORT extern const sc_plugin sc_plugin_entry;
const sc_plugin sc_plugin_entry = {
    SC_PLUGIN_ABI,
    sizeof(sc_plugin),
    SC_KIND_MODEL,
    "totalvi",
    "variational autoencoder of genes and proteins (totalVI)",
    "One latent space for RNA and surface proteins; separates proteins from their background.",
    "Gayoso et al. 2021, Nat Methods 18:272",
    params,
    sizeof(totalvi_opts),
    &model};
