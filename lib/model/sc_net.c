#include "sc_net.h"

#include "sc_cli.h"
#include "sc_pages.h"
#include "sc_philox.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

sc_status sc_net_new(sc_net *net, const char *variant, const void *opts, sc_err *err)
{
    memset(net, 0, sizeof *net);
    SC_TRY(sc_plugin_find(SC_KIND_MODEL, variant, &net->handle, err));
    const sc_plugin *p = net->handle.plugin;
    net->model = p->impl;
    SC_TRY(sc_alloc(&net->opts, 1, p->opts_size, err));
    if (opts)
        memcpy(net->opts, opts, p->opts_size);
    else
        sc_params_default(p->params, net->opts);
    net->training = json_object();
    net->history = json_object();
    return net->training && net->history ? SC_OK : sc_fail(err, SC_ENOMEM, "out of memory");
}

sc_status sc_net_uses(const sc_net *net, unsigned *uses, sc_err *err)
{
    const sc_dims dims = {.n_vars = 2,
                          .n_batch = 2,
                          .n_labels = 2,
                          .n_cat_covs = 1,
                          .n_cont_covs = 1,
                          .n_proteins = 2,
                          .n_panels = 2,
                          .n_cats = {2}};
    sc_built *g = NULL;
    *uses = 0;
    sc_status st = sc_graph_build(&g, net->model, net->opts, &dims, err);
    if (st != SC_OK)
        return sc_err_prefix(err, st, "model '%s'", net->handle.plugin->name);
    for (int i = 1; i < g->n_nodes; i++)
        if (g->nodes[i].op == SC_OP_INPUT)
            *uses |= g->nodes[i].input == SC_IN_PROTEINS ? (unsigned)SC_USES_PROTEINS
                     : g->nodes[i].input == SC_IN_PANEL  ? (unsigned)SC_USES_PANEL
                                                         : 0;
    for (int i = 0; i < g->n_terms; i++) {
        if (g->nodes[g->terms[i].node].stream != SC_ROWS_ALL)
            *uses |= SC_USES_LABELLED;
        if (g->terms[i].spec.weight != SC_WEIGHT_ONE)
            *uses |= SC_USES_KL;
    }
    sc_graph_free(g);
    return SC_OK;
}

static void fill_observed(sc_net *net)
{
    const sc_dims *d = &net->dims;
    for (int i = 0; i < net->g->n_weights; i++) {
        const sc_gweight *w = &net->g->weights[i];
        if (w->kind != SC_W_PLAIN || w->init != SC_INIT_PROTEIN_OBSERVED)
            continue;
        for (int64_t p = 0; p < w->rows; p++)
            for (int64_t b = 0; b < w->cols; b++)
                net->weights[w->offset + p * w->cols + b] =
                    net->protein_missing && net->protein_missing[b * d->n_proteins + p] ? 0 : 1;
    }
}

sc_status sc_net_build(sc_net *net, sc_err *err)
{
    sc_status st = sc_graph_build(&net->g, net->model, net->opts, &net->dims, err);
    if (st != SC_OK)
        return sc_err_prefix(err, st, "model '%s'", net->handle.plugin->name);
    SC_TRY(sc_pages_new(&net->weights, (size_t)net->g->n_params, sizeof(float), err));
    fill_observed(net);
    return SC_OK;
}

static void init_weight(const sc_net *net, const sc_gweight *w, uint64_t seed)
{
    float *to = net->weights + w->offset;
    const int64_t n = w->rows * w->cols;
    const sc_key key = {seed, UINT32_C(0x57454947), (uint32_t)XXH3_64bits(w->name, strlen(w->name)),
                        0};
    const float bound = w->arg > 0 ? 1 / sqrtf((float)w->arg) : 0;
    switch (w->kind) {
    case SC_W_LINEAR:
    case SC_W_BIAS:
        sc_fill_uniform(key, n, to);
        for (int64_t i = 0; i < n; i++)
            to[i] = (2 * to[i] - 1) * bound;
        return;
    case SC_W_BN_MEAN:
    case SC_W_BN_BIAS:
    case SC_W_BN_COUNT:
        memset(to, 0, (size_t)n * sizeof *to);
        return;
    case SC_W_BN_WEIGHT:
    case SC_W_BN_VAR:
        for (int64_t i = 0; i < n; i++)
            to[i] = 1;
        return;
    case SC_W_PLAIN:
        if (w->init == SC_INIT_NORMAL)
            sc_fill_normal(key, n, to);
        else if (w->init == SC_INIT_UNIFORM)
            sc_fill_uniform(key, n, to);
        for (int64_t i = 0; i < n && w->init == SC_INIT_UNIFORM; i++)
            to[i] *= (float)w->arg;
        for (int64_t i = 0; i < n && w->init == SC_INIT_CONSTANT; i++)
            to[i] = (float)w->arg;
        return;
    }
}

void sc_net_init(sc_net *net, uint64_t seed)
{
    memset(net->weights, 0, (size_t)net->g->n_params * sizeof *net->weights);
    for (int i = 0; i < net->g->n_weights; i++)
        init_weight(net, &net->g->weights[i], seed);
    fill_observed(net);
}

void sc_net_set_rows(sc_net *net, int weight, int64_t from, int64_t n, const float *values)
{
    const sc_gweight *w = &net->g->weights[weight];
    float *to = net->weights + w->offset;
    enum { SIDE = 16 }; /* tiles that stay in the cache while they are turned over */
    if (w->kind != SC_W_LINEAR) {
        memcpy(to + from * w->cols, values, (size_t)(n * w->cols) * sizeof *to);
        return;
    }
    for (int64_t r0 = 0; r0 < n; r0 += SIDE)
        for (int64_t c0 = 0; c0 < w->cols; c0 += SIDE)
            for (int64_t c = c0; c < w->cols && c < c0 + SIDE; c++)
                for (int64_t r = r0; r < n && r < r0 + SIDE; r++)
                    to[c * w->rows + from + r] = values[r * w->cols + c];
}

void sc_net_set(sc_net *net, int weight, const float *values)
{
    sc_net_set_rows(net, weight, 0, net->g->weights[weight].rows, values);
}

void sc_net_get(const sc_net *net, int weight, float *values)
{
    sc_exec_export_f32(net->weights, net->g, weight, values);
}

void sc_net_free(sc_net *net)
{
    sc_graph_free(net->g);
    sc_pages_free(net->weights);
    free(net->is_read);
    free(net->opts);
    free(net->layer);
    free(net->size_factor);
    free(net->unlabeled);
    free(net->protein_key);
    free(net->protein_missing);
    sc_strs_free(&net->proteins);
    sc_table_free(&net->var);
    sc_strs_free(&net->cont_covs);
    sc_strs_free(&net->records);
    for (int i = 0; i < SC_IN_MAX; i++)
        sc_category_free(&net->cats[i]);
    json_decref(net->training);
    json_decref(net->history);
    sc_plugin_close(&net->handle);
    memset(net, 0, sizeof *net);
}

sc_status sc_kernels_pick(const char *isa, const sc_kernels **out, sc_err *err)
{
    *out = sc_kernels_get(isa);
    if (*out)
        return SC_OK;
    return sc_fail(err, SC_EUSAGE, "this CPU has no '%s' kernels; the best it has are '%s'", isa,
                   sc_kernels_get(NULL)->isa);
}
