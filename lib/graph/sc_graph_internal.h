/* Between the files of the graph's builder: sc_graph.c and the services of sc_model.h. */
#ifndef SC_GRAPH_INTERNAL_H
#define SC_GRAPH_INTERNAL_H

#include "sc_graph.h"

extern const sc_services sc_graph_services;

/* A mistake of build(): the first is kept, for sc_graph_build to tell. Gives SC_NONE. */
sc_node sc_graph_mistake(sc_built *g, const char *fmt, ...) SC_PRINTF(2, 3);
/* A copy of n as the graph's last node; SC_NONE after a mistake or without memory. */
sc_node sc_graph_add(sc_built *g, const sc_gnode *n);
int sc_graph_add_weight(sc_built *g, const sc_gweight *w); /* takes segments; index, or -1 */

static inline sc_built *built(sc_graph *g)
{
    return (sc_built *)g; /* head is its first member */
}

static inline const sc_gnode *node(const sc_built *g, sc_node n)
{
    return n.id > 0 && n.id < g->n_nodes ? &g->nodes[n.id] : NULL;
}

/* A node whose rows are those of x, with x as the only parent. */
static inline sc_gnode like(sc_op_id op, const sc_gnode *x, sc_node id)
{
    return (sc_gnode){.op = op,
                      .form = x->form,
                      .stream = x->stream,
                      .reps = x->reps,
                      .n_rows = x->n_rows,
                      .n_cols = x->n_cols,
                      .n_in = 1,
                      .in = {id.id},
                      .weight = -1,
                      .bias = -1};
}

/* Services beside those in sc_graph_services.c, where their table is. */
sc_node sc_sv_layer_norm(sc_graph *gr, sc_node x, double eps);
sc_node sc_sv_dropout(sc_graph *gr, sc_node x, double p);
sc_node sc_sv_map(sc_graph *gr, sc_map map, sc_node x, double arg);
sc_node sc_sv_affine(sc_graph *gr, sc_node x, double scale, double shift);
sc_node sc_sv_add(sc_graph *g, sc_node x, sc_node y);
sc_node sc_sv_mul(sc_graph *g, sc_node x, sc_node y);
sc_node sc_sv_div(sc_graph *g, sc_node x, sc_node y);
sc_node sc_sv_softmax(sc_graph *g, sc_node x);
sc_node sc_sv_stop(sc_graph *gr, sc_node x);
sc_node sc_sv_row_sum(sc_graph *gr, sc_node x);
sc_node sc_sv_concat(sc_graph *gr, const sc_node *parts, int n_parts);
sc_node sc_sv_slice(sc_graph *gr, sc_node x, int64_t first, int64_t count);
sc_node sc_sv_gather(sc_graph *gr, sc_node weight, sc_node category, bool by_row);
sc_node sc_sv_transpose(sc_graph *gr, sc_node weight);
sc_node sc_sv_enumerate(sc_graph *gr, sc_node x, int64_t n_classes);
sc_node sc_sv_repeat(sc_graph *gr, sc_node x, int64_t n_classes);
sc_node sc_sv_unstack(sc_graph *gr, sc_node x, int64_t n_classes);
sc_node sc_sv_pick(sc_graph *gr, sc_node x, sc_node category);
sc_node sc_sv_latent(sc_graph *gr, const char *site, sc_dist q, sc_dist prior);
sc_node sc_sv_kl(sc_graph *g, sc_dist q, sc_dist p, sc_node mask);
sc_node sc_sv_log_prob(sc_graph *g, sc_dist d, sc_node x);
sc_node sc_sv_observe(sc_graph *g, const char *site, sc_dist d, sc_node x, sc_node mask);
void sc_sv_term(sc_graph *gr, const sc_term *t, sc_node x);
void sc_sv_keep(sc_graph *gr, sc_node x);
int sc_sv_side(sc_graph *gr, double lr, double eps);
void sc_sv_schedule(sc_graph *gr, sc_schedule s);
void sc_sv_output(sc_graph *gr, const char *name, sc_output_kind kind, sc_node x, const char *doc);
void sc_sv_loadings(sc_graph *gr, const char *linear, const char *bn, int64_t n_latent);

#endif
