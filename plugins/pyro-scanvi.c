/*
 * scANVI as the Pyro tutorial has it: one draw of everything continuous, classes summed over where
 * no label is known, minibatches of labelled and of unlabelled cells apart.
 * Xu, Lopez, Mehlman, Regier, Jordan, Yosef 2021, Mol Syst Biol 17:e9620;
 * pyro.ai/examples/scanvi.html
 *
 *   z1 ~ N(0, I)   y ~ Cat(1/K)   z2 ~ N(f(z1, y))   log l ~ N(l_loc, l_scale^2) of the data
 *   x ~ ZINB(l softmax g(z2), theta, h(z2))
 *   q = N(z2, log l; e(log(1 + x))) Cat(y; c(z2)) N(z1; k(z2, y))
 */
#include "sc_layers.h"

#include <math.h>

typedef struct pyro_opts {
    int64_t n_latent, z2_decoder, x_decoder, z2l_encoder, classifier, z1_encoder, loss_cells;
    double alpha, epsilon, scale_factor;
} pyro_opts;

static const sc_param params[] = {
    SC_INT(pyro_opts, n_latent, "n-latent", 10, 1, 4096, "dimensions of the latent spaces"),
    SC_INT(pyro_opts, z2_decoder, "n-hidden-z2-decoder", 50, 1, 65536, "nodes of p(z2 | z1, y)"),
    SC_INT(pyro_opts, x_decoder, "n-hidden-x-decoder", 100, 1, 65536, "nodes of p(x | z2)"),
    SC_INT(pyro_opts, z2l_encoder, "n-hidden-z2l-encoder", 100, 1, 65536, "nodes of q(z2, l | x)"),
    SC_INT(pyro_opts, classifier, "n-hidden-classifier", 50, 1, 65536, "nodes of q(y | z2)"),
    SC_INT(pyro_opts, z1_encoder, "n-hidden-z1-encoder", 50, 1, 65536, "nodes of q(z1 | z2, y)"),
    SC_REAL(pyro_opts, alpha, "alpha", 0.01, 0, 1e9, "weight of the labelled cells' classes"),
    SC_REAL(pyro_opts, epsilon, "epsilon", 5e-3, 1e-12, 1,
            "added to mean and inverse dispersion before their logarithms"),
    SC_REAL(pyro_opts, scale_factor, "scale-factor", 0, 0, 1e9,
            "of the loss; 0: 1 / (loss-cells x genes)"),
    SC_INT(pyro_opts, loss_cells, "loss-cells", 100, 1, 1 << 20,
           "cells of a minibatch, by which and the genes the loss is divided"),
    SC_PARAM_END};

/* Linear, batch norm, ReLU, linear, batch norm. */
static sc_node fc(sc_graph *g, const char *net, const sc_node *parts, int n_parts, int64_t n_hidden,
                  int64_t n_out)
{
    char at[SC_NAME_MAX];
    (void)snprintf(at, sizeof at, "%s.fc.0", net);
    sc_node h = sc_linear(g, at, parts, n_parts, n_hidden, SC_BIAS);
    (void)snprintf(at, sizeof at, "%s.fc.1", net);
    h = sc_relu(g, sc_batch_norm(g, at, h, 1e-5, 0.1));
    (void)snprintf(at, sizeof at, "%s.fc.3", net);
    h = sc_linear(g, at, &h, 1, n_out, SC_BIAS);
    (void)snprintf(at, sizeof at, "%s.fc.4", net);
    return sc_batch_norm(g, at, h, 1e-5, 0.1);
}

/* Columns first.. of the left half: mean; of the right half: standard deviation before softplus. */
static sc_dist halves(sc_graph *g, sc_node h, int64_t half, int64_t first, int64_t n)
{
    return sc_normal_sd(sc_slice(g, h, first, n), sc_softplus(g, sc_slice(g, h, half + first, n)));
}

static sc_dist with_class(sc_graph *g, const char *net, sc_node z, sc_node y, int64_t n_hidden,
                          int64_t n_latent)
{
    const sc_node parts[2] = {z, y};
    return halves(g, fc(g, net, parts, 2, n_hidden, 2 * n_latent), n_latent, 0, n_latent);
}

static sc_node classifier(sc_graph *g, const pyro_opts *o, sc_node z2)
{
    return fc(g, "classifier", &z2, 1, o->classifier, sc_dim_of(g, SC_DIM_LABELS));
}

typedef struct guide {
    sc_dist q_z2, q_l;
    sc_node z2, log_l;
} guide;

/* log l ~ N of the data's totals */
static sc_dist prior_l(sc_graph *g)
{
    return sc_normal_sd(sc_weight(g, "l_loc", 1, 1, SC_IN_COUNTS, SC_INIT_LOG_TOTAL_MEAN, 0, 0),
                        sc_weight(g, "l_scale", 1, 1, SC_IN_COUNTS, SC_INIT_LOG_TOTAL_SD, 0, 0));
}

static guide encode(sc_graph *g, const pyro_opts *o, sc_node x, const char *site_z2,
                    const char *site_l)
{
    const int64_t n = o->n_latent;
    const sc_node in = sc_log1p(g, x);
    const sc_node h = fc(g, "z2l_encoder", &in, 1, o->z2l_encoder, 2 * n + 2);
    guide q = {.q_z2 = halves(g, h, n + 1, 0, n), .q_l = halves(g, h, n + 1, n, 1)};
    q.log_l = sc_latent(g, site_l, q.q_l, prior_l(g));
    q.z2 = sc_latent(g, site_z2, q.q_z2, sc_standard_normal());
    return q;
}

/* The part of the ELBO in which no class appears: log p(x), and what l and z2 cost. */
typedef struct base {
    sc_node log_x, cost_l, cost_z2, px_scale, px_rate, gate, theta;
} base;

static base without_class(sc_graph *g, const pyro_opts *o, const guide *q, sc_node x)
{
    const int64_t n_vars = sc_dim_of(g, SC_DIM_VARS);
    base b = {.cost_z2 = sc_log_prob(g, q->q_z2, q->z2)};
    const sc_node h = fc(g, "x_decoder", &q->z2, 1, o->x_decoder, 2 * n_vars);
    b.gate = sc_slice(g, h, 0, n_vars);
    b.px_scale = sc_softmax(g, sc_slice(g, h, n_vars, n_vars));
    b.px_rate = sc_mul(g, b.px_scale, sc_exp(g, q->log_l));
    b.theta = sc_exp(g, sc_weight(g, "inverse_dispersion_unconstrained", 1, n_vars, SC_IN_COUNTS,
                                  SC_INIT_CONSTANT, 2.302585092994045684, SC_TRAINED));
    const sc_dist p_x = {.kind = SC_ZINB,
                         .a = b.px_rate,
                         .b = b.theta,
                         .c = b.gate,
                         .eps = o->epsilon,
                         .eps_total = 2 * o->epsilon};
    b.log_x = sc_observe(g, "x", p_x, x);
    b.cost_l = sc_sub(g, sc_log_prob(g, q->q_l, q->log_l), sc_log_prob(g, prior_l(g), q->log_l));
    return b;
}

static sc_node sum_of(sc_graph *g, const base *b)
{
    return sc_sub(g, b->log_x, sc_add(g, b->cost_l, b->cost_z2));
}

/* What class y adds: z1, z2 given z1, and the uniform prior; z2 and y may stand once for each
 * class. */
static sc_node branch(sc_graph *g, const pyro_opts *o, const char *site, sc_node z2, sc_node y)
{
    const double log_k = log((double)sc_dim_of(g, SC_DIM_LABELS));
    const sc_dist q_z1 = with_class(g, "z1_encoder", z2, y, o->z1_encoder, o->n_latent);
    const sc_node z1 = sc_latent(g, site, q_z1, sc_standard_normal());
    const sc_dist p_z2 = with_class(g, "z2_decoder", z1, y, o->z2_decoder, o->n_latent);
    const sc_node z1_gain =
        sc_sub(g, sc_log_prob(g, sc_standard_normal(), z1), sc_log_prob(g, q_z1, z1));
    return sc_affine(g, sc_add(g, z1_gain, sc_log_prob(g, p_z2, z2)), 1, -log_k);
}

/* That of every class: rows x classes. */
static sc_node branches(sc_graph *g, const pyro_opts *o, const char *site, sc_node z2)
{
    const int64_t k = sc_dim_of(g, SC_DIM_LABELS);
    const sc_node y = g->sv->enumerate(g, z2, k);
    return g->sv->unstack(g, branch(g, o, site, g->sv->repeat_rows(g, z2, k), y), k);
}

/* Their mean over q(y | z2), and the entropy of q. */
static sc_node mean_branch(sc_graph *g, const pyro_opts *o, sc_node z2, sc_node gain)
{
    const int64_t k = sc_dim_of(g, SC_DIM_LABELS);
    const sc_node y = g->sv->enumerate(g, z2, k);
    const sc_dist q_y = {.kind = SC_CATEGORICAL_LOGITS,
                         .a = g->sv->repeat_rows(g, classifier(g, o, z2), k)};
    const sc_node log_q = g->sv->unstack(g, sc_log_prob(g, q_y, y), k);
    return sc_row_sum(g, sc_mul(g, sc_exp(g, log_q), sc_sub(g, gain, log_q)));
}

static void minimize(sc_graph *g, const pyro_opts *o, const char *name, sc_node elbo)
{
    const double n = (double)o->loss_cells * (double)sc_dim_of(g, SC_DIM_VARS);
    const sc_term t = {.name = name,
                       .role = SC_TERM_RECONSTRUCTION,
                       .factor = o->scale_factor > 0 ? o->scale_factor : 1 / n,
                       .is_sum = true};
    g->sv->term(g, &t, sc_neg(g, elbo));
}

static void unlabelled(sc_graph *g, const pyro_opts *o)
{
    const sc_node x = sc_counts(g, SC_ROWS_UNLABELLED);
    const guide q = encode(g, o, x, "z2_unlabelled", "l_unlabelled");
    const base b = without_class(g, o, &q, x);
    const sc_node gain = branches(g, o, "z1_unlabelled", q.z2);
    minimize(g, o, "unlabelled", sc_add(g, sum_of(g, &b), mean_branch(g, o, q.z2, gain)));
}

/*
 * The class of a labelled cell enters Pyro's guide as a factor that is no reparameterised draw, so
 * besides its own gradient it has that of a score function: the cell's ELBO times the gradient of
 * the factor's logarithm. This is 0 and has that gradient.
 */
static sc_node score(sc_graph *g, sc_node elbo, sc_node log_factor)
{
    const sc_node moving = sc_mul(g, log_factor, sc_stop_gradient(g, elbo));
    return sc_sub(g, moving, sc_stop_gradient(g, moving));
}

static void labelled(sc_graph *g, const pyro_opts *o)
{
    const sc_node x = sc_counts(g, SC_ROWS_LABELLED);
    const sc_node y = sc_in(g, SC_ROWS_LABELLED, SC_IN_LABELS, SC_ENCODER_SIDE);
    const guide q = encode(g, o, x, "z2_labelled", "l_labelled");
    const base b = without_class(g, o, &q, x);
    const sc_dist q_y = {.kind = SC_CATEGORICAL_LOGITS, .a = classifier(g, o, q.z2)};
    const sc_node gain = branch(g, o, "z1_labelled", q.z2, y);
    const sc_node class_gain = sc_affine(g, sc_log_prob(g, q_y, y), o->alpha, 0);
    const sc_node elbo = sc_add(g, sum_of(g, &b), sc_add(g, gain, class_gain));
    minimize(g, o, "labelled", sc_sub(g, elbo, score(g, elbo, class_gain)));
}

/* Cells of either kind as unlabelled ones, for results and scores: no minibatch in training is of
 * them. */
static void any(sc_graph *g, const pyro_opts *o)
{
    const sc_node x = sc_counts(g, SC_ROWS_ALL);
    const guide q = encode(g, o, x, "z", "l");
    const base b = without_class(g, o, &q, x);
    const sc_node gain = branches(g, o, "z1", q.z2);
    const sc_node log_p = sc_log_sum_exp(g, gain, sc_dim_of(g, SC_DIM_LABELS));
    sc_minimize(g, "reconstruction", SC_TERM_RECONSTRUCTION, SC_WEIGHT_ONE, sc_neg(g, b.log_x));
    sc_minimize(g, "kl_z", SC_TERM_KL_Z, SC_WEIGHT_ONE,
                sc_sub(g, b.cost_z2, mean_branch(g, o, q.z2, gain)));
    sc_minimize(g, "kl_l", SC_TERM_KL_L, SC_WEIGHT_ONE, b.cost_l);
    sc_result(g, "latent", SC_OUT_LATENT, q.z2, "latent representation (z2)");
    sc_result(g, "class_probs", SC_OUT_CLASSES, sc_softmax(g, classifier(g, o, q.z2)),
              "probability of each class");
    sc_result(g, "log_weight", SC_OUT_CELL, sc_add(g, b.log_x, sc_sub(g, log_p, b.cost_z2)),
              "log p(x | z, l) p(z) / q(z | x) of the draws, summed over classes");
    sc_gene_results(g, SC_LIK_ZINB, b.px_scale, b.px_rate, b.theta, b.gate, sc_exp(g, q.log_l));
}

static void build(sc_graph *g, const void *opts)
{
    g->sv->schedule(g, SC_STEP_EITHER);
    labelled(g, opts);
    unlabelled(g, opts);
    any(g, opts);
}

static const sc_model model = {sizeof model, build, {100, 5e-3, 1e-8, 0, 0, 0},
                               NULL,         NULL,  {.lr_milestones = "20", .lr_gamma = 0.2}};

SC_PLUGIN_EXPORT extern const sc_plugin sc_plugin_entry;
const sc_plugin sc_plugin_entry = {SC_PLUGIN_ABI,
                                   sizeof(sc_plugin),
                                   SC_KIND_MODEL,
                                   "pyro-scanvi",
                                   "scANVI as the Pyro tutorial has it",
                                   "scANVI with a second latent level and a latent library size, "
                                   "from minibatches of labelled and of unlabelled cells.",
                                   "Xu et al. 2021, Mol Syst Biol 17:e9620",
                                   params,
                                   sizeof(pyro_opts),
                                   &model};
