#include "npy.h"
#include "sc_eigen.h"
#include "sc_fuzzy.h"
#include "sc_umap.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PATH_LENGTH = 40 };

/* The path of n points: eigenvalues are 2 cos(pi k / (n + 1)). */
static void path(void *ctx, const double *x, double *y)
{
    const int n = *(const int *)ctx;
    for (int i = 0; i < n; i++)
        y[i] = (i > 0 ? x[i - 1] : 0) + (i < n - 1 ? x[i + 1] : 0);
}

static void test_eigen(void **state)
{
    (void)state;
    static const int sizes[] = {1, 2, 7, PATH_LENGTH, 900};
    sc_err err = {0};
    sc_pool *pool = NULL;
    assert_int_equal(sc_pool_new(&pool, 2, &err), SC_OK);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int n = sizes[s];
        const int k = n < 3 ? n : 3;
        sc_eigen e = {0};
        double *y = calloc((size_t)n, sizeof *y);
        assert_int_equal(sc_eigen_top(&e, n, k, path, &n, 1e-10, 100000, pool, &err), SC_OK);
        assert_true(e.residual <= 1e-10);
        for (int i = 0; i < k; i++) {
            const double *v = e.vector + (ptrdiff_t)i * n,
                         value = 2 * cos(M_PI * (i + 1) / (n + 1));
            assert_true(fabs(e.value[i] - value) < 1e-8);
            path(&n, v, y);
            for (int j = 0; j < n; j++)
                assert_true(fabs(y[j] - value * v[j]) < 1e-8);
        }
        free(y);
        sc_eigen_free(&e);
    }
    sc_pool_free(pool);
}

static void test_eigen_small(void **state)
{
    (void)state;
    sc_err err = {0};
    double a[9] = {2, -1, 0, -1, 2, -1, 0, -1, 2}, value[3], vector[9];
    assert_int_equal(sc_eigen_small(a, 3, value, vector, &err), SC_OK);
    assert_true(fabs(value[0] - (2 + sqrt(2))) < 1e-14);
    assert_true(fabs(value[1] - 2) < 1e-14);
    assert_true(fabs(value[2] - (2 - sqrt(2))) < 1e-14);
    assert_true(fabs(fabs(vector[1]) - sqrt(0.5)) < 1e-14);
    a[4] = NAN;
    assert_int_equal(sc_eigen_small(a, 3, value, vector, &err), SC_EDATA);
}

/* As umap-learn fits them. */
static void test_curve(void **state)
{
    (void)state;
    static const double want[][3] = {{0.5, 0.5830300203414425, 1.3341669924314914},
                                     {0.1, 1.5769434602697652, 0.8950608778515733},
                                     {0.3, 0.9921756195894755, 1.112253384404663}};
    for (int i = 0; i < 3; i++) {
        double a, b;
        sc_umap_curve(want[i][0], 1, &a, &b);
        assert_true(fabs(a - want[i][1]) < 1e-6);
        assert_true(fabs(b - want[i][2]) < 1e-6);
    }
}

static double gap(const float *x, int64_t i, int64_t j, int64_t d)
{
    double sum = 0;
    for (int64_t k = 0; k < d; k++)
        sum += pow((double)x[i * d + k] - (double)x[j * d + k], 2);
    return sum;
}

/* sklearn's: how many cells are among the k nearest in y without being so in x, by how far. */
static double trustworthiness(const float *x, int64_t d, const float *y, int64_t n, int k)
{
    double penalty = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t near[64];
        int found = 0;
        for (int64_t j = 0; j < n; j++) {
            if (j == i)
                continue;
            int at = found < k ? found++ : k;
            for (; at > 0 && gap(y, i, near[at - 1], 2) > gap(y, i, j, 2); at--)
                if (at < k)
                    near[at] = near[at - 1];
            if (at < k)
                near[at] = j;
        }
        for (int s = 0; s < k; s++) {
            const double dist = gap(x, i, near[s], d);
            int64_t rank = 1;
            for (int64_t j = 0; j < n; j++)
                rank += j != i && gap(x, i, j, d) < dist;
            penalty += rank > k ? (double)(rank - k) : 0;
        }
    }
    return 1 - penalty * 2 / ((double)n * k * (2 * (double)n - 3 * k - 1));
}

/* ../shared/parity/graph_pbmc1k, k 15 and 20: trustworthiness at most 0.005 below umap-learn's. */
static void test_parity(void **state)
{
    (void)state;
    static const int sizes[] = {15, 20};
    static const double want[] = {0.9679 - 0.005, 0.9674 - 0.005};
    const char *shared = getenv("SLUICE_SHARED");
    char file[1000];
    (void)snprintf(file, sizeof file, "%s/parity/graph_pbmc1k/input/latent.npy",
                   shared ? shared : "../shared");
    FILE *f = fopen(file, "r");
    if (!f)
        skip();
    fclose(f);
    npy latent;
    sc_err err = {0};
    sc_pool *pool = NULL;
    assert_true(npy_read(&latent, "%s", file));
    assert_int_equal(sc_pool_new(&pool, 2, &err), SC_OK);
    const sc_dense x = {(int64_t)latent.dims[0], (int64_t)latent.dims[1], latent.f32};
    float *y = calloc((size_t)x.n_rows * 2, sizeof *y);
    for (int s = 0; s < 2; s++) {
        const sc_umap_opts o = {
            .n_dims = 2, .min_dist = 0.3, .spread = 1, .alpha = 1, .gamma = 1, .n_negative = 5};
        sc_knn knn = {0};
        sc_csr graph = {0};
        assert_int_equal(
            sc_knn_find(&knn, &x, NULL, sizes[s], SC_EUCLIDEAN, pool, sc_kernels_get(NULL), &err),
            SC_OK);
        assert_int_equal(sc_fuzzy_graph(&graph, &knn, pool, &err), SC_OK);
        assert_int_equal(sc_umap_start(&graph, &o, y, pool, &err), SC_OK);
        assert_int_equal(sc_umap_layout(&graph, &o, y, pool, &err), SC_OK);
        assert_true(trustworthiness(x.values, x.n_cols, y, x.n_rows, 15) >= want[s]);
        sc_csr_free(&graph);
        sc_knn_free(&knn);
    }
    free(y);
    sc_pool_free(pool);
    npy_free(&latent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eigen),
        cmocka_unit_test(test_eigen_small),
        cmocka_unit_test(test_curve),
        cmocka_unit_test(test_parity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
