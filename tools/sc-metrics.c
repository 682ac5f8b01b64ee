/* sc-metrics: how well an integration keeps cell types apart and mixes batches. */
#include "sc-metrics/metrics.h"

#include "sc_cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const sc_param params[] = {
    SC_STRING(metrics_opts, labels_key, "labels-key", "COLUMN", "obs column of the cell types"),
    SC_STRING(metrics_opts, batch_key, "batch-key", "COLUMN", "obs column of the batches"),
    SC_STRING(metrics_opts, cluster_key, "cluster-key", "COLUMN",
              "obs column of clusters, for ari and nmi; needs --labels-key"),
    SC_STRING(metrics_opts, use_rep, "use-rep", "NAME",
              "name in obsm, or X; default the only one there is"),
    SC_STRING(metrics_opts, before, "before", "NAME",
              "representation before integration, for pcr_comparison; needs --batch-key"),
    SC_BOOL(metrics_opts, per_cell, "per-cell", 0, "a row a cell instead of a row a metric"),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-metrics",
    .brief = "metrics of an integration",
    .operands = "[IN]",
    .max_operands = 1,
    .flags = SC_TOOL_OUTPUT | SC_TOOL_THREADS,
    .params = params,
    .opts_size = sizeof(metrics_opts),
    .example = "sc-metrics --labels-key cell_type --batch-key tech clusters.scz",
};

static sc_status print(const metrics *m, const metrics_opts *o, const sc_output *to, sc_err *err)
{
    FILE *f = fdopen(dup(to->fd), "w");
    if (!f)
        return sc_fail_errno(err, "%s", to->name);
    if (o->per_cell)
        metrics_print_cells(m, f);
    else
        metrics_print(m, f);
    const bool is_bad = ferror(f) != 0;
    return fclose(f) != 0 || is_bad ? sc_fail_errno(err, "%s", to->name) : SC_OK;
}

static sc_status run(const metrics_opts *o, sc_reader **in, metrics *m, sc_err *err)
{
    const sc_common *c = &o->common;
    sc_output to = {.fd = -1};
    sc_pool *pool = NULL;
    sc_status st;
    if (!o->labels_key && !o->batch_key)
        return sc_fail(err, SC_EUSAGE, "say --labels-key, --batch-key or both");
    if (o->cluster_key && (!o->labels_key || o->per_cell))
        return sc_fail(err, SC_EUSAGE, "--cluster-key is for --labels-key, without --per-cell");
    if (o->before && (!o->batch_key || o->per_cell))
        return sc_fail(err, SC_EUSAGE, "--before is for --batch-key, without --per-cell");
    SC_GOTO(st, sc_reader_open_path(in, c->n_operands ? c->operands[0] : NULL, err), out);
    SC_GOTO(st, sc_output_open(&to, c->output, false, err), out);
    SC_GOTO(st, sc_pool_new(&pool, (int)c->n_threads, err), out);
    SC_GOTO(st, metrics_read(m, o, *in, err), out);
    SC_GOTO(st, metrics_find(m, o, pool, err), out);
    SC_GOTO(st, print(m, o, &to, err), out);
    st = sc_output_commit(&to, err);
out:
    sc_output_abandon(&to);
    sc_pool_free(pool);
    return st;
}

int main(int argc, char **argv)
{
    metrics_opts o;
    metrics m = {0};
    sc_reader *in = NULL;
    sc_err err = {0};
    sc_status st = sc_cli_parse(&tool, &o, argc, argv, &err);
    if (st == SC_OK)
        st = run(&o, &in, &m, &err);
    if (in)
        (void)sc_err_name(&err, st, sc_reader_name(in));
    const int code = sc_cli_exit(&tool, st, &err);
    metrics_free(&m);
    sc_reader_close(in);
    sc_cli_free(&o);
    return code;
}
