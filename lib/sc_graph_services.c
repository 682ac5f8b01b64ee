/* The services that build() calls: each checks shapes and appends a node. */
#include "sc_graph_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sc_built *built(sc_graph *g)
{
    return (sc_built *)g; /* head is its first member */
}

static const sc_gnode *node(const sc_built *g, sc_node n)
{
    return n.id > 0 && n.id < g->n_nodes ? &g->nodes[n.id] : NULL;
}

/* A node whose rows are those of x, with x as the only parent. */
static sc_gnode like(sc_op_id op, const sc_gnode *x, sc_node id)
{
    return (sc_gnode){.op = op,
                      .form = x->form,
                      .stream = x->stream,
                      .reps = x->reps,
                      .n_rows = x->n_rows,
                      .n_cols = x->n_cols,
                      .n_in = 1,
                      .in = {id.id},
                      .weight = -1,
                      .bias = -1};
}

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
    if (n.n_cols <= 0)
        return SC_NONE;                    /* the data have none: not a mistake until it is used */
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

static sc_node unary(sc_built *g, sc_op_id op, const char *what, sc_node x, double arg)
{
    const sc_gnode *p = node(g, x);
    if (!p || p->form != SC_DENSE)
        return sc_graph_mistake(g, "%s needs a dense matrix", what);
    sc_gnode n = like(op, p, x);
    n.arg = arg;
    return sc_graph_add(g, &n);
}

static sc_node s_layer_norm(sc_graph *gr, sc_node x, double eps)
{
    return unary(built(gr), SC_OP_LAYER_NORM, "layer norm", x, eps);
}

static sc_node s_dropout(sc_graph *gr, sc_node x, double p)
{
    sc_built *g = built(gr);
    const sc_node n = unary(g, SC_OP_DROPOUT, "dropout", x, p);
    if (n.id)
        g->nodes[n.id].site = g->n_dropouts++;
    return n;
}

static sc_node s_map(sc_graph *gr, sc_map map, sc_node x, double arg)
{
    sc_built *g = built(gr);
    const sc_gnode *p = node(g, x);
    const bool keeps_zero = map == SC_MAP_LOG1P || map == SC_MAP_RELU || map == SC_MAP_NEG ||
                            map == SC_MAP_SQUARE || map == SC_MAP_SQRT;
    if (!p || p->form == SC_CODES || (p->form == SC_SPARSE && !keeps_zero))
        return sc_graph_mistake(g, "map %d would make counts dense, or has nothing to map",
                                (int)map);
    sc_gnode n = like(SC_OP_MAP, p, x);
    n.map = (int)map;
    n.arg = arg;
    return sc_graph_add(g, &n);
}

static sc_node s_affine(sc_graph *gr, sc_node x, double scale, double shift)
{
    const sc_node n = unary(built(gr), SC_OP_AFFINE, "affine", x, scale);
    if (n.id)
        built(gr)->nodes[n.id].arg2 = shift;
    return n;
}

/* y's rows and columns must be x's or 1. */
static sc_node binary(sc_built *g, sc_op_id op, sc_node x, sc_node y)
{
    const sc_gnode *p = node(g, x), *q = node(g, y);
    if (p && q && op != SC_OP_DIV && (p->reps == 0 || p->n_cols == 1) &&
        (q->reps || p->reps == 0) && q->n_cols >= p->n_cols &&
        (q->reps > p->reps || q->n_cols > p->n_cols)) {
        const sc_node t = x; /* add and mul commute: the larger comes first */
        x = y;
        y = t;
        p = node(g, x);
        q = node(g, y);
    }
    if (!p || !q || p->form == SC_CODES || q->form != SC_DENSE ||
        (q->n_cols != p->n_cols && q->n_cols != 1) ||
        (q->reps != 0 && (q->reps != p->reps || q->stream != p->stream)) ||
        (q->reps == 0 && q->n_rows != 1) ||
        (p->form == SC_SPARSE && (op == SC_OP_ADD || q->n_cols != 1)))
        return sc_graph_mistake(
            g, "two matrices of shapes that don't go together are added, multiplied or divided");
    sc_gnode n = like(op, p, x);
    n.n_in = 2;
    n.in[1] = y.id;
    return sc_graph_add(g, &n);
}

static sc_node s_add(sc_graph *g, sc_node x, sc_node y)
{
    return binary(built(g), SC_OP_ADD, x, y);
}
static sc_node s_mul(sc_graph *g, sc_node x, sc_node y)
{
    return binary(built(g), SC_OP_MUL, x, y);
}
static sc_node s_div(sc_graph *g, sc_node x, sc_node y)
{
    return binary(built(g), SC_OP_DIV, x, y);
}
static sc_node s_softmax(sc_graph *g, sc_node x)
{
    return unary(built(g), SC_OP_SOFTMAX, "softmax", x, 0);
}
static sc_node s_stop(sc_graph *gr, sc_node x)
{
    const sc_node n = unary(built(gr), SC_OP_STOP_GRADIENT, "stop_gradient", x, 0);
    if (n.id)
        built(gr)->nodes[n.id].needs_grad = false;
    return n;
}

static sc_node s_row_sum(sc_graph *gr, sc_node x)
{
    sc_built *g = built(gr);
    const sc_gnode *p = node(g, x);
    if (!p || p->form == SC_CODES)
        return sc_graph_mistake(g, "row_sum needs a matrix");
    sc_gnode n = like(SC_OP_ROW_SUM, p, x);
    n.form = SC_DENSE;
    n.n_cols = 1;
    return sc_graph_add(g, &n);
}

static sc_node s_concat(sc_graph *gr, const sc_node *parts, int n_parts)
{
    sc_built *g = built(gr);
    const sc_gnode *p = n_parts > 0 ? node(g, parts[0]) : NULL;
    if (!p || n_parts > SC_LINEAR_PARTS)
        return sc_graph_mistake(g, "concat of nothing");
    sc_gnode n = like(SC_OP_CONCAT, p, parts[0]);
    n.n_in = n_parts;
    n.n_cols = 0;
    for (int i = 0; i < n_parts; i++) {
        const sc_gnode *x = node(g, parts[i]);
        if (!x || x->form != SC_DENSE || x->reps != p->reps || x->stream != p->stream)
            return sc_graph_mistake(g, "concat: part %d is not dense, or has other rows", i);
        n.in[i] = parts[i].id;
        n.n_cols += x->n_cols;
    }
    return sc_graph_add(g, &n);
}

static sc_node s_slice(sc_graph *gr, sc_node x, int64_t first, int64_t count)
{
    sc_built *g = built(gr);
    const sc_gnode *p = node(g, x);
    if (!p || first < 0 || count < 1 || first > p->n_cols - count)
        return sc_graph_mistake(g, "slice reaches over the matrix's columns");
    const sc_node n = unary(g, SC_OP_SLICE, "slice", x, 0);
    if (n.id) {
        g->nodes[n.id].first = first;
        g->nodes[n.id].n_cols = count;
    }
    return n;
}

static sc_node s_gather(sc_graph *gr, sc_node weight, sc_node category, bool by_row)
{
    sc_built *g = built(gr);
    const sc_gnode *w = node(g, weight), *c = node(g, category);
    if (!w || !c || w->op != SC_OP_WEIGHT || c->form != SC_CODES ||
        (by_row ? w->n_rows : w->n_cols) != c->n_cols)
        return sc_graph_mistake(g,
                                "gather needs a weight with as many %s as the category has values",
                                by_row ? "rows" : "columns");
    sc_gnode n = like(SC_OP_GATHER, c, weight);
    n.form = SC_DENSE;
    n.n_in = 2;
    n.in[1] = category.id;
    n.first = by_row;
    n.n_cols = by_row ? w->n_cols : w->n_rows;
    return sc_graph_add(g, &n);
}

static sc_node s_transpose(sc_graph *gr, sc_node weight)
{
    sc_built *g = built(gr);
    const sc_gnode *w = node(g, weight);
    if (!w || w->op != SC_OP_WEIGHT || (w->n_rows != 1 && w->n_cols != 1))
        return sc_graph_mistake(g, "only a weight of one row or column can be turned");
    sc_gnode n = *w;
    n.n_rows = w->n_cols;
    n.n_cols = w->n_rows;
    return sc_graph_add(g, &n);
}

static sc_node s_enumerate(sc_graph *gr, sc_node x, int64_t n_classes)
{
    sc_built *g = built(gr);
    const sc_gnode *p = node(g, x);
    if (!p || p->reps != 1 || n_classes < 1)
        return sc_graph_mistake(g, "enumerate needs plain rows and a class");
    sc_gnode n = like(SC_OP_ENUMERATE, p, x);
    n.form = SC_CODES;
    n.n_cols = n_classes;
    n.reps = n_classes;
    n.n_in = 0;
    return sc_graph_add(g, &n);
}

static sc_node s_repeat(sc_graph *gr, sc_node x, int64_t n_classes)
{
    sc_built *g = built(gr);
    const sc_gnode *p = node(g, x);
    if (!p || p->reps != 1 || p->form != SC_DENSE)
        return sc_graph_mistake(g, "repeat_rows needs plain dense rows");
    sc_gnode n = like(SC_OP_REPEAT_ROWS, p, x);
    n.reps = n_classes;
    return sc_graph_add(g, &n);
}

static sc_node s_unstack(sc_graph *gr, sc_node x, int64_t n_classes)
{
    sc_built *g = built(gr);
    const sc_gnode *p = node(g, x);
    if (!p || p->reps != n_classes || p->n_cols != 1 || p->form != SC_DENSE)
        return sc_graph_mistake(g, "unstack needs one column with a row for each class");
    sc_gnode n = like(SC_OP_UNSTACK, p, x);
    n.reps = 1;
    n.n_cols = n_classes;
    return sc_graph_add(g, &n);
}

static sc_node s_pick(sc_graph *gr, sc_node x, sc_node category)
{
    sc_built *g = built(gr);
    const sc_gnode *p = node(g, x), *c = node(g, category);
    if (!p || !c || c->form != SC_CODES || p->form != SC_DENSE || p->n_cols != c->n_cols ||
        p->reps != c->reps || p->stream != c->stream)
        return sc_graph_mistake(g, "pick needs a column for each category");
    sc_gnode n = like(SC_OP_PICK, p, x);
    n.n_in = 2;
    n.in[1] = category.id;
    n.n_cols = 1;
    return sc_graph_add(g, &n);
}

/* Appends the parameters of a distribution as parents: d.a ... d.d in order, missing ones left out.
 */
static void add_dist(sc_gnode *n, const sc_dist *d)
{
    const sc_node p[4] = {d->a, d->b, d->c, d->d};
    for (int i = 0; i < 4; i++)
        if (p[i].id)
            n->in[n->n_in++] = p[i].id;
}

static sc_node s_latent(sc_graph *gr, const char *site, sc_dist q, sc_dist prior)
{
    sc_built *g = built(gr);
    const sc_gnode *m = node(g, q.a), *v = node(g, q.b);
    if (!m || !v || m->n_cols != v->n_cols || m->reps == 0 || m->reps != v->reps ||
        m->stream != v->stream || q.kind > SC_NORMAL_SD || g->n_sites == 16)
        return sc_graph_mistake(g, "latent '%s' needs a normal q with mean and variance", site);
    sc_gnode n = like(SC_OP_LATENT, m, q.a);
    n.n_in = 0;
    n.q = q;
    n.p = prior;
    add_dist(&n, &q);
    n.site = g->n_sites;
    const sc_node id = sc_graph_add(g, &n);
    if (id.id)
        g->sites[g->n_sites++] = (sc_gsite){strdup(site), id.id};
    return id;
}

/* Whether parameter p goes with rows like those of `rows` and with `width` columns. A single row
 * may only be trained where the op sums its gradient over the rows, and then not be a single
 * number. */
static bool param_fits(const sc_built *g, sc_node p, const sc_gnode *rows, int64_t width,
                       bool sums_rows)
{
    const sc_gnode *n = node(g, p);
    if (!n)
        return p.id == 0;
    if (n->form != SC_DENSE || (n->n_cols != width && n->n_cols != 1))
        return false;
    if (n->reps == 0)
        return n->n_rows == 1 && (!n->needs_grad || (sums_rows && n->n_cols == width));
    return n->reps == rows->reps && n->stream == rows->stream;
}

static bool dist_fits(const sc_built *g, const sc_dist *d, const sc_gnode *rows, int64_t width,
                      bool sums_rows)
{
    const sc_node p[4] = {d->a, d->b, d->c, d->d};
    for (int i = 0; i < 4; i++)
        if (!param_fits(g, p[i], rows, width, sums_rows))
            return false;
    return true;
}

static sc_node dist_op(sc_built *g, sc_op_id op, const sc_dist *q, const sc_dist *p, sc_node x,
                       sc_node mask)
{
    const sc_gnode *a = node(g, q->a), *v = node(g, x);
    const sc_gnode *rows = v && v->reps ? v : a;
    if (!rows || (!a && q->a.id) || (x.id && !v))
        return sc_graph_mistake(g, "a distribution lacks its parameters or its value");
    const bool codes = v && v->form == SC_CODES;
    const int64_t width = v && !codes ? v->n_cols : a ? a->n_cols : 0;
    const bool sums = op == SC_OP_OBSERVE;
    if (p && p->kind == SC_CATEGORICAL_PROBS && node(g, p->a) && node(g, p->a)->needs_grad)
        return sc_graph_mistake(g, "the prior of a class can't be trained");
    if (rows->reps == 0 || !dist_fits(g, q, rows, width, sums) ||
        (p && !dist_fits(g, p, rows, width, sums)) || (codes && v->n_cols != width) ||
        (mask.id && (!param_fits(g, mask, rows, width, false) || node(g, mask)->n_cols != width)))
        return sc_graph_mistake(
            g, "a distribution's parameters, value and mask have shapes that don't go together");
    sc_gnode n = like(op, rows, SC_NONE);
    n.form = SC_DENSE;
    n.n_cols = 1;
    n.n_in = 0;
    n.q = *q;
    if (p)
        n.p = *p;
    add_dist(&n, q);
    if (p)
        add_dist(&n, p);
    if (x.id)
        n.in[n.n_in++] = x.id;
    if (mask.id)
        n.in[n.n_in++] = mask.id;
    n.first = x.id;
    n.bias = mask.id;
    return sc_graph_add(g, &n);
}

static sc_node s_kl(sc_graph *g, sc_dist q, sc_dist p, sc_node mask)
{
    return dist_op(built(g), SC_OP_KL, &q, &p, SC_NONE, mask);
}
static sc_node s_log_prob(sc_graph *g, sc_dist d, sc_node x)
{
    return dist_op(built(g), SC_OP_LOG_PROB, &d, NULL, x, SC_NONE);
}

static sc_node s_observe(sc_graph *g, const char *site, sc_dist d, sc_node x, sc_node mask)
{
    (void)site; /* the input that x is names it */
    return dist_op(built(g), SC_OP_OBSERVE, &d, NULL, x, mask);
}

static void s_term(sc_graph *gr, const sc_term *t, sc_node x)
{
    sc_built *g = built(gr);
    const sc_gnode *p = node(g, x);
    if (!p || p->n_cols != 1 || p->reps == 0 || g->n_terms == 32) {
        sc_graph_mistake(g, "term '%s' needs one column with a value for each row", t->name);
        return;
    }
    sc_gterm *at = &g->terms[g->n_terms++];
    *at = (sc_gterm){strdup(t->name), *t, x.id};
    at->spec.name = at->name;
    if (at->spec.factor == 0)
        at->spec.factor = 1;
}

static void s_keep(sc_graph *gr, sc_node x)
{
    sc_built *g = built(gr);
    if (x.id && g->n_keeps < 16)
        g->keeps[g->n_keeps++] = x.id;
}

static int s_side(sc_graph *gr, double lr, double eps)
{
    sc_built *g = built(gr);
    if (g->n_groups == SC_GROUPS_MAX) {
        sc_graph_mistake(g, "too many side networks");
        return 0;
    }
    g->group_lr[g->n_groups] = lr;
    g->group_eps[g->n_groups] = eps;
    g->group = g->n_groups;
    return g->n_groups++;
}

static void s_schedule(sc_graph *gr, sc_schedule s)
{
    built(gr)->schedule = s;
}

static void s_output(sc_graph *gr, const char *name, sc_output_kind kind, sc_node x,
                     const char *doc)
{
    sc_built *g = built(gr);
    if (!x.id || g->n_outputs == 32) {
        sc_graph_mistake(g, "output '%s' has no value", name);
        return;
    }
    g->outputs[g->n_outputs++] = (sc_goutput){strdup(name), strdup(doc), kind, x.id};
}

static void s_loadings(sc_graph *gr, const char *linear, const char *bn, int64_t n_latent)
{
    sc_built *g = built(gr);
    g->loadings_linear = strdup(linear);
    g->loadings_bn = bn ? strdup(bn) : NULL;
    g->loadings_latent = n_latent;
}

const sc_services sc_graph_services = {
    sizeof(sc_services), s_dim,     s_input,   s_part,   s_weight,   s_linear,    s_batch_norm,
    s_layer_norm,        s_dropout, s_map,     s_affine, s_add,      s_mul,       s_div,
    s_softmax,           s_row_sum, s_concat,  s_slice,  s_gather,   s_transpose, s_stop,
    s_enumerate,         s_repeat,  s_unstack, s_pick,   s_latent,   s_kl,        s_log_prob,
    s_observe,           s_term,    s_keep,    s_side,   s_schedule, s_output,    s_loadings};
