#include "../ops/op.h"

/* Weights between the executor's storage and the layout of saved tensors. */

void SC_R(sc_exec_import)(ex *e, int weight, const float *from)
{
    const sc_gweight *w = &e->g->weights[weight];
    real *to = e->w + w->offset;
    for (int64_t r = 0; r < w->rows; r++)
        for (int64_t c = 0; c < w->cols; c++)
            to[w->kind == SC_W_LINEAR ? c * w->rows + r : r * w->cols + c] =
                (real)from[r * w->cols + c];
}

void SC_R(sc_exec_export)(const real *flat, const sc_built *g, int weight, float *to)
{
    const sc_gweight *w = &g->weights[weight];
    const real *from = flat + w->offset;
    for (int64_t r = 0; r < w->rows; r++)
        for (int64_t c = 0; c < w->cols; c++)
            to[r * w->cols + c] =
                (float)from[w->kind == SC_W_LINEAR ? c * w->rows + r : r * w->cols + c];
}
