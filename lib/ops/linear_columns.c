#include "linear.h"

#include <string.h>

#ifdef SC_ISA
/*
 * The gradient of the rows of W that take counts, gene by gene: the cells that have the gene are
 * summed in registers, and the row goes on to Adam at once.
 */
enum { GENES = 64, SORTS = 4, COLUMNS = 512, ENTRIES = 256, KEPT = 512 };

static int32_t counts_of(const ex *e, int32_t id)
{
    const sc_gnode *n = nd(e, id);
    for (int p = 0; p < n->n_in; p++)
        if (nd(e, n->in[p])->form == SC_SPARSE)
            return n->in[p];
    return 0;
}

/* Whether backward wants the gradient of a layer's rows of W that take counts. */
static bool moves_by_counts(const ex *e, int32_t id)
{
    const sc_gnode *n = nd(e, id);
    bool moves = false, is_open = false;
    for (int p = 0; p < n->n_in; p++)
        is_open = is_open || (nd(e, n->in[p])->form == SC_SPARSE &&
                              !(e->g->weights[n->weight].frozen >> p & 1));
    for (int k = 0; k < SC_GROUPS_MAX; k++)
        moves = moves || (e->plan->moves[k] && e->plan->moves[k][n->weight]);
    return is_open && moves;
}

int64_t SC_X(sc_sorts_columns)(const ex *e, int32_t id)
{
    const int32_t x = counts_of(e, id);
    if (!x || !e->plan->owned[0] || !moves_by_counts(e, id))
        return 0;
    for (int i = 0; i < e->plan->n_fwd; i++) { /* the first such layer of the stream does it */
        const int32_t other = e->plan->fwd[i];
        if (nd(e, other)->op == SC_OP_LINEAR && counts_of(e, other) && moves_by_counts(e, other) &&
            nd(e, counts_of(e, other))->stream == nd(e, x)->stream)
            return other == id ? SORTS : 0;
    }
    return 0;
}

/* First stored entry of row i whose gene is at least j. */
static int64_t lower_bound(const sc_mini *m, int64_t i, int64_t j)
{
    int64_t from = m->indptr[i], n = m->indptr[i + 1] - from;
    while (n > 0) {
        const int64_t half = n / 2;
        if (m->indices[from + half] < j) {
            from += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return from;
}

/* Whether a layer of the plan takes values of these entries other than x's. */
static bool has_other_values(const ex *e, int32_t x)
{
    for (int i = 0; i < e->plan->n_fwd; i++) {
        const int32_t id = e->plan->fwd[i],
                      other = nd(e, id)->op == SC_OP_LINEAR ? counts_of(e, id) : 0;
        if (other && other != x && nd(e, other)->stream == nd(e, x)->stream)
            return true;
    }
    return false;
}

void SC_X(sc_sort_columns)(ex *e, int32_t id, int64_t tile)
{
    const int32_t x = counts_of(e, id);
    const int64_t n_vars = cols_of(e, x);
    const int32_t j0 = (int32_t)(n_vars * tile / SORTS),
                  j1 = (int32_t)(n_vars * (tile + 1) / SORTS);
    const sc_mini *m = mini_of(e, x);
    sc_columns *c = &e->columns[nd(e, x)->stream];
    const real *values = e->sparse[x];
    const bool has_others = has_other_values(e, x);
    int64_t first[KEPT], before = 0; /* of a row at or behind j0; entries of genes below j0 */
    memset(c->next + j0, 0, (size_t)(j1 - j0) * sizeof *c->next);
    for (int64_t i = 0; i < m->n; i++) {
        int64_t k = lower_bound(m, i, j0);
        if (i < KEPT)
            first[i] = k;
        before += k - m->indptr[i];
        for (; k < m->indptr[i + 1] && m->indices[k] < j1; k++)
            c->next[m->indices[k]]++;
    }
    int32_t at = (int32_t)before;
    for (int32_t j = j0; j < j1; j++) {
        const int32_t n = c->next[j];
        c->ptr[j] = c->next[j] = at;
        at += n;
    }
    if (j1 == n_vars)
        c->ptr[n_vars] = at;
    for (int64_t i = 0; i < m->n; i++)
        for (int64_t k = i < KEPT ? first[i] : lower_bound(m, i, j0), end = m->indptr[i + 1];
             k < end && m->indices[k] < j1; k++) {
            const int32_t to = c->next[m->indices[k]]++;
            c->row[to] = (int32_t)i;
            c->value[to] = values[k - m->indptr[0]];
            if (has_others)
                c->at[to] = (int32_t)(k - m->indptr[0]);
        }
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
    const int64_t end = c->ptr[j + 1];
    real value[ENTRIES];
    for (int64_t k = c->ptr[j]; k < end || !adds; k += ENTRIES, adds = true) {
        const int64_t nnz = min64(ENTRIES, end - k);
        for (int64_t t = 0; t < nnz && c->of != x; t++)
            value[t] = e->sparse[x][c->at[k + t]];
        (adds ? e->k->sparse_row : e->k->sparse_sum)(nnz, c->row + k,
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
