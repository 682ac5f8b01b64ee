/* A vector of weights' step of Adam, as torch has it: coupled decay, eps after the bias correction.
 */
#ifndef SC_ISA_ADAM_H
#define SC_ISA_ADAM_H

#include "sc_kernels.h"
#include "vec.h"

typedef struct adam {
    vf one_minus1, one_minus2, beta2, decay, eps, step, correct2;
} adam;

static inline adam adam_of(const sc_adam_args *a)
{
    return (adam){v_set(1.0f - a->beta1),   v_set(1.0f - a->beta2), v_set(a->beta2),
                  v_set(a->weight_decay),   v_set(a->eps),          v_set(-(a->lr / a->correct1)),
                  v_set(1.0f / a->correct2)};
}

/* Returns the gradient times 0, which is 0 for what is finite and NaN otherwise. */
static inline vf adam_move(const adam *s, vf *p, vf *m, vf *v, vf grad)
{
    const vf g = v_fma(s->decay, *p, grad);
    *m = v_fma(s->one_minus1, g - *m, *m);
    const vf gg = g * g;
    *v = v_fma(s->one_minus2, gg, s->beta2 * *v);
    *p = v_fma(s->step, *m / v_fma(v_sqrt(*v), s->correct2, s->eps), *p);
    return grad * v_set(0);
}

static inline vf adam_one(const adam *s, float *p, float *m, float *v, vf grad)
{
    vf vp = v_load(p), mean = v_load(m), square = v_load(v);
    const vf bad = adam_move(s, &vp, &mean, &square, grad);
    v_store(p, vp);
    v_store(m, mean);
    v_store(v, square);
    return bad;
}

/* The first n lanes. */
static inline vf adam_part(const adam *s, int64_t n, float *p, float *m, float *v, vf grad)
{
    vf vp = v_load_part(p, n, 0), mean = v_load_part(m, n, 0), square = v_load_part(v, n, 0);
    const vf bad = adam_move(s, &vp, &mean, &square, grad);
    v_store_part(p, n, vp);
    v_store_part(m, n, mean);
    v_store_part(v, n, square);
    return bad;
}

#endif
