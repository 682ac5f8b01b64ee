/*
 * Gradients of distributions against central differences: latents, divergences, log-probabilities
 * and likelihoods, with parameters of each shape that they take.
 */
#include "gradients_ops.h"

enum { N_LATENT = 12, N_CLASS = 5, N_OBSERVE = 13, N_MASKED = 9 };

static sc_dist some_dist(sc_graph *g, sc_dist_kind kind, sc_node a, sc_node b, sc_node c, sc_node d)
{
    (void)g;
    return (sc_dist){.kind = kind, .a = a, .b = b, .c = c, .d = d, .eps = 1e-8, .eps_total = 1e-8};
}

/* Latents, KL, log-probabilities. */
static sc_node latent_op(sc_graph *g, const parts *p, int which)
{
    const sc_node pos = positive(g, p->k), sd = sc_exp(g, sc_affine(g, p->k, 0.3, 0));
    const sc_node fixed =
        sc_weight(g, "fixed", 1, N_HIDDEN, SC_IN_COUNTS, SC_INIT_CONSTANT, 1.3, 0);
    const sc_node number =
        sc_weight(g, "fixed_number", 1, 1, SC_IN_COUNTS, SC_INIT_CONSTANT, 0.7, 0);
    const sc_dist var = sc_normal(p->h, pos), dev = sc_normal_sd(p->h, sd);
    const sc_dist other =
        sc_normal(sc_affine(g, p->k, 0.5, 1), sc_exp(g, sc_affine(g, p->h, 0.2, 0)));
    const sc_dist other_sd = sc_normal_sd(other.a, other.b);
    const sc_dist column = sc_normal_sd(sc_slice(g, p->h, 0, 1), sc_slice(g, sd, 2, 1));
    switch (which) {
    case 0:
        return sc_kl(g, var, sc_standard_normal());
    case 1:
        return sc_kl(g, dev, other);
    case 2:
        return sc_kl(g, var, other_sd);
    case 3:
        return sc_kl(g, var, sc_normal_sd(fixed, number));
    case 4:
        return sc_log_prob(g, other, sc_latent(g, "z", var, sc_standard_normal()));
    case 5:
        return sc_log_prob(g, other_sd, sc_latent(g, "z", dev, sc_standard_normal()));
    case 6:
        return sc_log_prob(g, sc_standard_normal(), sc_latent(g, "z", var, sc_standard_normal()));
    case 7:
        return sc_log_prob(g, column, p->k);
    case 8:
        return sc_log_prob(g, sc_normal(fixed, number), p->h);
    case 9:
        return sc_kl(g, sc_normal(p->h, sc_slice(g, pos, 1, 1)), sc_normal(other.a, pos));
    case 10:
        return sc_kl(g, dev, sc_standard_normal());
    default:
        return sc_kl(g, dev, column);
    }
}

static sc_node class_op(sc_graph *g, const parts *p, int which)
{
    const sc_node logits = sc_slice(g, p->h, 0, 3), probs = sc_softmax(g, logits);
    const sc_node prior = sc_weight(g, "prior", 1, 3, SC_IN_LABELS, SC_INIT_CONSTANT, 1. / 3, 0);
    const sc_dist q = {.kind = SC_CATEGORICAL_PROBS, .a = probs};
    const sc_dist by_logits = {.kind = SC_CATEGORICAL_LOGITS, .a = logits};
    const sc_dist even = {.kind = SC_CATEGORICAL_PROBS, .a = prior};
    const sc_node of_batch =
        sc_weight(g, "of_batch", 3, 3, SC_IN_BATCH, SC_INIT_CONSTANT, 0.25, SC_UNSAVED);
    const sc_dist kept = {.kind = SC_CATEGORICAL_PROBS, .a = sc_gather(g, of_batch, p->batch)};
    return which == 0   ? sc_kl(g, q, even)
           : which == 1 ? sc_log_prob(g, q, p->label)
           : which == 2 ? sc_log_prob(g, by_logits, p->label)
           : which == 3 ? sc_kl(g, q, kept)
                        : sc_log_prob(g, by_logits, p->batch);
}

/* Likelihoods of counts and proteins, with parameters of rows, of one row, of one column, masked.
 */
static sc_node observe_op(sc_graph *g, const parts *p, int which)
{
    const int64_t n = TINY_VARS, m = TINY_PROTEINS;
    const sc_node mean = sc_exp(g, sc_linear(g, "mean", &p->h, 1, n, SC_BIAS));
    const sc_node theta = positive(g, sc_linear(g, "theta", &p->h, 1, n, 0));
    const sc_node gate = sc_linear(g, "gate", &p->h, 1, n, 0);
    const sc_node row = sc_exp(g, trained(g, "theta_row", 1, n)),
                  gate_row = trained(g, "gate_row", 1, n);
    const sc_node column = positive(g, sc_slice(g, p->h, 0, 1));
    const sc_node back = sc_exp(g, sc_linear(g, "back", &p->h, 1, m, SC_BIAS));
    const sc_node fore = sc_mul(g, back, positive(g, sc_linear(g, "fore", &p->k, 1, m, 0)));
    const sc_node mixing = sc_linear(g, "mixing", &p->h, 1, m, 0);
    const sc_node py_r = sc_exp(g, trained(g, "py_r", 1, m));
    const sc_node measured =
        sc_gather(g, sc_weight(g, "seen", m, 3, SC_IN_PANEL, SC_INIT_CONSTANT, 1, SC_UNSAVED),
                  sc_in(g, SC_ROWS_ALL, SC_IN_PANEL, SC_ENCODER_SIDE));
    const sc_dist mixture = some_dist(g, SC_NB_MIXTURE, back, py_r, mixing, fore);
    switch (which) {
    case 0:
        return sc_observe(g, "x", sc_nb(mean, theta), p->x);
    case 1:
        return sc_observe(g, "x", sc_nb(mean, row), p->x);
    case 2:
        return sc_observe(g, "x", sc_nb(mean, column), p->x);
    case 3:
        return sc_observe(g, "x", sc_zinb(mean, theta, gate), p->x);
    case 4:
        return sc_observe(g, "x", sc_zinb(mean, row, gate_row), p->x);
    case 5:
        return sc_observe(g, "x", sc_poisson(mean), p->x);
    case 6:
        return sc_observe(g, "x", sc_normal(gate, theta), p->x);
    case 7:
        return sc_observe(g, "x", sc_normal_sd(gate, row), p->x);
    case 11:
        return sc_observe(g, "x", sc_zinb(column, theta, sc_slice(g, p->k, 2, 1)), p->x);
    case 12:
        return sc_observe(g, "x", sc_poisson(row), p->x);
    case 8:
        return sc_observe(g, "y", mixture, p->y);
    case 9:
        return g->sv->observe(g, "y", mixture, p->y, measured);
    default:
        return g->sv->kl(g, sc_normal_sd(mixing, fore),
                         sc_normal_sd(sc_affine(g, mixing, 0.5, 0), back), measured);
    }
}

/* The same of proteins, some of which were not measured. */
static sc_node masked_op(sc_graph *g, const parts *p, int which)
{
    const int64_t m = TINY_PROTEINS;
    const sc_node mean = sc_exp(g, sc_linear(g, "mean", &p->h, 1, m, SC_BIAS));
    const sc_node any = sc_linear(g, "any", &p->k, 1, m, 0);
    const sc_node row = sc_exp(g, trained(g, "py_r", 1, m)), back = trained(g, "back_row", 1, m);
    const sc_node column = positive(g, sc_slice(g, p->h, 0, 1));
    const sc_node measured =
        sc_gather(g, sc_weight(g, "seen", m, 3, SC_IN_PANEL, SC_INIT_CONSTANT, 1, SC_UNSAVED),
                  sc_in(g, SC_ROWS_ALL, SC_IN_PANEL, SC_ENCODER_SIDE));
    const sc_dist by_row = some_dist(g, SC_NB_MIXTURE, sc_exp(g, back), row, back, mean);
    const sc_dist by_column = some_dist(g, SC_NB_MIXTURE, column, column, any, mean);
    sc_dist with_eps = sc_nb(mean, row);
    with_eps.eps = 1e-2;
    with_eps.eps_total = 3e-3;
    const sc_dist dists[] = {sc_nb(mean, row),
                             sc_zinb(mean, row, any),
                             sc_poisson(mean),
                             sc_normal(any, mean),
                             sc_normal_sd(any, column),
                             by_row,
                             by_column,
                             with_eps};
    return which == 8 ? g->sv->kl(g, sc_normal(any, mean), sc_standard_normal(), measured)
                      : g->sv->observe(g, "y", dists[which], p->y, measured);
}

static void build_latent(sc_graph *g, const void *opts)
{
    const parts p = begin(g);
    finish(g, sc_affine(g, latent_op(g, &p, *(const int *)opts), 0.1, 0), 1);
}

static void build_class(sc_graph *g, const void *opts)
{
    const parts p = begin(g);
    finish(g, sc_affine(g, class_op(g, &p, *(const int *)opts), 0.1, 0), 1);
}

static void build_observe(sc_graph *g, const void *opts)
{
    const parts p = begin(g);
    finish(g, sc_affine(g, observe_op(g, &p, *(const int *)opts), 0.1, 0), 1);
}

static void build_masked(sc_graph *g, const void *opts)
{
    const parts p = begin(g);
    finish(g, sc_affine(g, masked_op(g, &p, *(const int *)opts), 0.1, 0), 1);
}

static void each(const char *what, void (*build)(sc_graph *, const void *), int n)
{
    for (int i = 0; i < n; i++)
        check_build(what, build, i, true);
}

static void latents(void **state)
{
    (void)state;
    each("latent", build_latent, N_LATENT);
}

static void of_classes(void **state)
{
    (void)state;
    each("class", build_class, N_CLASS);
}

static void observations(void **state)
{
    (void)state;
    each("observation", build_observe, N_OBSERVE);
    each("masked observation", build_masked, N_MASKED);
}

/* A new distribution that has no graph above fails here. */
static void none_is_forgotten(void **state)
{
    (void)state;
    static const struct {
        sc_op_id op;
        sc_dist_kind first, last;
    } all[] = {{SC_OP_LATENT, SC_NORMAL_VAR, SC_NORMAL_SD},
               {SC_OP_KL, SC_NORMAL_VAR, SC_NORMAL_SD},
               {SC_OP_KL, SC_CATEGORICAL_PROBS, SC_CATEGORICAL_PROBS},
               {SC_OP_LOG_PROB, SC_NORMAL_VAR, SC_NORMAL_SD},
               {SC_OP_LOG_PROB, SC_CATEGORICAL_LOGITS, SC_CATEGORICAL_PROBS},
               {SC_OP_OBSERVE, SC_NORMAL_VAR, SC_POISSON},
               {SC_OP_OBSERVE, SC_NB_MIXTURE, SC_NB_MIXTURE}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (int k = (int)all[i].first; k <= (int)all[i].last; k++)
            if (!seen.dist[all[i].op][k])
                fail_msg("no gradient went through op %d of distribution %d", (int)all[i].op, k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(latents), cmocka_unit_test(of_classes),
                                       cmocka_unit_test(observations),
                                       cmocka_unit_test(none_is_forgotten)};
    return cmocka_run_group_tests_name("gradients of distributions", tests, prepare, NULL);
}
