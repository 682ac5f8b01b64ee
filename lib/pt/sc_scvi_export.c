#include "sc_scvi_export.h"

#include "sc_scvi_args.h"
#include "sc_scvi_levels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the set-up of a class knows: its arguments, and the fields they become. */
enum {
    HAS_LAYER = 1,
    HAS_BATCH = 2,
    HAS_LABELS = 4,
    HAS_SIZE_FACTOR = 8,
    HAS_CATS = 16,
    HAS_CONTS = 32,
    HAS_UNLABELED = 64,
    HAS_PROTEINS = 128
};

static const struct {
    const char *name;
    unsigned has;
} classes[] = {
    {"SCVI", HAS_LAYER | HAS_BATCH | HAS_LABELS | HAS_SIZE_FACTOR | HAS_CATS | HAS_CONTS},
    {"LinearSCVI", HAS_LAYER | HAS_BATCH | HAS_LABELS},
    {"SCANVI",
     HAS_LAYER | HAS_BATCH | HAS_LABELS | HAS_SIZE_FACTOR | HAS_CATS | HAS_CONTS | HAS_UNLABELED},
    {"TOTALVI", HAS_LAYER | HAS_BATCH | HAS_SIZE_FACTOR | HAS_CATS | HAS_CONTS | HAS_PROTEINS},
};

typedef struct job {
    const sc_net *net;
    sc_scvi_cells cells;
    sc_pt_writer *w;
    unsigned has;
} job;

static void begin(job *j, const char *key)
{
    sc_pt_put_text(j->w, key);
    sc_pt_put_begin(j->w, SC_PT_DICT);
}

static void end(job *j)
{
    sc_pt_put_end(j->w);
}

static void text(job *j, const char *key, const char *value)
{
    sc_pt_put_text(j->w, key);
    sc_pt_put_text(j->w, value);
}

static void number(job *j, const char *key, int64_t value)
{
    sc_pt_put_text(j->w, key);
    sc_pt_put_int(j->w, value);
}

static const sc_category *category(const job *j, int input)
{
    return &j->net->cats[input - SC_IN_BATCH];
}

static sc_status put_levels(job *j, const sc_category *c, const char *more, sc_err *err)
{
    const sc_col *col = j->cells.obs ? sc_table_find(j->cells.obs, c->key) : NULL;
    return sc_scvi_put_levels(j->w, c, col, more, err);
}

static void field_begin(job *j, const char *field, const char *attr, const char *key)
{
    begin(j, field);
    begin(j, "data_registry");
    if (attr) {
        text(j, "attr_name", attr);
        text(j, "attr_key", key);
    }
    end(j);
    begin(j, "state_registry");
}

/* Ends a field; count NULL: it has no statistics. */
static void field_end(job *j, const char *count, int64_t n)
{
    end(j);
    begin(j, "summary_stats");
    if (count)
        number(j, count, n);
    end(j);
    end(j);
}

static sc_status put_x(job *j, sc_err *err)
{
    field_begin(j, "X", j->cells.layer ? "layers" : "X", j->cells.layer);
    number(j, "n_obs", j->cells.n_obs);
    number(j, "n_vars", j->net->dims.n_vars);
    sc_pt_put_text(j->w, "column_names");
    SC_TRY(sc_scvi_put_names(j->w, &j->net->var.names, NULL, err));
    end(j);
    begin(j, "summary_stats");
    number(j, "n_vars", j->net->dims.n_vars);
    number(j, "n_cells", j->cells.n_obs);
    end(j);
    end(j);
    return SC_OK;
}

/* Batch or labels; without a column, scvi-tools makes one of zeros. */
static sc_status put_category(job *j, const char *field, int input, sc_err *err)
{
    static const int64_t zero[] = {0};
    const sc_category *c = category(j, input);
    const bool adds_unlabeled = input == SC_IN_LABELS && j->has & HAS_UNLABELED;
    const char *unlabeled = adds_unlabeled ? j->net->unlabeled : NULL;
    int64_t n = c->levels.n;
    if (unlabeled && n && strcmp(sc_strs_at(&c->levels, n - 1), unlabeled) == 0)
        unlabeled = NULL; /* is the last level already */
    char column[64], count[64];
    (void)snprintf(column, sizeof column, "_scvi_%s", field);
    (void)snprintf(count, sizeof count, "n_%s", field);
    field_begin(j, field, "obs", column);
    sc_pt_put_text(j->w, "categorical_mapping");
    if (c->key)
        SC_TRY(put_levels(j, c, unlabeled, err));
    else
        sc_pt_put_ints(j->w, 1, zero);
    text(j, "original_key", c->key ? c->key : column);
    if (adds_unlabeled)
        text(j, "unlabeled_category", j->net->unlabeled);
    field_end(j, count, c->key ? n + (unlabeled != NULL) : 1);
    return SC_OK;
}

static sc_status put_cat_covs(job *j, sc_err *err)
{
    const int64_t n = j->net->dims.n_cat_covs;
    field_begin(j, "extra_categorical_covs", n ? "obsm" : NULL, "_scvi_extra_categorical_covs");
    if (n) {
        begin(j, "mappings");
        for (int64_t i = 0; i < n; i++) {
            const sc_category *c = category(j, SC_IN_CAT_COV_0 + (int)i);
            sc_pt_put_text(j->w, c->key);
            SC_TRY(put_levels(j, c, NULL, err));
        }
        end(j);
        sc_pt_put_text(j->w, "field_keys");
        sc_pt_put_begin(j->w, SC_PT_LIST);
        for (int64_t i = 0; i < n; i++)
            sc_pt_put_text(j->w, category(j, SC_IN_CAT_COV_0 + (int)i)->key);
        end(j);
        sc_pt_put_text(j->w, "n_cats_per_key");
        sc_pt_put_begin(j->w, SC_PT_LIST);
        for (int64_t i = 0; i < n; i++)
            sc_pt_put_int(j->w, j->net->dims.n_cats[i]);
        end(j);
    }
    field_end(j, "n_extra_categorical_covs", n);
    return SC_OK;
}

static sc_status put_cont_covs(job *j, sc_err *err)
{
    const int64_t n = j->net->cont_covs.n;
    for (int64_t i = 0; i < n; i++)
        if (strncmp(sc_strs_at(&j->net->cont_covs, i), "obsm/", 5) == 0)
            return sc_fail(err, SC_EUSAGE,
                           "continuous covariate '%s' is no obs column, and scvi-tools takes no "
                           "other",
                           sc_strs_at(&j->net->cont_covs, i));
    field_begin(j, "extra_continuous_covs", n ? "obsm" : NULL, "_scvi_extra_continuous_covs");
    if (n) {
        sc_pt_put_text(j->w, "columns");
        SC_TRY(sc_scvi_put_names(j->w, &j->net->cont_covs, NULL, err));
    }
    field_end(j, "n_extra_continuous_covs", n);
    return SC_OK;
}

/* Names, and what each panel measured, by its code. */
static sc_status put_proteins(job *j, sc_err *err)
{
    const sc_net *net = j->net;
    const int64_t n = net->dims.n_proteins;
    unsigned char *seen = NULL;
    SC_TRY(sc_alloc(&seen, (size_t)n + 1, sizeof *seen, err));
    field_begin(j, "proteins", "obsm", net->protein_key);
    sc_pt_put_text(j->w, "column_names");
    sc_pt_put_begin(j->w, SC_PT_LIST); /* compared to a data frame's columns */
    for (int64_t p = 0; p < n; p++)
        sc_pt_put_text(j->w, sc_strs_at(&net->proteins, p));
    end(j);
    if (net->protein_missing)
        begin(j, "protein_batch_mask");
    for (int64_t b = 0; net->protein_missing && b < net->dims.n_panels; b++) {
        char code[24];
        (void)snprintf(code, sizeof code, "%lld", (long long)b);
        for (int64_t p = 0; p < n; p++)
            seen[p] = !net->protein_missing[b * n + p];
        sc_pt_put_text(j->w, code);
        sc_pt_put_bools(j->w, (size_t)n, seen);
    }
    if (net->protein_missing)
        end(j);
    field_end(j, "n_proteins", n);
    free(seen);
    return SC_OK;
}

static sc_status put_fields(job *j, sc_err *err)
{
    begin(j, "field_registries");
    if (category(j, SC_IN_PANEL)->key)
        SC_TRY(put_category(j, "panel", SC_IN_PANEL, err));
    SC_TRY(put_x(j, err));
    if (j->has & HAS_BATCH)
        SC_TRY(put_category(j, "batch", SC_IN_BATCH, err));
    if (j->has & (HAS_LABELS | HAS_PROTEINS)) /* totalVI has labels, all of them 0 */
        SC_TRY(put_category(j, "labels", SC_IN_LABELS, err));
    if (j->has & HAS_SIZE_FACTOR) {
        field_begin(j, "size_factor", j->net->size_factor ? "obs" : NULL, j->net->size_factor);
        field_end(j, NULL, 0);
    }
    if (j->has & HAS_CATS)
        SC_TRY(put_cat_covs(j, err));
    if (j->has & HAS_CONTS)
        SC_TRY(put_cont_covs(j, err));
    if (j->has & HAS_PROTEINS)
        SC_TRY(put_proteins(j, err));
    end(j);
    return SC_OK;
}

/* The arguments of setup_anndata, with which scvi-tools sets the data up again. */
static void put_setup_args(job *j)
{
    const sc_net *net = j->net;
    begin(j, "setup_args");
    if (j->has & HAS_LAYER)
        text(j, "layer", j->cells.layer);
    if (j->has & HAS_BATCH)
        text(j, "batch_key", category(j, SC_IN_BATCH)->key);
    if (j->has & HAS_LABELS)
        text(j, "labels_key", category(j, SC_IN_LABELS)->key);
    if (j->has & HAS_PROTEINS) {
        text(j, "protein_expression_obsm_key", net->protein_key);
        text(j, "protein_names_uns_key", NULL);
        text(j, "panel_key", category(j, SC_IN_PANEL)->key);
    }
    if (j->has & HAS_UNLABELED) {
        text(j, "unlabeled_category", net->unlabeled);
        sc_pt_put_text(j->w, "use_minified");
        sc_pt_put_bool(j->w, true);
    }
    if (j->has & HAS_SIZE_FACTOR)
        text(j, "size_factor_key", net->size_factor);
    for (int which = HAS_CATS; which <= HAS_CONTS; which *= 2) {
        const bool is_cat = which == HAS_CATS;
        const int64_t n = is_cat ? net->dims.n_cat_covs : net->cont_covs.n;
        if (!(j->has & (unsigned)which))
            continue;
        sc_pt_put_text(j->w, is_cat ? "categorical_covariate_keys" : "continuous_covariate_keys");
        if (n == 0) {
            sc_pt_put_none(j->w);
            continue;
        }
        sc_pt_put_begin(j->w, SC_PT_LIST);
        for (int64_t i = 0; i < n; i++)
            sc_pt_put_text(j->w, is_cat ? category(j, SC_IN_CAT_COV_0 + (int)i)->key
                                        : sc_strs_at(&net->cont_covs, i));
        end(j);
    }
    end(j);
}

static sc_status put_registry(job *j, sc_err *err)
{
    begin(j, "registry_");
    text(j, "scvi_version", "1.4.2"); /* whose behaviour the models here have */
    text(j, "model_name", j->net->model->scvi_class);
    put_setup_args(j);
    SC_TRY(put_fields(j, err));
    text(j, "setup_method_name", "setup_anndata");
    end(j);
    return SC_OK;
}

static sc_status put_state_dict(job *j, sc_err *err)
{
    const sc_built *g = j->net->g;
    sc_pt_put_text(j->w, "model_state_dict");
    sc_pt_put_ordered(j->w);
    for (int i = 0; i < g->n_weights; i++) {
        const sc_gweight *w = &g->weights[i];
        const int64_t dims[] = {w->n_dims == 1 ? w->rows * w->cols : w->rows, w->cols};
        float *values = NULL;
        if (!w->is_saved)
            continue;
        SC_TRY(sc_alloc(&values, (size_t)(w->rows * w->cols), sizeof *values, err));
        sc_net_get(j->net, i, values);
        sc_pt_put_text(j->w, w->name);
        sc_pt_put_tensor(j->w, w->kind == SC_W_BN_COUNT ? SC_PT_I64 : SC_PT_F32, w->n_dims, dims,
                         values);
        free(values);
    }
    begin(j, "pyro_param_store");
    begin(j, "params");
    end(j);
    begin(j, "constraints");
    end(j);
    end(j);
    end(j);
    return SC_OK;
}

sc_status sc_scvi_export(const sc_net *net, const sc_scvi_cells *cells, sc_pt_writer *w,
                         sc_err *err)
{
    job j = {.net = net, .cells = {.layer = net->layer}, .w = w};
    if (j.cells.layer && strcmp(j.cells.layer, "X") == 0)
        j.cells.layer = NULL;
    if (cells)
        j.cells = *cells;
    const char *name = net->model->scvi_class;
    for (size_t i = 0; name && i < sizeof classes / sizeof *classes; i++)
        if (strcmp(classes[i].name, name) == 0)
            j.has = classes[i].has;
    if (!j.has)
        return sc_fail(err, SC_EUSAGE, "model '%s' can't be written for scvi-tools",
                       net->handle.plugin->name);
    sc_pt_put_begin(w, SC_PT_DICT);
    SC_TRY(put_state_dict(&j, err));
    sc_pt_put_text(w, "var_names");
    SC_TRY(sc_scvi_put_names(w, &net->var.names, NULL, err));
    begin(&j, "attr_dict");
    sc_pt_put_text(w, "is_trained_");
    sc_pt_put_bool(w, true);
    sc_pt_put_text(w, "init_params_");
    SC_TRY(sc_scvi_args_write(net, w, err));
    SC_TRY(put_registry(&j, err));
    end(&j);
    end(&j);
    return SC_OK;
}
