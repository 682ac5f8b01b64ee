#include "sc_leiden.h"
#include "sc_philox.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SMALL = 8, LARGE = 600 };

/* A symmetric graph from a full matrix of weights. */
static sc_csr graph_of(const float *w, int n)
{
    sc_csr m = {.n_rows = n, .n_cols = n};
    m.indptr = calloc((size_t)n + 1, sizeof *m.indptr);
    m.indices = calloc((size_t)(n * n), sizeof *m.indices);
    m.values = calloc((size_t)(n * n), sizeof *m.values);
    for (int i = 0; i < n; i++) {
        int64_t at = m.indptr[i];
        for (int j = 0; j < n; j++)
            if (w[i * n + j] != 0) {
                m.indices[at] = j;
                m.values[at++] = w[i * n + j];
            }
        m.indptr[i + 1] = at;
    }
    return m;
}

static double quality_of(const float *w, int n, const int32_t *of, double resolution)
{
    double all = 0, sum = 0, *k = calloc((size_t)n, sizeof *k);
    for (int i = 0; i < n * n; i++) {
        all += (double)w[i];
        k[i / n] += (double)w[i];
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            if (of[i] == of[j])
                sum += (double)w[i * n + j] - resolution * k[i] * k[j] / all;
    free(k);
    return sum / all;
}

static void draw_graph(sc_rng *rng, float *w, int n, double share)
{
    memset(w, 0, (size_t)(n * n) * sizeof *w);
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++)
            if (sc_rng_uniform(rng) < share)
                w[i * n + j] = w[j * n + i] = (float)(0.1 + sc_rng_uniform(rng));
}

/* The best of all ways to divide the nodes from `at` on, the others given. */
static double best_of_all(const float *w, int32_t *of, int at, int n_clusters, double resolution)
{
    double best = -2;
    if (at == SMALL)
        return quality_of(w, SMALL, of, resolution);
    for (int c = 0; c <= n_clusters; c++) {
        of[at] = c;
        best = fmax(best, best_of_all(w, of, at + 1, n_clusters + (c == n_clusters), resolution));
    }
    return best;
}

static void test_best(void **state)
{
    (void)state;
    sc_rng rng = sc_rng_new((sc_key){7, 0, 0, 0});
    int n_best = 0;
    for (int g = 0; g < 30; g++) {
        float w[SMALL * SMALL];
        int32_t of[SMALL] = {0};
        double found = -2;
        sc_err err = {0};
        draw_graph(&rng, w, SMALL, 0.45);
        w[1] = w[SMALL] = 0.5f; /* never empty */
        sc_csr m = graph_of(w, SMALL);
        for (uint64_t seed = 0; seed < 5; seed++) {
            const sc_leiden_opts o = {1, 0.01, -1, seed};
            sc_clusters c;
            assert_int_equal(sc_leiden(&c, &m, &o, &err), SC_OK);
            assert_true(fabs(c.quality - quality_of(w, SMALL, c.of, 1)) < 1e-6);
            found = fmax(found, c.quality);
            sc_clusters_free(&c);
        }
        const double best = best_of_all(w, of, 0, 0, 1);
        assert_true(found <= best + 1e-6);
        n_best += found > best - 1e-6;
        sc_csr_free(&m);
    }
    assert_true(n_best >= 29);
}

static int reach(const float *w, int n, const int32_t *of, int from, bool *is_seen)
{
    int count = 1;
    is_seen[from] = true;
    for (int j = 0; j < n; j++)
        if (w[from * n + j] > 0 && of[j] == of[from] && !is_seen[j])
            count += reach(w, n, of, j, is_seen);
    return count;
}

/* What the algorithm is for: clusters hang together, and none but the largest has number 0. */
static void test_connected(void **state)
{
    (void)state;
    sc_rng rng = sc_rng_new((sc_key){8, 0, 0, 0});
    float *w = calloc((size_t)LARGE * LARGE, sizeof *w);
    draw_graph(&rng, w, LARGE, 3.0 / LARGE);
    sc_csr m = graph_of(w, LARGE);
    for (int64_t rounds = -1; rounds < 3; rounds += rounds < 0 ? 2 : 1) {
        const sc_leiden_opts o = {1.5, 0.01, rounds, 3};
        sc_clusters c, again;
        sc_err err = {0};
        int size[LARGE] = {0};
        bool is_seen[LARGE] = {false}, is_known[LARGE] = {false};
        assert_int_equal(sc_leiden(&c, &m, &o, &err), SC_OK);
        assert_int_equal(sc_leiden(&again, &m, &o, &err), SC_OK);
        assert_memory_equal(c.of, again.of, LARGE * sizeof *c.of);
        for (int i = 0; i < LARGE; i++) {
            assert_in_range(c.of[i], 0, c.n - 1);
            size[c.of[i]]++;
        }
        for (int i = 0; i < LARGE; i++)
            if (!is_known[c.of[i]]) {
                is_known[c.of[i]] = true;
                assert_int_equal(reach(w, LARGE, c.of, i, is_seen), size[c.of[i]]);
            }
        for (int k = 1; k < c.n; k++)
            assert_in_range(size[k], 1, size[k - 1]);
        assert_true(fabs(c.quality - quality_of(w, LARGE, c.of, 1.5)) < 1e-5);
        sc_clusters_free(&c);
        sc_clusters_free(&again);
    }
    sc_csr_free(&m);
    free(w);
}

static void test_corners(void **state)
{
    (void)state;
    float w[16] = {0};
    sc_leiden_opts o = {1, 0.01, -1, 0};
    sc_clusters c;
    sc_err err = {0};
    sc_csr m = graph_of(w, 4); /* no edge: each for itself */
    assert_int_equal(sc_leiden(&c, &m, &o, &err), SC_OK);
    assert_int_equal(c.n, 4);
    assert_int_equal(c.of[3], 3);
    sc_clusters_free(&c);
    sc_csr_free(&m);
    w[1] = w[4] = w[11] = w[14] = 1;
    w[0] = w[5] = 9; /* the diagonal counts nowhere */
    m = graph_of(w, 4);
    o.resolution = 0; /* no chance: what hangs together is one */
    assert_int_equal(sc_leiden(&c, &m, &o, &err), SC_OK);
    assert_int_equal(c.n, 2);
    assert_true(c.of[0] == 0 && c.of[1] == 0 && c.of[2] == 1 && c.of[3] == 1);
    sc_clusters_free(&c);
    o.resolution = 1e6; /* nothing but chance */
    assert_int_equal(sc_leiden(&c, &m, &o, &err), SC_OK);
    assert_int_equal(c.n, 4);
    sc_clusters_free(&c);
    static const float wrong[] = {-1, NAN, INFINITY};
    for (int k = 0; k < 3; k++) {
        m.values[m.indptr[2]] = wrong[k];
        assert_int_equal(sc_leiden(&c, &m, &o, &err), SC_EDATA);
        assert_non_null(strstr(err.msg, "row 2 of the graph has the weight"));
        sc_clusters_free(&c);
    }
    sc_csr_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_best),
        cmocka_unit_test(test_connected),
        cmocka_unit_test(test_corners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
