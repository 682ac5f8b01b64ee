#include "thin.h"

#include "linear.h"

#include <math.h>
#include <string.h>

#ifdef SC_ISA
/*
 * Backward cuts the columns into GROUPS, a tile each, whose sums wait for the last phase, which
 * adds them in order.
 */
enum { D = SC_THIN_INPUTS, COLUMNS = SC_THIN_COLUMNS, GROUPS = 16, LINE = 16 };
_Static_assert((int)D <= (int)SC_THIN_D, "the kernel takes that many");

/* The op's nodes, sizes and scratch. */
typedef struct thin {
    const sc_gnode *norm, *layer;
    int64_t rows, n, d, ld;
    bool by_batch;
    real *gram, *mean;          /* d x d, and in the row behind it the inputs' means */
    real *inv, *factor, *shift; /* n: 1 / sd, gamma / sd, what forward adds */
    real *scaled;               /* d x n: W k */
    real *across, *down;        /* rows x d + 1: the inputs, centred, and ones; d x ld, turned */
    real *sums;                 /* by group: rows x d, d + 1 x d */
    const real *w, *bias;       /* bias: NULL, if the layer has none */
} thin;

static int64_t padded(int64_t n)
{
    return (n + 15) / 16 * 16;
}

static int64_t group_size(int64_t rows, int64_t d)
{
    return padded(rows * d) + padded((d + 1) * d);
}

int64_t SC_X(sc_thin_aux)(const ex *e, int32_t id, int64_t rows)
{
    const int64_t d = sc_thin_inputs(e->g, id), n = cols_of(e, id);
    if (!d)
        return 0;
    return padded((d + 1) * d) + (3 + d) * padded(n) + padded(rows * (d + 1)) + d * padded(rows) +
           (e->with_backward ? GROUPS * group_size(rows, d) : 0);
}

static real *weight(const ex *e, int index)
{
    return e->w + e->g->weights[index].offset;
}

static thin open(const ex *e, int32_t id, real *from)
{
    const int32_t linear = thin_of(e, id)->linear;
    thin t = {.norm = nd(e, id),
              .layer = nd(e, linear),
              .rows = rows_of(e, id),
              .n = cols_of(e, id),
              .d = sc_thin_inputs(e->g, id)};
    t.ld = padded(t.rows);
    t.by_batch = e->run->train && t.rows > 1;
    t.gram = from;
    t.mean = t.gram + t.d * t.d;
    t.inv = from + padded((t.d + 1) * t.d);
    t.factor = t.inv + padded(t.n);
    t.shift = t.factor + padded(t.n);
    t.scaled = t.shift + padded(t.n);
    t.across = t.scaled + t.d * padded(t.n);
    t.down = t.across + padded(t.rows * (t.d + 1));
    t.sums = t.down + t.d * t.ld;
    t.w = weight(e, t.layer->weight);
    t.bias = t.layer->bias >= 0 ? weight(e, t.layer->bias) : NULL;
    return t;
}

static bool has_input_gradient(const ex *e, const thin *t)
{
    for (int p = 0; p < t->layer->n_in; p++)
        if (wants_grad(e, t->layer->in[p]))
            return true;
    return false;
}

int64_t SC_X(sc_thin_tiles)(const ex *e, int32_t id, int phase, bool backward)
{
    const thin t = open(e, id, e->aux[id]);
    if (!backward && phase == 2)
        return thin_of(e, id)->only_moves || thin_of(e, id)->is_in_head
                   ? 0
                   : ceil_div(t.rows, ROW_TILE);
    if (!backward)
        return phase == 0 ? 1 : ceil_div(t.n, COLUMNS);
    if (phase == 1)
        return GROUPS;
    return phase == 2 && has_input_gradient(e, &t) ? ceil_div(t.rows, ROW_TILE) : 0;
}

/* The parents side by side. */
static void take_inputs(const ex *e, const thin *t)
{
    real *to = t->across;
    for (int p = 0; p < t->layer->n_in; p++) {
        const int32_t x = t->layer->in[p];
        const int64_t width = cols_of(e, x);
        for (int64_t i = 0; i < t->rows; i++)
            for (int64_t c = 0; c < width; c++)
                to[i * (t->d + 1) + c] = nd(e, x)->form == SC_DENSE ? e->val[x][i * width + c]
                                                                    : (real)(c == code_at(e, x, i));
        to += width;
    }
    for (int64_t i = 0; i < t->rows; i++)
        to[i * (t->d + 1)] = 1;
}

static void centre(const thin *t)
{
    for (int64_t c = 0; c < t->d; c++) {
        double sum = 0;
        for (int64_t i = 0; i < t->rows; i++)
            sum += (double)t->across[i * (t->d + 1) + c];
        t->mean[c] = (real)(sum / (double)t->rows);
        for (int64_t i = 0; i < t->rows; i++) {
            if (t->by_batch)
                t->across[i * (t->d + 1) + c] -= t->mean[c];
            t->down[c * t->ld + i] = t->across[i * (t->d + 1) + c];
        }
    }
    for (int64_t a = 0; a < t->d; a++)
        for (int64_t b = 0; b <= a; b++)
            t->gram[a * t->d + b] = t->gram[b * t->d + a] =
                (real)row_dot(t->rows, t->down + a * t->ld, t->down + b * t->ld);
}

/* Asks for columns of some rows, which lie too far apart for the CPU to see the next one coming;
 * for the second-level cache, as they would throw each other out of the first. */
static void fetch(const real *from, int64_t rows, int64_t nc, int64_t ld)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < nc; j += LINE)
            __builtin_prefetch(from + i * ld + j, 0, 2);
}

static void batch_statistics(const ex *e, const thin *t, int64_t j0, int64_t nc)
{
    const double part = t->norm->arg2, eps = t->norm->arg, share = 1 / (double)t->rows,
                 unbiased = 1 / (double)(t->rows - 1);
    real *restrict rm = weight(e, t->norm->weight + 2) + j0, *restrict inv = t->inv + j0;
    real *restrict rv = weight(e, t->norm->weight + 3) + j0;
    _Alignas(64) real u[(D + 1) * COLUMNS]; /* G W, and the means of X */
    real *restrict mean = u + t->d * COLUMNS, v[COLUMNS] = {0};
    fetch(t->w + j0, t->d, nc, t->n);
    e->k->gemm_nn((int)t->d + 1, (int)nc, (int)t->d, t->gram, (int)t->d, t->w + j0, (int)t->n, u,
                  COLUMNS, false);
    for (int64_t a = 0; a < t->d; a++) {
        const real *restrict w = t->w + a * t->n + j0;
        for (int64_t j = 0; j < nc; j++)
            v[j] += u[a * COLUMNS + j] * w[j];
    }
    for (int64_t j = 0; j < nc; j++)
        v[j] = v[j] > 0 ? v[j] : 0; /* rounding may have taken all of it */
    for (int64_t j = 0; j < nc && t->bias; j++)
        mean[j] += t->bias[j0 + j];
    for (int64_t j = 0; j < nc; j++) {
        const double var = (double)v[j];
        inv[j] = (real)(1 / sqrt(var * share + eps));
        rm[j] = (real)((1 - part) * (double)rm[j] + part * (double)mean[j]);
        rv[j] = (real)((1 - part) * (double)rv[j] + part * (var * unbiased));
    }
    if (j0 == 0)
        *weight(e, t->norm->weight + 4) += 1;
}

/* What the inputs miss where they are not centred: bias less stored mean. */
static real offset_of(const ex *e, const thin *t, int64_t j)
{
    if (t->by_batch)
        return 0;
    return (t->bias ? t->bias[j] : 0) - weight(e, t->norm->weight + 2)[j];
}

static void columns(ex *e, int32_t id, const thin *t, int64_t j0, int64_t nc)
{
    const real *gamma = weight(e, t->norm->weight), *beta = weight(e, t->norm->weight + 1);
    const real *rv = weight(e, t->norm->weight + 3);
    if (t->by_batch)
        batch_statistics(e, t, j0, nc);
    if (thin_of(e, id)->only_moves)
        return;
    for (int64_t j = j0; j < j0 + nc && !t->by_batch; j++)
        t->inv[j] = (real)(1 / sqrt((double)rv[j] + t->norm->arg));
    real *restrict factor = t->factor + j0, *restrict shift = t->shift + j0;
    for (int64_t j = 0; j < nc; j++) {
        factor[j] = t->inv[j0 + j] * gamma[j0 + j];
        shift[j] = beta[j0 + j];
    }
    for (int64_t j = 0; j < nc && !t->by_batch; j++)
        shift[j] = offset_of(e, t, j0 + j) * factor[j] + beta[j0 + j];
    for (int64_t a = 0; a < t->d; a++) {
        const real *restrict w = t->w + a * t->n + j0;
        real *restrict to = t->scaled + a * t->n + j0;
        for (int64_t j = 0; j < nc; j++)
            to[j] = w[j] * factor[j];
    }
}

static void values(const ex *e, int32_t id, const thin *t, int64_t i0, int64_t m)
{
    e->k->gemm_nn_from((int)m, (int)t->n, (int)t->d, t->across + i0 * (t->d + 1), (int)t->d + 1,
                       t->scaled, (int)t->n, e->val[id] + i0 * t->n, (int)t->n, t->shift);
}

void SC_X(sc_thin_rows)(const ex *e, int32_t id, real *from, int64_t i0, int64_t i1)
{
    const thin t = open(e, id, from);
    values(e, id, &t, i0, i1 - i0);
}

void SC_X(sc_thin_fwd)(ex *e, int32_t id, real *from, int phase, int64_t tile)
{
    const thin t = open(e, id, from);
    if (phase == 0) {
        take_inputs(e, &t);
        centre(&t);
    } else if (phase == 1) {
        columns(e, id, &t, tile * COLUMNS, min64(COLUMNS, t.n - tile * COLUMNS));
    } else {
        values(e, id, &t, tile * ROW_TILE, min64(ROW_TILE, t.rows - tile * ROW_TILE));
    }
}

/* Of columns j0 .. j0 + nc: P and s (g, d + 1 x COLUMNS) to the gradients of the batch norm; c and
 * s / rows. */
static void by_norm(ex *e, const thin *t, int64_t j0, int64_t nc, const real *restrict g,
                    real *restrict c, real *restrict a)
{
    real *gw = e->gw + e->g->weights[t->norm->weight].offset + j0;
    real *gb = e->gw + e->g->weights[t->norm->weight + 1].offset + j0;
    const real share = t->by_batch ? 1 / (real)t->rows : 0, *restrict s = g + t->d * COLUMNS;
    const real *restrict inv = t->inv + j0;
    real dot[COLUMNS];
    for (int64_t j = 0; j < nc; j++)
        dot[j] = t->by_batch ? 0 : offset_of(e, t, j0 + j) * s[j];
    for (int64_t r = 0; r < t->d; r++)
        for (int64_t j = 0; j < nc; j++)
            dot[j] += t->w[r * t->n + j0 + j] * g[r * COLUMNS + j];
    for (int64_t j = 0; j < nc; j++) {
        const real d_gamma = inv[j] * dot[j];
        gw[j] += d_gamma;
        gb[j] += s[j];
        c[j] = d_gamma * share * inv[j];
        a[j] = s[j] * share;
    }
}

/* P and s; and, unless sums is NULL, to what it holds of the group's other columns dY (W k)^T. */
static void products(const ex *e, const thin *t, const real *dy, int64_t j0, int64_t nc, real *g,
                     real *sums, bool is_first)
{
    e->k->thin_products(&(sc_thin_products){.rows = (int)t->rows,
                                            .n = (int)nc,
                                            .m = (int)t->d + 1,
                                            .d = sums ? (int)t->d : 0,
                                            .y = dy + j0,
                                            .ldy = t->n,
                                            .a = t->across,
                                            .lda = t->d + 1,
                                            .p = g,
                                            .b = t->scaled + j0,
                                            .ldb = t->n,
                                            .q = sums,
                                            .add = !is_first});
}

/* The sum over these columns of k c w w^T, and behind it of k a w: in sums. */
static void squares(const ex *e, const thin *t, real *sums, bool is_first, int64_t j0, int64_t nc,
                    const real *restrict c, const real *restrict a)
{
    _Alignas(64) real cw[(D + 1) * COLUMNS];
    for (int64_t r = 0; r < t->d; r++) {
        const real *restrict w = t->w + r * t->n + j0;
        for (int64_t j = 0; j < nc; j++)
            cw[r * COLUMNS + j] = c[j] * w[j];
    }
    memcpy(cw + t->d * COLUMNS, a, (size_t)nc * sizeof *cw);
    e->k->thin_products(&(sc_thin_products){.rows = (int)t->d + 1,
                                            .n = (int)nc,
                                            .d = (int)t->d,
                                            .y = cw,
                                            .ldy = COLUMNS,
                                            .b = t->scaled + j0,
                                            .ldb = t->n,
                                            .q = sums,
                                            .add = !is_first});
}

/* g: P, which becomes the gradient of W, and is settled. */
static void by_weight(ex *e, const thin *t, int64_t j0, int64_t nc, real *restrict g,
                      const real *restrict c, const real *restrict a)
{
    const sc_gnode *l = t->layer;
    const real *restrict k = t->factor + j0;
    _Alignas(64) real u[D * COLUMNS];
    e->k->gemm_nn((int)t->d, (int)nc, (int)t->d, t->gram, (int)t->d, t->w + j0, (int)t->n, u,
                  COLUMNS, false);
    for (int64_t r = 0; r < t->d; r++)
        for (int64_t j = 0; j < nc; j++)
            g[r * COLUMNS + j] = k[j] * (g[r * COLUMNS + j] - c[j] * u[r * COLUMNS + j]);
    real *s = g + t->d * COLUMNS;
    for (int64_t j = 0; j < nc; j++)
        s[j] = k[j] * (s[j] - (real)t->rows * a[j]);
    SC_X(sc_settle)(e, l->weight, e->g->weights[l->weight].offset + j0, t->d, nc, t->n, g, COLUMNS);
    if (l->bias >= 0)
        SC_X(sc_settle)(e, l->bias, e->g->weights[l->bias].offset + j0, 1, nc, t->n, s, COLUMNS);
}

/* Of dY, which is the most, nothing: the products wait less for it than this would. */
static void fetch_weights(const ex *e, const thin *t, int64_t j0, int64_t nc)
{
    const int64_t at = e->g->weights[t->layer->weight].offset + j0;
    fetch(t->scaled + j0, t->d, nc, t->n);
    fetch(t->w + j0, t->d, nc, t->n);
    if (e->descent) {
        fetch(e->descent->m + at, t->d, nc, t->n);
        fetch(e->descent->v + at, t->d, nc, t->n);
    }
}

static void one_group(ex *e, int32_t id, const thin *t, int64_t group)
{
    _Alignas(64) real g[(D + 1) * COLUMNS], c[COLUMNS], a[COLUMNS];
    const int64_t wide = padded(ceil_div(t->n, GROUPS)), from = min64(group * wide, t->n),
                  to = min64(from + wide, t->n);
    const bool goes_on = has_input_gradient(e, t);
    real *sums = t->sums + group * group_size(t->rows, t->d);
    if (from == to) /* its sums are added all the same */
        memset(sums, 0, (size_t)group_size(t->rows, t->d) * sizeof *sums);
    for (int64_t j0 = from; j0 < to; j0 += COLUMNS) {
        const int64_t nc = min64(COLUMNS, to - j0);
        fetch_weights(e, t, j0, nc);
        products(e, t, e->grad[id], j0, nc, g, goes_on ? sums : NULL, j0 == from);
        by_norm(e, t, j0, nc, g, c, a);
        if (goes_on)
            squares(e, t, sums + padded(t->rows * t->d), j0 == from, j0, nc, c, a);
        by_weight(e, t, j0, nc, g, c, a);
    }
}

/* y += a x, of whole vectors */
static void add_vectors(int64_t n, real a, const real *restrict x, real *restrict y)
{
    for (int64_t j = 0; j < n; j += LINE)
        for (int t = 0; t < LINE; t++)
            y[j + t] += a * x[j + t];
}

static void sum_groups(const ex *e, const thin *t, int64_t i0, int64_t i1)
{
    const int64_t d = t->d, size = group_size(t->rows, d), rows = i1 - i0;
    _Alignas(64) real m[(D + 1) * D], dz[ROW_TILE * D];
    memset(m, 0, (size_t)padded((d + 1) * d) * sizeof *m);
    memset(dz, 0, (size_t)padded(rows * d) * sizeof *dz);
    for (int64_t group = 0; group < GROUPS; group++) {
        const real *sums = t->sums + group * size;
        add_vectors(rows * d, 1, sums + i0 * d, dz);
        add_vectors((d + 1) * d, -1, sums + padded(t->rows * d), m);
    }
    for (int64_t i = 0; i < rows; i++)
        add_scaled(d, 1, m + d * d, dz + i * d);
    e->k->gemm_nn((int)rows, (int)d, (int)d, t->across + i0 * (d + 1), (int)d + 1, m, (int)d, dz,
                  (int)d, true);
    for (int64_t i = i0; i < i1; i++) {
        const real *to = dz + (i - i0) * d;
        for (int p = 0; p < t->layer->n_in; p++) {
            const int32_t x = t->layer->in[p];
            const int64_t width = cols_of(e, x);
            if (nd(e, x)->form == SC_DENSE && wants_grad(e, x))
                add_scaled(width, 1, to, e->grad[x] + i * width);
            to += width;
        }
    }
}

void SC_X(sc_thin_bwd)(ex *e, int32_t id, real *from, int phase, int64_t tile)
{
    const thin t = open(e, id, from);
    if (phase == 1)
        one_group(e, id, &t, tile);
    else
        sum_groups(e, &t, tile * ROW_TILE, min64(t.rows, (tile + 1) * ROW_TILE));
}
#endif
