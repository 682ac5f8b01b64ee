#include "linear.h"

#include <string.h>

/* y = [parts] W^T + b with W stored n_in x n_out. Counts and categories never become dense columns.
 */
enum { ROWS = 32, COLS = 256, WCOLS = 128, WROWS = 32, THIN = 16, GENE_BLOCK = 32768 };

#ifdef SC_F64
#define is_wide(e, id) ((void)(e), (void)(id), false)
#define sorts_columns(e, id) 0
#define is_cut(e, id) ((void)(e), (void)(id), false)
#define cut_add(e, id, i0, i1, j0, n, y)                                                           \
    ((void)(e), (void)(id), (void)(i0), (void)(i1), (void)(j0), (void)(n), (void)(y))
#else
#define is_cut SC_X(sc_is_cut)
#define cut_add SC_X(sc_cut_add)
#define is_wide SC_X(sc_is_wide)
#define sorts_columns SC_X(sc_sorts_columns)
#endif

static int64_t grad_cols(int64_t n_out)
{
    return n_out <= 256 ? 32 : WCOLS;
}

static bool has_input_gradient(const ex *e, int32_t id)
{
    const sc_gnode *n = nd(e, id);
    for (int p = 0; p < n->n_in; p++)
        if (wants_grad(e, n->in[p]))
            return true;
    return false;
}

/* Blocks of WROWS into which each parent's rows of W are cut: as many as the widest has. Counts,
 * where they have no phase of their own, are not cut. */
static int64_t row_blocks(const ex *e, int32_t id)
{
    const sc_gnode *n = nd(e, id);
    int64_t most = 1;
    for (int p = 0; p < n->n_in; p++)
        if (nd(e, n->in[p])->form == SC_DENSE && cols_of(e, n->in[p]) > most * WROWS)
            most = ceil_div(cols_of(e, n->in[p]), WROWS);
    return most;
}

static int64_t tiles(const ex *e, int32_t id, int phase, bool backward)
{
    const int64_t n_out = cols_of(e, id);
#ifdef SC_ISA
    if (is_wide(e, id))
        return SC_X(sc_wide_tiles)(e, id, phase, backward);
#endif
    if (backward && phase > 0 && e->is_taken && e->is_taken[id])
        return 0;
#ifdef SC_ISA
    if (backward && phase == 2)
        return SC_X(sc_column_tiles)(e, id);
#endif
    const int64_t all = ceil_div(rows_of(e, id), ROWS) * ceil_div(n_out, COLS);
    if (!backward && phase == 1)
        return is_cut(e, id) ? all : 0;
#ifdef SC_ISA
    if (!backward && is_cut(e, id))
        return SC_X(sc_cut_tiles)(e, id) + sorts_columns(e, id);
#endif
    if (!backward)
        return all + sorts_columns(e, id);
    if (phase == 0)
        return has_input_gradient(e, id) ? ceil_div(rows_of(e, id), ROWS) : 0;
    return phase == 1 ? ceil_div(n_out, grad_cols(n_out)) * row_blocks(e, id) : 0;
}

/* Genes are taken in blocks of so many that their rows of W stay in the cache from cell to cell. */
static void add_sparse(ex *e, int32_t x, int64_t i0, int64_t i1, const real *w, int64_t n_out,
                       real *y, int64_t n)
{
    const sc_mini *m = mini_of(e, x);
    const int64_t n_vars = cols_of(e, x);
    const int64_t block = i1 - i0 > 1 && GENE_BLOCK > n_out ? GENE_BLOCK / n_out : n_vars;
    int64_t at[ROWS];
    for (int64_t i = i0; i < i1; i++)
        at[i - i0] = m->indptr[i];
    for (int64_t j = 0; j < n_vars; j += block)
        for (int64_t i = i0; i < i1; i++) {
            const int64_t k0 = at[i - i0], end = m->indptr[i + 1];
            const real *v = e->sparse[x] + (k0 - m->indptr[0]);
            real *to = y + (i - i0) * n_out;
            int64_t k = k0;
            while (k < end && m->indices[k] < j + block)
                k++;
            at[i - i0] = k;
#ifdef SC_F64
            for (int64_t t = 0; t < k - k0; t++)
                add_scaled(n, v[t], w + m->indices[k0 + t] * n_out, to);
#else
            e->k->sparse_row(k - k0, m->indices + k0, v, w, n_out, to, (int)n);
#endif
        }
}

static void fwd_rows(ex *e, int32_t id, int64_t i0, int64_t i1, int64_t j0, int64_t nc)
{
    const sc_gnode *n = nd(e, id);
    const int64_t n_out = n->n_cols;
    const real *w = e->w + e->g->weights[n->weight].offset + j0;
    const real *restrict bias = n->bias >= 0 ? e->w + e->g->weights[n->bias].offset + j0 : NULL;
    real *restrict y = e->val[id] + i0 * n_out + j0;
    for (int64_t i = 0; i < i1 - i0; i++)
        for (int64_t j = 0; j < nc; j++)
            y[i * n_out + j] = bias ? bias[j] : 0;
    for (int p = 0; p < n->n_in; p++) {
        const int32_t x = n->in[p];
        const int64_t width = cols_of(e, x);
        if (nd(e, x)->form == SC_SPARSE && is_cut(e, id))
            cut_add(e, id, i0, i1, j0, nc, y);
        else if (nd(e, x)->form == SC_SPARSE)
            add_sparse(e, x, i0, i1, w, n_out, y, nc);
        else if (nd(e, x)->form == SC_CODES)
            for (int64_t i = i0; i < i1; i++)
                add_scaled(nc, 1, w + code_at(e, x, i) * n_out, y + (i - i0) * n_out);
        else
            SC_X(sc_gemm_nn)
        (e, i1 - i0, nc, width, e->val[x] + i0 * width, width, w, n_out, y, n_out);
        w += width * n_out;
    }
}

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
    const int64_t n_out = cols_of(e, id), n_cols = ceil_div(n_out, COLS);
#ifdef SC_ISA
    if (is_wide(e, id)) {
        SC_X(sc_wide_fwd)(e, id, tile);
        return;
    }
    const int64_t n_cuts = is_cut(e, id) && phase == 0 ? SC_X(sc_cut_tiles)(e, id) : 0;
    const int64_t n_sorts = phase == 0 ? sorts_columns(e, id) : 0;
    if (tile < n_cuts) {
        SC_X(sc_cut_sums)(e, id, tile);
        return;
    }
    tile -= n_cuts;
    if (tile < n_sorts) {
        SC_X(sc_sort_columns)(e, id, tile);
        return;
    }
    tile -= n_sorts;
#else
    (void)phase;
#endif
    const int64_t i0 = tile / n_cols * ROWS, j0 = tile % n_cols * COLS;
    fwd_rows(e, id, i0, min64(rows_of(e, id), i0 + ROWS), j0, min64(COLS, n_out - j0));
}

static void bwd_input(ex *e, int32_t id, int64_t tile)
{
    const sc_gnode *n = nd(e, id);
    const int64_t n_out = n->n_cols, i0 = tile * ROWS, i1 = min64(rows_of(e, id), i0 + ROWS);
    const real *w = e->w + e->g->weights[n->weight].offset;
    for (int p = 0; p < n->n_in; p++) {
        const int32_t x = n->in[p];
        const int64_t width = cols_of(e, x);
        if (wants_grad(e, x))
            SC_X(sc_gemm_nt)
        (e, i1 - i0, width, n_out, e->grad[id] + i0 * n_out, n_out, w, n_out,
         e->grad[x] + i0 * width, width);
        w += width * n_out;
    }
}

void SC_X(sc_settle)(ex *e, int weight, int64_t at, int64_t rows, int64_t n, int64_t ld,
                     const real *g, int64_t ldg)
{
    const bool owned = e->owned && e->owned[weight];
#ifdef SC_ISA
    sc_descent *d = e->descent;
    if (owned && d && e->moves[weight]) {
        if (!e->k->adam(rows, n, e->w + at, d->m + at, d->v + at, ld, g, ldg, &d->args[weight]))
            atomic_store(&d->is_bad, true);
        return;
    }
#endif
    for (int64_t r = 0; r < rows && g != e->gw + at; r++) {
        if (owned)
            memcpy(e->gw + at + r * ld, g + r * ldg, (size_t)n * sizeof(real));
        else
            add_scaled(n, 1, g + r * ldg, e->gw + at + r * ld);
    }
}

/* WROWS rows of the gradient of a layer with few columns: its transpose, whose columns fill
 * vectors.
 */
static void thin_gradient(const ex *e, int64_t rows, const real *x, int64_t width, const real *dy,
                          int64_t n_out, int64_t nc, real *gw)
{
    real t[THIN * WROWS];
    for (int64_t j = 0; j < nc; j++)
        for (int64_t r = 0; r < WROWS; r++)
            t[j * WROWS + r] = gw[r * n_out + j];
    SC_X(sc_gemm_tn)(e, nc, WROWS, rows, dy, n_out, x, width, t, WROWS);
    for (int64_t r = 0; r < WROWS; r++)
        for (int64_t j = 0; j < nc; j++)
            gw[r * n_out + j] = t[j * WROWS + r];
}

/* Columns j0.. of the rows of W that part x takes; of a dense part rows r0 .. r0 + m of those. */
static void part_gradient(ex *e, int32_t id, int32_t x, int64_t r0, int64_t m, int64_t j0,
                          int64_t nc, real *gw)
{
    const int64_t n_out = cols_of(e, id), rows = rows_of(e, id), width = cols_of(e, x);
    const real *restrict dy = e->grad[id] + j0;
    const sc_mini *mini = mini_of(e, x);
    if (nd(e, x)->form == SC_DENSE && nc <= THIN && m == WROWS)
        thin_gradient(e, rows, e->val[x] + r0, width, dy, n_out, nc, gw);
    else if (nd(e, x)->form == SC_DENSE)
        SC_X(sc_gemm_tn)(e, m, nc, rows, e->val[x] + r0, width, dy, n_out, gw, n_out);
    else if (nd(e, x)->form == SC_CODES)
        for (int64_t i = 0; i < rows; i++)
            add_scaled(nc, 1, dy + i * n_out, gw + code_at(e, x, i) * n_out);
    else
        for (int64_t i = 0; i < rows; i++)
            for (int64_t k = mini->indptr[i]; k < mini->indptr[i + 1]; k++)
                add_scaled(nc, e->sparse[x][k - mini->indptr[0]], dy + i * n_out,
                           gw + mini->indices[k] * n_out);
}

static bool is_by_column(const ex *e, int32_t x)
{
#ifdef SC_F64
    (void)e, (void)x;
    return false;
#else
    return SC_X(sc_has_columns)(e, x);
#endif
}

static void clear_tile(const ex *e, int weight, int64_t at, int64_t rows, int64_t n, int64_t ld)
{
    for (int64_t r = 0; r < rows && e->owned && e->owned[weight]; r++)
        memset(e->gw + at + r * ld, 0, (size_t)n * sizeof(real));
}

static void bwd_bias(ex *e, int32_t id, int64_t j0, int64_t nc)
{
    const sc_gnode *n = nd(e, id);
    const int64_t n_out = n->n_cols, at = e->g->weights[n->bias].offset + j0;
    clear_tile(e, n->bias, at, 1, nc, n_out);
    for (int32_t t = id; t; t = twin_of(e, t))
        for (int64_t i = 0; i < rows_of(e, t); i++)
            add_scaled(nc, 1, e->grad[t] + i * n_out + j0, e->gw + at);
    SC_X(sc_settle)(e, n->bias, at, 1, nc, n_out, e->gw + at, n_out);
}

static void bwd_weight(ex *e, int32_t id, int64_t tile)
{
    const sc_gnode *n = nd(e, id);
    const int64_t n_out = n->n_cols, high = row_blocks(e, id), block = tile % high,
                  wide = grad_cols(n_out), j0 = tile / high * wide;
    const int64_t nc = min64(wide, n_out - j0);
    int64_t at = e->g->weights[n->weight].offset + j0;
    for (int p = 0; p < n->n_in; p++) {
        const int32_t x = n->in[p];
        const int64_t width = cols_of(e, x);
        const bool is_cut = nd(e, x)->form == SC_DENSE;
        const int64_t r0 = is_cut ? block * WROWS : 0,
                      m = is_cut ? min64(WROWS, width - r0) : width;
        const bool is_frozen = (e->g->weights[n->weight].frozen >> p & 1) != 0;
        if (m > 0 && (is_cut || block == 0) && !is_frozen && !is_by_column(e, x)) {
            const int64_t to = at + r0 * n_out;
            clear_tile(e, n->weight, to, m, nc, n_out);
            for (int32_t t = id; t; t = twin_of(e, t))
                part_gradient(e, t, nd(e, t)->in[p], r0, m, j0, nc, e->gw + to);
            SC_X(sc_settle)(e, n->weight, to, m, nc, n_out, e->gw + to, n_out);
        }
        at += width * n_out;
    }
    if (block == 0 && n->bias >= 0 && !e->g->weights[n->bias].frozen)
        bwd_bias(e, id, j0, nc);
}

static void bwd(ex *e, int32_t id, int phase, int64_t tile)
{
#ifdef SC_ISA
    if (is_wide(e, id))
        SC_X(sc_wide_bwd)(e, id, phase, tile);
    else if (phase == 2)
        SC_X(sc_column_gradients)(e, id, tile);
    else
#endif
        if (phase == 0)
        bwd_input(e, id, tile);
    else
        bwd_weight(e, id, tile);
}

/* A wide layer's sums by input wait for the last phase; other layers' weights wait for the end. */
static sc_reach reach(const ex *e, int32_t id, int phase)
{
    if (is_wide(e, id))
        return phase == 1 ? SC_REACH_OWN : SC_REACH_PARENTS;
    return phase == 0 ? SC_REACH_PARENTS : SC_REACH_END;
}

/* Counts take long, and have as many tiles as there are. */
static int64_t rows_of_tile(const ex *e, int32_t id, int phase, bool backward)
{
    const sc_gnode *n = nd(e, id);
    if (!backward && phase == 1)
        return n->n_cols <= COLS ? ROWS : 0;
    for (int p = 0; p < n->n_in && !backward; p++)
        if (nd(e, n->in[p])->form == SC_SPARSE)
            return 0;
    return phase == 0 && !is_wide(e, id) && (backward || n->n_cols <= COLS) ? ROWS : 0;
}

#ifdef SC_ISA
static int64_t aux(const ex *e, int32_t id, int64_t rows)
{
    return SC_X(sc_wide_aux)(e, id, rows) + SC_X(sc_cut_aux)(e, id, rows);
}

const sc_op SC_X(sc_op_linear) = {2, 3, tiles, fwd, bwd, aux, reach, rows_of_tile};
#else
const sc_op SC_X(sc_op_linear) = {1, 2, tiles, fwd, bwd, NULL, reach, rows_of_tile};
#endif
