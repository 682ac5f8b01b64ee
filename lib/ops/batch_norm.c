#include "thin.h"

#include <math.h>
#include <string.h>

/*
 * The first weight of the node is followed by bias, running mean, running variance and the count of
 * minibatches. A training minibatch of one row has no variance: it uses the stored statistics and
 * leaves them as they are.
 *
 * Statistics are taken column by column. Values are written row by row in a second phase, which
 * other ops of the rows follow. aux, one row each: mean and 1/sd of the pass, the factor of x, and
 * what backward takes off.
 */
enum { MEAN, INV, FACTOR, MEAN_DY, MEAN_DYX, N_AUX, COLUMNS = 64, NARROW = 256 };

static real *w_of(const ex *e, const sc_gnode *n, int k)
{
    return e->w + e->g->weights[n->weight + k].offset;
}

static real *aux_row(const ex *e, int32_t id, int k)
{
    return e->aux[id] + k * cols_of(e, id);
}

static bool is_narrow(const ex *e, int32_t id)
{
    return cols_of(e, id) <= NARROW;
}

/* so narrow that a hidden layer, too, is work for some threads */
static int64_t tile_width(const ex *e, int32_t id)
{
    return is_narrow(e, id) ? COLUMNS / 2 : COLUMNS;
}

static int64_t tiles(const ex *e, int32_t id, int phase, bool backward)
{
#ifdef SC_ISA
    if (thin_of(e, id))
        return SC_X(sc_thin_tiles)(e, id, phase, backward);
#else
    (void)backward;
#endif
    return phase == 0   ? ceil_div(cols_of(e, id), tile_width(e, id))
           : phase == 1 ? ceil_div(rows_of(e, id), ROW_TILE)
                        : 0;
}

/* Where the scratch of a thin layer begins. */
static int64_t own_aux(const ex *e, int32_t id)
{
    return (N_AUX * cols_of(e, id) + 15) / 16 * 16;
}

static int64_t aux(const ex *e, int32_t id, int64_t rows)
{
#ifdef SC_ISA
    return own_aux(e, id) + SC_X(sc_thin_aux)(e, id, rows);
#else
    (void)rows;
    return own_aux(e, id);
#endif
}

static bool by_batch(const ex *e, int64_t rows)
{
    return e->run->train && rows > 1;
}

#ifdef SC_F64
static void sums(const ex *e, int64_t rows, int64_t n, const real *x, int64_t ld, const real *mean,
                 double *sum)
{
    (void)e;
    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < n; j++) {
            const double y = x[i * ld + j] - (mean ? mean[j] : 0);
            sum[j] += mean ? y * y : y;
        }
}
static void sums_of_gradients(const ex *e, int64_t rows, int64_t n, const real *x, const real *dy,
                              int64_t ld, const real *mean, double *sum, double *sum_x)
{
    (void)e;
    memset(sum, 0, (size_t)n * sizeof *sum);
    memset(sum_x, 0, (size_t)n * sizeof *sum_x);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < n; j++) {
            sum[j] += dy[i * ld + j];
            sum_x[j] += dy[i * ld + j] * (x[i * ld + j] - mean[j]);
        }
}
#else
#define sums(e, ...) (e)->k->column_sums(__VA_ARGS__)
#define sums_of_gradients(e, ...) (e)->k->column_grads(__VA_ARGS__)
#endif

/* Mean and 1/sd of columns j0.. over the rows; moves the running statistics. */
static void batch_statistics(ex *e, int32_t id, int64_t j0, int64_t nc)
{
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols, rows = rows_of(e, id);
    const real *x = e->val[n->in[0]] + j0;
    real *mean = aux_row(e, id, MEAN) + j0, *inv = aux_row(e, id, INV) + j0;
    real *rm = w_of(e, n, 2) + j0, *rv = w_of(e, n, 3) + j0;
    double m[COLUMNS], v[COLUMNS];
    sums(e, rows, nc, x, cols, NULL, m);
    for (int64_t j = 0; j < nc; j++)
        mean[j] = (real)(m[j] /= (double)rows);
    sums(e, rows, nc, x, cols, mean, v);
    for (int64_t j = 0; j < nc; j++) {
        inv[j] = (real)(1 / sqrt(v[j] / (double)rows + n->arg));
        rm[j] = (real)((1 - n->arg2) * (double)rm[j] + n->arg2 * m[j]);
        rv[j] = (real)((1 - n->arg2) * (double)rv[j] + n->arg2 * (v[j] / (double)(rows - 1)));
    }
    if (j0 == 0)
        *w_of(e, n, 4) += 1;
}

static void stored_statistics(ex *e, int32_t id, int64_t j0, int64_t nc)
{
    const sc_gnode *n = nd(e, id);
    for (int64_t j = j0; j < j0 + nc; j++) {
        aux_row(e, id, MEAN)[j] = w_of(e, n, 2)[j];
        aux_row(e, id, INV)[j] = (real)(1 / sqrt((double)w_of(e, n, 3)[j] + n->arg));
    }
}

static void normalise(ex *e, int32_t id, int64_t i0, int64_t i1)
{
    const sc_gnode *n = nd(e, id);
    const real *restrict mean = aux_row(e, id, MEAN), *restrict b = w_of(e, n, 1);
    const real *restrict k = aux_row(e, id, FACTOR);
    for (int64_t i = i0; i < i1; i++) {
        const real *restrict x = e->val[n->in[0]] + i * n->n_cols;
        real *restrict y = e->val[id] + i * n->n_cols;
        for (int64_t j = 0; j < n->n_cols; j++)
            y[j] = (x[j] - mean[j]) * k[j] + b[j];
    }
}

#ifdef SC_ISA
void SC_X(sc_thin_values)(const ex *e, int32_t id, int64_t i0, int64_t i1)
{
    if (thin_of(e, id) && thin_of(e, id)->is_in_head)
        SC_X(sc_thin_rows)(e, id, e->aux[id] + own_aux(e, id), i0, i1);
}
#endif

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
#ifdef SC_ISA
    if (thin_of(e, id)) {
        SC_X(sc_thin_fwd)(e, id, e->aux[id] + own_aux(e, id), phase, tile);
        return;
    }
#endif
    const int64_t cols = cols_of(e, id), rows = rows_of(e, id), i0 = tile * ROW_TILE;
    const int64_t j0 = tile * tile_width(e, id), nc = min64(tile_width(e, id), cols - j0);
    if (phase == 1) {
        normalise(e, id, i0, min64(rows, i0 + ROW_TILE));
        return;
    }
    if (by_batch(e, rows))
        batch_statistics(e, id, j0, nc);
    else
        stored_statistics(e, id, j0, nc);
    for (int64_t j = j0; j < j0 + nc; j++)
        aux_row(e, id, FACTOR)[j] = aux_row(e, id, INV)[j] * w_of(e, nd(e, id), 0)[j];
}

/* Gradients of weight and bias, and what those of x need. */
static void bwd_columns(ex *e, int32_t id, int64_t j0, int64_t nc)
{
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols, rows = rows_of(e, id);
    const real *mean = aux_row(e, id, MEAN) + j0, *inv = aux_row(e, id, INV) + j0;
    real *gw = e->gw + e->g->weights[n->weight].offset + j0;
    real *gb = e->gw + e->g->weights[n->weight + 1].offset + j0;
    real *a = aux_row(e, id, MEAN_DY) + j0, *c = aux_row(e, id, MEAN_DYX) + j0;
    const double share = by_batch(e, rows) ? 1 / (double)rows : 0;
    double s[COLUMNS], sx[COLUMNS];
    sums_of_gradients(e, rows, nc, e->val[n->in[0]] + j0, e->grad[id] + j0, cols, mean, s, sx);
    for (int64_t j = 0; j < nc; j++) {
        sx[j] *= (double)inv[j];
        gw[j] += (real)sx[j];
        gb[j] += (real)s[j];
        a[j] = (real)(s[j] * share);
        c[j] = (real)(sx[j] * share * (double)inv[j]);
    }
}

/* dx = k (dy - mean(dy) - xhat mean(dy xhat)) */
static void bwd_rows(ex *e, int32_t id, int64_t i0, int64_t i1)
{
    const sc_gnode *n = nd(e, id);
    const real *restrict mean = aux_row(e, id, MEAN), *restrict k = aux_row(e, id, FACTOR);
    const real *restrict a = aux_row(e, id, MEAN_DY), *restrict c = aux_row(e, id, MEAN_DYX);
    for (int64_t i = i0; i < i1 && wants_grad(e, n->in[0]); i++) {
        const real *restrict x = e->val[n->in[0]] + i * n->n_cols;
        const real *restrict dy = e->grad[id] + i * n->n_cols;
        real *restrict dx = e->grad[n->in[0]] + i * n->n_cols;
        if (assigns(e, n->in[0]))
            memset(dx, 0, (size_t)n->n_cols * sizeof *dx);
        for (int64_t j = 0; j < n->n_cols; j++)
            dx[j] += k[j] * (dy[j] - a[j] - (x[j] - mean[j]) * c[j]);
    }
}

static void bwd(ex *e, int32_t id, int phase, int64_t tile)
{
#ifdef SC_ISA
    if (thin_of(e, id)) {
        SC_X(sc_thin_bwd)(e, id, e->aux[id] + own_aux(e, id), phase, tile);
        return;
    }
#endif
    const int64_t cols = cols_of(e, id), rows = rows_of(e, id), i0 = tile * ROW_TILE;
    const int64_t j0 = tile * tile_width(e, id), nc = min64(tile_width(e, id), cols - j0);
    if (phase == 1) {
        bwd_rows(e, id, i0, min64(rows, i0 + ROW_TILE));
        return;
    }
    bwd_columns(e, id, j0, nc);
}

static sc_reach reach(const ex *e, int32_t id, int phase)
{
    return thin_of(e, id) && phase < 2 ? SC_REACH_OWN : SC_REACH_PARENTS;
}

static int64_t rows_of_tile(const ex *e, int32_t id, int phase, bool backward)
{
    (void)backward;
    return phase == (thin_of(e, id) ? 2 : 1) ? ROW_TILE : 0;
}

const sc_op SC_X(sc_op_batch_norm) = {3, 3, tiles, fwd, bwd, aux, reach, rows_of_tile};
