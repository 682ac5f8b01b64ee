/* Services: distributions, terms, outputs, and what else makes a graph a model. */
#include "sc_graph_internal.h"

#include <stdlib.h>
#include <string.h>

/* Appends the parameters of a distribution as parents: d.a ... d.d in order, missing ones left out.
 */
static void add_dist(sc_gnode *n, const sc_dist *d)
{
    const sc_node p[4] = {d->a, d->b, d->c, d->d};
    for (int i = 0; i < 4; i++)
        if (p[i].id)
            n->in[n->n_in++] = p[i].id;
}

sc_node sc_sv_latent(sc_graph *gr, const char *site, sc_dist q, sc_dist prior)
{
    sc_built *g = built(gr);
    const sc_gnode *m = node(g, q.a), *v = node(g, q.b);
    if (!m || !v || m->n_cols != v->n_cols || m->reps == 0 || m->reps != v->reps ||
        m->stream != v->stream || q.kind > SC_NORMAL_SD || g->n_sites == 16)
        return sc_graph_mistake(g, "latent '%s' needs a normal q with mean and variance", site);
    sc_gnode n = like(SC_OP_LATENT, m, q.a);
    n.n_in = 0;
    n.q = q;
    n.p = prior;
    add_dist(&n, &q);
    n.site = g->n_sites;
    const sc_node id = sc_graph_add(g, &n);
    if (id.id)
        g->sites[g->n_sites++] = (sc_gsite){strdup(site), id.id};
    return id;
}

/* Whether parameter p goes with rows like those of `rows` and with `width` columns. A single row
 * may only be trained where the op sums its gradient over the rows, and then not be a single
 * number. */
static bool param_fits(const sc_built *g, sc_node p, const sc_gnode *rows, int64_t width,
                       bool sums_rows)
{
    const sc_gnode *n = node(g, p);
    if (!n)
        return p.id == 0;
    if (n->form != SC_DENSE || (n->n_cols != width && n->n_cols != 1))
        return false;
    if (n->reps == 0)
        return n->n_rows == 1 && (!n->needs_grad || (sums_rows && n->n_cols == width));
    return n->reps == rows->reps && n->stream == rows->stream;
}

static bool dist_fits(const sc_built *g, const sc_dist *d, const sc_gnode *rows, int64_t width,
                      bool sums_rows)
{
    const sc_node p[4] = {d->a, d->b, d->c, d->d};
    for (int i = 0; i < 4; i++)
        if (!param_fits(g, p[i], rows, width, sums_rows))
            return false;
    return true;
}

static bool is_normal(sc_dist_kind k)
{
    return k == SC_NORMAL_VAR || k == SC_NORMAL_SD;
}

static bool is_class(sc_dist_kind k)
{
    return k == SC_CATEGORICAL_LOGITS || k == SC_CATEGORICAL_PROBS;
}

/* As many parameters as the kind has; the standard normal has none. */
static bool has_params(const sc_dist *d)
{
    const bool b = d->kind != SC_POISSON && !is_class(d->kind);
    const bool c = d->kind == SC_ZINB || d->kind == SC_NB_MIXTURE;
    if (is_normal(d->kind) && !d->a.id && !d->b.id)
        return true;
    return d->a.id && (d->b.id || !b) && (d->c.id || !c) && (d->d.id || d->kind != SC_NB_MIXTURE);
}

/* Whether the op knows the kinds, and the value's form. */
static bool kinds_fit(sc_op_id op, const sc_dist *q, const sc_dist *p, const sc_gnode *value)
{
    if (!has_params(q) || (p && !has_params(p)))
        return false;
    switch (op) {
    case SC_OP_KL:
        return q->a.id &&
               (is_normal(q->kind) ? is_normal(p->kind)
                                   : q->kind == SC_CATEGORICAL_PROBS && p->kind == q->kind);
    case SC_OP_LOG_PROB:
        return value && value->form == (is_class(q->kind) ? SC_CODES : SC_DENSE) &&
               (is_class(q->kind) || is_normal(q->kind));
    default: /* an observation sends no gradient to its value */
        return value && value->form != SC_CODES && !value->needs_grad && !is_class(q->kind) &&
               q->a.id;
    }
}

static sc_node dist_op(sc_built *g, sc_op_id op, const sc_dist *q, const sc_dist *p, sc_node x,
                       sc_node mask)
{
    const sc_gnode *a = node(g, q->a), *v = node(g, x);
    const sc_gnode *rows = v && v->reps ? v : a;
    if (!rows || (!a && q->a.id) || (x.id && !v))
        return sc_graph_mistake(g, "a distribution lacks its parameters or its value");
    if (!kinds_fit(op, q, p, v))
        return sc_graph_mistake(g, "a distribution of a kind that can't be used so");
    const bool codes = v && v->form == SC_CODES;
    const int64_t width = v && !codes ? v->n_cols : a ? a->n_cols : 0;
    const bool sums = op == SC_OP_OBSERVE;
    if (p && p->kind == SC_CATEGORICAL_PROBS && node(g, p->a) && node(g, p->a)->needs_grad)
        return sc_graph_mistake(g, "the prior of a class can't be trained");
    if (rows->reps == 0 || !dist_fits(g, q, rows, width, sums) ||
        (p && !dist_fits(g, p, rows, width, sums)) || (codes && v->n_cols != width) ||
        (mask.id && (!param_fits(g, mask, rows, width, false) || node(g, mask)->n_cols != width)))
        return sc_graph_mistake(
            g, "a distribution's parameters, value and mask have shapes that don't go together");
    sc_gnode n = like(op, rows, SC_NONE);
    n.form = SC_DENSE;
    n.n_cols = 1;
    n.n_in = 0;
    n.q = *q;
    if (p)
        n.p = *p;
    add_dist(&n, q);
    if (p)
        add_dist(&n, p);
    if (x.id)
        n.in[n.n_in++] = x.id;
    if (mask.id)
        n.in[n.n_in++] = mask.id;
    n.first = x.id;
    n.bias = mask.id;
    return sc_graph_add(g, &n);
}

sc_node sc_sv_kl(sc_graph *g, sc_dist q, sc_dist p, sc_node mask)
{
    return dist_op(built(g), SC_OP_KL, &q, &p, SC_NONE, mask);
}
sc_node sc_sv_log_prob(sc_graph *g, sc_dist d, sc_node x)
{
    return dist_op(built(g), SC_OP_LOG_PROB, &d, NULL, x, SC_NONE);
}

sc_node sc_sv_observe(sc_graph *g, const char *site, sc_dist d, sc_node x, sc_node mask)
{
    (void)site; /* the input that x is names it */
    return dist_op(built(g), SC_OP_OBSERVE, &d, NULL, x, mask);
}

void sc_sv_term(sc_graph *gr, const sc_term *t, sc_node x)
{
    sc_built *g = built(gr);
    const sc_gnode *p = node(g, x);
    if (!p || p->n_cols != 1 || p->reps == 0 || g->n_terms == 32) {
        sc_graph_mistake(g, "term '%s' needs one column with a value for each row", t->name);
        return;
    }
    if (t->group < 0 || t->group >= g->n_groups) {
        sc_graph_mistake(g, "term '%s' is of a side network that there isn't", t->name);
        return;
    }
    sc_gterm *at = &g->terms[g->n_terms++];
    *at = (sc_gterm){strdup(t->name), *t, x.id};
    at->spec.name = at->name;
    if (at->spec.factor == 0)
        at->spec.factor = 1;
}

void sc_sv_keep(sc_graph *gr, sc_node x)
{
    sc_built *g = built(gr);
    if (!node(g, x) || g->n_keeps == 16)
        sc_graph_mistake(g, "there is nothing to keep, or more than a graph keeps");
    else
        g->keeps[g->n_keeps++] = x.id;
}

int sc_sv_side(sc_graph *gr, double lr, double eps)
{
    sc_built *g = built(gr);
    if (g->n_groups == SC_GROUPS_MAX) {
        sc_graph_mistake(g, "too many side networks");
        return 0;
    }
    g->group_lr[g->n_groups] = lr;
    g->group_eps[g->n_groups] = eps;
    g->group = g->n_groups;
    return g->n_groups++;
}

void sc_sv_schedule(sc_graph *gr, sc_schedule s)
{
    built(gr)->schedule = s;
}

void sc_sv_output(sc_graph *gr, const char *name, sc_output_kind kind, sc_node x, const char *doc)
{
    sc_built *g = built(gr);
    if (!x.id || g->n_outputs == 32) {
        sc_graph_mistake(g, "output '%s' has no value", name);
        return;
    }
    g->outputs[g->n_outputs++] = (sc_goutput){strdup(name), strdup(doc), kind, x.id};
}

void sc_sv_loadings(sc_graph *gr, const char *linear, const char *bn, int64_t n_latent)
{
    sc_built *g = built(gr);
    g->loadings_linear = strdup(linear);
    g->loadings_bn = bn ? strdup(bn) : NULL;
    g->loadings_latent = n_latent;
}
