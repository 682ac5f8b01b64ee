#include "sc_predict.h"

#include "sc_draw.h"

#include <math.h>

static bool takes(const sc_built *g, const sc_gnode *n, sc_input input)
{
    for (int k = 0; k < n->n_in; k++) {
        const sc_gnode *in = &g->nodes[n->in[k]];
        if (in->op == SC_OP_INPUT && in->input == (int)input)
            return n->op == SC_OP_OBSERVE && n->stream == SC_ROWS_ALL && n->reps == 1;
    }
    return false;
}

sc_status sc_predict_find(sc_predictor *p, const sc_net *net, sc_input input, double max_rate,
                          sc_err *err)
{
    const sc_built *g = net->g;
    const bool is_genes = input == SC_IN_COUNTS;
    *p = (sc_predictor){.input = input,
                        .n_cols = is_genes ? g->dims.n_vars : g->dims.n_proteins,
                        .max_rate = max_rate};
    for (int i = 1; i < g->n_nodes; i++) {
        const sc_gnode *n = &g->nodes[i];
        if (!takes(g, n, input))
            continue;
        p->d = n->q;
        const int32_t of[4] = {n->q.a.id, n->q.b.id, n->q.c.id, n->q.d.id};
        for (int k = 0; k < 4; k++)
            if (of[k])
                p->nodes[p->n_nodes++] = of[k];
        return SC_OK;
    }
    return sc_fail(err, SC_EUSAGE, "model '%s' has no distribution of %s", net->handle.plugin->name,
                   is_genes ? "counts" : "proteins");
}

sc_status sc_denoiser_find(sc_denoiser *d, const sc_net *net, sc_input input, double factor,
                           sc_err *err)
{
    static const char *const genes[3] = {"px_scale", "px_r", NULL}, *const proteins[3] = {
                                                                        "py_rate_fore", "py_r",
                                                                        "py_mixing"};
    const char *const *names = input == SC_IN_COUNTS ? genes : proteins;
    sc_predictor p;
    int32_t nodes[3] = {0};
    SC_TRY(sc_predict_find(&p, net, input, 0, err));
    if (p.d.kind != SC_NB && p.d.kind != SC_ZINB && p.d.kind != SC_NB_MIXTURE)
        return sc_fail(err, SC_EUSAGE,
                       "--correlation is for models of negative binomial counts (nb, zinb)");
    for (int k = 0; k < 3 && names[k]; k++) {
        const int at = sc_graph_output(net->g, names[k]);
        if (at < 0)
            return sc_fail(err, SC_EUSAGE, "model '%s' has no output '%s'",
                           net->handle.plugin->name, names[k]);
        nodes[k] = net->g->outputs[at].node;
    }
    *d = (sc_denoiser){input,   nodes[0], nodes[1], nodes[2], input == SC_IN_COUNTS ? factor : 1,
                       p.n_cols};
    return SC_OK;
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
    sc_input input;
    sc_dist_kind kind;
    bool is_denoised, has_background;
    param of[4];
    double max_rate, factor;
    int64_t from, n_cols;
    uint64_t seed;
    uint32_t draw_no;
    float *out;
} job;

sc_rng sc_predict_rng(const sc_infer *x, int64_t row, uint64_t seed, uint32_t draw_no,
                      uint32_t what)
{
    const uint64_t key = sc_infer_key(x, row);
    return sc_rng_new((sc_key){seed + draw_no * UINT64_C(0x9E3779B97F4A7C15), (uint32_t)(key >> 32),
                               (uint32_t)key, what});
}

/* Gamma's draw comes first, whatever the background's is. */
static double denoised(const job *w, sc_rng *rng, int64_t i, int64_t j)
{
    const double b = at(&w->of[1], i, j),
                 y = sc_draw_gamma(rng, b) * w->factor * at(&w->of[0], i, j) / b;
    return w->has_background && sc_rng_uniform(rng) < 1 / (1 + exp(-at(&w->of[2], i, j))) ? 0 : y;
}

static void draw_row(void *ctx, int64_t i, int tid)
{
    (void)tid;
    const job *w = ctx;
    float *to = w->out + i * w->n_cols;
    sc_rng rng = sc_predict_rng(w->x, w->from + i, w->seed, w->draw_no,
                                w->input == SC_IN_COUNTS ? SC_DRAWS_GENES : SC_DRAWS_PROTEINS);
    for (int64_t j = 0; j < w->n_cols; j++)
        to[j] = (float)(w->is_denoised
                            ? denoised(w, &rng, i, j)
                            : sc_draw_dist(&rng, w->kind, at(&w->of[0], i, j), at(&w->of[1], i, j),
                                           at(&w->of[2], i, j), at(&w->of[3], i, j), w->max_rate));
}

void sc_predict_rows(const sc_predictor *p, const sc_infer *x, int64_t from, int64_t n,
                     uint64_t seed, uint32_t draw_no, sc_pool *pool, float *out)
{
    const sc_built *g = sc_infer_net(x)->g;
    job w = {.x = x,
             .input = p->input,
             .kind = p->d.kind,
             .of = {param_of(x, g, p->d.a.id), param_of(x, g, p->d.b.id), param_of(x, g, p->d.c.id),
                    param_of(x, g, p->d.d.id)},
             .max_rate = p->max_rate,
             .from = from,
             .n_cols = p->n_cols,
             .seed = seed,
             .draw_no = draw_no,
             .out = out};
    sc_pool_for(pool, n, draw_row, &w);
}

void sc_denoise_rows(const sc_denoiser *d, const sc_infer *x, int64_t from, int64_t n,
                     uint64_t seed, uint32_t draw_no, sc_pool *pool, float *out)
{
    const sc_built *g = sc_infer_net(x)->g;
    job w = {
        .x = x,
        .input = d->input,
        .is_denoised = true,
        .has_background = d->background != 0,
        .of = {param_of(x, g, d->mean), param_of(x, g, d->shape), param_of(x, g, d->background)},
        .factor = d->factor,
        .from = from,
        .n_cols = d->n_cols,
        .seed = seed,
        .draw_no = draw_no,
        .out = out};
    sc_pool_for(pool, n, draw_row, &w);
}
