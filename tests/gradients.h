/*
 * For tests of gradients: those of the double executor against central differences of its loss, on
 * the cells of tiny.h.
 */
#ifndef TESTS_GRADIENTS_H
#define TESTS_GRADIENTS_H

#include "tiny.h"

static tiny data;
static float noise[TINY_ROWS * 3 * 64];

/* Whether rounding and truncation can explain the distance: differences of a loss of size `loss`
 * over steps of 1e-5. */
static bool is_near(double gradient, double difference, double loss)
{
    return fabs(gradient - difference) <=
           1e-6 * fmax(fabs(gradient), fabs(difference)) + 2e-10 * (1 + fabs(loss));
}

static double loss_of(sc_exec_f64 *e, const sc_plan *p, const sc_run *run)
{
    sc_err err = {0};
    assert_int_equal(sc_exec_forward_f64(e, p, run, &err), SC_OK);
    return sc_exec_loss_f64(e, p, run, 0);
}

/* Richardson's central difference by weight k: exact to step^4, so that it may be large. */
static double difference(sc_exec_f64 *e, const sc_plan *p, const sc_run *run, int64_t k,
                         double step)
{
    double *w = sc_exec_weights_f64(e), d[2];
    const double at = w[k];
    for (int i = 0; i < 2; i++) {
        const double h = i ? step / 2 : step;
        w[k] = at + h;
        const double up = loss_of(e, p, run);
        w[k] = at - h;
        d[i] = (up - loss_of(e, p, run)) / (2 * h);
    }
    w[k] = at;
    return (4 * d[1] - d[0]) / 3;
}

/* Up to n_each elements of each weight, spread over it. */
static void compare_gradients(const char *what, const sc_built *g, sc_exec_f64 *e, const sc_plan *p,
                              const sc_run *run, int64_t n_each)
{
    const double loss = loss_of(e, p, run);
    if (!isfinite(loss))
        fail_msg("%s: the loss is not finite", what);
    sc_exec_backward_f64(e, p, run, 0);
    double *grad = calloc((size_t)g->n_params, sizeof *grad);
    memcpy(grad, sc_exec_gradients_f64(e), (size_t)g->n_params * sizeof *grad);
    for (int i = 0; i < g->n_weights; i++) {
        const sc_gweight *w = &g->weights[i];
        const int64_t n = w->rows * w->cols, step = n > n_each ? n / n_each : 1;
        for (int64_t k = w->offset; k < w->offset + n && w->is_trained; k += step) {
            double d = difference(e, p, run, k, 1e-4);
            if (!is_near(grad[k], d, loss)) /* a small variance bends the loss sharply */
                d = difference(e, p, run, k, 1e-5);
            if (!is_near(grad[k], d, loss))
                fail_msg("%s: gradient by '%s'[%lld] is %.9g, the difference %.9g", what, w->name,
                         (long long)(k - w->offset), grad[k], d);
        }
    }
    free(grad);
}

/* streams: bits of sc_rowset; the cells are those of each. */
static inline void check_streams(const char *what, const sc_built *g, const float *weights,
                                 unsigned streams, sc_draw draw, bool train, int64_t n_each)
{
    sc_pool *pool = NULL;
    sc_exec_f64 *e = NULL;
    sc_plan p;
    sc_err err = {0};
    const sc_mini mini = tiny_mini(&data);
    sc_run run = {.train = train, .draw = draw, .seed = 3, .epoch = 2, .kl_weight = 0.7};
    for (unsigned s = 0; s < SC_N_STREAMS; s++)
        run.mini[s] = streams >> s & 1 ? &mini : NULL;
    for (int i = 0; i < 16; i++)
        run.noise[i] = noise;
    assert_int_equal(sc_pool_new(&pool, 1, &err), SC_OK);
    assert_int_equal(sc_exec_new_f64(&e, g, TINY_ROWS, true, pool, sc_kernels_get(NULL), &err),
                     SC_OK);
    for (int64_t k = 0; k < g->n_params; k++)
        sc_exec_weights_f64(e)[k] = (double)weights[k];
    assert_int_equal(sc_plan_make(&p, g, streams, SC_PLAN_TERMS | SC_PLAN_KEEPS | SC_PLAN_BACKWARD,
                                  NULL, 0, &err),
                     SC_OK);
    compare_gradients(what, g, e, &p, &run, n_each);
    sc_plan_free(&p);
    sc_exec_free_f64(e);
    sc_pool_free(pool);
}

static inline void check_graph(const char *what, const sc_built *g, const float *weights,
                               sc_draw draw, bool train, int64_t n_each)
{
    check_streams(what, g, weights, 1U << SC_ROWS_ALL, draw, train, n_each);
}

static int prepare(void **state)
{
    (void)state;
    uint64_t s = 77;
    tiny_fill(&data);
    for (size_t i = 0; i < sizeof noise / sizeof *noise; i++)
        noise[i] = (float)(2 * (tiny_uniform(&s) + tiny_uniform(&s) - 1));
    return 0;
}

#endif
