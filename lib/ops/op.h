/*
 * What an op's file includes. Every file here is compiled for double (SC_F64), and for float once
 * for each instruction set (SC_ISA), so that plain loops become its vectors. Matrices are
 * row-major. fwd(phase, tile) writes the node's value, bwd adds to its parents' gradients; tiles of
 * one phase run at the same time on any thread and own what they write; a phase begins when the one
 * before is done.
 */
#ifndef SC_OP_H
#define SC_OP_H

#include "sc_exec.h"
#include "sc_gene_order.h"

#ifdef SC_F64
typedef double real;
#define SC_R(name) name##_f64
#define SC_X(name) name##_f64
#else
typedef float real;
#define SC_R(name) name##_f32
#define SC_PASTE(name, isa) name##_f32_##isa
#define SC_PASTE2(name, isa) SC_PASTE(name, isa)
#define SC_X(name) SC_PASTE2(name, SC_ISA)
#endif

typedef struct SC_R(sc_exec) ex;

/* The counts of a minibatch by gene. */
typedef struct sc_columns {
    sc_gene_order own;          /* where the minibatch does not bring its order */
    const sc_gene_order *order; /* of this minibatch; NULL: nobody asks for it */
    bool is_dense; /* forward may take counts by ranges of genes: each row has some in each */
    int32_t of;    /* the sparse node whose values are at hand in this order; or 0 */
    real *value;
} sc_columns;

struct SC_R(sc_exec) {
    const sc_built *g;
    const sc_kernels *k;
    const struct sc_op *const *ops; /* by sc_op_id, for the instruction set of k */
    sc_pool *pool;
    struct sc_steps *steps; /* of the last passes, which the next are likely to repeat */
    const sc_run *run;
    const sc_plan *plan; /* of this run */
    bool with_backward;
    const bool *owned;    /* backward: by weight, its gradient is assigned, not added; or NULL */
    sc_descent *descent;  /* backward: owned weights that move take their step; or NULL */
    const bool *moves;    /* backward: by weight */
    const bool *is_taken; /* backward: by node, likewise twin, mate: see sc_plan; or NULL */
    const int32_t *twin, *mate;
    sc_columns columns[SC_N_STREAMS];
    int64_t max_rows, max_nnz;
    bool *is_dirty;            /* by weight: its gradient is not 0 */
    real *w, *gw;              /* flat weights and gradients */
    bool is_lent;              /* w is the caller's */
    real **val, **grad, **aux; /* by node */
    int64_t *at;               /* by node: where its own memory is in the slabs */
    real *slab_val, *slab_grad;
    real **sparse; /* by sparse node: max_nnz values; see has_own_counts */
};

/* Where a phase of bwd writes: to gradients of the node's parents; to nothing that another node
 * writes; or to what nobody reads before backward ends, so that it may wait till then. */
typedef enum sc_reach { SC_REACH_PARENTS, SC_REACH_OWN, SC_REACH_END } sc_reach;

typedef struct sc_op {
    int fwd_phases, bwd_phases;
    int64_t (*tiles)(const ex *e, int32_t id, int phase, bool backward);
    void (*fwd)(ex *e, int32_t id, int phase, int64_t tile);
    void (*bwd)(ex *e, int32_t id, int phase, int64_t tile);
    int64_t (*aux)(const ex *e, int32_t id, int64_t rows); /* elements of scratch; NULL: none */
    sc_reach (*reach)(const ex *e, int32_t id, int phase); /* of bwd; NULL: all go to parents */
    /* rows of a tile, at most 32 and a part of it, where it reads and writes these rows of parents,
     * of the node and of aux and nothing else but weights it reads; 0: not so; NULL: never */
    int64_t (*rows)(const ex *e, int32_t id, int phase, bool backward);
} sc_op;

enum { ROW_TILE = 16, COL_TILE = 64 };

static inline const sc_gnode *nd(const ex *e, int32_t id)
{
    return &e->g->nodes[id];
}
static inline const sc_mini *mini_of(const ex *e, int32_t id)
{
    return e->run->mini[nd(e, id)->stream];
}
static inline int64_t rows_of(const ex *e, int32_t id)
{
    const sc_gnode *n = nd(e, id);
    return n->reps == 0 ? n->n_rows : n->reps * e->run->mini[n->stream]->n;
}
static inline int64_t cols_of(const ex *e, int32_t id)
{
    return nd(e, id)->n_cols;
}
static inline bool wants_grad(const ex *e, int32_t id)
{
    return nd(e, id)->needs_grad;
}
/* whether backward assigns the gradient of node id, which has one consumer, instead of adding */
static inline bool assigns(const ex *e, int32_t id)
{
    return e->plan->is_graded && e->plan->is_graded[id];
}
/* whether node id has the memory of its parent, value and gradient */
static inline bool is_over(const ex *e, int32_t id)
{
    return e->plan->is_over && e->plan->is_over[id];
}
/* whether a sparse node's values are its own: in float, the input's are the minibatch's, which
 * nobody writes to */
static inline bool has_own_counts(const sc_gnode *n)
{
#ifdef SC_F64
    return n->form == SC_SPARSE;
#else
    return n->form == SC_SPARSE && n->op != SC_OP_INPUT;
#endif
}
/* the parent of a linear that has counts, or 0 */
static inline int32_t counts_of(const ex *e, int32_t id)
{
    const sc_gnode *n = nd(e, id);
    for (int p = 0; p < n->n_in; p++)
        if (nd(e, n->in[p])->form == SC_SPARSE)
            return n->in[p];
    return 0;
}
/* backward: the linear whose share of the gradient goes with that of id, or 0 */
static inline int32_t twin_of(const ex *e, int32_t id)
{
    return e->twin ? e->twin[id] : 0;
}
static inline int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
static inline int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}
/* row i of a value or gradient that may be a single broadcast row */
static inline real *at_row(const ex *e, real *const *m, int32_t id, int64_t i)
{
    return m[id] + (nd(e, id)->reps ? i * nd(e, id)->n_cols : 0);
}
/* category of row i of a codes node */
static inline int32_t code_at(const ex *e, int32_t id, int64_t i)
{
    const sc_gnode *n = nd(e, id);
    const sc_mini *m = e->run->mini[n->stream];
    return n->op == SC_OP_ENUMERATE ? (int32_t)(i / m->n)
                                    : m->codes[n->input - SC_IN_BATCH][n->side][i];
}
/* the loss is the sum over the terms of this times the sum over the rows of the term */
static inline double term_weight(const sc_gterm *t, const sc_run *run, int64_t rows)
{
    const double w = t->spec.weight == SC_WEIGHT_KL             ? run->kl_weight
                     : t->spec.weight == SC_WEIGHT_ONE_MINUS_KL ? 1 - run->kl_weight
                                                                : 1;
    return w * t->spec.factor / (t->spec.is_sum ? 1.0 : (double)rows);
}
static inline int64_t row_tiles(const ex *e, int32_t id, int phase, bool backward)
{
    (void)phase;
    (void)backward;
    return ceil_div(rows_of(e, id), ROW_TILE);
}
/* sc_op.rows of ops that row_tiles cuts, and in backward of those whose phase 0 it does */
static inline int64_t rows_alone(const ex *e, int32_t id, int phase, bool backward)
{
    (void)e, (void)id, (void)backward;
    return phase == 0 ? ROW_TILE : 0;
}

#if defined SC_F64 || defined SC_ISA
/* y += a x */
static inline void add_scaled(int64_t n, real a, const real *restrict x, real *restrict y)
{
    for (int64_t j = 0; j < n; j++)
        y[j] += a * x[j];
}

/* Sums of `cols` entries each to rows of y, times c, plus c0; in double. */
static inline void row_sums(int64_t rows, int64_t cols, const real *restrict x, double c, double c0,
                            real *restrict y)
{
    for (int64_t i = 0; i < rows; i++, x += cols) {
        double s = 0;
        for (int64_t j = 0; j < cols; j++)
            s += (double)x[j];
        y[i] = (real)(c * s + c0);
    }
}

/* each entry of y, `cols` apart, `cols` times over: for loops over rows that are short */
static inline void spread_rows(int64_t rows, int64_t cols, const real *restrict y, real *restrict x)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            x[i * cols + j] = y[i];
}

/* x . y in double, in 16 partial sums whatever the instruction set, so that it is fast and
 * everywhere the same */
static inline double row_dot(int64_t n, const real *restrict x, const real *restrict y)
{
    double part[16] = {0}, s = 0;
    int64_t j = 0;
    for (; j + 16 <= n; j += 16)
        for (int t = 0; t < 16; t++)
            part[t] += (double)x[j + t] * (double)y[j + t];
    for (int t = 0; j + t < n; t++)
        part[t] += (double)x[j + t] * (double)y[j + t];
    for (int t = 0; t < 16; t++)
        s += part[t];
    return s;
}

/* Precision-neutral arithmetic: fast kernels in float, plain loops in double. */
void SC_X(sc_gemm_nn)(const ex *e, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda,
                      const real *b, int64_t ldb, real *c, int64_t ldc);
void SC_X(sc_gemm_nt)(const ex *e, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda,
                      const real *b, int64_t ldb, real *c, int64_t ldc);
void SC_X(sc_gemm_tn)(const ex *e, int64_t m, int64_t n, int64_t k, const real *a, int64_t lda,
                      const real *b, int64_t ldb, real *c, int64_t ldc); /* all three add to c */
void SC_X(sc_map_apply)(const ex *e, int map, double arg, int64_t n, const real *x, real *y);
void SC_X(sc_map_grad)(const ex *e, int map, double arg, int64_t n, const real *x, const real *y,
                       const real *dy, real *dx);
#endif

#define SC_OP_LIST(X)                                                                              \
    X(SC_OP_INPUT, input)                                                                          \
    X(SC_OP_WEIGHT, weight)                                                                        \
    X(SC_OP_LINEAR, linear)                                                                        \
    X(SC_OP_BATCH_NORM, batch_norm)                                                                \
    X(SC_OP_LAYER_NORM, layer_norm)                                                                \
    X(SC_OP_DROPOUT, dropout)                                                                      \
    X(SC_OP_MAP, map)                                                                              \
    X(SC_OP_AFFINE, affine)                                                                        \
    X(SC_OP_ADD, add)                                                                              \
    X(SC_OP_MUL, mul)                                                                              \
    X(SC_OP_DIV, div)                                                                              \
    X(SC_OP_SOFTMAX, softmax)                                                                      \
    X(SC_OP_ROW_SUM, row_sum)                                                                      \
    X(SC_OP_CONCAT, concat)                                                                        \
    X(SC_OP_SLICE, slice)                                                                          \
    X(SC_OP_GATHER, gather) X(SC_OP_STOP_GRADIENT, stop_gradient) X(SC_OP_ENUMERATE, enumerate)    \
        X(SC_OP_REPEAT_ROWS, repeat_rows) X(SC_OP_UNSTACK, unstack) X(SC_OP_PICK, pick)            \
            X(SC_OP_LATENT, latent) X(SC_OP_KL, kl) X(SC_OP_LOG_PROB, log_prob)                    \
                X(SC_OP_OBSERVE, observe)
#endif
