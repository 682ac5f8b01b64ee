#include "sc_optimizer.h"

#include "sc_pages.h"

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
    float *m, *v;       /* flat */
    int64_t *t;         /* steps of each weight */
    sc_adam_args *args; /* of this step, by weight */
    bool is_limited;
    int64_t n_tiles;
    tile *tiles;
    int64_t *left; /* room for the tiles of a step */
    float *zeros;  /* CHUNK of them, for tiles that only decay */
};

sc_status sc_optimizer_new(sc_optimizer **out, const sc_built *g, sc_err *err)
{
    sc_optimizer *o = NULL;
    sc_status st;
    *out = NULL;
    SC_TRY(sc_alloc(&o, 1, sizeof *o, err));
    o->g = g;
    SC_GOTO(st, sc_pages_new(&o->m, (size_t)g->n_params, sizeof *o->m, err), fail);
    SC_GOTO(st, sc_pages_new(&o->v, (size_t)g->n_params, sizeof *o->v, err), fail);
    SC_GOTO(st, sc_alloc(&o->t, (size_t)g->n_weights, sizeof *o->t, err), fail);
    SC_GOTO(st, sc_alloc(&o->args, (size_t)g->n_weights, sizeof *o->args, err), fail);
    SC_GOTO(
        st,
        sc_alloc(&o->tiles, (size_t)(g->n_params / CHUNK + g->n_weights), sizeof *o->tiles, err),
        fail);
    SC_GOTO(st,
            sc_alloc(&o->left, (size_t)(g->n_params / CHUNK + g->n_weights), sizeof *o->left, err),
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
    free(o->left);
    o->tiles = NULL;
    o->left = NULL;
    o->is_limited = true;
    o->n_tiles = 0;
    SC_TRY(sc_alloc(&o->tiles, (size_t)n_tiles, sizeof *o->tiles, err));
    SC_TRY(sc_alloc(&o->left, (size_t)n_tiles, sizeof *o->left, err));
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
    float *w;
    const float *grad;
    const sc_kernels *k;
    sc_descent descent;
} step;

static void move(void *ctx, int64_t i, int tid)
{
    (void)tid;
    step *s = ctx;
    const tile *t = &s->o->tiles[s->o->left[i]];
    if (!s->k->adam(1, t->n, s->w + t->from, s->o->m + t->from, s->o->v + t->from, 0,
                    t->decays_only ? s->o->zeros : s->grad + t->from, 0, &s->o->args[t->weight]))
        atomic_store(&s->descent.is_bad, true);
}

static void count_step(sc_optimizer *o, const bool *moves, const sc_rates *r)
{
    double power1 = 1, power2 = 1; /* most weights have moved as often as those before */
    int64_t of = 0;
    for (int i = 0; i < o->g->n_weights; i++) {
        o->t[i] += moves[i];
        if (o->t[i] != of) {
            of = o->t[i];
            power1 = pow(0.9, (double)of);
            power2 = pow(0.999, (double)of);
        }
        o->args[i] = (sc_adam_args){(float)r->lr,
                                    0.9F,
                                    0.999F,
                                    (float)r->eps,
                                    (float)r->weight_decay,
                                    (float)(1 - power1),
                                    (float)sqrt(1 - power2)};
    }
}

/* Counts the step; its rest are all weights that move and that is_done does not mark (NULL: none).
 */
static void begin(step *s, const bool *moves, const bool *is_done, const sc_rates *r)
{
    sc_optimizer *o = s->o;
    count_step(o, moves, r);
    s->descent = (sc_descent){.m = o->m, .v = o->v, .args = o->args, .rest = move, .ctx = s};
    for (int64_t i = 0; i < o->n_tiles; i++)
        if (moves[o->tiles[i].weight] && !(is_done && is_done[o->tiles[i].weight]))
            o->left[s->descent.n_rest++] = i;
}

static bool is_finite(step *s)
{
    return !atomic_load(&s->descent.is_bad);
}

bool sc_optimizer_step(sc_optimizer *o, const bool *moves, float *w, const float *grad,
                       const sc_rates *r, sc_pool *pool, const sc_kernels *k)
{
    step s = {.o = o, .w = w, .grad = grad, .k = k};
    begin(&s, moves, NULL, r);
    sc_pool_for(pool, s.descent.n_rest, move, &s);
    return is_finite(&s);
}

static step of_executor(sc_optimizer *o, sc_exec_f32 *e, const sc_kernels *k)
{
    return (step){.o = o, .w = sc_exec_weights_f32(e), .grad = sc_exec_gradients_f32(e), .k = k};
}

bool sc_optimizer_descend(sc_optimizer *o, sc_exec_f32 *e, const sc_plan *p, const sc_run *run,
                          int group, const sc_rates *r, sc_pool *pool, const sc_kernels *k)
{
    const bool *moves = p->moves[group];
    step s = of_executor(o, e, k);
    if (o->is_limited) {
        sc_exec_backward_f32(e, p, run, group);
        return sc_optimizer_step(o, moves, s.w, s.grad, r, pool, k);
    }
    begin(&s, moves, p->assigned[group], r);
    sc_exec_descend_f32(e, p, run, group, &s.descent);
    return is_finite(&s);
}

sc_status sc_optimizer_pass(sc_optimizer *o, sc_exec_f32 *e, const sc_plan *p, const sc_run *run,
                            sc_judge *judge, const sc_rates *r, sc_pool *pool, const sc_kernels *k,
                            bool *descended, sc_err *err)
{
    step s = of_executor(o, e, k);
    if (o->is_limited) {
        SC_TRY(sc_exec_forward_f32(e, p, run, err));
        *descended =
            judge->goes_on(judge->ctx) && sc_optimizer_descend(o, e, p, run, 0, r, pool, k);
        return SC_OK;
    }
    begin(&s, p->moves[0], p->assigned[0], r);
    SC_TRY(sc_exec_step_f32(e, p, run, judge, &s.descent, err));
    *descended = !judge->has_stopped && is_finite(&s);
    return SC_OK;
}

void sc_optimizer_clip(const sc_optimizer *o, const bool *moves, float *grad, double max_norm)
{
    double sum = 0;
    for (int64_t i = 0; i < o->n_tiles; i++)
        for (int64_t j = 0;
             j < o->tiles[i].n && moves[o->tiles[i].weight] && !o->tiles[i].decays_only; j++)
            sum += (double)grad[o->tiles[i].from + j] * (double)grad[o->tiles[i].from + j];
    const double scale = max_norm / (sqrt(sum) + 1e-6);
    if (scale >= 1)
        return;
    for (int64_t i = 0; i < o->n_tiles; i++)
        for (int64_t j = 0; j < o->tiles[i].n && moves[o->tiles[i].weight]; j++)
            grad[o->tiles[i].from + j] *= (float)scale;
}

sc_adam_state sc_optimizer_state(const sc_optimizer *o)
{
    return (sc_adam_state){o->m, o->v, o->t};
}

void sc_optimizer_free(sc_optimizer *o)
{
    if (!o)
        return;
    sc_pages_free(o->m);
    sc_pages_free(o->v);
    free(o->t);
    free(o->args);
    free(o->tiles);
    free(o->left);
    free(o->zeros);
    free(o);
}
