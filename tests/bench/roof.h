/*
 * The least time a training step can take on this machine: what it must multiply, take logs of and
 * move, at the speeds that the same threads reach here in loops of nothing else. The README of this
 * folder says how it is reckoned.
 */
#ifndef TESTS_BENCH_ROOF_H
#define TESTS_BENCH_ROOF_H

#include "sc_graph.h"
#include "sc_kernels.h"
#include "sc_philox.h"
#include "sc_threads.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

/* Seconds for one of each, all threads together. cache: a byte from or to the second-level cache.
 */
typedef struct roof {
    double flop, exp, log, lgamma, memory, cache;
} roof;

/* A step's work, counted from the graph. */
typedef struct load {
    double flops, exps, logs, lgammas, memory, cache;
} load;

enum { ROOF_ROUNDS = 25, ROOF_TILE = 128 * 240, ROOF_L2 = 1 << 16, ROOF_ELEMENTS = 2048 };

typedef struct roof_run {
    const sc_kernels *k;
    int what;
    int64_t n, size; /* floats of memory that a thread goes through; floats a thread has */
    float *x;
} roof_run;

static inline double roof_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* How much of it one call does. */
static inline double roof_amount(const roof_run *r)
{
    const double amounts[] = {4 * 2.0 * ROOF_TILE * 128, 16 * ROOF_ELEMENTS,  16 * ROOF_ELEMENTS,
                              4 * ROOF_ELEMENTS,         12.0 * (double)r->n, 16 * 6.0 * ROOF_L2};
    return amounts[r->what];
}

static inline void roof_work(void *ctx, int tid, int n_threads)
{
    (void)n_threads;
    const roof_run *r = ctx;
    const sc_kernels *k = r->k;
    float *x = r->x + tid * r->size, *y = x + r->size / 2;
    for (int i = 0; i < 4 && r->what == 0; i++)
        k->gemm_nn(128, 240, 128, x, 128, x + 128 * 128, 240, y, 240, false);
    for (int i = 0; i < 16 && r->what == 1; i++)
        k->exp(ROOF_ELEMENTS, x, y);
    for (int i = 0; i < 16 && r->what == 2; i++)
        k->log(ROOF_ELEMENTS, x, y);
    for (int i = 0; i < 4 && r->what == 3; i++)
        k->lgamma_diff(ROOF_ELEMENTS, x, x, y, y + ROOF_ELEMENTS);
    if (r->what == 4)
        k->axpy(r->n, 1e-9F, x, y);
    for (int i = 0; i < 16 && r->what == 5; i++)
        k->axpy(ROOF_L2 / 2, 1e-9F, x, x + ROOF_L2 / 2);
}

/* The best of some rounds: a roof is what the machine can do when nobody disturbs it. n_params: of
 * the model, whose weights and moments (three floats each) memory is measured on. */
static inline sc_status roof_measure(roof *out, int64_t n_params, sc_pool *pool,
                                     const sc_kernels *k, sc_err *err)
{
    const int n_threads = sc_pool_size(pool);
    roof_run r = {.k = k, .n = 3 * n_params / 2 / n_threads};
    double *const to[] = {&out->flop,   &out->exp,    &out->log,
                          &out->lgamma, &out->memory, &out->cache};
    r.n = r.n / 16 * 16;
    r.size = 2 * (r.n > 2 * ROOF_L2 ? r.n : 2 * ROOF_L2);
    SC_TRY(sc_alloc(&r.x, (size_t)(n_threads * r.size), sizeof *r.x, err));
    sc_fill_uniform((sc_key){1, 0, 0, 0}, n_threads * r.size, r.x);
    for (r.what = 0; r.what < 6; r.what++) {
        double best = INFINITY;
        for (int i = 0; i < ROOF_ROUNDS; i++) {
            const double start = roof_clock();
            sc_pool_run(pool, roof_work, &r);
            const double t = roof_clock() - start;
            best = t < best ? t : best;
        }
        *to[r.what] = best / (roof_amount(&r) * n_threads);
    }
    free(r.x);
    return SC_OK;
}

static inline void load_linear(const sc_built *g, const sc_gnode *n, double rows, double nnz,
                               load *l)
{
    const double n_out = (double)n->n_cols;
    for (int p = 0; p < n->n_in; p++) {
        const sc_gnode *x = &g->nodes[n->in[p]];
        const double passes = x->needs_grad ? 3 : 2; /* forward, by weight, by input */
        if (x->form == SC_DENSE)
            l->flops += passes * 2 * rows * (double)x->n_cols * n_out;
        if (x->form == SC_SPARSE) /* a row of weights or of gradients for each stored entry */
            l->cache += 2 * 4 * nnz * rows * n_out;
    }
}

static inline void load_node(const sc_built *g, const sc_gnode *n, double rows, double nnz, load *l)
{
    const double cols = (double)(n->op == SC_OP_OBSERVE ? g->nodes[n->first].n_cols : n->n_cols);
    const double all = rows * (n->form == SC_SPARSE ? nnz : cols);
    const bool is_zinb = n->op == SC_OP_OBSERVE && n->q.kind == SC_ZINB;
    if (n->op == SC_OP_LINEAR)
        load_linear(g, n, rows, nnz, l);
    if (n->op == SC_OP_SOFTMAX || (n->op == SC_OP_MAP && n->map == SC_MAP_EXP))
        l->exps += all;
    if (n->op == SC_OP_MAP && (n->map == SC_MAP_LOG1P || n->map == SC_MAP_LOG))
        l->logs += all;
    if (is_zinb || (n->op == SC_OP_OBSERVE && n->q.kind == SC_NB)) {
        l->logs += rows * (cols + (is_zinb ? 3 : 1) * nnz);
        l->exps += is_zinb ? rows * (2 * cols + nnz) : 0;
        l->lgammas += rows * nnz;
    }
}

/* Of a minibatch of so many rows with nnz stored entries each: what its terms depend on. */
static inline sc_status load_count(load *l, const sc_built *g, int64_t rows, double nnz,
                                   sc_err *err)
{
    bool *need = NULL;
    SC_TRY(sc_alloc(&need, (size_t)g->n_nodes, sizeof *need, err));
    for (int t = 0; t < g->n_terms; t++)
        need[g->terms[t].node] = true;
    for (int i = g->n_nodes - 1; i > 0; i--)
        for (int k = 0; need[i] && k < g->nodes[i].n_in; k++)
            need[g->nodes[i].in[k]] = true;
    *l = (load){0};
    for (int i = 1; i < g->n_nodes; i++) {
        const sc_gnode *n = &g->nodes[i];
        if (need[i])
            load_node(g, n, (double)(n->reps ? n->reps * rows : n->n_rows), nnz, l);
    }
    for (int w = 0; w < g->n_weights; w++) /* weight and two moments, read and written */
        if (g->weights[w].is_trained)
            l->memory += 6 * 4 * (double)(g->weights[w].rows * g->weights[w].cols);
    free(need);
    return SC_OK;
}

static inline double roof_seconds(const roof *r, const load *l)
{
    return l->flops * r->flop + l->exps * r->exp + l->logs * r->log + l->lgammas * r->lgamma +
           l->memory * r->memory + l->cache * r->cache;
}

#endif
