#include "sc_loadings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const float *bn_vector(const sc_net *net, const char *suffix)
{
    char name[512];
    (void)snprintf(name, sizeof name, "%s.%s", net->g->loadings_bn, suffix);
    const int w = sc_graph_weight(net->g, name);
    return w < 0 ? NULL : net->weights + net->g->weights[w].offset;
}

/* The epsilon of the batch norm over this weight. */
static double bn_eps(const sc_net *net, const float *weight)
{
    for (int i = 1; i < net->g->n_nodes; i++) {
        const sc_gnode *n = &net->g->nodes[i];
        if (n->op == SC_OP_BATCH_NORM && net->weights + net->g->weights[n->weight].offset == weight)
            return n->arg;
    }
    return 0;
}

sc_status sc_loadings(const sc_net *net, float **out, int64_t *n_latent, sc_err *err)
{
    const sc_built *g = net->g;
    char name[512];
    *out = NULL;
    if (!g->loadings_linear)
        return sc_fail(err, SC_EUSAGE, "model '%s' has no linear decoder, so it has no loadings",
                       net->handle.plugin->name);
    (void)snprintf(name, sizeof name, "%s.weight", g->loadings_linear);
    const int at = sc_graph_weight(g, name);
    if (at < 0)
        return sc_fail(err, SC_EPLUGIN, "model '%s' names loadings '%s' that it does not have",
                       net->handle.plugin->name, name);
    const sc_gweight *w = &g->weights[at];
    const int64_t n_vars = w->rows, d = g->loadings_latent;
    SC_TRY(sc_alloc(out, (size_t)(n_vars * d), sizeof(float), err));
    const float *scale = g->loadings_bn ? bn_vector(net, "weight") : NULL;
    const float *var = g->loadings_bn ? bn_vector(net, "running_var") : NULL;
    const double eps = scale ? bn_eps(net, scale) : 0;
    for (int64_t j = 0; j < n_vars; j++) {
        const double b = scale && var ? (double)scale[j] / sqrt((double)var[j] + eps) : 1;
        for (int64_t k = 0; k < d; k++)
            (*out)[j * d + k] = (float)(b * (double)net->weights[w->offset + k * w->rows + j]);
    }
    *n_latent = d;
    return SC_OK;
}
