/* What a model.pt of scvi-tools says of the data: genes, proteins, categories. */
#include "sc_net_pt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sc_status category_from_pt(sc_category *c, const sc_pt_category *from, sc_err *err)
{
    c->key = from->key ? strdup(from->key) : NULL;
    for (size_t i = 0; i < from->levels.n; i++)
        SC_TRY(sc_strs_push(&c->levels, from->levels.s[i], strlen(from->levels.s[i]), err));
    return SC_OK;
}

/* Names and obsm of the proteins, and what which batch measured. */
static sc_status proteins_from_pt(sc_net *net, const sc_pt_registry *r, sc_err *err)
{
    sc_dims *s = &net->dims;
    const char *key = sc_pt_as_text(sc_pt_get(r->setup_args, "protein_expression_obsm_key"));
    s->n_proteins = (int64_t)r->proteins.n;
    if (!s->n_proteins)
        return SC_OK;
    net->protein_key = strdup(key ? key : "protein_expression");
    for (size_t i = 0; i < r->proteins.n; i++)
        SC_TRY(sc_strs_push(&net->proteins, r->proteins.s[i], strlen(r->proteins.s[i]), err));
    if (!r->n_masks)
        return SC_OK;
    SC_TRY(sc_alloc(&net->protein_missing, (size_t)(s->n_panels * s->n_proteins), 1, err));
    for (size_t k = 0; k < r->n_masks; k++) {
        char *end = NULL;
        const long b = strtol(r->masks[k].batch, &end, 10);
        if (*end || b < 0 || b >= s->n_panels || (int64_t)r->masks[k].n != s->n_proteins)
            return sc_fail(err, SC_EFORMAT, "the proteins measured in batch '%s' can't be read",
                           r->masks[k].batch);
        for (int64_t p = 0; p < s->n_proteins; p++) {
            net->protein_missing[b * s->n_proteins + p] = !r->masks[k].seen[p];
            s->n_proteins_missing += !r->masks[k].seen[p];
        }
    }
    return SC_OK;
}

/* The model's genes: of several modalities (a MuData), those of the one that X is. */
static sc_status genes_of(const sc_pt *pt, const sc_pt_registry *r, const sc_pt_names **genes,
                          sc_err *err)
{
    const sc_pt_value *x = sc_pt_get(sc_pt_get(r->fields, "X"), "data_registry");
    const char *key = sc_pt_as_text(sc_pt_get(x, "mod_key"));
    for (size_t i = 0; i < sc_pt_n_modalities(pt); i++) {
        const sc_pt_modality *m = sc_pt_modality_at(pt, i);
        if (sc_pt_n_modalities(pt) == 1 || (key && m->name && strcmp(key, m->name) == 0))
            *genes = &m->vars;
    }
    return *genes ? SC_OK
                  : sc_fail(err, SC_EFORMAT, "the model does not say which modality its genes are");
}

sc_status sc_net_pt_data(sc_net *net, const sc_pt *pt, sc_err *err)
{
    const sc_pt_registry *r = sc_pt_get_registry(pt);
    sc_dims *s = &net->dims;
    const char *text;
    SC_TRY(category_from_pt(&net->cats[0], &r->batch, err));
    SC_TRY(category_from_pt(&net->cats[SC_IN_LABELS - SC_IN_BATCH], &r->labels, err));
    SC_TRY(category_from_pt(&net->cats[SC_IN_PANEL - SC_IN_BATCH], &r->panel, err));
    s->n_batch = r->batch.levels.n ? (int64_t)r->batch.levels.n : 1;
    s->n_panels = r->panel.levels.n ? (int64_t)r->panel.levels.n : s->n_batch;
    s->n_labels = (int64_t)r->labels.levels.n;
    if (r->unlabeled_category && s->n_labels > 0) { /* the last level, and no class */
        net->unlabeled = strdup(r->unlabeled_category);
        s->n_labels--;
    }
    SC_TRY(proteins_from_pt(net, r, err));
    s->n_cat_covs = (int64_t)r->n_cat_covs;
    if (s->n_cat_covs > SC_IN_MAX - (SC_IN_CAT_COV_0 - SC_IN_BATCH))
        return sc_fail(err, SC_EFORMAT, "the model has too many covariates");
    for (size_t i = 0; i < r->n_cat_covs; i++) {
        SC_TRY(category_from_pt(&net->cats[SC_IN_CAT_COV_0 - SC_IN_BATCH + (int)i], &r->cat_covs[i],
                                err));
        s->n_cats[i] = (int64_t)r->cat_covs[i].levels.n;
    }
    for (size_t i = 0; i < r->cont_covs.n; i++)
        SC_TRY(sc_strs_push(&net->cont_covs, r->cont_covs.s[i], strlen(r->cont_covs.s[i]), err));
    s->n_cont_covs = net->cont_covs.n;
    if ((text = sc_pt_as_text(sc_pt_get(r->setup_args, "layer"))))
        net->layer = strdup(text);
    if ((text = sc_pt_as_text(sc_pt_get(r->setup_args, "size_factor_key"))))
        net->size_factor = strdup(text);
    s->has_size_factor = net->size_factor != NULL;
    for (int i = 0; i < SC_IN_MAX; i++) /* a column that scvi-tools made up when no key was given */
        if (net->cats[i].key && strncmp(net->cats[i].key, "_scvi_", 6) == 0)
            sc_category_free(&net->cats[i]);
    const sc_pt_names *v = NULL;
    SC_TRY(genes_of(pt, r, &v, err));
    for (size_t i = 0; i < v->n; i++)
        SC_TRY(sc_strs_push(&net->var.names, v->s[i], strlen(v->s[i]), err));
    s->n_vars = net->var.n_rows = net->var.names.n;
    return SC_OK;
}

sc_status sc_net_pt_variant(const char *class_name, char *variant, size_t n, sc_err *err)
{
    sc_plugin_list list = {0};
    char known[SC_ERR_MAX / 2] = "";
    size_t at = 0;
    if (!class_name)
        return sc_fail(err, SC_EFORMAT,
                       "registry_ has no model_name: not a model saved by scvi-tools");
    SC_TRY(sc_plugin_list_load(SC_KIND_MODEL, &list, err));
    variant[0] = 0;
    for (int i = 0; i < list.n; i++) {
        const sc_plugin *p = list.items[i].h.plugin;
        const sc_model *m = p ? p->impl : NULL;
        if (!m || !m->scvi_class)
            continue;
        if (strcmp(m->scvi_class, class_name) == 0)
            (void)snprintf(variant, n, "%s", p->name);
        if (at < sizeof known)
            at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", at ? ", " : "",
                                   m->scvi_class);
    }
    sc_plugin_list_free(&list);
    return variant[0] ? SC_OK
                      : sc_fail(err, SC_EUSAGE,
                                "is of scvi-tools' class '%s', which no plugin reads; there are "
                                "plugins for %s",
                                class_name, known[0] ? known : "none");
}
