#include "npy.h"
#include "sc_fuzzy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Cells in clumps, some of them twice: distances that tie and distances of zero. */
static sc_dense make(int64_t n, int64_t d)
{
    sc_dense m = {n, d, malloc((size_t)(n * d) * sizeof(float))};
    uint32_t s = 7;
    assert_non_null(m.values);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < d; k++) {
            s = s * 1664525U + 1013904223U;
            m.values[i * d + k] = i % 11 == 10
                                      ? m.values[(i - 10) * d + k]
                                      : (float)(s >> 8) * 0x1p-24F + (float)(i % 7 * 3 + 1);
        }
    return m;
}

static sc_knn find(const sc_dense *ref, const sc_dense *query, int k, sc_metric metric,
                   int n_threads, const char *isa)
{
    sc_err err = {0};
    sc_pool *pool = NULL;
    sc_knn knn = {0};
    assert_int_equal(sc_pool_new(&pool, n_threads, &err), SC_OK);
    const sc_kernels *kernels = sc_kernels_get(isa);
    assert_int_equal(sc_knn_find(&knn, ref, query, k, metric, pool,
                                 kernels ? kernels : sc_kernels_get(NULL), &err),
                     SC_OK);
    sc_pool_free(pool);
    return knn;
}

static double distance(const sc_dense *a, int64_t i, const sc_dense *b, int64_t j, sc_metric metric)
{
    double dot = 0, aa = 0, bb = 0, dd = 0;
    for (int64_t k = 0; k < a->n_cols; k++) {
        const double x = (double)a->values[i * a->n_cols + k];
        const double y = (double)b->values[j * b->n_cols + k];
        dot += x * y;
        aa += x * x;
        bb += y * y;
        dd += (x - y) * (x - y);
    }
    return metric == SC_EUCLIDEAN ? sqrt(dd) : fmax(0, 1 - dot / sqrt(aa * bb));
}

/* Each neighbor is as near as said, they are in order, and no other is nearer than the last. */
static void check(const sc_dense *ref, const sc_dense *query, const sc_knn *x, sc_metric metric)
{
    const sc_dense *q = query ? query : ref;
    assert_int_equal(x->n_rows, q->n_rows);
    for (int64_t i = 0; i < q->n_rows; i++) {
        const int32_t *index = x->index + i * x->k;
        const double *dist = x->dist + i * x->k;
        int64_t n_nearer = 0;
        if (!query)
            assert_int_equal(index[0], i);
        for (int j = 0; j < x->k; j++) {
            assert_true(fabs(dist[j] - distance(q, i, ref, index[j], metric)) < 1e-12);
            if (j > (query ? 0 : 1))
                assert_true(dist[j - 1] < dist[j] ||
                            (dist[j - 1] == dist[j] && index[j - 1] < index[j]));
        }
        for (int64_t j = 0; j < ref->n_rows; j++)
            n_nearer += distance(q, i, ref, j, metric) < dist[x->k - 1] - 1e-12;
        assert_true(n_nearer < x->k);
    }
}

static void test_brute(void **state)
{
    (void)state;
    sc_dense ref = make(1500, 6), query = make(200, 6);
    for (int64_t k = 0; k < query.n_rows * query.n_cols; k++)
        query.values[k] += 0.25F;
    for (int metric = SC_EUCLIDEAN; metric <= SC_COSINE; metric++) {
        sc_knn a = find(&ref, NULL, 15, (sc_metric)metric, 2, NULL);
        check(&ref, NULL, &a, (sc_metric)metric);
        sc_knn_free(&a);
        a = find(&ref, &query, 9, (sc_metric)metric, 2, NULL);
        check(&ref, &query, &a, (sc_metric)metric);
        sc_knn_free(&a);
    }
    sc_dense_free(&ref);
    sc_dense_free(&query);
}

/* Far from the origin, where floats hold little: results are those of doubles all the same. */
static void test_far(void **state)
{
    (void)state;
    sc_dense ref = make(600, 4);
    for (int64_t k = 0; k < ref.n_rows * ref.n_cols; k++)
        ref.values[k] += k % 4 ? 4096 : -65536;
    sc_knn a = find(&ref, NULL, 12, SC_EUCLIDEAN, 1, NULL);
    check(&ref, NULL, &a, SC_EUCLIDEAN);
    sc_knn_free(&a);
    sc_dense_free(&ref);
}

static void test_same_bits(void **state)
{
    (void)state;
    static const char *const isas[] = {"base", "avx2", "avx512"};
    sc_dense ref = make(3000, 10);
    sc_knn a = find(&ref, NULL, 15, SC_EUCLIDEAN, 1, "base");
    for (int t = 0; t < 3; t++) {
        sc_knn b = find(&ref, NULL, 15, SC_EUCLIDEAN, t + 1, isas[t]);
        assert_memory_equal(a.index, b.index, 3000 * 15 * sizeof *a.index);
        assert_memory_equal(a.dist, b.dist, 3000 * 15 * sizeof *a.dist);
        sc_knn_free(&b);
    }
    sc_knn_free(&a);
    sc_dense_free(&ref);
}

/* All cells alike: everything ties, and the first ones are taken. */
static void test_all_equal(void **state)
{
    (void)state;
    sc_dense ref = make(700, 3);
    for (int64_t k = 0; k < ref.n_rows * ref.n_cols; k++)
        ref.values[k] = 2;
    sc_knn a = find(&ref, NULL, 5, SC_EUCLIDEAN, 2, NULL);
    for (int64_t i = 5; i < 700; i++) {
        assert_int_equal(a.index[i * 5], i);
        for (int j = 1; j < 5; j++)
            assert_int_equal(a.index[i * 5 + j], j - 1);
    }
    sc_csr graph = {0};
    sc_err err = {0};
    sc_pool *pool = NULL;
    assert_int_equal(sc_pool_new(&pool, 1, &err), SC_OK);
    assert_int_equal(sc_fuzzy_graph(&graph, &a, pool, &err), SC_OK);
    assert_true(graph.values[0] == 1);
    sc_csr_free(&graph);
    sc_pool_free(pool);
    sc_knn_free(&a);
    sc_dense_free(&ref);
}

static void test_refused(void **state)
{
    (void)state;
    sc_dense ref = make(20, 3);
    sc_err err = {0};
    sc_pool *pool = NULL;
    sc_knn a = {0};
    const sc_kernels *kernels = sc_kernels_get(NULL);
    assert_int_equal(sc_pool_new(&pool, 1, &err), SC_OK);
    assert_int_equal(sc_knn_find(&a, &ref, NULL, 21, SC_EUCLIDEAN, pool, kernels, &err), SC_EDATA);
    sc_knn_free(&a);
    ref.values[7] = NAN;
    assert_int_equal(sc_knn_find(&a, &ref, NULL, 3, SC_EUCLIDEAN, pool, kernels, &err), SC_EDATA);
    assert_non_null(strstr(err.msg, "row 2"));
    sc_knn_free(&a);
    memset(ref.values, 0, 3 * 20 * sizeof(float));
    assert_int_equal(sc_knn_find(&a, &ref, NULL, 3, SC_COSINE, pool, kernels, &err), SC_EDATA);
    assert_non_null(strstr(err.msg, "row 0"));
    sc_knn_free(&a);
    sc_pool_free(pool);
    sc_dense_free(&ref);
}

/* ../shared/parity/graph_pbmc1k: scanpy's neighbors and connectivities. */
static void check_case(const char *dir, const char *name, int k, sc_metric metric)
{
    npy latent, index, dist, indptr, indices, data;
    const char *m = metric == SC_COSINE ? "cosine" : "euclidean";
    assert_true(npy_read(&latent, "%s/input/latent.npy", dir));
    assert_true(npy_read(&index, "%s/expected/knn20_%s_idx.npy", dir, m));
    assert_true(npy_read(&dist, "%s/expected/knn20_%s_dist.npy", dir, m));
    assert_true(npy_read(&indptr, "%s/expected/conn_%s_indptr.npy", dir, name));
    assert_true(npy_read(&indices, "%s/expected/conn_%s_indices.npy", dir, name));
    assert_true(npy_read(&data, "%s/expected/conn_%s_data.npy", dir, name));
    const sc_dense ref = {(int64_t)latent.dims[0], (int64_t)latent.dims[1], latent.f32};
    sc_knn x = find(&ref, NULL, k, metric, 2, NULL);
    for (int64_t i = 0; i < ref.n_rows; i++)
        for (int j = 0; j < k; j++) {
            const double want = (double)dist.f32[i * 20 + j];
            const double gap = metric == SC_COSINE ? 1e-4 : 1e-6;
            assert_true(fabs(x.dist[i * k + j] - want) <= 1e-6 * (1 + want));
            if (x.index[i * k + j] != index.i32[i * 20 + j]) /* a swap of what nearly ties */
                assert_true(fabs(distance(&ref, i, &ref, index.i32[i * 20 + j], metric) - want) <=
                            gap * want);
        }
    sc_csr graph = {0};
    sc_err err = {0};
    sc_pool *pool = NULL;
    assert_int_equal(sc_pool_new(&pool, 2, &err), SC_OK);
    assert_int_equal(sc_fuzzy_graph(&graph, &x, pool, &err), SC_OK);
    const double tolerance = metric == SC_COSINE ? 4e-5 : 1e-5;
    assert_int_equal(graph.indptr[ref.n_rows], data.n);
    for (size_t e = 0; e < data.n; e++) {
        assert_int_equal(graph.indices[e], indices.i32[e]);
        assert_true(fabs((double)graph.values[e] - (double)data.f32[e]) <= tolerance);
    }
    sc_csr_free(&graph);
    sc_pool_free(pool);
    sc_knn_free(&x);
    npy *const all[] = {&latent, &index, &dist, &indptr, &indices, &data};
    for (size_t a = 0; a < sizeof all / sizeof *all; a++)
        npy_free(all[a]);
}

static void test_parity(void **state)
{
    (void)state;
    char dir[1000];
    const char *shared = getenv("SLUICE_SHARED");
    (void)snprintf(dir, sizeof dir, "%s/parity/graph_pbmc1k", shared ? shared : "../shared");
    char path[1100];
    (void)snprintf(path, sizeof path, "%s/case.json", dir);
    FILE *f = fopen(path, "r");
    if (!f)
        skip();
    fclose(f);
    check_case(dir, "k15_euclidean", 15, SC_EUCLIDEAN);
    check_case(dir, "k20_euclidean", 20, SC_EUCLIDEAN);
    check_case(dir, "k15_cosine", 15, SC_COSINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_brute),     cmocka_unit_test(test_far),
        cmocka_unit_test(test_same_bits), cmocka_unit_test(test_all_equal),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_parity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
