/* From a reference and a query's cells to a model that can be trained on them. */
#include "sc_surgery_int.h"

#include <stdlib.h>
#include <string.h>

static bool uses(const sc_built *g, int input)
{
    for (int i = 1; i < g->n_nodes; i++)
        if (g->nodes[i].op == SC_OP_INPUT && g->nodes[i].input == input)
            return true;
    return false;
}

static const char *key_of(const sc_net *ref, int input, const char *named)
{
    const sc_category *c = &ref->cats[input - SC_IN_BATCH];
    return !c->key ? NULL : named ? named : c->key;
}

static sc_status refuse(const char *option, const char *what, sc_err *err)
{
    return sc_fail(err, SC_EUSAGE, "--%s: the reference was trained without %s", option, what);
}

static sc_status check_named(const sc_net *ref, const sc_keys *k, sc_err *err)
{
    if (k->batch && !ref->cats[0].key)
        return refuse("batch-key", "batches", err);
    if (k->labels && !uses(ref->g, SC_IN_LABELS))
        return refuse("labels-key", "labels", err);
    if (k->size_factor && !ref->size_factor)
        return refuse("size-factor-key", "size factors", err);
    if (k->n_cat_covs && k->n_cat_covs != ref->dims.n_cat_covs)
        return sc_fail(err, SC_EUSAGE,
                       "--cat-covariate: the reference has %d of them, and %d are named",
                       (int)ref->dims.n_cat_covs, k->n_cat_covs);
    if (k->n_cont_covs && k->n_cont_covs != ref->dims.n_cont_covs)
        return sc_fail(err, SC_EUSAGE,
                       "--cont-covariate: the reference has %d of them, and %d are named",
                       (int)ref->dims.n_cont_covs, k->n_cont_covs);
    return SC_OK;
}

sc_status sc_query_keys(sc_query_names *n, const sc_net *ref, const sc_keys *named,
                        double min_gene_overlap, sc_keys *keys, sc_err *err)
{
    SC_TRY(check_named(ref, named, err));
    n->known = (sc_known){&ref->var, ref->cats, min_gene_overlap};
    *keys = *named;
    keys->known = &n->known;
    keys->layer = named->layer ? named->layer : ref->layer;
    keys->batch = key_of(ref, SC_IN_BATCH, named->batch);
    keys->labels = uses(ref->g, SC_IN_LABELS) ? key_of(ref, SC_IN_LABELS, named->labels) : NULL;
    keys->unlabeled = ref->unlabeled;
    keys->size_factor =
        ref->size_factor && !named->size_factor ? ref->size_factor : named->size_factor;
    keys->n_cat_covs = (int)ref->dims.n_cat_covs;
    keys->n_cont_covs = (int)ref->dims.n_cont_covs;
    if (!named->n_cat_covs) {
        for (int i = 0; i < keys->n_cat_covs; i++)
            n->cat_covs[i] = ref->cats[SC_IN_CAT_COV_0 - SC_IN_BATCH + i].key;
        keys->cat_covs = n->cat_covs;
    }
    if (!named->n_cont_covs) {
        SC_TRY(sc_alloc(&n->cont_covs, (size_t)keys->n_cont_covs + 1, sizeof *n->cont_covs, err));
        for (int i = 0; i < keys->n_cont_covs; i++)
            n->cont_covs[i] = sc_strs_at(&ref->cont_covs, i);
        keys->cont_covs = n->cont_covs;
    }
    return SC_OK;
}

void sc_query_names_free(sc_query_names *n)
{
    free(n->cont_covs);
    n->cont_covs = NULL;
}

static char *copy_text(const char *s)
{
    return s ? strdup(s) : NULL;
}

/* Genes, keys and provenance; categories come from the cells, under the reference's names. */
static sc_status take_data(sc_net *net, const sc_net *ref, const sc_cells *c, sc_err *err)
{
    SC_TRY(sc_table_copy(&net->var, &ref->var, err));
    SC_TRY(sc_strs_copy(&net->cont_covs, &ref->cont_covs, err));
    SC_TRY(sc_strs_copy(&net->records, &ref->records, err));
    for (int64_t i = 0; i < c->records.n; i++) {
        const char *s = sc_strs_at(&c->records, i);
        SC_TRY(sc_strs_push(&net->records, s, strlen(s), err));
    }
    for (int i = 0; i < SC_IN_MAX; i++) {
        const sc_category *old = &ref->cats[i], *now = c->cats[i].key ? &c->cats[i] : old;
        net->cats[i].key = copy_text(old->key);
        SC_TRY(sc_strs_copy(&net->cats[i].levels, &now->levels, err));
    }
    net->layer = copy_text(ref->layer);
    net->size_factor = copy_text(ref->size_factor);
    net->unlabeled = copy_text(ref->unlabeled);
    return json_object_set(net->training, "reference", ref->training)
               ? sc_fail(err, SC_ENOMEM, "out of memory")
               : SC_OK;
}

sc_status sc_query_net(sc_net *net, const sc_net *ref, const sc_cells *c, const sc_surgery_opts *o,
                       uint64_t seed, int64_t *n_empty, sc_err *err)
{
    SC_TRY(sc_net_new(net, ref->handle.plugin->name, ref->opts, err));
    SC_TRY(take_data(net, ref, c, err));
    net->dims = c->dims;
    net->dims.n_labels = ref->dims.n_labels;
    net->min_gene_overlap = o->min_gene_overlap;
    SC_TRY(sc_net_build(net, err));
    sc_net_init(net, seed);
    const int mean = sc_graph_weight_from(net->g, SC_INIT_LIBRARY_LOG_MEANS),
              var = sc_graph_weight_from(net->g, SC_INIT_LIBRARY_LOG_VARS);
    *n_empty = 0;
    if (mean >= 0 && var >= 0)
        sc_cells_library(c, net->weights + net->g->weights[mean].offset,
                         net->weights + net->g->weights[var].offset, n_empty);
    return sc_surgery_merge(net, ref, o->is_compat, err);
}
