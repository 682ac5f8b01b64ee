/*
 * Runs a built graph over minibatches, forward and backward, on a pool of threads. There are two
 * executors of the same code: float32 on the fast kernels (suffix _f32), and double on plain loops
 * (suffix _f64) against which it is checked.
 *
 * Same bits: work is cut into tiles by rows and columns, never by thread; a tile owns its outputs
 * and sums in a fixed order, so a row's values depend on that row (and, in training, on its
 * minibatch) only.
 */
#ifndef SC_EXEC_H
#define SC_EXEC_H

#include "sc_gene_order.h"
#include "sc_graph.h"
#include "sc_kernels.h"
#include "sc_threads.h"

#include <stdatomic.h>

/* Rows of one stream. Arrays are lent. */
typedef struct sc_mini {
    int64_t n;
    const uint64_t
        *keys; /* of draws: row of the data set in training, hash of the cell's name in inference */
    const int64_t *indptr; /* counts: CSR, from indptr[0] */
    const int32_t *indices;
    const float *values;
    const double *log_factorial;                     /* of each row: sc_log_factorial_sum */
    const float *proteins, *cont_covs, *size_factor; /* row-major */
    const int32_t *codes[SC_IN_MAX][2]; /* by input - SC_IN_BATCH; encoder's and decoder's side */
    const sc_gene_order *by_gene; /* the counts' order by gene; NULL: forward sorts for backward */
} sc_mini;

typedef enum sc_draw { SC_DRAW_MEAN, SC_DRAW_SAMPLE, SC_DRAW_NOISE } sc_draw;

/* A node whose values are not computed but known: the stored posterior of minified cells. */
typedef struct sc_given {
    int32_t node;
    const float *values; /* rows x n_cols */
} sc_given;

typedef struct sc_run {
    const sc_mini *mini[SC_N_STREAMS]; /* by sc_rowset; NULL: this stream has no part in this run */
    bool train; /* batch norm takes the minibatch's statistics and moves its own, dropout drops */
    bool no_dropout; /* in training */
    sc_draw draw;
    uint64_t seed;
    uint32_t epoch; /* or number of the draw */
    double kl_weight;
    const float *noise[16]; /* SC_DRAW_NOISE: by site, standard normal, rows x columns; NULL: 0 */
    int n_given;
    const sc_given *given; /* those that the plan was made with */
} sc_run;

/* What an observe node takes in with it (lib/ops/head.h): logits, softmax of them, and that times
 * the library size. logits 0: nothing. */
typedef struct sc_head {
    int32_t logits, softmax, rate, library;
    int term;          /* that the log-likelihood goes to, and to nothing else */
    float sign;        /* of the log-likelihood in the term: -1 through a neg */
    bool keeps_logits; /* somebody asks for their values, too */
} sc_head;

/* What a batch norm takes in with it (lib/ops/thin.h): the layer before it. linear 0: nothing. */
typedef struct sc_thin {
    int32_t linear;
    bool only_moves; /* nobody wants the value, only that the statistics move */
    bool is_in_head; /* nobody but a head, which takes it row by row */
} sc_thin;

/* Which nodes a run needs, in order. */
typedef struct sc_plan {
    int n_fwd, n_bwd[SC_GROUPS_MAX];
    int32_t *fwd, *bwd[SC_GROUPS_MAX];
    bool *moves[SC_GROUPS_MAX]; /* by weight: it gets a gradient from this group's terms */
    bool *owned[SC_GROUPS_MAX]; /* by weight: from one linear, and nothing else reads it */
    /* By weight: owned, or from several linears of which the last of the list adds up all; by node,
     * of such linears: the one before it in the list, or 0; whether another adds up its share. */
    bool *assigned[SC_GROUPS_MAX], *is_taken[SC_GROUPS_MAX];
    int32_t *twin[SC_GROUPS_MAX];
    /* By node, of two layers of the same counts, each with its own weights: the other one, which
     * takes its gradient gene by gene at the same time; or 0. */
    int32_t *mate[SC_GROUPS_MAX];
    bool term_on[32];
    sc_head *head; /* by node; NULL without SC_PLAN_FUSE */
    sc_thin *thin; /* likewise */
    /* By node: its gradient is assigned, by forward or by the backward of its only consumer, so
     * that nobody clears it; likewise. */
    bool *is_graded;
    /* By node: its value is written over its parent's, its gradient over what comes in; likewise.
     */
    bool *is_over;
} sc_plan;

/* FUSE: the float executor only; nodes inside of heads and thin layers then have no values, and
 * after backward neither have their logits, unless they are roots. */
enum { SC_PLAN_TERMS = 1, SC_PLAN_KEEPS = 2, SC_PLAN_BACKWARD = 4, SC_PLAN_FUSE = 8 };
/* streams: bits 1 << sc_rowset of those that take part. roots: further nodes. */
sc_status sc_plan_make(sc_plan *p, const sc_built *g, unsigned streams, unsigned what,
                       const int32_t *roots, int n_roots, sc_err *err) SC_MUST_CHECK;
/* The same, forward only, where these nodes are given: what only they depend on is left out. */
sc_status sc_plan_make_given(sc_plan *p, const sc_built *g, const int32_t *roots, int n_roots,
                             const sc_given *given, int n_given, sc_err *err) SC_MUST_CHECK;
/* Marks what the nodes of a plan that was not fused read, by weight. */
void sc_plan_weights(const sc_plan *p, const sc_built *g, bool *weights);
void sc_plan_free(sc_plan *p);
/* Of sc_plan_make: fills assigned, twin, is_taken and mate; readers: by weight, nodes of the graph.
 */
sc_status sc_plan_twins(sc_plan *p, const sc_built *g, int group, const int *readers,
                        sc_err *err) SC_MUST_CHECK;
enum { SC_WIDE_COLS = 256 }; /* a linear of more, and without counts, is cut by columns */
/* Of sc_plan_make: finds the heads, and takes the nodes inside them off the lists. */
sc_status sc_plan_fuse(sc_plan *p, const sc_built *g, const int32_t *roots, int n_roots,
                       sc_err *err) SC_MUST_CHECK;
/* Columns of the inputs of the layer before batch norm id, if such a pair can be thin; or 0. */
enum { SC_THIN_INPUTS = 48 };
int64_t sc_thin_inputs(const sc_built *g, int32_t id);

#define SC_EXEC_DECLARE(S, T)                                                                      \
    typedef struct sc_exec_##S sc_exec_##S;                                                        \
    /* max_rows: of a minibatch. pool and graph are lent; kernels too. */                          \
    sc_status sc_exec_new_##S(sc_exec_##S **out, const sc_built *g, int64_t max_rows,              \
                              bool with_backward, sc_pool *pool, const sc_kernels *k, sc_err *err) \
        SC_MUST_CHECK;                                                                             \
    void sc_exec_free_##S(sc_exec_##S *e);                                                         \
    T *sc_exec_weights_##S(sc_exec_##S *e); /* n_params; layout: sc_gweight.offset */              \
    /* Without backward, and with weights where they are, in that layout: lent until it is freed,  \
     * so that several share them. */                                                              \
    sc_status sc_exec_new_lent_##S(sc_exec_##S **out, const sc_built *g, int64_t max_rows,         \
                                   const T *weights, sc_pool *pool, const sc_kernels *k,           \
                                   sc_err *err) SC_MUST_CHECK;                                     \
    T *sc_exec_gradients_##S(sc_exec_##S *e);                                                      \
    sc_status sc_exec_forward_##S(sc_exec_##S *e, const sc_plan *p, const sc_run *run,             \
                                  sc_err *err) SC_MUST_CHECK;                                      \
    /* Gradient of the group's terms into gradients(), zeroed first. After forward of the same     \
     * run. */                                                                                     \
    void sc_exec_backward_##S(sc_exec_##S *e, const sc_plan *p, const sc_run *run, int group);     \
    const T *sc_exec_value_##S(const sc_exec_##S *e,                                               \
                               int32_t node); /* rows x n_cols; lent until the next forward */     \
    int64_t sc_exec_rows_##S(const sc_exec_##S *e, int32_t node);                                  \
    /* The loss that backward's group descends: sum over its terms that are on of weight x factor  \
     * x (mean or sum). */                                                                         \
    double sc_exec_loss_##S(const sc_exec_##S *e, const sc_plan *p, const sc_run *run, int group); \
    /* log p(x, z) - log q(z | x) of row i at the draw of the last forward, whose plan had the     \
     * reconstruction terms, the latents, the parameters of q and of the priors, and the output    \
     * "log_weight" where there is one: a model that sums over classes gives what its draws other  \
     * than the library size come to itself. as_scvi_tools: from terms and latents alone, the      \
     * densities of z taken at the output "latent" (for ln after the softmax). */                  \
    double sc_exec_log_weight_##S(const sc_exec_##S *e, int64_t i, bool as_scvi_tools);            \
    /* A weight from and to the layout of the saved tensor (linear: n_out x n_in). */              \
    void sc_exec_import_##S(sc_exec_##S *e, int weight, const float *from);                        \
    void sc_exec_export_##S(const T *flat, const sc_built *g, int weight, float *to)
SC_EXEC_DECLARE(f32, float);
SC_EXEC_DECLARE(f64, double);

/* Adam in the midst of backward, so that the gradients of large weights never go to memory. */
typedef struct sc_descent {
    float *m, *v;             /* moments, flat */
    const sc_adam_args *args; /* by weight */
    /* Tiles that follow behind backward: the steps of weights that are not assigned. */
    int64_t n_rest;
    void (*rest)(void *ctx, int64_t tile, int tid);
    void *ctx;
    atomic_bool is_bad; /* out: a gradient is not finite */
} sc_descent;

/* Looks at what forward has brought, on one of the threads; false: backward is left out. */
typedef struct sc_judge {
    bool (*goes_on)(void *ctx);
    void *ctx;
    bool has_stopped; /* out */
} sc_judge;

/* The first layer of the stream whose gradient is taken gene by gene (sc_mini.by_gene); 0: none. */
int32_t sc_exec_takes_genes_f32(const sc_exec_f32 *e, const sc_plan *p, int stream);

/* Backward where each weight that is assigned and moves (sc_plan) takes its step as soon as its
 * gradient is there; gradients() then lacks it. */
void sc_exec_descend_f32(sc_exec_f32 *e, const sc_plan *p, const sc_run *run, int group,
                         sc_descent *d);
/* Forward and, if the judge lets it go on, the descent of group 0, in one run of the pool. */
sc_status sc_exec_step_f32(sc_exec_f32 *e, const sc_plan *p, const sc_run *run, sc_judge *judge,
                           sc_descent *d, sc_err *err) SC_MUST_CHECK;

#endif
