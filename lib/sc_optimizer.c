#include "sc_optimizer.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { CHUNK = 8192 };

typedef struct tile {
    int weight;
    int64_t from, n;
    bool decays_only;
} tile;

struct sc_optimizer {
    const sc_built *g;
    float *m, *v; /* flat */
    int64_t *t;   /* steps of each weight */
    int64_t n_tiles;
    tile *tiles;
    float *zeros; /* CHUNK of them, for tiles that only decay */
};

sc_status sc_optimizer_new(sc_optimizer **out, const sc_built *g, sc_err *err)
{
    sc_optimizer *o = NULL;
    sc_status st;
    *out = NULL;
    SC_TRY(sc_alloc(&o, 1, sizeof *o, err));
    o->g = g;
    SC_GOTO(st, sc_alloc(&o->m, (size_t)g->n_params, sizeof *o->m, err), fail);
    SC_GOTO(st, sc_alloc(&o->v, (size_t)g->n_params, sizeof *o->v, err), fail);
    SC_GOTO(st, sc_alloc(&o->t, (size_t)g->n_weights, sizeof *o->t, err), fail);
    SC_GOTO(
        st,
        sc_alloc(&o->tiles, (size_t)(g->n_params / CHUNK + g->n_weights), sizeof *o->tiles, err),
        fail);
    for (int w = 0; w < g->n_weights; w++) {
        const int64_t n = g->weights[w].rows * g->weights[w].cols;
        for (int64_t at = 0; at < n && g->weights[w].is_trained; at += CHUNK)
            o->tiles[o->n_tiles++] =
                (tile){w, g->weights[w].offset + at, n - at < CHUNK ? n - at : CHUNK, false};
    }
    *out = o;
    return SC_OK;
fail:
    sc_optimizer_free(o);
    return st;
}

sc_status sc_optimizer_limit(sc_optimizer *o, const sc_span *spans, int64_t n, sc_err *err)
{
    int64_t n_tiles = 0;
    for (int64_t i = 0; i < n; i++)
        n_tiles += (spans[i].n + CHUNK - 1) / CHUNK;
    free(o->tiles);
    o->tiles = NULL;
    o->n_tiles = 0;
    SC_TRY(sc_alloc(&o->tiles, (size_t)n_tiles, sizeof *o->tiles, err));
    SC_TRY(sc_alloc(&o->zeros, CHUNK, sizeof *o->zeros, err));
    for (int64_t i = 0; i < n; i++)
        for (int64_t at = 0; at < spans[i].n; at += CHUNK)
            o->tiles[o->n_tiles++] =
                (tile){spans[i].weight, spans[i].from + at,
                       spans[i].n - at < CHUNK ? spans[i].n - at : CHUNK, spans[i].decays_only};
    return SC_OK;
}

typedef struct step {
    sc_optimizer *o;
    const bool *moves;
    float *w;
    const float *grad;
    double lr, eps, weight_decay;
    const sc_kernels *k;
    atomic_bool is_bad;
} step;

/* x * 0 is 0 for every finite x and NaN otherwise: one pass that vectorizes. */
static void look(void *ctx, int64_t i, int tid)
{
    (void)tid;
    step *s = ctx;
    const tile *t = &s->o->tiles[i];
    float sum = 0;
    if (!s->moves[t->weight] || t->decays_only)
        return;
    for (int64_t j = 0; j < t->n; j++)
        sum += s->grad[t->from + j] * 0.0F;
    if (sum != 0)
        atomic_store(&s->is_bad, true);
}

static void move(void *ctx, int64_t i, int tid)
{
    (void)tid;
    step *s = ctx;
    const tile *t = &s->o->tiles[i];
    if (!s->moves[t->weight])
        return;
    const double steps = (double)s->o->t[t->weight];
    const sc_adam_args a = {(float)s->lr,
                            0.9F,
                            0.999F,
                            (float)s->eps,
                            (float)s->weight_decay,
                            (float)(1 - pow(0.9, steps)),
                            (float)sqrt(1 - pow(0.999, steps))};
    s->k->adam(t->n, s->w + t->from, s->o->m + t->from, s->o->v + t->from,
               t->decays_only ? s->o->zeros : s->grad + t->from, &a);
}

bool sc_optimizer_step(sc_optimizer *o, const bool *moves, float *w, const float *grad, double lr,
                       double eps, double weight_decay, sc_pool *pool, const sc_kernels *k)
{
    step s = {o, moves, w, grad, lr, eps, weight_decay, k, false};
    sc_pool_for(pool, o->n_tiles, look, &s);
    if (atomic_load(&s.is_bad))
        return false;
    for (int i = 0; i < o->g->n_weights; i++)
        o->t[i] += moves[i];
    sc_pool_for(pool, o->n_tiles, move, &s);
    return true;
}

void sc_optimizer_free(sc_optimizer *o)
{
    if (!o)
        return;
    free(o->m);
    free(o->v);
    free(o->t);
    free(o->tiles);
    free(o->zeros);
    free(o);
}
