#include "schedule.h"

#include "sc_pages.h"

#include <math.h>
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

sc_status SC_R(sc_exec_new)(ex **out, const sc_built *g, int64_t max_rows, bool with_backward,
                            sc_pool *pool, const sc_kernels *k, sc_err *err)
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
    SC_GOTO(st, sc_pages_new(&e->w, (size_t)g->n_params, sizeof(real), err), fail);
    if (with_backward)
        SC_GOTO(st, sc_pages_new(&e->gw, (size_t)g->n_params, sizeof(real), err), fail);
    SC_GOTO(st, sc_alloc(&e->val, n, sizeof *e->val, err), fail);
    SC_GOTO(st, sc_alloc(&e->grad, n, sizeof *e->grad, err), fail);
    SC_GOTO(st, sc_alloc(&e->aux, n, sizeof *e->aux, err), fail);
    SC_GOTO(st, sc_alloc(&e->sparse, n, sizeof *e->sparse, err), fail);
    SC_GOTO(st, sc_alloc(&e->at, n, sizeof *e->at, err), fail);
    SC_GOTO(st, sc_alloc(&e->is_dirty, (size_t)g->n_weights, sizeof *e->is_dirty, err), fail);
    SC_GOTO(st, sc_alloc(&e->steps, 1, sizeof *e->steps, err), fail);
    SC_GOTO(st, SC_R(sc_steps_new)(e->steps, g, err), fail);
    SC_GOTO(st, lay_out(e, err), fail);
    *out = e;
    return SC_OK;
fail:
    SC_R(sc_exec_free)(e);
    return st;
}

void SC_R(sc_exec_free)(ex *e)
{
    if (!e)
        return;
    for (int i = 0; e->sparse && i < e->g->n_nodes; i++)
        free(e->sparse[i]);
    if (!e->is_lent)
        sc_pages_free(e->w);
    sc_pages_free(e->gw);
    free(e->val);
    free(e->grad);
    free(e->aux);
    for (int s = 0; s < SC_N_STREAMS; s++) {
        free(e->columns[s].ptr);
        free(e->columns[s].next);
        free(e->columns[s].row);
        free(e->columns[s].at);
        free(e->columns[s].value);
    }
    if (e->steps)
        SC_R(sc_steps_free)(e->steps);
    free(e->steps);
    free(e->sparse);
    free(e->at);
    free(e->is_dirty);
    sc_pages_free(e->slab_val);
    sc_pages_free(e->slab_grad);
    free(e);
}

void SC_R(sc_exec_borrow)(ex *e, const real *weights)
{
    if (!e->is_lent)
        sc_pages_free(e->w);
    e->is_lent = true;
    e->w = (real *)(uintptr_t)weights; /* a forward pass only reads them */
    for (int i = 1; i < e->g->n_nodes; i++)
        if (e->g->nodes[i].op == SC_OP_WEIGHT)
            e->val[i] = e->w + e->g->weights[e->g->nodes[i].weight].offset;
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
        SC_TRY(sc_resize(&c->row, (size_t)nnz, sizeof *c->row, err));
        SC_TRY(sc_resize(&c->at, (size_t)nnz, sizeof *c->at, err));
        SC_TRY(sc_resize(&c->value, (size_t)nnz, sizeof *c->value, err));
        if (!c->ptr)
            SC_TRY(sc_alloc(&c->ptr, (size_t)n->n_cols + 1, sizeof *c->ptr, err));
        if (!c->next)
            SC_TRY(sc_alloc(&c->next, (size_t)n->n_cols, sizeof *c->next, err));
    }
    return SC_OK;
}

/* Sparse nodes hold as many values as the largest minibatch has had. */
static sc_status reserve(ex *e, sc_err *err)
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
        if (e->g->nodes[i].form == SC_SPARSE)
            SC_TRY(sc_resize(&e->sparse[i], (size_t)nnz, sizeof(real), err));
    SC_TRY(reserve_columns(e, nnz, err));
    e->max_nnz = nnz;
    return SC_OK;
}

typedef struct job {
    ex *e;
    const int32_t *list;
    const sc_entry *entry; /* the first of this step */
    int n;
    bool backward;
} job;

static void one_tile(void *ctx, int64_t tile, int tid)
{
    (void)tid;
    const job *j = ctx;
    const sc_entry *entry = j->entry;
    while (tile >= entry->end)
        entry++;
    tile -= entry->first;
    for (int i = entry->from; i < entry->to; i++) {
        const sc_task *t = &j->e->steps->tasks[i];
        const sc_op *op = j->e->ops[nd(j->e, t->id)->op];
        const int64_t share = entry->to - entry->from > 1 ? t->share : 1;
        for (int64_t k = tile * share; k < min64(t->n_tiles, (tile + 1) * share); k++)
            (j->backward ? op->bwd : op->fwd)(j->e, t->id, t->phase, k);
    }
}

static void sweep(void *ctx, int tid, int n_threads)
{
    (void)n_threads;
    job j = *(const job *)ctx;
    const sc_steps *s = j.e->steps;
    for (int i = 0; i < s->n; i++) {
        j.entry = &s->entries[s->from[i]];
        sc_pool_tiles(j.e->pool, tid, s->entries[s->from[i + 1] - 1].end, one_tile, &j);
    }
}

static void run_list(job *j)
{
    SC_R(sc_steps_make)(j->e->steps, j->e, j->list, j->n, j->backward);
    sc_pool_run(j->e->pool, sweep, j);
}

/* Ops that go over their parent's memory take it. A head has read its logits when it writes their
 * gradient, and the layer they come from does not need its value for backward: the gradient takes
 * the value's place, which is in the cache. */
static void share_memory(ex *e)
{
    const sc_plan *p = e->plan;
    for (int i = 1; i < e->g->n_nodes; i++) {
        const sc_gnode *n = nd(e, i);
        if (n->op == SC_OP_WEIGHT || n->form != SC_DENSE)
            continue;
        e->val[i] = p->is_over && p->is_over[i] ? e->val[n->in[0]] : e->slab_val + e->at[i];
        if (e->with_backward)
            e->grad[i] = e->slab_grad + (e->val[i] - e->slab_val);
    }
    for (int i = 1; i < e->g->n_nodes && e->with_backward && p->head; i++) {
        const int32_t logits = p->head[i].logits;
        const sc_op_id op = nd(e, logits)->op;
        if (logits && p->owned[0] && !p->head[i].keeps_logits &&
            (op == SC_OP_LINEAR || op == SC_OP_BATCH_NORM))
            e->grad[logits] = e->val[logits];
    }
}

sc_status SC_R(sc_exec_forward)(ex *e, const sc_plan *p, const sc_run *run, sc_err *err)
{
    e->run = run;
    e->plan = p;
    SC_TRY(reserve(e, err));
    share_memory(e);
    for (int i = 0; i < run->n_given; i++) {
        const int32_t id = run->given[i].node;
        for (int64_t k = 0; k < rows_of(e, id) * cols_of(e, id); k++)
            e->val[id][k] = (real)run->given[i].values[k];
    }
    job j = {.e = e, .list = p->fwd, .n = p->n_fwd};
    run_list(&j);
    return SC_OK;
}

double SC_R(sc_exec_loss)(const ex *e, const sc_plan *p, const sc_run *run, int group)
{
    double loss = 0;
    for (int t = 0; t < e->g->n_terms; t++) {
        const sc_gterm *term = &e->g->terms[t];
        if (!p->term_on[t] || term->spec.group != group)
            continue;
        const int64_t rows = rows_of(e, term->node);
        double sum = 0;
        for (int64_t i = 0; i < rows; i++)
            sum += (double)e->val[term->node][i];
        loss += term_weight(term, run, rows) * sum;
    }
    return loss;
}

static void clear_node(const ex *e, int32_t id)
{
    const sc_gnode *n = nd(e, id);
    if (e->plan->is_graded && e->plan->is_graded[id])
        return;
    if (n->op != SC_OP_WEIGHT && n->form == SC_DENSE)
        memset(e->grad[id], 0, (size_t)(rows_of(e, id) * n->n_cols) * sizeof(real));
}

/* What an earlier backward has left is cleared, but for what this one assigns. */
static void clear_weight(ex *e, int64_t weight)
{
    const sc_gweight *w = &e->g->weights[weight];
    if (e->is_dirty[weight])
        memset(e->gw + w->offset, 0, (size_t)(w->rows * w->cols) * sizeof(real));
    e->is_dirty[weight] = false;
}

static void clear(void *ctx, int64_t tile, int tid)
{
    (void)tid;
    const job *j = ctx;
    if (tile < j->n)
        clear_node(j->e, j->list[tile]);
    else
        clear_weight(j->e, tile - j->n);
}

static void mark_dirty(ex *e, const int32_t *list, int n)
{
    for (int i = 0; i < n; i++) {
        const sc_gnode *d = nd(e, list[i]);
        if (e->plan->thin && e->plan->thin[list[i]].linear) {
            const int32_t inside = e->plan->thin[list[i]].linear;
            mark_dirty(e, &inside, 1);
        }
        if (d->op == SC_OP_LINEAR || d->op == SC_OP_WEIGHT || d->op == SC_OP_BATCH_NORM)
            e->is_dirty[d->weight] = true;
        if (d->op == SC_OP_BATCH_NORM)
            e->is_dirty[d->weight + 1] = true;
        if (d->op == SC_OP_LINEAR && d->bias >= 0)
            e->is_dirty[d->bias] = true;
    }
}

static void backward(ex *e, const sc_plan *p, const sc_run *run, int group)
{
    e->run = run;
    e->plan = p;
    e->moves = p->moves[group];
    e->twin = e->owned ? p->twin[group] : NULL;
    e->is_taken = e->owned ? p->is_taken[group] : NULL;
    job j = {.e = e, .list = p->bwd[group], .n = p->n_bwd[group], .backward = true};
    for (int w = 0; w < e->g->n_weights && e->owned; w++)
        e->is_dirty[w] = e->is_dirty[w] && !e->owned[w];
    sc_pool_for(e->pool, j.n + e->g->n_weights, clear, &j);
    mark_dirty(e, j.list, j.n);
    for (int t = 0; t < e->g->n_terms; t++) {
        const sc_gterm *term = &e->g->terms[t];
        if (!p->term_on[t] || term->spec.group != group || !wants_grad(e, term->node))
            continue;
        const int64_t rows = rows_of(e, term->node);
        const real c = (real)term_weight(term, run, rows);
        for (int64_t i = 0; i < rows; i++)
            e->grad[term->node][i] += c;
    }
    run_list(&j);
}

void SC_R(sc_exec_backward)(ex *e, const sc_plan *p, const sc_run *run, int group)
{
#ifndef SC_F64
    e->owned = p->assigned[group];
#endif
    backward(e, p, run, group);
}

#ifndef SC_F64
void sc_exec_descend_f32(ex *e, const sc_plan *p, const sc_run *run, int group, sc_descent *d)
{
    e->owned = p->assigned[group];
    e->descent = d;
    backward(e, p, run, group);
    e->descent = NULL;
}
#endif
