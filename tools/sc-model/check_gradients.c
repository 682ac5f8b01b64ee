/* A plugin's gradients, in double, against differences of its loss. */
#include "check.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct probe {
    const sc_net *net;
    sc_exec_f64 *e;
    sc_plan plan;
    sc_run run;
    int group;
    double loss;
    bool *is_behind; /* by weight: a stop_gradient stands between it and the loss */
} probe;

static sc_status loss_of(const probe *p, double *loss, sc_err *err)
{
    SC_TRY(sc_exec_forward_f64(p->e, &p->plan, &p->run, err));
    *loss = sc_exec_loss_f64(p->e, &p->plan, &p->run, p->group);
    return SC_OK;
}

static sc_status difference(const probe *p, int64_t k, double step, double *out, sc_err *err)
{
    double *w = sc_exec_weights_f64(p->e), up, down;
    const double at = w[k];
    w[k] = at + step;
    SC_TRY(loss_of(p, &up, err));
    w[k] = at - step;
    SC_TRY(loss_of(p, &down, err));
    w[k] = at;
    *out = (up - down) / (2 * step);
    return SC_OK;
}

/* Whether rounding and truncation can explain the distance. Short steps, where rounding is most of
 * it, speak for gradients that are large enough only. */
static bool is_near(double gradient, double diff, double loss, double step)
{
    const double size = fmax(fabs(gradient), fabs(diff)), rounding = 2e-15 / step * (1 + loss);
    return fabs(gradient - diff) <=
           1e-6 * size + (step < 5e-7 ? fmin(rounding, 1e-4 * size) : rounding);
}

static sc_status compare(const probe *p, const double *gradients, const sc_gweight *w, int64_t k,
                         sc_err *err)
{
    static const double steps[] = {1e-4, 1e-5, 1e-6,
                                   1e-7, 1e-8, 3e-9}; /* a kink may lie within the longer ones */
    const double gradient = gradients[w->offset + k];
    double d = 0;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        SC_TRY(difference(p, w->offset + k, steps[i], &d, err));
        if (is_near(gradient, d, fabs(p->loss), steps[i]))
            return SC_OK;
    }
    return sc_fail(err, SC_EPLUGIN,
                   "the gradient by element %" PRId64
                   " of weight '%s' is %.9g, the difference of the loss %.9g",
                   k, w->name, gradient, d);
}

static sc_status compare_group(check *c, const probe *p, int n_each, sc_err *err)
{
    const sc_built *g = p->net->g;
    double *gradients = NULL;
    SC_TRY(sc_alloc(&gradients, (size_t)g->n_params, sizeof *gradients, err));
    sc_exec_backward_f64(p->e, &p->plan, &p->run, p->group);
    memcpy(gradients, sc_exec_gradients_f64(p->e), (size_t)g->n_params * sizeof *gradients);
    sc_status st = SC_OK;
    for (int i = 0; st == SC_OK && i < g->n_weights; i++) {
        const sc_gweight *w = &g->weights[i];
        const int64_t n = w->rows * w->cols, step = n > n_each ? n / n_each : 1;
        if (!p->plan.moves[p->group][i] || p->is_behind[i]) {
            c->n_stopped += p->is_behind[i] && p->plan.moves[p->group][i];
            continue;
        }
        for (int64_t k = 0; st == SC_OK && k < n; k += step, c->n_gradients++)
            st = compare(p, gradients, w, k, err);
    }
    free(gradients);
    return st;
}

/* Differences see through a stop_gradient, so they say nothing about what stands behind one. */
static sc_status find_stopped(probe *p, sc_err *err)
{
    const sc_built *g = p->net->g;
    bool *need = NULL, *behind = NULL;
    sc_status st = sc_alloc(&need, (size_t)g->n_nodes, sizeof *need, err);
    if (st == SC_OK)
        st = sc_alloc(&behind, (size_t)g->n_nodes, sizeof *behind, err);
    if (st == SC_OK)
        st = sc_alloc(&p->is_behind, (size_t)g->n_weights, sizeof *p->is_behind, err);
    for (int t = 0; st == SC_OK && t < g->n_terms; t++)
        need[g->terms[t].node] |= p->plan.term_on[t] && g->terms[t].spec.group == p->group;
    for (int i = g->n_nodes - 1; st == SC_OK && i > 0; i--) {
        const sc_gnode *n = &g->nodes[i];
        const bool stops = behind[i] || (need[i] && n->op == SC_OP_STOP_GRADIENT);
        for (int k = 0; k < n->n_in; k++) {
            need[n->in[k]] |= need[i];
            behind[n->in[k]] |= stops;
        }
        const bool is_norm = n->op == SC_OP_BATCH_NORM, is_linear = n->op == SC_OP_LINEAR;
        if (behind[i] && (is_norm || is_linear || n->op == SC_OP_WEIGHT))
            p->is_behind[n->weight] = true;
        if (behind[i] && is_norm)
            p->is_behind[n->weight + 1] = true;
        if (behind[i] && is_linear && n->bias >= 0)
            p->is_behind[n->bias] = true;
    }
    free(need);
    free(behind);
    return st;
}

static sc_status probe_streams(check *c, const sc_net *net, unsigned streams, int n_each,
                               sc_err *err)
{
    const sc_mini mini = check_mini(&c->cells, net, 0, 13);
    probe p = {
        .net = net,
        .run = {.train = true, .draw = SC_DRAW_SAMPLE, .seed = 3, .epoch = 2, .kl_weight = 0.7}};
    sc_status st;
    for (unsigned s = 0; s < SC_N_STREAMS; s++)
        p.run.mini[s] = streams >> s & 1U ? &mini : NULL;
    SC_TRY(sc_exec_new_f64(&p.e, net->g, mini.n, true, c->pool, sc_kernels_get(NULL), err));
    for (int64_t k = 0; k < net->g->n_params; k++)
        sc_exec_weights_f64(p.e)[k] = (double)net->weights[k];
    SC_GOTO(st,
            sc_plan_make(&p.plan, net->g, streams, SC_PLAN_TERMS | SC_PLAN_KEEPS | SC_PLAN_BACKWARD,
                         NULL, 0, err),
            out);
    for (p.group = 0; p.group < net->g->n_groups; p.group++) {
        free(p.is_behind);
        p.is_behind = NULL;
        SC_GOTO(st, find_stopped(&p, err), out);
        SC_GOTO(st, loss_of(&p, &p.loss, err), out);
        if (!isfinite(p.loss)) {
            st = sc_fail(err, SC_EPLUGIN, "the loss of made-up cells is not finite");
            goto out;
        }
        SC_GOTO(st, compare_group(c, &p, n_each, err), out);
    }
out:
    free(p.is_behind);
    sc_plan_free(&p.plan);
    sc_exec_free_f64(p.e);
    return st;
}

sc_status check_gradients(check *c, const sc_net *net, int n_each, sc_err *err)
{
    const unsigned streams = check_streams(net);
    if (net->g->schedule == SC_STEP_JOINT)
        return probe_streams(c, net, streams, n_each, err);
    for (unsigned s = SC_ROWS_LABELLED; s < SC_N_STREAMS; s++)
        if (streams >> s & 1U)
            SC_TRY(probe_streams(c, net, 1U << s, n_each, err));
    return SC_OK;
}
