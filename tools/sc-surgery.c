/* Maps a query onto a reference model by architecture surgery (scArches). */
#include "sc-surgery/verify.h"
#include "sc_cli.h"
#include "sc_surgery.h"
#include "sc_train_cli.h"

#include <stdlib.h>
#include <string.h>

typedef struct surgery_opts {
    sc_common common;
    const char *layer, *batch_key, *labels_key, *size_factor_key, *protein_key, *panel_key;
    sc_param_list cat_covariates, cont_covariates, unfreeze, set;
    int compat;
    bool verify, freeze_dropout, train_mode;
    double min_gene_overlap;
    sc_train_cli train;
} surgery_opts;

static const sc_param params[] = {
    SC_BOOL(surgery_opts, verify, "verify", 0,
            "train nothing: see whether models Q embed the cells as REF does"),
    SC_REAL(surgery_opts, min_gene_overlap, "min-gene-overlap", 0.8, 0, 1,
            "share of the reference's genes that the query must have"),
    SC_STRING(surgery_opts, layer, "layer", "NAME", "matrix of counts; default the reference's"),
    SC_STRING(surgery_opts, batch_key, "batch-key", "COLUMN",
              "obs column of the batches; default the reference's"),
    SC_STRING(surgery_opts, labels_key, "labels-key", "COLUMN",
              "obs column of the labels; default the reference's"),
    SC_LIST(surgery_opts, cat_covariates, "cat-covariate", "COLUMN",
            "categorical covariate, all of them in order; default the reference's"),
    SC_LIST(surgery_opts, cont_covariates, "cont-covariate", "COLUMN",
            "continuous covariate, all of them in order; default the reference's"),
    SC_STRING(surgery_opts, size_factor_key, "size-factor-key", "COLUMN",
              "obs column of size factors; default the reference's"),
    SC_STRING(surgery_opts, protein_key, "protein-key", "NAME",
              "obsm of protein counts; default the reference's"),
    SC_STRING(surgery_opts, panel_key, "panel-key", "COLUMN",
              "obs column of the protein panels; default the reference's"),
    SC_LIST(surgery_opts, unfreeze, "unfreeze", "PART",
            "train this too: all, expression, decoder-first-layer, batchnorm-encoder, "
            "batchnorm-decoder, classifier, known-categories; repeatable"),
    SC_LIST(surgery_opts, set, "set", "NAME=VALUE",
            "option of the model that is not to be the reference's, such as "
            "scale-adversarial-loss=0; repeatable"),
    SC_BOOL(surgery_opts, train_mode, "train-mode", 0,
            "batch norm takes the minibatches' statistics and dropout drops, as at fit"),
    SC_BOOL(surgery_opts, freeze_dropout, "freeze-dropout", 0, "no dropout with --train-mode"),
    SC_CHOICE(surgery_opts, compat, "compat", 0, "none|scvi-tools",
              "do as scvi-tools does where that is otherwise"),
    SC_TRAIN_PARAMS(surgery_opts, train),
    SC_REAL(surgery_opts, train.weight_decay, "weight-decay", 0, 0, 1, "L2 penalty of what trains"),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-surgery",
    .brief = "map a query onto a reference model",
    .operands = "REF [QUERY]",
    .min_operands = 1,
    .max_operands = -1,
    .flags = SC_TOOL_THREADS | SC_TOOL_SEED | SC_TOOL_OUTPUT | SC_TOOL_PG | SC_TOOL_VERBOSE,
    .params = params,
    .opts_size = sizeof(surgery_opts),
    .example = "sc-surgery -o query.scm ref.scm query.scz",
    .screen = "verify layer batch-key labels-key unlabeled min-gene-overlap unfreeze "
              "set max-epochs batch-size lr train-size check-val-every early-stopping "
              "checkpoint resume memory isa",
};

static sc_status parse_unfreeze(const surgery_opts *o, sc_surgery_opts *s, sc_err *err)
{
    static const char *const parts[] = {"all",
                                        "expression",
                                        "decoder-first-layer",
                                        "batchnorm-encoder",
                                        "batchnorm-decoder",
                                        "classifier",
                                        "known-categories"};
    enum { N_PARTS = sizeof parts / sizeof *parts };
    *s = (sc_surgery_opts){.is_compat = o->compat != 0,
                           .freeze_dropout = o->freeze_dropout,
                           .n_set = o->set.n,
                           .set = o->set.items,
                           .min_gene_overlap = o->min_gene_overlap};
    for (int i = 0; i < o->unfreeze.n; i++) {
        int p = 0;
        while (p < N_PARTS && strcmp(parts[p], o->unfreeze.items[i]) != 0)
            p++;
        if (p == N_PARTS)
            return sc_fail(err, SC_EUSAGE,
                           "--unfreeze: there is no part '%s'; it is all, expression, "
                           "decoder-first-layer, batchnorm-encoder, batchnorm-decoder, classifier "
                           "or known-categories",
                           o->unfreeze.items[i]);
        s->unfreeze |= 1U << p;
    }
    if (o->freeze_dropout && !o->train_mode)
        return sc_fail(err, SC_EUSAGE,
                       "--freeze-dropout: without --train-mode there is no dropout");
    return SC_OK;
}

static sc_keys named_keys(const surgery_opts *o)
{
    return (sc_keys){.layer = o->layer,
                     .batch = o->batch_key,
                     .labels = o->labels_key,
                     .size_factor = o->size_factor_key,
                     .proteins = o->protein_key,
                     .panel = o->panel_key,
                     .n_cat_covs = o->cat_covariates.n,
                     .n_cont_covs = o->cont_covariates.n,
                     .cat_covs = o->cat_covariates.items,
                     .cont_covs = o->cont_covariates.items};
}

/* Which categories of a key the reference knows, and which are new. */
static void say_category(const surgery_opts *o, const sc_category *old, const sc_category *now,
                         const char *column)
{
    if (!old->key)
        return;
    const char *renamed = column && strcmp(column, old->key) != 0 ? column : NULL;
    if (renamed)
        sc_cli_note(&tool, o, "obs column '%s' is the reference's '%s'; the model keeps that name",
                    renamed, old->key);
    for (int64_t i = old->levels.n; i < now->levels.n; i++)
        sc_cli_note(&tool, o, "'%s' of '%s' is new to the reference", sc_strs_at(&now->levels, i),
                    column ? column : old->key);
}

/* Categories with cells in the query that the reference knows: nothing of them trains. */
static void say_known(const surgery_opts *o, const sc_net *ref, const sc_cells *c,
                      unsigned unfreeze)
{
    const sc_category *cat = &ref->cats[0];
    const bool trains = unfreeze & (SC_UNFREEZE_ALL | SC_UNFREEZE_KNOWN_CATEGORIES) || o->compat;
    for (int64_t b = 0; cat->key && b < cat->levels.n; b++) {
        int64_t n = 0;
        for (int64_t i = 0; i < c->n_obs; i++)
            n += c->codes[0][i] == b;
        if (n)
            sc_cli_note(&tool, o, "the reference knows batch '%s' (%lld cells): its columns %s",
                        sc_strs_at(&cat->levels, b), (long long)n,
                        trains ? "are trained on, so that its own cells there may move"
                               : "stay as they are");
    }
}

static void say_what(const surgery_opts *o, const sc_net *ref, const sc_net *net, const sc_cells *c,
                     const sc_keys *keys, unsigned unfreeze)
{
    if (c->note[0])
        sc_cli_note(&tool, o, "%s", c->note);
    if (c->gene_note[0])
        sc_cli_note(&tool, o, "%s", c->gene_note);
    if (c->protein_note[0])
        sc_cli_note(&tool, o, "%s", c->protein_note);
    if (c->label_note[0])
        sc_cli_note(&tool, o, "%s", c->label_note);
    say_category(o, &ref->cats[SC_IN_PANEL - SC_IN_BATCH], &net->cats[SC_IN_PANEL - SC_IN_BATCH],
                 keys->panel);
    say_category(o, &ref->cats[0], &net->cats[0], keys->batch);
    for (int i = 0; i < keys->n_cat_covs; i++) {
        const int s = SC_IN_CAT_COV_0 - SC_IN_BATCH + i;
        say_category(o, &ref->cats[s], &net->cats[s], keys->cat_covs[i]);
    }
    say_known(o, ref, c, unfreeze);
}

/* Trains what surgery leaves free, if there is anything. */
static sc_status train(sc_net *net, const sc_net *ref, const surgery_opts *o,
                       const sc_surgery_opts *s, sc_train_opts *t, const sc_cells *c, sc_err *err)
{
    sc_span *spans = NULL;
    SC_TRY(sc_surgery_spans(net, ref, s, &spans, &t->n_spans, err));
    if (t->n_spans == 0)
        return sc_fail(err, SC_EDATA,
                       "the reference knows every category of the query, so there is nothing to "
                       "train: use it as it is, or --unfreeze a part of it");
    sc_surgery_quiet(net, s, spans, t->n_spans);
    t->spans = spans;
    t->eval_mode = !o->train_mode;
    const sc_status st = sc_train_cli_run(&o->train, &tool, &o->common, t, net, c, err);
    free(spans);
    return st;
}

static sc_status add_record(sc_net *net, const surgery_opts *o, sc_err *err)
{
    sc_header h = {.records = net->records}; /* lends them to the one place that writes records */
    if (o->common.no_pg)
        return SC_OK;
    const sc_status st = sc_header_record(&h, tool.name, o->common.argc, o->common.argv, err);
    net->records = h.records;
    return st;
}

static sc_status run_surgery(const surgery_opts *o, sc_err *err)
{
    const char *query = o->common.n_operands > 1 ? o->common.operands[1] : NULL;
    const sc_keys named = named_keys(o);
    sc_surgery_opts s;
    sc_query_names names = {0};
    sc_keys keys;
    sc_net ref = {0}, net = {0};
    sc_cells cells = {0};
    sc_reader *in = NULL;
    sc_output out = {.fd = -1};
    sc_train_opts t;
    int64_t n_empty = 0;
    sc_status st;
    if (o->common.n_operands > 2)
        return sc_fail(err, SC_EUSAGE,
                       "unexpected operand '%s': usage is 'sc-surgery [options] REF [QUERY]'",
                       o->common.operands[2]);
    SC_GOTO(st, parse_unfreeze(o, &s, err), out);
    SC_GOTO(st, sc_train_cli_opts(&o->train, (uint64_t)o->common.seed, &t, err), out);
    SC_GOTO(st, sc_net_read(&ref, o->common.operands[0], err), out);
    SC_GOTO(st, sc_query_keys(&names, &ref, &named, o->min_gene_overlap, &keys, err), out);
    keys.memory = sc_train_cli_memory(&o->train);
    SC_GOTO(st, sc_output_open(&out, o->common.output, true, err), out);
    SC_GOTO(st, sc_reader_open_path(&in, query, err), out);
    keys.memory = sc_train_cli_memory(&o->train);
    SC_GOTO(st, sc_cells_load(&cells, in, &keys, err), out);
    SC_GOTO(st, sc_query_net(&net, &ref, &cells, &s, (uint64_t)o->common.seed, &n_empty, err), out);
    say_what(o, &ref, &net, &cells, &keys, s.unfreeze);
    if (n_empty)
        sc_cli_note(&tool, o, "%lld %s no counts; the log library size is taken as 0",
                    (long long)n_empty, n_empty == 1 ? "cell has" : "cells have");
    SC_GOTO(st, sc_net_check_library(&net, "train the reference with --use-observed-lib-size", err),
            out);
    SC_GOTO(st, train(&net, &ref, o, &s, &t, &cells, err), out);
    SC_GOTO(st, add_record(&net, o, err), out);
    SC_GOTO(st, sc_net_write(&net, out.fd, out.name, err), out);
    st = sc_output_commit(&out, err);
out:
    sc_output_abandon(&out);
    sc_reader_close(in);
    sc_query_names_free(&names);
    sc_cells_free(&cells);
    sc_net_free(&net);
    sc_net_free(&ref);
    return st;
}

/* Cells follow "--", or come from stdin. */
static sc_status run_verify(const surgery_opts *o, sc_err *err)
{
    int n = o->common.n_operands, dashes = 1;
    while (dashes < o->common.argc && strcmp(o->common.argv[dashes], "--") != 0)
        dashes++;
    const bool has_input = dashes == o->common.argc - 2;
    const sc_keys keys = named_keys(o);
    sc_net *nets = NULL;
    sc_pool *pool = NULL;
    sc_reader *in = NULL;
    const sc_kernels *k = NULL;
    sc_status st;
    n -= has_input;
    if (n < 2 || dashes < o->common.argc - 2)
        return sc_fail(err, SC_EUSAGE, "usage is 'sc-surgery --verify REF Q... [-- IN]'");
    SC_TRY(sc_alloc(&nets, (size_t)n, sizeof *nets, err));
    for (int i = 0; i < n; i++)
        SC_GOTO(st, sc_net_read(&nets[i], o->common.operands[i], err), out);
    SC_GOTO(st, sc_reader_open_path(&in, has_input ? o->common.operands[n] : NULL, err), out);
    SC_GOTO(st, sc_kernels_pick(o->train.isa, &k, err), out);
    SC_GOTO(st, sc_pool_new(&pool, (int)o->common.n_threads, err), out);
    st = verify(nets, o->common.operands, n, in, &keys, pool, k, stdout, err);
out:
    for (int i = 0; i < n; i++)
        sc_net_free(&nets[i]);
    free(nets);
    sc_pool_free(pool);
    sc_reader_close(in);
    return st;
}

static sc_status run(void *opts, sc_err *err)
{
    const surgery_opts *o = opts;
    return o->verify ? run_verify(o, err) : run_surgery(o, err);
}

int main(int argc, char **argv)
{
    surgery_opts o;
    return sc_cli_main(&tool, &o, argc, argv, run);
}
