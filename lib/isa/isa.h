/*
 * The kernels of one instruction set. Every file of this folder is compiled once for each, with
 * SC_ISA and SC_ISA_WIDTH (floats in a vector) given by the Makefile; names carry the set, so that
 * the three live in one library. What each function promises is said in sc_kernels.h.
 */
#ifndef SC_ISA_H
#define SC_ISA_H

#include "sc_kernels.h"

#define SC_PASTE_(a, b) a##_##b
#define SC_PASTE(a, b) SC_PASTE_(a, b)
#define SC_STRING_(a) #a
#define SC_STRING(a) SC_STRING_(a)
#define SC_NAME(f) SC_PASTE(sc_##f, SC_ISA)

void SC_NAME(gemm_nn)(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                      float *c, int ldc, bool add);
void SC_NAME(gemm_nn_from)(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                           float *c, int ldc, const float *from);
void SC_NAME(gemm_nt)(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                      float *c, int ldc, bool add);
void SC_NAME(gemm_tn)(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                      float *c, int ldc, bool add);

void SC_NAME(sparse_row)(int64_t nnz, const int32_t *index, const float *value, const float *w,
                         int64_t ldw, float *y, int n);
void SC_NAME(sparse_sum)(int64_t nnz, const int32_t *index, const float *value, const float *w,
                         int64_t ldw, float *y, int n);
void SC_NAME(sparse_sums)(int64_t n_rows, const int32_t *first, const int32_t *end,
                          const int32_t *index, const float *value, const float *w, float *y,
                          int n);
void SC_NAME(axpy)(int64_t n, float a, const float *x, float *y);
void SC_NAME(dot_rows)(int m, int n, const float *a, int lda, const float *b, int ldb, float *out);
void SC_NAME(thin_products)(const sc_thin_products *t);
int SC_NAME(near)(int m, int n, int k, const float *a, int lda, const float *b, int ldb,
                  const float *limit, sc_hit *out);
void SC_NAME(sort_marked)(const sc_marked *m);
void SC_NAME(softmax)(int64_t n, const float *x, float *y);
void SC_NAME(softmax_grad)(int64_t n, const float *y, const float *dy, float *dx);
bool SC_NAME(adam)(int64_t rows, int64_t n, float *p, float *m, float *v, int64_t ld,
                   const float *g, int64_t ldg, const sc_adam_args *a);
bool SC_NAME(descend_genes)(int64_t n_genes, const int32_t *ptr, const int32_t *row,
                            const float *value, int64_t n, int n_layers, const sc_gene_layer *l);

void SC_NAME(exp)(int64_t n, const float *x, float *y);
void SC_NAME(log)(int64_t n, const float *x, float *y);
void SC_NAME(log1p)(int64_t n, const float *x, float *y);
void SC_NAME(sigmoid)(int64_t n, const float *x, float *y);
void SC_NAME(softplus)(int64_t n, const float *x, float *y);
void SC_NAME(lgamma_diff)(int64_t n, const float *x, const float *theta, float *y, float *dy);

double SC_NAME(zinb_row)(int64_t n, int64_t nnz, const int32_t *index, const float *value,
                         const float *mu, const float *theta, const float *logit, float scale,
                         float *d_mu, float *d_theta, float *d_logit);

double SC_NAME(head_row)(const sc_head_row *r);
double SC_NAME(mixture_row)(const sc_mixture_row *r);

void SC_NAME(column_sums)(int64_t rows, int64_t n, const float *x, int64_t ld, const float *mean,
                          double *sum);
void SC_NAME(column_grads)(int64_t rows, int64_t n, const float *x, const float *dy, int64_t ld,
                           const float *mean, double *sum, double *sum_x);

void SC_NAME(masks)(int64_t n_rows, const sc_key *keys, float keep, float scale, int64_t n,
                    float *out);
void SC_NAME(normals)(int64_t n_rows, const sc_key *keys, int64_t n, float *out);

#endif
