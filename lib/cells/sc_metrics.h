/*
 * How well an integration keeps cell types apart and mixes batches, with the definitions of scIB
 * and scib-metrics. A group (cluster, label, batch) is a code 0 .. n_groups - 1 of each cell; every
 * value is in double, and does not depend on the number of threads.
 * Source: Luecken et al. 2022, Nat Methods 19:41.
 */
#ifndef SC_METRICS_H
#define SC_METRICS_H

#include "sc_knn.h"

enum { SC_METRIC_MAX_NEIGHBORS = 256 };

typedef struct sc_codes {
    int64_t n;
    int n_groups;
    const int32_t *code; /* n, lent; each group has a cell */
} sc_codes;

/* Adjusted Rand index; 1 where both are the same partition. SC_ENOMEM only, here and below, unless
 * it says more. */
sc_status sc_metric_ari(const sc_codes *a, const sc_codes *b, double *out,
                        sc_err *err) SC_MUST_CHECK;
/* Mutual information over the arithmetic mean of the entropies; 1 where both are one group. */
sc_status sc_metric_nmi(const sc_codes *a, const sc_codes *b, double *out,
                        sc_err *err) SC_MUST_CHECK;

/*
 * Silhouettes (b - a) / max(a, b) of n rows of x among themselves: a is the mean distance to the
 * others of a row's group, b that to the nearest other group, or, if pools_others, to all rows of
 * other groups at once. 0 for a group of one. out: n, in the order of `rows`; rows NULL: all.
 */
sc_status sc_metric_silhouette(const sc_dense *x, const int64_t *rows, int64_t n,
                               const sc_codes *groups, sc_metric metric, bool pools_others,
                               double *out, sc_pool *pool, sc_err *err) SC_MUST_CHECK;

/*
 * Of each label with more than one batch, and not as many as cells, the mean of 1 - |silhouette| of
 * its batches; by_label (n_groups of labels) is NaN for the others, *mean is over those that have
 * one (NaN if none has). is_bras: cosine distances, and all other batches at once.
 */
sc_status sc_metric_asw_batch(const sc_dense *x, const sc_codes *labels, const sc_codes *batches,
                              bool is_bras, double *by_label, double *mean, sc_pool *pool,
                              sc_err *err) SC_MUST_CHECK;
/* Mean over the labels found in the fewest batches of the mean of (silhouette + 1) / 2; silhouette
 * is that of the labels, one a cell. */
sc_status sc_metric_isolated(const double *silhouette, const sc_codes *labels,
                             const sc_codes *batches, double *out, sc_err *err) SC_MUST_CHECK;

/*
 * Local inverse Simpson index of each cell (out: n): the groups of its neighbors, weighted so that
 * their perplexity is that given. The cell itself, the first of its neighbors, counts for nothing.
 * knn->k is at most SC_METRIC_MAX_NEIGHBORS.
 */
void sc_metric_lisi(const sc_knn *knn, const sc_codes *groups, double perplexity, double *out);
double sc_metric_median(double *values, int64_t n); /* sorts them */

/* kBET: chi-square of the batches of a cell's first k neighbors, itself among them, against those
 * of all cells, and its p-value (chi2, p: n each). */
sc_status sc_metric_kbet(const sc_knn *knn, int k, const sc_codes *batches, double *chi2, double *p,
                         sc_err *err) SC_MUST_CHECK;
/* The mean over labels of the share of the label's cells in the largest strongly connected part of
 * its own graph. */
sc_status sc_metric_connectivity(const sc_csr *graph, const sc_codes *labels, double *out,
                                 sc_err *err) SC_MUST_CHECK;
/* The share of the variance of x that the batches explain: what a regression of all its principal
 * components on the batch does, weighted by their variances. */
sc_status sc_metric_pcr(const sc_dense *x, const sc_codes *batches, double *out,
                        sc_err *err) SC_MUST_CHECK;

#endif
