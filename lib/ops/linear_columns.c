#include "linear.h"

#include <string.h>

#ifdef SC_ISA
/*
 * The gradient of the rows of W that take counts, gene by gene: the cells that have the gene are
 * summed in registers, and the row goes on to Adam at once.
 */
enum { GENES = 64, COLUMNS = 512, ENTRIES = 256 };

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
    const sc_mini *m = mini_of(e, x);
    sc_columns *c = &e->columns[nd(e, x)->stream];
    const sc_gene_order *o = c->order;
    const real *restrict values = e->sparse[x];
    real *restrict to = c->value;
    int32_t j0, j1;
    if (o == &c->own)
        sc_gene_order_sort(&c->own, m->n, m->indptr, m->indices, tile);
    sc_gene_order_range(o, tile, &j0, &j1);
    for (int32_t k = j0 < j1 ? o->ptr[j0] : 0; j0 < j1 && k < o->next[j1 - 1]; k++)
        to[k] = values[o->at[k]];
    if (tile == 0)
        c->of = x;
}

bool SC_X(sc_has_columns)(const ex *e, int32_t x)
{
    return nd(e, x)->form == SC_SPARSE && e->plan->owned[0];
}

int64_t SC_X(sc_column_tiles)(const ex *e, int32_t id)
{
    const int32_t x = counts_of(e, id);
    return x && SC_X(sc_has_columns)(e, x) ? ceil_div(cols_of(e, x), GENES) : 0;
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

void SC_X(sc_column_gradients)(ex *e, int32_t id, int64_t tile)
{
    const sc_gnode *n = nd(e, id);
    int64_t at = e->g->weights[n->weight].offset;
    for (int p = 0; p < n->n_in; p++) {
        const int32_t x = n->in[p];
        const int64_t width = cols_of(e, x), end = min64(width, (tile + 1) * GENES);
        const bool is_frozen = (e->g->weights[n->weight].frozen >> p & 1) != 0;
        for (int64_t j = tile * GENES; j < end && nd(e, x)->form == SC_SPARSE && !is_frozen; j++)
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
