/*
 * Same bits: a row of the float executor depends neither on the rows beside it nor on its place,
 * and a training does not depend on the number of threads; for each instruction set the CPU has.
 */
#include "sc_optimizer.h"
#include "tiny.h"

static const char *const isas[] = {"avx512", "avx2", "base"};
static const char *const models[][2] = {
    {"scvi", "n-hidden=40,n-layers=2,encode-covariates=true"},
    {"scvi", "n-hidden=33,n-latent=5,use-layer-norm=both,dispersion=gene-cell"},
    {"scvi", "gene-likelihood=nb,dispersion=gene-batch,batch-representation=embedding"},
    {"scvi", "n-hidden=300,n-layers=2,encode-covariates=true"},
    {"ldvae", "n-hidden=128,n-latent=7,gene-likelihood=zinb"},
    {"ldvae", "gene-likelihood=poisson,use-batch-norm=false,latent-distribution=ln"},
    {"scanvi", "n-hidden=20,n-latent=4"},
    {"pyro-scanvi", "n-latent=4"},
    {"totalvi", "n-hidden=24,n-latent=6"}};

static tiny data, shuffled, single;
static int order[TINY_ROWS];

typedef struct machine {
    sc_net net;
    sc_pool *pool;
    sc_exec_f32 *e;
    const sc_kernels *k;
} machine;

static void start(machine *m, const char *const *model, const sc_kernels *k, int n_threads)
{
    const sc_dims dims = tiny_dims();
    sc_err err = {0};
    m->k = k;
    tiny_net(&m->net, model[0], model[1], &dims);
    assert_int_equal(sc_pool_new(&m->pool, n_threads, &err), SC_OK);
    assert_int_equal(sc_exec_new_f32(&m->e, m->net.g, TINY_ROWS, true, m->pool, k, &err), SC_OK);
    memcpy(sc_exec_weights_f32(m->e), m->net.weights, (size_t)m->net.g->n_params * sizeof(float));
}

static void stop(machine *m)
{
    sc_exec_free_f32(m->e);
    sc_pool_free(m->pool);
    sc_net_free(&m->net);
}

static void evaluate(machine *m, const sc_plan *p, const sc_mini *mini)
{
    const sc_run run = {
        .mini = {mini}, .draw = SC_DRAW_SAMPLE, .seed = 4, .epoch = 1, .kl_weight = 1};
    sc_err err = {0};
    assert_int_equal(sc_exec_forward_f32(m->e, p, &run, &err), SC_OK);
}

static bool has_rows(const sc_gnode *n)
{
    return n->form == SC_DENSE && n->reps > 0;
}

static int64_t rows_in_all(const sc_gnode *n)
{
    return n->reps * TINY_ROWS;
}

/* Every node's values of all rows, one node after the other; of a node that has each row once for
 * every class, class by class. */
static float *all_values(const machine *m, const sc_plan *p)
{
    int64_t n = 0, at = 0;
    for (int i = 0; i < p->n_fwd; i++)
        n += rows_in_all(&m->net.g->nodes[p->fwd[i]]) * m->net.g->nodes[p->fwd[i]].n_cols;
    float *all = calloc((size_t)n, sizeof *all);
    for (int i = 0; i < p->n_fwd; i++) {
        const sc_gnode *d = &m->net.g->nodes[p->fwd[i]];
        if (!has_rows(d))
            continue;
        memcpy(all + at, sc_exec_value_f32(m->e, p->fwd[i]),
               (size_t)(rows_in_all(d) * d->n_cols) * sizeof *all);
        at += rows_in_all(d) * d->n_cols;
    }
    return all;
}

/* The rows that the executor holds now are rows `which` of `all`. */
static void expect_rows(const machine *m, const sc_plan *p, const float *all, const int *which,
                        int n_rows, const char *how)
{
    int64_t at = 0;
    for (int i = 0; i < p->n_fwd; i++) {
        const sc_gnode *d = &m->net.g->nodes[p->fwd[i]];
        if (!has_rows(d))
            continue;
        for (int64_t r = 0; r < d->reps * n_rows; r++) {
            const int row = which[r % n_rows];
            const float *is = sc_exec_value_f32(m->e, p->fwd[i]) + r * d->n_cols;
            const float *was = all + at + (r / n_rows * TINY_ROWS + row) * d->n_cols;
            if (memcmp(is, was, (size_t)d->n_cols * sizeof *all) != 0)
                fail_msg("%s, %s: row %d %s has other bits at node %d (op %d)",
                         m->net.handle.plugin->name, m->k->isa, row, how, p->fwd[i], (int)d->op);
        }
        at += rows_in_all(d) * d->n_cols;
    }
}

static void check_plan(const char *const *model, const sc_kernels *k, unsigned what)
{
    machine m;
    sc_plan p;
    sc_err err = {0};
    int32_t roots[32];
    start(&m, model, k, 2);
    for (int i = 0; i < m.net.g->n_outputs; i++)
        roots[i] = m.net.g->outputs[i].node;
    assert_int_equal(sc_plan_make(&p, m.net.g, 1, SC_PLAN_TERMS | SC_PLAN_KEEPS | what, roots,
                                  what ? 0 : m.net.g->n_outputs, &err),
                     SC_OK);
    const sc_mini mini = tiny_mini(&data), mixed = tiny_mini(&shuffled);
    evaluate(&m, &p, &mini);
    float *all = all_values(&m, &p);
    evaluate(&m, &p, &mixed);
    expect_rows(&m, &p, all, order, TINY_ROWS, "in another order");
    for (int r = 0; r < TINY_ROWS; r++) {
        sc_made_order(&single, &data, &r, 1);
        sc_mini one = tiny_mini(&single);
        one.n = 1;
        evaluate(&m, &p, &one);
        expect_rows(&m, &p, all, &r, 1, "alone");
    }
    free(all);
    sc_plan_free(&p);
    stop(&m);
}

static void check_rows(const char *const *model, const sc_kernels *k)
{
    check_plan(model, k, 0);
}

static void check_rows_of_heads(const char *const *model, const sc_kernels *k)
{
    check_plan(model, k, SC_PLAN_FUSE);
}

/* Forward, backward and Adam apart; backward and Adam in one; or all in one run of the pool. */
typedef enum manner { APART, DESCENT, PASS } manner;

static bool says(void *ctx)
{
    return *(bool *)ctx;
}

static void one_step(machine *m, sc_optimizer *o, const sc_plan *p, const sc_run *run, manner how,
                     const sc_kernels *k)
{
    const sc_rates rates = {1e-2, 0.01, 1e-6};
    bool yes = true, done = false;
    sc_judge judge = {says, &yes, false};
    sc_err err = {0};
    if (how == PASS) {
        assert_int_equal(
            sc_optimizer_pass(o, m->e, p, run, &judge, &rates, m->pool, k, &done, &err), SC_OK);
        assert_true(done);
        return;
    }
    assert_int_equal(sc_exec_forward_f32(m->e, p, run, &err), SC_OK);
    if (how == DESCENT) {
        assert_true(sc_optimizer_descend(o, m->e, p, run, 0, &rates, m->pool, k));
        return;
    }
    sc_exec_backward_f32(m->e, p, run, 0);
    assert_true(sc_optimizer_step(o, p->moves[0], sc_exec_weights_f32(m->e),
                                  sc_exec_gradients_f32(m->e), &rates, m->pool, k));
}

/* Weights after some steps with draws and dropout. */
static float *train(const char *const *model, const sc_kernels *k, int n_threads, manner how,
                    int64_t *n)
{
    machine m;
    sc_plan p;
    sc_optimizer *o = NULL;
    sc_err err = {0};
    const sc_mini mini = tiny_mini(&data);
    start(&m, model, k, n_threads);
    /* a model that takes its streams in turn has nothing to learn from all rows at once */
    const int stream = m.net.g->schedule == SC_STEP_EITHER ? SC_ROWS_LABELLED : SC_ROWS_ALL;
    assert_int_equal(sc_optimizer_new(&o, m.net.g, &err), SC_OK);
    assert_int_equal(sc_plan_make(&p, m.net.g, 1U << stream,
                                  SC_PLAN_TERMS | SC_PLAN_KEEPS | SC_PLAN_BACKWARD | SC_PLAN_FUSE,
                                  NULL, 0, &err),
                     SC_OK);
    float *w = sc_exec_weights_f32(m.e);
    for (uint32_t step = 0; step < 3; step++) {
        const sc_run run = {
            .mini = {[SC_ROWS_ALL] = stream == SC_ROWS_ALL ? &mini : NULL,
                     [SC_ROWS_LABELLED] = stream == SC_ROWS_LABELLED ? &mini : NULL},
            .train = true,
            .draw = SC_DRAW_SAMPLE,
            .seed = 8,
            .epoch = step,
            .kl_weight = 0.5};
        one_step(&m, o, &p, &run, how, k);
    }
    *n = m.net.g->n_params;
    float *copy = calloc((size_t)*n, sizeof *copy);
    memcpy(copy, w, (size_t)*n * sizeof *copy);
    assert_memory_not_equal(copy, m.net.weights, (size_t)*n * sizeof *copy);
    sc_optimizer_free(o);
    sc_plan_free(&p);
    stop(&m);
    return copy;
}

static void check_threads(const char *const *model, const sc_kernels *k)
{
    int64_t n = 0;
    float *one = train(model, k, 1, APART, &n);
    for (int i = 0; i < 8; i++) {
        const int n_threads = 1 + i / 2;
        float *more = train(model, k, n_threads, i % 2 ? DESCENT : PASS, &n);
        if (memcmp(one, more, (size_t)n * sizeof *one) != 0)
            fail_msg("%s, %s: %d threads%s give other weights than one, backward first", model[0],
                     k->isa, n_threads, i % 2 ? "" : " in one run");
        free(more);
    }
    free(one);
}

/* A loss that is not finite leaves the weights as they are. */
static void a_judge_stops(void **state)
{
    (void)state;
    machine m;
    sc_plan p;
    sc_optimizer *o = NULL;
    sc_err err = {0};
    bool no = false, done = true;
    sc_judge judge = {says, &no, false};
    const sc_rates rates = {1e-2, 0.01, 1e-6};
    const sc_kernels *k = sc_kernels_get(NULL);
    const sc_mini mini = tiny_mini(&data);
    const sc_run run = {.mini = {[SC_ROWS_ALL] = &mini}, .kl_weight = 1};
    start(&m, models[0], k, 3);
    assert_int_equal(sc_optimizer_new(&o, m.net.g, &err), SC_OK);
    assert_int_equal(sc_plan_make(&p, m.net.g, 1U << SC_ROWS_ALL,
                                  SC_PLAN_TERMS | SC_PLAN_BACKWARD | SC_PLAN_FUSE, NULL, 0, &err),
                     SC_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            sc_optimizer_pass(o, m.e, &p, &run, &judge, &rates, m.pool, k, &done, &err), SC_OK);
    assert_false(done);
    assert_memory_equal(sc_exec_weights_f32(m.e), m.net.weights,
                        (size_t)m.net.g->n_params * sizeof(float));
    sc_optimizer_free(o);
    sc_plan_free(&p);
    stop(&m);
}

static void each(void (*check)(const char *const *, const sc_kernels *))
{
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++)
        for (size_t m = 0; sc_kernels_get(isas[i]) && m < sizeof models / sizeof *models; m++)
            check(models[m], sc_kernels_get(isas[i]));
}

static void rows(void **state)
{
    (void)state;
    each(check_rows);
}

static void rows_of_heads(void **state)
{
    (void)state;
    each(check_rows_of_heads);
}

static void threads(void **state)
{
    (void)state;
    each(check_threads);
}

static int prepare(void **state)
{
    (void)state;
    uint64_t s = 5;
    tiny_fill(&data);
    for (int i = 0; i < TINY_ROWS; i++)
        order[i] = i;
    for (int i = TINY_ROWS - 1; i > 0; i--) {
        const int k = (int)(tiny_uniform(&s) * (i + 1)), t = order[i];
        order[i] = order[k];
        order[k] = t;
    }
    sc_made_order(&shuffled, &data, order, TINY_ROWS);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows), cmocka_unit_test(rows_of_heads),
                                       cmocka_unit_test(a_judge_stops), cmocka_unit_test(threads)};
    return cmocka_run_group_tests_name("same bits", tests, prepare, NULL);
}
