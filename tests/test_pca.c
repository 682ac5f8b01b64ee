#include "sc_eigen.h"
#include "sc_pca.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 300, G = 25, K = 6 };

/* Sparse rows with some columns that vary together. */
static sc_csr make(void)
{
    sc_csr m = {N, G, calloc(N + 1, sizeof(int64_t)), calloc((size_t)N * G, sizeof(int32_t)),
                calloc((size_t)N * G, sizeof(float))};
    uint32_t s = 3;
    int64_t at = 0;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < G; j++) {
            s = s * 1664525U + 1013904223U;
            const float u = (float)(s >> 8) * 0x1p-24F;
            if (u < 0.6F)
                continue;
            m.indices[at] = j;
            m.values[at++] = u * (float)(1 + j % 4) + (j % 5 == i % 5 ? 3 : 0);
        }
        m.indptr[i + 1] = at;
    }
    return m;
}

static void covariance(const sc_csr *m, double *mean, double *c)
{
    static double x[N * G];
    memset(x, 0, sizeof x);
    memset(mean, 0, G * sizeof *mean);
    memset(c, 0, G * G * sizeof *c);
    for (int i = 0; i < N; i++)
        for (int64_t k = m->indptr[i]; k < m->indptr[i + 1]; k++) {
            x[i * G + m->indices[k]] = (double)m->values[k];
            mean[m->indices[k]] += (double)m->values[k] / N;
        }
    for (int i = 0; i < N; i++)
        for (int a = 0; a < G; a++)
            for (int b = 0; b < G; b++)
                c[a * G + b] += (x[i * G + a] - mean[a]) * (x[i * G + b] - mean[b]) / (N - 1);
}

static void test_dense(void **state)
{
    (void)state;
    static double mean[G], c[G * G], value[G], vector[G * G];
    sc_err err = {0};
    sc_pool *pool = NULL;
    sc_csr x = make();
    sc_pca p = {0};
    assert_int_equal(sc_pool_new(&pool, 2, &err), SC_OK);
    covariance(&x, mean, c);
    double total = 0;
    for (int j = 0; j < G; j++)
        total += c[j * G + j];
    assert_int_equal(sc_eigen_small(c, G, value, vector, &err), SC_OK);
    assert_int_equal(sc_pca_fit(&p, &x, K, pool, &err), SC_OK);
    assert_true(fabs(p.total - total) < 1e-10 * total);
    for (int k = 0; k < K; k++) {
        double along = 0, largest = 0;
        assert_true(fabs(p.variance[k] - value[k]) < 1e-9 * value[0]);
        for (int j = 0; j < G; j++) {
            const double v = p.component[k * G + j];
            along += v * vector[k * G + j];
            largest = fabs(v) > fabs(largest) ? v : largest;
        }
        assert_true(fabs(fabs(along) - 1) < 1e-9);
        assert_true(largest > 0);
    }
    float *y = calloc((size_t)N * K, sizeof *y);
    sc_pca_project(&p, &x, y, pool);
    for (int k = 0; k < K; k++) {
        double sum = 0, square = 0;
        for (int i = 0; i < N; i++) {
            sum += (double)y[i * K + k];
            square += (double)y[i * K + k] * (double)y[i * K + k];
        }
        assert_true(fabs(sum) < 1e-3);
        assert_true(fabs(square / (N - 1) - value[k]) < 1e-4 * value[0]);
    }
    free(y);
    sc_pca_free(&p);
    sc_csr_free(&x);
    sc_pool_free(pool);
}

static void test_same_bits(void **state)
{
    (void)state;
    sc_err err = {0};
    sc_csr x = make();
    sc_pca p[2] = {{0}, {0}};
    for (int t = 0; t < 2; t++) {
        sc_pool *pool = NULL;
        assert_int_equal(sc_pool_new(&pool, 1 + 2 * t, &err), SC_OK);
        assert_int_equal(sc_pca_fit(&p[t], &x, K, pool, &err), SC_OK);
        sc_pool_free(pool);
    }
    assert_memory_equal(p[0].component, p[1].component, K * G * sizeof(double));
    sc_pca_free(&p[0]);
    sc_pca_free(&p[1]);
    sc_csr_free(&x);
}

static void test_refused(void **state)
{
    (void)state;
    sc_err err = {0};
    sc_pool *pool = NULL;
    sc_csr x = make();
    sc_pca p = {0};
    assert_int_equal(sc_pool_new(&pool, 1, &err), SC_OK);
    assert_int_equal(sc_pca_fit(&p, &x, G, pool, &err), SC_EDATA);
    sc_pca_free(&p);
    x.values[5] = NAN;
    assert_int_equal(sc_pca_fit(&p, &x, 2, pool, &err), SC_EDATA);
    sc_pca_free(&p);
    memset(x.values, 0, (size_t)x.indptr[N] * sizeof *x.values);
    assert_int_equal(sc_pca_fit(&p, &x, 2, pool, &err), SC_EDATA);
    assert_string_equal(err.msg, "no gene varies");
    sc_pca_free(&p);
    sc_csr_free(&x);
    sc_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense),
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
