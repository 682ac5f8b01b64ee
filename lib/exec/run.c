#include "run.h"

#include <string.h>

enum {
    STARTS = 8, /* tiles that begin backward */
    FEW = 8     /* entries that a sum must have to be worth its place in memory */
};

typedef struct job {
    ex *e;
    const int32_t *list;
    const sc_steps *steps;
    const sc_entry *entry; /* the first of this step */
    int n, group;          /* nodes of the list; terms that backward descends */
    bool backward;
} job;

/* What the threads do in one run; forward or backward may have no list. */
typedef struct pass {
    ex *e;
    job forward, backward;
    sc_judge *judge; /* of forward, before backward; or NULL */
} pass;

/* The pool deals tiles in turns. A thread shall have neighbours of an entry, so that it finds rows
 * in its cache that it has written in the step before: of n tiles, the first of which is number
 * `first` of the step, the one that stands for `tile`. */
static int64_t neighbour(int64_t tile, int64_t first, int64_t n, int n_threads)
{
    const int64_t own = tile % n_threads;
    int64_t at = (tile - first) / n_threads;
    for (int64_t t = 0; t < own; t++) {
        const int64_t skip = ((t - first) % n_threads + n_threads) % n_threads;
        at += skip < n ? (n - skip - 1) / n_threads + 1 : 0;
    }
    return at;
}

static void one_tile(void *ctx, int64_t tile, int tid)
{
    (void)tid;
    const job *j = ctx;
    const sc_entry *entry = j->entry;
    while (tile >= entry->end)
        entry++;
    tile = neighbour(tile, entry->first, entry->end - entry->first, sc_pool_size(j->e->pool));
    for (int i = entry->from; i < entry->to; i++) {
        const sc_task *t = &j->steps->tasks[i];
        const sc_op *op = j->e->ops[nd(j->e, t->id)->op];
        const int64_t share = entry->to - entry->from > 1 ? t->share : 1;
        for (int64_t k = tile * share; k < min64(t->n_tiles, (tile + 1) * share); k++)
            (j->backward ? op->bwd : op->fwd)(j->e, t->id, t->phase, k);
    }
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

/* Terms of the loss at the node: their gradients are what comes in. */
static void seed_node(const job *j, int32_t id)
{
    const ex *e = j->e;
    for (int t = 0; t < e->g->n_terms; t++) {
        const sc_gterm *term = &e->g->terms[t];
        if (!e->plan->term_on[t] || term->node != id || term->spec.group != j->group ||
            !wants_grad(e, id))
            continue;
        const int64_t rows = rows_of(e, id);
        const real c = (real)term_weight(term, e->run, rows);
        for (int64_t i = 0; i < rows; i++)
            e->grad[id][i] += c;
    }
}

/* Tile 0 asks whether to go on. Each of the others has every STARTS-th node and weight from its own
 * on: most of them have little to clear. */
static void start(void *ctx, int64_t tile, int tid)
{
    (void)tid;
    pass *p = ctx;
    const job *j = &p->backward;
    if (tile == 0) {
        if (p->judge)
            p->judge->has_stopped = !p->judge->goes_on(p->judge->ctx);
        return;
    }
    for (int64_t i = tile - 1; i < j->n; i += STARTS) {
        clear_node(j->e, j->list[i]);
        seed_node(j, j->list[i]);
    }
    for (int64_t w = tile - 1; w < j->e->g->n_weights; w += STARTS)
        clear_weight(j->e, w);
}

static void run_steps(const job *given, int tid)
{
    job j = *given;
    const sc_steps *s = j.steps;
    for (int i = 0; i < s->n; i++) {
        j.entry = &s->entries[s->from[i]];
        sc_pool_tiles(j.e->pool, tid, s->entries[s->from[i + 1] - 1].end, one_tile, &j);
    }
}

static void sweep(void *ctx, int tid, int n_threads)
{
    (void)n_threads;
    pass *p = ctx;
    const sc_descent *d = p->e->descent;
    if (p->forward.list)
        run_steps(&p->forward, tid);
    if (!p->backward.list)
        return;
    sc_pool_tiles(p->e->pool, tid, 1 + STARTS, start, p);
    if (p->judge && p->judge->has_stopped)
        return;
    run_steps(&p->backward, tid);
    if (d)
        sc_pool_tiles(p->e->pool, tid, d->n_rest, d->rest, d->ctx);
}

static void order_steps(job *j)
{
    sc_steps *s = &j->e->steps[j->backward ? 1 + j->group : 0];
    SC_R(sc_steps_make)(s, j->e, j->list, j->n, j->backward);
    j->steps = s;
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

/* Counts that are not converted stay where the minibatch has them. */
static void take_counts(ex *e)
{
    for (int i = 1; i < e->g->n_nodes; i++) {
        const sc_gnode *n = nd(e, i);
        const sc_mini *m = e->run->mini[n->stream];
        if (n->form == SC_SPARSE && !has_own_counts(n) && m && m->indptr)
            e->sparse[i] = (real *)(uintptr_t)(m->values + m->indptr[0]);
    }
}

/* For backward, where the minibatch has not brought the order. */
static void order_genes(ex *e)
{
    for (int s = 0; s < SC_N_STREAMS; s++) {
        sc_columns *c = &e->columns[s];
        c->order = NULL;
        c->is_dense = false;
        c->of = 0;
#ifndef SC_F64
        const sc_mini *m = e->run->mini[s];
        const int32_t id = m && m->indptr ? sc_exec_takes_genes_f32(e, e->plan, s) : 0;
        if (!id)
            continue;
        const sc_gene_rows rows = {m->n, m->indptr, m->indices};
        for (int64_t t = 0; !m->by_gene && t < SC_GENE_ORDER_TILES; t++)
            sc_gene_order_cut(&c->own, &rows, t);
        for (int64_t t = 0; !m->by_gene && t < SC_GENE_ORDER_TILES; t++)
            sc_gene_order_sort(&c->own, e->k, &rows, t);
        c->order = m->by_gene ? m->by_gene : &c->own;
        c->of = counts_of(e, id);
        c->is_dense = m->indptr[m->n] - m->indptr[0] >= SC_GENE_ORDER_TILES * FEW * m->n;
#endif
    }
}

/* Makes e ready for forward, and its job. */
static sc_status ready_forward(ex *e, const sc_plan *p, const sc_run *run, job *j, sc_err *err)
{
    e->run = run;
    e->plan = p;
    SC_TRY(SC_R(sc_exec_reserve)(e, err));
    share_memory(e);
    take_counts(e);
    order_genes(e);
    for (int i = 0; i < run->n_given; i++) {
        const int32_t id = run->given[i].node;
        for (int64_t k = 0; k < rows_of(e, id) * cols_of(e, id); k++)
            e->val[id][k] = (real)run->given[i].values[k];
    }
    *j = (job){.e = e, .list = p->fwd, .n = p->n_fwd};
    order_steps(j);
    return SC_OK;
}

sc_status SC_R(sc_exec_forward)(ex *e, const sc_plan *p, const sc_run *run, sc_err *err)
{
    pass whole = {.e = e};
    SC_TRY(ready_forward(e, p, run, &whole.forward, err));
    sc_pool_run(e->pool, sweep, &whole);
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

/* Makes e ready for backward, and its job. */
static void ready_backward(ex *e, const sc_plan *p, const sc_run *run, int group, job *j)
{
    e->run = run;
    e->plan = p;
    e->moves = p->moves[group];
    e->twin = e->owned ? p->twin[group] : NULL;
    e->is_taken = e->owned ? p->is_taken[group] : NULL;
    e->mate = e->owned ? p->mate[group] : NULL;
    *j = (job){
        .e = e, .list = p->bwd[group], .n = p->n_bwd[group], .group = group, .backward = true};
    for (int w = 0; w < e->g->n_weights && e->owned; w++)
        e->is_dirty[w] = e->is_dirty[w] && !e->owned[w];
    order_steps(j);
}

static void backward(ex *e, const sc_plan *p, const sc_run *run, int group)
{
    pass whole = {.e = e};
    ready_backward(e, p, run, group, &whole.backward);
    sc_pool_run(e->pool, sweep, &whole);
    mark_dirty(e, whole.backward.list, whole.backward.n);
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

sc_status sc_exec_step_f32(ex *e, const sc_plan *p, const sc_run *run, sc_judge *judge,
                           sc_descent *d, sc_err *err)
{
    pass whole = {.e = e, .judge = judge};
    SC_TRY(ready_forward(e, p, run, &whole.forward, err));
    e->owned = p->assigned[0];
    e->descent = d;
    ready_backward(e, p, run, 0, &whole.backward);
    sc_pool_run(e->pool, sweep, &whole);
    mark_dirty(e, whole.backward.list, whole.backward.n);
    e->descent = NULL;
    return SC_OK;
}
#endif
