#include "sc_predict.h"

#include "sc_draw.h"

static bool takes_counts(const sc_built *g, const sc_gnode *n)
{
    for (int k = 0; k < n->n_in; k++) {
        const sc_gnode *in = &g->nodes[n->in[k]];
        if (in->op == SC_OP_INPUT && in->input == SC_IN_COUNTS)
            return n->op == SC_OP_OBSERVE && n->stream == SC_ROWS_ALL && n->reps == 1;
    }
    return false;
}

sc_status sc_predict_find(sc_predictor *p, const sc_net *net, double max_rate, sc_err *err)
{
    const sc_built *g = net->g;
    *p = (sc_predictor){.n_vars = g->dims.n_vars, .max_rate = max_rate};
    for (int i = 1; i < g->n_nodes; i++) {
        const sc_gnode *n = &g->nodes[i];
        if (!takes_counts(g, n))
            continue;
        p->d = n->q;
        const int32_t of[4] = {n->q.a.id, n->q.b.id, n->q.c.id, n->q.d.id};
        for (int k = 0; k < 4; k++)
            if (of[k])
                p->nodes[p->n_nodes++] = of[k];
        return SC_OK;
    }
    return sc_fail(err, SC_EUSAGE, "model '%s' has no distribution of counts",
                   net->handle.plugin->name);
}

/* A parameter as rows of values: pitch 0 is a single row, step 0 a single column. */
typedef struct param {
    const float *values;
    int64_t pitch, step;
} param;

static param param_of(const sc_infer *x, const sc_built *g, int32_t id)
{
    static const float zero = 0;
    if (!id)
        return (param){&zero, 0, 0};
    const sc_gnode *n = &g->nodes[id];
    return (param){sc_infer_value(x, id), n->reps ? n->n_cols : 0, n->n_cols > 1};
}

static double at(const param *p, int64_t i, int64_t j)
{
    return (double)p->values[i * p->pitch + j * p->step];
}

typedef struct job {
    const sc_infer *x;
    sc_dist_kind kind;
    bool is_denoised;
    param of[4];
    double max_rate, factor;
    int64_t from, n_vars;
    uint64_t seed;
    uint32_t draw_no;
    float *out;
} job;

/* The site's number sets these draws apart from those of the latents. */
static sc_rng rng_of(const job *w, int64_t i)
{
    const uint64_t key = sc_infer_key(w->x, w->from + i);
    return sc_rng_new((sc_key){w->seed + w->draw_no * UINT64_C(0x9E3779B97F4A7C15),
                               (uint32_t)(key >> 32), (uint32_t)key, UINT32_C(0xC0)});
}

static void draw_row(void *ctx, int64_t i, int tid)
{
    (void)tid;
    const job *w = ctx;
    float *to = w->out + i * w->n_vars;
    sc_rng rng = rng_of(w, i);
    for (int64_t j = 0; j < w->n_vars; j++) {
        const double a = at(&w->of[0], i, j), b = at(&w->of[1], i, j);
        to[j] = (float)(w->is_denoised ? sc_draw_gamma(&rng, b) * w->factor * a / b
                                       : sc_draw_dist(&rng, w->kind, a, b, at(&w->of[2], i, j),
                                                      at(&w->of[3], i, j), w->max_rate));
    }
}

void sc_predict_rows(const sc_predictor *p, const sc_infer *x, int64_t from, int64_t n,
                     uint64_t seed, uint32_t draw_no, sc_pool *pool, float *out)
{
    const sc_built *g = sc_infer_net(x)->g;
    job w = {.x = x,
             .kind = p->d.kind,
             .of = {param_of(x, g, p->d.a.id), param_of(x, g, p->d.b.id), param_of(x, g, p->d.c.id),
                    param_of(x, g, p->d.d.id)},
             .max_rate = p->max_rate,
             .from = from,
             .n_vars = p->n_vars,
             .seed = seed,
             .draw_no = draw_no,
             .out = out};
    sc_pool_for(pool, n, draw_row, &w);
}

void sc_predict_denoised(const sc_infer *x, int32_t scale, int32_t shape, double factor,
                         int64_t from, int64_t n, uint64_t seed, uint32_t draw_no, sc_pool *pool,
                         float *out)
{
    const sc_built *g = sc_infer_net(x)->g;
    job w = {.x = x,
             .is_denoised = true,
             .of = {param_of(x, g, scale), param_of(x, g, shape)},
             .factor = factor,
             .from = from,
             .n_vars = g->nodes[scale].n_cols,
             .seed = seed,
             .draw_no = draw_no,
             .out = out};
    sc_pool_for(pool, n, draw_row, &w);
}
