/* Trains the model variant that -m names on the counts of a stream. */
#include "sc_net_from.h"
#include "sc_numbers.h"
#include "sc_start.h"
#include "sc_surgery.h"
#include "sc_train_cli.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEAST_CELLS = 3 }; /* of a batch, below which scvi-tools warns too */

typedef struct fit_opts {
    sc_common common;
    const char *model, *init, *library_prior;
    const char *layer, *batch_key, *labels_key, *unlabeled, *size_factor_key;
    const char *protein_key, *panel_key;
    sc_param_list cat_covariates, cont_covariates;
    sc_train_cli train;
} fit_opts;

static const sc_param params[] = {
    {SC_PARAM_STRING, "model", offsetof(fit_opts, model), 0, 0, 0, "NAME",
     "variant: scvi, ldvae, ... or a path ./my.so; with --help, its options", 'm'},
    SC_STRING(fit_opts, init, "init", "MODEL",
              "start from its weights, genes, batches and options: scanvi from scvi"),
    SC_STRING(fit_opts, layer, "layer", "NAME",
              "matrix of counts; default X, or the only layer that is counts"),
    SC_STRING(fit_opts, batch_key, "batch-key", "COLUMN", "obs column of the batches"),
    SC_STRING(fit_opts, labels_key, "labels-key", "COLUMN", "obs column of the labels"),
    SC_STRING(fit_opts, unlabeled, "unlabeled", "NAME",
              "label of the cells that have none; default Unknown"),
    SC_LIST(fit_opts, cat_covariates, "cat-covariate", "COLUMN",
            "categorical covariate; repeatable"),
    SC_LIST(fit_opts, cont_covariates, "cont-covariate", "COLUMN",
            "continuous covariate, or obsm/NAME for all of its columns; repeatable"),
    SC_STRING(fit_opts, size_factor_key, "size-factor-key", "COLUMN", "obs column of size factors"),
    SC_STRING(
        fit_opts, library_prior, "library-prior", "FILE",
        "prior of a latent library size: TSV with batch, log_mean, log_var; default the data's"),
    SC_STRING(fit_opts, protein_key, "protein-key", "NAME",
              "obsm of protein counts; default protein_expression"),
    SC_STRING(fit_opts, panel_key, "panel-key", "COLUMN",
              "obs column of the protein panels; default the batches"),
    SC_TRAIN_PARAMS(fit_opts, train),
    SC_REAL(fit_opts, train.weight_decay, "weight-decay", -1, -1, 1,
            "L2 penalty of Adam; -1: the model's"),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-fit",
    .brief = "train a variational model of counts",
    .operands = "[IN]",
    .max_operands = 1,
    .flags = SC_TOOL_THREADS | SC_TOOL_SEED | SC_TOOL_OUTPUT | SC_TOOL_PG | SC_TOOL_VERBOSE,
    .params = params,
    .opts_size = sizeof(fit_opts),
    .example = "sc-fit -m scvi --batch-key tech -o model.scm counts.scz",
    .screen = "model init layer batch-key labels-key unlabeled cat-covariate "
              "cont-covariate protein-key max-epochs batch-size lr train-size "
              "validation-cells check-val-every early-stopping checkpoint resume",
};

/* The plugin chosen on the command line, and its options. */
typedef struct choice {
    sc_plugin_handle handle;
    void *opts;
    fit_opts *fit; /* whose defaults the model sets */
} choice;

static sc_status pick(void *ctx, const char *value, sc_cli_extra *extra, sc_err *err)
{
    choice *c = ctx;
    const char *suffix = value ? strrchr(value, '.') : NULL;
    if (!value)
        return SC_OK;
    if (suffix && (strcmp(suffix, ".scm") == 0 || strcmp(suffix, ".pt") == 0))
        return sc_fail(err, SC_EUSAGE,
                       "-m takes the name of a model, such as scvi; training starts from what is "
                       "in '%s' with --init",
                       value);
    SC_TRY(sc_plugin_find(SC_KIND_MODEL, value, &c->handle, err));
    const sc_plugin *p = c->handle.plugin;
    SC_TRY(sc_alloc(&c->opts, 1, p->opts_size, err));
    sc_params_default(p->params, c->opts);
    *extra = (sc_cli_extra){.title = p->name, .params = p->params, .opts = c->opts};
    const sc_model *m = p->impl;
    if (m->size >= offsetof(sc_model, course) + sizeof m->course) {
        c->fit->train.early_stopping = m->course.early_stopping;
        c->fit->train.reduce_lr_on_plateau = m->course.reduce_lr_on_plateau;
        if ((c->fit->train.lr_milestones = m->course.lr_milestones))
            c->fit->train.lr_gamma = m->course.lr_gamma;
    }
    return SC_OK;
}

static void move_category(sc_category *to, sc_category *from)
{
    *to = *from;
    memset(from, 0, sizeof *from);
}

static void take_proteins(sc_net *net, const fit_opts *o, const char *key, sc_cells *c)
{
    net->protein_key = strdup(key);
    net->proteins = c->protein_names;
    net->protein_missing = c->protein_missing;
    c->protein_names = (sc_strs){0};
    c->protein_missing = NULL;
    const sc_dims *d = &c->dims;
    const sc_category *panel = &net->cats[(o->panel_key ? SC_IN_PANEL : SC_IN_BATCH) - SC_IN_BATCH];
    for (int64_t b = 0; b < d->n_panels && net->protein_missing; b++) {
        int64_t n = 0, first = -1;
        for (int64_t p = d->n_proteins - 1; p >= 0; p--)
            if (net->protein_missing[b * d->n_proteins + p]) {
                first = p;
                n++;
            }
        if (n)
            sc_cli_note(
                &tool, o,
                "%lld of %lld proteins ('%s' ...) have no count in '%s' and are taken as not "
                "measured there",
                (long long)n, (long long)d->n_proteins, sc_strs_at(&net->proteins, first),
                panel->key ? sc_strs_at(&panel->levels, b) : "all cells");
    }
}

/* Takes genes and categories from the cells, builds the graph, fills in what comes from the data.
 */
static sc_status prepare(sc_net *net, const fit_opts *o, const sc_keys *keys, sc_cells *c,
                         sc_err *err)
{
    net->dims = c->dims;
    SC_TRY(sc_table_copy(&net->var, &c->var, err));
    SC_TRY(sc_strs_copy(&net->records, &c->records, err));
    for (int i = 0; i < SC_IN_MAX; i++)
        move_category(&net->cats[i], &c->cats[i]);
    for (int i = 0; i < keys->n_cont_covs; i++)
        SC_TRY(sc_strs_push(&net->cont_covs, keys->cont_covs[i], strlen(keys->cont_covs[i]), err));
    net->layer = keys->layer ? strdup(keys->layer) : NULL;
    net->size_factor = keys->size_factor ? strdup(keys->size_factor) : NULL;
    net->unlabeled = keys->unlabeled ? strdup(keys->unlabeled) : NULL;
    if (keys->proteins)
        take_proteins(net, o, keys->proteins, c);
    SC_TRY(sc_net_build(net, err));
    SC_TRY(sc_net_check_used(net, err));
    sc_net_init(net, (uint64_t)o->common.seed);
    int64_t n_empty = 0;
    SC_TRY(sc_start_weights(net, c, (uint64_t)o->common.seed, &n_empty, err));
    if (o->library_prior)
        SC_TRY(sc_net_library_prior(net, o->library_prior, err));
    if (n_empty)
        sc_cli_note(&tool, o, "%lld %s no counts; the log library size is taken as 0",
                    (long long)n_empty, n_empty == 1 ? "cell has" : "cells have");
    return sc_net_check_library(net, "take --use-observed-lib-size, or --library-prior", err);
}

static sc_status add_record(sc_net *net, const fit_opts *o, sc_err *err)
{
    sc_header h = {.records =
                       net->records}; /* lends the records to the one place that writes them */
    if (o->common.no_pg)
        return SC_OK;
    const sc_status st = sc_header_record(&h, tool.name, o->common.argc, o->common.argv, err);
    net->records = h.records;
    return st;
}

static sc_status check_repeats(const char *option, const sc_param_list *names, sc_err *err)
{
    for (int i = 1; i < names->n; i++)
        for (int k = 0; k < i; k++)
            if (strcmp(names->items[i], names->items[k]) == 0)
                return sc_fail(err, SC_EUSAGE, "--%s names '%s' twice", option, names->items[i]);
    return SC_OK;
}

/* The columns that the model needs, under the names that the user gave or the usual ones. What the
 * model has no use for is misuse. */
static sc_status choose_keys(const sc_net *net, const fit_opts *o, sc_keys *k, sc_err *err)
{
    unsigned uses = 0;
    SC_TRY(sc_net_uses(net, &uses, err));
    const bool labelled = uses & SC_USES_LABELLED, proteins = uses & SC_USES_PROTEINS,
               has_kl = uses & SC_USES_KL;
    const struct {
        const char *option;
        bool given, used;
    } checks[] = {
        {"unlabeled", o->unlabeled != NULL, labelled},
        {"n-samples-per-label", o->train.n_samples_per_label > 0, labelled},
        {"protein-key", o->protein_key != NULL, proteins},
        {"panel-key", o->panel_key != NULL, (uses & SC_USES_PANEL) != 0},
        {"n-epochs-kl-warmup", o->train.n_epochs_kl_warmup >= 0, has_kl},
        {"n-steps-kl-warmup", o->train.n_steps_kl_warmup > 0, has_kl},
        {"min-kl-weight", o->train.min_kl_weight > 0, has_kl},
        {"max-kl-weight", o->train.max_kl_weight < 1 || o->train.max_kl_weight > 1, has_kl}};
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (checks[i].given && !checks[i].used)
            return sc_fail(err, SC_EUSAGE, "--%s: model '%s' has no use for it", checks[i].option,
                           o->model);
    if (labelled && !o->labels_key)
        return sc_fail(err, SC_EUSAGE, "model '%s' learns from labels: name them with --labels-key",
                       o->model);
    SC_TRY(check_repeats("cat-covariate", &o->cat_covariates, err));
    SC_TRY(check_repeats("cont-covariate", &o->cont_covariates, err));
    *k = (sc_keys){.layer = o->layer,
                   .batch = o->batch_key,
                   .labels = o->labels_key,
                   .size_factor = o->size_factor_key,
                   .n_cat_covs = o->cat_covariates.n,
                   .n_cont_covs = o->cont_covariates.n,
                   .cat_covs = o->cat_covariates.items,
                   .cont_covs = o->cont_covariates.items,
                   .panel = o->panel_key};
    if (labelled)
        k->unlabeled = o->unlabeled ? o->unlabeled : "Unknown";
    if (proteins)
        k->proteins = o->protein_key ? o->protein_key : "protein_expression";
    return SC_OK;
}

/* "obsm/X_pca" stands for its columns. names and list are what the keys then lend. */
static sc_status expand_covariates(sc_keys *k, const sc_header *h, sc_strs *names,
                                   const char ***list, sc_err *err)
{
    for (int i = 0; i < k->n_cont_covs; i++)
        SC_TRY(sc_numbers_expand(names, h, k->cont_covs[i], err));
    SC_TRY(sc_alloc(list, (size_t)names->n + 1, sizeof **list, err));
    for (int64_t i = 0; i < names->n; i++)
        (*list)[i] = sc_strs_at(names, i);
    k->n_cont_covs = (int)names->n;
    k->cont_covs = *list;
    return SC_OK;
}

/* What --init brings: a model, and the columns by the names that it had. */
typedef struct start {
    sc_net from;
    sc_query_names names;
    bool is_given;
} start;

/* Options, and columns but for the labels, are those of the model to start from. */
static sc_status open_start(start *s, const fit_opts *o, sc_net *net, sc_keys *keys, sc_err *err)
{
    sc_keys named = *keys;
    if (!o->init)
        return SC_OK;
    s->is_given = true;
    SC_TRY(sc_net_read(&s->from, o->init, err));
    SC_TRY(sc_net_options_of(net, &s->from, err));
    const bool has_labels = s->from.unlabeled != NULL;
    if (!has_labels)
        named.labels = named.unlabeled = NULL;
    SC_TRY(sc_query_keys(&s->names, &s->from, &named, 1, keys, err));
    if (!has_labels) {
        s->names.known.cats = s->from.cats;
        keys->labels = o->labels_key;
        keys->unlabeled = o->labels_key ? (o->unlabeled ? o->unlabeled : "Unknown") : NULL;
    }
    return SC_OK;
}

static sc_status take_start(const start *s, const fit_opts *o, sc_net *net, const sc_cells *c,
                            sc_train_opts *t, sc_err *err)
{
    int n = 0;
    if (!s->is_given)
        return SC_OK;
    SC_TRY(sc_net_weights_of(net, &s->from, &n, err));
    sc_cli_note(&tool, o, "%d of %d weights start from '%s'", n, net->g->n_weights, o->init);
    if (t->max_epochs == 0) { /* as scvi-tools trains scANVI from scVI */
        const double third = nearbyint((double)sc_default_epochs(c->n_obs) / 3);
        t->max_epochs = (int64_t)fmin(10, fmax(2, third));
    }
    return json_object_set(net->training, "init", s->from.training)
               ? sc_fail(err, SC_ENOMEM, "out of")
               : SC_OK;
}

/* A column of numbers taken for batches or categories by mistake shows in that hardly a cell shares
 * its own. k: of c->cats. */
static sc_status note_small(const sc_cells *c, const fit_opts *o, int k, const char *what,
                            sc_err *err)
{
    const sc_category *cat = &c->cats[k];
    int64_t *n = NULL, n_small = 0;
    if (!cat->key)
        return SC_OK;
    SC_TRY(sc_alloc(&n, (size_t)cat->levels.n, sizeof *n, err));
    for (int64_t i = 0; i < c->n_obs; i++)
        n[c->codes[k][i]]++;
    for (int64_t b = 0; b < cat->levels.n; b++)
        n_small += n[b] < LEAST_CELLS;
    if (n_small)
        sc_cli_note(&tool, o, "%lld of the %lld %s of obs column '%s' have fewer than %d cells",
                    (long long)n_small, (long long)cat->levels.n, what, cat->key, LEAST_CELLS);
    free(n);
    return SC_OK;
}

static sc_status load(sc_cells *cells, sc_reader *in, const fit_opts *o, const sc_keys *keys,
                      const start *s, sc_err *err)
{
    SC_TRY(sc_cells_load(cells, in, keys, err));
    if (cells->note[0])
        sc_cli_note(&tool, o, "%s", cells->note);
    SC_TRY(note_small(cells, o, 0, "batches", err));
    for (int64_t i = 0; i < cells->dims.n_cat_covs; i++)
        SC_TRY(note_small(cells, o, SC_IN_CAT_COV_0 - SC_IN_BATCH + (int)i, "categories", err));
    if (keys->labels && keys->unlabeled && !cells->dims.n_labels)
        return sc_fail(err, SC_EDATA,
                       "%s: there is no class to learn: obs column '%s' has no value but '%s'",
                       sc_reader_name(in), keys->labels, keys->unlabeled);
    return s->is_given ? sc_net_check_known(&s->from, cells, err) : SC_OK;
}

static sc_status ask_for_model(sc_err *err)
{
    sc_plugin_list list;
    char names[256];
    SC_TRY(sc_plugin_list_load(SC_KIND_MODEL, &list, err));
    sc_plugin_list_names(&list, names, sizeof names);
    sc_plugin_list_free(&list);
    return sc_fail(err, SC_EUSAGE,
                   "which model? -m takes one of %s; sc-fit -m NAME --help lists its options",
                   names[0] ? names : "those in the folders of SLUICE_PLUGIN_PATH");
}

static sc_status run(const fit_opts *o, const choice *ch, sc_err *err)
{
    sc_net net = {0};
    sc_cells cells = {0};
    sc_reader *in = NULL;
    sc_output out = {.fd = -1};
    start from = {0};
    sc_strs covariates = {0};
    const char **covariate_list = NULL;
    sc_keys keys;
    sc_train_opts t;
    sc_status st;
    if (!o->model)
        return ask_for_model(err);
    SC_TRY(sc_train_cli_opts(&o->train, (uint64_t)o->common.seed, &t, err));
    SC_GOTO(st, sc_net_new(&net, o->model, ch->opts, err), out);
    SC_GOTO(st, choose_keys(&net, o, &keys, err), out);
    SC_GOTO(st, open_start(&from, o, &net, &keys, err), out);
    SC_GOTO(st, sc_output_open(&out, o->common.output, true, err), out);
    SC_GOTO(st, sc_reader_open_path(&in, o->common.n_operands ? o->common.operands[0] : NULL, err),
            out);
    SC_GOTO(st, expand_covariates(&keys, sc_reader_header(in), &covariates, &covariate_list, err),
            out);
    keys.memory = sc_train_cli_memory(&o->train);
    SC_GOTO(st, load(&cells, in, o, &keys, &from, err), out);
    SC_GOTO(st, prepare(&net, o, &keys, &cells, err), out);
    SC_GOTO(st, take_start(&from, o, &net, &cells, &t, err), out);
    SC_GOTO(st, sc_train_cli_run(&o->train, &tool, &o->common, &t, &net, &cells, err), out);
    SC_GOTO(st, add_record(&net, o, err), out);
    SC_GOTO(st, sc_net_write(&net, out.fd, out.name, err), out);
    st = sc_output_commit(&out, err);
out:
    sc_output_abandon(&out);
    sc_reader_close(in);
    sc_cells_free(&cells);
    sc_query_names_free(&from.names);
    sc_strs_free(&covariates);
    free(covariate_list);
    sc_net_free(&from.from);
    sc_net_free(&net);
    return st;
}

int main(int argc, char **argv)
{
    fit_opts o;
    sc_err err = {0};
    choice c = {.fit = &o};
    sc_status st = sc_cli_parse_with(&tool, &o, "model", pick, &c, argc, argv, &err);
    if (st == SC_OK)
        st = run(&o, &c, &err);
    const int code = sc_cli_exit(&tool, st, &err);
    sc_cli_free(&o);
    free(c.opts);
    sc_plugin_close(&c.handle);
    return code;
}
