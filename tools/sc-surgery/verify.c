#include "verify.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MEAN, VAR, SCALE, N_NODES };

typedef struct tally {
    int64_t n_same[2]; /* cells: embedding, expression */
    double worst[2];
} tally;

typedef struct verifier {
    const sc_net *nets;
    const char *const *names;
    int n;
    sc_infer **x; /* by model */
    int32_t (*nodes)[N_NODES];
    tally *tallies;
    int64_t n_cells;
} verifier;

static sc_status find_nodes(const sc_net *net, const char *name, int32_t *nodes, sc_err *err)
{
    const int site = sc_graph_site(net->g, "z"), scale = sc_graph_output(net->g, "px_scale");
    if (site < 0)
        return sc_fail(err, SC_EUSAGE, "%s: the model has no latent 'z'", name);
    const sc_gnode *z = &net->g->nodes[net->g->sites[site].node];
    nodes[MEAN] = z->q.a.id;
    nodes[VAR] = z->q.b.id;
    nodes[SCALE] = scale < 0 ? 0 : net->g->outputs[scale].node;
    return SC_OK;
}

/* Of n values, the largest difference; whether all have the same bits. */
static bool compare(const float *a, const float *b, int64_t n, double *worst)
{
    for (int64_t j = 0; j < n; j++) {
        const double d = fabs((double)a[j] - (double)b[j]);
        *worst = d > *worst || isnan(d) ? d : *worst;
    }
    return memcmp(a, b, (size_t)n * sizeof *a) == 0;
}

static void compare_rows(verifier *v, int model, int64_t n)
{
    const sc_built *g = v->nets[0].g, *h = v->nets[model].g;
    tally *t = &v->tallies[model];
    for (int64_t i = 0; i < n; i++) {
        bool same[2] = {true, true};
        for (int k = 0; k < N_NODES; k++) {
            const int32_t a = v->nodes[0][k], b = v->nodes[model][k];
            const int64_t cols = a ? g->nodes[a].n_cols : 0;
            if (!a || !b || h->nodes[b].n_cols != cols)
                continue;
            const bool is_same =
                compare(sc_infer_value(v->x[0], a) + i * cols,
                        sc_infer_value(v->x[model], b) + i * cols, cols, &t->worst[k == SCALE]);
            same[k == SCALE] = same[k == SCALE] && is_same;
        }
        t->n_same[0] += same[0];
        t->n_same[1] += same[1];
    }
}

static sc_status one_block(verifier *v, sc_block *b, sc_err *err)
{
    const int64_t n = sc_block_n_rows(b);
    for (int m = 0; m < v->n; m++)
        SC_TRY(sc_infer_block(v->x[m], b, err));
    for (int64_t at = 0; at < n; at += SC_INFER_ROWS) {
        const int64_t some = n - at < SC_INFER_ROWS ? n - at : SC_INFER_ROWS;
        for (int m = 0; m < v->n; m++) {
            SC_TRY(sc_infer_run(v->x[m], at, some, SC_DRAW_MEAN, 0, 0, err));
            if (m)
                compare_rows(v, m, some);
        }
    }
    v->n_cells += n;
    return SC_OK;
}

static sc_status open_all(verifier *v, const sc_header *h, const sc_keys *keys, sc_pool *pool,
                          const sc_kernels *k, sc_err *err)
{
    char note[SC_ERR_MAX];
    for (int m = 0; m < v->n; m++) {
        SC_TRY(find_nodes(&v->nets[m], v->names[m], v->nodes[m], err));
        const sc_status st =
            sc_infer_open(&v->x[m], &v->nets[m], h, keys, v->nodes[m],
                          v->nodes[m][SCALE] ? N_NODES : SCALE, pool, k, note, sizeof note, err);
        if (st != SC_OK)
            return sc_err_prefix(err, st, "%s", v->names[m]);
        if (v->nets[m].g->nodes[v->nodes[m][MEAN]].n_cols !=
            v->nets[0].g->nodes[v->nodes[0][MEAN]].n_cols)
            return sc_fail(err, SC_EUSAGE, "%s has another number of latent dimensions than %s",
                           v->names[m], v->names[0]);
    }
    return SC_OK;
}

static sc_status print(const verifier *v, FILE *out, sc_err *err)
{
    static const char *const what[] = {"embedding", "expression"};
    int first = 0;
    fprintf(out, "model\twhat\tcells\tidentical\tmax_difference\n");
    for (int m = 1; m < v->n; m++) {
        const tally *t = &v->tallies[m];
        for (int k = 0; k < 1 + (v->nodes[m][SCALE] != 0); k++)
            fprintf(out, "%s\t%s\t%lld\t%lld\t%.9g\n", v->names[m], what[k], (long long)v->n_cells,
                    (long long)t->n_same[k], t->worst[k]);
        if (!first && t->n_same[0] < v->n_cells)
            first = m;
    }
    if (fflush(out) != 0)
        return sc_fail_errno(err, "stdout");
    if (!first)
        return SC_OK;
    const tally *t = &v->tallies[first];
    return sc_fail(err, SC_EFORMAT,
                   "%s embeds %lld of %lld cells otherwise than %s does, by up to %.3g",
                   v->names[first], (long long)(v->n_cells - t->n_same[0]), (long long)v->n_cells,
                   v->names[0], t->worst[0]);
}

sc_status verify(const sc_net *models, const char *const *names, int n, sc_reader *in,
                 const sc_keys *keys, sc_pool *pool, const sc_kernels *k, FILE *out, sc_err *err)
{
    verifier v = {.nets = models, .names = names, .n = n};
    sc_block *b = NULL;
    sc_status st;
    SC_GOTO(st, sc_alloc(&v.x, (size_t)n, sizeof(sc_infer *), err), out);
    SC_GOTO(st, sc_alloc(&v.nodes, (size_t)n, sizeof *v.nodes, err), out);
    SC_GOTO(st, sc_alloc(&v.tallies, (size_t)n, sizeof *v.tallies, err), out);
    SC_GOTO(st, open_all(&v, sc_reader_header(in), keys, pool, k, err), out);
    while ((st = sc_reader_next(in, &b, err)) == SC_OK)
        SC_GOTO(st, one_block(&v, b, err), out);
    if (st == SC_END)
        st = print(&v, out, err);
out:
    for (int m = 0; m < n && v.x; m++)
        sc_infer_close(v.x[m]);
    free(v.x);
    free(v.nodes);
    free(v.tallies);
    return st;
}
