#include "sc_exec.h"

#include <stdlib.h>
#include <string.h>

enum { WIDE = 14 }; /* times its inputs: what makes a layer thin; hidden layers gain nothing */

/* Finds decoder heads and thin layers in a plan: lib/ops/head.h and thin.h say what they are. */
typedef struct search {
    const sc_built *g;
    sc_plan *p;
    int *uses;    /* by node: of the plan's nodes as a parent, and by terms */
    bool *wanted; /* by node: for its value */
    bool has_backward;
} search;

static const sc_gnode *at(const search *s, int32_t id)
{
    return &s->g->nodes[id];
}

static void count_uses(search *s, const int32_t *roots, int n_roots)
{
    const sc_built *g = s->g;
    for (int i = 0; i < s->p->n_fwd; i++) {
        const sc_gnode *n = at(s, s->p->fwd[i]);
        for (int k = 0; k < n->n_in; k++)
            s->uses[n->in[k]]++;
    }
    for (int i = 0; i < n_roots; i++)
        s->wanted[roots[i]] = true;
    for (int i = 0; i < g->n_keeps; i++)
        s->wanted[g->keeps[i]] = true;
    for (int t = 0; t < g->n_terms; t++)
        if (s->p->term_on[t])
            s->uses[g->terms[t].node]++;
}

/* The one term that takes node id, as it is or through a neg; or none. */
static void find_term(const search *s, int32_t id, sc_head *h)
{
    int32_t end = id;
    h->term = -1;
    h->sign = 1;
    for (int i = 0; i < s->p->n_fwd; i++) {
        const sc_gnode *n = at(s, s->p->fwd[i]);
        if (n->op == SC_OP_MAP && n->map == SC_MAP_NEG && n->in[0] == id) {
            end = s->p->fwd[i];
            h->sign = -1;
        }
    }
    if (s->uses[id] != 1 || s->uses[end] != 1)
        return;
    for (int t = 0; t < s->g->n_terms; t++)
        if (s->p->term_on[t] && s->g->terms[t].node == end)
            h->term = t;
}

/* Whether forward may write the parameter's gradient: it goes with the rows and is nobody else's.
 */
static bool is_own(const search *s, sc_node p, const sc_gnode *n)
{
    const sc_gnode *q = at(s, p.id);
    return q->form == SC_DENSE && q->n_cols == at(s, (int32_t)n->first)->n_cols &&
           q->reps == n->reps && q->stream == n->stream && s->uses[p.id] == 1;
}

/* Whether nobody but the next op needs node id. */
static bool is_inside(const search *s, int32_t id)
{
    return s->uses[id] == 1 && !s->wanted[id];
}

static bool find_head(const search *s, int32_t id, sc_head *h)
{
    const sc_gnode *n = at(s, id);
    if (n->op != SC_OP_OBSERVE || (n->q.kind != SC_NB && n->q.kind != SC_ZINB) || n->bias ||
        n->q.eps != 1e-8 || n->q.eps_total != 1e-8)
        return false;
    const sc_gnode *x = at(s, (int32_t)n->first), *theta = at(s, n->q.b.id);
    if (x->op != SC_OP_INPUT || x->form != SC_SPARSE || theta->n_cols != x->n_cols)
        return false;
    const sc_gnode *rate = at(s, n->q.a.id);
    if (rate->op != SC_OP_MUL || !is_inside(s, n->q.a.id))
        return false;
    const sc_gnode *softmax = at(s, rate->in[0]), *library = at(s, rate->in[1]);
    if (softmax->op != SC_OP_SOFTMAX || !is_inside(s, rate->in[0]) || library->n_cols != 1 ||
        library->reps != n->reps || !is_own(s, (sc_node){softmax->in[0]}, n))
        return false;
    if ((theta->reps && !is_own(s, n->q.b, n)) || (n->q.kind == SC_ZINB && !is_own(s, n->q.c, n)))
        return false;
    *h = (sc_head){.logits = softmax->in[0],
                   .softmax = rate->in[0],
                   .rate = n->q.a.id,
                   .library = rate->in[1],
                   .keeps_logits = s->wanted[softmax->in[0]]};
    find_term(s, id, h);
    return h->term >= 0 || !s->has_backward;
}

static int drop(const sc_head *heads, const int32_t *inside, int n, int32_t *list)
{
    int kept = 0;
    for (int i = 0; i < n; i++)
        if (!inside[list[i]] || heads[list[i]].logits)
            list[kept++] = list[i];
    return kept;
}

static void mark(search *s, int32_t id, int32_t *inside)
{
    const sc_gnode *n = at(s, id);
    const sc_head *h = &s->p->head[id];
    inside[h->softmax] = inside[h->rate] = 1;
    s->p->is_graded[h->logits] = true;
    s->p->is_graded[n->q.b.id] = at(s, n->q.b.id)->reps != 0;
    if (n->q.kind == SC_ZINB)
        s->p->is_graded[n->q.c.id] = true;
}

/* Ops that assign the gradient of what nobody but them takes. */
static void mark_assigned(search *s, const sc_gnode *n)
{
    if ((n->op == SC_OP_BATCH_NORM || n->op == SC_OP_LAYER_NORM || n->op == SC_OP_MAP ||
         n->op == SC_OP_DROPOUT) &&
        n->form == SC_DENSE && s->uses[n->in[0]] == 1 && at(s, n->in[0])->op != SC_OP_WEIGHT)
        s->p->is_graded[n->in[0]] = true;
}

/* A rectifier and a dropout go over what they take, where nobody else takes it and the op it comes
 * from does not ask for it in backward. */
static void mark_over(search *s, int32_t id)
{
    const sc_gnode *n = at(s, id), *p = at(s, n->in[0]);
    const bool can = n->op == SC_OP_DROPOUT || (n->op == SC_OP_MAP && n->map == SC_MAP_RELU);
    const bool may = p->op == SC_OP_LINEAR || p->op == SC_OP_BATCH_NORM ||
                     p->op == SC_OP_LAYER_NORM || s->p->is_over[n->in[0]];
    s->p->is_over[id] = can && may && p->form == SC_DENSE && is_inside(s, n->in[0]);
}

int64_t sc_thin_inputs(const sc_built *g, int32_t id)
{
    const sc_gnode *norm = &g->nodes[id], *l = &g->nodes[norm->in[0]];
    int64_t d = 0;
    if (norm->op != SC_OP_BATCH_NORM || l->op != SC_OP_LINEAR || l->form != SC_DENSE || !l->reps)
        return 0;
    for (int i = 0; i < l->n_in; i++) {
        const sc_gnode *x = &g->nodes[l->in[i]];
        if (x->form == SC_SPARSE || x->reps != l->reps || x->stream != l->stream)
            return 0;
        d += x->n_cols;
    }
    return d <= SC_THIN_INPUTS && l->n_cols >= WIDE * d ? d : 0;
}

/* A layer is thin if nobody but its batch norm knows of it. */
static sc_thin find_thin(const search *s, int32_t id, const int32_t *roots, int n_roots)
{
    const sc_gnode *norm = at(s, id);
    if (!sc_thin_inputs(s->g, id) || !is_inside(s, norm->in[0]))
        return (sc_thin){0};
    const sc_gnode *l = at(s, norm->in[0]);
    sc_thin thin = {.linear = norm->in[0], .only_moves = s->uses[id] == 0};
    for (int i = 0; i < n_roots; i++)
        if (roots[i] == id)
            thin.only_moves = false;
    if (s->has_backward && !thin.only_moves &&
        (s->g->n_groups > 1 || !s->p->owned[0][l->weight] ||
         (l->bias >= 0 && !s->p->owned[0][l->bias])))
        return (sc_thin){0};
    return thin;
}

sc_status sc_plan_fuse(sc_plan *p, const sc_built *g, const int32_t *roots, int n_roots,
                       sc_err *err)
{
    const size_t n = (size_t)g->n_nodes;
    search s = {.g = g, .p = p, .has_backward = p->bwd[0] != NULL};
    int32_t *inside = NULL;
    sc_status st;
    SC_GOTO(st, sc_alloc(&s.uses, n, sizeof *s.uses, err), out);
    SC_GOTO(st, sc_alloc(&s.wanted, n, sizeof *s.wanted, err), out);
    SC_GOTO(st, sc_alloc(&inside, n, sizeof *inside, err), out);
    SC_GOTO(st, sc_alloc(&p->head, n, sizeof *p->head, err), out);
    SC_GOTO(st, sc_alloc(&p->thin, n, sizeof *p->thin, err), out);
    SC_GOTO(st, sc_alloc(&p->is_graded, n, sizeof *p->is_graded, err), out);
    SC_GOTO(st, sc_alloc(&p->is_over, n, sizeof *p->is_over, err), out);
    count_uses(&s, roots, n_roots);
    for (int i = 0; i < p->n_fwd; i++)
        if (find_head(&s, p->fwd[i], &p->head[p->fwd[i]]))
            mark(&s, p->fwd[i], inside);
        else
            p->head[p->fwd[i]] = (sc_head){0};
    for (int i = 0; i < p->n_fwd; i++) {
        mark_assigned(&s, at(&s, p->fwd[i]));
        mark_over(&s, p->fwd[i]);
        p->thin[p->fwd[i]] = find_thin(&s, p->fwd[i], roots, n_roots);
        inside[p->thin[p->fwd[i]].linear] = 1;
        const sc_head *h = &p->head[p->fwd[i]];
        if (h->logits)
            p->thin[h->logits].is_in_head = !h->keeps_logits;
    }
    p->n_fwd = drop(p->head, inside, p->n_fwd, p->fwd);
    for (int k = 0; k < SC_GROUPS_MAX; k++)
        p->n_bwd[k] = drop(p->head, inside, p->n_bwd[k], p->bwd[k]);
out:
    free(s.uses);
    free(s.wanted);
    free(inside);
    return st;
}
