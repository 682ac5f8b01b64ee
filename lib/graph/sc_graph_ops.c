/* Services: arithmetic on rows. Each checks shapes and appends a node. */
#include "sc_graph_internal.h"

static sc_node unary(sc_built *g, sc_op_id op, const char *what, sc_node x, double arg)
{
    const sc_gnode *p = node(g, x);
    if (!p || p->form != SC_DENSE)
        return sc_graph_mistake(g, "%s needs a dense matrix", what);
    sc_gnode n = like(op, p, x);
    n.arg = arg;
    return sc_graph_add(g, &n);
}

sc_node sc_sv_layer_norm(sc_graph *gr, sc_node x, double eps)
{
    return unary(built(gr), SC_OP_LAYER_NORM, "layer norm", x, eps);
}

sc_node sc_sv_dropout(sc_graph *gr, sc_node x, double p)
{
    sc_built *g = built(gr);
    const sc_node n = unary(g, SC_OP_DROPOUT, "dropout", x, p);
    if (n.id)
        g->nodes[n.id].site = g->n_dropouts++;
    return n;
}

sc_node sc_sv_map(sc_graph *gr, sc_map map, sc_node x, double arg)
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
    for (int32_t i = x.id + 1; i < g->n_nodes && p->form == SC_SPARSE; i++)
        if (g->nodes[i].op == SC_OP_MAP && g->nodes[i].map == n.map && g->nodes[i].arg == arg &&
            g->nodes[i].in[0] == x.id)
            return (sc_node){i}; /* networks that see the same counts share them */
    return sc_graph_add(g, &n);
}

sc_node sc_sv_affine(sc_graph *gr, sc_node x, double scale, double shift)
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
        (q->reps == 0 && q->n_rows != 1) || (p->reps == 0 && p->n_rows != 1) ||
        (p->form == SC_SPARSE && (op == SC_OP_ADD || q->n_cols != 1)))
        return sc_graph_mistake(
            g, "two matrices of shapes that don't go together are added, multiplied or divided");
    if (p->form == SC_SPARSE && q->needs_grad)
        return sc_graph_mistake(g, "counts are multiplied or divided by what trains, and no "
                                   "gradient goes through counts");
    sc_gnode n = like(op, p, x);
    n.n_in = 2;
    n.in[1] = y.id;
    return sc_graph_add(g, &n);
}

sc_node sc_sv_add(sc_graph *g, sc_node x, sc_node y)
{
    return binary(built(g), SC_OP_ADD, x, y);
}
sc_node sc_sv_mul(sc_graph *g, sc_node x, sc_node y)
{
    return binary(built(g), SC_OP_MUL, x, y);
}
sc_node sc_sv_div(sc_graph *g, sc_node x, sc_node y)
{
    return binary(built(g), SC_OP_DIV, x, y);
}
sc_node sc_sv_softmax(sc_graph *g, sc_node x)
{
    return unary(built(g), SC_OP_SOFTMAX, "softmax", x, 0);
}
sc_node sc_sv_stop(sc_graph *gr, sc_node x)
{
    const sc_node n = unary(built(gr), SC_OP_STOP_GRADIENT, "stop_gradient", x, 0);
    if (n.id)
        built(gr)->nodes[n.id].needs_grad = false;
    return n;
}

sc_node sc_sv_row_sum(sc_graph *gr, sc_node x)
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

sc_node sc_sv_concat(sc_graph *gr, const sc_node *parts, int n_parts)
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
        if (!x || x->form != SC_DENSE || x->reps != p->reps || x->stream != p->stream ||
            x->n_rows != p->n_rows)
            return sc_graph_mistake(g, "concat: part %d is not dense, or has other rows", i);
        n.in[i] = parts[i].id;
        n.n_cols += x->n_cols;
    }
    return sc_graph_add(g, &n);
}

sc_node sc_sv_slice(sc_graph *gr, sc_node x, int64_t first, int64_t count)
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

sc_node sc_sv_gather(sc_graph *gr, sc_node weight, sc_node category, bool by_row)
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

sc_node sc_sv_transpose(sc_graph *gr, sc_node weight)
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

sc_node sc_sv_enumerate(sc_graph *gr, sc_node x, int64_t n_classes)
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

sc_node sc_sv_repeat(sc_graph *gr, sc_node x, int64_t n_classes)
{
    sc_built *g = built(gr);
    const sc_gnode *p = node(g, x);
    if (!p || p->reps != 1 || p->form != SC_DENSE)
        return sc_graph_mistake(g, "repeat_rows needs plain dense rows");
    sc_gnode n = like(SC_OP_REPEAT_ROWS, p, x);
    n.reps = n_classes;
    return sc_graph_add(g, &n);
}

sc_node sc_sv_unstack(sc_graph *gr, sc_node x, int64_t n_classes)
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

sc_node sc_sv_pick(sc_graph *gr, sc_node x, sc_node category)
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
