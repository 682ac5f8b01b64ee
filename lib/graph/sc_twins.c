#include "sc_exec.h"

#include <stdlib.h>

/* Finds layers that share their weights in a plan's backward, as the passes of two row streams do,
 * so that one of them adds up the gradients of all; and layers that share their counts, as encoders
 * of the latent and of the library size do. */

/* Cut by columns for all its rows, with gradients at its own time (lib/ops/linear_wide.c). */
static bool is_wide(const sc_built *g, const sc_gnode *n)
{
    for (int p = 0; p < n->n_in; p++)
        if (g->nodes[n->in[p]].form == SC_SPARSE)
            return false;
    return n->n_cols > SC_WIDE_COLS;
}

static bool are_alike(const sc_built *g, const sc_gnode *a, const sc_gnode *b)
{
    if (a->bias != b->bias || a->n_in != b->n_in || is_wide(g, a))
        return false;
    for (int p = 0; p < a->n_in; p++) {
        const sc_gnode *x = &g->nodes[a->in[p]], *y = &g->nodes[b->in[p]];
        if (x->form != y->form || x->n_cols != y->n_cols)
            return false;
    }
    return true;
}

/* Of the nodes that read weight w: whether all of the list are alike and layers; the last one. */
static bool find_readers(const sc_plan *p, const sc_built *g, int group, int w, int32_t *last)
{
    *last = 0;
    for (int i = 0; i < p->n_bwd[group]; i++) {
        const sc_gnode *n = &g->nodes[p->bwd[group][i]];
        const bool is_layer = n->op == SC_OP_LINEAR;
        if (n->op == SC_OP_WEIGHT && n->weight == w)
            return false;
        if (!is_layer || (n->weight != w && n->bias != w))
            continue;
        if (n->bias == w || (*last && !are_alike(g, n, &g->nodes[*last])))
            return false;
        *last = p->bwd[group][i];
    }
    return *last != 0;
}

/* A weight or bias that only these layers read. */
static void take(sc_plan *p, const sc_built *g, int group, int w, int32_t last)
{
    int32_t before = 0;
    for (int i = 0; i < p->n_bwd[group]; i++) {
        const int32_t id = p->bwd[group][i];
        if (g->nodes[id].op != SC_OP_LINEAR || g->nodes[id].weight != w)
            continue;
        p->twin[group][id] = before;
        p->is_taken[group][id] = id != last;
        before = id;
    }
    p->assigned[group][w] = true;
    if (g->nodes[last].bias >= 0)
        p->assigned[group][g->nodes[last].bias] = true;
}

static bool is_bias_of_others(const sc_built *g, const sc_gnode *layer)
{
    for (int i = 1; i < g->n_nodes && layer->bias >= 0; i++) {
        const sc_gnode *n = &g->nodes[i];
        if ((n->op == SC_OP_WEIGHT && n->weight == layer->bias) ||
            (n->op == SC_OP_LINEAR && n->bias == layer->bias && n->weight != layer->weight))
            return true;
    }
    return false;
}

/* The counts that a layer of the list takes first, if it alone reads its weights, which move. */
static int32_t own_counts(const sc_plan *p, const sc_built *g, int group, int32_t id)
{
    const sc_gnode *n = &g->nodes[id];
    const bool is_own =
        n->op == SC_OP_LINEAR && p->owned[group][n->weight] && p->moves[group][n->weight];
    return is_own && g->nodes[n->in[0]].form == SC_SPARSE ? n->in[0] : 0;
}

static void find_mates(sc_plan *p, const sc_built *g, int group)
{
    for (int i = 0; i < p->n_bwd[group]; i++)
        for (int k = 0; k < i; k++) {
            const int32_t a = p->bwd[group][i], b = p->bwd[group][k];
            const int32_t x = own_counts(p, g, group, a);
            if (!x || x != own_counts(p, g, group, b) || p->mate[group][a] || p->mate[group][b] ||
                g->nodes[a].n_cols != g->nodes[b].n_cols)
                continue;
            p->mate[group][a] = b;
            p->mate[group][b] = a;
        }
}

sc_status sc_plan_twins(sc_plan *p, const sc_built *g, int group, const int *readers, sc_err *err)
{
    SC_TRY(sc_alloc(&p->assigned[group], (size_t)g->n_weights, sizeof **p->assigned, err));
    SC_TRY(sc_alloc(&p->twin[group], (size_t)g->n_nodes, sizeof **p->twin, err));
    SC_TRY(sc_alloc(&p->is_taken[group], (size_t)g->n_nodes, sizeof **p->is_taken, err));
    SC_TRY(sc_alloc(&p->mate[group], (size_t)g->n_nodes, sizeof **p->mate, err));
    find_mates(p, g, group);
    for (int w = 0; w < g->n_weights; w++) {
        int32_t last = 0;
        p->assigned[group][w] |= p->owned[group][w];
        if (readers[w] < 2 || g->weights[w].frozen || !find_readers(p, g, group, w, &last))
            continue;
        const sc_gnode *layer = &g->nodes[last];
        if (!is_bias_of_others(g, layer) && (layer->bias < 0 || !g->weights[layer->bias].frozen))
            take(p, g, group, w, last);
    }
    return SC_OK;
}
