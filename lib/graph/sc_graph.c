#include "sc_graph.h"

#include "sc_graph_internal.h"

#include <stdlib.h>
#include <string.h>

int64_t sc_graph_categories(const sc_built *g, int input)
{
    switch (input) {
    case SC_IN_BATCH:
        return g->dims.n_batch;
    case SC_IN_PANEL:
        return g->dims.n_panels;
    case SC_IN_LABELS:
        return g->dims.n_labels;
    default:
        return input >= SC_IN_CAT_COV_0 && input < SC_IN_CAT_COV_0 + g->dims.n_cat_covs
                   ? g->dims.n_cats[input - SC_IN_CAT_COV_0]
                   : 0;
    }
}

int sc_graph_weight(const sc_built *g, const char *name)
{
    for (int i = 0; i < g->n_weights; i++)
        if (strcmp(g->weights[i].name, name) == 0)
            return i;
    return -1;
}

int sc_graph_weight_from(const sc_built *g, sc_init init)
{
    for (int i = 0; i < g->n_weights; i++)
        if (g->weights[i].kind == SC_W_PLAIN && g->weights[i].init == init)
            return i;
    return -1;
}

int sc_graph_output(const sc_built *g, const char *name)
{
    for (int i = 0; i < g->n_outputs; i++)
        if (strcmp(g->outputs[i].name, name) == 0)
            return i;
    return -1;
}

int sc_graph_site(const sc_built *g, const char *name)
{
    for (int i = 0; i < g->n_sites; i++)
        if (strcmp(g->sites[i].name, name) == 0)
            return i;
    return -1;
}

sc_node sc_graph_mistake(sc_built *g, const char *fmt, ...)
{
    if (g->err.status == SC_OK) {
        va_list ap;
        va_start(ap, fmt);
        (void)sc_vfail(&g->err, SC_EPLUGIN, fmt, ap);
        va_end(ap);
    }
    return SC_NONE;
}

/* Room for one more of an array that doubles; false (and a mistake) when memory is out. */
static bool grow(sc_built *g, void *array, int n, int *cap, size_t size)
{
    if (n < *cap)
        return true;
    const int more = *cap ? 2 * *cap : 64;
    if (sc_resize(array, (size_t)more, size, &g->err) != SC_OK)
        return false;
    *cap = more;
    return true;
}

sc_node sc_graph_add(sc_built *g, const sc_gnode *n)
{
    if (g->err.status != SC_OK || !grow(g, &g->nodes, g->n_nodes, &g->cap_nodes, sizeof *g->nodes))
        return SC_NONE;
    sc_gnode *at = &g->nodes[g->n_nodes];
    *at = *n;
    for (int i = 0; i < n->n_in && !at->needs_grad; i++)
        at->needs_grad = n->in[i] && g->nodes[n->in[i]].needs_grad;
    return (sc_node){g->n_nodes++};
}

int sc_graph_add_weight(sc_built *g, const sc_gweight *w)
{
    const int old = sc_graph_weight(g, w->name);
    if (old >= 0) {
        const sc_gweight *o = &g->weights[old];
        if (o->rows != w->rows || o->cols != w->cols || o->kind != w->kind) {
            sc_graph_mistake(g, "weight '%s' is used with two shapes", w->name);
            return -1;
        }
        return old;
    }
    if (w->rows <= 0 || w->cols <= 0 || w->rows > (INT64_C(1) << 40) / w->cols) {
        sc_graph_mistake(g, "weight '%s' has no possible shape", w->name);
        return -1;
    }
    if (!grow(g, &g->weights, g->n_weights, &g->cap_weights, sizeof *g->weights))
        return -1;
    sc_gweight *at = &g->weights[g->n_weights];
    *at = *w;
    at->name = strdup(w->name);
    at->part = g->part;
    at->group = g->group;
    if (g->group)
        at->is_saved = false;
    at->offset = g->n_params;
    g->n_params += (w->rows * w->cols + 15) / 16 * 16;
    return g->n_weights++;
}

static sc_status check(const sc_built *g, sc_err *err)
{
    if (g->err.status != SC_OK)
        return sc_fail(err, g->err.status, "%s", g->err.msg);
    if (g->n_terms == 0)
        return sc_fail(err, SC_EPLUGIN, "the model has no term to minimise");
    return SC_OK;
}

sc_status sc_graph_build(sc_built **out, const sc_model *model, const void *opts,
                         const sc_dims *dims, sc_err *err)
{
    sc_built *g = NULL;
    SC_TRY(sc_alloc(&g, 1, sizeof *g, err));
    g->head.sv = &sc_graph_services;
    g->dims = *dims;
    g->n_nodes = 1;
    g->n_groups = 1;
    g->cap_nodes = 64;
    sc_status st = sc_alloc(&g->nodes, 64, sizeof *g->nodes, err);
    if (st == SC_OK) {
        model->build(&g->head, opts);
        st = check(g, err);
    }
    if (st != SC_OK) {
        sc_graph_free(g);
        g = NULL;
    }
    *out = g;
    return st;
}

void sc_graph_free(sc_built *g)
{
    if (!g)
        return;
    for (int i = 0; i < g->n_weights; i++) {
        free(g->weights[i].name);
        free(g->weights[i].segments);
    }
    for (int i = 0; i < g->n_terms; i++)
        free(g->terms[i].name);
    for (int i = 0; i < g->n_outputs; i++) {
        free(g->outputs[i].name);
        free(g->outputs[i].doc);
    }
    for (int i = 0; i < g->n_sites; i++)
        free(g->sites[i].name);
    free(g->loadings_linear);
    free(g->loadings_bn);
    free(g->nodes);
    free(g->weights);
    free(g);
}
