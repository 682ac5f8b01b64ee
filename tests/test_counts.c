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

static cells dense, thin, full;
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

static void sort_all(sc_gene_order *o, const sc_kernels *k, const sc_gene_rows *rows)
{
    for (int t = SC_GENE_ORDER_TILES - 1; t >= 0; t--) /* in any order */
        sc_gene_order_cut(o, rows, t);
    for (int t = SC_GENE_ORDER_TILES - 1; t >= 0; t--)
        sc_gene_order_sort(o, k, rows, t);
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

/* The parts of a row follow each other from its begin to its end, each of its range's genes. */
static void check_parts(const sc_gene_order *o, const sc_gene_rows *rows, int64_t n_vars)
{
    for (int64_t i = 0; i < rows->n; i++) {
        int32_t at = (int32_t)(rows->indptr[i] - rows->indptr[0]);
        for (int64_t t = 0; t < SC_GENE_ORDER_TILES; t++) {
            const int32_t *first, *end;
            int64_t j0, j1;
            sc_gene_order_range(n_vars, t, &j0, &j1);
            sc_gene_order_parts(o, t, &first, &end);
            assert_int_equal(first[i], at);
            for (; at < end[i]; at++)
                assert_in_range(rows->indices[rows->indptr[0] + at], j0, j1 - 1);
        }
        assert_int_equal(at, rows->indptr[i + 1] - rows->indptr[0]);
    }
}

static void check_rows(const sc_kernels *k, const sc_gene_rows *rows, int64_t n_vars)
{
    sc_gene_order o = {0};
    sc_err err = {0};
    const int64_t nnz = rows->indptr[rows->n] - rows->indptr[0];
    assert_int_equal(sc_gene_order_room(&o, 7, 20, 5, &err), SC_OK); /* it has been smaller */
    assert_int_equal(sc_gene_order_room(&o, n_vars, rows->n, nnz, &err), SC_OK);
    for (int again = 0; again < 2; again++) {
        sort_all(&o, k, rows);
        check_order(&o, rows, n_vars);
        check_parts(&o, rows, n_vars);
    }
    sc_gene_order_free(&o);
}

static void order_with(const sc_kernels *k)
{
    static const int64_t n[] = {1, 5, 16, 17, 100, 127, 128, 129, ROWS};
    for (size_t i = 0; i < sizeof n / sizeof *n; i++)
        for (int from = 0; from < 4 && from + n[i] <= ROWS; from += 3) { /* row 3 is empty */
            check_rows(k, &(sc_gene_rows){n[i], dense.indptr + from, dense.indices}, VARS);
            check_rows(k, &(sc_gene_rows){n[i], thin.indptr + from, thin.indices}, VARS);
            check_rows(k, &(sc_gene_rows){n[i], full.indptr + from, full.indices}, VARS);
        }
    static const int64_t indptr[] = {0, 2, 3}, none[ROWS + 1];
    static const int32_t genes[] = {0, 2, 2}; /* fewer genes than ranges */
    check_rows(k, &(sc_gene_rows){2, indptr, genes}, 3);
    check_rows(k, &(sc_gene_rows){ROWS, none, genes}, VARS);
}

/* A range of genes writes its own entries and no others; places may be large numbers. */
static void alone_with(const sc_kernels *k)
{
    enum { ROOM_HERE = 4 * 128 + 32 };
    static uint16_t marks[8][4];
    static const int32_t from[] = {0, 1 << 24, INT32_MAX - 4};
    for (size_t f = 0; f < sizeof from / sizeof *from; f++)
        for (int n_blocks = 1; n_blocks <= 8; n_blocks += 7) {
            _Alignas(64) int32_t next[128];
            int32_t ptr[4], row[ROOM_HERE], place[ROOM_HERE], end = 16;
            for (int b = 0; b < 8; b++)
                for (int j = 0; j < 4; j++) {
                    marks[b][j] = (uint16_t)(j == 3 ? 0xffff : 0x1248 << j);
                    end += b < n_blocks ? __builtin_popcount(marks[b][j]) : 0;
                }
            for (int i = 0; i < 128; i++)
                next[i] = from[f];
            memset(row, 0x7f, sizeof row);
            memset(place, 0x7f, sizeof place);
            k->sort_marked(&(sc_marked){4, n_blocks, marks[0], 4, next, from[f] + 4, 16, end, ptr,
                                        row, place});
            int32_t at = 16, had[128] = {0};
            for (int j = 0; j < 4; j++) {
                assert_int_equal(ptr[j], at);
                for (int i = 0; i < 16 * n_blocks; i++)
                    if (marks[i / 16][j] >> i % 16 & 1) {
                        assert_int_equal(row[at], i);
                        assert_int_equal(place[at++], from[f] + had[i]++);
                    }
            }
            for (int i = 0; i < ROOM_HERE; i++)
                if (i < 16 || i >= end) {
                    assert_int_equal(row[i], 0x7f7f7f7f);
                    assert_int_equal(place[i], 0x7f7f7f7f);
                }
        }
}

static void order(void **state)
{
    (void)state;
    static const char *const isas[] = {"avx512", "avx2", "base"};
    for (int isa = 0; isa < 3; isa++)
        if (sc_kernels_get(isas[isa])) {
            order_with(sc_kernels_get(isas[isa]));
            alone_with(sc_kernels_get(isas[isa]));
        }
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
    fill(&full, 1, 5);
    for (size_t i = 0; i < sizeof noise / sizeof *noise; i++)
        noise[i] = (float)(2 * (tiny_uniform(&s) + tiny_uniform(&s) - 1));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(order), cmocka_unit_test(layers)};
    return cmocka_run_group_tests_name("counts", tests, prepare, NULL);
}
