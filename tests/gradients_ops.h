/*
 * For tests of the gradients of single ops: small graphs over the cells of tiny.h, each held to
 * central differences, and what has been in them.
 */
#ifndef TESTS_GRADIENTS_OPS_H
#define TESTS_GRADIENTS_OPS_H

#include "gradients.h"

enum { N_HIDDEN = 4 };

typedef struct parts {                     /* what every small graph begins with */
    sc_node x, y, batch, label, h, k, row; /* h, k: rows x N_HIDDEN; row: one trained row */
} parts;

static inline sc_node trained(sc_graph *g, const char *name, int64_t rows, int64_t cols)
{
    return sc_weight(g, name, rows, cols, SC_IN_COUNTS, SC_INIT_NORMAL, 0, SC_TRAINED);
}

static parts begin(sc_graph *g)
{
    parts p = {.x = sc_counts(g, SC_ROWS_ALL),
               .y = sc_in(g, SC_ROWS_ALL, SC_IN_PROTEINS, SC_ENCODER_SIDE),
               .batch = sc_in(g, SC_ROWS_ALL, SC_IN_BATCH, SC_DECODER_SIDE),
               .label = sc_in(g, SC_ROWS_ALL, SC_IN_LABELS, SC_ENCODER_SIDE)};
    const sc_node total = sc_affine(g, sc_row_sum(g, p.x), 1. / TINY_VARS, 1);
    const sc_node in[3] = {sc_log1p(g, sc_div(g, p.x, total)), p.batch,
                           sc_in(g, SC_ROWS_ALL, SC_IN_CONT_COVS, SC_ENCODER_SIDE)};
    p.h = sc_linear(g, "h", in, 3, N_HIDDEN, SC_BIAS);
    p.k = sc_linear(g, "k", in, 2, N_HIDDEN, 0);
    p.row = trained(g, "row", 1, N_HIDDEN);
    return p;
}

/* A weighted sum over the columns, so that every column's gradient differs. */
static void finish(sc_graph *g, sc_node v, int64_t n_cols)
{
    sc_minimize(g, "t", SC_TERM_OTHER, SC_WEIGHT_KL,
                n_cols == 1 ? v : sc_row_sum(g, sc_mul(g, v, trained(g, "c", 1, n_cols))));
}

static inline sc_node positive(sc_graph *g, sc_node x)
{
    return sc_affine(g, sc_softplus(g, x), 1, 0.1);
}

/* Ops, maps and distributions through which a gradient went, so that none is forgotten. */
static struct {
    bool op[SC_OP_COUNT], map[SC_MAP_HARDSWISH + 1], dist[SC_OP_COUNT][SC_NB_MIXTURE + 1];
} seen;

static void note(const sc_built *g)
{
    for (int i = 1; i < g->n_nodes; i++) {
        const sc_gnode *n = &g->nodes[i];
        if (!n->needs_grad)
            continue;
        seen.op[n->op] = true;
        if (n->op == SC_OP_MAP)
            seen.map[n->map] = true;
        if (n->op >= SC_OP_LATENT)
            seen.dist[n->op][n->q.kind] = true;
    }
}

/* Weights by their initialisation, but small; the mask leaves every third number out. */
static void check_build(const char *what, void (*build)(sc_graph *, const void *), int which,
                        bool train)
{
    const sc_model model = {.size = sizeof model, .build = build};
    const sc_dims dims = tiny_dims();
    sc_built *g = NULL;
    sc_err err = {0};
    char name[64];
    uint64_t s = 9;
    (void)snprintf(name, sizeof name, "%s %d%s", what, which, train ? ", training" : "");
    if (sc_graph_build(&g, &model, &which, &dims, &err) != SC_OK)
        fail_msg("%s: %s", name, err.msg);
    note(g);
    float *w = calloc((size_t)g->n_params, sizeof *w);
    for (int i = 0; i < g->n_weights; i++) {
        const sc_gweight *gw = &g->weights[i];
        const bool is_mask = strcmp(gw->name, "seen") == 0;
        for (int64_t k = 0; k < gw->rows * gw->cols; k++)
            w[gw->offset + k] = is_mask                   ? (k % 3 ? 1.F : 0.F)
                                : gw->kind == SC_W_BN_VAR ? 1.5F
                                : gw->init == SC_INIT_CONSTANT && !gw->is_trained
                                    ? (float)gw->arg
                                    : (float)(0.8 * (tiny_uniform(&s) - 0.5));
    }
    check_graph(name, g, w, SC_DRAW_NOISE, train, 12);
    free(w);
    sc_graph_free(g);
}

#endif
