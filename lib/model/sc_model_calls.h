/*
 * The services of sc_model.h by their usual names, so that build() reads like the paper. Included
 * by sc_model.h: plugins include that.
 */
#ifndef SC_MODEL_CALLS_H
#define SC_MODEL_CALLS_H

#include "sc_model.h"

static inline int64_t sc_dim_of(sc_graph *g, sc_dim d)
{
    return g->sv->dim(g, d);
}
static inline sc_node sc_counts(sc_graph *g, sc_rowset r)
{
    return g->sv->input(g, r, SC_IN_COUNTS, SC_ENCODER_SIDE);
}
static inline sc_node sc_in(sc_graph *g, sc_rowset r, sc_input i, sc_side s)
{
    return g->sv->input(g, r, i, s);
}
static inline void sc_begin(sc_graph *g, sc_part p)
{
    g->sv->part(g, p);
}
static inline sc_node sc_weight(sc_graph *g, const char *name, int64_t rows, int64_t cols,
                                sc_input grows, sc_init init, double arg, unsigned flags)
{
    return g->sv->weight(g, name, rows, cols, grows, init, arg, flags);
}
static inline sc_node sc_linear(sc_graph *g, const char *name, const sc_node *parts, int n,
                                int64_t n_out, unsigned flags)
{
    return g->sv->linear(g, name, parts, n, n_out, flags);
}
static inline sc_node sc_batch_norm(sc_graph *g, const char *name, sc_node x, double eps,
                                    double momentum)
{
    return g->sv->batch_norm(g, name, x, eps, momentum);
}
static inline sc_node sc_layer_norm(sc_graph *g, sc_node x, double eps)
{
    return g->sv->layer_norm(g, x, eps);
}
static inline sc_node sc_dropout(sc_graph *g, sc_node x, double p)
{
    return p > 0 ? g->sv->dropout(g, x, p) : x;
}
static inline sc_node sc_apply(sc_graph *g, sc_map m, sc_node x)
{
    return g->sv->map(g, m, x, 0);
}
static inline sc_node sc_exp(sc_graph *g, sc_node x)
{
    return sc_apply(g, SC_MAP_EXP, x);
}
static inline sc_node sc_log(sc_graph *g, sc_node x)
{
    return sc_apply(g, SC_MAP_LOG, x);
}
static inline sc_node sc_log1p(sc_graph *g, sc_node x)
{
    return sc_apply(g, SC_MAP_LOG1P, x);
}
static inline sc_node sc_softplus(sc_graph *g, sc_node x)
{
    return sc_apply(g, SC_MAP_SOFTPLUS, x);
}
static inline sc_node sc_sigmoid(sc_graph *g, sc_node x)
{
    return sc_apply(g, SC_MAP_SIGMOID, x);
}
static inline sc_node sc_relu(sc_graph *g, sc_node x)
{
    return sc_apply(g, SC_MAP_RELU, x);
}
static inline sc_node sc_neg(sc_graph *g, sc_node x)
{
    return sc_apply(g, SC_MAP_NEG, x);
}
static inline sc_node sc_affine(sc_graph *g, sc_node x, double a, double b)
{
    return g->sv->affine(g, x, a, b);
}
static inline sc_node sc_add(sc_graph *g, sc_node x, sc_node y)
{
    return g->sv->add(g, x, y);
}
static inline sc_node sc_sub(sc_graph *g, sc_node x, sc_node y)
{
    return sc_add(g, x, sc_neg(g, y));
}
static inline sc_node sc_mul(sc_graph *g, sc_node x, sc_node y)
{
    return g->sv->mul(g, x, y);
}
static inline sc_node sc_div(sc_graph *g, sc_node x, sc_node y)
{
    return g->sv->div(g, x, y);
}
static inline sc_node sc_softmax(sc_graph *g, sc_node x)
{
    return g->sv->softmax(g, x);
}
static inline sc_node sc_row_sum(sc_graph *g, sc_node x)
{
    return g->sv->row_sum(g, x);
}
static inline sc_node sc_concat(sc_graph *g, const sc_node *p, int n)
{
    return g->sv->concat(g, p, n);
}
static inline sc_node sc_slice(sc_graph *g, sc_node x, int64_t first, int64_t n)
{
    return g->sv->slice(g, x, first, n);
}
static inline sc_node sc_gather(sc_graph *g, sc_node w, sc_node c)
{
    return g->sv->gather(g, w, c, false);
}
static inline sc_node sc_embed(sc_graph *g, sc_node w, sc_node c)
{
    return g->sv->gather(g, w, c, true);
}
static inline sc_node sc_transpose(sc_graph *g, sc_node w)
{
    return g->sv->transpose(g, w);
}
static inline sc_node sc_stop_gradient(sc_graph *g, sc_node x)
{
    return g->sv->stop_gradient(g, x);
}
static inline sc_node sc_latent(sc_graph *g, const char *site, sc_dist q, sc_dist p)
{
    return g->sv->latent(g, site, q, p);
}
static inline sc_node sc_kl(sc_graph *g, sc_dist q, sc_dist p)
{
    return g->sv->kl(g, q, p, SC_NONE);
}
static inline sc_node sc_log_prob(sc_graph *g, sc_dist d, sc_node x)
{
    return g->sv->log_prob(g, d, x);
}
static inline sc_node sc_observe(sc_graph *g, const char *site, sc_dist d, sc_node x)
{
    return g->sv->observe(g, site, d, x, SC_NONE);
}
static inline void sc_result(sc_graph *g, const char *name, sc_output_kind k, sc_node x,
                             const char *doc)
{
    g->sv->output(g, name, k, x, doc);
}
static inline void sc_minimize(sc_graph *g, const char *name, sc_term_role role, sc_term_weight w,
                               sc_node x)
{
    const sc_term t = {name, role, w, 1, false, 0};
    g->sv->term(g, &t, x);
}

static inline sc_dist sc_normal(sc_node mean, sc_node var)
{
    return (sc_dist){.kind = SC_NORMAL_VAR, .a = mean, .b = var};
}
static inline sc_dist sc_normal_sd(sc_node mean, sc_node sd)
{
    return (sc_dist){.kind = SC_NORMAL_SD, .a = mean, .b = sd};
}
/* N(0,1): both none */
static inline sc_dist sc_standard_normal(void)
{
    return (sc_dist){.kind = SC_NORMAL_VAR, .a = SC_NONE};
}
static inline sc_dist sc_nb(sc_node mean, sc_node inv_disp)
{
    return (sc_dist){.kind = SC_NB, .a = mean, .b = inv_disp, .eps = 1e-8, .eps_total = 1e-8};
}
static inline sc_dist sc_zinb(sc_node mean, sc_node inv_disp, sc_node logits)
{
    return (sc_dist){
        .kind = SC_ZINB, .a = mean, .b = inv_disp, .c = logits, .eps = 1e-8, .eps_total = 1e-8};
}
static inline sc_dist sc_poisson(sc_node rate)
{
    return (sc_dist){.kind = SC_POISSON, .a = rate};
}

#endif
