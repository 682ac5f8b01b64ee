/* The services that build() calls, first those of sizes, inputs and weights; and the table of all.
 */
#include "sc_graph_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t s_dim(sc_graph *gr, sc_dim d)
{
    const sc_dims *s = &built(gr)->dims;
    switch (d) {
    case SC_DIM_VARS:
        return s->n_vars;
    case SC_DIM_BATCH:
        return s->n_batch;
    case SC_DIM_LABELS:
        return s->n_labels;
    case SC_DIM_CAT_COVS:
        return s->n_cat_covs;
    case SC_DIM_CONT_COVS:
        return s->n_cont_covs;
    case SC_DIM_SIZE_FACTOR:
        return s->has_size_factor;
    case SC_DIM_PROTEINS:
        return s->n_proteins;
    case SC_DIM_PANELS:
        return s->n_panels;
    case SC_DIM_PROTEINS_MISSING:
        return s->n_proteins_missing;
    default:
        return (int)d - SC_DIM_CAT_COV_0 < s->n_cat_covs ? s->n_cats[(int)d - SC_DIM_CAT_COV_0] : 0;
    }
}

static sc_node s_input(sc_graph *gr, sc_rowset rows, sc_input in, sc_side side)
{
    sc_built *g = built(gr);
    sc_gnode n = {.op = SC_OP_INPUT,
                  .form = SC_DENSE,
                  .stream = rows,
                  .reps = 1,
                  .input = (int)in,
                  .side = (int)side,
                  .weight = -1,
                  .bias = -1};
    switch ((int)in) {
    case SC_IN_COUNTS:
        n.form = SC_SPARSE;
        n.n_cols = g->dims.n_vars;
        break;
    case SC_IN_PROTEINS:
        n.n_cols = g->dims.n_proteins;
        break;
    case SC_IN_CONT_COVS:
        n.n_cols = g->dims.n_cont_covs;
        break;
    case SC_IN_SIZE_FACTOR:
        n.n_cols = g->dims.has_size_factor;
        break;
    default:
        n.form = SC_CODES;
        n.n_cols = sc_graph_categories(g, (int)in);
    }
    if (n.n_cols <= 0) { /* the data have none: not a mistake until it is used */
        if (in == SC_IN_CONT_COVS || in == SC_IN_SIZE_FACTOR)
            g->absent = in == SC_IN_CONT_COVS ? "cont-covariate" : "size-factor-key";
        return SC_NONE;
    }
    for (int i = 1; i < g->n_nodes; i++) { /* asked for again: the same node */
        const sc_gnode *o = &g->nodes[i];
        if (o->op == SC_OP_INPUT && o->input == n.input && o->side == n.side &&
            o->stream == n.stream)
            return (sc_node){i};
    }
    return sc_graph_add(g, &n);
}

static void s_part(sc_graph *gr, sc_part part)
{
    built(gr)->part = part;
    built(gr)->group = 0;
}

static sc_node s_weight(sc_graph *gr, const char *name, int64_t rows, int64_t cols, sc_input grows,
                        sc_init init, double arg, unsigned flags)
{
    sc_built *g = built(gr);
    const bool is_trained = (flags & SC_TRAINED) != 0;
    if (grows == SC_IN_LABELS && g->dims.n_labels == 0 && g->err.status == SC_OK) {
        (void)sc_fail(&g->err, SC_EUSAGE, "'%s' depends on labels, and no --labels-key is given",
                      name);
        return SC_NONE;
    }
    sc_gweight w = {.name = (char *)name,
                    .kind = SC_W_PLAIN,
                    .rows = rows,
                    .cols = cols,
                    .init = init,
                    .arg = arg,
                    .is_trained = is_trained,
                    .is_saved = !(flags & SC_UNSAVED),
                    .row_input = -1};
    w.n_dims = rows == 1 && grows == SC_IN_COUNTS ? 1 : 2;
    if (flags & SC_ROWS_GROW)
        w.row_input = (int)grows;
    w.segments = calloc(1, sizeof *w.segments);
    if (!w.segments)
        return sc_graph_mistake(g, "out of memory");
    w.n_segments = 1;
    w.segments[0] =
        (sc_segment){cols, (int)grows >= SC_IN_BATCH && w.row_input < 0 ? (int)grows : -1};
    sc_gnode n = {.op = SC_OP_WEIGHT,
                  .form = SC_DENSE,
                  .reps = 0,
                  .n_rows = rows,
                  .n_cols = cols,
                  .bias = -1};
    n.weight = sc_graph_add_weight(g, &w);
    if (n.weight < 0 || g->weights[n.weight].segments != w.segments)
        free(w.segments);
    n.needs_grad = is_trained;
    return n.weight < 0 ? SC_NONE : sc_graph_add(g, &n);
}

static int side_weight(sc_built *g, const char *name, const char *suffix, sc_wkind kind, int64_t n,
                       double arg, bool is_trained, int n_dims)
{
    char at[256];
    (void)snprintf(at, sizeof at, "%s%s", name, suffix);
    const sc_gweight w = {.name = at,
                          .kind = kind,
                          .rows = 1,
                          .cols = n,
                          .n_dims = n_dims,
                          .init = SC_INIT_CONSTANT,
                          .arg = arg,
                          .is_trained = is_trained,
                          .is_saved = true,
                          .row_input = -1};
    return sc_graph_add_weight(g, &w);
}

static sc_node s_linear(sc_graph *gr, const char *name, const sc_node *parts, int n_parts,
                        int64_t n_out, unsigned flags)
{
    sc_built *g = built(gr);
    sc_gnode n = {.op = SC_OP_LINEAR,
                  .form = SC_DENSE,
                  .reps = -1,
                  .n_cols = n_out,
                  .bias = -1,
                  .needs_grad = true};
    sc_segment *seg = calloc((size_t)n_parts + 1, sizeof *seg);
    int64_t n_in = 0;
    if (!seg)
        return sc_graph_mistake(g, "out of memory");
    for (int i = 0; i < n_parts && i < SC_LINEAR_PARTS; i++) {
        const sc_gnode *x = node(g, parts[i]);
        if (!x || x->reps == 0 || (n.reps >= 0 && (x->reps != n.reps || x->stream != n.stream))) {
            free(seg);
            if (!x && g->absent && g->err.status == SC_OK) {
                (void)sc_fail(&g->err, SC_EUSAGE,
                              "linear '%s' lacks its part %d, and no --%s is given", name, i,
                              g->absent);
                return SC_NONE;
            }
            return sc_graph_mistake(
                g, "linear '%s': part %d is missing, or its rows differ from the others'", name, i);
        }
        n.reps = x->reps;
        n.stream = x->stream;
        if (x->form == SC_CODES && x->n_cols <= 1)
            continue; /* one category carries no information and has no column */
        seg[n.n_in] = (sc_segment){
            x->n_cols, x->form == SC_CODES ? (x->op == SC_OP_INPUT ? x->input : SC_IN_LABELS) : -1};
        n.in[n.n_in++] = parts[i].id;
        n_in += x->n_cols;
    }
    char at[256];
    (void)snprintf(at, sizeof at, "%s.weight", name);
    const sc_gweight w = {.name = at,
                          .kind = SC_W_LINEAR,
                          .rows = n_out,
                          .cols = n_in,
                          .n_dims = 2,
                          .arg = (double)n_in,
                          .is_trained = true,
                          .is_saved = true,
                          .covariates_train = (flags & SC_COVARIATES_TRAIN) != 0,
                          .n_segments = n.n_in,
                          .segments = seg,
                          .row_input = -1};
    n.weight = sc_graph_add_weight(g, &w);
    if (n.weight < 0 || g->weights[n.weight].segments != seg)
        free(seg);
    if (n.weight >= 0 && flags & SC_BIAS)
        n.bias = side_weight(g, name, ".bias", SC_W_BIAS, n_out, (double)n_in, true, 1);
    return n.weight < 0 ? SC_NONE : sc_graph_add(g, &n);
}

static sc_node s_batch_norm(sc_graph *gr, const char *name, sc_node x, double eps, double momentum)
{
    sc_built *g = built(gr);
    const sc_gnode *p = node(g, x);
    if (!p || p->form != SC_DENSE || p->reps == 0)
        return sc_graph_mistake(g, "batch norm '%s' needs dense rows", name);
    sc_gnode n = like(SC_OP_BATCH_NORM, p, x);
    n.arg = eps;
    n.arg2 = momentum;
    n.needs_grad = true;
    n.weight = side_weight(g, name, ".weight", SC_W_BN_WEIGHT, n.n_cols, 1, true, 1);
    (void)side_weight(g, name, ".bias", SC_W_BN_BIAS, n.n_cols, 0, true, 1);
    (void)side_weight(g, name, ".running_mean", SC_W_BN_MEAN, n.n_cols, 0, false, 1);
    (void)side_weight(g, name, ".running_var", SC_W_BN_VAR, n.n_cols, 1, false, 1);
    (void)side_weight(g, name, ".num_batches_tracked", SC_W_BN_COUNT, 1, 0, false, 0);
    return sc_graph_add(g, &n);
}

const sc_services sc_graph_services = {sizeof(sc_services),
                                       s_dim,
                                       s_input,
                                       s_part,
                                       s_weight,
                                       s_linear,
                                       s_batch_norm,
                                       sc_sv_layer_norm,
                                       sc_sv_dropout,
                                       sc_sv_map,
                                       sc_sv_affine,
                                       sc_sv_add,
                                       sc_sv_mul,
                                       sc_sv_div,
                                       sc_sv_softmax,
                                       sc_sv_row_sum,
                                       sc_sv_concat,
                                       sc_sv_slice,
                                       sc_sv_gather,
                                       sc_sv_transpose,
                                       sc_sv_stop,
                                       sc_sv_enumerate,
                                       sc_sv_repeat,
                                       sc_sv_unstack,
                                       sc_sv_pick,
                                       sc_sv_latent,
                                       sc_sv_kl,
                                       sc_sv_log_prob,
                                       sc_sv_observe,
                                       sc_sv_term,
                                       sc_sv_keep,
                                       sc_sv_side,
                                       sc_sv_schedule,
                                       sc_sv_output,
                                       sc_sv_loadings};
