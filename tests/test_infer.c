/*
 * Inference as tools build on it: rows in any order and company, draws after draws, for any batch,
 * give a cell the same bits; what is known of the posterior is not computed again, nor otherwise.
 */
#include "built.h"
#include "sc_decode.h"
#include "tiny.h"

static void ok(sc_status st, const sc_err *err)
{
    if (st != SC_OK)
        fail_msg("%s", err->msg);
}

typedef struct setting {
    tiny t;
    sc_net net;
    sc_header h;
    sc_block *b;
    sc_pool *pool;
    sc_infer *x;
    sc_wanted rate, shape;
} setting;

static void name_all(sc_strs *s, const char *prefix, int n)
{
    sc_err err = {0};
    for (int i = 0; i < n; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%s%d", prefix, i);
        ok(sc_strs_push(s, name, strlen(name), &err), &err);
    }
}

static void add_batches(sc_table *t, const int32_t *codes)
{
    sc_err err = {0};
    sc_col *c = NULL;
    ok(sc_table_add(t, "batch", SC_COL_CATEGORY, &c, &err), &err);
    name_all(&c->categories, "b", 3);
    for (int64_t i = 0; i < t->n_rows; i++)
        c->v.code[i] = codes[i];
}

/* The tiny cells as a header and a block. */
static void make_cells(setting *s)
{
    sc_err err = {0};
    sc_table obs = {.n_rows = TINY_ROWS};
    sc_csr x = {.n_rows = TINY_ROWS, .n_cols = TINY_VARS};
    const size_t nnz = (size_t)s->t.indptr[TINY_ROWS];
    s->h.n_obs = TINY_ROWS;
    s->h.uns = strdup("{}");
    s->h.var.n_rows = TINY_VARS;
    name_all(&s->h.var.names, "g", TINY_VARS);
    add_batches(&s->h.obs, NULL);
    ok(sc_header_add(&s->h, "X", SC_COUNTS, true, -1, NULL, &err), &err);
    ok(sc_block_new(&s->b, TINY_ROWS, &err), &err);
    name_all(&obs.names, "c", TINY_ROWS);
    add_batches(&obs, s->t.codes[0]);
    ok(sc_block_set_obs(s->b, &obs, &err), &err);
    ok(sc_alloc(&x.indptr, TINY_ROWS + 1, sizeof *x.indptr, &err), &err);
    ok(sc_alloc(&x.indices, nnz, sizeof *x.indices, &err), &err);
    ok(sc_alloc(&x.values, nnz, sizeof *x.values, &err), &err);
    memcpy(x.indptr, s->t.indptr, (TINY_ROWS + 1) * sizeof *x.indptr);
    memcpy(x.indices, s->t.indices, nnz * sizeof *x.indices);
    memcpy(x.values, s->t.values, nnz * sizeof *x.values);
    ok(sc_block_set_sparse(s->b, "X", &x, &err), &err);
}

static void open_setting(setting *s, const char *options)
{
    const sc_dims dims = {.n_vars = TINY_VARS, .n_batch = 3, .n_panels = 3};
    const sc_keys keys = {0};
    char note[64];
    sc_err err = {0};
    memset(s, 0, sizeof *s);
    tiny_fill(&s->t);
    tiny_net(&s->net, "scvi", options, &dims);
    s->net.var.n_rows = TINY_VARS;
    name_all(&s->net.var.names, "g", TINY_VARS);
    s->net.cats[0].key = strdup("batch");
    name_all(&s->net.cats[0].levels, "b", 3);
    make_cells(s);
    ok(sc_pool_new(&s->pool, 2, &err), &err);
    ok(sc_wanted_find(&s->rate, &s->net, "px_rate", &err), &err);
    ok(sc_wanted_find(&s->shape, &s->net, "px_r", &err), &err);
    const int32_t nodes[] = {s->rate.node, s->shape.node};
    ok(sc_infer_open(&s->x, &s->net, &s->h, &keys, nodes, 2, s->pool, sc_kernels_get(NULL), note,
                     sizeof note, &err),
       &err);
    ok(sc_infer_block(s->x, s->b, &err), &err);
}

static void close_setting(setting *s)
{
    sc_infer_close(s->x);
    sc_block_free(s->b);
    sc_header_free(&s->h);
    sc_pool_free(s->pool);
    sc_net_free(&s->net);
}

/* Values of row i of the last run against those that are expected. */
static void same_row(const setting *s, int64_t i, const float *expected)
{
    assert_memory_equal(sc_infer_value(s->x, s->rate.node) + i * TINY_VARS, expected,
                        TINY_VARS * sizeof(float));
}

/* Every cell alone, freshly opened each time, at a draw and decoded for a batch. */
static void run_alone(float *to, const char *options, sc_draw draw, uint32_t no, int32_t batch)
{
    sc_err err = {0};
    for (int64_t i = 0; i < TINY_ROWS; i++) {
        setting s;
        open_setting(&s, options);
        sc_infer_transform(s.x, batch);
        ok(sc_infer_run(s.x, i, 1, draw, 9, no, &err), &err);
        memcpy(to + i * TINY_VARS, sc_infer_value(s.x, s.rate.node), TINY_VARS * sizeof *to);
        close_setting(&s);
    }
}

static void check_rows(const char *options)
{
    static float mean[TINY_ROWS * TINY_VARS], two[TINY_ROWS * TINY_VARS],
        moved[TINY_ROWS * TINY_VARS];
    static const int64_t rows[] = {30, 2, 2, 17, 0, 36};
    enum { N = sizeof rows / sizeof *rows };
    setting s;
    sc_err err = {0};
    run_alone(mean, options, SC_DRAW_MEAN, 1, -1);
    run_alone(two, options, SC_DRAW_SAMPLE, 2, -1);
    run_alone(moved, options, SC_DRAW_SAMPLE, 2, 1);
    open_setting(&s, options);
    /* the same rows again and again: the second run and those after it leave the encoder out */
    for (int pass = 0; pass < 2; pass++) {
        ok(sc_infer_run(s.x, 0, TINY_ROWS, SC_DRAW_SAMPLE, 9, 2, &err), &err);
        for (int64_t i = 0; i < TINY_ROWS; i++)
            same_row(&s, i, two + i * TINY_VARS);
        sc_infer_transform(s.x, 1);
        ok(sc_infer_run(s.x, 0, TINY_ROWS, SC_DRAW_SAMPLE, 9, 2, &err), &err);
        for (int64_t i = 0; i < TINY_ROWS; i++)
            same_row(&s, i, moved + i * TINY_VARS);
        sc_infer_transform(s.x, -1);
        for (int again = 0; again < 2; again++) {
            ok(sc_infer_run_rows(s.x, rows, N, SC_DRAW_SAMPLE, 9, 2, &err), &err);
            for (int64_t i = 0; i < N; i++)
                same_row(&s, i, two + rows[i] * TINY_VARS);
        }
        ok(sc_infer_run_rows(s.x, rows, N, SC_DRAW_MEAN, 9, 2, &err), &err);
        for (int64_t i = 0; i < N; i++)
            same_row(&s, i, mean + rows[i] * TINY_VARS);
    }
    close_setting(&s);
}

static void rows_and_draws(void **state)
{
    (void)state;
    check_rows("n-latent=3,n-hidden=16,encode-covariates=true");
    check_rows("n-latent=3,n-hidden=16,use-observed-lib-size=false,latent-distribution=ln");
}

static void averages(void **state)
{
    (void)state;
    static float one[6][TINY_ROWS * TINY_VARS], got[TINY_ROWS * TINY_VARS];
    int32_t codes[2] = {0, 2};
    float *const out[] = {got};
    sc_decoding how = {.draw = SC_DRAW_SAMPLE, .seed = 4, .n_draws = 3, .batches = {2, codes}};
    setting s;
    sc_err err = {0};
    open_setting(&s, "n-latent=3,n-hidden=16");
    for (int k = 0; k < 6; k++) {
        sc_infer_transform(s.x, codes[k % 2]);
        ok(sc_infer_run(s.x, 0, TINY_ROWS, SC_DRAW_SAMPLE, 4, (uint32_t)k / 2 + 1, &err), &err);
        memcpy(one[k], sc_infer_value(s.x, s.rate.node), sizeof one[k]);
    }
    ok(sc_decode_rows(s.x, 0, TINY_ROWS, &how, &s.rate, 1, out, &err), &err);
    for (int i = 0; i < TINY_ROWS * TINY_VARS; i++) {
        double sum = 0;
        for (int k = 0; k < 6; k++)
            sum += (double)one[k][i] / 6;
        assert_true(fabs(sum - (double)got[i]) <= 1e-6 * sum);
    }
    close_setting(&s);
}

static void constants(void **state)
{
    (void)state;
    float before[TINY_VARS];
    setting s;
    sc_err err = {0};
    open_setting(&s, "n-latent=3,n-hidden=16");
    assert_true(s.shape.is_constant && !s.rate.is_constant);
    ok(sc_decode_constant(s.x, &s.shape, before, &err), &err);
    ok(sc_infer_run(s.x, 3, 2, SC_DRAW_MEAN, 0, 1, &err), &err);
    assert_memory_equal(before, sc_infer_value(s.x, s.shape.node), sizeof before);
    close_setting(&s);
}

static void names_of_batches(void **state)
{
    (void)state;
    setting s;
    sc_err err = {0};
    sc_batch_list l;
    open_setting(&s, "n-latent=3,n-hidden=16");
    ok(sc_batch_list_parse(&l, &s.net, "b2,b0", &err), &err);
    assert_true(l.n == 2 && l.codes[0] == 2 && l.codes[1] == 0);
    free(l.codes);
    static const char *const wrong[] = {"", "b0,", ",b0", "b0,b0", "b3", "b0,b1,b2,b0"};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(sc_batch_list_parse(&l, &s.net, wrong[i], &err), SC_EUSAGE);
        free(l.codes);
    }
    close_setting(&s);
}

int main(void)
{
    if (!use_built_plugins())
        return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_and_draws), cmocka_unit_test(averages),
                                       cmocka_unit_test(constants),
                                       cmocka_unit_test(names_of_batches)};
    return cmocka_run_group_tests_name("inference", tests, NULL, NULL);
}
