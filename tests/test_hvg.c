#include "sc_hvg.h"
#include "sc_norm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 60, G = 200, TOP = 12 };

typedef struct data {
    float counts[N * G], logs[N * G];
    int32_t batch[N];
} data;

/* Counts of many sizes from a small generator, easily written down in Python too. */
static void make(data *d)
{
    uint32_t s = 1;
    for (int i = 0; i < N; i++) {
        d->batch[i] = i % 5 < 2 ? 0 : 1;
        for (unsigned j = 0; j < G; j++) {
            s = (s * 1103515245U + 12345U) & 0x7fffffffU;
            const unsigned u = s >> 16;
            d->counts[(unsigned)i * G + j] =
                u % 3 ? (float)((u % (2 + j % 13)) * (u % (1 + j)) / (1 + j / 3)) : 0;
        }
    }
    memcpy(d->logs, d->counts, sizeof d->logs);
    const sc_rows x = {N, G, NULL, NULL, d->logs};
    double totals[N];
    sc_norm_totals(&x, NULL, totals);
    sc_norm_rows(&x, totals, 100, true);
}

static const sc_hvg_opts defaults = {.n_top = TOP,
                                     .span = 0.3,
                                     .n_bins = 5,
                                     .min_mean = 0.5,
                                     .max_mean = 1.5,
                                     .min_disp = 0.1,
                                     .max_disp = INFINITY};

/* Dense, in blocks of `step` rows. */
static void rank_genes(const data *d, const sc_hvg_opts *o, int step, sc_hvg_result *r)
{
    sc_hvg s;
    sc_err err = {0};
    const bool is_counts = sc_hvg_takes_counts(o->flavor);
    const float *values = is_counts ? d->counts : d->logs;
    sc_hvg_init(&s, o, G);
    assert_int_equal(sc_hvg_grow(&s, o->is_batched ? 2 : 1, &err), SC_OK);
    for (int pass = 0; pass < (is_counts ? 2 : 1); pass++) {
        for (int i = 0; i < N; i += step) {
            const sc_rows x = {step, G, NULL, NULL, (float *)values + i * G};
            const int32_t *batch = o->is_batched ? d->batch + i : NULL;
            if (pass == 0)
                sc_hvg_add(&s, &x, batch);
            else
                sc_hvg_add_clipped(&s, &x, batch);
        }
        if (pass == 0 && is_counts)
            assert_int_equal(sc_hvg_fit(&s, NULL, &err), SC_OK);
    }
    assert_int_equal(sc_hvg_select(&s, r, &err), SC_OK);
    sc_hvg_free(&s);
}

typedef struct expected {
    sc_hvg_flavor flavor;
    bool is_batched;
    int genes[TOP];
    double score[3], mean[3]; /* of genes 1, 20, 199 */
} expected;

/* scanpy 1.11.5: highly_variable_genes(n_top_genes=12, n_bins=5 for seurat), the log data after
 * normalize_total(target_sum=100) and log1p. */
static const expected wanted[] = {
    {SC_HVG_SEURAT_V3,
     false,
     {4, 15, 16, 29, 49, 67, 87, 97, 102, 114, 158, 171},
     {0.805727046, 0.883668665, 0.734964707},
     {0.633333333, 4.7, 2.0}},
    {SC_HVG_SEURAT_V3,
     true,
     {4, 16, 29, 46, 47, 49, 81, 83, 97, 102, 114, 122},
     {0.839662449, 0.945712255, 0.961747382},
     {0.633333333, 4.7, 2.0}},
    {SC_HVG_SEURAT_V3_PAPER,
     true,
     {4, 16, 29, 46, 47, 49, 81, 83, 97, 102, 114, 122},
     {0.839662449, 0.945712255, 0.961747382},
     {0.633333333, 4.7, 2.0}},
    {SC_HVG_SEURAT,
     false,
     {4, 15, 37, 49, 64, 83, 87, 89, 97, 114, 158, 190},
     {-0.908206046, 0.0527490377, 0.120600246},
     {0.0924174348, 0.560964809, 0.274589376}},
    {SC_HVG_SEURAT,
     true,
     {23, 37, 38, 49, 83, 87, 97, 102, 129, 142, 155, 190},
     {-0.983837962, 0.180656105, -0.393758535},
     {0.0911707823, 0.570956317, 0.269058685}},
    {SC_HVG_CELL_RANGER,
     false,
     {3, 11, 16, 19, 37, 83, 87, 97, 114, 139, 154, 171},
     {-0.738548756, 0.0103281345, -0.682753265},
     {0.0850329777, 0.428815156, 0.228678664}},
    {SC_HVG_CELL_RANGER,
     true,
     {3, 4, 23, 67, 90, 97, 102, 114, 127, 139, 144, 171},
     {-0.443758637, 0.0176102463, -0.17029956},
     {0.0838962108, 0.441382599, 0.223240457}},
};

static void close_to(double got, double want)
{
    if (!(fabs(got - want) <= 1e-5 * fmax(1, fabs(want))))
        fail_msg("%.9g is not %.9g", got, want);
}

static void equals_scanpy(void **state)
{
    data *d = *state;
    static const int64_t at[] = {1, 20, 199};
    for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++) {
        const expected *w = &wanted[k];
        sc_hvg_opts o = defaults;
        sc_hvg_result r;
        o.flavor = w->flavor;
        o.is_batched = w->is_batched;
        rank_genes(d, &o, N, &r);
        assert_int_equal(r.n_selected, TOP);
        for (int i = 0; i < TOP; i++)
            assert_true(r.is_highly_variable[w->genes[i]]);
        for (int i = 0; i < 3; i++) {
            close_to((r.variances_norm ? r.variances_norm : r.dispersions_norm)[at[i]],
                     w->score[i]);
            close_to(r.means[at[i]], w->mean[i]);
        }
        assert_true((r.n_batches != NULL) == w->is_batched);
        sc_hvg_result_free(&r);
    }
}

static void limits_select(void **state)
{
    data *d = *state;
    static const int seurat[] = {10,  11,  23,  25,  38,  50,  51,  64,  76,  77,
                                 89,  90,  102, 113, 115, 127, 129, 141, 142, 154,
                                 155, 165, 167, 168, 177, 179, 180, 181, 193, 194};
    static const int cell_ranger[] = {23, 51, 76, 77, 103, 129, 140, 142, 155, 167, 168, 179};
    sc_hvg_opts o = defaults;
    sc_hvg_result r;
    o.n_top = 0;
    o.flavor = SC_HVG_SEURAT;
    rank_genes(d, &o, N, &r);
    assert_int_equal(r.n_selected, 30);
    for (int i = 0; i < 30; i++)
        assert_true(r.is_highly_variable[seurat[i]]);
    sc_hvg_result_free(&r);
    o.flavor = SC_HVG_CELL_RANGER;
    o.is_batched = true;
    rank_genes(d, &o, N, &r);
    assert_int_equal(r.n_selected, 12);
    for (int i = 0; i < 12; i++)
        assert_true(r.is_highly_variable[cell_ranger[i]]);
    sc_hvg_result_free(&r);
}

static void blocks_do_not_matter(void **state)
{
    data *d = *state;
    for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++) {
        sc_hvg_opts o = defaults;
        sc_hvg_result a, b;
        o.flavor = wanted[k].flavor;
        o.is_batched = wanted[k].is_batched;
        rank_genes(d, &o, N, &a);
        rank_genes(d, &o, 4, &b);
        assert_memory_equal(a.means, b.means, G * sizeof(double));
        assert_memory_equal(a.variances_norm ? a.variances_norm : a.dispersions_norm,
                            b.variances_norm ? b.variances_norm : b.dispersions_norm,
                            G * sizeof(double));
        sc_hvg_result_free(&a);
        sc_hvg_result_free(&b);
    }
}

static void sparse_equals_dense(void **state)
{
    data *d = *state;
    int64_t indptr[N + 1] = {0}, nnz = 0;
    static int32_t indices[N * G];
    static float values[N * G];
    for (int i = 0; i < N; i++) {
        for (int32_t j = 0; j < G; j++) {
            if (d->counts[i * G + j] > 0) {
                indices[nnz] = j;
                values[nnz++] = d->counts[i * G + j];
            }
        }
        indptr[i + 1] = nnz;
    }
    const sc_rows sparse = {N, G, indptr, indices, values};
    const sc_rows dense = {N, G, NULL, NULL, d->counts};
    sc_hvg a, b;
    sc_err err = {0};
    sc_hvg_init(&a, &defaults, G);
    sc_hvg_init(&b, &defaults, G);
    assert_int_equal(sc_hvg_grow(&a, 2, &err) | sc_hvg_grow(&b, 2, &err), SC_OK);
    sc_hvg_add(&a, &sparse, d->batch);
    sc_hvg_add(&b, &dense, d->batch);
    assert_memory_equal(a.sum, b.sum, 2 * G * sizeof(double));
    assert_memory_equal(a.sum_sq, b.sum_sq, 2 * G * sizeof(double));
    sc_hvg_free(&a);
    sc_hvg_free(&b);

    double all[N], some[N];
    uint8_t is_high[G] = {0};
    sc_norm_totals(&sparse, NULL, all);
    sc_norm_mark_high(&sparse, all, 0.05, is_high);
    sc_norm_totals(&sparse, is_high, some);
    for (int i = 0; i < N; i++) {
        double rest = 0;
        for (int j = 0; j < G; j++)
            rest += is_high[j] ? 0 : (double)d->counts[i * G + j];
        assert_true(some[i] == rest && rest < all[i]);
    }
}

static void too_few_cells_are_refused(void **state)
{
    data *d = *state;
    sc_hvg s;
    sc_err err = {0};
    sc_hvg_result r;
    sc_strs names = {0};
    char bytes[] = "left\0right";
    uint64_t off[] = {0, 5, 11};
    names.n = 2;
    names.off = off;
    names.bytes = bytes;
    sc_hvg_init(&s, &defaults, G);
    assert_int_equal(sc_hvg_select(&s, &r, &err), SC_EDATA);
    assert_int_equal(sc_hvg_grow(&s, 2, &err), SC_OK);
    const sc_rows x = {4, G, NULL, NULL, d->counts};
    const int32_t batch[] = {0, 0, 0, 1};
    sc_hvg_add(&s, &x, batch);
    assert_int_equal(sc_hvg_fit(&s, &names, &err), SC_EDATA);
    assert_string_equal(err.msg, "batch 'right': 1 cells are too few to rank genes by variance");
    sc_hvg_free(&s);
}

/* log(1 + x) of one cell of one gene, whose library has its size already. */
static float log_of(float x)
{
    const double total = 1;
    const sc_rows row = {1, 1, NULL, NULL, &x};
    sc_norm_rows(&row, &total, 1, true);
    return x;
}

static void logs_are_right(void **state)
{
    (void)state;
    for (float x = 1e-8F; x < 1e8F; x *= 1.0937F) {
        const double want = log1p((double)x);
        assert_true(fabs((double)log_of(x) - want) <= 6.1e-8 * want);
    }
    for (int x = 1; x < 100; x++)
        assert_true(fabs((double)log_of((float)x) - log1p(x)) <= 6.1e-8 * log1p(x));
    assert_true(log_of(0) == 0);
}

/* Counts that a cell has twice are worked out once: each must come out as it does alone. */
static void equal_counts_get_equal_values(void **state)
{
    (void)state;
    float x[] = {3, 0.5F, 63, 64, 3, 63, 64, 0.5F, 0, 3.5F}, alone[10];
    const double total = 17;
    const sc_rows row = {1, 10, NULL, NULL, x};
    for (int j = 0; j < 10; j++) {
        alone[j] = x[j];
        sc_norm_rows(&(sc_rows){1, 1, NULL, NULL, &alone[j]}, &total, 1e4, true);
    }
    sc_norm_rows(&row, &total, 1e4, true);
    assert_memory_equal(x, alone, sizeof x);
    assert_true(fabs((double)x[4] - log1p(3 * 1e4 / 17)) < 1e-6);
}

static void the_median_is_of_cells_with_counts(void **state)
{
    (void)state;
    double odd[] = {0, 6, 12, 0, 1}, even[] = {0, 6, 12}, none[] = {0, 0};
    assert_true(sc_norm_median(5, odd) == 6);
    assert_true(sc_norm_median(3, even) == 9);
    assert_true(sc_norm_median(2, none) == 0);
}

static int setup(void **state)
{
    data *d = calloc(1, sizeof *d);
    if (!d)
        return -1;
    make(d);
    *state = d;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_scanpy),
        cmocka_unit_test(limits_select),
        cmocka_unit_test(blocks_do_not_matter),
        cmocka_unit_test(sparse_equals_dense),
        cmocka_unit_test(too_few_cells_are_refused),
        cmocka_unit_test(logs_are_right),
        cmocka_unit_test(equal_counts_get_equal_values),
        cmocka_unit_test(the_median_is_of_cells_with_counts),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
