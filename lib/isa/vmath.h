/*
 * exp, log and their kin on vectors. Range reduction is the usual one; the polynomials were fitted
 * (Lawson's weighted least squares, relative error) for these intervals; test_kernels measures the
 * error of each function.
 */
#ifndef SC_ISA_VMATH_H
#define SC_ISA_VMATH_H

#include "vec.h"

/* (exp(r) - 1 - r) / r^2 for |r| <= log(2) / 2, from the highest power on */
static const float v_exp_series[5] = {0x1.6db4e8p-10f, 0x1.123be0p-7f, 0x1.55545ep-5f,
                                      0x1.55548ep-3f, 0.5f};

/* x = n log 2 + r with |r| <= log(2) / 2; expm1(r) is returned and n given as an integer. |x| must
 * be below 2^21. */
static inline vf v_exp_reduce(vf x, vi *n)
{
    const vf magic = v_set(0x1.8p23f); /* adding it rounds to the nearest integer */
    const vf t = v_fma(x, v_set(0x1.715476p0f), magic);
    const vf k = t - magic;
    vf r = v_fma(k, v_set(-0x1.62e400p-1f), x);
    r = v_fma(k, v_set(-0x1.7f7d1cp-20f), r);
    vf q = v_set(v_exp_series[0]);
    for (int c = 1; c < 5; c++)
        q = v_fma(q, r, v_set(v_exp_series[c]));
    *n = (vi)((vu)t - (vu)magic);
    return v_fma(q, r * r, r);
}

static inline vf v_pow2(vi n) /* -126 <= n <= 127 */
{
    return (vf)(((vu)n + 127) << 23);
}

/* For every x; 0 below -104, infinity above 88.72, NaN for NaN. */
static inline vf v_exp(vf x)
{
    vi n;
    const vf inside = v_min(v_set(89), v_max(v_set(-104), x)); /* keeps NaN */
    const vf e = v_exp_reduce(inside, &n);
    const vi half = n >> 1; /* in two steps: 2^n alone may lie outside the range of a float */
    const vf s = v_pow2(half);
    return v_fma(e, s, s) * v_pow2((vi)((vu)n - (vu)half));
}

/* exp(x) and exp(x) - 1 for x <= 0; below -87 as for -87 */
static inline vf v_exp_neg(vf x, vf *minus1)
{
    vi n;
    const vf e = v_exp_reduce(v_max(v_set(-87), x), &n);
    const vf s = v_pow2(n);
    *minus1 = v_fma(e, s, s - 1.0f);
    return v_fma(e, s, s);
}

/* (log(1 + f) - f + f^2 / 2) / f^3 for sqrt(1/2) <= 1 + f < sqrt(2), from the highest power on */
static const float v_log_series[8] = {-0.07634497f, 0.12761582f, -0.13160185f, 0.14201757f,
                                      -0.16623357f, 0.20001227f, -0.25000821f, 0.33333332f};

/* log(u) + c / u for normal u > 0 and |c| below half an ulp of u; cu is c / u */
static inline vf v_log_fix(vf u, vf cu)
{
    const vu bits = (vu)u - 0x3f3504f3; /* sqrt(1/2) */
    const vi e = (vi)bits >> 23;
    const vf f = (vf)((bits & 0x7fffff) + 0x3f3504f3) - 1.0f;
    const vf ef = __builtin_convertvector(e, vf);
    const vf f2 = f * f;
    vf q = v_set(v_log_series[0]);
    for (int c = 1; c < 8; c++)
        q = v_fma(q, f, v_set(v_log_series[c]));
    vf y = v_fma(q * f, f2, v_fma(ef, v_set(-2.12194440e-4f), cu));
    y = v_fma(f2, v_set(-0.5f), y);
    y = y + f;
    return v_fma(ef, v_set(0.693359375f), y);
}

/* For u > 0, normal and finite. */
static inline vf v_log_normal(vf u)
{
    return v_log_fix(u, v_set(0));
}

/* For every x; NaN below 0, -infinity at 0. */
static inline vf v_log(vf x)
{
    const vm tiny = v_lt(x, v_set(0x1p-126f));
    vf y = v_log_normal(v_select(tiny, x * 0x1p24f, x));
    y = v_select(tiny, y - 16.635532f, y);
    y = v_select(v_eq(x, v_set(0)), v_set(-INFINITY), y);
    y = v_select(v_not_ge(x, v_set(0)), v_set(NAN), y);
    return v_select(v_eq(x, v_set(INFINITY)), x, y);
}

/* For finite x > -1 with a normal 1 + x, where iu is about 1 / (1 + x). */
static inline vf v_log1p_over(vf x, vf iu)
{
    const vf u = x + 1.0f;
    /* what the sum lost, exactly: the smaller of the two terms bears the loss */
    const vf lost = v_select(v_lt(v_abs(x), v_set(1)), x - (u - 1.0f), 1.0f - (u - x));
    return v_log_fix(u, lost * iu);
}

static inline vf v_log1p_finite(vf x)
{
    return v_log1p_over(x, 1.0f / (x + 1.0f));
}

/* For every x; NaN below -1, -infinity at -1. */
static inline vf v_log1p(vf x)
{
    vf y = v_log1p_finite(x);
    y = v_select(v_eq(x, v_set(-1)), v_set(-INFINITY), y);
    y = v_select(v_not_ge(x, v_set(-1)), v_set(NAN), y);
    y = v_select(v_eq(x, v_set(INFINITY)), x, y);
    return v_select(v_lt(v_abs(x), v_set(0x1p-30f)), x, y); /* and the sign of zero */
}

static inline vf v_sigmoid(vf x)
{
    const vf one = v_set(1), e = v_exp(-v_abs(x)); /* at most 1: its error is not made larger */
    return v_select(v_lt(x, v_set(0)), e, one) / (one + e);
}

static inline vf v_softplus(vf x)
{
    const vf y = v_max(v_set(0), x) + v_log1p_finite(v_exp(-v_abs(x)));
    return v_select(v_eq(x, x), y, x); /* NaN stays */
}

/* What the series of lgamma and of its derivative psi have behind their logs: the difference
 * between b = a + x and a, from 4 on; ia is 1 / a, ib 1 / b. */
static inline vf v_stirling_diff(vf x, vf ia, vf ib, vf *dpsi)
{
    const vf ia2 = ia * ia, ib2 = ib * ib;
    const vf ca = v_fma(v_fma(ia2, v_set(1.0f / 1260), v_set(-1.0f / 360)), ia2, v_set(1.0f / 12));
    const vf cb = v_fma(v_fma(ib2, v_set(1.0f / 1260), v_set(-1.0f / 360)), ib2, v_set(1.0f / 12));
    const vf sa = v_fma(v_fma(ia2, v_set(1.0f / 252), v_set(-1.0f / 120)), ia2, v_set(1.0f / 12));
    const vf sb = v_fma(v_fma(ib2, v_set(1.0f / 252), v_set(-1.0f / 120)), ib2, v_set(1.0f / 12));
    /* psi(z) = log z - 1/2z - 1/12z^2 + 1/120z^4 - 1/252z^6 */
    *dpsi = v_fma(0.5f * x, ia * ib, sa * ia2 - sb * ib2);
    return cb * ib - ca * ia;
}

/* As sc_kernels.h has it, for x and theta below 1e9. */
static inline vf v_lgamma_diff(vf x, vf theta, vf *dpsi)
{
    /* Stirling's series is good from 4 on; below, the recurrence goes up by 4 */
    const vm is_zero = v_eq(x, v_set(0)), small = v_lt(theta, v_set(4));
    const vf a = v_select(small, theta + 4.0f, theta), b = a + x;
    const vf iab = 1.0f / (a * b), ia = iab * b, ib = iab * a;

    /* (b - 1/2) log b - b - (a - 1/2) log a + a, without the cancellation */
    const vf l = v_log1p_over(x * ia, a * ib);
    vf y = v_fma(x, v_log_normal(b) - 1.0f, (a - 0.5f) * l);
    vf d;
    y = y + v_stirling_diff(x, ia, ib, &d);

    const vf t1 = theta + 1.0f, t2 = theta + 2.0f, t3 = theta + 3.0f;
    const vf z0 = theta + x, z1 = t1 + x, z2 = t2 + x, z3 = t3 + x;
    /* 1/t_i - 1/z_i = x / (t_i z_i): a sum of positive terms */
    const vf d0 = theta * z0, d1 = t1 * z1, d2 = t2 * z2, d3 = t3 * z3;
    const vf i01 = 1.0f / (d0 * d1), i23 = 1.0f / (d2 * d3);
    const vf i1 = i01 * d0, i2 = i23 * d3, i3 = i23 * d2;
    const vf ratio = z0 * (z1 * z1 * i1) * (z2 * z2 * i2) * (z3 * z3 * i3);
    const vf shift = v_log_normal(v_select(small, ratio, v_set(1))) -
                     v_log_normal(v_select(small, theta, v_set(1)));
    y = y - v_select(small, shift, v_set(0));

    if (dpsi) {
        d = l + d;
        d = d + v_select(small, x * (i01 * (d0 + d1) + i23 * (d2 + d3)), v_set(0));
        *dpsi = v_select(is_zero, v_set(0), d);
    }
    return v_select(is_zero, v_set(0), y);
}

#endif
