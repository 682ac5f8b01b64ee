/*
 * Gradients of the double executor against central differences of its loss: each op of sc_services
 * in a small graph. The shipped models are in test_gradients_models.c.
 */
#include "gradients.h"

enum { N_HIDDEN = 4 };

typedef struct parts {                     /* what every small graph begins with */
    sc_node x, y, batch, label, h, k, row; /* h, k: rows x N_HIDDEN; row: one trained row */
} parts;

static sc_node trained(sc_graph *g, const char *name, int64_t rows, int64_t cols)
{
    return sc_weight(g, name, rows, cols, SC_IN_COUNTS, SC_INIT_NORMAL, 0, SC_TRAINED);
}

static parts begin(sc_graph *g)
{
    parts p = {.x = sc_counts(g, SC_ROWS_ALL),
               .y = sc_in(g, SC_ROWS_ALL, SC_IN_PROTEINS, SC_ENCODER_SIDE),
               .batch = sc_in(g, SC_ROWS_ALL, SC_IN_BATCH, SC_DECODER_SIDE),
               .label = sc_in(g, SC_ROWS_ALL, SC_IN_LABELS, SC_ENCODER_SIDE)};
    const sc_node total = sc_affine(g, sc_row_sum(g, p.x), 1. / TINY_VARS, 1);
    const sc_node in[3] = {sc_log1p(g, sc_div(g, p.x, total)), p.batch,
                           sc_in(g, SC_ROWS_ALL, SC_IN_CONT_COVS, SC_ENCODER_SIDE)};
    p.h = sc_linear(g, "h", in, 3, N_HIDDEN, SC_BIAS);
    p.k = sc_linear(g, "k", in, 2, N_HIDDEN, 0);
    p.row = trained(g, "row", 1, N_HIDDEN);
    return p;
}

/* A weighted sum over the columns, so that every column's gradient differs. */
static void finish(sc_graph *g, sc_node v, int64_t n_cols)
{
    sc_minimize(g, "t", SC_TERM_OTHER, SC_WEIGHT_KL,
                n_cols == 1 ? v : sc_row_sum(g, sc_mul(g, v, trained(g, "c", 1, n_cols))));
}

static sc_node positive(sc_graph *g, sc_node x)
{
    return sc_affine(g, sc_softplus(g, x), 1, 0.1);
}

/* which: the map; those that need positive values get them */
static void build_map(sc_graph *g, const void *opts)
{
    const parts p = begin(g);
    const sc_map m = (sc_map) * (const int *)opts;
    const bool needs_positive = m == SC_MAP_LOG1P || m == SC_MAP_LOG || m == SC_MAP_SQRT;
    finish(g, g->sv->map(g, m, needs_positive ? positive(g, p.h) : p.h, 0.05), N_HIDDEN);
}

enum { N_ROW_OPS = 24 }; /* both kinds below */

/* Ops whose value has the columns of h. */
static sc_node same_shape(sc_graph *g, const parts *p, int which)
{
    const sc_node one = sc_slice(g, p->k, 1, 1);
    const sc_node by_batch =
        sc_weight(g, "by_batch", N_HIDDEN, 3, SC_IN_BATCH, SC_INIT_NORMAL, 0, SC_TRAINED);
    const sc_node embedding = sc_weight(g, "embedding", 3, N_HIDDEN, SC_IN_BATCH, SC_INIT_NORMAL, 0,
                                        SC_TRAINED | SC_ROWS_GROW);
    switch (which) {
    case 0:
        return sc_batch_norm(g, "bn", p->h, 1e-3, 0.01);
    case 1:
        return sc_layer_norm(g, p->h, 1e-5);
    case 2:
        return sc_dropout(g, p->h, 0.4);
    case 3:
        return sc_affine(g, p->h, -1.5, 2);
    case 4:
        return sc_add(g, p->h, p->k);
    case 5:
        return sc_add(g, p->h, one);
    case 6:
        return sc_add(g, p->row, p->h);
    case 7:
        return sc_mul(g, p->h, p->k);
    case 8:
        return sc_mul(g, one, p->h);
    case 9:
        return sc_mul(g, p->h, trained(g, "number", 1, 1));
    case 10:
        return sc_div(g, p->h, positive(g, p->k));
    case 11:
        return sc_div(g, p->h, positive(g, one));
    case 12:
        return sc_div(g, p->h, sc_exp(g, p->row));
    case 13:
        return sc_softmax(g, p->h);
    case 14:
        return sc_mul(g, p->h, sc_gather(g, by_batch, p->batch));
    case 15:
        return sc_mul(g, p->h, sc_embed(g, embedding, p->batch));
    case 16:
        return sc_mul(g, p->h, sc_transpose(g, trained(g, "column", N_HIDDEN, 1)));
    case 17:
        return sc_add(g, p->h, sc_mul(g, p->row, p->row));
    default:
        return sc_mul(g, p->h, p->h);
    }
}

enum { N_SAME_SHAPE = 19 };

/* Ops that change the columns, or the rows. */
static sc_node other_shape(sc_graph *g, const parts *p, int which, int64_t *n)
{
    const sc_services *sv = g->sv;
    const sc_node y = sv->enumerate(g, p->h, 3), h3 = sv->repeat_rows(g, p->h, 3);
    const sc_node both[2] = {p->h, p->k}, pair[2] = {h3, y};
    switch (which) {
    case 0:
        *n = 1;
        return sc_row_sum(g, p->h);
    case 1:
        *n = 2 * N_HIDDEN;
        return sc_concat(g, both, 2);
    case 2:
        *n = 2;
        return sc_slice(g, p->h, 1, 2);
    case 3:
        *n = 1;
        return sv->pick(g, sc_slice(g, p->h, 0, 3), p->batch);
    default: {
        const sc_node e = sc_linear(g, "e", pair, 2, N_HIDDEN, SC_BIAS);
        *n = 3;
        return sv->unstack(g, sc_row_sum(g, sc_mul(g, h3, e)), 3);
    }
    }
}

static void build_rows(sc_graph *g, const void *opts)
{
    const int which = *(const int *)opts;
    const parts p = begin(g);
    int64_t n = N_HIDDEN;
    const sc_node v = which < N_SAME_SHAPE ? same_shape(g, &p, which)
                                           : other_shape(g, &p, which - N_SAME_SHAPE, &n);
    finish(g, v, n);
}

enum { N_DIST_OPS = 24 };

static sc_dist some_dist(sc_graph *g, sc_dist_kind kind, sc_node a, sc_node b, sc_node c, sc_node d)
{
    (void)g;
    return (sc_dist){.kind = kind, .a = a, .b = b, .c = c, .d = d, .eps = 1e-8, .eps_total = 1e-8};
}

/* 0..9: latents, KL, log-probabilities */
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
    return which == 0   ? sc_kl(g, q, even)
           : which == 1 ? sc_log_prob(g, q, p->label)
                        : sc_log_prob(g, by_logits, p->label);
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
    const sc_node seen =
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
    case 8:
        return sc_observe(g, "y", mixture, p->y);
    case 9:
        return g->sv->observe(g, "y", mixture, p->y, seen);
    default:
        return g->sv->kl(g, sc_normal_sd(mixing, fore),
                         sc_normal_sd(sc_affine(g, mixing, 0.5, 0), back), seen);
    }
}

static void build_dist(sc_graph *g, const void *opts)
{
    const int which = *(const int *)opts;
    const parts p = begin(g);
    const sc_node v = which < 10   ? latent_op(g, &p, which)
                      : which < 13 ? class_op(g, &p, which - 10)
                                   : observe_op(g, &p, which - 13);
    finish(g, sc_affine(g, v, 0.1, 0), 1);
}

/* Weights by their initialisation, but small; the mask leaves every third number out. */
static void check_build(const char *what, void (*build)(sc_graph *, const void *), int which,
                        bool train)
{
    const sc_model model = {.size = sizeof model, .build = build};
    const sc_dims dims = tiny_dims();
    sc_built *g = NULL;
    sc_err err = {0};
    char name[64];
    uint64_t s = 9;
    (void)snprintf(name, sizeof name, "%s %d%s", what, which, train ? ", training" : "");
    if (sc_graph_build(&g, &model, &which, &dims, &err) != SC_OK)
        fail_msg("%s: %s", name, err.msg);
    float *w = calloc((size_t)g->n_params, sizeof *w);
    for (int i = 0; i < g->n_weights; i++) {
        const sc_gweight *gw = &g->weights[i];
        const bool is_mask = strcmp(gw->name, "seen") == 0;
        for (int64_t k = 0; k < gw->rows * gw->cols; k++)
            w[gw->offset + k] = is_mask                   ? (k % 3 ? 1.F : 0.F)
                                : gw->kind == SC_W_BN_VAR ? 1.5F
                                : gw->init == SC_INIT_CONSTANT && !gw->is_trained
                                    ? (float)gw->arg
                                    : (float)(0.8 * (tiny_uniform(&s) - 0.5));
    }
    check_graph(name, g, w, SC_DRAW_NOISE, train, 12);
    free(w);
    sc_graph_free(g);
}

static void maps(void **state)
{
    (void)state;
    for (int m = SC_MAP_LOG1P; m <= SC_MAP_CLAMP_MIN; m++)
        check_build("map", build_map, m, true);
}

static void ops_of_rows(void **state)
{
    (void)state;
    for (int i = 0; i < N_ROW_OPS; i++)
        for (int train = 0; train < 2; train++)
            check_build("row op", build_rows, i, train);
}

static void distributions(void **state)
{
    (void)state;
    for (int i = 0; i < N_DIST_OPS; i++)
        check_build("distribution", build_dist, i, true);
}

/* A stopped gradient is none: d(h stop(h)) is half of d(h h). */
static void build_stop(sc_graph *g, const void *opts)
{
    const parts p = begin(g);
    finish(g, sc_mul(g, p.h, *(const int *)opts ? sc_stop_gradient(g, p.h) : p.h), N_HIDDEN);
}

static void stopped(void **state)
{
    (void)state;
    double first[2] = {0};
    for (int which = 0; which < 2; which++) {
        const sc_model model = {.size = sizeof model, .build = build_stop};
        const sc_dims dims = tiny_dims();
        const sc_mini mini = tiny_mini(&data);
        const sc_run run = {.mini = {&mini}, .kl_weight = 1};
        sc_built *g = NULL;
        sc_pool *pool = NULL;
        sc_exec_f64 *e = NULL;
        sc_plan p;
        sc_err err = {0};
        assert_int_equal(sc_graph_build(&g, &model, &which, &dims, &err), SC_OK);
        assert_int_equal(sc_pool_new(&pool, 1, &err), SC_OK);
        assert_int_equal(sc_exec_new_f64(&e, g, TINY_ROWS, true, pool, sc_kernels_get(NULL), &err),
                         SC_OK);
        for (int64_t k = 0; k < g->n_params; k++)
            sc_exec_weights_f64(e)[k] = 0.01 * (double)(k % 7);
        assert_int_equal(sc_plan_make(&p, g, 1, SC_PLAN_TERMS | SC_PLAN_BACKWARD, NULL, 0, &err),
                         SC_OK);
        (void)loss_of(e, &p, &run);
        sc_exec_backward_f64(e, &p, &run, 0);
        first[which] =
            sc_exec_gradients_f64(e)[g->weights[sc_graph_weight(g, "h.weight")].offset + 1];
        sc_plan_free(&p);
        sc_exec_free_f64(e);
        sc_pool_free(pool);
        sc_graph_free(g);
    }
    assert_true(first[0] != 0 && fabs(first[1] - first[0] / 2) < 1e-12 * fabs(first[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(maps), cmocka_unit_test(ops_of_rows),
                                       cmocka_unit_test(distributions), cmocka_unit_test(stopped)};
    return cmocka_run_group_tests_name("gradients of ops", tests, prepare, NULL);
}
