/*
 * sc-hvg: marks the highly variable genes, or keeps only them.
 */
#include "sc_each.h"
#include "sc_groups.h"
#include "sc_hvg.h"
#include "sc_pass.h"
#include "sc_subset.h"
#include "sc_uns.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct hvg_opts {
    sc_common common;
    int flavor;
    int64_t n_top, n_bins;
    const char *batch_key, *layer;
    double span, min_mean, max_mean, min_disp, max_disp;
    bool is_subset, keeps_raw;
} hvg_opts;

enum { DEFAULT_BINS = 20, DEFAULT_TOP = 2000 };
static const double default_span = 0.3, default_min_mean = 0.0125, default_max_mean = 3,
                    default_min_disp = 0.5;

static const sc_param params[] = {
    SC_CHOICE(hvg_opts, flavor, "flavor", SC_HVG_SEURAT_V3,
              "seurat_v3|seurat_v3_paper|seurat|cell_ranger",
              "how genes are ranked; the first two take counts, the others log data"),
    {SC_PARAM_INT, "n-top-genes", offsetof(hvg_opts, n_top), 0, 0, 2147483647, "N",
     "genes to select; 0: 2000 from counts, those inside the limits from log data", 'n'},
    SC_STRING(hvg_opts, batch_key, "batch-key", "COLUMN",
              "obs column; genes are ranked in each batch, then over all"),
    SC_REAL(hvg_opts, span, "span", 0.3, 0, 1,
            "share of the genes in a neighborhood of the loess fit (counts)"),
    SC_INT(hvg_opts, n_bins, "n-bins", DEFAULT_BINS, 1, 100000, "bins of the mean (seurat)"),
    SC_REAL(hvg_opts, min_mean, "min-mean", 0.0125, -INFINITY, INFINITY,
            "least mean, exclusive (log data without -n)"),
    SC_REAL(hvg_opts, max_mean, "max-mean", 3, -INFINITY, INFINITY,
            "largest mean, exclusive (log data without -n)"),
    SC_REAL(hvg_opts, min_disp, "min-disp", 0.5, -INFINITY, INFINITY,
            "least normalized dispersion, exclusive (log data without -n)"),
    SC_REAL(hvg_opts, max_disp, "max-disp", INFINITY, -INFINITY, INFINITY,
            "largest normalized dispersion, exclusive (log data without -n)"),
    SC_BOOL(hvg_opts, is_subset, "subset", 0, "keep only the genes selected"),
    SC_BOOL(hvg_opts, keeps_raw, "keep-raw", 0, "put X with all genes into raw"),
    SC_STRING(hvg_opts, layer, "layer", "NAME", "matrix to take, \"X\" or a layer"),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-hvg",
    .brief = "mark or keep the highly variable genes",
    .operands = "[IN]",
    .max_operands = 1,
    .flags = SC_TOOL_FLOW | SC_TOOL_THREADS | SC_TOOL_OUTPUT | SC_TOOL_PG | SC_TOOL_VERBOSE,
    .params = params,
    .opts_size = sizeof(hvg_opts),
    .example = "sc-hvg --flavor seurat_v3 -n 1000 --subset in.scz > hvg.scz",
};
static const char *const flavor_names[] = {"seurat_v3", "seurat_v3_paper", "seurat", "cell_ranger"};

typedef struct job {
    hvg_opts o;
    sc_pass p;
    bool is_second;    /* the pass over clipped counts */
    const sc_mat *src; /* lent by the reader */
    sc_hvg stats;
    sc_groups batches;
    sc_hvg_result found;
    sc_subset subset;
} job;

/* What would be ignored is refused. */
static sc_status check_options(const hvg_opts *o, sc_err *err)
{
    const bool takes_counts = sc_hvg_takes_counts((sc_hvg_flavor)o->flavor);
    const bool has_limits = o->min_mean != default_min_mean || o->max_mean != default_max_mean ||
                            o->min_disp != default_min_disp || o->max_disp < INFINITY;
    const char *name = flavor_names[o->flavor];
    if (takes_counts && has_limits)
        return sc_fail(err, SC_EUSAGE, "flavor %s has no limits of mean and dispersion", name);
    if (o->n_top > 0 && has_limits)
        return sc_fail(err, SC_EUSAGE,
                       "limits of mean and dispersion exclude a number of genes (-n)");
    if (!takes_counts && o->span != default_span)
        return sc_fail(err, SC_EUSAGE, "flavor %s has no --span", name);
    if (o->flavor != SC_HVG_SEURAT && o->n_bins != DEFAULT_BINS)
        return sc_fail(err, SC_EUSAGE, "flavor %s has no --n-bins", name);
    return SC_OK;
}

static sc_status choose_log(job *j, const sc_header *h, sc_err *err)
{
    char path[512];
    const char *layer = j->o.layer ? j->o.layer : "X";
    const char *name = flavor_names[j->o.flavor];
    (void)snprintf(path, sizeof path, "%s%s", strcmp(layer, "X") == 0 ? "" : "layers/", layer);
    const int m = sc_header_find(h, path);
    if (m < 0)
        return sc_fail(err, SC_EDATA, "there is no matrix '%s'%s", path, sc_header_why(h, path));
    j->src = &h->mats[m];
    if (j->src->kind == SC_COUNTS || j->src->kind == SC_COUNTS_FRACTIONAL)
        return sc_fail(err, SC_EDATA,
                       "'%s' is %s, and flavor %s takes log data (sc-norm --log1p); seurat_v3 "
                       "takes counts",
                       path, sc_matkind_name(j->src->kind), name);
    return SC_OK;
}

static sc_status choose_matrix(job *j, sc_err *err)
{
    const sc_header *h = sc_reader_header(j->p.in);
    if (!sc_hvg_takes_counts((sc_hvg_flavor)j->o.flavor))
        return choose_log(j, h, err);
    char note[256] = "";
    int m;
    SC_TRY(sc_reader_counts(j->p.in, j->o.layer, &m, note, sizeof note, err));
    if (*note)
        sc_cli_note(&tool, &j->o, "%s", note);
    j->src = &h->mats[m];
    return SC_OK;
}

static void start_stats(job *j)
{
    const hvg_opts *o = &j->o;
    const sc_header *h = sc_reader_header(j->p.in);
    const sc_hvg_flavor flavor = (sc_hvg_flavor)o->flavor;
    const int64_t def = sc_hvg_takes_counts(flavor) ? DEFAULT_TOP : 0;
    const sc_hvg_opts opts = {.flavor = flavor,
                              .n_top = o->n_top > 0 ? o->n_top : def,
                              .span = o->span,
                              .n_bins = o->n_bins,
                              .log_base = sc_uns_number(h, "log1p", "base", 0),
                              .is_batched = o->batch_key != NULL,
                              .min_mean = o->min_mean,
                              .max_mean = o->max_mean,
                              .min_disp = o->min_disp,
                              .max_disp = o->max_disp};
    sc_hvg_init(&j->stats, &opts, h->var.n_rows);
}

/* What a pass needs of a block, decoded and checked. */
static sc_status decode(void *ctx, int tid, sc_block *b, sc_err *err)
{
    job *j = ctx;
    sc_table *obs = NULL;
    sc_rows x;
    (void)tid;
    SC_TRY(sc_rows_of(b, j->src, &x, err));
    if (j->o.batch_key)
        SC_TRY(sc_block_obs(b, &obs, err));
    return j->is_second
               ? SC_OK
               : sc_rows_check(&x, b, j->src, &sc_reader_header(j->p.in)->var,
                               sc_hvg_takes_counts(j->stats.opts.flavor) ? "counts" : "log data",
                               err);
}

/* Sums are taken in the order of the cells, whoever decoded them. */
static sc_status add(void *ctx, int tid, sc_block *b, sc_err *err)
{
    job *j = ctx;
    sc_rows x;
    (void)tid;
    SC_TRY(sc_rows_of(b, j->src, &x, err));
    if (j->o.batch_key)
        SC_TRY(sc_groups_block(&j->batches, b, err));
    const int32_t *batch = j->o.batch_key ? j->batches.code : NULL;
    if (j->is_second) {
        sc_hvg_add_clipped(&j->stats, &x, batch);
        return SC_OK;
    }
    SC_TRY(sc_hvg_grow(&j->stats, j->o.batch_key ? (int)j->batches.names.n : 1, err));
    sc_hvg_add(&j->stats, &x, batch);
    return SC_OK;
}

/* One pass over the matrix: the first takes sums, the second sums of clipped counts. */
static sc_status pass(job *j, bool is_second, sc_err *err)
{
    const sc_each each = {.work = decode, .turn = add, .ctx = j};
    j->is_second = is_second;
    SC_TRY(sc_reader_each(j->p.in, NULL, j->p.pool, &each, err));
    return sc_reader_rewind(j->p.in, err);
}

static sc_status find(job *j, sc_err *err)
{
    const char *key = j->o.batch_key;
    start_stats(j);
    if (key)
        SC_TRY(sc_groups_open(&j->batches, sc_reader_header(j->p.in), key, err));
    SC_TRY(sc_reader_keep(j->p.in, err));
    SC_TRY(pass(j, false, err));
    if (sc_hvg_takes_counts(j->stats.opts.flavor)) {
        SC_TRY(sc_hvg_fit(&j->stats, key ? &j->batches.names : NULL, err));
        SC_TRY(pass(j, true, err));
    }
    SC_TRY(sc_hvg_select(&j->stats, &j->found, err));
    const bool has_all = j->found.n_selected == j->found.n_vars;
    if (j->stats.opts.n_top > j->found.n_vars)
        sc_cli_note(&tool, &j->o,
                    "%" PRId64 " genes are fewer than -n %" PRId64 ": marking %s %" PRId64 "%s",
                    j->found.n_vars, j->stats.opts.n_top, has_all ? "all" : "the",
                    j->found.n_selected, has_all ? "" : " that have a dispersion");
    if (j->o.common.verbose)
        sc_cli_note(&tool, &j->o, "%" PRId64 " of %" PRId64 " genes are highly variable",
                    j->found.n_selected, j->found.n_vars);
    return SC_OK;
}

/* A new column of var, in place of the one that an earlier run left; lends it. */
static sc_status column(sc_table *var, const char *name, sc_col_type type, sc_col **c, sc_err *err)
{
    if (sc_table_find(var, name))
        SC_TRY(sc_table_drop(var, name, err));
    return sc_table_add(var, name, type, c, err);
}

static sc_status add_bools(sc_table *var, const char *name, const uint8_t *v, sc_err *err)
{
    sc_col *c;
    if (!v)
        return SC_OK;
    SC_TRY(column(var, name, SC_COL_BOOL, &c, err));
    memcpy(c->v.b, v, (size_t)var->n_rows);
    return SC_OK;
}

static sc_status add_reals(sc_table *var, const char *name, const double *v, sc_err *err)
{
    sc_col *c;
    if (!v)
        return SC_OK;
    SC_TRY(column(var, name, SC_COL_REAL, &c, err));
    memcpy(c->v.r, v, (size_t)var->n_rows * sizeof *v);
    return SC_OK;
}

static sc_status annotate(sc_table *var, const sc_hvg_result *r, sc_err *err)
{
    SC_TRY(add_bools(var, "highly_variable", r->is_highly_variable, err));
    SC_TRY(add_reals(var, "highly_variable_rank", r->rank, err));
    SC_TRY(add_reals(var, "means", r->means, err));
    SC_TRY(add_reals(var, "variances", r->variances, err));
    SC_TRY(add_reals(var, "variances_norm", r->variances_norm, err));
    SC_TRY(add_reals(var, "dispersions", r->dispersions, err));
    SC_TRY(add_reals(var, "dispersions_norm", r->dispersions_norm, err));
    if (r->n_batches) {
        sc_col *c;
        SC_TRY(column(var, "highly_variable_nbatches", SC_COL_INT, &c, err));
        memcpy(c->v.i, r->n_batches, (size_t)var->n_rows * sizeof *r->n_batches);
    }
    return add_bools(var, "highly_variable_intersection", r->is_in_all, err);
}

/* raw takes X and var as they are before anything is marked or dropped. */
static sc_status keep_raw(sc_header *h, sc_err *err)
{
    const int x = sc_header_find(h, "X");
    sc_mat *m;
    if (x < 0)
        return sc_fail(err, SC_EDATA, "there is no X to keep as raw");
    if (h->has_raw)
        return sc_fail(err, SC_EDATA, "there is a raw already, which --keep-raw would replace");
    sc_table_free(&h->raw_var);
    SC_TRY(sc_table_copy(&h->raw_var, &h->var, err));
    h->has_raw = true;
    return sc_header_add(h, "raw/X", h->mats[x].kind, h->mats[x].is_sparse, h->var.n_rows, &m, err);
}

static sc_status describe_output(job *j, sc_err *err)
{
    char uns[64];
    SC_TRY(annotate(&j->p.out.var, &j->found, err));
    if (j->o.is_subset) {
        SC_TRY(sc_subset_new(&j->subset, j->found.is_highly_variable, j->found.n_vars, err));
        SC_TRY(sc_subset_header(&j->subset, &j->p.out, err));
    }
    (void)snprintf(uns, sizeof uns, "{\"flavor\":\"%s\"}", flavor_names[j->o.flavor]);
    return sc_uns_set(&j->p.out, "hvg", uns, err);
}

static sc_status subset(void *ctx, int tid, sc_block *b, sc_err *err)
{
    const job *j = ctx;
    (void)tid;
    if (j->o.keeps_raw)
        SC_TRY(sc_block_alias(b, "raw/X", "X", err));
    return j->o.is_subset ? sc_subset_block(&j->subset, &j->p.out, b, err) : SC_OK;
}

static sc_status write_all(void *ctx, sc_writer *out, sc_err *err)
{
    job *j = ctx;
    const sc_each each = {.work = subset, .ctx = j};
    return sc_reader_each(j->p.in, out, j->p.pool, &each, err);
}

static sc_status run(job *j, sc_err *err)
{
    SC_TRY(check_options(&j->o, err));
    SC_TRY(sc_pass_open(&j->p, &tool, &j->o.common, err));
    SC_TRY(choose_matrix(j, err));
    if (j->o.keeps_raw)
        SC_TRY(keep_raw(&j->p.out, err));
    SC_TRY(find(j, err));
    SC_TRY(describe_output(j, err));
    return sc_pass_write(&j->p, write_all, j, err);
}

int main(int argc, char **argv)
{
    job j = {0};
    sc_err err = {0};
    sc_status st = sc_cli_parse(&tool, &j.o, argc, argv, &err);
    if (st == SC_OK)
        st = run(&j, &err);
    const int status = sc_pass_exit(&j.p, &tool, st, &err);
    sc_hvg_free(&j.stats);
    sc_hvg_result_free(&j.found);
    sc_groups_close(&j.batches);
    sc_subset_free(&j.subset);
    sc_cli_free(&j.o);
    return status;
}
