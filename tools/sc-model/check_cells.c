/* Models over the made-up cells that plugins are checked on. */
#include "check.h"

#include "sc_cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

sc_mini check_mini(const sc_made_cells *t, const sc_net *net, int from, int n)
{
    static const int32_t none[CHECK_ROWS] = {0};
    sc_mini m = sc_made_mini(t, from, n);
    for (int c = 0; c < SC_MADE_CODES; c++)
        if (!net->cats[c].key)
            m.codes[c][0] = m.codes[c][1] = none;
    return m;
}

unsigned check_streams(const sc_net *net)
{
    unsigned streams = 0;
    for (int i = 0; i < net->g->n_terms; i++)
        streams |= 1U << net->g->nodes[net->g->terms[i].node].stream;
    return streams;
}

const char *check_data_name(check_data data)
{
    static const char *const names[] = {"no batches and covariates", "batches and covariates",
                                        "size factors"};
    return names[data];
}

static sc_status push_names(sc_strs *to, const char *what, int n, sc_err *err)
{
    char name[64];
    for (int i = 0; i < n; i++) {
        const int len = snprintf(name, sizeof name, "%s_%d", what, i);
        SC_TRY(sc_strs_push(to, name, (size_t)len, err));
    }
    return SC_OK;
}

static sc_status name_category(sc_net *net, int c, const char *key, sc_err *err)
{
    net->cats[c].key = strdup(key);
    if (!net->cats[c].key)
        return sc_fail(err, SC_ENOMEM, "out of memory");
    return push_names(&net->cats[c].levels, key, sc_made_levels[c], err);
}

/* Three batches, labels, covariates; the last panel lacks the last protein. */
static sc_status name_all(sc_net *net, bool sized, sc_err *err)
{
    static const char *const keys[SC_MADE_CODES] = {"batch", "panel", "label",
                                                    "sex",   "site",  "one"};
    sc_dims *d = &net->dims;
    for (int c = 0; c < SC_MADE_CODES; c++)
        if (c != SC_IN_PANEL - SC_IN_BATCH || d->n_proteins)
            SC_TRY(name_category(net, c, keys[c], err));
    d->n_batch = d->n_panels = d->n_labels = 3;
    d->n_cat_covs = SC_MADE_CODES - 3;
    for (int c = 3; c < SC_MADE_CODES; c++)
        d->n_cats[c - 3] = sc_made_levels[c];
    d->n_cont_covs = SC_MADE_CONT;
    SC_TRY(push_names(&net->cont_covs, "score", SC_MADE_CONT, err));
    if (d->n_proteins) {
        SC_TRY(sc_alloc(&net->protein_missing, 3 * SC_MADE_PROTEINS, 1, err));
        net->protein_missing[3 * SC_MADE_PROTEINS - 1] = 1;
        d->n_proteins_missing = 1;
    }
    d->has_size_factor = sized;
    net->size_factor = sized ? strdup("size_factor") : NULL;
    return SC_OK;
}

static sc_status name_data(const check *c, check_data data, sc_net *net, sc_err *err)
{
    net->dims = (sc_dims){.n_vars = CHECK_VARS, .n_batch = 1, .n_panels = 1};
    net->var.n_rows = CHECK_VARS;
    SC_TRY(push_names(&net->var.names, "gene", CHECK_VARS, err));
    if (c->uses & SC_USES_PROTEINS) {
        net->protein_key = strdup("protein_expression");
        net->dims.n_proteins = SC_MADE_PROTEINS;
        SC_TRY(push_names(&net->proteins, "protein", SC_MADE_PROTEINS, err));
    }
    if (data != CHECK_PLAIN)
        SC_TRY(name_all(net, data == CHECK_SIZED, err));
    else if (c->uses & SC_USES_LABELLED) {
        net->dims.n_labels = 3;
        SC_TRY(name_category(net, SC_IN_LABELS - SC_IN_BATCH, "label", err));
    }
    if (c->uses & SC_USES_LABELLED)
        net->unlabeled = strdup("Unknown");
    return SC_OK;
}

/* Away from the start's symmetries; what the data would fill is something positive. */
static void stir(sc_net *net)
{
    for (int i = 0; i < net->g->n_weights; i++) {
        const sc_gweight *w = &net->g->weights[i];
        const bool is_norm = w->kind == SC_W_BN_WEIGHT || w->kind == SC_W_BN_BIAS;
        const bool is_datas = w->kind == SC_W_PLAIN && w->init >= SC_INIT_LIBRARY_LOG_MEANS &&
                              w->init != SC_INIT_PROTEIN_OBSERVED;
        float *at = net->weights + w->offset;
        for (int64_t k = 0; k < w->rows * w->cols && (is_norm || is_datas); k++)
            at[k] = is_datas ? 1 + 0.1F * (float)(k % 20) : at[k] + 0.05F * (float)(k % 5);
    }
}

sc_status check_net(const check *c, check_data data, const void *opts, sc_net *net, sc_err *err)
{
    SC_TRY(sc_net_new(net, c->h.path, opts, err));
    SC_TRY(name_data(c, data, net, err));
    SC_TRY(sc_graph_build(&net->g, net->model, net->opts, &net->dims, err));
    if (net->g->n_params > CHECK_PARAMS)
        return SC_OK;
    sc_graph_free(net->g);
    net->g = NULL;
    SC_TRY(sc_net_build(net, err));
    sc_net_init(net, 5);
    stir(net);
    return SC_OK;
}
