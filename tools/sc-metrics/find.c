#include "metrics.h"

#include "sc_fuzzy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of scib-metrics: neighbors for LISI, of which the cell itself is one; for kBET; for graphs. */
enum { LISI_NEIGHBORS = 90, PERPLEXITY = 30, KBET_NEIGHBORS = 50, GRAPH_NEIGHBORS = 15 };
static const double kbet_level = 0.05, bio_weight = 0.6;

static void put(metrics *m, const char *name, double value)
{
    m->name[m->n] = name;
    m->value[m->n++] = value;
}

static double mean(const double *v, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += v[i];
    return sum / (double)n;
}

static double clamp(double x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

/* Median LISI as a share of the way from one group to all. */
static sc_status scaled_lisi(const double *lisi, const sc_codes *groups, double *out, sc_err *err)
{
    double *sorted = NULL;
    SC_TRY(sc_alloc(&sorted, (size_t)groups->n, sizeof *sorted, err));
    memcpy(sorted, lisi, (size_t)groups->n * sizeof *sorted);
    *out = (sc_metric_median(sorted, groups->n) - 1) / (groups->n_groups - 1);
    free(sorted);
    return SC_OK;
}

static sc_status find_silhouettes(metrics *m, const metrics_opts *o, sc_pool *pool, sc_err *err)
{
    const int64_t n = m->rep.n_rows;
    const sc_codes *labels = &m->labels.codes, *batches = &m->batches.codes;
    double value, *by_label = NULL;
    if (!labels->n)
        return SC_OK;
    SC_TRY(sc_alloc(&m->silhouette, (size_t)n, sizeof *m->silhouette, err));
    SC_TRY(sc_metric_silhouette(&m->rep, NULL, n, labels, SC_EUCLIDEAN, false, m->silhouette, pool,
                                err));
    put(m, "asw_label", (mean(m->silhouette, n) + 1) / 2);
    if (!batches->n || o->per_cell)
        return SC_OK;
    SC_TRY(sc_metric_isolated(m->silhouette, labels, batches, &value, err));
    put(m, "isolated_labels_asw", value);
    SC_TRY(sc_alloc(&by_label, (size_t)labels->n_groups, sizeof *by_label, err));
    sc_status st =
        sc_metric_asw_batch(&m->rep, labels, batches, false, by_label, &value, pool, err);
    put(m, "asw_batch", value);
    if (st == SC_OK)
        st = sc_metric_asw_batch(&m->rep, labels, batches, true, by_label, &value, pool, err);
    put(m, "bras", value);
    free(by_label);
    return st;
}

/* The first of the neighbors as graphs: as they are, and UMAP's. */
static sc_status find_connectivity(metrics *m, const sc_knn *knn, sc_pool *pool, sc_err *err)
{
    const int64_t n = knn->n_rows;
    sc_knn near = {.n_rows = n, .k = GRAPH_NEIGHBORS};
    sc_csr directed = {.n_rows = n, .n_cols = n}, fuzzy = {0};
    double value;
    sc_status st;
    SC_GOTO(st, sc_alloc(&near.index, (size_t)(n * near.k), sizeof *near.index, err), out);
    SC_GOTO(st, sc_alloc(&near.dist, (size_t)(n * near.k), sizeof *near.dist, err), out);
    SC_GOTO(st, sc_alloc(&directed.indptr, (size_t)n + 1, sizeof *directed.indptr, err), out);
    for (int64_t i = 0; i < n; i++) {
        memcpy(near.index + i * near.k, knn->index + i * knn->k,
               (size_t)near.k * sizeof *near.index);
        memcpy(near.dist + i * near.k, knn->dist + i * knn->k, (size_t)near.k * sizeof *near.dist);
        directed.indptr[i + 1] = (i + 1) * near.k;
    }
    directed.indices = near.index; /* lent */
    SC_GOTO(st, sc_metric_connectivity(&directed, &m->labels.codes, &value, err), out);
    put(m, "graph_connectivity", value);
    SC_GOTO(st, sc_fuzzy_graph(&fuzzy, &near, pool, err), out);
    SC_GOTO(st, sc_metric_connectivity(&fuzzy, &m->labels.codes, &value, err), out);
    put(m, "graph_connectivity_umap", value);
out:
    free(directed.indptr);
    sc_csr_free(&fuzzy);
    sc_knn_free(&near);
    return st;
}

static sc_status find_mixing(metrics *m, const sc_knn *knn, sc_err *err)
{
    const sc_codes *batches = &m->batches.codes;
    const size_t n = (size_t)knn->n_rows;
    double value, passed = 0;
    SC_TRY(sc_alloc(&m->lisi_batch, n, sizeof *m->lisi_batch, err));
    SC_TRY(sc_alloc(&m->chi2, n, sizeof *m->chi2, err));
    SC_TRY(sc_alloc(&m->p, n, sizeof *m->p, err));
    sc_metric_lisi(knn, batches, PERPLEXITY, m->lisi_batch);
    SC_TRY(scaled_lisi(m->lisi_batch, batches, &value, err));
    put(m, "ilisi", value);
    SC_TRY(sc_metric_kbet(knn, KBET_NEIGHBORS, batches, m->chi2, m->p, err));
    for (size_t i = 0; i < n; i++)
        passed += m->p[i] >= kbet_level;
    put(m, "kbet_acceptance", passed / (double)n);
    return SC_OK;
}

static sc_status find_neighborhoods(metrics *m, const metrics_opts *o, sc_pool *pool, sc_err *err)
{
    const sc_codes *labels = &m->labels.codes;
    const size_t n = (size_t)m->rep.n_rows;
    sc_knn knn = {0};
    double value;
    sc_status st;
    if (m->rep.n_rows < LISI_NEIGHBORS)
        return sc_fail(err, SC_EDATA, "there are %lld cells, and neighborhoods are of %d",
                       (long long)m->rep.n_rows, LISI_NEIGHBORS);
    SC_GOTO(st,
            sc_knn_find(&knn, &m->rep, NULL, LISI_NEIGHBORS, SC_EUCLIDEAN, pool,
                        sc_kernels_get(NULL), err),
            out);
    if (m->batches.codes.n)
        SC_GOTO(st, find_mixing(m, &knn, err), out);
    if (labels->n) {
        SC_GOTO(st, sc_alloc(&m->lisi_label, n, sizeof *m->lisi_label, err), out);
        sc_metric_lisi(&knn, labels, PERPLEXITY, m->lisi_label);
        SC_GOTO(st, scaled_lisi(m->lisi_label, labels, &value, err), out);
        put(m, "clisi", 1 - value);
        if (!o->per_cell)
            st = find_connectivity(m, &knn, pool, err);
    }
out:
    sc_knn_free(&knn);
    return st;
}

static sc_status find_pcr(metrics *m, sc_err *err)
{
    double before, after;
    SC_TRY(sc_metric_pcr(&m->rep, &m->batches.codes, &after, err));
    put(m, "pcr", after);
    if (!m->before.values)
        return SC_OK;
    SC_TRY(sc_metric_pcr(&m->before, &m->batches.codes, &before, err));
    put(m, "pcr_before", before);
    put(m, "pcr_comparison", before > 0 ? fmax(0, (before - after) / before) : 0);
    return SC_OK;
}

/* The mean of those of the names that were found. */
static double mean_of(const metrics *m, const char *const *names)
{
    double sum = 0;
    int n = 0;
    for (; *names; names++)
        for (int k = 0; k < m->n; k++)
            if (strcmp(m->name[k], *names) == 0 && !isnan(m->value[k])) {
                sum += clamp(m->value[k]);
                n++;
            }
    return n ? sum / n : NAN;
}

static void put_totals(metrics *m)
{
    static const char *const bio[] = {"ari",   "nmi", "asw_label", "isolated_labels_asw",
                                      "clisi", NULL};
    static const char *const batch[] = {"asw_batch",          "ilisi",          "kbet_acceptance",
                                        "graph_connectivity", "pcr_comparison", NULL};
    const bool has_both = m->labels.codes.n && m->batches.codes.n;
    const double b = mean_of(m, bio), c = mean_of(m, batch);
    if (m->labels.codes.n)
        put(m, "bio_conservation", b);
    if (m->batches.codes.n)
        put(m, "batch_correction", c);
    if (has_both)
        put(m, "total", bio_weight * b + (1 - bio_weight) * c);
}

sc_status metrics_find(metrics *m, const metrics_opts *o, sc_pool *pool, sc_err *err)
{
    double value;
    if (o->cluster_key) {
        SC_TRY(sc_metric_ari(&m->clusters.codes, &m->labels.codes, &value, err));
        put(m, "ari", value);
        SC_TRY(sc_metric_nmi(&m->clusters.codes, &m->labels.codes, &value, err));
        put(m, "nmi", value);
    }
    SC_TRY(find_silhouettes(m, o, pool, err));
    SC_TRY(find_neighborhoods(m, o, pool, err));
    if (o->per_cell)
        return SC_OK;
    if (o->batch_key)
        SC_TRY(find_pcr(m, err));
    put_totals(m);
    return SC_OK;
}
