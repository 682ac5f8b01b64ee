/*
 * sc-leiden: clusters of the neighbor graph, by igraph's Leiden algorithm. igraph is under the GPL,
 * and so is this program as it is linked; no other links it.
 * Source: Traag, Waltman, van Eck 2019, Sci Rep 9:5233.
 */
#include "sc_cli.h"
#include "sc_gather.h"
#include "sc_uns.h"

#include <igraph/igraph.h>
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
    int32_t *code; /* of each cell */
    int32_t n_clusters;
    double quality;
} job;

static const double least_gain = 1e-6; /* of quality, which is at most 1 */

typedef struct cluster {
    int64_t size, first; /* its number of cells; the first of them */
    int32_t id;
} cluster;

static int by_size(const void *a, const void *b)
{
    const cluster *x = a, *y = b;
    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

/* Numbers the clusters from the largest on. */
static sc_status number_clusters(job *j, const igraph_vector_int_t *membership, int32_t n,
                                 sc_err *err)
{
    cluster *c = NULL;
    int32_t *number = NULL;
    sc_status st;
    SC_GOTO(st, sc_alloc(&c, (size_t)n, sizeof *c, err), out);
    SC_GOTO(st, sc_alloc(&number, (size_t)n, sizeof *number, err), out);
    for (int64_t i = j->graph.n_rows - 1; i >= 0; i--) {
        cluster *to = &c[VECTOR(*membership)[i]];
        *to = (cluster){to->size + 1, i, (int32_t)VECTOR(*membership)[i]};
    }
    qsort(c, (size_t)n, sizeof *c, by_size);
    for (int32_t k = 0; k < n; k++)
        number[c[k].id] = k;
    for (int64_t i = 0; i < j->graph.n_rows; i++)
        j->code[i] = number[VECTOR(*membership)[i]];
    j->n_clusters = n;
out:
    free(c);
    free(number);
    return st;
}

typedef struct weighted { /* as igraph has it; each edge once */
    igraph_t graph;
    igraph_vector_t weights, strength;
    igraph_vector_int_t ends, membership;
    double total; /* of the strengths: twice the edges */
} weighted;

static igraph_error_t build(weighted *w, const sc_csr *m)
{
    igraph_integer_t at = 0, n_edges = 0;
    for (int64_t i = 0; i < m->n_rows; i++)
        for (int64_t k = m->indptr[i]; k < m->indptr[i + 1]; k++)
            n_edges += m->indices[k] > i;
    IGRAPH_CHECK(igraph_vector_int_resize(&w->ends, 2 * n_edges));
    IGRAPH_CHECK(igraph_vector_resize(&w->weights, n_edges));
    IGRAPH_CHECK(igraph_vector_resize(&w->strength, m->n_rows));
    igraph_vector_null(&w->strength);
    for (int64_t i = 0; i < m->n_rows; i++)
        for (int64_t k = m->indptr[i]; k < m->indptr[i + 1]; k++) {
            const int32_t j = m->indices[k];
            if (j <= i)
                continue;
            VECTOR(w->ends)[2 * at] = i;
            VECTOR(w->ends)[2 * at + 1] = j;
            VECTOR(w->weights)[at++] = (double)m->values[k];
            VECTOR(w->strength)[i] += (double)m->values[k];
            VECTOR(w->strength)[j] += (double)m->values[k];
        }
    w->total = igraph_vector_sum(&w->strength);
    return igraph_create(&w->graph, &w->ends, m->n_rows, IGRAPH_UNDIRECTED);
}

/* Rounds are counted here: when igraph 0.10 is to go on until nothing changes, it ends too early.
 */
static igraph_error_t find_clusters(weighted *w, const leiden_opts *o, igraph_integer_t *n,
                                    igraph_real_t *quality)
{
    const double resolution = w->total > 0 ? o->resolution / w->total : 0;
    IGRAPH_CHECK(igraph_rng_seed(igraph_rng_default(), (igraph_uint_t)o->common.seed));
    for (int64_t round = 0; round != o->n_iterations; round++) {
        const igraph_real_t before = *quality;
        IGRAPH_CHECK(igraph_community_leiden(&w->graph, &w->weights, &w->strength, resolution,
                                             o->beta, round > 0, 1, &w->membership, n, quality));
        if (o->n_iterations < 0 && round > 0 && !(*quality > before + least_gain))
            break;
    }
    return IGRAPH_SUCCESS;
}

static sc_status cluster_cells(job *j, sc_err *err)
{
    weighted w = {0};
    igraph_integer_t n = 0;
    igraph_real_t quality = 0;
    sc_status st = SC_OK;
    igraph_set_error_handler(igraph_error_handler_ignore);
    SC_TRY(sc_alloc(&j->code, (size_t)j->graph.n_rows, sizeof *j->code, err));
    if (igraph_vector_int_init(&w.ends, 0) || igraph_vector_init(&w.weights, 0) ||
        igraph_vector_init(&w.strength, 0) || igraph_vector_int_init(&w.membership, 0))
        return sc_fail(err, SC_ENOMEM, "there is no memory for the graph");
    igraph_error_t code = build(&w, &j->graph);
    const bool is_built = code == IGRAPH_SUCCESS;
    if (is_built)
        code = find_clusters(&w, &j->o, &n, &quality);
    if (code != IGRAPH_SUCCESS)
        st = sc_fail(err, code == IGRAPH_ENOMEM ? SC_ENOMEM : SC_EDATA, "igraph says: %s",
                     igraph_strerror(code));
    else
        st = number_clusters(j, &w.membership, (int32_t)n, err);
    j->quality = quality;
    if (is_built)
        igraph_destroy(&w.graph);
    igraph_vector_int_destroy(&w.ends);
    igraph_vector_destroy(&w.weights);
    igraph_vector_destroy(&w.strength);
    igraph_vector_int_destroy(&w.membership);
    return st;
}

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
    SC_TRY(add_column(&j->t.out.obs, key_of(j), j->n_clusters, &column, err));
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
    SC_TRY(add_column(obs, key_of(j), j->n_clusters, &c, err));
    if (obs->n_rows)
        memcpy(c->v.code, j->code + sc_block_row0(b), (size_t)obs->n_rows * sizeof *j->code);
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
    SC_TRY(cluster_cells(j, err));
    if (c->verbose)
        sc_cli_note(&tool, o, "%d clusters, quality %.6f", (int)j->n_clusters, j->quality);
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
    free(j.code);
    sc_cli_free(&j.o);
    return code;
}
