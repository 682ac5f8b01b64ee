#include "npy.h"
#include "sc_transfer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 400, M = 150, D = 3, K = 4 };

/* Cells around K corners, some of them the same; cell i is of class i % K. */
static sc_dense make(int64_t n, uint32_t s, double spread)
{
    sc_dense m = {n, D, malloc((size_t)(n * D) * sizeof(float))};
    assert_non_null(m.values);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < D; j++) {
            s = s * 1664525U + 1013904223U;
            m.values[i * D + j] =
                (float)(((double)(s >> 8) * 0x1p-24 - 0.5) * spread + (i % K == j ? 2 : 0));
        }
    return m;
}

static sc_labelled reference(double spread)
{
    sc_labelled r = {make(N, 7, spread), malloc(N * sizeof(int32_t)), K};
    assert_non_null(r.class);
    for (int32_t i = 0; i < N; i++)
        r.class[i] = i % K;
    return r;
}

typedef enum method { KNN, FOREST, NETWORK } method;

static float *transfer(method how, const sc_labelled *ref, const sc_dense *query, int k,
                       int n_threads)
{
    sc_err err = {0};
    sc_pool *pool = NULL;
    float *p = malloc((size_t)(query->n_rows * ref->n_classes) * sizeof *p);
    assert_non_null(p);
    assert_int_equal(sc_pool_new(&pool, n_threads, &err), SC_OK);
    const sc_status st = how == KNN
                             ? sc_transfer_knn(p, ref, query, k, pool, sc_kernels_get(NULL), &err)
                         : how == FOREST ? sc_transfer_forest(p, ref, query, k, 3, pool, &err)
                                         : sc_transfer_network(p, ref, query, 3, &err);
    assert_int_equal(st, SC_OK);
    sc_pool_free(pool);
    return p;
}

static int64_t best(const float *p, int64_t k)
{
    int64_t at = 0;
    for (int64_t c = 1; c < k; c++)
        at = p[c] > p[at] ? c : at;
    return at;
}

/* All three find classes that lie apart; rows sum to 1; threads and company change no bit. */
static void test_methods(void **state)
{
    (void)state;
    const sc_labelled ref = reference(1.6);
    const sc_dense query = make(M, 11, 1.6), one = {1, D, query.values + 17 * D};
    for (method how = KNN; how <= NETWORK; how++) {
        const int k = how == KNN ? 20 : 30;
        float *p = transfer(how, &ref, &query, k, 1), *q = transfer(how, &ref, &query, k, 3),
              *alone = transfer(how, &ref, &one, k, 2);
        int64_t right = 0;
        assert_memory_equal(p, q, (size_t)(M * K) * sizeof *p);
        assert_memory_equal(p + 17 * K, alone, K * sizeof *p);
        for (int64_t i = 0; i < M; i++) {
            double sum = 0;
            for (int64_t c = 0; c < K; c++)
                sum += (double)p[i * K + c];
            assert_true(fabs(sum - 1) < 1e-5);
            right += best(p + i * K, K) == i % K;
        }
        assert_true(right >= M * 95 / 100);
        free(p);
        free(q);
        free(alone);
    }
    sc_dense_free((sc_dense *)&ref.x);
    free(ref.class);
    sc_dense_free((sc_dense *)&query);
}

/* Reference cells that are all the same, or all of one class, are no trouble. */
static void test_degenerate(void **state)
{
    (void)state;
    sc_labelled ref = reference(0);
    const sc_dense query = make(M, 11, 1);
    memset(ref.x.values, 0, (size_t)(N * D) * sizeof(float));
    for (method how = KNN; how <= NETWORK; how++) {
        float *p = transfer(how, &ref, &query, 100, 2);
        for (int64_t c = 0; c < K; c++)
            assert_true(isfinite(p[c]) && p[c] >= 0.05F);
        free(p);
    }
    memset(ref.class, 0, N * sizeof *ref.class);
    for (method how = KNN; how < NETWORK; how++) {
        float *p = transfer(how, &ref, &query, 100, 2);
        assert_true(p[0] == 1.0F && p[1] == 0.0F);
        free(p);
    }
    sc_dense_free(&ref.x);
    free(ref.class);
    sc_dense_free((sc_dense *)&query);
}

static void path_of(char *path, size_t len, const char *name)
{
    const char *shared = getenv("SLUICE_SHARED");
    (void)snprintf(path, len, "%s/parity/label_transfer_pbmc1k/%s", shared ? shared : "../shared",
                   name);
}

static void load(npy *a, const char *name)
{
    char path[1100];
    path_of(path, sizeof path, name);
    assert_true(npy_read(a, "%s", path));
}

static sc_dense dense_of(const npy *a, int64_t n, int64_t d)
{
    sc_dense m = {n, d, malloc((size_t)(n * d) * sizeof(float))};
    assert_non_null(m.values);
    for (int64_t k = 0; k < n * d; k++)
        m.values[k] = (float)npy_at(a, (size_t)k);
    return m;
}

/* Query cells of pbmc1k: the rule of scArches to 1e-6, and the other two about as right. */
static void test_pbmc(void **state)
{
    (void)state;
    enum { REF = 1860, QUERY = 1000, WIDE = 10, CLASSES = 9 };
    npy x, q, labels, truth, probs, label;
    char path[1100];
    path_of(path, sizeof path, "case.json");
    FILE *f = fopen(path, "r");
    if (!f)
        skip();
    fclose(f);
    load(&x, "input/ref_latent.npy");
    load(&q, "input/query_latent.npy");
    load(&labels, "input/ref_labels.npy");
    load(&truth, "input/query_true_labels.npy");
    load(&probs, "expected/label_probs.f64.npy");
    load(&label, "expected/label.npy");
    sc_labelled ref = {dense_of(&x, REF, WIDE), malloc(REF * sizeof(int32_t)), CLASSES};
    sc_dense query = dense_of(&q, QUERY, WIDE);
    assert_non_null(ref.class);
    for (int64_t i = 0; i < REF; i++)
        ref.class[i] = (int32_t)npy_at(&labels, (size_t)i);
    for (method how = KNN; how <= NETWORK; how++) {
        float *p = transfer(how, &ref, &query, how == KNN ? 50 : 100, 2);
        int64_t right = 0;
        for (int64_t k = 0; k < QUERY * CLASSES && how == KNN; k++)
            assert_true(fabs((double)p[k] - npy_at(&probs, (size_t)k)) < 1e-6);
        for (int64_t i = 0; i < QUERY; i++) {
            const int64_t c = best(p + i * CLASSES, CLASSES);
            assert_true(how != KNN || c == (int64_t)npy_at(&label, (size_t)i));
            right += c == (int64_t)npy_at(&truth, (size_t)i);
        }
        assert_true(right >= 950);
        free(p);
    }
    sc_dense_free(&ref.x);
    free(ref.class);
    sc_dense_free(&query);
    npy *all[] = {&x, &q, &labels, &truth, &probs, &label};
    for (int k = 0; k < 6; k++)
        npy_free(all[k]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_methods),
                                       cmocka_unit_test(test_degenerate),
                                       cmocka_unit_test(test_pbmc)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
