#include "op.h"
#include "sc_philox.h"

#include <math.h>

/* z = mean + sd * noise; the noise stays in aux. How noise comes about is the run's: none, drawn,
 * or given. */
static int64_t aux(const ex *e, int32_t id, int64_t rows)
{
    return rows * cols_of(e, id);
}

static void noise_row(const ex *e, int32_t id, int64_t i, real *to)
{
    const sc_gnode *n = nd(e, id);
    const sc_mini *m = mini_of(e, id);
    const sc_run *r = e->run;
    const int64_t cols = n->n_cols;
    if (r->draw == SC_DRAW_NOISE) {
        for (int64_t j = 0; j < cols; j++)
            to[j] = r->noise[n->site] ? (real)r->noise[n->site][i * cols + j] : 0;
        return;
    }
    if (r->draw == SC_DRAW_MEAN) {
        for (int64_t j = 0; j < cols; j++)
            to[j] = 0;
        return;
    }
    /* in training (epoch, row, site); in inference the key is the hash of the cell's name and epoch
     * counts the draws */
    const uint64_t key = m->keys[i % m->n];
    const uint32_t site = (uint32_t)n->site | (uint32_t)(i / m->n) << 8;
    const sc_key k = r->train
                         ? (sc_key){r->seed, r->epoch, (uint32_t)key, site}
                         : (sc_key){r->seed + r->epoch * UINT64_C(0x9E3779B97F4A7C15),
                                    (uint32_t)(key >> 32), (uint32_t)key, site | UINT32_C(0x80)};
    float part[256];
    for (int64_t j = 0; j < cols; j += 256) {
        sc_key at = k;
        at.seed += (uint64_t)j << 20;
        const int64_t c = min64(256, cols - j);
        sc_fill_normal(at, c, part);
        for (int64_t t = 0; t < c; t++)
            to[j + t] = (real)part[t];
    }
}

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols, i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    for (int64_t i = tile * ROW_TILE; i < i1; i++) {
        real *z = e->val[id] + i * cols, *eps = e->aux[id] + i * cols;
        noise_row(e, id, i, eps);
        for (int64_t j = 0; j < cols; j++) {
            const double m = (double)e->val[n->q.a.id][i * cols + j],
                         v = (double)e->val[n->q.b.id][i * cols + j];
            z[j] = (real)(m + (n->q.kind == SC_NORMAL_VAR ? sqrt(v) : v) * (double)eps[j]);
        }
    }
}

static void bwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols, i1 = min64(rows_of(e, id), (tile + 1) * ROW_TILE);
    for (int64_t k = tile * ROW_TILE * cols; k < i1 * cols; k++) {
        const double dz = (double)e->grad[id][k], eps = (double)e->aux[id][k],
                     v = (double)e->val[n->q.b.id][k];
        if (wants_grad(e, n->q.a.id))
            e->grad[n->q.a.id][k] += (real)dz;
        if (wants_grad(e, n->q.b.id))
            e->grad[n->q.b.id][k] +=
                (real)(n->q.kind == SC_NORMAL_VAR ? dz * eps * 0.5 / sqrt(v) : dz * eps);
    }
}

const sc_op SC_X(sc_op_latent) = {1, 1, row_tiles, fwd, bwd, aux, NULL};
