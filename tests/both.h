/* The float executor against the one in double. */
#ifndef TESTS_BOTH_H
#define TESTS_BOTH_H

#include "tiny.h"

/* Weights that training moves by itself: the statistics of batch norms. */
static inline void both_compare_statistics(const char *what, const sc_built *g, const float *f32,
                                           const double *f64)
{
    for (int i = 0; i < g->n_weights; i++) {
        const sc_gweight *w = &g->weights[i];
        const bool moves =
            w->kind == SC_W_BN_MEAN || w->kind == SC_W_BN_VAR || w->kind == SC_W_BN_COUNT;
        for (int64_t k = w->offset; k < w->offset + w->rows * w->cols && moves; k++)
            if (fabs((double)f32[k] - f64[k]) > 1e-6 * fmax(1, fabs(f64[k])))
                fail_msg("%s: '%s'[%lld] is %.9g, in double %.9g", what, w->name,
                         (long long)(k - w->offset), (double)f32[k], f64[k]);
    }
}

static inline void both_compare_gradients(const char *what, const sc_built *g, const float *f32,
                                          const double *f64)
{
    for (int i = 0; i < g->n_weights; i++) {
        const sc_gweight *w = &g->weights[i];
        const bool no_effect = w->kind == SC_W_BIAS; /* before a batch norm: rounding is all */
        double size = no_effect ? 1 : 0;
        for (int64_t k = w->offset; k < w->offset + w->rows * w->cols; k++)
            size = fmax(size, fabs(f64[k]));
        for (int64_t k = w->offset; k < w->offset + w->rows * w->cols && w->is_trained; k++)
            if (fabs((double)f32[k] - f64[k]) > 2e-5 * size + 1e-7)
                fail_msg("%s: gradient by '%s'[%lld] is %.9g, in double %.9g", what, w->name,
                         (long long)(k - w->offset), (double)f32[k], f64[k]);
    }
}

#endif
