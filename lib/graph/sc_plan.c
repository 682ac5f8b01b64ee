#include "sc_exec.h"

#include <stdlib.h>
#include <string.h>

static void need_parents(const sc_built *g, bool *need)
{
    for (int i = g->n_nodes - 1; i > 0; i--)
        for (int k = 0; need[i] && k < g->nodes[i].n_in; k++)
            need[g->nodes[i].in[k]] = true;
}

static bool is_on(const sc_built *g, int32_t node, unsigned streams)
{
    return (streams >> g->nodes[node].stream & 1U) != 0;
}

/* A branch that is kept runs for the sake of its batch norms: up to the last of them. */
static sc_status need_kept(const sc_built *g, unsigned streams, bool *need, sc_err *err)
{
    bool *kept = NULL;
    SC_TRY(sc_alloc(&kept, (size_t)g->n_nodes, sizeof *kept, err));
    for (int i = 0; i < g->n_keeps; i++)
        kept[g->keeps[i]] |= is_on(g, g->keeps[i], streams);
    need_parents(g, kept);
    for (int i = 1; i < g->n_nodes; i++)
        need[i] = need[i] || (kept[i] && g->nodes[i].op == SC_OP_BATCH_NORM);
    free(kept);
    return SC_OK;
}

/* By weight: how many nodes of the graph read it. */
static void count_readers(const sc_built *g, int *readers)
{
    for (int i = 1; i < g->n_nodes; i++) {
        const sc_gnode *n = &g->nodes[i];
        if (n->op == SC_OP_WEIGHT || n->op == SC_OP_LINEAR)
            readers[n->weight]++;
        if (n->op == SC_OP_LINEAR && n->bias >= 0)
            readers[n->bias]++;
    }
}

/* Nodes through which a group's terms send gradient, last first, and the weights they reach. */
static void plan_backward(sc_plan *p, const sc_built *g, int group, const int *readers, bool *reach)
{
    memset(reach, 0, (size_t)g->n_nodes * sizeof *reach);
    for (int t = 0; t < g->n_terms; t++)
        if (p->term_on[t] && g->terms[t].spec.group == group)
            reach[g->terms[t].node] = g->nodes[g->terms[t].node].needs_grad;
    for (int i = g->n_nodes - 1; i > 0; i--) {
        const sc_gnode *n = &g->nodes[i];
        if (!reach[i])
            continue;
        p->bwd[group][p->n_bwd[group]++] = i;
        for (int k = 0; k < n->n_in && n->op != SC_OP_STOP_GRADIENT; k++)
            if (g->nodes[n->in[k]].needs_grad)
                reach[n->in[k]] = true;
        if (n->op == SC_OP_WEIGHT || n->op == SC_OP_LINEAR)
            p->moves[group][n->weight] = g->weights[n->weight].is_trained;
        if (n->op == SC_OP_LINEAR && n->bias >= 0)
            p->moves[group][n->bias] = true;
        if (n->op == SC_OP_LINEAR)
            p->owned[group][n->weight] = readers[n->weight] == 1 && !g->weights[n->weight].frozen;
        if (n->op == SC_OP_LINEAR && n->bias >= 0)
            p->owned[group][n->bias] = readers[n->bias] == 1 && !g->weights[n->bias].frozen;
        if (n->op == SC_OP_BATCH_NORM)
            p->moves[group][n->weight] = p->moves[group][n->weight + 1] = true;
    }
    for (int w = 0; w < g->n_weights; w++)
        p->moves[group][w] = p->moves[group][w] && g->weights[w].group == group;
}

sc_status sc_plan_make(sc_plan *p, const sc_built *g, unsigned streams, unsigned what,
                       const int32_t *roots, int n_roots, sc_err *err)
{
    memset(p, 0, sizeof *p);
    bool *need = NULL;
    int *readers = NULL;
    sc_status st;
    SC_GOTO(st, sc_alloc(&need, (size_t)g->n_nodes, sizeof *need, err), out);
    SC_GOTO(st, sc_alloc(&readers, (size_t)g->n_weights, sizeof *readers, err), out);
    SC_GOTO(st, sc_alloc(&p->fwd, (size_t)g->n_nodes, sizeof *p->fwd, err), out);
    count_readers(g, readers);
    for (int t = 0; t < g->n_terms && what & SC_PLAN_TERMS; t++) {
        p->term_on[t] = is_on(g, g->terms[t].node, streams);
        need[g->terms[t].node] |= p->term_on[t];
    }
    if (what & SC_PLAN_KEEPS)
        SC_GOTO(st, need_kept(g, streams, need, err), out);
    for (int i = 0; i < n_roots; i++)
        need[roots[i]] = true;
    need_parents(g, need);
    for (int i = 1; i < g->n_nodes; i++)
        if (need[i])
            p->fwd[p->n_fwd++] = i;
    for (int k = 0; k < g->n_groups && what & SC_PLAN_BACKWARD; k++) {
        SC_GOTO(st, sc_alloc(&p->bwd[k], (size_t)g->n_nodes, sizeof **p->bwd, err), out);
        SC_GOTO(st, sc_alloc(&p->moves[k], (size_t)g->n_weights, sizeof **p->moves, err), out);
        SC_GOTO(st, sc_alloc(&p->owned[k], (size_t)g->n_weights, sizeof **p->owned, err), out);
        plan_backward(p, g, k, readers, need);
        SC_GOTO(st, sc_plan_twins(p, g, k, readers, err), out);
    }
    if (what & SC_PLAN_FUSE)
        st = sc_plan_fuse(p, g, roots, n_roots, err);
out:
    free(need);
    free(readers);
    if (st != SC_OK)
        sc_plan_free(p);
    return st;
}

sc_status sc_plan_make_given(sc_plan *p, const sc_built *g, const int32_t *roots, int n_roots,
                             const sc_given *given, int n_given, sc_err *err)
{
    memset(p, 0, sizeof *p);
    bool *need = NULL, *is_given = NULL;
    sc_status st;
    SC_GOTO(st, sc_alloc(&need, (size_t)g->n_nodes, sizeof *need, err), out);
    SC_GOTO(st, sc_alloc(&is_given, (size_t)g->n_nodes, sizeof *is_given, err), out);
    SC_GOTO(st, sc_alloc(&p->fwd, (size_t)g->n_nodes, sizeof *p->fwd, err), out);
    for (int i = 0; i < n_given; i++)
        is_given[given[i].node] = true;
    for (int i = 0; i < n_roots; i++)
        need[roots[i]] = true;
    for (int i = g->n_nodes - 1; i > 0; i--)
        for (int k = 0; need[i] && !is_given[i] && k < g->nodes[i].n_in; k++)
            need[g->nodes[i].in[k]] = true;
    for (int i = 1; i < g->n_nodes; i++)
        if (need[i] && !is_given[i])
            p->fwd[p->n_fwd++] = i;
out:
    free(need);
    free(is_given);
    if (st != SC_OK)
        sc_plan_free(p);
    return st;
}

void sc_plan_weights(const sc_plan *p, const sc_built *g, bool *weights)
{
    enum { OF_BATCH_NORM = 5 };
    for (int i = 0; i < p->n_fwd; i++) {
        const sc_gnode *n = &g->nodes[p->fwd[i]];
        const int count = n->op == SC_OP_BATCH_NORM                        ? OF_BATCH_NORM
                          : n->op == SC_OP_WEIGHT || n->op == SC_OP_LINEAR ? 1
                                                                           : 0;
        for (int k = 0; k < count; k++)
            weights[n->weight + k] = true;
        if (n->op == SC_OP_LINEAR && n->bias >= 0)
            weights[n->bias] = true;
    }
}

void sc_plan_free(sc_plan *p)
{
    free(p->fwd);
    free(p->head);
    free(p->thin);
    free(p->is_graded);
    free(p->is_over);
    for (int k = 0; k < SC_GROUPS_MAX; k++) {
        free(p->bwd[k]);
        free(p->moves[k]);
        free(p->owned[k]);
        free(p->assigned[k]);
        free(p->is_taken[k]);
        free(p->twin[k]);
        free(p->mate[k]);
    }
    memset(p, 0, sizeof *p);
}
