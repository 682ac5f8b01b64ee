#include "op.h"
#include "sc_philox.h"

#include <math.h>

/* z = mean + sd * noise; the noise stays in aux. How noise comes about is the run's: none, drawn,
 * or given. */
static int64_t aux(const ex *e, int32_t id, int64_t rows)
{
    return rows * cols_of(e, id);
}

/* In training by epoch, row and site; in inference the key is the hash of the cell's name and epoch
 * counts the draws. */
static sc_key key_of(const ex *e, int32_t id, int64_t i)
{
    const sc_mini *m = mini_of(e, id);
    const sc_run *r = e->run;
    const uint64_t key = m->keys[i % m->n];
    const uint32_t site = (uint32_t)nd(e, id)->site | (uint32_t)(i / m->n) << 8;
    return r->train ? (sc_key){r->seed, r->epoch, (uint32_t)key, site}
                    : (sc_key){r->seed + r->epoch * UINT64_C(0x9E3779B97F4A7C15),
                               (uint32_t)(key >> 32), (uint32_t)key, site | UINT32_C(0x80)};
}

static void draw(const ex *e, int32_t id, int64_t i0, int64_t i1, real *to)
{
    const int64_t cols = cols_of(e, id);
    sc_key keys[ROW_TILE];
    for (int64_t i = i0; i < i1; i++)
        keys[i - i0] = key_of(e, id, i);
#ifdef SC_F64
    for (int64_t i = 0; i < i1 - i0; i++) {
        sc_rng rng = sc_rng_new(keys[i]); /* the same numbers, in double */
        double z[4];
        for (int64_t j = 0; j < cols; j++) {
            if (j % 4 == 0)
                sc_rng_normals(&rng, z);
            to[i * cols + j] = z[j % 4];
        }
    }
#else
    e->k->normals(i1 - i0, keys, cols, to);
#endif
}

static void noise(const ex *e, int32_t id, int64_t i0, int64_t i1, real *to)
{
    const sc_run *r = e->run;
    const int64_t cols = cols_of(e, id), n = (i1 - i0) * cols;
    const float *given = r->draw == SC_DRAW_NOISE ? r->noise[nd(e, id)->site] : NULL;
    if (r->draw == SC_DRAW_NOISE || r->draw == SC_DRAW_MEAN)
        for (int64_t k = 0; k < n; k++)
            to[k] = given ? (real)given[i0 * cols + k] : 0;
    else
        draw(e, id, i0, i1, to);
}

#ifdef SC_F64
#define root sqrt
#else
#define root sqrtf
#endif

static void fwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols, i0 = tile * ROW_TILE, i1 = min64(rows_of(e, id), i0 + ROW_TILE),
                  at = i0 * cols;
    const real *restrict m = e->val[n->q.a.id] + at, *restrict v = e->val[n->q.b.id] + at;
    const real *restrict eps = e->aux[id] + at;
    real *restrict z = e->val[id] + at;
    noise(e, id, i0, i1, e->aux[id] + at);
    if (n->q.kind == SC_NORMAL_VAR)
        for (int64_t k = 0; k < (i1 - i0) * cols; k++)
            z[k] = m[k] + root(v[k]) * eps[k];
    else
        for (int64_t k = 0; k < (i1 - i0) * cols; k++)
            z[k] = m[k] + v[k] * eps[k];
}

static void bwd(ex *e, int32_t id, int phase, int64_t tile)
{
    (void)phase;
    const sc_gnode *n = nd(e, id);
    const int64_t cols = n->n_cols, i0 = tile * ROW_TILE,
                  c = (min64(rows_of(e, id), i0 + ROW_TILE) - i0) * cols, at = i0 * cols;
    const real *restrict dz = e->grad[id] + at, *restrict eps = e->aux[id] + at;
    const real *restrict v = e->val[n->q.b.id] + at;
    if (wants_grad(e, n->q.a.id))
        add_scaled(c, 1, dz, e->grad[n->q.a.id] + at);
    if (!wants_grad(e, n->q.b.id))
        return;
    real *restrict dv = e->grad[n->q.b.id] + at;
    if (n->q.kind == SC_NORMAL_VAR)
        for (int64_t k = 0; k < c; k++)
            dv[k] += dz[k] * eps[k] / (2 * root(v[k]));
    else
        for (int64_t k = 0; k < c; k++)
            dv[k] += dz[k] * eps[k];
}

const sc_op SC_X(sc_op_latent) = {1, 1, row_tiles, fwd, bwd, aux, NULL, rows_alone};
