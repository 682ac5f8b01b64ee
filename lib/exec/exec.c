#include "run.h"

#include "sc_pages.h"

#include <stdlib.h>
#include <string.h>

#ifdef SC_F64
extern const sc_op *const sc_ops_f64[SC_OP_COUNT];
static const sc_op *const *ops_for(const sc_kernels *k)
{
    (void)k;
    return sc_ops_f64;
}
#else
extern const sc_op *const sc_ops_f32_avx512[SC_OP_COUNT], *const sc_ops_f32_avx2[SC_OP_COUNT],
                                                              *const sc_ops_f32_base[SC_OP_COUNT];
static const sc_op *const *ops_for(const sc_kernels *k)
{
    return strcmp(k->isa, "avx512") == 0 ? sc_ops_f32_avx512
           : strcmp(k->isa, "avx2") == 0 ? sc_ops_f32_avx2
                                         : sc_ops_f32_base;
}
#endif

/* Between the nodes' values: where two of them are apart by a multiple of a page, the CPU takes a
 * load from one for one that waits for a store to the other. */
enum { APART = 272 };

static int64_t value_size(const ex *e, const sc_gnode *n)
{
    if (n->op == SC_OP_WEIGHT || n->form != SC_DENSE)
        return 0;
    const int64_t rows = n->reps ? n->reps * e->max_rows : n->n_rows;
    return (rows * n->n_cols + 15) / 16 * 16;
}

static sc_status lay_out(ex *e, sc_err *err)
{
    const sc_built *g = e->g;
    int64_t total = 0, n_aux = 0;
    for (int i = 1; i < g->n_nodes; i++) {
        total += value_size(e, &g->nodes[i]) + APART;
        const sc_op *op = e->ops[g->nodes[i].op];
        if (op->aux)
            n_aux +=
                (op->aux(e, i,
                         g->nodes[i].reps ? g->nodes[i].reps * e->max_rows : g->nodes[i].n_rows) +
                 15) /
                16 * 16;
    }
    SC_TRY(sc_pages_new(&e->slab_val, (size_t)(total + n_aux), sizeof(real), err));
    if (e->with_backward)
        SC_TRY(sc_pages_new(&e->slab_grad, (size_t)total, sizeof(real), err));
    int64_t at = 0, aux = total;
    for (int i = 1; i < g->n_nodes; i++) {
        const sc_gnode *n = &g->nodes[i];
        const sc_op *op = e->ops[n->op];
        if (n->op == SC_OP_WEIGHT) {
            e->val[i] = e->w + g->weights[n->weight].offset;
            e->grad[i] = e->with_backward ? e->gw + g->weights[n->weight].offset : NULL;
        } else if (n->form == SC_DENSE) {
            e->at[i] = at;
            at += value_size(e, n) + APART;
        }
        if (op->aux) {
            e->aux[i] = e->slab_val + aux;
            aux += (op->aux(e, i, n->reps ? n->reps * e->max_rows : n->n_rows) + 15) / 16 * 16;
        }
    }
    return SC_OK;
}

/* lent: the weights; NULL: of its own. */
static sc_status make(ex **out, const sc_built *g, int64_t max_rows, bool with_backward,
                      const real *lent, sc_pool *pool, const sc_kernels *k, sc_err *err)
{
    *out = NULL;
    ex *e = NULL;
    const size_t n = (size_t)g->n_nodes;
    SC_TRY(sc_alloc(&e, 1, sizeof *e, err));
    e->g = g;
    e->k = k;
    e->ops = ops_for(k);
    e->pool = pool;
    e->max_rows = max_rows;
    e->with_backward = with_backward;
    sc_status st;
    e->is_lent = lent != NULL;
    e->w = (real *)(uintptr_t)lent; /* a forward pass only reads them */
    if (!lent)
        SC_GOTO(st, sc_pages_new(&e->w, (size_t)g->n_params, sizeof(real), err), fail);
    if (with_backward)
        SC_GOTO(st, sc_pages_new(&e->gw, (size_t)g->n_params, sizeof(real), err), fail);
    SC_GOTO(st, sc_alloc(&e->val, n, sizeof *e->val, err), fail);
    SC_GOTO(st, sc_alloc(&e->grad, n, sizeof *e->grad, err), fail);
    SC_GOTO(st, sc_alloc(&e->aux, n, sizeof *e->aux, err), fail);
    SC_GOTO(st, sc_alloc(&e->sparse, n, sizeof *e->sparse, err), fail);
    SC_GOTO(st, sc_alloc(&e->at, n, sizeof *e->at, err), fail);
    SC_GOTO(st, sc_alloc(&e->is_dirty, (size_t)g->n_weights, sizeof *e->is_dirty, err), fail);
    SC_GOTO(st, sc_alloc(&e->steps, N_STEPS, sizeof *e->steps, err), fail);
    for (int i = 0; i < N_STEPS; i++)
        SC_GOTO(st, SC_R(sc_steps_new)(&e->steps[i], g, err), fail);
    SC_GOTO(st, lay_out(e, err), fail);
    *out = e;
    return SC_OK;
fail:
    SC_R(sc_exec_free)(e);
    return st;
}

sc_status SC_R(sc_exec_new)(ex **out, const sc_built *g, int64_t max_rows, bool with_backward,
                            sc_pool *pool, const sc_kernels *k, sc_err *err)
{
    return make(out, g, max_rows, with_backward, NULL, pool, k, err);
}

sc_status SC_R(sc_exec_new_lent)(ex **out, const sc_built *g, int64_t max_rows, const real *weights,
                                 sc_pool *pool, const sc_kernels *k, sc_err *err)
{
    return make(out, g, max_rows, false, weights, pool, k, err);
}

void SC_R(sc_exec_free)(ex *e)
{
    if (!e)
        return;
    for (int i = 0; e->sparse && i < e->g->n_nodes; i++)
        if (has_own_counts(&e->g->nodes[i]))
            free(e->sparse[i]);
    if (!e->is_lent)
        sc_pages_free(e->w);
    sc_pages_free(e->gw);
    free(e->val);
    free(e->grad);
    free(e->aux);
    for (int s = 0; s < SC_N_STREAMS; s++) {
        sc_gene_order_free(&e->columns[s].own);
        free(e->columns[s].value);
    }
    for (int i = 0; e->steps && i < N_STEPS; i++)
        SC_R(sc_steps_free)(&e->steps[i]);
    free(e->steps);
    free(e->sparse);
    free(e->at);
    free(e->is_dirty);
    sc_pages_free(e->slab_val);
    sc_pages_free(e->slab_grad);
    free(e);
}

real *SC_R(sc_exec_weights)(ex *e)
{
    return e->w;
}
real *SC_R(sc_exec_gradients)(ex *e)
{
    return e->gw;
}
const real *SC_R(sc_exec_value)(const ex *e, int32_t node)
{
    return e->val[node];
}
int64_t SC_R(sc_exec_rows)(const ex *e, int32_t node)
{
    return rows_of(e, node);
}

/* Room for the counts by gene of those streams that have counts. */
static sc_status reserve_columns(ex *e, int64_t nnz, sc_err *err)
{
    for (int i = 1; i < e->g->n_nodes && e->with_backward; i++) {
        const sc_gnode *n = &e->g->nodes[i];
        sc_columns *c = &e->columns[n->stream];
        if (n->op != SC_OP_INPUT || n->form != SC_SPARSE)
            continue;
        SC_TRY(sc_resize(&c->value, (size_t)nnz, sizeof *c->value, err));
        SC_TRY(sc_gene_order_room(&c->own, n->n_cols, e->max_rows, nnz, err));
    }
    return SC_OK;
}

/* Sparse nodes hold as many values as the largest minibatch has had. */
sc_status SC_R(sc_exec_reserve)(ex *e, sc_err *err)
{
    int64_t nnz = 1; /* room there is from the first minibatch on, be all its cells empty */
    for (int s = 0; s < SC_N_STREAMS; s++) {
        const sc_mini *m = e->run->mini[s];
        if (m && m->n > e->max_rows)
            return sc_fail(err, SC_EFORMAT,
                           "a minibatch of %lld rows where %lld are expected at most",
                           (long long)m->n, (long long)e->max_rows);
        if (m && m->indptr && m->indptr[m->n] - m->indptr[0] > nnz)
            nnz = m->indptr[m->n] - m->indptr[0];
    }
    if (nnz <= e->max_nnz)
        return SC_OK;
    nnz += nnz / 4;
    for (int i = 1; i < e->g->n_nodes; i++)
        if (has_own_counts(&e->g->nodes[i]))
            SC_TRY(sc_resize(&e->sparse[i], (size_t)nnz, sizeof(real), err));
    SC_TRY(reserve_columns(e, nnz, err));
    e->max_nnz = nnz;
    return SC_OK;
}

#ifndef SC_F64
/* Whether backward by the plan wants the gradient of a layer's rows of W that take counts. */
static bool moves_by_counts(const ex *e, const sc_plan *plan, int32_t id)
{
    const sc_gnode *n = nd(e, id);
    bool moves = false, is_open = false;
    for (int p = 0; p < n->n_in; p++)
        is_open = is_open || (nd(e, n->in[p])->form == SC_SPARSE &&
                              !(e->g->weights[n->weight].frozen >> p & 1));
    for (int k = 0; k < SC_GROUPS_MAX; k++)
        moves = moves || (plan->moves[k] && plan->moves[k][n->weight]);
    return is_open && moves;
}

int32_t sc_exec_takes_genes_f32(const ex *e, const sc_plan *plan, int stream)
{
    for (int i = 0; i < plan->n_fwd && plan->owned[0]; i++) {
        const int32_t id = plan->fwd[i];
        if (nd(e, id)->op == SC_OP_LINEAR && counts_of(e, id) && moves_by_counts(e, plan, id) &&
            (int)nd(e, counts_of(e, id))->stream == stream)
            return id;
    }
    return 0;
}
#endif
