#include "op.h"
#include "sc_philox.h"

#include <string.h>

/* In training keeps a value with probability 1 - p and scales it by 1/(1 - p); the mask (aux) is
 * keyed by seed, epoch, row and site, so it depends neither on threads nor on the place in the
 * minibatch. */
static int64_t aux(const ex *e, int32_t id, int64_t rows)
{
    return rows * cols_of(e, id);
}
static bool drops(const ex *e)
{
    return e->run->train && !e->run->no_dropout;
}

static void masks(const ex *e, int32_t id, int64_t i0, int64_t i1, real *mask)
{
    const sc_gnode *n = nd(e, id);
    const sc_mini *m = mini_of(e, id);
    const float keep = (float)(1 - n->arg);
    sc_key keys[ROW_TILE];
    for (int64_t i = i0; i < i1; i++)
        keys[i - i0] = (sc_key){e->run->seed, e->run->epoch, (uint32_t)m->keys[i % m->n],
                                (uint32_t)(16 + n->site) | (uint32_t)(i / m->n) << 8};
#ifdef SC_F64
    for (int64_t i = 0; i < i1 - i0; i++) {
        sc_rng rng = sc_rng_new(keys[i]); /* the same mask */
        for (int64_t j = 0; j < n->n_cols; j++)
            mask[i * n->n_cols + j] =
                (float)(sc_rng_u32(&rng) >> 8) * 0x1p-24f < keep ? (double)(1 / keep) : 0;
    }
#else
    e->k->masks(i1 - i0, keys, keep, 1 / keep, n->n_cols, mask);
#endif
}

static void scale(int64_t n, const real *restrict by, real *restrict x)
{
    for (int64_t k = 0; k < n; k++)
        x[k] *= by[k];
}

static void multiply(int64_t n, const real *restrict x, const real *restrict by, real *restrict y)
{
    for (int64_t k = 0; k < n; k++)
        y[k] = x[k] * by[k];
}

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const int64_t cols = cols_of(e, id), i0 = tile * ROW_TILE,
                  i1 = min64(rows_of(e, id), i0 + ROW_TILE), n = (i1 - i0) * cols;
    const real *x = e->val[nd(e, id)->in[0]] + i0 * cols;
    real *y = e->val[id] + i0 * cols, *mask = e->aux[id] + i0 * cols;
    if (drops(e)) {
        masks(e, id, i0, i1, mask);
        if (is_over(e, id))
            scale(n, mask, y);
        else
            multiply(n, x, mask, y);
    } else if (!is_over(e, id)) {
        memcpy(y, x, (size_t)n * sizeof(real));
    }
}

static void bwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols, i0 = tile * ROW_TILE, i1 = min64(rows_of(e, id), i0 + ROW_TILE);
    if (!wants_grad(e, n->in[0]))
        return;
    const real *restrict dy = e->grad[id] + i0 * cols, *restrict mask = e->aux[id] + i0 * cols;
    real *restrict dx = e->grad[n->in[0]] + i0 * cols;
    const bool is_on = drops(e);
    if (is_over(e, id)) {
        if (is_on)
            scale((i1 - i0) * cols, mask, dx);
        return;
    }
    if (assigns(e, n->in[0]))
        memset(dx, 0, (size_t)((i1 - i0) * cols) * sizeof *dx);
    for (int64_t k = 0; k < (i1 - i0) * cols; k++)
        dx[k] += is_on ? dy[k] * mask[k] : dy[k];
}

const sc_op SC_X(sc_op_dropout) = {1, 1, row_tiles, fwd, bwd, aux, NULL, rows_alone};
