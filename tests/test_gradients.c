/*
 * Gradients of the double executor against central differences of its loss: each op of sc_services
 * in a small graph. The shipped models are in test_gradients_models.c.
 */
#include "gradients_ops.h"

/* which: the map; those that need positive values get them */
static void build_map(sc_graph *g, const void *opts)
{
    const parts p = begin(g);
    const sc_map m = (sc_map) * (const int *)opts;
    const bool needs_positive = m == SC_MAP_LOG1P || m == SC_MAP_LOG || m == SC_MAP_SQRT;
    finish(g, g->sv->map(g, m, needs_positive ? positive(g, p.h) : p.h, 0.05), N_HIDDEN);
}

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

/* What is a single row, or a number, may be mapped, cut and broadcast as rows are. */
static sc_node of_one_row(sc_graph *g, const parts *p, int which)
{
    const sc_node cut[2] = {sc_slice(g, p->row, 3, 1), sc_slice(g, p->row, 0, 3)};
    const sc_node number = trained(g, "number", 1, 1);
    switch (which) {
    case 0:
        return sc_add(g, p->h, number);
    case 1:
        return sc_div(g, p->h, sc_exp(g, number));
    case 2:
        return sc_mul(g, p->h, sc_softmax(g, p->row));
    case 3:
        return sc_mul(g, p->h, sc_layer_norm(g, p->row, 1e-5));
    case 4:
        return sc_mul(g, p->h, sc_concat(g, cut, 2));
    case 5:
        return sc_mul(g, p->h, sc_row_sum(g, p->row));
    case 6:
        return sc_mul(g, p->h, sc_affine(g, sc_div(g, p->row, sc_exp(g, number)), 2, 1));
    default:
        return sc_mul(g, p->h, sc_transpose(g, sc_transpose(g, p->row)));
    }
}

enum { N_ONE_ROW = 8 };

/* Rows once for each class, as scANVI's decoder has them; a value for each row and class. */
static sc_node of_classes(sc_graph *g, const parts *p, int which)
{
    const sc_services *sv = g->sv;
    const sc_node h3 = sv->repeat_rows(g, p->h, 3), k3 = sv->repeat_rows(g, p->k, 3);
    const sc_node y = sv->enumerate(g, p->h, 3), pair[2] = {h3, y};
    const sc_node e = sc_linear(g, "e", pair, 2, N_HIDDEN, SC_BIAS);
    const sc_node by_class =
        sc_weight(g, "by_class", N_HIDDEN, 3, SC_IN_LABELS, SC_INIT_NORMAL, 0, SC_TRAINED);
    const sc_node embedding = sc_weight(g, "embedding", 3, N_HIDDEN, SC_IN_LABELS, SC_INIT_NORMAL,
                                        0, SC_TRAINED | SC_ROWS_GROW);
    const sc_dist q = sc_normal(e, positive(g, k3));
    switch (which) {
    case 0:
        return sc_relu(g, sc_batch_norm(g, "bn", e, 1e-3, 0.01));
    case 1:
        return sc_dropout(g, sc_layer_norm(g, e, 1e-5), 0.3);
    case 2:
        return sc_mul(g, h3, sc_gather(g, by_class, y));
    case 3:
        return sc_mul(g, h3, sc_embed(g, embedding, y));
    case 4:
        return sc_mul(g, sv->pick(g, sc_softmax(g, sc_slice(g, e, 0, 3)), y), k3);
    case 5:
        return sc_mul(g, p->row, sc_latent(g, "z", q, sc_standard_normal()));
    case 6:
        return sc_log_prob(g, q, sc_latent(g, "z", sc_normal(k3, positive(g, e)), q));
    case 7:
        return sc_kl(g, q, sc_normal_sd(k3, sc_exp(g, e)));
    default:
        return sc_log_prob(g, (sc_dist){.kind = SC_CATEGORICAL_LOGITS, .a = sc_slice(g, e, 1, 3)},
                           y);
    }
}

enum { N_CLASSES = 9, N_ROW_OPS = N_SAME_SHAPE + 5 };

static void build_one_row(sc_graph *g, const void *opts)
{
    const parts p = begin(g);
    finish(g, of_one_row(g, &p, *(const int *)opts), N_HIDDEN);
}

static void build_classes(sc_graph *g, const void *opts)
{
    const int which = *(const int *)opts;
    const parts p = begin(g);
    const sc_node v = of_classes(g, &p, which);
    const sc_node sum = which < 6 ? sc_row_sum(g, sc_mul(g, v, trained(g, "d", 1, N_HIDDEN))) : v;
    finish(g, g->sv->unstack(g, sum, 3), 3);
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

static void maps(void **state)
{
    (void)state;
    for (int m = SC_MAP_LOG1P; m <= SC_MAP_HARDSWISH; m++)
        check_build("map", build_map, m, true);
}

static void ops_of_rows(void **state)
{
    (void)state;
    for (int i = 0; i < N_ROW_OPS; i++)
        for (int train = 0; train < 2; train++)
            check_build("row op", build_rows, i, train);
}

static void broadcasts(void **state)
{
    (void)state;
    for (int i = 0; i < N_ONE_ROW; i++)
        check_build("op of one row", build_one_row, i, true);
}

static void classes(void **state)
{
    (void)state;
    for (int i = 0; i < N_CLASSES; i++)
        for (int train = 0; train < 2; train++)
            check_build("op of classes", build_classes, i, train);
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

/* A new op or map that has no graph above fails here. */
static void none_is_forgotten(void **state)
{
    (void)state;
    for (int op = 0; op < SC_OP_COUNT; op++) /* observations are in test_gradients_dist */
        if (!seen.op[op] && op != SC_OP_INPUT && op != SC_OP_ENUMERATE &&
            op != SC_OP_STOP_GRADIENT && op != SC_OP_OBSERVE)
            fail_msg("no gradient went through op %d", op);
    for (int m = SC_MAP_LOG1P; m <= SC_MAP_HARDSWISH; m++)
        assert_true(seen.map[m]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps),       cmocka_unit_test(ops_of_rows),
        cmocka_unit_test(broadcasts), cmocka_unit_test(classes),
        cmocka_unit_test(stopped),    cmocka_unit_test(none_is_forgotten)};
    return cmocka_run_group_tests_name("gradients of ops", tests, prepare, NULL);
}
