/*
 * Decoder heads as one op: losses, values and gradients of fused plans in float against plain ones
 * in double; and which graphs have a head at all.
 */
#include "both.h"

static tiny data;
enum { COPIES = 4, ROWS = COPIES * TINY_ROWS }; /* of the cells: more than a tile has rows */
static float noise[ROWS * 64];
static const char *const isas[] = {"avx512", "avx2", "base"};

/* The cells over and over; each copy gets noise of its own. */
typedef struct many {
    uint64_t keys[ROWS];
    int64_t indptr[ROWS + 1];
    int32_t indices[ROWS * TINY_VARS], codes[TINY_CODES][ROWS];
    float values[ROWS * TINY_VARS];
    double log_factorial[ROWS];
    float proteins[ROWS * TINY_PROTEINS], cont[ROWS * TINY_CONT], size_factor[ROWS];
} many;

static sc_mini many_mini(many *to, const tiny *from)
{
    for (int64_t i = 0; i < ROWS; i++) {
        const int64_t r = i % TINY_ROWS, k = from->indptr[r], n = from->indptr[r + 1] - k;
        const size_t bytes = (size_t)n * sizeof(float);
        to->keys[i] = (uint64_t)i;
        to->indptr[i + 1] = to->indptr[i] + n;
        memcpy(to->indices + to->indptr[i], from->indices + k, bytes);
        memcpy(to->values + to->indptr[i], from->values + k, bytes);
        to->log_factorial[i] = from->log_factorial[r];
        memcpy(to->proteins + i * TINY_PROTEINS, from->proteins + r * TINY_PROTEINS,
               TINY_PROTEINS * sizeof(float));
        memcpy(to->cont + i * TINY_CONT, from->cont_covs + r * TINY_CONT,
               TINY_CONT * sizeof(float));
        to->size_factor[i] = from->size_factor[r];
        for (int c = 0; c < TINY_CODES; c++)
            to->codes[c][i] = from->codes[c][r];
    }
    sc_mini m = {.n = ROWS,
                 .keys = to->keys,
                 .indptr = to->indptr,
                 .indices = to->indices,
                 .values = to->values,
                 .log_factorial = to->log_factorial,
                 .proteins = to->proteins,
                 .cont_covs = to->cont,
                 .size_factor = to->size_factor};
    for (int c = 0; c < TINY_CODES; c++)
        m.codes[c][0] = m.codes[c][1] = to->codes[c];
    return m;
}

static int n_heads(const sc_plan *p, const sc_built *g)
{
    int n = 0;
    for (int i = 0; p->head && i < g->n_nodes; i++)
        n += p->head[i].logits != 0;
    return n;
}

static int n_thin(const sc_plan *p, const sc_built *g)
{
    int n = 0;
    for (int i = 0; p->thin && i < g->n_nodes; i++)
        n += p->thin[i].linear != 0;
    return n;
}

static void check_run(const char *variant, const char *options, int heads, int thin, bool train,
                      const sc_mini *mini, const sc_kernels *k)
{
    const sc_dims dims = tiny_dims();
    sc_net net;
    sc_pool *pool = NULL;
    sc_exec_f32 *a = NULL;
    sc_exec_f64 *b = NULL;
    sc_plan fused, plain;
    sc_err err = {0};
    sc_run run = {.mini = {mini},
                  .train = train,
                  .no_dropout = true,
                  .draw = SC_DRAW_NOISE,
                  .kl_weight = 0.7};
    const unsigned what = SC_PLAN_TERMS | SC_PLAN_KEEPS | SC_PLAN_BACKWARD;
    for (int i = 0; i < 16; i++)
        run.noise[i] = noise;
    tiny_net(&net, variant, options, &dims);
    assert_int_equal(sc_pool_new(&pool, 2, &err), SC_OK);
    assert_int_equal(sc_exec_new_f32(&a, net.g, mini->n, true, pool, k, &err), SC_OK);
    assert_int_equal(sc_exec_new_f64(&b, net.g, mini->n, true, pool, k, &err), SC_OK);
    for (int64_t i = 0; i < net.g->n_params; i++)
        sc_exec_weights_f64(b)[i] = (double)(sc_exec_weights_f32(a)[i] = net.weights[i]);
    assert_int_equal(sc_plan_make(&fused, net.g, 1, what | SC_PLAN_FUSE, NULL, 0, &err), SC_OK);
    assert_int_equal(sc_plan_make(&plain, net.g, 1, what, NULL, 0, &err), SC_OK);
    if (n_heads(&fused, net.g) != heads)
        fail_msg("%s %s: %d heads, not %d", variant, options, n_heads(&fused, net.g), heads);
    if (n_thin(&fused, net.g) != thin)
        fail_msg("%s %s: %d thin layers, not %d", variant, options, n_thin(&fused, net.g), thin);
    assert_int_equal(fused.n_fwd, plain.n_fwd - 2 * heads - thin);
    for (int pass = 0; pass < 2; pass++) { /* the second finds what the first has left */
        assert_int_equal(sc_exec_forward_f32(a, &fused, &run, &err), SC_OK);
        sc_exec_backward_f32(a, &fused, &run, 0);
        assert_int_equal(sc_exec_forward_f64(b, &plain, &run, &err), SC_OK);
        sc_exec_backward_f64(b, &plain, &run, 0);
    }
    const double got = sc_exec_loss_f32(a, &fused, &run, 0);
    const double want = sc_exec_loss_f64(b, &plain, &run, 0);
    if (fabs(got - want) > 2e-6 * fabs(want))
        fail_msg("%s %s: the loss is %.9g, in double %.9g", variant, options, got, want);
    both_compare_gradients(options, net.g, sc_exec_gradients_f32(a), sc_exec_gradients_f64(b));
    both_compare_statistics(options, net.g, sc_exec_weights_f32(a), sc_exec_weights_f64(b));
    sc_plan_free(&fused);
    sc_plan_free(&plain);
    sc_exec_free_f32(a);
    sc_exec_free_f64(b);
    sc_pool_free(pool);
    sc_net_free(&net);
}

static void check(const char *variant, const char *options, int heads, int thin,
                  const sc_kernels *k)
{
    const sc_mini mini = tiny_mini(&data);
    check_run(variant, options, heads, thin, true, &mini, k);
    check_run(variant, options, heads, thin, false, &mini, k); /* stored statistics */
}

static void heads(void **state)
{
    (void)state;
    static const char *const variants[] = {"scvi", "ldvae"};
    static const char *const likelihoods[] = {"zinb", "nb"};
    static const char *const dispersions[] = {"gene", "gene-batch", "gene-cell"};
    for (int isa = 0; isa < 3; isa++)
        for (int v = 0; v < 2; v++)
            for (int l = 0; l < 2; l++)
                for (int d = 0; d < 3; d++) {
                    char o[200];
                    const sc_kernels *k = sc_kernels_get(isas[isa]);
                    (void)snprintf(o, sizeof o,
                                   "n-hidden=16,n-latent=2,gene-likelihood=%s,dispersion=%s",
                                   likelihoods[l], dispersions[d]);
                    if (k)
                        check(variants[v], o, 1, v ? 2 + (d == 2) : 0, k);
                }
}

static void plain(void **state)
{
    (void)state;
    for (int isa = 0; isa < 3; isa++) /* layers so wide that they are cut otherwise */
        if (sc_kernels_get(isas[isa])) {
            check("scvi", "n-hidden=300,n-layers=2,n-latent=4,encode-covariates=true", 1, 1,
                  sc_kernels_get(isas[isa]));
            check("ldvae", "n-hidden=600,n-latent=2", 1, 2, sc_kernels_get(isas[isa]));
        }
    check("scvi", "n-hidden=8,gene-likelihood=poisson", 0, 0, sc_kernels_get(NULL));
    check("ldvae", "n-hidden=8,n-latent=2,use-observed-lib-size=true", 1, 2, sc_kernels_get(NULL));
    check("ldvae", "n-hidden=8,n-latent=2,bias=true,gene-likelihood=zinb", 1, 2,
          sc_kernels_get(NULL));
    check("ldvae", "n-hidden=8,n-latent=40", 1, 0, sc_kernels_get(NULL));
    check("scvi", "n-hidden=8,n-layers=3,use-layer-norm=both", 1, 0, sc_kernels_get(NULL));
    check("scvi", "n-hidden=8,latent-distribution=ln,use-batch-norm=none", 1, 0,
          sc_kernels_get(NULL));
    check("scanvi", "n-hidden=20,n-latent=4", 1, 0, sc_kernels_get(NULL));
}

/* More rows than wide layers take at a time: their columns are gone through more than once. */
static void many_rows(void **state)
{
    (void)state;
    static many copies;
    const sc_mini mini = many_mini(&copies, &data);
    for (int isa = 0; isa < 3; isa++)
        for (int train = 0; train < 2 && sc_kernels_get(isas[isa]); train++) {
            const sc_kernels *k = sc_kernels_get(isas[isa]);
            check_run("scvi", "n-hidden=300,n-layers=2,n-latent=6", 1, 1, train, &mini, k);
            check_run("ldvae", "n-hidden=300,n-latent=2", 1, 2, train, &mini, k);
        }
}

static int prepare(void **state)
{
    (void)state;
    uint64_t s = 78;
    tiny_fill(&data);
    for (size_t i = 0; i < sizeof noise / sizeof *noise; i++)
        noise[i] = (float)(2 * (tiny_uniform(&s) + tiny_uniform(&s) - 1));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(heads), cmocka_unit_test(plain),
                                       cmocka_unit_test(many_rows)};
    return cmocka_run_group_tests_name("heads", tests, prepare, NULL);
}
