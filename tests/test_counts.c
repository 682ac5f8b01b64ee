/*
 * First layers of many genes: the counts' order by gene, forward by ranges of genes, the gradients
 * of two layers of the same counts at a time; in float against double.
 */
#include "both.h"

enum { VARS = 1100, ROWS = 150, ROOM = ROWS * VARS };

typedef struct cells {
    uint64_t keys[ROWS];
    int64_t indptr[ROWS + 1];
    int32_t indices[ROOM], codes[TINY_CODES][ROWS];
    float values[ROOM], cont[ROWS * TINY_CONT];
    double log_factorial[ROWS];
} cells;

static cells dense, thin;
static float noise[ROWS * 64];

/* A share of the genes is stored; every seventh cell has no counts. */
static void fill(cells *c, double share, uint64_t seed)
{
    int64_t k = 0;
    for (int i = 0; i < ROWS; i++) {
        c->keys[i] = (uint64_t)i;
        for (int j = 0; j < VARS && i % 7 != 3; j++)
            if (tiny_uniform(&seed) < share) {
                c->indices[k] = j;
                c->values[k] = (float)(1 + (int)(5 * tiny_uniform(&seed)));
                c->log_factorial[i] += lgamma((double)c->values[k++] + 1);
            }
        c->indptr[i + 1] = k;
        for (int q = 0; q < TINY_CODES; q++)
            c->codes[q][i] = i % sc_made_levels[q];
        for (int q = 0; q < TINY_CONT; q++)
            c->cont[i * TINY_CONT + q] = (float)tiny_uniform(&seed);
    }
}

static sc_mini mini_of(const cells *c)
{
    sc_mini m = {.n = ROWS,
                 .keys = c->keys,
                 .indptr = c->indptr,
                 .indices = c->indices,
                 .values = c->values,
                 .log_factorial = c->log_factorial,
                 .cont_covs = c->cont};
    for (int q = 0; q < TINY_CODES; q++)
        m.codes[q][0] = m.codes[q][1] = c->codes[q];
    return m;
}

static void sort_all(sc_gene_order *o, const sc_gene_rows *rows)
{
    for (int t = SC_GENE_ORDER_TILES - 1; t >= 0; t--) /* in any order */
        sc_gene_order_cut(o, rows, t);
    for (int t = SC_GENE_ORDER_TILES - 1; t >= 0; t--)
        sc_gene_order_sort(o, rows, t);
}

/* Each gene's cells rise; each place holds the gene, in the cell that is said. */
static void check_order(const sc_gene_order *o, const sc_gene_rows *rows, int64_t n_vars)
{
    assert_int_equal(o->ptr[0], 0);
    assert_int_equal(o->ptr[n_vars], rows->indptr[rows->n] - rows->indptr[0]);
    for (int64_t j = 0; j < n_vars; j++)
        for (int32_t k = o->ptr[j]; k < o->ptr[j + 1]; k++) {
            const int64_t place = rows->indptr[0] + o->at[k];
            assert_int_equal(rows->indices[place], j);
            assert_in_range(place, rows->indptr[o->row[k]], rows->indptr[o->row[k] + 1] - 1);
            assert_true(k == o->ptr[j] || o->row[k] > o->row[k - 1]);
        }
}

static void order(void **state)
{
    (void)state;
    sc_gene_order o = {0};
    sc_err err = {0};
    assert_int_equal(sc_gene_order_room(&o, VARS, ROWS, ROOM, &err), SC_OK);
    const int64_t from[] = {0, 3, 100}, n[] = {ROWS, 1, 5};
    for (int c = 0; c < 2; c++)
        for (int i = 0; i < 3; i++) { /* rows from the middle, too, one of them empty */
            const cells *of = c ? &thin : &dense;
            const sc_gene_rows rows = {n[i], of->indptr + from[i], of->indices};
            sort_all(&o, &rows);
            check_order(&o, &rows, VARS);
        }
    sc_gene_order_free(&o);
    static const int64_t indptr[] = {0, 2, 3};
    static const int32_t genes[] = {0, 2, 2}; /* fewer genes than ranges */
    const sc_gene_rows rows = {2, indptr, genes};
    assert_int_equal(sc_gene_order_room(&o, 3, 2, 3, &err), SC_OK);
    sort_all(&o, &rows);
    check_order(&o, &rows, 3);
    sc_gene_order_free(&o);
}

typedef struct both {
    sc_net net;
    sc_pool *pool;
    sc_exec_f32 *a;
    sc_exec_f64 *b;
    sc_plan fused, plain;
} both;

static void open_both(both *t, const char *variant, const char *options, const sc_kernels *k)
{
    sc_dims dims = tiny_dims();
    sc_err err = {0};
    const unsigned what = SC_PLAN_TERMS | SC_PLAN_KEEPS | SC_PLAN_BACKWARD;
    dims.n_vars = VARS;
    dims.n_proteins = 0;
    tiny_net(&t->net, variant, options, &dims);
    const sc_built *g = t->net.g;
    assert_int_equal(sc_pool_new(&t->pool, 2, &err), SC_OK);
    assert_int_equal(sc_exec_new_f32(&t->a, g, ROWS, true, t->pool, k, &err), SC_OK);
    assert_int_equal(sc_exec_new_f64(&t->b, g, ROWS, true, t->pool, k, &err), SC_OK);
    for (int64_t i = 0; i < g->n_params; i++)
        sc_exec_weights_f64(t->b)[i] = (double)(sc_exec_weights_f32(t->a)[i] = t->net.weights[i]);
    assert_int_equal(sc_plan_make(&t->fused, g, 1, what | SC_PLAN_FUSE, NULL, 0, &err), SC_OK);
    assert_int_equal(sc_plan_make(&t->plain, g, 1, what, NULL, 0, &err), SC_OK);
}

static void close_both(both *t)
{
    sc_plan_free(&t->fused);
    sc_plan_free(&t->plain);
    sc_exec_free_f32(t->a);
    sc_exec_free_f64(t->b);
    sc_pool_free(t->pool);
    sc_net_free(&t->net);
}

static void check(const char *variant, const char *options, int mates, const sc_kernels *k)
{
    both t;
    sc_err err = {0};
    int n_mates = 0;
    open_both(&t, variant, options, k);
    for (int i = 0; i < t.net.g->n_nodes; i++)
        n_mates += t.fused.mate[0][i] != 0;
    assert_int_equal(n_mates, mates);
    for (int pass = 0; pass < 4; pass++) { /* one executor takes all minibatches as they come */
        const sc_mini mini = mini_of(pass & 1 ? &thin : &dense);
        sc_run run = {.mini = {&mini},
                      .train = true,
                      .no_dropout = true,
                      .draw = SC_DRAW_NOISE,
                      .kl_weight = 0.7};
        for (int i = 0; i < 16; i++)
            run.noise[i] = noise;
        assert_int_equal(sc_exec_forward_f32(t.a, &t.fused, &run, &err), SC_OK);
        sc_exec_backward_f32(t.a, &t.fused, &run, 0);
        assert_int_equal(sc_exec_forward_f64(t.b, &t.plain, &run, &err), SC_OK);
        sc_exec_backward_f64(t.b, &t.plain, &run, 0);
        const double got = sc_exec_loss_f32(t.a, &t.fused, &run, 0);
        const double want = sc_exec_loss_f64(t.b, &t.plain, &run, 0);
        if (fabs(got - want) > 2e-6 * fabs(want))
            fail_msg("%s %s: the loss is %.9g, in double %.9g", variant, options, got, want);
        both_compare_gradients(options, t.net.g, sc_exec_gradients_f32(t.a),
                               sc_exec_gradients_f64(t.b));
        both_compare_statistics(options, t.net.g, sc_exec_weights_f32(t.a),
                                sc_exec_weights_f64(t.b));
    }
    close_both(&t);
}

static void layers(void **state)
{
    (void)state;
    static const char *const isas[] = {"avx512", "avx2", "base"};
    for (int isa = 0; isa < 3; isa++)
        if (sc_kernels_get(isas[isa])) {
            const sc_kernels *k = sc_kernels_get(isas[isa]);
            check("ldvae", "n-hidden=128,n-latent=4", 2, k);
            check("scvi", "n-hidden=300,n-latent=4,encode-covariates=true", 0, k);
            check("scvi", "n-hidden=121,n-latent=4,use-observed-lib-size=false", 2, k);
        }
    check("scvi", "n-hidden=20,n-latent=4,use-observed-lib-size=false", 2, sc_kernels_get(NULL));
}

static int prepare(void **state)
{
    (void)state;
    uint64_t s = 12;
    fill(&dense, 0.15, 3);
    fill(&thin, 0.02, 4);
    for (size_t i = 0; i < sizeof noise / sizeof *noise; i++)
        noise[i] = (float)(2 * (tiny_uniform(&s) + tiny_uniform(&s) - 1));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(order), cmocka_unit_test(layers)};
    return cmocka_run_group_tests_name("counts", tests, prepare, NULL);
}
