/* sc-leiden: clusters of the neighbor graph, by the Leiden algorithm. */
#include "sc_cli.h"
#include "sc_gather.h"
#include "sc_leiden.h"
#include "sc_uns.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct leiden_opts {
    sc_common common;
    double resolution, beta;
    int64_t n_iterations;
    const char *neighbors_key, *key;
} leiden_opts;

static const sc_param params[] = {
    SC_REAL(leiden_opts, resolution, "resolution", 1, 0, 1e6, "more of it gives more clusters"),
    SC_INT(leiden_opts, n_iterations, "n-iterations", -1, -1, 1000000,
           "rounds, each beginning where the last ended; -1: until nothing improves"),
    SC_REAL(leiden_opts, beta, "beta", 0.01, 1e-9, 1e6,
            "randomness of the refinement; small is nearly greedy"),
    SC_STRING(leiden_opts, neighbors_key, "neighbors-key", "NAME",
              "graph to take: what sc-neighbors --key-added named"),
    SC_STRING(leiden_opts, key, "key-added", "NAME", "name of the obs column; default leiden"),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-leiden",
    .brief = "clusters of a neighbor graph",
    .operands = "[IN]",
    .max_operands = 1,
    .flags = SC_TOOL_OUTPUT | SC_TOOL_PG | SC_TOOL_SEED | SC_TOOL_VERBOSE,
    .params = params,
    .opts_size = sizeof(leiden_opts),
    .example = "sc-neighbors -k 20 embedded.scz | sc-leiden --resolution 0.8 > clusters.scz",
};

typedef struct job {
    leiden_opts o;
    sc_pass t;
    sc_csr graph;
    sc_clusters clusters;
} job;

static const char *key_of(const job *j)
{
    return j->o.key ? j->o.key : "leiden";
}

/* The column, in place of the one that an earlier run left; its categories are "0", "1", ... */
static sc_status add_column(sc_table *obs, const char *key, int32_t n_clusters, sc_col **c,
                            sc_err *err)
{
    if (sc_table_find(obs, key))
        SC_TRY(sc_table_drop(obs, key, err));
    SC_TRY(sc_table_add(obs, key, SC_COL_CATEGORY, c, err));
    for (int32_t k = 0; k < n_clusters; k++) {
        char name[16];
        const int len = snprintf(name, sizeof name, "%d", (int)k);
        SC_TRY(sc_strs_push(&(*c)->categories, name, (size_t)len, err));
    }
    return SC_OK;
}

static sc_status describe_output(job *j, sc_err *err)
{
    const sc_common *c = &j->o.common;
    sc_col *column;
    SC_TRY(add_column(&j->t.out.obs, key_of(j), j->clusters.n, &column, err));
    json_t *uns =
        json_pack("{s:{s:f, s:I, s:I}}", "params", "resolution", j->o.resolution, "n_iterations",
                  (json_int_t)j->o.n_iterations, "random_state", (json_int_t)c->seed);
    char *text = uns ? json_dumps(uns, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    const sc_status st = text ? sc_uns_set(&j->t.out, key_of(j), text, err)
                              : sc_fail(err, SC_ENOMEM, "there is no memory for 'uns/leiden'");
    free(text);
    json_decref(uns);
    SC_TRY(st);
    return SC_OK;
}

static sc_status add(void *ctx, sc_block *b, sc_err *err)
{
    const job *j = ctx;
    sc_table *obs;
    sc_col *c;
    SC_TRY(sc_block_obs(b, &obs, err));
    SC_TRY(add_column(obs, key_of(j), j->clusters.n, &c, err));
    if (obs->n_rows)
        memcpy(c->v.code, j->clusters.of + sc_block_row0(b),
               (size_t)obs->n_rows * sizeof *j->clusters.of);
    sc_block_touch(b, NULL);
    return SC_OK;
}

static sc_status run(job *j, sc_err *err)
{
    const leiden_opts *o = &j->o;
    const sc_common *c = &o->common;
    char graph[512];
    SC_TRY(sc_cli_check_key("key-added", o->key, err));
    if (o->n_iterations == 0)
        return sc_fail(err, SC_EUSAGE, "--n-iterations takes 1 or more, or -1");
    sc_graph_path(o->neighbors_key, "connectivities", graph, sizeof graph);
    SC_TRY(sc_twice_open(&j->t, &tool, c, err));
    SC_TRY(sc_gather_sparse(&j->graph, j->t.in, graph, err));
    const sc_leiden_opts opts = {o->resolution, o->beta, o->n_iterations, (uint64_t)c->seed};
    SC_TRY(sc_leiden(&j->clusters, &j->graph, &opts, err));
    if (c->verbose)
        sc_cli_note(&tool, o, "%d clusters, quality %.6f", (int)j->clusters.n, j->clusters.quality);
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
    sc_clusters_free(&j.clusters);
    sc_cli_free(&j.o);
    return code;
}
