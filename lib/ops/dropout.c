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

static void mask_row(const ex *e, int32_t id, int64_t i, real *mask)
{
    const sc_gnode *n = nd(e, id);
    const sc_mini *m = mini_of(e, id);
    const sc_key key = {e->run->seed, e->run->epoch, (uint32_t)m->keys[i % m->n],
                        (uint32_t)(16 + n->site) | (uint32_t)(i / m->n) << 8};
    const float keep = (float)(1 - n->arg);
#ifdef SC_F64
    float part[256];
    sc_key k = key;
    for (int64_t j = 0; j < n->n_cols;
         j += 256) { /* the double executor only needs some mask, not the same one */
        k.seed = key.seed + (uint64_t)j;
        sc_fill_mask(k, keep, 1 / keep, min64(256, n->n_cols - j), part);
        for (int64_t t = 0; t < min64(256, n->n_cols - j); t++)
            mask[j + t] = (real)part[t];
    }
#else
    sc_fill_mask(key, keep, 1 / keep, n->n_cols, mask);
#endif
}

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols, i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    for (int64_t i = tile * ROW_TILE; i < i1; i++) {
        const real *restrict x = e->val[n->in[0]] + i * cols;
        real *restrict y = e->val[id] + i * cols, *restrict mask = e->aux[id] + i * cols;
        if (!drops(e)) {
            memcpy(y, x, (size_t)cols * sizeof(real));
            continue;
        }
        mask_row(e, id, i, mask);
        for (int64_t j = 0; j < cols; j++)
            y[j] = x[j] * mask[j];
    }
}

static void bwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols, i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    if (!wants_grad(e, n->in[0]))
        return;
    for (int64_t k = tile * ROW_TILE * cols; k < i1 * cols; k++)
        e->grad[n->in[0]][k] += e->grad[id][k] * (drops(e) ? e->aux[id][k] : 1);
}

const sc_op SC_X(sc_op_dropout) = {1, 1, row_tiles, fwd, bwd, aux, NULL};
