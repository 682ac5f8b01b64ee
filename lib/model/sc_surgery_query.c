/* From a reference and a query's cells to a model that can be trained on them. */
#include "sc_surgery_int.h"

#include "sc_cli.h"
#include "sc_philox.h"
#include "sc_start.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

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
    if (k->panel && !ref->cats[SC_IN_PANEL - SC_IN_BATCH].key)
        return refuse("panel-key", "protein panels", err);
    if (k->proteins && !ref->protein_key)
        return refuse("protein-key", "proteins", err);
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
    n->known = (sc_known){&ref->var, ref->cats, &ref->proteins, min_gene_overlap};
    *keys = *named;
    keys->known = &n->known;
    keys->layer = named->layer ? named->layer : ref->layer;
    keys->batch = key_of(ref, SC_IN_BATCH, named->batch);
    keys->panel = key_of(ref, SC_IN_PANEL, named->panel);
    keys->labels = uses(ref->g, SC_IN_LABELS) ? key_of(ref, SC_IN_LABELS, named->labels) : NULL;
    keys->unlabeled = ref->unlabeled;
    keys->size_factor =
        ref->size_factor && !named->size_factor ? ref->size_factor : named->size_factor;
    keys->proteins = ref->protein_key && !named->proteins ? ref->protein_key : named->proteins;
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

/* What the new panels did not measure; of those that the reference knows it knows that too. */
static sc_status take_missing(sc_net *net, const sc_net *ref, const sc_cells *c, sc_err *err)
{
    const int64_t n = net->dims.n_proteins, n_old = ref->dims.n_panels;
    net->dims.n_proteins_missing = 0;
    if (!ref->protein_missing && !c->protein_missing)
        return SC_OK;
    SC_TRY(sc_alloc(&net->protein_missing, (size_t)(net->dims.n_panels * n), 1, err));
    for (int64_t k = 0; k < net->dims.n_panels * n; k++) {
        const uint8_t *from = k < n_old * n ? ref->protein_missing : c->protein_missing;
        net->protein_missing[k] = from ? from[k] : 0;
        net->dims.n_proteins_missing += net->protein_missing[k];
    }
    return SC_OK;
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
    SC_TRY(sc_strs_copy(&net->proteins, &ref->proteins, err));
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
    net->protein_key = copy_text(ref->protein_key);
    return json_object_set(net->training, "reference", ref->training)
               ? sc_fail(err, SC_ENOMEM, "out of memory")
               : SC_OK;
}

/* Fresh values of what a category has grown, keyed by its name: they are the same in whatever order
 * and company queries are mapped. */
static sc_status start_category(sc_net *net, const sc_gweight *w, int64_t n, bool is_row,
                                int64_t at, const char *name, uint64_t seed, sc_err *err)
{
    const uint64_t h =
        XXH3_64bits_withSeed(name, strlen(name), XXH3_64bits(w->name, strlen(w->name)));
    const sc_key key = {seed, UINT32_C(0x51554552), (uint32_t)h, (uint32_t)(h >> 32)};
    const float bound = w->kind == SC_W_LINEAR && w->arg > 0 ? 1 / sqrtf((float)w->arg) : 0;
    float *x = NULL;
    SC_TRY(sc_alloc(&x, (size_t)n, sizeof *x, err));
    if (bound > 0)
        sc_fill_uniform(key, n, x);
    else
        sc_fill_normal(key, n, x);
    for (int64_t i = 0; i < n; i++) {
        const float v = bound > 0 ? (2 * x[i] - 1) * bound : x[i];
        *sc_surgery_at(net->weights, w, is_row ? at : i, is_row ? i : at) = v;
    }
    free(x);
    return SC_OK;
}

static const char *level_of(const sc_net *net, int input, int64_t i)
{
    const sc_category *c = &net->cats[input - SC_IN_BATCH];
    return i < c->levels.n ? sc_strs_at(&c->levels, i) : NULL;
}

static sc_status start_weight(sc_net *net, const sc_gweight *w, uint64_t seed, sc_err *err)
{
    const bool is_random =
        w->kind == SC_W_LINEAR || (w->kind == SC_W_PLAIN && w->init == SC_INIT_NORMAL);
    int64_t at = 0;
    for (int64_t r = 0; is_random && w->row_input >= 0 && r < w->rows; r++) {
        const char *name = level_of(net, w->row_input, r);
        if (name)
            SC_TRY(start_category(net, w, w->cols, true, r, name, seed, err));
    }
    for (int k = 0; is_random && k < w->n_segments; at += w->segments[k++].n)
        for (int64_t i = 0; w->segments[k].input >= 0 && i < w->segments[k].n; i++) {
            const char *name = level_of(net, w->segments[k].input, i);
            if (name)
                SC_TRY(start_category(net, w, w->rows, false, at + i, name, seed, err));
        }
    return SC_OK;
}

static sc_status set_options(sc_net *net, const sc_surgery_opts *o, sc_err *err)
{
    for (int i = 0; i < o->n_set; i++) {
        char name[64];
        const size_t n = strcspn(o->set[i], "=");
        if (!o->set[i][n] || n >= sizeof name)
            return sc_fail(err, SC_EUSAGE, "--set: '%s' is no NAME=VALUE", o->set[i]);
        memcpy(name, o->set[i], n);
        name[n] = 0;
        SC_TRY(sc_params_set(net->handle.plugin->params, net->opts, name, o->set[i] + n + 1, err));
    }
    return SC_OK;
}

sc_status sc_query_net(sc_net *net, const sc_net *ref, const sc_cells *c, const sc_surgery_opts *o,
                       uint64_t seed, int64_t *n_empty, sc_err *err)
{
    SC_TRY(sc_net_new(net, ref->handle.plugin->name, ref->opts, err));
    SC_TRY(set_options(net, o, err));
    SC_TRY(take_data(net, ref, c, err));
    net->dims = c->dims;
    net->dims.n_labels = ref->dims.n_labels;
    SC_TRY(take_missing(net, ref, c, err));
    net->min_gene_overlap = o->min_gene_overlap;
    SC_TRY(sc_net_build(net, err));
    sc_net_init(net, seed);
    for (int i = 0; i < net->g->n_weights; i++)
        SC_TRY(start_weight(net, &net->g->weights[i], seed, err));
    SC_TRY(sc_start_weights(net, c, seed, n_empty, err));
    return sc_surgery_merge(net, ref, o->is_compat, err);
}
