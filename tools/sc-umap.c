/* sc-umap: a layout of the cells in which neighbors of the graph stand together. */
#include "sc_cli.h"
#include "sc_gather.h"
#include "sc_umap.h"
#include "sc_uns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct umap_opts {
    sc_common common;
    double min_dist, spread, alpha, gamma;
    int64_t n_components, n_epochs, n_negative;
    const char *neighbors_key, *key;
} umap_opts;

static const sc_param params[] = {
    SC_REAL(umap_opts, min_dist, "min-dist", 0.5, 0, 1000, "how close cells may lie"),
    SC_REAL(umap_opts, spread, "spread", 1, 1e-3, 1000, "scale of the layout; above min-dist"),
    SC_INT(umap_opts, n_components, "n-components", 2, 1, SC_UMAP_MAX_DIMS, "dimensions"),
    SC_INT(umap_opts, n_epochs, "n-epochs", 0, 0, 1000000,
           "passes over the graph; 0: 500 for up to 10000 cells, else 200"),
    SC_REAL(umap_opts, alpha, "alpha", 1, 1e-6, 100, "step size at the start"),
    SC_REAL(umap_opts, gamma, "gamma", 1, 0, 1000, "weight of pushes against pulls"),
    SC_INT(umap_opts, n_negative, "negative-sample-rate", 5, 0, 1000, "pushes for each pull"),
    SC_STRING(umap_opts, neighbors_key, "neighbors-key", "NAME",
              "graph to take: what sc-neighbors --key-added named"),
    SC_STRING(umap_opts, key, "key-added", "NAME", "name in obsm; default X_umap"),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-umap",
    .brief = "layout of a neighbor graph",
    .operands = "[IN]",
    .max_operands = 1,
    .flags = SC_TOOL_OUTPUT | SC_TOOL_PG | SC_TOOL_THREADS | SC_TOOL_SEED,
    .params = params,
    .opts_size = sizeof(umap_opts),
    .example =
        "sc-neighbors -k 20 embedded.scz | sc-umap --min-dist 0.3 | sc-plot umap -o umap.svg",
};

typedef struct job {
    umap_opts o;
    sc_pass t;
    sc_csr graph;
    sc_dense layout;
    char path[512];
} job;

static sc_status make_layout(job *j, sc_err *err)
{
    const umap_opts *o = &j->o;
    const sc_umap_opts opts = {.n_dims = (int)o->n_components,
                               .min_dist = o->min_dist,
                               .spread = o->spread,
                               .alpha = o->alpha,
                               .gamma = o->gamma,
                               .n_epochs = o->n_epochs,
                               .n_negative = o->n_negative,
                               .seed = (uint64_t)o->common.seed};
    sc_dense *y = &j->layout;
    *y = (sc_dense){j->graph.n_rows, o->n_components, NULL};
    SC_TRY(sc_alloc(&y->values, (size_t)(y->n_rows * y->n_cols), sizeof(float), err));
    SC_TRY(sc_umap_start(&j->graph, &opts, y->values, j->t.pool, err));
    return sc_umap_layout(&j->graph, &opts, y->values, j->t.pool, err);
}

static sc_status describe_output(job *j, sc_err *err)
{
    char uns[128];
    double a, b;
    SC_TRY(sc_header_add(&j->t.out, j->path, SC_REAL, false, j->o.n_components, NULL, err));
    sc_umap_curve(j->o.min_dist, j->o.spread, &a, &b);
    (void)snprintf(uns, sizeof uns, "{\"params\":{\"a\":%.17g,\"b\":%.17g}}", a, b);
    SC_TRY(sc_uns_set(&j->t.out, j->o.key ? j->o.key : "umap", uns, err));
    return SC_OK;
}

static sc_status add(void *ctx, sc_block *b, sc_err *err)
{
    const job *j = ctx;
    return sc_add_dense(b, j->path, &j->layout, err);
}

static sc_status run(job *j, sc_err *err)
{
    const umap_opts *o = &j->o;
    const sc_common *c = &o->common;
    char graph[512];
    SC_TRY(sc_cli_check_key("key-added", o->key, err));
    if (o->min_dist > o->spread)
        return sc_fail(err, SC_EUSAGE, "--min-dist %g is above --spread %g", o->min_dist,
                       o->spread);
    (void)snprintf(j->path, sizeof j->path, "obsm/%s", o->key ? o->key : "X_umap");
    sc_graph_path(o->neighbors_key, "connectivities", graph, sizeof graph);
    SC_TRY(sc_twice_open(&j->t, &tool, c, err));
    SC_TRY(sc_gather_sparse(&j->graph, j->t.in, graph, err));
    SC_TRY(make_layout(j, err));
    SC_TRY(describe_output(j, err));
    return sc_twice_write(&j->t, add, j, err);
}

int main(int argc, char **argv)
{
    job j = {0};
    sc_err err = {0};
    sc_status st = sc_cli_parse(&tool, &j.o, argc, argv, &err);
    if (st == SC_OK)
        st = run(&j, &err);
    const int code = sc_pass_exit(&j.t, &tool, st, &err);
    sc_csr_free(&j.graph);
    sc_dense_free(&j.layout);
    sc_cli_free(&j.o);
    return code;
}
