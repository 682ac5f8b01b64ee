/* Trains the model variant that -m names on the counts of a stream. */
#include "sc-fit/fit.h"

#include "sc_start.h"
#include "sc_text.h"
#include "sc_train.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The plugin chosen on the command line, and its options. */
typedef struct choice {
    sc_plugin_handle handle;
    void *opts;
    fit_opts *fit; /* whose defaults the model sets */
} choice;

static sc_status pick(void *ctx, const char *value, sc_cli_extra *extra, sc_err *err)
{
    choice *c = ctx;
    if (!value)
        return SC_OK;
    SC_TRY(sc_plugin_find(SC_KIND_MODEL, value, &c->handle, err));
    const sc_plugin *p = c->handle.plugin;
    SC_TRY(sc_alloc(&c->opts, 1, p->opts_size, err));
    sc_params_default(p->params, c->opts);
    *extra = (sc_cli_extra){p->name, p->params, c->opts};
    const sc_model *m = p->impl;
    if (m->size >= offsetof(sc_model, course) + sizeof m->course) {
        c->fit->early_stopping = m->course.early_stopping;
        c->fit->reduce_lr_on_plateau = m->course.reduce_lr_on_plateau;
        if ((c->fit->lr_milestones = m->course.lr_milestones))
            c->fit->lr_gamma = m->course.lr_gamma;
    }
    return SC_OK;
}

/* Names, one a line; empty lines are skipped. */
static sc_status read_names(const char *path, sc_strs *names, sc_err *err)
{
    sc_text *in = NULL;
    char *line;
    size_t len;
    sc_status st;
    SC_TRY(sc_text_open_path(&in, path, path, err));
    while ((st = sc_text_line(in, &line, &len, err)) == SC_OK)
        if (len)
            SC_GOTO(st, sc_strs_push(names, line, len, err), out);
out:
    sc_text_close(in);
    return st == SC_END ? SC_OK : st;
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
                &fit_tool, o,
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
    for (int i = 0; i < o->cont_covariates.n; i++)
        SC_TRY(sc_strs_push(&net->cont_covs, o->cont_covariates.items[i],
                            strlen(o->cont_covariates.items[i]), err));
    net->layer = o->layer ? strdup(o->layer) : NULL;
    net->size_factor = o->size_factor_key ? strdup(o->size_factor_key) : NULL;
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
        sc_cli_note(&fit_tool, o, "%lld cells have no counts; their log library size is taken as 0",
                    (long long)n_empty);
    return SC_OK;
}

/* An option that means nothing without another one that was not given. */
static sc_status check_pairs(const fit_opts *o, sc_err *err)
{
    const struct {
        const char *option, *needs;
        bool given, has;
    } pairs[] = {
        {"early-stopping-monitor", "early-stopping", o->early_stopping_monitor, o->early_stopping},
        {"early-stopping-mode", "early-stopping", o->early_stopping_mode != 0, o->early_stopping},
        {"early-stopping-patience", "early-stopping", o->early_stopping_patience != 45,
         o->early_stopping},
        {"early-stopping-warmup-epochs", "early-stopping", o->early_stopping_warmup_epochs > 0,
         o->early_stopping},
        {"early-stopping-min-delta", "early-stopping", o->early_stopping_min_delta > 0,
         o->early_stopping},
        {"lr-scheduler-metric", "reduce-lr-on-plateau", o->lr_scheduler_metric,
         o->reduce_lr_on_plateau},
        {"lr-factor", "reduce-lr-on-plateau", o->lr_factor != 0.6, o->reduce_lr_on_plateau},
        {"lr-patience", "reduce-lr-on-plateau", o->lr_patience != 30, o->reduce_lr_on_plateau},
        {"lr-threshold", "reduce-lr-on-plateau", o->lr_threshold > 0, o->reduce_lr_on_plateau},
        {"lr-min", "reduce-lr-on-plateau", o->lr_min > 0, o->reduce_lr_on_plateau},
        {"lr-gamma", "lr-milestones", o->lr_gamma != 0.1, o->lr_milestones != NULL},
        {"checkpoint-every", "checkpoint", o->checkpoint_every != 10, o->checkpoint != NULL},
        {"resume", "checkpoint", o->resume, o->checkpoint != NULL}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i].given && !pairs[i].has)
            return sc_fail(err, SC_EUSAGE, "--%s means nothing without --%s", pairs[i].option,
                           pairs[i].needs);
    return SC_OK;
}

static sc_train_opts training(const fit_opts *o)
{
    return (sc_train_opts){
        .max_epochs = o->max_epochs,
        .batch_size = o->batch_size,
        .lr = o->lr,
        .eps = o->eps,
        .weight_decay = o->weight_decay,
        .n_epochs_kl_warmup = o->n_epochs_kl_warmup,
        .n_steps_kl_warmup = o->n_steps_kl_warmup,
        .min_kl_weight = o->min_kl_weight,
        .max_kl_weight = o->max_kl_weight,
        .train_size = o->train_size,
        .validation_size = o->validation_size,
        .check_val_every = o->check_val_every,
        .load_best = o->load_best,
        .seed = (uint64_t)o->common.seed,
        .n_samples_per_label = o->n_samples_per_label,
        .gradient_clip_val = o->gradient_clip_val,
        .schedule = {.early_stopping = o->early_stopping,
                     .early_stopping_monitor = o->early_stopping_monitor,
                     .early_stopping_max = o->early_stopping_mode == 1,
                     .early_stopping_patience = o->early_stopping_patience,
                     .early_stopping_warmup_epochs = o->early_stopping_warmup_epochs,
                     .early_stopping_min_delta = o->early_stopping_min_delta,
                     .reduce_lr_on_plateau = o->reduce_lr_on_plateau,
                     .lr_scheduler_metric = o->lr_scheduler_metric,
                     .lr_factor = o->lr_factor,
                     .lr_threshold = o->lr_threshold,
                     .lr_min = o->lr_min,
                     .lr_patience = o->lr_patience,
                     .lr_gamma = o->lr_gamma},
        .checkpoint = o->checkpoint,
        .checkpoint_every = o->checkpoint_every,
        .resume = o->resume,
    };
}

static sc_status train(sc_net *net, const fit_opts *o, sc_cells *c, sc_err *err)
{
    sc_strs validation = {0};
    sc_pool *pool = NULL;
    const sc_kernels *k = NULL;
    progress p = {.signals = -1};
    sc_train_opts t = training(o);
    sc_status st;
    SC_GOTO(st, fit_milestones(o->lr_milestones, &t.schedule, err), out);
    SC_GOTO(st, sc_kernels_pick(o->isa, &k, err), out);
    SC_GOTO(st, progress_open(&p, o, err), out);
    SC_GOTO(st, sc_pool_new(&pool, (int)o->common.n_threads, err), out);
    if (o->validation_cells)
        SC_GOTO(st, read_names(o->validation_cells, &validation, err), out);
    t.validation_cells = o->validation_cells ? &validation : NULL;
    t.stop = o->checkpoint ? progress_stop : NULL;
    t.stop_ctx = &p;
    st = sc_train(net, c, &t, pool, k, progress_report, &p, err);
out:
    sc_pool_free(pool);
    sc_strs_free(&validation);
    const sc_status st_close = progress_close(&p, err);
    return st == SC_OK ? st_close : st;
}

static sc_status add_record(sc_net *net, const fit_opts *o, sc_err *err)
{
    sc_header h = {.records =
                       net->records}; /* lends the records to the one place that writes them */
    if (o->common.no_pg)
        return SC_OK;
    const sc_status st = sc_header_record(&h, fit_tool.name, o->common.argc, o->common.argv, err);
    net->records = h.records;
    return st;
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
    } checks[] = {{"unlabeled", o->unlabeled != NULL, labelled},
                  {"n-samples-per-label", o->n_samples_per_label > 0, labelled},
                  {"protein-key", o->protein_key != NULL, proteins},
                  {"panel-key", o->panel_key != NULL, (uses & SC_USES_PANEL) != 0},
                  {"n-epochs-kl-warmup", o->n_epochs_kl_warmup >= 0, has_kl},
                  {"n-steps-kl-warmup", o->n_steps_kl_warmup > 0, has_kl},
                  {"min-kl-weight", o->min_kl_weight > 0, has_kl},
                  {"max-kl-weight", o->max_kl_weight < 1 || o->max_kl_weight > 1, has_kl}};
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (checks[i].given && !checks[i].used)
            return sc_fail(err, SC_EUSAGE, "--%s: model '%s' has no use for it", checks[i].option,
                           o->model);
    if (labelled && !o->labels_key)
        return sc_fail(err, SC_EUSAGE, "model '%s' learns from labels: name them with --labels-key",
                       o->model);
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

static sc_status run(const fit_opts *o, const choice *ch, sc_err *err)
{
    sc_net net = {0};
    sc_cells cells = {0};
    sc_reader *in = NULL;
    sc_output out = {.fd = -1};
    sc_keys keys;
    sc_status st;
    if (!o->model)
        return sc_fail(err, SC_EUSAGE,
                       "which model? -m scvi, -m ldvae; sc-fit -m NAME --help lists its options");
    SC_TRY(check_pairs(o, err));
    SC_GOTO(st, sc_net_new(&net, o->model, ch->opts, err), out);
    SC_GOTO(st, choose_keys(&net, o, &keys, err), out);
    SC_GOTO(st, sc_output_open(&out, o->common.output, true, err), out);
    SC_GOTO(st, sc_reader_open_path(&in, o->common.n_operands ? o->common.operands[0] : NULL, err),
            out);
    SC_GOTO(st, sc_cells_load(&cells, in, &keys, err), out);
    if (cells.note[0])
        sc_cli_note(&fit_tool, o, "%s", cells.note);
    if (keys.labels && keys.unlabeled && !cells.dims.n_labels) {
        st = sc_fail(err, SC_EDATA,
                     "%s: there is no class to learn: obs column '%s' has no value but '%s'",
                     sc_reader_name(in), keys.labels, keys.unlabeled);
        goto out;
    }
    SC_GOTO(st, prepare(&net, o, &keys, &cells, err), out);
    SC_GOTO(st, train(&net, o, &cells, err), out);
    SC_GOTO(st, add_record(&net, o, err), out);
    SC_GOTO(st, sc_net_write(&net, out.fd, out.name, err), out);
    st = sc_output_commit(&out, err);
out:
    sc_output_abandon(&out);
    sc_reader_close(in);
    sc_cells_free(&cells);
    sc_net_free(&net);
    return st;
}

int main(int argc, char **argv)
{
    fit_opts o;
    sc_err err = {0};
    choice c = {.fit = &o};
    sc_status st = sc_cli_parse_with(&fit_tool, &o, "model", pick, &c, argc, argv, &err);
    if (st == SC_OK)
        st = run(&o, &c, &err);
    const int code = sc_cli_exit(&fit_tool, st, &err);
    sc_cli_free(&o);
    free(c.opts);
    sc_plugin_close(&c.handle);
    return code;
}
