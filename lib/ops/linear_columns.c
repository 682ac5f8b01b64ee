#include "linear.h"

#include <string.h>

#ifdef SC_ISA
/*
 * The gradient of the rows of W that take counts, gene by gene: the cells that have the gene are
 * summed in registers, and the row goes on to Adam at once.
 */
enum { GENES = 64, COLUMNS = 512, ENTRIES = 256 };

enum { LINE = 32, CUT_ROWS = 128, CUT_WEIGHTS = 128 * 1024 }; /* fewer stay in any thread's cache */

bool SC_X(sc_is_cut)(const ex *e, int32_t id)
{
    const int32_t x = counts_of(e, id);
    return x && e->columns[nd(e, x)->stream].is_dense && SC_X(sc_cut_aux)(e, id, 1) > 0;
}

int64_t SC_X(sc_cut_aux)(const ex *e, int32_t id, int64_t rows)
{
    const int32_t x = counts_of(e, id);
    const int64_t n_out = cols_of(e, id);
    const bool is_large = x && e->with_backward && cols_of(e, x) * n_out >= CUT_WEIGHTS;
    return is_large ? SC_GENE_ORDER_TILES * rows * n_out : 0;
}

int64_t SC_X(sc_cut_tiles)(const ex *e, int32_t id)
{
    return SC_GENE_ORDER_TILES * ceil_div(rows_of(e, id), CUT_ROWS);
}

void SC_X(sc_cut_sums)(ex *e, int32_t id, int64_t tile)
{
    const sc_gnode *n = nd(e, id);
    const int32_t x = counts_of(e, id);
    const sc_mini *m = mini_of(e, x);
    const int64_t n_out = n->n_cols, rows = rows_of(e, id), blocks = ceil_div(rows, CUT_ROWS),
                  range = tile / blocks, i0 = tile % blocks * CUT_ROWS;
    const real *w = e->w + e->g->weights[n->weight].offset;
    for (int p = 0; n->in[p] != x; p++)
        w += cols_of(e, n->in[p]) * n_out;
    const int32_t *first, *end;
    sc_gene_order_parts(e->columns[nd(e, x)->stream].order, range, &first, &end);
    e->k->sparse_sums(min64(rows - i0, CUT_ROWS), first + i0, end + i0, m->indices + m->indptr[0],
                      e->sparse[x], w, e->aux[id] + (range * rows + i0) * n_out, (int)n_out);
}

/* Columns of a row, LINE of them in registers through all ranges. */
static void add_ranges(const real *restrict from, int64_t apart, int64_t n, real *restrict y)
{
    int64_t j = 0;
    for (; j + LINE <= n; j += LINE) {
        real sum[LINE];
        memcpy(sum, y + j, sizeof sum);
        for (int64_t range = 0; range < SC_GENE_ORDER_TILES; range++)
            for (int t = 0; t < LINE; t++)
                sum[t] += from[range * apart + j + t];
        memcpy(y + j, sum, sizeof sum);
    }
    for (; j < n; j++)
        for (int64_t range = 0; range < SC_GENE_ORDER_TILES; range++)
            y[j] += from[range * apart + j];
}

void SC_X(sc_cut_add)(const ex *e, int32_t id, int64_t i0, int64_t i1, int64_t j0, int64_t n,
                      real *y)
{
    const int64_t n_out = cols_of(e, id), rows = rows_of(e, id);
    for (int64_t i = i0; i < i1; i++)
        add_ranges(e->aux[id] + i * n_out + j0, rows * n_out, n, y + (i - i0) * n_out);
}

int64_t SC_X(sc_sorts_columns)(const ex *e, int32_t id)
{
    const int32_t x = counts_of(e, id);
    return x && sc_exec_takes_genes_f32(e, e->plan, (int)nd(e, x)->stream) == id
               ? SC_GENE_ORDER_TILES
               : 0;
}

void SC_X(sc_sort_columns)(ex *e, int32_t id, int64_t tile)
{
    const int32_t x = counts_of(e, id);
    sc_columns *c = &e->columns[nd(e, x)->stream];
    const sc_gene_order *o = c->order;
    const real *restrict values = e->sparse[x];
    real *restrict to = c->value;
    int64_t j0, j1;
    sc_gene_order_range(o->n_vars, tile, &j0, &j1);
    for (int32_t k = o->ptr[j0]; k < o->ptr[j1]; k++)
        to[k] = values[o->at[k]];
}

bool SC_X(sc_has_columns)(const ex *e, int32_t x)
{
    return nd(e, x)->form == SC_SPARSE && e->plan->owned[0];
}

/* Whether the weight takes its step of Adam as soon as its gradient is there. */
static bool descends(const ex *e, int weight)
{
    return e->descent && e->owned && e->owned[weight] && e->moves[weight];
}

/* The other layer of the same counts, if both descend with the counts' values at hand in the order
 * of genes; or 0. */
static int32_t mate_of(const ex *e, int32_t id, int32_t x)
{
    const int32_t mate = e->mate && e->columns[nd(e, x)->stream].of == x ? e->mate[id] : 0;
    return mate && descends(e, nd(e, id)->weight) && descends(e, nd(e, mate)->weight) ? mate : 0;
}

int64_t SC_X(sc_column_tiles)(const ex *e, int32_t id)
{
    const int32_t x = counts_of(e, id);
    const bool goes_along = x && mate_of(e, id, x) && mate_of(e, id, x) < id;
    return x && !goes_along && SC_X(sc_has_columns)(e, x) ? ceil_div(cols_of(e, x), GENES) : 0;
}

/* Gene j's row of the gradient, n columns of it from j0, to g; or added to it. */
static void gene(const ex *e, int32_t id, int32_t x, int64_t j, int64_t j0, int64_t n, bool adds,
                 real *g)
{
    const sc_columns *c = &e->columns[nd(e, x)->stream];
    const sc_gene_order *o = c->order;
    const int64_t end = o->ptr[j + 1];
    real value[ENTRIES];
    for (int64_t k = o->ptr[j]; k < end || !adds; k += ENTRIES, adds = true) {
        const int64_t nnz = min64(ENTRIES, end - k);
        for (int64_t t = 0; t < nnz && c->of != x; t++)
            value[t] = e->sparse[x][o->at[k + t]];
        (adds ? e->k->sparse_row : e->k->sparse_sum)(nnz, o->row + k,
                                                     c->of == x ? c->value + k : value,
                                                     e->grad[id] + j0, cols_of(e, id), g, (int)n);
    }
}

/* Layer id as its genes from j on descend; at: where the weights of gene 0 are. */
static sc_gene_layer layer_of(const ex *e, int32_t id, int64_t at, int64_t j)
{
    const sc_descent *d = e->descent;
    const int weight = nd(e, id)->weight;
    at += j * cols_of(e, id);
    return (sc_gene_layer){e->grad[id], e->w + at, d->m + at, d->v + at, &d->args[weight]};
}

/* Genes j .. end of a layer and its mate, if there is one. */
static void descend(ex *e, int32_t id, int32_t mate, int64_t at, int64_t j, int64_t end)
{
    const sc_columns *c = &e->columns[nd(e, counts_of(e, id))->stream];
    sc_gene_layer l[2] = {layer_of(e, id, at, j)};
    if (mate)
        l[1] = layer_of(e, mate, e->g->weights[nd(e, mate)->weight].offset, j);
    if (!e->k->descend_genes(end - j, c->order->ptr + j, c->order->row, c->value, cols_of(e, id),
                             mate ? 2 : 1, l))
        atomic_store(&e->descent->is_bad, true);
}

void SC_X(sc_column_gradients)(ex *e, int32_t id, int64_t tile)
{
    const sc_gnode *n = nd(e, id);
    int64_t at = e->g->weights[n->weight].offset;
    for (int p = 0; p < n->n_in; p++) {
        const int32_t x = n->in[p];
        const int64_t width = cols_of(e, x), end = min64(width, (tile + 1) * GENES);
        const bool is_open = nd(e, x)->form == SC_SPARSE &&
                             !(e->g->weights[n->weight].frozen >> p & 1) && tile * GENES < end;
        const bool goes_on = is_open && !twin_of(e, id) && descends(e, n->weight) &&
                             e->columns[nd(e, x)->stream].of == x;
        if (goes_on)
            descend(e, id, mate_of(e, id, x), at, tile * GENES, end);
        for (int64_t j = tile * GENES; j < end && is_open && !goes_on; j++)
            for (int64_t j0 = 0; j0 < n->n_cols; j0 += COLUMNS) {
                _Alignas(64) real g[COLUMNS];
                const int64_t nc = min64(COLUMNS, n->n_cols - j0);
                for (int32_t t = id; t; t = twin_of(e, t))
                    gene(e, t, nd(e, t)->in[p], j, j0, nc, t != id, g);
                SC_X(sc_settle)(e, n->weight, at + j * n->n_cols + j0, 1, nc, n->n_cols, g, nc);
            }
        at += width * n->n_cols;
    }
}
#endif
