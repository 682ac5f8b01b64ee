#include "npy.h"
#include "sc_fuzzy.h"
#include "sc_metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NEIGHBORS = 90, GRAPH = 15, KBET = 50, PERPLEXITY = 30 };
static const double tolerance = 1e-6;

static const char *folder(void)
{
    static char dir[1000];
    const char *shared = getenv("SLUICE_SHARED");
    (void)snprintf(dir, sizeof dir, "%s/parity/metrics_pbmc1k", shared ? shared : "../shared");
    return dir;
}

/* Column f64 of scalars.tsv. */
static double wanted(const char *rep, const char *name)
{
    char path[1100], line[300], key[100];
    double value = NAN;
    (void)snprintf(path, sizeof path, "%s/scalars.tsv", folder());
    (void)snprintf(key, sizeof key, "%s.%s\t", rep, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (isnan(value) && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0)
            value = strtod(line + strlen(key), NULL);
    fclose(f);
    if (isnan(value))
        fail_msg("scalars.tsv has no %s.%s", rep, name);
    return value;
}

static void is_wanted(double value, const char *rep, const char *name)
{
    if (fabs(value - wanted(rep, name)) > tolerance)
        fail_msg("%s.%s is %.9g instead of %.9g", rep, name, value, wanted(rep, name));
}

typedef struct cells {
    npy rep, labels, batch, clusters;
    sc_dense x;
    sc_codes by_label, by_batch, by_cluster;
    sc_pool *pool;
    sc_knn knn;
    double *a, *b; /* a value a cell */
} cells;

static sc_codes codes_of(const npy *a)
{
    sc_codes c = {(int64_t)a->n, 0, a->i32};
    for (size_t i = 0; i < a->n; i++)
        c.n_groups = a->i32[i] >= c.n_groups ? a->i32[i] + 1 : c.n_groups;
    return c;
}

static void open_cells(cells *c, const char *rep)
{
    sc_err err = {0};
    memset(c, 0, sizeof *c);
    assert_true(npy_read(&c->rep, "%s/input/%s.npy", folder(), rep));
    assert_true(npy_read(&c->labels, "%s/input/labels.npy", folder()));
    assert_true(npy_read(&c->batch, "%s/input/batch.npy", folder()));
    assert_true(npy_read(&c->clusters, "%s/input/clusters.npy", folder()));
    c->x = (sc_dense){(int64_t)c->rep.dims[0], (int64_t)c->rep.dims[1], c->rep.f32};
    c->by_label = codes_of(&c->labels);
    c->by_batch = codes_of(&c->batch);
    c->by_cluster = codes_of(&c->clusters);
    c->a = calloc((size_t)c->x.n_rows, sizeof *c->a);
    c->b = calloc((size_t)c->x.n_rows, sizeof *c->b);
    assert_int_equal(sc_pool_new(&c->pool, 2, &err), SC_OK);
    assert_int_equal(sc_knn_find(&c->knn, &c->x, NULL, NEIGHBORS, SC_EUCLIDEAN, c->pool,
                                 sc_kernels_get(NULL), &err),
                     SC_OK);
}

static void close_cells(cells *c)
{
    npy_free(&c->rep);
    npy_free(&c->labels);
    npy_free(&c->batch);
    npy_free(&c->clusters);
    sc_knn_free(&c->knn);
    sc_pool_free(c->pool);
    free(c->a);
    free(c->b);
}

static void are_wanted(const double *values, const char *rep, const char *file)
{
    npy want;
    if (strcmp(rep, "latent") != 0)
        return;
    assert_true(npy_read(&want, "%s/expected/%s.f64.npy", folder(), file));
    for (size_t i = 0; i < want.n; i++)
        assert_true(fabs(values[i] - want.f64[i]) <= tolerance * fmax(1, fabs(want.f64[i])));
    npy_free(&want);
}

static double mean(const double *values, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += values[i];
    return sum / (double)n;
}

static void check_silhouettes(cells *c, const char *rep)
{
    sc_err err = {0};
    double value, by_label[16];
    char name[40];
    assert_int_equal(sc_metric_silhouette(&c->x, NULL, c->x.n_rows, &c->by_label, SC_EUCLIDEAN,
                                          false, c->a, c->pool, &err),
                     SC_OK);
    are_wanted(c->a, rep, "silhouette");
    is_wanted((mean(c->a, c->x.n_rows) + 1) / 2, rep, "asw_label");
    assert_int_equal(sc_metric_isolated(c->a, &c->by_label, &c->by_batch, &value, &err), SC_OK);
    is_wanted(value, rep, "isolated_labels_asw");
    assert_int_equal(sc_metric_asw_batch(&c->x, &c->by_label, &c->by_batch, false, by_label, &value,
                                         c->pool, &err),
                     SC_OK);
    is_wanted(value, rep, "asw_batch");
    for (int l = 0; l < c->by_label.n_groups; l++) {
        (void)snprintf(name, sizeof name, "asw_batch_label%d", l);
        is_wanted(by_label[l], rep, name);
    }
    assert_int_equal(sc_metric_asw_batch(&c->x, &c->by_label, &c->by_batch, true, by_label, &value,
                                         c->pool, &err),
                     SC_OK);
    is_wanted(value, rep, "bras");
}

static void check_neighborhoods(cells *c, const char *rep)
{
    sc_err err = {0};
    const int64_t n = c->x.n_rows;
    sc_metric_lisi(&c->knn, &c->by_batch, PERPLEXITY, c->a);
    are_wanted(c->a, rep, "lisi_batch");
    is_wanted(mean(c->a, n), rep, "ilisi_mean");
    is_wanted(sc_metric_median(c->a, n), rep, "ilisi_median");
    sc_metric_lisi(&c->knn, &c->by_label, PERPLEXITY, c->a);
    are_wanted(c->a, rep, "lisi_label");
    is_wanted(mean(c->a, n), rep, "clisi_mean");
    is_wanted(sc_metric_median(c->a, n), rep, "clisi_median");
    assert_int_equal(sc_metric_kbet(&c->knn, KBET, &c->by_batch, c->a, c->b, &err), SC_OK);
    are_wanted(c->a, rep, "kbet_chi2");
    are_wanted(c->b, rep, "kbet_pvalue");
    is_wanted(mean(c->a, n), rep, "kbet_chi2_mean");
    double passed = 0;
    for (int64_t i = 0; i < n; i++)
        passed += c->b[i] >= 0.05;
    is_wanted(passed / (double)n, rep, "kbet_acceptance_k50");
}

static void check_graphs(cells *c, const char *rep)
{
    sc_err err = {0};
    sc_knn near = {0};
    sc_csr fuzzy = {0};
    double value;
    const int64_t n = c->x.n_rows;
    assert_int_equal(
        sc_knn_find(&near, &c->x, NULL, GRAPH, SC_EUCLIDEAN, c->pool, sc_kernels_get(NULL), &err),
        SC_OK);
    int64_t *indptr = calloc((size_t)n + 1, sizeof *indptr);
    for (int64_t i = 0; i <= n; i++)
        indptr[i] = i * GRAPH;
    const sc_csr directed = {n, n, indptr, near.index, NULL};
    assert_int_equal(sc_metric_connectivity(&directed, &c->by_label, &value, &err), SC_OK);
    is_wanted(value, rep, "graph_connectivity_knn15_strong");
    assert_int_equal(sc_fuzzy_graph(&fuzzy, &near, c->pool, &err), SC_OK);
    assert_int_equal(sc_metric_connectivity(&fuzzy, &c->by_label, &value, &err), SC_OK);
    is_wanted(value, rep, "graph_connectivity_umap15");
    free(indptr);
    sc_csr_free(&fuzzy);
    sc_knn_free(&near);
}

static void check_case(const char *rep)
{
    sc_err err = {0};
    cells c;
    double value;
    open_cells(&c, rep);
    check_silhouettes(&c, rep);
    check_neighborhoods(&c, rep);
    check_graphs(&c, rep);
    assert_int_equal(sc_metric_pcr(&c.x, &c.by_batch, &value, &err), SC_OK);
    is_wanted(value, rep, "pcr_after");
    if (strcmp(rep, "latent") == 0) {
        assert_int_equal(sc_metric_ari(&c.by_cluster, &c.by_label, &value, &err), SC_OK);
        is_wanted(value, rep, "ari");
        assert_int_equal(sc_metric_nmi(&c.by_cluster, &c.by_label, &value, &err), SC_OK);
        is_wanted(value, rep, "nmi");
    }
    close_cells(&c);
}

static void need_shared(void)
{
    char path[1100];
    (void)snprintf(path, sizeof path, "%s/scalars.tsv", folder());
    FILE *f = fopen(path, "r");
    if (!f)
        skip();
    fclose(f);
}

static void test_latent(void **state)
{
    (void)state;
    need_shared();
    check_case("latent");
}

static void test_pca(void **state)
{
    (void)state;
    need_shared();
    check_case("pca");
}

/* By hand: what the definitions say of cases at their edge. */
static void test_edges(void **state)
{
    (void)state;
    sc_err err = {0};
    sc_pool *pool = NULL;
    double value, s[5];
    const int32_t one[] = {0, 0, 0, 0}, two[] = {0, 0, 1, 1}, cross[] = {0, 1, 0, 1};
    const sc_codes a = {4, 1, one}, b = {4, 2, two}, c = {4, 2, cross};
    assert_int_equal(sc_metric_ari(&a, &a, &value, &err), SC_OK);
    assert_true(value == 1);
    assert_int_equal(sc_metric_nmi(&a, &a, &value, &err), SC_OK);
    assert_true(value == 1);
    assert_int_equal(sc_metric_ari(&b, &c, &value, &err), SC_OK);
    assert_true(fabs(value + 0.5) < 1e-15);
    assert_int_equal(sc_metric_nmi(&b, &c, &value, &err), SC_OK);
    assert_true(fabs(value) < 1e-15);

    assert_int_equal(sc_pool_new(&pool, 1, &err), SC_OK);
    float line[] = {0, 1, 10, 12, 30};
    const int32_t groups[] = {0, 0, 1, 1, 2};
    const sc_dense x = {5, 1, line};
    const sc_codes g = {5, 3, groups};
    assert_int_equal(sc_metric_silhouette(&x, NULL, 5, &g, SC_EUCLIDEAN, false, s, pool, &err),
                     SC_OK);
    assert_true(fabs(s[0] - (11 - 1) / 11.0) < 1e-15);
    assert_true(fabs(s[2] - (9.5 - 2) / 9.5) < 1e-15);
    assert_true(s[4] == 0);
    const int64_t rows[] = {3, 0, 1};
    assert_int_equal(sc_metric_silhouette(&x, rows, 3, &g, SC_EUCLIDEAN, true, s, pool, &err),
                     SC_OK);
    assert_true(s[0] == 0);
    assert_true(fabs(s[1] - (12 - 1) / 12.0) < 1e-15);
    sc_pool_free(pool);

    double odd[] = {3, 1, 2}, even[] = {4, 1, 3, 2};
    assert_true(sc_metric_median(odd, 3) == 2);
    assert_true(sc_metric_median(even, 4) == 2.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_latent),
        cmocka_unit_test(test_pca),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
