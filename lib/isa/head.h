/* What the two files of a decoder's head share: head.c has the formulas, head_counts.c the counts.
 */
#ifndef SC_ISA_HEAD_H
#define SC_ISA_HEAD_H

#include "isa.h"
#include "vmath.h"

/*
 * Few chains of operations fit into what the CPU looks ahead: QUAD vectors go through each step
 * together.
 */
enum { QUAD = 4 };
#define EACH _Pragma("GCC unroll 8") for (int i = 0; i < QUAD; i++)

typedef struct head {
    const float *theta, *inverse, *logit; /* inverse: 1 / (theta + eps) */
    float *e, *d_logits, *d_theta, *d_logit;
    float to_mu, scale; /* e times to_mu is mu */
    const sc_head_row *row;
    int64_t first; /* the gene where theta and the others begin */
} head;

typedef struct sums {
    vd loglik[2];
    vf product, dot, twos; /* twos: exponents too, whole numbers */
    vi exponent;
    int64_t n_marked; /* stored entries whose genes are behind us */
} sums;

/* x = 2^e m with 1 <= m < 2 for normal x > 0; m is returned and e added */
static inline vf split(vf x, vi *exponent)
{
    const vi bits = v_bits(x);
    *exponent = (vi)((vu)*exponent + (vu)((bits >> 23) - 127));
    return v_floats((bits & 0x7fffff) | 0x3f800000);
}

/* All stored entries: what their counts change. */
void SC_NAME(head_counts)(const head *o, sums *s);

#endif
