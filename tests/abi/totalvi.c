/*
 * totalVI, as far as its parity cases go. Gayoso, Steier, Lopez, Regier, Nazor, Streets, Yosef
 * 2021, Nat Methods 18:272.
 *
 *   z ~ N(0, I)   rho = softmax f(z, s)   x ~ NB(l rho, theta)   l: the cell's total
 *   v_p ~ N(c_p, d_p^2) of the cell's panel   beta = exp(v)   alpha = 1 + relu f(z, s)
 *   y_p ~ pi NB(e beta, phi) + (1 - pi) NB(e beta alpha, phi)   e: efficiency in the batch
 *   q(z, v | x, y) = N(z; h(x, y, s)) N(v; f(z, s))
 *
 * With `adversarial`, a side network tells batches apart by z, and the model learns to fool it.
 */
#include "sc_layers.h"

typedef struct totalvi_opts {
    int64_t n_hidden, n_latent, n_layers_encoder, n_layers_decoder;
    double dropout_rate_encoder, dropout_rate_decoder, kappa;
    int use_batch_norm, use_layer_norm;
    bool adversarial;
} totalvi_opts;

enum { NORM_BOTH, NORM_NONE };

static const sc_param params[] = {
    SC_INT(totalvi_opts, n_hidden, "n-hidden", 256, 1, 65536, "nodes per hidden layer"),
    SC_INT(totalvi_opts, n_latent, "n-latent", 20, 1, 4096, "dimensions of the latent space"),
    SC_INT(totalvi_opts, n_layers_encoder, "n-layers-encoder", 2, 1, 32, "layers of the encoder"),
    SC_INT(totalvi_opts, n_layers_decoder, "n-layers-decoder", 1, 1, 32, "layers of each decoder"),
    SC_REAL(totalvi_opts, dropout_rate_encoder, "dropout-rate-encoder", 0.2, 0, 0.99, "dropout"),
    SC_REAL(totalvi_opts, dropout_rate_decoder, "dropout-rate-decoder", 0.2, 0, 0.99, "dropout"),
    SC_REAL(totalvi_opts, kappa, "kappa", 0, 0, 1e9,
            "weight of the adversarial terms; 0: 1 - the KL weight"),
    SC_CHOICE(totalvi_opts, use_batch_norm, "use-batch-norm", NORM_BOTH, "both|none",
              "where batch norm is"),
    SC_CHOICE(totalvi_opts, use_layer_norm, "use-layer-norm", NORM_NONE, "both|none",
              "where layer norm is"),
    SC_BOOL(totalvi_opts, adversarial, "adversarial", 0, "let a classifier of the batch compete"),
    SC_PARAM_END};

static sc_fc layers(const totalvi_opts *o, int64_t n_layers, double dropout)
{
    return (sc_fc){n_layers,
                   o->n_hidden,
                   o->n_hidden,
                   dropout,
                   o->use_batch_norm == NORM_BOTH,
                   o->use_layer_norm == NORM_BOTH,
                   true,
                   true,
                   true,
                   SC_MAP_RELU};
}

/* log(1 + x / (1 + mean of the cell)) */
static sc_node shrunk(sc_graph *g, sc_node x, int64_t n_cols)
{
    const sc_node mean = sc_affine(g, sc_row_sum(g, x), 1 / (double)n_cols, 1);
    return sc_log1p(g, sc_div(g, x, mean));
}

static sc_dist head(sc_graph *g, const char *mean, const char *var, sc_node h, int64_t n)
{
    return sc_normal(sc_head(g, "encoder", mean, h, n),
                     sc_affine(g, sc_exp(g, sc_head(g, "encoder", var, h, n)), 1, 1e-4));
}

static sc_node encode(sc_graph *g, const totalvi_opts *o, sc_node x, sc_node y)
{
    const sc_node parts[2] = {shrunk(g, x, sc_dim_of(g, SC_DIM_VARS)),
                              shrunk(g, y, sc_dim_of(g, SC_DIM_PROTEINS))};
    const sc_node batch = sc_in(g, SC_ROWS_ALL, SC_IN_BATCH, SC_ENCODER_SIDE);
    sc_fc fc = layers(o, o->n_layers_encoder, o->dropout_rate_encoder);
    sc_begin(g, SC_PART_ENCODER);
    const sc_node h = sc_fc_layers(g, "encoder.encoder", parts, 2, &batch, 1, &fc);
    const sc_dist qz = head(g, ".z_mean_encoder", ".z_var_encoder", h, o->n_latent);
    const sc_node z = sc_latent(g, "z", qz, sc_standard_normal());
    sc_minimize(g, "kl_z", SC_TERM_KL_Z, SC_WEIGHT_KL, sc_kl(g, qz, sc_standard_normal()));

    sc_begin(g, SC_PART_LIBRARY);
    fc.n_layers = 1;
    const sc_node hl = sc_fc_layers(g, "encoder.l_gene_encoder", parts, 2, &batch, 1, &fc);
    const sc_dist ql = head(g, ".l_gene_mean_encoder", ".l_gene_var_encoder", hl, 1);
    g->sv->keep(g, sc_latent(g, "l", ql, sc_standard_normal())); /* its batch norm moves, unused */
    return z;
}

typedef struct decoder_in {
    sc_node z, batch;
} decoder_in;

static sc_node hidden(sc_graph *g, const totalvi_opts *o, const char *name, decoder_in d)
{
    const sc_fc fc = layers(o, o->n_layers_decoder, o->dropout_rate_decoder);
    return sc_fc_layers(g, name, &d.z, 1, &d.batch, 1, &fc);
}

/* One linear layer on the hidden nodes, z and the batch. */
static sc_node lin(sc_graph *g, const char *name, sc_node h, decoder_in d, int64_t n_out)
{
    const sc_node parts[2] = {h, d.z};
    const sc_fc fc = {1, n_out, n_out, 0, false, false, false, true, true, SC_MAP_RELU};
    return sc_fc_layers(g, name, parts, 2, &d.batch, 1, &fc);
}

static void genes(sc_graph *g, const totalvi_opts *o, sc_node x, decoder_in d, sc_node h_sigmoid)
{
    const int64_t n_vars = sc_dim_of(g, SC_DIM_VARS);
    const sc_node library = sc_row_sum(g, x);
    const sc_node h = hidden(g, o, "decoder.px_decoder", d);
    const sc_node px_scale = sc_softmax(g, lin(g, "decoder.px_scale_decoder", h, d, n_vars));
    const sc_node px_rate = sc_mul(g, px_scale, library);
    const sc_node px_dropout = lin(g, "decoder.px_dropout_decoder_gene", h_sigmoid, d, n_vars);
    sc_begin(g, SC_PART_OTHER);
    const sc_node px_r =
        sc_exp(g, sc_weight(g, "px_r", 1, n_vars, SC_IN_COUNTS, SC_INIT_NORMAL, 0, SC_TRAINED));
    sc_minimize(g, "reconstruction_gene", SC_TERM_RECONSTRUCTION, SC_WEIGHT_ONE,
                sc_neg(g, sc_observe(g, "x", sc_nb(px_rate, px_r), x)));
    sc_result(g, "library_gene", SC_OUT_CELL, library, "library size, counts");
    sc_result(g, "px_scale", SC_OUT_VARS, px_scale, "expected share of each gene");
    sc_result(g, "px_rate", SC_OUT_VARS, px_rate, "expected counts");
    sc_result(g, "px_r", SC_OUT_VARS, px_r, "inverse dispersion");
    sc_result(g, "px_dropout", SC_OUT_VARS, px_dropout, "logits of an extra zero");
}

/* The column of a cell's batch or panel in a proteins x categories weight. */
static sc_node of_cell(sc_graph *g, const char *name, sc_input by, sc_init init, unsigned flags)
{
    const sc_dim n = by == SC_IN_BATCH ? SC_DIM_BATCH : SC_DIM_PANELS;
    const sc_side side = by == SC_IN_BATCH ? SC_DECODER_SIDE : SC_ENCODER_SIDE;
    sc_begin(g, SC_PART_OTHER);
    return sc_gather(
        g, sc_weight(g, name, sc_dim_of(g, SC_DIM_PROTEINS), sc_dim_of(g, n), by, init, 0, flags),
        sc_in(g, SC_ROWS_ALL, by, side));
}

typedef struct background {
    sc_node rate, kl; /* kl: of each cell, over the proteins that its panel measured */
} background;

static background protein_background(sc_graph *g, const totalvi_opts *o, decoder_in d, sc_node mask)
{
    const int64_t n = sc_dim_of(g, SC_DIM_PROTEINS);
    sc_begin(g, SC_PART_DECODER);
    const sc_node h = hidden(g, o, "decoder.py_back_decoder", d);
    const sc_node alpha = lin(g, "decoder.py_back_mean_log_alpha", h, d, n);
    const sc_node beta =
        sc_affine(g, sc_softplus(g, lin(g, "decoder.py_back_mean_log_beta", h, d, n)), 1, 1e-8);
    const sc_node mean =
        of_cell(g, "background_pro_alpha", SC_IN_PANEL, SC_INIT_PROTEIN_PRIOR_MEAN, SC_TRAINED);
    const sc_node scale = sc_exp(g, of_cell(g, "background_pro_log_beta", SC_IN_PANEL,
                                            SC_INIT_PROTEIN_PRIOR_LOG_SCALE, SC_TRAINED));
    const sc_dist q = sc_normal_sd(alpha, beta), prior = sc_normal_sd(mean, scale);
    const sc_node rate = sc_exp(g, sc_latent(g, "back", q, prior));
    sc_result(g, "py_back_alpha", SC_OUT_PROTEINS, alpha, "log background: mean");
    sc_result(g, "py_back_beta", SC_OUT_PROTEINS, beta, "log background: standard deviation");
    sc_result(g, "back_prior_mean", SC_OUT_PROTEINS, mean, "prior of the log background: mean");
    sc_result(g, "back_prior_scale", SC_OUT_PROTEINS, scale, "the same: standard deviation");
    return (background){rate, g->sv->kl(g, q, prior, mask)};
}

static void proteins(sc_graph *g, const totalvi_opts *o, sc_node y, decoder_in d, sc_node h_sigmoid)
{
    const int64_t n = sc_dim_of(g, SC_DIM_PROTEINS);
    const double log_2pi = 1.83787706640934548;
    const sc_node mask =
        of_cell(g, "protein_observed", SC_IN_PANEL, SC_INIT_PROTEIN_OBSERVED, SC_UNSAVED);
    const background back = protein_background(g, o, d, mask);
    sc_begin(g, SC_PART_DECODER);
    const sc_node hf = hidden(g, o, "decoder.py_fore_decoder", d);
    const sc_node fore_scale =
        sc_affine(g, sc_relu(g, lin(g, "decoder.py_fore_scale_decoder", hf, d, n)), 1, 1 + 1e-8);
    const sc_node rate_fore = sc_mul(g, back.rate, fore_scale);
    const sc_node mixing = lin(g, "decoder.py_background_decoder", h_sigmoid, d, n);
    sc_begin(g, SC_PART_OTHER);
    const sc_node py_r =
        sc_exp(g, sc_weight(g, "py_r", 1, n, SC_IN_COUNTS, SC_INIT_UNIFORM, 2, SC_TRAINED));
    const sc_node log_eff =
        of_cell(g, "log_per_batch_efficiency", SC_IN_BATCH, SC_INIT_ZERO, SC_TRAINED);
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
        sc_affine(g, sc_apply(g, SC_MAP_SQUARE, log_eff), 0.5, 0.5 * log_2pi);
    const sc_node log_normal = sc_row_sum(g, sc_add(g, half_square, log_eff));
    const sc_node foreground =
        sc_affine(g, sc_row_sum(g, sc_softplus(g, sc_neg(g, mixing))), 1e-3, 0);
    sc_minimize(g, "kl_back_pro", SC_TERM_KL, SC_WEIGHT_KL,
                sc_add(g, back.kl, sc_add(g, log_normal, foreground)));

    const sc_node fg = sc_sigmoid(g, sc_neg(g, mixing)), value = sc_mul(g, fg, rate_fore);
    sc_result(g, "py_rate_back", SC_OUT_PROTEINS, back.rate, "background, counts");
    sc_result(g, "py_rate_fore", SC_OUT_PROTEINS, rate_fore, "foreground, counts");
    sc_result(g, "py_fore_scale", SC_OUT_PROTEINS, fore_scale, "foreground over background");
    sc_result(g, "py_mixing", SC_OUT_PROTEINS, mixing, "logits of being background");
    sc_result(g, "py_scale", SC_OUT_PROTEINS, sc_div(g, value, sc_row_sum(g, value)),
              "share of each protein in the cell's foreground");
    sc_result(g, "py_r", SC_OUT_PROTEINS, py_r, "inverse dispersion");
    sc_result(g, "protein_fg_prob", SC_OUT_PROTEINS, fg, "probability of being foreground");
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
    const sc_term_weight weight = o->kappa > 0 ? SC_WEIGHT_ONE : SC_WEIGHT_ONE_MINUS_KL;
    const int group = g->sv->side_network(g, 1e-3, 0.01);
    sc_node sum, truth;
    classify(g, z, batch, &sum, &truth);
    const sc_term fool = {
        .name = "fool", .role = SC_TERM_OTHER, .weight = weight, .factor = o->kappa};
    g->sv->term(g, &fool, sc_affine(g, sc_sub(g, sum, truth), -1 / (double)(n_batch - 1), 0));
    classify(g, sc_stop_gradient(g, z), batch, &sum, &truth);
    const sc_term tell = {.name = "tell",
                          .role = SC_TERM_OTHER,
                          .weight = weight,
                          .factor = o->kappa,
                          .group = group};
    g->sv->term(g, &tell, sc_neg(g, truth));
    sc_begin(g, SC_PART_OTHER);
}

static void build(sc_graph *g, const void *opts)
{
    const totalvi_opts *o = opts;
    const sc_node x = sc_counts(g, SC_ROWS_ALL);
    const sc_node y = sc_in(g, SC_ROWS_ALL, SC_IN_PROTEINS, SC_ENCODER_SIDE);
    const decoder_in d = {encode(g, o, x, y), sc_in(g, SC_ROWS_ALL, SC_IN_BATCH, SC_DECODER_SIDE)};
    sc_result(g, "latent", SC_OUT_LATENT, d.z, "latent representation");
    sc_begin(g, SC_PART_DECODER);
    const sc_node h_sigmoid = hidden(g, o, "decoder.sigmoid_decoder", d);
    genes(g, o, x, d, h_sigmoid);
    proteins(g, o, y, d, h_sigmoid);
    if (o->adversarial && sc_dim_of(g, SC_DIM_BATCH) > 1)
        adversary(g, o, d.z);
}

static const sc_model model = {
    sizeof model, build, {256, 4e-3, 0.01, 1e-6, 0, 0.75}, "TOTALVI", NULL};

SC_PLUGIN_EXPORT extern const sc_plugin sc_plugin_entry;
const sc_plugin sc_plugin_entry = {
    SC_PLUGIN_ABI,
    sizeof(sc_plugin),
    SC_KIND_MODEL,
    "totalvi",
    "variational autoencoder of genes and proteins (totalVI)",
    "A proof that the plugin interface carries totalVI; the tests build and check it.",
    "Gayoso et al. 2021, Nat Methods 18:272",
    params,
    sizeof(totalvi_opts),
    &model};
