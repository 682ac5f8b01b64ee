#include "linear.h"

#include <string.h>

#ifdef SC_ISA
/*
 * Forward: FWD_COLS columns of BLOCK rows a tile, the columns of W packed once for all of them. One
 * more tile transposes the parents for backward.
 *
 * Backward: the columns are cut into GROUPS, a tile each, and a group into chunks, whose gradient
 * and share of W stay in the cache while they are used for both: by input, dx = dy W^T, the sums
 * of each group wait in aux until the last phase adds them, in order; by weight, WIDTH columns and
 * HEIGHT rows of W at a time, so that the gradient is at hand when Adam takes it.
 */
enum {
    BLOCK = 128,
    FWD_COLS = 144,
    GROUPS = 8,
    CHUNK = 256,
    WIDTH = 128,
    HEIGHT = 128,
    SUM_ROWS = 16
};

bool SC_X(sc_is_wide)(const ex *e, int32_t id)
{
    const sc_gnode *n = nd(e, id);
    for (int p = 0; p < n->n_in; p++)
        if (nd(e, n->in[p])->form == SC_SPARSE)
            return false;
    return n->n_cols > SC_WIDE_COLS;
}

static int64_t padded(int64_t n)
{
    return (n + 15) / 16 * 16;
}

/* How many dense columns the parents have. */
static int64_t dense_cols(const ex *e, int32_t id)
{
    const sc_gnode *n = nd(e, id);
    int64_t sum = 0;
    for (int p = 0; p < n->n_in; p++)
        sum += nd(e, n->in[p])->form == SC_DENSE ? cols_of(e, n->in[p]) : 0;
    return sum;
}

int64_t SC_X(sc_wide_aux)(const ex *e, int32_t id, int64_t rows)
{
    if (!e->with_backward || !SC_X(sc_is_wide)(e, id))
        return 0;
    return dense_cols(e, id) * (padded(rows) + GROUPS * rows);
}

int64_t SC_X(sc_wide_tiles)(const ex *e, int32_t id, int phase, bool backward)
{
    const int64_t n_out = cols_of(e, id), rows = rows_of(e, id);
    if (!backward && phase == 1) /* only of sums by ranges of genes */
        return 0;
    if (!backward)
        return e->with_backward + ceil_div(rows, BLOCK) * ceil_div(n_out, FWD_COLS);
    return phase == 1 ? GROUPS : phase == 2 ? ceil_div(rows, SUM_ROWS) : 0;
}

static void transpose_parents(ex *e, int32_t id)
{
    enum { SIDE = 16 };
    const sc_gnode *n = nd(e, id);
    const int64_t rows = rows_of(e, id), ld = padded(rows);
    real *to = e->aux[id];
    for (int p = 0; p < n->n_in; p++) {
        if (nd(e, n->in[p])->form != SC_DENSE)
            continue;
        const int64_t width = cols_of(e, n->in[p]);
        const real *restrict x = e->val[n->in[p]];
        for (int64_t i0 = 0; i0 < rows; i0 += SIDE)
            for (int64_t c = 0; c < width; c++)
                for (int64_t i = i0; i < min64(rows, i0 + SIDE); i++)
                    to[c * ld + i] = x[i * width + c];
        to += width * ld;
    }
}

void SC_X(sc_wide_fwd)(ex *e, int32_t id, int64_t tile)
{
    if (e->with_backward && tile-- == 0) {
        transpose_parents(e, id);
        return;
    }
    const sc_gnode *n = nd(e, id);
    const int64_t n_out = n->n_cols, n_tiles = ceil_div(n_out, FWD_COLS);
    const int64_t i0 = tile / n_tiles * BLOCK, j0 = tile % n_tiles * FWD_COLS;
    const int64_t rows = min64(BLOCK, rows_of(e, id) - i0), nc = min64(FWD_COLS, n_out - j0);
    const real *w = e->w + e->g->weights[n->weight].offset + j0;
    const real *bias = n->bias >= 0 ? e->w + e->g->weights[n->bias].offset + j0 : NULL;
    real *y = e->val[id] + i0 * n_out + j0;
    const bool starts = nd(e, n->in[0])->form != SC_DENSE; /* else the product does */
    for (int64_t i = 0; i < rows && starts; i++)
        for (int64_t j = 0; j < nc; j++)
            y[i * n_out + j] = bias ? bias[j] : 0;
    for (int p = 0; p < n->n_in; p++) {
        const int32_t x = n->in[p];
        const int64_t width = cols_of(e, x);
        const real *a = e->val[x] + i0 * width;
        if (nd(e, x)->form == SC_CODES)
            for (int64_t i = 0; i < rows; i++)
                add_scaled(nc, 1, w + code_at(e, x, i0 + i) * n_out, y + i * n_out);
        else if (p == 0)
            e->k->gemm_nn_from((int)rows, (int)nc, (int)width, a, (int)width, w, (int)n_out, y,
                               (int)n_out, bias);
        else
            SC_X(sc_gemm_nn)(e, rows, nc, width, a, width, w, n_out, y, n_out);
        w += width * n_out;
    }
}

/* Columns j0 .. j0 + nc of the sums of a group, which lie in aux behind the transposed parents. */
static void by_input(ex *e, int32_t id, int64_t group, bool is_first, int64_t j0, int64_t nc)
{
    const sc_gnode *n = nd(e, id);
    const int64_t n_out = n->n_cols, rows = rows_of(e, id);
    const real *w = e->w + e->g->weights[n->weight].offset + j0;
    real *sums = e->aux[id] + dense_cols(e, id) * (padded(rows) + group * rows);
    for (int p = 0; p < n->n_in; p++) {
        const int32_t x = n->in[p];
        const int64_t width = cols_of(e, x);
        if (nd(e, x)->form == SC_DENSE && wants_grad(e, x))
            e->k->gemm_nt((int)rows, (int)width, (int)nc, e->grad[id] + j0, (int)n_out, w,
                          (int)n_out, sums, (int)width, !is_first);
        if (nd(e, x)->form == SC_DENSE)
            sums += rows * width;
        w += width * n_out;
    }
}

static void sum_groups(ex *e, int32_t id, int64_t tile)
{
    const sc_gnode *n = nd(e, id);
    const int64_t rows = rows_of(e, id), all = dense_cols(e, id);
    const int64_t i0 = tile * SUM_ROWS, m = min64(SUM_ROWS, rows - i0);
    const real *sums = e->aux[id] + all * padded(rows);
    for (int p = 0; p < n->n_in; p++) {
        const int32_t x = n->in[p];
        const int64_t width = cols_of(e, x);
        if (nd(e, x)->form != SC_DENSE)
            continue;
        for (int64_t g = 0; g < GROUPS && wants_grad(e, x); g++)
            add_scaled(m * width, 1, sums + g * all * rows + i0 * width, e->grad[x] + i0 * width);
        sums += rows * width;
    }
}

/* Rows r0 .. r0 + m of part x's share of W, columns j0 .. j0 + nc. */
static void part_gradient(const ex *e, int32_t id, int32_t x, const real *transposed, int64_t r0,
                          int64_t m, int64_t j0, int64_t nc, real *g)
{
    const int64_t n_out = cols_of(e, id), rows = rows_of(e, id), ld = padded(rows);
    const real *dy = e->grad[id] + j0;
    if (nd(e, x)->form == SC_DENSE) {
        e->k->gemm_nn((int)m, (int)nc, (int)rows, transposed + r0 * ld, (int)ld, dy, (int)n_out, g,
                      WIDTH, false);
        return;
    }
    memset(g, 0, (size_t)(m * WIDTH) * sizeof *g);
    for (int64_t i = 0; i < rows; i++) {
        const int64_t r = code_at(e, x, i) - r0;
        if (r >= 0 && r < m)
            add_scaled(nc, 1, dy + i * n_out, g + r * WIDTH);
    }
}

static void by_weight(ex *e, int32_t id, int64_t j0, int64_t nc)
{
    _Alignas(64) real g[HEIGHT * WIDTH];
    const sc_gnode *n = nd(e, id);
    const int64_t n_out = n->n_cols, rows = rows_of(e, id);
    const real *transposed = e->aux[id];
    int64_t at = e->g->weights[n->weight].offset + j0;
    for (int p = 0; p < n->n_in; p++) {
        const int32_t x = n->in[p];
        const int64_t width = cols_of(e, x);
        const bool is_frozen = (e->g->weights[n->weight].frozen >> p & 1) != 0;
        for (int64_t r0 = 0; r0 < width && !is_frozen; r0 += HEIGHT) {
            const int64_t m = min64(HEIGHT, width - r0);
            part_gradient(e, id, x, transposed, r0, m, j0, nc, g);
            SC_X(sc_settle)(e, n->weight, at + r0 * n_out, m, nc, n_out, g, WIDTH);
        }
        if (nd(e, x)->form == SC_DENSE)
            transposed += width * padded(rows);
        at += width * n_out;
    }
    if (n->bias < 0 || e->g->weights[n->bias].frozen)
        return;
    memset(g, 0, (size_t)nc * sizeof *g);
    for (int64_t i = 0; i < rows; i++)
        add_scaled(nc, 1, e->grad[id] + i * n_out + j0, g);
    SC_X(sc_settle)(e, n->bias, e->g->weights[n->bias].offset + j0, 1, nc, n_out, g, WIDTH);
}

static void one_group(ex *e, int32_t id, int64_t group)
{
    const int64_t n_out = cols_of(e, id), wide = padded(ceil_div(n_out, GROUPS));
    const int64_t from = min64(group * wide, n_out), to = min64(from + wide, n_out);
    if (from == to) /* its sums are added all the same */
        by_input(e, id, group, true, from, 0);
    for (int64_t j0 = from; j0 < to; j0 += CHUNK) {
        const int64_t end = min64(j0 + CHUNK, to);
        by_input(e, id, group, j0 == from, j0, end - j0);
        for (int64_t j = j0; j < end; j += WIDTH)
            by_weight(e, id, j, min64(WIDTH, end - j));
    }
}

void SC_X(sc_wide_bwd)(ex *e, int32_t id, int phase, int64_t tile)
{
    if (phase == 1)
        one_group(e, id, tile);
    else
        sum_groups(e, id, tile);
}
#endif
