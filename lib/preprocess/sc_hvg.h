/*
 * Highly variable genes, as scanpy names and selects them.
 *
 * The statistics take blocks of rows, so the matrix need not fit in memory: one pass fills sc_hvg;
 * the count flavors then fit their clip values and take a second pass; sc_hvg_select ends it. All
 * sums are doubles and run in the order of the rows, which makes the sums over counts exact.
 * Sources: Stuart et al. 2019, Cell 177:1888 (seurat_v3); Satija et al. 2015, Nat Biotechnol 33:495
 * (seurat); Zheng et al. 2017, Nat Commun 8:14049 (cell_ranger).
 */
#ifndef SC_HVG_H
#define SC_HVG_H

#include "sc_rows.h"

typedef enum sc_hvg_flavor {
    SC_HVG_SEURAT_V3,
    SC_HVG_SEURAT_V3_PAPER,
    SC_HVG_SEURAT,
    SC_HVG_CELL_RANGER
} sc_hvg_flavor;

static inline bool sc_hvg_takes_counts(sc_hvg_flavor f)
{
    return f == SC_HVG_SEURAT_V3 || f == SC_HVG_SEURAT_V3_PAPER;
}

typedef struct sc_hvg_opts {
    sc_hvg_flavor flavor;
    int64_t n_top;   /* 0: the limits below decide (seurat, cell_ranger) */
    double span;     /* of the loess fit */
    int64_t n_bins;  /* seurat */
    double log_base; /* of seurat's log data; 0: e */
    bool is_batched; /* a batch key was given, if only with one value */
    double min_mean, max_mean, min_disp, max_disp; /* exclusive */
} sc_hvg_opts;

typedef struct sc_hvg {
    sc_hvg_opts opts;
    int64_t n_vars;
    int n_batches;
    int64_t *n_obs;                       /* n_batches */
    double *sum, *sum_sq;                 /* n_batches x n_vars */
    double *mean, *sd, *clip;             /* n_batches x n_vars, after sc_hvg_fit */
    double *clipped_sum, *clipped_sum_sq; /* n_batches x n_vars, the second pass */
} sc_hvg;

/* What was found, n_vars each; arrays that the flavor does not have are NULL. NaN is missing. */
typedef struct sc_hvg_result {
    int64_t n_vars, n_selected;
    uint8_t *is_highly_variable;
    double *means;
    double *variances, *variances_norm, *rank; /* count flavors; rank: 0 is the most variable */
    double *dispersions, *dispersions_norm;    /* the others */
    int64_t *n_batches;                        /* highly_variable_nbatches, batched only */
    uint8_t *is_in_all;                        /* highly_variable_intersection, batched others */
} sc_hvg_result;

/* s is zeroed first. */
void sc_hvg_init(sc_hvg *s, const sc_hvg_opts *opts, int64_t n_vars);
void sc_hvg_free(sc_hvg *s);

/* Makes room for batches 0 .. n_batches - 1; those that are there stay. */
sc_status sc_hvg_grow(sc_hvg *s, int n_batches, sc_err *err) SC_MUST_CHECK;
/* First pass: rows of finite values >= 0; batch (n_rows) in 0 .. n_batches - 1, NULL: all 0. */
void sc_hvg_add(sc_hvg *s, const sc_rows *x, const int32_t *batch);
/* Count flavors: the loess fit of each batch. SC_EDATA, with the batch's name, where a batch has
 * fewer than 2 cells or too few genes that vary; batch_names may be NULL. */
sc_status sc_hvg_fit(sc_hvg *s, const sc_strs *batch_names, sc_err *err) SC_MUST_CHECK;
/* Count flavors, second pass: the same rows again. */
void sc_hvg_add_clipped(sc_hvg *s, const sc_rows *x, const int32_t *batch);

/* Ends it: r is newly made. Genes that tie stand in their own order. SC_EDATA where nothing can be
 * ranked. */
sc_status sc_hvg_select(const sc_hvg *s, sc_hvg_result *r, sc_err *err) SC_MUST_CHECK;
void sc_hvg_result_free(sc_hvg_result *r);

/* The parts of sc_hvg_select for count flavors and for the others. */
sc_status sc_hvg_select_counts(const sc_hvg *s, sc_hvg_result *r, sc_err *err) SC_MUST_CHECK;
sc_status sc_hvg_select_log(const sc_hvg *s, sc_hvg_result *r, sc_err *err) SC_MUST_CHECK;

/* Sample variance (n - 1) from sums; n = 1 gives the population's. */
static inline double sc_hvg_variance(int64_t n, double sum, double sum_sq)
{
    const double mean = sum / (double)n, v = sum_sq / (double)n - mean * mean;
    return n > 1 ? v * ((double)n / (double)(n - 1)) : v;
}

/* A gene and the keys it is sorted by, largest first; NaN comes last, then the gene's own order. */
typedef struct sc_hvg_key {
    double a, b;
    int64_t j;
} sc_hvg_key;
void sc_hvg_sort(sc_hvg_key *keys, int64_t n);
/* Marks the first n_top of the sorted keys. */
void sc_hvg_take_top(const sc_hvg_key *keys, int64_t n_top, sc_hvg_result *r);

#endif
