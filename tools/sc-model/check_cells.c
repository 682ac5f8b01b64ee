/* The cells that plugins are checked on, and models over them. */
#include "check.h"

#include "sc_cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int32_t levels[CHECK_CODES] = {3, 3, 3, 2, 3, 1};

static double uniform(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*state >> 11) / 9007199254740992.0;
}

void check_cells_fill(check_cells *t)
{
    uint64_t s = 12;
    int64_t k = 0;
    memset(t, 0, sizeof *t);
    for (int i = 0; i < CHECK_ROWS; i++) {
        t->keys[i] = (uint64_t)(1000 + i);
        for (int32_t j = 0; j < CHECK_VARS; j++) {
            const double u = uniform(&s);
            if (u < 0.6 || j == 7 || i == 5) /* a gene is never seen, a cell is empty */
                continue;
            t->indices[k] = j;
            t->values[k] = (float)ceil((u - 0.6) * 30);
            t->lgamma_x1[k] = (float)lgamma((double)t->values[k] + 1);
            k++;
        }
        t->indptr[i + 1] = k;
        for (int j = 0; j < CHECK_PROTEINS; j++)
            t->proteins[i * CHECK_PROTEINS + j] = (float)floor(uniform(&s) * 20);
        for (int j = 0; j < CHECK_CONT; j++)
            t->cont_covs[i * CHECK_CONT + j] = (float)(uniform(&s) - 0.5);
        t->size_factor[i] = (float)(0.5 + 10 * uniform(&s));
        for (int c = 0; c < CHECK_CODES; c++)
            t->codes[c][i] = (int32_t)(uniform(&s) * levels[c]);
    }
}

void check_cells_order(check_cells *to, const check_cells *from, const int *order, int n)
{
    int64_t k = 0;
    memset(to, 0, sizeof *to);
    for (int i = 0; i < n; i++) {
        const int r = order[i];
        to->keys[i] = from->keys[r];
        for (int64_t at = from->indptr[r]; at < from->indptr[r + 1]; at++, k++) {
            to->indices[k] = from->indices[at];
            to->values[k] = from->values[at];
            to->lgamma_x1[k] = from->lgamma_x1[at];
        }
        to->indptr[i + 1] = k;
        memcpy(to->proteins + i * CHECK_PROTEINS, from->proteins + r * CHECK_PROTEINS,
               CHECK_PROTEINS * sizeof(float));
        memcpy(to->cont_covs + i * CHECK_CONT, from->cont_covs + r * CHECK_CONT,
               CHECK_CONT * sizeof(float));
        to->size_factor[i] = from->size_factor[r];
        for (int c = 0; c < CHECK_CODES; c++)
            to->codes[c][i] = from->codes[c][r];
    }
}

sc_mini check_mini(const check_cells *t, const sc_net *net, int from, int n)
{
    static const int32_t none[CHECK_ROWS] = {0};
    sc_mini m = {.n = n,
                 .keys = t->keys + from,
                 .indptr = t->indptr + from,
                 .indices = t->indices,
                 .values = t->values,
                 .lgamma_x1 = t->lgamma_x1,
                 .proteins = t->proteins + from * CHECK_PROTEINS,
                 .cont_covs = t->cont_covs + from * CHECK_CONT,
                 .size_factor = t->size_factor + from};
    for (int c = 0; c < CHECK_CODES; c++)
        m.codes[c][0] = m.codes[c][1] = net->cats[c].key ? t->codes[c] + from : none;
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
    return push_names(&net->cats[c].levels, key, levels[c], err);
}

/* Three batches, labels, covariates; the last panel lacks the last protein. */
static sc_status name_all(sc_net *net, bool sized, sc_err *err)
{
    static const char *const keys[CHECK_CODES] = {"batch", "panel", "label", "sex", "site", "one"};
    sc_dims *d = &net->dims;
    for (int c = 0; c < CHECK_CODES; c++)
        if (c != SC_IN_PANEL - SC_IN_BATCH || d->n_proteins)
            SC_TRY(name_category(net, c, keys[c], err));
    d->n_batch = d->n_panels = d->n_labels = 3;
    d->n_cat_covs = CHECK_CODES - 3;
    for (int c = 3; c < CHECK_CODES; c++)
        d->n_cats[c - 3] = levels[c];
    d->n_cont_covs = CHECK_CONT;
    SC_TRY(push_names(&net->cont_covs, "score", CHECK_CONT, err));
    if (d->n_proteins) {
        SC_TRY(sc_alloc(&net->protein_missing, 3 * CHECK_PROTEINS, 1, err));
        net->protein_missing[3 * CHECK_PROTEINS - 1] = 1;
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
        net->dims.n_proteins = CHECK_PROTEINS;
        SC_TRY(push_names(&net->proteins, "protein", CHECK_PROTEINS, err));
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
