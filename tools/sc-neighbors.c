/* sc-neighbors: each cell's nearest neighbors in a representation, and UMAP's graph of them. */
#include "sc_cli.h"
#include "sc_fuzzy.h"
#include "sc_gather.h"
#include "sc_uns.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct neighbors_opts {
    sc_common common;
    int64_t k;
    const char *use_rep, *key;
    int metric;
} neighbors_opts;

static const sc_param params[] = {
    {SC_PARAM_INT, "n-neighbors", offsetof(neighbors_opts, k), 15, 2, 10000, "N",
     "neighbors of a cell, itself among them", 'k'},
    SC_STRING(neighbors_opts, use_rep, "use-rep", "NAME",
              "name in obsm, or X; default the only one there is"),
    SC_CHOICE(neighbors_opts, metric, "metric", SC_EUCLIDEAN, "euclidean|cosine",
              "how distances are measured"),
    SC_STRING(neighbors_opts, key, "key-added", "NAME",
              "name the graph NAME_connectivities and NAME_distances"),
    SC_PARAM_END};

static const sc_tool tool = {
    .name = "sc-neighbors",
    .brief = "nearest neighbors and their graph",
    .operands = "[IN]",
    .max_operands = 1,
    .flags = SC_TOOL_OUTPUT | SC_TOOL_PG | SC_TOOL_THREADS,
    .params = params,
    .opts_size = sizeof(neighbors_opts),
    .example = "sc-embed model.scm in.scz | sc-neighbors -k 20 | sc-umap > umap.scz",
};

typedef struct job {
    neighbors_opts o;
    sc_pass t;
    sc_dense rep;
    sc_csr distances, connectivities;
    char distances_path[512], connectivities_path[512];
} job;

/* The graph of distances: k - 1 others in each row, those at distance 0 too. */
static sc_status make_distances(sc_csr *m, const sc_knn *knn, sc_err *err)
{
    const int64_t n = knn->n_rows, each = knn->k - 1;
    *m = (sc_csr){.n_rows = n, .n_cols = n};
    SC_TRY(sc_alloc(&m->indptr, (size_t)n + 1, sizeof *m->indptr, err));
    SC_TRY(sc_alloc(&m->indices, (size_t)(n * each), sizeof *m->indices, err));
    SC_TRY(sc_alloc(&m->values, (size_t)(n * each), sizeof *m->values, err));
    for (int64_t i = 0; i < n; i++) {
        int32_t *index = m->indices + i * each;
        float *value = m->values + i * each;
        for (int64_t j = 0; j < each; j++) {
            const int32_t column = knn->index[i * knn->k + j + 1];
            int64_t at = j;
            for (; at > 0 && index[at - 1] > column; at--) {
                index[at] = index[at - 1];
                value[at] = value[at - 1];
            }
            index[at] = column;
            value[at] = (float)knn->dist[i * knn->k + j + 1];
        }
        m->indptr[i + 1] = (i + 1) * each;
    }
    return SC_OK;
}

static sc_status make_graph(job *j, sc_err *err)
{
    const int64_t n = j->rep.n_rows;
    sc_knn knn = {0};
    sc_status st;
    if (n < 2)
        return sc_fail(err, SC_EDATA, "a graph needs two cells or more, and there %s %d",
                       n == 1 ? "is" : "are", (int)n);
    if (n > INT32_MAX)
        return sc_fail(err, SC_EDATA, "there are more than 2147483647 cells");
    if (j->o.k > n) {
        const int64_t k = 1 + n / 2;
        sc_cli_note(&tool, &j->o, "%lld cells are fewer than -k %lld: taking %lld neighbors",
                    (long long)n, (long long)j->o.k, (long long)k);
        j->o.k = k;
    }
    SC_GOTO(st,
            sc_knn_find(&knn, &j->rep, NULL, (int)j->o.k, (sc_metric)j->o.metric, j->t.pool,
                        sc_kernels_get(NULL), err),
            out);
    SC_GOTO(st, sc_fuzzy_graph(&j->connectivities, &knn, j->t.pool, err), out);
    st = make_distances(&j->distances, &knn, err);
out:
    sc_knn_free(&knn);
    return st;
}

static sc_status set_uns(job *j, const char *rep, sc_err *err)
{
    const char *name = strncmp(rep, "obsm/", 5) == 0 ? rep + 5 : rep;
    json_t *uns =
        json_pack("{s:s, s:s, s:{s:s, s:s, s:I, s:i, s:s}}", "connectivities_key",
                  j->connectivities_path + 5, "distances_key", j->distances_path + 5, "params",
                  "method", "umap", "metric", j->o.metric == SC_COSINE ? "cosine" : "euclidean",
                  "n_neighbors", (json_int_t)j->o.k, "random_state", 0, "use_rep", name);
    char *text = uns ? json_dumps(uns, JSON_COMPACT) : NULL;
    const sc_status st = text ? sc_uns_set(&j->t.out, j->o.key ? j->o.key : "neighbors", text, err)
                              : sc_fail(err, SC_ENOMEM, "there is no memory for 'uns/neighbors'");
    free(text);
    json_decref(uns);
    return st;
}

static sc_status describe_output(job *j, const char *rep, sc_err *err)
{
    const int64_t n = j->rep.n_rows;
    SC_TRY(sc_header_add(&j->t.out, j->distances_path, SC_REAL, true, n, NULL, err));
    SC_TRY(sc_header_add(&j->t.out, j->connectivities_path, SC_REAL, true, n, NULL, err));
    SC_TRY(set_uns(j, rep, err));
    return SC_OK;
}

static sc_status add(void *ctx, sc_block *b, sc_err *err)
{
    job *j = ctx;
    SC_TRY(sc_add_sparse(b, j->distances_path, &j->distances, err));
    return sc_add_sparse(b, j->connectivities_path, &j->connectivities, err);
}

static sc_status run(job *j, sc_err *err)
{
    const sc_common *c = &j->o.common;
    int mat;
    SC_TRY(sc_cli_check_key("key-added", j->o.key, err));
    SC_TRY(sc_twice_open(&j->t, &tool, c, err));
    SC_TRY(sc_find_rep(sc_reader_header(j->t.in), j->o.use_rep, &mat, err));
    const char *rep = sc_reader_header(j->t.in)->mats[mat].path;
    sc_graph_path(j->o.key, "distances", j->distances_path, sizeof j->distances_path);
    sc_graph_path(j->o.key, "connectivities", j->connectivities_path,
                  sizeof j->connectivities_path);
    SC_TRY(sc_gather_dense(&j->rep, j->t.in, rep, err));
    SC_TRY(make_graph(j, err));
    SC_TRY(describe_output(j, rep, err));
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
    sc_csr_free(&j.distances);
    sc_csr_free(&j.connectivities);
    sc_dense_free(&j.rep);
    sc_cli_free(&j.o);
    return code;
}
