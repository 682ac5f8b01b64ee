/*
 * Float32 kernels, built once for each instruction set from lib/isa/ and chosen at run time. They
 * know of arrays only, run on the calling thread, and allocate nothing.
 *
 * Two promises. A row of an output depends on that row of the inputs only: neither on its position,
 * nor on how many rows come with it, nor on which vector lane it falls into (the sum over k runs in
 * the same order with the same fused operations for all). And an element-wise function gives the
 * same bits for the same value wherever it stands in the array: tails go through the same vector
 * code.
 */
#ifndef SC_KERNELS_H
#define SC_KERNELS_H

#include "sc_philox.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sc_adam_args {
    float lr, beta1, beta2, eps,
        weight_decay;         /* torch's Adam: coupled decay, eps after the bias correction */
    float correct1, correct2; /* 1 - beta1^t, sqrt(1 - beta2^t) */
} sc_adam_args;

/* A layer that takes counts (descend_genes below): what comes in (cells x n), its weights and their
 * moments (genes x n). */
typedef struct sc_gene_layer {
    const float *dy;
    float *p, *m, *v;
    const sc_adam_args *args;
} sc_gene_layer;

/* One cell through a decoder's head (head_row below). The outputs are never NULL. */
typedef struct sc_head_row {
    int64_t n, nnz;
    const int32_t *index; /* nnz, rising */
    const float *value;
    const float *logits;                    /* n: of the softmax */
    const float *theta, *inverse, *dropout; /* n: inverse is 1 / (theta + 1e-8); dropout NULL: NB */
    float library, scale;
    float *e;         /* n, scratch */
    float *d_logits;  /* n */
    float *d_dropout; /* n; ZINB */
    float *d_theta;   /* n, added to */
    float *d_library;
} sc_head_row;

/* One cell's proteins (mixture_row below), n each. The gradients are assigned; NULL: not wanted. */
typedef struct sc_mixture_row {
    int64_t n;
    const float *x;             /* counts */
    const float *mean1, *mean2; /* background, foreground; > 0 */
    const float *theta, *logit; /* shared inverse dispersion; logit of being background */
    const float *mask;          /* 0: not measured, counts as 0; NULL: all are */
    float *d_mean1, *d_mean2, *d_theta, *d_logit;
} sc_mixture_row;

/* Two products with the same rows, in one pass (thin_products below). */
enum { SC_THIN_D = 48, SC_THIN_COLUMNS = 128 };
typedef struct sc_thin_products {
    int rows, n, m, d; /* n at most SC_THIN_COLUMNS, m SC_THIN_D + 1, d SC_THIN_D */
    const float *y;    /* rows x n, ldy apart */
    int64_t ldy;
    const float *a; /* rows x m, lda apart */
    int64_t lda;
    float *p;       /* m rows SC_THIN_COLUMNS apart, n of each: A^T Y; what lies behind is lost */
    const float *b; /* d x n, ldb apart */
    int64_t ldb;
    float *q; /* rows x d: Y B^T, or that added */
    bool add;
} sc_thin_products;

typedef struct sc_hit {
    int32_t row, col;
    float value;
} sc_hit;

/* Sparse rows of which n columns are to be sorted (sort_marked below). */
typedef struct sc_marked {
    int64_t n, n_blocks;   /* of 16 rows each, the last one padded with empty ones */
    const uint16_t *marks; /* n_blocks x n, blocks ld apart: a bit for each row, the first lowest */
    int64_t ld;
    int32_t *next;      /* by row, padded too, aligned to 64 bytes: of its next entry, its place */
    int32_t n_places;   /* which are below this */
    int32_t first, end; /* where the entries go */
    int32_t *ptr;       /* n */
    int32_t *row, *place;
} sc_marked;

typedef struct sc_kernels {
    const char *isa; /* "avx512", "avx2", "base" */
    int width;       /* floats in a vector */

    /* C (m x n) = A B, or C += A B if add. All row-major with leading dimensions. */
    void (*gemm_nn)(int m, int n, int k, const float *a, int lda, const float *b, int ldb, float *c,
                    int ldc, bool add);
    /* C (m x n) = the row `from` (n) in each row, plus A B. */
    void (*gemm_nn_from)(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                         float *c, int ldc, const float *from);
    /* C (m x n) = A B^T: B is n x k. Row-independent too. */
    void (*gemm_nt)(int m, int n, int k, const float *a, int lda, const float *b, int ldb, float *c,
                    int ldc, bool add);
    /* C (m x n) = A^T B: A is k x m, B is k x n; for weight gradients, k counts the cells. */
    void (*gemm_tn)(int m, int n, int k, const float *a, int lda, const float *b, int ldb, float *c,
                    int ldc, bool add);

    /* y (n) += sum over the nnz entries of a sparse row, in their order, of value * w[index * ldw
     * .. + n) */
    void (*sparse_row)(int64_t nnz, const int32_t *index, const float *value, const float *w,
                       int64_t ldw, float *y, int n);
    void (*sparse_sum)(int64_t nnz, const int32_t *index, const float *value, const float *w,
                       int64_t ldw, float *y, int n); /* the same, but y = */
    /* sparse_sum of each row: y is n_rows x n, w's rows lie n apart, and row i has entries first[i]
     * .. end[i] of index and value. */
    void (*sparse_sums)(int64_t n_rows, const int32_t *first, const int32_t *end,
                        const int32_t *index, const float *value, const float *w, float *y, int n);
    void (*axpy)(int64_t n, float a, const float *x, float *y); /* y += a x */
    void (*dot_rows)(int m, int n, const float *a, int lda, const float *b, int ldb,
                     float *out); /* out_i = a_i . b_i */
    /* P = A^T Y and Q (+)= Y B^T; d may be 0. Y is read once, in its rows' order, and asked for
     * ahead. A row of Q depends on its row of Y and on B only. */
    void (*thin_products)(const sc_thin_products *t);
    /* The elements of A^T B (A k x m, B k x n) below their row's limit (m); returns how many. m is
     * a multiple of 8, n of 32. out has room for m n; they come in no promised order. */
    int (*near)(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                const float *limit, sc_hit *out);

    /* Entries column by column, rows rising: of each, its row and its place; ptr: where a column's
     * begin. Nothing else is written. */
    void (*sort_marked)(const sc_marked *m);

    /* Element-wise, n elements; y may be x. Within 2 ulp (sigmoid: 2.5) of the true value for
     * normal results. */
    void (*exp)(int64_t n, const float *x, float *y);
    void (*log)(int64_t n, const float *x, float *y);
    void (*log1p)(int64_t n, const float *x, float *y);
    void (*sigmoid)(int64_t n, const float *x, float *y);
    void (*softplus)(int64_t n, const float *x, float *y);
    /* lgamma(x + theta) - lgamma(theta), x >= 0, theta > 0, and its derivative by theta,
     * psi(x + theta) - psi(theta); accurate where theta is large. dy may be NULL. */
    void (*lgamma_diff)(int64_t n, const float *x, const float *theta, float *y, float *dy);

    /* y = softmax(x) over n; y may be x. Fixed order of summation. */
    void (*softmax)(int64_t n, const float *x, float *y);
    /* dx = y * (dy - sum(y dy)), added to dx */
    void (*softmax_grad)(int64_t n, const float *y, const float *dy, float *dx);

    /*
     * One cell's log-likelihood under NB / ZINB (spec: eps 1e-8), x sparse (index rises), mu,
     * theta, logit dense over n genes. Returns the sum in double, without - lgamma(x + 1) of its
     * counts, on which nothing depends (sc_log_factorial.h).
     * Gradients of the log-likelihood times `scale` are ADDED to d_mu, d_theta, d_logit where those
     * are not NULL. logit NULL: NB.
     */
    double (*zinb_row)(int64_t n, int64_t nnz, const int32_t *index, const float *value,
                       const float *mu, const float *theta, const float *logit, float scale,
                       float *d_mu, float *d_theta, float *d_logit);

    /*
     * The same likelihood with mu = library softmax(logits), from the logits to their gradients;
     * the gradients are scaled. Good to 1e-6 of the sum, which again lacks - lgamma(x + 1).
     */
    double (*head_row)(const sc_head_row *row);

    /* One cell's log-likelihood, summed in double, under a mixture of two NB for each protein (eps
     * 1e-8, spec/totalvi.md section 5), and its gradients. */
    double (*mixture_row)(const sc_mixture_row *row);

    /* Column by column over the rows (ld apart): the sum of x, or of (x - mean)^2 where mean is
     * given; and the sums of dy and of dy (x - mean). */
    void (*column_sums)(int64_t rows, int64_t n, const float *x, int64_t ld, const float *mean,
                        double *sum);
    void (*column_grads)(int64_t rows, int64_t n, const float *x, const float *dy, int64_t ld,
                         const float *mean, double *sum, double *sum_x);

    /*
     * Draws for rows of n, n_rows x n, each row from the start of its own stream. masks: scale
     * where the number of sc_fill_uniform is below keep, else 0. normals: the numbers of
     * sc_fill_normal within 1e-6 (whose arithmetic is in double).
     */
    void (*masks)(int64_t n_rows, const sc_key *keys, float keep, float scale, int64_t n,
                  float *out);
    void (*normals)(int64_t n_rows, const sc_key *keys, int64_t n, float *out);

    /* p, m, v (rows x n, rows ld apart) updated in place with gradient g (rows ldg apart). False if
     * some g is not finite; all are updated even so. */
    bool (*adam)(int64_t rows, int64_t n, float *p, float *m, float *v, int64_t ld, const float *g,
                 int64_t ldg, const sc_adam_args *a);
    /*
     * The same for the genes of 1 or 2 layers that take the same counts: gene j's entries are
     * ptr[j] .. ptr[j + 1] of row (cells) and value, and its gradient is the sum of value * dy[row]
     * over them in their order, with the bits of sparse_sum.
     */
    bool (*descend_genes)(int64_t n_genes, const int32_t *ptr, const int32_t *row,
                          const float *value, int64_t n, int n_layers, const sc_gene_layer *layers);
} sc_kernels;

/* Best that this CPU has (cpuid), or the one named "avx512", "avx2", "base"; NULL if the CPU lacks
 * it or there is no such. */
const sc_kernels *sc_kernels_get(const char *isa);

#endif
